"""A small log with every kind of block, and rows to write."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from polaris.domain.control import Note, Pause
from polaris.domain.market import DEPTH, LAST, ROW, Rows
from polaris.domain.orders import RECORD, Records
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogSettings, LogWriter, Sync

SMALL = LogSettings(segment_bytes=4096, sync=Sync.NEVER)


def make_rows(n: int, ts: int = 1_000, seed: int = 0) -> Rows:
    random = np.random.default_rng(seed)
    rows = np.zeros(n, ROW)
    for name in ("ts_event", "price", "quantity", "other", "other_quantity"):
        rows[name] = random.integers(0, 2**62, n)
    rows["ts_recv"] = ts + np.arange(n)
    rows["kind"], rows["flags"] = DEPTH, LAST
    return rows


def make_records(seqs: list[int]) -> Records:
    records = np.zeros(len(seqs), RECORD)
    records["seq"] = seqs
    records["order"] = np.arange(len(seqs))
    records["forecast"] = 0.25
    return records


@pytest.fixture
def rows() -> Callable[..., Rows]:
    return make_rows


@pytest.fixture
def records() -> Callable[..., Records]:
    return make_records


@pytest.fixture
def small_log(tmp_path: Path) -> Path:
    """rows 1-3, pause 4, records of 2 and 3, why of order 7 (row 3), rows 5-6, note 7, rows 8-8; one segment."""
    directory = tmp_path / "log"
    with LogWriter(directory, SMALL) as writer:
        sequencer = Sequencer(writer)
        sequencer.stamp(make_rows(3, 1_000))
        sequencer.tell(Pause(operator="ann", reason="lunch", ts=2_000))
        writer.append_records(make_records([2, 3]))
        writer.append_context(3, 7, {"features": [0.5, -1.0]})
        sequencer.stamp(make_rows(2, 3_000, 1))
        sequencer.tell(Note(text="hello", ts=4_000))
        sequencer.stamp(make_rows(1, 5_000, 2))
    return directory
