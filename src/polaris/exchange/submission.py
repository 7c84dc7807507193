"""A new order: what is wrong in itself, what its book, its account and the last trade say, then it is accepted and enters.

    fault -> hindrance -> refusal -> accepted -> it waits for its trigger, or executes and fires what its trades reach
"""

from polaris.domain.kernel import inlined, kernel, outlined
from polaris.exchange.admission import count, parking, refusal
from polaris.exchange.arena import (
    ASLEEP,
    AT_ACCOUNTS,
    AT_BOOKS,
    AWAITING,
    BOOK_WORDS,
    BOOKS,
    CAPACITY,
    FILTERED,
    LAST,
    LIVE,
    LOW,
    LOWEST,
    PHASES,
    TRAIL,
    WATCH,
    find,
    tie,
    ties_of,
)
from polaris.exchange.bands import centre, worst
from polaris.exchange.bits import U
from polaris.exchange.settlement import trim
from polaris.exchange.slots import put, take
from polaris.exchange.telling import FLAGS_AT, ROLE, SIDE, endmost, has_no_limit, heading, price_told, reject, tell, waits
from polaris.exchange.trading import crosses, execute, slid
from polaris.exchange.trailing import farthest, wait
from polaris.exchange.triggers import fire, reaches
from polaris.exchange.words import (
    ACCEPTED,
    ALONE,
    AUCTION,
    BAD_ACCOUNT,
    BAD_DISPLAY,
    BAD_LIST,
    BAD_OPERATION,
    BAD_ORDER_ID,
    BAD_ORDER_TYPE,
    BAD_PREVENTION,
    BAD_PRICE,
    BAD_QUANTITY,
    BAD_SIDE,
    BAD_TIME_IN_FORCE,
    BAD_TRIGGER,
    BOOK_HALTED,
    CONTINUOUS,
    DECREMENT,
    DUPLICATE_ORDER,
    ENGINE_FULL,
    FALLING,
    FOK,
    FROM_WORSE,
    GTC,
    IOC,
    LIMIT,
    MARKET_AMOUNT,
    MAX_AMOUNT,
    MAX_QUANTITY,
    MAX_SLICES,
    NO_SUCH_BOOK,
    OCO_FIRST,
    OCO_SECOND,
    OTOCO_FIRST,
    OTOCO_SECOND,
    POST_ONLY,
    POST_SLIDE,
    REDUCE_ONLY,
    RISING,
    SHRINKS,
    STOP,
    STOP_LIMIT,
    TICKS,
    TRAILING_STOP,
    TRAILING_STOP_LIMIT,
    TRIGGERED_ALREADY,
    WOULD_TAKE,
)


