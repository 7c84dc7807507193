"""A connection that follows another before the venue ends it: no row is missing and no trade is told twice.

    leads    ──┬─ is listened to ─┬──────────────────────────────────┬─▶ is closed
    follows    └                  └─ opens ─▶ its books are LIVE ... ─┴─▶ leads: its books whole, the trades not told yet

The one that follows has a feed of its own on the same row buffer. What that writes is taken out again until it leads, its
trades are kept aside. No two connections are at the same moment of the market, and either may be the later one. So each
stretch is longer than they can be apart (`SessionSettings.settles_s`): what the new one may repeat was listened to before it
opened; whatever happened before it opened was told when it takes over; and for as long again it may repeat what was told.
"""

from collections import Counter

import numpy as np

from polaris.domain.market import ASK, LIVE, REASON_CONNECT, REASON_NONE, STATUS, TRADE, Rows
from polaris.venues.books import FEED_OWN
from polaris.venues.protocol import Feed, FeedStats, SymbolStats


class Succession:
    """Two feeds of one venue on one row buffer: `old` leads, `new` follows until `take_over`.

    taken_ns  when that was; 0 before

    It remembers the trades of its own time: a few stretches, for the session gives up whoever follows for too long.
    """

    def __init__(self, old: Feed, new: Feed) -> None:
        self.old, self.new = old, new
        self.taken_ns = 0
        self._told: Counter[tuple[int, ...]] = Counter()  # trades of the old one that the new one has not repeated
        self._kept: list[Rows] = []  # trades of the new one while it follows

    @property
    def ready(self) -> bool:
        """Whether every book that is LIVE in the old feed is so in the new one."""
        new = self.new.stats.symbols
        return all(new[wire].state == LIVE for wire, symbol in self.old.stats.symbols.items() if symbol.state == LIVE)

    def heard(self, feed: Feed, start: int) -> None:
        """One of the two has just written the rows from `start` on: those that are not to be told are taken out."""
        rows = feed.rows.view(start)
        trades = rows["kind"] == TRADE
        if feed is self.old:
            self._told.update(_names(rows[trades]))
        elif not self.taken_ns:
            if trades.any():
                self._kept.append(rows[trades])
            feed.rows.size = start
        elif trades.any():
            untold = self._untold(rows)
            feed.rows.size = start
            feed.rows.extend(untold)

    def take_over(self, ts: int) -> None:
        """The new feed leads from now on: the trades that only it told, then its books whole, each of which replaces the one before."""
        self.taken_ns = ts
        rows = self.new.rows
        for kept in self._kept:
            rows.extend(self._untold(kept))
        self._kept.clear()
        for wire, symbol in self.new.stats.symbols.items():
            if symbol.state == LIVE and symbol.whole is not None:
                rows.extend(symbol.whole(ts))
            before = self.old.stats.symbols[wire]
            if symbol.state != before.state:
                instrument = self.new.instruments.by_wire(self.new.venue, wire)
                rows.append(0, ts, instrument.id, STATUS, 0, symbol.state, REASON_NONE if symbol.state == LIVE else REASON_CONNECT)
            _count_on(symbol, before, ts)
        _count_all_on(self.new.stats, self.old.stats)

    def _untold(self, rows: Rows) -> Rows:
        """A copy of these rows of the new feed, without the trades that the old one told."""
        keep = rows["kind"] != TRADE
        trades = np.flatnonzero(~keep)
        for at, name in zip(trades.tolist(), _names(rows[trades]), strict=True):
            if self._told[name]:
                self._told[name] -= 1
            else:
                keep[at] = True
        untold: Rows = rows[keep]
        return untold


def _names(trades: Rows) -> list[tuple[int, ...]]:
    """By what each trade is known on every connection: its number, or all that it says where the venue gives none."""
    return [
        (instrument, number) if number else (instrument, ts, price, quantity, flags & ASK)
        for instrument, number, ts, price, quantity, flags in trades[["instrument", "other", "ts_event", "price", "quantity", "flags"]].tolist()
    ]


def _count_on(symbol: SymbolStats, before: SymbolStats, ts: int) -> None:
    symbol.gaps += before.gaps
    symbol.resyncs += before.resyncs
    symbol.checksums_failed += before.checksums_failed
    symbol.checksums_ok += before.checksums_ok
    symbol.crossed += before.crossed
    symbol.crossed_ns += before.crossed_until(ts)
    symbol.conflated += before.conflated


def _count_all_on(stats: FeedStats, before: FeedStats) -> None:
    stats.frames += before.frames
    stats.bytes += before.bytes
    stats.bad_messages += before.bad_messages
    stats.gaps += before.gaps
    for kind, count in before.ignored.items():
        stats.ignored[kind] = stats.ignored.get(kind, 0) + count
    stats.head[:FEED_OWN] += before.head[:FEED_OWN]
