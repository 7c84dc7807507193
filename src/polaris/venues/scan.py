"""Reading a venue's JSON byte by byte, in compiled code: the words from which each venue's `decode.take` is made.

A reader knows what its venue writes, and says so step by step; every step gives the position behind what it read, or
`LOST` where the bytes are not what it knows. Steps may be chained without a look in between: from LOST every step
leads to LOST. So a frame is either understood whole, or given up before anything was done with it, and then the typed
decoder of the same venue reads it. Numbers go from digits to integers; a digit that would be lost is not understood.

    at = expect(payload, at, PRICE)              '"price":'
    price, at = decimal(payload, at, decimals)   '"65432.10"'
"""

from typing import Any, Final

import numpy as np

from polaris.domain.book import FULL, clear, set_level
from polaris.domain.kernel import JIT, inlined, kernel
from polaris.domain.market import ASK, CLEAR, DEPTH, LAST

wide: Any = np.int64 if JIT else int  # a byte as a number that counts on; plain Python has only one kind
LOST: Final = -1
NO_ROOM: Final = -2
MOST_DIGITS: Final = 18  # of a number, zeros in front included: what surely fits into 63 bits
POWERS = 10 ** np.arange(MOST_DIGITS + 1)

QUOTE_MARK: Final = 34
BLANK: Final = 32
COMMA: Final = 44
MINUS: Final = 45
POINT: Final = 46
ZERO: Final = 48
COLON: Final = 58
BACKSLASH: Final = 92
OPEN_LIST: Final = 91
CLOSE_LIST: Final = 93
CLOSE_OBJECT: Final = 125

HASH_START: Final = 0x2BF29CE484222325
HASH_STEP: Final = 0x100000001B3  # of FNV-1a
HASH_MASK: Final = 2**62 - 1


def word(text: str) -> "np.typing.NDArray[np.uint8]":
    """A text that `expect` compares with."""
    return np.frombuffer(text.encode(), np.uint8)


def packed(name: str) -> int:
    """A field's name of at most seven bytes as the number that `key` gives."""
    if not 0 < len(name.encode()) <= 7:
        raise ValueError(f"field {name!r}: expected one to seven bytes")
    return int.from_bytes(name.encode(), "little")


TRUE = word("true")
FALSE = word("false")
NULL = word("null")


@inlined
def byte(payload, at):  # type: ignore[no-untyped-def]
    """The byte there; 0 where there is none."""
    if at < 0 or at >= len(payload):
        return 0
    return wide(payload[at])


@inlined
def expect(payload, at, word):  # type: ignore[no-untyped-def]
    """The position behind `word` (uint8[n]), which must stand at `at`."""
    if at < 0 or at + word.size > len(payload):
        return LOST
    for i in range(word.size):
        if payload[at + i] != word[i]:
            return LOST
    return at + word.size


@inlined
def mark(payload, at, sign):  # type: ignore[no-untyped-def]
    """The position behind one byte, which must be `sign`."""
    if at < 0 or at >= len(payload) or payload[at] != sign:
        return LOST
    return at + 1


@inlined
def key(payload, at):  # type: ignore[no-untyped-def]
    """(name, position behind the colon) of the next field of an object; the name as `packed`, 0 where it has more than seven bytes."""
    name = 0
    end = mark(payload, at, QUOTE_MARK)
    if end == LOST:
        return 0, LOST
    begin = end
    while end < len(payload) and payload[end] != QUOTE_MARK:
        if payload[end] == BACKSLASH or payload[end] < 32 or payload[end] > 126:
            return 0, LOST
        if end - begin < 7:
            name |= wide(payload[end]) << 8 * (end - begin)
        end += 1
    if end - begin > 7:
        name = 0
    return name, mark(payload, mark(payload, end, QUOTE_MARK), COLON)


@kernel
def text_end(payload, at):  # type: ignore[no-untyped-def]
    """The position behind a text in quotes. Only plain ASCII without a backslash is understood."""
    if at < 0 or at >= len(payload) or payload[at] != QUOTE_MARK:
        return LOST
    for i in range(at + 1, len(payload)):
        if payload[i] == QUOTE_MARK:
            return i + 1
        if payload[i] == BACKSLASH or payload[i] < 32 or payload[i] > 126:
            return LOST
    return LOST


@inlined
def integer(payload, at):  # type: ignore[no-untyped-def]
    """(value, position behind): digits without quotes, never negative."""
    value = 0
    end = at
    if at >= 0:
        while end < len(payload):
            digit = wide(payload[end]) - ZERO
            if digit < 0 or digit > 9:
                break
            value = value * 10 + digit
            end += 1
            if end - at > MOST_DIGITS:
                return 0, LOST
    if end == at or (payload[at] == ZERO and end > at + 1):
        return 0, LOST
    return value, end


