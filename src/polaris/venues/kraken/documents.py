"""Kraken's spot documents as typed structs: every REST answer is {error, result}, and any error is a refusal with HTTP 200.

What the socket answers is in `socket_documents`, the futures are in `futures_documents`. Times come as seconds with a fraction, numbers without quotes as Decimals of the same digits.
"""

from decimal import Decimal
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

import msgspec

from polaris.venues.documents import Number
from polaris.venues.kraken.futures_documents import FUTURES_DOCUMENTS
from polaris.venues.kraken.messages import BookFrame, TickerFrame, TradeFrame
from polaris.venues.kraken.socket_documents import SOCKET_DOCUMENTS

Result = TypeVar("Result")
Side = Literal["buy", "sell"]


class Answer(msgspec.Struct, Generic[Result]):
    """An answer with a result: it holds no error."""

    error: Annotated[list[str], msgspec.Meta(max_length=0)]
    result: Result


class Refusal(msgspec.Struct):
    """Why a request was refused: "EOrder:Insufficient funds"."""

    error: Annotated[list[str], msgspec.Meta(min_length=1)]


class ServerTime(msgspec.Struct):
    """GET Time; in seconds."""

    unixtime: int
    rfc1123: str = ""


class SystemStatus(msgspec.Struct):
    """GET SystemStatus."""

    status: Literal["online", "maintenance", "cancel_only", "post_only"]
    timestamp: str


class Pair(msgspec.Struct):
    """One of GET AssetPairs. `wsname` is what the socket calls it; fees are [volume from, percent]."""

    altname: str
    base: str
    quote: str
    pair_decimals: int
    lot_decimals: int
    tick_size: Number
    ordermin: Number
    costmin: Number
    status: str
    wsname: str = ""
    aclass_base: str = ""
    aclass_quote: str = ""
    lot: str = "unit"
    cost_decimals: int = 0
    lot_multiplier: int = 1
    leverage_buy: list[int] = []
    leverage_sell: list[int] = []
    fees: list[tuple[Decimal, Decimal]] = []
    fees_maker: list[tuple[Decimal, Decimal]] = []
    fee_volume_currency: str = ""
    margin_call: int = 0
    margin_stop: int = 0
    long_position_limit: int = 0
    short_position_limit: int = 0
    execution_venue: str = ""


class Level(msgspec.Struct, array_like=True):
    """One level of the book; the time is of its last change."""

    price: Number
    volume: Number
    time: Decimal


class Book(msgspec.Struct):
    """GET Depth: both sides, best first."""

    asks: list[Level]
    bids: list[Level]


class Candle(msgspec.Struct, array_like=True):
    """One of GET OHLC."""

    time: int
    open: Number
    high: Number
    low: Number
    close: Number
    vwap: Number
    volume: Number
    count: int


class Trade(msgspec.Struct, array_like=True):
    """One of GET Trades; the side is the taker's."""

    price: Number
    volume: Number
    time: Decimal
    side: Literal["b", "s"]
    order_type: Literal["m", "l"]
    misc: str
    trade_id: int = 0


class Ticker(
    msgspec.Struct,
    rename={"ask": "a", "bid": "b", "last": "c", "volume": "v", "vwap": "p", "trades": "t", "low": "l", "high": "h", "open": "o"},
):
    """GET Ticker; pairs are of today and of the last 24 hours."""

    ask: tuple[Number, Number, Number]  # price, whole lots, lots
    bid: tuple[Number, Number, Number]
    last: tuple[Number, Number]  # price, volume
    volume: tuple[Number, Number]
    vwap: tuple[Number, Number]
    trades: tuple[int, int]
    low: tuple[Number, Number]
    high: tuple[Number, Number]
    open: Number


class Description(msgspec.Struct):
    """What an order is."""

    order: str
    pair: str
    side: Side = msgspec.field(name="type")
    ordertype: str
    price: Number
    price2: Number
    leverage: str = "none"
    close: str = ""


