"""What is owned: every account's balances, positions, counters and limits, in the engine's one arena.

    accounts   16 words an account           (ACCOUNT)   its state, its order counts, its limits
    balances   8 words an account and asset  (BALANCE)   units free and locked, the day's result
    positions  8 words an account and book   (POSITION)  lots held, what they cost, lots open
    supply     1 word an asset               units paid in and not yet out
    tiers      2 words a tier                maker ppm, taker ppm

An order that stands anywhere holds what it could cost at worst: to sell, its lots; to buy, its lots at its limit. The sum of free and locked
over all accounts is the supply, always. Account 0 is the house: it takes the fees, and does not trade.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import inlined, kernel, outlined
from polaris.exchange.arena import (
    ACCOUNTS,
    ALL_KILLED,
    ASSETS,
    AT_ACCOUNTS,
    AT_BALANCES,
    AT_BOOKS,
    AT_MORE,
    AT_ORDERS,
    AT_POSITIONS,
    AT_SUPPLY,
    AT_TIERS,
    AWAITING,
    BASE,
    BOOK_WORDS,
    BOOKS,
    HIDDEN,
    ID,
    LOT_UNITS,
    LOW,
    LOWEST,
    OWNER,
    QUOTE,
    SHOWN,
    TEN_SECONDS,
    TODAY,
    TRAITS,
    VALUE,
)
from polaris.exchange.bits import U
from polaris.exchange.ledger import ACCOUNT, BALANCE, Ledger
from polaris.exchange.ledger import POSITION as POSITIONS
from polaris.exchange.telling import sells
from polaris.exchange.words import FALLING, MAX_UNITS, REDUCE_ONLY, TICKS

TIERS = 64
# an account
KILLED_FLAG = 0
TIER = 1
MASTER = 2
OPEN_ORDERS = 3
MAX_OPEN_ORDERS = 4
PER_SECOND = 5
NEXT_ORDER = 6  # ns UTC when the bucket of orders will be full again
PER_TEN_SECONDS = 7
THESE_TEN = 8  # which ten seconds since 1970 are counted
IN_THESE_TEN = 9
PER_DAY = 10
THIS_DAY = 11
IN_THIS_DAY = 12
ACCOUNT_WORDS = 16
# a balance
FREE_UNITS = 0
LOCKED_UNITS = 1
RESULT = 2  # realised since the day began, units
RESULT_DAY = 3
MAX_LOSS = 4
MAX_NOTIONAL = 5
# a position
POSITION = 0  # lots bought less lots sold
COST = 1  # what the position cost, or brought where it is short, units of the quote
OPEN_BUYS = 2  # lots of orders that live
OPEN_SELLS = 3
KIN = 4  # reduce-only orders that stand: first slot << 32 | last slot, by order id
MAX_ORDER = 5  # lots
MAX_POSITION = 6  # lots
LINE = 8
# of `more`: the neighbours of a reduce-only order, and whether it is among them; pairs
KIN_BEFORE = 0
KIN_AFTER = 1
IS_KIN = 2
IS_PAIRED = 3  # of the leg of a pair: both stand, and hold together what the larger one would


@dataclass(frozen=True)
class Money:
    """What an engine with accounts knows of money.

    accounts  how many, the house with them
    assets    how many
    books     of each book: (base, quote, units of the base a lot, units of the quote one tick of one lot)
    raises    ValueError where these are out of their range
    """

    accounts: int
    assets: int
    books: Sequence[tuple[int, int, int, int]]

    def __post_init__(self) -> None:
        if not 2 <= self.accounts <= 2**24 or not 2 <= self.assets <= 2**16:
            raise ValueError(f"{self.accounts} accounts and {self.assets} assets; expected 2 .. {2**24} and 2 .. {2**16}")
        for base, quote, lot_units, value in self.books:
            if not (0 <= base < self.assets and 0 <= quote < self.assets and base != quote and 0 < lot_units <= MAX_UNITS and 0 < value <= MAX_UNITS):
                raise ValueError(f"a book of asset {base} for {quote}, {lot_units} units a lot, {value} a tick of a lot: two of {self.assets} assets, both above 0")

    @property
    def words(self) -> int:
        return self.accounts * (ACCOUNT_WORDS + LINE * (self.assets + len(self.books))) + self.assets + 2 * TIERS


def found(arena: npt.NDArray[np.int64], money: Money) -> None:
    """Lay out the accounts of an arena that has room for them. Raises ValueError where a book's highest price would not fit."""
    if len(money.books) != arena[BOOKS]:
        raise ValueError(f"money for {len(money.books)} books; expected {arena[BOOKS]}")
    at = int(arena[AT_ACCOUNTS])
    arena[ACCOUNTS], arena[ASSETS] = money.accounts, money.assets
    for header, words in (
        (AT_BALANCES, ACCOUNT_WORDS * money.accounts),
        (AT_POSITIONS, LINE * money.accounts * money.assets),
        (AT_SUPPLY, LINE * money.accounts * len(money.books)),
        (AT_TIERS, money.assets),
    ):
        at += words
        arena[header] = at
    for book, (base, quote, lot_units, value) in enumerate(money.books):
        line = AT_BOOKS + BOOK_WORDS * book
        if (int(arena[line + LOWEST]) + TICKS) * value > MAX_UNITS:
            raise ValueError(f"book {book}: one lot at its highest price is worth 2**62 units or more")
        arena[line + BASE], arena[line + QUOTE], arena[line + LOT_UNITS], arena[line + VALUE] = base, quote, lot_units, value


