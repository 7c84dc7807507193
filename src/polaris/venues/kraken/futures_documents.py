"""Kraken's futures as typed structs: REST v3 and its history; the frames of their socket are in `futures_socket`.

We do not trade there; an account that does is read. Most numbers come without quotes: Decimals of the same digits.
"""

from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from polaris.venues.documents import Number, NumberOrEmpty
from polaris.venues.kraken.futures_socket import FuturesFrame

Side = Literal["buy", "sell"]
Perhaps = Decimal | None


class Document(msgspec.Struct, rename="camel"):
    """A REST document: the venue's names in camel case, ours with underscores."""


class Answered(Document):
    """An answer that is no refusal."""

    result: Literal["success"]
    server_time: str = ""


class MarginLevel(Document):
    """What is asked for as margin from a size on: in contracts, or in the base currency."""

    initial_margin: Decimal
    maintenance_margin: Decimal
    contracts: Perhaps = None
    num_non_contract_units: Perhaps = None


class Instrument(Document):
    """One contract."""

    symbol: str
    type: str
    tick_size: Decimal
    contract_size: Decimal
    tradeable: bool
    underlying: str = ""
    impact_mid_size: Perhaps = None
    max_position_size: Perhaps = None
    opening_date: str = ""
    margin_levels: list[MarginLevel] = []
    funding_rate_coefficient: Perhaps = None
    max_relative_funding_rate: Perhaps = None
    isin: str = ""
    contract_value_trade_precision: int = 0
    post_only: bool = False
    fee_schedule_uid: str = ""
    mtf: bool = False
    base: str = ""
    quote: str = ""
    pair: str = ""


class Instruments(Answered, kw_only=True):
    """GET instruments."""

    instruments: list[Instrument]


class Ticker(Document):
    """One contract's market."""

    symbol: str
    tag: str = ""
    pair: str = ""
    last: Perhaps = None
    last_time: str = ""
    last_size: Perhaps = None
    mark_price: Perhaps = None
    index_price: Perhaps = None
    bid: Perhaps = None
    bid_size: Perhaps = None
    ask: Perhaps = None
    ask_size: Perhaps = None
    vol24h: Perhaps = None
    volume_quote: Perhaps = None
    open_interest: Perhaps = None
    open24h: Perhaps = None
    high24h: Perhaps = None
    low24h: Perhaps = None
    change24h: Perhaps = None
    funding_rate: Perhaps = None
    funding_rate_prediction: Perhaps = None
    suspended: bool = False
    post_only: bool = False


class Tickers(Answered, kw_only=True):
    """GET tickers."""

    tickers: list[Ticker]


class Book(Document):
    """Both sides, best first: price, quantity."""

    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


class BookAnswer(Answered, kw_only=True):
    """GET orderbook."""

    order_book: Book


class Candle(Document):
    """One candle; the time in milliseconds."""

    time: int
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number


class Candles(msgspec.Struct):
    """GET charts: of trades, of the mark price, or of the index."""

    candles: list[Candle]
    more_candles: bool


class FundingRate(Document):
    """The funding of one period."""

    timestamp: str
    funding_rate: Decimal
    relative_funding_rate: Decimal


class FundingRates(Answered, kw_only=True):
    """GET historical-funding-rates."""

    rates: list[FundingRate]


class HistoricOrder(Document):
    """One side of a trade in the history."""

    uid: str
    tradeable: str
    direction: Literal["Buy", "Sell"]
    quantity: Number
    timestamp: int
    order_type: str
    limit_price: NumberOrEmpty = ""
    reduce_only: bool = False
    last_update_timestamp: int = 0


class Execution(Document):
    """A trade with both of its orders."""

    uid: str
    maker_order: HistoricOrder
    taker_order: HistoricOrder
    timestamp: int
    quantity: Number
    price: Number
    mark_price: NumberOrEmpty = ""
    limit_filled: bool = False
    usd_value: NumberOrEmpty = ""


class ExecutionEvent(Document):
    """A trade, and what was left of the taker's order."""

    execution: Execution
    taker_reduced_quantity: NumberOrEmpty = ""


