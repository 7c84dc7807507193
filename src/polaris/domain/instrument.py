"""Instruments: one tradable thing on one venue, as that venue defines it."""

from enum import StrEnum
from typing import Final, NewType

import msgspec

from polaris.domain.errors import SymbolCollision, UnknownSymbol
from polaris.domain.numbers import Lots, Ticks, scaled, text

InstrumentId = NewType("InstrumentId", int)  # dense, from 0, given by the composition; the index of every state array
TRIMMED: Final = -1  # a venue's text: trailing zeros go
ONE_KEPT: Final = -2  # trailing zeros go but for the first decimal: "500.0"


class Product(StrEnum):
    """What kind of thing is traded."""

    SPOT = "spot"
    PERPETUAL = "perpetual"
    FUTURE = "future"
    STOCK = "stock"


class Key(msgspec.Struct, frozen=True, order=True):
    """The one identity of an instrument across the house: two wire symbols never share a key."""

    venue: str
    product: Product
    base: str
    quote: str

    def __str__(self) -> str:
        kind = "" if self.product in (Product.SPOT, Product.STOCK) else f"-{self.product.value}"
        return f"{self.base}-{self.quote}{kind}.{self.venue}"


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable thing on one venue.

    price_decimals     one tick is 10**-price_decimals of the quote currency; fixed for the instrument's life
    quantity_decimals  one lot is 10**-quantity_decimals of the base currency
    price_increment    the venue takes multiples of this many ticks
    quantity_increment the venue takes multiples of this many lots
    min_quantity       lots; smaller orders are refused
    min_notional       units of money (1e-8 of the quote currency); 0 where the venue has none
    text_decimals      how the venue pads its price and quantity text: to so many decimals, TRIMMED or ONE_KEPT
    """

    id: InstrumentId
    key: Key
    wire: str  # the venue's own symbol: "BTC-USD", "BTCUSDT"
    price_decimals: int
    quantity_decimals: int
    price_increment: int = 1
    quantity_increment: int = 1
    min_quantity: int = 1
    min_notional: int = 0
    text_decimals: tuple[int, int] = (TRIMMED, TRIMMED)

    @property
    def symbol(self) -> str:
        """Our name for it: "BTC-USD.coinbase"."""
        return str(self.key)

    def ticks(self, price: str) -> Ticks:
        """Read a price as the venue wrote it. Raises UnreadableNumber where a digit would be lost."""
        return Ticks(scaled(price, self.price_decimals, f"price of {self.symbol}"))

    def lots(self, quantity: str) -> Lots:
        """Read a quantity as the venue wrote it. Raises UnreadableNumber where a digit would be lost."""
        return Lots(scaled(quantity, self.quantity_decimals, f"quantity of {self.symbol}"))

    def price_text(self, ticks: int) -> str:
        """Write a price the way this venue does."""
        return _venue_text(ticks, self.price_decimals, self.text_decimals[0])

    def quantity_text(self, lots: int) -> str:
        """Write a quantity the way this venue does."""
        return _venue_text(lots, self.quantity_decimals, self.text_decimals[1])


def _venue_text(value: int, decimals: int, padded: int) -> str:
    if padded < 0:
        trimmed = text(value, decimals, trim=True)
        return trimmed if padded == TRIMMED or "." in trimmed else trimmed + ".0"
    if padded >= decimals:
        return text(value * 10 ** (padded - decimals), padded)
    return text(value, decimals)


class Instruments:
    """The instruments of one composition: by id, by symbol, by venue and wire symbol. A collision is an error."""

    def __init__(self, items: "list[Instrument] | tuple[Instrument, ...]" = ()) -> None:
        self.items: list[Instrument] = []
        self._wire: dict[tuple[str, str], Instrument] = {}
        self._symbol: dict[str, Instrument] = {}
        for item in items:
            self.add(item)

    def add(self, item: Instrument) -> Instrument:
        """Take one in; its id must be the next index."""
        taken = self._symbol.get(item.symbol)
        if taken is not None:
            raise SymbolCollision(taken.wire, item.wire, item.symbol)
        if item.id != len(self.items):
            raise ValueError(f"instrument {item.symbol} has id {item.id}, expected {len(self.items)}")
        self.items.append(item)
        self._wire[item.key.venue, item.wire] = item
        self._symbol[item.symbol] = item
        return item

    def by_wire(self, venue: str, wire: str) -> Instrument:
        """The instrument a venue calls `wire`. Raises UnknownSymbol."""
        try:
            return self._wire[venue, wire]
        except KeyError:
            raise UnknownSymbol(wire, [w for v, w in self._wire if v == venue], venue) from None

    def by_symbol(self, symbol: str) -> Instrument:
        """The instrument we call `symbol`. Raises UnknownSymbol."""
        try:
            return self._symbol[symbol]
        except KeyError:
            raise UnknownSymbol(symbol, list(self._symbol)) from None

    def __getitem__(self, instrument: int) -> Instrument:
        return self.items[instrument]

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
