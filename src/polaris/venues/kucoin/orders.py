"""Orders at KuCoin over REST (spot).

The signature is base64 of HMAC-SHA256 over time in ms + METHOD + path with query + body; the passphrase is signed too. A
request older than five seconds is refused.

The calls are those under /hf/: the older ones find an order by its name only as long as it is open. The venue takes a name
again once its order has ended, so no order is sent twice. An order that ended is told by its name for two days.
Source: KuCoin API documentation, "Authentication", "Add Order", "Get Order By ClientOid", "Get Trade History".
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec

from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.orders import BUY, CANCELLED, FILLED, IOC, LIMIT, MAKER, MARKET, OPEN, PARTIAL, POST_ONLY, TAKER
from polaris.venues.kucoin.errors import refusal
from polaris.venues.orders import (
    JSON,
    Balance,
    Call,
    Fill,
    Key,
    NewOrder,
    Page,
    Reader,
    Report,
    Request,
    json_body,
    order_name,
    secret_headers,
    side_of,
    with_query,
)

NAME: Final = "kucoin"
MS: Final = 1_000_000
WEEK_MS: Final = 7 * 24 * 3600 * 1000
ROOT: Final = "/api/v1/hf"
FILLS: Final = 100  # in one answer
SPOT: Final = ("trade", "trade_hf")  # accounts that spot orders are paid from, by the age of the account
KEY_VERSION: Final = "2"
CLIENT: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
LIQUIDITY: Final = {"maker": MAKER, "taker": TAKER}
_KIND: Final[dict[int, dict[str, Any]]] = {
    MARKET: {"type": "market"},
    LIMIT: {"type": "limit"},
    POST_ONLY: {"type": "limit", "postOnly": True},
    IOC: {"type": "limit", "timeInForce": "IOC"},
}


def signed(key: Key, call: Call, stamp: int) -> Request:
    """The request at time `stamp` (ms)."""
    path, body = with_query(call), json_body(call)
    said = {
        "KC-API-KEY-VERSION": KEY_VERSION,
        "KC-API-KEY": key.api_key.reveal(),
        "KC-API-TIMESTAMP": str(stamp),
        "KC-API-PASSPHRASE": _mac(key, key.passphrase.reveal().encode()),
        "KC-API-SIGN": _mac(key, f"{stamp}{call.method}{path}".encode() + body),
    }
    return Request(call.method, path, body, secret_headers(said | {"Content-Type": JSON} if body else said))


def _mac(key: Key, text: bytes) -> str:
    return base64.b64encode(hmac.new(key.secret.reveal().encode(), text, hashlib.sha256).digest()).decode()


class _Order(msgspec.Struct):
    id: str
    side: str
    type: str
    size: str
    price: str
    dealSize: str
    active: bool
    clientOid: str = ""


class _Fill(msgspec.Struct):
    id: int
    orderId: str
    side: str
    price: str
    size: str
    fee: Decimal
    feeCurrency: str
    liquidity: str
    createdAt: int


class _Fills(msgspec.Struct):
    items: list[_Fill]


class _Held(msgspec.Struct):
    currency: str
    type: str
    balance: Decimal
    available: Decimal


class _Answer(msgspec.Struct):
    data: msgspec.Raw


class KucoinOrders:
    """One account; see `venues.orders.Orders`."""

    venue = NAME
    dedups = False  # a name is taken only as long as its order is open
    valid_s = 5.0

    def __init__(self, instruments: Instruments, key: Key) -> None:
        self._instruments, self._key = instruments, key
        self._read = Reader(NAME)

    def name(self, run: str, order: int) -> str:
        """As everywhere."""
        return order_name(run, order)

    def place(self, order: NewOrder) -> Call:
        """POST hf/orders."""
        if not CLIENT.fullmatch(order.client):
            raise ValueError(f"order name {order.client!r}: expected 1 to 40 letters, digits, dashes or underscores")
        item = order.instrument
        fields: dict[str, Any] = {"clientOid": order.client, "side": "buy" if order.side == BUY else "sell", "symbol": item.wire, "type": _KIND[order.kind]["type"]}
        fields["size"] = item.quantity_text(order.lots)
        if order.kind != MARKET:
            fields["price"] = item.price_text(order.price)
        fields |= _KIND[order.kind]

        def placed(said: Any) -> Report:
            return Report(order.client, said["orderId"], OPEN, order.side, order.price, order.lots, 0)

        return self._call("POST", f"{ROOT}/orders", dict[str, Any], placed, body=fields)

    def cancel(self, instrument: Instrument, report: Report) -> Call:
        """DELETE hf/orders/client-order, by our name."""
        return self._call("DELETE", f"{ROOT}/orders/client-order/{report.client}", dict[str, Any], lambda said: None, {"symbol": instrument.wire})

    def find(self, instrument: Instrument, client: str) -> Sequence[Call]:
        """GET hf/orders/client-order, by our name, open or ended; null is none too."""
        read = lambda said: said and self._report(instrument, said)  # noqa: E731
        return [self._call("GET", f"{ROOT}/orders/client-order/{client}", _Order | None, read, {"symbol": instrument.wire})]

    def open_orders(self, instrument: Instrument) -> Call:
        """GET hf/orders/active of one symbol."""
        read = lambda said: [self._report(instrument, each) for each in said or ()]  # noqa: E731
        return self._call("GET", f"{ROOT}/orders/active", list[_Order] | None, read, {"symbol": instrument.wire})

    def fills(self, instrument: Instrument, since: int) -> Call:
        """GET hf/fills in windows of a week, which is what it gives at once; in each the newest first, page by page."""
        return self._window(instrument, since // MS, {})

    def _window(self, item: Instrument, start_ms: int, last: dict[str, str]) -> Call:
        end_ms = start_ms + WEEK_MS

        def read(said: Any) -> Page:
            fills = [self._fill(item, each) for each in said.items]
            if len(fills) < FILLS:
                return Page(fills, self._window(item, end_ms, {}), end_ms * MS)
            return Page(fills, self._window(item, start_ms, {"lastId": str(said.items[-1].id)}))

        query = {"symbol": item.wire, "startAt": str(start_ms), "endAt": str(end_ms), "limit": str(FILLS), **last}
        return self._call("GET", f"{ROOT}/fills", _Fills, read, query)

    def balances(self) -> Sequence[Call]:
        """GET accounts: what spot orders are paid from, by asset."""

        def read(said: list[_Held]) -> list[Balance]:
            held: dict[str, Balance] = {}
            for each in said:
                if each.type in SPOT:
                    before = held.get(each.currency, Balance(each.currency, Decimal(0), Decimal(0)))
                    held[each.currency] = Balance(each.currency, before.free + each.available, before.total + each.balance)
            return list(held.values())

        return [self._call("GET", "/api/v1/accounts", list[_Held], read)]

    def sign(self, call: Call, ts: int) -> Request:
        """With the timestamp in milliseconds."""
        return signed(self._key, call, ts // MS)

    refusal = staticmethod(refusal)

    def _call(self, method: str, path: str, shape: Any, then: Any, query: dict[str, str] | None = None, body: dict[str, Any] | None = None) -> Call:
        def read(said: _Answer) -> Any:
            return then(msgspec.json.decode(said.data, type=shape))

        return Call(method, path, query or {}, body, partial(self._read, _Answer, read))

    def _report(self, item: Instrument, said: _Order) -> Report:
        lots, filled = item.lots(said.size), item.lots(said.dealSize)
        state = (PARTIAL if filled else OPEN) if said.active else (FILLED if filled == lots else CANCELLED)
        return Report(said.clientOid, said.id, state, side_of(said.side), item.ticks(said.price) if said.type != "market" else 0, lots, filled)

    def _fill(self, item: Instrument, said: _Fill) -> Fill:
        price, lots, liquidity = item.ticks(said.price), item.lots(said.size), LIQUIDITY[said.liquidity]
        return Fill(str(said.id), said.orderId, item.id, side_of(said.side), price, lots, said.fee, said.feeCurrency, liquidity, said.createdAt * MS)
