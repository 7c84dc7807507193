"""Lists of orders: one cancels the other (OCO), one triggers another (OTO), one triggers two of which one cancels the other (OTOCO).

The legs are commands next to each other, taken all or none; the list's own name travels in the note of a CLOCK before them.
Source: Binance spot API documentation, "Order lists".
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from polaris.domain.orders import BUY
from polaris.exchange import words as w
from polaris.exchange.gateway.binance import errors, reports
from polaris.exchange.gateway.binance.books import Books, refused
from polaris.exchange.gateway.binance.call import Call
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.binance.security import Need
from polaris.exchange.gateway.binance.server import BinanceServer, Endpoint
from polaris.exchange.gateway.binance.trading import Trading, refused_any
from polaris.exchange.gateway.binance.wanted import RESPONSES, Wanted, new_name, read
from polaris.exchange.gateway.orders import NAMES_LIST, Change, OrderList
from polaris.exchange.gateway.venue import Venue, command

OCO_ROLES: Final = (w.OCO_FIRST, w.OCO_SECOND)
OTO_ROLES: Final = (w.OTO_WORKING, w.OTO_PENDING)
OTOCO_ROLES: Final = (w.OTOCO_WORKING, w.OTOCO_FIRST, w.OTOCO_SECOND)
STOPS: Final = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT"})
TAKES: Final = frozenset({"TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
PAIRED: Final = STOPS | TAKES | {"LIMIT_MAKER"}
BAD_RELATION: Final = "The relationship of the prices for the orders is not correct."


class Lists:
    """The order list endpoints of a venue."""

    def __init__(self, venue: Venue, server: BinanceServer, books: Books, trading: Trading) -> None:
        self._venue = venue
        self._server = server
        self._books = books
        self._trading = trading

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `BinanceServer.add`."""
        v3 = "/api/v3/orderList"
        yield Endpoint(self.one_cancels, rest=(f"POST {v3}/oco",), socket="orderList.place.oco", need=Need.TRADE)
        yield Endpoint(self.one_cancels_formerly, rest=("POST /api/v3/order/oco",), socket="orderList.place", need=Need.TRADE)
        yield Endpoint(self.one_triggers, rest=(f"POST {v3}/oto",), socket="orderList.place.oto", need=Need.TRADE)
        yield Endpoint(self.one_triggers_two, rest=(f"POST {v3}/otoco",), socket="orderList.place.otoco", need=Need.TRADE)
        yield Endpoint(self.cancel, rest=(f"DELETE {v3}",), socket="orderList.cancel", need=Need.TRADE)

    def one_cancels(self, call: Call) -> None:
        """An OCO."""
        book, figures = self._books.find(call)
        self._place(call, figures, book, _pair(call, figures, book), OCO_ROLES, "RESULT")

    def one_cancels_formerly(self, call: Call) -> None:
        """An OCO as it was asked before there were other lists."""
        book, figures = self._books.find(call)
        sent, call.params = call.params, _formerly(call)
        legs = _pair(call, figures, book)
        call.params = sent
        self._place(call, figures, book, legs, OCO_ROLES, "FULL")

    def one_triggers(self, call: Call) -> None:
        """An OTO."""
        book, figures = self._books.find(call)
        working, pending = _working(call, figures, book), read(call, figures, book, "pending")
        self._place(call, figures, book, [working, pending], OTO_ROLES, "RESULT")

    def one_triggers_two(self, call: Call) -> None:
        """An OTOCO."""
        book, figures = self._books.find(call)
        working = _working(call, figures, book)
        self._place(call, figures, book, [working, *_pair(call, figures, book, "pending")], OTOCO_ROLES, "RESULT")

    def cancel(self, call: Call) -> None:
        """Cancel a whole list."""
        book, figures = self._books.find(call)
        orders = self._find(call)
        legs = [order for order in orders.orders if order.alive] if orders is not None and orders.book == book else []
        if not legs:
            raise errors.unknown_order()
        name = call.client_id("newClientOrderId") or new_name()
        commands = [command(w.CANCEL, order_id=order.order_id, book=book, account=call.account) for order in legs]
        self._trading.ask(
            call, commands, [self._trading.note(call, name) for _ in legs],
            lambda changes: call.settle(lambda: self._trading.cancelled(call, figures, changes)),
        )  # fmt: skip

    def _place(self, call: Call, figures: Figures, book: int, legs: Sequence[Wanted], roles: Sequence[int], default: str) -> None:
        """Ask for a list; its answer is what became of every leg."""
        shown = call.choice("newOrderRespType", RESPONSES, default)
        name = call.client_id("listClientOrderId") or new_name()
        claim = f"list {name}"  # no order's name has a space
        known = self._venue.register.list_named(call.account, name)
        if known is not None and not known.done:
            raise errors.no_new_order("Duplicate order sent.")
        self._server.gate.once(call, call.received)
        list_id = self._venue.new_list_id()
        if not self._venue.claim(call.account, claim, list_id, book):
            raise errors.no_new_order("Duplicate order sent.")
        try:
            first = self._trading.claim(call, list(legs))
        except Refusal:
            self._venue.release(call.account, claim)
            raise

        def placed(changes: list[Change]) -> None:
            self._venue.release(call.account, claim)
            for leg in legs:
                self._venue.release(call.account, leg.client_id)
            call.ordered = True
            if refused_any(changes):
                self._server.orders.give_back(call.account, len(legs), call.received)
            call.settle(lambda: self._placed(call, figures, list_id, shown, changes))

        commands = [command(w.CLOCK, price=self._venue.now())]
        notes = [self._trading.note(call, name, list_id=list_id, kind=NAMES_LIST)]
        for order_id, (leg, role) in enumerate(zip(legs, roles, strict=True), first):
            commands.append(leg.command(order_id, call.account, role))
            notes.append(self._trading.note(call, leg.client_id, leg.number, list_id))
        try:
            self._trading.ask(call, commands, notes, placed, list(legs))
        except Refusal:
            self._venue.release(call.account, claim)
            raise

    def _placed(self, call: Call, figures: Figures, list_id: int, shown: str, changes: list[Change]) -> Any:
        refusals = [change.reason for change in changes if change.kind == w.REJECTED]
        if refusals:
            reason = next((reason for reason in refusals if reason != w.LIST_REFUSED), w.LIST_REFUSED)
            if reason in (w.TRIGGERED_ALREADY, w.WOULD_TAKE):
                raise errors.no_new_order(BAD_RELATION)
            raise refused(reason, self._server.limits)
        orders = self._venue.register.order_list(call.account, list_id)
        if orders is None:
            raise errors.not_durable()
        ts = changes[0].ts
        legs = [self._trading.shown(call, figures, order, ts, shown, changes) for order in orders.orders]
        return {**reports.orders(figures, orders, call.time), "orderReports": legs}

    def _find(self, call: Call) -> OrderList | None:
        if call.params.get("orderListId") is not None:
            return self._venue.register.order_list(call.account, call.integer("orderListId"))
        name = call.client_id("listClientOrderId")
        if not name:
            raise Refusal(-1102, "Param 'orderListId' or 'listClientOrderId' must be sent, but both were empty/null!")
        return self._venue.register.list_named(call.account, name)


