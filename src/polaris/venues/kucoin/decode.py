"""KuCoin's messages to rows, twice: `take` reads the bytes of a level2 message, `Decoder` the typed structs of any.

The row's update id is the sequence of the change. `ts_event` is the venue's time where it gives one.
"""

from typing import Final

from polaris.domain.book import FULL
from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, QUOTE, TRADE, RowBuffer
from polaris.venues.books import (
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
from polaris.venues.kucoin.messages import BookDocument, Change, Level2, Match, Ticker
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
    text_end,
    word,
    write_row,
)

MS: Final = 1_000_000  # ns
MOST_MS: Final = 2**63 // MS - 1
_DATA, _TOPIC, _SUBJECT, _TYPE = packed("data"), packed("topic"), packed("subject"), packed("type")
_SYMBOL, _CHANGES, _TIME = packed("symbol"), packed("changes"), packed("time")
_START, _END = word('"sequenceStart":'), word('"sequenceEnd":')
_OPEN, _ASKS, _BIDS = word("{"), word('{"asks":['), word('"bids":[')
_LEVEL2, _MESSAGE, _CHANNEL = word('"trade.l2update"'), word('"message"'), word('"/market/level2:')


@kernel
def take(payload, ts, size, heads, names, levels, rows):  # type: ignore[no-untyped-def]
    """Read one level2 message; see `venues.books`."""
    at = expect(payload, 0, _OPEN)
    first, last, i, event, n, known, unknown = 0, 0, LOST, 0, size, 0, 0
    going = at != LOST
    while going:
        name, at = key(payload, at)
        bit = 0
        if name == _SUBJECT:
            bit = 1
            at = expect(payload, at, _LEVEL2)
            if at == LOST:
                return OTHER
        elif name == _TYPE:
            bit = 2
            at = expect(payload, at, _MESSAGE)
            if at == LOST:
                return OTHER
        elif name == _TOPIC:
            bit = 4
            if expect(payload, at, _CHANNEL) == LOST:
                return OTHER
            at = text_end(payload, at)
        elif name == _DATA:
            bit = 8
            at, first, last, i, event, n, unknown = _data(payload, mark(payload, at, 123), ts, size, heads, names, rows)
            if n == NO_ROWS:
                return NO_ROWS
            if at == LOST:
                return OTHER if i == LOST else LEFT
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
    if known != 15 or event > MOST_MS:
        return OTHER if i == LOST else LEFT
    head = heads[i]
    if head[STATE] != LIVE or head[FRESH] or first != head[UPDATE_ID] + 1 or last < first:
        return JUDGE
    for row in range(size, n):
        rows[row, 1] = event * MS
    book = levels[head[OFFSET] : head[OFFSET] + 4 * head[CAPACITY]].reshape(2, head[CAPACITY], 2)
    if apply_rows(rows, size, n, book, head[COUNTS : COUNTS + 4]) == FULL:
        return NO_LEVELS - i
    if n > size:
        set_last(rows, n - 1)
    head[UPDATE_ID] = last
    head[LAST_UPDATE] = ts
    heads[-1, UNKNOWN] += unknown
    return n


@inlined
def _data(payload, at, ts, size, heads, names, rows):  # type: ignore[no-untyped-def]
    """(position, first sequence, last, number of the symbol, time in ms, rows then, unknown fields) behind a level2's data."""
    first, last, i, event, n, known, unknown = 0, 0, LOST, 0, size, 0, 0
    changes = LOST
    going = at != LOST
    while going:
        begin = at
        name, at = key(payload, at)
        bit = 0
        if name == _SYMBOL:
            bit = 1
            end = text_end(payload, at)
            slot = find_name(payload, at + 1, end - 1, names)
            if slot == LOST:
                return LOST, 0, 0, LOST, 0, n, 0
            i = names[slot, 2]
            at = end
        elif name == _CHANGES:
            bit = 2
            changes = at
            at = _skip_changes(payload, at)
        elif name == _TIME:
            bit = 4
            event, at = integer(payload, at)
        elif name == 0 and expect(payload, begin, _START) != LOST:
            bit = 8
            first, at = integer(payload, at)
        elif name == 0 and expect(payload, begin, _END) != LOST:
            bit = 16
            last, at = integer(payload, at)
        else:
            unknown += 1
            at = skip(payload, at)
        if known & bit:
            at = LOST
        known |= bit
        sign = byte(payload, at)
        going = sign == COMMA
        if not going and sign != CLOSE_OBJECT:
            return LOST, 0, 0, i, 0, n, 0
        at += 1
    if known & 27 != 27:
        return LOST, 0, 0, i, 0, n, 0
    end, n = _changes(payload, expect(payload, changes, _ASKS), ts, n, heads[i], ASK, rows)
    end, n = _changes(payload, expect(payload, mark(payload, end, COMMA), _BIDS), ts, n, heads[i], 0, rows)
    if n != NO_ROWS and byte(payload, end) != CLOSE_OBJECT:
        return LOST, 0, 0, i, 0, n, 0
    return at, first, last, i, event, n, unknown


