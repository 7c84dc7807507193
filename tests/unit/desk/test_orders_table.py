"""The order table: every state and every report, as drawn in domain.orders; races, and what a real venue says."""

import itertools

import msgspec
import numpy as np
import pytest

from polaris.domain.orders import (
    ACCEPT,
    BUY,
    CANCEL_ASKED,
    CANCEL_DONE,
    CANCEL_TOO_LATE,
    CANCELLED,
    CANCELLING,
    EXPIRE,
    EXPIRED,
    FILL_LAST,
    FILL_PART,
    FILLED,
    IOC,
    LIMIT,
    MARKET,
    NONE,
    OPEN,
    PARTIAL,
    PENDING,
    POST_ONLY,
    REJECT,
    REJECTED,
    REPORT_NAMES,
    SELL,
    STATE_NAMES,
)
from tests.unit.desk.rows import AT_ONCE, MILLI, Market, a_desk, balances, kinds

LIVE = msgspec.structs.replace(AT_ONCE, fill_model="venue")
REPORTS = (ACCEPT, FILL_PART, FILL_LAST, CANCEL_DONE, CANCEL_TOO_LATE, EXPIRE, REJECT)

# the drawing of domain.orders, arrow by arrow; where a fill is partial and the order is over, it still is
DRAWN = {
    PENDING: {ACCEPT: OPEN, REJECT: REJECTED, EXPIRE: EXPIRED, FILL_PART: PARTIAL, FILL_LAST: FILLED, CANCEL_DONE: CANCELLED},
    OPEN: {FILL_PART: PARTIAL, FILL_LAST: FILLED, EXPIRE: EXPIRED, CANCEL_DONE: CANCELLED},
    PARTIAL: {FILL_PART: PARTIAL, FILL_LAST: FILLED, EXPIRE: EXPIRED, CANCEL_DONE: CANCELLED},
    CANCELLING: {
        ACCEPT: CANCELLING, FILL_PART: CANCELLING, FILL_LAST: FILLED, CANCEL_DONE: CANCELLED, CANCEL_TOO_LATE: OPEN, EXPIRE: EXPIRED, REJECT: REJECTED,
    },
    FILLED: {CANCEL_DONE: FILLED, CANCEL_TOO_LATE: FILLED},
    CANCELLED: {FILL_PART: CANCELLED, FILL_LAST: FILLED, CANCEL_TOO_LATE: CANCELLED},
    EXPIRED: {FILL_PART: EXPIRED, FILL_LAST: FILLED, CANCEL_TOO_LATE: EXPIRED},
    REJECTED: {FILL_PART: REJECTED, FILL_LAST: FILLED, CANCEL_TOO_LATE: REJECTED},
}  # fmt: skip
WAY = {  # how an order of 10 lots comes to a state
    PENDING: [], OPEN: [(ACCEPT, 0)], PARTIAL: [(FILL_PART, 4)], CANCELLING: ["cancel"], FILLED: [(FILL_LAST, 10)], CANCELLED: [(CANCEL_DONE, 0)],
    EXPIRED: [(EXPIRE, 0)], REJECTED: [(REJECT, 0)],
}  # fmt: skip


class Live:
    """One desk on a real venue's words."""

    def __init__(self, execution=LIVE) -> None:
        self.desk, self.market = a_desk(2, execution=execution), Market()
        self.market.quote(10_000, 10_002)
        self.desk.advance(self.market.take())

    def send(self, lots: int = 10, side: int = BUY, kind: int = LIMIT, price: int = 10_000) -> int:
        identity, records = self.desk.submit(0, side, lots, kind, price)
        assert kinds(records) == ["submit"]
        return identity

    def hear(self, order: int, what: int, lots: int = 0, price: int = 10_000, fee: int = 0):
        self.market.report(order, what, price, lots, fee)
        records = self.desk.advance(self.market.take())
        assert balances(self.desk)
        return records

    def order(self, identity: int):
        return self.desk.orders[identity % len(self.desk.orders)]

    def state(self, identity: int) -> int:
        return int(self.order(identity)["state"])

    def bring(self, state: int) -> int:
        identity = self.send()
        for step in WAY[state]:
            if step == "cancel":
                assert kinds(self.desk.cancel(identity)) == ["cancel"]
            else:
                self.hear(identity, *step)
        assert self.state(identity) == state
        return identity


