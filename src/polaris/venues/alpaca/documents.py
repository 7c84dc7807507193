"""Alpaca's documents as typed structs: market data here, orders and accounts and the broker's own beside it.

A number may come as a text or as a number: both become the same exact decimal. A field that may be missing or null has
a default.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec

from polaris.venues.alpaca.broker_documents import BROKER_DOCUMENTS
from polaris.venues.alpaca.trading_documents import TRADING_DOCUMENTS


class BarDocument(msgspec.Struct, gc=False):
    """One bar; `t` is its START, UTC."""

    t: str
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 - the venue's word
    c: Decimal
    v: Decimal
    n: int = 0
    vw: Decimal = Decimal(0)


class TradeDocument(msgspec.Struct, gc=False):
    """One trade. An option's condition is a text, a stock's a list."""

    t: str
    p: Decimal
    s: Decimal
    x: str = ""
    c: str | list[str] = ""
    i: int = 0
    z: str = ""


class QuoteDocument(msgspec.Struct, gc=False):
    """The best bid and ask."""

    t: str
    ap: Decimal
    as_: Decimal = msgspec.field(name="as")
    bp: Decimal
    bs: Decimal
    ax: str = ""
    bx: str = ""
    c: str | list[str] = ""
    z: str = ""


class Bars(msgspec.Struct):
    """A page of bars, by symbol. Pages run symbol by symbol: read until there is no token."""

    bars: dict[str, list[BarDocument]]
    next_page_token: str | None = None


class LatestBars(msgspec.Struct):
    """The newest bar of each symbol."""

    bars: dict[str, BarDocument]
    next_page_token: str | None = None


class Trades(msgspec.Struct):
    """A page of trades, by symbol."""

    trades: dict[str, list[TradeDocument]]
    next_page_token: str | None = None


class LatestTrades(msgspec.Struct):
    """The newest trade of each symbol that has one."""

    trades: dict[str, TradeDocument]


class Quotes(msgspec.Struct):
    """A page of quotes, by symbol."""

    quotes: dict[str, list[QuoteDocument]]
    next_page_token: str | None = None


class LatestQuotes(msgspec.Struct):
    """The newest quote of each symbol that has one."""

    quotes: dict[str, QuoteDocument]


class StockSnapshot(msgspec.Struct):
    """The newest of everything of a stock."""

    latestTrade: TradeDocument | None = None
    latestQuote: QuoteDocument | None = None
    minuteBar: BarDocument | None = None
    dailyBar: BarDocument | None = None
    prevDailyBar: BarDocument | None = None


class Greeks(msgspec.Struct):
    """An option's sensitivities: estimates."""

    delta: float
    gamma: float
    rho: float
    theta: float
    vega: float


class OptionSnapshot(msgspec.Struct):
    """The newest of everything of an option."""

    latestTrade: TradeDocument | None = None
    latestQuote: QuoteDocument | None = None
    impliedVolatility: float | None = None
    greeks: Greeks | None = None


class OptionSnapshots(msgspec.Struct):
    """By option."""

    snapshots: dict[str, OptionSnapshot]
    next_page_token: str | None = None


class ActiveStock(msgspec.Struct):
    """How much a stock traded."""

    symbol: str
    trade_count: int
    volume: int


class MostActives(msgspec.Struct):
    """The stocks that traded most."""

    most_actives: list[ActiveStock]
    last_updated: str


class Image(msgspec.Struct):
    """A picture beside an article."""

    size: str
    url: str


class Article(msgspec.Struct):
    """One piece of news."""

    id: int
    headline: str
    symbols: list[str]
    created_at: str
    updated_at: str = ""
    author: str = ""
    content: str = ""
    source: str = ""
    summary: str = ""
    url: str | None = None
    images: list[Image] = []


class News(msgspec.Struct):
    """A page of news."""

    news: list[Article]
    next_page_token: str | None = None


class CashDividend(msgspec.Struct):
    """What a share pays."""

    id: str
    symbol: str
    ex_date: str
    rate: Decimal
    cusip: str = ""
    foreign: bool = False
    special: bool = False
    process_date: str = ""
    payable_date: str = ""
    record_date: str = ""
    due_bill_on_date: str = ""
    due_bill_off_date: str = ""


class CorporateActionsByKind(msgspec.Struct):
    """Dividends are read; other kinds are kept as they came."""

    cash_dividends: list[CashDividend] = []
    forward_splits: list[dict[str, Any]] = []
    reverse_splits: list[dict[str, Any]] = []
    unit_splits: list[dict[str, Any]] = []
    stock_dividends: list[dict[str, Any]] = []
    spin_offs: list[dict[str, Any]] = []
    cash_mergers: list[dict[str, Any]] = []
    stock_mergers: list[dict[str, Any]] = []
    stock_and_cash_mergers: list[dict[str, Any]] = []
    redemptions: list[dict[str, Any]] = []
    name_changes: list[dict[str, Any]] = []
    worthless_removals: list[dict[str, Any]] = []
    rights_distributions: list[dict[str, Any]] = []


class CorporateActions(msgspec.Struct):
    """A page of corporate actions."""

    corporate_actions: CorporateActionsByKind
    next_page_token: str | None = None


DOCUMENTS: Final[dict[str, Any]] = {
    "bars": Bars,
    "latest bars": LatestBars,
    "trades": Trades,
    "latest trades": LatestTrades,
    "quotes": Quotes,
    "latest quotes": LatestQuotes,
    "snapshots": dict[str, StockSnapshot],
    "option snapshots": OptionSnapshots,
    "most actives": MostActives,
    "news": News,
    "corporate actions": CorporateActions,
    **TRADING_DOCUMENTS,
    **BROKER_DOCUMENTS,
}
