"""A new order as Coinbase's order_configuration asks for it, read and checked into the fields of a command.

A configuration holds one entry, its kind, with the terms of that kind. A direction says from where the stop's price is reached:
"stop up" waits for a price at it or above; so to buy that is a stop, to sell a take-profit.
Source: Coinbase Advanced Trade API documentation, "Create Order" (OrderConfiguration).
"""

from typing import Any, Final, NamedTuple

from polaris.domain.orders import BUY, SELL
from polaris.exchange.gateway.coinbase.brackets import worst_price
from polaris.exchange.gateway.coinbase.call import flag_of, text_of
from polaris.exchange.gateway.coinbase.errors import Failure, invalid
from polaris.exchange.gateway.coinbase.figures import Figures
from polaris.exchange.gateway.coinbase.times import moment
from polaris.exchange.gateway.venue import command
from polaris.exchange.listing import FilterFailed
from polaris.exchange.words import (
    ALONE,
    DECREMENT,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    MARKET_AMOUNT,
    POST_ONLY,
    SHRINKS,
    STOP_LIMIT,
    SUBMIT,
    TAKE_PROFIT_LIMIT,
)

SIDES: Final = {"BUY": BUY, "SELL": SELL}
MARKET_IOC: Final = "market_market_ioc"
LIMIT_GTC: Final = "limit_limit_gtc"
LIMIT_GTD: Final = "limit_limit_gtd"
LIMIT_FOK: Final = "limit_limit_fok"
LIMIT_IOC: Final = "sor_limit_ioc"
STOP_GTC: Final = "stop_limit_stop_limit_gtc"
STOP_GTD: Final = "stop_limit_stop_limit_gtd"
BRACKET_GTC: Final = "trigger_bracket_gtc"
BRACKET_GTD: Final = "trigger_bracket_gtd"
TIMES: Final = {LIMIT_FOK: FOK, LIMIT_IOC: IOC, **dict.fromkeys((LIMIT_GTC, LIMIT_GTD, STOP_GTC, STOP_GTD, BRACKET_GTC, BRACKET_GTD), GTC)}
WITH_END: Final = frozenset({LIMIT_GTD, STOP_GTD, BRACKET_GTD})
STOP_UP: Final = "STOP_DIRECTION_STOP_UP"
STOP_DOWN: Final = "STOP_DIRECTION_STOP_DOWN"
MOST_DIGITS: Final = 40


class Wanted(NamedTuple):
    """A new order.

    ends     ns UTC when it is to end; 0: it stays
    bracket  ticks where a bracket's stop is triggered; 0: no bracket
    """

    book: int
    side: int
    order_type: int
    time_in_force: int
    price: int
    quantity: int
    trigger: int
    ends: int
    bracket: int = 0

    def command(self, order_id: int, account: int, role: int = ALONE) -> bytes:
        """As the core takes it. Where it would trade with its own account both orders shrink, as at Coinbase."""
        return command(
            SUBMIT, order_id=order_id, book=self.book, side=self.side, order_type=self.order_type, time_in_force=self.time_in_force, price=self.price,
            quantity=self.quantity, trigger=self.trigger, account=account, prevention=DECREMENT, flags=SHRINKS if self.bracket else 0,
            role=role,
        )  # fmt: skip

    def stop(self) -> "Wanted":
        """The stop of a bracket."""
        return self._replace(order_type=STOP_LIMIT, price=worst_price(self.side, self.bracket), trigger=self.bracket)


def side_of(text: str) -> int:
    """BUY or SELL. Raises Failure."""
    side = SIDES.get(text)
    if side is None:
        raise Failure("INVALID_SIDE", f"side is {text[:20]!r}; expected BUY or SELL", "PREVIEW_INVALID_SIDE")
    return side


