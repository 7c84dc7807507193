"""Orders at Coinbase Advanced Trade over REST.

Every request carries a token of its own: a JWT that names the call, is good for two minutes and is signed with the key's
elliptic curve (ES256, RFC 7518; deterministic as RFC 6979 has it). The venue takes a name once: a second order of the same
name is not made, and the first one is returned. It cannot be asked for one order by our name, so it is looked for in
the list of a product's newest orders.
Source: Coinbase Developer Platform documentation, "Authentication"; Advanced Trade API, "Create Order", "List Orders".
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.orders import (
    BUY,
    CANCELLED,
    CANCELLING,
    EXPIRED,
    FILLED,
    IOC,
    LIMIT,
    MAKER,
    MARKET,
    OPEN,
    PARTIAL,
    PENDING,
    POST_ONLY,
    REJECTED,
    TAKER,
)
from polaris.venues.coinbase.errors import refusal
from polaris.venues.coinbase_exchange.orders import checked_uuid, uuid_name
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
    secret_headers,
    side_of,
    with_query,
)
from polaris.venues.reading import Times

NAME: Final = "coinbase"
HOST: Final = "api.coinbase.com"  # what is signed, wherever the request goes
ROOT: Final = "/api/v3/brokerage"
GOOD_S: Final = 120
SECOND: Final = 1_000_000_000
STATES: Final = {
    "PENDING": PENDING, "QUEUED": PENDING, "OPEN": OPEN, "FILLED": FILLED, "CANCELLED": CANCELLED, "CANCEL_QUEUED": CANCELLING, "EXPIRED": EXPIRED,
    "FAILED": REJECTED, "EDIT_QUEUED": OPEN,
}  # fmt: skip
_CONFIGURATION: Final = {MARKET: "market_market_ioc", LIMIT: "limit_limit_gtc", POST_ONLY: "limit_limit_gtc", IOC: "sor_limit_ioc"}


def token(key: Key, call: Call | None, now_s: int, nonce: str) -> str:
    """The JWT of one call, or of a subscription where there is none: three parts in base64url, joined by dots.

    key    api_key is the key's name ("organizations/.../apiKeys/..."), secret its private key as PEM
    now_s  seconds since 1970
    nonce  a text that is used once
    """
    try:
        private = serialization.load_pem_private_key(key.secret.reveal().replace("\\n", "\n").encode(), None)
    except ValueError:
        raise BadConfig("the secret of coinbase is no private key in PEM; download the key as ECDSA and give it whole") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise BadConfig("the secret of coinbase is no elliptic curve key on P-256; choose ECDSA when making the key")
    name = key.api_key.reveal()
    header = {"alg": "ES256", "typ": "JWT", "kid": name, "nonce": nonce}
    claims: dict[str, Any] = {"sub": name, "iss": "cdp", "nbf": now_s, "exp": now_s + GOOD_S}
    if call is not None:
        claims["uri"] = f"{call.method} {HOST}{call.path}"
    said = f"{_part(msgspec.json.encode(header))}.{_part(msgspec.json.encode(claims))}"
    r, s = decode_dss_signature(private.sign(said.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    return f"{said}.{_part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _next(cursor: str) -> dict[str, str]:
    """Where the next page begins. Raises ValueError where the venue has one and does not say where."""
    if not cursor:
        raise ValueError("a further page without a cursor")
    return {"cursor": cursor}


def _part(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


class _Success(msgspec.Struct):
    order_id: str


class _Placed(msgspec.Struct):
    success: bool
    success_response: _Success | None = None


class _Order(msgspec.Struct):
    order_id: str
    side: str
    client_order_id: str
    status: str
    filled_size: str
    order_configuration: dict[str, dict[str, Any]]


class _Orders(msgspec.Struct):
    orders: list[_Order]
    cursor: str = ""
    has_next: bool = False


class _Fill(msgspec.Struct):
    entry_id: str
    order_id: str
    trade_time: str
    price: str
    size: str
    commission: Decimal
    liquidity_indicator: str
    side: str


class _Fills(msgspec.Struct):
    fills: list[_Fill]
    cursor: str = ""


class _Amount(msgspec.Struct):
    value: Decimal


class _Held(msgspec.Struct):
    currency: str
    available_balance: _Amount
    hold: _Amount


class _Accounts(msgspec.Struct):
    accounts: list[_Held]
    cursor: str = ""
    has_next: bool = False


class CoinbaseOrders:
    """One account; see `venues.orders.Orders`."""

    venue = NAME
    dedups = True
    valid_s = float(GOOD_S)

    def __init__(self, instruments: Instruments, key: Key) -> None:
        self._instruments, self._key = instruments, key
        self._read = Reader(NAME)
        self._times = Times("time of coinbase")
        self._count = 0

    def name(self, run: str, order: int) -> str:
        """A UUID."""
        return uuid_name(run, order)

    def place(self, order: NewOrder) -> Call:
        """POST orders."""
        item = order.instrument
        configuration: dict[str, Any] = {"base_size": item.quantity_text(order.lots)}
        if order.kind != MARKET:
            configuration["limit_price"] = item.price_text(order.price)
        if order.kind in (LIMIT, POST_ONLY):
            configuration["post_only"] = order.kind == POST_ONLY
        fields = {
            "client_order_id": checked_uuid(order.client),
            "product_id": item.wire,
            "side": "BUY" if order.side == BUY else "SELL",
            "order_configuration": {_CONFIGURATION[order.kind]: configuration},
        }

        def placed(said: _Placed) -> Report:
            if said.success_response is None:
                raise ValueError("a success without its order")
            return Report(order.client, said.success_response.order_id, OPEN, order.side, order.price, order.lots, 0)

        return Call("POST", f"{ROOT}/orders", body=fields, read=partial(self._read, _Placed, placed))

    def cancel(self, instrument: Instrument, report: Report) -> Call:
        """POST orders/batch_cancel, by the venue's name: it takes no other."""
        if not report.venue_id:
            raise ValueError(f"order {report.client!r}: coinbase cancels by its own name; find the order first")
        return Call("POST", f"{ROOT}/orders/batch_cancel", body={"order_ids": [report.venue_id]}, read=partial(self._read, dict[str, Any], lambda said: None))

    def find(self, instrument: Instrument, client: str) -> Sequence[Call]:
        """GET orders/historical/batch: the product's newest 1,000."""

        def found(said: _Orders) -> Report | None:
            reports = [self._report(instrument, each) for each in said.orders if each.client_order_id == client]
            return reports[0] if reports else None

        return [Call("GET", f"{ROOT}/orders/historical/batch", {"product_ids": instrument.wire, "limit": "1000"}, read=partial(self._read, _Orders, found))]

    def open_orders(self, instrument: Instrument) -> Call:
        """GET orders/historical/batch of those that are open."""

        def page(cursor: dict[str, str]) -> Call:
            query = {"product_ids": instrument.wire, "order_status": "OPEN", "limit": "1000", **cursor}
            return Call("GET", f"{ROOT}/orders/historical/batch", query, read=partial(self._read, _Orders, read))

        def read(said: _Orders) -> Page:
            return Page([self._report(instrument, each) for each in said.orders], page(_next(said.cursor)) if said.has_next else None)

        return page({})

    def fills(self, instrument: Instrument, since: int) -> Call:
        """GET orders/historical/fills from a time on, page by page."""

        def page(cursor: dict[str, str]) -> Call:
            query = {"product_ids": instrument.wire, "start_sequence_timestamp": start, "limit": "1000", **cursor}
            return Call("GET", f"{ROOT}/orders/historical/fills", query, read=partial(self._read, _Fills, read))

        def read(said: _Fills) -> Page:
            return Page([self._fill(instrument, each) for each in said.fills], page(_next(said.cursor)) if said.cursor else None)

        start = f"{datetime.fromtimestamp(since // SECOND, UTC):%Y-%m-%dT%H:%M:%S}Z"
        return page({})

    def balances(self) -> Sequence[Call]:
        """GET accounts."""

        def page(cursor: dict[str, str]) -> Call:
            return Call("GET", f"{ROOT}/accounts", {"limit": "250", **cursor}, read=partial(self._read, _Accounts, read))

        def read(said: _Accounts) -> Page:
            held = [Balance(each.currency, each.available_balance.value, each.available_balance.value + each.hold.value) for each in said.accounts]
            return Page(held, page(_next(said.cursor)) if said.has_next else None)

        return [page({})]

    def sign(self, call: Call, ts: int) -> Request:
        """With a token whose nonce is the time and a count."""
        self._count += 1
        bearer = token(self._key, call, ts // SECOND, f"{ts:x}{self._count:x}")
        return Request(call.method, with_query(call), json_body(call), secret_headers({"Authorization": f"Bearer {bearer}", "Content-Type": JSON}))

    refusal = staticmethod(refusal)

    def _report(self, item: Instrument, said: _Order) -> Report:
        (how,) = said.order_configuration.values()
        filled, state = item.lots(said.filled_size), STATES[said.status]
        if state == OPEN and filled:
            state = PARTIAL
        price = item.ticks(how["limit_price"]) if "limit_price" in how else 0
        lots = item.lots(how["base_size"]) if "base_size" in how else filled
        return Report(said.client_order_id, said.order_id, state, side_of(said.side), price, lots, filled)

    def _fill(self, item: Instrument, said: _Fill) -> Fill:
        liquidity = MAKER if said.liquidity_indicator == "MAKER" else TAKER
        price, lots, ts = item.ticks(said.price), item.lots(said.size), self._times[said.trade_time]
        return Fill(said.entry_id, said.order_id, item.id, side_of(said.side), price, lots, said.commission, item.key.quote, liquidity, ts)
