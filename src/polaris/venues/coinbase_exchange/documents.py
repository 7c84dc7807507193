"""Coinbase Exchange's documents as typed structs (REST). A field that only some answers have has a default."""

from typing import Any, Final

import msgspec

from polaris.venues.coinbase_exchange.messages import Number as Id
from polaris.venues.coinbase_exchange.messages import Side
from polaris.venues.documents import Number, NumberOrEmpty


class ProductDocument(msgspec.Struct):
    """GET /products/{id}, and one of GET /products."""

    id: str
    base_currency: str
    quote_currency: str
    quote_increment: Number
    base_increment: Number
    min_market_funds: Number = "0"
    display_name: str = ""
    status: str = ""
    status_message: str | None = ""
    margin_enabled: bool = False
    post_only: bool = False
    limit_only: bool = False
    cancel_only: bool = False
    trading_disabled: bool = False
    fx_stablecoin: bool = False
    auction_mode: bool = False
    max_slippage_percentage: NumberOrEmpty = ""
    high_bid_limit_percentage: NumberOrEmpty = ""


class BookDocument(msgspec.Struct):
    """GET /products/{id}/book?level=1: [price, size, number of orders]."""

    bids: list[tuple[Number, Number, int]]
    asks: list[tuple[Number, Number, int]]
    sequence: Id = 0
    time: str = ""
    auction_mode: bool = False
    auction: Any = None


class OrderDocument(msgspec.Struct):
    """An order: the answer to placing it and to asking for it."""

    id: str
    product_id: str
    side: Side
    type: str
    status: str
    price: NumberOrEmpty = ""
    size: NumberOrEmpty = ""
    funds: NumberOrEmpty = ""
    specified_funds: NumberOrEmpty = ""
    filled_size: Number = "0"
    executed_value: Number = "0"
    fill_fees: Number = "0"
    client_oid: str = ""
    time_in_force: str = ""
    expire_time: str = ""
    created_at: str = ""
    done_at: str = ""
    done_reason: str = ""
    reject_reason: str = ""
    stop: str = ""
    stop_price: NumberOrEmpty = ""
    stp: str = ""
    funding_amount: NumberOrEmpty = ""
    profile_id: str = ""
    market_type: str = ""
    max_floor: NumberOrEmpty = ""
    post_only: bool = False
    settled: bool = False


class FillDocument(msgspec.Struct):
    """One of GET /fills; `side` is ours."""

    trade_id: Id
    product_id: str
    order_id: str
    price: Number
    size: Number
    fee: Number
    side: Side
    created_at: str
    liquidity: str = ""
    settled: bool = False
    usd_volume: NumberOrEmpty | None = ""
    user_id: str = ""
    profile_id: str = ""
    market_type: str = ""
    funding_currency: str | None = ""


class AccountDocument(msgspec.Struct):
    """One of GET /accounts: a currency we hold."""

    id: str
    currency: str
    balance: Number
    available: Number
    hold: Number = "0"
    profile_id: str = ""
    trading_enabled: bool = False
    pending_deposit: NumberOrEmpty = ""
    display_name: str = ""


class ErrorDocument(msgspec.Struct):
    """The answer to a request that was refused."""

    message: str


DOCUMENTS: Final[dict[str, Any]] = {
    "products": ProductDocument | list[ProductDocument],
    "book": BookDocument,
    "order": OrderDocument,
    "orders": list[OrderDocument],
    "fills": list[FillDocument],
    "accounts": list[AccountDocument],
    "cancelled": str | list[str],
    "error": ErrorDocument,
}
