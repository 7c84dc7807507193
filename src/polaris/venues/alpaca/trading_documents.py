"""Alpaca's trading API as typed structs: what may be traded, orders, positions, the account."""

from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

Amount = Decimal | None


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


TRADING_DOCUMENTS: Final[dict[str, Any]] = {
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
}