@pytest.mark.parametrize(("state", "what"), list(itertools.product(DRAWN, REPORTS)))
def test_a_report_moves_an_order_as_drawn_or_is_a_fault_that_moves_nothing(state, what):
    venue = Live()
    identity = venue.bring(state)
    filled = int(venue.order(identity)["filled"])
    lots = {FILL_PART: 1, FILL_LAST: 10 - filled}.get(what, 0)
    before = venue.order(identity).tobytes(), venue.desk.positions.tobytes(), int(venue.desk.account["cash"])
    records = venue.hear(identity, what, lots)
    expected = DRAWN[state].get(what)
    name = f"{REPORT_NAMES[what]} on {STATE_NAMES[state]}"
    if expected is None:
        assert venue.desk.account["faults"] == 1 and not len(records), name
        assert (venue.order(identity).tobytes(), venue.desk.positions.tobytes(), int(venue.desk.account["cash"])) == before, name
        return
    assert venue.desk.account["faults"] == 0, name
    assert venue.state(identity) == expected, name
    assert len(records) == 1 and records[0]["state"] == expected and records[0]["order"] == identity, name
    working = expected < FILLED
    assert (venue.desk.account["active"], venue.desk.positions[0]["working_orders"]) == (working, working), name
    assert venue.desk.positions[0]["lots"] == filled + lots, name


def test_a_late_cancel_on_an_order_that_filled_in_part_leaves_it_partial():
    venue = Live()
    identity = venue.bring(PARTIAL)
    venue.desk.cancel(identity)
    assert kinds(venue.hear(identity, CANCEL_TOO_LATE)) == ["cancel too late"]
    assert venue.state(identity) == PARTIAL
    assert kinds(venue.desk.cancel(identity)) == ["cancel"]  # it can be asked again


@pytest.mark.parametrize("state", [CANCELLED, EXPIRED, REJECTED])
def test_a_fill_after_the_end_still_counts_in_the_ledger_and_frees_no_order_twice(state):
    venue = Live()
    other = venue.send(lots=7)
    identity = venue.bring(state)
    assert kinds(venue.hear(identity, FILL_PART, 4)) == ["fill"]
    assert venue.desk.positions[0]["lots"] == 4
    assert kinds(venue.hear(identity, FILL_LAST, 6)) == ["fill"]
    assert (venue.desk.positions[0]["lots"], venue.state(identity)) == (10, FILLED)
    assert (venue.desk.account["active"], venue.desk.positions[0]["working_orders"]) == (1, 1)
    assert [order["id"] for order in venue.desk.working_orders()] == [other]


@pytest.mark.parametrize("lots", [11, 0, -5, 2**62])
def test_a_fill_beyond_the_order_or_of_nothing_is_a_fault_and_not_booked(lots):
    venue = Live()
    identity = venue.bring(OPEN)
    assert not len(venue.hear(identity, FILL_PART, lots))
    assert (venue.desk.account["faults"], venue.desk.positions[0]["lots"], venue.state(identity)) == (1, 0, OPEN)


def test_a_fill_at_a_price_that_can_not_be_is_a_fault():
    venue = Live()
    identity = venue.bring(OPEN)
    for price in (-1, 2**62):
        assert not len(venue.hear(identity, FILL_PART, 5, price))
    assert (venue.desk.account["faults"], venue.desk.positions[0]["lots"]) == (2, 0)


