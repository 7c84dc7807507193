"""The market's news, once for all dialects: the core's events folded into market data, told where they are durable.

Depth is conflated as the events are folded, so what a reader is shown never runs ahead of what was written down; while nothing
is being written, time alone brings what is due.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from polaris.exchange.marketdata import MarketData, Told
from polaris.exchange.marketdata.depth import Changes
from polaris.exchange.words import CONTINUOUS, PHASE, Events

Due = list[tuple[int, Changes]]


class Reader(Protocol):
    """A dialect's streams."""

    def told(self, told: Told) -> None:
        """What happened, in order."""

    def due(self, interval_ns: int, changes: Changes) -> None:
        """The levels that changed in an interval."""


class News(NamedTuple):
    """What one run of the core says."""

    told: Told
    due: Due
    phases: list[tuple[int, int]]  # book, the phase it is in now


class Broadcast:
    """A listener of the venue: folds the events, and tells every reader.

    phases  of each book: as the core holds them at the start (None: all are continuous), then as the events that were told say
    """

    def __init__(self, market: MarketData, phases: Iterable[int] | None = None) -> None:
        self.market = market
        self.phases = [CONTINUOUS] * market.books if phases is None else [int(phase) for phase in phases]
        self._readers: list[Reader] = []
        self._untold = 0  # folds whose events are not yet durable

    def join(self, reader: Reader) -> None:
        """Tell this one too."""
        self._readers.append(reader)

    def fold(self, events: Events) -> News:
        """At once after the core ran."""
        told = self.market.fold(events)
        self._untold += 1
        changed = events[events["kind"] == PHASE]
        phases = list(zip(changed["book"].tolist(), changed["quantity"].tolist(), strict=True))
        return News(told, self.market.due(int(events["ts"].max())) if len(events) else [], phases)

    def tell(self, news: News) -> None:
        """When these events are durable."""
        self._untold -= 1
        for book, phase in news.phases:
            self.phases[book] = phase
        for reader in self._readers:
            reader.told(news.told)
        self._due(news.due)

    def tick(self, now: int) -> None:
        """Time passed: now is the core's."""
        if not self._untold:
            self._due(self.market.due(now))

    def _due(self, due: Due) -> None:
        for interval_ns, changes in due:
            for reader in self._readers:
                reader.due(interval_ns, changes)
