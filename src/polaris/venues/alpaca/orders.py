"""A key, and orders at Alpaca over REST.

Both halves of the key go out with every request; nothing is signed and nothing grows old, so a lost request may come through
at any time. The venue takes a name once.
Source: Alpaca Trading API documentation, "Orders", "Account Activities".
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.orders import (
    BUY,
    CANCELLED,
    CANCELLING,
    EXPIRED,
    FILLED,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    PARTIAL,
    PENDING,
    POST_ONLY,
    REJECTED,
)
from polaris.venues import orders
from polaris.venues.alpaca.errors import refusal
from polaris.venues.orders import (
    JSON,
    UNTOLD,
    Balance,
    Call,
    Fill,
    NewOrder,
    Page,
    Reader,
    Report,
    Request,
    json_body,
    order_name,
    side_of,
    with_query,
)
from polaris.venues.reading import Times
from polaris.venues.secrets import Secret

NAME: Final = "alpaca"
LONGEST_NAME: Final = 128
USD: Final = "USD"
STATES: Final = {
    "new": OPEN, "accepted": OPEN, "accepted_for_bidding": OPEN, "pending_new": PENDING, "pending_replace": OPEN, "partially_filled": PARTIAL,
    "filled": FILLED, "done_for_day": OPEN, "canceled": CANCELLED, "pending_cancel": CANCELLING, "expired": EXPIRED, "replaced": CANCELLED,
    "stopped": OPEN, "rejected": REJECTED, "suspended": OPEN, "calculated": OPEN, "held": OPEN,
}  # fmt: skip
_KIND: Final[dict[int, dict[str, str]]] = {
    MARKET: {"type": "market", "time_in_force": "day"},
    LIMIT: {"type": "limit", "time_in_force": "gtc"},
    IOC: {"type": "limit", "time_in_force": "ioc"},
}


class Key(orders.Key, frozen=True):
    """An account's key pair."""

    def headers(self) -> dict[str, Secret]:
        """What a request carries."""
        return {"APCA-API-KEY-ID": self.api_key, "APCA-API-SECRET-KEY": self.secret}

    def login(self) -> Secret:
        """What the stream wants to hear first, within ten seconds."""
        return Secret(msgspec.json.encode({"action": "auth", "key": self.api_key.reveal(), "secret": self.secret.reveal()}).decode())


def signed(key: orders.Key, call: Call) -> Request:
    """The request: who asks stands in its headers."""
    headers = Key(key.api_key, key.secret).headers()
    body = json_body(call)
    return Request(call.method, with_query(call), body, headers | {"Content-Type": Secret(JSON)} if body else headers)


class _Order(msgspec.Struct):
    id: str
    client_order_id: str
    side: str
    status: str
    filled_qty: str
    qty: str | None = None
    limit_price: str | None = None


class _Activity(msgspec.Struct):
    id: str
    order_id: str
    side: str
    price: str
    qty: str
    symbol: str
    transaction_time: str


class _Account(msgspec.Struct):
    cash: Decimal
    currency: str = USD


class _Position(msgspec.Struct):
    symbol: str
    qty: Decimal
    qty_available: Decimal | None = None


class AlpacaOrders:
    """One account; see `venues.orders.Orders`."""

    venue = NAME
    dedups = True
    valid_s = float("inf")

    def __init__(self, instruments: Instruments, key: orders.Key) -> None:
        self._instruments, self._key = instruments, key
        self._read = Reader(NAME)
        self._times = Times("time of alpaca")

    def name(self, run: str, order: int) -> str:
        """As everywhere."""
        return order_name(run, order)

    def place(self, order: NewOrder) -> Call:
        """POST orders."""
        if not (order.client.isascii() and 0 < len(order.client) <= LONGEST_NAME):
            raise ValueError(f"order name {order.client!r}: expected 1 to {LONGEST_NAME} ASCII letters")
        if order.kind == POST_ONLY:
            raise ValueError("alpaca has no post-only orders: a limit order may trade at once there")
        item = order.instrument
        fields = {"symbol": item.wire, "side": "buy" if order.side == BUY else "sell", "type": _KIND[order.kind]["type"]}
        if order.kind != MARKET:
            fields["limit_price"] = item.price_text(order.price)
        fields |= {"qty": item.quantity_text(order.lots), "time_in_force": _KIND[order.kind]["time_in_force"], "client_order_id": order.client}
        return Call("POST", "/v2/orders", body=fields, read=partial(self._read, _Order, partial(self._report, item)))

    def cancel(self, instrument: Instrument, report: Report) -> Call:
        """DELETE the order, by the venue's name: it takes no other."""
        if not report.venue_id:
            raise ValueError(f"order {report.client!r}: alpaca cancels by its own name; find the order first")
        return Call("DELETE", f"/v2/orders/{report.venue_id}")

    def find(self, instrument: Instrument, client: str) -> Sequence[Call]:
        """GET orders:by_client_order_id."""
        return [Call("GET", "/v2/orders:by_client_order_id", {"client_order_id": client}, read=partial(self._read, _Order, partial(self._report, instrument)))]

    def open_orders(self, instrument: Instrument) -> Call:
        """GET orders of one symbol that are open."""
        read = partial(self._read, list[_Order], lambda found: [self._report(instrument, each) for each in found])
        return Call("GET", "/v2/orders", {"status": "open", "symbols": instrument.wire, "limit": "500"}, read=read)

    def fills(self, instrument: Instrument, since: int) -> Call:
        """GET account/activities/FILL after a time, the oldest first, page by page; those of the symbol are kept."""
        return self._activities(instrument, _moment(since - 1), {})

    def _activities(self, item: Instrument, after: str, token: dict[str, str]) -> Call:
        def read(found: list[_Activity]) -> Page:
            fills = [self._fill(item, each) for each in found if each.symbol == item.wire]
            return Page(fills, self._activities(item, after, {"page_token": found[-1].id}) if found else None)

        query = {"after": after, "direction": "asc", "page_size": "100", **token}
        return Call("GET", "/v2/account/activities/FILL", query, read=partial(self._read, list[_Activity], read))

    def balances(self) -> Sequence[Call]:
        """GET account for the cash, GET positions for the shares."""
        cash = partial(self._read, _Account, lambda said: [Balance(said.currency, said.cash, said.cash)])
        shares = partial(self._read, list[_Position], lambda said: [Balance(each.symbol, each.qty if each.qty_available is None else each.qty_available, each.qty) for each in said])
        return [Call("GET", "/v2/account", read=cash), Call("GET", "/v2/positions", read=shares)]

    def sign(self, call: Call, ts: int) -> Request:
        """No time is in it."""
        return signed(self._key, call)

    refusal = staticmethod(refusal)

    def _report(self, item: Instrument, said: _Order) -> Report:
        filled = item.lots(said.filled_qty)
        price = item.ticks(said.limit_price) if said.limit_price else 0
        return Report(said.client_order_id, said.id, STATES[said.status], side_of(said.side), price, item.lots(said.qty) if said.qty else filled, filled)

    def _fill(self, item: Instrument, said: _Activity) -> Fill:
        ts = self._times[said.transaction_time]
        return Fill(said.id, said.order_id, item.id, side_of(said.side.removesuffix("_short")), item.ticks(said.price), item.lots(said.qty), Decimal(0), USD, UNTOLD, ts)


def _moment(ts: int) -> str:
    """Nanoseconds as RFC 3339."""
    return f"{datetime.fromtimestamp(ts // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{ts % 1_000_000_000:09d}Z"
