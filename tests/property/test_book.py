"""The compiled book against a dictionary a side."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from polaris.domain.book import Book
from polaris.domain.market import ASK, CLEAR, DEPTH, RowBuffer

sides = st.booleans()
prices = st.one_of(st.integers(1, 30), st.integers(1, 2**62))
lots = st.one_of(st.just(0), st.integers(0, 2**63 - 1))
levels = st.tuples(sides, prices, lots)


class BookAgainstDictionaries(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.book = Book(np.zeros((2, 1, 2), np.int64))
        self.model: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def put(self, is_ask: bool, price: int, quantity: int) -> None:
        side = self.model[is_ask]
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)

    @rule(level=levels)
    def set_one_level(self, level):
        self.book.set(*level)
        self.put(*level)

    @rule(many=st.lists(levels, max_size=30), clears=st.integers(-10, 30))
    def apply_an_update(self, many, clears):
        rows = RowBuffer()
        for place, (is_ask, price, quantity) in enumerate(many):
            if place == clears:
                self.model = ({}, {})
            rows.append(0, 0, 3, DEPTH, (ASK if is_ask else 0) | (CLEAR if place == clears else 0), price, quantity)
            self.put(is_ask, price, quantity)
        self.book.apply(rows.view(), 3)

    @rule()
    def clear(self):
        self.book.clear()
        self.model = ({}, {})

    @invariant()
    def both_say_the_same(self):
        bids, asks = self.model
        assert self.book.bids() == sorted(bids.items(), reverse=True)
        assert self.book.asks() == sorted(asks.items())
        assert self.book.best_bid == max(bids, default=-1)
        assert self.book.best_ask == min(asks, default=-1)
        assert self.book.crossed == bool(bids and asks and max(bids) >= min(asks))


TestBookAgainstDictionaries = BookAgainstDictionaries.TestCase


@given(st.lists(levels, max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_an_update_cut_anywhere_leads_to_the_same_book(many, cuts):
    rows = RowBuffer()
    for is_ask, price, quantity in many:
        rows.append(0, 0, 0, DEPTH, ASK if is_ask else 0, price, quantity)
    whole, pieces = Book(), Book(np.zeros((2, 1, 2), np.int64))
    whole.apply(rows.view(), 0)
    at = [0, *sorted(min(cut, len(many)) for cut in cuts), len(many)]
    for first, last in itertools.pairwise(at):
        pieces.apply(rows.view()[first:last], 0)
    assert (whole.bids(), whole.asks()) == (pieces.bids(), pieces.asks())
