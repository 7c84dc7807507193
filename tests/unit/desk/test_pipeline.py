"""The desk as one: rows in, records out; operators' commands; what a digest is of; what a restart with other rules keeps."""

import msgspec
import numpy as np
import pytest

from polaris.desk import pipeline
from polaris.desk.alpha.crossover import crossover
from polaris.desk.columns import Bank
from polaris.desk.features.imbalance import imbalance
from polaris.desk.fold import ROOM
from polaris.desk.pipeline import Desk
from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.desk.state import DAY
from polaris.domain.control import DEPOSIT, KILL, PAUSE, RELEASE, RESUME
from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instruments
from polaris.domain.market import LIVE, ROW, SYNCING
from polaris.domain.orders import BUY, CANCEL, CANCELLED, EQUITY, FILL, HALT, LIMIT, MARKET, RECORD, SELL, TARGET, TRADING_NAMES, joined
from tests.unit.desk.rows import AT_ONCE, DOLLAR, FREE, MILLI, SECOND, START, Market, a_desk, balances, kinds, told

RUNS = ExecutionSettings(order_type="market", latency_ns=0, taker_fee=0.0, equity_sample_ns=2**62)


def trading(desk: Desk) -> str:
    return TRADING_NAMES[int(desk.account["trading"])]


def advance(desk: Desk, market: Market):
    records = desk.advance(market.take())
    assert balances(desk)
    return records


def wanting(lots: int = 100, instruments: int = 1, **changes):
    """(desk, market): a strategy that wants these lots of everything, market orders."""
    desk = a_desk(instruments, execution=msgspec.structs.replace(RUNS, **changes), kernels=(told("target"),))
    desk.bank.states[0]["target"][:] = lots
    return desk, Market()


def test_rows_lead_to_a_target_an_order_and_a_fill():
    desk, market = wanting()
    market.quote(10_000, 10_002)
    target, submit = advance(desk, market)
    assert (target["kind"], target["target"], submit["side"], submit["lots"], submit["price"]) == (TARGET, 100, BUY, 100, 10_002)
    assert target["seq"] == submit["seq"] == 1 and target["ts"] == market.now and target["mid2"] == 20_002
    market.timer()
    fill = advance(desk, market)[0]
    assert (fill["kind"], fill["order"], fill["lots"], fill["position"], fill["seq"]) == (FILL, submit["order"], 100, 100, 2)
    account = desk.account
    assert [int(account[name]) for name in ("decisions", "submits", "fills", "refusals", "faults")] == [1, 1, 1, 0, 0]


def test_a_sized_desk_tells_what_it_expected_with_its_target():
    sizing = SizingSettings(mode="fixed", fixed_notional=1.0, cost_multiple=0.0)
    desk, market = a_desk(sizing=sizing, execution=RUNS, kernels=(told("forecast", "confidence", "volatility"),)), Market()
    desk.bank.states[0]["forecast"], desk.bank.states[0]["confidence"], desk.bank.states[0]["volatility"] = -0.01, 0.75, 0.002
    market.quote(9_999, 10_001)
    target, submit = advance(desk, market)
    assert (target["target"], target["forecast"], target["figure"], target["limit"]) == (-10_000, -0.01, 0.75, 0.002)
    assert (submit["side"], submit["lots"], submit["forecast"]) == (SELL, 10_000, -0.01)


def test_equity_is_sampled_as_often_as_asked_also_by_the_timer_alone():
    desk, market = wanting(equity_sample_ns=SECOND)
    market.quote(10_000, 10_002)
    market.quote(10_000, 10_002, after=SECOND - 1)
    market.quote(10_010, 10_012, after=1)
    market.timer(after=SECOND)
    market.timer(after=SECOND - 1)
    records = advance(desk, market)
    curve = records[records["kind"] == EQUITY]
    assert (curve["ts"] - START - MILLI).tolist() == [0, SECOND, 2 * SECOND]
    assert curve["money"].tolist() == [100_000 * DOLLAR, 100_000 * DOLLAR + 100 * (10_011 - 10_002), 100_000 * DOLLAR + 100 * (10_011 - 10_002)]


