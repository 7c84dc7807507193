"""The L2 book: two sorted sides, exact at any price, the same kernel for a venue's check and the desk's market.

A side is an array of [key, lots] pairs in rising order of key, its best level at the end: key is the price for bids
and minus the price for asks. Almost every change happens near the touch, so a search that starts at the best level
costs little however deep the book is, and the best levels lie side by side in memory. A removed level leaves its place
behind with 0 lots: levels that flicker find their place again, and a new one moves its neighbours only as far as the
next empty place. The last place always holds a level. Quantities are absolute; removing an absent level is normal.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import kernel
from polaris.domain.market import ASK, CLEAR, DEPTH, Rows

Levels = npt.NDArray[np.int64]  # int64[2, capacity, 2]: side (0 bids, 1 asks), place, (key, lots)

FULL: Final = -1


@kernel
def set_level(levels, counts, side, price, lots):  # type: ignore[no-untyped-def]
    """Set one level to an absolute quantity.

    levels   int64[2, capacity, 2]  both sides, see the module
    counts   int64[4]               places in use of bids and asks, then levels that stand on each
    side     0 bids, 1 asks
    price    ticks
    lots     0 removes
    returns  0, or FULL where the side has no room left (nothing was changed)
    """
    key = price if side == 0 else -price
    n = counts[side]
    # gallop from the best level down, then halve without a branch: `low` becomes the first place whose key is >= key
    high = n
    step = 8
    low = n - step
    while low >= 0 and levels[side, low, 0] >= key:
        high = low
        step += step + step
        low -= step
    low = max(low, 0)
    size = high - low
    while size > 0:
        half = (size + 1) >> 1
        low += half * (levels[side, low + half - 1, 0] < key)
        size -= half
    if low < n and levels[side, low, 0] == key:
        before = levels[side, low, 1]
        levels[side, low, 1] = lots
        if lots == 0 and before != 0:
            counts[2 + side] -= 1
            if low == n - 1:  # the best level went: the next that stands is the last place now
                while n > 0 and levels[side, n - 1, 1] == 0:
                    n -= 1
                counts[side] = n
        elif lots != 0 and before == 0:
            counts[2 + side] += 1
        return 0
    if lots == 0:
        return 0
    if low > 0 and levels[side, low - 1, 1] == 0:  # the empty place just below keeps the order with any key up to ours
        low -= 1
    else:
        gap = low
        while gap < n and levels[side, gap, 1] != 0:
            gap += 1
        if gap == n:
            if n == levels.shape[1]:
                n = close_gaps(levels, counts, side)
                if 4 * n > 3 * levels.shape[1]:
                    return FULL
                return set_level(levels, counts, side, price, lots)
            counts[side] = n + 1
        for place in range(gap, low, -1):
            levels[side, place, 0] = levels[side, place - 1, 0]
            levels[side, place, 1] = levels[side, place - 1, 1]
    levels[side, low, 0] = key
    levels[side, low, 1] = lots
    counts[2 + side] += 1
    return 0


@kernel
def close_gaps(levels, counts, side):  # type: ignore[no-untyped-def]
    """Take the empty places out of a side; returns the places in use then."""
    kept = 0
    for place in range(counts[side]):
        if levels[side, place, 1] != 0:
            levels[side, kept, 0] = levels[side, place, 0]
            levels[side, kept, 1] = levels[side, place, 1]
            kept += 1
    counts[side] = kept
    return kept


@kernel
def clear(counts):  # type: ignore[no-untyped-def]
    """Empty both sides."""
    counts[0] = 0
    counts[1] = 0
    counts[2] = 0
    counts[3] = 0


@kernel
def apply_depth(levels, counts, rows, start, instrument):  # type: ignore[no-untyped-def]
    """Apply the DEPTH rows of one instrument from `start` on.

    returns  int64  rows.size when done, or the index of the row that found its side full: grow and call again
    """
    for i in range(start, rows.size):
        row = rows[i]
        if row["kind"] != DEPTH or row["instrument"] != instrument:
            continue
        flags = row["flags"]
        if flags & CLEAR:
            clear(counts)
        if set_level(levels, counts, 1 if flags & ASK else 0, row["price"], row["quantity"]) == FULL:
            return i
    return rows.size


class Book:
    """One L2 book that grows as needed: the plain Python handle on the kernels above.

    levels, counts  its memory, where someone else keeps it; `grow` then gives `levels` more places
    """

    def __init__(self, levels: Levels | None = None, counts: Levels | None = None, grow: Callable[[], None] | None = None) -> None:
        self.levels: Levels = levels if levels is not None else np.zeros((2, 1024, 2), np.int64)
        self.counts: Levels = counts if counts is not None else np.zeros(4, np.int64)
        self._grow = grow or self._double

    def apply(self, rows: Rows, instrument: int) -> None:
        """Apply the DEPTH rows of `instrument`, in order."""
        start = 0
        while (start := apply_depth(self.levels, self.counts, rows, start, instrument)) < len(rows):
            self._grow()

    def set(self, is_ask: bool, price: int, lots: int) -> None:
        """Set one level; 0 lots removes it."""
        if set_level(self.levels, self.counts, int(is_ask), price, lots) == FULL:
            self._grow()
            set_level(self.levels, self.counts, int(is_ask), price, lots)

    def clear(self) -> None:
        """Empty both sides."""
        self.counts[:] = 0

    def bids(self, depth: int = 0) -> list[tuple[int, int]]:
        """(price, lots) from the best bid down; all of them where depth is 0."""
        return self._side(0, depth)

    def asks(self, depth: int = 0) -> list[tuple[int, int]]:
        """(price, lots) from the best ask up; all of them where depth is 0."""
        return self._side(1, depth)

    @property
    def sizes(self) -> tuple[int, int]:
        """(bid levels, ask levels)."""
        return int(self.counts[2]), int(self.counts[3])

    @property
    def best_bid(self) -> int:
        """Best bid in ticks; -1 where there is none."""
        n = int(self.counts[0])
        return int(self.levels[0, n - 1, 0]) if n else -1

    @property
    def best_ask(self) -> int:
        """Best ask in ticks; -1 where there is none."""
        n = int(self.counts[1])
        return -int(self.levels[1, n - 1, 0]) if n else -1

    @property
    def crossed(self) -> bool:
        """Whether the best bid stands at or above the best ask."""
        return bool(self.counts[0] and self.counts[1]) and self.best_bid >= self.best_ask

    def standing(self, side: int) -> Levels:
        """int64[levels, 2]: (key, lots) of a side's levels (0 bids, 1 asks), worst first; a copy."""
        used = self.levels[side, : int(self.counts[side])]
        found: Levels = used[used[:, 1] != 0]
        return found

    def _side(self, side: int, depth: int) -> list[tuple[int, int]]:
        sign = -1 if side else 1
        best_first = self.standing(side)[::-1]
        pairs: list[Any] = (best_first[:depth] if depth else best_first).tolist()
        return [(sign * key, lots) for key, lots in pairs]

    def _double(self) -> None:
        larger = np.zeros((2, 2 * self.levels.shape[1], 2), np.int64)
        larger[:, : self.levels.shape[1]] = self.levels
        self.levels = larger
