"""The register: every order by its number and by its client's name, order lists, and who traded what.

It is the fold of commands, notes and events and of nothing else; the same code runs live and in recovery. The core forgets an
order when it ends; the register keeps it, up to a bound for each account and book, oldest first out.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from polaris.exchange import words as w
from polaris.exchange.gateway.hearing import Answer, Hearing, Tell
from polaris.exchange.gateway.note import Notes
from polaris.exchange.gateway.orders import (
    CANCELED,
    ENDED,
    EXPIRED,
    EXPIRED_IN_MATCH,
    FILLED,
    LEGS,
    NAMES_LIST,
    NEW,
    PARTIALLY_FILLED,
    PENDING_NEW,
    ROLES,
    STARTED,
    Amendment,
    Change,
    Order,
    OrderList,
    Prevented,
    Trade,
)
from polaris.exchange.listing import Rules
from polaris.exchange.words import Commands, Events

HISTORY: Final = 5_000  # ended orders, and trades, kept for each account and book
FOLLOWS: Final = frozenset({w.OCO_SECOND, w.OTO_PENDING, w.OTOCO_FIRST, w.OTOCO_SECOND})  # roles of legs behind a list's first
LISTS: Final = 1_000  # lists, and prevented matches, kept for each account


class Event(NamedTuple):
    """An event's fields as plain integers (words.EVENT)."""

    kind: int
    reason: int
    flags: int
    side: int
    book: int
    order_id: int
    maker_id: int
    price: int
    quantity: int
    leaves: int
    maker_leaves: int
    seq: int
    account: int
    maker_account: int
    fee: int
    maker_fee: int
    ts: int


class Command(NamedTuple):
    """A command's fields as plain integers (words.COMMAND)."""

    operation: int
    order_type: int
    time_in_force: int
    side: int
    book: int
    order_id: int
    price: int
    quantity: int
    trigger: int
    display: int
    account: int
    prevention: int
    flags: int
    role: int
    reserved: bytes
    seq: int


class Said(NamedTuple):
    """A note's fields (note.NOTE)."""

    received: int
    number: int
    client_id: bytes
    session: int
    list_id: int
    origin: int
    kind: int
    reserved: bytes


class Owner:
    """What one account has in the register."""

    __slots__ = ("ended", "lists", "lists_by_name", "names", "open", "orders", "prevented", "trades")

    def __init__(self) -> None:
        self.open: dict[int, Order] = {}  # alive, in the order they came
        self.orders: dict[int, dict[int, Order]] = {}  # book -> number -> alive and ended
        self.ended: dict[int, deque[Order]] = {}  # book -> in the order they ended
        self.names: dict[str, Order] = {}  # client id -> the last order of that name
        self.trades: dict[int, deque[Trade]] = {}  # book -> in the order they happened
        self.lists: dict[int, OrderList] = {}
        self.lists_by_name: dict[str, OrderList] = {}
        self.prevented: deque[Prevented] = deque(maxlen=LISTS)


