"""bench_journal: what it costs to lose nothing: the disk's own sync, the way of commands to it and back, recovery, a standby's promotion.

Durable is the time from `append` to the report that the disk has it, one batch after the other; beside it a write and fdatasync alone.
Recovery reads a journal, checks every byte and runs the commands of bench_matching on one book, in CPU time; the digest it comes to is the one of
an engine that was given them directly. A promotion is measured from the leader's kill -9 under load to the first command that is
durable under the standby.
"""

import gc
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench_matching import ACCOUNTS, LOWEST, RESTING, capacity, stream
from polaris.exchange import COMMAND, MatchingEngine
from polaris.exchange.gateway.disk import sync_times
from polaris.exchange.gateway.identity import identity
from polaris.exchange.gateway.journal import Journal
from polaris.exchange.gateway.machine import Machine
from polaris.exchange.gateway.note import NOTE, Notes, blank
from polaris.exchange.gateway.recovery import recover
from polaris.exchange.gateway.scribe import pack_batch, pack_header, seed_of, segment_name
from polaris.exchange.gateway.standby import Standby
from polaris.exchange.listing import Asset, Listing, Rules
from polaris.exchange.words import DEPOSIT, Commands

RULES = "bench"
RECOVERED = ">= 5"  # M commands a CPU-second aimed at
QUICK = {"commands": 20_000, "turns": 20, "rounds": 1}


class Engine:
    """The matching engine as a machine of the journal."""

    def __init__(self, parts: Any = None) -> None:
        self.engine = MatchingEngine([LOWEST], capacity(1, RESTING))

    def apply(self, commands: Commands, notes: Any) -> None:
        self.engine.run(commands)

    def digest(self) -> str:
        return self.engine.digest()

    def parts(self) -> dict[str, Any]:
        return {"orders": self.engine.orders(), "last_prices": self.engine.last_prices()}


class Counter:
    """A machine that only remembers how far it came."""

    def __init__(self, parts: Any = None) -> None:
        self.seq = 0

    def apply(self, commands: Commands, notes: Any) -> None:
        self.seq = int(commands["seq"][-1])

    def digest(self) -> str:
        return str(self.seq)

    def parts(self) -> dict[str, Any]:
        return {}


def durable(folder: Path, commands: int, turns: int) -> dict[str, float]:
    """Microseconds from `append` of so many commands to durable, one batch after the other."""
    journal = Journal.open(folder, RULES)
    spent = np.zeros(turns)
    for turn in range(-10, turns):
        rows = np.zeros(commands, COMMAND)
        first = journal.next_seq
        rows["seq"] = np.arange(first, first + commands)
        start = time.perf_counter()
        journal.append(first, rows, blank(commands))
        journal.wait(first + commands - 1)
        spent[turn] = time.perf_counter() - start
    journal.close()
    return {f"p{name}_us": round(float(np.percentile(spent, name)) * 1e6, 1) for name in (50, 99)}


def bulk(folder: Path, commands: int) -> float:
    """Commands a second of wall time that become durable, handed over as fast as they are taken."""
    journal = Journal.open(folder, RULES)
    rows, notes = np.zeros(1000, COMMAND), blank(1000)
    journal.append(1, numbered(rows, 1), notes)
    journal.wait(1000)
    start = time.perf_counter()
    for first in range(1001, commands, 1000):
        journal.append(first, numbered(rows, first), notes)
        while journal.backlog > 20_000:
            journal.wait(journal.durable_seq + 1)
    journal.wait(journal.next_seq - 1)
    spent = time.perf_counter() - start
    journal.close()
    return (commands - 1000) / spent


def recovery(folder: Path, commands: Commands, batch: int, digest: str) -> float:
    """Commands a CPU-second from the bytes of a journal in batches of this size to the state."""
    lay(folder, commands, batch)
    start = time.process_time()
    found = recover(folder, RULES, Engine)
    spent = time.process_time() - start
    assert found.seq == len(commands) and found.machine.digest() == digest
    shutil.rmtree(folder)
    return len(commands) / spent


