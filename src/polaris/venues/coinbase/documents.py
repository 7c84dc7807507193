"""Coinbase's documents as typed structs: REST v3 (brokerage), and what an account hears on its user socket.

The market's frames are in `messages`, what only futures have in `futures_documents`. A field that only some answers
have, or that only newer ones have, has a default.
"""

from typing import Any, Final, Literal

import msgspec

from polaris.venues.coinbase.futures_documents import FutureDetails, FuturesBalanceSummary, Money, OnePosition, Positions, Session
from polaris.venues.coinbase.messages import AnyFrame, Sequence
from polaris.venues.documents import Number, NumberOrEmpty

Side = Literal["BUY", "SELL"]


class Product(msgspec.Struct):
    """One product: GET market/products, and one of it."""

    product_id: str
    base_increment: Number
    quote_increment: Number
    base_min_size: Number
    base_max_size: Number
    quote_min_size: Number
    quote_max_size: Number
    product_type: Literal["SPOT", "FUTURE", "UNKNOWN_PRODUCT_TYPE"]
    status: str
    price: NumberOrEmpty = ""
    price_increment: NumberOrEmpty = ""
    price_percentage_change_24h: NumberOrEmpty = ""
    volume_24h: NumberOrEmpty = ""
    volume_percentage_change_24h: NumberOrEmpty = ""
    approximate_quote_24h_volume: NumberOrEmpty = ""
    mid_market_price: NumberOrEmpty = ""
    market_cap: NumberOrEmpty = ""
    base_name: str = ""
    quote_name: str = ""
    base_currency_id: str = ""
    quote_currency_id: str = ""
    base_display_symbol: str = ""
    quote_display_symbol: str = ""
    base_cbrn: str = ""
    quote_cbrn: str = ""
    display_name: str = ""
    alias: str = ""
    alias_to: list[str] = []
    display_name_overwrite: str = ""
    product_venue: str = ""
    product_cbrn: str = ""
    about_description: str = ""
    icon_color: str = ""
    icon_url: str = ""
    best_bid_price: NumberOrEmpty = ""
    best_ask_price: NumberOrEmpty = ""
    new_at: str | None = None
    watched: bool = False
    is_disabled: bool = False
    new: bool = False
    cancel_only: bool = False
    limit_only: bool = False
    post_only: bool = False
    trading_disabled: bool = False
    auction_mode: bool = False
    view_only: bool = False
    is_alpha_testing: bool = False
    fcm_trading_session_details: Session | None = None
    future_product_details: FutureDetails | None = None


class Pagination(msgspec.Struct):
    """Where the next page begins."""

    prev_cursor: str = ""
    next_cursor: str = ""
    has_next: bool = False
    has_prev: bool = False


class Products(msgspec.Struct):
    """GET market/products."""

    products: list[Product]
    num_products: int = 0
    pagination: Pagination | None = None


class Level(msgspec.Struct):
    """One level of a book."""

    price: Number
    size: Number


class Pricebook(msgspec.Struct):
    """The best levels of both sides, best first."""

    product_id: str
    bids: list[Level]
    asks: list[Level]
    time: str


class Book(msgspec.Struct):
    """GET market/product_book."""

    pricebook: Pricebook
    last: NumberOrEmpty = ""
    mid_market: NumberOrEmpty = ""
    spread_bps: NumberOrEmpty = ""
    spread_absolute: NumberOrEmpty = ""


class Trade(msgspec.Struct):
    """One trade. `side` is the MAKER's: SELL means that the taker bought."""

    trade_id: str
    product_id: str
    price: Number
    size: Number
    time: str
    side: Side
    bid: NumberOrEmpty = ""
    ask: NumberOrEmpty = ""
    exchange: str = ""


class Trades(msgspec.Struct):
    """GET market/products/{id}/ticker: the last trades and the top of the book."""

    trades: list[Trade]
    best_bid: NumberOrEmpty = ""
    best_ask: NumberOrEmpty = ""


class Candle(msgspec.Struct):
    """One candle; `start` in seconds."""

    start: Number
    low: Number
    high: Number
    open: Number
    close: Number
    volume: Number
    product_id: str = ""


class Candles(msgspec.Struct):
    """GET market/products/{id}/candles."""

    candles: list[Candle]


