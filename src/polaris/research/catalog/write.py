"""Rows into a catalog: a folder of Parquet files by kind, venue, symbol and day.

    ROOT/kind=deltas/venue=coinbase/symbol=BTC-USD/day=2026-08-09/3f2a9c41d0b7.parquet

One recording gives one file to each of these folders, named by the recording: adding it again is refused, adding another
adds files. Files are written beside their names and moved there together at the end, so a writer that dies leaves
nothing that a reader would see.
"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from polaris.domain.book import Book
from polaris.domain.errors import BadData
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import DEPTH, DISCONNECTED, LAST, LIVE, QUOTE, ROW, STATUS, TRADE, Rows
from polaris.research.catalog.bars import minute_bars
from polaris.research.catalog.schema import BOOK, KIND_OF_ROW, SCHEMAS, About, symbol_of, table_of

DAY: Final = 86_400 * 1_000_000_000
ROW_GROUP: Final = 131_072
NAME_LETTERS: Final = 12  # of a recording's SHA-256 that name its files


def partition(kind: str, venue: str, symbol: str, day: str) -> Path:
    """Where a table stands in the catalog. Letters that a path can't hold are percent-encoded, as DuckDB and polars decode them."""
    return Path(f"kind={kind}", f"venue={quote(venue, safe='')}", f"symbol={quote(symbol, safe='')}", f"day={day}")


class CatalogWriter:
    """Adds one recording to a catalog: `hear` its rows in order, then leave the block; an error inside leaves the catalog as it was.

    root         the catalog's folder; made where it is not there
    instruments  ids from 0
    source       SHA-256 of the recording, hex
    raises       BadData where the catalog has it already
    """

    def __init__(self, root: Path, instruments: Instruments, source: str) -> None:
        self.root, self.source = root, source
        self.rows: dict[str, int] = {}  # written, by kind
        self._name = f"{source[:NAME_LETTERS]}.parquet"
        already = next(iter(root.glob(f"kind=*/venue=*/symbol=*/day=*/{self._name}")), None)
        if already is not None:
            raise BadData(f"the catalog {root} holds this recording already: {already.relative_to(root)}")
        self._folder = root / f".adding-{source[:NAME_LETTERS]}"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._place = 0
        self._symbols = [_Symbol(self, item) for item in instruments]

    def __enter__(self) -> "CatalogWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            for symbol in self._symbols:
                symbol.close(keep=kind is None)
            if kind is None:
                for file in sorted(self._folder.rglob("*.parquet")):
                    target = self.root / file.relative_to(self._folder)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    file.rename(target)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def hear(self, rows: Rows) -> None:
        """The next rows of the recording. Raises BadData for an instrument nobody declared."""
        places = np.arange(self._place, self._place + len(rows))
        self._place += len(rows)
        numbers = rows["instrument"]
        if len(rows) and int(numbers.max()) >= len(self._symbols):
            raise BadData(f"rows of instrument {int(numbers.max())}, and only {len(self._symbols)} are declared")
        for i in np.unique(numbers[numbers >= 0]).tolist():
            mine = numbers == i
            self._symbols[i].hear(rows[mine], places[mine])


