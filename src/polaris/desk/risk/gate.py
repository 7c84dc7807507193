"""The gate: every order of every origin passes here, inline, or does not leave.

It answers with a reason and the two figures that decided, and it changes nothing but the rate bucket and the memory of
the last order. What only reduces a position is let through a pause, a loss limit and the limits on size, never through
the kill switch, a dead book or a price out of its band. A limit on size counts what working orders may still fill as
if it were filled: of this instrument those on the same side, of the others all that open.
"""

from polaris.desk.ledger.book import notional
from polaris.desk.risk.limits import loss_figures
from polaris.domain.kernel import inlined
from polaris.domain.market import LIVE
from polaris.domain.orders import (
    BOOK_NOT_LIVE,
    BUY,
    CROSSED,
    DUPLICATE,
    HALTED_KILLED,
    HALTED_PAUSED,
    INCREMENT,
    IOC,
    KILLED,
    MARKET,
    NO_SLOT,
    NOT_ENOUGH_CASH,
    OBSERVE,
    OBSERVING,
    ORDER_NOTIONAL,
    ORDER_RATE,
    ORDER_SIZE,
    PASS,
    PAUSED,
    POSITION_LIMIT,
    PRICE_BAND,
    SELL,
    STALE_DATA,
    TOTAL_NOTIONAL,
    UNREADABLE,
)


@inlined
def gate(rule, terms, account, positions, orders, active, instrument, side, kind, price, lots):  # type: ignore[no-untyped-def]
    """Whether this order may leave.

    rule, terms, account, positions, orders, active  see desk.state
    side     BUY or SELL
    kind     order type
    price    ticks; for a market order the price it would meet first
    lots     > 0
    returns  (PASS or the reason, what was measured, what is allowed), the figures as float64
    """
    term = terms[instrument]
    position = positions[instrument]
    now = account["clock"]
    trading = account["trading"]
    if trading == HALTED_KILLED:
        return KILLED, 0.0, 0.0
    if trading == OBSERVE:
        return OBSERVING, 0.0, 0.0
    if lots <= 0 or lots > term["max_order_lots"]:
        return ORDER_SIZE, float(lots), float(term["max_order_lots"])
    if (side != BUY and side != SELL) or kind < MARKET or kind > IOC or price <= 0:
        return UNREADABLE, float(price), 1.0
    held = position["lots"]
    same_side, elsewhere, buying = working(terms, account, positions, orders, active, instrument, side)
    after = held + side * (same_side + lots)  # should all of this side fill and none of the other
    reduces = 0 <= after < held or held < after <= 0

    if trading == HALTED_PAUSED and not reduces:
        return PAUSED, 0.0, 0.0
    if account["halt"] != PASS and not reduces:
        figure, limit = loss_figures(rule, account, account["halt"])
        return account["halt"], figure, limit
    if position["book"] != LIVE:
        return BOOK_NOT_LIVE, float(position["book"]), float(LIVE)
    age = now - position["ts"]
    if age > rule["max_data_age_ns"]:
        return STALE_DATA, float(age), float(rule["max_data_age_ns"])
    bid = position["bid"]
    ask = position["ask"]
    if bid > ask or bid <= 0:
        return CROSSED, float(bid), float(ask)

    if lots < term["min_lots"]:
        return ORDER_SIZE, float(lots), float(term["min_lots"])
    if term["quantity_increment"] > 1 and lots % term["quantity_increment"] != 0:
        return INCREMENT, float(lots), float(term["quantity_increment"])
    if kind != MARKET and term["price_increment"] > 1 and price % term["price_increment"] != 0:
        return INCREMENT, float(price), float(term["price_increment"])
    mid = 0.5 * float(bid + ask)
    distance = (float(price) - mid) / mid
    if distance < 0.0:
        distance = -distance
    if distance > rule["price_band"]:
        return PRICE_BAND, distance, rule["price_band"]

    amount = notional(term, price, lots, True)
    if amount < 0:
        return UNREADABLE, float(price) * float(lots), 9.2e18
    if amount < term["min_notional"]:
        return ORDER_NOTIONAL, float(amount), float(term["min_notional"])
    if not reduces:
        if amount > term["max_order_notional"]:
            return ORDER_NOTIONAL, float(amount), float(term["max_order_notional"])
        value_after = float(abs(after)) * mid * term["money_per_tick_lot"]
        own = abs(position["value"])
        allowed = float(term["max_position_notional"]) * 1.001  # a price that moved since the target was cut is no breach
        if value_after > allowed:
            return POSITION_LIMIT, value_after, allowed
        total = float(account["gross"] - own) + elsewhere + value_after
        allowed = float(rule["max_total_notional"]) * 1.001
        if total > allowed:
            return TOTAL_NOTIONAL, total, allowed
        if rule["allow_short"] == 0 and after < 0:
            return NOT_ENOUGH_CASH, float(-after), 0.0
        if rule["allow_short"] == 0 and side == BUY and buying + float(amount) > float(account["cash"]):
            return NOT_ENOUGH_CASH, buying + float(amount), float(account["cash"])

    if account["active"] >= rule["max_open_orders"]:
        return NO_SLOT, float(account["active"]), float(rule["max_open_orders"])
    if (
        position["last_side"] == side
        and position["last_price"] == price
        and position["last_lots"] == lots
        and now - position["last_sent"] < rule["duplicate_window_ns"]
    ):
        return DUPLICATE, float(now - position["last_sent"]), float(rule["duplicate_window_ns"])

    tokens = account["tokens"] + float(now - account["tokens_ts"]) / rule["nanos_per_order"]
    tokens = min(tokens, float(rule["order_burst"]))
    account["tokens"] = tokens
    account["tokens_ts"] = now
    if tokens < 1.0:
        return ORDER_RATE, tokens, 1.0
    account["tokens"] = tokens - 1.0
    position["last_side"] = side
    position["last_price"] = price
    position["last_lots"] = lots
    position["last_sent"] = now
    return PASS, 0.0, 0.0


@inlined
def working(terms, account, positions, orders, active, instrument, side):  # type: ignore[no-untyped-def]
    """What working orders may still fill.

    returns  (lots on this side of this instrument,
              money by which orders of other instruments may add to positions, a float,
              money that buys of any instrument may still cost, a float)
    """
    same_side = 0
    elsewhere, buying = 0.0, 0.0
    for j in range(account["active"]):
        order = orders[active[j]]
        leaves = order["lots"] - order["filled"]
        worth = float(order["price"]) * terms[order["instrument"]]["money_per_tick_lot"]
        if order["side"] == BUY:
            buying += float(leaves) * worth
        if order["instrument"] == instrument:
            if order["side"] == side:
                same_side += leaves
        else:
            held = positions[order["instrument"]]["lots"]
            closes = abs(held) if held * order["side"] < 0 else 0
            elsewhere += float(max(0, leaves - closes)) * worth
    return same_side, elsewhere, buying
