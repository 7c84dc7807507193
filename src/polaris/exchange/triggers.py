"""Orders that wait: trades that reach their triggers send them into the book."""

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.accounts import OPEN_BUYS, POSITION, leave_kin, position_line
from polaris.exchange.arena import (
    AFTER,
    AT_BOOKS,
    AT_ORDERS,
    BOOK_WORDS,
    DISPLAY,
    HIDDEN,
    ID,
    LAST,
    LOW,
    LOWEST,
    OWNER,
    SHOWN,
    TRAITS,
    leave,
    level_of,
)
from polaris.exchange.bits import U
from polaris.exchange.slots import release
from polaris.exchange.telling import heading, price_told, sells, tell
from polaris.exchange.trading import crosses, execute, slid
from polaris.exchange.words import EXPIRED, FALLING, NOT_REDUCING, POST_ONLY, REDUCE_ONLY, RISING, TICKS, TRIGGERED, WOULD_TAKE


@kernel
def fire(arena, events, n, book, first):  # type: ignore[no-untyped-def]
    """Fire what these trades reached, nearest trigger first, rising before falling; then what the fired ones' trades reach, and so on.

    What is fired waits for its turn in a queue made of the slots themselves.
    """
    line = AT_BOOKS + BOOK_WORDS * book
    orders = arena[U(AT_ORDERS)]
    lowest = arena[U(line + LOWEST)]
    front, back = 0, 0
    while True:
        if first >= 0:
            last = arena[U(line + LAST)]
            low, high = min(first, last), max(first, last)
            while True:
                ladder = RISING
                tick = arena[U(line + RISING)]
                if tick > high:
                    ladder = FALLING
                    tick = arena[U(line + FALLING)]
                    if tick < low:
                        break
                place = 4 * book + ladder
                slot = arena[U(level_of(arena, place, tick))] >> 32
                leave(arena, place, tick, slot)
                order = orders + 8 * slot
                if arena[U(order + TRAITS)] & (REDUCE_ONLY << 56) != 0:
                    leave_kin(arena, arena[U(order + OWNER)] >> 32, book, slot)
                arena[U(order + AFTER)] = 0
                if front == 0:
                    front = slot
                else:
                    arena[U(orders + 8 * back + AFTER)] = slot
                back = slot
                traits = arena[U(order + TRAITS)]
                order_type = (traits >> 32) & 0xFF
                sell = sells(traits)
                price = price_told(arena, book, sell, order_type, arena[U(order + HIDDEN)])
                lots = arena[U(order + SHOWN)]
                n = tell(arena, events, n, TRIGGERED | heading(book, sell), arena[U(order + ID)], arena[U(order + OWNER)] >> 32, price, lots, lots)
        if front == 0:
            return n
        order = orders + 8 * front
        traits = arena[U(order + TRAITS)]
        time_in_force = (traits >> 40) & 0xFF
        sell = sells(traits)
        order_id, account = arena[U(order + ID)], arena[U(order + OWNER)] >> 32
        quantity, limit, display = arena[U(order + SHOWN)], arena[U(order + HIDDEN)], arena[U(order + DISPLAY)]
        after = arena[U(order + AFTER)]
        release(arena, front)
        front = after
        first = -1
        if traits & (REDUCE_ONLY << 56) != 0:
            position = position_line(arena, account, book)
            held = arena[U(position + POSITION)] if sell else -arena[U(position + POSITION)]
            if quantity > held - arena[U(position + OPEN_BUYS + sell)]:
                price = price_told(arena, book, sell, (traits >> 32) & 0xFF, limit)
                n = tell(arena, events, n, EXPIRED | (NOT_REDUCING << 8) | heading(book, sell), order_id, account, price, quantity, 0)
                continue
        taking = time_in_force >= POST_ONLY and crosses(arena, book, sell, limit)
        moved = slid(arena, book, sell)
        if taking and (time_in_force == POST_ONLY or moved < 0 or moved >= TICKS):
            n = tell(arena, events, n, EXPIRED | (WOULD_TAKE << 8) | heading(book, sell), order_id, account, limit + lowest, quantity, 0)
        else:
            if taking:
                limit = moved
            n, first = execute(arena, events, n, book, sell, traits - (traits & LOW), limit, quantity, display, order_id, account)


@inlined
def reaches(arena, book, first):  # type: ignore[no-untyped-def]
    """Whether trades from the tick `first` to the last one reached a trigger of the book."""
    if first < 0:
        return False
    line = AT_BOOKS + BOOK_WORDS * book
    last = arena[U(line + LAST)]
    return arena[U(line + RISING)] <= max(first, last) or arena[U(line + FALLING)] >= min(first, last)
