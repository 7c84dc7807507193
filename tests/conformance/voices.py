"""How each venue speaks, in a few lines each: what it says to a subscription, a change, a trade, a loss.

A voice keeps the books it speaks of, so its numbers and checksums are right; the frames are made after the venues'
public documentation, with no line of the feeds they are for. `rest` answers what a feed fetches.
"""

import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

MS = 1_723_161_255_208  # every frame's time, by the venue's clock
RFC = "2024-08-08T23:54:15.208000Z"  # the same
Sides = dict[str, dict[str, str]]  # "bid" and "ask": quantity by price
Levels = list[tuple[str, str]]  # price, quantity


class Voice:
    """One venue with two symbols, each with two levels a side.

    wires     its two symbols
    keys      what the same two are to us
    guarded   what a lost message costs: "symbol" its book, "connection" every book, "" nothing that the stream shows
    numbers   decimals that it writes, of prices and of quantities
    """

    name = ""
    wires = ("BTC-USD", "ETH-USD")
    keys = ("BTC-USD", "ETH-USD")
    guarded = "symbol"
    numbers = (2, 4)
    books_told = True  # Alpaca's has none

    def __init__(self) -> None:
        self.books: dict[str, Sides] = {
            wire: {"bid": {self.price(100): self.size(1), self.price(99): self.size(2)}, "ask": {self.price(101): self.size(1), self.price(102): self.size(2)}}
            for wire in self.wires
        }
        self.number = dict.fromkeys(self.wires, 1000)  # of the last message of a symbol
        self.url = ""  # of its sockets, for a venue that tells it
        self.gives_books = True  # False: the socket tells none

    def price(self, value: float) -> str:
        return f"{value:.{self.numbers[0]}f}"

    def size(self, value: float) -> str:
        return f"{value:.{self.numbers[1]}f}"

    def side(self, wire: str, side: str) -> Levels:
        """One side of a book, best first."""
        return sorted(self.books[wire][side].items(), key=lambda level: float(level[0]), reverse=side == "bid")

    def next(self, wire: str) -> int:
        self.number[wire] += 1
        return self.number[wire]

    def change(self, wire: str, side: str, price: float, size: float) -> bytes:
        """One level of a book is another now; size 0 removes it."""
        level = (self.price(price), self.size(size))
        if size:
            self.books[wire][side][level[0]] = level[1]
        else:
            self.books[wire][side].pop(level[0], None)
        return self.told(wire, side, *level)

    def document(self) -> bytes:
        """What describes both symbols."""
        raise NotImplementedError

    def opened(self) -> list[bytes]:
        """What it says first."""
        return []

    def said(self, text: str) -> list[bytes]:
        """Its answer to what a client sent."""
        return []

    def rest(self, path: str) -> bytes:
        """Its answer to what a client fetched."""
        return b"{}"

    def whole(self, wire: str) -> bytes:
        """A book as its socket tells it."""
        raise NotImplementedError

    def wholes(self, wires: list[str]) -> list[bytes]:
        """Some books, unless it gives none."""
        return [self.whole(wire) for wire in wires] if self.gives_books else []

    def told(self, wire: str, side: str, price: str, size: str) -> bytes:
        """A change as it says it."""
        raise NotImplementedError

    def trade(self, wire: str, taker_buys: bool) -> bytes:
        """A trade as it says it."""
        raise NotImplementedError

    def lose(self, wire: str) -> list[bytes]:
        """A message is lost; the frames that follow."""
        self.change(wire, "bid", 98, 7)
        return [self.change(wire, "bid", 97, 7)]


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


