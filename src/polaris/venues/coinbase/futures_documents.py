"""What only futures have at Coinbase: contracts, sessions, margins, positions."""

from typing import Literal

import msgspec

from polaris.venues.documents import Number, NumberOrEmpty


class Money(msgspec.Struct):
    """An amount of a currency."""

    value: Number
    currency: str


class Maintenance(msgspec.Struct):
    """When a session will be closed for work."""

    start_time: str
    end_time: str


class Session(msgspec.Struct):
    """The trading hours of a futures product."""

    is_session_open: bool
    open_time: str
    close_time: str
    session_state: str = ""
    after_hours_order_entry_disabled: bool = False
    closed_reason: str = ""
    maintenance: Maintenance | None = None


class PerpetualDetails(msgspec.Struct):
    """What only a perpetual has."""

    open_interest: NumberOrEmpty = ""
    funding_rate: NumberOrEmpty = ""
    funding_time: str | None = None
    max_leverage: NumberOrEmpty = ""
    base_asset_uuid: str = ""
    underlying_type: str = ""


class FutureDetails(msgspec.Struct):
    """What only a future has."""

    contract_code: str
    contract_size: Number
    contract_expiry: str
    venue: str = ""
    contract_root_unit: str = ""
    group_description: str = ""
    contract_expiry_timezone: str = ""
    group_short_description: str = ""
    risk_managed_by: str = ""
    contract_expiry_type: str = ""
    perpetual_details: PerpetualDetails | None = None
    contract_display_name: str = ""
    time_to_expiry_ms: NumberOrEmpty = ""
    non_crypto: bool = False
    contract_expiry_name: str = ""
    twenty_four_by_seven: bool = False
    open_interest: NumberOrEmpty = ""
    funding_rate: NumberOrEmpty = ""
    funding_time: str | None = None
    funding_interval: str | None = None
    display_name: str = ""
    region_enabled: dict[str, bool] = {}
    intraday_margin_rate: dict[str, NumberOrEmpty] | None = None
    overnight_margin_rate: dict[str, NumberOrEmpty] | None = None
    settlement_price: NumberOrEmpty = ""
    futures_asset_type: str = ""
    index_price: NumberOrEmpty = ""
    contract_code_display_name: str = ""
    product_group_cbrn: str = ""


class MarginWindow(msgspec.Struct):
    """What is asked for as margin during a part of the day."""

    margin_window_type: str
    margin_level: str
    initial_margin: Money
    maintenance_margin: Money
    total_hold: Money
    futures_buying_power: Money
    liquidation_buffer_percentage: NumberOrEmpty = ""


class FuturesBalance(msgspec.Struct):
    """What stands behind the futures of an account."""

    futures_buying_power: Money
    total_usd_balance: Money
    cbi_usd_balance: Money
    cfm_usd_balance: Money
    total_open_orders_hold_amount: Money
    unrealized_pnl: Money
    daily_realized_pnl: Money
    initial_margin: Money
    available_margin: Money
    liquidation_threshold: Money
    liquidation_buffer_amount: Money
    liquidation_buffer_percentage: NumberOrEmpty = ""
    intraday_margin_window_measure: MarginWindow | None = None
    overnight_margin_window_measure: MarginWindow | None = None


class FuturesBalanceSummary(msgspec.Struct):
    """GET cfm/balance_summary."""

    balance_summary: FuturesBalance


class Position(msgspec.Struct):
    """What is held of one future."""

    product_id: str
    side: Literal["LONG", "SHORT", "UNKNOWN"]
    number_of_contracts: Number
    current_price: Money
    avg_entry_price: Money
    unrealized_pnl: Money
    daily_realized_pnl: Money
    expiration_time: str = ""
    total_fees: Money | None = None
    contract_size: NumberOrEmpty = ""
    entry_vwap: Money | None = None
    liquidation_price: Money | None = None
    leverage: NumberOrEmpty = ""
    im_contribution: Money | None = None
    mm_contribution: Money | None = None
    position_notional: Money | None = None


class OnePosition(msgspec.Struct):
    """GET cfm/positions/{id}."""

    position: Position


class Positions(msgspec.Struct):
    """GET cfm/positions."""

    positions: list[Position]
