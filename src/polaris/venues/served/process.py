"""The built-in market: a seed becomes prices, books and trades; the same seed always the same, to the last lot.

    dice ─▶ common tide ─┐
    dice ─▶ own noise ───┴▶ Asset: regime, pressure, trend, jumps ─▶ fair price
                                          │ lag, basis
                                          ▼
                            Floor (one symbol on one venue): takers trade, quotes the fair price passed are taken or
                            pulled, makers add and cancel ─▶ Update: levels, trades, update ids

What there is to find, by construction: buying pressure shows in the book and in the trades before it has moved the
price; a slow trend; a pull back to an anchor; and two venues that learn of the same price at different moments.
Integers only, so every machine makes the same market. Pure: time is the number of steps.
"""

import random
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from polaris.domain.errors import BadConfig

ONE: Final = 1 << 16  # fair prices and noise are in 1/65536 of a tick and of a standard deviation
STEP_NS: Final = 50_000_000
LEVELS: Final = 50  # a side, about
CALM, NORMAL, WILD = 0, 1, 2
VOLATILITY: Final = (8, 16, 48)  # of a regime, in sixteenths of the asset's usual
HALF_SPREAD: Final = (8, 16, 32)  # of a regime, in millionths of the price


@dataclass(frozen=True)
class Listing:
    """One symbol on one venue: how it is written there, and how fast the price arrives."""

    venue: str
    wire: str
    base: str
    quote: str
    price_decimals: int
    quantity_decimals: int
    typical_lots: int  # a usual order
    lag: int  # steps until the venue learns of the fair price
    basis_ppm: int  # the quote currency's own wandering against the dollar, millionths, one standard deviation


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


def listings(bases: Sequence[str]) -> list[Listing]:
    """Each asset on both venues: BTC-USD at Coinbase, BTCUSDT at Binance. Raises BadConfig for an asset nobody knows."""
    found: list[Listing] = []
    for base in dict.fromkeys(bases):
        kind = KINDS.get(base)
        if kind is None:
            raise BadConfig(f"the built-in market has no {base!r}; it has {', '.join(KINDS)}")
        whole, decimals = kind.typical
        small = max(2, decimals + 3)
        found.append(Listing("coinbase", f"{base}-USD", base, "USD", kind.decimals, 8, whole * 10 ** (8 - decimals), 2, 0))
        found.append(Listing("binance", f"{base}USDT", base, "USDT", kind.decimals, small, whole * 10 ** (small - decimals), 0, 60))
    return found


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
    """The fair price of one asset: what every venue would agree on if it knew everything."""

    def __init__(self, kind: Kind, dice: Dice) -> None:
        self.kind = kind
        self.regime = NORMAL
        self.pressure = 0  # 1/65536 of a standard deviation; buyers above 0
        self.trend = 0
        self.fair = self.anchor = kind.price * ONE
        self.past = deque([self.fair] * 8, maxlen=8)  # newest last, for venues that lag
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


@dataclass(frozen=True)
class Print:
    """One trade."""

    id: int
    price: int  # ticks
    lots: int
    taker_buys: bool


@dataclass
class Update:
    """What one step did to one floor.

    changes   (is_ask, price) -> lots, absolute, 0 gone; what happened last to each level
    first_id  of the step's single changes; last_id closes the step. first_id > last_id where nothing happened
    """

    ts: int
    first_id: int
    last_id: int = 0
    changes: dict[tuple[bool, int], int] = field(default_factory=dict)
    trades: list[Print] = field(default_factory=list)


class Side:
    """One side of a book: prices in rising order, and the lots at each."""

    def __init__(self, is_ask: bool) -> None:
        self.is_ask = is_ask
        self.prices: list[int] = []
        self.lots: dict[int, int] = {}

    @property
    def best(self) -> int:
        """The best price; the side is never empty once the floor has opened."""
        return self.prices[0] if self.is_ask else self.prices[-1]

    @property
    def farthest(self) -> int:
        """The worst price."""
        return self.prices[-1] if self.is_ask else self.prices[0]

    def set(self, price: int, lots: int) -> None:
        """Set one level; 0 removes it."""
        if lots == 0:
            if self.lots.pop(price, None) is not None:
                del self.prices[bisect_left(self.prices, price)]
        else:
            if price not in self.lots:
                insort(self.prices, price)
            self.lots[price] = lots

    def levels(self) -> list[tuple[int, int]]:
        """(price, lots), best first."""
        ordered = self.prices if self.is_ask else reversed(self.prices)
        return [(price, self.lots[price]) for price in ordered]


