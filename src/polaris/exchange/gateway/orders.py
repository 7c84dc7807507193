"""What the register knows of an order, a trade, a list of orders, and what is told when one of them changes.

The core tells integers and forgets an order when it ends; here it keeps its client's name for it, what it did and how it ended.
"""

from typing import Any, Final

from polaris.exchange.words import (
    GTC,
    LIMIT,
    MARKET_AMOUNT,
    POST_ONLY,
    POST_SLIDE,
)

# states of an order
PENDING_NEW: Final = 0  # waits for another order of its list
NEW: Final = 1
PARTIALLY_FILLED: Final = 2
FILLED: Final = 3
CANCELED: Final = 4
EXPIRED: Final = 5
EXPIRED_IN_MATCH: Final = 6  # it would have traded with its own account
STATE_NAMES: Final = ("PENDING_NEW", "NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH")

STILL_PENDING: Final = 128  # in the reason of an end: it waited for another order of its list

# kinds of lists
OCO: Final = 1
OTO: Final = 2
OTOCO: Final = 3

LEGS: Final = {OCO: 2, OTO: 2, OTOCO: 3}  # orders of a list

# what a change does to the order's list
STARTED: Final = 1
ENDED: Final = 2

# what the client id of a note names, beside the order (0)
NAMES_LIST: Final = 1


class Trade:
    """One side of a fill.

    price, lots   ticks, lots
    fee           units of the asset the owner received
    """

    __slots__ = ("book", "fee", "lots", "maker", "order_id", "price", "side", "trade_id", "ts")

    def __init__(self, trade_id: int, order_id: int, book: int, side: int, price: int, lots: int, fee: int, maker: bool, ts: int) -> None:
        self.trade_id = trade_id
        self.order_id = order_id
        self.book = book
        self.side = side
        self.price = price
        self.lots = lots
        self.fee = fee
        self.maker = maker
        self.ts = ts


class Order:
    """One order as its owner asked for it, and what became of it.

    quantity   lots it asks for in all; MARKET_AMOUNT: ticks times lots
    executed   lots; `paid` ticks times lots
    prevented  lots that did not trade with the own account
    expiry     why it expired (words.py), | STILL_PENDING; 0 where it did not
    created, updated, working   ns UTC; working is 0 until it is in the book
    number     the dialect's own; session  the connection it came by
    client_id  what it is called now; first_id what it was called when it came
    list       what it is a leg of, while that is known
    """

    __slots__ = (
        "account", "amendments", "book", "client_id", "created", "display", "executed", "expiry", "first_id", "flags", "list", "list_id", "number", "order_id",
        "order_type", "paid", "prevented", "prevented_id", "prevention", "price", "quantity", "session", "side", "state", "time_in_force", "trigger",
        "updated", "working",
    )  # fmt: skip
    order_id: int
    account: int
    book: int
    order_type: int
    time_in_force: int
    side: int
    prevention: int
    flags: int
    expiry: int
    state: int
    price: int
    quantity: int
    trigger: int
    display: int
    executed: int
    paid: int
    prevented: int
    prevented_id: int
    created: int
    updated: int
    working: int
    number: int
    session: int
    list_id: int

    def __init__(self, image: tuple[Any, ...]) -> None:
        """From the fields of a `register_changes.IMAGES`."""
        (
            self.order_id, self.account, self.book, self.order_type, self.time_in_force, self.side, self.prevention, self.flags, self.expiry, _, self.state, self.price,
            self.quantity, self.trigger, self.display, self.executed, self.paid, self.prevented, self.prevented_id, self.created, self.updated, self.working,
            self.number, self.session, self.list_id, _, client_id, _, first_id,
        ) = image  # fmt: skip
        self.client_id: str = client_id.decode()
        self.first_id: str = first_id.decode()
        self.list: OrderList | None = None
        self.amendments: list[Amendment] | None = None

    @property
    def alive(self) -> bool:
        return self.state <= PARTIALLY_FILLED

    @property
    def open(self) -> int:
        """Lots that may still trade; 0 once it ended."""
        if not self.alive or self.order_type == MARKET_AMOUNT:
            return 0
        return self.quantity - self.executed - self.prevented

    @property
    def waits(self) -> bool:
        """Not in the book: for a trigger or another order."""
        return self.alive and self.working == 0

    @property
    def maker_only(self) -> bool:
        return self.order_type == LIMIT and self.time_in_force in (POST_ONLY, POST_SLIDE)

    @property
    def rests(self) -> bool:
        return self.time_in_force in (GTC, POST_ONLY, POST_SLIDE)


class Amendment:
    """One change of an order's quantity."""

    __slots__ = ("after", "before", "execution_id", "new_id", "old_id", "ts")

    def __init__(self, execution_id: int, before: int, after: int, old_id: str, new_id: str, ts: int) -> None:
        self.execution_id = execution_id
        self.before = before
        self.after = after
        self.old_id = old_id
        self.new_id = new_id
        self.ts = ts


class OrderList:
    """Orders that stand and fall together.

    kind  OCO, OTO, OTOCO
    """

    __slots__ = ("account", "book", "client_id", "created", "done", "kind", "list_id", "orders", "updated")

    def __init__(self, list_id: int, account: int, book: int, kind: int, client_id: str, created: int) -> None:
        self.list_id = list_id
        self.account = account
        self.book = book
        self.kind = kind
        self.client_id = client_id
        self.created = self.updated = created
        self.done = False
        self.orders: list[Order] = []


class Prevented:
    """A match of an account with itself that did not take place."""

    __slots__ = ("book", "lots", "maker_id", "prevented_id", "prevention", "price", "taker_id", "ts")

    def __init__(self, prevented_id: int, book: int, taker_id: int, maker_id: int, prevention: int, price: int, lots: int, ts: int) -> None:
        self.prevented_id = prevented_id
        self.book = book
        self.taker_id = taker_id
        self.maker_id = maker_id
        self.prevention = prevention
        self.price = price
        self.lots = lots
        self.ts = ts


class Change:
    """What one event did to one order.

    kind      the event's (words.py); reason why
    order     as the last change told together with this one left it; of a refusal None
    state, executed, paid   the order's after this event
    trade     of a FILL, this order's side of it
    quantity  the event's
    former    the client id before this change
    number    counts all changes: the execution's id
    of_list   STARTED or ENDED where the order's list did so with it
    """

    __slots__ = ("executed", "former", "kind", "number", "of_list", "order", "order_id", "paid", "quantity", "reason", "state", "trade", "ts")

    def __init__(self, kind: int, reason: int, order_id: int, order: Order | None, ts: int, quantity: int, former: str = "", trade: Trade | None = None) -> None:
        self.kind = kind
        self.reason = reason
        self.order_id = order_id
        self.order = order
        self.ts = ts
        self.quantity = quantity
        self.former = former
        self.trade = trade
        self.of_list = 0
        self.number = self.executed = self.paid = self.state = 0
