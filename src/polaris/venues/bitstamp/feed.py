"""Bitstamp: frames in, rows and requests for books out.

A diff says when it was made, to the microsecond, and nothing of the one before it. The book over REST says the same of
itself: diffs up to its moment are in it, and one of them must have come, or nobody knows what lay between. A diff that
is lost later leaves no trace, so the book is compared with the venue's own from time to time.
"""

from typing import Final

import msgspec

from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import REASON_BAD_MESSAGE, RowBuffer
from polaris.venues.bitstamp import messages
from polaris.venues.bitstamp.decode import MOST_MICROS, Decoder, checked, take
from polaris.venues.bitstamp.messages import BookDocument, Diff
from polaris.venues.bitstamp.symbols import DIFFS, NAME, book_path
from polaris.venues.books import TAKEN, Books
from polaris.venues.comparison import Comparison, ComparisonLimits
from polaris.venues.join import Join
from polaris.venues.protocol import FeedStats, Fetch, Reconnect, Send, SymbolStats, Wish
from polaris.venues.reading import UNREADABLE
from polaris.venues.sync import SECOND, BookSync, SyncLimits

TRADES: Final = "live_trades_"
PATIENCE_NS: Final = 3 * SECOND
PLACES: Final = 4096  # a side of a book; a whole one has thousands of levels
HEARTBEAT_NS: Final = 30 * SECOND


class _Symbol:
    """One pair: its book, joined from stream and snapshots, and the venue's beside it."""

    def __init__(self, feed: "BitstampFeed", instrument: Instrument, limits: SyncLimits, i: int, turns: int, comparison: ComparisonLimits | None) -> None:
        stats = feed.stats.symbols[instrument.wire] = SymbolStats(head=feed.books.heads[i])
        self.decoder = decoder = Decoder(instrument, feed.rows)
        self.sync = BookSync(instrument, feed.rows, stats, limits, feed.books.book(i))
        fetch = Fetch(book_path(instrument.wire), f"depth:{instrument.wire}")
        self.book: Join[Diff, BookDocument] = Join(
            self.sync, feed.rows, feed.wishes, feed.stats, lambda diff, moment, fresh: True, decoder.update, decoder.snapshot, fetch, overlap=True
        )
        self.comparison = Comparison(self.sync, i, turns, comparison)


