"""The plain truth of trading: an order takes what it may from the other side, rests or expires; its trades fire what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polaris.domain.orders import BUY, SELL
from polaris.exchange import words as w
from polaris.exchange.orders_reference import MAY_REST, NOWHERE, WAITING, Book, Order
from polaris.exchange.words import ASKS, BIDS, PARKED, RISING

if TYPE_CHECKING:
    from polaris.exchange.book_reference import ReferenceEngine


def settle(engine: ReferenceEngine, book: Book, prices: list[int]) -> None:
    """Fire what these trades reached and let it enter, with what was activated; then what their trades reach, and so on."""
    while True:
        if prices:
            reach(engine, book, prices)
        if not engine.entering:
            return
        prices = enter(engine, engine.entering.pop(0))


def reach(engine: ReferenceEngine, book: Book, prices: list[int]) -> None:
    """Fire what one order's trades reached; trailing orders follow.

    An order's trades rise or fall. Buyers' trails look for the lowest price and sellers' for the highest: those that look for the
    first one move before the others fire, those that look for the last one after.
    """
    first, last = prices[0], prices[-1]
    early, late = (BUY, SELL) if last >= first else (SELL, BUY)
    book.follow(early, first)
    while book.phase == w.CONTINUOUS and (order := book.reached(min(prices), max(prices))) is not None:
        book.leave(order)
        if not order.asleep:
            trigger(engine, order)
            engine.entering.append(order)
        elif order.side == early:
            book.wake(order, next(price for price in prices if (price >= order.trigger if order.ladder == RISING else price <= order.trigger)))
        else:
            order.ladder = NOWHERE
            engine.waking.append(order)
    book.follow(late, last)
    while engine.waking:
        book.wake(engine.waking.pop(0), last)


def trigger(engine: ReferenceEngine, order: Order) -> None:
    """An order that waited fires: it does not wait any more."""
    engine.part(order, w.TRIGGERED)
    order.ladder, order.trail, order.best = NOWHERE, 0, 0
    engine.tell(w.TRIGGERED, order, order.shown, order.shown)


def enter(engine: ReferenceEngine, order: Order) -> list[int]:
    """An order that fired or was activated enters its book; returns the prices it traded at."""
    book = engine.books[order.book]
    parked, waits = order.ladder == PARKED, order.order_type in WAITING
    reason = unwelcome(engine, order) if parked else 0
    if not parked and order.flags & w.REDUCE_ONLY and engine.accounts and engine.accounts.closes(order.account, order.book, order.side) < 0:
        reason = w.NOT_REDUCING
    order.in_hand = True
    if parked and waits and not reason:
        rising = order.waiting_ladder == RISING
        reached = book.last >= order.trigger if rising else book.last <= order.trigger
        if order.trail or book.phase != w.CONTINUOUS or not reached:
            book.wait(order)
            engine.trim(order)
            return []
        trigger(engine, order)
    order.ladder = NOWHERE
    if not reason and not may_post(engine, order):
        reason = w.WOULD_TAKE
    if reason:
        engine.end(w.EXPIRED, order, reason)
        return []
    return execute(engine, order)


def unwelcome(engine: ReferenceEngine, order: Order) -> int:
    """Why an order that was parked can't enter now; 0 where it can. One that waits to buy at any price is given its worst one."""
    book = engine.books[order.book]
    if book.phase != w.CONTINUOUS and order.order_type not in WAITING and order.time_in_force in (w.IOC, w.FOK):
        return w.BOOK_HALTED
    engine.protect(order)
    return engine.refusal(order, order.partner if order.partner and order.partner.stands else order)


def crosses(engine: ReferenceEngine, order: Order, band: tuple[int, int] | None = None) -> bool:
    """Whether the other side's best price is acceptable to the order, and to the band where one is given."""
    book = engine.books[order.book]
    best = book.best(ASKS if order.side == BUY else BIDS)
    if best is None or (band is not None and not band[0] <= best <= band[1]):
        return False
    return order.price == 0 or (best <= order.price if order.side == BUY else best >= order.price)


def may_post(engine: ReferenceEngine, order: Order) -> bool:
    """Whether a post-only order may enter; one that slides is given its new price. Any other order may."""
    if order.time_in_force not in (w.POST_ONLY, w.POST_SLIDE) or not crosses(engine, order):
        return True
    book = engine.books[order.book]
    best = book.best(ASKS if order.side == BUY else BIDS)
    assert best is not None
    slid = best - 1 if order.side == BUY else best + 1
    if order.time_in_force == w.POST_ONLY or not book.holds(slid):
        return False
    order.price = slid
    return True


def own(taker: Order, maker: Order) -> bool:
    """Whether a taker does not want to trade with this maker."""
    return taker.prevention != w.NO_PREVENTION and taker.account != 0 and taker.account == maker.account