class Binance(Voice):
    """Ids of changes follow each other; the book comes over REST. `m`: the buyer was the maker, so the taker sold."""

    name = "binance"
    wires = ("BTCUSDT", "ETHUSDT")
    keys = ("BTC-USDT", "ETH-USDT")
    numbers = (8, 8)

    def document(self) -> bytes:
        return encode({"symbols": [self.symbol(wire, wire[:3]) for wire in self.wires]})

    def symbol(self, wire: str, base: str) -> dict[str, Any]:
        filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.01"}, {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001"}]
        return {"symbol": wire, "baseAsset": base, "quoteAsset": "USDT", "filters": filters}

    def opened(self) -> list[bytes]:
        return [self.change(wire, "bid", 90, 1) for wire in self.wires]

    def rest(self, path: str) -> bytes:
        (wire,) = parse_qs(urlsplit(path).query)["symbol"]
        return encode({"lastUpdateId": self.number[wire], "bids": self.side(wire, "bid"), "asks": self.side(wire, "ask"), **self.beside(wire)})

    def beside(self, wire: str) -> dict[str, Any]:
        return {}

    def told(self, wire: str, side: str, price: str, size: str) -> bytes:
        number = self.next(wire)
        data = {"e": "depthUpdate", "E": MS, "s": wire, "U": number, "u": number, "b": [], "a": [], side[0]: [[price, size]], **self.extra(wire, number)}
        return encode({"stream": f"{wire.lower()}@depth@100ms", "data": data})

    def extra(self, wire: str, number: int) -> dict[str, Any]:
        return {}

    def trade(self, wire: str, taker_buys: bool) -> bytes:
        data = {"e": "trade", "E": MS, "s": wire, "t": self.next("trades"), "p": self.price(100), "q": self.size(1), "T": MS, "m": not taker_buys, "X": "MARKET"}
        return encode({"stream": f"{wire.lower()}@trade", "data": data})

    def __init__(self) -> None:
        super().__init__()
        self.number["trades"] = 0


class BinanceUs(Binance):
    """Spot's dialect at another exchange."""

    name = "binance-us"
    wires = ("BTCUSD", "ETHUSD")
    keys = ("BTC-USD", "ETH-USD")

    def symbol(self, wire: str, base: str) -> dict[str, Any]:
        return super().symbol(wire, base) | {"quoteAsset": "USD"}


class BinanceUsdm(Binance):
    """A change names the one before."""

    name = "binance-usdm"
    keys = ("BTC-USDT-perpetual", "ETH-USDT-perpetual")
    numbers = (2, 3)

    def symbol(self, wire: str, base: str) -> dict[str, Any]:
        return super().symbol(wire, base) | {"contractType": "PERPETUAL", "pricePrecision": 2, "quantityPrecision": 3}

    def beside(self, wire: str) -> dict[str, Any]:
        return {"E": MS, "T": MS}

    def extra(self, wire: str, number: int) -> dict[str, Any]:
        return {"pu": number - 1, "T": MS}


class BinanceCoinm(BinanceUsdm):
    """The same, in contracts."""

    name = "binance-coinm"
    wires = ("BTCUSD_PERP", "ETHUSD_PERP")
    keys = ("BTC-USD-perpetual", "ETH-USD-perpetual")
    numbers = (1, 0)

    def symbol(self, wire: str, base: str) -> dict[str, Any]:
        filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.1"}, {"filterType": "LOT_SIZE", "stepSize": "1", "minQty": "1"}]
        more = {"quoteAsset": "USD", "filters": filters, "pricePrecision": 1, "quantityPrecision": 0}
        return super().symbol(wire, base) | more

    def beside(self, wire: str) -> dict[str, Any]:
        return {"symbol": wire, "pair": wire.partition("_")[0], "E": MS, "T": MS}

    def extra(self, wire: str, number: int) -> dict[str, Any]:
        return super().extra(wire, number) | {"ps": wire.partition("_")[0]}


