"""The verbs of recorded market data: replay, record, serve-recording."""

import asyncio
import contextlib
import math
import signal
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polaris.app.cli.console import Config, DataDir, Json, load_settings, note, output, print_json, progress, say, stages, verb
from polaris.domain.errors import BadConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from polaris.app.settings import Settings, VenueSettings
    from polaris.venues.endpoint import VenueEndpoint
    from polaris.venues.record import Recorded


def add_to(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    app.command()(replay)
    app.command()(record)
    app.command("serve-recording")(serve_recording)


@verb
def replay(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Capture files, or the folder of a desk's log.")],
    venue: Annotated[str | None, typer.Option(help="Venue of a file without a header: binance, binance-usdm, binance-coinm.")] = None,
    to: Annotated[int | None, typer.Option("--to", metavar="SEQ", help="Of a log: stop after this event.")] = None,
    order: Annotated[int | None, typer.Option("--order", metavar="ID", help="Of a log: why this order was sent.")] = None,
    as_json: Json = False,
) -> None:
    """Replay captures through the live path, or a desk's log through its core.

    A capture gives books, gaps and a digest of every event; a log gives the state at --to and the why of --order.

    \b
    Examples:
      polaris replay coinbase.jsonl.gz --json
      polaris replay depth.jsonl.gz --venue binance
      polaris replay data/log --to 812000 --order 17
    """
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise BadConfig(f"there is no {missing[0]}")
    if any(path.is_dir() for path in paths):
        if len(paths) != 1:
            raise BadConfig("a log is replayed alone: give one folder, or capture files")
        import msgspec

        from polaris.app.inspect import replay_log

        found = replay_log(paths[0], to_seq=to, order=order)
        return print_json(found) if as_json else _show(msgspec.to_builtins(found))
    if to is not None or order is not None:
        raise BadConfig(f"--to and --order look into a desk's log, and {paths[0]} is a capture file; give the log's folder")
    from polaris.venues.replay import replay_captures

    with progress("replaying", quiet=as_json) as advance:
        result = replay_captures(
            [str(path) for path in paths],
            venue=venue,
            progress=lambda _, frames: advance(frames, 0),
            warn=lambda missing: note(str(missing)),
        )
    return print_json(result) if as_json else _show_captures(result)


@verb
def record(
    out: Annotated[Path | None, typer.Argument(metavar="FILE", help="Where to write; .jsonl.zst compresses. Else in captures/ of the data folder.")] = None,
    venues: Annotated[list[str] | None, typer.Option("--venues", "--venue", metavar="V,V", help="Else every enabled one; a file each.")] = None,
    symbols: Annotated[
        list[str] | None, typer.Option("--symbols", "--symbol", "-s", metavar="S,S", help="BTC-USD, BTC-USD-perpetual, or as the venue has it; BTC-USD.kraken at one venue only.")
    ] = None,
    run_for: Annotated[str | None, typer.Option("--for", metavar="DURATION", help='Stop by itself after this long, such as "10 min" or 1h.')] = None,
    catalog: Annotated[Path | None, typer.Option(metavar="DIR", help="Afterwards, add what was recorded to this catalog.")] = None,
    market: Annotated[str, typer.Option("--market", "-m", help="live or builtin.")] = "live",
    data: DataDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Keep the raw frames of venues in capture files, until Ctrl-C or --for.

    What is heard is what the desk would hear: its snapshots and reconnects are in the file, and it replays.
    A symbol that a venue does not have is refused with the nearest it has: USD is not USDT.

    \b
    Examples:
      polaris record --venues coinbase,kraken --symbols BTC-USD,ETH-USD --for 1h --catalog catalog
      polaris record --symbols BTC-USD.coinbase,BTC-USDT.binance
      polaris record btc.jsonl.zst --venue binance --symbol BTCUSDT --for "10 min"
    """
    from polaris.app.configuration import duration_ns

    settings = load_settings(config, market__source=market, data__dir=data)
    if settings.market.recording:
        raise BadConfig("a recording of a recording is a copy; --market is live or builtin")
    try:
        seconds = duration_ns(run_for) / 1e9 if run_for else math.inf
    except ValueError as cause:
        raise BadConfig(f"--for: {cause}") from cause
    wanted = _wanted(settings, _parts(venues), _parts(symbols))
    recorded = asyncio.run(_record(settings, wanted, out or _named(settings, list(wanted)), seconds, as_json))
    if not as_json:
        for capture in recorded:
            say(f"{capture.path}: {capture.lines:,} lines, {capture.bytes:,} bytes before compression")
        if not recorded:
            note("ended before anything was heard; no file was kept")
    added = [_added(capture.path, catalog, as_json) for capture in recorded] if catalog is not None else []
    return print_json({"captures": [asdict(capture) for capture in recorded], "added": added}) if as_json else None


def _parts(given: list[str] | None) -> list[str]:
    """What an option lists, by commas or by being repeated, each once."""
    return list(dict.fromkeys(part.strip() for item in given or () for part in item.split(",") if part.strip()))


def _wanted(settings: "Settings", venues: list[str], symbols: list[str]) -> dict[str, list[str]]:
    """The symbols to record by venue, as given or as the settings have them."""
    from polaris.venues import registry
    from polaris.venues.resolve import by_venue

    if not symbols:
        venues = venues or list(settings.venues.enabled())
        symbols_of = {venue: list(_settings_of(settings, venue).symbols) for venue in venues if venue in registry.names()}
        symbols = [f"{symbol}.{venue}" for venue, wires in symbols_of.items() for symbol in wires]
    return by_venue(symbols, venues, registry.names())


def _settings_of(settings: "Settings", venue: str) -> "VenueSettings":
    from polaris.app.settings import VenueSettings

    found: VenueSettings = getattr(settings.venues, venue.replace("-", "_"), VenueSettings())
    return found


def _named(settings: "Settings", venues: list[str]) -> Path:
    """captures/20260809T120000Z.coinbase.jsonl.zst in the data folder; of several venues, each adds its own name."""
    one = f".{venues[0]}" if len(venues) == 1 else ""
    return settings.data_dir / "captures" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}{one}.jsonl.zst"


async def _record(settings: "Settings", wanted: dict[str, list[str]], out: Path, seconds: float, as_json: bool) -> "list[Recorded]":
    from polaris.venues.record import record as record_frames
    from polaris.venues.record import symbols

    latest: list[Recorded] = []
    with stages("recording", quiet=as_json) as tell:

        def heard(gone: float, so_far: "list[Recorded]") -> None:
            latest[:] = so_far
            tell(" · ".join([f"{gone:.0f} s", *(f"{one.venue} {one.lines:,} lines, {one.bytes / 1e6:,.1f} MB" for one in so_far)]))

        async def whole(endpoints: "Mapping[str, VenueEndpoint]") -> "list[Recorded]":
            tell("asking the venues for their symbols")
            return await record_frames(endpoints, await symbols(endpoints, wanted, note), out, seconds, progress=heard)

        async with _endpoints(settings, wanted) as endpoints:
            recording = asyncio.create_task(whole(endpoints))
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, recording.cancel)
            try:
                return await recording
            except asyncio.CancelledError:
                return latest


@contextlib.asynccontextmanager
async def _endpoints(settings: "Settings", wanted: dict[str, list[str]]) -> "AsyncIterator[Mapping[str, VenueEndpoint]]":
    """Where the wanted venues are; the built-in market is started for as long as it is needed."""
    from polaris.venues import registry
    from polaris.venues.endpoint import VenueEndpoint

    if settings.market.source != "builtin":
        places = {}
        for name in wanted:
            ours, public = _settings_of(settings, name), registry.venue(name).public
            places[name] = VenueEndpoint(name, ours.ws_url or public.ws_url, ours.rest_url or public.rest_url)
        yield places
        return
    from polaris.app.exchange.builtin import VENUES, builtin_process
    from polaris.app.market import builtin

    absent = [name for name in wanted if name not in VENUES]
    if absent:
        raise BadConfig(f"the built-in market has no {absent[0]}; it is {' and '.join(VENUES)}")
    async with builtin_process(builtin(settings, (name for names in wanted.values() for name in names))) as served:
        yield served.endpoints


def _added(path: Path, catalog: Path, as_json: bool) -> dict[str, Any]:
    from polaris.app.catalog import add_capture

    with progress(f"adding {path.name}", quiet=as_json) as advance:
        added = add_capture(path, catalog, advance=advance)
    if not as_json:
        say(f"{path.name} in {catalog}: " + ", ".join(f"{count:,} {kind}" for kind, count in sorted(added["rows"].items())))
    return added


@verb
def serve_recording(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A capture file.")],
    speed: Annotated[str, typer.Option(help="Times real time: 10x; 0 is as fast as clients take it.")] = "1x",
    port: Annotated[int, typer.Option(help="Loopback port; 0 is any free one.")] = 8765,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end.")] = False,
    venue: Annotated[str | None, typer.Option(help="Venue of a file without a header.")] = None,
    as_json: Json = False,
) -> None:
    """Serve a capture over a WebSocket in its venue's dialect, until Ctrl-C.

    Any client of the venue can connect; REST snapshots are served where the venue needs them.

    \b
    Example:
      polaris serve-recording coinbase.jsonl.gz --speed 10x
    """
    if not path.is_file():
        raise BadConfig(f"there is no recording {path}")
    try:
        factor = float(speed.removesuffix("x"))
    except ValueError:
        raise BadConfig(f"--speed is {speed!r}; expected a number such as 10x") from None
    asyncio.run(_serve(path, factor, port, loop, venue or "", as_json))


async def _serve(path: Path, speed: float, port: int, loop: bool, venue: str, as_json: bool) -> None:
    from polaris.venues.served.recording import serve_recording as serve

    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    served = await serve(path, speed, port, loop=loop, venue=venue)
    where = served.endpoint
    if as_json:
        print_json({"venue": where.name, "ws_url": where.ws_url, "rest_url": where.rest_url, "speed": speed})
    else:
        say(f"{path.name} in the dialect of {where.name}: socket {where.ws_url}, documents {where.rest_url}")
        note("Ctrl-C stops")
    await ended.wait()
    await served.close()


def _show_captures(result: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from polaris.app.screen import trimmed

    console = output()
    for file in result["files"]:
        events = ", ".join(f"{count:,} {kind}" for kind, count in file["events"].items())
        console.print(f"[bold]{escape(Path(file['file']).name)}[/] · {file['venue']} · {file['frames']:,} frames ({file['frames_per_cpu_second']:,.0f} a CPU second)", soft_wrap=True)
        console.print(f"  {events}", soft_wrap=True)
        checks = file["checksums"]
        alarm = "yellow" if file["gaps"] or checks["failed"] else "bright_black"
        console.print(f"  {file['gaps']} gaps, {file['resyncs']} resyncs, checksums {checks['ok']} ok and {checks['failed']} failed", style=alarm)
        table = Table(box=None, pad_edge=False, header_style="bright_black")
        for heading, justify in (("  Symbol", "left"), ("Book", "left"), ("Bids", "right"), ("Asks", "right"), ("Best bid", "right"), ("Best ask", "right")):
            table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        for symbol, book in file["symbols"].items():
            best = [" x ".join(map(trimmed, book[side][0])) if book[side] else "-" for side in ("top_bids", "top_asks")]
            table.add_row(f"  {symbol}", book["state"].lower(), f"{book['bids']:,}", f"{book['asks']:,}", *best)
        console.print(table)
        console.print(f"  digest {file['digest']}", style="bright_black")


def _show(found: dict[str, Any]) -> None:
    """A result as indented names and values."""
    for line in _outline(found, ""):
        say(line)


def _outline(value: Any, indent: str) -> list[str]:
    lines: list[str] = []
    for name, item in value.items():
        if isinstance(item, dict) and item:
            lines += [f"{indent}{name}", *_outline(item, indent + "  ")]
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            for place, part in enumerate(item):
                lines += [f"{indent}{name} {place + 1}", *_outline(part, indent + "  ")]
        else:
            shown = f"{item:,}" if isinstance(item, int) and not isinstance(item, bool) else item
            lines.append(f"{indent}{name:<{max(1, 24 - len(indent))}} {shown}")
    return lines
