"""Plain Python strategies: a class with `on_row`, the same object live, on paper and in a backtest.

    class Breakout(Strategy):
        def on_row(self, row, desk):
            if row.kind == TRADE and row.price > self.high:
                desk.buy(row.instrument, lots=100)

The strategy sees a row after the desk has: its fills up to that row are booked. Its orders pass the same gate, meet
the same venue, land in the same ledger as everybody's. The core runs behind and catches up when the strategy acts,
asks, or waits to hear of an order; the result does not depend on it, because any split of the rows gives the same records.
"""

from typing import Any, Final

import numpy as np

from polaris.desk.fold import ROOM, fold
from polaris.desk.pipeline import Desk, submit_one
from polaris.domain.errors import BadConfig
from polaris.domain.kernel import kernel
from polaris.domain.market import ROW, Row, Rows, objects
from polaris.domain.orders import BUY, LIMIT, MARKET, SELL, TARGET, Records, joined

NOBODY: Final = -1  # no instrument: no order


class Strategy:
    """What to override. `on_record` hears what became of orders; `on_start` runs once, before the first row."""

    def on_start(self, desk: "Trader") -> None:
        """Before the first row."""

    def on_row(self, row: Row, desk: "Trader") -> None:
        """Every row, in order."""

    def on_record(self, record: Any, desk: "Trader") -> None:
        """One RECORD of an order: record["kind"] is SUBMIT, REFUSED, ACCEPTED, FILL, ... (domain.orders)."""


