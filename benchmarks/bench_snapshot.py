"""bench_snapshot: how long a venue stands still while it keeps a snapshot of many orders, in its own process and by a copy of it.

A clock ticks in the venue's loop every millisecond while a client of its own goes on placing orders; a pause is how much later than due a
tick came. Beside it the pauses of the same load without a snapshot.
"""

import asyncio
import logging
import platform
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from polaris.app.exchange.house import House, Plan
from polaris.app.settings import Settings
from polaris.app.steady import steady
from polaris.domain.orders import BUY
from polaris.exchange import words as w
from polaris.exchange.gateway.note import NOTE
from polaris.exchange.gateway.venue import command, note

QUICK: Final = {"orders": 5_000, "seconds": 0.2}
TICK_S: Final = 0.001
AT_ONCE: Final = 10_000
ACCOUNTS: Final = 200
MIDDLE: Final = 6_500_000  # ticks


class Pauses:
    """A clock in the loop."""

    async def __aenter__(self) -> "Pauses":
        self.ms: list[float] = []
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            self.ms.append((time.perf_counter() - due) * 1e3)

    def figures(self) -> dict[str, float]:
        """Milliseconds."""
        return {"longest_ms": round(max(self.ms), 1), "p99_ms": round(float(np.quantile(self.ms, 0.99)), 2)}


async def filled(house: House, orders: int) -> None:
    """So many orders that rest."""
    rules = house.plan.rules
    paid = [command(w.DEPOSIT, account=account, book=rules.asset("USDT"), quantity=10**17) for account in range(1, ACCOUNTS + 1)]
    house.venue.ask(paid, [bytes(NOTE.itemsize)] * len(paid))
    for start in range(0, orders, AT_ONCE):
        placed = [order(house, start + number) for number in range(min(AT_ONCE, orders - start))]
        house.venue.ask([each[0] for each in placed], [each[1] for each in placed])
        while not house.venue.quiet:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


def order(house: House, number: int) -> tuple[bytes, bytes]:
    """One that rests, with its note."""
    place = {"book": 0, "side": BUY, "order_type": w.LIMIT, "price": MIDDLE - number % 5_000, "quantity": 1_000, "account": 1 + number % ACCOUNTS}
    return command(w.SUBMIT, order_id=house.venue.new_order_id(), **place), note(house.venue.now(), f"order-{number}")


async def measure(folder: Path, orders: int, seconds: float) -> dict[str, Any]:
    """The pauses of each kind."""
    rules = replace(Settings().exchange.rules(), capacity=orders + (1 << 16))
    house = await House.open(Plan(rules=rules, folder=folder, ports={}, snapshot_ns=0))
    await filled(house, orders)
    steady(collects=False)
    number = orders

    async def load() -> None:
        nonlocal number
        while True:
            house.venue.ask(*([each] for each in order(house, number)))
            number += 1
            await asyncio.sleep(TICK_S)

    loading, told = asyncio.create_task(load()), {}
    async with Pauses() as pauses:
        await asyncio.sleep(seconds)
    told["without"] = pauses.figures()
    async with Pauses() as pauses:
        await asyncio.sleep(0.1)
        start = time.perf_counter()
        house._begin_keeping()
        forked_ms = (time.perf_counter() - start) * 1e3
        keeper = house._keeper
        assert keeper is not None
        while keeper.busy:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
        took = time.perf_counter() - start
    assert house.kept_seq, "the copy kept nothing"
    told["by_a_copy"] = {**pauses.figures(), "fork_ms": round(forked_ms, 1), "seconds": round(took, 1)}
    loading.cancel()
    while not house.venue.quiet:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    start = time.perf_counter()
    assert house.keep()
    told["in_the_loop"] = {"longest_ms": round((time.perf_counter() - start) * 1e3, 1)}
    await house.close()
    return told


def main(orders: int = 1_000_000, seconds: float = 3.0) -> dict[str, Any]:
    """The pauses in milliseconds.

    seconds  of load without a snapshot, to compare with
    """
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="polaris-snapshot-") as folder:
        return {"orders": orders, **asyncio.run(measure(Path(folder), orders, seconds))}


def show(result: dict[str, Any]) -> None:
    """Print each kind beside none."""
    without, copy, alone = result["without"], result["by_a_copy"], result["in_the_loop"]
    print(f"bench_snapshot · Python {platform.python_version()} · {result['orders']:,} orders in the register, one more every millisecond; pauses of the venue, ms")
    print(f"{'':<36}{'longest':>10}{'p99':>10}")
    print(f"{'no snapshot':<36}{without['longest_ms']:>10,.1f}{without['p99_ms']:>10.2f}")
    print(f"{'written by a copy of the process':<36}{copy['longest_ms']:>10,.1f}{copy['p99_ms']:>10.2f}   {copy['seconds']:g} s in all; the fork alone {copy['fork_ms']:,.1f}")
    print(f"{'written by the venue, as at a stop':<36}{alone['longest_ms']:>10,.1f}")


if __name__ == "__main__":
    show(main())
