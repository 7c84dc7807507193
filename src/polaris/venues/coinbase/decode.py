"""Coinbase events to rows, twice: `take` reads the bytes of a level2 frame, `Decoder` the typed structs of any.

A book's update carries its own `event_time`, a trade its `time`: these become `ts_event`. The row's update id is the
frame's sequence number. A snapshot comes best level first and leaves in the other direction.
"""

from collections.abc import Iterable
from typing import Final

from polaris.domain.book import FULL
from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, QUOTE, TRADE, RowBuffer
from polaris.venues.books import (
    ATTEND,
    CAPACITY,
    COUNTS,
    FEED_OWN,
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
from polaris.venues.coinbase.messages import LevelUpdate, MarketTrade, Tick
from polaris.venues.reading import Numbers, Times
from polaris.venues.scan import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COMMA,
    LOST,
    QUOTE_MARK,
    apply_rows,
    byte,
    decimal,
    expect,
    find_name,
    integer,
    key,
    mark,
    nanos,
    reverse_rows,
    same,
    set_last,
    skip,
    text_end,
    word,
    write_row,
)

# our words of the feed's head
EXPECTED: Final = FEED_OWN  # the next frame's sequence_num
BEHIND: Final = FEED_OWN + 1  # frames in a row that came before it

_LEVEL2 = word('{"channel":"l2_data",')
_EVENTS_KEY, _UPDATES = word('"events":[{"type":"'), word('","updates":[')
_SNAPSHOT, _UPDATE, _PRODUCT = word("snapshot"), word("update"), word('","product_id":"')
_SIDE, _BID, _OFFER = word('{"side":"'), word("bid"), word("offer")
_TIME, _PRICE, _QUANTITY = word('","event_time":'), word(',"price_level":'), word(',"new_quantity":')
_END = word("]}]")
_CLIENT, _TIMESTAMP, _NUMBER = word('"client_id":'), word('"timestamp":'), word('"sequence_num":')


@kernel
def take(payload, ts, size, heads, names, levels, rows):  # type: ignore[no-untyped-def]
    """Read one level2 frame; see `venues.books`. A symbol is to be seen to where the rows are its snapshot: nothing else was done with it."""
    at = expect(payload, 0, _LEVEL2)
    if at == LOST:
        return OTHER
    sequence, i, is_snapshot, n, seen, unknown = 0, LOST, False, size, 0, 0
    going = True
    while going:
        begin = at
        bit = 0
        sign = byte(payload, at + 1)
        if sign == _NUMBER[1] and expect(payload, at, _NUMBER) != LOST:
            bit = 1
            sequence, at = integer(payload, at + _NUMBER.size)
        elif sign == _EVENTS_KEY[1] and expect(payload, at, _EVENTS_KEY) != LOST:
            bit = 2
            if not seen & 1:
                return LEFT
            at += _EVENTS_KEY.size
            is_snapshot = byte(payload, at) == _SNAPSHOT[0]
            at = expect(payload, at, _SNAPSHOT) if is_snapshot else expect(payload, at, _UPDATE)
            at = expect(payload, at, _PRODUCT)
            if at == LOST:
                return LEFT
            begin = at
            while at < len(payload) and payload[at] != QUOTE_MARK:
                at += 1
            slot = find_name(payload, begin, at, names)
            if slot == LOST:
                return JUDGE
            i = names[slot, 2]
            at, n = _levels(payload, expect(payload, at, _UPDATES), n, rows, ts, heads[i], sequence)
            if n == NO_ROWS:
                return NO_ROWS
            if at != LOST and byte(payload, at + 1) == CLOSE_OBJECT and byte(payload, at + 2) == COMMA:
                return JUDGE  # more than one event
            at = expect(payload, at, _END)
        else:
            _, at = key(payload, at)
            if expect(payload, begin, _TIMESTAMP) == LOST and expect(payload, begin, _CLIENT) == LOST:
                unknown += 1
            at = skip(payload, at)
        if seen & bit:
            return LEFT
        seen |= bit
        sign = byte(payload, at)
        going = sign == COMMA
        if not going and (sign != CLOSE_OBJECT or at + 1 != len(payload)):
            return LEFT
        at += 1
    if seen != 3:
        return LEFT
    feed, head = heads[-1], heads[i]
    if sequence != feed[EXPECTED] or (not is_snapshot and head[STATE] != LIVE):
        return JUDGE
    if is_snapshot:
        reverse_rows(rows, size, n)
    else:
        book = levels[head[OFFSET] : head[OFFSET] + 4 * head[CAPACITY]].reshape(2, head[CAPACITY], 2)
        if apply_rows(rows, size, n, book, head[COUNTS : COUNTS + 4]) == FULL:
            return NO_LEVELS - i
        if n > size:
            set_last(rows, n - 1)
        head[UPDATE_ID] = sequence
        head[LAST_UPDATE] = ts
    feed[EXPECTED] = sequence + 1
    feed[BEHIND] = 0
    feed[UNKNOWN] += unknown
    return n + ATTEND * (i + 1) * is_snapshot