class _Symbol:
    """One instrument's tables, open."""

    def __init__(self, writer: CatalogWriter, item: Instrument) -> None:
        self._writer, self._item = writer, item
        self._open: dict[tuple[str, str], pq.ParquetWriter] = {}
        self._waiting: dict[tuple[str, str], list[pa.Table]] = {}
        self._book, self._state, self._top = Book(), DISCONNECTED, (0, 0, 0, 0)
        self._trades: list[Rows] = []
        self._holes: list[tuple[int, int]] = []  # when the book was not LIVE
        self._since = 0

    def hear(self, rows: Rows, places: npt.NDArray[np.int64]) -> None:
        for day, part, where in _by_day(rows, places):
            for number, kind in KIND_OF_ROW.items():
                of_kind = part["kind"] == number
                if of_kind.any():
                    self._write(kind, day, table_of(kind, part[of_kind], where[of_kind], self._item))
            made = self._quotes(part)
            if len(made):
                self._write("quotes", day, table_of("quotes", made, np.full(len(made), -1), self._item, BOOK))
            trades = part[part["kind"] == TRADE]
            if len(trades):
                self._trades.append(trades.copy())

    def close(self, keep: bool) -> None:
        if keep and self._trades:
            if self._state != LIVE and self._since:
                self._holes.append((self._since, 2**62))
            for day, trades, _ in _by_day(joined := np.concatenate(self._trades), np.arange(len(joined))):
                self._write("bars", day, minute_bars(trades, self._item, self._holes))
        for at in list(self._waiting):
            if keep:
                self._flush(at)
        for each in self._open.values():
            each.close()

    def _quotes(self, rows: Rows) -> Rows:
        """The tops our book came to stand at, one after each whole update that moved it; their times are the update's."""
        found = []
        start = 0
        for at in np.flatnonzero((rows["kind"] == STATUS) | ((rows["kind"] == DEPTH) & ((rows["flags"] & LAST) != 0))).tolist():
            row = rows[at]
            if row["kind"] == STATUS:
                self._entered(int(row["price"]), int(row["ts_recv"]))
                continue
            piece = rows[start : at + 1]
            self._book.apply(np.ascontiguousarray(piece[piece["kind"] == DEPTH]), self._item.id)
            start = at + 1
            bids, asks = self._book.bids(1), self._book.asks(1)
            if self._state == LIVE and bids and asks and (top := (*bids[0], *asks[0])) != self._top:
                self._top = top
                found.append((0, row["ts_event"], row["ts_recv"], self._item.id, QUOTE, LAST, *top))
        rest = rows[start:]
        if (rest["kind"] == DEPTH).any():
            self._book.apply(np.ascontiguousarray(rest[rest["kind"] == DEPTH]), self._item.id)
        return np.array(found, ROW)

    def _entered(self, state: int, ts: int) -> None:
        if self._state == LIVE and state != LIVE:
            self._since = ts
        elif state == LIVE and self._since:
            self._holes.append((self._since, ts))
            self._since = 0
        elif not self._since and state != LIVE:
            self._since = ts
        self._state = state

    def _write(self, kind: str, day: str, table: pa.Table) -> None:
        at = (kind, day)
        waiting = self._waiting.setdefault(at, [])
        waiting.append(table)
        self._writer.rows[kind] = self._writer.rows.get(kind, 0) + len(table)
        if sum(map(len, waiting)) >= ROW_GROUP:
            self._flush(at)

    def _flush(self, at: tuple[str, str]) -> None:
        kind, day = at
        if at not in self._open:
            item = self._item
            folder = self._writer._folder / partition(kind, item.key.venue, symbol_of(item.key), day)
            folder.mkdir(parents=True, exist_ok=True)
            schema = SCHEMAS[kind].with_metadata(About.of(kind, self._writer.source, item).metadata())
            self._open[at] = pq.ParquetWriter(folder / self._writer._name, schema, compression="zstd")
        whole = pa.concat_tables(self._waiting[at])
        self._waiting[at] = []
        if kind == "quotes":  # the venue's and our book's, each in order
            whole = whole.sort_by([("ts_recv", "ascending"), ("place", "ascending")])
        self._open[at].write_table(whole.replace_schema_metadata(self._open[at].schema.metadata), row_group_size=ROW_GROUP)


def _by_day(rows: Rows, places: npt.NDArray[np.int64]) -> Iterator[tuple[str, Rows, npt.NDArray[np.int64]]]:
    """(day, rows, places) for each day in which rows came, UTC, by our clock."""
    days = rows["ts_recv"] // DAY
    for day in np.unique(days).tolist():
        mine = days == day
        yield f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}", rows[mine], places[mine]
