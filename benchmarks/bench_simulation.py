"""bench_simulation: simulated orders and cancels a second of one core, matching them included, in CPU time.

A whole market is made and matched: the compiled loop, the same with accounts and fees, and beat by beat from Python as a live venue
drives it. One symbol on one venue and the default market of four symbols on three; an hour each, after a minute to fill the books.
Target: 200,000 orders and cancels a second, and a day of one symbol in minutes.
"""

import platform
import time
from dataclasses import replace
from typing import Any

from polaris.exchange.simulation import SECOND, Settings, SimulatedMarket

HOUR_S = 3600
TARGET = 200_000
QUICK = {"seconds": 30}
ONE = replace(Settings(), symbols=Settings().symbols[:1], places=Settings().places[:1])


def measure(settings: Settings, seconds: int, fees: tuple[int, int] | None = None, beat_by_beat: bool = False) -> dict[str, float]:
    """{"orders": so many, "per_second": of CPU time, "day_s": CPU seconds of a simulated day, "seconds": lived}."""
    market = SimulatedMarket(settings, 7, keep=False, fees=fees)
    market.run(60 * SECOND)
    before, began = market.population.sent, time.process_time()
    if beat_by_beat:
        for _ in market.step(seconds * SECOND):
            pass
    else:
        market.run(seconds * SECOND)
    took, sent = time.process_time() - began, market.population.sent - before
    return {"orders": sent, "per_second": sent / took, "day_s": took * 86_400 / seconds, "seconds": seconds}


def main(seconds: int = HOUR_S) -> dict[str, Any]:
    """{market: its figures}.

    seconds  each market lives; beat by beat a sixth of it
    """
    fees, whole = (100, 200), Settings()
    return {
        "one symbol": measure(ONE, seconds),
        "one symbol, accounts": measure(ONE, seconds, fees),
        "one symbol, beat by beat": measure(ONE, seconds // 6, beat_by_beat=True),
        "four symbols, three venues": measure(whole, seconds),
        "four symbols, three venues, accounts": measure(whole, seconds, fees),
        "four symbols, three venues, beat by beat": measure(whole, seconds // 6, beat_by_beat=True),
    }


def show(result: dict[str, Any]) -> None:
    """Print it beside the target."""
    print(f"bench_simulation · Python {platform.python_version()} · one core, CPU time")
    print(f"{'':42}{'orders/s':>12}{'target':>12}{'measured over':>15}{'a day takes':>14}")
    for name, found in result.items():
        print(f"{name:42}{found['per_second']:>12,.0f}{TARGET:>12,}{found['seconds']:>13,} s{found['day_s']:>12,.1f} s")


if __name__ == "__main__":
    show(main())
