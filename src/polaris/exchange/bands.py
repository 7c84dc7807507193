"""The price band of a book: how far from the reference price, or the last trade, its trades may be.

The band stands still while a command is done: its trades, and what they fire, do not move it.
"""

from polaris.domain.kernel import inlined, outlined
from polaris.exchange.arena import AT_BOOKS, BAND_HIGH, BAND_LOW, BANDED, BOOK_WORDS, LAST, LOWEST, RULE, WATCH
from polaris.exchange.bits import U
from polaris.exchange.telling import endmost, tell
from polaris.exchange.words import AUCTION, BAND_INTERRUPTS, BAND_PPM, PHASE, PRICE_BAND, REFERENCE_PRICE, TICKS


@inlined
def centre(arena, book):  # type: ignore[no-untyped-def]
    """Before a command: which ticks may trade in it, where the book has a band."""
    line = AT_BOOKS + BOOK_WORDS * book
    if arena[U(line + WATCH)] & BANDED != 0:
        around = arena[U(line + RULE + REFERENCE_PRICE)] - arena[U(line + LOWEST)]
        if around < 0:
            around = arena[U(line + LAST)]
        arena[U(line + BAND_LOW)], arena[U(line + BAND_HIGH)] = 0, TICKS - 1
        if around >= 0:
            away = width(arena, book, around)
            arena[U(line + BAND_LOW)], arena[U(line + BAND_HIGH)] = around - away, around + away


@outlined
def width(arena, book, tick):  # type: ignore[no-untyped-def]
    """How many whole ticks the band is wide on each side of a tick."""
    line = AT_BOOKS + BOOK_WORDS * book
    price, ppm = tick + arena[U(line + LOWEST)], arena[U(line + RULE + BAND_PPM)]
    whole = price // 1_000_000
    return whole * ppm + (price - whole * 1_000_000) * ppm // 1_000_000  # the product of all would not fit into a word


@inlined
def worst(arena, book, trigger):  # type: ignore[no-untyped-def]
    """The limit, in ticks, of an order to buy at any price that waits for a trigger: as far from it as the price band, else the highest price."""
    if arena[U(AT_BOOKS + BOOK_WORDS * book + WATCH)] & BANDED == 0:
        return endmost(0)
    return min(trigger + width(arena, book, trigger), endmost(0))


@inlined
def banded(arena, book, sell, limit):  # type: ignore[no-untyped-def]
    """A limit, no farther than the band; one that nothing meets where the first trade would be beyond it on the other side."""
    line = AT_BOOKS + BOOK_WORDS * book
    if arena[U(line + WATCH)] & BANDED == 0:
        return limit
    low, high, best = arena[U(line + BAND_LOW)], arena[U(line + BAND_HIGH)], arena[U(line + 1 - sell)]
    if sell:
        return TICKS if best > high else max(limit, low)
    return -1 if best < low else min(limit, high)


@outlined
def held_back(arena, events, n, book, rests):  # type: ignore[no-untyped-def]
    """The band keeps an order from trading: returns (events told, why it must end or 0); the book's rule may call an auction."""
    line = AT_BOOKS + BOOK_WORDS * book
    if arena[U(line + RULE + BAND_INTERRUPTS)] == 0:
        return n, PRICE_BAND
    arena[U(line + WATCH)] |= AUCTION
    return tell(arena, events, n, PHASE | (book << 32), 0, 0, 0, AUCTION, 0), (0 if rests else PRICE_BAND)