def test_a_pause_cancels_what_works_blocks_what_opens_and_lets_reductions_through():
    desk, market = wanting()
    market.quote(10_000, 10_002)
    market.timer()
    advance(desk, market)
    works, _ = desk.submit(0, BUY, 5, LIMIT, 9_000)
    market.control(PAUSE)
    records = advance(desk, market)
    assert kinds(records) == ["accepted", "halt", "cancel"] and trading(desk) == "paused"
    market.timer()
    assert kinds(advance(desk, market)) == ["cancelled"] and desk.orders[works]["state"] == CANCELLED
    desk.bank.states[0]["target"] = 200
    market.quote(10_000, 10_002)
    assert kinds(advance(desk, market)) == ["target", "refused"]
    desk.bank.states[0]["target"] = 40
    market.quote(10_000, 10_002, after=2 * SECOND)
    market.timer()
    assert kinds(advance(desk, market)) == ["target", "submit", "fill"]
    assert desk.positions[0]["lots"] == 40
    market.control(RESUME)
    assert kinds(advance(desk, market)) == ["halt"] and trading(desk) == "running"


def test_kill_cancels_everything_and_refuses_everything_until_it_is_released():
    desk, market = wanting(instruments=2)
    market.quote(10_000, 10_002)
    market.quote(10_000, 10_002, instrument=1)
    market.timer()
    advance(desk, market)
    for instrument in (0, 1):
        desk.submit(instrument, BUY, 5, LIMIT, 9_000)
    market.control(KILL)
    assert kinds(advance(desk, market)) == ["accepted", "accepted", "halt", "cancel", "cancel"] and trading(desk) == "killed"
    desk.bank.states[0]["target"] = 0
    market.quote(10_000, 10_002)
    assert kinds(advance(desk, market))[-2:] == ["target", "refused"]
    for command in (RESUME, PAUSE, 6, 0, 99, -1):
        market.control(command)
        assert not len(advance(desk, market)) and trading(desk) == "killed"
    market.control(RELEASE)
    market.quote(10_000, 10_002, after=2 * SECOND)
    market.timer()
    assert kinds(advance(desk, market)) == ["halt", "submit", "fill"]
    assert desk.positions["lots"].tolist() == [0, 100]


@pytest.mark.parametrize("command", [RESUME, RELEASE, 6, 0, 77])
def test_a_command_that_changes_nothing_says_nothing(command):
    desk, market = wanting()
    market.control(command)
    assert not len(advance(desk, market)) and trading(desk) == "running"


def test_a_deposit_is_cash_from_its_row_on():
    desk, market = wanting()
    market.control(DEPOSIT, 5 * DOLLAR)
    market.control(DEPOSIT, -2 * DOLLAR)
    assert not len(advance(desk, market))
    for name in ("cash", "equity", "deposits", "peak", "day_equity", "trough"):
        assert desk.account[name] == 100_003 * DOLLAR


@pytest.mark.parametrize(
    ("before", "command", "after", "then"),
    [
        ("paper", KILL, "live", "killed"), ("paper", PAUSE, "live", "paused"), ("paper", None, "live", "running"), ("observe", None, "paper", "running"),
        ("paper", None, "observe", "observe"), ("paper", PAUSE, "observe", "observe"), ("paper", KILL, "observe", "killed"), ("observe", KILL, "paper", "killed"),
        ("observe", KILL, "observe", "killed"),
    ],
)  # fmt: skip
def test_kill_and_pause_outlive_a_restart_in_another_mode(before, command, after, then):
    desk, market = a_desk(mode=before), Market()
    if command is not None:
        market.control(command)
        advance(desk, market)
    desk.reconfigure(msgspec.structs.replace(desk.settings, mode=after))
    assert trading(desk) == then
    market.control(RELEASE)
    market.control(RESUME)
    advance(desk, market)
    assert trading(desk) == ("observe" if after == "observe" else "running")


