"""The built-in market: an exchange a venue, the simulated traders on all of them, and an account on each for the desk.

    the desk ── Wanted, a line ──▶ its process: House "binance" (USDT), House "coinbase" (USD, hears the news later), one Crowd
             ◀── Served, a line ──             addresses and keys

It is the exchange of `polaris exchange`, and the desk reaches it as it reaches any venue: feeds over sockets, signed orders over
REST. It lives in a process of its own, so that making a market costs the desk's loop nothing, and it keeps nothing: it ends when
its standard input does, which is when its parent ends, however that comes about, and the next one begins anew.
"""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO, Final, NoReturn, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from polaris.app.exchange.crowd import BLANK, Crowd
from polaris.app.exchange.crowd import rules as simulated_rules
from polaris.app.exchange.house import House, Plan
from polaris.app.steady import steady
from polaris.domain.errors import BadConfig, Unavailable
from polaris.exchange import words as w
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.coinbase.limits import Limits as CoinbaseLimits
from polaris.exchange.gateway.venue import command
from polaris.exchange.simulation.settings import Place
from polaris.exchange.simulation.settings import Settings as Simulation
from polaris.exchange.words import Events
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.orders import Key
from polaris.venues.secrets import Secret

PLACES: Final = (Place("binance", "USDT"), Place("coinbase", "USD", lag_ns=120_000_000, tempo=0.7))
VENUES: Final = tuple(place.name for place in PLACES)
BASES: Final = tuple(symbol.base for symbol in Simulation().symbols)
FASTEST: Final = 20.0
RICHEST: Final = 10**9
STRIDE_NS: Final = 500_000_000
PAST: Final = 20  # strides lived before the doors are shown: there are books, and trades
CAPACITY: Final = 1 << 15  # orders alive at once at a venue
STARTED_S: Final = 120.0
ENDED_S: Final = 10.0
# nobody but the desk asks here, and what it asks is bounded by its own rules
LIMITS: Final = Limits(weight_per_minute=100_000_000, orders_per_ten_seconds=1_000_000, orders_per_day=1_000_000_000)
COINBASE_LIMITS: Final = CoinbaseLimits(public=100_000, private=100_000, messages=1_000)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What market is asked for.

    seed   of the people: who they are and what news they hear
    speed  they live so many times faster than the clock; the venues' clocks keep real time
    bases  what trades: some of BASES
    fees   (maker, taker) that the desk's account pays, by venue, ppm; nothing where a venue is not named
    worth  what that account holds at the start: so much of the quote currency, and of each base as much as that buys
    raises BadConfig
    """

    seed: int = 7
    speed: float = 1.0
    bases: tuple[str, ...] = ("BTC", "ETH")
    fees: dict[str, tuple[int, int]] = {}
    worth: int = 1_000_000

    def __post_init__(self) -> None:
        if not 0 < self.speed <= FASTEST:
            raise BadConfig(f"speed of the built-in market is {self.speed:g}; expected above 0 and at most {FASTEST:g}")
        if not self.bases or not set(self.bases) <= set(BASES):
            raise BadConfig(f"the built-in market is asked for {', '.join(self.bases) or 'nothing'}; it has {', '.join(BASES)}")
        if not 1 <= self.worth <= RICHEST:
            raise BadConfig(f"an account of {self.worth:,} at the built-in market; expected 1 to {RICHEST:,}, ten times the desk's equity")

    @property
    def simulation(self) -> Simulation:
        """Its people."""
        symbols = tuple(symbol for symbol in Simulation().symbols if symbol.base in self.bases)
        return Simulation(symbols=symbols, places=PLACES, sample_ns=0)


class Door(msgspec.Struct, frozen=True):
    """One venue's address, and the desk's key there."""

    url: str  # host and port
    api_key: Secret
    secret: Secret

    def endpoint(self, name: str) -> VenueEndpoint:
        """Where the venue is."""
        return VenueEndpoint(name, f"ws://{self.url}", f"http://{self.url}")


@dataclass(frozen=True)
class Served:
    """The market as the desk has it.

    ended  returns never: it raises Unavailable once the market is gone
    """

    doors: dict[str, Door]
    ended: Callable[[], Any]

    @property
    def endpoints(self) -> dict[str, VenueEndpoint]:
        """Where its venues are."""
        return {name: door.endpoint(name) for name, door in self.doors.items()}

    @property
    def keys(self) -> dict[str, Key]:
        """The desk's key at each."""
        return {name: Key(door.api_key, door.secret) for name, door in self.doors.items()}


