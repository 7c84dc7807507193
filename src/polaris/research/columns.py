"""Columns of a file on their way to integers: which column is what, its times, its exact whole numbers.

Names understood (any case): a time as `ts`, `time`, `timestamp`, `date` or `datetime`, or `day` with `ms_of_day_ZONE`
(ZONE: utc, ny); prices as named or scaled, `price_x10000` holds ten-thousandths; sizes as `size`, `quantity`, `amount`
or `qty`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from polaris.domain.errors import BadConfig, BadData

Ints = npt.NDArray[np.int64]

TIMES = ("ts", "time", "timestamp", "date", "datetime", "open_time")
ALSO = {"size": ("quantity", "amount", "qty", "volume"), "volume": ("vol",), "side": ("taker_side",)}
ZONES = {"utc": "UTC", "ny": "America/New_York"}
MAX_DECIMALS = 12
NOISE = 1e-12  # relative: what a sum of doubles may have gathered
NEAR = 0.01  # of a step: never further than this from the grid
EXACT_FLOAT = 2.0**53


@dataclass(frozen=True)
class Column:
    """One column: its name in the file, its values, and the decimals its integers already carry."""

    name: str
    values: npt.NDArray[Any]
    scale: int = 0


@dataclass(frozen=True)
class Table:
    """One file's columns by lower-case name."""

    path: Path
    frame: pl.DataFrame
    columns: dict[str, str]  # lower-case name without its scale: name in the file

    @property
    def time_columns(self) -> str:
        """The name of the column (or columns) that hold the time."""
        return "+".join(self.columns[name] for name in self.columns if name in TIMES or name == "day" or name.startswith("ms_of_day_"))

    def column(self, name: str) -> Column:
        """The column that holds `name`. Raises BadData naming the columns there are."""
        for known in (name, *ALSO.get(name, ())):
            if known in self.columns:
                own = self.columns[known]
                return Column(own, self.frame[own].to_numpy(), _split(own)[1])
        raise BadData(f"{self.path}: no column {name!r}; it has {', '.join(self.frame.columns)}")

    def value(self, row: int, name: str) -> Any:
        """What the file says there, for a message."""
        return self.frame[self.columns.get(name, name)][row]

    def bad(self, row: int, name: str, said: str) -> BadData:
        """The error for one cell; rows are counted from 1, as people do."""
        shown = " ".join(str(self.value(row, part)) for part in name.split("+"))
        return BadData(f"{self.path} row {row + 1}, {name}: {shown} {said}")


def read(path: Path) -> Table:
    """Read a Parquet file. Raises BadData where it is missing, is no Parquet, is empty, or has an empty cell."""
    if not path.is_file():
        raise BadData(f"{path}: no such file")
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as cause:
        raise BadData(f"{path}: is not a Parquet file ({cause})") from cause
    if not frame.height:
        raise BadData(f"{path}: holds no rows")
    for name in frame.columns:
        empty = np.flatnonzero(frame[name].is_null().to_numpy())
        if empty.size:
            raise BadData(f"{path} row {int(empty[0]) + 1}, {name}: is empty")
    return Table(path, frame, {_split(name)[0]: name for name in frame.columns})


def _split(name: str) -> tuple[str, int]:
    """The plain name and the decimals its values carry: ("price", 4) for "price_x10000"."""
    head, _, power = name.lower().rpartition("_x")
    if head and power.startswith("1") and not power[1:].strip("0"):
        return head, len(power) - 1
    return name.lower(), 0


def times(table: Table, timezone: str = "", day: str = "") -> Ints:
    """The time column as int64 nanoseconds UTC.

    timezone  of times that carry none
    day       YYYY-MM-DD of a file with only a time of day
    raises    BadData where there is no time column; BadConfig where the zone or day is needed and not given
    """
    for name in TIMES:
        if name in table.columns:
            return _stamps(table, table.frame[table.columns[name]], timezone)
    clock = next((name for name in table.columns if name.startswith("ms_of_day_")), None)
    if clock is None:
        raise BadData(f"{table.path}: no time column; expected one of {', '.join(TIMES)}, or day and ms_of_day_utc or ms_of_day_ny")
    zone = ZONES.get(clock.removeprefix("ms_of_day_"))
    if zone is None:
        raise BadData(f"{table.path}: {table.columns[clock]} names no zone we know ({', '.join(ZONES)})")
    if "day" in table.columns:
        days = table.frame[table.columns["day"]].cast(pl.String).str.replace_all("-", "")
    elif day:
        days = pl.repeat(day.replace("-", ""), table.frame.height, eager=True)
    else:
        raise BadConfig(f"{table.path} holds only times of day; say which day it was: day = \"YYYY-MM-DD\"")
    # added on the wall clock: midnight plus elapsed time would be an hour off on the days the clocks change
    elapsed = (table.frame[table.columns[clock]].cast(pl.Int64) * 1_000_000).cast(pl.Duration("ns"))
    return _zoned(table, _parsed(table, days, "%Y%m%d") + elapsed, zone)


