"""What the legs of a pair hold: only one of them will trade, so together they hold what the larger one would.

Each leg is bound by itself; while both stand, what both hold is taken off once: the lots of the smaller, and the units of the cheaper.
"""

from polaris.domain.kernel import inlined, outlined
from polaris.exchange.accounts import FREE_UNITS, IS_PAIRED, LOCKED_UNITS, OPEN_BUYS, balance_line, position_line, terms
from polaris.exchange.arena import (
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_MORE,
    AT_ORDERS,
    AWAITING,
    BASE,
    BOOK_WORDS,
    LOT_UNITS,
    LOW,
    LOWEST,
    OWNER,
    PARTNER,
    QUOTE,
    TRAITS,
    VALUE,
    ties_of,
)
from polaris.exchange.bits import U
from polaris.exchange.telling import sells


@inlined
def pair(arena, slot):  # type: ignore[no-untyped-def]
    """A tied order stands now: where its other leg does too, they hold together."""
    partner = arena[U(ties_of(arena, slot) + PARTNER)]
    if arena[U(AT_ACCOUNTS)] != 0 and partner != 0 and arena[U(arena[U(AT_ORDERS)] + 8 * partner + TRAITS)] & AWAITING == 0:
        overlap(arena, slot, partner, 1)


@inlined
def unpair(arena, slot):  # type: ignore[no-untyped-def]
    """A tied order changes or goes: each leg holds its own again."""
    if arena[U(AT_ACCOUNTS)] != 0 and arena[U(arena[U(AT_MORE)] + 8 * slot + IS_PAIRED)] != 0:
        overlap(arena, slot, arena[U(ties_of(arena, slot) + PARTNER)], 0)


@outlined
def overlap(arena, slot, partner, paired):  # type: ignore[no-untyped-def]
    """Take off what both hold (1), or hold it again (0)."""
    order, more = arena[U(AT_ORDERS)] + 8 * slot, arena[U(AT_MORE)]
    arena[U(more + 8 * slot + IS_PAIRED)] = paired
    arena[U(more + 8 * partner + IS_PAIRED)] = paired
    traits, account = arena[U(order + TRAITS)], arena[U(order + OWNER)] >> 32
    book, sell = (traits & LOW) >> 2, sells(traits)
    line = AT_BOOKS + BOOK_WORDS * book
    own_lots, own_units = held(arena, slot)
    lots, units = held(arena, partner)
    lots, units = min(lots, own_lots), min(units, own_units)
    if paired == 0:
        lots, units = -lots, -units
    balance = balance_line(arena, account, arena[U(line + BASE)] if sell else arena[U(line + QUOTE)])
    arena[U(balance + FREE_UNITS)] += units
    arena[U(balance + LOCKED_UNITS)] -= units
    arena[U(position_line(arena, account, book) + OPEN_BUYS + sell)] -= lots


@outlined
def held_with_partner(arena, slot):  # type: ignore[no-untyped-def]
    """(lots, units) an order holds, with its other leg where it is paired; zeros where it awaits."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    if arena[U(order + TRAITS)] & AWAITING != 0:
        return 0, 0
    lots, units = held(arena, slot)
    if arena[U(order + TRAITS)] < 0 and arena[U(arena[U(AT_MORE)] + 8 * slot + IS_PAIRED)] != 0:
        other_lots, other_units = held(arena, arena[U(ties_of(arena, slot) + PARTNER)])
        return max(lots, other_lots), max(units, other_units)
    return lots, units


@inlined
def held(arena, slot):  # type: ignore[no-untyped-def]
    """(lots, units) an order that stands would hold alone."""
    traits = arena[U(arena[U(AT_ORDERS)] + 8 * slot + TRAITS)]
    tick, lots = terms(arena, slot)
    line = AT_BOOKS + BOOK_WORDS * ((traits & LOW) >> 2)
    if sells(traits):
        return lots, lots * arena[U(line + LOT_UNITS)]
    return lots, lots * ((tick + arena[U(line + LOWEST)]) * arena[U(line + VALUE)])
