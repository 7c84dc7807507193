"""One symbol's book on one venue, and the life on it.

Each step takers trade, quotes that the fair price has passed are taken or pulled, and makers add and cancel. Buying
pressure shows here first: in who takes, in which side is quoted, and in how much. Never crossed: bids stay below the
price the venue believes, asks above.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from polaris.domain.errors import BadConfig
from polaris.venues.served.fair import KINDS, ONE, Asset, Dice

LEVELS: Final = 50  # a side, about
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
    """One listing, its two sides and its last trades."""

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
