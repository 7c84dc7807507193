"""A new order as Binance's parameters ask for it, read and checked into the fields of a command.

What can be judged without the book is judged here, with Binance's own codes; the rest is the core's. The parameters of a list's
legs have a prefix (`abovePrice`, `pendingBelowStopPrice`), so an order is read by its prefix; a lone order has none.
Source: Binance spot API documentation, "New order", "New order list", "Enums".
"""

import secrets
from functools import lru_cache
from typing import Final, NamedTuple

from polaris.domain.orders import BUY, SELL
from polaris.exchange.gateway.binance import errors
from polaris.exchange.gateway.binance.call import Call
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.venue import command
from polaris.exchange.listing import FilterFailed
from polaris.exchange.words import (
    ALONE,
    DECREMENT,
    EXPIRE_BOTH,
    EXPIRE_MAKER,
    EXPIRE_TAKER,
    FOK,
    FROM_WORSE,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    MARKET_AMOUNT,
    NO_PREVENTION,
    POST_ONLY,
    STOP,
    STOP_LIMIT,
    SUBMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TRAILING_STOP,
    TRAILING_STOP_LIMIT,
)

SIDES: Final = {"BUY": BUY, "SELL": SELL}
TIMES: Final = {"GTC": GTC, "IOC": IOC, "FOK": FOK}
PREVENTIONS: Final = {
    "NONE": NO_PREVENTION, "EXPIRE_TAKER": EXPIRE_TAKER, "EXPIRE_MAKER": EXPIRE_MAKER, "EXPIRE_BOTH": EXPIRE_BOTH, "DECREMENT": DECREMENT,
}  # fmt: skip
TYPES: Final = {
    "LIMIT": LIMIT, "LIMIT_MAKER": LIMIT, "MARKET": MARKET, "STOP_LOSS": STOP, "STOP_LOSS_LIMIT": STOP_LIMIT, "TAKE_PROFIT": TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": TAKE_PROFIT_LIMIT,
}  # fmt: skip
LIMITED: Final = frozenset({"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})  # have a price
TIMED: Final = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})  # have a time in force
TRIGGERED: Final = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
RESPONSES: Final = ("ACK", "RESULT", "FULL")
MOST_TRAIL: Final = 9_999  # basis points
DECIMALS: Final = 8  # a number with more is too precise, whatever the book
LEAST_STRATEGY_TYPE: Final = 1_000_000
STRATEGY_TYPES: Final = 1 << 22  # kinds of strategy that can be told apart
STRATEGIES: Final = 1 << 40
TRAILS_PROFIT: Final = 1 << 62  # in an order's number: a trailing order that was asked for as a take-profit


NUMBERS: Final = 1 << 16  # texts known to be numbers
_numbers: set[str] = set()


class Wanted(NamedTuple):
    """A new order: the fields of its command, its name and its number."""

    name: str  # the type as asked: STOP_LOSS
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

    def command(self, order_id: int, account: int, role: int = ALONE) -> bytes:
        """As the core takes it."""
        return command(
            SUBMIT, order_id=order_id, book=self.book, side=self.side, order_type=self.order_type, time_in_force=self.time_in_force, price=self.price,
            quantity=self.quantity, trigger=self.trigger, display=self.display, account=account, prevention=self.prevention, flags=self.flags, role=role,
        )  # fmt: skip


class _Names(NamedTuple):
    """The names of one order's parameters."""

    side: str
    kind: str
    time_in_force: str
    price: str
    quantity: str
    amount: str
    stop: str
    trail: str
    iceberg: str
    client_id: str
    strategy: str
    strategy_type: str


@lru_cache
def _names(prefix: str, side: str, quantity: str) -> _Names:
    own = ("side", "type", "timeInForce", "price", "quantity", "quoteOrderQty", "stopPrice", "trailingDelta", "icebergQty", "clientOrderId", "strategyId", "strategyType")
    names = _Names._make(prefix + name[0].upper() + name[1:] if prefix else name for name in own)
    return names._replace(side=side or names.side, quantity=quantity or names.quantity, client_id=names.client_id if prefix else "newClientOrderId")


def read(call: Call, figures: Figures, book: int, prefix: str = "", side: str = "", quantity: str = "") -> Wanted:
    """Read the order of this prefix.

    side, quantity  names of parameters that a list's legs share, where they do
    raises          Refusal
    """
    names, params = _names(prefix, side, quantity), call.params
    side_of = SIDES.get(call.text(names.side))
    if side_of is None:
        raise Refusal(-1117, "Invalid side.")
    kind = call.text(names.kind)
    order_type = TYPES.get(kind)
    if order_type is None:
        raise Refusal(-1116, "Invalid orderType.")
    time = _time_in_force(call, kind, names.time_in_force)
    price = trigger = display = flags = 0
    if kind in LIMITED:
        price = _price(call, figures, names.price)
    else:
        _absent(call, names.price)
    if kind in TRIGGERED:
        order_type, trigger, display, flags = _trigger(call, figures, names, order_type)
    elif names.stop in params or names.trail in params:
        _absent(call, names.stop, names.trail)
    by_amount = kind == "MARKET" and not prefix and names.amount in params
    _absent(call, names.quantity if by_amount else names.amount)
    if by_amount:
        order_type, many = MARKET_AMOUNT, _amount(call, figures)
    else:
        many = lots(call, figures, names.quantity)
    if names.iceberg in params:
        display = display or _iceberg(call, figures, names, many, kind in LIMITED and time in (GTC, POST_ONLY))
    prevention = PREVENTIONS[call.choice("selfTradePreventionMode", PREVENTIONS, "NONE")] if "selfTradePreventionMode" in params else NO_PREVENTION
    number = strategy(call, names.strategy, names.strategy_type) if names.strategy in params or names.strategy_type in params else 0
    if order_type in (TRAILING_STOP, TRAILING_STOP_LIMIT) and TYPES[kind] in (TAKE_PROFIT, TAKE_PROFIT_LIMIT):
        number |= TRAILS_PROFIT
    return Wanted(kind, book, side_of, order_type, time, price, many, trigger, display, prevention, flags, call.client_id(names.client_id) or new_name(), number)


