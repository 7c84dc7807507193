"""The meta-learner: a Bayesian logistic regression that blends the alphas and learns while it trades.

    x_a         = confidence_a * forecast_a / (volatility * sqrt(horizon_a)), within +-limit; the last x is 1, the bias
    probability = sigmoid(k * w.x), that the mid is higher after the horizon
    k           = 1 / sqrt(1 + pi / 8 * s),  s = x'Px: what is not known about the weights pulls towards 1/2
    forecast    = (2 probability - 1) * volatility * sqrt(horizon) * sqrt(2 / pi)
    confidence  = z^2 / (z^2 + s) * n / (n + enough),  z = w.x, n outcomes; 0 before the warm-up

The weights w are normally distributed with covariance P. A known outcome moves both by one step of assumed-density
filtering (the extended Kalman step of a logistic likelihood). Between outcomes they drift back towards the prior with
a half-life, so that the past fades and P never outgrows the prior. Outcomes enter only when their horizon has passed,
one question at most every horizon / 8, each counted by the share of its horizon that is its own (see `alpha.outcomes`).
A mid that did not move counts as half a rise.

Source: Bishop (2006), Pattern Recognition and Machine Learning, 4.5.2 (k); Spiegelhalter and Lauritzen (1990).
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from polaris.desk.alpha.outcomes import LONGEST_NS, QUESTIONS, SLOTS, answered, ask, rest, take
from polaris.desk.alpha.pressure import MEAN_MOVE
from polaris.desk.columns import Kernel
from polaris.desk.ensemble.calibration import SCORES, score
from polaris.desk.features.fading import LN2, require_positive, require_within
from polaris.domain.errors import BadConfig
from polaris.domain.exact import exp, sigmoid
from polaris.domain.kernel import allocating, kernel

PI_8 = 0.39269908169872414  # pi / 8
FIXED = 10  # parameters before the alphas' own


class EnsembleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the alphas are blended."""

    horizon_ns: int = 1_000_000_000  # how far ahead the blended forecast looks
    half_life_ns: int = 21_600_000_000_000  # six hours: how fast weights return to the prior, and scores fade
    prior_weight: float = 0.5  # of each alpha before anything is learned
    prior_deviation: float = 0.5  # how unsure that is
    bias_deviation: float = 0.05  # of the bias, whose prior is 0
    bound: float = 4.0  # weights stay within +-bound
    limit: float = 3.0  # standardised forecasts stay within +-limit
    warmup: float = 10.0  # outcomes, each counted by its share, before there is any confidence
    enough: float = 50.0  # outcomes at which the confidence reaches half of what it would be

    def __post_init__(self) -> None:
        require_within("ensemble.horizon_ns", self.horizon_ns, 1, LONGEST_NS)
        for name in ("half_life_ns", "prior_deviation", "bias_deviation", "bound", "limit", "warmup", "enough"):
            require_positive(f"ensemble.{name}", getattr(self, name))
        require_within("ensemble.prior_weight", self.prior_weight, -self.bound, self.bound)


def memory(alphas: int) -> np.dtype[np.void]:
    """The memory of one instrument. `weights` and `covariance` have the bias last."""
    return np.dtype(
        [
            *QUESTIONS,
            ("x", "<f8", (SLOTS, alphas)),  # the standardised forecasts when each question was asked
            ("probability", "<f8", (SLOTS,)),  # what was told then
            *SCORES,
            ("known", "<i8"),  # 1 when weights and covariance hold the prior
            ("learned", "<i8"),  # when the last outcome entered, ns
            ("weights", "<f8", (alphas + 1,)),
            ("covariance", "<f8", (alphas + 1, alphas + 1)),
        ]
    )


