"""Before an order is accepted: the rules of its book, the limits of its account, and whether it can be paid. A refusal changes nothing.

What an order could cost at worst is known: to sell, its lots; to buy at a limit, its lots there. An order that can't rest costs no more than
what it would trade now, which is found by walking the book as the matching would.
"""

from polaris.domain.kernel import inlined, kernel, outlined
from polaris.exchange.accounts import (
    FREE_UNITS,
    IN_THESE_TEN,
    IN_THIS_DAY,
    KILLED_FLAG,
    MAX_LOSS,
    MAX_NOTIONAL,
    MAX_OPEN_ORDERS,
    MAX_ORDER,
    MAX_POSITION,
    NEXT_ORDER,
    OPEN_BUYS,
    OPEN_ORDERS,
    PER_DAY,
    PER_SECOND,
    PER_TEN_SECONDS,
    POSITION,
    RESULT,
    RESULT_DAY,
    THESE_TEN,
    THIS_DAY,
    account_line,
    balance_line,
    position_line,
    product,
)
from polaris.exchange.arena import (
    ACCOUNTS,
    AFTER,
    ALL_KILLED,
    AT_ACCOUNTS,
    AT_BOOKS,
    AT_ORDERS,
    BASE,
    BOOK_WORDS,
    DISPLAY,
    FILTERED,
    HIDDEN,
    LAST,
    LOT_UNITS,
    LOWEST,
    NOW,
    OWNER,
    QUOTE,
    RULE,
    SHOWN,
    TEN_SECONDS,
    TODAY,
    VALUE,
    level_of,
    next_tick,
)
from polaris.exchange.bands import banded
from polaris.exchange.bits import U
from polaris.exchange.pairs import held_with_partner
from polaris.exchange.telling import waits
from polaris.exchange.words import (
    BAD_ACCOUNT,
    BAD_ORDER_TYPE,
    DAILY_LOSS,
    DECREMENT,
    EXPIRE_MAKER,
    FOK,
    INSUFFICIENT_BALANCE,
    IOC,
    KILLED,
    LOT_SIZE,
    LOT_STEP,
    MARKET,
    MARKET_AMOUNT,
    MAX_LOTS,
    MIN_LOTS,
    MIN_NOTIONAL,
    NOT_REDUCING,
    NOTIONAL,
    ORDER_LOTS,
    ORDER_RATE,
    POSITION_LIMIT,
    REDUCE_ONLY,
    REFERENCE_PRICE,
    TOO_MANY_ORDERS,
)

SECOND = 1_000_000_000


@outlined
def refusal(arena, book, sell, traits, limit, trigger, quantity, account, slot, before):  # type: ignore[no-untyped-def]
    """Why an order that is right in itself is not accepted; 0 where it is.

    traits          of the order, without a place
    limit, trigger  ticks; limit `endmost` where it takes any price, trigger 0 where it does not wait
    slot            of the order that becomes this one by an amend, or the other leg of its pair that stands: what that one holds it
                    may hold too; 0: a new order
    before          how many orders of its list come before it
    """
    line = AT_BOOKS + BOOK_WORDS * book
    order_type = (traits >> 32) & 0xFF
    worth = value(arena, book, order_type, max(limit, trigger) if sell else limit, quantity)  # a stop to sell at any price: at its trigger
    if arena[U(line + FILTERED)] != 0:
        reason = filtered(arena, book, order_type, worth, quantity)
        if reason != 0:
            return reason
    if arena[U(AT_ACCOUNTS)] == 0:
        return 0
    if account == 0 or account >= arena[U(ACCOUNTS)]:
        return BAD_ACCOUNT
    stands, units = (0, 0) if slot == 0 else held_with_partner(arena, slot)
    position = position_line(arena, account, book)
    held = arena[U(position + POSITION)] if sell else -arena[U(position + POSITION)]  # lots this order's side would close
    opened = arena[U(position + OPEN_BUYS + sell)] - stands
    reason = barred(arena, book, traits, quantity, held - opened, account)
    if reason == 0 and slot == 0:
        reason = crowded(arena, account, stays(traits), before)
    if reason != 0:
        return reason
    return unpaid(arena, book, sell, traits, limit, quantity, worth, opened - held, account, units)


@inlined
def barred(arena, book, traits, quantity, closes, account):  # type: ignore[no-untyped-def]
    """Whether an account may place the order at all.

    closes  lots the order could have and still only make the position smaller
    """
    owner = account_line(arena, account)
    if traits & (REDUCE_ONLY << 56) != 0:
        if (traits >> 32) & 0xFF == MARKET_AMOUNT:
            return BAD_ORDER_TYPE
        if quantity > closes:
            return NOT_REDUCING
    else:
        if arena[U(owner + KILLED_FLAG)] != 0 or arena[U(ALL_KILLED)] != 0:
            return KILLED
        quote = balance_line(arena, account, arena[U(AT_BOOKS + BOOK_WORDS * book + QUOTE)])
        most = arena[U(quote + MAX_LOSS)]
        if most != 0 and arena[U(quote + RESULT_DAY)] == arena[U(TODAY)] and arena[U(quote + RESULT)] <= -most:
            return DAILY_LOSS
    return 0


