"""One order between the desk and its venue: what the venue said of it so far, and what of that the desk was told.

The same news comes by the answer to a request, by the venue's own stream and by questions: twice, late, and in any order. Told it
is once and in order: accepted, its fills, its end, the end not before every lot that the venue ever said is filled. A fill counts
once by its trade id, and one of the stream only where its cumulative quantity follows what was told; else the executions are asked
for. So what was told is always the beginning of the venue's own list of executions, and a later run can go on from its length.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from polaris.domain.errors import Unavailable
from polaris.domain.instrument import Instrument
from polaris.domain.numbers import MONEY_DECIMALS
from polaris.domain.orders import (
    ACCEPT,
    CANCEL_DONE,
    CANCELLED,
    CANCELLING,
    EXPIRE,
    EXPIRED,
    FILL_LAST,
    FILL_PART,
    OPEN,
    PARTIAL,
    PENDING,
    REJECT,
    REJECTED,
)
from polaris.venues.orders import Fill, NewOrder, Report

ENDS: Final = {CANCELLED: CANCEL_DONE, EXPIRED: EXPIRE, REJECTED: REJECT}


class News(NamedTuple):
    """What the core is told: `what` of domain.orders; of a fill its ticks, lots, fee in money, and when it was, ns of the venue's clock."""

    what: int
    price: int = 0
    lots: int = 0
    fee: int = 0
    ts: int = 0


@dataclass(eq=False)
class Carried:
    """An order that was sent and has not ended, as far as the core was told.

    since   ns: no execution of it is older
    before  lots whose fills an earlier run told
    told    lots whose fills the core knows
    filled  lots that the venue said are filled
    """

    number: int
    order: NewOrder
    since: int
    venue_id: str = ""
    before: int = 0
    told: int = 0
    filled: int = 0
    left: bool = False  # it was sent: before that nobody can say that it is not there
    accepted: bool = False
    cancelling: bool = False
    over: bool = False  # the core was told its end
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)  # one question about it at a time
    trades: set[str] = field(default_factory=set)  # ids of the fills that were told
    _end: int = 0  # how the venue said it ended, where not by its last fill

    @property
    def behind(self) -> bool:
        """The venue said that more is filled than the core was told of."""
        return not self.over and self.told < self.filled

    def hear(self, said: Report, fill: Fill | None = None) -> list[News]:
        """What is new in how the venue says it stands, and in the execution that brought it there, where that is told.

        raises  Unavailable where the execution can't be booked; it is as if it had not been told
        """
        if self.over:
            return []
        news: list[News] = []
        self.venue_id = said.venue_id or self.venue_id
        if said.state == PENDING:
            return news
        self.filled = max(self.filled, said.filled)
        follows = fill is not None and fill.id not in self.trades and said.filled - fill.lots == self.told
        filled = self._fill(fill) if fill is not None and follows else []
        self._end = self._end or ENDS.get(said.state, 0)
        if not self.accepted and said.state != REJECTED:
            self.accepted = True
            if said.state in (OPEN, PARTIAL, CANCELLING):  # else it was over before it could rest, and its end says so
                news.append(News(ACCEPT))
        return [*news, *filled, *self._ended()]

    def executions(self, fills: Iterable[Fill]) -> Iterator[News]:
        """What is new in the venue's list of executions, the oldest first; each counts as told once it is handed out.

        raises  Unavailable where one can't be booked, and where the list is not the one of which an earlier run told the beginning
        """
        counted = 0
        for fill in fills:
            if fill.venue_id != self.venue_id or self.over:
                continue
            counted += fill.lots
            if fill.id in self.trades or counted <= self.before:
                continue
            if counted - fill.lots < self.before:
                raise Unavailable(f"{self._name}: {self.before} lots of it were told, and none of its executions ends there")
            yield from self._fill(fill)
        yield from self._ended()

    def end(self, what: int) -> list[News]:
        """It ended, and the venue has nothing more to say of it."""
        if self.over:
            return []
        self.over = True
        return [News(what)]

    @property
    def _name(self) -> str:
        return f"order {self.order.client} of {self.order.instrument.symbol}"

    def _fill(self, fill: Fill) -> list[News]:
        if self.told + fill.lots > self.order.lots:
            raise Unavailable(f"{self._name}: execution {fill.id} fills more than its {self.order.lots} lots")
        fee = money_of(fill, self.order.instrument)
        self.trades.add(fill.id)
        self.told += fill.lots
        self.filled = max(self.filled, self.told)
        self.over = self.told == self.order.lots
        return [News(FILL_LAST if self.over else FILL_PART, fill.price, fill.lots, fee, fill.ts)]

    def _ended(self) -> list[News]:
        return self.end(self._end) if self._end and not self.behind else []


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
