"""The simulated market as a core: one seed, one fate; what traders believe of their orders is so; nothing breaks them."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.domain.orders import BUY
from polaris.exchange.book import MatchingEngine
from polaris.exchange.core import Exchange
from polaris.exchange.simulation import SECOND, Place, Population, Settings, SimulatedMarket
from polaris.exchange.simulation.hearing import look
from polaris.exchange.simulation.world import GONE, STRANGER
from polaris.exchange.words import COMMAND, FILL, INSUFFICIENT_BALANCE, IOC, LIMIT, MARKET, REJECTED, SUBMIT

SMALL = replace(Settings(), symbols=Settings().symbols[:2], places=Settings().places[:2])
TINY = replace(Settings(), symbols=Settings().symbols[2:3], places=(Place("one"), Place("two", lag_ns=100_000_000)))
DIGEST = """
from tests.unit.exchange.simulation.test_market import TINY
from polaris.exchange.core import Exchange
from polaris.exchange.simulation import SECOND, SimulatedMarket
market = SimulatedMarket(TINY, 5)
market.run({ns})
print(market.digest())
"""


def digest_of(seed: int, ns: int, setup: Settings = SMALL) -> str:
    market = SimulatedMarket(setup, seed)
    market.run(ns)
    return market.digest()


def test_a_seed_has_one_fate_and_another_seed_another():
    assert digest_of(3, 20 * SECOND) == digest_of(3, 20 * SECOND) != digest_of(4, 20 * SECOND)


@given(cuts=st.lists(st.integers(0, 10 * SECOND), max_size=6), beat_by_beat=st.booleans())
@settings(deadline=None, max_examples=15)
def test_any_split_of_time_gives_the_same_market_and_so_does_every_way_to_drive_it(cuts, beat_by_beat):
    market = SimulatedMarket(SMALL, 3)
    at = 0
    for cut in [*sorted(cuts), 10 * SECOND]:
        if beat_by_beat:
            for _ in market.step(cut - at):
                pass
        else:
            market.run(cut - at)
        at = cut
    assert market.digest() == digest_of(3, 10 * SECOND)


def test_both_ways_write_the_same_down():
    fast, slow = SimulatedMarket(SMALL, 8), SimulatedMarket(SMALL, 8)
    fast.run(90 * SECOND)
    for _ in slow.step(90 * SECOND):
        pass
    assert (fast.prints() == slow.prints()).all()
    assert (fast.samples() == slow.samples()).all()
    assert (fast.finished() == slow.finished()).all()


@pytest.mark.parametrize(("jit", "ns"), [("0", 60 * SECOND), ("1", SECOND)])
def test_another_process_lives_the_same_with_and_without_the_compiler(jit, ns):
    environment = {**os.environ, "NUMBA_DISABLE_JIT": jit, "PYTHONHASHSEED": "99"}
    run = subprocess.run([sys.executable, "-c", DIGEST.format(ns=ns)], env=environment, capture_output=True, text=True, check=True, timeout=300)
    assert run.stdout.strip() == digest_of(5, ns, TINY)


def test_what_traders_believe_is_open_is_what_is_open():
    market = SimulatedMarket(SMALL, 11)
    market.run(300 * SECOND)
    world = market.population.world
    for venue, engine in enumerate(market.engines):
        ours = world.orders[(world.orders["state"] != GONE) & (world.floors["venue"][world.orders["floor"]] == venue)]
        believed = {(int(row["order_id"]), int(row["price"]), int(row["leaves"])) for row in ours}
        resting = {(int(row["order_id"]), int(row["price"]), int(row["shown"])) for row in engine.orders()}
        assert len(resting) > 100
        assert believed == resting


def test_what_traders_believe_to_hold_is_what_they_traded():
    market = SimulatedMarket(SMALL, 12)
    held: dict[tuple[int, int], int] = {}
    for venue, _, events in market.step(120 * SECOND):
        for fill in events[events["kind"] == FILL]:
            lots, side = int(fill["quantity"]), int(fill["side"])
            for account, sign in ((int(fill["account"]), side), (int(fill["maker_account"]), -side)):
                held[venue, account] = held.get((venue, account), 0) + sign * lots
    world = market.population.world
    for rows in (world.makers, world.insiders, world.followers, world.parents):
        for row in rows:
            assert int(row["inventory"]) == held.get((int(world.floors[row["floor"]]["venue"]), int(row["account"])), 0)
    for row in world.arbitrageurs:
        assert [int(lots) for lots in row["inventory"][:2]] == [held.get((venue, int(row["account"])), 0) for venue in range(2)]
    assert np.count_nonzero(world.makers["inventory"]) > 4


def test_with_money_enough_and_no_fees_accounts_change_nothing():
    free, endowed = SimulatedMarket(SMALL, 13), SimulatedMarket(SMALL, 13, fees=(0, 0))
    for market in (free, endowed):
        market.run(300 * SECOND)
    assert endowed.population.digest() == free.population.digest()
    for rich, other in zip(endowed.engines, free.engines, strict=True):
        for field in ("order_id", "price", "shown", "account"):
            assert (rich.orders()[field] == other.orders()[field]).all()


def test_what_an_account_has_is_what_it_brought_and_what_it_traded():
    market = SimulatedMarket(SMALL, 13, fees=(0, 0))
    exchange, world = market.engines[0], market.population.world
    assert isinstance(exchange, Exchange)
    before = {int(row["account"]): exchange.balances(int(row["account"])).sum(axis=1) for row in world.makers[:8]}
    market.run(300 * SECOND)
    for row in world.makers[:8]:
        book = int(world.floors[row["floor"]]["symbol"])
        gained = exchange.balances(int(row["account"])).sum(axis=1) - before[int(row["account"])]
        assert gained[book] == int(row["inventory"]) * exchange.rules.listings[book].lot_units


def test_the_poor_are_refused_and_the_market_lives_on():
    poor = replace(TINY, people=replace(TINY.people, wealth=3.0))
    market = SimulatedMarket(poor, 14, fees=(1000, 1000))
    refused = sum(int((events["reason"][events["kind"] == REJECTED] == INSUFFICIENT_BALANCE).sum()) for _, _, events in market.step(300 * SECOND))
    assert refused > 500
    assert len(market.prints()) > 200
    for venue, exchange in enumerate(market.engines):
        ours = market.population.world.orders
        mine = (ours["state"] != GONE) & (market.population.world.floors["venue"][ours["floor"]] == venue)
        assert sorted(ours["order_id"][mine].tolist()) == sorted(exchange.orders()["order_id"].tolist())
        assert isinstance(exchange, Exchange)
        assert (exchange.ledger().balances["free"] >= 0).all()


def drive(population: Population, engines: list[MatchingEngine], until_ns: int, late: int = 0) -> int:
    """Beat by beat on any engines, events heard so many beats late; returns how many orders were refused."""
    tops = np.zeros((len(population.settings.symbols), 4), np.int64)
    following, refused = [1] * len(engines), 0
    waiting: list[tuple[int, np.ndarray]] = []
    while population.due(until_ns):
        for venue, engine in enumerate(engines):
            commands = population.commands(venue, following[venue])
            following[venue] += int((commands["operation"] == SUBMIT).sum())
            events = engine.run(commands)
            refused += int((events["kind"] == REJECTED).sum())
            waiting.append((venue, events))
        while len(waiting) > late * len(engines):
            venue, events = waiting.pop(0)
            look(engines[venue].arena, tops)
            population.hear(venue, events, tops)
    return refused


def test_refused_orders_break_nobody():
    population = Population(TINY, 4, 0)
    engines = [MatchingEngine(TINY.lowest, 40) for _ in TINY.places]  # no room for what they want
    assert drive(population, engines, 120 * SECOND) > 300
    world = population.world
    assert len(population.prints()) > 50
    assert int((world.orders["state"] != GONE).sum()) == sum(map(len, engines))


def test_events_that_come_late_break_nobody():
    population = Population(TINY, 4, 0)
    engines = [MatchingEngine(TINY.lowest, 1 << 14) for _ in TINY.places]
    drive(population, engines, 120 * SECOND, late=20)
    assert len(population.prints()) > 100
    assert all(50 < len(engine) < 1500 for engine in engines)


def test_a_venue_that_refuses_everything_is_asked_on():
    class Closed(MatchingEngine):
        def run(self, commands):
            refused = commands.copy()
            refused["book"] = 99
            return super().run(refused)

    population = Population(TINY, 4, 0)
    engines = [Closed(TINY.lowest, 64) for _ in TINY.places]
    asked = drive(population, engines, 60 * SECOND)
    assert asked > 500
    assert not (population.world.orders["state"] != GONE).any()
    assert len(population.prints()) == 0


def test_strangers_trade_with_them_and_are_heard():
    market = SimulatedMarket(TINY, 6)
    market.run(60 * SECOND)
    engine, population = market.engines[0], market.population
    tops = np.zeros((1, 4), np.int64)
    look(engine.arena, tops)
    bid, ask = int(tops[0, 0]), int(tops[0, 2])
    flow = float(population.world.assets[0]["flow"][5])
    order = np.zeros(2, COMMAND)
    order["operation"], order["order_id"], order["account"] = SUBMIT, [10**9, 10**9 + 1], 900
    order["order_type"], order["time_in_force"] = [LIMIT, MARKET], [0, IOC]
    order["side"], order["price"], order["quantity"] = [BUY, BUY], [bid, 0], [5, 40_000]
    events = engine.run(order)
    look(engine.arena, tops)
    population.hear(0, events, tops)
    prints = population.prints()
    assert prints[-1]["kind"] == STRANGER
    assert float(population.world.assets[0]["flow"][5]) > flow
    fills = [events[(events["kind"] == FILL) & (events["maker_id"] == 10**9)] for venue, _, events in market.step(900 * SECOND) if venue == 0]
    assert sum(int(fill["quantity"].sum()) for fill in fills) == 5  # his bid was one of theirs, and somebody sold to it
    assert ask > bid


def test_time_that_was_lost_is_not_lived():
    population = Population(TINY, 4, 0)
    engines = [MatchingEngine(TINY.lowest, 1 << 14) for _ in TINY.places]
    drive(population, engines, 20 * SECOND)
    sent = population.sent
    population.lose(3600 * SECOND)
    assert population.now == 3600 * SECOND
    assert not population.due(3600 * SECOND)
    drive(population, engines, 3601 * SECOND)
    assert sent < population.sent < sent + 2000


def test_a_population_that_keeps_nothing_stays_small_and_lives_the_same():
    kept, forgotten = SimulatedMarket(SMALL, 3), SimulatedMarket(SMALL, 3, keep=False)
    kept.run(30 * SECOND)
    forgotten.run(30 * SECOND)
    assert len(kept.prints()) > 0 == len(forgotten.prints())
    assert kept.digest() == forgotten.digest()


def test_prices_differ_between_venues_and_come_together_again():
    market = SimulatedMarket(SMALL, 2)
    market.run(1800 * SECOND)
    samples = market.samples()
    mids = [0.5 * (rows["bid"] + rows["ask"])[60:] for rows in (samples[samples["floor"] == floor] for floor in (0, 2))]
    gap = 1e4 * (mids[1] / mids[0] - 1)
    assert 0.2 < gap.std() < 6.0
    assert np.abs(gap).max() > 1.0
    assert (np.sign(gap[1:]) != np.sign(gap[:-1])).sum() > 20


def test_events_of_another_layout_are_refused():
    population = Population(TINY, 4, 0)
    with pytest.raises(TypeError, match="expected EVENT"):
        population.hear(0, np.zeros(1, COMMAND), np.zeros((1, 4), np.int64))
