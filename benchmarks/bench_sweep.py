"""bench_sweep: window pairs a second over 100,000 closes, and the most memory it took, in a process of its own.

    python benchmarks/bench_sweep.py         one JSON object
"""

import statistics
import sys
import time
from json import dumps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from polaris.research.sweep import CROSSOVER, sweep
from rows import instruments, settings
from work import PAIRS, bars

LOTS = 100


def main(json: bool = False, times: int = 3) -> dict[str, Any]:
    """CPU time, the median of `times`, after one combination to warm the kernels; printed in words unless json is set."""
    closes, item, terms = bars(100_000)[3], instruments()[0], settings()
    sweep(closes, CROSSOVER, PAIRS[:1], item, terms, LOTS)
    spent = []
    for _ in range(times):
        start = time.process_time()
        outcome = sweep(closes, CROSSOVER, PAIRS, item, terms, LOTS)
        spent.append(time.process_time() - start)
    fills = outcome.accounts["fills"]
    told = {"combinations_per_second": len(PAIRS) / statistics.median(spent), "peak_mb": peak_mb(), "fills": int(fills.sum())}
    if not json:
        print(f"{told['combinations_per_second']:,.0f} combinations/s over {closes.size:,} closes, {told['peak_mb']:,.0f} MB at most, {told['fills']:,} fills")
    return told


def peak_mb() -> float:
    """The most memory this process ever held: of its own, where the kernel tells it apart from its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    print(dumps(main(json=True)))
