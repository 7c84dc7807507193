"""The plan: from the position wanted to orders, one at a time an instrument, priced at the touch, on the venue's grid."""

import msgspec
import pytest

from polaris.desk.settings import RiskSettings
from polaris.domain.orders import BUY, IOC, LIMIT, MARKET, POST_ONLY, SELL, SUBMIT
from tests.unit.desk.rows import AT_ONCE, FREE, MILLI, SECOND, Market, a_desk, balances, kinds, some_instruments, told

WORDS = {"post-only": POST_ONLY, "limit": LIMIT, "ioc": IOC, "market": MARKET}


class Aiming:
    """A desk whose strategy wants what a test says."""

    def __init__(self, order_type: str = "post-only", *, instruments=1, latency_ns: int = 0, repeg_ns: int = 250 * MILLI, fill_model: str = "queue", **limits) -> None:
        execution = msgspec.structs.replace(
            AT_ONCE, order_type=order_type, latency_ns=latency_ns, repeg_ns=repeg_ns, fill_model=fill_model, equity_sample_ns=2**62
        )
        self.desk = a_desk(instruments, risk=RiskSettings(**(msgspec.structs.asdict(FREE) | limits)), execution=execution, kernels=(told("target"),))
        self.market = Market()

    def want(self, lots: int, instrument: int = 0) -> None:
        self.desk.bank.states[0]["target"][instrument] = lots

    def quote(self, bid: int = 10_000, ask: int = 10_002, *, after: int = MILLI, instrument: int = 0, lots: int = 1000):
        self.market.quote(bid, ask, lots, lots, instrument=instrument, after=after)
        return self.advance()

    def trade(self, price: int, lots: int, *, sells: bool):
        self.market.trade(price, lots, sells=sells)
        return self.advance()

    def advance(self):
        records = self.desk.advance(self.market.take())
        assert balances(self.desk)
        return records

    @property
    def held(self) -> int:
        return int(self.desk.positions[0]["lots"])


def sent(records) -> list[tuple[int, int, int, int]]:
    """(side, type, price, lots) of every order that left."""
    return [tuple(int(record[name]) for name in ("side", "type", "price", "lots")) for record in records if record["kind"] == SUBMIT]


@pytest.mark.parametrize(
    ("order_type", "buy", "sell"), [("post-only", 10_000, 10_002), ("limit", 10_000, 10_002), ("ioc", 10_002, 10_000), ("market", 10_002, 10_000)]
)
def test_what_rests_joins_its_own_side_and_what_takes_goes_to_the_other(order_type, buy, sell):
    for target, side, price in ((70, BUY, buy), (-70, SELL, sell)):
        subject = Aiming(order_type)
        subject.want(target)
        assert sent(subject.quote()) == [(side, WORDS[order_type], price, 70)]


@pytest.mark.parametrize(("order_type", "buy", "sell"), [("post-only", 10_000, 10_005), ("ioc", 10_005, 10_000)])
def test_a_buy_that_rests_is_rounded_down_and_a_sell_up_what_takes_the_other_way(order_type, buy, sell):
    for target, price in ((70, buy), (-70, sell)):
        subject = Aiming(order_type, instruments=some_instruments(1, price_increment=5))
        subject.want(target)
        assert [order[2] for order in sent(subject.quote(10_001, 10_003))] == [price]


def test_one_order_works_at_a_time_and_follows_only_what_is_still_missing():
    subject = Aiming("post-only")
    subject.want(100)
    assert len(sent(subject.quote())) == 1
    assert kinds(subject.quote()) == ["accepted"]
    for _ in range(5):
        assert not len(subject.quote())
    subject.trade(10_000, 1_030, sells=True)
    assert subject.held == 30
    assert not len(subject.quote())  # 70 still work, and 70 are missing
    subject.want(120)
    assert kinds(subject.quote()) == ["target"]  # 70 work of the 90 that are missing: the rest comes after
    assert sent(subject.trade(10_000, 70, sells=True)) == [(BUY, POST_ONLY, 10_000, 20)]


def test_an_order_that_would_overshoot_or_points_the_wrong_way_is_cancelled_first():
    for target in (60, 0, -50):
        subject = Aiming("post-only")
        subject.want(100)
        subject.quote()
        subject.quote()
        subject.want(target)
        assert kinds(subject.quote()) == ["target", "cancel"]
        then = subject.quote()
        assert kinds(then)[0] == "cancelled"
        assert [(order[0], order[3]) for order in sent(then)] == ([] if target == 0 else [(BUY, 60)] if target > 0 else [(SELL, 50)])


