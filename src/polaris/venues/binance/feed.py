"""Binance: frames in, rows and requests for snapshots out.

A book needs two sources: the stream of its changes, buffered from the first, and a snapshot over REST that must fall
into what was buffered. An older one is asked for again; a newer one waits for the change that touches it. From there
every update must follow the one before, by its ids: spot's are consecutive, futures name their predecessor.

bookTicker carries the update id it is the top of: where the book reaches the same id, both must agree. That is the
checksum this venue does not have, and it is counted as one.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from polaris.domain.book import Book
from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import REASON_BAD_MESSAGE, REASON_CHECKSUM, RowBuffer
from polaris.venues.binance.decode import CHAINED, DIFFERS, OWN_WORDS, STREAM_KINDS, TOPS, TRADES, Decoder, settle, take, weigh
from polaris.venues.binance.errors import TooManyStreams
from polaris.venues.binance.messages import AggregateTrade, BookTicker, DepthSnapshot, DepthUpdate, Envelope, Trade, Wrapped
from polaris.venues.binance.symbols import Market, snapshot_path
from polaris.venues.books import TAKEN, Books
from polaris.venues.join import Join
from polaris.venues.protocol import FeedStats, Fetch, Reconnect, SymbolStats, Wish
from polaris.venues.reading import UNREADABLE
from polaris.venues.sync import BookSync, SyncLimits

STREAMS: Final = ("depth@100ms", "bookTicker", "trade")
MOST_STREAMS: Final = 1024  # on one connection
PATIENCE_NS: Final = 1_000_000_000  # a stream this long silent won't tell where it begins: ask for the snapshot anyway
MOST_NAME: Final = 80  # bytes of a stream's name

_ENVELOPE = msgspec.json.Decoder(Envelope)
_SNAPSHOT = msgspec.json.Decoder(DepthSnapshot)


class _Symbol:
    """One symbol: its book, joined from stream and snapshots, and the tops that wait for its book."""

    def __init__(self, feed: "BinanceFeed", instrument: Instrument, stats: SymbolStats, limits: SyncLimits, book: Book) -> None:
        self.head = stats.head
        self.decoder = Decoder(instrument, feed.rows)
        self.sync = BookSync(instrument, feed.rows, stats, limits, book)
        fetch = Fetch(snapshot_path(feed.market, instrument.wire), f"depth:{instrument.wire}")
        self.book: Join[DepthUpdate, DepthSnapshot] = Join(
            self.sync, feed.rows, feed.wishes, feed.stats, self.follows, lambda update, _, ts: self.decoder.update(update, ts), self.whole, fetch, self.compare
        )

    def follows(self, update: DepthUpdate, last_id: int, fresh: bool) -> bool:
        """Whether an update is the next after `last_id`; right after a snapshot it may begin before it."""
        if self.head[CHAINED]:
            return update.previous_id == last_id or (fresh and update.first_id <= last_id <= update.last_id)
        return update.first_id <= last_id + 1 <= update.last_id if fresh else update.first_id == last_id + 1

    def whole(self, snapshot: DepthSnapshot, ts: int) -> None:
        """A snapshot's rows; tops of the book before it say nothing of this one."""
        self.head[TOPS] = 0
        self.decoder.snapshot(snapshot, ts)

    def compare(self, ts: int) -> None:
        """Compare the book with the venue's top at this very update."""
        if settle(self.head, self.sync.book.levels, self.sync.update_id) == DIFFERS:
            self.disagrees(ts)

    def disagrees(self, ts: int) -> None:
        """The book and the venue's own top at the same update id are not the same."""
        self.sync.stats.checksums_failed += 1
        self.book.lost(REASON_CHECKSUM, ts)


Handler = Callable[[_Symbol, Any, int], None]
Route = tuple[Callable[[bytes], Any], Handler, _Symbol]


