"""A reader slower than the market: bounded, books conflate and say so, trades are never lost."""

import asyncio
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.book import Book
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import (
    ASK,
    BOOK_STATE_NAMES,
    CLEAR,
    DEPTH,
    LAST,
    LIVE,
    QUOTE,
    REASON_GAP,
    REASON_NAMES,
    SNAPSHOT,
    STATUS,
    TRADE,
    RowBuffer,
    Rows,
)
from polaris.venues.inbox import Inbox, Pace, conflated
from polaris.venues.protocol import SymbolStats
from polaris.venues.sync import BookSync, SyncLimits
from tests.steady_time import steady

MS = 1_000_000
TWO = Instruments(
    [Instrument(id=InstrumentId(i), key=Key("binance", Product.SPOT, f"B{i}", "USDT"), wire=f"B{i}USDT", price_decimals=2, quantity_decimals=2) for i in range(2)]
)


class Market:
    """Two books that change, trades and tops, as a feed writes them."""

    def __init__(self) -> None:
        self.rows, self.now = RowBuffer(), 0
        self.stats = [SymbolStats(head=np.zeros(16, np.int64)) for _ in TWO]
        self.books = [BookSync(item, self.rows, stats, SyncLimits(), self.counted(stats)) for item, stats in zip(TWO, self.stats, strict=True)]
        self.trades = 0
        for i in range(2):
            self.books[i].connected(0)
            self.snapshot(i)

    def counted(self, stats: SymbolStats) -> Book:
        return Book(np.zeros((2, 256, 2), np.int64), stats.head[7:11])

    def symbol(self, i: int) -> SymbolStats:
        return self.stats[i]

    def snapshot(self, i: int) -> None:
        self.now += 1
        start = len(self.rows)
        self.rows.append(0, self.now, i, DEPTH, 0, 100, 5, self.now)
        self.rows.append(0, self.now, i, DEPTH, ASK, 110, 5, self.now)
        self.books[i].replace(start, self.now, self.now)
        self.books[i].live(self.now)

    def change(self, i: int, price: int, lots: int) -> None:
        if self.books[i].state == LIVE:
            self.now += 1
            start = len(self.rows)
            self.rows.append(self.now, self.now, i, DEPTH, ASK if price > 104 else 0, price, lots, self.now)
            self.books[i].update(start, self.now, self.now)

    def trade(self, i: int) -> None:
        self.now, self.trades = self.now + 1, self.trades + 1
        self.rows.append(self.now, self.now, i, TRADE, LAST, 100, 1, self.trades)

    def quote(self, i: int) -> None:
        self.now += 1
        self.rows.append(self.now, self.now, i, QUOTE, LAST, 100, self.now, 110, 1)

    def lose(self, i: int) -> None:
        self.now += 1
        self.books[i].lost(self.now, REASON_GAP)


class Reader:
    """Holds what he was told."""

    def __init__(self, stall_s: float = 0.0) -> None:
        self.heard: list[Rows] = []
        self.sizes: list[int] = []
        self.stall_s = stall_s

    def __call__(self, rows: Rows) -> None:
        time.sleep(self.stall_s)
        self.heard.append(rows.copy())
        self.sizes.append(len(rows))

    @property
    def rows(self) -> Rows:
        return np.concatenate(self.heard)

    def book(self, i: int):
        book = Book()
        book.apply(self.rows, i)
        return book.bids(), book.asks()

    def of(self, kind: int, i: int) -> Rows:
        return self.rows[(self.rows["kind"] == kind) & (self.rows["instrument"] == i)]

    def story(self, i: int) -> list[str]:
        return [f"{BOOK_STATE_NAMES[row['price']]} {REASON_NAMES[row['quantity']]}" for row in self.of(STATUS, i)]


step = st.one_of(
    st.tuples(st.just("change"), st.integers(0, 1), st.integers(90, 120), st.integers(0, 9)),
    st.tuples(st.sampled_from(["trade", "quote", "lose", "snapshot"]), st.integers(0, 1)),
    st.tuples(st.just("read")),
)


@given(st.lists(step, max_size=150))
def test_whatever_comes_the_reader_knows_every_trade_the_newest_tops_and_the_very_books(steps):
    market, reader = Market(), Reader()
    reader(market.rows.take())
    for what, *how in [*steps, ("read",)]:
        if what != "read":
            getattr(market, what)(*how)
            continue
        waiting = market.rows.take()
        told = conflated(waiting, market.symbol, market.now)
        assert len(told) <= len(waiting), "conflated is never longer"
        reader(told)
        for i, book in enumerate(market.books):
            if book.state == LIVE:
                assert reader.book(i) == (book.book.bids(), book.book.asks())
            assert not len(reader.of(STATUS, i)) or reader.of(STATUS, i)["price"][-1] == book.state
            tops = waiting[(waiting["kind"] == QUOTE) & (waiting["instrument"] == i)]
            assert told[(told["kind"] == QUOTE) & (told["instrument"] == i)].tobytes() == tops[-1:].tobytes()
    assert np.concatenate([reader.of(TRADE, 0), reader.of(TRADE, 1)])["other"].size == market.trades
    assert (np.diff(reader.rows[reader.rows["kind"] == TRADE]["other"]) == 1).all()


