"""The ledger: positions and cash change only by fills, fees and deposits; it is the fold of these.

After every event, exactly and in integers:
    cash + cost of positions = deposits + realised profit - fees
A notional that is no whole unit of money is rounded against us: a buy up, a sell down, a fee up.
"""

from polaris.domain.exact import MOST, mul_div, mul_div_up
from polaris.domain.kernel import inlined
from polaris.domain.orders import MAKER, SELL

MILLION = 1_000_000


@inlined
def notional(term, price, lots, up):  # type: ignore[no-untyped-def]
    """What `lots` cost at `price`, in money.

    term     TERMS record
    price    ticks >= 0
    lots     lots >= 0
    up       True rounds up, False down
    returns  money, -1 where it does not fit: refuse rather than guess
    """
    if lots > MOST // term["scale_up"]:
        return -1
    scaled = lots * term["scale_up"]
    if up:
        return mul_div_up(price, scaled, term["scale_down"])
    return mul_div(price, scaled, term["scale_down"])


@inlined
def fee_of(term, amount, liquidity):  # type: ignore[no-untyped-def]
    """The fee on a notional, in money, rounded up (a rebate, down)."""
    ppm = term["maker_ppm"] if liquidity == MAKER else term["taker_ppm"]
    if ppm >= 0:
        return mul_div_up(amount, ppm, MILLION)
    return -mul_div(amount, -ppm, MILLION)


@inlined
def book_fill(account, position, side, lots, amount, fee):  # type: ignore[no-untyped-def]
    """Enter one fill.

    account   ACCOUNT record
    position  POSITION record
    side      BUY or SELL
    lots      filled, > 0
    amount    its notional, money
    fee       money, negative for a rebate
    returns   money realised by what it closed (fees apart)
    """
    held = position["lots"]
    realised = 0
    closing = 0
    if held * side < 0:
        size = -held if held < 0 else held
        closing = min(lots, size)
        basis = position["cost"] if position["cost"] >= 0 else -position["cost"]
        released = basis if closing == size else mul_div(basis, closing, size)
        closed_amount = amount if closing == lots else mul_div(amount, closing, lots)
        if side == SELL:  # closes a long: it cost `released`, it brings `closed_amount`
            realised = closed_amount - released
            position["cost"] -= released
        else:
            realised = released - closed_amount
            position["cost"] += released
        position["cost"] += side * (amount - closed_amount)
    else:
        position["cost"] += side * amount
    position["lots"] = held + side * lots
    position["realised"] += realised
    position["fees"] += fee
    account["cash"] -= side * amount + fee
    account["realised"] += realised
    account["fees"] += fee
    account["turnover"] += amount
    return realised


@inlined
def mark(account, position, term, mid2):  # type: ignore[no-untyped-def]
    """Value a position at the mid (mid2 is bid + ask) and carry the change into the account's equity.

    The value is an estimate, through a float; cash and cost never are.
    """
    value = worth(position, term, mid2)
    before = position["value"]
    position["value"] = value
    account["gross"] += (value if value >= 0 else -value) - (before if before >= 0 else -before)
    account["marked"] += value - before
    account["equity"] = account["cash"] + account["marked"]


@inlined
def worth(position, term, mid2):  # type: ignore[no-untyped-def]
    """What is held, at the mid, in money."""
    return int(float(position["lots"]) * float(mid2) * 0.5 * term["money_per_tick_lot"])
