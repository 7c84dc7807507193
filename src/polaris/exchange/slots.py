"""An order's life in memory: from the moment it stands in a ladder until nothing of it is left; what it holds of its account goes with it."""

from polaris.domain.kernel import inlined
from polaris.exchange.accounts import bind
from polaris.exchange.arena import (
    AFTER,
    AT_ACCOUNTS,
    AT_ORDERS,
    DISPLAY,
    FREE,
    HIDDEN,
    ICEBERGS,
    ID,
    LIVE,
    LOW,
    OWNER,
    SHOWN,
    TRAITS,
    USED,
    forget,
    join,
    leave,
    remember,
)
from polaris.exchange.bits import U
from polaris.exchange.telling import heading, price_told, sells, tell
from polaris.exchange.words import FALLING


@inlined
def put(arena, place, tick, traits, shown, hidden, display, order_id, account):  # type: ignore[no-untyped-def]
    """Let an order stand in a ladder, last at its tick; its traits come without the place. There must be a slot: LIVE below CAPACITY."""
    slot = arena[U(FREE)]
    if slot == 0:
        slot = arena[U(USED)] + 1
        arena[U(USED)] = slot
    else:
        arena[U(FREE)] = arena[U(arena[U(AT_ORDERS)] + 8 * slot + AFTER)]
    arena[U(LIVE)] += 1
    order = arena[U(AT_ORDERS)] + 8 * slot
    arena[U(order + ID)] = order_id
    arena[U(order + OWNER)] = (account << 32) | tick
    arena[U(order + SHOWN)] = shown
    arena[U(order + TRAITS)] = place | traits
    arena[U(order + HIDDEN)] = hidden
    arena[U(order + DISPLAY)] = display
    if display != 0:
        arena[U(ICEBERGS)] += 1
    join(arena, place, tick, slot)
    remember(arena, order_id, slot)
    if arena[U(AT_ACCOUNTS)] != 0:
        bind(arena, slot, 1)


@inlined
def release(arena, slot):  # type: ignore[no-untyped-def]
    """Give back the slot and the id of an order that stands in no ladder any more."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    if arena[U(AT_ACCOUNTS)] != 0:
        bind(arena, slot, -1)
    forget(arena, arena[U(order + ID)])
    if arena[U(order + DISPLAY)] != 0:
        arena[U(ICEBERGS)] -= 1
    arena[U(order + AFTER)] = arena[U(FREE)]
    arena[U(FREE)] = slot
    arena[U(LIVE)] -= 1


@inlined
def ended(arena, events, n, slot, kind):  # type: ignore[no-untyped-def]
    """Take an order out without a trade and tell so.

    kind  of the event, with its reason: CANCELLED, EXPIRED | reason << 8
    """
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, tick = arena[U(order + TRAITS)], arena[U(order + OWNER)] & LOW
    place = traits & LOW
    book, sell, limit = place >> 2, sells(traits), tick
    lots, hidden = arena[U(order + SHOWN)], arena[U(order + HIDDEN)]
    if place & 3 < FALLING:
        lots += hidden
    else:
        limit = hidden
    price = price_told(arena, book, sell, (traits >> 32) & 0xFF, limit)
    leave(arena, place, tick, slot)
    n = tell(arena, events, n, kind | heading(book, sell), arena[U(order + ID)], arena[U(order + OWNER)] >> 32, price, lots, 0)
    release(arena, slot)
    return n
