"""The gate, reason by reason: what it refuses, with which figures, and what it lets through all the same."""

import msgspec
import pytest

from polaris.desk.settings import RiskSettings
from polaris.domain.control import KILL, PAUSE, RELEASE, RESUME
from polaris.domain.errors import BadData
from polaris.domain.market import LIVE, STALE, SYNCING
from polaris.domain.orders import (
    BUY,
    DAILY_LOSS,
    DRAWDOWN,
    IOC,
    LIMIT,
    MARKET,
    POST_ONLY,
    REFUSAL_NAMES,
    REFUSED,
    SELL,
    SUBMIT,
)
from tests.unit.desk.rows import DOLLAR, FREE, MILLI, SECOND, Market, a_desk, some_instruments

INT64 = 2**63 - 1


def with_risk(**changes):
    return msgspec.structs.replace(FREE, **changes)


def trading(risk: RiskSettings = FREE, instruments=1, bid: int = 10_000, ask: int = 10_002, **how):
    """(desk, market): every instrument quoted once."""
    desk, market = a_desk(instruments, risk=risk, **how), Market()
    for item in desk.instruments:
        market.quote(bid, ask, 10**9, 10**9, instrument=item.id)
    desk.advance(market.take())
    return desk, market


def hold(desk, market, lots: int, instrument: int = 0) -> None:
    """Come to hold this many lots, at once."""
    identity, _ = desk.submit(instrument, BUY if lots > 0 else SELL, abs(lots), MARKET)
    assert identity
    market.timer()
    desk.advance(market.take())
    assert desk.positions[instrument]["lots"] == lots


def refusal(desk, instrument=0, side=BUY, lots=100, kind=LIMIT, price=10_000):
    """(reason, figure, limit) of the one record of an order that was refused; nothing else about the desk has changed."""
    before = desk.orders.tobytes(), int(desk.account["submits"]), int(desk.account["refusals"])
    identity, records = desk.submit(instrument, side, lots, kind, price)
    assert identity == 0 and len(records) == 1
    record = records[0]
    assert (record["kind"], record["instrument"], record["side"], record["type"], record["lots"]) == (REFUSED, instrument, side, kind, lots)
    assert (desk.orders.tobytes(), int(desk.account["submits"]), int(desk.account["refusals"]) - 1) == before
    return REFUSAL_NAMES[record["reason"]], float(record["figure"]), float(record["limit"])


def passes(desk, instrument=0, side=BUY, lots=100, kind=LIMIT, price=10_000) -> int:
    identity, records = desk.submit(instrument, side, lots, kind, price)
    assert identity > 0 and [int(kind) for kind in records["kind"]] == [SUBMIT]
    return identity


def control(desk, market, command: int) -> None:
    market.control(command)
    desk.advance(market.take())


def test_a_good_order_passes():
    desk, _ = trading()
    for kind in (MARKET, LIMIT, POST_ONLY, IOC):
        for side in (BUY, SELL):
            passes(desk, kind=kind, side=side)


def test_the_kill_switch_refuses_everything_even_what_reduces():
    desk, market = trading()
    hold(desk, market, 100)
    control(desk, market, KILL)
    assert refusal(desk) == ("kill switch", 0.0, 0.0)
    assert refusal(desk, side=SELL, lots=100)[0] == "kill switch"
    control(desk, market, RESUME)
    assert refusal(desk)[0] == "kill switch"
    control(desk, market, RELEASE)
    passes(desk)


def test_in_observe_mode_nothing_passes():
    desk, market = trading(mode="observe")
    assert refusal(desk) == ("observe mode", 0.0, 0.0)
    for command in (PAUSE, RESUME, KILL, RELEASE, RESUME):
        control(desk, market, command)
        assert refusal(desk)[0] in ("observe mode", "kill switch")
    assert refusal(desk)[0] == "observe mode"


def test_a_pause_refuses_what_opens_and_lets_reductions_through():
    desk, market = trading()
    hold(desk, market, 100)
    control(desk, market, PAUSE)
    assert refusal(desk) == ("paused", 0.0, 0.0)
    assert refusal(desk, side=SELL, lots=101)[0] == "paused"  # closes 100 and opens a short of 1
    assert refusal(desk, side=SELL, lots=200)[0] == "paused"
    passes(desk, side=SELL, lots=60)
    assert refusal(desk, side=SELL, lots=41)[0] == "paused"  # with the 60 that work it would cross zero
    passes(desk, side=SELL, lots=40)


