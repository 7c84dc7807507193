"""The futures' REST documents as typed structs, and the table of what their streams send."""

from typing import Any, Final, Literal

import msgspec

from polaris.venues.binance.futures_streams import MarketEvent, PositionSide, UserEvent
from polaris.venues.binance.messages import Id, Millis
from polaris.venues.binance.user_stream import Side
from polaris.venues.documents import Number


class Document(msgspec.Struct, rename="camel"):
    """A REST document: the venue's names in camel case, ours with underscores."""


class Asset(Document):
    """What a futures account holds of one asset, by wallet and margin."""

    asset: str
    wallet_balance: Number
    available_balance: Number
    margin_balance: Number
    unrealized_profit: Number = "0"
    maint_margin: Number = "0"
    initial_margin: Number = "0"
    position_initial_margin: Number = "0"
    open_order_initial_margin: Number = "0"
    cross_wallet_balance: Number = "0"
    cross_un_pnl: Number = "0"
    max_withdraw_amount: Number = "0"
    margin_available: bool = False
    update_time: Millis = 0


class AccountPosition(Document):
    """One position of the account document."""

    symbol: str
    position_side: PositionSide
    position_amt: Number
    entry_price: Number
    unrealized_profit: Number = "0"
    initial_margin: Number = "0"
    maint_margin: Number = "0"
    position_initial_margin: Number = "0"
    open_order_initial_margin: Number = "0"
    leverage: Number = "1"
    isolated: bool = False
    max_notional: Number = "0"
    bid_notional: Number = "0"
    ask_notional: Number = "0"
    update_time: Millis = 0


class Account(Document):
    """GET account."""

    can_trade: bool
    total_wallet_balance: Number
    total_margin_balance: Number
    available_balance: Number
    assets: list[Asset]
    positions: list[AccountPosition]
    fee_tier: int = 0
    can_deposit: bool = False
    can_withdraw: bool = False
    update_time: Millis = 0
    multi_assets_margin: bool = False
    trade_group_id: int = -1
    total_initial_margin: Number = "0"
    total_maint_margin: Number = "0"
    total_unrealized_profit: Number = "0"
    total_position_initial_margin: Number = "0"
    total_open_order_initial_margin: Number = "0"
    total_cross_wallet_balance: Number = "0"
    total_cross_un_pnl: Number = "0"
    max_withdraw_amount: Number = "0"


class Balance(Document):
    """One of GET balance."""

    asset: str
    balance: Number
    available_balance: Number
    account_alias: str = ""
    cross_wallet_balance: Number = "0"
    cross_un_pnl: Number = "0"
    max_withdraw_amount: Number = "0"
    margin_available: bool = False
    update_time: Millis = 0


class PositionRisk(Document):
    """One of GET positionRisk; the amount is negative where we are short."""

    symbol: str
    position_amt: Number
    entry_price: Number
    mark_price: Number
    un_realized_profit: Number
    liquidation_price: Number
    leverage: Number
    margin_type: Literal["cross", "isolated"]
    position_side: PositionSide
    max_notional_value: Number = "0"
    isolated_margin: Number = "0"
    is_auto_add_margin: Literal["true", "false"] = "false"
    notional: Number = "0"
    isolated_wallet: Number = "0"
    break_even_price: Number = "0"
    update_time: Millis = 0


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
    avg_price: Number = "0"
    cum_quote: Number = "0"
    time_in_force: str = ""
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = "BOTH"
    stop_price: Number = "0"
    working_type: str = ""
    price_protect: bool = False
    orig_type: str = ""
    price_match: str = "NONE"
    self_trade_prevention_mode: str = "NONE"
    good_till_date: Millis = 0
    time: Millis = 0
    update_time: Millis = 0


class ConditionalOrder(Document):
    """An order that waits for its trigger."""

    algo_id: Id
    client_algo_id: str
    algo_type: str
    type: str
    symbol: str
    side: Side
    quantity: Number
    algo_status: str
    position_side: PositionSide = "BOTH"
    time_in_force: str = ""
    trigger_price: Number = "0"
    working_type: str = ""
    reduce_only: bool = False
    create_time: Millis = 0
    update_time: Millis = 0


FUTURES_DOCUMENTS: Final[dict[str, Any]] = {
    "futures account": Account,
    "futures balances": list[Balance],
    "futures positions": list[PositionRisk],
    "futures order": Order,
    "conditional orders": list[ConditionalOrder],
    "futures stream": MarketEvent,
    "futures user event": UserEvent,
}
