"""Kraken: frames in, rows and subscriptions out. Two dialects, one book: a snapshot, updates, and a checksum in place of a number.

An update whose checksum is not the book's means that something was lost or read wrongly: that pair alone is subscribed
to anew, and the snapshot that follows replaces its book. The venue sends no level beyond the subscribed depth, nor says
that one went out of it, so the book is cut to that depth after every update.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import ASK, DEPTH, LIVE, REASON_BAD_MESSAGE, REASON_CHECKSUM, RowBuffer
from polaris.venues.books import TAKEN, Books, Take
from polaris.venues.kraken import messages
from polaris.venues.kraken.decode import OWN_WORDS, SUBSCRIBED, Decoder, book_checksum, take_v1, take_v2
from polaris.venues.kraken.messages import Book, BookFrame, V1Book
from polaris.venues.kraken.symbols import V1, V2
from polaris.venues.protocol import FeedStats, Send, SymbolStats, Wish
from polaris.venues.reading import UNREADABLE, Times
from polaris.venues.sync import BookSync, SyncLimits

LEVELS: Final = 100  # of a book, a side, that we subscribe to
V1_LEVELS: Final = 1000


class _Symbol:
    """One pair: its book and what reads its texts."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, stats: SymbolStats, limits: SyncLimits, reader: Books, i: int, times: Times) -> None:
        self.wire = instrument.wire
        self.head = stats.head
        self.book = BookSync(instrument, rows, stats, limits, reader.book(i))
        self.decoder = Decoder(instrument, rows, times)


