"""Captures through the very feeds that the live sockets use: the same frames give the same rows, however fast.

Time is the recording's: a frame comes at its recorded time, ticks come ten times a recorded second, and a recorded
document is the answer to what the feed asked for, at the time it came (in the file it may stand elsewhere). What the
feed wishes is not carried out; nobody is there. So a book that is lost in a recording stays SYNCING unless the
recording holds what brought it back.
"""

import hashlib
import heapq
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from polaris.domain.book import Book
from polaris.domain.errors import BadCapture
from polaris.domain.instrument import Instruments
from polaris.domain.market import BOOK_STATE_NAMES, DEPTH, KIND_NAMES, RowBuffer, Rows
from polaris.venues import registry
from polaris.venues.capture import Capture, Line, Truncation
from polaris.venues.protocol import Feed, Venue

HEAD: Final = 2048  # lines that are looked at to learn what a capture holds
BATCH: Final = 1024  # lines between two looks at the processor's clock
TICK_NS: Final = 100_000_000
LONGEST_PAUSE: Final = 600  # ticks; a longer hole in the recording is one tick
TOP: Final = 10

Progress = Callable[[Path, int], None]  # (file, frames so far)


def replay_captures(
    paths: Iterable[str | Path], venue: str | None = None, progress: Progress | None = None, warn: Callable[[Truncation], None] | None = None
) -> dict[str, Any]:
    """Replay captures and say what came of each: see the fields below.

    paths     capture files, each replayed by itself
    venue     whose frames they are, for files without a header
    progress  called now and then with the file and the frames so far
    warn      called for a file whose end is missing
    returns   {"files": [{"file", "venue", "frames", "frames_per_cpu_second", "events": {kind: rows}, "gaps", "resyncs",
              "checksums": {"ok", "failed"}, "symbols": {wire: {"state", "bids", "asks", "top_bids", "top_asks"}}, "digest"}]};
              prices and quantities as the venue's text; the digest is a BLAKE2b of every row, whose seq is 0
    raises    BadCapture, BadConfig for an unknown venue
    """
    _load_kernels()
    return {"files": [_report(Path(path), venue, progress, warn) for path in paths]}


def rows_of_capture(path: str | Path, venue: str | None = None) -> tuple[Instruments, Rows]:
    """Everything a capture says, as rows in the order it came."""
    replay = Replay(path, venue)
    return replay.instruments, np.concatenate([rows.copy() for rows in replay.batches()] or [RowBuffer(0).take()])


def frames_of_capture(path: str | Path, venue: str | None = None) -> Iterator[tuple[Instruments, Rows]]:
    """(instruments, the rows of one frame) for every frame that made any; the rows are valid until the next one."""
    replay = Replay(path, venue)
    for rows in replay.batches(1):
        yield replay.instruments, rows


class Replay:
    """One capture on its way through a feed. `warnings` is whole when the last batch has come.

    lines   that are left, in time
    ts      of the newest line, ns: a lost book is silent, so its rows do not tell how far the capture goes
    pauses  (from, to), ns: where nothing came for longer than LONGEST_PAUSE
    """

    def __init__(self, path: str | Path, venue: str | None = None) -> None:
        self.capture = Capture(path)
        lines = iter(self.capture)
        head = list(islice(lines, HEAD))
        self.venue = _venue_of(self.capture, head, venue)
        self.instruments = Instruments(self.venue.discover(head))
        if not len(self.instruments):
            raise BadCapture(path, f"no symbol of {self.venue.name} in its first {len(head)} lines")
        self.rows = RowBuffer(16 * BATCH)
        self.feed: Feed = self.venue.feed(self.instruments, self.rows)
        self.cpu_ns = 0
        self.ts = 0
        self.pauses: list[tuple[int, int]] = []
        self.lines = _in_time(chain(head, lines))
        self._next_tick = 0
        self._connected = False
        self._conns: set[str] = set()

    @property
    def warnings(self) -> list[Truncation]:
        """What was missing in the file."""
        return self.capture.warnings

    def batches(self, size: int = BATCH) -> Iterator[Rows]:
        """The rows of every `size` lines, where they made any; valid until the next batch. The feed's time is measured."""
        while lines := list(islice(self.lines, size)):
            began = time.process_time_ns()
            for line in lines:
                self.push(line)
            self.cpu_ns += time.process_time_ns() - began
            self.ts = max(self.ts, lines[-1].ts)
            if len(self.rows):
                yield self.rows.view()
                self.rows.clear()

    def push(self, line: Line) -> None:
        """One line reaches the feed as what it records reached us."""
        feed, ts = self.feed, line.ts
        if line.kind == "recv":
            if not self._connected:
                self._connect(ts)
            if ts >= self._next_tick:
                self._tick(ts)
            feed.frame(line.data, ts)
        elif line.kind == "http":
            tag = self.venue.tag(line.url)
            if tag:
                feed.response(tag, line.data, ts)
        elif line.kind == "connect" and (line.conn in self._conns or not self._connected):
            self._connect(ts)  # a recorder may use several connections: only one that opens again cuts the stream
            self._conns.add(line.conn)
        feed.wishes.clear()

    def _connect(self, ts: int) -> None:
        if self._connected:
            self.feed.disconnected(ts)
        self.feed.connected(ts)
        self._connected = True
        self._next_tick = ts + TICK_NS

    def _tick(self, ts: int) -> None:
        if ts - self._next_tick > LONGEST_PAUSE * TICK_NS:
            self.pauses.append((self._next_tick - TICK_NS, ts))
            self._next_tick = ts
        while self._next_tick <= ts:
            self.feed.tick(self._next_tick)
            self._next_tick += TICK_NS


