"""Orders that depend on each other: pairs of which one ends the other, and orders parked until another one fills.

    pair     one trades, fires or ends: the other ends, and this is told first where it trades or fires; a pair that shrinks goes on
             while one trades in part: the other loses as many lots, as it does in any pair where they do not trade with themselves
    parked   the working order fills: they are activated, and enter after what happens now; it ends otherwise: they end

A cancel of one is a cancel of the whole list. Orders that fired or were activated enter one after the other: they are a queue, a
list of the slots themselves.
"""

from polaris.domain.kernel import inlined, kernel, outlined
from polaris.exchange.accounts import hold
from polaris.exchange.arena import (
    AFTER,
    ASLEEP,
    AT_ACCOUNTS,
    AT_ORDERS,
    AWAITING,
    BEFORE,
    DUE_AT,
    ENTERING,
    FRONT,
    HIDDEN,
    ID,
    LIST,
    LOW,
    OWNER,
    PARTNER,
    SHOWN,
    TRAIL,
    TRAITS,
    WAKING,
    leave,
    level_of,
    ties_of,
)
from polaris.exchange.bits import U
from polaris.exchange.expiry import unschedule
from polaris.exchange.pairs import unpair
from polaris.exchange.slots import release
from polaris.exchange.telling import heading, price_told, sells, tell, tell_both
from polaris.exchange.trailing import unfollow
from polaris.exchange.words import ACTIVATED, CANCELLED, EXPIRED, FALLING, LINKED, PREVENTED, SHRINKS, SHRUNK, TRIGGERED


@outlined
def part(arena, events, n, slot, kind, lots, left):  # type: ignore[no-untyped-def]
    """Something is about to happen to a tied order: its other leg ends, or loses as many lots; they hold for themselves until the caller pairs them.

    kind  FILL, PREVENTED or TRIGGERED, of so many lots
    left  lots of it that are open then; where nothing is left of it without a trade, its own end is the other's
    """
    ties = ties_of(arena, slot)
    partner = arena[U(ties + PARTNER)]
    if partner == 0 or (kind == PREVENTED and left == 0):
        return n
    unpair(arena, slot)
    shrinks = kind == PREVENTED or arena[U(arena[U(AT_ORDERS)] + 8 * slot + TRAITS)] & (SHRINKS << 56) != 0
    if shrinks and left != 0 and lots < arena[U(arena[U(AT_ORDERS)] + 8 * partner + SHOWN)]:
        return lessen(arena, events, n, partner, lots, slot)
    arena[U(ties + PARTNER)] = 0
    return drop(arena, events, n, partner, EXPIRED | (LINKED << 8))


@outlined
def lessen(arena, events, n, slot, lots, other):  # type: ignore[no-untyped-def]
    """An order that waits for its trigger, or to enter, loses some of its lots to the other leg of its pair, which can trade before it."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, owner = arena[U(order + TRAITS)], arena[U(order + OWNER)]
    place, sell = traits & LOW, sells(traits)
    if traits & AWAITING == 0:
        arena[U(level_of(arena, place, owner & LOW) + 1)] -= lots
        if arena[U(AT_ACCOUNTS)] != 0:
            hold(arena, owner >> 32, place >> 2, sell, arena[U(order + HIDDEN)], -lots)
    left = arena[U(order + SHOWN)] - lots
    arena[U(order + SHOWN)] = left
    price = price_told(arena, place >> 2, sell, (traits >> 32) & 0xFF, arena[U(order + HIDDEN)])
    head, its_id, other_id = SHRUNK | heading(place >> 2, sell), arena[U(order + ID)], arena[U(arena[U(AT_ORDERS)] + 8 * other + ID)]
    return tell_both(arena, events, n, head, its_id, owner >> 32, price, lots, left, other_id, owner >> 32, 0, 0, 0)


@outlined
def filled(arena, events, n, slot):  # type: ignore[no-untyped-def]
    """A tied order traded wholly: what is parked for it is activated. It stands nowhere any more; its slot is the caller's to give back."""
    ties = ties_of(arena, slot)
    parked = arena[U(ties + LIST)]
    arena[U(ties + LIST)] = 0
    untie(arena, slot)
    while parked != 0 and arena[U(ties_of(arena, parked) + LIST)] != 0:
        ties = ties_of(arena, parked)
        arena[U(ties + LIST)] = 0
        n = tell_of(arena, events, n, parked, ACTIVATED, arena[U(arena[U(AT_ORDERS)] + 8 * parked + SHOWN)])
        enqueue(arena, parked, FRONT)
        parked = arena[U(ties + PARTNER)]
    return n


@outlined
def bereave(arena, events, n, slot, kind):  # type: ignore[no-untyped-def]
    """A tied order ended, which is told; what depends on it ends too. As `filled`, its slot is the caller's to give back."""
    first, second = cut(arena, slot, kind)
    untie(arena, slot)
    if first != 0:
        n = drop(arena, events, n, first, kind | (LINKED << 8))
    if second != 0:
        n = drop(arena, events, n, second, kind | (LINKED << 8))
    return n


@inlined
def end(arena, events, n, slot, told):  # type: ignore[no-untyped-def]
    """End an order wherever it is, without a trade, and what depends on it.

    told  kind of the event, with its reason: CANCELLED, EXPIRED | reason << 8
    """
    if arena[U(arena[U(AT_ORDERS)] + 8 * slot + TRAITS)] < 0:
        return end_tied(arena, events, n, slot, told)
    return drop(arena, events, n, slot, told)


