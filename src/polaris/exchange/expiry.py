"""When orders end by themselves: a heap of slots, the one that ends next on top; of two that end at once the lower id.

Entry 1 is the top, the entries below i are 2i and 2i + 1. An order knows its entry, so that one that ends sooner, by a trade or
a cancel, leaves the heap in a few steps.
"""

from polaris.domain.kernel import inlined, outlined
from polaris.exchange.arena import AT_HEAP, AT_ORDERS, DUE, DUE_AT, ENDS, ID, tie, ties_of
from polaris.exchange.bits import U


@outlined
def schedule(arena, slot, when):  # type: ignore[no-untyped-def]
    """Let an order end at a time (ns UTC), or not by itself any more where that is 0."""
    tie(arena, slot)
    ties = ties_of(arena, slot)
    entry = arena[U(ties + DUE_AT)]
    if when == 0:
        if entry != 0:
            unschedule(arena, slot)
        return
    if entry == 0:
        arena[U(DUE)] += 1
        entry = arena[U(DUE)]
    arena[U(ties + ENDS)] = when
    settle(arena, slot, entry)


@outlined
def unschedule(arena, slot):  # type: ignore[no-untyped-def]
    """Take an order out of the heap it is in: the last entry takes its place."""
    ties = ties_of(arena, slot)
    entry = arena[U(ties + DUE_AT)]
    last = arena[U(arena[U(AT_HEAP)] + arena[U(DUE)])]
    arena[U(DUE)] -= 1
    arena[U(ties + ENDS)] = 0
    arena[U(ties + DUE_AT)] = 0
    if last != slot:
        settle(arena, last, entry)


@inlined
def next_due(arena):  # type: ignore[no-untyped-def]
    """The slot that ends next; 0 where none does."""
    return arena[U(arena[U(AT_HEAP)] + 1)] if arena[U(DUE)] != 0 else 0


@inlined
def settle(arena, slot, entry):  # type: ignore[no-untyped-def]
    """Put a slot where it belongs, from an entry that is free: up while it ends before the one above, down while after one below."""
    heap = arena[U(AT_HEAP)]
    while entry > 1 and earlier(arena, slot, arena[U(heap + (entry >> 1))]):
        write(arena, heap, entry, arena[U(heap + (entry >> 1))])
        entry >>= 1
    count = arena[U(DUE)]
    while 2 * entry <= count:
        below = 2 * entry
        if below < count and earlier(arena, arena[U(heap + below + 1)], arena[U(heap + below)]):
            below += 1
        if not earlier(arena, arena[U(heap + below)], slot):
            break
        write(arena, heap, entry, arena[U(heap + below)])
        entry = below
    write(arena, heap, entry, slot)


@inlined
def write(arena, heap, entry, slot):  # type: ignore[no-untyped-def]
    """Let a slot be in an entry."""
    arena[U(heap + entry)] = slot
    arena[U(ties_of(arena, slot) + DUE_AT)] = entry


@inlined
def earlier(arena, slot, other):  # type: ignore[no-untyped-def]
    """Whether an order ends before another one."""
    orders = arena[U(AT_ORDERS)]
    mine, its = arena[U(ties_of(arena, slot) + ENDS)], arena[U(ties_of(arena, other) + ENDS)]
    return mine < its or (mine == its and arena[U(orders + 8 * slot + ID)] < arena[U(orders + 8 * other + ID)])
