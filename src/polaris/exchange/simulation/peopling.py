"""From settings and a seed to a world where everybody is about to act for the first time."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from polaris.exchange.simulation import world as w
from polaris.exchange.simulation.agenda import new_agenda
from polaris.exchange.simulation.dice import Dice, one
from polaris.exchange.simulation.quoting import term_of
from polaris.exchange.simulation.settings import SECOND, Settings
from polaris.exchange.simulation.world import World
from polaris.exchange.words import TICKS

Draw = Callable[[], float]  # in [0, 1)

DAY_S = 86_400.0
SCATTER = 0.35  # of what one maker or follower wants against another, both ways
EDGE_OF_BOOK = 0.02  # the fundamental keeps this far from the last price a book has


def new_world(settings: Settings, seed: int, start_ns: int, room: int) -> tuple[World, Dice]:
    """A world at its first moment, and the dice it lives by.

    room  rows kept of each kind of record before they are taken away
    """
    people = settings.people
    symbols, venues = len(settings.symbols), len(settings.places)
    floors = symbols * venues
    fixed = floors * (people.makers + people.insiders + people.followers + people.parents) + symbols * people.arbitrageurs + floors + 2
    slots = floors * (2 * w.CROWD_MOST + 4 * w.LEVELS * people.makers + 64) + 64
    buckets = 1 << (2 * slots).bit_length()
    dice = Dice(seed, 1 << (64 * fixed + 8192).bit_length())
    world = World(
        clock=np.zeros(1, w.CLOCK),
        agenda=np.zeros(2 * fixed, np.int64),
        dice=dice.words,
        moods=np.zeros((symbols + 1, w.MOODS), w.MOOD),
        past=np.zeros((symbols, w.RING)),
        assets=np.zeros(symbols, w.ASSET),
        floors=np.zeros(floors, w.FLOOR),
        orders=np.zeros(slots, w.ORDER),
        crowds=np.zeros((floors, 2, w.CROWD_MOST), np.int64),
        ids=np.zeros((venues, 2 * buckets), np.int64),
        asks=np.zeros((venues, 8 * w.ROOM), np.int64),
        makers=np.zeros(floors * people.makers, w.MAKER_ROW),
        insiders=np.zeros(floors * people.insiders, w.INSIDER_ROW),
        followers=np.zeros(floors * people.followers, w.FOLLOWER_ROW),
        parents=np.zeros(floors * people.parents, w.PARENT_ROW),
        arbitrageurs=np.zeros(symbols * people.arbitrageurs, w.ARBITRAGEUR_ROW),
        habits=np.zeros(1, w.HABITS),
        samples=np.zeros(room, w.SAMPLED),
        prints=np.zeros(room, w.PRINT),
        finished=np.zeros(room, w.FINISHED),
    )
    _wind(world, settings, start_ns)
    _price(world, settings)
    _open(world, settings)
    first = _people(world, settings, dice)
    times = start_ns + 1 + np.array([at for at, _ in first], np.int64)
    world.agenda[:] = new_agenda(times, np.array([actor for _, actor in first], np.int64))
    return world, dice


def _wind(world: World, settings: Settings, start_ns: int) -> None:
    """Set the clock and everybody's habits."""
    clock, people, moods = world.clock[0], settings.people, settings.moods
    clock["now"] = clock["start"] = start_ns
    clock["beat"], clock["step"], clock["sample"] = settings.beat_ns, settings.step_ns, settings.sample_ns
    clock["symbols"], clock["venues"], clock["crowd"] = len(settings.symbols), len(settings.places), people.crowd
    clock["jump_mean"] = DAY_S * SECOND / settings.step_ns / max(1e-6, moods.jumps_a_day)
    clock["jump_size"], clock["contrast"] = moods.jump_minutes, moods.contrast
    habits = world.habits[0]
    habits["maker_horizon"], habits["maker_most"] = people.maker_horizon_s, people.maker_most
    habits["insider_error"], habits["follower_most"] = people.insider_error, people.follower_most
    habits["parent_idle"], habits["parent_slice"] = people.parent_idle_s * SECOND, people.parent_slice_s * SECOND
    habits["parent_least"], habits["parent_most"], habits["parent_tail"] = people.parent_least, people.parent_most, people.parent_tail
    habits["latency"], habits["cost"] = people.arbitrage_latency_s * SECOND, people.arbitrage_cost_bps


