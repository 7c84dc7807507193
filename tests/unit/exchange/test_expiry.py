"""Orders that end by themselves, and time that passes, said of both engines."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange import MatchingEngine
from polaris.exchange import words as w
from tests.unit.exchange.commands import amend, cancel, clock, commands, expire_at, set_phase, submit


def test_an_order_ends_when_its_time_is_over_and_not_before(tell):
    order = submit(1, BUY, 100, 5), expire_at(1, 50)
    assert tell(*order) == ["setting 1: 50"]
    assert tell(*order, clock(49)) == []
    assert tell(*order, clock(50)) == ["expired 1: 5 @ 100, time"]
    assert tell(*order, clock(70)) == ["expired 1: 5 @ 100, time"]


def test_what_is_due_ends_in_the_order_of_time_then_of_ids(tell):
    orders = [submit(order_id, BUY, 100, 1) for order_id in (3, 1, 2, 4)]
    ends = [expire_at(order_id, when) for order_id, when in ((1, 30), (2, 20), (3, 20), (4, 40))]
    assert tell(*orders, *ends, clock(30)) == ["expired 2: 1 @ 100, time", "expired 3: 1 @ 100, time", "expired 1: 1 @ 100, time"]


def test_time_never_goes_back(tell):
    assert tell(clock(50), clock(49)) == ["rejected 0: 0 @ 49, time"]
    assert tell(clock(50), clock(50)) == []


def test_an_end_must_be_ahead_and_can_be_moved_or_taken_away(tell):
    order = clock(10), submit(1, BUY, 100, 5)
    assert tell(*order, expire_at(1, 10)) == ["rejected 1: 0 @ 10, time"]
    assert tell(*order, expire_at(2, 20)) == ["rejected 2: 0 @ 20, unknown order"]
    assert tell(*order, expire_at(1, 20), expire_at(1, 40), clock(30)) == []
    assert tell(*order, expire_at(1, 40), expire_at(1, 20), clock(30)) == ["expired 1: 5 @ 100, time"]
    assert tell(*order, expire_at(1, 20), expire_at(1, 0), clock(30)) == []


def test_another_accounts_order_can_not_be_given_an_end(tell):
    assert tell(submit(1, BUY, 100, 5, account=3), expire_at(1, 20, account=4)) == ["rejected 1: 0 @ 20, unknown order"]


def test_an_order_keeps_its_end_when_it_is_amended_or_fires(tell):
    assert tell(submit(1, BUY, 100, 5), expire_at(1, 20), amend(1, 9, 101), clock(20)) == ["expired 1: 9 @ 101, time"]
    stop = submit(1, BUY, 105, 5, order_type=w.STOP_LIMIT, trigger=103)
    fires = submit(8, SELL, 103, 1), submit(9, BUY, 103, 1)
    assert tell(stop, expire_at(1, 20), *fires, clock(20)) == ["expired 1: 5 @ 105, time"]


def test_what_is_left_of_an_order_ends(tell):
    assert tell(submit(1, BUY, 100, 5, display=2), expire_at(1, 20), submit(2, SELL, 100, 3), clock(20)) == ["expired 1: 2 @ 100, time"]


def test_orders_end_in_a_halt_too(tell):
    assert tell(submit(1, BUY, 100, 5), expire_at(1, 20), set_phase(w.HALTED), clock(20)) == ["expired 1: 5 @ 100, time"]


@pytest.mark.parametrize("gone", [cancel(1), submit(2, SELL, 100, 5)])
def test_an_order_that_ended_sooner_does_not_end_again(tell, gone):
    assert tell(submit(1, BUY, 100, 5), expire_at(1, 20), gone, submit(3, BUY, 90, 1), clock(20)) == []


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 30), st.booleans()), max_size=80), st.integers(0, 30))
def test_any_mixture_of_ends_moved_and_cancelled_leaves_those_that_are_not_due(moves, now):
    engine, ends = MatchingEngine((1,), 64), dict.fromkeys(range(1, 41), 0)
    engine.run(commands(*(submit(order_id, BUY, 100, 1) for order_id in ends)))
    for order_id, when, cancels in moves:
        if cancels:
            engine.cancel(order_id)
            ends.pop(order_id, None)
        else:
            engine.expire_at(order_id, when)
            if order_id in ends:
                ends[order_id] = when
    told = engine.clock(now)
    due = sorted((when, order_id) for order_id, when in ends.items() if 0 < when <= now)
    assert told["order_id"].tolist() == [order_id for _, order_id in due]
    assert sorted(engine.orders()["order_id"].tolist()) == sorted(set(ends) - {order_id for _, order_id in due})


def test_a_hundred_thousand_ends_come_in_their_order():
    n, dice = 100_000, random.Random(5)
    engine = MatchingEngine((1,), n)
    ends = [dice.randint(1, 10**9) for _ in range(n)]
    engine.run(commands(*(submit(i + 1, BUY, 100 + i % 50, 1) for i in range(n))))
    engine.run(commands(*(expire_at(i + 1, when) for i, when in enumerate(ends))))
    told = engine.run(commands(clock(10**9)))
    assert told["order_id"].tolist() == [order_id for _, order_id in sorted((when, i + 1) for i, when in enumerate(ends))]
    assert len(engine) == 0
