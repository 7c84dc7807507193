"""Binance's documents as typed structs: spot's REST v3 here, its user stream, the futures' documents and streams beside it.

Binance.US speaks the same as spot. A field that only some answers have, or that only newer ones have, has a default.
"""

from typing import Any, Final, Literal

import msgspec

from polaris.venues.binance.futures_documents import FUTURES_DOCUMENTS
from polaris.venues.binance.messages import Id, Millis
from polaris.venues.binance.user_stream import Side, UserEvent
from polaris.venues.documents import Number

Level = tuple[Number, Number]  # price, quantity


class Document(msgspec.Struct, rename="camel"):
    """A REST document: the venue's names in camel case, ours with underscores."""


class Nothing(Document):
    """The answer to GET ping: {}."""


class ServerTime(Document):
    """GET time."""

    server_time: Millis


class RateLimit(Document):
    """One of the venue's limits: `limit` of what the type says per `interval_num` intervals."""

    rate_limit_type: str
    interval: Literal["SECOND", "MINUTE", "HOUR", "DAY"]
    interval_num: int
    limit: int


class SmartRoute(Document):
    """The symbols over which orders for one asset may be spread."""

    base_asset: str
    symbols: list[str]


class Symbol(Document):
    """One symbol of GET exchangeInfo. `filters` differ by their `filterType`; `symbols` reads the three that shape an instrument."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[dict[str, Any]]
    base_asset_precision: int = 8
    quote_precision: int = 8
    quote_asset_precision: int = 8
    base_commission_precision: int = 8
    quote_commission_precision: int = 8
    order_types: list[str] = []
    iceberg_allowed: bool = False
    oco_allowed: bool = False
    oto_allowed: bool = False
    opo_allowed: bool = False
    quote_order_qty_market_allowed: bool = False
    allow_trailing_stop: bool = False
    cancel_replace_allowed: bool = False
    amend_allowed: bool = False
    peg_instructions_allowed: bool = False
    is_spot_trading_allowed: bool = False
    is_margin_trading_allowed: bool = False
    permissions: list[str] = []
    permission_sets: list[list[str]] = []
    default_self_trade_prevention_mode: str = "NONE"
    allowed_self_trade_prevention_modes: list[str] = []


class ExchangeInfo(Document):
    """GET exchangeInfo: what may be traded, and by what rules."""

    server_time: Millis
    symbols: list[Symbol]
    rate_limits: list[RateLimit] = []
    exchange_filters: list[dict[str, Any]] = []
    sors: list[SmartRoute] = []
    timezone: str = "UTC"


class Book(Document):
    """GET depth: the best levels of both sides, best first."""

    last_update_id: Id
    bids: list[Level]
    asks: list[Level]


class Trade(Document):
    """One of GET trades. `is_buyer_maker` means that the taker sold."""

    id: Id
    price: Number
    qty: Number
    time: Millis
    is_buyer_maker: bool
    quote_qty: Number = "0"
    is_best_match: bool = True


class Candle(msgspec.Struct, array_like=True):
    """One of GET klines."""

    open_ms: Millis
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    close_ms: Millis
    quote_volume: Number
    trades: int
    taker_buy_volume: Number
    taker_buy_quote_volume: Number
    unused: Any = None


class AveragePrice(Document):
    """GET avgPrice: the mean over the last `mins` minutes."""

    mins: int
    price: Number
    close_time: Millis = 0


class Price(Document):
    """GET ticker/price."""

    symbol: str
    price: Number


class BestPrices(Document):
    """GET ticker/bookTicker."""

    symbol: str
    bid_price: Number
    bid_qty: Number
    ask_price: Number
    ask_qty: Number


class DayTicker(BestPrices):
    """GET ticker/24hr."""

    price_change: Number
    price_change_percent: Number
    weighted_avg_price: Number
    prev_close_price: Number
    last_price: Number
    last_qty: Number
    open_price: Number
    high_price: Number
    low_price: Number
    volume: Number
    quote_volume: Number
    open_time: Millis
    close_time: Millis
    first_id: int
    last_id: int
    count: int


class OrderFill(Document):
    """One fill in the answer to an order."""

    price: Number
    qty: Number
    commission: Number
    commission_asset: str
    trade_id: Id


class Order(Document):
    """An order: the answer to placing it, to cancelling it and to asking for it."""

    symbol: str
    order_id: Id
    client_order_id: str
    side: Side
    type: str
    status: str
    price: Number
    orig_qty: Number
    executed_qty: Number
    cummulative_quote_qty: Number
    time_in_force: str = ""
    order_list_id: int = -1
    orig_client_order_id: str = ""
    orig_quote_order_qty: Number = "0"
    stop_price: Number = "0"
    iceberg_qty: Number = "0"
    time: Millis = 0
    update_time: Millis = 0
    working_time: int = -1
    transact_time: Millis = 0
    is_working: bool = False
    self_trade_prevention_mode: str = "NONE"
    fills: list[OrderFill] = []


class OrderName(Document):
    """One order of a list."""

    symbol: str
    order_id: Id
    client_order_id: str


class Cancelled(Document):
    """One of DELETE openOrders: an order, or an order list with reports of its orders."""

    symbol: str
    order_list_id: int
    order_id: Id | None = None
    client_order_id: str = ""
    orig_client_order_id: str = ""
    side: Side | None = None
    type: str = ""
    status: str = ""
    price: Number = "0"
    orig_qty: Number = "0"
    executed_qty: Number = "0"
    cummulative_quote_qty: Number = "0"
    orig_quote_order_qty: Number = "0"
    time_in_force: str = ""
    transact_time: Millis = 0
    self_trade_prevention_mode: str = "NONE"
    contingency_type: str = ""
    list_status_type: str = ""
    list_order_status: str = ""
    list_client_order_id: str = ""
    transaction_time: Millis = 0
    orders: list[OrderName] = []
    order_reports: list[Order] = []


class Fill(Document):
    """One of GET myTrades."""

    symbol: str
    id: Id
    order_id: Id
    price: Number
    qty: Number
    commission: Number
    commission_asset: str
    time: Millis
    is_buyer: bool
    is_maker: bool
    order_list_id: int = -1
    quote_qty: Number = "0"
    is_best_match: bool = True


class Rates(Document):
    """An account's fees, as fractions."""

    maker: Number
    taker: Number
    buyer: Number = "0"
    seller: Number = "0"


