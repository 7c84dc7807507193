"""Recorded data as rows: bars, trades and logs become the very rows the live feeds make, in exact integers.

    file ──read──▶ columns ──times, whole numbers, sanity──▶ rows of one instrument ──merge by time──▶ rows of all

A Parquet float is the nearest double of the decimal somebody wrote; here it becomes that decimal's integer again, or
an error: a value that is not on its instrument's grid is refused, never rounded to it. What can't be (a time that
falls, a high below a close, a negative size) is refused with the file, row, column and value. What can be but matters
(a gap) is reported and kept.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from polaris.domain.control import Started
from polaris.domain.errors import BadConfig, BadData
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import ASK, BAR, LAST, ROW, TRADE, Rows
from polaris.log.read import EventBlock, blocks, instruments_of, rows_of
from polaris.research.columns import Column, Table, decimals_of, integers, read, times

Ints = npt.NDArray[np.int64]
MAX_WICK = 2**31


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of one instrument, as a backtest's configuration names it.

    path               Parquet; relative to the configuration file
    symbol             ours, BASE-QUOTE.venue: "BTC-USDT.binance"
    kind               bars (open high low close volume) or trades (price size, side where known)
    price_decimals     of one tick; -1 finds it in the data
    quantity_decimals  of one lot; -1 finds it in the data
    timezone           of times that carry none, an IANA name: "UTC", "America/New_York"
    day                YYYY-MM-DD of a file that holds only the time of day
    interval_s         seconds a bar lasts; 0 takes the most common step
    """

    path: str
    symbol: str
    kind: Literal["bars", "trades"] = "bars"
    product: Product = Product.SPOT
    price_decimals: int = -1
    quantity_decimals: int = -1
    timezone: str = ""
    day: str = ""
    interval_s: int = 0


class Gap(msgspec.Struct, frozen=True):
    """Bars that are not there: from the end of the last one to the start of the next, ns UTC."""

    symbol: str
    start: int
    end: int
    missing: int  # bars of the common interval


@dataclass(frozen=True)
class Data:
    """What the desk is given: instruments, and their rows in order of time with `seq` from 0."""

    instruments: Instruments
    rows: Rows
    gaps: tuple[Gap, ...] = ()


def load(sources: Sequence[Source], base: Path = Path()) -> Data:
    """Read every source and merge them by time.

    sources  one or more; several files of one symbol must agree on decimals and are joined
    base     folder that relative paths start from
    raises   BadData naming file, row, column and value; BadConfig for a source that can't be understood
    """
    if not sources:
        raise BadConfig("no data: name at least one file under [[data]]")
    tables = [read(base / source.path) for source in sources]
    instruments = _instruments(sources, tables)
    parts: list[Rows] = []
    gaps: list[Gap] = []
    for source, table in zip(sources, tables, strict=True):
        instrument = instruments.by_symbol(source.symbol)
        if source.kind == "bars":
            rows, found = bar_rows(table, instrument, source)
            gaps += found
        else:
            rows = trade_rows(table, instrument, source)
        parts.append(rows)
    return Data(instruments, merge(parts), tuple(sorted(gaps, key=lambda gap: gap.start)))


def load_log(directory: Path) -> Data:
    """The rows a desk's log holds and the instruments it began with; their `seq` stays.

    Raises BadLog where the log is damaged, BadData where no run ever started on it.
    """
    for block in blocks(directory):
        if isinstance(block, EventBlock) and isinstance(block.event, Started):
            return Data(instruments_of(block.event), rows_of(directory))
    raise BadData(f"{directory}: no run started on this log, so its instruments are not known")


def merge(parts: Sequence[Rows]) -> Rows:
    """One array of rows in order of `ts_recv`, `seq` from 0; rows of one time stay in the order of `parts`."""
    rows = np.concatenate(parts) if len(parts) > 1 else parts[0].copy()
    clock = rows["ts_recv"]
    if (clock[1:] < clock[:-1]).any():
        rows = rows[np.argsort(clock, kind="stable")]
    rows["seq"] = np.arange(len(rows))
    return rows


def bar_rows(table: Table, instrument: Instrument, source: Source) -> tuple[Rows, list[Gap]]:
    """BAR rows, each at the END of its bar (when it became known), and the gaps between them.

    Raises BadData where times do not rise, a price is not above 0, a volume is below 0, or high and low do not
    enclose open and close.
    """
    start = times(table, source.timezone, source.day)
    _rising(table, start, strictly=True)
    prices = {name: _prices(table, name, instrument) for name in ("open", "high", "low", "close")}
    volume = _sizes(table, "volume", instrument, least=0)
    top = np.maximum(prices["open"], prices["close"])
    bottom = np.minimum(prices["open"], prices["close"])
    for name, wick in (("high", prices["high"] - top), ("low", bottom - prices["low"])):
        if (bad := np.flatnonzero(wick < 0)).size:
            row = int(bad[0])
            raise table.bad(row, name, f"does not enclose open {table.value(row, 'open')} and close {table.value(row, 'close')}")
        if (bad := np.flatnonzero(wick >= MAX_WICK)).size:
            row = int(bad[0])
            raise table.bad(row, name, f"lies {wick[row]:,} ticks outside open and close, a bar holds {MAX_WICK - 1:,}; declare fewer price_decimals")
    interval = source.interval_s * 1_000_000_000 or _common_step(table, start)
    rows = np.zeros(start.size, ROW)
    rows["ts_event"] = rows["ts_recv"] = start + interval
    rows["instrument"], rows["kind"], rows["flags"] = instrument.id, BAR, LAST
    rows["price"], rows["quantity"], rows["other"] = prices["close"], volume, prices["open"]
    rows["other_quantity"] = (prices["high"] - top) << 32 | (bottom - prices["low"])
    return rows, _gaps(source.symbol, start, interval)


