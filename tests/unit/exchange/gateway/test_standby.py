import os
import signal
import threading

import pytest

from polaris.domain.errors import Unavailable
from polaris.exchange.gateway.fence import promote, read_epoch
from polaris.exchange.gateway.journal import State
from polaris.exchange.gateway.recovery import recover
from polaris.exchange.gateway.snapshots import write_snapshot
from polaris.exchange.gateway.standby import Standby
from tests.unit.exchange.gateway.machines import RULES, SMALL, Witness, more, some, turns, written


def test_a_standby_has_each_command_once_it_is_durable(tmp_path):
    journal = written(tmp_path)
    standby = Standby(tmp_path, RULES, Witness)
    assert standby.follow() == 0
    for count in (1, 30, 61, 200, 2):
        more(journal, count)
        assert standby.follow() == count
        assert standby.seq == journal.durable_seq and standby.lag_ns > 0
    assert standby.machine.seqs == list(range(1, 295))
    journal.close()


def test_a_standby_begins_from_a_snapshot_and_follows_leader_after_leader(tmp_path):
    journal = written(tmp_path, 30, 50)
    machine = recover(tmp_path, RULES, Witness).machine
    write_snapshot(tmp_path, RULES, 80, machine.digest(), machine.parts())
    standby = Standby(tmp_path, RULES, Witness)
    for _ in range(3):
        more(journal, 7)
        assert standby.follow() == 7
        journal.close()
        journal = written(tmp_path)
    assert standby.follow() == 0
    more(journal, 1)
    assert standby.follow() == 1 and standby.machine.seqs == list(range(1, 103))
    journal.close()


def test_a_standby_takes_the_place_of_a_leader_that_lives_and_has_all_it_acknowledged(tmp_path):
    old = written(tmp_path, 30)
    standby = Standby(tmp_path, RULES, Witness)
    standby.follow()
    more(old, 40)
    journal = standby.promote(segment_bytes=SMALL)
    assert journal.last_seq == standby.seq == 70
    old.append(71, *some(71, 5))
    turns(old, State.FENCED)
    assert old.told_seq == 70
    more(journal, 3)
    journal.close()
    with pytest.raises(Unavailable):
        old.close()
    assert recover(tmp_path, RULES, Witness).machine.digest() == _told(73)


def test_a_standby_takes_the_place_of_a_leader_whose_last_batch_is_torn(tmp_path):
    old = written(tmp_path, 30)
    standby = Standby(tmp_path, RULES, Witness)
    standby.follow()
    os.kill(old._scribe.pid, signal.SIGKILL)
    turns(old, State.FAILED)
    old.close()
    with (tmp_path / f"{1:020d}.00000001.journal").open("r+b") as file:
        file.seek(128 + 64 + 30 * 128)
        file.write(b"half a batch")
    assert standby.follow() == 0
    journal = standby.promote(segment_bytes=SMALL)
    assert "cut 12 bytes" in journal.cut and journal.last_seq == 30
    more(journal, 1)
    journal.close()
    assert recover(tmp_path, RULES, Witness).seq == 31


def test_who_asks_for_promotion_deposes_the_leader_and_one_standby_takes_the_place(tmp_path):
    old = written(tmp_path, 30)
    standbys = [Standby(tmp_path, RULES, Witness), Standby(tmp_path, RULES, Witness)]
    assert not standbys[0].watch(0.01)
    threading.Timer(0.05, promote, [tmp_path]).start()
    assert all(standby.watch(10) for standby in standbys)
    assert read_epoch(tmp_path) == (2, True)
    old.append(31, *some(31, 1))
    turns(old, State.FENCED)
    journal = standbys[0].promote(segment_bytes=SMALL)
    assert read_epoch(tmp_path) == (3, False)
    assert not standbys[1].wanted
    more(journal, 4)
    assert standbys[1].follow() >= 4 and standbys[1].seq == 34
    journal.close()
    with pytest.raises(Unavailable):
        old.close()


def test_nobody_is_promoted_where_no_exchange_ever_led(tmp_path):
    with pytest.raises(Unavailable, match="no journal of an exchange is kept here"):
        promote(tmp_path)


def _told(seq):
    machine = Witness()
    machine.apply(*some(1, seq))
    return machine.digest()
