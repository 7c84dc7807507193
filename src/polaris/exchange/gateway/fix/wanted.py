"""An order as FIX asks for it, read into the fields of a command; what can't be had is refused by its OrdRejReason.

| OrdType        | ours       | TimeInForce                                   |
|----------------|------------|-----------------------------------------------|
| 1 Market       | MARKET     | Day, GTC, IOC: what is not filled ends; FOK   |
|   CashOrderQty | .._AMOUNT  | the same, but FOK                             |
| 2 Limit        | LIMIT      | Day (none said), GTC, IOC, FOK, GTD           |
| 3 Stop         | STOP       | Day, GTC, GTD until it is triggered; then IOC |
| 4 Stop limit   | STOP_LIMIT | as Limit                                      |

Day ends at the next midnight, UTC; GTD at its ExpireTime. ExecInst 6, "participate, don't initiate", is an order that never
takes. MaxFloor is what an iceberg shows.
"""

from typing import Final, NamedTuple

from polaris.domain.orders import BUY, SELL
from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.codec import SECOND, Message, nanoseconds, timestamp
from polaris.exchange.gateway.venue import command
from polaris.exchange.listing import FilterFailed, Listing, Rules
from polaris.exchange.words import FOK, GTC, IOC, LIMIT, MARKET, MARKET_AMOUNT, POST_ONLY, STOP, STOP_LIMIT, SUBMIT

DAY_NS: Final = 86_400 * SECOND
LAST: Final = 2**62  # ns UTC, in the year 2116; a command holds no time behind it
SIDES: Final = {"1": BUY, "2": SELL}
ORDER_TYPES: Final = {"1": MARKET, "2": LIMIT, "3": STOP, "4": STOP_LIMIT}
DAY, TILL_CANCELLED, AT_ONCE, ALL_OR_NONE, TILL_DATE = "0", "1", "3", "4", "6"
TIMES: Final = {DAY: GTC, TILL_CANCELLED: GTC, AT_ONCE: IOC, ALL_OR_NONE: FOK, TILL_DATE: GTC}
NEVER_TAKES: Final = "6"

# OrdRejReason
UNKNOWN_SYMBOL: Final = 1
EXCHANGE_CLOSED: Final = 2
EXCEEDS_LIMIT: Final = 3
UNKNOWN_ORDER: Final = 5
DUPLICATE: Final = 6
UNSUPPORTED: Final = 11
INCORRECT_QUANTITY: Final = 13
UNKNOWN_ACCOUNT: Final = 15
OTHER: Final = 99


