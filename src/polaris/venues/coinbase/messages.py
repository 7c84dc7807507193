"""Coinbase Advanced Trade frames as typed structs: {channel, timestamp, sequence_num, events}.

`channel` tells them apart. What a channel has beyond these fields is skipped by the decoder. Channels we leave out
are named here all the same, so that a channel nobody knows stands out.
"""

from typing import Annotated, Any, Literal

import msgspec

Sequence = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class Frame(msgspec.Struct, gc=False, tag_field="channel"):
    """What every frame has. `sequence_num` counts every frame of the connection, over all channels, from 0."""

    sequence_num: Sequence


class LevelUpdate(msgspec.Struct, gc=False):
    """One level, absolute. The ask side is spelled "offer"."""

    side: Literal["bid", "offer"]
    event_time: str
    price_level: str
    new_quantity: str


class Level2Event(msgspec.Struct, gc=False):
    """A whole book, or changes of it."""

    type: Literal["snapshot", "update"]
    product_id: str
    updates: list[LevelUpdate] = []


class Level2(Frame, tag="l2_data", gc=False):
    """The channel that is subscribed to as "level2"."""

    events: list[Level2Event]


class MarketTrade(msgspec.Struct, gc=False):
    """One trade. `side` is the MAKER's: SELL means that the taker bought."""

    product_id: str
    trade_id: str
    price: str
    size: str
    time: str
    side: Literal["BUY", "SELL"]


class TradesEvent(msgspec.Struct, gc=False):
    """New trades ("update"), or the last ones before the subscription ("snapshot")."""

    type: Literal["snapshot", "update"]
    trades: list[MarketTrade] = []


class MarketTrades(Frame, tag="market_trades", gc=False):
    """Trades as they happen."""

    events: list[TradesEvent]


class Tick(msgspec.Struct, gc=False):
    """The best bid and ask at a trade."""

    product_id: str
    best_bid: str
    best_bid_quantity: str
    best_ask: str
    best_ask_quantity: str


class TickerEvent(msgspec.Struct, gc=False):
    """Some products' tops."""

    tickers: list[Tick] = []


class Ticker(Frame, tag="ticker", gc=False):
    """A summary at every trade."""

    timestamp: str
    events: list[TickerEvent]


class Heartbeats(Frame, tag="heartbeats", gc=False):
    """Once a second: it keeps quiet subscriptions open and the sequence moving."""


class Subscriptions(Frame, tag="subscriptions", gc=False):
    """What we are subscribed to: the answer to every subscribe and unsubscribe."""


class Candles(Frame, tag="candles", gc=False):
    """Five-minute candles: left out."""


class TickerBatch(Frame, tag="ticker_batch", gc=False):
    """Tickers every five seconds: left out."""


class Status(Frame, tag="status", gc=False):
    """Products and currencies: left out."""


AnyFrame = Level2 | MarketTrades | Ticker | Heartbeats | Subscriptions | Candles | TickerBatch | Status


class Damaged(msgspec.Struct):
    """What can be saved of a frame that is no `AnyFrame`."""

    channel: str = ""
    sequence_num: Annotated[int, msgspec.Meta(ge=-1, lt=2**62)] = -1
    events: list[dict[str, Any]] = []
