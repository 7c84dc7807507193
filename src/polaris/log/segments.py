"""One segment: a file walked block by block, every byte checked, the seqs counted.

A walk ends in one of three ways: at the exact end of the file; at a flaw after which nothing good follows, which is
a torn tail (a write that was cut short) and no error; or in BadLog, where good blocks follow the flaw or a seq is not
the next one, because then something that was promised is missing.
"""

import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from polaris.domain.errors import BadLog
from polaris.log.format import HEADER_BYTES, TAKES_SEQ, Block, block_at, check_versions, header_flaw, seed_of

SUFFIX: Final = ".plog"
_NAME: Final = re.compile(r"\d{20}\.plog")
_KIND: Final = re.compile(rb"ROWS|EVNT|RECS|WHY ")


def segment_path(directory: Path, first: int) -> Path:
    """The file of the segment that begins with seq `first`."""
    return directory / f"{first:020d}{SUFFIX}"


def list_segments(directory: Path) -> list[int]:
    """The first seqs of the segments of a log, rising. Raises BadLog for a name that can't be one."""
    names = [path.name for path in directory.glob(f"*{SUFFIX}")]
    for name in names:
        if not _NAME.fullmatch(name):
            raise BadLog(directory / name, f"expected a name of 20 digits and {SUFFIX}")
    return sorted(int(name.removesuffix(SUFFIX)) for name in names)


def standing_segments(directory: Path) -> tuple[list[int], list[int]]:
    """The segments that hold something, and those at the end that hold nothing yet: a crash between making the file and its first block."""
    standing = list_segments(directory)
    blank: list[int] = []
    while standing and Segment(directory, standing[-1]).blank():
        blank.insert(0, standing.pop())
    return standing, blank


def map_file(path: Path) -> memoryview:
    """The file as it is now, read only, without a copy."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b"")


class Segment:
    """One segment file and how far it was walked.

    buffer       the bytes from file offset `base` on
    end          file offset after the last good block walked; 0 before the header was seen
    next_seq     the seq the next row or event must have
    ts           the log's clock after that block
    flaw         why the walk ended; "" at the exact end of the file
    own_records  whether RECORD had this layout when the segment was written
    """

    def __init__(self, directory: Path, first: int, *, mapped: bool = True) -> None:
        self.path = segment_path(directory, first)
        self.first = first
        self.seed = seed_of(first)
        self.buffer = map_file(self.path) if mapped else memoryview(b"")
        self.base = 0
        self.end = 0
        self.next_seq = first
        self.ts = 0
        self.flaw = ""
        self.own_records = True

    def refresh(self) -> None:
        """Read what was appended since the last walk: by copy, as a mapping of a file that is cut would kill its reader."""
        with self.path.open("rb") as file:
            self.buffer = memoryview(os.pread(file.fileno(), max(0, os.fstat(file.fileno()).st_size - self.end), self.end))
        self.base = self.end

    def walk(self) -> Iterator[Block]:
        """The good blocks from `end` on, offsets counted in `buffer`. Raises BadLog (see the module)."""
        if not self.end and not self._open():
            return
        while isinstance(found := block_at(self.buffer, self.end - self.base, self.seed), Block):
            if found.kind in TAKES_SEQ:
                if found.first != self.next_seq:
                    raise BadLog(self.path, f"offset {self.end}: expected seq {self.next_seq}, found {found.first}")
                self.next_seq += found.items
            self.ts = found.ts
            self.end = self.base + found.end
            yield found
        self.flaw = found and f"offset {self.end}: {found}"
        if self.flaw:
            self._expect_nothing_after(self.end - self.base)

    def blank(self) -> bool:
        """Whether there is no block to be walked. Raises BadLog where the header is damaged but blocks are there."""
        return next(self.walk(), None) is None

    def _open(self) -> bool:
        self.flaw = header_flaw(self.buffer, self.first)
        if self.flaw:
            self._expect_nothing_after(0)
            return False
        self.own_records = check_versions(self.buffer, self.path)
        self.end = HEADER_BYTES
        return True

    def _expect_nothing_after(self, flawed: int) -> None:
        for match in _KIND.finditer(self.buffer, flawed + 8):
            offset = match.start() - 4
            if offset % 8 == 0 and isinstance(found := block_at(self.buffer, offset, self.seed), Block):
                raise BadLog(self.path, f"{self.flaw}; but a good {found.kind.decode().strip()} block with seq {found.first} follows at offset {self.base + offset}")
