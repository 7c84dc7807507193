"""What a FIX session must not forget: the next number each way, and the messages it may be asked to send again.

One file a session, appended to: a record is (crc, length, number, what) and its bytes. Its numbers survive the process; a record cut
short by the machine's death ends the file, with all before it kept. A reset begins the file anew. Whose session it is stands in
its first record, so that no other account can take up the CompID and ask for what was sent.
"""

import os
import struct
import zlib
from array import array
from pathlib import Path
from typing import Final, Protocol

OWNER: Final = 1  # number: the account
HEARD: Final = 2  # number: the next we expect
SENT: Final = 3  # number: this message's; no bytes: a message of the session, never sent again
HEAD: Final = struct.Struct("<IIqB")  # crc of what follows it, bytes of the body, number, what
MAX_BODY: Final = 1 << 24


class Record(Protocol):
    """The numbers of one session."""

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

    def __init__(self) -> None:
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

    def __init__(self, path: Path, account: int) -> None:
        """Opens or begins the session's file. Raises PermissionError where it is another account's."""
        self._path = path
        self._account = account
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._waiting = bytearray()
        self._clear()
        self._load()

    def _clear(self) -> None:
        self.next_in = self.next_out = 1
        self._places = array("q", [0])  # by number: where its body begins in the file; 0 = none kept
        self._lengths = array("q", [0])
        self._size = 0

    def _load(self) -> None:
        data = self._path.read_bytes()
        at = 0
        owner = None
        while at + HEAD.size <= len(data):
            crc, length, number, what = HEAD.unpack_from(data, at)
            end = at + HEAD.size + length
            if length > MAX_BODY or end > len(data) or zlib.crc32(data[at + 4 : end]) != crc:
                break
            match what:
                case 1:
                    owner = number
                case 2:
                    self.next_in = number
                case 3:
                    self._places.append(at + HEAD.size if length else 0)
                    self._lengths.append(length)
                    self.next_out = number + 1
            at = end
        if owner is not None and owner != self._account:
            os.close(self._fd)
            self._fd = -1
            raise PermissionError(f"FIX session {self._path.name} belongs to account {owner}, not {self._account}")
        os.ftruncate(self._fd, at)
        self._size = at
        if owner is None:
            self._add(OWNER, self._account, b"")
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
        self._add(OWNER, self._account, b"")
        self.flush()

    def flush(self) -> None:
        """Write what was told since the last flush: before any of it reaches the other side."""
        if self._waiting:
            os.write(self._fd, self._waiting)
            self._waiting.clear()

    def close(self) -> None:
        """Write the rest and let the file go."""
        if self._fd >= 0:
            self.flush()
            os.close(self._fd)
            self._fd = -1
