"""The orders that events name: what the world was told of each, what the engine shows of it now, and so what changed.

An event alone does not say how much of an order shows, whether it waits for its trigger, or where it stood before it was amended. So
each order an event names is looked up twice: in the engine, and in `seen`, which remembers what was told. Orders that joined a queue
since the last fold are the end of it, in their order: that is how they are told in it.

    seen    64 words          header; ids and mask where the engine's header has them, so `find` serves both
    lines   8 words a book    update id, time of its last event, the top that was told
    ids     2 words a bucket  order id, slot: of every order the world was told of
    orders  4 words a slot    key of the level it stands at, lots told, the fold in which it joined its queue

A *key* is a level in the order levels are told in: by book, bids before asks, best first.
"""

import numpy as np

from polaris.domain.kernel import inlined, kernel
from polaris.exchange import arena
from polaris.exchange.arena import (
    AFTER,
    AT_BOOKS,
    AT_IDS,
    AT_ORDERS,
    BEFORE,
    BOOK_WORDS,
    BOOKS,
    CAPACITY,
    ID,
    LOW,
    LOWEST,
    MASK,
    OWNER,
    SHOWN,
    TRAITS,
    find,
    forget,
    level_of,
    next_tick,
    remember,
)
from polaris.exchange.bits import U
from polaris.exchange.marketdata.rows import ADD, CHANGE, MAKER_ID, ORDER_ID, REMOVE, TS, Words
from polaris.exchange.words import (
    ACCEPTED,
    ACTIVATED,
    AMENDED,
    CANCELLED,
    EVENT_WORDS,
    EXPIRED,
    FALLING,
    FILL,
    KEPT_PLACE,
    PREVENTED,
    REFRESHED,
    TICKS,
    TICKS_BITS,
    TRIGGERED,
)

MOVING = sum(1 << kind for kind in (ACCEPTED, FILL, CANCELLED, EXPIRED, AMENDED, TRIGGERED, REFRESHED, PREVENTED, ACTIVATED))  # kinds that count
JOINING = sum(1 << kind for kind in (ACCEPTED, AMENDED, TRIGGERED, REFRESHED, ACTIVATED))
KEPT = KEPT_PLACE << 16
AWAITING: int = getattr(arena, "AWAITING", 0)  # parked until another order fills: it has the place it will stand at; 0 where an engine parks none

# header of `seen`, beside AT_IDS, MASK and AT_ORDERS
FOLD = 0
AT_LINES = 64
LINE_WORDS = 8
# a line
UPDATE_ID = 0
LAST_TS = 1
TOP_BID = 2  # and its lots, the best ask and its lots
# an order
KEY = 0
LOTS = 1
JOINED = 2


def new_memory(engine: Words) -> Words:
    """A `seen` for this engine's arena, in which nothing was told yet."""
    books, buckets = int(engine[BOOKS]), int(engine[MASK]) + 1
    at_ids = AT_LINES + LINE_WORDS * books
    at_orders = at_ids + 2 * buckets
    seen = np.zeros(at_orders + 4 * (int(engine[CAPACITY]) + 1), np.int64)
    seen[AT_IDS], seen[MASK], seen[AT_ORDERS] = at_ids, engine[MASK], at_orders
    return seen