class Coinbase(Voice):
    """One number counts all frames of a connection; the asks are "offer"; a trade's side is the maker's."""

    name = "coinbase"
    guarded = "connection"
    frames = 0

    def document(self) -> bytes:
        sizes = {"base_increment": "0.0001", "quote_increment": "0.01", "price_increment": "0.01", "base_min_size": "0.0001", "quote_min_size": "1"}
        return encode({"products": [{"product_id": w, "base_currency_id": w[:3], "quote_currency_id": w[4:], **sizes} for w in self.wires]})

    def opened(self) -> list[bytes]:
        self.frames = 0
        return []

    def frame(self, channel: str, *events: dict[str, Any]) -> bytes:
        self.frames += 1
        return encode({"channel": channel, "client_id": "", "timestamp": RFC, "sequence_num": self.frames - 1, "events": events})

    def said(self, text: str) -> list[bytes]:
        asked = msgspec.json.decode(text)
        wanted = asked["product_ids"] if (asked["type"], asked["channel"]) == ("subscribe", "level2") else []
        return [*self.wholes(wanted), self.frame("subscriptions", {"subscriptions": {asked["channel"]: asked["product_ids"]}})]

    def whole(self, wire: str) -> bytes:
        return self.frame("l2_data", self.event("snapshot", wire, [(side, *level) for side in ("bid", "ask") for level in self.side(wire, side)]))

    def event(self, kind: str, wire: str, levels: list[tuple[str, str, str]]) -> dict[str, Any]:
        names = {"bid": "bid", "ask": "offer"}
        updates = [{"side": names[side], "event_time": RFC, "price_level": price, "new_quantity": size} for side, price, size in levels]
        return {"type": kind, "product_id": wire, "updates": updates}

    def told(self, wire: str, side: str, price: str, size: str) -> bytes:
        return self.frame("l2_data", self.event("update", wire, [(side, price, size)]))

    def trade(self, wire: str, taker_buys: bool) -> bytes:
        side = "SELL" if taker_buys else "BUY"
        trade = {"product_id": wire, "trade_id": str(self.next(wire)), "price": self.price(100), "size": self.size(1), "time": RFC, "side": side}
        return self.frame("market_trades", {"type": "update", "trades": [trade]})


class CoinbaseExchange(Voice):
    """A book's frames carry no number; trades are counted, so a missing one shows. A trade's side is the maker's."""

    name = "coinbase-exchange"

    def document(self) -> bytes:
        return encode([{"id": w, "base_currency": w[:3], "quote_currency": w[4:], "quote_increment": "0.01", "base_increment": "0.0001"} for w in self.wires])

    def said(self, text: str) -> list[bytes]:
        asked = msgspec.json.decode(text)
        wanted = asked["product_ids"] if asked["type"] == "subscribe" and "level2_batch" in asked["channels"] else []
        return [encode({"type": "subscriptions", "channels": []}), *self.wholes(wanted)]

    def whole(self, wire: str) -> bytes:
        return encode({"type": "snapshot", "product_id": wire, "asks": self.side(wire, "ask"), "bids": self.side(wire, "bid")})

    def rest(self, path: str) -> bytes:
        wire = path.split("/")[2]
        tops = {f"{side}s": [[*level, 1] for level in self.side(wire, side)[:1]] for side in ("bid", "ask")}
        return encode({**tops, "sequence": self.number[wire]})

    def told(self, wire: str, side: str, price: str, size: str) -> bytes:
        return encode({"type": "l2update", "product_id": wire, "changes": [["buy" if side == "bid" else "sell", price, size]], "time": RFC})

    def trade(self, wire: str, taker_buys: bool) -> bytes:
        ids = {"trade_id": self.next(wire), "sequence": 10 * self.number[wire], "maker_order_id": "m", "taker_order_id": "t"}
        side = "sell" if taker_buys else "buy"
        return encode({"type": "match", "product_id": wire, "price": self.price(100), "size": self.size(1), "side": side, "time": RFC, **ids})

    def lose(self, wire: str) -> list[bytes]:
        before = self.trade(wire, True)
        self.trade(wire, True)
        return [before, self.trade(wire, True)]


