"""The throttle keeps a venue's limit, whatever the moments at which it is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.errors import BadConfig
from polaris.venues.throttle import Throttle

SECOND = 1_000_000_000


def test_a_burst_passes_at_once_and_the_next_call_waits_one_interval():
    throttle = Throttle(per_second=10, burst=3)
    assert [throttle.reserve(0) for _ in range(5)] == [0, 0, 0, SECOND // 10, 2 * SECOND // 10]


def test_an_unused_throttle_saves_no_more_than_its_burst():
    throttle = Throttle(per_second=1, burst=2)
    assert [throttle.reserve(1000 * SECOND) for _ in range(3)] == [0, 0, SECOND]


def test_a_dear_call_waits_until_its_whole_cost_is_there():
    throttle = Throttle(per_second=1, burst=5)
    assert throttle.reserve(0, cost=5) == 0
    assert throttle.reserve(0, cost=3) == 3 * SECOND


def test_nothing_passes_before_the_moment_the_venue_named():
    throttle = Throttle(per_second=100, burst=10)
    throttle.close_until(7 * SECOND)
    assert throttle.reserve(5 * SECOND) == 2 * SECOND
    assert throttle.closed(7 * SECOND - 1) and not throttle.closed(7 * SECOND)
    assert throttle.reserve(8 * SECOND) == 0


def test_when_the_venue_may_be_asked_again_no_more_come_at_once_than_a_burst():
    throttle = Throttle(per_second=10, burst=3)
    throttle.close_until(7 * SECOND)
    assert [throttle.reserve(6 * SECOND) for _ in range(5)] == [SECOND, SECOND, SECOND, SECOND * 11 // 10, SECOND * 12 // 10]


@given(
    st.lists(st.integers(0, SECOND), min_size=1, max_size=60),
    st.integers(1, 8),
    st.sampled_from([1.0, 3.0, 7.5, 20.0]),
)
def test_no_window_of_time_holds_more_calls_than_burst_and_rate_allow(steps, burst, per_second):
    throttle = Throttle(per_second, burst)
    now, made = 0, []
    for step in steps:
        now += step
        made.append(now + throttle.reserve(now))
    assert made == sorted(made)
    interval = round(SECOND / per_second)
    for first in range(len(made)):
        for last in range(first, len(made)):
            assert last - first + 1 <= burst + (made[last] - made[first]) // interval


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (float("nan"), 1), (1, 0)])
def test_a_throttle_that_lets_nothing_pass_is_refused(per_second, burst):
    with pytest.raises(BadConfig):
        Throttle(per_second, burst)
