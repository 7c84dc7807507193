"""Orders that wait: trades that reach their triggers send them into the book, with those that other orders' fills activated.

What fired or was activated enters one after the other, in a queue (`contingent`); what the trades of one reach waits behind the rest.
"""

from polaris.domain.kernel import inlined, kernel, outlined
from polaris.exchange.accounts import OPEN_BUYS, POSITION, bind, leave_kin, position_line
from polaris.exchange.admission import refusal
from polaris.exchange.arena import (
    ASLEEP,
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_ORDERS,
    AWAITING,
    BOOK_WORDS,
    FILTERED,
    FRONT,
    HIDDEN,
    ID,
    LAST,
    LOW,
    OWNER,
    PARTNER,
    PHASES,
    SHOWN,
    TIED,
    TRAIL,
    TRAILED,
    TRAITS,
    WAKING,
    WATCH,
    leave,
    level_of,
    ties_of,
)
from polaris.exchange.bands import worst
from polaris.exchange.bits import U
from polaris.exchange.contingent import dequeue, enqueue, part, tell_of
from polaris.exchange.settlement import trim
from polaris.exchange.telling import endmost, heading, price_told, sells, tell, waits
from polaris.exchange.trading import close, crosses, resume, slid
from polaris.exchange.trailing import farthest, first_reaching, follow, unfollow, wait, wake
from polaris.exchange.words import (
    BOOK_HALTED,
    EXPIRED,
    FALLING,
    FOK,
    FROM_WORSE,
    IOC,
    NOT_REDUCING,
    POST_ONLY,
    REDUCE_ONLY,
    RISING,
    TICKS,
    TRIGGERED,
    WOULD_TAKE,
)


@inlined
def reaches(arena, book, first):  # type: ignore[no-untyped-def]
    """Whether trades from the tick `first` to the last one reached a trigger of the book, moved one or let an order enter."""
    if first < 0:
        return False
    line = AT_BOOKS + BOOK_WORDS * book
    last = arena[U(line + LAST)]
    near = arena[U(line + RISING)] <= max(first, last) or arena[U(line + FALLING)] >= min(first, last)
    return near or arena[U(line + WATCH)] & TRAILED != 0 or arena[U(FRONT)] != 0


@outlined
def fire(arena, events, n, book, first):  # type: ignore[no-untyped-def]
    """Fire what the trades from the tick `first` to the last one reached, and let what waits in the queue enter, until nothing does."""
    while True:
        if first >= 0:
            n = reach(arena, events, n, book, first)
        slot = arena[U(FRONT)]
        if slot == 0:
            return n
        dequeue(arena, slot, FRONT)
        n, first = enter(arena, events, n, book, slot)


@outlined
def reach(arena, events, n, book, first):  # type: ignore[no-untyped-def]
    """Fire what one order's trades reached, nearest trigger first, rising before falling; trailing orders follow.

    An order's trades rise or fall. Buyers' trails look for the lowest price and sellers' for the highest: those that look for the
    first one move before the others fire, those that look for the last one after. A book that does not trade fires nothing.
    """
    line = AT_BOOKS + BOOK_WORDS * book
    orders = arena[U(AT_ORDERS)]
    last = arena[U(line + LAST)]
    low, high, early = min(first, last), max(first, last), (0 if last >= first else 1)
    watch = arena[U(line + WATCH)]
    if watch & TRAILED != 0:
        follow(arena, book, early, first)
    while watch & PHASES == 0:
        ladder = RISING
        tick = arena[U(line + RISING)]
        if tick > high:
            ladder = FALLING
            tick = arena[U(line + FALLING)]
            if tick < low:
                break
        place = 4 * book + ladder
        slot = arena[U(level_of(arena, place, tick))] >> 32
        leave(arena, place, tick, slot)
        traits = arena[U(orders + 8 * slot + TRAITS)]
        if traits & ASLEEP == 0:
            n = triggered(arena, events, n, slot)
            enqueue(arena, slot, FRONT)
        elif sells(traits) == early:
            wake(arena, slot, first_reaching(arena, events, n, book, ladder, tick, first))
        else:
            enqueue(arena, slot, WAKING)  # it sees the last price only, and can't fire at once
    if watch & TRAILED != 0:
        follow(arena, book, 1 - early, last)
    while arena[U(WAKING)] != 0:
        slot = arena[U(WAKING)]
        dequeue(arena, slot, WAKING)
        wake(arena, slot, last)
    return n


