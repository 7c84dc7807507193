"""Plain requests read byte by byte: a whole turn's texts of one session become commands, notes and what their answers need.

Understood is an `order.place` of a limit or market order with nothing else about it, and an `order.cancel` of one order, whatever the order of
their fields. A text is understood whole or not at all, and nothing is refused here: an escape, a field twice or one too many, a number that is no
plain one, a price between two ticks or outside of its book leave the text to the long way, which knows what to say about it.

`fields` finds where each one's value stands; they are read once all are known, for a price needs the book, and the book may come last.
"""

from typing import Final

import numpy as np

from polaris.domain.kernel import inlined, kernel
from polaris.domain.orders import BUY, SELL
from polaris.exchange.bits import U
from polaris.exchange.gateway.binance.fields import (
    F_FORMER,
    F_ID,
    F_METHOD,
    F_NAME,
    F_ORDER,
    F_PARAMS,
    F_PRICE,
    F_QUANTITY,
    F_RESPONSE,
    F_SIDE,
    F_SYMBOL,
    F_TIME,
    F_TIMESTAMP,
    F_TYPE,
    F_WINDOW,
    LOST,
    QUOTE,
    ZERO,
    expect,
    find_fields,
)
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

_ALWAYS: Final = 1 << F_ID | 1 << F_METHOD | 1 << F_PARAMS | 1 << F_SYMBOL | 1 << F_TIMESTAMP
_AT_WILL: Final = 1 << F_WINDOW | 1 << F_NAME
_OF_PLACE: Final = 1 << F_SIDE | 1 << F_TYPE | 1 << F_QUANTITY
_SHAPE: Final = 1 << F_PRICE | 1 << F_TIME

_POWERS = 10 ** np.arange(MOST_DIGITS + 1)
_POINT: Final = 46
_LETTER = np.zeros(256, np.uint8)
_LETTER[letters("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/")] = 1
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
        _clear(commands, notes, asked, i)
        seen = find_fields(data, begin, end, spans)
        if seen & _ALWAYS == _ALWAYS:
            what = _read(data, seen, symbols, figures, spans, commands, notes, asked, i)
            if what == NOT_UNDERSTOOD:
                _clear(commands, notes, asked, i)
            else:
                asked[U(i), WHAT] = what
                understood += 1
                nameless += notes[U(i), NAME] == 0
        begin = end
    return understood, nameless


@inlined
def _clear(commands, notes, asked, i):  # type: ignore[no-untyped-def]
    """Make a text's rows say nothing."""
    for word in range(COMMAND_WORDS):
        commands[U(i), U(word)] = 0
        notes[U(i), U(word)] = 0
    for word in range(ASKED):
        asked[U(i), U(word)] = 0


# what the fields say


@inlined
def _read(data, seen, symbols, figures, spans, commands, notes, asked, i):  # type: ignore[no-untyped-def]
    """Write one text's rows, the fields of which are found; what it asks, or NOT_UNDERSTOOD."""
    at, end = wide(spans[F_SYMBOL, 0]) + 1, wide(spans[F_SYMBOL, 1]) - 1
    if end == at or end - at > LONGEST_SYMBOL:
        return NOT_UNDERSTOOD
    book = find_book(symbols, _word(data, at, end), _word(data, at + WORD, end), _word(data, at + 2 * WORD, end))
    made = _number(data, wide(spans[F_TIMESTAMP, 0]), wide(spans[F_TIMESTAMP, 1]))
    window = DEFAULT_WINDOW
    if seen & 1 << F_WINDOW:
        window = _number(data, wide(spans[F_WINDOW, 0]), wide(spans[F_WINDOW, 1]))
    whose, whose_end = wide(spans[F_ID, 0]), wide(spans[F_ID, 1])
    if book < 0 or made < 0 or made > MOST_MS or window < 1 or window > LONGEST_WINDOW or whose_end - whose > LONGEST_ID:
        return NOT_UNDERSTOOD
    if data[U(whose)] != QUOTE and _number(data, whose, whose_end) == LOST:
        return NOT_UNDERSTOOD
    if seen & 1 << F_NAME and not _name(data, wide(spans[F_NAME, 0]) + 1, wide(spans[F_NAME, 1]) - 1, notes, i, NAME):
        return NOT_UNDERSTOOD
    asked[U(i), MADE], asked[U(i), WINDOW], asked[U(i), ID_AT], asked[U(i), ID_END] = made, window, whose, whose_end
    notes[U(i), ORIGIN_WORD] = ORIGIN
    at, end = wide(spans[F_METHOD, 0]), wide(spans[F_METHOD, 1])
    if expect(data, at, end, _ORDER_PLACE) == end:
        return _read_place(data, seen, figures, spans, commands, asked, i, book)
    if expect(data, at, end, _ORDER_CANCEL) == end:
        return _read_cancel(data, seen, spans, commands, asked, i, book)
    return NOT_UNDERSTOOD


