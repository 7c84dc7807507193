"""Where the fields of a plain request stand in its bytes: JSON in any order with any white space, each field at most once.

Known are the fields of `order.place` and `order.cancel` that a plain one may have; whatever else stands in a text, it is not understood. Only what
stands for itself is: printable ASCII without an escape, digits without a sign. From LOST every step leads to LOST.
"""

from typing import Final

import numpy as np

from polaris.domain.kernel import inlined
from polaris.exchange.bits import U
from polaris.exchange.gateway.binance.tables import letters, wide

LOST: Final = -1

# fields: texts, from F_TIMESTAMP on numbers
F_ID, F_METHOD, F_PARAMS = 0, 1, 2
F_SYMBOL, F_SIDE, F_TYPE, F_TIME, F_QUANTITY, F_PRICE, F_NAME, F_RESPONSE, F_FORMER = 3, 4, 5, 6, 7, 8, 9, 10, 11
F_TIMESTAMP, F_WINDOW, F_ORDER = 12, 13, 14
SPANS: Final = 15  # int64[SPANS, 2]: where each of them begins and ends

QUOTE, ZERO = 34, 48
_COMMA, _COLON, _BACKSLASH, _OPEN, _CLOSE = 44, 58, 92, 123, 125
_PLAIN = np.zeros(256, np.uint8)  # bytes of a text that stand for themselves
_PLAIN[32:127] = 1
_PLAIN[[QUOTE, _BACKSLASH]] = 0

_KEY_ID, _KEY_METHOD, _KEY_PARAMS = letters('id"'), letters('method"'), letters('params"')
_KEY_SYMBOL, _KEY_SIDE, _KEY_TYPE, _KEY_TIME = letters('symbol"'), letters('side"'), letters('type"'), letters('timeInForce"')
_KEY_QUANTITY, _KEY_PRICE, _KEY_NAME = letters('quantity"'), letters('price"'), letters('newClientOrderId"')
_KEY_RESPONSE, _KEY_FORMER = letters('newOrderRespType"'), letters('origClientOrderId"')
_KEY_TIMESTAMP, _KEY_WINDOW, _KEY_ORDER = letters('timestamp"'), letters('recvWindow"'), letters('orderId"')
_D, _I, _M, _N, _O, _P, _Q, _R, _S, _T, _Y, _UPPER_C, _UPPER_I = (ord(letter) for letter in "dimnopqrstyCI")


@inlined
def find_fields(data, at, end, spans):  # type: ignore[no-untyped-def]
    """Write down where every field's value stands; the bits of those that are there, 0 where the text is not understood."""
    seen = 0
    at = mark(data, blank(data, at, end), end, _OPEN)
    going = True
    while going:
        at = mark(data, blank(data, at, end), end, QUOTE)
        sign = byte(data, at, end)
        if sign == _I:
            field, at = F_ID, expect(data, at, end, _KEY_ID)
        elif sign == _M:
            field, at = F_METHOD, expect(data, at, end, _KEY_METHOD)
        else:
            field, at = F_PARAMS, expect(data, at, end, _KEY_PARAMS)
        at = blank(data, mark(data, blank(data, at, end), end, _COLON), end)
        if at == LOST or seen & 1 << field:
            return 0
        seen |= 1 << field
        if field == F_PARAMS:
            at, seen = _find_params(data, at, end, seen, spans)
        else:
            spans[U(field), 0] = at
            at = digits_end(data, at, end) if field == F_ID and byte(data, at, end) != QUOTE else text_end(data, at, end)
            spans[U(field), 1] = at
        at = blank(data, at, end)
        going = byte(data, at, end) == _COMMA
        at = at + 1 if going else mark(data, at, end, _CLOSE)
        if at == LOST:
            return 0
    return seen if blank(data, at, end) == end else 0


