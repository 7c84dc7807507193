"""Orders, lists and trades of an account as Binance tells them: answers, queries and events of the user stream.

Everything is told as it is in the register at that moment; fields that Binance shows only sometimes are shown as it does.
Source: Binance spot API documentation, "Trading endpoints", "Conditional fields in Order Responses", "User Data Streams".
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from polaris.domain.orders import BUY
from polaris.exchange.gateway.binance.call import encode
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.binance.wanted import PREVENTIONS, TRAILS_PROFIT, strategy_of
from polaris.exchange.gateway.orders import EXPIRED as HAS_EXPIRED
from polaris.exchange.gateway.orders import (
    OCO,
    PARTIALLY_FILLED,
    STATE_NAMES,
    STILL_PENDING,
    Amendment,
    Change,
    Order,
    OrderList,
    Prevented,
    Trade,
)
from polaris.exchange.words import (
    ACCEPTED,
    ACTIVATED,
    AMENDED,
    CANCELLED,
    EXPIRED,
    FILL,
    FOK,
    IOC,
    LIMIT,
    LINKED,
    MARKET,
    MARKET_AMOUNT,
    NOT_FILLABLE,
    NOT_REDUCING,
    PREVENTED,
    PRICE_BAND,
    REMAINDER,
    SHRUNK,
    STOP,
    STOP_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TIME,
    TRAILING_STOP,
    TRAILING_STOP_LIMIT,
    TRIGGERED,
)

Document = dict[str, Any]
Time = Callable[[int], int]
TYPE_NAMES: Final = {
    LIMIT: "LIMIT", MARKET: "MARKET", MARKET_AMOUNT: "MARKET", STOP: "STOP_LOSS", STOP_LIMIT: "STOP_LOSS_LIMIT", TAKE_PROFIT: "TAKE_PROFIT",
    TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT", TRAILING_STOP: "STOP_LOSS", TRAILING_STOP_LIMIT: "STOP_LOSS_LIMIT",
}  # fmt: skip
TIMED: Final = frozenset({LIMIT, STOP_LIMIT, TAKE_PROFIT_LIMIT, TRAILING_STOP_LIMIT})
PREVENTION_NAMES: Final = {number: name for name, number in PREVENTIONS.items()}
EXECUTIONS: Final = {
    ACCEPTED: "NEW", FILL: "TRADE", CANCELLED: "CANCELED", EXPIRED: "EXPIRED", AMENDED: "REPLACED", PREVENTED: "TRADE_PREVENTION", TRIGGERED: "NEW",
    ACTIVATED: "NEW", SHRUNK: "REPLACED",
}  # fmt: skip
EXPIRIES: Final = {
    REMAINDER: "UNFILLED_IOC_QUANTITY_EXPIRED", NOT_FILLABLE: "UNFILLED_FOK_ORDER_EXPIRED", PRICE_BAND: "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
    LINKED: "OCO_TRIGGER", LINKED | STILL_PENDING: "OTO_PHASE_ONE_EXPIRED", TIME: "EXCHANGE_CANCELED", TIME | STILL_PENDING: "EXCHANGE_CANCELED",
    NOT_REDUCING: "EXCHANGE_CANCELED", 0: "NONE",
}  # fmt: skip
NO_LIQUIDITY: Final = "INSUFFICIENT_LIQUIDITY"  # the remainder of a market order
NO_LIST: Final = -1
ZERO: Final = "0.00000000"


def side_name(side: int) -> str:
    """BUY or SELL."""
    return "BUY" if side == BUY else "SELL"


def type_name(order: Order) -> str:
    """An order's type; a trailing one is told as the stop or take-profit it was asked as."""
    if order.order_type >= TRAILING_STOP and order.number >= TRAILS_PROFIT:
        return "TAKE_PROFIT" if order.order_type == TRAILING_STOP else "TAKE_PROFIT_LIMIT"
    return "LIMIT_MAKER" if order.maker_only else TYPE_NAMES[order.order_type]


def time_name(order: Order) -> str:
    """Of an order whose type has none it is told as GTC."""
    if order.order_type in TIMED:
        return "IOC" if order.time_in_force == IOC else "FOK" if order.time_in_force == FOK else "GTC"
    return "GTC"


def expiry_reason(order: Order) -> str:
    """Why an order expired; what could not enter the book when its turn came was REJECTED, of what was carried over from before it was kept nothing is known."""
    if order.expiry == REMAINDER and order.order_type not in TIMED:
        return NO_LIQUIDITY
    return EXPIRIES.get(order.expiry, "REJECTED")


