"""The Binance dialect on one port: REST under /api and /sapi, the WebSocket API under /ws-api/v3, streams under /ws and /stream.

What can be asked is a table: endpoints by method and path, and by the WebSocket API's method names, each with what it costs and
what it needs. Whatever comes in, known or not, is counted, checked and answered here; a handler sees only what may be done.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self

from picows import WSListener

from polaris.exchange.gateway.binance import errors
from polaris.exchange.gateway.binance.call import Answer, Call, Params, encode
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.limits import Limits, OrderCounts, Weights
from polaris.exchange.gateway.binance.security import Gate, Need, rest_payload
from polaris.exchange.gateway.door import Door
from polaris.exchange.gateway.http import HttpServer, Request, most_connections, pairs
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.socket import Socket, Sockets

Handler = Callable[[Call], bytes | None]
Weight = int | Callable[[Params], int]
REST: Final = ("GET", "POST", "PUT", "DELETE")
TIME_UNITS: Final = {"": False, "MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}

log = logging.getLogger("polaris.exchange.gateway")


@dataclass(frozen=True)
class Endpoint:
    """One thing that can be asked.

    handler  gives the JSON result, or None where it answers `call` later; raises Refusal
    rest     "GET /api/v3/depth"; several where it has several paths
    socket   the WebSocket API's method; "" where it has none
    """

    handler: Handler
    rest: tuple[str, ...] = ()
    socket: str = ""
    weight: Weight = 1
    need: Need = Need.NOTHING


class PrivateStreams(Protocol):
    """Streams that a listen key names."""

    def knows(self, name: str) -> bool:
        """Whether this is a listen key that lives."""
        ...

    def join(self, name: str, send: Callable[[bytes], None]) -> Callable[[], None]:
        """Send its events; what comes back ends it."""
        ...


class BinanceServer(Door):
    """One port that speaks Binance.

    clock   ns UTC, from which every window, limit and timestamp is judged
    """

    def __init__(self, clock: Callable[[], int], keys: Keys, limits: Limits, port: int = 0, *, ping_s: float = 20.0) -> None:
        self.clock = clock
        self.limits = limits
        self.gate = Gate(keys)
        self.weights = Weights(limits)
        self.orders = OrderCounts(limits)
        self.sockets = Sockets(most_connections())
        self.private: PrivateStreams | None = None
        self.methods: dict[str, Endpoint] = {}
        self._routes: dict[str, dict[str, Endpoint]] = {}  # path -> HTTP method -> endpoint
        self._upgrades: dict[str, Callable[[Request], Socket | None]] = {}
        self._http = HttpServer(self, port, ping_s)

    def add(self, *endpoints: Endpoint) -> None:
        """Let these be asked. Raises ValueError where two would answer the same."""
        for endpoint in endpoints:
            for name in endpoint.rest:
                method, _, path = name.partition(" ")
                at = self._routes.setdefault(path, {})
                if method not in REST or method in at:
                    raise ValueError(f"{name} is asked of two handlers, or by no method of {', '.join(REST)}")
                at[method] = endpoint
            if endpoint.socket:
                if endpoint.socket in self.methods:
                    raise ValueError(f"{endpoint.socket} is asked of two handlers")
                self.methods[endpoint.socket] = endpoint

    def add_sockets(self, path: str, opens: Callable[[Request], Socket | None]) -> None:
        """Let WebSockets open on `path` and what stands below it (/ws, /ws/btcusdt@trade).

        opens  gives the new socket's listener; None refuses with 404
        """
        self._upgrades[path] = opens

    def user_stream(self, name: str) -> bool:
        """Whether this word of a stream's address is a listen key."""
        return self.private is not None and self.private.knows(name)

    def join_user_stream(self, name: str, send: Callable[[bytes], None]) -> Callable[[], None]:
        """Send a listen key's events as they happen; what comes back ends it. Raises KeyError where it is none."""
        if self.private is None:
            raise KeyError(name)
        return self.private.join(name, send)

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
        methods = self._routes.get(request.path)
        endpoint = methods.get(request.method) if methods is not None else None

        def answer(status: int, body: bytes, call: Call) -> None:
            if call.refusal is not None:
                self._refuse(request, call.refusal, call)
            else:
                request.answer(body, status, self._headers(request.address, call))

        try:
            if endpoint is None:
                self.weights.take(request.address, 1, now)
                raise Refusal(errors.UNKNOWN, "Path not found.", 404) if methods is None else Refusal(errors.UNKNOWN, "Method not allowed.", 405)
            call = self._call(request, answer, now)
        except Refusal as refusal:
            self._refuse(request, refusal, None)
            return

        def checked() -> None:
            weight = endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(call.params)
            self.weights.take(request.address, weight, now)
            if endpoint.need is not Need.NOTHING:
                call.key = self.gate.key(request.headers.get("x-mbx-apikey", ""), request.address, endpoint.need)
                if endpoint.need.signed:
                    self.gate.signed(call, call.key, rest_payload(request.query, request.body.decode()), now)

        self.perform(call, endpoint, checked)

    def upgrade(self, request: Request) -> WSListener | None:
        """The listener of a WebSocket; None where nothing opens on its path."""
        if self._http.full(len(self.sockets.open), self.sockets.most):
            return None
        path = request.path
        while path not in self._upgrades and path:
            path = path.rpartition("/")[0]
        opens = self._upgrades.get(path)
        socket = opens(request) if opens is not None else None
        if socket is not None:
            self.sockets.add(socket)
        return socket

    def fault(self, status: int, words: str) -> bytes:
        """What is answered to what is no request."""
        return encode(Refusal(errors.UNKNOWN, words, status).document())

    def perform(self, call: Call, endpoint: Endpoint, checked: Callable[[], None]) -> None:
        """Do what a call asks once `checked` raised nothing; every fault is answered in the dialect."""
        try:
            checked()
            result = endpoint.handler(call)
        except Refusal as refusal:
            call.refuse(refusal)
        except Exception:
            log.exception("a request failed")
            call.refuse(errors.failure())
        else:
            if result is not None:
                call.answer(result)

    def _refuse(self, request: Request, refusal: Refusal, call: Call | None) -> None:
        headers = self._headers(request.address, call)
        if refusal.status in (418, 429) and refusal.data is not None:  # REST tells in a header what the WebSocket API tells in `data`
            headers["Retry-After"] = str(max(1, -(-(refusal.data["retryAfter"] - self.clock() // 1_000_000) // 1000)))
            refusal = Refusal(refusal.code, refusal.text, refusal.status)
        request.answer(encode(refusal.document()), refusal.status, headers)

    def _call(self, request: Request, answer: Answer, now: int) -> Call:
        try:
            body = request.body.decode()
            unit = request.headers.get("x-mbx-time-unit", "")
        except UnicodeDecodeError:
            raise Refusal(-1100, "Illegal characters found in a parameter.") from None
        if unit not in TIME_UNITS:
            raise Refusal(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
        params = _once(body)
        params.update(_once(request.query))
        return Call(params, answer, now, request.address, micros=TIME_UNITS[unit])

    def _headers(self, address: str, call: Call | None) -> dict[str, str]:
        now = self.clock()
        used = str(self.weights.used(address, now))
        headers = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        if call is not None and call.ordered and call.key is not None:
            ten, day = self.orders.counts(call.key.account, now)
            headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"] = str(ten), str(day)
        return headers


def _once(text: str) -> dict[str, str]:
    """Parameters of a query or form, each sent once."""
    if not text:
        return {}
    sent = pairs(text)
    params = dict(sent)
    if len(params) != len(sent):
        raise Refusal(-1101, "Duplicate values for a parameter detected.")
    return params
