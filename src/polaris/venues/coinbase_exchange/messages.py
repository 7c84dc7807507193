"""Coinbase Exchange frames as typed structs.

`type` tells the frames apart. Trades, tickers and heartbeats carry numbers of their product; a book's frames carry none.
"""

from typing import Annotated, Any, Literal

import msgspec

Number = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Side = Literal["buy", "sell"]
Change = tuple[Side, str, str]  # side, price, size; absolute


class Snapshot(msgspec.Struct, gc=False, tag="snapshot"):
    """A whole book; both sides are lists of [price, size], best first, kept as text."""

    product_id: str
    bids: msgspec.Raw
    asks: msgspec.Raw
    time: str = ""


class L2Update(msgspec.Struct, gc=False, tag="l2update"):
    """Changes of a book within fifty milliseconds."""

    product_id: str
    changes: list[Change]
    time: str


class Match(msgspec.Struct, gc=False, tag="match"):
    """A trade. `side` is the MAKER's; `trade_id` counts the product's trades without a hole."""

    product_id: str
    trade_id: Number
    price: str
    size: str
    time: str
    side: Side
    sequence: Number = 0
    maker_order_id: str = ""
    taker_order_id: str = ""


class LastMatch(Match, gc=False, tag="last_match"):
    """The newest trade before the subscription."""


class Ticker(msgspec.Struct, gc=False, tag="ticker"):
    """The best bid and ask at a trade. `side` is the TAKER's, unlike a match's."""

    product_id: str
    best_bid: str
    best_bid_size: str
    best_ask: str
    best_ask_size: str
    time: str
    sequence: Number = 0
    trade_id: Number = 0
    price: str = ""
    last_size: str = ""
    side: str = ""
    open_24h: str = ""
    low_24h: str = ""
    high_24h: str = ""
    volume_24h: str = ""
    volume_30d: str = ""


class Heartbeat(msgspec.Struct, gc=False, tag="heartbeat"):
    """Once a second a product: how far its trades and its sequence are."""

    product_id: str
    last_trade_id: Number
    sequence: Number
    time: str = ""


class Subscriptions(msgspec.Struct, gc=False, tag="subscriptions"):
    """What we are subscribed to: the answer to every subscribe and unsubscribe."""

    channels: list[Any] = []


class Error(msgspec.Struct, gc=False, tag="error"):
    """A request that was refused."""

    message: str
    reason: str = ""


AnyFrame = Snapshot | L2Update | Match | LastMatch | Ticker | Heartbeat | Subscriptions | Error


class Envelope(msgspec.Struct):
    """What can be told of a frame that is no `AnyFrame`."""

    type: str = ""
