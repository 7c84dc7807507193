"""Lists of new orders: their legs are commands next to each other, with order ids next to each other, taken whole or not at all.

    OCO    two legs of one side, of which one at least waits for a trigger
    OTO    a limit order, and an order that is parked until it is filled
    OTOCO  a limit order, and a pair as of an OCO that is parked until it is filled
"""

from polaris.domain.kernel import inlined, outlined
from polaris.exchange.accounts import bind
from polaris.exchange.admission import count
from polaris.exchange.arena import (
    AT_ACCOUNTS,
    AT_ORDERS,
    AWAITING,
    HIDDEN,
    LIST,
    LOW,
    OWNER,
    PARTNER,
    SEQ,
    SHOWN,
    TRAITS,
    find,
    ties_of,
)
from polaris.exchange.bits import U
from polaris.exchange.settlement import trim
from polaris.exchange.submission import fault, hindrance, in_hand, limit_of, unparkable
from polaris.exchange.telling import FLAGS, FLAGS_AT, ROLE, SIDE, heading, price_told, reject, tell, waits
from polaris.exchange.trading import resume
from polaris.exchange.trailing import wait
from polaris.exchange.triggers import fire, reaches
from polaris.exchange.words import (
    ACCEPTED,
    BAD_LIST,
    FOK,
    IOC,
    LIMIT,
    LIST_REFUSED,
    MARKET_AMOUNT,
    OCO_FIRST,
    OCO_SECOND,
    OTO_PENDING,
    OTO_WORKING,
    OTOCO_FIRST,
    OTOCO_SECOND,
    OTOCO_WORKING,
    PENDING,
    SHRINKS,
    SUBMIT,
)


@inlined
def legs_of(commands, i, end):  # type: ignore[no-untyped-def]
    """How many orders the list has that begins with command i; 0 where none does, or it is not whole."""
    role = role_of(commands, 8 * i)
    legs = 3 if role == OTOCO_WORKING else 2 if role == OCO_FIRST or role == OTO_WORKING else 0
    if i + legs > end:
        return 0
    for leg in range(legs):
        at = 8 * (i + leg)
        if commands[U(at)] & 0xFF != SUBMIT or role_of(commands, at) != role + leg or commands[U(at + 1)] != commands[U(8 * i + 1)] + leg:
            return 0
    return legs


@outlined
def submit_list(arena, commands, at, legs, events, n):  # type: ignore[no-untyped-def]
    """A list that is whole: all of it is accepted, or none and each leg told why."""
    for stage in range(3):
        sound = True
        for leg in range(legs):
            sound = sound and objection(arena, commands, at, legs, leg, stage) == 0
        if not sound:
            for leg in range(legs):
                arena[U(SEQ)] = commands[U(at + 8 * leg + 7)]
                reason = objection(arena, commands, at, legs, leg, stage)
                n = reject(arena, commands, at + 8 * leg, events, n, reason if reason != 0 else LIST_REFUSED)
            return n
    n = accept(arena, commands, at, legs, events, n)
    for leg in range(legs):
        own = at + 8 * leg
        if waits((commands[U(own)] >> 8) & 0xFF) and not parks(role_of(commands, own)):
            n = begin(arena, commands, own, events, n)
    for leg in range(legs):
        own = at + 8 * leg
        if not waits((commands[U(own)] >> 8) & 0xFF) and not parks(role_of(commands, own)):
            n = begin(arena, commands, own, events, n)
    return n


