"""Limits on targets: what may be wanted at all, before any order is thought of.

A target that is too large is cut to what is allowed; a loss limit that was reached makes every target zero, so the
desk works itself flat through the same orders and the same gate as ever.
"""

from polaris.desk.state import DAY
from polaris.domain.kernel import inlined
from polaris.domain.orders import DAILY_LOSS, DRAWDOWN, PASS, POSITION_LIMIT, RESUMED, TOTAL_NOTIONAL


@inlined
def watch_losses(rule, account):  # type: ignore[no-untyped-def]
    """Bring peak, trough and the day up to date and see whether a loss limit is reached now.

    returns  DAILY_LOSS or DRAWDOWN the moment it is reached, RESUMED the moment a daily loss is over, else PASS. A daily
             loss ends with its day (UTC); a drawdown stays until an operator resumes, so it also replaces a daily loss.
    """
    equity = account["equity"]
    changed = PASS
    if account["clock"] >= account["day_ends"]:
        account["day_ends"] = (account["clock"] // DAY + 1) * DAY
        account["day_equity"] = equity
        if account["halt"] == DAILY_LOSS:
            account["halt"] = PASS
            changed = RESUMED
    if equity >= account["peak"]:
        account["peak"] = equity
        account["trough"] = equity
        return changed
    if equity < account["trough"]:
        account["trough"] = equity
        account["max_drawdown"] = max(account["max_drawdown"], drawdown(account))
    if account["halt"] != DRAWDOWN and drawdown(account) >= rule["max_drawdown"]:
        account["halt"] = DRAWDOWN
        return DRAWDOWN
    if account["halt"] == PASS and account["day_equity"] - equity >= rule["max_daily_loss"]:
        account["halt"] = DAILY_LOSS
        return DAILY_LOSS
    return changed


@inlined
def drawdown(account):  # type: ignore[no-untyped-def]
    """How far equity is below its peak, as a fraction of the peak."""
    return drawdown_at(account["equity"], account["peak"])


@inlined
def drawdown_at(equity, peak):  # type: ignore[no-untyped-def]
    """How far an equity is below a peak, as a fraction of the peak."""
    return float(peak - equity) / float(max(peak, 1))


@inlined
def loss_figures(rule, account, limit):  # type: ignore[no-untyped-def]
    """(what is measured, what is allowed) of a loss limit: fractions for DRAWDOWN, else money."""
    if limit == DRAWDOWN:
        return drawdown(account), rule["max_drawdown"]
    return float(account["day_equity"] - account["equity"]), float(rule["max_daily_loss"])


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
