"""Auctions: orders gather, even crossed, then all that can trades at one price.

The price is the one at which most lots trade; of these, where least is left over; of these, the highest where only buyers are left
over (they press the price up), the lowest where only sellers are; else the one nearest to the reference price, or to the last
trade where there is no reference price, or to the middle, rounded down, where there was no trade either. These are the
principles of most executable volume, lowest surplus, market pressure and reference price of call auctions, here over all ticks and
not only those that are an order's limit. Source: Deutsche Börse, Xetra Market Model, price determination in auctions.

Both sides then trade price before time. An order's hidden lots trade in its turn, with those it shows. Nobody takes, so
self-trade prevention, the taker's choice, has no say.
"""

from polaris.domain.kernel import inlined, outlined
from polaris.exchange.arena import (
    AFTER,
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_ORDERS,
    BOOK_WORDS,
    BOOKS,
    HIDDEN,
    ICEBERGS,
    ID,
    LAST,
    LOWEST,
    OWNER,
    PHASES,
    RULE,
    SHOWN,
    TRAITS,
    WATCH,
    bitmap_of,
    leave,
    level_of,
    next_tick,
)
from polaris.exchange.bands import centre
from polaris.exchange.bits import U, above
from polaris.exchange.contingent import filled, part
from polaris.exchange.pairs import pair
from polaris.exchange.settlement import settle_both
from polaris.exchange.slots import release
from polaris.exchange.telling import FLAGS, heading, reject, tell_both
from polaris.exchange.trading import refreshed
from polaris.exchange.triggers import fire
from polaris.exchange.words import (
    ASKS,
    AUCTION,
    BAD_SETTING,
    BIDS,
    CLOSED,
    CONTINUOUS,
    FILL,
    IN_AUCTION,
    NO_SUCH_BOOK,
    PHASE,
    REFERENCE_PRICE,
    TICKS,
)