@inlined
def _levels(payload, at, n, rows, ts, head, sequence):  # type: ignore[no-untyped-def]
    """(position of the list's end, rows then); NO_ROWS in place of the rows where there is no room."""
    instrument, price_decimals, quantity_decimals = head[ID], head[PRICE_DECIMALS], head[QUANTITY_DECIMALS]
    event, text, length = 0, 0, 0  # the last time that was read, and where it stands: most levels of a frame share it
    if byte(payload, at) == CLOSE_LIST:
        return at, n
    going = at != LOST
    while going:
        at = expect(payload, at, _SIDE)
        flags = ASK if byte(payload, at) == _OFFER[0] else 0
        at = expect(payload, at, _OFFER) if flags else expect(payload, at, _BID)
        at = expect(payload, at, _TIME)
        if at == LOST:
            return LOST, n
        if length and at + length <= len(payload) and same(payload, at, text, length):
            at += length
        else:
            end = text_end(payload, at)
            event = nanos(payload, at + 1, end - 1)
            if end == LOST or event == LOST:
                return LOST, n
            text, length = at, end - at
            at = end
        price, at = decimal(payload, expect(payload, at, _PRICE), price_decimals)
        quantity, at = decimal(payload, expect(payload, at, _QUANTITY), quantity_decimals)
        at = mark(payload, at, CLOSE_OBJECT)
        sign = byte(payload, at)
        if sign != COMMA and sign != CLOSE_LIST:
            return LOST, n
        if n >= rows.shape[0]:
            return LOST, NO_ROWS
        write_row(rows, n, event, ts, instrument, DEPTH, flags, price, quantity, sequence, 0)
        n += 1
        going = sign == COMMA
        at += going
    return at, n


class Decoder:
    """Reads the texts of one product. Raises UnreadableNumber, having written some of the rows: cut them off."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, times: Times) -> None:
        self.id = instrument.id
        self._rows = rows
        self._prices = Numbers(instrument.price_decimals, f"price of {instrument.symbol}")
        self._quantities = Numbers(instrument.quantity_decimals, f"quantity of {instrument.symbol}")
        self._times = times

    def levels(self, updates: Iterable[LevelUpdate], sequence: int, ts: int) -> None:
        """DEPTH rows, in the order given."""
        append, prices, quantities, times, instrument = self._rows.append, self._prices, self._quantities, self._times, self.id
        for update in updates:
            append(
                times[update.event_time],
                ts,
                instrument,
                DEPTH,
                ASK if update.side == "offer" else 0,
                prices[update.price_level],
                quantities[update.new_quantity],
                sequence,
            )

    def trade(self, trade: MarketTrade, ts: int) -> None:
        """One TRADE row. The venue gives the maker's side: the taker sold where the maker bought."""
        if not (trade.trade_id.isdigit() and len(trade.trade_id) < 19):
            raise UnreadableNumber(trade.trade_id, "trade id", 0)
        self._rows.append(
            self._times[trade.time],
            ts,
            self.id,
            TRADE,
            LAST | ASK if trade.side == "BUY" else LAST,
            self._prices[trade.price],
            self._quantities[trade.size],
            int(trade.trade_id),
        )

    def quote(self, tick: Tick, timestamp: str, ts: int) -> None:
        """One QUOTE row."""
        self._rows.append(
            self._times[timestamp],
            ts,
            self.id,
            QUOTE,
            LAST,
            self._prices[tick.best_bid],
            self._quantities[tick.best_bid_quantity],
            self._prices[tick.best_ask],
            self._quantities[tick.best_ask_quantity],
        )
