"""What shapes the core's decisions, with units and defaults. Money is given in the account's currency (dollars).

The account counts dollars: USD, USDT and USDC quotes are taken one for one, and an instrument quoted in anything else
is refused when the desk is put together.
"""

from typing import Literal

import msgspec

SECOND = 1_000_000_000
MAX_MONEY = 9e10  # dollars: what 63 bits of 1e-8 hold, with room to spare


class SizingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much to hold for a forecast."""

    mode: Literal["kelly", "volatility", "fixed", "direct"] = "kelly"  # direct: a strategy writes the column "target", in lots
    kelly_fraction: float = 0.25  # of the Kelly stake of the posterior mean; 0..1
    prior_strength: float = 1.0  # shrinks the forecast: mean * c / (c + prior_strength * (1 - c)), c its confidence; >= 0
    target_volatility: float = 0.5  # of the position, annualised, as a fraction of equity
    fixed_notional: float = 100.0  # dollars, mode "fixed"
    max_leverage: float = 1.0  # |notional| of one instrument / equity
    cost_multiple: float = 1.0  # trade only where the expected return exceeds this many times its cost
    rebalance_fraction: float = 0.25  # change a target only by at least this part of it


class RiskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is never allowed, whoever asks. 0 means no limit only where it says so."""

    max_position_notional: float = 10_000.0  # dollars, one instrument
    max_total_notional: float = 50_000.0  # dollars, gross over all
    max_order_notional: float = 5_000.0  # dollars
    max_order_quantity: float = 1e9  # base units
    price_band: float = 0.02  # fraction from the mid
    max_orders_per_second: float = 50.0  # over all instruments, refilled evenly
    order_burst: int = 100  # orders that may go at once
    max_open_orders: int = 64  # 1..256
    max_daily_loss: float = 500.0  # dollars since midnight UTC
    max_drawdown: float = 0.05  # fraction of the highest equity
    max_data_age_ns: int = 10 * SECOND  # older books take no order
    duplicate_window_ns: int = 50_000_000  # the same order again within this time is refused
    refusal_pause_ns: int = SECOND  # after a refusal the planner leaves that instrument alone for this long
    allow_short: bool = True  # whether a position may be below 0


class ExecutionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How orders are worked, and how the simulated venue fills them."""

    order_type: Literal["post-only", "limit", "ioc", "market"] = "post-only"  # how a target is worked
    fill_model: Literal["mid", "touch", "queue", "venue"] = "queue"  # how the core simulates fills; venue: orders leave the house and fills come back, as polaris start does on the built-in market where nothing is set
    latency_ns: int = 2_000_000  # from the decision to the venue's matching engine
    repeg_ns: int = 250_000_000  # a resting order follows the touch at most this often
    maker_fee: float = 0.0  # fraction of notional
    taker_fee: float = 0.0002  # fraction of notional
    fees: dict[str, tuple[float, float]] = {}  # by venue: [maker, taker]; overrides the two above
    equity_sample_ns: int = SECOND  # how often the equity curve is sampled


class DeskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The core as a whole."""

    mode: Literal["observe", "paper", "live"] = "paper"
    equity: float = 100_000.0  # dollars the account starts with
    sizing: SizingSettings = SizingSettings()
    risk: RiskSettings = RiskSettings()
    execution: ExecutionSettings = ExecutionSettings()
