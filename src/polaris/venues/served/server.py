"""What every served venue shares: one port on loopback for sockets and documents, clients with bounded queues.

A dialect says what the messages mean; the server knows sockets. A client that does not read what it asked for is
dropped with a reason: what it has not read would fill our memory, and what it reads late is no market data.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final, Protocol, Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from polaris.domain.errors import Unavailable
from polaris.venues.endpoint import VenueEndpoint

HOST: Final = "127.0.0.1"
QUEUE_BYTES: Final = 16 * 1024 * 1024  # unread bytes a client may have
GOODBYE_S: Final = 1.0  # how long a client may take to answer our goodbye
MESSAGE_BYTES: Final = 64 * 1024  # the most a client may say at once
REASON_BYTES: Final = 123  # a close frame holds no more
Query = dict[str, list[str]]


@dataclass(frozen=True)
class Reply:
    """One document, or an error."""

    body: bytes
    status: int = 200


def json_reply(document: object, status: int = 200) -> Reply:
    """A document as JSON."""
    return Reply(msgspec.json.encode(document), status)


class Dialect(Protocol):
    """How one venue speaks."""

    name: str

    def accepts(self, path: str) -> bool:
        """Whether a socket may open on this path."""
        ...

    def opened(self, client: "Client") -> None:
        """A client's socket is open; `client.path` and `client.query` say what it asked for."""
        ...

    def message(self, client: "Client", payload: bytes) -> None:
        """A client sent a text."""
        ...

    def closed(self, client: "Client") -> None:
        """A client is gone."""
        ...

    def rest(self, path: str, query: Query) -> Reply:
        """Answer a GET."""
        ...


class Client(WSListener):
    """One client's socket, as the dialect sees it."""

    def __init__(self, server: "Server", path: str, query: Query) -> None:
        self.path = path
        self.query = query
        self.writable = asyncio.Event()  # cleared while the client reads slower than we write
        self.writable.set()
        self.gone = asyncio.Event()
        self._server = server
        self._transport: WSTransport | None = None

    def send(self, data: bytes | str) -> None:
        """Queue one text. A client with too much unread is dropped."""
        transport = self._transport
        if transport is None or self.gone.is_set():
            return
        unread = transport.underlying_transport.get_write_buffer_size()
        if unread > self._server.queue_bytes:
            self.drop(f"slow reader: {unread} bytes unread")
        else:
            transport.send(WSMsgType.TEXT, data)

    def drop(self, reason: str) -> None:
        """Send the client away for something it did, and remember why."""
        if not self.gone.is_set():
            self._server.dropped.append(reason)
            self.close(reason, WSCloseCode.POLICY_VIOLATION)

    def close(self, reason: str, code: WSCloseCode, patience_s: float = GOODBYE_S) -> None:
        """Say goodbye. Nothing more is sent; what is queued may be read until the client answers or patience ends."""
        transport = self._transport
        if transport is None or self.gone.is_set():
            return
        transport.send_close(code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))
        asyncio.get_running_loop().call_later(patience_s, transport.underlying_transport.abort)
        self._leave()

    def abort(self) -> None:
        """Cut the socket without a word, as a failing network would."""
        if self._transport is not None:
            self._transport.disconnect(False)

    # what picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._server.clients.append(self)
        self._server.dialect.opened(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            if not self.gone.is_set():
                transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif self.gone.is_set() or frame.msg_type in (WSMsgType.PING, WSMsgType.PONG):
            return
        elif frame.msg_type == WSMsgType.TEXT and frame.fin:
            self._server.dialect.message(self, frame.get_payload_as_bytes())
        else:
            self.drop("only whole text messages are understood here")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._leave()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def _leave(self) -> None:
        if not self.gone.is_set():
            self.gone.set()
            self.writable.set()
            self._server.clients.remove(self)
            self._server.dialect.closed(self)


class Server:
    """One dialect on one loopback port.

    port         0 takes a free one; `port` holds it after `start`
    queue_bytes  unread bytes after which a client is dropped
    ping_s       a client idle so long is pinged, and dropped without a pong after as long again
    posts        documents are also asked for by POST, which takes a port of their own: picows hears GET only
    """

    def __init__(self, dialect: Dialect, port: int = 0, *, queue_bytes: int = QUEUE_BYTES, ping_s: float = 20.0, posts: bool = False) -> None:
        self.dialect = dialect
        self.port = port
        self.queue_bytes = queue_bytes
        self.clients: list[Client] = []
        self.dropped: list[str] = []  # reasons, in order
        self._ping_s = ping_s
        self._posts = posts
        self._server: asyncio.Server | None = None
        self._documents: asyncio.Server | None = None

    async def start(self) -> Self:
        """Listen; a second start changes nothing. Raises Unavailable where the port is taken."""
        if self._server is not None:
            return self
        try:
            self._server = await ws_create_server(
                self._route,
                HOST,
                self.port,
                enable_auto_ping=True,
                auto_ping_idle_timeout=self._ping_s,
                auto_ping_reply_timeout=self._ping_s,
                max_frame_size=MESSAGE_BYTES,
            )
        except OSError as cause:
            raise Unavailable(f"port {self.port} on {HOST} can't be opened: {cause.strerror or cause}; choose another, or 0 for any free one") from cause
        self.port = self._server.sockets[0].getsockname()[1]
        if self._posts:
            self._documents = await asyncio.start_server(self._answer, HOST, 0)
        return self

    @property
    def endpoint(self) -> VenueEndpoint:
        """Where a client finds this venue."""
        documents = self._documents.sockets[0].getsockname()[1] if self._documents is not None else self.port
        return VenueEndpoint(self.dialect.name, f"ws://{HOST}:{self.port}", f"http://{HOST}:{documents}")

    def cut(self) -> None:
        """Cut every client's socket without a word: a drill."""
        for client in self.clients.copy():
            client.abort()

    async def close(self) -> None:
        """Stop listening and say goodbye to every client."""
        if self._server is not None:
            self._server.close()
        if self._documents is not None:
            self._documents.close()
        for client in self.clients.copy():
            client.close("the venue shuts down", WSCloseCode.GOING_AWAY)
        if self._server is not None:
            await asyncio.sleep(0)
            await self._server.wait_closed()

    def _route(self, request: WSUpgradeRequest) -> Client | WSUpgradeResponseWithListener | None:
        url = urlsplit(request.path.decode("ascii", "replace"))
        query = parse_qs(url.query)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return Client(self, url.path, query) if self.dialect.accepts(url.path) else None
        reply = self.dialect.rest(url.path, query)
        headers = {"Content-Type": "application/json"}
        if reply.status == 200:
            response = WSUpgradeResponse.create_ok_response(reply.body, headers)
        else:
            response = WSUpgradeResponse.create_error_response(reply.status, reply.body, headers)
        return WSUpgradeResponseWithListener(response, None)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of any method for a document; what its body says is not looked at."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            _, target, _ = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].decode("ascii", "replace").split(" ")
            url = urlsplit(target)
            reply = self.dialect.rest(url.path, parse_qs(url.query))
            head = f"HTTP/1.1 {reply.status} .\r\nContent-Type: application/json\r\nContent-Length: {len(reply.body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + reply.body)
            await writer.drain()
        writer.close()