class Happening(msgspec.Struct, rename={"execution": "Execution"}):
    """What happened, by its kind."""

    execution: ExecutionEvent


class Element(Document):
    """One entry of the history."""

    uid: str
    timestamp: int
    event: Happening


class History(Document):
    """A page of GET history executions."""

    elements: list[Element]
    len: int
    continuation_token: str = ""


class OpenOrder(msgspec.Struct):
    """One open order; the venue mixes both ways to write a name."""

    order_id: str
    symbol: str
    side: Side
    order_type: str = msgspec.field(name="orderType")
    unfilled_size: Decimal = msgspec.field(name="unfilledSize")
    filled_size: Decimal = msgspec.field(name="filledSize")
    status: str
    limit_price: Perhaps = msgspec.field(name="limitPrice", default=None)
    stop_price: Perhaps = msgspec.field(name="stopPrice", default=None)
    received_time: str = msgspec.field(name="receivedTime", default="")
    last_update_time: str = msgspec.field(name="lastUpdateTime", default="")
    reduce_only: bool = msgspec.field(name="reduceOnly", default=False)
    trigger_signal: str = msgspec.field(name="triggerSignal", default="")
    cli_ord_id: str = ""


class OpenOrders(Answered, kw_only=True):
    """GET openorders."""

    open_orders: list[OpenOrder]


class OpenPosition(Document):
    """One position."""

    symbol: str
    side: Literal["long", "short"]
    size: Decimal
    price: Decimal
    fill_time: str = ""
    unrealized_funding: Perhaps = None


class OpenPositions(Answered, kw_only=True):
    """GET openpositions."""

    open_positions: list[OpenPosition]


class Fill(msgspec.Struct):
    """One of our trades."""

    fill_id: str
    symbol: str
    side: Side
    order_id: str
    size: Decimal
    price: Decimal
    fill_time: str = msgspec.field(name="fillTime")
    fill_type: str = msgspec.field(name="fillType")
    cli_ord_id: str = ""
    fee_paid: Perhaps = None
    fee_currency: str = ""


class Fills(Answered, kw_only=True):
    """GET fills."""

    fills: list[Fill]


class Order(Document):
    """An order as an event tells it; `type` may be "unknown"."""

    order_id: str
    type: str
    symbol: str
    side: Side
    quantity: Decimal
    filled: Decimal
    timestamp: str
    last_update_timestamp: str
    cli_ord_id: str | None = None
    limit_price: Perhaps = None
    stop_price: Perhaps = None
    reduce_only: bool = False


class Trigger(Document):
    """An order that waits for its price."""

    uid: str
    type: str
    symbol: str
    side: Side
    quantity: Decimal
    trigger_price: Decimal
    trigger_side: str
    trigger_signal: str
    timestamp: str
    last_update_timestamp: str
    reduce_only: bool = False


class OrderEvent(Document):
    """What happened to an order."""

    type: str
    order: Order | None = None
    order_trigger: Trigger | None = None
    reduced_quantity: Perhaps = None


class OrderEvents(Document):
    """GET the events of orders."""

    order_events: list[OrderEvent]
    server_time: str = ""


class SendStatus(msgspec.Struct):
    """What became of an order."""

    status: str
    order_id: str = ""
    cli_ord_id: str = ""
    received_time: str = msgspec.field(name="receivedTime", default="")
    order_events: list[OrderEvent] = msgspec.field(name="orderEvents", default_factory=list)


class Sent(Answered, kw_only=True):
    """POST sendorder."""

    send_status: SendStatus


class CancelAnswer(Answered, kw_only=True):
    """POST cancelorder."""

    cancel_status: SendStatus


FUTURES_DOCUMENTS: Final[dict[str, Any]] = {
    "futures instruments": Instruments,
    "futures tickers": Tickers,
    "futures book": BookAnswer,
    "futures candles": Candles,
    "futures funding": FundingRates,
    "futures history": History,
    "futures open orders": OpenOrders,
    "futures positions": OpenPositions,
    "futures fills": Fills,
    "futures order events": OrderEvents,
    "futures sent": Sent,
    "futures cancelled": CancelAnswer,
    "futures frame": FuturesFrame,
}
