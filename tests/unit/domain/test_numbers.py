"""Exact numbers: text in, text out, never a digit lost."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from polaris.domain.errors import UnreadableNumber
from polaris.domain.numbers import MAX_INT, decimals_of, scaled, text

decimals = st.integers(0, 18)
values = st.integers(-MAX_INT, MAX_INT)


@given(values, decimals)
@example(0, 0)
@example(MAX_INT, 18)
@example(-1, 18)
def test_what_is_written_is_read_again(value, places):
    assert scaled(text(value, places), places) == value
    assert scaled(text(value, places, trim=True), places) == value


@given(values, decimals)
def test_text_says_the_same_as_a_decimal(value, places):
    assert Decimal(text(value, places)) == Decimal(value).scaleb(-places)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9), decimals)
@example(Decimal("2.181E-7"), 10)
def test_a_number_is_read_exactly_or_not_at_all(number, places):
    exact = number.scaleb(places)
    fits = exact == exact.to_integral_value() and abs(exact) <= MAX_INT
    for written in (str(number), format(number, "f")):
        if fits:
            assert scaled(written, places) == int(exact)
        else:
            with pytest.raises(UnreadableNumber):
                scaled(written, places)


@given(st.integers(0, 10**12), st.integers(0, 8), st.integers(0, 8), st.integers(0, 6))
def test_zeros_at_the_end_change_nothing(value, places, padded, more):
    written = text(value, places)
    longer = (written if "." in written else written + ".0") + "0" * padded
    assert scaled(longer, places + more) == value * 10**more


@pytest.mark.parametrize("bad", ["", " ", "1 ", " 1", "1_000", "1,5", "abc", "NaN", "Infinity", "-inf", "1e400", "0x10", "1.2.3", "--1", "1e", "١٢", "5\n"])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(UnreadableNumber, match="is not a number"):
        scaled(bad, 8)


def test_a_number_beyond_63_bits_is_refused():
    assert scaled("9.223372036854775807", 18) == MAX_INT
    with pytest.raises(UnreadableNumber):
        scaled("9.223372036854775808", 18)


def test_a_finer_price_than_the_instrument_is_refused():
    assert scaled("65432.10", 2) == 6543210
    with pytest.raises(UnreadableNumber, match=r"price of BTC-USD: '65432.105' is not a number with at most 2 decimals"):
        scaled("65432.105", 2, "price of BTC-USD")


@given(st.integers(0, 18))
def test_an_increment_tells_its_decimals_however_it_is_written(places):
    increment = Decimal(1).scaleb(-places)
    assert decimals_of(format(increment, "f")) == decimals_of(str(increment)) == decimals_of(format(increment, "f") + ("00" if places else "")) == places


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "", "x"])
def test_an_increment_is_a_positive_number(bad):
    with pytest.raises(UnreadableNumber):
        decimals_of(bad)