def list_number(order: Order) -> int:
    """Its list's number, -1 where it is in none."""
    return order.list.list_id if order.list is not None else NO_LIST


def asked_lots(order: Order) -> int:
    """What was asked for; of a market order by amount what it came to."""
    return order.executed if order.order_type == MARKET_AMOUNT else order.quantity


def acknowledged(figures: Figures, order: Order, ts: int, time: Time) -> Document:
    """ACK: it was taken."""
    return {
        "symbol": figures.symbol,
        "orderId": order.order_id,
        "orderListId": list_number(order),
        "clientOrderId": order.client_id,
        "transactTime": time(ts),
    }


def result(figures: Figures, order: Order, ts: int, time: Time, trades: Sequence[Trade] | None = None) -> Document:
    """RESULT: what became of it at once; with `trades` FULL."""
    told = {**acknowledged(figures, order, ts, time), **_progress(figures, order), **_sometimes(figures, order, time)}
    told["workingTime"] = time(order.working) if order.working else -1
    if trades is not None:
        told["fills"] = [fill(figures, trade) for trade in trades]
    told["selfTradePreventionMode"] = PREVENTION_NAMES[order.prevention]
    return {**told, **_ended(figures, order)}


def result_text(figures: Figures, order: Order, ts: int, time: Time, trades: Sequence[Trade] | None = None) -> bytes:
    """`result` as JSON. Of the orders most often placed it is written out at once, which takes a third of the time."""
    if order.order_type != LIMIT or order.list is not None or order.display or order.number or order.prevented_id or order.state == HAS_EXPIRED or trades:
        return encode(result(figures, order, ts, time, trades))
    working = time(order.working) if order.working else -1
    fills = "" if trades is None else '"fills":[],'
    return (
        f'{{"symbol":"{figures.symbol}","orderId":{order.order_id},"orderListId":-1,"clientOrderId":"{order.client_id}","transactTime":{time(ts)},'
        f'"price":"{figures.price(order.price)}","origQty":"{figures.quantity(order.quantity)}","executedQty":"{figures.quantity(order.executed)}",'
        f'"origQuoteOrderQty":"{ZERO}","cummulativeQuoteQty":"{figures.amount(order.paid)}","status":"{STATE_NAMES[order.state]}",'
        f'"timeInForce":"{time_name(order)}","type":"{type_name(order)}","side":"{side_name(order.side)}","workingTime":{working},{fills}'
        f'"selfTradePreventionMode":"{PREVENTION_NAMES[order.prevention]}"}}'
    ).encode()


def status(figures: Figures, order: Order, time: Time) -> Document:
    """One order as a query finds it."""
    return {
        "symbol": figures.symbol,
        "orderId": order.order_id,
        "orderListId": list_number(order),
        "clientOrderId": order.client_id,
        **_progress(figures, order),
        "stopPrice": figures.price(order.trigger),
        "icebergQty": figures.quantity(max(0, order.display)),
        "time": time(order.created),
        "updateTime": time(order.updated),
        "isWorking": order.working != 0,
        "workingTime": time(order.working) if order.working else -1,
        **_trailing(order, time),
        **_strategy(order),
        "selfTradePreventionMode": PREVENTION_NAMES[order.prevention],
        **_ended(figures, order),
    }


def cancelled(figures: Figures, order: Order, former: str, ts: int, time: Time) -> Document:
    """One order that was cancelled; `former` is what it was called."""
    return {
        "symbol": figures.symbol,
        "origClientOrderId": former,
        "orderId": order.order_id,
        "orderListId": list_number(order),
        "clientOrderId": order.client_id,
        "transactTime": time(ts),
        **_progress(figures, order),
        **_sometimes(figures, order, time),
        "selfTradePreventionMode": PREVENTION_NAMES[order.prevention],
    }


def amended(figures: Figures, order: Order, change: Change, time: Time) -> Document:
    """One order that keeps its place with less."""
    told: Document = {
        "transactTime": time(change.ts),
        "executionId": change.number,
        "amendedOrder": {
            "symbol": figures.symbol,
            "orderId": order.order_id,
            "orderListId": list_number(order),
            "origClientOrderId": change.former,
            "clientOrderId": order.client_id,
            "price": figures.price(order.price),
            "qty": figures.quantity(order.quantity),
            "executedQty": figures.quantity(order.executed),
            "preventedQty": figures.quantity(order.prevented),
            "quoteOrderQty": ZERO,
            "cumulativeQuoteQty": figures.amount(order.paid),
            "status": STATE_NAMES[order.state],
            "timeInForce": time_name(order),
            "type": type_name(order),
            "side": side_name(order.side),
            **_sometimes(figures, order, time),
            "workingTime": time(order.working) if order.working else -1,
            "selfTradePreventionMode": PREVENTION_NAMES[order.prevention],
        },
    }
    if order.list is not None:
        told["listStatus"] = {name: value for name, value in orders(figures, order.list, time).items() if name not in ("listStatusType", "transactionTime")}
    return told


