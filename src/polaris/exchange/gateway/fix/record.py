"""What a FIX session must not forget: its numbers, and the messages it may be asked to send again.

One file a session, appended to: a record is (crc, length, number, what) and its bytes. Its numbers survive the process; a record cut
short by the machine's death ends the file, with all before it kept. Whose session it is stands in its first record, so that no
other account can take up the CompID and ask for what was sent; and under which number its orders are noted, so that it hears of them
whenever it comes back.

A file that has grown is made anew with the numbers and the newest messages, all that is ever sent again: beside the old one, and put
in its place when it is whole. So does a reset. Whenever the process dies, one of the two is there.
"""

import os
import struct
import zlib
from array import array
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Final, Protocol

OWNER: Final = 1  # number: the account; the session's number
HEARD: Final = 2  # number: the next we expect
SENT: Final = 3  # number: this message's; no bytes: a message of the session, never sent again
FROM: Final = 4  # number: of those sent the first that is kept
NUMBER: Final = struct.Struct("<q")
HEAD: Final = struct.Struct("<IIqB")  # crc of what follows it, bytes of the body, number, what
MAX_BODY: Final = 1 << 24
MOST_RESENT: Final = 10_000  # messages that are kept to be sent again, the newest
FULL: Final = 1 << 25  # bytes from which a file is made anew, once it has doubled since the last time


class Record(Protocol):
    """The numbers of one session.

    session  what its orders are noted under
    """

    session: int
    next_in: int
    next_out: int

    def heard(self, number: int) -> None:
        """`number` is the next one expected."""

    def sent(self, body: bytes) -> None:
        """The message numbered `next_out` goes out; `body` is kept to send it again, b"" where it never is."""

    def body(self, number: int) -> bytes:
        """What was kept of a message; b"" where nothing was, or it is not among the newest any more."""

    def reset(self) -> None:
        """Both ways begin at 1."""


class MemoryRecord:
    """A record that ends with the process."""

    def __init__(self, session: int = 0) -> None:
        self.session = session
        self.reset()

    def heard(self, number: int) -> None:
        self.next_in = number

    def sent(self, body: bytes) -> None:
        self._bodies.append(body)
        self.next_out += 1
        if len(self._bodies) > 2 * MOST_RESENT:
            del self._bodies[:-MOST_RESENT]

    def body(self, number: int) -> bytes:
        at = number - self.next_out + len(self._bodies)
        return self._bodies[at] if 0 <= at < len(self._bodies) else b""

    def reset(self) -> None:
        self.next_in = self.next_out = 1
        self._bodies: list[bytes] = []


