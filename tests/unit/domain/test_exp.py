"""Our e**x against fifty decimals, and its edges."""

import math
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.exact import exp, sigmoid


@given(st.floats(-708, 709) | st.floats(-1, 1))
def test_exp_is_within_two_units_in_the_last_place(x: float) -> None:
    with localcontext(prec=50):
        wanted = Decimal(x).exp()
        found = exp(x)
        assert abs(Decimal(found) - wanted) <= 2 * Decimal(math.ulp(found))


def test_exp_of_nothing_is_one_and_beyond_its_range_it_stands_still() -> None:
    assert exp(0.0) == exp(-0.0) == 1.0
    assert exp(-709.0) == 0.0
    assert exp(1e9) == exp(709.0)


@given(st.floats(-700, 700))
def test_sigmoid_is_a_chance_and_odd_around_a_half(x: float) -> None:
    assert 0 <= sigmoid(x) <= 1
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1.0, abs=1e-15)
