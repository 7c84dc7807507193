"""A new order as Binance's parameters ask for it, read and checked into the fields of a command.

What can be judged without the book is judged here, with Binance's own codes; the rest is the core's. The parameters of a list's
legs have a prefix (`abovePrice`, `pendingBelowStopPrice`), so an order is read by its prefix; a lone order has none.
Source: Binance spot API documentation, "New order", "New order list", "Enums".
"""

import secrets
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
    client_id: str
    number: int

    def command(self, order_id: int, account: int, role: int = ALONE) -> bytes:
        """As the core takes it."""
        return command(
            SUBMIT, order_id=order_id, book=self.book, side=self.side, order_type=self.order_type, time_in_force=self.time_in_force, price=self.price,
            quantity=self.quantity, trigger=self.trigger, display=self.display, account=account, prevention=self.prevention, role=role,
        )  # fmt: skip


def read(call: Call, figures: Figures, book: int, prefix: str = "", side: str = "", quantity: str = "", time_in_force: str = "") -> Wanted:
    """Read the order of this prefix.

    side, quantity, time_in_force  names of parameters that a list's legs share, where they do
    raises                         Refusal
    """

    def name_of(name: str) -> str:
        return prefix + name[0].upper() + name[1:] if prefix else name

    side_name = side or name_of("side")
    side_text = call.text(side_name)
    if side_text not in SIDES:
        raise Refusal(-1117, "Invalid side.")
    kind = call.text(name_of("type"))
    if kind not in TYPES:
        raise Refusal(-1116, "Invalid orderType.")
    order_type, amount = TYPES[kind], False
    time = _time_in_force(call, kind, time_in_force or name_of("timeInForce"))
    price = trigger = display = 0
    if kind in LIMITED:
        price = _price(call, figures, name_of("price"))
    else:
        _absent(call, name_of("price"))
    if kind in TRIGGERED:
        trail = call.optional(name_of("trailingDelta"))
        if trail is not None:
            if order_type not in (STOP, STOP_LIMIT):
                raise Refusal(-1014, "Unsupported order combination.")
            order_type = TRAILING_STOP if order_type == STOP else TRAILING_STOP_LIMIT
            display = -call.integer(name_of("trailingDelta"), low=1, high=MOST_TRAIL)
            _absent(call, name_of("icebergQty"))
        if trail is None or call.optional(name_of("stopPrice")) is not None:
            trigger = _price(call, figures, name_of("stopPrice"))
    else:
        _absent(call, name_of("stopPrice"), name_of("trailingDelta"))
    quantity_name = quantity or name_of("quantity")
    if kind == "MARKET" and not prefix and call.optional("quoteOrderQty") is not None:
        _absent(call, quantity_name)
        amount = True
        quantity_lots = _amount(call, figures)
        order_type = MARKET_AMOUNT
    else:
        _absent(call, name_of("quoteOrderQty"))
        quantity_lots = lots(call, figures, quantity_name)
    iceberg = call.decimal(name_of("icebergQty"))
    if iceberg is not None and not amount and iceberg.strip("0.") != "":
        if kind not in LIMITED or time not in (GTC, POST_ONLY):
            raise errors.unneeded(name_of("icebergQty"))
        display = lots(call, figures, name_of("icebergQty"))
        if display > quantity_lots:
            raise errors.no_new_order("IcebergQty exceeds QTY.")
    prevention = call.choice("selfTradePreventionMode", PREVENTIONS, "NONE")
    return Wanted(
        kind, book, SIDES[side_text], order_type, time, price, quantity_lots, trigger, display, PREVENTIONS[prevention],
        call.client_id(name_of("clientOrderId") if prefix else "newClientOrderId") or new_name(), strategy(call, name_of("strategyId"), name_of("strategyType")),
    )  # fmt: skip


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
    """(strategyId, strategyType) of an order's number."""
    name, kind = number & (STRATEGIES - 1), number >> 40
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


def _price(call: Call, figures: Figures, name: str) -> int:
    text = _number(call, name)
    if not text.strip("0."):
        raise Refusal(errors.FILTER, "Invalid price.")
    try:
        return figures.listing.ticks(text)
    except FilterFailed as failed:
        raise errors.filter_failed(failed.filter) from None


def lots(call: Call, figures: Figures, name: str) -> int:
    """A quantity in lots. Raises Refusal where it is missing, or no quantity of this book."""
    text = _number(call, name)
    if not text.strip("0."):
        raise Refusal(errors.FILTER, "Invalid quantity.")
    try:
        return figures.listing.lots(text)
    except FilterFailed as failed:
        raise errors.filter_failed(failed.filter) from None


def _amount(call: Call, figures: Figures) -> int:
    try:
        return figures.listing.amount(_number(call, "quoteOrderQty"))
    except FilterFailed as failed:
        raise errors.filter_failed("NOTIONAL" if failed.filter == "MIN_NOTIONAL" else failed.filter) from None


def _number(call: Call, name: str) -> str:
    text = call.decimal(name)
    if text is None:
        raise errors.missing(name)
    _, _, part = text.partition(".")
    if len(part.rstrip("0")) > DECIMALS:
        raise errors.too_precise(name)
    return text


def _absent(call: Call, *names: str) -> None:
    for name in names:
        if call.params.get(name) is not None:
            raise errors.unneeded(name)
