"""What Kraken's socket (v2) answers to requests, and the channels that feeds leave out: the book order by order, candles.

Numbers come without quotes: Decimals of the same digits.
"""

from decimal import Decimal
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

Result = TypeVar("Result")


class Answer(msgspec.Struct, Generic[Result]):
    """The answer to a request: a result, or an error."""

    method: str
    success: bool
    time_in: str
    time_out: str
    req_id: int = 0
    result: Result | None = None
    error: str = ""


class PlacedOrder(msgspec.Struct):
    """What became of an order."""

    order_id: str = ""
    cl_ord_id: str = ""
    order_userref: int = 0
    success: bool = True
    error: str = ""


class PlacedOrders(msgspec.Struct):
    """What became of some orders, each by itself."""

    orders: list[PlacedOrder]


class Subscription(msgspec.Struct):
    """What is subscribed to now."""

    channel: str
    symbol: str = ""
    snapshot: bool = True
    depth: int = 0


class Pong(msgspec.Struct):
    """The answer to a ping."""

    method: Literal["pong"]
    time_in: str
    time_out: str
    req_id: int = 0


class RestingOrder(msgspec.Struct):
    """One order of the book; changes say what happened to it."""

    order_id: str
    limit_price: Decimal
    order_qty: Decimal
    timestamp: str
    event: Literal["add", "modify", "delete"] | None = None


class OrderBook(msgspec.Struct):
    """A book order by order, or its changes."""

    symbol: str
    checksum: int
    bids: list[RestingOrder]
    asks: list[RestingOrder]
    timestamp: str = ""


class Candle(msgspec.Struct):
    """A candle as it grows."""

    symbol: str
    interval: int  # minutes
    interval_begin: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal
    trades: int


class OrdersFrame(msgspec.Struct, tag_field="channel", tag="level3"):
    """channel "level3"."""

    type: Literal["snapshot", "update"]
    data: list[OrderBook]


class CandlesFrame(msgspec.Struct, tag_field="channel", tag="ohlc"):
    """channel "ohlc"."""

    type: Literal["snapshot", "update"]
    data: list[Candle]


SOCKET_DOCUMENTS: Final[dict[str, Any]] = {
    "added": Answer[PlacedOrder],
    "all added": Answer[PlacedOrders],
    "subscribed": Answer[Subscription],
    "pong": Pong,
    "channel": OrdersFrame | CandlesFrame,
}
