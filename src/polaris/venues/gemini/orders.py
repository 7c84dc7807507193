"""Orders at Gemini over REST.

The request is a payload in the headers: base64 of a JSON object with its path, a nonce and its fields; the signature is the
hex HMAC-SHA384 of that text; the body is empty. Nonces rise, so a later call that was answered ends every earlier one
that was lost. There are no market orders: a limit order that ends at once does their work.
Source: Gemini REST API documentation, "Payload", "New Order", "Order Status", "List Past Trades".
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
from polaris.venues.gemini.errors import refusal
from polaris.venues.orders import (
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
    order_name,
    secret_headers,
    side_of,
)

NAME: Final = "gemini"
MS: Final = 1_000_000
FILLS: Final = 500  # in one answer
BROKEN: Final = "full"  # a trade as if it had not happened; one that was broken by hand stays, and is booked back apart
CLIENT: Final = re.compile(r"[A-Za-z0-9:._#-]{1,100}")
_OPTIONS: Final[dict[int, list[str]]] = {LIMIT: [], POST_ONLY: ["maker-or-cancel"], IOC: ["immediate-or-cancel"]}


def signed(key: Key, call: Call, nonce: str) -> Request:
    """The request with that nonce."""
    payload = base64.b64encode(msgspec.json.encode({"request": call.path, "nonce": nonce, **(call.body or {})})).decode()
    signature = hmac.new(key.secret.reveal().encode(), payload.encode(), hashlib.sha384).hexdigest()
    headers = {"Content-Type": "text/plain", "X-GEMINI-APIKEY": key.api_key.reveal(), "X-GEMINI-PAYLOAD": payload, "X-GEMINI-SIGNATURE": signature}
    return Request("POST", call.path, b"", secret_headers(headers | {"Cache-Control": "no-cache"}))


class _Order(msgspec.Struct):
    order_id: str
    side: str
    price: str
    original_amount: str
    executed_amount: str
    is_live: bool
    is_cancelled: bool
    symbol: str
    client_order_id: str = ""


class _Trade(msgspec.Struct):
    tid: int
    order_id: str
    price: str
    amount: str
    timestampms: int
    type: str
    aggressor: bool
    fee_currency: str
    fee_amount: Decimal
    broken: str = msgspec.field(name="break", default="")


class _Held(msgspec.Struct):
    currency: str
    amount: Decimal
    available: Decimal


class GeminiOrders:
    """One account; see `venues.orders.Orders`."""

    venue = NAME
    dedups = False
    valid_s = 0.0

    def __init__(self, instruments: Instruments, key: Key) -> None:
        self._instruments, self._key = instruments, key
        self._nonce = Nonce(MS)
        self._read = Reader(NAME)

    def name(self, run: str, order: int) -> str:
        """As everywhere."""
        return order_name(run, order)

    def place(self, order: NewOrder) -> Call:
        """POST order/new."""
        if not CLIENT.fullmatch(order.client):
            raise ValueError(f"order name {order.client!r}: expected 1 to 100 letters, digits or any of : . _ # -")
        if order.kind == MARKET:
            raise ValueError("gemini has no market orders: use a limit order that ends at once (IOC) with the worst price you take")
        item = order.instrument
        fields: dict[str, Any] = {
            "client_order_id": order.client,
            "symbol": item.wire.lower(),
            "amount": item.quantity_text(order.lots),
            "price": item.price_text(order.price),
            "side": "buy" if order.side == BUY else "sell",
            "type": "exchange limit",
        }
        if _OPTIONS[order.kind]:
            fields["options"] = _OPTIONS[order.kind]
        return self._call("order/new", fields, _Order, partial(self._report, item))

    def cancel(self, instrument: Instrument, report: Report) -> Call:
        """POST order/cancel, by the venue's number: it takes no other."""
        if not report.venue_id:
            raise ValueError(f"order {report.client!r}: gemini cancels by its own number; find the order first")
        return self._call("order/cancel", {"order_id": report.venue_id}, dict[str, Any], lambda said: None)

    def find(self, instrument: Instrument, client: str) -> Sequence[Call]:
        """POST order/status by our name: one order, or a list of the orders of that name, the newest first."""

        def found(said: Any) -> Report | None:
            each = said if isinstance(said, list) else [said]
            return self._report(instrument, each[0]) if each else None

        return [self._call("order/status", {"client_order_id": client}, _Order | list[_Order], found)]

    def open_orders(self, instrument: Instrument) -> Call:
        """POST orders: those of the symbol are kept."""
        return self._call("orders", {}, list[_Order], lambda said: [self._report(instrument, each) for each in said if each.symbol.lower() == instrument.wire.lower()])

    def fills(self, instrument: Instrument, since: int) -> Call:
        """POST mytrades from a time on: 500 at most, so again from the last one's time."""
        return self._trades(instrument, since // MS)

    def _trades(self, item: Instrument, start_ms: int) -> Call:
        def read(said: list[_Trade]) -> Page:
            fills = [self._fill(item, each) for each in said if each.broken != BROKEN]
            if len(said) < FILLS:
                return Page(fills)
            last_ms = max(each.timestampms for each in said)
            if last_ms == start_ms:
                raise ValueError(f"{FILLS} fills in one millisecond: those behind them can't be asked for")
            return Page(fills, self._trades(item, last_ms))

        return self._call("mytrades", {"symbol": item.wire.lower(), "limit_trades": FILLS, "timestamp": start_ms}, list[_Trade], read)

    def balances(self) -> Sequence[Call]:
        """POST balances."""
        return [self._call("balances", {}, list[_Held], lambda said: [Balance(each.currency, each.available, each.amount) for each in said])]

    def sign(self, call: Call, ts: int) -> Request:
        """With a nonce in milliseconds that rises."""
        return signed(self._key, call, str(self._nonce(ts)))

    refusal = staticmethod(refusal)

    def _call(self, name: str, fields: dict[str, Any], shape: Any, then: Any) -> Call:
        return Call("POST", f"/v1/{name}", body=fields, read=partial(self._read, shape, then))

    def _report(self, item: Instrument, said: _Order) -> Report:
        lots, filled = item.lots(said.original_amount), item.lots(said.executed_amount)
        state = (PARTIAL if filled else OPEN) if said.is_live else (CANCELLED if said.is_cancelled else FILLED)
        return Report(said.client_order_id, said.order_id, state, side_of(said.side), item.ticks(said.price), lots, filled)

    def _fill(self, item: Instrument, said: _Trade) -> Fill:
        liquidity = TAKER if said.aggressor else MAKER
        price, lots = item.ticks(said.price), item.lots(said.amount)
        return Fill(str(said.tid), said.order_id, item.id, side_of(said.type), price, lots, said.fee_amount, said.fee_currency, liquidity, said.timestampms * MS)
