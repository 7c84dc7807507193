"""The compiled engine against the plain one: every command, the same events and the same state."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange.book import MatchingEngine
from polaris.exchange.book_reference import ReferenceEngine
from polaris.exchange.matching import ROOM, ROOM_AN_ICEBERG, ROOM_AN_ORDER
from polaris.exchange.words import (
    AUCTION,
    BAND_INTERRUPTS,
    BAND_PPM,
    CLOSED,
    CONTINUOUS,
    DECREMENT,
    EVENT_NAMES,
    FOK,
    FROM_WORSE,
    GTC,
    HALTED,
    IOC,
    LIMIT,
    MARKET,
    MARKET_AMOUNT,
    POST_ONLY,
    POST_SLIDE,
    REASON_NAMES,
    REFERENCE_PRICE,
    SHRINKS,
    STOP,
    STOP_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TICKS,
    TRAILING_STOP,
    TRAILING_STOP_LIMIT,
    Commands,
)
from tests.unit.exchange.commands import (
    LOWEST,
    Fields,
    amend,
    between,
    cancel,
    clock,
    commands,
    expire_at,
    mass_cancel,
    oco,
    oto,
    set_phase,
    set_rule,
    streams,
    submit,
)

CAPACITY = 24
WAITING = (STOP, STOP_LIMIT, TAKE_PROFIT, TAKE_PROFIT_LIMIT, TRAILING_STOP, TRAILING_STOP_LIMIT)
ROOT = Path(__file__).resolve().parents[2]


def random_order(dice: Random, order_id: int, **fields: int) -> Fields:
    """A new order that is right in itself."""
    kind = dice.choice((LIMIT, LIMIT, LIMIT, LIMIT, MARKET, MARKET_AMOUNT, *WAITING))
    limited = kind in (LIMIT, STOP_LIMIT, TAKE_PROFIT_LIMIT, TRAILING_STOP_LIMIT)
    time_in_force = dice.choice((GTC, GTC, IOC, FOK, POST_ONLY, POST_SLIDE)) if limited else IOC if kind == MARKET_AMOUNT else dice.choice((IOC, FOK))
    order = {
        "book": dice.randrange(2),
        "order_type": kind,
        "time_in_force": time_in_force,
        "trigger": dice.randint(97, 113) if kind >= STOP else 0,
        "account": dice.randrange(4),
        "prevention": dice.randrange(5),
    }
    if kind >= TRAILING_STOP:
        order |= {"display": dice.choice((1, 2, 3, -100, -250)), "trigger": dice.choice((0, order["trigger"], order["trigger"]))}
        order["flags"] = dice.choice((0, FROM_WORSE)) if order["trigger"] else 0
    elif time_in_force in (GTC, POST_ONLY, POST_SLIDE) and dice.random() < 0.3:
        order["display"] = dice.randint(1, 5)
    price = dice.randint(99, 111) if limited or (kind in (STOP, TAKE_PROFIT, TRAILING_STOP) and dice.random() < 0.3) else 0
    return submit(order_id, dice.choice((BUY, SELL)), price, dice.randint(1, 30) * (100 if kind == MARKET_AMOUNT else 1), **{**order, **fields})


def random_list(dice: Random, order_id: int) -> list[Fields]:
    """A list of orders, mostly a sound one."""
    like = {"book": dice.randrange(2), "account": dice.randrange(4)}
    side = {"side": dice.choice((BUY, SELL))}
    plain = {"order_type": LIMIT, "time_in_force": dice.choice((GTC, POST_ONLY, POST_SLIDE)), "price": dice.randint(97, 113), "trigger": 0, "quantity": 7}
    waiting = {"order_type": dice.choice((STOP, TAKE_PROFIT)), "time_in_force": IOC, "price": 0, "display": 0, "trigger": dice.randint(97, 113)}
    trails = {"order_type": TRAILING_STOP, "time_in_force": IOC, "price": 0, "display": dice.randint(1, 3), "trigger": 0}
    pair = [
        random_order(dice, order_id, **like) | side | dice.choice((plain, waiting)) | {"display": 0},
        random_order(dice, order_id + 1, **like) | side | dice.choice((waiting, trails)),
    ]
    for leg in pair:
        leg["flags"] = leg.get("flags", 0) if leg["order_type"] >= TRAILING_STOP and leg["trigger"] else 0
    if dice.random() < 0.5:
        lots = dice.randint(2, 20)
        pair = [leg | {"flags": leg["flags"] | SHRINKS, "quantity": lots} for leg in pair]
    if dice.random() < 0.4:
        return oco(*pair)
    working = random_order(dice, order_id, **like) | plain | {"price": dice.randint(99, 111), "time_in_force": GTC}
    parked = pair if dice.random() < 0.6 else [random_order(dice, order_id + 1, **like)]
    legs = oto(working, *({**leg, "order_id": order_id + 1 + n} for n, leg in enumerate(parked)))
    if dice.random() < 0.05:
        legs.pop()
    return legs


def random_commands(seed: int, n: int) -> Commands:
    """A stream with every operation in it, from dice alone: long, and cheap to make."""
    dice, rows, now = Random(seed), list[Fields](), 0
    while len(rows) < n:
        order_id, what = len(rows) + 1, dice.random()
        old = max(1, order_id - dice.randrange(40))
        if what < 0.46:
            rows.append(random_order(dice, order_id))
        elif what < 0.6:
            rows += random_list(dice, order_id)
        elif what < 0.75:
            rows.append(cancel(old))
        elif what < 0.85:
            rows.append(amend(old, dice.randint(1, 30), dice.choice((0, dice.randint(99, 111)))))
        elif what < 0.89:
            rows.append(mass_cancel(dice.randint(-1, 1), side=dice.choice((0, 0, BUY, SELL)), account=dice.randrange(4)))
        elif what < 0.92:
            now += dice.choice((0, 2, 9))
            rows.append(clock(now - (dice.random() < 0.1)))
        elif what < 0.95:
            rows.append(expire_at(max(1, order_id - dice.randint(1, 12)), now + dice.randint(0, 8)))
        elif what < 0.98:
            phase, book = dice.choice((AUCTION, AUCTION, AUCTION, HALTED, CLOSED)), dice.randint(-1, 1)
            gathering = {"order_type": LIMIT, "time_in_force": GTC, "trigger": 0}
            some = [random_order(dice, order_id + 1 + n) for n in range(8)]
            some = [one | gathering | {"price": dice.randint(99, 111), "display": dice.choice((0, 0, 1, 4))} if n > 1 else one for n, one in enumerate(some)]
            rows += [set_phase(phase, book), *some, set_phase(CONTINUOUS, -1)]
        elif what < 0.997:
            rule = dice.choice((BAND_PPM, REFERENCE_PRICE, BAND_INTERRUPTS))
            value = {BAND_PPM: 20_000, REFERENCE_PRICE: 105, BAND_INTERRUPTS: 1}[rule]
            rows.append(set_rule(rule, dice.choice((0, 0, value, value, -1)), dice.randint(-1, 1)))
        else:
            rows.append({"operation": 99, "order_id": order_id})
    return commands(*rows)


def runs(rows: Commands) -> Iterator[tuple[int, Commands]]:
    """The commands one by one, a list as a whole, each with where it begins."""
    for start, end in pairwise(between(rows)):
        yield start, rows[start:end]


def step_by_step(rows: Commands, capacity: int = CAPACITY) -> list[tuple[str, str]]:
    """Both engines do the commands one by one and stay equal; returns every (kind, reason) told."""
    compiled, plain = MatchingEngine(LOWEST, capacity), ReferenceEngine(LOWEST, capacity)
    compiled._hold(1)  # no room at all: every command must ask for it
    told = []
    for i, one in runs(rows):
        room = ROOM + len(LOWEST) + ROOM_AN_ORDER * len(plain.alive) + ROOM_AN_ICEBERG * sum(order.display > 0 for order in plain.alive.values())
        truth = plain.run(one)
        assert len(truth) <= room, "the kernel would write beyond its events"
        events = compiled.run(one)
        assert events.tolist() == truth.tolist(), f"command {i}: {one}"
        assert compiled.orders().tolist() == plain.orders().tolist(), f"after command {i}: {one}"
        assert [compiled.indicative(book) for book in (0, 1)] == [plain.indicative(book) for book in (0, 1)]
        assert (compiled.digest(), compiled.now) == (plain.digest(), plain.now)
        told += [(EVENT_NAMES[kind], REASON_NAMES[reason]) for kind, reason in zip(truth["kind"], truth["reason"], strict=True)]
    return told


@settings(max_examples=300)
@given(streams)
@example([submit(1, BUY, 100, 5, display=2), submit(2, SELL, 0, 9, order_type=MARKET, time_in_force=IOC)])
@example([submit(1, SELL, 95 + TICKS - 1, 1), submit(2, BUY, 95, 1), submit(3, BUY, 0, 2, order_type=MARKET, time_in_force=FOK)])
@example([submit(1, BUY, 100, 5, account=1), submit(2, SELL, 100, 3, account=1, prevention=DECREMENT), amend(1, 1), cancel(1)])
@example([submit(1, BUY, 0, 5, order_type=STOP, time_in_force=IOC, trigger=101), submit(2, SELL, 101, 9), submit(3, BUY, 101, 1), mass_cancel()])
def test_both_engines_tell_the_same_events_and_hold_the_same_state_after_every_command(stream: list[dict[str, int]]) -> None:
    step_by_step(commands(*stream))


def test_long_streams_are_equal_too_and_have_every_kind_of_event_and_nearly_every_reason_in_them() -> None:
    told = set()
    for seed in range(4):
        told |= set(step_by_step(random_commands(seed, 1500)))
    assert {kind for kind, _ in told} == set(EVENT_NAMES[1:]) - {"balance"}
    assert {"linked", "time", "list refused", "bad list", "price band", "book halted", "bad setting"} <= {reason for _, reason in told}
    assert {"engine full", "would take", "triggered already", "remainder", "not fillable", "self-trade", "not resting"} <= {reason for _, reason in told}


@settings(max_examples=100)
@given(streams, st.data())
def test_any_split_of_the_commands_tells_the_same_events(stream: list[dict[str, int]], data: Any) -> None:
    rows = commands(*stream)
    cuts = sorted(data.draw(st.sets(st.sampled_from(between(rows)))))
    whole, parts = MatchingEngine(LOWEST, CAPACITY), MatchingEngine(LOWEST, CAPACITY)
    told = whole.run(rows)
    pieces = [parts.run(rows[start:end]) for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    assert told.tobytes() == np.concatenate(pieces).tobytes()
    assert whole.digest() == parts.digest()


def test_a_replay_of_the_commands_tells_the_same_events_and_ends_in_the_same_state() -> None:
    rows = random_commands(7, 10_000)
    first, again = MatchingEngine(LOWEST, 200), MatchingEngine(LOWEST, 200)
    assert first.run(rows).tobytes() == again.run(np.frombuffer(rows.tobytes(), rows.dtype)).tobytes()
    assert first.digest() == again.digest()


def test_a_cascade_of_stops_fires_alike() -> None:
    resting = [submit(i, SELL, 100 + i, 1) for i in range(1, 12)]
    stops = [submit(20 + i, BUY, 0, 1, order_type=STOP, time_in_force=IOC, trigger=100 + i) for i in range(2, 11)]
    falling = [submit(40 + i, SELL, 96, 1, order_type=STOP_LIMIT, trigger=100 - i) for i in range(1, 4)]
    told = step_by_step(commands(*resting, *stops, *falling, submit(60, BUY, 102, 2)), 64)
    assert told.count(("triggered", "")) == 9


PROGRAM = """
import hashlib
from polaris.domain.kernel import JIT
from polaris.exchange.book import MatchingEngine
from tests.differential.test_matching import LOWEST, random_commands, runs

digest = hashlib.blake2b(digest_size=16)
engine = MatchingEngine(LOWEST, 24)
rows = random_commands(3, 1500)
for _, one in runs(rows):
    digest.update(engine.run(one).tobytes())
    digest.update(engine.digest().encode())
print(JIT, digest.hexdigest())
"""


def run_program(program: str, disable: str) -> list[str]:
    """The words a program prints, run with the compiler, or without it where `disable` is "1"."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": disable}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.slow
def test_the_same_bits_with_and_without_the_compiler() -> None:
    compiled, plain = run_program(PROGRAM, "0"), run_program(PROGRAM, "1")
    assert (compiled[0], plain[0]) == ("True", "False")
    assert compiled[1] == plain[1]
