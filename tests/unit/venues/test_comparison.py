"""A book beside the venue's own: only a difference that persists is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.market import DEPTH, LIVE, REASON_CHECKSUM, STATUS, SYNCING, RowBuffer
from polaris.venues.comparison import Comparison, ComparisonLimits, Differences
from polaris.venues.protocol import SymbolStats
from polaris.venues.sync import BookSync, SyncLimits

SECOND = 1_000_000_000
BTC = Instrument(id=InstrumentId(0), key=Key("gemini", Product.SPOT, "BTC", "USD"), wire="BTCUSD", price_decimals=0, quantity_decimals=0)
BIDS, ASKS = [(100, 5), (99, 6), (98, 7)], [(101, 1), (102, 2), (103, 3)]


def a_book(bids=BIDS, asks=ASKS) -> BookSync:
    rows = RowBuffer()
    book = BookSync(BTC, rows, SymbolStats(), SyncLimits())
    book.connected(SECOND)
    for flags, side in ((0, bids), (1, asks)):
        for price, lots in reversed(side):
            rows.append(0, SECOND, 0, DEPTH, flags, price, lots)
    book.replace(1, 0, SECOND)
    book.live(SECOND)
    return book


def compared(book: BookSync, depth: int = 20) -> Comparison:
    return Comparison(book, 0, 1, ComparisonLimits(depth=depth))


def test_a_book_is_due_a_minute_after_it_came_to_life_and_every_minute_from_there():
    comparison = compared(a_book())
    assert [ts for ts in range(1, 200) if comparison.due(ts * SECOND)][:2] == [61, 62]
    comparison.asked(61 * SECOND)
    assert comparison.answer(BIDS, ASKS, 61 * SECOND)
    assert next(ts for ts in range(62, 200) if comparison.due(ts * SECOND)) == 121


def test_the_books_of_a_feed_take_turns():
    turns = [Comparison(a_book(), turn, 3) for turn in range(3)]
    assert [next(ts for ts in range(70) if each.due(ts * SECOND)) for each in turns] == [20, 40, 60]


def test_an_equal_book_is_counted_as_checked():
    book = a_book()
    comparison = compared(book)
    assert comparison.answer(BIDS, ASKS, SECOND)
    assert (book.stats.checksums_ok, book.stats.checksums_failed, book.state) == (1, 0, LIVE)


@pytest.mark.parametrize(
    "theirs",
    [
        ([(100, 5), (98, 7)], ASKS),  # we hold a level that is gone
        ([(100, 5), (99, 6), (98, 7)], [(101, 1), (102, 9), (103, 3)]),  # its quantity is another
        (BIDS, [(101, 1), (102, 2), (103, 3), (104, 1)]),  # we miss one
    ],
)
def test_the_same_difference_twice_costs_the_book(theirs):
    book = a_book()
    comparison = compared(book)
    assert comparison.answer(*theirs, 10 * SECOND)
    assert book.state == LIVE, "it may have been haste"
    assert not comparison.due(12 * SECOND)
    assert comparison.due(13 * SECOND)
    assert not comparison.answer(*theirs, 13 * SECOND)
    assert (book.state, book.stats.checksums_failed, book.stats.resyncs) == (SYNCING, 1, 1)
    (*_, last) = book._rows.view()
    assert (last["kind"], last["quantity"]) == (STATUS, REASON_CHECKSUM)


def test_a_difference_that_went_away_costs_nothing():
    book = a_book()
    comparison = compared(book)
    assert comparison.answer([(100, 4), (99, 6), (98, 7)], ASKS, 10 * SECOND)
    assert comparison.answer(BIDS, ASKS, 13 * SECOND)
    assert comparison.answer([(100, 4), (99, 6), (98, 7)], ASKS, 73 * SECOND)
    assert book.state == LIVE


def test_another_difference_each_time_is_a_market_in_haste():
    book = a_book()
    comparison = compared(book)
    for lots in range(10, 20):
        assert comparison.answer([(100, lots), (99, 6), (98, 7)], ASKS, lots * SECOND)
    assert book.state == LIVE


def test_a_level_is_right_if_it_was_so_when_we_asked():
    book = a_book()
    comparison = compared(book)
    comparison.asked(10 * SECOND)
    book.book.set(False, 100, 8)
    book.book.set(True, 101, 0)
    for _ in range(2):
        assert comparison.answer(BIDS, ASKS, 11 * SECOND)
        book.book.set(False, 100, 5)
        book.book.set(True, 101, 1)
    assert book.stats.checksums_ok == 2


def test_a_difference_that_our_book_makes_good_is_none():
    """The venue's word came before its update."""
    book = a_book()
    comparison = compared(book)
    for ts in (10, 13, 16):
        assert comparison.answer([(100, 4), (99, 6), (98, 7)], ASKS, ts * SECOND)
        book.book.set(False, 100, 4)
        comparison.due(ts * SECOND + 1)
        book.book.set(False, 100, 5)
    assert book.state == LIVE


