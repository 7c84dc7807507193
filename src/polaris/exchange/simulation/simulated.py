"""A simulated market: a population on an engine a venue, as fast as it goes.

    market = SimulatedMarket(Settings(), seed=7)
    market.run(3600 * SECOND)               # an hour
    market.samples(), market.prints(), market.finished()

`run` is one compiled loop; `step` is the same beat by beat through plain calls, for those who want the commands and events.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import kernel
from polaris.exchange.arena import DONE
from polaris.exchange.bits import U
from polaris.exchange.book import MatchingEngine
from polaris.exchange.core import Exchange
from polaris.exchange.matching import ROOM, ROOM_AN_ORDER, process
from polaris.exchange.simulation.endowment import deposits, rules
from polaris.exchange.simulation.facts import Facts, impact, moves, of_floor
from polaris.exchange.simulation.hearing import hear, look
from polaris.exchange.simulation.population import ASKING, STUCK, Population, wake
from polaris.exchange.simulation.register import issue
from polaris.exchange.simulation.settings import SECOND, Settings
from polaris.exchange.words import CLOCK, COMMAND, EVENT_WORDS, SUBMIT, Commands, Events

CAPACITY = 1 << 15  # orders alive on a venue
START_NS = 1_767_225_600 * SECOND  # 2026-01-01 UTC


class SimulatedMarket:
    """A population and its venues, offline.

    settings  who trades what where
    seed      the market's whole fate
    start_ns  when it begins, ns UTC
    keep      whether what is shown and traded is kept
    fees      (maker, taker) ppm that everybody pays: the venues are exchanges with accounts then, and who has spent his money is
              refused; None: nobody needs any, and it goes somewhat faster
    """

    def __init__(
        self, settings: Settings, seed: int, start_ns: int = START_NS, keep: bool = True, fees: tuple[int, int] | None = None
    ) -> None:
        self.population = Population(settings, seed, start_ns, keep)
        self.engines: list[MatchingEngine | Exchange] = []
        for venue in range(len(settings.places)):
            self.engines.append(MatchingEngine(settings.lowest, CAPACITY) if fees is None else _endowed(settings, venue, fees))
        self._until = start_ns
        self._next = np.ones((len(settings.places), 2), np.int64)  # order id and seq of each venue
        self._clock: npt.NDArray[np.int64] = np.zeros(8, np.int64)
        self._tops: npt.NDArray[np.int64] = np.zeros((len(settings.symbols), 4), np.int64)
        self._arenas = tuple(engine.arena for engine in self.engines)
        self._events: npt.NDArray[np.int64] = np.empty(EVENT_WORDS * (2 * ROOM + ROOM_AN_ORDER * CAPACITY), np.int64)

    @property
    def settings(self) -> Settings:
        """Who trades what where."""
        return self.population.settings

    def run(self, duration_ns: int) -> None:
        """Let so much more time pass."""
        self._until += duration_ns
        while pass_time(self.population.world, self._arenas, self._next, self._clock, self._events, self._tops, self._until) == STUCK:
            self.population.refill()

    def step(self, duration_ns: int) -> Iterator[tuple[int, Commands, Events]]:
        """Let so much more time pass: (venue, commands, events) of each beat in which anything is asked there."""
        self._until += duration_ns
        while self.population.due(self._until):
            for venue, engine in enumerate(self.engines):
                order_id, seq = map(int, self._next[venue])
                asked = self.population.commands(venue, order_id, seq + 1)
                if not len(asked):
                    continue
                commands = np.zeros(1 + len(asked), COMMAND)
                commands[0]["operation"], commands[0]["price"], commands[0]["seq"] = CLOCK, self.population.now, seq
                commands[1:] = asked
                self._next[venue] = order_id + int((asked["operation"] == SUBMIT).sum()), seq + len(commands)
                events = engine.run(commands)
                look(self._arenas[venue], self._tops)
                self.population.hear(venue, events, self._tops)
                yield venue, commands, events

    def samples(self) -> npt.NDArray[np.void]:
        """What every floor showed, SAMPLED[n]."""
        return self.population.samples()

    def prints(self) -> npt.NDArray[np.void]:
        """Every trade, PRINT[n]."""
        return self.population.prints()

    def finished(self) -> npt.NDArray[np.void]:
        """Every parent order that ended, FINISHED[n]."""
        return self.population.finished()

    def facts(self) -> list[Facts]:
        """The stylised facts of every floor so far."""
        samples, prints, finished = self.samples(), self.prints(), self.finished()
        world = self.population.world
        symbol = world.floors["symbol"][finished["floor"]]
        law = impact(*moves(finished, world.assets["lots"][symbol], world.assets["minute"][symbol]))
        usual = world.assets["lots"][world.floors["symbol"]]
        return [of_floor(samples, prints, floor, law, int(usual[floor])) for floor in range(len(usual))]

    def digest(self) -> str:
        """32 hex digits of everybody's state and of every venue's."""
        return "-".join([self.population.digest(), *(engine.digest() for engine in self.engines)])


def _endowed(settings: Settings, venue: int, fees: tuple[int, int]) -> Exchange:
    """A venue where everybody has paid in what he brings."""
    listed = rules(settings, venue, (fees,), CAPACITY)
    exchange = Exchange(listed)
    exchange.run(deposits(settings, listed))
    return exchange


@kernel
def pass_time(world, arenas, following, clock, events, tops, until):  # type: ignore[no-untyped-def]
    """Let time pass until then, asking the engines and hearing them; returns IDLE or STUCK.

    arenas     a tuple of each engine's int64 array
    following  int64[venues, 2]  next order id, next sequence
    clock      int64[8]  room for a command
    events     int64[...]  room for all events of one command
    tops       int64[books, 4]  room
    """
    room = events.size // EVENT_WORDS
    while True:
        state = wake(world, until)
        if state != ASKING:
            return state
        for venue in range(len(arenas)):
            arena = arenas[venue]
            if world.clock[0]["asked"][venue] == 0:
                continue
            clock[U(0)], clock[U(2)], clock[U(7)] = CLOCK, world.clock[0]["now"], following[venue, 1]
            process(arena, clock, 0, 1, events, 0, room)
            n, following[venue, 0] = issue(world, venue, following[venue, 0], following[venue, 1] + 1)
            following[venue, 1] += 1 + n
            done = 0
            while done < n:
                told = process(arena, world.asks[venue], done, n, events, 0, room)
                done += arena[DONE]
                look(arena, tops)
                hear(world, venue, events, told, tops)
