"""Binance payloads to rows, twice: `take` reads the bytes of a combined stream's frame, `Decoder` the typed structs.

`ts_event` is the matching engine's time where the venue gives it (futures, trades), else the time the event was sent,
else 0 (spot's bookTicker). The row's update id is the last of the update. A bookTicker tells the top of the book after
update `u`: tops whose update has not come yet wait in the symbol's head, the newest of them where there is no room for all.
"""

from collections.abc import Iterable
from typing import Final

from polaris.domain.book import FULL
from polaris.domain.instrument import Instrument
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, QUOTE, TRADE, RowBuffer
from polaris.venues.binance.messages import AggregateTrade, BookTicker, DepthSnapshot, DepthUpdate, Trade
from polaris.venues.books import (
    ATTEND,
    CAPACITY,
    CHECKED,
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
    OWN,
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
    MINUS,
    OPEN_LIST,
    QUOTE_MARK,
    apply_rows,
    boolean,
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
    word,
    write_row,
)

MS: Final = 1_000_000  # ns
MOST_MS: Final = 2**63 // MS - 1

# kinds of streams
DEPTH_STREAM: Final = 1
TRADE_STREAM: Final = 2
AGGREGATE_STREAM: Final = 3
TICKER_STREAM: Final = 4
STREAM_KINDS: Final = {"depth": DEPTH_STREAM, "trade": TRADE_STREAM, "aggTrade": AGGREGATE_STREAM, "bookTicker": TICKER_STREAM}

# our words of a symbol's head
CHAINED: Final = OWN  # 1 where an update names its predecessor (futures)
TRADES: Final = OWN + 1  # the kind of stream its trades come from; the other one repeats them
TOPS: Final = OWN + 2  # tops that wait
FIRST_TOP: Final = OWN + 3  # which place the oldest has
RING: Final = OWN + 4  # the places: update id, bid, its lots, ask, its lots
PLACES: Final = 256
OWN_WORDS: Final = 4 + 5 * PLACES

_STREAM = word('{"stream":"')
_DATA = word('","data":{')
_MARKET = word('"MARKET"')
_E, _EVENT, _S, _PS, _M = packed("E"), packed("e"), packed("s"), packed("ps"), packed("M")
_FIRST, _LAST, _PREVIOUS, _BIDS, _ASKS, _TIME = packed("U"), packed("u"), packed("pu"), packed("b"), packed("a"), packed("T")
_BID_LOTS, _ASK_LOTS, _TRADE_ID, _PRICE, _QUANTITY = packed("B"), packed("A"), packed("t"), packed("p"), packed("q")
_MAKER, _ORIGIN, _FIRST_TRADE, _LAST_TRADE = packed("m"), packed("X"), packed("f"), packed("l")


@kernel
def take(payload, ts, size, heads, names, levels, rows):  # type: ignore[no-untyped-def]
    """Read one frame of a combined stream; see `venues.books`. A symbol is to be seen to where its book and a top of the venue differ."""
    at = expect(payload, 0, _STREAM)
    if at == LOST:
        return OTHER
    end = at
    while end < len(payload) and payload[end] != QUOTE_MARK:
        end += 1
    slot = find_name(payload, at, end, names)
    if slot == LOST:
        return OTHER
    if size >= rows.shape[0]:
        return NO_ROWS
    at = expect(payload, end, _DATA)
    i = names[slot, 2]
    kind = names[slot, 3]
    if kind == DEPTH_STREAM:
        return _take_depth(payload, at, ts, size, heads, i, levels, rows)
    if kind == TICKER_STREAM:
        return _take_ticker(payload, at, ts, size, heads, i, levels, rows)
    return _take_trade(payload, at, ts, size, heads, i, kind, rows)


