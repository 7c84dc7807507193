"""The verbs of the catalog: recorded market data as Parquet."""

from pathlib import Path
from typing import Annotated

import typer

from polaris.app.cli.console import Json, note, output, print_json, progress, say, verb
from polaris.domain.errors import BadConfig, BadData

Root = Annotated[Path, typer.Argument(metavar="DIR", help="The catalog's folder.")]
BROKEN = 1


def add_to(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    catalog_app = typer.Typer(no_args_is_help=True, help="Recorded market data as Parquet: trades, quotes, book deltas, bars.")
    for each in (add, ls, check, bars):
        catalog_app.command()(each)
    app.add_typer(catalog_app, name="catalog")


@verb
def add(
    captures: Annotated[list[Path], typer.Argument(metavar="CAPTURE...", help="Capture files.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The catalog's folder; made where it is not there.")],
    venue: Annotated[str | None, typer.Option(help="Venue of a file without a header.")] = None,
    as_json: Json = False,
) -> None:
    """Add captures to a catalog, decoded as the desk would have heard them.

    \b
    Example:
      polaris catalog add day.coinbase.jsonl.zst day.binance.jsonl.zst --to catalog
    """
    from polaris.app.catalog import add_capture

    missing = [path for path in captures if not path.is_file()]
    if missing:
        raise BadConfig(f"there is no capture {missing[0]}")
    told = []
    for path in captures:
        with progress(f"adding {path.name}", quiet=as_json) as advance:
            added = add_capture(path, to, venue, advance)
        told.append(added)
        if not as_json:
            say(f"{path.name}: " + ", ".join(f"{count:,} {kind}" for kind, count in sorted(added["rows"].items())))
            if added["cut"]:
                note(added["cut"])
    if as_json:
        print_json({"added": told})


@verb
def ls(
    root: Root,
    venue: Annotated[str, typer.Option(help="Only this venue.")] = "",
    symbol: Annotated[str, typer.Option(help="Only this symbol: BTC-USD.")] = "",
    kind: Annotated[str, typer.Option(help="Only trades, quotes, deltas, status or bars.")] = "",
    as_json: Json = False,
) -> None:
    """List what a catalog holds, by kind, venue and symbol.

    \b
    Example:
      polaris catalog ls catalog --kind trades
    """
    from rich.table import Table

    from polaris.research.catalog.read import entry, files

    found: dict[tuple[str, str, str], dict[str, object]] = {}
    for each in map(entry, files(root, venue=venue, symbol=symbol, kind=kind)):
        key = (each.about.kind, each.about.venue, each.about.symbol)
        one = found.setdefault(key, {"kind": key[0], "venue": key[1], "symbol": key[2], "files": 0, "rows": 0, "bytes": 0, "first_day": each.day, "last_day": each.day})
        one["files"], one["rows"], one["bytes"] = int(str(one["files"])) + 1, int(str(one["rows"])) + each.rows, int(str(one["bytes"])) + each.bytes
        one["first_day"], one["last_day"] = min(str(one["first_day"]), each.day), max(str(one["last_day"]), each.day)
    if as_json:
        return print_json({"catalog": str(root), "tables": list(found.values())})
    if not found:
        note(f"nothing of that in {root}")
    shown = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bright_black")
    for heading in ("Kind", "Venue", "Symbol", "Days"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("Rows", "Files", "kB"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for one in found.values():
        days = str(one["first_day"]) if one["first_day"] == one["last_day"] else f"{one['first_day']} to {one['last_day']}"
        shown.add_row(str(one["kind"]), str(one["venue"]), str(one["symbol"]), days, f"{one['rows']:,}", str(one["files"]), f"{int(str(one['bytes'])) / 1e3:,.0f}")
    output().print(shown)
    return None


@verb
def check(root: Root, as_json: Json = False) -> None:
    """Read a whole catalog and say what is broken and what is known to be missing. Exit code 1 where a file is broken.

    \b
    Example:
      polaris catalog check catalog
    """
    import msgspec

    from polaris.research.catalog.read import check as check_catalog
    from polaris.research.catalog.read import files

    broken, missing = check_catalog(root)
    count = sum(1 for _ in files(root))
    if as_json:
        print_json({"catalog": str(root), "files": count, "broken": msgspec.to_builtins(broken), "missing": msgspec.to_builtins(missing)})
    else:
        for fault in broken:
            say(f"broken   {fault.file}: {fault.what}")
        for fault in missing:
            say(f"missing  {fault.file}: {fault.what}")
        say(f"{count} files, {len(broken)} broken, {len(missing)} gaps that the recordings tell")
    if broken:
        raise typer.Exit(BROKEN)


@verb
def bars(
    root: Root,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Ours, with its venue: BTC-USD.coinbase.")],
    interval: Annotated[str, typer.Option("--interval", "-i", help='Whole minutes: "1 min", "15 min", "1 h".')] = "1 min",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write them here: .parquet or .csv.")] = None,
    as_json: Json = False,
) -> None:
    """Show bars of a symbol, made of its trades; a bar whose feed was not whole is marked.

    \b
    Example:
      polaris catalog bars catalog BTC-USD.coinbase --interval "5 min" --out bars.parquet
    """
    from polaris.app.configuration import duration_ns
    from polaris.research.catalog.read import bars_of

    name, _, venue = symbol.rpartition(".")
    if not name:
        raise BadConfig(f"symbol {symbol!r}: expected one with its venue, such as BTC-USD.coinbase")
    try:
        step = duration_ns(interval)
    except ValueError as cause:
        raise BadConfig(f"--interval: {cause}") from cause
    found = bars_of(root, venue, name, step)
    if out is not None:
        if out.suffix not in (".parquet", ".csv"):
            raise BadData(f"--out {out}: expected a name that ends in .parquet or .csv")
        found.write_parquet(out) if out.suffix == ".parquet" else found.write_csv(out)
        return note(f"{len(found):,} bars in {out}")
    if as_json:
        return print_json({"symbol": symbol, "interval_ns": step, "bars": found.with_columns(found["ts"].dt.epoch("ns")).to_dicts()})
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bright_black")
    for heading in ("Begins (UTC)", "Open", "High", "Low", "Close", "Volume", "Trades", ""):
        shown.add_column(heading, justify="left" if heading in ("Begins (UTC)", "") else "right", no_wrap=True)
    for row in found.iter_rows(named=True):
        shown.add_row(f"{row['ts']:%Y-%m-%d %H:%M}", *(f"{row[name]:,.8g}" for name in ("open", "high", "low", "close")), f"{row['volume']:,.5g}", f"{row['trades']:,}", "" if row["complete"] else "partial")
    output().print(shown)
    return None