class BitstampFeed:
    """The books and trades of the instruments that are Bitstamp's; see `protocol.Feed`."""

    venue = NAME

    def __init__(
        self, instruments: Instruments, rows: RowBuffer | None = None, limits: SyncLimits | None = None, comparison: ComparisonLimits | None = None
    ) -> None:
        self.instruments = instruments
        self.rows = rows if rows is not None else RowBuffer()
        self.wishes: list[Wish] = []
        ours = [instrument for instrument in instruments if instrument.key.venue == NAME]
        self.books = Books(ours, self.rows, take, {f"{DIFFS}{instrument.wire}".encode(): (i, 0) for i, instrument in enumerate(ours)}, capacity=PLACES)
        self.stats = FeedStats(head=self.books.feed)
        self._symbols = {item.wire: _Symbol(self, item, limits or SyncLimits(), i, len(ours), comparison) for i, item in enumerate(ours)}
        self._by_number = list(self._symbols.values())
        self._silence_ns = (limits or SyncLimits()).silence_ns
        self._said_ns = self._compared_ns = 0

    def url(self) -> str:
        """The socket has one path."""
        return "/"

    def connected(self, ts: int) -> None:
        """Subscribe: one channel a message."""
        self._said_ns = ts
        for wire, symbol in self._symbols.items():
            for channel in (DIFFS, TRADES):
                self._send({"event": "bts:subscribe", "data": {"channel": f"{channel}{wire}"}})
            symbol.book.connected(ts, PATIENCE_NS)

    def disconnected(self, ts: int) -> None:
        """Nothing is known any more."""
        for symbol in self._symbols.values():
            symbol.book.disconnected(ts)

    def tick(self, ts: int) -> None:
        """See silence and crossed books, ask for what is due and for what is to be compared, and give a sign of life."""
        for i in self.books.uneasy(ts, self._silence_ns):
            self._by_number[i].book.tick(ts)
        if ts - self._compared_ns >= SECOND:
            self._compared_ns = ts
            for wire, symbol in self._symbols.items():
                if symbol.comparison.due(ts):
                    symbol.comparison.asked(ts)
                    self.wishes.append(Fetch(book_path(wire), f"book:{wire}"))
        if ts - self._said_ns >= HEARTBEAT_NS:
            self._said_ns = ts
            self._send({"event": "bts:heartbeat"})

    def book_text(self, wire: str, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """(top bids, top asks, number of bids, number of asks) as the venue's decimal text."""
        return self._symbols[wire].sync.text(depth)

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        """A book came, to begin with ("depth:") or to compare with ("book:"), or did not."""
        purpose, _, wire = tag.partition(":")
        symbol = self._symbols.get(wire)
        if symbol is None:
            self._ignore("unknown symbol")
            return
        book: BookDocument | None = None
        try:
            if status == 200:
                book = messages.BOOK.decode(body)
                checked(book.microtimestamp)
        except (UnreadableNumber, *UNREADABLE):
            self.stats.bad_messages += 1
            book = None
        if purpose == "book":
            self._compare(symbol, book, ts)
        else:
            symbol.book.snapshot(book, ts)

    def frame(self, payload: bytes, ts: int) -> None:
        """One message."""
        self.stats.frames += 1
        self.stats.bytes += len(payload)
        read = self.books.take(payload, ts)
        if read >= TAKEN:
            if read:
                self._ignore("old update")
            return
        try:
            self._read(messages.ENVELOPE.decode(payload), ts)
        except UNREADABLE:
            self._damaged(payload, ts)

    def _read(self, message: messages.Envelope, ts: int) -> None:
        match message.event:
            case "data" if message.channel.startswith(DIFFS):
                self._diff(message, ts)
            case "trade" if message.channel.startswith(TRADES):
                self._trade(message, ts)
            case "bts:request_reconnect":
                self.wishes.append(Reconnect("the server asked us to come again"))
            case "bts:error":
                self.stats.bad_messages += 1
            case event:
                self._ignore(event)

    def _diff(self, message: messages.Envelope, ts: int) -> None:
        symbol = self._symbols.get(message.channel.removeprefix(DIFFS))
        if symbol is None:
            self._ignore("unknown symbol")
            return
        start = len(self.rows)
        try:
            diff = messages.DIFF.decode(message.data)
            if checked(diff.microtimestamp) > MOST_MICROS:
                raise UnreadableNumber(diff.microtimestamp, "microtimestamp of bitstamp", 0)
            symbol.book.heard(diff, ts)
        except (UnreadableNumber, *UNREADABLE):
            self.rows.size = start
            self.stats.bad_messages += 1
            symbol.book.lost(REASON_BAD_MESSAGE, ts)

    def _trade(self, message: messages.Envelope, ts: int) -> None:
        symbol = self._symbols.get(message.channel.removeprefix(TRADES))
        if symbol is None:
            self._ignore("unknown symbol")
            return
        try:
            symbol.decoder.trade(messages.TRADE.decode(message.data), ts)
        except UnreadableNumber:
            self.stats.bad_messages += 1

    def _compare(self, symbol: _Symbol, book: BookDocument | None, ts: int) -> None:
        if book is None:
            symbol.comparison.missed(ts)
            return
        prices, quantities, depth = symbol.decoder.prices, symbol.decoder.quantities, symbol.comparison.limits.depth
        try:
            sides = [[(prices[price], quantities[amount]) for price, amount in messages.SIDE.decode(side)[:depth]] for side in (book.bids, book.asks)]
        except (UnreadableNumber, *UNREADABLE):
            self.stats.bad_messages += 1
            symbol.comparison.missed(ts)
            return
        if not symbol.comparison.answer(sides[0], sides[1], ts):
            symbol.book.forget()
            symbol.book.ask(ts)

    def _damaged(self, payload: bytes, ts: int) -> None:
        """Nothing is numbered here: a diff that can't be read leaves no gap, so every pair it may have been is asked for again."""
        self.stats.bad_messages += 1
        named = [symbol for wire, symbol in self._symbols.items() if f"{DIFFS}{wire}".encode() in payload]
        for symbol in named or self._symbols.values():
            symbol.book.lost(REASON_BAD_MESSAGE, ts)

    def _send(self, message: dict[str, object]) -> None:
        self.wishes.append(Send(msgspec.json.encode(message).decode()))

    def _ignore(self, kind: str) -> None:
        self.stats.ignored[kind] = self.stats.ignored.get(kind, 0) + 1
