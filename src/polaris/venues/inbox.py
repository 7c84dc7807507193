"""Rows on their way to a reader who may be slower than the market: bounded, never old, and honest about what was left out.

    feeds ─▶ rows ─┬▶ he keeps pace: he gets the rows of every read at once
                   └▶ he is behind: the sockets are read dry first, then he gets what came, conflated

What waits for a slow reader waits here. Left in the sockets it would grow old unseen, until the venue drops us. Conflated
means: a book that changed more often than it has levels comes whole, as it stands now, between the STATUS rows that mark
the gap; of a top only the newest is left. Trades, bars and what became of the other books are all there, in their order.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from polaris.domain.market import DEPTH, LIVE, QUOTE, REASON_GAP, REASON_NONE, ROW, STATUS, SYNCING, RowBuffer, Rows
from polaris.venues.books import COUNTS
from polaris.venues.protocol import SymbolStats

MOST_ROWS: Final = 1 << 16  # that wait
FRAME_ROWS: Final = 2  # STATUS rows around a whole book


class Pace:
    """How far a reader is behind, ns: what he took of the time, less what he left of it."""

    def __init__(self) -> None:
        self._debt = self._since = 0

    def debt(self, now: int) -> int:
        """By how much, at `now`; never below 0."""
        return max(0, self._debt - (now - self._since))

    def took(self, begun: int, done: int) -> None:
        """He was busy from `begun` to `done`."""
        self._debt = self.debt(begun) + done - begun
        self._since = done


class Inbox:
    """What came and was not read yet.

    rows         where the feeds write
    symbol       (instrument id) -> what is known of it, its book among it
    clock        wall ns, for the rows that are made here
    patience_ns  a reader whose debt is larger is behind; None: he never is, whoever sends waits for him
    most_rows    that wait, as far as it is books that wait; more trades than that are handed over at once
    """

    def __init__(
        self, rows: RowBuffer, symbol: Callable[[int], SymbolStats], clock: Callable[[], int], patience_ns: int | None, most_rows: int = MOST_ROWS
    ) -> None:
        self.reader: Callable[[Rows], None] = lambda rows: None
        self.left_out = 0  # rows that were conflated
        self._rows, self._symbol, self._clock = rows, symbol, clock
        self._patience_ns, self._most = patience_ns, most_rows
        self._pace = Pace()
        self._waits = False
        self._news = False  # since the last look
        self._behind = asyncio.Event()

    def heard(self) -> None:
        """The feeds wrote rows. Raises what the reader raises."""
        now = time.perf_counter_ns()
        if self._waits:
            self._news = True
            if len(self._rows) > self._most:
                self._conflate()
                if len(self._rows) > self._most // 2:
                    self._hand_over(now)
        elif self._patience_ns is not None and self._pace.debt(now) > self._patience_ns:
            self._waits = self._news = True
            self._behind.set()
        else:
            self._hand_over(now)

    def flush(self) -> None:
        """Hand over what waits: nothing more comes."""
        if len(self._rows):
            self._hand_over(time.perf_counter_ns())

    async def catch_up(self) -> None:
        """Whenever the reader is behind: read everything there is, then hand over what is left of it. Raises what he raises."""
        while True:
            await self._behind.wait()
            until = time.perf_counter_ns() + (self._patience_ns or 0)
            while self._news and time.perf_counter_ns() < until:
                self._news = False
                await asyncio.sleep(0)  # every socket has its turn
                await asyncio.sleep(0)
            self._behind.clear()
            self._waits = False
            self._conflate()
            self._hand_over(time.perf_counter_ns())

    def _hand_over(self, now: int) -> None:
        self.reader(self._rows.view())
        self._rows.clear()
        self._pace.took(now, time.perf_counter_ns())

    def _conflate(self) -> None:
        waiting = self._rows.take()
        kept = conflated(waiting, self._symbol, self._clock())
        self.left_out += max(0, len(waiting) - len(kept))
        self._rows.extend(kept)


def conflated(rows: Rows, symbol: Callable[[int], SymbolStats], ts: int) -> Rows:
    """What a reader who was away needs of these rows, so that he knows all trades, the newest tops, and every book as it stands.

    symbol   (instrument id) -> what is known of it now, when all rows have come
    ts       ns, of the rows that are made
    returns  the rows that are left, in order, then the books that come whole
    """
    kind, instrument = rows["kind"], rows["instrument"]
    keep = kind != QUOTE
    for i in np.unique(instrument[~keep]).tolist():
        keep[np.flatnonzero((kind == QUOTE) & (instrument == i))[-1]] = True
    books: list[Rows] = []
    for i, changes in zip(*(found.tolist() for found in np.unique(instrument[kind == DEPTH], return_counts=True)), strict=True):
        one = symbol(i)
        levels = int(one.head[COUNTS + 2]) + int(one.head[COUNTS + 3])
        if one.whole is None or changes <= levels + FRAME_ROWS:
            continue
        told = np.flatnonzero((kind == STATUS) & (instrument == i))
        keep &= (instrument != i) | ((kind != DEPTH) & (kind != STATUS))
        if one.state == LIVE:
            books += [_status(i, SYNCING, REASON_GAP, ts), one.whole(ts), _status(i, LIVE, REASON_NONE, ts)]
            one.conflated += 1
        else:
            books.append(rows[told[-1:]])  # it comes whole when it is LIVE again
    return np.concatenate([rows[keep], *books])


def _status(i: int, state: int, reason: int, ts: int) -> Rows:
    row: Rows = np.zeros(1, ROW)
    row["ts_recv"], row["instrument"], row["kind"], row["price"], row["quantity"] = ts, i, STATUS, state, reason
    return row
