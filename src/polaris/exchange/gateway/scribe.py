"""The scribe: a process that writes the journal and does nothing else.

`journal` starts it as a program; it imports nothing of ours and is there within milliseconds. All that has come when the disk
is ready for more becomes one batch: one write, one fdatasync, then the report that its seqs are durable. So

- nothing is reported that is not on the disk;
- a batch is begun only when the one before it is durable: only the last can ever be torn;
- an epoch that has passed is refused before the write, and again before the report: who was deposed meanwhile acknowledges nothing.

A segment is a file `<first seq, 20 digits>.<epoch, 8 digits>.journal` of its full size from the start, zeros beyond the last batch: an
fdatasync then moves no metadata. Every leader begins one of his own; the next one lies ready as `spare`. All is little endian.

    segment header, 128 bytes                       batch, 64 bytes and its payload
    at  bytes                                       at  bytes
     0   8  "polarjnl"                               0   4  crc32 of all that follows, begun from the segment's seed
     8   4  crc32 of bytes 12..127                   4   4  "BTCH"
    12   4  format version                           8   8  first seq
    16   8  first seq                               16   8  count; 0: closed in good order, nothing follows
    24   8  epoch                                   24   8  epoch
    32   4  crc32 of the fields of COMMAND, NOTE    32   8  when it was written, ns UTC
    36   4  zeros                                   40  24  zeros
    40  16  kernel version                          64      count commands of 64 bytes, then their count notes of 64
    56  32  digest of the exchange's rules
    88   8  epoch of the segment that this one continues; 0: none
    96   8  first seq of that segment
   104  24  zeros
"""

import contextlib
import errno
import json
import mmap
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

FORMAT_VERSION: Final = 1
MAGIC: Final = b"polarjnl"
BATCH_MAGIC: Final = b"BTCH"
HEADER: Final = struct.Struct("<8sIIqqI4x16s32sqq24x")
BATCH: Final = struct.Struct("<I4sqqqq24x")
HEADER_BYTES: Final = HEADER.size
BATCH_BYTES: Final = BATCH.size
assert HEADER_BYTES == 128 and BATCH_BYTES == 64
ROW_BYTES: Final = 64  # a command, a note
GROUP: Final = 1 << 15  # commands a batch at most
FRAME: Final = struct.Struct("<qq")  # first seq, count; then the commands and the notes
REPORT: Final = struct.Struct("<qII")  # durable seq, state, errno
EPOCH: Final = struct.Struct("<qq")  # the epoch, 1 where nobody leads it yet
OPEN, FULL, FAILED, FENCED, CLOSED = range(5)
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RETRY_SECONDS: Final = 0.05
FILL: Final = 1 << 20
PAUSE_SECONDS: Final = 0.01  # between two FILLs of the spare


def segment_name(first: int, epoch: int) -> str:
    """The file of the segment that begins with seq `first`."""
    return f"{first:020d}.{epoch:08d}.journal"


def group_of(segment_bytes: int) -> int:
    """Commands a batch holds at most, in segments of this size."""
    return min(GROUP, (segment_bytes - HEADER_BYTES - 2 * BATCH_BYTES) // (2 * ROW_BYTES))


def seed_of(first: int, epoch: int) -> int:
    """What the checksums of a segment's batches begin from: a batch that strayed in from another file is not believed."""
    return zlib.crc32(EPOCH.pack(first, epoch))


def pack_header(first: int, epoch: int, identity: tuple[int, str, str], continues: tuple[int, int]) -> bytes:
    """The header of a segment by `identity` (layout, kernel, rules) that goes on where another (epoch, first seq) ends."""
    layout, kernel, rules = identity
    header = HEADER.pack(MAGIC, 0, FORMAT_VERSION, first, epoch, layout, kernel.encode(), rules.encode(), *continues)
    return header[:8] + zlib.crc32(header[12:]).to_bytes(4, "little") + header[12:]


def pack_batch(first: int, count: int, epoch: int, ts: int, payload: Sequence[bytes | memoryview], seed: int) -> bytes:
    """The header of a batch around `payload`."""
    head = BATCH.pack(0, BATCH_MAGIC, first, count, epoch, ts)
    crc = zlib.crc32(head[4:], seed)
    for part in payload:
        crc = zlib.crc32(part, crc)
    return crc.to_bytes(4, "little") + head[4:]


class Disk:
    """What the scribe asks of the operating system; a test puts a worse one in its place."""

    def open(self, path: str, flags: int) -> int:
        return os.open(path, flags, 0o644)

    def write(self, file: int, parts: Sequence[bytes | memoryview], offset: int) -> int:
        return os.pwritev(file, parts, offset)

    def sync(self, file: int) -> None:
        os.fdatasync(file)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)


