"""A bounded curve keeps what matters."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.views.curve import Curve


def test_few_samples_are_all_kept():
    curve = Curve(8)
    for ts, value in enumerate([3, 1, 2]):
        curve.add(ts, value)
    assert curve.points() == [(0, 3), (1, 1), (2, 2)]
    assert Curve().points() == []


@given(st.lists(st.integers(-(10**18), 10**18), min_size=1, max_size=700), st.sampled_from([2, 4, 16, 64]))
def test_the_curve_is_bounded_and_keeps_ends_and_extremes(values, buckets):
    curve = Curve(buckets)
    samples = list(enumerate(values))
    for ts, value in samples:
        curve.add(ts, value)
    points = curve.points()
    assert len(points) <= 2 * buckets + 2
    assert set(points) <= set(samples) and points == sorted(points)
    assert len(points) == len(set(points))
    assert points[0] == samples[0] and points[-1] == samples[-1]
    shown = [value for _, value in points]
    assert max(shown) == max(values) and min(shown) == min(values)


@given(st.integers(1, 2000))
def test_points_stay_evenly_spread_over_the_samples(n):
    curve = Curve(16)
    for ts in range(n):
        curve.add(ts, ts % 7)
    gaps = [b[0] - a[0] for a, b in pairwise(curve.points())]
    assert all(gap <= max(1, 4 * n / 16) for gap in gaps)


def test_a_spike_of_one_sample_in_a_million_is_seen():
    curve = Curve(64)
    for ts in range(200_000):
        curve.add(ts, 10**9 if ts == 123_457 else 0)
    assert (123_457, 10**9) in curve.points() and len(curve.points()) <= 130


def test_an_odd_number_of_buckets_is_refused():
    with pytest.raises(ValueError, match="even number of buckets, found 7"):
        Curve(7)