class Trader:
    """A desk driven by a plain Python strategy; also the handle that strategy acts through.

    desk      its sizing must be "direct" and its bank empty: orders come from the strategy alone. Raises BadConfig
    strategy  called for every row
    """

    def __init__(self, desk: Desk, strategy: Strategy) -> None:
        if not desk.direct or desk.bank.kernels:
            kernels = ", ".join(stage.name for stage in desk.bank.kernels)
            raise BadConfig(f"a plain Python strategy needs sizing direct and an empty bank; found sizing {desk.settings.sizing.mode} and {kernels or 'none'}")
        self.desk, self.strategy = desk, strategy
        self._hears = type(strategy).on_record is not Strategy.on_record
        self._rows: Rows = np.zeros(0, ROW)
        self._done = 0  # rows of the batch the core has taken
        self._now = -1  # row the strategy looks at
        self._working = False  # whether an order works
        self._heard = 0  # records the strategy has heard, of those it did not take over from the desk
        self._arrays: tuple[Any, ...] = ()  # of the core, as `act` takes them; empty between two batches
        self._parts: list[Records] = []
        self._started = False

    def run(self, rows: Rows) -> Records:
        """Hand a batch of rows to core and strategy; returns RECORD[n], what they led to."""
        if not self._started:
            self._started = True
            self.strategy.on_start(self)
        self._rows, self._done, self._arrays = rows, 0, self.desk.arrays()
        on_row = self.strategy.on_row
        for self._now, row in enumerate(objects(rows)):
            if self._working and self._hears:
                self._catch_up()
            on_row(row, self)
        self._now = len(rows) - 1
        self._catch_up()
        self._hand_over()
        self._arrays = ()
        parts, self._parts = self._parts, []
        return joined(parts)

    def buy(self, instrument: int, lots: int, kind: int = MARKET, price: int = 0) -> int:
        """Send a buy; returns the order's id, 0 where the gate refused. lots > 0; price in ticks."""
        return self.submit(instrument, BUY, lots, kind, price)

    def sell(self, instrument: int, lots: int, kind: int = MARKET, price: int = 0) -> int:
        """Send a sell; see `buy`."""
        return self.submit(instrument, SELL, lots, kind, price)

    def submit(self, instrument: int, side: int, lots: int, kind: int = LIMIT, price: int = 0) -> int:
        """Send an order through the gate; returns its id, 0 where it was refused (a REFUSED record says why)."""
        self.desk.check_order(instrument, lots, price)
        if self._hears:  # and what it hears may lead to other orders first
            self._catch_up()
        return self._act(instrument, side, kind, price, lots)

    def cancel(self, order: int) -> None:
        """Ask to cancel a working order; nothing happens where it works no more."""
        self._catch_up()
        self._hand_over()
        self._keep(self.desk.cancel(order))

    def position(self, instrument: int) -> int:
        """Lots held, signed."""
        self._catch_up()
        return int(self.desk.positions[instrument]["lots"])

    def touch(self, instrument: int) -> tuple[int, int]:
        """(best bid, best ask) in ticks; zeros before both are known."""
        self._catch_up()
        position = self.desk.positions[instrument]
        return int(position["bid"]), int(position["ask"])

    @property
    def equity(self) -> int:
        """Equity in money (1e-8 dollars)."""
        self._catch_up()
        return int(self.desk.account["equity"])

    def _catch_up(self) -> None:
        if self._done <= self._now:
            self._act(NOBODY, 0, 0, 0, 0)

    def _act(self, instrument: int, side: int, kind: int, price: int, lots: int) -> int:
        """Let the core take every row up to the one the strategy sees, then send an order unless instrument is NOBODY; returns its id."""
        desk, start, self._done = self.desk, self._done, self._now + 1
        if desk._told > len(desk._records) - ROOM:
            self._hand_over()
        reached, identity = start, 0
        if self._arrays:
            rows = self._rows[start : self._done]
            taken, desk._told, active, identity = act(rows, *self._arrays, desk._records, desk._told, instrument, side, kind, price, lots)
            reached, self._working = start + taken, active > 0
        if reached < self._done or not self._arrays:  # a book or the records ran full, or it is between two batches
            return self._act_with_room(reached, instrument, side, kind, price, lots)
        if self._hears:
            records = desk._records[desk._taken + self._heard : desk._told]
            self._heard += len(records)
            self._hear(records)
        return int(identity)

    def _act_with_room(self, start: int, instrument: int, side: int, kind: int, price: int, lots: int) -> int:
        """`_act` the long way: the desk itself makes room."""
        desk, identity, heard = self.desk, 0, self._heard
        records = desk.advance(self._rows[start : self._done])
        if self._arrays:
            self._arrays = desk.arrays()
        self._keep(records, heard)
        if instrument != NOBODY:
            identity, records = desk.submit(instrument, side, lots, kind, price)
            self._keep(records)
        self._working = bool(desk.account["active"])
        return identity

    def _hand_over(self) -> None:
        """What the core told, and the strategy heard, becomes a part of the batch's answer."""
        self._parts.append(self.desk._take())
        self._heard = 0

    def _keep(self, records: Records, heard: int = 0) -> None:
        """What the desk itself told becomes a part of the batch's answer; the strategy hears all but the first ones, which it heard."""
        self._parts.append(records)
        self._heard = 0
        self._hear(records[heard:])

    def _hear(self, records: Records) -> None:
        if self._hears:
            for record in records[records["kind"] < TARGET]:
                self.strategy.on_record(record, self)

@kernel
def nothing(tops, depth, columns, inputs, params, memory):  # type: ignore[no-untyped-def]
    """The kernels of an empty bank."""


@kernel
def act(rows, progress, market, block, bank, core, records, n, instrument, side, kind, price, lots):  # type: ignore[no-untyped-def]
    """`desk.fold` over rows with an empty bank, then an order unless instrument is NOBODY, in one call.

    returns  (rows taken, records written, orders that work, the order's id): where not all rows were taken, a book is full
             or the records might be, and the order is not sent
    """
    _, rules, terms, account, positions, orders, active, _ = core
    identity = 0
    taken, n = fold(nothing, rows, 0, progress, market, block, bank, core, records, n)
    if taken == rows.size and instrument != NOBODY:
        n, identity = submit_one(rules, terms, account, positions, orders, active, records, n, instrument, side, kind, price, lots)
    return taken, n, account[0]["active"], identity
