"""bench_features: nanoseconds a boundary that each kernel of the default bank costs, on one core.

Every row is a boundary (the worst case), a quarter of them trades at random. Each chunk is copied into the same
buffers before the clock starts, as the market kernel leaves it: warm in the second-level cache.

The whole is CPU time, the best of several passes; a kernel's is its median chunk, so that whoever shares the machine
does not count.

    polaris bench features --chunk 2048
"""

import platform
import time
from typing import Any

import numpy as np

from polaris.desk.alpha.crossover import crossover
from polaris.desk.bank import BankSettings, default_bank
from polaris.desk.columns import Bank
from polaris.desk.sample import sample_instruments, sample_tops
from polaris.domain.market import QUOTE, TRADE

PASSES = 3


def main(json: bool = False, boundaries: int = 1_000_000, chunk: int = 1024, instruments: int = 4) -> dict[str, Any]:
    """Measure the default bank, then the crossover strategy alone on quotes and trades in turn; printed unless json is set."""
    items = sample_instruments(instruments)
    if not json:
        print(f"{boundaries} boundaries of {instruments} instruments in chunks of {chunk}, Python {platform.python_version()}, {_processor()}")
    tops, depth = sample_tops(boundaries, instruments, step_ns=200_000)
    result = {"bank": _measure("default bank", default_bank(items, BankSettings(entry_points=False)), tops, depth, chunk, json)}
    tops["kind"][0::2], tops["kind"][1::2], tops["price"] = QUOTE, TRADE, tops["ask"]
    return result | {"crossover": _measure("strategy", Bank([crossover()], items), tops, depth[:0], chunk, json)}


def _measure(title: str, bank: Bank, tops: Any, depth: Any, chunk: int, quiet: bool) -> dict[str, float]:
    """CPU nanoseconds a boundary: the whole bank, and each of its kernels."""
    bank.update(tops[:0], depth[:0])
    whole = min(_whole(bank, tops, depth, chunk) for _ in range(PASSES))
    stages = {stage.name: nanoseconds for stage, nanoseconds in zip(bank.kernels, _stages(bank, tops, depth, chunk), strict=True)}
    if not quiet:
        print(f"{title}: {whole:.1f} ns a boundary, {1e3 / whole:.1f} M boundaries/s, {len(bank.index)} columns")
        for stage in bank.kernels:
            print(f"  {stage.name:<12} {stages[stage.name]:5.1f} ns  {len(stage.outputs)} columns")
    return {"whole_ns": whole} | stages


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
        for run, inputs, first, state, params in bank.calls:
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
