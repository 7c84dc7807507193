"""Gemini's frames as typed structs (market data v2).

`type` tells the frames apart. An l2 frame that holds `trades` is a whole book; every other one is a change. No frame
is numbered.
"""

from typing import Annotated, Any, Literal

import msgspec

Number = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=2**63 // 1_000_000 - 1)]
Change = tuple[Literal["buy", "sell"], str, str]  # side, price, quantity; absolute


class Trade(msgspec.Struct, gc=False, tag="trade"):
    """A trade; `side` is the taker's, `tid` rises."""

    symbol: str
    side: Literal["buy", "sell"]
    price: str
    quantity: str
    tid: Number
    timestamp: Milliseconds
    event_id: Number = 0


class L2Updates(msgspec.Struct, gc=False, tag="l2_updates"):
    """A whole book with the last trades, oldest first, or changes of one."""

    symbol: str
    changes: list[Change]
    trades: list[Trade] | None = None
    auction_events: list[Any] = []


class Heartbeat(msgspec.Struct, gc=False, tag="heartbeat"):
    """Every five seconds: the connection lives."""

    timestamp: Milliseconds = 0


AnyFrame = L2Updates | Trade | Heartbeat


class Envelope(msgspec.Struct):
    """What can be told of a frame that is no `AnyFrame`."""

    type: str = ""
