"""Changes to orders that live: cancel, mass cancel, amend, an end at a time, time that passes."""

from polaris.domain.kernel import inlined, kernel, outlined
from polaris.exchange.accounts import bind
from polaris.exchange.admission import off_step, refusal
from polaris.exchange.arena import (
    AFTER,
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_ORDERS,
    AWAITING,
    BOOK_WORDS,
    BOOKS,
    DISPLAY,
    ENDS,
    FILTERED,
    HIDDEN,
    ID,
    LIST,
    LOW,
    LOWEST,
    NOW,
    OWNER,
    PARTNER,
    PHASES,
    SHOWN,
    TEN_SECONDS,
    TIED,
    TODAY,
    TRAITS,
    WATCH,
    find,
    leave,
    level_of,
    next_tick,
    ties_of,
)
from polaris.exchange.bands import centre
from polaris.exchange.bits import U
from polaris.exchange.contingent import end
from polaris.exchange.expiry import next_due, schedule
from polaris.exchange.pairs import unpair
from polaris.exchange.settings import set_killed
from polaris.exchange.telling import FLAGS, SIDE, heading, price_told, reject, sells, tell
from polaris.exchange.trading import crosses, resume, shrink, slid
from polaris.exchange.triggers import fire, reaches
from polaris.exchange.words import (
    AMENDED,
    AUCTION,
    BAD_DISPLAY,
    BAD_LIST,
    BAD_PRICE,
    BAD_QUANTITY,
    BAD_SIDE,
    BOOK_HALTED,
    CANCELLED,
    EVENT_WORDS,
    EXPIRE_AT,
    EXPIRED,
    FALLING,
    KEPT_PLACE,
    LOT_SIZE,
    MAX_QUANTITY,
    MAX_SLICES,
    NO_SUCH_BOOK,
    NOT_RESTING,
    POST_ONLY,
    REJECTED,
    SETTING,
    SHRINKS,
    TICKS,
    TIME,
    UNKNOWN_ORDER,
    WOULD_TAKE,
)


