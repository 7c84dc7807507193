"""The frames of the futures' socket: `feed` tells them apart."""

from decimal import Decimal
from typing import Literal

import msgspec

Side = Literal["buy", "sell"]
Perhaps = Decimal | None


class BookChange(msgspec.Struct, tag_field="feed", tag="book"):
    """One level, absolute."""

    product_id: str
    side: Side
    seq: int
    price: Decimal
    qty: Decimal
    timestamp: int


class BookLevel(msgspec.Struct):
    """One level of a whole book."""

    price: Decimal
    qty: Decimal


class BookSnapshot(msgspec.Struct, tag_field="feed", tag="book_snapshot"):
    """A whole book."""

    product_id: str
    timestamp: int
    seq: int
    bids: list[BookLevel]
    asks: list[BookLevel]
    tick_size: Perhaps = msgspec.field(name="tickSize", default=None)


class Trade(msgspec.Struct, tag_field="feed", tag="trade"):
    """One trade; the side is the taker's."""

    product_id: str
    uid: str
    side: Side
    type: str
    seq: int
    time: int
    qty: Decimal
    price: Decimal


class TradeSnapshot(msgspec.Struct, tag_field="feed", tag="trade_snapshot"):
    """The last trades before the subscription."""

    product_id: str
    trades: list[Trade]


class Ticker(msgspec.Struct, tag_field="feed", tag="ticker"):
    """One contract's market."""

    product_id: str
    time: int
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    last: Decimal
    index: Decimal
    mark_price: Decimal = msgspec.field(name="markPrice")
    open_interest: Decimal = msgspec.field(name="openInterest")
    volume: Perhaps = None
    volume_quote: Perhaps = msgspec.field(name="volumeQuote", default=None)
    funding_rate: Perhaps = None
    funding_rate_prediction: Perhaps = None
    relative_funding_rate: Perhaps = None
    relative_funding_rate_prediction: Perhaps = None
    next_funding_rate_time: int = 0
    dtm: int = 0
    leverage: str = ""
    premium: Perhaps = None
    change: Perhaps = None
    suspended: bool = False
    tag: str = ""
    pair: str = ""
    maturity_time: int = msgspec.field(name="maturityTime", default=0)
    post_only: bool = False
    open: Perhaps = None
    high: Perhaps = None
    low: Perhaps = None


class Fill(msgspec.Struct):
    """One of our trades."""

    instrument: str
    time: int
    price: Decimal
    seq: int
    buy: bool
    qty: Decimal
    order_id: str
    fill_id: str
    fill_type: str
    remaining_order_qty: Perhaps = None
    cli_ord_id: str = ""
    fee_paid: Perhaps = None
    fee_currency: str = ""
    taker_order_type: str = ""
    order_type: str = ""


class Fills(msgspec.Struct, tag_field="feed", tag="fills"):
    """Our trades as they happen."""

    fills: list[Fill]
    username: str = ""


class FillsSnapshot(msgspec.Struct, tag_field="feed", tag="fills_snapshot"):
    """Our last trades before the subscription."""

    account: str
    fills: list[Fill]


class Order(msgspec.Struct):
    """One of our orders; direction 0 buys, 1 sells."""

    instrument: str
    time: int
    last_update_time: int
    qty: Decimal
    filled: Decimal
    limit_price: Decimal
    stop_price: Decimal
    type: str
    order_id: str
    direction: Literal[0, 1]
    reduce_only: bool
    trigger_signal: str = msgspec.field(name="triggerSignal", default="")
    cli_ord_id: str = ""


class OrderChange(msgspec.Struct, tag_field="feed", tag="open_orders"):
    """What happened to one of our orders; one that went may be named only."""

    is_cancel: bool
    reason: str
    order: Order | None = None
    order_id: str = ""
    cli_ord_id: str = ""


class OrdersSnapshot(msgspec.Struct, tag_field="feed", tag="open_orders_snapshot"):
    """All our orders after the subscription."""

    account: str
    orders: list[Order]


FuturesFrame = BookChange | BookSnapshot | Trade | TradeSnapshot | Ticker | Fills | FillsSnapshot | OrderChange | OrdersSnapshot
