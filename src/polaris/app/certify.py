"""Certificates of recorded periods: a capture's, heard by the desk's own feeds, or a log's."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from polaris.domain.control import Started
from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instruments
from polaris.domain.market import DISCONNECTED, REASON_CLOSED, STATUS, TIMER, RowBuffer, Rows
from polaris.log.read import EventBlock, RowsBlock, blocks, instruments_of
from polaris.venues import registry
from polaris.venues.replay import Replay
from polaris.views.certificate import Certificate, Certifier


def of_capture(path: Path, venue: str | None = None, advance: Callable[[int, int], None] | None = None) -> Certificate:
    """Of a capture's period.

    venue    of a file without a header
    advance  called with the frames read so far and 0
    raises   BadCapture
    """
    replay = Replay(path, venue)
    name = {replay.venue.name}
    certifier = Certifier(replay.instruments, name if replay.venue.trades_numbered else (), () if replay.venue.books else name)
    for rows in replay.batches():
        certifier.hear(rows)
        if advance is not None:
            advance(replay.feed.stats.frames, 0)
    certifier.hear(_moment(replay.ts))  # a book that is lost for good says no more: its hole goes on to the last line
    flaws = [f"line {each.line}: {each.reason}" if each.line else each.reason for each in replay.warnings]
    flaws += [f"nothing was recorded for {(end - begin) / 1e9:,.1f} s from {begin} ns" for begin, end in replay.pauses]
    with path.open("rb") as file:
        return certifier.certificate(path.name, hashlib.file_digest(file, "sha256").hexdigest(), flaws)


def of_log(path: Path) -> Certificate:
    """Of everything a desk's log holds. Raises BadLog, BadConfig where no desk ever ran on it."""
    certifier, instruments, ts = None, Instruments(), 0
    for block in blocks(path):
        if certifier is not None and isinstance(block, EventBlock) and isinstance(block.event, Started):
            certifier.hear(_closed(instruments, ts))  # no desk ran since the block before: a killed one could not say so
        elif isinstance(block, EventBlock) and isinstance(block.event, Started):
            instruments = instruments_of(block.event)
            venues = [registry.venue(name) for name in {item.key.venue for item in instruments} if name in registry.names()]
            certifier = Certifier(instruments, [each.name for each in venues if each.trades_numbered], [each.name for each in venues if not each.books])
        elif isinstance(block, RowsBlock) and certifier is not None:
            certifier.hear(block.rows)
        if isinstance(block, EventBlock):
            ts = block.ts
        elif isinstance(block, RowsBlock):
            ts = int(block.rows["ts_recv"][-1])
    if certifier is None:
        raise BadConfig(f"{path} holds no run of a desk")
    certifier.hear(_moment(ts))
    return certifier.certificate(path.name)


def _moment(ts: int) -> Rows:
    """The row that says what time it is."""
    rows = RowBuffer(1)
    rows.append(ts, ts, -1, TIMER, 0, 0, 0)
    return rows.take()


def _closed(instruments: Instruments, ts: int) -> Rows:
    """The rows that say that every connection ended."""
    rows = RowBuffer(len(instruments))
    for item in instruments:
        rows.append(0, ts, item.id, STATUS, 0, DISCONNECTED, REASON_CLOSED)
    return rows.take()
