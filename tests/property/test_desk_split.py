"""Any split of the same rows leads to the same records and the same state, bit for bit: the law that makes live and backtest one.

Rows of every kind, of instruments of every sort (a deep book, a quoted one with depth behind it, bars), with gaps,
disconnections, pauses, kill switches, deposits and what a real venue reports; handed over whole, in pieces, one by one.
"""

from collections import Counter
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polaris.desk.alpha.crossover import crossover
from polaris.desk.bank import default_bank
from polaris.desk.columns import Bank
from polaris.desk.pipeline import Desk
from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.desk.strategy import Strategy, Trader
from polaris.domain.market import TRADE, Rows
from polaris.domain.orders import FILL, IOC, LIMIT, MARKET, POST_ONLY, RECORD, joined
from tests.unit.desk.day import QUICK, a_day
from tests.unit.desk.rows import MILLI, balances, kinds, some_instruments

INSTRUMENTS = some_instruments(3)
N = 260
TIGHT = RiskSettings(
    max_position_notional=60.0, max_total_notional=120.0, max_order_notional=30.0, max_orders_per_second=2.0, order_burst=5, max_open_orders=12,
    max_daily_loss=0.05, max_drawdown=1e-4, max_data_age_ns=2_000 * MILLI, duplicate_window_ns=150 * MILLI, refusal_pause_ns=400 * MILLI,
)  # fmt: skip


def desk_settings(seed: int, sizing: SizingSettings) -> DeskSettings:
    """An order type, a fill model and a latency of every sort, told by the seed."""
    execution = ExecutionSettings(
        order_type=("post-only", "limit", "ioc", "market")[seed % 4],  # type: ignore[arg-type]
        fill_model=("queue", "touch", "mid", "queue", "venue")[seed % 5],  # type: ignore[arg-type]
        latency_ns=(0, 20, 170)[seed % 3] * MILLI, repeg_ns=250 * MILLI, maker_fee=-0.0001, taker_fee=0.0003, equity_sample_ns=(0, 900)[seed % 2] * MILLI,
    )  # fmt: skip
    return DeskSettings(equity=1_000.0, sizing=sizing, risk=TIGHT, execution=execution)


class Restless(Strategy):
    """Trades on whatever it sees, hears of its orders, asks where it stands; deterministic in what it is told."""

    def __init__(self) -> None:
        self.seen = self.heard = 0
        self.working: list[int] = []

    def on_row(self, row: Any, desk: Trader) -> None:
        self.seen += 1
        if row.kind == TRADE and row.quantity % 3 == 0:
            bid, ask = desk.touch(row.instrument)
            kind = (MARKET, LIMIT, POST_ONLY, IOC)[row.quantity % 4]
            side = desk.buy if (row.price + desk.position(row.instrument)) % 2 else desk.sell
            order = side(row.instrument, 1 + row.quantity % 400, kind, (bid if row.quantity % 5 else ask))
            if order:
                self.working.append(order)
        elif self.working and row.price % 7 == 0:
            desk.cancel(self.working.pop(0))
        elif desk.equity % 11 == 0:
            desk.sell(2, 5)

    def on_record(self, record: Any, desk: Trader) -> None:
        self.heard += int(record["kind"]) * int(record["order"] + 1)
        if record["kind"] == FILL and record["lots"] % 2:
            desk.buy(int(record["instrument"]), 3, LIMIT, int(record["price"]) - 2)


def whole_pipeline(seed: int) -> tuple[Desk, Any]:
    sizing = SizingSettings(mode=("fixed", "kelly", "volatility")[seed % 3], fixed_notional=20.0, cost_multiple=0.0, prior_strength=0.0, rebalance_fraction=0.0)  # type: ignore[arg-type]
    desk = Desk(desk_settings(seed, sizing), INSTRUMENTS, default_bank(INSTRUMENTS, QUICK))
    return desk, desk.advance


