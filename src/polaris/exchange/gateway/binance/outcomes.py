"""What became of a block of plain requests, from the register's changes to what their answers are written from.

A request is answered in compiled code where all that happened is what plain orders do: it was taken, traded, ended by its own terms, or was
cancelled alone. Whatever else came of it, a refusal among them, is left to the long way.
"""

from polaris.domain.kernel import kernel
from polaris.exchange import words as w
from polaris.exchange.bits import U
from polaris.exchange.gateway import register_changes as c
from polaris.exchange.gateway import register_memory as r
from polaris.exchange.gateway.binance.answering import (
    EXECUTED,
    FILLS_FROM,
    FILLS_TO,
    FORMER_NAME,
    IMAGE_PRICE,
    IMAGE_QUANTITY,
    MOST_FILLS,
    ORDER_ID,
    PAID,
    SHAPE,
    STATE,
    WHY,
)
from polaris.exchange.gateway.binance.scanning import CANCEL_ONE, PLACE, WHAT

_AT = c.IMAGE - c.IMAGE_FROM  # of a change, from a register's word of an order to where the change has it


@kernel
def outcomes(changes, seq, begin, unit, asked, commands, images, fills, times, writes):  # type: ignore[no-untyped-def]
    """Put together what the answers of a block are written from.

    changes  int64[k, CHANGE_WORDS]: of the block's commands
    seq      of its first command; begin  its first request
    unit     ns of the time that is told
    asked, commands   of the turn, as `scanning` has them
    images   int64[n, IMAGE], fills int64[>= k, FILL_WORDS], times int64[n], writes bool[n]: of the turn, zeros
    returns  (how many of the block's requests are to be written, fills)
    """
    written = filled = 0
    now, fits, heard = -1, False, 0
    for row in range(len(changes)):
        i = begin + changes[row, c.SEQ] - seq
        if i != now:
            now, fits, heard = i, True, 0
            times[U(i)] = changes[row, c.TS] // unit
        what, kind = asked[U(i), WHAT], changes[row, c.WHAT] & 255
        own = changes[row, c.OF] == commands[U(i), ORDER_ID]
        if what == PLACE and not own and changes[row, c.IS_ORDER] != 0:
            continue  # what it traded with
        heard += 1
        fits = fits and changes[row, c.IS_ORDER] != 0 and changes[row, _AT + r.SESSION] >> 32 == 0 and changes[row, _AT + r.PREVENTED_ID] == 0
        if what == PLACE:
            why = changes[row, c.WHAT] >> 8 & 255
            fits = fits and (kind == w.ACCEPTED or kind == w.FILL or (kind == w.EXPIRED and (why == w.REMAINDER or why == w.NOT_FILLABLE or why == w.PRICE_BAND)))
            if kind == w.EXPIRED:
                images[U(i), WHY] = why
            if kind == w.FILL:
                if images[U(i), FILLS_TO] == 0:
                    images[U(i), FILLS_FROM] = filled
                fills[filled, 0], fills[filled, 1] = changes[row, c.TRADE_PRICE], changes[row, c.AMOUNT]
                fills[filled, 2], fills[filled, 3] = changes[row, c.FEE], changes[row, c.TRADE]
                filled += 1
                images[U(i), FILLS_TO] = filled
                fits = fits and changes[row, c.FEE] >= 0 and filled - images[U(i), FILLS_FROM] <= MOST_FILLS
        else:
            shape = changes[row, _AT + r.SHAPE]
            bare = shape & 255 <= w.MARKET and shape >> 24 & 0xFFFF == 0 and changes[row, _AT + r.DISPLAY] == 0 and changes[row, _AT + r.NUMBER] == 0
            fits = fits and what == CANCEL_ONE and own and kind == w.CANCELLED and heard == 1 and bare
            for word in range(r.NAME_WORDS):
                images[U(i), U(FORMER_NAME + word)] = changes[row, c.FORMER + word]
            images[U(i), SHAPE] = (shape & 0xFFFFFF) << 8 | changes[row, _AT + r.OWNER] >> 32 << 32
            images[U(i), IMAGE_PRICE], images[U(i), IMAGE_QUANTITY] = changes[row, _AT + r.PRICE], changes[row, _AT + r.QUANTITY]
        images[U(i), STATE] = changes[row, _AT + r.STATE]
        images[U(i), EXECUTED], images[U(i), PAID] = changes[row, _AT + r.EXECUTED], changes[row, _AT + r.PAID]
        if fits != writes[U(i)]:
            writes[U(i)] = fits
            written += 1 if fits else -1
    return written, filled
