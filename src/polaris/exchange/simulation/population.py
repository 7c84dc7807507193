"""Everybody who trades, as one deterministic core: a seed in, commands out, events back.

    population = Population(Settings(), seed=7, start_ns=0)
    while population.due(now):                              # somebody asks something by then
        for venue, engine in enumerate(engines):
            commands = population.commands(venue, next_id)  # its new orders are numbered from next_id on
            events = engine.run(commands)
            population.hear(venue, events, tops(engine))

Time goes by beats: who acts within one knows what was heard before it, and what he asks is due at its end. So the same seed gives
the same commands however time is cut. A live venue calls `due` with its clock, a simulation with a time far ahead: `due` returns at
the first beat in which anybody asked anything.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import kernel
from polaris.exchange.simulation.agenda import again
from polaris.exchange.simulation.arbitrage import arbitrage
from polaris.exchange.simulation.crowd import live
from polaris.exchange.simulation.dice import left
from polaris.exchange.simulation.directional import follow, inform
from polaris.exchange.simulation.fundamental import step
from polaris.exchange.simulation.hearing import hear
from polaris.exchange.simulation.makers import make
from polaris.exchange.simulation.parents import work
from polaris.exchange.simulation.peopling import new_world
from polaris.exchange.simulation.register import issue
from polaris.exchange.simulation.settings import Settings
from polaris.exchange.simulation.world import (
    ARBITRAGEUR,
    CROWD,
    FAIR,
    FINISHED,
    FOLLOWER,
    INSIDER,
    KIND,
    MAKER,
    PARENT,
    PRINT,
    SAMPLED,
)
from polaris.exchange.words import COMMAND, EVENT, Commands, Events

IDLE, ASKING, STUCK = 0, 1, 2  # nobody asks anything by then; somebody does; the dice or the room for records are used up
RECORDS = 1 << 17  # of each kind that fit; taken away when half of them are there


class Population:
    """Everybody who trades on some venues.

    settings  who they are
    seed      their whole fate, with what they hear
    start_ns  when they begin, ns UTC
    keep      whether samples, trades and parents are kept for whoever asks; else they are forgotten as they come
    """

    def __init__(self, settings: Settings, seed: int, start_ns: int, keep: bool = True) -> None:
        self.settings = settings
        self.world, self._dice = new_world(settings, seed, start_ns, RECORDS)
        self._lost_ns = 0
        self._kept: dict[str, list[npt.NDArray[np.void]]] | None = {"samples": [], "prints": [], "finished": []} if keep else None

    @property
    def now(self) -> int:
        """The end of the last beat that was lived, ns UTC."""
        return int(self.world.clock[0]["now"]) + self._lost_ns

    @property
    def sent(self) -> int:
        """Orders and cancels asked for so far."""
        return int(self.world.clock[0]["sent"])

    def due(self, until_ns: int) -> bool:
        """Live on to the end of the first beat in which anybody asks anything, or to until_ns; whether somebody does."""
        while (state := wake(self.world, until_ns - self._lost_ns)) == STUCK:
            self.refill()
        return bool(state == ASKING)

    def lose(self, until_ns: int) -> None:
        """Nobody lives the time until then: a venue that slept need not be caught up with. Nothing happens where it is over already."""
        self._lost_ns += max(0, until_ns - self.now)

    def commands(self, venue: int, next_order_id: int, next_seq: int = 0) -> Commands:
        """What is asked of a venue, COMMAND[n]; its new orders bear the ids from next_order_id on. Handed over once."""
        n, _ = issue(self.world, venue, next_order_id, next_seq)
        words: npt.NDArray[np.int64] = self.world.asks[venue, : 8 * n].copy()
        return words.view(COMMAND)

    def hear(self, venue: int, events: Events, tops: npt.NDArray[np.int64]) -> None:
        """What happened on a venue, to everybody's orders, and what its books show then (`tops`, as `look` writes them)."""
        if events.dtype != EVENT:
            raise TypeError(f"events are {events.dtype}; expected EVENT")
        if len(events) > RECORDS // 2:
            raise ValueError(f"{len(events)} events at once; expected at most {RECORDS // 2}")
        if 2 * int(self.world.clock[0]["printed"]) > RECORDS:
            self.refill()
        hear(self.world, venue, events.view(np.int64), len(events), tops)

    def refill(self) -> None:
        """Fresh dice; what was written down is taken away, so that there is room again."""
        self._dice.fill()
        clock = self.world.clock[0]
        for name, count in (("samples", "sampled"), ("prints", "printed"), ("finished", "finished")):
            if self._kept is not None:
                self._kept[name].append(getattr(self.world, name)[: clock[count]].copy())
            clock[count] = 0

    def samples(self) -> npt.NDArray[np.void]:
        """What every floor showed, SAMPLED[n], since the start or the last `forget`."""
        return self._records("samples", SAMPLED)

    def prints(self) -> npt.NDArray[np.void]:
        """Every trade, PRINT[n]."""
        return self._records("prints", PRINT)

    def finished(self) -> npt.NDArray[np.void]:
        """Every parent order that ended, FINISHED[n]."""
        return self._records("finished", FINISHED)

    def forget(self) -> None:
        """Keep nothing of what was written down so far."""
        self.refill()
        for rows in (self._kept or {}).values():
            rows.clear()

    def digest(self) -> str:
        """32 hex digits of all they know and plan, and how many dice they threw."""
        digest = hashlib.blake2b(digest_size=16)
        for name, array in self.world._asdict().items():
            if name not in ("dice", "samples", "prints", "finished", "clock", "asks"):
                digest.update(array.tobytes())
        digest.update(repr([self.world.clock[0][name].tolist() for name in ("now", "steps", "used", "sent", "dropped")]).encode())
        digest.update(self.world.dice[:1].tobytes())
        return digest.hexdigest()

    def _records(self, name: str, dtype: np.dtype[Any]) -> npt.NDArray[np.void]:
        self.refill()
        rows = (self._kept or {}).get(name, [])
        return np.concatenate(rows) if rows else np.empty(0, dtype)


