"""Trailing orders: a trigger that follows the best price since the order woke, at a distance, and never goes back.

    asleep (until a trade at its activation price or beyond) -> awake: the trigger follows -> fires like a stop

A seller's trigger follows the highest price from below, a buyer's the lowest from above. The distance is so many ticks, or basis
points of the best price rounded up to whole ticks; the trigger stops at the book's edge.

Those that are awake are a list, the youngest first. The younger an order, the fewer prices it has seen: its best price is never
better than an older one's. So those that a price moves are the first ones of the list, and the rest is not looked at. They
move in the order they woke. One order's trades can wake several, at the first of its prices or on its way: each takes its place by
the price it woke at.
"""

from polaris.domain.kernel import inlined, outlined
from polaris.exchange.accounts import bind
from polaris.exchange.arena import (
    ASLEEP,
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_ORDERS,
    AWAITING,
    BEST,
    BOOK_WORDS,
    LAST,
    LOW,
    LOWEST,
    OLDER,
    OWNER,
    TRAIL,
    TRAILED,
    TRAITS,
    WATCH,
    YOUNGER,
    YOUNGEST,
    join,
    leave,
    stand_at,
    ties_of,
)
from polaris.exchange.bits import U
from polaris.exchange.pairs import pair
from polaris.exchange.telling import sells
from polaris.exchange.words import EVENT_WORDS, FALLING, FILL, RISING, TICKS


@outlined
def wait(arena, slot):  # type: ignore[no-untyped-def]
    """Let an order in hand stand where it waits; a trailing one wakes where the last trade reached its activation price."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, tick = arena[U(order + TRAITS)] & ~AWAITING, arena[U(order + OWNER)] & LOW
    arena[U(order + TRAITS)] = traits
    place = traits & LOW
    last = arena[U(AT_BOOKS + BOOK_WORDS * (place >> 2) + LAST)]
    if traits & ASLEEP != 0 and last >= 0 and (last >= tick if place & 3 == RISING else last <= tick):
        wake(arena, slot, last)
    else:
        join(arena, place, tick, slot)
    if arena[U(AT_ACCOUNTS)] != 0:
        bind(arena, slot, 1)
        pair(arena, slot)


@outlined
def wake(arena, slot, best):  # type: ignore[no-untyped-def]
    """Let a trailing order follow the price from here on."""
    order, ties = arena[U(AT_ORDERS)] + 8 * slot, ties_of(arena, slot)
    traits = arena[U(order + TRAITS)]
    book, sell = (traits & LOW) >> 2, sells(traits)
    arena[U(order + TRAITS)] = traits & ~ASLEEP
    arena[U(ties + BEST)] = best
    youngest = AT_BOOKS + BOOK_WORDS * book + YOUNGEST + sell
    older, younger = arena[U(youngest)], 0
    while older != 0 and (arena[U(ties_of(arena, older) + BEST)] < best if sell else arena[U(ties_of(arena, older) + BEST)] > best):
        younger = older
        older = arena[U(ties_of(arena, older) + OLDER)]
    arena[U(ties + OLDER)] = older
    arena[U(ties + YOUNGER)] = younger
    if older != 0:
        arena[U(ties_of(arena, older) + YOUNGER)] = slot
    if younger != 0:
        arena[U(ties_of(arena, younger) + OLDER)] = slot
    else:
        arena[U(youngest)] = slot
    arena[U(AT_BOOKS + BOOK_WORDS * book + WATCH)] |= TRAILED
    place, tick = 4 * book + (FALLING if sell else RISING), trigger_of(arena, book, sell, arena[U(ties + TRAIL)], best)
    stand_at(arena, slot, place, tick)
    join(arena, place, tick, slot)


@outlined
def follow(arena, book, sell, tick):  # type: ignore[no-untyped-def]
    """The awake ones of a side see a price: where it is the best since they woke, their triggers follow it."""
    slot, behind = arena[U(AT_BOOKS + BOOK_WORDS * book + YOUNGEST + sell)], 0
    while slot != 0:
        best = arena[U(ties_of(arena, slot) + BEST)]
        if best >= tick if sell else best <= tick:
            break
        behind = slot
        slot = arena[U(ties_of(arena, slot) + OLDER)]
    place = 4 * book + (FALLING if sell else RISING)
    while behind != 0:
        ties = ties_of(arena, behind)
        arena[U(ties + BEST)] = tick
        leave(arena, place, arena[U(arena[U(AT_ORDERS)] + 8 * behind + OWNER)] & LOW, behind)
        trigger = trigger_of(arena, book, sell, arena[U(ties + TRAIL)], tick)
        stand_at(arena, behind, place, trigger)
        join(arena, place, trigger, behind)
        behind = arena[U(ties + YOUNGER)]


@outlined
def unfollow(arena, slot):  # type: ignore[no-untyped-def]
    """Take an order that is awake out of the list: it fires or ends."""
    ties = ties_of(arena, slot)
    traits = arena[U(arena[U(AT_ORDERS)] + 8 * slot + TRAITS)]
    book, sell = (traits & LOW) >> 2, sells(traits)
    older, younger = arena[U(ties + OLDER)], arena[U(ties + YOUNGER)]
    line = AT_BOOKS + BOOK_WORDS * book
    if older != 0:
        arena[U(ties_of(arena, older) + YOUNGER)] = younger
    if younger != 0:
        arena[U(ties_of(arena, younger) + OLDER)] = older
    else:
        arena[U(line + YOUNGEST + sell)] = older
    if arena[U(line + YOUNGEST)] == 0 and arena[U(line + YOUNGEST + 1)] == 0:
        arena[U(line + WATCH)] &= ~TRAILED
    arena[U(ties + TRAIL)] = 0


@outlined
def first_reaching(arena, events, n, book, ladder, tick, first):  # type: ignore[no-untyped-def]
    """The first tick of those traded by the order that traded last, from `first` on, that reached `tick`; at least its last one did."""
    if first >= tick if ladder == RISING else first <= tick:
        return first
    at = EVENT_WORDS * (n - 1)
    while events[U(at)] & 0xFF != FILL:
        at -= EVENT_WORDS
    line = AT_BOOKS + BOOK_WORDS * book
    taker, lowest, reached = events[U(at + 1)], arena[U(line + LOWEST)], arena[U(line + LAST)]
    while True:  # its first trade, which did not reach it, is where this ends
        if events[U(at)] & 0xFF == FILL:
            traded = events[U(at + 3)] - lowest
            if events[U(at + 1)] != taker or (traded < tick if ladder == RISING else traded > tick):
                return reached
            reached = traded
        at -= EVENT_WORDS


@inlined
def farthest(arena, book, sell, worse, trail, tick):  # type: ignore[no-untyped-def]
    """The first trigger of a trailing order that a price at `tick` wakes, if the last trade does not; a better price makes none farther.

    worse  whether a price that is at it or worse for the order wakes it
    """
    last = arena[U(AT_BOOKS + BOOK_WORDS * book + LAST)]
    if last >= 0 and (last >= tick if (sell != 0) != worse else last <= tick):
        tick = last
    return trigger_of(arena, book, sell, trail, tick)


@inlined
def trigger_of(arena, book, sell, trail, best):  # type: ignore[no-untyped-def]
    """The tick a trigger is at when `best` is the best tick."""
    distance = trail
    if trail < 0:
        price = best + arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
        whole, rest = price // 10_000, price % 10_000  # the product of all would not fit into a word
        distance = -trail * whole + (-trail * rest + 9_999) // 10_000
    if sell:
        return max(best - distance, 0)
    return min(best + distance, TICKS - 1)
