"""The plain truth of auctions: one price for all, at which most trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polaris.exchange import trading_reference as trading
from polaris.exchange import words as w
from polaris.exchange.orders_reference import Book
from polaris.exchange.words import ASKS, BIDS

if TYPE_CHECKING:
    from polaris.exchange.book_reference import ReferenceEngine


def clearing(book: Book) -> tuple[int, int, int]:
    """(price, lots, surplus) of an auction of this book, hidden lots with it; zeros where nothing would trade.

    The price at which most trades; of these, where least is left over; of these, the highest where only buyers are left over, the
    lowest where only sellers are; else the nearest to the reference price, or to the last trade where there is none, or the middle
    where there was no trade either, rounded down. The surplus is what buyers want and sellers have not.
    """
    if not book.ladders[BIDS] or not book.ladders[ASKS]:
        return 0, 0, 0
    best: list[tuple[int, int, int]] = []  # prices that are equally good, with their lots and surplus
    for price in range(min(book.ladders[ASKS]), max(book.ladders[BIDS]) + 1):
        demand = sum(order.open for tick, queue in book.ladders[BIDS].items() if tick >= price for order in queue)
        supply = sum(order.open for tick, queue in book.ladders[ASKS].items() if tick <= price for order in queue)
        here = (price, min(demand, supply), demand - supply)
        if not best or (here[1], -abs(here[2])) > (best[0][1], -abs(best[0][2])):
            best = [here]
        elif (here[1], -abs(here[2])) == (best[0][1], -abs(best[0][2])):
            best.append(here)
    if not best:
        return 0, 0, 0
    if all(surplus > 0 for _, _, surplus in best):
        return best[-1]
    if all(surplus < 0 for _, _, surplus in best):
        return best[0]
    anchor = book.rules[w.REFERENCE_PRICE] or book.last or (best[0][0] + best[-1][0]) // 2
    return min(best, key=lambda one: abs(one[0] - anchor))


def move(engine: ReferenceEngine, book: Book, phase: int) -> None:
    """A book enters a phase; on the way out of an auction it uncrosses."""
    price, lots = 0, 0
    if phase == w.CONTINUOUS or (phase == w.CLOSED and book.phase == w.AUCTION):
        price, lots, _ = clearing(book)
    book.phase = phase
    engine.tell_phase(book, price, lots)
    if lots:
        uncross(engine, book, price, lots)
    book.centre()
    trading.settle(engine, book, [book.last] if book.last and (lots or phase == w.CONTINUOUS) else [])


def uncross(engine: ReferenceEngine, book: Book, price: int, lots: int) -> None:
    """Trade so many lots at one price, price before time on both sides; an order's hidden lots trade in its turn."""
    book.last = price
    while True:
        pair = [book.ladders[side][tick][0] for side in (BIDS, ASKS) if (tick := book.best(side)) is not None]
        quantity = min(lots, *(order.open for order in pair))
        for order in pair:
            engine.part(order, w.FILL, quantity)
        for order in pair:
            order.shown, order.hidden = max(0, order.shown - quantity), order.hidden - max(0, quantity - order.shown)
        lots -= quantity
        buyer, seller = pair
        fees = engine.accounts.settle(buyer, seller, price, quantity, auction=True) if engine.accounts else (0, 0)
        engine.tell(w.FILL, buyer, quantity, buyer.open, price=price, maker=seller, flags=w.IN_AUCTION, fees=fees)
        for order in pair:
            if order.open == 0:
                engine.filled(order)
            elif lots == 0 and order.shown == 0:
                trading.refresh(engine, order)
        if lots == 0:
            return
