"""Laws of the default bank that hold for every input: splits do not matter, nothing sees the future, all is finite."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.desk.alpha.crossover import crossover
from polaris.desk.bank import BankSettings, default_bank
from polaris.desk.columns import LEVELS, TOP, Bank
from polaris.desk.sample import START, sample_bars, sample_instruments, sample_tops
from polaris.domain.market import BAR, DEPTH, QUOTE, TRADE

N = 400
INSTRUMENTS = sample_instruments(3)
SETTINGS = BankSettings(entry_points=False)


def fresh() -> list[Bank]:
    return [default_bank(INSTRUMENTS, SETTINGS), Bank([crossover(3, 7)], INSTRUMENTS)]


def fold(tops: Any, depth: Any, cuts: list[int]) -> tuple[list[Any], list[bytes]]:
    """(the columns, the memories) after the bank saw the boundaries in these portions."""
    columns, memories = [], []
    for bank in fresh():
        edges = [0, *sorted(cuts), len(tops)]
        parts = [bank.update(tops[a:b], depth[a:b]).copy() for a, b in pairwise(edges)]
        columns.append(np.concatenate(parts, axis=1))
        memories += [state.tobytes() for state in bank.states]
    return columns, memories


def market(seed: int) -> tuple[Any, Any]:
    """Updates of three instruments, far enough apart for every kernel to warm up and learn; every third one is bars."""
    if seed % 3 == 0:
        return sample_bars(N, 3, seed=seed, interval_ns=2_000_000_000)
    return sample_tops(N, 3, seed=seed, step_ns=150_000_000)


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, N), max_size=30))
def test_any_split_of_the_boundaries_gives_the_same_columns_and_memories_bit_for_bit(seed: int, cuts: list[int]) -> None:
    tops, depth = market(seed)
    whole, remembered = fold(tops, depth, [])
    split, remembered_split = fold(tops, depth, cuts)
    for one, other in zip(whole, split, strict=True):
        assert one.tobytes() == other.tobytes()
    assert remembered == remembered_split


def test_one_boundary_at_a_time_gives_the_same_columns() -> None:
    tops, depth = market(1)
    for one, other in zip(fold(tops, depth, [])[0], fold(tops, depth, list(range(1, N)))[0], strict=True):
        assert one.tobytes() == other.tobytes()


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), at=st.integers(1, N - 1))
def test_what_comes_later_changes_nothing_that_was_said(seed: int, at: int) -> None:
    tops, depth = market(seed)
    other_tops, other_depth = market(seed + 1001)
    changed_tops, changed_depth = tops.copy(), depth.copy()
    changed_tops[at:], changed_depth[at:] = other_tops[at:], other_depth[at:]
    changed_tops["ts"] = np.maximum.accumulate(changed_tops["ts"])
    for one, other in zip(fold(tops, depth, [])[0], fold(changed_tops, changed_depth, [])[0], strict=True):
        assert one[:, :at].tobytes() == other[:, :at].tobytes()


def test_every_column_says_something_on_updates_and_all_that_needs_no_queues_on_bars() -> None:
    for (tops, depth), quiet in (
        (sample_tops(6000, 3, step_ns=150_000_000), set()),
        (sample_bars(6000, 3), {"spread_ticks", "spread", "imbalance_1", "imbalance_5", "imbalance_10", "ofi", "ofi_multi", "pressure.forecast",
                                "pressure.confidence", "flow.forecast", "flow.confidence"}),
    ):  # fmt: skip
        bank = default_bank(INSTRUMENTS, SETTINGS)
        columns = bank.update(tops, depth)
        silent = {name for name in bank.names() if not columns[bank.column(name)].any()}
        assert silent - {"reversion.confidence"} == quiet  # a walk does not revert


prices = st.integers(0, 2**53) | st.integers(1, 200)
lots = st.integers(0, 2**62) | st.integers(0, 3)


@st.composite
def wild_markets(draw: st.DrawFn) -> tuple[Any, Any]:
    """Anything at all: crossed, one-lot and huge books, levels in no order, clocks that stand still or jump a month."""
    n = draw(st.integers(1, 60))
    tops, depth = np.zeros(n, TOP), np.zeros((n, 4, LEVELS), np.int64)
    ts = START
    for k in range(n):
        ts += draw(st.sampled_from((0, 1, 10**6, 10**9, 10**10, 3 * 10**15)))
        kind = draw(st.sampled_from((DEPTH, QUOTE, TRADE, BAR)))
        price = draw(prices)
        bid, ask = (price, price) if kind == BAR else (draw(prices), draw(prices))
        size = draw(lots) * (-1 if kind == TRADE and draw(st.booleans()) else 1)
        priced = kind in (TRADE, BAR)
        tops[k] = (ts, draw(st.integers(0, 2)), kind, 0, bid, ask, draw(lots), draw(lots), price if priced else 0, size if priced else 0)
        depth[k] = draw(st.sampled_from((0, 1, 7))) * (np.arange(4 * LEVELS).reshape(4, LEVELS) % 5)
        depth[k, :, 0] = bid, tops["bid_lots"][k], ask, tops["ask_lots"][k]
        depth[k, 1::2, 1:3] = draw(lots)
    return tops, depth


@settings(max_examples=150)
@given(wild_markets())
def test_every_output_is_finite_whatever_the_book(case: tuple[Any, Any]) -> None:
    bank = default_bank(INSTRUMENTS, SETTINGS)
    for _ in range(2):
        columns = bank.update(*case)
        assert np.isfinite(columns).all()
        case[0]["ts"] += case[0]["ts"][-1] - case[0]["ts"][0]
    low, high = 0.0, 1.0
    for name in ("confidence", "probability", "brier", *(f"{alpha}.confidence" for alpha in ("pressure", "momentum", "reversion", "flow"))):
        assert ((columns[bank.column(name)] >= low) & (columns[bank.column(name)] <= high)).all(), name
    for name in ("imbalance_1", "imbalance_5", "imbalance_10", "trade_flow"):
        assert (abs(columns[bank.column(name)]) <= 1.0).all(), name


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_a_mirrored_market_turns_every_sign(seed: int) -> None:
    tops, depth = sample_tops(N, 3, seed=seed, step_ns=150_000_000)
    around = 200_000_000
    mirrored, mirrored_depth = tops.copy(), depth.copy()
    mirrored["bid"], mirrored["ask"] = around - tops["ask"], around - tops["bid"]
    mirrored["bid_lots"], mirrored["ask_lots"] = tops["ask_lots"], tops["bid_lots"]
    mirrored["price"], mirrored["lots"] = np.where(tops["kind"] == TRADE, around - tops["price"], 0), -tops["lots"]
    for side in (0, 2):
        mirrored_depth[:, side] = np.where(depth[:, 3 - side] > 0, around - depth[:, 2 - side], 0)
        mirrored_depth[:, side + 1] = depth[:, 3 - side]
    here, there = default_bank(INSTRUMENTS, SETTINGS), default_bank(INSTRUMENTS, SETTINGS)
    one, other = here.update(tops, depth), there.update(mirrored, mirrored_depth)
    for name in ("imbalance_1", "imbalance_5", "imbalance_10", "ofi", "ofi_multi", "trade_flow"):
        assert (one[here.column(name)] == -other[there.column(name)]).all(), name
    for name in ("mid", "weighted_mid", "microprice"):
        np.testing.assert_allclose(one[here.column(name)], around - other[there.column(name)], atol=1e-6)
    assert (one[here.column("spread_ticks")] == other[there.column("spread_ticks")]).all()
