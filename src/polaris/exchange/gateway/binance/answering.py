"""Answers to plain requests written byte by byte: whole frames of a turn, one after the other, ready to be sent.

What is written is what `reports` writes, to the byte: of an order that was taken, with what it traded at once (ACK, RESULT or FULL, as it was asked
for), of an order its owner cancelled. Such orders are nothing but limit and market orders: no list, trigger, iceberg or strategy, no other way with their
owner's own orders.
"""

from typing import Final

import numpy as np

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.bits import U
from polaris.exchange.gateway.binance.reports import EXPIRIES, NO_LIQUIDITY
from polaris.exchange.gateway.binance.scanning import (
    ACK,
    CANCEL_ONE,
    FULL,
    ID_AT,
    ID_END,
    NAME,
    PLACE,
    PRICE,
    QUANTITY,
    RESPONSE,
    TRAITS,
    WHAT,
)
from polaris.exchange.gateway.binance.tables import (
    AMOUNT_DECIMALS,
    ASSET_WORDS,
    BASE_DECIMALS,
    BASE_NAME,
    LOT,
    NAME_WORDS,
    PRICE_DECIMALS,
    PRICE_SHOWN,
    QUANTITY_DECIMALS,
    QUANTITY_SHOWN,
    QUOTE_NAME,
    SYMBOL_WORDS,
    TICK,
    VALUE,
    WORD,
    letters,
    wide,
)
from polaris.exchange.gateway.orders import EXPIRED, FILLED, NEW, PARTIALLY_FILLED
from polaris.exchange.words import FOK, IOC, LIMIT, NOT_FILLABLE, POST_ONLY, PRICE_BAND, REMAINDER

ORDER_ID: Final = 1  # a COMMAND's word

# int64[n, IMAGE]: what became of the orders
FORMER_NAME: Final = 0  # NAME_WORDS: what a cancelled one was called before
SHAPE: Final = 5  # of a cancelled one, as a COMMAND's TRAITS
IMAGE_PRICE: Final = 6  # ticks
IMAGE_QUANTITY: Final = 7  # lots
EXECUTED: Final = 8  # lots
PAID: Final = 9  # ticks times lots
STATE: Final = 10
FILLS_FROM: Final = 11  # of a new one, where its fills begin
FILLS_TO: Final = 12
WHY: Final = 13  # of a new one that expired, the reason (words.py)
IMAGE: Final = 14
FILL_WORDS: Final = 4  # int64[k, FILL_WORDS]: price in ticks, lots, fee in units of what was received, trade id
MOST_FILLS: Final = 200  # of one answer: a frame's header says up to 65,535 bytes
LONGEST_FILL: Final = 256  # bytes

LONGEST: Final = 1024  # bytes of a frame without its limits

_SHORT: Final = 126  # bytes of a text from which its size takes two bytes more
_HEADER: Final = 4
_POWERS = 10 ** np.arange(19)
_POINT, _ZERO, _COMMA, _BRACKET, _CLOSE = 46, 48, 44, 93, 125
_HALF: Final = 2**32 - 1

_HEAD = letters('{"id":')
_SYMBOL = letters(',"status":200,"result":{"symbol":"')
_FORMER_ID = letters('","origClientOrderId":"')
_ORDER = letters('","orderId":')
_CLIENT_ID = letters(',"orderListId":-1,"clientOrderId":"')
_TIME = letters('","transactTime":')
_PRICE = letters(',"price":"')
_QUANTITY = letters('","origQty":"')
_EXECUTED = letters('","executedQty":"')
_NONE_PAID = letters('0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"')
_PAID = letters('","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"')
_NEW, _CANCELED = letters('","status":"NEW'), letters('","status":"CANCELED')
_GTC, _IOC, _FOK = letters('","timeInForce":"GTC'), letters('","timeInForce":"IOC'), letters('","timeInForce":"FOK')
_LIMIT, _MARKET, _MAKER = letters('","type":"LIMIT'), letters('","type":"MARKET'), letters('","type":"LIMIT_MAKER')
_BUY, _SELL = letters('","side":"BUY"'), letters('","side":"SELL"')
_FILLED, _PARTLY, _EXPIRED = letters('","status":"FILLED'), letters('","status":"PARTIALLY_FILLED'), letters('","status":"EXPIRED')
_FILL_PRICE, _FILL_LOTS, _COMMISSION = letters('{"price":"'), letters('","qty":"'), letters('","commission":"')
_ASSET, _TRADE = letters('","commissionAsset":"'), letters('","tradeId":')
_WORKING, _FILLS, _PREVENTION = letters(',"workingTime":'), letters(',"fills":['), letters(',"selfTradePreventionMode":"NONE"')
_REASON, _QUOTE = letters(',"expiryReason":"'), letters('"')
_NO_LIQUIDITY, _IOC_ENDED = letters(NO_LIQUIDITY), letters(EXPIRIES[REMAINDER])
_NOT_FILLABLE, _BEYOND = letters(EXPIRIES[NOT_FILLABLE]), letters(EXPIRIES[PRICE_BAND])