def whole_recovery(folder: Path, commands: Commands, batch: int) -> dict[str, float]:
    """Commands a second, and a CPU-second, to the state of a whole exchange: accounts, the register of every order by name, market data.

    The best of three: memory that the system hands out for the first time is paid for by the first.
    """
    base, quote = Asset("BTC", 8), Asset("USDT", 8)
    listing = Listing("BTCUSDT", base, quote, "0.01", "0.00001", lowest_price=f"{LOWEST // 100}")
    rules = Rules((base, quote), (listing,), accounts=ACCOUNTS + 1, capacity=capacity(1, RESTING))
    deposits = np.zeros(2 * ACCOUNTS, COMMAND)
    deposits["operation"], deposits["quantity"] = DEPOSIT, 10**15
    deposits["account"], deposits["book"] = np.repeat(np.arange(ACCOUNTS) + 1, 2), np.tile((0, 1), ACCOUNTS)
    asked = np.concatenate((deposits, commands))
    asked["seq"] = np.arange(1, len(asked) + 1)
    notes = np.zeros(len(asked), NOTE)
    notes["client_id"] = [b"client-%08d" % number for number in range(len(asked))]
    running = Machine(rules)
    running.apply(asked, notes)
    digest = running.digest()
    del running
    lay(folder, asked, batch, notes)
    rates = []
    for _ in range(3):
        start, spent = time.perf_counter(), time.process_time()
        found = recover(folder, RULES, lambda parts=None: Machine(rules, (), parts))
        found.machine.settle()
        rates.append((len(asked) / (time.perf_counter() - start), len(asked) / (time.process_time() - spent)))
        assert found.seq == len(asked) and found.machine.digest() == digest
        del found
        gc.collect()
    shutil.rmtree(folder)
    return {"per_second": round(max(each for each, _ in rates)), "per_cpu_second": round(max(each for _, each in rates))}


def lay(folder: Path, commands: Commands, batch: int, noted: Notes | None = None) -> None:
    """A journal of these commands, and of these notes, in one segment."""
    folder.mkdir()
    seed, notes = seed_of(1, 1), np.zeros(batch, NOTE)
    notes["received"] = np.arange(batch)
    with (folder / segment_name(1, 1)).open("wb") as file:
        file.write(pack_header(1, 1, identity(RULES), (0, 0)))
        for first in range(0, len(commands), batch):
            part = commands[first : first + batch]
            payload = [part.tobytes(), (notes[: len(part)] if noted is None else noted[first : first + batch]).tobytes()]
            file.write(pack_batch(first + 1, len(part), 1, 0, payload, seed))
            file.writelines(payload)


LEADER = """
import sys
sys.path.insert(0, {here!r})
from bench_journal import *
from polaris.exchange.gateway.journal import Journal
journal = Journal.open({folder!r}, RULES)
rows, notes = np.zeros(50, COMMAND), blank(50)
while True:
    first = journal.next_seq
    journal.append(first, numbered(rows, first), notes)
    journal.wait(first + 49)
    print(journal.durable_seq, flush=True)
    time.sleep(0.001)
"""


def promotion(folder: Path, rounds: int) -> dict[str, float]:
    """Milliseconds from the kill of a leader to a standby's first durable command, and how many acknowledged commands it lacks: none."""
    taken, lags, lacking = [], [], 0
    for turn in range(rounds):
        place = folder / f"standby-{turn}"
        place.mkdir()
        leader = subprocess.Popen([sys.executable, "-c", LEADER.format(here=str(Path(__file__).parent), folder=str(place))], stdout=subprocess.PIPE)
        assert leader.stdout is not None
        with leader:
            leader.stdout.readline()
            standby = Standby(place, RULES, Counter)
            until = time.monotonic() + 1
            while time.monotonic() < until:
                standby.watch(0.02)
                lags.append(standby.lag_ns / 1e6)
            os.kill(leader.pid, signal.SIGKILL)
            start = time.perf_counter()
            journal = standby.promote()
            seq = journal.next_seq
            journal.append(seq, numbered(np.zeros(1, COMMAND), seq), blank(1))
            journal.wait(seq)
            taken.append((time.perf_counter() - start) * 1e3)
            acknowledged = int(leader.stdout.read().split()[-1])
            lacking += max(0, acknowledged - journal.last_seq)
            journal.close()
    return {"to_first_durable_ms": round(float(np.median(taken)), 1), "lag_ms_p50": round(float(np.median(lags)), 2), "acknowledged_and_lacking": lacking}


