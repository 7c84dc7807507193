"""Limits on targets: what may be wanted at all, before any order is thought of.

A target that is too large is cut to what is allowed; a loss limit that was reached makes every target zero, so the
desk works itself flat through the same orders and the same gate as ever.
"""

from polaris.desk.state import DAY
from polaris.domain.kernel import inlined
from polaris.domain.orders import DAILY_LOSS, DRAWDOWN, PASS, POSITION_LIMIT, TOTAL_NOTIONAL


@inlined
def watch_losses(rule, account):  # type: ignore[no-untyped-def]
    """Bring peak, trough and the day up to date and see whether a loss limit is reached now.

    returns  DAILY_LOSS or DRAWDOWN the moment it is reached, else PASS. A daily loss ends with its day (UTC); a
             drawdown stays until an operator resumes.
    """
    equity = account["equity"]
    if account["clock"] >= account["day_ends"]:
        account["day_ends"] = (account["clock"] // DAY + 1) * DAY
        account["day_equity"] = equity
        if account["halt"] == DAILY_LOSS:
            account["halt"] = PASS
    if equity >= account["peak"]:
        account["peak"] = equity
        account["trough"] = equity
        return PASS
    if equity < account["trough"]:
        account["trough"] = equity
        drawdown = float(account["peak"] - equity) / float(max(account["peak"], 1))
        account["max_drawdown"] = max(account["max_drawdown"], drawdown)
        if drawdown >= rule["max_drawdown"] and account["halt"] == PASS:
            account["halt"] = DRAWDOWN
            return DRAWDOWN
    if account["day_equity"] - equity >= rule["max_daily_loss"] and account["halt"] == PASS:
        account["halt"] = DAILY_LOSS
        return DAILY_LOSS
    return PASS


@inlined
def limit_target(rule, term, account, position, wish, mid2):  # type: ignore[no-untyped-def]
    """Cut a wanted position to what the limits allow.

    wish     lots, signed
    mid2     bid + ask, ticks
    returns  (lots, the limit that bound it or PASS)
    """
    if account["halt"] != PASS:
        return 0, account["halt"]
    if wish == 0:
        return 0, PASS
    lot_value = 0.5 * float(mid2) * term["money_per_tick_lot"]
    if lot_value <= 0.0:
        return position["lots"], POSITION_LIMIT
    size = wish if wish >= 0 else -wish
    bound = PASS
    most = int(min(float(term["max_position_notional"]) / lot_value, 9e18))
    if size > most:
        size = most
        bound = POSITION_LIMIT
    own = position["value"] if position["value"] >= 0 else -position["value"]
    room = rule["max_total_notional"] - (account["gross"] - own)
    most = int(min(float(max(room, 0)) / lot_value, 9e18))
    if size > most:
        size = most
        bound = TOTAL_NOTIONAL
    if bound != PASS:
        size = size // term["quantity_increment"] * term["quantity_increment"]
    return (size if wish >= 0 else -size), bound
