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
QUICK = {"boundaries": 10_000}


def main(boundaries: int = 1_000_000, chunk: int = 1024, instruments: int = 4) -> dict[str, Any]:
    """CPU nanoseconds a boundary of the default bank and its kernels, then of the crossover strategy alone on quotes and trades in turn."""
    items = sample_instruments(instruments)
    tops, depth = sample_tops(boundaries, instruments, step_ns=200_000)
    result: dict[str, Any] = {"bank": _measure(default_bank(items, BankSettings(entry_points=False)), tops, depth, chunk)}
    tops["kind"][0::2], tops["kind"][1::2], tops["price"] = QUOTE, TRADE, tops["ask"]
    result["crossover"] = _measure(Bank([crossover()], items), tops, depth[:0], chunk)
    return result | {"boundaries": boundaries, "chunk": chunk, "instruments": instruments}


def show(result: dict[str, Any]) -> None:
    """Print it, kernel by kernel."""
    print(f"bench_features · {result['boundaries']:,} boundaries of {result['instruments']} instruments in chunks of {result['chunk']:,}, Python {platform.python_version()}, {_processor()}")
    print(f"{'ns a boundary':<28}{'':>8}   M boundaries/s")
    for title, part in (("the default bank", "bank"), ("the crossover strategy", "crossover")):
        for name, spent in result[part].items():
            print(f"{title:<28}{spent:>8.1f}   {1e3 / spent:.1f}" if name == "whole_ns" else f"  {name:<26}{spent:>8.1f}")


def _measure(bank: Bank, tops: Any, depth: Any, chunk: int) -> dict[str, float]:
    """CPU nanoseconds a boundary: the whole bank, and each of its kernels."""
    bank.update(tops[:0], depth[:0])
    whole = min(_whole(bank, tops, depth, chunk) for _ in range(PASSES))
    return {"whole_ns": whole} | {stage.name: spent for stage, spent in zip(bank.kernels, _stages(bank, tops, depth, chunk), strict=True)}


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
    show(main())
