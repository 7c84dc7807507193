"""Matching: one command after the other against the books of an arena, price before time, told in events.

    step    -> submit, cancel, amend, mass_cancel
    submit  -> check -> accept -> execute -> fire the stops its trades reached
    execute -> all or nothing? -> trade -> rest or expire

`book_reference` says the same in plain Python. Commands and events are int64 words here, little end first: the layouts
of `words`. `sell` is 1 for an order to sell, 0 to buy; prices inside are ticks of the book, counted from its lowest.
"""

from polaris.domain.kernel import inlined, kernel
from polaris.domain.prefetch import prefetch
from polaris.exchange.accounts import LINE, account_line, balance_line, position_line
from polaris.exchange.admission import count, refusal
from polaris.exchange.arena import (
    ACCOUNTS,
    AFTER,
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_IDS,
    AT_LEVELS,
    AT_ORDERS,
    AT_OUTBOX,
    BASE,
    BEFORE,
    BOOK_WORDS,
    BOOKS,
    CAPACITY,
    DONE,
    FILTERED,
    ICEBERGS,
    INBOX,
    LAST,
    LIVE,
    LOW,
    LOWEST,
    MASK,
    NOW,
    OUTBOX_ROOM,
    OWNER,
    QUOTE,
    RULE,
    SEQ,
    TEN_SECONDS,
    TODAY,
    TRAITS,
    find,
    level_of,
)
from polaris.exchange.bits import U
from polaris.exchange.changes import amend, cancel, kill, mass_cancel
from polaris.exchange.settings import set_fee, set_killed, set_limit, set_rule, set_tier
from polaris.exchange.settlement import trim
from polaris.exchange.slots import put
from polaris.exchange.telling import SIDE, endmost, has_no_limit, heading, price_told, reject, tell, waits
from polaris.exchange.trading import crosses, execute, slid
from polaris.exchange.transfers import transfer
from polaris.exchange.triggers import fire, reaches
from polaris.exchange.words import (
    ACCEPTED,
    AMEND,
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
    BAND_PPM,
    CANCEL,
    CLOCK,
    DECREMENT,
    DEPOSIT,
    DUPLICATE_ORDER,
    ENGINE_FULL,
    EVENT_WORDS,
    FALLING,
    FOK,
    IOC,
    KILL,
    LIMIT,
    MARKET_AMOUNT,
    MASS_CANCEL,
    MAX_AMOUNT,
    MAX_QUANTITY,
    MAX_SLICES,
    NO_SUCH_BOOK,
    POST_ONLY,
    POST_SLIDE,
    REDUCE_ONLY,
    REVIVE,
    RISING,
    SET_FEE,
    SET_LIMIT,
    SET_RULE,
    SET_TIER,
    STOP,
    STOP_LIMIT,
    SUBMIT,
    TAKE_PROFIT_LIMIT,
    TICKS,
    TICKS_BITS,
    TIME,
    TRANSFER,
    TRIGGERED_ALREADY,
    WOULD_TAKE,
)

# events one command can cause at most: an order that lives ends, or is triggered, trades and ends; an iceberg shows itself slice by slice
ROOM_AN_ORDER = 5
ROOM_AN_ICEBERG = 2 * MAX_SLICES + 8
ROOM = 16 + ROOM_AN_ORDER + ROOM_AN_ICEBERG  # the command's own order


