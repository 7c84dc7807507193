"""Carries the desk's orders to the venues they are for, and brings back what became of them as rows.

    SUBMIT, CANCEL records ─▶ Courier ─▶ OrderEntry of the venue          answers to what was asked
            ▲                    │   ◀── its user stream                  what happens, as it happens
            │                    └─▶ questions                            after every (re)connection, after every loss, and now and then
            └──── the log ◀─── REPORT rows: accepted, filled, cancelled, expired, rejected

The core has written the order down before it is heard here, and hears nothing of a venue but by a row of the log: so a replay
needs no venue. What is told of an order, and in what order, `carried` says. A stream is believed for what it says and never for its
silence: while it tells, the venue is asked every few seconds, and what that finds and the stream does not tell means another connection.
An order that was sent is never sent again from here; where nobody knows its fate, `OrderEntry` finds it by its name.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import structlog

from polaris.app.carried import Carried, News
from polaris.app.silence import Silence
from polaris.domain.errors import PolarisError, Unavailable
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.market import REPORT, RowBuffer
from polaris.domain.orders import CANCEL, CANCEL_TOO_LATE, CANCELLING, EXPIRE, FILLED, NONE, OPEN, PARTIAL, REJECT, SUBMIT, Records
from polaris.venues.orders import Balance, Fill, NewOrder, Refusal, Report, Verdict
from polaris.venues.private import Deaf, Listening, Missed, Told, Word

SECOND: Final = 1_000_000_000
POLL_S: Final = 0.25  # between two looks at what works, where no stream tells of it
CHECK_S: Final = 5.0  # and where one does
PATIENCE_S: Final = 0.05  # how long an execution that the stream will tell is not asked for
HELD_S: Final = 1.0  # before an order to a venue that gets none is refused: the core would ask again at once
SINCE_NS: Final = 60 * SECOND  # how long before its order an execution may be dated: the venue's clock is not ours

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
    async def balances(self) -> list[Balance]: ...
    def doubt(self, order: NewOrder) -> None: ...


class Stream(Protocol):
    """The user stream of a venue; see `venues.private_session.PrivateSession`."""

    def renew(self, reason: str) -> None: ...


class Courier:
    """Orders out, reports in.

    entries    by venue
    run        names the log these orders stand in: their names at the venues begin with it
    tell       takes REPORT rows: they go through the log to the core
    clock      ns
    answered   hears how long an order took, ns, from its record to the venue's answer
    executed   hears how long ago, ns, a fill that is told was made, by the venue's clock
    streams    by venue, where there are any; what they say comes to `heard`
    held       why a venue gets no new order at the moment, by venue
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
        executed: Callable[[int], object] = lambda ns: None,
        poll_s: float = POLL_S,
        check_s: float = CHECK_S,
    ) -> None:
        self.entries, self.instruments, self.name, self.clock = entries, instruments, run, clock
        self.carried: dict[int, Carried] = {}
        self.streams: dict[str, Stream] = {}
        self.held: dict[str, str] = {}
        self.listening: dict[str, Listening] = {}  # by venue, while its stream tells
        self.troubles = 0  # questions a venue did not answer
        self.mutes = 0  # streams that were open and did not tell
        self._tell, self._answered, self._executed, self._poll_s, self._check_s = tell, answered, executed, poll_s, check_s
        self._names: dict[str, Carried] = {}  # by what the venue calls it on our behalf
        self._silence = Silence()
        self._due: set[str] = set()
        self._looking: set[str] = set()
        self._looked: dict[str, float] = defaultdict(float)
        self._restless: set[str] = set()  # venues that left something unanswered
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

    def heard(self, venue: str, word: Word) -> None:
        """What the user stream of a venue says."""
        match word:
            case Told(report=report, fill=fill):
                self._streamed(report, fill)
            case Listening():
                self.listening[venue] = word
                log.info("orders heard", venue=venue, said="its user stream tells of them; what was open before is asked for")
                self._silence.tells(venue)
                self.look(venue)
            case Missed(reason=reason):
                log.warning("orders missed", venue=venue, said=reason)
                if venue in self.listening:
                    self._silence.tells(venue)
                self.look(venue)
            case Deaf(reason=reason):
                self._silence.stops(venue)
                if self.listening.pop(venue, None) and self._failed is not None:  # else it was known, or nobody wants to hear any more
                    log.warning("orders unheard", venue=venue, said=f"{reason}; it is asked every {self._poll_s:g} s meanwhile")

    def look(self, venue: str) -> None:
        """Ask a venue how everything that works there stands, now."""
        self._due.add(venue)
        if venue not in self._looking:
            self._looking.add(venue)
            self._start(self._look(venue))

    def resume(self, orders: Iterable[Any]) -> None:
        """Take over the orders of a run that ended (the core's order slots): nobody knows what became of them meanwhile."""
        for slot in orders:
            if NONE < slot["state"] < FILLED:
                carried = self._take(slot, number=int(slot["id"]), lots=int(slot["lots"]))
                carried.before = carried.told = carried.filled = int(slot["filled"])
                carried.left, carried.accepted = True, int(slot["state"]) in (OPEN, PARTIAL)
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
                item, order = carried.order.instrument, carried.order
                filled, quantity = item.quantity_text(int(slot["filled"])), item.quantity_text(order.lots)
                log.warning("order lapsed", order=carried.number, symbol=item.symbol, name=order.client, filled=filled, quantity=quantity, said="its venue began anew")
                self._told(carried, carried.end(EXPIRE))

    @property
    def in_doubt(self) -> int:
        """Orders nobody knows the fate of."""
        return sum(len(entry.doubtful) for entry in self.entries.values())

    def settled(self, venue: str) -> bool:
        """Whether the core was told of every execution that the venue is known to have made, and the fate of every order is known."""
        return not self.entries[venue].doubtful and not any(carried.behind for carried in self._at(venue))

    async def run(self) -> None:
        """Look after what works until cancelled. Raises what an error of ours raised."""
        self._failed = asyncio.get_running_loop().create_future()
        try:
            while True:
                done, _ = await asyncio.wait({self._failed}, timeout=self._poll_s)
                if done:
                    self._failed.result()
                now = time.monotonic()
                self._leave_the_mute(now)
                for venue in self.entries:
                    asked_often = venue not in self.listening or venue in self._restless or not self.settled(venue)
                    if asked_often or now - self._looked[venue] >= self._check_s:
                        self.look(venue)
        finally:
            for task in self._tasks:
                task.cancel()
            self._failed = None
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # what is done with an order

    def _take(self, record: Any, number: int | None = None, lots: int | None = None) -> Carried:
        number = int(record["order"]) if number is None else number
        item = self.instruments[int(record["instrument"])]
        client = self.entries[item.key.venue].orders.name(self.name, number)
        order = NewOrder(item, int(record["side"]), int(record["type"]), int(record["price"]), int(record["lots"]) if lots is None else lots, client)
        carried = self.carried[number] = self._names[client] = Carried(number, order, self.clock() - SINCE_NS)
        return carried

    async def _place(self, carried: Carried) -> None:
        begun = time.perf_counter_ns()
        async with carried.busy:
            if reason := self.held.get(carried.order.instrument.key.venue):
                log.debug("order held back", order=carried.order.client, said=reason)
                await asyncio.sleep(HELD_S)
                self._told(carried, carried.end(REJECT))
                return
            carried.left = True
            try:
                said = await self._entry(carried).place(carried.order)
                self._answered(time.perf_counter_ns() - begun)
            except (ValueError, Unavailable) as refused:  # it never left
                said = Refusal(Verdict.REFUSED, "", str(refused))
            await self._hear(carried, said)

    async def _cancel(self, carried: Carried) -> None:
        carried.cancelling = True
        async with carried.busy:
            if carried.over or carried.order.client in self._entry(carried).doubtful:
                return  # it ended, or nobody knows where it stands: `_look` asks again
            said = await self._entry(carried).cancel(carried.order.instrument, carried.order.client, carried.venue_id)
            if isinstance(said, Report):
                await self._hear(carried, said)
                if not carried.over and said.state in (OPEN, PARTIAL):
                    carried.cancelling = False
                    self._row(carried, News(CANCEL_TOO_LATE))
            elif not carried.over:
                self._trouble(carried)
                log.warning("cancel not answered", order=carried.order.client, verdict=said.verdict, said=said.reason)

    def _streamed(self, report: Report, fill: Fill | None) -> None:
        """What the stream says of an order."""
        self._silence.told(report)
        carried = self._names.get(report.client)
        if carried is None:
            return  # it has ended; or it is of nobody we know, and balances tell what that did
        self._entry(carried).doubtful.pop(report.client, None)  # the venue has it
        try:
            self._told(carried, carried.hear(report, fill))
        except Unavailable as trouble:
            self._trouble(carried)
            log.warning("fill not booked", said=str(trouble))
        if carried.behind and not carried.busy.locked():
            self._start(self._catch_up(carried))

    async def _catch_up(self, carried: Carried) -> None:
        """Have what the venue said is filled told."""
        async with carried.busy:
            await self._tell_fills(carried)

    async def _settle(self, carried: Carried) -> None:
        """Find out about an order in doubt."""
        async with carried.busy:
            entry, client = self._entry(carried), carried.order.client
            if not carried.over and client in entry.doubtful:
                await self._hear(carried, await entry.settle(client))

    async def _hear(self, carried: Carried, said: Report | Refusal) -> None:
        """What a venue answered about an order becomes rows."""
        if carried.over:  # the stream was quicker, and where the answer was lost it took the doubt away
            self._entry(carried).doubtful.pop(carried.order.client, None)
            return
        if isinstance(said, Report):
            self._told(carried, carried.hear(said))
            await self._tell_fills(carried)
        elif said.verdict in (Verdict.DOUBT, Verdict.TAKEN) or (said.verdict in (Verdict.LIMITED, Verdict.DENIED) and carried.accepted):
            self._trouble(carried)
        elif carried.accepted:
            raise Unavailable(f"{carried.order.instrument.symbol}: the venue took order {carried.order.client} and does not know it any more")
        else:
            log.warning("order refused", order=carried.order.client, verdict=said.verdict, code=said.code, said=said.reason)
            self._told(carried, carried.end(REJECT))

    async def _tell_fills(self, carried: Carried) -> None:
        """Tell the executions the core has not heard of."""
        listening = self.listening.get(carried.order.instrument.key.venue)
        if carried.behind and listening is not None and listening.fills:
            await asyncio.sleep(PATIENCE_S)
        if carried.behind:
            fills = await self._entry(carried).fills(carried.order.instrument, carried.since)
            self._told(carried, carried.executions(fills))

    # looking

    async def _look(self, venue: str) -> None:
        """Ask a venue how what works there stands, as long as somebody wants to know."""
        try:
            while venue in self._due:
                self._due.discard(venue)
                self._restless.discard(venue)
                self._looked[venue] = time.monotonic()
                began, judges = self._silence.beginnings(venue), self._silence.judges(venue)
                working: dict[int, list[Carried]] = defaultdict(list)
                for carried in self._at(venue):
                    if carried.left and not carried.busy.locked():
                        working[carried.order.instrument.id].append(carried)
                for orders in working.values():
                    try:
                        await self._look_at(orders, judges)
                    except PolarisError as trouble:
                        self._trouble(orders[0])
                        log.warning("venue did not tell", venue=venue, said=str(trouble))
                self._silence.looked(venue, began)
        finally:
            self._looking.discard(venue)

    async def _look_at(self, orders: list[Carried], judges: bool) -> None:
        """How orders of one instrument stand. `judges`: what is found now, the stream has to tell too."""
        entry, item = self._entry(orders[0]), orders[0].order.instrument
        standing = {report.client: report for report in await entry.open_orders(item)}
        for carried in orders:
            client = carried.order.client
            if client in entry.doubtful:
                self._start(self._settle(carried))  # it may take long, and the others have not to wait
                continue
            async with carried.busy:
                if carried.over:
                    continue
                said = standing.get(client) or await entry.find(item, client)
                before = (carried.told, carried.accepted, carried.over)
                await self._hear(carried, said)
                if judges and isinstance(said, Report) and (carried.told, carried.accepted, carried.over) != before:
                    self._silence.found(item.key.venue, said, time.monotonic())
            if carried.cancelling and not carried.over:
                self._start(self._cancel(carried))

    def _leave_the_mute(self, now: float) -> None:
        """A stream that is open and does not tell what happened is made anew."""
        for venue, report in self._silence.mute(now):
            if venue in self.listening:  # else another order said so already
                self.mutes += 1
                self.heard(venue, Deaf(f"order {report.client} is {report.filled} of {report.lots} lots filled, and the stream did not tell"))
                self.streams[venue].renew("it did not tell")

    # rows

    def _told(self, carried: Carried, told: Iterable[News]) -> None:
        for news in told:
            if carried.over:
                self.carried.pop(carried.number, None)
                self._names.pop(carried.order.client, None)
            self._row(carried, news)

    def _row(self, carried: Carried, news: News) -> None:
        now = self.clock()
        if news.ts:
            self._executed(max(0, now - news.ts))
        self._rows.append(now, now, carried.order.instrument.id, REPORT, news.what, news.price, news.lots, carried.number, news.fee)
        self._tell(self._rows)

    # tasks

    def _at(self, venue: str) -> list[Carried]:
        return [carried for carried in self.carried.values() if carried.order.instrument.key.venue == venue]

    def _entry(self, carried: Carried) -> Entry:
        return self.entries[carried.order.instrument.key.venue]

    def _trouble(self, carried: Carried) -> None:
        """A question was not answered: it is asked again soon."""
        self.troubles += 1
        self._restless.add(carried.order.instrument.key.venue)

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
