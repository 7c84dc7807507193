"""The L2 book: two sorted sides, exact at any price, the same kernel for a venue's check and the desk's market.

A side is an array of [key, lots] pairs in rising order of key, its best level at the end: key is the price for bids
and minus the price for asks. Almost every change happens near the touch, so a search that starts at the best level
and an insert that shifts only what lies nearer the touch cost little however deep the book is, and the ten best
levels lie side by side in memory. Quantities are absolute; removing an absent level is normal.
"""

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
    counts   int64[2]               levels in use a side
    side     0 bids, 1 asks
    price    ticks
    lots     0 removes
    returns  0, or FULL where the side has no room left (nothing was changed)
    """
    key = price if side == 0 else -price
    n = counts[side]
    book = levels[side]
    # gallop from the best level down, then bisect: `low` becomes the first place whose key is >= key
    high = n
    step = 1
    low = n - 1
    while low >= 0 and book[low, 0] >= key:
        high = low
        low -= step
        step += step
    low = max(low, -1) + 1
    while low < high:
        middle = (low + high) >> 1
        if book[middle, 0] < key:
            low = middle + 1
        else:
            high = middle
    if low < n and book[low, 0] == key:
        if lots != 0:
            book[low, 1] = lots
            return 0
        for place in range(low, n - 1):
            book[place, 0] = book[place + 1, 0]
            book[place, 1] = book[place + 1, 1]
        counts[side] = n - 1
        return 0
    if lots == 0:
        return 0
    if n == book.shape[0]:
        return FULL
    for place in range(n, low, -1):
        book[place, 0] = book[place - 1, 0]
        book[place, 1] = book[place - 1, 1]
    book[low, 0] = key
    book[low, 1] = lots
    counts[side] = n + 1
    return 0


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
            counts[0] = 0
            counts[1] = 0
        if set_level(levels, counts, 1 if flags & ASK else 0, row["price"], row["quantity"]) == FULL:
            return i
    return rows.size


class Book:
    """One L2 book that grows as needed: the plain Python handle on the kernels above."""

    def __init__(self, capacity: int = 1024) -> None:
        self.levels: Levels = np.zeros((2, capacity, 2), np.int64)
        self.counts = np.zeros(2, np.int64)

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

    def _side(self, side: int, depth: int) -> list[tuple[int, int]]:
        n = int(self.counts[side])
        first = max(0, n - depth) if depth else 0
        sign = -1 if side else 1
        pairs: list[Any] = self.levels[side, first:n][::-1].tolist()
        return [(sign * key, lots) for key, lots in pairs]

    def _grow(self) -> None:
        larger = np.zeros((2, 2 * self.levels.shape[1], 2), np.int64)
        larger[:, : self.levels.shape[1]] = self.levels
        self.levels = larger
