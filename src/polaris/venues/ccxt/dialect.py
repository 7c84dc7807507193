"""One venue of ccxt as a function: a method and its arguments become a request, an answer becomes what the method returns.

A method of ccxt makes a request, sends it, and reads the answer. Here it is run twice. The first run ends where it would
send; the second is handed the answer where it would sign. Between the two anything may carry the request, and nothing is
kept. Keys are there during the first run only. Numbers stay the text they came as.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from polaris.domain.errors import BadConfig, BadMessage
from polaris.venues.ccxt.tail import Tail
from polaris.venues.orders import Key, Refusal, Verdict, by_status

MS: Final = 1_000_000
Market = dict[str, Any]  # as ccxt describes one

# the first that fits; what is here by no name is in doubt
VERDICTS: Final = (
    ("RateLimitExceeded", Verdict.LIMITED), ("DDoSProtection", Verdict.LIMITED), ("AuthenticationError", Verdict.DENIED), ("InvalidNonce", Verdict.DENIED),
    ("OrderNotFound", Verdict.ABSENT), ("DuplicateOrderId", Verdict.TAKEN), ("InvalidOrder", Verdict.REFUSED), ("InsufficientFunds", Verdict.REFUSED),
    ("BadRequest", Verdict.REFUSED), ("OperationRejected", Verdict.REFUSED), ("NotSupported", Verdict.REFUSED), ("ArgumentsRequired", Verdict.REFUSED),
)  # fmt: skip
TAKEN: Final = "duplicat|already exist"


class Asked(BaseException):
    """What a method would send. No Exception: nothing in between takes it for a failure and tries again."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: str) -> None:
        super().__init__(f"{method} {url.partition('?')[0]}")
        self.method, self.url, self.headers, self.body = method, url, headers, body

    def fields(self) -> dict[str, str]:
        """Every field of the query and the body, as text."""
        found = dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))
        if self.body:
            try:
                said = msgspec.json.decode(self.body)
            except msgspec.DecodeError:
                said = dict(parse_qsl(self.body, keep_blank_values=True))
            while isinstance(said, list) and len(said) == 1:
                said = said[0]
            if not isinstance(said, dict):
                raise ValueError("its body is no one object")
            found |= {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in said.items()}
        return found


