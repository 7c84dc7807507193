"""Momentum: a fast moving average of the mid against a slow one.

Mids are sampled by the clock (every bar, on bars). On a straight trend the two averages stand (slow - fast) / 2 samples
apart, so their difference tells the slope; some share of it is expected to go on for the horizon:

    slope    = 2 * (fast average - slow average) / (slow - fast) / mid, a sample
    forecast = persistence * slope * horizon / time between samples, at most the volatility over the horizon

Confidence is the evidence that the difference is no random walk's: it is measured in the standard deviation that a
walk of the same volatility would give it.
"""

import msgspec
import numpy as np

from polaris.desk.alpha.outcomes import LONGEST_NS
from polaris.desk.alpha.regression import evidence
from polaris.desk.columns import Kernel
from polaris.desk.features.fading import require_positive, require_within
from polaris.domain.errors import BadConfig
from polaris.domain.kernel import kernel
from polaris.domain.market import BAR


class MomentumSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which averages, over what."""

    horizon_ns: int = 5_000_000_000  # how far ahead the forecast looks
    fast: int = 3  # samples
    slow: int = 6  # samples, at most 4096
    sample_ns: int = 1_000_000_000  # 0 samples at every boundary
    persistence: float = 0.1  # share of a trend that goes on

    def __post_init__(self) -> None:
        require_within("momentum.horizon_ns", self.horizon_ns, 1, LONGEST_NS)
        require_within("momentum.sample_ns", self.sample_ns, 0, LONGEST_NS)
        require_positive("momentum.persistence", self.persistence)
        if not 1 <= self.fast < self.slow <= 4096:
            raise BadConfig(f"momentum.fast is {self.fast} and slow {self.slow}, expected 1 <= fast < slow <= 4096 samples")


def memory(slow: int) -> np.dtype[np.void]:
    """The memory of one instrument."""
    return np.dtype(
        [
            ("next", "<i8"),  # when the next sample is due, ns
            ("place", "<i8"),  # of the oldest sample
            ("samples", "<i8"),
            ("forecast", "<f8"),
            ("confidence", "<f8"),
            ("mids", "<f8", (slow,)),
            ("times", "<i8", (slow,)),
        ]
    )


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. inputs: mid, volatility. params: see `momentum`."""
    mids, volatilities = columns[inputs[0]], columns[inputs[1]]
    forecasts, confidences = columns[first], columns[first + 1]
    for k in range(tops.size):
        top = tops[k]
        memory = state[top["instrument"]]
        if top["ts"] >= memory["next"] or top["kind"] == BAR:
            sample(memory, top["ts"], mids[k], volatilities[k], params)
        forecasts[k] = memory["forecast"]
        confidences[k] = memory["confidence"]


@kernel
def sample(memory, ts, mid, volatility, params):  # type: ignore[no-untyped-def]
    """Let one mid into the averages and say what they say."""
    fast, sample_ns, horizon, persistence, spread_of_walk = int(params[0]), int(params[1]), params[2], params[3], params[4]
    mids, times = memory["mids"], memory["times"]
    slow = mids.size
    place = memory["place"]
    mids[place], times[place] = mid, ts
    oldest = place + 1 if place + 1 < slow else 0
    memory["place"] = oldest
    memory["next"] = ts + sample_ns
    memory["samples"] += 1
    memory["forecast"], memory["confidence"] = 0.0, 0.0
    step = float(ts - times[oldest]) / (slow - 1.0) * 1e-9
    if memory["samples"] < slow or step <= 0.0 or mid <= 0.0 or volatility <= 0.0:
        return
    fast_sum, slow_sum = 0.0, 0.0
    for back in range(slow):  # newest first, told from the mid: small numbers keep their digits
        distance = mids[place - back if place >= back else place - back + slow] - mid
        slow_sum += distance
        if back < fast:
            fast_sum += distance
    difference = (fast_sum / fast - slow_sum / slow) / mid
    most = volatility * np.sqrt(horizon)
    forecast = persistence * 2.0 * difference / (slow - fast) * horizon / step
    memory["forecast"] = max(-most, min(most, forecast))
    memory["confidence"] = evidence(difference / (volatility * np.sqrt(step) * spread_of_walk), 1.0)


def spread_of_walk(fast: int, slow: int) -> float:
    """Standard deviation of (fast average - slow average) of a random walk whose steps have deviation 1.

    The step `back` samples ago moves the fast average by the share of it that is newer, and the slow one likewise.
    """
    shares = [max(0, fast - back - 1) / fast - (slow - back - 1) / slow for back in range(slow)]
    return float(np.sqrt(sum(share * share for share in shares)))


def momentum(settings: MomentumSettings) -> Kernel:
    """Moving-average momentum."""
    fast, slow = settings.fast, settings.slow
    return Kernel(
        name="momentum",
        outputs=("momentum.forecast", "momentum.confidence"),
        units=("expected return, fraction", "0..1"),
        inputs=("mid", "volatility"),
        run=run,
        state=memory(slow),
        params=(float(fast), float(settings.sample_ns), settings.horizon_ns * 1e-9, settings.persistence, spread_of_walk(fast, slow)),
        warmup=slow,
        horizon_ns=settings.horizon_ns,
        depth=False,
    )