@kernel
def answer(data, asked, commands, notes, times, images, fills, figures, writes, limits, placing, out, ends):  # type: ignore[no-untyped-def]
    """Write the frames that answer n requests.

    data, asked, commands, notes   what `scan` read and wrote, the commands with their order ids
    times    int64[n]: when it was done, as the asker wants it told
    images   int64[n, IMAGE]: what became of each; fewer where the others are new orders that rest
    fills    int64[k, FILL_WORDS]: what new orders traded
    figures  `tables`
    writes   bool[n]: which of them to write
    limits   uint8[< 60,000]: `,"rateLimits":[...]` of new orders, `placing` bytes of it, and behind it of cancels; both may be empty
    out      uint8[>= n * (LONGEST + limits) + k * LONGEST_FILL]
    ends     int64[>= n]: where the frame of each ends
    returns  bytes written; -1 - i where the ith can't be answered: it was not understood, or a cancel has no image
    """
    at = 0
    for i in range(writes.size):
        if writes[U(i)]:
            what = asked[U(i), WHAT]
            if what != PLACE and (what != CANCEL_ONE or i >= images.shape[0]):
                return -1 - i
            begin = at
            at = _write(data, asked, commands, notes, times, images, fills, figures, out, at + _HEADER, i)
            if what == PLACE:
                at = _copy(limits, 0, placing, out, at)
            else:
                at = _copy(limits, placing, limits.size, out, at)
            out[U(at)] = _CLOSE
            at = _framed(out, begin, at + 1)
        ends[U(i)] = at
    return at


@inlined
def _framed(out, begin, end):  # type: ignore[no-untyped-def]
    """Put its header before a text that stands _HEADER bytes behind `begin`; where the frame ends."""
    size = end - begin - _HEADER
    out[U(begin)] = 0x81
    if size < _SHORT:
        out[U(begin + 1)] = size
        for i in range(begin + 2, end - 2):
            out[U(i)] = out[U(i + 2)]
        return end - 2
    out[U(begin + 1)] = _SHORT
    out[U(begin + 2)] = size >> 8
    out[U(begin + 3)] = size & 255
    return end