class Order(msgspec.Struct):
    """An order. `order_configuration` holds one entry, its kind, with the terms of that kind."""

    order_id: str
    product_id: str
    side: Side
    client_order_id: str
    status: str
    order_configuration: dict[str, dict[str, str | bool]]
    filled_size: Number
    average_filled_price: Number
    total_fees: Number
    user_id: str = ""
    time_in_force: str = ""
    created_time: str = ""
    completion_percentage: NumberOrEmpty = ""
    fee: NumberOrEmpty = ""
    number_of_fills: NumberOrEmpty = ""
    filled_value: NumberOrEmpty = ""
    pending_cancel: bool = False
    size_in_quote: bool = False
    size_inclusive_of_fees: bool = False
    total_value_after_fees: NumberOrEmpty = ""
    trigger_status: str = ""
    order_type: str = ""
    reject_reason: str = ""
    reject_message: str = ""
    cancel_message: str = ""
    settled: bool = False
    product_type: str = ""
    order_placement_source: str = ""
    outstanding_hold_amount: NumberOrEmpty = ""
    is_liquidation: bool = False
    last_fill_time: str | None = None
    leverage: NumberOrEmpty = ""
    margin_type: str = ""
    retail_portfolio_id: str = ""
    originating_order_id: str = ""
    attached_order_id: str = ""


class OneOrder(msgspec.Struct):
    """GET orders/historical/{id}."""

    order: Order


class Orders(msgspec.Struct):
    """A page of GET orders/historical/batch."""

    orders: list[Order]
    has_next: bool = False
    cursor: str = ""
    sequence: str = ""


class Fill(msgspec.Struct):
    """One fill; `side` is ours."""

    entry_id: str
    trade_id: str
    order_id: str
    trade_time: str
    price: Number
    size: Number
    commission: Number
    product_id: str
    side: Side
    liquidity_indicator: str
    size_in_quote: bool
    trade_type: str = "FILL"
    sequence_timestamp: str = ""
    user_id: str = ""
    retail_portfolio_id: str = ""


class Fills(msgspec.Struct):
    """A page of GET orders/historical/fills."""

    fills: list[Fill]
    cursor: str = ""


class Account(msgspec.Struct):
    """One of GET accounts: a currency we hold."""

    uuid: str
    currency: str
    available_balance: Money
    hold: Money
    name: str = ""
    default: bool = False
    active: bool = True
    ready: bool = True
    type: str = ""
    created_at: str = ""
    updated_at: str = ""
    deleted_at: str | None = None
    retail_portfolio_id: str = ""
    platform: str = ""


class Accounts(msgspec.Struct):
    """A page of GET accounts."""

    accounts: list[Account]
    has_next: bool = False
    cursor: str = ""
    size: int = 0


class Error(msgspec.Struct):
    """The answer to a request that was refused."""

    error: str
    message: str = ""
    error_details: str = ""
    code: int = 0


class UserOrder(msgspec.Struct):
    """An order as the user socket tells it."""

    order_id: str
    client_order_id: str
    product_id: str
    order_side: Side
    status: str
    cumulative_quantity: Number
    leaves_quantity: Number
    avg_price: Number
    total_fees: Number
    order_type: str = ""
    time_in_force: str = ""
    creation_time: str = ""
    end_time: str = ""
    start_time: str = ""
    limit_price: NumberOrEmpty = ""
    stop_price: NumberOrEmpty = ""
    cancel_reason: str = ""
    reject_reason: str = ""
    filled_value: NumberOrEmpty = ""
    number_of_fills: NumberOrEmpty = ""
    completion_percentage: NumberOrEmpty = ""
    outstanding_hold_amount: NumberOrEmpty = ""
    total_value_after_fees: NumberOrEmpty = ""
    contract_expiry_type: str = ""
    product_type: str = ""
    risk_managed_by: str = ""
    trigger_status: str = ""
    post_only: str = ""
    retail_portfolio_id: str = ""


class UserEvent(msgspec.Struct):
    """All open orders after a subscription ("snapshot"), or orders that changed. Positions of futures are not read."""

    type: Literal["snapshot", "update"]
    orders: list[UserOrder] = []
    positions: Any = None


class UserFrame(msgspec.Struct, tag_field="channel", tag="user"):
    """A frame of the user socket, numbered like every other."""

    sequence_num: Sequence
    timestamp: str
    events: list[UserEvent]
    client_id: str = ""


DOCUMENTS: Final[dict[str, Any]] = {
    "product": Product,
    "products": Products,
    "book": Book,
    "trades": Trades,
    "candles": Candles,
    "order": OneOrder,
    "orders": Orders,
    "fills": Fills,
    "accounts": Accounts,
    "error": Error,
    "futures balance": FuturesBalanceSummary,
    "futures position": OnePosition,
    "futures positions": Positions,
    "frame": AnyFrame,
    "user frame": UserFrame,
}
