"""The simulated venue: what would have become of our orders, in three degrees of honesty.

    mid     everything fills whole at the mid on arrival: for smoke tests
    touch   an arriving order walks the depth that stood when it arrived, after its latency; a resting order fills when
            the other side reaches its price, as much as is shown there, or goes through it
    queue   as touch, but a resting order waits behind the quantity shown when it came: only trades at its price move
            it forward, a level that shrinks below what was ahead of it lets it up, and an order never jumps

Orders, cancels and market data meet in the order of the clock: an order or a cancel that arrives before a row is
matched against the book before that row. A cancel can lose the race to a fill.
Source: queue rule after the NautilusTrader and hftbacktest descriptions of conservative queue models.
"""

from polaris.desk.columns import LEVELS
from polaris.desk.execution.orders import fill, report, sweep_finished
from polaris.desk.state import FILL_MID, FILL_QUEUE
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import ASK, BAR, CLEAR, DEPTH, QUOTE, TRADE
from polaris.domain.orders import (
    ACCEPT,
    BUY,
    CANCEL_DONE,
    CANCELLING,
    EXPIRE,
    FILLED,
    IOC,
    MAKER,
    MARKET,
    POST_ONLY,
    TAKER,
)

NEVER = 2**63 - 1


@inlined
def mature(now, rule, terms, account, positions, orders, active, carry, tops, depth, records, n):  # type: ignore[no-untyped-def]
    """Orders and cancels that reach the venue by `now` (ns); returns records written so far."""
    ended = False
    wake = NEVER
    for j in range(account["active"]):
        order = orders[active[j]]
        if order["resting"] == 0 and order["state"] < FILLED and order["arrives"] <= now:
            keep_depth(carry, order["instrument"], positions[order["instrument"]], tops, depth)
            n = arrive(rule, terms, account, positions, order, carry, records, n)
        if order["state"] == CANCELLING and order["cancel_arrives"] <= now:
            n = report(terms, account, positions, order, CANCEL_DONE, records, n)
        if order["state"] >= FILLED:
            ended = True
        elif order["resting"] == 0:
            wake = min(wake, order["arrives"])
        elif order["state"] == CANCELLING:
            wake = min(wake, order["cancel_arrives"])
    account["wake"] = wake
    if ended:
        sweep_finished(account, orders, active)
    return n


@inlined
def concerns(row, account, orders, active):  # type: ignore[no-untyped-def]
    """Whether a row of market data can do anything to a resting order; see `meet`, which does it."""
    instrument = row["instrument"]
    kind = row["kind"]
    price = row["price"]
    is_ask = row["flags"] & ASK != 0
    for j in range(account["active"]):
        order = orders[active[j]]
        if order["resting"] == 0 or order["instrument"] != instrument:
            continue
        if kind != DEPTH or price == order["price"]:
            return True
        if is_ask == (order["side"] == BUY) and ((price < order["price"]) == is_ask):
            return True
    return False


@inlined
def keep_depth(carry, instrument, position, tops, depth):  # type: ignore[no-untyped-def]
    """Bring `carry` up to the last boundary seen (its touch alone where depth is not unfolded)."""
    k = position["top"]
    if k < 0:
        return
    position["top"] = -1
    if depth.shape[0] > 0:
        for side in range(4):
            for level in range(LEVELS):
                carry[instrument, side, level] = depth[k, side, level]
    top = tops[k]
    carry[instrument, 0, 0] = top["bid"]
    carry[instrument, 1, 0] = top["bid_lots"]
    carry[instrument, 2, 0] = top["ask"]
    carry[instrument, 3, 0] = top["ask_lots"]


