"""KuCoin's symbols: BTC-USDT. A few keep an old name for the coin (BCHSV-USDT is BSV-USDT), which the document tells."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from polaris.domain.errors import BadMessage, UnknownSymbol
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.numbers import MONEY_DECIMALS, decimals_of, scaled
from polaris.venues.capture import Line
from polaris.venues.resolve import Listing

NAME: Final = "kucoin"
PUBLIC_BOOK: Final = "/api/v3/market/orderbook/level2_100"  # the whole book needs a key; this is its best part
LEAST: Final = 8  # decimals: the increments change, and orders from before a change stay in the book
FINER: Final = 4  # than the increment, by decimals, are quantities in books that were partly filled


class SymbolDocument(msgspec.Struct):
    """One symbol of the list."""

    symbol: str
    name: str
    baseIncrement: str
    priceIncrement: str
    baseMinSize: str
    minFunds: str | None = None


class SymbolsAnswer(msgspec.Struct):
    """The answer to GET symbols."""

    code: str
    data: list[SymbolDocument] = []


_SYMBOLS = msgspec.json.Decoder(SymbolsAnswer)


def metadata(wires: Sequence[str]) -> str:
    """The path of the document that describes every symbol."""
    return "/api/v2/symbols"


def book_path(wire: str) -> str:
    """The path of a symbol's book."""
    return f"{PUBLIC_BOOK}?symbol={wire}"


def tag(url: str) -> str:
    """ "depth:BTC-USDT" for the address of that symbol's book, else ""."""
    parts = urlsplit(url)
    wire = parse_qs(parts.query).get("symbol")
    return f"depth:{wire[0]}" if wire and "/orderbook/level2" in parts.path else ""


def instruments(document: bytes, wires: Sequence[str], first: int = 0) -> list[Instrument]:
    """The instruments of these symbols, with ids from `first` on. Raises UnknownSymbol, BadMessage."""
    described = _described(document)
    for wire in wires:
        if wire not in described:
            raise UnknownSymbol(wire, sorted(described), NAME)
    return [_declared(described[wire], first + place) for place, wire in enumerate(wires)]


def listings(document: bytes) -> list[Listing]:
    """Every symbol of the list. Raises BadMessage."""
    return [Listing(symbol.symbol, _key(symbol)) for symbol in _described(document).values()]


def discover(head: Sequence[Line]) -> list[Instrument]:
    """The instruments of a capture: the symbols whose books were subscribed to, described by its document."""
    described: dict[str, SymbolDocument] = {}
    wires: dict[str, None] = {}
    for line in head:
        if line.kind == "http" and urlsplit(line.url).path.endswith("/symbols"):
            described |= _described(line.data)
        elif line.kind == "send" and b"/market/level2:" in line.data:
            topic = str(msgspec.json.decode(line.data)["topic"])
            wires |= dict.fromkeys(topic.partition(":")[2].split(","))
    return [_declared(described[wire], place) for place, wire in enumerate(wire for wire in wires if wire in described)]


def recognises(frame: bytes) -> bool:
    """A frame that can only be KuCoin's."""
    return b'"subject":"trade.l2update"' in frame


def _described(document: bytes) -> dict[str, SymbolDocument]:
    try:
        answer = _SYMBOLS.decode(document)
    except msgspec.MsgspecError as cause:
        raise BadMessage(NAME, f"not a list of symbols: {cause}", document) from cause
    if answer.code != "200000":
        raise BadMessage(NAME, f"the list of symbols came with code {answer.code}", document)
    return {symbol.symbol: symbol for symbol in answer.data}


def _key(symbol: SymbolDocument) -> Key:
    base, _, quote = symbol.name.partition("-")
    return Key(NAME, Product.SPOT, base, quote)


def _declared(symbol: SymbolDocument, place: int) -> Instrument:
    price = max(LEAST, decimals_of(symbol.priceIncrement))
    quantity = max(LEAST, decimals_of(symbol.baseIncrement) + FINER)
    return Instrument(
        id=InstrumentId(place),
        key=_key(symbol),
        wire=symbol.symbol,
        price_decimals=price,
        quantity_decimals=quantity,
        price_increment=scaled(symbol.priceIncrement, price, "priceIncrement"),
        quantity_increment=scaled(symbol.baseIncrement, quantity, "baseIncrement"),
        min_quantity=max(1, scaled(symbol.baseMinSize, quantity, "baseMinSize")),
        min_notional=scaled(symbol.minFunds or "0", MONEY_DECIMALS, "minFunds"),
    )
