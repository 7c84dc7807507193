"""Orders and what becomes of them: the words, the state table, and the 128-byte record everything is told in.

The life of an order (every state and every transition; what is not drawn is an error):

                        gate refuses
        (decision) ───────────────────▶ a REFUSED record; no order is made
            │ gate passes, SUBMIT
            ▼            REJECT
        PENDING ───────────────────────▶ REJECTED
            │ ACCEPT       EXPIRE (IOC or market remainder, post-only that would take)
            ▼                 │
          OPEN ──FILL──▶ PARTIAL ──FILL──▶ FILLED
            │  ▲          │  ▲  │
     cancel │  │ too late │  │  └──────────▶ EXPIRED
     asked  ▼  │          ▼  │
         CANCELLING ──────────────CANCEL──▶ CANCELLED
            └──FILL (the race: it counts)─▶ PARTIAL-and-still-CANCELLING, or FILLED

A fill that arrives on an order already CANCELLED, EXPIRED or REJECTED still counts in the ledger: some venues confirm
a cancel before its last fill arrives.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

# sides
BUY: Final = 1
SELL: Final = -1

# order types
MARKET: Final = 0
LIMIT: Final = 1
POST_ONLY: Final = 2
IOC: Final = 3
TYPE_NAMES: Final = ("market", "limit", "post-only", "ioc")

# order states
NONE: Final = 0  # the slot is free
PENDING: Final = 1
OPEN: Final = 2
PARTIAL: Final = 3
CANCELLING: Final = 4
FILLED: Final = 5
CANCELLED: Final = 6
EXPIRED: Final = 7
REJECTED: Final = 8
STATE_NAMES: Final = ("none", "pending", "open", "partial", "cancelling", "filled", "cancelled", "expired", "rejected")

# reports: what a venue may say of an order
ACCEPT: Final = 1
FILL_PART: Final = 2
FILL_LAST: Final = 3
CANCEL_DONE: Final = 4
CANCEL_TOO_LATE: Final = 5
EXPIRE: Final = 6
REJECT: Final = 7
CANCEL_ASKED: Final = 8  # ours: a cancel was sent
REPORT_NAMES: Final = ("", "accept", "fill", "fill (last)", "cancel", "cancel too late", "expire", "reject", "cancel asked")

_X = -1  # no such transition


def _transitions() -> npt.NDArray[np.int8]:
    table = np.full((9, 9), _X, np.int8)
    rows: dict[int, dict[int, int]] = {
        PENDING: {ACCEPT: OPEN, FILL_PART: PARTIAL, FILL_LAST: FILLED, EXPIRE: EXPIRED, REJECT: REJECTED, CANCEL_ASKED: CANCELLING, CANCEL_DONE: CANCELLED},
        OPEN: {FILL_PART: PARTIAL, FILL_LAST: FILLED, EXPIRE: EXPIRED, CANCEL_ASKED: CANCELLING, CANCEL_DONE: CANCELLED},
        PARTIAL: {FILL_PART: PARTIAL, FILL_LAST: FILLED, EXPIRE: EXPIRED, CANCEL_ASKED: CANCELLING, CANCEL_DONE: CANCELLED},
        CANCELLING: {
            ACCEPT: CANCELLING, FILL_PART: CANCELLING, FILL_LAST: FILLED, EXPIRE: EXPIRED, REJECT: REJECTED,
            CANCEL_ASKED: CANCELLING, CANCEL_DONE: CANCELLED, CANCEL_TOO_LATE: OPEN,
        },
        FILLED: {CANCEL_TOO_LATE: FILLED, CANCEL_DONE: FILLED},
        CANCELLED: {FILL_PART: CANCELLED, FILL_LAST: FILLED, CANCEL_TOO_LATE: CANCELLED},
        EXPIRED: {FILL_PART: EXPIRED, FILL_LAST: FILLED, CANCEL_TOO_LATE: EXPIRED},
        REJECTED: {FILL_PART: REJECTED, FILL_LAST: FILLED, CANCEL_TOO_LATE: REJECTED},
    }  # fmt: skip
    for state, row in rows.items():
        for report, after in row.items():
            table[state, report] = after
    return table


TRANSITIONS: Final = _transitions()  # int8[state, report]: the next state, -1 where a venue can't say that

# liquidity of a fill
TAKER: Final = 0
MAKER: Final = 1

# what a record tells
SUBMIT: Final = 1  # an order passed the gate and was sent
REFUSED: Final = 2  # the gate said no: reason, figure, limit
ACCEPTED: Final = 3
FILL: Final = 4
CANCEL: Final = 5  # a cancel was sent
CANCELED: Final = 6
CANCEL_FAILED: Final = 7
EXPIRED_ORDER: Final = 8
REJECTED_ORDER: Final = 9
TARGET: Final = 10  # the wanted position changed: the decision itself
EQUITY: Final = 11  # a sample of the equity curve
HALT: Final = 12  # trading state changed: reason says to what, figure and limit why
RECORD_NAMES: Final = {
    SUBMIT: "submit",
    REFUSED: "refused",
    ACCEPTED: "accepted",
    FILL: "fill",
    CANCEL: "cancel",
    CANCELED: "cancelled",
    CANCEL_FAILED: "cancel too late",
    EXPIRED_ORDER: "expired",
    REJECTED_ORDER: "rejected",
    TARGET: "target",
    EQUITY: "equity",
    HALT: "halt",
}

RECORD = np.dtype(
    [
        ("seq", "<i8"),  # of the row that led to it
        ("ts", "<i8"),  # the desk's clock then, ns
        ("instrument", "<i4"),
        ("kind", "<i2"),
        ("reason", "<i2"),  # REFUSED, HALT: a reason of this module. TARGET: the limit that bound it
        ("order", "<i8"),
        ("side", "<i2"),
        ("type", "<i2"),
        ("state", "<i2"),  # of the order, after
        ("liquidity", "<i2"),
        ("price", "<i8"),  # ticks
        ("lots", "<i8"),  # of the order or the fill
        ("filled", "<i8"),  # lots of the order filled so far
        ("money", "<i8"),  # FILL: fee. EQUITY: equity. else 0
        ("cash", "<i8"),  # after
        ("position", "<i8"),  # lots, after
        ("target", "<i8"),  # lots wanted
        ("mid2", "<i8"),  # best bid + best ask then, ticks: twice the mid
        ("forecast", "<f8"),  # expected return the decision saw
        ("figure", "<f8"),  # what a limit measured; EQUITY: realised profit
        ("limit", "<f8"),  # what it allows; EQUITY: drawdown as a fraction
    ]
)
assert RECORD.itemsize == 128
Records = npt.NDArray[np.void]  # a 1-d array of dtype RECORD


def copied(records: Records) -> Records:
    """A copy. By bytes: NumPy copies structured arrays field by field, many times slower."""
    return np.frombuffer(bytearray(records.view(np.uint8).data), RECORD)


def joined(parts: "list[Records]") -> Records:
    """Records end to end, by bytes as in `copied`."""
    return np.frombuffer(bytearray().join(part.view(np.uint8).data for part in parts), RECORD)


# why the gate refuses, or a target was bound
PASS: Final = 0
KILLED: Final = 1
PAUSED: Final = 2
OBSERVING: Final = 3
BOOK_NOT_LIVE: Final = 4
STALE_DATA: Final = 5
CROSSED: Final = 6
ORDER_SIZE: Final = 7
ORDER_NOTIONAL: Final = 8
POSITION_LIMIT: Final = 9
TOTAL_NOTIONAL: Final = 10
PRICE_BAND: Final = 11
ORDER_RATE: Final = 12
DAILY_LOSS: Final = 13
DRAWDOWN: Final = 14
DUPLICATE: Final = 15
INCREMENT: Final = 16
NO_SLOT: Final = 17
NOT_ENOUGH_CASH: Final = 18
UNREADABLE: Final = 19  # numbers out of any range: refuse rather than guess
RESUMED: Final = 20
REFUSAL_NAMES: Final = (
    "pass", "kill switch", "paused", "observe mode", "book not live", "stale data", "crossed book", "order size", "order notional", "position limit",
    "total notional", "price band", "order rate", "daily loss", "drawdown", "duplicate order", "price or lot increment", "too many open orders",
    "not enough cash", "number out of range", "resumed",
)  # fmt: skip

# the trading state of the desk
RUNNING: Final = 0
HALTED_PAUSED: Final = 1
HALTED_KILLED: Final = 2
OBSERVE: Final = 3
TRADING_NAMES: Final = ("running", "paused", "killed", "observe")
