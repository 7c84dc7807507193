"""The ledger entry by entry: what a fill costs, what it earns, which way a fraction of a unit goes."""

import numpy as np
import pytest

from polaris.desk.ledger.book import book_fill, fee_of, mark, notional
from polaris.desk.state import ACCOUNT, POSITION, TERMS
from polaris.domain.exact import MOST
from polaris.domain.orders import BUY, MAKER, SELL, TAKER


def terms(scale_up: int = 1, scale_down: int = 1, maker_ppm: int = 0, taker_ppm: int = 0):
    term = np.zeros(1, TERMS)
    term["scale_up"], term["scale_down"], term["maker_ppm"], term["taker_ppm"] = scale_up, scale_down, maker_ppm, taker_ppm
    term["money_per_tick_lot"] = scale_up / scale_down
    return term[0]


def books(cash: int = 10**9):
    account, position = np.zeros(1, ACCOUNT)[0], np.zeros(1, POSITION)[0]
    account["cash"] = account["deposits"] = cash
    return account, position


def balances(account, position) -> bool:
    return account["cash"] + position["cost"] == account["deposits"] + account["realised"] - account["fees"]


def test_a_position_bought_twice_and_sold_earns_the_difference():
    account, position = books()
    book_fill(account, position, BUY, 10, 1000, 1)
    book_fill(account, position, BUY, 10, 1200, 1)
    assert (position["lots"], position["cost"]) == (20, 2200)
    realised = book_fill(account, position, SELL, 20, 2500, 2)
    assert realised == account["realised"] == position["realised"] == 300
    assert (position["lots"], position["cost"], account["fees"]) == (0, 0, 4)
    assert account["cash"] == 10**9 + 300 - 4
    assert account["turnover"] == 4700
    assert balances(account, position)


def test_a_short_earns_when_it_is_bought_back_lower():
    account, position = books()
    book_fill(account, position, SELL, 10, 1000, 0)
    assert (position["lots"], position["cost"]) == (-10, -1000)
    assert book_fill(account, position, BUY, 4, 300, 0) == 100
    assert (position["lots"], position["cost"]) == (-6, -600)
    assert balances(account, position)


@pytest.mark.parametrize(("first", "then", "realised", "cost"), [(BUY, SELL, 50, -525), (SELL, BUY, -50, 525)])
def test_a_flip_closes_what_was_held_and_opens_the_rest_at_its_own_price(first, then, realised, cost):
    account, position = books()
    book_fill(account, position, first, 10, 1000, 0)
    assert book_fill(account, position, then, 15, 1575, 0) == realised  # 10 closed at 105
    assert (position["lots"], position["cost"]) == (then * 5, cost)
    assert balances(account, position)


def test_what_is_left_of_a_division_stays_in_the_cost_and_leaves_with_the_last_lot():
    account, position = books()
    book_fill(account, position, BUY, 3, 100, 0)
    for _ in range(3):
        book_fill(account, position, SELL, 1, 50, 0)
        assert balances(account, position)
    assert (position["lots"], position["cost"], account["realised"]) == (0, 0, 50)


def test_a_buy_costs_the_unit_above_and_a_sell_brings_the_unit_below():
    term = terms(scale_down=10)
    assert notional(term, 7, 3, True) == 3  # 2.1
    assert notional(term, 7, 3, False) == 2
    assert notional(term, 10, 3, True) == notional(term, 10, 3, False) == 3


def test_a_notional_at_coarse_decimals_is_scaled_up_exactly():
    assert notional(terms(scale_up=10**6), 3, 5, True) == 15 * 10**6


@pytest.mark.parametrize(("price", "lots", "up", "down"), [(MOST, 2, 1, 1), (1, MOST, 2, 1), (3, 2**62, 4, 3), (2**60, 2**60, 10**8, 1), (-1, 5, 1, 1)])
def test_a_notional_beyond_63_bits_is_minus_one(price, lots, up, down):
    assert notional(terms(scale_up=up, scale_down=down), price, lots, True) == -1


def test_a_fee_is_rounded_up_and_a_rebate_down():
    term = terms(maker_ppm=-100, taker_ppm=200)
    assert fee_of(term, 5000, TAKER) == 1
    assert fee_of(term, 5001, TAKER) == 2  # 1.0002
    assert fee_of(term, 10_000, MAKER) == -1
    assert fee_of(term, 19_999, MAKER) == -1  # -1.9999
    assert fee_of(term, 0, TAKER) == fee_of(term, 0, MAKER) == 0


def test_a_rebate_is_income():
    account, position = books(1000)
    book_fill(account, position, BUY, 1, 100, -3)
    assert (account["cash"], account["fees"]) == (903, -3)
    assert balances(account, position)


def test_equity_and_gross_follow_the_mid():
    account, position = books(10_000)
    term = terms()
    book_fill(account, position, BUY, 10, 1000, 0)
    mark(account, position, term, 220)
    assert (position["value"], account["marked"], account["gross"], account["equity"]) == (1100, 1100, 1100, 10_100)
    book_fill(account, position, SELL, 25, 2750, 0)
    mark(account, position, term, 220)
    assert (position["value"], account["marked"], account["gross"], account["equity"]) == (-1650, -1650, 1650, 10_100)
    mark(account, position, term, 180)
    assert (account["gross"], account["equity"]) == (1350, 10_400)
