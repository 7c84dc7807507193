"""Arithmetic the kernels share, with the same bits on every machine.

Integers: products that outgrow 64 bits are divided through 128. Floats: only + - * / and sqrt, which IEEE 754 fixes
to the last bit; `exp` is ours because the C library's differs between machines, and parity must not.
"""

from decimal import Decimal

import numpy as np

from polaris.domain.kernel import kernel

HALF = 2**62
MOST = 2**63 - 1


@kernel
def mul_divmod(a, b, c):  # type: ignore[no-untyped-def]
    """(floor(a * b / c), a * b mod c), exact though the product may need 126 bits.

    a, b     int64 >= 0
    c        int64 > 0
    returns  (int64, int64); (-1, 0) where the quotient does not fit in 63 bits or an argument is out of its range
    """
    if a < 0 or b < 0 or c <= 0:
        return -1, 0
    if a > b:
        a, b = b, a
    if a == 0:
        return 0, 0
    if b <= MOST // a:  # the product fits
        product = a * b
        quotient = product // c
        return quotient, product - quotient * c
    # a's bits from the top: double what we have, add b where the bit is set; the remainder never leaves [0, c)
    whole, part = b // c, b % c
    quotient, remainder = 0, 0
    bit = 62
    while (a >> bit) & 1 == 0:
        bit -= 1
    while bit >= 0:
        if quotient >= HALF:
            return -1, 0
        quotient += quotient
        if remainder >= c - remainder:
            remainder -= c - remainder
            quotient += 1
        else:
            remainder += remainder
        if (a >> bit) & 1:
            carry = 1 if remainder >= c - part else 0
            if quotient > MOST - whole - carry:
                return -1, 0
            quotient += whole + carry
            remainder += part - c if carry else part
        bit -= 1
    return quotient, remainder


@kernel
def mul_div(a, b, c):  # type: ignore[no-untyped-def]
    """floor(a * b / c) as int64; -1 where `mul_divmod` can't."""
    return mul_divmod(a, b, c)[0]


@kernel
def mul_div_up(a, b, c):  # type: ignore[no-untyped-def]
    """ceil(a * b / c) as int64; -1 where `mul_divmod` can't, or the last unit does not fit."""
    quotient, remainder = mul_divmod(a, b, c)
    if remainder > 0:
        return quotient + 1 if quotient < MOST else -1
    return quotient


LOG2E = 1.4426950408889634
LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
STEPS = 128  # table entries between two powers of two
ROOTS = np.array([float(Decimal(2) ** (Decimal(j) / STEPS)) for j in range(STEPS)])  # 2**(j / STEPS), by decimal: no library pow
POWERS = np.array([2.0**k for k in range(-1022, 1024)])


@kernel
def exp(x):  # type: ignore[no-untyped-def]
    """e**x within 2 units in the last place, from + and * alone.

    x        float64
    returns  float64; 0 below -708 and for what is no number, e**709 above 709
    Source: argument reduction by ln(2) / 128 in two parts (Tang 1989), Taylor series to r**5 on |r| <= ln(2) / 256.
    """
    if not x >= -708.0:
        return 0.0
    if x > 709.0:
        x = 709.0
    n = int(x * (STEPS * LOG2E) + (0.5 if x >= 0.0 else -0.5))
    r = (x - n * (LN2_HIGH / STEPS)) - n * (LN2_LOW / STEPS)
    square = r * r
    series = r + square * ((0.5 + r * (1.0 / 6.0)) + square * (1.0 / 24.0 + r * (1.0 / 120.0)))
    root = ROOTS[n & (STEPS - 1)]
    return (root + root * series) * POWERS[(n >> 7) + 1022]


@kernel
def sigmoid(x):  # type: ignore[no-untyped-def]
    """1 / (1 + e**-x), float64 in (0, 1)."""
    return 1.0 / (1.0 + exp(-x))
