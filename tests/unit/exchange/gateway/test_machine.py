from itertools import chain
from unittest.mock import Mock, patch

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange.gateway import machine as machines
from polaris.exchange.gateway.machine import Machine, whole
from polaris.exchange.gateway.note import NOTE
from polaris.exchange.gateway.venue import command, note
from polaris.exchange.words import (
    ALONE,
    COMMAND,
    DEPOSIT,
    GTC,
    LIMIT,
    OCO_FIRST,
    OCO_SECOND,
    OTO_PENDING,
    OTO_WORKING,
    OTOCO_FIRST,
    OTOCO_SECOND,
    OTOCO_WORKING,
    SUBMIT,
)
from tests.unit.exchange.gateway.bare import ANY_SIZE, RICH, START
from tests.unit.exchange.gateway.test_register import asked_of, many

PRICE = 5_000_000


def arrays(pairs):
    commands = np.frombuffer(bytearray(b"".join(command for command, _ in pairs)), COMMAND)
    commands["seq"] = np.arange(1, len(commands) + 1)
    return commands, np.frombuffer(b"".join(note for _, note in pairs), NOTE)


def rich():
    return [(command(DEPOSIT, account=account, book=asset, quantity=RICH), note(START)) for account in (1, 2, 3) for asset in range(3)]


@given(many, st.data())
@settings(deadline=None, max_examples=25, phases=[Phase.explicit, Phase.generate])  # each holds two machines' memory: no thousand tries to shrink
def test_a_machine_is_the_same_after_any_portions_of_what_was_done_in_whole_turns(drawn, data):
    turns, parts = Machine(ANY_SIZE), Machine(ANY_SIZE)
    many = data.draw(st.sampled_from((1, 4, machines.MANY)))  # so many go to the register by a thread of its own
    groups = [rich(), *asked_of(drawn)]
    commands, notes = arrays(list(chain(*groups)))
    done = 0
    for group in groups:
        turns.apply(commands[done : done + len(group)], notes[done : done + len(group)])
        done += len(group)
    at = 0
    while at < len(commands):
        n = data.draw(st.integers(1, min(9, len(commands) - at)))
        with patch.object(machines, "MANY", many):
            parts.apply(commands[at : at + n], notes[at : at + n])
        at += n
    parts.settle()
    turns.settle()
    assert parts.digest() == turns.digest()


def test_what_the_register_stumbles_over_in_its_thread_is_heard(monkeypatch):
    monkeypatch.setattr(machines, "MANY", 1)
    machine = Machine(ANY_SIZE)
    monkeypatch.setattr(machine.register, "fold", Mock(side_effect=MemoryError("no room")))
    machine.apply(*arrays(rich()))
    with pytest.raises(MemoryError, match="no room"):
        machine.settle()


def rows(*roles):
    return arrays([(command(SUBMIT, order_id=number, side=BUY, order_type=LIMIT, role=role), note(0)) for number, role in enumerate(roles, 1)])[0]


def test_only_the_first_legs_of_a_list_at_the_end_wait():
    assert whole(rows()) == 0
    assert whole(rows(ALONE, ALONE)) == 2
    for role in (OCO_FIRST, OTO_WORKING, OTOCO_WORKING):
        assert whole(rows(ALONE, role)) == 1
    assert whole(rows(ALONE, OTOCO_WORKING, OTOCO_FIRST)) == 1
    assert whole(rows(OTOCO_FIRST)) == 1  # of nothing: refused, whenever it is done
    for roles in ((OCO_FIRST, OCO_SECOND), (OTO_WORKING, OTO_PENDING), (OTOCO_WORKING, OTOCO_FIRST, OTOCO_SECOND)):
        assert whole(rows(*roles)) == len(roles)


def test_a_list_over_the_edge_of_a_portion_is_taken_whole(monkeypatch):
    monkeypatch.setattr(machines, "AT_ONCE", 10)  # nine deposits, and the list's first leg
    leg = {"side": SELL, "order_type": LIMIT, "time_in_force": GTC, "quantity": 5, "account": 1}
    first = command(SUBMIT, order_id=1, price=PRICE, role=OTO_WORKING, **leg), note(START, "a", list_id=1)
    second = command(SUBMIT, order_id=2, price=PRICE + 1, role=OTO_PENDING, **leg), note(START, "b", list_id=1)
    machine = Machine(ANY_SIZE)
    machine.apply(*arrays([*rich(), first, second]))
    assert [order.order_id for order in machine.register.open(1)] == [1, 2]


def test_a_list_of_which_the_rest_never_came_is_refused():
    leg = {"side": SELL, "order_type": LIMIT, "time_in_force": GTC, "quantity": 5, "account": 1}
    first = command(SUBMIT, order_id=1, price=PRICE, role=OTO_WORKING, **leg), note(START, "a", list_id=1)
    machine = Machine(ANY_SIZE)
    machine.apply(*arrays([*rich(), first]))
    assert machine.register.last_order == 0
    machine.settle()
    assert machine.register.last_order == 1
    assert machine.register.open(1) == []