class Kraken(Voice):
    """Each change proves the book by a checksum; numbers come without quotes; a trade's side is the taker's."""

    name = "kraken"
    wires = ("BTC/USD", "ETH/USD")
    numbers = (1, 8)

    def document(self) -> bytes:
        pair = {"pair_decimals": 1, "lot_decimals": 8, "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1"}
        names = {"XXBTZUSD": ("XBTUSD", "XBT/USD"), "XETHZUSD": ("ETHUSD", "ETH/USD")}
        return encode({"error": [], "result": {name: {"altname": alt, "wsname": ws, **pair} for name, (alt, ws) in names.items()}})

    def checksum(self, wire: str) -> int:
        levels = [*self.side(wire, "ask")[:10], *self.side(wire, "bid")[:10]]
        return zlib.crc32("".join(part.replace(".", "").lstrip("0") for level in levels for part in level).encode())

    def said(self, text: str) -> list[bytes]:
        asked = msgspec.json.decode(text)
        wanted = asked["params"]["symbol"] if asked["method"] == "subscribe" and asked["params"]["channel"] == "book" else []
        return self.wholes(wanted)

    def whole(self, wire: str) -> bytes:
        return self.book("snapshot", wire, self.side(wire, "bid"), self.side(wire, "ask"))

    def book(self, kind: str, wire: str, bids: Levels, asks: Levels) -> bytes:
        sides = [[{"price": msgspec.Raw(price.encode()), "qty": msgspec.Raw(size.encode())} for price, size in side] for side in (bids, asks)]
        data = {"symbol": wire, "bids": sides[0], "asks": sides[1], "checksum": self.checksum(wire), "timestamp": RFC}
        return encode({"channel": "book", "type": kind, "data": [data]})

    def told(self, wire: str, side: str, price: str, size: str) -> bytes:
        level = [(price, size)]
        return self.book("update", wire, level if side == "bid" else [], level if side == "ask" else [])

    def trade(self, wire: str, taker_buys: bool) -> bytes:
        numbers = {"price": msgspec.Raw(self.price(100).encode()), "qty": msgspec.Raw(self.size(1).encode()), "trade_id": self.next(wire)}
        data = {"symbol": wire, "side": "buy" if taker_buys else "sell", "ord_type": "limit", "timestamp": RFC, **numbers}
        return encode({"channel": "trade", "type": "update", "data": [data]})


class KrakenV1(Kraken):
    """The frozen dialect: arrays, with the pair's older name."""

    name = "kraken-v1"
    wires = ("XBT/USD", "ETH/USD")
    numbers = (5, 8)

    def document(self) -> bytes:
        return super().document().replace(b'"pair_decimals":1', b'"pair_decimals":5')

    def said(self, text: str) -> list[bytes]:
        asked = msgspec.json.decode(text)
        wanted = asked["pair"] if asked["event"] == "subscribe" and asked["subscription"]["name"] == "book" else []
        return self.wholes(wanted)

    def whole(self, wire: str) -> bytes:
        return self.array({"as": self.timed(self.side(wire, "ask")), "bs": self.timed(self.side(wire, "bid"))}, "book-1000", wire)

    def array(self, content: Any, channel: str, wire: str) -> bytes:
        return encode([336, content, channel, wire])

    def timed(self, levels: Levels) -> list[tuple[str, str, str]]:
        return [(*level, f"{MS // 1000}.208000") for level in levels]

    def told(self, wire: str, side: str, price: str, size: str) -> bytes:
        return self.array({side[0]: self.timed([(price, size)]), "c": str(self.checksum(wire))}, "book-1000", wire)

    def trade(self, wire: str, taker_buys: bool) -> bytes:
        ((price, size, time),) = self.timed([(self.price(100), self.size(1))])
        return self.array([[price, size, time, "b" if taker_buys else "s", "l", ""]], "trade", wire)


