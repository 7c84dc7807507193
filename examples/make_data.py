"""Made-up data to try backtests on: a month of minute bars and a day of trades, the same for everybody.

usage: python examples/make_data.py        writes data/examples/bars.parquet and trades.parquet
"""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

FOLDER = Path(__file__).resolve().parent.parent / "data" / "examples"
START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def bars(count: int = 30 * 1440) -> pl.DataFrame:
    """Minute bars of a price that wanders, on calm and nervous days, and overshoots: half of an overshoot is gone in ten minutes."""
    dice = np.random.default_rng(7)
    nerves = np.repeat(dice.uniform(0.5, 2.5, count // 1440 + 1), 1440)[:count]
    overshoot = np.zeros(count)
    for i, shock in enumerate(dice.normal(0, 6e-4, count - 1) * nerves[1:]):
        overshoot[i + 1] = 0.5**0.1 * overshoot[i] + shock
    close = np.rint(7_000_000 * np.exp(np.cumsum(dice.normal(0, 2e-4, count) * nerves) + overshoot))
    opened = np.concatenate((close[:1], close[:-1]))
    wick = dice.exponential(900, (2, count)).round() * nerves.round()
    return pl.DataFrame(
        {
            "ts": [START + dt.timedelta(minutes=i) for i in range(count)],
            "open": opened / 100,
            "high": (np.maximum(opened, close) + wick[0]) / 100,
            "low": (np.minimum(opened, close) - wick[1]) / 100,
            "close": close / 100,
            "volume": dice.integers(1, 5_000_000, count) / 100_000,
        }
    )


def trades(count: int = 200_000) -> pl.DataFrame:
    """A day of trades around a price that wanders and comes back."""
    dice = np.random.default_rng(8)
    after = np.sort(dice.integers(0, 86_400_000_000, count))
    price = 7_000_000 + np.cumsum(dice.integers(-40, 41, count))
    return pl.DataFrame(
        {
            "ts": [START + dt.timedelta(microseconds=int(us)) for us in after],
            "price": price / 100,
            "size": dice.integers(1, 200_000, count) / 100_000,
            "side": np.where(dice.random(count) < 0.5, "buy", "sell"),
        }
    )


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, frame in (("bars", bars()), ("trades", trades())):
        frame.write_parquet(FOLDER / f"{name}.parquet", compression="zstd")
        print(f"{FOLDER / name}.parquet: {frame.height:,} rows")