def test_nothing_new_is_sent_until_the_fate_of_a_cancel_is_known():
    subject = Aiming("post-only", latency_ns=10 * MILLI)
    subject.want(100)
    subject.quote()
    subject.quote(after=10 * MILLI)
    subject.want(-100)
    assert kinds(subject.quote()) == ["target", "cancel"]
    for _ in range(8):
        assert not len(subject.quote())
    subject.trade(10_000, 1_040, sells=True)  # 40 fill before the cancel arrives
    then = subject.quote()
    assert kinds(then) == ["cancelled", "submit"]
    assert sent(then) == [(SELL, POST_ONLY, 10_002, 140)]


def test_a_resting_order_follows_the_touch_but_not_more_often_than_it_may():
    subject = Aiming("post-only", repeg_ns=250 * MILLI)
    subject.want(100)
    subject.quote()
    assert kinds(subject.quote(10_001, 10_003, after=249 * MILLI)) == ["accepted"]
    assert kinds(subject.quote(10_001, 10_003)) == ["cancel"]
    then = subject.quote(10_001, 10_003)
    assert kinds(then) == ["cancelled", "submit"] and sent(then)[0][2] == 10_001
    assert kinds(subject.quote(10_002, 10_004, after=100 * MILLI)) == ["accepted"]


def test_an_order_at_the_rounded_touch_is_not_moved_for_the_rounding():
    subject = Aiming("post-only", repeg_ns=0, instruments=some_instruments(1, price_increment=5))
    subject.want(100)
    assert sent(subject.quote(10_003, 10_011)) == [(BUY, POST_ONLY, 10_000, 100)]
    assert kinds(subject.quote(10_003, 10_011)) == ["accepted"]
    for _ in range(3):
        assert not len(subject.quote(10_003, 10_011))
    assert not len(subject.quote(10_004, 10_011))
    assert kinds(subject.quote(10_005, 10_011)) == ["cancel"]


def test_a_target_larger_than_an_order_may_be_is_reached_order_by_order():
    subject = Aiming("ioc", max_order_quantity=40e-6)
    subject.want(100)
    sizes = [order[3] for _ in range(6) for order in sent(subject.quote())]
    assert sizes == [40, 40, 20] and subject.held == 100
    assert not len(subject.quote())


def test_an_orders_notional_stays_below_its_limit():
    subject = Aiming("ioc", max_order_notional=0.01)  # 10^6 units: 99 lots at 10,002
    subject.want(150)
    assert [order[3] for order in sent(subject.quote())] == [99]


@pytest.mark.parametrize(
    ("changes", "target", "lots"),
    [({"quantity_increment": 30}, 100, 90), ({"min_quantity": 101}, 100, None), ({"min_notional": 1_100_000}, 100, None), ({"min_notional": 900_000}, 100, 100)],
)
def test_orders_keep_the_venues_grid_and_minimum_or_are_not_sent(changes, target, lots):
    subject = Aiming("post-only", instruments=some_instruments(1, **changes))
    subject.want(target)
    records = subject.quote()
    assert [order[3] for order in sent(records)] == ([] if lots is None else [lots])
    assert "refused" not in kinds(records)


def test_after_a_refusal_the_plan_rests_and_then_tries_again():
    subject = Aiming("post-only", price_band=5e-5, refusal_pause_ns=SECOND)
    subject.want(100)
    assert kinds(subject.quote()) == ["target", "refused"]
    assert not len(subject.quote(after=SECOND - MILLI))
    assert kinds(subject.quote()) == ["refused"]
    assert not len(subject.quote(20_000, 20_001))  # within the band, but too soon
    assert kinds(subject.quote(20_000, 20_001, after=SECOND)) == ["submit"]


def test_what_expires_is_sent_again():
    subject = Aiming("ioc", latency_ns=5 * MILLI)
    subject.want(100)
    subject.quote(lots=30)
    then = subject.quote(after=5 * MILLI, lots=30)
    assert kinds(then) == ["fill", "expired", "submit"] and subject.held == 30
    assert sent(then) == [(BUY, IOC, 10_002, 70)]


def test_each_instrument_is_worked_by_itself():
    subject = Aiming("ioc", instruments=2)
    subject.want(10, 0)
    subject.want(-20, 1)
    assert sent(subject.quote()) == [(BUY, IOC, 10_002, 10)]
    assert sent(subject.quote(200, 202, instrument=1)) == [(SELL, IOC, 200, 20)]
    subject.market.timer()
    subject.advance()
    assert subject.desk.positions["lots"].tolist() == [10, -20]


def test_every_order_type_reaches_its_target_and_then_rests():
    for order_type in WORDS:
        subject = Aiming(order_type, repeg_ns=20 * MILLI)
        for target in (100, -50, 0):
            subject.want(target)
            for _ in range(60):
                subject.quote(lots=200)
                if subject.held == target and not len(subject.desk.working_orders()):
                    break
                subject.trade(10_000, 250, sells=True)
                subject.trade(10_002, 250, sells=False)
            assert subject.held == target
            assert not len(subject.quote(lots=200))
