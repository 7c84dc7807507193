"""bench_pipeline: events, bars and parameters a second through the whole desk, beside its peers and its bound.

CPU time, the median of three, one core. The work is `work.py`'s, the very one each peer is given; a run whose orders or
fills are not the peers' is an error, not a figure.

    python benchmarks/bench_pipeline.py [--json] [--peers 0]
"""

import argparse
import gc
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from json import dumps, loads
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bound  # noqa: E402
from polaris.desk.alpha.crossover import crossover  # noqa: E402
from polaris.desk.bank import default_bank  # noqa: E402
from polaris.desk.columns import Bank  # noqa: E402
from polaris.desk.pipeline import Desk  # noqa: E402
from polaris.desk.settings import DeskSettings, RiskSettings  # noqa: E402
from polaris.desk.strategy import Strategy, Trader  # noqa: E402
from polaris.domain.market import TRADE  # noqa: E402
from polaris.domain.orders import MARKET  # noqa: E402
from polaris.research.backtest import PORTION  # noqa: E402
from rows import bar_rows, book_rows, instruments, settings, tick_rows  # noqa: E402
from work import FEE, LATENCY, Cross  # noqa: E402

SIZE = 1_000_000  # quotes and as many trades, bars, changes of a book
QUICK = {"size": 20_000, "times": 1, "peers": False}
LOTS = 100
SWEEP_FILLS = 1_495_122  # in exact integers; a float average breaks ties its own way: vectorbt counts 1,495,116 (numba) and 1,495,120 (Rust)
PPM = round(FEE * 1e6)
PEERS = HERE.parent / ".venv-peers"
SCRIPTS = {"hftbacktest": "ticks_hftbacktest.py", "nautilus": "ticks_nautilus.py", "vectorbt": "bars_vectorbt.py"}
# figure: (what it is, unit, target, the peer's work it stands beside)
FIGURES = {
    "compiled_events_per_second": ("compiled strategy", "events/s", 50e6, "ticks compiled 10/20"),
    "pipeline_events_per_second": ("the whole pipeline, L2", "events/s", 5e6, ""),
    "python_events_per_second": ("plain Python, few orders", "events/s", 1e6, "ticks python 500/1000"),
    "python_events_per_second_many_orders": ("plain Python, many orders", "events/s", 1e6, "ticks python 10/20"),
    "microseconds_per_order": ("an order of plain Python", "us", 5.0, ""),
    "bars_per_second": ("bars, one run", "bars/s", 100e6, "bars 10/50"),
    "sweep_combinations_per_second": ("sweep, 100,000 closes each", "combinations/s", 3_000.0, "sweep"),
    "sweep_peak_mb": ("memory of the sweep", "MB", 200.0, ""),
    "import_seconds": ("import polaris", "s", 0.3, ""),
}
LESS_IS_BETTER = ("microseconds_per_order", "sweep_peak_mb", "import_seconds")


class Average(Strategy):
    """The crossover in plain Python, as a user writes it. With sends=False it only watches."""

    def __init__(self, fast: int, slow: int, sends: bool = True) -> None:
        self.push = Cross(fast, slow).push
        self.sends = sends
        self.long = False

    def on_row(self, row: Any, desk: Trader) -> None:
        if row.kind != TRADE:
            return
        signal = self.push(row.price)
        if signal and self.sends:
            if signal > 0 and not self.long:
                desk.buy(0, LOTS, MARKET)
                self.long = True
            elif signal < 0 and self.long:
                desk.sell(0, LOTS, MARKET)
                self.long = False


def main(peers: bool = True, size: int = SIZE, times: int = 3) -> dict[str, Any]:
    """Measure everything.

    size   of each stream; at another than SIZE our counts are compared with the bound's alone, and the peers' work is another
    times  of each; the median counts
    """
    found = ours(size, times) | sweep_figures(times) | {"import_seconds": import_seconds()}
    found["checked"]["fills of the sweep"] = found["sweep_fills"]
    result = {name: found[name] for name in FIGURES}
    result |= {"bound": found["bound"], "checked": found["checked"], "peers": peer_figures() if peers else []}
    result |= {"times": times, "python": platform.python_version(), "processor": processor()}
    return result


