"""Whatever is appended reads back the same, however it is split over segments and lives of the writer."""

import shutil
import tempfile
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.control import Deposit, Note, Pause, row_of
from polaris.domain.market import CONTROL, ROW
from polaris.domain.orders import RECORD
from polaris.log.read import ContextBlock, EventBlock, RecordsBlock, RowsBlock, blocks, rows_of, tail
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogSettings, LogWriter, Sync

int64 = st.integers(-(2**63), 2**63 - 1)
times = st.integers(0, 2**62)
batches = st.lists(st.tuples(times, times, st.integers(-1, 9), st.integers(1, 8), st.integers(0, 15), int64, int64, int64, int64), max_size=90)
events = st.one_of(
    st.builds(Note, text=st.text(max_size=300), ts=times),
    st.builds(Pause, operator=st.text(max_size=9), reason=st.text(max_size=9), ts=times),
    st.builds(Deposit, amount=int64, ts=times),
)
plain = st.recursive(st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(), lambda inner: st.lists(inner, max_size=4), max_leaves=9)
steps = st.one_of(
    st.tuples(st.just("rows"), batches),
    st.tuples(st.just("event"), events),
    st.tuples(st.just("records"), st.lists(st.binary(min_size=120, max_size=120), min_size=1, max_size=40)),
    st.tuples(st.just("why"), st.tuples(int64, plain)),
    st.tuples(st.just("reopen"), st.none()),
)


@given(st.lists(steps, max_size=25), st.integers(4096, 9000), st.data())
def test_any_sequence_of_appends_reads_back_the_same(script, segment_bytes, data):
    directory = Path(tempfile.mkdtemp(prefix="polaris-log-"))
    try:
        settings = LogSettings(segment_bytes=segment_bytes, sync=Sync.NEVER)
        writer = LogWriter(directory, settings)
        seen_rows: list[bytes] = []
        derived: list[object] = []
        told: list[tuple[int, object]] = []
        for what, value in script:
            sequencer = Sequencer(writer)
            if what == "rows":
                rows = np.array([(0, *row) for row in value], ROW)
                stamped = sequencer.stamp(rows)
                assert all((stamped[name] == rows[name]).all() for name in ROW.names if name not in ("seq", "ts_recv"))
                seen_rows.append(stamped.tobytes())
            elif what == "event":
                told.append((sequencer.next_seq, value))
                heard = sequencer.tell(value)
                assert (len(heard) == 1) == (row_of(value) is not None)
                assert (heard["kind"] == CONTROL).all()
                seen_rows.append(heard.tobytes())
            elif what == "records" and writer.next_seq > 1:
                records = np.frombuffer(b"".join(bytes(8) + rest for rest in value), RECORD).copy()
                records["seq"] = writer.next_seq - 1
                writer.append_records(records)
                derived.append(records.tobytes())
            elif what == "why" and writer.next_seq > 1:
                order, context = value
                writer.append_context(writer.next_seq - 1, order, context)
                derived.append((writer.next_seq - 1, order, context))
            elif what == "reopen":
                before = (writer.next_seq, writer.ts)
                writer.close()
                writer = LogWriter(directory, settings)
                assert (writer.next_seq, writer.ts) == before and not writer.recovery.message
        last = writer.next_seq - 1
        writer.close()

        read = list(blocks(directory))
        assert [(block.seq, block.event) for block in read if isinstance(block, EventBlock)] == told
        again: list[object] = []
        for block in read:
            if isinstance(block, RecordsBlock):
                again.append(block.records.tobytes())
            elif isinstance(block, ContextBlock):
                again.append((block.seq, block.order, msgspec.msgpack.decode(block.raw)))
        assert again == derived
        everything = rows_of(directory)
        assert everything.tobytes() == b"".join(seen_rows)
        assert (np.diff(everything["ts_recv"]) >= 0).all()
        counted = [seq for block in read for seq in (block.rows["seq"].tolist() if isinstance(block, RowsBlock) else [block.seq] if isinstance(block, EventBlock) else [])]
        assert counted == list(range(1, last + 1))

        first = data.draw(st.integers(1, last + 2))
        until = data.draw(st.integers(first, last + 3))
        inside = (everything["seq"] >= first) & (everything["seq"] <= until)
        assert rows_of(directory, first, until).tobytes() == everything[inside].tobytes()
        if last:
            followed = list(iter(tail(directory, first).__next__, None))
            assert [block.rows["seq"].tolist() for block in followed if isinstance(block, RowsBlock)] == [
                block.rows["seq"].tolist() for block in blocks(directory, first) if isinstance(block, RowsBlock)
            ]
    finally:
        shutil.rmtree(directory)