def amendment(figures: Figures, order: Order, each: Amendment, time: Time) -> Document:
    """A row of `order/amendments`."""
    return {
        "symbol": figures.symbol,
        "orderId": order.order_id,
        "executionId": each.execution_id,
        "origClientOrderId": each.old_id,
        "newClientOrderId": each.new_id,
        "origQty": figures.quantity(each.before),
        "newQty": figures.quantity(each.after),
        "time": time(each.ts),
    }


def fill(figures: Figures, trade: Trade) -> Document:
    """A trade in the answer of the order that made it."""
    asset = received(figures, trade)
    return {
        "price": figures.price(trade.price),
        "qty": figures.quantity(trade.lots),
        "commission": asset[1],
        "commissionAsset": asset[0],
        "tradeId": trade.trade_id,
    }


def my_trade(figures: Figures, trade: Trade, list_id: int, time: Time) -> Document:
    """A trade as a query finds it."""
    asset = received(figures, trade)
    return {
        "symbol": figures.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": list_id,
        "price": figures.price(trade.price),
        "qty": figures.quantity(trade.lots),
        "quoteQty": figures.amount(trade.price * trade.lots),
        "commission": asset[1],
        "commissionAsset": asset[0],
        "time": time(trade.ts),
        "isBuyer": trade.side == BUY,
        "isMaker": trade.maker,
        "isBestMatch": True,
    }


def received(figures: Figures, trade: Trade) -> tuple[str, str]:
    """(the asset its owner received, of which he paid his fee; the fee as text)."""
    asset = figures.listing.base if trade.side == BUY else figures.listing.quote
    return asset.name, units(asset.decimals, trade.fee)


def units(decimals: int, amount: int) -> str:
    """An amount of an asset in eight decimals, in more where it has more."""
    shown = max(8, decimals)
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    whole, part = divmod(amount * 10 ** (shown - decimals), 10**shown)
    return f"{sign}{whole}.{part:0{shown}d}"


def rate(ppm: int) -> str:
    """Millionths as Binance writes a commission rate: 1,000 is "0.00100000"."""
    return units(6, ppm)


def prevented_match(figures: Figures, match: Prevented, time: Time) -> Document:
    """A row of `myPreventedMatches`."""
    return {
        "symbol": figures.symbol,
        "preventedMatchId": match.prevented_id,
        "takerOrderId": match.taker_id,
        "makerSymbol": figures.symbol,
        "makerOrderId": match.maker_id,
        "tradeGroupId": 1,
        "selfTradePreventionMode": PREVENTION_NAMES[match.prevention],
        "price": figures.price(match.price),
        "makerPreventedQuantity": figures.quantity(match.lots),
        "transactTime": time(match.ts),
    }


# lists


def orders(figures: Figures, each: OrderList, time: Time) -> Document:
    """One list of orders."""
    return {
        "orderListId": each.list_id,
        "contingencyType": contingency(each),
        "listStatusType": "ALL_DONE" if each.done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if each.done else "EXECUTING",
        "listClientOrderId": each.client_id,
        "transactionTime": time(each.updated),
        "symbol": figures.symbol,
        "orders": legs(figures, each.orders),
    }


def legs(figures: Figures, each: Iterable[Order]) -> list[Document]:
    """The orders of a list, as its document names them."""
    return [{"symbol": figures.symbol, "orderId": order.order_id, "clientOrderId": order.client_id} for order in each]


def contingency(each: OrderList) -> str:
    """What the venue calls a list: an OTOCO is an OTO too."""
    return "OCO" if each.kind == OCO else "OTO"


# the user stream


