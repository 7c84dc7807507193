"""A small venue on loopback that runs: the matching engine, the register, its market data, and the Binance dialect."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from polaris.domain.orders import BUY
from polaris.exchange import words as w
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.market import serve_market
from polaris.exchange.gateway.binance.private import serve_accounts
from polaris.exchange.gateway.binance.server import BinanceServer
from polaris.exchange.gateway.binance.streams import LIFE
from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.venue import Venue, command, note
from polaris.exchange.marketdata import MarketData
from tests.unit.exchange.gateway import bare
from tests.unit.exchange.gateway.bare import Bare

HOUR = 3_600_000_000_000
LOWEST = {"BTCUSDT": "40000", "ETHUSDT": "1000"}
RULES = replace(bare.RULES, listings=tuple(replace(listing, lowest_price=LOWEST[listing.symbol]) for listing in bare.RULES.listings))


class SmallVenue:
    """The venue, its server and what was asked of it. `ahead` moves its clock."""

    def __init__(self, life_ns: int = LIFE, limits: Limits | None = None) -> None:
        self._core = Bare(RULES)
        self._life_ns = life_ns
        self._limits = limits or Limits(weight_per_minute=10**6)
        self.ahead = 0
        self._stopped = 0

    async def __aenter__(self) -> Self:
        self.broadcast = Broadcast(MarketData(self._core.engine._arena))
        self.venue = Venue(RULES, self._core, Register(RULES), self.clock, pulse_s=0.05)
        self.venue.listen(self.broadcast)
        self.venue.every(20_000_000, self.broadcast.tick)
        self.keys = Keys()
        self.server = BinanceServer(self.venue.now, self.keys, self._limits)
        serve_accounts(self.server, self.venue)
        self.streams = serve_market(self.server, self.venue, self.broadcast, self._life_ns)
        await self.server.start()
        self.venue.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        await self.server.close()
        self.venue.close()

    def clock(self) -> int:
        return (self._stopped or time.time_ns()) + self.ahead

    def stop_the_clock(self) -> None:
        """From now on only `ahead` moves it: no second ends while a test fills one."""
        self._stopped = time.time_ns()

    def to_the_hour(self) -> None:
        """Move the clock on to the next full hour: no minute ends while a test looks at one."""
        self.ahead += HOUR - self.clock() % HOUR

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}"

    def order(self, side: int, price: str, quantity: str, symbol: str = "BTCUSDT") -> int:
        """Place a limit order; it runs in the next turn."""
        book = RULES.book(symbol)
        listing, number = RULES.listings[book], self.venue.new_order_id()
        fields = {"book": book, "side": side, "price": listing.ticks(price), "quantity": listing.lots(quantity), "account": 1}
        self.venue.ask([command(w.SUBMIT, order_id=number, order_type=w.LIMIT, **fields)], [note(self.clock(), f"n{number}")])
        return number

    def cancel(self, number: int) -> None:
        self.venue.ask([command(w.CANCEL, order_id=number, account=1)], [note(self.clock())])

    def trade(self, price: str, quantity: str, side: int = BUY, symbol: str = "BTCUSDT") -> None:
        """One trade whose taker is on `side`."""
        self.order(-side, price, quantity, symbol)
        self.order(side, price, quantity, symbol)

    def book(self, symbol: str = "BTCUSDT", levels: int = 5000) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """The engine's own book, as floats, for clients that have nothing better."""
        book = RULES.book(symbol)
        listing, depth = RULES.listings[book], self.broadcast.market.depth(book, levels)
        bids, asks = ([(float(listing.price_text(price)), float(listing.quantity_text(lots))) for price, lots in side.tolist()] for side in depth[1:])
        return bids, asks


async def until(what: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110 - nobody tells when another's client has heard
            await asyncio.sleep(0.01)
