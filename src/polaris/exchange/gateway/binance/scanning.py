"""Plain requests read byte by byte: a whole turn's texts of one session become commands, notes and what their answers need.

Understood is an `order.place` of a limit or market order with nothing else about it, and an `order.cancel` of one order, whatever the order of
their fields. A text is understood whole or not at all, and nothing is refused here: an escape, a field twice or one too many, a number that is no
plain one, a price between two ticks or outside of its book leave the text to the long way, which knows what to say about it.

    spans    where each field's value stands in the text, by the field's number
    fields   are read from there once all are known: a price needs the book, and the book may come last
"""

from typing import Final

import numpy as np

from polaris.domain.kernel import inlined, kernel
from polaris.domain.orders import BUY, SELL
from polaris.exchange.bits import U
from polaris.exchange.gateway.binance.tables import (
    LEAST,
    LOT,
    LOWEST,
    MOST,
    NAME_WORDS,
    PRICE_DECIMALS,
    QUANTITY_DECIMALS,
    TICK,
    WORD,
    find_book,
    letters,
    packed,
    wide,
)
from polaris.exchange.words import CANCEL, FOK, GTC, IOC, LIMIT, MARKET, POST_ONLY, SUBMIT, TICKS

# int64[n, ASKED]: what each text asks
WHAT: Final = 0  # NOT_UNDERSTOOD, PLACE, CANCEL_ONE
MADE: Final = 1  # its timestamp, ms UTC
WINDOW: Final = 2  # its recvWindow, ms
ID_AT: Final = 3  # where its id stands in the data, quotes included
ID_END: Final = 4
RESPONSE: Final = 5  # of a new order: ACK, RESULT, FULL
ORDER_ID: Final = 6  # which order to cancel; 0 where it is named
FORMER: Final = 7  # its name, NAME_WORDS
ASKED: Final = FORMER + NAME_WORDS

NOT_UNDERSTOOD: Final = 0
PLACE: Final = 1
CANCEL_ONE: Final = 2

ACK: Final = 1
RESULT: Final = 2
FULL: Final = 3

# words of a COMMAND and a NOTE
COMMAND_WORDS: Final = 8
TRAITS: Final = 0  # operation, order type, time in force and side, a byte each; the book in the upper half
PRICE: Final = 2
QUANTITY: Final = 3
NOTE_WORDS: Final = 8
NAME: Final = 2  # NAME_WORDS, of the last the lower half
ORIGIN_WORD: Final = 7
ORIGIN: Final = 1 << 32  # this dialect's, `trading.ORIGIN`

LONGEST_WINDOW: Final = 60_000  # ms
DEFAULT_WINDOW: Final = 5_000
MOST_MS: Final = (2**63 - 1) // 1_000_000
LONGEST_ID: Final = 64  # bytes, quotes included
LONGEST_NAME: Final = 36
LONGEST_SYMBOL: Final = 24
MOST_DIGITS: Final = 18  # of a number: what surely fits into 63 bits
LONGEST_DECIMAL: Final = 20  # bytes
MOST_DECIMALS: Final = 8  # that are not 0

# fields, and their bits
_ID, _METHOD, _PARAMS = 0, 1, 2
_SYMBOL, _SIDE, _TYPE, _TIME, _QUANTITY, _PRICE, _NAME, _RESPONSE, _FORMER = 3, 4, 5, 6, 7, 8, 9, 10, 11
_TIMESTAMP, _WINDOW, _ORDER = 12, 13, 14  # numbers, the others are texts
SPANS: Final = 15
_ALWAYS: Final = 1 << _ID | 1 << _METHOD | 1 << _PARAMS | 1 << _SYMBOL | 1 << _TIMESTAMP
_AT_WILL: Final = 1 << _WINDOW | 1 << _NAME
_OF_PLACE: Final = 1 << _SIDE | 1 << _TYPE | 1 << _QUANTITY
_SHAPE: Final = 1 << _PRICE | 1 << _TIME

LOST: Final = -1
_POWERS = 10 ** np.arange(MOST_DIGITS + 1)
_QUOTE, _COMMA, _POINT, _ZERO, _COLON, _BACKSLASH, _OPEN, _CLOSE = 34, 44, 46, 48, 58, 92, 123, 125
_LETTER = np.zeros(256, np.uint8)
_LETTER[letters("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/")] = 1
_PLAIN = np.zeros(256, np.uint8)  # bytes of a text that stand for themselves
_PLAIN[32:127] = 1
_PLAIN[[_QUOTE, _BACKSLASH]] = 0

