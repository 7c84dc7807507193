"""Gemini's symbols as instruments.

The name of a symbol does not say where its base ends, and a perpetual is called as its spot pair with PERP behind it:
base, quote and product come from the venue's details. Two of their names mislead: `tick_size` is the step of the
quantity, `quote_increment` that of the price. The venue trims trailing zeros in its texts and keeps one decimal.
"""

import re
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Final
from urllib.parse import urlsplit

from polaris.domain.errors import UnknownSymbol
from polaris.domain.instrument import ONE_KEPT, Instrument, InstrumentId, Key, Product
from polaris.domain.numbers import decimals_of, scaled
from polaris.venues.capture import Line
from polaris.venues.documents import Documents
from polaris.venues.gemini.documents import DOCUMENTS, SymbolDetails
from polaris.venues.resolve import Listing

DETAILS_PATH: Final = "/v1/symbols/details/"
BOOK_PATH: Final = "/v1/book/"
PERPETUAL: Final = "PERP"

_DETAILS = Documents("gemini", {"details": DOCUMENTS["details"]})
_SUBSCRIBED = re.compile(rb'"symbols"\s*:\s*\[([^\]]*)\]')
_NAME = re.compile(rb'"([A-Z0-9]{5,24})"')
_SYMBOL = re.compile(rb'"symbol":"([A-Z0-9]{5,24})"')
_CHANGE = re.compile(rb'\["(?:buy|sell)","([0-9]+\.?[0-9]*)","([0-9]+\.?[0-9]*)"\]')
_QUOTES: Final = ("RLUSD", "GUSD", "USDC", "USDT", "USD", "EUR", "GBP", "SGD", "BTC", "ETH", "SOL", "BCH", "LTC", "FIL", "DAI")


def metadata(wires: Sequence[str]) -> str:
    """The path of the document that describes these symbols: one of them, or all there are."""
    return DETAILS_PATH + (wires[0].lower() if len(wires) == 1 else "all")


def book_path(wire: str, depth: int) -> str:
    """The path of a symbol's best levels."""
    return f"{BOOK_PATH}{wire.lower()}?limit_bids={depth}&limit_asks={depth}"


def tag(url: str) -> str:
    """ "book:BTCUSD" for the address of that symbol's book, else ""."""
    _, found, wire = urlsplit(url).path.partition(BOOK_PATH)
    return f"book:{wire.upper()}" if found else ""


def instruments(document: bytes, wires: Sequence[str], first: int = 0) -> list[Instrument]:
    """The instruments of these symbols, with ids from `first` on.

    Raises UnknownSymbol for one the document lacks, BadMessage for a document that holds no details.
    """
    described = _described(document)
    for wire in wires:
        if wire not in described:
            raise UnknownSymbol(wire, sorted(described), "gemini")
    return [_declared(described[wire], first + place) for place, wire in enumerate(wires)]


def listings(document: bytes) -> list[Listing]:
    """Every symbol of a document of details. Raises BadMessage."""
    return [Listing(wire, _key_of(details)) for wire, details in _described(document).items()]


def discover(head: Sequence[Line]) -> list[Instrument]:
    """The instruments of a capture: those it subscribed to, else those its frames name; described by its documents, else by their texts."""
    asked = (names for line in head if line.kind == "send" for names in _SUBSCRIBED.findall(line.data))
    wires = _names(_NAME, asked) or _names(_SYMBOL, (line.data[:4096] + line.data[-4096:] for line in head if line.kind == "recv"))
    described: dict[str, SymbolDetails] = {}
    for line in head:
        if line.kind == "http" and DETAILS_PATH in line.url:
            described |= _described(line.data)
    return [_declared(described[wire], place) if wire in described else _learned(wire, head, place) for place, wire in enumerate(wires)]


def recognises(frame: bytes) -> bool:
    """Whether a frame can only be Gemini's."""
    return b'"type":"l2_updates"' in frame[:256] or b'"type":"l2_updates"' in frame[-64:]


def _names(pattern: re.Pattern[bytes], texts: Iterable[bytes]) -> list[str]:
    """Every symbol in these texts, once, in order."""
    return list(dict.fromkeys(name.decode() for text in texts for name in pattern.findall(text)))


def _described(document: bytes) -> dict[str, SymbolDetails]:
    details = _DETAILS.decode("details", document)
    return {each.symbol.upper(): each for each in (details if isinstance(details, list) else [details])}


def _declared(details: SymbolDetails, place: int) -> Instrument:
    price_step, quantity_step = str(details.quote_increment), str(details.tick_size)
    price, quantity = decimals_of(price_step), decimals_of(quantity_step)
    return Instrument(
        id=InstrumentId(place),
        key=_key_of(details),
        wire=details.symbol.upper(),
        price_decimals=price,
        quantity_decimals=quantity,
        price_increment=scaled(price_step, price, "quote_increment"),
        quantity_increment=scaled(quantity_step, quantity, "tick_size"),
        min_quantity=max(1, ceil(details.min_order_size.scaleb(quantity))),  # some are finer than a lot: 0.00499999 at six decimals
        text_decimals=(ONE_KEPT, ONE_KEPT),
    )


def _learned(wire: str, head: Sequence[Line], place: int) -> Instrument:
    """An instrument nobody described: its decimals are the most its texts in `head` show, and quotes we know are tried."""
    price = quantity = 1
    name = b'"symbol":"' + wire.encode() + b'"'
    for line in head:
        if line.kind == "recv" and name in line.data:
            for price_text, quantity_text in _CHANGE.findall(line.data):
                price = max(price, len(price_text.partition(b".")[2]))
                quantity = max(quantity, len(quantity_text.partition(b".")[2]))
    pair = wire.removesuffix(PERPETUAL)
    base, quote = next(((pair[: -len(each)], each) for each in _QUOTES if pair.endswith(each) and pair != each), (pair, "UNKNOWN"))
    return Instrument(
        id=InstrumentId(place),
        key=_key(pair != wire, base, quote),
        wire=wire,
        price_decimals=price,
        quantity_decimals=quantity,
        text_decimals=(ONE_KEPT, ONE_KEPT),
    )


def _key_of(details: SymbolDetails) -> Key:
    return _key(details.product_type == "swap", details.base_currency, details.quote_currency)


def _key(is_perpetual: bool, base: str, quote: str) -> Key:
    return Key("gemini", Product.PERPETUAL if is_perpetual else Product.SPOT, base, quote)