@inlined
def crowded(arena, account, lives, before):  # type: ignore[no-untyped-def]
    """Whether an account placed as many orders as it may, or has as many alive, with `before` that are accepted with this one."""
    owner = account_line(arena, account)
    if too_fast(arena, owner, before):
        return ORDER_RATE
    most = arena[U(owner + MAX_OPEN_ORDERS)]
    if most != 0 and lives and arena[U(owner + OPEN_ORDERS)] + before >= most:
        return TOO_MANY_ORDERS
    return 0


@outlined
def parking(arena, book, sell, traits, limit, trigger, quantity, account, before):  # type: ignore[no-untyped-def]
    """Why an order that is right in itself is not parked; 0 where it is. Whether it can be paid is asked when it is activated."""
    line = AT_BOOKS + BOOK_WORDS * book
    order_type = (traits >> 32) & 0xFF
    if arena[U(line + FILTERED)] != 0:
        reason = filtered(arena, book, order_type, value(arena, book, order_type, max(limit, trigger) if sell else limit, quantity), quantity)
        if reason != 0:
            return reason
    if arena[U(AT_ACCOUNTS)] == 0:
        return 0
    if account == 0 or account >= arena[U(ACCOUNTS)]:
        return BAD_ACCOUNT
    return crowded(arena, account, True, before)


@inlined
def unpaid(arena, book, sell, traits, limit, quantity, worth, leads, account, units):  # type: ignore[no-untyped-def]
    """Whether an account can't pay for the order, or it is more than the account may order.

    leads  lots the account would hold on the order's side if all that it has open there traded
    units  that are free besides, as the order takes the place of one that holds them
    """
    line = AT_BOOKS + BOOK_WORDS * book
    position, quote = position_line(arena, account, book), balance_line(arena, account, arena[U(line + QUOTE)])
    order_type, by_amount = (traits >> 32) & 0xFF, (traits >> 32) & 0xFF == MARKET_AMOUNT
    goods = 0 if by_amount else product(quantity, arena[U(line + LOT_UNITS)])
    if worth < 0 or goods < 0:
        return NOTIONAL
    free = units + arena[U((balance_line(arena, account, arena[U(line + BASE)]) if sell else quote) + FREE_UNITS)]
    lots, cost = quantity, worth
    dear = arena[U(quote + MAX_NOTIONAL)]
    if by_amount or (order_type == MARKET and (not sell or dear != 0)) or (not sell and worth > free and not stays(traits)):
        whole, prevention = (traits >> 40) & 0xFF == FOK, (traits >> 48) & 0xFF
        traded, cost = walk(arena, book, sell, banded(arena, book, sell, limit), quantity, by_amount, whole, account, prevention, free)
        if by_amount:
            lots, goods = traded, product(traded, arena[U(line + LOT_UNITS)])
    if (goods < 0 or goods > free) if sell else (cost < 0 or cost > free):
        return INSUFFICIENT_BALANCE
    if arena[U(position + MAX_ORDER)] != 0 and lots > arena[U(position + MAX_ORDER)]:
        return ORDER_LOTS
    if dear != 0 and (cost if order_type == MARKET else worth) > dear:
        return NOTIONAL
    if arena[U(position + MAX_POSITION)] != 0 and lots + leads > arena[U(position + MAX_POSITION)] and traits & (REDUCE_ONLY << 56) == 0:
        return POSITION_LIMIT
    return 0


@inlined
def stays(traits):  # type: ignore[no-untyped-def]
    """Whether an order of these traits may stand anywhere."""
    return waits((traits >> 32) & 0xFF) or ((traits >> 40) & 0xFF != IOC and (traits >> 40) & 0xFF != FOK)


@inlined
def value(arena, book, order_type, tick, quantity):  # type: ignore[no-untyped-def]
    """What an order is worth, units of the quote: at a tick, or its amount; 0 for a market order of lots, -1 beyond MAX_UNITS."""
    line = AT_BOOKS + BOOK_WORDS * book
    if order_type == MARKET:
        return 0
    if order_type == MARKET_AMOUNT:
        return product(quantity, arena[U(line + VALUE)])
    return product((tick + arena[U(line + LOWEST)]) * arena[U(line + VALUE)], quantity)


@inlined
def filtered(arena, book, order_type, worth, quantity):  # type: ignore[no-untyped-def]
    """Why the rules of its book do not take an order; a market order of lots is worth what it was at the last trade, else the reference price."""
    line = AT_BOOKS + BOOK_WORDS * book
    if order_type != MARKET_AMOUNT and off_step(arena, book, quantity):
        return LOT_SIZE
    if order_type == MARKET:
        price = arena[U(line + RULE + REFERENCE_PRICE)] if arena[U(line + LAST)] < 0 else arena[U(line + LAST)] + arena[U(line + LOWEST)]
        if price == 0:
            return 0
        worth = product(price * arena[U(line + VALUE)], quantity)
    return NOTIONAL if 0 <= worth < arena[U(line + RULE + MIN_NOTIONAL)] else 0


