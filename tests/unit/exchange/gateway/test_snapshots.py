import numpy as np
import pytest

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.fence import lead
from polaris.exchange.gateway.recovery import recover
from polaris.exchange.gateway.scribe import segment_name
from polaris.exchange.gateway.snapshots import list_snapshots, read_snapshot, retire, write_snapshot
from polaris.exchange.words import COMMAND
from tests.unit.exchange.gateway.machines import RULES, Witness, lay, some, written


def kept(folder, seq):
    """A snapshot of a machine that was told the commands up to `seq`."""
    machine = Witness()
    machine.apply(*some(1, seq))
    return write_snapshot(folder, RULES, seq, machine.digest(), machine.parts())


def test_rows_come_back_as_they_were(tmp_path):
    written(tmp_path, 5).close()
    commands, _ = some(1, 3)
    parts = {"rows": commands, "numbers": np.arange(6).reshape(2, 3), "text": np.frombuffer(b"who", np.uint8), "none": np.empty(0, COMMAND)}
    path = write_snapshot(tmp_path, RULES, 5, "a digest", parts)
    found = read_snapshot(tmp_path, 5)
    assert (found.seq, found.digest, found.identity.rules) == (5, "a digest", RULES)
    assert {name: part.tobytes() for name, part in found.parts.items()} == {name: part.tobytes() for name, part in parts.items()}
    assert found.parts["rows"].dtype == COMMAND and found.parts["numbers"].shape == (2, 3)
    assert [path.name for path in tmp_path.glob("*snap*")] == [path.name]


def test_objects_are_refused_and_leave_no_file(tmp_path):
    written(tmp_path, 5).close()
    with pytest.raises(ValueError, match="allow_pickle"):
        write_snapshot(tmp_path, RULES, 5, "", {"rows": np.array([{}])})
    assert list_snapshots(tmp_path) == [] and not list(tmp_path.glob("*aside*"))


def test_a_snapshot_that_would_know_more_than_the_journal_is_refused(tmp_path):
    journal = written(tmp_path, 60, 5)
    kept(tmp_path, 65)
    kept(tmp_path, 30)
    with pytest.raises(ValueError, match=r"a snapshot of seq 66, but the journal in .* ends at 65"):
        kept(tmp_path, 66)
    journal.close()
    with pytest.raises(ValueError, match="ends at 0"):
        kept(tmp_path / "nowhere", 1)


def test_a_leader_that_has_just_begun_can_keep_what_it_found(tmp_path):
    written(tmp_path, 60, 5).close()
    lead(tmp_path).resign()
    kept(tmp_path, 65)
    assert list_snapshots(tmp_path) == [65]


def test_a_snapshot_damaged_at_any_place_is_not_believed(tmp_path):
    written(tmp_path, 5).close()
    path = kept(tmp_path, 5)
    whole = bytearray(path.read_bytes())
    told = read_snapshot(tmp_path, 5).parts
    for place in range(0, len(whole), 3):
        whole[place] ^= 0x10
        path.write_bytes(whole)
        whole[place] ^= 0x10
        try:
            found = read_snapshot(tmp_path, 5)
        except BadLog as flaw:
            assert str(path) in str(flaw)
        else:  # in what a zip file says of itself and nobody looks at
            assert {name: part.tobytes() for name, part in found.parts.items()} == {name: part.tobytes() for name, part in told.items()}
    for size in range(0, len(whole), 50):
        path.write_bytes(whole[:size])
        with pytest.raises(BadLog, match="not a whole snapshot"):
            read_snapshot(tmp_path, 5)


def test_a_snapshot_under_another_name_is_not_believed(tmp_path):
    written(tmp_path, 5).close()
    path = kept(tmp_path, 5)
    path.rename(path.with_name(path.name.replace("5", "4")))
    with pytest.raises(BadLog, match="the name says seq 4, the file 5"):
        read_snapshot(tmp_path, 4)


def test_only_what_the_older_of_two_whole_snapshots_covers_is_retired(tmp_path):
    for first in range(1, 361, 60):
        lay(tmp_path, 30, 30, first=first, continues=(1, first - 60) if first > 1 else (0, 0))
    first = kept(tmp_path, 45)
    assert retire(tmp_path) == []
    kept(tmp_path, 185)
    kept(tmp_path, 300)
    gone = retire(tmp_path)
    assert sorted(gone) == sorted([first, *(tmp_path / segment_name(seq, 1) for seq in (1, 61, 121))])
    assert recover(tmp_path, RULES, Witness).machine.seqs == list(range(1, 361))
    (tmp_path / f"{300:020d}.snapshot").write_bytes(b"damaged")
    again = recover(tmp_path, RULES, Witness)
    assert again.snapshot_seq == 185 and again.machine.seqs == list(range(1, 361))
    with pytest.raises(BadLog, match="not a whole snapshot"):
        retire(tmp_path)
