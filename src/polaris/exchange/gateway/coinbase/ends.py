"""Orders that are to end at a time: cancelled when it is over, also where the venue was down meanwhile.

When an order is to end stands below 0 in its number, which the journal keeps; so this is read off the register again at a start.
An end is as exact as the pace at which it is looked for.
"""

from heapq import heapify, heappop, heappush

from polaris.exchange import words as w
from polaris.exchange.gateway.orders import Change
from polaris.exchange.gateway.venue import Refused, Venue, command, note


class Ends:
    """Of all orders of a venue that have an end."""

    def __init__(self, venue: Venue, origin: int) -> None:
        self._venue = venue
        self._origin = origin
        self._due = [
            (-order.number, order.order_id, account) for account, owner in venue.register.owners.items() for order in owner.open.values() if order.number < 0
        ]  # ns UTC, order, account
        heapify(self._due)
        venue.hear(self.changed)

    def changed(self, account: int, changes: list[Change]) -> None:
        """Remember new orders that have an end."""
        for change in changes:
            if change.kind == w.ACCEPTED and change.order is not None and change.order.number < 0:
                heappush(self._due, (-change.order.number, change.order_id, account))

    def tick(self, now: int) -> None:
        """Cancel what is due."""
        while self._due and self._due[0][0] <= now:
            _, order_id, account = self._due[0]
            if self._venue.register.alive(order_id) is not None:
                try:
                    self._venue.ask([command(w.CANCEL, order_id=order_id, account=account)], [note(now, origin=self._origin)])
                except Refused:
                    return  # later
            heappop(self._due)
