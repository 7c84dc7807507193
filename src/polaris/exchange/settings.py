"""What the operator sets: rules of books, limits, tiers and fees of accounts, and who may not trade any more."""

from polaris.domain.kernel import inlined, outlined
from polaris.exchange.accounts import (
    KILLED_FLAG,
    LINE,
    MASTER,
    MAX_LOSS,
    MAX_NOTIONAL,
    MAX_OPEN_ORDERS,
    MAX_ORDER,
    MAX_POSITION,
    PER_DAY,
    PER_SECOND,
    PER_TEN_SECONDS,
    TIER,
    TIERS,
    account_line,
    balance_line,
    position_line,
)
from polaris.exchange.arena import (
    ACCOUNTS,
    ALL_KILLED,
    ASSETS,
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_TIERS,
    BANDED,
    BOOK_WORDS,
    BOOKS,
    FILTERED,
    LOW,
    LOWEST,
    RULE,
    WATCH,
)
from polaris.exchange.bits import U
from polaris.exchange.telling import reject, tell
from polaris.exchange.words import (
    BAD_ACCOUNT,
    BAD_OPERATION,
    BAD_SETTING,
    BAND_INTERRUPTS,
    BAND_PPM,
    KILL,
    LIMIT_DAY,
    LIMIT_LOSS,
    LIMIT_LOTS,
    LIMIT_MASTER,
    LIMIT_NOTIONAL,
    LIMIT_ORDERS,
    LIMIT_POSITION,
    LIMIT_SECOND,
    LIMIT_TEN_SECONDS,
    LOT_STEP,
    MAX_LOTS,
    MAX_QUANTITY,
    MAX_UNITS,
    MIN_LOTS,
    MIN_NOTIONAL,
    NO_SUCH_ASSET,
    NO_SUCH_BOOK,
    REFERENCE_PRICE,
    SETTING,
    TICKS,
)


@inlined
def told(arena, commands, at, events, n, which):  # type: ignore[no-untyped-def]
    """Tell that a setting was taken: as the command said."""
    word = commands[U(at)]
    head = SETTING | (word >> 32 << 32)
    return tell(arena, events, n, head, commands[U(at + 1)], commands[U(at + 6)] & LOW, commands[U(at + 2)], which, word & 0xFF)


