"""Alpaca's documents as typed structs: market data, orders and accounts, and what its broker's API adds.

A number may come as a text or as a number: both become the same exact decimal. A field that may be missing or null has
a default.
"""

from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

Amount = Decimal | None


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


class Asset(msgspec.Struct):
    """A tradable thing."""

    id: str
    symbol: str
    asset_class: str = msgspec.field(name="class")
    exchange: str
    status: Literal["active", "inactive"]
    tradable: bool
    name: str | None = ""
    marginable: bool = False
    shortable: bool = False
    easy_to_borrow: bool = False
    fractionable: bool = False
    maintenance_margin_requirement: Amount = None
    last_close_pct_change: str | None = None
    last_price: str | None = None
    attributes: list[str] | None = None


class OptionContract(msgspec.Struct):
    """One option."""

    id: str
    symbol: str
    expiration_date: str
    underlying_symbol: str
    type: Literal["call", "put"]
    strike_price: Decimal
    size: Decimal
    name: str = ""
    status: str = ""
    tradable: bool = False
    style: str = ""
    root_symbol: str = ""
    underlying_asset_id: str = ""
    open_interest: Amount = None
    open_interest_date: str | None = None
    close_price: Amount = None
    close_price_date: str | None = None


class OptionContracts(msgspec.Struct):
    """A page of options."""

    option_contracts: list[OptionContract]
    next_page_token: str | None = None


class Clock(msgspec.Struct):
    """Whether the market is open, and when that changes: half days included."""

    timestamp: str
    is_open: bool
    next_open: str
    next_close: str


class Order(msgspec.Struct):
    """An order: the answer to placing it and to asking for it."""

    id: str
    client_order_id: str
    symbol: str
    side: Literal["buy", "sell"]
    type: str
    status: str
    filled_qty: Decimal
    qty: Amount = None
    notional: Amount = None
    filled_avg_price: Amount = None
    limit_price: Amount = None
    stop_price: Amount = None
    trail_percent: Amount = None
    trail_price: Amount = None
    hwm: str | None = None
    commission: Amount = None
    order_type: str = ""
    order_class: str = ""
    time_in_force: str = ""
    extended_hours: bool = False
    asset_id: str | None = None
    asset_class: str = ""
    position_intent: str | None = None
    legs: "list[Order] | None" = None
    created_at: str | None = None
    updated_at: str | None = None
    submitted_at: str | None = None
    filled_at: str | None = None
    expired_at: str | None = None
    canceled_at: str | None = None
    failed_at: str | None = None
    replaced_at: str | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    subtag: str | None = None
    source: str | None = None


class Refusal(msgspec.Struct):
    """Why a request was refused."""

    code: int
    message: str
    symbol: str = ""
    available: Amount = None
    existing_qty: Amount = None
    held_for_orders: Amount = None


class CancelResult(msgspec.Struct):
    """What became of one order of many that were to be cancelled."""

    id: str
    status: int
    body: Refusal | None = None


class CloseResult(msgspec.Struct):
    """What became of one position of many that were to be closed: an order, or a refusal."""

    symbol: str
    status: int
    body: dict[str, Any] | None = None


class Activity(msgspec.Struct):
    """One event of an account; an execution where `activity_type` is FILL."""

    id: str
    activity_type: str
    account_id: str = ""
    symbol: str = ""
    side: str = ""
    price: Amount = None
    qty: Amount = None
    cum_qty: Amount = None
    leaves_qty: Amount = None
    order_id: str = ""
    order_status: str = ""
    type: str = ""
    transaction_time: str = ""
    date: str = ""
    net_amount: Amount = None
    per_share_amount: Amount = None
    status: str = ""
    description: str = ""


class UsdValues(msgspec.Struct):
    """A position's figures in dollars."""

    avg_entry_price: Amount = None
    market_value: Amount = None
    cost_basis: Amount = None
    unrealized_pl: Amount = None
    unrealized_plpc: Amount = None
    unrealized_intraday_pl: Amount = None
    unrealized_intraday_plpc: Amount = None
    current_price: Amount = None
    lastday_price: Amount = None
    change_today: Amount = None


