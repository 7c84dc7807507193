"""What may be asked of the exchange and what it tells: 64 bytes of integers a command, 64 bytes an event.

A command asks one thing, under the sequence the journal gave it; every event carries the sequence of the command that caused
it. What a command's words mean depends on its operation; fields not named here are not looked at:

| operation   | order_id  | book           | price, quantity                                | account             |
|-------------|-----------|----------------|------------------------------------------------|---------------------|
| SUBMIT      | a new one | where          | see the order types                            | owner, 0 = nobody's |
| CANCEL      | which     | -              | -                                              | owner, 0 = anybody  |
| AMEND       | which     | -              | new price (0 = as it is), new open quantity    | owner, 0 = anybody  |
| MASS_CANCEL | -         | which, -1 = all| -                  (side: BUY, SELL, 0 = both) | whose, 0 = all      |

| order type        | price | trigger | quantity                                  | time in force                  |
|-------------------|-------|---------|-------------------------------------------|--------------------------------|
| LIMIT             | limit | 0       | lots                                      | any                            |
| MARKET            | 0     | 0       | lots                                      | IOC, FOK                       |
| MARKET_AMOUNT     | 0     | 0       | amount to spend or get, ticks times lots  | IOC                            |
| STOP              | 0     | trigger | lots                                      | IOC, FOK, once triggered       |
| STOP_LIMIT        | limit | trigger | lots                                      | any, once triggered            |
| TAKE_PROFIT       | 0     | trigger | lots                                      | IOC, FOK, once triggered       |
| TAKE_PROFIT_LIMIT | limit | trigger | lots                                      | any, once triggered            |

A stop to buy waits for a trade at its trigger or above, a stop to sell for one at it or below; a take-profit the other way
round. Orders are identified by numbers the exchange gives (dense, ascending, above 0, never used twice while one lives): client ids
live in the gateway.
"""

import hashlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

COMMAND = np.dtype(
    [
        ("operation", "<u1"),
        ("order_type", "<u1"),
        ("time_in_force", "<u1"),
        ("side", "<i1"),  # domain.orders.BUY, SELL
        ("book", "<i4"),  # 0 .. books - 1
        ("order_id", "<i8"),
        ("price", "<i8"),  # ticks
        ("quantity", "<i8"),  # lots; MARKET_AMOUNT: ticks times lots
        ("trigger", "<i8"),  # ticks
        ("display", "<i8"),  # lots shown at a time by an iceberg; 0 shows all
        ("account", "<i4"),
        ("prevention", "<u1"),  # what to do where the order would trade with its own account
        ("reserved", "V3"),
        ("seq", "<i8"),  # given by whoever wrote the command down
    ]
)
EVENT = np.dtype(
    [
        ("kind", "<u1"),
        ("reason", "<u1"),
        ("kept_place", "<u1"),  # AMENDED: 1 where the order kept its place in the queue
        ("side", "<i1"),  # of order_id; a fill's taker
        ("book", "<i4"),
        ("order_id", "<i8"),
        ("maker_id", "<i8"),  # FILL, PREVENTED: the order that rested; else 0
        ("price", "<i8"),  # ticks; 0 where an order has none
        ("quantity", "<i8"),  # lots, as the kind says
        ("leaves", "<i8"),  # what stays open of order_id, lots (MARKET_AMOUNT: ticks times lots)
        ("maker_leaves", "<i8"),  # what stays open of maker_id, hidden lots with it
        ("seq", "<i8"),  # of the command that caused it
    ]
)
assert COMMAND.itemsize == EVENT.itemsize == 64
Commands = npt.NDArray[np.void]  # a 1-d array of dtype COMMAND
Events = npt.NDArray[np.void]  # a 1-d array of dtype EVENT

# operations
SUBMIT: Final = 1
CANCEL: Final = 2
AMEND: Final = 3
MASS_CANCEL: Final = 4

# order types
LIMIT: Final = 1
MARKET: Final = 2
MARKET_AMOUNT: Final = 3
STOP: Final = 4
STOP_LIMIT: Final = 5
TAKE_PROFIT: Final = 6
TAKE_PROFIT_LIMIT: Final = 7

# time in force; GTC, POST_ONLY and POST_SLIDE may rest
GTC: Final = 0
IOC: Final = 1  # what does not fill at once expires
FOK: Final = 2  # all at once or nothing
POST_ONLY: Final = 3  # refused where it would take
POST_SLIDE: Final = 4  # where it would take, it rests one tick from the other side instead

# self-trade prevention: the taker's choice counts
NO_PREVENTION: Final = 0
EXPIRE_TAKER: Final = 1
EXPIRE_MAKER: Final = 2
EXPIRE_BOTH: Final = 3
DECREMENT: Final = 4  # both shrink by what would have traded, without a trade

