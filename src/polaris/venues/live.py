"""Live market data: every venue's feed on its socket, all rows through one door.

    endpoints ─▶ discover ─▶ Instruments ─▶ LiveFeeds: one Session and one Feed a venue ─▶ on_rows

The feeds write into one row buffer, in the order in which frames came. Where the endpoints lead (the public venues,
the built-in market, a served recording) makes no difference here.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from polaris.domain.errors import BadConfig, Unavailable
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import BOOK_STATE_NAMES, RowBuffer, Rows
from polaris.venues import registry
from polaris.venues.capture import CaptureWriter
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.inbox import Inbox
from polaris.venues.protocol import Feed, SymbolStats
from polaris.venues.rest import SECOND, Answer, Rest
from polaris.venues.session import Session, SessionSettings, WallClock
from polaris.venues.throttle import Throttle

TRIES: Final = 4  # for a venue's metadata
REHEARSAL_NS: Final = 100_000


@dataclass(frozen=True)
class SymbolStatus:
    """One symbol on one venue, for screens."""

    venue: str
    symbol: str  # ours
    state: str  # a name of the book's states
    age_ns: int  # since its last update; -1 where there was none
    frames: int  # of the connection it comes over
    gaps: int
    resyncs: int
    connected: bool
    reason: str  # what the connection last went through


def rest(where: VenueEndpoint, clock: Callable[[], int], *, limits: VenueLimits | None = None, capture: CaptureWriter | None = None) -> Rest:
    """The REST host of an endpoint, with the venue's throttle."""
    allowed = limits or registry.venue(where.name).limits
    throttle = Throttle(allowed.rest_per_second, allowed.rest_burst)
    headers = registry.venue(where.name).headers()
    return Rest(where.rest_url, throttle, clock=clock, headers=headers, capture=capture, conn=f"{where.name.upper()}.http.0")


async def discover(
    endpoints: Mapping[str, VenueEndpoint],
    wishes: Mapping[str, Sequence[str]],
    *,
    captures: Mapping[str, CaptureWriter] | None = None,
    clock: Callable[[], int] | None = None,
) -> list[Instrument]:
    """The instruments of the wished symbols, as each venue's own documents describe them.

    endpoints  by venue
    wishes     the venue's own symbols, by venue: {"coinbase": ["BTC-USD"]}
    returns    ids from 0, in the order of the wishes
    raises     Unavailable where a venue does not answer, UnknownSymbol, BadMessage, BadConfig
    """
    found: list[Instrument] = []
    for name, wires in wishes.items():
        venue = registry.venue(name)
        async with rest(_endpoint(endpoints, name), clock or WallClock(), capture=(captures or {}).get(name)) as host:
            found += venue.instruments(await document(name, host, venue.metadata(wires)), wires, len(found))
    return found


async def document(name: str, host: Rest, path: str) -> bytes:
    """A venue's document, asked for a few times. Raises Unavailable with what came back last."""
    answer = Answer(0, b"", 0)
    for attempt in range(TRIES):
        await asyncio.sleep(0.5 * attempt)
        answer = await host.get(path)
        if answer.status == 200:
            return answer.body
        if 400 <= answer.status < 500 and answer.status not in (418, 429):
            break
    said = answer.body[:200].decode("utf-8", "replace")
    raise Unavailable(f"{name} did not give {host.base_url}{path}: {f'status {answer.status}, ' if answer.status else ''}{said}")