@inlined
def bare_decimal(payload, at, decimals):  # type: ignore[no-untyped-def]
    """(value in 10**-decimals, position behind) of digits with or without a point, as they stand."""
    value = 0
    end = at
    point = LOST
    if at >= 0:
        while end < len(payload):
            digit = wide(payload[end]) - ZERO
            if digit >= 0 and digit <= 9:
                if point != LOST and end - point > decimals:
                    if digit != 0:
                        return 0, LOST
                else:
                    value = value * 10 + digit
            elif digit == POINT - ZERO and point == LOST and end > at:
                point = end
            else:
                break
            end += 1
            if end - at > MOST_DIGITS + 1:
                return 0, LOST
    if end == at or point == end - 1:
        return 0, LOST
    part = 0 if point == LOST else min(end - point - 1, decimals)
    whole = end - at if point == LOST else point - at
    if whole + decimals > MOST_DIGITS:
        return 0, LOST
    return value * POWERS[decimals - part], end


@inlined
def decimal(payload, at, decimals):  # type: ignore[no-untyped-def]
    """(value in 10**-decimals, position behind) of a number in quotes: "65432.10" at 2 decimals is 6543210."""
    value, end = bare_decimal(payload, mark(payload, at, QUOTE_MARK), decimals)
    end = mark(payload, end, QUOTE_MARK)
    return value, end


@inlined
def boolean(payload, at):  # type: ignore[no-untyped-def]
    """(1 or 0, position behind) of true or false."""
    if byte(payload, at) == TRUE[0]:
        return 1, expect(payload, at, TRUE)
    return 0, expect(payload, at, FALSE)


@kernel
def skip(payload, at):  # type: ignore[no-untyped-def]
    """The position behind a value that nobody needs: a text, a number, true, false or null. A list or an object is not understood."""
    sign = byte(payload, at)
    if sign == QUOTE_MARK:
        return text_end(payload, at)
    if sign == TRUE[0]:
        return expect(payload, at, TRUE)
    if sign == FALSE[0]:
        return expect(payload, at, FALSE)
    if sign == NULL[0]:
        return expect(payload, at, NULL)
    _, end = integer(payload, at + 1 if sign == MINUS else at)
    if byte(payload, end) != POINT:
        return end
    begin = end + 1
    end = begin
    while end < len(payload) and payload[end] >= ZERO and payload[end] <= ZERO + 9:
        end += 1
    return end if end > begin else LOST


@kernel
def skip_list(payload, at):  # type: ignore[no-untyped-def]
    """The position behind a list of lists of texts without brackets; what is in it is for its reader to understand."""
    if byte(payload, at) != OPEN_LIST:
        return LOST
    depth = 0
    for i in range(at, len(payload)):
        if payload[i] == OPEN_LIST:
            depth += 1
        elif payload[i] == CLOSE_LIST:
            depth -= 1
            if depth == 0:
                return i + 1
    return LOST