_KEY_ID, _KEY_METHOD, _KEY_PARAMS = letters('id"'), letters('method"'), letters('params"')
_KEY_SYMBOL, _KEY_SIDE, _KEY_TYPE, _KEY_TIME = letters('symbol"'), letters('side"'), letters('type"'), letters('timeInForce"')
_KEY_QUANTITY, _KEY_PRICE, _KEY_NAME = letters('quantity"'), letters('price"'), letters('newClientOrderId"')
_KEY_RESPONSE, _KEY_FORMER = letters('newOrderRespType"'), letters('origClientOrderId"')
_KEY_TIMESTAMP, _KEY_WINDOW, _KEY_ORDER = letters('timestamp"'), letters('recvWindow"'), letters('orderId"')
_D, _I, _M, _N, _O, _P, _Q, _R, _S, _T, _Y, _UPPER_C, _UPPER_I = (ord(letter) for letter in "dimnopqrstyCI")

_ORDER_PLACE, _ORDER_CANCEL = letters('"order.place"'), letters('"order.cancel"')
_BUY, _SELL = packed("BUY"), packed("SELL")
_LIMIT, _MARKET, _LIMIT_MAKER = packed("LIMIT"), packed("MARKET"), letters('"LIMIT_MAKER"')
_GTC, _IOC, _FOK = packed("GTC"), packed("IOC"), packed("FOK")
_ACK, _RESULT, _FULL = packed("ACK"), packed("RESULT"), packed("FULL")


@kernel
def scan(data, ends, symbols, figures, spans, commands, notes, asked):  # type: ignore[no-untyped-def]
    """Read n texts.

    data     uint8[bytes]: the texts, one after the other
    ends     int64[n]: where each of them ends
    symbols, figures   `tables`
    spans    int64[SPANS, 2] to work in
    commands int64[>= n, 8]: COMMAND rows; number, account, order id and what a cancel is about are left 0
    notes    int64[>= n, 8]: NOTE rows; when, which connection are left 0, and the name where none was sent
    asked    int64[>= n, ASKED]: the rows of what is not understood are 0 all over, as are their commands and notes
    returns  (how many are understood, how many of them name nothing: who wants a name gives them one)
    """
    understood = nameless = 0
    begin = 0
    for i in range(ends.size):
        end = wide(ends[U(i)])
        for word in range(COMMAND_WORDS):
            commands[U(i), U(word)] = 0
            notes[U(i), U(word)] = 0
        for word in range(ASKED):
            asked[U(i), U(word)] = 0
        seen = _find_fields(data, begin, end, spans)
        if seen & _ALWAYS == _ALWAYS:
            what = _read(data, seen, symbols, figures, spans, commands, notes, asked, i)
            if what == NOT_UNDERSTOOD:
                for word in range(COMMAND_WORDS):
                    commands[U(i), U(word)] = 0
                    notes[U(i), U(word)] = 0
                for word in range(ASKED):
                    asked[U(i), U(word)] = 0
            else:
                asked[U(i), WHAT] = what
                understood += 1
                nameless += notes[U(i), NAME] == 0
        begin = end
    return understood, nameless


# what the fields say


@inlined
def _read(data, seen, symbols, figures, spans, commands, notes, asked, i):  # type: ignore[no-untyped-def]
    """Write one text's rows, the fields of which are found; what it asks, or NOT_UNDERSTOOD."""
    at, end = wide(spans[_SYMBOL, 0]) + 1, wide(spans[_SYMBOL, 1]) - 1
    if end == at or end - at > LONGEST_SYMBOL:
        return NOT_UNDERSTOOD
    book = find_book(symbols, _word(data, at, end), _word(data, at + WORD, end), _word(data, at + 2 * WORD, end))
    made = _number(data, wide(spans[_TIMESTAMP, 0]), wide(spans[_TIMESTAMP, 1]))
    window = DEFAULT_WINDOW
    if seen & 1 << _WINDOW:
        window = _number(data, wide(spans[_WINDOW, 0]), wide(spans[_WINDOW, 1]))
    whose, whose_end = wide(spans[_ID, 0]), wide(spans[_ID, 1])
    if book < 0 or made < 0 or made > MOST_MS or window < 1 or window > LONGEST_WINDOW or whose_end - whose > LONGEST_ID:
        return NOT_UNDERSTOOD
    if data[U(whose)] != _QUOTE and _number(data, whose, whose_end) == LOST:
        return NOT_UNDERSTOOD
    if seen & 1 << _NAME and not _name(data, wide(spans[_NAME, 0]) + 1, wide(spans[_NAME, 1]) - 1, notes, i, NAME):
        return NOT_UNDERSTOOD
    asked[U(i), MADE], asked[U(i), WINDOW], asked[U(i), ID_AT], asked[U(i), ID_END] = made, window, whose, whose_end
    notes[U(i), ORIGIN_WORD] = ORIGIN
    at, end = wide(spans[_METHOD, 0]), wide(spans[_METHOD, 1])
    if expect(data, at, end, _ORDER_PLACE) == end:
        return _read_place(data, seen, figures, spans, commands, asked, i, book)
    if expect(data, at, end, _ORDER_CANCEL) == end:
        return _read_cancel(data, seen, spans, commands, asked, i, book)
    return NOT_UNDERSTOOD


