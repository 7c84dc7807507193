"""The memory of a register: one int64 array with every order, trade, list and name in it.

    header    96 words             counters, tables, pools
    accounts  16 words an account  whether its orders are kept; queues of what is its own
    books     1 word a book        the last trade's number
    pairs     1 word an account and book: where its line is, 0 until there is one
    tables    1 word a bucket      order id, name, list id -> first row of a chain; the newest comes first
    pools     rows of one kind     an order, a trade, a list ...: those given back first, else the next that was never used

A row is named by its address, 0 is none. In every row word 0 links what is in one queue, words 1 and 2 what is beside it: of an order
or list that lives its neighbours in its account's, of what is over the next older and younger of the whole pool. What is kept beyond its
bound goes oldest first; where a pool is full the oldest of all goes. Memory that was never used is never touched, and what is given back
is zero: equal folds leave equal memory.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.arena import LOW, fresh
from polaris.exchange.bits import U

# header
ACCOUNTS = 0
BOOKS = 1
HISTORY = 2  # ended orders, and trades, kept for each account and book
LISTS = 3  # lists that are over, and prevented matches, kept for each account
LAST_ORDER = 4
LAST_LIST = 5
LAST_SESSION = 6
LAST_PREVENTED = 7
EXECUTIONS = 8
AT_TRADE_IDS = 9
AT_PAIRS = 10
BY_ID = 16  # tables
BY_NAME = 20
BY_LIST = 24
ORDERS = 32  # pools
TRADES = 40
ORDER_LISTS = 48
PREVENTIONS = 56
AMENDMENTS = 64
PAIRS = 72
SOUGHT = 88  # a name that is looked for, or the ends of chains while a table grows; zero else
AT_ACCOUNTS = 96
# a table
AT = 0
MASK = 1  # buckets - 1
NODES = 2  # in its chains
MOST = 3  # buckets there is room for
# a pool, after where it is
WORDS = 1  # of a row
FREE = 2  # rows that were given back
TOP = 3  # the first row that was never used
END = 4
OLDEST = 5  # first, last and number of what is over
# a queue
FIRST = 0
LAST = 1
COUNT = 2
# an account
KEPT = 0
ALIVE = 1  # orders
ALIVE_LISTS = 4
OVER_LISTS = 7
PREVENTED_QUEUE = 10
ACCOUNT_WORDS = 16
# a pair of account and book
ENDED_QUEUE = 2
TRADES_QUEUE = 5
PAIR_WORDS = 8
# any row
NEXT = 0
OLDER = 1
YOUNGER = 2
CHAINED = 3  # the next of its id's chain
KEY = 8  # its id
OWNER = 9  # account | book << 32
# an order
NAMED = 4  # the next of its names' chains: as it is called, was called, was called first
AMENDED = 7  # its newest amendment
SHAPE = 10  # order type | time in force << 8 | side << 16 | prevention << 24 | flags << 32 | why it expired << 40
STATE = 11
PRICE = 12
QUANTITY = 13
TRIGGER = 14
DISPLAY = 15
EXECUTED = 16
PAID = 17
PREVENTED = 18
PREVENTED_ID = 19
CREATED = 20
UPDATED = 21
WORKING = 22
NUMBER = 23
SESSION = 24  # | list id << 32
KNOWN_AS = 25  # which of its names are in a chain, a bit each
CLIENT_ID = 26
FORMER_ID = 31
FIRST_ID = 36
ORDER_WORDS = 42
NAME_WORDS = 5
# a trade
TRADE_ID = 3
TRADE_OF = 4
TRADE_OWNER = 5
TRADE_SIDE = 6  # | maker << 8
TRADE_PRICE = 7
TRADE_LOTS = 8
TRADE_FEE = 9
TRADE_TS = 10
TRADE_WORDS = 12
# a list
KIND = 10
LIST_STATE = 11
LIST_CREATED = 12
LIST_UPDATED = 13
LEGS_COUNT = 14
LEG = 15  # three order ids
LIST_NAME = 18
LIST_WORDS = 24
ANNOUNCED = 0
RUNS = 1
OVER = 2
# a prevented match
MATCH_ID = 3
MATCH_OWNER = 4
MATCH_TAKER = 5
MATCH_MAKER = 6
MATCH_PREVENTION = 7
MATCH_PRICE = 8
MATCH_LOTS = 9
MATCH_TS = 10
MATCH_WORDS = 12
# an amendment
AMENDMENT_NUMBER = 3
BEFORE = 4
AFTER = 5
AMENDMENT_TS = 6
OLD_NAME = 7
NEW_NAME = 12
AMENDMENT_WORDS = 18

CALLED, WAS_CALLED, FIRST_CALLED = 0, 1, 2  # names of an order
BUCKETS = 4096  # of a new table
MOST_ENDED = 2**23  # rows of what is over, of all accounts together
MOST_TRADES = 2**24
MOST_LISTS = 2**20
MOST_PREVENTIONS = 2**20
MOST_AMENDMENTS = 2**22


def new_memory(accounts: int, books: int, alive: int, history: int, lists: int) -> npt.NDArray[np.int64]:
    """An empty register.

    accounts, books  of the exchange
    alive            orders alive at once, at most
    history          ended orders, and trades, kept for each account and book
    lists            lists that are over, and prevented matches, kept for each account
    """
    pairs = accounts * books
    orders = alive + 1 + min(pairs * history, MOST_ENDED)
    pools = (
        (ORDERS, ORDER_WORDS, orders),
        (TRADES, TRADE_WORDS, min(pairs * history, MOST_TRADES) + 1),
        (ORDER_LISTS, LIST_WORDS, min(alive + accounts * lists, MOST_LISTS) + 1),
        (PREVENTIONS, MATCH_WORDS, min(accounts * lists, MOST_PREVENTIONS) + 1),
        (AMENDMENTS, AMENDMENT_WORDS, MOST_AMENDMENTS),
        (PAIRS, PAIR_WORDS, pairs),
    )
    tables = ((BY_ID, orders), (BY_NAME, 2 * orders), (BY_LIST, min(alive + accounts * lists, MOST_LISTS)))
    at_trade_ids = AT_ACCOUNTS + ACCOUNT_WORDS * accounts
    at_pairs = at_trade_ids + books
    at = at_pairs + pairs
    places = []
    for table, rows in tables:
        most = max(BUCKETS, 1 << (rows - 1).bit_length())
        places.append((table, at, most))
        at += most
    ends = []
    for pool, words, rows in pools:
        ends.append((pool, at, words, at + words * rows))
        at += words * rows
    memory: npt.NDArray[np.int64] = fresh(at)
    memory[ACCOUNTS], memory[BOOKS], memory[HISTORY], memory[LISTS] = accounts, books, history, lists
    memory[AT_TRADE_IDS], memory[AT_PAIRS] = at_trade_ids, at_pairs
    for table, place, most in places:
        memory[table + AT], memory[table + MASK], memory[table + MOST] = place, BUCKETS - 1, most
    for pool, place, words, end in ends:
        memory[pool + AT], memory[pool + WORDS], memory[pool + TOP], memory[pool + END] = place, words, place, end
    return memory


# rows


@inlined
def take(memory, pool):  # type: ignore[no-untyped-def]
    """A row of zeros; 0 where the pool is full."""
    row = memory[U(pool + FREE)]
    if row != 0:
        memory[U(pool + FREE)] = memory[U(row)]
        memory[U(row)] = 0
        return row
    row = memory[U(pool + TOP)]
    after = row + memory[U(pool + WORDS)]
    if after > memory[U(pool + END)]:
        return 0
    memory[U(pool + TOP)] = after
    return row


@inlined
def give(memory, pool, row):  # type: ignore[no-untyped-def]
    """Give a row back."""
    for word in range(row, row + memory[U(pool + WORDS)]):
        memory[U(word)] = 0
    memory[U(row)] = memory[U(pool + FREE)]
    memory[U(pool + FREE)] = row


# queues


@inlined
def join(memory, queue, row):  # type: ignore[no-untyped-def]
    """Put a row at the end of a queue it may leave from anywhere."""
    last = memory[U(queue + LAST)]
    memory[U(row + OLDER)], memory[U(row + YOUNGER)] = last, 0
    if last:
        memory[U(last + YOUNGER)] = row
    else:
        memory[U(queue + FIRST)] = row
    memory[U(queue + LAST)] = row
    memory[U(queue + COUNT)] += 1


@inlined
def leave(memory, queue, row):  # type: ignore[no-untyped-def]
    """Take a row out of such a queue."""
    older, younger = memory[U(row + OLDER)], memory[U(row + YOUNGER)]
    if older:
        memory[U(older + YOUNGER)] = younger
    else:
        memory[U(queue + FIRST)] = younger
    if younger:
        memory[U(younger + OLDER)] = older
    else:
        memory[U(queue + LAST)] = older
    memory[U(queue + COUNT)] -= 1


@inlined
def keep(memory, pool, queue, row):  # type: ignore[no-untyped-def]
    """Put what is over at the end of its owner's queue and of all."""
    last = memory[U(queue + LAST)]
    memory[U(row + NEXT)] = 0
    if last:
        memory[U(last + NEXT)] = row
    else:
        memory[U(queue + FIRST)] = row
    memory[U(queue + LAST)] = row
    memory[U(queue + COUNT)] += 1
    join(memory, pool + OLDEST, row)


