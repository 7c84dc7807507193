"""Orders for Binance's WebSocket API: the bytes that ask, and what the bytes that answer mean. No socket here.

A request is signed over its parameters in alphabetical order, `name=value` joined by `&`, every value as the text that
is sent; the signature is the hex HMAC-SHA256 with the account's secret. The same over REST: `orders`.
Source: Binance spot API documentation, WebSocket API, "SIGNED request security".
"""

from typing import Final

import msgspec

from polaris.domain.errors import BadMessage
from polaris.domain.instrument import Instrument
from polaris.domain.orders import BUY, MARKET
from polaris.venues.binance.orders import NAME, TYPES, sign
from polaris.venues.orders import Key


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
    if not NAME.fullmatch(client):
        raise ValueError(f"order name {client!r}: expected 1 to 36 letters, digits, dots, dashes or underscores")
    params: dict[str, str | int] = {
        "symbol": instrument.wire,
        "side": "BUY" if side == BUY else "SELL",
        **TYPES[kind],
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


def listen(*, id: str, ts: int, key: Key, window_ms: int = 5000) -> bytes:  # noqa: A002
    """The request to hear the account's user stream on this connection."""
    return _request("userDataStream.subscribe.signature", {}, id, ts, key, window_ms)


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