@inlined
def _write(data, asked, commands, notes, times, images, fills, figures, out, at, i):  # type: ignore[no-untyped-def]
    """The text of one answer up to its limits."""
    places = asked[U(i), WHAT] == PLACE
    traits = wide(commands[U(i), TRAITS]) if places else wide(images[U(i), SHAPE])
    price = wide(commands[U(i), PRICE]) if places else wide(images[U(i), IMAGE_PRICE])
    quantity = wide(commands[U(i), QUANTITY]) if places else wide(images[U(i), IMAGE_QUANTITY])
    book = traits >> 32
    at = _copy(data, wide(asked[U(i), ID_AT]), wide(asked[U(i), ID_END]), out, put(out, at, _HEAD))
    at = put(out, at, _SYMBOL)
    for word in range(SYMBOL_WORDS):
        at = put_word(out, at, wide(figures[U(book), U(word)]))
    if not places:
        at = put(out, at, _FORMER_ID)
        for word in range(NAME_WORDS):
            at = put_word(out, at, wide(images[U(i), U(FORMER_NAME + word)]))
    at = put_integer(out, put(out, at, _ORDER), wide(commands[U(i), ORDER_ID]))
    at = put(out, at, _CLIENT_ID)
    for word in range(NAME_WORDS - 1):
        at = put_word(out, at, wide(notes[U(i), U(NAME + word)]))
    at = put_word(out, at, wide(notes[U(i), U(NAME + NAME_WORDS - 1)]) & _HALF)
    at = put_integer(out, put(out, at, _TIME), wide(times[U(i)]))
    if places and asked[U(i), RESPONSE] == ACK:
        out[U(at)] = _CLOSE
        return at + 1
    tick, price_decimals, price_shown = wide(figures[U(book), TICK]), wide(figures[U(book), PRICE_DECIMALS]), wide(figures[U(book), PRICE_SHOWN])
    lot, lot_decimals, lots_shown = wide(figures[U(book), LOT]), wide(figures[U(book), QUANTITY_DECIMALS]), wide(figures[U(book), QUANTITY_SHOWN])
    at = put_decimal(out, put(out, at, _PRICE), price * tick, price_decimals, price_shown)
    at = put_decimal(out, put(out, at, _QUANTITY), quantity * lot, lot_decimals, lots_shown)
    known = i < images.shape[0]
    executed = wide(images[U(i), EXECUTED]) if known else 0
    paid = wide(images[U(i), PAID]) if known else 0
    state = wide(images[U(i), STATE]) if known else NEW
    at = put_decimal(out, put(out, at, _EXECUTED), executed * lot, lot_decimals, lots_shown)
    at = put_decimal(out, put(out, at, _PAID), paid * wide(figures[U(book), VALUE]), wide(figures[U(book), AMOUNT_DECIMALS]), price_shown)
    if not places:
        at = put(out, at, _CANCELED)
    elif state == FILLED:
        at = put(out, at, _FILLED)
    elif state == PARTIALLY_FILLED:
        at = put(out, at, _PARTLY)
    elif state == EXPIRED:
        at = put(out, at, _EXPIRED)
    else:
        at = put(out, at, _NEW)
    order_type, time = traits >> 8 & 255, traits >> 16 & 255
    if order_type == LIMIT and time == IOC:
        at = put(out, at, _IOC)
    elif order_type == LIMIT and time == FOK:
        at = put(out, at, _FOK)
    else:
        at = put(out, at, _GTC)
    if order_type != LIMIT:
        at = put(out, at, _MARKET)
    elif time == POST_ONLY:
        at = put(out, at, _MAKER)
    else:
        at = put(out, at, _LIMIT)
    at = put(out, at, _BUY) if traits >> 24 & 255 == 1 else put(out, at, _SELL)
    if places:
        at = put_integer(out, put(out, at, _WORKING), wide(times[U(i)]))
        if asked[U(i), RESPONSE] == FULL:
            at = put(out, at, _FILLS)
            first = wide(images[U(i), FILLS_FROM]) if known else 0
            after = wide(images[U(i), FILLS_TO]) if known else 0
            buys = traits >> 24 & 255 == 1
            asset, fee_decimals = (BASE_NAME, wide(figures[U(book), BASE_DECIMALS])) if buys else (QUOTE_NAME, wide(figures[U(book), AMOUNT_DECIMALS]))
            for fill in range(first, after):
                if fill > first:
                    out[U(at)] = _COMMA
                    at += 1
                at = put_decimal(out, put(out, at, _FILL_PRICE), wide(fills[U(fill), 0]) * tick, price_decimals, price_shown)
                at = put_decimal(out, put(out, at, _FILL_LOTS), wide(fills[U(fill), 1]) * lot, lot_decimals, lots_shown)
                at = put_decimal(out, put(out, at, _COMMISSION), wide(fills[U(fill), 2]), fee_decimals, lots_shown if buys else price_shown)
                at = put(out, at, _ASSET)
                for word in range(ASSET_WORDS):
                    at = put_word(out, at, wide(figures[U(book), U(asset + word)]))
                at = put_integer(out, put(out, at, _TRADE), wide(fills[U(fill), 3]))
                out[U(at)] = _CLOSE
                at += 1
            out[U(at)] = _BRACKET
            at += 1
    at = put(out, at, _PREVENTION)
    if places and state == EXPIRED:
        at = put(out, at, _REASON)
        why = wide(images[U(i), WHY])
        if why == NOT_FILLABLE:
            at = put(out, at, _NOT_FILLABLE)
        elif why == PRICE_BAND:
            at = put(out, at, _BEYOND)
        elif order_type == LIMIT:
            at = put(out, at, _IOC_ENDED)
        else:
            at = put(out, at, _NO_LIQUIDITY)
        at = put(out, at, _QUOTE)
    out[U(at)] = _CLOSE
    return at + 1


# every one of these gives the position behind what it wrote


@inlined
def put(out, at, text):  # type: ignore[no-untyped-def]
    """A text, uint8[n]."""
    for i in range(text.size):
        out[U(at + i)] = text[i]
    return at + text.size


@inlined
def _copy(text, begin, end, out, at):  # type: ignore[no-untyped-def]
    for i in range(begin, end):
        out[U(at + i - begin)] = text[U(i)]
    return at + end - begin


@inlined
def put_word(out, at, word):  # type: ignore[no-untyped-def]
    """A word of `tables`: its bytes to the first zero."""
    while word != 0:
        out[U(at)] = word & 255
        word >>= WORD
        at += 1
    return at


@inlined
def put_integer(out, at, value):  # type: ignore[no-untyped-def]
    """A number that is not negative, in digits."""
    digits = digits_of(value)
    put_digits(out, at + digits, digits, value)
    return at + digits


@inlined
def put_decimal(out, at, value, decimals, shown):  # type: ignore[no-untyped-def]
    """A number of 10**-decimals with `shown` decimals, which are no fewer and at least one."""
    whole = max(1, digits_of(value) - decimals)
    end = at + whole + 1 + shown
    for place in range(end - shown + decimals, end):
        out[U(place)] = _ZERO
    value = put_digits(out, at + whole + 1 + decimals, decimals, value)
    out[U(at + whole)] = _POINT
    put_digits(out, at + whole, whole, value)
    return end


@inlined
def put_digits(out, end, digits, value):  # type: ignore[no-untyped-def]
    """The last digits of a number, up to `end`; what stands before them."""
    for place in range(digits):
        rest = value // 10
        out[U(end - 1 - place)] = _ZERO + value - 10 * rest
        value = rest
    return value


@inlined
def digits_of(value):  # type: ignore[no-untyped-def]
    """How many digits a number has that is not negative."""
    digits = 1
    while digits < 19 and value >= _POWERS[U(digits)]:
        digits += 1
    return digits