@pytest.mark.parametrize("stranger", [0, 2, 999, 257, -1, -256, 2**62])
@pytest.mark.parametrize("what", REPORTS)
def test_a_report_on_an_order_nobody_knows_is_a_fault(stranger, what):
    venue = Live()
    venue.bring(OPEN)
    before = venue.desk.orders.tobytes()
    assert not len(venue.hear(stranger, what, 1))
    assert venue.desk.account["faults"] == 1 and venue.desk.orders.tobytes() == before


@pytest.mark.parametrize("nonsense", [0, CANCEL_ASKED, 9, 100, -1, -30_000, 30_000])
def test_a_report_of_no_kind_a_venue_knows_is_a_fault(nonsense):
    venue = Live()
    identity = venue.bring(OPEN)
    assert not len(venue.hear(identity, nonsense, 1))
    assert (venue.desk.account["faults"], venue.state(identity)) == (1, OPEN)


def test_the_fee_of_a_live_fill_is_the_venues_not_ours():
    venue = Live(msgspec.structs.replace(LIVE, taker_fee=0.01))
    identity = venue.bring(OPEN)
    fill = venue.hear(identity, FILL_LAST, 10, 10_000, fee=-77)[0]
    assert (fill["money"], venue.desk.account["fees"]) == (-77, -77)


def test_a_live_order_waits_for_its_venue_whatever_the_market_does():
    venue = Live()
    identity = venue.bring(OPEN)
    venue.market.trade(9_000, 10**6, sells=True)
    venue.market.quote(8_000, 8_001)
    venue.market.timer(after=10**9)
    venue.desk.cancel(identity)
    venue.market.timer(after=10**9)
    records = venue.desk.advance(venue.market.take())
    assert "fill" not in kinds(records) and venue.state(identity) == CANCELLING


def test_a_cancel_changes_only_what_works():
    venue = Live()
    for state in (FILLED, CANCELLED, EXPIRED, REJECTED):
        identity = venue.bring(state)
        assert not len(venue.desk.cancel(identity)) and venue.state(identity) == state
    for stranger in (0, -1, 10**9):
        assert not len(venue.desk.cancel(stranger))
    identity = venue.bring(CANCELLING)
    assert not len(venue.desk.cancel(identity))  # asked already
    assert venue.desk.account["cancels"] == 1


# races at the simulated venue, latency 10 ms


class Racing(Live):
    def __init__(self, **changes) -> None:
        super().__init__(msgspec.structs.replace(AT_ONCE, latency_ns=10 * MILLI, equity_sample_ns=2**62, **changes))

    def pass_(self, ms: int, *, bid: int = 10_000, ask: int = 10_003):
        """Time, and then a market whose ask has moved away."""
        self.market.quote(bid, ask, after=ms * MILLI)
        return self.desk.advance(self.market.take())

    def trade(self, price: int, lots: int, *, after: int = 0):
        self.market.trade(price, lots, sells=True, after=after * MILLI)
        return self.desk.advance(self.market.take())


def test_a_fill_between_a_cancels_sending_and_its_arrival_counts():
    race = Racing()
    identity = race.send(lots=10)
    race.pass_(10)
    race.desk.cancel(identity)
    assert kinds(race.trade(10_000, 1_004, after=5)) == ["fill"]
    assert race.state(identity) == CANCELLING
    assert kinds(race.pass_(5)) == ["cancelled"]
    assert (race.desk.positions[0]["lots"], race.order(identity)["filled"]) == (4, 4)


def test_a_cancel_loses_the_race_to_a_whole_fill():
    race = Racing()
    identity = race.send(lots=10)
    race.pass_(10)
    race.desk.cancel(identity)
    race.trade(9_999, 1, after=9)
    assert race.state(identity) == FILLED
    assert not len(race.pass_(5))
    assert (race.desk.positions[0]["lots"], race.desk.account["active"], race.desk.account["faults"]) == (10, 0, 0)


def test_a_cancel_that_arrives_with_the_row_comes_before_it():
    race = Racing()
    identity = race.send(lots=10)
    race.pass_(10)
    race.desk.cancel(identity)
    assert kinds(race.trade(9_999, 10**6, after=10)) == ["cancelled"]
    assert race.desk.positions[0]["lots"] == 0