@inlined
def _find_params(data, at, end, seen, spans):  # type: ignore[no-untyped-def]
    """(position behind the parameters, the bits with theirs)."""
    at = mark(data, at, end, _OPEN)
    going = True
    while going:
        at = mark(data, blank(data, at, end), end, QUOTE)
        field, at = _param(data, at, end)
        at = blank(data, mark(data, blank(data, at, end), end, _COLON), end)
        if at == LOST or seen & 1 << field:
            return LOST, 0
        seen |= 1 << field
        spans[U(field), 0] = at
        at = digits_end(data, at, end) if field >= F_TIMESTAMP else text_end(data, at, end)
        spans[U(field), 1] = at
        at = blank(data, at, end)
        going = byte(data, at, end) == _COMMA
        at = at + 1 if going else mark(data, at, end, _CLOSE)
        if at == LOST:
            return LOST, 0
    return at, seen


@inlined
def _param(data, at, end):  # type: ignore[no-untyped-def]
    """(the number of the parameter whose name stands there, the position behind its closing quote)."""
    sign, second = byte(data, at, end), byte(data, at + 1, end)
    if sign == _S:
        return (F_SYMBOL, expect(data, at, end, _KEY_SYMBOL)) if second == _Y else (F_SIDE, expect(data, at, end, _KEY_SIDE))
    if sign == _T:
        if second == _Y:
            return F_TYPE, expect(data, at, end, _KEY_TYPE)
        if byte(data, at + 4, end) == _UPPER_I:
            return F_TIME, expect(data, at, end, _KEY_TIME)
        return F_TIMESTAMP, expect(data, at, end, _KEY_TIMESTAMP)
    if sign == _P:
        return F_PRICE, expect(data, at, end, _KEY_PRICE)
    if sign == _Q:
        return F_QUANTITY, expect(data, at, end, _KEY_QUANTITY)
    if sign == _N:
        if byte(data, at + 3, end) == _UPPER_C:
            return F_NAME, expect(data, at, end, _KEY_NAME)
        return F_RESPONSE, expect(data, at, end, _KEY_RESPONSE)
    if sign == _R:
        return F_WINDOW, expect(data, at, end, _KEY_WINDOW)
    if sign == _O and byte(data, at + 2, end) == _D:
        return F_ORDER, expect(data, at, end, _KEY_ORDER)
    return F_FORMER, expect(data, at, end, _KEY_FORMER)


# words of JSON: from LOST every one of them leads to LOST


@inlined
def byte(data, at, end):  # type: ignore[no-untyped-def]
    """The byte there, 0 where the text is over or lost."""
    if at < 0 or at >= end:
        return 0
    return wide(data[U(at)])


@inlined
def blank(data, at, end):  # type: ignore[no-untyped-def]
    """The position behind JSON's white space, if there is any."""
    if at >= 0:
        while at < end and data[U(at)] <= 32 and (data[U(at)] == 32 or data[U(at)] == 10 or data[U(at)] == 13 or data[U(at)] == 9):
            at += 1
    return at


@inlined
def mark(data, at, end, sign):  # type: ignore[no-untyped-def]
    """The position behind one byte, which must be `sign`."""
    if at < 0 or at >= end or data[U(at)] != sign:
        return LOST
    return at + 1


@inlined
def expect(data, at, end, word):  # type: ignore[no-untyped-def]
    """The position behind `word` (uint8[n]), which must stand there."""
    if at < 0 or at + word.size > end:
        return LOST
    for i in range(word.size):
        if data[U(at + i)] != word[i]:
            return LOST
    return at + word.size


@inlined
def text_end(data, at, end):  # type: ignore[no-untyped-def]
    """The position behind a text in quotes: printable ASCII that stands for itself."""
    at = mark(data, at, end, QUOTE)
    if at == LOST:
        return LOST
    while at < end and _PLAIN[U(wide(data[U(at)]))] != 0:
        at += 1
    return mark(data, at, end, QUOTE)


@inlined
def digits_end(data, at, end):  # type: ignore[no-untyped-def]
    """The position behind digits, at least one."""
    begin = at
    while at >= 0 and at < end and data[U(at)] >= ZERO and data[U(at)] <= ZERO + 9:
        at += 1
    return at if at > begin else LOST
