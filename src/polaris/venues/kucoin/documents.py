"""KuCoin's documents as typed structs: every answer is {code, data}, and a code other than 200000 is a refusal with HTTP 200.

Below are those of the first API (until 2019), which recordings hold and no server gives any more; its numbers have no
quotes, so they are Decimals of the same digits.
"""

from decimal import Decimal
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from polaris.venues.documents import Number
from polaris.venues.kucoin.messages import TokenAnswer

Data = TypeVar("Data")
Item = TypeVar("Item")
Side = Literal["buy", "sell"]
Level = tuple[Number, Number]  # price, size


class Document(msgspec.Struct, rename="camel"):
    """A part of an answer: the venue's names in camel case, ours with underscores."""


class Answer(msgspec.Struct, Generic[Data]):
    """What every request is answered with."""

    code: Literal["200000"]
    data: Data
    msg: str = ""


class Refusal(msgspec.Struct):
    """Why a request was refused."""

    code: str
    msg: str


class Page(Document, Generic[Item]):
    """A page of a list."""

    current_page: int
    page_size: int
    total_num: int
    total_page: int
    items: list[Item]


class Symbol(Document):
    """One of GET symbols. `name` is what it is called now; `symbol` is what the socket calls it."""

    symbol: str
    name: str
    base_currency: str
    quote_currency: str
    base_min_size: Number
    base_max_size: Number
    quote_min_size: Number
    quote_max_size: Number
    base_increment: Number
    quote_increment: Number
    price_increment: Number
    enable_trading: bool
    market: str = ""
    fee_currency: str = ""
    price_limit_rate: Number | None = None
    min_funds: Number | None = None
    is_margin_enabled: bool = False
    fee_category: int = 0
    maker_fee_coefficient: Number = "1"
    taker_fee_coefficient: Number = "1"
    st: bool = False


class Book(Document):
    """GET orderbook/level2: both sides, best first, after the change numbered `sequence`."""

    sequence: Number
    bids: list[Level]
    asks: list[Level]
    time: int = 0  # ms


class Top(Document):
    """GET orderbook/level1: the last trade and the best bid and ask."""

    sequence: Number
    price: Number
    size: Number
    best_bid: Number
    best_bid_size: Number
    best_ask: Number
    best_ask_size: Number
    time: int = 0  # ms


class Trade(Document):
    """One of GET histories; `side` is the taker's, `time` in nanoseconds."""

    sequence: Number
    price: Number
    size: Number
    side: Side
    time: int


class Order(Document):
    """One order; in GET it has a state, in the answer to placing it a name only."""

    id: str
    symbol: str
    side: Side
    type: str
    price: Number
    size: Number
    deal_size: Number
    deal_funds: Number
    is_active: bool
    client_oid: str | None = None
    funds: Number = "0"
    fee: Number = "0"
    fee_currency: str = ""
    op_type: str = ""
    stp: str = ""
    stop: str = ""
    stop_triggered: bool = False
    stop_price: Number = "0"
    time_in_force: str = ""
    post_only: bool = False
    hidden: bool = False
    iceberg: bool = False
    visible_size: Number = "0"
    cancel_after: int = 0
    channel: str = ""
    remark: str | None = None
    tags: str | None = None
    cancel_exist: bool = False
    created_at: int = 0  # ms
    trade_type: str = ""
    tax: Number | None = None
    tax_rate: Number | None = None
    tax_currency: str | None = None


class Placed(Document):
    """The answer to placing an order."""

    order_id: str
    client_oid: str | None = None


class Cancelled(Document):
    """The answer to cancelling orders."""

    cancelled_order_ids: list[str]


class Fill(Document):
    """One of GET fills; `side` is ours."""

    symbol: str
    trade_id: str
    order_id: str
    side: Side
    price: Number
    size: Number
    funds: Number
    fee: Number
    fee_currency: str
    liquidity: Literal["taker", "maker"]
    created_at: int  # ms
    counter_order_id: str = ""
    force_taker: bool = False
    fee_rate: Number = "0"
    stop: str = ""
    type: str = ""
    trade_type: str = ""
    tax: Number | None = None
    tax_rate: Number | None = None


class Held(Document):
    """One of GET accounts: what one account holds of one currency."""

    id: str
    currency: str
    type: str
    balance: Number
    available: Number
    holds: Number


# the first API, in recordings only


class OldTicker(Document):
    """A symbol's last 24 hours."""

    coin_type: str
    coin_type_pair: str
    symbol: str
    trading: bool
    datetime: int  # ms
    sort: int = 0
    last_deal_price: Decimal | None = None
    buy: Decimal | None = None
    sell: Decimal | None = None
    change: Decimal | None = None
    change_rate: Decimal | None = None
    fee_rate: Decimal | None = None
    vol_value: Decimal | None = None
    vol: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None


class OldAnswer(msgspec.Struct, Generic[Data]):
    """What every request was answered with."""

    success: bool
    code: str
    data: Data
    msg: str = ""
    timestamp: int = 0  # ms


class OldCoin(Document):
    """A currency, and what moving it costs."""

    coin: str
    name: str
    trade_precision: int
    enable_withdraw: bool
    enable_deposit: bool
    withdraw_min_fee: Decimal
    withdraw_min_amount: Decimal
    withdraw_fee_rate: Decimal
    confirmation_count: int
    withdraw_remark: str | None = None
    deposit_remark: str | None = None
    info_url: str | None = None


class OldBalance(Document):
    """What was held of one currency; exact in the texts."""

    coin_type: str
    balance: Decimal
    freeze_balance: Decimal
    balance_str: Number
    freeze_balance_str: Number


class OldTransfer(Document):
    """A deposit or a withdrawal."""

    coin_type: str
    type: Literal["DEPOSIT", "WITHDRAW"]
    status: str
    amount: Decimal
    fee: Decimal
    oid: str
    created_at: int  # ms
    updated_at: int
    address: str = ""
    outer_wallet_txid: str | None = None
    confirmation: int = 0
    remark: str | None = None


DOCUMENTS: Final[dict[str, Any]] = {
    "symbols": Answer[list[Symbol]],
    "book": Answer[Book],
    "top": Answer[Top],
    "trades": Answer[list[Trade]],
    "token": TokenAnswer,
    "placed": Answer[Placed],
    "cancelled": Answer[Cancelled],
    "order": Answer[Order],
    "orders": Answer[Page[Order]],
    "fills": Answer[Page[Fill]],
    "accounts": Answer[list[Held]],
    "refusal": Refusal,
    "old ticker": OldTicker,
    "old ticker answer": OldAnswer[OldTicker],
    "old tickers": OldAnswer[list[OldTicker]],
    "old coin": OldCoin,
    "old balance": OldBalance,
    "old transfer": OldTransfer,
}