@kernel
def process(arena, commands, start, end, events, n, room):  # type: ignore[no-untyped-def]
    """Do commands [start, end); returns where the events they told end.

    commands  int64[8 end]    read
    events    int64[12 room]  written from event n on
    Stops before a command whose events might not fit: arena[DONE] is how many were done.
    """
    mask, at_ids, at_orders, at_levels = arena[U(MASK)], arena[U(AT_IDS)], arena[U(AT_ORDERS)], arena[U(AT_LEVELS)]
    books, money = arena[U(BOOKS)], arena[U(AT_ACCOUNTS)] != 0
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
                if money:
                    fetch(arena, commands[U(ahead + 6)] & LOW, book, (word >> 31) & 1)
            near = 8 * (i + 5)
            if commands[U(near)] & 0xFF != SUBMIT:
                prefetch(arena, at_orders + 8 * arena[U(at_ids + 2 * (commands[U(near + 1)] & mask) + 1)])
            near = 8 * (i + 2)
            if commands[U(near)] & 0xFF != SUBMIT:
                order = at_orders + 8 * arena[U(at_ids + 2 * (commands[U(near + 1)] & mask) + 1)]
                prefetch(arena, at_orders + 8 * arena[U(order + BEFORE)])
                prefetch(arena, at_orders + 8 * arena[U(order + AFTER)])
                traits = arena[U(order + TRAITS)]
                prefetch(arena, level_of(arena, traits & LOW, arena[U(order + OWNER)] & LOW))
                if money:
                    fetch(arena, arena[U(order + OWNER)] >> 32, (traits & LOW) >> 2, traits & 1)
        if room - n < ROOM + ROOM_AN_ORDER * arena[U(LIVE)] + ROOM_AN_ICEBERG * arena[U(ICEBERGS)]:
            arena[U(DONE)] = i - start
            return n
        n = step(arena, commands, 8 * i, events, n)
    arena[U(DONE)] = end - start
    return n


@inlined
def fetch(arena, account, book, sell):  # type: ignore[no-untyped-def]
    """Ask for what an order of this account will touch."""
    if account < arena[U(ACCOUNTS)]:
        line = AT_BOOKS + BOOK_WORDS * book
        prefetch(arena, account_line(arena, account))
        prefetch(arena, account_line(arena, account) + LINE)
        prefetch(arena, position_line(arena, account, book))
        prefetch(arena, balance_line(arena, account, arena[U(line + (BASE if sell else QUOTE))]))


@kernel
def single(arena):  # type: ignore[no-untyped-def]
    """Do the command in the inbox, its events into the outbox; returns how many, -1 where they might not fit: then nothing was done."""
    start = arena[U(AT_OUTBOX)] // EVENT_WORDS
    n = process(arena, arena, INBOX >> 3, (INBOX >> 3) + 1, arena, start, start + arena[U(OUTBOX_ROOM)])
    return n - start if arena[U(DONE)] != 0 else -1


