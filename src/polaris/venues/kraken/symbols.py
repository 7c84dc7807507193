"""Kraken's names: XXBTZUSD, XBTUSD and XBT/USD are one pair, which its v2 socket calls BTC/USD.

The document AssetPairs has them all but the last; it is theirs with the two assets that the rest of the world calls
otherwise. What we call wire is what the dialect's frames say.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from polaris.domain.errors import BadMessage, UnknownSymbol
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.numbers import MONEY_DECIMALS, decimals_of, scaled
from polaris.venues.capture import Line
from polaris.venues.resolve import Listing

V2: Final = "kraken"
V1: Final = "kraken-v1"
ELSEWHERE: Final = {"XBT": "BTC", "XDG": "DOGE"}
_V1_PAIR = re.compile(rb'"([0-9A-Z.]{2,12}/[0-9A-Z.]{2,12})"\]?\}?$|"pair":"([0-9A-Z.]{2,12}/[0-9A-Z.]{2,12})"')
_V1_LEVEL = re.compile(rb'\["([0-9]+\.[0-9]+)","([0-9]+\.[0-9]+)","[0-9]')
_V2_PAIR = re.compile(rb'"symbol":\s?"([0-9A-Z.]{2,12}/[0-9A-Z.]{2,12})"')


class PairDocument(msgspec.Struct):
    """One pair of AssetPairs. Decimals are those of the texts that the venue sends."""

    altname: str
    pair_decimals: int
    lot_decimals: int
    wsname: str = ""
    tick_size: str = ""
    ordermin: str = ""
    costmin: str = "0"


class AssetPairs(msgspec.Struct):
    """The answer to GET AssetPairs."""

    error: list[str] = []
    result: dict[str, PairDocument] = {}


_ASSET_PAIRS = msgspec.json.Decoder(AssetPairs)


def metadata(wires: Sequence[str]) -> str:
    """The path of the document that describes every pair: the venue takes only its REST names, which nobody else needs."""
    return "/0/public/AssetPairs"


def elsewhere(pair: str) -> str:
    """XBT/USD as the v2 socket and everybody else says it: BTC/USD."""
    base, _, quote = pair.partition("/")
    return f"{ELSEWHERE.get(base, base)}/{ELSEWHERE.get(quote, quote)}"


def instruments(venue: str, document: bytes, wires: Sequence[str], first: int = 0) -> list[Instrument]:
    """The instruments of these pairs, with ids from `first` on.

    wires   as the venue's frames name them; the v2 dialect also takes XBT/USD for BTC/USD
    raises  UnknownSymbol for one the document lacks, BadMessage for a document that is no AssetPairs
    """
    described = _described(venue, document)
    for wire in wires:
        if wire not in described:
            raise UnknownSymbol(wire, sorted(described), venue)
    return [_declared(venue, wire, described[wire], first + place) for place, wire in enumerate(wires)]


def listings(venue: str, document: bytes) -> list[Listing]:
    """Every pair of an AssetPairs with all its names: XXBTZUSD, XBTUSD, XBT/USD and BTC/USD. Raises BadMessage."""
    return [
        Listing(_wire(venue, pair.wsname), _key(venue, pair.wsname), (name, pair.altname, pair.wsname, elsewhere(pair.wsname)))
        for name, pair in _pairs(venue, document).items()
    ]


def discover(venue: str, head: Sequence[Line]) -> list[Instrument]:
    """The instruments of a capture: the pairs of its frames, described by its AssetPairs."""
    described: dict[str, PairDocument] = {}
    found: dict[str, None] = {}
    for line in head:
        if line.kind == "http" and line.url.endswith("/AssetPairs"):
            described |= _described(venue, line.data)
        elif line.kind == "recv":
            for match in (_V1_PAIR if venue == V1 else _V2_PAIR).finditer(line.data):
                found[next(filter(None, match.groups())).decode()] = None
    texts = _decimals(head) if venue == V1 else {}
    return [_declared(venue, wire, described[wire], place, *texts.get(wire, ())) for place, wire in enumerate(wire for wire in found if wire in described)]


def recognises_v1(frame: bytes) -> bool:
    """A frame that can only be the v1 dialect's."""
    return frame.startswith(b"[") and b'"book-' in frame[-60:]


def recognises_v2(frame: bytes) -> bool:
    """A frame that can only be the v2 dialect's."""
    return frame.startswith(b'{"channel":"book","type":"') and b'"checksum":' in frame[-120:]


def _described(venue: str, document: bytes) -> dict[str, PairDocument]:
    pairs = {pair.wsname: pair for pair in _pairs(venue, document).values()}
    return pairs if venue == V1 else {elsewhere(name): pair for name, pair in pairs.items()} | pairs


def _pairs(venue: str, document: bytes) -> dict[str, PairDocument]:
    """Pairs that have a stream, by their REST name."""
    try:
        answer = _ASSET_PAIRS.decode(document)
    except msgspec.MsgspecError as cause:
        raise BadMessage(venue, f"not an AssetPairs: {cause}", document) from cause
    if answer.error:
        raise BadMessage(venue, f"AssetPairs says {', '.join(answer.error)}", document)
    return {name: pair for name, pair in answer.result.items() if pair.wsname}


def _wire(venue: str, name: str) -> str:
    return name if venue == V1 else elsewhere(name)


def _key(venue: str, name: str) -> Key:
    base, _, quote = elsewhere(name).partition("/")
    return Key(venue, Product.SPOT, base, quote)


def _decimals(head: Sequence[Line]) -> dict[str, tuple[int, int]]:
    """The decimals of prices and quantities in v1's books, by pair: more than the document says, and they count in the checksum."""
    found: dict[str, tuple[int, int]] = {}
    for line in head:
        pair = _V1_PAIR.search(line.data)
        if line.kind == "recv" and pair is not None and pair.group(1) and b'"book-' in line.data[-60:]:
            wire = pair.group(1).decode()
            price, quantity = found.get(wire, (0, 0))
            for price_text, quantity_text in _V1_LEVEL.findall(line.data):
                price = max(price, len(price_text.partition(b".")[2]))
                quantity = max(quantity, len(quantity_text.partition(b".")[2]))
            found[wire] = price, quantity
    return found


def _declared(venue: str, wire: str, pair: PairDocument, place: int, price: int = 0, quantity: int = 0) -> Instrument:
    wire = _wire(venue, wire)
    tick = pair.tick_size or f"1e-{pair.pair_decimals}"
    if decimals_of(tick) > pair.pair_decimals:
        raise BadMessage(venue, f"{wire}: a tick size of {tick} does not fit {pair.pair_decimals} decimals")
    price, quantity = max(price, pair.pair_decimals), max(quantity, pair.lot_decimals)
    return Instrument(
        id=InstrumentId(place),
        key=_key(venue, wire),
        wire=wire,
        price_decimals=price,
        quantity_decimals=quantity,
        price_increment=scaled(tick, price, "tick_size"),
        quantity_increment=10 ** (quantity - pair.lot_decimals),
        min_quantity=max(1, scaled(pair.ordermin or "0", quantity, "ordermin")),
        min_notional=scaled(pair.costmin, MONEY_DECIMALS, "costmin"),
        text_decimals=(price, quantity),
    )
