"""Depth as the world sees it: the best prices, the levels and the orders of every book, told as they change.

A book's *update id* counts its events that may have moved its depth. It does not depend on how the commands were portioned, and all
streams share it: those of every change, those of an interval, and the snapshots. Of each stream

    the first diff's first_id is 1, and every next one's is the last_id before it plus 1

so that whoever holds a snapshot drops the diffs up to its update id, begins with the one its next id lies in, and has the book.
What is told of a level is what the engine shows there at that moment: the last value counts, and none is lost.
"""

from typing import Any, NamedTuple

import numpy as np

from polaris.domain.kernel import kernel
from polaris.exchange.arena import (
    AFTER,
    AT_BOOKS,
    AT_ORDERS,
    BOOK_WORDS,
    BOOKS,
    ID,
    LIVE,
    LOWEST,
    SHOWN,
    level_of,
    next_tick,
)
from polaris.exchange.bits import U
from polaris.exchange.marketdata.rows import ADD, DIFF, LEVEL, ORDER_CHANGE, TOP, Rows, Words, sparse
from polaris.exchange.marketdata.touched import (
    AT_LINES,
    LAST_TS,
    LINE_WORDS,
    TOP_BID,
    UPDATE_ID,
    named,
    new_memory,
    price_of,
    recall,
    tick_of,
    touch,
)
from polaris.exchange.words import BIDS, TICKS, TICKS_BITS

MAX_INTERVALS = 7


class Changes(NamedTuple):
    """Levels that changed, book by book."""

    diffs: Rows  # DIFF[m], one a book, by book
    levels: Rows  # LEVEL[n]

    def bids(self, diff: Any) -> Rows:
        """LEVEL[k] of one of the diffs: its bids, best first."""
        return self.levels[diff["start"] : diff["asks"]]

    def asks(self, diff: Any) -> Rows:
        """LEVEL[k] of one of the diffs: its asks, best first."""
        return self.levels[diff["asks"] : diff["end"]]


class DepthSnapshot(NamedTuple):
    """A book's best levels: int64[n, 2] each, price in ticks and lots, best first."""

    update_id: int
    bids: Words
    asks: Words


