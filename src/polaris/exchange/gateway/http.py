"""One port for HTTP and WebSockets: httptools reads requests, an upgrade hands its connection to picows.

Requests of one connection are answered in their order, however many came at once; each is a plain object that a handler answers
at once or later. What a peer may send, leave open or leave unread is bounded; beyond it he is sent away, and why is counted. Who does not
read his answers is not read either: his next request waits until he has taken what he asked for.
"""

import asyncio
import binascii
import logging
import resource
from base64 import b64decode
from collections import Counter, deque
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol, Self
from urllib.parse import unquote_plus

import httptools
from picows import WSAutoPingStrategy, WSListener, WSUpgradeRequest
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # what ws_create_server makes of a connection

from polaris.domain.errors import Unavailable

HOST: Final = "127.0.0.1"
HEAD_BYTES: Final = 16 * 1024  # of a request's line and headers
BODY_BYTES: Final = 64 * 1024
MESSAGE_BYTES: Final = 64 * 1024  # of one WebSocket message
AT_ONCE: Final = 64  # requests of a connection that wait for their answers, or are answered in one turn; beyond, it is not read, or not yet
CONNECTIONS: Final = 4096
IDLE_S: Final = 60.0  # a connection without a request so long is closed, and one that takes no answer so long
REQUEST_S: Final = 10.0  # within which a request must be whole, from its first byte on
SLOW: Final = "a request that did not end"
IDLE: Final = "nothing asked"
UNREAD: Final = "answers left unread"
MANY: Final = "too many connections"
MANY_SOCKETS: Final = "too many sockets"
HANDSHAKE: Final = b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n"
KEY_BYTES: Final = 16  # of a handshake's nonce
HEADS: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
JSON_TYPE: Final = b"Content-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n"

log = logging.getLogger("polaris.exchange.gateway")
log.addHandler(logging.NullHandler())


class _Faults(logging.Handler):
    """What picows tells of its sockets: a fault of ours goes on to our log, a peer's is his own affair (he is told and sent away)."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or not str(record.msg).startswith("WS parser error"):
            log.handle(record)


_wires = logging.Logger("polaris.exchange.gateway.sockets", logging.WARNING)
_wires.addHandler(_Faults())


class Request:
    """One HTTP request.

    path, query  as sent; the query's text is what a signature covers
    headers      by name in lower case; of a name sent twice the last
    address      the peer's IP
    """

    __slots__ = ("_connection", "address", "body", "headers", "keep_alive", "method", "path", "query")

    def __init__(self, connection: "Connection", method: str, path: str, query: str, headers: dict[str, str], body: bytes, keep_alive: bool) -> None:
        self._connection = connection
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.keep_alive = keep_alive
        self.address = connection.address

    def answer(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a JSON document; to be called once."""
        self._connection.answer(self, body, status, headers)


class Routes(Protocol):
    """What a dialect does with requests."""

    def hear(self, request: Request) -> None:
        """Take one request; it must be answered once, now or later."""
        ...

    def upgrade(self, request: Request) -> WSListener | None:
        """The listener of a WebSocket that opens with this request; None where its path has none."""
        ...

    def fault(self, status: int, words: str) -> bytes:
        """The JSON document that tells a peer why what he sent is no request."""
        ...


def pairs(text: str) -> list[tuple[str, str]]:
    """The names and values of a query or form, decoded, in their order."""
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in (part.partition("=") for part in text.split("&") if part)]