def _load_kernels() -> None:
    """Have the book's compiled code in memory before anything is measured."""
    row = RowBuffer(1)
    row.append(0, 0, 0, DEPTH, 0, 1, 1)
    book = Book()
    book.apply(row.view(), 0)
    book.set(True, 2, 1)


def _report(path: Path, venue: str | None, progress: Progress | None, warn: Callable[[Truncation], None] | None) -> dict[str, Any]:
    replay = Replay(path, venue)
    stats = replay.feed.stats
    digest = hashlib.blake2b(digest_size=16)
    kinds = np.zeros(max(KIND_NAMES) + 1, np.int64)
    for rows in replay.batches():
        digest.update(rows.view(np.uint8).data)
        kinds += np.bincount(rows["kind"], minlength=len(kinds))
        if progress is not None:
            progress(path, stats.frames)
    for each in replay.warnings:
        if warn is not None:
            warn(each)
    symbols = {}
    for wire, symbol in stats.symbols.items():
        bids, asks, n_bids, n_asks = replay.feed.book_text(wire, TOP)
        symbols[wire] = {"state": BOOK_STATE_NAMES[symbol.state], "bids": n_bids, "asks": n_asks, "top_bids": bids, "top_asks": asks}
    return {
        "file": str(path),
        "venue": replay.venue.name,
        "frames": stats.frames,
        "frames_per_cpu_second": round(stats.frames * 1_000_000_000 / max(1, replay.cpu_ns)),
        "events": {KIND_NAMES[kind]: int(kinds[kind]) for kind in KIND_NAMES if kinds[kind]},
        "gaps": stats.gaps,
        "resyncs": sum(symbol.resyncs for symbol in stats.symbols.values()),
        "checksums": {
            "ok": sum(symbol.checksums_ok for symbol in stats.symbols.values()),
            "failed": sum(symbol.checksums_failed for symbol in stats.symbols.values()),
        },
        "symbols": symbols,
        "digest": digest.hexdigest(),
    }


def _venue_of(capture: Capture, head: list[Line], name: str | None) -> Venue:
    """A header's word first, then what we were told, then what the frames show."""
    if capture.header.venue:
        found = registry.recorded_as(capture.header.venue)
        if found is None:
            raise BadCapture(capture.path, f"its header says {capture.header.venue!r}, which is no venue we know: {', '.join(registry.names())}", 1)
        return found
    if name is not None:
        return registry.venue(name)
    found = registry.recognise(head)
    if found is None:
        raise BadCapture(capture.path, f"it does not say whose frames it holds; name the venue: {', '.join(registry.names())}")
    return found


def _in_time(lines: Iterable[Line]) -> Iterator[Line]:
    """Documents stand where the recorder wrote them; each is handed out when its time has come, the rest in the file's order."""
    waiting: list[tuple[int, int, Line]] = []
    for number, line in enumerate(lines):
        if line.kind == "http":
            heapq.heappush(waiting, (line.ts, number, line))
            continue
        while waiting and waiting[0][0] <= line.ts:
            yield heapq.heappop(waiting)[2]
        yield line
    while waiting:
        yield heapq.heappop(waiting)[2]