def execution(figures: Figures, change: Change, order: Order, execution_id: int, now: int, time: Time) -> Document:
    """executionReport: what just happened to one order."""
    trade = change.trade
    asset = received(figures, trade) if trade is not None else (None, "0")
    told: Document = {
        "e": "executionReport",
        "E": time(now),
        "s": figures.symbol,
        "c": order.client_id,
        "S": side_name(order.side),
        "o": type_name(order),
        "f": time_name(order),
        "q": figures.quantity(asked_lots(order)),
        "p": figures.price(order.price),
        "P": figures.price(order.trigger),
        "F": figures.quantity(max(0, order.display)),
        "g": list_number(order),
        "C": change.former if change.former and change.former != order.client_id else "",
        "x": EXECUTIONS[change.kind],
        "X": STATE_NAMES[change.state],
        "r": "NONE",
        "i": order.order_id,
        "l": figures.quantity(trade.lots) if trade is not None else ZERO,
        "z": figures.quantity(change.executed),
        "L": figures.price(trade.price) if trade is not None else ZERO,
        "n": asset[1],
        "N": asset[0],
        "T": time(change.ts),
        "t": trade.trade_id if trade is not None else -1,
        "I": execution_id,
        "w": order.working != 0 and change.state <= PARTIALLY_FILLED,
        "m": trade.maker if trade is not None else False,
        "M": trade is not None,
        "O": time(order.created),
        "Z": figures.amount(change.paid),
        "Y": figures.amount(trade.price * trade.lots) if trade is not None else ZERO,
        "Q": figures.amount(order.quantity) if order.order_type == MARKET_AMOUNT else ZERO,
        "V": PREVENTION_NAMES[order.prevention],
    }
    if order.working:
        told["W"] = time(order.working)
    if order.order_type in (TRAILING_STOP, TRAILING_STOP_LIMIT):
        told["d"] = -order.display
    strategy_id, strategy_type = strategy_of(order.number)
    if strategy_id is not None:
        told["j"] = strategy_id
    if strategy_type is not None:
        told["J"] = strategy_type
    if order.prevented_id:
        told["v"] = order.prevented_id
        told["A"] = figures.quantity(order.prevented)
        told["B"] = figures.quantity(change.quantity if change.kind in (PREVENTED, EXPIRED) else 0)
        told["pl"] = ZERO
    if change.state == HAS_EXPIRED:
        told["eR"] = expiry_reason(order)
    return told


def list_status(figures: Figures, each: OrderList, started: bool, ts: int, now: int, time: Time) -> Document:
    """listStatus: a list was taken, or is over."""
    return {
        "e": "listStatus",
        "E": time(now),
        "s": figures.symbol,
        "g": each.list_id,
        "c": contingency(each),
        "l": "EXEC_STARTED" if started else "ALL_DONE",
        "L": "EXECUTING" if started else "ALL_DONE",
        "r": "NONE",
        "C": each.client_id,
        "T": time(ts),
        "O": [{"s": figures.symbol, "i": order.order_id, "c": order.client_id} for order in each.orders],
    }


# parts


def _progress(figures: Figures, order: Order) -> Document:
    return {
        "price": figures.price(order.price),
        "origQty": figures.quantity(asked_lots(order)),
        "executedQty": figures.quantity(order.executed),
        "origQuoteOrderQty": figures.amount(order.quantity) if order.order_type == MARKET_AMOUNT else ZERO,
        "cummulativeQuoteQty": figures.amount(order.paid),
        "status": STATE_NAMES[order.state],
        "timeInForce": time_name(order),
        "type": type_name(order),
        "side": side_name(order.side),
    }


def _sometimes(figures: Figures, order: Order, time: Time) -> Document:
    """What is told only of orders that have it."""
    told: Document = {}
    if order.trigger or order.order_type in (STOP, STOP_LIMIT, TAKE_PROFIT, TAKE_PROFIT_LIMIT):
        told["stopPrice"] = figures.price(order.trigger)
    if order.display > 0:
        told["icebergQty"] = figures.quantity(order.display)
    return {**told, **_trailing(order, time), **_strategy(order)}


def _trailing(order: Order, time: Time) -> Document:
    if order.order_type not in (TRAILING_STOP, TRAILING_STOP_LIMIT):
        return {}
    return {"trailingDelta": -order.display, "trailingTime": time(order.created) if not order.trigger else -1}


def _strategy(order: Order) -> Document:
    strategy_id, strategy_type = strategy_of(order.number)
    told: Document = {} if strategy_id is None else {"strategyId": strategy_id}
    return told if strategy_type is None else {**told, "strategyType": strategy_type}


def _ended(figures: Figures, order: Order) -> Document:
    told: Document = {"preventedMatchId": order.prevented_id, "preventedQuantity": figures.quantity(order.prevented)} if order.prevented_id else {}
    return {**told, "expiryReason": expiry_reason(order)} if order.state == HAS_EXPIRED else told
