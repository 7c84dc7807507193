"""One book and whether it can be trusted: the state machine every venue's feed uses, one object a symbol.

                    connected                  snapshot and what follows it fit together
    DISCONNECTED ───────────────▶ SYNCING ──────────────────────────────────────────────▶ LIVE
         ▲                           ▲  gap, checksum, bad message, crossed for too long   │ │
         │ disconnected (from all)   ├────────────────────────────────────────────────────┘ │ silence
         └──────────               STALE ◀───────────────────────────────────────────────────┘
                                     └──▶ LIVE: the next update in sequence, or a new snapshot

What a feed writes into the row buffer while its book is LIVE is what anyone needs to hold the same book: a STATUS row
at every change of state, and whenever a book becomes LIVE its whole snapshot just before (CLEAR on the first row,
SNAPSHOT on every one, LAST on the last), so a snapshot replaces and never merges. Its sides run from the worst level to
the best: whoever builds the book appends, where best first would move every level for each. Only books need this trust: trades
and quotes flow in every state.

A book that needs a snapshot says so by `due`; the venue's feed knows how to ask for one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from polaris.domain.book import Book
from polaris.domain.instrument import Instrument
from polaris.domain.market import (
    ASK,
    CLEAR,
    DEPTH,
    DISCONNECTED,
    LAST,
    LIVE,
    REASON_CLOSED,
    REASON_CONNECT,
    REASON_CROSSED,
    REASON_GAP,
    REASON_NONE,
    REASON_SILENCE,
    ROW,
    SNAPSHOT,
    STALE,
    STATUS,
    SYNCING,
    RowBuffer,
    Rows,
)
from polaris.venues.books import CROSSED, DUE, LAST_UPDATE, STATE, UPDATE_ID
from polaris.venues.protocol import SymbolStats

SECOND: Final = 1_000_000_000


@dataclass(frozen=True)
class SyncLimits:
    """How patient a book is, nanoseconds.

    silence_ns    a LIVE book without an update for longer is STALE
    crossed_ns    a book found crossed on every tick for so long is given up
    answer_ns     a snapshot that was asked for and did not come is asked for again
    retry_ns      two requests of one book are at least so far apart; doubles with every one that brought no LIVE book
    retry_max_ns  and grows no further
    """

    silence_ns: int = 10 * SECOND
    crossed_ns: int = 2 * SECOND
    answer_ns: int = 10 * SECOND
    retry_ns: int = 1 * SECOND
    retry_max_ns: int = 60 * SECOND


class BookSync:
    """One symbol's book, its state, and when to ask for a snapshot."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, stats: SymbolStats, limits: SyncLimits, book: Book | None = None) -> None:
        self.instrument = instrument
        self.stats = stats
        stats.whole = self.whole
        self.head = stats.head  # `venues.books` says what its words are; compiled readers change them too
        self.book = book if book is not None else Book()
        self._rows = rows
        self._limits = limits
        self._asked_ns = 0
        self._asks = 0  # since the book was last LIVE

    @property
    def state(self) -> int:
        """DISCONNECTED, SYNCING, LIVE or STALE."""
        return int(self.head[STATE])

    @property
    def update_id(self) -> int:
        """The venue's number of the newest update in the book."""
        return int(self.head[UPDATE_ID])

    def connected(self, ts: int, patience_ns: int = 0) -> None:
        """The socket is open: the book is SYNCING, and due for a snapshot in `patience_ns` if none came by itself."""
        self.book.clear()
        self._asks = 0
        self.head[DUE] = ts + patience_ns
        self._enter(SYNCING, REASON_CONNECT, ts)

    def disconnected(self, ts: int) -> None:
        """The socket is gone."""
        self.book.clear()
        self._uncross(ts)
        self._enter(DISCONNECTED, REASON_CLOSED, ts)

    def lost(self, ts: int, reason: int) -> None:
        """The book can't be trusted: SYNCING until a snapshot comes. Without a connection nothing changes."""
        if self.state == DISCONNECTED:
            return
        if reason == REASON_GAP:
            self.stats.gaps += 1
        if self.state >= LIVE:
            self.stats.resyncs += 1
        self.book.clear()
        self._uncross(ts)
        self.head[DUE] = max(ts, self._asked_ns + self._wait_ns()) if self._asked_ns else ts
        self._enter(SYNCING, reason, ts)

    def due(self, ts: int) -> bool:
        """Whether a snapshot is wanted and it is time to ask."""
        return (self.state == SYNCING or self.state == STALE) and ts >= int(self.head[DUE])

    def hasten(self, ts: int) -> None:
        """The stream has begun: no need to wait any longer with the first request."""
        if not self._asks:
            self.head[DUE] = ts

    def asked(self, ts: int) -> None:
        """The feed asked for a snapshot."""
        self.head[DUE] = ts + max(self._limits.answer_ns, self._wait_ns())
        self._asked_ns = ts
        self._asks += 1

    def refused(self, ts: int) -> None:
        """The snapshot that came, or its absence, is of no use: ask again after a while."""
        self.head[DUE] = ts + self._wait_ns()

    def replace(self, start: int, update_id: int, ts: int) -> None:
        """The rows from `start` on are a whole snapshot: they replace the book. `live` says when it can be trusted."""
        rows = self._rows
        if len(rows) == start:  # an empty book is a snapshot too
            rows.append(0, ts, self.instrument.id, DEPTH, 0, 0, 0, update_id)
        snapshot = rows.view(start)
        _mark_snapshot(snapshot)
        self.book.apply(snapshot, self.instrument.id)
        self.head[UPDATE_ID] = update_id
        self.head[LAST_UPDATE] = ts
        if self.state == STALE:
            self.stats.resyncs += 1

    def update(self, start: int, update_id: int, ts: int) -> None:
        """The rows from `start` on are the next update in sequence. A STALE book has proven whole: it is LIVE again."""
        rows = self._rows
        if len(rows) > start:
            rows.mark_last()
            self.book.apply(rows.view(start), self.instrument.id)
        self.head[UPDATE_ID] = update_id
        self.head[LAST_UPDATE] = ts
        if self.state == STALE:
            rows.size = start  # the snapshot holds them
            rows.extend(self.whole(ts))
            self.live(ts)

    def live(self, ts: int) -> None:
        """The snapshot and what followed it fit together."""
        self._asks = 0
        self._uncross(ts)
        self._enter(LIVE, REASON_NONE, ts)

    def tick(self, ts: int) -> None:
        """Time passed: a silent book is STALE, one that stays crossed is lost."""
        if self.state != LIVE:
            return
        if ts - self.stats.last_update_ns > self._limits.silence_ns:
            self.head[DUE] = ts
            self._enter(STALE, REASON_SILENCE, ts)
        elif not self.book.crossed:
            self._uncross(ts)
        elif not self.head[CROSSED]:
            self.head[CROSSED] = ts
        elif ts - int(self.head[CROSSED]) >= self._limits.crossed_ns:
            self.stats.crossed += 1
            self.lost(ts, REASON_CROSSED)

    def text(self, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """(top bids, top asks, number of bids, number of asks) as the venue's decimal text."""
        price, quantity = self.instrument.price_text, self.instrument.quantity_text
        bids = [[price(ticks), quantity(lots)] for ticks, lots in self.book.bids(depth)]
        asks = [[price(ticks), quantity(lots)] for ticks, lots in self.book.asks(depth)]
        return bids, asks, *self.book.sizes

    def whole(self, ts: int) -> Rows:
        """The book as it stands as a snapshot's rows."""
        bids, asks = self.book.standing(0), self.book.standing(1)
        rows: Rows = np.zeros(max(1, len(bids) + len(asks)), ROW)
        rows["ts_recv"] = ts
        rows["instrument"] = self.instrument.id
        rows["kind"] = DEPTH
        rows["other"] = self.update_id
        rows["price"][: len(bids)] = bids[:, 0]
        rows["quantity"][: len(bids)] = bids[:, 1]
        rows["price"][len(bids) : len(bids) + len(asks)] = -asks[:, 0]
        rows["quantity"][len(bids) : len(bids) + len(asks)] = asks[:, 1]
        rows["flags"][len(bids) : len(bids) + len(asks)] = ASK
        _mark_snapshot(rows)
        return rows

    def _uncross(self, ts: int) -> None:
        self.stats.crossed_ns = self.stats.crossed_until(ts)
        self.head[CROSSED] = 0

    def _wait_ns(self) -> int:
        return min(self._limits.retry_ns << min(self._asks, 16), self._limits.retry_max_ns)

    def _enter(self, state: int, reason: int, ts: int) -> None:
        if state != self.state:
            self.head[STATE] = state
            self._rows.append(0, ts, self.instrument.id, STATUS, 0, state, reason)


def _mark_snapshot(rows: Rows) -> None:
    flags = rows["flags"]
    flags |= SNAPSHOT
    flags[0] |= CLEAR
    flags[-1] |= LAST
