"""The channel `user`: an account's orders as they change, told to whoever subscribed with its token. Everything told is durable."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

from polaris.exchange.gateway.coinbase import reports
from polaris.exchange.gateway.coinbase.brackets import Shown, each_once
from polaris.exchange.gateway.coinbase.call import encode
from polaris.exchange.gateway.coinbase.products import Products
from polaris.exchange.gateway.orders import Change
from polaris.exchange.gateway.venue import Venue

AT_ONCE: Final = 50  # orders of one event of a snapshot
NO_POSITIONS: Final[dict[str, list[Any]]] = {"perpetual_futures_positions": [], "expiring_futures_positions": []}


class Reading:
    """One subscription (a Watcher): `books` are those it asked for, empty for all."""

    def __init__(self, users: "Users", account: int, books: Collection[int], send: Callable[[bytes], None]) -> None:
        self._users, self._account, self._books, self._send = users, account, books, send

    def changed(self, changes: list[Change]) -> None:
        """The orders that one command changed, as they are now, each once."""
        changed = each_once(change.order for change in changes if change.order is not None)
        wanted = [order for order in changed if not self._books or order.book in self._books]
        if wanted:
            self._send(self._users.event("update", self._account, wanted))

    def balances(self, ts: int, assets: Sequence[int], balances: Any) -> None:
        """Not told on this channel."""

    def paid(self, ts: int, asset: int, change: int) -> None:
        """Not told on this channel."""


class Users:
    """What accounts hear."""

    def __init__(self, venue: Venue, products: Products) -> None:
        self._venue = venue
        self._products = products

    def listen(self, account: int, books: Collection[int], send: Callable[[bytes], None]) -> Callable[[], None]:
        """Send an account's events from now on; what comes back ends it."""
        reading = Reading(self, account, books, send)
        self._venue.watch(account, reading)
        return lambda: self._venue.unwatch(account, reading)

    def open_orders(self, account: int, books: Collection[int]) -> Iterator[bytes]:
        """The snapshot: every order that lives, fifty an event, at least one event."""
        orders = each_once(order for order in self._venue.register.open(account) if not books or order.book in books)
        for start in range(0, max(1, len(orders)), AT_ONCE):
            yield self.event("snapshot", account, orders[start : start + AT_ONCE])

    def event(self, kind: str, account: int, orders: Sequence[Shown]) -> bytes:
        """One event of these orders."""
        register = self._venue.register
        told = [reports.user_order(self._products.figures[order.book], order, reports.trades_of(register, order)) for order in orders]
        return encode({"type": kind, "orders": told, "positions": NO_POSITIONS})
