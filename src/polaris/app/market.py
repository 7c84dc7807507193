"""Where the desk trades: the built-in market, the public venues, or a recording, all over real sockets.

Whatever it is, the desk is handed endpoints and a list of wishes, and connects to them with the same sessions and the
same feeds. Only the built-in market gives it keys, so only there its orders leave the house.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polaris.app.settings import Settings
from polaris.domain.errors import BadConfig
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.orders import Key

if TYPE_CHECKING:
    from polaris.app.exchange.builtin import Wanted


async def _never() -> None:
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Market:
    """What a desk connects to.

    endpoints  by venue
    wishes     the venue's own symbols wished of each
    ends       the stream has an end
    keys       of the desk's account, by venue, where there is one
    remembers  orders of an earlier run may still be there
    ended      waits as long as the market is there, and raises once it is gone
    """

    endpoints: dict[str, VenueEndpoint]
    wishes: dict[str, tuple[str, ...]]
    ends: bool = False
    keys: dict[str, Key] = field(default_factory=dict)
    remembers: bool = True
    ended: Callable[[], Awaitable[Any]] = _never


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
    from polaris.app.exchange.builtin import VENUES, builtin_process

    missing = [name for name in wishes if name not in VENUES]
    if missing:
        raise BadConfig(f"the built-in market has no venue {missing[0]!r}; it has {', '.join(VENUES)}")
    async with builtin_process(builtin(settings, (wire for wires in wishes.values() for wire in wires))) as served:
        yield Market(served.endpoints, wishes, keys=served.keys, remembers=False, ended=served.ended)


def builtin(settings: Settings, wires: Iterable[str]) -> "Wanted":
    """The built-in market for these settings, where these symbols are traded. Raises BadConfig."""
    from polaris.app.exchange.builtin import BASES, VENUES, Wanted

    execution, symbols = settings.execution, [wire.upper() for wire in wires]
    fees = {name: execution.fees.get(name, (execution.maker_fee, execution.taker_fee)) for name in VENUES}
    return Wanted(
        seed=settings.market.seed,
        speed=settings.market.speed,
        bases=tuple(base for base in BASES if any(symbol.startswith(base) for symbol in symbols)) or BASES,
        fees={name: (round(maker * 1e6), round(taker * 1e6)) for name, (maker, taker) in fees.items()},
        worth=max(100_000, round(10 * settings.equity)),  # so that the desk's own limits bind first
    )


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
