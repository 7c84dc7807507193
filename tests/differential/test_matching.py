"""The compiled engine against the plain one: every command, the same events and the same state."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange.book import MatchingEngine
from polaris.exchange.book_reference import ReferenceEngine
from polaris.exchange.matching import ROOM, ROOM_AN_ICEBERG, ROOM_AN_ORDER
from polaris.exchange.words import DECREMENT, EVENT_NAMES, FOK, IOC, MARKET, PREVENTED, REASON_NAMES, STOP, STOP_LIMIT, TICKS, Commands
from tests.unit.exchange.commands import LOWEST, amend, cancel, commands, mass_cancel, streams, submit

CAPACITY = 24
ROOT = Path(__file__).resolve().parents[2]


def random_commands(seed: int, n: int) -> Commands:
    """A stream with every operation in it, from dice alone: long, and cheap to make."""
    dice = np.random.default_rng(seed)
    rows = commands(*({} for _ in range(n)))
    orders = dice.random(n) < 0.6
    kinds = dice.choice([1, 1, 1, 1, 2, 3, 4, 5, 6, 7], n)
    limited = np.isin(kinds, (1, 5, 7))
    rows["operation"] = np.where(orders, 1, dice.choice([2, 3, 4, 5, 9], n, p=[0.48, 0.42, 0.04, 0.05, 0.01]))
    rows["order_type"] = np.where(orders, kinds, 0)
    rows["time_in_force"] = np.where(orders, np.where(limited, dice.choice([0, 0, 1, 2, 3, 4], n), np.where(kinds == 3, 1, dice.integers(1, 3, n))), 0)
    rows["side"] = np.where(orders, dice.choice([BUY, SELL], n), 0)
    rows["book"] = dice.integers(0, 2, n)
    rows["order_id"] = np.where(orders, np.arange(n) + 1, np.maximum(1, np.arange(n) - dice.integers(0, 30, n)))
    rows["price"] = np.where(orders & ~limited & ((kinds < STOP) | (dice.random(n) < 0.5)), 0, dice.integers(99, 111, n))
    rows["quantity"] = dice.integers(1, 30, n) * np.where(orders & (kinds == 3), 100, 1)
    rows["trigger"] = np.where(orders & (kinds >= 4), dice.integers(99, 111, n), 0)
    rows["display"] = np.where(orders & np.isin(rows["time_in_force"], (0, 3, 4)) & (dice.random(n) < 0.3), dice.integers(1, 5, n), 0)
    rows["account"] = np.where(orders, dice.integers(0, 4, n), 0)
    rows["prevention"] = np.where(orders, dice.integers(0, 5, n), 0)
    return rows


def step_by_step(rows: Commands, capacity: int = CAPACITY) -> list[tuple[str, str]]:
    """Both engines do the commands one by one and stay equal; returns every (kind, reason) told."""
    compiled, plain = MatchingEngine(LOWEST, capacity), ReferenceEngine(LOWEST, capacity)
    compiled._hold(1)  # no room at all: every command must ask for it
    told = []
    for i in range(len(rows)):
        room = ROOM + ROOM_AN_ORDER * len(plain.alive) + ROOM_AN_ICEBERG * sum(order.display > 0 for order in plain.alive.values())
        truth = plain.run(rows[i : i + 1])
        assert len(truth) <= room, "the kernel would write beyond its events"
        events = compiled.run(rows[i : i + 1])
        assert events.tolist() == truth.tolist(), f"command {i}: {rows[i]}"
        assert compiled.orders().tolist() == plain.orders().tolist(), f"after command {i}: {rows[i]}"
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
    assert {kind for kind, _ in told} == set(EVENT_NAMES[1:PREVENTED + 1])
    assert {"engine full", "would take", "triggered already", "remainder", "not fillable", "self-trade", "not resting"} <= {reason for _, reason in told}


@settings(max_examples=100)
@given(streams, st.data())
def test_any_split_of_the_commands_tells_the_same_events(stream: list[dict[str, int]], data: Any) -> None:
    rows = commands(*stream)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rows)))))
    whole, parts = MatchingEngine(LOWEST, CAPACITY), MatchingEngine(LOWEST, CAPACITY)
    told = whole.run(rows)
    pieces = [parts.run(rows[start:end]) for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    assert told.tobytes() == np.concatenate(pieces).tobytes()
    assert whole.digest() == parts.digest()


def test_a_replay_of_the_commands_tells_the_same_events_and_ends_in_the_same_state() -> None:
    rows = random_commands(7, 20_000)
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
from tests.differential.test_matching import LOWEST, random_commands

digest = hashlib.blake2b(digest_size=16)
engine = MatchingEngine(LOWEST, 24)
rows = random_commands(3, 1500)
for i in range(0, len(rows), 10):
    digest.update(engine.run(rows[i : i + 10]).tobytes())
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
