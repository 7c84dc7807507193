"""A thousand pairs of windows over a month of bars, in a fraction of a second.

usage: python examples/sweep.py            after python examples/make_data.py
"""

from pathlib import Path

from polaris.desk.settings import DeskSettings, ExecutionSettings
from polaris.research.data import Source, load
from polaris.research.sweep import CROSSOVER, sweep

BARS = Path(__file__).resolve().parent.parent / "data" / "examples" / "bars.parquet"


def main() -> None:
    """Print the five best pairs."""
    data = load([Source(path=str(BARS), symbol="BTC-USDT.binance")])
    pairs = [(fast, slow) for fast in range(5, 45) for slow in range(50, 175, 5)]
    settings = DeskSettings(execution=ExecutionSettings(taker_fee=0.0005))
    outcome = sweep(data.rows["price"], CROSSOVER, pairs, data.instruments[0], settings, lots=10_000)
    print("fast slow   fills      equity  deepest fall")
    for row in outcome.best(5):
        print(f"{row['fast']:4} {row['slow']:4} {row['fills']:7,} {row['equity'] / 1e8:11,.2f} {row['max_drawdown']:12.2%}")


if __name__ == "__main__":
    main()
