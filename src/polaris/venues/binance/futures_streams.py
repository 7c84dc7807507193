"""What the futures' streams send: the market's messages, and what an account hears of its orders, balances and positions.

`e` tells them apart. The venue's one-letter names are given whole.
"""

from typing import Literal

import msgspec

from polaris.venues.binance.messages import Id, Millis
from polaris.venues.binance.user_stream import Side
from polaris.venues.documents import Number

PositionSide = Literal["BOTH", "LONG", "SHORT"]
Level = tuple[Number, Number]  # price, quantity


class Event(msgspec.Struct, tag_field="e"):
    """What every message of a stream has: its kind `e`, and when it was sent."""

    event_ms: Millis = msgspec.field(name="E")


class AggregateTrade(
    Event,
    tag="aggTrade",
    rename={"symbol": "s", "id": "a", "price": "p", "quantity": "q", "first_trade": "f", "last_trade": "l", "trade_ms": "T",
            "buyer_is_maker": "m", "stream_type": "st"},
):  # fmt: skip
    """The trades of one taker order at one price."""

    symbol: str
    id: Id
    price: Number
    quantity: Number
    first_trade: Id
    last_trade: Id
    trade_ms: Millis
    buyer_is_maker: bool
    stream_type: int = 0


class Trade(
    Event,
    tag="trade",
    rename={"symbol": "s", "id": "t", "price": "p", "quantity": "q", "trade_ms": "T", "buyer_is_maker": "m"},
):
    """One trade."""

    symbol: str
    id: Id
    price: Number
    quantity: Number
    trade_ms: Millis
    buyer_is_maker: bool


class BookTicker(
    Event,
    tag="bookTicker",
    rename={"id": "u", "symbol": "s", "bid": "b", "bid_quantity": "B", "ask": "a", "ask_quantity": "A", "transaction_ms": "T",
            "stream_type": "st", "pair": "ps"},
):  # fmt: skip
    """The best bid and ask after update `id` of the book."""

    id: Id
    symbol: str
    bid: Number
    bid_quantity: Number
    ask: Number
    ask_quantity: Number
    transaction_ms: Millis = 0
    stream_type: int = 0
    pair: str = ""


class DepthUpdate(
    Event,
    tag="depthUpdate",
    rename={"transaction_ms": "T", "symbol": "s", "pair": "ps", "stream_type": "st", "first_id": "U", "last_id": "u", "previous_id": "pu",
            "bids": "b", "asks": "a"},
):  # fmt: skip
    """The changes of a book; `previous_id` is the last id of the update before."""

    symbol: str
    first_id: Id
    last_id: Id
    previous_id: int
    bids: list[Level]
    asks: list[Level]
    transaction_ms: Millis = 0
    pair: str = ""
    stream_type: int = 0


class StreamCandle(
    msgspec.Struct,
    rename={"open_ms": "t", "close_ms": "T", "symbol": "s", "interval": "i", "first_trade": "f", "last_trade": "L", "open": "o", "close": "c",
            "high": "h", "low": "l", "volume": "v", "trades": "n", "closed": "x", "quote_volume": "q", "taker_buy_volume": "V",
            "taker_buy_quote_volume": "Q", "unused": "B"},
):  # fmt: skip
    """A candle, perhaps not closed yet."""

    open_ms: Millis
    close_ms: Millis
    symbol: str
    interval: str
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    trades: int
    closed: bool
    quote_volume: Number
    first_trade: int = -1
    last_trade: int = -1
    taker_buy_volume: Number = "0"
    taker_buy_quote_volume: Number = "0"
    unused: str = ""


class Candles(Event, tag="kline", rename={"symbol": "s", "candle": "k"}):
    """A candle as it grows."""

    symbol: str
    candle: StreamCandle