def new_name() -> str:
    """A client id for who gave none."""
    return secrets.token_urlsafe(16)


def response(call: Call, kind: str) -> str:
    """How much of the order its answer tells: ACK, RESULT, FULL."""
    return call.choice("newOrderRespType", RESPONSES, "FULL" if kind in ("LIMIT", "MARKET") else "ACK")


def strategy(call: Call, name: str, type_name: str) -> int:
    """A strategy's id and type in one number: -1 where it is not sent is 0. `strategy_of` reads it."""
    number = call.integer(name, -1, high=STRATEGIES - 2) + 1
    kind = call.integer(type_name, -1) + 1
    if kind:
        if kind <= LEAST_STRATEGY_TYPE:
            raise Refusal(-1134, "strategyType was less than 1000000.")
        kind -= LEAST_STRATEGY_TYPE
        if kind >= STRATEGY_TYPES:
            raise errors.not_valid(type_name)
    return number | kind << 40


def strategy_of(number: int) -> tuple[int | None, int | None]:
    """(strategyId, strategyType) of an order's number; another dialect's, which has none, is below 0."""
    if number < 0:
        return None, None
    name, kind = number & (STRATEGIES - 1), number >> 40 & (STRATEGY_TYPES - 1)
    return (name - 1 if name else None), (kind - 1 + LEAST_STRATEGY_TYPE if kind else None)


def _time_in_force(call: Call, kind: str, name: str) -> int:
    sent = call.optional(name)
    if kind in TIMED:
        if sent is None:
            raise errors.missing(name)
        if sent not in TIMES:
            raise Refusal(-1115, "Invalid timeInForce.")
        return TIMES[sent]
    if sent is not None:
        raise errors.unneeded(name)
    return POST_ONLY if kind == "LIMIT_MAKER" else IOC


def _trigger(call: Call, figures: Figures, names: _Names, order_type: int) -> tuple[int, int, int, int]:
    """(order type, trigger, trail as the core takes it, flags) of an order that waits for a price.

    A trailing order begins to follow at its stop price: a take-profit where that is good for it, a stop-loss where it is bad.
    Source: Binance spot API documentation, "Spot Trailing Stop order FAQ".
    """
    trail = call.optional(names.trail)
    if trail is None:
        return order_type, _price(call, figures, names.stop), 0, 0
    _absent(call, names.iceberg)
    basis_points = call.integer(names.trail)
    if not 1 <= basis_points <= MOST_TRAIL:
        raise errors.filter_failed("TRAILING_DELTA")
    activation = _price(call, figures, names.stop) if call.optional(names.stop) is not None else 0
    flags = FROM_WORSE if activation and order_type in (STOP, STOP_LIMIT) else 0
    return TRAILING_STOP if order_type in (STOP, TAKE_PROFIT) else TRAILING_STOP_LIMIT, activation, -basis_points, flags


def _iceberg(call: Call, figures: Figures, names: _Names, whole: int, may: bool) -> int:
    """Lots shown at a time; 0 shows all."""
    text = call.decimal(names.iceberg)
    if text is None or not text.strip("0."):
        return 0
    if not may:
        raise errors.unneeded(names.iceberg)
    shown = lots(call, figures, names.iceberg)
    if shown > whole:
        raise errors.no_new_order("IcebergQty exceeds QTY.")
    return shown


def _price(call: Call, figures: Figures, name: str) -> int:
    """A price in ticks. Most are asked for again and again, so what a text stands for is remembered."""
    try:
        return _ticks(figures, _number(call, name))
    except FilterFailed as failed:
        raise errors.filter_failed(failed.filter) from None
    except ValueError:
        raise Refusal(errors.FILTER, "Invalid price.") from None


def lots(call: Call, figures: Figures, name: str) -> int:
    """A quantity in lots. Raises Refusal where it is missing, or no quantity of this book."""
    try:
        return _lots(figures, _number(call, name))
    except FilterFailed as failed:
        raise errors.filter_failed(failed.filter) from None
    except ValueError:
        raise Refusal(errors.FILTER, "Invalid quantity.") from None


@lru_cache(1 << 16)
def _ticks(figures: Figures, text: str) -> int:
    if not text.strip("0."):
        raise ValueError(text)
    return figures.listing.ticks(text)


@lru_cache(1 << 16)
def _lots(figures: Figures, text: str) -> int:
    if not text.strip("0."):
        raise ValueError(text)
    return figures.listing.lots(text)


def _amount(call: Call, figures: Figures) -> int:
    try:
        return figures.listing.amount(_number(call, "quoteOrderQty"))
    except FilterFailed as failed:
        raise errors.filter_failed("NOTIONAL" if failed.filter == "MIN_NOTIONAL" else failed.filter) from None


def _number(call: Call, name: str) -> str:
    text = call.params.get(name)
    if text not in _numbers:
        text = call.decimal(name)
        if text is None:
            raise errors.missing(name)
        if len(text.partition(".")[2].rstrip("0")) > DECIMALS:
            raise errors.too_precise(name)
        if len(_numbers) > NUMBERS:
            _numbers.clear()
        _numbers.add(text)
    return text


def _absent(call: Call, *names: str) -> None:
    for name in names:
        if call.params.get(name) is not None:
            raise errors.unneeded(name)