@allocating
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. inputs, params: see `ensemble`.

    Three passes: what needs no memory goes before and after the fold, where the processor takes eight boundaries at once.
    """
    alphas = params.size - FIXED
    mids, volatilities = columns[inputs[0]], columns[inputs[1]]
    x = np.ones((alphas + 1, tops.size))
    for a in range(alphas):
        standardise(x[a], columns[inputs[2 + 2 * a]], columns[inputs[3 + 2 * a]], volatilities, params[FIXED + a], params[7])
    zs, variances, outcomes = np.empty(tops.size), np.empty(tops.size), np.empty(tops.size)
    briers = columns[first + 3 + alphas]
    for k in range(tops.size):
        memory = state[tops[k]["instrument"]]
        weights = memory["weights"]
        ts = tops[k]["ts"]
        if ts >= memory["wake"]:
            settle(memory, ts, mids[k], params)
        zs[k], variances[k] = blend(weights, memory["covariance"], x, k)
        if ts >= memory["next"] and volatilities[k] > 0.0 and mids[k] > 0.0:
            wonder(memory, ts, mids[k], x, k, chance(zs[k], variances[k]), int(params[0]))
        outcomes[k] = memory["outcomes"]
        briers[k] = memory["brier"]
        for a in range(weights.size - 1):
            columns[first + 3 + a, k] = weights[a]
    conclude(columns[first], columns[first + 1], columns[first + 2], zs, variances, outcomes, volatilities, params)


@kernel
def standardise(x, forecasts, confidences, volatilities, per_root_horizon, limit):  # type: ignore[no-untyped-def]
    """Write one alpha's row of x, float64[m]; see the module."""
    for k in range(x.size):
        standard = forecasts[k] * confidences[k] * per_root_horizon / volatilities[k] if volatilities[k] > 0.0 else 0.0
        x[k] = max(-limit, min(limit, standard))


@kernel
def blend(weights, covariance, x, k):  # type: ignore[no-untyped-def]
    """(w.x, x'Px) of boundary k; the covariance is symmetric, so half of it is read."""
    z, variance = 0.0, 0.0
    for a in range(weights.size):
        across = 0.5 * covariance[a, a] * x[a, k]
        for b in range(a):
            across += covariance[a, b] * x[b, k]
        z += weights[a] * x[a, k]
        variance += 2.0 * across * x[a, k]
    return z, max(0.0, variance)


@kernel
def chance(z, variance):  # type: ignore[no-untyped-def]
    """The probability that the mid rises, where z is w.x and variance x'Px."""
    return sigmoid(z / np.sqrt(1.0 + PI_8 * variance))


@kernel
def conclude(forecasts, confidences, probabilities, zs, variances, outcomes, volatilities, params):  # type: ignore[no-untyped-def]
    """Write forecast, confidence and probability from z, its variance and the number of outcomes."""
    move_per_volatility, warmup, enough = params[2], params[8], params[9]
    for k in range(zs.size):
        probability = chance(zs[k], variances[k])
        signal = zs[k] * zs[k]
        warm = outcomes[k] >= warmup and volatilities[k] > 0.0 and signal > 0.0
        forecasts[k] = (2.0 * probability - 1.0) * volatilities[k] * move_per_volatility
        confidences[k] = signal / (signal + variances[k]) * (outcomes[k] / (outcomes[k] + enough)) if warm else 0.0
        probabilities[k] = probability


@kernel
def wonder(memory, ts, mid, x, k, probability, horizon):  # type: ignore[no-untyped-def]
    """Ask what comes of what is seen and said at boundary k."""
    slot = ask(memory, ts, mid, horizon)
    for a in range(x.shape[0] - 1):
        memory["x"][slot, a] = x[a, k]
    memory["probability"][slot] = probability
    rest(memory)


@allocating
def settle(memory, ts, mid, params):  # type: ignore[no-untyped-def]
    """Learn from every outcome that is known now."""
    rate = params[1]
    alphas = params.size - FIXED
    if memory["known"] == 0:
        memory["known"] = 1
        forget(memory["weights"], memory["covariance"], 0.0, params)
    x = np.ones(alphas + 1)
    while answered(memory, ts):
        slot = take(memory)
        before = memory["mid"][slot]
        outcome = 0.5 if mid == before else (1.0 if mid > before else 0.0)
        keep = exp(-rate * float(ts - memory["learned"]))
        memory["learned"] = ts
        for a in range(alphas):
            x[a] = memory["x"][slot, a]
        score(memory, keep, memory["share"][slot], memory["probability"][slot], outcome)
        forget(memory["weights"], memory["covariance"], keep, params)
        update(memory["weights"], memory["covariance"], x, outcome, memory["share"][slot], params[6])
    rest(memory)


