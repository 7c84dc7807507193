"""Record live venues: raw frames, what we sent and the documents we fetched, as a capture that replays.

The very sessions of the live desk run, so what is kept is what the desk would have heard, its snapshots and its
reconnects included.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polaris.domain.errors import BadCapture, BadConfig
from polaris.domain.instrument import Instruments
from polaris.venues import registry
from polaris.venues.capture import CaptureWriter
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.live import LiveFeeds, discover, document, rest
from polaris.venues.resolve import Listing, NotListed, resolve
from polaris.venues.session import SessionSettings, WallClock

SUFFIX: Final = ".jsonl.zst"
STABLECOINS: Final = ("USDT", "USDC")  # that stand in for USD, the first one listed


@dataclass(frozen=True)
class Recorded:
    """One venue's capture, so far or finished."""

    venue: str
    path: Path
    lines: int
    bytes: int  # before compression


async def symbols(
    endpoints: Mapping[str, VenueEndpoint], wanted: Mapping[str, Sequence[str]], told: Callable[[str], None] = lambda stand_in: None
) -> dict[str, list[str]]:
    """The venues' own symbols of these names, as their documents have them: {"kraken": ["BTC-USD"]} gives {"kraken": ["BTC/USD"]}.

    A name that is asked of several venues may be BTC-USD, which some of them trade in a stablecoin only: there its pair stands in, under
    its own key, and `told` hears of it. USD that is asked of one venue is USD.

    raises  Unavailable, BadMessage; NotListed, SymbolCollision as `resolve`
    """
    found: dict[str, list[str]] = {}
    for name, names in wanted.items():
        venue = registry.venue(name)
        if venue.listings is None:
            found[name] = list(dict.fromkeys(names))
            continue
        async with rest(endpoints[name], WallClock()) as host:
            listings = venue.listings(await document(name, host, venue.metadata(venue.asks(names))))
        found[name] = list(dict.fromkeys(wire for each in names for wire in _found(name, listings, each, wanted, told)))
    return found


def _found(venue: str, listings: Sequence[Listing], name: str, wanted: Mapping[str, Sequence[str]], told: Callable[[str], None]) -> list[str]:
    try:
        return resolve(venue, listings, [name])
    except NotListed as missing:
        elsewhere = next((other for other in wanted if other != venue and name in wanted[other]), "")
        if not elsewhere:
            raise
        base, _, quote = name.rpartition("-")
        known = {listing.ours for listing in listings}
        stand_in = next((f"{base}-{coin}" for coin in STABLECOINS if quote == "USD" and f"{base}-{coin}" in known), "")
        if not stand_in:
            raise BadConfig(f"{missing}; at {elsewhere} alone it is {name}.{elsewhere}") from None
        told(f"{venue} has no {name}: {stand_in} is recorded in its place")
        return resolve(venue, listings, [stand_in])


async def record(
    endpoints: Mapping[str, VenueEndpoint],
    wishes: Mapping[str, Sequence[str]],
    out: Path,
    duration_s: float,
    *,
    progress: Callable[[float, list[Recorded]], None] | None = None,
    every_s: float = 1.0,
    settings: SessionSettings | None = None,
) -> list[Recorded]:
    """Record the wished symbols for a while; a cancelled recording is closed and readable too.

    endpoints  by venue
    wishes     the venue's own symbols, by venue
    out        the capture; with several venues one beside the other: day.jsonl.zst becomes day.coinbase.jsonl.zst
    progress   called every `every_s` seconds, and at the end however it comes, with the seconds gone and what there is
    raises     BadCapture where a file of that name exists; Unavailable, UnknownSymbol as `live.discover`, and leaves no file
    """
    clock = WallClock()
    paths = {name: _path(out, name, len(wishes) > 1) for name in wishes}
    for path in paths.values():
        if path.exists():
            raise BadCapture(path, "there is such a file already; a recording never overwrites one")
    with ExitStack() as files:
        captures: dict[str, CaptureWriter] = {}
        for name, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            said = {"symbols": list(wishes[name])}
            captures[name] = files.enter_context(CaptureWriter(path, registry.venue(name).recorded_as[0], said, clock()))
        try:
            found = await discover(endpoints, wishes, captures=captures, clock=clock)
        except BaseException:  # a capture of nothing would only stand in the way of the next try
            files.close()
            for path in paths.values():
                path.unlink()
            raise
        feeds = LiveFeeds(endpoints, Instruments(found), settings or SessionSettings(), captures=captures, clock=clock)

        def so_far() -> list[Recorded]:
            return [Recorded(name, paths[name], capture.lines, capture.bytes) for name, capture in captures.items()]

        running = asyncio.create_task(feeds.run(lambda rows: None))
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            while (gone := loop.time() - began) < duration_s and not running.done():
                if progress is not None:
                    progress(gone, so_far())
                await asyncio.wait({running}, timeout=min(every_s, duration_s - gone))
        finally:
            await feeds.close()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            if progress is not None:
                progress(min(loop.time() - began, duration_s), so_far())
        return so_far()


def _path(out: Path, venue: str, several: bool) -> Path:
    if not several:
        return out
    stem = out.name.removesuffix(SUFFIX)
    return out.with_name(f"{stem}.{venue}{SUFFIX if out.name.endswith(SUFFIX) else ''}")