def test_a_reduction_is_one_though_an_opening_order_still_works():
    desk, market = trading()
    hold(desk, market, 100)
    passes(desk, side=BUY, lots=500, price=9_000)
    control(desk, market, PAUSE)
    passes(desk, side=SELL, lots=100)


def test_a_short_is_reduced_by_buying():
    desk, market = trading()
    hold(desk, market, -100)
    control(desk, market, PAUSE)
    assert refusal(desk, side=SELL, lots=1)[0] == "paused"
    assert refusal(desk, side=BUY, lots=101)[0] == "paused"
    passes(desk, side=BUY, lots=100)


@pytest.mark.parametrize(
    ("limit", "name", "figure", "allowed"),
    [(DAILY_LOSS, "daily loss", 600.0 * DOLLAR, 500.0 * DOLLAR), (DRAWDOWN, "drawdown", 600.0 / 100_000.0, 0.05)],
)
def test_a_reached_loss_limit_refuses_what_opens_with_its_own_figures_and_lets_reductions_through(limit, name, figure, allowed):
    desk, market = trading(with_risk(max_daily_loss=500.0, max_drawdown=0.05))
    hold(desk, market, 100)
    desk.account["halt"] = limit
    desk.account["equity"] = desk.account["peak"] - 600 * DOLLAR
    desk.account["day_equity"] = desk.account["peak"]
    assert refusal(desk) == (name, pytest.approx(figure), pytest.approx(allowed))
    assert refusal(desk, side=SELL, lots=150)[0] == name
    passes(desk, side=SELL, lots=100)


@pytest.mark.parametrize("state", [SYNCING, STALE])
def test_a_book_that_is_not_live_takes_no_order_not_even_one_that_reduces(state):
    desk, market = trading()
    hold(desk, market, 100)
    market.status(state)
    desk.advance(market.take())
    assert refusal(desk) == ("book not live", float(state), float(LIVE))
    assert refusal(desk, side=SELL)[0] == "book not live"
    market.status(LIVE)
    desk.advance(market.take())
    passes(desk)


def test_data_older_than_allowed_takes_no_order():
    desk, market = trading(with_risk(max_data_age_ns=10 * SECOND))
    market.timer(after=10 * SECOND)
    desk.advance(market.take())
    passes(desk)  # exactly as old as allowed
    market.timer(after=1)
    desk.advance(market.take())
    assert refusal(desk, price=9_999) == ("stale data", 10.0 * SECOND + 1, 10.0 * SECOND)


def test_a_crossed_book_takes_no_order_a_locked_one_does():
    desk, market = trading()
    market.quote(10_003, 10_002)
    desk.advance(market.take())
    assert refusal(desk) == ("crossed book", 10_003.0, 10_002.0)
    market.quote(10_002, 10_002)
    desk.advance(market.take())
    passes(desk)


def test_before_any_data_nothing_passes():
    assert refusal(a_desk(risk=with_risk(max_data_age_ns=2**62)))[0] == "crossed book"
    assert refusal(a_desk(), kind=MARKET, price=0)[0] == "number out of range"


@pytest.mark.parametrize(("lots", "allowed"), [(9, 10.0), (0, 500.0), (-100, 500.0), (501, 500.0), (INT64, 500.0), (-INT64, 500.0)])
def test_an_order_smaller_or_larger_than_allowed_is_refused(lots, allowed):
    desk, _ = trading(with_risk(max_order_quantity=500e-6), instruments=some_instruments(1, min_quantity=10))
    assert refusal(desk, lots=lots) == ("order size", float(lots), allowed)
    passes(desk, lots=10)
    passes(desk, lots=500)


def test_no_lots_at_all_are_refused_though_the_venue_names_no_minimum():
    desk, _ = trading(instruments=some_instruments(1, min_quantity=0))
    assert refusal(desk, lots=0)[0] == "order size"


def test_an_order_worth_less_than_the_venue_takes_or_more_than_we_allow_is_refused():
    desk, _ = trading(with_risk(max_order_notional=0.02), instruments=some_instruments(1, min_notional=500_000))
    assert refusal(desk, lots=49) == ("order notional", 490_000.0, 500_000.0)
    passes(desk, lots=50)
    passes(desk, lots=200)
    assert refusal(desk, lots=201) == ("order notional", 2_010_000.0, 2_000_000.0)


