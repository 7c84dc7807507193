"""One order, whatever way its news comes: by a stream that loses, repeats and mixes up, by late answers, before and after a restart."""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from polaris.app.carried import Carried, News
from polaris.domain.orders import (
    ACCEPT,
    BUY,
    CANCEL_DONE,
    CANCELLED,
    EXPIRE,
    EXPIRED,
    FILL_LAST,
    FILL_PART,
    FILLED,
    LIMIT,
    MAKER,
    OPEN,
    PARTIAL,
    PENDING,
)
from polaris.venues.orders import Fill, NewOrder, Report
from tests.unit.desk.rows import some_instruments

ITEM = some_instruments(1)[0]
ENDS = {CANCELLED: CANCEL_DONE, EXPIRED: EXPIRE}
which = st.integers(0, 2**16)


class OneOrder(RuleBasedStateMachine):
    """A venue that executes an order, everything it ever says of it, and a desk that hears it in any order."""

    @initialize(lots=st.integers(1, 12))
    def begin(self, lots: int) -> None:
        self.order = NewOrder(ITEM, BUY, LIMIT, 100, lots, "p1")
        self.carried = Carried(1, self.order, 0)
        self.fills: list[Fill] = []
        self.state = OPEN
        self.stream: list[tuple[Report, Fill | None]] = [(self.report(), None)]  # said so far; nothing is ever used up
        self.answers: list[Report] = [Report("p1", "v1", PENDING, BUY, 100, lots, 0), self.report()]
        self.told: list[News] = []

    # the venue

    def report(self) -> Report:
        return Report("p1", "v1", self.state, BUY, 100, self.order.lots, self.filled())

    def filled(self) -> int:
        return sum(fill.lots for fill in self.fills)

    @precondition(lambda self: self.state in (OPEN, PARTIAL))
    @rule(lots=st.integers(1, 12))
    def trade(self, lots: int) -> None:
        lots = min(lots, self.order.lots - self.filled())
        number = len(self.fills) + 8  # so that ids have one digit and two
        fill = Fill(str(number), "v1", ITEM.id, BUY, 100 + number, lots, Decimal(0), ITEM.key.quote, MAKER, 1)
        self.fills.append(fill)
        self.state = FILLED if self.filled() == self.order.lots else PARTIAL
        self.say(fill)

    @precondition(lambda self: self.state in (OPEN, PARTIAL))
    @rule(state=st.sampled_from([CANCELLED, EXPIRED]))
    def over(self, state: int) -> None:
        self.state = state
        self.say(None)

    def say(self, fill: Fill | None) -> None:
        self.stream.append((self.report(), fill))
        self.answers.append(self.report())

    # the desk

    @rule(at=which)
    def hear_the_stream(self, at: int) -> None:
        """Any message of it, in any order, again and again."""
        self.told += self.carried.hear(*self.stream[at % len(self.stream)])

    @rule(at=which)
    def hear_the_stream_without_executions(self, at: int) -> None:
        """As Coinbase tells it."""
        self.told += self.carried.hear(self.stream[at % len(self.stream)][0])

    @rule(at=which)
    def hear_an_answer(self, at: int) -> None:
        """As the order was when it was asked for."""
        self.told += self.carried.hear(self.answers[at % len(self.answers)])

    @rule(shown=which)
    def hear_the_executions(self, shown: int) -> None:
        """As many as the venue showed when it was asked."""
        self.told += self.carried.executions(self.fills[: shown % (len(self.fills) + 1)])

    @precondition(lambda self: not self.carried.over)
    @rule()
    def restart(self) -> None:
        """All that is left is what the core was told."""
        before = Carried(1, self.order, 0)
        before.before = before.told = before.filled = sum(news.lots for news in self.told)
        before.accepted = self.carried.accepted
        self.carried = before

    @invariant()
    def no_fill_is_told_twice_and_none_that_was_not_made(self) -> None:
        if not hasattr(self, "told"):
            return
        prices = [news.price for news in self.told if news.lots]
        assert len(prices) == len(set(prices)), "a fill was doubled"
        assert set(prices) <= {fill.price for fill in self.fills}

    @invariant()
    def nothing_is_told_after_the_end_and_the_end_leaves_nothing_out(self) -> None:
        if not hasattr(self, "told") or not self.carried.over:
            return
        assert [news.what for news in self.told if news.what not in (ACCEPT, FILL_PART)] == [self.told[-1].what]
        assert self.told[-1].what == (FILL_LAST if self.state == FILLED else ENDS[self.state])
        assert sum(news.lots for news in self.told) == self.filled()

    def teardown(self) -> None:
        if not hasattr(self, "told"):
            return
        self.told += self.carried.hear(self.report())
        self.told += self.carried.executions(self.fills)
        self.no_fill_is_told_twice_and_none_that_was_not_made()
        self.nothing_is_told_after_the_end_and_the_end_leaves_nothing_out()
        assert sum(news.lots for news in self.told) == self.filled(), "a fill was lost"
        assert self.carried.over == (self.state not in (OPEN, PARTIAL))
        assert [news.what for news in self.told].count(ACCEPT) <= 1


OneOrder.TestCase.settings = settings(deadline=None, max_examples=300, stateful_step_count=30)
TestOneOrder = OneOrder.TestCase
