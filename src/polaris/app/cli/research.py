"""The verbs of proof and speed: backtest, parity, bench."""

import importlib.util
import inspect
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polaris.app.cli.console import FAILED, Json, note, output, print_json, progress, say, stages, verb, warm_first
from polaris.domain.errors import BadConfig

if TYPE_CHECKING:
    from polaris.domain.instrument import Instruments
    from polaris.domain.market import Rows

BENCHMARKS = Path(__file__).resolve().parents[4] / "benchmarks"


def add_to(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    app.command()(backtest)
    app.command()(parity)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(bench)


@verb
def backtest(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A TOML file: data, strategy, desk settings.")],
    capture: Annotated[Path | None, typer.Option(metavar="FILE", help="Run over this capture instead of the data it names.")] = None,
    venue: Annotated[str | None, typer.Option(help="Venue of a capture without a header.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report page here; it opens offline.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write fills and equity here as Parquet.")] = None,
    as_json: Json = False,
) -> None:
    """Run the desk over bars, trades, captures or a log, and sum up what it earned.

    \b
    Examples:
      polaris backtest momentum.toml --html report.html
      polaris backtest pipeline.toml --capture coinbase.jsonl.gz --json
    """
    for path in (config, *([capture] if capture else [])):
        if not path.is_file():
            raise BadConfig(f"there is no {path}")
    warm_first(quiet=as_json)
    import msgspec

    from polaris.research.backtest import run
    from polaris.research.page import write_page

    with progress("backtest", quiet=as_json) as advance:
        result = run(config, rows=_rows_of(capture, venue) if capture else None, progress=advance)
    written = result.to_parquet(out) if out else []
    if html:
        write_page(result, html)
        written.append(html)
    summary = msgspec.structs.asdict(result.summary())
    if as_json:
        return print_json({**summary, "written": written})
    _show_summary(result.name, summary)
    for path in written:
        say(f"written: {path}")
    return None


def _rows_of(capture: Path, venue: str | None) -> "tuple[Instruments, Rows]":
    """A capture as the desk would have heard it, numbered in order."""
    import numpy as np

    from polaris.venues.replay import rows_of_capture

    instruments, rows = rows_of_capture(capture, venue)
    rows["seq"] = np.arange(len(rows))
    return instruments, rows


@verb
def parity(
    recording: Annotated[Path, typer.Argument(metavar="RECORDING", help="A capture file.")],
    venue: Annotated[str | None, typer.Option(help="Venue of a file without a header.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="Certify the desk of this settings file.")] = None,
    speed: Annotated[float, typer.Option(help="Of the recording, times real time; 0 plays it within some ten seconds.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Prove that live, replay and backtest decide alike: three runs, one digest.

    The recording is played to the desk over real sockets; then the log of that run is replayed, and its rows backtested. Exit
    code 1 where any decision differs. Without --config the desk is one that trades on everything, so that there is much to
    compare.

    \b
    Example:
      polaris parity coinbase.jsonl.gz --json
    """
    if not recording.is_file():
        raise BadConfig(f"there is no recording {recording}")
    warm_first(quiet=as_json)
    from polaris.app.parity import certify

    chosen = None
    if config is not None:
        from polaris.app.run import core_settings
        from polaris.app.settings import load

        chosen = core_settings(load(config).settings)
        if chosen.desk.execution.fill_model == "venue":
            raise BadConfig("execution.fill_model is 'venue', and a recording fills no orders; expected 'mid', 'touch' or 'queue'")
    with stages("parity", quiet=as_json) as tell:
        certificate = certify(recording, venue=venue or "", settings=chosen, speed=speed, progress=tell)
    if as_json:
        print_json(certificate)
    else:
        equal = certificate["equal"]
        for way in ("live", "replay", "backtest"):
            say(f"{way:<10} {certificate[way]}")
        say(f"{'equal' if equal else 'NOT EQUAL'}: {certificate['decisions']:,} decisions, {certificate['orders']:,} orders, {certificate['fills']:,} fills")
    if not certificate["equal"]:
        raise typer.Exit(FAILED)


@verb
def bench(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which one; none lists them.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="At its smallest, to see that it works: such figures mean nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a path of the data, or list what can be measured.

    Further --options VALUE go to the benchmark.

    \b
    Examples:
      polaris bench
      polaris bench pipeline --json
      polaris bench tick-to-order
      polaris bench matching --quick
    """
    known = _benchmarks()
    if name is None:
        meanings = {title: _meaning(path) for title, path in known.items()}
        if as_json:
            return print_json(meanings)
        for title, meaning in meanings.items():
            say(f"{title:<20} {meaning}")
        return None
    path = known.get(name.replace("_", "-"))
    if path is None:
        raise BadConfig(f"there is no benchmark {name!r}; there are {', '.join(known) or 'none: they are in a checkout, not in the package'}")
    module, options = _load(path), _options(context.args)
    known_options = list(inspect.signature(module.main).parameters)
    if strange := [option for option in options if option not in known_options]:
        shown = ", ".join(f"--{option.replace('_', '-')}" for option in known_options) or "none"
        raise BadConfig(f"benchmark {name} has no option --{strange[0].replace('_', '-')}; it has {shown}")
    if quick:
        options = module.QUICK | options
        note("--quick: it works; the figures of so short a run mean nothing")
    result = module.main(**options)
    print_json(result) if as_json else module.show(result)
    return None


def warm_benches() -> None:
    """Compile the kernels that are the benchmarks' own."""
    for path in _benchmarks().values():
        if "\ndef warm(" in path.read_text("utf-8"):
            _load(path).warm()


def _benchmarks() -> dict[str, Path]:
    """Benchmarks by name: those of the checkout we run from, else of the folder we stand in."""
    folders = [folder for folder in (BENCHMARKS, Path.cwd() / "benchmarks") if folder.is_dir()]
    return {path.stem.removeprefix("bench_").replace("_", "-"): path for path in sorted(folders[0].glob("bench_*.py"))} if folders else {}


def _load(path: Path) -> ModuleType:
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))  # a benchmark may import its neighbours
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise BadConfig(f"{path} can't be loaded as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _meaning(path: Path) -> str:
    import ast

    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return docstring.partition("\n")[0].removeprefix(f"{path.stem}: ")


def _options(arguments: list[str]) -> dict[str, Any]:
    """`--events 1000 --peers` as {"events": 1000, "peers": True}; a value is a number, true or false where it reads as one."""
    options: dict[str, Any] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("--"):
            name = argument.removeprefix("--").replace("-", "_")
            options[name] = True
        elif name:
            options[name] = _value(argument)
            name = ""
        else:
            raise BadConfig(f"{argument!r} is no option of a benchmark; expected --name value")
    return options


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


FRACTIONS = frozenset({"total_return", "annual_return", "max_drawdown", "exposure", "hit_rate", "maker_share", "probabilistic_sharpe"})


def _show_summary(title: str, summary: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=title, box=None, pad_edge=False, show_header=False, title_justify="left", title_style="bold")
    table.add_column(style="bright_black")
    table.add_column(justify="right")
    for name, value in summary.items():
        table.add_row(name.replace("_", " "), _figure(name, value))
    output().print(table)


def _figure(name: str, value: Any) -> str:
    """One figure as people read it; "-" where it has no meaning."""
    match value:
        case float() if math.isnan(value):
            return "-"
        case int() if name in ("start", "end"):
            return datetime.fromtimestamp(value // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        case float() if name in FRACTIONS:
            return f"{value:.2%}"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}"
        case _:
            return str(value)
