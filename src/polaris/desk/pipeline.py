"""The whole desk on one page: rows -> market -> features -> alphas -> ensemble -> decision -> records.

    rows ──▶ market ──tops, depth──▶ bank (features, alphas, ensemble) ──columns──▶ decide ──▶ records
             books                   one memory a kernel                            rules, ledger, orders

The desk reads no clock and does no IO. Hand it the same rows in any portions and it writes the same records: live,
replay and backtest differ in who hands over rows, nothing else. Everything it remembers is in arrays: `state_digest`
is a hash of them, and of every record it ever wrote `decisions_digest`.
"""

import hashlib
from functools import partial
from typing import Any

import msgspec
import numpy as np

from polaris.desk.columns import Bank, Floats
from polaris.desk.decide import RESERVE
from polaris.desk.execution.orders import ask_cancel, submit
from polaris.desk.fold import PROGRESS, ROOM, fold
from polaris.desk.market import Market
from polaris.desk.settings import DeskSettings
from polaris.desk.state import ORDER, ORDER_SLOTS, account_of, carry_of, positions_of, rules_of, terms_of
from polaris.domain.errors import BadConfig, BadData
from polaris.domain.instrument import Instruments
from polaris.domain.kernel import kernel
from polaris.domain.market import ROW, Rows
from polaris.domain.numbers import MAX_INT
from polaris.domain.orders import HALTED_KILLED, OBSERVE, RECORD, RUNNING, STATE_NAMES, Records

NO_ROWS: Rows = np.zeros(0, ROW)
RECORDS = 16 * RESERVE
BLOCK = 2048  # rows a pass: what a pass unfolds stays in the processor's cache
BLOCK_WITHOUT_DEPTH = 512  # and even in its nearest one