def test_a_book_that_changed_more_often_than_it_has_levels_comes_whole_between_marks_and_the_other_as_it_was():
    market, reader = Market(), Reader()
    reader(market.rows.take())
    for n in range(50):
        market.change(0, 90 + n % 5, 1 + n)
    market.change(1, 95, 7)
    reader(conflated(market.rows.take(), market.symbol, market.now))
    assert reader.story(0) == ["SYNCING connect", "LIVE none", "SYNCING gap", "LIVE none"] and market.stats[0].conflated == 1
    whole = reader.of(DEPTH, 0)[2:]
    assert len(whole) == 7 and whole[0]["flags"] & CLEAR and (whole["flags"] & SNAPSHOT).all() and whole[-1]["flags"] & LAST
    assert reader.story(1) == ["SYNCING connect", "LIVE none"] and market.stats[1].conflated == 0
    assert reader.book(1) == (market.books[1].book.bids(), market.books[1].book.asks())


def test_a_book_that_was_lost_meanwhile_is_not_told_as_if_it_stood():
    market, reader = Market(), Reader()
    reader(market.rows.take())
    for n in range(50):
        market.change(0, 90 + n % 5, 1 + n)
    market.lose(0)
    told = conflated(market.rows.take(), market.symbol, market.now)
    assert [(row["kind"], row["price"], row["quantity"]) for row in told] == [(STATUS, 1, REASON_GAP)]


def test_a_reader_who_keeps_pace_gets_every_row_at_once():
    market, reader = Market(), Reader()
    inbox = Inbox(market.rows, market.symbol, lambda: 0, 1_000_000 * MS)
    inbox.reader = reader
    inbox.heard()
    for n in range(100):
        market.change(0, 90 + n % 5, 1 + n)
        inbox.heard()
        assert len(market.rows) == 0
    assert reader.sizes == [8, *[1] * 100] and inbox.left_out == 0


@steady
async def test_a_reader_who_is_behind_gets_the_newest_once_everything_is_read():
    market, reader = Market(), Reader(stall_s=0.02)
    inbox = Inbox(market.rows, market.symbol, lambda: market.now, 10 * MS)
    inbox.reader = reader
    task = asyncio.create_task(inbox.catch_up())
    inbox.heard()
    for n in range(500):  # all this was in the sockets when he came back
        market.change(0, 90 + n % 5, 1 + n)
        market.trade(1)
        inbox.heard()
    assert len(reader.heard) == 1, "reading comes first"
    while len(reader.heard) < 2:  # noqa: ASYNC110 - a turn of the loop
        await asyncio.sleep(0)
    assert len(reader.of(DEPTH, 0)) == 9 and len(reader.of(TRADE, 1)) == 500
    assert reader.book(0) == (market.books[0].book.bids(), market.books[0].book.asks())
    task.cancel()


@steady
async def test_what_waits_is_bounded_and_more_trades_than_that_are_handed_over():
    market, reader = Market(), Reader(stall_s=0.02)
    inbox = Inbox(market.rows, market.symbol, lambda: market.now, 10 * MS, most_rows=100)
    inbox.reader = reader
    inbox.heard()
    for n in range(2_000):
        market.change(0, 90 + n % 5, 1 + n)
        inbox.heard()
        assert len(market.rows) <= 101
    assert len(reader.heard) == 1 and inbox.left_out > 1_500
    for _ in range(250):
        market.trade(0)
        inbox.heard()
        assert len(market.rows) <= 101
    inbox.flush()
    assert len(reader.of(TRADE, 0)) == 250
    assert reader.book(0) == (market.books[0].book.bids(), market.books[0].book.asks())


@steady
async def test_a_sender_who_waits_for_his_reader_is_never_conflated():
    market, reader = Market(), Reader(stall_s=0.005)
    inbox = Inbox(market.rows, market.symbol, lambda: 0, None)
    inbox.reader = reader
    for n in range(20):
        market.change(0, 90 + n % 5, 1 + n)
        inbox.heard()
    assert len(reader.heard) == 20 and inbox.left_out == 0


@steady
async def test_an_error_of_the_reader_is_raised_where_it_is_waited_for():
    market = Market()
    inbox = Inbox(market.rows, market.symbol, lambda: 0, 0)
    inbox.reader = Reader(stall_s=0.01)
    inbox.heard()

    def fails(rows: Rows) -> None:
        raise ArithmeticError("a bug of ours")

    inbox.reader = fails
    market.trade(0)
    inbox.heard()
    with pytest.raises(ArithmeticError, match="a bug of ours"):
        await asyncio.wait_for(inbox.catch_up(), 5)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), max_size=50))
def test_a_debt_is_what_was_taken_beyond_what_was_left(times):
    pace, now, debt = Pace(), 0, 0
    for left, taken in times:
        debt = max(0, debt - left) + taken
        pace.took(now + left, now + left + taken)
        now += left + taken
        assert pace.debt(now) == debt
    assert pace.debt(now + debt) == 0