class Position(UsdValues, kw_only=True):
    """What is held of one thing."""

    asset_id: str
    symbol: str
    side: Literal["long", "short"]
    qty: Decimal
    exchange: str = ""
    asset_class: str = ""
    asset_marginable: bool | None = None
    qty_available: Amount = None
    swap_rate: Amount = None
    avg_entry_swap_rate: Amount = None
    usd: UsdValues | None = None


class AllPositions(msgspec.Struct):
    """Every account's positions."""

    as_of: str
    positions: dict[str, list[Position]]


class TradeAccount(msgspec.Struct):
    """An account as its trading sees it."""

    id: str
    account_number: str
    status: str
    currency: str
    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    crypto_status: str = ""
    created_at: str = ""
    previous_close: str = ""
    clearing_broker: str = ""
    multiplier: Amount = None
    portfolio_value: Amount = None
    long_market_value: Amount = None
    short_market_value: Amount = None
    initial_margin: Amount = None
    maintenance_margin: Amount = None
    last_equity: Amount = None
    last_cash: Amount = None
    last_buying_power: Amount = None
    last_long_market_value: Amount = None
    last_short_market_value: Amount = None
    last_initial_margin: Amount = None
    last_maintenance_margin: Amount = None
    last_regt_buying_power: Amount = None
    last_daytrading_buying_power: Amount = None
    last_daytrade_count: int = 0
    regt_buying_power: Amount = None
    daytrading_buying_power: Amount = None
    non_marginable_buying_power: Amount = None
    cash_withdrawable: Amount = None
    cash_transferable: Amount = None
    accrued_fees: Amount = None
    pending_transfer_in: Amount = None
    pending_transfer_out: Amount = None
    sma: Amount = None
    daytrade_count: int = 0
    pattern_day_trader: bool = False
    trading_blocked: bool = False
    transfers_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False
    shorting_enabled: bool = False


class AccountConfiguration(msgspec.Struct):
    """What an account may do."""

    dtbp_check: str
    fractional_trading: bool
    no_shorting: bool
    suspend_trade: bool
    max_margin_multiplier: Amount = None
    pdt_check: str = ""
    trade_confirm_email: str = ""
    ptp_no_exception_entry: bool = False
    max_options_trading_level: int | None = None


class PortfolioHistory(msgspec.Struct):
    """An account's equity over time; for screens."""

    timestamp: list[int]
    equity: list[Decimal]
    profit_loss: list[Decimal]
    profit_loss_pct: list[Decimal]
    timeframe: str
    base_value: Amount = None


class Watchlist(msgspec.Struct):
    """Assets somebody looks at."""

    id: str
    account_id: str
    name: str
    assets: list[Asset] = []
    created_at: str = ""
    updated_at: str = ""


# what the broker's API adds


class Contact(msgspec.Struct):
    """Where an owner is reached."""

    email_address: str
    phone_number: str = ""
    street_address: list[str] = []
    unit: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""


class Identity(msgspec.Struct):
    """Who an owner is."""

    given_name: str
    family_name: str
    middle_name: str = ""
    date_of_birth: str = ""
    tax_id_type: str = ""
    country_of_citizenship: str = ""
    country_of_birth: str = ""
    country_of_tax_residence: str = ""
    funding_source: list[str] | None = None
    visa_type: str | None = None
    visa_expiration_date: str | None = None
    date_of_departure_from_usa: str | None = None
    permanent_resident: bool | None = None


class Disclosures(msgspec.Struct):
    """What an owner had to say of themself."""

    is_control_person: bool
    is_affiliated_exchange_or_finra: bool
    is_politically_exposed: bool
    immediate_family_exposed: bool
    is_discretionary: bool = False


class Agreement(msgspec.Struct):
    """What an owner signed."""

    agreement: str
    signed_at: str
    ip_address: str
    revision: str | None = None


class TrustedContact(msgspec.Struct):
    """Whom to ask when an owner can't be reached."""

    given_name: str
    family_name: str
    email_address: str = ""


