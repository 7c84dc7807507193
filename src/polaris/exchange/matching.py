"""Matching: one command after the other against the books of an arena, price before time, told in events.

    step    -> submit, cancel, amend, mass_cancel
    submit  -> check -> accept -> execute -> fire the stops its trades reached
    execute -> all or nothing? -> trade -> rest or expire

`book_reference` says the same in plain Python. Commands and events are int64 words here, eight each, little end first:
the layouts of `words`. `sell` is 1 for an order to sell, 0 to buy; prices inside are ticks of the book, counted from its lowest.
"""

from polaris.domain.kernel import inlined, kernel
from polaris.domain.prefetch import prefetch
from polaris.exchange.arena import (
    AFTER,
    AT_BOOKS,
    AT_IDS,
    AT_LEVELS,
    AT_ORDERS,
    AT_OUTBOX,
    BEFORE,
    BOOK_WORDS,
    BOOKS,
    CAPACITY,
    DISPLAY,
    DONE,
    HIDDEN,
    ICEBERGS,
    ID,
    INBOX,
    LAST,
    LIVE,
    LOW,
    LOWEST,
    MASK,
    OUTBOX_ROOM,
    OWNER,
    SHOWN,
    TRAITS,
    bitmap_of,
    find,
    join,
    leave,
    level_of,
    next_tick,
    release,
    remember,
    take_slot,
)
from polaris.exchange.bits import U, unmark
from polaris.exchange.words import (
    ACCEPTED,
    AMEND,
    AMENDED,
    BAD_ACCOUNT,
    BAD_DISPLAY,
    BAD_OPERATION,
    BAD_ORDER_ID,
    BAD_ORDER_TYPE,
    BAD_PREVENTION,
    BAD_PRICE,
    BAD_QUANTITY,
    BAD_SIDE,
    BAD_TIME_IN_FORCE,
    BAD_TRIGGER,
    CANCEL,
    CANCELLED,
    DECREMENT,
    DUPLICATE_ORDER,
    ENGINE_FULL,
    EXPIRE_MAKER,
    EXPIRED,
    FALLING,
    FILL,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    MARKET_AMOUNT,
    MASS_CANCEL,
    MAX_AMOUNT,
    MAX_QUANTITY,
    MAX_SLICES,
    NO_SUCH_BOOK,
    NOT_FILLABLE,
    NOT_RESTING,
    POST_ONLY,
    POST_SLIDE,
    PREVENTED,
    REFRESHED,
    REJECTED,
    REMAINDER,
    RISING,
    SELF_TRADE,
    STOP,
    STOP_LIMIT,
    SUBMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TICKS,
    TICKS_BITS,
    TRIGGERED,
    TRIGGERED_ALREADY,
    UNKNOWN_ORDER,
    WOULD_TAKE,
)

BOOK_AND_SIDE = ~0xFFFFFF  # of a command's and an event's first word
SIDE = 24  # where the side is in it
BUYS = 1 << SIDE
SELLS = 0xFF << SIDE
# events one command can cause at most: an order that lives ends, or is triggered, trades and ends; an iceberg shows itself slice by slice
ROOM_AN_ORDER = 5
ROOM_AN_ICEBERG = 2 * MAX_SLICES + 8
ROOM = 16 + ROOM_AN_ORDER + ROOM_AN_ICEBERG  # the command's own order


