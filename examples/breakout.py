"""A plain Python strategy: buy above the highest close of a while, leave below the lowest of half of it."""

from collections import deque

from polaris.desk.strategy import Strategy, Trader
from polaris.domain.market import BAR, Row
from polaris.domain.orders import MARKET


class Breakout(Strategy):
    """One position at a time, long only.

    bars  how far back the channel looks
    lots  size of a position
    """

    def __init__(self, bars: int = 240, lots: int = 10_000) -> None:
        self.closes: deque[int] = deque(maxlen=bars)
        self.lots = lots
        self.long = False

    def on_row(self, row: Row, desk: Trader) -> None:
        """Every row, after the desk has seen it."""
        if row.kind != BAR:
            return
        closes, price = self.closes, row.price
        if len(closes) == closes.maxlen:
            if not self.long and price > max(closes):
                self.long = desk.buy(row.instrument, self.lots, MARKET) > 0
            elif self.long and price < min(list(closes)[len(closes) // 2 :]):
                self.long = desk.sell(row.instrument, self.lots, MARKET) == 0
        closes.append(price)
