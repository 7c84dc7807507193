"""The ensemble learns what is true, from outcomes that are known, and says how sure it is. And the default bank."""

import math
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import msgspec
import numpy as np
import pytest

from polaris.desk import bank as composition
from polaris.desk.alpha import AlphaSettings, default_alphas
from polaris.desk.bank import BankSettings, default_bank, with_horizon
from polaris.desk.columns import LEVELS, TOP, Bank, Kernel
from polaris.desk.ensemble import EnsembleSettings, ensemble, reliability
from polaris.desk.ensemble.logistic import update
from polaris.desk.features.touch import touch
from polaris.desk.sample import START, sample_instruments, sample_tops
from polaris.domain.errors import BadConfig
from polaris.domain.kernel import kernel

SECOND = 1_000_000_000
VOLATILITY = 1e-4


@kernel
def say_nothing(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """Outputs stay 0."""
    for k in range(tops.size):
        columns[first, k] = 0.0
        columns[first + 1, k] = 0.0


def stub(name: str, **changes: Any) -> Kernel:
    given = {
        "name": name, "outputs": (f"{name}.forecast", f"{name}.confidence"), "units": ("fraction", "0..1"), "run": say_nothing,
        "state": np.dtype("<i8"), "horizon_ns": 5 * SECOND, **changes,
    }  # fmt: skip
    return Kernel(**given)


class Hearing:
    """The ensemble over two alphas, `good` and `noise`, on a market where good knows the sign of the next five seconds."""

    def __init__(self, n: int, *, skill: float = 1.0, seed: int = 1, settings: EnsembleSettings | None = None) -> None:
        dice = np.random.default_rng(seed)
        self.kernel = ensemble([stub("good"), stub("noise")], settings or EnsembleSettings(horizon_ns=5 * SECOND))
        signal = dice.normal(size=n)
        steps = dice.normal(0, VOLATILITY, n)
        steps[1:] += skill * VOLATILITY * signal[:-1]  # an AR(1)-free signal: each second it tells the next
        self.mids = 1e6 * np.cumprod(1 + steps)
        self.tops = np.zeros(n, TOP)
        self.tops["ts"] = START + np.arange(n) * SECOND
        self.tops["kind"] = 1
        scale = VOLATILITY * math.sqrt(5)
        self.inputs = np.array([self.mids, np.full(n, VOLATILITY), signal * scale, np.ones(n), dice.normal(size=n) * scale, np.ones(n)])
        self.listen()

    def listen(self) -> None:
        n = len(self.tops)
        columns = np.zeros((6 + len(self.kernel.outputs), n))
        columns[:6] = self.inputs
        self.memory = np.zeros(1, self.kernel.state)
        self.kernel.run(self.tops, np.zeros((0, 4, LEVELS), np.int64), columns, np.arange(6), 6, self.memory, np.array(self.kernel.params))
        self.said = {name: columns[6 + j] for j, name in enumerate(self.kernel.outputs)}


ONE_SECOND = EnsembleSettings(horizon_ns=SECOND)


def test_the_alpha_that_knows_gains_weight_and_the_one_that_does_not_loses_it() -> None:
    hearing = Hearing(20_000, settings=ONE_SECOND)
    assert hearing.said["weight.good"][-1] > 1.0
    assert abs(hearing.said["weight.noise"][-1]) < 0.15
    assert hearing.said["brier"][-1] < 0.2


def test_probabilities_are_calibrated() -> None:
    hearing = Hearing(60_000, settings=EnsembleSettings(horizon_ns=SECOND, half_life_ns=10**15))
    diagram = reliability(hearing.memory[0])
    filled = diagram.weight > 300
    assert filled.sum() >= 8
    assert abs(diagram.told - diagram.observed)[filled].max() < 0.06
    assert diagram.brier == hearing.said["brier"][-1]
    assert diagram.weight.sum() == pytest.approx(hearing.memory[0]["outcomes"])


def test_a_market_without_any_edge_is_told_with_little_confidence() -> None:
    lucky, blind = Hearing(20_000, settings=ONE_SECOND), Hearing(20_000, skill=0.0, settings=ONE_SECOND)
    assert np.mean(lucky.said["confidence"][10_000:]) > 0.9
    assert np.mean(blind.said["confidence"][10_000:]) < 0.6
    assert np.mean(abs(blind.said["probability"][10_000:] - 0.5)) < 0.02
    assert blind.said["brier"][-1] == pytest.approx(0.25, abs=0.005)


def test_the_forecast_is_the_edge_times_the_move_that_volatility_expects() -> None:
    said = Hearing(500).said
    np.testing.assert_allclose(said["forecast"], (2 * said["probability"] - 1) * VOLATILITY * math.sqrt(5) * math.sqrt(2 / math.pi), rtol=1e-12)


def test_before_the_first_horizon_has_passed_there_is_only_the_prior() -> None:
    said = Hearing(100).said
    assert (said["weight.good"][:5] == 0.5).all() and not said["brier"][:5].any()
    assert said["weight.good"][5] != 0.5 and said["brier"][5] > 0
    assert not said["confidence"][:5].any()


def test_a_different_future_changes_no_weight_until_its_horizon_has_passed() -> None:
    one, other = Hearing(200), Hearing(200)
    other.inputs[0, 150:] *= 0.99 if one.mids[150] > one.mids[145] else 1.01  # the outcome at 150 turns
    other.listen()
    for name in one.said:
        assert one.said[name][:150].tobytes() == other.said[name][:150].tobytes(), name
    # questions asked before 150 are answered from 150 on: the outcome is the mid at the first boundary after the horizon
    assert one.said["weight.good"][150] != other.said["weight.good"][150]
    late = Hearing(200)
    late.inputs[2, 150:] *= -1.0  # what is seen from 150 on teaches from 155 on
    late.listen()
    assert (one.said["weight.good"][:155] == late.said["weight.good"][:155]).all()
    assert one.said["weight.good"][155] != late.said["weight.good"][155]


def test_weights_stay_within_their_bound_and_covariance_within_the_prior() -> None:
    hearing = Hearing(20_000, skill=20.0, settings=EnsembleSettings(horizon_ns=SECOND, bound=1.5, prior_deviation=3.0))
    assert abs(hearing.said["weight.good"]).max() == 1.5
    covariance = hearing.memory[0]["covariance"]
    np.testing.assert_allclose(covariance, covariance.T, rtol=1e-9, atol=1e-15)
    assert np.linalg.eigvalsh(covariance).min() > 0
    assert (np.diag(covariance) <= [9.0, 9.0, 0.05**2 * (1 + 1e-12)]).all()


def test_an_outcome_narrows_the_weights_along_what_was_seen_and_nowhere_else() -> None:
    weights, covariance = np.zeros(3), np.diag([1.0, 1.0, 0.5])
    update(weights, covariance, np.array([2.0, 0.0, 0.0]), 1.0, 1.0, 4.0)
    assert weights[0] > 0 and not weights[1:].any()
    # the precision of a logistic likelihood at p: p (1 - p) x^2, at the moderated p = 1/2
    assert covariance[0, 0] == pytest.approx(1 / (1 + 0.25 * 4))
    assert np.diag(covariance)[1:].tolist() == [1.0, 0.5]


def test_a_mid_that_stays_counts_as_half_a_rise() -> None:
    hearing = Hearing(300)
    hearing.inputs[0] = 1e6
    hearing.inputs[2:] = 0.0
    hearing.listen()
    assert (hearing.said["probability"] == 0.5).all()
    assert hearing.said["brier"][-1] == 0.0
    assert reliability(hearing.memory[0]).observed[5] == 0.5


def test_old_outcomes_fade_back_to_the_prior() -> None:
    hearing = Hearing(3000, settings=EnsembleSettings(horizon_ns=SECOND, half_life_ns=60 * SECOND))
    before = hearing.said["weight.good"][-1]
    assert before > 0.6
    hearing.inputs[2:, 2000:] = 0.0
    hearing.listen()
    assert hearing.said["weight.good"][-1] == pytest.approx(0.5, abs=1e-3)


def test_an_ensemble_of_something_that_is_no_alpha_is_refused() -> None:
    for wrong in ([touch()], [stub("a", horizon_ns=0)], []):
        with pytest.raises(BadConfig, match="alpha"):
            ensemble(wrong, EnsembleSettings())


def test_the_default_bank_ends_with_the_ensemble_and_writes_what_sizing_reads() -> None:
    bank = default_bank(sample_instruments(2), BankSettings(entry_points=False))
    assert bank.kernels[-1].name == "ensemble"
    weights = [f"weight.{alpha.name}" for alpha in default_alphas(AlphaSettings())]
    assert {"mid", "volatility", "forecast", "confidence", "probability", "brier", *weights} <= set(bank.names())


def test_settings_are_filled_from_plain_data_and_unknown_keys_are_refused() -> None:
    plain = {"features": {"volatility": {"half_life_ns": 5}}, "alphas": {"momentum": {"fast": 10, "slow": 20}}, "ensemble": {"limit": 2.0}}
    settings = msgspec.convert(plain, BankSettings)
    assert (settings.features.volatility.half_life_ns, settings.alphas.momentum.slow, settings.ensemble.limit) == (5, 20, 2.0)
    with pytest.raises(msgspec.ValidationError, match="speed"):
        msgspec.convert({"alphas": {"momentum": {"speed": 10}}}, BankSettings)


def test_one_horizon_can_be_given_to_all() -> None:
    settings = with_horizon(BankSettings(entry_points=False), 60 * SECOND)
    bank = default_bank(sample_instruments(1), settings)
    assert {stage.horizon_ns for stage in bank.kernels} == {0, 60 * SECOND}
    assert settings.alphas.momentum.fast == BankSettings().alphas.momentum.fast


@kernel
def double_mid(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """A user's feature."""
    for k in range(tops.size):
        columns[first, k] = 2.0 * columns[inputs[0], k]


def my_feature() -> Kernel:
    return Kernel(name="double", outputs=("double_mid",), units=("ticks",), inputs=("mid",), run=double_mid, state=np.dtype("<i8"))


def my_alpha() -> Kernel:
    return stub("mine")


def no_kernel() -> int:
    return 3


def install(monkeypatch: pytest.MonkeyPatch, **points: Any) -> None:
    class Point(EntryPoint):
        def load(self) -> Any:
            return points[self.name][1]

    found = EntryPoints(Point(name, f"module:{name}", group) for name, (group, _) in points.items())
    monkeypatch.setattr(composition, "entry_points", lambda group: found.select(group=group))


def test_a_users_feature_and_alpha_join_the_bank_and_the_ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, mine=("polaris.alphas", my_alpha), double=("polaris.features", my_feature))
    bank: Bank = default_bank(sample_instruments(2))
    columns = bank.update(*sample_tops(50, 2))
    assert (columns[bank.column("double_mid")] == 2 * columns[bank.column("mid")]).all()
    assert (columns[bank.column("weight.mine")] == 0.5).all()
    assert "double_mid" not in default_bank(sample_instruments(2), BankSettings(entry_points=False)).index


def test_an_entry_point_that_gives_no_kernel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, broken=("polaris.features", no_kernel))
    with pytest.raises(BadConfig, match=r"'broken' of polaris\.features gives int, expected a Kernel"):
        default_bank(sample_instruments(1))
