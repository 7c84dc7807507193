"""Appending: what is refused, what a second writer meets, when a segment ends."""

import errno
import os
import threading
import time

import msgspec
import numpy as np
import pytest

from polaris.domain.control import Note
from polaris.domain.errors import BadConfig, BadLog, Unavailable
from polaris.domain.market import ROW
from polaris.domain.orders import RECORD
from polaris.log import write
from polaris.log.read import blocks, rows_of
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogSettings, LogWriter, Sync

SMALL = LogSettings(segment_bytes=4096, sync=Sync.NEVER)


def test_only_one_writer_lives_in_a_directory(tmp_path):
    with LogWriter(tmp_path), pytest.raises(Unavailable, match="another process writes this log"):
        LogWriter(tmp_path)
    LogWriter(tmp_path).close()


def test_rows_that_do_not_continue_the_log_are_refused(tmp_path, rows):
    with LogWriter(tmp_path, SMALL) as writer:
        late = rows(2)
        late["seq"] = [5, 6]
        with pytest.raises(BadLog, match=r"expected rows 1\.\.2, found \[5, 6\]"):
            writer.append_rows(late)
        muddled = rows(4)
        muddled["seq"] = [1, 3, 2, 4]
        with pytest.raises(BadLog, match=r"expected rows 1\.\.4, found \[1, 3, 2, 4\]"):
            writer.append_rows(muddled)
        with pytest.raises(BadLog, match="expected event 1, found 2"):
            writer.append_event(2, Note(text="x", ts=1))
        with pytest.raises(TypeError, match=r"domain\.market\.ROW"):
            writer.append_rows(np.zeros(2, RECORD))
    assert len(rows_of(tmp_path)) == 0


def test_what_was_derived_from_a_row_that_is_not_written_is_refused(tmp_path, rows, records):
    with LogWriter(tmp_path, SMALL) as writer:
        with pytest.raises(BadLog, match="rows are written before they are acted on"):
            writer.append_records(records([1]))
        Sequencer(writer).stamp(rows(3))
        writer.append_records(records([1, 3]))
        with pytest.raises(BadLog, match="rows are written before they are acted on"):
            writer.append_records(records([3, 4]))
        with pytest.raises(BadLog, match="rows are written before they are acted on"):
            writer.append_context(4, 1, {})
        with pytest.raises(BadLog, match="in order of seq"):
            writer.append_records(records([3, 2]))
        with pytest.raises(TypeError, match=r"domain\.orders\.RECORD"):
            writer.append_records(np.zeros(2, ROW))


def test_an_event_without_a_tag_is_refused(tmp_path):
    class Untagged(msgspec.Struct):
        text: str

    with LogWriter(tmp_path, SMALL) as writer, pytest.raises(TypeError, match="Untagged has no tag"):
        writer.append_event(1, Untagged("x"))


def test_a_segment_ends_before_the_row_that_would_pass_its_size(tmp_path, rows):
    with LogWriter(tmp_path, SMALL) as writer:
        sequencer = Sequencer(writer)
        for i in range(40):
            sequencer.stamp(rows(5, i * 10, i))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) > 3 and names[0] == "00000000000000000001.plog"
    assert all(path.stat().st_size <= 4096 for path in tmp_path.iterdir())
    assert rows_of(tmp_path)["seq"].tolist() == list(range(1, 201))


def test_a_batch_larger_than_a_segment_is_split_over_several(tmp_path, rows):
    with LogWriter(tmp_path, SMALL) as writer:
        stamped = Sequencer(writer).stamp(rows(1000))
    assert len(list(tmp_path.iterdir())) > 10
    assert rows_of(tmp_path).tobytes() == stamped.tobytes()


def test_records_stay_in_the_segment_of_their_row(tmp_path, rows, records):
    with LogWriter(tmp_path, SMALL) as writer:
        Sequencer(writer).stamp(rows(60))
        for _ in range(20):
            writer.append_records(records([60] * 10))
    assert len(list(tmp_path.iterdir())) == 1


def test_the_same_appends_give_the_same_files(tmp_path, rows, records):
    for name in ("a", "b"):
        with LogWriter(tmp_path / name, SMALL) as writer:
            sequencer = Sequencer(writer)
            for i in range(30):
                sequencer.stamp(rows(i % 7, i * 10, i))
                sequencer.tell(Note(text="x" * i, ts=i))
                writer.append_records(records([writer.next_seq - 1]))
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("a", "b"))
    assert first == second


def test_a_failed_write_closes_the_writer_and_the_next_opening_cuts_what_it_left(tmp_path, rows, monkeypatch):
    writer = LogWriter(tmp_path, SMALL)
    sequencer = Sequencer(writer)
    sequencer.stamp(rows(3))
    real = os.writev
    monkeypatch.setattr(write.os, "writev", lambda file, parts: real(file, [b"".join(parts)[:50]]))
    with pytest.raises(Unavailable, match="only 50 of 160 bytes were taken"):
        sequencer.stamp(rows(2))
    monkeypatch.undo()
    with pytest.raises(Unavailable, match="closed"):
        sequencer.stamp(rows(2))
    with LogWriter(tmp_path, SMALL) as writer:
        assert writer.recovery.cut_bytes == 50 and writer.next_seq == 4


