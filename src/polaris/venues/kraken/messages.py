"""Kraken's frames as typed structs. v2 sends numbers without quotes: they are kept as the text they are.

v1 sends arrays, [channel id, content, (more content,) channel name, pair], and objects with an `event`.
"""

from typing import Annotated, Any, Literal

import msgspec

Checksum = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class Level(msgspec.Struct, gc=False):
    """One level of a v2 book; qty 0 removes it."""

    price: msgspec.Raw
    qty: msgspec.Raw


class Book(msgspec.Struct, gc=False):
    """A whole v2 book or its changes; the checksum is of the book that they make."""

    symbol: str
    checksum: Checksum
    bids: list[Level] = []
    asks: list[Level] = []
    timestamp: str = ""


class Trade(msgspec.Struct, gc=False):
    """One v2 trade; `side` is the taker's."""

    symbol: str
    side: Literal["buy", "sell"]
    price: msgspec.Raw
    qty: msgspec.Raw
    trade_id: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
    timestamp: str


class Ticker(msgspec.Struct, gc=False):
    """The best bid and ask of a v2 pair."""

    symbol: str
    bid: msgspec.Raw
    bid_qty: msgspec.Raw
    ask: msgspec.Raw
    ask_qty: msgspec.Raw
    timestamp: str = ""


class BookFrame(msgspec.Struct, gc=False):
    """channel "book"."""

    type: Literal["snapshot", "update"]
    data: list[Book]


class TradeFrame(msgspec.Struct, gc=False):
    """channel "trade": the snapshot is of trades before the subscription."""

    type: Literal["snapshot", "update"]
    data: list[Trade]


class TickerFrame(msgspec.Struct, gc=False):
    """channel "ticker"."""

    type: Literal["snapshot", "update"]
    data: list[Ticker]


class Frame(msgspec.Struct):
    """Just enough of any v2 frame to know what it is."""

    channel: str = ""
    method: str = ""
    success: bool = True
    error: str = ""


class V1Event(msgspec.Struct):
    """A v1 object."""

    event: str
    status: str = ""
    pair: str = ""


class V1Book(msgspec.Struct, gc=False):
    """A whole v1 book (as, bs) or changes of it (a, b); c is the checksum, in the last part of a frame. A level: price, volume, time."""

    whole_asks: list[list[str]] | None = msgspec.field(name="as", default=None)
    whole_bids: list[list[str]] | None = msgspec.field(name="bs", default=None)
    asks: list[list[str]] = msgspec.field(name="a", default_factory=list)
    bids: list[list[str]] = msgspec.field(name="b", default_factory=list)
    checksum: str = msgspec.field(name="c", default="")


class V1Ticker(msgspec.Struct, gc=False):
    """The best bid and ask of a v1 pair: price, whole lots, lots."""

    bid: tuple[str, Any, str] = msgspec.field(name="b")
    ask: tuple[str, Any, str] = msgspec.field(name="a")


V1_BOOK: Any = msgspec.json.Decoder(V1Book)
V1_TICKER: Any = msgspec.json.Decoder(V1Ticker)
V1_TRADES: Any = msgspec.json.Decoder(list[list[str]])  # price, volume, time, side of the taker, type, misc
V1_ARRAY: Any = msgspec.json.Decoder(Annotated[list[msgspec.Raw], msgspec.Meta(min_length=4)])
V1_EVENT: Any = msgspec.json.Decoder(V1Event)
TEXT: Any = msgspec.json.Decoder(str)
FRAME: Any = msgspec.json.Decoder(Frame)
BOOK: Any = msgspec.json.Decoder(BookFrame)
TRADE: Any = msgspec.json.Decoder(TradeFrame)
TICKER: Any = msgspec.json.Decoder(TickerFrame)
