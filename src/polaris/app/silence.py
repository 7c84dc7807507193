"""Streams that are open and do not tell: what a question finds, the stream has to tell too, a moment later at the most.

Only a look that began while the stream told already can judge it: what one finds that was asked for because the stream began to tell,
or lost something, happened while nobody told.
"""

from collections import Counter
from typing import Final

from polaris.domain.orders import FILLED
from polaris.venues.orders import Report

MUTE_S: Final = 2.0  # what was found and is not told by then will never be told


class Silence:
    """What was found and not told yet, of all venues. Times are seconds of a clock that only rises."""

    def __init__(self) -> None:
        self._telling: set[str] = set()
        self._began: Counter[str] = Counter()  # how often each venue's stream began to tell
        self._looked: dict[str, int] = {}  # how often it had when the last whole look began
        self._untold: dict[str, tuple[str, Report, float]] = {}  # venue, what was found, when; by the order's name

    def tells(self, venue: str) -> None:
        """From here on the stream tells everything, and what was before has to be asked for."""
        self._telling.add(venue)
        self._began[venue] += 1

    def stops(self, venue: str) -> None:
        """It tells no more, and need not tell what is found meanwhile."""
        self._telling.discard(venue)
        self._untold = {client: left for client, left in self._untold.items() if left[0] != venue}

    def judges(self, venue: str) -> bool:
        """Whether a look that begins now can judge the stream."""
        return venue in self._telling and self._looked.get(venue) == self._began[venue]

    def looked(self, venue: str, began: int) -> None:
        """A look is over that began when `began` was `beginnings`."""
        self._looked[venue] = began

    def beginnings(self, venue: str) -> int:
        """How often the stream began to tell."""
        return self._began[venue]

    def found(self, venue: str, report: Report, now: float) -> None:
        """A look that judges found what the stream did not tell."""
        if venue in self._telling:
            self._untold.setdefault(report.client, (venue, report, now))

    def told(self, report: Report) -> None:
        """The stream told of an order: late is not mute."""
        if report.client in self._untold and (report.state >= FILLED or report.filled >= self._untold[report.client][1].filled):
            del self._untold[report.client]

    def mute(self, now: float) -> list[tuple[str, Report]]:
        """Venues whose streams do not tell, with what each left out; said once."""
        found = [(client, venue, report) for client, (venue, report, since) in self._untold.items() if now - since >= MUTE_S]
        for client, _, _ in found:
            del self._untold[client]
        return [(venue, report) for _, venue, report in found]
