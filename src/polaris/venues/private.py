"""What an account hears of its own orders, kept open beside the market's feed: the venue's user stream.

    socket ─▶ PrivateFeed ─▶ Private: the venue's dialect, no socket ─▶ words ─▶ hear
                                 Told       an order as it stands now, and the execution that brought it there where it is named
                                 Listening  from here on everything is told: what was before has to be asked for, once
                                 Missed     something was lost or could not be read: ask
                                 Deaf       nothing is told any more, until Listening

A stream is quick and may lose, repeat and mix up what it tells. So it is believed for what it says and never for its silence:
who hears it asks the venue after each Listening and Missed, and now and then for no reason at all.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from polaris.domain.errors import BadMessage
from polaris.domain.instrument import Instruments
from polaris.domain.market import RowBuffer
from polaris.venues.orders import Fill, Report
from polaris.venues.protocol import FeedStats, Reconnect, Wish

SECOND: Final = 1_000_000_000
ANSWER_NS: Final = 5 * SECOND  # a subscription that is not confirmed by then is asked for on another connection
NO_BOOK: Final[tuple[list[list[str]], list[list[str]], int, int]] = ([], [], 0, 0)


class Told(msgspec.Struct, frozen=True):
    """An order of the account, as it stands now.

    fill  the execution that brought it there; None where it was none, and where the venue's stream does not tell it whole
    """

    report: Report
    fill: Fill | None = None


class Listening(msgspec.Struct, frozen=True):
    """The subscription stands.

    fills  this stream tells executions whole, so they need not be asked for
    """

    fills: bool


class Missed(msgspec.Struct, frozen=True):
    """Something was lost, or could not be read."""

    reason: str


class Deaf(msgspec.Struct, frozen=True):
    """Nothing is heard any more."""

    reason: str


Word = Told | Listening | Missed | Deaf


class Private(Protocol):
    """The dialect of one venue's user stream. No IO, no clock."""

    venue: str
    path: str  # on its socket host
    silence_s: float  # a connection without a byte for so long is gone

    def subscribe(self, ts: int) -> Sequence[Wish]:
        """The socket is open at `ts` (ns, the venue's clock): who we are, and what we want to hear."""
        ...

    def read(self, payload: bytes) -> Sequence[Word]:
        """What one message says. Raises BadMessage."""
        ...


class PrivateFeed:
    """A user stream as a feed without rows; see `protocol.Feed`. Not LIVE or STALE but listening or not."""

    def __init__(self, private: Private, instruments: Instruments, hear: Callable[[Word], object]) -> None:
        self.venue, self.instruments = private.venue, instruments
        self.rows = RowBuffer(1)
        self.wishes: list[Wish] = []
        self.stats = FeedStats()
        self.listening = False
        self._private, self._hear = private, hear
        self._asked = 0
        self._renew = ""

    def url(self) -> str:
        """The path of the user stream."""
        return self._private.path

    def connected(self, ts: int) -> None:
        """Say who we are."""
        self._asked, self._renew = ts, ""
        self.wishes += self._private.subscribe(ts)

    def frame(self, payload: bytes, ts: int) -> None:
        """One message. What can't be read may have been about our orders."""
        self.stats.frames += 1
        self.stats.bytes += len(payload)
        try:
            words = self._private.read(payload)
        except BadMessage as bad:
            self.stats.bad_messages += 1
            words = [Missed(bad.reason)]
        for word in words:
            if isinstance(word, Listening):
                if self.listening:
                    continue
                self.listening = True
            elif isinstance(word, Deaf):
                self._deaf(word.reason)
                self.wishes.append(Reconnect(word.reason))
                continue
            elif isinstance(word, Missed):
                self.stats.gaps += 1
            self._hear(word)

    def tick(self, ts: int) -> None:
        """A subscription that is not confirmed, or is not believed any more, is made anew."""
        if self._renew:
            self.wishes.append(Reconnect(self._renew))
        elif not self.listening and ts - self._asked > ANSWER_NS:
            self.wishes.append(Reconnect(f"no subscription within {ANSWER_NS // SECOND} s"))

    def disconnected(self, ts: int) -> None:
        """Nothing is heard."""
        self._deaf("the connection is gone")

    def renew(self, reason: str) -> None:
        """Begin anew on another connection, at the next tick."""
        self._renew = reason

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        """Nothing is fetched."""

    def book_text(self, wire: str, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """It has no books."""
        return NO_BOOK

    def _deaf(self, reason: str) -> None:
        if self.listening:
            self.listening = False
            self._hear(Deaf(reason))
