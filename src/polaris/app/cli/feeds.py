"""The verbs of feed quality: a live table, and certificates of recorded periods."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polaris.app.cli.console import NOT_THERE, Config, DataDir, Json, fail, load_settings, note, output, print_json, progress, say, verb
from polaris.domain.errors import BadConfig, Unavailable

if TYPE_CHECKING:
    from rich.table import Table

    from polaris.app.status import Status
    from polaris.views.certificate import Certificate

SHOWN_HOLES = 5
COLOURS = {"LIVE": "green", "SYNCING": "yellow", "STALE": "yellow", "DISCONNECTED": "red"}
INCOMPLETE = 1


def add_to(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    feeds_app = typer.Typer(invoke_without_command=True)
    feeds_app.callback()(feeds)
    feeds_app.command()(certify)
    app.add_typer(feeds_app, name="feeds")


@verb
def feeds(
    context: typer.Context,
    data: DataDir = None,
    config: Config = None,
    once: Annotated[bool, typer.Option("--once", help="Show it once; also where there is no terminal.")] = False,
    as_json: Json = False,
) -> None:
    """Show how good each feed of the running desk was in the last second; Ctrl-C leaves, the desk runs on.

    \b
    Examples:
      polaris feeds
      polaris feeds --once
      polaris feeds --json | jq '.feeds[] | select(.state != "LIVE")'
      polaris feeds certify coinbase.jsonl.gz
    """
    if context.invoked_subcommand is not None:
        return None
    from polaris.app import process

    settings = load_settings(config, data__dir=data)
    desk = process.running(settings.data_dir)
    if desk is None:
        fail(f"no desk runs on {settings.data_dir}; start one with: polaris start", NOT_THERE)
    now = process.status(desk)
    if as_json:
        import msgspec

        return print_json({"now_ns": now.now_ns, "feeds": msgspec.to_builtins(now.feeds)})
    if once or not sys.stdout.isatty():
        output().print(table(now))
        return None
    from rich.live import Live

    try:
        with Live(table(now), console=output(), auto_refresh=False, screen=True) as live:
            while process.birth(desk.pid) == desk.birth:
                try:
                    live.update(table(process.status(desk)), refresh=True)
                except Unavailable:
                    note("the desk does not answer")
                time.sleep(0.5)
    except KeyboardInterrupt:
        return None
    return note("the desk has stopped")


def table(status: "Status") -> "Table":
    """Every feed of a desk in a line."""
    from rich.table import Table

    found = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bright_black", title_justify="left", title="Feeds in the last second; p50 and p99: our clock minus the venue's")
    found.add_column("Symbol", overflow="ellipsis")  # the one that may shrink: a number that is cut short is another number
    found.add_column("Book", no_wrap=True)
    for heading in ("Msgs/s", "Age s", "p50 ms", "p99 ms", "Crossed", "Gaps", "Resyncs", "Sums"):
        found.add_column(heading, justify="right", no_wrap=True)
    for feed in status.feeds:
        checks = f"{feed.checksums_ok:,}" + (f" [red]{feed.checksums_failed} failed[/]" if feed.checksums_failed else "")
        found.add_row(
            feed.symbol,
            f"[{COLOURS[feed.state]}]{feed.state.lower()}[/]",
            f"{feed.messages:,}",
            "never" if feed.stale_ns < 0 else f"{feed.stale_ns / 1e9:.1f}",
            f"{feed.offset_p50_ns / 1e6:,.1f}",
            f"{feed.offset_p99_ns / 1e6:,.1f}",
            f"[red]{feed.crossed_ns / 1e6:,.0f} ms[/]" if feed.crossed_ns else "-",
            f"[yellow]{feed.gaps}[/]" if feed.gaps else "0",
            str(feed.resyncs),
            checks if feed.checksums_ok or feed.checksums_failed else "-",
        )
    return found


@verb
def certify(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Capture files, or the folder of a desk's log.")],
    venue: Annotated[str | None, typer.Option(help="Venue of a file without a header.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the certificates here as JSON too.")] = None,
    as_json: Json = False,
) -> None:
    """Certify a recorded period: what is complete, what is missing and why. Exit code 1 where something is missing.

    \b
    Examples:
      polaris feeds certify coinbase.jsonl.gz
      polaris feeds certify data/log --json --out certificate.json
    """
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise BadConfig(f"there is no {missing[0]}")
    import msgspec

    from polaris.app.certify import of_capture, of_log

    with progress("reading", quiet=as_json) as advance:
        certificates = [of_log(path) if path.is_dir() else of_capture(path, venue, advance) for path in paths]
    told: list[dict[str, Any]] = [msgspec.to_builtins(each) for each in certificates]
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode({"certificates": told}), indent=2))
    if as_json:
        print_json({"certificates": told})
    else:
        for each in certificates:
            _show(each)
    if not all(each.complete for each in certificates):
        raise typer.Exit(INCOMPLETE)


def _show(found: "Certificate") -> None:
    from rich.table import Table

    span = (found.end - found.begin) / 1e9
    verdict = "[green]complete[/]" if found.complete else "[yellow]not complete[/]"
    console = output()
    console.print(f"[bold]{found.source}[/] · {span:,.1f} s · {verdict}", soft_wrap=True)
    shown = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bright_black")
    shown.add_column("  Symbol", overflow="ellipsis")
    for heading in ("Live", "Msgs", "Trades", "Lost", "Gaps", "Bad sums", "p50 ms", "p99 ms"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for one in found.symbols:
        live = 100 * one.seconds.get("LIVE", 0.0) / span if span else 0.0
        shown.add_row(
            f"  {one.symbol}",
            f"[{'green' if one.complete else 'yellow'}]{live:.1f} %[/]",
            f"{one.messages:,}",
            f"{one.trades:,}",
            "-" if one.trades_missing < 0 else f"{one.trades_missing:,}",
            str(one.gaps),
            str(one.checksums_failed),
            f"{one.offset_p50_ns / 1e6:,.1f}",
            f"{one.offset_p99_ns / 1e6:,.1f}",
        )
    console.print(shown)
    for flaw in found.flaws:
        console.print(f"  {flaw}", style="yellow", markup=False, soft_wrap=True)
    for one in found.symbols:
        for hole in one.holes[:SHOWN_HOLES]:
            begin, end = ((moment - found.begin) / 1e9 for moment in (hole.begin, hole.end))
            console.print(f"  {one.symbol}: {hole.state.lower()} from {begin:,.2f} s to {end:,.2f} s ({hole.reason})", style="bright_black", soft_wrap=True)
        if len(one.holes) > SHOWN_HOLES:
            console.print(f"  {one.symbol}: and {len(one.holes) - SHOWN_HOLES} more; --json tells all", style="bright_black")
    say(f"  digest {found.digest}")
