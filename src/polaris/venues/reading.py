"""Texts that venues send again and again, read exactly and remembered.

The same prices, quantities and times come in thousands of messages, so each reader is a dictionary from text to
integer that fills itself: a text seen before costs one lookup, a new one the exact reading of `domain.numbers`.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument
from polaris.domain.market import RowBuffer
from polaris.domain.numbers import MAX_INT, scaled
from polaris.venues.scan import NO_ROOM, whole_side

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # what a decoder raises on bad content
_LEVELS = msgspec.json.Decoder(list[tuple[str, str]])
REMEMBERED: Final = 1 << 16  # texts; then all are forgotten, which bounds the memory
SHORTEST: Final = 20  # bytes that most levels take at least
SHORTEST_LEVEL: Final = 8  # bytes that any does


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


class Snapshots:
    """Reads the sides of one instrument's snapshots, best level first, into DEPTH rows whose best level is last."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, prices: Numbers, quantities: Numbers) -> None:
        self._instrument, self._rows, self._prices, self._quantities = instrument, rows, prices, quantities
        whole_side(b"[]", rows.words, 0, 0, 0, 0, 0, 0, 0, 0)  # the compiled code is in memory before the first snapshot

    def side(self, text: msgspec.Raw, flags: int, update_id: int, event: int, ts: int) -> None:
        """One side as JSON, [["price","quantity"], ...]. Raises UnreadableNumber, having written some of the rows, or what UNREADABLE names."""
        item, rows, payload = self._instrument, self._rows, bytes(text)
        for least in (SHORTEST, SHORTEST_LEVEL):
            rows.reserve(rows.size + len(payload) // least + 1)
            end = whole_side(payload, rows.words, rows.size, event, ts, item.id, flags, item.price_decimals, item.quantity_decimals, update_id)
            if end != NO_ROOM:
                break
        if end >= 0:
            rows.size = end
        else:
            levels = _LEVELS.decode(payload)
            rows.append_levels(event, ts, item.id, flags, reversed(levels), self._prices, self._quantities, update_id)


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
