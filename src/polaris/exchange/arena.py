"""The memory of an engine: one int64 array with every book, order and id in it.

    header   64 words          counters, and where the rest begins
    books    32 words a book   best tick of each ladder, last trade, lowest tick, its rules
    bitmaps  a ladder          which ticks hold orders (`bits`)
    levels   2 words a tick    first slot << 32 | last slot, lots shown; a ladder has TICKS of them
    ids      2 words a bucket  order id, slot: open addressing, the id itself is the hash (ids are dense), no tombstones
    orders   8 words a slot    one cache line; orders of a tick are a list, first to come first; slot 0 is nobody
    more     8 words a slot    what only some orders need
    ties     8 words a slot    what an order is linked to, when it ends, its trail: looked at only where its traits say that there is some
    heap     1 word a slot     slots of the orders that end by themselves, the next one first
    accounts                   what `accounts` says; there may be none
    outbox   12 words an event what the last single command told; its words came in by the inbox, in the header

A book has four ladders: BIDS, ASKS and, for orders that wait, FALLING and RISING. A *place* is book * 4 + ladder. Ticks are counted
from the book's lowest; "none" is -1 where the highest tick is best and TICKS where the lowest is, so it is beyond any limit.
Memory that was never used is never touched: an empty book of 4,194,304 ticks costs address space only.
"""

import mmap
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import inlined
from polaris.exchange.bits import BITMAP_WORDS, U, above, below, mark, unmark
from polaris.exchange.words import EVENT_WORDS, MAX_ORDERS, MAX_PRICE, TICKS, TICKS_BITS

# header
FREE = 0  # first slot of those given back; 0: none
USED = 1  # slots ever used
LIVE = 2  # orders alive
ICEBERGS = 3  # of these, with a display
DONE = 4  # commands the last call did
BOOKS = 5
CAPACITY = 6
MASK = 7  # buckets - 1
AT_BITMAPS = 8
AT_LEVELS = 9
AT_IDS = 10
AT_ORDERS = 11
AT_OUTBOX = 12
OUTBOX_ROOM = 13  # events it holds
NOW = 14  # ns UTC: the last CLOCK's
SEQ = 15  # of the command that is done now
INBOX = 16  # 8 words: a single command
AT_MORE = 24
AT_ACCOUNTS = 25  # 0: an engine without money
AT_BALANCES = 26
AT_POSITIONS = 27
AT_SUPPLY = 28
AT_TIERS = 29
ACCOUNTS = 30
ASSETS = 31
ALL_KILLED = 32
TEN_SECONDS = 33  # of NOW: how many since 1970
TODAY = 34  # of NOW: days since 1970
AT_TIES = 48
AT_HEAP = 49
DUE = 50  # orders in the heap
FRONT = 51  # first and last slot of the orders that enter next, one after the other; 0: none
WAKING = 53  # the same of trailing orders that wake when an order's trades are seen to
MET = 55  # the order of its own account that an order met last
AT_BOOKS = 64
BOOK_WORDS = 32
# a book, after the best tick of its four ladders
LAST = 4  # last trade, tick; -1 before the first
LOWEST = 5  # ticks of price
WATCH = 6  # phase | BANDED | TRAILED: 0 where nothing is unusual
PHASES = 3  # the bits of the phase
BANDED = 4  # it has a price band
TRAILED = 8  # trailing orders follow its price
FILTERED = 7  # 1: it has rules for an order's lots or notional
RULE = 8  # here is rule 0
BASE = 24  # assets, and what one lot and one tick of one lot are worth: `accounts`
QUOTE = 25
LOT_UNITS = 26
VALUE = 27
BAND_LOW = 28  # ticks that may trade in this command
BAND_HIGH = 29
YOUNGEST = 30  # slot of the trailing order that woke last: of buyers, then of sellers
# an order
ID = 0
OWNER = 1  # account << 32 | tick it stands at
SHOWN = 2
BEFORE = 3
AFTER = 4
TRAITS = 5  # place | order type << 32 | time in force << 40 | prevention << 48 | flags << 56
HIDDEN = 6  # lots; of a waiting order its limit as a tick of the book; where it takes any price the book's last one
DISPLAY = 7
# flags in the traits of an order, beside those of the words
TIED = -(1 << 63)  # it has ties: the sign, so that one comparison tells
AWAITING = 1 << 62  # it does not stand yet: parked until another order fills, or on its way
ENTERING = 1 << 61  # it fired or was activated, and enters when its turn comes; of one that is asleep: it wakes
ASLEEP = 1 << 60  # a trailing order that has not seen its activation price
# the ties of an order
ENDS = 0  # ns UTC; 0: not by itself
DUE_AT = 1  # its place in the heap
PARTNER = 2  # slot of the other leg of its pair
LIST = 3  # slot of the order it is parked for; of that order the first slot that is parked
TRAIL = 4  # above 0 ticks, below 0 basis points; 0 once it fired
BEST = 5  # best tick since it woke
OLDER = 6  # slots of those that woke before and after it
YOUNGER = 7

