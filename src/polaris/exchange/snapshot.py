"""Every order that lives, as rows: taken out of an engine in the order of their turns, and put into an empty one.

The rows do not depend on how an engine keeps its orders: they are its state for a digest, a snapshot and other versions.
"""

from polaris.domain.kernel import kernel
from polaris.exchange.arena import (
    AFTER,
    AT_BOOKS,
    AT_ORDERS,
    BOOK_WORDS,
    BOOKS,
    DISPLAY,
    HIDDEN,
    ID,
    LOW,
    LOWEST,
    OWNER,
    SHOWN,
    TRAITS,
    find,
    level_of,
    next_tick,
)
from polaris.exchange.bits import U
from polaris.exchange.slots import put
from polaris.exchange.telling import endmost, price_told, sells
from polaris.exchange.words import FALLING, TICKS


@kernel
def standing(arena, rows):  # type: ignore[no-untyped-def]
    """Write every order that lives, in its order, as ORDER rows; returns how many.

    rows  int64[8 LIVE]
    """
    n = 0
    orders = arena[U(AT_ORDERS)]
    for place in range(4 * arena[U(BOOKS)]):
        line = AT_BOOKS + BOOK_WORDS * (place >> 2)
        lowest = arena[U(line + LOWEST)]
        ladder = place & 3
        tick = arena[U(line + ladder)]
        while 0 <= tick < TICKS:
            slot = arena[U(level_of(arena, place, tick))] >> 32
            while slot != 0:
                order = orders + 8 * slot
                traits, hidden = arena[U(order + TRAITS)], arena[U(order + HIDDEN)]
                price, trigger = tick + lowest, 0
                if ladder >= FALLING:
                    trigger = price
                    price = price_told(arena, place >> 2, sells(traits), (traits >> 32) & 0xFF, hidden)
                    hidden = 0
                side = 0xFF if sells(traits) else 1
                at = 8 * n
                rows[U(at)] = (place >> 2) | (ladder << 32) | ((traits >> 56) << 40)
                rows[U(at + 1)] = arena[U(order + ID)]
                rows[U(at + 2)] = price
                rows[U(at + 3)] = trigger
                rows[U(at + 4)] = arena[U(order + SHOWN)]
                rows[U(at + 5)] = hidden
                rows[U(at + 6)] = arena[U(order + DISPLAY)]
                rows[U(at + 7)] = (arena[U(order + OWNER)] >> 32) | (side << 32) | (((traits >> 32) & 0xFFFFFF) << 40)
                n += 1
                slot = arena[U(order + AFTER)]
            tick = next_tick(arena, place, tick)
    return n


@kernel
def open_lots(arena, order_id):  # type: ignore[no-untyped-def]
    """Lots of an order that may still trade; 0 where none of this number lives."""
    slot = find(arena, order_id) if order_id > 0 else 0
    if slot == 0:
        return 0
    order = arena[U(AT_ORDERS)] + 8 * slot
    waiting = arena[U(order + TRAITS)] & 3 >= FALLING
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
    """Let orders stand as `standing` wrote them.

    rows  int64[8 n], sound ones: see `book.MatchingEngine.restored`
    """
    for at in range(0, rows.size, 8):
        book, ladder, flags = rows[U(at)] & LOW, (rows[U(at)] >> 32) & 0xFF, (rows[U(at)] >> 40) & 0xFF
        order_id, price, trigger = rows[U(at + 1)], rows[U(at + 2)], rows[U(at + 3)]
        shown, hidden, display, who = rows[U(at + 4)], rows[U(at + 5)], rows[U(at + 6)], rows[U(at + 7)]
        traits = (((who >> 40) & 0xFFFFFF) | (flags << 24)) << 32
        lowest = arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
        tick = price - lowest
        if ladder >= FALLING:
            hidden = endmost(who & 0x80 << 32 != 0) if price == 0 else tick
            tick = trigger - lowest
        put(arena, 4 * book + ladder, tick, traits, shown, hidden, display, order_id, who & LOW)
