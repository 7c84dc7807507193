"""US stocks as instruments.

A stock is the same everywhere: quoted in dollars, its trades printed to a hundredth of a cent, orders from a dollar up
in whole cents, shares in billionths. The venue only says which there are: those of which it knows a trade.
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlsplit

from polaris.domain.errors import UnknownSymbol
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.venues.alpaca.documents import DOCUMENTS
from polaris.venues.capture import Line
from polaris.venues.documents import Documents
from polaris.venues.resolve import Listing

NAME: Final = "alpaca"
PRICE_DECIMALS: Final = 4
QUANTITY_DECIMALS: Final = 9
CENT: Final = 100  # ticks
BARS_PATH: Final = "/v2/stocks/bars"
LATEST_PATH: Final = "/v2/stocks/trades/latest"
BARS_TAG: Final = "bars:"

_LATEST = Documents(NAME, {"latest trades": DOCUMENTS["latest trades"]})
_SUBSCRIBED = re.compile(rb'"(?:trades|bars)"\s*:\s*\[([^\]]*)\]')
_NAME = re.compile(rb'"([A-Z][A-Z0-9./]{0,14})"')
_SYMBOL = re.compile(rb'"S":"([A-Z][A-Z0-9./]{0,14})"')
_FRAME = re.compile(rb'^\[\{"T":"(?:[tbudqslcx]|success|error|subscription)"')


def metadata(wires: Sequence[str]) -> str:
    """The path of the document that shows which of these stocks there are."""
    return f"{LATEST_PATH}?symbols={symbols(wires)}"


def symbols(wires: Sequence[str]) -> str:
    """A list of stocks as it stands in a query."""
    return quote(",".join(wires), safe="")


def tag(url: str) -> str:
    """ "bars:" for the address of a page of bars, else ""."""
    return BARS_TAG if urlsplit(url).path == BARS_PATH else ""


def instruments(document: bytes, wires: Sequence[str], first: int = 0) -> list[Instrument]:
    """The instruments of these stocks, with ids from `first` on.

    Raises UnknownSymbol for one the document lacks, BadMessage for a document that holds no trades.
    """
    known = _LATEST.decode("latest trades", document).trades
    for wire in wires:
        if wire not in known:
            raise UnknownSymbol(wire, sorted(known), NAME)
    return [_stock(wire, first + place) for place, wire in enumerate(wires)]


def listings(document: bytes) -> list[Listing]:
    """Every stock of a document of latest trades. Raises BadMessage."""
    return [Listing(wire, _key(wire)) for wire in _LATEST.decode("latest trades", document).trades]


def asks(names: Sequence[str]) -> list[str]:
    """The stocks that these names can only mean, as no document tells of all: SPY, SPY-USD and SPY-USD.alpaca are SPY."""
    return list(dict.fromkeys(name.upper().removesuffix(f".{NAME}".upper()).removesuffix("-USD") for name in names))


def discover(head: Sequence[Line]) -> list[Instrument]:
    """The instruments of a capture: those it subscribed to, else those its frames name."""
    asked = [names for line in head if line.kind == "send" for names in _SUBSCRIBED.findall(line.data)]
    found = [name for names in asked for name in _NAME.findall(names)] or [
        name for line in head if line.kind == "recv" for name in _SYMBOL.findall(line.data)
    ]
    return [_stock(wire.decode(), place) for place, wire in enumerate(dict.fromkeys(found))]


def recognises(frame: bytes) -> bool:
    """Whether a frame can only be this venue's."""
    return _FRAME.match(frame[:32]) is not None


def _key(wire: str) -> Key:
    return Key(NAME, Product.STOCK, wire, "USD")


def _stock(wire: str, place: int) -> Instrument:
    return Instrument(
        id=InstrumentId(place),
        key=_key(wire),
        wire=wire,
        price_decimals=PRICE_DECIMALS,
        quantity_decimals=QUANTITY_DECIMALS,
        price_increment=CENT,
    )
