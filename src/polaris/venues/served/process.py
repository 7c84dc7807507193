"""The built-in market: a seed becomes prices, books and trades; the same seed always the same, to the last lot.

    dice ─▶ common tide ─┐
    dice ─▶ own noise ───┴▶ Asset: the fair price ── lag, basis ──▶ Floor: one symbol on one venue ─▶ Update

What there is to find, by construction: buying pressure shows in the book and in the trades before it has moved the
price; a slow trend; a pull back to an anchor; and two venues that learn of the same price at different moments.
Integers only, so every machine makes the same market. Pure: time is the number of steps.
"""

from collections.abc import Sequence
from typing import Final

from polaris.venues.served.fair import KINDS, Asset, Dice
from polaris.venues.served.floor import Floor, Update, listings

__all__ = ["KINDS", "STEP_NS", "Market"]

STEP_NS: Final = 50_000_000


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
