"""Appending: one system call a block, nothing kept back in the process.

After an append returns, the operating system has the bytes: a `kill -9` at any later moment loses nothing. A power
loss may lose what was not synced; how much is the owner's choice (`Sync`). A sync at an interval runs beside the appends:
an order must not stand behind a disk. Where it fails, the writer ends. The writer's clock is the log's own, so it reads
none and the same appends give the same files, byte for byte.
"""

import fcntl
import os
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np

from polaris.domain.errors import BadConfig, BadLog, Unavailable
from polaris.domain.market import ROW, Rows
from polaris.domain.orders import RECORD, Records
from polaris.log.format import (
    BLOCK_BYTES,
    EVENT,
    HEADER_BYTES,
    RECORDS,
    ROWS,
    TAKES_SEQ,
    WHY,
    check_versions,
    pack_block,
    pack_header,
    seed_of,
)
from polaris.log.recovery import Recovery, recover
from polaris.log.segments import segment_path

_encoder = msgspec.msgpack.Encoder()


class Sync(StrEnum):
    """When the disk must have it: a power loss takes what came after."""

    NEVER = "never"  # when the operating system likes, or the owner calls `sync`
    INTERVAL = "interval"  # begun by the first append after `sync_interval_ns` of the log's clock, ended before the next begins
    ALWAYS = "always"  # before every append returns


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a log is kept on disk."""

    segment_bytes: int = 256 * 2**20  # a new segment begins before a row or event that would pass this
    sync: Sync = Sync.INTERVAL  # when the disk must have it
    sync_interval_ns: int = 1_000_000_000  # of the log's clock, for "interval"


class LogWriter:
    """The open end of a log. One lives a directory: a second is refused with Unavailable.

    recovery   what opening found and cut
    next_seq   the seq the next row or event takes
    ts         the log's clock: the highest ts_recv so far, ns UTC

    Opening raises BadLog where the last segment is damaged in its middle. A write that fails (a full disk) raises
    Unavailable and closes the writer: what it left half written is cut by the next opening.
    """

    def __init__(self, directory: Path | str, settings: LogSettings | None = None) -> None:
        self.directory = Path(directory)
        self.settings = settings or LogSettings()
        if not 4096 <= self.settings.segment_bytes <= 2**30:
            raise BadConfig(f"segment_bytes is {self.settings.segment_bytes}; expected 4096 to {2**30}")
        self._sync_ns = {Sync.NEVER: None, Sync.INTERVAL: self.settings.sync_interval_ns, Sync.ALWAYS: 0}[self.settings.sync]
        self._disk = ThreadPoolExecutor(1, "log-sync") if self._sync_ns else None
        self._syncing: Future[None] | None = None
        self._file = -1
        self._size = self._seed = 0
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.directory)
        try:
            self.recovery = recover(self.directory)
            if self.recovery.segment:
                self._reopen(self.recovery)
        except BaseException:
            self._release()
            raise
        self.next_seq = self.recovery.last_seq + 1
        self.ts = self._synced_ts = self.recovery.last_ts

    def append_rows(self, rows: Rows) -> None:
        """Append rows whose seqs are the next ones and whose ts_recv never falls."""
        n = len(rows)
        if not n:
            return
        if rows.dtype != ROW:
            raise TypeError(f"expected rows of domain.market.ROW, found {rows.dtype}")
        first = self.next_seq
        if (rows["seq"] != np.arange(first, first + n)).any():
            raise BadLog(self.directory, f"expected rows {first}..{first + n - 1}, found {rows['seq'].tolist()[:8]}")
        self.append_numbered(rows)

    def append_numbered(self, rows: Rows) -> None:
        """`append_rows` for the sequencer, which has just given the seqs: at least one row, and nothing is checked again."""
        most = (self.settings.segment_bytes - HEADER_BYTES - BLOCK_BYTES) // ROW.itemsize
        if len(rows) > most:
            for start in range(0, len(rows), most):
                self.append_numbered(rows[start : start + most])
        else:
            self._append(ROWS, len(rows), self.next_seq, max(self.ts, int(rows["ts_recv"][-1])), rows.tobytes())

    def rehearse(self) -> None:
        """Do what an append does, with no byte to write."""
        pack_block(ROWS, 0, 0, 0, bytes(ROW.itemsize), self._seed)
        if self._file >= 0:
            os.writev(self._file, (b"",))

    def append_event(self, seq: int, event: msgspec.Struct, ts: int | None = None) -> None:
        """Append a tagged struct that takes the next seq; ts on the log's clock, else the struct's own `ts`."""
        if seq != self.next_seq:
            raise BadLog(self.directory, f"expected event {self.next_seq}, found {seq}")
        if event.__struct_config__.tag is None:
            raise TypeError(f"{type(event).__name__} has no tag: nobody could tell it from other events")
        told = ts if ts is not None else getattr(event, "ts", self.ts)
        self._append(EVENT, 1, seq, max(self.ts, told), _encoder.encode(event))

    def append_records(self, records: Records) -> None:
        """Append what the core derived from rows that are here already."""
        if not len(records):
            return
        if records.dtype != RECORD:
            raise TypeError(f"expected records of domain.orders.RECORD, found {records.dtype}")
        seqs: list[int] = records["seq"].tolist()  # mostly one or two
        if seqs != sorted(seqs):
            raise BadLog(self.directory, f"expected records in order of seq, found {seqs[:8]}")
        self._expect_known(seqs[0])
        self._expect_known(seqs[-1])
        self._append(RECORDS, len(seqs), seqs[0], self.ts, records.tobytes())

    def append_context(self, seq: int, order: int, context: Any) -> None:
        """Append why an order was sent: a struct (or plain data), under the seq of the row that led to it."""
        self._expect_known(seq)
        self._append(WHY, 1, seq, self.ts, _encoder.encode((order, context)))

    def sync(self) -> None:
        """Return when the disk has everything appended so far."""
        self._end_sync()
        if self._file >= 0:
            try:
                os.fdatasync(self._file)
            except OSError as cause:
                self._fail(cause)
        self._synced_ts = self.ts

    def close(self) -> None:
        """Sync (unless the settings say never) and let others write. Closing twice is fine."""
        if self._lock < 0:
            return
        if self._sync_ns is not None:
            self.sync()
        self._release()

    def __enter__(self) -> "LogWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, kind: bytes, count: int, first: int, ts: int, payload: bytes) -> None:
        if self._lock < 0:
            raise Unavailable(f"{self.directory}: this log writer is closed")
        if self._syncing is not None and self._syncing.done():
            self._end_sync()
        takes_seq = kind in TAKES_SEQ
        parts: list[bytes] = []
        if takes_seq and (self._file < 0 or self._size + BLOCK_BYTES + len(payload) > self.settings.segment_bytes):
            self._begin_segment(first)
            parts.append(pack_header(first, ts))
        head, padding = pack_block(kind, count, first, ts, payload, self._seed)
        parts += (head, payload, padding)
        size = sum(map(len, parts))
        try:
            written = os.writev(self._file, parts)
        except OSError as cause:
            self._fail(cause)
        if written != size:
            self._fail(f"only {written} of {size} bytes were taken")
        self._size += size
        self.ts = ts
        if takes_seq:
            self.next_seq = first + count
        if self._sync_ns is not None and ts - self._synced_ts >= self._sync_ns:
            if self._disk is None:
                self.sync()
            else:
                self._begin_sync(self._disk)

    def _begin_sync(self, disk: ThreadPoolExecutor) -> None:
        """Let the disk have what is appended while we go on; a disk too slow for the interval is waited for here."""
        self._end_sync()
        self._syncing = disk.submit(os.fdatasync, self._file)
        self._synced_ts = self.ts

    def _end_sync(self) -> None:
        """Wait for the sync under way, if there is one. Raises Unavailable where it failed: the writer is closed."""
        syncing, self._syncing = self._syncing, None
        if syncing is not None:
            try:
                syncing.result()
            except OSError as cause:
                self._fail(cause)

    def _begin_segment(self, first: int) -> None:
        if self._file >= 0:
            if self._sync_ns is not None:
                self.sync()
            os.close(self._file)
            self._file = -1
        try:
            self._file = os.open(segment_path(self.directory, first), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
            if self._sync_ns is not None:
                os.fsync(self._lock)  # the lock is the directory itself: now its entry for the new file is on disk too
        except OSError as cause:
            self._fail(cause)
        self._size, self._seed = 0, seed_of(first)

    def _reopen(self, found: Recovery) -> None:
        path = segment_path(self.directory, found.segment)
        with path.open("rb") as file:
            if not check_versions(memoryview(file.read(HEADER_BYTES)), path):
                raise BadLog(path, "its records have another layout than this version writes; begin a new log directory")
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        self._size, self._seed = found.size, seed_of(found.segment)

    def _expect_known(self, seq: int) -> None:
        if not 0 < seq < self.next_seq:
            raise BadLog(self.directory, f"expected what follows a row up to {self.next_seq - 1}, found seq {seq}: rows are written before they are acted on")

    def _fail(self, cause: OSError | str) -> NoReturn:
        self._release()
        raise Unavailable(f"{self.directory}: the log can't be written: {cause}") from (cause if isinstance(cause, OSError) else None)

    def _release(self) -> None:
        if self._disk is not None:
            self._disk.shutdown()  # a sync under way still needs the file
        for handle in (self._file, self._lock):
            if handle >= 0:
                os.close(handle)
        self._file = self._lock = -1


def _lock(directory: Path) -> int:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as cause:
        os.close(handle)
        raise Unavailable(f"{directory}: another process writes this log; only one may") from cause
    return handle

