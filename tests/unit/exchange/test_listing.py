"""Texts and integers of a listing: exact both ways, and what a book does not take breaks a named filter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.errors import UnreadableNumber
from polaris.exchange.listing import Asset, FilterFailed, Listing, Rules
from polaris.exchange.words import MAX_PRICE, MAX_QUANTITY, TICKS

BTC, ETH, USDT = Asset("BTC", 8), Asset("ETH", 8), Asset("USDT", 8)
BTCUSDT = Listing("BTCUSDT", BTC, USDT, "0.01", "0.00001", min_notional="5", min_quantity="0.00010", max_quantity="900", lowest_price="59000")
QUARTERS = Listing("ETHBTC", ETH, BTC, "0.25", "0.5")


def test_a_listing_knows_its_integers():
    assert (BTCUSDT.lot_units, BTCUSDT.value, BTCUSDT.lowest) == (1_000, 10, 5_900_000)
    assert (BTCUSDT.min_lots, BTCUSDT.max_lots, BTCUSDT.min_units) == (10, 90_000_000, 500_000_000)
    assert (QUARTERS.lowest, QUARTERS.min_lots, QUARTERS.max_lots) == (1, 1, MAX_QUANTITY)


@pytest.mark.parametrize(("text", "ticks"), [("60123.45", 6_012_345), ("60123.4500", 6_012_345), ("60000", 6_000_000), ("6.1E4", 6_100_000)])
def test_a_price_is_read_as_it_is_written(text, ticks):
    assert BTCUSDT.ticks(text) == ticks


@pytest.mark.parametrize("text", ["60123.455", "58999.99", "100943.04", "0", "-60000", "abc", "", "nan", "inf", "6_0000", " 60000"])
def test_a_price_the_book_does_not_take_fails_the_price_filter(text):
    with pytest.raises(FilterFailed, match="PRICE_FILTER") as failed:
        BTCUSDT.ticks(text)
    assert failed.value.filter == "PRICE_FILTER"


def test_prices_and_quantities_between_two_steps_fail_even_where_the_digits_are_few():
    assert (QUARTERS.ticks("0.75"), QUARTERS.lots("1.5")) == (3, 3)
    with pytest.raises(FilterFailed, match=r"multiple of 0\.25"):
        QUARTERS.ticks("0.8")
    with pytest.raises(FilterFailed, match=r"multiple of 0\.5"):
        QUARTERS.lots("0.7")


@pytest.mark.parametrize("text", ["0.000101", "0.00009", "900.00001", "0", "-1", "x"])
def test_a_quantity_the_book_does_not_take_fails_the_lot_filter(text):
    with pytest.raises(FilterFailed, match="LOT_SIZE") as failed:
        BTCUSDT.lots(text)
    assert failed.value.filter == "LOT_SIZE"


def test_an_amount_of_the_quote_becomes_ticks_times_lots_and_never_more_than_was_said():
    assert BTCUSDT.amount("100.00000019") == 1_000_000_001
    assert BTCUSDT.amount_text(1_000_000_001) == "100.00000010"
    with pytest.raises(FilterFailed, match=r"MIN_NOTIONAL; expected at least 5\.0"):
        BTCUSDT.amount("4.99999999")
    with pytest.raises(FilterFailed, match="LOT_SIZE"):
        BTCUSDT.amount("5.000000001")


@given(st.integers(5_900_000, 5_900_000 + TICKS - 1))
def test_every_price_of_a_book_comes_back_from_its_text(ticks):
    assert BTCUSDT.ticks(BTCUSDT.price_text(ticks)) == ticks


@given(st.integers(10, 90_000_000))
def test_every_quantity_comes_back_from_its_text(lots):
    assert BTCUSDT.lots(BTCUSDT.quantity_text(lots)) == lots


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(0, 18))
def test_every_balance_comes_back_from_its_text(units, decimals):
    asset = Asset("X", decimals)
    assert asset.units(asset.text(units)) == units


def test_a_digit_of_a_balance_is_never_lost():
    with pytest.raises(UnreadableNumber, match="BTC"):
        BTC.units("0.000000001")


@pytest.mark.parametrize(
    "wrong",
    [
        {"tick_size": "0"},
        {"lot_size": "-1"},
        {"lot_size": "0.000000001"},
        {"tick_size": "0.0000001"},
        {"min_quantity": "2", "max_quantity": "1"},
        {"band_ppm": -1},
        {"band_ppm": 1_000_000},
        {"tick_size": "1000000", "lot_size": "100000"},
        {"lowest_price": "0.015"},
        {"min_notional": "0.123456789"},
    ],
)
def test_a_listing_that_can_not_be_exact_is_an_error(wrong):
    with pytest.raises((ValueError, FilterFailed, UnreadableNumber)):
        Listing(**{"symbol": "BTCUSDT", "base": BTC, "quote": USDT, "tick_size": "0.01", "lot_size": "0.00001", **wrong})


def test_the_highest_price_of_a_book_is_below_the_last_one_an_engine_takes():
    Listing("X", Asset("A", 0), Asset("B", 0), "1", "1", lowest_price=str(MAX_PRICE))
    with pytest.raises(ValueError, match="lowest price"):
        Listing("X", Asset("A", 0), Asset("B", 0), "1", "1", lowest_price=str(MAX_PRICE + 1))


def test_rules_number_books_and_assets_by_their_places():
    rules = Rules((BTC, ETH, USDT), (BTCUSDT, QUARTERS))
    assert (rules.book("ETHBTC"), rules.asset("USDT")) == (1, 2)
    with pytest.raises(KeyError):
        rules.book("BTCEUR")


def test_rules_that_contradict_themselves_are_an_error():
    with pytest.raises(ValueError, match="one name"):
        Rules((BTC, BTC), ())
    with pytest.raises(ValueError, match="expected two of"):
        Rules((BTC, ETH), (BTCUSDT,))


@pytest.mark.parametrize(("name", "decimals"), [("", 8), ("X", -1), ("X", 19)])
def test_an_asset_has_a_name_and_a_sane_number_of_decimals(name, decimals):
    with pytest.raises(ValueError, match="expected a name"):
        Asset(name, decimals)
