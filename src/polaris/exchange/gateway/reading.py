"""The journal read: every byte checked, the seqs counted, the epochs in their order.

    for commands, notes in read(folder): ...                       # all of it, in portions
    reader = Reader(folder, follows=True); reader.portions()       # what is there by now; called again, what came since

A walk along the chain of segments comes to one of three ends:

- zeros, or the mark of a journal that was closed: the exact end;
- a batch that is not whole, and nothing good behind it: a torn tail, never acknowledged; `flaw` says what, `cut` takes it away;
- a flaw with good batches behind it, or a seq that is missing: BadLog, because something that was promised is gone.

Who follows a leader that lives hands on a batch only where the leader's epoch had not passed when it was read: its successor will
find it too.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.fence import read_epoch
from polaris.exchange.gateway.identity import LAYOUT, Identity
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.gateway.scribe import BATCH_BYTES, BATCH_MAGIC, GROUP, HEADER_BYTES, ROW_BYTES, seed_of
from polaris.exchange.gateway.segments import Batches, SegmentId, Words, batches_in, bytes_of, chain, read_header
from polaris.exchange.words import COMMAND, Commands

WINDOW: Final = 1 << 20  # bytes read at once: what is checked is still in the processor's cache when it is run
LIVE_WINDOW: Final = 1 << 16  # who follows looks often and finds little
LARGEST: Final = BATCH_BYTES + 2 * ROW_BYTES * GROUP  # bytes of a batch
LARGE: Final = 1 << 10  # commands of batches that are handed out where they lie; smaller ones are put together
NO_END: Final = 1 << 62
_MAGIC: Final = int.from_bytes(BATCH_MAGIC, "little")


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
        self._buffer: Words = np.empty((0, 8), np.int64)
        self._changed = 0  # the folder's clock at the last look, ns

    def portions(self, upto: int | None = None) -> Iterator[tuple[Commands, Notes]]:
        """(commands, notes) of what is there and was not handed out, in arrays that hold it until the next ones are asked for.

        upto  the last seq to hand out, after which the reader has done its work; None goes to the end, and on from there the next time
        """
        while self._file >= 0 or self._begin():
            for first, commands, notes in self._rest_of_segment(NO_END if upto is None else upto + 1):
                known, stop = max(0, self.seq + 1 - first), len(commands) if upto is None else min(len(commands), upto + 1 - first)
                if known < stop:
                    if self.own is not None:
                        self._identity.expect(self.own, self._path)
                    self.seq = first + stop - 1
                    yield _rows(commands[known:stop], COMMAND), _rows(notes[known:stop], NOTE)
            if (upto is not None and self.seq >= upto) or not self._go_on():
                return

    @property
    def reached(self) -> int:
        """The last seq that was found in the journal, handed out or not."""
        return self._next - 1 if self.segment is not None else 0

    def cut(self) -> str:
        """Put zeros in the place of a torn tail and have all on the disk; returns what was done, "" where nothing was torn.

        Only who leads may: for nobody else is it the end.
        """
        if self.segment is None:
            return ""
        with self._path.open("r+b") as file:
            file.seek(self.end)
            file.write(bytes(self.torn))
            file.flush()
            os.fsync(file.fileno())
        if not self.torn:
            return ""
        return f"{self._path}: cut {self.torn} bytes at offset {self.end}, behind seq {self._next - 1}: {self.flaw or 'zeros before them'}; they were never acknowledged"

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def _here(self) -> SegmentId:
        assert self.segment is not None
        return self.segment

    @property
    def _path(self) -> Path:
        return self._here.path(self.folder)

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
        here = self._here
        if here == self._segments[-1]:
            if (self.follows and self._seen_already()) or not self._look():
                return False
            if here not in self._segments:
                raise BadLog(self._path, "expected the segment that was being read, found it gone")
        place = self._segments.index(here) + 1
        if place == len(self._segments):
            if not self.follows:
                self._expect_nothing_after()
            return False
        if not self._limit:
            self._limit = self._segments[place].first
            return True
        if self._next != self._limit:
            raise BadLog(self._path, f"offset {self.end}: expected seqs {self._next} to {self._limit - 1}, found {self.flaw or 'none'}")
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
        self._limit = 0 if self.segment == self._segments[-1] else self._segments[place + 1].first
        self._identity = read_header(self.folder, self.segment).identity
        if self._identity.layout != LAYOUT:
            self._identity.expect(Identity(LAYOUT, *self._identity[1:]), self._path)
        self._file = os.open(self._path, os.O_RDONLY)
        self._seed, self._next = seed_of(self.segment.first, self.segment.epoch), self.segment.first
        self.end, self.flaw = HEADER_BYTES, ""

    def _rest_of_segment(self, bound: int) -> Iterator[tuple[int, Words, Words]]:
        """(first seq, commands, notes) of what lies from `end` on, up to a batch that begins with seq `bound` or that belongs to the next segment."""
        bound = min(bound, self._limit or NO_END)
        size = LIVE_WINDOW if self.follows else WINDOW
        while True:
            window, start = self._window(size, self.end), self.end
            if self.follows and not self._limit and read_epoch(self.folder)[0] != self._here.epoch:
                return
            batches = batches_in(window, self._seed)
            self.flaw = batches.flaw
            n = self._counted(batches, bound)
            if n:
                first, self._next = self._next, int(batches.firsts[n - 1] + batches.counts[n - 1])
                self.end, self.written = start + ROW_BYTES * int(batches.rows[n - 1] + 2 * batches.counts[n - 1]), batches.written
                yield from _pieces(window, first, batches.counts[:n], batches.rows[:n])
            if n < len(batches.firsts) or not batches.cut_short or len(window) * ROW_BYTES < size or (not n and size == LARGEST):
                return
            size = WINDOW if n else LARGEST

    def _counted(self, batches: Batches, bound: int) -> int:
        """How many of these begin below `bound`. Raise BadLog where one of them does not have the next seq."""
        ends = self._next + np.cumsum(batches.counts)
        expected = ends - batches.counts
        n = int(np.argmax(np.append(batches.firsts, NO_END) >= bound))
        wrong = np.flatnonzero(batches.firsts[:n] != expected[:n])
        if len(wrong):
            offset = self.end + ROW_BYTES * (int(batches.rows[wrong[0]]) - 1)
            raise BadLog(self._path, f"offset {offset}: expected seq {expected[wrong[0]]}, found {batches.firsts[wrong[0]]}")
        return n

    def _window(self, size: int, offset: int) -> Words:
        if len(self._buffer) * ROW_BYTES < size:
            self._buffer = np.empty((size // ROW_BYTES, 8), np.int64)
        got = os.preadv(self._file, [bytes_of(self._buffer)[:size]], offset)
        return self._buffer[: got // ROW_BYTES]

    def _expect_nothing_after(self) -> None:
        """Count the bytes behind the place where the walk ended. Raise BadLog where a good batch is among them."""
        offset, zeros = self.end, bytes(WINDOW)
        self.torn = 0
        while part := os.pread(self._file, WINDOW, offset):
            if part != zeros[: len(part)]:
                self.torn = offset - self.end + len(part.rstrip(b"\0"))
                words = np.frombuffer(part, np.uint32, len(part) // ROW_BYTES * (ROW_BYTES // 4)).reshape(-1, ROW_BYTES // 4)
                for row in np.flatnonzero(words[:, 1] == _MAGIC).tolist():
                    at = offset + ROW_BYTES * row
                    good = batches_in(self._window(LARGEST, at), self._seed).firsts
                    if len(good):
                        raise BadLog(self._path, f"offset {self.end}: {self.flaw or 'zeros'}; but a good batch with seq {good[0]} follows at offset {at}")
            offset += len(part)


def _pieces(window: Words, first: int, counts: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> Iterator[tuple[int, Words, Words]]:
    """(first seq, commands, notes) of batches of a window: large ones as they lie, small ones put together."""
    total = int(counts.sum())
    if total >= LARGE * len(counts):
        for count, row in zip(counts.tolist(), rows.tolist(), strict=True):
            yield first, window[row : row + count], window[row + count : row + 2 * count]
            first += count
    else:
        places = np.arange(total) + np.repeat(rows - np.cumsum(counts) + counts, counts)
        yield first, window[places], window[places + np.repeat(counts, counts)]


def _rows(words: Words, dtype: "np.dtype[np.void]") -> npt.NDArray[np.void]:
    return words.reshape(-1).view(dtype)


def written_end(folder: Path) -> tuple[SegmentId | None, int]:
    """The last segment, and the seq of the last batch that is whole there; somebody may be writing the next."""
    reader = Reader(folder)
    if not reader._look():
        return None, 0
    reader._open(-1)
    for _ in reader._rest_of_segment(NO_END):
        pass
    reader.close()
    return reader.segment, reader.reached
