"""What each alpha claims, on markets made so that the claim is true, and on walks where nothing is to be had."""

import math
from typing import Any

import numpy as np
import pytest

from polaris.desk.alpha import AlphaSettings, FlowSettings, MomentumSettings, PressureSettings, ReversionSettings, default_alphas
from polaris.desk.alpha.crossover import crossover
from polaris.desk.alpha.flow import flow
from polaris.desk.alpha.momentum import momentum, spread_of_walk
from polaris.desk.alpha.outcomes import QUESTIONS, SLOTS, answered, ask, rest, take
from polaris.desk.alpha.pressure import pressure
from polaris.desk.alpha.regression import CERTAIN, LINE, evidence, fit, learn
from polaris.desk.alpha.reversion import reversion
from polaris.desk.columns import LEVELS, TOP, Kernel
from polaris.desk.sample import START
from polaris.domain.errors import BadConfig
from polaris.domain.market import BAR, DEPTH, TRADE

SECOND = 1_000_000_000


def tell(kernel: Kernel, *, every_ns: int = SECOND, kind: int = DEPTH, **inputs: Any) -> dict[str, Any]:
    """What the alpha says where these are the columns it reads."""
    n = max(len(np.atleast_1d(column)) for column in inputs.values())
    columns = np.zeros((len(inputs) + len(kernel.outputs), n))
    for row, column in enumerate(inputs.values()):
        columns[row] = column
    places = np.array([list(inputs).index(name) for name in kernel.inputs])
    tops = np.zeros(n, TOP)
    tops["ts"] = START + np.arange(n) * every_ns
    tops["kind"] = kind
    kernel.run(tops, np.zeros((n, 4, LEVELS), np.int64), columns, places, len(inputs), np.zeros(1, kernel.state), np.array(kernel.params))
    return {name.removeprefix(f"{kernel.name}."): columns[len(inputs) + j] for j, name in enumerate(kernel.outputs)}


BALANCED = {"imbalance_1": 0.0, "imbalance_5": 0.0, "imbalance_10": 0.0, "mid": 1e6, "microprice": 1e6, "spread": 1e-5, "volatility": 1e-4}


def test_a_balanced_book_has_no_pressure() -> None:
    said = tell(pressure(PressureSettings()), **BALANCED)
    assert (said["forecast"][0], said["confidence"][0]) == (0.0, 0.0)


def test_pressure_follows_the_lean_is_odd_in_it_and_never_exceeds_what_the_market_moves() -> None:
    lean = np.linspace(-1, 1, 21)
    books = {**BALANCED, "imbalance_1": lean, "imbalance_5": lean, "imbalance_10": lean, "microprice": 1e6 + lean}
    forecast = tell(pressure(PressureSettings()), **books)["forecast"]
    assert (np.diff(forecast) > 0).all()
    np.testing.assert_allclose(forecast, -forecast[::-1], atol=1e-20)
    wide = tell(pressure(PressureSettings()), **{**books, "spread": 0.5})["forecast"]
    assert abs(wide).max() <= 1e-4 * math.sqrt(5) * math.sqrt(2 / math.pi)


def test_pressure_is_sure_where_the_depths_agree() -> None:
    kernel = pressure(PressureSettings())
    agree = tell(kernel, **{**BALANCED, "imbalance_1": 0.5, "imbalance_5": 0.2, "imbalance_10": 0.1})
    differ = tell(kernel, **{**BALANCED, "imbalance_1": 0.5, "imbalance_5": -0.2, "imbalance_10": -0.1})
    assert agree["confidence"][0] == 1.0
    assert differ["confidence"][0] == pytest.approx(0.2 / 0.8)


def test_no_alpha_says_a_word_before_volatility_is_known() -> None:
    mids = 1e6 + np.cumsum(np.random.default_rng(3).normal(0, 10, 400))
    columns = {**BALANCED, "mid": mids, "imbalance_1": 0.9, "ofi": 1.0, "volatility": 0.0}
    for kernel in default_alphas(AlphaSettings()):
        said = tell(kernel, **columns)
        assert not said["forecast"].any() and not said["confidence"].any(), kernel.name


def test_momentum_expects_its_share_of_a_straight_trend_to_go_on() -> None:
    mids = 1e6 * (1 + 1e-5 * np.arange(50))
    said = tell(momentum(MomentumSettings(persistence=0.5)), mid=mids, volatility=1e-4)
    assert not said["forecast"][:5].any()
    np.testing.assert_allclose(said["forecast"][5:], 0.5 * 5 * 1e-5, rtol=1e-3)


