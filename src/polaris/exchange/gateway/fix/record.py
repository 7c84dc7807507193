"""What a FIX session must not forget: its numbers, and the messages it may be asked to send again.

One file a session, appended to: a record is (crc, length, number, what) and its bytes. Its numbers survive the process; a record cut
short by the machine's death ends the file, with all before it kept. A reset begins the file anew. Whose session it is stands in
its first record, so that no other account can take up the CompID and ask for what was sent; and under which number its orders
are noted, so that it hears of them whenever it comes back.
"""

import os
import struct
import zlib
from array import array
from pathlib import Path
from typing import Final, Protocol

OWNER: Final = 1  # number: the account; the session's number
HEARD: Final = 2  # number: the next we expect
SENT: Final = 3  # number: this message's; no bytes: a message of the session, never sent again
NUMBER: Final = struct.Struct("<q")
HEAD: Final = struct.Struct("<IIqB")  # crc of what follows it, bytes of the body, number, what
MAX_BODY: Final = 1 << 24


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
        """What was kept of a message; b"" where nothing was."""

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

    def body(self, number: int) -> bytes:
        return self._bodies[number - 1] if 0 < number < self.next_out else b""

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
        self.next_in = self.next_out = 1
        self._places = array("q", [0])  # by number: where its body begins in the file; 0 = none kept
        self._lengths = array("q", [0])
        self._size = 0

    def _load(self, account: int) -> None:
        data = self._path.read_bytes()
        at = 0
        while at + HEAD.size <= len(data):
            crc, length, number, what = HEAD.unpack_from(data, at)
            body = at + HEAD.size
            if length > MAX_BODY or body + length > len(data) or zlib.crc32(data[at + 4 : body + length]) != crc:
                break
            self._take(what, number, body, data[body : body + length])
            at = body + length
        if account and self.account and account != self.account:
            raise PermissionError(f"FIX session {self._path.name} belongs to account {self.account}, not {account}")
        if not account and not self.account:
            raise FileNotFoundError(f"FIX session {self._path.name} belongs to nobody")
        os.ftruncate(self._fd, at)
        self._size = at
        if not self.account:
            self.account = account
            self._begin()

    def _take(self, what: int, number: int, place: int, body: bytes) -> None:
        match what:
            case 1:
                self.account, (self.session,) = number, NUMBER.unpack(body)
            case 2:
                self.next_in = number
            case 3:
                self._places.append(place if body else 0)
                self._lengths.append(len(body))
                self.next_out = number + 1

    def _begin(self) -> None:
        self._add(OWNER, self.account, NUMBER.pack(self.session))
        self.flush()

    def _add(self, what: int, number: int, body: bytes) -> None:
        head = HEAD.pack(0, len(body), number, what)
        crc = zlib.crc32(body, zlib.crc32(head[4:]))
        self._waiting += HEAD.pack(crc, len(body), number, what) + body
        self._size += HEAD.size + len(body)

    def heard(self, number: int) -> None:
        self.next_in = number
        self._add(HEARD, number, b"")

    def sent(self, body: bytes) -> None:
        self._places.append(self._size + HEAD.size if body else 0)
        self._lengths.append(len(body))
        self._add(SENT, self.next_out, body)
        self.next_out += 1

    def body(self, number: int) -> bytes:
        if not 0 < number < self.next_out or not self._places[number]:
            return b""
        self.flush()
        return os.pread(self._fd, self._lengths[number], self._places[number])

    def reset(self) -> None:
        os.ftruncate(self._fd, 0)
        self._waiting.clear()
        self._clear()
        self._begin()

    def flush(self) -> None:
        """Write what was told since the last flush: before any of it reaches the other side. Raises OSError; what was not written stays."""
        while self._waiting:
            del self._waiting[: os.write(self._fd, self._waiting)]

    def close(self) -> None:
        """Write the rest and let the file go."""
        if self._fd >= 0:
            self.flush()
            os.close(self._fd)
            self._fd = -1