def fillable(book: Book, taker: Order) -> bool:
    """Whether all of the order could trade now: in the order of the queue, hidden lots of a tick after all that is shown there."""
    got = 0
    makers = ASKS if taker.side == BUY else BIDS
    for tick in sorted(book.ladders[makers], reverse=makers == BIDS):
        if taker.price != 0 and (tick > taker.price if taker.side == BUY else tick < taker.price):
            break
        if not book.band[0] <= tick <= book.band[1]:
            break
        hidden = 0
        for maker in book.ladders[makers][tick]:
            if own(taker, maker):
                if taker.prevention == w.EXPIRE_MAKER:
                    continue
                return got >= taker.shown
            got += maker.shown
            hidden += maker.hidden
            if got >= taker.shown:
                return True
        got += hidden
    return got >= taker.shown


def execute(engine: ReferenceEngine, order: Order) -> list[int]:
    """Match an accepted order, then rest or expire what is left; returns the prices it traded at."""
    book = engine.books[order.book]
    may_rest = order.time_in_force in MAY_REST
    if book.phase != w.CONTINUOUS:
        if may_rest:
            rest(engine, order)
        else:
            engine.end(w.EXPIRED, order, w.BOOK_HALTED)
        engine.trim(order)
        return []
    prices: list[int] = []
    reason = w.NOT_FILLABLE
    if order.time_in_force != w.FOK or fillable(book, order):
        prices, reason = match(engine, order)
    if prices and engine.accounts:
        engine.accounts.uncount(order, 1)
    if order.shown != 0 and not reason and crosses(engine, order):  # the band holds it back
        reason = w.PRICE_BAND
        if book.rules[w.BAND_INTERRUPTS]:
            book.phase = w.AUCTION
            engine.tell_phase(book, 0, 0)
            reason = 0 if may_rest else reason
    if order.shown == 0 and not reason:
        engine.filled(order)
    elif order.shown == 0:  # its last lots did not trade with itself
        engine.end(w.EXPIRED, order, told=True)
    elif reason == w.SELF_TRADE:
        engine.end(w.EXPIRED, order, reason, other=engine.met, flags=w.CAME)
    elif reason or not may_rest:
        engine.end(w.EXPIRED, order, reason or w.REMAINDER)
    else:
        rest(engine, order)
    engine.trim(order)
    return prices


def rest(engine: ReferenceEngine, order: Order) -> None:
    """Let what is left of an order stand in the book."""
    total = order.open
    order.shown = min(order.display, total) if order.display else total
    order.hidden = total - order.shown
    order.ladder = BIDS if order.side == BUY else ASKS
    order.trigger, order.in_hand = 0, False
    engine.books[order.book].join(order)


def refresh(engine: ReferenceEngine, maker: Order) -> None:
    """Show an iceberg's next lots, at the end of its tick's queue."""
    book = engine.books[maker.book]
    book.leave(maker)
    maker.shown = min(maker.display, maker.hidden)
    maker.hidden -= maker.shown
    book.join(maker)
    engine.tell(w.REFRESHED, maker, maker.shown, maker.open)


def match(engine: ReferenceEngine, taker: Order) -> tuple[list[int], int]:
    """Trade with the other side while it can; returns the prices it traded at and why it must end (0: it need not)."""
    book = engine.books[taker.book]
    prices: list[int] = []
    makers = ASKS if taker.side == BUY else BIDS
    by_amount = taker.order_type == w.MARKET_AMOUNT
    kind = w.FILL
    while taker.shown > 0 and crosses(engine, taker, book.band):
        price = book.best(makers)
        assert price is not None
        maker = book.ladders[makers][price][0]
        kind = w.FILL
        if own(taker, maker):
            if taker.prevention in (w.EXPIRE_MAKER, w.EXPIRE_BOTH):
                engine.end(w.EXPIRED, maker, w.SELF_TRADE, other=taker.order_id)
            if taker.prevention in (w.EXPIRE_TAKER, w.EXPIRE_BOTH):
                engine.met = maker.order_id
                return prices, w.SELF_TRADE
            if taker.prevention == w.EXPIRE_MAKER:
                continue
            kind = w.PREVENTED
        quantity = min(maker.shown, taker.shown // price if by_amount else taker.shown)
        if quantity == 0:
            return prices, w.REMAINDER
        if kind == w.FILL:
            prices.append(price)
            book.last = price
        engine.part(taker, kind, quantity)
        engine.part(maker, kind, quantity)
        taker.shown -= quantity * price if by_amount else quantity
        maker.shown -= quantity
        fees = engine.accounts.settle(taker, maker, price, quantity) if engine.accounts and kind == w.FILL else (0, 0)
        engine.tell(kind, taker, quantity, taker.shown, price=price, maker=maker, fees=fees)
        if maker.open == 0 and kind == w.FILL:
            engine.filled(maker)
        elif maker.open == 0:
            engine.end(w.EXPIRED, maker, told=True)
        elif maker.shown == 0:
            refresh(engine, maker)
    return prices, w.SELF_TRADE if taker.shown == 0 and kind == w.PREVENTED else 0
