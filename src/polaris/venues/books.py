"""All books of one feed where compiled code can reach them: the state of a symbol in `heads`, its levels in `levels`.

A venue's `decode.take` reads a frame from its bytes, and where the frame continues a LIVE book it does everything the
frame asks for: rows, levels, update id. Whatever needs judgement (a gap, a snapshot that must fit, a book that is not
LIVE) it leaves untouched, and `BookSync` and the feed decide in plain Python, on the same words and the same levels.

    take(payload, ts, size, heads, names, levels, rows) -> size of the row buffer then, or one of the answers below
    levels[offset : offset + 4 * capacity].reshape(2, capacity, 2)    the book of a symbol, as `domain.book` takes it

It must do all or nothing: an answer below zero means that neither rows (up to `size`) nor heads were changed. Levels
may have been: quantities are absolute, so the same frame read again leaves the same book.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.domain.book import Book
from polaris.domain.instrument import Instrument
from polaris.domain.kernel import kernel
from polaris.domain.market import DISCONNECTED, LIVE, RowBuffer
from polaris.venues.scan import table_of

# the words of a head, one row a symbol; from OWN on they are the venue's
ID: Final = 0  # of the instrument
PRICE_DECIMALS: Final = 1
QUANTITY_DECIMALS: Final = 2
STATE: Final = 3  # a book state of domain.market
UPDATE_ID: Final = 4  # of the newest update in the book
LAST_UPDATE: Final = 5  # ns, ours
CHECKED: Final = 6  # comparisons with the venue's own word that agreed
COUNTS: Final = 7  # int64[4] of domain.book
OFFSET: Final = 11  # where its levels begin
CAPACITY: Final = 12  # places a side
FRESH: Final = 13  # 1 while no update has been applied to the snapshot
DUE: Final = 14  # ns: when a book that is not LIVE asks for a snapshot
CROSSED: Final = 15  # ns: since when the book is crossed, as far as was looked; 0 while it is not
OWN: Final = 16

# the words of the last row of `heads`, which is the feed's own
UNKNOWN: Final = 0  # fields nobody knows
FALLBACKS: Final = 1  # frames of a kind `take` reads that it did not understand
FEED_OWN: Final = 2

# what `take` answers where it did nothing
OTHER: Final = -1  # not one of the frames it reads
LEFT: Final = -2  # one of them, but not as it knows them: the typed decoder reads it, and it is counted
JUDGE: Final = -3  # understood, and a matter of judgement: the typed decoder reads it
NO_ROWS: Final = -4  # the row buffer is full
NO_LEVELS: Final = -16  # and below: NO_LEVELS - i says that the book of symbol i is full

SHORTEST: Final = 24  # bytes that most levels take at least, in any dialect
NONE: Final[list[int]] = []
TAKEN: Final = 0
ATTEND: Final = 1 << 40  # size + ATTEND * (i + 1): read, and the feed must see to symbol i: each venue says why

Take = Callable[..., int]


class Books:
    """The books of some instruments, and the compiled reader that keeps them.

    names     what `scan.find_name` finds in frames: a text -> two values, by the venue's own convention
    own       words of its own that the venue keeps for each symbol
    capacity  places a side to begin with
    """

    def __init__(
        self, instruments: Sequence[Instrument], rows: RowBuffer, take: Take, names: dict[bytes, tuple[int, int]], *, own: int = 0, capacity: int = 1024
    ) -> None:
        self.heads: npt.NDArray[np.int64] = np.zeros((len(instruments) + 1, OWN + own), np.int64)
        self.levels: npt.NDArray[np.int64] = np.empty(4 * capacity * max(1, len(instruments)), np.int64)
        self.levels.fill(0)  # written out: memory that the kernel only promised would cost a frame its time
        self._names = table_of(names)
        self._rows = rows
        self._take = take
        self._books: list[Book] = []
        for i, instrument in enumerate(instruments):
            head = self.heads[i]
            head[ID] = instrument.id
            head[PRICE_DECIMALS], head[QUANTITY_DECIMALS] = instrument.price_decimals, instrument.quantity_decimals
            head[OFFSET], head[CAPACITY] = 4 * capacity * i, capacity
            self._books.append(Book(self._levels_of(i), head[COUNTS : COUNTS + 4], partial(self._grow, i)))
        self._uneasy = np.zeros(len(instruments), np.int64)
        self.uneasy(0, 0)
        self.take(b"", 0)  # the compiled code is in memory before the first frame

    @property
    def feed(self) -> npt.NDArray[np.int64]:
        """The feed's own words."""
        words: npt.NDArray[np.int64] = self.heads[-1]
        return words

    def book(self, i: int) -> Book:
        """The book of a symbol, for plain Python."""
        return self._books[i]

    def uneasy(self, ts: int, silence_ns: int) -> list[int]:
        """The symbols whose book needs a look: not LIVE and due, silent for longer, crossed, or crossed when it was last looked at."""
        count = find_uneasy(self.heads, self.levels, ts, silence_ns, self._uneasy)
        return self._uneasy[:count].tolist() if count else NONE

    def take(self, payload: bytes, ts: int) -> int:
        """Read one frame.

        returns  TAKEN where everything is done; i + 1 where the rows are written and the feed must see to symbol i; OTHER, LEFT
                 or JUDGE where nothing was done
        """
        rows = self._rows
        while True:
            said = self._take(payload, ts, rows.size, self.heads, self._names, self.levels, rows.words)
            if said >= 0:
                rows.size = said & (ATTEND - 1)
                return said >> 40
            if said > NO_ROWS:
                if said == LEFT:
                    self.heads[-1, FALLBACKS] += 1
                return said
            if said == NO_ROWS:
                rows.reserve(max(2 * len(rows.words), rows.size + len(payload) // SHORTEST))
            else:
                self._grow(NO_LEVELS - said)

    def _levels_of(self, i: int) -> Any:
        offset, capacity = int(self.heads[i, OFFSET]), int(self.heads[i, CAPACITY])
        return self.levels[offset : offset + 4 * capacity].reshape(2, capacity, 2)

    def _grow(self, i: int) -> None:
        """Twice the places for one book; every other moves behind it."""
        before = [self._levels_of(each).copy() for each in range(len(self._books))]
        self.heads[i, CAPACITY] *= 2
        sizes = 4 * self.heads[: len(self._books), CAPACITY]
        self.heads[: len(self._books), OFFSET] = np.cumsum(sizes) - sizes
        self.levels = np.zeros(int(sizes.sum()), np.int64)
        for each, (book, held) in enumerate(zip(self._books, before, strict=True)):
            book.levels = self._levels_of(each)
            book.levels[:, : held.shape[1]] = held


@kernel
def find_uneasy(heads, levels, ts, silence_ns, found):  # type: ignore[no-untyped-def]
    """Write the symbols that `Books.uneasy` names into found (int64[symbols]); returns how many."""
    n = 0
    for i in range(heads.shape[0] - 1):
        state = heads[i, STATE]
        if state == LIVE:
            bids, asks = heads[i, COUNTS], heads[i, COUNTS + 1]
            crossed = heads[i, CROSSED] != 0
            if bids > 0 and asks > 0:
                bid = levels[heads[i, OFFSET] + 2 * (bids - 1)]
                ask = -levels[heads[i, OFFSET] + 2 * heads[i, CAPACITY] + 2 * (asks - 1)]
                crossed = crossed or bid >= ask
            look = crossed or ts - heads[i, LAST_UPDATE] > silence_ns
        else:
            look = state != DISCONNECTED and ts >= heads[i, DUE]
        if look:
            found[n] = i
            n += 1
    return n
