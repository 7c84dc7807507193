"""bench_sweep: window pairs a second over 100,000 closes, and the most memory it took, in a process of its own.

    python benchmarks/bench_sweep.py 3       one JSON object
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
QUICK = {"times": 1}


def main(times: int = 3) -> dict[str, Any]:
    """CPU time, the median of `times`, after one combination to warm the kernels."""
    closes, item, terms = bars(100_000)[3], instruments()[0], settings()
    sweep(closes, CROSSOVER, PAIRS[:1], item, terms, LOTS)
    spent = []
    for _ in range(times):
        start = time.process_time()
        outcome = sweep(closes, CROSSOVER, PAIRS, item, terms, LOTS)
        spent.append(time.process_time() - start)
    fills = outcome.accounts["fills"]
    return {"combinations_per_second": len(PAIRS) / statistics.median(spent), "peak_mb": peak_mb(), "fills": int(fills.sum()), "closes": closes.size, "times": times}


def show(result: dict[str, Any]) -> None:
    """Print it beside the targets."""
    print(f"bench_sweep · {len(PAIRS):,} window pairs over {result['closes']:,} closes, CPU time, median of {result['times']}; {result['fills']:,} fills")
    print(f"combinations/s   {result['combinations_per_second']:>8,.0f}   target >= 3,000")
    print(f"MB at most       {result['peak_mb']:>8,.0f}   target <=   200")


def peak_mb() -> float:
    """The most memory this process ever held: of its own, where the kernel tells it apart from its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    print(dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)))