class Kucoin(Voice):
    """A token opens a connection, a welcome begins it; changes are numbered one by one; the book comes over REST."""

    name = "kucoin"
    wires = ("BTC-USDT", "ETH-USDT")
    keys = ("BTC-USDT", "ETH-USDT")

    def document(self) -> bytes:
        sizes = {"baseIncrement": "0.0001", "priceIncrement": "0.01", "baseMinSize": "0.0001", "minFunds": "0.1"}
        return encode({"code": "200000", "data": [{"symbol": wire, "name": wire, **sizes} for wire in self.wires]})

    def opened(self) -> list[bytes]:
        return [encode({"id": "1", "type": "welcome"})]

    def said(self, text: str) -> list[bytes]:
        asked = msgspec.json.decode(text)
        if asked["type"] == "ping":
            return [encode({"id": asked["id"], "type": "pong"})]
        topic, _, wires = asked.get("topic", "").partition(":")
        return [encode({"id": asked["id"], "type": "ack"}), *([self.change(w, "bid", 90, 1) for w in wires.split(",")] if topic == "/market/level2" else [])]

    def rest(self, path: str) -> bytes:
        if "bullet-public" in path:
            servers = [{"endpoint": f"{self.url}/endpoint", "pingInterval": 18000, "pingTimeout": 10000, "encrypt": False, "protocol": "websocket"}]
            return encode({"code": "200000", "data": {"token": "t", "instanceServers": servers}})
        (wire,) = parse_qs(urlsplit(path).query)["symbol"]
        book = {"sequence": str(self.number[wire]), "time": MS, "bids": self.side(wire, "bid"), "asks": self.side(wire, "ask")}
        return encode({"code": "200000", "data": book})

    def message(self, topic: str, subject: str, data: dict[str, Any]) -> bytes:
        return encode({"type": "message", "topic": topic, "subject": subject, "data": data})

    def told(self, wire: str, side: str, price: str, size: str) -> bytes:
        number = self.next(wire)
        changes = {"asks": [], "bids": [], f"{side}s": [[price, size, str(number)]]}
        data = {"changes": changes, "sequenceStart": number, "sequenceEnd": number, "symbol": wire, "time": MS}
        return self.message(f"/market/level2:{wire}", "trade.l2update", data)

    def trade(self, wire: str, taker_buys: bool) -> bytes:
        numbers = {"sequence": str(self.number[wire]), "price": self.price(100), "size": self.size(1), "time": str(MS * 10**6)}
        data = {"symbol": wire, "side": "buy" if taker_buys else "sell", "type": "match", "tradeId": "1", "takerOrderId": "t", "makerOrderId": "m", **numbers}
        return self.message(f"/market/match:{wire}", "trade.l3match", data)