def ours(size: int, times: int) -> dict[str, Any]:
    """Every figure that is measured in this process."""
    found: dict[str, Any] = {"bound": {}, "checked": {}}
    checked = found["checked"]

    def known(count: int, of_the_bound: int) -> int:
        """What every engine comes to."""
        return count if size == SIZE else of_the_bound

    rows = tick_rows(size)
    warm()
    (orders, _), seconds = median(lambda: None, lambda _: bound.ticks(rows, 10, 20, LOTS, LATENCY, PPM), times)
    found["bound"]["compiled_events_per_second"] = len(rows) / seconds
    agree("orders 10/20 of the bound", orders, known(60_016, orders))
    strategy_desk(10, 20).advance(rows[:4096])
    desk, seconds = median(lambda: strategy_desk(10, 20), lambda desk: feed(desk.advance, rows), times)
    checked["orders 10/20"] = agree("orders 10/20 on ticks", int(desk.account["submits"]), orders)
    found["compiled_events_per_second"] = len(rows) / seconds
    calm = strategy_desk(500, 1000)
    feed(calm.advance, rows)
    seldom = known(1_093, bound.ticks(rows, 500, 1000, LOTS, LATENCY, PPM)[0])
    checked["orders 500/1000"] = agree("orders 500/1000 on ticks", int(calm.account["submits"]), seldom)

    python_desk(500, 1000).run(rows[:4096])
    trader, seconds = median(lambda: python_desk(500, 1000), lambda trader: feed(trader.run, rows), times)
    agree("orders 500/1000 in Python", int(trader.desk.account["submits"]), seldom)
    found["python_events_per_second"] = len(rows) / seconds

    few = tick_rows(size // 10)
    spent = []
    for _ in range(2 * times - 1):  # in turn: a slow minute of the machine meets both
        trader, busy = median(lambda: python_desk(10, 20), lambda trader: feed(trader.run, few), times=1)
        _, idle = median(lambda: python_desk(10, 20, sends=False), lambda trader: feed(trader.run, few), times=1)
        spent.append((busy, busy - idle))
    orders = known(6_005, bound.ticks(few, 10, 20, LOTS, LATENCY, PPM)[0])
    checked["orders 10/20 on a tenth"] = agree("orders 10/20 on a tenth of the ticks", int(trader.desk.account["submits"]), orders)
    found["python_events_per_second_many_orders"] = len(few) / statistics.median(busy for busy, _ in spent)
    found["microseconds_per_order"] = statistics.median(more for _, more in spent) / orders * 1e6

    rows = bar_rows(size)
    (fills, _), seconds = median(lambda: None, lambda _: bound.bars(rows, 10, 50, LOTS, PPM), times)
    found["bound"]["bars_per_second"] = len(rows) / seconds
    agree("fills 10/50 of the bound", fills, known(27_520, fills))
    strategy_desk(10, 50).advance(rows[:4096])
    desk, seconds = median(lambda: strategy_desk(10, 50, equity_sample_s=86_400), lambda desk: feed(desk.advance, rows), times)
    checked["fills 10/50 on bars"] = agree("fills 10/50 on bars", int(desk.account["fills"]), fills)
    found["bars_per_second"] = len(rows) / seconds

    rows = book_rows(size)
    whole_desk().advance(rows[:4096])
    desk, seconds = median(whole_desk, lambda desk: feed(desk.advance, rows), times)
    found["pipeline_events_per_second"] = len(rows) / seconds
    checked["pipeline orders"], checked["pipeline fills"] = int(desk.account["submits"]), int(desk.account["fills"])
    return found


def warm() -> None:
    """Compile what is of this measurement alone: the bound, and what makes the rows."""
    bound.ticks(tick_rows(1_000), 10, 20, LOTS, LATENCY, PPM)
    bound.bars(bar_rows(1_000), 10, 50, LOTS, PPM)
    book_rows(1_000)


def strategy_desk(fast: int, slow: int, equity_sample_s: int = 1) -> Desk:
    """The desk with the compiled crossover."""
    return Desk(settings(equity_sample_s), instruments(), Bank([crossover(fast, slow, LOTS)], instruments()))


def python_desk(fast: int, slow: int, sends: bool = True) -> Trader:
    """The desk with the crossover in plain Python."""
    return Trader(Desk(settings(), instruments(), Bank([], instruments())), Average(fast, slow, sends))


def whole_desk() -> Desk:
    """The desk as it comes: all features, four alphas, ensemble, Kelly, limits, gate, queue-aware fills."""
    wide = RiskSettings(max_daily_loss=1e9, max_drawdown=1.0)
    return Desk(DeskSettings(risk=wide), instruments(), default_bank(instruments()))


def feed(advance: Callable[[Any], Any], rows: Any) -> None:
    """Portion by portion, as a backtest does."""
    for first in range(0, len(rows), PORTION):
        advance(rows[first : first + PORTION])


def sweep_figures(times: int) -> dict[str, Any]:
    """The sweep, in a process of its own: its peak memory is nobody else's."""
    done = subprocess.run([sys.executable, HERE / "bench_sweep.py", str(times)], capture_output=True, text=True, check=True, timeout=600)
    told = loads(done.stdout)
    return {
        "sweep_combinations_per_second": told["combinations_per_second"],
        "sweep_peak_mb": told["peak_mb"],
        "sweep_fills": agree("fills of the sweep", told["fills"], SWEEP_FILLS),
    }


def import_seconds() -> float:
    """Seconds `import polaris` takes in a fresh interpreter, the median of five."""
    code = "import time; start = time.perf_counter(); import polaris; print(time.perf_counter() - start)"
    times = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in range(5)]
    return statistics.median(map(float, times))