class FileRecord:
    """A record in a file; what is told to it is in the operating system's hands after `flush`."""

    def __init__(self, path: Path, account: int = 0, session: int = 0) -> None:
        """Opens the session's file, or begins it for an account.

        raises  PermissionError where it is another account's, FileNotFoundError where it is nobody's and none is given
        """
        self._path = path
        self._beside = path.with_name(f"{path.name}.new")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._waiting = bytearray()
        self.account = 0
        self.session = session
        self._clear()
        try:
            self._load(account)
        except OSError:
            os.close(self._fd)
            raise

    def _clear(self) -> None:
        self.next_in = self.next_out = self._first = 1
        self._places = array("q")  # of the messages from the first that is kept: where their records begin in the file
        self._lengths = array("q")  # of their bodies
        self._size = 0
        self._full = FULL

    def _load(self, account: int) -> None:
        data = self._path.read_bytes()
        at = 0
        while at + HEAD.size <= len(data):
            crc, length, number, what = HEAD.unpack_from(data, at)
            body = at + HEAD.size
            if length > MAX_BODY or body + length > len(data) or zlib.crc32(data[at + 4 : body + length]) != crc:
                break
            if not self._take(what, number, at, data[body : body + length]):
                break
            at = body + length
        if account and self.account and account != self.account:
            raise PermissionError(f"FIX session {self._path.name} belongs to account {self.account}, not {account}")
        if not account and not self.account:
            raise FileNotFoundError(f"FIX session {self._path.name} belongs to nobody")
        os.ftruncate(self._fd, at)
        self._size = at
        if not self.account:
            self.account = account
            self._add(OWNER, account, NUMBER.pack(self.session))
        self.flush()

    def _take(self, what: int, number: int, place: int, body: bytes) -> bool:
        """Read one record; False where it can't follow those before it."""
        if what == OWNER and len(body) == NUMBER.size:
            self.account, (self.session,) = number, NUMBER.unpack(body)
        elif what == HEARD and number > 0:
            self.next_in = number
        elif what == FROM and number > 0 and not self._places:
            self._first = self.next_out = number
        elif what == SENT and number == self.next_out:
            self._places.append(place)
            self._lengths.append(len(body))
            self.next_out += 1
        else:
            return False
        return True

    def _add(self, what: int, number: int, body: bytes) -> None:
        self._waiting += _packed(what, number, body)
        self._size += HEAD.size + len(body)

    def heard(self, number: int) -> None:
        self.next_in = number
        self._add(HEARD, number, b"")

    def sent(self, body: bytes) -> None:
        self._places.append(self._size)
        self._lengths.append(len(body))
        self._add(SENT, self.next_out, body)
        self.next_out += 1

    def body(self, number: int) -> bytes:
        at = number - self._first
        if not 0 <= at < len(self._places) or not self._lengths[at]:
            return b""
        self.flush()
        at = number - self._first  # it may have been made anew
        return os.pread(self._fd, self._lengths[at], self._places[at] + HEAD.size) if at >= 0 else b""

    def reset(self) -> None:
        owner = _packed(OWNER, self.account, NUMBER.pack(self.session))
        self._replace(owner)
        self._waiting.clear()
        self._clear()
        self._size = len(owner)

    def flush(self) -> None:
        """Write what was told since the last flush: before any of it reaches the other side. Raises OSError; what was not written stays."""
        while self._waiting:
            del self._waiting[: os.write(self._fd, self._waiting)]
        if self._size >= self._full:
            self._shorten()

    def _shorten(self) -> None:
        """Make the file anew with what may still be asked for; where that can't be written the old one goes on."""
        older = max(0, len(self._places) - MOST_RESENT)
        head = b"".join(
            (_packed(OWNER, self.account, NUMBER.pack(self.session)), _packed(HEARD, self.next_in, b""), _packed(FROM, self._first + older, b""))
        )
        try:
            start = self._places[older] if older < len(self._places) else self._size
            old = os.pread(self._fd, self._size - start, start)
            kept = [old[place - start : place - start + HEAD.size + length] for place, length in zip(self._places[older:], self._lengths[older:], strict=True)]
            self._replace(b"".join((head, *kept)))
        except OSError:
            self._full = 2 * self._size
            return
        self._first += older
        del self._lengths[:older]
        self._places = array("q", accumulate((len(record) for record in kept[:-1]), initial=len(head))) if kept else array("q")
        self._size = len(head) + sum(map(len, kept))
        self._full = max(FULL, 2 * self._size)

    def _replace(self, data: bytes) -> None:
        """Put a file of these bytes in place of ours. Raises OSError; ours is as it was then."""
        fd = os.open(self._beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
            os.replace(self._beside, self._path)
        except OSError:
            os.close(fd)
            self._beside.unlink(missing_ok=True)
            raise
        os.close(self._fd)
        self._fd = fd
        with suppress(OSError):  # the new file is in use: only the machine's death could still bring the old one back
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Write the rest and let the file go."""
        if self._fd >= 0:
            self.flush()
            os.close(self._fd)
            self._fd = -1


def _packed(what: int, number: int, body: bytes) -> bytes:
    """A record."""
    head = HEAD.pack(0, len(body), number, what)
    crc = zlib.crc32(body, zlib.crc32(head[4:]))
    return HEAD.pack(crc, len(body), number, what) + body
