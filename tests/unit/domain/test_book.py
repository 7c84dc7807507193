"""The L2 book: facts. Against a plain model it stands in tests/property/test_book.py."""

import numpy as np

from polaris.domain.book import Book
from polaris.domain.market import ASK, CLEAR, DEPTH, LAST, SNAPSHOT, TRADE, RowBuffer


def rows(*levels: tuple[int, int, int], instrument: int = 0):
    buffer = RowBuffer()
    for flags, price, lots in levels:
        buffer.append(0, 0, instrument, DEPTH, flags, price, lots)
    return buffer.view()


def test_an_empty_book_has_no_best():
    book = Book()
    assert (book.best_bid, book.best_ask, book.crossed) == (-1, -1, False)
    assert (book.bids(), book.asks()) == ([], [])


def test_sides_run_from_the_best_level():
    book = Book()
    for price in (100, 98, 99):
        book.set(False, price, price)
    for price in (103, 101, 102):
        book.set(True, price, price)
    assert book.bids() == [(100, 100), (99, 99), (98, 98)]
    assert book.asks(2) == [(101, 101), (102, 102)]
    assert (book.best_bid, book.best_ask) == (100, 101)


def test_removing_an_absent_level_is_normal():
    book = Book()
    book.set(False, 100, 0)
    book.set(False, 100, 5)
    book.set(False, 99, 0)
    book.set(False, 100, 0)
    book.set(False, 100, 0)
    assert book.bids() == []


def test_a_locked_book_counts_as_crossed():
    book = Book()
    book.set(False, 100, 1)
    book.set(True, 101, 1)
    assert not book.crossed
    book.set(False, 101, 1)
    assert book.crossed


def test_a_book_grows_in_the_middle_of_an_update():
    book = Book(np.zeros((2, 2, 2), np.int64))
    book.apply(rows(*((0, price, 1) for price in range(1, 51))), 0)
    assert len(book.bids()) == 50
    assert book.levels.shape[1] == 64


def test_a_snapshot_replaces_whatever_was_there():
    book = Book()
    book.apply(rows((0, 100, 1), (ASK, 101, 1)), 0)
    book.apply(rows((CLEAR | SNAPSHOT, 90, 2), (ASK | SNAPSHOT | LAST, 91, 3)), 0)
    assert (book.bids(), book.asks()) == ([(90, 2)], [(91, 3)])


def test_rows_of_others_and_of_other_kinds_pass_by():
    book = Book()
    mixed = np.concatenate([rows((0, 100, 1)), rows((CLEAR, 50, 1), instrument=1)])
    mixed["kind"][0] = DEPTH
    book.apply(mixed, 0)
    mixed["kind"] = TRADE
    mixed["price"] = 7
    book.apply(mixed, 0)
    assert book.bids() == [(100, 1)]