@inlined
def triggered(arena, events, n, slot):  # type: ignore[no-untyped-def]
    """An order that waited fires: its other leg ends, and it waits and trails no more."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits = arena[U(order + TRAITS)]
    if traits < 0:
        n = part(arena, events, n, slot, TRIGGERED, 0, 0)
        if arena[U(ties_of(arena, slot) + TRAIL)] != 0:
            unfollow(arena, slot)
    if traits & (REDUCE_ONLY << 56) != 0:
        leave_kin(arena, arena[U(order + OWNER)] >> 32, (traits & LOW) >> 2, slot)
    return tell_of(arena, events, n, slot, TRIGGERED, arena[U(order + SHOWN)])


@kernel
def enter(arena, events, n, book, slot):  # type: ignore[no-untyped-def]
    """An order that fired or was activated enters its book; returns (events told, first tick it traded at or -1)."""
    line = AT_BOOKS + BOOK_WORDS * book
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, account = arena[U(order + TRAITS)], arena[U(order + OWNER)] >> 32
    order_type, time_in_force, sell = (traits >> 32) & 0xFF, (traits >> 40) & 0xFF, sells(traits)
    reason, reached = 0, True
    if traits & AWAITING != 0:
        reason = unwelcome(arena, book, slot)
        last, tick = arena[U(line + LAST)], arena[U(order + OWNER)] & LOW
        if waits(order_type):
            reached = last >= tick if traits & 3 == RISING else last <= tick
            reached = reached and arena[U(ties_of(arena, slot) + TRAIL)] == 0 and arena[U(line + WATCH)] & PHASES == 0
    elif traits & (REDUCE_ONLY << 56) != 0 and arena[U(AT_ACCOUNTS)] != 0:
        position = position_line(arena, account, book)
        held = arena[U(position + POSITION)] if sell else -arena[U(position + POSITION)]
        if arena[U(position + OPEN_BUYS + sell)] > held:
            reason = NOT_REDUCING
    if arena[U(AT_ACCOUNTS)] != 0:
        bind(arena, slot, -1)
    if reason == 0 and not reached:
        wait(arena, slot)
        return trim(arena, events, n, book, account) if arena[U(AT_ACCOUNTS)] != 0 else n, -1
    if reason == 0 and traits & AWAITING != 0:
        traits &= ~AWAITING
        arena[U(order + TRAITS)] = traits
        if waits(order_type):
            n = triggered(arena, events, n, slot)
    order_id, quantity, limit = arena[U(order + ID)], arena[U(order + SHOWN)], arena[U(order + HIDDEN)]
    if reason == 0 and time_in_force >= POST_ONLY and crosses(arena, book, sell, limit):
        moved = slid(arena, book, sell)
        if time_in_force == POST_ONLY or moved < 0 or moved >= TICKS:
            reason = WOULD_TAKE
        else:
            limit = moved
    if reason != 0:
        price = price_told(arena, book, sell, order_type, limit)
        n = tell(arena, events, n, EXPIRED | (reason << 8) | heading(book, sell), order_id, account, price, quantity, 0)
        return close(arena, events, n, slot, False), -1
    return resume(arena, events, n, book, slot, limit, quantity)


@outlined
def unwelcome(arena, book, slot):  # type: ignore[no-untyped-def]
    """Why an order that was parked can't enter now; 0 where it can. One that waits to buy at any price is given its worst one."""
    line = AT_BOOKS + BOOK_WORDS * book
    order, ties = arena[U(AT_ORDERS)] + 8 * slot, ties_of(arena, slot)
    traits, account = arena[U(order + TRAITS)], arena[U(order + OWNER)] >> 32
    time_in_force, sell, waiting = (traits >> 40) & 0xFF, sells(traits), waits((traits >> 32) & 0xFF)
    if arena[U(line + WATCH)] & PHASES != 0 and not waiting and (time_in_force == IOC or time_in_force == FOK):
        return BOOK_HALTED
    if arena[U(AT_ACCOUNTS)] | arena[U(line + FILTERED)] == 0:
        return 0
    trigger = arena[U(order + OWNER)] & LOW if waiting else 0
    if arena[U(ties + TRAIL)] != 0:
        trigger = farthest(arena, book, sell, traits & (FROM_WORSE << 56) != 0, arena[U(ties + TRAIL)], trigger)
    if arena[U(AT_ACCOUNTS)] != 0 and waiting and sell == 0 and arena[U(order + HIDDEN)] == endmost(0):
        arena[U(order + HIDDEN)] = worst(arena, book, trigger)
    partner = arena[U(ties + PARTNER)]
    beside = partner if partner != 0 and arena[U(arena[U(AT_ORDERS)] + 8 * partner + TRAITS)] & AWAITING == 0 else slot
    return refusal(arena, book, sell, traits & ~(TIED | LOW), arena[U(order + HIDDEN)], trigger, arena[U(order + SHOWN)], account, beside, 0)
