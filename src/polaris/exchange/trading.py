"""Trading: an accepted order takes what it may from the other side, then rests or expires.

    execute -> all or nothing? -> trade (and settle) -> rest (put) or expire

`sell` is 1 for an order to sell, 0 to buy; `tick` and `limit` are prices counted from the book's lowest.
"""

from polaris.domain.kernel import inlined, kernel, outlined
from polaris.exchange.accounts import hold, terms
from polaris.exchange.arena import (
    AFTER,
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_ORDERS,
    BANDED,
    BEFORE,
    BOOK_WORDS,
    DISPLAY,
    HIDDEN,
    ID,
    LAST,
    LOW,
    LOWEST,
    MET,
    OWNER,
    PHASES,
    SHOWN,
    TIED,
    TRAITS,
    WATCH,
    bitmap_of,
    join,
    leave,
    level_of,
    next_tick,
)
from polaris.exchange.bands import banded, held_back
from polaris.exchange.bits import U, unmark
from polaris.exchange.contingent import bereave, end, filled, part
from polaris.exchange.pairs import pair, unpair
from polaris.exchange.settlement import TAKER_TRADES, settle, trim, uncount
from polaris.exchange.slots import give_back, put, release, stand
from polaris.exchange.telling import FLAGS, heading, price_told, sells, tell, tell_both
from polaris.exchange.words import (
    BOOK_HALTED,
    CAME,
    DECREMENT,
    EVENT_WORDS,
    EXPIRE_MAKER,
    EXPIRED,
    FILL,
    FOK,
    GTC,
    HAS_TRADED,
    MARKET_AMOUNT,
    NOT_FILLABLE,
    POST_ONLY,
    PREVENTED,
    REFRESHED,
    REMAINDER,
    SELF_TRADE,
)


@kernel
def execute(arena, events, n, book, sell, traits, limit, quantity, display, order_id, account, slot):  # type: ignore[no-untyped-def]
    """Match an accepted order, then rest or expire what is left; returns (events told, first tick it traded at or -1).

    traits  of the order, without a place
    limit   tick; of an order that takes any price `endmost`
    slot    the order's where it is in hand: it keeps it, or gives it back; 0: it has none
    """
    order_type, time_in_force, prevention = (traits >> 32) & 0xFF, (traits >> 40) & 0xFF, (traits >> 48) & 0xFF
    rests = time_in_force == GTC or time_in_force >= POST_ONLY
    left, reason, first, bound = quantity, 0, -1, limit
    watch = arena[U(AT_BOOKS + BOOK_WORDS * book + WATCH)] & (PHASES | BANDED)
    if watch != 0:
        bound = banded(arena, book, sell, limit)
    if watch & PHASES != 0:
        reason = 0 if rests else BOOK_HALTED
    elif time_in_force == FOK and not fillable(arena, book, sell, bound, quantity, account, prevention):
        reason = NOT_FILLABLE
    elif crosses(arena, book, sell, bound):
        n, left, reason, first = trade(arena, events, n, book, sell, bound, quantity, order_type == MARKET_AMOUNT, order_id, account, prevention, slot)
    money = arena[U(AT_ACCOUNTS)] != 0
    if money and first >= 0 and traits & (HAS_TRADED << 56) == 0:
        traits |= HAS_TRADED << 56
        uncount(arena, account, TAKER_TRADES)
    if left != 0 and watch == BANDED and reason == 0 and crosses(arena, book, sell, limit):
        n, reason = held_back(arena, events, n, book, rests)
    if left != 0 and reason == 0 and rests:
        shown = min(display, left) if display != 0 else left
        if slot == 0:
            put(arena, 4 * book + sell, limit, traits, shown, left - shown, display, order_id, account)
        else:
            rest(arena, slot, 4 * book + sell, limit, traits, shown, left - shown)
    else:
        if left != 0:
            if reason == 0:
                reason = REMAINDER
            price = price_told(arena, book, sell, order_type, limit)
            n = tell(arena, events, n, EXPIRED | (reason << 8) | heading(book, sell), order_id, account, price, left, 0)
            if reason == SELF_TRADE:
                events[U(EVENT_WORDS * (n - 1))] |= CAME << FLAGS
                events[U(EVENT_WORDS * (n - 1) + 2)] = arena[U(MET)]
        if slot != 0:
            n = close(arena, events, n, slot, left == 0 and reason == 0)
    if money:
        n = trim(arena, events, n, book, account)
    return n, first