class _Feed(ABC):
    """What both dialects share; see `protocol.Feed`."""

    venue: str
    take: Take

    def __init__(self, instruments: Instruments, rows: RowBuffer | None = None, limits: SyncLimits | None = None) -> None:
        self.instruments = instruments
        self.rows = rows if rows is not None else RowBuffer()
        self.wishes: list[Wish] = []
        ours = [instrument for instrument in instruments if instrument.key.venue == self.venue]
        names = {instrument.wire.encode(): (i, 0) for i, instrument in enumerate(ours)}
        self._reader = Books(ours, self.rows, type(self).take, names, own=OWN_WORDS)
        self.stats = FeedStats(head=self._reader.feed)
        self._silence_ns = (limits or SyncLimits()).silence_ns
        self._symbols: dict[str, _Symbol] = {}
        times = Times("time of kraken")
        for i, instrument in enumerate(ours):
            stats = self.stats.symbols[instrument.wire] = SymbolStats(head=self._reader.heads[i])
            self._symbols[instrument.wire] = _Symbol(instrument, self.rows, stats, limits or SyncLimits(), self._reader, i, times)
        self._by_number = list(self._symbols.values())

    @abstractmethod
    def url(self) -> str:
        """The path of the socket."""

    @abstractmethod
    def _subscribe(self, what: str, pairs: Iterable[str], channel: str) -> None:
        """Wish to (un)subscribe."""

    @abstractmethod
    def _read(self, payload: bytes, ts: int) -> None:
        """One frame by its typed structs. Raises what UNREADABLE names."""

    def connected(self, ts: int) -> None:
        """Subscribe to everything."""
        for channel in ("book", "trade", "ticker"):
            self._subscribe("subscribe", self._symbols, channel)
        for symbol in self._symbols.values():
            symbol.book.connected(ts)
            symbol.book.asked(ts)

    def disconnected(self, ts: int) -> None:
        """Nothing is known any more."""
        for symbol in self._symbols.values():
            symbol.book.disconnected(ts)

    def tick(self, ts: int) -> None:
        """See silence and crossed books, and ask for what is due."""
        uneasy = self._reader.uneasy(ts, self._silence_ns)
        for i in uneasy:
            self._by_number[i].book.tick(ts)
        if uneasy:
            self._ask(ts)

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        """Nothing is fetched from this venue: whatever came, nobody asked for it."""
        self._ignore("document")

    def book_text(self, wire: str, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """(top bids, top asks, number of bids, number of asks) as the venue's decimal text."""
        return self._symbols[wire].book.text(depth)

    def frame(self, payload: bytes, ts: int) -> None:
        """One message."""
        self.stats.frames += 1
        self.stats.bytes += len(payload)
        start = len(self.rows)
        said = self._reader.take(payload, ts)
        if said == TAKEN:
            return
        if said > len(self._by_number):
            book = self._by_number[said - len(self._by_number) - 1].book
            book.replace(start, book.update_id + 1, ts)
            book.live(ts)
            return
        if said > TAKEN:
            self._disagrees(self._by_number[said - 1], ts)
            return
        try:
            self._read(payload, ts)
        except UNREADABLE:
            self._damaged(payload, ts)

    def _damaged(self, payload: bytes, ts: int) -> None:
        """A frame of no known shape. The book whose update it may have been is asked for again."""
        self.stats.bad_messages += 1
        for wire, symbol in self._symbols.items():
            if symbol.book.state >= LIVE and wire.encode() in payload:
                symbol.book.lost(ts, REASON_BAD_MESSAGE)
        self._ask(ts)

    def _take_book(self, symbol: _Symbol, whole: bool, write: Callable[[Decoder, int], None], checksum: int | None, ts: int) -> None:
        """A whole book, or its next update: `write` puts its rows into the buffer."""
        book, start = symbol.book, len(self.rows)
        if not whole and book.state < LIVE:
            self._ignore("update before snapshot")
            return
        number = book.update_id + 1
        try:
            write(symbol.decoder, number)
        except UnreadableNumber:
            self.rows.size = start
            self.stats.bad_messages += 1
            book.lost(ts, REASON_BAD_MESSAGE)
            self._ask(ts)
            return
        if whole:
            book.replace(start, number, ts)
            book.live(ts)
        else:
            book.update(start, number, ts)
            start = len(self.rows)
            for is_ask, price in self._beyond(symbol):
                self.rows.append(0, ts, symbol.decoder.id, DEPTH, ASK if is_ask else 0, price, 0, number)
            if len(self.rows) > start:
                book.update(start, number, ts)
        if checksum is None:
            return
        if book_checksum(book.book.levels, book.book.counts) == checksum:
            book.stats.checksums_ok += 1
        else:
            self._disagrees(symbol, ts)

    def _beyond(self, symbol: _Symbol) -> list[tuple[int, int]]:
        """(0 bid or 1 ask, price) of the levels beyond the subscribed depth, the worst first."""
        book, depth = symbol.book.book, int(symbol.head[SUBSCRIBED])
        return [(side, int(-key if side else key)) for side in (0, 1) for key, _ in book.standing(side)[: max(0, book.sizes[side] - depth)]]

    def _disagrees(self, symbol: _Symbol, ts: int) -> None:
        """The venue's checksum is not our book's."""
        symbol.book.stats.checksums_failed += 1
        symbol.book.lost(ts, REASON_CHECKSUM)
        self._ask(ts)

    def _bad(self) -> None:
        self.stats.bad_messages += 1

    def _ask(self, ts: int) -> None:
        due = [symbol for symbol in self._symbols.values() if symbol.book.due(ts)]
        if due:
            pairs = [symbol.wire for symbol in due]
            self._subscribe("unsubscribe", pairs, "book")
            self._subscribe("subscribe", pairs, "book")
            for symbol in due:
                symbol.book.asked(ts)

    def _send(self, message: Any) -> None:
        self.wishes.append(Send(msgspec.json.encode(message).decode()))

    def _ignore(self, kind: str, n: int = 1) -> None:
        self.stats.ignored[kind] = self.stats.ignored.get(kind, 0) + n


class KrakenFeed(_Feed):
    """Books, trades and tops by the v2 socket."""

    venue = V2
    take = staticmethod(take_v2)

    def __init__(self, instruments: Instruments, rows: RowBuffer | None = None, limits: SyncLimits | None = None) -> None:
        super().__init__(instruments, rows, limits)
        self._reader.heads[:-1, SUBSCRIBED] = LEVELS

    def url(self) -> str:
        """The path of the v2 socket."""
        return "/v2"

    def _subscribe(self, what: str, pairs: Iterable[str], channel: str) -> None:
        options: dict[str, dict[str, Any]] = {"book": {"depth": LEVELS}, "ticker": {"event_trigger": "bbo"}}
        self._send({"method": what, "params": {"channel": channel, "symbol": list(pairs), **options.get(channel, {})}})

    def _read(self, payload: bytes, ts: int) -> None:
        frame = messages.FRAME.decode(payload)
        match frame.channel:
            case "book":
                self._books(messages.BOOK.decode(payload), ts)
            case "trade":
                self._trades(messages.TRADE.decode(payload), ts)
            case "ticker":
                self._tickers(messages.TICKER.decode(payload), ts)
            case "heartbeat" | "status":
                self._ignore(frame.channel)
            case "" if frame.method and frame.success:
                self._ignore("answer")
            case "":
                self._bad()
            case other:
                self._ignore(other)

    def _books(self, frame: BookFrame, ts: int) -> None:
        for book in frame.data:
            symbol = self._symbols.get(book.symbol)
            if symbol is None:
                self._ignore("unknown symbol")
                continue

            def write(decoder: Decoder, number: int, book: Book = book) -> None:
                event = decoder.time(book.timestamp)
                for levels, is_ask in ((book.bids, False), (book.asks, True)):
                    for level in reversed(levels) if frame.type == "snapshot" else levels:
                        decoder.level(_text(level.price), _text(level.qty), event, is_ask, number, ts)

            self._take_book(symbol, frame.type == "snapshot", write, book.checksum, ts)

    def _trades(self, frame: messages.TradeFrame, ts: int) -> None:
        if frame.type == "snapshot":
            self._ignore("trade history", len(frame.data))
            return
        for trade in frame.data:
            symbol = self._symbols.get(trade.symbol)
            if symbol is None:
                self._ignore("unknown symbol")
                continue
            try:
                event = symbol.decoder.time(trade.timestamp)
                symbol.decoder.trade(_text(trade.price), _text(trade.qty), event, trade.side == "sell", trade.trade_id, ts)
            except UnreadableNumber:
                self._bad()

    def _tickers(self, frame: messages.TickerFrame, ts: int) -> None:
        for tick in frame.data:
            symbol = self._symbols.get(tick.symbol)
            if symbol is None:
                self._ignore("unknown symbol")
                continue
            try:
                bid, ask = (_text(tick.bid), _text(tick.bid_qty)), (_text(tick.ask), _text(tick.ask_qty))
                symbol.decoder.quote(bid, ask, symbol.decoder.time(tick.timestamp), ts)
            except UnreadableNumber:
                self._bad()


class KrakenV1Feed(_Feed):
    """Books, trades and tops by the frozen v1 socket, which recordings speak."""

    venue = V1
    take = staticmethod(take_v1)

    def __init__(self, instruments: Instruments, rows: RowBuffer | None = None, limits: SyncLimits | None = None) -> None:
        super().__init__(instruments, rows, limits)
        self._reader.heads[:-1, SUBSCRIBED] = V1_LEVELS

    def url(self) -> str:
        """The path of the v1 socket."""
        return "/"

    def _subscribe(self, what: str, pairs: Iterable[str], channel: str) -> None:
        more = {"depth": V1_LEVELS} if channel == "book" else {}
        self._send({"event": what, "pair": list(pairs), "subscription": {"name": channel, **more}})

    def _read(self, payload: bytes, ts: int) -> None:
        if not payload.startswith(b"["):
            event = messages.V1_EVENT.decode(payload)
            if event.status == "error":
                self._bad()
            else:
                self._ignore(event.event)
            return
        _, *contents, channel, pair = messages.V1_ARRAY.decode(payload)
        name, symbol = messages.TEXT.decode(channel), self._symbols.get(messages.TEXT.decode(pair))
        if symbol is None:
            self._ignore("unknown symbol")
        elif name.startswith("book-") and name[5:].isdigit() and contents:
            symbol.head[SUBSCRIBED] = int(name[5:])
            self._book(symbol, [messages.V1_BOOK.decode(each) for each in contents], ts)
        elif name == "trade" and contents:
            self._trades(symbol, messages.V1_TRADES.decode(contents[0]), ts)
        elif name == "ticker" and contents:
            ticker = messages.V1_TICKER.decode(contents[0])
            try:
                symbol.decoder.quote((ticker.bid[0], ticker.bid[2]), (ticker.ask[0], ticker.ask[2]), 0, ts)
            except UnreadableNumber:
                self._bad()
        else:
            self._ignore(name)

    def _book(self, symbol: _Symbol, parts: list[V1Book], ts: int) -> None:
        whole = any(part.whole_asks is not None or part.whole_bids is not None for part in parts)

        def write(decoder: Decoder, number: int) -> None:
            for part in parts:
                if whole:
                    decoder.v1_levels(reversed(part.whole_bids or []), False, number, ts)
                    decoder.v1_levels(reversed(part.whole_asks or []), True, number, ts)
                else:
                    decoder.v1_levels(part.asks, True, number, ts)
                    decoder.v1_levels(part.bids, False, number, ts)

        texts = [part.checksum for part in parts if part.checksum]
        if texts and not (texts[-1].isdigit() and len(texts[-1]) < 12):
            raise msgspec.ValidationError(f"checksum {texts[-1]!r}: expected a number")
        self._take_book(symbol, whole, write, int(texts[-1]) if texts else None, ts)

    def _trades(self, symbol: _Symbol, trades: list[list[str]], ts: int) -> None:
        for trade in trades:
            if len(trade) < 4 or trade[3] not in ("b", "s"):
                self._bad()
                continue
            try:
                symbol.decoder.trade(trade[0], trade[1], symbol.decoder.seconds(trade[2]), trade[3] == "s", 0, ts)
            except UnreadableNumber:
                self._bad()


def _text(number: msgspec.Raw) -> str:
    return bytes(number).decode()