@inlined
def off_step(arena, book, quantity):  # type: ignore[no-untyped-def]
    """Whether a book takes no orders of so many lots."""
    rules = AT_BOOKS + BOOK_WORDS * book + RULE
    most, step = arena[U(rules + MAX_LOTS)], arena[U(rules + LOT_STEP)]
    return quantity < arena[U(rules + MIN_LOTS)] or (most != 0 and quantity > most) or (step > 1 and quantity % step != 0)


@inlined
def too_fast(arena, owner, before):  # type: ignore[no-untyped-def]
    """Whether an account placed, with `before` more, as many orders as it may, in this second, these ten, or this day."""
    a_second = arena[U(owner + PER_SECOND)]
    if a_second != 0:
        ahead = max(arena[U(owner + NEXT_ORDER)] - arena[U(NOW)], 0) + before * (SECOND // a_second)
        if ahead > SECOND - SECOND // a_second:
            return True
    most = arena[U(owner + PER_TEN_SECONDS)]
    placed = before + (arena[U(owner + IN_THESE_TEN)] if arena[U(owner + THESE_TEN)] == arena[U(TEN_SECONDS)] else 0)
    if most != 0 and placed >= most:
        return True
    most = arena[U(owner + PER_DAY)]
    placed = before + (arena[U(owner + IN_THIS_DAY)] if arena[U(owner + THIS_DAY)] == arena[U(TODAY)] else 0)
    return most != 0 and placed >= most


@inlined
def count(arena, account):  # type: ignore[no-untyped-def]
    """An order of the account was accepted."""
    owner = account_line(arena, account)
    a_second = arena[U(owner + PER_SECOND)]
    if a_second != 0:
        arena[U(owner + NEXT_ORDER)] = max(arena[U(owner + NEXT_ORDER)], arena[U(NOW)]) + SECOND // a_second
    if arena[U(owner + THESE_TEN)] != arena[U(TEN_SECONDS)]:
        arena[U(owner + THESE_TEN)], arena[U(owner + IN_THESE_TEN)] = arena[U(TEN_SECONDS)], 0
    if arena[U(owner + THIS_DAY)] != arena[U(TODAY)]:
        arena[U(owner + THIS_DAY)], arena[U(owner + IN_THIS_DAY)] = arena[U(TODAY)], 0
    arena[U(owner + IN_THESE_TEN)] += 1
    arena[U(owner + IN_THIS_DAY)] += 1


@kernel
def walk(arena, book, sell, limit, left, by_amount, whole, account, prevention, most):  # type: ignore[no-untyped-def]
    """What an order would trade now: (lots, units of the quote); to buy for more than `most` units the units are -1.

    left   lots; by_amount: ticks times lots
    whole  it trades all or nothing
    The queue of a tick is walked in rounds: what is shown first, then each iceberg's next lots, as they would come.
    """
    orders = arena[U(AT_ORDERS)]
    place = 4 * book + 1 - sell
    line = AT_BOOKS + BOOK_WORDS * book
    tick = arena[U(line + 1 - sell)]
    want, lots, cost, ends = left, 0, 0, False
    while left > 0 and not ends and ((tick >= limit) if sell else (tick <= limit)):
        price = tick + arena[U(line + LOWEST)]
        passed, more = 0, True
        while more and left > 0 and not ends:
            more = False
            slot = arena[U(level_of(arena, place, tick))] >> 32
            while slot != 0 and left > 0 and not ends:
                order = orders + 8 * slot
                slot = arena[U(order + AFTER)]
                own = prevention != 0 and arena[U(order + OWNER)] >> 32 == account
                if own and prevention != DECREMENT:
                    ends = prevention != EXPIRE_MAKER
                    continue
                display, hidden = arena[U(order + DISPLAY)], arena[U(order + HIDDEN)]
                chunk = max(0, min(display, hidden - (passed - 1) * display)) if passed > 0 else arena[U(order + SHOWN)]
                more = more or hidden > passed * display
                quantity = min(chunk, left // price if by_amount else left)
                ends = quantity == 0 and chunk > 0
                left -= quantity * price if by_amount else quantity
                if own:
                    continue
                lots += quantity
                if cost >= 0:
                    units = product(price * arena[U(line + VALUE)], quantity)
                    cost = -1 if units < 0 or (not sell and cost + units > most) else cost + units
                if cost < 0 and not whole:
                    return lots, cost
            passed += 1
        tick = next_tick(arena, place, tick)
    if whole and lots < want:
        return 0, 0
    return lots, cost
