"""Flow: order flow moves the price, and how much is learned from what came after.

    forecast = slope * order flow imbalance, at most the volatility over the horizon

The slope is a regression of the return over the horizon on the order flow at its start, learned online: an outcome
enters when its horizon has passed, not before (see `outcomes`), and old outcomes fade. Confidence is the evidence of
the slope against its standard error, where overlapping outcomes count once.
"""

import msgspec
import numpy as np

from polaris.desk.alpha.outcomes import LONGEST_NS, QUESTIONS, SLOTS, answered, ask, rest, take
from polaris.desk.alpha.regression import LINE, evidence, fit, learn
from polaris.desk.columns import Kernel
from polaris.desk.features.fading import LN2, require_positive, require_within
from polaris.domain.exact import exp
from polaris.domain.kernel import kernel

MEMORY = np.dtype(
    [
        *QUESTIONS,
        ("flow", "<f8", (SLOTS,)),  # the order flow when each question was asked
        *LINE,  # the return on the order flow
        ("learned", "<i8"),  # when the last outcome entered, ns
        ("slope", "<f8"),
        ("confidence", "<f8"),
    ]
)


class FlowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What flow momentum learns from."""

    horizon_ns: int = 5_000_000_000  # how far ahead the forecast looks
    half_life_ns: int = 1_800_000_000_000  # how long an outcome is remembered
    warmup: float = 20.0  # outcomes, each counted by its share
    signal: str = "ofi"  # the column to learn from: ofi or ofi_multi

    def __post_init__(self) -> None:
        require_within("flow.horizon_ns", self.horizon_ns, 1, LONGEST_NS)
        require_positive("flow.half_life_ns", self.half_life_ns)
        require_within("flow.warmup", self.warmup, 3, 1e6)


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. inputs: mid, volatility, the signal. params: see `flow`."""
    mids, volatilities, flows = columns[inputs[0]], columns[inputs[1]], columns[inputs[2]]
    forecasts, confidences = columns[first], columns[first + 1]
    root_horizon = params[3]
    for k in range(tops.size):
        top = tops[k]
        memory = state[top["instrument"]]
        if top["ts"] >= memory["wake"]:
            look(memory, top["ts"], mids[k], flows[k], params)
        most = volatilities[k] * root_horizon
        forecasts[k] = max(-most, min(most, memory["slope"] * flows[k]))
        confidences[k] = memory["confidence"] if most > 0.0 else 0.0


@kernel
def look(memory, ts, mid, flow, params):  # type: ignore[no-untyped-def]
    """Learn from the outcomes that are known now, and ask the next question."""
    horizon, rate, warmup = int(params[0]), params[1], params[2]
    while answered(memory, ts):
        slot = take(memory)
        before = memory["mid"][slot]
        keep = exp(-rate * float(ts - memory["learned"]))
        memory["learned"] = ts
        learn(memory, keep, memory["share"][slot], memory["flow"][slot], (mid - before) / before)
        slope, t = fit(memory)
        memory["slope"], memory["confidence"] = 0.0, 0.0
        if memory["weight"] >= warmup:
            memory["slope"], memory["confidence"] = slope, evidence(t, 1.0)
    if ts >= memory["next"] and mid > 0.0:
        memory["flow"][ask(memory, ts, mid, horizon)] = flow
    rest(memory)


def flow(settings: FlowSettings) -> Kernel:
    """Order-flow momentum."""
    return Kernel(
        name="flow",
        outputs=("flow.forecast", "flow.confidence"),
        units=("expected return, fraction", "0..1"),
        inputs=("mid", "volatility", settings.signal),
        run=run,
        state=MEMORY,
        params=(float(settings.horizon_ns), LN2 / settings.half_life_ns, settings.warmup, (settings.horizon_ns * 1e-9) ** 0.5),
        warmup=int(settings.warmup),
        horizon_ns=settings.horizon_ns,
        depth=False,
        source="Cont, Kukanov, Stoikov (2014), section 3: the slope of returns on order flow",
    )