def _price(world: World, settings: Settings) -> None:
    """What each symbol is worth, and its moods."""
    moods, a_second = settings.moods, SECOND / settings.step_ns
    world.moods["level"] = 1.0
    for k, life in enumerate(moods.shared_s):
        world.moods[-1, k]["mean"] = life * a_second
    for s, symbol in enumerate(settings.symbols):
        for k, life in enumerate(moods.own_s):
            world.moods[s, k]["mean"] = life * a_second
        asset = world.assets[s]
        minute = 1e-4 * symbol.volatility
        asset["fair"], asset["heat"], asset["lots"] = symbol.ticks, 1.0, symbol.lots
        asset["minute"], asset["usual"] = minute, minute / np.sqrt(60.0 * a_second)
        asset["impact"], asset["flow_at"] = settings.people.impact * minute, world.clock[0]["start"]
        asset["tide"], asset["own"] = symbol.tide, np.sqrt(1.0 - symbol.tide * symbol.tide)
        asset["least"] = symbol.lowest + EDGE_OF_BOOK * symbol.ticks
        asset["most"] = symbol.lowest + TICKS - EDGE_OF_BOOK * symbol.ticks
        asset["accounts"] = settings.first_account + s * settings.accounts_a_symbol
    world.past[:] = world.assets["fair"][:, None]


def _open(world: World, settings: Settings) -> None:
    """Every floor, empty."""
    people = settings.people
    for f in range(len(world.floors)):
        venue, s = divmod(f, len(settings.symbols))
        symbol, place, floor = settings.symbols[s], settings.places[venue], world.floors[f]
        minute = 1e-4 * symbol.volatility
        floor["symbol"], floor["venue"], floor["lag"] = s, venue, -(-place.lag_ns // settings.step_ns)
        floor["lowest"], floor["highest"] = symbol.lowest, symbol.lowest + TICKS - 1
        floor["variance"] = minute * minute / 60.0
        floor["limits"], floor["markets"] = people.crowd_limits_a_s * place.tempo, people.crowd_markets_a_s * place.tempo
        floor["leaving"] = 1.0 / people.crowd_life_s
        floor["excited_at"] = world.clock[0]["start"]
        floor["bound"] = 2.0 * (floor["limits"] + floor["markets"])


def _people(world: World, settings: Settings, dice: Dice) -> list[tuple[int, int]]:
    """Everybody with an account, no two alike; returns (ns after the start, actor) of each first act."""
    people, first = settings.people, [(0, w.FAIR << w.KIND), (1, w.SAMPLE << w.KIND)]

    def draw() -> float:
        return float(one(dice.words))

    kinds = (people.makers, people.insiders, people.followers, people.parents)
    for f in range(len(world.floors)):
        account = int(world.assets[world.floors[f]["symbol"]]["accounts"]) + people.crowd
        first.append((int(SECOND * draw()), w.CROWD << w.KIND | f))
        for kind, count in zip((w.MAKER, w.INSIDER, w.FOLLOWER, w.PARENT), kinds, strict=True):
            for i in range(count):
                row = f * count + i
                match kind:
                    case w.MAKER:
                        _maker(world.makers[row], people.maker_every_s, people.maker_aversion, people.maker_decay, draw)
                        trader, wait = world.makers[row], 0.2 * draw()
                    case w.INSIDER:
                        trader, wait = world.insiders[row], 10.0 + people.insider_every_s * draw()
                        trader["every"] = people.insider_every_s * SECOND
                    case w.FOLLOWER:
                        trader, wait = world.followers[row], 30.0 + people.follower_every_s * draw()
                        trader["every"] = people.follower_every_s * SECOND
                        trader["gain"] = 1.0 if i % 3 < 2 else -1.0
                        trader["fast_ns"] = SECOND * 45.0 * (1.0 + 2.0 * draw())
                        trader["slow_ns"] = trader["fast_ns"] * (5.0 + 5.0 * draw())
                    case _:
                        trader, wait = world.parents[row], 20.0 + people.parent_idle_s * draw()
                trader["floor"], trader["account"] = f, account
                account += 1
                first.append((int(SECOND * wait), kind << w.KIND | row))
    for row, trader in enumerate(world.arbitrageurs):
        s, i = divmod(row, people.arbitrageurs)
        trader["symbol"], trader["account"] = s, int(world.assets[s]["accounts"]) + settings.accounts_a_symbol - people.arbitrageurs + i
        trader["buys_at"] = -1
        first.append((int(SECOND * (5.0 + draw())), w.ARBITRAGEUR << w.KIND | row))
    return first


def _maker(maker: npt.NDArray[np.void], every_s: float, aversion: float, decay: float, draw: Draw) -> None:
    """One maker: quicker or slower, bolder or shyer than the next."""
    maker["every"] = SECOND * every_s * _about(draw)
    maker["aversion"] = aversion * _about(draw)
    maker["term"] = term_of(float(maker["aversion"]), decay * _about(draw))
    maker["size"] = 1.2 * _about(draw)


def _about(draw: Draw) -> float:
    """Near 1, by SCATTER."""
    return 1.0 + SCATTER * (2.0 * draw() - 1.0)