def test_the_cancel_of_an_order_still_in_flight_arrives_after_it():
    race = Racing()
    identity = race.send(lots=10)
    race.pass_(5)
    assert kinds(race.desk.cancel(identity)) == ["cancel"]
    assert kinds(race.pass_(5)) == ["accepted"]
    assert race.state(identity) == CANCELLING
    assert not len(race.pass_(4))
    assert kinds(race.pass_(1)) == ["cancelled"]


def test_an_order_whose_cancel_is_on_its_way_can_take_all_it_came_for():
    race = Racing()
    identity = race.send(lots=10, price=10_002)
    race.desk.cancel(identity)
    assert kinds(race.pass_(10)) == ["fill"]
    assert (race.state(identity), race.desk.positions[0]["lots"]) == (FILLED, 10)


def test_order_and_cancel_that_arrive_with_the_same_row_are_met_in_their_order():
    race = Racing()
    identity = race.send(lots=1_500, price=10_002)
    race.desk.cancel(identity)
    assert kinds(race.pass_(10)) == ["fill", "cancelled"]
    assert (race.order(identity)["filled"], race.desk.positions[0]["lots"]) == (1_000, 1_000)


@pytest.mark.parametrize(
    ("kind", "price", "told", "held"),
    [
        (IOC, 10_002, ["fill", "expired"], 1_000),
        (IOC, 10_001, ["expired"], 0),
        (MARKET, 0, ["fill", "expired"], 1_000),
        (POST_ONLY, 10_002, ["expired"], 0),
        (POST_ONLY, 10_001, ["accepted"], 0),
        (LIMIT, 10_002, ["fill"], 1_000),
        (LIMIT, 10_001, ["accepted"], 0),
    ],
)
def test_what_an_order_type_does_with_what_it_can_not_take(kind, price, told, held):
    race = Racing()
    identity = race.send(lots=1_200, kind=kind, price=price)
    assert kinds(race.pass_(10)) == told
    assert race.desk.positions[0]["lots"] == held
    rests = kind in (LIMIT, POST_ONLY) and told != ["expired"]
    assert bool(race.order(identity)["resting"]) == rests == (race.desk.account["active"] == 1)


def test_the_rest_of_a_limit_order_that_took_waits_at_its_price():
    race = Racing()
    identity = race.send(lots=1_200, price=10_002)
    race.pass_(10)
    assert race.state(identity) == PARTIAL
    records = race.trade(10_001, 50)
    assert kinds(records) == ["fill"] and (records[0]["price"], records[0]["lots"], records[0]["state"]) == (10_002, 200, FILLED)


def test_a_record_tells_where_we_stand_after_it():
    race = Racing(taker_fee=0.0002)
    race.send(lots=1_200, kind=MARKET)
    fill, expired = race.pass_(10)
    amount, fee = 10_002 * 1_000, 2_001  # 2,000.4 rounded up
    assert (fill["price"], fill["lots"], fill["filled"], fill["position"], fill["money"]) == (10_002, 1_000, 1_000, 1_000, fee)
    assert fill["cash"] == 100_000 * 10**8 - amount - fee == expired["cash"]
    assert (expired["lots"], expired["filled"], expired["state"]) == (1_200, 1_000, EXPIRED)
    assert fill["seq"] == expired["seq"] == 2 and fill["ts"] == race.market.now


def test_no_slot_is_free_for_two_orders():
    assert NONE == 0 and not np.zeros(1, [("state", "<i8")])["state"][0]
    venue = Live()
    for _ in range(700):
        identity = venue.send(lots=1, side=SELL, price=10_002)
        venue.hear(identity, FILL_LAST, 1)
    assert venue.desk.positions[0]["lots"] == -700
    assert len({int(order["id"]) for order in venue.desk.orders}) == 256