def test_other_rules_are_obeyed_from_the_next_row_on_and_what_is_held_stays():
    desk, market = wanting()
    market.quote(10_000, 10_002)
    market.timer()
    advance(desk, market)
    settings = desk.settings
    slower = msgspec.structs.replace(settings, risk=RiskSettings(max_order_quantity=30e-6), execution=msgspec.structs.replace(RUNS, taker_fee=0.01))
    desk.reconfigure(slower)
    desk.bank.states[0]["target"] = 0
    market.quote(10_000, 10_002)
    market.timer()
    records = advance(desk, market)
    assert records[records["kind"] == FILL]["lots"].tolist() == [30] and desk.account["fees"] > 0


def test_a_desk_needs_instruments_and_columns_that_are_there():
    with pytest.raises(BadConfig, match="at least one instrument"):
        Desk(DeskSettings(), Instruments(), Bank([], Instruments()))
    with pytest.raises(BadConfig, match="no column 'forecast' on the bus"):
        a_desk(sizing=SizingSettings())


def test_the_state_digest_sees_every_part_of_the_state_and_the_decisions_digest_every_record():
    def fresh(change=lambda desk, market: None):
        desk, market = wanting(instruments=2)
        market.quote(10_000, 10_002)
        market.depth({10: 1}, {12: 2}, instrument=1)
        change(desk, market)
        advance(desk, market)
        return desk

    same = fresh().state_digest()
    assert fresh().state_digest() == same
    desk = fresh()
    for array in (desk.account_record, desk.positions, desk.orders, desk.carry, desk.market.counts, desk.market.seen, desk.bank.memory):
        before = array.copy()
        array.reshape(-1)[-1:] = np.frombuffer(bytes(np.frombuffer(before.reshape(-1)[-1:].tobytes(), np.uint8) ^ 1), array.dtype)
        assert desk.state_digest() != same
        array[...] = before
    assert desk.state_digest() == same
    assert fresh(lambda desk, market: market.depth({10: 2}, {}, instrument=1)).state_digest() != same
    assert fresh(lambda desk, market: market.depth({5: 2}, {}, instrument=1)).state_digest() != same
    told_one, told_two = fresh(), fresh(lambda desk, market: market.control(PAUSE))
    assert told_one.decisions_digest() == fresh().decisions_digest() != told_two.decisions_digest()


def test_the_decisions_digest_does_not_depend_on_when_it_was_asked():
    one, two = wanting(), wanting()
    for desk, market in (one, two):
        for k in range(40):
            desk.bank.states[0]["target"] = k % 3
            market.quote(10_000 + k, 10_002 + k)
            advance(desk, market)
            if desk is two[0]:
                desk.decisions_digest()
    assert one[0].decisions_digest() == two[0].decisions_digest()


def test_more_records_than_the_buffer_holds_lose_none():
    """Two orders a row and an equity point each over 30,000 rows: the buffer is emptied and grown on the way."""
    desk, market = wanting(equity_sample_ns=0)
    rows = Market()
    for k in range(15_000):
        rows.quote(10_000 + k % 2, 10_002 + k % 2)
        rows.timer()
    records = desk.advance(rows.take())
    assert len(records) > 30_000 and records.dtype == RECORD
    again, _ = wanting(equity_sample_ns=0)
    market = Market()
    for k in range(15_000):
        market.quote(10_000 + k % 2, 10_002 + k % 2)
        market.timer()
    rows = market.take()
    pieces = b"".join(again.advance(part).tobytes() for part in np.array_split(rows, 37))
    assert pieces == records.tobytes() and again.state_digest() == desk.state_digest()


def test_when_every_order_ends_in_one_row_every_end_is_told():
    """256 orders that all walk ten levels, a few times over: the most that one row can lead to."""
    desk = a_desk(execution=msgspec.structs.replace(AT_ONCE, latency_ns=10 * MILLI, equity_sample_ns=0), kernels=(told("nothing", depth=True),))
    market = Market()
    for _ in range(12):
        market.depth({1_000 - k: 1 for k in range(12)}, {1_001 + k: 1 for k in range(12)}, snapshot=True)
        advance(desk, market)
        for _ in range(256):
            assert desk.submit(0, BUY, 100, MARKET)[0]
        market.depth({1_000: 1}, {}, after=20 * MILLI)
        records = advance(desk, market)
        assert kinds(records).count("fill") == 2560 and kinds(records).count("expired") == 256


