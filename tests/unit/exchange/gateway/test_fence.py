import subprocess
import sys

import pytest

from polaris.domain.errors import Unavailable
from polaris.exchange.gateway.fence import lead, promote, read_epoch

LEADER = """
import sys
from pathlib import Path
from polaris.exchange.gateway.fence import lead
kept = lead(Path(sys.argv[1]))
print(kept.epoch, flush=True)
sys.stdin.read()
"""


def test_every_leader_has_an_epoch_of_his_own(tmp_path):
    assert read_epoch(tmp_path) == (0, False)
    for epoch in (1, 2, 3):
        leadership = lead(tmp_path)
        assert leadership.epoch == epoch and read_epoch(tmp_path) == (epoch, False)
        leadership.resign()
        leadership.resign()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch", "leader.3"]


def test_a_leader_that_lives_is_deposed_only_on_purpose(tmp_path):
    first = lead(tmp_path)
    with pytest.raises(Unavailable, match="another process leads this exchange; stop it, or promote this one in its place"):
        lead(tmp_path)
    assert read_epoch(tmp_path) == (1, False)
    second = lead(tmp_path, depose=True)
    with pytest.raises(Unavailable):
        lead(tmp_path)
    first.resign()
    with pytest.raises(Unavailable):
        lead(tmp_path)
    second.resign()
    lead(tmp_path).resign()
    assert read_epoch(tmp_path) == (3, False)


def test_a_leader_that_was_killed_leaves_the_place_to_the_next(tmp_path):
    with subprocess.Popen([sys.executable, "-c", LEADER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"1\n"
        with pytest.raises(Unavailable):
            lead(tmp_path)
        process.kill()
        process.wait()
        leadership = lead(tmp_path)
    assert leadership.epoch == 2
    leadership.resign()


def test_a_vacant_place_is_taken_once(tmp_path):
    old = lead(tmp_path)
    assert promote(tmp_path) == 2 and promote(tmp_path) == 3
    assert read_epoch(tmp_path) == (3, True)
    new = lead(tmp_path)
    assert new.epoch == 4 and read_epoch(tmp_path) == (4, False)
    with pytest.raises(Unavailable):
        lead(tmp_path)
    old.resign()
    new.resign()
