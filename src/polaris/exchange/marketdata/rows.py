"""What the world hears of a book, as rows of integers: ticks, lots, ticks times lots, nanoseconds UTC.

Of prices and quantities in text, and of the names of books, a dialect knows.
"""

import mmap
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.exchange.arena import NORESERVE
from polaris.exchange.words import EVENT, EVENT_WORDS

TRADE = np.dtype(
    [
        ("trade_id", "<i8"),  # of the book: 1, 2, 3 ...
        ("aggregate_id", "<i8"),  # of the aggregate it belongs to
        ("ts", "<i8"),
        ("price", "<i8"),
        ("quantity", "<i8"),
        ("taker_id", "<i8"),  # the orders
        ("maker_id", "<i8"),
        ("seq", "<i8"),  # of the command
        ("book", "<i4"),
        ("side", "<i1"),  # BUY, SELL: the taker's
        ("flags", "<u1"),  # the event's
        ("reserved", "V2"),
    ]
)
AGGREGATE = np.dtype(  # trades one after the other of one taker at one price
    [
        ("aggregate_id", "<i8"),  # of the book: 1, 2, 3 ...
        ("first_id", "<i8"),  # trades first_id .. last_id
        ("last_id", "<i8"),
        ("ts", "<i8"),
        ("price", "<i8"),
        ("quantity", "<i8"),
        ("taker_id", "<i8"),
        ("seq", "<i8"),
        ("book", "<i4"),
        ("side", "<i1"),
        ("flags", "<u1"),
        ("reserved", "V2"),
    ]
)
DIFF = np.dtype(  # the levels of a book that changed since its diff before
    [
        ("book", "<i8"),
        ("first_id", "<i8"),  # update ids first_id .. last_id: the one before ended at first_id - 1
        ("last_id", "<i8"),
        ("ts", "<i8"),  # of its last event
        ("start", "<i8"),  # its bids are levels[start:asks], its asks levels[asks:end], best first
        ("asks", "<i8"),
        ("end", "<i8"),
    ]
)
LEVEL = np.dtype([("book", "<i4"), ("side", "<i1"), ("reserved", "V3"), ("price", "<i8"), ("lots", "<i8")])  # lots shown there now, 0 = gone
TOP = np.dtype(  # best bid and offer; 0 and 0 where a side is empty
    [
        ("book", "<i8"),
        ("update_id", "<i8"),
        ("ts", "<i8"),
        ("bid", "<i8"),
        ("bid_lots", "<i8"),
        ("ask", "<i8"),
        ("ask_lots", "<i8"),
    ]
)
ORDER_CHANGE = np.dtype(
    [
        ("book", "<i4"),
        ("side", "<i1"),
        ("change", "<u1"),  # ADD, CHANGE, REMOVE
        ("reserved", "V2"),
        ("order_id", "<i8"),
        ("price", "<i8"),
        ("lots", "<i8"),  # shown now; REMOVE: shown before
        ("update_id", "<i8"),  # the diff's last one
    ]
)
ADD: Final = 1  # stands at the end of its price's queue
CHANGE: Final = 2  # keeps its place, shows other lots
REMOVE: Final = 3

KLINE = np.dtype(  # also called a candle or a bar
    [
        ("open_time", "<i8"),
        ("end", "<i8"),  # the next one's open_time
        ("open", "<i8"),
        ("high", "<i8"),
        ("low", "<i8"),
        ("close", "<i8"),
        ("volume", "<i8"),  # lots
        ("quote_volume", "<i8"),  # ticks times lots
        ("taker_volume", "<i8"),  # of this what takers bought
        ("taker_quote_volume", "<i8"),
        ("trades", "<i8"),
        ("first_id", "<i8"),  # trades first_id .. first_id + trades - 1; -1 where there were none
    ]
)
assert (TRADE.itemsize, AGGREGATE.itemsize, DIFF.itemsize, LEVEL.itemsize, TOP.itemsize, ORDER_CHANGE.itemsize, KLINE.itemsize) == (72, 72, 56, 24, 56, 40, 96)
Rows = npt.NDArray[np.void]  # a 1-d array of one of these
Words = npt.NDArray[np.int64]


def word(name: str) -> int:
    """Which of an event's words a field is."""
    assert EVENT.fields is not None
    return int(EVENT.fields[name][1]) // 8


ORDER_ID, MAKER_ID, PRICE, QUANTITY, SEQ, TS = (word(name) for name in ("order_id", "maker_id", "price", "quantity", "seq", "ts"))
assert EVENT.itemsize == 8 * EVENT_WORDS and word("kind") == word("reason") == word("flags") == word("side") == word("book") == 0


def sparse(size: int, dtype: Any = np.int64) -> Any:
    """Zeros of which a little is used of each book: memory comes in small pages, as they are touched."""
    size *= np.dtype(dtype).itemsize
    memory = mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype, size // np.dtype(dtype).itemsize)


SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