def test_a_full_disk_is_said_so(tmp_path, rows, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = LogWriter(tmp_path, SMALL)
    monkeypatch.setattr(write.os, "writev", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        Sequencer(writer).stamp(rows(1))


@pytest.mark.parametrize(("sync", "expected"), [(Sync.NEVER, 0), (Sync.INTERVAL, 4), (Sync.ALWAYS, 41)])
def test_the_disk_is_asked_as_often_as_the_settings_say(tmp_path, rows, monkeypatch, sync, expected):
    calls = []
    monkeypatch.setattr(write.os, "fdatasync", calls.append)
    with LogWriter(tmp_path, LogSettings(sync=sync, sync_interval_ns=1_000)) as writer:
        for i in range(40):
            Sequencer(writer).stamp(rows(1, 1 + i * 100))
        until(lambda: len(calls) >= expected - (sync is not Sync.NEVER))
        assert len(calls) == expected - (sync is not Sync.NEVER)
    assert len(calls) == expected  # one more at the close


def until(true):
    """Wait for what another thread does."""
    for _ in range(2_000):
        if true():
            return
        time.sleep(0.005)
    raise AssertionError("waited ten seconds in vain")


@pytest.fixture
def slow_disk(monkeypatch):
    """(what it was asked, an event that lets it answer)"""
    asked, free = [], threading.Event()

    def fdatasync(file):
        asked.append(file)
        assert free.wait(10)

    monkeypatch.setattr(write.os, "fdatasync", fdatasync)
    return asked, free


def test_an_append_does_not_stand_behind_the_interval_sync_but_a_sync_and_the_close_do(tmp_path, rows, slow_disk):
    asked, free = slow_disk
    writer = LogWriter(tmp_path, LogSettings(sync_interval_ns=1_000))
    sequencer = Sequencer(writer)
    for i in range(1, 10):
        sequencer.stamp(rows(1, 900 + i * 100))  # due once; the disk holds still, and no append waits for it
    until(lambda: asked)
    assert len(asked) == 1 and not free.is_set()
    done = []
    closing = threading.Thread(target=lambda: done.append(writer.close()))
    closing.start()
    time.sleep(0.05)
    assert not done
    free.set()
    closing.join(10)
    assert done == [None] and len(asked) == 2
    assert len(rows_of(tmp_path)) == 9


def test_a_disk_too_slow_for_the_interval_is_waited_for(tmp_path, rows, slow_disk):
    asked, free = slow_disk
    with LogWriter(tmp_path, LogSettings(sync_interval_ns=1_000)) as writer:
        Sequencer(writer).stamp(rows(1, 1_000))
        threading.Timer(0.05, free.set).start()
        Sequencer(writer).stamp(rows(1, 2_000))
        assert free.is_set() and len(asked) >= 1


@pytest.mark.parametrize("then", ["append", "sync", "close"])
def test_an_interval_sync_that_failed_ends_the_writer_at_whatever_comes_next(tmp_path, rows, monkeypatch, then):
    failed = threading.Event()

    def broken(_):
        failed.set()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(write.os, "fdatasync", broken)
    writer = LogWriter(tmp_path, LogSettings(sync_interval_ns=1_000))
    sequencer = Sequencer(writer)
    sequencer.stamp(rows(1, 1_000))
    until(failed.is_set)
    until(lambda: writer._syncing is None or writer._syncing.done())
    with pytest.raises(Unavailable, match=r"the log can't be written.*Input/output error"):
        {"append": lambda: sequencer.stamp(rows(1, 1_001)), "sync": writer.sync, "close": writer.close}[then]()
    with pytest.raises(Unavailable, match="closed"):
        sequencer.stamp(rows(1, 1_002))
    assert len(rows_of(tmp_path)) == 1


def test_a_segment_size_out_of_range_is_refused(tmp_path):
    with pytest.raises(BadConfig, match="segment_bytes is 10; expected 4096 to"):
        LogWriter(tmp_path, LogSettings(segment_bytes=10))


def test_a_log_whose_records_have_another_layout_is_read_by_rows_and_not_continued(tmp_path, rows, records, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("polaris.log.format.RECORD_FINGERPRINT", 1)
        with LogWriter(tmp_path, SMALL) as writer:
            Sequencer(writer).stamp(rows(2))
            writer.append_records(records([1]))
    with pytest.raises(BadLog, match="begin a new log directory"):
        LogWriter(tmp_path, SMALL)
    read = blocks(tmp_path)
    assert len(next(read).rows) == 2
    with pytest.raises(BadLog, match="replay its rows instead"):
        next(read)
