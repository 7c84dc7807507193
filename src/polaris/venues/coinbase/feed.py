"""Coinbase Advanced Trade: frames in, rows and subscriptions out.

One sequence number counts every frame of the connection, whatever its channel. A jump says that a frame is lost but
not what it held, so every book of the connection is asked for again, by unsubscribing and subscribing level2: the
venue then sends a new snapshot. Heartbeats keep the number moving, so a loss is seen within a second.

Left out and counted in `stats.ignored`: the trades of a "snapshot" (they happened before we subscribed; as new trades
they would move every average), candles, and tickers unless asked for: a ticker is sent with each trade, older than
the book beside it.
"""

from collections.abc import Iterable
from typing import Any, Final, assert_never

import msgspec

from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instruments
from polaris.domain.market import LIVE, REASON_BAD_MESSAGE, REASON_GAP, RowBuffer
from polaris.venues.books import TAKEN, Books
from polaris.venues.coinbase.decode import BEHIND, EXPECTED, Decoder, take
from polaris.venues.coinbase.messages import (
    AnyFrame,
    Candles,
    Damaged,
    Heartbeats,
    Level2,
    MarketTrades,
    Status,
    Subscriptions,
    Ticker,
    TickerBatch,
)
from polaris.venues.protocol import FeedStats, Reconnect, Send, SymbolStats, Wish
from polaris.venues.reading import UNREADABLE, Times
from polaris.venues.sync import BookSync, SyncLimits

MOST_BEHIND: Final = 100  # so many in a row are no repetition

_FRAME: msgspec.json.Decoder[AnyFrame] = msgspec.json.Decoder(AnyFrame)
_DAMAGED = msgspec.json.Decoder(Damaged)


