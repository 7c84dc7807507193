"""The one decision: sizing -> limits -> plan -> gate -> orders -> fills -> ledger, for every row, in one pass.

The live loop hands over the few rows that just came, a backtest a whole day: the same function, so the same decisions.
For each row, in this order: the clock moves; orders and cancels that reach the simulated venue by then meet the book
as it stood; the row meets our resting orders; at a boundary the desk looks, marks, wants, plans and sends.

Most boundaries of a strategy that says how many lots itself change nothing: they are passed by in one stride (`calm`).
"""

from typing import Final

from polaris.desk.columns import LEVELS
from polaris.desk.execution.orders import ask_cancel, fill, report, sweep_finished, tell
from polaris.desk.execution.planner import plan
from polaris.desk.execution.venue import concerns, keep_depth, mature, meet
from polaris.desk.ledger.book import mark, worth
from polaris.desk.risk.limits import drawdown, drawdown_at, limit_target, loss_figures, watch_losses
from polaris.desk.sizing.kelly import wanted_lots
from polaris.desk.state import FILL_VENUE, ORDER_SLOTS, SIZE_DIRECT
from polaris.domain.control import DEPOSIT, KILL, PAUSE, RELEASE, RESUME
from polaris.domain.kernel import inlined, kernel
from polaris.domain.market import BAR, CONTROL, LIVE, REPORT, STATUS, TIMER
from polaris.domain.orders import (
    ACCEPT,
    EQUITY,
    FILL_LAST,
    FILL_PART,
    FILLED,
    HALT,
    HALTED_KILLED,
    HALTED_PAUSED,
    KILLED,
    OBSERVE,
    OBSERVING,
    PASS,
    PAUSED,
    REJECT,
    RESUMED,
    RUNNING,
    TAKER,
    TARGET,
)

RESERVE: Final = ORDER_SLOTS * (LEVELS + 2) + 16  # records one row can lead to at most


@kernel
def decide(  # type: ignore[no-untyped-def]
    rows, start, tops, depth, at, first, columns, reads, rule_, terms, account_, positions, orders, active, carry, records, n
):  # fmt: skip
    """Run the desk over rows.

    rows         ROW[n]; start: the first to take
    tops, depth, at  of the market kernel; first: the first boundary at or after `start`
    columns      float64[columns, m], of the bank
    reads        int64[4], which of them hold the ensemble's forecast, confidence and volatility and, where sizing is "direct",
                 the target: lots, not a (finite) number where a strategy has no opinion. -1 where none does
    rule_, terms, account_, positions, orders, active, carry   see desk.state
    records, n   RECORD[>= n + 2 * RESERVE], written from n on
    returns      (next row, next boundary, records written); next row < n where the records ran full: make room, call again
    """
    rule = rule_[0]
    account = account_[0]
    k = first
    direct = rule["sizing"] == SIZE_DIRECT
    forecasts, confidences, volatilities, targets = columns[reads[0]], columns[reads[1]], columns[reads[2]], columns[reads[3]]
    targeted = direct and reads[3] >= 0
    simulated = rule["fill_model"] != FILL_VENUE
    most = records.size - RESERVE
    boundary = at[k] if k < at.size else rows.size
    i = start - 1
    while i + 1 < rows.size:
        i += 1
        if n > most:
            keep_all(carry, positions, tops, depth)
            return i, k, n
        if i == boundary and direct:
            passed = calm(rule, terms, account, positions, tops, at, targets, targeted, k) - k
            if passed > 0:
                i += passed
                k += passed
                boundary = at[k] if k < at.size else rows.size
                look(account, terms, positions, rows[i - 1], tops, k - 1)
                if i == rows.size:
                    break
        row = rows[i]
        kind = row["kind"]
        now = max(account["clock"], row["ts_recv"])
        account["clock"] = now
        account["seq"] = row["seq"]
        if simulated and account["active"] > 0:
            if account["wake"] <= now:
                n = mature(now, rule, terms, account, positions, orders, active, carry, tops, depth, records, n)
            if kind <= BAR and concerns(row, account, orders, active):
                n = meet(rule, terms, account, positions, orders, active, row, records, n)
        if kind > BAR:
            if kind == STATUS:
                n = on_status(rule, account, positions, orders, active, row, records, n)
            elif kind == TIMER:
                n = on_timer(rule, account, positions, orders, active, records, n)
            elif kind == CONTROL:
                n = on_control(rule, account, positions, orders, active, row, records, n)
            elif kind == REPORT:
                n = on_report(terms, account, positions, orders, active, row, records, n)
            continue
        if i != boundary:
            continue
        top = tops[k]
        instrument = top["instrument"]
        position = positions[instrument]
        look(account, terms, positions, row, tops, k)
        if position["lots"] != 0:
            changed = watch_losses(rule, account)
            if changed != PASS:
                n = on_loss(changed, rule, account, positions, orders, active, records, n)
        wish = position["target"]
        if targeted:
            want = targets[k]
            if -9e18 < want < 9e18:
                wish = int(want)
        elif not direct:
            position["forecast"] = forecasts[k]
            wish = wanted_lots(
                rule, terms[instrument], position, account["equity"], forecasts[k], confidences[k], volatilities[k], top["bid"], top["ask"]
            )
        if wish != position["target"] or account["halt"] != PASS:
            target, bound = limit_target(rule, terms[instrument], account, position, wish, top["bid"] + top["ask"])
            if target != position["target"]:
                position["target"] = target
                record = tell(records, n, TARGET, account, position, instrument)
                record["reason"] = bound
                if not direct:
                    record["figure"] = confidences[k]
                    record["limit"] = volatilities[k]
                account["decisions"] += 1
                n += 1
        planned = (targeted or not direct) and account["trading"] != OBSERVE
        if planned and (position["working_orders"] > 0 or (position["target"] != position["lots"] and now >= position["retry_at"])):
            n = plan(rule, terms, account, positions, orders, active, instrument, position["target"], records, n)
        if now - account["sampled"] >= rule["equity_sample_ns"]:
            n = sample_equity(rule, account, positions, orders, active, records, n)
        k += 1
        boundary = at[k] if k < at.size else rows.size
    keep_all(carry, positions, tops, depth)
    return rows.size, k, n