class Fenced(Exception):
    """Another epoch has begun."""


class Scribe:
    """Writes what comes over `link` behind `next_seq - 1`, until its other end closes."""

    def __init__(self, link: socket.socket, disk: Disk, folder: str, epoch: int, next_seq: int, segment_bytes: int, **origin: Any) -> None:
        self.link, self.disk, self.folder, self.epoch, self.next_seq, self.segment_bytes = link, disk, folder, epoch, next_seq, segment_bytes
        self.identity: tuple[int, str, str] = tuple(origin["identity"])
        self.continues: tuple[int, int] = tuple(origin["continues"])
        self.group = group_of(segment_bytes)
        self.durable = next_seq - 1
        self.file = -1
        self.end = 0  # of the segment's last batch
        self.seed = 0
        self.directory = os.open(folder, os.O_RDONLY)
        with open(os.path.join(folder, "epoch"), "rb") as file:
            self.fence = mmap.mmap(file.fileno(), EPOCH.size, access=mmap.ACCESS_READ)
        self.spare = os.path.join(folder, "spare")
        self.hasty = False  # whether its segment was made in haste: a sync of such a one moves metadata too
        self.preparing = self._prepare()

    def run(self) -> int:
        """Write until the link is closed; returns the state it ended in."""
        state, number = CLOSED, 0
        try:
            self._insist(lambda: self._have_room(BATCH_BYTES))
            self._report(OPEN)
            for first, frames in self._gathered():
                self._commit(first, frames)
                self._report(OPEN)
            self._close()
        except Fenced:
            state = FENCED
        except BrokenPipeError:
            state = FAILED  # nobody listens any more
        except OSError as cause:
            state, number = FAILED, cause.errno or errno.EIO
        with contextlib.suppress(OSError):
            self._report(state, number)
        return state

    def _gathered(self) -> Iterator[tuple[int, list[tuple[memoryview, memoryview]]]]:
        """(first seq, frames) of all that has come, as often as something has: commands and notes of each frame."""
        buffer = memoryview(bytearray(2 * (FRAME.size + 2 * ROW_BYTES * self.group)))
        begin = end = 0
        while True:
            frames: list[tuple[memoryview, memoryview]] = []
            total, first = 0, 0
            while end - begin >= FRAME.size and len(frames) < 500:  # a write takes some 1,000 parts
                seq, count = FRAME.unpack_from(buffer, begin)
                size = ROW_BYTES * count
                if total + count > self.group or end - begin < FRAME.size + 2 * size:
                    break
                first = first or seq
                start = begin + FRAME.size
                frames.append((buffer[start : start + size], buffer[start + size : start + 2 * size]))
                total += count
                begin = start + 2 * size
            if frames:
                yield first, frames
                continue
            buffer[: end - begin] = buffer[begin:end]
            begin, end = 0, end - begin
            came = self.link.recv_into(buffer[end:])
            if not came:
                return
            end += came

    def _commit(self, first: int, frames: list[tuple[memoryview, memoryview]]) -> None:
        """Have one batch on the disk."""
        count = sum(len(commands) for commands, _ in frames) // ROW_BYTES
        if first != self.next_seq:
            raise OSError(errno.EPROTO, f"expected seq {self.next_seq}, found {first}")
        payload = [commands for commands, _ in frames] + [notes for _, notes in frames]
        size = BATCH_BYTES + 2 * ROW_BYTES * count

        def write() -> None:
            self._have_room(size)
            self._write(pack_batch(first, count, self.epoch, time.time_ns(), payload, self.seed), payload)

        self._insist(write)
        self.disk.sync(self.file)  # where it fails nothing is known of the pages any more: no second try
        self._expect_own_epoch()
        self.next_seq = first + count
        self.durable = self.next_seq - 1

    def _insist(self, deed: Callable[[], None]) -> None:
        """Do what takes room on the disk. One that has none is told, and asked again until it has."""
        told = False
        while True:
            self._expect_own_epoch()
            try:
                return deed()
            except OSError as cause:
                if cause.errno not in NO_ROOM:
                    raise
                if not told:
                    self._report(FULL, cause.errno)
                told = True
            self._expect_a_listener()
            time.sleep(RETRY_SECONDS)

    def _write(self, head: bytes, payload: list[memoryview]) -> None:
        size = len(head) + sum(map(len, payload))
        written = self.disk.write(self.file, [head, *payload], self.end)
        if written != size:
            raise OSError(errno.ENOSPC, f"{written} of {size} bytes were taken")
        self.end += size

    def _have_room(self, size: int) -> None:
        """Begin the next segment where this one can't take `size` bytes and the closing mark, or was made in haste and the spare is ready."""
        changes = self.hasty and self.end > HEADER_BYTES and self._is_spare()
        if self.file >= 0 and self.end + size + BATCH_BYTES <= self.segment_bytes and not changes:
            return
        name = os.path.join(self.folder, segment_name(self.next_seq, self.epoch))
        if not os.path.exists(name):
            self.hasty = not (self._is_spare() and self._take(name))
            if self.hasty:
                self._make(name, min(FILL, self.segment_bytes))
        file = self._headed(name)
        if self.file >= 0:
            os.close(self.file)
        self.file, self.end, self.seed = file, HEADER_BYTES, seed_of(self.next_seq, self.epoch)
        self.continues = (self.epoch, self.next_seq)
        if not self.preparing.is_alive():
            self.preparing = self._prepare()

    def _headed(self, name: str) -> int:
        """The file of this name, open, with its header on the disk."""
        header = pack_header(self.next_seq, self.epoch, self.identity, self.continues)
        file = self.disk.open(name, os.O_WRONLY)
        try:
            if self.disk.write(file, [header], 0) != len(header):
                raise OSError(errno.ENOSPC, "the header was not taken")
            self.disk.sync(file)
            os.fsync(self.directory)
        except OSError:
            os.close(file)
            raise
        return file

    def _prepare(self) -> threading.Thread:
        """Lay the next segment ready while this one is written."""

        def prepare() -> None:
            with contextlib.suppress(OSError):  # whoever needs it makes one in haste, and tells
                if not self._is_spare():
                    self._make(self.spare, self.segment_bytes)

        thread = threading.Thread(target=prepare, daemon=True)
        thread.start()
        return thread

    def _is_spare(self) -> bool:
        try:
            return os.stat(self.spare).st_size == self.segment_bytes
        except FileNotFoundError:
            return False

    def _take(self, name: str) -> bool:
        """Let the spare be the segment of this name, unless another epoch's scribe was quicker."""
        try:
            self.disk.rename(self.spare, name)
        except FileNotFoundError:
            return False
        return True

    def _make(self, path: str, filled: int) -> None:
        """A file of a segment's size that the disk has: `filled` bytes of zeros, written slowly, and room behind them."""
        fresh = f"{path}.{self.epoch}"
        file = self.disk.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            zeros, end = memoryview(bytes(FILL)), 0
            while end < filled:
                end += self.disk.write(file, [zeros[: filled - end]], end)
                if end < filled:
                    os.fdatasync(file)
                    time.sleep(PAUSE_SECONDS)  # the batches that are written meanwhile come first
            if filled < self.segment_bytes:
                os.posix_fallocate(file, filled, self.segment_bytes - filled)
            os.fsync(file)
        except OSError:
            os.unlink(fresh)
            raise
        finally:
            os.close(file)
        self.disk.rename(fresh, path)

    def _close(self) -> None:
        if self.file >= 0:
            self._expect_own_epoch()
            self._write(pack_batch(self.next_seq, 0, self.epoch, time.time_ns(), (), self.seed), [])
            self.disk.sync(self.file)

    def _expect_own_epoch(self) -> None:
        if EPOCH.unpack_from(self.fence)[0] != self.epoch:
            raise Fenced

    def _expect_a_listener(self) -> None:
        """Raise BrokenPipeError where the other end is gone: what it never heard of need not be kept."""
        ends = select.poll()
        ends.register(self.link, 0)
        if ends.poll(0):
            raise BrokenPipeError

    def _report(self, state: int, number: int = 0) -> None:
        self.link.sendall(REPORT.pack(self.durable, state, number))


def main(argument: str, disk: Disk) -> int:
    """Be the scribe that this JSON describes."""
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.SIG_IGN)  # it ends when its leader does, and what was sent is written first
    told = json.loads(argument)
    with socket.socket(fileno=told.pop("link")) as link:
        return 0 if Scribe(link, disk, **told).run() == CLOSED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Disk()))
