"""Captures: everything that crossed the wire, kept as it was, and read again line by line.

Two formats are read, plain or compressed (gzip, zstd; told by their first bytes, not by the name):

    {"t":"header"|"connect"|"send"|"recv"|"http","conn":...,"ts":seconds,"data":raw text,"url"|"addr":...}
    <receive time, ns> <raw frame>

Reading streams: a day's capture costs no more memory than a line. A file whose end is missing (the recorder was
killed, the disk was full) gives every whole line and one `Truncation`; a file that is no capture is a `BadCapture`.
Times become nanoseconds from their text: a double holds no more than a quarter of a microsecond.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import msgspec
import zstandard

from polaris.domain.errors import BadCapture, UnreadableNumber
from polaris.domain.numbers import scaled

FORMAT: Final = 2
CHUNK: Final = 1 << 18
GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
FLUSH_BYTES: Final = 1 << 16
FLUSH_NS: Final = 1_000_000_000


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of a capture.

    kind  header, connect, send, recv or http
    ts    ns UTC, our clock
    conn  which connection; "" in the plain format
    data  the raw text: a frame, a document; of a header the whole line
    url   of an http document, or the address a connection was opened to
    """

    kind: str
    ts: int
    conn: str
    data: bytes
    url: str = ""


class Header(msgspec.Struct, frozen=True):
    """What a capture says of itself. `venue` is "" in the plain format, which says nothing."""

    venue: str = ""
    config: Any = None


class Truncation(msgspec.Struct, frozen=True):
    """Something is missing, and what there is could still be read."""

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path} line {self.line}: {self.reason}"


