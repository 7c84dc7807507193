"""A small door for machines on this machine: GET a path on loopback, get a body, the connection closes.

Three read-only pages need no framework, and the trading loop they run in has no time for one. A request that is slow,
long, not a GET, or addressed to another host name (a web page that rebinds its name to 127.0.0.1) is turned away.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import structlog

from polaris.domain.errors import Unavailable

MAX_HEAD: Final = 8192  # bytes of request line and headers
TIMEOUT_S: Final = 5.0  # for the whole exchange

log = structlog.get_logger()


@dataclass(frozen=True)
class Response:
    """What a page sends."""

    body: bytes
    content_type: str
    status: HTTPStatus = HTTPStatus.OK


Page = Callable[[], Response]


def text(body: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A plain text page."""
    return Response(body.encode(), "text/plain; charset=utf-8", status)


class Server:
    """The pages of one process. Make it with `start`; `port` is the one it listens on."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.pages = dict(pages)
        self.port = 0
        self._server: asyncio.Server | None = None

    @classmethod
    async def start(cls, host: str, port: int, pages: Mapping[str, Page]) -> "Server":
        """Listen. Raises Unavailable where the port is taken or the host is not this machine."""
        server = cls(pages)
        await server.listen(host, port, "server.port")
        return server

    async def listen(self, host: str, port: int, setting: str) -> None:
        """As `start`, of a server that is made; `setting` is what the port is called."""
        try:
            self._server = await asyncio.start_server(self._answer, host, port, limit=MAX_HEAD)
        except OSError as cause:
            raise Unavailable(f"port {port} on {host} can't be opened: {cause.strerror}; choose another with {setting}, or 0 for any") from cause
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                    response = self.respond(head)
                except asyncio.LimitOverrunError:
                    response = text("request too long\n", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                except asyncio.IncompleteReadError:
                    return
                writer.write(_encode(response))
                await writer.drain()
        writer.close()

    def respond(self, head: bytes) -> Response:
        """The answer to one request, given its head."""
        lines = head.decode("latin-1").split("\r\n")
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            return text("not HTTP/1.1\n", HTTPStatus.BAD_REQUEST)
        method, target, _ = parts
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if not _is_this_machine(headers.get("host", "")):
            return text("this desk answers on loopback only\n", HTTPStatus.MISDIRECTED_REQUEST)
        if method != "GET":
            return text("only GET\n", HTTPStatus.METHOD_NOT_ALLOWED)
        page = self.pages.get(target.partition("?")[0])
        if page is None:
            return text(f"no such page; there are {', '.join(self.pages)}\n", HTTPStatus.NOT_FOUND)
        try:
            return page()
        except Exception as fault:  # a page must never take the desk down with it
            log.exception("page failed", page=target)
            return text(f"this page failed: {type(fault).__name__}\n", HTTPStatus.INTERNAL_SERVER_ERROR)


def _encode(response: Response) -> bytes:
    head = (
        f"HTTP/1.1 {response.status.value} {response.status.phrase}\r\n"
        f"Content-Type: {response.content_type}\r\n"
        f"Content-Length: {len(response.body)}\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + response.body


def _is_this_machine(host: str) -> bool:
    """Whether a Host header names loopback."""
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
