"""Coinbase products as instruments.

A tick is the product's `price_increment` and a lot its `base_increment`, both powers of ten so far; where one were not,
the tick is the power of ten that holds it. The venue trims trailing zeros in its texts.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from polaris.domain.errors import BadMessage, UnknownSymbol
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.numbers import MONEY_DECIMALS, decimals_of, scaled
from polaris.venues.capture import Line
from polaris.venues.coinbase.errors import SharedBook
from polaris.venues.resolve import Listing

PRODUCTS_PATH = "/api/v3/brokerage/market/products"
UNDECLARED_DECIMALS = 8  # for a product of which a capture holds no description


class ProductDocument(msgspec.Struct):
    """The part of a product's description that shapes an instrument."""

    product_id: str
    base_increment: str
    quote_increment: str
    base_min_size: str
    quote_min_size: str
    base_currency_id: str = ""
    quote_currency_id: str = ""
    price_increment: str = ""
    product_type: str = "SPOT"
    alias: str = ""


class Products(msgspec.Struct):
    """The answer to GET /market/products."""

    products: list[ProductDocument]


_PRODUCTS = msgspec.json.Decoder(Products)
_PRODUCT_IDS = re.compile(rb'"product_ids?"\s*:\s*(\[[^\]]*\]|"[^"]*")')
_ID = re.compile(rb'"([A-Z0-9][A-Za-z0-9._-]*)"')
_CHANNEL = re.compile(rb'^\s*\{\s*"channel"\s*:\s*"[a-z0-9_]+".{0,120}"sequence_num"', re.DOTALL)


def metadata(wires: Sequence[str]) -> str:
    """The path of the document that describes these products."""
    return PRODUCTS_PATH + "".join(f"{'&' if i else '?'}product_ids={wire}" for i, wire in enumerate(wires))


def instruments(document: bytes, wires: Sequence[str], first: int = 0) -> list[Instrument]:
    """The instruments of these products, with ids from `first` on.

    Raises UnknownSymbol for a product the document lacks, SharedBook for one whose book goes by another name,
    BadMessage for a document that is no list of products.
    """
    products = _described(document)
    for wire in wires:
        if wire not in products:
            raise UnknownSymbol(wire, sorted(products), "coinbase")
    return [_instrument(products[wire], first + place) for place, wire in enumerate(wires)]


def listings(document: bytes) -> list[Listing]:
    """Every product of a list of products. Raises BadMessage."""
    return [Listing(product.product_id, _key_of(product)) for product in _described(document).values()]


def discover(head: Sequence[Line]) -> list[Instrument]:
    """The instruments of a capture: those it subscribed to, else those its frames name, described by its documents."""
    sent = _product_ids(line.data for line in head if line.kind == "send")
    wires = sent or _product_ids(line.data[:500] for line in head if line.kind == "recv")
    described: dict[str, ProductDocument] = {}
    for line in head:
        if line.kind == "http" and PRODUCTS_PATH in line.url:
            described |= _described(line.data)
    books = dict.fromkeys(described[wire].alias or wire if wire in described else wire for wire in wires)
    return [_instrument(described[wire], i) if wire in described else _undeclared(wire, i) for i, wire in enumerate(books)]


def recognises(frame: bytes) -> bool:
    """Whether a frame can only be Coinbase's."""
    return _CHANNEL.match(frame[:256]) is not None


def _described(document: bytes) -> dict[str, ProductDocument]:
    try:
        return {product.product_id: product for product in _PRODUCTS.decode(document).products}
    except msgspec.MsgspecError as cause:
        raise BadMessage("coinbase", f"not a list of products: {cause}", document) from cause


def _product_ids(texts: Iterable[bytes]) -> list[str]:
    """Every product id in these messages, once, in order."""
    return list(dict.fromkeys(wire.decode() for text in texts for ids in _PRODUCT_IDS.findall(text) for wire in _ID.findall(ids)))


def _instrument(product: ProductDocument, place: int) -> Instrument:
    if product.alias:
        raise SharedBook(product.product_id, product.alias)
    increment = product.price_increment or product.quote_increment
    price, quantity = decimals_of(increment), decimals_of(product.base_increment)
    return Instrument(
        id=InstrumentId(place),
        key=_key_of(product),
        wire=product.product_id,
        price_decimals=price,
        quantity_decimals=quantity,
        price_increment=scaled(increment, price, "price_increment"),
        quantity_increment=scaled(product.base_increment, quantity, "base_increment"),
        min_quantity=max(1, scaled(product.base_min_size, quantity, "base_min_size")),
        min_notional=scaled(product.quote_min_size, MONEY_DECIMALS, "quote_min_size"),
    )


def _undeclared(wire: str, place: int) -> Instrument:
    return Instrument(
        id=InstrumentId(place),
        key=_key(wire, "", "", "SPOT"),
        wire=wire,
        price_decimals=UNDECLARED_DECIMALS,
        quantity_decimals=UNDECLARED_DECIMALS,
    )


def _key_of(product: ProductDocument) -> Key:
    return _key(product.product_id, product.base_currency_id, product.quote_currency_id, product.product_type)


def _key(wire: str, base: str, quote: str, product_type: str) -> Key:
    """BTC-USD is spot; BIT-28JUL23-CDE is a future, BIP-20DEC30-CDE too: a future's base is all of its name."""
    named_base, _, named_quote = wire.partition("-")
    if product_type == "FUTURE":
        return Key("coinbase", Product.FUTURE, wire, quote or "USD")
    return Key("coinbase", Product.SPOT, base or named_base, quote or named_quote)
