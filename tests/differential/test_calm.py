"""Boundaries passed in one stride, and the same one by one: the same records and the same memory, bit for bit."""

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from polaris.desk import decide
from polaris.desk.alpha.crossover import crossover
from polaris.desk.columns import Bank
from polaris.desk.pipeline import Desk
from polaris.desk.sample import sample_instruments
from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.domain.control import PAUSE, RESUME
from polaris.domain.market import ASK, BAR, CONTROL, LAST, QUOTE, ROW, TRADE
from polaris.domain.orders import DAILY_LOSS, DRAWDOWN, EQUITY, FILL, HALT

SECOND = 10**9
INSTRUMENTS = sample_instruments(2)
stride, passed = decide.calm, 0


def counting(*arguments):
    global passed
    reached = stride(*arguments)
    passed += reached - arguments[-1]
    return reached


def market(seed, step_ns, n=1200):
    dice = np.random.default_rng(seed)
    rows = np.zeros(n, ROW)
    rows["seq"], rows["ts_recv"] = np.arange(n), 1_700_000_000 * SECOND + np.cumsum(dice.integers(0, 2 * step_ns, n))
    rows["instrument"] = np.repeat(dice.integers(0, 2, n // 40), 40)
    rows["kind"] = dice.choice([QUOTE, TRADE, BAR], n, p=[0.5, 0.45, 0.05])
    rows["flags"] = np.where(dice.random(n) < 0.95, LAST, 0) | np.where(dice.random(n) < 0.5, ASK, 0)
    rows["price"] = 5_000_000 + np.cumsum(dice.integers(-2000, 2001, n))
    rows["quantity"], rows["other_quantity"] = 10**8, 10**8
    rows["other"] = rows["price"] + 5
    for at, command in ((n // 3, PAUSE), (n // 3 + 30, RESUME), (2 * n // 3, RESUME)):
        rows[at]["kind"], rows[at]["instrument"], rows[at]["price"] = CONTROL, -1, command
    return rows


def settings(loss, drawdown, sample_ns):
    return DeskSettings(
        sizing=SizingSettings(mode="direct"),
        risk=RiskSettings(max_daily_loss=loss, max_drawdown=drawdown, max_order_notional=9e5, max_position_notional=9e5, max_total_notional=9e5),
        execution=ExecutionSettings(order_type="market", fill_model="touch", latency_ns=0, equity_sample_ns=sample_ns),
    )


def told(loss, drawdown, sample_ns, rows, kernels):
    desk = Desk(settings(1e6 if loss < 100 else loss, 1.0 if drawdown < 0.001 else drawdown, sample_ns), INSTRUMENTS, Bank(kernels, INSTRUMENTS))
    parts, digests = [], []
    for first in range(0, len(rows), 30):
        if first == 210 and not kernels:
            parts.append(desk.submit(0, 1, 10**9, 0)[1])
        if first == 300:  # small limits come later, when they are broken already
            desk.reconfigure(settings(loss, drawdown, sample_ns))
        parts.append(desk.advance(rows[first : first + 30]))
        digests.append(desk.state_digest())
    return np.concatenate(parts), digests


kinds, reasons = set(), set()
for seed in range(4):
    for loss, drawdown, step_ns in ((1e6, 1.0, SECOND), (1500.0, 1.0, 300 * SECOND), (1e6, 0.02, SECOND), (10.0, 1.0, SECOND), (1e6, 1e-4, SECOND)):
        for kernels in ([crossover(3, 9, 10**9)], []):
            rows = market(seed, step_ns)
            decide.calm = counting
            by_stride = told(loss, drawdown, 300 * step_ns, rows, kernels)
            decide.calm = lambda *arguments: arguments[-1]
            one_by_one = told(loss, drawdown, 300 * step_ns, rows, kernels)
            assert by_stride[0].tobytes() == one_by_one[0].tobytes(), (seed, loss, drawdown)
            assert by_stride[1] == one_by_one[1], (seed, loss, drawdown)
            kinds.update(by_stride[0]["kind"].tolist())
            reasons.update(by_stride[0]["reason"].tolist())
assert {FILL, EQUITY, HALT} <= kinds and {DAILY_LOSS, DRAWDOWN} <= reasons, "the case must reach what a stride stops at"
assert passed > 5000, f"only {passed} boundaries were passed by: the case says nothing"
"""


def test_calm_boundaries_passed_in_one_stride_lead_to_what_they_lead_to_one_by_one() -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
