"""The built-in market, running: two venues on loopback, one clock that steps them both.

    async with serve_builtin(seed=7, bases=["BTC", "ETH"]) as market:
        market.endpoints["coinbase"].ws_url

It can live in a process of its own, so that making a market costs the desk's loop nothing:
`python -m polaris.venues.served.builtin --seed 7 --bases BTC,ETH` writes its endpoints as one line of JSON and serves
until its standard input ends, which it does when its parent ends, however that comes about.
"""

import argparse
import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from polaris.domain.errors import BadConfig, Unavailable
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.served.binance import BinanceVenue
from polaris.venues.served.coinbase import CoinbaseVenue
from polaris.venues.served.process import STEP_NS, Market
from polaris.venues.served.server import Server

WARM_STEPS: Final = 400  # lived before the doors open: there are trades, and books with a past
BEHIND_MOST_S: Final = 1.0  # further behind than this, lost time stays lost
STARTED_S: Final = 30.0


class BuiltinMarket:
    """Two served venues over one `Market`.

    seed     the market's whole fate
    bases    assets, for instance BTC and ETH
    speed    steps come so many times faster than 20 a second; the venues' clocks keep real time
    start    exchange time at which the doors open, ns; now where None
    """

    def __init__(
        self,
        seed: int,
        bases: Sequence[str],
        *,
        coinbase_port: int = 0,
        binance_port: int = 0,
        speed: float = 1.0,
        start: int | None = None,
    ) -> None:
        if not 0 < speed <= 100:
            raise BadConfig(f"speed of the built-in market is {speed:g}; it should be above 0 and at most 100")
        if not bases:
            raise BadConfig("the built-in market needs at least one asset, for instance BTC")
        step_ns = round(STEP_NS / speed)
        opens = time.time_ns() if start is None else start
        self.market = Market(seed, bases, opens - WARM_STEPS * step_ns, step_ns)
        for _ in range(WARM_STEPS):
            self.market.step()
        self.coinbase = CoinbaseVenue(self.market.floors, self.market.now)
        self.binance = BinanceVenue(self.market.floors, self.market.now)
        self.servers = {"coinbase": Server(self.coinbase, coinbase_port), "binance": Server(self.binance, binance_port)}
        self._task: asyncio.Task[None] | None = None

    @property
    def endpoints(self) -> dict[str, VenueEndpoint]:
        """Where the two venues are."""
        return {name: server.endpoint for name, server in self.servers.items()}

    async def open(self, ticking: bool = True) -> Self:
        """Open both doors and, unless someone else calls `step`, let time run."""
        for server in self.servers.values():
            await server.start()
        if ticking and self._task is None:
            self._task = asyncio.create_task(self._run())
        return self

    def step(self) -> None:
        """One step, told to everyone."""
        updates = self.market.step()
        self.coinbase.publish(self.market.now, updates)
        self.binance.publish(self.market.now, updates)

    async def close(self) -> None:
        """Stop time and close both doors."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for server in self.servers.values():
            await server.close()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        interval = self.market.step_ns / 1e9
        due = clock()
        while True:
            due = max(due + interval, clock() - BEHIND_MOST_S)
            await asyncio.sleep(max(0.0, due - clock()))
            self.step()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


async def serve_builtin(
    seed: int, bases: Sequence[str], *, coinbase_port: int = 0, binance_port: int = 0, speed: float = 1.0, start: int | None = None
) -> BuiltinMarket:
    """The built-in market, open and running; `close` ends it."""
    return await BuiltinMarket(seed, bases, coinbase_port=coinbase_port, binance_port=binance_port, speed=speed, start=start).open()


@contextlib.asynccontextmanager
async def builtin_process(seed: int, bases: Sequence[str], *, speed: float = 1.0) -> AsyncIterator[dict[str, VenueEndpoint]]:
    """The built-in market in a child process; yields its endpoints. Raises Unavailable where the child does not start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "polaris.venues.served.builtin", "--seed", str(seed), "--bases", ",".join(bases), "--speed", repr(speed),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C at the terminal is for the desk; this process ends after it
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), STARTED_S)
            endpoints = msgspec.json.decode(line, type=dict[str, VenueEndpoint])
        except (TimeoutError, msgspec.DecodeError) as cause:
            raise Unavailable(f"the built-in market's process said no endpoints within {STARTED_S:g} s") from cause
        yield endpoints
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5.0)
        except TimeoutError:
            process.kill()
            await process.wait()


def run_builtin_process(arguments: Sequence[str] | None = None) -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="polaris.venues.served.builtin", description="Serve the built-in market on loopback.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bases", default="BTC,ETH", help="assets, separated by commas")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--coinbase-port", type=int, default=0)
    parser.add_argument("--binance-port", type=int, default=0)
    given = parser.parse_args(arguments)

    async def serve() -> None:
        bases = [base.strip().upper() for base in given.bases.split(",") if base.strip()]
        market = await serve_builtin(given.seed, bases, coinbase_port=given.coinbase_port, binance_port=given.binance_port, speed=given.speed)
        sys.stdout.write(msgspec.json.encode(market.endpoints).decode() + "\n")
        sys.stdout.flush()
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def watch() -> None:
            sys.stdin.read()
            loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=watch, daemon=True).start()
        try:
            await ended.wait()
        finally:
            await market.close()

    with contextlib.suppress(KeyboardInterrupt):
        import uvloop

        uvloop.run(serve())


if __name__ == "__main__":
    run_builtin_process()
