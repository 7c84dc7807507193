"""Every order that lives, as rows: taken out of an engine in the order of their turns, and put into an empty one.

The rows do not depend on how an engine keeps its orders: they are its state for a digest, a snapshot and other versions.
"""

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.accounts import bind
from polaris.exchange.arena import (
    AFTER,
    ASLEEP,
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_ORDERS,
    AWAITING,
    BEST,
    BOOK_WORDS,
    BOOKS,
    DISPLAY,
    ENDS,
    HIDDEN,
    ID,
    LIST,
    LOW,
    LOWEST,
    OLDER,
    OWNER,
    PARTNER,
    SHOWN,
    TRAIL,
    TRAILED,
    TRAITS,
    WATCH,
    YOUNGER,
    YOUNGEST,
    find,
    join,
    level_of,
    next_tick,
    tie,
    ties_of,
)
from polaris.exchange.bits import U
from polaris.exchange.expiry import schedule
from polaris.exchange.pairs import pair
from polaris.exchange.slots import take
from polaris.exchange.telling import endmost, price_told, sells, waits
from polaris.exchange.words import FALLING, FROM_WORSE, ORDER_WORDS, PARKED, RISING, STOP, STOP_LIMIT, TICKS, TRAILING_STOP


@kernel
def standing(arena, rows):  # type: ignore[no-untyped-def]
    """Write every order that lives, in its order, as ORDER rows; returns how many.

    rows  int64[13 LIVE]
    """
    n = 0
    orders = arena[U(AT_ORDERS)]
    for place in range(4 * arena[U(BOOKS)]):
        tick = arena[U(AT_BOOKS + BOOK_WORDS * (place >> 2) + (place & 3))]
        while 0 <= tick < TICKS:
            slot = arena[U(level_of(arena, place, tick))] >> 32
            while slot != 0:
                n = row(arena, rows, n, slot)
                order = orders + 8 * slot
                if arena[U(order + TRAITS)] < 0:
                    parked = arena[U(ties_of(arena, slot) + LIST)]
                    if parked != 0:
                        n = row(arena, rows, n, parked)
                        parked = arena[U(ties_of(arena, parked) + PARTNER)]
                    if parked != 0:
                        n = row(arena, rows, n, parked)
                slot = arena[U(order + AFTER)]
            tick = next_tick(arena, place, tick)
    return n


@kernel
def row(arena, rows, n, slot):  # type: ignore[no-untyped-def]
    """Write the row of one order."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, owner, hidden, display = arena[U(order + TRAITS)], arena[U(order + OWNER)], arena[U(order + HIDDEN)], arena[U(order + DISPLAY)]
    place, order_type, sell = traits & LOW, (traits >> 32) & 0xFF, sells(traits)
    book, ladder = place >> 2, place & 3
    lowest = arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
    price, trigger = (owner & LOW) + lowest, 0
    if ladder >= FALLING:
        trigger = price
    if ladder >= FALLING or traits & AWAITING != 0:
        price, hidden = price_told(arena, book, sell, order_type, hidden), 0
    partner, working, ends, best, older = 0, 0, 0, 0, 0
    if traits < 0:
        ties = ties_of(arena, slot)
        partner, ends = id_of(arena, arena[U(ties + PARTNER)]), arena[U(ties + ENDS)]
        if traits & AWAITING != 0:
            ladder, working = PARKED, id_of(arena, arena[U(ties + LIST)])
        if arena[U(ties + TRAIL)] != 0:
            display = arena[U(ties + TRAIL)]
            if traits & ASLEEP == 0:
                best, older = arena[U(ties + BEST)] + lowest, id_of(arena, arena[U(ties + OLDER)])
    at = ORDER_WORDS * n
    rows[U(at)] = book | (ladder << 32) | (((traits >> 56) & 0xF) << 40)
    rows[U(at + 1)] = arena[U(order + ID)]
    rows[U(at + 2)] = price
    rows[U(at + 3)] = trigger
    rows[U(at + 4)] = arena[U(order + SHOWN)]
    rows[U(at + 5)] = hidden
    rows[U(at + 6)] = display
    rows[U(at + 7)] = (owner >> 32) | ((0xFF if sell else 1) << 32) | (((traits >> 32) & 0xFFFFFF) << 40)
    rows[U(at + 8)] = partner
    rows[U(at + 9)] = working
    rows[U(at + 10)] = ends
    rows[U(at + 11)] = best
    rows[U(at + 12)] = older
    return n + 1


@inlined
def id_of(arena, slot):  # type: ignore[no-untyped-def]
    """The id of the order in a slot; 0 of nobody's."""
    return arena[U(arena[U(AT_ORDERS)] + 8 * slot + ID)] if slot != 0 else 0


