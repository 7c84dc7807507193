"""What was traded: who pressed, and at what price on average; both weighted by a volume that fades with time.

    trade flow      faded signed volume / faded volume, in [-1, 1]: 1 where takers only bought
    vwap deviation  (mid - vwap) / vwap, the volume-weighted average price of the same trades

Numerator and denominator fade alike, so both averages stand still between trades and are kept as running means: a
trade moves each by its share of the faded volume. A bar is one trade at its close, signed by its close against the
close before; its memory fades by the bar.
"""

import msgspec
import numpy as np

from polaris.desk.columns import Kernel
from polaris.desk.features.fading import BAR_DECAY, LN2, require_positive
from polaris.domain.exact import exp
from polaris.domain.kernel import kernel
from polaris.domain.market import BAR, DEPTH, QUOTE

MEMORY = np.dtype(
    [
        ("ts", "<i8"),  # of the last trade
        ("price", "<i8"),  # of the last trade, ticks
        ("volume", "<f8"),  # faded, lots
        ("flow", "<f8"),
        ("vwap", "<f8"),  # ticks
        ("per_vwap", "<f8"),  # 1 / vwap; 0 before the first trade
    ]
)


class TradeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long trades are remembered."""

    half_life_ns: int = 30_000_000_000  # after this long a trade counts half

    def __post_init__(self) -> None:
        require_positive("trades.half_life_ns", self.half_life_ns)


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. inputs: mid. params: how fast memory fades, a nanosecond."""
    mids, flows, deviations = columns[inputs[0]], columns[first], columns[first + 1]
    for k in range(tops.size):
        top = tops[k]
        memory = state[top["instrument"]]
        kind = top["kind"]
        if kind != DEPTH and kind != QUOTE and top["lots"] != 0 and top["price"] > 0:
            trade(memory, top, kind, params[0])
        flows[k] = memory["flow"]
        deviations[k] = (mids[k] - memory["vwap"]) * memory["per_vwap"]


@kernel
def trade(memory, top, kind, rate):  # type: ignore[no-untyped-def]
    """Let one trade or bar into the memory."""
    price, lots = top["price"], float(top["lots"])
    if kind == BAR:
        decay = BAR_DECAY
        sign = 0.0 if price == memory["price"] or memory["price"] == 0 else (1.0 if price > memory["price"] else -1.0)
    else:
        decay = exp(-rate * float(top["ts"] - memory["ts"]))
        sign = 1.0 if lots > 0.0 else -1.0
    volume = memory["volume"] * decay + abs(lots)
    share = abs(lots) / volume
    vwap = memory["vwap"] + (float(price) - memory["vwap"]) * share
    memory["ts"] = top["ts"]
    memory["price"] = price
    memory["volume"] = volume
    memory["flow"] = max(-1.0, min(1.0, memory["flow"] + (sign - memory["flow"]) * share))
    memory["vwap"] = vwap
    memory["per_vwap"] = 1.0 / vwap


def trades(settings: TradeSettings) -> Kernel:
    """Trade flow, and the mid against the volume-weighted average price."""
    return Kernel(
        name="trades",
        outputs=("trade_flow", "vwap_deviation"),
        units=("-1..1, positive: takers bought", "fraction of vwap"),
        inputs=("mid",),
        run=run,
        state=MEMORY,
        params=(LN2 / settings.half_life_ns,),
        warmup=1,
        depth=False,
    )