@inlined
def submit(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """A new order that is alone."""
    reason, limit = fault(arena, commands, at, 0), 0
    if reason == 0 and (commands[U(at + 6)] >> ROLE) & 0xFF != ALONE:
        reason = BAD_LIST
    if reason == 0:
        reason, limit = hindrance(arena, commands, at, 0)
    if reason != 0:
        return reject(arena, commands, at, events, n, reason)
    word = commands[U(at)]
    book, sell, order_type = word >> 32, (word >> 31) & 1, (word >> 8) & 0xFF
    order_id, quantity, display, account = commands[U(at + 1)], commands[U(at + 3)], commands[U(at + 5)], commands[U(at + 6)] & LOW
    if arena[U(AT_ACCOUNTS)] != 0:
        count(arena, account)
    price = price_told(arena, book, sell, order_type, limit)
    n = tell(arena, events, n, ACCEPTED | heading(book, sell), order_id, account, price, quantity, quantity)
    traits = traits_of(commands, at)
    if waits(order_type):
        if order_type >= TRAILING_STOP:
            wait(arena, in_hand(arena, commands, at, limit))
        else:
            place, tick = waiting_place(arena, commands, at)
            put(arena, place, tick, traits, quantity, limit, display if display < quantity else 0, order_id, account)
        return trim(arena, events, n, book, account) if arena[U(AT_ACCOUNTS)] != 0 else n
    if display >= quantity:
        display = 0
    n, first = execute(arena, events, n, book, sell, traits, limit, quantity, display, order_id, account, 0)
    return fire(arena, events, n, book, first) if reaches(arena, book, first) else n


@inlined
def traits_of(commands, at):  # type: ignore[no-untyped-def]
    """The traits of a new order, without a place."""
    return (((commands[U(at)] >> 8) & 0xFFFF) << 32) | (((commands[U(at + 6)] >> 32) & 0xFFFF) << 48)


@inlined
def limit_of(arena, commands, at):  # type: ignore[no-untyped-def]
    """The limit of a new order, in ticks."""
    word, price = commands[U(at)], commands[U(at + 2)]
    return price - arena[U(AT_BOOKS + BOOK_WORDS * (word >> 32) + LOWEST)] if price != 0 else endmost((word >> 31) & 1)


@inlined
def waiting_place(arena, commands, at):  # type: ignore[no-untyped-def]
    """(place, tick) where an order waits for its trigger, or a trailing one for its activation price: with none for any price."""
    word = commands[U(at)]
    book, sell, order_type = word >> 32, (word >> 31) & 1, (word >> 8) & 0xFF
    against = order_type == STOP or order_type == STOP_LIMIT or commands[U(at + 6)] & (FROM_WORSE << FLAGS_AT) != 0
    rising = (sell == 0) == against
    tick = commands[U(at + 4)] - arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
    if commands[U(at + 4)] == 0:
        tick = endmost(sell)
    return 4 * book + (RISING if rising else FALLING), tick


@inlined
def hindrance(arena, commands, at, before):  # type: ignore[no-untyped-def]
    """(why an order that is right in itself is not accepted as things are, or 0; its limit, where it slides or is given one).

    before  how many orders of its list come before it
    """
    word, quantity, account = commands[U(at)], commands[U(at + 3)], commands[U(at + 6)] & LOW
    book, sell, order_type, time_in_force = word >> 32, (word >> 31) & 1, (word >> 8) & 0xFF, (word >> 16) & 0xFF
    line = AT_BOOKS + BOOK_WORDS * book
    limit, trigger = limit_of(arena, commands, at), 0
    phase = arena[U(line + WATCH)] & PHASES
    if phase != CONTINUOUS:
        gathers = waits(order_type) or (order_type == LIMIT and time_in_force == GTC)
        if phase != AUCTION or not gathers:
            return BOOK_HALTED, limit
    if waits(order_type):
        place, trigger = waiting_place(arena, commands, at)
        last = arena[U(line + LAST)]
        if order_type >= TRAILING_STOP:
            trigger = farthest(arena, book, sell, commands[U(at + 6)] & (FROM_WORSE << FLAGS_AT) != 0, commands[U(at + 5)], trigger)
        elif last >= 0 and (last >= trigger if place & 3 == RISING else last <= trigger):
            return TRIGGERED_ALREADY, limit
        if arena[U(AT_ACCOUNTS)] != 0 and sell == 0 and commands[U(at + 2)] == 0:
            limit = worst(arena, book, trigger)
    elif time_in_force >= POST_ONLY and crosses(arena, book, sell, limit):
        limit = slid(arena, book, sell)
        if time_in_force == POST_ONLY or limit < 0 or limit >= TICKS:
            return WOULD_TAKE, limit
    centre(arena, book)
    if arena[U(AT_ACCOUNTS)] | arena[U(line + FILTERED)] != 0:
        return refusal(arena, book, sell, traits_of(commands, at), limit, trigger, quantity, account, 0, before), limit
    return 0, limit


@outlined
def unparkable(arena, commands, at, before):  # type: ignore[no-untyped-def]
    """Why an order that is right in itself is not parked, as things are; 0 where it is."""
    word = commands[U(at)]
    book, sell = word >> 32, (word >> 31) & 1
    if arena[U(AT_ACCOUNTS)] | arena[U(AT_BOOKS + BOOK_WORDS * book + FILTERED)] == 0:
        return 0
    trigger = max(0, commands[U(at + 4)] - arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)])
    limit, account = limit_of(arena, commands, at), commands[U(at + 6)] & LOW
    return parking(arena, book, sell, traits_of(commands, at), limit, trigger, commands[U(at + 3)], account, before)


