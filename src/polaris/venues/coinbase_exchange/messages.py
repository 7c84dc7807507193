"""Coinbase Exchange frames as typed structs, and its documents.

`type` tells the frames apart. Trades, tickers and heartbeats carry numbers of their product; a book's frames carry none.
"""

from typing import Annotated, Any, Final, Literal

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


class ProductDocument(msgspec.Struct):
    """GET /products/{id}, and one of GET /products."""

    id: str
    base_currency: str
    quote_currency: str
    quote_increment: str
    base_increment: str
    min_market_funds: str = "0"
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
    max_slippage_percentage: str = ""
    high_bid_limit_percentage: str = ""


class BookDocument(msgspec.Struct):
    """GET /products/{id}/book?level=1: [price, size, number of orders]."""

    bids: list[tuple[str, str, int]]
    asks: list[tuple[str, str, int]]
    sequence: Number = 0
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
    price: str = ""
    size: str = ""
    funds: str = ""
    specified_funds: str = ""
    filled_size: str = "0"
    executed_value: str = "0"
    fill_fees: str = "0"
    client_oid: str = ""
    time_in_force: str = ""
    expire_time: str = ""
    created_at: str = ""
    done_at: str = ""
    done_reason: str = ""
    reject_reason: str = ""
    stop: str = ""
    stop_price: str = ""
    stp: str = ""
    funding_amount: str = ""
    profile_id: str = ""
    market_type: str = ""
    max_floor: str = ""
    post_only: bool = False
    settled: bool = False


class FillDocument(msgspec.Struct):
    """One of GET /fills; `side` is ours."""

    trade_id: Number
    product_id: str
    order_id: str
    price: str
    size: str
    fee: str
    side: Side
    created_at: str
    liquidity: str = ""
    settled: bool = False
    usd_volume: str | None = ""
    user_id: str = ""
    profile_id: str = ""
    market_type: str = ""
    funding_currency: str | None = ""


class AccountDocument(msgspec.Struct):
    """One of GET /accounts: a currency we hold."""

    id: str
    currency: str
    balance: str
    available: str
    hold: str = "0"
    profile_id: str = ""
    trading_enabled: bool = False
    pending_deposit: str = ""
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
