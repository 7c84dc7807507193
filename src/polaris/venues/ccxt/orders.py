"""The private side of a venue of the long tail: ccxt signs and reads, the port's rules hold.

A request is sent only where it is field by field what the venue's table says the order is; a list that may be cut short
counts as unread. Fills are asked for window by window, and a window that came back full is halved until it is not.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

from polaris.domain.errors import BadMessage, UnreadableNumber
from polaris.domain.instrument import Instrument
from polaris.domain.orders import (
    BUY,
    CANCELLED,
    CANCELLING,
    EXPIRED,
    FILLED,
    IOC,
    MAKER,
    MARKET,
    OPEN,
    PARTIAL,
    PENDING,
    POST_ONLY,
    REJECTED,
    TAKER,
)
from polaris.venues.ccxt.dialect import MS, Dialect
from polaris.venues.ccxt.dialect import Market as MarketDocument
from polaris.venues.ccxt.tail import Tail
from polaris.venues.orders import (
    UNTOLD,
    Balance,
    Call,
    Fill,
    Key,
    NewOrder,
    Page,
    Refusal,
    Report,
    Request,
    order_name,
    secret_headers,
    side_of,
)

FULL: Final = 50  # entries of a list at every venue; one with as many may have more
DAY_MS: Final = 86_400_000
SECOND_MS: Final = 1000  # some venues cut windows at whole seconds
CCXT_KINDS: Final[Mapping[int, Mapping[str, Any]]] = {POST_ONLY: {"postOnly": True}, IOC: {"timeInForce": "IOC"}}
STATES: Final = {"open": OPEN, "canceled": CANCELLED, "expired": EXPIRED, "rejected": REJECTED, "canceling": CANCELLING, "closed": FILLED, None: PENDING}
LIQUIDITY: Final = {"maker": MAKER, "taker": TAKER}


class CcxtOrders:
    """One account at one venue of the long tail; see `venues.orders.Orders`. Raises BadConfig where ccxt is not installed.

    markets  as `dialect.markets_from` tells them
    """

    dedups = False  # a name is taken only as long as its order is open

    def __init__(self, tail: Tail, key: Key, markets: list[MarketDocument]) -> None:
        self.venue, self.valid_s = tail.name, tail.valid_s
        self._tail, self._key = tail, key
        self._dialect = Dialect(tail, markets)

    def name(self, run: str, order: int) -> str:
        """As everywhere; without its dash where the venue takes none."""
        name = order_name(run, order)
        return name if self._tail.dashes else name.replace("-", "")

    def place(self, order: NewOrder) -> Call:
        """create_order, looked at before it is sent."""
        item, kinds = order.instrument, self._tail.kinds
        if order.kind not in kinds:
            raise ValueError(f"{self.venue} takes no order of kind {order.kind} through ccxt")
        side, kind = ("buy" if order.side == BUY else "sell"), ("market" if order.kind == MARKET else "limit")
        price = None if order.kind == MARKET else item.price_text(order.price)
        arguments = (self._dialect.symbol(item.wire), kind, side, item.quantity_text(order.lots), price, {"clientOrderId": order.client, **CCXT_KINDS.get(order.kind, {})})
        call = self._call("create_order", *arguments, then=partial(self._placed, order))
        wrong = self._differs(order, self._dialect.ask(*_arguments(call), key=self._key, ts=0).fields())
        if wrong:
            raise ValueError(f"{self.venue}: ccxt would send another order than was asked for: {wrong}")
        return call

    def cancel(self, instrument: Instrument, report: Report) -> Call:
        """cancel_order, by the venue's number: raises ValueError without it, as not every venue cancels by our name."""
        if not report.venue_id:
            raise ValueError(f"{self.venue}: order {report.client} can't be cancelled without the venue's number for it")
        return self._call("cancel_order", report.venue_id, self._dialect.symbol(instrument.wire), then=lambda said: None)

    def find(self, instrument: Instrument, client: str) -> Sequence[Call]:
        """fetch_order, or the lists an order may stand in, by our name."""
        symbol, by = self._dialect.symbol(instrument.wire), {self._tail.find_by: client}
        then = partial(self._found, instrument, client)
        return [
            self._call(method, *((None, symbol, by) if method == "fetch_order" else (symbol, None, None, by)), then=then) for method in self._tail.find
        ]

    def open_orders(self, instrument: Instrument) -> Call:
        """fetch_open_orders."""

        def then(said: list[dict[str, Any]]) -> list[Report]:
            if len(said) >= FULL:
                raise ValueError(f"{FULL} open orders or more: those behind them can't be asked for")
            return [self._report(instrument, each) for each in said]

        return self._call("fetch_open_orders", self._dialect.symbol(instrument.wire), None, FULL, then=then)

    def fills(self, instrument: Instrument, since: int) -> Call:
        """fetch_my_trades, a day at a time."""
        start_ms = since // MS
        return self._window(instrument, start_ms, start_ms + DAY_MS)

    def balances(self) -> Sequence[Call]:
        """fetch_balance."""

        def then(said: dict[str, Any]) -> list[Balance]:
            return [Balance(asset, _decimal(said["free"][asset]), _decimal(total)) for asset, total in said["total"].items()]

        return [self._call("fetch_balance", then=then)]

    def sign(self, call: Call, ts: int) -> Request:
        """As ccxt signs for the time `ts`."""
        asked = self._dialect.ask(*_arguments(call), key=self._key, ts=ts)
        return Request(asked.method, asked.url.removeprefix(self._tail.url), asked.body.encode(), secret_headers({name: str(value) for name, value in asked.headers.items()}))

    def refusal(self, status: int, body: bytes) -> Refusal | None:
        """As ccxt tells a venue's errors apart."""
        return self._dialect.refusal(status, body)

    def _call(self, method: str, *arguments: Any, then: Any) -> Call:
        """A call whose path is a method of ccxt and whose body is its arguments."""

        def read(body: bytes) -> Any:
            said = self._dialect.read(method, *arguments, body=body)
            try:
                return then(said)
            except (ValueError, TypeError, KeyError, AttributeError, UnreadableNumber) as cause:
                raise BadMessage(self.venue, f"an answer that can't be read: {type(cause).__name__}: {cause}", body) from cause

        return Call("ccxt", method, body={"arguments": arguments}, read=read)

    def _window(self, item: Instrument, start_ms: int, end_ms: int) -> Call:
        def then(said: list[dict[str, Any]]) -> Page:
            if len(said) < FULL:
                wider = min(DAY_MS, 2 * (end_ms - start_ms))
                return Page([self._fill(item, each) for each in said], self._window(item, end_ms, end_ms + wider), end_ms * MS)
            if end_ms - start_ms <= SECOND_MS:
                raise ValueError(f"{FULL} fills or more in one second: those behind them can't be asked for")
            return Page((), self._window(item, start_ms, (start_ms + end_ms) // 2))

        return self._call("fetch_my_trades", self._dialect.symbol(item.wire), start_ms, FULL, {"until": end_ms}, then=then)

    def _differs(self, order: NewOrder, found: dict[str, str]) -> str:
        """How a request is not this order."""
        item, tail = order.instrument, self._tail
        price, quantity = item.price_text(order.price), item.quantity_text(order.lots)
        words = {"wire": item.wire, "side": tail.buy if order.side == BUY else tail.sell, "price": price, "quantity": quantity, "name": order.client}
        wanted = {field: each.format_map(words) for field, each in tail.order.items() if order.kind != MARKET or each != "{price}"}
        wanted.update(tail.kinds[order.kind])
        numbers = [field for field, each in tail.order.items() if each in ("{price}", "{quantity}")]
        for field in sorted(wanted.keys() | found.keys() - set(tail.unsigned)):
            said, ours = found.get(field), wanted.get(field)
            if said != ours and not (field in numbers and said and ours and _same(said, ours)):
                return f"{field} is {said!r}, expected {ours!r}"
        return ""

    def _placed(self, order: NewOrder, said: dict[str, Any]) -> Report:
        """Venues often answer with a number alone: what they do not tell is as it was asked for, and not settled yet."""
        if not said["id"]:
            raise ValueError("an order without a number")
        if said["status"] is None or said["amount"] is None or said["filled"] is None:
            return Report(order.client, said["id"], PENDING, order.side, order.price, order.lots, 0)
        return self._report(order.instrument, said)

    def _found(self, item: Instrument, client: str, said: Any) -> Report | None:
        found = said if isinstance(said, list) else [said] if said else []
        if not found:
            return None
        if len(found) != 1 or self._ours(found[0]["clientOrderId"]) != client:
            raise ValueError(f"asked for order {client}, told of {[each['clientOrderId'] for each in found[:3]]}")
        return self._report(item, found[0])

    def _report(self, item: Instrument, said: dict[str, Any]) -> Report:
        if said["symbol"] != self._dialect.symbol(item.wire):
            raise ValueError(f"an order of {said['symbol']}, expected one of {item.wire}")
        lots, filled = item.lots(said["amount"]), item.lots(said["filled"])
        state = STATES[said["status"]]
        if state == OPEN and filled:
            state = PARTIAL
        if state == FILLED and filled < lots:  # "closed" is every way to end
            state = CANCELLED
        limit = said["type"] != "market" and said["price"] is not None
        return Report(self._ours(said["clientOrderId"]), said["id"], state, side_of(said["side"]), item.ticks(said["price"]) if limit else 0, lots, filled)

    def _fill(self, item: Instrument, said: dict[str, Any]) -> Fill:
        fee = said["fee"]
        if not (said["id"] and said["order"] and fee["currency"]) or said["symbol"] != self._dialect.symbol(item.wire):
            raise ValueError(f"a fill of {said['symbol']} with id {said['id']!r}, order {said['order']!r}, fee {fee}")
        liquidity, ts = LIQUIDITY.get(said["takerOrMaker"], UNTOLD), int(said["timestamp"]) * MS
        price, lots = item.ticks(said["price"]), item.lots(said["amount"])
        return Fill(said["id"], said["order"], item.id, side_of(said["side"]), price, lots, _decimal(fee["cost"]), fee["currency"], liquidity, ts)

    def _ours(self, client: str | None) -> str:
        """Our name out of the venue's text for it."""
        prefix = next(each for each in self._tail.order.values() if each.endswith("{name}")).removesuffix("{name}")
        return (client or "").removeprefix(prefix)


def _arguments(call: Call) -> tuple[Any, ...]:
    assert call.body is not None
    return call.path, *call.body["arguments"]


def _decimal(text: Any) -> Decimal:
    if not isinstance(text, str):
        raise ValueError(f"a number that is no text: {text!r}")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None
    if not value.is_finite():
        raise ValueError(f"{text!r} is no amount")
    return value


def _same(said: str, ours: str) -> bool:
    try:
        return _decimal(said) == _decimal(ours)
    except ValueError:
        return False
