"""Book imbalance: (bid lots - ask lots) / (bid lots + ask lots) over the best 1, 5 and 10 levels, in [-1, 1].

A trade does not change the book, so at a trade the imbalance of the last book stands. A side's quantity is summed in
float64: ten huge levels would wrap in int64.
"""

import numpy as np

from polaris.desk.columns import LEVELS, Kernel
from polaris.domain.kernel import kernel
from polaris.domain.market import DEPTH, QUOTE

NEAR = 5

MEMORY = np.dtype([("one", "<f8"), ("five", "<f8"), ("ten", "<f8")])  # as of the last book


@kernel
def lean(bids, asks):  # type: ignore[no-untyped-def]
    """(bids - asks) / (bids + asks), float64 in [-1, 1]; 0 where both are 0."""
    total = bids + asks
    return (bids - asks) / total if total > 0.0 else 0.0


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'."""
    ones, fives, tens = columns[first], columns[first + 1], columns[first + 2]
    for k in range(tops.size):
        top = tops[k]
        memory = state[top["instrument"]]
        kind = top["kind"]
        if kind == DEPTH or kind == QUOTE:
            bids, asks = 0.0, 0.0
            for level in range(NEAR):
                bids += float(depth[k, 1, level])
                asks += float(depth[k, 3, level])
            memory["one"] = lean(float(top["bid_lots"]), float(top["ask_lots"]))
            memory["five"] = lean(bids, asks)
            for level in range(NEAR, LEVELS):
                bids += float(depth[k, 1, level])
                asks += float(depth[k, 3, level])
            memory["ten"] = lean(bids, asks)
        ones[k] = memory["one"]
        fives[k] = memory["five"]
        tens[k] = memory["ten"]


def imbalance() -> Kernel:
    """Imbalance of the book over 1, 5 and 10 levels."""
    return Kernel(
        name="imbalance",
        outputs=("imbalance_1", "imbalance_5", "imbalance_10"),
        units=("-1..1, positive: more is bid",) * 3,
        run=run,
        state=MEMORY,
        source="Gould and Bonart (2016), Queue imbalance as a one-tick-ahead price predictor",
    )
