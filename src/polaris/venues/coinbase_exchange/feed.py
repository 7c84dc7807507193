"""Coinbase Exchange: frames in, rows and subscriptions out.

A book's frames carry no number. Three things watch over it: trades are counted without a hole, so a missing one shows
that frames of its product were lost, and heartbeats tell once a second how far the trades are; the top of the ticker,
which comes with every trade, is compared with the book; and so is the best bid and ask of REST from time to time. A
book is asked for by subscribing level2_batch anew for its product: the venue then sends all of it.

A heartbeat whose sequence is that of the one before says that nothing happened: a book at rest is not silent.

Left out and counted in `stats.ignored`: the last trade before the subscription. Tickers become rows only where they
are asked for: one comes with each trade, older than the book beside it.
"""

import re
from collections.abc import Iterable
from typing import Final, assert_never

import msgspec
from msgspec import inspect

from polaris.domain.book import Book
from polaris.domain.errors import BadMessage, UnreadableNumber
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import LIVE, REASON_BAD_MESSAGE, REASON_GAP, RowBuffer
from polaris.venues.books import LAST_UPDATE, TAKEN, Books
from polaris.venues.coinbase_exchange.decode import Decoder, take
from polaris.venues.coinbase_exchange.documents import DOCUMENTS
from polaris.venues.coinbase_exchange.messages import (
    AnyFrame,
    Envelope,
    Error,
    Heartbeat,
    L2Update,
    LastMatch,
    Match,
    Snapshot,
    Subscriptions,
    Ticker,
)
from polaris.venues.coinbase_exchange.symbols import NAME, book_path
from polaris.venues.comparison import Comparison, ComparisonLimits, Differences
from polaris.venues.documents import Documents, unknown_fields
from polaris.venues.protocol import FeedStats, Fetch, Send, SymbolStats, Wish
from polaris.venues.reading import UNREADABLE, Times
from polaris.venues.sync import BookSync, SyncLimits

CHANNELS: Final = ("level2_batch", "matches", "heartbeat", "ticker")
COMPARE_NS: Final = 1_000_000_000  # between two looks at what is to be compared
BOOK_CHANNELS: Final = ("snapshot", "l2update", "")  # where a frame that can't be read may have been a book's

_FRAME: msgspec.json.Decoder[AnyFrame] = msgspec.json.Decoder(AnyFrame)
_SHAPE: Final = inspect.type_info(AnyFrame)
_ENVELOPE = msgspec.json.Decoder(Envelope)
_PRODUCT = re.compile(rb'"product_id"\s*:\s*"([A-Z0-9-]+)"')


