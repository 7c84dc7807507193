"""Products divided through 128 bits equal Python's, whose integers have no end."""

import math

from hypothesis import example, given
from hypothesis import strategies as st

from polaris.domain.exact import MOST, exp, mul_div, mul_div_up

near = st.integers(0, 62).flatmap(lambda bits: st.integers(max(0, 2**bits - 3), min(MOST, 2**bits + 3)))
counts = st.integers(0, MOST) | near
divisors = st.integers(1, MOST) | near.filter(lambda n: n > 0)


@given(counts, counts, divisors)
@example(MOST, MOST, MOST)
@example(MOST, 1, 1)
def test_a_quotient_is_pythons_rounded_down_or_up_and_minus_one_beyond_63_bits(a, b, c):
    down, up = a * b // c, -(-a * b // c)
    assert mul_div(a, b, c) == (down if down <= MOST else -1)
    assert mul_div_up(a, b, c) == (up if up <= MOST else -1)


@given(st.integers(2**60, MOST), st.integers(2**60, MOST), st.integers(-2, 2))
def test_quotients_around_2_to_the_63_are_exact(a, b, off):
    c = min(MOST, max(1, a * b // 2**63 + off))
    down, up = a * b // c, -(-a * b // c)
    assert mul_div(a, b, c) == (down if down <= MOST else -1)
    assert mul_div_up(a, b, c) == (up if up <= MOST else -1)


@given(st.floats(-708.0, 709.0))
def test_e_to_the_x_is_within_two_units_in_the_last_place_of_the_c_librarys(x):
    assert abs(exp(x) - math.exp(x)) <= 2.0 * math.ulp(math.exp(x))


@given(st.floats(-50.0, 50.0), st.floats(0.0, 1.0))
def test_e_to_the_x_rises_up_to_its_rounding(x, more):
    assert exp(x + more) >= exp(x) * (1.0 - 4e-16)
