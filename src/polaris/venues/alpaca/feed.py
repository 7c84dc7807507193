"""Alpaca's stock stream: frames in, bars and trades out. There is no order book here, so there are no books to keep.

    connected ──▶ "connected" ──▶ key ──▶ "authenticated" ──▶ subscribe ──▶ "subscription": the stocks it names are LIVE

A bar is told once. What came while a connection was away is asked for over REST, page by page, from the last bar that
was told; until it is here, new bars wait, so that a stock's minutes stay in order. Late trades that change a minute
afterwards (`u`) are left out: a second row would be a second minute.

At night nothing is sent, for hours: the subscription is repeated now and then, which the venue always answers.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import inspect

from polaris.domain.errors import BadMessage, UnreadableNumber
from polaris.domain.instrument import Instruments
from polaris.domain.market import DISCONNECTED, LIVE, SYNCING, RowBuffer
from polaris.venues.alpaca.decode import Decoder
from polaris.venues.alpaca.documents import DOCUMENTS, Bars
from polaris.venues.alpaca.messages import LEFT_OUT, AnyMessage, Bar, Error, Other, Subscription, Success, Trade
from polaris.venues.alpaca.orders import Key
from polaris.venues.alpaca.symbols import BARS_PATH, BARS_TAG, NAME, symbols
from polaris.venues.books import LAST_UPDATE, STATE
from polaris.venues.documents import Documents, unknown_fields
from polaris.venues.protocol import FeedStats, Fetch, Login, Reconnect, Send, SymbolStats, Wish
from polaris.venues.reading import UNREADABLE, Times

SECOND: Final = 1_000_000_000
LIFE_NS: Final = 10 * SECOND  # without a frame for so long: ask for a sign of life
MOST_BARS: Final = 10_000  # a page, over all its stocks
FATAL: Final = {
    401: "not authenticated",
    402: "authentication failed",
    404: "authentication came too late",
    406: "connection limit exceeded",
    407: "slow client",
    409: "the subscription plan does not include this feed",
    500: "internal error",
}
HARMLESS: Final = {400: "invalid syntax", 403: "already authenticated", 405: "symbol limit exceeded", 410: "invalid subscription"}

_FRAME: msgspec.json.Decoder[list[AnyMessage]] = msgspec.json.Decoder(list[AnyMessage])
_SHAPE: Final = inspect.type_info(AnyMessage)
_MESSAGE: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)
_PARTS = msgspec.json.Decoder(list[msgspec.Raw])
_OTHER = msgspec.json.Decoder(Other)


def bars_path(wires: Sequence[str], start: str, source: str, *, end: str = "", token: str = "") -> str:
    """The path of a page of one-minute bars.

    start, end  RFC 3339, the first and last minute; no end means now
    source      "iex", or "sip" where the plan has it
    token       of the page before; its answer's `next_page_token` says whether there is another
    """
    path = f"{BARS_PATH}?symbols={symbols(wires)}&timeframe=1Min&start={start}"
    path += f"&end={end}" if end else ""
    path += f"&limit={MOST_BARS}&adjustment=raw&feed={source}&sort=asc"
    return path + (f"&page_token={symbols([token])}" if token else "")


class AlpacaFeed:
    """The bars and trades of the instruments that are Alpaca's; see `protocol.Feed`.

    key     the account's; without one only a recording can be heard
    source  "iex", or "sip" where the plan has it
    """

    venue = NAME

    def __init__(self, instruments: Instruments, rows: RowBuffer | None = None, *, key: Key | None = None, source: str = "iex") -> None:
        self.instruments = instruments
        self.rows = rows if rows is not None else RowBuffer()
        self.wishes: list[Wish] = []
        self.stats = FeedStats()
        self._key = key
        self._source = source
        self._documents = Documents(NAME, {"bars": DOCUMENTS["bars"]})
        times = Times(f"time of {NAME}")
        self._decoders: dict[str, Decoder] = {}
        for instrument in instruments:
            if instrument.key.venue == self.venue:
                self.stats.symbols[instrument.wire] = SymbolStats()
                self._decoders[instrument.wire] = Decoder(instrument, self.rows, times)
        self._subscribed = False
        self._heard_ns = 0
        self._since = ""  # the first minute that is asked for over REST; "" while nothing is
        self._waiting: list[Bar] = []  # meanwhile
        self._types: set[type] = set()  # of messages whose fields were looked at

    def url(self) -> str:
        """One path for each source."""
        return f"/v2/{self._source}"

    def connected(self, ts: int) -> None:
        """The venue speaks first."""
        self._subscribed, self._since, self._heard_ns = False, "", ts
        self._waiting.clear()
        self._enter(self._decoders, SYNCING)

    def disconnected(self, ts: int) -> None:
        """Nothing is heard any more."""
        self._subscribed = False
        self._enter(self._decoders, DISCONNECTED)

    def tick(self, ts: int) -> None:
        """Time passed."""
        if self._subscribed and ts - self._heard_ns > LIFE_NS:
            self._heard_ns = ts
            self._subscribe()

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        """A page of bars came, or did not."""
        try:
            page: Bars | None = self._documents.decode("bars", body) if status == 200 else None
        except BadMessage:
            self.stats.bad_messages += 1
            page = None
        if page is None:
            self._ignore("missed bars")  # they stay away; the next connection asks from the last one told
            self._caught_up(ts)
            return
        for wire, bars in page.bars.items():
            decoder = self._decoders.get(wire)
            if decoder is None:
                self._ignore("unknown symbol", len(bars))
                continue
            for bar in bars:
                try:
                    if not decoder.document(bar, ts):
                        self._ignore("bar told before")
                except UnreadableNumber:
                    self.stats.bad_messages += 1
        if page.next_page_token and self._since:
            self._fetch(page.next_page_token)
        else:
            self._caught_up(ts)

    def book_text(self, wire: str, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """Empty: there is no book."""
        return [], [], 0, 0

    def frame(self, payload: bytes, ts: int) -> None:
        """One list of messages."""
        self.stats.frames += 1
        self.stats.bytes += len(payload)
        self._heard_ns = ts
        try:
            messages = _FRAME.decode(payload)
        except UNREADABLE:
            self._one_by_one(payload, ts)
            return
        for message in messages:
            self._hear(message, ts)
            if type(message) not in self._types:
                self._types.add(type(message))
                self._count_unknown(payload)

    def _hear(self, message: AnyMessage, ts: int) -> None:
        match message:
            case Bar() if self._since:
                self._waiting.append(message)
            case Trade() | Bar():
                self._market(message, ts)
            case Success(msg="connected"):
                self.wishes.append(Login(self._key.login()) if self._key else Reconnect("no key: this stream is for customers only"))
            case Success(msg="authenticated"):
                self._subscribe()
                self._catch_up()
            case Success():
                self._ignore("success")
            case Subscription():
                self._enter([wire for wire in self._decoders if wire in message.bars and wire in message.trades], LIVE)
            case Error():
                self._error(message)

    def _market(self, message: Trade | Bar, ts: int) -> None:
        decoder = self._decoders.get(message.symbol)
        if decoder is None:
            self._ignore("unknown symbol")
            return
        try:
            if isinstance(message, Trade):
                decoder.trade(message, ts)
            elif not decoder.bar(message, ts):
                self._ignore("bar told before")
        except UnreadableNumber:
            self.stats.bad_messages += 1
            return
        self.stats.symbols[message.symbol].head[LAST_UPDATE] = ts

    def _error(self, error: Error) -> None:
        self.stats.bad_messages += 1
        if error.code not in HARMLESS:
            reason = FATAL.get(error.code, "an error nobody knows")
            self.wishes.append(Reconnect(f"alpaca: {error.code} {error.msg} ({reason})"))

    def _subscribe(self) -> None:
        wires = list(self._decoders)
        self.wishes.append(Send(msgspec.json.encode({"action": "subscribe", "trades": wires, "bars": wires}).decode()))
        self._subscribed = True

    def _catch_up(self) -> None:
        """Ask for the minutes since the oldest of the newest bars that were told; a first connection has none."""
        told = [decoder.told for decoder in self._decoders.values() if decoder.told]
        if told:
            self._since = _rfc3339(min(told))
            self._fetch("")

    def _caught_up(self, ts: int) -> None:
        self._since = ""
        for bar in self._waiting:
            self._market(bar, ts)
        self._waiting.clear()

    def _fetch(self, token: str) -> None:
        told = [wire for wire, decoder in self._decoders.items() if decoder.told]
        self.wishes.append(Fetch(bars_path(told, self._since, self._source, token=token), BARS_TAG))

    def _one_by_one(self, payload: bytes, ts: int) -> None:
        """A list with a message nobody knows: the others are read all the same."""
        try:
            parts = _PARTS.decode(payload)
        except UNREADABLE:
            self.stats.bad_messages += 1
            return
        for part in parts:
            try:
                self._hear(_MESSAGE.decode(part), ts)
            except UNREADABLE:
                self._left_out(part)

    def _left_out(self, part: msgspec.Raw) -> None:
        try:
            kind = _OTHER.decode(part).type
        except UNREADABLE:
            kind = ""
        if kind in ("", "t", "b", "success", "error", "subscription"):
            self.stats.bad_messages += 1
        else:
            self._ignore(LEFT_OUT.get(kind, kind))

    def _count_unknown(self, payload: bytes) -> None:
        """Once a type of message: a second parse of every trade would cost more than it tells."""
        try:
            self.stats.unknown_fields += sum(unknown_fields(each, _SHAPE) for each in msgspec.json.decode(payload))
        except UNREADABLE:
            self.stats.bad_messages += 1

    def _enter(self, wires: Iterable[str], state: int) -> None:
        """For screens: no row says it, as there is no book that it could be about."""
        for wire in wires:
            self.stats.symbols[wire].head[STATE] = state

    def _ignore(self, kind: str, n: int = 1) -> None:
        self.stats.ignored[kind] = self.stats.ignored.get(kind, 0) + n


def _rfc3339(ts: int) -> str:
    """A whole second as the venue writes it."""
    return datetime.fromtimestamp(ts // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