@kernel
def open_lots(arena, order_id):  # type: ignore[no-untyped-def]
    """Lots of an order that may still trade; 0 where none of this number lives."""
    slot = find(arena, order_id) if order_id > 0 else 0
    if slot == 0:
        return 0
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits = arena[U(order + TRAITS)]
    waiting = traits & 3 >= FALLING or traits & AWAITING != 0
    return arena[U(order + SHOWN)] + (0 if waiting else arena[U(order + HIDDEN)])


@kernel
def top(arena, place, rows):  # type: ignore[no-untyped-def]
    """Write the best levels of a ladder; returns how many.

    rows  int64[2 levels]  price in ticks, lots shown
    """
    n = 0
    line = AT_BOOKS + BOOK_WORDS * (place >> 2)
    tick = arena[U(line + (place & 3))]
    while 0 <= tick < TICKS and 2 * n < rows.size:
        rows[U(2 * n)] = tick + arena[U(line + LOWEST)]
        rows[U(2 * n + 1)] = arena[U(level_of(arena, place, tick) + 1)]
        n += 1
        tick = next_tick(arena, place, tick)
    return n


@kernel
def stand(arena, rows):  # type: ignore[no-untyped-def]
    """Let orders stand as `standing` wrote them, then link them.

    rows  int64[13 n], sound ones: see `book.MatchingEngine.restored`
    """
    for at in range(0, rows.size, ORDER_WORDS):
        book, ladder, flags = rows[U(at)] & LOW, (rows[U(at)] >> 32) & 0xFF, (rows[U(at)] >> 40) & 0xF
        order_id, price, trigger = rows[U(at + 1)], rows[U(at + 2)], rows[U(at + 3)]
        shown, hidden, display, who = rows[U(at + 4)], rows[U(at + 5)], rows[U(at + 6)], rows[U(at + 7)]
        order_type, sell = (who >> 40) & 0xFF, (who >> 39) & 1
        traits = (((who >> 40) & 0xFFFFFF) | (flags << 24)) << 32
        lowest = arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
        tick, place, trail = price - lowest, 4 * book + sell, 0
        if ladder >= FALLING:
            hidden = endmost(sell) if price == 0 else tick
            tick = hidden
        if ladder == PARKED:
            traits |= AWAITING
        if ladder >= FALLING and waits(order_type):
            tick = trigger - lowest
            if order_type >= TRAILING_STOP:
                trail, display = display, 0
                if rows[U(at + 11)] == 0:
                    traits |= ASLEEP
            against = order_type == STOP or order_type == STOP_LIMIT or (trail != 0 and (traits & ASLEEP == 0 or flags & FROM_WORSE != 0))
            place = 4 * book + (RISING if (sell == 0) == against else FALLING)
        slot = take(arena, place, tick, traits, shown, hidden, display, order_id, who & LOW)
        if ladder != PARKED:
            join(arena, place, tick, slot)
        if arena[U(AT_ACCOUNTS)] != 0:
            bind(arena, slot, 1)
        if trail != 0 or rows[U(at + 8)] != 0 or ladder == PARKED:
            tie(arena, slot)
            arena[U(ties_of(arena, slot) + TRAIL)] = trail
        if rows[U(at + 10)] != 0:
            schedule(arena, slot, rows[U(at + 10)])
    for at in range(0, rows.size, ORDER_WORDS):
        slot = find(arena, rows[U(at + 1)])
        if rows[U(at + 8)] != 0:
            arena[U(ties_of(arena, slot) + PARTNER)] = find(arena, rows[U(at + 8)])
            if rows[U(at + 9)] == 0 and rows[U(at + 1)] < rows[U(at + 8)]:
                pair(arena, slot)
        if rows[U(at + 9)] != 0:
            working = find(arena, rows[U(at + 9)])
            tie(arena, working)
            arena[U(ties_of(arena, slot) + LIST)] = working
            if arena[U(ties_of(arena, working) + LIST)] == 0:
                arena[U(ties_of(arena, working) + LIST)] = slot
        if rows[U(at + 11)] != 0:
            ties = ties_of(arena, slot)
            arena[U(ties + BEST)] = rows[U(at + 11)] - arena[U(AT_BOOKS + BOOK_WORDS * (rows[U(at)] & LOW) + LOWEST)]
            if rows[U(at + 12)] != 0:
                older = find(arena, rows[U(at + 12)])
                arena[U(ties + OLDER)] = older
                arena[U(ties_of(arena, older) + YOUNGER)] = slot
    for at in range(0, rows.size, ORDER_WORDS):
        slot, line = find(arena, rows[U(at + 1)]), AT_BOOKS + BOOK_WORDS * (rows[U(at)] & LOW)
        if rows[U(at + 11)] != 0 and arena[U(ties_of(arena, slot) + YOUNGER)] == 0:
            arena[U(line + YOUNGEST + ((rows[U(at + 7)] >> 39) & 1))] = slot
            arena[U(line + WATCH)] |= TRAILED
