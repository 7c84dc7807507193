"""Coinbase Exchange frames to rows, twice: `take` reads the bytes of a book's changes, `Decoder` the typed structs of any.

The time of a frame stands behind its changes and becomes the `ts_event` of all of them; a book has no update id.
"""

from collections.abc import Iterable
from typing import Final

from polaris.domain.book import FULL
from polaris.domain.instrument import Instrument
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, QUOTE, TRADE, RowBuffer
from polaris.venues.books import (
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
    PRICE_DECIMALS,
    QUANTITY_DECIMALS,
    STATE,
    UNKNOWN,
)
from polaris.venues.coinbase_exchange.messages import Change, Match, Snapshot, Ticker
from polaris.venues.reading import Numbers, Snapshots, Times
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
    key,
    mark,
    nanos,
    packed,
    set_last,
    skip,
    text_end,
    word,
    write_row,
)

_UPDATE: Final = word('{"type":"l2update","product_id":"')
_BUY, _SELL = word('["buy",'), word('["sell",')
_CHANGES, _TIME = packed("changes"), packed("time")


@kernel
def take(payload, ts, size, heads, names, levels, rows):  # type: ignore[no-untyped-def]
    """Read one l2update; see `venues.books`."""
    begin = expect(payload, 0, _UPDATE)
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
    at = mark(payload, at, QUOTE_MARK)
    n, event, seen, unknown = size, 0, 0, 0
    while byte(payload, at) == COMMA:
        name, at = key(payload, at + 1)
        bit = 0
        if name == _CHANGES:
            bit = 1
            at, n = _levels(payload, mark(payload, at, OPEN_LIST), n, rows, ts, head)
            if n == NO_ROWS:
                return NO_ROWS
        elif name == _TIME:
            bit = 2
            end = text_end(payload, at)
            event = nanos(payload, at + 1, end - 1)
            at = end if event != LOST else LOST
        else:
            unknown += 1
            at = skip(payload, at)
        if seen & bit:
            return LEFT
        seen |= bit
    if seen != 3 or byte(payload, at) != CLOSE_OBJECT or at + 1 != len(payload):
        return LEFT
    if head[STATE] != LIVE:
        return JUDGE
    for j in range(size, n):
        rows[j, 1] = event
    book = levels[head[OFFSET] : head[OFFSET] + 4 * head[CAPACITY]].reshape(2, head[CAPACITY], 2)
    if apply_rows(rows, size, n, book, head[COUNTS : COUNTS + 4]) == FULL:
        return NO_LEVELS - i
    if n > size:
        set_last(rows, n - 1)
    head[LAST_UPDATE] = ts
    heads[-1, UNKNOWN] += unknown
    return n


@inlined
def _levels(payload, at, n, rows, ts, head):  # type: ignore[no-untyped-def]
    """(position behind the list, rows then); NO_ROWS in place of the rows where there is no room."""
    instrument, price_decimals, quantity_decimals = head[ID], head[PRICE_DECIMALS], head[QUANTITY_DECIMALS]
    going = byte(payload, at) == OPEN_LIST
    while going:
        sells = byte(payload, at + 2) == _SELL[2]
        at = expect(payload, at, _SELL) if sells else expect(payload, at, _BUY)
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
    return mark(payload, at, CLOSE_LIST), n


class Decoder:
    """Reads the texts of one product. Raises UnreadableNumber, having written some of the rows: cut them off."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, times: Times) -> None:
        self.id = instrument.id
        self.prices = Numbers(instrument.price_decimals, f"price of {instrument.symbol}")
        self.quantities = Numbers(instrument.quantity_decimals, f"quantity of {instrument.symbol}")
        self._rows = rows
        self._times = times
        self._snapshots = Snapshots(instrument, rows, self.prices, self.quantities)

    def snapshot(self, snapshot: Snapshot, ts: int) -> None:
        """DEPTH rows: bids, then asks, the best last. Raises what UNREADABLE names too."""
        event = self._times[snapshot.time] if snapshot.time else 0
        self._snapshots.side(snapshot.bids, 0, 0, event, ts)
        self._snapshots.side(snapshot.asks, ASK, 0, event, ts)

    def changes(self, changes: Iterable[Change], time: str, ts: int) -> None:
        """DEPTH rows, in the order given."""
        append, prices, quantities, instrument, event = self._rows.append, self.prices, self.quantities, self.id, self._times[time]
        for side, price, size in changes:
            append(event, ts, instrument, DEPTH, ASK if side == "sell" else 0, prices[price], quantities[size])

    def trade(self, match: Match, ts: int) -> None:
        """One TRADE row. The venue gives the maker's side: the taker sold where the maker bought."""
        flags = LAST | ASK if match.side == "buy" else LAST
        event = self._times[match.time]
        self._rows.append(event, ts, self.id, TRADE, flags, self.prices[match.price], self.quantities[match.size], match.trade_id)

    def top(self, ticker: Ticker) -> tuple[int, int, int, int]:
        """(bid, its lots, ask, its lots); a side without orders has 0 lots."""
        bid, bid_lots = self.prices[ticker.best_bid], self.quantities[ticker.best_bid_size]
        return bid, bid_lots, self.prices[ticker.best_ask], self.quantities[ticker.best_ask_size]

    def quote(self, top: tuple[int, int, int, int], time: str, ts: int) -> None:
        """One QUOTE row."""
        self._rows.append(self._times[time], ts, self.id, QUOTE, LAST, *top)
