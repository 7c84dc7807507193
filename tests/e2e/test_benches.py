"""Every bench runs: at its smallest, by the command line, and says what it promises to say, as JSON and as text.

Nothing is said of how fast anything is. They run in three processes, one after the other in each, so that what is loaded once serves the next: those that
wait for sockets, disks and other processes beside those that count.
"""

import json
import math
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

# figures by name, in dots; * is every key there
FIGURES = {
    "exchange-kill": ("kills", "commands", "acknowledged", "fills_told", "ready_ms_p50", "seconds"),
    "features": ("bank.whole_ns", "bank.*", "crossover.whole_ns"),
    "feeds": ("*.frames_per_cpu_second", "*.json_frames_per_cpu_second"),
    "gate": ("gate.p50", "gate.p99", "gate.p99.9", "empty.p50", "passed_share"),
    "gateway": (
        *(f"{of}.*.{figure}" for of in ("durable", "memory", "echo") for figure in ("p50_us", "p99_us", "p999_us", "achieved")),
        *(f"rest.*.{figure}" for figure in ("orders_per_second", "p50_us", "p99_us")),
        "saturation",
        "fdatasync_us.p50",
        "fdatasync_us.p99",
    ),
    "journal": ("fdatasync.p50_us", "fdatasync.p99_us", "durable.*.p50_us", "durable.*.p99_us", "bulk", "recovery.*", "whole_recovery.per_second", "whole_recovery.per_cpu_second", "promotion.to_first_durable_ms"),
    "market-data": ("one_book.matching_ns", "one_book.fold_ns", "hundred_books.matching_ns", "hundred_books.fold_ns", "batches.*.fold_us", "questions_us.*"),
    "matching": (
        "one_book", "hundred_books", "single_call_ns", "depth_curve.*", "mix.*", "events_a_message", "accounts.one_book", "accounts.hundred_books",
        "accounts.command_ns.*.without.p50", "accounts.command_ns.*.with.p50", "accounts.check_ns.*.p99",
    ),
    "pipeline": (
        "compiled_events_per_second", "pipeline_events_per_second", "python_events_per_second", "python_events_per_second_many_orders", "bars_per_second",
        "sweep_combinations_per_second", "sweep_peak_mb", "import_seconds", "bound.*",
    ),
    "simulation": ("*.orders", "*.per_second", "*.day_s"),
    "snapshot": ("without.longest_ms", "by_a_copy.longest_ms", "by_a_copy.seconds", "in_the_loop.longest_ms"),
    "sweep": ("combinations_per_second", "peak_mb", "fills"),
    "tick-to-order": (
        *(f"socket.{figure}_us" for figure in ("p50", "p99", "p99.9", "frame_p50", "frame_p99", "frame_max", "frame_cpu_max")),
        "socket.orders", "busy_poll.p50_us", "busy_poll.p99_us", "echo.p50_us", "echo.p99_us", "core.p50_us", "core.p99_us",
    ),
}  # fmt: skip
LANES = (
    ("exchange-kill", "gateway", "journal"),
    ("tick-to-order",),
    ("feeds", "matching", "market-data", "simulation", "features", "gate", "pipeline", "sweep", "snapshot"),
)
PATIENCE_S = 900.0

LANE = """
import contextlib, io, json, os, sys, traceback
from polaris.app.cli import app

def text(name, result):
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        sys.modules["bench_" + name.replace("-", "_")].show(result)
    return shown.getvalue()

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for name in sys.argv[1:]:
    print(f"-- {name}", file=sys.stderr, flush=True)
    code = 0
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            app(["bench", name, "--quick", "--json"], prog_name="polaris")
        except SystemExit as left:
            code = left.code or 0
        except Exception:
            code = 1
            traceback.print_exc()
    said = said.getvalue()
    print(json.dumps({"name": name, "code": code, "said": said, "text": "" if code else text(name, json.loads(said))}), file=out, flush=True)
"""


