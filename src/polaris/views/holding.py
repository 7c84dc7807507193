"""What is held of one instrument and what it earned, at average cost.

Cost, profit and turnover are counted in ticks times lots, as Python integers that can't overflow; they become money
only when shown. After every fill, exactly:
    cost of what is held - realised profit = bought - sold
"""

from polaris.domain.instrument import Instrument
from polaris.domain.numbers import MONEY_DECIMALS


class Holding:
    """The fold of one instrument's fills.

    lots      held, negative where short
    cost      of what is held, signed as lots; a partial close takes its share of it, rounded down by less than one
    realised  profit of what was closed, before fees
    traded    turnover
    fees      units of money
    """

    __slots__ = ("cost", "fees", "forecast", "lots", "mid2", "realised", "target", "traded")

    def __init__(self) -> None:
        self.lots = self.cost = self.realised = self.traded = self.fees = 0
        self.target = self.mid2 = 0  # lots wanted, and twice the mid, as the newest record told
        self.forecast = 0.0

    def fill(self, bought: int, price: int, fee: int) -> int | None:
        """Apply a fill of `bought` lots (negative: sold) at `price` ticks.

        returns  the profit it realised, ticks times lots; None where it closed nothing
        """
        self.fees += fee
        self.traded += abs(bought) * price
        closed = min(abs(self.lots), abs(bought)) if self.lots * bought < 0 else 0
        if not closed:
            self.lots += bought
            self.cost += bought * price
            return None
        sign = 1 if self.lots > 0 else -1
        cost = sign * (abs(self.cost) * closed // abs(self.lots))
        profit = sign * closed * price - cost
        self.realised += profit
        self.cost += bought * price + profit  # exactly the price of what this fill opened, where it turned the position
        self.lots += bought
        return profit

    def unrealised(self, mid2: int) -> int:
        """Profit in half ticks times lots were all closed at the mid; mid2 is twice the mid, in ticks."""
        return mid2 * self.lots - 2 * self.cost


def money(tick_lots: int, instrument: Instrument, parts: int = 1) -> int:
    """Ticks times lots as units of money, rounded down; parts 2 where they are half ticks."""
    decimals = MONEY_DECIMALS - instrument.price_decimals - instrument.quantity_decimals
    scale: int = 10 ** abs(decimals)
    return tick_lots * scale // parts if decimals >= 0 else tick_lots // (parts * scale)
