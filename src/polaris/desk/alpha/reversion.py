"""Reversion: the mid as an Ornstein-Uhlenbeck process, fitted online.

Mids are sampled by the clock (every bar, on bars), told as x, the fraction above the first mid seen. The change of x
is fitted on x before it, a line whose points fade (an AR(1), read as Chan does):

    change = speed * (mean - x),  half-life = ln(2) / speed
    forecast = (mean - x) * (1 - e^(-speed * horizon)), at most the volatility over the horizon

Confidence is the evidence of the fit: 0 until the slope's t passes Dickey and Fuller's 5 % value, below which such a
slope is what a random walk shows. Where there is no reversion the forecast is 0.
"""

import msgspec
import numpy as np

from polaris.desk.alpha.outcomes import LONGEST_NS
from polaris.desk.alpha.regression import LINE, evidence, fit, learn
from polaris.desk.columns import Kernel
from polaris.desk.features.fading import LN2, require_positive, require_within
from polaris.domain.exact import exp
from polaris.domain.kernel import kernel
from polaris.domain.market import BAR

DICKEY_FULLER = 2.86154  # |t| at 5 %, with a constant (MacKinnon 2010)

MEMORY = np.dtype(
    [
        ("next", "<i8"),  # when the next sample is due, ns
        ("ts", "<i8"),  # of the last sample
        ("first", "<f8"),  # the first mid, ticks; 0 before
        ("x", "<f8"),  # of the last sample
        *LINE,  # the change of x on x before it
        ("warm", "<i8"),  # samples the line has seen
        ("step", "<f8"),  # mean time between samples, seconds
        ("forecast", "<f8"),
        ("confidence", "<f8"),
        ("z_score", "<f8"),
        ("half_life", "<f8"),
    ]
)


class ReversionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How reversion is fitted."""

    horizon_ns: int = 5_000_000_000  # how far ahead the forecast looks
    sample_ns: int = 1_000_000_000  # 0 samples at every boundary
    half_life: int = 600  # samples: how long the fit remembers
    warmup: int = 100  # samples

    def __post_init__(self) -> None:
        require_within("reversion.horizon_ns", self.horizon_ns, 1, LONGEST_NS)
        require_within("reversion.sample_ns", self.sample_ns, 0, LONGEST_NS)
        require_positive("reversion.half_life", self.half_life)
        require_within("reversion.warmup", self.warmup, 3, 1_000_000)


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. inputs: mid, volatility. params: see `reversion`."""
    mids, volatilities = columns[inputs[0]], columns[inputs[1]]
    forecasts, confidences, scores, half_lives = columns[first], columns[first + 1], columns[first + 2], columns[first + 3]
    for k in range(tops.size):
        top = tops[k]
        memory = state[top["instrument"]]
        if top["ts"] >= memory["next"] or top["kind"] == BAR:
            sample(memory, top["ts"], mids[k], volatilities[k], params)
        forecasts[k] = memory["forecast"]
        confidences[k] = memory["confidence"]
        scores[k] = memory["z_score"]
        half_lives[k] = memory["half_life"]


@kernel
def sample(memory, ts, mid, volatility, params):  # type: ignore[no-untyped-def]
    """Let one mid into the fit and say what it says."""
    horizon, sample_ns, keep, warmup = params[0], int(params[1]), params[2], int(params[3])
    elapsed = float(ts - memory["ts"]) * 1e-9
    memory["next"] = ts + sample_ns
    memory["ts"] = ts
    if mid <= 0.0:
        return
    if memory["first"] == 0.0:
        memory["first"] = mid
        return
    x = (mid - memory["first"]) / memory["first"]
    learn(memory, keep, 1.0, memory["x"], x - memory["x"])
    memory["x"] = x
    memory["step"] += (elapsed - memory["step"]) / memory["weight"]
    memory["forecast"], memory["confidence"], memory["z_score"], memory["half_life"] = 0.0, 0.0, 0.0, 0.0
    memory["warm"] += 1
    if memory["warm"] < warmup or memory["step"] <= 0.0 or memory["xx"] <= 0.0:
        return
    memory["z_score"] = (x - memory["mean_x"]) / np.sqrt(memory["xx"] / memory["weight"])
    slope, t = fit(memory)
    if slope >= 0.0:
        return
    mean = memory["mean_x"] - memory["mean_y"] / slope
    move = (mean - x) * (1.0 - exp(slope * horizon / memory["step"])) * (memory["first"] / mid)
    most = volatility * np.sqrt(horizon)
    memory["forecast"] = max(-most, min(most, move))
    memory["confidence"] = evidence(t, DICKEY_FULLER) if volatility > 0.0 else 0.0
    memory["half_life"] = LN2 / -slope * memory["step"]


def reversion(settings: ReversionSettings) -> Kernel:
    """Mean reversion."""
    return Kernel(
        name="reversion",
        outputs=("reversion.forecast", "reversion.confidence", "reversion.z_score", "reversion.half_life"),
        units=("expected return, fraction", "0..1", "standard deviations above the mean", "seconds; 0 where nothing reverts"),
        inputs=("mid", "volatility"),
        run=run,
        state=MEMORY,
        params=(settings.horizon_ns * 1e-9, float(settings.sample_ns), 2.0 ** (-1.0 / settings.half_life), float(settings.warmup)),
        warmup=settings.warmup + 1,
        horizon_ns=settings.horizon_ns,
        depth=False,
        source="Chan (2013), Algorithmic Trading, chapter 2; Dickey and Fuller (1979)",
    )