class Refusal(Exception):
    """Why an order can't be had: OrdRejReason, or "field" where a field is missing that the others ask for."""

    def __init__(self, reason: int, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


class Missing(Exception):
    """A field that the others ask for is missing."""

    def __init__(self, tag: int) -> None:
        super().__init__(f"Conditionally Required Field Missing (tag {tag})")
        self.tag = tag


class Wanted(NamedTuple):
    """A new order.

    ends  ns UTC when it is to end; 0 = it stays
    """

    book: int
    side: int
    order_type: int
    time_in_force: int
    price: int
    quantity: int
    trigger: int
    display: int
    ends: int

    def command(self, order_id: int, account: int) -> bytes:
        """As the core takes it."""
        return command(SUBMIT, order_id=order_id, account=account, **{name: value for name, value in self._asdict().items() if name != "ends"})


def book_of(message: Message, rules: Rules) -> int:
    """The book of its Symbol. Raises Refusal."""
    try:
        return rules.book(message.get(w.SYMBOL))
    except KeyError:
        raise Refusal(UNKNOWN_SYMBOL, f"unknown symbol {message.get(w.SYMBOL)}") from None


def side_of(message: Message) -> int:
    """BUY or SELL. Raises Refusal."""
    side = SIDES.get(message.get(w.SIDE))
    if side is None:
        raise Refusal(UNSUPPORTED, f"side {message.get(w.SIDE)}; expected 1 (buy) or 2 (sell)")
    return side


def read(message: Message, rules: Rules, now: int) -> Wanted:
    """A NewOrderSingle or the new terms of an OrderCancelReplaceRequest. Raises Refusal, Missing."""
    book, side = book_of(message, rules), side_of(message)
    listing = rules.listings[book]
    order_type = ORDER_TYPES.get(message.get(w.ORD_TYPE))
    if order_type is None:
        raise Refusal(UNSUPPORTED, f"OrdType {message.get(w.ORD_TYPE)}; expected 1, 2, 3 or 4")
    has_limit, has_trigger = order_type in (LIMIT, STOP_LIMIT), order_type in (STOP, STOP_LIMIT)
    price = _ticks(message, w.PRICE, listing, wanted=has_limit)
    trigger = _ticks(message, w.STOP_PX, listing, wanted=has_trigger)
    time, ends = _time(message, order_type, now)
    if w.CASH_ORDER_QTY in message.values:
        if order_type != MARKET or time == FOK or w.ORDER_QTY in message.values:
            raise Refusal(UNSUPPORTED, "CashOrderQty is of a market order, in place of OrderQty, and not of TimeInForce 4")
        return Wanted(book, side, MARKET_AMOUNT, time, 0, _amount(message, listing), 0, 0, 0)
    if w.ORDER_QTY not in message.values:
        raise Missing(w.ORDER_QTY)
    quantity = lots(message, w.ORDER_QTY, listing)
    display = _display(message, listing, quantity, rests=has_limit and time == GTC)
    if (instruction := message.get(w.EXEC_INST)) != "":
        if instruction != NEVER_TAKES or not has_limit or time != GTC:
            raise Refusal(UNSUPPORTED, f"ExecInst {instruction}; expected 6 (participate, don't initiate), of a limit order that may rest")
        time = POST_ONLY
    return Wanted(book, side, order_type, time, price, quantity, trigger, display, ends)


def lots(message: Message, tag: int, listing: Listing) -> int:
    """A quantity in lots. Raises Refusal."""
    try:
        return listing.lots(message.get(tag))
    except FilterFailed as failed:
        raise Refusal(INCORRECT_QUANTITY, str(failed)) from None


def _amount(message: Message, listing: Listing) -> int:
    """An amount of the quote in ticks times lots. Raises Refusal."""
    try:
        return listing.amount(message.get(w.CASH_ORDER_QTY))
    except FilterFailed as failed:
        raise Refusal(INCORRECT_QUANTITY, str(failed)) from None


def _ticks(message: Message, tag: int, listing: Listing, *, wanted: bool) -> int:
    text = message.get(tag)
    if not wanted:
        if text:
            raise Refusal(UNSUPPORTED, f"tag {tag} is not of OrdType {message.get(w.ORD_TYPE)}")
        return 0
    if not text:
        raise Missing(tag)
    try:
        return listing.ticks(text)
    except FilterFailed as failed:
        raise Refusal(OTHER, str(failed)) from None


def _time(message: Message, order_type: int, now: int) -> tuple[int, int]:
    """(time in force, when it ends)."""
    said = message.get(w.TIME_IN_FORCE, DAY)
    time = TIMES.get(said)
    if time is None:
        raise Refusal(UNSUPPORTED, f"TimeInForce {said}; expected 0, 1, 3, 4 or 6")
    until = message.get(w.EXPIRE_TIME)
    if until and said != TILL_DATE:
        raise Refusal(UNSUPPORTED, "ExpireTime is of TimeInForce 6 only")
    if order_type == MARKET:
        if said == TILL_DATE:
            raise Refusal(UNSUPPORTED, "a market order ends at once")
        return FOK if time == FOK else IOC, 0
    if said == DAY:
        ends = (now // DAY_NS + 1) * DAY_NS
    elif said == TILL_DATE:
        if not until:
            raise Missing(w.EXPIRE_TIME)
        ends = nanoseconds(until) or 0
        if ends <= now:
            raise Refusal(OTHER, f"ExpireTime {until} is over")
        if ends >= LAST:
            raise Refusal(OTHER, f"ExpireTime {until} is too far; expected one before {timestamp(LAST)}")
    else:
        ends = 0
    if order_type == STOP:
        return FOK if time == FOK else IOC, ends
    return time, ends


def _display(message: Message, listing: Listing, quantity: int, *, rests: bool) -> int:
    if w.MAX_FLOOR not in message.values:
        return 0
    shown = lots(message, w.MAX_FLOOR, listing)
    if not rests or shown > quantity:
        raise Refusal(UNSUPPORTED, "MaxFloor is at most OrderQty, of a limit order that may rest")
    return shown if shown < quantity else 0
