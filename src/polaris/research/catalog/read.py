"""A catalog as it stands: its files, its rows, its bars, and what is wrong with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from polaris.domain.errors import BadData, UnknownSymbol
from polaris.domain.instrument import Instruments
from polaris.domain.market import BOOK_STATE_NAMES, LIVE, Rows
from polaris.research.catalog.bars import MINUTE, resampled
from polaris.research.catalog.schema import KIND_OF_ROW, SCHEMAS, About, read_about, rows_of
from polaris.research.catalog.write import partition
from polaris.research.data import Data, merge

ROW_KINDS: Final = tuple(KIND_OF_ROW.values())


@dataclass(frozen=True)
class Entry:
    """One file: what it says of itself, its day and its size."""

    path: Path
    about: About
    day: str
    rows: int
    bytes: int


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong with a file of a catalog."""

    file: str
    what: str


def files(root: Path, *, venue: str = "", symbol: str = "", kind: str = "", day: str = "") -> Iterator[Path]:
    """The files of a catalog in order, or of a part of it. Raises BadData where there is no such folder."""
    if not root.is_dir():
        raise BadData(f"there is no catalog {root}; make one with: polaris catalog add CAPTURE --to {root}")
    for path in sorted(root.glob("kind=*/venue=*/symbol=*/day=*/*.parquet")):
        parts = dict(unquote(part).split("=", 1) for part in path.relative_to(root).parts[:-1])
        wanted = {"kind": kind, "venue": venue, "symbol": symbol, "day": day}
        if all(not value or parts[name] == value for name, value in wanted.items()):
            yield path


def entry(path: Path) -> Entry:
    """What a file says of itself. Raises BadData where it can't be read."""
    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException) as cause:
        raise BadData(f"{path}: no whole Parquet file: {cause}") from cause
    return Entry(path, read_about(metadata.metadata, path), unquote(path.parent.name).removeprefix("day="), metadata.num_rows, path.stat().st_size)


def load_catalog(root: Path, symbols: Sequence[str] = (), days: Sequence[str] = ()) -> Data:
    """The recorded rows of a catalog, merged by time, as a backtest takes them; those of one recording stay in its very order.

    symbols  ours, with their venue: "BTC-USD.coinbase"; none is every one
    days     YYYY-MM-DD; none is every one
    raises   BadData, UnknownSymbol naming what there is
    """
    found = [entry(path) for path in files(root) if path.parts[len(root.parts)].removeprefix("kind=") in ROW_KINDS]
    known = {f"{each.about.symbol}.{each.about.venue}": each.about for each in found}
    for symbol in symbols:
        if symbol not in known:
            raise UnknownSymbol(symbol, sorted(known), f"the catalog {root}")
    chosen = list(symbols) or sorted(known)
    instruments = Instruments([known[symbol].instrument(number) for number, symbol in enumerate(chosen)])
    recordings: dict[str, list[tuple[Rows, np.ndarray]]] = {}
    for each in found:
        symbol = f"{each.about.symbol}.{each.about.venue}"
        if symbol in chosen and (not days or each.day in days):
            recordings.setdefault(each.about.source, []).append(rows_of(each.about.kind, pq.read_table(each.path, partitioning=None), chosen.index(symbol)))
    if not recordings:
        raise BadData(f"{root}: no rows of {', '.join(chosen) or 'anything'}" + (f" on {', '.join(days)}" if days else ""))
    parts = []
    for pieces in recordings.values():
        rows, places = np.concatenate([rows for rows, _ in pieces]), np.concatenate([places for _, places in pieces])
        parts.append(rows[np.argsort(places, kind="stable")])
    return Data(instruments, merge(sorted(parts, key=lambda rows: int(rows["ts_recv"][0]))))


def bars_of(root: Path, venue: str, symbol: str, interval_ns: int = MINUTE) -> pl.DataFrame:
    """Bars of one symbol over all its days. Raises UnknownSymbol naming those that have some."""
    wanted = list(files(root, venue=venue, symbol=symbol, kind="bars"))
    if not wanted:
        having = sorted({f"{each.about.symbol}.{each.about.venue}" for each in map(entry, files(root, kind="bars"))})
        raise UnknownSymbol(f"{symbol}.{venue}", having, f"the bars of {root}")
    return resampled(pl.concat([pl.DataFrame(pq.read_table(path, partitioning=None)) for path in wanted]), interval_ns)


def check(root: Path) -> tuple[list[Fault], list[Fault]]:
    """(what is broken, what is known to be missing): files that can't be trusted, and gaps that the recordings themselves tell."""
    broken: list[Fault] = []
    missing: list[Fault] = []
    was_live: dict[str, bool] = {}  # by symbol: a day begins as the one before it ended
    for path in files(root):
        name = str(path.relative_to(root))
        try:
            about = entry(path).about
            table = pq.read_table(path, partitioning=None)
        except (BadData, OSError, pa.ArrowException) as cause:
            broken.append(Fault(file=name, what=str(cause)))
            continue
        broken += [Fault(file=name, what=what) for what in _flaws(table, about, path.relative_to(root))]
        if about.kind == "status" and not broken:
            symbol = f"{about.symbol}.{about.venue}"
            gaps, was_live[symbol] = _gaps(table, was_live.get(symbol, False))
            missing += [Fault(file=name, what=what) for what in gaps]
    return broken, missing


def _flaws(table: pa.Table, about: About, where: Path) -> Iterator[str]:
    if not table.schema.equals(SCHEMAS[about.kind]):
        yield f"its columns are not those of {about.kind}: {', '.join(table.schema.names)}"
        return
    day = unquote(where.parent.name).removeprefix("day=")
    if where.parent != partition(about.kind, about.venue, about.symbol, day):
        yield f"it holds {about.kind} of {about.symbol} at {about.venue}, which belongs to another folder"
    if not len(table):
        yield "it holds no row"
        return
    clock = table["ts" if about.kind == "bars" else "ts_recv"].cast(pa.int64()).to_numpy()
    late = np.flatnonzero(np.diff(clock) < 0)
    if len(late) and about.kind in ("bars", "quotes"):
        yield f"row {int(late[0]) + 1}: its time is before that of the row above"
    if about.kind not in ("bars", "quotes"):
        places = table["place"].to_numpy()
        again = np.flatnonzero(np.diff(places) <= 0)
        if len(again):
            yield f"row {int(again[0]) + 1}: place {int(places[again[0] + 1])} does not follow {int(places[again[0]])}"
    if about.kind in ("trades", "deltas"):
        for exact, shown, decimals in (("ticks", "price", about.price_decimals), ("lots", "quantity", about.quantity_decimals)):
            off = np.flatnonzero(table[exact].to_numpy() / 10.0**decimals != table[shown].to_numpy())
            if len(off):
                yield f"row {int(off[0])}: {shown} is not {exact} / 10**{decimals}"


def _gaps(table: pa.Table, was_live: bool) -> tuple[list[str], bool]:
    """(when a LIVE book stopped being so, whether it is LIVE at the end)."""
    found = []
    for state, reason, ts in zip(table["state_code"].to_pylist(), table["reason"].cast(pa.string()).to_pylist(), table["ts_recv"].cast(pa.string()).to_pylist(), strict=True):
        if was_live and state != LIVE:
            found.append(f"{ts}: the book was {BOOK_STATE_NAMES[state].lower()} ({reason})")
        was_live = state == LIVE
    return found, was_live
