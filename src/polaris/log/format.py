"""The bytes of the log: segment files of checked blocks.

A log is a directory of segments named `<first seq, 20 digits>.plog`, the first of a log beginning at seq 1. A segment
is a header and then blocks without gaps; every field is little endian and everything begins at a multiple of 8, so a
mapped file serves its rows as arrays without a copy.

    segment header, 64 bytes                        block, 32 bytes and its payload
    at  bytes                                       at  bytes
     0   8  "polarlog"                               0   4  crc32 of all that follows, padding included
     8   4  crc32 of bytes 12..63                    4   4  kind: "ROWS" "EVNT" "RECS" "WHY "
    12   4  format version                           8   4  payload bytes, padding not counted
    16   4  schema version of ROW                   12   4  count
    20   4  fingerprint of RECORD: crc32 of its     16   8  first seq
            fields' names and types                 24   8  the log's clock: highest ts_recv so far, ns UTC
    24   8  first seq, as in the name               32      payload, zeros up to a multiple of 8
    32   8  the log's clock at the first block
    40  24  zeros

| kind | payload                                       | count   | first seq                       |
|------|-----------------------------------------------|---------|---------------------------------|
| ROWS | rows of domain.market.ROW                     | rows    | of the first; the rest count up |
| EVNT | one tagged msgspec struct, msgpack            | 1       | its own                         |
| RECS | records of domain.orders.RECORD               | records | the row that led to the first   |
| WHY  | msgpack [order id, struct]: why an order was  | 1       | the row that led to it          |

Only ROWS and EVNT take seqs; within a log these count up by one without a hole. What the core derived (RECS, WHY)
follows the row that led to it, in order of seq: replay derives it again and compares.

The checksum of a block begins from the first seq of its segment, so that a block which strayed in from another file
is not believed. CRC-32 finds every burst of up to 32 bits; anything longer passes once in 2**32.
"""

import struct
import zlib
from typing import Final, NamedTuple

import numpy as np

from polaris.domain.errors import BadLog
from polaris.domain.market import ROW, SCHEMA_VERSION
from polaris.domain.orders import RECORD

FORMAT_VERSION: Final = 1
MAGIC: Final = b"polarlog"
RECORD_FINGERPRINT: Final = zlib.crc32(repr(RECORD.descr).encode())

ROWS: Final = b"ROWS"
EVENT: Final = b"EVNT"
RECORDS: Final = b"RECS"
WHY: Final = b"WHY "
KINDS: Final = (ROWS, EVENT, RECORDS, WHY)
TAKES_SEQ: Final = (ROWS, EVENT)

_HEADER: Final = struct.Struct("<8sIIIIqq24x")
_BLOCK: Final = struct.Struct("<I4sIIqq")
_SEED: Final = struct.Struct("<q")
HEADER_BYTES: Final = _HEADER.size
BLOCK_BYTES: Final = _BLOCK.size
assert HEADER_BYTES == 64 and BLOCK_BYTES == 32 and np.little_endian


class Block(NamedTuple):
    """Where a good block lies in its buffer."""

    kind: bytes
    items: int
    first: int
    ts: int
    payload: int  # offset of its first byte
    size: int  # payload bytes without padding
    end: int  # offset of the next block


def seed_of(first: int) -> int:
    """What the checksums of a segment's blocks begin from."""
    return zlib.crc32(_SEED.pack(first))


def pack_header(first: int, ts: int) -> bytes:
    """The header of a segment that begins with seq `first`, ts on the log's clock."""
    header = bytearray(_HEADER.pack(MAGIC, 0, FORMAT_VERSION, SCHEMA_VERSION, RECORD_FINGERPRINT, first, ts))
    header[8:12] = zlib.crc32(memoryview(header)[12:]).to_bytes(4, "little")
    return bytes(header)


def pack_block(kind: bytes, count: int, first: int, ts: int, payload: bytes, seed: int) -> tuple[bytes, bytes]:
    """The header and the padding of a block around `payload`."""
    size = len(payload)
    padding = bytes(-size % 8)
    head = _BLOCK.pack(0, kind, size, count, first, ts)
    crc = zlib.crc32(payload, zlib.crc32(head[4:], seed))
    if padding:
        crc = zlib.crc32(padding, crc)
    return crc.to_bytes(4, "little") + head[4:], padding


def header_flaw(buffer: memoryview, first: int) -> str:
    """What is wrong with the header of the segment named `first`; "" where nothing is."""
    if len(buffer) < HEADER_BYTES:
        return f"offset 0: {len(buffer)} bytes where a segment header needs {HEADER_BYTES}"
    magic, crc, _, _, _, named, _ = _HEADER.unpack_from(buffer)
    if magic != MAGIC:
        return f"offset 0: expected {MAGIC!r}, found {magic!r}"
    found = zlib.crc32(buffer[12:HEADER_BYTES])
    if found != crc:
        return f"offset 8: the header's checksum is {crc:08x}, its bytes give {found:08x}"
    if named != first:
        return f"offset 24: the header says first seq {named}, the name says {first}"
    return ""


def check_versions(buffer: memoryview, path: object) -> bool:
    """Whether the RECORD layout of this segment is ours (its rows are; else BadLog)."""
    _, _, version, schema, fingerprint, _, _ = _HEADER.unpack_from(buffer)
    if version != FORMAT_VERSION:
        raise BadLog(path, f"offset 12: expected log format {FORMAT_VERSION}, found {version}")
    if schema != SCHEMA_VERSION:
        raise BadLog(path, f"offset 16: expected row schema {SCHEMA_VERSION}, found {schema}")
    return bool(fingerprint == RECORD_FINGERPRINT)


def block_at(buffer: memoryview, offset: int, seed: int) -> Block | str:
    """The block that begins at `offset`, or what is wrong with it; "" at the very end."""
    left = len(buffer) - offset
    if left < BLOCK_BYTES:
        return f"{left} bytes where a block header needs {BLOCK_BYTES}" if left else ""
    crc, kind, size, count, first, ts = _BLOCK.unpack_from(buffer, offset)
    if kind not in KINDS:
        return f"expected a block kind, found {kind!r}"
    payload = offset + BLOCK_BYTES
    end = payload + size + (-size % 8)
    if end > len(buffer):
        return f"a block of {size} payload bytes is cut short by {end - len(buffer)}"
    found = zlib.crc32(buffer[offset + 4 : end], seed)
    if found != crc:
        return f"the block's checksum is {crc:08x}, its bytes give {found:08x}"
    if (kind == ROWS and size != count * ROW.itemsize) or (kind == RECORDS and count and size % count) or (kind in TAKES_SEQ and count < 1):
        return f"a {kind.decode()} block of {count} can't have {size} payload bytes"
    return Block(kind, count, first, ts, payload, size, end)
