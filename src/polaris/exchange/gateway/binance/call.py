"""One request of either door: what it asks, who asks, and how it is answered.

REST and the WebSocket API ask the same things in the same words, so a handler sees one `Call`: parameters as text, the key that
signed it, an answer to give at once or later. What a parameter may be is checked where it is read; a refusal names it.
"""

import logging
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import msgspec

from polaris.exchange.gateway.binance import errors
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.keys import Key

DECIMAL: Final = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
CLIENT_ID: Final = r"^[a-zA-Z0-9-_.:/]{1,36}$"
_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?").fullmatch
_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_.:/]{1,36}").fullmatch
_INTEGER = re.compile(r"[0-9]{1,19}").fullmatch
MAX_INTEGER: Final = 2**63 - 1
log = logging.getLogger("polaris.exchange.gateway")
encode: Final = msgspec.json.Encoder().encode
Params = Mapping[str, str]
Answer = Callable[[int, bytes, "Call"], None]


class Call:
    """What one request asks.

    params   name -> text, as sent
    key      who asks; None where the endpoint is open to everybody
    micros   times are told in microseconds
    session  number of the connection
    door     what else the door knows of the asker: a socket's session; None for REST
    ordered  set by handlers that placed orders: the answer tells the account's order counts
    refusal  what it was refused with
    signed   a digest of what was signed; empty in a session that is logged on
    """

    __slots__ = ("_answer", "address", "door", "key", "micros", "ordered", "params", "received", "refusal", "session", "signed")

    def __init__(self, params: Params, answer: Answer, received: int, address: str = "", session: int = 0, micros: bool = False, door: Any = None) -> None:
        self.params = params
        self.key: Key | None = None
        self.received = received
        self.address = address
        self.session = session
        self.micros = micros
        self.door = door
        self.ordered = False
        self.signed = b""
        self.refusal: Refusal | None = None
        self._answer = answer

    @property
    def account(self) -> int:
        """Whose account this is about."""
        assert self.key is not None, "a handler of a private endpoint was reached without a key"
        return self.key.account

    def answer(self, result: bytes) -> None:
        """Answer with a JSON result; an answer or a refusal is given once."""
        self._answer(200, result, self)

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error."""
        self.refusal = refusal
        self._answer(refusal.status, encode(refusal.document()), self)

    def settle(self, result: Callable[[], Any]) -> None:
        """Answer with what `result` gives, or with what it raises; for answers that are given later."""
        try:
            told = encode(result())
        except Refusal as refusal:
            self.refuse(refusal)
        except Exception:
            log.exception("a request failed")
            self.refuse(errors.failure())
        else:
            self.answer(told)

    def time(self, ns: int) -> int:
        """A time as this asker wants it told."""
        return ns // (1_000 if self.micros else 1_000_000)

    # parameters

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.params.get(name)
        if value is None or value == "":
            raise errors.missing(name)
        return value

    def optional(self, name: str) -> str | None:
        """A parameter that may be there, but not empty."""
        value = self.params.get(name)
        if value == "":
            raise errors.empty(name)
        return value

    def integer(self, name: str, default: int | None = None, low: int = 0, high: int = MAX_INTEGER) -> int:
        """A whole number; without a default it must be there."""
        value = self.optional(name) if default is not None else self.text(name)
        if value is None:
            assert default is not None
            return default
        if not _INTEGER(value):
            raise errors.illegal(name, "^[0-9]{1,20}$")
        number = int(value)
        if not low <= number <= high:
            raise errors.not_valid(name)
        return number

    def decimal(self, name: str) -> str | None:
        """A number above or equal 0 as written; None where it is not there."""
        value = self.optional(name)
        if value is not None and not _DECIMAL(value):
            raise errors.illegal(name, DECIMAL)
        return value

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """One word of several."""
        value = self.optional(name)
        if value is None:
            return default
        if value not in choices:
            raise errors.not_valid(name)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        return self.choice(name, ("true", "false", "TRUE", "FALSE"), "true" if default else "false").lower() == "true"

    def client_id(self, name: str) -> str:
        """A client's own name of something; "" where he gave none."""
        value = self.optional(name)
        if value is None:
            return ""
        if not _CLIENT_ID(value):
            raise errors.illegal(name, CLIENT_ID)
        return value


def texts(params: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a JSON object as REST would have sent them; null is not sent."""
    return {name: value if type(value) is str else _text(value) for name, value in params.items() if value is not None}


def _text(value: Any) -> str:
    return encode(value).decode()
