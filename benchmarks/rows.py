"""The work as rows of ours, and settings that leave nothing but the work: no limit binds."""

import numpy as np

from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.kernel import kernel
from polaris.domain.market import ASK, BAR, CLEAR, DEPTH, LAST, QUOTE, ROW, SNAPSHOT, TRADE, Rows
from work import CASH, FEE, LATENCY, SEED, START, STEP, bars, ticks

SHOWN = 5_000  # lots at the touch of a quote
LEVELS = 1_000  # a side of the L2 snapshot


def instruments() -> Instruments:
    """One: cents and thousandths."""
    key = Key("sim", Product.SPOT, "BTC", "USDT")
    return Instruments([Instrument(id=InstrumentId(0), key=key, wire="BTCUSDT", price_decimals=2, quantity_decimals=3)])


def settings(equity_sample_s: int = 1) -> DeskSettings:
    """Market orders at the touch, 10 bps, the work's latency, and limits far away."""
    far = RiskSettings(
        max_position_notional=1e9, max_total_notional=1e9, max_order_notional=1e9, price_band=1.0, max_orders_per_second=1e9, order_burst=1_000_000,
        max_daily_loss=1e10, max_drawdown=1.0, max_data_age_ns=10**18, duplicate_window_ns=0,
    )  # fmt: skip
    execution = ExecutionSettings(order_type="market", fill_model="touch", latency_ns=LATENCY, taker_fee=FEE, equity_sample_ns=equity_sample_s * 10**9)
    return DeskSettings(equity=CASH, sizing=SizingSettings(mode="direct"), risk=far, execution=execution)


def tick_rows(count: int = 1_000_000) -> Rows:
    """`count` quotes and `count` trades in turn."""
    bid, ask, price, side, size, quoted, traded = ticks(count)
    rows = np.zeros(2 * count, ROW)
    quotes, trades = rows[0::2], rows[1::2]
    quotes["kind"], quotes["flags"], quotes["ts_event"] = QUOTE, LAST, quoted
    quotes["price"], quotes["other"], quotes["quantity"], quotes["other_quantity"] = bid, ask, SHOWN, SHOWN
    trades["kind"], trades["flags"], trades["ts_event"] = TRADE, np.where(side > 0, LAST, LAST | ASK), traded
    trades["price"], trades["quantity"], trades["other"] = price, size, np.arange(count)
    return _numbered(rows)


def bar_rows(count: int = 1_000_000) -> Rows:
    """Minute bars, each at its end."""
    opened, high, low, close, volume, start = bars(count)
    rows = np.zeros(count, ROW)
    rows["kind"], rows["flags"], rows["ts_event"] = BAR, LAST, start + 60_000_000_000
    rows["price"], rows["quantity"], rows["other"] = close, volume * 100, opened
    rows["other_quantity"] = (high - np.maximum(opened, close)) << 32 | (np.minimum(opened, close) - low)
    return _numbered(rows)


def book_rows(count: int = 1_000_000, seed: int = SEED) -> Rows:
    """A snapshot, then L2 changes and trades of one book that stays whole: about `count` rows in all."""
    dice = np.random.default_rng(seed)
    what = dice.random(count)
    far = np.minimum(dice.geometric(0.15, count) - 1, LEVELS // 2)
    lots = dice.integers(1, 50_000, count)
    buys = dice.random(count) < 0.5
    rows = np.zeros(2 * LEVELS + 2 * count, ROW)
    return _numbered(rows[: _fill_book(rows, what, far, lots, buys)])


@kernel
def _fill_book(rows, what, far, lots, buys):
    """Write the rows; returns how many. 70 % sizes near the touch, 20 % trades at it, 10 % moves of the touch by a tick."""
    bid, n = 5_000_000, 0
    ts = START
    for level in range(LEVELS):
        for side in range(2):
            row = rows[n]
            row["ts_event"], row["kind"] = ts, DEPTH
            row["flags"] = SNAPSHOT | (ASK if side else 0) | (CLEAR if n == 0 else 0) | (LAST if n == 2 * LEVELS - 1 else 0)
            row["price"], row["quantity"] = bid + 1 + level if side else bid - level, 10_000
            n += 1
    for i in range(what.size):
        ts += STEP
        row = rows[n]
        row["ts_event"], row["flags"] = ts, LAST
        if what[i] < 0.7:
            row["kind"], row["quantity"] = DEPTH, lots[i]
            row["price"] = bid - far[i] if buys[i] else bid + 1 + far[i]
            row["flags"] = LAST if buys[i] else LAST | ASK
            n += 1
        elif what[i] < 0.9:
            row["kind"], row["quantity"] = TRADE, 1 + lots[i] // 50
            row["price"] = bid + 1 if buys[i] else bid
            row["flags"] = LAST if buys[i] else LAST | ASK
            n += 1
        else:
            after = rows[n + 1]
            after["ts_event"], after["kind"] = ts, DEPTH
            row["kind"], row["quantity"], after["quantity"] = DEPTH, 0, lots[i]
            row["price"] = after["price"] = bid + 1 if buys[i] else bid
            row["flags"] = ASK if buys[i] else 0
            after["flags"] = LAST if buys[i] else LAST | ASK
            bid += 1 if buys[i] else -1
            n += 2
    return n


def _numbered(rows: Rows) -> Rows:
    rows["ts_recv"] = rows["ts_event"]
    rows["seq"] = np.arange(len(rows))
    return rows
