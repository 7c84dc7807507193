"""The WebSocket streams of the Binance dialect: who reads what, and what they are sent.

A payload is made once and framed once for all who read it alike: raw or combined, in milliseconds or microseconds. Trades, the
best prices and conflated depth are sent as they are told; candles, tickers and average prices once a second where they changed.
Source: Binance spot API documentation, "WebSocket streams".
"""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import takewhile
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qsl

from polaris.exchange.gateway.binance import shown
from polaris.exchange.gateway.binance.call import encode
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.binance.server import TIME_UNITS
from polaris.exchange.gateway.binance.stream_names import EVERY, WINDOWS, Asked, Kind, asked
from polaris.exchange.gateway.binance.stream_socket import MOST_STREAMS, StreamSocket
from polaris.exchange.gateway.http import Request
from polaris.exchange.gateway.socket import frame
from polaris.exchange.marketdata import MINUTE, SECOND, MarketData, Ticker, Told
from polaris.exchange.marketdata.depth import Changes

LIFE: Final = 24 * 3600 * SECOND  # of a connection
WARNING: Final = 10 * MINUTE  # before its end
ATTEMPTS: Final = 300  # to connect, of an address
ATTEMPTS_WINDOW: Final = 5 * MINUTE
KLINE_PACE: Final = 2  # seconds, of candles longer than one
SLOW_KINDS: Final = (Kind.KLINE, Kind.MINI, Kind.DAY, Kind.WINDOW, Kind.AVERAGE)

Make = Callable[[shown.Time], Any]


class UserStreams(Protocol):
    """What of the server the streams need: the private ones beside the public."""

    def user_stream(self, name: str) -> bool: ...

    def join_user_stream(self, name: str, send: Callable[[bytes], None]) -> Callable[[], None]: ...


class Shape(NamedTuple):
    """How a reader wants what he reads."""

    combined: bool
    micros: bool


class Stream:
    """One stream that somebody reads.

    shown  what its readers saw last: nothing is sent that did not change
    """

    __slots__ = ("asked", "name", "readers", "shown")

    def __init__(self, name: str, asked: Asked) -> None:
        self.name = name
        self.asked = asked
        self.readers: dict[Shape, set[StreamSocket]] = {}
        self.shown: Any = None

    def publish(self, make: Make) -> None:
        """Send a document to every reader; `make` is given how he counts time."""
        payloads: dict[bool, bytes] = {}
        for shape, sockets in self.readers.items():
            payload = payloads.get(shape.micros)
            if payload is None:
                payload = payloads[shape.micros] = encode(make(shown.micros if shape.micros else shown.millis))
            framed = frame(wrapped(self.name, payload) if shape.combined else payload)
            for socket in sockets:
                socket.send_frame(framed)


def wrapped(name: str, payload: bytes) -> bytes:
    """A payload as combined streams send it."""
    return b'{"stream":"%b","data":%b}' % (name.encode(), payload)