class BinanceFeed:
    """The books, tops and trades of the instruments of one market; see `protocol.Feed`."""

    def __init__(self, market: Market, instruments: Instruments, rows: RowBuffer | None = None, limits: SyncLimits | None = None) -> None:
        self.venue = market.name
        self.instruments = instruments
        self.rows = rows if rows is not None else RowBuffer()
        self.wishes: list[Wish] = []
        self.market = market
        ours = [instrument for instrument in instruments if instrument.key.venue == self.venue]
        self._books = Books(ours, self.rows, take, _stream_names(ours), own=OWN_WORDS)
        self._books.heads[:-1, CHAINED] = market.chained
        self.stats = FeedStats(head=self._books.feed)
        self._silence_ns = (limits or SyncLimits()).silence_ns
        self._symbols: dict[str, _Symbol] = {}
        for i, instrument in enumerate(ours):
            stats = self.stats.symbols[instrument.wire] = SymbolStats(head=self._books.heads[i])
            self._symbols[instrument.wire] = _Symbol(self, instrument, stats, limits or SyncLimits(), self._books.book(i))
            settle(stats.head, self._books.book(i).levels, 0)  # nothing to do yet: the compiled code is in memory before the first update
        self._by_number = list(self._symbols.values())
        if len(self._symbols) * len(STREAMS) > MOST_STREAMS:
            raise TooManyStreams(len(self._symbols) * len(STREAMS), MOST_STREAMS)
        self._handlers: dict[str, tuple[type, Handler]] = {
            "depth": (DepthUpdate, self._depth),
            "trade": (Trade, self._trade),
            "aggTrade": (AggregateTrade, self._trade),
            "bookTicker": (BookTicker, self._book_ticker),
        }
        self._routes: dict[bytes, Route | None] = {}

    def url(self) -> str:
        """One combined stream of everything."""
        return "/stream?streams=" + "/".join(f"{wire.lower()}@{stream}" for wire in self._symbols for stream in STREAMS)

    def connected(self, ts: int) -> None:
        """The streams are part of the address: there is nothing to send."""
        for symbol in self._symbols.values():
            symbol.book.connected(ts, PATIENCE_NS)

    def disconnected(self, ts: int) -> None:
        """Nothing is known any more."""
        for symbol in self._symbols.values():
            symbol.book.disconnected(ts)

    def tick(self, ts: int) -> None:
        """See silence and crossed books, and ask for what is due."""
        for i in self._books.uneasy(ts, self._silence_ns):
            self._by_number[i].book.tick(ts)

    def book_text(self, wire: str, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """(top bids, top asks, number of bids, number of asks) as the venue's decimal text."""
        return self._symbols[wire].sync.text(depth)

    def frame(self, payload: bytes, ts: int) -> None:
        """One message."""
        self.stats.frames += 1
        self.stats.bytes += len(payload)
        said = self._books.take(payload, ts)
        if said == TAKEN:
            return
        if said > TAKEN:
            self._by_number[said - 1].disagrees(ts)
        elif payload.startswith(b'{"stream":"'):
            name = payload[11 : payload.find(b'"', 11, 11 + MOST_NAME)]
            route = self._routes[name] if name in self._routes else self._route(name)
            if route is not None:
                self._take(route, payload, ts)
            else:
                self._ignore(name.partition(b"@")[2].decode("utf-8", "replace") or "unknown stream")
        else:
            self._unwrapped(payload, ts)

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        """A snapshot came, or did not."""
        symbol = self._symbols.get(tag.removeprefix("depth:"))
        if symbol is None:
            self._ignore("unknown symbol")
            return
        try:
            snapshot = _SNAPSHOT.decode(body) if status == 200 else None
        except UNREADABLE:
            self.stats.bad_messages += 1
            snapshot = None
        symbol.book.snapshot(snapshot, ts)

    def _route(self, name: bytes) -> Route | None:
        """Where the messages of a stream go; None for a stream or a symbol we leave out."""
        wire, _, kind = name.decode("utf-8", "replace").partition("@")
        symbol = self._symbols.get(wire.upper())
        known = self._handlers.get(kind.partition("@")[0])
        route: Route | None = None
        if symbol is not None and known is not None:
            payload, handler = known
            route = msgspec.json.Decoder(Wrapped[payload]).decode, handler, symbol  # type: ignore[valid-type]
        if len(self._routes) < MOST_STREAMS * 4:
            self._routes[name] = route
        return route

    def _take(self, route: Route, payload: bytes, ts: int) -> None:
        decode, handle, symbol = route
        start = len(self.rows)
        try:
            handle(symbol, decode(payload).data, ts)
        except (UnreadableNumber, *UNREADABLE):
            self.rows.size = start
            self.stats.bad_messages += 1
            if handle == self._depth:  # a bad trade or top harms no book
                symbol.book.lost(REASON_BAD_MESSAGE, ts)

    def _unwrapped(self, payload: bytes, ts: int) -> None:
        """A raw stream's message, an answer, a recorded snapshot, or anything at all."""
        try:
            envelope = _ENVELOPE.decode(payload)
        except UNREADABLE:
            self.stats.bad_messages += 1
            return  # whatever book it concerned: the next update shows the gap
        event = envelope.event or ("bookTicker" if envelope.update_id >= 0 and envelope.symbol else "")
        if envelope.stream:
            wrapped = self._route(envelope.stream.encode())
            if wrapped is not None:
                self._take(wrapped, payload, ts)
            else:
                self._ignore(envelope.stream.partition("@")[2] or "unknown stream")
        elif envelope.snapshot_id >= 0:
            self._recorded_snapshot(payload, ts)
        elif event == "serverShutdown":
            self.wishes.append(Reconnect("the server announced its shutdown"))
        elif event:
            kind = "depth" if event == "depthUpdate" else event
            symbol, known = self._symbols.get(envelope.symbol), self._handlers.get(kind)
            if symbol is None or known is None:
                self._ignore(event if symbol is not None else "unknown symbol")
            else:
                self._take((_Bare(known[0]).decode, known[1], symbol), payload, ts)
        elif envelope.answers is not None:
            self._ignore("answer")
        else:
            self.stats.bad_messages += 1

    def _recorded_snapshot(self, payload: bytes, ts: int) -> None:
        """A recording may keep the REST snapshot among the frames, without saying whose it is where it has one symbol."""
        try:
            snapshot = _SNAPSHOT.decode(payload)
        except UNREADABLE:
            self.stats.bad_messages += 1
            return
        symbol = self._symbols.get(snapshot.symbol)
        if symbol is None and not snapshot.symbol and len(self._symbols) == 1:
            (symbol,) = self._symbols.values()
        if symbol is None:
            self._ignore("snapshot of an unknown symbol")
        else:
            symbol.book.snapshot(snapshot, ts)

    def _depth(self, symbol: _Symbol, update: DepthUpdate, ts: int) -> None:
        symbol.book.heard(update, ts)

    def _trade(self, symbol: _Symbol, trade: Trade | AggregateTrade, ts: int) -> None:
        kind = STREAM_KINDS["trade" if isinstance(trade, Trade) else "aggTrade"]
        if not symbol.head[TRADES]:
            symbol.head[TRADES] = kind  # the stream that came first; the other one repeats it
        if symbol.head[TRADES] != kind:
            self._ignore("trade of the other stream")
        elif trade.origin != "MARKET":
            self._ignore("trade outside the market")
        else:
            symbol.decoder.trade(trade, ts)

    def _book_ticker(self, symbol: _Symbol, ticker: BookTicker, ts: int) -> None:
        if weigh(symbol.head, symbol.sync.book.levels, ticker.id, *symbol.decoder.quote(ticker, ts)) == DIFFERS:
            symbol.disagrees(ts)

    def _ignore(self, kind: str) -> None:
        self.stats.ignored[kind] = self.stats.ignored.get(kind, 0) + 1


def _stream_names(instruments: Sequence[Instrument]) -> dict[bytes, tuple[int, int]]:
    """The names of all streams we know how to read: (number of the symbol, kind of stream)."""
    speeds = {"depth": ("", "@0ms", "@100ms", "@250ms", "@500ms")}
    return {
        f"{instrument.wire.lower()}@{stream}{speed}".encode(): (i, kind)
        for i, instrument in enumerate(instruments)
        for stream, kind in STREAM_KINDS.items()
        for speed in speeds.get(stream, ("",))
    }


class _Bare:
    """A decoder of a bare payload that gives it the shape of a wrapped one."""

    def __init__(self, payload: type) -> None:
        self._payload = payload

    def decode(self, payload: bytes) -> Any:
        """The payload as `.data`."""
        return Wrapped(msgspec.json.decode(payload, type=self._payload))
