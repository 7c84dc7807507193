"""One reader's socket: what he subscribes to, what he asks about it, and the rules he keeps to.

Five messages a second, pings and pongs counted, 1,024 streams; beyond, he is sent away or refused. Answers and faults are worded
as Binance words them.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
from picows import WSFrame, WSMsgType, WSTransport

from polaris.exchange.gateway.binance.call import encode
from polaris.exchange.gateway.socket import Socket

SECOND: Final = 1_000_000_000
MESSAGES_PER_SECOND: Final = 5
MOST_STREAMS: Final = 1024
METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
UNKNOWN_PROPERTY: Final = 0
BAD_VALUE: Final = 1
BAD_REQUEST: Final = 2
BAD_JSON: Final = 3
SHUTDOWN_STREAM: Final = "!serverShutdown"


class Fault(Exception):
    """A request that is not understood: (code, text)."""


class Hub(Protocol):
    """The streams there are."""

    clock: Callable[[], int]

    def knows(self, name: str) -> bool: ...

    def came(self, socket: "StreamSocket") -> None: ...

    def went(self, socket: "StreamSocket") -> None: ...

    def join(self, name: str, socket: "StreamSocket") -> Callable[[], None]: ...


class StreamSocket(Socket):
    """A connection to /ws or /stream.

    combined   payloads come wrapped with their stream's name
    micros     times are told in microseconds
    opened_at  ns UTC
    """

    def __init__(self, hub: Hub, address: str, names: list[str], *, combined: bool, micros: bool, opened_at: int) -> None:
        super().__init__(address)
        self.combined = combined
        self.micros = micros
        self.opened_at = opened_at
        self._hub = hub
        self._asked = names
        self._ends: dict[str, Callable[[], None]] = {}  # by stream, in the order they were asked for
        self._second = 0
        self._messages = 0

    def opened(self) -> None:
        self._hub.came(self)
        self._subscribe(self._asked)

    def closed(self) -> None:
        self._hub.went(self)
        self._unsubscribe(list(self._ends))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if not self.gone and frame.msg_type != WSMsgType.CLOSE:
            second = self._hub.clock() // SECOND
            if second != self._second:
                self._second, self._messages = second, 0
            self._messages += 1
            if self._messages > MESSAGES_PER_SECOND:
                self.drop(f"more than {MESSAGES_PER_SECOND} messages in a second")
                return
        super().on_ws_frame(transport, frame)

    def warn(self, now: int) -> None:
        """Say that the connection will end soon."""
        if not self.gone:
            event = {"e": "serverShutdown", "E": now // (1_000 if self.micros else 1_000_000)}
            self.send(encode({"stream": SHUTDOWN_STREAM, "data": event} if self.combined else event))

    def heard(self, text: bytes) -> None:
        number: Any = None
        try:
            request = _request(text)
            number = _id(request)
            self.send(encode({"result": self._answer(request), "id": number}))
        except Fault as fault:
            code, words = fault.args
            self.send(encode({"error": {"code": code, "msg": words}, "id": number}))

    def _answer(self, request: dict[str, Any]) -> Any:
        method = request.get("method")
        params = request.get("params", [])
        if method is None:
            raise Fault(BAD_REQUEST, "Invalid request: missing field `method`")
        if method not in METHODS:
            told = ", ".join(f"`{each}`" for each in METHODS)
            raise Fault(BAD_REQUEST, f"Invalid request: unknown variant `{str(method)[:64]}`, expected one of {told}")
        if not isinstance(params, list):
            raise Fault(BAD_REQUEST, "Invalid request: params must be a list")
        match method:
            case "SUBSCRIBE":
                self._subscribe(self._names(params))
            case "UNSUBSCRIBE":
                self._unsubscribe(self._names(params))
            case "LIST_SUBSCRIPTIONS":
                if params:
                    raise Fault(BAD_REQUEST, "Invalid request: too many parameters")
                return list(self._ends)
            case "GET_PROPERTY":
                _property(params, 1)
                return self.combined
            case _:
                _property(params, 2)
                self._set_combined(params[1])
        return None

    def _names(self, params: list[Any]) -> list[str]:
        if not params or not all(isinstance(name, str) and self._hub.knows(name) for name in params):
            raise Fault(BAD_REQUEST, "Invalid request: invalid stream")
        if len(self._ends.keys() | params) > MOST_STREAMS:
            raise Fault(BAD_REQUEST, f"Invalid request: more than {MOST_STREAMS} streams")
        return params

    def _subscribe(self, names: list[str]) -> None:
        for name in names:
            if name not in self._ends:
                self._ends[name] = self._hub.join(name, self)

    def _unsubscribe(self, names: list[str]) -> None:
        for name in names:
            end = self._ends.pop(name, None)
            if end is not None:
                end()

    def _set_combined(self, combined: Any) -> None:
        if not isinstance(combined, bool):
            raise Fault(BAD_VALUE, "Invalid value type: expected Boolean")
        if combined != self.combined:
            names = list(self._ends)
            self._unsubscribe(names)
            self.combined = combined
            self._subscribe(names)


def _request(text: bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Fault(BAD_JSON, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(request, dict):
        raise Fault(BAD_REQUEST, "Invalid request: expected an object")
    return request


def _id(request: dict[str, Any]) -> Any:
    """A 64-bit integer, a text of at most 36 letters and digits, or null."""
    number = request.get("id", Fault)
    if isinstance(number, bool) or not (
        number is None
        or (isinstance(number, int) and -(2**63) <= number < 2**63)
        or (isinstance(number, str) and len(number) <= 36 and all(letter.isalnum() or letter in "-_" for letter in number))
    ):
        raise Fault(BAD_REQUEST, "Invalid request: request ID must be an unsigned integer")
    return number


def _property(params: list[Any], count: int) -> None:
    if not params or not isinstance(params[0], str):
        raise Fault(BAD_REQUEST, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise Fault(UNKNOWN_PROPERTY, "Unknown property")
    if len(params) > count:
        raise Fault(BAD_REQUEST, "Invalid request: too many parameters")
    if len(params) < count:
        raise Fault(BAD_VALUE, "Invalid value type: expected Boolean")
