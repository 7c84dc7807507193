"""What may be asked of the exchange and what it tells: 64 bytes of integers a command, 96 bytes an event.

A command asks one thing, under the sequence the journal gave it; every event carries the sequence of the command that caused
it. What a command's words mean depends on its operation; fields not named here are not looked at:

| operation   | order_id  | book           | price, quantity                                | account             |
|-------------|-----------|----------------|------------------------------------------------|---------------------|
| SUBMIT      | a new one | where          | see the order types                            | owner, 0 = nobody's |
| CANCEL      | which     | -              | -                                              | owner, 0 = anybody  |
| AMEND       | which     | -              | new price (0 = as it is), new open quantity    | owner, 0 = anybody  |
| MASS_CANCEL | -         | which, -1 = all| -                  (side: BUY, SELL, 0 = both) | whose, 0 = all      |
| CLOCK       | -         | -              | price: ns UTC, never less than before          | -                   |
| EXPIRE_AT   | which     | -              | price: ns UTC when it ends                     | owner, 0 = anybody  |
| SET_PHASE   | -         | which, -1 = all| quantity: the phase                            | -                   |
| SET_RULE    | -         | which, -1 = all| trigger: which rule, price: its value          | -                   |
| DEPOSIT     | -         | asset          | quantity: units                                | whose               |
| WITHDRAW    | -         | asset          | quantity: units                                | whose               |
| TRANSFER    | to whom   | asset          | quantity: units                                | from whom           |
| SET_LIMIT   | -         | see the limits | trigger: which limit, price: its value         | whose               |
| SET_TIER    | -         | -              | quantity: the tier                             | whose               |
| SET_FEE     | the tier  | -              | price: maker ppm, quantity: taker ppm          | -                   |
| KILL        | -         | -              | -   all orders end, what opens is refused      | whose, 0 = all      |
| REVIVE      | -         | -              | -                                              | whose, 0 = all      |

| order type        | price | trigger | quantity                                  | time in force                  |
|-------------------|-------|---------|-------------------------------------------|--------------------------------|
| LIMIT             | limit | 0       | lots                                      | any                            |
| MARKET            | 0     | 0       | lots                                      | IOC, FOK                       |
| MARKET_AMOUNT     | 0     | 0       | amount to spend or get, ticks times lots  | IOC                            |
| STOP              | worst | trigger | lots                                      | IOC, FOK, once triggered       |
| STOP_LIMIT        | limit | trigger | lots                                      | any, once triggered            |
| TAKE_PROFIT       | worst | trigger | lots                                      | IOC, FOK, once triggered       |
| TAKE_PROFIT_LIMIT | limit | trigger | lots                                      | any, once triggered            |
| TRAILING_STOP     | worst | from    | lots                                      | IOC, FOK, once triggered       |
| TRAILING_STOP_LIMIT| limit| from    | lots                                      | any, once triggered            |

A stop to buy waits for a trade at its trigger or above, a stop to sell for one at it or below; a take-profit the other way
round; neither trades beyond the worst price, 0 for none. A trailing stop sleeps until a trade at its `from` price (0: any) or one that
is better for it, a seller's at that or above; with FROM_WORSE until one that is at it or worse. Then it follows the best price. Orders are identified by numbers the exchange gives (dense,
ascending, above 0, never used twice while one lives): client ids live in the gateway.
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
        ("flags", "<u1"),  # REDUCE_ONLY, FROM_WORSE, SHRINKS
        ("role", "<u1"),  # in a list of orders: ALONE, OCO_FIRST ...
        ("reserved", "V1"),
        ("seq", "<i8"),  # given by whoever wrote the command down
    ]
)
EVENT = np.dtype(
    [
        ("kind", "<u1"),
        ("reason", "<u1"),
        ("flags", "<u1"),  # KEPT_PLACE ...
        ("side", "<i1"),  # of order_id; a fill's taker
        ("book", "<i4"),
        ("order_id", "<i8"),
        ("maker_id", "<i8"),  # FILL, PREVENTED: the order that rested; EXPIRED, SELF_TRADE: the other order; SHRUNK: the other leg; else 0
        ("price", "<i8"),  # ticks; 0 where an order has none
        ("quantity", "<i8"),  # lots, as the kind says
        ("leaves", "<i8"),  # what stays open of order_id, lots (MARKET_AMOUNT: ticks times lots)
        ("maker_leaves", "<i8"),  # what stays open of maker_id, hidden lots with it
        ("seq", "<i8"),  # of the command that caused it
        ("account", "<i4"),  # order_id's owner; of a refusal what the command said
        ("maker_account", "<i4"),  # maker_id's owner
        ("fee", "<i8"),  # FILL: what order_id's owner paid, in units of the asset he received: a buyer base, a seller quote
        ("maker_fee", "<i8"),  # FILL: the same of maker_id's owner
        ("ts", "<i8"),  # ns UTC: the last CLOCK's
    ]
)
EVENT_WORDS: Final = 12
assert COMMAND.itemsize == 64 and EVENT.itemsize == 8 * EVENT_WORDS
Commands = npt.NDArray[np.void]  # a 1-d array of dtype COMMAND
Events = npt.NDArray[np.void]  # a 1-d array of dtype EVENT

# operations
SUBMIT: Final = 1
CANCEL: Final = 2
AMEND: Final = 3
MASS_CANCEL: Final = 4
CLOCK: Final = 5
EXPIRE_AT: Final = 6
SET_PHASE: Final = 7
SET_RULE: Final = 8
DEPOSIT: Final = 16
WITHDRAW: Final = 17
TRANSFER: Final = 18
SET_LIMIT: Final = 19
SET_TIER: Final = 20
SET_FEE: Final = 21
KILL: Final = 22
REVIVE: Final = 23

# flags of a command
REDUCE_ONLY: Final = 1  # may only make the account's position in this book smaller
HAS_TRADED: Final = 2  # of an order that lives: the exchange's own, nobody can ask for it
FROM_WORSE: Final = 4  # of a trailing order: its activation price is one that is bad for it
SHRINKS: Final = 8  # of both legs of a pair, of equal lots: what one trades the other loses, and it ends with the last of it

# roles in a list of orders; its legs are commands next to each other, of order ids next to each other, accepted all or none
ALONE: Final = 0
OCO_FIRST: Final = 1  # one cancels the other
OCO_SECOND: Final = 2
OTO_WORKING: Final = 3  # one triggers the other
OTO_PENDING: Final = 4
OTOCO_WORKING: Final = 5  # one triggers two of which one cancels the other
OTOCO_FIRST: Final = 6
OTOCO_SECOND: Final = 7

# order types
LIMIT: Final = 1
MARKET: Final = 2
MARKET_AMOUNT: Final = 3
STOP: Final = 4
STOP_LIMIT: Final = 5
TAKE_PROFIT: Final = 6
TAKE_PROFIT_LIMIT: Final = 7
TRAILING_STOP: Final = 8  # display: the trail, above 0 ticks, below 0 basis points; trigger: from which price on, 0 = at once
TRAILING_STOP_LIMIT: Final = 9

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
BALANCE: Final = 10  # ............ the change, units; book is the asset, leaves what is free now
PHASE: Final = 11  # .............. the phase; price and maker_leaves are the auction's price and lots
SETTING: Final = 12  # ............ as the command said, SET_RULE and SET_LIMIT: which; price and order_id as said, leaves: the operation
ACTIVATED: Final = 13  # .......... the order's, pending until now
SHRUNK: Final = 14  # ............. what its other leg, maker_id, is about to trade, or does not trade with itself: this much less is open
EVENT_NAMES: Final = (
    "", "accepted", "fill", "cancelled", "expired", "amended", "rejected", "triggered", "refreshed", "prevented", "balance", "phase", "setting",
    "activated", "shrunk",
)  # fmt: skip

# flags of an event
KEPT_PLACE: Final = 1  # AMENDED: in the queue
REDUCES: Final = 2  # a reduce-only order
PENDING: Final = 4  # ACCEPTED, of an order that enters when another fills
IN_AUCTION: Final = 8  # FILL: of an uncrossing
CAME: Final = 16  # EXPIRED, SELF_TRADE: it came, and the other rested

# phases of a book
CONTINUOUS: Final = 0
AUCTION: Final = 1  # orders gather, nothing trades, until the phase changes
HALTED: Final = 2  # cancels only
CLOSED: Final = 3

# rules of a book (SET_RULE), below RULES; 0 is none
BAND_PPM: Final = 1  # how far from the reference price a trade may be, ppm of it; 0: as far as it likes
REFERENCE_PRICE: Final = 2  # what the band is around, ticks; 0: the last trade before the command
BAND_INTERRUPTS: Final = 3  # 1: where the band holds a trade back the book goes into an auction; 0: the order ends
MIN_LOTS: Final = 8  # of an order
MAX_LOTS: Final = 9
LOT_STEP: Final = 10  # an order's lots are a multiple of it
MIN_NOTIONAL: Final = 11  # units of the quote an order must be worth; without accounts ticks times lots
RULES: Final = 16

# limits of an account (SET_LIMIT); 0 is none. Account 0 means all but the house; book -1 all books, all assets
LIMIT_LOTS: Final = 1  # book: of an order, lots
LIMIT_POSITION: Final = 2  # book: of the position and what is open on its side, lots
LIMIT_NOTIONAL: Final = 3  # asset: of an order paid in it, units
LIMIT_LOSS: Final = 4  # asset: the day's realised loss from which nothing is opened any more, units
LIMIT_ORDERS: Final = 5  # alive at once
LIMIT_SECOND: Final = 6  # orders a second: as many at once as it likes, refilled evenly
LIMIT_TEN_SECONDS: Final = 7  # orders from :00 to :10, from :10 to :20 ...
LIMIT_DAY: Final = 8  # orders a day of UTC
LIMIT_MASTER: Final = 9  # no limit: whose sub-account it is, 0 = nobody's

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
# reasons of accounts, rules and lists
INSUFFICIENT_BALANCE: Final = 22
ORDER_RATE: Final = 23
POSITION_LIMIT: Final = 24
TOO_MANY_ORDERS: Final = 25
NOTIONAL: Final = 26  # less than the book takes, more than the account may or an integer holds
PRICE_BAND: Final = 27
DAILY_LOSS: Final = 28
KILLED: Final = 29
BOOK_HALTED: Final = 30  # the book's phase does not take it
NOT_REDUCING: Final = 31  # reduce-only, and more than the position less what other such orders have open
LINKED: Final = 32  # ended by the other order of its list
TIME: Final = 33  # a time that passed already, or an order's time is over
LIST_REFUSED: Final = 34  # another order of its list was refused
LOT_SIZE: Final = 35  # fewer or more lots than the book takes, or between two steps
ORDER_LOTS: Final = 36  # more lots than the account may order at once
NO_SUCH_ASSET: Final = 37
NOT_RELATED: Final = 38  # a transfer between accounts of two masters
BAD_SETTING: Final = 39  # no such rule, limit or tier, or a value it can't have
BAD_LIST: Final = 40  # a role without its list, or legs that do not fit together
REASON_NAMES: Final = (
    "", "bad operation", "no such book", "bad order id", "duplicate order", "bad side", "bad order type", "bad time in force", "bad prevention",
    "bad account", "bad quantity", "bad price", "bad trigger", "bad display", "engine full", "triggered already", "would take", "unknown order",
    "not resting", "remainder", "not fillable", "self-trade", "insufficient balance", "order rate", "position limit", "too many orders", "notional",
    "price band", "daily loss", "killed", "book halted", "not reducing", "linked", "time", "list refused", "lot size", "order lots", "no such asset",
    "not related", "bad setting", "bad list",
)  # fmt: skip

TICKS_BITS: Final = 22
TICKS: Final = 1 << TICKS_BITS  # prices a book has: its lowest tick and the next 4,194,303
MAX_ORDERS: Final = 2**21 - 1  # alive at once; times MAX_QUANTITY it stays below 2**63
MAX_QUANTITY: Final = 2**42  # lots
MAX_AMOUNT: Final = 2**62  # ticks times lots
MAX_PRICE: Final = 2**50  # ticks
MAX_UNITS: Final = 2**62 - 1  # of an asset, in all accounts together; what an order may be worth
MAX_SLICES: Final = 100  # an iceberg's quantity over its display, rounded up

# sides of a book, and where its stops wait
BIDS: Final = 0
ASKS: Final = 1
FALLING: Final = 2  # fire when a trade is at the trigger or below: stops to sell, take-profits to buy
RISING: Final = 3  # fire when a trade is at the trigger or above: stops to buy, take-profits to sell
PARKED: Final = 4  # nowhere in the book: until another order fills

ORDER = np.dtype(
    [
        ("book", "<i4"),
        ("ladder", "<i1"),  # BIDS, ASKS, FALLING, RISING, PARKED
        ("flags", "<u1"),  # REDUCE_ONLY, HAS_TRADED, FROM_WORSE, SHRINKS
        ("reserved", "V2"),
        ("order_id", "<i8"),
        ("price", "<i8"),  # ticks; 0: it waits, and takes any price then
        ("trigger", "<i8"),  # ticks; 0: rests in the book
        ("shown", "<i8"),  # lots; of a waiting order all
        ("hidden", "<i8"),  # lots
        ("display", "<i8"),  # lots; of a trailing order that waits its trail, as in the command
        ("account", "<i4"),
        ("side", "<i1"),
        ("order_type", "<u1"),
        ("time_in_force", "<u1"),
        ("prevention", "<u1"),
        ("partner", "<i8"),  # id of the other leg of its pair; 0: none
        ("working", "<i8"),  # PARKED: id of the order it waits for
        ("ends", "<i8"),  # ns UTC; 0: not by itself
        ("best", "<i8"),  # of a trailing order: the best price since it woke, ticks; 0: asleep
        ("older", "<i8"),  # of a trailing order that is awake: id of the one of its book and side that woke before it; 0: none
    ]
)
ORDER_WORDS: Final = 13
assert ORDER.itemsize == 8 * ORDER_WORDS
Orders = npt.NDArray[np.void]  # a 1-d array of dtype ORDER


def state_digest(orders: Orders, last_prices: Any, phases: Any, rules: Any, now: int, ledger: bytes) -> str:
    """32 hex digits over every order in its order, every book's last price, phase and rules, the time, the accounts: equal where two states are."""
    state = orders.tobytes() + last_prices.tobytes() + phases.tobytes() + rules.tobytes() + now.to_bytes(8, "little") + ledger
    return hashlib.blake2b(state, digest_size=16).hexdigest()
