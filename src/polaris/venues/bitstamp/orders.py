"""Orders at Bitstamp over REST.

Forms, signed over everything that could be changed on the way: hex HMAC-SHA256 of "BITSTAMP " + key + METHOD + host + path +
query + content type + nonce + time in ms + version + body. A call without fields has no body and no content type. A
request older than 150 seconds is refused.
Source: Bitstamp API documentation, "Authentication", "Response codes".
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.orders import BUY, CANCELLED, EXPIRED, FILLED, IOC, LIMIT, MARKET, OPEN, PARTIAL, POST_ONLY, SELL
from polaris.venues.bitstamp.errors import refusal
from polaris.venues.orders import (
    FORM,
    UNTOLD,
    Balance,
    Call,
    Fill,
    Key,
    NewOrder,
    Nonce,
    Page,
    Reader,
    Report,
    Request,
    encoded,
    order_name,
    plain,
    secret_headers,
    with_query,
)

NAME: Final = "bitstamp"
HOST: Final = "www.bitstamp.net"  # what is signed, wherever the request goes
MS: Final = 1_000_000
TRADE: Final = "2"  # of the kinds of user transactions
CLIENT: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")
STATES: Final = {"Open": OPEN, "Finished": FILLED, "Expired": EXPIRED, "Canceled": CANCELLED}
_KIND: Final[dict[int, dict[str, str]]] = {MARKET: {}, LIMIT: {}, POST_ONLY: {"moc_order": "True"}, IOC: {"ioc_order": "True"}}


def signed(key: Key, call: Call, nonce: str, stamp: int) -> Request:
    """The request at time `stamp` (ms); nonce: a UUID that was not used in the last 150 seconds."""
    path, body = with_query(call), encoded(call.body or {})
    kind = FORM if body else ""
    said = f"BITSTAMP {key.api_key.reveal()}{call.method}{HOST}{path}{kind}{nonce}{stamp}v2{body}"
    signature = hmac.new(key.secret.reveal().encode(), said.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Auth": f"BITSTAMP {key.api_key.reveal()}", "X-Auth-Nonce": nonce, "X-Auth-Timestamp": str(stamp), "X-Auth-Version": "v2"}
    if body:
        headers["Content-Type"] = FORM
    return Request(call.method, path, body.encode(), secret_headers(headers | {"X-Auth-Signature": signature}))


class _Placed(msgspec.Struct):
    id: str | int


class _Order(msgspec.Struct):
    id: str | int
    status: str
    type: str | int
    amount_remaining: Decimal
    transactions: list[dict[str, msgspec.Raw]]
    client_order_id: str = ""


class _Open(msgspec.Struct):
    id: str | int
    type: str | int
    price: Decimal
    amount: Decimal
    amount_at_create: Decimal | None = None
    client_order_id: str = ""


class _Held(msgspec.Struct):
    currency: str
    total: Decimal
    available: Decimal


class BitstampOrders:
    """One account; see `venues.orders.Orders`."""

    venue = NAME
    dedups = False
    valid_s = 150.0

    def __init__(self, instruments: Instruments, key: Key) -> None:
        self._instruments, self._key = instruments, key
        self._nonce = Nonce(1)
        self._read = Reader(NAME)

    def name(self, run: str, order: int) -> str:
        """As everywhere."""
        return order_name(run, order)

    def place(self, order: NewOrder) -> Call:
        """POST buy or sell."""
        if not CLIENT.fullmatch(order.client):
            raise ValueError(f"order name {order.client!r}: expected 1 to 36 letters, digits, dashes or underscores")
        item = order.instrument
        fields = {"amount": item.quantity_text(order.lots)}
        if order.kind != MARKET:
            fields["price"] = item.price_text(order.price)
        fields |= {**_KIND[order.kind], "client_order_id": order.client}
        where = f"/api/v2/{'buy' if order.side == BUY else 'sell'}/{'market/' if order.kind == MARKET else ''}{item.wire}/"
        return self._call(where, fields, _Placed, lambda said: Report(order.client, str(said.id), OPEN, order.side, order.price, order.lots, 0))

    def cancel(self, instrument: Instrument, report: Report) -> Call:
        """POST cancel_order, by our name."""
        return self._call("/api/v2/cancel_order/", {"client_order_id": report.client}, Any, lambda said: None)

    def find(self, instrument: Instrument, client: str) -> Sequence[Call]:
        """POST order_status, by our name. It tells no price."""
        return [self._call("/api/v2/order_status/", {"client_order_id": client}, _Order, partial(self._report, instrument, client))]

    def open_orders(self, instrument: Instrument) -> Call:
        """POST open_orders of one market."""
        return self._call(f"/api/v2/open_orders/{instrument.wire}/", {}, list[_Open], lambda said: [self._open(instrument, each) for each in said])

    def fills(self, instrument: Instrument, since: int) -> Call:
        """POST user_transactions of one market from a time on, the oldest first, page by page."""
        return self._transactions(instrument, str(since // 1_000_000_000), 0)

    def _transactions(self, item: Instrument, since: str, offset: int) -> Call:
        def read(said: Any) -> Page:
            fills = [self._fill(item, each) for each in said if bare(each["type"]) == TRADE]
            return Page(fills, self._transactions(item, since, offset + len(said)) if said else None)

        fields = {"since_timestamp": since, "offset": str(offset), "limit": "1000", "sort": "asc"}
        return self._call(f"/api/v2/user_transactions/{item.wire}/", fields, list[dict[str, msgspec.Raw]], read)

    def balances(self) -> Sequence[Call]:
        """POST account_balances."""
        return [self._call("/api/v2/account_balances/", {}, list[_Held], lambda said: [Balance(each.currency.upper(), each.available, each.total) for each in said])]

    def sign(self, call: Call, ts: int) -> Request:
        """With a nonce made of the time, in nanoseconds, that rises."""
        return signed(self._key, call, str(UUID(int=self._nonce(ts), version=4)), ts // MS)

    refusal = staticmethod(refusal)

    def _call(self, path: str, fields: dict[str, str], shape: Any, then: Any) -> Call:
        return Call("POST", path, body=fields or None, read=partial(self._read, shape, then))

    def _report(self, item: Instrument, client: str, said: _Order) -> Report:
        filled = sum(item.lots(bare(each[item.key.base.lower()])) for each in said.transactions)
        lots = filled + item.lots(plain(said.amount_remaining))
        state = STATES[said.status]
        return Report(said.client_order_id or client, str(said.id), PARTIAL if state == OPEN and filled else state, _side(said.type), 0, lots, filled)

    def _open(self, item: Instrument, said: _Open) -> Report:
        left = item.lots(plain(said.amount))
        lots = left if said.amount_at_create is None else item.lots(plain(said.amount_at_create))
        state = PARTIAL if lots > left else OPEN
        return Report(said.client_order_id, str(said.id), state, _side(said.type), item.ticks(plain(said.price)), lots, lots - left)

    def _fill(self, item: Instrument, said: dict[str, msgspec.Raw]) -> Fill:
        base, quote = item.key.base.lower(), item.key.quote.lower()
        amount, paid, price, fee = (Decimal(bare(said[name])) for name in (base, quote, f"{base}_{quote}", "fee"))
        if not amount or amount * paid > 0:
            raise ValueError(f"{amount} {base} for {paid} {quote}: expected that one came and one went")
        moment = datetime.fromisoformat(bare(said["datetime"])).replace(tzinfo=UTC)
        ts = int(moment.replace(microsecond=0).timestamp()) * 1_000_000_000 + moment.microsecond * 1_000
        lots = item.lots(plain(abs(amount)))
        side = BUY if amount > 0 else SELL
        return Fill(bare(said["id"]), bare(said["order_id"]), item.id, side, item.ticks(plain(abs(price))), lots, fee, item.key.quote, UNTOLD, ts)


def bare(value: msgspec.Raw) -> str:
    """A number as it stands, with quotes or without."""
    return bytes(value).decode().strip('"')


def _side(word: str | int) -> int:
    """0 or "0 (buy)" is a purchase, 1 a sale. Raises ValueError."""
    if str(word)[:1] not in ("0", "1"):
        raise ValueError(f"type {word!r}: expected 0 (buy) or 1 (sell)")
    return BUY if str(word)[0] == "0" else SELL


