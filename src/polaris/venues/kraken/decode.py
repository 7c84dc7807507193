"""Kraken's books to rows, twice: `take_v1` and `take_v2` read the bytes of a book's update, `Decoder` the typed structs of anything.

A book has no sequence number: each update ends with the CRC32 of the ten best levels a side, as the venue's own texts
without point and leading zeros, which are our ticks and lots written out. It is computed after every update, after the
levels beyond the subscribed depth were dropped: the venue tells nothing of them any more. What is dropped is told in rows.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from polaris.domain.book import FULL, set_level
from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, QUOTE, TRADE, RowBuffer
from polaris.venues.books import (
    ATTEND,
    CAPACITY,
    CHECKED,
    COUNTS,
    ID,
    JUDGE,
    LAST_UPDATE,
    LEFT,
    NO_LEVELS,
    NO_ROWS,
    OFFSET,
    OTHER,
    OWN,
    PRICE_DECIMALS,
    QUANTITY_DECIMALS,
    STATE,
    UPDATE_ID,
)
from polaris.venues.reading import Numbers, Times
from polaris.venues.scan import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COMMA,
    LOST,
    OPEN_LIST,
    QUOTE_MARK,
    ZERO,
    apply_rows,
    bare_decimal,
    byte,
    decimal,
    expect,
    find_name,
    integer,
    mark,
    nanos,
    reverse_rows,
    set_last,
    text_end,
    word,
    write_row,
)

SUBSCRIBED: Final = OWN  # our word of a symbol's head: levels a side that the venue keeps us informed of; 0 while unknown
OWN_WORDS: Final = 1
CHECKED_LEVELS: Final = 10
SECONDS_DECIMALS: Final = 9
MICROS_DECIMALS: Final = 6  # what v1 gives of a second, and what `decimal` can hold of one
MOST_MICROS: Final = 2**63 // 1000 - 1
_HALF_DIGITS: Final = 9
_HALF: Final = 10**_HALF_DIGITS

_CRC = np.zeros(256, np.int64)
for _i in range(256):
    _c = _i
    for _ in range(8):
        _c = _c >> 1 ^ (0xEDB88320 if _c & 1 else 0)
    _CRC[_i] = _c

_V1_ALL_ASKS, _V1_ALL_BIDS = word('"as":['), word('"bs":[')
_V1_ASKS, _V1_BIDS, _V1_CHECKSUM = word('"a":['), word('"b":['), word('"c":"')
_V1_BOOK, _PART, _LIST, _REPUBLISHED = word('"book-'), word("{"), word("["), word(',"r"')
_V2_UPDATE, _V2_BIDS, _V2_ASKS = word('{"channel":"book","type":"update","data":[{"symbol":"'), word('","bids":['), word(',"asks":[')
_V2_PRICE, _V2_QTY, _V2_CHECKSUM = word('{"price":'), word(',"qty":'), word(',"checksum":')
_V2_TIME, _V2_END, _BETWEEN = word(',"timestamp":'), word("}]}"), word('","')


@kernel
def take_v1(payload, ts, size, heads, names, levels, rows):  # type: ignore[no-untyped-def]
    """Read one v1 frame of a book; see `venues.books`.

    A symbol is to be seen to where its checksum is another, and, numbered from the count of symbols on, where the rows are its
    snapshot: then nothing else was done with it.
    """
    close = len(payload) - 2
    at = mark(payload, 0, OPEN_LIST)
    if at == LOST or close < 3 or payload[close] != QUOTE_MARK or payload[close + 1] != CLOSE_LIST:
        return OTHER
    begin = close
    while begin > 0 and payload[begin - 1] != QUOTE_MARK:
        begin -= 1
    slot = find_name(payload, begin, close, names)
    _, at = integer(payload, at)
    at = mark(payload, at, COMMA)
    first = expect(payload, at, _PART)
    whole = expect(payload, first, _V1_ALL_ASKS) != LOST
    asks, bids = expect(payload, first, _V1_ASKS), expect(payload, first, _V1_BIDS)
    if slot == LOST or (not whole and expect(payload, asks, _LIST) == LOST and expect(payload, bids, _LIST) == LOST):
        return OTHER
    i = names[slot, 2]
    head = heads[i]
    n, checksum = size, LOST
    parts = True
    while parts:
        at = expect(payload, at, _PART)
        seen = 0
        fields = True
        while fields:
            sign = byte(payload, at + 1) if at != LOST else 0
            if sign == _V1_ASKS[1] and seen == 0:
                seen = 1
                at = expect(payload, at, _V1_ALL_ASKS) if whole else expect(payload, at, _V1_ASKS)
                at, n = _v1_levels(payload, at, n, rows, ts, head, ASK)
            elif sign == _V1_BIDS[1] and seen <= 1:
                seen = 2
                at = expect(payload, at, _V1_ALL_BIDS) if whole else expect(payload, at, _V1_BIDS)
                at, n = _v1_levels(payload, at, n, rows, ts, head, 0)
            elif sign == _V1_CHECKSUM[1] and seen <= 2:
                seen = 3
                checksum, at = integer(payload, expect(payload, at, _V1_CHECKSUM))
                at = mark(payload, at, QUOTE_MARK)
            else:
                return LEFT
            if n == NO_ROWS:
                return NO_ROWS
            sign = byte(payload, at)
            fields = sign == COMMA
            if not fields and sign != CLOSE_OBJECT:
                return LEFT
            at += 1
        at = mark(payload, at, COMMA)
        parts = not whole and expect(payload, at, _PART) != LOST
    depth, at = integer(payload, expect(payload, at, _V1_BOOK))
    if expect(payload, at, _BETWEEN) != begin:
        return LEFT
    if head[SUBSCRIBED] != depth:
        return JUDGE
    if whole:
        if checksum != LOST:
            return JUDGE
        reverse_rows(rows, size, n)
        return n + ATTEND * (heads.shape[0] + i)
    if head[STATE] != LIVE:
        return JUDGE
    return _update(rows, size, n, heads, i, levels, ts, checksum)


@inlined
def _v1_levels(payload, at, n, rows, ts, head, flags):  # type: ignore[no-untyped-def]
    """(position, rows then) behind a list of ["price","volume","time"] or, republished, ["price","volume","time","r"]."""
    if byte(payload, at) == CLOSE_LIST:
        return at + 1, n
    going = at != LOST
    while going:
        price, at = decimal(payload, mark(payload, at, OPEN_LIST), head[PRICE_DECIMALS])
        quantity, at = decimal(payload, mark(payload, at, COMMA), head[QUANTITY_DECIMALS])
        micros, at = decimal(payload, mark(payload, at, COMMA), MICROS_DECIMALS)
        if byte(payload, at) == COMMA:
            at = expect(payload, at, _REPUBLISHED)
        at = mark(payload, at, CLOSE_LIST)
        sign = byte(payload, at)
        if micros > MOST_MICROS or (sign != COMMA and sign != CLOSE_LIST):
            return LOST, n
        if n >= rows.shape[0]:
            return LOST, NO_ROWS
        write_row(rows, n, 1000 * micros, ts, head[ID], DEPTH, flags, price, quantity, head[UPDATE_ID] + 1, 0)
        n += 1
        at += 1
        going = sign == COMMA
    return at, n





@kernel
def take_v2(payload, ts, size, heads, names, levels, rows):  # type: ignore[no-untyped-def]
    """Read one v2 update of a book; see `venues.books`. A symbol is to be seen to where its checksum is another."""
    begin = expect(payload, 0, _V2_UPDATE)
    if begin == LOST:
        return OTHER
    at = begin
    while at < len(payload) and payload[at] != QUOTE_MARK:
        at += 1
    slot = find_name(payload, begin, at, names)
    if slot == LOST:
        return JUDGE
    i = names[slot, 2]
    head = heads[i]
    at, n = _v2_levels(payload, expect(payload, at, _V2_BIDS), size, rows, ts, head, 0)
    if n == NO_ROWS:
        return NO_ROWS
    at, n = _v2_levels(payload, expect(payload, at, _V2_ASKS), n, rows, ts, head, ASK)
    if n == NO_ROWS:
        return NO_ROWS
    checksum, at = integer(payload, expect(payload, at, _V2_CHECKSUM))
    at = expect(payload, at, _V2_TIME)
    end = text_end(payload, at)
    event = nanos(payload, at + 1, end - 1)
    if expect(payload, end, _V2_END) != len(payload) or event == LOST or checksum >= 1 << 32:
        return LEFT
    if head[STATE] != LIVE:
        return JUDGE
    for row in range(size, n):
        rows[row, 1] = event
    return _update(rows, size, n, heads, i, levels, ts, checksum)


@inlined
def _v2_levels(payload, at, n, rows, ts, head, flags):  # type: ignore[no-untyped-def]
    """(position, rows then) behind a list of {"price":number,"qty":number}."""
    if byte(payload, at) == CLOSE_LIST:
        return at + 1, n
    going = at != LOST
    while going:
        price, at = _number(payload, expect(payload, at, _V2_PRICE), head[PRICE_DECIMALS])
        quantity, at = _number(payload, expect(payload, at, _V2_QTY), head[QUANTITY_DECIMALS])
        at = mark(payload, at, CLOSE_OBJECT)
        sign = byte(payload, at)
        if sign != COMMA and sign != CLOSE_LIST:
            return LOST, n
        if n >= rows.shape[0]:
            return LOST, NO_ROWS
        write_row(rows, n, 0, ts, head[ID], DEPTH, flags, price, quantity, head[UPDATE_ID] + 1, 0)
        n += 1
        at += 1
        going = sign == COMMA
    return at, n


@inlined
def _number(payload, at, decimals):  # type: ignore[no-untyped-def]
    """As `bare_decimal`, for a number of JSON, which has no needless zero in front."""
    if byte(payload, at) == ZERO and byte(payload, at + 1) >= ZERO and byte(payload, at + 1) <= ZERO + 9:
        return 0, LOST
    return bare_decimal(payload, at, decimals)


@inlined
def _update(rows, size, n, heads, i, levels, ts, checksum):  # type: ignore[no-untyped-def]
    """Do what the rows from `size` to `n` say; the answer of `take`."""
    head = heads[i]
    if rows.shape[0] < n + n - size:
        return NO_ROWS
    book = levels[head[OFFSET] : head[OFFSET] + 4 * head[CAPACITY]].reshape(2, head[CAPACITY], 2)
    counts = head[COUNTS : COUNTS + 4]
    if apply_rows(rows, size, n, book, counts) == FULL:
        return NO_LEVELS - i
    if n > size:
        set_last(rows, n - 1)
    end = n
    for side in range(2):
        while counts[2 + side] > head[SUBSCRIBED]:
            price = worst(book, side)
            set_level(book, counts, side, price, 0)
            write_row(rows, end, 0, ts, head[ID], DEPTH, ASK if side else 0, price, 0, head[UPDATE_ID] + 1, 0)
            end += 1
    if end > n:
        set_last(rows, end - 1)
    head[UPDATE_ID] += 1
    head[LAST_UPDATE] = ts
    if checksum == LOST:
        return end
    if book_checksum(book, counts) != checksum:
        return end + ATTEND * (i + 1)
    head[CHECKED] += 1
    return end


@kernel
def worst(book, side):  # type: ignore[no-untyped-def]
    """The price of the level furthest from the touch; there must be one."""
    place = 0
    while book[side, place, 1] == 0:
        place += 1
    return -book[side, place, 0] if side else book[side, place, 0]


@kernel
def book_checksum(book, counts):  # type: ignore[no-untyped-def]
    """CRC32 of the ten best asks, best first, then the ten best bids: ticks and lots as their digits.

    book     int64[2, capacity, 2]; counts  int64[4]: see `domain.book`
    Source: Kraken's guide to the checksum of its v2 book.
    """
    crc = 0xFFFFFFFF
    for side in (1, 0):
        place = counts[side] - 1
        found = 0
        while place >= 0 and found < CHECKED_LEVELS:
            if book[side, place, 1] != 0:
                crc = _digits(crc, -book[side, place, 0] if side else book[side, place, 0])
                crc = _digits(crc, book[side, place, 1])
                found += 1
            place -= 1
    return crc ^ 0xFFFFFFFF


@inlined
def _digits(crc, value):  # type: ignore[no-untyped-def]
    """Carry a checksum on over a number's decimal digits."""
    if value >= _HALF:
        crc = _packed_digits(crc, value // _HALF, 0)
        return _packed_digits(crc, value % _HALF, _HALF_DIGITS)
    return _packed_digits(crc, value, 0)


@inlined
def _packed_digits(crc, value, least):  # type: ignore[no-untyped-def]
    """The same for at most fifteen digits, of which `least` are written in any case."""
    digits = 0  # four bits each, the first digit lowest: divisions by a constant ten are cheap, by a power of ten they are not
    count = 0
    while value > 0 or count < least:
        rest = value // 10
        digits = digits << 4 | value - 10 * rest
        value = rest
        count += 1
    for _ in range(count):
        crc = _CRC[(crc ^ (ZERO + (digits & 15))) & 0xFF] ^ crc >> 8
        digits >>= 4
    return crc


class Decoder:
    """Reads the texts of one pair. Raises UnreadableNumber, having written some of the rows: cut them off."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, times: Times) -> None:
        self.id, self.symbol = instrument.id, instrument.symbol
        self._rows = rows
        self._prices = Numbers(instrument.price_decimals, f"price of {instrument.symbol}")
        self._quantities = Numbers(instrument.quantity_decimals, f"quantity of {instrument.symbol}")
        self._seconds = Numbers(SECONDS_DECIMALS, "time of kraken")
        self._times = times

    def level(self, price: str, quantity: str, event: int, is_ask: bool, update_id: int, ts: int) -> None:
        """One DEPTH row."""
        self._rows.append(event, ts, self.id, DEPTH, ASK if is_ask else 0, self._prices[price], self._quantities[quantity], update_id)

    def v1_levels(self, levels: Iterable[list[str]], is_ask: bool, update_id: int, ts: int) -> None:
        """DEPTH rows of v1 levels: price, volume, time."""
        for level in levels:
            if not 3 <= len(level) <= 4:
                raise UnreadableNumber(str(level), f"level of {self.symbol} (price, volume, time)", 0)
            self.level(level[0], level[1], self._seconds[level[2]], is_ask, update_id, ts)

    def trade(self, price: str, quantity: str, event: int, sells: bool, trade_id: int, ts: int) -> None:
        """One TRADE row."""
        self._rows.append(event, ts, self.id, TRADE, LAST | ASK if sells else LAST, self._prices[price], self._quantities[quantity], trade_id)

    def quote(self, bid: tuple[str, str], ask: tuple[str, str], event: int, ts: int) -> None:
        """One QUOTE row of (price, quantity) a side."""
        self._rows.append(event, ts, self.id, QUOTE, LAST, self._prices[bid[0]], self._quantities[bid[1]], self._prices[ask[0]], self._quantities[ask[1]])

    def time(self, text: str) -> int:
        """An RFC 3339 text as ns; 0 for none."""
        return self._times[text] if text else 0

    def seconds(self, text: str) -> int:
        """Seconds with decimals as ns."""
        return self._seconds[text]
