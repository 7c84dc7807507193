"""What an account finds again: its orders, one of them, and its fills, the newest first, page by page.

A page's cursor says where the next one begins, so what happens meanwhile moves nothing.
Source: Coinbase Advanced Trade API documentation, "List Orders", "Get Order", "List Fills".
"""

import re
from collections.abc import Iterable, Iterator
from heapq import nlargest
from typing import Any, Final

from polaris.exchange.gateway.coinbase import errors, reports
from polaris.exchange.gateway.coinbase.brackets import each_once, legs_of, shown
from polaris.exchange.gateway.coinbase.call import Call
from polaris.exchange.gateway.coinbase.names import order_name, order_of
from polaris.exchange.gateway.coinbase.products import Products
from polaris.exchange.gateway.coinbase.reports import STATUSES
from polaris.exchange.gateway.coinbase.server import ROOT, Endpoint
from polaris.exchange.gateway.coinbase.wanted import SIDES
from polaris.exchange.gateway.keys import READ
from polaris.exchange.gateway.orders import Order, Trade
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.venue import Venue

MOST: Final = 1_000
DEFAULT_FILLS: Final = 100
ANY: Final = 2**62
_CURSOR = re.compile(r"[0-9]{1,19}(?:-[0-9]{1,19}){0,3}").fullmatch


class History:
    """The queries of a venue's orders."""

    def __init__(self, venue: Venue, products: Products) -> None:
        self._venue = venue
        self._products = products

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `CoinbaseServer.add`."""
        historical = f"{ROOT}/orders/historical"
        yield Endpoint(self.orders, f"GET {historical}/batch", READ)
        yield Endpoint(self.fills, f"GET {historical}/fills", READ)
        yield Endpoint(self.order, f"GET {historical}/{{order_id}}", READ)

    def order(self, call: Call) -> Any:
        """One order."""
        named = order_of(call.named["order_id"])
        found = self._venue.register.order(call.account, *named) if named is not None else None
        if found is None:
            raise errors.not_found(f"order with self orderID was not found: {call.named['order_id'][:40]}")
        order = shown(found)
        trades = reports.trades_of(self._venue.register, order)
        return {"order": reports.order(self._products.figures[found.book], order, trades)}

    def orders(self, call: Call) -> Any:
        """Orders that live and that ended."""
        books = self._books(call)
        statuses = set(call.many("order_status"))
        unknown = statuses - set(STATUSES)
        if unknown:
            raise errors.invalid(f"order_status is {unknown.pop()[:40]!r}; expected some of {', '.join(STATUSES)}")
        side = SIDES.get(call.choice("order_side", SIDES), 0)
        types, times, ids = set(call.many("order_types", "order_type")), set(call.many("time_in_forces")), set(call.many("order_ids"))
        start, end = call.moment("start_date") or 0, call.moment("end_date")
        (before,) = _cursor(call, 1)
        limit = call.integer("limit", MOST, MOST) or MOST
        wanted = (
            each
            for each in each_once(self._orders(call.account, books))
            if each.order_id < before
            and (not statuses or reports.status(each) in statuses)
            and side in (0, each.side)
            and (not types or reports.type_name(each) in types)
            and (not times or reports.time_name(each) in times)
            and (not ids or order_name(each.book, each.order_id) in ids)
            and start <= each.created
            and (end is None or each.created < end)
        )
        found = nlargest(limit + 1, wanted, key=lambda each: each.order_id)
        more, found = len(found) > limit, found[:limit]
        trades = {book: reports.trades_by_order(self._venue.register.trades(call.account, book)) for book in {each.book for each in found if each.executed}}
        own = [[trade for leg in legs_of(each) for trade in trades.get(leg.book, {}).get(leg.order_id, [])] for each in found]
        told = [reports.order(self._products.figures[each.book], each, of_order) for each, of_order in zip(found, own, strict=True)]
        return {"orders": told, "sequence": "0", "has_next": more, "cursor": str(found[-1].order_id) if more else ""}

    def fills(self, call: Call) -> Any:
        """What was traded."""
        books = self._books(call)
        ids, trade_ids = set(call.many("order_ids", "order_id")), set(call.many("trade_ids"))
        start, end = call.moment("start_sequence_timestamp") or 0, call.moment("end_sequence_timestamp")
        before = _cursor(call, 4)
        limit = call.integer("limit", DEFAULT_FILLS, MOST) or DEFAULT_FILLS
        register = self._venue.register
        wanted = (
            trade
            for book in books
            for trade in register.trades(call.account, book)
            if start <= trade.ts
            and (end is None or trade.ts < end)
            and _place(trade) < before
            and (not ids or order_name(trade.book, _known_as(register, call.account, trade)) in ids)
            and (not trade_ids or str(trade.trade_id) in trade_ids)
        )
        found = nlargest(limit + 1, wanted, key=_place)
        more, found = len(found) > limit, found[:limit]
        told = [reports.fill(self._products.figures[trade.book], trade, call.account, _known_as(register, call.account, trade)) for trade in found]
        return {"fills": told, "cursor": "-".join(map(str, _place(found[-1]))) if more else ""}

    def _books(self, call: Call) -> set[int]:
        call.choice("product_type", ("SPOT", "UNKNOWN_PRODUCT_TYPE"))
        return self._products.select(call.many("product_ids", "product_id"))

    def _orders(self, account: int, books: Iterable[int]) -> Iterator[Order]:
        for book in books:
            yield from self._venue.register.orders(account, book)


def _place(trade: Trade) -> tuple[int, ...]:
    """Where a fill stands among its account's."""
    return trade.ts, trade.book, trade.trade_id, int(trade.maker)


def _known_as(register: Register, account: int, trade: Trade) -> int:
    """The number of the order that traded, as its client knows it."""
    order = register.order(account, trade.book, trade.order_id) if register.list_of(trade.order_id) else None
    return shown(order).order_id if order is not None else trade.order_id


def _cursor(call: Call, parts: int) -> tuple[int, ...]:
    """Where the page before ended. Raises Refusal."""
    cursor = call.text("cursor", "")
    if not cursor:
        return (ANY,) * parts
    if not _CURSOR(cursor) or cursor.count("-") + 1 != parts:
        raise errors.invalid(f"cursor is {cursor[:40]!r}; expected one of an answer")
    return tuple(map(int, cursor.split("-")))
