"""The scribe over a socket, with disks that are worse than ours."""

import errno
import os
import socket
import threading

import pytest

from polaris.exchange.gateway.fence import lead, promote
from polaris.exchange.gateway.identity import identity
from polaris.exchange.gateway.scribe import CLOSED, FAILED, FENCED, FRAME, FULL, HEADER_BYTES, OPEN, REPORT, Disk, Scribe
from tests.unit.exchange.gateway.machines import RULES, SMALL, lay_spare, segments, seqs, some


class Desk:
    """The other end of a scribe's link: it sends commands and hears reports."""

    def __init__(self, folder, disk, next_seq=1, continues=(0, 0)):
        lay_spare(folder)
        self.folder, self.leadership, self.seq = folder, lead(folder), next_seq
        self.link, self.theirs = socket.socketpair()
        self.link.settimeout(10)
        self.scribe = Scribe(
            self.theirs, disk, str(folder), self.leadership.epoch, next_seq, SMALL, identity=identity(RULES), continues=continues
        )
        self.thread = threading.Thread(target=self.scribe.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.link.close()
        self.thread.join(10)
        self.theirs.close()
        self.leadership.resign()
        assert not self.thread.is_alive()

    def send(self, count):
        commands, notes = some(self.seq, count)
        self.link.sendall(FRAME.pack(self.seq, count) + commands.tobytes() + notes.tobytes())
        self.seq += count

    def hear(self):
        """(durable seq, state, errno) of the next report; None at the end."""
        data = self.link.recv(REPORT.size, socket.MSG_WAITALL)
        return REPORT.unpack(data) if data else None

    def hears(self, *expected):
        assert [self.hear() for _ in expected] == list(expected)

    def close(self):
        self.link.shutdown(socket.SHUT_WR)


class LosingDisk(Disk):
    """It can lose its power: `kept` is what each file holds then, which is what it held at its last sync."""

    def __init__(self):
        self.kept = {}
        self.syncs = 0

    def sync(self, file):
        super().sync(file)
        self.syncs += 1
        self.kept[os.path.basename(os.readlink(f"/proc/self/fd/{file}"))] = _bytes_of(file)




def _bytes_of(file):
    with open(os.readlink(f"/proc/self/fd/{file}"), "rb") as same:
        return same.read()


def test_what_is_reported_is_there_after_a_power_cut(tmp_path):
    disk = LosingDisk()
    with Desk(tmp_path / "journal", disk) as desk:
        desk.hears((0, OPEN, 0))
        for turn, count in enumerate((1, 20, 5, 40, 61, 1, 30)):
            desk.send(count)
            durable, state, _ = desk.hear()
            assert (durable, state) == (desk.seq - 1, OPEN)
            after = tmp_path / f"after-{turn}"
            after.mkdir()
            for name, data in disk.kept.items():
                if name.endswith(".journal"):
                    (after / name).write_bytes(data)
            assert seqs(after) == list(range(1, durable + 1))


def test_what_comes_while_the_disk_is_busy_becomes_one_batch(tmp_path):
    busy, free = threading.Event(), threading.Event()

    class BusyDisk(Disk):
        synced = 0

        def sync(self, file):
            self.synced += 1
            if self.synced == 2:  # after the header's
                busy.set()
                assert free.wait(10)
            super().sync(file)

    disk = BusyDisk()
    with Desk(tmp_path, disk) as desk:
        desk.hears((0, OPEN, 0))
        desk.send(1)
        assert busy.wait(10)
        for _ in range(20):
            desk.send(2)
        free.set()
        desk.hears((1, OPEN, 0), (41, OPEN, 0))
        assert disk.synced == 3
    assert seqs(tmp_path) == list(range(1, 42))


def test_a_segment_that_is_full_is_followed_by_the_next_and_a_closed_one_says_so(tmp_path):
    with Desk(tmp_path, Disk()) as desk:
        desk.hears((0, OPEN, 0))
        for _ in range(5):
            desk.send(30)
            assert desk.hear() == (desk.seq - 1, OPEN, 0)
        desk.close()
        desk.hears((150, CLOSED, 0))
    assert len(segments(tmp_path)) >= 3 and seqs(tmp_path) == list(range(1, 151))
    assert {path.stat().st_size for path in segments(tmp_path)} == {SMALL}


def test_an_epoch_that_passed_before_a_write_writes_nothing(tmp_path):
    with Desk(tmp_path, Disk()) as desk:
        desk.send(2)
        desk.hears((0, OPEN, 0), (2, OPEN, 0))
        promote(tmp_path)
        desk.send(3)
        desk.hears((2, FENCED, 0))
    assert seqs(tmp_path) == [1, 2]


def test_an_epoch_that_passes_during_a_write_reports_nothing(tmp_path):
    class SlowDisk(Disk):
        synced = 0

        def sync(self, file):
            super().sync(file)
            self.synced += 1
            if self.synced == 3:
                promote(tmp_path)  # a successor reads the journal now: before or after this write, nobody knows

    with Desk(tmp_path, SlowDisk()) as desk:
        desk.send(2)
        desk.hears((0, OPEN, 0), (2, OPEN, 0))
        desk.send(3)
        desk.hears((2, FENCED, 0))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("part", [0, 1, 300])
def test_a_disk_without_room_is_told_and_takes_all_when_it_has_some(tmp_path, number, part):
    full = threading.Event()

    class FullDisk(Disk):
        def write(self, file, parts, offset):
            if full.is_set() and len(parts) > 1:
                if part:
                    return os.pwrite(file, b"".join(parts)[:part], offset)
                raise OSError(number, os.strerror(number))
            return super().write(file, parts, offset)

    with Desk(tmp_path, FullDisk()) as desk:
        desk.send(2)
        desk.hears((0, OPEN, 0), (2, OPEN, 0))
        full.set()
        desk.send(3)
        desk.hears((2, FULL, errno.ENOSPC if part else number))
        assert seqs(tmp_path) == [1, 2]
        full.clear()
        desk.hears((5, OPEN, 0))
    assert seqs(tmp_path) == [1, 2, 3, 4, 5]


def test_without_room_for_the_next_segment_nothing_is_reported_until_there_is_some(tmp_path):
    full = threading.Event()

    class FullDisk(Disk):
        def open(self, path, flags):
            if full.is_set() and flags & os.O_CREAT:
                raise OSError(errno.ENOSPC, "no space")
            return super().open(path, flags)

    with Desk(tmp_path, FullDisk()) as desk:
        desk.send(30)
        desk.hears((0, OPEN, 0), (30, OPEN, 0))
        desk.scribe.preparing.join(10)
        os.unlink(tmp_path / "spare")
        full.set()
        desk.send(40)
        desk.hears((30, FULL, errno.ENOSPC))
        full.clear()
        desk.hears((70, OPEN, 0))
    assert seqs(tmp_path) == list(range(1, 71))


def test_who_waits_for_room_ends_when_nobody_listens_any_more(tmp_path):
    class FullDisk(Disk):
        def write(self, file, parts, offset):
            if len(parts) > 1:
                raise OSError(errno.ENOSPC, "no space")
            return super().write(file, parts, offset)

    with Desk(tmp_path, FullDisk()) as desk:
        desk.send(2)
        desk.hears((0, OPEN, 0), (0, FULL, errno.ENOSPC))
    assert seqs(tmp_path) == []


@pytest.mark.parametrize("step", ["write", "sync"])
def test_a_disk_that_fails_ends_it_at_the_first_try(tmp_path, step):
    class FailingDisk(Disk):
        fails, tries = False, 0

        def write(self, file, parts, offset):
            return self.perhaps("write", super().write, file, parts, offset)

        def sync(self, file):
            return self.perhaps("sync", super().sync, file)

        def perhaps(self, which, call, *arguments):
            if self.fails and which == step:
                self.tries += 1
                raise OSError(errno.ENOSPC if which == "sync" else errno.EIO, "the disk is broken")
            return call(*arguments)

    disk = FailingDisk()
    with Desk(tmp_path, disk) as desk:
        desk.send(2)
        desk.hears((0, OPEN, 0), (2, OPEN, 0))
        desk.scribe.preparing.join(10)
        disk.fails = True
        desk.send(3)
        desk.hears((2, FAILED, errno.ENOSPC if step == "sync" else errno.EIO))
        assert disk.tries == 1


def test_a_seq_that_is_not_the_next_one_ends_it(tmp_path):
    with Desk(tmp_path, Disk()) as desk:
        desk.hears((0, OPEN, 0))
        desk.seq = 2
        desk.send(1)
        desk.hears((0, FAILED, errno.EPROTO))
    assert seqs(tmp_path) == []


def test_a_frame_that_ends_in_its_middle_is_not_written(tmp_path):
    with Desk(tmp_path, Disk()) as desk:
        desk.hears((0, OPEN, 0))
        desk.link.sendall(FRAME.pack(1, 3) + bytes(100))
        desk.close()
        desk.hears((0, CLOSED, 0))
    assert seqs(tmp_path) == []


def test_a_header_there_was_no_room_for_is_written_before_anything_follows(tmp_path):
    full = threading.Event()

    class FullDisk(Disk):
        def write(self, file, parts, offset):
            if full.is_set() and offset == 0 and len(parts[0]) == HEADER_BYTES:
                return os.pwrite(file, parts[0][:50], 0)
            return super().write(file, parts, offset)

    with Desk(tmp_path, FullDisk()) as desk:
        desk.send(60)
        desk.hears((0, OPEN, 0), (60, OPEN, 0))
        full.set()
        desk.send(10)
        desk.hears((60, FULL, errno.ENOSPC))
        full.clear()
        desk.hears((70, OPEN, 0))
    assert seqs(tmp_path) == list(range(1, 71))


def test_a_segment_made_in_haste_is_left_when_the_spare_is_ready(tmp_path):
    with Desk(tmp_path, Disk()) as desk:
        desk.hears((0, OPEN, 0))
        desk.scribe.preparing.join(10)
        os.unlink(tmp_path / "spare")
        desk.send(60)
        desk.send(10)  # no spare: its segment is made in haste, and a spare begun
        desk.hears((60, OPEN, 0), (70, OPEN, 0))
        assert desk.scribe.hasty
        desk.scribe.preparing.join(10)
        desk.send(1)
        desk.hears((71, OPEN, 0))
        assert not desk.scribe.hasty
    assert seqs(tmp_path) == list(range(1, 72)) and len(segments(tmp_path)) == 3
