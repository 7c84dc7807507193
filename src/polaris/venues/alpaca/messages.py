"""Alpaca's stream as typed structs: every frame is a list of messages, `T` tells them apart.

Numbers come without quotes and are kept as the text they are. What is only counted has no fields here.
"""

from typing import Annotated, Any, Final

import msgspec

Number = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class Trade(msgspec.Struct, gc=False, tag_field="T", tag="t"):
    """A trade. Nobody says who took: the tape has no such field."""

    symbol: str = msgspec.field(name="S")
    id: Number = msgspec.field(name="i")
    price: msgspec.Raw = msgspec.field(name="p")
    size: msgspec.Raw = msgspec.field(name="s")
    time: str = msgspec.field(name="t")
    exchange: str = msgspec.field(name="x", default="")
    conditions: list[str] = msgspec.field(name="c", default_factory=list)
    tape: str = msgspec.field(name="z", default="")


class Bar(msgspec.Struct, gc=False, tag_field="T", tag="b"):
    """A minute that has ended; `t` is its START. One without trades has no bar."""

    symbol: str = msgspec.field(name="S")
    open: msgspec.Raw = msgspec.field(name="o")
    high: msgspec.Raw = msgspec.field(name="h")
    low: msgspec.Raw = msgspec.field(name="l")
    close: msgspec.Raw = msgspec.field(name="c")
    volume: msgspec.Raw = msgspec.field(name="v")
    time: str = msgspec.field(name="t")
    trades: int = msgspec.field(name="n", default=0)
    average: msgspec.Raw = msgspec.field(name="vw", default=msgspec.Raw(b"0"))


class Success(msgspec.Struct, gc=False, tag_field="T", tag="success"):
    """ "connected", then "authenticated"."""

    msg: str


class Error(msgspec.Struct, gc=False, tag_field="T", tag="error"):
    """A request that was refused, or why the connection will end."""

    code: int
    msg: str = ""


class Subscription(msgspec.Struct, gc=False, tag_field="T", tag="subscription"):
    """Everything we are subscribed to now: the answer to every subscribe."""

    trades: list[str] = []
    bars: list[str] = []
    quotes: list[str] = []
    updatedBars: list[str] = []
    dailyBars: list[str] = []
    statuses: list[str] = []
    lulds: list[str] = []
    corrections: list[str] = []
    cancelErrors: list[str] = []


class Other(msgspec.Struct):
    """Any message, by its type: what we leave out, and what nobody knows."""

    type: str = msgspec.field(name="T", default="")
    symbol: Any = msgspec.field(name="S", default="")


AnyMessage = Trade | Bar | Success | Error | Subscription

LEFT_OUT: Final = {
    "u": "updated bar",
    "d": "daily bar",
    "q": "quote",
    "s": "trading status",
    "l": "price band",
    "c": "trade correction",
    "x": "trade cancelled",
    "i": "imbalance",
    "n": "news",
}