@outlined
def set_rule(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """A rule of a book, or of all."""
    book, which, value = commands[U(at)] >> 32, commands[U(at + 4)], commands[U(at + 2)]
    if book < -1 or book >= arena[U(BOOKS)]:
        return reject(arena, commands, at, events, n, NO_SUCH_BOOK)
    start, end = (0, arena[U(BOOKS)]) if book == -1 else (book, book + 1)
    for one in range(start, end):
        lowest = arena[U(AT_BOOKS + BOOK_WORDS * one + LOWEST)]
        if not lawful(which, value, lowest):
            return reject(arena, commands, at, events, n, BAD_SETTING)
    for one in range(start, end):
        line = AT_BOOKS + BOOK_WORDS * one
        arena[U(line + RULE + which)] = value
        if which == BAND_PPM:
            arena[U(line + WATCH)] = (arena[U(line + WATCH)] & ~BANDED) | (BANDED if value != 0 else 0)
        arena[U(line + FILTERED)] = 0
        for rule in (MIN_LOTS, MAX_LOTS, LOT_STEP, MIN_NOTIONAL):
            if arena[U(line + RULE + rule)] != 0:
                arena[U(line + FILTERED)] = 1
    return told(arena, commands, at, events, n, which)


@inlined
def lawful(which, value, lowest):  # type: ignore[no-untyped-def]
    """Whether a book can have such a rule."""
    if which == BAND_PPM:
        return 0 <= value <= 1_000_000
    if which == REFERENCE_PRICE:
        return value == 0 or lowest <= value < lowest + TICKS
    if which == BAND_INTERRUPTS:
        return value == 0 or value == 1
    if which == MIN_NOTIONAL:
        return 0 <= value <= MAX_UNITS
    return (which == MIN_LOTS or which == MAX_LOTS or which == LOT_STEP) and 0 <= value <= MAX_QUANTITY


@outlined
def set_limit(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """A limit of an account, or of all but the house."""
    account, where = commands[U(at + 6)] & LOW, commands[U(at)] >> 32
    which, value = commands[U(at + 4)], commands[U(at + 2)]
    if arena[U(AT_ACCOUNTS)] == 0:
        return reject(arena, commands, at, events, n, BAD_OPERATION)
    if account >= arena[U(ACCOUNTS)]:
        return reject(arena, commands, at, events, n, BAD_ACCOUNT)
    if which < LIMIT_LOTS or which > LIMIT_MASTER or value < 0 or value > MAX_UNITS or (which == LIMIT_SECOND and value > 1_000_000_000):
        return reject(arena, commands, at, events, n, BAD_SETTING)
    if which == LIMIT_MASTER and (account == 0 or value >= arena[U(ACCOUNTS)] or value == account or arena[U(account_line(arena, value) + MASTER)] != 0):
        return reject(arena, commands, at, events, n, BAD_SETTING)
    of_books, of_assets = which == LIMIT_LOTS or which == LIMIT_POSITION, which == LIMIT_NOTIONAL or which == LIMIT_LOSS
    places = arena[U(BOOKS)] if of_books else arena[U(ASSETS)] if of_assets else 0
    if (of_books or of_assets) and (where < -1 or where >= places):
        return reject(arena, commands, at, events, n, NO_SUCH_BOOK if of_books else NO_SUCH_ASSET)
    first, last = (0, places) if where == -1 else (where, where + 1)
    start, end = (1, arena[U(ACCOUNTS)]) if account == 0 else (account, account + 1)
    for one in range(start, end):
        if of_books:
            word = position_line(arena, one, 0) + (MAX_ORDER if which == LIMIT_LOTS else MAX_POSITION)
        elif of_assets:
            word = balance_line(arena, one, 0) + (MAX_NOTIONAL if which == LIMIT_NOTIONAL else MAX_LOSS)
        else:
            arena[U(account_line(arena, one) + word_of(which))] = value
            continue
        for place in range(first, last):
            arena[U(word + LINE * place)] = value
    return told(arena, commands, at, events, n, which)


@inlined
def word_of(which):  # type: ignore[no-untyped-def]
    """Where an account's own limit is in its words."""
    if which == LIMIT_ORDERS:
        return MAX_OPEN_ORDERS
    if which == LIMIT_SECOND:
        return PER_SECOND
    if which == LIMIT_TEN_SECONDS:
        return PER_TEN_SECONDS
    return PER_DAY if which == LIMIT_DAY else MASTER


@outlined
def set_tier(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """The fee tier of an account."""
    account, tier = commands[U(at + 6)] & LOW, commands[U(at + 3)]
    if arena[U(AT_ACCOUNTS)] == 0:
        return reject(arena, commands, at, events, n, BAD_OPERATION)
    if account == 0 or account >= arena[U(ACCOUNTS)]:
        return reject(arena, commands, at, events, n, BAD_ACCOUNT)
    if tier < 0 or tier >= TIERS:
        return reject(arena, commands, at, events, n, BAD_SETTING)
    arena[U(account_line(arena, account) + TIER)] = tier
    return told(arena, commands, at, events, n, tier)


@outlined
def set_fee(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """What a tier pays, millionths of what is received."""
    tier, maker, taker = commands[U(at + 1)], commands[U(at + 2)], commands[U(at + 3)]
    if arena[U(AT_ACCOUNTS)] == 0:
        return reject(arena, commands, at, events, n, BAD_OPERATION)
    if tier < 0 or tier >= TIERS or maker < 0 or maker > 1_000_000 or taker < 0 or taker > 1_000_000:
        return reject(arena, commands, at, events, n, BAD_SETTING)
    line = arena[U(AT_TIERS)] + 2 * tier
    arena[U(line)], arena[U(line + 1)] = maker, taker
    return told(arena, commands, at, events, n, taker)


@outlined
def set_killed(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """KILL and REVIVE: whether an account, or all, may open anything; told, or refused."""
    account, killed = commands[U(at + 6)] & LOW, 1 if commands[U(at)] & 0xFF == KILL else 0
    if arena[U(AT_ACCOUNTS)] == 0:
        return reject(arena, commands, at, events, n, BAD_OPERATION)
    if account >= arena[U(ACCOUNTS)]:
        return reject(arena, commands, at, events, n, BAD_ACCOUNT)
    if account == 0:
        arena[U(ALL_KILLED)] = killed
    else:
        arena[U(account_line(arena, account) + KILLED_FLAG)] = killed
    return told(arena, commands, at, events, n, 0)
