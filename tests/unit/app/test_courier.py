"""The courier between a core and a venue: orders go out once, what became of them comes back whole and in order."""

import asyncio
from decimal import Decimal

import pytest

from polaris.app.carried import money_of
from polaris.app.courier import SINCE_NS, Courier
from polaris.desk.pipeline import Desk
from polaris.domain.errors import Unavailable
from polaris.domain.market import RowBuffer
from polaris.domain.orders import BUY, CANCELLED, EXPIRED, FILL, FILLED, IOC, LIMIT, MAKER, OPEN, PARTIAL, REJECTED, SELL, STATE_NAMES
from polaris.venues.orders import Fill, NewOrder, Refusal, Report, Verdict, order_name
from tests.steady_time import steady
from tests.unit.desk.rows import AT_ONCE, Market, a_desk, balances, kinds, some_instruments

INSTRUMENTS = some_instruments(1)
ITEM = INSTRUMENTS[0]
NOW = 1_700_000_000_000_000_000


class Venue:
    """A venue that does what a test tells it; orders by name."""

    dedups = False

    def __init__(self) -> None:
        self.orders = self
        self.doubtful: dict[str, NewOrder] = {}
        self.book: dict[str, list[int]] = {}  # [state, side, price, lots, filled]
        self.executions: list[Fill] = []
        self.placed: list[str] = []
        self.says: Refusal | None = None  # instead of an answer
        self.taken_although = False  # a lost answer: the order is there all the same
        self.late_fills = False  # executions are not shown yet

    def name(self, run: str, order: int) -> str:
        return order_name(run, order)

    async def place(self, order: NewOrder) -> Report | Refusal:
        await asyncio.sleep(0)
        self.placed.append(order.client)
        if self.says is None or self.taken_although:
            self.book[order.client] = [OPEN, order.side, order.price, order.lots, 0]
        if self.says is not None:
            if self.says.verdict is Verdict.DOUBT:
                self.doubtful[order.client] = order
            return self.says
        return self._report(order.client)

    async def settle(self, client: str) -> Report | Refusal:
        if self.says is not None:
            return self.says
        self.doubtful.pop(client)
        return self._report(client) if client in self.book else Refusal(Verdict.REFUSED, "lost", "it never was")

    def doubt(self, order: NewOrder) -> None:
        self.doubtful[order.client] = order

    async def cancel(self, instrument, client: str, venue_id: str = "") -> Report | Refusal:
        if self.book[client][0] in (OPEN, PARTIAL):
            self.book[client][0] = CANCELLED
        return self._report(client)

    async def find(self, instrument, client: str) -> Report | Refusal:
        return self._report(client) if client in self.book else Refusal(Verdict.ABSENT)

    async def open_orders(self, instrument) -> list[Report]:
        return [self._report(client) for client, order in self.book.items() if order[0] in (OPEN, PARTIAL)]

    async def fills(self, instrument, since: int) -> list[Fill]:
        return [] if self.late_fills else self.executions.copy()

    def trade(self, client: str, lots: int, state: int | None = None, fee: str = "0.00000002", asset: str = "USD") -> None:
        order = self.book[client]
        order[4] += lots
        order[0] = state or (FILLED if order[4] == order[3] else PARTIAL)
        number = len(self.executions) + 1
        self.executions.append(Fill(str(number), client, 0, order[1], order[2], lots, Decimal(fee), asset, MAKER, NOW + number))

    def _report(self, client: str) -> Report:
        state, side, price, lots, filled = self.book[client]
        return Report(client, client, state, side, price, lots, filled)


class House:
    """A core that trades at that venue."""

    def __init__(self, venue: Venue, desk: Desk | None = None) -> None:
        self.venue, self.market = venue, Market()
        import msgspec

        how = msgspec.structs.replace(AT_ONCE, fill_model="venue", equity_sample_ns=2**62)
        self.desk = desk or a_desk(INSTRUMENTS, execution=how)
        self.told: list[str] = []
        self.courier = Courier({"sim": venue}, INSTRUMENTS, "abc123", self.tell, lambda: NOW, poll_s=0.001)
        self.market.quote(100, 102)
        self.desk.advance(self.market.take())

    def tell(self, rows: RowBuffer) -> None:
        taken = rows.take()
        self.heard(self.desk.advance(taken))

    def heard(self, records) -> None:
        self.told += kinds(records)
        self.courier.hear(records)

    def send(self, side: int, lots: int, price: int = 100, kind: int = LIMIT) -> str:
        number, records = self.desk.submit(0, side, lots, kind, price)
        self.heard(records)
        return self.venue.name("abc123", number)

    def cancel(self, client: str) -> None:
        number = int(client.rpartition("-")[2])
        self.heard(self.desk.cancel(number))

    def state(self, client: str) -> str:
        return STATE_NAMES[int(self.desk.orders[int(client.rpartition("-")[2]) % len(self.desk.orders)]["state"])]

    async def settled(self, rounds: int = 20) -> None:
        running = asyncio.create_task(self.courier.run())
        await asyncio.sleep(0.002 * rounds)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if running.done() and not running.cancelled() and running.exception():
            raise running.exception()


