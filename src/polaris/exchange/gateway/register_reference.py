"""The register's plain truth: the same fold on Python's own objects, for a test that holds the compiled one against it.

What it knows is told as `known` tells it of either.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from polaris.exchange import words as w
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
    OCO,
    OTO,
    OTOCO,
    PARTIALLY_FILLED,
    PENDING_NEW,
    STARTED,
    STILL_PENDING,
)
from polaris.exchange.listing import Rules
from polaris.exchange.words import Commands, Events

KINDS: Final = {
    w.OCO_FIRST: OCO, w.OCO_SECOND: OCO, w.OTO_WORKING: OTO, w.OTO_PENDING: OTO, w.OTOCO_WORKING: OTOCO, w.OTOCO_FIRST: OTOCO, w.OTOCO_SECOND: OTOCO,
}  # fmt: skip
Told = tuple[Any, ...]


@dataclass(eq=False)
class Known:
    """One order."""

    order_id: int
    account: int
    book: int
    side: int
    order_type: int
    time_in_force: int
    price: int
    quantity: int
    trigger: int
    display: int
    prevention: int
    flags: int
    client_id: str
    number: int
    session: int
    created: int
    updated: int
    first_id: str = ""
    working: int = 0
    executed: int = 0
    paid: int = 0
    prevented: int = 0
    prevented_id: int = 0
    state: int = NEW
    expiry: int = 0
    list_id: int = 0
    amendments: list[Told] = field(default_factory=list)
    renamed: bool = False  # by an amendment

    @property
    def alive(self) -> bool:
        return self.state <= PARTIALLY_FILLED


@dataclass(eq=False)
class Legs:
    """One list."""

    list_id: int
    name: str
    account: int = 0
    book: int = 0
    kind: int = 0
    created: int = 0
    updated: int = 0
    done: bool = False
    legs: list[int] = field(default_factory=list)


class ReferenceRegister:
    """See `register.Register`."""

    def __init__(self, rules: Rules, silent: Iterable[int] = (), history: int = 5_000, lists: int = 1_000) -> None:
        self.rules, self.history, self.most_lists = rules, history, lists
        self.silent = {0, *silent}
        self.counters = dict.fromkeys(("order", "list", "session", "prevented", "executions"), 0)
        self.trade_ids = [0] * len(rules.listings)
        self.orders: dict[int, Known] = {}
        self.ended: dict[tuple[int, int], list[Known]] = {}
        self.names: dict[tuple[int, str], list[Known]] = {}  # the newest last
        self.trades: dict[tuple[int, int], list[Told]] = {}
        self.lists: dict[int, Legs] = {}
        self.lists_over: dict[int, list[int]] = {}
        self.prevented: dict[int, list[Told]] = {}
        self._told: list[Told] = []

    def fold(self, commands: Commands, notes: Notes, events: Events) -> list[Told]:
        """Take what the core did; what changed: (seq, account, kind, reason, order, quantity, state, executed, paid, former name, what became of its list)."""
        self._told = []
        heard = 0
        of_interest = []
        for event in events:
            trade_id = 0
            if event["kind"] == w.FILL:
                self.trade_ids[event["book"]] += 1
                trade_id = self.trade_ids[event["book"]]
            if not {int(event["account"]), int(event["maker_account"])} <= self.silent:
                of_interest.append((event, trade_id))
        for at, (event, trade_id) in enumerate(of_interest):
            place = int(event["seq"] - commands["seq"][0])
            while heard <= place:
                self._listen(commands[heard], notes[heard])
                heard += 1
            following = of_interest[at + 1][0] if at + 1 < len(of_interest) else None
            self._take(event, following, trade_id, commands[place], notes[place])
        for place in range(heard, len(commands)):
            self._listen(commands[place], notes[place])
        return self._told

    def _listen(self, command: Any, note: Any) -> None:
        if command["operation"] == w.SUBMIT:
            self.counters["order"] = max(self.counters["order"], int(command["order_id"]))
        list_id = int(note["list_id"])
        self.counters["list"] = max(self.counters["list"], list_id)
        self.counters["session"] = max(self.counters["session"], int(note["session"]))
        if note["kind"] == NAMES_LIST and list_id and list_id not in self.lists:
            self.lists[list_id] = Legs(list_id, note["client_id"].decode())

    def _tell(self, event: Any, kind: int, reason: int, order: Known | None, former: str = "", of_list: int = 0) -> None:
        self.counters["executions"] += 1
        account = order.account if order is not None else int(event["account"])
        which = order.order_id if order is not None else int(event["order_id"])
        stands = (order.state, order.executed, order.paid) if order is not None else (0, 0, 0)
        self._told.append((int(event["seq"]), account, kind, reason, which, int(event["quantity"]), *stands, former, of_list))

    def _alive(self, order_id: int) -> Known | None:
        order = self.orders.get(order_id)
        return order if order is not None and order.alive else None

    def _take(self, event: Any, following: Any, trade_id: int, command: Any, note: Any) -> None:
        kind, order_id, ts, lots = (int(event[name]) for name in ("kind", "order_id", "ts", "quantity"))
        order = self._alive(order_id)
        if kind == w.ACCEPTED:
            self._accept(event, command, note)
        elif kind == w.REJECTED:
            announced = self.lists.get(int(note["list_id"]))
            if announced is not None and not announced.kind:
                del self.lists[announced.list_id]
            self._tell(event, kind, int(event["reason"]), None)
        elif kind == w.FILL:
            self._fill(event, following, trade_id)
        elif kind == w.PREVENTED:
            maker = self._alive(int(event["maker_id"]))
            self._note_prevented(ts, order, maker, int(event["price"]), lots)
            for side, leaves in ((order, event["leaves"]), (maker, event["maker_leaves"])):
                if side is not None:
                    side.prevented += lots
                    side.prevented_id, side.updated = self.counters["prevented"], ts
                    side.state = EXPIRED_IN_MATCH if leaves == 0 else side.state
                    self._tell(event, kind, w.SELF_TRADE, side, of_list=self._over(side, ts) if leaves == 0 else 0)
        elif order is None:
            return
        elif kind in (w.CANCELLED, w.EXPIRED):
            self._end(event, order, command, note)
        elif kind == w.AMENDED:
            self._amend(event, order, note)
        elif kind in (w.TRIGGERED, w.ACTIVATED):
            order.state, order.updated = NEW, ts
            if kind == w.TRIGGERED or order.order_type < w.STOP:
                order.working = ts
            self._tell(event, kind, 0, order)
        elif kind == w.SHRUNK:
            order.quantity, order.updated = order.quantity - lots, ts
            self._tell(event, kind, 0, order)

    def _accept(self, event: Any, command: Any, note: Any) -> None:
        fields: dict[str, Any] = {name: int(command[name]) for name in ("order_type", "time_in_force", "price", "quantity", "trigger", "display", "prevention", "flags")}
        fields |= {name: int(event[name]) for name in ("order_id", "account", "book", "side")}
        fields |= {name: int(note[name]) for name in ("number", "session")}
        name, ts = note["client_id"].decode(), int(event["ts"])
        order = Known(**fields, client_id=name, first_id=name, created=ts, updated=ts)
        if event["flags"] & w.PENDING:
            order.state = PENDING_NEW
        elif order.order_type < w.STOP:
            order.working = ts
        self.orders[order.order_id] = order
        self._name(order, name)
        list_id, role, of_list = int(note["list_id"]), int(command["role"]), 0
        if list_id and role in KINDS:
            legs = self.lists.setdefault(list_id, Legs(list_id, ""))
            if not legs.kind:
                legs.kind, legs.account, legs.book, legs.created, legs.updated = KINDS[role], order.account, order.book, ts, ts
            if len(legs.legs) < LEGS[legs.kind]:
                legs.legs.append(order.order_id)
                order.list_id = list_id
                of_list = STARTED if len(legs.legs) == LEGS[legs.kind] else 0
        self._tell(event, w.ACCEPTED, 0, order, of_list=of_list)

    def _fill(self, event: Any, following: Any, trade_id: int) -> None:
        ts, lots, price = (int(event[name]) for name in ("ts", "quantity", "price"))
        taker, maker = self._alive(int(event["order_id"])), self._alive(int(event["maker_id"]))
        spent = (
            taker is not None
            and taker.order_type == w.MARKET_AMOUNT
            and following is not None
            and (following["kind"], following["order_id"]) == (w.EXPIRED, event["order_id"])
            and following["quantity"] < price
        )
        for order, leaves, fee, is_maker in ((taker, 0 if spent else event["leaves"], event["fee"], False), (maker, event["maker_leaves"], event["maker_fee"], True)):
            if order is None:
                continue
            order.executed += lots
            order.paid += lots * price
            order.updated = ts
            order.state = FILLED if leaves == 0 else PARTIALLY_FILLED
            trades = self.trades.setdefault((order.account, order.book), [])
            trades.append((trade_id, order.order_id, order.side, price, lots, int(fee), is_maker, ts))
            del trades[: -self.history]
            self._tell(event, w.FILL, 0, order, of_list=self._over(order, ts) if leaves == 0 else 0)

    def _note_prevented(self, ts: int, taker: Known | None, maker: Known | None, price: int, lots: int) -> None:
        self.counters["prevented"] += 1
        if taker is not None and maker is not None:
            matches = self.prevented.setdefault(taker.account, [])
            matches.append((self.counters["prevented"], maker.book, taker.order_id, maker.order_id, taker.prevention, price, lots, ts))
            del matches[: -self.most_lists]

    def _end(self, event: Any, order: Known, command: Any, note: Any) -> None:
        kind, reason, ts, former = int(event["kind"]), int(event["reason"]), int(event["ts"]), order.client_id
        asked = int(command["operation"]) in (w.CANCEL, w.MASS_CANCEL)
        if kind == w.CANCELLED or (reason == w.LINKED and asked):
            kind, order.state = w.CANCELLED, CANCELED
            name = note["client_id"].decode()
            if asked and name:
                if order.renamed:  # what it was called until now is younger than what others were called before
                    self._unname(order, former)
                    self._name(order, former)
                order.client_id = name
                self._name(order, name)
        elif reason == w.SELF_TRADE:
            order.state = EXPIRED_IN_MATCH
            order.prevented += int(event["quantity"])
            other = self._alive(int(event["maker_id"]))
            if not event["flags"] & w.CAME:
                self._note_prevented(ts, other, order, int(event["price"]), int(event["quantity"]))
            elif other is not None:
                self._note_prevented(ts, order, other, other.price, int(event["quantity"]))
            order.prevented_id = self.counters["prevented"]
        else:
            order.expiry = reason | (STILL_PENDING if order.state == PENDING_NEW else 0)
            order.state = EXPIRED
        order.updated = ts
        self._tell(event, kind, reason, order, former, self._over(order, ts))

    def _amend(self, event: Any, order: Known, note: Any) -> None:
        former, before = order.client_id, order.quantity
        order.quantity = int(event["quantity"]) + order.executed + order.prevented
        order.price, order.updated = int(event["price"]), int(event["ts"])
        name = note["client_id"].decode()
        if name and name != former:
            self._unname(order, former)
            order.client_id, order.renamed = name, True
            self._name(order, name)
        order.amendments.append((self.counters["executions"] + 1, before, order.quantity, former, order.client_id, order.updated))
        self._tell(event, w.AMENDED, 0, order, former)

    def _over(self, order: Known, ts: int) -> int:
        ended = self.ended.setdefault((order.account, order.book), [])
        ended.append(order)
        if len(ended) > self.history:
            oldest = ended.pop(0)
            del self.orders[oldest.order_id]
            for known in self.names.values():
                known[:] = [each for each in known if each is not oldest]
        legs = self.lists.get(order.list_id)
        if legs is None or legs.done or any(self._alive(leg) is not None for leg in legs.legs):
            return 0
        legs.done, legs.updated = True, ts
        over = self.lists_over.setdefault(order.account, [])
        over.append(legs.list_id)
        if len(over) > self.most_lists:
            del self.lists[over.pop(0)]
        return ENDED

    def _name(self, order: Known, name: str) -> None:
        if name:
            self.names.setdefault((order.account, name), []).append(order)

    def _unname(self, order: Known, name: str) -> None:
        known = self.names.get((order.account, name), [])
        if order in known:
            known.reverse()
            known.remove(order)
            known.reverse()

    def named(self, account: int, name: str) -> int:
        """The number of the order that lives and is called so, else of the last that ever was; 0: none."""
        known = self.names.get((account, name), [])
        living = [order for order in known if order.alive and order.client_id == name]
        return (living or known)[-1].order_id if known else 0