def read(configuration: Any, side: int, book: int, figures: Figures, now: int) -> Wanted:
    """Read an order_configuration.

    raises  Failure; Refusal where it is no configuration at all
    """
    if not isinstance(configuration, dict) or len(configuration) != 1:
        raise invalid("order_configuration is to hold one configuration")
    ((kind, terms),) = configuration.items()
    if not isinstance(terms, dict):
        raise invalid(f"order_configuration.{kind[:40]} is no object")
    if kind == MARKET_IOC:
        return _market(terms, side, book, figures)
    if kind not in TIMES:
        raise Failure("UNSUPPORTED_ORDER_CONFIGURATION", f"{kind[:40]} is not supported; there are {MARKET_IOC}, {', '.join(TIMES)}")
    if "quote_size" in terms:
        raise Failure("UNSUPPORTED_ORDER_CONFIGURATION", f"{kind} takes base_size, not quote_size")
    order_type, time_in_force, trigger, ends, bracket = LIMIT, TIMES[kind], 0, 0, 0
    if kind in (STOP_GTC, STOP_GTD):
        direction, trigger = text_of(terms, "stop_direction", STOP_UP if side == BUY else STOP_DOWN), price_of(figures, text_of(terms, "stop_price"))
        if direction not in (STOP_UP, STOP_DOWN):
            raise invalid(f"stop_direction is {direction[:40]!r}; expected {STOP_UP} or {STOP_DOWN}")
        order_type = STOP_LIMIT if (direction == STOP_UP) == (side == BUY) else TAKE_PROFIT_LIMIT
    elif kind in (LIMIT_GTC, LIMIT_GTD) and flag_of(terms, "post_only"):
        time_in_force = POST_ONLY
    if kind in WITH_END:
        ends = _end(text_of(terms, "end_time"), now)
    price, size = price_of(figures, text_of(terms, "limit_price")), size_of(figures, text_of(terms, "base_size"))
    if kind in (BRACKET_GTC, BRACKET_GTD):
        bracket = price_of(figures, text_of(terms, "stop_trigger_price"))
        if (bracket - price) * side <= 0:
            raise Failure("INVALID_REQUEST", "stop_trigger_price is to be above limit_price to buy, below it to sell", "PREVIEW_INVALID_STOP_PRICE")
    return Wanted(book, side, order_type, time_in_force, price, size, trigger, ends, bracket)


def price_of(figures: Figures, written: str) -> int:
    """A price in ticks. Raises Failure."""
    _number(written, "price")
    try:
        return figures.listing.ticks(written)
    except FilterFailed as failed:
        reason = "INVALID_PRICE_PRECISION" if len(written.partition(".")[2].rstrip("0")) > figures.listing.price_decimals else "INVALID_LIMIT_PRICE"
        raise Failure(reason, str(failed), f"PREVIEW_{reason}") from None


def size_of(figures: Figures, written: str) -> int:
    """A size in lots. Raises Failure."""
    _number(written, "size")
    try:
        return figures.listing.lots(written)
    except FilterFailed as failed:
        raise Failure("INVALID_SIZE_PRECISION", str(failed), "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL") from None


def _market(terms: dict[str, Any], side: int, book: int, figures: Figures) -> Wanted:
    if ("quote_size" in terms) == ("base_size" in terms):
        raise Failure("UNSUPPORTED_ORDER_CONFIGURATION", f"{MARKET_IOC} takes one of quote_size and base_size")
    if "base_size" in terms:
        return Wanted(book, side, MARKET, IOC, 0, size_of(figures, text_of(terms, "base_size")), 0, 0)
    written = text_of(terms, "quote_size")
    _number(written, "quote_size")
    try:
        amount = figures.listing.amount(written)
    except FilterFailed as failed:
        small = failed.filter == "MIN_NOTIONAL"
        preview = "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL" if small else "PREVIEW_INVALID_QUOTE_SIZE_PRECISION"
        raise Failure("INVALID_REQUEST" if small else "INVALID_SIZE_PRECISION", str(failed), preview) from None
    return Wanted(book, side, MARKET_AMOUNT, IOC, 0, amount, 0, 0)


def _number(written: str, what: str) -> None:
    """That a text is a plain decimal above 0. Raises Failure."""
    if len(written) > MOST_DIGITS or not written.isascii() or not written.replace(".", "", 1).isdigit() or not written.strip("0."):
        raise Failure("INVALID_REQUEST", f"{what} is {written[:MOST_DIGITS]!r}; expected a decimal number above 0")


def _end(written: str, now: int) -> int:
    try:
        ends = moment(written)
    except ValueError as cause:
        raise invalid(f"end_time: {cause}") from None
    if not now < ends < 2**62:
        raise Failure("INVALID_REQUEST", f"end_time is {written}; expected a time to come", "PREVIEW_INVALID_END_TIME")
    return ends