class Streams:
    """All streams of one server.

    clock  ns UTC; `tick` is to be called several times a second
    """

    def __init__(self, figures: list[Figures], market: MarketData, users: UserStreams, clock: Callable[[], int], life_ns: int = LIFE) -> None:
        self.clock = clock
        self._figures = figures
        self._market = market
        self._users = users
        self._books = {each.stream: book for book, each in enumerate(figures)}
        self._named: dict[str, Stream] = {}
        self._live: dict[Kind, dict[int, list[Stream]]] = {kind: {} for kind in Kind}
        self._life_ns = life_ns
        self._young: dict[StreamSocket, None] = {}  # not yet warned of their end, oldest first
        self._warned: dict[StreamSocket, None] = {}
        self._attempts: dict[str, int] = {}
        self._window = 0
        self._second = 0

    # who reads

    def open(self, request: Request) -> StreamSocket | None:
        """The socket of /ws/<stream> or /stream?streams=<stream>/<stream>; None where an address or a unit can't be had.

        Names that are no streams are passed over, as Binance does: clients put numbers of their own there.
        """
        now = self.clock()
        if now // ATTEMPTS_WINDOW != self._window:
            self._window, self._attempts = now // ATTEMPTS_WINDOW, {}
        tried = self._attempts[request.address] = self._attempts.get(request.address, 0) + 1
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        unit = TIME_UNITS.get(query.get("timeUnit", ""))
        combined = request.path.startswith("/stream")
        listed = query.get("streams", "") if combined else request.path.removeprefix("/ws").strip("/")
        names = list(dict.fromkeys(name for name in listed.split("/") if self.knows(name)))
        if tried > ATTEMPTS or unit is None or len(names) > MOST_STREAMS:
            return None
        return StreamSocket(self, request.address, names, combined=combined, micros=unit, opened_at=now)

    def knows(self, name: str) -> bool:
        """Whether there is such a stream, public or private."""
        return asked(name, self._books) is not None or self._users.user_stream(name)

    def came(self, socket: StreamSocket) -> None:
        """A socket is open."""
        self._young[socket] = None

    def went(self, socket: StreamSocket) -> None:
        """A socket is closed."""
        self._young.pop(socket, None)
        self._warned.pop(socket, None)

    def join(self, name: str, socket: StreamSocket) -> Callable[[], None]:
        """Let a socket read a stream that `knows` has; call the result to end it."""
        wanted = asked(name, self._books)
        if wanted is None:
            return self._users.join_user_stream(name, lambda payload: socket.send(wrapped(name, payload) if socket.combined else payload))
        stream = self._named.get(name)
        if stream is None:
            stream = self._named[name] = Stream(name, wanted)
            self._live[wanted.kind].setdefault(wanted.book, []).append(stream)
        shape = Shape(socket.combined, socket.micros)
        stream.readers.setdefault(shape, set()).add(socket)
        return lambda: self._leave(stream, shape, socket)

    def _leave(self, stream: Stream, shape: Shape, socket: StreamSocket) -> None:
        readers = stream.readers[shape]
        readers.discard(socket)
        if not readers:
            del stream.readers[shape]
        if not stream.readers:
            del self._named[stream.name]
            self._live[stream.asked.kind][stream.asked.book].remove(stream)

    # what they are sent

    def told(self, told: Told) -> None:
        """What happened, in order."""
        now = self.clock()
        for kind, rows, document in (
            (Kind.TRADE, told.trades, partial(shown.trade_event, now=now)),
            (Kind.AGGREGATE, told.aggregates, partial(shown.aggregate_event, now=now)),
            (Kind.TOP, told.tops, shown.top_event),
        ):
            live = self._live[kind]
            if not live or not len(rows):
                continue
            for row in rows:
                for stream in live.get(int(row["book"]), ()):
                    stream.publish(partial(document, self._figures[row["book"]], row))

    def due(self, interval_ns: int, changes: Changes) -> None:
        """The levels that changed in an interval."""
        now = self.clock()
        for diff in changes.diffs:
            book = int(diff["book"])
            figures = self._figures[book]
            for stream in self._live[Kind.DEPTH].get(book, ()):
                if stream.asked.interval_ns == interval_ns:
                    bids, asks = (side[["price", "lots"]].tolist() for side in (changes.bids(diff), changes.asks(diff)))
                    stream.publish(partial(shown.depth_event, figures, int(diff["first_id"]), int(diff["last_id"]), bids, asks, now=now))
            for stream in self._live[Kind.LEVELS].get(book, ()):
                if stream.asked.interval_ns == interval_ns:
                    depth = self._market.depth(book, stream.asked.levels)
                    stream.publish(partial(shown.book, figures, depth.update_id, depth.bids.tolist(), depth.asks.tolist()))

    def tick(self, now: int) -> None:
        """Time passed: once a second what changed, and the end of old connections."""
        second = now // SECOND
        if second == self._second:
            return
        self._second = second
        for kind in SLOW_KINDS:
            for streams in list(self._live[kind].values()):
                for stream in list(streams):
                    self._slow(stream, now, second)
        for socket in _old(self._young, now - self._life_ns + WARNING):
            socket.warn(now)
            del self._young[socket]
            self._warned[socket] = None
        for socket in _old(self._warned, now - self._life_ns):
            socket.close("24 hours are over")

    def shutdown(self) -> None:
        """Tell every reader that the server goes."""
        now = self.clock()
        for socket in self._young:
            socket.warn(now)

    def _slow(self, stream: Stream, now: int, second: int) -> None:
        wanted = stream.asked
        if wanted.kind is Kind.KLINE:
            if wanted.word == "1s" or second % KLINE_PACE == 0 or stream.shown is None:
                self._kline(stream, now)
        elif wanted.kind is Kind.AVERAGE:
            figures, average = self._figures[wanted.book], self._market.average(wanted.book, now)
            if average.ts and average != stream.shown:
                stream.shown = average
                stream.publish(partial(shown.average_event, figures, *average, now=now))
        elif wanted.book == EVERY:
            self._all_tickers(stream, now)
        elif (ticker := self._ticker(wanted, wanted.book, now)) is not None and _statistics(ticker) != stream.shown:
            stream.shown = _statistics(ticker)
            stream.publish(partial(self._ticker_event, wanted, ticker, now=now))

    def _kline(self, stream: Stream, now: int) -> None:
        """The candles that ended since the last time, then the running one where it changed."""
        book, interval = stream.asked.book, stream.asked.word
        figures = self._figures[book]
        if stream.shown is None:
            rows = self._market.klines(book, interval, now, limit=1)
        else:
            rows = self._market.klines(book, interval, now, start=stream.shown[0], limit=100)
        for row in rows:
            state = (int(row["open_time"]), int(row["trades"]))
            closed = now >= int(row["end"])
            if closed or state != stream.shown:
                stream.publish(partial(shown.kline_event, figures, interval, row, now=now, closed=closed))
            stream.shown = (int(row["end"]), -1) if closed else state

    def _all_tickers(self, stream: Stream, now: int) -> None:
        seen = stream.shown = stream.shown or {}
        changed = []
        for book in range(len(self._figures)):
            ticker = self._ticker(stream.asked, book, now)
            if ticker is not None and seen.get(book) != _statistics(ticker):
                seen[book] = _statistics(ticker)
                changed.append(ticker)
        if changed:
            stream.publish(lambda time: [self._ticker_event(stream.asked, ticker, time, now) for ticker in changed])

    def _ticker(self, wanted: Asked, book: int, now: int) -> Ticker | None:
        """A book's ticker; None before its first trade."""
        if wanted.kind is Kind.WINDOW:
            ticker = self._market.ticker(book, now, (now - WINDOWS[wanted.word]) // MINUTE * MINUTE)
        else:
            ticker = self._market.ticker(book, now)
        return ticker if ticker.last else None

    def _ticker_event(self, wanted: Asked, ticker: Ticker, time: shown.Time, now: int) -> shown.Document:
        figures = self._figures[ticker.book]
        match wanted.kind:
            case Kind.MINI:
                return shown.mini_event(figures, ticker, time, now)
            case Kind.WINDOW:
                return shown.window_event(figures, wanted.word, ticker, time, now)
            case _:
                return shown.day_event(figures, ticker, time, now)


def _old(sockets: Iterable[StreamSocket], before: int) -> list[StreamSocket]:
    """Those that opened by then; they come in the order they opened."""
    return list(takewhile(lambda socket: socket.opened_at <= before, sockets))


def _statistics(ticker: Ticker) -> tuple[Any, ...]:
    """What of a ticker makes it another one: all but the times of its window."""
    return tuple(value for name, value in vars(ticker).items() if name not in ("open_time", "close_time"))