@inlined
def cancel(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Take an order out because somebody asked."""
    slot = named(arena, commands, at)
    if slot == 0:
        return reject(arena, commands, at, events, n, UNKNOWN_ORDER)
    return end(arena, events, n, slot, CANCELLED)


@inlined
def mass_cancel(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Take out what a command means: all orders of a book (or all books), of a side and an account where these are named."""
    book, side = commands[U(at)] >> 32, (commands[U(at)] >> SIDE) & 0xFF
    if book < -1 or book >= arena[U(BOOKS)]:
        return reject(arena, commands, at, events, n, NO_SUCH_BOOK)
    if side != 0 and side != 1 and side != 0xFF:
        return reject(arena, commands, at, events, n, BAD_SIDE)
    return sweep(arena, events, n, book, side, commands[U(at + 6)] & LOW)


@outlined
def kill(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """An account, or all, may open nothing any more, and what it has open ends."""
    n = set_killed(arena, commands, at, events, n)
    if events[U(EVENT_WORDS * (n - 1))] & 0xFF != REJECTED:
        n = sweep(arena, events, n, -1, 0, commands[U(at + 6)] & LOW)
    return n


@outlined
def sweep(arena, events, n, book, side, account):  # type: ignore[no-untyped-def]
    """Cancel all orders of a book (-1: of all), of a side (0: of both) and an account (0: of all), best first."""
    start, stop = (0, arena[U(BOOKS)]) if book == -1 else (book, book + 1)
    orders = arena[U(AT_ORDERS)]
    for place in range(4 * start, 4 * stop):
        tick = arena[U(AT_BOOKS + BOOK_WORDS * (place >> 2) + (place & 3))]
        while 0 <= tick < TICKS:
            slot = arena[U(level_of(arena, place, tick))] >> 32
            following = next_tick(arena, place, tick)
            while slot != 0:
                order = orders + 8 * slot
                after, tied = arena[U(order + AFTER)], arena[U(order + TRAITS)] < 0
                if account != 0 and arena[U(order + OWNER)] >> 32 != account:
                    slot = after
                    continue
                if side != 0 and side_of(arena, slot) != side:
                    slot = parked_of(arena, slot, side) if tied else 0  # they live and die with it
                if slot != 0:
                    n = end(arena, events, n, slot, CANCELLED)
                    if tied:  # others ended with it: perhaps the next one
                        after = arena[U(level_of(arena, place, tick))] >> 32
                slot = after
            tick = following
    return n


@outlined
def amend(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Change an order: less at the same price keeps its place, anything else enters the book anew."""
    slot = named(arena, commands, at)
    if slot == 0:
        return reject(arena, commands, at, events, n, UNKNOWN_ORDER)
    order_id, quantity = commands[U(at + 1)], commands[U(at + 3)]
    order = arena[U(AT_ORDERS)] + 8 * slot
    line = AT_BOOKS + BOOK_WORDS * ((arena[U(order + TRAITS)] & LOW) >> 2)
    if arena[U(line + WATCH)] & PHASES > AUCTION:
        return reject(arena, commands, at, events, n, BOOK_HALTED)
    if quantity <= 0 or quantity > MAX_QUANTITY:
        return reject(arena, commands, at, events, n, BAD_QUANTITY)
    traits, owner, shown, hidden = arena[U(order + TRAITS)], arena[U(order + OWNER)], arena[U(order + SHOWN)], arena[U(order + HIDDEN)]
    place, order_type, time_in_force = traits & LOW, (traits >> 32) & 0xFF, (traits >> 40) & 0xFF
    book, tick, account, sell = place >> 2, owner & LOW, owner >> 32, sells(traits)
    if arena[U(line + FILTERED)] != 0 and off_step(arena, book, quantity):
        return reject(arena, commands, at, events, n, LOT_SIZE)
    if traits < 0 and traits & (SHRINKS << 56) != 0 and arena[U(ties_of(arena, slot) + PARTNER)] != 0:
        return reject(arena, commands, at, events, n, BAD_LIST)
    lowest = arena[U(line + LOWEST)]
    price = tick + lowest
    if place & 3 >= FALLING or traits & AWAITING != 0:
        price = price_told(arena, book, sell, order_type, hidden)
        if quantity > shown or (commands[U(at + 2)] != 0 and commands[U(at + 2)] != price):
            return reject(arena, commands, at, events, n, NOT_RESTING)
        if traits & AWAITING != 0:
            arena[U(order + SHOWN)] = quantity
        else:
            arena[U(level_of(arena, place, tick) + 1)] -= shown - quantity
            shrink(arena, slot, shown - quantity, 0)
        return tell(arena, events, n, AMENDED | (KEPT_PLACE << FLAGS) | heading(book, sell), order_id, account, price, quantity, quantity)
    if commands[U(at + 2)] != 0:
        price = commands[U(at + 2)]
    limit = price - lowest
    if limit < 0 or limit >= TICKS:
        return reject(arena, commands, at, events, n, BAD_PRICE)
    display = arena[U(order + DISPLAY)]
    if display != 0 and (quantity - 1) // display >= MAX_SLICES:
        return reject(arena, commands, at, events, n, BAD_DISPLAY)
    if limit == tick and quantity <= shown + hidden:
        less = max(0, shown - quantity)
        arena[U(level_of(arena, place, tick) + 1)] -= less
        shrink(arena, slot, less, shown + hidden - quantity - less)
        return tell(arena, events, n, AMENDED | (KEPT_PLACE << FLAGS) | heading(book, sell), order_id, account, price, quantity, quantity)
    if time_in_force >= POST_ONLY and crosses(arena, book, sell, limit):
        limit = slid(arena, book, sell)
        if time_in_force == POST_ONLY or limit < 0 or limit >= TICKS:
            return reject(arena, commands, at, events, n, WOULD_TAKE)
    centre(arena, book)
    if arena[U(AT_ACCOUNTS)] | arena[U(line + FILTERED)] != 0:
        reason = refusal(arena, book, sell, traits & ~(TIED | LOW), limit, 0, quantity, account, slot, 0)
        if reason != 0:
            return reject(arena, commands, at, events, n, reason)
    leave(arena, place, tick, slot)
    if traits < 0:
        unpair(arena, slot)
    if arena[U(AT_ACCOUNTS)] != 0:
        bind(arena, slot, -1)
    n = tell(arena, events, n, AMENDED | heading(book, sell), order_id, account, limit + lowest, quantity, quantity)
    n, first = resume(arena, events, n, book, slot, limit, quantity)
    return fire(arena, events, n, book, first) if reaches(arena, book, first) else n


@outlined
def clock(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Time passes: what is due ends, the first one first."""
    if commands[U(at + 2)] < arena[U(NOW)]:
        return reject(arena, commands, at, events, n, TIME)
    now = commands[U(at + 2)]
    arena[U(NOW)], arena[U(TEN_SECONDS)], arena[U(TODAY)] = now, now // 10_000_000_000, now // 86_400_000_000_000
    slot = next_due(arena)
    while slot != 0 and arena[U(ties_of(arena, slot) + ENDS)] <= now:
        n = end(arena, events, n, slot, EXPIRED | (TIME << 8))
        slot = next_due(arena)
    return n


@outlined
def expire_at(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Let an order end at a time; at none any more where that is 0."""
    slot, when = named(arena, commands, at), commands[U(at + 2)]
    if slot == 0:
        return reject(arena, commands, at, events, n, UNKNOWN_ORDER)
    if when != 0 and when <= arena[U(NOW)]:
        return reject(arena, commands, at, events, n, TIME)
    schedule(arena, slot, when)
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits = arena[U(order + TRAITS)]
    head = SETTING | heading((traits & LOW) >> 2, sells(traits))
    return tell(arena, events, n, head, arena[U(order + ID)], arena[U(order + OWNER)] >> 32, when, 0, EXPIRE_AT)


@inlined
def side_of(arena, slot):  # type: ignore[no-untyped-def]
    """The side of an order, as a command has it."""
    return 0xFF if sells(arena[U(arena[U(AT_ORDERS)] + 8 * slot + TRAITS)]) else 1


@kernel
def parked_of(arena, slot, side):  # type: ignore[no-untyped-def]
    """The first order of this side that is parked for another one; 0 where none is. Two that are parked for one are of one side."""
    parked = arena[U(ties_of(arena, slot) + LIST)]
    return parked if parked != 0 and side_of(arena, parked) == side else 0


@inlined
def named(arena, commands, at):  # type: ignore[no-untyped-def]
    """The slot of the order a command means; 0 where none of this id lives, or it is another account's."""
    order_id = commands[U(at + 1)]
    slot = find(arena, order_id) if order_id > 0 else 0
    account = commands[U(at + 6)] & LOW
    if slot != 0 and account != 0 and arena[U(arena[U(AT_ORDERS)] + 8 * slot + OWNER)] >> 32 != account:
        return 0
    return slot