def test_a_reduction_may_be_larger_than_an_order_that_opens():
    desk, market = trading(with_risk(max_order_notional=0.02))
    for held in (200, 400, 600):
        passes(desk, kind=MARKET, lots=199)
        market.timer()
        desk.advance(market.take())
        assert held - 3 <= desk.positions[0]["lots"] <= held
    passes(desk, side=SELL, lots=597)


def test_what_works_on_the_same_side_counts_against_the_position_limit_and_what_works_on_the_other_does_not_help():
    desk, _ = trading(with_risk(max_position_notional=0.1))  # 10^7 units: about 1,000 lots at 10,001, and a thousandth
    passes(desk, lots=600)
    passes(desk, side=SELL, lots=600, price=10_002)
    reason, figure, limit = refusal(desk, lots=500)
    assert (reason, figure, limit) == ("position limit", 1_100 * 10_001.0, pytest.approx(1.001e7))
    passes(desk, lots=400)
    assert refusal(desk, side=SELL, lots=500)[0] == "position limit"
    passes(desk, side=SELL, lots=400)


def test_a_position_counts_against_its_limit_and_reducing_it_is_always_allowed():
    desk, market = trading(with_risk(max_position_notional=0.1))
    hold(desk, market, 1_000)
    assert refusal(desk, lots=2)[0] == "position limit"
    desk.terms["max_position_notional"] = 1
    passes(desk, side=SELL, lots=500)
    assert refusal(desk, side=SELL, lots=501)[0] == "position limit"


def test_positions_and_working_orders_of_every_instrument_count_against_the_total():
    desk, market = trading(with_risk(max_total_notional=0.1), instruments=3)
    hold(desk, market, 300, instrument=0)
    passes(desk, instrument=1, lots=400)
    assert refusal(desk, instrument=2, lots=302) == ("total notional", 300 * 10_001.0 + 400 * 10_000.0 + 302 * 10_001.0, pytest.approx(1.001e7))
    passes(desk, instrument=2, lots=299)


def test_an_order_that_reduces_elsewhere_takes_nothing_of_the_total():
    desk, market = trading(with_risk(max_total_notional=0.1), instruments=2)
    hold(desk, market, 500, instrument=0)
    passes(desk, instrument=0, side=SELL, lots=500)
    passes(desk, instrument=1, lots=499)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_price_out_of_its_band_around_the_mid_is_refused_also_when_it_reduces(side):
    desk, market = trading(with_risk(price_band=0.02))
    hold(desk, market, -side * 100)
    inside = [9_801, 10_201]
    for price in inside:
        passes(desk, side=side, lots=1, price=price)
    for price in (9_800, 10_202):
        reason, figure, limit = refusal(desk, side=side, lots=1, price=price)
        assert (reason, limit) == ("price band", 0.02) and figure == pytest.approx(abs(price - 10_001) / 10_001)


def test_the_rate_is_a_bucket_that_holds_a_burst_and_refills_evenly():
    desk, market = trading(with_risk(max_orders_per_second=10.0, order_burst=3))
    for _ in range(3):
        passes(desk)
    reason, tokens, needed = refusal(desk)
    assert (reason, needed) == ("order rate", 1.0) and tokens < 1.0
    market.timer(after=99 * MILLI)
    desk.advance(market.take())
    assert refusal(desk)[0] == "order rate"
    market.timer(after=1 * MILLI + 1000)
    desk.advance(market.take())
    passes(desk)
    assert refusal(desk)[0] == "order rate"
    market.timer(after=3600 * SECOND)  # no more than the burst is saved
    desk.advance(market.take())
    for _ in range(3):
        passes(desk)
    assert refusal(desk)[0] == "order rate"


def test_a_refused_order_spends_nothing_of_the_rate():
    desk, _ = trading(with_risk(max_orders_per_second=1e-3, order_burst=2))
    for _ in range(5):
        assert refusal(desk, lots=0)[0] == "order size"
    passes(desk)
    passes(desk)


def test_the_same_order_again_within_its_window_is_a_duplicate():
    desk, market = trading(with_risk(duplicate_window_ns=50 * MILLI))
    passes(desk)
    assert refusal(desk) == ("duplicate order", 0.0, 50.0 * MILLI)
    passes(desk, lots=101)  # another size, price or side is another order
    passes(desk, lots=101, price=9_999)
    passes(desk, lots=101, price=9_999, side=SELL)
    market.timer(after=50 * MILLI - 1)
    desk.advance(market.take())
    assert refusal(desk, lots=101, price=9_999, side=SELL)[0] == "duplicate order"
    market.timer(after=1)
    desk.advance(market.take())
    passes(desk, lots=101, price=9_999, side=SELL)


