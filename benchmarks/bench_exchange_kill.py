"""bench_exchange_kill: kill -9 of a real exchange under load, as often as asked, and what its clients and its journal say afterwards.

A nursery, a process that has everything loaded, forks one exchange a life: a House with its doors open in three dialects, every answer on the
disk, snapshots all the time. Two clients of Binance's WebSocket API, one of FIX and one of Coinbase's REST trade with each other without
pause. At a random moment, under load, in its recovery or when it has just begun, the exchange, its scribe or both are killed. After
every start, before anybody trades:

- the state is the one of a machine that ran the same commands and was never killed, by its digest;
- of each asset, all balances with the fees are what was paid in at the beginning;
- all that clients were told is in the journal, and every client finds its orders by name, its fills and its balances as that machine has them;
- no order is there twice. Then clients send again what was never answered, under the same names.
"""

import asyncio
import contextlib
import json as documents
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from clients.binance import Binance
from clients.coinbase import Coinbase
from clients.fix import Fix
from clients.line import ENDED, FILLED, OPEN, Gone, Identity, Standing
from clients.trader import Trader
from polaris.app.exchange.house import House, Plan
from polaris.app.settings import Settings
from polaris.app.steady import steady
from polaris.domain.errors import BadLog
from polaris.exchange import words as w
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.coinbase.limits import Limits as CoinbaseLimits
from polaris.exchange.gateway.coinbase.reports import trades_of
from polaris.exchange.gateway.identity import kernel_version
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.note import NOTE, blank
from polaris.exchange.gateway.orders import FILLED as ALL_FILLED
from polaris.exchange.gateway.orders import NEW, PARTIALLY_FILLED
from polaris.exchange.gateway.reading import Reader
from polaris.exchange.gateway.snapshots import list_snapshots
from polaris.exchange.gateway.venue import command
from polaris.exchange.words import COMMAND

QUICK: Final = {"kills": 1}
WRONG: Final = ("lost", "twice", "digests_that_differ", "unbalanced", "faults")
PLENTY: Final = 10**9
PAID_IN: Final = 10**15  # units of each asset, to each client
DIALECTS: Final = (Binance, Binance, Fix, Coinbase)
MIDDLES: Final = ("65000", "3000", "150", "0.6")
SNAPSHOT_NS: Final = 150_000_000
SEGMENT_BYTES: Final = 1 << 20
MOMENTS: Final = ("load", "load", "recovery", "load", "start")  # under load, while it recovers, when it has just begun
VICTIMS: Final = ("exchange", "scribe", "both")
LOAD_S: Final = 0.4  # at most, once the first answers came
AFTER_S: Final = 0.05  # that an exchange lives on without its scribe
STATES: Final = {NEW: OPEN, PARTIALLY_FILLED: OPEN, ALL_FILLED: FILLED}


def plan_of(folder: Path, durability: str = "disk") -> Plan:
    """The exchange of the drill."""
    return Plan(
        rules=replace(Settings().exchange.rules(), accounts=16, capacity=1 << 15),
        folder=folder,
        durability=durability,  # type: ignore[arg-type]
        limits=Limits(weight_per_minute=PLENTY, orders_per_ten_seconds=PLENTY, orders_per_day=PLENTY),
        coinbase_limits=CoinbaseLimits(PLENTY, PLENTY, PLENTY),
        ports={"binance": 0, "coinbase": 0, "fix": 0},
        snapshot_ns=SNAPSHOT_NS,
        segment_bytes=SEGMENT_BYTES,
    )


async def live(folder: Path, port: int, durability: str) -> None:
    """One life: open, say how the state is, and go on until killed."""
    house = await House.open(plan_of(folder, durability))
    steady(collects=False)
    while not house.venue.quiet:  # noqa: ASYNC110 - the first turn's CLOCK comes to the disk
        await asyncio.sleep(0.001)
    ports = {"binance": house.binance.port, "coinbase": house.coinbase.port, "fix": house.fix.port}  # type: ignore[union-attr]
    told = {"pid": os.getpid(), "seq": house.venue.seq, "recovered": house.recovered_seq, "digest": house.machine.digest(), "ports": ports, "scribe": house.journal._scribe.pid}  # type: ignore[union-attr]
    _, line = await asyncio.open_connection("127.0.0.1", port)
    line.write(documents.dumps(told).encode() + b"\n")
    await asyncio.Event().wait()


