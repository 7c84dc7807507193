"""The desk from its command line: started, watched, stopped, and found again."""

import contextlib
import json
import os
import pty
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import zstandard
from prometheus_client.parser import text_string_to_metric_families

from polaris.app import process
from polaris.app.status import Status
from polaris.domain.quality import Quality
from polaris.log.read import EventBlock, blocks
from tests.e2e import small_captures
from tests.e2e.command import here
from tests.e2e.command import process as polaris

WITHIN_S = 120


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """A data folder whose desk is gone afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLARIS_DATA__DIR", str(tmp_path / "data"))
    monkeypatch.setenv("POLARIS_SERVER__PORT", "0")
    yield tmp_path / "data"
    if desk := process.running(tmp_path / "data"):
        process.stop(desk, timeout_s=60, force=True)


def answered(*arguments: str) -> Any:
    """What a verb says with --json."""
    done = polaris(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def eventually(what: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
    """The first truthy answer."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {within_s} s")


def status(data: Path) -> Status:
    return process.status(process.running(data), timeout_s=60)


def all_live(data: Path) -> bool:
    """Whether the desk has every book of the built-in market's four."""
    return [book.state for book in status(data).instruments] == ["LIVE"] * 4


def test_a_desk_is_started_behind_watched_stopped_and_continued(data):
    started = answered("start", "--detach")
    assert started["pid"] == process.running(data).pid
    second = polaris("start", "--detach")
    assert (second.returncode, "already runs" in second.stderr) == (3, True)

    eventually(lambda: all_live(data))
    now = answered("status")
    assert (now["mode"], now["trading"], now["market"]) == ("paper", "running", "builtin")
    assert {venue["name"] for venue in now["venues"]} == {"coinbase", "binance"}
    assert float(now["account"]["equity"]) > 0
    assert "PAPER" in polaris("status").stdout

    with urlopen(f"{started['url']}/metrics", timeout=60) as answer:
        families = {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
    assert {sample.labels["venue"]: sample.value > 0 for sample in families["polaris_frames"].samples} == {"coinbase": True, "binance": True}

    eventually(lambda: '"books_live"' in (data / process.LOG_FILE).read_text())  # now and then it says how it is
    stopped = answered("stop")
    assert (stopped["stopped"], stopped["pid"]) == (True, started["pid"])
    assert polaris("status").returncode == 3
    assert '"desk stopped"' in polaris("logs").stdout

    seq = answered("replay", str(data / "log"))["seq"]
    assert seq > 0
    answered("start", "--detach")
    assert status(data).log.resumed_from == seq
    assert polaris("stop").returncode == 0


def test_a_desk_runs_in_the_foreground_for_a_while_and_sums_up(data):
    done = polaris("start", "--for", "2 s", "--no-screen", "--json")
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout)
    assert last["log"]["seq"] > 0
    assert not (data / process.PID_FILE).exists()


