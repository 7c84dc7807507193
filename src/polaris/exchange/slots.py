"""An order's life in memory: from the moment it is accepted, or stands in a ladder, until nothing of it is left.

Most orders are given a slot when they come to rest and lose it when they leave. One that is more than its own line (a leg of a
list, a trailing order), or that enters its book anew, keeps its slot on the way: it is in hand, in no ladder, and holds nothing.
"""

from polaris.domain.kernel import inlined
from polaris.exchange.accounts import bind
from polaris.exchange.arena import (
    AFTER,
    AT_ACCOUNTS,
    AT_ORDERS,
    AWAITING,
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
    stand_at,
)
from polaris.exchange.bits import U


@inlined
def take(arena, place, tick, traits, shown, hidden, display, order_id, account):  # type: ignore[no-untyped-def]
    """A slot for a new order, which is in hand; its traits come without the place. There must be one: LIVE below CAPACITY."""
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
    remember(arena, order_id, slot)
    return slot


@inlined
def put(arena, place, tick, traits, shown, hidden, display, order_id, account):  # type: ignore[no-untyped-def]
    """Let a new order stand in a ladder, last at its tick."""
    slot = take(arena, place, tick, traits, shown, hidden, display, order_id, account)
    join(arena, place, tick, slot)
    if arena[U(AT_ACCOUNTS)] != 0:
        bind(arena, slot, 1)


@inlined
def stand(arena, slot, place, tick):  # type: ignore[no-untyped-def]
    """Let an order in hand stand in a ladder, last at its tick."""
    arena[U(arena[U(AT_ORDERS)] + 8 * slot + TRAITS)] &= ~AWAITING
    stand_at(arena, slot, place, tick)
    join(arena, place, tick, slot)
    if arena[U(AT_ACCOUNTS)] != 0:
        bind(arena, slot, 1)


@inlined
def release(arena, slot):  # type: ignore[no-untyped-def]
    """Give back the slot and the id of an order that stands in no ladder any more, and what it holds."""
    if arena[U(AT_ACCOUNTS)] != 0:
        bind(arena, slot, -1)
    give_back(arena, slot)


@inlined
def give_back(arena, slot):  # type: ignore[no-untyped-def]
    """Give back the slot and the id of an order in hand."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    forget(arena, arena[U(order + ID)])
    if arena[U(order + DISPLAY)] != 0:
        arena[U(ICEBERGS)] -= 1
    arena[U(order + AFTER)] = arena[U(FREE)]
    arena[U(FREE)] = slot
    arena[U(LIVE)] -= 1
