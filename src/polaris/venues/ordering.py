"""Carries orders to a venue, and never trades twice for one intent.

    place ──answer──▶ Report, or the venue's refusal
      │
      └─ no answer, a broken one, a 5xx ──▶ IN DOUBT: ask for the order by its name, again and again
             found                              ──▶ its Report
             absent, and the lost request is dead ──▶ refused: it never was, nothing was traded
             absent, the venue takes a name once  ──▶ sent again under the same name: at most one can be there
             else                               ──▶ stays in doubt; `settle` tries again

A signed request is dead once its validity is over, or once a later nonce was heard; only then does "absent" mean "never".
While an order of an instrument is in doubt no other is placed there: nobody knows the position.
"""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from polaris.domain.errors import BadConfig, BadMessage, Unavailable
from polaris.domain.instrument import Instrument
from polaris.venues.orders import Balance, Call, Fill, NewOrder, Orders, Refusal, Report, Verdict
from polaris.venues.rest import LOOPBACK, SECOND, STOP_S, retry_after_s
from polaris.venues.throttle import Throttle

PAUSES_S: Final = (0.25, 0.5, 1.0, 2.0, 4.0)  # between two looks for an order in doubt; the last one goes on
LOOKS: Final = 8  # that `place` takes before it gives up; `settle` goes on
TRIES: Final = 2  # how often one order is sent where the venue takes a name once
MOST_PAGES: Final = 1_000  # of fills
CLOCKS_S: Final = 2.0  # how far behind ours a venue's clock may be
LIMITED_S: Final = 10.0  # where a venue asks us to stay away and does not say for how long


class Unlocked:
    """Whoever holds one may reach a venue that is not on this machine. Nothing in this package makes one: LIVE is locked."""

    __slots__ = ()


class OrderEntry:
    """The private side of one venue over HTTP.

    orders     what to say
    url        scheme, host and port. Elsewhere than on this machine only with `unlocked`
    throttle   shared by everyone who asks this host
    clock      wall time in ns
    timeout_s  for connecting, and for each pause between bytes
    pauses_s   between two looks for an order in doubt
    """

    def __init__(
        self,
        orders: Orders,
        url: str,
        throttle: Throttle,
        *,
        unlocked: Unlocked | None = None,
        clock: Callable[[], int] = time.time_ns,
        timeout_s: float = 5.0,
        pauses_s: tuple[float, ...] = PAUSES_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if urlsplit(url).hostname not in LOOPBACK and not isinstance(unlocked, Unlocked):
            raise BadConfig(f"orders to {url} are locked: LIVE needs its keys, its switch and its check")
        self.orders = orders
        self.doubtful: dict[str, NewOrder] = {}  # by name
        self._sent: dict[str, tuple[int, int]] = {}  # of the doubtful: how often, and when last (ns)
        self._throttle, self._clock, self._pauses_s = throttle, clock, pauses_s
        self._client = httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False, transport=transport)

    async def place(self, order: NewOrder) -> Report | Refusal:
        """Place an order: what the venue made of it, or why there is none.

        returns  a Refusal in DOUBT where nobody knows yet: the order stays in `doubtful`, and `settle` tries again
        raises   ValueError where the venue has no such order; Unavailable while another order of the instrument is in doubt
        """
        for other in self.doubtful.values():
            if other.instrument.id == order.instrument.id:
                raise Unavailable(f"order {order.client} of {order.instrument.symbol}: order {other.client} is in doubt; settle it first")
        call = self.orders.place(order)
        self.doubtful[order.client] = order
        self._sent[order.client] = (1, self._clock())
        said = await self._ask(call)
        if isinstance(said, Report):
            return self._known(order, said)
        if said.verdict is Verdict.DOUBT or said.verdict is Verdict.TAKEN:
            return await self.settle(order.client)
        return self._known(order, said)

    async def settle(self, client: str) -> Report | Refusal:
        """Find out what became of an order in doubt. Raises KeyError where none of that name is."""
        order = self.doubtful[client]
        last = Refusal(Verdict.DOUBT)
        for look in range(LOOKS):
            found = await self.find(order.instrument, client)
            if isinstance(found, Report):
                return self._known(order, found)
            last = found
            if found.verdict is Verdict.ABSENT:
                tries, sent = self._sent[client]
                if self.orders.valid_s == 0 or (self._clock() - sent) / SECOND >= self.orders.valid_s + CLOCKS_S:
                    return self._known(order, Refusal(Verdict.REFUSED, "lost", "the order never reached the venue"))
                if self.orders.dedups and tries < TRIES:
                    self._sent[client] = (tries + 1, self._clock())
                    again = await self._ask(self.orders.place(order))
                    if isinstance(again, Report) or again.verdict not in (Verdict.DOUBT, Verdict.TAKEN, Verdict.LIMITED):
                        return self._known(order, again)
                    last = again
            await asyncio.sleep(max(last.after_s, self._pauses_s[min(look, len(self._pauses_s) - 1)]))
        return Refusal(Verdict.DOUBT, last.code, last.reason or "the venue tells neither that it has the order nor that it has not")

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
        return list(await self._told(self.orders.open_orders(instrument)))

    async def fills(self, instrument: Instrument, since: int) -> list[Fill]:
        """Every execution at or after `since` (ns), the oldest first, page by page. Raises Unavailable where the venue does not tell."""
        found: dict[str, Fill] = {}
        first = since
        for _ in range(MOST_PAGES):
            page = [fill for fill in await self._told(self.orders.fills(instrument, since)) if fill.id not in found]
            if not page:
                break
            found |= {fill.id: fill for fill in page}
            since = max(since, *(fill.ts for fill in page))
        return sorted((fill for fill in found.values() if fill.ts >= first), key=lambda fill: (fill.ts, fill.id))

    async def balances(self) -> list[Balance]:
        """What the account holds. Raises Unavailable where the venue does not tell."""
        return [balance for call in self.orders.balances() for balance in await self._told(call)]

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def _known(self, order: NewOrder, said: Report | Refusal) -> Report | Refusal:
        self.doubtful.pop(order.client, None)
        self._sent.pop(order.client, None)
        return said

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
        request = self.orders.sign(call, self._clock())
        headers = {name: value.reveal() for name, value in request.headers.items()}
        try:
            response = await self._client.request(request.method, request.path, content=request.body or None, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as cause:  # it never left
            return Refusal(Verdict.REFUSED, "unreachable", f"{type(cause).__name__}: {cause}")
        except httpx.HTTPError as cause:
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
