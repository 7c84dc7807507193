"""Figures of a run: published numbers, hand-made cases, and identities."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.research import evaluate as ev

DAY = 86_400 * 10**9


@pytest.mark.parametrize(
    ("ratio", "skew", "kurt", "expected"),
    [(0.458, 0.0, 3.0, 0.98167), (0.458, -2.448, 10.164, 0.91336), (1.585 / math.sqrt(12), -2.448, 10.164, 0.913234306885)],
)
def test_probabilistic_sharpe_gives_the_published_numbers(ratio, skew, kurt, expected):
    digits = 5e-6 if expected < 0.9132 or expected > 0.9133 else 1e-9
    assert ev.probabilistic_sharpe(ratio, 0.0, 24, skew, kurt) == pytest.approx(expected, abs=digits)


def test_the_standard_error_inside_it_gives_the_published_numbers():
    for count, ratio, skew, kurt, error in ((134, 0.7079, -0.2250, 2.9570, 0.1028), (134, 0.8183, -1.4455, 7.0497, 0.1550)):
        one_error_up = ev.probabilistic_sharpe(ratio, ratio - error, count, skew, kurt)
        assert one_error_up == pytest.approx(ev.normal_cdf(1.0), abs=2e-3)


def test_sharpe_is_mean_over_deviation_and_scales_with_the_root_of_time():
    change = np.array([0.01, -0.005, 0.02, 0.0])
    assert ev.sharpe(change) == pytest.approx(change.mean() / change.std(ddof=1))
    assert ev.sharpe(change, 252.0) == pytest.approx(ev.sharpe(change) * math.sqrt(252.0))


def test_sortino_counts_losses_only():
    change = np.array([0.03, -0.01, 0.02, -0.02])
    assert ev.sortino(change) == pytest.approx(0.005 / math.sqrt((0.01**2 + 0.02**2) / 4))


def test_what_has_no_meaning_is_not_a_number():
    still = np.zeros(10)
    assert math.isnan(ev.sharpe(still))
    assert math.isnan(ev.sortino(still))
    assert math.isnan(ev.profit_factor(np.array([1.0, 2.0])))
    assert math.isnan(ev.hit_rate(np.array([])))
    assert math.isnan(ev.calmar(np.array([0, DAY]), np.array([1.0, 2.0])))
    assert math.isnan(ev.probabilistic_sharpe(math.nan, 0.0, 10, 0.0, 3.0))


def test_drawdown_knows_its_depth_its_dates_and_the_longest_time_under_water():
    ts = np.arange(9) * DAY
    equity = np.array([100.0, 120.0, 90.0, 121.0, 119.0, 118.0, 117.0, 120.0, 122.0])
    fall = ev.drawdown(ts, equity)
    assert (fall.depth, fall.money) == (pytest.approx(0.25), 30.0)
    assert (fall.peak_ts, fall.trough_ts, fall.recovered_ts) == (DAY, 2 * DAY, 3 * DAY)
    assert fall.longest_ns == 5 * DAY


def test_a_curve_that_only_rises_has_no_drawdown():
    fall = ev.drawdown(np.arange(3) * DAY, np.array([1.0, 2.0, 3.0]))
    assert (fall.depth, fall.longest_ns, fall.recovered_ts) == (0.0, 0, 0)


def test_months_compound_from_the_last_value_of_the_month_before():
    stamp = [np.datetime64(day, "ns").astype(np.int64) for day in ("2025-12-30", "2026-01-05", "2026-01-31", "2026-03-02")]
    table = ev.months(np.array(stamp), np.array([100.0, 90.0, 110.0, 121.0]))
    assert [(m.year, m.month) for m in table] == [(2025, 12), (2026, 1), (2026, 3)]
    assert [m.change for m in table] == [pytest.approx(0.0), pytest.approx(0.1), pytest.approx(0.1)]


def test_a_year_has_as_many_periods_as_the_data_shows():
    weekdays = np.array([day for day in range(365) if day % 7 < 5]) * DAY
    assert ev.frequency(weekdays) == "day"
    assert ev.periods_a_year(weekdays) == pytest.approx(261, abs=1)
    assert ev.frequency(np.arange(40) * 3_600 * 10**9) == "hour"
    assert ev.frequency(np.arange(400) * 10**9) == "second"


def test_less_than_a_day_says_nothing_of_a_year():
    assert math.isnan(ev.periods_a_year(np.arange(400) * 10**9))
    assert math.isnan(ev.annual_return(np.arange(400) * 10**9, np.linspace(1.0, 2.0, 400)))
    assert ev.periods_a_year(np.arange(2) * DAY) == pytest.approx(365.25)


def test_sampling_keeps_the_first_value_and_the_last_of_each_period():
    ts = np.array([0, 1, 2, DAY, DAY + 1, 3 * DAY])
    at, values = ev.sampled(ts, np.arange(6.0), DAY)
    assert at.tolist() == [0, 2, DAY + 1, 3 * DAY]
    assert values.tolist() == [0.0, 2.0, 4.0, 5.0]


def fills(*rows):
    """(ts, side, lots, value, fee) as the arguments of round_trips, one instrument."""
    ts, side, lots, value, fee = (np.array(column) for column in zip(*rows, strict=True))
    return np.zeros(len(rows), np.int64), ts, side, lots, value.astype(float), fee.astype(float)


def test_a_round_trip_goes_from_flat_to_flat():
    (trip,) = ev.round_trips(*fills((1, 1, 2, 200, 1), (2, 1, 1, 110, 1), (3, -1, 3, 330, 1)))
    assert (trip["opened"], trip["closed"], trip["side"], trip["lots"]) == (1, 3, 1, 3)
    assert (trip["paid"], trip["fees"], trip["profit"]) == (310.0, 3.0, 330.0 - 310.0 - 3.0)


def test_a_fill_that_turns_the_position_closes_one_trade_and_opens_the_next():
    first, second = ev.round_trips(*fills((1, 1, 1, 100, 1), (2, -1, 3, 330, 3), (3, 1, 2, 200, 2)))
    assert (first["side"], first["profit"], first["fees"]) == (1, 110.0 - 100.0 - 2.0, 2.0)
    assert (second["side"], second["profit"], second["fees"]) == (-1, pytest.approx(220.0 - 200.0 - 4.0), pytest.approx(4.0))


@given(st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 5), st.integers(50, 150)), max_size=40))
def test_closed_trades_add_up_to_the_cash_that_came_back(rows):
    told, position, cash, flat_cash = [], 0, 0.0, 0.0
    for ts, (side, lots, price) in enumerate(rows):
        told.append((ts, side, lots, price * lots, 0.25 * lots))
        position += side * lots
        cash -= side * price * lots + 0.25 * lots
        if position == 0:
            flat_cash = cash
    trips = ev.round_trips(*fills(*told)) if told else np.zeros(0, ev.TRIP)
    if position == 0:
        assert trips["profit"].sum() == pytest.approx(flat_cash, abs=1e-6)
    assert (np.diff(trips["closed"]) >= 0).all()


def test_exposure_is_the_share_of_time_held():
    assert ev.exposure(np.array([0, 10, 20]), np.array([1, 0, 2]), 40) == pytest.approx(30 / 40)


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=60))
def test_returns_rebuild_the_curve(values):
    equity = np.array(values)
    rebuilt = equity[0] * np.cumprod(np.append(1.0, 1.0 + ev.returns(equity)))
    assert np.allclose(rebuilt, equity)
    assert (ev.underwater(equity) <= 0).all()
