"""Gemini's market data v2: frames in, rows and subscriptions out.

Nothing in this stream is numbered and nothing is summed up: a lost frame leaves no trace in it. What guards a book is
outside: its top levels are compared with the venue's own over REST from time to time, and a book that crosses or falls
silent is asked for again. A frame that can't be read at all may have been anyone's, so every book is then asked for.

A book is asked for by subscribing anew: the venue answers with all of it and with the last trades. On the first such
answer of a connection these trades are older than we are and are left out; later they tell what was traded between the
two subscriptions, so no trade is lost and none is told twice.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import inspect

from polaris.domain.book import Book
from polaris.domain.errors import BadMessage, UnreadableNumber
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import LIVE, REASON_BAD_MESSAGE, RowBuffer
from polaris.venues.books import TAKEN, Books
from polaris.venues.comparison import Comparison, ComparisonLimits
from polaris.venues.documents import Documents, unknown_fields
from polaris.venues.gemini.decode import NEWEST_TRADE, OWN_WORDS, PASSED, TOLD, Decoder, take
from polaris.venues.gemini.documents import DOCUMENTS, BookLevel
from polaris.venues.gemini.messages import AnyFrame, Envelope, Heartbeat, L2Updates, Trade
from polaris.venues.gemini.symbols import book_path
from polaris.venues.protocol import FeedStats, Fetch, Send, SymbolStats, Wish
from polaris.venues.reading import UNREADABLE
from polaris.venues.sync import BookSync, SyncLimits

COMPARE_NS: Final = 1_000_000_000  # between two looks at what is to be compared

_FRAME: msgspec.json.Decoder[AnyFrame] = msgspec.json.Decoder(AnyFrame)
_SHAPE: Final = inspect.type_info(AnyFrame)
_ENVELOPE = msgspec.json.Decoder(Envelope)
_SYMBOL = re.compile(rb'"symbol"\s*:\s*"([A-Z0-9]+)"')


class _Symbol:
    """One symbol: its book, and the venue's beside it."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, stats: SymbolStats, limits: SyncLimits, book: Book) -> None:
        self.wire = instrument.wire
        self.head = stats.head
        self.book = BookSync(instrument, rows, stats, limits, book)
        self.decoder = Decoder(instrument, rows)
        self.comparison: Comparison


