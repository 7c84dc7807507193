"""Binance's markets, and their symbols as instruments.

Ticks and lots have the decimals the venue writes, not those of `tickSize` and `stepSize`: the increments are rules
that change, and orders older than a change stay in the book (NKNUSDT, tick 0.0001, had a bid at 0.25974 in 2021). Spot
writes eight decimals, futures each symbol's own: its precision in exchangeInfo, or in a recording without it, as its
texts show.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from polaris.domain.errors import BadMessage, UnknownSymbol
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.numbers import MONEY_DECIMALS, decimals_of, scaled
from polaris.venues.capture import Line
from polaris.venues.resolve import Listing

SPOT_DECIMALS: Final = 8


@dataclass(frozen=True)
class Market:
    """One of the venue's markets and what is different there.

    depth_limit  levels a side of a REST snapshot, the most there are
    chained      an update names the one before (`pu`), as futures do; else their ids are consecutive
    decimals     of every price and quantity as written; -1 where each symbol has its own
    """

    name: str
    recorded_as: tuple[str, ...]
    api: str
    depth_limit: int
    chained: bool
    decimals: int


SPOT: Final = Market("binance", ("BINANCE",), "/api/v3", 5000, False, SPOT_DECIMALS)
US: Final = Market("binance-us", ("BINANCE_US",), "/api/v3", 5000, False, SPOT_DECIMALS)  # its own exchange with its own books; one dialect with SPOT
USDM: Final = Market("binance-usdm", ("BINANCE_FUTURES", "BINANCE_USDM"), "/fapi/v1", 1000, True, -1)
COINM: Final = Market("binance-coinm", ("BINANCE_DELIVERY", "BINANCE_COINM"), "/dapi/v1", 1000, True, -1)


class SymbolDocument(msgspec.Struct):
    """The part of a symbol's description that shapes an instrument."""

    symbol: str
    base: str = msgspec.field(name="baseAsset")
    quote: str = msgspec.field(name="quoteAsset")
    filters: list[dict[str, Any]] = []
    contract: str = msgspec.field(name="contractType", default="")
    price_precision: int = msgspec.field(name="pricePrecision", default=-1)
    quantity_precision: int = msgspec.field(name="quantityPrecision", default=-1)


class ExchangeInfo(msgspec.Struct):
    """The answer to GET exchangeInfo."""

    symbols: list[SymbolDocument]


_EXCHANGE_INFO = msgspec.json.Decoder(ExchangeInfo)
_STREAM = re.compile(rb'(?<=[=/"])([0-9a-z_]{3,40})@(depth|trade|aggTrade|bookTicker)')
_FRAME_SYMBOL = re.compile(rb'"s":"([0-9A-Z_]{3,40})"')
_TEXTS = re.compile(rb'\["([0-9]+\.?[0-9]*)","([0-9]+\.?[0-9]*)"\]')
_TOP = re.compile(rb'"[bap]":"([0-9]+\.?[0-9]*)","[BAq]":"([0-9]+\.?[0-9]*)"')
_QUOTES: Final = ("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USDP", "DAI", "BTC", "ETH", "BNB", "EUR", "GBP", "TRY", "BRL", "JPY", "USD")


def metadata(market: Market, wires: Sequence[str]) -> str:
    """The path of the document that describes these symbols; futures describe all or none."""
    if market.chained or not wires:
        return f"{market.api}/exchangeInfo"
    return f"{market.api}/exchangeInfo?symbols=%5B" + "%2C".join(f"%22{wire}%22" for wire in wires) + "%5D"


def snapshot_path(market: Market, wire: str) -> str:
    """The path of a symbol's whole book."""
    return f"{market.api}/depth?symbol={wire}&limit={market.depth_limit}"


def tag(market: Market, url: str) -> str:
    """ "depth:BTCUSDT" for the address of that symbol's snapshot, else ""."""
    parts = urlsplit(url)
    wire = parse_qs(parts.query).get("symbol")
    return f"depth:{wire[0]}" if wire and parts.path.endswith("/depth") else ""


def instruments(market: Market, document: bytes, wires: Sequence[str], first: int = 0) -> list[Instrument]:
    """The instruments of these symbols, with ids from `first` on.

    Raises UnknownSymbol for one the document lacks, BadMessage for a document that is no exchangeInfo.
    """
    described = _described(market, document)
    for wire in wires:
        if wire not in described:
            raise UnknownSymbol(wire, sorted(described), market.name)
    return [_declared(market, described[wire], first + place) for place, wire in enumerate(wires)]


def listings(market: Market, document: bytes) -> list[Listing]:
    """Every symbol of an exchangeInfo. Raises BadMessage."""
    return [Listing(symbol.symbol, _key(market, symbol)) for symbol in _described(market, document).values()]