def _working(call: Call, figures: Figures, book: int) -> Wanted:
    """The order that triggers the others."""
    if call.text("workingType") not in ("LIMIT", "LIMIT_MAKER"):
        raise Refusal(-1116, "Invalid orderType.")
    return read(call, figures, book, "working")


def _pair(call: Call, figures: Figures, book: int, prefix: str = "") -> list[Wanted]:
    """The two orders of which one cancels the other: the one above the market, the one below it."""
    side, quantity = (f"{prefix}Side", f"{prefix}Quantity") if prefix else ("side", "quantity")
    names = [f"{prefix}{end}" if prefix else end.lower() for end in ("Above", "Below")]
    for name in names:
        if call.text(f"{name}Type") not in PAIRED:
            raise Refusal(-1158, "Order type not supported in OCO.")
    above, below = (read(call, figures, book, name, side, quantity) for name in names)
    _relation(above, below)
    return [above, below]


def _relation(above: Wanted, below: Wanted) -> None:
    """Raises Refusal where the two are the wrong way round."""
    kinds = {above.name, below.name}
    if kinds == {"LIMIT_MAKER"}:
        raise Refusal(-1168, "At least one OCO order must be contingent.")
    if not kinds & STOPS or kinds <= STOPS:
        raise Refusal(-1158, "Order type not supported in OCO.")
    buys = above.side == BUY
    if buys and above.name == "LIMIT_MAKER":
        raise Refusal(-1165, "A limit order in a buy OCO must be below.")
    if not buys and below.name == "LIMIT_MAKER":
        raise Refusal(-1166, "A limit order in a sell OCO must be above.")
    if buys and below.name in STOPS:
        raise Refusal(-1196, "A stop loss order in a buy OCO must be above.")
    if not buys and above.name in STOPS:
        raise Refusal(-1197, "A stop loss order in a sell OCO must be below.")
    high, low = (leg.price if leg.name == "LIMIT_MAKER" else leg.trigger for leg in (above, below))
    if high and low and high <= low:
        raise errors.no_new_order(BAD_RELATION)


def _formerly(call: Call) -> dict[str, str]:
    """The parameters of a former OCO in the names of today's."""
    limited, stopped = ("above", "below") if call.text("side") == "SELL" else ("below", "above")
    call.text("price")
    stop_limit = call.optional("stopLimitPrice")
    if call.params.get("stopPrice") is None and call.params.get("trailingDelta") is None:
        raise errors.missing("stopPrice")
    names = {
        "price": f"{limited}Price", "limitClientOrderId": f"{limited}ClientOrderId", "limitIcebergQty": f"{limited}IcebergQty",
        "limitStrategyId": f"{limited}StrategyId", "limitStrategyType": f"{limited}StrategyType", "stopPrice": f"{stopped}StopPrice",
        "stopLimitPrice": f"{stopped}Price", "stopLimitTimeInForce": f"{stopped}TimeInForce", "stopClientOrderId": f"{stopped}ClientOrderId",
        "stopIcebergQty": f"{stopped}IcebergQty", "stopStrategyId": f"{stopped}StrategyId", "stopStrategyType": f"{stopped}StrategyType",
        "trailingDelta": f"{stopped}TrailingDelta",
    }  # fmt: skip
    renamed = {names.get(name, name): value for name, value in call.params.items()}
    return {**renamed, f"{limited}Type": "LIMIT_MAKER", f"{stopped}Type": "STOP_LOSS" if stop_limit is None else "STOP_LOSS_LIMIT"}
