"""An exchange as a process: opened on its folder, left at a signal, a word or the end of its time."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from polaris.app.exchange import metrics
from polaris.app.exchange.control import Control
from polaris.app.exchange.crowd import Crowd
from polaris.app.exchange.crowd import rules as simulated_rules
from polaris.app.exchange.house import House, Plan
from polaris.app.settings import Settings
from polaris.app.steady import steady
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.door import Door
from polaris.exchange.gateway.fix.acceptor import Acceptor
from polaris.exchange.gateway.standby import Standby
from polaris.exchange.simulation.settings import Place
from polaris.exchange.simulation.settings import Settings as Simulation

LOOK_S: Final = 1.0  # between two words of a standby

log = structlog.get_logger()


def folder_of(settings: Settings) -> Path:
    """Where the exchange of these settings keeps its journal and keys."""
    return settings.data_dir / "exchange" / settings.exchange.name


def simulation() -> Simulation:
    """The people of `polaris exchange --simulate`: one venue, quoted in USDT."""
    return Simulation(places=(Place(name="binance", quote="USDT"),), sample_ns=0)


def plan_of(settings: Settings, simulate: bool = False) -> Plan:
    """The exchange that the settings describe; a simulated market lists what its people trade. Raises BadConfig."""
    exchange = settings.exchange
    people = simulation()
    rules = exchange.rules()
    if simulate:
        rules = simulated_rules(people, 0, rules.tiers, exchange.capacity)
    return Plan(
        rules=rules,
        folder=folder_of(settings),
        silent=people.accounts if simulate else (),
        durability=exchange.durability,
        limits=Limits(
            weight_per_minute=exchange.weight_per_minute,
            orders_per_ten_seconds=exchange.orders_per_ten_seconds,
            orders_per_day=exchange.orders_per_day,
        ),
        ports={"binance": exchange.binance_port, "coinbase": exchange.coinbase_port, "fix": exchange.fix_port},
        snapshot_ns=exchange.snapshot_ns,
    )


async def run_exchange(
    settings: Settings, simulate: bool = False, listening: Callable[[dict[str, Any]], None] = lambda about: None, seconds: float = 0.0, standby: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Run until SIGTERM, SIGINT, `stop`, or for so many seconds; returns what it was at the end.

    listening  told what it is once its doors are open
    standby    follow another's journal until `polaris exchange promote`, and only then open the doors; told (seq, lag ns) now and then
    raises     BadConfig, BadLog, Unavailable; the journal is whole in every case
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    plan = plan_of(settings, simulate)
    house = await House.open(plan) if standby is None else await _when_wanted(plan, standby, ended)
    if house is None:
        return {"state": "a standby that was not wanted"}
    began = time.time()

    def about() -> dict[str, Any]:
        free = max(plan.silent, default=0) + 1  # the accounts below belong to simulated traders
        at = f"http://127.0.0.1:{page.port}/metrics"
        return {**described(house), "simulated": simulate, "first_account": free, "seconds": round(time.time() - began, 1), "metrics": at}

    page = metrics.page(about)
    control = Control(house, folder_of(settings), ended.set, about)
    tasks: list[asyncio.Task[Any]] = []
    try:
        for line in house.told:
            log.warning("journal", said=line)
        await page.listen("127.0.0.1", settings.exchange.metrics_port, "exchange.metrics_port")
        await control.start()
        if simulate:
            crowd = Crowd([house], simulation(), settings.exchange.seed, house.venue.now)
            await crowd.begin()
            tasks.append(asyncio.create_task(crowd.run()))
        listening(about())
        steady(collects=False)
        tasks.append(asyncio.create_task(ended.wait()))
        done, _ = await asyncio.wait(tasks, timeout=seconds or None, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return about()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(OSError):
            await control.close()
        await page.close()
        await house.close()


async def _when_wanted(plan: Plan, tell: Callable[[int, int], None], ended: asyncio.Event) -> House | None:
    """Follow the leader's journal; the house that took its place, None where it was ended before."""
    following = Standby(plan.journal, plan.digest, plan.machine)
    loop = asyncio.get_running_loop()
    while not ended.is_set():
        wanted = await loop.run_in_executor(None, following.watch, LOOK_S)
        tell(following.seq, following.lag_ns)
        if wanted:
            return await House.take_over(plan, following)
    return None


def described(house: House) -> dict[str, Any]:
    """What an exchange is at this moment, for people and machines."""
    venue, journal = house.venue, house.journal
    every: dict[str, Door | Acceptor | None] = {"binance": house.binance, "coinbase": house.coinbase, "fix": house.fix}
    doors = {name: door for name, door in every.items() if door is not None}
    return {
        "state": venue.refuses or "open",
        "addresses": {name: f"{'tcp' if name == 'fix' else 'http'}://127.0.0.1:{door.port}" for name, door in doors.items()},
        "symbols": [listing.symbol for listing in house.plan.rules.listings],
        "accounts_with_keys": len({key.account for key in house.keys.all()}),
        "seq": venue.seq,
        "orders_alive": len(house.machine.core),
        "durability": house.plan.durability,
        "clients": {name: door.clients for name, door in doors.items()},
        "sent_away": {name: dict(door.sent_away.most_common()) for name, door in doors.items()},
        "journal": {"epoch": journal.epoch, "durable_seq": journal.durable_seq, "backlog": journal.backlog} if journal else None,
    }