class Terminal:
    """`polaris` on a terminal of 120 x 40, as a person has it."""

    def __init__(self, *arguments: str) -> None:
        self.seen = ""
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.environ.update(COLUMNS="120", LINES="40", TERM="xterm-256color")
            os.execv(sys.executable, [sys.executable, "-m", "polaris", *arguments])

    def read_until(self, words: str, within_s: float = WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        while words not in self.seen:
            assert time.monotonic() < deadline, f"{words!r} is not in {self.seen[-2000:]!r}"
            self._read(0.2)

    def ended(self, within_s: float = WITHIN_S) -> int:
        """The exit code."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self._read(0.1)
            pid, code = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(code)
        raise AssertionError(f"did not end within {within_s} s: {self.seen[-2000:]!r}")

    def _read(self, wait_s: float) -> None:
        with contextlib.suppress(OSError):
            if select.select([self.file], [], [], wait_s)[0]:
                self.seen += os.read(self.file, 65536).decode("utf-8", "replace")


def test_on_a_terminal_the_desk_is_drawn_and_ctrl_c_stops_it(data):
    terminal = Terminal("start")
    terminal.read_until("PAPER")
    terminal.read_until("BTC-USD.coinbase")
    desk = process.running(data)
    assert desk.pid != terminal.pid  # who draws does not trade
    os.write(terminal.file, b"\x03")
    assert terminal.ended() == 0
    assert "the desk stopped" in terminal.seen
    assert "Traceback" not in terminal.seen
    assert process.running(data) is None


def test_a_terminal_that_is_killed_takes_its_desk_along(data):
    terminal = Terminal("start")
    terminal.read_until("PAPER")
    os.kill(terminal.pid, signal.SIGKILL)
    os.waitpid(terminal.pid, 0)
    eventually(lambda: process.running(data) is None)


def test_the_feeds_of_a_desk_are_watched_measured_and_certified_from_its_log(data):
    assert here("feeds").returncode == 3
    answered("start", "--detach")

    def all_heard() -> Any:
        told = json.loads(here("feeds", "--json").stdout)["feeds"]
        return told if len(told) == 4 and all(feed["state"] == "LIVE" and feed["messages"] for feed in told) else None

    feeds = eventually(all_heard)
    assert {feed["symbol"] for feed in feeds} == {"BTC-USD.coinbase", "ETH-USD.coinbase", "BTC-USDT.binance", "ETH-USDT.binance"}
    assert all(0 < feed["offset_p50_ns"] <= feed["offset_p99_ns"] < 10**11 and 0 <= feed["stale_ns"] < 10**11 for feed in feeds)
    assert "BTC-USD.coinbase" in here("feeds", "--once").stdout
    port = process.running(data).port
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        families = {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
    assert {sample.labels["quantile"] for sample in families["polaris_feed_offset_seconds"].samples} == {"0.5", "0.99"}
    assert all(sample.value >= 0 for sample in families["polaris_feed_messages"].samples)
    log = data / "log"
    eventually(lambda: len(seconds_told(log)) >= 2)
    assert polaris("stop").returncode == 0

    told = seconds_told(log)
    assert all(len(second.symbols) == 4 for second in told)
    assert [second.ts for second in told] == sorted(second.ts for second in told)
    certified = here("feeds", "certify", str(log), "--json")
    (certificate,) = json.loads(certified.stdout)["certificates"]
    assert certified.returncode == (0 if certificate["complete"] else 1)
    heard = {symbol["symbol"]: symbol["messages"] for symbol in certificate["symbols"]}
    assert all(sum(second.symbols[i].messages for second in told) <= heard[feed["symbol"]] for i, feed in enumerate(feeds))


def seconds_told(log: Path) -> list[Quality]:
    """What the log says of the feeds, second by second."""
    found: list[Quality] = []
    with contextlib.suppress(Exception):  # what is written to may end in the middle of something
        for block in blocks(log):
            if isinstance(block, EventBlock) and isinstance(block.event, Quality):
                found.append(block.event)
    return found


def test_a_damaged_recording_is_certified_with_its_holes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_captures.write(Path("whole.jsonl"), "binance")
    assert polaris("feeds", "certify", "whole.jsonl").returncode == 0
    with zstandard.open("whole.jsonl", "rt") as file:
        lines = file.readlines()
    depth = [i for i, line in enumerate(lines) if "depthUpdate" in line]
    del lines[depth[len(depth) // 2]]
    Path("damaged.jsonl").write_text("".join(lines))
    done = here("feeds", "certify", "damaged.jsonl", "--json", "--out", "certificate.json")
    assert done.returncode == 1
    (certificate,) = json.loads(done.stdout)["certificates"]
    assert json.loads(Path("certificate.json").read_text())["certificates"] == [certificate]
    (one,) = [symbol for symbol in certificate["symbols"] if not symbol["complete"]]
    assert len(certificate["symbols"]) == 2 and (one["gaps"], [hole["reason"] for hole in one["holes"]][-1]) == (1, "gap")
    assert "gap" in here("feeds", "certify", "damaged.jsonl").stdout