@kernel
def process(arena, commands, start, end, events, n, room):  # type: ignore[no-untyped-def]
    """Do commands [start, end); returns where the events they told end.

    commands  int64[8 end]   read
    events    int64[8 room]  written from event n on
    Stops before a command whose events might not fit: arena[DONE] is how many were done.
    """
    mask, at_ids, at_orders, at_levels = arena[U(MASK)], arena[U(AT_IDS)], arena[U(AT_ORDERS)], arena[U(AT_LEVELS)]
    books = arena[U(BOOKS)]
    for i in range(start, end):
        if i + 8 < end:  # memory is far: ask for what the commands to come will touch
            ahead = 8 * (i + 8)
            prefetch(arena, at_ids + 2 * (commands[U(ahead + 1)] & mask))
            word = commands[U(ahead)]
            book = word >> 32
            if word & 0xFF == SUBMIT and 0 <= book < books:
                tick = commands[U(ahead + 2)] - arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
                if 0 <= tick < TICKS:
                    place = 4 * book + ((word >> 31) & 1)
                    prefetch(arena, at_levels + (((place << TICKS_BITS) + tick) << 1))
            near = 8 * (i + 5)
            if commands[U(near)] & 0xFF != SUBMIT:
                prefetch(arena, at_orders + 8 * arena[U(at_ids + 2 * (commands[U(near + 1)] & mask) + 1)])
            near = 8 * (i + 2)
            if commands[U(near)] & 0xFF != SUBMIT:
                order = at_orders + 8 * arena[U(at_ids + 2 * (commands[U(near + 1)] & mask) + 1)]
                prefetch(arena, at_orders + 8 * arena[U(order + BEFORE)])
                prefetch(arena, at_orders + 8 * arena[U(order + AFTER)])
                prefetch(arena, level_of(arena, arena[U(order + TRAITS)] & LOW, arena[U(order + OWNER)] & LOW))
        if room - n < ROOM + ROOM_AN_ORDER * arena[U(LIVE)] + ROOM_AN_ICEBERG * arena[U(ICEBERGS)]:
            arena[U(DONE)] = i - start
            return n
        n = step(arena, commands, 8 * i, events, n)
    arena[U(DONE)] = end - start
    return n


@kernel
def single(arena):  # type: ignore[no-untyped-def]
    """Do the command in the inbox, its events into the outbox; returns how many, -1 where they might not fit: then nothing was done."""
    start = arena[U(AT_OUTBOX)] >> 3
    n = process(arena, arena, INBOX >> 3, (INBOX >> 3) + 1, arena, start, start + arena[U(OUTBOX_ROOM)])
    return n - start if arena[U(DONE)] != 0 else -1


