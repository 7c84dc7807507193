"""Crossover: hold `lots` while the fast moving average of prices is above the slow one, else nothing.

A strategy that writes its target itself (sizing mode "direct"), on every trade and bar price, in integers: the sums
are compared as fast sum * slow > slow sum * fast, so no price is rounded. The first side seen is no signal; a signal is
a change of side. Prices stay below 2**63 / (fast * slow) ticks.
"""

import numpy as np

from polaris.desk.columns import Kernel
from polaris.domain.errors import BadConfig
from polaris.domain.kernel import kernel
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
    fast, lots = int(params[0]), int(params[1])
    for k in range(tops.size):
        top = tops[k]
        memory = state[top["instrument"]]
        kind = top["kind"]
        if kind == TRADE or kind == BAR:
            prices = memory["prices"]
            slow = prices.size
            price = top["price"]
            place = memory["place"]
            leaves_fast = place - fast if place >= fast else place - fast + slow
            fast_sum = memory["fast_sum"] + price - prices[leaves_fast]
            slow_sum = memory["slow_sum"] + price - prices[place]
            prices[place] = price
            memory["place"] = place + 1 if place + 1 < slow else 0
            memory["fast_sum"] = fast_sum
            memory["slow_sum"] = slow_sum
            if memory["prices_seen"] < slow - 1:
                memory["prices_seen"] += 1
            else:
                side = 2 if fast_sum * slow > slow_sum * fast else 1
                before = memory["side"]
                if side != before:
                    memory["side"] = side
                    if before != 0:
                        memory["target"] = lots if side == 2 else 0
        targets[k] = float(memory["target"])


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
