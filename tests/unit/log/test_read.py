"""Reading: order, trimming, following a live log, and what is no log at all."""

from pathlib import Path

import msgspec
import pytest

from polaris.domain.control import Note, Pause, Started
from polaris.domain.errors import BadLog
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.log.read import ContextBlock, EventBlock, RecordsBlock, RowsBlock, blocks, context_of, instruments_of, rows_of, tail
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogSettings, LogWriter, Sync

SMALL = LogSettings(segment_bytes=4096, sync=Sync.NEVER)


def seqs(read) -> list[object]:
    """The seqs of each block: a list for rows, a tuple for records, an int for an event, a string for a context."""
    out: list[object] = []
    for block in read:
        match block:
            case RowsBlock(rows=rows):
                out.append(rows["seq"].tolist())
            case RecordsBlock(records=records):
                out.append(tuple(records["seq"].tolist()))
            case EventBlock(seq=seq):
                out.append(seq)
            case ContextBlock(seq=seq, order=order):
                out.append(f"{order} at {seq}")
    return out


def test_blocks_come_in_order_with_all_they_hold(small_log):
    assert seqs(blocks(small_log)) == [[1, 2, 3], 4, (2, 3), "7 at 3", [5, 6], 7, [8]]
    events = [block.event for block in blocks(small_log) if isinstance(block, EventBlock)]
    assert events == [Pause(operator="ann", reason="lunch", ts=2_000), Note(text="hello", ts=4_000)]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (2, None, [[2, 3], 4, (2, 3), "7 at 3", [5, 6], 7, [8]]),
        (1, 2, [[1, 2], (2,)]),
        (3, 5, [[3], 4, (3,), "7 at 3", [5]]),
        (6, 6, [[6]]),
        (9, None, []),
        (4, 4, [4]),
    ],
)
def test_what_lies_outside_the_seqs_asked_for_is_trimmed_off(small_log, first, last, expected):
    assert seqs(blocks(small_log, first, last)) == expected


def test_reading_ends_where_nothing_asked_for_can_follow(tmp_path, rows, records):
    with LogWriter(tmp_path, SMALL) as writer:
        for _ in range(50):
            Sequencer(writer).stamp(rows(10))
            writer.append_records(records([writer.next_seq - 1]))
    last = sorted(tmp_path.iterdir())[-2]
    damaged = bytearray(last.read_bytes())
    damaged[100] ^= 1
    last.write_bytes(damaged)
    assert seqs(blocks(tmp_path, 1, 15))[-1] == [11, 12, 13, 14, 15]  # never came to the damage
    with pytest.raises(BadLog):
        seqs(blocks(tmp_path))


def test_arrays_are_views_of_the_file_and_read_only(small_log):
    rows = next(blocks(small_log)).rows
    assert not rows.flags.owndata and not rows.flags.writeable and rows.ctypes.data % 8 == 0


def test_all_rows_come_as_one_fresh_array_with_the_control_rows_in_their_place(small_log):
    rows = rows_of(small_log)
    assert rows["seq"].tolist() == [1, 2, 3, 4, 5, 6, 8]
    assert rows.flags.writeable
    assert rows_of(small_log, 3, 5).tobytes() == rows[2:5].tobytes()


def test_the_why_of_an_order_is_found_by_its_id(small_log):
    found = context_of(small_log, 7)
    assert found is not None and found.seq == 3 and found.read(dict) == {"features": [0.5, -1.0]}
    assert context_of(small_log, 8) is None


def test_an_absent_or_empty_directory_is_an_empty_log(tmp_path):
    assert list(blocks(tmp_path)) == [] and list(blocks(tmp_path / "absent")) == []
    assert len(rows_of(tmp_path)) == 0


def test_asking_for_what_was_removed_from_the_front_is_an_error(tmp_path, rows):
    with LogWriter(tmp_path, SMALL) as writer:
        for _ in range(20):
            Sequencer(writer).stamp(rows(20))
    first, second = sorted(tmp_path.iterdir())[:2]
    first.unlink()
    kept = int(second.stem)
    with pytest.raises(BadLog, match=f"expected a segment with seq 1, the first one begins with {kept}"):
        next(blocks(tmp_path))
    assert rows_of(tmp_path, kept)["seq"][0] == kept


def test_a_file_that_can_be_no_segment_is_named(tmp_path):
    (tmp_path / "notes.plog").write_bytes(b"")
    with pytest.raises(BadLog, match=r"notes\.plog: expected a name of 20 digits"):
        next(blocks(tmp_path))


def test_a_format_from_the_future_is_refused_by_name(small_log):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("polaris.log.format.FORMAT_VERSION", 2)
        with pytest.raises(BadLog, match="expected log format 2, found 1"):
            next(blocks(small_log))


def test_an_event_that_is_not_what_its_tag_says_is_an_error(tmp_path):
    class Pause2(msgspec.Struct, tag="pause"):
        text: str

    with LogWriter(tmp_path, SMALL) as writer:
        Sequencer(writer).tell(Pause2("no operator"))
    with pytest.raises(BadLog, match="event 1 is not what its tag says"):
        next(blocks(tmp_path))


def test_a_tail_follows_a_log_from_before_its_first_byte_over_segments_and_restarts(tmp_path, rows, records):
    directory = tmp_path / "log"
    directory.mkdir()
    following = tail(directory)
    assert next(following) is None
    seen: list[object] = []

    def drain() -> None:
        while (block := next(following)) is not None:
            seen.extend(seqs([block]))

    for life in range(3):
        with LogWriter(directory, SMALL) as writer:
            for i in range(30):
                Sequencer(writer).stamp(rows(7, 0, i))
                if i % 3 == 0:
                    drain()
                Sequencer(writer).tell(Note(text="x", ts=0))
                writer.append_records(records([writer.next_seq - 2]))
        drain()
        last = sorted(directory.iterdir())[-1]
        last.write_bytes(last.read_bytes() + b"torn by a crash" * life)
        drain()
    assert len(list(directory.iterdir())) > 5
    assert seen == seqs(blocks(directory))
    assert next(following) is None


def test_a_tail_may_begin_in_the_middle(small_log):
    following = tail(small_log, 6)
    assert seqs(iter(following.__next__, None)) == [[6], 7, [8]]


def test_a_tail_does_not_pass_over_damage(tmp_path, rows):
    with LogWriter(tmp_path, SMALL) as writer:
        for _ in range(20):
            Sequencer(writer).stamp(rows(20))
    second = sorted(tmp_path.iterdir())[1]
    second.unlink()
    with pytest.raises(BadLog, match=f"expected the next segment to begin with seq {int(second.stem)}"):
        list(iter(tail(tmp_path).__next__, None))


def test_the_instruments_of_a_run_come_back_from_its_started_event():
    btc = Instrument(id=InstrumentId(0), key=Key("coinbase", Product.SPOT, "BTC", "USD"), wire="BTC-USD", price_decimals=2, quantity_decimals=8)
    started = Started(version="1", mode="paper", kernels="", settings={}, instruments=[msgspec.to_builtins(btc)], ts=0)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(started), type=Started)
    assert instruments_of(again).items == [btc]


def test_damage_is_told_with_file_offset_and_expectation(small_log):
    path = Path(next(small_log.iterdir()))
    damaged = bytearray(path.read_bytes())
    damaged[200] ^= 16  # within the first rows
    path.write_bytes(damaged)
    with pytest.raises(BadLog, match=r"0001\.plog: offset 64: the block's checksum is \w+, its bytes give \w+; but a good EVNT block with seq 4 follows at offset 288"):
        list(blocks(small_log))
