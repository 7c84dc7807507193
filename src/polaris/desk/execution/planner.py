"""The plan: from the position we want to the orders that lead there.

One working order an instrument. A passive order joins the touch and follows it, not more often than `repeg_ns`; an
order that points the wrong way is cancelled first, and nothing new is sent until its fate is known. This is the one
place where a model's wish becomes a price: a buy rounds down to the venue's increment, a sell up.
"""

from polaris.desk.execution.orders import ask_cancel, submit
from polaris.domain.kernel import inlined
from polaris.domain.orders import BUY, CANCELLING, FILLED, IOC, LIMIT, MARKET, POST_ONLY, SELL


@inlined
def plan(rule, terms, account, positions, orders, active, instrument, target, records, n):  # type: ignore[no-untyped-def]
    """Move towards `target` (lots, already limited); returns records written so far."""
    position = positions[instrument]
    kind = rule["order_type"]
    passive = kind in (POST_ONLY, LIMIT)
    now = account["clock"]
    delta = target - position["lots"]
    if position["working_orders"] > 0:
        # judge what works already
        for j in range(account["active"]):
            order = orders[active[j]]
            if order["instrument"] != instrument or order["state"] >= FILLED or order["state"] == CANCELLING:
                continue
            leaves = order["side"] * (order["lots"] - order["filled"])
            wrong = (leaves - delta) * order["side"] > 0  # more works than is missing, or the other way
            moved = False
            if passive and now - order["sent"] >= rule["repeg_ns"]:
                moved = aim(terms[instrument], position, order["side"], kind) != order["price"]
            if wrong or moved:
                n = ask_cancel(rule, account, position, order, records, n)
        return n
    if delta == 0 or now < position["retry_at"]:
        return n
    term = terms[instrument]
    side = BUY if delta > 0 else SELL
    lots = delta * side
    lots = min(lots, term["max_order_lots"])
    price = aim(term, position, side, kind)
    if price <= 0:
        return n
    worth = float(price) * term["money_per_tick_lot"]
    most = int(min(float(term["max_order_notional"]) * 0.999 / worth, 9e18))
    lots = min(lots, most)
    if term["quantity_increment"] > 1:
        lots = lots // term["quantity_increment"] * term["quantity_increment"]
    if lots < term["min_lots"] or lots <= 0 or float(lots) * worth < 1.001 * float(term["min_notional"]):
        return n
    n, _ = submit(rule, terms, account, positions, orders, active, records, n, instrument, side, kind, price, lots)
    return n


@inlined
def aim(term, position, side, kind):  # type: ignore[no-untyped-def]
    """The price to send, ticks: the near touch for a resting order, the far one for one that takes."""
    if kind == MARKET:
        return position["ask"] if side == BUY else position["bid"]
    increment = term["price_increment"]
    if increment == 1:
        return position["ask"] if (side == BUY) == (kind == IOC) else position["bid"]
    if kind == IOC:
        price = position["ask"] if side == BUY else position["bid"]
        return -(-price // increment) * increment if side == BUY else price // increment * increment
    price = position["bid"] if side == BUY else position["ask"]
    return price // increment * increment if side == BUY else -(-price // increment) * increment
