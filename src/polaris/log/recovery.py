"""What a crash left: the valid prefix is kept, a torn tail is cut with a message, damage in the middle is an error.

A process killed between two writes leaves nothing torn; killed within one, or by a power loss, it leaves a tail that
no checksum confirms. Nobody acted on those bytes with a promise behind it, so they go. Everything else that is wrong
(see `segments`) raises BadLog and changes nothing: there a person must look.
"""

import os
from pathlib import Path

import msgspec

from polaris.domain.errors import BadLog
from polaris.log.segments import Segment, segment_path, standing_segments


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """How a log ends.

    last_seq   the last seq it holds; 0 where it is new
    last_ts    its clock then, ns UTC
    segment    first seq of the segment that holds it; 0 where there is none
    size       bytes of that segment that are good
    cut_bytes  bytes after them, in that segment and in later ones that hold nothing
    message    for people; "" where nothing was torn
    """

    last_seq: int = 0
    last_ts: int = 0
    segment: int = 0
    size: int = 0
    cut_bytes: int = 0
    message: str = ""


def inspect(directory: Path) -> Recovery:
    """How the log in `directory` ends, changing nothing. Walks its last segment whole; raises BadLog for damage there."""
    standing, blank = standing_segments(directory)
    cut = sum(segment_path(directory, first).stat().st_size for first in blank)
    flaws = [f"{segment_path(directory, first).name}: no whole block" for first in blank]
    if not standing:
        if blank and blank[0] != 1:
            raise BadLog(segment_path(directory, blank[0]), "holds no whole block, and the segments before it are missing")
        return Recovery(cut_bytes=cut, message=_message(cut, 0, flaws))
    segment = Segment(directory, standing[-1])
    for _ in segment.walk():
        pass
    if blank and blank[0] > segment.next_seq:
        raise BadLog(segment.path, f"offset {segment.end}: ends with seq {segment.next_seq - 1}, but the next segment is named {blank[0]}")
    if segment.flaw:
        cut += len(segment.buffer) - segment.end
        flaws.insert(0, f"{segment.path.name}: {segment.flaw}")
    last = segment.next_seq - 1
    return Recovery(last_seq=last, last_ts=segment.ts, segment=segment.first, size=segment.end, cut_bytes=cut, message=_message(cut, last, flaws))


def recover(directory: Path) -> Recovery:
    """`inspect`, then cut what is torn. Only for who holds the directory's lock."""
    found = inspect(directory)
    for first in standing_segments(directory)[1]:
        segment_path(directory, first).unlink()
    if found.segment:
        path = segment_path(directory, found.segment)
        if path.stat().st_size > found.size:
            os.truncate(path, found.size)
    return found


def _message(cut: int, last: int, flaws: list[str]) -> str:
    if not flaws:
        return ""
    return f"cut {cut} bytes that were never wholly written after seq {last} ({'; '.join(flaws)})"