def compiled_strategy(seed: int) -> tuple[Desk, Any]:
    desk = Desk(desk_settings(seed, SizingSettings(mode="direct")), INSTRUMENTS, Bank([crossover(2, 3 + seed % 4, 1 + seed % 500)], INSTRUMENTS))
    return desk, desk.advance


def python_strategy(seed: int) -> tuple[Desk, Any]:
    desk = Desk(desk_settings(seed, SizingSettings(mode="direct")), INSTRUMENTS, Bank([], INSTRUMENTS))
    return desk, Trader(desk, Restless()).run


DESKS = {"whole pipeline": whole_pipeline, "compiled strategy": compiled_strategy, "python strategy": python_strategy}


def run(name: str, seed: int, rows: Rows, edges: list[int]) -> tuple[bytes, str, str, Desk]:
    """(records, state digest, decisions digest, the desk) after the rows in these portions."""
    desk, advance = DESKS[name](seed)
    parts = [advance(rows[a:b]) for a, b in pairwise([0, *edges, len(rows)])]
    return joined(parts).tobytes(), desk.state_digest(), desk.decisions_digest(), desk


@pytest.mark.parametrize("name", DESKS)
@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), size=st.integers(1, N), cuts=st.lists(st.integers(0, N), max_size=40))
@example(seed=218_914, size=104, cuts=list(range(104)))  # ends within an update that is not closed
def test_any_split_of_the_rows_gives_the_same_records_and_state(name: str, seed: int, size: int, cuts: list[int]) -> None:
    rows = a_day(seed, N)[:size]
    *whole, desk = run(name, seed, rows, [])
    *split, _ = run(name, seed, rows, sorted(min(cut, size) for cut in cuts))
    assert whole == split
    assert balances(desk)


@pytest.mark.parametrize("name", DESKS)
@pytest.mark.parametrize("seed", range(8))
def test_row_by_row_is_the_same_as_all_at_once(name: str, seed: int) -> None:
    rows = a_day(seed, 1000)
    assert run(name, seed, rows, [])[:3] == run(name, seed, rows, list(range(1, len(rows))))[:3]


@pytest.mark.parametrize("name", DESKS)
def test_the_days_are_eventful_enough_to_prove_something(name: str) -> None:
    told: Counter[str] = Counter()
    reasons: set[int] = set()
    for seed in range(20):
        records, _, _, desk = run(name, seed, a_day(seed, 600), [])
        seen = np.frombuffer(records, RECORD)
        told.update(kinds(seen))
        reasons |= set(seen["reason"].tolist())
        assert balances(desk)
    for kind, least in {"submit": 100, "fill": 60, "refused": 100, "cancel": 30, "cancelled": 30, "accepted": 30, "expired": 5, "equity": 500, "halt": 10}.items():
        assert told[kind] >= least, kind
    assert len(reasons) >= 5


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), at=st.integers(1, N - 1))
def test_what_comes_later_changes_no_record_that_was_written(seed: int, at: int) -> None:
    rows, other = a_day(seed, N), a_day(seed + 1, N)
    changed = np.concatenate([rows[:at], other[at:]])
    changed["ts_recv"] = np.maximum.accumulate(changed["ts_recv"])
    for name in DESKS:
        one, two = (DESKS[name](seed)[1](seen) for seen in (rows, changed))
        before = rows["seq"][at]
        assert one[one["seq"] < before].tobytes() == two[two["seq"] < before].tobytes()


def test_a_rule_changed_between_rows_holds_from_there_on() -> None:
    rows = a_day(3, 600)
    for name in ("whole pipeline", "compiled strategy"):
        digests = set()
        for portions in (1, 7):
            desk, advance = DESKS[name](3)
            for part in np.array_split(rows[:300], portions):
                advance(part)
            desk.reconfigure(msgspec.structs.replace(desk.settings, risk=msgspec.structs.replace(desk.settings.risk, max_position_notional=5.0)))
            for part in np.array_split(rows[300:], portions):
                advance(part)
            digests.add((desk.state_digest(), desk.decisions_digest()))
        assert len(digests) == 1
