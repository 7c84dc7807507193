"""Coinbase Exchange products as instruments: a tick is the `quote_increment`, a lot the `base_increment`.

The venue pads its texts to eight decimals in places and trims them in others; ours are trimmed.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from polaris.domain.errors import UnknownSymbol
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.numbers import MONEY_DECIMALS, decimals_of, scaled
from polaris.venues.capture import Line
from polaris.venues.coinbase_exchange.documents import DOCUMENTS, ProductDocument
from polaris.venues.documents import Documents
from polaris.venues.resolve import Listing

NAME: Final = "coinbase-exchange"
PRODUCTS_PATH: Final = "/products"
UNDECLARED_DECIMALS: Final = 8  # for a product of which a capture holds no description

_PRODUCTS = Documents(NAME, {"products": DOCUMENTS["products"]})
_PRODUCT_IDS = re.compile(rb'"product_ids?"\s*:\s*(\[[^\]]*\]|"[^"]*")')
_ID = re.compile(rb'"([A-Z0-9]+-[A-Z0-9]+)"')
_BOOK = re.compile(r"/products/([^/]+)/book")
_FRAME = re.compile(rb'^\{"type":"(l2update|snapshot|match|last_match)","(product_id|trade_id)"')


def metadata(wires: Sequence[str]) -> str:
    """The path of the document that describes these products: one of them, or all there are."""
    return f"{PRODUCTS_PATH}/{wires[0]}" if len(wires) == 1 else PRODUCTS_PATH


def book_path(wire: str) -> str:
    """The path of a product's best bid and ask; deeper levels come only with the whole book, of megabytes."""
    return f"{PRODUCTS_PATH}/{wire}/book?level=1"


def tag(url: str) -> str:
    """ "book:BTC-USD" for the address of that product's book, else ""."""
    found = _BOOK.search(urlsplit(url).path)
    return f"book:{found[1]}" if found else ""


def instruments(document: bytes, wires: Sequence[str], first: int = 0) -> list[Instrument]:
    """The instruments of these products, with ids from `first` on.

    Raises UnknownSymbol for one the document lacks, BadMessage for a document that holds no products.
    """
    described = _described(document)
    for wire in wires:
        if wire not in described:
            raise UnknownSymbol(wire, sorted(described), NAME)
    return [_declared(described[wire], first + place) for place, wire in enumerate(wires)]


def listings(document: bytes) -> list[Listing]:
    """Every product of a document of products. Raises BadMessage."""
    return [Listing(product.id, _key(product)) for product in _described(document).values()]


def discover(head: Sequence[Line]) -> list[Instrument]:
    """The instruments of a capture: those it subscribed to, else those its frames name; described by its documents, if they are there."""
    wires = _names(line.data for line in head if line.kind == "send") or _names(line.data[:4096] for line in head if line.kind == "recv")
    described: dict[str, ProductDocument] = {}
    for line in head:
        if line.kind == "http" and PRODUCTS_PATH in line.url and not tag(line.url):
            described |= _described(line.data)
    return [_declared(described[wire], place) if wire in described else _undeclared(wire, place) for place, wire in enumerate(wires)]


def recognises(frame: bytes) -> bool:
    """Whether a frame can only be this venue's."""
    return _FRAME.match(frame[:64]) is not None


def _names(texts: Iterable[bytes]) -> list[str]:
    """Every product in these messages, once, in order."""
    return list(dict.fromkeys(wire.decode() for text in texts for ids in _PRODUCT_IDS.findall(text) for wire in _ID.findall(ids)))


def _described(document: bytes) -> dict[str, ProductDocument]:
    products = _PRODUCTS.decode("products", document)
    return {each.id: each for each in (products if isinstance(products, list) else [products])}


def _key(product: ProductDocument) -> Key:
    return Key(NAME, Product.SPOT, product.base_currency, product.quote_currency)


def _declared(product: ProductDocument, place: int) -> Instrument:
    price, quantity = decimals_of(product.quote_increment), decimals_of(product.base_increment)
    return Instrument(
        id=InstrumentId(place),
        key=_key(product),
        wire=product.id,
        price_decimals=price,
        quantity_decimals=quantity,
        price_increment=scaled(product.quote_increment, price, "quote_increment"),
        quantity_increment=scaled(product.base_increment, quantity, "base_increment"),
        min_notional=scaled(product.min_market_funds, MONEY_DECIMALS, "min_market_funds"),
    )


def _undeclared(wire: str, place: int) -> Instrument:
    base, _, quote = wire.partition("-")
    return Instrument(
        id=InstrumentId(place),
        key=Key(NAME, Product.SPOT, base, quote),
        wire=wire,
        price_decimals=UNDECLARED_DECIMALS,
        quantity_decimals=UNDECLARED_DECIMALS,
    )
