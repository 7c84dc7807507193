"""The desk as a process: one a folder, found and stopped whatever became of it."""

import os
import signal
import subprocess
import sys

import pytest

from polaris.app import process
from polaris.domain.errors import BadConfig, Unavailable

CLAIM = """
import signal, sys, time
from pathlib import Path
from polaris.app.process import claim
if {deaf}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with claim(Path(sys.argv[1]), "127.0.0.1", 0) as tell:
    tell(4321)
    print("up", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def desk(tmp_path):
    """Starts a process that claims the folder; `deaf` ignores SIGTERM."""
    children = []

    def start(*, deaf: bool = False):
        child = subprocess.Popen([sys.executable, "-c", CLAIM.format(deaf=deaf), str(tmp_path)], stdout=subprocess.PIPE, text=True)
        children.append(child)
        assert child.stdout is not None and child.stdout.readline() == "up\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


def reaped(child):
    """stop() waits until the process is gone; a zombie of ours counts as gone."""
    child.wait(5)
    return child.returncode


def test_a_desk_is_found_by_its_folder(tmp_path, desk):
    assert process.running(tmp_path) is None
    child = desk()
    found = process.running(tmp_path)
    assert (found.pid, found.port, found.host) == (child.pid, 4321, "127.0.0.1")


def test_a_second_desk_on_the_folder_is_refused(tmp_path, desk):
    child = desk()
    with pytest.raises(process.AlreadyRunning, match=rf"process {child.pid}.*polaris stop"), process.claim(tmp_path, "127.0.0.1", 0):
        pytest.fail("claimed twice")
    with pytest.raises(process.AlreadyRunning):
        process.start_detached(["version"], tmp_path)


def test_a_killed_desk_leaves_a_file_that_fools_nobody(tmp_path, desk):
    child = desk()
    child.kill()
    child.wait()
    assert (tmp_path / process.PID_FILE).exists()
    assert process.running(tmp_path) is None
    with process.claim(tmp_path, "127.0.0.1", 7):
        assert process.running(tmp_path).pid == os.getpid()
    assert not (tmp_path / process.PID_FILE).exists()


def test_a_number_that_another_process_has_now_is_no_desk(tmp_path):
    with process.claim(tmp_path, "127.0.0.1", 0):
        record = (tmp_path / process.PID_FILE).read_text()
    birth = process.birth(os.getpid())
    (tmp_path / process.PID_FILE).write_text(record.replace(f'"birth":{birth}', f'"birth":{birth - 1}'))
    assert process.running(tmp_path) is None
    (tmp_path / process.PID_FILE).write_text("not json")
    assert process.running(tmp_path) is None


def test_stop_waits_until_the_desk_is_gone(tmp_path, desk):
    child = desk()
    heard = []
    assert process.stop(process.running(tmp_path), timeout_s=60, waiting=heard.append) < 60
    assert reaped(child) == -signal.SIGTERM
    assert process.running(tmp_path) is None


def test_a_deaf_desk_is_killed_only_by_force(tmp_path, desk):
    child = desk(deaf=True)
    found = process.running(tmp_path)
    with pytest.raises(Unavailable, match=r"did not stop within 0 s.*--force"):
        process.stop(found, timeout_s=0.2)
    assert child.poll() is None
    process.stop(found, timeout_s=0.2, force=True)
    assert reaped(child) == -signal.SIGKILL


def test_a_desk_that_does_not_answer_is_unavailable(tmp_path, desk):
    desk()
    with pytest.raises(Unavailable, match=r"does not answer at http://127\.0\.0\.1:4321/status.*polaris logs"):
        process.status(process.running(tmp_path), timeout_s=0.5)


def test_a_start_that_fails_shows_the_end_of_its_log(tmp_path):
    with pytest.raises(BadConfig, match=r"stopped at once \(exit 2\)(.|\n)*No such option"):
        process.start_detached(["start", "--nonsense"], tmp_path, timeout_s=120)


def test_a_start_that_is_refused_says_what_the_desk_said(tmp_path):
    with pytest.raises(BadConfig, match=r"^mode 'live' sends real orders and is refused"):
        process.start_detached(["start", "--mode", "live"], tmp_path, timeout_s=120)


def test_the_last_lines_of_a_log_begin_where_this_run_began(tmp_path):
    log = tmp_path / "desk.log"
    log.write_text("old\n" + "".join(f"line {i}\n" for i in range(1000)))
    assert process.last_lines(log, 2) == "line 998\nline 999"
    assert "old" not in process.last_lines(log, 10_000, start=4)
    assert process.last_lines(tmp_path / "absent", 5) == ""


def test_following_a_log_survives_its_being_moved_away(tmp_path):
    log = tmp_path / "desk.log"
    log.write_text("old\n")
    lines = process.follow(log, poll_s=0.01)

    def write_soon(text, *, moved=False):
        program = f"import time, os; time.sleep(0.2); {f'os.rename({str(log)!r}, {str(log) + chr(49)!r});' if moved else ''} open({str(log)!r}, 'a').write({text!r})"
        return subprocess.Popen([sys.executable, "-c", program])

    for text, moved in (("first\n", False), ("second\n", True)):
        with write_soon(text, moved=moved):
            assert next(lines) == text.strip()
    lines.close()
