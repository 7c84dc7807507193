"""A capture of a few frames in each venue's dialect: two symbols, a book each, one change; enough to come alive, made here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polaris.venues import registry
from polaris.venues.capture import CaptureWriter
from polaris.venues.served import whole
from polaris.venues.served.whole import Whole

BEGAN = 1_700_000_000_000_000_000
STEP = 100_000_000  # ns between two frames
NUMBER = 1_000  # of the snapshots; the changes are the next
TIME = "2023-11-14T22:13:20.000000Z"
WIRES = {
    "binance": ("AAAUSDT", "BBBUSDT"),
    "binance-us": ("AAAUSD", "BBBUSD"),
    "binance-usdm": ("AAAUSDT", "BBBUSDT"),
    "coinbase": ("AAA-USD", "BBB-USD"),
    "coinbase-exchange": ("AAA-USD", "BBB-USD"),
    "kraken": ("AAA/USD", "BBB/USD"),
    "kraken-v1": ("AAA/USD", "BBB/USD"),
    "kucoin": ("AAA-USDT", "BBB-USDT"),
    "gemini": ("AAAUSD", "BBBUSD"),
    "bitstamp": ("aaausd", "bbbusd"),
}


def write(path: Path, venue: str) -> dict[str, tuple[list[list[str]], list[list[str]]]]:
    """Write the capture of a venue; returns what its books are in the end."""
    wires = WIRES[venue]
    with CaptureWriter(path, registry.venue(venue).recorded_as[0], {}, BEGAN) as capture:
        ts = BEGAN
        for address, document in _metadata(venue, wires).items():
            capture.http("http", ts, f"https://host{address}", json.dumps(document))
        capture.connect("ws", ts, _address(venue, wires))
        for message in _subscriptions(venue, wires):
            capture.send("ws", ts, json.dumps(message))
        if venue == "kucoin":
            capture.recv("ws", ts, '{"id":"1","type":"welcome"}')
        for number in range(NUMBER, NUMBER + 40):
            ts += STEP
            if number == NUMBER + 2:
                for wire in wires:
                    _give(capture, venue, wire, _book(venue, wire, NUMBER if venue in _OVER_REST else number, ts), ts)
            if venue in _OVER_REST or number > NUMBER + 2:
                for i, wire in enumerate(wires):
                    capture.recv("ws", ts, _changes(venue, wire, number, i, ts))
    book = _book(venue, wires[0], NUMBER + 39, 0)
    return dict.fromkeys(wires, (book.bids, book.asks))


_OVER_REST = ("binance", "binance-us", "binance-usdm", "kucoin", "bitstamp")


def _decimals(venue: str) -> str:
    return {"binance": "00000000", "binance-us": "00000000", "bitstamp": "0000", "kraken": "00", "kraken-v1": "00", "gemini": "0"}.get(venue, "")


def _quantity(venue: str, number: int) -> str:
    return f"{number - NUMBER + 9}" + (f".{_decimals(venue)}" if _decimals(venue) else "")


def _book(venue: str, wire: str, number: int, ts: int) -> Whole:
    """99 to 101, with more wanted and offered behind; the best three bids count the changes, in turn."""
    price = {"binance": ".00000000", "binance-us": ".00000000", "bitstamp": ".00", "kraken": ".0", "kraken-v1": ".0", "gemini": ".0"}.get(venue, "")
    bids = [[f"{99 - i}{price}", _quantity(venue, number - (number - i) % 3 if i < 3 else NUMBER + i)] for i in range(12)]
    asks = [[f"{101 + i}{price}", _quantity(venue, NUMBER + i)] for i in range(12)]
    return Whole(wire, bids, asks, number, ts, 1000)


def _give(capture: CaptureWriter, venue: str, wire: str, book: Whole, ts: int) -> None:
    if venue not in _OVER_REST:
        frame = whole.frame(venue, book).replace(b'"sequence_num":0', b'"sequence_num":%d' % WIRES[venue].index(wire))
        capture.recv("ws", ts, frame)
        return
    paths = {"kucoin": f"/api/v3/market/orderbook/level2_100?symbol={wire}", "bitstamp": f"/api/v2/order_book/{wire}/"}
    capture.http("http", ts, f"https://host{paths.get(venue, f'/api/v3/depth?symbol={wire}&limit=5000')}", whole.document(venue, book))


def _changes(venue: str, wire: str, number: int, place: int, ts: int) -> bytes:
    """The change that brings the book to what it is at `number`."""
    book = _book(venue, wire, number, ts)
    changed = book.bids[number % 3]
    count = 2 * (number - NUMBER - 2) + place  # frames of the connection, after two snapshots
    said: dict[str, Callable[[], Any]] = {
        "coinbase": lambda: {
            "channel": "l2_data", "client_id": "", "timestamp": TIME, "sequence_num": count,
            "events": [{"type": "update", "product_id": wire, "updates": [{"side": "bid", "event_time": TIME, "price_level": changed[0], "new_quantity": changed[1]}]}],
        },
        "coinbase-exchange": lambda: {"type": "l2update", "product_id": wire, "changes": [["buy", *changed]], "time": TIME},
        "gemini": lambda: {"type": "l2_updates", "symbol": wire, "changes": [["buy", *changed]]},
        "kucoin": lambda: {
            "type": "message", "topic": f"/market/level2:{wire}", "subject": "trade.l2update",
            "data": {"changes": {"asks": [], "bids": [[*changed, str(number)]]}, "sequenceStart": number, "sequenceEnd": number, "symbol": wire, "time": 0},
        },
        "bitstamp": lambda: {
            "event": "data", "channel": f"diff_order_book_{wire}",
            "data": {"timestamp": "0", "microtimestamp": str(number), "bids": [changed], "asks": []},
        },
    }  # fmt: skip
    if venue in said:
        return json.dumps(said[venue](), separators=(",", ":")).encode()
    if venue == "kraken":
        return whole.frame(venue, book).replace(b'"type":"snapshot"', b'"type":"update"')
    if venue == "kraken-v1":
        checksum = json.loads(whole.frame("kraken", book))["data"][0]["checksum"]
        return json.dumps([1, {"b": [[*changed, "1700000000.000000"]], "c": str(checksum)}, "book-1000", wire], separators=(",", ":")).encode()
    data = {"e": "depthUpdate", "E": ts // 10**6, "s": wire, "U": number, "u": number, "b": [changed], "a": []}
    if venue == "binance-usdm":
        data = {**data, "T": ts // 10**6, "pu": number - 1}
    return json.dumps({"stream": f"{wire.lower()}@depth@100ms", "data": data}, separators=(",", ":")).encode()


def _address(venue: str, wires: tuple[str, ...]) -> str:
    streams = "/".join(f"{wire.lower()}@depth@100ms" for wire in wires)
    return f"wss://host/stream?streams={streams}" if venue.startswith("binance") else "wss://host/"


def _subscriptions(venue: str, wires: tuple[str, ...]) -> list[Any]:
    return {
        "coinbase": [{"type": "subscribe", "product_ids": wires, "channel": "level2"}],
        "coinbase-exchange": [{"type": "subscribe", "product_ids": wires, "channels": ["level2_batch"]}],
        "gemini": [{"type": "subscribe", "subscriptions": [{"name": "l2", "symbols": wires}]}],
        "kraken": [{"method": "subscribe", "params": {"channel": "book", "symbol": wires, "depth": 1000}}],
        "kraken-v1": [{"event": "subscribe", "pair": wires, "subscription": {"name": "book", "depth": 1000}}],
        "kucoin": [{"id": "1", "type": "subscribe", "topic": f"/market/level2:{','.join(wires)}"}],
        "bitstamp": [{"event": "bts:subscribe", "data": {"channel": f"diff_order_book_{wire}"}} for wire in wires],
    }.get(venue, [])


def _metadata(venue: str, wires: tuple[str, ...]) -> dict[str, Any]:
    """What the venue's symbols can't be told from their frames alone."""
    match venue:
        case "kraken" | "kraken-v1":
            pairs = {wire: {"altname": wire, "wsname": wire, "pair_decimals": 1, "lot_decimals": 2} for wire in wires}
            return {"/0/public/AssetPairs": {"error": [], "result": pairs}}
        case "kucoin":
            symbols = [{"symbol": w, "name": w, "baseIncrement": "1", "priceIncrement": "1", "baseMinSize": "1", "minFunds": "1"} for w in wires]
            return {"/api/v1/symbols": {"code": "200000", "data": symbols}}
        case "bitstamp":
            names = {wire: f"{wire[:3]}/{wire[3:]}".upper() for wire in wires}
            return {"/api/v2/trading-pairs-info/": [{"name": names[w], "url_symbol": w, "base_decimals": 4, "counter_decimals": 2} for w in wires]}
    return {}