@inlined
def drop(memory, pool, queue):  # type: ignore[no-untyped-def]
    """Take the oldest out of such a queue; the row."""
    row = memory[U(queue + FIRST)]
    after = memory[U(row + NEXT)]
    memory[U(queue + FIRST)] = after
    if after == 0:
        memory[U(queue + LAST)] = 0
    memory[U(queue + COUNT)] -= 1
    leave(memory, pool + OLDEST, row)
    return row


@inlined
def account_at(account):  # type: ignore[no-untyped-def]
    return AT_ACCOUNTS + ACCOUNT_WORDS * account


@inlined
def pair_at(memory, owner):  # type: ignore[no-untyped-def]
    """The line of an account and book; 0 where there is none yet."""
    return memory[U(memory[U(AT_PAIRS)] + (owner & LOW) * memory[U(BOOKS)] + (owner >> 32))]


@inlined
def pair_of(memory, owner):  # type: ignore[no-untyped-def]
    """The line of an account and book, made where there is none yet."""
    place = memory[U(AT_PAIRS)] + (owner & LOW) * memory[U(BOOKS)] + (owner >> 32)
    line = memory[U(place)]
    if line == 0:
        line = take(memory, PAIRS)
        memory[U(line + 1)] = owner
        memory[U(place)] = line
    return line


# for who is not compiled


@kernel
def walk(memory, queue, link, rows):  # type: ignore[no-untyped-def]
    """Put the addresses of a queue's rows into `rows`, as many as fit; how many."""
    row, count = memory[U(queue + FIRST)], 0
    while row != 0 and count < len(rows):
        rows[U(count)] = row
        count += 1
        row = memory[U(row + link)]
    return count


def part(memory: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], words: int) -> Any:
    """int64[n, words]: copies of rows by their addresses."""
    return memory[rows[:, None] + np.arange(words)]
