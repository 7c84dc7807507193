"""Snapshots written by a copy of the process: kept when the journal has what they know, and only then."""

import asyncio
import os
import signal
import time

import pytest

from polaris.exchange.gateway import keeper as keepers
from polaris.exchange.gateway.fence import lead
from polaris.exchange.gateway.keeper import Keeper
from polaris.exchange.gateway.recovery import recover
from polaris.exchange.gateway.snapshots import list_snapshots
from tests.unit.exchange.gateway.machines import RULES, Witness, more, some, written


def machine(seq):
    """The state after command `seq`."""
    made = Witness()
    made.apply(*some(1, seq))
    return made


class Keeping:
    """A keeper, and what it told."""

    def __init__(self, folder):
        self.told = []
        self.keeper = Keeper(folder, RULES, lambda seq, why: self.told.append((seq, why)))

    async def outcome(self):
        async with asyncio.timeout(20):
            while self.keeper.busy:  # noqa: ASYNC110 - what is waited for is another process
                await asyncio.sleep(0.005)
        return self.told[-1]


async def aside(folder):
    """Until the copy has written all, and waits for the word."""
    async with asyncio.timeout(20):
        while not any(path.stat().st_size for path in folder.glob("*.aside")):  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.005)


async def test_a_copy_writes_the_state_of_the_moment_it_was_made_at(tmp_path):
    journal, keeping, state = written(tmp_path, 5), Keeping(tmp_path), machine(5)
    keeping.keeper.begin(5, lambda: state)
    more(journal, 3)
    state.apply(*some(6, 3))
    keeping.keeper.durable(journal.durable_seq)
    assert await keeping.outcome() == (5, "")
    found = recover(tmp_path, RULES, Witness)
    assert (found.snapshot_seq, found.replayed, found.machine.digest()) == (5, 3, state.digest())
    journal.close()


async def test_nothing_is_kept_before_the_journal_has_it(tmp_path):
    journal, keeping = written(tmp_path, 5), Keeping(tmp_path)
    keeping.keeper.begin(8, lambda: machine(8))
    await aside(tmp_path)
    keeping.keeper.durable(5)
    await asyncio.sleep(0.05)
    assert list_snapshots(tmp_path) == [] and keeping.keeper.busy
    more(journal, 3)
    keeping.keeper.durable(8)
    assert await keeping.outcome() == (8, "") and list_snapshots(tmp_path) == [8]
    journal.close()


async def test_a_word_that_is_not_true_keeps_nothing_either(tmp_path):
    journal, keeping = written(tmp_path, 5), Keeping(tmp_path)
    keeping.keeper.begin(8, lambda: machine(8))
    keeping.keeper.durable(8)
    seq, why = await keeping.outcome()
    assert seq == 8 and f"the journal in {tmp_path} ends at 5" in why
    assert list_snapshots(tmp_path) == [] and not list(tmp_path.glob("*.aside"))
    journal.close()


async def test_what_is_closed_or_killed_meanwhile_leaves_nothing(tmp_path):
    journal, keeping = written(tmp_path, 5), Keeping(tmp_path)
    keeping.keeper.begin(5, lambda: machine(5))
    await aside(tmp_path)
    keeping.keeper.close()
    assert not list(tmp_path.glob("*.aside")) and not keeping.keeper.busy
    keeping.keeper.begin(5, lambda: time.sleep(60))
    os.kill(keeping.keeper._child, signal.SIGKILL)
    assert await keeping.outcome() == (5, "its writer was ended")
    journal.close()


async def test_a_fault_in_the_copy_is_told_and_the_next_one_is_kept(tmp_path):
    journal, keeping = written(tmp_path, 5), Keeping(tmp_path)
    keeping.keeper.begin(5, lambda: 1 // 0)
    assert await keeping.outcome() == (5, "ZeroDivisionError: integer division or modulo by zero")
    keeping.keeper.begin(5, lambda: machine(5))
    with pytest.raises(ValueError, match="one at a time"):
        keeping.keeper.begin(5, lambda: machine(5))
    keeping.keeper.durable(5)
    assert await keeping.outcome() == (5, "")
    journal.close()


async def test_a_system_without_room_for_a_copy_is_an_error_and_nothing_else(tmp_path, monkeypatch):
    keeping = Keeping(tmp_path)

    def none():
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(keepers.os, "fork", none)
    with pytest.raises(OSError, match="Cannot allocate"):
        keeping.keeper.begin(5, lambda: machine(5))
    assert not keeping.keeper.busy


async def test_a_copy_holds_no_lock_and_no_line_of_its_leader(tmp_path):
    journal, keeping = written(tmp_path, 5), Keeping(tmp_path)
    keeping.keeper.begin(5, lambda: time.sleep(60))
    await asyncio.sleep(0.1)
    journal.close()  # ends the scribe, which waits until nobody holds its line
    lead(tmp_path).resign()  # refused while anybody holds the lock
    keeping.keeper.close()


def test_what_a_killed_writer_left_is_swept_by_the_next_leader(tmp_path):
    (tmp_path / f"{5:020d}.77.aside").write_bytes(b"half")
    Keeping(tmp_path)
    assert not list(tmp_path.iterdir())
