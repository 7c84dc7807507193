"""The built-in market's process: repeatable, never crossed, and with something to find."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.book import Book
from polaris.domain.errors import BadConfig
from polaris.venues.served.floor import LEVELS, listings
from polaris.venues.served.process import Market

START = 1_760_000_000_000_000_000


def told(seed: int, bases: list[str], steps: int) -> str:
    """A digest of everything the market did."""
    market, digest = Market(seed, bases, START), hashlib.sha256()
    for _ in range(steps):
        for floor, update in market.step():
            digest.update(repr((floor.listing.wire, update)).encode())
    return digest.hexdigest()


def test_the_same_seed_makes_the_same_market_and_another_seed_another():
    assert told(7, ["BTC", "ETH"], 200) == told(7, ["BTC", "ETH"], 200) != told(8, ["BTC", "ETH"], 200)


def test_the_market_of_seed_seven_is_this_one_on_every_machine():
    assert told(7, ["BTC", "ETH"], 200)[:16] == "e0078b9db57f9073"


def test_one_more_symbol_does_not_change_the_others():
    alone, joined = Market(3, ["BTC"], START), Market(3, ["BTC", "SOL"], START)
    for _ in range(100):
        assert [update for _, update in alone.step()] == [update for _, update in joined.step()[:2]]


@given(st.integers(0, 2**63))
def test_no_book_is_ever_crossed_empty_or_far_from_its_depth(seed):
    market = Market(seed, ["BTC", "SOL", "XRP"], START)
    for _ in range(60):
        for floor, _ in market.step():
            assert 0 < floor.bids.best < floor.asks.best
            assert LEVELS - 5 <= len(floor.bids.prices) <= LEVELS + 10
            assert LEVELS - 5 <= len(floor.asks.prices) <= LEVELS + 10
            assert min(floor.bids.lots.values()) > 0 and min(floor.asks.lots.values()) > 0


@given(st.integers(0, 2**63))
def test_a_book_rebuilt_from_the_changes_is_the_floors_own(seed):
    market = Market(seed, ["ETH"], START)
    books = []
    for floor in market.floors:
        book = Book()
        for side in (floor.bids, floor.asks):
            for price, lots in side.levels():
                book.set(side.is_ask, price, lots)
        books.append(book)
    ids = [floor.update_id for floor in market.floors]
    for _ in range(40):
        for which, (floor, update) in enumerate(market.step()):
            assert update.first_id == ids[which] + 1
            ids[which] = update.last_id
            for (is_ask, price), lots in update.changes.items():
                books[which].set(is_ask, price, lots)
            assert books[which].bids() == floor.bids.levels()
            assert books[which].asks() == floor.asks.levels()


def test_trades_happen_at_prices_the_book_showed_and_their_numbers_grow():
    market = Market(5, ["BTC"], START)
    last = [0, 0]
    for _ in range(300):
        for which, (_, update) in enumerate(market.step()):
            for trade in update.trades:
                assert trade.id > last[which] and trade.lots > 0
                last[which] = trade.id
                assert (trade.taker_buys, trade.price) in update.changes  # it consumed a level of that side


def correlation(first: list[float], second: list[float]) -> float:
    n = len(first)
    a, b = sum(first) / n, sum(second) / n
    top = sum((x - a) * (y - b) for x, y in zip(first, second, strict=True))
    return top / (sum((x - a) ** 2 for x in first) * sum((y - b) ** 2 for y in second)) ** 0.5


def test_what_the_book_leans_to_now_the_price_does_within_two_seconds():
    market = Market(11, ["BTC"], START)
    mids, leans = [], []
    for _ in range(3000):
        floor, _ = market.step()[0]
        bids, asks = (sum(lots for _, lots in side.levels()[:5]) for side in (floor.bids, floor.asks))
        mids.append((floor.bids.best + floor.asks.best) / 2)
        leans.append((bids - asks) / (bids + asks))
    ahead = [later - now for now, later in zip(mids[:-40], mids[40:], strict=True)]
    assert correlation(leans[:-40], ahead) > 0.15


def test_the_venues_learn_of_a_price_at_different_moments():
    market = Market(11, ["BTC"], START)
    mids: tuple[list[float], list[float]] = ([], [])
    for _ in range(1000):
        for which, (floor, _) in enumerate(market.step()):
            mids[which].append((floor.bids.best + floor.asks.best) / 2)
    moves = [[later - now for now, later in pairwise(series)] for series in mids]
    assert correlation(moves[1][:-2], moves[0][2:]) > 0.5 > abs(correlation(moves[1], moves[0]))


def test_every_asset_is_listed_once_on_both_venues():
    assert [item.wire for item in listings(["BTC", "ETH", "BTC"])] == ["BTC-USD", "BTCUSDT", "ETH-USD", "ETHUSDT"]


def test_an_unknown_asset_is_refused_with_the_known_ones():
    with pytest.raises(BadConfig, match=r"no 'DOGE'; it has BTC, ETH, SOL, XRP"):
        Market(1, ["DOGE"], START)