@dataclass
class LiveFeeds:
    """All venues' feeds, running.

    endpoints    by venue
    instruments  of every venue together
    settings     of every session; what a venue limits comes from the venue, or from `limits`
    captures     keeps raw frames, by venue
    dice         for the back-off's jitter
    busy_poll    ask the sockets without pause: a frame is heard sooner and finds everything awake, for a processor's whole time
    patience_s   when on_rows is behind by more than that, it gets what came conflated: see `venues.inbox`
    rehearse     called every REHEARSAL_NS of busy polling: goes the way of a frame with nothing in hand, which keeps it near the processor
    """

    endpoints: Mapping[str, VenueEndpoint]
    instruments: Instruments
    settings: SessionSettings = field(default_factory=SessionSettings)
    limits: Mapping[str, VenueLimits] = field(default_factory=dict)
    captures: Mapping[str, CaptureWriter] = field(default_factory=dict)
    clock: Callable[[], int] = field(default_factory=WallClock)
    dice: random.Random = field(default_factory=random.Random)
    busy_poll: bool = False
    rehearse: Callable[[], None] = lambda: None
    patience_s: float = 0.25

    def __post_init__(self) -> None:
        self.rows = RowBuffer()
        self.sessions: dict[str, Session] = {}
        self._rests: list[Rest] = []
        patience_ns = None if self.settings.ends_on_normal_close else round(self.patience_s * SECOND)  # a recording waits for us
        self.inbox = Inbox(self.rows, self._symbol, self.clock, patience_ns)
        for name in dict.fromkeys(instrument.key.venue for instrument in self.instruments):
            where, allowed, capture = _endpoint(self.endpoints, name), self.limits.get(name, registry.venue(name).limits), self.captures.get(name)
            host = rest(where, self.clock, limits=allowed, capture=capture)
            self._rests.append(host)
            another = partial(registry.venue(name).feed, self.instruments, self.rows)
            overlaps = allowed.overlaps and not self.settings.ends_on_normal_close  # each client of a recording hears it from the start
            self.sessions[name] = Session(
                another(),
                where.ws_url,
                host,
                lambda feed: self.inbox.heard(),
                settings=replace(
                    self.settings,
                    messages_per_second=allowed.messages_per_second,
                    messages_burst=allowed.messages_burst,
                    silence_s=allowed.silence_s,
                ),
                clock=self.clock,
                dice=self.dice,
                capture=capture,
                conn=f"{name.upper()}.ws.1",
                opening=registry.venue(name).opening,
                another=another if overlaps else None,
            )

    @property
    def feeds(self) -> dict[str, Feed]:
        """The feed of each venue that is heard now: another one after a roll-over, which goes on with its counts."""
        return {name: session.feed for name, session in self.sessions.items()}

    async def run(self, on_rows: Callable[[Rows], None]) -> None:
        """Run every session until `close`, or until streams with an end have ended.

        on_rows  gets the rows that just came, valid until it returns; what it raises ends everything and is raised here
        """
        self.inbox.reader = on_rows
        sessions = [asyncio.create_task(session.run()) for session in self.sessions.values()]
        ended = asyncio.create_task(asyncio.wait(sessions, return_when=asyncio.FIRST_EXCEPTION))
        beside = [asyncio.create_task(self.inbox.catch_up()), *([asyncio.create_task(self._stay_awake())] if self.busy_poll else [])]
        try:
            await asyncio.wait({ended, *beside}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (ended, *beside):
                task.cancel()
            await self.close()
            results = await asyncio.gather(*sessions, *beside, return_exceptions=True)
            for host in self._rests:
                await host.close()
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result
        self.inbox.flush()

    async def close(self) -> None:
        """End every session; `run` returns."""
        for session in self.sessions.values():
            await session.close()

    def _symbol(self, instrument: int) -> SymbolStats:
        item = self.instruments[instrument]
        return self.sessions[item.key.venue].feed.stats.symbols[item.wire]

    async def _stay_awake(self) -> None:
        """Something to do always, so that the event loop never sleeps; sockets are heard in every turn."""
        rehearsed = 0
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter_ns()
            if now - rehearsed > REHEARSAL_NS:
                self.rehearse()
                rehearsed = now

    def status(self) -> list[SymbolStatus]:
        """How every symbol is, in the order of the instruments."""
        now = self.clock()
        found = []
        for instrument in self.instruments:
            session = self.sessions[instrument.key.venue]
            stats = session.feed.stats
            one = stats.symbols[instrument.wire]
            age = now - one.last_update_ns if one.last_update_ns else -1
            state = BOOK_STATE_NAMES[one.state]
            found.append(
                SymbolStatus(
                    instrument.key.venue, instrument.symbol, state, age, stats.frames, one.gaps, one.resyncs, session.connected, session.last_reason
                )
            )
        return found


def _endpoint(endpoints: Mapping[str, VenueEndpoint], name: str) -> VenueEndpoint:
    try:
        return endpoints[name]
    except KeyError:
        raise BadConfig(f"no endpoint for venue {name!r}; there are {', '.join(endpoints) or 'none'}") from None
