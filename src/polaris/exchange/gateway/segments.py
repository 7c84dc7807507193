"""The journal on disk, read: every byte checked, the seqs counted, the epochs in their order.

    for commands, notes in read(folder): ...                       # all of it, in portions
    reader = Reader(folder, follows=True); reader.portions()       # what is there by now; called again, what came since

`scribe` says how the bytes lie. Every segment names the one it continues, so the journal is a chain that is found from its end;
what a deposed leader wrote beside it is no part of it. A walk along the chain comes to one of three ends:

- zeros, or the mark of a journal that was closed: the exact end;
- a batch that is not whole, and nothing good behind it: a torn tail, never acknowledged; `flaw` says what, `cut` takes it away;
- a flaw with good batches behind it, or a seq that is missing: BadLog, because something that was promised is gone.

Who follows a leader that lives hands on a batch only where the leader's epoch had not passed when it was read: its successor will
find it too.
"""

import os
import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.fence import read_epoch
from polaris.exchange.gateway.identity import LAYOUT, Identity
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.gateway.scribe import (
    BATCH,
    BATCH_BYTES,
    BATCH_MAGIC,
    FORMAT_VERSION,
    GROUP,
    HEADER,
    HEADER_BYTES,
    MAGIC,
    ROW_BYTES,
    seed_of,
    segment_name,
)
from polaris.exchange.words import COMMAND, Commands

PORTION: Final = 1 << 13  # commands put together
WINDOW: Final = 1 << 20  # bytes read at once: what is checked is still in the processor's cache when it is run
LARGEST: Final = BATCH_BYTES + 2 * ROW_BYTES * GROUP  # bytes of a batch
LARGE: Final = 1 << 10  # commands of a batch that is handed out where it lies; smaller ones are put together
_NAME: Final = re.compile(r"(\d{20})\.(\d{8})\.journal")
_ZEROS: Final = bytes(BATCH_BYTES)
_CUT: Final = ", and then the end"
_Words = npt.NDArray[np.int64]  # [n, 8]: n commands or notes


class SegmentId(NamedTuple):
    """Which segment."""

    epoch: int
    first: int  # seq

    def path(self, folder: Path) -> Path:
        return folder / segment_name(self.first, self.epoch)


class Header(NamedTuple):
    """What a segment says of itself."""

    identity: Identity
    continues: SegmentId


def chain(folder: Path) -> list[SegmentId]:
    """The segments of the journal, first to last.

    raises  BadLog for a name or a header that can't be one
    """
    found: list[SegmentId] = []
    for path in folder.glob("*.journal"):
        match = _NAME.fullmatch(path.name)
        if not match:
            raise BadLog(path, "expected a name of 20 digits, a dot, 8 digits and .journal")
        found.append(SegmentId(int(match[2]), int(match[1])))
    found.sort()
    while found and _blank(found[-1].path(folder)):
        found.pop()
    linked = found[-1:]
    while linked and (before := read_header(folder, linked[-1]).continues) in found:
        linked.append(before)
    return linked[::-1]


def read_header(folder: Path, segment: SegmentId) -> Header:
    """The header of a segment.

    raises  BadLog where it is damaged, or of another format or layout of rows
    """
    path = segment.path(folder)
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES:
        raise BadLog(path, f"offset 0: {len(head)} bytes where a segment header needs {HEADER_BYTES}")
    magic, crc, version, first, epoch, layout, kernel, rules, *continues = HEADER.unpack(head)
    if magic != MAGIC:
        raise BadLog(path, f"offset 0: expected {MAGIC!r}, found {magic!r}")
    if crc != (found := zlib.crc32(head[12:])):
        raise BadLog(path, f"offset 8: the header's checksum is {crc:08x}, its bytes give {found:08x}")
    if version != FORMAT_VERSION:
        raise BadLog(path, f"offset 12: expected journal format {FORMAT_VERSION}, found {version}")
    if (epoch, first) != segment:
        raise BadLog(path, f"offset 16: the header says seq {first} of epoch {epoch}, the name {segment.first} of {segment.epoch}")
    return Header(Identity(layout, kernel.rstrip(b"\0").decode(), rules.rstrip(b"\0").decode()), SegmentId(*continues))


def read(folder: Path | str, after_seq: int = 0) -> Iterator[tuple[Commands, Notes]]:
    """(commands, notes) of a journal from behind `after_seq` on, in portions that hold until the next; a torn tail ends it."""
    reader = Reader(folder, after_seq)
    try:
        yield from reader.portions()
    finally:
        reader.close()