@inlined
def look(account, terms, positions, row, tops, k):  # type: ignore[no-untyped-def]
    """See boundary k, which `row` made: the touch, the clock, and what is held at the new mid."""
    top = tops[k]
    position = positions[top["instrument"]]
    account["clock"] = max(account["clock"], row["ts_recv"])
    account["seq"] = row["seq"]
    position["bid"] = top["bid"]
    position["ask"] = top["ask"]
    position["bid_lots"] = top["bid_lots"]
    position["ask_lots"] = top["ask_lots"]
    position["ts"] = account["clock"]
    position["top"] = k
    if position["lots"] != 0:
        mark(account, position, terms[top["instrument"]], top["bid"] + top["ask"])


@inlined
def calm(rule, terms, account, positions, tops, at, targets, targeted, k):  # type: ignore[no-untyped-def]
    """The first boundary from k on at which something may happen, while nothing works and the position is the wanted one.

    That is: a row that is no boundary, another instrument, another wish, a point of the equity curve or a new day, a loss
    limit. Before it only marks move, and of marks only the last one stays, the highest and the lowest equity they led to,
    and the worst drawdown: peak and trough move as in `watch_losses`.
    """
    instrument = tops[k]["instrument"]
    if k + 1 == at.size or tops[k + 1]["instrument"] != instrument:  # no stride for one
        return k
    position = positions[instrument]
    lots = position["lots"]
    wanted = not targeted or (position["target"] == lots and -(2**53) < lots < 2**53)
    if account["active"] > 0 or account["halt"] != PASS or not wanted or (targeted and targets[k] != lots):
        return k
    term = terms[instrument]
    until = account["sampled"] + rule["equity_sample_ns"]
    others = account["cash"] + account["marked"] - position["value"]
    peak, worst = account["peak"], account["max_drawdown"]
    floor = account["day_equity"] - rule["max_daily_loss"] + 1
    lowest = max(account["trough"], floor)
    if lots != 0:
        until = min(until, account["day_ends"])
        if drawdown_at(lowest, peak) >= rule["max_drawdown"]:
            return k
    tops, at, targets = tops[k:], at[k:], targets[k:]
    row, passed = at[0], at.size
    for j in range(at.size):
        top = tops[j]
        if at[j] - j != row or top["instrument"] != instrument or top["ts"] >= until or (targeted and targets[j] != lots):
            passed = j
            break
        if lots == 0:
            continue
        equity = others + worth(position, term, top["bid"] + top["ask"])
        if equity >= peak:
            peak = equity
            account["peak"] = equity
            account["trough"] = equity
            lowest = max(equity, floor)
        elif equity < lowest:
            fallen = drawdown_at(equity, peak)
            if equity < floor or fallen >= rule["max_drawdown"]:
                passed = j
                break
            worst = max(worst, fallen)
            account["trough"] = equity
            lowest = equity
    account["max_drawdown"] = worst
    return k + passed


@kernel
def keep_all(carry, positions, tops, depth):  # type: ignore[no-untyped-def]
    """The batch ends: what arriving orders will meet must outlive it."""
    for instrument in range(positions.size):
        keep_depth(carry, instrument, positions[instrument], tops, depth)


@kernel
def on_loss(changed, rule, account, positions, orders, active, records, n):  # type: ignore[no-untyped-def]
    """What `watch_losses` saw: a limit reached, so say it and cancel what works, or a day's loss over. Returns records written so far."""
    record = tell(records, n, HALT, account, positions[0], -1)
    record["reason"] = standing(account) if changed == RESUMED else changed
    record["money"] = account["equity"]
    record["figure"], record["limit"] = loss_figures(rule, account, changed)
    if changed == RESUMED:
        return n + 1
    return cancel_all(rule, account, positions, orders, active, records, n + 1)


