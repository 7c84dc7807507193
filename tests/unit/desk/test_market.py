"""The desk's market: which rows make a boundary, which touch it shows, and the ten levels beside it, however rows are portioned."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.desk.columns import LEVELS
from polaris.desk.market import Market as Books
from polaris.desk.market.depth import BAR_LOTS, observe
from polaris.domain.book import Book
from polaris.domain.market import ASK, BAR, CLEAR, DEPTH, DISCONNECTED, LAST, LIVE, QUOTE, ROW, STALE, STATUS, SYNCING, TIMER, TRADE
from tests.unit.desk.rows import Market, some_instruments

INSTRUMENTS = some_instruments(2)


def observed(books: Books, rows):
    """(tops, depth, rows of the tops) of rows, a block at a time, as `desk.fold` goes about it."""
    parts = []
    start = 0
    while start < len(rows):
        taken, m = observe(rows[start : start + len(books.tops)], books.books, books.counts, books.seen, books.tops, books.depth, books.at)
        parts.append((books.tops[:m].copy(), books.depth[:m].copy(), books.at[:m] + start))
        start += taken
        if taken == 0:
            books.grow()
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True)) if parts else (books.tops[:0], books.depth[:0], books.at[:0])


def seen(market: Market, books: Books | None = None):
    """(tops, depth, rows of the tops) of what the market says."""
    return observed(books or Books(INSTRUMENTS), market.take())


def touch(top) -> tuple[int, int, int, int]:
    return tuple(int(top[name]) for name in ("bid", "bid_lots", "ask", "ask_lots"))


def test_a_book_makes_a_boundary_where_an_update_closes_and_both_sides_are_known():
    market = Market()
    market.depth({10: 5}, {})
    market.depth({9: 4}, {12: 6, 13: 7})
    tops, depth, at = seen(market)
    assert at.tolist() == [3]
    assert touch(tops[0]) == (10, 5, 12, 6)
    assert depth[0, :, :3].tolist() == [[10, 9, 0], [5, 4, 0], [12, 13, 0], [6, 7, 0]]
    assert (tops[0]["kind"], tops[0]["price"], tops[0]["lots"], tops[0]["ts"]) == (DEPTH, 0, 0, market.now)


def test_an_update_that_is_not_closed_is_not_looked_at_until_it_is():
    books, market = Books(INSTRUMENTS), Market()
    market.depth({10: 5}, {12: 6})
    seen(market, books)
    market.depth({11: 5}, {}, closed=False)
    assert not len(seen(market, books)[0])
    market.trade(11, 3, sells=True)
    tops, _, _ = seen(market, books)
    assert touch(tops[0]) == (10, 5, 12, 6)  # the touch as it was when the book was last whole
    market.depth({10: 4}, {})
    assert touch(seen(market, books)[0][0]) == (11, 5, 12, 6)


def test_a_trade_is_signed_by_its_taker():
    market = Market()
    market.quote(10, 12)
    market.trade(12, 7)
    market.trade(10, 8, sells=True)
    tops, _, _ = seen(market)
    assert [(int(top["kind"]), int(top["price"]), int(top["lots"])) for top in tops] == [(QUOTE, 0, 0), (TRADE, 12, 7), (TRADE, 10, -8)]


def test_where_a_venue_sends_its_touch_it_is_the_touch_and_depth_gives_the_levels():
    market = Market()
    market.depth({10: 5, 9: 4}, {12: 6})
    market.quote(11, 12, 1, 2)
    market.depth({8: 1}, {})
    tops, depth, _ = seen(market)
    assert [touch(top) for top in tops] == [(10, 5, 12, 6), (11, 1, 12, 2), (11, 1, 12, 2)]
    assert depth[2, 0, :4].tolist() == [10, 9, 8, 0]


def test_a_quoted_instrument_without_depth_shows_its_touch_alone():
    market = Market()
    market.quote(11, 12, 1, 2)
    _, depth, _ = seen(market)
    assert depth[0, :, 0].tolist() == [11, 1, 12, 2] and not depth[0, :, 1:].any()


def test_a_bars_touch_is_its_close():
    market = Market()
    market.bar(10, 15, 8, 12, 777)
    tops, _, _ = seen(market)
    assert touch(tops[0]) == (12, BAR_LOTS, 12, BAR_LOTS)
    assert (tops[0]["kind"], tops[0]["price"], tops[0]["lots"]) == (BAR, 12, 777)


@pytest.mark.parametrize("state", [DISCONNECTED, SYNCING, STALE])
def test_a_book_that_leaves_live_is_emptied_and_says_nothing_until_a_snapshot(state):
    books, market = Books(INSTRUMENTS), Market()
    market.depth({10: 5}, {12: 6})
    market.status(state)
    market.trade(10, 1)
    market.status(LIVE)
    market.trade(10, 1)
    assert len(seen(market, books)[0]) == 1
    market.depth({20: 1}, {22: 1}, snapshot=True)
    assert touch(seen(market, books)[0][0]) == (20, 1, 22, 1)


def test_a_quote_outlives_a_gap_in_the_depth_but_not_the_connection():
    books, market = Books(INSTRUMENTS), Market()
    market.quote(10, 12)
    market.status(SYNCING)
    market.trade(10, 1)
    assert len(seen(market, books)[0]) == 2
    market.status(DISCONNECTED)
    market.trade(10, 1)
    market.status(LIVE)
    market.trade(10, 1)
    market.depth({8: 1}, {9: 1}, snapshot=True)
    assert not len(seen(market, books)[0])
    market.quote(8, 9)
    assert touch(seen(market, books)[0][0])[:3:2] == (8, 9)


def test_a_snapshot_replaces_the_book():
    books, market = Books(INSTRUMENTS), Market()
    market.depth({10: 5, 9: 5}, {12: 6})
    market.depth({7: 1}, {8: 1}, snapshot=True)
    _, depth, _ = seen(market, books)
    assert depth[-1, :, :2].tolist() == [[7, 0], [1, 0], [8, 0], [1, 0]]


def test_the_clock_never_falls_and_is_one_for_all_instruments():
    market = Market(at=1_000)
    market.quote(10, 12)
    market.quote(10, 12, instrument=1, after=-500)
    market.timer(after=900)
    market.quote(10, 12, after=-100)
    assert [int(top["ts"]) - 1_000 for top in seen(market)[0]] == [1_000_000, 1_000_000, 1_000_400]


def test_controls_timers_and_reports_are_no_boundaries():
    market = Market()
    market.quote(10, 12)
    market.timer()
    market.control(1)
    market.report(1, 1)
    market.status(LIVE)
    assert len(seen(market)[0]) == 1


def test_a_book_grows_when_it_must_and_loses_nothing():
    books, market = Books(INSTRUMENTS, capacity=64), Market()
    prices = range(1, 1500)
    market.depth({price: price for price in prices}, {}, closed=False)
    market.depth({}, {2000 + price: price for price in prices})
    tops, depth, _ = seen(market, books)
    assert len(tops) == 1 and touch(tops[0]) == (1499, 1499, 2001, 1)
    assert depth[0, 0].tolist() == list(range(1499, 1489, -1)) and depth[0, 2].tolist() == list(range(2001, 2011))
    assert books.counts[0].tolist()[2:] == [1499, 1499] and books.books.shape[2] >= 1499


def test_without_depth_the_same_tops_come_and_no_levels():
    market = Market()
    market.depth({10: 5}, {12: 6})
    market.trade(12, 3)
    tops, depth, _ = seen(market, Books(INSTRUMENTS, depth=False))
    assert len(tops) == 2 and depth.shape == (0, 4, LEVELS)


@settings(max_examples=150)
@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(1, 64))
def test_bars_taken_in_one_stride_show_what_they_show_one_by_one(seed, n, block):
    """Bars of two instruments and of one nobody declared, some of them not whole, clocks that fall, trades and quotes between."""
    dice = np.random.default_rng(seed)
    rows = np.zeros(n, ROW)
    rows["instrument"] = np.repeat(dice.integers(0, 3, n), 4)[:n]
    rows["kind"] = dice.choice([BAR, TRADE, QUOTE, STATUS, TIMER], n, p=[0.84, 0.05, 0.05, 0.03, 0.03])
    rows["flags"] = np.where(dice.random(n) < 0.9, LAST, 0)
    rows["ts_recv"] = np.cumsum(dice.integers(-2, 6, n))
    for name in ("price", "quantity", "other", "other_quantity"):
        rows[name] = dice.integers(0, 100, n)
    strides, one_by_one = Books(INSTRUMENTS, depth=False, block=block), Books(INSTRUMENTS, block=block)
    tops, _, at = observed(strides, rows)
    same, _, same_at = observed(one_by_one, rows)
    assert tops.tobytes() == same.tobytes() and at.tolist() == same_at.tolist()
    assert strides.seen.tobytes() == one_by_one.seen.tobytes() and strides.counts.tobytes() == one_by_one.counts.tobytes()


levels = st.tuples(st.integers(0, 1), st.booleans(), st.integers(80, 120), st.integers(0, 3), st.booleans())
happenings = st.one_of(
    levels.map(lambda level: ("level", *level)),
    st.tuples(st.just("trade"), st.integers(0, 1)),
    st.tuples(st.just("clear"), st.integers(0, 1)),
    st.tuples(st.just("status"), st.integers(0, 1), st.sampled_from((LIVE, SYNCING))),
)


@settings(max_examples=150)
@given(st.lists(happenings, min_size=1, max_size=120), st.lists(st.integers(0, 120), max_size=12))
def test_the_ten_levels_equal_a_plain_books_whatever_the_portions(script, cuts):
    """The levels are copied from boundary to boundary where nothing changed: against a book that is read afresh every time."""
    rows = np.zeros(len(script), Market().take().dtype)
    for i, (what, instrument, *rest) in enumerate(script):
        rows[i]["instrument"], rows[i]["ts_recv"], rows[i]["flags"] = instrument, i, LAST
        match what:
            case "level":
                is_ask, price, lots, last = rest
                rows[i]["kind"], rows[i]["price"], rows[i]["quantity"] = DEPTH, price, lots
                rows[i]["flags"] = (ASK if is_ask else 0) | (LAST if last else 0)
            case "clear":
                rows[i]["kind"], rows[i]["price"], rows[i]["quantity"], rows[i]["flags"] = DEPTH, 100, 1, CLEAR | LAST
            case "trade":
                rows[i]["kind"], rows[i]["price"], rows[i]["quantity"] = TRADE, 100, 1
            case _:
                rows[i]["kind"], rows[i]["price"] = STATUS, rest[0]
    books, plain = Books(INSTRUMENTS), [Book(), Book()]
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    found = {}
    for a, b in pairwise(edges):
        tops, depth, at = observed(books, rows[a:b])
        found |= {a + int(row): (top.copy(), levels.copy()) for top, levels, row in zip(tops, depth, at, strict=True)}
    whole = [False, False]  # whether both sides were known when the book last closed an update
    for i, row in enumerate(rows):
        instrument, book = int(row["instrument"]), plain[int(row["instrument"])]
        if row["kind"] == DEPTH:
            if row["flags"] & CLEAR:
                book.clear()
            book.set(bool(row["flags"] & ASK), int(row["price"]), int(row["quantity"]))
            if row["flags"] & LAST:
                whole[instrument] = min(book.sizes) > 0
        elif row["kind"] == STATUS and row["price"] != LIVE:
            book.clear()
            whole[instrument] = False
        assert (i in found) == (row["kind"] != STATUS and bool(row["flags"] & LAST) and whole[instrument])
        if i not in found or not min(book.sizes):
            continue
        _, levels = found[i]
        for side, best_first in enumerate((book.bids(LEVELS), book.asks(LEVELS))):
            expected = best_first + [(0, 0)] * (LEVELS - len(best_first))
            assert list(zip(levels[2 * side].tolist(), levels[2 * side + 1].tolist(), strict=True)) == expected
