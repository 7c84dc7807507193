"""What the register tells: a row for each thing that happened to an order, with the order as it was right after it.

Compiled code writes rows of words, everybody else reads them as rows of CHANGE. `begin` writes what happened, `former` what the order was called
before, `image` the order.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import inlined
from polaris.exchange.arena import LOW
from polaris.exchange.bits import U
from polaris.exchange.gateway import register_memory as r

IMAGE = 16  # of a change, where the order begins
IMAGE_FROM, IMAGE_WORDS = r.KEY, r.FIRST_ID + r.NAME_WORDS - r.KEY
CHANGE_WORDS = IMAGE + IMAGE_WORDS
NAME = f"S{8 * r.NAME_WORDS}"
ORDER_FIELDS: Final[list[Any]] = [
    ("order_id", "<i8"),
    ("account", "<i4"),
    ("book", "<i4"),
    ("order_type", "<u1"),
    ("time_in_force", "<u1"),
    ("side", "<i1"),
    ("prevention", "<u1"),
    ("flags", "<u1"),
    ("expiry", "<u1"),  # why it expired, | STILL_PENDING
    ("spare", "V2"),
    ("state", "<i8"),
    ("price", "<i8"),
    ("quantity", "<i8"),
    ("trigger", "<i8"),
    ("display", "<i8"),
    ("executed", "<i8"),
    ("paid", "<i8"),
    ("prevented", "<i8"),
    ("prevented_id", "<i8"),
    ("created", "<i8"),
    ("updated", "<i8"),
    ("working", "<i8"),
    ("number", "<i8"),
    ("session", "<u4"),
    ("list_id", "<u4"),
    ("known_as", "<i8"),
    ("client_id", NAME),
    ("former_id", NAME),
    ("first_id", NAME),
]
IMAGES: Final = np.dtype(ORDER_FIELDS)
CHANGE: Final = np.dtype(
    [
        ("seq", "<i8"),
        ("owner", "<i4"),  # account
        ("asked", "<i4"),  # 1: of the account that asked
        ("kind", "<u1"),  # the event's
        ("reason", "<u1"),
        ("of_list", "<u1"),
        ("maker", "<u1"),
        ("reserved", "V4"),
        ("of", "<i8"),  # order id
        ("ts", "<i8"),
        ("event_quantity", "<i8"),
        ("execution", "<i8"),
        ("trade_id", "<i8"),  # 0: no trade
        ("trade_price", "<i8"),
        ("fee", "<i8"),
        ("former", NAME),
        ("is_order", "<i8"),  # 0: a refusal; no order
        *ORDER_FIELDS,
    ]
)
Changes = npt.NDArray[np.void]  # a 1-d array of dtype CHANGE
assert CHANGE.itemsize == 8 * CHANGE_WORDS and IMAGES.itemsize == 8 * IMAGE_WORDS


def words_of(changes: Changes) -> npt.NDArray[np.int64]:
    """int64[k, CHANGE_WORDS]: changes as compiled code reads them."""
    return changes.view(np.int64).reshape(len(changes), CHANGE_WORDS)


# words of a change
SEQ, ACCOUNT, WHAT, OF, TS, AMOUNT, EXECUTION, TRADE, TRADE_PRICE, FEE, FORMER, IS_ORDER = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15


@inlined
def begin(memory, changes, told, events, at, asker, kind, reason, order):  # type: ignore[no-untyped-def]
    """A change of an order; of a refusal 0."""
    owner = memory[U(order + r.OWNER)] & LOW if order != 0 else events[at, 8] & LOW
    changes[told, SEQ] = events[at, 7]
    changes[told, ACCOUNT] = owner | (1 << 32 if asker == owner or asker == 0 else 0)
    changes[told, WHAT] = kind | reason << 8
    changes[told, OF] = memory[U(order + r.KEY)] if order != 0 else events[at, 1]
    changes[told, TS], changes[told, AMOUNT] = events[at, 11], events[at, 4]
    changes[told, EXECUTION] = memory[U(r.EXECUTIONS)]
    for word in range(TRADE, IS_ORDER + 1):
        changes[told, word] = 0
    if order == 0:
        for word in range(IMAGE, CHANGE_WORDS):
            changes[told, word] = 0


@inlined
def former(memory, changes, told, order):  # type: ignore[no-untyped-def]
    """What an order is called before this change."""
    for word in range(r.NAME_WORDS):
        changes[told, FORMER + word] = memory[U(order + r.CLIENT_ID + word)]


@inlined
def image(memory, changes, told, order):  # type: ignore[no-untyped-def]
    """The order as it is after this change."""
    changes[told, IS_ORDER] = 1
    for word in range(IMAGE_WORDS):
        changes[told, IMAGE + word] = memory[U(order + IMAGE_FROM + word)]
