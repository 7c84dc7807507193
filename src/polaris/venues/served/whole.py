"""A whole book in each venue's own words: what its client gets that asks for one.

Some venues answer a request for a document, the others a subscription on the socket; some do both, one to begin with and
one to compare with. The book is that of an undamaged feed on the same stream, so a client that lost its own can have it
again at any moment, as it could at the venue.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from polaris.domain.market import LIVE
from polaris.venues.books import UPDATE_ID
from polaris.venues.kraken.decode import SUBSCRIBED
from polaris.venues.kraken.symbols import V1, V2
from polaris.venues.protocol import Feed

MICRO: Final = 1_000  # ns
CHECKED: Final = 10  # levels a side that Kraken's checksum covers
Levels = list[list[str]]  # [price, quantity] in the venue's texts, best first


@dataclass(frozen=True)
class Whole:
    """One book as it stands.

    number  the venue's number of the newest update in it
    ts      of that moment, ns
    depth   levels a side that its clients are told of, where the venue has such a limit (Kraken)
    """

    wire: str
    bids: Levels
    asks: Levels
    number: int
    ts: int
    depth: int = 0

    @property
    def time(self) -> str:
        """The moment in RFC 3339, to the microsecond."""
        return datetime.fromtimestamp(self.ts // 1000 / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def whole(feed: Feed, wire: str, ts: int) -> Whole | None:
    """A feed's book of one symbol; None where it does not stand."""
    symbol = feed.stats.symbols.get(wire)
    if symbol is None or symbol.state < LIVE:
        return None
    bids, asks, _, _ = feed.book_text(wire, 0)
    depth = int(symbol.head[SUBSCRIBED]) if feed.venue in (V1, V2) else 0
    return Whole(wire, bids, asks, int(symbol.head[UPDATE_ID]), ts, depth)


def document(venue: str, book: Whole) -> bytes:
    """The book as that venue's REST host gives it; raises KeyError for a venue that has no such document."""
    return msgspec.json.encode(_DOCUMENTS[venue](book))


def frame(venue: str, book: Whole) -> bytes:
    """The book as that venue's socket sends it; raises KeyError for a venue whose socket never does."""
    said = _FRAMES[venue](book)
    return said if isinstance(said, bytes) else msgspec.json.encode(said)


def asked(venue: str, message: Any) -> list[str]:
    """The symbols whose books a client's message asks for on the socket."""
    match venue, message:
        case "coinbase", {"type": "subscribe", "channel": "level2", "product_ids": [*wires]}:
            return wires
        case "coinbase-exchange", {"type": "subscribe", "channels": [*channels], "product_ids": [*wires]} if "level2_batch" in channels:
            return wires
        case "gemini", {"type": "subscribe", "subscriptions": [*wanted]}:
            return [wire for each in wanted if each.get("name") == "l2" for wire in each.get("symbols", [])]
        case "kraken", {"method": "subscribe", "params": {"channel": "book", "symbol": [*wires]}}:
            return wires
        case "kraken-v1", {"event": "subscribe", "subscription": {"name": "book"}, "pair": [*wires]}:
            return wires
        case _:
            return []


def _binance(book: Whole) -> Any:
    return {"lastUpdateId": book.number, "bids": book.bids, "asks": book.asks}


def _kucoin(book: Whole) -> Any:
    data = {"time": book.ts // 1_000_000, "sequence": str(book.number), "bids": book.bids, "asks": book.asks}
    return {"code": "200000", "data": data}


def _bitstamp(book: Whole) -> Any:
    return {"timestamp": str(book.number // 10**6), "microtimestamp": str(book.number), "bids": book.bids, "asks": book.asks}


def _gemini_document(book: Whole) -> Any:
    return {name: [{"price": price, "amount": amount} for price, amount in side[:50]] for name, side in (("bids", book.bids), ("asks", book.asks))}


def _exchange_document(book: Whole) -> Any:
    return {"sequence": 0, "bids": [[*level, 1] for level in book.bids[:1]], "asks": [[*level, 1] for level in book.asks[:1]], "time": book.time}


def _coinbase(book: Whole) -> Any:
    updates = [
        {"side": side, "event_time": book.time, "price_level": price, "new_quantity": quantity}
        for side, levels in (("bid", book.bids), ("offer", book.asks))
        for price, quantity in levels
    ]
    events = [{"type": "snapshot", "product_id": book.wire, "updates": updates}]
    return {"channel": "l2_data", "client_id": "", "timestamp": book.time, "sequence_num": 0, "events": events}


def _exchange(book: Whole) -> Any:
    return {"type": "snapshot", "product_id": book.wire, "asks": book.asks, "bids": book.bids, "time": book.time}


def _gemini(book: Whole) -> Any:
    changes = [[side, *level] for side, levels in (("buy", book.bids), ("sell", book.asks)) for level in levels]
    return {"type": "l2_updates", "symbol": book.wire, "changes": changes, "trades": [], "auction_events": []}


def _kraken(book: Whole) -> bytes:
    """Numbers without quotes, and the checksum of the book."""

    def side(levels: Levels) -> str:
        return ",".join(f'{{"price":{price},"qty":{quantity}}}' for price, quantity in levels)

    texts = "".join(text.replace(".", "").lstrip("0") for levels in (book.asks, book.bids) for level in levels[:CHECKED] for text in level)
    checksum = zlib.crc32(texts.encode())
    data = f'{{"symbol":"{book.wire}","bids":[{side(book.bids)}],"asks":[{side(book.asks)}],"checksum":{checksum},"timestamp":"{book.time}"}}'
    return f'{{"channel":"book","type":"snapshot","data":[{data}]}}'.encode()


def _kraken_v1(book: Whole) -> Any:
    second = f"{book.ts // 10**9}.{book.ts // MICRO % 10**6:06d}"
    return [0, {"as": [[*level, second] for level in book.asks], "bs": [[*level, second] for level in book.bids]}, f"book-{book.depth}", book.wire]


_DOCUMENTS: Final[dict[str, Callable[[Whole], Any]]] = {
    **dict.fromkeys(("binance", "binance-us", "binance-usdm", "binance-coinm"), _binance),
    "kucoin": _kucoin,
    "bitstamp": _bitstamp,
    "gemini": _gemini_document,
    "coinbase-exchange": _exchange_document,
}
_FRAMES: Final[dict[str, Callable[[Whole], Any]]] = {
    "coinbase": _coinbase,
    "coinbase-exchange": _exchange,
    "gemini": _gemini,
    "kraken": _kraken,
    "kraken-v1": _kraken_v1,
}
