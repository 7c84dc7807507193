"""What an account may ask of its orders and trades: one, the open ones, all of a time, lists, amendments, what it prevented itself.

Everything is answered once what was asked before is in the register, so an order that was just placed is found.
Source: Binance spot API documentation, "Trading endpoints", "Account endpoints".
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from polaris.exchange.gateway.binance import errors, reports
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.call import Call
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.binance.security import Need
from polaris.exchange.gateway.binance.server import Endpoint
from polaris.exchange.gateway.orders import OrderList, Prevented, Trade
from polaris.exchange.gateway.venue import Venue
from polaris.exchange.words import EXPIRE_BOTH, EXPIRE_MAKER, EXPIRE_TAKER

DAY_NS: Final = 86_400_000_000_000
LIMIT: Final = 500
MOST: Final = 1_000
_MICROS_FROM: Final = 10**14  # a time above is in microseconds
Answer = Callable[[Call], Any]


class History:
    """The queries of a venue's accounts."""

    def __init__(self, venue: Venue, books: Books) -> None:
        self._venue = venue
        self._books = books

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `BinanceServer.add`."""
        for path, socket, answer, weight in (
            ("order", "order.status", self.order, 4),
            ("openOrders", "openOrders.status", self.open_orders, lambda params: 6 if "symbol" in params else 80),
            ("allOrders", "allOrders", self.all_orders, 20),
            ("myTrades", "myTrades", self.my_trades, lambda params: 5 if "orderId" in params else 20),
            ("order/amendments", "order.amendments", self.amendments, 4),
            ("myPreventedMatches", "myPreventedMatches", self.prevented, lambda params: 2 if "preventedMatchId" in params else 20),
            ("orderList", "orderList.status", self.order_list, 4),
            ("openOrderList", "openOrderLists.status", self.open_lists, 6),
            ("allOrderList", "allOrderLists", self.all_lists, 20),
        ):
            yield Endpoint(self._later(answer), rest=(f"GET /api/v3/{path}",), socket=socket, weight=weight, need=Need.READ)
        yield Endpoint(self._later(lambda _: []), rest=("GET /api/v3/myAllocations",), socket="myAllocations", weight=20, need=Need.READ)

    # orders

    def order(self, call: Call) -> Any:
        """One order, by its number or its name."""
        book, figures = self._books.find(call)
        name = call.client_id("origClientOrderId")
        if call.params.get("orderId") is None:
            if not name:
                raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
            order = self._venue.register.named(call.account, name)
        else:
            order = self._venue.register.order(call.account, book, call.integer("orderId"))
            if order is not None and name and name not in (order.client_id, order.first_id):
                order = None
        if order is None or order.book != book:
            raise errors.no_such_order()
        return reports.status(figures, order, call.time)

    def open_orders(self, call: Call) -> Any:
        """Every order that lives, of one book or all."""
        book = self._books.find_or_all(call)
        return [reports.status(self._books.figures[order.book], order, call.time) for order in self._venue.register.open(call.account, book)]

    def all_orders(self, call: Call) -> Any:
        """Orders of one book: from a number on, of a time, or the last ones."""
        book, figures = self._books.find(call)
        limit = call.integer("limit", LIMIT, 1, MOST)
        orders = self._venue.register.orders(call.account, book)
        chosen = _chosen(orders, *_times(call), _from(call, "orderId"), limit, lambda order: order.updated, lambda order: order.order_id)
        return [reports.status(figures, order, call.time) for order in chosen]

    def amendments(self, call: Call) -> Any:
        """How one order was made smaller."""
        book, figures = self._books.find(call)
        order = self._venue.register.order(call.account, book, call.integer("orderId"))
        if order is None:
            raise errors.no_such_order()
        start, limit = call.integer("fromExecutionId", 0), call.integer("limit", LIMIT, 1, MOST)
        found = [each for each in order.amendments or () if each.execution_id >= start][:limit]
        return [reports.amendment(figures, order, each, call.time) for each in found]

    # trades

    def my_trades(self, call: Call) -> Any:
        """Trades of one book: of an order, from a number on, of a time, or the last ones."""
        book, figures = self._books.find(call)
        limit = call.integer("limit", LIMIT, 1, MOST)
        start, end = _times(call)
        first, order_id = _from(call, "fromId"), _from(call, "orderId")
        if (start or end) and (first is not None or order_id is not None):
            raise errors.combination()
        trades = self._venue.register.trades(call.account, book, order_id or 0)
        chosen = _chosen(trades, start, end, first, limit, lambda trade: trade.ts, lambda trade: trade.trade_id)
        return [reports.my_trade(figures, trade, self._list_of(trade), call.time) for trade in chosen]

    def prevented(self, call: Call) -> Any:
        """Matches of the account with itself that did not take place."""
        book, figures = self._books.find(call)
        number, order_id = _from(call, "preventedMatchId"), _from(call, "orderId")
        if number is None and order_id is None:
            raise errors.combination()
        start, limit = call.integer("fromPreventedMatchId", 0), call.integer("limit", LIMIT, 1, MOST)
        found = [
            match
            for match in self._venue.register.prevented(call.account)
            if match.book == book
            and match.prevented_id >= start
            and number in (None, match.prevented_id)
            and (order_id is None or order_id in (match.taker_id, match.maker_id))
        ]
        return [self._prevented(call, figures, match) for match in found[:limit]]

    def _prevented(self, call: Call, figures: Figures, match: Prevented) -> Any:
        """One of them: of an order that ended by it, or shrank, how much."""
        told = reports.prevented_match(figures, match, call.time)
        lots = match.lots
        if match.prevention == EXPIRE_TAKER:
            del told["makerPreventedQuantity"]
        elif match.prevention == EXPIRE_BOTH:
            taker = self._venue.register.order(call.account, match.book, match.taker_id)
            lots = taker.prevented if taker is not None else 0
        return {**told, "takerPreventedQuantity": figures.quantity(lots)} if lots and match.prevention != EXPIRE_MAKER else told

    # lists

    def order_list(self, call: Call) -> Any:
        """One list, by its name or its number."""
        register = self._venue.register
        name = call.client_id("origClientOrderId")
        if not name and call.params.get("orderListId") is None:
            raise Refusal(-1102, "Param 'origClientOrderId' or 'orderListId' must be sent, but both were empty/null!")
        found = register.list_named(call.account, name) if name else register.order_list(call.account, call.integer("orderListId"))
        if found is None:
            raise Refusal(-2013, "Order list does not exist.")
        return self._told(call, [found])[0]

    def open_lists(self, call: Call) -> Any:
        """Every list that lives."""
        return self._told(call, [each for each in self._venue.register.lists(call.account) if not each.done])

    def all_lists(self, call: Call) -> Any:
        """Lists from a number on, of a time, or the last ones."""
        limit, (start, end), first = call.integer("limit", LIMIT, 1, MOST), _times(call), _from(call, "fromId")
        lists = self._venue.register.lists(call.account)
        return self._told(call, _chosen(lists, start, end, first, limit, lambda each: each.updated, lambda each: each.list_id))

    def _told(self, call: Call, lists: Iterable[OrderList]) -> list[Any]:
        return [reports.orders(self._books.figures[each.book], each, call.time) for each in lists]

    def _list_of(self, trade: Trade) -> int:
        return self._venue.register.list_of(trade.order_id) or reports.NO_LIST

    def _later(self, answer: Answer) -> Callable[[Call], None]:
        """Answer once everything asked before is known."""

        def handler(call: Call) -> None:
            self._venue.after(lambda: call.settle(lambda: answer(call)), lambda: call.refuse(errors.overloaded()))

        return handler


def _times(call: Call) -> tuple[int | None, int | None]:
    """startTime and endTime, ns UTC, at most a day apart."""
    start, end = (_nanoseconds(call, name) for name in ("startTime", "endTime"))
    if start is not None and end is not None:
        if end < start:
            raise Refusal(-1127, "Start time is greater than end time.")
        if end - start > DAY_NS:
            raise Refusal(-1127, "More than 24 hours between startTime and endTime.")
    return start, end


def _nanoseconds(call: Call, name: str) -> int | None:
    if call.params.get(name) is None:
        return None
    sent = call.integer(name)
    return sent * (1_000 if sent >= _MICROS_FROM else 1_000_000)


def _from(call: Call, name: str) -> int | None:
    return None if call.params.get(name) is None else call.integer(name)


def _chosen(
    rows: Sequence[Any], start: int | None, end: int | None, first: int | None, limit: int, time: Callable[[Any], int], number: Callable[[Any], int]
) -> Sequence[Any]:
    """Rows of a time; else from a number on; else the last ones. A time's end is given to the millisecond, and means all of it."""
    if start is not None or end is not None:
        low, high = start or 0, (end + 999_999) if end is not None else 2**63
        found = [row for row in rows if low <= time(row) <= high]
        return found[:limit] if start is not None else found[-limit:]
    if first is not None:
        return [row for row in rows if number(row) >= first][:limit]
    return rows[-limit:]
