"""The stylised facts: a simulated market has all of them, recorded bars have theirs, and each is missing where it should be."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from polaris.exchange.simulation import SECOND, Moods, Settings, SimulatedMarket
from polaris.exchange.simulation import facts as measured
from polaris.exchange.simulation.facts import BOUNDS, faults, hill, impact, memory, minutes, of_floor, signs, spread, tails
from polaris.exchange.simulation.world import FINISHED, PRINT, SAMPLED

ONE = replace(Settings(), symbols=Settings().symbols[:1], places=Settings().places[:2])
DAY_S = 86_400
dice = np.random.Generator(np.random.PCG64(3))


@pytest.fixture(scope="module")
def day() -> SimulatedMarket:
    market = SimulatedMarket(ONE, 1)
    market.run(DAY_S * SECOND)
    return market


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_simulated_day_has_the_facts_of_a_market(seed, day):
    if seed != 1:
        day = SimulatedMarket(ONE, seed)
        day.run(DAY_S * SECOND)
    assert [faults(facts) for facts in day.facts()] == [[], []]


def random_walk() -> measured.Facts:
    """A day of a plain random walk: a tick of spread, lots that never change, coins for sides, parents that move nothing."""
    samples = np.zeros(DAY_S, SAMPLED)
    mid = 7_800_000 * np.exp(np.cumsum(dice.normal(size=DAY_S)) * 5.8e-4 / 60**0.5)
    samples["bid"], samples["bid_lots"], samples["ask_lots"] = mid, 5000, 5000
    samples["ask"] = samples["bid"] + 1
    prints = np.zeros(200_000, PRINT)
    prints["side"], prints["order_id"] = dice.choice([-1, 1], 200_000), np.arange(200_000)
    finished = np.zeros(4000, FINISHED)
    finished["lots"] = 5000 * 4 * dice.pareto(1.4, 4000) + 5000
    finished["side"], finished["fair_began"], finished["fair_ended"], finished["mid_began"] = dice.choice([-1, 1], 4000), 1.0, 1.0, 1.0
    finished["mid_ended"] = 1.0 + 5.8e-4 * dice.normal(size=4000)
    law = impact(*measured.moves(finished, np.full(4000, 5000), np.full(4000, 5.8e-4)))
    return of_floor(samples, prints, 0, law, 5000)


def test_a_plain_random_walk_has_none_of_them():
    wrong = {fault.split(" ")[0] for fault in faults(random_walk())}
    assert wrong >= {"tails.excess_kurtosis", "tails.hill", "memory.size", "spread.variation", "depth.variation", "signs.lag_10", "signs.lag_100", "signs.decay"}
    assert "impact.exponent" in wrong


@pytest.mark.parametrize("name", list(BOUNDS))
def test_a_figure_beyond_its_bounds_is_a_fault(name, day):
    facts = day.facts()[0]
    part, field = name.split(".")
    for value in (BOUNDS[name][0] - 0.01, BOUNDS[name][1] + 0.01, float("nan")):
        wrong = replace(facts, **{part: replace(getattr(facts, part), **{field: value})})
        assert [fault.split(" ")[0] for fault in faults(wrong)] == [name]


@pytest.mark.parametrize("coin", ["btc", "eth", "sol", "xrp"])
def test_recorded_days_keep_within_the_same_bounds(coin, test_data):
    closes = pl.read_parquet(test_data / "bars" / f"binance_{coin}usdt_1m.parquet")["close"].to_numpy()
    days = np.diff(np.log(closes))[: len(closes) // 1440 * 1440 - 1440].reshape(-1, 1440)
    within = {name: 0 for name in BOUNDS if name.startswith(("tails", "memory"))}
    for returns in days:
        parts = {"tails": tails(returns), "memory": memory(returns)}
        for name in within:
            part, field = name.split(".")
            within[name] += BOUNDS[name][0] <= getattr(parts[part], field) <= BOUNDS[name][1]
    assert {name: count for name, count in within.items() if count < 0.8 * len(days)} == {}


def test_spreads_are_wider_where_volatility_is_higher(day):
    samples = day.samples()
    rows = samples[samples["floor"] == 0][60:]
    spreads = (rows["ask"] - rows["bid"]) / rows["bid"]
    calm, wild = np.median(spreads[rows["heat"] < 0.6]), np.median(spreads[rows["heat"] > 1.6])
    assert wild > 1.5 * calm


def test_shuffled_returns_keep_their_tails_and_lose_their_clusters(day):
    returns = np.diff(np.log(minutes(day.samples(), 0)))
    shuffled = dice.permutation(returns)
    assert tails(shuffled).hill == pytest.approx(tails(returns).hill)
    assert memory(returns).size > BOUNDS["memory.size"][0] > memory(shuffled).size


@pytest.mark.slow
def test_volatility_is_remembered_for_hours_where_moods_last_for_hours():
    hours = []
    for moods in (Moods(), Moods(shared_s=(120.0,) * 4, own_s=(120.0,) * 3)):
        market = SimulatedMarket(replace(ONE, moods=moods), 1)
        market.run(5 * DAY_S * SECOND)
        hours.append(memory(np.diff(np.log(minutes(market.samples(), 0)))).hours)
    assert hours[0] > 0.015 > 0.008 > abs(hours[1])


def test_a_smoothed_price_remembers_its_returns():
    walk = dice.normal(size=1440)
    assert memory(walk).linear < BOUNDS["memory.linear"][1] < memory(np.convolve(walk, np.ones(8) / 8, "valid")).linear


def test_the_tail_of_a_power_law_is_found_and_a_normal_one_is_none():
    assert hill(dice.standard_t(3, 200_000), 0.01) == pytest.approx(3.0, abs=0.35)
    assert hill(dice.normal(size=200_000), 0.01) > 6.0
    assert tails(dice.normal(size=200_000)).excess_kurtosis == pytest.approx(0.0, abs=0.05)
    assert tails(np.zeros(10)).excess_kurtosis == 0.0


def test_the_law_of_impact_is_found_whatever_its_exponent():
    size = 4.0 * dice.pareto(1.4, 20_000) + 4.0
    for exponent in (0.5, 1.0):
        law = impact(size, 0.1 * size**exponent + dice.normal(size=20_000))
        assert law.exponent == pytest.approx(exponent, abs=0.05)
        assert abs(law.exponent - exponent) < 4 * law.error
        assert law.scale == pytest.approx(0.1, rel=0.25)
        assert BOUNDS["impact.exponent"][0] < law.exponent < BOUNDS["impact.exponent"][1] or exponent == 1.0
    assert np.isnan(impact(size[:10], size[:10]).exponent)


def test_signs_of_sliced_parents_remember_long_and_coins_do_not():
    parents = np.repeat(dice.choice([-1, 1], 20_000), np.minimum(5000, (4 * dice.pareto(1.5, 20_000) + 4).astype(int)))
    long = signs(parents)
    assert long.lag_100 > 0.05
    assert long.decay < 1.0
    short = signs(np.sign(np.convolve(dice.normal(size=100_000), np.ones(5), "valid")).astype(np.int64))
    assert not BOUNDS["signs.decay"][0] < short.decay < BOUNDS["signs.decay"][1]
    assert signs(dice.choice([-1, 1], 100_000)).lag_10 < BOUNDS["signs.lag_10"][0]


def test_a_constant_spread_does_not_vary():
    assert spread(np.full(100, 2.5)) == measured.Spread(2.5, 2.5, 2.5, 0.0)
    assert spread(np.arange(101.0)).median == 50.0


def test_where_a_side_is_missing_the_last_mid_stands():
    rows = np.zeros(6, SAMPLED)
    rows["bid"], rows["ask"] = [0, 10, 0, 14, 14, 16], [0, 12, 11, 0, 16, 18]
    assert minutes(rows, 0, every=1).tolist() == [11.0, 11.0, 11.0, 15.0, 17.0]
    assert minutes(rows, 1).size == 0
