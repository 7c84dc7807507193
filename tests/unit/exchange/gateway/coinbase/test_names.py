"""Names, times and numbers, to and fro."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange.gateway.coinbase import names
from polaris.exchange.gateway.coinbase.figures import Figures, money, percent, rate
from polaris.exchange.gateway.coinbase.times import moment, spoken, written
from polaris.exchange.gateway.orders import Trade
from tests.unit.exchange.gateway.bare import BTC, RULES

FIGURES = Figures(RULES.listings[0])


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**48 - 1))
def test_an_orders_name_is_a_uuid_that_says_which_it_is(book, order_id):
    name = names.order_name(book, order_id)
    assert str(uuid.UUID(name)) == name and names.order_of(name) == (book, order_id)
    assert names.account_of(name) is None


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1))
def test_an_accounts_name_is_a_uuid_that_says_which_it_is(account, asset):
    name = names.account_name(account, asset)
    assert str(uuid.UUID(name)) == name and names.account_of(name) == (account, asset)
    assert names.order_of(name) is None


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=13), st.uuids())
def test_a_long_name_that_ends_in_a_uuid_is_kept_in_36_bytes_and_told_as_it_came(before, end):
    name = before + str(end)
    assert len(names.kept(name)) <= 36 and names.told(names.kept(name)) == name


@given(st.text(max_size=70))
def test_a_name_is_told_as_it_came_or_refused(name):
    try:
        kept = names.kept(name)
    except ValueError as refused:
        assert "client_order_id" in str(refused)
    else:
        assert len(kept.encode()) <= 36 and names.told(kept) == name


def test_a_name_that_looks_like_a_kept_one_is_refused():
    kept = names.kept(f"ccxt-{uuid.UUID(int=7)}")
    with pytest.raises(ValueError, match="can't be kept"):
        names.kept(kept)


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_a_time_is_read_as_it_was_written(ns):
    assert moment(written(ns)) == ns


def test_times_are_written_as_coinbase_writes_them():
    assert written(1_786_309_548_350_000_000) == "2026-08-09T21:05:48.35Z"
    assert written(1_786_309_548_000_000_000) == "2026-08-09T21:05:48Z"
    assert spoken(1_786_309_548_000_000_001) == "2026-08-09 21:05:48.000000001 +0000 UTC"
    assert moment("2026-08-09T23:05:48.5+02:00") == 1_786_309_548_500_000_000
    for wrong in ("", "now", "2026-08-09", "2026-13-09T21:05:48Z", "2026-08-09T21:05:48", "2026-08-09T21:05:48.0000000001Z", "2026-08-09T21:05:48+99:99"):
        with pytest.raises(ValueError):
            moment(wrong)


def test_numbers_are_exact_and_end_without_zeros():
    assert (FIGURES.price(5_000_010), FIGURES.size(100), FIGURES.amount(5_000_000 * 100)) == ("50000.1", "0.001", "50")
    assert (FIGURES.average(10, 3), FIGURES.average(5, 0)) == ("0.0333333333", "0")
    assert (money(BTC, 1), rate(1_000), percent(-1, 8), percent(1, 0)) == ("0.00000001", "0.001", "-12.5", "0")


def test_a_fee_in_the_base_is_told_as_what_it_was_worth():
    bought, sold = Trade(1, 1, 0, BUY, 5_000_001, 400, 1, False, 0), Trade(2, 2, 0, SELL, 5_000_001, 400, 3, True, 0)
    assert FIGURES.fees([bought]) == "0.0005000001"
    assert FIGURES.fees([bought, sold]) == "0.0005000301"
    assert FIGURES.fees([]) == "0"
