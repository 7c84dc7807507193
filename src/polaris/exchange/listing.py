"""What the exchange lists: assets, books, and the exact way between a text and an integer.

    a price     is a whole number of ticks        listing.ticks("60123.45")   listing.price_text(6_012_345)
    a quantity  is a whole number of lots         listing.lots("0.00100")     listing.quantity_text(100)
    a balance   is a whole number of units        asset.units("1.5")          asset.text(150_000_000)

A lot is `lot_units` units of the base, one tick of one lot is `value` units of the quote: a trade of `lots` at `ticks` moves lots * lot_units
against ticks * lots * value, all integers. No text passes through a float, and a digit that would be lost breaks a filter.
"""

import hashlib
from dataclasses import dataclass, field

from polaris.domain.errors import PolarisError, UnreadableNumber
from polaris.domain.numbers import decimals_of, scaled, text
from polaris.exchange.words import MAX_PRICE, MAX_QUANTITY, MAX_UNITS, TICKS

MAX_DECIMALS = 18


class FilterFailed(PolarisError):
    """A price or quantity a book does not take; `filter` is PRICE_FILTER, LOT_SIZE or MIN_NOTIONAL."""

    def __init__(self, broken: str, symbol: str, found: str, expected: str) -> None:
        super().__init__(f"{symbol}: {found!r} fails {broken}; expected {expected}")
        self.filter, self.symbol, self.found = broken, symbol, found


@dataclass(frozen=True)
class Asset:
    """Something that can be owned.

    decimals  0 .. 18: one unit is 10**-decimals of it
    """

    name: str
    decimals: int

    def __post_init__(self) -> None:
        if not self.name or not 0 <= self.decimals <= MAX_DECIMALS:
            raise ValueError(f"asset {self.name!r} of {self.decimals} decimals; expected a name and 0 .. {MAX_DECIMALS}")

    def units(self, written: str) -> int:
        """ "1.5" of 8 decimals is 150,000,000. Raises UnreadableNumber where a digit would be lost."""
        return scaled(written, self.decimals, self.name)

    def text(self, units: int) -> str:
        """150,000,000 of 8 decimals is "1.50000000"."""
        return text(units, self.decimals)


@dataclass(frozen=True)
class Listing:
    """One book: what is traded for what, in which steps, within which limits.

    tick_size, lot_size         texts: the step of a price in the quote, of a quantity in the base
    min_notional                text, quote: the least a limit order may be worth; "0" for none
    min_quantity, max_quantity  texts, base; "" for one lot, and for as many as an order may have
    band_ppm                    how far from the last trade an order may be, millionths; 0 for no band
    lowest_price                text, quote; the book takes this price and the next 4,194,303 ticks; "" for one tick
    raises                      ValueError where these can't be exact integers
    """

    symbol: str
    base: Asset
    quote: Asset
    tick_size: str
    lot_size: str
    min_notional: str = "0"
    min_quantity: str = ""
    max_quantity: str = ""
    band_ppm: int = 0
    lowest_price: str = ""
    price_decimals: int = field(init=False)  # of the tick size
    quantity_decimals: int = field(init=False)  # of the lot size
    lowest: int = field(init=False)  # ticks
    lot_units: int = field(init=False)  # units of the base a lot
    value: int = field(init=False)  # units of the quote one tick of one lot
    min_lots: int = field(init=False)
    max_lots: int = field(init=False)
    min_units: int = field(init=False)  # min_notional in units of the quote
    _tick: int = field(init=False, repr=False)  # 10**-price_decimals
    _lot: int = field(init=False, repr=False)  # 10**-quantity_decimals

    def __post_init__(self) -> None:
        keep = object.__setattr__
        keep(self, "price_decimals", decimals_of(self.tick_size))
        keep(self, "quantity_decimals", decimals_of(self.lot_size))
        keep(self, "_tick", scaled(self.tick_size, self.price_decimals, f"{self.symbol} tick size"))
        keep(self, "_lot", scaled(self.lot_size, self.quantity_decimals, f"{self.symbol} lot size"))
        if self._tick <= 0 or self._lot <= 0:
            raise ValueError(f"{self.symbol}: ticks of {self.tick_size} and lots of {self.lot_size}; expected both above 0")
        keep(self, "lot_units", _whole(self._lot, self.quantity_decimals, self.base.decimals, f"{self.symbol}: a lot of {self.lot_size} {self.base.name}"))
        step = f"{self.symbol}: a tick of {self.tick_size} times a lot of {self.lot_size} {self.quote.name}"
        keep(self, "value", _whole(self._tick * self._lot, self.price_decimals + self.quantity_decimals, self.quote.decimals, step))
        keep(self, "lowest", self._steps(self.lowest_price or self.tick_size, self.price_decimals, self._tick, "PRICE_FILTER", self.tick_size))
        keep(self, "min_lots", self._steps(self.min_quantity or self.lot_size, self.quantity_decimals, self._lot, "LOT_SIZE", self.lot_size))
        most = self._steps(self.max_quantity, self.quantity_decimals, self._lot, "LOT_SIZE", self.lot_size) if self.max_quantity else MAX_QUANTITY
        keep(self, "max_lots", most)
        keep(self, "min_units", self.quote.units(self.min_notional))
        if not 0 < self.lowest <= MAX_PRICE or (self.lowest + TICKS) * self.value > MAX_UNITS:
            raise ValueError(f"{self.symbol}: lowest price {self.lowest} ticks of {self.value} units; expected 1 .. {MAX_PRICE}, the highest times a tick below 2**62")
        if not 0 < self.min_lots <= self.max_lots <= MAX_QUANTITY or not 0 <= self.min_units <= MAX_UNITS or not 0 <= self.band_ppm < 1_000_000:
            raise ValueError(
                f"{self.symbol}: {self.min_lots} .. {self.max_lots} lots, at least {self.min_units} units, band {self.band_ppm} ppm; "
                f"expected 1 .. {MAX_QUANTITY} lots, below 2**62 units, a band below 1,000,000"
            )

    def ticks(self, written: str) -> int:
        """The price in ticks. Raises FilterFailed (PRICE_FILTER) where it is between two ticks or outside of the book."""
        found = self._steps(written, self.price_decimals, self._tick, "PRICE_FILTER", self.tick_size)
        if not self.lowest <= found < self.lowest + TICKS:
            low, high = self.price_text(self.lowest), self.price_text(self.lowest + TICKS - 1)
            raise FilterFailed("PRICE_FILTER", self.symbol, written, f"{low} .. {high}")
        return found

    def lots(self, written: str) -> int:
        """The quantity in lots. Raises FilterFailed (LOT_SIZE) where it is between two lots, too small or too large."""
        found = self._steps(written, self.quantity_decimals, self._lot, "LOT_SIZE", self.lot_size)
        if not self.min_lots <= found <= self.max_lots:
            low, high = self.quantity_text(self.min_lots), self.quantity_text(self.max_lots)
            raise FilterFailed("LOT_SIZE", self.symbol, written, f"{low} .. {high}")
        return found

    def amount(self, written: str) -> int:
        """An amount of the quote as ticks times lots, for MARKET_AMOUNT; what is less than a tick of a lot is left out.

        raises  FilterFailed (LOT_SIZE) where it is no amount of the quote, FilterFailed (MIN_NOTIONAL) where it is too small
        """
        try:
            units = self.quote.units(written)
        except UnreadableNumber as cause:
            raise FilterFailed("LOT_SIZE", self.symbol, written, f"an amount of {self.quote.name} of at most {self.quote.decimals} decimals") from cause
        if units < max(self.min_units, self.value):
            raise FilterFailed("MIN_NOTIONAL", self.symbol, written, f"at least {self.quote.text(max(self.min_units, self.value))}")
        return units // self.value

    def price_text(self, ticks: int) -> str:
        """6,012,345 ticks of 0.01 are "60123.45"."""
        return text(ticks * self._tick, self.price_decimals)

    def quantity_text(self, lots: int) -> str:
        """100 lots of 0.00001 are "0.00100"."""
        return text(lots * self._lot, self.quantity_decimals)

    def amount_text(self, amount: int) -> str:
        """Ticks times lots as a text of the quote."""
        return self.quote.text(amount * self.value)

    def _steps(self, written: str, decimals: int, step: int, broken: str, size: str) -> int:
        try:
            found, between = divmod(scaled(written, decimals, self.symbol), step)
        except UnreadableNumber as cause:
            raise FilterFailed(broken, self.symbol, written, f"a multiple of {size}") from cause
        if between:
            raise FilterFailed(broken, self.symbol, written, f"a multiple of {size}")
        return found