def test_a_difference_of_the_book_before_says_nothing_of_the_new_one():
    book = a_book()
    comparison = compared(book)
    assert comparison.answer([(100, 4)], ASKS, 10 * SECOND)
    book.lost(11 * SECOND, REASON_CHECKSUM)
    book.replace(len(book._rows), 0, 11 * SECOND)
    book.live(11 * SECOND)
    for price, lots in BIDS:
        book.book.set(False, price, lots)
    for price, lots in ASKS:
        book.book.set(True, price, lots)
    assert comparison.answer([(100, 4)], ASKS, 20 * SECOND)
    assert not comparison.answer([(100, 4)], ASKS, 23 * SECOND)


def test_the_top_of_a_ticker_is_compared_whenever_it_comes():
    book = a_book()
    differences = Differences(book, ComparisonLimits(depth=1))
    for tenth in range(30):
        assert differences.found([(100, 4)], [(101, 1)], tenth * SECOND // 10)
    assert differences
    assert not differences.found([(100, 4)], [(101, 1)], 3 * SECOND)
    assert (book.state, book.stats.checksums_failed) == (SYNCING, 1)


def test_levels_beyond_what_all_lists_reach_are_not_compared():
    book = a_book()
    comparison = compared(book, depth=2)
    for ts in (10, 13):
        assert comparison.answer([(100, 5), (99, 6)], [(101, 1), (102, 2)], ts * SECOND)
    assert book.stats.checksums_ok == 2
    wider = compared(book, depth=3)
    assert wider.answer([(100, 5), (99, 6)], ASKS, 20 * SECOND)
    assert not wider.answer([(100, 5), (99, 6)], ASKS, 23 * SECOND), "a side that ends sooner has no more levels"


def test_a_book_that_is_not_live_is_not_compared_and_begins_anew():
    book = a_book()
    comparison = compared(book)
    assert comparison.answer([], [], 10 * SECOND)
    book.lost(11 * SECOND, REASON_CHECKSUM)
    assert comparison.answer([], [], 12 * SECOND)
    assert not comparison.due(500 * SECOND)
    assert book.stats.checksums_failed == 0


def test_an_answer_that_does_not_come_is_asked_for_again():
    comparison = compared(a_book())
    assert not comparison.due(SECOND)
    comparison.asked(61 * SECOND)
    assert not comparison.due(70 * SECOND)
    assert comparison.due(71 * SECOND)
    comparison.missed(71 * SECOND)
    assert not comparison.due(130 * SECOND)
    assert comparison.due(131 * SECOND)


sides = st.dictionaries(st.integers(1, 50), st.integers(1, 5), max_size=30)


@given(bids=sides, asks=sides, depth=st.integers(1, 8))
def test_a_whole_book_never_differs_from_itself(bids, asks, depth):
    bids, asks = sorted(bids.items(), reverse=True), sorted((price + 50, lots) for price, lots in asks.items())
    book = a_book(bids, asks)
    comparison = compared(book, depth)
    for ts in (10, 13):
        assert comparison.answer(bids[:depth], asks[:depth], ts * SECOND)
    assert book.stats.checksums_ok == 2


@given(bids=sides.filter(bool), depth=st.integers(1, 8), data=st.data())
def test_a_lost_removal_within_reach_is_found(bids, depth, data):
    ours = sorted(bids.items(), reverse=True)
    gone = data.draw(st.sampled_from(ours[:depth]))
    theirs = [level for level in ours if level != gone][:depth]
    book = a_book(ours, ASKS)
    comparison = compared(book, depth)
    comparison.answer(theirs, ASKS[:depth], 10 * SECOND)
    assert not comparison.answer(theirs, ASKS[:depth], 13 * SECOND)
