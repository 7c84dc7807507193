"""Reading: a log as objects in order of seq, every byte checked on the way, no file ever changed.

Arrays are views of the mapped file: read only, nothing is copied. A torn tail ends the reading in silence
(`recovery.inspect` tells of it); damage before the end, a missing segment or a seq that is not the next one is BadLog.
"""

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

import msgspec
import numpy as np

from polaris.domain.control import Control, Started
from polaris.domain.errors import BadLog
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import ROW, Rows
from polaris.domain.numbers import MAX_INT
from polaris.domain.orders import RECORD, Records
from polaris.log.format import EVENT, RECORDS, ROWS, Block
from polaris.log.segments import Segment, list_segments, standing_segments
from polaris.log.sequencer import control_rows

Struct = TypeVar("Struct")
_why = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])


class RowsBlock(NamedTuple):
    """Rows as they were stamped."""

    first: int
    rows: Rows


class EventBlock(NamedTuple):
    """One event; ts is the log's clock then. A tag the reader did not name comes as a plain dict with its "type"."""

    seq: int
    event: Any
    ts: int


class RecordsBlock(NamedTuple):
    """What the core derived from rows before it."""

    records: Records


class ContextBlock(NamedTuple):
    """Why an order was sent: `seq` is the row that led to it."""

    seq: int
    order: int
    raw: bytes

    def read(self, kind: type[Struct]) -> Struct:
        """The context as the struct it was written from (or `dict`, for any)."""
        return msgspec.msgpack.decode(self.raw, type=kind)


LogBlock = RowsBlock | EventBlock | RecordsBlock | ContextBlock


def blocks(directory: Path | str, from_seq: int = 1, to_seq: int | None = None, *, events: Any = Control) -> Iterator[LogBlock]:
    """What the log holds of the seqs from_seq..to_seq, both included, in order; rows and records outside are trimmed off.

    events   the union of structs that EVENT blocks may hold
    raises   BadLog for damage, and where the log begins after from_seq
    """
    reading = _Reader(from_seq, to_seq, events)
    directory = Path(directory)
    firsts, _ = standing_segments(directory)
    if firsts and from_seq < firsts[0]:
        raise BadLog(directory, f"expected a segment with seq {from_seq}, the first one begins with {firsts[0]}")
    for i in range(max(0, bisect_right(firsts, from_seq) - 1), len(firsts)):
        segment = Segment(directory, firsts[i])
        for block in segment.walk():
            if reading.done(block):
                return
            if (seen := reading.read(segment, block)) is not None:
                yield seen
        if i + 1 < len(firsts):
            _expect_next(segment, firsts[i + 1])


def tail(directory: Path | str, from_seq: int = 1, *, events: Any = Control) -> Iterator[LogBlock | None]:
    """Follow a log that is being written: its blocks as they come, None whenever there is nothing new yet.

    It never sleeps and never ends: wait as you like after a None, then ask again.
    """
    reading = _Reader(from_seq, None, events)
    directory = Path(directory)
    while not (firsts := standing_segments(directory)[0]):
        yield None
    if from_seq < firsts[0]:
        raise BadLog(directory, f"expected a segment with seq {from_seq}, the first one begins with {firsts[0]}")
    segment = Segment(directory, firsts[max(0, bisect_right(firsts, from_seq) - 1)], mapped=False)
    while True:
        later = [first for first in list_segments(directory) if first > segment.first]  # listed first: then this one is final
        segment.refresh()
        for block in segment.walk():
            if (seen := reading.read(segment, block)) is not None:
                yield seen
        if later and not Segment(directory, later[0]).blank():
            _expect_next(segment, later[0])
            segment = Segment(directory, later[0], mapped=False)
        else:
            yield None


def rows_of(directory: Path | str, from_seq: int = 1, to_seq: int | None = None) -> Rows:
    """Every row the core saw, in order: rows as stamped, control events as the CONTROL rows they became. A fresh array."""
    packed = bytearray()
    for block in blocks(directory, from_seq, to_seq):
        match block:
            case RowsBlock(rows=rows):
                packed += rows.tobytes()
            case EventBlock(seq=seq, event=event, ts=ts):
                packed += control_rows(seq, event, ts).tobytes()
    return np.frombuffer(packed, ROW)


def context_of(directory: Path | str, order: int, from_seq: int = 1) -> ContextBlock | None:
    """Why this order was sent; None where the log does not say."""
    for block in blocks(directory, from_seq):
        if isinstance(block, ContextBlock) and block.order == order:
            return block
    return None


def instruments_of(started: Started) -> Instruments:
    """The instruments a run began with, as `msgspec.to_builtins` of each wrote them into its Started event."""
    return Instruments([msgspec.convert(item, Instrument) for item in started.instruments])


class _Reader:
    """Blocks as objects, trimmed to the seqs that were asked for."""

    def __init__(self, from_seq: int, to_seq: int | None, events: Any) -> None:
        self.from_seq = from_seq
        self.to_seq = MAX_INT if to_seq is None else to_seq
        self.decode = msgspec.msgpack.Decoder(events).decode
        self.tags = {kind.__struct_config__.tag for kind in get_args(events) or (events,)}

    def done(self, block: Block) -> bool:
        """Whether nothing that was asked for can follow: the derived comes in order of seq, but behind its rows."""
        return block.first > self.to_seq and block.kind not in (ROWS, EVENT)

    def read(self, segment: Segment, block: Block) -> LogBlock | None:
        """The block as an object, None where nothing of it was asked for."""
        first, last = self.from_seq, self.to_seq
        payload = segment.buffer[block.payload : block.payload + block.size]
        if block.kind == ROWS:
            rows = np.frombuffer(payload, ROW)
            if block.first < first or block.first + block.items - 1 > last:
                rows = rows[max(0, first - block.first) : max(0, last + 1 - block.first)]
            return RowsBlock(max(first, block.first), rows) if len(rows) else None
        if block.kind == RECORDS:
            if not segment.own_records or block.size != block.items * RECORD.itemsize:
                raise BadLog(segment.path, "its records have another layout than this version reads; replay its rows instead")
            records = np.frombuffer(payload, RECORD)
            if first > 1 or last < MAX_INT:
                records = records[(records["seq"] >= first) & (records["seq"] <= last)]
            return RecordsBlock(records) if len(records) else None
        if not first <= block.first <= last:
            return None
        if block.kind == EVENT:
            return EventBlock(block.first, self._event(segment, block, payload), block.ts)
        order, raw = _why.decode(payload)
        return ContextBlock(block.first, order, bytes(raw))

    def _event(self, segment: Segment, block: Block, payload: memoryview) -> Any:
        try:
            return self.decode(payload)
        except msgspec.ValidationError as cause:
            plain = msgspec.msgpack.decode(payload)
            if isinstance(plain, dict) and plain.get("type") not in self.tags:
                return plain
            raise BadLog(segment.path, f"event {block.first} is not what its tag says: {cause}") from cause


def _expect_next(segment: Segment, first: int) -> None:
    if segment.flaw:
        raise BadLog(segment.path, f"{segment.flaw}; but the segment of seq {first} follows")
    if first != segment.next_seq:
        raise BadLog(segment.path, f"offset {segment.end}: expected the next segment to begin with seq {segment.next_seq}, found {first}")
