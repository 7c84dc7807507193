"""Plain requests of a session, a turn at a time: texts in, commands and notes out; what became of them in, frames out.

Between the two lies the journal, so a turn keeps what its answers need until they may be told.
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.exchange.gateway.binance.answering import FILL_WORDS, IMAGE, LONGEST, LONGEST_FILL, answer
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.fields import SPANS
from polaris.exchange.gateway.binance.scanning import ASKED, COMMAND_WORDS, NAME, NOTE_WORDS, WHAT, scan
from polaris.exchange.gateway.binance.tables import tables
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.words import COMMAND, Commands

Words = npt.NDArray[np.int64]
NO_IMAGES: Final[Words] = np.zeros((0, IMAGE), np.int64)
NO_FILLS: Final[Words] = np.zeros((0, FILL_WORDS), np.int64)
NAME_LETTERS: Final = 22  # of a name for what came without one
NAME_RANDOM: Final = 18  # bytes that make them, and two letters more


class Turn:
    """What a turn's texts ask; the rows of what is not understood are 0 all over.

    data           uint8[bytes]: the texts
    asked          int64[n, ASKED], its columns in `scanning`
    command_words  int64[n, 8]; the same memory as `commands`, of which number, order id, account and what a cancel is about are to be filled in
    client_ids     S36[n] of the notes
    note_words     int64[n, 8]; the same memory as `notes`, of which when and which connection are to be filled in
    understood     how many are
    """

    __slots__ = ("asked", "client_ids", "command_words", "data", "note_words", "understood")

    def __init__(self, texts: Sequence[bytes]) -> None:
        count = len(texts)
        self.data: npt.NDArray[np.uint8] = np.frombuffer(b"".join(texts), np.uint8)
        self.asked: Words = np.empty((count, ASKED), np.int64)
        self.command_words: Words = np.empty((count, COMMAND_WORDS), np.int64)
        self.note_words: Words = np.empty((count, NOTE_WORDS), np.int64)
        self.client_ids = self.notes["client_id"]
        self.understood = 0

    @property
    def commands(self) -> Commands:
        """COMMAND[n]."""
        return self.command_words.view(COMMAND)[:, 0]

    @property
    def notes(self) -> Notes:
        """NOTE[n]."""
        return self.note_words.view(NOTE)[:, 0]


class Plain:
    """The compiled way of plain requests: a venue's books, and memory to write in."""

    def __init__(self, books: Books) -> None:
        self._symbols, self._figures = tables(books)
        self._spans = np.zeros((SPANS, 2), np.int64)
        self._out = np.zeros(64 * LONGEST, np.uint8)
        self.answer(self.scan((b"{}",)), np.zeros(1, np.bool_), np.zeros(1, np.int64))  # have them compiled before somebody waits

    def scan(self, texts: Sequence[bytes]) -> Turn:
        """Read a turn's texts. Who gave no name for an order or a cancel is given one."""
        turn = Turn(texts)
        ends = np.fromiter(accumulate(map(len, texts)), np.int64, len(texts))
        turn.understood, nameless = scan(
            turn.data, ends, self._symbols, self._figures, self._spans, turn.command_words, turn.note_words, turn.asked
        )  # fmt: skip
        if nameless:
            _name(turn)
        return turn

    def answer(
        self,
        turn: Turn,
        writes: npt.NDArray[np.bool_],
        times: Words,
        images: Words = NO_IMAGES,
        fills: Words = NO_FILLS,
        placed: bytes = b"",
        cancelled: bytes = b"",
    ) -> tuple[bytes, Words]:
        """The frames that answer a turn, whose commands have their order ids by now.

        writes   bool[n]: which of its texts to answer; they must be understood
        times    int64[n]: when it was done, in the asker's unit
        images   int64[n, IMAGE]: what became of the orders, its columns in `answering`; may be left out where all are new and rest
        fills    int64[k, FILL_WORDS]: what new orders traded
        placed, cancelled   `,"rateLimits":[...]` of a new order's answer and of a cancel's, where they are told
        returns  (the frames, int64[n]: where each of them ends in there)
        raises   ValueError where one can't be answered so
        """
        count = len(turn.asked)
        most = count * (LONGEST + max(len(placed), len(cancelled))) + LONGEST_FILL * len(fills)
        if most > len(self._out):
            self._out = np.zeros(2 * most, np.uint8)
        ends = np.empty(count, np.int64)
        limits = np.frombuffer(placed + cancelled, np.uint8)
        size: Any = answer(
            turn.data, turn.asked, turn.command_words, turn.note_words, times, images, fills, self._figures, writes, limits, len(placed), self._out, ends
        )  # fmt: skip
        if size < 0:
            raise ValueError(f"text {-1 - size} of {count} is to be answered; expected a new order, or a cancel and what it cancelled")
        return self._out[:size].tobytes(), ends


def _name(turn: Turn) -> None:
    """A client id for who gave none, as `wanted.new_name` makes it."""
    nameless = np.flatnonzero((turn.asked[:, WHAT] != 0) & (turn.note_words[:, NAME] == 0))
    letters = urlsafe_b64encode(secrets.token_bytes(NAME_RANDOM * len(nameless)))
    turn.notes["client_id"][nameless] = np.frombuffer(letters, f"S{NAME_RANDOM * 4 // 3}").astype(f"S{NAME_LETTERS}")
