"""What the core remembers and obeys, as records: a snapshot is a copy of these arrays, a state digest a hash of them.

    rules       RULES[1]                  limits and settings, fixed between settings events
    terms       TERMS[instruments]        what each instrument costs and allows
    account     ACCOUNT[1]                cash, profit, the trading state, counters, the clock
    positions   POSITION[instruments]     what we hold, what we saw last
    orders      ORDER[ORDER_SLOTS]        every working order and the recent finished ones; slot = id % ORDER_SLOTS
    active      int64[ORDER_SLOTS]        slots of working orders, oldest first; account["active"] of them count
    carry       int64[instruments, 4, LEVELS]  the last depth seen: what an arriving order meets
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.desk.columns import LEVELS
from polaris.desk.settings import MAX_MONEY, DeskSettings
from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import LIVE
from polaris.domain.numbers import MONEY_DECIMALS
from polaris.domain.orders import IOC, LIMIT, MARKET, OBSERVE, POST_ONLY, RUNNING

ORDER_SLOTS: Final = 256
DAY: Final = 86_400_000_000_000
LONGEST_NS: Final = 2**62  # no time span is longer: sums with the clock stay below 2**63
DOLLARS: Final = ("USD", "USDT", "USDC")

# fill models
FILL_MID: Final = 0  # at the mid, at once: for smoke tests
FILL_TOUCH: Final = 1  # what is shown at the touch and behind it; a resting order fills when the touch crosses it
FILL_QUEUE: Final = 2  # as touch, but a resting order waits behind the quantity shown when it came
FILL_VENUE: Final = 3  # a real venue reports

# sizing modes
SIZE_KELLY: Final = 0
SIZE_VOLATILITY: Final = 1
SIZE_FIXED: Final = 2
SIZE_DIRECT: Final = 3

Records = npt.NDArray[np.void]

RULES = np.dtype(
    [
        ("sizing", "<i8"),
        ("order_type", "<i8"),
        ("fill_model", "<i8"),
        ("latency_ns", "<i8"),
        ("repeg_ns", "<i8"),
        ("equity_sample_ns", "<i8"),
        ("max_data_age_ns", "<i8"),
        ("duplicate_window_ns", "<i8"),
        ("refusal_pause_ns", "<i8"),
        ("order_burst", "<i8"),
        ("max_open_orders", "<i8"),
        ("allow_short", "<i8"),
        ("observe", "<i8"),  # 1: no order leaves, whatever an operator resumes or releases
        ("max_total_notional", "<i8"),  # money
        ("max_daily_loss", "<i8"),  # money
        ("max_drawdown", "<f8"),
        ("price_band", "<f8"),
        ("nanos_per_order", "<f8"),  # the token bucket earns one order in this time
        ("kelly_fraction", "<f8"),
        ("prior_strength", "<f8"),
        ("target_volatility", "<f8"),  # per square-root second
        ("fixed_notional", "<f8"),  # money
        ("max_leverage", "<f8"),
        ("cost_multiple", "<f8"),
        ("rebalance_fraction", "<f8"),
        ("horizon_s", "<f8"),
        ("root_horizon", "<f8"),
    ]
)

TERMS = np.dtype(
    [
        ("scale_up", "<i8"),  # money = ticks * lots * scale_up / scale_down
        ("scale_down", "<i8"),
        ("money_per_tick_lot", "<f8"),  # the same as one float, for estimates
        ("price_increment", "<i8"),
        ("quantity_increment", "<i8"),
        ("min_lots", "<i8"),
        ("min_notional", "<i8"),
        ("maker_ppm", "<i8"),  # millionths of notional; negative is a rebate
        ("taker_ppm", "<i8"),
        ("max_order_lots", "<i8"),
        ("max_order_notional", "<i8"),
        ("max_position_notional", "<i8"),
    ]
)

ACCOUNT = np.dtype(
    [
        ("clock", "<i8"),  # ns, never falls
        ("seq", "<i8"),  # of the last row
        ("trading", "<i8"),  # RUNNING, HALTED_PAUSED, HALTED_KILLED, OBSERVE
        ("halt", "<i8"),  # a loss limit that was reached: DAILY_LOSS or DRAWDOWN, else 0
        ("deposits", "<i8"),  # money, as all below
        ("cash", "<i8"),
        ("realised", "<i8"),
        ("fees", "<i8"),
        ("equity", "<i8"),
        ("peak", "<i8"),
        ("marked", "<i8"),  # sum over instruments of position value: equity is cash + marked
        ("day_ends", "<i8"),  # ns, the next midnight UTC
        ("day_equity", "<i8"),  # equity at the day's start
        ("trough", "<i8"),  # lowest equity since the peak
        ("turnover", "<i8"),
        ("gross", "<i8"),  # sum over instruments of |position value|
        ("next_order", "<i8"),
        ("active", "<i8"),  # working orders
        ("wake", "<i8"),  # ns: before this no order or cancel reaches the simulated venue
        ("decisions", "<i8"),
        ("submits", "<i8"),
        ("fills", "<i8"),
        ("refusals", "<i8"),
        ("cancels", "<i8"),
        ("faults", "<i8"),  # reports that no order state allows
        ("sampled", "<i8"),  # when the equity curve was sampled last
        ("tokens_ts", "<i8"),
        ("tokens", "<f8"),
        ("max_drawdown", "<f8"),
    ]
)

POSITION = np.dtype(
    [
        ("lots", "<i8"),
        ("cost", "<i8"),  # money paid for what is held; negative for a short
        ("realised", "<i8"),
        ("fees", "<i8"),
        ("value", "<i8"),  # at the mid
        ("target", "<i8"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("bid_lots", "<i8"),
        ("ask_lots", "<i8"),
        ("ts", "<i8"),  # of the last update
        ("book", "<i8"),  # book state
        ("top", "<i8"),  # boundary of the batch at hand whose depth `carry` does not hold yet, -1 where it does
        ("working_orders", "<i8"),
        ("retry_at", "<i8"),  # the planner rests until then
        ("last_side", "<i8"),  # of the last order sent, to know a duplicate
        ("last_price", "<i8"),
        ("last_lots", "<i8"),
        ("last_sent", "<i8"),
        ("forecast", "<f8"),
    ]
)

ORDER = np.dtype(
    [
        ("id", "<i8"),
        ("instrument", "<i8"),
        ("side", "<i8"),
        ("type", "<i8"),
        ("state", "<i8"),
        ("price", "<i8"),
        ("lots", "<i8"),
        ("filled", "<i8"),
        ("sent", "<i8"),  # ns
        ("arrives", "<i8"),  # when it reaches the simulated venue
        ("cancel_arrives", "<i8"),  # 0 where none was sent
        ("resting", "<i8"),  # 1 when it stands in the venue's book
        ("ahead", "<i8"),  # lots before it in the queue
        ("forecast", "<f8"),
    ]
)

ORDER_TYPES: Final = {"market": MARKET, "limit": LIMIT, "post-only": POST_ONLY, "ioc": IOC}
FILL_MODELS: Final = {"mid": FILL_MID, "touch": FILL_TOUCH, "queue": FILL_QUEUE, "venue": FILL_VENUE}
SIZINGS: Final = {"kelly": SIZE_KELLY, "volatility": SIZE_VOLATILITY, "fixed": SIZE_FIXED, "direct": SIZE_DIRECT}
SECONDS_A_YEAR: Final = 365.25 * 86400.0


def money(dollars: float) -> int:
    """Dollars as units of money. Raises BadConfig outside what 63 bits hold."""
    if not 0.0 <= dollars <= MAX_MONEY:
        raise BadConfig(f"an amount of {dollars!r} dollars is outside 0 .. {MAX_MONEY:.0f}")
    units: int = round(dollars * 10.0**MONEY_DECIMALS)
    return units


def rules_of(settings: DeskSettings, horizon_ns: int) -> Records:
    """The rules record of some settings; horizon_ns is how far ahead the forecast looks. Raises BadConfig where a value is out of range."""
    sizing, risk, execution = settings.sizing, settings.risk, settings.execution
    for name, value, low, high in (
        ("sizing.kelly_fraction", sizing.kelly_fraction, 0.0, 1.0),
        ("sizing.prior_strength", sizing.prior_strength, 0.0, 1e6),
        ("sizing.target_volatility", sizing.target_volatility, 0.0, 1e3),
        ("sizing.max_leverage", sizing.max_leverage, 0.0, 100.0),
        ("sizing.cost_multiple", sizing.cost_multiple, 0.0, 1e6),
        ("sizing.rebalance_fraction", sizing.rebalance_fraction, 0.0, 1.0),
        ("risk.max_drawdown", risk.max_drawdown, 1e-6, 1.0),
        ("risk.price_band", risk.price_band, 1e-6, 1.0),
        ("risk.max_orders_per_second", risk.max_orders_per_second, 1e-3, 1e9),
        ("risk.order_burst", risk.order_burst, 1, 1e9),
        ("risk.max_open_orders", risk.max_open_orders, 1, ORDER_SLOTS),
        ("risk.max_data_age_ns", risk.max_data_age_ns, 0, LONGEST_NS),
        ("risk.duplicate_window_ns", risk.duplicate_window_ns, 0, LONGEST_NS),
        ("risk.refusal_pause_ns", risk.refusal_pause_ns, 0, LONGEST_NS),
        ("execution.latency_ns", execution.latency_ns, 0, 60e9),
        ("execution.repeg_ns", execution.repeg_ns, 0, LONGEST_NS),
        ("execution.equity_sample_ns", execution.equity_sample_ns, 0, LONGEST_NS),
    ):
        if not low <= value <= high:
            raise BadConfig(f"{name} is {value!r}, expected {low:g} .. {high:g}")
    rules = np.zeros(1, RULES)
    rule = rules[0]
    rule["sizing"] = SIZINGS[sizing.mode]
    rule["order_type"] = ORDER_TYPES[execution.order_type]
    rule["fill_model"] = FILL_MODELS[execution.fill_model]
    for name in ("latency_ns", "repeg_ns", "equity_sample_ns"):
        rule[name] = getattr(execution, name)
    for name in ("max_data_age_ns", "duplicate_window_ns", "refusal_pause_ns", "order_burst", "max_open_orders", "allow_short", "max_drawdown", "price_band"):
        rule[name] = getattr(risk, name)
    rule["observe"] = settings.mode == "observe"
    rule["max_total_notional"] = money(risk.max_total_notional)
    rule["max_daily_loss"] = money(risk.max_daily_loss)
    rule["nanos_per_order"] = 1e9 / risk.max_orders_per_second
    for name in ("kelly_fraction", "prior_strength", "max_leverage", "cost_multiple", "rebalance_fraction"):
        rule[name] = getattr(sizing, name)
    rule["target_volatility"] = sizing.target_volatility / SECONDS_A_YEAR**0.5
    rule["fixed_notional"] = float(money(sizing.fixed_notional))
    rule["horizon_s"] = horizon_ns / 1e9
    rule["root_horizon"] = (horizon_ns / 1e9) ** 0.5
    return rules


def terms_of(settings: DeskSettings, instruments: Instruments) -> Records:
    """The terms of every instrument. Raises BadConfig for one that isn't quoted in dollars or whose fee is out of range."""
    terms = np.zeros(len(instruments), TERMS)
    for item in instruments:
        _fill_terms(terms[item.id], item, settings)
    return terms