def numbered(rows: Commands, first: int) -> Commands:
    """The rows themselves, under seqs from `first` on."""
    rows["seq"] = np.arange(first, first + len(rows))
    return rows


def main(commands: int = 2_000_000, turns: int = 2_000, rounds: int = 5) -> dict[str, Any]:
    """Microseconds to the disk, commands a second to and from it, milliseconds of a promotion.

    commands  of the stream that is recovered
    turns     batches to the disk of each size, one after the other
    rounds    promotions
    """
    filling, rows, _ = stream(commands, 1, RESTING)
    whole = np.concatenate((filling, rows))
    whole["seq"] = np.arange(1, len(whole) + 1)
    plain = MatchingEngine([LOWEST], capacity(1, RESTING))
    plain.run(whole)
    with tempfile.TemporaryDirectory(prefix="polaris-journal-", dir=os.environ.get("POLARIS_BENCH_FOLDER")) as temporary:
        folder = Path(temporary)
        result: dict[str, Any] = {
            "fdatasync": sync_times(folder, turns)._asdict(),
            "durable": {str(size): durable(folder / f"durable-{size}", size, turns) for size in (1, 20, 400)},
            "bulk": round(bulk(folder / "bulk", min(commands, 1_000_000))),
            "recovery": {str(size): round(recovery(folder / f"recovery-{size}", whole, size, plain.digest())) for size in (4000, 400, 20)},
            "whole_recovery": whole_recovery(folder / "whole", whole, 4000),
            "promotion": promotion(folder, rounds),
        }
    return result | {"commands": len(whole), "turns": turns, "rounds": rounds}


def show(result: dict[str, Any]) -> None:
    """Print it beside the targets and the disk's own."""
    sync, taken = result["fdatasync"], result["promotion"]
    print(f"bench_journal · Python {platform.python_version()} · {result['commands']:,} commands to recover, {result['turns']:,} batches to the disk, {result['rounds']} promotions")
    print(f"\n{'us':<44}{'p50':>8}{'p99':>8}")
    print(f"{'the disk alone: write and fdatasync':<44}{sync['p50_us']:>8,.0f}{sync['p99_us']:>8,.0f}")
    for size, times in result["durable"].items():
        print(f"{f'append to durable, {size} at once':<44}{times['p50_us']:>8,.0f}{times['p99_us']:>8,.0f}")
    print(f"\n{'M commands a second':<44}{'':>8}  target")
    print(f"{'to the disk, as fast as it takes them':<44}{result['bulk'] / 1e6:>8.2f}")
    for size, rate in result["recovery"].items():
        print(f"{f'recovery, batches of {size}, a CPU-second':<44}{rate / 1e6:>8.1f}  {RECOVERED}   to the same digest")
    print(f"{'recovery of a whole exchange, two cores':<44}{result['whole_recovery']['per_second'] / 1e6:>8.1f}  {RECOVERED}   accounts, orders by name, market data too")
    print(f"{'the same, a CPU-second':<44}{result['whole_recovery']['per_cpu_second'] / 1e6:>8.1f}")
    print(f"\npromotion: {taken['to_first_durable_ms']:,.0f} ms from the leader's kill to the first durable command; it was {taken['lag_ms_p50']:g} ms behind;", end=" ")
    print(f"{taken['acknowledged_and_lacking']} acknowledged commands lacking (target 0)")


if __name__ == "__main__":
    show(main())
