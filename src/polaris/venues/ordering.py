"""Carries orders to a venue, and never trades twice for one intent.

    place ──answer──▶ Report, or the venue's refusal
      │
      └─ no answer, a broken one, a 5xx ──▶ IN DOUBT: ask for the order by its name, again and again
             found                                ──▶ its Report
             absent, and the request is dead      ──▶ refused: it never was, nothing was traded
             absent, the venue takes a name once, ──▶ sent again under the same name: at most one can be there
                 and the intent is fresh
             else                                 ──▶ stays in doubt; `settle` tries again

A signed request is dead once its validity is over, or once a later nonce was heard; and a venue may show an order later than
it takes it. So "absent" means "never" only where it was said a while after both, and twice. What a second try was answered
says nothing of the first. While an order of an instrument is in doubt no other is placed there: nobody knows the position.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from polaris.domain.errors import BadConfig, BadMessage, Unavailable
from polaris.domain.instrument import Instrument
from polaris.venues.orders import Balance, Call, Fill, NewOrder, Orders, Page, Refusal, Report, Verdict
from polaris.venues.rest import LOOPBACK, SECOND, STOP_S, retry_after_s
from polaris.venues.throttle import Throttle

PAUSES_S: Final = (0.25, 0.5, 1.0, 2.0, 4.0)  # between two looks for an order in doubt; the last one goes on
LOOKS: Final = 8  # that `place` takes before it gives up; `settle` goes on
TRIES: Final = 2  # how often one order is sent where the venue takes a name once
FRESH_S: Final = 10.0  # an order that was first sent longer ago is not sent again: its price is of another market
SETTLE_S: Final = 2.0  # how long a venue may not show an order that it took
CLOCKS_S: Final = 2.0  # how far behind ours a venue's clock may be
BURIED_S: Final = 600.0  # a request that never grows old: no front door holds one for so long
MOST_PAGES: Final = 1_000
LIMITED_S: Final = 10.0  # where a venue asks us to stay away and does not say for how long


def without_query(record: logging.LogRecord) -> bool:
    """httpx logs whole addresses, and a signature may stand in one: the line goes on without what is behind the path."""
    if isinstance(record.args, tuple):
        record.args = tuple(each.copy_with(query=None) if isinstance(each, httpx.URL) else each for each in record.args)
    return True


logging.getLogger("httpx").addFilter(without_query)


class Unlocked:
    """Whoever holds one may reach a venue that is not on this machine. Nothing in this package makes one: LIVE is locked."""

    __slots__ = ()


class Doubt:
    """An order nobody knows the fate of.

    tries         how often it was sent
    first, last   s of a clock that only rises: when it was sent for the first time, and when the last try was over
    taken         the venue said that it has one of that name
    """

    __slots__ = ("first", "last", "order", "settling", "taken", "tries")

    def __init__(self, order: NewOrder, tries: int, first: float, last: float) -> None:
        self.order, self.tries, self.first, self.last = order, tries, first, last
        self.taken = False
        self.settling = asyncio.Lock()


class OrderEntry:
    """The private side of one venue over HTTP.

    orders     what to say
    url        scheme, host and port. Elsewhere than on this machine only with `unlocked`
    throttle   shared by everyone who asks this host
    clock      wall time in ns
    offset     ns that the venue's clock is ahead of ours, as its feed measures it
    timeout_s  for connecting, and for each pause between bytes; a whole answer may take twice as long
    pauses_s   between two looks for an order in doubt
    doubtful   the orders in doubt by name. Whoever looked at the venue with their own eyes may take one out
    """

    def __init__(
        self,
        orders: Orders,
        url: str,
        throttle: Throttle,
        *,
        unlocked: Unlocked | None = None,
        clock: Callable[[], int] = time.time_ns,
        offset: Callable[[], int] = lambda: 0,
        timeout_s: float = 5.0,
        pauses_s: tuple[float, ...] = PAUSES_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if urlsplit(url).hostname not in LOOPBACK and not isinstance(unlocked, Unlocked):
            raise BadConfig(f"orders to {url} are locked: LIVE needs its keys, its switch and its check")
        self.orders = orders
        self.doubtful: dict[str, Doubt] = {}
        self._flying: set[str] = set()  # names of orders on their first way
        self._throttle, self._clock, self._offset = throttle, clock, offset
        self._pauses_s, self._timeout_s = pauses_s, timeout_s
        # rising nonces must come in their order, so one request waits for the other's answer
        self._line = asyncio.Semaphore(1 if orders.valid_s == 0 else 1_000)
        self._client = httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False, transport=transport)

    async def place(self, order: NewOrder) -> Report | Refusal:
        """Place an order: what the venue made of it, or why there is none.

        returns  a Refusal in DOUBT where nobody knows yet: the order stays in `doubtful`, and `settle` tries again
        raises   ValueError where the venue has no such order; Unavailable while it is on its way, and while another order of
                 the instrument is in doubt. Where the caller is cancelled meanwhile the order is in doubt
        """
        if order.client in self._flying:
            raise Unavailable(f"order {order.client} of {order.instrument.symbol} is on its way already")
        for other, doubt in self.doubtful.items():
            if doubt.order.instrument.id == order.instrument.id:
                raise Unavailable(f"order {order.client} of {order.instrument.symbol}: order {other} is in doubt; settle it first")
        call = self.orders.place(order)
        first = time.monotonic()
        self._flying.add(order.client)
        try:
            said: Report | Refusal = await self._ask(call)
        except BaseException:  # nobody knows how far it came
            self.doubtful[order.client] = Doubt(order, 1, first, time.monotonic())
            raise
        finally:
            self._flying.discard(order.client)
        if isinstance(said, Report):
            return said
        if said.verdict not in (Verdict.DOUBT, Verdict.TAKEN):
            return said
        doubt = self.doubtful[order.client] = Doubt(order, 1, first, time.monotonic())
        doubt.taken = said.verdict is Verdict.TAKEN
        return await self.settle(order.client)

    def doubt(self, order: NewOrder) -> None:
        """Take an order for in doubt: a process sent it and ended before it heard the answer. It is not sent again."""
        now = time.monotonic()
        self.doubtful.setdefault(order.client, Doubt(order, TRIES, now, now))

    async def settle(self, client: str) -> Report | Refusal:
        """Find out what became of an order in doubt. Raises KeyError where none of that name is."""
        doubt = self.doubtful[client]
        async with doubt.settling:
            if client not in self.doubtful:  # settled by who came first
                return await self.find(doubt.order.instrument, client)
            said = await self._settle(doubt)
            if isinstance(said, Report) or said.verdict is not Verdict.DOUBT:
                self.doubtful.pop(client, None)
            return said

    async def _settle(self, doubt: Doubt) -> Report | Refusal:
        order, absent, pause_s = doubt.order, 0, 0.0
        last = Refusal(Verdict.DOUBT)
        for look in range(LOOKS):
            await asyncio.sleep(pause_s)
            asked = time.monotonic()
            found = await self.find(order.instrument, order.client)
            if isinstance(found, Report):
                return found
            last = found
            absent = absent + 1 if found.verdict is Verdict.ABSENT else 0
            if absent >= 2 and asked >= doubt.last + SETTLE_S:
                if asked >= doubt.last + SETTLE_S + self._alive_s() and not doubt.taken:
                    return Refusal(Verdict.REFUSED, "lost", "the order never reached the venue")
                if self.orders.dedups and doubt.tries < TRIES and asked < doubt.first + FRESH_S:
                    doubt.tries += 1
                    try:
                        again = await self._ask(self.orders.place(order))
                    finally:
                        doubt.last, absent = time.monotonic(), 0
                    if isinstance(again, Report):
                        return again
                    doubt.taken, last = doubt.taken or again.verdict is Verdict.TAKEN, again
            pause_s = max(last.after_s, self._pauses_s[min(look, len(self._pauses_s) - 1)])
        return Refusal(Verdict.DOUBT, last.code, last.reason or "the venue tells neither that it has the order nor that it has not")

    def _alive_s(self) -> float:
        """How long a request that was lost may still do something."""
        return min(self.orders.valid_s, BURIED_S) + CLOCKS_S if self.orders.valid_s else 0.0

    async def find(self, instrument: Instrument, client: str) -> Report | Refusal:
        """The order of that name; a Refusal with ABSENT where the venue has none, with DOUBT where it does not say."""
        absent = Refusal(Verdict.ABSENT, "", f"no order {client}")
        for call in self.orders.find(instrument, client):
            said = await self._ask(call)
            if isinstance(said, Report):
                return said
            if isinstance(said, Refusal):
                if said.verdict is not Verdict.ABSENT:
                    return said
                absent = said
        return absent

    async def cancel(self, instrument: Instrument, client: str, venue_id: str = "") -> Report | Refusal:
        """Cancel an order, and say what became of it: a cancel that was lost or came too late shows in its state.

        venue_id  where it is known; a venue that cancels by nothing else is asked for it
        """
        report = Report(client, venue_id, 0, 0, 0, 0, 0)
        try:
            call = self.orders.cancel(instrument, report)
        except ValueError:
            found = await self.find(instrument, client)
            if isinstance(found, Refusal):
                return found
            call = self.orders.cancel(instrument, found)
        said = await self._ask(call)  # asking twice to cancel does no harm, and the state says what was done
        if isinstance(said, Refusal) and said.verdict in (Verdict.DENIED, Verdict.LIMITED):
            return said
        return await self.find(instrument, client)

    async def open_orders(self, instrument: Instrument) -> list[Report]:
        """The open orders of one instrument. Raises Unavailable where the venue does not tell."""
        return await self._pages(self.orders.open_orders(instrument))

    async def fills(self, instrument: Instrument, since: int) -> list[Fill]:
        """Every execution at or after `since` (ns), the oldest first, page by page. Raises Unavailable where the venue does not tell."""
        found = {fill.id: fill for fill in await self._pages(self.orders.fills(instrument, since))}
        return sorted((fill for fill in found.values() if fill.ts >= since), key=lambda fill: (fill.ts, len(fill.id), fill.id))  # numbers as texts: 9 comes before 10

    async def balances(self) -> list[Balance]:
        """What the account holds. Raises Unavailable where the venue does not tell."""
        return [balance for call in self.orders.balances() for balance in await self._pages(call)]

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _pages(self, call: Call) -> list[Any]:
        """A list, whole: an answer that is a Page names the next call."""
        found: list[Any] = []
        now = self._clock() + self._offset()
        for _ in range(MOST_PAGES):
            said = await self._told(call)
            if not isinstance(said, Page):
                return [*found, *said]
            found += said.items
            if said.more is None or said.until > now:
                return found
            call = said.more
        raise Unavailable(f"{self.orders.venue}: {call.method} {call.path}: more than {MOST_PAGES} pages; ask for a later time")

    async def _told(self, call: Call) -> Any:
        said = await self._ask(call)
        if isinstance(said, Refusal):
            raise Unavailable(f"{self.orders.venue}: {call.method} {call.path}: {said.verdict} {said.code} {said.reason}".rstrip())
        return said

    async def _ask(self, call: Call) -> Any:
        """One request, once: what its call reads, or a Refusal. Never sent a second time."""
        wait = self._throttle.reserve(self._clock())
        if wait:
            await asyncio.sleep(wait / SECOND)
        async with self._line:
            request = self.orders.sign(call, self._clock() + self._offset())
            headers = {name: value.reveal() for name, value in request.headers.items()}
            try:
                async with asyncio.timeout(2 * self._timeout_s):
                    response = await self._client.request(request.method, request.path, content=request.body or None, headers=headers)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as cause:  # it never left
                return Refusal(Verdict.REFUSED, "unreachable", f"{type(cause).__name__}: {cause}")
            except (httpx.HTTPError, TimeoutError) as cause:
                return Refusal(Verdict.DOUBT, type(cause).__name__, str(cause))
        now = self._clock()
        if response.status_code in STOP_S:
            after_s = retry_after_s(response, now)
            self._throttle.close_until(now + round(after_s * SECOND))
            return Refusal(Verdict.LIMITED, str(response.status_code), "", after_s)
        refusal = self.orders.refusal(response.status_code, response.content)
        if refusal is not None:
            if refusal.verdict is Verdict.LIMITED:
                self._throttle.close_until(now + round(LIMITED_S * SECOND))
            return refusal
        try:
            return call.read(response.content)
        except BadMessage as cause:
            return Refusal(Verdict.DOUBT, "unreadable", cause.reason)
