"""bench_features: nanoseconds a boundary that each kernel of the default bank costs, on one core.

Every row is a boundary (the worst case), half of a thousand-boundary chunk's data fits the second-level cache. CPU
time, the best of several passes.

    python benchmarks/bench_features.py [boundaries] [chunk] [instruments]
"""

import platform
import sys
import time
from collections.abc import Callable

import numpy as np

from polaris.desk.alpha.crossover import crossover
from polaris.desk.bank import default_bank
from polaris.desk.columns import Bank
from polaris.desk.sample import sample_instruments, sample_tops

PASSES = 3


def main() -> None:
    """Measure the default bank, then the crossover strategy alone."""
    n, chunk, many = (int(text) for text in (sys.argv[1:] + ["1000000", "1024", "4"][len(sys.argv) - 1 :])[:3])
    instruments = sample_instruments(many)
    tops, depth = sample_tops(n, many, step_ns=200_000)
    print(f"{n} boundaries of {many} instruments in chunks of {chunk}, Python {platform.python_version()}, {_processor()}")
    for title, bank in (("default bank", default_bank(instruments)), ("strategy", Bank([crossover()], instruments, capacity=chunk))):
        bank.update(tops[:0], depth[:0])
        whole = _best(lambda bank=bank: _feed(bank, tops, depth, chunk))  # type: ignore[misc]
        print(f"{title}: {whole / n * 1e9:6.1f} ns a boundary in all, {n / whole / 1e6:.1f} M boundaries/s, {len(bank.index)} columns")
        spent = np.min([_feed_timed(bank, tops, depth, chunk) for _ in range(PASSES)], axis=0)
        for stage, seconds in zip(bank.kernels, spent, strict=True):
            print(f"  {stage.name:<12} {seconds / n * 1e9:6.1f} ns   {len(stage.outputs)} columns")


def _best(work: Callable[[], None]) -> float:
    times = []
    for _ in range(PASSES):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def _feed(bank: Bank, tops: np.ndarray, depth: np.ndarray, chunk: int) -> None:
    for first in range(0, len(tops), chunk):
        bank.update(tops[first : first + chunk], depth[first : first + chunk])


def _feed_timed(bank: Bank, tops: np.ndarray, depth: np.ndarray, chunk: int) -> list[float]:
    """Seconds each kernel spent over the whole, run as the bank runs them: every kernel on a chunk, then the next chunk."""
    spent = [0.0] * len(bank.kernels)
    clock = time.perf_counter
    for start in range(0, len(tops), chunk):
        part, levels = tops[start : start + chunk], depth[start : start + chunk]
        for stage, (run, inputs, first, state, params) in enumerate(bank._calls):
            before = clock()
            run(part, levels, bank.columns, inputs, first, state, params)
            spent[stage] += clock() - before
    return spent


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


if __name__ == "__main__":
    main()