class Bitstamp(Voice):
    """A change says when it was made and nothing of the one before; type 0 bought."""

    name = "bitstamp"
    wires = ("btcusd", "ethusd")
    guarded = ""

    def __init__(self) -> None:
        super().__init__()
        self.number = dict.fromkeys(self.wires, MS * 1000)

    def document(self) -> bytes:
        pair = {"base_decimals": 4, "counter_decimals": 2, "minimum_order": "10.0 USD", "trading": "Enabled"}
        return encode([{"name": f"{wire[:3].upper()}/USD", "url_symbol": wire, **pair} for wire in self.wires])

    def said(self, text: str) -> list[bytes]:
        asked = msgspec.json.decode(text)
        channel = asked["data"].get("channel", "")
        done = [encode({"event": "bts:subscription_succeeded", "channel": channel, "data": {}})] if asked["event"] == "bts:subscribe" else []
        return [*done, *([self.change(channel[-6:], "bid", 90, 1)] if channel.startswith("diff_") else [])]

    def rest(self, path: str) -> bytes:
        wire = path.strip("/").split("/")[-1]
        when = {"timestamp": str(MS // 1000), "microtimestamp": str(self.number[wire])}
        return encode({**when, "bids": self.side(wire, "bid"), "asks": self.side(wire, "ask")})

    def told(self, wire: str, side: str, price: str, size: str) -> bytes:
        data = {"timestamp": str(MS // 1000), "microtimestamp": str(self.next(wire)), "bids": [], "asks": [], f"{side}s": [[price, size]]}
        return encode({"data": data, "channel": f"diff_order_book_{wire}", "event": "data"})

    def trade(self, wire: str, taker_buys: bool) -> bytes:
        exact = {"price": 100.0, "price_str": self.price(100), "amount": 1.0, "amount_str": self.size(1)}
        data = {"id": self.next(wire), "type": 0 if taker_buys else 1, "timestamp": "1", "microtimestamp": str(MS * 1000), **exact}
        return encode({"data": data | {"buy_order_id": 1, "sell_order_id": 2}, "channel": f"live_trades_{wire}", "event": "trade"})


class Gemini(Voice):
    """Nothing is numbered; a frame that holds trades is a whole book. Two products of one pair are two things."""

    name = "gemini"
    wires = ("BTCUSD", "BTCUSDPERP")
    keys = ("BTC-USD", "BTC-USD-perpetual")
    guarded = ""

    def document(self) -> bytes:
        sizes = {"tick_size": "0.0001", "quote_increment": "0.01", "min_order_size": "0.0001", "status": "open"}
        products = zip(self.wires, ("spot", "swap"), strict=True)
        return encode([{"symbol": wire, "base_currency": "BTC", "quote_currency": "USD", "product_type": product, **sizes} for wire, product in products])

    def said(self, text: str) -> list[bytes]:
        asked = msgspec.json.decode(text)
        wanted = [wire for each in asked["subscriptions"] for wire in each["symbols"]] if asked["type"] == "subscribe" else []
        return self.wholes(wanted)

    def whole(self, wire: str) -> bytes:
        changes = [(name, *level) for side, name in (("bid", "buy"), ("ask", "sell")) for level in self.side(wire, side)]
        return encode({"type": "l2_updates", "symbol": wire, "changes": changes, "trades": [], "auction_events": []})

    def rest(self, path: str) -> bytes:
        wire = urlsplit(path).path.split("/")[-1].upper()
        return encode({f"{side}s": [{"price": p, "amount": q, "timestamp": "1"} for p, q in self.side(wire, side)] for side in ("bid", "ask")})

    def told(self, wire: str, side: str, price: str, size: str) -> bytes:
        return encode({"type": "l2_updates", "symbol": wire, "changes": [("buy" if side == "bid" else "sell", price, size)]})

    def trade(self, wire: str, taker_buys: bool) -> bytes:
        numbers = {"price": self.price(100), "quantity": self.size(1), "tid": self.next(wire), "event_id": 1, "timestamp": MS}
        return encode({"type": "trade", "symbol": wire, "side": "buy" if taker_buys else "sell", **numbers})


class Alpaca(Voice):
    """Stocks: trades and bars, no books. The tape does not say who took: a price above the last is taken for a buy."""

    name = "alpaca"
    wires = ("AAPL", "MSFT")
    keys = ("AAPL-USD", "MSFT-USD")
    guarded = ""
    books_told = False
    last = 100.0

    def document(self) -> bytes:
        return encode({"trades": {wire: {"t": RFC, "p": 100.0, "s": 1} for wire in self.wires}})

    def opened(self) -> list[bytes]:
        return [encode([{"T": "success", "msg": "connected"}])]

    def said(self, text: str) -> list[bytes]:
        asked = msgspec.json.decode(text)
        if asked["action"] == "auth":
            return [encode([{"T": "success", "msg": "authenticated"}])]
        return [encode([{"T": "subscription", "trades": asked["trades"], "bars": asked["bars"], "quotes": []}])]

    def rest(self, path: str) -> bytes:
        return encode({"bars": {}, "next_page_token": None})

    def trade(self, wire: str, taker_buys: bool) -> bytes:
        self.last += 1 if taker_buys else -1
        return encode([{"T": "t", "S": wire, "i": self.next(wire), "x": "D", "p": self.last, "s": 1, "t": RFC, "c": ["@"], "z": "C"}])


VOICES: dict[str, type[Voice]] = {
    voice.name: voice
    for voice in (Coinbase, Binance, BinanceUs, BinanceUsdm, BinanceCoinm, Kraken, Kucoin, Bitstamp, KrakenV1, Gemini, CoinbaseExchange, Alpaca)
}


def every_frame(voice: Voice) -> Iterator[bytes]:
    """Some of everything a venue says after its books are told: changes of both symbols, trades of both sides."""
    for step in range(6):
        for wire in voice.wires:
            if voice.books_told:
                yield voice.change(wire, ("bid", "ask")[step % 2], (99, 103, 98, 102, 97, 104)[step], (3, 1, 2, 0, 1, 5)[step])
            yield voice.trade(wire, bool(step % 2))
