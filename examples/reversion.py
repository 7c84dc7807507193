"""A compiled strategy: against the move when the price is far from its own slow average, flat when it is back.

The function `run` is compiled; `reversion` names it, its memory and its numbers. The same kernel runs live.
"""

import numpy as np

from polaris.desk.columns import Kernel
from polaris.domain.kernel import kernel

MEMORY = np.dtype([("mean", "<f8"), ("variance", "<f8"), ("seen", "<i8"), ("target", "<f8")])


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See polaris.desk.columns; params are the weight of a new price, the distance to enter at, and the lots."""
    weight, enter, lots = params[0], params[1], params[2]
    targets = columns[first]
    for k in range(tops.size):
        memory = state[tops[k]["instrument"]]
        mid = 0.5 * float(tops[k]["bid"] + tops[k]["ask"])
        if memory["seen"] == 0:
            memory["mean"] = mid
        move = mid - memory["mean"]
        memory["mean"] += weight * move
        memory["variance"] += weight * (move * move - memory["variance"])
        memory["seen"] += 1
        if memory["seen"] * weight > 3.0:  # the averages have seen enough
            if move * move > enter * enter * memory["variance"]:
                memory["target"] = -lots if move > 0.0 else lots
            elif move * memory["target"] >= 0.0:
                memory["target"] = 0.0
        targets[k] = memory["target"]


def reversion(updates: int = 500, enter: float = 2.5, lots: int = 5_000) -> Kernel:
    """updates: how many the averages remember; enter: in standard deviations; lots: size of a position."""
    return Kernel(
        name="reversion",
        outputs=("target",),
        units=("lots",),
        run=run,
        state=MEMORY,
        params=(1.0 / updates, enter, float(lots)),
        warmup=3 * updates,
        depth=False,
    )
