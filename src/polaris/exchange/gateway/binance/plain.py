"""Plain requests of a session, a turn at a time: texts in, commands and notes out; what became of them in, frames out.

The memory is one's own and is used again: what `scan` gives is good until the next `scan`, what `answer` gives is bytes.
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.exchange.gateway.binance.answering import IMAGE, LONGEST, answer
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.scanning import ASKED, COMMAND_WORDS, NAME, NOTE_WORDS, SPANS, WHAT, scan
from polaris.exchange.gateway.binance.tables import tables
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.words import COMMAND, Commands

Words = npt.NDArray[np.int64]
NONE: Final[Words] = np.zeros((0, IMAGE), np.int64)
NEW_NAME: Final = 22  # letters of a name for what came without one
RANDOM: Final = 18  # bytes that make them, and two more


class Plain:
    """The compiled way of plain requests.

    commands, notes   COMMAND[n], NOTE[n] of the last scan: what is left in them is for the venue to fill in
    asked             int64[n, ASKED] of the last scan (`scanning`)
    """

    def __init__(self, books: Books) -> None:
        self._symbols, self._figures = tables(books)
        self._spans = np.zeros((SPANS, 2), np.int64)
        self._data = np.zeros(0, np.uint8)
        self._out = np.zeros(0, np.uint8)
        self._size = 0
        self._grow(64)

    def scan(self, texts: Sequence[bytes]) -> int:
        """Read a turn's texts; how many are understood."""
        count = len(texts)
        if count > len(self._frames):
            self._grow(count)
        self._size = count
        self._data = np.frombuffer(b"".join(texts), np.uint8)
        ends = np.fromiter(accumulate(map(len, texts)), np.int64, count)
        understood: int
        understood, nameless = scan(self._data, ends, self._symbols, self._figures, self._spans, self._command_words, self._note_words, self._asked)
        if nameless:
            self._name()
        return understood

    @property
    def commands(self) -> Commands:
        return self._commands[: self._size]

    @property
    def notes(self) -> Notes:
        return self._notes[: self._size]

    @property
    def asked(self) -> Words:
        return self._asked[: self._size]

    def answer(self, writes: npt.NDArray[np.bool_], times: Words, images: Words = NONE, placed: bytes = b"", cancelled: bytes = b"") -> bytes:
        """The frames that answer what was scanned last.

        writes   bool[n]: which of them
        times    int64[n]: when it was done, in the asker's unit
        images   int64[n, IMAGE] (`answering`), where cancels are answered
        placed, cancelled   `,"rateLimits":[...]` of a new order's answer and of a cancel's, if they are to be told
        """
        most = self._size * (LONGEST + max(len(placed), len(cancelled)))
        if most > len(self._out):
            self._out = np.zeros(2 * most, np.uint8)
        limits = np.frombuffer(placed + cancelled, np.uint8)
        size = answer(
            self._data, self._asked, self._command_words, self._note_words, times, images, self._figures, writes, limits, len(placed), self._out, self._frames
        )
        return self._out[:size].tobytes()

    @property
    def frames(self) -> Words:
        """int64[n]: where the frame of each ends in the bytes of the last answer."""
        return self._frames[: self._size]

    def _name(self) -> None:
        """A client id for who gave none, as `wanted.new_name` makes it."""
        nameless = np.flatnonzero((self.asked[:, WHAT] != 0) & (self._note_words[: self._size, NAME] == 0))
        if len(nameless):
            names = np.frombuffer(urlsafe_b64encode(secrets.token_bytes(RANDOM * len(nameless))), f"S{RANDOM * 4 // 3}")
            self._notes["client_id"][nameless] = names.astype(f"S{NEW_NAME}")

    def _grow(self, count: int) -> None:
        self._frames = np.zeros(2 * count, np.int64)
        self._commands, self._notes = np.zeros(2 * count, COMMAND), np.zeros(2 * count, NOTE)
        self._command_words: Any = self._commands.view(np.int64).reshape(-1, COMMAND_WORDS)
        self._note_words: Any = self._notes.view(np.int64).reshape(-1, NOTE_WORDS)
        self._asked = np.zeros((2 * count, ASKED), np.int64)
