"""The gate: every order of every origin passes here, inline, or does not leave.

It answers with a reason and the two figures that decided, and it changes nothing but the rate bucket and the memory of
the last order. What reduces a position is let through a pause and a reached loss limit, never through the kill switch,
a dead book or a price out of its band.
"""

from polaris.desk.ledger.book import notional
from polaris.domain.kernel import inlined
from polaris.domain.market import LIVE
from polaris.domain.orders import (
    BOOK_NOT_LIVE,
    CROSSED,
    DUPLICATE,
    HALTED_KILLED,
    HALTED_PAUSED,
    INCREMENT,
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
    STALE_DATA,
    TOTAL_NOTIONAL,
    UNREADABLE,
)


@inlined
def gate(rule, term, account, position, side, kind, price, lots):  # type: ignore[no-untyped-def]
    """Whether this order may leave.

    rule, term, account, position  records of the order's instrument
    side     BUY or SELL
    kind     order type
    price    ticks; for a market order the price it would meet first
    lots     > 0
    returns  (PASS or the reason, what was measured, what is allowed), the figures as float64
    """
    now = account["clock"]
    held = position["lots"]
    after = held + position["working"] + side * lots
    size_after = after if after >= 0 else -after
    size_held = held if held >= 0 else -held
    reduces = held * side < 0 and size_after <= size_held

    trading = account["trading"]
    if trading == HALTED_KILLED:
        return KILLED, 0.0, 0.0
    if trading == OBSERVE:
        return OBSERVING, 0.0, 0.0
    if trading == HALTED_PAUSED and not reduces:
        return PAUSED, 0.0, 0.0
    if account["halt"] != PASS and not reduces:
        return account["halt"], float(account["day_equity"] - account["equity"]), float(rule["max_daily_loss"])
    if position["book"] != LIVE:
        return BOOK_NOT_LIVE, float(position["book"]), float(LIVE)
    age = now - position["ts"]
    if age > rule["max_data_age_ns"]:
        return STALE_DATA, float(age), float(rule["max_data_age_ns"])
    bid = position["bid"]
    ask = position["ask"]
    if bid > ask or bid <= 0:
        return CROSSED, float(bid), float(ask)

    if lots < term["min_lots"] or lots > term["max_order_lots"]:
        return ORDER_SIZE, float(lots), float(term["max_order_lots"] if lots >= term["min_lots"] else term["min_lots"])
    if term["quantity_increment"] > 1 and lots % term["quantity_increment"] != 0:
        return INCREMENT, float(lots), float(term["quantity_increment"])
    if price <= 0:
        return UNREADABLE, float(price), 1.0
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
        value_after = float(size_after) * mid * term["money_per_tick_lot"]
        own = position["value"] if position["value"] >= 0 else -position["value"]
        allowed = float(term["max_position_notional"]) * 1.001  # a price that moved since the target was cut is no breach
        if value_after > allowed:
            return POSITION_LIMIT, value_after, allowed
        total = float(account["gross"] - own) + value_after
        allowed = float(rule["max_total_notional"]) * 1.001
        if total > allowed:
            return TOTAL_NOTIONAL, total, allowed
        if rule["allow_short"] == 0 and after < 0:
            return NOT_ENOUGH_CASH, float(-after), 0.0
        if rule["allow_short"] == 0 and side > 0 and amount > account["cash"]:
            return NOT_ENOUGH_CASH, float(amount), float(account["cash"])

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
        return ORDER_RATE, 1e9 / rule["nanos_per_order"], float(rule["order_burst"])
    account["tokens"] = tokens - 1.0
    position["last_side"] = side
    position["last_price"] = price
    position["last_lots"] = lots
    position["last_sent"] = now
    return PASS, 0.0, 0.0
