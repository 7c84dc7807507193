"""bench_simulation: simulated orders and cancels a second of one core, matching them included, in CPU time.

A whole market is made and matched: the compiled loop, the same with accounts and fees, and beat by beat from Python as a live venue
drives it. One symbol on one venue and the default market of four symbols on three; an hour each, after a minute to fill the books.
Target: 200,000 a second, and a day of one symbol in minutes.
"""

import json
import platform
import sys
import time
from dataclasses import replace

from polaris.exchange.simulation import SECOND, Settings, SimulatedMarket

HOUR_S = 3600
ONE = replace(Settings(), symbols=Settings().symbols[:1], places=Settings().places[:1])


def measure(settings: Settings, fees: tuple[int, int] | None = None, beat_by_beat: bool = False, seconds: int = HOUR_S) -> dict[str, float]:
    """{"orders": so many, "per_second": of CPU time, "day_s": CPU seconds of a simulated day}."""
    market = SimulatedMarket(settings, 7, keep=False, fees=fees)
    market.run(60 * SECOND)
    before, began = market.population.sent, time.process_time()
    if beat_by_beat:
        for _ in market.step(seconds * SECOND):
            pass
    else:
        market.run(seconds * SECOND)
    took, sent = time.process_time() - began, market.population.sent - before
    return {"orders": sent, "per_second": sent / took, "day_s": took * 86_400 / seconds}


def main() -> None:
    """Print the table, or with --json the figures."""
    figures = {
        "one symbol": measure(ONE),
        "one symbol, accounts": measure(ONE, (100, 200)),
        "one symbol, beat by beat": measure(ONE, beat_by_beat=True, seconds=600),
        "four symbols, three venues": measure(Settings()),
        "four symbols, three venues, accounts": measure(Settings(), (100, 200)),
        "four symbols, three venues, beat by beat": measure(Settings(), beat_by_beat=True, seconds=600),
    }
    if "--json" in sys.argv:
        print(json.dumps(figures))
        return
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one core, CPU time")
    print(f"{'':42}{'orders/s':>12}{'a day takes':>14}")
    for name, found in figures.items():
        print(f"{name:42}{found['per_second']:12,.0f}{found['day_s']:12,.1f} s")


if __name__ == "__main__":
    main()