@outlined
def end_tied(arena, events, n, slot, told):  # type: ignore[no-untyped-def]
    """End an order that has ties."""
    first, second = cut(arena, slot, told & 0xFF)
    n = drop(arena, events, n, slot, told)
    if first != 0:
        n = drop(arena, events, n, first, (told & 0xFF) | (LINKED << 8))
    if second != 0:
        n = drop(arena, events, n, second, (told & 0xFF) | (LINKED << 8))
    return n


@outlined
def cut(arena, slot, kind):  # type: ignore[no-untyped-def]
    """Cut a tied order out of its list; returns the slots of those that end with it, 0 where there are none."""
    ties = ties_of(arena, slot)
    partner, other = arena[U(ties + PARTNER)], arena[U(ties + LIST)]
    if partner != 0:
        unpair(arena, slot)
        arena[U(ties_of(arena, partner) + PARTNER)] = 0
        arena[U(ties_of(arena, partner) + LIST)] = 0
    arena[U(ties + PARTNER)] = 0
    arena[U(ties + LIST)] = 0
    if other == 0:
        return partner, 0
    its = ties_of(arena, other)
    arena[U(its + LIST)] = 0
    if arena[U(arena[U(AT_ORDERS)] + 8 * slot + TRAITS)] & AWAITING != 0:
        return partner, (other if kind == CANCELLED else 0)
    second = arena[U(its + PARTNER)]
    arena[U(its + PARTNER)] = 0
    if second != 0:
        arena[U(ties_of(arena, second) + PARTNER)] = 0
        arena[U(ties_of(arena, second) + LIST)] = 0
    return other, second


@inlined
def drop(arena, events, n, slot, told):  # type: ignore[no-untyped-def]
    """Take one order out of wherever it is and tell so; nothing depends on it any more."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits = arena[U(order + TRAITS)]
    if traits < 0:
        return drop_tied(arena, events, n, slot, told)
    place, tick, account = traits & LOW, arena[U(order + OWNER)] & LOW, arena[U(order + OWNER)] >> 32
    book, sell, limit = place >> 2, sells(traits), tick
    lots, hidden = arena[U(order + SHOWN)], arena[U(order + HIDDEN)]
    if place & 3 < FALLING:
        lots += hidden
    else:
        limit = hidden
    price = price_told(arena, book, sell, (traits >> 32) & 0xFF, limit)
    leave(arena, place, tick, slot)
    n = tell(arena, events, n, told | heading(book, sell), arena[U(order + ID)], account, price, lots, 0)
    release(arena, slot)
    return n


@outlined
def drop_tied(arena, events, n, slot, told):  # type: ignore[no-untyped-def]
    """The same of an order that has ties: it may be parked, or on its way."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits = arena[U(order + TRAITS)]
    place, lots = traits & LOW, arena[U(order + SHOWN)]
    if traits & ENTERING != 0:
        dequeue(arena, slot, WAKING if traits & (ASLEEP | AWAITING) == ASLEEP else FRONT)
    elif traits & AWAITING == 0:
        leave(arena, place, arena[U(order + OWNER)] & LOW, slot)
    if place & 3 < FALLING and traits & AWAITING == 0:
        lots += arena[U(order + HIDDEN)]
    n = tell_of(arena, events, n, slot, told, lots)
    untie(arena, slot)
    release(arena, slot)
    return n


@kernel
def tell_of(arena, events, n, slot, told, lots):  # type: ignore[no-untyped-def]
    """Tell what happens to an order that has a slot: it ends, or its turn to enter came and all of it is open."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, owner = arena[U(order + TRAITS)], arena[U(order + OWNER)]
    place, order_type = traits & LOW, (traits >> 32) & 0xFF
    resting, sell = place & 3 < FALLING and traits & AWAITING == 0, sells(traits)
    price = price_told(arena, place >> 2, sell, order_type, owner & LOW if resting else arena[U(order + HIDDEN)])
    head = told | heading(place >> 2, sell)
    return tell(arena, events, n, head, arena[U(order + ID)], owner >> 32, price, lots, lots if told == ACTIVATED or told == TRIGGERED else 0)


@outlined
def untie(arena, slot):  # type: ignore[no-untyped-def]
    """Take a tied order out of the heap and of the list of those that trail."""
    ties = ties_of(arena, slot)
    if arena[U(ties + DUE_AT)] != 0:
        unschedule(arena, slot)
    if arena[U(ties + TRAIL)] != 0 and arena[U(arena[U(AT_ORDERS)] + 8 * slot + TRAITS)] & (ASLEEP | AWAITING) == 0:
        unfollow(arena, slot)


@kernel
def enqueue(arena, slot, front):  # type: ignore[no-untyped-def]
    """Put an order at the end of a queue, FRONT or WAKING."""
    orders = arena[U(AT_ORDERS)]
    order, back = orders + 8 * slot, arena[U(front + 1)]
    arena[U(order + TRAITS)] |= ENTERING
    arena[U(order + BEFORE)] = back
    arena[U(order + AFTER)] = 0
    if back != 0:
        arena[U(orders + 8 * back + AFTER)] = slot
    else:
        arena[U(front)] = slot
    arena[U(front + 1)] = slot


@kernel
def dequeue(arena, slot, front):  # type: ignore[no-untyped-def]
    """Take an order out of the queue it is in."""
    orders = arena[U(AT_ORDERS)]
    order = orders + 8 * slot
    arena[U(order + TRAITS)] &= ~ENTERING
    before, after = arena[U(order + BEFORE)], arena[U(order + AFTER)]
    if before != 0:
        arena[U(orders + 8 * before + AFTER)] = after
    else:
        arena[U(front)] = after
    if after != 0:
        arena[U(orders + 8 * after + BEFORE)] = before
    else:
        arena[U(front + 1)] = before
