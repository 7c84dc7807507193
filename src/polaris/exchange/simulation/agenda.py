"""Who acts next: a binary heap of (time, actor), earliest first; at one time the lower actor first.

    agenda  int64[2 n]  time, actor; the first pair is next

An actor who acts always says when he acts again, so there are as many entries as actors, for ever.
"""

import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import inlined
from polaris.exchange.bits import U


def new_agenda(times: npt.NDArray[np.int64], actors: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The agenda of these actors: a sorted array is a heap."""
    order = np.lexsort((actors, times))
    return np.ascontiguousarray(np.column_stack((times[order], actors[order])).ravel())


@inlined
def again(agenda, time):  # type: ignore[no-untyped-def]
    """Whoever is next will act at `time` instead."""
    actor = agenda[U(1)]
    end = agenda.size >> 1
    at = 0
    while True:
        child = 2 * at + 1
        if child >= end:
            break
        if child + 1 < end and earlier(agenda, child + 1, agenda[U(2 * child)], agenda[U(2 * child + 1)]):
            child += 1
        if not earlier(agenda, child, time, actor):
            break
        agenda[U(2 * at)] = agenda[U(2 * child)]
        agenda[U(2 * at + 1)] = agenda[U(2 * child + 1)]
        at = child
    agenda[U(2 * at)] = time
    agenda[U(2 * at + 1)] = actor


@inlined
def earlier(agenda, at, time, actor):  # type: ignore[no-untyped-def]
    """Whether an entry comes before (time, actor)."""
    there = agenda[U(2 * at)]
    return there < time or (there == time and agenda[U(2 * at + 1)] < actor)
