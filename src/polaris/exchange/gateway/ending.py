"""New orders that are to end at a time: once they live the core is told when, by commands of their own, and ends them by itself.

The journal keeps these commands like all others, so an end that comes while the venue is down is made up for when it is back. An order's
number tells its end, below 0, to whoever shows it.
"""

from collections.abc import Callable, Sequence

from polaris.exchange.gateway.turns import More
from polaris.exchange.gateway.venue import Venue, command
from polaris.exchange.words import CANCEL, EXPIRE_AT, Events


def ending(venue: Venue, order_ids: Sequence[int], ends: int, account: int, note: bytes) -> Callable[[Events], More | None] | None:
    """What follows a new order, or a pair of them, for `Venue.ask`; None where it is not to end.

    ends  ns UTC; where that passed before the order could run, it is cancelled at once
    note  of these commands
    """
    if not ends:
        return None

    def follow(_: Events) -> More | None:
        alive = [order_id for order_id in order_ids if venue.core.open(order_id)]
        if ends <= venue.now():
            return [command(CANCEL, order_id=order_id, account=account) for order_id in alive[:1]], [note] * len(alive[:1])  # the other goes with it
        return [command(EXPIRE_AT, order_id=order_id, price=ends, account=account) for order_id in alive], [note] * len(alive)

    return follow


def ends_of(number: int) -> int:
    """ns UTC when the order of this number is to end; 0: it stays."""
    return max(0, -number)
