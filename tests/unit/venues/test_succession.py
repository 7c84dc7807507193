"""One feed follows another on the same rows: every trade is told once, every book stays what it is, every count goes on."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.book import Book
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import (
    ASK,
    CLEAR,
    DEPTH,
    LAST,
    LIVE,
    QUOTE,
    REASON_CLOSED,
    REASON_CONNECT,
    REASON_NONE,
    SNAPSHOT,
    STATUS,
    SYNCING,
    TRADE,
    RowBuffer,
)
from polaris.venues.protocol import FeedStats, SymbolStats
from polaris.venues.succession import Succession
from polaris.venues.sync import BookSync, SyncLimits

SETTLES = 20  # two connections are never further apart
ITEMS = Instruments(
    Instrument(id=InstrumentId(i), key=Key("toy", Product.SPOT, coin, "USD"), wire=coin, price_decimals=0, quantity_decimals=0)
    for i, coin in enumerate(("AAA", "BBB"))
)


class Feed:
    """Writes what a test says; its books are kept by the house's own."""

    venue = "toy"
    instruments = ITEMS

    def __init__(self, rows: RowBuffer) -> None:
        self.rows = rows
        self.stats = FeedStats(symbols={item.wire: SymbolStats() for item in ITEMS})
        self.books = [BookSync(item, rows, self.stats.symbols[item.wire], SyncLimits()) for item in ITEMS]
        for book in self.books:
            book.connected(0)

    def trade(self, i: int, ts: int, price: int = 1, *, number: int = 0, sells: bool = False) -> None:
        self.rows.append(ts, ts, i, TRADE, LAST | (ASK if sells else 0), price, 1, number)

    def snapshot(self, i: int, ts: int, bids: dict[int, int]) -> None:
        start = len(self.rows)
        for price, lots in bids.items():
            self.rows.append(ts, ts, i, DEPTH, SNAPSHOT, price, lots, 1)
        self.books[i].replace(start, 1, ts)
        self.books[i].live(ts)

    def lose(self, ts: int) -> None:
        for book in self.books:
            book.disconnected(ts)


def pair() -> tuple[RowBuffer, Feed, Feed, Succession]:
    rows = RowBuffer()
    old, new = Feed(rows), Feed(rows)
    rows.clear()
    return rows, old, new, Succession(old, new)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Trade:
    """One trade of the market, and when each of two connections tells it."""

    ts: int
    i: int
    number: int
    price: int
    sells: bool
    old: int
    new: int


@st.composite
def markets(draw) -> list[Trade]:
    """Trades in their order, some at the same time and price; each connection later than the market by its own, changing, time."""
    numbered = draw(st.booleans())
    steps = draw(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(1, 2), st.booleans(), st.integers(0, 19), st.integers(0, 19)), max_size=60))
    found: list[Trade] = []
    ts, old, new = 1, 0, 0
    for n, (later, i, price, sells, lag_old, lag_new) in enumerate(steps):
        ts += later
        old, new = max(old, ts + lag_old), max(new, ts + lag_new)
        found.append(Trade(ts, i, 1000 + n if numbered else 0, price, sells, old, new))
    return found


@given(markets(), st.integers(0, 60), st.integers(0, 10))
def test_two_connections_at_different_moments_of_a_market_tell_each_of_its_trades_once_and_in_order(market, begins, opening):
    rows, old, new, succession = pair()
    opens = begins + SETTLES + opening
    takes, ends = opens + SETTLES, opens + 2 * SETTLES
    happens = [(trade.old, 0, trade, old) for trade in market if trade.old <= takes]
    happens += [(trade.new, 1, trade, new) for trade in market if trade.new >= opens]  # of what happened before it opened, as much as it is late
    told = []
    for ts, _, trade, feed in sorted([*happens, (takes, 2, None, None)], key=lambda each: each[:2]):
        start = len(rows)
        if trade is None:
            succession.take_over(ts)
        else:
            feed.trade(trade.i, trade.ts, trade.price, number=trade.number, sells=trade.sells)
            if begins <= ts <= ends:
                succession.heard(feed, start)
        told += rows.take().tolist()
    trades = [row for row in told if row[4] == TRADE]
    assert Counter((i, ts, price, number, flags & ASK) for _, ts, _, i, _, flags, price, _, number, _ in trades) == Counter(
        (trade.i, trade.ts, trade.price, trade.number, trade.sells * ASK) for trade in market
    )
    for i in range(len(ITEMS)):
        times = [row[1] for row in trades if row[3] == i]
        assert times == sorted(times)