class Dialect:
    """How one venue is spoken to. Raises BadConfig where ccxt is not installed.

    markets  those of `markets_from`, or one's own
    """

    def __init__(self, tail: Tail, markets: list[Market]) -> None:
        self.tail = tail
        self._ccxt = library()
        self._exchange = _exchange(self._ccxt, tail)
        self._exchange.set_markets(markets)
        self._taken = re.compile("|".join((TAKEN, *(rf"(?<![\d.]){code}(?!\d)" for code in tail.taken))), re.IGNORECASE)
        self._verdicts = tuple((getattr(self._ccxt, name), verdict) for name, verdict in VERDICTS)

    def symbol(self, wire: str) -> str:
        """What ccxt calls a spot market. Raises ValueError."""
        for market in self._exchange.markets_by_id.get(wire, ()):
            if market.get("spot"):
                return str(market["symbol"])
        raise ValueError(f"{self.tail.name} has no spot market {wire!r}")

    def ask(self, method: str, *arguments: Any, key: Key, ts: int) -> Asked:
        """The one signed request of a method at time `ts` (ns). Raises ValueError where there is none, or it goes elsewhere."""
        exchange = self._exchange
        with _as_if(exchange, fetch=_stop, milliseconds=lambda: ts // MS, seconds=lambda: ts // (1000 * MS), microseconds=lambda: ts // 1000), self._keys(key):
            try:
                getattr(exchange, method)(*arguments)
            except Asked as asked:
                found = asked
            except self._ccxt.BaseError as cause:
                raise ValueError(f"{self.tail.name}: {_words(cause)}") from None
            else:
                raise ValueError(f"{self.tail.name}: ccxt's {method} asks nothing")
        if not found.url.startswith(f"{self.tail.url}/"):
            raise ValueError(f"{self.tail.name}: ccxt's {method} asks {urlsplit(found.url).netloc}, not {self.tail.url}")
        return found

    def read(self, method: str, *arguments: Any, body: bytes) -> Any:
        """What a method makes of an answer. Raises BadMessage; None where the venue has no such order."""
        answers = [self.parsed(body)]

        def answer(*_: Any, **__: Any) -> Any:
            if not answers:
                raise BadMessage(self.tail.name, f"ccxt's {method} asks a second question")
            return answers.pop()

        with _as_if(self._exchange, fetch2=answer):
            try:
                return getattr(self._exchange, method)(*arguments)
            except self._ccxt.OrderNotFound:
                return None
            except BadMessage:
                raise
            except Exception as cause:
                raise BadMessage(self.tail.name, f"an answer that can't be read: {_words(cause)}", body) from cause

    def refusal(self, status: int, body: bytes) -> Refusal | None:
        """What the venue refused. In doubt is whatever ccxt has no clear word for."""
        text = body.decode("utf-8", "replace")
        try:
            said = self.parsed(body)
        except BadMessage:
            said = None
        try:
            self._exchange.handle_errors(status, "", self.tail.url, "", {}, text, said, {}, "")
        except Exception as cause:
            verdict = next((verdict for kind, verdict in self._verdicts if isinstance(cause, kind)), Verdict.DOUBT)
            if status in (0, 408) or status >= 500:
                verdict = Verdict.DOUBT
            elif verdict in (Verdict.REFUSED, Verdict.DOUBT) and self._taken.search(text):
                verdict = Verdict.TAKEN
            return Refusal(verdict, type(cause).__name__, text[:160])
        return by_status(status, str(status), text[:160])

    def parsed(self, body: bytes) -> Any:
        """JSON with every number as its text. Raises BadMessage."""
        try:
            return json.loads(body, parse_float=str, parse_int=str)
        except (ValueError, RecursionError) as cause:
            raise BadMessage(self.tail.name, "no JSON", body) from cause

    @contextmanager
    def _keys(self, key: Key) -> Iterator[None]:
        names = ("apiKey", "secret", "password")
        for name, part in zip(names, (key.api_key, key.secret, key.passphrase), strict=True):
            setattr(self._exchange, name, part.reveal())
        try:
            yield
        finally:
            for name in (*names, "last_request_headers", "last_request_body", "last_request_url"):
                setattr(self._exchange, name, "")


def markets_from(tail: Tail, documents: Mapping[str, bytes]) -> list[Market] | str:
    """The venue's markets of its documents by URL; where one is missing, the URL to get next."""
    ccxt = library()
    exchange = _exchange(ccxt, tail)

    def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        if method != "GET":
            raise BadMessage(tail.name, f"its markets are no document but a {method}")
        if url not in documents:
            raise Asked(method, url, {}, "")
        return json.loads(documents[url], parse_float=str, parse_int=str)

    with _as_if(exchange, fetch=fetch):
        try:
            return list(exchange.fetch_markets())
        except Asked as asked:
            return asked.url
        except BadMessage:
            raise
        except Exception as cause:
            raise BadMessage(tail.name, f"documents that tell no markets: {_words(cause)}") from cause


def library() -> ModuleType:
    """ccxt. Raises BadConfig where it is not installed."""
    try:
        return import_module("ccxt")
    except ImportError:
        raise BadConfig("the long tail of venues needs the extra 'ccxt': pip install 'polaris-synapse[ccxt]'") from None


def _exchange(ccxt: ModuleType, tail: Tail) -> Any:
    kind = getattr(ccxt, tail.ccxt, None)
    if kind is None:
        raise BadConfig(f"{tail.name}: ccxt {ccxt.__version__} no longer has {tail.ccxt}; see constraints.txt for one that has")
    exchange = kind({"enableRateLimit": False, "options": {"fetchMarkets": {"types": ["spot"]}, "maxRetriesOnFailure": 0, **tail.options}})
    exchange.number = str  # a price is no float
    return exchange


@contextmanager
def _as_if(exchange: Any, **instead: Callable[..., Any]) -> Iterator[None]:
    """For a while these methods are others."""
    for name, method in instead.items():
        setattr(exchange, name, method)
    try:
        yield
    finally:
        for name in instead:
            delattr(exchange, name)


def _stop(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
    raise Asked(method, url, headers or {}, body or "")


def _words(cause: Exception) -> str:
    return f"{type(cause).__name__}: {str(cause)[:160]}"
