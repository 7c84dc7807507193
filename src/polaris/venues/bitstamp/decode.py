"""Bitstamp's messages to rows, twice: `take` reads the bytes of a book's diff, `Decoder` the typed structs of any.

The row's update id is the venue's microtimestamp, and `ts_event` is that same moment.
"""

from typing import Final

from polaris.domain.book import FULL
from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, TRADE, RowBuffer
from polaris.venues.bitstamp.messages import BookDocument, Diff, Trade
from polaris.venues.books import (
    ATTEND,
    CAPACITY,
    COUNTS,
    FRESH,
    ID,
    JUDGE,
    LAST_UPDATE,
    LEFT,
    NO_LEVELS,
    NO_ROWS,
    OFFSET,
    OTHER,
    PRICE_DECIMALS,
    QUANTITY_DECIMALS,
    STATE,
    UNKNOWN,
    UPDATE_ID,
)
from polaris.venues.reading import Numbers, Snapshots
from polaris.venues.scan import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COMMA,
    LOST,
    OPEN_LIST,
    QUOTE_MARK,
    apply_rows,
    byte,
    decimal,
    expect,
    find_name,
    integer,
    key,
    mark,
    packed,
    set_last,
    skip,
    skip_list,
    text_end,
    word,
    write_row,
)

MICRO: Final = 1_000  # ns
MOST_MICROS: Final = 2**63 // MICRO - 1

_OPEN, _DATA_EVENT, _MICROS, _TIMESTAMP = word("{"), word('"data"'), word('"microtimestamp":"'), word('"timestamp":')
_DATA, _EVENT, _CHANNEL, _BIDS, _ASKS = packed("data"), packed("event"), packed("channel"), packed("bids"), packed("asks")


@kernel
def take(payload, ts, size, heads, names, levels, rows):  # type: ignore[no-untyped-def]
    """Read one diff of a book; see `venues.books`. Which pair's it is stands behind its levels; ATTEND says that the book holds it already."""
    at = expect(payload, 0, _OPEN)
    moment, bids, asks, i, known, unknown = 0, LOST, LOST, LOST, 0, 0
    going = at != LOST
    while going:
        name, at = key(payload, at)
        bit = 0
        if name == _EVENT:
            bit = 1
            at = expect(payload, at, _DATA_EVENT)
            if at == LOST:
                return OTHER
        elif name == _CHANNEL:
            bit = 2
            end = text_end(payload, at)
            slot = find_name(payload, at + 1, end - 1, names)
            if slot == LOST:
                return OTHER
            i = names[slot, 2]
            at = end
        elif name == _DATA:
            bit = 4
            at, moment, bids, asks, unknown = _data(payload, mark(payload, at, 123))
            if at == LOST:
                return OTHER
        else:
            unknown += 1
            at = skip(payload, at)
        if known & bit:
            return LEFT
        known |= bit
        sign = byte(payload, at)
        going = sign == COMMA
        if not going and (sign != CLOSE_OBJECT or at + 1 != len(payload)):
            return OTHER if i == LOST else LEFT
        at += 1
    if known != 7:
        return OTHER if i == LOST else LEFT
    if moment > MOST_MICROS:
        return LEFT
    head = heads[i]
    if head[STATE] != LIVE:
        return JUDGE
    at, n = _levels(payload, bids, size, rows, moment, ts, head, 0)
    if n == NO_ROWS:
        return NO_ROWS
    end, n = _levels(payload, asks, n, rows, moment, ts, head, ASK)
    if n == NO_ROWS:
        return NO_ROWS
    if at == LOST or end == LOST:
        return LEFT
    if moment <= head[UPDATE_ID]:
        heads[-1, UNKNOWN] += unknown
        return size + ATTEND * (i + 1)
    book = levels[head[OFFSET] : head[OFFSET] + 4 * head[CAPACITY]].reshape(2, head[CAPACITY], 2)
    if apply_rows(rows, size, n, book, head[COUNTS : COUNTS + 4]) == FULL:
        return NO_LEVELS - i
    if n > size:
        set_last(rows, n - 1)
    head[UPDATE_ID] = moment
    head[LAST_UPDATE] = ts
    head[FRESH] = 0
    heads[-1, UNKNOWN] += unknown
    return n


