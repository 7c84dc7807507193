"""Orders and fills of an account as Coinbase tells them: documents, and events of the channel `user`.

Everything is told as it is in the register at that moment. When an order is to end is kept in its number, below 0.
Source: Coinbase Advanced Trade API documentation, "Get Order", "List Fills", "User Channel".
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from polaris.domain.numbers import text
from polaris.domain.orders import BUY
from polaris.exchange.gateway.coinbase import names
from polaris.exchange.gateway.coinbase import wanted as kinds
from polaris.exchange.gateway.coinbase.brackets import Bracket, Shown, legs_of
from polaris.exchange.gateway.coinbase.figures import Figures, money
from polaris.exchange.gateway.coinbase.times import written
from polaris.exchange.gateway.coinbase.wanted import STOP_DOWN, STOP_UP
from polaris.exchange.gateway.ending import ends_of
from polaris.exchange.gateway.orders import FILLED, PENDING_NEW, Order, Trade
from polaris.exchange.gateway.register import Register
from polaris.exchange.words import FOK, IOC, LIMIT, MARKET, MARKET_AMOUNT, POST_ONLY, POST_SLIDE, STOP, STOP_LIMIT, TRAILING_STOP

Document = dict[str, Any]
STATUSES: Final = ("PENDING", "OPEN", "FILLED", "CANCELLED", "EXPIRED", "FAILED", "UNKNOWN_ORDER_STATUS", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED")
MARKETS: Final = frozenset({MARKET, MARKET_AMOUNT})
TYPE_WORDS: Final = {"MARKET": "Market", "LIMIT": "Limit", "STOP_LIMIT": "Stop Limit", "BRACKET": "Bracket"}
PLAIN: Final = frozenset({LIMIT, *MARKETS})  # they wait for no price


def side_name(side: int) -> str:
    """BUY or SELL."""
    return "BUY" if side == BUY else "SELL"


def by_amount(order: Shown) -> bool:
    """Whether an order is for an amount of the quote currency."""
    return isinstance(order, Order) and order.order_type == MARKET_AMOUNT


def status(order: Shown) -> str:
    """EXPIRED is told of an order whose time was over; what else the venue ended is cancelled to Coinbase."""
    if order.alive:
        return "PENDING" if order.state == PENDING_NEW else "OPEN"
    if order.state == FILLED:
        return "FILLED"
    return "EXPIRED" if ends_of(order.number) and order.updated >= ends_of(order.number) else "CANCELLED"


def type_name(order: Shown) -> str:
    if isinstance(order, Bracket):
        return "BRACKET"
    return "MARKET" if order.order_type in MARKETS else "LIMIT" if order.order_type == LIMIT else "STOP_LIMIT"


def time_name(order: Shown) -> str:
    if order.time_in_force == IOC:
        return "IMMEDIATE_OR_CANCEL"
    if order.time_in_force == FOK:
        return "FILL_OR_KILL"
    return "GOOD_UNTIL_DATE_TIME" if ends_of(order.number) else "GOOD_UNTIL_CANCELLED"


def configuration(figures: Figures, order: Shown) -> Document:
    """The order_configuration that asks for such an order."""
    if isinstance(order, Bracket):
        return _bracket(figures, order)
    if order.order_type == MARKET_AMOUNT:
        return {kinds.MARKET_IOC: {"quote_size": figures.amount(order.quantity)}}
    size = {"base_size": figures.size(order.quantity)}
    if order.order_type == MARKET:
        return {kinds.MARKET_IOC: size}
    terms: Document = {**size, "limit_price": figures.price(order.price)}
    until = ends_of(order.number)
    ends = {"end_time": written(until)} if until else {}
    if order.order_type != LIMIT:
        stop = {"stop_price": figures.price(order.trigger), "stop_direction": STOP_UP if _waits_above(order) else STOP_DOWN}
        return {kinds.STOP_GTD if until else kinds.STOP_GTC: {**terms, **stop, **ends}}
    if order.time_in_force == IOC:
        return {kinds.LIMIT_IOC: terms}
    if order.time_in_force == FOK:
        return {kinds.LIMIT_FOK: terms}
    terms["post_only"] = order.time_in_force in (POST_ONLY, POST_SLIDE)
    return {kinds.LIMIT_GTD if until else kinds.LIMIT_GTC: {**terms, **ends}}


def _bracket(figures: Figures, bracket: Bracket) -> Document:
    prices = {"limit_price": figures.price(bracket.price), "stop_trigger_price": figures.price(bracket.trigger)}
    terms = {"base_size": figures.size(bracket.quantity), **prices}
    until = ends_of(bracket.number)
    return {kinds.BRACKET_GTD: {**terms, "end_time": written(until)}} if until else {kinds.BRACKET_GTC: terms}


def order(figures: Figures, order: Shown, trades: Sequence[Trade]) -> Document:
    """One order; `trades` are its own."""
    fees = figures.fees(trades)
    return {
        "order_id": names.order_name(order.book, order.order_id),
        "product_id": figures.product,
        "user_id": names.user_name(order.account),
        "order_configuration": configuration(figures, order),
        "side": side_name(order.side),
        "client_order_id": names.told(order.first_id),
        "status": status(order),
        "time_in_force": time_name(order),
        "created_time": written(order.created),
        "completion_percentage": completion(order),
        "filled_size": figures.size(order.executed),
        "average_filled_price": figures.average(order.paid, order.executed),
        "fee": "",
        "number_of_fills": str(len(trades)),
        "filled_value": figures.amount(order.paid),
        "pending_cancel": False,
        "size_in_quote": by_amount(order),
        "total_fees": fees,
        "size_inclusive_of_fees": False,
        "total_value_after_fees": after_fees(figures, order, fees),
        "trigger_status": trigger_status(order),
        "order_type": type_name(order),
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": not order.alive,
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": "",
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": hold(figures, order),
        "is_liquidation": False,
        "last_fill_time": written(trades[-1].ts) if trades else None,
        "edit_history": [
            {"price": "", "size": figures.size(each.after), "replace_accept_timestamp": written(each.ts)} for each in order.amendments or ()
        ],
        "leverage": "",
        "margin_type": "UNKNOWN_MARGIN_TYPE",
        "retail_portfolio_id": names.user_name(order.account),
        "originating_order_id": "",
        "attached_order_id": "",
        "attached_order_configuration": None,
        "current_pending_replace": None,
        "commission_detail_total": None,
    }  # fmt: skip


def user_order(figures: Figures, order: Shown, trades: Sequence[Trade]) -> Document:
    """One order as the channel `user` tells it."""
    fees = figures.fees(trades)
    lots = order.executed if by_amount(order) else order.quantity
    return {
        "avg_price": figures.average(order.paid, order.executed),
        "cancel_reason": "" if order.alive or order.state == FILLED else "User requested cancel" if status(order) == "CANCELLED" else "",
        "client_order_id": names.told(order.first_id),
        "completion_percentage": completion(order),
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "cumulative_quantity": figures.size(order.executed),
        "filled_value": figures.amount(order.paid),
        "leaves_quantity": figures.size(order.open if order.alive else max(0, lots - order.executed - order.prevented)),
        "limit_price": figures.price(order.price) if order.price else "0",
        "number_of_fills": str(len(trades)),
        "order_id": names.order_name(order.book, order.order_id),
        "order_side": side_name(order.side),
        "order_type": TYPE_WORDS[type_name(order)],
        "outstanding_hold_amount": hold(figures, order),
        "post_only": "true" if order.maker_only else "false",
        "product_id": figures.product,
        "product_type": "SPOT",
        "reject_reason": "",
        "retail_portfolio_id": names.user_name(order.account),
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
        "status": status(order),
        "stop_price": figures.price(order.trigger) if order.trigger else "",
        "time_in_force": time_name(order),
        "total_fees": fees,
        "total_value_after_fees": after_fees(figures, order, fees),
        "trigger_status": trigger_status(order),
        "creation_time": written(order.created),
        "end_time": written(ends_of(order.number)) if ends_of(order.number) else "0001-01-01T00:00:00Z",
        "start_time": "0001-01-01T00:00:00Z",
    }


def fill(figures: Figures, trade: Trade, account: int, order_id: int) -> Document:
    """One of an account's fills; `order_id` is its order's, as the client knows it."""
    return {
        "entry_id": f"{trade.book}-{trade.trade_id}-{'maker' if trade.maker else 'taker'}",
        "trade_id": str(trade.trade_id),
        "order_id": names.order_name(trade.book, order_id),
        "trade_time": written(trade.ts),
        "trade_type": "FILL",
        "price": figures.price(trade.price),
        "size": figures.size(trade.lots),
        "commission": figures.fees([trade]),
        "product_id": figures.product,
        "sequence_timestamp": written(trade.ts),
        "liquidity_indicator": "MAKER" if trade.maker else "TAKER",
        "size_in_quote": False,
        "user_id": names.user_name(account),
        "side": side_name(trade.side),
        "retail_portfolio_id": names.user_name(account),
        "fillSource": "FILL_SOURCE_CLOB",
    }


def trades_of(register: Register, order: Shown) -> list[Trade]:
    """An order's own trades, as far as they are kept."""
    return [trade for leg in legs_of(order) if leg.executed for trade in register.trades(leg.account, leg.book, leg.order_id)]


