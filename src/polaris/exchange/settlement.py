"""A fill is paid: goods against money, fees to the house, positions and the day's result moved; and what follows for reduce-only orders.

A fee is so many millionths of what was received, rounded up. The cost of a position is what its lots cost; where some of them go, their share
of it goes with them, rounded down, and the difference to what they brought is the day's result, in the quote. A seller's fee counts into it; a
buyer's, which is paid in goods, does not.
"""

from polaris.domain.exact import mul_div
from polaris.domain.kernel import inlined, kernel, outlined
from polaris.exchange.accounts import (
    COST,
    FREE_UNITS,
    IN_THESE_TEN,
    IN_THIS_DAY,
    KIN,
    LOCKED_UNITS,
    OPEN_BUYS,
    POSITION,
    RESULT,
    RESULT_DAY,
    THESE_TEN,
    THIS_DAY,
    TIER,
    account_line,
    balance_line,
    hold,
    position_line,
)
from polaris.exchange.arena import (
    AT_BOOKS,
    AT_ORDERS,
    AT_TIERS,
    BASE,
    BOOK_WORDS,
    LOT_UNITS,
    LOW,
    OWNER,
    QUOTE,
    TEN_SECONDS,
    TODAY,
    TRAITS,
    VALUE,
)
from polaris.exchange.bits import U
from polaris.exchange.contingent import end
from polaris.exchange.telling import sells
from polaris.exchange.words import EXPIRED, HAS_TRADED, MAX_UNITS, NOT_REDUCING

TAKER_TRADES = 1  # orders that are forgotten in an account's counts when an order of its trades for the first time
MAKER_TRADES = 5
# Source: Binance, Spot Unfilled Order Count Rules (developers.binance.com, FAQs): its examples take back 1 and 5


@outlined
def settle(arena, book, sell, price, quantity, account, slot):  # type: ignore[no-untyped-def]
    """A taker and the order in a slot trade; returns (the taker's fee, the maker's fee).

    price     ticks
    quantity  lots, which the order's account still holds
    """
    line = AT_BOOKS + BOOK_WORDS * book
    order = arena[U(AT_ORDERS)] + 8 * slot
    maker = arena[U(order + OWNER)] >> 32
    base, quote = arena[U(line + BASE)], arena[U(line + QUOTE)]
    goods, money = quantity * arena[U(line + LOT_UNITS)], price * arena[U(line + VALUE)] * quantity
    given, taken = (goods, money) if sell else (money, goods)  # by the taker
    asset_given, asset_taken = (base, quote) if sell else (quote, base)
    fee = share(taken, arena[U(arena[U(AT_TIERS)] + 2 * arena[U(account_line(arena, account) + TIER)] + 1)])
    maker_fee = share(given, arena[U(arena[U(AT_TIERS)] + 2 * arena[U(account_line(arena, maker) + TIER)])])
    arena[U(balance_line(arena, account, asset_given) + FREE_UNITS)] -= given
    arena[U(balance_line(arena, maker, asset_given) + FREE_UNITS)] += given - maker_fee
    arena[U(balance_line(arena, 0, asset_given) + FREE_UNITS)] += maker_fee
    arena[U(balance_line(arena, maker, asset_taken) + LOCKED_UNITS)] -= taken
    arena[U(balance_line(arena, account, asset_taken) + FREE_UNITS)] += taken - fee
    arena[U(balance_line(arena, 0, asset_taken) + FREE_UNITS)] += fee
    arena[U(position_line(arena, maker, book) + OPEN_BUYS + 1 - sell)] -= quantity
    move(arena, account, book, quote, sell, quantity, money, fee)
    move(arena, maker, book, quote, 1 - sell, quantity, money, maker_fee)
    if arena[U(order + TRAITS)] & (HAS_TRADED << 56) == 0:
        arena[U(order + TRAITS)] |= HAS_TRADED << 56
        uncount(arena, maker, MAKER_TRADES)
    return fee, maker_fee