@outlined
def accept(arena, commands, at, legs, events, n):  # type: ignore[no-untyped-def]
    """Tell that the legs are accepted, and link them."""
    first, before = 0, 0
    for leg in range(legs):
        own = at + 8 * leg
        arena[U(SEQ)] = commands[U(own + 7)]
        word, quantity, account, role = commands[U(own)], commands[U(own + 3)], commands[U(own + 6)] & LOW, role_of(commands, own)
        book, sell, order_type = word >> 32, (word >> 31) & 1, (word >> 8) & 0xFF
        head, limit = ACCEPTED | heading(book, sell), limit_of(arena, commands, own)
        if parks(role):
            head |= PENDING << FLAGS
        else:
            _, limit = hindrance(arena, commands, own, 0)
        slot = in_hand(arena, commands, own, limit)
        n = tell(arena, events, n, head, commands[U(own + 1)], account, price_told(arena, book, sell, order_type, limit), quantity, quantity)
        if leg == 0:
            first = slot
        elif parks(role):
            arena[U(ties_of(arena, slot) + LIST)] = first
            if leg == 1:
                arena[U(ties_of(arena, first) + LIST)] = slot
        if role == OCO_SECOND or role == OTOCO_SECOND:
            arena[U(ties_of(arena, slot) + PARTNER)] = before
            arena[U(ties_of(arena, before) + PARTNER)] = slot
        before = slot
        if arena[U(AT_ACCOUNTS)] != 0:
            count(arena, account)
            bind(arena, slot, 1)
    return n


@outlined
def begin(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """A leg that is not parked waits for its trigger, or enters its book."""
    slot = find(arena, commands[U(at + 1)])
    if slot == 0:  # ended by what another leg caused
        return n
    arena[U(SEQ)] = commands[U(at + 7)]
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, account = arena[U(order + TRAITS)] & ~AWAITING, arena[U(order + OWNER)] >> 32
    book = (traits & LOW) >> 2
    if arena[U(AT_ACCOUNTS)] != 0:
        bind(arena, slot, -1)
    arena[U(order + TRAITS)] = traits
    if waits((traits >> 32) & 0xFF):
        wait(arena, slot)
        return trim(arena, events, n, book, account) if arena[U(AT_ACCOUNTS)] != 0 else n
    n, first = resume(arena, events, n, book, slot, arena[U(order + HIDDEN)], arena[U(order + SHOWN)])
    return fire(arena, events, n, book, first) if reaches(arena, book, first) else n


@inlined
def role_of(commands, at):  # type: ignore[no-untyped-def]
    """The role of a command."""
    return (commands[U(at + 6)] >> ROLE) & 0xFF


@inlined
def parks(role):  # type: ignore[no-untyped-def]
    """Whether an order of this role is parked until another one fills."""
    return role == OTO_PENDING or role == OTOCO_FIRST or role == OTOCO_SECOND


@outlined
def objection(arena, commands, at, legs, leg, stage):  # type: ignore[no-untyped-def]
    """What is wrong with a leg: in itself (stage 0), with how it fits to the others (1), as things are (2); 0: nothing."""
    own = at + 8 * leg
    if stage == 0:
        return fault(arena, commands, own, leg)
    if stage == 1:
        return BAD_LIST if unfit(commands, at, legs, leg) else 0
    if parks(role_of(commands, own)):
        return unparkable(arena, commands, own, leg)
    reason, _ = hindrance(arena, commands, own, leg)
    return reason


@inlined
def unfit(commands, at, legs, leg):  # type: ignore[no-untyped-def]
    """Whether a leg that is right in itself does not fit to the others."""
    own = at + 8 * leg
    word, role = commands[U(own)], role_of(commands, own)
    order_type, time_in_force = (word >> 8) & 0xFF, (word >> 16) & 0xFF
    if word >> 32 != commands[U(at)] >> 32 or commands[U(own + 6)] & LOW != commands[U(at + 6)] & LOW:
        return True
    if role == OTO_WORKING or role == OTOCO_WORKING:
        return order_type != LIMIT
    if role == OTO_PENDING:
        return order_type == MARKET_AMOUNT
    if not waits(order_type) and (order_type != LIMIT or time_in_force == IOC or time_in_force == FOK):
        return True  # it would end at once
    if leg != legs - 1:
        return False
    other, shrinks, before = commands[U(own - 8)], SHRINKS << FLAGS_AT, commands[U(own - 2)]
    if (before ^ commands[U(own + 6)]) & shrinks != 0 or (before & shrinks != 0 and commands[U(own - 5)] != commands[U(own + 3)]):
        return True
    return (other ^ word) & (0xFF << SIDE) != 0 or not (waits(order_type) or waits((other >> 8) & 0xFF))
