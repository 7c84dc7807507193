"""A reader slower than the market: bounded, books conflate, trades are never lost."""

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.book import Book
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import ASK, CLEAR, DEPTH, LAST, LIVE, REASON_GAP, SNAPSHOT, STATUS, SYNCING, TRADE, RowBuffer
from polaris.venues.inbox import Inbox

TWO = Instruments(
    [Instrument(id=InstrumentId(i), key=Key("binance", Product.SPOT, f"B{i}", "USDT"), wire=f"B{i}USDT", price_decimals=2, quantity_decimals=2) for i in range(2)]
)


def rows_of(*rows: tuple[int, ...]):
    buffer = RowBuffer()
    for row in rows:
        buffer.append(*row)
    return buffer.take()


def live(i: int):
    return rows_of((0, 1, i, DEPTH, SNAPSHOT | CLEAR, 100, 5, 1, 0), (0, 1, i, DEPTH, SNAPSHOT | ASK | LAST, 110, 5, 1, 0), (0, 1, i, STATUS, 0, LIVE, 0, 0, 0))


def taken(inbox: Inbox):
    return asyncio.run(inbox.take())


def book_of(rows, i: int):
    book = Book()
    book.apply(rows, i)
    return book.bids(), book.asks()


def test_as_long_as_there_is_room_rows_pass_as_they_came():
    inbox = Inbox(TWO, 100)
    first, second = live(0), rows_of((2, 2, 0, TRADE, LAST, 100, 1, 7, 0))
    inbox.put(first)
    inbox.put(second)
    assert taken(inbox).tobytes() == np.concatenate([first, second]).tobytes() and inbox.conflated == 0


step = st.one_of(
    st.tuples(st.just(DEPTH), st.integers(0, 1), st.integers(90, 104), st.integers(0, 9)),
    st.tuples(st.just(DEPTH), st.integers(0, 1), st.integers(105, 120), st.integers(0, 9)),
    st.tuples(st.just(TRADE), st.integers(0, 1), st.integers(90, 120), st.integers(1, 9)),
    st.tuples(st.just(STATUS), st.integers(0, 1), st.just(0), st.just(0)),
    st.tuples(st.just(0), st.just(0), st.just(0), st.just(0)),  # the reader comes
)


@given(st.lists(step, max_size=120), st.integers(1, 30))
def test_whatever_comes_the_reader_ends_with_every_trade_and_the_very_books(steps, room):
    inbox, truth, heard, trades = Inbox(TWO, room), [live(0), live(1)], [], 0
    for rows in truth:
        inbox.put(rows)
    for n, (kind, i, price, lots) in enumerate(steps, 2):
        if kind == 0:
            if inbox:
                heard.append(taken(inbox))
            continue
        if kind == DEPTH:
            rows = rows_of((n, n, i, DEPTH, LAST | (ASK if price > 104 else 0), price, lots, n, 0))
        elif kind == TRADE:
            rows, trades = rows_of((n, n, i, TRADE, LAST, price, lots, n, 0)), trades + 1
        else:  # a gap, and back with a snapshot
            rows = np.concatenate([rows_of((0, n, i, STATUS, 0, SYNCING, REASON_GAP, 0, 0)), live(i)])
        truth.append(rows)
        inbox.put(rows)
        assert len(inbox) <= room + trades + 2 * len(truth)
    if inbox:
        heard.append(taken(inbox))
    everything, whole = np.concatenate(heard), np.concatenate(truth)
    assert everything[everything["kind"] == TRADE].tobytes() == whole[whole["kind"] == TRADE].tobytes()
    assert everything[everything["kind"] == STATUS].tobytes() == whole[whole["kind"] == STATUS].tobytes()
    for i in range(2):
        assert book_of(everything, i) == book_of(whole, i)


def test_rows_that_wait_are_bounded_however_long_the_reader_sleeps():
    inbox = Inbox(TWO, 50)
    inbox.put(live(0))
    for n in range(10_000):
        inbox.put(rows_of((n, n, 0, DEPTH, LAST, 90 + n % 10, 1 + n % 7, n, 0)))
    assert len(inbox) <= 50 and inbox.conflated > 9_000
    rows = taken(inbox)
    snapshot = rows[(rows["kind"] == DEPTH)]
    assert snapshot[0]["flags"] & CLEAR and (snapshot["flags"] & SNAPSHOT).all() and snapshot[-1]["other"] == 9_999


async def test_a_reader_that_waits_is_woken():
    inbox = Inbox(TWO, 50)
    waiting = asyncio.create_task(inbox.take())
    await asyncio.sleep(0)
    inbox.put(live(1))
    assert len(await asyncio.wait_for(waiting, 1)) == 3
