"""Matching: one command after the other against the books of an arena, price before time, told in events.

    step    -> submit, cancel, amend, mass_cancel, and what the operator and the clock say
    submit  -> check -> accept -> execute -> fire the stops its trades reached
    execute -> all or nothing? -> trade -> rest or expire

`book_reference` says the same in plain Python. Commands and events are int64 words here, little end first: the layouts
of `words`. `sell` is 1 for an order to sell, 0 to buy; prices inside are ticks of the book, counted from its lowest.
"""

from polaris.domain.kernel import inlined, kernel
from polaris.domain.prefetch import prefetch
from polaris.exchange.accounts import LINE, account_line, balance_line, position_line
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
    DONE,
    ICEBERGS,
    INBOX,
    LIVE,
    LOW,
    LOWEST,
    MASK,
    OUTBOX_ROOM,
    OWNER,
    QUOTE,
    SEQ,
    TRAITS,
    level_of,
)
from polaris.exchange.auction import set_phase
from polaris.exchange.bits import U
from polaris.exchange.changes import amend, cancel, clock, expire_at, kill, mass_cancel
from polaris.exchange.lists import legs_of, submit_list
from polaris.exchange.settings import set_fee, set_killed, set_limit, set_rule, set_tier
from polaris.exchange.submission import submit
from polaris.exchange.telling import ROLE, reject
from polaris.exchange.transfers import transfer
from polaris.exchange.words import (
    ALONE,
    AMEND,
    BAD_OPERATION,
    CANCEL,
    CLOCK,
    DEPOSIT,
    EVENT_WORDS,
    EXPIRE_AT,
    KILL,
    MASS_CANCEL,
    MAX_SLICES,
    REVIVE,
    SET_FEE,
    SET_LIMIT,
    SET_PHASE,
    SET_RULE,
    SET_TIER,
    SUBMIT,
    TICKS,
    TICKS_BITS,
    TRANSFER,
)

# events one command can cause at most: an order that lives ends, or is triggered, trades and ends; an iceberg shows itself slice by slice;
# with each trade the other legs of both its orders may shrink
ROOM_AN_ORDER = 7
ROOM_AN_ICEBERG = 4 * MAX_SLICES + 8
LEGS = 3  # orders of one list
ROOM = 16 + LEGS * (ROOM_AN_ORDER + ROOM_AN_ICEBERG)  # the command's own orders; and one event a book


@kernel
def process(arena, commands, start, end, events, n, room):  # type: ignore[no-untyped-def]
    """Do commands [start, end); returns where the events they told end.

    commands  int64[8 end]    read
    events    int64[12 room]  written from event n on
    Stops before a command whose events might not fit: arena[DONE] is how many were done. A list of orders is one step; one that is
    cut by `end` is not whole, and refused.
    """
    mask, at_ids, at_orders, at_levels = arena[U(MASK)], arena[U(AT_IDS)], arena[U(AT_ORDERS)], arena[U(AT_LEVELS)]
    books, money = arena[U(BOOKS)], arena[U(AT_ACCOUNTS)] != 0
    i = start
    while i < end:
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
        if room - n < ROOM + books + ROOM_AN_ORDER * arena[U(LIVE)] + ROOM_AN_ICEBERG * arena[U(ICEBERGS)]:
            break
        legs = 0
        if (commands[U(8 * i + 6)] >> ROLE) & 0xFF != ALONE:
            legs = legs_of(commands, i, end)
        if legs == 0:
            n = step(arena, commands, 8 * i, events, n)
            i += 1
        else:
            n = submit_list(arena, commands, 8 * i, legs, events, n)
            i += legs
    arena[U(DONE)] = i - start
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
    if operation == EXPIRE_AT:
        return expire_at(arena, commands, at, events, n)
    if operation == SET_PHASE:
        return set_phase(arena, commands, at, events, n)
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
