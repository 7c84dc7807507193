"""Carries the desk's orders to the venues they are for, and brings back what became of them as rows.

    SUBMIT, CANCEL records ─▶ Courier ─▶ OrderEntry of the venue
            ▲                    │ REPORT rows: accepted, filled, cancelled, expired, rejected
            └──── the log ◀──────┘

The core has written the order down before it is heard here, and hears nothing of a venue but by a row of the log: so a replay
needs no venue. An order is told whole and in order: accepted, then its fills, then its end, and the end not before every lot that
the venue says is filled was found among its executions. Fills are counted by lots, oldest first, so a restart tells none twice.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Protocol

import structlog

from polaris.domain.errors import PolarisError, Unavailable
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import REPORT, RowBuffer
from polaris.domain.numbers import MONEY_DECIMALS
from polaris.domain.orders import (
    ACCEPT,
    CANCEL,
    CANCEL_DONE,
    CANCEL_TOO_LATE,
    CANCELLED,
    CANCELLING,
    EXPIRE,
    EXPIRED,
    FILL_LAST,
    FILL_PART,
    FILLED,
    NONE,
    OPEN,
    PARTIAL,
    PENDING,
    REJECT,
    REJECTED,
    SUBMIT,
    Records,
)
from polaris.venues.orders import Fill, NewOrder, Refusal, Report, Verdict

SECOND: Final = 1_000_000_000
POLL_S: Final = 0.25  # between two looks at what works
SINCE_NS: Final = 60 * SECOND  # how long before its order an execution may be dated: the venue's clock is not ours
ENDS: Final = {CANCELLED: CANCEL_DONE, EXPIRED: EXPIRE, REJECTED: REJECT}

log = structlog.get_logger()


class Entry(Protocol):
    """What is asked of a venue; see `venues.ordering.OrderEntry`."""

    orders: Any
    doubtful: dict[str, Any]

    async def place(self, order: NewOrder) -> Report | Refusal: ...
    async def settle(self, client: str) -> Report | Refusal: ...
    async def cancel(self, instrument: Instrument, client: str, venue_id: str = "") -> Report | Refusal: ...
    async def find(self, instrument: Instrument, client: str) -> Report | Refusal: ...
    async def open_orders(self, instrument: Instrument) -> list[Report]: ...
    async def fills(self, instrument: Instrument, since: int) -> list[Fill]: ...
    def doubt(self, order: NewOrder) -> None: ...


@dataclass(eq=False)
class Carried:
    """An order that was sent and has not ended, as far as the core was told.

    told   lots whose fills the core knows
    since  ns: no execution of it is older
    """

    number: int
    order: NewOrder
    since: int
    venue_id: str = ""
    told: int = 0
    accepted: bool = False
    cancelling: bool = False
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)  # one question about it at a time


class Courier:
    """Orders out, reports in.

    entries  by venue
    run      names the log these orders stand in: their names at the venues begin with it
    tell     takes REPORT rows: they go through the log to the core
    clock    ns
    answered hears how long an order took, ns, from its record to the venue's answer
    """

    def __init__(
        self,
        entries: Mapping[str, Entry],
        instruments: Instruments,
        run: str,
        tell: Callable[[RowBuffer], object],
        clock: Callable[[], int],
        *,
        answered: Callable[[int], object] = lambda ns: None,
        poll_s: float = POLL_S,
    ) -> None:
        self.entries, self.instruments, self.name, self.clock = entries, instruments, run, clock
        self.carried: dict[int, Carried] = {}
        self.troubles = 0  # questions a venue did not answer
        self._tell, self._answered, self._poll_s = tell, answered, poll_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._rows = RowBuffer(16)
        self._failed: asyncio.Future[None] | None = None

    def hear(self, records: Records) -> None:
        """Records that the log holds now."""
        for record in records:
            if record["kind"] == SUBMIT:
                self._start(self._place(self._take(record)))
            elif record["kind"] == CANCEL and int(record["order"]) in self.carried:
                self._start(self._cancel(self.carried[int(record["order"])]))

    def resume(self, orders: Iterable[Any]) -> None:
        """Take over the orders of a run that ended (the core's order slots): nobody knows what became of them meanwhile."""
        for slot in orders:
            if NONE < slot["state"] < FILLED:
                carried = self._take(slot, number=int(slot["id"]), lots=int(slot["lots"]))
                carried.told, carried.accepted = int(slot["filled"]), int(slot["state"]) in (OPEN, PARTIAL)
                carried.since = int(slot["sent"]) - SINCE_NS
                self._entry(carried).doubt(carried.order)
                if slot["state"] == CANCELLING:
                    self._start(self._cancel(carried))

    def lapse(self, orders: Iterable[Any]) -> None:
        """Tell that the orders of a run that ended have lapsed: their venues began anew and keep nothing of before.

        An execution that was not told by then is told by nobody: it went with the money it moved.
        """
        for slot in orders:
            if NONE < slot["state"] < FILLED:
                carried = self._take(slot, number=int(slot["id"]), lots=int(slot["lots"]))
                log.warning("order lapsed", order=carried.number, name=carried.order.client, filled=int(slot["filled"]), lots=carried.order.lots, said="its venue began anew")
                self._end(carried, EXPIRE)

    @property
    def in_doubt(self) -> int:
        """Orders nobody knows the fate of."""
        return sum(len(entry.doubtful) for entry in self.entries.values())

    async def run(self) -> None:
        """Look after what works until cancelled. Raises what an error of ours raised."""
        self._failed = asyncio.get_running_loop().create_future()
        try:
            while True:
                done, _ = await asyncio.wait({self._failed}, timeout=self._poll_s)
                if done:
                    self._failed.result()
                await self._look()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # what is done with an order

    def _take(self, record: Any, number: int | None = None, lots: int | None = None) -> Carried:
        number = int(record["order"]) if number is None else number
        item = self.instruments[int(record["instrument"])]
        client = self.entries[item.key.venue].orders.name(self.name, number)
        order = NewOrder(item, int(record["side"]), int(record["type"]), int(record["price"]), int(record["lots"]) if lots is None else lots, client)
        self.carried[number] = Carried(number, order, self.clock() - SINCE_NS)
        return self.carried[number]

    async def _place(self, carried: Carried) -> None:
        begun = time.perf_counter_ns()
        async with carried.busy:
            try:
                said = await self._entry(carried).place(carried.order)
                self._answered(time.perf_counter_ns() - begun)
            except (ValueError, Unavailable) as refused:  # it never left
                said = Refusal(Verdict.REFUSED, "", str(refused))
            await self._hear(carried, said)

    async def _cancel(self, carried: Carried) -> None:
        carried.cancelling = True
        async with carried.busy:
            if carried.number not in self.carried or carried.order.client in self._entry(carried).doubtful:
                return  # it ended, or nobody knows where it stands: `_look` asks again
            said = await self._entry(carried).cancel(carried.order.instrument, carried.order.client, carried.venue_id)
            if isinstance(said, Report):
                await self._hear(carried, said)
                if carried.number in self.carried and said.state in (OPEN, PARTIAL):
                    carried.cancelling = False
                    self._row(carried, CANCEL_TOO_LATE)
            else:
                self.troubles += 1
                log.warning("cancel not answered", order=carried.order.client, verdict=said.verdict, said=said.reason)

    async def _look(self) -> None:
        """Ask the venues how what works there stands."""
        working: dict[int, list[Carried]] = defaultdict(list)
        for carried in self.carried.values():
            if not carried.busy.locked():
                working[carried.order.instrument.id].append(carried)
        for orders in working.values():
            try:
                await self._look_at(orders)
            except PolarisError as trouble:
                self.troubles += 1
                log.warning("venue did not tell", venue=orders[0].order.instrument.key.venue, said=str(trouble))

    async def _look_at(self, orders: list[Carried]) -> None:
        """How orders of one instrument stand."""
        entry, item = self._entry(orders[0]), orders[0].order.instrument
        standing = {report.client: report for report in await entry.open_orders(item)}
        for carried in orders:
            client = carried.order.client
            if client in entry.doubtful:
                self._start(self._settle(carried))  # it may take long, and the others have not to wait
                continue
            async with carried.busy:
                if carried.number not in self.carried:
                    continue
                if client in standing:
                    await self._hear(carried, standing[client])
                else:
                    await self._hear(carried, await entry.find(item, client))
            if carried.cancelling and carried.number in self.carried:
                self._start(self._cancel(carried))

    async def _settle(self, carried: Carried) -> None:
        """Find out about an order in doubt."""
        async with carried.busy:
            entry, client = self._entry(carried), carried.order.client
            if carried.number in self.carried and client in entry.doubtful:
                await self._hear(carried, await entry.settle(client))

    async def _hear(self, carried: Carried, said: Report | Refusal) -> None:
        """What a venue said of an order becomes rows."""
        if isinstance(said, Refusal):
            if said.verdict in (Verdict.DOUBT, Verdict.TAKEN) or (said.verdict in (Verdict.LIMITED, Verdict.DENIED) and carried.accepted):
                self.troubles += 1
                return
            if carried.accepted:
                raise Unavailable(f"{carried.order.instrument.symbol}: the venue took order {carried.order.client} and does not know it any more")
            log.warning("order refused", order=carried.order.client, verdict=said.verdict, code=said.code, said=said.reason)
            self._end(carried, REJECT)
            return
        carried.venue_id = said.venue_id or carried.venue_id
        if said.state == PENDING:
            return
        if not carried.accepted and said.state != REJECTED:
            carried.accepted = True
            if said.state in (OPEN, PARTIAL, CANCELLING):  # else it was over before it could rest, and its end says so
                self._row(carried, ACCEPT)
        if said.filled > carried.told:
            await self._tell_fills(carried)
        if said.state in ENDS and carried.told >= said.filled:
            self._end(carried, ENDS[said.state])

    async def _tell_fills(self, carried: Carried) -> None:
        """Tell the executions the core has not heard of."""
        item = carried.order.instrument
        fills = await self._entry(carried).fills(item, carried.since)
        counted = 0
        for fill in (fill for fill in fills if fill.venue_id == carried.venue_id):
            counted += fill.lots
            if counted <= carried.told:
                continue
            carried.told = counted
            last = counted == carried.order.lots
            self._row(carried, FILL_LAST if last else FILL_PART, fill.price, fill.lots, money_of(fill, item))
            if last:
                del self.carried[carried.number]

    # rows

    def _end(self, carried: Carried, what: int) -> None:
        del self.carried[carried.number]
        self._row(carried, what)

    def _row(self, carried: Carried, what: int, price: int = 0, lots: int = 0, fee: int = 0) -> None:
        now = self.clock()
        self._rows.append(now, now, carried.order.instrument.id, REPORT, what, price, lots, carried.number, fee)
        self._tell(self._rows)

    # tasks

    def _entry(self, carried: Carried) -> Entry:
        return self.entries[carried.order.instrument.key.venue]

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        if isinstance(error, PolarisError):
            self.troubles += 1
            log.warning("venue did not tell", said=str(error))
        elif self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)  # type: ignore[arg-type]


def money_of(fill: Fill, item: Instrument) -> int:
    """A fee in money (1e-8 of the quote currency), rounded up; one paid in the base currency at the price of its fill.

    raises  Unavailable where it was paid in a third currency: what that is worth nobody here knows
    """
    fee = fill.fee
    if fill.fee_asset == item.key.base:
        fee *= Decimal(fill.price).scaleb(-item.price_decimals)
    elif fill.fee_asset != item.key.quote and fee:
        raise Unavailable(f"{item.symbol}: fill {fill.id} paid its fee in {fill.fee_asset}; expected {item.key.base} or {item.key.quote}")
    units = fee.scaleb(MONEY_DECIMALS)
    return int(units.to_integral_value("ROUND_CEILING"))