class Liquidation(
    msgspec.Struct,
    rename={"symbol": "s", "side": "S", "type": "o", "time_in_force": "f", "quantity": "q", "price": "p", "average_price": "ap", "status": "X",
            "last_quantity": "l", "filled_quantity": "z", "trade_ms": "T"},
):  # fmt: skip
    """The order that closes somebody's position."""

    symbol: str
    side: Side
    type: str
    time_in_force: str
    quantity: Number
    price: Number
    average_price: Number
    status: str
    last_quantity: Number
    filled_quantity: Number
    trade_ms: Millis


class ForcedOrder(Event, tag="forceOrder", rename={"order": "o"}):
    """A liquidation."""

    order: Liquidation


class MarkPrice(
    Event,
    tag="markPriceUpdate",
    rename={"symbol": "s", "mark_price": "p", "index_price": "i", "settle_price": "P", "funding_rate": "r", "next_funding_ms": "T", "stream_type": "st"},
):
    """The price that positions are valued at, and the funding to come."""

    symbol: str
    mark_price: Number
    index_price: Number
    settle_price: Number
    funding_rate: Number
    next_funding_ms: Millis
    stream_type: int = 0


class DayTicker(
    Event,
    tag="24hrTicker",
    rename={"symbol": "s", "change": "p", "change_percent": "P", "weighted_average": "w", "last_price": "c", "last_quantity": "Q", "open": "o",
            "high": "h", "low": "l", "volume": "v", "quote_volume": "q", "open_ms": "O", "close_ms": "C", "first_trade": "F", "last_trade": "L",
            "trades": "n", "stream_type": "st"},
):  # fmt: skip
    """The last 24 hours."""

    symbol: str
    change: Number
    change_percent: Number
    weighted_average: Number
    last_price: Number
    last_quantity: Number
    open: Number
    high: Number
    low: Number
    volume: Number
    quote_volume: Number
    open_ms: Millis
    close_ms: Millis
    first_trade: int
    last_trade: int
    trades: int
    stream_type: int = 0


class BalanceNow(msgspec.Struct, rename={"asset": "a", "wallet": "wb", "cross_wallet": "cw", "change": "bc"}):
    """A balance after an event; `change` is without profit and fees."""

    asset: str
    wallet: Number
    cross_wallet: Number
    change: Number = "0"


class PositionNow(
    msgspec.Struct,
    rename={"symbol": "s", "amount": "pa", "entry_price": "ep", "break_even": "bep", "realised": "cr", "unrealised": "up", "margin_type": "mt",
            "isolated_wallet": "iw", "position_side": "ps"},
):  # fmt: skip
    """A position after an event."""

    symbol: str
    amount: Number
    entry_price: Number
    unrealised: Number
    margin_type: str
    position_side: PositionSide
    break_even: Number = "0"
    realised: Number = "0"
    isolated_wallet: Number = "0"


class AccountChange(msgspec.Struct, rename={"reason": "m", "balances": "B", "positions": "P"}):
    """What changed and why."""

    reason: str
    balances: list[BalanceNow]
    positions: list[PositionNow]


class AccountUpdate(Event, tag="ACCOUNT_UPDATE", rename={"transaction_ms": "T", "change": "a"}):
    """Balances and positions that an event changed."""

    transaction_ms: Millis
    change: AccountChange


class ConditionalNow(
    msgspec.Struct,
    rename={"client_id": "caid", "id": "aid", "algo_type": "at", "type": "o", "symbol": "s", "side": "S", "position_side": "ps", "time_in_force": "f",
            "quantity": "q", "status": "X", "order_id": "ai", "average_price": "ap", "filled_quantity": "aq", "order_type": "act",
            "trigger_price": "tp", "price": "p", "self_trade_prevention": "V", "working_type": "wt", "price_match": "pm", "close_position": "cp",
            "price_protect": "pP", "reduce_only": "R", "trigger_ms": "tt", "good_till_ms": "gtd", "reason": "rm"},
):  # fmt: skip
    """An order that waits for its trigger, after an event."""

    client_id: str
    id: Id
    algo_type: str
    type: str
    symbol: str
    side: Side
    quantity: Number
    status: str
    trigger_price: Number
    price: Number
    position_side: PositionSide = "BOTH"
    time_in_force: str = ""
    order_id: str = ""
    average_price: Number = "0"
    filled_quantity: Number = "0"
    order_type: str = ""
    self_trade_prevention: str = "NONE"
    working_type: str = ""
    price_match: str = "NONE"
    close_position: bool = False
    price_protect: bool = False
    reduce_only: bool = False
    trigger_ms: Millis = 0
    good_till_ms: Millis = 0
    reason: str = ""


