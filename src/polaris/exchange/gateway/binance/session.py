"""The WebSocket API: the same endpoints as REST, asked in JSON over one connection that may be logged on.

A session is a connection. It can be logged on once with an Ed25519 key, then its requests need neither key nor signature; it can
listen to user streams; and, where its address says `cancelOnDisconnect=true`, its orders end with it.
Source: Binance spot API documentation, "WebSocket API".
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from picows import WSCloseCode

from polaris.exchange import words as w
from polaris.exchange.gateway.binance.call import Call, encode
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.quick import Quick
from polaris.exchange.gateway.binance.security import Need, socket_payload
from polaris.exchange.gateway.binance.server import TIME_UNITS, BinanceServer, Endpoint
from polaris.exchange.gateway.binance.user import SWEEP, Leave, UserStreams
from polaris.exchange.gateway.http import Request, pairs
from polaris.exchange.gateway.keys import ED25519, Key
from polaris.exchange.gateway.socket import Socket
from polaris.exchange.gateway.venue import Refused, Venue, command, note

LIFE_S: Final = 86_400.0  # a connection ends after a day
CONNECTING: Final = 2  # the weight of it
SUBSCRIPTIONS: Final = 1_000  # of one session
ID_BYTES: Final = 64
Params = dict[str, msgspec.Raw]


class Asked(msgspec.Struct):
    """One request as it is sent."""

    method: str
    id: msgspec.Raw = msgspec.Raw(b"null")
    params: Params | None = None


_asked = msgspec.json.Decoder(Asked).decode
_any = msgspec.json.Decoder().decode
_string = msgspec.json.Decoder(str).decode


class Session(Socket):
    """One connection of the WebSocket API."""

    def __init__(self, sessions: "Sessions", request: Request, micros: bool, limits: bool, cancels: bool) -> None:
        super().__init__(request.address)
        self.number = sessions.venue.new_session()
        self.since = sessions.venue.now()
        self.key: Key | None = None  # who logged on
        self.logged_on = 0  # ns UTC
        self.trader: Key | None = None  # who it is, as he was last found to be one who may trade from here
        self.micros = micros
        self.tells_limits = limits
        self.subscriptions: dict[int, tuple[Leave, Key]] = {}
        self.own = -1  # the subscription of who is logged on
        self._cancels = cancels
        self._accounts: set[int] = set()  # that placed orders here
        self._texts: list[bytes] = []  # asked in this turn
        self._next = 0
        self._sessions = sessions
        self._end: asyncio.TimerHandle | None = None

    def opened(self) -> None:
        self._sessions.open_ones.add(self)
        self._end = self._loop.call_later(LIFE_S, self.close, "a connection ends after a day", WSCloseCode.GOING_AWAY)

    def closed(self) -> None:
        self.take()
        if self._end is not None:
            self._end.cancel()
        self._sessions.open_ones.discard(self)
        for leave, _ in self.subscriptions.values():
            leave()
        self.subscriptions = {}
        if self._cancels and self._accounts:
            self._sessions.cancel_orders(self.number, self._accounts)

    def heard(self, text: bytes) -> None:
        """Answer one request, now or later; who is logged on is answered a turn at once."""
        if self._texts:
            self._texts.append(text)
        elif self.key is not None and self._sessions.quick is not None:
            self._texts.append(text)
            self._sessions.quick.soon(self)
        else:
            self.perform(text)

    def take(self) -> None:
        """Do what was asked in this turn."""
        texts = self.gathered()
        if texts and self._sessions.quick is not None:
            self._sessions.quick.take(self, texts)

    def gathered(self) -> list[bytes]:
        """What was asked in this turn, which is nobody's then."""
        texts, self._texts = self._texts, []
        return texts

    def perform(self, text: bytes) -> None:
        """Do one request by itself."""
        try:
            call, method = self._read(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            refusal = Refusal(-1135, "Invalid JSON Request")
            self._count(self._sessions.venue.now())
            self._answer(b"null", None, refusal.status, encode(refusal.document()), True)
            return
        endpoint = self._sessions.server.methods.get(method.removeprefix("v3/"))
        if endpoint is None:
            self._count(call.received)
            call.refuse(Refusal(-1020, "This operation is not supported."))
            return
        self._sessions.server.perform(call, endpoint, lambda: self._check(call, endpoint, call.received))

    def call(self, text: bytes) -> Call:
        """What a text that was understood once asks."""
        return self._read(text)[0]

    def trades_for(self, account: int) -> None:
        """Orders of this account come by here."""
        self._accounts.add(account)

    def _read(self, text: bytes) -> tuple[Call, str]:
        """A request and its method. Raises where it is none."""
        asked = _asked(text)
        number = _id(asked.id)
        params = _texts(asked.params or {})
        tells = {"true": True, "false": False}.get(params.get("returnRateLimits", ""), self.tells_limits)

        def answer(status: int, body: bytes, call: Call) -> None:
            self._answer(number, call, status, body, tells)

        return Call(params, answer, self._sessions.venue.now(), self.address, self.number, self.micros, self), asked.method

    def subscribe(self, key: Key) -> int:
        """Listen to the user stream of a key's account; the subscription's number."""
        if len(self.subscriptions) >= SUBSCRIPTIONS:
            raise Refusal(-1191, f"Too many subscriptions. Connection may create up to '{SUBSCRIPTIONS}' subscriptions at a time.")
        number, self._next = self._next, self._next + 1
        head = b'{"subscriptionId":%d,"event":' % number

        def send(payload: bytes) -> None:
            self.send(head + payload + b"}")

        self.subscriptions[number] = (self._sessions.users.listen(key.account, send, self.micros), key)
        return number

    def unsubscribe(self, number: int) -> None:
        """Listen no more."""
        leave, _ = self.subscriptions.pop(number)
        leave()
        if number == self.own:
            self.own = -1

    def terminate(self, number: int) -> None:
        """End a subscription, and say so."""
        now = self._sessions.venue.now() // (1_000 if self.micros else 1_000_000)
        self.send(b'{"subscriptionId":%d,"event":%b}' % (number, encode({"e": "eventStreamTerminated", "E": now})))
        self.unsubscribe(number)

    def _check(self, call: Call, endpoint: Endpoint, now: int) -> None:
        """Count a request and see who asks. Raises Refusal."""
        server = self._sessions.server
        server.weights.take(self.address, endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(call.params), now)
        if endpoint.need is Need.NOTHING:
            return
        name = call.params.get("apiKey")
        if name is None and self.key is not None:
            call.key = server.gate.key(self.key.name, self.address, endpoint.need)
            if endpoint.need.signed and "signature" not in call.params:
                server.gate.timely(call, now)
            elif endpoint.need.signed:
                server.gate.signed(call, call.key, socket_payload(call.params), now)
        else:
            call.key = server.gate.key(call.text("apiKey"), self.address, endpoint.need)
            if endpoint.need.signed:
                server.gate.signed(call, call.key, socket_payload(call.params), now)
        if endpoint.need is Need.TRADE:
            self.trades_for(call.account)

    def _count(self, now: int) -> None:
        try:
            self._sessions.server.weights.take(self.address, 1, now)
        except Refusal as refusal:
            self._answer(b"null", None, refusal.status, encode(refusal.document()), False)
            if refusal.status == 418:
                self.drop("banned: too many requests")

    def _answer(self, number: bytes, call: Call | None, status: int, body: bytes, tells: bool) -> None:
        if self.gone:
            return
        word = b"result" if status == 200 else b"error"
        limits = b',"rateLimits":' + self._limits(call) if tells else b""
        self.send(b'{"id":%b,"status":%d,"%b":%b%b}' % (number, status, word, body, limits))
        if status == 418:
            self.drop("banned: too many requests")

    def _limits(self, call: Call | None) -> bytes:
        server, now = self._sessions.server, self._sessions.venue.now()
        told = server.orders.documents(call.account, now) if call is not None and call.ordered else []
        weight = {**server.limits.documents()[0], "count": server.weights.used(self.address, now)}
        return encode([*told, weight])


class Sessions:
    """Every connection of the WebSocket API, and what is asked about the connection itself."""

    def __init__(self, venue: Venue, server: BinanceServer, users: UserStreams) -> None:
        self.venue = venue
        self.server = server
        self.users = users
        self.quick: Quick | None = None
        self.open_ones: set[Session] = set()
        venue.every(SWEEP, self.sweep)

    def sweep(self, now: int) -> None:
        """What a key that was revoked listens to ends, and who was logged on with it is not any more."""
        for session in list(self.open_ones):
            for number, (_, key) in list(session.subscriptions.items()):
                if not self.server.gate.knows(key):
                    session.terminate(number)
            if session.key is not None and not self.server.gate.knows(session.key):
                session.key = None

    def open(self, request: Request) -> Session | None:
        """The session of a new connection."""
        asked = dict(pairs(request.query))
        try:
            self.server.weights.take(request.address, CONNECTING, self.venue.now())
        except Refusal:
            return None
        limits, cancels = asked.get("returnRateLimits", "true") == "true", asked.get("cancelOnDisconnect", "false") == "true"
        return Session(self, request, TIME_UNITS.get(asked.get("timeUnit", ""), False), limits, cancels)

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `BinanceServer.add`."""
        yield Endpoint(self.log_on, socket="session.logon", weight=2, need=Need.READ)
        yield Endpoint(self.status, socket="session.status", weight=2)
        yield Endpoint(self.log_out, socket="session.logout", weight=2)
        yield Endpoint(self.subscriptions, socket="session.subscriptions", weight=2)
        yield Endpoint(self.subscribe, socket="userDataStream.subscribe", weight=2)
        yield Endpoint(self.subscribe_signed, socket="userDataStream.subscribe.signature", weight=2, need=Need.READ)
        yield Endpoint(self.unsubscribe, socket="userDataStream.unsubscribe", weight=2)

    def log_on(self, call: Call) -> bytes:
        """From now on this key asks, where none is named."""
        session = _session(call)
        assert call.key is not None
        if call.key.kind != ED25519:
            raise Refusal(-4056, "HMAC_SHA256 API key is not supported.")
        if session.own >= 0:
            session.unsubscribe(session.own)
        session.key, session.logged_on = call.key, self.venue.now()
        return self.status(call)

    def status(self, call: Call) -> bytes:
        """Who is logged on, since when."""
        session = _session(call)
        return encode(
            {
                "apiKey": session.key.name if session.key is not None else None,
                "authorizedSince": call.time(session.logged_on) if session.key is not None else None,
                "connectedSince": call.time(session.since),
                "returnRateLimits": session.tells_limits,
                "serverTime": call.time(self.venue.now()),
                "userDataStream": bool(session.subscriptions),
            }
        )

    def log_out(self, call: Call) -> bytes:
        """Nobody asks any more."""
        session = _session(call)
        if session.own >= 0:
            session.terminate(session.own)
        session.key = None
        return self.status(call)

    def subscriptions(self, call: Call) -> bytes:
        """What this connection listens to."""
        return encode([{"subscriptionId": number} for number in _session(call).subscriptions])

    def subscribe(self, call: Call) -> bytes:
        """Listen to the user stream of who is logged on."""
        session = _session(call)
        if session.key is None:
            raise Refusal(-1002, "You are not authorized to execute this request.", 401)
        if session.own >= 0:
            raise Refusal(-2035, "Subscription already active.")
        session.own = session.subscribe(session.key)
        return encode({"subscriptionId": session.own})

    def subscribe_signed(self, call: Call) -> bytes:
        """Listen to the user stream of who signed this."""
        assert call.key is not None
        return encode({"subscriptionId": _session(call).subscribe(call.key)})

    def unsubscribe(self, call: Call) -> bytes:
        """Listen no more: to one subscription, or to none at all."""
        session = _session(call)
        number = call.integer("subscriptionId", -1)
        if number == -1:
            for each in list(session.subscriptions):
                session.unsubscribe(each)
        elif number in session.subscriptions:
            session.unsubscribe(number)
        else:
            raise Refusal(-2036, "Subscription not active.")
        return b"{}"

    def cancel_orders(self, session: int, accounts: set[int]) -> None:
        """End what a connection placed that is still open, once all it asked is done."""

        def cancel() -> None:
            for account in accounts:
                for order in self.venue.register.open(account):
                    if order.session == session:
                        try:
                            asked = command(w.CANCEL, order_id=order.order_id, book=order.book, account=account)
                            self.venue.ask([asked], [note(self.venue.now(), session=session)])
                        except Refused:
                            return  # the journal can't be written: nothing may change

        self.venue.after(cancel, lambda: None)


def _session(call: Call) -> Session:
    session: Any = call.door
    assert isinstance(session, Session), "a session's endpoint was asked without one"
    return session


def _id(raw: msgspec.Raw) -> bytes:
    """A request's id as it was sent: a whole number, a text, null. Raises ValueError."""
    text = bytes(raw)
    if len(text) > ID_BYTES or not isinstance(_any(text), str | int | None) or text in (b"true", b"false"):
        raise ValueError(f"an id of {len(text)} bytes; expected a whole number, a text or null of at most {ID_BYTES}")
    return text


def _texts(params: Params) -> dict[str, str]:
    """Parameters as REST would have sent them: texts as they are, anything else as it was written; null is not sent."""
    told = {}
    for name, raw in params.items():
        text = bytes(raw)
        if text[0] == 34:  # "
            told[name] = _string(text)
        elif text[0] in b"[{":
            told[name] = encode(_any(text)).decode()
        elif text != b"null":
            told[name] = text.decode()
    return told