def test_prices_and_lots_off_the_venues_grid_are_refused_a_market_order_has_no_price_to_be_off():
    desk, _ = trading(instruments=some_instruments(1, price_increment=5, quantity_increment=10))
    assert refusal(desk, price=10_001) == ("price or lot increment", 10_001.0, 5.0)
    assert refusal(desk, lots=105) == ("price or lot increment", 105.0, 10.0)
    passes(desk)
    passes(desk, kind=MARKET, price=0)  # meets 10,002


def test_no_more_orders_work_at_once_than_allowed():
    desk, market = trading(with_risk(max_open_orders=3))
    first = passes(desk, price=9_000)
    passes(desk, price=9_000)
    passes(desk, price=9_000)
    assert refusal(desk, price=9_000) == ("too many open orders", 3.0, 3.0)
    desk.cancel(first)
    market.timer()
    desk.advance(market.take())
    passes(desk, price=9_000)


def test_an_order_that_works_long_does_not_block_the_slot_of_those_that_come_round_to_it():
    desk, market = trading()
    old = passes(desk, price=5_000)
    for _ in range(600):
        desk.cancel(passes(desk, price=9_000))
        market.timer()
        desk.advance(market.take())
    assert [order["id"] for order in desk.working_orders()] == [old]
    assert desk.account["submits"] == 601 and desk.account["refusals"] == 0


def test_as_many_orders_work_at_once_as_there_are_slots():
    desk, market = trading()
    found = [passes(desk, price=9_000) for _ in range(256)]
    assert len(set(found)) == 256
    assert refusal(desk, price=9_000) == ("too many open orders", 256.0, 256.0)
    for identity in found[10:20]:
        desk.cancel(identity)
    market.timer()
    desk.advance(market.take())
    for _ in range(10):
        passes(desk, price=9_000)
    assert refusal(desk, price=9_000)[0] == "too many open orders"


def test_where_shorts_are_forbidden_nothing_is_sold_that_is_not_held_or_offered_already():
    desk, market = trading(with_risk(allow_short=False))
    assert refusal(desk, side=SELL, lots=1) == ("not enough cash", 1.0, 0.0)
    hold(desk, market, 100)
    assert refusal(desk, side=SELL, lots=101) == ("not enough cash", 1.0, 0.0)
    passes(desk, side=SELL, lots=70, price=10_002)
    assert refusal(desk, side=SELL, lots=31)[0] == "not enough cash"
    passes(desk, side=SELL, lots=30, price=10_002)


def test_where_shorts_are_forbidden_nothing_is_bought_on_credit():
    desk, _ = trading(with_risk(allow_short=False), instruments=2, equity=1.0)  # 10^8 units: 10,000 lots at 10,000
    passes(desk, lots=6_000)
    assert refusal(desk, instrument=1, lots=4_001) == ("not enough cash", 10_001 * 10_000.0, 1e8)
    passes(desk, instrument=1, lots=4_000)


@pytest.mark.parametrize("wrong", [{"side": 0}, {"side": 2}, {"side": -3}, {"kind": -1}, {"kind": 4}, {"kind": 99}])
def test_a_side_or_type_that_can_not_be_is_refused(wrong):
    desk, _ = trading()
    assert refusal(desk, **wrong)[0] == "number out of range"


def test_a_notional_beyond_63_bits_is_refused():
    desk, _ = trading(with_risk(price_band=1.0, max_order_quantity=1e30), bid=2**40, ask=2**40 + 2)
    reason, figure, _ = refusal(desk, lots=2**40, price=2**40)
    assert (reason, figure) == ("number out of range", 2.0**80)


@pytest.mark.parametrize("instrument", [-1, 1, 10**6])
def test_an_instrument_nobody_declared_is_an_error(instrument):
    desk, _ = trading()
    with pytest.raises(BadData, match=rf"an order of instrument {instrument}; the desk has 0 .. 0"):
        desk.submit(instrument, BUY, 1, MARKET)


def test_figures_that_are_no_63_bits_are_an_error():
    desk, _ = trading()
    with pytest.raises(BadData, match="below 2\\*\\*63"):
        desk.submit(0, BUY, 2**63, MARKET)


def test_after_a_refusal_the_planner_leaves_the_instrument_alone_for_a_while():
    desk, _ = trading(with_risk(refusal_pause_ns=SECOND))
    now = int(desk.account["clock"])
    refusal(desk, lots=0)
    assert desk.positions[0]["retry_at"] == now + SECOND