@steady
async def test_an_order_is_accepted_filled_in_parts_and_then_done():
    house = House(Venue())
    client = house.send(BUY, 10)
    await house.settled()
    assert house.state(client) == "open" and house.venue.placed == [client]
    house.venue.trade(client, 4)
    await house.settled()
    assert house.state(client) == "partial" and int(house.desk.positions[0]["lots"]) == 4
    house.venue.trade(client, 6)
    await house.settled()
    assert house.state(client) == "filled" and int(house.desk.positions[0]["lots"]) == 10
    assert house.told == ["submit", "accepted", "fill", "fill"] and not house.courier.carried
    assert int(house.desk.account["fees"]) == 4 and int(house.desk.account["faults"]) == 0 and balances(house.desk)


@steady
async def test_a_fill_that_is_not_shown_yet_holds_the_end_back():
    house = House(Venue())
    house.venue.late_fills = True
    client = house.send(BUY, 10)
    await house.settled()
    house.venue.trade(client, 3, state=EXPIRED)
    await house.settled()
    assert house.told == ["submit", "accepted"], "an end that leaves lots out would be a lie"
    house.venue.late_fills = False
    await house.settled()
    assert house.told == ["submit", "accepted", "fill", "expired"] and int(house.desk.positions[0]["lots"]) == 3


@steady
async def test_what_the_venue_refuses_is_rejected_and_never_sent_again():
    house = House(Venue())
    house.venue.says = Refusal(Verdict.REFUSED, "-2010", "Account has insufficient balance for requested action.")
    client = house.send(SELL, 5, 102)
    await house.settled()
    assert house.told == ["submit", "rejected"] and house.venue.placed == [client] and not house.courier.carried


@steady
async def test_an_order_in_doubt_stays_pending_until_the_venue_tells():
    house = House(Venue())
    house.venue.says, house.venue.taken_although = Refusal(Verdict.DOUBT, "ReadTimeout"), True
    client = house.send(BUY, 5)
    await house.settled()
    assert house.told == ["submit"] and house.state(client) == "pending"
    house.venue.says = None
    await house.settled()
    assert house.told == ["submit", "accepted"] and house.venue.placed == [client]


@steady
async def test_a_cancel_asked_while_the_order_is_on_its_way_comes_after_it():
    house = House(Venue())
    client = house.send(BUY, 5)
    house.cancel(client)
    await house.settled()
    assert house.told == ["submit", "cancel", "accepted", "cancelled"] and house.state(client) == "cancelled"


@steady
async def test_a_cancel_that_loses_the_race_ends_in_the_fill():
    house = House(Venue())
    client = house.send(BUY, 5)
    await house.settled()
    house.venue.trade(client, 5)
    house.cancel(client)
    await house.settled()
    assert house.state(client) == "filled" and int(house.desk.positions[0]["lots"]) == 5 and int(house.desk.account["faults"]) == 0


@steady
async def test_an_order_over_before_it_could_rest_is_filled_and_expired():
    house = House(Venue())
    place = house.venue.place

    async def at_once(order: NewOrder) -> Report | Refusal:
        await place(order)
        house.venue.trade(order.client, 2, state=EXPIRED)
        return await house.venue.find(ITEM, order.client)

    house.venue.place = at_once  # type: ignore[method-assign]
    client = house.send(BUY, 5, 102, IOC)
    await house.settled()
    assert house.told == ["submit", "fill", "expired"] and house.state(client) == "expired"


@steady
async def test_a_restart_takes_the_orders_over_and_tells_no_fill_twice():
    venue = Venue()
    before = House(venue)
    client, lost, never = before.send(BUY, 10), before.send(BUY, 3, 99), before.send(SELL, 2, 103)
    await before.settled()
    venue.trade(client, 4)
    await before.settled()
    venue.trade(client, 6)
    venue.book[lost][0] = CANCELLED
    del venue.book[never]
    after = House(venue, before.desk)
    after.courier.resume(after.desk.orders)
    await after.settled()
    assert sorted(after.told) == ["cancelled", "fill"] and int(after.desk.positions[0]["lots"]) == 10
    assert (after.state(client), after.state(lost)) == ("filled", "cancelled")
    assert after.state(never) == "open" and after.courier.troubles, "an order that rested and is gone is for a person to look at"
    assert venue.placed == [client, lost, never], "nothing is sent again"