@inlined
def _read_place(data, seen, figures, spans, commands, asked, i, book):  # type: ignore[no-untyped-def]
    if seen & _OF_PLACE != _OF_PLACE or seen & ~(_ALWAYS | _AT_WILL | _OF_PLACE | _SHAPE | 1 << _RESPONSE):
        return NOT_UNDERSTOOD
    sent = _text(data, spans, _SIDE)
    side = BUY if sent == _BUY else SELL if sent == _SELL else 0
    sent = _text(data, spans, _TYPE)
    order_type, time, response = MARKET if sent == _MARKET else LIMIT, LOST, FULL
    if sent == _LIMIT and seen & _SHAPE == _SHAPE:
        sent = _text(data, spans, _TIME)
        time = GTC if sent == _GTC else IOC if sent == _IOC else FOK if sent == _FOK else LOST
    elif sent == _MARKET and seen & _SHAPE == 0:
        time = IOC
    elif seen & _SHAPE == 1 << _PRICE and expect(data, wide(spans[_TYPE, 0]), wide(spans[_TYPE, 1]), _LIMIT_MAKER) == spans[_TYPE, 1]:
        time, response = POST_ONLY, ACK
    if seen & 1 << _RESPONSE:
        sent = _text(data, spans, _RESPONSE)
        response = FULL if sent == _FULL else RESULT if sent == _RESULT else ACK if sent == _ACK else 0
    if side == 0 or time == LOST or response == 0:
        return NOT_UNDERSTOOD
    price = 0
    if order_type == LIMIT:
        low = wide(figures[U(book), LOWEST])
        price = _steps(data, spans, _PRICE, wide(figures[U(book), PRICE_DECIMALS]), wide(figures[U(book), TICK]), low, low + TICKS - 1)
    low, high = wide(figures[U(book), LEAST]), wide(figures[U(book), MOST])
    quantity = _steps(data, spans, _QUANTITY, wide(figures[U(book), QUANTITY_DECIMALS]), wide(figures[U(book), LOT]), low, high)
    if price == LOST or quantity == LOST:
        return NOT_UNDERSTOOD
    commands[U(i), TRAITS] = SUBMIT | order_type << 8 | time << 16 | (side & 255) << 24 | book << 32
    commands[U(i), PRICE], commands[U(i), QUANTITY] = price, quantity
    asked[U(i), RESPONSE] = response
    return PLACE


@inlined
def _read_cancel(data, seen, spans, commands, asked, i, book):  # type: ignore[no-untyped-def]
    named = seen & 1 << _FORMER
    if seen & ~(_ALWAYS | _AT_WILL | 1 << _FORMER | 1 << _ORDER) or (named != 0) == (seen & 1 << _ORDER != 0):
        return NOT_UNDERSTOOD
    if named:
        if not _name(data, wide(spans[_FORMER, 0]) + 1, wide(spans[_FORMER, 1]) - 1, asked, i, FORMER):
            return NOT_UNDERSTOOD
    else:
        order_id = _number(data, wide(spans[_ORDER, 0]), wide(spans[_ORDER, 1]))
        if order_id < 1:
            return NOT_UNDERSTOOD
        asked[U(i), ORDER_ID] = order_id
    commands[U(i), TRAITS] = CANCEL | book << 32
    return CANCEL_ONE


@inlined
def _steps(data, spans, field, decimals, step, low, high):  # type: ignore[no-untyped-def]
    """A price in ticks or a quantity in lots, low .. high; LOST where it is none."""
    at, end = wide(spans[field, 0]) + 1, wide(spans[field, 1]) - 1
    if end - at > LONGEST_DECIMAL:
        return LOST
    kept = min(decimals, MOST_DECIMALS)  # a digit behind these must be 0
    value = whole = part = 0
    begin = at
    while at < end:
        digit = wide(data[U(at)]) - _ZERO
        if digit < 0 or digit > 9:
            break
        value = value * 10 + digit
        at += 1
    whole = at - begin
    if whole == 0 or whole + decimals > MOST_DIGITS:
        return LOST
    if at < end:
        if data[U(at)] != _POINT or at + 1 == end:
            return LOST
        at += 1
        while at < end:
            digit = wide(data[U(at)]) - _ZERO
            if digit < 0 or digit > 9 or (part == kept and digit != 0):
                return LOST
            if part < kept:
                value = value * 10 + digit
                part += 1
            at += 1
    value *= wide(_POWERS[U(decimals - part)])
    if step != 1:
        steps = value // step
        if steps * step != value:
            return LOST
        value = steps
    return value if value >= low and value <= high else LOST