class AccountPaper(msgspec.Struct):
    """A document an owner handed in."""

    id: str
    document_type: str
    document_sub_type: str = ""
    content: str = ""
    created_at: str = ""


class KycResults(msgspec.Struct):
    """What the check of an owner found, by check."""

    reject: dict[str, Any] = {}
    accept: dict[str, Any] = {}
    indeterminate: dict[str, Any] = {}
    summary: str = ""
    additional_information: str = ""


class BrokerAccount(msgspec.Struct):
    """An account and its owner."""

    id: str
    account_number: str
    status: str
    currency: str
    created_at: str
    crypto_status: str = ""
    last_equity: Amount = None
    contact: Contact | None = None
    identity: Identity | None = None
    disclosures: Disclosures | None = None
    agreements: list[Agreement] | None = None
    documents: list[AccountPaper] | None = None
    trusted_contact: TrustedContact | None = None
    kyc_results: KycResults | None = None
    account_type: str = ""
    account_sub_type: str = ""
    trading_configurations: AccountConfiguration | None = None


class Statement(msgspec.Struct):
    """A statement or confirmation, to be fetched by its id."""

    id: str
    type: str
    date: str
    name: str = ""
    sub_type: str = ""


class Bank(msgspec.Struct):
    """Where money can be sent."""

    id: str
    account_id: str
    status: str
    bank_code: str
    bank_code_type: str
    account_number: str
    name: str = ""
    country: str = ""
    state_province: str = ""
    postal_code: str = ""
    city: str = ""
    street_address: str = ""
    created_at: str = ""
    updated_at: str = ""


class AchRelationship(msgspec.Struct):
    """A bank account that is linked."""

    id: str
    account_id: str
    status: str
    account_owner_name: str
    bank_account_type: str
    bank_account_number: str
    bank_routing_number: str
    created_at: str = ""
    updated_at: str = ""


class Journal(msgspec.Struct):
    """Cash or shares moved between two accounts."""

    id: str
    entry_type: str
    from_account: str
    to_account: str
    status: str
    net_amount: Amount = None
    symbol: str | None = ""
    qty: Amount = None
    price: Amount = None
    currency: str = ""
    settle_date: str | None = None
    system_date: str | None = None
    description: str = ""
    error_message: str = ""


class Weight(msgspec.Struct):
    """A part of a portfolio."""

    type: Literal["cash", "asset"]
    percent: Decimal
    symbol: str | None = None


class RebalanceCondition(msgspec.Struct):
    """When a portfolio is rebalanced."""

    type: str
    sub_type: str
    percent: Amount = None
    day: str | None = None


class Portfolio(msgspec.Struct):
    """A portfolio to which accounts are rebalanced."""

    id: str
    name: str
    status: str
    weights: list[Weight]
    rebalance_conditions: list[RebalanceCondition] | None = None
    description: str = ""
    cooldown_days: int = 0
    created_at: str = ""
    updated_at: str = ""


class PortfolioSubscription(msgspec.Struct):
    """An account that follows a portfolio."""

    id: str
    account_id: str
    portfolio_id: str
    created_at: str = ""
    last_rebalanced_at: str | None = None


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
    "asset": Asset,
    "assets": list[Asset],
    "option contract": OptionContract,
    "option contracts": OptionContracts,
    "clock": Clock,
    "order": Order,
    "orders": list[Order],
    "cancelled": list[CancelResult],
    "closed": list[CloseResult],
    "refusal": Refusal,
    "activities": list[Activity],
    "positions": list[Position],
    "all positions": AllPositions,
    "account": TradeAccount,
    "configuration": AccountConfiguration,
    "portfolio history": PortfolioHistory,
    "watchlist": Watchlist,
    "broker account": BrokerAccount,
    "broker accounts": list[BrokerAccount],
    "statements": list[Statement],
    "bank": Bank,
    "banks": list[Bank],
    "ach relationships": list[AchRelationship],
    "journal": Journal,
    "journals": list[Journal],
    "portfolio": Portfolio,
    "portfolios": list[Portfolio],
    "portfolio subscription": PortfolioSubscription,
}
