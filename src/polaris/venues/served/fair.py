"""The fair price of an asset: what every venue would agree on if it knew everything.

It has regimes of volatility, jumps, a slow trend, a pull back to an anchor that wanders itself, and a pressure of
buyers or sellers that moves it a little with every step: who sees the pressure first knows something. All assets
share a tide. Integers only: a price is in 1/65536 of a tick, a deviate in 1/65536 of a standard deviation.
"""

import random
from collections import deque
from dataclasses import dataclass
from typing import Final

ONE: Final = 1 << 16
CALM, NORMAL, WILD = 0, 1, 2
VOLATILITY: Final = (8, 16, 48)  # of a regime, in sixteenths of the asset's usual
REMEMBERED: Final = 8  # past fair prices, for venues that lag


@dataclass(frozen=True)
class Kind:
    """One asset the built-in market knows."""

    base: str
    name: str
    price: int  # ticks at the start
    decimals: int  # of a tick
    typical: tuple[int, int]  # 10**-decimals of the base currency in a usual order: typical[0] at typical[1] decimals
    volatility_ppm: int  # one standard deviation a step at normal times, millionths of the price


KINDS: Final = {
    kind.base: kind
    for kind in (
        Kind("BTC", "Bitcoin", 6_500_000, 2, (5, 2), 50),
        Kind("ETH", "Ether", 192_000, 2, (8, 1), 60),
        Kind("SOL", "Solana", 15_000, 2, (12, 0), 80),
        Kind("XRP", "XRP", 24_000, 4, (900, 0), 80),
    )
}


class Dice:
    """Integers from a seed. `getrandbits` of the Mersenne Twister is the same in every Python."""

    def __init__(self, seed: int) -> None:
        self._bits = random.Random(seed).getrandbits

    def below(self, n: int) -> int:
        """0 .. n-1, even."""
        return (self._bits(32) * n) >> 32

    def chance(self, per_mille: int) -> bool:
        """True so many times in a thousand."""
        return self._bits(32) * 1000 < per_mille << 32

    def normal(self) -> int:
        """A normal deviate in units of 1/65536: the sum of twelve even ones."""
        word = self._bits(192)
        total = 6 - 6 * ONE
        for _ in range(12):
            total += word & 0xFFFF
            word >>= 16
        return total


class Asset:
    """One asset's fair price and what moves it."""

    def __init__(self, kind: Kind, dice: Dice) -> None:
        self.kind = kind
        self.regime = NORMAL
        self.pressure = 0  # 1/65536 of a standard deviation; buyers above 0
        self.trend = 0
        self.fair = self.anchor = kind.price * ONE
        self.past = deque([self.fair] * REMEMBERED, maxlen=REMEMBERED)  # newest last
        self._dice = dice

    def step(self, tide: int) -> None:
        """One step; `tide` is the common part of all assets' noise, a normal deviate."""
        dice = self._dice
        if dice.chance(1):
            self.regime = dice.below(3)
        usual = self.fair * self.kind.volatility_ppm // 1_000_000
        sigma = usual * VOLATILITY[self.regime] >> 4
        self.pressure += (dice.normal() * 45 >> 8) - (self.pressure >> 6)  # one deviation, half-life 44 steps
        self.trend += (dice.normal() * 11 >> 8) - (self.trend >> 10)  # half-life 35 s at real speed
        noise = (tide + dice.normal()) * 181 >> 8  # correlation 1/2 between assets
        move = noise + (self.pressure * 3 >> 5) + (self.trend >> 4)
        self.fair += (sigma * move >> 16) + ((self.anchor - self.fair) >> 13)
        self.anchor += usual * dice.normal() >> 18
        if dice.below(6000) == 0:
            self.fair += usual * (20 + dice.below(40)) * (1 if dice.below(2) else -1)
        floor = self.kind.price * ONE >> 3  # a price stays a price, however long the market runs
        self.fair = max(self.fair, floor)
        self.anchor = max(self.anchor, 2 * floor)
        self.past.append(self.fair)
