"""Orders at Kraken over REST (spot).

Every private call is a form with a nonce; the signature covers path, nonce and form: base64 of HMAC-SHA512 with the decoded
secret over path + SHA256(nonce + form). A nonce at or below one already heard is refused, so a later call that was
answered ends every earlier one that was lost.
Source: Kraken API documentation, "Spot REST Authentication", "Get Trades History", "Get Extended Balance".
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
from polaris.domain.orders import BUY, CANCELLED, EXPIRED, FILLED, IOC, LIMIT, MAKER, MARKET, OPEN, PARTIAL, PENDING, POST_ONLY, TAKER
from polaris.venues.kraken.errors import refusal
from polaris.venues.kraken.symbols import ELSEWHERE
from polaris.venues.orders import (
    FORM,
    LONGEST_NAME,
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
    secret_headers,
    side_of,
)

NAME: Final = "kraken"
ROOT: Final = "/0/private"
MS: Final = 1_000_000
SECOND: Final = 1_000_000_000
OLD_NAMES: Final = {elsewhere: here for here, elsewhere in ELSEWHERE.items()}
LETTERED: Final = re.compile("X(ETC|ETH|LTC|MLN|REP|XBT|XDG|XLM|XMR|XRP|ZEC)|Z(AUD|CAD|EUR|GBP|JPY|USD)")  # its first assets
STATES: Final = {"pending": PENDING, "open": OPEN, "closed": FILLED, "canceled": CANCELLED, "expired": EXPIRED}
_KIND: Final[dict[int, dict[str, str]]] = {
    MARKET: {"ordertype": "market"},
    LIMIT: {"ordertype": "limit"},
    POST_ONLY: {"ordertype": "limit", "oflags": "post"},
    IOC: {"ordertype": "limit", "timeinforce": "IOC"},
}


def signed(key: Key, call: Call, nonce: str) -> Request:
    """The request with that nonce."""
    form = encoded({"nonce": nonce, **(call.body or {})})
    digest = call.path.encode() + hashlib.sha256((nonce + form).encode()).digest()
    signature = base64.b64encode(hmac.new(base64.b64decode(key.secret.reveal()), digest, hashlib.sha512).digest()).decode()
    return Request("POST", call.path, form.encode(), secret_headers({"API-Key": key.api_key.reveal(), "API-Sign": signature, "Content-Type": FORM}))


def pair_name(item: Instrument) -> str:
    """How REST calls a pair: "XBTUSD" for BTC/USD."""
    base, _, quote = item.wire.partition("/")
    return OLD_NAMES.get(base, base) + OLD_NAMES.get(quote, quote)


def asset_name(said: str) -> str:
    """What everybody else calls an asset of a balance: BTC for XXBT and XBT, USD for ZUSD, and BTC.F for XBT.F, which earns."""
    name, dot, kind = said.partition(".")
    name = name[1:] if LETTERED.fullmatch(name) else name
    return ELSEWHERE.get(name, name) + dot + kind


class _Description(msgspec.Struct):
    pair: str
    type: str
    ordertype: str
    price: str


class _Order(msgspec.Struct):
    status: str
    descr: _Description
    vol: str
    vol_exec: str
    cl_ord_id: str | None = None


class _Orders(msgspec.Struct):
    open: dict[str, _Order] = {}
    closed: dict[str, _Order] = {}


class _Trade(msgspec.Struct):
    ordertxid: str
    pair: str
    time: Decimal
    type: str
    price: str
    vol: str
    fee: Decimal
    maker: bool | None = None


class _Held(msgspec.Struct):
    balance: Decimal
    hold_trade: Decimal = Decimal(0)


class _Result(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")


class _Trades(msgspec.Struct):
    trades: dict[str, _Trade]


class KrakenOrders:
    """One account; see `venues.orders.Orders`."""

    venue = NAME
    dedups = False  # a name is taken only as long as its order is open
    valid_s = 0.0

    def __init__(self, instruments: Instruments, key: Key) -> None:
        self._instruments, self._key = instruments, key
        self._nonce = Nonce(MS)
        self._read = Reader(NAME)

    def name(self, run: str, order: int) -> str:
        """As everywhere: 18 letters are what this venue takes."""
        return order_name(run, order)

    def place(self, order: NewOrder) -> Call:
        """POST AddOrder."""
        if not (order.client.isascii() and 0 < len(order.client) <= LONGEST_NAME):
            raise ValueError(f"order name {order.client!r}: expected 1 to {LONGEST_NAME} ASCII letters")
        item = order.instrument
        fields = {"pair": pair_name(item), "type": "buy" if order.side == BUY else "sell", **_KIND[order.kind], "volume": item.quantity_text(order.lots)}
        if order.kind != MARKET:
            fields["price"] = item.price_text(order.price)
        fields["cl_ord_id"] = order.client

        def placed(said: Any) -> Report:
            (number,) = said["txid"]
            return Report(order.client, number, OPEN, order.side, order.price, order.lots, 0)

        return self._call("AddOrder", fields, dict[str, Any], placed)

    def cancel(self, instrument: Instrument, report: Report) -> Call:
        """POST CancelOrder, by our name."""
        return self._call("CancelOrder", {"cl_ord_id": report.client}, dict[str, Any], lambda said: None)

    def find(self, instrument: Instrument, client: str) -> Sequence[Call]:
        """Among the open orders, then among the closed ones."""

        def found(where: str, said: Any) -> Report | None:
            reports = [self._report(instrument, number, each) for number, each in getattr(said, where).items() if each.cl_ord_id == client]
            return reports[0] if reports else None

        return [
            self._call("OpenOrders", {"cl_ord_id": client}, _Orders, partial(found, "open")),
            self._call("ClosedOrders", {"cl_ord_id": client, "without_count": "true"}, _Orders, partial(found, "closed")),
        ]

    def open_orders(self, instrument: Instrument) -> Call:
        """POST OpenOrders: those of the pair are kept."""
        names = self._pair_names(instrument)

        def read(said: Any) -> list[Report]:
            return [self._report(instrument, number, each) for number, each in said.open.items() if each.descr.pair in names]

        return self._call("OpenOrders", {}, _Orders, read)

    def fills(self, instrument: Instrument, since: int) -> Call:
        """POST TradesHistory after a second: the newest first, 50 at most, so page by page; those of the pair are kept."""
        return self._trades(instrument, str((since - 1) // SECOND), 0)

    def _trades(self, item: Instrument, start: str, offset: int) -> Call:
        names = self._pair_names(item)

        def read(said: Any) -> Page:
            fills = [self._fill(item, number, each) for number, each in said.trades.items() if each.pair in names]
            return Page(fills, self._trades(item, start, offset + len(said.trades)) if said.trades else None)

        return self._call("TradesHistory", {"start": start, "ofs": str(offset), "without_count": "true"}, _Trades, read)

    def balances(self) -> Sequence[Call]:
        """POST BalanceEx."""
        read = lambda said: [Balance(asset_name(name), each.balance - each.hold_trade, each.balance) for name, each in said.items()]  # noqa: E731
        return [self._call("BalanceEx", {}, dict[str, _Held], read)]

    def sign(self, call: Call, ts: int) -> Request:
        """With a nonce in milliseconds that rises."""
        return signed(self._key, call, str(self._nonce(ts)))

    refusal = staticmethod(refusal)

    def _call(self, name: str, fields: dict[str, str], shape: Any, then: Any) -> Call:
        def result(said: _Result) -> Any:
            return then(msgspec.json.decode(said.result, type=shape))

        return Call("POST", f"{ROOT}/{name}", body=fields, read=partial(self._read, _Result, result))

    def _pair_names(self, item: Instrument) -> set[str]:
        """What an answer may call the pair: "XBTUSD", "XBT/USD", "BTC/USD", "XXBTZUSD", "XETHXXBT"."""
        base, _, quote = item.wire.partition("/")
        bases, quotes = ({name, OLD_NAMES.get(name, name)} for name in (base, quote))
        return {form.format(b, q) for b in bases for q in quotes for form in ("{}{}", "{}/{}", "X{}Z{}", "X{}X{}")}

    def _report(self, item: Instrument, number: str, said: _Order) -> Report:
        lots, filled = item.lots(said.vol), item.lots(said.vol_exec)
        state = STATES[said.status]
        if state == OPEN and filled:
            state = PARTIAL
        price = 0 if said.descr.ordertype == "market" else item.ticks(said.descr.price)
        return Report(said.cl_ord_id or "", number, state, side_of(said.descr.type), price, lots, filled)

    def _fill(self, item: Instrument, number: str, said: _Trade) -> Fill:
        ts = int(said.time * SECOND)
        liquidity = UNTOLD if said.maker is None else MAKER if said.maker else TAKER
        return Fill(number, said.ordertxid, item.id, side_of(said.type), item.ticks(said.price), item.lots(said.vol), said.fee, item.key.quote, liquidity, ts)
