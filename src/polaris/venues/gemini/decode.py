"""Gemini's frames to rows, twice: `take` reads the bytes of a book's or a trade's frame, `Decoder` the typed structs.

The venue gives no time with a book, so `ts_event` is 0 there, and no number either. Its fields come in the order of
their names, so what a frame is about stands behind its levels: `take` looks there first. A snapshot comes best level
first and leaves in the other direction; before it go those of its last trades that were not told yet.
"""

from collections.abc import Iterable
from typing import Final

from polaris.domain.book import FULL
from polaris.domain.instrument import Instrument
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, TRADE, RowBuffer
from polaris.venues.books import (
    ATTEND,
    CAPACITY,
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
)
from polaris.venues.gemini.messages import Change, Trade
from polaris.venues.reading import Numbers
from polaris.venues.scan import (
    CLOSE_LIST,
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
    mark,
    reverse_rows,
    same,
    set_last,
    word,
    write_row,
)

MS: Final = 1_000_000  # ns
MOST_MS: Final = 2**63 // MS - 1

# our words of a symbol's head
NEWEST_TRADE: Final = OWN  # its id; -1 while none is known
TOLD: Final = OWN + 1  # trades of the last snapshot that were told before it
PASSED: Final = OWN + 2  # trades of the last snapshot that were not
OWN_WORDS: Final = 3

_CHANGES, _WHOLE = word('{"changes":['), word('{"auction_events":[],"changes":[')
_SYMBOL, _UPDATE_END, _TRADES, _WHOLE_END = word('],"symbol":"'), word('","type":"l2_updates"}'), word('","trades":['), word('],"type":"l2_updates"}')
_LEVEL_BUY, _LEVEL_SELL = word('["buy",'), word('["sell",')
_EVENT, _PRICE, _QUANTITY, _SIDE = word('{"event_id":'), word(',"price":'), word(',"quantity":'), word(',"side":"')
_BUY, _SELL, _OF, _NUMBER = word("buy"), word("sell"), word('","symbol":"'), word('","tid":')
_TIME, _TRADE_END = word(',"timestamp":'), word(',"type":"trade"}')


@kernel
def take(payload, ts, size, heads, names, levels, rows):  # type: ignore[no-untyped-def]
    """Read one frame; see `venues.books`. A symbol is to be seen to where the rows are its snapshot, behind TOLD trades."""
    is_snapshot = False
    begin = expect(payload, 0, _CHANGES)
    if begin == LOST:
        if expect(payload, 0, _EVENT) != LOST:
            return _take_trade(payload, ts, size, heads, names, rows)
        begin = expect(payload, 0, _WHOLE)
        if begin == LOST:
            return OTHER
        is_snapshot = True
    end = _levels_end(payload, begin)
    name = expect(payload, end, _SYMBOL)
    at = _name_end(payload, name)
    slot = find_name(payload, name, at, names)
    if slot == LOST:
        return JUDGE if at != LOST else LEFT
    i = names[slot, 2]
    head = heads[i]
    n, newest, passed = size, head[NEWEST_TRADE], 0
    if is_snapshot:
        at, n, newest, passed = _history(payload, expect(payload, at, _TRADES), name, at - name, n, rows, ts, head)
        if n == NO_ROWS:
            return NO_ROWS
        at = expect(payload, at, _WHOLE_END)
    else:
        at = expect(payload, at, _UPDATE_END)
    if at != len(payload):
        return LEFT
    first = n
    at, n = _levels(payload, begin, n, rows, ts, head)
    if n == NO_ROWS:
        return NO_ROWS
    if at != end:
        return LEFT
    if is_snapshot:
        reverse_rows(rows, first, n)
        head[NEWEST_TRADE] = max(newest, 0)
        head[TOLD] = first - size
        head[PASSED] = passed
        return n + ATTEND * (i + 1)
    if head[STATE] != LIVE:
        return JUDGE
    book = levels[head[OFFSET] : head[OFFSET] + 4 * head[CAPACITY]].reshape(2, head[CAPACITY], 2)
    if apply_rows(rows, size, n, book, head[COUNTS : COUNTS + 4]) == FULL:
        return NO_LEVELS - i
    if n > size:
        set_last(rows, n - 1)
    head[LAST_UPDATE] = ts
    return n


@inlined
def _levels_end(payload, at):  # type: ignore[no-untyped-def]
    """The position of the bracket that closes the list of levels whose inside begins at `at`."""
    if byte(payload, at) == CLOSE_LIST:
        return at
    while at >= 0 and at + 1 < len(payload):
        if payload[at] == CLOSE_LIST and payload[at + 1] == CLOSE_LIST:
            return at + 1
        at += 1
    return LOST


@inlined
def _name_end(payload, at):  # type: ignore[no-untyped-def]
    """The position of the quote behind a name that begins at `at`."""
    while at >= 0 and at < len(payload):
        if payload[at] == QUOTE_MARK:
            return at
        at += 1
    return LOST


