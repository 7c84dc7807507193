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

from polaris.desk.decide import RESERVE, decide
from polaris.desk.market.depth import observe
from polaris.desk.pipeline import NOTHING, Desk, submit_one
from polaris.domain.errors import BadConfig
from polaris.domain.kernel import kernel
from polaris.domain.market import ROW, Row, Rows, objects
from polaris.domain.orders import BUY, LIMIT, MARKET, RECORD, SELL, TARGET, Records, copied, joined

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
        self._buffer: Records = np.empty(4 * RESERVE, RECORD)
        self._told = 0  # records in the buffer
        self._heard = 0  # those of them the strategy has heard
        self._arrays: tuple[Any, ...] = ()  # of the core, as `act` takes them; empty between two batches
        self._parts: list[Records] = []
        self._started = False

    def run(self, rows: Rows) -> Records:
        """Hand a batch of rows to core and strategy; returns RECORD[n], what they led to."""
        if not self._started:
            self._started = True
            self.strategy.on_start(self)
        self._rows, self._done, self._arrays = rows, 0, self._laid_out()
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
        start, self._done = self._done, self._now + 1
        if self._told > 2 * RESERVE:
            self._hand_over()
        reached, identity = start, 0
        if self._arrays:
            reached, self._told, active, identity = act(self._rows, start, self._done, *self._arrays, self._told, instrument, side, kind, price, lots)
            self._working = active > 0
        if reached < self._done or not self._arrays:  # between two batches, or a book ran full
            return self._act_with_room(reached, instrument, side, kind, price, lots)
        if self._hears and self._told > self._heard:
            records, self._heard = copied(self._buffer[self._heard : self._told]), self._told
            self._hear(records)
        return int(identity)

    def _act_with_room(self, start: int, instrument: int, side: int, kind: int, price: int, lots: int) -> int:
        """`_act` the long way: the desk itself makes room."""
        desk, identity = self.desk, 0
        self._hand_over()
        self._keep(desk.advance(self._rows[start : self._done]))
        if self._arrays:
            self._arrays = self._laid_out()
        if instrument != NOBODY:
            identity, records = desk.submit(instrument, side, lots, kind, price)
            self._keep(records)
        self._working = bool(desk.account["active"])
        return identity

    def _hand_over(self) -> None:
        """What stands in the buffer becomes a part of the batch's answer."""
        records, heard = copied(self._buffer[: self._told]), self._heard
        self._told = self._heard = 0
        if len(records):
            self.desk._unhashed.append(records)
            self._parts.append(records)
            self._hear(records[heard:])

    def _keep(self, records: Records) -> None:
        self._parts.append(records)
        self._hear(records)

    def _hear(self, records: Records) -> None:
        if self._hears:
            for record in records[records["kind"] < TARGET]:
                self.strategy.on_record(record, self)

    def _laid_out(self) -> tuple[Any, ...]:
        desk, market = self.desk, self.desk.market
        return (
            market.books, market.counts, market.seen, market._tops, market._levels, market._at, NOTHING,
            desk.rules, desk.terms, desk.account_record, desk.positions, desk.orders, desk.active, desk.carry, self._buffer,
        )  # fmt: skip


@kernel
def act(  # type: ignore[no-untyped-def]
    rows, start, stop, books, counts, seen, tops, depth, at, none, rules, terms, account, positions, orders, active, carry, records, n,
    instrument, side, kind, price, lots,
):  # fmt: skip
    """Market and decision over rows[start:stop], then an order unless instrument is NOBODY, in one call.

    records  RECORD[>= n + 2 * RESERVE], written from n on
    returns  (row reached, records written, orders that work, the order's id)

    Goes by blocks whose tops and records find room: row by row where an order works, else a row tells two records at
    most. Where the row reached is below `stop` a book is full or the records might be, and the order is not sent.
    """
    identity = 0
    while start < stop and n <= records.size - 2 * RESERVE:
        size = 1 if account[0]["active"] > 0 else min(stop - start, tops.shape[0], RESERVE // 2)
        taken, m = observe(rows[start : start + size], 0, books, counts, seen, tops, depth, at)
        _, _, n = decide(
            rows[start : start + taken], 0, tops[:m], depth[:m], at[:m], 0, none, none, none, none, rules, terms, account, positions, orders, active, carry,
            records, n,
        )  # fmt: skip
        start += taken
        if taken < size:
            break
    if start == stop and instrument != NOBODY:
        n, identity = submit_one(rules, terms, account, positions, orders, active, records, n, instrument, side, kind, price, lots)
    return start, n, account[0]["active"], identity
