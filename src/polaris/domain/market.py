"""Market data as rows: 64 bytes of integers an update, the same in the log, in the kernels and, by column, in Parquet.

One row says one thing; what its last four words mean depends on its kind:

| kind    | price          | quantity       | other              | other_quantity                              |
|---------|----------------|----------------|--------------------|---------------------------------------------|
| DEPTH   | level, ticks   | lots, 0 = gone | venue's update id  | 0                                           |
| TRADE   | ticks          | lots           | venue's trade id   | 0                                           |
| QUOTE   | best bid       | lots there     | best ask           | lots there                                  |
| BAR     | close          | volume, lots   | open               | (high - max(o,c)) << 32 | (min(o,c) - low)  |
| STATUS  | BookState      | reason         | 0                  | 0                                           |
| TIMER   | 0              | 0              | 0                  | 0                                           |
| CONTROL | Command        | operand        | operand            | operand                                     |
| REPORT  | ticks          | lots           | our order id       | fee, money                                  |

`ts_event` is the venue's clock (0 where it gave none), `ts_recv` ours. A row with LAST closes an atomic update: only
then is the book whole, and only then does the desk look at it. A DEPTH row with CLEAR empties the book first: a
snapshot replaces, it never merges.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import starmap
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from polaris.domain.instrument import InstrumentId
from polaris.domain.numbers import Lots, Nanos, Ticks

SCHEMA_VERSION: Final = 1

ROW = np.dtype(
    [
        ("seq", "<i8"),
        ("ts_event", "<i8"),
        ("ts_recv", "<i8"),
        ("instrument", "<i4"),
        ("kind", "<i2"),
        ("flags", "<i2"),
        ("price", "<i8"),
        ("quantity", "<i8"),
        ("other", "<i8"),
        ("other_quantity", "<i8"),
    ]
)
assert ROW.itemsize == 64
Rows = npt.NDArray[np.void]  # a 1-d array of dtype ROW
_PACK = struct.Struct("<qqqihhqqqq").pack_into
_FLAGS = struct.calcsize("<qqqih")  # where they begin in a row

# kinds
DEPTH: Final = 1
TRADE: Final = 2
QUOTE: Final = 3
BAR: Final = 4
STATUS: Final = 5
TIMER: Final = 6
CONTROL: Final = 7
REPORT: Final = 8
KIND_NAMES: Final = {
    DEPTH: "depth",
    TRADE: "trade",
    QUOTE: "quote",
    BAR: "bar",
    STATUS: "status",
    TIMER: "timer",
    CONTROL: "control",
    REPORT: "report",
}

# flags
ASK: Final = 1  # DEPTH: the level is on the ask side. TRADE: the taker sold.
SNAPSHOT: Final = 2  # the row belongs to a snapshot
CLEAR: Final = 4  # empty the book before this row
LAST: Final = 8  # closes an atomic update

# book states, as STATUS rows carry them
DISCONNECTED: Final = 0
SYNCING: Final = 1
LIVE: Final = 2
STALE: Final = 3
BOOK_STATE_NAMES: Final = ("DISCONNECTED", "SYNCING", "LIVE", "STALE")

# why a book left LIVE
REASON_NONE: Final = 0
REASON_CONNECT: Final = 1
REASON_GAP: Final = 2
REASON_CROSSED: Final = 3
REASON_SILENCE: Final = 4
REASON_CHECKSUM: Final = 5
REASON_BAD_MESSAGE: Final = 6
REASON_CLOSED: Final = 7
REASON_NAMES: Final = ("none", "connect", "gap", "crossed", "silence", "checksum", "bad message", "closed")


def pack_bar(instrument: int, ts: int, open_: int, high: int, low: int, close: int, volume: int) -> tuple[int, ...]:
    """One bar as the eight values of a row in field order after seq: see `RowBuffer.append`.

    ts is the bar's END (when it became known). Raises ValueError where high or low contradicts open and close.
    """
    top, bottom = max(open_, close), min(open_, close)
    if not (0 <= high - top < 2**31 and 0 <= bottom - low < 2**31):
        raise ValueError(f"bar at {ts}: high {high} and low {low} do not enclose open {open_} and close {close}")
    return (ts, ts, instrument, BAR, LAST, close, volume, open_, (high - top) << 32 | (bottom - low))


class RowBuffer:
    """Rows that just came, in the order they came; `seq` is 0 until the log gives it.

    Grows as needed. `append` packs straight into bytes: a NumPy field assignment would cost ten times as much.
    """

    def __init__(self, capacity: int = 4096) -> None:
        self.size = 0
        self._hold(_blank(capacity))

    def append(
        self,
        ts_event: int,
        ts_recv: int,
        instrument: int,
        kind: int,
        flags: int,
        price: int,
        quantity: int,
        other: int = 0,
        other_quantity: int = 0,
    ) -> None:
        """Add one row; the arguments are the row's fields after `seq`."""
        if self.size == len(self._rows):
            self._grow(self.size + 1)
        _PACK(self._bytes, self.size * 64, 0, ts_event, ts_recv, instrument, kind, flags, price, quantity, other, other_quantity)
        self.size += 1

    def append_levels(
        self,
        ts_event: int,
        ts_recv: int,
        instrument: int,
        flags: int,
        levels: Iterable[tuple[str, str]],
        prices: Mapping[str, int],
        quantities: Mapping[str, int],
        update_id: int,
    ) -> None:
        """Add one DEPTH row a level: (price, quantity) in the venue's texts, with what reads each. What a reader raises adds none."""
        packed, at, end = self._bytes, 64 * self.size, 64 * len(self._rows)
        for price, quantity in levels:
            if at == end:
                self._grow(at // 64 + 1)
                packed, end = self._bytes, 64 * len(self._rows)
            _PACK(packed, at, 0, ts_event, ts_recv, instrument, DEPTH, flags, prices[price], quantities[quantity], update_id, 0)
            at += 64
        self.size = at // 64

    def extend(self, rows: Rows) -> None:
        """Add rows that are already packed."""
        need = self.size + len(rows)
        if need > len(self._rows):
            self._grow(need)
        self._rows[self.size : need] = rows
        self.size = need

    def reserve(self, capacity: int) -> None:
        """Have room for so many rows in all."""
        if capacity > len(self._rows):
            self._grow(capacity)

    def mark_last(self) -> None:
        """Set LAST on the newest row."""
        if self.size:
            self._bytes[64 * (self.size - 1) + _FLAGS] |= LAST

    def view(self, start: int = 0) -> Rows:
        """The rows from `start` on, not copied: valid until the next `append`, `extend` or `clear`."""
        return self._rows[start : self.size]

    def take(self) -> Rows:
        """A copy of all rows; the buffer is empty afterwards."""
        rows = np.frombuffer(bytearray(self._bytes[: 64 * self.size]), ROW)  # by bytes: NumPy would copy field by field
        self.size = 0
        return rows

    def clear(self) -> None:
        """Forget all rows."""
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def _grow(self, need: int) -> None:
        larger = _blank(max(need, 2 * len(self._rows)))
        larger.view(np.uint8)[: len(self._bytes)] = self._bytes
        self._hold(larger)

    def _hold(self, rows: Rows) -> None:
        self._rows = rows
        self._bytes = rows.view(np.uint8).data
        self.words = rows.view(np.int64).reshape(-1, 8)  # the same memory, for kernels: instrument, kind and flags share word 3


def _blank(capacity: int) -> Rows:
    """Rows of zeros, written out: memory that the kernel only promised would cost a frame its time."""
    rows = np.empty(capacity, ROW)
    rows.view(np.uint8).fill(0)
    return rows


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row as it is, field by field: what a plain Python strategy is handed (see the table above)."""

    seq: int
    ts_event: Nanos
    ts_recv: Nanos
    instrument: InstrumentId
    kind: int
    flags: int
    price: Ticks
    quantity: Lots
    other: int
    other_quantity: int


def objects(rows: Rows) -> Iterator[Row]:
    """Rows one by one as `Row`: by column, which is four times as fast as row by row."""
    return starmap(Row, zip(*(rows[name].tolist() for name in ROW.names or ()), strict=True))


class Depth(msgspec.Struct, frozen=True, tag="depth", gc=False):
    """One level of a book changed; lots 0 removes it. The view of one DEPTH row."""

    instrument: InstrumentId
    is_ask: bool
    price: Ticks
    quantity: Lots
    update_id: int
    snapshot: bool
    last: bool
    ts_event: Nanos
    ts_recv: Nanos
    seq: int = 0


class Trade(msgspec.Struct, frozen=True, tag="trade", gc=False):
    """A trade the venue printed. The view of one TRADE row."""

    instrument: InstrumentId
    price: Ticks
    quantity: Lots
    taker_buys: bool
    trade_id: int
    ts_event: Nanos
    ts_recv: Nanos
    seq: int = 0


class Quote(msgspec.Struct, frozen=True, tag="quote", gc=False):
    """The best bid and ask. The view of one QUOTE row."""

    instrument: InstrumentId
    bid: Ticks
    bid_quantity: Lots
    ask: Ticks
    ask_quantity: Lots
    ts_event: Nanos
    ts_recv: Nanos
    seq: int = 0


class Bar(msgspec.Struct, frozen=True, tag="bar", gc=False):
    """One bar that ended at ts_event. The view of one BAR row."""

    instrument: InstrumentId
    open: Ticks
    high: Ticks
    low: Ticks
    close: Ticks
    volume: Lots
    ts_event: Nanos
    ts_recv: Nanos
    seq: int = 0


class Status(msgspec.Struct, frozen=True, tag="status", gc=False):
    """A book changed its state (BOOK_STATE_NAMES) for a reason (REASON_NAMES). The view of one STATUS row."""

    instrument: InstrumentId
    state: int
    reason: int
    ts_recv: Nanos
    seq: int = 0


Event = Depth | Trade | Quote | Bar | Status


def event(row: Any) -> Event | None:
    """The struct view of one row; None for timers, control and reports."""
    seq, ts_event, ts_recv, instrument, kind, flags, price, quantity, other, other_quantity = row.item()
    match kind:
        case 1:
            return Depth(instrument, bool(flags & ASK), price, quantity, other, bool(flags & SNAPSHOT), bool(flags & LAST), ts_event, ts_recv, seq)
        case 2:
            return Trade(instrument, price, quantity, not flags & ASK, other, ts_event, ts_recv, seq)
        case 3:
            return Quote(instrument, price, quantity, other, other_quantity, ts_event, ts_recv, seq)
        case 4:
            top, bottom = max(other, price), min(other, price)
            return Bar(instrument, other, top + (other_quantity >> 32), bottom - (other_quantity & 0xFFFFFFFF), price, quantity, ts_event, ts_recv, seq)
        case 5:
            return Status(instrument, price, quantity, ts_recv, seq)
        case _:
            return None
