"""Texts that venues send again and again, read exactly and remembered.

The same prices, quantities and times come in thousands of messages, so each reader is a dictionary from text to
integer that fills itself: a text seen before costs one lookup, a new one the exact reading of `domain.numbers`.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from polaris.domain.errors import UnreadableNumber
from polaris.domain.numbers import MAX_INT, scaled

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # what a decoder raises on bad content
REMEMBERED: Final = 1 << 16  # texts; then all are forgotten, which bounds the memory


class Numbers(dict[str, int]):
    """Decimal texts as integers of 10**-decimals, never negative: `numbers["65432.10"]`.

    Raises UnreadableNumber where a digit would be lost or the text is no number.
    """

    def __init__(self, decimals: int, what: str) -> None:
        super().__init__()
        self.decimals, self.what = decimals, what

    def __missing__(self, text: str) -> int:
        value = scaled(text, self.decimals, self.what)
        if value < 0:
            raise UnreadableNumber(text, f"{self.what}, which is never negative", self.decimals)
        if len(self) >= REMEMBERED:
            self.clear()
        self[text] = value
        return value


class Times(dict[str, int]):
    """RFC 3339 texts in UTC as nanoseconds: `times["2026-08-09T21:05:48.228568804Z"]`.

    Raises UnreadableNumber where the text is no such time.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what
        self._seconds: dict[str, int] = {}

    def __missing__(self, text: str) -> int:
        second, part = text[:19], text[20:-1]
        if text[-1:] != "Z" or len(text) > 30 or (text[19:20] != "." if part else len(text) != 20):
            raise UnreadableNumber(text, f"{self.what} (RFC 3339, UTC)", 9)
        if len(self) >= REMEMBERED:
            self.clear()
            self._seconds.clear()
        seconds = self._seconds.get(second)
        if seconds is None:
            try:
                seconds = int(datetime.strptime(second, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp())
            except ValueError as cause:
                raise UnreadableNumber(text, f"{self.what} (RFC 3339, UTC)", 9) from cause
            self._seconds[second] = seconds
        value = seconds * 1_000_000_000 + (scaled("0." + part, 9, self.what) if part else 0)
        if not 0 <= value <= MAX_INT:
            raise UnreadableNumber(text, f"{self.what} (RFC 3339, UTC)", 9)
        self[text] = value
        return value
