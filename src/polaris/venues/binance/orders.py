"""Orders for Binance's WebSocket API: the bytes that ask, and what the bytes that answer mean. No socket here.

A request is signed over its parameters in alphabetical order, `name=value` joined by `&`, every value as the text that
is sent; the signature is the hex HMAC-SHA256 with the account's secret. The same parameters over REST keep the
caller's order: `signed_query`.
Source: Binance spot API documentation, WebSocket API, "SIGNED request security".
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from polaris.domain.errors import BadMessage
from polaris.domain.instrument import Instrument
from polaris.domain.orders import BUY, IOC, LIMIT, MARKET, POST_ONLY
from polaris.venues.secrets import Secret

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,36}")  # the venue also takes : and /, which would need escapes before signing
Params = Mapping[str, str | int]
_TYPE: Final[Mapping[int, dict[str, str]]] = {
    MARKET: {"type": "MARKET"},
    LIMIT: {"type": "LIMIT", "timeInForce": "GTC"},
    POST_ONLY: {"type": "LIMIT_MAKER"},
    IOC: {"type": "LIMIT", "timeInForce": "IOC"},
}


class Key(msgspec.Struct, frozen=True):
    """An account's key pair. The secret signs and is never sent."""

    api_key: Secret
    secret: Secret


class Ack(msgspec.Struct, frozen=True):
    """What the venue said to one request.

    id      of the request
    status  200 where it did as asked; else `code` and `reason` say why not
    order   the venue's number for the order, 0 where it gave none
    client  our name for the order
    ts      ns, the venue's clock; 0 where it gave none
    """

    id: str
    status: int
    order: int = 0
    client: str = ""
    ts: int = 0
    code: int = 0
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the venue did as asked."""
        return self.status == 200


def sign(payload: str, secret: Secret) -> str:
    """Hex HMAC-SHA256 of a payload: 64 characters."""
    return hmac.new(secret.reveal().encode(), payload.encode(), hashlib.sha256).hexdigest()


def signed_query(params: Params, secret: Secret) -> str:
    """Parameters in their order, percent-encoded, with their signature at the end: a REST query or body."""
    query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in params.items())
    return f"{query}&signature={sign(query, secret)}"


def place(
    instrument: Instrument,
    side: int,
    kind: int,
    price: int,
    lots: int,
    *,
    client: str,
    id: str,  # noqa: A002 - the venue's word
    ts: int,
    key: Key | None,
    window_ms: int = 5000,
) -> bytes:
    """The request that places an order.

    side, kind  words of domain.orders
    price       ticks; not sent with a MARKET order
    lots        to trade
    client      our name for the order: the venue refuses a second one of the same name while the first is open
    id          of the request; its answer carries it
    ts          ns, now
    key         None sends it unsigned, which only a venue of our own takes
    returns     JSON bytes. Raises ValueError where the name is longer or has other letters than the venue takes
    """
    if not _NAME.fullmatch(client):
        raise ValueError(f"order name {client!r}: expected 1 to 36 letters, digits, dots, dashes or underscores")
    params: dict[str, str | int] = {
        "symbol": instrument.wire,
        "side": "BUY" if side == BUY else "SELL",
        **_TYPE[kind],
        "quantity": instrument.quantity_text(lots),
        "newClientOrderId": client,
        "newOrderRespType": "ACK",
    }
    if kind != MARKET:
        params["price"] = instrument.price_text(price)
    return _request("order.place", params, id, ts, key, window_ms)


def cancel(instrument: Instrument, client: str, *, id: str, ts: int, key: Key | None, window_ms: int = 5000) -> bytes:  # noqa: A002
    """The request that cancels the order we call `client`."""
    return _request("order.cancel", {"symbol": instrument.wire, "origClientOrderId": client}, id, ts, key, window_ms)


def answer(payload: bytes) -> Ack:
    """Read what the venue said to a request. Raises BadMessage where it is no answer."""
    try:
        said = _ANSWER.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as cause:
        raise BadMessage("binance", f"no answer to an order request ({cause})", payload) from cause
    result, error = said.result or _Result(), said.error or _Error()
    name = result.origClientOrderId or result.clientOrderId
    return Ack(str(said.id), said.status, result.orderId, name, result.transactTime * 1_000_000, error.code, error.msg)


def _request(method: str, params: dict[str, str | int], id_: str, ts: int, key: Key | None, window_ms: int) -> bytes:
    params["timestamp"] = ts // 1_000_000
    params["recvWindow"] = window_ms
    if key is not None:
        params["apiKey"] = key.api_key.reveal()
    ordered = dict(sorted(params.items()))
    if key is not None:
        ordered["signature"] = sign("&".join(f"{name}={value}" for name, value in ordered.items()), key.secret)
    return msgspec.json.encode({"id": id_, "method": method, "params": ordered})


class _Result(msgspec.Struct):
    orderId: int = 0
    clientOrderId: str = ""
    origClientOrderId: str = ""
    transactTime: int = 0


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Answer(msgspec.Struct):
    id: str | int | None
    status: int
    result: _Result | None = None
    error: _Error | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)
