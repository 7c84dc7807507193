"""Returns of the mid: over the last n boundaries, and over two spans of time.

Over boundaries: against the mid n boundaries ago, from a ring. Over time: time since 1970 is cut into stretches of
span / SLOTS, and a ring of SLOTS holds the last mid of each (a stretch without a word holds the mid before it). The
return is told against the last mid of the stretch SLOTS back: the mid that stood some time between span * (1 - 1/SLOTS)
and span ago. Memory is bounded, whatever the rate of updates. Where the past is not that long the return is 0.
"""

import msgspec
import numpy as np

from polaris.desk.columns import Kernel
from polaris.desk.features.fading import require_positive
from polaris.domain.errors import BadConfig
from polaris.domain.kernel import kernel

SLOTS = 32


class ReturnSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Over what the returns are taken."""

    events: int = 20  # boundaries of the instrument, 1..4096
    short_ns: int = 1_000_000_000  # the shorter of the two times a return is taken over
    long_ns: int = 10_000_000_000  # the longer

    def __post_init__(self) -> None:
        if not 1 <= self.events <= 4096:
            raise BadConfig(f"returns.events is {self.events}, expected 1 .. 4096 boundaries")
        require_positive("returns.short_ns", self.short_ns)
        require_positive("returns.long_ns", self.long_ns)


def memory(events: int) -> np.dtype[np.void]:
    """The memory of one instrument."""
    return np.dtype(
        [
            ("place", "<i8"),  # of the oldest mid of `mids`
            ("mids", "<f8", (events,)),
            ("last", "<f8"),  # the mid at the boundary before
            ("stretch", "<i8", (2,)),  # number of the present stretch of time, since 1970
            ("end", "<i8", (2,)),  # when it ends, ns
            ("base", "<f8", (2,)),  # the mid the return is told against; 0 where none is that old
            ("per_base", "<f8", (2,)),
            ("past", "<f8", (2, SLOTS)),
        ]
    )


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. inputs: mid. params: length of a stretch of each span, ns."""
    mids, over_events, over_short, over_long = columns[inputs[0]], columns[first], columns[first + 1], columns[first + 2]
    short, long = int(params[0]), int(params[1])
    for k in range(tops.size):
        top = tops[k]
        memory = state[top["instrument"]]
        ts, mid = top["ts"], mids[k]
        if ts >= memory["end"][0]:
            turn(memory, 0, ts, short)
        if ts >= memory["end"][1]:
            turn(memory, 1, ts, long)
        place = memory["place"]
        before = memory["mids"][place]
        memory["mids"][place] = mid
        place += 1
        memory["place"] = place if place < memory["mids"].size else 0
        memory["last"] = mid
        over_events[k] = (mid - before) / before if before > 0.0 else 0.0
        over_short[k] = (mid - memory["base"][0]) * memory["per_base"][0]
        over_long[k] = (mid - memory["base"][1]) * memory["per_base"][1]


@kernel
def turn(memory, span, ts, length):  # type: ignore[no-untyped-def]
    """A stretch of time ended: file its last mid, and in every slot that passed without a word, and take the new base."""
    now = ts // length
    then = memory["stretch"][span]
    past = memory["past"][span]
    for number in range(max(then, now - SLOTS), now):
        past[number % SLOTS] = memory["last"]
    base = past[now % SLOTS]  # the slot of stretch now - SLOTS
    memory["stretch"][span] = now
    memory["end"][span] = (now + 1) * length
    memory["base"][span] = base
    memory["per_base"][span] = 1.0 / base if base > 0.0 else 0.0


def label(nanoseconds: int) -> str:
    """A span as people write it: 10_000_000_000 is "10s", 250_000_000 is "250ms"."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000)):
        if nanoseconds % size == 0:
            return f"{nanoseconds // size}{unit}"
    return f"{nanoseconds}ns"


def returns(settings: ReturnSettings) -> Kernel:
    """Returns over boundaries, over a short span and over a long one."""
    short, long = settings.short_ns, settings.long_ns
    return Kernel(
        name="returns",
        outputs=("return_events", f"return_{label(short)}", f"return_{label(long)}"),
        units=(f"fraction, over {settings.events} boundaries", f"fraction, over {label(short)}", f"fraction, over {label(long)}"),
        inputs=("mid",),
        run=run,
        state=memory(settings.events),
        params=(float(max(1, short // SLOTS)), float(max(1, long // SLOTS))),
        warmup=settings.events,
        depth=False,
    )
