"""Volatility: the realised volatility of the mid per square-root second, faded with time.

The mid is looked at no more often than every `sample_ns`: at every update the flicker of the quotes would pass for
volatility. Samples come when they come, so both sums fade by the time that passed, and their ratio is the rate:

    variance a second = faded sum of squared returns / faded sum of seconds

On bars every bar is a sample and memory fades by the bar. Never 0 once warm: `floor` stands below.
"""

import msgspec
import numpy as np

from polaris.desk.columns import Kernel
from polaris.desk.features.fading import BAR_DECAY, LN2, require_positive
from polaris.domain.exact import exp
from polaris.domain.kernel import kernel
from polaris.domain.market import BAR

MEMORY = np.dtype(
    [
        ("next", "<i8"),  # when the next sample is due, ns
        ("ts", "<i8"),  # of the last sample
        ("samples", "<i8"),
        ("mid", "<f8"),  # of the last sample
        ("squares", "<f8"),
        ("seconds", "<f8"),
        ("volatility", "<f8"),
    ]
)


class VolatilitySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How volatility is measured."""

    half_life_ns: int = 60_000_000_000  # after this long a move counts half
    sample_ns: int = 100_000_000  # 0 samples at every boundary
    warmup: int = 20  # samples
    floor: float = 1e-6  # fraction per square-root second: about half a percent a year

    def __post_init__(self) -> None:
        require_positive("volatility.half_life_ns", self.half_life_ns)
        require_positive("volatility.floor", self.floor)
        require_positive("volatility.warmup", self.warmup)


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. inputs: mid. params: see `volatility`."""
    mids, volatilities = columns[inputs[0]], columns[first]
    for k in range(tops.size):
        top = tops[k]
        memory = state[top["instrument"]]
        if top["ts"] >= memory["next"] or top["kind"] == BAR:
            sample(memory, top["ts"], top["kind"] == BAR, mids[k], params)
        volatilities[k] = memory["volatility"]


@kernel
def sample(memory, ts, is_bar, mid, params):  # type: ignore[no-untyped-def]
    """Let one mid into the memory."""
    rate, sample_ns, warmup, floor = params[0], int(params[1]), params[2], params[3]
    memory["next"] = ts + sample_ns
    before = memory["mid"]
    if before > 0.0:
        elapsed = float(ts - memory["ts"])
        decay = BAR_DECAY if is_bar else exp(-rate * elapsed)
        change = (mid - before) / before
        memory["squares"] = memory["squares"] * decay + change * change
        memory["seconds"] = memory["seconds"] * decay + elapsed * 1e-9
        memory["samples"] += 1
        if memory["samples"] >= warmup and memory["seconds"] > 0.0:
            memory["volatility"] = max(floor, np.sqrt(memory["squares"] / memory["seconds"]))
    memory["mid"] = mid
    memory["ts"] = ts


def volatility(settings: VolatilitySettings) -> Kernel:
    """Realised volatility per square-root second."""
    return Kernel(
        name="volatility",
        outputs=("volatility",),
        units=("fraction per square-root second",),
        inputs=("mid",),
        run=run,
        state=MEMORY,
        params=(LN2 / settings.half_life_ns, float(settings.sample_ns), float(settings.warmup), settings.floor),
        warmup=settings.warmup + 1,
        depth=False,
        source="RiskMetrics (1996), Technical Document, chapter 5; here for irregular samples",
    )
