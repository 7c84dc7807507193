"""Which prices hold orders: a bitmap of 2**22 ticks in four levels of 64-bit words, to find the next one in a few instructions.

A bit of a leaf word says that its tick holds orders, a bit of a middle word that a leaf word is not 0, a bit of an upper word that a
middle word is not, a bit of the root that an upper word is not. All indices are into the arena; `at` is where a bitmap begins.
"""

from typing import Any

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from polaris.domain.kernel import JIT, inlined
from polaris.exchange.words import TICKS

MIDDLE = TICKS >> 6  # where the middle words begin
UPPER = MIDDLE + (TICKS >> 12)
ROOT = UPPER + (TICKS >> 18)
BITMAP_WORDS = -(-(ROOT + 1) // 8) * 8  # whole cache lines

tools: Any = cgutils  # its stubs do not know `ir`
U = np.uintp  # an index that can't be negative: no branch for it


def _compiled_trailing(typing: Any, word: Any) -> Any:
    """The processor's own count of the zero bits below the lowest set one."""

    def count(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], tools.true_bit)

    return types.int64(types.int64), count


def _compiled_leading(typing: Any, word: Any) -> Any:
    """The processor's own count of the zero bits above the highest set one."""

    def count(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], tools.true_bit)

    return types.int64(types.int64), count


def _trailing(word: Any) -> int:
    whole = int(word) & (2**64 - 1)
    return (whole & -whole).bit_length() - 1


def _leading(word: Any) -> int:
    return 64 - (int(word) & (2**64 - 1)).bit_length()


trailing_zeros: Any = intrinsic(_compiled_trailing) if JIT else _trailing  # of an int64 that is not 0
leading_zeros: Any = intrinsic(_compiled_leading) if JIT else _leading


@inlined
def mark(arena, at, tick):  # type: ignore[no-untyped-def]
    """Say that a tick holds orders."""
    tick = np.int64(tick)  # uncompiled, a bit shifted by 63 must stay a word
    leaf = tick >> 6
    word = arena[U(at + leaf)]
    arena[U(at + leaf)] = word | (1 << (tick & 63))
    if word == 0:
        arena[U(at + MIDDLE + (leaf >> 6))] |= 1 << (leaf & 63)
        arena[U(at + UPPER + (leaf >> 12))] |= 1 << ((leaf >> 6) & 63)
        arena[U(at + ROOT)] |= 1 << (leaf >> 12)


@inlined
def unmark(arena, at, tick):  # type: ignore[no-untyped-def]
    """Say that a tick holds none any more."""
    tick = np.int64(tick)
    leaf = tick >> 6
    word = arena[U(at + leaf)] & ~(1 << (tick & 63))
    arena[U(at + leaf)] = word
    if word == 0:
        middle = leaf >> 6
        word = arena[U(at + MIDDLE + middle)] & ~(1 << (leaf & 63))
        arena[U(at + MIDDLE + middle)] = word
        if word == 0:
            upper = middle >> 6
            word = arena[U(at + UPPER + upper)] & ~(1 << (middle & 63))
            arena[U(at + UPPER + upper)] = word
            if word == 0:
                arena[U(at + ROOT)] &= ~(1 << upper)


@inlined
def above(arena, at, tick):  # type: ignore[no-untyped-def]
    """The lowest marked tick above this one; TICKS where there is none."""
    tick = np.int64(tick)
    leaf = tick >> 6
    word = arena[U(at + leaf)] & ((-2) << (tick & 63))  # shifted by 63 it is 0
    if word == 0:
        middle = leaf >> 6
        word = arena[U(at + MIDDLE + middle)] & ((-2) << (leaf & 63))
        if word == 0:
            upper = middle >> 6
            word = arena[U(at + UPPER + upper)] & ((-2) << (middle & 63))
            if word == 0:
                word = arena[U(at + ROOT)] & ((-2) << upper)
                if word == 0:
                    return TICKS
                upper = trailing_zeros(word)
                word = arena[U(at + UPPER + upper)]
            middle = (upper << 6) + trailing_zeros(word)
            word = arena[U(at + MIDDLE + middle)]
        leaf = (middle << 6) + trailing_zeros(word)
        word = arena[U(at + leaf)]
    return (leaf << 6) + trailing_zeros(word)


@inlined
def below(arena, at, tick):  # type: ignore[no-untyped-def]
    """The highest marked tick below this one; -1 where there is none."""
    tick = np.int64(tick)
    leaf = tick >> 6
    word = arena[U(at + leaf)] & ~((-1) << (tick & 63))
    if word == 0:
        middle = leaf >> 6
        word = arena[U(at + MIDDLE + middle)] & ~((-1) << (leaf & 63))
        if word == 0:
            upper = middle >> 6
            word = arena[U(at + UPPER + upper)] & ~((-1) << (middle & 63))
            if word == 0:
                word = arena[U(at + ROOT)] & ((1 << upper) - 1)
                if word == 0:
                    return -1
                upper = 63 - leading_zeros(word)
                word = arena[U(at + UPPER + upper)]
            middle = (upper << 6) + 63 - leading_zeros(word)
            word = arena[U(at + MIDDLE + middle)]
        leaf = (middle << 6) + 63 - leading_zeros(word)
        word = arena[U(at + leaf)]
    return (leaf << 6) + 63 - leading_zeros(word)
