"""Feed quality out of rows: how many came, how late, and what became of each book, second by second.

A fold: any portions of the same rows give the same seconds. Offsets are kept in a histogram whose buckets grow with the
value, 128 to each doubling, so a percentile is known to 1 % whatever its size and memory never grows.
Source of the buckets: G. Tene, HdrHistogram.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import (
    DISCONNECTED,
    LAST,
    LIVE,
    REASON_CHECKSUM,
    REASON_GAP,
    SNAPSHOT,
    STATUS,
    TRADE,
    Rows,
)
from polaris.domain.quality import Quality, SymbolQuality

# columns of the counts
MESSAGES: Final = 0
LAST_NS: Final = 1  # when the newest of them came
TRADES: Final = 2
TRADE_ID: Final = 3  # of the newest trade
MISSING: Final = 4  # trades between two numbers that never came
COLUMNS: Final = 5

SUB: Final = 128  # buckets to each doubling
HALF: Final = 57 * SUB  # buckets of one sign: up to 2**63
BUCKETS: Final = 2 * HALF


@inlined
def bucket(value):  # type: ignore[no-untyped-def]
    """The bucket of an offset in ns: HALF and above for those that are not negative."""
    size = value if value >= 0 else -(value + 1)
    shift = 0
    rest = size
    while rest >= 2 * SUB:
        rest >>= 1
        shift += 1
    place = size if size < SUB else (shift + 1) * SUB + rest - SUB
    return HALF + place if value >= 0 else HALF - 1 - place


@kernel
def measure(words, counts, offsets):  # type: ignore[no-untyped-def]
    """Count rows.

    words    int64[n, 8], rows of domain.market
    counts   int64[instruments, COLUMNS]
    offsets  int64[instruments, BUCKETS]
    returns  how many of them tell a book's state
    """
    told = 0
    for r in range(words.shape[0]):
        word = words[r, 3]
        i = word & 0xFFFFFFFF
        if i >= counts.shape[0]:
            continue  # the desk's own: no instrument
        kind = (word >> 32) & 0xFFFF
        if kind == STATUS:
            told += 1
            continue
        if kind == TRADE:
            number = words[r, 6]
            before = counts[i, TRADE_ID]
            if before > 0 and number > before + 1:
                counts[i, MISSING] += number - before - 1
            if number > before:
                counts[i, TRADE_ID] = number
            counts[i, TRADES] += 1
        if (word >> 48) & LAST:
            counts[i, MESSAGES] += 1
            counts[i, LAST_NS] = words[r, 2]
            if words[r, 1] > 0 and not (word >> 48) & SNAPSHOT:  # a snapshot tells when its levels changed last
                offsets[i, bucket(words[r, 2] - words[r, 1])] += 1
    return told


def percentile(histogram: "npt.NDArray[np.int64]", share: float) -> int:
    """The offset (ns) that `share` of those counted do not exceed, to 1 %; 0 where none was counted."""
    total = int(histogram.sum())
    if not total:
        return 0
    place = int(np.searchsorted(np.cumsum(histogram), max(1, int(np.ceil(share * total)))))
    return lowest(place - HALF) if place >= HALF else -1 - lowest(HALF - 1 - place)


def lowest(place: int) -> int:
    """The smallest size that falls into a bucket."""
    if place < SUB:
        return place
    shift, rest = place // SUB - 1, place % SUB
    return (SUB + rest) << shift


class Counted:
    """What rows said of each of some instruments, since it was made or cleared."""

    def __init__(self, instruments: int) -> None:
        self.counts: npt.NDArray[np.int64] = np.zeros((instruments, COLUMNS), np.int64)
        self.offsets: npt.NDArray[np.int64] = np.zeros((instruments, BUCKETS), np.int64)
        measure(np.zeros((0, 8), np.int64), self.counts, self.offsets)  # the compiled code is in memory before the first frame

    def hear(self, rows: Rows) -> Rows | None:
        """Count rows; returns those that tell a book's state, None where none does."""
        told = measure(rows.view(np.int64).reshape(-1, 8), self.counts, self.offsets)
        return rows[rows["kind"] == STATUS] if told else None


class QualityMeter:
    """Folds rows into a `Quality` a second.

    instruments  how many there are; rows name them by number
    """

    def __init__(self, instruments: int) -> None:
        self.latest: Quality | None = None
        self._second = Counted(instruments)
        self._states = np.full(instruments, DISCONNECTED, np.int64)
        self._was_live = np.zeros(instruments, bool)
        self._happened: npt.NDArray[np.int64] = np.zeros((instruments, 3), np.int64)  # gaps, resyncs, checksums failed

    def hear(self, rows: Rows) -> None:
        """Rows as they came."""
        told = self._second.hear(rows)
        if told is not None:
            for row in told:
                self._entered(int(row["instrument"]), int(row["price"]), int(row["quantity"]))

    def second(self, now: int, crossed: Sequence[int] = ()) -> Quality:
        """The second that ends `now` (ns), by instrument; the next one begins.

        crossed  for how long of it each book stood crossed (ns), where somebody looked
        """
        counts, offsets = self._second.counts, self._second.offsets
        found = []
        for i, (messages, last, *_) in enumerate(counts.tolist()):
            gaps, resyncs, failed = self._happened[i].tolist()
            p50, p99 = (percentile(offsets[i], share) for share in (0.5, 0.99)) if messages else (0, 0)
            stale = now - last if last else -1
            found.append(SymbolQuality(i, int(self._states[i]), messages, gaps, resyncs, failed, stale, p50, p99, crossed[i] if crossed else 0))
            if messages:
                offsets[i] = 0
        counts[:, MESSAGES] = 0
        self._happened[:] = 0
        self.latest = Quality(ts=now, symbols=tuple(found))
        return self.latest

    def _entered(self, i: int, state: int, reason: int) -> None:
        self._states[i] = state
        self._happened[i, 0] += reason == REASON_GAP
        self._happened[i, 2] += reason == REASON_CHECKSUM
        if state == LIVE:
            self._happened[i, 1] += self._was_live[i]
            self._was_live[i] = True