@kernel
def touch(engine, seen, marks, events, n, keys, pending, counts, rows):  # type: ignore[no-untyped-def]
    """Compare what n events name with what was told of it.

    events   int64[12 n]
    marks    uint8[keys there are]  bit 0: the key is in `keys`, bit 1 + k: it is in pending[k]
    keys     int64[]                written: levels that changed
    pending  int64[k, ], counts int64[k]  appended: the same, kept until the k-th interval ends
    rows     int64[5 m]             written: ORDER_CHANGE
    returns  (keys, rows, fills)
    """
    fold = seen[U(FOLD)] + 1
    seen[U(FOLD)] = fold
    orders = seen[U(AT_ORDERS)]
    fills = 0
    for i in range(n):
        head = events[U(EVENT_WORDS * i)]
        if moves(head):
            line = AT_LINES + LINE_WORDS * (head >> 32)
            seen[U(line + UPDATE_ID)] += 1
            seen[U(line + LAST_TS)] = events[U(EVENT_WORDS * i + TS)]
            if head & 0xFF == FILL:
                fills += 1
            elif joins(head):
                slot = shown(engine, events[U(EVENT_WORDS * i + ORDER_ID)])
                if slot != 0:
                    seen[U(orders + 4 * slot + JOINED)] = fold
    levels, changes = 0, 0
    for i in range(n):
        head = events[U(EVENT_WORDS * i)]
        if moves(head):
            order_id, maker_id = events[U(EVENT_WORDS * i + ORDER_ID)], events[U(EVENT_WORDS * i + MAKER_ID)]
            levels, changes = retell(engine, seen, marks, order_id, fold, keys, levels, pending, counts, rows, changes)
            if maker_id != 0:
                levels, changes = retell(engine, seen, marks, maker_id, fold, keys, levels, pending, counts, rows, changes)
    for i in range(n):
        head = events[U(EVENT_WORDS * i)]
        if moves(head) and joins(head):
            order_id = events[U(EVENT_WORDS * i + ORDER_ID)]
            slot = shown(engine, order_id)
            if slot != 0 and find(seen, order_id) == 0:
                levels, changes = introduce(engine, seen, marks, slot, fold, keys, levels, pending, counts, rows, changes)
    return levels, changes, fills


@kernel
def retell(engine, seen, marks, order_id, fold, keys, levels, pending, counts, rows, changes):  # type: ignore[no-untyped-def]
    """Tell of an order that was told of: other lots, or that it went (it may come again); returns (levels, changes)."""
    told = find(seen, order_id)
    if told == 0:
        return levels, changes
    record = seen[U(AT_ORDERS)] + 4 * told
    key, lots, change = seen[U(record + KEY)], seen[U(record + LOTS)], REMOVE
    slot = shown(engine, order_id)
    if slot != 0 and seen[U(seen[U(AT_ORDERS)] + 4 * slot + JOINED)] != fold:
        now = engine[U(engine[U(AT_ORDERS)] + 8 * slot + SHOWN)]
        if now == lots:
            return levels, changes
        change, lots = CHANGE, now
        seen[U(record + LOTS)] = now
    else:
        forget(seen, order_id)
    tell(engine, seen, key, change, order_id, lots, rows, changes)
    return mark(marks, key, keys, levels, pending, counts), changes + 1


@kernel
def introduce(engine, seen, marks, slot, fold, keys, levels, pending, counts, rows, changes):  # type: ignore[no-untyped-def]
    """Tell of all that joined this order's queue, in the order they stand in; returns (levels, changes)."""
    orders, records = engine[U(AT_ORDERS)], seen[U(AT_ORDERS)]
    before = engine[U(orders + 8 * slot + BEFORE)]
    while before != 0 and seen[U(records + 4 * before + JOINED)] == fold:
        slot = before
        before = engine[U(orders + 8 * slot + BEFORE)]
    key = key_of(engine, slot)
    while slot != 0:
        order_id, lots = engine[U(orders + 8 * slot + ID)], engine[U(orders + 8 * slot + SHOWN)]
        learn(seen, order_id, slot, key, lots)
        tell(engine, seen, key, ADD, order_id, lots, rows, changes)
        changes += 1
        slot = engine[U(orders + 8 * slot + AFTER)]
    return mark(marks, key, keys, levels, pending, counts), changes