class Reader:
    """A place in the journal, which moves on.

    seq      of the last command handed out
    written  when the last batch handed out was written, ns UTC
    flaw     why the walk stopped before the end of the segment's bytes; "" where it did not
    torn     bytes behind that place, zeros at the end not counted
    segment  where it is; None before the first
    end      file offset behind the last good batch there

    after_seq  what was applied already
    own        whose journal is expected; None takes any whose rows lie as ours do
    follows    whether somebody else may write on meanwhile
    raises     BadLog, from `portions` too, as the module says; OtherKernel where a command was written by another
    """

    def __init__(self, folder: Path | str, after_seq: int = 0, own: Identity | None = None, follows: bool = False) -> None:
        self.folder, self.seq, self.own, self.follows = Path(folder), after_seq, own, follows
        self.written = 0
        self.flaw = ""
        self.torn = 0
        self.segment: SegmentId | None = None
        self.end = 0
        self._segments: list[SegmentId] = []
        self._file = -1
        self._seed = 0
        self._next = 0  # the seq the next batch must have
        self._limit = 0  # seqs from here on belong to the next segment; 0: none is known
        self._identity = Identity(0, "", "")
        self._buffer: _Words = np.empty((0, 8), np.int64)
        self._gathered: tuple[_Words, _Words] = (np.empty((PORTION, 8), np.int64), np.empty((PORTION, 8), np.int64))
        self._changed = 0  # the folder's clock at the last look, ns

    def portions(self, upto: int | None = None) -> Iterator[tuple[Commands, Notes]]:
        """(commands, notes) of what is there and was not handed out, in arrays that hold it until the next ones are asked for.

        upto  the last seq to hand out, after which the reader has done its work; None goes to the end, and on from there the next time
        """
        commands, notes = self._gathered
        n = 0
        for batch_commands, batch_notes in self._batches(upto):
            count = len(batch_commands)
            if n and n + count > PORTION:
                yield _rows(commands[:n], COMMAND), _rows(notes[:n], NOTE)
                n = 0
            if count >= LARGE and not n:
                yield _rows(batch_commands, COMMAND), _rows(batch_notes, NOTE)
                continue
            commands[n : n + count], notes[n : n + count] = batch_commands, batch_notes
            n += count
        if n:
            yield _rows(commands[:n], COMMAND), _rows(notes[:n], NOTE)

    @property
    def reached(self) -> int:
        """The last seq that was found in the journal, handed out or not."""
        return self._next - 1 if self.segment is not None else 0

    def cut(self) -> str:
        """Take a torn tail off the last segment and have the rest on the disk; returns what was done, "" where nothing was torn.

        Only who leads may: for nobody else is it the end.
        """
        if self.segment is None:
            return ""
        path = self.segment.path(self.folder)
        with path.open("r+b") as file:
            file.truncate(self.end)
            os.fsync(file.fileno())
        if not self.torn:
            return ""
        return f"{path}: cut {self.torn} bytes at offset {self.end}, behind seq {self._next - 1}: {self.flaw or 'zeros before them'}; they were never acknowledged"

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _batches(self, upto: int | None) -> Iterator[tuple[_Words, _Words]]:
        while self._file >= 0 or self._begin():
            for first, commands, notes in self._rest_of_segment(upto):
                known, stop = max(0, self.seq + 1 - first), len(commands) if upto is None else min(len(commands), upto + 1 - first)
                if known < stop:
                    if self.own is not None:
                        assert self.segment is not None
                        self._identity.expect(self.own, self.segment.path(self.folder))
                    self.seq = first + stop - 1
                    yield commands[known:stop], notes[known:stop]
            if (upto is not None and self.seq >= upto) or not self._go_on():
                return

    def _begin(self) -> bool:
        """Open the segment of the next seq, if there is one."""
        if not self._look():
            return False
        behind = [place for place, segment in enumerate(self._segments) if segment.first <= self.seq + 1]
        if not behind:
            raise BadLog(self.folder, f"expected a segment with seq {self.seq + 1}, found none before seq {self._segments[0].first}")
        self._open(behind[-1])
        return True

    def _go_on(self) -> bool:
        """Whether there is more to read: the rest of this segment, now that its end is known, or the next one, opened."""
        assert self.segment is not None
        if self.segment == self._segments[-1]:
            if (self.follows and self._seen_already()) or not self._look():
                return False
            if self.segment not in self._segments:
                raise BadLog(self.segment.path(self.folder), "expected the segment that was being read, found it gone")
        place = self._segments.index(self.segment) + 1
        if place == len(self._segments):
            if not self.follows:
                self._expect_nothing_after()
            return False
        if not self._limit:
            self._limit = self._segments[place].first
            return True
        if self._next != self._limit:
            raise BadLog(self.segment.path(self.folder), f"offset {self.end}: expected seqs {self._next} to {self._limit - 1}, found {self.flaw or 'none'}")
        self._open(place)
        return True

    def _look(self) -> bool:
        """See which segments there are; False where there are none, or a later epoch may still pass over some of them."""
        segments = chain(self.folder)
        if not segments or (self.follows and segments[-1].epoch != read_epoch(self.folder)[0]):
            return False
        self._segments = segments
        return True

    def _seen_already(self) -> bool:
        """Whether no file came or went since the last look. A folder's clock is coarse: of a young change none says so."""
        changed = self.folder.stat().st_mtime_ns
        seen, self._changed = self._changed, changed
        return changed == seen and time.time_ns() - changed > 1_000_000_000

    def _open(self, place: int) -> None:
        self.close()
        self.segment = self._segments[place]
        self._limit = self._segments[place + 1].first if place + 1 < len(self._segments) else 0
        self._identity = read_header(self.folder, self.segment).identity
        if self._identity.layout != LAYOUT:
            self._identity.expect(Identity(LAYOUT, *self._identity[1:]), self.segment.path(self.folder))
        self._file = os.open(self.segment.path(self.folder), os.O_RDONLY)
        self._seed, self._next = seed_of(self.segment.first, self.segment.epoch), self.segment.first
        self.end, self.flaw = HEADER_BYTES, ""

    def _rest_of_segment(self, upto: int | None) -> Iterator[tuple[int, _Words, _Words]]:
        """(first seq, commands, notes) of every good batch from `end` on."""
        assert self.segment is not None
        size = WINDOW >> 4 if self.follows else WINDOW
        while True:
            window, start = self._window(size), self.end
            if self.follows and not self._limit and read_epoch(self.folder)[0] != self.segment.epoch:
                return
            for batch in _good(window, self._seed):
                if isinstance(batch, str):
                    self.flaw = batch
                    break
                first, count, row, written = batch
                if (upto is not None and first > upto) or (self._limit and first >= self._limit):
                    return
                if first != self._next:
                    raise BadLog(self.segment.path(self.folder), f"offset {self.end}: expected seq {self._next}, found {first}")
                self._next, self.end, self.written = first + count, start + ROW_BYTES * (row + 2 * count), written
                yield first, window[row : row + count], window[row + count : row + 2 * count]
            wanting = self.flaw.endswith(_CUT) or self.end - start == len(window) * ROW_BYTES
            if not wanting or len(window) * ROW_BYTES < size or (self.end == start and size == LARGEST):
                return
            size = WINDOW if self.end > start else LARGEST

    def _window(self, size: int) -> _Words:
        if len(self._buffer) * ROW_BYTES < size:
            self._buffer = np.empty((size // ROW_BYTES, 8), np.int64)
        got = os.preadv(self._file, [_bytes(self._buffer)[:size]], self.end)
        return self._buffer[: got // ROW_BYTES]

    def _expect_nothing_after(self) -> None:
        """Count the bytes behind the place where the walk ended. Raise BadLog where a good batch is among them."""
        assert self.segment is not None
        path = self.segment.path(self.folder)
        with path.open("rb") as file:
            file.seek(self.end)
            rest = file.read()
        self.torn = len(rest.rstrip(b"\0"))
        place = rest.find(BATCH_MAGIC)
        while place >= 0:
            start = place - 4
            rows = np.frombuffer(rest, np.int64, (len(rest) - start) // ROW_BYTES * 8, start).reshape(-1, 8) if start >= 0 else None
            if rows is not None and not isinstance(found := next(_good(rows, self._seed)), str):
                raise BadLog(path, f"offset {self.end}: {self.flaw or 'zeros'}; but a good batch with seq {found[0]} follows at offset {self.end + start}")
            place = rest.find(BATCH_MAGIC, place + 1)


def _good(rows: _Words, seed: int) -> Iterator[tuple[int, int, int, int] | str]:
    """(first seq, count, row of the first command, when it was written) of good batches side by side; then why there are no more, "" at zeros or the end."""
    data = _bytes(rows)
    row = 0
    while True:
        left = len(rows) - row
        if left < 1:
            yield ""
            return
        at = row * ROW_BYTES
        crc, magic, first, count, _, written = BATCH.unpack_from(data, at)
        if magic != BATCH_MAGIC or not 0 <= count <= GROUP:
            yield "" if data[at : at + BATCH_BYTES] == _ZEROS else f"expected a batch, found {magic!r} of {count}"
            return
        if left <= 2 * count:
            yield f"{left * ROW_BYTES} of {(1 + 2 * count) * ROW_BYTES} bytes of a batch{_CUT}"
            return
        stop = at + ROW_BYTES * (1 + 2 * count)
        if crc != (found := zlib.crc32(data[at + 4 : stop], seed)):
            yield f"the batch's checksum is {crc:08x}, its bytes give {found:08x}"
            return
        yield first, count, row + 1, written
        row += 1 + 2 * count


def _bytes(rows: _Words) -> memoryview:
    return rows.reshape(-1).view(np.uint8).data


def _rows(words: _Words, dtype: "np.dtype[np.void]") -> npt.NDArray[np.void]:
    return words.reshape(-1).view(dtype)


def _blank(path: Path) -> bool:
    """Whether nothing was ever written here: a leader ended between making the file and its header."""
    with path.open("rb") as file:
        return not any(file.read(HEADER_BYTES + BATCH_BYTES))