@kernel
def nanos(payload, at, end):  # type: ignore[no-untyped-def]
    """RFC 3339 in UTC as nanoseconds; LOST where it is no such time. `at` and `end` are inside the quotes.

    "2026-08-09T21:05:48.228568804Z": 20 to 30 bytes, the years 1970 to 2199. Source of the days: H. Hinnant, days_from_civil.
    """
    size = end - at
    if at < 0 or end > len(payload) or size < 20 or size > 30 or size == 21 or payload[end - 1] != 90:
        return LOST
    for i in range(at, end - 1):
        place = i - at
        sign = wide(payload[i])
        if place == 4 or place == 7:
            if sign != MINUS:
                return LOST
        elif place == 10:
            if sign != 84:
                return LOST
        elif place == 13 or place == 16:
            if sign != COLON:
                return LOST
        elif place == 19:
            if sign != POINT:
                return LOST
        elif sign < ZERO or sign > ZERO + 9:
            return LOST
    year = _pair(payload, at) * 100 + _pair(payload, at + 2)
    month = _pair(payload, at + 5)
    day = _pair(payload, at + 8)
    hour = _pair(payload, at + 11)
    minute = _pair(payload, at + 14)
    second = _pair(payload, at + 17)
    if year < 1970 or year > 2199 or month < 1 or month > 12 or day < 1 or day > _month_days(year, month):
        return LOST
    if hour > 23 or minute > 59 or second > 59:
        return LOST
    part = 0
    for i in range(at + 20, end - 1):
        part = part * 10 + wide(payload[i]) - ZERO
    if size > 21:
        part *= POWERS[9 - (size - 21)]
    shifted = year - 1 if month <= 2 else year
    era_year = shifted % 400
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    days = (shifted // 400) * 146097 + era_year * 365 + era_year // 4 - era_year // 100 + day_of_year - 719468
    return (days * 86400 + hour * 3600 + minute * 60 + second) * 1_000_000_000 + part


@inlined
def same(payload, at, other, size):  # type: ignore[no-untyped-def]
    """Whether the `size` bytes at two places of the payload are the same; both must lie inside."""
    for i in range(size):  # noqa: SIM110 - no generators in a kernel
        if payload[at + i] != payload[other + i]:
            return False
    return True


@inlined
def find_name(payload, at, end, names):  # type: ignore[no-untyped-def]
    """The slot of the text between two positions in a `table_of` names, or LOST.

    names  int64[slots, 4]: hash, length, two values; slots is a power of two
    """
    if at < 0 or end < at or end > len(payload):
        return LOST
    digest = HASH_START
    for i in range(at, end):
        digest = ((digest ^ wide(payload[i])) * HASH_STEP) & HASH_MASK
    slot = digest & (names.shape[0] - 1)
    while names[slot, 1] != 0:
        if names[slot, 0] == digest and names[slot, 1] == end - at:
            return slot
        slot = (slot + 1) & (names.shape[0] - 1)
    return LOST


def table_of(names: dict[bytes, tuple[int, int]]) -> "np.typing.NDArray[np.int64]":
    """What `find_name` searches: int64[slots, 4] of (hash, length, value, value), at most half of the slots taken.

    Two names of one length whose 62-bit hashes agree can't be told apart; among names that are not chosen for it there are none.
    """
    slots = 8
    while slots < 2 * len(names) + 1:
        slots *= 2
    table = np.zeros((slots, 4), np.int64)
    for name, (first, second) in names.items():
        digest = HASH_START
        for sign in name:
            digest = ((digest ^ sign) * HASH_STEP) & HASH_MASK
        slot = digest & (slots - 1)
        while table[slot, 1]:
            if (table[slot, 0], table[slot, 1]) == (digest, len(name)):
                raise ValueError(f"two names share a place: {name!r}")
            slot = (slot + 1) & (slots - 1)
        table[slot] = digest, len(name), first, second
    return table


@inlined
def write_row(rows, at, ts_event, ts, instrument, kind, flags, price, quantity, other, other_quantity):  # type: ignore[no-untyped-def]
    """Write one row into a `RowBuffer.words` (int64[capacity, 8]), where there is room for it."""
    rows[at, 0] = 0
    rows[at, 1] = ts_event
    rows[at, 2] = ts
    rows[at, 3] = instrument | kind << 32 | flags << 48
    rows[at, 4] = price
    rows[at, 5] = quantity
    rows[at, 6] = other
    rows[at, 7] = other_quantity


@inlined
def blank(payload, at):  # type: ignore[no-untyped-def]
    """The position behind blanks, if there are any."""
    while at >= 0 and at < len(payload) and payload[at] == BLANK:
        at += 1
    return at


@kernel
def whole_side(payload, rows, n, event, ts, instrument, flags, price_decimals, quantity_decimals, update_id):  # type: ignore[no-untyped-def]
    """DEPTH rows of a side of a snapshot, [["price","quantity"], ...] with blanks or without, in the other direction.

    rows     int64[capacity, 8]: they are written from n on
    returns  where they end; LOST where the text is not understood or a digit would be lost, NO_ROOM where there are too few of them
    """
    begin = n
    at = blank(payload, mark(payload, blank(payload, 0), OPEN_LIST))
    going = byte(payload, at) != CLOSE_LIST
    if not going:
        at += 1
    while going:
        price, at = decimal(payload, blank(payload, mark(payload, at, OPEN_LIST)), price_decimals)
        at = blank(payload, mark(payload, blank(payload, at), COMMA))
        quantity, at = decimal(payload, at, quantity_decimals)
        at = blank(payload, mark(payload, blank(payload, at), CLOSE_LIST))
        sign = byte(payload, at)
        if sign != COMMA and sign != CLOSE_LIST:
            return LOST
        if n >= rows.shape[0]:
            return NO_ROOM
        write_row(rows, n, event, ts, instrument, DEPTH, flags, price, quantity, update_id, 0)
        n += 1
        at = blank(payload, at + 1)
        going = sign == COMMA
    if at != len(payload):
        return LOST
    reverse_rows(rows, begin, n)
    return n


@kernel
def set_last(rows, at):  # type: ignore[no-untyped-def]
    """The row there closes an atomic update."""
    rows[at, 3] |= LAST << 48


@kernel
def reverse_rows(rows, start, end):  # type: ignore[no-untyped-def]
    """Turn the order of some rows: a snapshot that came best level first leaves in the other direction."""
    last = end - 1
    while start < last:
        for j in range(8):
            rows[start, j], rows[last, j] = rows[last, j], rows[start, j]
        start += 1
        last -= 1


@kernel
def apply_rows(rows, start, end, levels, counts):  # type: ignore[no-untyped-def]
    """Apply DEPTH rows, all of one book, to its levels; returns 0, or FULL where a side has no room: apply all again then."""
    for at in range(start, end):
        flags = rows[at, 3] >> 48
        if flags & CLEAR:
            clear(counts)
        if set_level(levels, counts, flags & ASK, rows[at, 4], rows[at, 5]) == FULL:
            return FULL
    return 0


@inlined
def _pair(payload, at):  # type: ignore[no-untyped-def]
    """Two digits as a number."""
    return (wide(payload[at]) - ZERO) * 10 + wide(payload[at + 1]) - ZERO


@inlined
def _month_days(year, month):  # type: ignore[no-untyped-def]
    """How many days a month has."""
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31
