"""Klines: what traded in a second, a minute, an hour, a day; all other intervals, and windows of any length, are made of these.

Of each book and base the newest periods that traded are kept, as rings. A period in which nothing traded is not kept: where it is
asked for it is flat, at the last price before it. Sums stop at the largest number there is: none is ever told that wrapped.
"""

import hashlib
from typing import Any

import numpy as np

from polaris.domain.kernel import inlined, kernel
from polaris.domain.orders import BUY
from polaris.exchange.bits import U
from polaris.exchange.marketdata.periods import BASES, base_of, period_of, starts
from polaris.exchange.marketdata.rows import DAY, HOUR, KLINE, MINUTE, SECOND, Rows, Words, sparse

LARGEST = 2**63 - 1
NEAR = 9.2e18  # below LARGEST
# a kline
OPEN_TIME, END, OPEN, HIGH, LOW, CLOSE, VOLUME, QUOTE, TAKER_VOLUME, TAKER_QUOTE, TRADES, FIRST_ID = range(12)
ROW_WORDS = 12
# the head of `bars`: of each base where its ring begins and how many periods a book keeps, less one; then of each book and base how many there were
AT_RING = 0
RING_MASK = 4
AT_COUNTS = 8


class Klines:
    """The klines of every book.

    books  how many
    kept   periods that traded a book keeps, of each base: powers of two
    """

    def __init__(self, books: int, kept: tuple[int, int, int, int]) -> None:
        at, self._kept = AT_COUNTS + len(BASES) * books, kept
        self._bars = sparse(at + ROW_WORDS * books * sum(kept))
        self.counts = self._bars[AT_COUNTS:at].reshape(books, len(BASES))
        self._rings = []
        for base, periods in enumerate(kept):
            self._bars[AT_RING + base], self._bars[RING_MASK + base] = at, periods - 1
            end = at + ROW_WORDS * books * periods
            self._rings.append(self._bars[at:end].reshape(books, periods, ROW_WORDS))
            at = end

    def fold(self, trades: Rows) -> None:
        """Add trades (TRADE)."""
        add(self._bars, trades.view(np.int64))

    def klines(self, book: int, interval: str, now: int, start: int | None, end: int | None, limit: int) -> Rows:
        """KLINE[n] of a book, ascending, the running one among them.

        start, end  ns UTC, of their open_time, inclusive; without a start the newest, up to the end
        raises      ValueError where there is no such interval
        """
        base = base_of(interval)
        oldest, newest = self._oldest(book, base), self._newest(book, base)
        if newest is None:
            return np.empty(0, KLINE)
        last = period_of(interval, max(now, int(newest[OPEN_TIME])))
        start, end = (time if time is None else min(max(time, 0), LARGEST) for time in (start, end))
        first = period_of(interval, oldest)
        if self.counts[book, base] > self._kept[base] and starts(interval, first, 1)[0] < oldest:
            first += 1  # some of it may be forgotten
        if end is not None:
            last = min(last, period_of(interval, end))
        if start is not None:
            first = max(first, period_of(interval, start - 1) + 1)
            last = min(last, first + limit - 1)
        first = max(first, last - limit + 1)
        if first > last or limit < 1:
            return np.empty(0, KLINE)
        rows = np.empty(ROW_WORDS * (last - first + 1), np.int64)
        series(self._bars, book, base, starts(interval, first, last - first + 2), rows)
        return rows.view(KLINE)

    def window(self, book: int, since: int) -> tuple[Any, int]:
        """(a KLINE of all since a time, the last price before it or 0).

        The time is rounded down to a whole second, or a minute where the seconds of then are no longer kept, or an hour; open_time says.
        """
        base, start = 2, since // HOUR * HOUR
        if not self._covers(book, base, start):
            start = self._oldest(book, base)
        for finer, length in ((1, MINUTE), (0, SECOND)):
            if not self._covers(book, finer, since // length * length):
                break
            base, start = finer, since // length * length
        rows = np.zeros(ROW_WORDS, np.int64)
        before = int(gather(self._bars, book, start, base, rows))
        return rows.view(KLINE)[0], before

    def digest(self) -> bytes:
        """16 bytes over all that is kept."""
        digest = hashlib.blake2b(self.counts.tobytes(), digest_size=16)
        for rows in self.kept():
            digest.update(rows)
        return digest.digest()

    def kept(self) -> list[bytes]:
        """What each book keeps, base by base, oldest first."""
        packed = []
        for book, counts in enumerate(self.counts):
            for ring, count in zip(self._rings, counts, strict=True):
                periods = ring.shape[1]
                packed.append(ring[book, np.arange(max(0, count - periods), count) % periods].tobytes())
        return packed

    def go_on(self, counts: Words, kept: list[bytes]) -> None:
        """Count on from what others kept."""
        self.counts[:] = counts
        for i, packed in enumerate(kept):
            book, base = divmod(i, len(BASES))
            ring, rows = self._rings[base], np.frombuffer(packed, np.int64).reshape(-1, ROW_WORDS)
            rows = rows[-ring.shape[1] :]
            ring[book, np.arange(counts[book, base] - len(rows), counts[book, base]) % ring.shape[1]] = rows

    def _covers(self, book: int, base: int, time: int) -> bool:
        """Whether all periods since a time are kept, and one before it where there was one."""
        return bool(self.counts[book, base] <= self._kept[base]) or self._oldest(book, base) < time

    def _newest(self, book: int, base: int) -> Any:
        """The words of the newest period; None before the first."""
        count = int(self.counts[book, base])
        return self._rings[base][book, (count - 1) % self._kept[base]] if count else None

    def _oldest(self, book: int, base: int) -> int:
        """The open_time of the oldest period that is kept."""
        count = int(self.counts[book, base])
        return int(self._rings[base][book, max(0, count - self._kept[base]) % self._kept[base], OPEN_TIME])


@kernel
def add(bars, trades):  # type: ignore[no-untyped-def]
    """Add trades to the klines of every base.

    trades  int64[9 n], TRADE
    """
    for at in range(0, trades.size, 9):
        trade, ts, price, quantity = trades[U(at)], trades[U(at + 2)], trades[U(at + 3)], trades[U(at + 4)]
        book, buys = trades[U(at + 8)] & 0xFFFFFFFF, (trades[U(at + 8)] >> 32) & 0xFF == BUY
        quote = product(price, quantity)
        for base in range(4):
            count = bars[U(AT_COUNTS + 4 * book + base)]
            row = row_of(bars, book, base, count - 1)
            if count == 0 or ts >= bars[U(row + END)]:
                bars[U(AT_COUNTS + 4 * book + base)] = count + 1
                row = row_of(bars, book, base, count)
                length = SECOND if base == 0 else MINUTE if base == 1 else HOUR if base == 2 else DAY
                begin(bars, row, ts // length * length, length, price, trade)
            bars[U(row + HIGH)] = max(bars[U(row + HIGH)], price)
            bars[U(row + LOW)] = min(bars[U(row + LOW)], price)
            bars[U(row + CLOSE)] = price
            bars[U(row + VOLUME)] = total(bars[U(row + VOLUME)], quantity)
            bars[U(row + QUOTE)] = total(bars[U(row + QUOTE)], quote)
            if buys:
                bars[U(row + TAKER_VOLUME)] = total(bars[U(row + TAKER_VOLUME)], quantity)
                bars[U(row + TAKER_QUOTE)] = total(bars[U(row + TAKER_QUOTE)], quote)
            bars[U(row + TRADES)] += 1


@kernel
def series(bars, book, base, edges, rows):  # type: ignore[no-untyped-def]
    """Write the klines of the periods between edges, made of those of a base; a flat one where nothing traded.

    edges  int64[n + 1], ns UTC; something traded before edges[1]
    rows   int64[12 n]
    """
    number, count = first_from(bars, book, base, edges[0]), bars[U(AT_COUNTS + 4 * book + base)]
    close = bars[U(row_of(bars, book, base, number - 1) + CLOSE)] if number > 0 else 0
    for i in range(edges.size - 1):
        out = ROW_WORDS * i
        begin(rows, out, edges[U(i)], edges[U(i + 1)] - edges[U(i)], close, -1)
        while number < count and bars[U(row_of(bars, book, base, number) + OPEN_TIME)] < edges[U(i + 1)]:
            join(rows, out, bars, row_of(bars, book, base, number))
            number += 1
        close = rows[U(out + CLOSE)]


@kernel
def gather(bars, book, start, base, row):  # type: ignore[no-untyped-def]
    """Write one kline of all since a time: periods of the base to the next whole one of the base above, and so on up to hours.

    row      int64[12]
    returns  the last price before, 0 where there was none
    """
    begin(row, 0, start, 0, 0, -1)
    number, before = first_from(bars, book, base, start), 0
    if number > max(0, bars[U(AT_COUNTS + 4 * book + base)] - bars[U(RING_MASK + base)] - 1):
        before = bars[U(row_of(bars, book, base, number - 1) + CLOSE)]
    for step in range(base, 3):
        above = MINUTE if step == 0 else HOUR
        end = LARGEST if step == 2 else (start + above - 1) // above * above
        number, count = first_from(bars, book, step, start), bars[U(AT_COUNTS + 4 * book + step)]
        while number < count and bars[U(row_of(bars, book, step, number) + OPEN_TIME)] < end:
            join(row, 0, bars, row_of(bars, book, step, number))
            number += 1
        start = end
    return before


@kernel
def first_from(bars, book, base, time):  # type: ignore[no-untyped-def]
    """The number of the first period that is kept and begins at a time or after it."""
    high = bars[U(AT_COUNTS + 4 * book + base)]
    low = max(0, high - bars[U(RING_MASK + base)] - 1)
    while low < high:
        middle = (low + high) >> 1
        if bars[U(row_of(bars, book, base, middle) + OPEN_TIME)] < time:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def row_of(bars, book, base, number):  # type: ignore[no-untyped-def]
    """Where the period of this number is."""
    mask = bars[U(RING_MASK + base)]
    return bars[U(AT_RING + base)] + ROW_WORDS * (book * (mask + 1) + (number & mask))


@inlined
def begin(rows, row, open_time, length, price, first_id):  # type: ignore[no-untyped-def]
    """A kline in which nothing traded yet."""
    rows[U(row + OPEN_TIME)], rows[U(row + END)] = open_time, open_time + length
    rows[U(row + OPEN)], rows[U(row + HIGH)], rows[U(row + LOW)], rows[U(row + CLOSE)] = price, price, price, price
    rows[U(row + VOLUME)], rows[U(row + QUOTE)], rows[U(row + TAKER_VOLUME)], rows[U(row + TAKER_QUOTE)] = 0, 0, 0, 0
    rows[U(row + TRADES)], rows[U(row + FIRST_ID)] = 0, first_id


@inlined
def join(rows, row, bars, later):  # type: ignore[no-untyped-def]
    """Add a later kline to one."""
    if rows[U(row + TRADES)] == 0:
        rows[U(row + OPEN)], rows[U(row + HIGH)], rows[U(row + LOW)] = bars[U(later + OPEN)], bars[U(later + HIGH)], bars[U(later + LOW)]
        rows[U(row + FIRST_ID)] = bars[U(later + FIRST_ID)]
    rows[U(row + HIGH)] = max(rows[U(row + HIGH)], bars[U(later + HIGH)])
    rows[U(row + LOW)] = min(rows[U(row + LOW)], bars[U(later + LOW)])
    rows[U(row + CLOSE)] = bars[U(later + CLOSE)]
    for what in range(VOLUME, TRADES):
        rows[U(row + what)] = total(rows[U(row + what)], bars[U(later + what)])
    rows[U(row + TRADES)] += bars[U(later + TRADES)]


@inlined
def total(one, other):  # type: ignore[no-untyped-def]
    """The sum of two numbers above 0, LARGEST where it is larger."""
    return one + other if one <= LARGEST - other else LARGEST


@inlined
def product(price, quantity):  # type: ignore[no-untyped-def]
    """Ticks times lots, LARGEST where it is larger."""
    return price * quantity if float(price) * float(quantity) < NEAR else LARGEST