class Capture:
    """A capture file: iterate over its lines; `header` is known at once, `warnings` when the last line has come.

    Raises BadCapture where the file can't be opened, is empty or is no capture; while iterating, where a line is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.warnings: list[Truncation] = []
        _, first, whole = next(self._texts(), (1, b"", True))
        self.warnings.clear()
        if not first.strip():
            raise BadCapture(path, "the file is empty; a capture has at least one line")
        if not whole:
            raise BadCapture(path, f"it ends within its first line, {_shown(first)}", 1)
        is_json = first[:1] == b"{"
        if not is_json and not first.split(b" ", 1)[0].isdigit():
            raise BadCapture(path, f"{_shown(first)} begins no capture; expected a JSON object or '<ns> <frame>'", 1)
        self.header = _header(self.path, first) if is_json else Header()
        self._read = _read_json if is_json else _read_plain

    def __iter__(self) -> Iterator[Line]:
        """The lines in the order of the file, the header among them."""
        self.warnings.clear()
        read = self._read
        for number, text, whole in self._texts():
            if not text.strip():
                continue
            try:
                yield read(text)
            except (msgspec.MsgspecError, UnreadableNumber, ValueError) as cause:
                if not whole:
                    self._warn(number, "the last line is torn; everything before it was read")
                    return
                raise BadCapture(self.path, f"{_shown(text)} is no capture line: {cause}", number) from cause

    def _texts(self) -> Iterator[tuple[int, bytes, bool]]:
        """(line number, line, whether its end was there)."""
        number, rest = 0, b""
        for chunk in self._bytes():
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            for line in lines:
                number += 1
                yield number, line, True
        if rest:
            yield number + 1, rest, False

    def _bytes(self) -> Iterator[bytes]:
        """The uncompressed file in pieces."""
        try:
            with self.path.open("rb") as file:
                magic = file.read(4)
                file.seek(0)
                if magic[:2] == GZIP:
                    yield from self._unpack(file, lambda: zlib.decompressobj(wbits=31), "gzip")
                elif magic == ZSTD:
                    yield from self._unpack(file, lambda: zstandard.ZstdDecompressor().decompressobj(), "zstd")
                else:
                    while piece := file.read(CHUNK):
                        yield piece
        except OSError as cause:
            raise BadCapture(self.path, f"can't be read: {cause.strerror or cause}") from cause

    def _unpack(self, file: IO[bytes], fresh: Any, name: str) -> Iterator[bytes]:
        unpacker = fresh()
        try:
            while piece := file.read(CHUNK):
                while piece:
                    if unpacker.eof:  # another member or frame follows
                        unpacker = fresh()
                    yield unpacker.decompress(piece)
                    piece = unpacker.unused_data if unpacker.eof else b""
        except (zlib.error, zstandard.ZstdError) as cause:
            raise BadCapture(self.path, f"damaged {name} data before byte {file.tell()}: {cause}") from cause
        if not unpacker.eof:
            self._warn(0, f"the {name} data ends before its end; what was whole is read")

    def _warn(self, line: int, reason: str) -> None:
        if not self.warnings:  # a cut archive also tears its last line: one warning says it
            self.warnings.append(Truncation(str(self.path), line, reason))


class _JsonLine(msgspec.Struct, gc=False):
    t: str
    ts: msgspec.Raw = msgspec.Raw(b"0")
    conn: str = ""
    data: str = ""
    url: str = ""
    addr: str = ""


_JSON_LINE = msgspec.json.Decoder(_JsonLine)
KINDS: Final = ("header", "connect", "send", "recv", "http")


def _read_json(text: bytes) -> Line:
    line = _JSON_LINE.decode(text)
    if line.t not in KINDS:
        raise ValueError(f"t is {line.t!r}, expected one of {', '.join(KINDS)}")
    data = text if line.t == "header" else line.data.encode()
    return Line(line.t, scaled(bytes(line.ts).decode(), 9, "ts"), line.conn, data, line.url or line.addr)


def _read_plain(text: bytes) -> Line:
    ts, space, frame = text.partition(b" ")
    if not (space and ts.isdigit() and len(ts) < 20 and frame[:1] in (b"{", b"[")):
        raise ValueError("expected '<receive time in ns> <raw frame>'")
    return Line("recv", int(ts), "", frame)


def _header(path: Path, first: bytes) -> Header:
    try:
        said = msgspec.json.decode(first)
    except msgspec.DecodeError as cause:
        raise BadCapture(path, f"{_shown(first)} is no JSON: {cause}", 1) from cause
    if said.get("t") not in KINDS:
        raise BadCapture(path, f"{_shown(first)} is no capture line; 't' should be one of {', '.join(KINDS)}", 1)
    if said["t"] != "header":
        return Header()
    venue = said.get("exchange", said.get("venue"))
    if not isinstance(venue, str):
        raise BadCapture(path, "the header names no venue; expected \"exchange\": \"COINBASE\" or alike", 1)
    return Header(venue, said.get("config"))


def _shown(text: bytes) -> str:
    return repr(text[:60].decode("utf-8", "replace")) + ("..." if len(text) > 60 else "")


class CaptureWriter:
    """Keeps what crosses the wire: JSON lines in zstd, readable to the last flush whatever becomes of us.

    Flushed after 64 KiB, and by the first line that comes more than a second after the last flush.
    """

    def __init__(self, path: str | Path, venue: str, config: Any, ts: int) -> None:
        self._file = Path(path).open("xb")  # noqa: SIM115 - closed by close(); an existing capture is never overwritten
        self._pack = zstandard.ZstdCompressor(level=3).compressobj()
        self._unflushed = 0
        self._flushed_ns = ts
        self.lines = 0
        self.bytes = 0
        self._write(ts, f'{{"t":"header","format":{FORMAT},"exchange":{_json(venue)},"config":{_json(config)},"recorded":{_seconds(ts)}}}\n')
        self.flush()

    def connect(self, conn: str, ts: int, addr: str) -> None:
        """A socket opened."""
        self._write(ts, f'{{"t":"connect","conn":{_json(conn)},"ts":{_seconds(ts)},"addr":{_json(addr)}}}\n')

    def send(self, conn: str, ts: int, data: bytes | str) -> None:
        """We sent a text."""
        self._write(ts, f'{{"t":"send","conn":{_json(conn)},"ts":{_seconds(ts)},"data":{_json(_text(data))}}}\n')

    def recv(self, conn: str, ts: int, data: bytes | str) -> None:
        """A whole message came."""
        self._write(ts, f'{{"t":"recv","conn":{_json(conn)},"ts":{_seconds(ts)},"data":{_json(_text(data))}}}\n')

    def http(self, conn: str, ts: int, url: str, data: bytes | str) -> None:
        """One document came."""
        self._write(ts, f'{{"t":"http","conn":{_json(conn)},"ts":{_seconds(ts)},"url":{_json(url)},"data":{_json(_text(data))}}}\n')

    def flush(self) -> None:
        """Bring every line so far to the file: a kill after this loses none of them."""
        self._file.write(self._pack.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        self._file.flush()
        self._unflushed = 0

    def close(self) -> None:
        """End the file. Closing twice is fine."""
        if not self._file.closed:
            self._file.write(self._pack.flush())
            self._file.close()

    def _write(self, ts: int, line: str) -> None:
        packed = line.encode()
        self._file.write(self._pack.compress(packed))
        self.lines += 1
        self.bytes += len(packed)
        self._unflushed += len(packed)
        if self._unflushed >= FLUSH_BYTES or ts - self._flushed_ns >= FLUSH_NS:
            self.flush()
            self._flushed_ns = ts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _text(data: bytes | str) -> str:
    return data if isinstance(data, str) else data.decode("utf-8", "backslashreplace")


def _seconds(ts: int) -> str:
    return f"{ts // 1_000_000_000}.{ts % 1_000_000_000:09d}"