@inlined
def step(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Do the command whose words begin at `at`; returns the number of events told so far, as all below do."""
    operation = commands[U(at)] & 0xFF
    arena[U(SEQ)] = commands[U(at + 7)]
    if operation == SUBMIT:
        return submit(arena, commands, at, events, n)
    if operation == CANCEL:
        return cancel(arena, commands, at, events, n)
    if operation == AMEND:
        return amend(arena, commands, at, events, n)
    if operation == MASS_CANCEL:
        return mass_cancel(arena, commands, at, events, n)
    if operation == CLOCK:
        return clock(arena, commands, at, events, n)
    if operation == SET_RULE:
        return set_rule(arena, commands, at, events, n)
    if DEPOSIT <= operation <= TRANSFER:
        return transfer(arena, commands, at, events, n)
    if operation == SET_LIMIT:
        return set_limit(arena, commands, at, events, n)
    if operation == SET_TIER:
        return set_tier(arena, commands, at, events, n)
    if operation == SET_FEE:
        return set_fee(arena, commands, at, events, n)
    if operation == KILL:
        return kill(arena, commands, at, events, n)
    if operation == REVIVE:
        return set_killed(arena, commands, at, events, n)
    return reject(arena, commands, at, events, n, BAD_OPERATION)


@inlined
def clock(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """Time passes."""
    if commands[U(at + 2)] < arena[U(NOW)]:
        return reject(arena, commands, at, events, n, TIME)
    now = commands[U(at + 2)]
    arena[U(NOW)], arena[U(TEN_SECONDS)], arena[U(TODAY)] = now, now // 10_000_000_000, now // 86_400_000_000_000
    return n


@inlined
def submit(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """A new order."""
    reason = fault(arena, commands, at)
    if reason != 0:
        return reject(arena, commands, at, events, n, reason)
    word = commands[U(at)]
    book, sell = word >> 32, (word >> 31) & 1
    order_type, time_in_force = (word >> 8) & 0xFF, (word >> 16) & 0xFF
    order_id, quantity, display = commands[U(at + 1)], commands[U(at + 3)], commands[U(at + 5)]
    account, prevention, flags = commands[U(at + 6)] & LOW, (commands[U(at + 6)] >> 32) & 0xFF, (commands[U(at + 6)] >> 40) & 0xFF
    line = AT_BOOKS + BOOK_WORDS * book
    price = commands[U(at + 2)]
    limit = price - arena[U(line + LOWEST)]
    if price == 0:
        limit = endmost(sell)
    traits = (order_type | (time_in_force << 8) | (prevention << 16) | (flags << 24)) << 32
    checked = arena[U(AT_ACCOUNTS)] | arena[U(line + FILTERED)] != 0
    if display >= quantity:
        display = 0
    if waits(order_type):
        trigger = commands[U(at + 4)] - arena[U(line + LOWEST)]
        rising = (sell == 0) == (order_type == STOP or order_type == STOP_LIMIT)
        last = arena[U(line + LAST)]
        if last >= 0 and (last >= trigger if rising else last <= trigger):
            return reject(arena, commands, at, events, n, TRIGGERED_ALREADY)
        if price == 0 and sell == 0 and arena[U(AT_ACCOUNTS)] != 0:
            limit = worst(arena, book, trigger)
        if checked:
            reason = refusal(arena, book, sell, traits, limit, trigger, quantity, account, 0)
            if reason != 0:
                return reject(arena, commands, at, events, n, reason)
            if arena[U(AT_ACCOUNTS)] != 0:
                count(arena, account)
        price = price_told(arena, book, sell, order_type, limit)
        n = tell(arena, events, n, ACCEPTED | heading(book, sell), order_id, account, price, quantity, quantity)
        place = 4 * book + (RISING if rising else FALLING)
        put(arena, place, trigger, traits, quantity, limit, display, order_id, account)
        return trim(arena, events, n, book, account) if arena[U(AT_ACCOUNTS)] != 0 else n
    if time_in_force >= POST_ONLY and crosses(arena, book, sell, limit):
        limit = slid(arena, book, sell)
        if time_in_force == POST_ONLY or limit < 0 or limit >= TICKS:
            return reject(arena, commands, at, events, n, WOULD_TAKE)
        price = limit + arena[U(line + LOWEST)]
    if checked:
        reason = refusal(arena, book, sell, traits, limit, 0, quantity, account, 0)
        if reason != 0:
            return reject(arena, commands, at, events, n, reason)
        if arena[U(AT_ACCOUNTS)] != 0:
            count(arena, account)
    n = tell(arena, events, n, ACCEPTED | heading(book, sell), order_id, account, price, quantity, quantity)
    n, first = execute(arena, events, n, book, sell, traits, limit, quantity, display, order_id, account)
    return fire(arena, events, n, book, first) if reaches(arena, book, first) else n


@inlined
def worst(arena, book, trigger):  # type: ignore[no-untyped-def]
    """The limit, in ticks, of an order to buy at any price that waits for a trigger: as far from it as the price band, else the highest price."""
    line = AT_BOOKS + BOOK_WORDS * book
    ppm = arena[U(line + RULE + BAND_PPM)]
    if ppm == 0:
        return endmost(0)
    price = trigger + arena[U(line + LOWEST)]
    whole = price // 1_000_000
    return min(trigger + whole * ppm + (price - whole * 1_000_000) * ppm // 1_000_000, endmost(0))


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
    if (owner >> 40) & 0xFFFF != 0 and ((owner >> 40) & 0xFFFF != REDUCE_ONLY or arena[U(AT_ACCOUNTS)] == 0):
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