def trades_by_order(trades: Iterable[Trade]) -> dict[int, list[Trade]]:
    """Trades of one book by order."""
    found: dict[int, list[Trade]] = {}
    for trade in trades:
        found.setdefault(trade.order_id, []).append(trade)
    return found


def completion(order: Shown) -> str:
    """Percent of what was asked for that is filled."""
    done = order.paid if by_amount(order) else order.executed
    return text(done * 10_000 // order.quantity, 2, trim=True) if order.state != FILLED else "100"


def after_fees(figures: Figures, order: Shown, fees: str) -> str:
    """What it cost or brought with its fees, in the quote."""
    decimals = max(len(fees.partition(".")[2]), figures.listing.quote.decimals)
    paid = order.paid * figures.listing.value * 10 ** (decimals - figures.listing.quote.decimals)
    cost = int(fees.replace(".", "")) * 10 ** (decimals - len(fees.partition(".")[2]))
    return text(paid + cost if order.side == BUY else paid - cost, decimals, trim=True)


def hold(figures: Figures, order: Shown) -> str:
    """What it locks, in the quote where it buys and in the base where it sells."""
    if not order.open:
        return "0"
    locks = order.holds if isinstance(order, Bracket) else order.open * (order.price if order.side == BUY else 1)
    return figures.amount(locks) if order.side == BUY else money(figures.listing.base, locks * figures.listing.lot_units)


def trigger_status(order: Shown) -> str:
    if isinstance(order, Bracket):
        return "STOP_TRIGGERED" if order.stop.working else "STOP_PENDING"
    if order.order_type in PLAIN:
        return "INVALID_ORDER_TYPE"
    return "STOP_TRIGGERED" if order.working else "STOP_PENDING"


def _waits_above(order: Order) -> bool:
    return (order.order_type in (STOP, STOP_LIMIT) or order.order_type >= TRAILING_STOP) == (order.side == BUY)