@kernel
def recall(engine, seen):  # type: ignore[no-untyped-def]
    """Remember every order the engine shows as told."""
    orders = engine[U(AT_ORDERS)]
    for place in range(4 * engine[U(BOOKS)]):
        tick = engine[U(AT_BOOKS + BOOK_WORDS * (place >> 2) + (place & 3))]
        while place & 3 < FALLING and 0 <= tick < TICKS:
            slot = engine[U(level_of(engine, place, tick))] >> 32
            while slot != 0:
                learn(seen, engine[U(orders + 8 * slot + ID)], slot, key_of(engine, slot), engine[U(orders + 8 * slot + SHOWN)])
                slot = engine[U(orders + 8 * slot + AFTER)]
            tick = next_tick(engine, place, tick)


@inlined
def moves(head):  # type: ignore[no-untyped-def]
    """Whether an event may move the depth of its book."""
    return (MOVING >> (head & 0xFF)) & 1 != 0


@inlined
def joins(head):  # type: ignore[no-untyped-def]
    """Whether the order of an event may have come to the end of a queue."""
    return (JOINING >> (head & 0xFF)) & 1 != 0 and (head & 0xFF != AMENDED or head & KEPT == 0)


@inlined
def shown(engine, order_id):  # type: ignore[no-untyped-def]
    """The slot of an order that stands where the world sees it; 0 where none of this id does."""
    slot = find(engine, order_id)
    if slot != 0:
        traits = engine[U(engine[U(AT_ORDERS)] + 8 * slot + TRAITS)]
        if traits & 3 >= FALLING or traits & AWAITING != 0:
            return 0
    return slot


@inlined
def learn(seen, order_id, slot, key, lots):  # type: ignore[no-untyped-def]
    """Remember what is told of an order."""
    remember(seen, order_id, slot)
    seen[U(seen[U(AT_ORDERS)] + 4 * slot + KEY)] = key
    seen[U(seen[U(AT_ORDERS)] + 4 * slot + LOTS)] = lots


@inlined
def mark(marks, key, keys, levels, pending, counts):  # type: ignore[no-untyped-def]
    """Note that a level changed; returns how many did."""
    there = np.int64(marks[U(key)])
    if there & 1 == 0:
        keys[U(levels)] = key
        levels += 1
        for k in range(counts.size):
            if (there >> (k + 1)) & 1 == 0:
                pending[U(k), U(counts[U(k)])] = key
                counts[U(k)] += 1
        marks[U(key)] = (2 << counts.size) - 1
    return levels


@inlined
def key_of(engine, slot):  # type: ignore[no-untyped-def]
    """The key of the level an order stands at."""
    order = engine[U(AT_ORDERS)] + 8 * slot
    place, tick = engine[U(order + TRAITS)] & LOW, engine[U(order + OWNER)] & LOW
    return (((place >> 2) * 2 + (place & 1)) << TICKS_BITS) | (tick if place & 1 else TICKS - 1 - tick)


@inlined
def tick_of(key):  # type: ignore[no-untyped-def]
    """The tick of a key's level."""
    tick = key & (TICKS - 1)
    return tick if (key >> TICKS_BITS) & 1 else TICKS - 1 - tick


@inlined
def price_of(engine, key):  # type: ignore[no-untyped-def]
    """The price of a key's level."""
    return engine[U(AT_BOOKS + BOOK_WORDS * (key >> (TICKS_BITS + 1)) + LOWEST)] + tick_of(key)


@inlined
def named(key):  # type: ignore[no-untyped-def]
    """Book and side of a key, as the first word of a LEVEL has them."""
    return (key >> (TICKS_BITS + 1)) | ((0xFF if (key >> TICKS_BITS) & 1 else 1) << 32)


@inlined
def tell(engine, seen, key, change, order_id, lots, rows, changes):  # type: ignore[no-untyped-def]
    """Write one ORDER_CHANGE."""
    at = 5 * changes
    rows[U(at)] = named(key) | (change << 40)
    rows[U(at + 1)] = order_id
    rows[U(at + 2)] = price_of(engine, key)
    rows[U(at + 3)] = lots
    rows[U(at + 4)] = seen[U(AT_LINES + LINE_WORDS * (key >> (TICKS_BITS + 1)) + UPDATE_ID)]