def trade_rows(table: Table, instrument: Instrument, source: Source) -> Rows:
    """TRADE rows; trades of one time keep the file's order.

    A file without a column "side" (buy or sell: the taker's) gets it by the tick test: a price above the last
    different one was bought, below sold, and the first ones count as bought.
    Source of the test: Lee & Ready (1991), Inferring Trade Direction from Intraday Data.
    Raises BadData where times fall, or a price or size is not above 0.
    """
    ts = times(table, source.timezone, source.day)
    _rising(table, ts, strictly=False)
    price = _prices(table, "price", instrument)
    size = _sizes(table, "size", instrument, least=1)
    rows = np.zeros(ts.size, ROW)
    rows["ts_event"] = rows["ts_recv"] = ts
    rows["instrument"], rows["kind"] = instrument.id, TRADE
    rows["price"], rows["quantity"], rows["other"] = price, size, np.arange(1, ts.size + 1)
    sold = _taker_sells(table) if "side" in table.columns else _tick_test(price)
    rows["flags"] = np.where(sold, ASK | LAST, LAST)
    return rows


def _instruments(sources: Sequence[Source], tables: Sequence[Table]) -> Instruments:
    """One instrument a symbol, in order of first mention; decimals found in all of its files where not declared."""
    instruments = Instruments()
    for symbol in dict.fromkeys(source.symbol for source in sources):
        own = [(source, table) for source, table in zip(sources, tables, strict=True) if source.symbol == symbol]
        price_columns = [column for source, table in own for column in _columns(table, PRICES[source.kind])]
        size_columns = [column for source, table in own for column in _columns(table, SIZES[source.kind])]
        product = own[0][0].product
        instruments.add(
            Instrument(
                id=InstrumentId(len(instruments)),
                key=_key(symbol, product),
                wire=symbol.rpartition(".")[0],
                price_decimals=_decimals(symbol, "price_decimals", [source.price_decimals for source, _ in own], price_columns),
                quantity_decimals=_decimals(symbol, "quantity_decimals", [source.quantity_decimals for source, _ in own], size_columns),
            )
        )
    return instruments


PRICES = {"bars": ("open", "high", "low", "close"), "trades": ("price",)}
SIZES = {"bars": ("volume",), "trades": ("size",)}


def _columns(table: Table, names: Sequence[str]) -> list[tuple[Table, Column]]:
    return [(table, table.column(name)) for name in names]


def _decimals(symbol: str, what: str, declared: Sequence[int], columns: Sequence[tuple[Table, Column]]) -> int:
    chosen = {value for value in declared if value >= 0}
    if len(chosen) > 1:
        raise BadConfig(f"{symbol}: its files declare {what} {sorted(chosen)}; one instrument has one")
    if chosen:
        return chosen.pop()
    return max(decimals_of(table, column) for table, column in columns)


def _key(symbol: str, product: Product) -> Key:
    """Read "BTC-USDT.binance". Raises BadConfig for any other shape."""
    pair, dot, venue = symbol.rpartition(".")
    base, dash, quote = pair.removesuffix(f"-{product.value}").rpartition("-")
    if not (dot and dash and venue and base and quote):
        raise BadConfig(f"symbol {symbol!r} should read BASE-QUOTE.venue, for instance BTC-USDT.binance")
    key = Key(venue=venue, product=product, base=base, quote=quote)
    if str(key) != symbol:
        raise BadConfig(f"symbol {symbol!r} with product {product.value!r} should read {key}")
    return key


def _prices(table: Table, name: str, instrument: Instrument) -> Ints:
    return _at_least(table, name, integers(table, table.column(name), instrument.price_decimals), 1)


def _sizes(table: Table, name: str, instrument: Instrument, least: int) -> Ints:
    return _at_least(table, name, integers(table, table.column(name), instrument.quantity_decimals), least)


def _at_least(table: Table, name: str, values: Ints, least: int) -> Ints:
    if (bad := np.flatnonzero(values < least)).size:
        raise table.bad(int(bad[0]), name, "should be above 0" if least else "should not be below 0")
    return values


def _rising(table: Table, ts: Ints, strictly: bool) -> None:
    step = np.diff(ts)
    if (bad := np.flatnonzero(step <= 0 if strictly else step < 0)).size:
        row = int(bad[0]) + 1
        said = "is the same time as the row before: a duplicate" if step[row - 1] == 0 else "is earlier than the row before"
        raise table.bad(row, table.time_columns, said)


def _common_step(table: Table, start: Ints) -> int:
    if start.size < 2:
        raise BadData(f"{table.path}: one bar has no interval to find; name interval_s")
    return int(Counter(np.diff(start).tolist()).most_common(1)[0][0])


def _gaps(symbol: str, start: Ints, interval: int) -> list[Gap]:
    step = np.diff(start)
    return [
        Gap(symbol, int(start[before]) + interval, int(start[before + 1]), int(step[before] // interval) - 1)
        for before in np.flatnonzero(step > interval)
    ]


def _taker_sells(table: Table) -> npt.NDArray[np.bool_]:
    sides = table.column("side").values
    words: list[Any] = [str(side).lower() for side in sides]
    for row, word in enumerate(words):
        if word not in ("buy", "sell"):
            raise table.bad(row, "side", "should be buy or sell")
    return np.array([word == "sell" for word in words], np.bool_)


def _tick_test(price: Ints) -> npt.NDArray[np.bool_]:
    step = np.sign(np.diff(price, prepend=price[:1]))
    moved = np.maximum.accumulate(np.where(step != 0, np.arange(step.size), 0))  # the last row where the price moved
    sold: npt.NDArray[np.bool_] = step[moved] < 0
    return sold