def warm() -> None:
    """Have all compiled and in memory that a life needs."""
    plan = plan_of(Path())
    orders = np.zeros(4, COMMAND)
    orders["operation"], orders["order_id"], orders["seq"], orders["account"] = w.SUBMIT, (1, 2, 3, 4), (1, 2, 3, 4), 1
    orders["order_type"], orders["side"], orders["quantity"], orders["price"] = w.LIMIT, (-1, 1, 1, -1), 500, plan.rules.listings[0].ticks("65000")
    machine = plan.machine()
    machine.apply(orders, blank(4))
    assert plan.machine(machine.parts()).digest() == machine.digest()
    kernel_version()  # of the sources as they were loaded, for all lives


NURSERY: Final = f"""
import asyncio, logging, os, sys, traceback
from pathlib import Path
import structlog
sys.path.insert(0, {str(Path(__file__).parent)!r})
from bench_exchange_kill import live, warm
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # what it warns of is what is done to it
logging.disable(logging.WARNING)
warm()
print("ready", flush=True)
for line in sys.stdin:
    folder, port, durability = line.split()
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        try:
            asyncio.run(live(Path(folder), int(port), durability))
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("over", flush=True)
"""


class Judge:
    """A machine that runs what the journal holds and is never killed: the truth."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.machine, self.seq = plan, plan.machine(), 0

    def go_on(self, seq: int) -> None:
        """Up to this command, behind which the exchange writes on; one that does not wait for the disk may not have written it yet."""
        until = time.monotonic() + 60
        while self.seq < seq and time.monotonic() < until:
            self.look(seq)
            time.sleep(0 if self.seq == seq else 0.01)
        if self.seq != seq:
            raise BadLog(self.plan.journal, f"the exchange has seq {seq}, its journal ends at {self.seq}")

    def look(self, upto: int | None = None) -> None:
        """Run what the journal holds by now: at the end of each life, before the next one's snapshots retire it."""
        reader = Reader(self.plan.journal, self.seq, follows=True)
        try:
            for commands, notes in reader.portions(upto):
                self.machine.apply(commands, notes)
                self.seq = int(commands["seq"][-1])
        except BadLog as gone:
            if "found it gone" not in str(gone):  # a segment was retired between two looks
                raise
        finally:
            reader.close()

    def order(self, account: int, name: str) -> Standing | None:
        register = self.machine.register
        order = register.named(account, name)
        if order is None:
            return None
        fills = {str(trade.trade_id): (trade.price, trade.lots) for trade in trades_of(register, order)}
        return Standing(str(order.order_id), STATES.get(order.state, ENDED), order.executed, fills)

    def balances(self, account: int) -> dict[str, int]:
        rows = self.machine.core.balances(account).sum(axis=1).tolist()
        return {asset.name: units for asset, units in zip(self.plan.rules.assets, rows, strict=True)}

    def totals(self) -> list[int]:
        """Units of each asset that anybody has, the house with its fees."""
        return [sum(each) for each in zip(*(self.balances(account).values() for account in range(self.plan.rules.accounts)), strict=True)]

    def names(self, account: int) -> Counter[str]:
        """How many orders of this account have each name."""
        register = self.machine.register
        return Counter(order.first_id for book in range(len(self.plan.rules.listings)) for order in register.orders(account, book))


async def prepare(plan: Plan, dice: random.Random) -> list[Trader]:
    """Keys and money for every client; the journal begins with them."""
    assert plan.folder is not None
    keys = Keys(plan.folder / "keys.json")
    identities = [Identity(keys, account) for account in range(1, len(DIALECTS) + 1)]
    house = await House.open(plan)
    paid = [command(w.DEPOSIT, account=each.account, book=asset, quantity=PAID_IN) for each in identities for asset in range(len(plan.rules.assets))]
    house.venue.ask(paid, [bytes(NOTE.itemsize)] * len(paid))
    await house.close()
    for kept in plan.journal.glob("*.snapshot"):
        kept.unlink()  # the judge begins at the first command, and so does the first life
    middles = [listing.ticks(text) for listing, text in zip(plan.rules.listings, MIDDLES, strict=True)]
    return [Trader(dialect, identity, plan.rules, middles, dice) for dialect, identity in zip(DIALECTS, identities, strict=True)]


