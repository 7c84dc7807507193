"""ExecutionReports: what became of an order, as FIX tells it.

CumQty, LeavesQty and AvgPx are those of the moment a report tells of: the register shows an order as the whole command left it, so the
moments before are counted back from there. Restated (D) reports tell of what nobody asked for and no trade did: a stop that is
triggered, an order that shrank rather than trade with its own account, or with the other leg of its list.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from polaris.domain.numbers import scaled
from polaris.domain.orders import BUY
from polaris.exchange import words as core
from polaris.exchange.gateway.ending import ends_of
from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.codec import Field, timestamp
from polaris.exchange.gateway.fix.wanted import ALL_OR_NONE, AT_ONCE, DAY, DAY_NS, NEVER_TAKES, TILL_CANCELLED, TILL_DATE
from polaris.exchange.gateway.orders import CANCELED, EXPIRED, EXPIRED_IN_MATCH, FILLED, NEW, PARTIALLY_FILLED, PENDING_NEW, Change, Order
from polaris.exchange.listing import Listing, Rules

# ExecType and OrdStatus
STATUSES: Final = {PENDING_NEW: "A", NEW: "0", PARTIALLY_FILLED: "1", FILLED: "2", CANCELED: "4", EXPIRED: "C", EXPIRED_IN_MATCH: "C"}
REJECTED: Final = "8"
STATUS_ASKED: Final = "I"
EXEC_TYPES: Final = {core.ACCEPTED: "0", core.FILL: "F", core.CANCELLED: "4", core.EXPIRED: "C", core.AMENDED: "5", core.TRIGGERED: "D", core.PREVENTED: "D", core.SHRUNK: "D"}
RESTATEMENTS: Final = {core.TRIGGERED: "8", core.PREVENTED: "5", core.SHRUNK: "5"}  # ExecRestatementReason: market option, partial decline of OrderQty
ORDER_TYPES: Final = {core.MARKET: "1", core.MARKET_AMOUNT: "1", core.LIMIT: "2", core.STOP: "3", core.STOP_LIMIT: "4"}
PRICED: Final = frozenset({core.LIMIT, core.STOP_LIMIT, core.TAKE_PROFIT_LIMIT, core.TRAILING_STOP_LIMIT})
ABSOLUTE: Final = "3"  # CommType
ADDED, REMOVED = "1", "2"  # LastLiquidityInd
EXEC_RESTATEMENT_REASON: Final = 378
SECONDARY_EXEC_ID: Final = 527
WORKING_INDICATOR: Final = 636
AVERAGE_DECIMALS: Final = 8  # more than the price has


class Moment(NamedTuple):
    """How an order stood: lots, and ticks times lots."""

    state: int
    executed: int
    paid: int
    open: int
    whole: int  # what it asks for in all, less what was prevented


def now(order: Order) -> Moment:
    """How it stands."""
    whole = order.executed if order.order_type == core.MARKET_AMOUNT else order.quantity - order.prevented
    return Moment(order.state, order.executed, order.paid, order.open, whole)


def moments(changes: Sequence[Change]) -> list[Moment]:
    """How their order stood right after each of these changes, which one command made in this order."""
    order = changes[-1].order
    assert order is not None
    at = now(order)
    found = []
    for change in reversed(changes):
        found.append(at)
        state, executed, paid, left, whole = at
        if change.trade is not None:
            executed, paid, left = executed - change.trade.lots, paid - change.trade.lots * change.trade.price, left + change.trade.lots
        elif change.kind in (core.CANCELLED, core.EXPIRED):
            left += change.quantity
        elif change.kind in (core.PREVENTED, core.SHRUNK):
            left, whole = left + change.quantity, whole + change.quantity
        if change.kind != core.ACCEPTED:
            state = PARTIALLY_FILLED if executed else NEW
        if order.order_type == core.MARKET_AMOUNT:
            left = 0  # an amount is no number of lots
        at = Moment(state, executed, paid, left, whole)
    return found[::-1]


class Reports:
    """Writes the reports of one venue."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._accounts = [str(account) for account in range(rules.accounts)]

    def changed(self, change: Change, order: Order, at: Moment, exec_id: str) -> list[Field]:
        """What one event did to an order; `at` is how it stood then."""
        exec_type = "C" if at.state == EXPIRED_IN_MATCH else EXEC_TYPES[change.kind]
        fields = self._head(order, at, exec_id, exec_type, change.former)
        if exec_type == "D":
            fields.append((EXEC_RESTATEMENT_REASON, RESTATEMENTS[change.kind]))
            fields.append((WORKING_INDICATOR, "N" if order.waits else "Y"))
        fields += self._terms(order, at)
        if (trade := change.trade) is not None:
            listing = self._rules.listings[trade.book]
            received = listing.base if trade.side == BUY else listing.quote
            fields += [
                (w.LAST_QTY, listing.quantity_text(trade.lots)),
                (w.LAST_PX, listing.price_text(trade.price)),
                (SECONDARY_EXEC_ID, str(trade.trade_id)),
                (w.COMMISSION, received.text(trade.fee)),
                (w.COMM_TYPE, ABSOLUTE),
                (w.COMM_CURRENCY, received.name),
                (w.LAST_LIQUIDITY_IND, ADDED if trade.maker else REMOVED),
            ]
        fields += self._standing(order, at, change.ts)
        if change.reason and change.kind in (core.EXPIRED, core.CANCELLED, core.PREVENTED):
            fields.append((w.TEXT, core.REASON_NAMES[change.reason]))
        return fields

    def status(self, order: Order, exec_id: str) -> list[Field]:
        """How an order stands, because it was asked."""
        at = now(order)
        return [*self._head(order, at, exec_id, STATUS_ASKED), *self._terms(order, at), *self._standing(order, at, order.updated)]

    def _head(self, order: Order, at: Moment, exec_id: str, exec_type: str, former: str = "") -> list[Field]:
        fields = [(w.ORDER_ID, str(order.order_id)), (w.CL_ORD_ID, order.client_id)]
        if former and former != order.client_id:
            fields.append((w.ORIG_CL_ORD_ID, former))
        return [*fields, (w.EXEC_ID, exec_id), (w.EXEC_TYPE, exec_type), (w.ORD_STATUS, STATUSES[at.state]), (w.ACCOUNT, self._accounts[order.account])]

    def _terms(self, order: Order, at: Moment) -> list[Field]:
        listing = self._rules.listings[order.book]
        fields = [
            (w.SYMBOL, listing.symbol),
            (w.SIDE, "1" if order.side == BUY else "2"),
            (w.ORDER_QTY, listing.quantity_text(at.whole)) if order.order_type != core.MARKET_AMOUNT else (w.CASH_ORDER_QTY, listing.amount_text(order.quantity)),
            (w.ORD_TYPE, ORDER_TYPES.get(order.order_type, "J")),
        ]
        if order.order_type in PRICED:
            fields.append((w.PRICE, listing.price_text(order.price)))
        if order.trigger:
            fields.append((w.STOP_PX, listing.price_text(order.trigger)))
        fields.append((w.TIME_IN_FORCE, time_in_force(order)))
        if (ends := ends_of(order.number)) % DAY_NS:
            fields.append((w.EXPIRE_TIME, timestamp(ends)))
        if order.time_in_force == core.POST_ONLY:
            fields.append((w.EXEC_INST, NEVER_TAKES))
        if order.display > 0:
            fields.append((w.MAX_FLOOR, listing.quantity_text(order.display)))
        return fields

    def _standing(self, order: Order, at: Moment, ts: int) -> list[Field]:
        listing = self._rules.listings[order.book]
        return [
            (w.LEAVES_QTY, listing.quantity_text(at.open)),
            (w.CUM_QTY, listing.quantity_text(at.executed)),
            (w.AVG_PX, average(listing, at.paid, at.executed)),
            (w.TRANSACT_TIME, timestamp(ts)),
        ]


def time_in_force(order: Order) -> str:
    """As it was asked for: 0 Day, 1 GTC, 3 IOC, 4 FOK, 6 GTD."""
    if ends := ends_of(order.number):
        return TILL_DATE if ends % DAY_NS else DAY
    return {core.IOC: AT_ONCE, core.FOK: ALL_OR_NONE}.get(order.time_in_force, TILL_CANCELLED)


def average(listing: Listing, paid: int, executed: int) -> str:
    """The average price to eight decimals, nearest: ticks times lots over lots; 0 before the first fill."""
    if not executed:
        return "0"
    decimals = max(AVERAGE_DECIMALS, listing.price_decimals)
    units = (2 * paid * scaled(listing.tick_size, decimals) + executed) // (2 * executed)
    whole, part = divmod(units, 10**decimals)
    return f"{whole}.{part:0{decimals}d}".rstrip("0").rstrip(".")