def peer_figures() -> list[dict[str, Any]]:
    """What every installed peer says of the same work; empty where `make bench-peers` was not run."""
    said = []
    for peer, script in SCRIPTS.items():
        python = PEERS / peer / "bin" / "python"
        if not python.exists():
            continue
        done = subprocess.run([python, "-W", "ignore", HERE / "peers" / script], capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            said.append({"peer": peer, "failed": done.stderr.strip().splitlines()[-1:]})
        said += [loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return said


def median(prepare: Callable[[], Any], run: Callable[[Any], Any], times: int) -> tuple[Any, float]:
    """(what the last run made, median CPU seconds); where run gives nothing, what prepare gave it."""
    spent = []
    for _ in range(times):
        subject = prepare()
        gc.collect()  # what was made before, the compiler's leavings above all, is not this work's to clean up
        start = time.process_time()
        made = run(subject)
        spent.append(time.process_time() - start)
    return (subject if made is None else made), statistics.median(spent)


def agree(what: str, found: int, expected: int) -> int:
    """The count itself, where it is the one every engine reaches; else an error."""
    if found != expected:
        raise SystemExit(f"{what}: found {found:,}, every engine has {expected:,}: this is not the same work")
    return found


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def show(result: dict[str, Any]) -> None:
    """Print ours, the target, the peer and the bound, with ratios."""
    from rich.console import Console
    from rich.table import Table

    by_work = {row["work"]: row for row in result["peers"] if "work" in row}
    table = Table(title=f"bench_pipeline · {result['processor']} · Python {result['python']} · CPU time, median of {result['times']}")
    for name in ("figure", "ours", "target", "peer", "ratio", "bound", "of it"):
        table.add_column(name, justify="left" if name in ("figure", "peer") else "right")
    for name, (title, unit, target, work) in FIGURES.items():
        value = result[name]
        met = value <= target if name in LESS_IS_BETTER else value >= target
        peer, limit = by_work.get(work), result["bound"].get(name)
        table.add_row(
            title, f"[{'green' if met else 'red'}]{short(value)}[/] {unit}", f"{'<=' if name in LESS_IS_BETTER else '>='} {short(target)}",
            f"{peer['peer']} {peer['version']}: {short(peer['per_second'])}" if peer else "", f"{value / peer['per_second']:,.1f} x" if peer else "",
            short(limit) if limit else "", f"{value / limit:.0%}" if limit else "",
        )  # fmt: skip
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print("counts: " + ", ".join(f"{name} {count:,}" for name, count in result["checked"].items()))


def short(value: float) -> str:
    """A figure as people compare it: 17.7 M, 5,174, 0.0011."""
    if value >= 1e6:
        return f"{value / 1e6:,.1f} M"
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"


if __name__ == "__main__":
    wanted = argparse.ArgumentParser(description="Measure the whole desk beside its peers and its bound.")
    wanted.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    wanted.add_argument("--peers", type=int, default=1, help="0 leaves the peers out")
    options = wanted.parse_args()
    told = main(peers=bool(options.peers))
    print(dumps(told, indent=2)) if options.json else show(told)