@inlined
def step(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Do the command whose words begin at `at`; returns the number of events told so far, as all below do."""
    operation = commands[U(at)] & 0xFF
    if operation == SUBMIT:
        return submit(arena, commands, at, events, n)
    if operation == CANCEL:
        return cancel(arena, commands, at, events, n)
    if operation == AMEND:
        return amend(arena, commands, at, events, n)
    if operation == MASS_CANCEL:
        return mass_cancel(arena, commands, at, events, n)
    return reject(commands, at, events, n, BAD_OPERATION)


@inlined
def tell(events, n, head, order_id, maker_id, price, quantity, leaves, maker_leaves, seq):  # type: ignore[no-untyped-def]
    """Write one event."""
    at = 8 * n
    events[U(at)] = head
    events[U(at + 1)] = order_id
    events[U(at + 2)] = maker_id
    events[U(at + 3)] = price
    events[U(at + 4)] = quantity
    events[U(at + 5)] = leaves
    events[U(at + 6)] = maker_leaves
    events[U(at + 7)] = seq
    return n + 1


@inlined
def reject(commands, at, events, n, reason):  # type: ignore[no-untyped-def]
    """Tell that a command is refused."""
    head = REJECTED | (reason << 8) | (commands[U(at)] & BOOK_AND_SIDE)
    return tell(events, n, head, commands[U(at + 1)], 0, commands[U(at + 2)], commands[U(at + 3)], 0, 0, commands[U(at + 7)])


@inlined
def heading(book, sell):  # type: ignore[no-untyped-def]
    """Book and side, as the first word of an event has them."""
    return (book << 32) | (SELLS if sell else BUYS)


@inlined
def has_no_limit(order_type):  # type: ignore[no-untyped-def]
    """Whether an order of this type takes any price."""
    return order_type == MARKET or order_type == MARKET_AMOUNT or order_type == STOP or order_type == TAKE_PROFIT


@inlined
def waits(order_type):  # type: ignore[no-untyped-def]
    """Whether an order of this type has a trigger."""
    return order_type >= STOP


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


@kernel
def fault(arena, commands, at):  # type: ignore[no-untyped-def]
    """Why a new order can't be taken; 0 where it can."""
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
    if order_type < LIMIT or order_type > TAKE_PROFIT_LIMIT:
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
    quantity = commands[U(at + 3)]
    if quantity <= 0 or quantity > (MAX_AMOUNT if order_type == MARKET_AMOUNT else MAX_QUANTITY):
        return BAD_QUANTITY
    lowest = arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
    price = commands[U(at + 2)]
    if unlimited:
        if price != 0:
            return BAD_PRICE
    elif price < lowest or price >= lowest + TICKS:
        return BAD_PRICE
    trigger = commands[U(at + 4)]
    if waits(order_type):
        if trigger < lowest or trigger >= lowest + TICKS:
            return BAD_TRIGGER
    elif trigger != 0:
        return BAD_TRIGGER
    display = commands[U(at + 5)]
    if display != 0 and (display < 0 or time_in_force == IOC or time_in_force == FOK or (quantity - 1) // display >= MAX_SLICES):
        return BAD_DISPLAY
    if arena[U(LIVE)] >= arena[U(CAPACITY)]:
        return ENGINE_FULL
    return 0


@inlined
def submit(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """A new order."""
    reason = fault(arena, commands, at)
    if reason != 0:
        return reject(commands, at, events, n, reason)
    word = commands[U(at)]
    book, sell = word >> 32, (word >> 31) & 1
    order_type, time_in_force = (word >> 8) & 0xFF, (word >> 16) & 0xFF
    order_id, quantity, display, seq = commands[U(at + 1)], commands[U(at + 3)], commands[U(at + 5)], commands[U(at + 7)]
    account, prevention = commands[U(at + 6)] & LOW, (commands[U(at + 6)] >> 32) & 0xFF
    line = AT_BOOKS + BOOK_WORDS * book
    price = commands[U(at + 2)]
    limit = price - arena[U(line + LOWEST)]
    if display >= quantity:
        display = 0
    if waits(order_type):
        trigger = commands[U(at + 4)] - arena[U(line + LOWEST)]
        rising = (sell == 0) == (order_type == STOP or order_type == STOP_LIMIT)
        last = arena[U(line + LAST)]
        if last >= 0 and (last >= trigger if rising else last <= trigger):
            return reject(commands, at, events, n, TRIGGERED_ALREADY)
        n = tell(events, n, ACCEPTED | heading(book, sell), order_id, 0, price, quantity, quantity, 0, seq)
        if has_no_limit(order_type):
            limit = 0
        place = 4 * book + (RISING if rising else FALLING)
        put(arena, place, trigger, order_type, time_in_force, quantity, limit, display, order_id, account, prevention)
        return n
    if time_in_force >= POST_ONLY and crosses(arena, book, sell, limit):
        limit = slid(arena, book, sell)
        if time_in_force == POST_ONLY or limit < 0 or limit >= TICKS:
            return reject(commands, at, events, n, WOULD_TAKE)
        price = limit + arena[U(line + LOWEST)]
    n = tell(events, n, ACCEPTED | heading(book, sell), order_id, 0, price, quantity, quantity, 0, seq)
    n, first = execute(arena, events, n, book, sell, order_type, time_in_force, limit, quantity, display, order_id, account, prevention, seq)
    return fire(arena, events, n, book, first, seq) if reaches(arena, book, first) else n


@inlined
def put(arena, place, tick, order_type, time_in_force, shown, hidden, display, order_id, account, prevention):  # type: ignore[no-untyped-def]
    """Let an order stand in a ladder, last at its tick."""
    slot = take_slot(arena)
    order = arena[U(AT_ORDERS)] + 8 * slot
    arena[U(order + ID)] = order_id
    arena[U(order + OWNER)] = (account << 32) | tick
    arena[U(order + SHOWN)] = shown
    arena[U(order + TRAITS)] = place | (order_type << 32) | (time_in_force << 40) | (prevention << 48)
    arena[U(order + HIDDEN)] = hidden
    arena[U(order + DISPLAY)] = display
    if display != 0:
        arena[U(ICEBERGS)] += 1
    join(arena, place, tick, slot)
    remember(arena, order_id, slot)


@kernel
def execute(arena, events, n, book, sell, order_type, time_in_force, limit, quantity, display, order_id, account, prevention, seq):  # type: ignore[no-untyped-def]
    """Match an accepted order, then rest or expire what is left; returns (events told, first tick it traded at or -1)."""
    line = AT_BOOKS + BOOK_WORDS * book
    price = limit + arena[U(line + LOWEST)]
    if has_no_limit(order_type):
        price = 0
        limit = 0 if sell else TICKS - 1
    left, reason, first = quantity, 0, -1
    if time_in_force == FOK and not fillable(arena, book, sell, limit, quantity, account, prevention):
        reason = NOT_FILLABLE
    elif crosses(arena, book, sell, limit):
        n, left, reason, first = trade(arena, events, n, book, sell, limit, quantity, order_type == MARKET_AMOUNT, order_id, account, prevention, seq)
    if left == 0:
        return n, first
    if reason == 0 and (time_in_force == GTC or time_in_force >= POST_ONLY):
        shown = min(display, left) if display != 0 else left
        put(arena, 4 * book + sell, limit, order_type, time_in_force, shown, left - shown, display, order_id, account, prevention)
        return n, first
    if reason == 0:
        reason = REMAINDER
    return tell(events, n, EXPIRED | (reason << 8) | heading(book, sell), order_id, 0, price, left, 0, 0, seq), first


@kernel
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
def trade(arena, events, n, book, sell, limit, left, by_amount, order_id, account, prevention, seq):  # type: ignore[no-untyped-def]
    """Trade with the other side while it is within the limit.

    left     int64  lots to trade; by_amount: ticks times lots
    returns  (events told, left, why the order must end or 0, first tick it traded at or -1)
    """
    line = AT_BOOKS + BOOK_WORDS * book
    best = line + 1 - sell
    place = 4 * book + 1 - sell
    orders = arena[U(AT_ORDERS)]
    lowest = arena[U(line + LOWEST)]
    head = heading(book, sell)
    watched = account if prevention != 0 and account != 0 else -1
    first = -1
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
            n = tell(events, n, kind | head, order_id, arena[U(order + ID)], price, quantity, left, shown + hidden, seq)
            if shown != 0 or hidden != 0:
                arena[U(order + SHOWN)] = shown
                refresh = shown == 0
                if refresh:
                    break
            else:
                after = arena[U(order + AFTER)]
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
            n = refreshed(arena, events, n, book, 1 - sell, place, tick, slot, seq)
        elif own:
            if prevention >= EXPIRE_MAKER:
                leave(arena, place, tick, slot)
                open_lots = arena[U(order + SHOWN)] + arena[U(order + HIDDEN)]
                ended = EXPIRED | (SELF_TRADE << 8) | heading(book, 1 - sell)
                n = tell(events, n, ended, arena[U(order + ID)], 0, price, open_lots, 0, 0, seq)
                release(arena, slot)
            if prevention != EXPIRE_MAKER:
                return n, left, SELF_TRADE, first
    return n, left, 0, first


@kernel
def refreshed(arena, events, n, book, sell, place, tick, slot, seq):  # type: ignore[no-untyped-def]
    """Show an iceberg's next lots, at the end of its tick's queue."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    leave(arena, place, tick, slot)
    open_lots = arena[U(order + HIDDEN)]
    shown = min(arena[U(order + DISPLAY)], open_lots)
    arena[U(order + SHOWN)] = shown
    arena[U(order + HIDDEN)] = open_lots - shown
    join(arena, place, tick, slot)
    price = tick + arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
    return tell(events, n, REFRESHED | heading(book, sell), arena[U(order + ID)], 0, price, shown, open_lots, 0, seq)


@inlined
def reaches(arena, book, first):  # type: ignore[no-untyped-def]
    """Whether trades from the tick `first` to the last one reached a trigger of the book."""
    if first < 0:
        return False
    line = AT_BOOKS + BOOK_WORDS * book
    last = arena[U(line + LAST)]
    return arena[U(line + RISING)] <= max(first, last) or arena[U(line + FALLING)] >= min(first, last)


@kernel
def fire(arena, events, n, book, first, seq):  # type: ignore[no-untyped-def]
    """Fire what these trades reached, nearest trigger first, rising before falling; then what the fired ones' trades reach, and so on.

    What is fired waits for its turn in a queue made of the slots themselves.
    """
    line = AT_BOOKS + BOOK_WORDS * book
    orders = arena[U(AT_ORDERS)]
    lowest = arena[U(line + LOWEST)]
    front, back = 0, 0
    while True:
        if first >= 0:
            last = arena[U(line + LAST)]
            low, high = min(first, last), max(first, last)
            while True:
                ladder = RISING
                tick = arena[U(line + RISING)]
                if tick > high:
                    ladder = FALLING
                    tick = arena[U(line + FALLING)]
                    if tick < low:
                        break
                place = 4 * book + ladder
                slot = arena[U(level_of(arena, place, tick))] >> 32
                leave(arena, place, tick, slot)
                order = orders + 8 * slot
                arena[U(order + AFTER)] = 0
                if front == 0:
                    front = slot
                else:
                    arena[U(orders + 8 * back + AFTER)] = slot
                back = slot
                traits = arena[U(order + TRAITS)]
                order_type = (traits >> 32) & 0xFF
                sell = sells(traits)
                price = 0 if has_no_limit(order_type) else arena[U(order + HIDDEN)] + lowest
                lots = arena[U(order + SHOWN)]
                n = tell(events, n, TRIGGERED | heading(book, sell), arena[U(order + ID)], 0, price, lots, lots, 0, seq)
        if front == 0:
            return n
        order = orders + 8 * front
        traits = arena[U(order + TRAITS)]
        order_type, time_in_force, prevention = (traits >> 32) & 0xFF, (traits >> 40) & 0xFF, (traits >> 48) & 0xFF
        sell = sells(traits)
        order_id, account = arena[U(order + ID)], arena[U(order + OWNER)] >> 32
        quantity, limit, display = arena[U(order + SHOWN)], arena[U(order + HIDDEN)], arena[U(order + DISPLAY)]
        after = arena[U(order + AFTER)]
        release(arena, front)
        front = after
        first = -1
        taking = time_in_force >= POST_ONLY and crosses(arena, book, sell, limit)
        moved = slid(arena, book, sell)
        if taking and (time_in_force == POST_ONLY or moved < 0 or moved >= TICKS):
            n = tell(events, n, EXPIRED | (WOULD_TAKE << 8) | heading(book, sell), order_id, 0, limit + lowest, quantity, 0, 0, seq)
        else:
            if taking:
                limit = moved
            n, first = execute(arena, events, n, book, sell, order_type, time_in_force, limit, quantity, display, order_id, account, prevention, seq)


@inlined
def sells(traits):  # type: ignore[no-untyped-def]
    """1 where an order of these traits sells, 0 where it buys."""
    ladder, order_type = traits & 3, (traits >> 32) & 0xFF
    if ladder < FALLING:
        return ladder
    stops = order_type == STOP or order_type == STOP_LIMIT
    return 1 if (ladder == RISING) != stops else 0


@inlined
def named(arena, commands, at):  # type: ignore[no-untyped-def]
    """The slot of the order a command means; 0 where none of this id lives, or it is another account's."""
    order_id = commands[U(at + 1)]
    slot = find(arena, order_id) if order_id > 0 else 0
    account = commands[U(at + 6)] & LOW
    if slot != 0 and account != 0 and arena[U(arena[U(AT_ORDERS)] + 8 * slot + OWNER)] >> 32 != account:
        return 0
    return slot


@inlined
def cancel(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Take an order out because somebody asked."""
    slot = named(arena, commands, at)
    if slot == 0:
        return reject(commands, at, events, n, UNKNOWN_ORDER)
    return cancelled(arena, events, n, slot, commands[U(at + 7)])


@inlined
def cancelled(arena, events, n, slot, seq):  # type: ignore[no-untyped-def]
    """Take an order out and tell so."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, tick = arena[U(order + TRAITS)], arena[U(order + OWNER)] & LOW
    place = traits & LOW
    price = arena[U(AT_BOOKS + BOOK_WORDS * (place >> 2) + LOWEST)] + tick
    lots, hidden = arena[U(order + SHOWN)], arena[U(order + HIDDEN)]
    if place & 3 < FALLING:
        lots += hidden
    else:
        price = 0 if has_no_limit((traits >> 32) & 0xFF) else price - tick + hidden
    leave(arena, place, tick, slot)
    n = tell(events, n, CANCELLED | heading(place >> 2, sells(traits)), arena[U(order + ID)], 0, price, lots, 0, 0, seq)
    release(arena, slot)
    return n


@kernel
def mass_cancel(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Take out all orders of a book (or all books), of a side and an account where these are named: best first."""
    word, account, seq = commands[U(at)], commands[U(at + 6)] & LOW, commands[U(at + 7)]
    start, end, side = word >> 32, (word >> 32) + 1, (word >> SIDE) & 0xFF
    if start < -1 or start >= arena[U(BOOKS)]:
        return reject(commands, at, events, n, NO_SUCH_BOOK)
    if side != 0 and side != 1 and side != 0xFF:
        return reject(commands, at, events, n, BAD_SIDE)
    if start == -1:
        start, end = 0, arena[U(BOOKS)]
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
                    n = cancelled(arena, events, n, slot, seq)
                slot = after
            tick = following
    return n


@kernel
def amend(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Change an order: less at the same price keeps its place, anything else enters the book anew."""
    slot = named(arena, commands, at)
    if slot == 0:
        return reject(commands, at, events, n, UNKNOWN_ORDER)
    order_id, quantity, seq = commands[U(at + 1)], commands[U(at + 3)], commands[U(at + 7)]
    if quantity <= 0 or quantity > MAX_QUANTITY:
        return reject(commands, at, events, n, BAD_QUANTITY)
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, owner, shown, hidden = arena[U(order + TRAITS)], arena[U(order + OWNER)], arena[U(order + SHOWN)], arena[U(order + HIDDEN)]
    place, order_type, time_in_force = traits & LOW, (traits >> 32) & 0xFF, (traits >> 40) & 0xFF
    book, tick, sell = place >> 2, owner & LOW, sells(traits)
    lowest = arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]
    price = tick + lowest
    if place & 3 >= FALLING:
        price = 0 if has_no_limit(order_type) else hidden + lowest
        if quantity > shown or (commands[U(at + 2)] != 0 and commands[U(at + 2)] != price):
            return reject(commands, at, events, n, NOT_RESTING)
        arena[U(level_of(arena, place, tick) + 1)] -= shown - quantity
        arena[U(order + SHOWN)] = quantity
        return tell(events, n, AMENDED | (1 << 16) | heading(book, sell), order_id, 0, price, quantity, quantity, 0, seq)
    if commands[U(at + 2)] != 0:
        price = commands[U(at + 2)]
    limit = price - lowest
    if limit < 0 or limit >= TICKS:
        return reject(commands, at, events, n, BAD_PRICE)
    display = arena[U(order + DISPLAY)]
    if display != 0 and (quantity - 1) // display >= MAX_SLICES:
        return reject(commands, at, events, n, BAD_DISPLAY)
    if limit == tick and quantity <= shown + hidden:
        if quantity < shown:
            arena[U(level_of(arena, place, tick) + 1)] -= shown - quantity
            arena[U(order + SHOWN)] = quantity
            shown = quantity
        arena[U(order + HIDDEN)] = quantity - shown
        return tell(events, n, AMENDED | (1 << 16) | heading(book, sell), order_id, 0, price, quantity, quantity, 0, seq)
    if time_in_force >= POST_ONLY and crosses(arena, book, sell, limit):
        limit = slid(arena, book, sell)
        if time_in_force == POST_ONLY or limit < 0 or limit >= TICKS:
            return reject(commands, at, events, n, WOULD_TAKE)
    leave(arena, place, tick, slot)
    release(arena, slot)
    n = tell(events, n, AMENDED | heading(book, sell), order_id, 0, limit + lowest, quantity, quantity, 0, seq)
    account, prevention = owner >> 32, (traits >> 48) & 0xFF
    n, first = execute(arena, events, n, book, sell, order_type, time_in_force, limit, quantity, display, order_id, account, prevention, seq)
    return fire(arena, events, n, book, first, seq) if reaches(arena, book, first) else n


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
                    price, trigger = hidden + lowest, price
                    if has_no_limit((traits >> 32) & 0xFF):
                        price = 0
                    hidden = 0
                side = 0xFF if sells(traits) else 1
                at = 8 * n
                rows[U(at)] = (place >> 2) | (ladder << 32)
                rows[U(at + 1)] = arena[U(order + ID)]
                rows[U(at + 2)] = price
                rows[U(at + 3)] = trigger
                rows[U(at + 4)] = arena[U(order + SHOWN)]
                rows[U(at + 5)] = hidden
                rows[U(at + 6)] = arena[U(order + DISPLAY)]
                rows[U(at + 7)] = (arena[U(order + OWNER)] >> 32) | (side << 32) | ((traits >> 32) << 40)
                n += 1
                slot = arena[U(order + AFTER)]
            tick = next_tick(arena, place, tick)
    return n
