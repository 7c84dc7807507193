"""kill -9 of a desk that trades, at random moments of its life: it comes back as the desk that was never killed.

A nursery, a process that has everything loaded, forks one desk a life; the desk opens the log, recovers, and takes rows,
operators' events and checkpoints without end. It is killed within its recovery or after its log has grown so far. Then the
log is judged: a desk in memory, fed in one go with the rows it holds, has the same state, decisions and records.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from polaris.app.compose import LoggedDesk, backtested
from polaris.domain.orders import FILL, SUBMIT, joined
from polaris.log.read import ContextBlock, RecordsBlock, blocks, rows_of
from tests.replay.test_recovery import EAGER, INSTRUMENTS, LOG
from tests.unit.desk.rows import START

ROOT = Path(__file__).resolve().parent.parent.parent
LIVES, LOGS = 8, 3  # 24 kills; a log is judged from its first row on, so it must not grow too old

NURSERY = """
import os, sys, time
from pathlib import Path
import numpy as np
from polaris.app.compose import LoggedDesk, backtested
from polaris.domain.control import Deposit, Kill, Pause, Release, Resume
from tests.replay.test_recovery import EAGER, INSTRUMENTS, LOG, market_of
from tests.unit.desk.rows import START

def live(directory, life):
    desk = LoggedDesk.open(Path(directory), EAGER, INSTRUMENTS, now=START, log=LOG)
    dice = np.random.default_rng(life)
    for day in range(10**9):
        rows = market_of(life * 1000 + day)
        rows["ts_recv"] += max(0, desk.sequencer.ts - START)
        for part in np.split(rows, np.sort(dice.integers(0, len(rows), 120))):
            desk.take(part)
            now = desk.sequencer.ts
            match int(dice.integers(0, 60)):
                case 0: desk.checkpoint(now)
                case 1: desk.tell(Pause(operator="ann", reason="lunch", ts=now))
                case 2: desk.tell(Deposit(amount=int(dice.integers(-5, 6)) * 10**8, ts=now))
                case 3: desk.tell(Kill(operator="bob", reason="a drill", ts=now))
                case 4 | 5: desk.tell(Resume(operator="ann", reason="back", ts=now))
                case 6 | 7: desk.tell(Release(operator="bob", reason="over", ts=now))
            time.sleep(0.0005)

backtested(EAGER, INSTRUMENTS, market_of(1))  # everything compiled, before the first life
print("ready", flush=True)
for line in sys.stdin:
    directory, life = line.split()
    child = os.fork()
    if child == 0:
        live(directory, int(life))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def nursery() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", NURSERY], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


def size_of(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.glob("*") if file.is_file())


def killed_after(nursery: subprocess.Popen[str], directory: Path, life: int, seconds: float = 0.0, more: int = 0) -> None:
    """One life, killed after so many seconds, or as soon as its log has so many bytes more."""
    assert nursery.stdin is not None and nursery.stdout is not None
    before = size_of(directory)
    nursery.stdin.write(f"{directory} {life}\n")
    nursery.stdin.flush()
    child = int(nursery.stdout.readline())
    time.sleep(seconds)
    deadline = time.monotonic() + 120
    while size_of(directory) < before + more:
        assert time.monotonic() < deadline, f"the log has not grown by {more} bytes"
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    assert int(nursery.stdout.readline()) == -signal.SIGKILL  # and it had not ended by itself


@pytest.mark.slow
@pytest.mark.parametrize("log", range(LOGS))
def test_a_desk_that_is_killed_comes_back_as_the_one_that_never_was(tmp_path, nursery, log):
    dice = random.Random(log)
    directory = tmp_path / "log"
    before, fills, kept = 0, 0, 0
    for life in range(LIVES):
        moment = {"seconds": dice.uniform(0.005, 0.1)} if life % 2 else {"more": dice.randrange(30_000, 200_000)}
        killed_after(nursery, directory, 100 * log + life, **moment)

        desk = LoggedDesk.open(directory, EAGER, INSTRUMENTS, now=START, log=LOG)
        desk.close()
        rows = rows_of(directory)
        assert rows["seq"].tolist() == sorted(set(rows["seq"].tolist()))
        assert len(rows) >= before
        plain, records = backtested(EAGER, INSTRUMENTS, rows)
        assert desk.desk.state_digest() == plain.state_digest()
        assert desk.desk.decisions_digest() == plain.decisions_digest()
        held = list(blocks(directory))
        assert joined([block.records for block in held if isinstance(block, RecordsBlock)]).tobytes() == records.tobytes()
        assert [block.order for block in held if isinstance(block, ContextBlock)] == records[records["kind"] == SUBMIT]["order"].tolist()
        kept += len(rows) > before
        before, fills = len(rows), int((records["kind"] == FILL).sum())
    assert kept >= LIVES // 4 and fills > 10  # lives that were long enough to trade
