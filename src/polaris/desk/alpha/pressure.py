"""Pressure: the book leans one way, and the price tends to follow.

    z        = near * imbalance_1 + middle * imbalance_5 + far * imbalance_10 + pull * (microprice - mid) / reach
    p        = 1 / (1 + e^-z), the chance that the mid moves up
    forecast = (2 p - 1) * scale,  scale = min(spread / 2 + skill * reach, reach)

reach is the move that volatility alone expects over the horizon, volatility * sqrt(horizon) * sqrt(2 / pi): a lean is
worth half a spread, and some of the volatility, never more than what the market moves anyway. Confidence is how much
the depths agree: |sum of the three imbalances| / sum of their sizes.
"""

import msgspec
import numpy as np

from polaris.desk.alpha.outcomes import LONGEST_NS
from polaris.desk.columns import Kernel
from polaris.desk.features.fading import require_positive, require_within
from polaris.domain.exact import sigmoid
from polaris.domain.kernel import kernel

MEAN_MOVE = 0.7978845608028654  # sqrt(2 / pi): the mean size of a standard normal


class PressureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the lean of the book is read."""

    horizon_ns: int = 5_000_000_000  # how far ahead the forecast looks
    near: float = 0.8  # weight of imbalance_1
    middle: float = 0.4  # of imbalance_5
    far: float = 0.4  # of imbalance_10
    pull: float = 0.5  # of the microprice's distance from the mid, in expected moves, at most 1 of them
    skill: float = 0.1  # share of the expected move that a full lean is worth beside half a spread

    def __post_init__(self) -> None:
        require_within("pressure.horizon_ns", self.horizon_ns, 1, LONGEST_NS)
        require_positive("pressure.skill", self.skill)


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. inputs, params: see `pressure`."""
    ones, fives, tens = columns[inputs[0]], columns[inputs[1]], columns[inputs[2]]
    mids, micros, spreads, volatilities = columns[inputs[3]], columns[inputs[4]], columns[inputs[5]], columns[inputs[6]]
    forecasts, confidences = columns[first], columns[first + 1]
    near, middle, far, pull, skill, reach_per_volatility = params[0], params[1], params[2], params[3], params[4], params[5]
    for k in range(tops.size):
        reach = volatilities[k] * reach_per_volatility
        mid = mids[k]
        forecast, confidence = 0.0, 0.0
        if reach > 0.0 and mid > 0.0:
            one, five, ten = ones[k], fives[k], tens[k]
            distance = max(-1.0, min(1.0, (micros[k] - mid) / (mid * reach)))
            up = sigmoid(near * one + middle * five + far * ten + pull * distance)
            forecast = (2.0 * up - 1.0) * min(0.5 * max(0.0, spreads[k]) + skill * reach, reach)
            sizes = abs(one) + abs(five) + abs(ten)
            confidence = min(1.0, abs(one + five + ten) / sizes) if sizes > 0.0 else 0.0
        forecasts[k] = forecast
        confidences[k] = confidence


def pressure(settings: PressureSettings) -> Kernel:
    """Order-book pressure."""
    return Kernel(
        name="pressure",
        outputs=("pressure.forecast", "pressure.confidence"),
        units=("expected return, fraction", "0..1"),
        inputs=("imbalance_1", "imbalance_5", "imbalance_10", "mid", "microprice", "spread", "volatility"),
        run=run,
        state=np.dtype("<i8"),  # it remembers nothing
        params=(
            settings.near, settings.middle, settings.far, settings.pull, settings.skill, MEAN_MOVE * (settings.horizon_ns * 1e-9) ** 0.5,
        ),
        warmup=1,
        horizon_ns=settings.horizon_ns,
        depth=False,
        source="Gould and Bonart (2016), Queue imbalance as a one-tick-ahead price predictor: the logistic fit",
    )  # fmt: skip