@pytest.mark.parametrize("kernels", [(imbalance(), crossover(1, 2)), (told("nothing", depth=True), crossover(1, 2))], ids=["compiled", "one of them plain Python"])
def test_records_that_run_full_in_the_middle_of_a_block_tell_the_same_as_rows_one_by_one(kernels, monkeypatch):
    """Trades that turn every time: four records a row, and room for hardly more than begins a block."""
    monkeypatch.setattr(pipeline, "RECORDS", ROOM + 1)
    whole, split = (a_desk(execution=msgspec.structs.replace(AT_ONCE, order_type="market", equity_sample_ns=0), kernels=kernels) for _ in range(2))
    market = Market()
    market.quote(10_000, 10_002)
    for k in range(3_000):
        market.trade(10_000 + k % 2, 5)
    rows = market.take()
    left, fold = [], whole._fold

    def watched(*arguments):
        reached = fold(*arguments)
        progress = whole._progress[0]
        left.append(int(progress["rows"] - progress["row"]))
        return reached

    whole._fold = watched
    records = whole.advance(rows)
    assert records.tobytes() == joined([split.advance(rows[k : k + 1]) for k in range(len(rows))]).tobytes()
    assert whole.state_digest() == split.state_digest() and whole.latest(0) == split.latest(0) and whole.boundaries == split.boundaries
    assert len(records) > 11_000 and max(left) > 0


def test_records_stay_as_they_were_when_more_are_told(monkeypatch):
    monkeypatch.setattr(pipeline, "RECORDS", ROOM + 500)
    desk, market = wanting(equity_sample_ns=0)
    parts, copies = [], []
    for k in range(2_000):
        market.quote(10_000 + k, 10_002 + k)
        parts.append(advance(desk, market))
        copies.append(parts[-1].tobytes())
    assert [part.tobytes() for part in parts] == copies and sum(len(part) for part in parts) > 2_000