@inlined
def _take_depth(payload, at, ts, size, heads, i, levels, rows):  # type: ignore[no-untyped-def]
    instrument, price_decimals, quantity_decimals = heads[i, ID], heads[i, PRICE_DECIMALS], heads[i, QUANTITY_DECIMALS]
    event, moment, first, last, previous, unknown, seen = 0, 0, 0, 0, -1, 0, 0
    n = size
    going = True
    while going:
        name, at = key(payload, at)
        bit = 0
        if name == _BIDS or name == _ASKS:
            if seen & 7 != 7:
                return LEFT
            bit = 8 if name == _BIDS else 16
            flags = 0 if name == _BIDS else ASK
            if seen & 16:
                return LEFT  # bids come first
            at, n = _levels(payload, at, n, rows, (moment if moment else event) * MS, ts, instrument, flags, last, price_decimals, quantity_decimals)
            if n == NO_ROWS:
                return NO_ROWS
        elif name == _E:
            bit = 1
            event, at = integer(payload, at)
        elif name == _FIRST:
            bit = 2
            first, at = integer(payload, at)
        elif name == _LAST:
            bit = 4
            last, at = integer(payload, at)
        elif name == _TIME:
            if seen & 24:
                return LEFT
            bit = 32
            moment, at = integer(payload, at)
        elif name == _PREVIOUS:
            bit = 64
            if byte(payload, at) == MINUS:
                return LEFT
            previous, at = integer(payload, at)
        else:
            unknown += not (name == _EVENT or name == _S or name == _PS)
            at = skip(payload, at)
        if seen & bit:
            return LEFT
        seen |= bit
        at, going = _next(payload, at)
    if at == LOST or seen & 31 != 31 or event > MOST_MS or moment > MOST_MS:
        return LEFT
    head = heads[i]
    follows = previous == head[UPDATE_ID] if head[CHAINED] else first == head[UPDATE_ID] + 1
    if head[STATE] != LIVE or head[FRESH] or last <= head[UPDATE_ID] or not follows:
        return JUDGE
    book = levels[head[OFFSET] : head[OFFSET] + 4 * head[CAPACITY]].reshape(2, head[CAPACITY], 2)
    if apply_rows(rows, size, n, book, head[COUNTS : COUNTS + 4]) == FULL:
        return NO_LEVELS - i
    if n > size:
        set_last(rows, n - 1)
    head[UPDATE_ID] = last
    head[LAST_UPDATE] = ts
    heads[-1, UNKNOWN] += unknown
    return n + ATTEND * (i + 1) * (settle(head, book, last) == DIFFERS)


@inlined
def _levels(payload, at, n, rows, event, ts, instrument, flags, last, price_decimals, quantity_decimals):  # type: ignore[no-untyped-def]
    """(position, rows then) behind a list of ["price","quantity"]; NO_ROWS in place of the rows where there is no room."""
    at = mark(payload, at, OPEN_LIST)
    if byte(payload, at) == CLOSE_LIST:
        return at + 1, n
    going = at != LOST
    while going:
        price, at = decimal(payload, mark(payload, at, OPEN_LIST), price_decimals)
        quantity, at = decimal(payload, mark(payload, at, COMMA), quantity_decimals)
        at = mark(payload, at, CLOSE_LIST)
        sign = byte(payload, at)
        if at == LOST or (sign != COMMA and sign != CLOSE_LIST):
            return LOST, n
        if n >= rows.shape[0]:
            return LOST, NO_ROWS
        write_row(rows, n, event, ts, instrument, DEPTH, flags, price, quantity, last, 0)
        n += 1
        at += 1
        going = sign == COMMA
    return at, n