def most_connections() -> int:
    """How many one port may hold: a quarter of the files this process may open is left to each of them."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS if files == resource.RLIM_INFINITY else min(CONNECTIONS, files // 4)


class Connection(asyncio.Protocol):
    """One peer before (or without) an upgrade.

    heard  loop time of the last byte or answer
    begun  loop time of the first byte of a request that is not whole yet; 0.0 between two
    full   loop time since when answers lie unread; 0.0 where they do not
    """

    def __init__(self, server: "HttpServer") -> None:
        self.address = ""
        self.heard = self.begun = self.full = 0.0
        self._server = server
        self._transport: Any = None
        self._parser: Any = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()  # the first is being answered
        self._handed = False  # the first of them is with its handler
        self._answering = False
        self._closing = False
        self._fault = 400
        self._begin()

    def _begin(self) -> None:
        self._url, self._in_head = b"", True
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._bytes = 0

    # what the event loop calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        self.heard = self._server.loop.time()
        if len(self._server.connections) >= self._server.most:
            self._closing = True
            self._server.sent_away[MANY] += 1
            transport.abort()
            return
        self._server.connections.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._closing = True
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self.heard = self._server.loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(self._fault)
            return
        self._go_on()

    def pause_writing(self) -> None:
        self.full = self._server.loop.time()
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.full = 0.0
        self._go_on()
        self._read_on()

    def eof_received(self) -> bool:
        return False

    # what the parser calls

    def on_message_begin(self) -> None:
        self.begun = self._server.loop.time()

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._grow(len(url), HEAD_BYTES, 414)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value), HEAD_BYTES, 431)
        if self._in_head:  # what comes behind a body in chunks is no header: it may not say who asks
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._bytes, self._in_head = 0, False

    def on_body(self, body: bytes) -> None:
        self._grow(len(body), BODY_BYTES, 413)
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.begun = 0.0
        if self._parser.should_upgrade():
            return
        path, _, query = self._url.decode("latin-1").partition("?")
        method, keep_alive = self._parser.get_method().decode("ascii"), self._parser.should_keep_alive()
        request = Request(self, method, path, query, self._headers, b"".join(self._body), keep_alive)
        self._begin()
        self._waiting.append(request)
        if len(self._waiting) == AT_ONCE:
            self._transport.pause_reading()

    # answers

    def answer(self, request: Request, body: bytes, status: int, headers: Mapping[str, str] | None) -> None:
        if self._closing or not self._waiting or self._waiting[0] is not request:
            return  # the peer is gone
        head = HEADS[status] + JSON_TYPE % len(body)
        if headers:
            head += "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode("latin-1")
        head += b"\r\n" if request.keep_alive else b"Connection: close\r\n\r\n"
        self._transport.write(head + body)
        self.heard = self._server.loop.time()
        self._waiting.popleft()
        self._handed = False
        if not request.keep_alive:
            self.close()
            return
        self._read_on()
        self._go_on()

    def close(self) -> None:
        """Close once everything written is sent."""
        self._closing = True
        self._waiting.clear()
        self._transport.close()

    def overdue(self, now: float) -> str:
        """Why it is to end; "" where it may stay."""
        if self.full:
            return UNREAD if now - self.full > IDLE_S else ""
        if self._waiting:
            return ""
        if self.begun:
            return SLOW if now - self.begun > REQUEST_S else ""
        return IDLE if now - self.heard > IDLE_S else ""

    def send_away(self, why: str) -> None:
        """End it for something the peer did or left undone."""
        self._server.sent_away[why] += 1
        if why == SLOW:
            self._refuse(408)
        elif why == UNREAD:
            self._closing = True
            self._waiting.clear()
            self._transport.abort()
        else:
            self.close()

    def _read_on(self) -> None:
        """Read again, where nothing that was asked or answered is too much."""
        if not self.full and len(self._waiting) < AT_ONCE and not self._closing and not self._transport.is_reading():
            self.begun = self.begun and self._server.loop.time()  # what was not read was not late
            self._transport.resume_reading()

    def _go_on(self) -> None:
        if self._waiting and not self._answering and not self._handed:
            self._next()

    def _next(self) -> None:
        """Hand on what waits, one after the other, as long as the answers come at once and are taken; of many some, and the rest next turn."""
        self._answering, served = True, 0
        try:
            while self._waiting and not self.full:
                if served == AT_ONCE:
                    self._server.loop.call_soon(self._go_on)
                    return
                served += 1
                request = self._waiting[0]
                self._handed = True
                self._server.routes.hear(request)
                if self._waiting and self._waiting[0] is request:
                    return  # it is answered later
        finally:
            self._answering = False

    def _grow(self, size: int, most: int, status: int) -> None:
        self._bytes += size
        if self._bytes > most:
            self._fault = status
            raise ValueError(f"{self._bytes} bytes; expected at most {most}")  # the parser stops with an error of its own

    def _refuse(self, status: int) -> None:
        """Answer what is no request (any more), and close."""
        body = self._server.routes.fault(status, HTTPStatus(status).phrase)
        self._transport.write(HEADS[status] + JSON_TYPE % len(body) + b"Connection: close\r\n\r\n" + body)
        self.close()

    def _upgrade(self, rest: bytes) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(self, "GET", path, query, self._headers, b"", False)
        key = self._headers.get("sec-websocket-key", "")
        known = self._parser.get_method() == b"GET" and self._headers.get("upgrade", "").lower() == "websocket"
        if self._waiting or not known or self._headers.get("sec-websocket-version") != "13" or not _is_nonce(key):
            self._refuse(400)
            return
        listener = self._server.routes.upgrade(request)
        if listener is None:
            self._refuse(404)
            return
        self._server.connections.discard(self)
        self._closing = True
        socket = self._server.socket(listener)
        socket.connection_made(self._transport)
        self._transport.set_protocol(socket)
        for data in (HANDSHAKE % key.encode("ascii"), rest):
            _feed(socket, data)


class HttpServer:
    """Listens on loopback and hands what comes to `routes`.

    port       0 takes a free one; `port` holds it after `start`
    ping_s     a WebSocket idle so long is pinged, and dropped without a pong after as long again
    most       connections at once, sockets not counted
    sent_away  how many peers, by what for
    """

    def __init__(self, routes: Routes, port: int = 0, ping_s: float = 20.0) -> None:
        self.routes = routes
        self.port = port
        self.connections: set[Connection] = set()
        self.most = most_connections()
        self.sent_away: Counter[str] = Counter()
        self.loop: asyncio.AbstractEventLoop
        self._ping_s = ping_s
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._said: Counter[str] = Counter()

    async def start(self) -> Self:
        """Listen; a second start changes nothing. Raises Unavailable where the port is taken."""
        if self._server is None:
            self.loop = asyncio.get_running_loop()
            try:
                self._server = await self.loop.create_server(lambda: Connection(self), HOST, self.port, backlog=1024)
            except OSError as cause:
                raise Unavailable(f"port {self.port} on {HOST} can't be opened: {cause.strerror or cause}; choose another, or 0 for any free one") from cause
            self.port = self._server.sockets[0].getsockname()[1]
            self._sweep = self.loop.call_later(REQUEST_S / 4, self._sweep_overdue)
        return self

    def full(self, sockets: int, most: int) -> bool:
        """Whether no socket more may open beside those; counts whom that sends away."""
        if sockets >= most:
            self.sent_away[MANY_SOCKETS] += 1
        return sockets >= most

    async def close(self) -> None:
        """Stop listening and close every HTTP connection; sockets are their owners' to close."""
        if self._server is not None:
            self._server.close()
            if self._sweep is not None:
                self._sweep.cancel()
            for connection in list(self.connections):
                connection.close()
            await asyncio.sleep(0)

    def socket(self, listener: WSListener) -> Any:
        """The protocol that carries a WebSocket for `listener`."""

        def only(_: WSUpgradeRequest) -> WSListener:
            return listener

        idle, strategy = self._ping_s, WSAutoPingStrategy.PING_WHEN_IDLE
        return WSProtocol(None, None, False, only, _wires, True, 5, True, idle, idle, strategy, True, MESSAGE_BYTES, None, 16 * 1024)

    def _sweep_overdue(self) -> None:
        """Send away who keeps a place for nothing, and say how many went since the last look."""
        now = self.loop.time()
        for connection, why in [(each, why) for each in self.connections if (why := each.overdue(now))]:
            connection.send_away(why)
        for why, count in (self.sent_away - self._said).items():
            if why != IDLE:
                log.warning("port %d: %d connections were sent away: %s", self.port, count, why)
        self._said = self.sent_away.copy()
        self._sweep = self.loop.call_later(REQUEST_S / 4, self._sweep_overdue)


def _is_nonce(key: str) -> bool:
    """Whether a handshake's key is one: 16 bytes in base64."""
    try:
        return len(b64decode(key, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def _feed(socket: Any, data: bytes) -> None:
    """Give bytes to a buffered protocol as if they had just been read."""
    at = 0
    while at < len(data):
        room = socket.get_buffer(-1)
        n = min(len(room), len(data) - at)
        room[:n] = data[at : at + n]
        socket.buffer_updated(n)
        at += n
