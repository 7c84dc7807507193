"""A book that needs two sources: the stream of its changes, and a snapshot over REST that must fall into the stream.

Changes are buffered from the first. A snapshot older than the buffer is asked for again, a newer one waits for the
change that touches it; changes that it holds already are dropped. From there on every change must follow the one before
it: what "follow" means is the venue's. After a gap it all begins anew with the change that showed the gap.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from polaris.domain.errors import UnreadableNumber
from polaris.domain.market import LIVE, REASON_BAD_MESSAGE, REASON_GAP, RowBuffer
from polaris.venues.books import FRESH
from polaris.venues.protocol import FeedStats, Fetch, Wish
from polaris.venues.reading import UNREADABLE
from polaris.venues.sync import BookSync

MOST_BUFFERED: Final = 10_000  # updates; a snapshot that takes longer is asked for again


class Numbered(Protocol):
    """An update or a snapshot: `last_id` is the venue's number of what it brings the book to."""

    @property
    def last_id(self) -> int:
        """The number."""
        ...


Update = TypeVar("Update", bound=Numbered)
Snapshot = TypeVar("Snapshot", bound=Numbered)


class Join(Generic[Update, Snapshot]):
    """One symbol's book and what waits for it.

    follows  (update, number, fresh) -> whether it is the next after `number`; fresh: that is a snapshot's, which may lie inside it
    update   (update, number, ts) writes its rows, of what is newer than `number`; may raise UnreadableNumber
    whole    (snapshot, ts) writes its rows; may raise UnreadableNumber
    fetch    what asks for a snapshot
    overlap  updates are not numbered: only one that the snapshot holds already shows that nothing lies between them
    applied  (ts) after each update: where the venue has a word of its own to compare the book with
    """

    def __init__(
        self,
        book: BookSync,
        rows: RowBuffer,
        wishes: list[Wish],
        stats: FeedStats,
        follows: Callable[[Update, int, bool], bool],
        update: Callable[[Update, int, int], None],
        whole: Callable[[Snapshot, int], None],
        fetch: Fetch,
        applied: Callable[[int], None] = lambda ts: None,
        overlap: bool = False,
    ) -> None:
        self.book = book
        self.head = book.head
        self.stats = stats
        self._rows, self._wishes, self._fetch = rows, wishes, fetch
        self._follows, self._update, self._whole, self._applied = follows, update, whole, applied
        self._overlap = overlap
        self._buffer: deque[Update] = deque()
        self._waiting: Snapshot | None = None  # for the first update

    def forget(self) -> None:
        """Drop everything that waits."""
        self._buffer.clear()
        self._waiting = None

    def connected(self, ts: int, patience_ns: int) -> None:
        """The socket is open; a stream that stays silent for so long won't tell where it begins, so the snapshot is asked for anyway."""
        self.forget()
        self.book.connected(ts, patience_ns)

    def disconnected(self, ts: int) -> None:
        """The socket is gone."""
        self.forget()
        self.book.disconnected(ts)

    def tick(self, ts: int) -> None:
        """See silence and a crossed book, and ask for a snapshot where one is due."""
        self.book.tick(ts)
        self.ask(ts)

    def heard(self, update: Update, ts: int) -> None:
        """The next update of the stream. Raises UnreadableNumber."""
        book, buffer = self.book, self._buffer
        if book.state >= LIVE:
            if update.last_id <= book.update_id:
                self._ignore("old update")
            elif self._follows(update, book.update_id, bool(self.head[FRESH])):
                self._apply(update, ts)
            else:
                self.stats.gaps += 1
                self.lost(REASON_GAP, ts, update)
            return
        if buffer and update.last_id <= buffer[-1].last_id:
            self._ignore("old update")
            return
        if len(buffer) == MOST_BUFFERED:
            buffer.clear()
        elif buffer and not self._follows(update, buffer[-1].last_id, False):
            self.stats.gaps += 1
            book.stats.gaps += 1
            buffer.clear()
        buffer.append(update)
        if self._waiting is not None:
            self._synchronise(ts)
        elif len(buffer) == 1:
            book.hasten(ts)
            self.ask(ts)

    def snapshot(self, snapshot: Snapshot | None, ts: int) -> None:
        """The snapshot that was asked for, or None where none came. It may replace a STALE book, never a LIVE one, which knows better."""
        book = self.book
        if snapshot is None:
            book.refused(ts)
        elif book.state == LIVE:
            self._ignore("snapshot of a live book")
        elif book.state >= LIVE and snapshot.last_id < book.update_id:
            book.refused(ts)
        else:
            self._waiting = snapshot
            self._synchronise(ts)

    def lost(self, reason: int, ts: int, update: Update | None = None) -> None:
        """Begin anew with what came last, which is where the stream goes on."""
        self.forget()
        if update is not None:
            self._buffer.append(update)
        self.book.lost(ts, reason)
        self.ask(ts)

    def ask(self, ts: int) -> None:
        """Ask for a snapshot where one is due."""
        if self.book.due(ts):
            self.book.asked(ts)
            self._wishes.append(self._fetch)

    def _synchronise(self, ts: int) -> None:
        """Fit the waiting snapshot and the buffered updates together."""
        snapshot, buffer, book = self._waiting, self._buffer, self.book
        if snapshot is None or not (buffer or book.state >= LIVE):
            return  # nothing says yet where the stream begins: wait
        unseen = self._overlap and bool(buffer) and buffer[0].last_id > snapshot.last_id
        while buffer and buffer[0].last_id <= snapshot.last_id:
            self._ignore("update before snapshot")
            buffer.popleft()
        self._waiting = None
        if unseen or (buffer and not self._follows(buffer[0], snapshot.last_id, True)):
            self._ignore("snapshot older than the stream")
            book.refused(ts)
            return
        self.head[FRESH] = 1
        start = len(self._rows)
        try:
            self._whole(snapshot, ts)
            book.replace(start, snapshot.last_id, ts)
            for update in buffer:
                self._apply(update, ts)
        except (UnreadableNumber, *UNREADABLE):
            self._rows.size = start
            self.stats.bad_messages += 1
            self.lost(REASON_BAD_MESSAGE, ts)
            return
        buffer.clear()
        book.live(ts)

    def _apply(self, update: Update, ts: int) -> None:
        start = len(self._rows)
        self._update(update, self.book.update_id, ts)
        self.book.update(start, update.last_id, ts)
        self.head[FRESH] = 0
        self._applied(ts)

    def _ignore(self, kind: str) -> None:
        self.stats.ignored[kind] = self.stats.ignored.get(kind, 0) + 1