@kernel
def wake(world, until):  # type: ignore[no-untyped-def]
    """Live beat after beat until one in which anybody asks anything; returns IDLE, ASKING or STUCK."""
    clock = world.clock[0]
    while True:
        if left(world.dice) < (world.dice.size >> 1):
            return STUCK
        if 2 * max(clock["sampled"], clock["printed"], clock["finished"]) > world.samples.size:
            return STUCK
        ends = clock["start"] + ((world.agenda[0] - clock["start"]) // clock["beat"] + 1) * clock["beat"]
        if ends > until:
            return IDLE
        while world.agenda[0] < ends:
            again(world.agenda, act(world, world.agenda[1], world.agenda[0]))
        clock["now"] = ends
        for venue in range(clock["venues"]):
            if clock["asked"][venue] > 0:
                return ASKING


@kernel
def act(world, actor, now):  # type: ignore[no-untyped-def]
    """Let one actor act; returns when it acts again."""
    kind, which = actor >> KIND, actor & ((1 << KIND) - 1)
    if kind == CROWD:
        return live(world, which, now)
    if kind == MAKER:
        return make(world, which, now)
    if kind == FAIR:
        step(world)
        return now + world.clock[0]["step"]
    if kind == INSIDER:
        return inform(world, which, now)
    if kind == FOLLOWER:
        return follow(world, which, now)
    if kind == PARENT:
        return work(world, which, now)
    if kind == ARBITRAGEUR:
        return arbitrage(world, which, now)
    return sample(world, now)


@kernel
def sample(world, now):  # type: ignore[no-untyped-def]
    """Write down what every floor shows; returns when to do it again."""
    clock = world.clock[0]
    if clock["sample"] == 0:
        return now + (1 << 60)
    for f in range(world.floors.size):
        floor = world.floors[f]
        asset = world.assets[floor["symbol"]]
        row = world.samples[clock["sampled"]]
        row["ts"] = now - now % clock["beat"]
        row["floor"] = f
        row["bid"] = floor["bid"]
        row["bid_lots"] = floor["bid_lots"]
        row["ask"] = floor["ask"]
        row["ask_lots"] = floor["ask_lots"]
        row["volume"] = floor["volume"]
        row["fair"] = asset["fair"]
        row["heat"] = asset["heat"]
        clock["sampled"] += 1
    return now + clock["sample"]
