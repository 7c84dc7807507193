"""What each order does, one fact a test, said of both engines: the plain one and the compiled one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange import MatchingEngine
from polaris.exchange.book_reference import ReferenceEngine
from polaris.exchange.words import (
    ACCEPTED,
    ASKS,
    BIDS,
    CANCELLED,
    COMMAND,
    DECREMENT,
    EVENT_NAMES,
    EXPIRE_BOTH,
    EXPIRE_MAKER,
    EXPIRE_TAKER,
    EXPIRED,
    FILL,
    FOK,
    IOC,
    KEPT_PLACE,
    MARKET,
    MARKET_AMOUNT,
    MAX_ORDERS,
    MAX_QUANTITY,
    POST_ONLY,
    POST_SLIDE,
    PREVENTED,
    REASON_NAMES,
    REJECTED,
    STOP,
    STOP_LIMIT,
    TAKE_PROFIT,
    TICKS,
)
from tests.unit.exchange.commands import LOWEST, amend, cancel, clock, commands, mass_cancel, oto, streams, submit, trailing

ENGINES = {"plain": ReferenceEngine, "compiled": MatchingEngine}
Told = list[str]


@pytest.fixture(params=ENGINES)
def tell(request: pytest.FixtureRequest) -> Callable[..., Told]:
    """Runs commands on a fresh engine and says what the last one caused, in words."""

    def run(*fields: dict[str, int], capacity: int = 100) -> Told:
        engine = ENGINES[request.param]((1,), capacity)
        return [words(event) for event in engine.run(commands(*fields)) if event["seq"] == len(fields)]

    return run


def words(event: Any) -> str:
    """One event in words: "fill 2 x 1: 5 @ 100, leaves 0 / 3"."""
    order = f"{EVENT_NAMES[event['kind']]} {event['order_id']}"
    if event["kind"] in (FILL, PREVENTED):
        return f"{order} x {event['maker_id']}: {event['quantity']} @ {event['price']}, leaves {event['leaves']} / {event['maker_leaves']}"
    why = f", {REASON_NAMES[event['reason']]}" if event["reason"] else ""
    kept = ", kept its place" if event["flags"] & KEPT_PLACE else ""
    return f"{order}: {event['quantity']} @ {event['price']}{why}{kept}"


def test_the_better_price_trades_first_then_the_older_order(tell):
    makers = submit(1, SELL, 101, 5), submit(2, SELL, 100, 5), submit(3, SELL, 100, 5)
    assert tell(*makers, submit(4, BUY, 101, 12)) == [
        "accepted 4: 12 @ 101",
        "fill 4 x 2: 5 @ 100, leaves 7 / 0",
        "fill 4 x 3: 5 @ 100, leaves 2 / 0",
        "fill 4 x 1: 2 @ 101, leaves 0 / 3",
    ]


def test_a_limit_order_rests_with_what_is_left(tell):
    assert tell(submit(1, SELL, 100, 2), submit(2, BUY, 100, 5), submit(3, SELL, 99, 4))[1:] == ["fill 3 x 2: 3 @ 100, leaves 1 / 0"]


def test_what_a_market_or_ioc_order_can_not_fill_expires(tell):
    assert tell(submit(1, SELL, 100, 2), submit(2, BUY, 0, 5, order_type=MARKET, time_in_force=IOC))[2] == "expired 2: 3 @ 0, remainder"
    assert tell(submit(1, SELL, 100, 2), submit(2, BUY, 100, 5, time_in_force=IOC))[2] == "expired 2: 3 @ 100, remainder"


def test_a_market_order_by_amount_spends_no_more_than_it_says(tell):
    order = submit(3, BUY, 0, 1000, order_type=MARKET_AMOUNT, time_in_force=IOC)
    assert tell(submit(1, SELL, 100, 4), submit(2, SELL, 110, 9), order) == [
        "accepted 3: 1000 @ 0",
        "fill 3 x 1: 4 @ 100, leaves 600 / 0",
        "fill 3 x 2: 5 @ 110, leaves 50 / 4",
        "expired 3: 50 @ 0, remainder",
    ]


def test_fok_trades_all_or_nothing_and_counts_hidden_lots(tell):
    iceberg = submit(1, SELL, 100, 5, display=1)
    assert tell(iceberg, submit(2, BUY, 100, 6, time_in_force=FOK)) == ["accepted 2: 6 @ 100", "expired 2: 6 @ 100, not fillable"]
    assert tell(iceberg, submit(2, BUY, 100, 5, time_in_force=FOK))[-1] == "fill 2 x 1: 1 @ 100, leaves 0 / 0"


def test_a_post_only_order_never_takes(tell):
    assert tell(submit(1, SELL, 100, 2), submit(2, BUY, 100, 5, time_in_force=POST_ONLY)) == ["rejected 2: 5 @ 100, would take"]
    assert tell(submit(1, SELL, 100, 2), submit(2, BUY, 105, 5, time_in_force=POST_SLIDE)) == ["accepted 2: 5 @ 99"]
    assert tell(submit(1, SELL, 1, 2), submit(2, BUY, 1, 5, time_in_force=POST_SLIDE)) == ["rejected 2: 5 @ 1, would take"]


def test_an_iceberg_shows_its_next_lots_at_the_end_of_the_queue(tell):
    makers = submit(1, SELL, 100, 5, display=2), submit(2, SELL, 100, 2)
    assert tell(*makers, submit(3, BUY, 100, 6))[1:] == [
        "fill 3 x 1: 2 @ 100, leaves 4 / 3",
        "refreshed 1: 2 @ 100",
        "fill 3 x 2: 2 @ 100, leaves 2 / 0",
        "fill 3 x 1: 2 @ 100, leaves 0 / 1",
        "refreshed 1: 1 @ 100",
    ]


def test_less_at_the_same_price_keeps_its_place_and_anything_else_loses_it(tell):
    makers = submit(1, SELL, 100, 5), submit(2, SELL, 100, 5)
    assert tell(*makers, amend(1, 3)) == ["amended 1: 3 @ 100, kept its place"]
    assert tell(*makers, amend(1, 3), submit(3, BUY, 100, 1))[1:] == ["fill 3 x 1: 1 @ 100, leaves 0 / 2"]
    assert tell(*makers, amend(1, 6), submit(3, BUY, 100, 1))[1:] == ["fill 3 x 2: 1 @ 100, leaves 0 / 4"]
    assert tell(*makers, amend(1, 5, 101), amend(1, 5, 100), submit(3, BUY, 100, 1))[1:] == ["fill 3 x 2: 1 @ 100, leaves 0 / 4"]


def test_an_amended_price_can_trade_at_once_unless_the_order_is_post_only(tell):
    assert tell(submit(1, SELL, 100, 5), submit(2, BUY, 99, 5), amend(2, 5, 100)) == ["amended 2: 5 @ 100", "fill 2 x 1: 5 @ 100, leaves 0 / 0"]
    poster = submit(2, BUY, 99, 5, time_in_force=POST_ONLY)
    assert tell(submit(1, SELL, 100, 5), poster, amend(2, 5, 100)) == ["rejected 2: 5 @ 100, would take"]
    assert tell(submit(1, SELL, 100, 5), poster, amend(2, 5, 100), cancel(2)) == ["cancelled 2: 5 @ 99"]


@pytest.mark.parametrize(
    ("prevention", "told"),
    [
        (EXPIRE_TAKER, ["expired 3: 5 @ 100, self-trade"]),
        (EXPIRE_MAKER, ["expired 1: 3 @ 100, self-trade", "fill 3 x 2: 5 @ 100, leaves 0 / 1"]),
        (EXPIRE_BOTH, ["expired 1: 3 @ 100, self-trade", "expired 3: 5 @ 100, self-trade"]),
        (DECREMENT, ["prevented 3 x 1: 3 @ 100, leaves 2 / 0", "fill 3 x 2: 2 @ 100, leaves 0 / 4"]),
    ],
)
def test_an_account_does_not_trade_with_itself(tell, prevention, told):
    makers = submit(1, SELL, 100, 3, account=7), submit(2, SELL, 100, 6, account=8)
    assert tell(*makers, submit(3, BUY, 100, 5, account=7, prevention=prevention))[1:] == told


def test_fok_and_an_own_order_in_the_way(tell):
    makers = submit(1, SELL, 100, 3, account=7), submit(2, SELL, 100, 6, account=8)
    assert tell(*makers, submit(3, BUY, 100, 6, account=7, prevention=EXPIRE_MAKER, time_in_force=FOK))[-1] == "fill 3 x 2: 6 @ 100, leaves 0 / 0"
    assert tell(*makers, submit(3, BUY, 100, 6, account=7, prevention=DECREMENT, time_in_force=FOK))[-1] == "expired 3: 6 @ 100, not fillable"


def test_a_stop_waits_for_its_trigger_and_fires_after_the_trade_that_reached_it(tell):
    book = submit(1, SELL, 100, 1), submit(2, SELL, 101, 5)
    stop = submit(3, BUY, 0, 2, order_type=STOP, time_in_force=IOC, trigger=101)
    assert tell(*book, stop) == ["accepted 3: 2 @ 0"]
    assert tell(*book, stop, submit(4, BUY, 100, 1))[-1] == "fill 4 x 1: 1 @ 100, leaves 0 / 0"
    assert tell(*book, stop, submit(4, BUY, 101, 2))[2:] == [
        "fill 4 x 2: 1 @ 101, leaves 0 / 4",
        "triggered 3: 2 @ 0",
        "fill 3 x 2: 2 @ 101, leaves 0 / 2",
    ]


def test_a_stop_limit_rests_at_its_limit_once_triggered(tell):
    stop = submit(1, SELL, 99, 5, order_type=STOP_LIMIT, trigger=100)
    trade = submit(2, BUY, 100, 1), submit(3, SELL, 100, 1)
    assert tell(stop, *trade)[-1] == "triggered 1: 5 @ 99"
    assert tell(stop, *trade, submit(4, BUY, 99, 2))[1:] == ["fill 4 x 1: 2 @ 99, leaves 0 / 3"]


def test_a_take_profit_fires_from_the_other_side(tell):
    profit = submit(1, SELL, 0, 5, order_type=TAKE_PROFIT, time_in_force=IOC, trigger=100)
    assert tell(profit, submit(2, SELL, 100, 1), submit(3, BUY, 100, 2))[2:] == ["triggered 1: 5 @ 0", "fill 1 x 3: 1 @ 100, leaves 4 / 0", "expired 1: 4 @ 0, remainder"]


def test_stops_that_fire_each_other_go_one_after_the_other(tell):
    book = submit(1, SELL, 100, 1), submit(2, SELL, 101, 1), submit(3, SELL, 102, 1)
    stops = [submit(10 + i, BUY, 0, 1, order_type=STOP, time_in_force=IOC, trigger=100 + i) for i in (1, 0)]
    assert tell(*book, *stops, submit(4, BUY, 100, 1))[2:] == [
        "triggered 10: 1 @ 0",
        "fill 10 x 2: 1 @ 101, leaves 0 / 0",
        "triggered 11: 1 @ 0",
        "fill 11 x 3: 1 @ 102, leaves 0 / 0",
    ]


def test_a_stop_whose_trigger_the_market_passed_is_refused(tell):
    trade = submit(1, BUY, 100, 1), submit(2, SELL, 100, 1)
    assert tell(*trade, submit(3, BUY, 0, 1, order_type=STOP, time_in_force=IOC, trigger=100)) == ["rejected 3: 1 @ 0, triggered already"]


def test_a_waiting_order_can_be_cancelled_and_made_smaller_but_not_larger(tell):
    stop = submit(1, BUY, 105, 5, order_type=STOP_LIMIT, trigger=104)
    assert tell(stop, amend(1, 3)) == ["amended 1: 3 @ 105, kept its place"]
    assert tell(stop, amend(1, 6)) == ["rejected 1: 6 @ 0, not resting"]
    assert tell(stop, cancel(1)) == ["cancelled 1: 5 @ 105"]


def test_nobody_touches_another_accounts_order(tell):
    assert tell(submit(1, BUY, 100, 5, account=3), cancel(1, account=4)) == ["rejected 1: 0 @ 0, unknown order"]
    assert tell(submit(1, BUY, 100, 5, account=3), cancel(1, account=3)) == ["cancelled 1: 5 @ 100"]
    assert tell(submit(1, BUY, 100, 5, account=3), amend(1, 2, account=4)) == ["rejected 1: 2 @ 0, unknown order"]


def test_a_mass_cancel_takes_what_it_names_best_first(tell):
    book = submit(1, BUY, 99, 1, account=3), submit(2, BUY, 100, 1, account=3), submit(3, BUY, 98, 1, account=4), submit(4, SELL, 105, 1, account=3)
    assert tell(*book, mass_cancel(0, side=BUY, account=3)) == ["cancelled 2: 1 @ 100", "cancelled 1: 1 @ 99"]
    assert tell(*book, mass_cancel()) == ["cancelled 2: 1 @ 100", "cancelled 1: 1 @ 99", "cancelled 3: 1 @ 98", "cancelled 4: 1 @ 105"]


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (submit(0, BUY, 100, 1), "bad order id"),
        (submit(9, BUY, 100, 1), "duplicate order"),
        (submit(1, BUY, 100, 1, book=1), "no such book"),
        (submit(1, BUY, 100, 1, book=-1), "no such book"),
        (submit(1, 0, 100, 1), "bad side"),
        (submit(1, BUY, 100, 1, order_type=10), "bad order type"),
        (submit(1, BUY, 100, 1, time_in_force=5), "bad time in force"),
        (submit(1, BUY, 0, 1, order_type=MARKET), "bad time in force"),
        (submit(1, BUY, 0, 1, order_type=MARKET_AMOUNT, time_in_force=FOK), "bad time in force"),
        (submit(1, BUY, 100, 1, prevention=5), "bad prevention"),
        (submit(1, BUY, 100, 1, account=-1), "bad account"),
        (submit(1, BUY, 100, 0), "bad quantity"),
        (submit(1, BUY, 100, MAX_QUANTITY + 1), "bad quantity"),
        (submit(1, BUY, 0, 1), "bad price"),
        (submit(1, BUY, TICKS + 1, 1), "bad price"),
        (submit(1, BUY, 100, 1, order_type=MARKET, time_in_force=IOC), "bad price"),
        (submit(1, BUY, 100, 1, trigger=1), "bad trigger"),
        (submit(1, BUY, 100, 1, order_type=STOP_LIMIT), "bad trigger"),
        (submit(1, BUY, 100, 5, display=1, time_in_force=IOC), "bad display"),
        (submit(1, BUY, 100, 101, display=1), "bad display"),
        ({"operation": 77, "order_id": 1}, "bad operation"),
        (submit(1, BUY, 100, 1), "engine full"),
    ],
)
def test_a_wrong_command_is_refused_with_its_reason_and_changes_nothing(order, why):
    for engine in (ReferenceEngine((1,), 1), MatchingEngine((1,), 1)):
        engine.run(commands(submit(9, BUY, 50, 1)))
        before = engine.digest()
        (event,) = engine.run(commands(order))
        assert (event["kind"], REASON_NAMES[event["reason"]]) == (REJECTED, why)
        assert engine.digest() == before


def test_an_event_carries_the_sequence_of_the_command_that_caused_it():
    told = MatchingEngine().run(commands(submit(1, SELL, 100, 5, seq=41), submit(2, BUY, 100, 5, seq=97)))
    assert told["seq"].tolist() == [41, 97, 97]


def test_one_command_at_a_time_tells_what_an_array_tells():
    engine, whole = MatchingEngine(), MatchingEngine()
    told = engine.submit(1, SELL, 100, 5, account=7, seq=1).tolist()
    told += engine.submit(2, BUY, 100, 3, time_in_force=IOC, prevention=EXPIRE_TAKER, seq=2).tolist()
    told += engine.amend(1, 1, seq=3).tolist()
    told += engine.submit(3, SELL, 90, 4, order_type=STOP_LIMIT, trigger=80, display=2, seq=4).tolist()
    told += engine.cancel(1, account=7, seq=5).tolist()
    told += engine.mass_cancel(book=0, seq=6).tolist()
    rows = commands(
        submit(1, SELL, 100, 5, account=7),
        submit(2, BUY, 100, 3, time_in_force=IOC, prevention=EXPIRE_TAKER),
        amend(1, 1),
        submit(3, SELL, 90, 4, order_type=STOP_LIMIT, trigger=80, display=2),
        cancel(1, account=7),
        mass_cancel(0),
    )
    assert told == whole.run(rows).tolist()
    assert len(told) == 7
    assert engine.digest() == whole.digest()


def test_a_single_command_may_cause_any_number_of_events():
    engine = MatchingEngine(capacity=20_000)
    for order_id in range(1, 20_001):
        engine.submit(order_id, SELL, 100 + order_id % 50, 1)
    events = engine.submit(20_001, BUY, 200, 20_000)
    assert (events["kind"][0], len(events)) == (REJECTED, 1)  # full: it could have to rest
    engine.cancel(20_000)
    events = engine.submit(20_001, BUY, 200, 20_000)
    assert (len(events), len(engine)) == (20_000, 1)
    assert events["leaves"][-1] == 1


def test_more_icebergs_than_the_outbox_has_room_for_tell_every_slice():
    engine = MatchingEngine(capacity=300)
    for order_id in range(1, 201):
        engine.submit(order_id, SELL, 100, 100, display=1)
    events = engine.submit(500, BUY, 100, 20_000)
    assert int(events["quantity"][events["kind"] == FILL].sum()) == 20_000
    assert len(engine) == 0


def test_a_triggered_order_never_trades_beyond_its_worst_price(tell):
    makers = submit(1, SELL, 100, 1), submit(2, SELL, 101, 1), submit(3, SELL, 103, 5)
    waiting = submit(4, BUY, 102, 9, order_type=STOP, time_in_force=IOC, trigger=100)
    assert tell(*makers, waiting, submit(5, BUY, 100, 1))[-3:] == [
        "triggered 4: 9 @ 102",
        "fill 4 x 2: 1 @ 101, leaves 8 / 0",
        "expired 4: 8 @ 102, remainder",
    ]


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_time_passes_by_command_alone_and_never_backwards(engine):
    told = engine((1,), 10).run(commands(submit(1, SELL, 100, 5, account=3), clock(10), submit(2, BUY, 100, 5, account=4), clock(9), clock(10), cancel(1)))
    assert told["ts"].tolist() == [0, 10, 10, 10, 10]
    assert [REASON_NAMES[reason] for reason in told["reason"]] == ["", "", "", "time", "unknown order"]


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_an_event_names_the_account_of_each_order_in_it(engine):
    told = engine((1,), 10).run(commands(submit(1, SELL, 100, 5, account=3), submit(2, BUY, 100, 2, account=4), cancel(1), cancel(9, account=7)))
    assert told[["account", "maker_account"]].tolist() == [(3, 0), (4, 0), (4, 3), (3, 0), (7, 0)]


def test_commands_of_another_dtype_are_a_type_error():
    with pytest.raises(TypeError, match="expected a 1-dimensional array of COMMAND"):
        MatchingEngine().run(np.zeros(8, np.int64))
    with pytest.raises(TypeError, match="2-dimensional"):
        MatchingEngine().run(np.zeros((2, 2), COMMAND))


def test_an_empty_array_of_commands_tells_nothing():
    assert len(MatchingEngine().run(np.zeros(0, COMMAND))) == 0


@pytest.mark.parametrize(("lowest", "orders"), [([], 10), ([0], 10), ([2**51], 10), ([1], 0), ([1], MAX_ORDERS + 1)])
def test_an_engine_that_can_not_be_is_a_value_error(lowest, orders):
    with pytest.raises(ValueError, match="expected"):
        MatchingEngine(lowest, orders)


@given(streams, streams)
def test_an_engine_restored_from_its_orders_goes_on_with_the_same_events(before, after):
    engine = MatchingEngine(LOWEST, 24)
    engine.run(commands(*before))
    again = MatchingEngine.restored(LOWEST, 24, engine.orders(), engine.last_prices(), engine.now, engine.rules(), phases=engine.phases())
    assert again.digest() == engine.digest()
    assert again.run(commands(*after)).tolist() == engine.run(commands(*after)).tolist()
    assert again.digest() == engine.digest()


@pytest.mark.parametrize(
    ("field", "value"),
    [("book", 2), ("book", -1), ("ladder", 4), ("order_id", 0), ("order_id", 2), ("price", 0), ("trigger", 7), ("shown", 0), ("hidden", -1), ("display", -1), ("account", -1)],
)
def test_orders_that_can_not_live_are_not_restored(field, value):
    engine = MatchingEngine(LOWEST, 24)
    engine.run(commands(submit(1, BUY, 100, 5), submit(2, BUY, 100, 5)))
    orders, last_prices = engine.orders(), engine.last_prices()
    orders[0][field] = value
    with pytest.raises(ValueError, match=r"can live|expected"):
        MatchingEngine.restored(LOWEST, 24, orders, last_prices)


@pytest.mark.parametrize(
    ("order_id", "field", "value"),
    [
        (1, "partner", 7), (1, "partner", 3), (1, "working", 2), (3, "working", 9), (3, "working", 0), (3, "ladder", 3), (4, "best", 99_999_999),
        (4, "best", 0), (4, "display", 0), (4, "older", 4), (5, "ends", -1), (5, "best", 100),
    ],
)  # fmt: skip
def test_links_that_can_not_be_are_not_restored(order_id, field, value):
    engine = MatchingEngine(LOWEST, 24)
    chain = oto(submit(1, BUY, 100, 5), submit(2, SELL, 110, 5), submit(3, SELL, 0, 5, order_type=STOP, time_in_force=IOC, trigger=99))
    engine.run(commands(submit(8, BUY, 101, 1), submit(9, SELL, 101, 1), *chain, trailing(4, SELL, 1, 3), trailing(6, SELL, 1, 3), submit(5, BUY, 99, 1)))
    state = engine.orders(), engine.last_prices()
    assert MatchingEngine.restored(LOWEST, 24, *state).digest() == engine.digest()
    state[0][field][state[0]["order_id"] == order_id] = value
    try:
        assert MatchingEngine.restored(LOWEST, 24, *state).digest() != engine.digest()
    except ValueError as refused:
        assert "can live" in str(refused)
    else:
        assert (order_id, field) in ((3, "working"), (4, "best"))  # another state, and it can be


def test_a_state_of_another_engine_is_not_restored():
    engine = MatchingEngine(LOWEST, 24)
    engine.run(commands(submit(1, BUY, 100, 5), submit(2, BUY, 100, 5)))
    with pytest.raises(ValueError, match="at most 1 of ORDER"):
        MatchingEngine.restored(LOWEST, 1, engine.orders(), engine.last_prices())
    with pytest.raises(ValueError, match="outside of their books"):
        MatchingEngine.restored(LOWEST, 24, engine.orders(), np.array([1, 0]))


@given(streams)
def test_no_lot_appears_or_vanishes_and_no_book_stays_crossed(stream):
    engine = MatchingEngine(LOWEST, 24)
    told = engine.run(commands(*[order for order in stream if order.get("order_type") != MARKET_AMOUNT and order["operation"] != 3]))
    orders = engine.orders()
    opened = told["quantity"][told["kind"] == ACCEPTED].sum()
    ended = told["quantity"][np.isin(told["kind"], (CANCELLED, EXPIRED))].sum()
    both = told["quantity"][np.isin(told["kind"], (FILL, PREVENTED))].sum()
    assert opened == ended + 2 * both + orders["shown"].sum() + orders["hidden"].sum()
    for book in range(2):
        bids = orders["price"][(orders["book"] == book) & (orders["ladder"] == BIDS)]
        asks = orders["price"][(orders["book"] == book) & (orders["ladder"] == ASKS)]
        assert not len(bids) or not len(asks) or bids.max() < asks.min()


@given(streams, st.integers(0, 3))
def test_a_cancel_of_everything_leaves_nothing(stream, account):
    engine = MatchingEngine(LOWEST, 24)
    engine.run(commands(*stream))
    engine.mass_cancel(account=account)
    assert account in (0, 3) or not (engine.orders()["account"] == account).any()
    if account == 0:
        assert len(engine) == 0
