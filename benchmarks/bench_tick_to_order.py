"""bench_tick_to_order: from a change of the book to the order it leads to.

Rows come one by one at a fixed rate; each is timed from when it was due, so a stall counts against every row waiting
behind it. The whole default desk looks at every one.

    python benchmarks/bench_tick_to_order.py [--json]
"""

import argparse
import platform
import sys
import time
from json import dumps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np

from bench_pipeline import processor
from polaris.desk.bank import default_bank
from polaris.desk.pipeline import Desk
from polaris.desk.settings import DeskSettings, RiskSettings, SizingSettings
from polaris.domain.orders import SUBMIT
from rows import LEVELS, book_rows, instruments

WARM = 180_000  # rows the ensemble learns from first


def main(json: bool = False, rows: int = 20_000, rate: int = 5_000) -> dict[str, Any]:
    """Measure; returns percentiles in microseconds, and prints them unless json is set.

    rows  how many are timed, at most 400,000
    rate  a second
    """
    result = {"core": core(rows, rate), "python": platform.python_version(), "processor": processor()}
    if not json:
        show(result)
    return result


def core(count: int, rate: int) -> dict[str, float]:
    """Row in, records out, in one process without a socket."""
    desk = eager_desk()
    rows = book_rows(600_000)
    desk.advance(rows[: 2 * LEVELS + WARM])
    rows = rows[2 * LEVELS + WARM :][:count]
    late = np.zeros(len(rows))
    orders = np.zeros(len(rows), np.bool_)
    step = 1.0 / rate
    start = time.perf_counter()
    for i in range(len(rows)):
        due = start + i * step
        while time.perf_counter() < due:
            pass
        records = desk.advance(rows[i : i + 1])
        late[i] = time.perf_counter() - due
        orders[i] = bool((records["kind"] == SUBMIT).any())
    return percentiles(late) | {"orders": int(orders.sum())} | {f"order_{name}": value for name, value in percentiles(late[orders]).items()}


def eager_desk() -> Desk:
    """The whole default desk, told that trading costs nothing, so that it sends many orders."""
    sizing = SizingSettings(cost_multiple=0.0, prior_strength=0.0, rebalance_fraction=0.0)
    risk = RiskSettings(max_daily_loss=1e9, max_drawdown=1.0, max_orders_per_second=1e6, order_burst=1_000_000)
    return Desk(DeskSettings(sizing=sizing, risk=risk), instruments(), default_bank(instruments()))


def percentiles(seconds: Any) -> dict[str, float]:
    """p50, p99 and p99.9 in microseconds; empty where nothing was measured."""
    if not len(seconds):
        return {}
    return {f"p{name}_us": float(np.percentile(seconds, float(name)) * 1e6) for name in ("50", "99", "99.9")}


def show(result: dict[str, Any]) -> None:
    """Print every part with its percentiles."""
    print(f"bench_tick_to_order · {result['processor']} · Python {result['python']}")
    for part in ("core",):
        print(f"{part:<8}" + "  ".join(f"{name} {value:,.1f}" for name, value in result[part].items()))


if __name__ == "__main__":
    wanted = argparse.ArgumentParser(description="Time from a change of the book to the order it leads to.")
    wanted.add_argument("--json", action="store_true", help="one JSON object")
    options = wanted.parse_args()
    told = main(json=options.json)
    if options.json:
        print(dumps(told, indent=2))
