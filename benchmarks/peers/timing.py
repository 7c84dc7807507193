"""What every peer script shares: the work beside it on the path, the median of three in CPU time, one JSON line."""

import json
import platform
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def measured(run, times=3):
    """(what the last run returned, median CPU seconds); run() returns a callable that does the timed part."""
    spent = []
    for _ in range(times):
        timed = run()
        start = time.process_time()
        result = timed()
        spent.append(time.process_time() - start)
    return result, statistics.median(spent)


def say(peer, version, work, units, seconds, **facts):
    """Print one line of JSON."""
    row = {"peer": peer, "version": version, "python": platform.python_version(), "work": work, "per_second": units / seconds, "cpu_seconds": seconds}
    print(json.dumps(row | facts), flush=True)
