"""bench_features: nanoseconds a boundary that each kernel of the default bank costs, on one core.

Every row is a boundary (the worst case), a quarter of them trades at random. Each chunk is copied into the same
buffers before the clock starts, as the market kernel leaves it: warm in the second-level cache.

The whole is CPU time, the best of several passes; a kernel's is its median chunk, so that whoever shares the machine
does not count.

    python benchmarks/bench_features.py [boundaries] [chunk] [instruments]
"""

import platform
import sys
import time
from typing import Any

import numpy as np

from polaris.desk.alpha.crossover import crossover
from polaris.desk.bank import BankSettings, default_bank
from polaris.desk.columns import Bank
from polaris.desk.sample import sample_instruments, sample_tops
from polaris.domain.market import QUOTE, TRADE

PASSES = 3


def main() -> None:
    """Measure the default bank, then the crossover strategy alone on quotes and trades in turn."""
    n, chunk, many = (int(text) for text in (sys.argv[1:] + ["1000000", "1024", "4"][len(sys.argv) - 1 :])[:3])
    instruments = sample_instruments(many)
    print(f"{n} boundaries of {many} instruments in chunks of {chunk}, Python {platform.python_version()}, {_processor()}")
    tops, depth = sample_tops(n, many, step_ns=200_000)
    _report("default bank", default_bank(instruments, BankSettings(entry_points=False)), tops, depth, chunk)
    tops["kind"][0::2], tops["kind"][1::2], tops["price"] = QUOTE, TRADE, tops["ask"]
    _report("strategy", Bank([crossover()], instruments), tops, depth[:0], chunk)


def _report(title: str, bank: Bank, tops: Any, depth: Any, chunk: int) -> None:
    bank.update(tops[:0], depth[:0])
    whole = min(_whole(bank, tops, depth, chunk) for _ in range(PASSES))
    print(f"{title}: {whole:.1f} ns a boundary, {1e3 / whole:.1f} M boundaries/s, {len(bank.index)} columns")
    for stage, nanoseconds in zip(bank.kernels, _stages(bank, tops, depth, chunk), strict=True):
        print(f"  {stage.name:<12} {nanoseconds:5.1f} ns  {len(stage.outputs)} columns")


def _whole(bank: Bank, tops: Any, depth: Any, chunk: int) -> float:
    """CPU nanoseconds a boundary of the whole bank."""
    spent, chunks = 0, 0
    for part, levels in _chunks(tops, depth, chunk):
        start = time.process_time_ns()
        bank.update(part, levels)
        spent += time.process_time_ns() - start
        chunks += 1
    return spent / (chunks * chunk)


def _stages(bank: Bank, tops: Any, depth: Any, chunk: int) -> list[float]:
    """Nanoseconds a boundary of each kernel: the median chunk, every kernel on a chunk before the next chunk."""
    spent = []
    for part, levels in _chunks(tops, depth, chunk):
        clock = [time.perf_counter_ns()]
        for run, inputs, first, state, params in bank._calls:
            run(part, levels, bank.columns, inputs, first, state, params)
            clock.append(time.perf_counter_ns())
        spent.append(np.diff(clock))
    return (np.median(spent, axis=0) / chunk).tolist()  # type: ignore[no-any-return]


def _chunks(tops: Any, depth: Any, chunk: int) -> Any:
    part, levels = tops[:chunk].copy(), depth[:chunk].copy()
    for start in range(0, len(tops) - chunk + 1, chunk):
        part[:] = tops[start : start + chunk]
        levels[:] = depth[start : start + chunk]
        yield part, levels


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


if __name__ == "__main__":
    main()
