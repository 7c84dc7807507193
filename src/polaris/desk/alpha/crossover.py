"""Crossover: hold `lots` while the fast moving average of prices is above the slow one, else nothing.

A strategy that writes its target itself (sizing mode "direct"), on every trade and bar price, in integers: the sums
are compared as fast sum * slow > slow sum * fast, so no price is rounded. The first side seen is no signal; a signal is
a change of side. Prices stay below 2**63 / (fast * slow) ticks.
"""

import numpy as np

from polaris.desk.columns import Kernel
from polaris.domain.errors import BadConfig
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import BAR, TRADE


def memory(slow: int) -> np.dtype[np.void]:
    """The memory of one instrument."""
    return np.dtype(
        [
            ("place", "<i8"),  # of the oldest price
            ("prices_seen", "<i8"),
            ("fast_sum", "<i8"),
            ("slow_sum", "<i8"),
            ("side", "<i8"),  # 0 unknown, 1 fast below or equal, 2 fast above
            ("target", "<i8"),
            ("prices", "<i8", (slow,)),  # 0 before the first
        ]
    )


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. params: fast, lots."""
    targets = columns[first]
    fast, lots = int(params[0]), params[1]
    held = -1  # the instrument whose memory is in the processor's registers
    memory = state[0]
    place, prices_seen, fast_sum, slow_sum, side, target = 0, 0, 0, 0, 0, 0.0
    for k in range(tops.size):
        top = tops[k]
        if top["instrument"] != held:
            if held >= 0:
                keep(memory, place, prices_seen, fast_sum, slow_sum, side, target)
            held = top["instrument"]
            memory = state[held]
            place, prices_seen, side, target = memory["place"], memory["prices_seen"], memory["side"], float(memory["target"])
            fast_sum, slow_sum = memory["fast_sum"], memory["slow_sum"]
        kind = top["kind"]
        if kind == TRADE or kind == BAR:
            prices = memory["prices"]
            slow = prices.size
            price = top["price"]
            fast_sum += price - prices[np.uintp(place - fast if place >= fast else place - fast + slow)]
            slow_sum += price - prices[np.uintp(place)]
            prices[np.uintp(place)] = price
            place = place + 1 if place + 1 < slow else 0
            if prices_seen < slow - 1:
                prices_seen += 1
            else:
                before = side
                side = 2 if fast_sum * slow > slow_sum * fast else 1
                if side != before and before != 0:
                    target = lots if side == 2 else 0.0
        targets[k] = target
    if held >= 0:
        keep(memory, place, prices_seen, fast_sum, slow_sum, side, target)


@inlined
def keep(memory, place, prices_seen, fast_sum, slow_sum, side, target):  # type: ignore[no-untyped-def]
    """Back into the memory of the instrument."""
    memory["place"] = place
    memory["prices_seen"] = prices_seen
    memory["fast_sum"] = fast_sum
    memory["slow_sum"] = slow_sum
    memory["side"] = side
    memory["target"] = int(target)


def crossover(fast: int = 10, slow: int = 20, lots: int = 1) -> Kernel:
    """The crossover strategy: fast and slow in prices, lots held while fast is above.

    Raises BadConfig unless 1 <= fast < slow <= 65536 and lots > 0.
    """
    if not (1 <= fast < slow <= 65536 and 0 < lots < 2**53):
        raise BadConfig(f"crossover of {fast} over {slow} holding {lots} lots; expected 1 <= fast < slow <= 65536 and lots in 1 .. 2**53")
    return Kernel(
        name="crossover",
        outputs=("target",),
        units=("lots",),
        run=run,
        state=memory(slow),
        params=(float(fast), float(lots)),
        warmup=slow,
        depth=False,
    )
