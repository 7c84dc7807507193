import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.fence import lead, promote
from polaris.exchange.gateway.identity import LAYOUT, OtherKernel, identity
from polaris.exchange.gateway.reading import LARGE, Reader, read
from polaris.exchange.gateway.scribe import BATCH_BYTES, HEADER_BYTES, segment_name
from polaris.exchange.gateway.segments import SegmentId, chain
from polaris.exchange.words import COMMAND
from tests.unit.exchange.gateway.machines import OURS, RULES, batch, lay, seqs, some


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30), after=st.integers(0, 1300), large=st.booleans())
@example(sizes=[LARGE, 1, 1, LARGE, 9_000, 9_000, 3], after=5_000, large=True)
@example(sizes=[32_768, 1], after=32_767, large=False)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_written_is_read_once_and_in_order_from_any_seq_on(tmp_path, sizes, after, large):
    folder = tmp_path / "journal"
    lay(folder, *sizes, room=0 if large else 1 << 14)
    after = min(after, sum(sizes))
    seq = after
    for commands, notes in read(folder, after):
        expected = some(seq + 1, len(commands))
        assert commands.tobytes() == expected[0].tobytes() and notes.tobytes() == expected[1].tobytes()
        seq += len(commands)
    assert seq == sum(sizes)


def test_a_journal_torn_at_any_byte_of_its_last_batches_keeps_the_whole_ones_and_says_what_it_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)  # some thousand times
    path, places = lay(tmp_path / "whole", 3, 2, 4)
    whole = path.read_bytes()
    for size in range(places[1], places[3]):
        for filled in (False, True):  # cut off, or zeros where the rest never reached the disk
            folder = tmp_path / "torn"
            folder.mkdir(exist_ok=True)
            torn = folder / path.name
            left = whole[:size].ljust(len(whole) if filled else 0, b"\0")
            torn.write_bytes(left)
            seq, end = max((seq, place) for seq, place in zip((3, 5, 9), places[1:], strict=True) if left[:place] == whole[:place])
            reader = Reader(folder)
            assert sum(len(commands) for commands, _ in reader.portions()) == seq
            reader.close()
            cut = reader.cut()
            lost = len(whole[end:size].rstrip(b"\0"))
            assert (cut == "") == (lost == 0)
            if lost:
                assert f"{torn}: cut {lost} bytes at offset {end}, behind seq {reader.seq}" in cut
            assert torn.read_bytes() == left[:end] + bytes(len(left) - end)
            assert seqs(folder) == list(range(1, reader.seq + 1))


def test_a_last_batch_with_any_byte_changed_is_not_believed(tmp_path):
    path, places = lay(tmp_path, 3, 1)
    whole = bytearray(path.read_bytes())
    for place in range(places[1], places[2]):
        whole[place] ^= 0x40
        path.write_bytes(whole)
        whole[place] ^= 0x40
        reader = Reader(tmp_path)
        assert sum(len(commands) for commands, _ in reader.portions()) == 3
        reader.close()
        assert reader.torn


def test_a_batch_with_any_byte_changed_before_a_good_one_is_an_error_that_names_it(tmp_path):
    path, places = lay(tmp_path, 2, 1, 2)
    whole = bytearray(path.read_bytes())
    for place in range(places[1], places[2]):
        whole[place] ^= 0x01
        path.write_bytes(whole)
        whole[place] ^= 0x01
        with pytest.raises(BadLog, match=rf"{path.name}: offset {places[1]}: .* a good batch with seq 4 follows at offset {places[2]}"):
            seqs(tmp_path)


def test_a_header_with_any_byte_changed_is_an_error_that_names_the_file(tmp_path):
    path, _ = lay(tmp_path, 2)
    whole = bytearray(path.read_bytes())
    for place in range(HEADER_BYTES):
        whole[place] ^= 0x10
        path.write_bytes(whole)
        whole[place] ^= 0x10
        with pytest.raises(BadLog, match=path.name):
            seqs(tmp_path)


def test_a_batch_that_is_lost_within_a_segment_or_at_its_end_is_an_error(tmp_path):
    path, _ = lay(tmp_path, 3)
    path.write_bytes(path.read_bytes()[: HEADER_BYTES + BATCH_BYTES + 3 * 128] + batch(5, 2))
    with pytest.raises(BadLog, match="expected seq 4, found 5"):
        seqs(tmp_path)
    lay(tmp_path, 3)
    lay(tmp_path, 2, first=6, continues=(1, 1))
    with pytest.raises(BadLog, match="expected seqs 4 to 5, found none"):
        seqs(tmp_path)


def test_a_batch_that_strayed_in_from_another_segment_is_not_believed(tmp_path):
    path, places = lay(tmp_path, 3)
    path.write_bytes(path.read_bytes()[: places[1]] + batch(4, 2, segment=2))
    assert seqs(tmp_path) == [1, 2, 3]


def test_a_segment_that_is_missing_is_an_error(tmp_path):
    lay(tmp_path, 3)
    middle, _ = lay(tmp_path, 2, first=4, continues=(1, 1))
    lay(tmp_path, 2, first=6, epoch=2, continues=(1, 4))
    assert seqs(tmp_path) == list(range(1, 8))
    middle.unlink()
    with pytest.raises(BadLog, match="expected a segment with seq 1, found none before seq 6"):
        seqs(tmp_path)
    assert seqs(tmp_path, 5) == [6, 7]


def test_what_a_deposed_leader_wrote_beside_the_chain_is_passed_over(tmp_path):
    path, places = lay(tmp_path, 3)
    path.write_bytes(path.read_bytes()[: places[1]] + batch(4, 2))  # after its successor had read to seq 3
    lay(tmp_path, 9, first=6, continues=(1, 1))  # and one more file
    lay(tmp_path, 4, first=4, epoch=2, continues=(1, 1))
    assert chain(tmp_path) == [SegmentId(1, 1), SegmentId(2, 4)]
    assert seqs(tmp_path) == list(range(1, 8))