class Depth:
    """What was told of every book of an engine.

    engine        its arena; what stands in it counts as told
    intervals_ns  of the streams that tell what changed in a while
    raises        ValueError where an interval is not above 0, or there are too many
    """

    def __init__(self, engine: Words, intervals_ns: tuple[int, ...]) -> None:
        if len(intervals_ns) > MAX_INTERVALS or not all(interval > 0 for interval in intervals_ns):
            raise ValueError(f"intervals of depth are {intervals_ns}; expected at most {MAX_INTERVALS}, each above 0 ns")
        self.books = int(engine[BOOKS])
        self._engine = engine
        self._intervals = intervals_ns
        self._periods = [0] * len(intervals_ns)  # the last one of each interval that was told
        self._seen = new_memory(engine)
        self._lines = self._seen[AT_LINES : AT_LINES + LINE_WORDS * self.books].reshape(-1, LINE_WORDS)
        self._marks = sparse(self.books << (TICKS_BITS + 1), np.uint8)
        self._told = np.zeros((1 + len(intervals_ns), self.books), np.int64)  # of each stream and book, the last update id
        self._counts = np.zeros(len(intervals_ns), np.int64)
        self._pending = np.zeros((len(intervals_ns), 0), np.int64)
        self._keys = np.zeros(0, np.int64)
        self._changes = np.zeros(0, np.int64)
        recall(engine, self._seen)
        for book in range(self.books):
            best(engine, book, self._seen, AT_LINES + LINE_WORDS * book + TOP_BID, self._seen, AT_LINES + LINE_WORDS * book + TOP_BID)

    def fold(self, events: Words, n: int) -> tuple[Changes, Rows, Rows, int]:
        """What n events changed: (levels, TOP[m], ORDER_CHANGE[k], how many of the events are fills)."""
        self._make_room(3 * n)
        levels, changes, fills = touch(
            self._engine, self._seen, self._marks, events, n, self._keys, self._pending, self._counts, self._changes
        )  # fmt: skip
        keys = self._keys[:levels]
        keys.sort()
        told, tops = self._tell(0, keys)
        orders = self._changes[: 5 * changes].copy().view(ORDER_CHANGE)
        if len(told.diffs) > 1:
            orders = orders[np.argsort(orders["book"], kind="stable")]
        return told, tops, orders, fills

    def due(self, now: int) -> list[tuple[int, Changes]]:
        """(interval, what changed in it) of every interval that ended: at most once in each `interval_ns` of the core's time."""
        told = []
        for k, interval in enumerate(self._intervals):
            period = now // interval
            if period > self._periods[k]:
                self._periods[k] = period
                if self._counts[k]:
                    keys = np.sort(self._pending[k, : self._counts[k]])
                    self._counts[k] = 0
                    told.append((interval, self._tell(1 + k, keys)[0]))
        return told

    def snapshot(self, book: int, levels: int) -> DepthSnapshot:
        """The best levels of a book, and the update id they are of."""
        sides = []
        for side in (0, 1):
            rows = np.empty((min(levels, TICKS), 2), np.int64)
            sides.append(rows[: best_levels(self._engine, 4 * book + side, rows)])
        return DepthSnapshot(int(self._lines[book, UPDATE_ID]), *sides)

    def orders(self, book: int) -> tuple[int, Rows]:
        """(update id, every order of a book as an ADD: bids then asks, best price first, first come first)."""
        rows = np.empty(5 * int(self._engine[LIVE]), np.int64)
        update_id = int(self._lines[book, UPDATE_ID])
        return update_id, rows[: 5 * standing(self._engine, book, update_id, rows)].view(ORDER_CHANGE)

    def top(self, book: int) -> Any:
        """The TOP of a book."""
        row = np.array([book, *self._lines[book, : TOP_BID + 4]], np.int64)
        return row.view(TOP)[0]

    def update_ids(self) -> Words:
        """int64[books, 2]: update id of each book, and when its last event was."""
        return self._lines[:, : LAST_TS + 1].copy()

    def go_on(self, update_ids: Words) -> None:
        """Count on from these: of a memory that saw the same books."""
        self._lines[:, : LAST_TS + 1] = update_ids
        self._told[:] = update_ids[:, 0]

    def _tell(self, stream: int, keys: Words) -> tuple[Changes, Rows]:
        """The levels of these keys, sorted, as they stand; and for the stream of every change the tops that moved."""
        levels, books = np.empty(3 * len(keys), np.int64), min(len(keys), self.books)
        diffs, tops = np.empty(7 * books, np.int64), np.empty(7 * books, np.int64)
        m, moved = spread(self._engine, self._seen, self._marks, stream, keys, self._told, levels, diffs, tops)
        return Changes(diffs[: 7 * m].view(DIFF), levels.view(LEVEL)), tops[: 7 * moved].view(TOP)

    def _make_room(self, rows: int) -> None:
        """Have room for so many changes more."""
        if rows > len(self._keys):
            self._keys, self._changes = np.empty(2 * rows, np.int64), np.empty(10 * rows, np.int64)
        if len(self._counts):
            need = int(self._counts.max()) + rows
            if need > self._pending.shape[1]:
                grown = np.empty((len(self._counts), 2 * need), np.int64)
                grown[:, : self._pending.shape[1]] = self._pending
                self._pending = grown