class GeminiFeed:
    """The books and trades of the instruments that are Gemini's; see `protocol.Feed`."""

    venue = "gemini"

    def __init__(
        self, instruments: Instruments, rows: RowBuffer | None = None, limits: SyncLimits | None = None, comparison: ComparisonLimits | None = None
    ) -> None:
        self.instruments = instruments
        self.rows = rows if rows is not None else RowBuffer()
        self.wishes: list[Wish] = []
        limits = limits or SyncLimits()
        self._silence_ns = limits.silence_ns
        self._compared_ns = 0
        ours = [instrument for instrument in instruments if instrument.key.venue == self.venue]
        self._books = Books(ours, self.rows, take, {instrument.wire.encode(): (i, 0) for i, instrument in enumerate(ours)}, own=OWN_WORDS)
        self.stats = FeedStats(head=self._books.feed)
        self._documents = Documents(self.venue, {"book": DOCUMENTS["book"]})
        self._symbols: dict[str, _Symbol] = {}
        for i, instrument in enumerate(ours):
            stats = self.stats.symbols[instrument.wire] = SymbolStats(head=self._books.heads[i])
            symbol = self._symbols[instrument.wire] = _Symbol(instrument, self.rows, stats, limits, self._books.book(i))
            symbol.comparison = Comparison(symbol.book, i, len(ours), comparison)
        self._by_number = list(self._symbols.values())

    def url(self) -> str:
        """The socket has one path."""
        return "/v2/marketdata"

    def connected(self, ts: int) -> None:
        """Subscribe to everything at once."""
        self._send("subscribe", self._symbols)
        for symbol in self._symbols.values():
            symbol.head[NEWEST_TRADE] = -1
            symbol.book.connected(ts)
            symbol.book.asked(ts)

    def disconnected(self, ts: int) -> None:
        """Nothing is known any more."""
        for symbol in self._symbols.values():
            symbol.book.disconnected(ts)

    def tick(self, ts: int) -> None:
        """See silence and crossed books, ask for what is due, and for what is to be compared."""
        for i in self._books.uneasy(ts, self._silence_ns):
            self._by_number[i].book.tick(ts)
            self._ask(self._by_number[i], ts)
        if ts - self._compared_ns < COMPARE_NS:
            return
        self._compared_ns = ts
        for symbol in self._by_number:
            if symbol.comparison.due(ts):
                symbol.comparison.asked(ts)
                self.wishes.append(Fetch(book_path(symbol.wire, symbol.comparison.limits.depth), f"book:{symbol.wire}"))

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        """The venue's own book came, or did not."""
        symbol = self._symbols.get(tag.removeprefix("book:"))
        if symbol is None:
            self._ignore("unknown symbol")
            return
        if status != 200:
            symbol.comparison.missed(ts)
            return
        try:
            document = self._documents.decode("book", body)
            bids, asks = _read(symbol.decoder, document.bids), _read(symbol.decoder, document.asks)
        except (BadMessage, UnreadableNumber):
            self.stats.bad_messages += 1
            symbol.comparison.missed(ts)
            return
        if not symbol.comparison.answer(bids, asks, ts):
            self._ask(symbol, ts)

    def book_text(self, wire: str, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """(top bids, top asks, number of bids, number of asks) as the venue's decimal text."""
        return self._symbols[wire].book.text(depth)

    def frame(self, payload: bytes, ts: int) -> None:
        """One message."""
        self.stats.frames += 1
        self.stats.bytes += len(payload)
        start = len(self.rows)
        said = self._books.take(payload, ts)
        if said == TAKEN:
            return
        if said > TAKEN:
            asked = self._by_number[said - 1]
            self._ignore("trade history", int(asked.head[PASSED]))
            self._snapshot(asked, start + int(asked.head[TOLD]), ts)
            return
        try:
            frame = _FRAME.decode(payload)
            self.stats.unknown_fields += unknown_fields(msgspec.json.decode(payload), _SHAPE)
        except UNREADABLE:
            self._damaged(payload, ts)
            return
        if isinstance(frame, Heartbeat):
            self._ignore("heartbeat")
            return
        symbol = self._symbols.get(frame.symbol)
        if symbol is None:
            self._ignore("unknown symbol")
            return
        try:
            if isinstance(frame, Trade):
                self._trade(symbol, frame, ts)
            else:
                self._l2(symbol, frame, ts)
        except UnreadableNumber:
            self.rows.size = start
            self.stats.bad_messages += 1
            if isinstance(frame, L2Updates):  # a bad trade harms no book
                self._lost([symbol], ts)

    def _l2(self, symbol: _Symbol, frame: L2Updates, ts: int) -> None:
        if frame.trades is not None:
            newest, passed = self._history(symbol, frame.trades, ts)
            start = len(self.rows)
            symbol.decoder.levels(reversed(frame.changes), ts)  # a snapshot comes best level first
            symbol.head[NEWEST_TRADE] = newest
            self._ignore("trade history", passed)
            self._snapshot(symbol, start, ts)
        elif symbol.book.state != LIVE:
            self._ignore("update before snapshot")  # without numbers it proves nothing: a STALE book waits for its snapshot too
        else:
            start = len(self.rows)
            symbol.decoder.levels(frame.changes, ts)
            symbol.book.update(start, 0, ts)

    def _history(self, symbol: _Symbol, trades: list[Trade], ts: int) -> tuple[int, int]:
        """Tell the trades of a snapshot that are new; returns (newest id, trades that were not told)."""
        known = newest = int(symbol.head[NEWEST_TRADE])
        passed = 0
        for trade in trades:
            if 0 <= known < trade.tid:
                symbol.decoder.trade(trade, ts)
            else:
                passed += 1
            newest = max(newest, trade.tid)
        return max(newest, 0), passed

    def _snapshot(self, symbol: _Symbol, start: int, ts: int) -> None:
        """The rows from `start` on are a whole book."""
        symbol.book.replace(start, 0, ts)
        symbol.book.live(ts)

    def _trade(self, symbol: _Symbol, trade: Trade, ts: int) -> None:
        if trade.tid <= symbol.head[NEWEST_TRADE]:
            self._ignore("duplicate")
            return
        symbol.decoder.trade(trade, ts)
        symbol.head[NEWEST_TRADE] = trade.tid

    def _damaged(self, payload: bytes, ts: int) -> None:
        """A frame of no known shape: it costs the book it names, every book where it can't be read, and none where it is no book's."""
        try:
            kind = _ENVELOPE.decode(payload).type
        except UNREADABLE:
            kind = "l2_updates"
        if kind != "l2_updates":
            if kind and kind not in ("trade", "heartbeat"):
                self._ignore(kind)
            else:
                self.stats.bad_messages += 1
            return
        self.stats.bad_messages += 1
        named = {name.decode() for name in _SYMBOL.findall(payload)}
        concerned = [self._symbols[name] for name in named if name in self._symbols]
        self._lost(concerned if named else self._symbols.values(), ts)

    def _lost(self, symbols: Iterable[_Symbol], ts: int) -> None:
        for symbol in symbols:
            symbol.book.lost(ts, REASON_BAD_MESSAGE)
            self._ask(symbol, ts)

    def _ask(self, symbol: _Symbol, ts: int) -> None:
        """Subscribe anew, one symbol a message: where the venue refuses one, the others have their books."""
        if symbol.book.due(ts):
            self._send("unsubscribe", [symbol.wire])
            self._send("subscribe", [symbol.wire])
            symbol.book.asked(ts)

    def _send(self, what: str, wires: Iterable[str]) -> None:
        message = {"type": what, "subscriptions": [{"name": "l2", "symbols": list(wires)}]}
        self.wishes.append(Send(msgspec.json.encode(message).decode()))

    def _ignore(self, kind: str, n: int = 1) -> None:
        if n:
            self.stats.ignored[kind] = self.stats.ignored.get(kind, 0) + n


def _read(decoder: Decoder, levels: list[BookLevel]) -> list[tuple[int, int]]:
    return [(decoder.prices[level.price], decoder.quantities[level.amount]) for level in levels]