@inlined
def _data(payload, at):  # type: ignore[no-untyped-def]
    """(position behind it, moment, where its bids are, where its asks are, unknown fields) of a diff's data."""
    moment, bids, asks, known, unknown = 0, LOST, LOST, 0, 0
    going = at != LOST
    while going:
        begin = at
        name, at = key(payload, at)
        bit = 0
        if name == _BIDS:
            bit = 1
            bids = at
            at = skip_list(payload, at)
        elif name == _ASKS:
            bit = 2
            asks = at
            at = skip_list(payload, at)
        elif name == 0 and expect(payload, begin, _MICROS) != LOST:
            bit = 4
            moment, at = integer(payload, begin + _MICROS.size)
            at = mark(payload, at, QUOTE_MARK)
        else:
            unknown += expect(payload, begin, _TIMESTAMP) == LOST
            at = skip(payload, at)
        if known & bit:
            at = LOST
        known |= bit
        sign = byte(payload, at)
        going = sign == COMMA
        if not going and sign != CLOSE_OBJECT:
            return LOST, 0, LOST, LOST, 0
        at += 1
    return at if known == 7 else LOST, moment, bids, asks, unknown


@inlined
def _levels(payload, at, n, rows, moment, ts, head, flags):  # type: ignore[no-untyped-def]
    """(position, rows then) behind a list of ["price","amount"]; NO_ROWS in place of the rows where there is no room."""
    at = mark(payload, at, OPEN_LIST)
    if byte(payload, at) == CLOSE_LIST:
        return at + 1, n
    going = at != LOST
    while going:
        price, at = decimal(payload, mark(payload, at, OPEN_LIST), head[PRICE_DECIMALS])
        quantity, at = decimal(payload, mark(payload, at, COMMA), head[QUANTITY_DECIMALS])
        at = mark(payload, at, CLOSE_LIST)
        sign = byte(payload, at)
        if sign != COMMA and sign != CLOSE_LIST:
            return LOST, n
        if n >= rows.shape[0]:
            return LOST, NO_ROWS
        write_row(rows, n, moment * MICRO, ts, head[ID], DEPTH, flags, price, quantity, moment, 0)
        n += 1
        at += 1
        going = sign == COMMA
    return at, n


class Decoder:
    """Reads the texts of one pair. Raises UnreadableNumber, having written some of the rows: cut them off."""

    def __init__(self, instrument: Instrument, rows: RowBuffer) -> None:
        self.id = instrument.id
        self._rows = rows
        self.prices = Numbers(instrument.price_decimals, f"price of {instrument.symbol}")
        self.quantities = Numbers(instrument.quantity_decimals, f"quantity of {instrument.symbol}")
        self._snapshots = Snapshots(instrument, rows, self.prices, self.quantities)

    def update(self, diff: Diff, after: int, ts: int) -> None:
        """DEPTH rows: bids, then asks, each in the venue's order."""
        for levels, flags in ((diff.bids, 0), (diff.asks, ASK)):
            self._rows.append_levels(diff.last_id * MICRO, ts, self.id, flags, levels, self.prices, self.quantities, diff.last_id)

    def snapshot(self, book: BookDocument, ts: int) -> None:
        """DEPTH rows: bids, then asks, the best last."""
        for levels, flags in ((book.bids, 0), (book.asks, ASK)):
            self._snapshots.side(levels, flags, book.last_id, book.last_id * MICRO, ts)

    def trade(self, trade: Trade, ts: int) -> None:
        """One TRADE row."""
        flags = LAST | ASK if trade.type == 1 else LAST
        price, quantity = self.prices[trade.price_str], self.quantities[trade.amount_str]
        self._rows.append(checked(trade.microtimestamp) * MICRO, ts, self.id, TRADE, flags, price, quantity, trade.id)


def checked(microtimestamp: str) -> int:
    """A moment in microseconds. Raises UnreadableNumber where the text is none."""
    if not (microtimestamp.isascii() and microtimestamp.isdigit() and len(microtimestamp) < 17):
        raise UnreadableNumber(microtimestamp, "microtimestamp of bitstamp", 0)
    return int(microtimestamp)
