"""An order's life in memory: from the moment it stands in a ladder until nothing of it is left."""

from polaris.domain.kernel import inlined
from polaris.exchange.arena import (
    AFTER,
    AT_ORDERS,
    DISPLAY,
    FREE,
    HIDDEN,
    ICEBERGS,
    ID,
    LIVE,
    OWNER,
    SHOWN,
    TRAITS,
    USED,
    forget,
    join,
    remember,
)
from polaris.exchange.bits import U


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


@inlined
def release(arena, slot):  # type: ignore[no-untyped-def]
    """Give back the slot and the id of an order that stands in no ladder any more."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    forget(arena, arena[U(order + ID)])
    if arena[U(order + DISPLAY)] != 0:
        arena[U(ICEBERGS)] -= 1
    arena[U(order + AFTER)] = arena[U(FREE)]
    arena[U(FREE)] = slot
    arena[U(LIVE)] -= 1