LOW = 0xFFFFFFFF
NORESERVE = 0x4000 if sys.platform == "linux" else 0  # MAP_NORESERVE: address space is not memory


def new_arena(lowest: Sequence[int], capacity: int, outbox: int, money: int = 0) -> npt.NDArray[np.int64]:
    """An empty engine.

    lowest    of each book the lowest price in ticks, 1 .. MAX_PRICE; it holds TICKS prices
    capacity  orders alive at once, 1 .. MAX_ORDERS
    outbox    events of a single command there is room for
    money     words the accounts take
    raises    ValueError where one of these is out of its range
    """
    if not lowest or not all(0 < tick <= MAX_PRICE for tick in lowest):
        raise ValueError(f"lowest prices of books are {list(lowest)[:5]}; expected at least one, each 1 .. {MAX_PRICE} ticks")
    if not 0 < capacity <= MAX_ORDERS:
        raise ValueError(f"room for {capacity} orders; expected 1 .. {MAX_ORDERS}")
    books = len(lowest)
    buckets = max(64, 1 << (2 * capacity - 1).bit_length())
    at_bitmaps = AT_BOOKS + BOOK_WORDS * books
    at_levels = at_bitmaps + 4 * books * BITMAP_WORDS
    at_ids = at_levels + 8 * books * TICKS
    at_orders = at_ids + 2 * buckets
    at_more = at_orders + 8 * (capacity + 1)
    at_ties = at_more + 8 * (capacity + 1)
    at_heap = at_ties + 8 * (capacity + 1)
    at_money = at_heap + capacity + 1
    at_outbox = -(-(at_money + money) // EVENT_WORDS) * EVENT_WORDS  # events are counted from the arena's begin
    arena: npt.NDArray[np.int64] = fresh(at_outbox + EVENT_WORDS * outbox)
    arena[BOOKS], arena[CAPACITY], arena[MASK] = books, capacity, buckets - 1
    arena[AT_OUTBOX], arena[OUTBOX_ROOM] = at_outbox, outbox
    arena[AT_BITMAPS], arena[AT_LEVELS], arena[AT_IDS], arena[AT_ORDERS] = at_bitmaps, at_levels, at_ids, at_orders
    arena[AT_TIES], arena[AT_HEAP] = at_ties, at_heap
    arena[AT_MORE], arena[AT_ACCOUNTS] = at_more, at_money if money else 0
    lines = arena[AT_BOOKS:at_bitmaps].reshape(books, BOOK_WORDS)
    lines[:, :LAST] = (-1, TICKS, -1, TICKS)
    lines[:, LAST] = -1
    lines[:, LOWEST] = lowest
    lines[:, LOT_UNITS] = lines[:, VALUE] = 1
    return arena


def fresh(words: int) -> Any:
    """Zeros that cost nothing until they are touched, on large pages where the system has them."""
    memory = mmap.mmap(-1, -(-8 * words >> 21) << 21, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.int64)[:words]


@inlined
def find(arena, order_id):  # type: ignore[no-untyped-def]
    """The slot of an order; 0 where none of this id lives."""
    at, mask = arena[U(AT_IDS)], arena[U(MASK)]
    bucket = order_id & mask
    while True:
        there = arena[U(at + 2 * bucket)]
        if there == order_id:
            return arena[U(at + 2 * bucket + 1)]
        if there == 0:
            return 0
        bucket = (bucket + 1) & mask


@inlined
def remember(arena, order_id, slot):  # type: ignore[no-untyped-def]
    """Put an id into the map."""
    at, mask = arena[U(AT_IDS)], arena[U(MASK)]
    bucket = order_id & mask
    while arena[U(at + 2 * bucket)] != 0:
        bucket = (bucket + 1) & mask
    arena[U(at + 2 * bucket)] = order_id
    arena[U(at + 2 * bucket + 1)] = slot


@inlined
def forget(arena, order_id):  # type: ignore[no-untyped-def]
    """Take an id out of the map; those behind it that can move nearer to their home do."""
    at, mask = arena[U(AT_IDS)], arena[U(MASK)]
    bucket = order_id & mask
    while arena[U(at + 2 * bucket)] != order_id:
        bucket = (bucket + 1) & mask
    behind = bucket
    while True:
        behind = (behind + 1) & mask
        there = arena[U(at + 2 * behind)]
        if there == 0:
            break
        if ((behind - there) & mask) >= ((behind - bucket) & mask):  # as far from home as from the gap, or farther
            arena[U(at + 2 * bucket)] = there
            arena[U(at + 2 * bucket + 1)] = arena[U(at + 2 * behind + 1)]
            bucket = behind
    arena[U(at + 2 * bucket)] = 0


@inlined
def level_of(arena, place, tick):  # type: ignore[no-untyped-def]
    """Where the words of a tick are."""
    return arena[U(AT_LEVELS)] + (((place << TICKS_BITS) + tick) << 1)


@inlined
def bitmap_of(arena, place):  # type: ignore[no-untyped-def]
    """Where the bitmap of a ladder is."""
    return arena[U(AT_BITMAPS)] + place * BITMAP_WORDS


@inlined
def next_tick(arena, place, tick):  # type: ignore[no-untyped-def]
    """The tick whose turn comes after this one, or none (see the module)."""
    if place & 1:
        return above(arena, bitmap_of(arena, place), tick)
    return below(arena, bitmap_of(arena, place), tick)


@inlined
def join(arena, place, tick, slot):  # type: ignore[no-untyped-def]
    """Put an order at the end of a tick's queue."""
    orders = arena[U(AT_ORDERS)]
    order = orders + 8 * slot
    level = level_of(arena, place, tick)
    ends = arena[U(level)]
    last = ends & LOW
    arena[U(order + BEFORE)] = last
    arena[U(order + AFTER)] = 0
    if ends == 0:
        arena[U(level)] = (slot << 32) | slot
        mark(arena, bitmap_of(arena, place), tick)
        best = AT_BOOKS + (place >> 2) * BOOK_WORDS + (place & 3)
        if place & 1:
            arena[U(best)] = min(arena[U(best)], tick)
        else:
            arena[U(best)] = max(arena[U(best)], tick)
    else:
        arena[U(orders + 8 * last + AFTER)] = slot
        arena[U(level)] = ends - last + slot
    arena[U(level + 1)] += arena[U(order + SHOWN)]


@inlined
def leave(arena, place, tick, slot):  # type: ignore[no-untyped-def]
    """Take an order out of a tick's queue."""
    orders = arena[U(AT_ORDERS)]
    order = orders + 8 * slot
    level = level_of(arena, place, tick)
    before, after = arena[U(order + BEFORE)], arena[U(order + AFTER)]
    ends = arena[U(level)]
    first, last = ends >> 32, ends & LOW
    if before != 0:
        arena[U(orders + 8 * before + AFTER)] = after
    else:
        first = after
    if after != 0:
        arena[U(orders + 8 * after + BEFORE)] = before
    else:
        last = before
    arena[U(level)] = (first << 32) | last
    arena[U(level + 1)] -= arena[U(order + SHOWN)]
    if first == 0:
        unmark(arena, bitmap_of(arena, place), tick)
        best = AT_BOOKS + (place >> 2) * BOOK_WORDS + (place & 3)
        if arena[U(best)] == tick:
            arena[U(best)] = next_tick(arena, place, tick)


@inlined
def ties_of(arena, slot):  # type: ignore[no-untyped-def]
    """Where the ties of an order are."""
    return arena[U(AT_TIES)] + 8 * slot


@inlined
def tie(arena, slot):  # type: ignore[no-untyped-def]
    """Let an order have ties."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    if arena[U(order + TRAITS)] >= 0:
        arena[U(order + TRAITS)] |= TIED
        at = ties_of(arena, slot)
        for word in range(8):
            arena[U(at + word)] = 0


@inlined
def stand_at(arena, slot, place, tick):  # type: ignore[no-untyped-def]
    """Write down where an order stands, which is not where it was."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    arena[U(order + OWNER)] = (arena[U(order + OWNER)] & ~LOW) | tick
    arena[U(order + TRAITS)] = (arena[U(order + TRAITS)] & ~LOW) | place
