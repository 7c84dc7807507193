"""The work every engine here is given: seeded data and one crossover, with NumPy alone, so that peers can import it too.

A   n quotes and n trades in turn; a moving average of trade prices crosses another; market orders, 10 bps
B   minute bars; the same crossover on closes; once over a million bars, and 1,000 window pairs over 100,000
L2  a book that stays whole: sizes change near the touch, the touch walks, trades take from it
"""

import numpy as np

SEED = 7
TICK = 0.01
START = 1_700_000_000_000_000_000  # ns
STEP = 500_000  # ns between two events
SIZE = 0.1
FEE = 0.001
CASH = 10_000_000.0
LATENCY = 100_000  # ns
PAIRS = [(fast, slow) for fast in range(5, 45) for slow in range(50, 175, 5)]  # 1,000


def ticks(n=1_000_000, seed=SEED):
    """(bid, ask, price, side, size, time of quotes, time of trades): int64[n] ticks, +1 buy or -1 sell, thousandths, ns."""
    dice = np.random.default_rng(seed)
    mid = 5_000_000 + np.cumsum(dice.integers(-3, 4, n))
    half = dice.integers(1, 3, n)
    bid, ask = mid - half, mid + half
    side = np.where(dice.random(n) < 0.5, 1, -1)
    price = np.where(side > 0, ask, bid)
    size = dice.integers(1, 1000, n)
    quoted = START + np.arange(n, dtype=np.int64) * (2 * STEP)
    return bid, ask, price, side, size, quoted, quoted + STEP


def bars(n=1_000_000, seed=SEED):
    """(open, high, low, close, volume, start): int64[n] ticks, tenths, ns."""
    dice = np.random.default_rng(seed)
    close = 5_000_000 + np.cumsum(dice.integers(-300, 301, n))
    close = np.maximum(close, 10_000)
    opened = np.concatenate(([close[0]], close[:-1]))
    high = np.maximum(opened, close) + dice.integers(0, 200, n)
    low = np.minimum(opened, close) - dice.integers(0, 200, n)
    volume = dice.integers(1, 1000, n)
    minute = 60_000_000_000
    return opened, high, low, close, volume, START // minute * minute + np.arange(n, dtype=np.int64) * minute


class Cross:
    """The crossover in plain Python: push(x) is +1 or -1 where it crosses, else 0; the first stretch counts for nothing."""

    __slots__ = ("count", "fast", "fast_sum", "slow", "slow_sum", "up", "window")

    def __init__(self, fast, slow):
        self.fast, self.slow = fast, slow
        self.window = [0.0] * slow
        self.count = 0
        self.fast_sum = self.slow_sum = 0.0
        self.up = None

    def push(self, x):
        count, fast, slow, window = self.count, self.fast, self.slow, self.window
        self.fast_sum += x
        self.slow_sum += x
        if count >= fast:
            self.fast_sum -= window[(count - fast) % slow]
        if count >= slow:
            self.slow_sum -= window[count % slow]
        window[count % slow] = x
        self.count = count = count + 1
        if count < slow:
            return 0
        up = self.fast_sum * slow > self.slow_sum * fast
        if up is self.up:
            return 0
        first, self.up = self.up is None, up
        if first:
            return 0
        return 1 if up else -1
