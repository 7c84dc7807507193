"""A book's numbers as Coinbase writes them: decimal texts without zeros at the end, and its name, base and quote: "BTC-USDT".

All of it is integer arithmetic. Coinbase tells every fee in the quote; this venue takes a buyer's fee in the base he receives,
so that is told as what it was worth at the price of its trade.
"""

from collections.abc import Iterable
from typing import Final

from polaris.domain.numbers import scaled, text
from polaris.domain.orders import BUY
from polaris.exchange.gateway.orders import Trade
from polaris.exchange.listing import Asset, Listing

FINER: Final = 8  # decimals an average price has beyond a price's


class Figures:
    """The texts of one book.

    product  "BTC-USDT", whatever the listing's symbol is
    """

    __slots__ = ("_fee_decimals", "_lot", "_tick", "listing", "product")

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.product = f"{listing.base.name}-{listing.quote.name}"
        self._tick = scaled(listing.tick_size, listing.price_decimals)
        self._lot = scaled(listing.lot_size, listing.quantity_decimals)
        self._fee_decimals = max(listing.base.decimals + listing.price_decimals, listing.quote.decimals)

    def price(self, ticks: int) -> str:
        """6,012,340 ticks of 0.01 are "60123.4"."""
        return text(ticks * self._tick, self.listing.price_decimals, trim=True)

    def size(self, lots: int) -> str:
        """100 lots of 0.00001 are "0.001"."""
        return text(lots * self._lot, self.listing.quantity_decimals, trim=True)

    def amount(self, ticks_lots: int) -> str:
        """Ticks times lots in the quote."""
        return money(self.listing.quote, ticks_lots * self.listing.value)

    def average(self, ticks_lots: int, lots: int) -> str:
        """The price at which `lots` cost `ticks_lots`, eight decimals finer than a price; "0" where there were none."""
        if not lots:
            return "0"
        return text((2 * ticks_lots * self._tick * 10**FINER + lots) // (2 * lots), self.listing.price_decimals + FINER, trim=True)

    def fees(self, trades: Iterable[Trade]) -> str:
        """What these trades cost their owner, in the quote."""
        total = 0
        for trade in trades:
            if trade.side == BUY:
                total += trade.fee * trade.price * self._tick * 10 ** (self._fee_decimals - self.listing.base.decimals - self.listing.price_decimals)
            else:
                total += trade.fee * 10 ** (self._fee_decimals - self.listing.quote.decimals)
        return text(total, self._fee_decimals, trim=True)


def money(asset: Asset, units: int) -> str:
    """An amount of an asset."""
    return text(units, asset.decimals, trim=True)


def rate(ppm: int) -> str:
    """Millionths as a fraction: 1,000 is "0.001"."""
    return text(ppm, 6, trim=True)


def percent(change: int, base: int) -> str:
    """A change in percent of what it was, to eight decimals: (-1, 8) is "-12.5"."""
    if not base:
        return "0"
    part = (2 * abs(change) * 10**10 + base) // (2 * base)
    return text(-part if change < 0 else part, 8, trim=True)
