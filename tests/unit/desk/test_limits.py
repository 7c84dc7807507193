"""Loss limits halt the desk once, work it flat, and end the way each says; targets are cut to what is allowed."""

import msgspec
import pytest

from polaris.desk.settings import RiskSettings
from polaris.desk.state import DAY
from polaris.domain.control import DEPOSIT, KILL, PAUSE, RELEASE, RESUME
from polaris.domain.orders import (
    BUY,
    CANCEL,
    DAILY_LOSS,
    DRAWDOWN,
    FILL,
    HALT,
    LIMIT,
    OBSERVING,
    PASS,
    PAUSED,
    POSITION_LIMIT,
    REFUSED,
    RESUMED,
    SUBMIT,
    TARGET,
    TOTAL_NOTIONAL,
)
from tests.unit.desk.rows import AT_ONCE, DOLLAR, FREE, MILLI, SECOND, START, Market, a_desk, balances, told

TAKING = msgspec.structs.replace(AT_ONCE, order_type="market", equity_sample_ns=10 * SECOND)


class Held:
    """A desk whose strategy wants what a test says, and a market whose price a test moves."""

    def __init__(self, *, instruments: int = 1, target: int = 1_000_000, execution=TAKING, mode="paper", **limits) -> None:
        risk = RiskSettings(**(msgspec.structs.asdict(FREE) | limits))
        self.desk = a_desk(instruments, risk=risk, execution=execution, kernels=(told("target"),), mode=mode)
        self.market = Market()
        self.want(target)

    def want(self, lots: int) -> None:
        self.desk.bank.states[0]["target"][:] = lots

    def price(self, mid: int, *, after: int = 100 * MILLI, instrument: int = 0, times: int = 1):
        for _ in range(times):
            self.market.quote(mid - 1, mid + 1, 10**12, 10**12, instrument=instrument, after=after)
        return self.advance()

    def say(self, command: int, amount: int = 0):
        self.market.control(command, amount)
        return self.advance()

    def advance(self):
        records = self.desk.advance(self.market.take())
        assert balances(self.desk)
        return records

    @property
    def held(self) -> int:
        return int(self.desk.positions[0]["lots"])


def halts(records) -> list[int]:
    return [int(record["reason"]) for record in records if record["kind"] == HALT]


def bought(**how) -> Held:
    """1,000,000 lots (one coin) bought at 100.01 dollars: a tick is worth a cent."""
    subject = Held(**how)
    subject.price(10_000, times=3)
    assert subject.held == 1_000_000
    return subject


def test_a_daily_loss_halts_once_makes_targets_zero_and_works_the_desk_flat():
    subject = bought(max_daily_loss=5.0)
    assert not len(subject.price(9_502))  # bought at 10,001: 4.99 dollars lost
    assert subject.desk.account["halt"] == PASS
    records = subject.price(9_501)
    assert halts(records) == [DAILY_LOSS]
    halt = records[records["kind"] == HALT][0]
    assert (halt["figure"], halt["limit"], halt["money"]) == (5.0 * DOLLAR, 5.0 * DOLLAR, subject.desk.account["equity"])
    target = records[records["kind"] == TARGET][0]
    assert (target["target"], target["reason"]) == (0, DAILY_LOSS)
    assert (records["kind"] == SUBMIT).any()
    later = subject.price(9_501, times=5)
    assert subject.held == 0 and halts(later) == []
    assert (later["kind"] == FILL).sum() == 1
    subject.want(-1_000_000)  # it wants, but the halt forbids
    subject.price(9_000, times=20)
    assert subject.held == 0


def test_the_halt_cancels_what_works():
    subject = Held(instruments=2, max_daily_loss=5.0)
    subject.price(10_000, times=3)
    working = [subject.desk.submit(0, BUY, 1, LIMIT, 5_000 + k)[0] for k in range(3)]
    records = subject.price(9_501)
    assert halts(records) == [DAILY_LOSS]
    assert records[records["kind"] == CANCEL]["order"].tolist() == working