@inlined
def _take_ticker(payload, at, ts, size, heads, i, levels, rows):  # type: ignore[no-untyped-def]
    price_decimals, quantity_decimals = heads[i, PRICE_DECIMALS], heads[i, QUANTITY_DECIMALS]
    last, bid, bid_lots, ask, ask_lots, moment, unknown, seen = 0, 0, 0, 0, 0, 0, 0, 0
    going = True
    while going:
        name, at = key(payload, at)
        bit = 0
        if name == _LAST:
            bit = 1
            last, at = integer(payload, at)
        elif name == _BIDS:
            bit = 2
            bid, at = decimal(payload, at, price_decimals)
        elif name == _BID_LOTS:
            bit = 4
            bid_lots, at = decimal(payload, at, quantity_decimals)
        elif name == _ASKS:
            bit = 8
            ask, at = decimal(payload, at, price_decimals)
        elif name == _ASK_LOTS:
            bit = 16
            ask_lots, at = decimal(payload, at, quantity_decimals)
        elif name == _TIME:
            bit = 32
            moment, at = integer(payload, at)
        else:
            unknown += not (name == _EVENT or name == _E or name == _S or name == _PS)
            at = skip(payload, at)
        if seen & bit:
            return LEFT
        seen |= bit
        at, going = _next(payload, at)
    if at == LOST or seen & 31 != 31 or moment > MOST_MS:
        return LEFT
    write_row(rows, size, moment * MS, ts, heads[i, ID], QUOTE, LAST, bid, bid_lots, ask, ask_lots)
    heads[-1, UNKNOWN] += unknown
    head = heads[i]
    book = levels[head[OFFSET] : head[OFFSET] + 4 * head[CAPACITY]].reshape(2, head[CAPACITY], 2)
    disagrees = weigh(head, book, last, bid, bid_lots, ask, ask_lots) == DIFFERS
    return size + 1 + ATTEND * (i + 1) * disagrees


@inlined
def _take_trade(payload, at, ts, size, heads, i, kind, rows):  # type: ignore[no-untyped-def]
    id_name = _TRADE_ID if kind == TRADE_STREAM else _ASKS  # the id of an aggregate is called "a"
    trade, price, quantity, moment, sells, unknown, seen = 0, 0, 0, 0, 0, 0, 0
    going = True
    while going:
        name, at = key(payload, at)
        bit = 0
        if name == id_name:
            bit = 1
            trade, at = integer(payload, at)
        elif name == _PRICE:
            bit = 2
            price, at = decimal(payload, at, heads[i, PRICE_DECIMALS])
        elif name == _QUANTITY:
            bit = 4
            quantity, at = decimal(payload, at, heads[i, QUANTITY_DECIMALS])
        elif name == _TIME:
            bit = 8
            moment, at = integer(payload, at)
        elif name == _MAKER:
            bit = 16
            sells, at = boolean(payload, at)
        elif name == _ORIGIN and kind == TRADE_STREAM:
            bit = 32
            at = expect(payload, at, _MARKET)  # any other is a matter of judgement
        else:
            known = name == _EVENT or name == _E or name == _S or name == _M
            if kind == TRADE_STREAM:
                known = known or name == _BIDS or name == _ASKS
            else:
                known = known or name == _FIRST_TRADE or name == _LAST_TRADE
            unknown += not known
            at = skip(payload, at)
        if seen & bit:
            return LEFT
        seen |= bit
        at, going = _next(payload, at)
    if at == LOST or seen & 31 != 31 or moment > MOST_MS:
        return LEFT
    if heads[i, TRADES] != kind:
        return JUDGE
    write_row(rows, size, moment * MS, ts, heads[i, ID], TRADE, LAST | ASK if sells else LAST, price, quantity, trade, 0)
    heads[-1, UNKNOWN] += unknown
    return size + 1


@inlined
def _next(payload, at):  # type: ignore[no-untyped-def]
    """(position of the next field, True), or, behind the last one, where only the frame's own brace may follow, (position, False)."""
    sign = byte(payload, at)
    if sign == COMMA:
        return at + 1, True
    if sign == CLOSE_OBJECT and at + 2 == len(payload) and payload[at + 1] == CLOSE_OBJECT:
        return at + 2, False
    return LOST, False


# what comes of comparing a book with a top of the venue
NOTHING: Final = 0  # no top at this update
AGREES: Final = 1
DIFFERS: Final = 2