class Drill:
    """Many lives of one exchange, and what was wrong with any."""

    def __init__(self, folder: Path, seed: int, durability: str) -> None:
        self.plan, self.dice = plan_of(folder, durability), random.Random(seed)
        self.traders: list[Trader] = []
        self.judge = Judge(self.plan)
        self.faults: list[str] = []
        self.killed = dict.fromkeys(VICTIMS, 0)
        self.moments = dict.fromkeys(("load", "recovery", "start"), 0)
        self.differ = self.unbalanced = self.from_snapshot = 0
        self.ready_ms: list[float] = []
        self.replayed: list[int] = []

    async def run(self, kills: int) -> None:
        """Kill it so often, then let everybody look at everything."""
        self.traders = await prepare(self.plan, self.dice)
        told: asyncio.Queue[Any] = asyncio.Queue()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if (said := await reader.readline()).endswith(b"\n"):  # else it was killed before it had said it
                told.put_nowait(said)
            writer.close()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        with open_nursery() as nursery:
            assert nursery.stdin is not None and nursery.stdout is not None
            assert nursery.stdout.readline() == "ready\n"
            try:
                for life in range(kills + 1):
                    nursery.stdin.write(f"{self.plan.folder} {server.sockets[0].getsockname()[1]} {self.plan.durability}\n")
                    nursery.stdin.flush()
                    exchange = int(nursery.stdout.readline())
                    try:
                        await self.life(exchange, told, MOMENTS[life % len(MOMENTS)] if life < kills else "")
                    finally:
                        slay(exchange)
                        assert nursery.stdout.readline() == "over\n"
                    self.judge.look()
            finally:
                nursery.stdin.close()
                server.close()

    async def life(self, exchange: int, told: "asyncio.Queue[bytes]", moment: str) -> None:
        """From a start to its end; moment "" is the last one: everything is looked at."""
        born = time.monotonic()
        kept = (list_snapshots(self.plan.journal) or [0])[-1]
        if moment == "recovery":
            await asyncio.sleep(self.dice.uniform(0, float(np.median(self.ready_ms)) / 1e3))
            self.kill("exchange", moment, exchange, 0)
            return
        hello = await self.hello(exchange, told)
        self.ready_ms.append((time.monotonic() - born) * 1e3)
        self.replayed.append(hello["recovered"] - kept)
        self.from_snapshot += kept > 0
        self.agree(hello)
        for trader in self.traders:
            trader.compare(self.judge, everything=not moment)
        victim = self.dice.choice(VICTIMS)
        if moment == "start":
            asyncio.get_running_loop().call_later(self.dice.uniform(0, 0.1), self.kill, victim, moment, exchange, hello["scribe"])
        try:
            await every(trader.connect(hello["ports"]) for trader in self.traders)
            await every(trader.look(self.judge, everything=not moment) for trader in self.traders)
            if moment:
                await every(trader.resend() for trader in self.traders)
        except Gone as gone:
            if moment != "start":
                self.faults.append(f"a client lost its line, and nobody had killed the exchange: {gone}")
        else:
            load = asyncio.create_task(every(trader.trade() for trader in self.traders if moment))
            if moment == "load":
                await asyncio.sleep(self.dice.uniform(0, LOAD_S))
                self.kill(victim, moment, exchange, hello["scribe"])
            async with asyncio.timeout(30):
                await load
        finally:
            await every(trader.close() for trader in self.traders)

    async def hello(self, exchange: int, told: "asyncio.Queue[bytes]") -> dict[str, Any]:
        """What a life says once it is open. Raises TimeoutError where it never is."""
        try:
            async with asyncio.timeout(60):
                while True:
                    said: dict[str, Any] = documents.loads(await told.get())
                    if said["pid"] == exchange:  # else of a life that ended before it was heard
                        return said
        except TimeoutError:
            raise TimeoutError("the exchange did not open within 60 s; it says why above") from None

    def kill(self, victim: str, moment: str, exchange: int, scribe: int) -> None:
        """Kill it, at a moment. An exchange whose scribe was killed lives on for a while; one that does not wait for the disk goes on while its scribe stands."""
        if self.plan.durability == "memory" and scribe:
            os.kill(scribe, signal.SIGSTOP)
            for each in (scribe, exchange):
                asyncio.get_running_loop().call_later(AFTER_S, slay, each)
            self.killed["both"] += 1
            self.moments[moment] += 1
            return
        if victim != "exchange":
            slay(scribe)
        asyncio.get_running_loop().call_later(self.dice.uniform(0, AFTER_S) if victim == "scribe" else 0, slay, exchange)
        self.killed[victim] += 1
        self.moments[moment] += 1

    def agree(self, hello: dict[str, Any]) -> None:
        """Whether the state is what the journal makes."""
        self.judge.go_on(hello["seq"])
        if hello["digest"] != self.judge.machine.digest():
            self.differ += 1
            self.faults.append(f"seq {hello['seq']}: the digest is {hello['digest']}; of the machine that was never killed {self.judge.machine.digest()}")
        expected = [len(self.traders) * PAID_IN] * len(self.plan.rules.assets)
        if self.judge.totals() != expected:
            self.unbalanced += 1
            self.faults.append(f"seq {hello['seq']}: of each asset there is {self.judge.totals()}; expected {expected}")

    def table(self) -> dict[str, Any]:
        """What came of it: lost, twice, digests_that_differ, unbalanced and faults are to be 0."""
        twice = sum(trader.twice + sum(count - 1 for count in self.judge.names(trader.account).values()) for trader in self.traders)
        unknown = [name for trader in self.traders for name in self.judge.names(trader.account) if name not in trader.orders]
        faults = [*self.faults, *(fault for trader in self.traders for fault in trader.faults), *(f"{name} was never asked for" for name in unknown)]
        return {
            "kills": sum(self.killed.values()),
            "of": self.killed,
            "at": self.moments,
            "commands": self.judge.seq,
            "acknowledged": sum(trader.acknowledged for trader in self.traders),
            "fills_told": sum(len(order.fills) for trader in self.traders for order in trader.orders.values()),
            "resent": sum(trader.resent for trader in self.traders),
            "looked_at": sum(trader.looked_at for trader in self.traders),
            "lost": sum(trader.lost for trader in self.traders),
            "twice": twice,
            "digests_that_differ": self.differ,
            "unbalanced": self.unbalanced,
            "faults": len(faults),
            "first_faults": faults[:10],
            "starts_from_a_snapshot": self.from_snapshot,
            "replayed_p50": int(np.median(self.replayed)),
            "ready_ms_p50": round(float(np.median(self.ready_ms)), 1),
        }