@outlined
def settle_both(arena, book, price, quantity, buyer_slot, seller_slot):  # type: ignore[no-untyped-def]
    """Two orders that stand trade with each other, each as a maker; returns (the buyer's fee, the seller's fee).

    price     ticks, no worse than either one's limit
    quantity  lots, which both accounts still hold, each at its own limit
    """
    line = AT_BOOKS + BOOK_WORDS * book
    base, quote = arena[U(line + BASE)], arena[U(line + QUOTE)]
    goods, money = quantity * arena[U(line + LOT_UNITS)], price * arena[U(line + VALUE)] * quantity
    fee, other_fee = 0, 0
    for sell in range(2):
        slot = seller_slot if sell else buyer_slot
        order = arena[U(AT_ORDERS)] + 8 * slot
        account = arena[U(order + OWNER)] >> 32
        given, taken = (goods, money) if sell else (money, goods)
        asset_given, asset_taken = (base, quote) if sell else (quote, base)
        due = share(taken, arena[U(arena[U(AT_TIERS)] + 2 * arena[U(account_line(arena, account) + TIER)])])
        hold(arena, account, book, sell, arena[U(order + OWNER)] & LOW, -quantity)
        arena[U(balance_line(arena, account, asset_given) + FREE_UNITS)] -= given
        arena[U(balance_line(arena, account, asset_taken) + FREE_UNITS)] += taken - due
        arena[U(balance_line(arena, 0, asset_taken) + FREE_UNITS)] += due
        move(arena, account, book, quote, sell, quantity, money, due)
        if arena[U(order + TRAITS)] & (HAS_TRADED << 56) == 0:
            arena[U(order + TRAITS)] |= HAS_TRADED << 56
            uncount(arena, account, MAKER_TRADES)
        if sell:
            other_fee = due
        else:
            fee = due
    return fee, other_fee


@inlined
def share(units, ppm):  # type: ignore[no-untyped-def]
    """So many millionths of it, rounded up."""
    whole = units // 1_000_000
    return whole * ppm + ((units - whole * 1_000_000) * ppm + 999_999) // 1_000_000


@kernel
def move(arena, account, book, quote, sell, quantity, money, fee):  # type: ignore[no-untyped-def]
    """An account bought or sold so many lots for so much money: its position, what that cost, and the day's result."""
    line = position_line(arena, account, book)
    position, cost = arena[U(line + POSITION)], arena[U(line + COST)]
    result = -fee if sell else 0
    held = position if sell else -position  # what this trade can close
    if held <= 0:
        cost += money
    elif quantity < held:
        part = mul_div(cost, quantity, held)
        cost -= part
        result += money - part if sell else part - money
    else:
        part = money if quantity == held else mul_div(money, held, quantity)
        result += part - cost if sell else cost - part
        cost = money - part
    arena[U(line + POSITION)] = within(position - quantity if sell else position + quantity)
    arena[U(line + COST)] = within(cost)
    if result != 0:
        balance = balance_line(arena, account, quote)
        if arena[U(balance + RESULT_DAY)] == arena[U(TODAY)]:
            result += arena[U(balance + RESULT)]
        arena[U(balance + RESULT)] = within(result)
        arena[U(balance + RESULT_DAY)] = arena[U(TODAY)]


@inlined
def within(units):  # type: ignore[no-untyped-def]
    """The number itself; a sum that outgrew what any account can own stays at that."""
    return max(-MAX_UNITS, min(MAX_UNITS, units))


@inlined
def uncount(arena, account, orders):  # type: ignore[no-untyped-def]
    """An order traded for the first time: it, and some more, do not count against the account's order rate."""
    line = account_line(arena, account)
    if arena[U(line + THESE_TEN)] == arena[U(TEN_SECONDS)]:
        arena[U(line + IN_THESE_TEN)] = max(0, arena[U(line + IN_THESE_TEN)] - orders)
    if arena[U(line + THIS_DAY)] == arena[U(TODAY)]:
        arena[U(line + IN_THIS_DAY)] = max(0, arena[U(line + IN_THIS_DAY)] - orders)


@outlined
def trim(arena, events, n, book, account):  # type: ignore[no-untyped-def]
    """While an account's open orders could turn its position, the youngest of its reduce-only ones ends."""
    line = position_line(arena, account, book)
    while arena[U(line + KIN)] != 0:
        slot = arena[U(line + KIN)] & LOW
        sell = sells(arena[U(arena[U(AT_ORDERS)] + 8 * slot + TRAITS)])
        held = arena[U(line + POSITION)]
        if arena[U(line + OPEN_BUYS + sell)] <= (held if sell else -held):
            break
        n = end(arena, events, n, slot, EXPIRED | (NOT_REDUCING << 8))
    return n