@pytest.mark.parametrize("steps", [(-2, 4), (-3, 4), (-6, 5)], ids=["a rise", "a walk", "a fall"])
@pytest.mark.parametrize("limits", [{}, {"max_drawdown": 2e-4}, {"max_daily_loss": 10.0}], ids=["no limit", "drawdown", "daily loss"])
def test_a_calm_stretch_passed_in_one_stride_tells_the_same_as_one_looked_at_row_by_row(steps, limits):
    """An order that works far away, in an instrument that stands still, keeps the other desk from passing anything by."""
    mids = 10_000 + np.cumsum(np.random.default_rng(5).integers(*steps, 1500))

    def day(busy: bool):
        execution = msgspec.structs.replace(RUNS, equity_sample_ns=37 * SECOND)
        desk = a_desk(2, risk=msgspec.structs.replace(FREE, **limits), execution=execution, kernels=(told("target"),))
        market = Market(at=START // DAY * DAY + DAY - 700 * SECOND, step_ns=SECOND)  # midnight is on the way
        market.quote(100, 102, instrument=1)
        advance(desk, market)
        if busy:
            desk.submit(1, BUY, 1, LIMIT, 1)
        parts = []
        for k, portion in enumerate(np.array_split(mids, 4)):
            desk.bank.states[0]["target"][0] = 1_000_000 * (k + 1)
            for mid in portion:
                market.quote(int(mid) - 1, int(mid) + 1, 10**9, 10**9)
            parts.append(advance(desk, market))
        records = joined(parts)
        records = records[np.isin(records["kind"], (TARGET, EQUITY, HALT, FILL))]
        records["order"] = 0
        names = ("clock", "cash", "equity", "peak", "trough", "marked", "gross", "day_ends", "day_equity", "halt", "max_drawdown")
        return records, {name: desk.account[name].item() for name in names}

    calm, account = day(False)
    busy, same = day(True)
    assert calm.tobytes() == busy.tobytes() and account == same
    assert kinds(calm).count("equity") >= 40 and kinds(calm).count("fill") > 0
    assert (steps == (-6, 5) and bool(limits)) == ("halt" in kinds(calm))


def test_the_newest_value_of_every_column_is_kept_by_instrument():
    desk, market = wanting(instruments=2)
    market.quote(10_000, 10_002)
    advance(desk, market)
    desk.bank.states[0]["target"] = 7
    market.quote(10_000, 10_002, instrument=1)
    advance(desk, market)
    market.quote(10_000, 10_002, instrument=1)
    advance(desk, market)
    assert (desk.latest(0), desk.latest(1)) == ({"target": 100.0}, {"target": 7.0})


def test_a_status_row_is_of_its_instrument_alone():
    desk, market = wanting(instruments=2)
    market.status(SYNCING)
    advance(desk, market)
    assert desk.positions["book"].tolist() == [SYNCING, LIVE]


def test_who_sizes_is_no_rule_that_a_restart_could_change():
    desk, market = wanting()
    desk.reconfigure(msgspec.structs.replace(desk.settings, sizing=SizingSettings(mode="kelly")))
    market.quote(10_000, 10_002)
    assert kinds(advance(desk, market)) == ["target", "submit"]
    sized = a_desk(sizing=SizingSettings(), kernels=(told("forecast", "confidence", "volatility"),))
    with pytest.raises(BadConfig, match="this desk sizes its own forecasts"):
        sized.reconfigure(desk.settings)


def test_orders_on_a_book_that_is_not_live_any_more_are_pulled_and_those_of_others_stay():
    desk, market = a_desk(2), Market()
    market.quote(100, 104)
    market.quote(100, 104, instrument=1)
    advance(desk, market)
    first, _ = desk.submit(0, BUY, 1_000_000, LIMIT, 100)
    other, _ = desk.submit(1, BUY, 1_000_000, LIMIT, 100)
    assert first and other
    market.status(SYNCING)
    told_then = advance(desk, market)
    assert told_then["order"][told_then["kind"] == CANCEL].tolist() == [first]
    market.quote(100, 104)
    market.timer()
    advance(desk, market)
    assert [order["id"] for order in desk.working_orders()] == [other]


@pytest.mark.parametrize("stranger", [2, 3, 10**6, -2, -(10**6)])
def test_rows_of_an_instrument_nobody_declared_change_nothing(stranger):
    """Compiled code would write where it does not belong: the state of the others is as if they had not come."""
    desk, market = wanting(instruments=2)
    other, plain = wanting(instruments=2)
    for _ in range(3):
        plain.quote(10_000, 10_002)
    for k in range(3):
        market.quote(10_000, 10_002)
        if k < 2:
            market.quote(1, 2, instrument=stranger)
            market.depth({1: 1}, {2: 1}, instrument=stranger, snapshot=True)
            market.status(SYNCING, instrument=stranger)
            market.bar(1, 2, 1, 2, instrument=stranger)
    one, two = advance(desk, market), advance(other, plain)
    assert kinds(one) == kinds(two) == ["target", "submit", "fill"]
    assert desk.positions["book"].tolist() == [LIVE, LIVE] and desk.positions["lots"].tolist() == [100, 0]
    assert desk.market.counts.tolist() == other.market.counts.tolist() and desk.carry.tolist() == other.carry.tolist()


def test_a_row_of_no_kind_is_none():
    desk, market = wanting()
    market.depth({10: 5}, {12: 5})
    advance(desk, market)
    rows = np.zeros(3, ROW)
    rows["kind"] = [0, 9, -1]
    desk.advance(rows)
    assert desk.market.counts[0].tolist()[2:] == [1, 1]


def test_a_rehearsal_changes_nothing():
    states = []
    for rehearses in (False, True):
        desk, market = wanting()
        for price in (10_000, 10_010, 9_990):
            market.quote(price, price + 2)
            advance(desk, market)
            market.timer()
            for _ in range(3 * rehearses):
                desk.rehearse()
            advance(desk, market)
        states.append((desk.state_digest(), desk.decisions_digest(), desk.boundaries))
    assert states[0] == states[1]