class Held(Document):
    """What an account holds of one asset."""

    asset: str
    free: Number
    locked: Number


class Account(Document):
    """GET account. The four commissions are basis points of old; `commission_rates` are what counts."""

    can_trade: bool
    balances: list[Held]
    can_withdraw: bool = False
    can_deposit: bool = False
    commission_rates: Rates | None = None
    maker_commission: int = 0
    taker_commission: int = 0
    buyer_commission: int = 0
    seller_commission: int = 0
    brokered: bool = False
    require_self_trade_prevention: bool = False
    prevent_sor: bool = False
    update_time: Millis = 0
    account_type: str = ""
    permissions: list[str] = []
    uid: int = 0


class Error(Document):
    """The answer to a request that was refused."""

    code: int
    msg: str


class Subscribed(Document):
    """An event of a subscription on the order socket."""

    subscription_id: int
    event: UserEvent


DOCUMENTS: Final[dict[str, Any]] = {
    "ping": Nothing,
    "time": ServerTime,
    "exchange info": ExchangeInfo,
    "book": Book,
    "trades": list[Trade],
    "candles": list[Candle],
    "average price": AveragePrice,
    "price": Price,
    "best prices": BestPrices,
    "day ticker": DayTicker,
    "order": Order,
    "orders": list[Order],
    "cancelled": list[Cancelled],
    "fills": list[Fill],
    "account": Account,
    "error": Error,
    "user event": UserEvent,
    "subscribed event": Subscribed,
} | FUTURES_DOCUMENTS