@outlined
def set_phase(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """A book, or all of them, enters a phase."""
    book, phase = commands[U(at)] >> 32, commands[U(at + 3)]
    if book < -1 or book >= arena[U(BOOKS)]:
        return reject(arena, commands, at, events, n, NO_SUCH_BOOK)
    if phase < CONTINUOUS or phase > CLOSED:
        return reject(arena, commands, at, events, n, BAD_SETTING)
    if book >= 0:
        return move(arena, events, n, book, phase)
    for each in range(arena[U(BOOKS)]):
        n = move(arena, events, n, each, phase)
    return n


@outlined
def move(arena, events, n, book, phase):  # type: ignore[no-untyped-def]
    """A book enters a phase; on the way out of an auction it uncrosses, and what its price, or the last one, reaches fires."""
    line = AT_BOOKS + BOOK_WORDS * book
    watch = arena[U(line + WATCH)]
    tick, lots = -1, 0
    if phase == CONTINUOUS or (phase == CLOSED and watch & PHASES == AUCTION):
        tick, lots, _ = clearing(arena, book)
    arena[U(line + WATCH)] = (watch & ~PHASES) | phase
    price = tick + arena[U(line + LOWEST)] if lots != 0 else 0
    n = tell_both(arena, events, n, PHASE | (book << 32), 0, 0, price, phase, 0, 0, 0, lots, 0, 0)
    if lots != 0:
        n = uncross(arena, events, n, book, tick, lots)
    centre(arena, book)
    return fire(arena, events, n, book, arena[U(line + LAST)] if lots != 0 or phase == CONTINUOUS else -1)


@outlined
def clearing(arena, book):  # type: ignore[no-untyped-def]
    """(tick, lots, surplus) of an auction of a book now; lots 0 where nothing would trade.

    From the lowest ask to the highest bid, the ticks between two changes of demand or supply together.
    """
    line = AT_BOOKS + BOOK_WORDS * book
    bid, ask = arena[U(line + BIDS)], arena[U(line + ASKS)]
    if bid < ask:
        return 0, 0, 0
    bids, asks = 4 * book + BIDS, 4 * book + ASKS
    demand, supply, tick = 0, open_at(arena, asks, ask), bid
    while tick >= ask:
        demand += open_at(arena, bids, tick)
        tick = next_tick(arena, bids, tick)
    start, most, least, low, high, sellers_from = ask, 0, 0, 0, 0, TICKS
    while start <= bid:
        next_ask = above(arena, bitmap_of(arena, asks), start)
        lowest_bid = start
        if arena[U(level_of(arena, bids, start))] == 0:
            lowest_bid = above(arena, bitmap_of(arena, bids), start)
        stop = min(next_ask - 1, lowest_bid)
        lots, surplus = min(demand, supply), demand - supply
        if lots > most or (lots == most and abs(surplus) < least):
            most, least, low, sellers_from = lots, abs(surplus), start, TICKS
        if lots == most and abs(surplus) == least:
            high = stop
            if surplus < 0:
                sellers_from = min(sellers_from, start)
        if stop == lowest_bid:
            demand -= open_at(arena, bids, stop)
        start = stop + 1
        if start == next_ask:
            supply += open_at(arena, asks, start)
    if least != 0 and sellers_from == TICKS:
        return high, most, least
    if least != 0 and sellers_from == low:
        return low, most, -least
    anchor = arena[U(line + RULE + REFERENCE_PRICE)] - arena[U(line + LOWEST)]
    if anchor < 0:
        anchor = arena[U(line + LAST)]
    if anchor < 0:
        anchor = (low + high) // 2
    tick = max(low, min(high, anchor))
    return tick, most, (least if tick < sellers_from else -least)


@inlined
def open_at(arena, place, tick):  # type: ignore[no-untyped-def]
    """Lots open at a tick, hidden ones with them."""
    level = level_of(arena, place, tick)
    lots = arena[U(level + 1)]
    if arena[U(ICEBERGS)] != 0:
        orders = arena[U(AT_ORDERS)]
        slot = arena[U(level)] >> 32
        while slot != 0:
            lots += arena[U(orders + 8 * slot + HIDDEN)]
            slot = arena[U(orders + 8 * slot + AFTER)]
    return lots


@outlined
def uncross(arena, events, n, book, tick, lots):  # type: ignore[no-untyped-def]
    """Trade so many lots at one tick, price before time on both sides."""
    line = AT_BOOKS + BOOK_WORDS * book
    orders, price = arena[U(AT_ORDERS)], tick + arena[U(line + LOWEST)]
    bids, asks = 4 * book + BIDS, 4 * book + ASKS
    arena[U(line + LAST)] = tick
    while lots > 0:
        bid, ask = arena[U(line + BIDS)], arena[U(line + ASKS)]
        buyer, seller = arena[U(level_of(arena, bids, bid))] >> 32, arena[U(level_of(arena, asks, ask))] >> 32
        buys, sells = orders + 8 * buyer, orders + 8 * seller
        wanted, offered = arena[U(buys + SHOWN)] + arena[U(buys + HIDDEN)], arena[U(sells + SHOWN)] + arena[U(sells + HIDDEN)]
        quantity = min(lots, wanted, offered)
        lots -= quantity
        if arena[U(buys + TRAITS)] < 0:
            n = part(arena, events, n, buyer, FILL, quantity, wanted - quantity)
        if arena[U(sells + TRAITS)] < 0:
            n = part(arena, events, n, seller, FILL, quantity, offered - quantity)
        head = FILL | (IN_AUCTION << FLAGS) | heading(book, 0)
        buyer_id, buyer_account, seller_account = arena[U(buys + ID)], arena[U(buys + OWNER)] >> 32, arena[U(sells + OWNER)] >> 32
        left, other_left = wanted - quantity, offered - quantity
        fee, other_fee = settle_both(arena, book, price, quantity, buyer, seller) if arena[U(AT_ACCOUNTS)] != 0 else (0, 0)
        n = tell_both(
            arena, events, n, head, buyer_id, buyer_account, price, quantity, left, arena[U(sells + ID)], seller_account, other_left, fee, other_fee
        )
        n = traded(arena, events, n, book, bids, bid, buyer, quantity, lots == 0)
        n = traded(arena, events, n, book, asks, ask, seller, quantity, lots == 0)
    return n


@inlined
def traded(arena, events, n, book, place, tick, slot, quantity, last):  # type: ignore[no-untyped-def]
    """Take what traded from an order, first what it shows; after the last trade an iceberg shows its next lots."""
    order = arena[U(AT_ORDERS)] + 8 * slot
    shown, hidden = arena[U(order + SHOWN)], arena[U(order + HIDDEN)]
    taken = min(shown, quantity)
    arena[U(level_of(arena, place, tick) + 1)] -= taken
    arena[U(order + SHOWN)] = shown - taken
    arena[U(order + HIDDEN)] = hidden - (quantity - taken)
    if shown + hidden == quantity:
        leave(arena, place, tick, slot)
        if arena[U(order + TRAITS)] < 0:
            n = filled(arena, events, n, slot)
        release(arena, slot)
        return n
    if arena[U(order + TRAITS)] < 0:
        pair(arena, slot)
    if last and shown == taken:
        return refreshed(arena, events, n, book, place & 1, place, tick, slot)
    return n