class Floor:
    """One symbol's book on one venue, and what happens on it. Never crossed: bids stay below the venue's price, asks above."""

    def __init__(self, listing: Listing, asset: Asset, dice: Dice, first_id: int) -> None:
        self.listing = listing
        self.bids = Side(False)
        self.asks = Side(True)
        self.update_id = first_id
        self.trades: deque[Print] = deque(maxlen=100)
        self._asset = asset
        self._dice = dice
        self._basis = 0
        self._last_trade = first_id // 4
        self._reach = max(4 * LEVELS, asset.kind.price * 12 // 10_000)  # ticks from the touch to the far end
        self._update = Update(0, 0)

    def open(self) -> None:
        """Fill the book for the first time."""
        price, half = self._price()
        for side in (self.bids, self.asks):
            self._make(side, price, half, 4 * LEVELS)
            self._keep_depth(side, price, half)
        self._update = Update(0, self.update_id + 1)

    def step(self, ts: int) -> Update:
        """Live one step; returns what changed."""
        dice, pressure = self._dice, self._asset.pressure
        update = self._update = Update(ts, self.update_id + 1)
        self._basis += (dice.normal() >> 6) - (self._basis >> 11)  # half-life 70 s at real speed
        while dice.chance(300 + min(300, abs(pressure) >> 8)):
            buys = dice.normal() + pressure > 0
            self._take(self.asks if buys else self.bids, self._size() >> 1)
        price, half = self._price()
        self._give_way(price, half)
        wants_bids = ONE // 2 + max(-ONE // 3, min(ONE // 3, pressure // 5))
        for _ in range(3 + dice.below(6)):
            side = self.bids if dice.below(ONE) < wants_bids else self.asks
            if dice.chance(420) and len(side.prices) > LEVELS // 2:
                self._cancel(side)
            else:
                self._make(side, price, half, 1)
        for side in (self.bids, self.asks):
            self._keep_depth(side, price, half)
        update.last_id = self.update_id
        return update

    # what traders do

    def _take(self, side: Side, lots: int) -> None:
        """A taker sweeps from the best level; the last level stays, so that there is always a price."""
        while lots > 0 and len(side.prices) > 1:
            price = side.best
            there = side.lots[price]
            part = min(lots, there)
            self._print(price, part, taker_buys=side.is_ask)
            self._set(side, price, there - part)
            lots -= part

    def _give_way(self, price: int, half: int) -> None:
        """Quotes that the price has passed: some are taken by those who knew first, some are pulled in time."""
        for side in (self.bids, self.asks):
            limit = price + half if side.is_ask else price - half
            while side.prices and (side.best < limit if side.is_ask else side.best > limit):
                best = side.best
                if self._dice.chance(250):
                    self._print(best, side.lots[best], taker_buys=side.is_ask)
                self._set(side, best, 0)

    def _make(self, side: Side, price: int, half: int, orders: int) -> None:
        """Makers quote, most of them near the touch; the side that is pressed for shows more."""
        dice, reach = self._dice, self._reach
        for _ in range(orders):
            away = half + dice.below(reach) * dice.below(reach) // reach
            at = price + away if side.is_ask else price - away
            lots = self._size()
            leaning = -self._asset.pressure if side.is_ask else self._asset.pressure
            if away < half + (reach >> 3):
                lots = max(1, lots + (lots * max(-40_000, min(2 * ONE, leaning)) >> 16))
            self._set(side, at, lots)

    def _cancel(self, side: Side) -> None:
        self._set(side, side.prices[self._dice.below(len(side.prices))], 0)

    def _keep_depth(self, side: Side, price: int, half: int) -> None:
        """Some fifty levels, the touch always quoted."""
        touch = price + half if side.is_ask else price - half
        if not side.prices or abs(side.best - touch) > half:
            self._set(side, touch, self._size())
        while len(side.prices) < LEVELS - 5:
            self._make(side, price, half, 1)
        while len(side.prices) > LEVELS + 10:
            self._set(side, side.farthest, 0)

    # words they share

    def _price(self) -> tuple[int, int]:
        """(the price this venue believes, half the spread), ticks."""
        fair = self._asset.past[-1 - self.listing.lag]
        fair += fair * self.listing.basis_ppm // 1_000_000 * self._basis >> 16
        price = fair >> 16
        return price, max(1, price * HALF_SPREAD[self._asset.regime] // 1_000_000)

    def _size(self) -> int:
        """Lots of one order: most are small, a few large, none round."""
        typical = self.listing.typical_lots
        return 1 + (typical * (1 + self._dice.below(64)) * (1 + self._dice.below(64)) >> 10) + self._dice.below(max(1, typical >> 4))

    def _set(self, side: Side, price: int, lots: int) -> None:
        side.set(price, lots)
        self.update_id += 1
        self._update.changes[side.is_ask, price] = lots

    def _print(self, price: int, lots: int, taker_buys: bool) -> None:
        self._last_trade += 1
        trade = Print(self._last_trade, price, lots, taker_buys)
        self.trades.append(trade)
        self._update.trades.append(trade)


class Market:
    """All floors, stepped together.

    seed     any integer
    bases    assets, for instance BTC and ETH
    start    exchange time before the first step, ns
    step_ns  exchange time of one step
    """

    def __init__(self, seed: int, bases: Sequence[str], start: int, step_ns: int = STEP_NS) -> None:
        self.now = start
        self.step_ns = step_ns
        self.steps = 0
        self._tide = Dice(seed)
        self.assets: dict[str, Asset] = {}
        self.floors: list[Floor] = []
        for item in listings(bases):  # each asset and floor has dice of its own: one more symbol does not change the others
            asset = self.assets.setdefault(item.base, Asset(KINDS[item.base], Dice(_seed(seed, item.base))))
            own = _seed(seed, item.wire)
            self.floors.append(Floor(item, asset, Dice(own), 1_000_000 + own % 900_000_000))
        for floor in self.floors:
            floor.open()

    def step(self) -> list[tuple[Floor, Update]]:
        """One step of everything; returns what it did to each floor, in the order of `floors`."""
        self.steps += 1
        self.now += self.step_ns
        tide = self._tide.normal()
        for asset in self.assets.values():
            asset.step(tide)
        return [(floor, floor.step(self.now)) for floor in self.floors]


def _seed(seed: int, name: str) -> int:
    """A seed of its own for each name: FNV-1a over both."""
    digest = 0xCBF29CE484222325
    for byte in f"{seed}/{name}".encode():
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest
