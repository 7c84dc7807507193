"""Orders at Binance over REST: spot and both futures.

Parameters in the order they are sent, with a timestamp and a window of validity; the signature is the hex HMAC-SHA256 of
exactly that text. A request that is older than its window is refused, so an order that is still absent then never was.
Source: Binance API documentation, "SIGNED endpoint security"; errors: "Error codes".
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
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
    MAKER,
    MARKET,
    OPEN,
    PARTIAL,
    PENDING,
    POST_ONLY,
    REJECTED,
    SELL,
    TAKER,
)
from polaris.venues.binance.errors import refusal
from polaris.venues.binance.symbols import SPOT, Market
from polaris.venues.orders import (
    FORM,
    Balance,
    Call,
    Fill,
    Key,
    NewOrder,
    Page,
    Reader,
    Report,
    Request,
    encoded,
    order_name,
    side_of,
)
from polaris.venues.secrets import Secret

MS: Final = 1_000_000
DAY_MS: Final = 24 * 3600 * 1000
FILLS: Final = 1000  # in one answer
NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,36}")  # the venue also takes : and /, which would need escapes before signing
STATES: Final = {
    "NEW": OPEN, "PENDING_NEW": PENDING, "PARTIALLY_FILLED": PARTIAL, "FILLED": FILLED, "CANCELED": CANCELLED, "PENDING_CANCEL": CANCELLING,
    "REJECTED": REJECTED, "EXPIRED": EXPIRED, "EXPIRED_IN_MATCH": EXPIRED, "NEW_INSURANCE": OPEN, "NEW_ADL": OPEN,
}  # fmt: skip
TYPES: Final[Mapping[int, dict[str, str]]] = {
    MARKET: {"type": "MARKET"},
    LIMIT: {"type": "LIMIT", "timeInForce": "GTC"},
    POST_ONLY: {"type": "LIMIT_MAKER"},
    IOC: {"type": "LIMIT", "timeInForce": "IOC"},
}
_FUTURES_POST_ONLY: Final = {"type": "LIMIT", "timeInForce": "GTX"}


def sign(payload: str, secret: Secret) -> str:
    """Hex HMAC-SHA256 of a payload: 64 characters."""
    return hmac.new(secret.reveal().encode(), payload.encode(), hashlib.sha256).hexdigest()


def signed(key: Key, call: Call, stamp: int, window_ms: int) -> Request:
    """The request at time `stamp` (ms). A GET or DELETE carries its fields in the query, a POST as a form."""
    fields = {"timestamp": stamp, **call.query, **(call.body or {}), "recvWindow": window_ms}
    text = encoded(fields)
    text += f"&signature={sign(text, key.secret)}"
    headers = {"X-MBX-APIKEY": key.api_key}
    if call.method == "POST":
        return Request(call.method, call.path, text.encode(), headers | {"Content-Type": Secret(FORM)})
    return Request(call.method, f"{call.path}?{text}", b"", headers)


class _Order(msgspec.Struct):
    orderId: int
    status: str
    side: str
    origQty: str
    executedQty: str
    price: str
    clientOrderId: str


class _Fill(msgspec.Struct):
    id: int
    orderId: int
    price: str
    qty: str
    commission: Decimal
    commissionAsset: str
    time: int
    isBuyer: bool | None = None
    isMaker: bool | None = None
    buyer: bool | None = None  # the futures' names
    maker: bool | None = None


class _Held(msgspec.Struct):
    asset: str
    free: Decimal
    locked: Decimal


class _Account(msgspec.Struct):
    balances: list[_Held]


class _FuturesHeld(msgspec.Struct):
    asset: str
    balance: Decimal
    availableBalance: Decimal


class BinanceOrders:
    """One account at one of Binance's markets; see `venues.orders.Orders`."""

    dedups = False  # a name is taken only as long as its order is open

    def __init__(self, market: Market, instruments: Instruments, key: Key, window_ms: int = 5000) -> None:
        self.venue = market.name
        self.valid_s = window_ms / 1000
        self._instruments, self._key, self._window_ms = instruments, key, window_ms
        self._root, self._spot = market.api, market.api == SPOT.api
        self._read = Reader(market.name)

    def name(self, run: str, order: int) -> str:
        """As everywhere."""
        return order_name(run, order)

    def place(self, order: NewOrder) -> Call:
        """POST order."""
        if not NAME.fullmatch(order.client):
            raise ValueError(f"order name {order.client!r}: expected 1 to 36 letters, digits, dots, dashes or underscores")
        item = order.instrument
        kind = TYPES[order.kind] if self._spot or order.kind != POST_ONLY else _FUTURES_POST_ONLY
        fields = {"symbol": item.wire, "side": "BUY" if order.side == BUY else "SELL", **kind, "quantity": item.quantity_text(order.lots)}
        if order.kind != MARKET:
            fields["price"] = item.price_text(order.price)
        fields |= {"newClientOrderId": order.client, "newOrderRespType": "RESULT"}
        return Call("POST", f"{self._root}/order", body=fields, read=partial(self._read, _Order, partial(self._report, item)))

    def cancel(self, instrument: Instrument, report: Report) -> Call:
        """DELETE order, by our name."""
        return Call("DELETE", f"{self._root}/order", {"symbol": instrument.wire, "origClientOrderId": report.client}, read=partial(self._read, dict, lambda said: None))

    def find(self, instrument: Instrument, client: str) -> Sequence[Call]:
        """GET order, by our name."""
        read = partial(self._read, _Order, partial(self._report, instrument))
        return [Call("GET", f"{self._root}/order", {"symbol": instrument.wire, "origClientOrderId": client}, read=read)]

    def open_orders(self, instrument: Instrument) -> Call:
        """GET openOrders of one symbol."""
        read = partial(self._read, list[_Order], lambda found: [self._report(instrument, each) for each in found])
        return Call("GET", f"{self._root}/openOrders", {"symbol": instrument.wire}, read=read)

    def fills(self, instrument: Instrument, since: int) -> Call:
        """GET myTrades (userTrades of futures), the oldest first, in windows: a day is what it gives at once, of futures a week."""
        return self._window(instrument, since // MS)

    def _window(self, item: Instrument, start_ms: int) -> Call:
        end_ms = start_ms + (DAY_MS if self._spot else 7 * DAY_MS)

        def read(found: list[_Fill]) -> Page:
            fills = [self._fill(item, each) for each in found]
            if len(found) < FILLS:
                return Page(fills, self._window(item, end_ms), end_ms * MS)
            last_ms = max(each.time for each in found)
            if last_ms == start_ms:
                raise ValueError(f"{FILLS} fills in one millisecond: those behind them can't be asked for")
            return Page(fills, self._window(item, last_ms))

        query = {"symbol": item.wire, "startTime": str(start_ms), "endTime": str(end_ms), "limit": str(FILLS)}
        return Call("GET", f"{self._root}/{'myTrades' if self._spot else 'userTrades'}", query, read=partial(self._read, list[_Fill], read))

    def balances(self) -> Sequence[Call]:
        """GET account (balance of futures)."""
        if self._spot:
            return [Call("GET", f"{self._root}/account", read=partial(self._read, _Account, lambda said: [Balance(each.asset, each.free, each.free + each.locked) for each in said.balances]))]
        path = "/fapi/v3/balance" if self._root.startswith("/fapi") else f"{self._root}/balance"
        return [Call("GET", path, read=partial(self._read, list[_FuturesHeld], lambda said: [Balance(each.asset, each.availableBalance, each.balance) for each in said]))]

    def sign(self, call: Call, ts: int) -> Request:
        """With the timestamp in milliseconds."""
        return signed(self._key, call, ts // MS, self._window_ms)

    refusal = staticmethod(refusal)

    def _report(self, item: Instrument, said: _Order) -> Report:
        lots, filled = item.lots(said.origQty), item.lots(said.executedQty)
        return Report(said.clientOrderId, str(said.orderId), STATES[said.status], side_of(said.side), item.ticks(said.price), lots, filled)

    def _fill(self, item: Instrument, said: _Fill) -> Fill:
        bought, made = (said.isBuyer, said.isMaker) if self._spot else (said.buyer, said.maker)
        if bought is None or made is None:
            raise ValueError("a fill without its side or its liquidity")
        side, liquidity = BUY if bought else SELL, MAKER if made else TAKER
        return Fill(str(said.id), str(said.orderId), item.id, side, item.ticks(said.price), item.lots(said.qty), said.commission, said.commissionAsset, liquidity, said.time * MS)
