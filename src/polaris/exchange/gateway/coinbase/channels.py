"""The channels: what anybody hears of the market, told to whoever subscribed.

A subscription takes its place behind what was asked of the venue before. It begins with a snapshot, seen between two commands and
told when these are durable; every change after it follows and none before it. Depth is conflated over 100 ms.
Source: Coinbase Advanced Trade WebSocket documentation, "Channels".
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from polaris.exchange.gateway.coinbase import shown
from polaris.exchange.gateway.coinbase.call import encode
from polaris.exchange.gateway.coinbase.channel_socket import ChannelSocket, Fault, Request
from polaris.exchange.gateway.coinbase.errors import Refusal
from polaris.exchange.gateway.coinbase.limits import Limits
from polaris.exchange.gateway.coinbase.products import YEAR, Products
from polaris.exchange.gateway.coinbase.server import CoinbaseServer
from polaris.exchange.gateway.coinbase.shown import BID, OFFER
from polaris.exchange.gateway.coinbase.times import SECOND, written
from polaris.exchange.gateway.coinbase.user import Users
from polaris.exchange.gateway.http import Request as HttpRequest
from polaris.exchange.gateway.keys import READ, Key
from polaris.exchange.gateway.venue import Venue
from polaris.exchange.marketdata import Told
from polaris.exchange.marketdata.depth import Changes

PACE: Final = 100_000_000  # ns between two updates of level2 and ticker
BATCH_S: Final = 5
HISTORY: Final = 100  # trades, and candles, of a snapshot
CANDLE: Final = "5m"
LEVEL2, TRADES, TICKER, BATCH, CANDLES, BEATS, STATUS, USER = "level2", "market_trades", "ticker", "ticker_batch", "candles", "heartbeats", "status", "user"
CHANNELS: Final = (LEVEL2, TRADES, TICKER, BATCH, CANDLES, BEATS, STATUS, USER)
FRAMES: Final = {LEVEL2: "l2_data"}  # as frames call a channel, where that is another name
Event = tuple[str, bytes]


class Channels:
    """The channels of one server (a Reader of the broadcast)."""

    def __init__(self, server: CoinbaseServer, venue: Venue, products: Products, users: Users) -> None:
        self.clock = venue.now
        self.limits: Limits = server.limits
        self._tokens = server.tokens
        self._venue = venue
        self._products = products
        self._market = products.market
        self._users = users
        self._sockets: dict[ChannelSocket, None] = {}
        self._readers: dict[str, dict[int, dict[ChannelSocket, None]]] = {channel: {} for channel in CHANNELS}
        self._moved: set[int] = set()  # books whose ticker is another one
        self._candles: dict[int, tuple[int, int]] = {}  # of each book open time and trades of the candle that was told
        self._statuses = [self._status_event(book) for book in range(len(products.figures))]
        self._started = self._second = self.clock() // SECOND

    # who reads

    def open(self, request: HttpRequest) -> ChannelSocket:
        """A new client's socket."""
        return ChannelSocket(self, request.address)

    def came(self, socket: ChannelSocket) -> None:
        self._sockets[socket] = None

    def went(self, socket: ChannelSocket) -> None:
        self._sockets.pop(socket, None)
        for channel in list(socket.books):
            self._leave(socket, channel, list(socket.books[channel]), True)

    def asked(self, socket: ChannelSocket, request: Request) -> None:
        """subscribe or unsubscribe, one channel a message. Raises Fault."""
        channel = request.channel
        if request.type not in ("subscribe", "unsubscribe"):
            raise Fault(f"type {request.type[:40]!r} is not supported; expected subscribe or unsubscribe")
        if channel not in CHANNELS:
            raise Fault(f"channel {channel[:40]!r} is not supported; there are {', '.join(CHANNELS)}")
        books = [self._products.known(product) for product in dict.fromkeys(request.product_ids)]
        if -1 in books:
            raise Fault(f"{request.product_ids[books.index(-1)][:40]} is not a valid product")
        key = self._key(socket, request) if channel == USER and request.type == "subscribe" else None
        if channel == BEATS:
            books = []
        elif channel != USER:
            books = books or list(range(len(self._products.figures)))
        if request.type == "subscribe":
            self._venue.read(lambda: self._snapshot(channel, books), lambda events: self._subscribe(socket, channel, books, key, events))
        else:
            self._venue.read(lambda: b"", lambda seen: self._unsubscribe(socket, channel, books, seen))

    def _key(self, socket: ChannelSocket, request: Request) -> Key:
        try:
            return self._tokens.of_socket(request.jwt, socket.address, READ, self.clock())
        except Refusal as refusal:
            raise Fault(f"authentication failure: {refusal.message}") from None

    def _snapshot(self, channel: str, books: Iterable[int]) -> list[Event]:
        """What a subscription begins with, as the market is now."""
        now = self.clock()
        match channel:
            case "level2":
                make: Callable[[int], bytes] = lambda book: self._whole(book, now)  # noqa: E731
            case "market_trades":
                make = lambda book: shown.trades(self._products.figures[book], "snapshot", self._market.trades(book, None, HISTORY)[::-1])  # noqa: E731
            case "candles":
                make = lambda book: shown.candles(self._products.figures[book], "snapshot", self._bars(book, now, HISTORY))  # noqa: E731
            case "ticker" | "ticker_batch":
                make = lambda book: self._ticker(book, "snapshot", now, channel)  # noqa: E731
            case "status":
                return [(STATUS, encode({"type": "snapshot", "products": [self._products.status_of(book) for book in books]}))]
            case _:
                return []
        return [(FRAMES.get(channel, channel), make(book)) for book in books]

    def _subscribe(self, socket: ChannelSocket, channel: str, books: list[int], key: Key | None, events: list[Event] | None) -> None:
        if events is None:
            socket.fault(self._venue.failed)
            return
        if socket.gone:
            return
        now = self.clock()
        socket.books.setdefault(channel, {}).update(dict.fromkeys(books))
        for book in books or [-1]:
            self._readers[channel].setdefault(book, {})[socket] = None
        if key is not None:
            if socket.leave is not None:
                socket.leave()
            events = [(USER, each) for each in self._users.open_orders(key.account, socket.books[USER])]
            socket.key, socket.leave = key, self._users.listen(key.account, socket.books[USER], lambda event: socket.tell(USER, self.clock(), event))
        for name, event in events:
            socket.tell(name, now, event)
        self._tell_subscriptions(socket, now)

    def _unsubscribe(self, socket: ChannelSocket, channel: str, books: list[int], seen: bytes | None) -> None:
        if seen is None:
            socket.fault(self._venue.failed)
            return
        self._leave(socket, channel, books, not books)
        self._tell_subscriptions(socket, self.clock())

    def _leave(self, socket: ChannelSocket, channel: str, books: Iterable[int], whole: bool) -> None:
        """Read these books no more; `whole`: nor the channel."""
        held = socket.books.get(channel, {})
        for book in list(books) if not whole else [*held, -1]:
            held.pop(book, None)
            readers = self._readers[channel].get(book, {})
            readers.pop(socket, None)
            if not readers:
                self._readers[channel].pop(book, None)
        if not held:
            socket.books.pop(channel, None)
            if channel == USER and socket.leave is not None:
                socket.leave()
                socket.key = socket.leave = None

    def _tell_subscriptions(self, socket: ChannelSocket, now: int) -> None:
        told = socket.subscriptions(lambda book: self._products.figures[book].product)
        socket.tell("subscriptions", now, encode({"subscriptions": told}))

    # what they are told

    def told(self, told: Told) -> None:
        """What happened, in order."""
        self._moved.update(told.tops["book"].tolist())
        if not len(told.trades):
            return
        books = told.trades["book"]
        for book in dict.fromkeys(books.tolist()):
            self._moved.add(book)
            if book in self._readers[TRADES]:
                self._publish(TRADES, book, shown.trades(self._products.figures[book], "update", told.trades[books == book][::-1]))

    def due(self, interval_ns: int, changes: Changes) -> None:
        """The levels that changed in an interval."""
        if interval_ns != PACE:
            return
        for diff in changes.diffs:
            book = int(diff["book"])
            if book in self._readers[LEVEL2]:
                levels = [(name, price, lots) for name, side in ((BID, changes.bids(diff)), (OFFER, changes.asks(diff))) for price, lots in side[["price", "lots"]].tolist()]
                self._publish(LEVEL2, book, shown.levels(self._products.figures[book], "update", levels, int(diff["ts"])))

    def tick(self, now: int) -> None:
        """A pace went by: tickers that moved; each second heartbeats, candles and statuses that changed, and who is to go."""
        moved, self._moved = self._moved, set()
        for book in moved & self._readers[TICKER].keys():
            self._publish(TICKER, book, self._ticker(book, "update", now, TICKER))
        second = now // SECOND
        if second == self._second:
            return
        if second // BATCH_S != self._second // BATCH_S:
            for book in list(self._readers[BATCH]):
                self._publish(BATCH, book, self._ticker(book, "update", now, BATCH))
        self._second = second
        self._publish(BEATS, -1, shown.heartbeat(now, second - self._started))
        for book in list(self._readers[CANDLES]):
            self._candle(book, now)
        for book in list(self._readers[STATUS]):
            self._status(book)
        for socket in list(self._sockets):
            why = socket.overdue(now) if socket.key is None or self._tokens.knows(socket.key) else "the key was revoked"
            if why:
                socket.drop(why)

    def _publish(self, channel: str, book: int, event: bytes) -> None:
        now = self.clock()
        at, name = written(now), FRAMES.get(channel, channel)
        for socket in list(self._readers[channel].get(book, ())):
            socket.tell(name, now, event, at)

    def _whole(self, book: int, now: int) -> bytes:
        depth = self._market.depth(book, self._products.rules.capacity)
        levels = [(name, price, lots) for name, side in ((BID, depth.bids), (OFFER, depth.asks)) for price, lots in side.tolist()]
        return shown.levels(self._products.figures[book], "snapshot", levels, now)

    def _ticker(self, book: int, kind: str, now: int, channel: str) -> bytes:
        day = self._products.day(book, now)
        return shown.ticker(self._products.figures[book], kind, day, self._market.ticker(book, now, now - YEAR), channel == BATCH)

    def _bars(self, book: int, now: int, limit: int) -> Any:
        rows = self._market.klines(book, CANDLE, now, limit=limit)
        return rows[rows["trades"] > 0]

    def _candle(self, book: int, now: int) -> None:
        """The running candle where it changed, and the one before it where that did."""
        rows = self._bars(book, now, 2)
        before = self._candles.get(book)
        changed = [row for row in rows if before is None or (int(row["open_time"]), int(row["trades"])) > before]
        if len(rows):
            self._candles[book] = int(rows[-1]["open_time"]), int(rows[-1]["trades"])
        if changed:
            self._publish(CANDLES, book, shown.candles(self._products.figures[book], "update", changed))

    def _status(self, book: int) -> None:
        told = self._status_event(book)
        if told != self._statuses[book]:
            self._statuses[book] = told
            self._publish(STATUS, book, told)

    def _status_event(self, book: int) -> bytes:
        return encode({"type": "update", "products": [self._products.status_of(book)]})