@outlined
def resume(arena, events, n, book, slot, limit, quantity):  # type: ignore[no-untyped-def]
    """An order in hand executes, at this limit and with so many lots; returns as `execute` does."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, account = arena[U(order + TRAITS)], arena[U(order + OWNER)] >> 32
    order_id, display = arena[U(order + ID)], arena[U(order + DISPLAY)]
    return execute(arena, events, n, book, sells(traits), traits & ~(TIED | LOW), limit, quantity, display, order_id, account, slot)


@outlined
def rest(arena, slot, place, tick, traits, shown, hidden):  # type: ignore[no-untyped-def]
    """Let an order in hand stand in the book with what is left of it."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    arena[U(order + SHOWN)] = shown
    arena[U(order + HIDDEN)] = hidden
    arena[U(order + TRAITS)] |= traits & (HAS_TRADED << 56)
    stand(arena, slot, place, tick)
    if arena[U(order + TRAITS)] < 0:
        pair(arena, slot)


@outlined
def close(arena, events, n, slot, traded):  # type: ignore[no-untyped-def]
    """Nothing of an order in hand is left, all of it traded or its end is told: give its slot back, see to what depends on it."""
    if arena[U(arena[U(AT_ORDERS)] + 8 * slot + TRAITS)] < 0:
        n = filled(arena, events, n, slot) if traded else bereave(arena, events, n, slot, EXPIRED)
    give_back(arena, slot)
    return n


@outlined
def fillable(arena, book, sell, limit, want, account, prevention):  # type: ignore[no-untyped-def]
    """Whether so many lots could trade now: in the order of the queue, hidden lots of a tick after all that is shown there."""
    orders = arena[U(AT_ORDERS)]
    place = 4 * book + 1 - sell
    tick = arena[U(AT_BOOKS + BOOK_WORDS * book + 1 - sell)]
    while (tick >= limit) if sell else (tick <= limit):
        slot = arena[U(level_of(arena, place, tick))] >> 32
        hidden = 0
        while slot != 0:
            order = orders + 8 * slot
            if prevention != 0 and account != 0 and arena[U(order + OWNER)] >> 32 == account:
                if prevention != EXPIRE_MAKER:
                    return False
            else:
                want -= arena[U(order + SHOWN)]
                hidden += arena[U(order + HIDDEN)]
                if want <= 0:
                    return True
            slot = arena[U(order + AFTER)]
        want -= hidden
        if want <= 0:
            return True
        tick = next_tick(arena, place, tick)
    return False


