"""The tables of a register: order id, list id and name, each to the rows it stands for, chained from buckets; the newest comes first.

A table grows by four when there are as many rows as buckets. The hash of a name stands in the link to it, so that neither a search nor a table
that grows reads rows it is not about.
"""

from polaris.domain.kernel import inlined, kernel, outlined
from polaris.domain.prefetch import prefetch
from polaris.exchange.arena import LOW
from polaris.exchange.bits import U
from polaris.exchange.gateway.register_memory import (
    AT,
    BY_NAME,
    CHAINED,
    CLIENT_ID,
    KEY,
    KNOWN_AS,
    MASK,
    MOST,
    NAME_WORDS,
    NAMED,
    NODES,
    OWNER,
    SOUGHT,
    STATE,
)

HASHES = 2**29 - 1  # of names
AHEAD = 16  # buckets whose rows are asked for early

# ids


@inlined
def find(memory, table, key):  # type: ignore[no-untyped-def]
    """The newest row of this id; 0: none."""
    row = memory[U(memory[U(table + AT)] + (key & memory[U(table + MASK)]))]
    while row != 0 and memory[U(row + KEY)] != key:
        row = memory[U(row + CHAINED)]
    return row


@inlined
def chain(memory, table, row):  # type: ignore[no-untyped-def]
    """Know a row by its id."""
    if memory[U(table + NODES)] > memory[U(table + MASK)] and memory[U(table + MASK)] + 1 < memory[U(table + MOST)]:
        spread(memory, table)
    bucket = memory[U(table + AT)] + (memory[U(row + KEY)] & memory[U(table + MASK)])
    memory[U(row + CHAINED)] = memory[U(bucket)]
    memory[U(bucket)] = row
    memory[U(table + NODES)] += 1


@inlined
def unchain(memory, table, row):  # type: ignore[no-untyped-def]
    """Know it no more."""
    link = memory[U(table + AT)] + (memory[U(row + KEY)] & memory[U(table + MASK)])
    while memory[U(link)] != row:
        link = memory[U(link)] + CHAINED
    memory[U(link)] = memory[U(row + CHAINED)]
    memory[U(table + NODES)] -= 1


@outlined
def spread(memory, table):  # type: ignore[no-untyped-def]
    """Four times as many buckets, or what there is room for; each chain's order stays."""
    at, buckets = memory[U(table + AT)], memory[U(table + MASK)] + 1
    grown = min(4 * buckets, memory[U(table + MOST)])
    memory[U(table + MASK)] = grown - 1
    for bucket in range(buckets):
        ahead = memory[U(at + min(bucket + AHEAD, buckets - 1))]
        prefetch(memory, ahead)
        prefetch(memory, ahead + KEY)
        row = memory[U(at + bucket)]
        part_of(memory, at + bucket, buckets)
        while row != 0:
            after = memory[U(row + CHAINED)]
            put_behind(memory, row + CHAINED, row, memory[U(row + KEY)] & (grown - 1), buckets)
            row = after
    for word in range(4):
        memory[U(SOUGHT + word)] = 0


@inlined
def part_of(memory, bucket, buckets):  # type: ignore[no-untyped-def]
    """Empty a bucket: where the four begin that its chain goes to."""
    memory[U(bucket)] = 0
    for word in range(4):
        memory[U(SOUGHT + word)] = bucket + word * buckets


@inlined
def put_behind(memory, link, node, place, buckets):  # type: ignore[no-untyped-def]
    """Put a node at the end of the one of the four chains that its place belongs to."""
    tail = SOUGHT + (1 if place & buckets else 0) + (2 if place & (2 * buckets) else 0)
    memory[U(link)] = 0
    memory[U(memory[U(tail)])] = node
    memory[U(tail)] = link


# names: a node is hash << 34 | address << 2 | which of the order's names it is


@inlined
def name_hash(memory, account, at):  # type: ignore[no-untyped-def]
    """Of an account and the name that stands there."""
    mixed = account & 0x7FFFFFFF
    for word in range(at, at + NAME_WORDS):
        letters = memory[U(word)]
        if letters == 0:
            break
        mixed = mix(mixed, letters)
    return mixed & HASHES


@inlined
def note_hash(notes, place, account):  # type: ignore[no-untyped-def]
    """Of an account and the name in a note, as `name_hash` has it."""
    mixed = account & 0x7FFFFFFF
    for word in range(2, 2 + NAME_WORDS):
        letters = notes[place, word] if word < 6 else notes[place, word] & LOW
        if letters == 0:
            break
        mixed = mix(mixed, letters)
    return mixed & HASHES


@inlined
def mix(mixed, letters):  # type: ignore[no-untyped-def]
    """Eight letters more."""
    mixed = (mixed ^ (letters & 0x7FFFFFFF)) * 0x5BD1E995
    mixed = (mixed ^ (mixed >> 29)) & 0x7FFFFFFF
    mixed = (mixed ^ ((letters >> 32) & 0x7FFFFFFF)) * 0x5BD1E995
    return (mixed ^ (mixed >> 29)) & 0x7FFFFFFF


