"""Bitstamp's pairs: btcusd in channels and addresses, BTC/USD as a name; a perpetual is btcusd-perp and BTC/USD-PERP."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from polaris.domain.errors import BadMessage, UnknownSymbol
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.numbers import MONEY_DECIMALS, scaled
from polaris.venues.capture import Line
from polaris.venues.resolve import Listing

NAME: Final = "bitstamp"
DIFFS: Final = "diff_order_book_"
PERPETUAL: Final = "-PERP"


class PairDocument(msgspec.Struct):
    """One pair. Decimals are those of the texts that the venue sends."""

    name: str
    url_symbol: str
    base_decimals: int
    counter_decimals: int
    minimum_order: str = "0"


_PAIRS = msgspec.json.Decoder(list[PairDocument])


def metadata(wires: Sequence[str]) -> str:
    """The path of the document that describes every pair."""
    return "/api/v2/trading-pairs-info/"


def book_path(wire: str) -> str:
    """The path of a pair's whole book."""
    return f"/api/v2/order_book/{wire}/"


def tag(url: str) -> str:
    """ "depth:btcusd" for the address of that pair's book, else ""."""
    before, _, wire = urlsplit(url).path.rstrip("/").rpartition("/")
    return f"depth:{wire}" if before.endswith("/order_book") else ""


def instruments(document: bytes, wires: Sequence[str], first: int = 0) -> list[Instrument]:
    """The instruments of these pairs, with ids from `first` on. Raises UnknownSymbol, BadMessage."""
    described = _described(document)
    for wire in wires:
        if wire not in described:
            raise UnknownSymbol(wire, sorted(described), NAME)
    return [_declared(described[wire], first + place) for place, wire in enumerate(wires)]


def listings(document: bytes) -> list[Listing]:
    """Every pair of the list. Raises BadMessage."""
    return [Listing(pair.url_symbol, _key(pair), (pair.name,)) for pair in _described(document).values()]


def discover(head: Sequence[Line]) -> list[Instrument]:
    """The instruments of a capture: the pairs whose diffs were subscribed to, described by its document."""
    described: dict[str, PairDocument] = {}
    wires: dict[str, None] = {}
    for line in head:
        if line.kind == "http" and urlsplit(line.url).path.endswith("/trading-pairs-info/"):
            described |= _described(line.data)
        elif line.kind == "send" and DIFFS.encode() in line.data:
            wires[str(msgspec.json.decode(line.data)["data"]["channel"]).removeprefix(DIFFS)] = None
    return [_declared(described[wire], place) for place, wire in enumerate(wire for wire in wires if wire in described)]


def recognises(frame: bytes) -> bool:
    """A frame that can only be Bitstamp's."""
    return b'"microtimestamp":' in frame and b'"channel":"diff_order_book_' in frame


def _described(document: bytes) -> dict[str, PairDocument]:
    try:
        return {pair.url_symbol: pair for pair in _PAIRS.decode(document)}
    except msgspec.MsgspecError as cause:
        raise BadMessage(NAME, f"not a list of pairs: {cause}", document) from cause


def _key(pair: PairDocument) -> Key:
    base, _, quote = pair.name.removesuffix(PERPETUAL).partition("/")
    return Key(NAME, Product.PERPETUAL if pair.name.endswith(PERPETUAL) else Product.SPOT, base, quote)


def _declared(pair: PairDocument, place: int) -> Instrument:
    return Instrument(
        id=InstrumentId(place),
        key=_key(pair),
        wire=pair.url_symbol,
        price_decimals=pair.counter_decimals,
        quantity_decimals=pair.base_decimals,
        min_notional=scaled(pair.minimum_order.partition(" ")[0], MONEY_DECIMALS, "minimum_order"),
        text_decimals=(pair.counter_decimals, pair.base_decimals),
    )
