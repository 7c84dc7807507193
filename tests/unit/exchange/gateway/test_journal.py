"""The journal with a scribe that is a process of its own, and with one that is killed, slow, or out of room."""

import asyncio
import os
import resource
import signal
import sys

import numpy as np
import pytest

from polaris.domain.errors import BadConfig, BadLog, Unavailable
from polaris.exchange.gateway import scribe
from polaris.exchange.gateway.fence import promote
from polaris.exchange.gateway.journal import Journal, State
from polaris.exchange.gateway.note import blank
from tests.unit.exchange.gateway.machines import RULES, SMALL, more, segments, seqs, some, turns, written

SLOW = f"""
import runpy, sys, time
told = runpy.run_path({scribe.__file__!r})
class SlowDisk(told["Disk"]):
    def sync(self, file):
        time.sleep(0.15)
        super().sync(file)
sys.exit(told["main"](sys.argv[1], SlowDisk()))
"""
CRAMPED = f"""
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({SMALL} // 2, resource.RLIM_INFINITY))
told = runpy.run_path({scribe.__file__!r})
sys.exit(told["main"](sys.argv[1], told["Disk"]()))
"""


def program(source):
    return (sys.executable, "-I", "-S", "-c", source)


def test_what_is_durable_is_there_for_the_next_who_opens(tmp_path):
    heard = []
    journal = written(tmp_path / "deep" / "journal", 3, 100, on_durable=heard.append)
    assert (journal.last_seq, journal.durable_seq, journal.told_seq, journal.backlog, journal.refuses) == (0, 103, 103, 0, "")
    assert heard[-1] == 103 and heard == sorted(set(heard))
    journal.close()
    journal.close()
    again = written(tmp_path / "deep" / "journal", 5)
    assert (again.last_seq, again.next_seq, again.cut, again.epoch) == (103, 109, "", 2)
    again.close()
    assert seqs(tmp_path / "deep" / "journal") == list(range(1, 109))


def test_an_append_may_be_longer_than_a_segment(tmp_path):
    journal = written(tmp_path, 1000)
    journal.close()
    assert seqs(tmp_path) == list(range(1, 1001)) and len(segments(tmp_path)) > 16


def test_in_memory_all_is_told_at_once_and_written_none_the_less(tmp_path):
    heard = []
    journal = Journal.open(tmp_path, RULES, durability="memory", segment_bytes=SMALL, on_durable=heard.append, program=program(SLOW))
    journal.append(1, *some(1, 4))
    assert (journal.told_seq, journal.durable_seq, heard) == (4, 0, [4])
    assert journal.wait(4)
    assert heard == [4]
    journal.close()
    assert seqs(tmp_path) == [1, 2, 3, 4]


def test_a_slow_disk_makes_a_backlog_that_is_bounded_and_tells_nothing_early(tmp_path):
    journal = Journal.open(tmp_path, RULES, segment_bytes=SMALL, most_backlog=10, program=program(SLOW))
    journal.append(1, *some(1, 9))
    assert (journal.backlog, journal.refuses, journal.told_seq) == (9, "", 0)
    journal.append(10, *some(10, 1))
    assert journal.refuses == "10 commands wait for the disk"
    assert not journal.wait(10, 0.01)
    assert journal.told_seq == 0 and seqs(tmp_path) == []
    assert journal.wait(10) and journal.refuses == "" and journal.backlog == 0
    journal.close()


