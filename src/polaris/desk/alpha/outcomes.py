"""Questions to the future: what was seen at a boundary, kept until its horizon has passed and the outcome is known.

Nobody learns but from here, so nobody sees the future: a question asked at `ts` can be taken back at the first
boundary at or after `ts + horizon`, not before. One is asked at most every horizon / SLOTS, so SLOTS places always
suffice. Questions whose horizons overlap tell the same story, so each counts with its share: the time since the
question before, in horizons, at most 1.
"""

from typing import Final

from polaris.domain.kernel import kernel

SLOTS: Final = 8
LONGEST_NS: Final = 2**52  # 52 days: parameters travel as float64

# fields of a memory that asks; what else a question holds, the asker keeps beside, by slot
QUESTIONS: Final = [
    ("wake", "<i8"),  # nothing to ask or to answer before this time, ns
    ("next", "<i8"),  # when the next question may be asked
    ("asked", "<i8"),  # when the last one was
    ("open", "<i8"),  # how many wait
    ("oldest", "<i8"),  # slot of the one that waits longest
    ("due", "<i8", (SLOTS,)),
    ("mid", "<f8", (SLOTS,)),  # ticks, when it was asked
    ("share", "<f8", (SLOTS,)),
]


@kernel
def answered(memory, ts):  # type: ignore[no-untyped-def]
    """Whether the oldest open question has its answer at time ts."""
    return memory["open"] > 0 and ts >= memory["due"][memory["oldest"]]


@kernel
def take(memory):  # type: ignore[no-untyped-def]
    """Close the oldest question; returns its slot, whose contents stand until the next `ask`."""
    slot = memory["oldest"]
    memory["oldest"] = (slot + 1) % SLOTS
    memory["open"] -= 1
    return slot


@kernel
def ask(memory, ts, mid, horizon):  # type: ignore[no-untyped-def]
    """Open a question at time ts (>= memory["next"], when no answered one is left); returns its slot."""
    slot = (memory["oldest"] + memory["open"]) % SLOTS
    memory["open"] += 1
    memory["due"][slot] = ts + horizon
    memory["mid"][slot] = mid
    memory["share"][slot] = min(1.0, float(ts - memory["asked"]) / float(horizon))
    memory["asked"] = ts
    memory["next"] = ts + (horizon + SLOTS - 1) // SLOTS
    return slot


@kernel
def rest(memory):  # type: ignore[no-untyped-def]
    """Set when to look again."""
    wake = memory["next"]
    if memory["open"] > 0:
        wake = min(wake, memory["due"][memory["oldest"]])
    memory["wake"] = wake
