"""KuCoin: frames in, rows, pings and requests for books out.

Every connection is opened with a token of its own, which a POST gives: it names the server, and how often that server
wants to hear a ping, whatever else is said. Nothing may be asked before its welcome. A book is joined from the stream
of its changes, numbered one by one, and its first hundred levels over REST (all of it needs a key): what lies behind
them is unknown until it changes.
"""

from typing import Final

import msgspec

from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import REASON_BAD_MESSAGE, RowBuffer
from polaris.venues.books import TAKEN, Books
from polaris.venues.join import Join
from polaris.venues.kucoin import messages
from polaris.venues.kucoin.decode import Decoder, take
from polaris.venues.kucoin.messages import BookDocument, Level2
from polaris.venues.kucoin.symbols import NAME, book_path
from polaris.venues.protocol import FeedStats, Fetch, Reconnect, Send, SymbolStats, Wish
from polaris.venues.reading import UNREADABLE
from polaris.venues.sync import SECOND, BookSync, SyncLimits

OPENING: Final = Fetch("/api/v1/bullet-public", "token", "POST")
TOPICS: Final = ("/market/level2", "/market/match", "/market/ticker")
MOST_SYMBOLS: Final = 100  # of one subscription
PATIENCE_NS: Final = 3 * SECOND
PING_NS: Final = 18 * SECOND  # where the token does not say


class _Symbol:
    """One symbol: its book, joined from stream and snapshots, and what reads its texts."""

    def __init__(self, feed: "KucoinFeed", instrument: Instrument, stats: SymbolStats, limits: SyncLimits, books: Books, i: int) -> None:
        self.decoder = decoder = Decoder(instrument, feed.rows)
        self.sync = BookSync(instrument, feed.rows, stats, limits, books.book(i))
        fetch = Fetch(book_path(instrument.wire), f"depth:{instrument.wire}")
        self.book: Join[Level2, BookDocument] = Join(
            self.sync, feed.rows, feed.wishes, feed.stats, _follows, decoder.update, decoder.snapshot, fetch
        )


def _follows(update: Level2, last_id: int, fresh: bool) -> bool:
    """Whether an update is the next after `last_id`: it may begin before it, never after."""
    return update.first <= last_id + 1 <= update.last_id


