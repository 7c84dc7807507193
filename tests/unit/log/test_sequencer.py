"""Seqs and the log's clock."""

import msgspec
import numpy as np

from polaris.domain.control import PAUSE, Deposit, Note, Pause, Started
from polaris.domain.market import CONTROL, RowBuffer
from polaris.log.read import EventBlock, blocks, rows_of
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogSettings, LogWriter, Sync

SMALL = LogSettings(segment_bytes=4096, sync=Sync.NEVER)


class Proposal(msgspec.Struct, frozen=True, tag="proposal"):
    text: str


def test_seqs_count_up_from_one_over_rows_and_events(tmp_path, rows):
    with LogWriter(tmp_path, SMALL) as writer:
        sequencer = Sequencer(writer)
        assert sequencer.next_seq == 1
        assert sequencer.stamp(rows(3))["seq"].tolist() == [1, 2, 3]
        assert sequencer.tell(Pause(operator="ann", reason="lunch", ts=9))["seq"].tolist() == [4]
        assert len(sequencer.tell(Note(text="quiet", ts=9))) == 0
        assert len(sequencer.tell(Proposal("buy"))) == 0
        assert sequencer.stamp(rows(1))["seq"].tolist() == [7]
    with LogWriter(tmp_path, SMALL) as writer:
        assert Sequencer(writer).next_seq == 8


def test_received_time_never_falls_also_across_restarts(tmp_path, rows):
    with LogWriter(tmp_path, SMALL) as writer:
        sequencer = Sequencer(writer)
        batch = rows(4)
        batch["ts_recv"] = [50, 40, 60, 10]
        assert sequencer.stamp(batch)["ts_recv"].tolist() == [50, 50, 60, 60]
        assert sequencer.tell(Pause(operator="a", reason="b", ts=30))["ts_recv"].tolist() == [60]
        assert sequencer.tell(Pause(operator="a", reason="b", ts=70))["ts_recv"].tolist() == [70]
    with LogWriter(tmp_path, SMALL) as writer:
        assert Sequencer(writer).ts == 70
        assert Sequencer(writer).stamp(rows(1, 5))["ts_recv"].tolist() == [70]


def test_stamping_copies_and_empties_a_buffer_but_leaves_an_array_as_it_was(tmp_path, rows):
    with LogWriter(tmp_path, SMALL) as writer:
        sequencer = Sequencer(writer)
        buffer = RowBuffer()
        buffer.extend(rows(3))
        stamped = sequencer.stamp(buffer)
        assert len(buffer) == 0
        buffer.extend(rows(3, 9_999))
        assert stamped["seq"].tolist() == [1, 2, 3] and stamped["ts_recv"].tolist() == [1000, 1001, 1002]
        array = rows(2)
        stamped = sequencer.stamp(array[::-1])
        assert array["seq"].tolist() == [0, 0] and stamped["seq"].tolist() == [4, 5]
        stamped["price"] = 1  # the caller's to keep


def test_an_empty_batch_writes_nothing(tmp_path, rows):
    with LogWriter(tmp_path, SMALL) as writer:
        assert len(Sequencer(writer).stamp(RowBuffer())) == 0
        assert writer.next_seq == 1
    assert list(tmp_path.iterdir()) == []


def test_a_control_row_read_back_is_the_one_the_core_heard(tmp_path, rows):
    with LogWriter(tmp_path, SMALL) as writer:
        sequencer = Sequencer(writer)
        heard = [
            sequencer.stamp(rows(2, 100)),
            sequencer.tell(Deposit(amount=-5, ts=90)),
            sequencer.tell(Note(text="n", ts=95)),
            sequencer.tell(Pause(operator="a", reason="b", ts=300)),
            sequencer.stamp(rows(2, 200)),
        ]
    read = rows_of(tmp_path)
    assert read.tobytes() == b"".join(part.tobytes() for part in heard)
    assert read["kind"].tolist()[2:4] == [CONTROL, CONTROL] and read["price"][3] == PAUSE and read["quantity"][2] == -5
    assert (np.diff(read["ts_recv"]) >= 0).all()


def test_events_are_read_back_as_they_were_told(tmp_path):
    told = [
        Started(version="1", mode="paper", kernels="abc", settings={"a": {"b": [1, 2.5]}}, instruments=[{"id": 0}], ts=1),
        Deposit(amount=10**15, ts=2),
        Note(text="größer", ts=3),
    ]
    with LogWriter(tmp_path, SMALL) as writer:
        for event in told:
            Sequencer(writer).tell(event)
        Sequencer(writer).tell(Proposal("buy"))
    assert [block.event for block in blocks(tmp_path)] == [*told, {"type": "proposal", "text": "buy"}]
    assert list(blocks(tmp_path, 4, events=Proposal)) == [EventBlock(4, Proposal("buy"), 3)]
