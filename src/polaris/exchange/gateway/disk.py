"""How long this disk takes to have something for good: what every durable answer must wait for."""

import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from polaris.exchange.gateway.scribe import BATCH_BYTES, ROW_BYTES


class SyncTimes(NamedTuple):
    """Of a write and its fdatasync, microseconds."""

    p50_us: float
    p99_us: float
    p999_us: float


def sync_times(folder: Path | str, count: int = 1000, commands: int = 20) -> SyncTimes:
    """Write `count` batches of `commands` the scribe's way, one after the other, to a file in `folder` that goes again."""
    batch = bytes(BATCH_BYTES + 2 * ROW_BYTES * commands)
    path = Path(folder) / f"sync.{os.getpid()}"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for place in range(count):
            os.pwrite(file, batch, place * len(batch))
        os.fsync(file)
        times = np.empty(count)
        for place in range(count):
            start = time.perf_counter()
            os.pwrite(file, batch, place * len(batch))
            os.fdatasync(file)
            times[place] = time.perf_counter() - start
    finally:
        os.close(file)
        path.unlink()
    return SyncTimes(*(round(float(value) * 1e6, 1) for value in np.quantile(times, (0.5, 0.99, 0.999))))