@kernel
def forget(weights, covariance, keep, params):  # type: ignore[no-untyped-def]
    """Drift towards the prior: `keep` of the distance is left; 0 is the prior itself."""
    prior, prior_variance, bias_variance = params[3], params[4], params[5]
    bias = weights.size - 1
    for a in range(weights.size):
        mean = 0.0 if a == bias else prior
        weights[a] = mean + keep * (weights[a] - mean)
        for b in range(weights.size):
            covariance[a, b] *= keep * keep
        covariance[a, a] += (1.0 - keep * keep) * (bias_variance if a == bias else prior_variance)


@allocating
def update(weights, covariance, x, outcome, share, bound):  # type: ignore[no-untyped-def]
    """One step of assumed-density filtering: move weights and covariance by one outcome.

    weights     float64[n], x float64[n]; covariance float64[n, n]
    outcome     0..1
    share       how much of an observation it is, 0..1
    bound       weights stay within +-bound
    """
    n = weights.size
    reach = np.zeros(n)  # Px
    z, variance = 0.0, 0.0
    for a in range(n):
        for b in range(n):
            reach[a] += covariance[a, b] * x[b]
        z += weights[a] * x[a]
        variance += reach[a] * x[a]
    probability = sigmoid(z / np.sqrt(1.0 + PI_8 * variance))
    curvature = share * probability * (1.0 - probability)
    gain = 1.0 / (1.0 + curvature * variance)
    for a in range(n):
        step = gain * share * (outcome - probability) * reach[a]
        weights[a] = max(-bound, min(bound, weights[a] + step))
        for b in range(n):
            covariance[a, b] -= curvature * gain * reach[a] * reach[b]


def ensemble(alphas: Sequence[Kernel], settings: EnsembleSettings) -> Kernel:
    """The blend of these alphas: forecast, confidence, probability, the weights and the Brier score.

    Raises BadConfig where there is no alpha, or one does not write `<name>.forecast` and `<name>.confidence`.
    """
    if not alphas:
        raise BadConfig("an ensemble needs at least one alpha")
    inputs = ["mid", "volatility"]
    for alpha in alphas:
        wanted = (f"{alpha.name}.forecast", f"{alpha.name}.confidence")
        if not set(wanted) <= set(alpha.outputs) or alpha.horizon_ns <= 0:
            raise BadConfig(f"{alpha.name!r} is no alpha: it writes {', '.join(alpha.outputs)} with a horizon of {alpha.horizon_ns} ns; expected {wanted[0]}, {wanted[1]}")
        inputs += wanted
    fixed = (
        float(settings.horizon_ns),
        LN2 / settings.half_life_ns,
        MEAN_MOVE * (settings.horizon_ns * 1e-9) ** 0.5,
        settings.prior_weight,
        settings.prior_deviation**2,
        settings.bias_deviation**2,
        settings.bound,
        settings.limit,
        settings.warmup,
        settings.enough,
    )
    assert len(fixed) == FIXED
    return Kernel(
        name="ensemble",
        outputs=("forecast", "confidence", "probability", *(f"weight.{alpha.name}" for alpha in alphas), "brier"),
        units=("expected return, fraction", "0..1", "0..1, that the mid is higher after the horizon", *("log odds",) * len(alphas), "0..1, a coin is 0.25"),
        inputs=tuple(inputs),
        run=run,
        state=memory(len(alphas)),
        params=(*fixed, *((alpha.horizon_ns * 1e-9) ** -0.5 for alpha in alphas)),
        warmup=max(alpha.warmup for alpha in alphas),
        horizon_ns=settings.horizon_ns,
        depth=False,
        source="Bishop (2006), 4.5.2; Spiegelhalter and Lauritzen (1990)",
    )
