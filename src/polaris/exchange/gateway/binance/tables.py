"""A venue's books as integers, for compiled code: which book a symbol names, what it takes, how its numbers are written.

A text of plain ASCII is words of eight bytes, the first byte lowest, zeros behind its end. A book that does not fit, by its name or because
its numbers could leave 63 bits, is not in the table: whatever names it goes the way of plain Python.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import JIT, inlined
from polaris.domain.numbers import MAX_INT
from polaris.exchange.bits import U
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.words import TICKS

Table = npt.NDArray[np.int64]
wide: Any = np.int64 if JIT else int  # a number read from an array as one to count with
WORD: Final = 8  # bytes
SYMBOL_WORDS: Final = 3
NAME_WORDS: Final = 5  # of a client's name: 36 bytes

# int64[slots, SLOT], slots a power of two: the symbol and the book's number plus one, 0 where nothing is
BOOK: Final = SYMBOL_WORDS
SLOT: Final = SYMBOL_WORDS + 1

# int64[books, FIGURES]
SYMBOL_SIZE: Final = 3  # behind its words; 0 where the book is not in the table
PRICE_DECIMALS: Final = 4  # of a price as it is counted: TICK is the tick size times 10**PRICE_DECIMALS
TICK: Final = 5
LOWEST: Final = 6  # ticks
PRICE_SHOWN: Final = 7  # decimals of a price and an amount as they are written
QUANTITY_DECIMALS: Final = 8
LOT: Final = 9
LEAST: Final = 10  # lots
MOST: Final = 11
QUANTITY_SHOWN: Final = 12
AMOUNT_DECIMALS: Final = 13
VALUE: Final = 14  # of one tick of one lot, times 10**AMOUNT_DECIMALS
BASE_NAME: Final = 15  # ASSET_WORDS
QUOTE_NAME: Final = 17
BASE_DECIMALS: Final = 19
FIGURES: Final = 20
ASSET_WORDS: Final = 2

_FIRST: Final = 0x9E3779B97F4A7C1
_SECOND: Final = 0xBF58476D1CE4E5
_THIRD: Final = 0x94D049BB133111
_MASK: Final = 2**62 - 1


def packed(text: str) -> int:
    """A text of at most eight bytes as one word."""
    name = text.encode("ascii")
    if len(name) > WORD:
        raise ValueError(f"{text!r}: expected at most {WORD} bytes")
    return int.from_bytes(name, "little")


def letters(text: str) -> npt.NDArray[np.uint8]:
    """A text as compiled code compares and writes it."""
    return np.frombuffer(text.encode("ascii"), np.uint8)


def tables(books: Books) -> tuple[Table, Table]:
    """(symbols int64[slots, SLOT], figures int64[books, FIGURES]) of all books."""
    slots = 8
    while slots < 2 * len(books.figures):
        slots *= 2
    symbols, figures = np.zeros((slots, SLOT), np.int64), np.zeros((len(books.figures), FIGURES), np.int64)
    for book, each in enumerate(books.figures):
        if not _fits(each):
            continue
        name = each.symbol.encode()
        words = np.frombuffer(name.ljust(SYMBOL_WORDS * WORD, b"\0"), np.int64)
        slot = int(slot_of(int(words[0]), int(words[1]), int(words[2]))) & (slots - 1)
        while symbols[slot, BOOK]:
            slot = (slot + 1) & (slots - 1)
        symbols[slot] = *words, book + 1
        listing = each.listing
        base, quote = (np.frombuffer(asset.name.encode().ljust(ASSET_WORDS * WORD, b"\0"), np.int64) for asset in (listing.base, listing.quote))
        figures[book] = (
            *words, len(name), listing.price_decimals, listing._tick, listing.lowest, each.quote_decimals, listing.quantity_decimals, listing._lot,
            listing.min_lots, listing.max_lots, each.base_decimals, listing.quote.decimals, listing.value, *base, *quote, listing.base.decimals,
        )  # fmt: skip
    return symbols, figures


def _fits(figures: Figures) -> bool:
    symbol, listing = figures.symbol, figures.listing
    names = all(asset.name.isascii() and len(asset.name) <= ASSET_WORDS * WORD for asset in (listing.base, listing.quote))
    return symbol.isascii() and len(symbol) <= SYMBOL_WORDS * WORD and names and (listing.lowest + TICKS) * listing._tick <= MAX_INT and listing.max_lots * listing._lot <= MAX_INT


@inlined
def slot_of(first, second, third):  # type: ignore[no-untyped-def]
    """Where a symbol of these words is looked for first, once it is cut to the number of slots."""
    mixed = ((first * _FIRST) & _MASK) ^ ((second * _SECOND) & _MASK) ^ ((third * _THIRD) & _MASK)
    return mixed >> 31


@inlined
def find_book(symbols, first, second, third):  # type: ignore[no-untyped-def]
    """The number of the book of this symbol, -1 where there is none."""
    slot = slot_of(first, second, third) & (symbols.shape[0] - 1)
    while symbols[U(slot), BOOK] != 0:
        if symbols[U(slot), 0] == first and symbols[U(slot), 1] == second and symbols[U(slot), 2] == third:
            return wide(symbols[U(slot), BOOK]) - 1
        slot = (slot + 1) & (symbols.shape[0] - 1)
    return -1
