"""The private side of a venue without a socket: what to ask for, how it is signed, and what the answer means.

An `Orders` turns an intent into a `Call`, signs it into a `Request`, and its call reads the answer into the words below.
It never does IO and reads no clock; `ordering.OrderEntry` carries the requests. Every order goes by a name of ours that
is the same on every try, so that a question ("is it there?") always has an answer.

Prices are ticks and quantities lots of the instrument, read from the venue's text; fees and balances are `Decimal`, exact
as the venue wrote them. An answer that can't be read raises BadMessage, and the caller must take the order for in doubt.
"""

import re
from base64 import b32encode
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec

from polaris.domain.errors import BadMessage, UnreadableNumber
from polaris.domain.instrument import Instrument
from polaris.domain.orders import BUY, SELL
from polaris.venues.reading import UNREADABLE
from polaris.venues.secrets import Secret

RUN_LETTERS: Final = 6  # that stand for a run in an order's name
RUN: Final = re.compile(rf"[a-z0-9]{{{RUN_LETTERS}}}")
LONGEST_NAME: Final = 18  # what every venue takes (Kraken's limit for free text)
UNTOLD: Final = -1  # liquidity of a fill, at a venue that does not say
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"


class Key(msgspec.Struct, frozen=True):
    """An account's keys. The secret signs and is never sent; the passphrase is for the venues that want one."""

    api_key: Secret
    secret: Secret
    passphrase: Secret = Secret("")


class NewOrder(msgspec.Struct, frozen=True):
    """An order as the desk wants it.

    side, kind  words of domain.orders
    price       ticks; 0 for a market order
    client      our name for it: the same on every try
    """

    instrument: Instrument
    side: int
    kind: int
    price: int
    lots: int
    client: str


class Report(msgspec.Struct, frozen=True):
    """What the venue says of an order.

    client    our name; "" where the venue does not tell it
    venue_id  the venue's number or name
    state     of domain.orders: OPEN, PARTIAL, FILLED, CANCELLED, EXPIRED, REJECTED, or PENDING where it is not settled yet
    price     ticks; 0 for a market order, and where the venue does not tell it
    lots, filled
    """

    client: str
    venue_id: str
    state: int
    side: int
    price: int
    lots: int
    filled: int


class Fill(msgspec.Struct, frozen=True):
    """One execution.

    id         unique at its venue
    fee        > 0 paid, < 0 earned
    liquidity  of domain.orders; UNTOLD where the venue does not say
    ts         ns, the venue's clock
    """

    id: str
    venue_id: str
    instrument: int
    side: int
    price: int
    lots: int
    fee: Decimal
    fee_asset: str
    liquidity: int
    ts: int


class Balance(msgspec.Struct, frozen=True):
    """What the account holds of one asset."""

    asset: str
    free: Decimal
    total: Decimal


class Verdict(StrEnum):
    """Why there is no answer to read."""

    REFUSED = "refused"  # nothing was done
    ABSENT = "unknown order"  # the venue has no order of that name
    TAKEN = "name is taken"  # it has one of that name already: a try of ours came through
    DENIED = "denied"  # the key, its rights, the signature or the clock
    LIMITED = "too many requests"  # nothing was done; ask again later
    DOUBT = "in doubt"  # nobody knows whether it was done


class Refusal(msgspec.Struct, frozen=True):
    """A call that was not answered as asked.

    code, reason  the venue's own words
    after_s       for LIMITED: how long to stay away
    """

    verdict: Verdict
    code: str = ""
    reason: str = ""
    after_s: float = 0.0


class Call(msgspec.Struct, frozen=True):
    """What to ask, not signed yet: the fields in the order they are sent.

    query  behind the path; every value as its text
    body   form or JSON, as the venue wants it; None for no body
    read   (body of the answer) -> what the call was for; raises BadMessage
    """

    method: str
    path: str
    query: Mapping[str, str] = {}
    body: Mapping[str, Any] | None = None
    read: Callable[[bytes], Any] = lambda body: None


class Page(msgspec.Struct, frozen=True):
    """A part of a list.

    more   asks for the next part; None where this was the last
    until  ns up to which the parts so far tell: whoever reads on may stop where that is in the future
    """

    items: Sequence[Any]
    more: Call | None = None
    until: int = 0


class Request(msgspec.Struct, frozen=True):
    """What goes out. Headers that identify the account are secrets."""

    method: str
    path: str  # with its query
    body: bytes = b""
    headers: Mapping[str, Secret] = {}


