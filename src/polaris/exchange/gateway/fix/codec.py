"""FIX between bytes and messages: tag=value, strict where the standard is.

What is framed wrongly (BodyLength, CheckSum, the first three fields) is garbled: the standard says to skip it as if it had never
come, and the next number shows the gap. What is framed rightly but says something wrong inside is a message with a `fault`, so
that it can be answered under its number. Text is latin-1 both ways: every byte has a place, none is lost.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zlib import adler32

from polaris.exchange.gateway.fix.words import (
    BAD_FORMAT,
    BAD_ORDER_OF_TAGS,
    BEGIN_STRING,
    INVALID_TAG,
    RAW_DATA,
    RAW_DATA_LENGTH,
    SOH,
    TAG_WITHOUT_VALUE,
)

MAX_MESSAGE: Final = 16_384  # bytes; what we are sent is small
START: Final = b"8=FIX"
HEADER: Final = re.compile(rb"8=(FIX[^\x01=]{0,8})\x019=([0-9]{1,9})\x01")
HEADER_ROOM: Final = 2 + 11 + 1 + 2 + 9 + 1  # bytes within which a header must be whole
TRAILER: Final = re.compile(rb"10=([0-9]{3})\x01")
TRAILER_SIZE: Final = 7
TAG: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
TIMESTAMP: Final = re.compile(r"(\d{4})(\d\d)(\d\d)-(\d\d):(\d\d):(\d\d)", re.ASCII)
FRACTION: Final = re.compile(r"\.(?:\d{3}|\d{6}|\d{9})", re.ASCII)
SECOND: Final = 1_000_000_000

Field = tuple[int, str]


class Fault(NamedTuple):
    """Why a message is refused by the session: SessionRejectReason, the tag it is about (0 = none), what was found."""

    reason: int
    tag: int
    text: str = ""


class Message:
    """One message as it came: its fields in their order, without BeginString, BodyLength and CheckSum."""

    __slots__ = ("begin", "fault", "fields", "kind", "values")

    def __init__(self, begin: str, kind: str, fields: list[Field], fault: Fault | None = None) -> None:
        self.begin = begin
        self.kind = kind
        self.fields = fields
        self.values = dict(reversed(fields))  # the first of each tag
        self.fault = fault

    def get(self, tag: int, otherwise: str = "") -> str:
        """The value of the first field of this tag."""
        return self.values.get(tag, otherwise)

    def flag(self, tag: int) -> bool:
        """Whether the field says Y."""
        return self.values.get(tag) == "Y"

    def __repr__(self) -> str:
        return f"Message({self.kind}, seq {self.get(34) or '-'}, {len(self.fields)} fields)"  # no values: a logon has secrets


class Frames:
    """Cuts a stream of bytes into messages; `skipped` counts the bytes that were none."""

    def __init__(self) -> None:
        self.skipped = 0
        self._held = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """Every whole message in what has come so far, in order; the rest is kept for the next call.

        Holds at most one message's worth of bytes: a BodyLength above MAX_MESSAGE is garbled at once.
        """
        held = self._held + data if self._held else data
        at = 0
        try:
            while True:
                start = held.find(START, at)
                if start != at:
                    at = self._skip(at, _beginning(held, at) if start < 0 else start)
                    if start < 0:
                        return
                header = HEADER.match(held, at)
                if header is None:
                    if len(held) - at < HEADER_ROOM:
                        return
                    at = self._skip(at, at + 1)
                    continue
                end = header.end() + int(header[2])
                if end - at <= MAX_MESSAGE and len(held) < end + TRAILER_SIZE:
                    return
                if end - at > MAX_MESSAGE or not _is_whole(held, at, header.end(), end):
                    at = self._skip(at, at + 1)
                    continue
                at = end + TRAILER_SIZE
                yield parsed(header[1].decode("latin-1"), held[header.end() : end - 1].decode("latin-1"))
        finally:
            self._held = held[at:]

    def _skip(self, at: int, to: int) -> int:
        self.skipped += to - at
        return to


def _beginning(held: bytes, at: int) -> int:
    """Where in `held`, from `at` on, a message may begin whose first bytes are the last that came; its end where none does."""
    at = max(at, len(held) - len(START) + 1)
    while not START.startswith(held[at:]):
        at += 1
    return at


def _is_whole(held: bytes, at: int, body: int, end: int) -> bool:
    """Whether the body ends where BodyLength says, MsgType comes first in it, and the CheckSum is the sum of all before it."""
    trailer = TRAILER.match(held, end)
    return trailer is not None and held[end - 1] == 1 and held.startswith(b"35=", body) and int(trailer[1]) == byte_sum(held[at:end]) & 255


def parsed(begin: str, body: str) -> Message:
    """The message of a checked body, from 35= to before the last SOH; what is wrong inside stands in its `fault`."""
    fault = None
    fields: list[Field] = []
    for piece in _pieces(body):
        text, equals, value = piece.partition("=")
        tag = TAGS.get(text) or _tag(text)
        if not tag or not equals:
            fault = fault or Fault(INVALID_TAG, 0, "a tag is a number above 0, then =")
        elif not value:
            fault = fault or Fault(TAG_WITHOUT_VALUE, tag)
            fields.append((tag, value))
        else:
            fields.append((tag, value))
    if RAW_DATA_LENGTH in (tag for tag, _ in fields) and fault is None:
        fault = _raw_data_fault(fields)
    return Message(begin, fields[0][1] if fields else "", fields, fault)


def _pieces(body: str) -> list[str]:
    """The fields of a body; RawData may hold a SOH, its length stands before it."""
    marker = f"{SOH}{RAW_DATA_LENGTH}="
    start = body.find(marker)
    if start < 0:
        return body.split(SOH)
    length_end = body.find(SOH, start + len(marker))
    length = body[start + len(marker) : length_end]
    data = f"{SOH}{RAW_DATA}="
    if length_end < 0 or not TAG.fullmatch(length) or not body.startswith(data, length_end):
        return body.split(SOH)
    end = length_end + len(data) + int(length)
    if end > len(body) or (end < len(body) and body[end] != SOH):
        return body.split(SOH)
    return [*body[:length_end].split(SOH), body[length_end + 1 : end], *(body[end + 1 :].split(SOH) if end < len(body) else ())]


def _raw_data_fault(fields: list[Field]) -> Fault | None:
    """RawDataLength stands right before the RawData it measures."""
    for (tag, value), (following, data) in zip(fields, [*fields[1:], (0, "")], strict=True):
        if tag != RAW_DATA_LENGTH:
            continue
        if following != RAW_DATA:
            return Fault(BAD_ORDER_OF_TAGS, RAW_DATA_LENGTH, "RawData (96) follows RawDataLength (95)")
        if value != str(len(data)):
            return Fault(BAD_FORMAT, RAW_DATA_LENGTH, f"{value}, but RawData has {len(data)} bytes")
    return None


TAGS: Final[dict[str, int]] = {str(tag): tag for tag in range(1, 1000)}


def _tag(text: str) -> int:
    return int(text) if TAG.fullmatch(text) else 0


def encoded(fields: Iterable[Field], begin: str = BEGIN_STRING) -> bytes:
    """The bytes of a message: `fields` from MsgType (35) on, with BodyLength before and CheckSum behind."""
    body = "".join([f"{tag}={value}{SOH}" for tag, value in fields]).encode("latin-1", "replace")
    head = b"8=%b\x019=%d\x01" % (begin.encode("latin-1"), len(body))
    return b"%b%b10=%03d\x01" % (head, body, (byte_sum(head) + byte_sum(body)) & 255)


def byte_sum(data: bytes) -> int:
    """The sum of all bytes: the lower half of an Adler-32 is that and 1, exactly so for 256 bytes, and several times faster than a loop."""
    return sum([(adler32(data[at : at + 256]) & 0xFFFF) - 1 for at in range(0, len(data), 256)])


def timestamp(ns: int) -> str:
    """A UTCTimestamp with milliseconds: 1700000000123456789 is 20231114-22:13:20.123."""
    seconds, rest = divmod(ns, SECOND)
    return f"{_written(seconds)}.{rest // 1_000_000:03d}"


def nanoseconds(text: str) -> int | None:
    """A UTCTimestamp as ns UTC, with 0, 3, 6 or 9 digits behind the second; None where it is none."""
    seconds = _read(text[:17])
    if seconds is None or (len(text) > 17 and FRACTION.fullmatch(text, 17) is None):
        return None
    return seconds * SECOND + int(text[18:].ljust(9, "0"))


@lru_cache(64)
def _written(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%d-%H:%M:%S}"


@lru_cache(256)
def _read(text: str) -> int | None:
    """A UTCTimestamp without a fraction as seconds; the 60th second is a leap second and counts as the 59th."""
    found = TIMESTAMP.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups())
    try:
        return int(datetime(year, month, day, hour, minute, 59 if second == 60 else second, tzinfo=UTC).timestamp())
    except ValueError:
        return None