class Desk:
    """One desk over some instruments.

    settings     what it wants and may do
    instruments  ids are the indices of every state array
    bank         features, alphas and ensemble; with sizing "direct" a strategy that writes the column "target"
    """

    def __init__(self, settings: DeskSettings, instruments: Instruments, bank: Bank) -> None:
        if not len(instruments):
            raise BadConfig("a desk needs at least one instrument")
        self.settings, self.instruments, self.bank = settings, instruments, bank
        self.direct = settings.sizing.mode == "direct"
        names = ("forecast", "confidence", "volatility", "")
        if self.direct:  # without a column "target" orders come from outside only: see desk.strategy
            names = ("", "", "", "target" if "target" in bank.index else "")
        self._reads = np.array([bank.column(name) if name else -1 for name in names])
        wants_depth = any(stage.depth for stage in bank.kernels)
        self.market = Market(instruments, depth=wants_depth, block=BLOCK if wants_depth else BLOCK_WITHOUT_DEPTH)
        self.horizon_ns = next((stage.horizon_ns for stage in bank.kernels if "forecast" in stage.outputs), 1_000_000_000)
        self.rules = rules_of(settings, self.horizon_ns)
        self.terms = terms_of(settings, instruments)
        self.account_record = account_of(settings)
        self.positions = positions_of(instruments)
        self.orders: Any = np.zeros(ORDER_SLOTS, ORDER)
        self.active = np.zeros(ORDER_SLOTS, np.int64)
        self.carry = carry_of(instruments)
        self._records: Records = np.empty(RECORDS, RECORD)
        self._told = self._taken = 0  # how many stand there, and how many of them somebody has
        self._written = hashlib.blake2b(digest_size=16)
        self.last: Floats = np.zeros((len(instruments), len(bank.index)))  # the newest value of every column
        self._newest = np.zeros(len(instruments), np.int64)
        self._progress: Any = np.zeros(1, PROGRESS)
        self._fold = bank.fused.fold if bank.fused is not None else partial(getattr(fold, "py_func", fold), bank.run)
        self._unhashed: list[Records] = []  # hashed when somebody asks: not on the way of an order

    @property
    def account(self) -> Any:
        """The account's record: account["cash"], account["equity"], ... in money."""
        return self.account_record[0]

    @property
    def boundaries(self) -> int:
        """Updates looked at so far."""
        return int(self._progress[0]["boundaries"])

    def advance(self, rows: Rows) -> Records:
        """Take rows (with their seq) in order; returns RECORD[n], what they led to."""
        row = 0
        while True:
            row, self._told = self._fold(rows, row, *self.arrays(), self._records, self._told)
            if row == len(rows):
                return self._take()
            if self._told > len(self._records) - ROOM:
                self._make_room()
            else:
                self.market.grow()

    def rehearse(self) -> None:
        """A pass over no rows: nothing changes. Code and memory of the way are nearer to the processor afterwards."""
        self._fold(NO_ROWS, 0, *self.arrays(), self._records, self._told)

    def arrays(self) -> tuple[Any, ...]:
        """All the desk works with, as `fold` takes it."""
        market, bank = self.market, self.bank
        return (
            self._progress,
            (market.books, market.counts, market.seen),
            (market.tops, market.depth, market.at, bank.columns),
            (bank.inputs, bank.params, bank.memory, self._newest, self.last),
            (self._reads, self.rules, self.terms, self.account_record, self.positions, self.orders, self.active, self.carry),
        )

    def _take(self) -> Records:
        """The records nobody took yet. They stay where they are: another buffer follows when this one is full."""
        records = self._records[self._taken : self._told]
        self._taken = self._told
        if len(records):
            self._unhashed.append(records)
        if self._told > len(self._records) - ROOM:
            self._make_room()
        return records

    def _make_room(self) -> None:
        """Another buffer, with a copy of the records nobody took yet."""
        told = self._records[self._taken : self._told]
        self._records = np.empty(2 * len(told) + RECORDS, RECORD)
        self._records.view(np.uint8)[: told.nbytes] = told.view(np.uint8)  # by bytes: NumPy would copy field by field
        self._taken, self._told = 0, len(told)

    def submit(self, instrument: int, side: int, lots: int, kind: int, price: int = 0) -> tuple[int, Records]:
        """A person's or a plain Python strategy's order, through the same gate.

        instrument  its id
        side        BUY or SELL
        lots        > 0
        kind        MARKET, LIMIT, POST_ONLY or IOC
        price       ticks; not needed for a market order
        returns     (order id, 0 where refused; the records it led to)
        raises      BadData for an instrument the desk does not know, or figures beyond 63 bits
        """
        self.check_order(instrument, lots, price)
        self._told, identity = submit_one(
            self.rules, self.terms, self.account_record, self.positions, self.orders, self.active, self._records, self._told, instrument, side, kind, price, lots
        )
        return identity, self._take()

    def check_order(self, instrument: int, lots: int, price: int) -> None:
        """Raises BadData for an instrument the desk does not know, or figures beyond 63 bits."""
        if not 0 <= instrument < len(self.instruments):
            raise BadData(f"an order of instrument {instrument}; the desk has 0 .. {len(self.instruments) - 1}")
        if not (abs(lots) <= MAX_INT and abs(price) <= MAX_INT):
            raise BadData(f"an order of {lots} lots at {price} ticks; expected figures below 2**63")

    def cancel(self, order: int) -> Records:
        """Ask to cancel a working order; no records where there is nothing to cancel."""
        self._told = cancel_one(self.rules, self.account_record, self.positions, self.orders, self._records, self._told, order)
        return self._take()

    def latest(self, instrument: int) -> dict[str, float]:
        """The newest value of every column of one instrument: features, forecasts, weights."""
        return dict(zip(self.bank.names(), self.last[instrument].tolist(), strict=False))

    def reconfigure(self, settings: DeskSettings) -> None:
        """Obey other limits, sizes and costs from here on; what is held and known stays, and so do pause and kill switch.

        Whether a strategy says how many lots itself is the strategy's: sizing stays "direct" where it was. Raises BadConfig
        where a desk that sizes should become so.
        """
        if self.direct:
            settings = msgspec.structs.replace(settings, sizing=msgspec.structs.replace(settings.sizing, mode="direct"))
        elif settings.sizing.mode == "direct":
            raise BadConfig("sizing.mode is 'direct', but this desk sizes its own forecasts; expected kelly, volatility or fixed")
        trading = self.account["trading"]
        if settings.mode == "observe" and trading != HALTED_KILLED:
            self.account["trading"] = OBSERVE
        elif settings.mode != "observe" and trading == OBSERVE:
            self.account["trading"] = RUNNING
        self.settings = settings
        self.rules[:] = rules_of(settings, self.horizon_ns)
        self.terms[:] = terms_of(settings, self.instruments)

    def state_digest(self) -> str:
        """Hash (hex) of everything the core remembers."""
        digest = hashlib.blake2b(digest_size=16)
        market = self.market
        for instrument, (bids, asks, *_) in enumerate(market.counts.tolist()):
            digest.update(market.books[instrument, 0, :bids].tobytes())
            digest.update(market.books[instrument, 1, :asks].tobytes())
        live = self.active[: int(self.account["active"])]
        for array in (market.counts, market.seen, *self.bank.states, self.account_record, self.positions, self.orders, live, self.carry):
            digest.update(array.tobytes())
        return digest.hexdigest()

    def decisions_digest(self) -> str:
        """Hash (hex) of every record written so far: the desk's decisions, orders and fills, bit for bit."""
        for records in self._unhashed:
            self._written.update(records.tobytes())
        self._unhashed.clear()
        return self._written.hexdigest()

    def working_orders(self) -> list[dict[str, Any]]:
        """The working orders, oldest first, in the field's words."""
        found = []
        for slot in self.active[: int(self.account["active"])].tolist():
            order = self.orders[slot]
            item = self.instruments[int(order["instrument"])]
            found.append(
                {
                    "id": int(order["id"]),
                    "symbol": item.symbol,
                    "side": "buy" if order["side"] > 0 else "sell",
                    "price": item.price_text(int(order["price"])),
                    "quantity": item.quantity_text(int(order["lots"])),
                    "filled": item.quantity_text(int(order["filled"])),
                    "state": STATE_NAMES[int(order["state"])],
                }
            )
        return found


@kernel
def submit_one(rules, terms, account, positions, orders, active, records, n, instrument, side, kind, price, lots):  # type: ignore[no-untyped-def]
    """`execution.orders.submit` for one order from outside the loop; a market order meets the far touch first."""
    if price <= 0:
        price = positions[instrument]["ask"] if side > 0 else positions[instrument]["bid"]
    return submit(rules[0], terms, account[0], positions, orders, active, records, n, instrument, side, kind, price, lots)


@kernel
def cancel_one(rules, account, positions, orders, records, n, identity):  # type: ignore[no-untyped-def]
    """`execution.orders.ask_cancel` for one order from outside the loop."""
    order = orders[identity % ORDER_SLOTS]
    if order["id"] != identity:
        return n
    return ask_cancel(rules[0], account[0], positions[order["instrument"]], order, records, n)


