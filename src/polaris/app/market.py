"""Where market data comes from: the built-in market, the public venues, or a recording, all over real sockets.

Whatever it is, the desk is handed endpoints and a list of wishes, and connects to them with the same sessions and the
same feeds.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from polaris.app.settings import Settings
from polaris.domain.errors import BadConfig
from polaris.venues.endpoint import VenueEndpoint


@dataclass(frozen=True)
class Market:
    """Endpoints by venue, and the venue's own symbols wished of each; `ends` where the stream has an end."""

    endpoints: dict[str, VenueEndpoint]
    wishes: dict[str, tuple[str, ...]]
    ends: bool = False


@contextlib.asynccontextmanager
async def market(settings: Settings) -> AsyncIterator[Market]:
    """The market that the settings name, for as long as the block lasts."""
    if settings.market.recording is not None:
        async with _recording(settings) as played:
            yield played
        return
    enabled = settings.venues.enabled()
    wishes = {name: venue.symbols for name, venue in enabled.items() if venue.symbols}
    if not wishes:
        raise BadConfig("no venue is enabled with symbols; set venues.coinbase.enabled, or another venue's, and its symbols")
    if settings.market.source == "live":
        yield Market({name: VenueEndpoint(name, venue.ws_url, venue.rest_url) for name, venue in enabled.items()}, wishes)
        return
    from polaris.venues.served.builtin import builtin_process
    from polaris.venues.served.process import KINDS

    bases = [base for base in KINDS if any(wire.startswith(base) for wires in wishes.values() for wire in wires)]
    async with builtin_process(settings.market.seed, bases, speed=settings.market.speed or 1.0) as endpoints:
        missing = [name for name in wishes if name not in endpoints]
        if missing:
            raise BadConfig(f"the built-in market has no venue {missing[0]!r}; it has {', '.join(endpoints)}")
        yield Market(endpoints, wishes)


@contextlib.asynccontextmanager
async def _recording(settings: Settings) -> AsyncIterator[Market]:
    from polaris.venues.replay import Replay
    from polaris.venues.served.recording import serve_recording

    path = settings.market.recording
    assert path is not None
    wishes: dict[str, tuple[str, ...]] = {}
    for item in Replay(path).instruments:
        wishes[item.key.venue] = (*wishes.get(item.key.venue, ()), item.wire)
    served = await serve_recording(path, settings.market.speed)
    try:
        yield Market({served.endpoint.name: served.endpoint}, wishes, ends=True)
    finally:
        await served.close()