def test_momentum_believes_a_trend_and_mostly_not_a_walk() -> None:
    dice = np.random.default_rng(4)
    walk = 1e6 * (1 + np.cumsum(dice.normal(0, 1e-5, 20_000)))
    said = tell(momentum(MomentumSettings()), mid=walk, volatility=1e-5)
    assert np.mean(said["confidence"] > 0) == pytest.approx(0.317, abs=0.03)  # |z| > 1 of a standard normal
    trend = tell(momentum(MomentumSettings()), mid=1e6 * (1 + 5e-5 * np.arange(50)), volatility=1e-5)
    assert trend["confidence"][5:].min() > 0.9


def test_momentum_samples_by_the_clock_but_takes_every_bar() -> None:
    mids = 1e6 * (1 + 1e-5 * np.arange(20))
    kernel = momentum(MomentumSettings())
    assert np.flatnonzero(tell(kernel, every_ns=SECOND // 2, mid=mids, volatility=1e-4)["forecast"])[0] == 10
    assert np.flatnonzero(tell(kernel, every_ns=SECOND // 2, kind=BAR, mid=mids, volatility=1e-4)["forecast"])[0] == 5


def test_the_averages_of_a_simulated_walk_differ_by_the_deviation_that_is_claimed() -> None:
    walks = np.cumsum(np.random.default_rng(5).normal(size=(200_000, 12)), axis=1)
    differences = walks[:, -3:].mean(axis=1) - walks[:, -6:].mean(axis=1)
    assert np.std(differences) == pytest.approx(spread_of_walk(3, 6), rel=0.01)


def ornstein_uhlenbeck(speed: float, n: int, seed: int) -> Any:
    dice = np.random.default_rng(seed)
    x = np.zeros(n)
    for k in range(1, n):
        x[k] = x[k - 1] - speed * x[k - 1] + dice.normal(0, 1e-4)
    return 1e6 * (1 + x)


def test_reversion_finds_the_half_life_of_a_simulated_process() -> None:
    speed = 0.02
    mids = ornstein_uhlenbeck(speed, 200_000, seed=6)
    said = tell(reversion(ReversionSettings(half_life=100_000)), mid=mids, volatility=1e-4)
    assert said["half_life"][-1] == pytest.approx(math.log(2) / speed, rel=0.05)


def test_reversion_expects_the_way_back_and_is_sure_of_it() -> None:
    mids = ornstein_uhlenbeck(0.1, 20_000, seed=7)
    said = tell(reversion(ReversionSettings(half_life=5000)), mid=mids, volatility=1e-3)
    late = slice(5000, None)
    wanted = -(mids[late] / 1e6 - 1) * (1 - math.exp(-0.1 * 5))
    assert np.corrcoef(said["forecast"][late], wanted)[0, 1] > 0.99
    assert said["confidence"][late].min() > 0.8
    assert np.corrcoef(said["z_score"][late], mids[late])[0, 1] > 0.99


def test_reversion_does_not_believe_a_walk_more_often_than_dickey_and_fuller_allow() -> None:
    believed = []
    for seed in range(300):
        walk = 1e6 * (1 + np.cumsum(np.random.default_rng(seed).normal(0, 1e-4, 400)))
        believed.append(tell(reversion(ReversionSettings(half_life=10**6)), mid=walk, volatility=1e-3)["confidence"][-1] > 0)
    assert np.mean(believed) < 0.10  # 5 % and the noise of 300 draws


def test_flow_learns_the_slope_of_returns_on_order_flow_and_only_from_the_past() -> None:
    dice = np.random.default_rng(8)
    n, slope = 20_000, 3e-5
    flows = dice.normal(size=n)
    moves = dice.normal(0, 2e-5, n)
    moves[5:] += slope * flows[:-5] / 1.0  # a flow is felt five seconds later
    mids = 1e6 * np.cumprod(1 + moves)
    said = tell(flow(FlowSettings(half_life_ns=10**13)), mid=mids, volatility=1e-3, ofi=flows)
    assert said["forecast"][-1] == pytest.approx(slope * flows[-1], rel=0.1)
    assert said["confidence"][-1] > 0.9
    assert not said["confidence"][:20].any()


def test_flow_without_a_slope_has_little_confidence() -> None:
    dice = np.random.default_rng(9)
    said = tell(flow(FlowSettings()), mid=1e6 * np.cumprod(1 + dice.normal(0, 2e-5, 20_000)), volatility=1e-3, ofi=dice.normal(size=20_000))
    assert np.mean(said["confidence"]) < 0.4


def test_a_question_is_answered_at_its_horizon_and_not_before_and_overlapping_ones_share_one_horizon() -> None:
    memory = np.zeros(1, np.dtype([*QUESTIONS, ("nothing_else", "<i8")]))[0]  # a type of its own
    horizon, answers = 80, []
    for ts in range(1000, 1400):
        while answered(memory, ts):
            slot = take(memory)
            answers.append((ts - memory["due"][slot], memory["mid"][slot], memory["share"][slot]))
        if ts >= memory["next"]:
            ask(memory, ts, float(ts), horizon)
        rest(memory)
        assert memory["open"] <= SLOTS
        assert memory["wake"] > ts
    late, mids, shares = zip(*answers, strict=True)
    assert set(late) == {0}
    assert list(mids) == [1000.0 + 10 * i for i in range(len(mids))]
    assert shares == (1.0, *[1 / 8] * (len(shares) - 1))


def test_the_line_is_the_weighted_least_squares_line() -> None:
    dice = np.random.default_rng(10)
    x, y = 1e6 + dice.normal(size=200), dice.normal(size=200)
    y += 0.3 * (x - 1e6)
    memory = np.zeros(1, np.dtype(LINE))[0]
    for k in range(200):
        learn(memory, 0.98, 0.5, x[k], y[k])
    weight = 0.5 * 0.98 ** np.arange(199, -1, -1)
    centred = x - np.average(x, weights=weight)
    slope = (weight * centred * y).sum() / (weight * centred**2).sum()
    residual = y - np.average(y, weights=weight) - slope * centred
    error = math.sqrt((weight * residual**2).sum() / (weight.sum() - 2) / (weight * centred**2).sum())
    assert fit(memory) == pytest.approx((slope, slope / error), rel=1e-9)


def test_a_line_without_residual_is_certain_and_one_without_movement_says_nothing() -> None:
    exact, still = np.zeros(2, np.dtype(LINE))
    for k in range(10):
        learn(exact, 1.0, 1.0, float(k), -2.0 * k)
        learn(still, 1.0, 1.0, 5.0, float(k))
    assert fit(exact) == (-2.0, -CERTAIN)
    assert fit(still) == (0.0, 0.0)


def test_evidence_is_what_stands_above_the_noise() -> None:
    assert [evidence(t, 1.0) for t in (0.0, 1.0, -2.0, 10.0)] == [0.0, 0.0, 0.75, 0.99]
    assert evidence(2.8, 2.86) == 0.0


def test_the_crossover_gives_no_signal_at_first_and_then_one_at_every_change_of_side() -> None:
    prices = [10, 10, 10, 13, 10, 7, 7, 12, 14]
    kernel = crossover(1, 3, 5)
    tops = np.zeros(len(prices), TOP)
    tops["kind"], tops["price"] = TRADE, prices
    columns = np.zeros((1, len(prices)))
    kernel.run(tops, np.zeros((0, 4, LEVELS), np.int64), columns, np.zeros(0, np.int64), 0, np.zeros(1, kernel.state), np.array(kernel.params))
    # above the mean of three:      -   -  no yes  no  no  no yes yes
    assert columns[0].tolist() == [0, 0, 0, 5, 0, 0, 0, 5, 5]


def test_the_crossovers_first_side_is_no_signal_though_the_fast_average_is_above() -> None:
    kernel = crossover(1, 2, 5)
    tops = np.zeros(5, TOP)
    tops["kind"], tops["price"] = TRADE, [1, 2, 3, 2, 4]
    columns = np.zeros((1, 5))
    kernel.run(tops, np.zeros((0, 4, LEVELS), np.int64), columns, np.zeros(0, np.int64), 0, np.zeros(1, kernel.state), np.array(kernel.params))
    assert columns[0].tolist() == [0, 0, 0, 0, 5]


def test_the_crossover_hears_trades_and_bars_only() -> None:
    kernel = crossover(1, 2, 1)
    tops = np.zeros(6, TOP)
    tops["kind"] = [TRADE, DEPTH, BAR, DEPTH, TRADE, DEPTH]
    tops["price"] = [5, 99, 4, 99, 6, 1]
    columns = np.zeros((1, 6))
    kernel.run(tops, np.zeros((0, 4, LEVELS), np.int64), columns, np.zeros(0, np.int64), 0, np.zeros(1, kernel.state), np.array(kernel.params))
    assert columns[0].tolist() == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    "make",
    [
        lambda: MomentumSettings(fast=6, slow=6),
        lambda: MomentumSettings(horizon_ns=0),
        lambda: ReversionSettings(warmup=2),
        lambda: FlowSettings(horizon_ns=2**60),
        lambda: PressureSettings(skill=0.0),
        lambda: crossover(20, 10),
        lambda: crossover(10, 20, 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(make: Any) -> None:
    with pytest.raises(BadConfig, match="expected"):
        make()