class BuiltinMarket:
    """The market in this process."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted, self.people = wanted, wanted.simulation
        self.houses: dict[str, House] = {}
        self.doors: dict[str, Door] = {}
        self.task: asyncio.Task[None] | None = None

    @property
    def account(self) -> int:
        """The desk's, at each venue."""
        return self.people.accounts.stop

    @property
    def endpoints(self) -> dict[str, VenueEndpoint]:
        """Where its venues are."""
        return {name: door.endpoint(name) for name, door in self.doors.items()}

    async def open(self) -> Self:
        """Open the doors of a market that has lived a while, and let it live on."""
        try:
            for number, place in enumerate(PLACES):
                self.houses[place.name] = await self._house(number, place)
            houses = list(self.houses.values())
            pace = Pace(houses[0].venue.now, self.wanted.speed)
            crowd = Crowd(houses, self.people, self.wanted.seed, pace)
            await crowd.begin()
            for _ in range(PAST):
                pace.skip(STRIDE_NS)
                await crowd.live(pace())
            for name, house in self.houses.items():
                await self._pay_in(house)
                self.doors[name] = self._door(name, house)
            self.task = asyncio.create_task(crowd.run())
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """End it."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        for house in self.houses.values():
            await house.close()

    def balance(self, venue: str, asset: str) -> int:
        """What the desk's account has there, free and locked, smallest units."""
        house = self.houses[venue]
        return int(house.machine.core.balances(self.account)[house.plan.rules.asset(asset)].sum())

    async def _house(self, number: int, place: Place) -> House:
        fees = self.wanted.fees.get(place.name, (0, 0))
        rules = simulated_rules(self.people, number, ((0, 0), fees), CAPACITY)
        plan = Plan(rules=rules, silent=self.people.accounts, durability="memory", limits=LIMITS, coinbase_limits=COINBASE_LIMITS, ports={place.name: 0})
        return await House.open(plan)

    async def _pay_in(self, house: House) -> None:
        """The desk's money and its fees."""
        rules, account = house.plan.rules, self.account
        quote = rules.listings[0].quote
        asked = [command(w.SET_TIER, account=account, quantity=1), command(w.DEPOSIT, account=account, book=rules.asset(quote.name), quantity=quote.units(str(self.wanted.worth)))]
        for symbol, listing in zip(self.people.symbols, rules.listings, strict=True):
            lots = int(self.wanted.worth / Decimal(symbol.price) / Decimal(symbol.lot))
            asked.append(command(w.DEPOSIT, account=account, book=rules.asset(symbol.base), quantity=lots * listing.lot_units))
        paid: asyncio.Future[Events] = asyncio.get_running_loop().create_future()
        house.venue.ask(asked, [BLANK] * len(asked), None, paid.set_result)
        for event in await paid:
            if event["kind"] == w.REJECTED:
                raise Unavailable(f"the built-in market refuses the desk's money: {w.REASON_NAMES[int(event['reason'])]}")

    def _door(self, name: str, house: House) -> Door:
        door = house.coinbase if name == "coinbase" else house.binance
        assert door is not None
        url = f"127.0.0.1:{door.port}"
        if name != "coinbase":
            key, secret = house.keys.create_hmac(self.account, label="desk")
            return Door(url, Secret(key.name), Secret(secret))
        private = ec.generate_private_key(ec.SECP256R1())
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return Door(url, Secret(house.keys.create_es256(self.account, public, label="desk").name), Secret(pem))


class Pace:
    """The people's clock: faster than the venues' by a factor, and ahead of it by what was skipped."""

    def __init__(self, clock: Callable[[], int], speed: float) -> None:
        self._clock, self._speed = clock, speed
        self._began = clock()
        self._ahead = 0

    def __call__(self) -> int:
        return self._began + round((self._clock() - self._began) * self._speed) + self._ahead

    def skip(self, ns: int) -> None:
        """Be so much later at once."""
        self._ahead += ns


@contextlib.asynccontextmanager
async def builtin_market(wanted: Wanted) -> AsyncIterator[BuiltinMarket]:
    """The market in this process, for as long as the block lasts."""
    market = await BuiltinMarket(wanted).open()
    try:
        yield market
    finally:
        await market.close()


@contextlib.asynccontextmanager
async def builtin_process(wanted: Wanted) -> AsyncIterator[Served]:
    """The market in a child process, for as long as the block lasts. Raises Unavailable where the child does not start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "polaris.app.exchange.builtin", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C at the terminal is for the desk; this process ends after it
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None

    async def ended() -> NoReturn:
        code = await process.wait()
        raise Unavailable(f"the built-in market's process ended with code {code}; what it said of it is on standard error")

    try:
        process.stdin.write(msgspec.json.encode(wanted) + b"\n")
        try:
            line = await asyncio.wait_for(process.stdout.readline(), STARTED_S)
        except TimeoutError:
            raise Unavailable(f"the built-in market's process did not say within {STARTED_S:g} s where its venues are") from None
        if not line:
            await ended()
        yield Served(msgspec.json.decode(line, type=dict[str, Door], dec_hook=lambda kind, text: kind(text)), ended)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), ENDED_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def run_builtin_process() -> None:
    """Serve until standard input ends; what is asked for is its first line."""
    from polaris.app.logging import configure

    configure(level="warning")
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # whatever else is written is for people
        wanted = msgspec.json.decode(sys.stdin.buffer.readline(), type=Wanted)
        with contextlib.suppress(KeyboardInterrupt):
            import uvloop

            uvloop.run(_serve(wanted, out))


async def _serve(wanted: Wanted, out: BinaryIO) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()
    async with builtin_market(wanted) as market:
        out.write(msgspec.json.encode(market.doors, enc_hook=Secret.reveal) + b"\n")
        out.flush()
        steady()
        assert market.task is not None
        tasks = {market.task, asyncio.create_task(ended.wait())}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


if __name__ == "__main__":
    run_builtin_process()
