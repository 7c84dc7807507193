"""A book's numbers as Binance writes them: texts of eight decimals, of more where its asset has more.

All of it is integer arithmetic: a price is ticks, an amount ticks times lots, an average the one over the other.
"""

from collections.abc import Iterable
from typing import Any, Final

from polaris.domain.numbers import scaled
from polaris.exchange.listing import Listing

DECIMALS: Final = 8


class Figures:
    """The texts of one book's prices, quantities and amounts.

    symbol     as listed: "BTCUSDT"
    stream     as streams name it: "btcusdt"
    """

    __slots__ = ("_base_one", "_lot", "_quote_one", "_tick", "_value", "base_decimals", "listing", "quote_decimals", "stream", "symbol")

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.symbol = listing.symbol
        self.stream = listing.symbol.lower()
        self.base_decimals = max(DECIMALS, listing.base.decimals)
        self.quote_decimals = max(DECIMALS, listing.quote.decimals)
        self._base_one = 10**self.base_decimals
        self._quote_one = 10**self.quote_decimals
        self._tick = scaled(listing.tick_size, self.quote_decimals)
        self._lot = scaled(listing.lot_size, self.base_decimals)
        self._value = listing.value * 10 ** (self.quote_decimals - listing.quote.decimals)

    def price(self, ticks: int) -> str:
        """6,012,345 ticks of 0.01 are "60123.45000000"."""
        return self._quote(ticks * self._tick)

    def quantity(self, lots: int) -> str:
        """100 lots of 0.00001 are "0.00100000"."""
        whole, part = divmod(lots * self._lot, self._base_one)
        return f"{whole}.{part:0{self.base_decimals}d}"

    def amount(self, ticks_lots: int) -> str:
        """Ticks times lots in the quote."""
        return self._quote(ticks_lots * self._value)

    def average(self, ticks_lots: int, lots: int) -> str:
        """The price at which `lots` cost `ticks_lots`, rounded to its last decimal; 0 where there were none."""
        return self._quote((2 * ticks_lots * self._tick + lots) // (2 * lots) if lots else 0)

    def levels(self, levels: Iterable[Any]) -> list[tuple[str, str]]:
        """(price, lots) pairs as texts."""
        price, quantity = self.price, self.quantity
        return [(price(ticks), quantity(lots)) for ticks, lots in levels]

    def _quote(self, units: int) -> str:
        sign, units = ("-", -units) if units < 0 else ("", units)
        whole, part = divmod(units, self._quote_one)
        return f"{sign}{whole}.{part:0{self.quote_decimals}d}"


def percent(change: int, base: int) -> str:
    """A change in percent of what it was, with three decimals: (-1, 8) is "-12.500"."""
    if not base:
        return "0.000"
    thousandths = (2 * abs(change) * 100_000 + base) // (2 * base)
    sign = "-" if change < 0 and thousandths else ""
    return f"{sign}{thousandths // 1000}.{thousandths % 1000:03d}"
