"""What a crash or a bad disk can do to the bytes, and what becomes of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from polaris.domain.control import Note
from polaris.domain.errors import BadLog
from polaris.log.format import BLOCK_BYTES, HEADER_BYTES
from polaris.log.read import RowsBlock, blocks, rows_of
from polaris.log.recovery import Recovery, inspect
from polaris.log.segments import Segment
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogSettings, LogWriter, Sync

SMALL = LogSettings(segment_bytes=4096, sync=Sync.NEVER)


def contents(directory: Path) -> list[object]:
    """Every block in a form that compares."""
    return [tuple(part.tobytes() if isinstance(part, np.ndarray) else part for part in block) for block in blocks(directory)]


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def ends_of_blocks(directory: Path, first: int = 1) -> list[int]:
    return [HEADER_BYTES, *(block.end for block in Segment(directory, first).walk())]


@pytest.fixture
def long_log(tmp_path: Path, rows, records) -> Path:
    """Several small segments with blocks of every kind."""
    directory = tmp_path / "long"
    with LogWriter(directory, SMALL) as writer:
        for i in range(60):
            Sequencer(writer).stamp(rows(i % 5 + 1, i * 10, i))
            Sequencer(writer).tell(Note(text="n" * i, ts=i))
            writer.append_records(records([writer.next_seq - 1]))
            writer.append_context(writer.next_seq - 1, i, [i] * i)
    assert len(list(directory.iterdir())) > 3
    return directory


def test_a_clean_log_is_opened_without_a_word_and_not_touched(small_log):
    before = files(small_log)
    found = inspect(small_log)
    assert (found.last_seq, found.last_ts, found.cut_bytes, found.message) == (8, 5_000, 0, "")
    LogWriter(small_log, SMALL).close()
    assert files(small_log) == before


def test_a_file_cut_at_any_byte_of_its_last_three_blocks_keeps_every_whole_block(small_log, tmp_path, rows):
    (whole,) = small_log.iterdir()
    data, all_blocks, ends = whole.read_bytes(), contents(small_log), ends_of_blocks(small_log)
    seqs_after = [0, 3, 4, 4, 4, 6, 7, 8]  # the last seq after each number of whole blocks
    torn = tmp_path / "torn"
    for size in range(ends[-4], len(data)):
        shutil.rmtree(torn, ignore_errors=True)
        torn.mkdir()
        (torn / whole.name).write_bytes(data[:size])
        kept = sum(end <= size for end in ends) - 1
        before = files(torn)
        assert contents(torn) == all_blocks[:kept]
        assert files(torn) == before  # reading changes nothing
        with LogWriter(torn, SMALL) as writer:
            found = writer.recovery
            assert found.cut_bytes == size - ends[kept]
            assert bool(found.message) == (size not in ends)
            assert writer.next_seq == seqs_after[kept] + 1
            Sequencer(writer).stamp(rows(1, 9_000))
        assert contents(torn)[:kept] == all_blocks[:kept]
        assert contents(torn)[kept][0] == seqs_after[kept] + 1


def test_a_file_cut_within_its_header_or_first_block_is_a_new_log(small_log):
    (path,) = small_log.iterdir()
    data = path.read_bytes()
    for size in range(ends_of_blocks(small_log)[1]):
        path.write_bytes(data[:size])
        assert contents(small_log) == []
        assert inspect(small_log) == Recovery(cut_bytes=size, message=f"cut {size} bytes that were never wholly written after seq 0 ({path.name}: no whole block)")
    with LogWriter(small_log, SMALL) as writer:
        assert writer.next_seq == 1


@pytest.mark.parametrize("garbage", [b"\0" * 5, b"\0" * 4096, b"ROWS" * 100, b"\xff" * 33, bytes(range(256)) * 20], ids=["zeros", "page", "magic", "ones", "bytes"])
def test_garbage_behind_the_last_block_is_cut_with_a_message(long_log, garbage, rows):
    before, last = contents(long_log), sorted(long_log.iterdir())[-1]
    last.write_bytes(last.read_bytes() + garbage)
    assert contents(long_log) == before
    with LogWriter(long_log, SMALL) as writer:
        assert writer.recovery.cut_bytes == len(garbage)
        assert f"cut {len(garbage)} bytes" in writer.recovery.message and last.name in writer.recovery.message
        Sequencer(writer).stamp(rows(2))
    assert contents(long_log)[:-1] == before


@pytest.mark.parametrize("rest", [b"", b"polarlog", b"\0" * 64, b"\0" * 500])
def test_a_segment_that_was_only_begun_is_removed_and_what_the_one_before_lost_is_cut(long_log, rest, rows):
    before, last = contents(long_log), sorted(long_log.iterdir())[-1]
    end = inspect(long_log).last_seq + 1
    (long_log / f"{end:020d}.plog").write_bytes(rest)
    last.write_bytes(last.read_bytes() + b"torn")
    assert contents(long_log) == before
    with LogWriter(long_log, SMALL) as writer:
        assert writer.recovery.cut_bytes == 4 + len(rest) and writer.next_seq == end
        assert not (long_log / f"{end:020d}.plog").exists()
        Sequencer(writer).stamp(rows(60))
    assert contents(long_log)[: len(before)] == before


def test_every_bit_flip_is_found_and_the_blocks_before_it_are_kept(long_log, tmp_path):
    """3,000 flips anywhere in the last segment: the last block's are a torn tail, all others are damage."""
    last = sorted(long_log.iterdir())[-1]
    data, first = last.read_bytes(), int(last.stem)
    ends = ends_of_blocks(long_log, first)
    good = contents_of_segment(long_log, first)
    random = np.random.default_rng(7)
    work = tmp_path / "work"
    work.mkdir()
    path = work / last.name
    cut = refused = 0
    for bit in random.integers(0, 8 * len(data), 3_000):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << int(bit % 8)
        path.write_bytes(flipped)
        kept = sum(end <= bit // 8 for end in ends) - 1  # -1: in the header
        seen: list[object] = []
        if 0 <= kept == len(ends) - 2:
            seen.extend(contents_of_segment(work, first))
            assert inspect(work).cut_bytes == len(data) - ends[kept]
            cut += 1
        else:
            with pytest.raises(BadLog, match="follows at offset"):
                contents_of_segment(work, first, seen)
            with pytest.raises(BadLog):
                LogWriter(work, SMALL)
            assert path.read_bytes() == flipped  # nothing was changed
            refused += 1
        assert seen == good[: max(0, kept)]
    assert cut > 20 and refused > 2_000


def contents_of_segment(directory: Path, first: int, into: list[object] | None = None) -> list[object]:
    into = [] if into is None else into
    segment = Segment(directory, first)
    for block in segment.walk():
        into.append(bytes(segment.buffer[block.payload - BLOCK_BYTES : block.end]))
    return into


def test_every_bit_flip_in_the_last_block_leaves_what_came_before(small_log, rows):
    (path,) = small_log.iterdir()
    data, before, ends = path.read_bytes(), contents(small_log), ends_of_blocks(small_log)
    for bit in range(8 * ends[-2], 8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(flipped)
        assert contents(small_log) == before[:-1]
        assert inspect(small_log).last_seq == 7


def test_damage_in_an_earlier_segment_stops_the_reading_there(long_log):
    whole, second = contents(long_log), sorted(long_log.iterdir())[1]
    data = bytearray(second.read_bytes())
    data[-3] ^= 1
    second.write_bytes(data)
    seen = []
    with pytest.raises(BadLog, match=f"{second.name}: offset .* follows"):
        for block in blocks(long_log):
            seen.append(block)
    assert 0 < len(seen) < len(whole)


def test_a_missing_segment_is_named_by_the_seq_that_was_expected(long_log):
    second, third = (int(path.stem) for path in sorted(long_log.iterdir())[1:3])
    (long_log / f"{second:020d}.plog").unlink()
    with pytest.raises(BadLog, match=f"expected the next segment to begin with seq {second}, found {third}"):
        rows_of(long_log)


def test_an_empty_first_segment_that_can_not_be_first_is_an_error(tmp_path):
    (tmp_path / f"{500:020d}.plog").write_bytes(b"")
    with pytest.raises(BadLog, match="the segments before it are missing"):
        LogWriter(tmp_path, SMALL)


def test_a_blank_segment_named_beyond_the_last_seq_is_an_error(long_log):
    end = inspect(long_log).last_seq + 1
    (long_log / f"{end + 5:020d}.plog").write_bytes(b"\0" * 10)
    with pytest.raises(BadLog, match=f"ends with seq {end - 1}, but the next segment is named {end + 5}"):
        LogWriter(long_log, SMALL)


def test_a_block_that_strayed_in_from_another_segment_is_not_believed(long_log):
    first, *_, last = sorted(long_log.iterdir())
    stray = first.read_bytes()[HEADER_BYTES : ends_of_blocks(long_log)[1]]
    before = contents(long_log)
    last.write_bytes(last.read_bytes() + stray)
    assert contents(long_log) == before and inspect(long_log).cut_bytes == len(stray)


def test_blocks_that_skip_a_seq_are_an_error_though_every_checksum_is_right(small_log):
    (path,) = small_log.iterdir()
    data, ends = path.read_bytes(), ends_of_blocks(small_log)
    path.write_bytes(data[: ends[1]] + data[ends[2] :])  # the pause, seq 4, is gone
    seen = []
    with pytest.raises(BadLog, match="expected seq 4, found 5"):
        for block in blocks(small_log):
            seen.append(block)
    assert [type(block) for block in seen][:1] == [RowsBlock]