def open_nursery() -> subprocess.Popen[str]:
    """A line in, "folder port durability", is a life: out come its number, and "over"."""
    return subprocess.Popen([sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


async def every(deeds: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do them all, to the end of each; then raise what any of them raised."""
    for outcome in await asyncio.gather(*deeds, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def slay(process: int) -> None:
    """kill -9; one that has ended stays so."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def drill(folder: Path, kills: int, seed: int = 1, durability: str = "disk") -> dict[str, Any]:
    """Kill an exchange so often; returns its table. One that answers from "memory" must lose something, or the drill sees nothing."""
    done = Drill(folder, seed, durability)
    asyncio.run(done.run(kills))
    return done.table()


def main(kills: int = 200, seed: int = 1) -> dict[str, Any]:
    """Drill; its table."""
    with tempfile.TemporaryDirectory(prefix="polaris-drill-") as folder:
        start = time.monotonic()
        result = drill(Path(folder), kills, seed)
        result["seconds"] = round(time.monotonic() - start, 1)
    return result


def show(result: dict[str, Any]) -> None:
    """Print what was done, and what is to be 0."""
    victims, at = ", ".join(f"{count} {name}" for name, count in result["of"].items()), result["at"]
    print(f"bench_exchange_kill · kill -9 at {result['kills']} random points in {result['seconds']:,.0f} s: {victims}")
    print(f"{at['load']} under load, {at['recovery']} in recovery, {at['start']} at the start\n")
    for name in ("commands", "acknowledged", "fills_told", "resent", "looked_at", "starts_from_a_snapshot", "replayed_p50", "ready_ms_p50"):
        print(f"{name.replace('_', ' '):<26}{result[name]:>12,}")
    for name in WRONG:
        print(f"{name.replace('_', ' '):<26}{result[name]:>12,}   target 0")
    for fault in result["first_faults"]:
        print(f"  {fault}")


if __name__ == "__main__":
    show(main())
