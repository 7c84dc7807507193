"""Who may ask: the key, where it comes from, its signature, and the time the request was made.

A signature covers what was sent: of REST the query's text and then the body's, without the signature; of the WebSocket API the
parameters by name. A request is good from a second before its timestamp (clocks differ) until recvWindow after it. An order that was signed
is taken once: the same bytes again are a replay.
Source: Binance spot API documentation, "SIGNED Endpoint security", "Timing security".
"""

import hashlib
import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from polaris.exchange.gateway.binance import errors
from polaris.exchange.gateway.binance.call import Call
from polaris.exchange.gateway.keys import READ, TRADE, Key, Keys

AHEAD_NS: Final = 1_000_000_000
DEFAULT_WINDOW: Final = "5000"
LONGEST_WINDOW_MS: Final = 60_000
REMEMBERED_NS: Final = LONGEST_WINDOW_MS * 1_000_000 + AHEAD_NS
_MICROS_FROM: Final = 10**14  # a timestamp above is in microseconds
_KEY = re.compile(r"[A-Za-z0-9]{1,128}").fullmatch
_TIMESTAMP = re.compile(r"[0-9]{1,17}").fullmatch
_WINDOW = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?").fullmatch
_SIGNATURE = re.compile(r"^signature=[^&]*&?|&signature=[^&]*")


class Need(Enum):
    """What an endpoint asks of its asker."""

    NOTHING = "NONE"
    KEY = "USER_STREAM"
    READ = "USER_DATA"
    TRADE = "TRADE"

    @property
    def signed(self) -> bool:
        return self in (Need.READ, Need.TRADE)


def rest_payload(query: str, body: str) -> bytes:
    """What the signature of a REST request covers."""
    return (_SIGNATURE.sub("", query) + _SIGNATURE.sub("", body)).encode()


def socket_payload(params: Mapping[str, str]) -> bytes:
    """What the signature of a request over the WebSocket API covers."""
    return "&".join([f"{name}={params[name]}" for name in sorted(params) if name != "signature"]).encode()


class Gate:
    """Lets through who may ask."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._seen: tuple[set[bytes], set[bytes]] = (set(), set())  # what was signed to place orders: in this while and in the last
        self._since = 0

    def key(self, name: str, address: str, need: Need) -> Key:
        """The key a client names, if it may ask this from there.

        raises  Refusal -2014, -2015
        """
        if not _KEY(name):
            raise errors.bad_key_format()
        key = self._keys.find(name)
        if key is None or not key.comes_from(address) or (READ if need is not Need.TRADE else TRADE) not in key.scopes:
            raise errors.no_such_key()
        return key

    def knows(self, key: Key) -> bool:
        """Whether a key that was let through still is one."""
        return self._keys.find(key.name) == key

    def is_current(self, key: Key) -> bool:
        """Whether a key that was let through is what its name still stands for, as it was then."""
        return self._keys.find(key.name) is key

    def signed(self, call: Call, key: Key, payload: bytes, now: int) -> None:
        """Check time and signature of a request.

        raises  Refusal -1021, -1022, -1102, -1131
        """
        self.timely(call, now)
        if not key.signed(payload, call.text("signature")):
            raise errors.bad_signature()
        call.signed = hashlib.blake2b(payload, key=key.name.encode()[:64], digest_size=16).digest()

    def timely(self, call: Call, now: int) -> None:
        """Check when the request was made.

        raises  Refusal -1021, -1102, -1131
        """
        timestamp = call.text("timestamp")
        if not _TIMESTAMP(timestamp):
            raise errors.illegal("timestamp", "^[0-9]{1,20}$")
        window = call.optional("recvWindow") or DEFAULT_WINDOW
        if not _WINDOW(window):
            raise errors.illegal("recvWindow", r"^([0-9]{1,5})(\.[0-9]{1,3})?$")
        whole, _, part = window.partition(".")
        window_ns = int(whole) * 1_000_000 + int(part.ljust(3, "0")) * 1_000
        if window_ns > LONGEST_WINDOW_MS * 1_000_000:
            raise errors.Refusal(-1131, "'recvWindow' must be less than 60000.")
        made = int(timestamp) * (1_000 if int(timestamp) >= _MICROS_FROM else 1_000_000)
        if made >= now + AHEAD_NS:
            raise errors.ahead_of_time()
        if now - made > window_ns:
            raise errors.outside_window()

    def once(self, call: Call, now: int) -> None:
        """Take a signed order, and never again.

        raises  Refusal -2010 where these very bytes were an order before
        """
        if not call.signed:
            return  # a session's: nobody else can send it again
        if now - self._since > REMEMBERED_NS:
            self._seen, self._since = (set(), self._seen[0]), now
        if call.signed in self._seen[0] or call.signed in self._seen[1]:
            raise errors.no_new_order("Duplicate order sent.")
        self._seen[0].add(call.signed)