@inlined
def row_of(node):  # type: ignore[no-untyped-def]
    return (node >> 2) & LOW


@inlined
def link_of(node):  # type: ignore[no-untyped-def]
    """Where the next of its chain stands."""
    return row_of(node) + NAMED + (node & 3)


@inlined
def same_name(memory, one, other):  # type: ignore[no-untyped-def]
    same = True
    for word in range(NAME_WORDS):
        same = same and memory[U(one + word)] == memory[U(other + word)]
    return same


@inlined
def copy_name(memory, to, source):  # type: ignore[no-untyped-def]
    for word in range(NAME_WORDS):
        memory[U(to + word)] = memory[U(source + word)]


@inlined
def add_name(memory, row, which):  # type: ignore[no-untyped-def]
    """Find an order by this name of it, before others of that name."""
    if memory[U(row + CLIENT_ID + NAME_WORDS * which)] == 0:
        return
    if memory[U(BY_NAME + NODES)] > memory[U(BY_NAME + MASK)] and memory[U(BY_NAME + MASK)] + 1 < memory[U(BY_NAME + MOST)]:
        spread_names(memory)
    mixed = name_hash(memory, memory[U(row + OWNER)] & LOW, row + CLIENT_ID + NAME_WORDS * which)
    bucket = memory[U(BY_NAME + AT)] + (mixed & memory[U(BY_NAME + MASK)])
    memory[U(row + NAMED + which)] = memory[U(bucket)]
    memory[U(bucket)] = mixed << 34 | row << 2 | which
    memory[U(row + KNOWN_AS)] |= 1 << which
    memory[U(BY_NAME + NODES)] += 1


@inlined
def drop_name(memory, row, which):  # type: ignore[no-untyped-def]
    """Find it by this name no more."""
    if not memory[U(row + KNOWN_AS)] & (1 << which):
        return
    mixed = name_hash(memory, memory[U(row + OWNER)] & LOW, row + CLIENT_ID + NAME_WORDS * which)
    link = memory[U(BY_NAME + AT)] + (mixed & memory[U(BY_NAME + MASK)])
    node = mixed << 34 | row << 2 | which
    while memory[U(link)] != node:
        link = link_of(memory[U(link)])
    memory[U(link)] = memory[U(row + NAMED + which)]
    memory[U(row + NAMED + which)] = 0
    memory[U(row + KNOWN_AS)] &= ~(1 << which)
    memory[U(BY_NAME + NODES)] -= 1


@outlined
def spread_names(memory):  # type: ignore[no-untyped-def]
    """The same for names."""
    at, buckets = memory[U(BY_NAME + AT)], memory[U(BY_NAME + MASK)] + 1
    grown = min(4 * buckets, memory[U(BY_NAME + MOST)])
    memory[U(BY_NAME + MASK)] = grown - 1
    for bucket in range(buckets):
        prefetch(memory, link_of(memory[U(at + min(bucket + AHEAD, buckets - 1))]))
        node = memory[U(at + bucket)]
        part_of(memory, at + bucket, buckets)
        while node != 0:
            link = link_of(node)
            after = memory[U(link)]
            put_behind(memory, link, node, (node >> 34) & (grown - 1), buckets)
            node = after
    for word in range(4):
        memory[U(SOUGHT + word)] = 0


@kernel
def find_name(memory, account, at):  # type: ignore[no-untyped-def]
    """The order of an account by the name that stands there: the one that lives and is called so, else the last that ever was; 0: none."""
    mixed = name_hash(memory, account, at)
    node = memory[U(memory[U(BY_NAME + AT)] + (mixed & memory[U(BY_NAME + MASK)]))]
    found = 0
    while node != 0:
        row, which = row_of(node), node & 3
        if node >> 34 == mixed and memory[U(row + OWNER)] & LOW == account and same_name(memory, row + CLIENT_ID + NAME_WORDS * which, at):
            if memory[U(row + STATE)] <= 2 and same_name(memory, row + CLIENT_ID, at):
                return row
            if found == 0:
                found = row
        node = memory[U(link_of(node))]
    return found


@kernel
def find_row(memory, table, key):  # type: ignore[no-untyped-def]
    """As `find`, for who is not compiled."""
    return find(memory, table, key)


@kernel
def any_taken(memory, account, notes):  # type: ignore[no-untyped-def]
    """Whether an order of this account lives under the client id of one of these notes, int64[n, 8]."""
    taken = False
    for place in range(len(notes)):
        for word in range(4):
            memory[U(SOUGHT + word)] = notes[place, 2 + word]
        memory[U(SOUGHT + 4)] = notes[place, 6] & LOW
        row = find_name(memory, account, SOUGHT)
        if row != 0 and memory[U(row + STATE)] <= 2 and same_name(memory, row + CLIENT_ID, SOUGHT):
            taken = True
            break
    for word in range(NAME_WORDS):
        memory[U(SOUGHT + word)] = 0
    return taken
