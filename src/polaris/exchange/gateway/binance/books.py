"""Which book a request names, and why the core refused, in Binance's words."""

import re
from collections.abc import Sequence
from typing import Final

from polaris.exchange import words as w
from polaris.exchange.gateway.binance import errors
from polaris.exchange.gateway.binance.call import Call
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.listing import Rules

SYMBOL_RANGE: Final = "^[A-Z0-9-_.]{1,20}$"
_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}").fullmatch

TEXTS: Final = {
    w.INSUFFICIENT_BALANCE: "Account has insufficient balance for requested action.",
    w.TRIGGERED_ALREADY: "Stop price would trigger immediately.",
    w.WOULD_TAKE: "Order would immediately match and take.",
    w.DUPLICATE_ORDER: "Duplicate order sent.",
    w.KILLED: "This action is disabled on this account.",
    w.DAILY_LOSS: "This action is disabled on this account.",
    w.NOT_REDUCING: "Reduce-only order would not reduce the position.",
    w.BOOK_HALTED: "Market is closed.",
    w.LIST_REFUSED: "The relationship of the prices for the orders is not correct.",
}
FILTERS: Final = {
    w.BAD_PRICE: "PRICE_FILTER",
    w.BAD_TRIGGER: "PRICE_FILTER",
    w.BAD_QUANTITY: "LOT_SIZE",
    w.LOT_SIZE: "LOT_SIZE",
    w.ORDER_LOTS: "LOT_SIZE",
    w.NOTIONAL: "NOTIONAL",
    w.TOO_MANY_ORDERS: "EXCHANGE_MAX_NUM_ORDERS",
    w.POSITION_LIMIT: "MAX_POSITION",
    w.BAD_DISPLAY: "ICEBERG_PARTS",
}


class Books:
    """The books by symbol, and their texts."""

    def __init__(self, rules: Rules) -> None:
        self.figures: Sequence[Figures] = [Figures(listing) for listing in rules.listings]
        self._numbers = {figures.symbol: book for book, figures in enumerate(self.figures)}

    def find(self, call: Call) -> tuple[int, Figures]:
        """The book a call names. Raises Refusal -1102, -1100, -1121."""
        book = self._number(call.text("symbol"))
        return book, self.figures[book]

    def find_or_all(self, call: Call) -> int:
        """The book a call names; -1 where it names none."""
        symbol = call.optional("symbol")
        return -1 if symbol is None else self._number(symbol)

    def _number(self, symbol: str) -> int:
        book = self._numbers.get(symbol)
        if book is None:
            raise errors.invalid_symbol() if _SYMBOL(symbol) else errors.illegal("symbol", SYMBOL_RANGE)
        return book


def refused(reason: int, limits: Limits) -> Refusal:
    """Why the core refused a new order."""
    if reason in FILTERS:
        return errors.filter_failed(FILTERS[reason])
    if reason == w.ENGINE_FULL:
        return errors.overloaded()
    if reason == w.ORDER_RATE:
        return errors.too_many_orders(limits.orders_per_ten_seconds, "10 SECONDS")
    if reason in TEXTS:
        return errors.no_new_order(TEXTS[reason])
    return errors.no_new_order(f"Order was refused: {w.REASON_NAMES[reason]}.")