class Lanes:
    """The benches as they run, and what came of those that have."""

    def __init__(self, folder: Path) -> None:
        self.done: dict[str, dict] = {}
        self._folder = folder
        self._processes = [self._start(str(number), lane) for number, lane in enumerate(LANES)]
        self._lane_of = {name: process for process, lane in zip(self._processes, LANES, strict=True) for name in lane}

    def _start(self, title: str, names: tuple[str, ...]) -> subprocess.Popen:
        with (self._folder / title).open("w") as errors:
            return subprocess.Popen([sys.executable, "-c", LANE, *names], stdout=subprocess.PIPE, stderr=errors, text=True)

    def __getitem__(self, name: str) -> dict:
        """What came of one; waits for it."""
        while name not in self.done:
            line = self._lane_of[name].stdout.readline()
            assert line, f"the process of {name} ended or was too slow:\n{self.errors()}"
            told = json.loads(line)
            self.done[told["name"]] = told
        return self.done[name]

    def errors(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self._folder.iterdir()))

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.fixture(scope="module")
def benches() -> Iterator[Lanes]:
    with tempfile.TemporaryDirectory() as folder:
        lanes = Lanes(Path(folder))
        patience = threading.Timer(PATIENCE_S, lanes.end)
        patience.start()
        try:
            yield lanes
        finally:
            patience.cancel()
            lanes.end()


def figures(result: object, path: str) -> list[object]:
    """The figures a path names; a name may hold dots itself."""
    if not path:
        return [result]
    assert isinstance(result, dict), f"{path} is asked of {result!r}"
    if path == "*" or path.startswith("*."):
        return [found for each in result.values() for found in figures(each, path[2:])]
    name = max((key for key in result if path == key or path.startswith(f"{key}.")), key=len, default="")
    assert name, f"there is no {path}; there are {', '.join(result)}"
    return figures(result[name], path[len(name) + 1 :])


def test_every_bench_there_is_is_run_here():
    done = subprocess.run([sys.executable, "-m", "polaris", "bench", "--json"], check=True, capture_output=True, text=True, timeout=120)
    assert set(json.loads(done.stdout)) == set(FIGURES) == {name for lane in LANES for name in lane}


@pytest.mark.parametrize("name", FIGURES)
def test_a_bench_at_its_smallest_says_all_it_promises_in_finite_positive_figures(benches, name, request):
    if name == "feeds":
        request.getfixturevalue("test_data")
    done = benches[name]
    assert done["code"] == 0, benches.errors()
    result = json.loads(done["said"])
    for path in FIGURES[name]:
        found = figures(result, path)
        assert found and all(type(each) in (int, float) and math.isfinite(each) and each > 0 for each in found), (path, found)
    assert done["text"].startswith(f"bench_{name.replace('-', '_')} · ") or name == "pipeline", done["text"]
    assert not re.search(r"\b(nan|inf|None)\b", done["text"]) and max(map(len, done["text"].splitlines())) <= 180, done["text"]


def test_the_bench_of_feeds_finds_every_book_as_it_was(benches, test_data):
    for name, one in json.loads(benches["feeds"]["said"]).items():
        assert one["validated"] is True and one["book_equal"] in (True, None), (name, one)


def test_the_bench_of_kills_finds_nothing_lost(benches):
    result = json.loads(benches["exchange-kill"]["said"])
    assert {name: result[name] for name in ("lost", "twice", "digests_that_differ", "unbalanced", "faults")} == dict.fromkeys(
        ("lost", "twice", "digests_that_differ", "unbalanced", "faults"), 0
    )


def test_the_bench_of_the_journal_finds_no_acknowledged_command_lacking(benches):
    assert json.loads(benches["journal"]["said"])["promotion"]["acknowledged_and_lacking"] == 0


def test_a_bench_of_recordings_says_where_it_looked_for_them(tmp_path, monkeypatch):
    monkeypatch.setenv("POLARIS_TEST_DATA", str(tmp_path))
    done = subprocess.run([sys.executable, "-m", "polaris", "bench", "feeds", "--quick", "--json"], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stdout == ""
    assert f"no recordings in {tmp_path / 'ws'}" in done.stderr.replace("\n", "") and "POLARIS_TEST_DATA" in done.stderr
