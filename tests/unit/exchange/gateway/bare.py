"""A venue for tests: two books, nine rich accounts, a clock that stands until it is moved."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from polaris.exchange.core import Exchange
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.market import serve_market
from polaris.exchange.gateway.binance.private import serve_accounts
from polaris.exchange.gateway.binance.server import BinanceServer
from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.parties import Journal
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.venue import Venue
from polaris.exchange.listing import Asset, Listing, Rules
from polaris.exchange.marketdata import MarketData

BTC, ETH, USDT = Asset("BTC", 8), Asset("ETH", 8), Asset("USDT", 8)
RULES = Rules(
    (BTC, ETH, USDT),
    (
        Listing("BTCUSDT", BTC, USDT, "0.01", "0.00001", min_notional="5", lowest_price="30000"),
        Listing("ETHUSDT", ETH, USDT, "0.01", "0.0001", min_notional="5", lowest_price="100"),
    ),
    tiers=((1000, 1000),),
    accounts=16,
    capacity=4096,
)
ANY_SIZE = replace(RULES, listings=tuple(replace(listing, min_notional="0") for listing in RULES.listings))  # where orders may be of one lot
RICH = 10**16
START = 1_700_000_000_000_000_000


class Bare:
    """An exchange whose accounts 1 .. 9 own RICH units of everything, as a venue's core."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.exchange = Exchange(rules)
        self.engine = self.exchange._engine
        for account in range(1, 10):
            for asset in range(len(rules.assets)):
                self.exchange.deposit(account, asset, RICH)

    def run(self, commands: Any) -> Any:
        return self.exchange.run(commands)

    def balances(self, account: int) -> Any:
        return self.exchange.balances(account)

    def fees(self, account: int) -> tuple[int, int]:
        return self.exchange.fees(account)

    def open(self, order_id: int) -> int:
        return self.exchange.open(order_id)

    def digest(self) -> str:
        return self.exchange.digest()


class Clock:
    """ns UTC that only a test moves."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Held:
    """A journal whose disk is as slow as the test says."""

    def __init__(self) -> None:
        self.refuses = ""
        self.told_seq = 0
        self.commands: list[Any] = []
        self.notes: list[Any] = []

    def append(self, first_seq: int, commands: Any, notes: Any) -> None:
        assert first_seq == sum(map(len, self.commands)) + 1
        assert commands["seq"].tolist() == list(range(first_seq, first_seq + len(commands)))
        self.commands.append(commands)
        self.notes.append(notes)

    def sync(self, venue: Venue) -> None:
        """Everything is on the disk now."""
        self.told_seq = sum(map(len, self.commands))
        venue.durable(self.told_seq)


class Small:
    """A venue and its Binance server on loopback."""

    def __init__(self, venue: Venue, server: BinanceServer, keys: Keys, clock: Clock) -> None:
        self.venue = venue
        self.server = server
        self.keys = keys
        self.clock = clock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def __aenter__(self) -> "Small":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.server.close()
        self.venue.close()
        await asyncio.sleep(0)


async def small(
    *,
    journal: Journal | None = None,
    clock: Any = None,
    limits: Limits | None = None,
    keys: Path | None = None,
    core: Any = None,
    rules: Rules = RULES,
    market: bool = False,
) -> Small:
    """A running venue; with `market` it serves its market data too."""
    clock, core = clock or Clock(), core or Bare(rules)
    venue = Venue(rules, core, Register(rules), clock, journal, pulse_s=0)
    store = Keys(keys)
    server = BinanceServer(clock, store, limits or Limits())
    serve_accounts(server, venue)
    if market:
        broadcast = Broadcast(MarketData(core.engine._arena))
        venue.listen(broadcast)
        venue.every(100_000_000, broadcast.tick)
        serve_market(server, venue, broadcast)
    await server.start()
    return Small(venue, server, store, clock)