@dataclass(frozen=True)
class Rules:
    """What an exchange is made of: a book's number is its place in `listings`, an asset's its place in `assets`.

    tiers      (maker ppm, taker ppm) of each fee tier; accounts begin in the first
    accounts   how many there may be, the house (account 0) with them
    capacity   orders alive at once
    per_second, per_10_seconds, per_day   orders an account may place; 0 for any number
    max_orders                            orders of an account alive at once; 0 for any number
    raises     ValueError where a listing names an asset that is not here, or two have one name
    """

    assets: tuple[Asset, ...]
    listings: tuple[Listing, ...]
    tiers: tuple[tuple[int, int], ...] = ((0, 0),)
    accounts: int = 1024
    capacity: int = 1 << 17
    per_second: int = 0
    per_10_seconds: int = 0
    per_day: int = 0
    max_orders: int = 0

    def __post_init__(self) -> None:
        names, symbols = [asset.name for asset in self.assets], [listing.symbol for listing in self.listings]
        if len(set(names)) != len(names) or len(set(symbols)) != len(symbols):
            raise ValueError(f"assets {names}, listings {symbols}: two have one name")
        for listing in self.listings:
            if listing.base not in self.assets or listing.quote not in self.assets or listing.base == listing.quote:
                raise ValueError(f"{listing.symbol}: {listing.base.name} for {listing.quote.name}; expected two of {names}")

    def book(self, symbol: str) -> int:
        """The number of a book. Raises KeyError."""
        return self._books[symbol]

    def asset(self, name: str) -> int:
        """The number of an asset. Raises KeyError."""
        return self._assets[name]

    def digest(self) -> str:
        """32 hex digits: equal where two sets of rules are."""
        return hashlib.blake2b(repr(self).encode(), digest_size=16).hexdigest()

    @property
    def _books(self) -> dict[str, int]:
        return {listing.symbol: number for number, listing in enumerate(self.listings)}

    @property
    def _assets(self) -> dict[str, int]:
        return {asset.name: number for number, asset in enumerate(self.assets)}


def _whole(step: int, decimals: int, wanted: int, what: str) -> int:
    """step * 10**-decimals in units of 10**-wanted."""
    units: int
    units, rest = divmod(step * 10**wanted, 10**decimals)
    if rest or not 0 < units <= MAX_UNITS:
        raise ValueError(f"{what} is no whole number of units of {wanted} decimals below 2**62")
    return units