@inlined
def _number(data, at, end):  # type: ignore[no-untyped-def]
    """A whole number of digits, LOST where it has too many or a zero in front."""
    if end - at > MOST_DIGITS or end == at or (data[U(at)] == _ZERO and end - at > 1):
        return LOST
    value = 0
    for place in range(at, end):
        value = value * 10 + wide(data[U(place)]) - _ZERO
    return value


@inlined
def _name(data, at, end, rows, i, column):  # type: ignore[no-untyped-def]
    """Write a client's name into a row; whether it is one."""
    if end == at or end - at > LONGEST_NAME:
        return False
    for place in range(at, end):
        if _LETTER[U(wide(data[U(place)]))] == 0:
            return False
    for word in range(NAME_WORDS):
        rows[U(i), U(column + word)] = _word(data, at + word * WORD, end)
    return True


@inlined
def _text(data, spans, field):  # type: ignore[no-untyped-def]
    """A field's text as a word; 0 where it has none or more than eight bytes."""
    at, end = wide(spans[field, 0]) + 1, wide(spans[field, 1]) - 1
    return _word(data, at, end) if end - at <= WORD else 0


@inlined
def _word(data, at, end):  # type: ignore[no-untyped-def]
    """At most eight bytes from `at`, none from `end` on."""
    word = 0
    for place in range(at, min(at + WORD, end)):
        word |= wide(data[U(place)]) << 8 * (place - at)
    return word


# where the fields are


@inlined
def _find_fields(data, at, end, spans):  # type: ignore[no-untyped-def]
    """Write down where every field's value stands; the bits of those that are there, 0 where the text is not understood."""
    seen = 0
    at = mark(data, blank(data, at, end), end, _OPEN)
    going = True
    while going:
        at = mark(data, blank(data, at, end), end, _QUOTE)
        sign = byte(data, at, end)
        if sign == _I:
            field, at = _ID, expect(data, at, end, _KEY_ID)
        elif sign == _M:
            field, at = _METHOD, expect(data, at, end, _KEY_METHOD)
        else:
            field, at = _PARAMS, expect(data, at, end, _KEY_PARAMS)
        at = blank(data, mark(data, blank(data, at, end), end, _COLON), end)
        if at == LOST or seen & 1 << field:
            return 0
        seen |= 1 << field
        if field == _PARAMS:
            at, seen = _find_params(data, at, end, seen, spans)
        else:
            spans[U(field), 0] = at
            at = digits_end(data, at, end) if field == _ID and byte(data, at, end) != _QUOTE else text_end(data, at, end)
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
        at = mark(data, blank(data, at, end), end, _QUOTE)
        field, at = _param(data, at, end)
        at = blank(data, mark(data, blank(data, at, end), end, _COLON), end)
        if at == LOST or seen & 1 << field:
            return LOST, 0
        seen |= 1 << field
        spans[U(field), 0] = at
        at = digits_end(data, at, end) if field >= _TIMESTAMP else text_end(data, at, end)
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
        return (_SYMBOL, expect(data, at, end, _KEY_SYMBOL)) if second == _Y else (_SIDE, expect(data, at, end, _KEY_SIDE))
    if sign == _T:
        if second == _Y:
            return _TYPE, expect(data, at, end, _KEY_TYPE)
        if byte(data, at + 4, end) == _UPPER_I:
            return _TIME, expect(data, at, end, _KEY_TIME)
        return _TIMESTAMP, expect(data, at, end, _KEY_TIMESTAMP)
    if sign == _P:
        return _PRICE, expect(data, at, end, _KEY_PRICE)
    if sign == _Q:
        return _QUANTITY, expect(data, at, end, _KEY_QUANTITY)
    if sign == _N:
        if byte(data, at + 3, end) == _UPPER_C:
            return _NAME, expect(data, at, end, _KEY_NAME)
        return _RESPONSE, expect(data, at, end, _KEY_RESPONSE)
    if sign == _R:
        return _WINDOW, expect(data, at, end, _KEY_WINDOW)
    if sign == _O and byte(data, at + 2, end) == _D:
        return _ORDER, expect(data, at, end, _KEY_ORDER)
    return _FORMER, expect(data, at, end, _KEY_FORMER)


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
    at = mark(data, at, end, _QUOTE)
    if at == LOST:
        return LOST
    while at < end and _PLAIN[U(wide(data[U(at)]))] != 0:
        at += 1
    return mark(data, at, end, _QUOTE)


@inlined
def digits_end(data, at, end):  # type: ignore[no-untyped-def]
    """The position behind digits, at least one."""
    begin = at
    while at >= 0 and at < end and data[U(at)] >= _ZERO and data[U(at)] <= _ZERO + 9:
        at += 1
    return at if at > begin else LOST