def test_what_one_that_follows_writes_is_taken_out_and_nothing_else():
    rows, _, new, succession = pair()
    rows.append(5, 5, 0, QUOTE, LAST, 1, 1, 2, 1)  # of any feed of the desk, not handed over yet
    waiting = rows.view().copy()
    new.snapshot(0, 6, {100: 1})
    new.trade(0, 6, number=1)
    succession.heard(new, len(waiting))
    assert (rows.view() == waiting).all()


def test_of_several_trades_at_one_time_without_numbers_only_those_are_left_out_that_were_told():
    rows, old, new, succession = pair()
    for sells in (False, True):
        old.trade(0, 7, price=10, sells=sells)
    succession.heard(old, 0)
    rows.clear()
    new.trade(1, 7, price=10)
    new.trade(0, 7, price=11)
    for _ in range(3):
        new.trade(0, 7, price=10)
    new.trade(0, 7, price=10, sells=True)
    succession.heard(new, 0)
    succession.take_over(8)
    trades = rows.take()
    trades = trades[trades["kind"] == TRADE]
    assert trades[["instrument", "price", "flags"]].tolist() == [(1, 10, LAST), (0, 11, LAST), (0, 10, LAST), (0, 10, LAST)]


def test_a_trade_of_an_older_number_that_was_not_told_is_told():
    rows, old, new, succession = pair()
    old.trade(0, 7, number=12)
    succession.heard(old, 0)
    rows.clear()
    succession.take_over(8)
    rows.clear()
    for number in (11, 12, 13):
        new.trade(0, 7, number=number)
    succession.heard(new, 0)
    assert rows.view()["other"].tolist() == [11, 13]


def test_a_book_comes_whole_and_empties_what_was_known_of_it():
    rows, old, new, succession = pair()
    downstream = Book()
    old.snapshot(0, 1, {100: 1, 99: 2})
    downstream.apply(rows.take(), 0)
    assert not succession.ready
    new.snapshot(0, 2, {101: 7})
    succession.heard(new, 0)
    assert succession.ready, "the other book is LIVE in none of them"
    succession.take_over(3)
    told = rows.take()
    downstream.apply(told, 0)
    assert downstream.bids() == [(101, 7)]
    assert told["kind"].tolist() == [DEPTH] and told["flags"].tolist() == [SNAPSHOT | CLEAR | LAST], "and no word of a state that is the same"


def test_a_book_that_has_become_empty_is_emptied():
    rows, old, new, succession = pair()
    downstream = Book()
    old.snapshot(0, 1, {100: 1})
    downstream.apply(rows.take(), 0)
    new.snapshot(0, 2, {100: 1})
    new.books[0].book.clear()
    rows.clear()
    succession.take_over(3)
    downstream.apply(rows.view(), 0)
    assert downstream.bids() == []


def test_after_a_connection_that_died_the_books_say_where_they_stand():
    rows, old, new, succession = pair()
    for i in range(2):
        old.snapshot(i, 1, {100: 1})
    new.snapshot(0, 2, {101: 1})
    old.lose(3)
    rows.clear()
    assert succession.ready
    succession.take_over(4)
    told = rows.view()
    states = told[told["kind"] == STATUS][["instrument", "price", "quantity"]].tolist()
    assert states == [(0, LIVE, REASON_NONE), (1, SYNCING, REASON_CONNECT)]
    assert REASON_CLOSED not in told["quantity"][told["kind"] == STATUS], "the old one told that itself"


def test_every_count_goes_on():
    _, old, new, succession = pair()
    for number, feed in ((1, old), (10, new)):
        stats = feed.stats
        stats.frames, stats.bytes, stats.bad_messages, stats.gaps, stats.unknown_fields = (number * n for n in (1, 2, 3, 4, 5))
        stats.ignored = {"both": number, f"only {number}": number}
        one = stats.symbols["AAA"]
        one.gaps, one.resyncs, one.checksums_failed, one.checksums_ok, one.crossed, one.crossed_ns, one.conflated = (number * n for n in range(1, 8))
    succession.take_over(1)
    stats, one = new.stats, new.stats.symbols["AAA"]
    assert (stats.frames, stats.bytes, stats.bad_messages, stats.gaps, stats.unknown_fields) == (11, 22, 33, 44, 55)
    assert stats.ignored == {"both": 11, "only 1": 1, "only 10": 10}
    counts = (one.gaps, one.resyncs, one.checksums_failed, one.checksums_ok, one.crossed, one.crossed_ns, one.conflated)
    assert counts == tuple(11 * n for n in range(1, 8))
    assert old.stats.frames == 1 and np.all(old.stats.head[:1] == 5)
