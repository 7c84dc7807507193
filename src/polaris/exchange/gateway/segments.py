"""The journal's files: which there are, in what order, and what lies in one.

`scribe` says how the bytes lie. Every segment names the one it continues, so the journal is a chain that is found from its end; what a
deposed leader wrote beside it is no part of it.
"""

import re
import zlib
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.identity import Identity
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
    segment_name,
)

_NAME: Final = re.compile(r"(\d{20})\.(\d{8})\.journal")
_ZEROS: Final = bytes(BATCH_BYTES)
Words = npt.NDArray[np.int64]  # [n, 8]: n commands or notes


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
        if before >= linked[-1]:
            raise BadLog(linked[-1].path(folder), f"offset 88: it says that it continues {before}, which came later")
        linked.append(before)
    return linked[::-1]


def read_header(folder: Path, segment: SegmentId) -> Header:
    """The header of a segment.

    raises  BadLog where it is damaged, or of another format or layout of rows
    """
    path = segment.path(folder)
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
    except FileNotFoundError as cause:
        raise BadLog(path, "expected a segment, found it gone") from cause
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
    return Header(Identity(layout, *(name.rstrip(b"\0").decode(errors="replace") for name in (kernel, rules))), SegmentId(*continues))


class Batches(NamedTuple):
    """Good batches that lie side by side, and why there are no more."""

    firsts: npt.NDArray[np.int64]  # the first seq of each
    counts: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]  # of 64 bytes, where the commands of each begin
    written: int  # when the last was written, ns UTC
    flaw: str  # "" at zeros, or where the rows end
    cut_short: bool  # more rows might show one more


def batches_in(words: Words, seed: int) -> Batches:
    """The good batches from the first row on: the checksum of each is seen to."""
    data, total = bytes_of(words), len(words)
    found: list[tuple[int, int, int]] = []
    unpack, crc32, at_magic = BATCH.unpack_from, zlib.crc32, BATCH_MAGIC
    row = written = 0
    flaw, cut_short = "", True
    while row < total:
        crc, magic, first, count, _, when = unpack(data, row * ROW_BYTES)
        end = row + 1 + 2 * count
        if magic != at_magic or not 0 <= count <= GROUP:
            cut_short = False
            if data[row * ROW_BYTES : (row + 1) * ROW_BYTES] != _ZEROS:
                flaw = f"expected a batch, found {magic!r} of {count}"
            break
        if end > total:
            flaw = f"{(total - row) * ROW_BYTES} of {(1 + 2 * count) * ROW_BYTES} bytes of a batch, and then the end"
            break
        if crc32(data[row * ROW_BYTES + 4 : end * ROW_BYTES], seed) != crc:
            flaw, cut_short = f"a batch whose checksum is not {crc:08x}, as it says", False
            break
        found.append((first, count, row + 1))
        row, written = end, when
    firsts, counts, rows = np.array(found, np.int64).reshape(-1, 3).T
    return Batches(firsts, counts, rows, written, flaw, cut_short)


def bytes_of(words: Words) -> memoryview:
    """The same memory as bytes."""
    return words.reshape(-1).view(np.uint8).data


def _blank(path: Path) -> bool:
    """Whether nothing was ever written here: a leader ended between making the file and its header."""
    with path.open("rb") as file:
        return not any(file.read(HEADER_BYTES + BATCH_BYTES))
