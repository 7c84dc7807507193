"""The touch: what the best bid and ask say of the price, and how old the last word is.

    mid           (bid + ask) / 2
    weighted mid  I * ask + (1 - I) * bid,  I = bid lots / (bid lots + ask lots)
    microprice    mid + (ask - bid) / 2 * x * (1 + x^2) / 2,  x = 2 I - 1

The microprice is a closed form of Stoikov's: odd in x, so antisymmetric around I = 1/2; half as steep as the weighted
mid where the queues are about equal, and at the far touch where one of them is gone. It lies between the mid and the
weighted mid, as the curves he fits to a Markov chain do, so always between bid and ask.
"""

import numpy as np

from polaris.desk.columns import Kernel
from polaris.domain.kernel import kernel
from polaris.domain.market import TRADE

MEMORY = np.dtype([("changed", "<i8")])  # when the book changed last, ns; 0 before


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'."""
    mids, ticks, spreads = columns[first], columns[first + 1], columns[first + 2]
    weighted, micro, ages = columns[first + 3], columns[first + 4], columns[first + 5]
    for k in range(tops.size):
        top = tops[k]
        bid, ask, ts = top["bid"], top["ask"], top["ts"]
        bid_lots, ask_lots = float(top["bid_lots"]), float(top["ask_lots"])
        memory = state[top["instrument"]]
        changed = memory["changed"]
        memory["changed"] = ts if top["kind"] != TRADE else changed
        mid = 0.5 * float(bid + ask)
        spread = float(ask - bid)
        lots = bid_lots + ask_lots
        lean = (bid_lots - ask_lots) / lots if lots > 0.0 else 0.0
        pull = 0.5 * spread * lean
        mids[k] = mid
        ticks[k] = spread
        spreads[k] = spread / mid if mid > 0.0 else 0.0
        weighted[k] = mid + pull
        micro[k] = mid + 0.5 * pull * (1.0 + lean * lean)
        ages[k] = float(ts - changed) * 1e-9 if changed > 0 else 0.0


def touch() -> Kernel:
    """Mid, spread, weighted mid, microprice, and the age of the book."""
    return Kernel(
        name="touch",
        outputs=("mid", "spread_ticks", "spread", "weighted_mid", "microprice", "age"),
        units=("ticks", "ticks", "fraction of mid", "ticks", "ticks", "seconds since the book changed before"),
        run=run,
        state=MEMORY,
        depth=False,
        source="Stoikov (2018), The micro-price; section 2 for the weighted mid",
    )
