"""Between feeds and whoever may be slower than they are: bounded, and honest about what was left out.

As long as there is room, rows pass as they came. When there is none, books conflate: the rows of a book that wait are
dropped, and when the reader comes back it gets that book whole, as it stands then, marked as a snapshot that replaces
what the reader knew. Trades and what became of a book (STATUS) are never dropped.
"""

import asyncio
from typing import Final

import numpy as np
import numpy.typing as npt

from polaris.domain.book import Book
from polaris.domain.instrument import Instruments
from polaris.domain.market import ASK, CLEAR, DEPTH, LAST, QUOTE, ROW, SNAPSHOT, RowBuffer, Rows

MOST_ROWS: Final = 1 << 16


class Inbox:
    """Rows on their way to one reader.

    most_rows  that may wait before books conflate
    """

    def __init__(self, instruments: Instruments, most_rows: int = MOST_ROWS) -> None:
        self.conflated = 0  # rows that were dropped for a whole book
        self._most = most_rows
        self._waiting = RowBuffer()
        self._books = [Book() for _ in instruments]
        self._ids = [0] * len(instruments)  # the newest update of each book
        self._clocks = [(0, 0)] * len(instruments)
        self._behind: set[int] = set()
        self._something = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def __bool__(self) -> bool:
        return bool(len(self._waiting) or self._behind)

    def put(self, rows: Rows) -> None:
        """Rows that just came; never waits."""
        self._follow(rows)
        if len(self._waiting) + len(rows) > self._most:
            self._conflate(rows)
        if self._behind:
            rows = self._without_books(rows)
        self._waiting.extend(rows)
        self._something.set()

    async def take(self) -> Rows:
        """Everything that waits, once something does: rows in order, then the books that were conflated, whole."""
        while not self:
            self._something.clear()
            await self._something.wait()
        whole = [self._whole(i) for i in sorted(self._behind)]
        self._behind.clear()
        return np.concatenate([self._waiting.take(), *whole])

    def _follow(self, rows: Rows) -> None:
        """Keep the books that the reader may have to be given."""
        for i in np.unique(rows["instrument"]).tolist():
            if i < 0:
                continue
            mine = rows[rows["instrument"] == i]
            self._books[i].apply(mine, i)
            depth = mine[mine["kind"] == DEPTH]
            if len(depth):
                last = depth[-1]
                self._ids[i], self._clocks[i] = int(last["other"]), (int(last["ts_event"]), int(last["ts_recv"]))

    def _conflate(self, coming: Rows) -> None:
        """Every book that waits or comes is conflated from now on, until the reader comes."""
        waiting = self._waiting.take()
        for rows in (waiting, coming):
            self._behind |= set(rows["instrument"][_of_books(rows)].tolist())
        self._waiting.extend(self._without_books(waiting))

    def _without_books(self, rows: Rows) -> Rows:
        """Rows without those of conflated books."""
        left_out = _of_books(rows) & np.isin(rows["instrument"], list(self._behind))
        self.conflated += int(left_out.sum())
        kept: Rows = rows[~left_out]
        return kept

    def _whole(self, i: int) -> Rows:
        bids, asks = self._books[i].bids(), self._books[i].asks()
        rows: Rows = np.zeros(max(1, len(bids) + len(asks)), ROW)
        rows["instrument"], rows["kind"], rows["other"], rows["flags"] = i, DEPTH, self._ids[i], SNAPSHOT
        rows["ts_event"], rows["ts_recv"] = self._clocks[i]
        for side, begin, flag in ((bids, 0, 0), (asks, len(bids), ASK)):
            for place, (price, lots) in enumerate(reversed(side), begin):  # the best last, as snapshots come
                rows["price"][place], rows["quantity"][place] = price, lots
                rows["flags"][place] |= flag
        rows["flags"][0] |= CLEAR
        rows["flags"][-1] |= LAST
        return rows


def _of_books(rows: Rows) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (rows["kind"] == DEPTH) | (rows["kind"] == QUOTE)
    return found
