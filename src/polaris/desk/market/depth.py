"""The desk's own books, folded from rows.

Every row that closes an update (LAST) of depth, quote, trade or bar makes one TOP, as soon as both sides are known.
Where a venue sends its top of book as a stream of its own, that is the touch; the depth gives the levels behind it.
A book that leaves LIVE is emptied: nothing is decided on levels that may be wrong, until a snapshot comes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.desk.columns import LEVELS, TOP
from polaris.domain.book import FULL, clear, set_level
from polaris.domain.instrument import Instruments
from polaris.domain.kernel import kernel
from polaris.domain.market import ASK, BAR, CLEAR, DEPTH, LAST, LIVE, QUOTE, STATUS, TRADE, Rows

SEEN = np.dtype(
    [
        ("clock", "<i8"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("bid_lots", "<i8"),
        ("ask_lots", "<i8"),
        ("quoted", "<i8"),  # 1: the touch comes from quotes
        ("valid", "<i8"),  # 1: both sides are known
        ("unfolded", "<i8"),  # boundary of this batch that holds the book's depth as it still is, -1 where none does
    ]
)
BAR_LOTS = 2**40  # what stands at a bar's close: bars say nothing of depth


@kernel
def observe(rows, start, books, counts, seen, tops, depth, at):  # type: ignore[no-untyped-def]
    """Fold rows into books and tops.

    rows     ROW[n]
    start    first row to take
    books    int64[instruments, 2, capacity, 2]   see domain.book
    counts   int64[instruments, 4]
    seen     SEEN[instruments + 1]                 the last record holds the clock of all
    tops     TOP[>= n], depth int64[>= n, 4, LEVELS] (or of length 0 where nobody reads depth), at int64[>= n]
    returns  (next row, tops written): next row < n where a book ran full; grow it and call again
    """
    m = 0
    want_depth = depth.shape[0] > 0
    every = seen[seen.size - 1]
    clock = every["clock"]
    for i in range(start, rows.size):
        row = rows[i]
        kind = row["kind"]
        instrument = row["instrument"]
        clock = max(clock, row["ts_recv"])
        if kind > STATUS or instrument < 0:
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
            s["unfolded"] = -1
            if set_level(books[instrument], counts[instrument], 1 if flags & ASK else 0, row["price"], row["quantity"]) == FULL:
                every["clock"] = clock
                for other in range(seen.size):
                    seen[other]["unfolded"] = -1
                return i, m
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
            price = row["price"]
            lots = row["quantity"]
            s["bid"] = price
            s["ask"] = price
            s["bid_lots"] = BAR_LOTS
            s["ask_lots"] = BAR_LOTS
            s["valid"] = 1
        else:
            s["unfolded"] = -1
            if row["price"] != LIVE:
                clear(counts[instrument])
                s["valid"] = s["quoted"]
            continue
        if flags & LAST == 0 or s["valid"] == 0:
            continue
        top = tops[m]
        top["ts"] = clock
        top["instrument"] = instrument
        top["kind"] = kind
        top["flags"] = flags
        top["bid"] = s["bid"]
        top["ask"] = s["ask"]
        top["bid_lots"] = s["bid_lots"]
        top["ask_lots"] = s["ask_lots"]
        top["price"] = price
        top["lots"] = lots
        at[m] = i
        if want_depth:
            before = s["unfolded"]
            if before >= 0 and (kind == TRADE or (kind == QUOTE and counts[instrument, 0] > 0)):
                for side in range(4):
                    for level in range(LEVELS):
                        depth[m, side, level] = depth[before, side, level]
            else:
                write_depth(depth[m], books[instrument], counts[instrument], s["bid"], s["bid_lots"], s["ask"], s["ask_lots"])
            s["unfolded"] = m
        m += 1
    every["clock"] = clock
    for instrument in range(seen.size):
        seen[instrument]["unfolded"] = -1
    return rows.size, m


@kernel
def write_depth(out, book, counts, bid, bid_lots, ask, ask_lots):  # type: ignore[no-untyped-def]
    """The best levels of a book as int64[4, LEVELS]; an instrument without depth shows its touch alone."""
    n_bids = counts[0]
    n_asks = counts[1]
    if n_bids == 0 or n_asks == 0:
        for level in range(LEVELS):
            out[0, level] = 0
            out[1, level] = 0
            out[2, level] = 0
            out[3, level] = 0
        out[0, 0] = bid
        out[1, 0] = bid_lots
        out[2, 0] = ask
        out[3, 0] = ask_lots
        return
    place = n_bids
    for level in range(LEVELS):
        place -= 1
        while place >= 0 and book[0, place, 1] == 0:
            place -= 1
        out[0, level] = book[0, place, 0] if place >= 0 else 0
        out[1, level] = book[0, place, 1] if place >= 0 else 0
    place = n_asks
    for level in range(LEVELS):
        place -= 1
        while place >= 0 and book[1, place, 1] == 0:
            place -= 1
        out[2, level] = -book[1, place, 0] if place >= 0 else 0
        out[3, level] = book[1, place, 1] if place >= 0 else 0


class Market:
    """The books of all instruments and the buffers a batch is unfolded into.

    depth=False leaves the depth columns out: for strategies that look at the touch alone.
    """

    def __init__(self, instruments: Instruments, *, depth: bool = True, capacity: int = 1024) -> None:
        n = len(instruments)
        self.books: npt.NDArray[np.int64] = np.zeros((n, 2, capacity, 2), np.int64)
        self.counts = np.zeros((n, 4), np.int64)
        self.seen: Any = np.zeros(n + 1, SEEN)
        self.seen["unfolded"] = -1
        self._depth = depth
        self._room(1024)

    def update(self, rows: Rows) -> tuple[Any, Any, npt.NDArray[np.int64]]:
        """(TOP[m], depth int64[m or 0, 4, LEVELS], int64[m] row of each top), valid until the next call."""
        if len(rows) > len(self._tops):
            self._room(len(rows))
        start, m = 0, 0
        while True:
            depth = self._levels[m:] if self._depth else self._levels
            start, more = observe(rows, start, self.books, self.counts, self.seen, self._tops[m:], depth, self._at[m:])
            m += more
            if start == len(rows):
                break
            self._grow()
        return self._tops[:m], self._levels[:m] if self._depth else self._levels, self._at[:m]

    def _room(self, rows: int) -> None:
        size = max(rows, 1024)
        self._tops = np.zeros(size, TOP)
        self._levels = np.zeros((size if self._depth else 0, 4, LEVELS), np.int64)
        self._at = np.zeros(size, np.int64)

    def _grow(self) -> None:
        n, _, capacity, _ = self.books.shape
        larger = np.zeros((n, 2, 2 * capacity, 2), np.int64)
        larger[:, :, :capacity] = self.books
        self.books = larger
