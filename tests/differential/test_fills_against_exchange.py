"""What the simulated venue says of our orders against what the exchange does with them: the same market, once without and once with us.

The desk sees the market data of a market that does not know us, as in a backtest; the exchange holds our order among the others.
What the fill model claims: an order that takes gets exactly the book, whatever its size. One that rests is taken to be small beside
the market: what trades through its price fills it whole. So a single lot is the measure: it fills when the exchange fills it, to the
very event, as long as nobody ahead of it cancels and what others want and can't get is seen; else never before that, nor elsewhere.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polaris.domain.orders import BUY, LIMIT, MARKET, SELL
from polaris.exchange import MatchingEngine
from polaris.exchange import words as w
from tests.unit.desk.test_venue_fills import Venue, fills

MIDDLE = 10_000
OURS = 1_000_000  # an order id nobody else has
Levels = dict[int, int]


class Markets:
    """One market twice: `without` us, whose data the desk sees, and `within`, where our order stands."""

    def __init__(self, fill_model: str) -> None:
        self.without, self.within = MatchingEngine([MIDDLE - 1000], 4096), MatchingEngine([MIDDLE - 1000], 4096)
        self.desk = Venue(fill_model)
        self.claimed: Counter[int] = Counter()  # lots by price, by the model
        self.got: Counter[int] = Counter()  # and by the exchange
        self._ids = 0
        for k in range(1, 9):
            for lots in (7, 3 * k):
                self._both("submit", self._next(), BUY, MIDDLE - k, lots)
                self._both("submit", self._next(), SELL, MIDDLE + k, lots)
        self.desk.book(*self._levels(), snapshot=True)

    def ours(self, side: int, lots: int, price: int, kind: int) -> None:
        """Our order comes, before anything else does."""
        self.desk.send(side, lots, kind, price)
        kind_there, until = (w.MARKET, w.IOC) if kind == MARKET else (w.LIMIT, w.GTC)
        self._hear(self.within.submit(OURS, side, price, lots, order_type=kind_there, time_in_force=until))
        self.claimed.update(_by_price(fills(self.desk.time())))

    def other(self, what: str, *arguments: Any, **more: Any) -> None:
        """Somebody else does something; the desk sees its trades, then the levels that changed."""
        before = self._levels()
        told = getattr(self.without, what)(*arguments, **more)
        trades = [(int(event["price"]), int(event["quantity"]), int(event["side"])) for event in told if event["kind"] == w.FILL]
        self._hear(getattr(self.within, what)(*arguments, **more))
        for price, lots, side in trades:
            self.claimed.update(_by_price(fills(self.desk.trade(price, lots, sells=side == SELL))))
        changed = [{price: now.get(price, 0) for price in was | now if was.get(price) != now.get(price)} for was, now in zip(before, self._levels(), strict=True)]
        if any(changed):
            self.claimed.update(_by_price(fills(self.desk.book(*changed))))

    def submit(self, side: int, price: int, lots: int, takes_only: bool = False) -> None:
        self.other("submit", self._next(), side, price, lots, time_in_force=w.IOC if takes_only else w.GTC)

    def cancel(self, order_id: int) -> None:
        self.other("cancel", order_id)

    def _next(self) -> int:
        self._ids += 1
        return self._ids

    def _both(self, what: str, *arguments: Any) -> None:
        getattr(self.without, what)(*arguments)
        getattr(self.within, what)(*arguments)

    def _hear(self, events: Any) -> None:
        for event in events[events["kind"] == w.FILL]:
            if OURS in (event["order_id"], event["maker_id"]):
                self.got[int(event["price"])] += int(event["quantity"])

    def _levels(self) -> tuple[Levels, Levels]:
        sides: tuple[Levels, Levels] = ({}, {})
        for order in self.without.orders():
            side = sides[int(order["ladder"])]
            side[int(order["price"])] = side.get(int(order["price"]), 0) + int(order["shown"])
        return sides


def _by_price(found: list[tuple[int, int, int]]) -> Counter[int]:
    counter: Counter[int] = Counter()
    for price, lots, _ in found:
        counter[price] += lots
    return counter


sides = st.sampled_from([BUY, SELL])


@settings(max_examples=60, deadline=None)
@given(side=sides, lots=st.integers(1, 300), away=st.integers(-3, 8), market=st.booleans())
def test_an_order_that_takes_gets_exactly_what_the_exchange_gives_it(side: int, lots: int, away: int, market: bool) -> None:
    markets = Markets("queue")
    markets.ours(side, lots, 0 if market else MIDDLE + side * away, MARKET if market else LIMIT)
    assert markets.claimed == markets.got


actions = st.lists(
    st.one_of(
        st.tuples(st.just("limit"), sides, st.integers(-4, 4), st.integers(1, 40)),
        st.tuples(st.just("take"), sides, st.integers(-1, 5), st.integers(1, 60)),
        st.tuples(st.just("cancel"), st.integers(1, 60)),
    ),
    max_size=25,
)


def play(markets: Markets, stream: list[tuple[Any, ...]], visibly: bool) -> None:
    """visibly: nobody cancels, and what an order could not take is seen, as it rests."""
    for what, *rest in stream:
        if what != "cancel":
            side, away, lots = rest
            markets.submit(side, MIDDLE + (side if what == "take" else -side) * away, lots, takes_only=what == "take" and not visibly)
        elif not visibly:
            markets.cancel(rest[0])


@settings(max_examples=150, deadline=None)
@given(side=sides, away=st.integers(1, 6), stream=actions)
@example(side=BUY, away=1, stream=[("take", SELL, 5, 60)])
@example(side=SELL, away=2, stream=[("limit", SELL, 2, 5), ("take", BUY, 5, 35), ("take", BUY, 5, 10)])
def test_a_resting_lot_fills_at_the_event_that_fills_it_at_the_exchange_where_all_is_seen(side: int, away: int, stream: list[tuple[Any, ...]]) -> None:
    markets = Markets("queue")
    markets.ours(side, 1, MIDDLE - side * away, LIMIT)
    for step in stream:
        play(markets, [step], visibly=True)
        assert markets.claimed == markets.got


@settings(max_examples=150, deadline=None)
@given(side=sides, away=st.integers(1, 6), stream=actions)
@example(side=BUY, away=1, stream=[("cancel", 1), ("take", SELL, 5, 8)])
def test_a_resting_lot_never_fills_before_the_exchange_fills_it_nor_at_another_price(side: int, away: int, stream: list[tuple[Any, ...]]) -> None:
    markets = Markets("queue")
    markets.ours(side, 1, MIDDLE - side * away, LIMIT)
    for step in stream:
        play(markets, [step], visibly=False)
        assert markets.claimed <= markets.got


def test_the_model_is_behind_where_the_one_ahead_cancels() -> None:
    markets = Markets("queue")
    markets.ours(BUY, 20, MIDDLE - 1, LIMIT)
    markets.cancel(1)  # seven lots ahead of us
    markets.submit(SELL, MIDDLE - 1, 5, takes_only=True)
    assert (markets.claimed.total(), markets.got.total()) == (0, 2)


@pytest.mark.parametrize("fill_model", ["touch", "mid"])
def test_the_other_models_claim_more_than_an_exchange_gives(fill_model: str) -> None:
    markets = Markets(fill_model)
    markets.ours(BUY, 20, MIDDLE - 1, LIMIT)
    markets.submit(SELL, MIDDLE - 1, 5, takes_only=True)
    assert markets.claimed.total() > markets.got.total() == 0
