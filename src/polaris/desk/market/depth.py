"""The desk's own books, folded from rows.

Every row that closes an update (LAST) of depth, quote, trade or bar makes one TOP, as soon as both sides are known.
Where a venue sends its top of book as a stream of its own, that is the touch; the depth gives the levels behind it.
A book that leaves LIVE is emptied: nothing is decided on levels that may be wrong, until a snapshot comes. A quote
outlives a gap in the depth, but not the connection.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.desk.columns import LEVELS, TOP
from polaris.domain.book import FULL, clear, set_level
from polaris.domain.instrument import Instruments
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import ASK, BAR, CLEAR, DEPTH, DISCONNECTED, LAST, LIVE, QUOTE, STATUS, TRADE
from polaris.domain.prefetch import prefetch

SEEN = np.dtype(
    [
        ("clock", "<i8"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("bid_lots", "<i8"),
        ("ask_lots", "<i8"),
        ("quoted", "<i8"),  # 1: the touch comes from quotes
        ("valid", "<i8"),  # 1: both sides are known
        ("unfolded", "<i8"),  # the boundary of this batch that holds the depth last written, -1 where none does
        ("stale", "<i8"),  # which of its sides changed since: 1 bids, 2 asks
    ]
)
AHEAD = 256  # rows: as far as it takes for memory to answer
BAR_LOTS = 2**40  # what stands at a bar's close: bars say nothing of depth


@kernel
def observe(rows, books, counts, seen, tops, depth, at):  # type: ignore[no-untyped-def]
    """Fold rows into books and tops; a row of an instrument nobody declared is nobody's.

    rows     ROW[n]
    books    int64[instruments, 2, capacity, 2]   see domain.book
    counts   int64[instruments, 4]
    seen     SEEN[instruments + 1]                 the last record holds the clock of all
    tops     TOP[>= n], depth int64[>= n, 4, LEVELS] (or of length 0 where nobody reads depth), at int64[>= n]
    returns  (rows taken, tops written): fewer than n where a book ran full; grow it and go on from there
    """
    m = 0
    want_depth = depth.shape[0] > 0
    known = seen.size - 1
    every = seen[known]
    clock = every["clock"]
    i = 0
    while i < rows.size:
        prefetch(rows, i + AHEAD)
        row = rows[i]
        i += 1
        kind = row["kind"]
        instrument = row["instrument"]
        clock = max(clock, row["ts_recv"])
        if kind > STATUS or kind < DEPTH or instrument < 0 or instrument >= known:
            continue
        s = seen[instrument]
        flags = row["flags"]
        price = 0
        lots = 0
        if kind == TRADE:
            price = row["price"]
            lots = -row["quantity"] if flags & ASK else row["quantity"]
        elif kind == QUOTE:
            s["bid"] = row["price"]
            s["bid_lots"] = row["quantity"]
            s["ask"] = row["other"]
            s["ask_lots"] = row["other_quantity"]
            s["quoted"] = 1
            s["valid"] = 1
        elif kind == DEPTH:
            if flags & CLEAR:
                clear(counts[instrument])
            side = 1 if flags & ASK else 0
            if flags & CLEAR:
                s["stale"] = 3
            elif want_depth and s["stale"] & (side + 1) == 0 and shows(depth, s["unfolded"], side, row["price"]):
                s["stale"] |= side + 1
            if set_level(books[instrument], counts[instrument], side, row["price"], row["quantity"]) == FULL:
                every["clock"] = clock
                forget_unfolded(seen)
                return i - 1, m
            if flags & LAST and s["quoted"] == 0:
                bids = counts[instrument, 0]
                asks = counts[instrument, 1]
                if bids > 0 and asks > 0:
                    s["bid"] = books[instrument, 0, bids - 1, 0]
                    s["bid_lots"] = books[instrument, 0, bids - 1, 1]
                    s["ask"] = -books[instrument, 1, asks - 1, 0]
                    s["ask_lots"] = books[instrument, 1, asks - 1, 1]
                    s["valid"] = 1
                else:
                    s["valid"] = 0
        elif kind == BAR:
            if flags & LAST and not want_depth:  # and those that follow it
                taken, clock = bars(rows[i - 1 :], i - 1, clock, s, tops[m:], at[m:])
                i += taken - 1
                m += taken
                continue
            price = row["price"]
            lots = row["quantity"]
            close(s, price)
        else:
            if row["price"] != LIVE:
                s["stale"] = 3
                clear(counts[instrument])
                s["valid"] = s["quoted"] if row["price"] != DISCONNECTED else 0
            continue
        if flags & LAST == 0 or s["valid"] == 0:
            continue
        show(tops[m], clock, instrument, kind, flags, s["bid"], s["ask"], s["bid_lots"], s["ask_lots"], price, lots)
        at[m] = i - 1
        if want_depth:
            write_depth(depth, m, s, books, counts, instrument)
            s["unfolded"] = m
            s["stale"] = 3 if counts[instrument, 0] == 0 or counts[instrument, 1] == 0 else 0
        m += 1
    every["clock"] = clock
    forget_unfolded(seen)
    return rows.size, m


@inlined
def bars(rows, i, clock, s, tops, at):  # type: ignore[no-untyped-def]
    """The first rows, as many as are whole bars of one instrument, in one stride; returns (how many, the clock then).

    rows, tops, at  those of `observe` from row i and its boundary on
    s               SEEN of the instrument
    """
    instrument = rows[0]["instrument"]
    taken = rows.size
    for k in range(rows.size):
        row = rows[k]
        if row["kind"] != BAR or row["instrument"] != instrument or row["flags"] & LAST == 0:
            taken = k
            break
        prefetch(rows, k + AHEAD)
        clock = max(clock, row["ts_recv"])
        price = row["price"]
        show(tops[k], clock, instrument, BAR, row["flags"], price, price, BAR_LOTS, BAR_LOTS, price, row["quantity"])
        at[k] = i + k
    close(s, rows[taken - 1]["price"])
    return taken, clock


@inlined
def close(s, price):  # type: ignore[no-untyped-def]
    """A bar's close is the touch."""
    s["bid"] = price
    s["ask"] = price
    s["bid_lots"] = BAR_LOTS
    s["ask_lots"] = BAR_LOTS
    s["valid"] = 1


