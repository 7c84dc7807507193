"""Brackets: to their client one order, a take-profit at its limit and a stop-loss at its trigger; to the core a pair of which one ends the other.

The first leg is the limit order, whose number and name are the bracket's; the second a stop that is triggered into a limit order 5% beyond
its trigger. They are a list with a name that no client can give, so that a pair of another dialect is not taken for one. What the limit
trades the stop loses, so what is left is protected until all of it traded; a stop that is triggered ends the limit.
Source: Coinbase Advanced Trade API documentation, "Create Order" (trigger_bracket_gtc, trigger_bracket_gtd).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from polaris.domain.orders import BUY
from polaris.exchange.gateway.orders import LEGS, OCO, Order

LIST_NAME: Final = "bracket"
ROOM_PERCENT: Final = 5  # how far beyond its trigger a stop may trade


def list_name(order_id: int) -> str:
    """What the pair of this first leg is called."""
    return f"{LIST_NAME} {order_id}"


def stop_name(order_id: int) -> str:
    """What the second leg of the pair of this first leg is called."""
    return f"{LIST_NAME} stop {order_id}"


def worst_price(side: int, trigger: int) -> int:
    """The limit of a triggered stop, ticks: 5% above the trigger to buy, below it to sell, rounded towards it."""
    return trigger + side * (trigger * ROOM_PERCENT // 100)


class Bracket:
    """Both legs, to be read as one order: what both traded, and as the one that is, or was last, in the book stands."""

    def __init__(self, limit: Order, stop: Order) -> None:
        self.limit = limit
        self.stop = stop
        leading = stop if stop.working else limit
        self.order_id, self.first_id, self.number = limit.order_id, limit.first_id, limit.number
        self.account, self.book, self.side = limit.account, limit.book, limit.side
        self.created, self.price, self.trigger, self.time_in_force = limit.created, limit.price, stop.trigger, limit.time_in_force
        self.executed, self.paid, self.prevented = limit.executed + stop.executed, limit.paid + stop.paid, limit.prevented + stop.prevented
        self.quantity, self.state, self.updated, self.open = limit.quantity, leading.state, max(limit.updated, stop.updated), leading.open
        self.alive, self.amendments, self.maker_only = leading.alive, leading.amendments, False

    @property
    def holds(self) -> int:
        """What it locks, of two legs the larger: ticks times lots where it buys, lots where it sells."""
        return max(leg.open * (leg.price if self.side == BUY else 1) for leg in (self.limit, self.stop))


Shown = Order | Bracket


def is_leg(order: Order) -> bool:
    """Whether an order is one leg of a bracket."""
    return order.list is not None and order.list.client_id.startswith(f"{LIST_NAME} ")


def shown(order: Order) -> Shown:
    """The order its client knows: the bracket that this one is a leg of, or itself."""
    return Bracket(*order.list.orders) if order.list is not None and is_leg(order) and len(order.list.orders) == LEGS[OCO] else order


def legs_of(order: Shown) -> Sequence[Order]:
    """The core's orders behind one that its client knows; of a bracket the one that trades first comes first."""
    return (order.limit, order.stop) if isinstance(order, Bracket) else (order,)


def each_once(orders: Iterable[Order]) -> Sequence[Shown]:
    """Orders as their client knows them, in their order; a bracket of which one leg is known so far is left out."""
    found: dict[int, Shown] = {}
    for order in orders:
        one = shown(order)
        if isinstance(one, Bracket) or not is_leg(order):
            found.setdefault(one.order_id, one)
    return list(found.values())
