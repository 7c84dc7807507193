"""A backtest: the live desk over recorded rows, and everything it said kept.

    configuration ─▶ data ─▶ rows ─▶ desk, portion by portion ─▶ records ─▶ Result: summary, Parquet, page

Nothing here decides anything: the desk is the one that runs live, so a run of the same rows and settings has the same
digests there and here.
"""

import difflib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from polaris.desk.settings import DeskSettings
from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instruments
from polaris.domain.market import Rows
from polaris.domain.orders import RECORD, Records
from polaris.research.catalog.read import load_catalog
from polaris.research.data import Data, Source, load, load_log
from polaris.research.result import Result
from polaris.research.strategies import assemble

PORTION: Final = 1 << 17  # rows between two words of progress


class BacktestConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to run over what: the keys of a backtest's TOML file.

    name      for the report's title
    strategy  "pipeline" (features, alphas, ensemble, Kelly), "crossover", or "module:Name" of your own, see
              research.strategies; the folder of the configuration file is looked in first
    params    keyword arguments of the strategy
    data      files, see research.data.Source
    log       the folder of a desk's log, instead of data
    catalog   the folder of a catalog, instead of data; with `symbols` ("BTC-USD.coinbase") and `days` ("2026-08-09"), all of them where none is named
    desk      equity, and the tables sizing, risk and execution of DeskSettings
    """

    name: str = "backtest"
    strategy: str = "pipeline"
    params: dict[str, Any] = {}
    data: list[Source] = []
    log: str = ""
    catalog: str = ""
    symbols: list[str] = []
    days: list[str] = []
    desk: DeskSettings = DeskSettings()


def read_config(path: Path) -> BacktestConfig:
    """Read a configuration file. Raises BadConfig naming the file and the key, with the nearest key there is."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=BacktestConfig)
    except OSError as cause:
        raise BadConfig(f"{path}: can't be read ({cause.strerror})") from cause
    except (msgspec.DecodeError, ValueError) as cause:
        raise BadConfig(f"{path}: {cause}{_nearest(str(cause))}") from cause


def run(
    config: BacktestConfig | Path | str,
    *,
    rows: tuple[Instruments, Rows] | None = None,
    base: Path = Path(),
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run a backtest to its end.

    config    its path, or the configuration itself
    rows      (instruments, ROW[n]) already decoded, for instance a capture's, instead of the configuration's data
    base      folder that relative paths start from; the configuration file's own, where a path is given
    progress  called with (rows done, rows in all)
    raises    BadConfig, BadData
    """
    if not isinstance(config, BacktestConfig):
        base = Path(config).parent
        config = read_config(Path(config))
    data = Data(*rows) if rows is not None else _load(config, base)
    settings, desk, advance = assemble(config.strategy, config.params, config.desk, data.instruments, base)
    started = time.process_time()
    parts: list[Records] = []
    for first in range(0, len(data.rows), PORTION):
        parts.append(advance(data.rows[first : first + PORTION]))
        if progress is not None:
            progress(min(first + PORTION, len(data.rows)), len(data.rows))
    spent = time.process_time() - started
    return Result(
        name=config.name,
        config=msgspec.to_builtins(msgspec.structs.replace(config, desk=settings)),
        settings=settings,
        instruments=data.instruments,
        rows=data.rows,
        records=_joined(parts),
        gaps=data.gaps,
        state_digest=desk.state_digest(),
        decisions_digest=desk.decisions_digest(),
        cpu_seconds=spent,
    )


def _joined(parts: list[Records]) -> Records:
    """One array of records, copied as bytes: field by field takes ten times as long."""
    return np.frombuffer(bytearray().join(part.view(np.uint8).data for part in parts), RECORD)


def _load(config: BacktestConfig, base: Path) -> Data:
    if sum(map(bool, (config.log, config.data, config.catalog))) > 1:
        raise BadConfig("name data files, a log or a catalog, only one of them")
    if config.catalog:
        return load_catalog(base / config.catalog, config.symbols, config.days)
    return load_log(base / config.log) if config.log else load(config.data, base)


def _nearest(message: str) -> str:
    found = re.search(r"unknown field `([^`]+)`", message)
    known = {name for struct in (BacktestConfig, Source, DeskSettings) for name in _keys(struct)}
    near = difflib.get_close_matches(found[1], sorted(known), 1) if found else []
    return f"; did you mean {near[0]!r}?" if near else ""


def _keys(struct: type[msgspec.Struct]) -> set[str]:
    """The field names of a struct and of the structs it holds."""
    names = set()
    for item in msgspec.structs.fields(struct):
        names.add(item.encode_name)
        if isinstance(item.type, type) and issubclass(item.type, msgspec.Struct):
            names |= _keys(item.type)
    return names


