"""The order table: one slot an order, every change through the state table, every change told in a RECORD.

Nothing else writes to an order's state, and a report that no state allows is counted as a fault, not believed.
"""

from polaris.desk.ledger.book import book_fill, fee_of, mark, notional
from polaris.desk.risk.gate import gate
from polaris.desk.state import ORDER_SLOTS
from polaris.domain.kernel import inlined, kernel
from polaris.domain.orders import (
    ACCEPT,
    ACCEPTED,
    BUY,
    CANCEL,
    CANCEL_ASKED,
    CANCEL_DONE,
    CANCEL_FAILED,
    CANCEL_TOO_LATE,
    CANCELED,
    CANCELLING,
    EXPIRE,
    EXPIRED_ORDER,
    FILL,
    FILL_LAST,
    FILL_PART,
    FILLED,
    NONE,
    PARTIAL,
    PASS,
    PENDING,
    REFUSED,
    REJECT,
    REJECTED_ORDER,
    SUBMIT,
    TRANSITIONS,
)


@inlined
def tell(records, n, kind, account, position, instrument):  # type: ignore[no-untyped-def]
    """Begin record n: what happened, when, and where we stand; returns it for the rest to be filled in."""
    record = records[n]
    record["seq"] = account["seq"]
    record["ts"] = account["clock"]
    record["instrument"] = instrument
    record["kind"] = kind
    record["reason"] = 0
    record["order"] = 0
    record["side"] = 0
    record["type"] = 0
    record["state"] = 0
    record["liquidity"] = 0
    record["price"] = 0
    record["lots"] = 0
    record["filled"] = 0
    record["money"] = 0
    record["cash"] = account["cash"]
    record["position"] = position["lots"]
    record["target"] = position["target"]
    record["mid2"] = position["bid"] + position["ask"]
    record["forecast"] = position["forecast"]
    record["figure"] = 0.0
    record["limit"] = 0.0
    return record


@inlined
def tell_order(records, n, kind, account, position, order):  # type: ignore[no-untyped-def]
    """Record n about an order as it stands now."""
    record = tell(records, n, kind, account, position, order["instrument"])
    record["order"] = order["id"]
    record["side"] = order["side"]
    record["type"] = order["type"]
    record["state"] = order["state"]
    record["price"] = order["price"]
    record["lots"] = order["lots"]
    record["filled"] = order["filled"]
    return record


@inlined
def submit(rule, terms, account, positions, orders, active, records, n, instrument, side, kind, price, lots):  # type: ignore[no-untyped-def]
    """Ask the gate and, if it lets the order pass, send it.

    price    ticks; of a market order the price it would meet first
    lots     > 0
    returns  (records written so far, order id; 0 where refused)
    """
    position = positions[instrument]
    reason, figure, limit = gate(rule, terms, account, positions, orders, active, instrument, side, kind, price, lots)
    if reason != PASS:
        record = tell(records, n, REFUSED, account, position, instrument)
        record["reason"] = reason
        record["side"] = side
        record["type"] = kind
        record["price"] = price
        record["lots"] = lots
        record["figure"] = figure
        record["limit"] = limit
        account["refusals"] += 1
        position["retry_at"] = account["clock"] + rule["refusal_pause_ns"]
        return n + 1, 0
    identity = account["next_order"]
    while NONE < orders[identity % ORDER_SLOTS]["state"] < FILLED:  # an old order still works there; the gate left one free
        identity += 1
    slot = identity % ORDER_SLOTS
    order = orders[slot]
    account["next_order"] = identity + 1
    order["id"] = identity
    order["instrument"] = instrument
    order["side"] = side
    order["type"] = kind
    order["state"] = PENDING
    order["price"] = price
    order["lots"] = lots
    order["filled"] = 0
    order["sent"] = account["clock"]
    order["arrives"] = account["clock"] + rule["latency_ns"]
    order["cancel_arrives"] = 0
    order["resting"] = 0
    order["ahead"] = 0
    order["forecast"] = position["forecast"]
    account["wake"] = min(account["wake"], order["arrives"]) if account["active"] > 0 else order["arrives"]
    active[account["active"]] = slot
    account["active"] += 1
    account["submits"] += 1
    position["working_orders"] += 1
    tell_order(records, n, SUBMIT, account, position, order)
    return n + 1, identity


