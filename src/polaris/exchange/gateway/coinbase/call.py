"""One REST request: what it asks, who asks, and how it is answered.

A handler sees only what may be done. What a parameter may be is checked where it is read; a refusal names it.
"""

import logging
import re
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from polaris.exchange.gateway.coinbase import errors
from polaris.exchange.gateway.coinbase.errors import Refusal
from polaris.exchange.gateway.coinbase.times import SECOND, moment
from polaris.exchange.gateway.keys import Key

MOST_LISTED: Final = 1_000
MAX_SECONDS: Final = 2**63 // SECOND - 1
_INTEGER = re.compile(r"[0-9]{1,18}").fullmatch
log = logging.getLogger("polaris.exchange.gateway")
encode: Final = msgspec.json.Encoder().encode
Query = dict[str, list[str]]


class Call:
    """What one request asks.

    named     what its path names: {product_id} -> "BTC-USDT"
    query     name -> values, as sent
    body      the JSON object of a POST; else empty
    key       who asks; None where anybody may
    received  ns UTC
    """

    __slots__ = ("_answer", "body", "key", "named", "query", "received")

    def __init__(self, answer: Callable[[int, bytes], None], received: int, query: Query | None = None, body: dict[str, Any] | None = None) -> None:
        self.named: dict[str, str] = {}
        self.query = query or {}
        self.body = body or {}
        self.key: Key | None = None
        self.received = received
        self._answer = answer

    @property
    def account(self) -> int:
        """Whose account this is about."""
        assert self.key is not None, "a handler of a private endpoint was reached without a key"
        return self.key.account

    def answer(self, result: Any) -> None:
        """Answer with a document; an answer or a refusal is given once."""
        self._answer(200, encode(result))

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error."""
        self._answer(refusal.status, encode(refusal.document()))

    def settle(self, result: Callable[[], Any]) -> None:
        """Answer with what `result` gives, or with what it raises; for answers that are given later."""
        try:
            told = result()
        except Refusal as refusal:
            self.refuse(refusal)
        except Exception:
            log.exception("a request failed")
            self.refuse(errors.broken())
        else:
            self.answer(told)

    # what the query says

    def many(self, *names: str) -> list[str]:
        """Every value of a parameter that may be sent several times, under any of its names."""
        found = [value for name in names for value in self.query.get(name, ()) if value]
        if len(found) > MOST_LISTED:
            raise errors.invalid(f"{names[0]} is sent {len(found)} times; expected at most {MOST_LISTED}")
        return found

    def text(self, name: str, default: str | None = None) -> str:
        """One value; without a default it must be there."""
        value = self.query.get(name, [""])[-1]
        if value:
            return value
        if default is None:
            raise errors.missing(name)
        return default

    def integer(self, name: str, default: int, high: int) -> int:
        """A whole number from 0 on; more than `high` is `high`."""
        value = self.text(name, str(default))
        if not _INTEGER(value):
            raise errors.invalid(f"{name} is {value[:40]!r}; expected a whole number")
        return min(int(value), high)

    def choice(self, name: str, choices: Collection[str], default: str = "") -> str:
        """One word of several."""
        value = self.text(name, default)
        if value != default and value not in choices:
            raise errors.invalid(f"{name} is {value[:40]!r}; expected one of {', '.join(choices)}")
        return value

    def seconds(self, name: str) -> int | None:
        """A time in seconds since 1970 as ns; None where it is not there."""
        if not self.text(name, ""):
            return None
        return self.integer(name, 0, MAX_SECONDS) * SECOND

    def moment(self, name: str) -> int | None:
        """A time as RFC 3339 as ns; None where it is not there."""
        value = self.text(name, "")
        try:
            return moment(value) if value else None
        except ValueError as cause:
            raise errors.invalid(f"{name}: {cause}") from None

    # what the body says

    def field(self, name: str, default: str | None = None) -> str:
        """A text of the body; without a default it must be there."""
        return text_of(self.body, name, default)


def text_of(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    """A text of a JSON object. Raises Refusal where it is missing or of another type."""
    value = fields.get(name)
    if value is None or value == "":
        if default is None:
            raise errors.missing(name)
        return default
    if not isinstance(value, str):
        raise errors.invalid(f"{name} is of type {type(value).__name__}; expected a text")
    return value


def flag_of(fields: dict[str, Any], name: str) -> bool:
    """True or false of a JSON object; false where it is missing."""
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise errors.invalid(f"{name} is of type {type(value).__name__}; expected true or false")
    return bool(value)