@inlined
def _read_place(data, seen, figures, spans, commands, asked, i, book):  # type: ignore[no-untyped-def]
    if seen & _OF_PLACE != _OF_PLACE or seen & ~(_ALWAYS | _AT_WILL | _OF_PLACE | _SHAPE | 1 << F_RESPONSE):
        return NOT_UNDERSTOOD
    sent = _text(data, spans, F_SIDE)
    side = BUY if sent == _BUY else SELL if sent == _SELL else 0
    sent = _text(data, spans, F_TYPE)
    order_type, time, response = MARKET if sent == _MARKET else LIMIT, LOST, FULL
    if sent == _LIMIT and seen & _SHAPE == _SHAPE:
        sent = _text(data, spans, F_TIME)
        time = GTC if sent == _GTC else IOC if sent == _IOC else FOK if sent == _FOK else LOST
    elif sent == _MARKET and seen & _SHAPE == 0:
        time = IOC
    elif seen & _SHAPE == 1 << F_PRICE and expect(data, wide(spans[F_TYPE, 0]), wide(spans[F_TYPE, 1]), _LIMIT_MAKER) == spans[F_TYPE, 1]:
        time, response = POST_ONLY, ACK
    if seen & 1 << F_RESPONSE:
        sent = _text(data, spans, F_RESPONSE)
        response = FULL if sent == _FULL else RESULT if sent == _RESULT else ACK if sent == _ACK else 0
    if side == 0 or time == LOST or response == 0:
        return NOT_UNDERSTOOD
    price = 0
    if order_type == LIMIT:
        low = wide(figures[U(book), LOWEST])
        price = _steps(data, spans, F_PRICE, wide(figures[U(book), PRICE_DECIMALS]), wide(figures[U(book), TICK]), low, low + TICKS - 1)
    low, high = wide(figures[U(book), LEAST]), wide(figures[U(book), MOST])
    quantity = _steps(data, spans, F_QUANTITY, wide(figures[U(book), QUANTITY_DECIMALS]), wide(figures[U(book), LOT]), low, high)
    if price == LOST or quantity == LOST:
        return NOT_UNDERSTOOD
    commands[U(i), TRAITS] = SUBMIT | order_type << 8 | time << 16 | (side & 255) << 24 | book << 32
    commands[U(i), PRICE], commands[U(i), QUANTITY] = price, quantity
    asked[U(i), RESPONSE] = response
    return PLACE


@inlined
def _read_cancel(data, seen, spans, commands, asked, i, book):  # type: ignore[no-untyped-def]
    named = seen & 1 << F_FORMER
    if seen & ~(_ALWAYS | _AT_WILL | 1 << F_FORMER | 1 << F_ORDER) or (named != 0) == (seen & 1 << F_ORDER != 0):
        return NOT_UNDERSTOOD
    if named:
        if not _name(data, wide(spans[F_FORMER, 0]) + 1, wide(spans[F_FORMER, 1]) - 1, asked, i, FORMER):
            return NOT_UNDERSTOOD
    else:
        order_id = _number(data, wide(spans[F_ORDER, 0]), wide(spans[F_ORDER, 1]))
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
        digit = wide(data[U(at)]) - ZERO
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
            digit = wide(data[U(at)]) - ZERO
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
    if end - at > MOST_DIGITS or end == at or (data[U(at)] == ZERO and end - at > 1):
        return LOST
    value = 0
    for place in range(at, end):
        value = value * 10 + wide(data[U(place)]) - ZERO
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
