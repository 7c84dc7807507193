"""A made-up market: boundaries to measure and test kernels with, the same for the same seed.

Prices walk, queues refill, levels go missing, trades fall between book changes, clocks sometimes stand still, and now
and then a book is crossed for one update. Nothing here is fit to trade on.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.desk.columns import LEVELS, TOP
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import BAR, DEPTH, QUOTE, TRADE

START = 1_700_000_000_000_000_000


def sample_instruments(n: int = 3) -> Instruments:
    """n instruments: one base on three venues in three dollars, then the next base, at their own decimals."""
    places = (("coinbase", "USD"), ("binance", "USDT"), ("kraken", "USDC"))
    bases = ("BTC", "ETH", "SOL", "XRP")
    items = []
    for i in range(n):
        venue, quote = places[i % 3]
        key = Key(venue, Product.SPOT, bases[i // 3 % 4] + (str(i // 12) if i >= 12 else ""), quote)
        items.append(Instrument(id=InstrumentId(i), key=key, wire=f"{key.base}{quote}", price_decimals=2 + i % 2, quantity_decimals=8))
    return Instruments(items)


def sample_tops(
    n: int, instruments: int = 3, *, seed: int = 7, trades: float = 0.25, step_ns: int = 2_000_000, crossed: float = 0.01
) -> tuple[Any, npt.NDArray[np.int64]]:
    """(TOP[n], depth int64[n, 4, LEVELS]) of mixed instruments.

    trades   share of boundaries made by a trade
    step_ns  mean time between two boundaries; a tenth of them share their time with the one before
    crossed  share of book changes with bid >= ask
    """
    dice = np.random.default_rng(seed)
    tops = np.zeros(n, TOP)
    tops["ts"] = START + np.cumsum(np.where(dice.random(n) < 0.1, 0, dice.integers(1, 2 * step_ns, n)))
    tops["instrument"] = dice.integers(0, instruments, n)
    tops["kind"] = np.where(dice.random(n) < trades, TRADE, np.where(dice.random(n) < 0.9, DEPTH, QUOTE))
    depth = np.zeros((n, 4, LEVELS), np.int64)
    for i in range(instruments):
        _fill(tops, depth, np.flatnonzero(tops["instrument"] == i), 10 ** (i % 2), dice, crossed)
    return tops, depth


def sample_bars(n: int, instruments: int = 1, *, seed: int = 7, interval_ns: int = 60_000_000_000) -> tuple[Any, npt.NDArray[np.int64]]:
    """(TOP[n], depth) as bars make them: bid, ask and price are the close."""
    dice = np.random.default_rng(seed)
    tops = np.zeros(n, TOP)
    tops["instrument"] = np.arange(n) % instruments
    tops["ts"] = START + (np.arange(n) // instruments + 1) * interval_ns
    tops["kind"] = BAR
    for i in range(instruments):
        mine = tops["instrument"] == i
        tops["price"][mine] = 5_000_000 + np.cumsum(dice.integers(-3000, 3001, int(mine.sum())))
    tops["bid"] = tops["ask"] = tops["price"]
    tops["lots"] = dice.integers(0, 10**9, n)
    tops["bid_lots"] = tops["ask_lots"] = 2**40
    depth = np.zeros((n, 4, LEVELS), np.int64)
    depth[:, 0, 0], depth[:, 2, 0] = tops["price"], tops["price"]
    depth[:, 1, 0], depth[:, 3, 0] = 2**40, 2**40
    return tops, depth


def _fill(tops: Any, depth: npt.NDArray[np.int64], at: npt.NDArray[np.int64], scale: int, dice: np.random.Generator, crossed: float) -> None:
    """The boundaries `at` of one instrument: a book that changes at all of them but trades."""
    m = len(at)
    if m == 0:
        return
    last = np.arange(m)  # the latest book change at or before each boundary
    changes = tops["kind"][at] != TRADE
    changes[0] = True
    tops["kind"][at[0]] = DEPTH
    last = np.maximum.accumulate(np.where(changes, last, 0))
    walk = 5_000_000 * scale + np.cumsum(dice.integers(-100, 101, m) * (dice.random(m) < 0.3))
    half = dice.integers(1, 4, m)
    half[dice.random(m) < crossed] = -1
    gaps = dice.integers(1, 3, (2, m, LEVELS)).cumsum(axis=2)
    lots = dice.integers(1, 10**8, (2, m, LEVELS)) * (np.arange(LEVELS) < dice.integers(1, LEVELS + 6, (2, m, 1)))
    book = np.zeros((m, 4, LEVELS), np.int64)
    book[:, 0] = (walk - half)[:, None] - gaps[0] + gaps[0][:, :1]
    book[:, 2] = (walk + half)[:, None] + gaps[1] - gaps[1][:, :1]
    book[:, 1], book[:, 3] = lots[0], lots[1]
    book[:, 0][book[:, 1] == 0] = 0
    book[:, 2][book[:, 3] == 0] = 0
    depth[at] = book[last]
    for row, name in enumerate(("bid", "bid_lots", "ask", "ask_lots")):
        tops[name][at] = book[last, row, 0]
    buys = dice.random(m) < 0.5
    traded = ~changes
    tops["price"][at] = np.where(traded, np.where(buys, tops["ask"][at], tops["bid"][at]), 0)
    tops["lots"][at] = np.where(traded, np.where(buys, 1, -1) * dice.integers(1, 10**7, m), 0)