@kernel
def weigh(head, book, last, bid, bid_lots, ask, ask_lots):  # type: ignore[no-untyped-def]
    """A top after update `last` came: compare it with the book, or keep it until the book is there.

    head  int64[OWN + OWN_WORDS]; book  int64[2, capacity, 2]
    """
    if head[STATE] < LIVE or last < head[UPDATE_ID]:
        return NOTHING
    if last == head[UPDATE_ID]:
        return _compare(head, book, bid, bid_lots, ask, ask_lots)
    if head[TOPS] == PLACES:  # the oldest goes
        head[FIRST_TOP] = (head[FIRST_TOP] + 1) % PLACES
        head[TOPS] -= 1
    place = RING + 5 * ((head[FIRST_TOP] + head[TOPS]) % PLACES)
    head[place] = last
    head[place + 1] = bid
    head[place + 2] = bid_lots
    head[place + 3] = ask
    head[place + 4] = ask_lots
    head[TOPS] += 1
    return NOTHING


@kernel
def settle(head, book, last):  # type: ignore[no-untyped-def]
    """The book is at update `last`: drop the tops up to it, comparing those that are of this very update."""
    found = NOTHING
    while head[TOPS] > 0:
        place = RING + 5 * head[FIRST_TOP]
        if head[place] > last:
            break
        if head[place] == last and found != DIFFERS:
            found = _compare(head, book, head[place + 1], head[place + 2], head[place + 3], head[place + 4])
        head[FIRST_TOP] = (head[FIRST_TOP] + 1) % PLACES
        head[TOPS] -= 1
    return found


@kernel
def _compare(head, book, bid, bid_lots, ask, ask_lots):  # type: ignore[no-untyped-def]
    bids, asks = head[COUNTS], head[COUNTS + 1]
    if bids == 0 or asks == 0:
        return DIFFERS
    if book[0, bids - 1, 0] != bid or book[0, bids - 1, 1] != bid_lots or -book[1, asks - 1, 0] != ask or book[1, asks - 1, 1] != ask_lots:
        return DIFFERS
    head[CHECKED] += 1
    return AGREES


class Decoder:
    """Reads the texts of one symbol. Raises UnreadableNumber, having written some of the rows: cut them off."""

    def __init__(self, instrument: Instrument, rows: RowBuffer) -> None:
        self.id = instrument.id
        self._rows = rows
        self._prices = Numbers(instrument.price_decimals, f"price of {instrument.symbol}")
        self._quantities = Numbers(instrument.quantity_decimals, f"quantity of {instrument.symbol}")
        self._snapshots = Snapshots(instrument, rows, self._prices, self._quantities)

    def update(self, update: DepthUpdate, ts: int) -> None:
        """DEPTH rows: bids, then asks, each in the venue's order."""
        event = (update.transaction_ms or update.event_ms) * MS
        self._levels(update.bids, 0, update.last_id, event, ts)
        self._levels(update.asks, ASK, update.last_id, event, ts)

    def snapshot(self, snapshot: DepthSnapshot, ts: int) -> None:
        """DEPTH rows: bids, then asks, the best last."""
        event = snapshot.transaction_ms * MS
        self._snapshots.side(snapshot.bids, 0, snapshot.last_id, event, ts)
        self._snapshots.side(snapshot.asks, ASK, snapshot.last_id, event, ts)

    def trade(self, trade: Trade | AggregateTrade, ts: int) -> None:
        """One TRADE row."""
        flags = LAST | ASK if trade.buyer_is_maker else LAST
        self._rows.append(trade.trade_ms * MS, ts, self.id, TRADE, flags, self._prices[trade.price], self._quantities[trade.quantity], trade.id)

    def quote(self, ticker: BookTicker, ts: int) -> tuple[int, int, int, int]:
        """One QUOTE row; returns (bid, its lots, ask, its lots)."""
        bid, bid_lots = self._prices[ticker.bid], self._quantities[ticker.bid_quantity]
        ask, ask_lots = self._prices[ticker.ask], self._quantities[ticker.ask_quantity]
        self._rows.append(ticker.transaction_ms * MS, ts, self.id, QUOTE, LAST, bid, bid_lots, ask, ask_lots)
        return bid, bid_lots, ask, ask_lots

    def _levels(self, levels: Iterable[tuple[str, str]], flags: int, update_id: int, event: int, ts: int) -> None:
        self._rows.append_levels(event, ts, self.id, flags, levels, self._prices, self._quantities, update_id)