def test_a_new_day_in_utc_lifts_a_daily_loss_and_says_so():
    subject = bought(max_daily_loss=5.0)
    subject.price(9_501, times=3)
    assert subject.held == 0 and subject.desk.account["halt"] == DAILY_LOSS
    midnight = (START // DAY + 1) * DAY
    records = subject.price(9_501, after=midnight - subject.market.now - 1)
    assert halts(records) == [] and subject.desk.account["halt"] == DAILY_LOSS
    subject.market.timer(after=10 * SECOND)  # flat: the equity sample sees the new day
    records = subject.advance()
    assert halts(records) == [RESUMED]
    assert subject.desk.account["halt"] == PASS
    subject.price(9_501, times=3)
    assert subject.held == 1_000_000
    assert halts(subject.price(9_003)) == []  # yesterday's loss is yesterday's
    assert halts(subject.price(9_001)) == [DAILY_LOSS]


def test_a_drawdown_outlives_midnight_until_an_operator_resumes():
    subject = bought(max_drawdown=5.0 / 100_000.0)
    records = subject.price(9_501)
    assert halts(records) == [DRAWDOWN]
    halt = records[records["kind"] == HALT][0]
    assert (halt["figure"], halt["limit"]) == (pytest.approx(5e-5), 5e-5)
    subject.price(9_501, times=3)
    subject.price(9_501, after=2 * DAY, times=2)
    assert subject.held == 0 and subject.desk.account["halt"] == DRAWDOWN
    assert halts(subject.say(RELEASE)) == []  # releases a kill switch, nothing else
    assert halts(subject.say(RESUME)) == [RESUMED]
    subject.price(9_501, times=3)
    assert subject.held == 1_000_000 and subject.desk.account["halt"] == PASS
    assert halts(subject.price(9_301)) == []  # losses count from the resume
    assert halts(subject.price(9_000)) == [DRAWDOWN]


def test_a_drawdown_reached_while_a_daily_loss_is_worked_off_outlives_midnight_too():
    slow = msgspec.structs.replace(TAKING, latency_ns=SECOND)
    subject = Held(max_daily_loss=5.0, max_drawdown=8.0 / 100_000.0, execution=slow)
    subject.price(10_000, after=SECOND, times=3)
    assert halts(subject.price(9_501)) == [DAILY_LOSS]
    assert halts(subject.price(9_001)) == [DRAWDOWN]
    subject.price(9_001, after=SECOND, times=2)
    subject.price(9_001, after=2 * DAY, times=2)
    assert subject.desk.account["halt"] == DRAWDOWN and subject.held == 0


def test_a_tighter_drawdown_limit_is_obeyed_at_once():
    subject = bought()
    subject.price(9_501)
    settings = subject.desk.settings
    subject.desk.reconfigure(msgspec.structs.replace(settings, risk=msgspec.structs.replace(settings.risk, max_drawdown=4.0 / 100_000.0)))
    assert halts(subject.price(9_502)) == [DRAWDOWN]  # no new low is needed


def test_a_pause_and_its_resume_alone_do_not_forget_the_days_loss():
    subject = bought(max_daily_loss=5.0)
    subject.price(9_601)
    assert halts(subject.say(PAUSE)) == [PAUSED]
    assert halts(subject.say(RESUME)) == [RESUMED]
    assert halts(subject.price(9_501)) == [DAILY_LOSS]


def test_a_release_leaves_a_reached_limit_in_place_and_says_what_still_stands():
    subject = bought(max_drawdown=5.0 / 100_000.0)
    subject.price(9_501, times=3)
    subject.say(KILL)
    assert halts(subject.say(RELEASE)) == [DRAWDOWN]
    assert subject.desk.account["halt"] == DRAWDOWN


def test_a_daily_loss_that_ends_while_paused_leaves_the_pause():
    subject = bought(max_daily_loss=5.0)
    subject.price(9_501, times=3)
    subject.say(PAUSE)
    subject.market.timer(after=2 * DAY)
    assert halts(subject.advance()) == [PAUSED]


def test_in_observe_mode_a_release_leads_back_to_observing():
    subject = Held(mode="observe")
    subject.say(KILL)
    assert halts(subject.say(RELEASE)) == [OBSERVING]
    records = subject.price(10_000, times=5)
    assert subject.held == 0 and not len(records[records["kind"] == SUBMIT]) and not len(records[records["kind"] == REFUSED])


def test_a_deposit_is_no_profit_and_a_withdrawal_no_loss():
    subject = bought(max_daily_loss=5.0, max_drawdown=5.0 / 100_000.0)
    before = int(subject.desk.account["equity"])
    assert halts(subject.say(DEPOSIT, -1_000 * DOLLAR)) == []
    assert subject.desk.account["equity"] == before - 1_000 * DOLLAR
    assert halts(subject.price(9_951)) == []
    assert subject.desk.account["max_drawdown"] < 1e-5
    subject.say(DEPOSIT, 50_000 * DOLLAR)
    assert halts(subject.price(9_501)) == [DAILY_LOSS]


def test_a_target_is_cut_to_the_position_limit_in_whole_increments():
    subject = Held(max_position_notional=50.0, target=1_000_000)  # 5*10^9 units: 500,000 lots at 10,000
    records = subject.price(10_000)
    target = records[records["kind"] == TARGET][0]
    assert (target["target"], target["reason"]) == (500_000, POSITION_LIMIT)
    subject.want(-2_000_000)
    records = subject.price(10_000)
    assert (records[records["kind"] == TARGET]["target"].tolist(), subject.desk.positions[0]["target"]) == ([-500_000], -500_000)


def test_a_target_is_cut_to_what_the_others_leave_of_the_total():
    subject = Held(max_total_notional=150.0, instruments=2, target=1_000_000)
    subject.price(10_000, times=3)
    subject.market.quote(9_999, 10_001, 10**12, 10**12, instrument=1)
    records = subject.advance()
    target = records[(records["kind"] == TARGET) & (records["instrument"] == 1)][0]
    assert (target["target"], target["reason"]) == (500_000, TOTAL_NOTIONAL)


def test_a_strategy_without_an_opinion_or_with_one_that_is_no_number_changes_nothing():
    subject = bought()
    for nonsense in (float("nan"), float("inf"), float("-inf"), 1e300):
        subject.desk.bank.states[0]["target"][:] = nonsense
        assert not len(subject.price(10_000))
    assert subject.held == 1_000_000


def test_the_worst_drawdown_is_remembered():
    subject = bought()
    subject.price(9_001)
    subject.price(10_001)
    subject.price(9_501)
    assert subject.desk.account["max_drawdown"] == pytest.approx(10.0 / 100_000.0)
