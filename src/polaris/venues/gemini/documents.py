"""Gemini's documents as typed structs (REST v1). A field that an older document of the venue lacks has a default."""

from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from polaris.venues.documents import Number, NumberOrEmpty


class SymbolDetails(msgspec.Struct):
    """What a symbol is. `tick_size` is the step of its quantity, `quote_increment` that of its price."""

    symbol: str
    base_currency: str
    quote_currency: str
    tick_size: Decimal
    quote_increment: Decimal
    min_order_size: Decimal
    product_type: Literal["spot", "swap"] = "spot"
    status: str = ""
    contract_type: str = ""
    contract_price_currency: str = ""
    wrap_enabled: bool = False


class BookLevel(msgspec.Struct, gc=False):
    """One level of the book."""

    price: Number
    amount: Number
    timestamp: str = ""


class BookDocument(msgspec.Struct):
    """GET /v1/book/{symbol}: the best levels of both sides, best first."""

    bids: list[BookLevel]
    asks: list[BookLevel]


class TickerDocument(msgspec.Struct):
    """GET /v1/pubticker/{symbol}. The venue's `volume` is an object by currency now; it was a text."""

    bid: Number
    ask: Number
    last: NumberOrEmpty = ""
    last_price: NumberOrEmpty = ""
    mid: NumberOrEmpty = ""
    low: NumberOrEmpty = ""
    high: NumberOrEmpty = ""
    volume: str | dict[str, str | int] = ""
    timestamp: str = ""


class TradeDocument(msgspec.Struct, gc=False):
    """One of GET /v1/trades/{symbol}."""

    tid: int
    price: Number
    amount: Number
    timestamp: int
    timestampms: int = 0
    exchange: str = ""
    type: Literal["buy", "sell", ""] = ""
    broken: bool = False


class Fill(msgspec.Struct, gc=False):
    """One of POST /v1/mytrades, and of an order's `trades`; `type` is our side."""

    price: Number
    amount: Number
    type: Literal["Buy", "Sell"]
    timestamp: int | str
    timestampms: int = 0
    tid: int = 0
    order_id: str = ""
    client_order_id: str = ""
    symbol: str = ""
    aggressor: bool = False
    fee_currency: str = ""
    fee_amount: Number = "0"
    exchange: str = ""
    is_auction_fill: bool = False
    is_clearing_fill: bool = False
    break_: str = msgspec.field(name="break", default="")


class OrderDocument(msgspec.Struct):
    """An order: the answer to placing, cancelling and asking for one."""

    symbol: str
    side: Literal["buy", "sell"]
    is_live: bool
    is_cancelled: bool
    original_amount: Number
    remaining_amount: Number
    executed_amount: Number
    order_id: str | int = ""
    id: str | int = ""
    client_order_id: str = ""
    type: str = ""
    price: NumberOrEmpty = ""
    stop_price: NumberOrEmpty = ""
    avg_execution_price: Number = "0"
    timestamp: str = ""
    timestampms: int = 0
    exchange: str = ""
    options: list[str] = []
    reason: str = ""
    was_forced: bool = False
    is_hidden: bool = False
    trades: list[Fill] = []


class BalanceDocument(msgspec.Struct):
    """One of POST /v1/balances."""

    currency: str
    amount: Number
    available: Number
    type: str = ""
    availableForWithdrawal: Number = "0"


class CancelDetails(msgspec.Struct):
    """Which orders went."""

    cancelledOrders: list[int] = []
    cancelRejects: list[int] = []


class CancelAllDocument(msgspec.Struct):
    """POST /v1/order/cancel/session and /all."""

    result: Literal["ok"]
    details: CancelDetails


class DayVolume(msgspec.Struct):
    """A day's volume, in dollars."""

    date: str
    notional_volume: Decimal


class NotionalVolume(msgspec.Struct):
    """POST /v1/notionalvolume: the fees of the account, in basis points, and what they follow from."""

    api_maker_fee_bps: int
    api_taker_fee_bps: int
    api_auction_fee_bps: int
    web_maker_fee_bps: int = 0
    web_taker_fee_bps: int = 0
    web_auction_fee_bps: int = 0
    fix_maker_fee_bps: int = 0
    fix_taker_fee_bps: int = 0
    fix_auction_fee_bps: int = 0
    block_maker_fee_bps: int = 0
    block_taker_fee_bps: int = 0
    notional_30d_volume: Decimal = Decimal(0)
    notional_1d_volume: list[DayVolume] = []
    last_updated_ms: int = 0
    date: str = ""


class ErrorDocument(msgspec.Struct):
    """The answer to a request that was refused."""

    result: Literal["error"]
    reason: str
    message: str = ""


DOCUMENTS: Final[dict[str, Any]] = {
    "symbols": list[str],
    "details": SymbolDetails | list[SymbolDetails],
    "book": BookDocument,
    "ticker": TickerDocument,
    "trades": list[TradeDocument],
    "order": OrderDocument,
    "orders": list[OrderDocument],
    "fills": list[Fill],
    "balance": BalanceDocument,
    "balances": list[BalanceDocument],
    "cancelled": CancelAllDocument,
    "volume": NotionalVolume,
    "error": ErrorDocument,
}