# kinds of events                 quantity is ...
ACCEPTED: Final = 1  # ............ the order's
FILL: Final = 2  # ................ what traded
CANCELLED: Final = 3  # ........... what was open, hidden lots with it: somebody asked for it
EXPIRED: Final = 4  # ............. what was open: a rule ended it
AMENDED: Final = 5  # ............. the new open quantity
REJECTED: Final = 6  # ............ as the command said
TRIGGERED: Final = 7  # ........... the order's; it enters the book now
REFRESHED: Final = 8  # ........... the iceberg's next lots shown, at the end of the queue
PREVENTED: Final = 9  # ........... what did not trade with itself: both orders shrank by it
EVENT_NAMES: Final = ("", "accepted", "fill", "cancelled", "expired", "amended", "rejected", "triggered", "refreshed", "prevented")

# reasons: of a refusal
BAD_OPERATION: Final = 1
NO_SUCH_BOOK: Final = 2
BAD_ORDER_ID: Final = 3  # not above 0
DUPLICATE_ORDER: Final = 4  # an order of this number is alive
BAD_SIDE: Final = 5
BAD_ORDER_TYPE: Final = 6
BAD_TIME_IN_FORCE: Final = 7  # unknown, or not for this order type
BAD_PREVENTION: Final = 8
BAD_ACCOUNT: Final = 9  # below 0
BAD_QUANTITY: Final = 10  # not above 0, or above MAX_QUANTITY
BAD_PRICE: Final = 11  # outside of the book's prices, or given where the order has none
BAD_TRIGGER: Final = 12  # outside of the book's prices, or given where the order has none
BAD_DISPLAY: Final = 13  # below 0, more than MAX_SLICES of it, or of an order that can't rest
ENGINE_FULL: Final = 14
TRIGGERED_ALREADY: Final = 15  # the last trade reached the trigger before the order came
WOULD_TAKE: Final = 16  # a post-only order would trade
UNKNOWN_ORDER: Final = 17  # none of this number lives, or another account's
NOT_RESTING: Final = 18  # a waiting order's price can't change, nor its quantity grow
# reasons: of an end that nobody asked for
REMAINDER: Final = 19  # nothing more to take at its price
NOT_FILLABLE: Final = 20  # FOK: less than its quantity could be had
SELF_TRADE: Final = 21
REASON_NAMES: Final = (
    "", "bad operation", "no such book", "bad order id", "duplicate order", "bad side", "bad order type", "bad time in force", "bad prevention",
    "bad account", "bad quantity", "bad price", "bad trigger", "bad display", "engine full", "triggered already", "would take", "unknown order",
    "not resting", "remainder", "not fillable", "self-trade",
)  # fmt: skip

TICKS_BITS: Final = 18
TICKS: Final = 1 << TICKS_BITS  # prices a book has: its lowest tick and the next 262,143
MAX_ORDERS: Final = 2**21 - 1  # alive at once; times MAX_QUANTITY it stays below 2**63
MAX_QUANTITY: Final = 2**42  # lots
MAX_AMOUNT: Final = 2**62  # ticks times lots
MAX_PRICE: Final = 2**50  # ticks
MAX_SLICES: Final = 100  # an iceberg's quantity over its display, rounded up

# sides of a book, and where its stops wait
BIDS: Final = 0
ASKS: Final = 1
FALLING: Final = 2  # fire when a trade is at the trigger or below: stops to sell, take-profits to buy
RISING: Final = 3  # fire when a trade is at the trigger or above: stops to buy, take-profits to sell

ORDER = np.dtype(
    [
        ("book", "<i4"),
        ("ladder", "<i4"),  # BIDS, ASKS, FALLING, RISING
        ("order_id", "<i8"),
        ("price", "<i8"),  # ticks; 0: a market order that waits
        ("trigger", "<i8"),  # ticks; 0: rests in the book
        ("shown", "<i8"),  # lots; of a waiting order all
        ("hidden", "<i8"),  # lots
        ("display", "<i8"),  # lots
        ("account", "<i4"),
        ("side", "<i1"),
        ("order_type", "<u1"),
        ("time_in_force", "<u1"),
        ("prevention", "<u1"),
    ]
)
assert ORDER.itemsize == 64
Orders = npt.NDArray[np.void]  # a 1-d array of dtype ORDER


def state_digest(orders: Orders, last_prices: Any) -> str:
    """32 hex digits over every order in its order and every book's last price: equal where two engines' states are."""
    return hashlib.blake2b(orders.tobytes() + last_prices.tobytes(), digest_size=16).hexdigest()