def test_a_limit_of_the_files_size_is_a_full_disk_until_it_is_raised(tmp_path):
    heard = []
    journal = Journal.open(tmp_path, RULES, segment_bytes=SMALL, on_state=lambda state, why: heard.append((state, why)), program=program(CRAMPED))
    journal.append(1, *some(1, 2))
    turns(journal, State.FULL)
    assert (journal.state, journal.refuses) == (State.FULL, "the disk is full: File too large")
    journal.append(3, *some(3, 1))  # run before it was known
    assert journal.told_seq == 0 and seqs(tmp_path) == []
    resource.prlimit(journal._scribe.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert journal.wait(3) and journal.refuses == ""
    assert heard == [(State.FULL, "the disk is full: File too large"), (State.OPEN, "")]
    journal.close()
    assert seqs(tmp_path) == [1, 2, 3]


def test_a_journal_that_is_closed_while_the_disk_is_full_says_what_it_lost(tmp_path):
    journal = Journal.open(tmp_path, RULES, segment_bytes=SMALL, program=program(CRAMPED))
    journal.append(1, *some(1, 2))
    turns(journal, State.FULL)
    with pytest.raises(Unavailable, match="closed with 2 commands that the disk does not have: the disk is full"):
        journal.close(0.1)
    Journal.open(tmp_path, RULES, segment_bytes=SMALL).close()


async def test_a_scribe_that_dies_is_noticed_by_the_loop(tmp_path):
    journal = written(tmp_path, 2)
    told = asyncio.Event()
    journal._on_state = lambda state, why: told.set()
    journal.attach(asyncio.get_running_loop())
    os.kill(journal._scribe.pid, signal.SIGKILL)
    await asyncio.wait_for(told.wait(), 10)
    assert (journal.state, journal.refuses) == (State.FAILED, "the scribe ended with -9")
    with pytest.raises(Unavailable, match="takes nothing any more: the scribe ended with -9"):
        journal.append(3, *some(3, 1))
    journal.close()
    assert seqs(tmp_path) == [1, 2]


async def test_a_loop_hears_what_is_durable_and_sends_what_the_link_had_no_room_for(tmp_path):
    done = asyncio.Event()
    journal = Journal.open(tmp_path, RULES, on_durable=lambda seq: seq == 40_000 and done.set())
    journal.attach(asyncio.get_running_loop())
    for first in range(1, 40_000, 4_000):
        journal.append(first, *some(first, 4_000))
    assert journal._waiting
    await asyncio.wait_for(done.wait(), 30)
    journal.close()
    assert seqs(tmp_path) == list(range(1, 40_001))


def test_a_second_leader_is_refused_while_the_first_lives(tmp_path):
    journal = written(tmp_path, 2)
    with pytest.raises(Unavailable, match="another process leads this exchange"):
        Journal.open(tmp_path, RULES)
    more(journal, 1)
    journal.close()
    Journal.open(tmp_path, RULES, segment_bytes=SMALL).close()


def test_who_is_deposed_acknowledges_nothing_more(tmp_path):
    old = written(tmp_path, 2)
    new = written(tmp_path, 3, promote=True)
    old.append(3, *some(3, 2))
    assert not old.wait(4)
    assert (old.state, old.refuses) == (State.FENCED, "epoch 1 has passed: another leads")
    with pytest.raises(Unavailable, match="closed with 2 commands that the disk does not have: epoch 1 has passed"):
        old.close()
    more(new, 1)
    new.close()
    assert seqs(tmp_path) == [1, 2, 3, 4, 5, 6]


def test_a_place_that_was_made_vacant_is_anybodys(tmp_path):
    old = written(tmp_path, 2)
    assert promote(tmp_path) == 2
    new = written(tmp_path, 1)
    assert new.epoch == 3
    old.close()
    new.close()


def test_a_torn_tail_is_cut_with_a_message_when_the_journal_is_opened(tmp_path):
    journal = written(tmp_path, 2, 3)
    os.kill(journal._scribe.pid, signal.SIGKILL)
    turns(journal, State.FAILED)
    journal.close()
    [path] = segments(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: 128 + 64 + 256 + 73].ljust(SMALL, b"\0"))
    again = written(tmp_path, 1)
    assert again.last_seq == 2
    assert again.cut.startswith(f"{path}: cut 73 bytes at offset 448, behind seq 2: ") and again.cut.endswith("they were never acknowledged")
    again.close()
    assert seqs(tmp_path) == [1, 2, 3]


def test_damage_in_the_middle_refuses_to_open_and_leaves_the_place_free(tmp_path):
    written(tmp_path, 2, 3).close()
    [path] = segments(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:300] + b"x" + whole[301:])
    for _ in range(2):
        with pytest.raises(BadLog, match=rf"{path.name}: offset 128: .* a good batch with seq 3 follows"):
            Journal.open(tmp_path, RULES)
    path.write_bytes(whole)
    Journal.open(tmp_path, RULES, segment_bytes=SMALL).close()


def test_the_last_batch_of_a_journal_that_was_closed_is_not_taken_for_a_torn_one(tmp_path):
    written(tmp_path, 2).close()
    [path] = segments(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:300] + b"x" + whole[301:])
    with pytest.raises(BadLog, match="a good batch with seq 3 follows"):
        Journal.open(tmp_path, RULES)


def test_only_the_next_commands_with_as_many_notes_are_taken(tmp_path):
    journal = written(tmp_path, 2)
    commands, notes = some(3, 2)
    for given in (
        (4, *some(4, 1)),
        (3, *some(4, 1)),
        (3, commands[::-1], notes),
        (3, commands, notes[:1]),
        (3, commands, np.zeros(2, np.int64)),
        (2, commands, notes),
    ):
        with pytest.raises(ValueError, match="expected"):
            journal.append(*given)
    journal.append(3, commands[:0], blank(0))
    journal.append(3, commands, notes)
    journal.close()
    assert seqs(tmp_path) == [1, 2, 3, 4]


@pytest.mark.parametrize("options", [{"segment_bytes": 100}, {"segment_bytes": 2**31}, {"durability": "paper"}, {"most_backlog": 0}])
def test_settings_out_of_range_are_refused(tmp_path, options):
    with pytest.raises(BadConfig, match="expected"):
        Journal.open(tmp_path, RULES, **options)


def test_rules_without_a_digest_are_refused(tmp_path):
    for digest in ("", "x" * 33):
        with pytest.raises(ValueError, match="expected 1 to 32 letters"):
            Journal.open(tmp_path, digest)
