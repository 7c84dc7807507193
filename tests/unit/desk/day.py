"""A made-up day at three instruments: everything that can come to a desk, in an order told by a seed.

The first has a deep book, the second quotes with depth behind them, the third bars. Some rows are the truth's opposite
on purpose: crossed books, updates left open, reports on orders that never were.
"""

import msgspec
import numpy as np

from polaris.desk.bank import BankSettings
from polaris.domain.control import DEPOSIT, KILL, PAUSE, RELEASE, RESUME
from polaris.domain.market import DISCONNECTED, LIVE, SYNCING, Rows
from polaris.domain.orders import ACCEPT, CANCEL_DONE, EXPIRE, FILL_LAST, FILL_PART, REJECT
from tests.unit.desk.rows import DOLLAR, MILLI, Market

QUICK = msgspec.convert(  # a bank that has an opinion within some dozen rows
    {
        "entry_points": False,
        "features": {"volatility": {"sample_ns": 0, "warmup": 3}},
        "alphas": {"momentum": {"sample_ns": 0}, "reversion": {"warmup": 10}, "flow": {"warmup": 3.0}},
        "ensemble": {"horizon_ns": 100 * MILLI, "warmup": 0.1, "enough": 1.0},
    },
    BankSettings,
)


class Day:
    """A day told by a seed: two books that move, gap and come back, quotes on one of them, bars, operators and a venue's reports."""

    def __init__(self, seed: int, n: int) -> None:
        self.dice = np.random.default_rng(seed)
        self.market = Market(step_ns=int(self.dice.integers(30, 200)) * MILLI)
        self.mids = [10_000, 20_000, 5_000]
        self.books: list[tuple[dict[int, int], dict[int, int]]] = [({}, {}), ({}, {})]
        self.snapshot(0)
        self.snapshot(1)
        while len(self.market) < n:
            self.step()

    def number(self, low: int, high: int) -> int:
        return int(self.dice.integers(low, high))

    def snapshot(self, instrument: int) -> None:
        mid = self.mids[instrument]
        bids = {mid - 1 - k: self.number(1, 900) for k in range(self.number(3, 16))}
        asks = {mid + 1 + k: self.number(1, 900) for k in range(self.number(3, 16))}
        self.books[instrument] = bids, asks
        self.market.depth(bids, asks, instrument=instrument, snapshot=True)

    def levels(self, instrument: int) -> None:
        """Some levels change around a mid that may have moved; now and then the book is left crossed, or the update is not closed."""
        if self.dice.random() < 0.4:
            self.mids[instrument] += self.number(-3, 4)
        mid, (bids, asks) = self.mids[instrument], self.books[instrument]
        crossed = self.dice.random() < 0.03
        bid_changes = {price: 0 for price in bids if price >= mid and not crossed}
        ask_changes = {price: 0 for price in asks if price <= mid and not crossed}
        for _ in range(self.number(1, 4)):
            bid_changes[mid - self.number(1, 14)] = self.number(0, 4) * 100
            ask_changes[mid + self.number(1, 14)] = self.number(0, 4) * 100
        bid_changes[mid - 1] = ask_changes[mid + 1] = self.number(1, 500)
        bids.update(bid_changes)
        asks.update(ask_changes)
        self.market.depth(bid_changes, ask_changes, instrument=instrument, closed=self.dice.random() > 0.1)

    def step(self) -> None:
        """One happening; most are of the market."""
        dice, market, number = self.dice, self.market, self.number
        instrument = number(0, 2)
        mid = self.mids[instrument]
        match dice.choice(10, p=[0.3, 0.14, 0.3, 0.08, 0.01, 0.03, 0.04, 0.006, 0.034, 0.06]):
            case 0:
                self.levels(instrument)
            case 1:
                market.quote(self.mids[1] - 1, self.mids[1] + 1 - int(dice.random() < 0.03) * 3, number(1, 500), number(1, 500), instrument=1)
            case 2:
                market.trade(mid + number(-2, 3), number(1, 600), sells=bool(dice.random() < 0.5), instrument=instrument)
            case 3:
                before = self.mids[2]
                self.mids[2] = close = before + number(-9, 10)
                market.bar(before, max(before, close) + number(0, 4), min(before, close) - number(0, 4), close, instrument=2)
            case 4:
                market.status(int(dice.choice([SYNCING, DISCONNECTED])), instrument=instrument)
            case 5:
                market.status(LIVE, instrument=instrument)
                self.snapshot(instrument)
            case 6:
                market.timer(after=number(0, 2000) * MILLI if dice.random() < 0.7 else 0)
            case 7:
                market.control(int(dice.choice([PAUSE, KILL])))
            case 8:
                market.control(int(dice.choice([RESUME, RELEASE])))
                market.control(DEPOSIT, number(-5, 6) * DOLLAR)
            case _:  # a real venue's word on one of the first orders, true or not; a simulated one says nothing here
                what = int(dice.choice([ACCEPT, FILL_PART, FILL_LAST, CANCEL_DONE, EXPIRE, REJECT]))
                market.report(number(0, 12), what, mid, number(1, 300), number(-3, 4), instrument=instrument)


def a_day(seed: int, n: int) -> Rows:
    """n rows or a few more."""
    return Day(seed, n).market.take()
