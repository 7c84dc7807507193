"""Accounts against the desk's books: they agree to the last unit, or the venue gets no new order until they do."""

import asyncio
from decimal import Decimal

import pytest

from polaris.app import courier as couriers
from polaris.app import reconciliation
from polaris.app.courier import Courier
from polaris.app.reconciliation import Reconciliation
from polaris.domain.control import Balances
from polaris.domain.errors import Unavailable
from polaris.domain.orders import BUY, SELL
from polaris.venues.orders import Balance
from tests.steady_time import steady
from tests.unit.app.test_courier import INSTRUMENTS, ITEM, NOW, House, Venue

BASE, QUOTE = ITEM.key.base, ITEM.key.quote
OPENING = {BASE: Decimal(20), QUOTE: Decimal(100_000)}


@pytest.fixture(autouse=True)
def short_clocks(monkeypatch):
    monkeypatch.setattr(reconciliation, "SETTLE_S", 0.001)
    monkeypatch.setattr(reconciliation, "SOON_S", 0.002)
    monkeypatch.setattr(couriers, "HELD_S", 0.001)


class Bank(Venue):
    """A venue that keeps an account: each execution moves it.

    received  it takes a buy's fee in the base
    """

    def __init__(self, received: bool = False) -> None:
        super().__init__()
        self.received = received
        self.account = dict(OPENING)
        self.silent = False

    def trade(self, client: str, lots: int, state: int | None = None, fee: str = "0", asset: str = QUOTE) -> None:
        super().trade(client, lots, state, fee, asset)
        fill = self.executions[-1]
        price = Decimal(fill.price).scaleb(-ITEM.price_decimals)
        base = Decimal(lots).scaleb(-ITEM.quantity_decimals) * fill.side
        self.account[BASE] += base
        self.account[QUOTE] -= base * price
        if self.received and fill.side == BUY:
            self.account[BASE] -= Decimal(fee) / price
        else:
            self.account[QUOTE] -= Decimal(fee)

    async def balances(self) -> list[Balance]:
        if self.silent:
            raise Unavailable("sim: GET account: in doubt")
        return [Balance(asset, Decimal(0), amount) for asset, amount in self.account.items()] + [Balance("DOGE", Decimal(1), Decimal(1))]


class Books(House):
    """A desk at that venue, its accounts compared when a test says so."""

    def __init__(self, venue: Bank, desk=None) -> None:
        super().__init__(venue, desk)
        self.events: list[Balances] = []
        self.now = NOW
        self.accounts = Reconciliation(
            self.courier, INSTRUMENTS, lambda: self.desk.positions, self.events.append, lambda: self.now, every_ns=1_000_000, dust=0.01
        )

    def heard(self, records) -> None:
        super().heard(records)
        if hasattr(self, "accounts"):
            self.accounts.hear(records)

    async def compared(self, times: int = 1) -> bool | None:
        await self.settled()
        for _ in range(times):
            await self.accounts.compare("sim")
        return self.accounts.accounts["sim"].agrees

    async def traded(self, side: int, lots: int, fee: str = "0") -> None:
        client = self.send(side, lots, 100 if side == BUY else 102)
        await self.settled()
        self.venue.trade(client, lots, fee=fee)
        await self.settled()


@steady
async def test_no_order_leaves_before_the_account_was_asked_for():
    house = Books(Bank())
    client = house.send(BUY, 5)
    await house.settled()
    assert house.state(client) == "rejected" and not house.venue.placed
    assert await house.compared() and "sim" not in house.courier.held
    assert house.events[0].agrees and house.events[0].opening == {BASE: "20", QUOTE: "100000"} and "DOGE" not in house.events[0].held


@steady
async def test_fills_and_fees_move_both_sides_alike():
    house = Books(Bank())
    await house.compared()
    await house.traded(BUY, 10, "0.00000007")
    await house.traded(SELL, 4, "0.00000003")
    assert await house.compared() and house.accounts.accounts["sim"].held != OPENING
    assert len(house.events) == 1, "that they go on agreeing is no news"


@pytest.mark.parametrize("received", [False, True])
@steady
async def test_a_buyers_fee_may_be_taken_in_the_base_and_then_always_is(received, monkeypatch):
    monkeypatch.setattr(reconciliation.Reconciliation, "_counts", lambda self, venue, asset, difference: bool(difference))
    house = Books(Bank(received))
    await house.compared()
    await house.traded(BUY, 1000, "1.00")
    assert await house.compared() and house.accounts.accounts["sim"].received is received
    house.venue.received = not received
    await house.traded(BUY, 1000, "1.00")
    assert await house.compared(2) is False


