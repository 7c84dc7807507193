"""Dice: raw words of a seeded generator, and what is made of them with the same bits on every machine.

The words come from NumPy's Philox, whose raw stream never changes; a kernel takes them one after the other from a ring that is
filled between its calls. Logarithms are ours, from integers, tables and + - * /: the C library's differ between machines.
"""

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.domain.exact import exp
from polaris.domain.kernel import inlined, kernel
from polaris.exchange.bits import U, leading_zeros

AT = 0  # words taken
FILLED = 1  # words filled
WORDS = 8  # where the ring begins

LN2 = float(Decimal(2).ln())
LOGS = np.array([float((1 + Decimal(j) / 128).ln()) for j in range(128)])
HALVES = 2.0**-53
NORMAL_BITS = 60


class Dice:
    """A seed's words, as a kernel takes them.

    seed  any int >= 0
    room  words of the ring, a power of two
    """

    def __init__(self, seed: int, room: int) -> None:
        self._generator = np.random.Philox(seed)
        self._room = room
        self.words: npt.NDArray[np.int64] = np.zeros(WORDS + room, np.int64)
        self.fill()

    def fill(self) -> None:
        """Make all words of the ring new ones that were taken; the rest stay."""
        taken, filled = int(self.words[AT]), int(self.words[FILLED])
        fresh: Any = self._generator.random_raw(max(0, taken + self._room - filled))
        places = np.arange(filled, filled + len(fresh)) & (self._room - 1)
        self.words[WORDS + places] = fresh.view(np.int64)
        self.words[FILLED] = filled + len(fresh)


@inlined
def left(dice):  # type: ignore[no-untyped-def]
    """Words that can be taken before the ring must be filled."""
    return dice[U(FILLED)] - dice[U(AT)]


@inlined
def word(dice):  # type: ignore[no-untyped-def]
    """64 random bits."""
    at = dice[U(AT)]
    dice[U(AT)] = at + 1
    return dice[U(WORDS + (at & (dice.size - WORDS - 1)))]


@inlined
def uniform(dice):  # type: ignore[no-untyped-def]
    """float64 in [0, 1)."""
    return ((word(dice) >> 11) & (2**53 - 1)) * HALVES


@kernel
def one(dice):  # type: ignore[no-untyped-def]
    """`uniform`, for plain Python."""
    return uniform(dice)


@inlined
def below(dice, n):  # type: ignore[no-untyped-def]
    """0 .. n - 1; n below 2**31."""
    return (((word(dice) >> 33) & (2**31 - 1)) * n) >> 31


@kernel
def ln(n):  # type: ignore[no-untyped-def]
    """Natural logarithm of an int64 above 0, within 2 units in the last place of max(1, ln n)."""
    zeros = leading_zeros(n)
    scaled = n << (zeros - 1)  # its highest bit is bit 62
    j = (scaled >> 55) & 127
    centre = 1.0 + j / 128.0
    r = (scaled * 2.0**-62 - centre) / centre  # 0 .. 1/128
    series = r * (1.0 - r * (0.5 - r * (1.0 / 3.0 - r * (0.25 - r * (0.2 - r * (1.0 / 6.0 - r * (1.0 / 7.0)))))))
    return (63 - zeros) * LN2 + (LOGS[j] + series)


@kernel
def log(x):  # type: ignore[no-untyped-def]
    """Natural logarithm of a float64 in 1e-6 .. 1e6, to about 1e-12."""
    return ln(int(x * 2.0**40)) - 40.0 * LN2


@kernel
def exponential(dice):  # type: ignore[no-untyped-def]
    """An exponential deviate of mean 1."""
    bits = (word(dice) >> 1) & (2**63 - 1)
    return 63.0 * LN2 - ln(max(bits, 1))


@kernel
def normal(dice):  # type: ignore[no-untyped-def]
    """A standard normal deviate: Marsaglia's polar method on integers."""
    while True:
        bits = word(dice)
        x, y = bits >> 33, (bits << 31) >> 33
        square = x * x + y * y
        if 0 < square < 1 << NORMAL_BITS:
            return x * np.sqrt(2.0 * (NORMAL_BITS * LN2 - ln(square)) / square)


@kernel
def pareto(dice, tail, least, most):  # type: ignore[no-untyped-def]
    """least * u**(-1 / tail), at most `most`."""
    return min(most, least * exp(min(40.0, exponential(dice) / tail)))
