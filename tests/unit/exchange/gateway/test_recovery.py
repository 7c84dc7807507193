import pytest

from polaris.domain.errors import BadLog, Unavailable
from polaris.exchange.gateway import identity as identities
from polaris.exchange.gateway.identity import OtherKernel, core_modules, identity, kernel_version
from polaris.exchange.gateway.journal import Journal
from polaris.exchange.gateway.recovery import migrate, recover
from polaris.exchange.gateway.snapshots import list_snapshots, read_snapshot, write_snapshot
from tests.unit.exchange.gateway.machines import RULES, SMALL, Witness, more, segments, some, written


def kept(folder, seq, rules=RULES):
    machine = Witness()
    machine.apply(*some(1, seq))
    return write_snapshot(folder, rules, seq, machine.digest(), machine.parts())


@pytest.fixture
def another_kernel(monkeypatch):
    """From here on the core is of other sources."""
    monkeypatch.setattr(identities, "kernel_version", lambda: "another")


def test_without_a_snapshot_all_is_replayed(tmp_path):
    written(tmp_path, 30, 50, 7).close()
    found = recover(tmp_path, RULES, Witness)
    assert (found.seq, found.snapshot_seq, found.replayed, found.told) == (87, 0, 87, [])
    assert found.machine.seqs == list(range(1, 88))


def test_an_empty_folder_recovers_to_nothing(tmp_path):
    found = recover(tmp_path, RULES, Witness)
    assert (found.seq, found.machine.seqs) == (0, [])


@pytest.mark.parametrize("seq", [1, 29, 30, 31, 60, 87])
def test_a_snapshot_and_the_rest_make_the_state_that_all_commands_make(tmp_path, seq):
    written(tmp_path, 30, 50, 7).close()
    kept(tmp_path, seq)
    found = recover(tmp_path, RULES, Witness)
    assert (found.seq, found.snapshot_seq, found.replayed) == (87, seq, 87 - seq)
    assert found.machine.seqs == list(range(1, 88))


def test_a_damaged_snapshot_is_passed_over_for_the_one_before_and_told(tmp_path):
    written(tmp_path, 30, 50).close()
    kept(tmp_path, 40)
    bad = kept(tmp_path, 70)
    bad.write_bytes(bad.read_bytes()[:-100])
    found = recover(tmp_path, RULES, Witness)
    assert found.snapshot_seq == 40 and found.machine.seqs == list(range(1, 81))
    assert len(found.told) == 1 and str(bad) in found.told[0]


def test_damaged_snapshots_and_a_journal_that_does_not_reach_back_are_an_error(tmp_path):
    written(tmp_path, 30, 50, 60).close()
    kept(tmp_path, 40).write_bytes(b"")
    segments(tmp_path)[0].unlink()
    with pytest.raises(BadLog, match="expected a segment with seq 1, found none before seq 31"):
        recover(tmp_path, RULES, Witness)


def test_a_journal_that_ends_before_a_snapshot_is_an_error(tmp_path):
    written(tmp_path, 30, 50).close()
    kept(tmp_path, 80)
    segments(tmp_path)[1].unlink()
    with pytest.raises(BadLog, match="a snapshot knows seq 80, the journal ends at 30"):
        recover(tmp_path, RULES, Witness)
    segments(tmp_path)[0].unlink()
    with pytest.raises(BadLog, match="a snapshot knows seq 80, the journal ends at 0"):
        recover(tmp_path, RULES, Witness)


def test_a_state_that_is_not_the_one_that_was_kept_is_an_error(tmp_path):
    written(tmp_path, 30).close()
    write_snapshot(tmp_path, RULES, 30, "a digest of something else", Witness().parts())
    with pytest.raises(BadLog, match="the snapshot of seq 30 has digest a digest of something else, the state made of it"):
        recover(tmp_path, RULES, Witness)


def test_the_state_after_any_command_can_be_had(tmp_path):
    written(tmp_path, 30, 50).close()
    for upto in (1, 29, 30, 31, 79, 80):
        assert recover(tmp_path, RULES, Witness, upto).machine.seqs == list(range(1, upto + 1))


def test_another_kernel_is_refused_and_carried_over_on_purpose(tmp_path, another_kernel):
    written(tmp_path, 30, 50).close()
    identities.kernel_version = kernel_version
    with pytest.raises(OtherKernel, match=rf"written with kernel another, this exchange has {kernel_version()}; carry it over with: polaris exchange migrate"):
        recover(tmp_path, RULES, Witness)
    found = migrate(tmp_path, RULES, Witness)
    assert (found.seq, found.snapshot_seq, found.replayed, found.agrees) == (80, 0, 80, None)
    assert [origin.kernel for origin in found.before] == ["another"]
    journal = Journal.open(tmp_path, RULES, segment_bytes=SMALL)
    again = recover(tmp_path, RULES, Witness, journal.last_seq)
    assert (again.seq, again.snapshot_seq, again.replayed) == (80, 80, 0) and again.machine.seqs == list(range(1, 81))
    more(journal, 5)
    journal.close()
    assert recover(tmp_path, RULES, Witness).machine.seqs == list(range(1, 86))


def test_other_rules_are_refused_in_a_snapshot_and_carried_over_on_purpose(tmp_path):
    written(tmp_path, 30, 50).close()
    kept(tmp_path, 80)
    with pytest.raises(OtherKernel, match="snapshot: written with rules rules-of-a-test, this exchange has new rules"):
        recover(tmp_path, "new rules", Witness)
    found = migrate(tmp_path, "new rules", Witness)
    assert (found.seq, found.snapshot_seq, found.replayed) == (80, 80, 0)
    assert recover(tmp_path, "new rules", Witness).machine.seqs == list(range(1, 81))
    assert read_snapshot(tmp_path, list_snapshots(tmp_path)[-1]).identity == identity("new rules")


def test_nothing_is_carried_over_while_an_exchange_runs_on_it(tmp_path):
    journal = written(tmp_path, 30)
    with pytest.raises(Unavailable, match="another process leads this exchange"):
        migrate(tmp_path, "new rules", Witness)
    journal.close()


class Forgetful(Witness):
    """Another kernel: it passes over every tenth command that it is told itself."""

    def apply(self, commands, notes):
        keep = commands["seq"] % 10 != 0
        super().apply(commands[keep], notes[keep])


def test_carrying_over_tells_whether_the_new_kernel_comes_to_the_same_state(tmp_path):
    written(tmp_path, 30, 50).close()
    kept(tmp_path, 10)
    kept(tmp_path, 60)
    assert migrate(tmp_path, "same", Witness).agrees is True
    (tmp_path / f"{80:020d}.snapshot").unlink()
    assert migrate(tmp_path, "other", Forgetful).agrees is False


def test_the_kernel_is_the_sources_of_the_core_and_nothing_of_the_edge():
    modules = core_modules()
    assert {"polaris.exchange.words", "polaris.exchange.matching", "polaris.exchange.arena", "polaris.exchange.book"} <= set(modules)
    assert not any("gateway" in name or "reference" in name for name in modules)
    assert len(kernel_version()) == 16 and kernel_version() == kernel_version()