class Register:
    """Orders, trades and lists of every account.

    silent   accounts whose orders nobody asks for again (house traders): they are not kept
    history  ended orders, and trades, kept for each account and book
    """

    def __init__(self, rules: Rules, silent: Iterable[int] = (), history: int = HISTORY) -> None:
        self.rules = rules
        self.history = history
        self.owners: dict[int, Owner] = {}
        self.trade_ids = np.zeros(len(rules.listings), np.int64)  # of each book the last one
        self.last_order = 0
        self.last_list = 0
        self.last_session = 0
        self.last_prevented = 0
        self.executions = 0  # changes so far: an execution's number
        self._kept = np.ones(rules.accounts, np.bool_)
        self._kept[[0, *silent]] = False  # 0: the house, and the maker of an event that has none
        self._orders: dict[int, Order] = {}  # alive, of all accounts
        self._list_names: dict[int, str] = {}  # of lists announced, not accepted yet
        self._taking: tuple[int, ...] = ()  # the order that came last, or those of its list: who trades next is the first of its account

    # what is asked

    def owner(self, account: int) -> Owner:
        """What an account has; made where it has nothing yet."""
        owner = self.owners.get(account)
        if owner is None:
            owner = self.owners[account] = Owner()
        return owner

    def order(self, account: int, book: int, order_id: int) -> Order | None:
        """An account's order by its number."""
        owner = self.owners.get(account)
        return owner.orders.get(book, {}).get(order_id) if owner is not None else None

    def named(self, account: int, client_id: str) -> Order | None:
        """An account's last order of this name."""
        owner = self.owners.get(account)
        return owner.names.get(client_id) if owner is not None else None

    def alive(self, order_id: int) -> Order | None:
        """An order that lives."""
        return self._orders.get(order_id)

    def open(self, account: int, book: int = -1) -> list[Order]:
        """An account's orders that live, of one book or all, in the order they came."""
        owner = self.owners.get(account)
        return [order for order in owner.open.values() if book in (-1, order.book)] if owner is not None else []

    # what a snapshot keeps beside the owners

    def announced(self) -> dict[int, str]:
        """Names of lists whose legs were not accepted (yet)."""
        return self._list_names

    def announce(self, names: dict[int, str]) -> None:
        """Know such names again."""
        self._list_names = names

    def revive(self, owner: Owner) -> None:
        """Know the orders of this owner that live."""
        self._orders.update(owner.open)

    # the fold

    def fold(self, commands: Commands, notes: Notes, events: Events, tell: Tell | None = None, answers: Iterable[Answer] = ()) -> None:
        """Take what the core did. Whoever hears of a command finds every order as this command left it.

        commands, notes  COMMAND[n], NOTE[n]
        events           EVENT[m], of these commands
        tell             hears after each command what changed for every account it touched
        answers          (first seq, last seq, answer), ascending: `answer` hears what these commands changed for the account that asked
        """
        if len(commands):
            self.last_order = max(self.last_order, int((commands["order_id"] * (commands["operation"] == w.SUBMIT)).max()))
            self.last_list = max(self.last_list, int(notes["list_id"].max()))
            self.last_session = max(self.last_session, int(notes["session"].max()))
            for at in np.flatnonzero(notes["kind"] == NAMES_LIST).tolist():
                self._list_names[int(notes["list_id"][at])] = notes["client_id"][at].decode()
        trades = self._number(events)
        rows = np.flatnonzero(self._kept[events["account"]] | self._kept[events["maker_account"]])
        of_interest = [Event._make(event) for event in events[rows].tolist()]
        ids = trades[rows].tolist()
        seqs = np.unique(events["seq"][rows])  # events of a list's legs may go back to the first's
        places = seqs - (commands["seq"][0] if len(commands) else 0)
        asked = dict(zip(seqs.tolist(), zip(commands[places].tolist(), notes[places].tolist(), strict=True), strict=True))
        now, hearing = -1, Hearing(tell, answers)
        for place, event in enumerate(of_interest):
            if event.seq != now:
                hearing.over(event.seq)
                now, said = event.seq, asked[event.seq]
                command, note = Command._make(said[0]), Said._make(said[1])
            following = of_interest[place + 1] if place + 1 < len(of_interest) else None
            for account, change in self._take(event, following, ids[place], command, note):
                self.executions += 1
                change.settle(self.executions)
                hearing.add(account, change, command.account == account or command.account == 0)
        hearing.over(None)

    def _number(self, events: Events) -> npt.NDArray[np.int64]:
        """int64[m]: the trade id of every event that is a fill, dense in each book."""
        ids = np.zeros(len(events), np.int64)
        rows = np.flatnonzero(events["kind"] == w.FILL)
        if len(rows):
            books = events["book"][rows]
            for book in np.unique(books).tolist():
                of_book = rows[books == book]
                start = int(self.trade_ids[book])
                ids[of_book] = np.arange(start + 1, start + 1 + len(of_book))
                self.trade_ids[book] = start + len(of_book)
        return ids

    def _take(self, event: Event, following: Event | None, trade_id: int, command: Command, note: Said) -> list[tuple[int, Change]]:
        """What one event does: (account, change of one of its orders)."""
        match event.kind:
            case w.ACCEPTED:
                changes = [self._accept(event, command, note)]
            case w.REJECTED:
                self._list_names.pop(note.list_id, None)
                return [(event.account, Change(w.REJECTED, event.reason, event.order_id, None, event.ts, event.quantity))]
            case w.FILL:
                changes = self._fill(event, following, trade_id)
            case w.PREVENTED:
                changes = self._prevent(event)
            case w.CANCELLED | w.EXPIRED:
                changes = self._end(event, command, note)
            case w.AMENDED:
                changes = self._amend(event, note)
            case w.TRIGGERED | w.ACTIVATED:
                changes = self._enter(event)
            case _:
                changes = []
        return [(change.order.account, change) for change in changes if change.order is not None]

    def _accept(self, event: Event, command: Command, note: Said) -> Change:
        """A new order of the register. Orders of accounts that are not kept come here too, where they met one that is: never as the first event."""
        order = Order(
            event.order_id, event.account, event.book, event.side, command.order_type, command.time_in_force, command.price, command.quantity,
            command.trigger, command.display, command.prevention, command.flags, note.client_id.decode(), note.number, note.session, event.ts,
        )  # fmt: skip
        self._taking = (*self._taking, event.order_id) if command.role in FOLLOWS else (event.order_id,)
        pending = event.flags & w.PENDING
        if pending:
            order.state = PENDING_NEW
        elif command.order_type < w.STOP:
            order.working = event.ts
        owner = self.owner(event.account)
        owner.open[order.order_id] = self._orders[order.order_id] = order
        owner.orders.setdefault(order.book, {})[order.order_id] = order
        owner.names[order.client_id] = order
        change = Change(w.ACCEPTED, 0, order.order_id, order, event.ts, event.quantity)
        if note.list_id and command.role in ROLES:
            change.of_list = self._join(owner, order, note.list_id, command.role, event.ts)
        return change

    def _join(self, owner: Owner, order: Order, list_id: int, role: int, ts: int) -> int:
        """Put an order into its list; STARTED with the last one."""
        orders = owner.lists.get(list_id)
        if orders is None:
            name = self._list_names.pop(list_id, "")
            orders = owner.lists[list_id] = OrderList(list_id, order.account, order.book, ROLES[role], name, ts)
            owner.lists_by_name[name] = orders
            if len(owner.lists) > LISTS:
                self._forget_list(owner)
        orders.orders.append(order)
        order.list = orders
        return STARTED if len(orders.orders) == LEGS[orders.kind] else 0

    def _fill(self, event: Event, following: Event | None, trade_id: int) -> list[Change]:
        """Both sides of a trade, the taker's first."""
        changes = []
        taker, maker = self._orders.get(event.order_id), self._orders.get(event.maker_id)
        spent = (
            taker is not None
            and taker.order_type == w.MARKET_AMOUNT
            and following is not None
            and (following.kind, following.order_id) == (w.EXPIRED, event.order_id)
            and following.quantity < event.price
        )  # what is left of the amount buys no lot: it is filled as well as it can be
        sides = ((taker, event.side, 0 if spent else event.leaves, event.fee, False), (maker, -event.side, event.maker_leaves, event.maker_fee, True))
        for order, side, leaves, fee, is_maker in sides:
            if order is None:
                continue
            order.executed += event.quantity
            order.paid += event.quantity * event.price
            order.updated = event.ts
            order.state = FILLED if leaves == 0 else PARTIALLY_FILLED
            trade = Trade(trade_id, order.order_id, event.book, side, event.price, event.quantity, fee, is_maker, event.ts)
            change = Change(w.FILL, 0, order.order_id, order, event.ts, event.quantity, trade=trade)
            self._keep_trade(order, trade)
            if leaves == 0:
                self._ended(order, change)
            changes.append(change)
        return changes

    def _prevent(self, event: Event) -> list[Change]:
        """Both orders shrink by what they would have traded with each other."""
        changes = []
        taker, maker = self._orders.get(event.order_id), self._orders.get(event.maker_id)
        self._note_prevented(event.ts, taker, maker, event.price, event.quantity)
        for order, leaves in ((taker, event.leaves), (maker, event.maker_leaves)):
            if order is None:
                continue
            order.prevented += event.quantity
            order.prevented_id = self.last_prevented
            order.updated = event.ts
            change = Change(w.PREVENTED, w.SELF_TRADE, order.order_id, order, event.ts, event.quantity)
            if leaves == 0:
                order.state = EXPIRED_IN_MATCH
                self._ended(order, change)
            changes.append(change)
        return changes

    def _end(self, event: Event, command: Command, note: Said) -> list[Change]:
        """An order was cancelled or expired."""
        order = self._orders.get(event.order_id)
        if order is None:
            return []  # of an account that is not kept, or filled as well as it could be
        change = Change(event.kind, event.reason, order.order_id, order, event.ts, event.quantity, former=order.client_id)
        asked = command.operation in (w.CANCEL, w.MASS_CANCEL)
        if event.kind == w.CANCELLED or (event.reason == w.LINKED and asked):
            change.kind = w.CANCELLED  # who cancels one order of a list cancels all of it
            order.state = CANCELED
            name = note.client_id.decode() if asked else ""
            if name:
                order.client_id = name
                self.owner(order.account).names[name] = order
        elif event.reason == w.SELF_TRADE:
            order.state = EXPIRED_IN_MATCH
            order.prevented += event.quantity
            self._note_met(order, event)
        else:
            order.state = EXPIRED
        order.updated = event.ts
        self._ended(order, change)
        return [change]

    def _amend(self, event: Event, note: Said) -> list[Change]:
        """An order has a new quantity, price or name."""
        order = self._orders.get(event.order_id)
        if order is None:
            return []
        self._taking = (event.order_id,)
        change = Change(w.AMENDED, 0, order.order_id, order, event.ts, event.quantity, former=order.client_id)
        before, order.quantity = order.quantity, event.quantity + order.executed + order.prevented
        order.price, order.updated = event.price, event.ts
        name = note.client_id.decode()
        if name and name != order.client_id:
            names = self.owner(order.account).names
            names.pop(order.client_id, None)
            order.client_id = name
            names[name] = order
        if order.amendments is None:
            order.amendments = []
        order.amendments.append(Amendment(self.executions + 1, before, order.quantity, change.former, order.client_id, event.ts))
        return [change]

    def _enter(self, event: Event) -> list[Change]:
        """A trigger was reached, or the order this one waited for is filled."""
        order = self._orders.get(event.order_id)
        if order is None:
            return []
        self._taking = (event.order_id,)
        order.state, order.updated = NEW, event.ts
        if event.kind == w.TRIGGERED or order.order_type < w.STOP:
            order.working = event.ts
        return [Change(event.kind, 0, order.order_id, order, event.ts, event.quantity)]

    # what is kept

    def _keep_trade(self, order: Order, trade: Trade) -> None:
        trades = self.owner(order.account).trades
        kept = trades.get(order.book)
        if kept is None:
            kept = trades[order.book] = deque(maxlen=self.history)
        kept.append(trade)

    def _note_prevented(self, ts: int, taker: Order | None, maker: Order | None, price: int, lots: int) -> None:
        self.last_prevented += 1
        if taker is not None and maker is not None:
            match = Prevented(self.last_prevented, maker.book, taker.order_id, maker.order_id, taker.prevention, price, lots, ts)
            self.owner(taker.account).prevented.append(match)

    def _note_met(self, order: Order, event: Event) -> None:
        """An order ended because it met its own account's: the one that rested; or the one that came, after the other where both end."""
        taker = next((each for each in map(self._orders.get, self._taking) if each is not None and each.account == order.account), None)
        if taker is not order:
            self._note_prevented(event.ts, taker, order, order.price, event.quantity)
        elif order.prevention == w.EXPIRE_TAKER:
            maker = self._first_met(order)
            self._note_prevented(event.ts, order, maker, maker.price if maker is not None else order.price, event.quantity)
        order.prevented_id = self.last_prevented

    def _first_met(self, taker: Order) -> Order | None:
        """The order of its own account that one meets first: the best priced, of several the one that came first."""
        resting = [order for order in self.open(taker.account, taker.book) if order.side != taker.side and order.working]
        return min(resting, key=lambda order: taker.side * order.price, default=None)

    def _ended(self, order: Order, change: Change) -> None:
        """An order lives no more: keep it for a while."""
        owner = self.owner(order.account)
        self._orders.pop(order.order_id, None)
        owner.open.pop(order.order_id, None)
        ended = owner.ended.setdefault(order.book, deque())
        ended.append(order)
        if len(ended) > self.history:
            oldest = ended.popleft()
            del owner.orders[oldest.book][oldest.order_id]
            for name in (oldest.client_id, oldest.first_id):
                if owner.names.get(name) is oldest:
                    del owner.names[name]
        orders = order.list
        if orders is not None and not any(leg.alive for leg in orders.orders):
            orders.done, orders.updated = True, change.ts
            change.of_list = ENDED

    def _forget_list(self, owner: Owner) -> None:
        for list_id, orders in owner.lists.items():
            if orders.done:
                del owner.lists[list_id]
                if owner.lists_by_name.get(orders.client_id) is orders:
                    del owner.lists_by_name[orders.client_id]
                return