@inlined
def arrive(rule, terms, account, positions, order, carry, records, n):  # type: ignore[no-untyped-def]
    """An order reaches the matching engine: take what it may, then rest or expire."""
    instrument = order["instrument"]
    position = positions[instrument]
    kind = order["type"]
    side = order["side"]
    if rule["fill_model"] == FILL_MID:
        mid = (position["bid"] + position["ask"]) // 2
        return fill(terms, account, positions, order, mid, order["lots"], TAKER, 0, False, records, n)
    opposite = 2 if side == BUY else 0  # rows of depth: asks for a buy
    best = carry[instrument, opposite, 0]
    takes = carry[instrument, opposite + 1, 0] > 0 and (kind == MARKET or (side == BUY and best <= order["price"]) or (side != BUY and best >= order["price"]))
    if kind == POST_ONLY and takes:
        return report(terms, account, positions, order, EXPIRE, records, n)
    if takes:
        for level in range(LEVELS):
            price = carry[instrument, opposite, level]
            there = carry[instrument, opposite + 1, level]
            if there <= 0:
                break
            if level > 0 and (price - best) * side <= 0:  # the touch is newer than the depth: what it left behind is gone
                continue
            if kind != MARKET and ((side == BUY and price > order["price"]) or (side != BUY and price < order["price"])):
                break
            leaves = order["lots"] - order["filled"]
            n = fill(terms, account, positions, order, price, min(leaves, there), TAKER, 0, False, records, n)
            if order["filled"] == order["lots"]:
                return n
    if kind in (MARKET, IOC):
        return report(terms, account, positions, order, EXPIRE, records, n)
    own = 0 if side == BUY else 2
    ahead = 0
    for level in range(LEVELS):
        if carry[instrument, own + 1, level] > 0 and carry[instrument, own, level] == order["price"]:
            ahead = carry[instrument, own + 1, level]
            break
    order["ahead"] = ahead
    if order["filled"] > 0:
        order["resting"] = 1
        return n
    return report(terms, account, positions, order, ACCEPT, records, n)


@kernel
def meet(rule, terms, account, positions, orders, active, row, records, n):  # type: ignore[no-untyped-def]
    """What one row of market data does to resting orders of its instrument; returns records written so far.

    row  ROW record of kind DEPTH, TRADE, QUOTE or BAR
    """
    instrument = row["instrument"]
    kind = row["kind"]
    flags = row["flags"]
    queued = rule["fill_model"] == FILL_QUEUE
    ended = False
    for j in range(account["active"]):
        order = orders[active[j]]
        if order["instrument"] != instrument or order["resting"] == 0 or order["state"] >= FILLED:
            continue
        price = order["price"]
        buys = order["side"] == BUY
        leaves = order["lots"] - order["filled"]
        got = 0
        if kind == TRADE:
            took_our_side = (flags & ASK != 0) == buys  # a seller takes from the bids
            if took_our_side:
                at = row["price"]
                through = at < price if buys else at > price
                if through:
                    got = leaves
                elif at == price:
                    if queued:
                        past = row["quantity"] - order["ahead"]
                        order["ahead"] = max(0, -past)
                        got = min(leaves, max(0, past))
                    else:
                        got = min(leaves, row["quantity"])
        elif kind == DEPTH:
            is_ask = flags & ASK != 0
            if flags & CLEAR == 0:
                if is_ask != buys and row["price"] == price:
                    order["ahead"] = min(order["ahead"], row["quantity"])
                elif is_ask == buys and row["quantity"] > 0 and (row["price"] <= price if buys else row["price"] >= price):
                    got = leaves if row["price"] != price else min(leaves, row["quantity"])  # the other side went through, or came
        elif kind == QUOTE:
            if (0 < row["other"] <= price) if buys else (row["price"] >= price):
                came = row["other"] if buys else row["price"]
                got = leaves if came != price else min(leaves, row["other_quantity"] if buys else row["quantity"])
            elif buys and row["price"] == price:
                order["ahead"] = min(order["ahead"], row["quantity"])
            elif not buys and row["other"] == price:
                order["ahead"] = min(order["ahead"], row["other_quantity"])
        elif kind == BAR:
            top = max(row["price"], row["other"]) + (row["other_quantity"] >> 32)
            bottom = min(row["price"], row["other"]) - (row["other_quantity"] & 0xFFFFFFFF)
            if (bottom < price) if buys else (top > price):
                got = leaves
        if got > 0:
            n = fill(terms, account, positions, order, price, got, MAKER, 0, False, records, n)
            ended = ended or order["state"] >= FILLED
    if ended:
        sweep_finished(account, orders, active)
    return n