@kernel
def cancel_all(rule, account, positions, orders, active, records, n):  # type: ignore[no-untyped-def]
    """Ask to cancel every working order; returns records written so far."""
    for j in range(account["active"]):
        order = orders[active[j]]
        if order["state"] < FILLED:
            n = ask_cancel(rule, account, positions[order["instrument"]], order, records, n)
    return n


@kernel
def sample_equity(rule, account, positions, orders, active, records, n):  # type: ignore[no-untyped-def]
    """One point of the equity curve; returns records written so far."""
    changed = watch_losses(rule, account)
    if changed != PASS:
        n = on_loss(changed, rule, account, positions, orders, active, records, n)
    record = tell(records, n, EQUITY, account, positions[0], -1)
    record["money"] = account["equity"]
    record["figure"] = float(account["realised"])
    record["limit"] = drawdown(account)
    account["sampled"] = account["clock"]
    return n + 1


@kernel
def on_status(rule, account, positions, orders, active, row, records, n):  # type: ignore[no-untyped-def]
    """A book changed its state: what works on a book that is not live is pulled, nobody can say where it stands."""
    instrument = row["instrument"]
    if not 0 <= instrument < positions.size:
        return n
    positions[instrument]["book"] = row["price"]
    if row["price"] == LIVE:
        return n
    for j in range(account["active"]):
        order = orders[active[j]]
        if order["instrument"] == instrument and order["state"] < FILLED:
            n = ask_cancel(rule, account, positions[instrument], order, records, n)
    return n


@kernel
def on_timer(rule, account, positions, orders, active, records, n):  # type: ignore[no-untyped-def]
    """Time passed: pull the orders of instruments whose data grew stale or whose book is not live."""
    now = account["clock"]
    for j in range(account["active"]):
        order = orders[active[j]]
        position = positions[order["instrument"]]
        if order["state"] < FILLED and (position["book"] != LIVE or now - position["ts"] > rule["max_data_age_ns"]):
            n = ask_cancel(rule, account, position, order, records, n)
    if now - account["sampled"] >= rule["equity_sample_ns"]:
        n = sample_equity(rule, account, positions, orders, active, records, n)
    return n


@kernel
def on_control(rule, account, positions, orders, active, row, records, n):  # type: ignore[no-untyped-def]
    """An operator's command; see domain.control."""
    command = row["price"]
    before = account["trading"]
    stops = command == KILL or (command == PAUSE and before == RUNNING)
    resumes = command == RESUME and (before == HALTED_PAUSED or (before == RUNNING and account["halt"] != PASS))
    releases = command == RELEASE and before == HALTED_KILLED
    if stops:
        account["trading"] = HALTED_KILLED if command == KILL else HALTED_PAUSED
    elif resumes or releases:
        account["trading"] = OBSERVE if rule["observe"] else RUNNING
        if resumes:
            forget_losses(account)
    elif command == DEPOSIT:
        account["deposits"] += row["quantity"]
        account["cash"] += row["quantity"]
        account["equity"] += row["quantity"]
        account["peak"] += row["quantity"]
        account["trough"] += row["quantity"]
        account["day_equity"] += row["quantity"]
    if not (stops or resumes or releases):
        return n
    record = tell(records, n, HALT, account, positions[0], -1)
    record["reason"] = standing(account)
    record["figure"] = float(before)
    record["limit"] = float(account["trading"])
    n += 1
    if stops:
        n = cancel_all(rule, account, positions, orders, active, records, n)
    return n


@kernel
def standing(account):  # type: ignore[no-untyped-def]
    """What keeps positions from being opened now, as a reason of domain.orders; RESUMED where nothing does."""
    if account["trading"] == HALTED_KILLED:
        return KILLED
    if account["trading"] == HALTED_PAUSED:
        return PAUSED
    if account["trading"] == OBSERVE:
        return OBSERVING
    return account["halt"] if account["halt"] != PASS else RESUMED


@kernel
def forget_losses(account):  # type: ignore[no-untyped-def]
    """An operator resumed: where a loss limit had been reached, losses are counted from here."""
    if account["halt"] == PASS:
        return
    account["halt"] = PASS
    account["peak"] = account["equity"]
    account["trough"] = account["equity"]
    account["day_equity"] = account["equity"]


@kernel
def on_report(terms, account, positions, orders, active, row, records, n):  # type: ignore[no-untyped-def]
    """A real venue's word about one of our orders; on an order we no longer know, or one no venue can say, it is a fault."""
    what = row["flags"]
    identity = row["other"]
    order = orders[identity % ORDER_SLOTS]
    if order["id"] != identity or what < ACCEPT or what > REJECT:
        account["faults"] += 1
        return n
    if what == FILL_PART or what == FILL_LAST:
        n = fill(terms, account, positions, order, row["price"], row["quantity"], TAKER, row["other_quantity"], True, records, n)
    else:
        n = report(terms, account, positions, order, what, records, n)
    sweep_finished(account, orders, active)
    return n
