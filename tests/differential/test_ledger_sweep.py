"""The sweep and the desk book the same fills to the same unit of money."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from polaris.desk.alpha.crossover import crossover
from polaris.desk.columns import Bank
from polaris.desk.pipeline import Desk
from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import BAR, LAST, ROW, TIMER
from polaris.domain.orders import FILL
from polaris.research.sweep import CROSSOVER, sweep

MINUTE = 60 * 10**9
FAR = RiskSettings(
    max_position_notional=1e9, max_total_notional=1e9, max_order_notional=1e9, price_band=1.0, max_orders_per_second=1e9, order_burst=10**6,
    max_daily_loss=1e9, max_drawdown=1.0, max_data_age_ns=10**18, duplicate_window_ns=0,
)  # fmt: skip


def desk_settings(fee: float) -> DeskSettings:
    execution = ExecutionSettings(order_type="market", fill_model="mid", latency_ns=0, taker_fee=fee)
    return DeskSettings(equity=1_000_000.0, sizing=SizingSettings(mode="direct"), risk=FAR, execution=execution)


def instrument(price_decimals: int, quantity_decimals: int) -> Instrument:
    key = Key("sim", Product.SPOT, "BTC", "USDT")
    return Instrument(id=InstrumentId(0), key=key, wire="BTCUSDT", price_decimals=price_decimals, quantity_decimals=quantity_decimals)


def bar_rows(closes):
    """Bars at these closes, and a timer at the end: an order of the last bar arrives before it."""
    rows = np.zeros(len(closes) + 1, ROW)
    rows["ts_recv"] = rows["ts_event"] = MINUTE * np.arange(1, len(closes) + 2)
    rows["seq"] = np.arange(len(rows))
    rows["kind"], rows["flags"] = BAR, LAST
    rows["price"][:-1] = rows["other"][:-1] = closes
    rows["kind"][-1] = TIMER
    return rows


def run_desk(closes, fast, slow, item, settings, lots):
    instruments = Instruments([item])
    desk = Desk(settings, instruments, Bank([crossover(fast, slow, lots)], instruments))
    records = desk.advance(bar_rows(closes))
    return desk, records[records["kind"] == FILL]


@effort(max_examples=60)
@given(
    st.integers(0, 2**31), st.integers(20, 400), st.integers(1, 8), st.integers(1, 12), st.sampled_from([(2, 3), (4, 6), (1, 0), (2, 8)]),
    st.sampled_from([0.0, 0.001, 0.000333, -0.00025]), st.integers(1, 5_000),
)  # fmt: skip
def test_a_sweep_ends_with_the_cash_fees_and_fills_of_the_desk(seed, count, fast, more, decimals, fee, lots):
    closes = 20_000 + np.cumsum(np.random.default_rng(seed).integers(-40, 41, count))
    item, settings = instrument(*decimals), desk_settings(fee)
    desk, fills = run_desk(closes, fast, min(fast + more, count), item, settings, lots)
    outcome = sweep(closes, CROSSOVER, [(fast, min(fast + more, count))], item, settings, lots)
    swept = outcome.accounts[0]
    for name in ("cash", "fees", "realised", "fills", "turnover", "equity"):
        assert swept[name] == desk.account[name], name
    for name in ("lots", "cost", "realised", "fees"):
        assert outcome.positions[0][name] == desk.positions[0][name], name
    assert swept["fills"] == len(fills)


@pytest.mark.parametrize(("fast", "slow"), [(10, 50), (5, 170), (44, 50)])
def test_they_agree_on_a_long_walk(fast, slow):
    closes = 5_000_000 + np.cumsum(np.random.default_rng(7).integers(-300, 301, 50_000))
    item, settings = instrument(2, 3), desk_settings(0.001)
    desk, fills = run_desk(closes, fast, slow, item, settings, 100)
    swept = sweep(closes, CROSSOVER, [(fast, slow)], item, settings, 100).accounts[0]
    assert (swept["cash"], swept["fees"], swept["fills"]) == (desk.account["cash"], desk.account["fees"], len(fills))
    assert len(fills) > 300