class CoinbaseFeed:
    """The books and trades of the instruments that are Coinbase's; see `protocol.Feed`."""

    venue = "coinbase"

    def __init__(self, instruments: Instruments, rows: RowBuffer | None = None, limits: SyncLimits | None = None, *, quotes: bool = False) -> None:
        self.instruments = instruments
        self.rows = rows if rows is not None else RowBuffer()
        self.wishes: list[Wish] = []
        self._quotes = quotes
        ours = [instrument for instrument in instruments if instrument.key.venue == self.venue]
        self._reader = Books(ours, self.rows, take, {instrument.wire.encode(): (i, 0) for i, instrument in enumerate(ours)}, own=1)
        self._head = self._reader.feed
        self.stats = FeedStats(head=self._head)
        self._silence_ns = (limits or SyncLimits()).silence_ns
        self._books: dict[str, BookSync] = {}
        self._decoders: dict[str, Decoder] = {}
        times = Times("time of coinbase")
        for i, instrument in enumerate(ours):
            stats = self.stats.symbols[instrument.wire] = SymbolStats(head=self._reader.heads[i])
            self._books[instrument.wire] = BookSync(instrument, self.rows, stats, limits or SyncLimits(), self._reader.book(i))
            self._decoders[instrument.wire] = Decoder(instrument, self.rows, times)
        self._by_number = list(self._books.values())

    def url(self) -> str:
        """The socket has one path."""
        return "/"

    def connected(self, ts: int) -> None:
        """Subscribe; the venue closes a socket that does not within five seconds."""
        self._head[EXPECTED] = self._head[BEHIND] = 0
        channels = ["heartbeats", "level2", "market_trades", *(["ticker"] if self._quotes else [])]
        for channel in channels:
            self._send("subscribe", self._books, channel)
        for book in self._books.values():
            book.connected(ts)
            book.asked(ts)

    def disconnected(self, ts: int) -> None:
        """Nothing is known any more."""
        for book in self._books.values():
            book.disconnected(ts)

    def tick(self, ts: int) -> None:
        """See silence and crossed books, and ask for what is due."""
        uneasy = self._reader.uneasy(ts, self._silence_ns)
        for i in uneasy:
            self._by_number[i].tick(ts)
        if uneasy:
            self._ask(ts)

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        """Nothing is fetched from this venue."""

    def book_text(self, wire: str, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """(top bids, top asks, number of bids, number of asks) as the venue's decimal text."""
        return self._books[wire].text(depth)

    def frame(self, payload: bytes, ts: int) -> None:
        """One message."""
        self.stats.frames += 1
        self.stats.bytes += len(payload)
        start = len(self.rows)
        said = self._reader.take(payload, ts)
        if said == TAKEN:
            return
        if said > TAKEN:
            self._snapshot(self._by_number[said - 1], start, int(self._head[EXPECTED]) - 1, ts)
            return
        try:
            frame = _FRAME.decode(payload)
        except UNREADABLE:
            self._damaged(payload, ts)
            return
        if not self._in_sequence(frame.sequence_num, ts):
            return
        match frame:
            case Level2():
                self._level2(frame, ts)
            case MarketTrades():
                self._market_trades(frame, ts)
            case Ticker():
                self._ticker(frame, ts)
            case Heartbeats() | Subscriptions() | Candles() | TickerBatch() | Status():
                self._ignore(type(frame).__name__.lower())
            case _:
                assert_never(frame)

    def _in_sequence(self, sequence: int, ts: int) -> bool:
        """Count the frame; False where it came before. A jump makes every book SYNCING."""
        expected = int(self._head[EXPECTED])
        if sequence < expected:
            self._ignore("duplicate")
            self._head[BEHIND] += 1
            if self._head[BEHIND] == MOST_BEHIND:
                self.wishes.append(Reconnect(f"the sequence went back: expected {expected}, found {sequence}"))
            return False
        self._head[BEHIND] = 0
        self._head[EXPECTED] = sequence + 1
        if sequence > expected:
            self.stats.gaps += 1
            for book in self._books.values():
                book.lost(ts, REASON_GAP)
            self._ask(ts)
        return True

    def _level2(self, frame: Level2, ts: int) -> None:
        for event in frame.events:
            book = self._books.get(event.product_id)
            if book is None:
                self._ignore("unknown product")
                continue
            is_snapshot = event.type == "snapshot"
            if not is_snapshot and book.state < LIVE:
                self._ignore("update before snapshot")
                continue
            start = len(self.rows)
            try:
                updates = reversed(event.updates) if is_snapshot else event.updates  # a snapshot comes best level first
                self._decoders[event.product_id].levels(updates, frame.sequence_num, ts)
            except UnreadableNumber:
                self.rows.size = start
                self._bad([event.product_id], ts)
                continue
            if is_snapshot:
                self._snapshot(book, start, frame.sequence_num, ts)
            else:
                book.update(start, frame.sequence_num, ts)

    def _snapshot(self, book: BookSync, start: int, sequence: int, ts: int) -> None:
        """The rows from `start` on are a whole book."""
        book.replace(start, sequence, ts)
        book.live(ts)

    def _market_trades(self, frame: MarketTrades, ts: int) -> None:
        for event in frame.events:
            if event.type == "snapshot":
                self._ignore("trade history", len(event.trades))
                continue
            for trade in reversed(event.trades):  # the venue lists the newest first
                decoder = self._decoders.get(trade.product_id)
                if decoder is None:
                    self._ignore("unknown product")
                    continue
                try:
                    decoder.trade(trade, ts)
                except UnreadableNumber:
                    self.stats.bad_messages += 1

    def _ticker(self, frame: Ticker, ts: int) -> None:
        for event in frame.events:
            for tick in event.tickers:
                decoder = self._decoders.get(tick.product_id)
                if decoder is None or not self._quotes:
                    self._ignore("ticker" if decoder is not None else "unknown product")
                    continue
                try:
                    decoder.quote(tick, frame.timestamp, ts)
                except UnreadableNumber:
                    self.stats.bad_messages += 1

    def _damaged(self, payload: bytes, ts: int) -> None:
        """A frame of no known shape. Where not even its number can be read, the next frame shows the gap."""
        try:
            frame = _DAMAGED.decode(payload)
        except UNREADABLE:
            self.stats.bad_messages += 1
            return
        if frame.sequence_num < 0:
            self.stats.bad_messages += 1  # {"type":"error","message":...}
            return
        if not self._in_sequence(frame.sequence_num, ts):
            return
        if frame.channel == "l2_data":
            self._bad([event.get("product_id") for event in frame.events], ts)
        elif frame.channel in ("market_trades", "ticker"):
            self.stats.bad_messages += 1
        else:
            self._ignore(frame.channel or "no channel")

    def _bad(self, products: Iterable[Any], ts: int) -> None:
        self.stats.bad_messages += 1
        for product in products:
            book = self._books.get(product) if isinstance(product, str) else None
            if book is not None:
                book.lost(ts, REASON_BAD_MESSAGE)
        self._ask(ts)

    def _ask(self, ts: int) -> None:
        due = {wire: book for wire, book in self._books.items() if book.due(ts)}
        if due:
            self._send("unsubscribe", due, "level2")
            self._send("subscribe", due, "level2")
            for book in due.values():
                book.asked(ts)

    def _send(self, what: str, products: Iterable[str], channel: str) -> None:
        message = {"type": what, "product_ids": list(products), "channel": channel}
        self.wishes.append(Send(msgspec.json.encode(message).decode()))

    def _ignore(self, kind: str, n: int = 1) -> None:
        self.stats.ignored[kind] = self.stats.ignored.get(kind, 0) + n