@inlined
def _skip_changes(payload, at):  # type: ignore[no-untyped-def]
    """The position behind {...}, which holds no other object and no brace in a text."""
    while at != LOST and at < len(payload) and payload[at] != CLOSE_OBJECT:
        at += 1
    return mark(payload, at, CLOSE_OBJECT)


@inlined
def _changes(payload, at, ts, n, head, flags, rows):  # type: ignore[no-untyped-def]
    """(position, rows then) behind a list of ["price","size","sequence"]; NO_ROWS in place of the rows where there is no room."""
    if n == NO_ROWS:
        return LOST, NO_ROWS
    if byte(payload, at) == CLOSE_LIST:
        return at + 1, n
    going = at != LOST
    while going:
        price, at = decimal(payload, mark(payload, at, OPEN_LIST), head[PRICE_DECIMALS])
        quantity, at = decimal(payload, mark(payload, at, COMMA), head[QUANTITY_DECIMALS])
        sequence, at = integer(payload, mark(payload, mark(payload, at, COMMA), QUOTE_MARK))
        at = mark(payload, mark(payload, at, QUOTE_MARK), CLOSE_LIST)
        sign = byte(payload, at)
        if sign != COMMA and sign != CLOSE_LIST:
            return LOST, n
        if price != 0:
            if n >= rows.shape[0]:
                return LOST, NO_ROWS
            write_row(rows, n, 0, ts, head[ID], DEPTH, flags, price, quantity, sequence, 0)
            n += 1
        at += 1
        going = sign == COMMA
    return at, n


class Decoder:
    """Reads the texts of one symbol. Raises UnreadableNumber, having written some of the rows: cut them off."""

    def __init__(self, instrument: Instrument, rows: RowBuffer) -> None:
        self.id = instrument.id
        self._rows = rows
        self._prices = Numbers(instrument.price_decimals, f"price of {instrument.symbol}")
        self._quantities = Numbers(instrument.quantity_decimals, f"quantity of {instrument.symbol}")
        self._snapshots = Snapshots(instrument, rows, self._prices, self._quantities)

    def update(self, update: Level2, after: int, ts: int) -> None:
        """DEPTH rows of the changes whose sequence is above `after`: asks, then bids, each in the venue's order."""
        for changes, flags in ((update.changes.asks, ASK), (update.changes.bids, 0)):
            for change in changes:
                self._change(change, flags, after, update.time * MS, ts)

    def _change(self, change: Change, flags: int, after: int, event: int, ts: int) -> None:
        price, quantity, sequence = self._prices[change[0]], self._quantities[change[1]], _number(change[2])
        if price and sequence > after:
            self._rows.append(event, ts, self.id, DEPTH, flags, price, quantity, sequence)

    def snapshot(self, book: BookDocument, ts: int) -> None:
        """DEPTH rows: bids, then asks, the best last."""
        event = book.time * MS
        for levels, flags in ((book.bids, 0), (book.asks, ASK)):
            self._snapshots.side(levels, flags, book.last_id, event, ts)

    def trade(self, match: Match, ts: int) -> None:
        """One TRADE row; its id is the sequence, for the venue's own is 24 hex digits."""
        flags = LAST | ASK if match.side == "sell" else LAST
        price, quantity = self._prices[match.price], self._quantities[match.size]
        self._rows.append(_number(match.time), ts, self.id, TRADE, flags, price, quantity, _number(match.sequence))

    def quote(self, ticker: Ticker, ts: int) -> None:
        """One QUOTE row."""
        bid, bid_lots = self._prices[ticker.bestBid], self._quantities[ticker.bestBidSize]
        ask, ask_lots = self._prices[ticker.bestAsk], self._quantities[ticker.bestAskSize]
        self._rows.append(ticker.time * MS, ts, self.id, QUOTE, LAST, bid, bid_lots, ask, ask_lots)


def _number(text: str) -> int:
    """A sequence or a time in ns. Raises UnreadableNumber where it is no number."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**63):
        raise UnreadableNumber(text, "sequence or time of kucoin", 0)
    return int(text)