def _stamps(table: Table, column: pl.Series, timezone: str) -> Ints:
    if column.dtype == pl.String:
        column = _parsed(table, column, None)
    if not isinstance(column.dtype, pl.Datetime):
        raise BadData(f"{table.path}: column {column.name!r} holds {column.dtype}, expected a date and time")
    if column.dtype.time_zone is None:
        if not timezone:
            raise BadConfig(f"{table.path}: times such as {column[0]} carry no zone; say which: timezone = \"UTC\"")
        return _zoned(table, column, timezone)
    return column.dt.timestamp("ns").to_numpy()


def _parsed(table: Table, column: pl.Series, pattern: str | None) -> pl.Series:
    try:
        return column.str.to_datetime(pattern, time_unit="ns")
    except pl.exceptions.PolarsError as cause:
        raise BadData(f"{table.path}: column {column.name!r} holds {column[0]!r}, which is no time") from cause


def _zoned(table: Table, column: pl.Series, zone: str) -> Ints:
    try:
        return column.dt.replace_time_zone(zone).dt.timestamp("ns").to_numpy()
    except pl.exceptions.PolarsError as cause:
        raise BadData(f"{table.path}: a time does not exist, or exists twice, in {zone} ({cause})") from cause


def integers(table: Table, column: Column, decimals: int) -> Ints:
    """The column as int64 multiples of 10**-decimals.

    Raises BadData for the first value that is not finite, not a multiple, or too large to be exact.
    """
    values = column.values
    if np.issubdtype(values.dtype, np.integer):
        return _rescaled(table, column, decimals)
    if not np.issubdtype(values.dtype, np.floating):
        raise BadData(f"{table.path}: column {column.name!r} holds {values.dtype}, expected numbers")
    if (bad := np.flatnonzero(~np.isfinite(values))).size:
        raise table.bad(int(bad[0]), column.name, "is not a number")
    scaled = values * 10.0**decimals
    whole = np.rint(scaled)
    if (bad := np.flatnonzero(np.abs(whole) >= EXACT_FLOAT)).size:
        raise table.bad(int(bad[0]), column.name, f"at {decimals} decimals is more than a double holds exactly")
    if (bad := np.flatnonzero(~_on_grid(scaled, whole))).size:
        raise table.bad(int(bad[0]), column.name, f"is not a multiple of {10.0**-decimals:.{decimals}f}")
    return whole.astype(np.int64)


def decimals_of(table: Table, column: Column) -> int:
    """The fewest decimals at which every value of the column is a whole number.

    Raises BadData for a value that is not finite or needs more than MAX_DECIMALS.
    """
    values = column.values
    if np.issubdtype(values.dtype, np.integer):
        return column.scale
    worst = 0
    if np.issubdtype(values.dtype, np.floating) and np.isfinite(values).all():
        rest = values
        for decimals in range(MAX_DECIMALS + 1):
            scaled = rest * 10.0**decimals
            off = ~_on_grid(scaled, np.rint(scaled))
            if not off.any():
                return decimals
            rest = rest[off]
        worst = int(np.flatnonzero(values == rest[0])[0])
        raise table.bad(worst, column.name, f"needs more than {MAX_DECIMALS} decimals; declare price_decimals or quantity_decimals")
    integers(table, column, 0)  # says what is wrong with it
    return worst


def _on_grid(scaled: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    on: npt.NDArray[np.bool_] = np.abs(scaled - whole) <= np.minimum(NEAR, NOISE * np.abs(scaled))
    return on


def _rescaled(table: Table, column: Column, decimals: int) -> Ints:
    values: Ints = column.values.astype(np.int64)
    if decimals >= column.scale:
        up = 10 ** (decimals - column.scale)
        if (bad := np.flatnonzero(np.abs(values) > (2**63 - 1) // up)).size:
            raise table.bad(int(bad[0]), column.name, f"at {decimals} decimals does not fit in 63 bits")
        larger: Ints = values * up
        return larger
    down = 10 ** (column.scale - decimals)
    if (bad := np.flatnonzero(values % down)).size:
        raise table.bad(int(bad[0]), column.name, f"is not a multiple of {10.0**-decimals:.{decimals}f}")
    smaller: Ints = values // down
    return smaller

