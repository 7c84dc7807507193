"""One client's socket: what he subscribes to, and the number of his next frame.

One number counts every frame of a connection, whatever its channel. A client has five seconds to subscribe and may send eight
messages a second; a connection on which nothing is sent for ninety seconds ends.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from polaris.exchange.gateway.coinbase.call import encode
from polaris.exchange.gateway.coinbase.limits import Limits
from polaris.exchange.gateway.coinbase.shown import frame
from polaris.exchange.gateway.coinbase.times import SECOND, written
from polaris.exchange.gateway.keys import Key
from polaris.exchange.gateway.socket import Socket

SUBSCRIBE_S: Final = 5
QUIET_S: Final = 90


class Request(msgspec.Struct):
    """What a client may send."""

    type: str
    channel: str = ""
    product_ids: list[str] = []
    jwt: str = ""


_REQUEST = msgspec.json.Decoder(Request)


class Fault(Exception):
    """A request that is not done, and why."""


class Hub(Protocol):
    """The channels there are."""

    clock: Callable[[], int]
    limits: Limits

    def came(self, socket: "ChannelSocket") -> None: ...

    def went(self, socket: "ChannelSocket") -> None: ...

    def asked(self, socket: "ChannelSocket", request: Request) -> None: ...


class ChannelSocket(Socket):
    """A connection.

    books    of each channel it reads: books in the order they were asked for
    key      whose account it reads; leave  what ends that
    opened_at, sent_at  ns UTC
    """

    def __init__(self, hub: Hub, address: str) -> None:
        super().__init__(address)
        self.books: dict[str, dict[int, None]] = {}
        self.key: Key | None = None
        self.leave: Callable[[], None] | None = None
        self.opened_at = self.sent_at = hub.clock()
        self._hub = hub
        self._number = 0
        self._second = self._messages = 0

    def opened(self) -> None:
        self._hub.came(self)

    def closed(self) -> None:
        self._hub.went(self)

    def heard(self, text: bytes) -> None:
        second = self._hub.clock() // SECOND
        if second != self._second:
            self._second, self._messages = second, 0
        self._messages += 1
        if self._messages > self._hub.limits.messages:
            self.drop(f"more than {self._hub.limits.messages} messages in a second")
            return
        try:
            request = _REQUEST.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.fault("failure to read the message")
            return
        try:
            self._hub.asked(self, request)
        except Fault as fault:
            self.fault(str(fault))

    def tell(self, channel: str, now: int, event: bytes, at: str = "") -> None:
        """Send one event in a frame of its own; `at` is `now` where it is written already."""
        if not self.gone:
            number, self._number = self._number, self._number + 1
            self.sent_at = now
            self.send(frame(channel, at or written(now), number, event))

    def fault(self, why: str) -> None:
        """Say what was wrong; it has no number."""
        self.send(encode({"type": "error", "message": why}))

    def overdue(self, now: int) -> str:
        """Why it is to end; "" where it may go on."""
        if not self.books and now - self.opened_at > SUBSCRIBE_S * SECOND:
            return f"no subscription within {SUBSCRIBE_S} s"
        if now - self.sent_at > QUIET_S * SECOND:
            return f"nothing to tell for {QUIET_S} s; subscribe to heartbeats"
        return ""

    def subscriptions(self, product: Callable[[int], str]) -> dict[str, Any]:
        """What it reads, as it is told."""
        return {channel: [product(book) for book in self.books[channel]] or [channel] for channel in sorted(self.books)}