def discover(market: Market, head: Sequence[Line]) -> list[Instrument]:
    """The instruments of a capture: those of its streams, else of its frames; described by its documents, else its texts."""
    asked = [line.url.encode() if line.kind == "connect" else line.data for line in head if line.kind in ("connect", "send")]
    wires = _wires(asked) or _wires(line.data[:100] for line in head if line.kind == "recv") or _raw_wires(head)
    described: dict[str, SymbolDocument] = {}
    for line in head:
        if line.kind == "http" and urlsplit(line.url).path.endswith("/exchangeInfo"):
            described |= _described(market, line.data)
    return [
        _declared(market, described[wire], place) if wire in described else _learned(market, wire, head, place) for place, wire in enumerate(wires)
    ]


def recognises(market: Market, frame: bytes) -> bool:
    """Whether a frame can only be this market's: futures chain their updates, coin-margined ones name a pair. What US sends SPOT could have sent."""
    if market is US or b'"e":"depthUpdate"' not in frame[:200]:
        return False
    return (b'"pu":' in frame[:400], b'"ps":' in frame[:400]) == (market.chained, market is COINM)


def _described(market: Market, document: bytes) -> dict[str, SymbolDocument]:
    try:
        return {symbol.symbol: symbol for symbol in _EXCHANGE_INFO.decode(document).symbols}
    except msgspec.MsgspecError as cause:
        raise BadMessage(market.name, f"not an exchangeInfo: {cause}", document) from cause


def _wires(texts: Iterable[bytes]) -> list[str]:
    """Every symbol with a stream in these texts, once, in order."""
    found = {stream.decode().upper(): None for text in texts for stream, _ in _STREAM.findall(text)}
    return list(found)


def _raw_wires(head: Sequence[Line]) -> list[str]:
    found = {symbol.decode(): None for line in head if line.kind == "recv" for symbol in _FRAME_SYMBOL.findall(line.data[:200])}
    return list(found)


def _declared(market: Market, symbol: SymbolDocument, place: int) -> Instrument:
    filters = {str(each["filterType"]): each for each in symbol.filters if "filterType" in each}
    try:
        tick, step = str(filters["PRICE_FILTER"]["tickSize"]), str(filters["LOT_SIZE"]["stepSize"])
        least = str(filters["LOT_SIZE"]["minQty"])
    except KeyError as cause:
        raise BadMessage(market.name, f"{symbol.symbol} has no {cause} in its filters") from cause
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    price = max(market.decimals, symbol.price_precision, decimals_of(tick))
    quantity = max(market.decimals, symbol.quantity_precision, decimals_of(step))
    return Instrument(
        id=InstrumentId(place),
        key=_key(market, symbol),
        wire=symbol.symbol,
        price_decimals=price,
        quantity_decimals=quantity,
        price_increment=scaled(tick, price, "tickSize"),
        quantity_increment=scaled(step, quantity, "stepSize"),
        min_quantity=max(1, scaled(least, quantity, "minQty")),
        min_notional=scaled(str(notional.get("minNotional", notional.get("notional", "0"))), MONEY_DECIMALS, "minNotional"),
        text_decimals=(price, quantity),
    )


def _learned(market: Market, wire: str, head: Sequence[Line], place: int) -> Instrument:
    """An instrument nobody described: its decimals are the most its texts in `head` show."""
    price = quantity = max(0, market.decimals)
    if market.decimals < 0:
        name = b'"' + wire.encode() + b'"'
        for line in head:
            if line.kind == "recv" and name in line.data[:300]:
                for price_text, quantity_text in _TEXTS.findall(line.data) + _TOP.findall(line.data):
                    price = max(price, len(price_text.partition(b".")[2]))
                    quantity = max(quantity, len(quantity_text.partition(b".")[2]))
    base, quote = _split(wire)
    product = Product.SPOT if not market.chained else _product(market, "PERPETUAL" if "_" not in wire or wire.endswith("_PERP") else "")
    return Instrument(
        id=InstrumentId(place),
        key=Key(market.name, product, base, _quote(wire, quote)),
        wire=wire,
        price_decimals=price,
        quantity_decimals=quantity,
        text_decimals=(price, quantity),
    )


def _key(market: Market, symbol: SymbolDocument) -> Key:
    return Key(market.name, _product(market, symbol.contract), symbol.base, _quote(symbol.symbol, symbol.quote))


def _product(market: Market, contract: str) -> Product:
    """PERPETUAL, TRADIFI_PERPETUAL on stocks and metals, PERPETUAL_DELIVERING before its end; else a quarter's future."""
    if not market.chained:
        return Product.SPOT
    return Product.PERPETUAL if "PERPETUAL" in contract else Product.FUTURE


def _quote(wire: str, quote: str) -> str:
    """BTCUSDT_241227 and BTCUSDT_250328 are two futures: the delivery stays with the name."""
    delivery = wire.partition("_")[2]
    return f"{quote}-{delivery}" if delivery and delivery != "PERP" else quote


def _split(wire: str) -> tuple[str, str]:
    """BTCUSDT is BTC and USDT: wire symbols have no separator, so the quotes we know are tried."""
    pair = wire.partition("_")[0]
    for quote in _QUOTES:
        if pair.endswith(quote) and len(pair) > len(quote):
            return pair[: -len(quote)], quote
    return pair, "UNKNOWN"