class _Product:
    """One product: its book, what the venue says of it, and how far its trades are."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, stats: SymbolStats, limits: SyncLimits, book: Book, times: Times) -> None:
        self.wire = instrument.wire
        self.head = stats.head
        self.book = BookSync(instrument, rows, stats, limits, book)
        self.decoder = Decoder(instrument, rows, times)
        self.comparison: Comparison
        self.ticker: Differences
        self.trade = 0  # the newest trade's id; 0 while none is known
        self.beat: Heartbeat | None = None  # the last one

    def forget(self) -> None:
        """A new connection begins its own count."""
        self.trade, self.beat = 0, None


class CoinbaseExchangeFeed:
    """The books and trades of the instruments that are Coinbase Exchange's; see `protocol.Feed`."""

    venue = NAME

    def __init__(
        self,
        instruments: Instruments,
        rows: RowBuffer | None = None,
        limits: SyncLimits | None = None,
        comparison: ComparisonLimits | None = None,
        *,
        quotes: bool = False,
    ) -> None:
        self.instruments = instruments
        self.rows = rows if rows is not None else RowBuffer()
        self.wishes: list[Wish] = []
        self._quotes = quotes
        limits = limits or SyncLimits()
        self._silence_ns = limits.silence_ns
        self._compared_ns = 0
        ours = [instrument for instrument in instruments if instrument.key.venue == self.venue]
        self._books = Books(ours, self.rows, take, {instrument.wire.encode(): (i, 0) for i, instrument in enumerate(ours)})
        self.stats = FeedStats(head=self._books.feed)
        self._documents = Documents(NAME, {"book": DOCUMENTS["book"]})
        self._products: dict[str, _Product] = {}
        self._refused: set[str] = set()  # products that the venue does not know
        times = Times(f"time of {NAME}")
        compared = comparison or ComparisonLimits(depth=1)
        for i, instrument in enumerate(ours):
            stats = self.stats.symbols[instrument.wire] = SymbolStats(head=self._books.heads[i])
            product = self._products[instrument.wire] = _Product(instrument, self.rows, stats, limits, self._books.book(i), times)
            product.comparison = Comparison(product.book, i, len(ours), compared)
            product.ticker = Differences(product.book, compared)
        self._by_number = list(self._products.values())

    def url(self) -> str:
        """The socket has one path."""
        return "/"

    def connected(self, ts: int) -> None:
        """Subscribe; the venue closes a socket that does not within five seconds."""
        self._send("subscribe", (wire for wire in self._products if wire not in self._refused), CHANNELS)
        for product in self._products.values():
            product.forget()
            product.book.connected(ts)
            product.book.asked(ts)

    def disconnected(self, ts: int) -> None:
        """Nothing is known any more."""
        for product in self._products.values():
            product.book.disconnected(ts)

    def tick(self, ts: int) -> None:
        """See silence and crossed books, ask for what is due, and for what is to be compared."""
        for i in self._books.uneasy(ts, self._silence_ns):
            self._by_number[i].book.tick(ts)
            self._ask(self._by_number[i], ts)
        if ts - self._compared_ns < COMPARE_NS:
            return
        self._compared_ns = ts
        for product in self._by_number:
            product.ticker.tick()
            if product.comparison.due(ts):
                product.comparison.asked(ts)
                self.wishes.append(Fetch(book_path(product.wire), f"book:{product.wire}"))

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        """The venue's own best bid and ask came, or did not."""
        product = self._products.get(tag.removeprefix("book:"))
        if product is None:
            self._ignore("unknown product")
            return
        try:
            document = self._documents.decode("book", body) if status == 200 else None
            if document is None or document.auction_mode:  # an auction's levels are a guess at its end
                product.comparison.missed(ts)
                return
            prices, sizes = product.decoder.prices, product.decoder.quantities
            bids, asks = ([(prices[price], sizes[size]) for price, size, _ in side] for side in (document.bids, document.asks))
        except (BadMessage, UnreadableNumber):
            self.stats.bad_messages += 1
            product.comparison.missed(ts)
            return
        if not product.comparison.answer(bids, asks, ts):
            self._ask(product, ts)

    def book_text(self, wire: str, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """(top bids, top asks, number of bids, number of asks) as the venue's decimal text."""
        return self._products[wire].book.text(depth)

    def frame(self, payload: bytes, ts: int) -> None:
        """One message."""
        self.stats.frames += 1
        self.stats.bytes += len(payload)
        if self._books.take(payload, ts) == TAKEN:
            return
        try:
            frame = _FRAME.decode(payload)
            self.stats.unknown_fields += unknown_fields(msgspec.json.decode(payload), _SHAPE)
        except UNREADABLE:
            self._damaged(payload, ts)
            return
        if isinstance(frame, Subscriptions):
            self._ignore("subscriptions")
        elif isinstance(frame, Error):
            self._error(frame)
        elif (product := self._products.get(frame.product_id)) is None:
            self._ignore("unknown product")
        else:
            self._hear(product, frame, ts)

    def _hear(self, product: _Product, frame: Snapshot | L2Update | Match | LastMatch | Ticker | Heartbeat, ts: int) -> None:
        start = len(self.rows)
        try:
            match frame:
                case L2Update():
                    self._update(product, frame, ts)
                case LastMatch():
                    product.trade = max(product.trade, frame.trade_id)
                    self._ignore("trade history")
                case Match():
                    self._match(product, frame, ts)
                case Ticker():
                    self._ticker(product, frame, ts)
                case Heartbeat():
                    self._heartbeat(product, frame, ts)
                case Snapshot():
                    product.decoder.snapshot(frame, ts)
                    product.book.replace(start, 0, ts)
                    product.book.live(ts)
                case _:
                    assert_never(frame)
        except (UnreadableNumber, *UNREADABLE):
            self.stats.bad_messages += 1
            if isinstance(frame, Snapshot | L2Update):  # a bad trade or ticker leaves no row and harms no book
                self.rows.size = start
                self._lost([product], REASON_BAD_MESSAGE, ts)

    def _update(self, product: _Product, frame: L2Update, ts: int) -> None:
        if product.book.state != LIVE:
            self._ignore("update before snapshot")  # without numbers it proves nothing: a STALE book waits for its snapshot too
            return
        start = len(self.rows)
        product.decoder.changes(frame.changes, frame.time, ts)
        product.book.update(start, 0, ts)

    def _match(self, product: _Product, frame: Match, ts: int) -> None:
        known = product.trade
        if known and frame.trade_id <= known:
            self._ignore("duplicate")
            return
        product.trade = frame.trade_id
        if known and frame.trade_id > known + 1:
            self._gap(product, ts)
        product.decoder.trade(frame, ts)

    def _heartbeat(self, product: _Product, frame: Heartbeat, ts: int) -> None:
        """A trade that the last heartbeat knew of should be here by now."""
        before, product.beat = product.beat, frame
        if before is None:
            return
        if product.trade and before.last_trade_id > product.trade:
            product.trade = before.last_trade_id
            self._gap(product, ts)
        elif before.sequence == frame.sequence and product.book.state == LIVE:
            product.head[LAST_UPDATE] = ts

    def _ticker(self, product: _Product, frame: Ticker, ts: int) -> None:
        top = product.decoder.top(frame)
        if self._quotes:
            product.decoder.quote(top, frame.time, ts)
        bid, bid_lots, ask, ask_lots = top
        if not product.ticker.found([(bid, bid_lots)] if bid_lots else [], [(ask, ask_lots)] if ask_lots else [], ts):
            self._ask(product, ts)

    def _error(self, frame: Error) -> None:
        """One product that the venue does not know spoils the whole subscription: subscribe to the others."""
        self.stats.bad_messages += 1
        refused = {wire for wire in self._products if re.search(rf"(?<![A-Z0-9-]){re.escape(wire)}(?![A-Z0-9-])", frame.reason)} - self._refused
        if refused:
            self._refused |= refused
            self._send("subscribe", (wire for wire in self._products if wire not in self._refused), CHANNELS)

    def _damaged(self, payload: bytes, ts: int) -> None:
        """A frame of no known shape: it costs the book it names, every book where it can't be read, and none where it is no book's."""
        try:
            kind = _ENVELOPE.decode(payload).type or "no type"
        except UNREADABLE:
            kind = ""
        if kind not in BOOK_CHANNELS:
            if kind in ("match", "last_match", "ticker", "heartbeat", "error", "no type"):
                self.stats.bad_messages += 1
            else:
                self._ignore(kind)
            return
        self.stats.bad_messages += 1
        named = {name.decode() for name in _PRODUCT.findall(payload)}
        self._lost([self._products[name] for name in named if name in self._products] if named else self._products.values(), REASON_BAD_MESSAGE, ts)

    def _gap(self, product: _Product, ts: int) -> None:
        self.stats.gaps += 1
        self._lost([product], REASON_GAP, ts)

    def _lost(self, products: Iterable[_Product], reason: int, ts: int) -> None:
        for product in products:
            product.book.lost(ts, reason)
            self._ask(product, ts)

    def _ask(self, product: _Product, ts: int) -> None:
        if product.wire not in self._refused and product.book.due(ts):
            self._send("unsubscribe", [product.wire], ["level2_batch"])
            self._send("subscribe", [product.wire], ["level2_batch"])
            product.book.asked(ts)

    def _send(self, what: str, wires: Iterable[str], channels: Iterable[str]) -> None:
        message = {"type": what, "product_ids": list(wires), "channels": list(channels)}
        self.wishes.append(Send(msgspec.json.encode(message).decode()))

    def _ignore(self, kind: str) -> None:
        self.stats.ignored[kind] = self.stats.ignored.get(kind, 0) + 1
