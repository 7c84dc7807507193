"""Bars out of trades: of a minute while a recording is written, of any interval afterwards.

A bar begins at a multiple of its interval since 1970, UTC, by the venue's clock where it tells one. An interval without a
trade has no bar: nothing is made up.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instrument
from polaris.domain.market import Rows
from polaris.research.catalog.schema import SCHEMAS

MINUTE: Final = 60 * 1_000_000_000


def minute_bars(trades: Rows, item: Instrument, holes: Sequence[tuple[int, int]]) -> pa.Table:
    """One-minute bars of some TRADE rows.

    holes    (from, to) in ns: when the feed was not whole; a bar that touches one is not `complete`
    returns  a table of kind bars, in order of time
    """
    ts = np.where(trades["ts_event"] > 0, trades["ts_event"], trades["ts_recv"])
    order = np.argsort(ts, kind="stable")
    start = ts[order] // MINUTE * MINUTE
    first = np.flatnonzero(np.diff(start, prepend=start[0] - 1))
    last = np.append(first[1:], len(start)) - 1
    ticks, lots = trades["price"][order], trades["quantity"][order]
    price, lot = 10.0**item.price_decimals, 10.0**item.quantity_decimals
    volume = np.add.reduceat(lots, first) / lot
    value = np.add.reduceat(ticks / price * (lots / lot), first)
    begun = start[first]
    columns = {
        "ts": pa.array(begun, pa.int64()).cast(pa.timestamp("ns", "UTC")),
        "open": ticks[first] / price,
        "high": np.maximum.reduceat(ticks, first) / price,
        "low": np.minimum.reduceat(ticks, first) / price,
        "close": ticks[last] / price,
        "volume": volume,
        "vwap": np.divide(value, volume, out=ticks[last] / price, where=volume > 0),
        "trades": np.diff(np.append(first, len(start))),
        "complete": _whole(begun, holes),
    }
    schema = SCHEMAS["bars"]
    return pa.Table.from_arrays([columns[field.name] if isinstance(columns[field.name], pa.Array) else pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def _whole(begun: npt.NDArray[np.int64], holes: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    whole = np.ones(len(begun), bool)
    for begin, end in holes:
        whole &= (begun >= end) | (begun + MINUTE <= begin)
    return whole


def resampled(bars: pl.DataFrame, interval_ns: int) -> pl.DataFrame:
    """Minute bars as bars of a longer interval. Raises BadConfig where it is no whole number of minutes.

    bars  columns of kind bars, in order of time
    """
    if interval_ns < MINUTE or interval_ns % MINUTE:
        raise BadConfig(f"bars of {interval_ns / 1e9:g} s: expected whole minutes, such as '1 min', '15 min' or '1 h'")
    return (
        bars.sort("ts")
        .group_by_dynamic("ts", every=f"{interval_ns}ns", start_by="window")
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
            ((pl.col("vwap") * pl.col("volume")).sum() / pl.col("volume").sum()).alias("vwap"),
            pl.col("trades").sum(),
            pl.col("complete").all(),
        )
    )
