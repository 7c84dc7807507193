"""Basis: the mid against the mid of the same thing on another venue, mid / peer - 1.

USD, USDT and USDC count as one quote here, so a depegged dollar shows as a basis. A peer of the same product comes
before another (spot against spot before spot against perpetual), then the lowest id. 0 where there is no peer, or it
has not spoken yet.
"""

from typing import Any

import numpy as np

from polaris.desk.columns import Kernel
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.kernel import kernel

DOLLARS = frozenset({"USD", "USDT", "USDC"})

MEMORY = np.dtype(
    [
        ("peer", "<i8"),  # its id; -1 where there is none
        ("unit", "<f8"),  # one tick in the quote currency
        ("price", "<f8"),  # the mid in the quote currency; 0 before the first
    ]
)


def peer_of(item: Instrument, instruments: Instruments) -> int:
    """The id of the instrument that `item` is measured against, -1 where there is none."""
    candidates = [
        (other.key.product != item.key.product, other.id)
        for other in instruments
        if other.key.venue != item.key.venue and other.key.base == item.key.base and family(other.key.quote) == family(item.key.quote)
    ]
    return min(candidates)[1] if candidates else -1


def family(quote: str) -> str:
    """The quote currency, all dollars as one."""
    return "USD" if quote in DOLLARS else quote


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. inputs: mid."""
    mids, bases = columns[inputs[0]], columns[first]
    for k in range(tops.size):
        memory = state[tops[k]["instrument"]]
        price = mids[k] * memory["unit"]
        memory["price"] = price
        peer = memory["peer"]
        there = state[peer]["price"] if peer >= 0 else 0.0
        bases[k] = (price - there) / there if there > 0.0 else 0.0


def start(state: Any, instruments: Instruments) -> None:
    """Find everyone's peer."""
    for item in instruments:
        state[item.id]["peer"] = peer_of(item, instruments)
        state[item.id]["unit"] = 10.0**-item.price_decimals


def basis() -> Kernel:
    """The mid against the same thing on another venue."""
    return Kernel(
        name="basis",
        outputs=("basis",),
        units=("fraction of the peer's mid",),
        inputs=("mid",),
        run=run,
        state=MEMORY,
        start=start,
        warmup=1,
        depth=False,
    )
