"""Simulated traders on running exchanges: who they are is the simulation's, when they act is the clock's.

They live by beats. What they ask in a beat is run in one turn of each venue, and they hear what came of it before the next beat
begins, so a venue's journal holds their commands like anybody's. A house that was stopped for a while is not caught up with.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from polaris.app.exchange.house import House
from polaris.domain.errors import Unavailable
from polaris.exchange import words as w
from polaris.exchange.gateway.note import NOTE
from polaris.exchange.gateway.venue import Refused, command
from polaris.exchange.listing import Rules
from polaris.exchange.simulation import endowment
from polaris.exchange.simulation.hearing import look
from polaris.exchange.simulation.population import Population
from polaris.exchange.simulation.settings import Settings
from polaris.exchange.words import COMMAND, Commands, Events

BLANK: Final = bytes(NOTE.itemsize)
SECOND: Final = 1_000_000_000
BEHIND_NS: Final = SECOND  # so far behind the clock, the time between is not lived


def rules(settings: Settings, venue: int, tiers: tuple[tuple[int, int], ...] = ((0, 0),), capacity: int = 1 << 18) -> Rules:
    """What a venue of the simulation lists, under symbols as Binance writes them: BTCUSDT."""
    made = endowment.rules(settings, venue, tiers, capacity)
    return dataclasses.replace(made, listings=tuple(dataclasses.replace(each, symbol=each.symbol.replace("-", "")) for each in made.listings))


class Crowd:
    """A population on houses, a house for each of its venues.

    settings  who they are; begins where the houses' last prices are
    """

    def __init__(self, houses: Sequence[House], settings: Settings, seed: int, clock: Callable[[], int]) -> None:
        self.houses = houses
        self.population = Population(_going_on(settings, houses[0]), seed, clock(), keep=False)
        self._clock = clock
        self._tops: npt.NDArray[np.int64] = np.zeros((len(settings.symbols), 4), np.int64)
        self._heard = 0

    async def begin(self) -> None:
        """Pay in what everybody brings; of a house that was stopped take away what they left standing."""
        for house in self.houses:
            if house.recovered_seq:
                asked = [command(w.MASS_CANCEL, book=-1, account=account) for account in self.population.settings.accounts]
            else:
                asked = _bytes(endowment.deposits(self.population.settings, house.plan.rules))
            await self._ask(house, asked, lambda events: None)

    async def run(self) -> None:
        """Let them trade until cancelled. Raises Unavailable where a venue takes nothing any more."""
        beat_s = self.population.settings.beat_ns / SECOND
        while True:
            await self.live(self._clock())
            await asyncio.sleep(beat_s)

    async def live(self, now: int) -> None:
        """Let everybody act who is due by then, ns."""
        if now - self.population.now > BEHIND_NS:
            self.population.lose(now - BEHIND_NS)
        while self.population.due(now):
            for place, house in enumerate(self.houses):
                first = house.venue.new_order_id()
                commands = self.population.commands(place, first)
                for _ in range(int((commands["operation"] == w.SUBMIT).sum()) - 1):
                    house.venue.new_order_id()
                if len(commands):
                    await self._ask(house, _bytes(commands), partial(self._hear, place, house))

    def _hear(self, place: int, house: House, events: Events) -> None:
        look(house.machine.core.arena, self._tops)
        self.population.hear(place, events, self._tops)

    async def _ask(self, house: House, commands: list[bytes], hear: Callable[[Events], None]) -> None:
        """Have commands run, and wait until they were."""
        ran = asyncio.get_running_loop().create_future()

        def then(events: Events) -> None:
            hear(events)
            if not ran.cancelled():  # whoever waited is gone where the crowd was stopped in between
                ran.set_result(None)

        for _ in range(100):
            try:
                house.venue.ask(commands, [BLANK] * len(commands), None, then)
                break
            except Refused as refused:
                why = str(refused)
                await asyncio.sleep(0.01)
        else:
            raise Unavailable(f"the venue takes no orders of the simulated traders: {why}")
        await ran


def _bytes(commands: Commands) -> list[bytes]:
    raw = commands.tobytes()
    return [raw[at : at + COMMAND.itemsize] for at in range(0, len(raw), COMMAND.itemsize)]


def _going_on(settings: Settings, house: House) -> Settings:
    """The same people, at the last prices of a house."""
    last = house.machine.core.last_prices()
    symbols = tuple(
        dataclasses.replace(symbol, price=listing.price_text(int(ticks))) if ticks else symbol
        for symbol, listing, ticks in zip(settings.symbols, house.plan.rules.listings, last, strict=True)
    )
    return dataclasses.replace(settings, symbols=symbols)
