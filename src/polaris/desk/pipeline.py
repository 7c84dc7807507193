"""The whole desk on one page: rows -> market -> features -> alphas -> ensemble -> decision -> records.

    rows ──▶ market ──tops, depth──▶ bank (features, alphas, ensemble) ──columns──▶ decide ──▶ records
             books                   one memory a kernel                            rules, ledger, orders

The desk reads no clock and does no IO. Hand it the same rows in any portions and it writes the same records: live,
replay and backtest differ in who hands over rows, nothing else. Everything it remembers is in arrays: `state_digest`
is a hash of them, and of every record it ever wrote `decisions_digest`.
"""

import hashlib
from typing import Any

import numpy as np

from polaris.desk.columns import Bank, Floats
from polaris.desk.decide import RESERVE, decide
from polaris.desk.execution.orders import ask_cancel, submit
from polaris.desk.market import Market
from polaris.desk.settings import DeskSettings
from polaris.desk.state import ORDER, ORDER_SLOTS, account_of, carry_of, positions_of, rules_of, terms_of
from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instruments
from polaris.domain.kernel import kernel
from polaris.domain.market import Rows
from polaris.domain.orders import RECORD, STATE_NAMES, Records

NOTHING: Floats = np.zeros(0)
BATCH = 2048  # rows a pass: the columns of a pass stay in the processor's cache


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
        names = ("target",) if self.direct else ("forecast", "confidence", "volatility")
        self._rows_of = [bank.column(name) for name in names]
        wants_depth = any(stage.depth for stage in bank.kernels)
        self.market = Market(instruments, depth=wants_depth)
        self.rules = rules_of(settings)
        self.terms = terms_of(settings, instruments)
        self.account_record = account_of(settings)
        self.positions = positions_of(instruments)
        self.orders: Any = np.zeros(ORDER_SLOTS, ORDER)
        self.active = np.zeros(ORDER_SLOTS, np.int64)
        self.carry = carry_of(instruments)
        self._records: Records = np.zeros(max(8192, 4 * RESERVE), RECORD)
        self._written = hashlib.blake2b(digest_size=16)

    @property
    def account(self) -> Any:
        """The account's record: account["cash"], account["equity"], ... in money."""
        return self.account_record[0]

    def advance(self, rows: Rows) -> Records:
        """Take rows (with their seq) in order; returns RECORD[n], what they led to."""
        parts: list[Records] = []
        for first in range(0, len(rows), BATCH):
            self._pass(rows[first : first + BATCH], parts)
        if not parts:
            return self._records[:0].copy()
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _pass(self, rows: Rows, parts: list[Records]) -> None:
        tops, depth, at = self.market.update(rows)
        columns = self.bank.update(tops, depth)
        if self.direct:
            forecasts = confidences = volatilities = NOTHING
            targets = columns[self._rows_of[0]]
        else:
            forecasts, confidences, volatilities = (columns[row] for row in self._rows_of)
            targets = NOTHING
        row, boundary = 0, 0
        while row < len(rows):
            row, boundary, n = decide(
                rows, row, tops, depth, at, boundary, forecasts, confidences, volatilities, targets, self.rules, self.terms,
                self.account_record, self.positions, self.orders, self.active, self.carry, self._records,
            )  # fmt: skip
            if n:
                self._keep(n, parts)

    def _keep(self, n: int, parts: list[Records]) -> None:
        records = self._records[:n].copy()
        self._written.update(records)  # type: ignore[arg-type]
        parts.append(records)

    def submit(self, instrument: int, side: int, lots: int, kind: int, price: int = 0) -> tuple[int, Records]:
        """A person's or a plain Python strategy's order, through the same gate.

        instrument  its id
        side        BUY or SELL
        lots        > 0
        kind        MARKET, LIMIT, POST_ONLY or IOC
        price       ticks; not needed for a market order
        returns     (order id, 0 where refused; the records it led to)
        """
        n, identity = submit_one(
            self.rules, self.terms, self.account_record, self.positions, self.orders, self.active, self._records, instrument, side, kind, price, lots
        )
        parts: list[Records] = []
        self._keep(n, parts)
        return identity, parts[0]

    def cancel(self, order: int) -> Records:
        """Ask to cancel a working order; no records where there is nothing to cancel."""
        n = cancel_one(self.rules, self.account_record, self.positions, self.orders, self._records, order)
        parts: list[Records] = []
        self._keep(n, parts)
        return parts[0]

    def state_digest(self) -> str:
        """Hash (hex) of everything the core remembers."""
        digest = hashlib.blake2b(digest_size=16)
        market = self.market
        for instrument, (bids, asks) in enumerate(market.counts.tolist()):
            digest.update(market.books[instrument, 0, :bids].tobytes())
            digest.update(market.books[instrument, 1, :asks].tobytes())
        live = self.active[: int(self.account["active"])]
        for array in (market.counts, market.seen, *self.bank.states, self.account_record, self.positions, self.orders, live, self.carry):
            digest.update(array.tobytes())
        return digest.hexdigest()

    def decisions_digest(self) -> str:
        """Hash (hex) of every record written so far: the desk's decisions, orders and fills, bit for bit."""
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
def submit_one(rules, terms, account, positions, orders, active, records, instrument, side, kind, price, lots):  # type: ignore[no-untyped-def]
    """`execution.orders.submit` for one order from outside the loop; a market order meets the far touch first."""
    if price <= 0:
        price = positions[instrument]["ask"] if side > 0 else positions[instrument]["bid"]
    return submit(rules[0], terms, account[0], positions, orders, active, records, 0, instrument, side, kind, price, lots)


@kernel
def cancel_one(rules, account, positions, orders, records, identity):  # type: ignore[no-untyped-def]
    """`execution.orders.ask_cancel` for one order from outside the loop."""
    order = orders[identity % ORDER_SLOTS]
    if order["id"] != identity:
        return 0
    return ask_cancel(rules[0], account[0], positions[order["instrument"]], order, records, 0)