@kernel
def trade(arena, events, n, book, sell, limit, left, by_amount, order_id, account, prevention, taker):  # type: ignore[no-untyped-def]
    """Trade with the other side while it is within the limit.

    left     int64  lots to trade; by_amount: ticks times lots
    taker    int64  the order's slot, 0 where it has none
    returns  (events told, left, why the order must end or 0, first tick it traded at or -1); nothing left and a reason: its last
             lots did not trade with itself
    """
    line = AT_BOOKS + BOOK_WORDS * book
    best = line + 1 - sell
    place = 4 * book + 1 - sell
    orders = arena[U(AT_ORDERS)]
    lowest = arena[U(line + LOWEST)]
    head = heading(book, sell)
    watched = account if prevention != 0 and account != 0 else -1
    money = arena[U(AT_ACCOUNTS)] != 0
    first, kind = -1, FILL
    while left > 0:
        tick = arena[U(best)]
        if (tick < limit) if sell else (tick > limit):
            break
        price = lowest + tick
        level = level_of(arena, place, tick)
        ends = arena[U(level)]
        here = arena[U(level + 1)]
        slot = ends >> 32
        own, refresh, short = False, False, False
        while slot != 0 and left > 0:
            order = orders + 8 * slot
            shown = arena[U(order + SHOWN)]
            kind = FILL
            if arena[U(order + OWNER)] >> 32 == watched:
                if prevention != DECREMENT:
                    own = True
                    break
                kind = PREVENTED
            if by_amount:
                quantity = min(shown, left // price)
                if quantity == 0:
                    short = True
                    break
                left -= quantity * price
            else:
                quantity = min(shown, left)
                left -= quantity
            shown -= quantity
            here -= quantity
            hidden = arena[U(order + HIDDEN)]
            if kind == FILL:
                arena[U(line + LAST)] = tick
                if first < 0:
                    first = tick
            if taker != 0 and arena[U(orders + 8 * taker + TRAITS)] < 0:
                n = part(arena, events, n, taker, kind, quantity, left)
            tied = arena[U(order + TRAITS)] < 0
            if tied:
                n = part(arena, events, n, slot, kind, quantity, shown + hidden)
            maker, owner = arena[U(order + ID)], arena[U(order + OWNER)] >> 32
            fee, maker_fee = 0, 0
            if money:
                if kind == FILL:
                    arena[U(order + SHOWN)] = shown
                    fee, maker_fee = settle(arena, book, sell, price, quantity, account, slot)
                    if tied:
                        pair(arena, slot)
                else:
                    shrink(arena, slot, quantity, 0)
            n = tell_both(arena, events, n, kind | head, order_id, account, price, quantity, left, maker, owner, shown + hidden, fee, maker_fee)
            if shown != 0 or hidden != 0:
                arena[U(order + SHOWN)] = shown
                refresh = shown == 0
                if refresh:
                    break
            else:
                after = arena[U(order + AFTER)]
                if arena[U(order + TRAITS)] < 0:
                    n = filled(arena, events, n, slot) if kind == FILL else bereave(arena, events, n, slot, EXPIRED)
                release(arena, slot)
                slot = after
        arena[U(level + 1)] = here
        if slot == 0:
            arena[U(level)] = 0
            unmark(arena, bitmap_of(arena, place), tick)
            arena[U(best)] = next_tick(arena, place, tick)
            continue
        arena[U(level)] = (slot << 32) | (ends & LOW)
        order = orders + 8 * slot
        arena[U(order + BEFORE)] = 0
        if short:
            return n, left, REMAINDER, first
        if refresh:
            n = refreshed(arena, events, n, book, 1 - sell, place, tick, slot)
        elif own:
            arena[U(MET)] = arena[U(order + ID)]
            if prevention >= EXPIRE_MAKER:
                told = n
                n = end(arena, events, n, slot, EXPIRED | (SELF_TRADE << 8))
                events[U(EVENT_WORDS * told + 2)] = order_id
            if prevention != EXPIRE_MAKER:
                return n, left, SELF_TRADE, first
    return n, left, (SELF_TRADE if left == 0 and kind == PREVENTED else 0), first


@outlined
def shrink(arena, slot, shown, hidden):  # type: ignore[no-untyped-def]
    """An order that stands has so many lots less of those it shows and hides, and holds less; its tick's lots are the caller's."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, money = arena[U(order + TRAITS)], arena[U(AT_ACCOUNTS)] != 0
    if money:
        if traits < 0:
            unpair(arena, slot)
        tick, _ = terms(arena, slot)
        hold(arena, arena[U(order + OWNER)] >> 32, (traits & LOW) >> 2, sells(traits), tick, -shown - hidden)
    arena[U(order + SHOWN)] -= shown
    if hidden != 0:
        arena[U(order + HIDDEN)] -= hidden
    if money and traits < 0:
        pair(arena, slot)


@kernel
def refreshed(arena, events, n, book, sell, place, tick, slot):  # type: ignore[no-untyped-def]
    """Show an iceberg's next lots, at the end of its tick's queue."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    leave(arena, place, tick, slot)
    open_lots = arena[U(order + HIDDEN)]
    shown = min(arena[U(order + DISPLAY)], open_lots)
    arena[U(order + SHOWN)] = shown
    arena[U(order + HIDDEN)] = open_lots - shown
    join(arena, place, tick, slot)
    price = tick + arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
    return tell(arena, events, n, REFRESHED | heading(book, sell), arena[U(order + ID)], arena[U(order + OWNER)] >> 32, price, shown, open_lots)


@inlined
def crosses(arena, book, sell, limit):  # type: ignore[no-untyped-def]
    """Whether the other side's best tick is within the limit."""
    best = arena[U(AT_BOOKS + BOOK_WORDS * book + 1 - sell)]
    if sell:
        return best >= limit
    return best <= limit


@inlined
def slid(arena, book, sell):  # type: ignore[no-untyped-def]
    """One tick from the other side's best: -1 or TICKS where the book has no such price."""
    best = arena[U(AT_BOOKS + BOOK_WORDS * book + 1 - sell)]
    return best + 1 if sell else best - 1