@kernel
def ask_cancel(rule, account, position, order, records, n):  # type: ignore[no-untyped-def]
    """Send a cancel for a working order; returns records written so far."""
    after = TRANSITIONS[order["state"], CANCEL_ASKED]
    if after < 0 or order["state"] == CANCELLING:
        return n
    order["state"] = after
    order["cancel_arrives"] = account["clock"] + rule["latency_ns"]
    account["wake"] = min(account["wake"], order["cancel_arrives"])
    account["cancels"] += 1
    tell_order(records, n, CANCEL, account, position, order)
    return n + 1


@kernel
def report(terms, account, positions, order, what, records, n):  # type: ignore[no-untyped-def]
    """A venue's word about an order that moves no money: accept, cancel, expiry, rejection, too late.

    returns  records written so far
    """
    position = positions[order["instrument"]]
    before = order["state"]
    after = TRANSITIONS[before, what]
    if after < 0:
        account["faults"] += 1
        return n
    if what == CANCEL_TOO_LATE and order["filled"] > 0 and before == CANCELLING:
        after = PARTIAL
    order["state"] = after
    kind = ACCEPTED
    if what == CANCEL_DONE:
        kind = CANCELED
    elif what == CANCEL_TOO_LATE:
        kind = CANCEL_FAILED
        order["cancel_arrives"] = 0
    elif what == EXPIRE:
        kind = EXPIRED_ORDER
    elif what == REJECT:
        kind = REJECTED_ORDER
    elif what == ACCEPT:
        order["resting"] = 1
    if before < FILLED <= after:
        finish(position, order)
    tell_order(records, n, kind, account, position, order)
    return n + 1


@inlined
def finish(position, order):  # type: ignore[no-untyped-def]
    """An order works no longer: nothing more is expected of it."""
    position["working_orders"] -= 1
    order["resting"] = 0


@inlined
def fill(terms, account, positions, order, price, lots, liquidity, given_fee, fee_given, records, n):  # type: ignore[no-untyped-def]
    """A fill: into the order, the ledger, and a record.

    price      ticks
    lots       > 0; a fill beyond the order's size is a fault and not booked
    given_fee  money, used where fee_given (a real venue says it); else by the terms
    returns    records written so far
    """
    instrument = order["instrument"]
    position = positions[instrument]
    term = terms[instrument]
    leaves = order["lots"] - order["filled"]
    if lots > leaves or lots <= 0:
        account["faults"] += 1
        return n
    before = order["state"]
    after = TRANSITIONS[before, FILL_LAST if lots == leaves else FILL_PART]
    amount = notional(term, price, lots, order["side"] == BUY)
    if after < 0 or amount < 0:
        account["faults"] += 1
        return n
    fee = given_fee if fee_given else fee_of(term, amount, liquidity)
    realised = book_fill(account, position, order["side"], lots, amount, fee)
    order["filled"] += lots
    order["state"] = after
    account["fills"] += 1
    if before < FILLED <= after:
        finish(position, order)
    mark(account, position, term, position["bid"] + position["ask"])
    record = tell_order(records, n, FILL, account, position, order)
    record["price"] = price
    record["lots"] = lots
    record["liquidity"] = liquidity
    record["money"] = fee
    record["figure"] = float(realised)
    return n + 1


@inlined
def sweep_finished(account, orders, active):  # type: ignore[no-untyped-def]
    """Drop finished orders from the list of working ones, keeping its order (oldest first)."""
    kept = 0
    for j in range(account["active"]):
        slot = active[j]
        if orders[slot]["state"] < FILLED:
            active[kept] = slot
            kept += 1
    account["active"] = kept


