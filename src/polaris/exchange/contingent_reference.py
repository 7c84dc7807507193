"""The plain truth of lists: their legs are consecutive commands with consecutive order ids, accepted all or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polaris.exchange import trading_reference as trading
from polaris.exchange import words as w
from polaris.exchange.orders_reference import MAY_REST, WAITING, Order
from polaris.exchange.words import PARKED

if TYPE_CHECKING:
    from polaris.exchange.book_reference import Fields, ReferenceEngine

LISTS = {
    w.OCO_FIRST: (w.OCO_FIRST, w.OCO_SECOND),
    w.OTO_WORKING: (w.OTO_WORKING, w.OTO_PENDING),
    w.OTOCO_WORKING: (w.OTOCO_WORKING, w.OTOCO_FIRST, w.OTOCO_SECOND),
}
PAIRS = (w.OCO_FIRST, w.OCO_SECOND, w.OTOCO_FIRST, w.OTOCO_SECOND)
WORKING = (w.OTO_WORKING, w.OTOCO_WORKING)
PENDING = (w.OTO_PENDING, w.OTOCO_FIRST, w.OTOCO_SECOND)


def legs(rows: list[Fields], at: int) -> list[Fields]:
    """The commands of the list that begins here; the one command alone where none does."""
    roles = LISTS.get(rows[at]["role"], (w.ALONE,))
    found = rows[at : at + len(roles)]
    head = found[0]["order_id"]
    whole = [(c["operation"], c["role"], c["order_id"]) for c in found] == [(w.SUBMIT, role, head + n) for n, role in enumerate(roles)]
    return found if whole else found[:1]


def submit(engine: ReferenceEngine, rows: list[Fields]) -> None:
    """Take a list: all of it or nothing."""
    reasons = [engine.fault(c, before) for before, c in enumerate(rows)]
    if not any(reasons):
        reasons = [unfit(rows, c) for c in rows]
    orders: list[Order] = []
    if not any(reasons):
        orders = [engine.order(c) for c in rows]
        reasons = [
            engine.parking(order, before) if c["role"] in PENDING else engine.hindrance(order, before)
            for before, (c, order) in enumerate(zip(rows, orders, strict=True))
        ]
    if any(reasons):
        for c, reason in zip(rows, reasons, strict=True):
            engine.seq = c["seq"]
            engine.reject(c, reason or w.LIST_REFUSED)
        return
    for c, order in zip(rows, orders, strict=True):
        engine.seq = c["seq"]
        parked = c["role"] in PENDING
        engine.accept(order, w.PENDING if parked else 0)
        if parked:
            order.ladder, order.working = PARKED, orders[0]
            orders[0].pending.append(order)
    if rows[-1]["role"] in PAIRS:
        orders[-2].partner, orders[-1].partner = orders[-1], orders[-2]
    book = engine.books[orders[0].book]
    now = [(c, order) for c, order in zip(rows, orders, strict=True) if order.ladder != PARKED]
    for c, order in now:
        if order.order_type in WAITING and order.order_id in engine.alive:
            engine.seq = c["seq"]
            book.wait(order)
            engine.trim(order)
    for c, order in now:
        if order.order_type not in WAITING and order.order_id in engine.alive:  # one at most
            engine.seq = c["seq"]
            trading.settle(engine, book, trading.execute(engine, order))


def unfit(rows: list[Fields], c: Fields) -> int:
    """BAD_LIST where a leg does not fit to the others, else 0."""
    if c["book"] != rows[0]["book"] or c["account"] != rows[0]["account"]:
        return w.BAD_LIST
    if c["role"] in WORKING:
        return 0 if c["order_type"] == w.LIMIT else w.BAD_LIST
    if c["role"] in PAIRS:
        first, second = rows[-2:]
        if c["order_type"] not in WAITING and (c["order_type"] != w.LIMIT or c["time_in_force"] not in MAY_REST):
            return w.BAD_LIST  # it would end at once
        alike = c["side"] == first["side"]
        one_waits = first["order_type"] in WAITING or second["order_type"] in WAITING
        as_large = not first["flags"] & w.SHRINKS or first["quantity"] == second["quantity"]
        like = alike and as_large and not (first["flags"] ^ second["flags"]) & w.SHRINKS
        return 0 if c is first or (like and one_waits) else w.BAD_LIST
    return w.BAD_LIST if c["order_type"] == w.MARKET_AMOUNT else 0
