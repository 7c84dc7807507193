"""Changes to orders that live: cancel, mass cancel, amend."""

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.accounts import hold
from polaris.exchange.admission import off_step, refusal
from polaris.exchange.arena import (
    AFTER,
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_ORDERS,
    BOOK_WORDS,
    BOOKS,
    DISPLAY,
    FILTERED,
    HIDDEN,
    LOW,
    LOWEST,
    OWNER,
    SHOWN,
    TRAITS,
    find,
    leave,
    level_of,
    next_tick,
)
from polaris.exchange.bits import U
from polaris.exchange.settings import set_killed
from polaris.exchange.slots import ended, release
from polaris.exchange.telling import FLAGS, SIDE, heading, price_told, reject, sells, tell
from polaris.exchange.trading import crosses, execute, slid
from polaris.exchange.triggers import fire, reaches
from polaris.exchange.words import (
    AMENDED,
    BAD_DISPLAY,
    BAD_PRICE,
    BAD_QUANTITY,
    BAD_SIDE,
    CANCELLED,
    EVENT_WORDS,
    FALLING,
    KEPT_PLACE,
    LOT_SIZE,
    MAX_QUANTITY,
    MAX_SLICES,
    NO_SUCH_BOOK,
    NOT_RESTING,
    POST_ONLY,
    REJECTED,
    TICKS,
    UNKNOWN_ORDER,
    WOULD_TAKE,
)


@inlined
def cancel(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Take an order out because somebody asked."""
    slot = named(arena, commands, at)
    if slot == 0:
        return reject(arena, commands, at, events, n, UNKNOWN_ORDER)
    return ended(arena, events, n, slot, CANCELLED)


@inlined
def mass_cancel(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Take out what a command means: all orders of a book (or all books), of a side and an account where these are named."""
    book, side = commands[U(at)] >> 32, (commands[U(at)] >> SIDE) & 0xFF
    if book < -1 or book >= arena[U(BOOKS)]:
        return reject(arena, commands, at, events, n, NO_SUCH_BOOK)
    if side != 0 and side != 1 and side != 0xFF:
        return reject(arena, commands, at, events, n, BAD_SIDE)
    return sweep(arena, events, n, book, side, commands[U(at + 6)] & LOW)


@inlined
def kill(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """An account, or all, may open nothing any more, and what it has open ends."""
    n = set_killed(arena, commands, at, events, n)
    if events[U(EVENT_WORDS * (n - 1))] & 0xFF != REJECTED:
        n = sweep(arena, events, n, -1, 0, commands[U(at + 6)] & LOW)
    return n


@kernel
def sweep(arena, events, n, book, side, account):  # type: ignore[no-untyped-def]
    """Cancel all orders of a book (-1: of all), of a side (0: of both) and an account (0: of all), best first."""
    start, end = (0, arena[U(BOOKS)]) if book == -1 else (book, book + 1)
    orders = arena[U(AT_ORDERS)]
    for place in range(4 * start, 4 * end):
        tick = arena[U(AT_BOOKS + BOOK_WORDS * (place >> 2) + (place & 3))]
        while 0 <= tick < TICKS:
            slot = arena[U(level_of(arena, place, tick))] >> 32
            following = next_tick(arena, place, tick)
            while slot != 0:
                order = orders + 8 * slot
                after = arena[U(order + AFTER)]
                its_side = 0xFF if sells(arena[U(order + TRAITS)]) else 1
                if (side == 0 or side == its_side) and (account == 0 or arena[U(order + OWNER)] >> 32 == account):
                    n = ended(arena, events, n, slot, CANCELLED)
                slot = after
            tick = following
    return n


@kernel
def amend(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Change an order: less at the same price keeps its place, anything else enters the book anew."""
    slot = named(arena, commands, at)
    if slot == 0:
        return reject(arena, commands, at, events, n, UNKNOWN_ORDER)
    order_id, quantity = commands[U(at + 1)], commands[U(at + 3)]
    if quantity <= 0 or quantity > MAX_QUANTITY:
        return reject(arena, commands, at, events, n, BAD_QUANTITY)
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, owner, shown, hidden = arena[U(order + TRAITS)], arena[U(order + OWNER)], arena[U(order + SHOWN)], arena[U(order + HIDDEN)]
    place, order_type, time_in_force = traits & LOW, (traits >> 32) & 0xFF, (traits >> 40) & 0xFF
    book, tick, account, sell = place >> 2, owner & LOW, owner >> 32, sells(traits)
    if arena[U(AT_BOOKS + BOOK_WORDS * book + FILTERED)] != 0 and off_step(arena, book, quantity):
        return reject(arena, commands, at, events, n, LOT_SIZE)
    lowest = arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
    price = tick + lowest
    if place & 3 >= FALLING:
        price = price_told(arena, book, sell, order_type, hidden)
        if quantity > shown or (commands[U(at + 2)] != 0 and commands[U(at + 2)] != price):
            return reject(arena, commands, at, events, n, NOT_RESTING)
        arena[U(level_of(arena, place, tick) + 1)] -= shown - quantity
        arena[U(order + SHOWN)] = quantity
        if arena[U(AT_ACCOUNTS)] != 0:
            hold(arena, account, book, sell, hidden, quantity - shown)
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
        if arena[U(AT_ACCOUNTS)] != 0:
            hold(arena, account, book, sell, tick, quantity - shown - hidden)
        if quantity < shown:
            arena[U(level_of(arena, place, tick) + 1)] -= shown - quantity
            arena[U(order + SHOWN)] = quantity
            shown = quantity
        arena[U(order + HIDDEN)] = quantity - shown
        return tell(arena, events, n, AMENDED | (KEPT_PLACE << FLAGS) | heading(book, sell), order_id, account, price, quantity, quantity)
    if time_in_force >= POST_ONLY and crosses(arena, book, sell, limit):
        limit = slid(arena, book, sell)
        if time_in_force == POST_ONLY or limit < 0 or limit >= TICKS:
            return reject(arena, commands, at, events, n, WOULD_TAKE)
    if arena[U(AT_ACCOUNTS)] | arena[U(AT_BOOKS + BOOK_WORDS * book + FILTERED)] != 0:
        reason = refusal(arena, book, sell, traits - place, limit, 0, quantity, account, slot)
        if reason != 0:
            return reject(arena, commands, at, events, n, reason)
    leave(arena, place, tick, slot)
    release(arena, slot)
    n = tell(arena, events, n, AMENDED | heading(book, sell), order_id, account, limit + lowest, quantity, quantity)
    n, first = execute(arena, events, n, book, sell, traits - place, limit, quantity, display, order_id, account)
    return fire(arena, events, n, book, first) if reaches(arena, book, first) else n


@inlined
def named(arena, commands, at):  # type: ignore[no-untyped-def]
    """The slot of the order a command means; 0 where none of this id lives, or it is another account's."""
    order_id = commands[U(at + 1)]
    slot = find(arena, order_id) if order_id > 0 else 0
    account = commands[U(at + 6)] & LOW
    if slot != 0 and account != 0 and arena[U(arena[U(AT_ORDERS)] + 8 * slot + OWNER)] >> 32 != account:
        return 0
    return slot
