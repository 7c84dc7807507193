"""Exact products and quotients at their edges; e**x and its neighbours."""

import math

import pytest

from polaris.domain.exact import MOST, exp, mul_div, mul_div_up, sigmoid


@pytest.mark.parametrize(
    ("a", "b", "c", "down", "up"),
    [
        (0, 0, 1, 0, 0),
        (0, MOST, 1, 0, 0),
        (7, 3, 2, 10, 11),
        (3_037_000_499, 3_037_000_499, 1, 3_037_000_499**2, 3_037_000_499**2),  # the last square below 2**63
        (3_037_000_500, 3_037_000_500, 1, -1, -1),  # the first above it
        (MOST, 1, 1, MOST, MOST),
        (MOST, MOST, MOST, MOST, MOST),
        (MOST, MOST - 1, MOST, MOST - 1, MOST - 1),
        (MOST, MOST, MOST - 1, -1, -1),
        (2**62, 2, 1, -1, -1),
        (2**62, 3, 2, 3 * 2**61, 3 * 2**61),
        (2**62, 4, 3, 2**64 // 3, 2**64 // 3 + 1),
        (MOST, 3, 3, MOST, MOST),
        (MOST, MOST, 2**62, -1, -1),
        (2**40, 2**40, 2**17, -1, -1),
        (2**40, 2**40, 2**18, 2**62, 2**62),
    ],
)
def test_quotients_at_the_edges_of_63_bits(a, b, c, down, up):
    assert (mul_div(a, b, c), mul_div_up(a, b, c)) == (down, up)


def test_a_quotient_that_only_its_rounding_up_carries_over_the_edge_is_refused():
    a, b = MOST - 10**9, MOST - 12_345
    c = a * b // MOST
    assert a * b // c == MOST and a * b % c > 0
    assert mul_div(a, b, c) == MOST
    assert mul_div_up(a, b, c) == -1


@pytest.mark.parametrize(("a", "b", "c"), [(-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -3), (-MOST, MOST, 1)])
def test_what_is_out_of_range_is_refused(a, b, c):
    assert (mul_div(a, b, c), mul_div_up(a, b, c)) == (-1, -1)


def test_e_to_the_x_at_its_ends():
    assert exp(0.0) == 1.0
    assert exp(-709.0) == 0.0
    assert exp(float("-inf")) == 0.0
    assert exp(float("nan")) == 0.0
    assert exp(1e9) == exp(709.0) == exp(float("inf"))
    assert abs(exp(709.0) / math.exp(709.0) - 1.0) < 1e-15
    assert abs(exp(-708.0) / math.exp(-708.0) - 1.0) < 1e-15


def test_the_sigmoid_is_a_half_at_zero_and_never_leaves_its_bounds():
    assert sigmoid(0.0) == 0.5
    assert 0.0 <= sigmoid(-1e6) < 1e-300
    assert sigmoid(1e6) == 1.0