def ledger(arena: npt.NDArray[np.int64]) -> Ledger:
    """A copy of the accounts of an arena."""
    accounts, assets, books = (int(arena[where]) for where in (ACCOUNTS, ASSETS, BOOKS))
    at = [int(arena[where]) for where in (AT_ACCOUNTS, AT_BALANCES, AT_POSITIONS, AT_SUPPLY, AT_TIERS)]
    positions = arena[at[2] : at[3]].copy().view(POSITIONS).reshape(accounts, books)
    positions["kin"] = 0
    return Ledger(
        arena[at[0] : at[1]].copy().view(ACCOUNT),
        arena[at[1] : at[2]].copy().view(BALANCE).reshape(accounts, assets),
        positions,
        arena[at[3] : at[4]].copy(),
        arena[at[4] : at[4] + 2 * TIERS].copy().reshape(TIERS, 2),
        int(arena[ALL_KILLED]),
    )


def enter(arena: npt.NDArray[np.int64], rows: Ledger) -> None:
    """Put accounts into an arena without orders: what open orders held is free until they stand again.

    raises  ValueError where they can't be the accounts of such an arena
    """
    shapes = [(int(arena[ACCOUNTS]),), (int(arena[ACCOUNTS]), int(arena[ASSETS])), (int(arena[ACCOUNTS]), int(arena[BOOKS])), (int(arena[ASSETS]),), (TIERS, 2)]
    found = [part.shape for part in rows[:5]]
    if found != shapes:
        raise ValueError(f"accounts, balances, positions, supply and tiers of {found}; expected {shapes}")
    free, locked = rows.balances["free"], rows.balances["locked"]
    if min(free.min(), locked.min()) < 0 or ((free + locked).sum(axis=0) != rows.supply).any() or rows.supply.max() > MAX_UNITS:
        raise ValueError("what all accounts own is not what was paid in: no such state can be")
    if not ((rows.accounts["tier"] >= 0) & (rows.accounts["tier"] < TIERS)).all() or not ((rows.tiers >= 0) & (rows.tiers <= 1_000_000)).all():
        raise ValueError("a fee tier that is not there, or of more than all: no such state can be")
    if not ((rows.accounts["master"] >= 0) & (rows.accounts["master"] < arena[ACCOUNTS])).all():
        raise ValueError("an account of a master that is not there: no such state can be")
    at = [int(arena[where]) for where in (AT_ACCOUNTS, AT_BALANCES, AT_POSITIONS, AT_SUPPLY, AT_TIERS)]
    accounts, balances, positions = rows.accounts.copy(), rows.balances.copy(), rows.positions.copy()
    accounts["orders"], positions["buys"], positions["sells"], positions["kin"] = 0, 0, 0, 0
    balances["free"] += balances["locked"]
    balances["locked"] = 0
    for start, part in zip(at, (accounts, balances, positions, rows.supply, rows.tiers), strict=True):
        words = np.ascontiguousarray(part).view(np.int64).ravel()
        filled = np.flatnonzero(words)  # memory that was never used stays untouched
        arena[start + filled] = words[filled]
    arena[ALL_KILLED] = rows.killed


def account_row(arena: npt.NDArray[np.int64], account: int) -> tuple[np.void, npt.NDArray[np.void], npt.NDArray[np.void]]:
    """(ACCOUNT, BALANCE[assets], POSITION[books]) of one account: copies; counts and results of times that are over are 0."""
    assets, books = int(arena[ASSETS]), int(arena[BOOKS])
    parts = []
    for start, words in ((AT_ACCOUNTS, ACCOUNT_WORDS), (AT_BALANCES, LINE * assets), (AT_POSITIONS, LINE * books)):
        at = int(arena[start]) + words * account
        parts.append(arena[at : at + words].copy())
    row, balances, positions = parts[0].view(ACCOUNT)[0], parts[1].view(BALANCE), parts[2].view(POSITIONS)
    row["in_these_ten"] *= row["these_ten"] == arena[TEN_SECONDS]
    row["in_this_day"] *= row["this_day"] == arena[TODAY]
    balances["result"] *= balances["result_day"] == arena[TODAY]
    positions["kin"] = 0
    return row, balances, positions


def fees_of(arena: npt.NDArray[np.int64], account: int) -> tuple[int, int]:
    """(maker, taker) ppm of an account."""
    tier = int(arena[int(arena[AT_ACCOUNTS]) + ACCOUNT_WORDS * account + TIER])
    at = int(arena[AT_TIERS]) + 2 * tier
    return int(arena[at]), int(arena[at + 1])


