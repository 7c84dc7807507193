"""Orders at Coinbase Exchange over REST.

The signature is base64 of HMAC-SHA256 with the decoded secret over time + METHOD + path with query + body; a request older
than 30 seconds is refused. Orders go by UUIDs: ours is made of our name for the order, so it is the same on every try.
Source: Coinbase Exchange API documentation, "Signing Requests", "Create a new order".
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.orders import BUY, CANCELLED, FILLED, IOC, LIMIT, MAKER, MARKET, OPEN, PARTIAL, PENDING, POST_ONLY, REJECTED, TAKER
from polaris.venues.coinbase_exchange.errors import refusal
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
from polaris.venues.reading import Times

NAME: Final = "coinbase-exchange"
MOST: Final = 1000  # of a list in one answer
NAMES: Final = uuid5(NAMESPACE_URL, "polaris:orders")
STATES: Final = {"received": PENDING, "pending": PENDING, "open": OPEN, "active": OPEN, "rejected": REJECTED}
_KIND: Final[dict[int, dict[str, Any]]] = {
    MARKET: {"type": "market"},
    LIMIT: {"type": "limit"},
    POST_ONLY: {"type": "limit", "post_only": True},
    IOC: {"type": "limit", "time_in_force": "IOC"},
}


def uuid_name(run: str, order: int) -> str:
    """Our name for an order as the UUID that Coinbase wants."""
    return str(uuid5(NAMES, f"{order_name(run, order)} {run}"))


def checked_uuid(name: str) -> str:
    """The name, which must be a UUID. Raises ValueError."""
    try:
        UUID(name)
    except ValueError:
        raise ValueError(f"order name {name!r}: expected a UUID") from None
    return name


def signed(key: Key, call: Call, stamp: str) -> Request:
    """The request at time `stamp`, in seconds."""
    path, body = with_query(call), json_body(call)
    said = f"{stamp}{call.method}{path}".encode() + body
    signature = base64.b64encode(hmac.new(base64.b64decode(key.secret.reveal()), said, hashlib.sha256).digest()).decode()
    headers = {"CB-ACCESS-KEY": key.api_key.reveal(), "CB-ACCESS-SIGN": signature, "CB-ACCESS-TIMESTAMP": stamp, "CB-ACCESS-PASSPHRASE": key.passphrase.reveal()}
    return Request(call.method, path, body, secret_headers(headers | {"Content-Type": JSON}))


class _Order(msgspec.Struct):
    id: str
    side: str
    type: str
    status: str
    size: str = ""
    price: str = ""
    filled_size: str = "0"
    done_reason: str = ""
    client_oid: str = ""


class _Fill(msgspec.Struct):
    trade_id: int
    order_id: str
    side: str
    price: str
    size: str
    fee: Decimal
    liquidity: str
    created_at: str


class _Held(msgspec.Struct):
    currency: str
    balance: Decimal
    available: Decimal


class CoinbaseExchangeOrders:
    """One account; see `venues.orders.Orders`."""

    venue = NAME
    dedups = False
    valid_s = 30.0

    def __init__(self, instruments: Instruments, key: Key) -> None:
        self._instruments, self._key = instruments, key
        self._read = Reader(NAME)
        self._times = Times("time of coinbase-exchange")

    def name(self, run: str, order: int) -> str:
        """A UUID."""
        return uuid_name(run, order)

    def place(self, order: NewOrder) -> Call:
        """POST orders."""
        item = order.instrument
        fields: dict[str, Any] = {"client_oid": checked_uuid(order.client), **_KIND[order.kind], "side": "buy" if order.side == BUY else "sell", "product_id": item.wire}
        if order.kind != MARKET:
            fields["price"] = item.price_text(order.price)
        fields["size"] = item.quantity_text(order.lots)
        return Call("POST", "/orders", body=fields, read=partial(self._read, _Order, partial(self._report, item, order.client)))

    def cancel(self, instrument: Instrument, report: Report) -> Call:
        """DELETE the order, by our name."""
        return Call("DELETE", f"/orders/client:{report.client}", {"product_id": instrument.wire})

    def find(self, instrument: Instrument, client: str) -> Sequence[Call]:
        """GET the order, by our name."""
        return [Call("GET", f"/orders/client:{client}", read=partial(self._read, _Order, partial(self._report, instrument, client)))]

    def open_orders(self, instrument: Instrument) -> Call:
        """GET orders of one product that are not done."""

        def read(found: list[_Order]) -> list[Report]:
            if len(found) >= MOST:
                raise ValueError(f"{MOST} open orders, and maybe more that it does not tell")
            return [self._report(instrument, each.client_oid, each) for each in found]

        return Call("GET", "/orders", {"product_id": instrument.wire, "limit": str(MOST)}, read=partial(self._read, list[_Order], read))

    def fills(self, instrument: Instrument, since: int) -> Call:
        """GET fills of one product: the newest first, so page by page back to `since`."""
        return self._fills(instrument, since, {})

    def _fills(self, item: Instrument, since: int, after: dict[str, str]) -> Call:
        def read(found: list[_Fill]) -> Page:
            fills = [self._fill(item, each) for each in found]
            if not fills or min(fill.ts for fill in fills) < since:
                return Page(fills)
            return Page(fills, self._fills(item, since, {"after": str(min(each.trade_id for each in found))}))

        return Call("GET", "/fills", {"product_id": item.wire, **after}, read=partial(self._read, list[_Fill], read))

    def balances(self) -> Sequence[Call]:
        """GET accounts."""
        return [Call("GET", "/accounts", read=partial(self._read, list[_Held], lambda said: [Balance(each.currency, each.available, each.balance) for each in said]))]

    def sign(self, call: Call, ts: int) -> Request:
        """With the timestamp in seconds, to the microsecond."""
        return signed(self._key, call, f"{ts // 1_000_000_000}.{ts % 1_000_000_000 // 1_000:06d}")

    refusal = staticmethod(refusal)

    def _report(self, item: Instrument, client: str, said: _Order) -> Report:
        filled = item.lots(said.filled_size)
        state = STATES[said.status] if said.status != "done" else FILLED if said.done_reason == "filled" else CANCELLED
        if state == OPEN and filled:
            state = PARTIAL
        price = item.ticks(said.price) if said.price and said.type != "market" else 0
        return Report(said.client_oid or client, said.id, state, side_of(said.side), price, item.lots(said.size) if said.size else filled, filled)

    def _fill(self, item: Instrument, said: _Fill) -> Fill:
        liquidity = MAKER if said.liquidity == "M" else TAKER
        price, lots, ts = item.ticks(said.price), item.lots(said.size), self._times[said.created_at]
        return Fill(str(said.trade_id), said.order_id, item.id, side_of(said.side), price, lots, said.fee, item.key.quote, liquidity, ts)