@outlined
def in_hand(arena, commands, at, limit):  # type: ignore[no-untyped-def]
    """A slot for an order that needs ties, a leg of a list or a trailing order: it stands nowhere yet."""
    word, quantity, display = commands[U(at)], commands[U(at + 3)], commands[U(at + 5)]
    order_type = (word >> 8) & 0xFF
    place, tick, trail, traits = 4 * (word >> 32) + ((word >> 31) & 1), limit, 0, traits_of(commands, at) | AWAITING
    if waits(order_type):
        place, tick = waiting_place(arena, commands, at)
    if order_type >= TRAILING_STOP:
        trail, display, traits = display, 0, traits | ASLEEP
    if display >= quantity:
        display = 0
    slot = take(arena, place, tick, traits, quantity, limit, display, commands[U(at + 1)], commands[U(at + 6)] & LOW)
    tie(arena, slot)
    arena[U(ties_of(arena, slot) + TRAIL)] = trail
    return slot


@inlined
def permitted(arena, commands, at):  # type: ignore[no-untyped-def]
    """The flags a new order may have."""
    flags = REDUCE_ONLY if arena[U(AT_ACCOUNTS)] != 0 else 0
    if (commands[U(at)] >> 8) & 0xFF >= TRAILING_STOP and commands[U(at + 4)] != 0:
        flags |= FROM_WORSE
    role = (commands[U(at + 6)] >> ROLE) & 0xFF
    if role == OCO_FIRST or role == OCO_SECOND or role == OTOCO_FIRST or role == OTOCO_SECOND:
        flags |= SHRINKS
    return flags


@kernel
def fault(arena, commands, at, before):  # type: ignore[no-untyped-def]
    """Why a new order is wrong in itself, `before` others of its list; 0 where it is right."""
    word = commands[U(at)]
    book = word >> 32
    if book < 0 or book >= arena[U(BOOKS)]:
        return NO_SUCH_BOOK
    order_id = commands[U(at + 1)]
    if order_id <= 0:
        return BAD_ORDER_ID
    if find(arena, order_id) != 0:
        return DUPLICATE_ORDER
    side = (word >> SIDE) & 0xFF
    if side != 1 and side != 0xFF:
        return BAD_SIDE
    order_type = (word >> 8) & 0xFF
    time_in_force = (word >> 16) & 0xFF
    if order_type < LIMIT or order_type > TRAILING_STOP_LIMIT:
        return BAD_ORDER_TYPE
    unlimited = has_no_limit(order_type)
    if time_in_force > POST_SLIDE:
        return BAD_TIME_IN_FORCE
    if unlimited and time_in_force != IOC and (time_in_force != FOK or order_type == MARKET_AMOUNT):
        return BAD_TIME_IN_FORCE
    owner = commands[U(at + 6)]
    if (owner >> 32) & 0xFF > DECREMENT:
        return BAD_PREVENTION
    if owner & 0x80000000 != 0:
        return BAD_ACCOUNT
    if (owner >> FLAGS_AT) & 0xFF & ~permitted(arena, commands, at) != 0:
        return BAD_OPERATION
    quantity = commands[U(at + 3)]
    if quantity <= 0 or quantity > (MAX_AMOUNT if order_type == MARKET_AMOUNT else MAX_QUANTITY):
        return BAD_QUANTITY
    lowest = arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
    price = commands[U(at + 2)]
    if unlimited and price == 0:
        pass
    elif price < lowest or price >= lowest + TICKS or (unlimited and not waits(order_type)):
        return BAD_PRICE
    trigger = commands[U(at + 4)]
    trails = order_type >= TRAILING_STOP
    if waits(order_type):
        if (trigger < lowest or trigger >= lowest + TICKS) and not (trails and trigger == 0):
            return BAD_TRIGGER
    elif trigger != 0:
        return BAD_TRIGGER
    display = commands[U(at + 5)]
    if trails:
        if not (0 < display < TICKS or -10_000 < display < 0):
            return BAD_DISPLAY
    elif display != 0 and (display < 0 or time_in_force == IOC or time_in_force == FOK or (quantity - 1) // display >= MAX_SLICES):
        return BAD_DISPLAY
    if arena[U(LIVE)] + before >= arena[U(CAPACITY)]:
        return ENGINE_FULL
    return 0
