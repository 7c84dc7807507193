"""The Coinbase dialect on one port: REST under /api/v3/brokerage, channels over a WebSocket at the root.

What can be asked is a table of endpoints, each with what it needs. Whatever comes in, known or not, is counted, checked and
answered here.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import msgspec
from picows import WSListener

from polaris.exchange.gateway.coinbase import errors
from polaris.exchange.gateway.coinbase.call import Call, Query, encode
from polaris.exchange.gateway.coinbase.errors import INVALID, Refusal
from polaris.exchange.gateway.coinbase.limits import Limits, Seconds
from polaris.exchange.gateway.coinbase.tokens import Tokens
from polaris.exchange.gateway.door import Door
from polaris.exchange.gateway.http import HttpServer, Request, most_connections, pairs
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.socket import Socket, Sockets

Handler = Callable[[Call], Any]
ROOT: Final = "/api/v3/brokerage"
log = logging.getLogger("polaris.exchange.gateway")
_BODY = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class Endpoint:
    """One thing that can be asked.

    handler  gives the document, or None where it answers `call` later; raises Refusal
    where    "GET /api/v3/brokerage/products/{product_id}"
    scope    READ or TRADE: what a key must be good for; "" where anybody may ask
    """

    handler: Handler
    where: str
    scope: str = ""


class Opens(Protocol):
    """What makes sockets."""

    def open(self, request: Request) -> Socket | None:
        """A new client's socket; None where he opens too many."""
        ...


class CoinbaseServer(Door):
    """One port that speaks Coinbase.

    clock  ns UTC, from which every token, limit and timestamp is judged
    """

    def __init__(self, clock: Callable[[], int], keys: Keys, limits: Limits | None = None, port: int = 0, *, ping_s: float = 20.0) -> None:
        self.clock = clock
        self.limits = limits or Limits()
        self.tokens = Tokens(keys)
        self.sockets = Sockets(most_connections())
        self.channels: Opens | None = None
        self._exact: dict[str, dict[str, Endpoint]] = {}  # path -> method -> endpoint
        self._patterns: list[tuple[list[str], dict[str, Endpoint]]] = []  # parts of a path with a name in it
        self._seconds = Seconds()
        self._http = HttpServer(self, port, ping_s)

    def add(self, *endpoints: Endpoint) -> None:
        """Let these be asked. Raises ValueError where two would answer the same."""
        for endpoint in endpoints:
            method, _, path = endpoint.where.partition(" ")
            at = self._exact.setdefault(path, {})
            if "{" in path and not at:
                self._patterns.append((path.split("/"), at))
            if method in at:
                raise ValueError(f"{endpoint.where} is asked of two handlers")
            at[method] = endpoint

    async def start(self) -> Self:
        """Listen on loopback. Raises Unavailable where the port is taken."""
        await self._http.start()
        return self

    async def close(self) -> None:
        """Say goodbye to every socket and stop listening."""
        self.sockets.close("the venue shuts down")
        await self._http.close()

    # what the HTTP server calls

    def hear(self, request: Request) -> None:
        """Answer one REST request, now or later."""
        now = self.clock()
        call = Call(lambda status, body: request.answer(body, status), now)
        try:
            endpoint, call.named = self._find(request)
            self._check(request, call, endpoint, now)
            result = endpoint.handler(call)
        except Refusal as refusal:
            call.refuse(refusal)
        except Exception:
            log.exception("a request failed")
            call.refuse(errors.broken())
        else:
            if result is not None:
                call.answer(result)

    def upgrade(self, request: Request) -> WSListener | None:
        """The listener of a WebSocket; None anywhere but at the root."""
        if request.path not in ("", "/") or self.channels is None or self._http.full(len(self.sockets.open), self.sockets.most):
            return None
        try:
            self._seconds.take(f"socket {request.address}", self.limits.public, self.clock())
        except Refusal:
            return None
        socket = self.channels.open(request)
        if socket is not None:
            self.sockets.add(socket)
        return socket

    def fault(self, status: int, words: str) -> bytes:
        """What is answered to what is no request."""
        return encode(Refusal(status, INVALID, words).document())

    def _find(self, request: Request) -> tuple[Endpoint, dict[str, str]]:
        methods, named = self._exact.get(request.path), {}
        if methods is None:
            parts = request.path.split("/")
            for pattern, found in self._patterns:
                if len(pattern) == len(parts) and all(each == part or each[:1] == "{" for each, part in zip(pattern, parts, strict=True)):
                    methods = found
                    named = {each[1:-1]: part for each, part in zip(pattern, parts, strict=True) if each[:1] == "{"}
                    break
        if methods is None:
            self._seconds.take(request.address, self.limits.public, self.clock())
            raise errors.not_found(f"nothing at {request.path[:100]}")
        endpoint = methods.get(request.method)
        if endpoint is None:
            raise Refusal(405, "METHOD_NOT_ALLOWED", f"{request.method} is not for {request.path[:100]}; expected {', '.join(methods)}")
        return endpoint, named

    def _check(self, request: Request, call: Call, endpoint: Endpoint, now: int) -> None:
        """Who asks, how often, and that what he sent can be read."""
        if endpoint.scope:
            headers = request.headers
            call.key = self.tokens.of_request(
                headers.get("authorization", ""), request.method, request.path, headers.get("host", ""), request.address, endpoint.scope, now
            )
            self._seconds.take(call.key.account, self.limits.private, now)
        else:
            self._seconds.take(request.address, self.limits.public, now)
        call.query = _query(request.query)
        if request.body:
            try:
                call.body = _BODY.decode(request.body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                raise errors.invalid("the body is no JSON object") from None


def _query(text: str) -> Query:
    query: Query = {}
    for name, value in pairs(text):
        query.setdefault(name.removesuffix("[]"), []).append(value)
    return query