class Order(msgspec.Struct):
    """One order, by its id."""

    status: Literal["pending", "open", "closed", "canceled", "expired"]
    descr: Description
    vol: Number
    vol_exec: Number
    cost: Number
    fee: Number
    price: Number
    opentm: Decimal
    starttm: Decimal = Decimal(0)
    expiretm: Decimal = Decimal(0)
    closetm: Decimal = Decimal(0)
    refid: str | None = None
    userref: int | None = None
    cl_ord_id: str | None = None
    reason: str | None = None
    stopprice: Number = "0"
    limitprice: Number = "0"
    misc: str = ""
    oflags: str = ""
    trades: list[str] = []


class OpenOrders(msgspec.Struct):
    """POST OpenOrders."""

    open: dict[str, Order]


class ClosedOrders(msgspec.Struct):
    """A page of POST ClosedOrders; `count` is of all."""

    closed: dict[str, Order]
    count: int


class PlacedDescription(msgspec.Struct):
    """What was placed, in words and in parts."""

    order: str
    pair: str = ""
    side: Side | None = msgspec.field(name="type", default=None)
    ordertype: str = ""
    price: Number = "0"
    price2: Number = "0"
    leverage: str = "none"
    close: str = ""


class Placed(msgspec.Struct):
    """POST AddOrder."""

    descr: PlacedDescription
    txid: list[str]


class Cancelled(msgspec.Struct):
    """POST CancelOrder: how many went."""

    count: int
    pending: bool = False


class Fill(msgspec.Struct):
    """One of our trades, by its id."""

    ordertxid: str
    pair: str
    time: Decimal
    side: Side = msgspec.field(name="type")
    ordertype: str
    price: Number
    cost: Number
    fee: Number
    vol: Number
    postxid: str = ""
    margin: Number = "0"
    misc: str = ""
    trade_id: int = 0
    maker: bool = False
    ledgers: list[str] = []


class Fills(msgspec.Struct):
    """A page of POST TradesHistory; `count` is of all."""

    trades: dict[str, Fill]
    count: int


class Position(msgspec.Struct):
    """One position on margin, by its id."""

    ordertxid: str
    pair: str
    time: Decimal
    side: Side = msgspec.field(name="type")
    ordertype: str
    cost: Number
    fee: Number
    vol: Number
    vol_closed: Number
    margin: Number
    posstatus: str = ""
    terms: str = ""
    rollovertm: Number = "0"


class TradeBalance(
    msgspec.Struct,
    rename={"equivalent": "eb", "trade": "tb", "margin": "m", "unexecuted": "uv", "unrealised": "n", "cost": "c", "valuation": "v",
            "equity": "e", "free_margin": "mf", "margin_level": "ml"},
):  # fmt: skip
    """POST TradeBalance: an account in one currency."""

    equivalent: Number
    trade: Number
    margin: Number
    unrealised: Number
    cost: Number
    valuation: Number
    equity: Number
    free_margin: Number
    unexecuted: Number = "0"
    margin_level: Number = "0"


DOCUMENTS: Final[dict[str, Any]] = {
    "time": Answer[ServerTime],
    "status": Answer[SystemStatus],
    "pairs": Answer[dict[str, Pair]],
    "book": Answer[dict[str, Book]],
    "candles": Answer[dict[str, list[Candle] | int]],  # beside the pair, `last`: where the next page begins
    "trades": Answer[dict[str, list[Trade] | str]],
    "ticker": Answer[dict[str, Ticker]],
    "open orders": Answer[OpenOrders],
    "closed orders": Answer[ClosedOrders],
    "placed": Answer[Placed],
    "cancelled": Answer[Cancelled],
    "fills": Answer[Fills],
    "balances": Answer[dict[str, Number]],
    "positions": Answer[dict[str, Position]],
    "trade balance": Answer[TradeBalance],
    "refusal": Refusal,
    "book frame": BookFrame,
    "trade frame": TradeFrame,
    "ticker frame": TickerFrame,
    **SOCKET_DOCUMENTS,
    **FUTURES_DOCUMENTS,
}
