"""The tape: every trade under a dense number of its book, and aggregates of them.

A trade is a FILL. Trades that follow each other, of one taker by one command at one price, are one aggregate, as Binance's aggTrade
has it. Of each book the newest are kept, as rings; their numbers are never used again.
"""

import hashlib
from typing import Any

import numpy as np

from polaris.domain.kernel import kernel
from polaris.exchange.bits import U
from polaris.exchange.marketdata.rows import AGGREGATE, MAKER_ID, ORDER_ID, PRICE, QUANTITY, SEQ, TRADE, TS, Rows, Words, sparse
from polaris.exchange.telling import SIDE
from polaris.exchange.words import EVENT_WORDS, FILL

ROW_WORDS = 9  # of both
LARGEST = 2**62  # number


class Tape:
    """The newest trades and aggregates of every book.

    books    how many
    trades, aggregates   how many of each a book keeps, powers of two
    """

    def __init__(self, books: int, trades: int, aggregates: int) -> None:
        self._counts = np.zeros((books, 2), np.int64)  # of each book, how many there ever were
        self._rings = [sparse(books * kept * ROW_WORDS).reshape(books, kept, ROW_WORDS) for kept in (trades, aggregates)]

    def fold(self, events: Words, n: int, fills: int) -> tuple[Rows, Rows]:
        """The trades and the aggregates in n events, of which `fills` are fills."""
        trades, aggregates = np.empty(ROW_WORDS * fills, np.int64), np.empty(ROW_WORDS * fills, np.int64)
        told = record(events, n, self._counts, *self._rings, trades, aggregates) if fills else 0
        return trades.view(TRADE), aggregates[: ROW_WORDS * told].view(AGGREGATE)

    def trades(self, book: int, from_id: int | None, limit: int) -> Rows:
        """TRADE[n] of a book, ascending: from a trade on, else the newest."""
        return self._rows(book, 0, from_id, LARGEST, limit).view(TRADE)

    def aggregates(self, book: int, from_id: int | None, start: int | None, end: int | None, limit: int) -> Rows:
        """AGGREGATE[n] of a book, ascending: from one on, else from a time on, else the newest; none after `end` (ns, inclusive)."""
        if from_id is None and start is not None:
            from_id = self._first_at(book, start)
        last = LARGEST if end is None else self._first_at(book, end + 1) - 1
        return self._rows(book, 1, from_id, last, limit).view(AGGREGATE)

    def last(self, book: int) -> Any:
        """The newest TRADE of a book; None before the first."""
        newest = self.trades(book, None, 1)
        return newest[0] if len(newest) else None

    def digest(self) -> bytes:
        """16 bytes over all that is kept."""
        digest = hashlib.blake2b(self._counts.tobytes(), digest_size=16)
        for rows in self.kept():
            digest.update(rows)
        return digest.digest()

    def kept(self) -> list[bytes]:
        """What each book keeps, trades then aggregates, oldest first."""
        return [self._rows(book, what, 1, LARGEST, LARGEST).tobytes() for book in range(len(self._counts)) for what in (0, 1)]

    @property
    def counts(self) -> Words:
        """int64[books, 2]: how many trades and aggregates there ever were."""
        return self._counts

    def go_on(self, counts: Words, kept: list[bytes]) -> None:
        """Count on from what another tape kept."""
        self._counts[:] = counts
        for i, packed in enumerate(kept):
            book, what = divmod(i, 2)
            ring, rows = self._rings[what], np.frombuffer(packed, np.int64).reshape(-1, ROW_WORDS)
            rows = rows[-ring.shape[1] :]
            ring[book, np.arange(counts[book, what] - len(rows), counts[book, what]) % ring.shape[1]] = rows

    def _rows(self, book: int, what: int, first: int | None, last: int, limit: int) -> Words:
        """Rows of a ring, int64[9 n], numbers first .. last as far as they are kept: at most the limit, the newest where there is no first."""
        count, ring = int(self._counts[book, what]), self._rings[what][book]
        oldest, last = max(1, count - len(ring) + 1), min(last, count)
        start = max(oldest, last - limit + 1 if first is None else min(first, count + 1))
        numbers = np.arange(start, max(start, min(last + 1, start + limit)))
        rows: Words = ring[(numbers - 1) & (len(ring) - 1)].reshape(-1)
        return rows

    def _first_at(self, book: int, time: int) -> int:
        """The number of the first aggregate that is kept at this time or after it; one beyond the last where there is none."""
        count, ring = int(self._counts[book, 1]), self._rings[1][book]
        low, high = max(0, count - len(ring)), count
        while low < high:
            middle = (low + high) // 2
            if ring[middle & (len(ring) - 1), 3] < time:
                low = middle + 1
            else:
                high = middle
        return low + 1


@kernel
def record(events, n, counts, trade_ring, aggregate_ring, trades, aggregates):  # type: ignore[no-untyped-def]
    """Write the trades of n events and their aggregates, into the rings and out; returns how many aggregates.

    counts  int64[books, 2]  how many of each there ever were
    """
    trade_mask, aggregate_mask = trade_ring.shape[1] - 1, aggregate_ring.shape[1] - 1
    at, m = 0, 0
    for i in range(n):
        event = EVENT_WORDS * i
        head = events[U(event)]
        if head & 0xFF != FILL:
            continue
        book = head >> 32
        order_id, price, quantity = events[U(event + ORDER_ID)], events[U(event + PRICE)], events[U(event + QUANTITY)]
        seq, ts = events[U(event + SEQ)], events[U(event + TS)]
        last = book | (((head >> SIDE) & 0xFF) << 32) | (((head >> 16) & 0xFF) << 40)
        trade, aggregate = counts[U(book), U(0)] + 1, counts[U(book), U(1)]
        counts[U(book), U(0)] = trade
        before = (aggregate - 1) & aggregate_mask
        ring = aggregate_ring
        if aggregate > 0 and ring[book, before, 6] == order_id and ring[book, before, 7] == seq and ring[book, before, 4] == price:
            there = before
        else:
            aggregate += 1
            m += 1
            counts[U(book), U(1)] = aggregate
            there = (aggregate - 1) & aggregate_mask
            ring[book, there, 0], ring[book, there, 1], ring[book, there, 3] = aggregate, trade, ts
            ring[book, there, 4], ring[book, there, 5], ring[book, there, 6] = price, 0, order_id
            ring[book, there, 7], ring[book, there, 8] = seq, last
        ring[book, there, 2] = trade
        ring[book, there, 5] += quantity
        m = max(m, 1)
        for j in range(9):
            aggregates[U(9 * (m - 1) + j)] = ring[book, there, j]
        trades[U(at)], trades[U(at + 1)], trades[U(at + 2)] = trade, aggregate, ts
        trades[U(at + 3)], trades[U(at + 4)] = price, quantity
        trades[U(at + 5)], trades[U(at + 6)] = order_id, events[U(event + MAKER_ID)]
        trades[U(at + 7)], trades[U(at + 8)] = seq, last
        for j in range(9):
            trade_ring[book, (trade - 1) & trade_mask, j] = trades[U(at + j)]
        at += 9
    return m
