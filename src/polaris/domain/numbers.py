"""Exact numbers: prices in ticks, quantities in lots, money in the currency's smallest unit, time in nanoseconds.

All are integers below 2**63. A venue's text becomes an integer without passing through a float, and a digit that
would be lost is an error, never a rounding. A model's float becomes a price in one place only (`desk.execution`).
"""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NewType

from polaris.domain.errors import UnreadableNumber

Ticks = NewType("Ticks", int)  # price: one tick is 10**-price_decimals of the quote currency
Lots = NewType("Lots", int)  # quantity: one lot is 10**-quantity_decimals of the base currency
Money = NewType("Money", int)  # 10**-MONEY_DECIMALS of a currency
Nanos = NewType("Nanos", int)  # UTC, since 1970

MONEY_DECIMALS = 8  # one unit of money is 1e-8 of its currency: cents of a satoshi-sized dollar, 92 billion at most
MAX_INT = 2**63 - 1

EXACT = Context(prec=76, traps=[Inexact, InvalidOperation])  # the default context would round at 28 digits


def scaled(text: str, decimals: int, what: str = "number") -> int:
    """Read a decimal text as an integer of 10**-decimals.

    text      as the venue wrote it: "65432.10", "2.181E-7"
    decimals  0..18
    what      names the thing in the error
    returns   int, |.| < 2**63; "65432.10" at 2 decimals is 6543210
    raises    UnreadableNumber where a digit would be lost, the text is no finite number, or it does not fit
    """
    whole, _, part = text.partition(".")
    if part.isdigit() and whole.isdigit() and text.isascii():  # the common case, without Decimal
        if len(part) > decimals:
            if part[decimals:].strip("0"):
                raise UnreadableNumber(text, what, decimals)
            part = part[:decimals]
        value: int = int(whole + part) * 10 ** (decimals - len(part))
    else:
        try:
            value = int(EXACT.to_integral_exact(EXACT.scaleb(EXACT.create_decimal(text), decimals)))
        except (ArithmeticError, ValueError, OverflowError) as cause:
            raise UnreadableNumber(text, what, decimals) from cause
        if "_" in text or text.strip() != text or not text.isascii():
            raise UnreadableNumber(text, what, decimals)
    if abs(value) > MAX_INT:
        raise UnreadableNumber(text, what, decimals)
    return value


def text(value: int, decimals: int, *, trim: bool = False) -> str:
    """Write an integer of 10**-decimals as decimal text: 6543210 at 2 is "65432.10", trimmed "65432.1"."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    if decimals <= 0:
        return f"{sign}{value * 10**-decimals}"
    digits = str(value).rjust(decimals + 1, "0")
    whole, part = digits[:-decimals], digits[-decimals:]
    if trim:
        part = part.rstrip("0")
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"


def decimals_of(increment: str) -> int:
    """How many decimals a venue's increment text needs: "0.01000000" is 2, "1" is 0, "1e-8" is 8."""
    try:
        number = Decimal(increment)
        if not number.is_finite() or number <= 0:
            raise UnreadableNumber(increment, "increment", 18)
    except InvalidOperation as cause:
        raise UnreadableNumber(increment, "increment", 18) from cause
    exponent = number.normalize().as_tuple().exponent
    return max(0, -int(exponent))