@kernel
def spread(engine, seen, marks, stream, keys, told, levels, diffs, tops):  # type: ignore[no-untyped-def]
    """Write the levels of sorted keys, a diff a book and the tops that moved; the stream forgets the keys.

    stream   int64                 0: of every change, k: of the interval k - 1
    told     int64[streams, books] the last update id of each stream
    returns  (diffs, tops)
    """
    n, moved, at, last_book = 0, 0, -7, -1
    for i in range(keys.size):
        key = keys[U(i)]
        marks[U(key)] &= 0xFF ^ (1 << stream)
        book, side = key >> (TICKS_BITS + 1), (key >> TICKS_BITS) & 1
        levels[U(3 * i)] = named(key)
        levels[U(3 * i + 1)] = price_of(engine, key)
        levels[U(3 * i + 2)] = engine[U(level_of(engine, 4 * book + side, tick_of(key)) + 1)]
        if book != last_book:
            last_book = book
            at += 7
            n += 1
            line = AT_LINES + LINE_WORDS * book
            diffs[U(at)] = book
            diffs[U(at + 1)] = told[U(stream), U(book)] + 1
            diffs[U(at + 2)] = seen[U(line + UPDATE_ID)]
            diffs[U(at + 3)] = seen[U(line + LAST_TS)]
            diffs[U(at + 4)] = i
            diffs[U(at + 5)] = i
            told[U(stream), U(book)] = seen[U(line + UPDATE_ID)]
            if stream == 0 and best(engine, book, tops, 7 * moved + 3, seen, line + TOP_BID):
                tops[U(7 * moved)] = book
                tops[U(7 * moved + 1)] = seen[U(line + UPDATE_ID)]
                tops[U(7 * moved + 2)] = seen[U(line + LAST_TS)]
                moved += 1
        if side == BIDS:
            diffs[U(at + 5)] = i + 1
        diffs[U(at + 6)] = i + 1
    return n, moved


@kernel
def best(engine, book, tops, at, before, there):  # type: ignore[no-untyped-def]
    """Write best bid, its lots, best ask, its lots to tops[at:]; returns whether before[there:] was different, and makes it the same."""
    line = AT_BOOKS + BOOK_WORDS * book
    moved = False
    for side in range(2):
        tick, price, lots = engine[U(line + side)], 0, 0
        if 0 <= tick < TICKS:
            price, lots = engine[U(line + LOWEST)] + tick, engine[U(level_of(engine, 4 * book + side, tick) + 1)]
        tops[U(at + 2 * side)], tops[U(at + 2 * side + 1)] = price, lots
        moved = moved or before[U(there + 2 * side)] != price or before[U(there + 2 * side + 1)] != lots
        before[U(there + 2 * side)], before[U(there + 2 * side + 1)] = price, lots
    return moved


@kernel
def best_levels(engine, place, rows):  # type: ignore[no-untyped-def]
    """Write the best levels of a ladder, price and lots, as far as there is room; returns how many.

    rows  int64[n, 2]
    """
    line = AT_BOOKS + BOOK_WORDS * (place >> 2)
    tick, n = engine[U(line + (place & 3))], 0
    while 0 <= tick < TICKS and n < rows.shape[0]:
        rows[U(n), U(0)] = engine[U(line + LOWEST)] + tick
        rows[U(n), U(1)] = engine[U(level_of(engine, place, tick) + 1)]
        n += 1
        tick = next_tick(engine, place, tick)
    return n


@kernel
def standing(engine, book, update_id, rows):  # type: ignore[no-untyped-def]
    """Write every order a book shows as an ORDER_CHANGE; returns how many.

    rows  int64[5 LIVE]
    """
    n = 0
    orders = engine[U(AT_ORDERS)]
    line = AT_BOOKS + BOOK_WORDS * book
    for side in range(2):
        tick = engine[U(line + side)]
        while 0 <= tick < TICKS:
            slot = engine[U(level_of(engine, 4 * book + side, tick))] >> 32
            while slot != 0:
                rows[U(5 * n)] = book | ((0xFF if side else 1) << 32) | (ADD << 40)
                rows[U(5 * n + 1)] = engine[U(orders + 8 * slot + ID)]
                rows[U(5 * n + 2)] = engine[U(line + LOWEST)] + tick
                rows[U(5 * n + 3)] = engine[U(orders + 8 * slot + SHOWN)]
                rows[U(5 * n + 4)] = update_id
                n += 1
                slot = engine[U(orders + 8 * slot + AFTER)]
            tick = next_tick(engine, 4 * book + side, tick)
    return n