class KucoinFeed:
    """The books, tops and trades of the instruments that are KuCoin's; see `protocol.Feed`."""

    venue = NAME

    def __init__(self, instruments: Instruments, rows: RowBuffer | None = None, limits: SyncLimits | None = None) -> None:
        self.instruments = instruments
        self.rows = rows if rows is not None else RowBuffer()
        self.wishes: list[Wish] = []
        ours = [instrument for instrument in instruments if instrument.key.venue == NAME]
        self._books = Books(ours, self.rows, take, {instrument.wire.encode(): (i, 0) for i, instrument in enumerate(ours)})
        self.stats = FeedStats(head=self._books.feed)
        self._symbols: dict[str, _Symbol] = {}
        for i, instrument in enumerate(ours):
            stats = self.stats.symbols[instrument.wire] = SymbolStats(head=self._books.heads[i])
            self._symbols[instrument.wire] = _Symbol(self, instrument, stats, limits or SyncLimits(), self._books, i)
        self._by_number = list(self._symbols.values())
        self._silence_ns = (limits or SyncLimits()).silence_ns
        self._url = ""  # of the next connection; used once
        self._connections = self._messages = 0
        self._ping_ns, self._pinged = PING_NS, 0

    def url(self) -> str:
        """The address that the token opens; it serves one connection."""
        url, self._url = self._url, ""
        return url or "/endpoint"

    def connected(self, ts: int) -> None:
        """The socket is open; the venue's welcome comes next."""
        self._connections += 1
        self._pinged = ts
        for symbol in self._symbols.values():
            symbol.book.connected(ts, PATIENCE_NS)

    def disconnected(self, ts: int) -> None:
        """Nothing is known any more."""
        for symbol in self._symbols.values():
            symbol.book.disconnected(ts)

    def tick(self, ts: int) -> None:
        """See silence and crossed books, ask for what is due, and ping in time."""
        for i in self._books.uneasy(ts, self._silence_ns):
            self._by_number[i].book.tick(ts)
        if ts - self._pinged >= self._ping_ns:
            self._pinged = ts
            self._send({"type": "ping"})

    def book_text(self, wire: str, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """(top bids, top asks, number of bids, number of asks) as the venue's decimal text."""
        return self._symbols[wire].sync.text(depth)

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        """A token, or a book, came or did not."""
        if tag == OPENING.tag:
            self._token(body, status)
            return
        symbol = self._symbols.get(tag.removeprefix("depth:"))
        if symbol is None:
            self._ignore("unknown symbol")
            return
        book: BookDocument | None = None
        try:
            answer = messages.BOOK.decode(body) if status == 200 else None
            if answer is not None and answer.code == "200000" and answer.data is not None and answer.data.sequence.isdigit():
                book = answer.data
        except UNREADABLE:
            self.stats.bad_messages += 1
        symbol.book.snapshot(book, ts)

    def frame(self, payload: bytes, ts: int) -> None:
        """One message."""
        self.stats.frames += 1
        self.stats.bytes += len(payload)
        if self._books.take(payload, ts) == TAKEN:
            return
        try:
            message = messages.ENVELOPE.decode(payload)
            self._read(message, ts)
        except UNREADABLE:
            self.stats.bad_messages += 1  # whatever book it concerned: the next update shows the gap

    def _read(self, message: messages.Envelope, ts: int) -> None:
        match message.type, message.subject:
            case "message", "trade.l2update":
                self._level2(message, ts)
            case "message", "trade.l3match":
                self._trade(messages.MATCH.decode(message.data), ts)
            case "message", "trade.ticker":
                self._ticker(message.topic.partition(":")[2], messages.TICKER.decode(message.data), ts)
            case "welcome", _:
                self._subscribe()
            case "error", _:
                self.stats.bad_messages += 1
                if str(message.code) in ("401", "4001"):  # the token is not, or no longer, good
                    self.wishes.append(Reconnect(f"the venue refused the token with code {message.code}"))
            case ("ack" | "pong") as kind, _:
                self._ignore(kind)
            case _, subject:
                self._ignore(subject or message.type or "no type")

    def _level2(self, message: messages.Envelope, ts: int) -> None:
        symbol = self._symbols.get(message.topic.partition(":")[2])
        start = len(self.rows)
        try:
            update = messages.LEVEL2.decode(message.data)
            symbol = self._symbols.get(update.symbol)
            if symbol is None:
                self._ignore("unknown symbol")
                return
            symbol.book.heard(update, ts)
        except (UnreadableNumber, *UNREADABLE):
            self.rows.size = start
            self.stats.bad_messages += 1
            if symbol is not None:
                symbol.book.lost(REASON_BAD_MESSAGE, ts)

    def _trade(self, match: messages.Match, ts: int) -> None:
        symbol = self._symbols.get(match.symbol)
        try:
            if symbol is not None:
                symbol.decoder.trade(match, ts)
            else:
                self._ignore("unknown symbol")
        except UnreadableNumber:
            self.stats.bad_messages += 1

    def _ticker(self, wire: str, ticker: messages.Ticker, ts: int) -> None:
        symbol = self._symbols.get(wire)
        try:
            if symbol is not None:
                symbol.decoder.quote(ticker, ts)
            else:
                self._ignore("unknown symbol")
        except UnreadableNumber:
            self.stats.bad_messages += 1

    def _token(self, body: bytes, status: int) -> None:
        """A token opens one connection. Without one the next attempt asks again."""
        self._url = ""
        try:
            answer = messages.TOKEN.decode(body) if status == 200 else None
        except UNREADABLE:
            answer = None
        if answer is None or answer.data is None or not answer.data.instanceServers:
            self.stats.bad_messages += 1
            return
        server = answer.data.instanceServers[0]
        self._ping_ns = max(SECOND, server.pingInterval * SECOND // 1000)
        self._url = f"{server.endpoint}?token={answer.data.token}&connectId=polaris{self._connections + 1}"

    def _subscribe(self) -> None:
        wires = list(self._symbols)
        for topic in TOPICS:
            for first in range(0, len(wires), MOST_SYMBOLS):
                symbols = ",".join(wires[first : first + MOST_SYMBOLS])
                self._send({"type": "subscribe", "topic": f"{topic}:{symbols}", "privateChannel": False, "response": True})

    def _send(self, message: dict[str, object]) -> None:
        self._messages += 1
        self.wishes.append(Send(msgspec.json.encode({"id": str(self._messages), **message}).decode()))

    def _ignore(self, kind: str) -> None:
        self.stats.ignored[kind] = self.stats.ignored.get(kind, 0) + 1