def test_a_segment_that_nothing_was_written_to_is_no_part_of_the_journal(tmp_path):
    lay(tmp_path, 3)
    (tmp_path / segment_name(4, 2)).write_bytes(bytes(4096))
    assert chain(tmp_path) == [SegmentId(1, 1)]
    assert seqs(tmp_path) == [1, 2, 3]


def test_another_kernel_or_other_rules_are_refused_where_a_command_of_theirs_is_needed(tmp_path):
    lay(tmp_path, 3, identity=(LAYOUT, "another kernel", RULES))
    lay(tmp_path, 2, first=4, continues=(1, 1))
    with pytest.raises(OtherKernel, match=r"written with kernel another kernel, this exchange has .*polaris exchange migrate"):
        list(Reader(tmp_path, own=identity(RULES)).portions())
    with pytest.raises(OtherKernel, match=r"written with rules rules-of-a-test, this exchange has others.*polaris exchange migrate"):
        list(Reader(tmp_path, 3, own=identity("others")).portions())
    assert sum(len(commands) for commands, _ in Reader(tmp_path, 3, own=identity(RULES)).portions()) == 2
    assert seqs(tmp_path) == [1, 2, 3, 4, 5]


def test_rows_that_lie_otherwise_are_refused_even_by_who_takes_any_kernel(tmp_path):
    lay(tmp_path, 3, identity=(LAYOUT ^ 1, OURS[1], RULES))
    with pytest.raises(OtherKernel, match="layout of its rows"):
        seqs(tmp_path)


def test_who_follows_waits_at_a_half_written_batch_and_goes_on_when_it_is_whole(tmp_path):
    path, places = lay(tmp_path, 3)
    lead(tmp_path).resign()
    reader = Reader(tmp_path, follows=True)
    assert [len(commands) for commands, _ in reader.portions()] == [3]
    more = batch(4, 2)
    with path.open("r+b") as file:
        for stop in (30, 64, 100, len(more) - 1):
            file.seek(places[1])
            file.write(more[:stop])
            file.flush()
            assert list(reader.portions()) == []
        file.write(more[-1:])
        file.flush()
        assert [commands["seq"].tolist() for commands, _ in reader.portions()] == [[4, 5]]
    lay(tmp_path, 2, first=6, continues=(1, 1))
    assert [commands["seq"].tolist() for commands, _ in reader.portions()] == [[6, 7]]
    reader.close()


def test_who_follows_believes_nothing_of_an_epoch_that_has_passed_until_the_next_leader_has_gone_on_from_it(tmp_path):
    path, places = lay(tmp_path, 3)
    lead(tmp_path).resign()
    reader = Reader(tmp_path, follows=True)
    assert [len(commands) for commands, _ in reader.portions()] == [3]
    promote(tmp_path)
    with path.open("r+b") as file:
        file.seek(places[1])
        file.write(batch(4, 2))  # the deposed leader woke up
    assert list(reader.portions()) == []
    lay(tmp_path, 1, first=4, epoch=2, continues=(1, 1))
    assert [notes["client_id"].tolist() for _, notes in reader.portions()] == [[b"order-4"]]
    assert reader.segment == (2, 4)
    reader.close()


def test_a_name_that_can_be_no_segments_is_an_error(tmp_path):
    lay(tmp_path, 3)
    shutil.copy(tmp_path / segment_name(1, 1), tmp_path / "copy.journal")
    with pytest.raises(BadLog, match=r"copy\.journal: expected a name of 20 digits"):
        seqs(tmp_path)


def test_reading_ends_at_the_seq_that_was_asked_for(tmp_path):
    lay(tmp_path, 3, 4, 5)
    for upto in range(1, 13):
        assert sum(len(commands) for commands, _ in Reader(tmp_path).portions(upto)) == upto


def test_commands_that_are_read_can_be_run_where_they_lie(tmp_path):
    lay(tmp_path, LARGE, room=0)
    [(commands, _)] = read(tmp_path)
    assert commands.dtype == COMMAND and commands.flags.writeable and commands.flags.c_contiguous
    assert np.shares_memory(commands, commands.view(np.int64))
    assert os.listdir(tmp_path) == [segment_name(1, 1)]


def test_who_follows_does_not_go_on_to_a_segment_that_a_deposed_leader_began(tmp_path):
    lay(tmp_path, 3)
    lead(tmp_path).resign()
    reader = Reader(tmp_path, follows=True)
    assert [len(commands) for commands, _ in reader.portions()] == [3]
    promote(tmp_path)
    lay(tmp_path, 5, first=4, continues=(1, 1))
    assert list(reader.portions()) == []
    lay(tmp_path, 1, first=4, epoch=2, continues=(1, 1))
    assert [commands["seq"].tolist() for commands, _ in reader.portions()] == [[4]]
    assert reader.segment == (2, 4)
    reader.close()


def test_who_begins_to_follow_while_nobody_has_gone_on_from_the_last_leader_waits(tmp_path):
    lay(tmp_path, 3)
    lead(tmp_path).resign()
    promote(tmp_path)
    reader = Reader(tmp_path, follows=True)
    assert list(reader.portions()) == []
    lay(tmp_path, 1, first=4, epoch=2, continues=(1, 1))
    assert sum(len(commands) for commands, _ in reader.portions()) == 4
    reader.close()


def test_a_segment_that_says_it_continues_a_later_one_is_an_error(tmp_path):
    lay(tmp_path, 3, continues=(1, 1))
    with pytest.raises(BadLog, match="offset 88: it says that it continues"):
        seqs(tmp_path)