class ConditionalUpdate(Event, tag="ALGO_UPDATE", rename={"transaction_ms": "T", "order": "o"}):
    """What happened to an order that waits for its trigger."""

    transaction_ms: Millis
    order: ConditionalNow


class OrderNow(
    msgspec.Struct,
    rename={"symbol": "s", "client_order_id": "c", "side": "S", "type": "o", "time_in_force": "f", "quantity": "q", "price": "p", "average_price": "ap",
            "stop_price": "sp", "execution": "x", "status": "X", "order_id": "i", "last_quantity": "l", "filled_quantity": "z", "last_price": "L",
            "fee_asset": "N", "fee": "n", "trade_ms": "T", "trade_id": "t", "bids_notional": "b", "asks_notional": "a", "is_maker": "m",
            "reduce_only": "R", "working_type": "wt", "original_type": "ot", "position_side": "ps", "close_position": "cp",
            "activation_price": "AP", "callback_rate": "cr", "price_protect": "pP", "unused_si": "si", "unused_ss": "ss", "realised": "rp",
            "self_trade_prevention": "V", "price_match": "pm", "good_till_ms": "gtd"},
):  # fmt: skip
    """An order after an event. `status` is more than the documentation lists: NEW_ADL, NEW_INSURANCE."""

    symbol: str
    client_order_id: str
    side: Side
    type: str
    time_in_force: str
    quantity: Number
    price: Number
    execution: str
    status: str
    order_id: Id
    last_quantity: Number
    filled_quantity: Number
    last_price: Number
    trade_ms: Millis
    trade_id: int
    is_maker: bool
    average_price: Number = "0"
    stop_price: Number = "0"
    fee_asset: str = ""
    fee: Number = "0"
    bids_notional: Number = "0"
    asks_notional: Number = "0"
    reduce_only: bool = False
    working_type: str = ""
    original_type: str = ""
    position_side: PositionSide = "BOTH"
    close_position: bool = False
    activation_price: Number = "0"
    callback_rate: Number = "0"
    price_protect: bool = False
    unused_si: int = 0
    unused_ss: int = 0
    realised: Number = "0"
    self_trade_prevention: str = "NONE"
    price_match: str = "NONE"
    good_till_ms: Millis = 0


class OrderUpdate(Event, tag="ORDER_TRADE_UPDATE", rename={"transaction_ms": "T", "order": "o"}):
    """What happened to an order."""

    transaction_ms: Millis
    order: OrderNow


class FillLite(
    Event,
    tag="TRADE_LITE",
    rename={"transaction_ms": "T", "symbol": "s", "client_order_id": "c", "side": "S", "quantity": "q", "price": "p", "order_id": "i",
            "last_quantity": "l", "last_price": "L", "trade_id": "t", "is_maker": "m"},
):  # fmt: skip
    """A fill, sooner than the order's update and with less in it."""

    transaction_ms: Millis
    symbol: str
    client_order_id: str
    side: Side
    quantity: Number
    price: Number
    order_id: Id
    last_quantity: Number
    last_price: Number
    trade_id: Id
    is_maker: bool


MarketEvent = AggregateTrade | Trade | BookTicker | DepthUpdate | Candles | ForcedOrder | MarkPrice | DayTicker
UserEvent = AccountUpdate | ConditionalUpdate | OrderUpdate | FillLite