def _fill_terms(term: Any, item: Instrument, settings: DeskSettings) -> None:
    if item.key.quote not in DOLLARS:
        raise BadConfig(f"{item.symbol} is quoted in {item.key.quote}; the account counts dollars ({', '.join(DOLLARS)})")
    shift = item.price_decimals + item.quantity_decimals - MONEY_DECIMALS
    if abs(shift) > 18:
        raise BadConfig(f"{item.symbol} has {item.price_decimals} decimals of price and {item.quantity_decimals} of quantity; expected at most 26 together")
    term["scale_up"], term["scale_down"] = (1, 10**shift) if shift >= 0 else (10**-shift, 1)
    term["money_per_tick_lot"] = 10.0**-shift
    term["price_increment"], term["quantity_increment"] = item.price_increment, item.quantity_increment
    term["min_lots"], term["min_notional"] = item.min_quantity, item.min_notional
    maker, taker = settings.execution.fees.get(item.key.venue, (settings.execution.maker_fee, settings.execution.taker_fee))
    for name, fee in (("maker", maker), ("taker", taker)):
        if not -0.01 <= fee <= 0.1:
            raise BadConfig(f"{name} fee of {item.key.venue} is {fee!r}, expected -0.01 .. 0.1 of the notional")
    term["maker_ppm"], term["taker_ppm"] = round(maker * 1e6), round(taker * 1e6)
    term["max_order_lots"] = min(2**53, round(settings.risk.max_order_quantity * 10**item.quantity_decimals))
    term["max_order_notional"] = money(settings.risk.max_order_notional)
    term["max_position_notional"] = money(settings.risk.max_position_notional)


def account_of(settings: DeskSettings) -> Records:
    """A fresh account."""
    account = np.zeros(1, ACCOUNT)
    cash = money(settings.equity)
    for name in ("deposits", "cash", "equity", "peak", "trough", "day_equity"):
        account[name] = cash
    account["trading"] = OBSERVE if settings.mode == "observe" else RUNNING
    account["next_order"] = 1
    account["tokens"] = settings.risk.order_burst
    return account


def positions_of(instruments: Instruments) -> Records:
    """No positions; books count as live until a STATUS row says otherwise (recorded bars and trades never do)."""
    positions = np.zeros(len(instruments), POSITION)
    positions["book"] = LIVE
    positions["top"] = -1
    return positions


def carry_of(instruments: Instruments) -> npt.NDArray[np.int64]:
    """No depth seen yet."""
    return np.zeros((len(instruments), 4, LEVELS), np.int64)
