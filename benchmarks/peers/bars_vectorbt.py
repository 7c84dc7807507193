"""Work B on vectorbt's Rust engine: one run over a million bars, and the sweep of 1,000 pairs over 100,000, in chunks."""

import sys

import pandas as pd
import vectorbt as vbt
from timing import measured, say

from work import CASH, FEE, PAIRS, SIZE, TICK, bars

ENGINE = "rust"


def run(close, fast, slow):
    """One portfolio a pair."""
    quick, calm = vbt.MA.run(close, fast), vbt.MA.run(close, slow)
    return vbt.Portfolio.from_signals(
        close, quick.ma_crossed_above(calm), quick.ma_crossed_below(calm), size=SIZE, fees=FEE, init_cash=CASH, freq="1min", engine=ENGINE
    )


def closes(count):
    """A series of closes."""
    _, _, _, close, _, start = bars(count)
    return pd.Series(close * TICK, index=pd.to_datetime(start), name="close")


def sweep(close, chunk=100):
    """Fills of each pair, in order."""
    fills = []
    for first in range(0, len(PAIRS), chunk):
        fast, slow = zip(*PAIRS[first : first + chunk], strict=True)
        portfolio = run(close, list(fast), list(slow))
        fills += [int(count) for count in portfolio.orders.count()]
        portfolio.total_return()
    return fills


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    if isinstance(vbt.settings["engine"], str):
        vbt.settings["engine"] = ENGINE
    run(closes(1000), 10, 50).orders.count()
    million = closes(1_000_000)
    fills, seconds = measured(lambda: lambda: int(run(million, 10, 50).orders.count()), times)
    say("vectorbt", vbt.__version__, "bars 10/50", 1_000_000, seconds, fills=fills)
    close = closes(100_000)
    each, seconds = measured(lambda: lambda: sweep(close), 1)
    say("vectorbt", vbt.__version__, "sweep", len(PAIRS), seconds, fills=sum(each), fills_of_each=each)