@inlined
def show(top, ts, instrument, kind, flags, bid, ask, bid_lots, ask_lots, price, lots):  # type: ignore[no-untyped-def]
    """Write one TOP."""
    top["ts"] = ts
    top["instrument"] = instrument
    top["kind"] = kind
    top["flags"] = flags
    top["bid"] = bid
    top["ask"] = ask
    top["bid_lots"] = bid_lots
    top["ask_lots"] = ask_lots
    top["price"] = price
    top["lots"] = lots


@kernel
def forget_unfolded(seen):  # type: ignore[no-untyped-def]
    """The batch ends: its depth is nobody's to copy from, and what was remembered of it no part of the state."""
    for instrument in range(seen.size):
        seen[instrument]["unfolded"] = -1
        seen[instrument]["stale"] = 0


@kernel
def shows(depth, before, side, price):  # type: ignore[no-untyped-def]
    """Whether a change at this price can be seen among the levels of boundary `before`."""
    if before < 0 or depth[before, 2 * side + 1, LEVELS - 1] == 0:
        return True
    worst = depth[before, 2 * side, LEVELS - 1]
    return price <= worst if side else price >= worst


@kernel
def write_depth(depth, m, s, books, counts, instrument):  # type: ignore[no-untyped-def]
    """The best levels as depth[m]; a side that did not change comes from the boundary before.

    An instrument without depth shows its touch alone.
    """
    before = s["unfolded"]
    alone = counts[instrument, 0] == 0 or counts[instrument, 1] == 0
    for side in range(2):
        row = 2 * side
        if alone:
            for level in range(LEVELS):
                depth[m, row, level] = 0
                depth[m, row + 1, level] = 0
            depth[m, row, 0] = s["ask"] if side else s["bid"]
            depth[m, row + 1, 0] = s["ask_lots"] if side else s["bid_lots"]
        elif before >= 0 and s["stale"] & (side + 1) == 0:
            for level in range(LEVELS):
                depth[m, row, level] = depth[before, row, level]
                depth[m, row + 1, level] = depth[before, row + 1, level]
        else:
            place = counts[instrument, side]
            for level in range(LEVELS):
                place -= 1
                while place >= 0 and books[instrument, side, place, 1] == 0:
                    place -= 1
                if place < 0:
                    depth[m, row, level] = 0
                    depth[m, row + 1, level] = 0
                else:
                    key = books[instrument, side, place, 0]
                    depth[m, row, level] = -key if side else key
                    depth[m, row + 1, level] = books[instrument, side, place, 1]


class Market:
    """The books of all instruments, and room for what a block of rows unfolds into: see `observe`, which takes all of it.

    depth     False leaves the depth out: for strategies that look at the touch alone
    block     rows
    capacity  levels a side of a book has room for at first
    """

    def __init__(self, instruments: Instruments, *, depth: bool = True, block: int = 1024, capacity: int = 1024) -> None:
        n = len(instruments)
        self.books: npt.NDArray[np.int64] = np.zeros((n, 2, capacity, 2), np.int64)
        self.counts = np.zeros((n, 4), np.int64)
        self.seen: Any = np.zeros(n + 1, SEEN)
        self.seen["unfolded"] = -1
        self.tops = np.zeros(block, TOP)
        self.depth = np.zeros((block if depth else 0, 4, LEVELS), np.int64)
        self.at = np.zeros(block, np.int64)

    def grow(self) -> None:
        """Twice the room for every book."""
        n, _, capacity, _ = self.books.shape
        larger = np.zeros((n, 2, 2 * capacity, 2), np.int64)
        larger[:, :, :capacity] = self.books
        self.books = larger