@steady
async def test_a_difference_is_told_and_the_venue_gets_no_new_order_until_it_is_gone():
    house = Books(Bank())
    await house.compared()
    house.venue.account[BASE] += Decimal("0.5")
    assert await house.compared() is True, "once may be an accident"
    assert await house.compared() is False
    assert house.courier.held["sim"] == f"its balances differ from the desk's books by 0.5 {BASE}"
    told = house.events[-1]
    assert not told.agrees and told.held[BASE] == "20.5" and told.expected[BASE] == "20" and "0.5" in told.reason
    client = house.send(BUY, 5)
    await house.settled()
    assert house.state(client) == "rejected"
    await house.compared(3)
    assert len(house.events) == 2, "the same difference is told once"
    house.venue.account[BASE] -= Decimal("0.5")
    assert await house.compared() and "sim" not in house.courier.held and house.events[-1].agrees
    client = house.send(BUY, 5)
    await house.settled()
    assert house.state(client) == "open"


@steady
async def test_dust_is_no_difference():
    house = Books(Bank())
    await house.compared()
    house.venue.account[QUOTE] += Decimal("0.009")
    assert await house.compared(3)
    house.venue.account[QUOTE] += Decimal("0.002")
    assert await house.compared(2) is False


@steady
async def test_a_fill_that_is_under_way_is_no_difference():
    house = Books(Bank())
    await house.compared()
    client = house.send(BUY, 10)
    await house.settled()
    house.venue.trade(client, 10)
    house.courier.carried[1].filled = 10  # the venue said so; its execution was not told yet
    before = house.accounts.accounts["sim"].compared_ns
    house.now += 1
    await house.accounts.compare("sim")
    await house.accounts.compare("sim")
    assert house.accounts.accounts["sim"].compared_ns == before and not house.events[1:]
    assert await house.compared()


@steady
async def test_a_fill_told_between_question_and_answer_makes_the_comparison_void():
    house = Books(Bank())
    await house.compared()
    client = house.send(BUY, 10)
    await house.settled()
    ask = house.venue.balances

    async def and_then_it_traded():
        said = await ask()
        house.venue.trade(client, 10)
        running = asyncio.create_task(house.courier.run())
        await asyncio.sleep(0.02)
        running.cancel()
        return said

    house.venue.balances = and_then_it_traded  # type: ignore[method-assign]
    for _ in range(2):
        await house.accounts.compare("sim")
        house.venue.balances = ask
    assert house.accounts.accounts["sim"].agrees and not house.accounts.accounts["sim"].misfits


@steady
async def test_an_execution_that_nobody_told_is_a_difference():
    house = Books(Bank())
    await house.compared()
    house.venue.account[BASE] -= Decimal("1.5")
    house.venue.account[QUOTE] += 300  # somebody traded with this key
    assert await house.compared(2) is False and set(house.accounts.accounts["sim"].differences) == {BASE, QUOTE}


@steady
async def test_a_venue_that_began_anew_counts_the_logs_positions_as_a_part_of_its_account():
    before = Books(Bank())
    await before.compared()
    await before.traded(BUY, 10)
    after = Books(Bank(), before.desk)  # as rich as on its first day
    assert await after.compared()
    assert Decimal(after.events[0].opening[BASE]) == 20 - Decimal(10).scaleb(-ITEM.quantity_decimals)
    await after.traded(SELL, 4)
    assert await after.compared()


@steady
async def test_an_account_that_lacks_what_the_log_says_was_bought_is_not_taken_for_its_own():
    before = Books(Bank())
    await before.compared()
    await before.traded(BUY, 10)
    poor = Bank()
    poor.account[BASE] = Decimal(0)
    after = Books(poor, before.desk)
    assert await after.compared(3) is None and not after.events
    assert after.courier.held["sim"].startswith(f"its account lacks 0.00001 {BASE} of what the log says")
    poor.account[BASE] = Decimal(1)
    assert await after.compared() and "sim" not in after.courier.held


@steady
async def test_a_venue_that_does_not_tell_is_asked_again_and_after_long_gets_no_new_order():
    house = Books(Bank())
    await house.compared()
    house.venue.silent = True
    running = asyncio.create_task(house.accounts.run())
    await asyncio.sleep(0.02)
    assert "sim" not in house.courier.held
    house.now += 11 * 1_000_000
    await asyncio.sleep(0.02)
    assert "too long" in house.courier.held["sim"]
    house.venue.silent = False
    await asyncio.sleep(0.05)
    assert "sim" not in house.courier.held
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_every_venue_with_a_key_is_held_from_the_start():
    courier = Courier({"sim": Bank()}, INSTRUMENTS, "abc123", lambda rows: None, lambda: NOW)
    Reconciliation(courier, INSTRUMENTS, lambda: None, lambda event: None, lambda: NOW, every_ns=1, dust=0.0)
    assert list(courier.held) == ["sim"]