@inlined
def account_line(arena, account):  # type: ignore[no-untyped-def]
    """Where the words of an account are."""
    return arena[U(AT_ACCOUNTS)] + ACCOUNT_WORDS * account


@inlined
def balance_line(arena, account, asset):  # type: ignore[no-untyped-def]
    """Where the words of a balance are."""
    return arena[U(AT_BALANCES)] + LINE * (account * arena[U(ASSETS)] + asset)


@inlined
def position_line(arena, account, book):  # type: ignore[no-untyped-def]
    """Where the words of a position are."""
    return arena[U(AT_POSITIONS)] + LINE * (account * arena[U(BOOKS)] + book)


@kernel
def hold(arena, account, book, sell, tick, lots):  # type: ignore[no-untyped-def]
    """So many lots more stand open, at this limit, and what they could cost is locked; below 0 they go, and it is free again."""
    line = AT_BOOKS + BOOK_WORDS * book
    if sell:
        units, asset = lots * arena[U(line + LOT_UNITS)], arena[U(line + BASE)]
    else:
        units, asset = lots * ((tick + arena[U(line + LOWEST)]) * arena[U(line + VALUE)]), arena[U(line + QUOTE)]
    balance = balance_line(arena, account, asset)
    arena[U(balance + FREE_UNITS)] -= units
    arena[U(balance + LOCKED_UNITS)] += units
    arena[U(position_line(arena, account, book) + OPEN_BUYS + sell)] += lots


@inlined
def terms(arena, slot):  # type: ignore[no-untyped-def]
    """(limit tick, lots) of an order that stands."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    if arena[U(order + TRAITS)] & 3 >= FALLING:
        return arena[U(order + HIDDEN)], arena[U(order + SHOWN)]
    return arena[U(order + OWNER)] & LOW, arena[U(order + SHOWN)] + arena[U(order + HIDDEN)]


@outlined
def bind(arena, slot, sign):  # type: ignore[no-untyped-def]
    """An order stands now (1), or does not any more (-1): what it holds, its account's count of orders, its place among its kin.

    An order that awaits another one's fill counts, and holds nothing.
    """
    order = arena[U(AT_ORDERS)] + 8 * slot
    traits, account = arena[U(order + TRAITS)], arena[U(order + OWNER)] >> 32
    book = (traits & LOW) >> 2
    arena[U(account_line(arena, account) + OPEN_ORDERS)] += sign
    if traits & AWAITING != 0:
        return
    tick, lots = terms(arena, slot)
    if lots != 0:
        hold(arena, account, book, sells(traits), tick, sign * lots)
    if traits & (REDUCE_ONLY << 56) != 0:
        if sign > 0:
            join_kin(arena, account, book, slot)
        else:
            leave_kin(arena, account, book, slot)


@inlined
def join_kin(arena, account, book, slot):  # type: ignore[no-untyped-def]
    """Among the reduce-only orders of its account's position, by its id: mostly the last."""
    orders, more = arena[U(AT_ORDERS)], arena[U(AT_MORE)]
    line = position_line(arena, account, book) + KIN
    before, after = arena[U(line)] & LOW, 0
    while before != 0 and arena[U(orders + 8 * before + ID)] > arena[U(orders + 8 * slot + ID)]:
        after, before = before, arena[U(more + 8 * before + KIN_BEFORE)]
    own = more + 8 * slot
    arena[U(own + KIN_BEFORE)], arena[U(own + KIN_AFTER)], arena[U(own + IS_KIN)] = before, after, 1
    first, last = arena[U(line)] >> 32, arena[U(line)] & LOW
    if before == 0:
        first = slot
    else:
        arena[U(more + 8 * before + KIN_AFTER)] = slot
    if after == 0:
        last = slot
    else:
        arena[U(more + 8 * after + KIN_BEFORE)] = slot
    arena[U(line)] = (first << 32) | last


@inlined
def leave_kin(arena, account, book, slot):  # type: ignore[no-untyped-def]
    """Out of them, where it is among them."""
    more = arena[U(AT_MORE)]
    own = more + 8 * slot
    if arena[U(own + IS_KIN)] != 0:
        line = position_line(arena, account, book) + KIN
        before, after = arena[U(own + KIN_BEFORE)], arena[U(own + KIN_AFTER)]
        first, last = arena[U(line)] >> 32, arena[U(line)] & LOW
        if before == 0:
            first = after
        else:
            arena[U(more + 8 * before + KIN_AFTER)] = after
        if after == 0:
            last = before
        else:
            arena[U(more + 8 * after + KIN_BEFORE)] = before
        arena[U(line)] = (first << 32) | last
        arena[U(own + IS_KIN)] = 0


@inlined
def product(a, b):  # type: ignore[no-untyped-def]
    """a * b of two numbers not below 0; -1 where it is above MAX_UNITS."""
    if float(a) * float(b) > 6e18:  # 2**62 and a third: below it the product fits in an int64
        return -1
    return a * b if a * b <= MAX_UNITS else -1