@steady
async def test_executions_are_asked_for_from_shortly_before_the_order_on():
    venue = Venue()
    before = House(venue)
    client = before.send(BUY, 10)
    await before.settled()
    after = House(venue, before.desk)
    asked: list[int] = []
    fills = venue.fills

    async def seen(instrument, since: int) -> list[Fill]:
        asked.append(since)
        return await fills(instrument, since)

    venue.fills = seen  # type: ignore[method-assign]
    after.courier.resume(after.desk.orders)
    venue.trade(client, 10)
    await after.settled()
    sent = int(next(order["sent"] for order in after.desk.orders if order["id"] == int(client.rpartition("-")[2])))
    assert after.state(client) == "filled" and set(asked) == {sent - SINCE_NS}, "a venue tells a day at a time: from 1970 on it is asked in vain"


@steady
async def test_orders_of_a_venue_that_began_anew_have_lapsed():
    venue = Venue()
    before = House(venue)
    filled, cancelling = before.send(BUY, 10), before.send(SELL, 4, 103)
    await before.settled()
    venue.trade(filled, 3)
    before.cancel(cancelling)
    await before.settled(0)
    pending = before.send(BUY, 2, 99)
    for task in before.courier._tasks:
        task.cancel()  # killed before it left
    after = House(Venue(), before.desk)
    after.courier.lapse(after.desk.orders)
    await after.settled()
    assert not after.courier.carried and not after.venue.placed and not after.courier.troubles
    assert {after.state(client) for client in (filled, cancelling, pending)} <= {"expired", "cancelled", "filled"}
    assert after.state(pending) == "expired" and int(after.desk.account["active"]) == 0 and int(after.desk.account["faults"]) == 0


@steady
async def test_an_order_in_doubt_does_not_hold_the_others_up():
    venue = Venue()
    house = House(venue)
    client, lost = house.send(BUY, 10), house.send(BUY, 3, 99)
    await house.settled()
    answer = asyncio.Event()

    async def slow(name: str) -> Report | Refusal:
        await answer.wait()
        return await venue.find(ITEM, name)

    venue.settle = slow  # type: ignore[method-assign]
    venue.doubtful[lost] = None  # type: ignore[assignment]
    venue.trade(client, 10)
    await house.settled()
    assert house.state(client) == "filled" and house.state(lost) == "open"


@steady
async def test_how_long_a_venue_took_is_told():
    house = House(Venue())
    took: list[int] = []
    house.courier._answered = took.append
    place = house.venue.place

    async def in_three_ms(order: NewOrder) -> Report | Refusal:
        await asyncio.sleep(0.003)
        return await place(order)

    house.venue.place = in_three_ms  # type: ignore[method-assign]
    house.send(BUY, 1)
    await house.settled()
    assert took == [3_000_000]


@steady
async def test_orders_of_one_run_have_names_of_their_own():
    house = House(Venue())
    names = {house.send(BUY, 1), house.send(BUY, 1), house.send(SELL, 1, 102)}
    await house.settled()
    assert len(names) == 3 == len(set(house.venue.placed))


@steady
async def test_an_error_of_ours_is_raised():
    house = House(Venue())

    async def broken(order: NewOrder) -> Report:
        raise ZeroDivisionError("ours")

    house.venue.place = broken  # type: ignore[method-assign]
    house.send(BUY, 1)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(house.courier.run(), 60)


@pytest.mark.parametrize(("fee", "asset", "money"), [("0.01", "USD", 1_000_000), ("0.00000001", "BTC", 1), ("0.001", "BTC", 100_000), ("0", "BNB", 0), ("-0.00000001", "USD", -1)])
def test_a_fee_becomes_money_in_the_quote_currency(fee, asset, money):
    assert money_of(Fill("1", "1", 0, BUY, 100, 5, Decimal(fee), asset, MAKER, NOW), ITEM) == money


def test_a_fee_in_a_third_currency_is_not_guessed():
    with pytest.raises(Unavailable, match="BNB; expected BTC or USD"):
        money_of(Fill("1", "1", 0, BUY, 100, 5, Decimal("0.1"), "BNB", MAKER, NOW), ITEM)


def test_states_that_end_are_all_known():
    assert {REJECTED, EXPIRED, CANCELLED, FILLED} == {state for state in range(len(STATE_NAMES)) if state >= FILLED} and FILL
