"""Texts read once and remembered."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.errors import UnreadableNumber
from polaris.venues.reading import REMEMBERED, Numbers, Times

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_a_text_is_read_exactly_the_first_time_and_every_time():
    prices = Numbers(2, "price")
    assert [prices["65432.10"], prices["65432.1"], prices["65432.10"]] == [6543210] * 3
    assert prices["0"] == 0


@pytest.mark.parametrize("bad", ["65432.101", "-1", "", "x", "1e400"])
def test_what_can_not_be_read_is_refused_every_time(bad):
    prices = Numbers(2, "price of BTC-USD.coinbase")
    for _ in range(2):
        with pytest.raises(UnreadableNumber, match=r"price of BTC-USD\.coinbase"):
            prices[bad]


def test_the_memory_is_bounded():
    numbers = Numbers(0, "number")
    for value in range(REMEMBERED + 10):
        assert numbers[str(value)] == value
    assert len(numbers) <= REMEMBERED


@given(st.integers(0, 2**62), st.integers(0, 9))
def test_a_time_is_read_to_the_nanosecond(nanos, places):
    nanos -= nanos % 10 ** (9 - places)
    seconds, part = divmod(nanos, 10**9)
    text = (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{part:09d}"[: places + 1] if places else ""
    assert Times("time")[f"{text}{fraction}Z"] == nanos


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "Z",
        "2026-08-09",
        "2026-08-09T21:05:48",
        "2026-08-09T21:05:48+00:00",
        "2026-08-09T21:05:48.Z",
        "2026-08-09 21:05:48Z",
        "2026-02-30T00:00:00Z",
        "2026-08-09T21:05:48.1234567890Z",
        "2026-08-09T21:05:48,123Z",
        "9999-08-09T21:05:48Z",
        "1960-08-09T21:05:48Z",
        "2026-08-09T21:05:48.12x4Z",
        "2026-08-09T21:05:48.-12Z",
    ],
)
def test_what_is_no_such_time_is_refused(bad):
    with pytest.raises(UnreadableNumber):
        Times("time of coinbase")[bad]
