"""Binance stream payloads as typed structs, with the venue's one-letter names given whole.

A combined stream wraps each in {"stream", "data"}; a raw stream sends it bare. Times are milliseconds.
"""

from typing import Annotated, Any, Generic, TypeVar

import msgspec

Payload = TypeVar("Payload")
Id = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Millis = Annotated[int, msgspec.Meta(ge=0, lt=2**63 // 10**6)]
Levels = list[tuple[str, str]]  # (price, quantity), quantities absolute


class Wrapped(msgspec.Struct, Generic[Payload], gc=False):
    """One message of a combined stream."""

    data: Payload


class DepthUpdate(msgspec.Struct, gc=False):
    """The changes of a book between two update ids, both included."""

    first_id: Id = msgspec.field(name="U")
    last_id: Id = msgspec.field(name="u")
    event_ms: Millis = msgspec.field(name="E")
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")
    previous_id: Annotated[int, msgspec.Meta(ge=-1, lt=2**62)] = msgspec.field(name="pu", default=-1)  # futures: last_id of the update before
    transaction_ms: Millis = msgspec.field(name="T", default=0)  # futures


class DepthSnapshot(msgspec.Struct, gc=False):
    """A whole book, down to the depth that was asked for."""

    last_id: Id = msgspec.field(name="lastUpdateId")
    bids: msgspec.Raw  # best first, each as in Levels
    asks: msgspec.Raw
    transaction_ms: Millis = msgspec.field(name="T", default=0)  # futures
    symbol: str = ""  # coin-margined futures


class Trade(msgspec.Struct, gc=False):
    """One trade. `buyer_is_maker` means that the taker sold."""

    id: Id = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    trade_ms: Millis = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")
    origin: str = msgspec.field(name="X", default="MARKET")  # futures: also INSURANCE_FUND, ADL, NA


class AggregateTrade(msgspec.Struct, gc=False):
    """The trades of one taker order at one price."""

    id: Id = msgspec.field(name="a")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    trade_ms: Millis = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")
    origin: str = "MARKET"


class BookTicker(msgspec.Struct, gc=False):
    """The best bid and ask after update `id` of the book. Spot gives no time."""

    id: Id = msgspec.field(name="u")
    bid: str = msgspec.field(name="b")
    bid_quantity: str = msgspec.field(name="B")
    ask: str = msgspec.field(name="a")
    ask_quantity: str = msgspec.field(name="A")
    transaction_ms: Millis = msgspec.field(name="T", default=0)  # futures


class Envelope(msgspec.Struct):
    """Just enough of any message to know what it is."""

    stream: str = ""
    event: str = msgspec.field(name="e", default="")
    symbol: str = msgspec.field(name="s", default="")
    update_id: int = msgspec.field(name="u", default=-1)
    snapshot_id: int = msgspec.field(name="lastUpdateId", default=-1)
    answers: Any = msgspec.field(name="id", default=None)  # the request this answers