class Orders(Protocol):
    """The private side of one venue for one account."""

    venue: str
    dedups: bool  # the venue refuses a second order of the same name, whatever became of the first
    valid_s: float  # how long a signed request is good; 0 where any later one ends it, inf where nothing does

    def name(self, run: str, order: int) -> str:
        """What the order `order` of the run `run` is called at this venue."""
        ...

    def place(self, order: NewOrder) -> Call:
        """Reads a Report. Raises ValueError where the venue has no such order or name."""
        ...

    def cancel(self, instrument: Instrument, report: Report) -> Call:
        """Reads None: it is asked for. What became of the order is told by `find`."""
        ...

    def find(self, instrument: Instrument, client: str) -> Sequence[Call]:
        """The order of that name: every call reads a Report, or None where it stands elsewhere; it is absent where none has it."""
        ...

    def open_orders(self, instrument: Instrument) -> Call:
        """Reads list[Report], or a Page of them."""
        ...

    def fills(self, instrument: Instrument, since: int) -> Call:
        """Reads a Page of Fills, in any order; all pages together hold every execution at or after `since` (ns), maybe more."""
        ...

    def balances(self) -> Sequence[Call]:
        """Each reads list[Balance], or a Page of them; together they are what the account holds."""
        ...

    def sign(self, call: Call, ts: int) -> Request:
        """Sign for time `ts` (ns). Every signature is a new one: its nonce rises by itself."""
        ...

    def refusal(self, status: int, body: bytes) -> Refusal | None:
        """What the venue refused; None where the call may read the body."""
        ...


def order_name(run: str, order: int) -> str:
    """Our name for an order, the same whenever it is asked for: "p7f3a2c-1042".

    run    the run's name. Six small letters and digits stand as they are, for any other name stand six letters of its digest
           (30 bits): two runs that begin alike, as dates do, share no order
    order  its number in that run
    """
    letters = run if RUN.fullmatch(run) else b32encode(sha256(run.encode()).digest())[:RUN_LETTERS].decode().lower()
    name = f"p{letters}-{order}"
    if not any(letter.isascii() and letter.isalnum() for letter in run) or order < 0 or len(name) > LONGEST_NAME:
        raise ValueError(f"order {order} of run {run!r}: a name takes letters or digits of the run and a number of at most {LONGEST_NAME - RUN_LETTERS - 2} digits")
    return name


class Nonce:
    """Numbers that rise: the time in some unit, one more where the time stood still."""

    def __init__(self, unit_ns: int) -> None:
        self._unit, self._last = unit_ns, 0

    def __call__(self, ts: int) -> int:
        self._last = max(self._last + 1, ts // self._unit)
        return self._last


def encoded(fields: Mapping[str, Any]) -> str:
    """name=value joined by &, percent-encoded, in the order they stand."""
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in fields.items())


def with_query(call: Call) -> str:
    """Path and query."""
    return f"{call.path}?{encoded(call.query)}" if call.query else call.path


def json_body(call: Call) -> bytes:
    """The body as JSON without blanks; nothing where the call has none."""
    return b"" if call.body is None else msgspec.json.encode(call.body)


def secret_headers(headers: Mapping[str, str]) -> dict[str, Secret]:
    """Headers as secrets."""
    return {name: Secret(value) for name, value in headers.items()}


def plain(value: Decimal) -> str:
    """A decimal number as text without an exponent."""
    return format(value, "f")


def side_of(word: str) -> int:
    """BUY or SELL of a venue's word in any case. Raises ValueError."""
    match word.lower():
        case "buy" | "b":
            return BUY
        case "sell" | "s":
            return SELL
    raise ValueError(f"side {word!r}: expected buy or sell")


class Reader:
    """Reads a venue's answers, and says which venue's answer it was where one can't be read."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

    def __call__(self, shape: Any, then: Callable[[Any], Any], body: bytes) -> Any:
        """Decode `body` as `shape` and hand it to `then`. Raises BadMessage for whatever goes wrong on the way."""
        try:
            decoder = self._decoders.get(shape)
            if decoder is None:
                decoder = self._decoders[shape] = msgspec.json.Decoder(shape)
            return then(decoder.decode(body))
        except (*UNREADABLE, UnreadableNumber, ValueError, KeyError) as cause:
            raise BadMessage(self.venue, f"an answer that can't be read: {cause}", body) from cause


def by_status(status: int, code: str = "", reason: str = "") -> Refusal | None:
    """What an HTTP status alone says: 429 and 418 nothing done, 401 and 403 denied, 5xx, 408 and 0 in doubt, another 4xx refused."""
    if status in (429, 418):
        return Refusal(Verdict.LIMITED, code, reason)
    if status in (401, 403):
        return Refusal(Verdict.DENIED, code, reason)
    if status in (0, 408) or status >= 500:
        return Refusal(Verdict.DOUBT, code, reason)
    if status >= 400:
        return Refusal(Verdict.REFUSED, code, reason)
    return None


def error_of(shape: Any, body: bytes) -> Any | None:
    """Decode what may be an error; None where it is none."""
    try:
        return msgspec.json.decode(body, type=shape)
    except UNREADABLE:
        return None
