"""How an event is written, and what the traits of an order mean."""

from polaris.domain.kernel import inlined
from polaris.exchange.arena import ASLEEP, AT_BOOKS, BOOK_WORDS, LOW, LOWEST, NOW, SEQ
from polaris.exchange.bits import U
from polaris.exchange.words import (
    EVENT_WORDS,
    FALLING,
    FROM_WORSE,
    MARKET,
    MARKET_AMOUNT,
    REJECTED,
    RISING,
    STOP,
    STOP_LIMIT,
    TAKE_PROFIT,
    TICKS,
    TRAILING_STOP,
)

BOOK_AND_SIDE = ~0xFFFFFF  # of a command's and an event's first word
FLAGS = 16  # where the flags are in an event's
FLAGS_AT = 40  # where the flags are in the seventh word of a command
ROLE = 48  # where the role is in the seventh word of a command
SIDE = 24  # where the side is in it
BUYS = 1 << SIDE
SELLS = 0xFF << SIDE


@inlined
def tell(arena, events, n, head, order_id, account, price, quantity, leaves):  # type: ignore[no-untyped-def]
    """Write an event of one order."""
    return tell_both(arena, events, n, head, order_id, account, price, quantity, leaves, 0, 0, 0, 0, 0)


@inlined
def tell_both(arena, events, n, head, order_id, account, price, quantity, leaves, maker_id, maker_account, maker_leaves, fee, maker_fee):  # type: ignore[no-untyped-def]
    """Write an event of an order and the one that rested; the sequence and the time are the arena's."""
    at = EVENT_WORDS * n
    events[U(at)] = head
    events[U(at + 1)] = order_id
    events[U(at + 2)] = maker_id
    events[U(at + 3)] = price
    events[U(at + 4)] = quantity
    events[U(at + 5)] = leaves
    events[U(at + 6)] = maker_leaves
    events[U(at + 7)] = arena[U(SEQ)]
    events[U(at + 8)] = account | (maker_account << 32)
    events[U(at + 9)] = fee
    events[U(at + 10)] = maker_fee
    events[U(at + 11)] = arena[U(NOW)]
    return n + 1


@inlined
def reject(arena, commands, at, events, n, reason):  # type: ignore[no-untyped-def]
    """Tell that a command is refused."""
    head = REJECTED | (reason << 8) | (commands[U(at)] & BOOK_AND_SIDE)
    return tell(arena, events, n, head, commands[U(at + 1)], commands[U(at + 6)] & LOW, commands[U(at + 2)], commands[U(at + 3)], 0)


@inlined
def heading(book, sell):  # type: ignore[no-untyped-def]
    """Book and side, as the first word of an event has them."""
    return (book << 32) | (SELLS if sell else BUYS)


@inlined
def has_no_limit(order_type):  # type: ignore[no-untyped-def]
    """Whether an order of this type takes any price, unless a worst one is given."""
    return order_type == MARKET or order_type == MARKET_AMOUNT or order_type == STOP or order_type == TAKE_PROFIT or order_type == TRAILING_STOP


@inlined
def endmost(sell):  # type: ignore[no-untyped-def]
    """The limit of an order that takes any price."""
    return 0 if sell else TICKS - 1


@inlined
def price_told(arena, book, sell, order_type, limit):  # type: ignore[no-untyped-def]
    """An order's limit as a price, 0 where it takes any."""
    if has_no_limit(order_type) and limit == endmost(sell):
        return 0
    return limit + arena[U(AT_BOOKS + BOOK_WORDS * book + LOWEST)]


@inlined
def waits(order_type):  # type: ignore[no-untyped-def]
    """Whether an order of this type has a trigger."""
    return order_type >= STOP


@inlined
def sells(traits):  # type: ignore[no-untyped-def]
    """1 where an order of these traits sells, 0 where it buys."""
    ladder, order_type = traits & 3, (traits >> 32) & 0xFF
    if ladder < FALLING:
        return ladder
    if order_type >= TRAILING_STOP:
        stops = traits & ASLEEP == 0 or traits & (FROM_WORSE << 56) != 0
    else:
        stops = order_type == STOP or order_type == STOP_LIMIT
    return 1 if (ladder == RISING) != stops else 0
