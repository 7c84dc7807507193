"""The operator's door when the disk does not answer, and when what is asked is none of what may be asked."""

import asyncio
from types import SimpleNamespace

import pytest

from polaris.app.exchange import control
from polaris.app.exchange.control import Control
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.venue import Venue
from tests.unit.exchange.gateway.asking import until
from tests.unit.exchange.gateway.bare import RULES, Bare, Clock, Held


@pytest.fixture
def faults():
    return []


async def door(tmp_path, faults):
    """A door of a venue whose disk waits for the test, and that disk."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    core, disk = Bare(), Held()
    venue = Venue(RULES, core, Register(RULES), Clock(), disk, pulse_s=0)
    house = SimpleNamespace(plan=SimpleNamespace(rules=RULES), venue=venue, machine=SimpleNamespace(core=core))
    return Control(house, tmp_path, lambda: None, dict), venue, disk


async def test_an_operator_is_told_when_the_disk_does_not_answer_and_its_late_word_harms_nobody(tmp_path, monkeypatch, faults, caplog):
    monkeypatch.setattr(control, "PATIENCE_S", 0.01)
    asked, venue, disk = await door(tmp_path, faults)
    told = await asked._answer(b'{"do":"kill","account":1}')
    assert told == {"error": "not durable after 0 s; it may be yet: look before you ask again"}
    disk.sync(venue)
    await asyncio.sleep(0)
    assert not faults and not venue.failed and not caplog.records
    monkeypatch.setattr(control, "PATIENCE_S", 10)
    answer = asyncio.create_task(asked._answer(b'{"do":"revive","account":1}'))
    await until(lambda: len(disk.commands) == 2)
    disk.sync(venue)
    assert await answer == {"revived": 1}


@pytest.mark.parametrize(
    "line",
    [
        b'{"do":"transfer","account":1,"to":99999999999999999999,"asset":"BTC","amount":"1"}',
        b'{"do":"tier","account":1,"tier":99999999999999999999}',
        b'{"do":"kill","account":-1}',
        b'{"do":"\xff"}',
        b'{"do":' + b"[" * 5000,
        b'{"do":"deposit","account":1,"asset":"BTC","amount":"' + "１".encode() + b'"}',
        b'{"do":"deposit","account":1,"asset":"BTC","amount":"-1"}',
        b'{"do":"deposit","account":1,"asset":"BTC","amount":"NaN"}',
    ],
)
async def test_what_may_not_be_asked_is_told_so_and_nothing_is_done(tmp_path, faults, line):
    asked, venue, disk = await door(tmp_path, faults)
    told = await asyncio.wait_for(asked._answer(line), 10)
    assert set(told) == {"error"} and told["error"]
    assert venue.seq == 0 and not disk.commands and not faults