@inlined
def _levels(payload, at, n, rows, ts, head):  # type: ignore[no-untyped-def]
    """(position of the list's end, rows then); NO_ROWS in place of the rows where there is no room."""
    instrument, price_decimals, quantity_decimals = head[ID], head[PRICE_DECIMALS], head[QUANTITY_DECIMALS]
    going = byte(payload, at) == OPEN_LIST
    while going:
        sells = byte(payload, at + 2) == _LEVEL_SELL[2]
        at = expect(payload, at, _LEVEL_SELL) if sells else expect(payload, at, _LEVEL_BUY)
        price, at = decimal(payload, at, price_decimals)
        quantity, at = decimal(payload, mark(payload, at, COMMA), quantity_decimals)
        at = mark(payload, at, CLOSE_LIST)
        if at == LOST:
            return LOST, n
        if n >= rows.shape[0]:
            return LOST, NO_ROWS
        write_row(rows, n, 0, ts, instrument, DEPTH, ASK if sells else 0, price, quantity, 0, 0)
        n += 1
        going = byte(payload, at) == COMMA
        at += going
    return at, n


@inlined
def _history(payload, at, name, name_size, n, rows, ts, head):  # type: ignore[no-untyped-def]
    """(position of the list's end, rows then, newest trade's id, trades passed over); NO_ROWS in place of the rows where there is no room."""
    known, newest, passed = head[NEWEST_TRADE], head[NEWEST_TRADE], 0
    going = at != LOST and byte(payload, at) != CLOSE_LIST
    while going:
        at, price, quantity, flags, number, moment = _trade(payload, at, name, name_size, head)
        if at == LOST:
            return LOST, n, newest, passed
        if 0 <= known < number:
            if n >= rows.shape[0]:
                return LOST, NO_ROWS, newest, passed
            write_row(rows, n, moment * MS, ts, head[ID], TRADE, flags, price, quantity, number, 0)
            n += 1
        else:
            passed += 1
        newest = max(newest, number)
        going = byte(payload, at) == COMMA
        at += going
    return at, n, newest, passed


@inlined
def _take_trade(payload, ts, size, heads, names, rows):  # type: ignore[no-untyped-def]
    name = 0
    while name != LOST and expect(payload, name, _OF) == LOST:
        name = name + 1 if name < len(payload) else LOST
    name = expect(payload, name, _OF)
    end = _name_end(payload, name)
    slot = find_name(payload, name, end, names)
    if slot == LOST:
        return JUDGE if end != LOST else LEFT
    if size >= rows.shape[0]:
        return NO_ROWS
    head = heads[names[slot, 2]]
    at, price, quantity, flags, number, moment = _trade(payload, 0, name, end - name, head)
    if at != len(payload):
        return LEFT
    if number <= head[NEWEST_TRADE]:
        return JUDGE
    write_row(rows, size, moment * MS, ts, head[ID], TRADE, flags, price, quantity, number, 0)
    head[NEWEST_TRADE] = number
    return size + 1


@inlined
def _trade(payload, at, name, name_size, head):  # type: ignore[no-untyped-def]
    """(position behind, price, quantity, flags, id, ms) of one trade, whose symbol must be the text at `name`."""
    _, at = integer(payload, expect(payload, at, _EVENT))
    price, at = decimal(payload, expect(payload, at, _PRICE), head[PRICE_DECIMALS])
    quantity, at = decimal(payload, expect(payload, at, _QUANTITY), head[QUANTITY_DECIMALS])
    at = expect(payload, at, _SIDE)
    sells = byte(payload, at) == _SELL[0]
    at = expect(payload, at, _SELL) if sells else expect(payload, at, _BUY)
    at = expect(payload, at, _OF)
    if at == LOST or at + name_size > len(payload) or not same(payload, at, name, name_size):
        return LOST, 0, 0, 0, 0, 0
    number, at = integer(payload, expect(payload, at + name_size, _NUMBER))
    moment, at = integer(payload, expect(payload, at, _TIME))
    at = expect(payload, at, _TRADE_END)
    if moment > MOST_MS:
        return LOST, 0, 0, 0, 0, 0
    return at, price, quantity, LAST | ASK if sells else LAST, number, moment


class Decoder:
    """Reads the texts of one symbol. Raises UnreadableNumber, having written some of the rows: cut them off."""

    def __init__(self, instrument: Instrument, rows: RowBuffer) -> None:
        self.id = instrument.id
        self.prices = Numbers(instrument.price_decimals, f"price of {instrument.symbol}")
        self.quantities = Numbers(instrument.quantity_decimals, f"quantity of {instrument.symbol}")
        self._rows = rows

    def levels(self, changes: Iterable[Change], ts: int) -> None:
        """DEPTH rows, in the order given."""
        append, prices, quantities, instrument = self._rows.append, self.prices, self.quantities, self.id
        for side, price, quantity in changes:
            append(0, ts, instrument, DEPTH, ASK if side == "sell" else 0, prices[price], quantities[quantity])

    def trade(self, trade: Trade, ts: int) -> None:
        """One TRADE row. The venue gives the taker's side."""
        flags = LAST | ASK if trade.side == "sell" else LAST
        self._rows.append(trade.timestamp * MS, ts, self.id, TRADE, flags, self.prices[trade.price], self.quantities[trade.quantity], trade.tid)
