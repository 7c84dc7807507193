"""The register: every order by its number and by its client's name, order lists, and who traded what.

It is the fold of commands, notes and events and of nothing else; the same code runs live and in recovery. The core forgets an order when
it ends; the register keeps it, up to a bound for each account and book, oldest first out. The fold is compiled (`register_fold`) and its
memory one array (`register_memory`, `register_tables`); what is asked of it is made from there at that moment and does not change afterwards.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.exchange.arena import LOW
from polaris.exchange.gateway import register_memory as r
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.gateway.orders import PARTIALLY_FILLED, Amendment, Change, Order, OrderList, Prevented, Trade
from polaris.exchange.gateway.register_changes import CHANGE, CHANGE_WORDS, IMAGE, IMAGES, Changes
from polaris.exchange.gateway.register_fold import fold
from polaris.exchange.gateway.register_tables import any_taken, find_name, find_row
from polaris.exchange.listing import Rules
from polaris.exchange.words import COMMAND, EVENT, EVENT_WORDS, Commands, Events

HISTORY: Final = 5_000  # ended orders, and trades, kept for each account and book
LISTS: Final = 1_000  # lists that are over, and prevented matches, kept for each account
NOBODY: Final = np.empty((0, CHANGE_WORDS), np.int64)
Rows = npt.NDArray[np.int64]


class Register:
    """Orders, trades and lists of every account.

    silent   accounts whose orders nobody asks for again (house traders): they are not kept
    history  ended orders, and trades, kept for each account and book, 1 at least
    lists    lists that are over, and prevented matches, kept for each account
    """

    def __init__(self, rules: Rules, silent: Iterable[int] = (), history: int = HISTORY, lists: int = LISTS) -> None:
        self.rules = rules
        self.memory = r.new_memory(rules.accounts, len(rules.listings), rules.capacity, history, lists)
        kept = self.memory[r.AT_ACCOUNTS : r.AT_ACCOUNTS + r.ACCOUNT_WORDS * rules.accounts : r.ACCOUNT_WORDS]
        kept[:] = 1
        kept[[0, *silent]] = 0  # 0: the house, and the maker of an event that has none
        self._changes = np.empty((1024, CHANGE_WORDS), np.int64)
        self._rows = np.empty(1024, np.int64)

    def warm(self) -> None:
        """Have every kernel compiled that is not yet."""
        self.fold(np.empty(0, COMMAND), np.empty(0, NOTE), np.empty(0, EVENT))
        self.order(0, 0, 0), self.named(0, "warm"), self.open(0)
        self.any_living(0, np.zeros((1, 8), np.int64))

    # counters

    @property
    def last_order(self) -> int:
        return int(self.memory[r.LAST_ORDER])

    @property
    def last_list(self) -> int:
        return int(self.memory[r.LAST_LIST])

    @property
    def last_session(self) -> int:
        return int(self.memory[r.LAST_SESSION])

    @property
    def executions(self) -> int:
        """Changes so far: an execution's number."""
        return int(self.memory[r.EXECUTIONS])

    # the fold

    def fold(self, commands: Commands, notes: Notes, events: Events, wanted: bool = True) -> Changes:
        """Take what the core did.

        commands, notes  COMMAND[n], NOTE[n]
        events           EVENT[m], of these commands
        wanted           whether anybody hears of it
        returns          CHANGE[k] in their order, which the next fold overwrites; nothing where nobody hears
        """
        if not wanted:
            fold(self.memory, _words(commands, 8), _words(notes, 8), _words(events, EVENT_WORDS), NOBODY)
            return NOBODY.view(CHANGE)[:, 0]
        if len(self._changes) < 2 * len(events):
            self._changes = np.empty((4 * len(events), CHANGE_WORDS), np.int64)
        count = fold(self.memory, _words(commands, 8), _words(notes, 8), _words(events, EVENT_WORDS), self._changes)
        told: Changes = self._changes[:count].view(CHANGE)[:, 0]
        return told

    def told(self, changes: Changes) -> list[Change]:
        """Changes for people: those of one order share it, as the last of them left it."""
        rows = changes.tolist()
        last = {row[IS_ORDER_FIELD + 1]: row[IS_ORDER_FIELD + 1 :] for row in rows if row[IS_ORDER_FIELD]}
        orders = {order_id: self._made(image) for order_id, image in last.items()}
        return [_change(row, orders) for row in rows]

    # what is asked

    def order(self, account: int, book: int, order_id: int) -> Order | None:
        """An account's order by its number."""
        row = self._find(r.BY_ID, order_id)
        if not row or int(self.memory[row + r.OWNER]) != account | book << 32:
            return None
        return self._orders([row])[0]

    def named(self, account: int, client_id: str) -> Order | None:
        """An account's order of this name: the one that lives and is called so, else the last that ever was."""
        row = self._named(account, client_id)
        return self._orders([row])[0] if row else None

    def living(self, account: int, client_id: str) -> int:
        """The number of the account's order that lives and is called so; 0: none."""
        row = self._named(account, client_id)
        lives = row and self.memory[row + r.STATE] <= PARTIALLY_FILLED and _text(self.memory, row + r.CLIENT_ID) == client_id
        return int(self.memory[row + r.KEY]) if lives else 0

    def lives(self, account: int, book: int, order_id: int) -> bool:
        """Whether the account has an order of this number in the book that lives."""
        row = self._find(r.BY_ID, order_id)
        return bool(row) and int(self.memory[row + r.OWNER]) == account | book << 32 and int(self.memory[row + r.STATE]) <= PARTIALLY_FILLED

    def any_living(self, account: int, notes: Rows) -> bool:
        """Whether any order of the account lives that is called as one of these notes says, int64[n, 8]."""
        return bool(any_taken(self.memory, account, notes))

    def alive(self, order_id: int) -> Order | None:
        """An order that lives."""
        row = self._find(r.BY_ID, order_id)
        order = self._orders([row])[0] if row else None
        return order if order is not None and order.alive else None

    def open(self, account: int, book: int = -1) -> list[Order]:
        """An account's orders that live, of one book or all, in the order they came."""
        rows = self._walk(r.account_at(account) + r.ALIVE, r.YOUNGER)
        return self._orders(rows if book == -1 else rows[self.memory[rows + r.OWNER] >> 32 == book])

    def orders(self, account: int, book: int) -> list[Order]:
        """An account's orders of a book that are known, alive or not, by number."""
        pair = r.pair_at(self.memory, account | book << 32)
        ended = self._walk(pair + r.ENDED_QUEUE, r.NEXT) if pair else self._rows[:0]
        rows = np.concatenate([ended, self._walk(r.account_at(account) + r.ALIVE, r.YOUNGER)])
        rows = rows[self.memory[rows + r.OWNER] >> 32 == book]
        return self._orders(rows[np.argsort(self.memory[rows + r.KEY], kind="stable")])

    def list_of(self, order_id: int) -> int:
        """The number of the list an order is a leg of; 0: of none that is known."""
        row = self._find(r.BY_ID, order_id)
        return int(self.memory[row + r.SESSION]) >> 32 & LOW if row else 0

    def trades(self, account: int, book: int, order_id: int = 0) -> list[Trade]:
        """An account's trades in a book, or those of one order, in the order they happened."""
        pair = r.pair_at(self.memory, account | book << 32)
        if not pair:
            return []
        found = self._walk(pair + r.TRADES_QUEUE, r.NEXT)
        if order_id:
            found = found[self.memory[found + r.TRADE_OF] == order_id]
        return [
            Trade(row[r.TRADE_ID], row[r.TRADE_OF], book, _side(row[r.TRADE_SIDE]), row[r.TRADE_PRICE], row[r.TRADE_LOTS], row[r.TRADE_FEE],
                  bool(row[r.TRADE_SIDE] >> 8), row[r.TRADE_TS])
            for row in r.part(self.memory, found, r.TRADE_WORDS).tolist()
        ]  # fmt: skip

    def lists(self, account: int) -> list[OrderList]:
        """An account's lists that are known, by number."""
        at = r.account_at(account)
        rows = np.concatenate([self._walk(at + r.OVER_LISTS, r.NEXT), self._walk(at + r.ALIVE_LISTS, r.YOUNGER)])
        return self._lists(rows[np.argsort(self.memory[rows + r.KEY])])

    def order_list(self, account: int, list_id: int) -> OrderList | None:
        """An account's list by its number."""
        row = self._find(r.BY_LIST, list_id)
        if not row or int(self.memory[row + r.LIST_STATE]) == r.ANNOUNCED or int(self.memory[row + r.OWNER]) & LOW != account:
            return None
        return self._lists([row])[0]

    def list_named(self, account: int, client_id: str) -> OrderList | None:
        """An account's last list of this name."""
        at, name = r.account_at(account), np.frombuffer(client_id.encode().ljust(8 * r.NAME_WORDS, b"\0")[: 8 * r.NAME_WORDS], np.int64)
        rows = np.concatenate([self._walk(at + r.OVER_LISTS, r.NEXT), self._walk(at + r.ALIVE_LISTS, r.YOUNGER)])
        rows = rows[(self.memory[rows[:, None] + r.LIST_NAME + np.arange(r.NAME_WORDS)] == name).all(axis=1)]
        return self._lists([rows[np.argmax(self.memory[rows + r.KEY])]])[0] if len(rows) else None

    def prevented(self, account: int) -> list[Prevented]:
        """Matches of an account with itself that did not take place."""
        rows = r.part(self.memory, self._walk(r.account_at(account) + r.PREVENTED_QUEUE, r.NEXT), r.MATCH_WORDS)
        return [
            Prevented(row[r.MATCH_ID], row[r.MATCH_OWNER] >> 32, row[r.MATCH_TAKER], row[r.MATCH_MAKER], row[r.MATCH_PREVENTION], row[r.MATCH_PRICE],
                      row[r.MATCH_LOTS], row[r.MATCH_TS])
            for row in rows.tolist()
        ]  # fmt: skip

    # from memory

    def _named(self, account: int, client_id: str) -> int:
        name = client_id.encode()
        if not 0 < len(name) <= 36 or not 0 <= account < self.rules.accounts:
            return 0
        self.memory[r.SOUGHT : r.SOUGHT + r.NAME_WORDS] = np.frombuffer(name.ljust(8 * r.NAME_WORDS, b"\0"), np.int64)
        row = int(find_name(self.memory, account, r.SOUGHT))
        self.memory[r.SOUGHT : r.SOUGHT + r.NAME_WORDS] = 0
        return row

    def _find(self, table: int, key: int) -> int:
        return int(find_row(self.memory, table, key))

    def _walk(self, queue: int, link: int) -> Rows:
        """Addresses of a queue's rows."""
        count = int(self.memory[queue + r.COUNT])
        if count > len(self._rows):
            self._rows = np.empty(2 * count, np.int64)
        return self._rows[: r.walk(self.memory, queue, link, self._rows)].copy()

    def _orders(self, rows: Any) -> list[Order]:
        images = r.part(self.memory, np.asarray(rows, np.int64) + r.KEY, IMAGES.itemsize // 8).view(IMAGES)
        return [self._made(image) for image in images[:, 0].tolist()]

    def _made(self, image: Any) -> Order:
        """An order with its list and amendments."""
        order = Order(image)
        if order.list_id:
            row = self._find(r.BY_LIST, order.list_id)
            if row:
                self._lists([row], order)
        row = self._find(r.BY_ID, order.order_id)
        if row and self.memory[row + r.AMENDED]:
            order.amendments = self._amendments(int(self.memory[row + r.AMENDED]))
        return order

    def _amendments(self, row: int) -> list[Amendment]:
        """Of one order, the oldest first."""
        found = []
        while row:
            words = self.memory[row : row + r.AMENDMENT_WORDS]
            number, before, after, ts = (int(words[word]) for word in (r.AMENDMENT_NUMBER, r.BEFORE, r.AFTER, r.AMENDMENT_TS))
            found.append(Amendment(number, before, after, _text(words, r.OLD_NAME), _text(words, r.NEW_NAME), ts))
            row = int(words[r.NEXT])
        return found[::-1]

    def _lists(self, rows: Any, known: Order | None = None) -> list[OrderList]:
        """Lists with their orders; `known` is one of them."""
        found = []
        for row in r.part(self.memory, np.asarray(rows, np.int64), r.LIST_WORDS):
            owner, legs = int(row[r.OWNER]), row[r.LEG : r.LEG + int(row[r.LEGS_COUNT])].tolist()
            told = OrderList(int(row[r.KEY]), owner & LOW, owner >> 32, int(row[r.KIND]), _text(row, r.LIST_NAME), int(row[r.LIST_CREATED]))
            told.updated, told.done = int(row[r.LIST_UPDATED]), int(row[r.LIST_STATE]) == r.OVER
            for leg in legs:
                if known is not None and leg == known.order_id:
                    told.orders.append(known)
                elif at := self._find(r.BY_ID, leg):
                    image = self.memory[at + r.KEY : at + r.KEY + IMAGES.itemsize // 8].view(IMAGES)[0].item()
                    told.orders.append(Order(image))
            for order in told.orders:
                order.list = told
            found.append(told)
        return found


IS_ORDER_FIELD: Final = CHANGE.names.index("is_order")  # type: ignore[union-attr]
assert CHANGE.names is not None and IMAGES.names is not None and CHANGE.names[IS_ORDER_FIELD + 1 :] == IMAGES.names and IMAGE == 16


def _words(records: Any, words: int) -> Rows:
    """Records as rows of integers."""
    if not len(records):
        return np.empty((0, words), np.int64)
    rows = np.ascontiguousarray(records).view(np.int64).reshape(-1, words)
    return rows if rows.flags.writeable else rows.copy()  # of what can't be written to the kernels would be compiled once more


def _side(word: int) -> int:
    return ((word & 255) + 128) % 256 - 128


def _text(words: Any, at: int) -> str:
    name: bytes = words[at : at + r.NAME_WORDS].tobytes()
    return name.rstrip(b"\0").decode()


def _change(row: Any, orders: dict[int, Order]) -> Change:
    """One change from its fields."""
    _, _, _, kind, reason, of_list, maker, _, order_id, ts, quantity, execution, trade_id, price, fee, name, is_order = row[: IS_ORDER_FIELD + 1]
    order = orders[order_id] if is_order else None
    change = Change(kind, reason, order_id, order, ts, quantity, name.decode())
    change.number, change.of_list = execution, of_list
    if order is not None:
        image = row[IS_ORDER_FIELD + 1 :]
        change.state, change.executed, change.paid = image[STATE_FIELD], image[EXECUTED_FIELD], image[PAID_FIELD]
        if trade_id:
            change.trade = Trade(trade_id, order_id, order.book, order.side, price, quantity, fee, bool(maker), ts)
    return change


STATE_FIELD, EXECUTED_FIELD, PAID_FIELD = (IMAGES.names.index(name) for name in ("state", "executed", "paid"))
