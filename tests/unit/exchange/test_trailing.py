"""Trailing stops, one fact a test, said of both engines; and every one of them against a plain walk along the prices."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange import MatchingEngine
from polaris.exchange import words as w
from polaris.exchange.accounts import Money
from tests.unit.exchange.commands import amend, commands, set_phase, set_rule, submit, trailing

MONEY = Money(4, 2, ((0, 1, 10, 3),))


def print_at(*prices: int) -> list[dict[str, int]]:
    """One lot trades at each of the prices, command by command."""
    steps: list[dict[str, int]] = []
    for n, price in enumerate(prices):
        steps += [submit(90_000 + 2 * n, SELL, price, 1), submit(90_001 + 2 * n, BUY, price, 1)]
    return steps


def trigger(heard: Any, order_id: int = 1) -> tuple[int, int]:
    """(where its trigger is, its best price)"""
    order = heard.order(order_id)
    return int(order["trigger"]), int(order["best"])


def test_a_sellers_trigger_follows_the_highest_price_and_never_goes_back(hear):
    order = trailing(1, SELL, 5, 4)
    assert trigger(hear(*print_at(100), order)) == (96, 100)
    assert trigger(hear(*print_at(100), order, *print_at(103))) == (99, 103)
    assert trigger(hear(*print_at(100), order, *print_at(103, 100))) == (99, 103)


def test_a_buyers_trigger_follows_the_lowest_price(hear):
    order = trailing(1, BUY, 5, 4)
    assert trigger(hear(*print_at(100), order)) == (104, 100)
    assert trigger(hear(*print_at(100), order, *print_at(97, 99))) == (101, 97)


def test_it_fires_like_a_stop(tell):
    order = trailing(1, SELL, 5, 4)
    assert tell(*print_at(100), order, *print_at(103, 100), submit(8, BUY, 99, 9), submit(9, SELL, 99, 1))[1:] == [
        "fill 9 x 8: 1 @ 99, leaves 0 / 8",
        "triggered 1: 5 @ 0",
        "fill 1 x 8: 5 @ 99, leaves 0 / 3",
    ]


def test_a_limit_of_its_own_is_where_it_rests_when_it_fired(tell):
    order = trailing(1, SELL, 5, 4, order_type=w.TRAILING_STOP_LIMIT, time_in_force=w.GTC, price=95)
    assert tell(*print_at(100), order, submit(8, BUY, 96, 3), submit(9, SELL, 96, 1))[2:] == ["triggered 1: 5 @ 95", "fill 1 x 8: 2 @ 96, leaves 3 / 0"]


def test_basis_points_are_rounded_up_to_whole_ticks_away_from_the_price(hear):
    assert trigger(hear(*print_at(10_000), trailing(1, SELL, 5, -25))) == (9_975, 10_000)
    assert trigger(hear(*print_at(10_001), trailing(1, SELL, 5, -25))) == (9_975, 10_001)
    assert trigger(hear(*print_at(10_001), trailing(1, BUY, 5, -25))) == (10_027, 10_001)
    assert trigger(hear(*print_at(3), trailing(1, SELL, 5, -1))) == (2, 3)


def test_basis_points_are_exact_where_the_product_would_not_fit_into_a_word():
    lowest = 2**50 - 10
    engine = MatchingEngine((lowest,), 10)
    engine.run(commands(submit(1, SELL, lowest + 3_000_000, 1), submit(2, BUY, lowest + 3_000_000, 1), trailing(3, SELL, 1, -9_999)))
    assert engine.orders()[0]["trigger"] == lowest  # as far as the book goes
    engine.run(commands(trailing(4, BUY, 1, -1)))
    assert engine.orders()[-1]["trigger"] == min(lowest + w.TICKS - 1, lowest + 3_000_000 + -(-(lowest + 3_000_000) // 10_000))


def test_the_trigger_stays_within_the_book(hear):
    assert trigger(hear(*print_at(3), trailing(1, SELL, 5, 10))) == (1, 3)


def test_it_sleeps_until_its_activation_price_trades_or_a_better_one(hear):
    order = trailing(1, SELL, 5, 4, trigger=105)
    assert trigger(hear(*print_at(100), order, *print_at(104))) == (105, 0)
    assert trigger(hear(*print_at(100), order, *print_at(106))) == (102, 106)
    assert trigger(hear(*print_at(107), order)) == (103, 107)
    assert trigger(hear(*print_at(100), trailing(1, BUY, 5, 4, trigger=95), *print_at(94))) == (98, 94)


def test_what_it_slept_through_does_not_count(hear):
    assert trigger(hear(*print_at(100), trailing(1, SELL, 5, 4, trigger=105), *print_at(90, 105, 104))) == (101, 105)


def test_it_can_begin_at_a_price_that_is_bad_for_it(hear):
    sells, buys = trailing(1, SELL, 5, 4, trigger=95, flags=w.FROM_WORSE), trailing(1, BUY, 5, 4, trigger=105, flags=w.FROM_WORSE)
    assert trigger(hear(*print_at(100), sells, *print_at(110, 96))) == (95, 0)
    assert trigger(hear(*print_at(100), sells, *print_at(94))) == (90, 94)
    assert trigger(hear(*print_at(94), sells)) == (90, 94)
    assert trigger(hear(*print_at(100), buys, *print_at(90, 104))) == (105, 0)
    assert trigger(hear(*print_at(100), buys, *print_at(106))) == (110, 106)
    assert trigger(hear(*print_at(106), buys)) == (110, 106)


def test_a_stop_loss_that_trails_from_a_price_walks_as_the_venue_with_that_order_type_says(hear, tell):
    # Source: Binance, Spot Trailing Stop order FAQ, scenarios A and B
    buys = trailing(1, BUY, 1, -500, trigger=44_000, price=45_000, order_type=w.TRAILING_STOP_LIMIT, time_in_force=w.GTC, flags=w.FROM_WORSE)
    way = *print_at(40_000), buys, *print_at(37_000, 44_000, 45_000, 46_000, 42_000)
    assert trigger(hear(*way)) == (44_100, 42_000)
    assert tell(*way, submit(8, SELL, 44_100, 1), submit(9, BUY, 44_100, 1))[1:] == ["fill 9 x 8: 1 @ 44100, leaves 0 / 0", "triggered 1: 1 @ 45000"]
    sells = trailing(1, SELL, 1, -1_000, trigger=39_000, price=38_000, order_type=w.TRAILING_STOP_LIMIT, time_in_force=w.GTC, flags=w.FROM_WORSE)
    way = *print_at(40_000), sells, *print_at(41_500, 39_000, 37_000, 41_000)
    assert trigger(hear(*way)) == (36_900, 41_000)
    assert tell(*way, submit(8, BUY, 36_900, 1), submit(9, SELL, 36_900, 1))[1:] == ["fill 9 x 8: 1 @ 36900, leaves 0 / 0", "triggered 1: 1 @ 38000"]


def test_a_sweep_wakes_it_at_the_first_of_its_prices_that_is_bad_enough_and_can_fire_it(hear, tell):
    order = trailing(1, SELL, 5, 4, trigger=100, flags=w.FROM_WORSE)
    bids = submit(7, BUY, 103, 1), submit(8, BUY, 99, 1), submit(9, BUY, 96, 9)
    assert trigger(hear(*print_at(105), order, *bids, submit(10, SELL, 96, 3))) == (95, 99)
    far = submit(7, BUY, 103, 1), submit(8, BUY, 99, 1), submit(9, BUY, 95, 9)
    assert tell(*print_at(105), order, *far, submit(10, SELL, 95, 3))[4:] == ["triggered 1: 5 @ 0", "fill 1 x 9: 5 @ 95, leaves 0 / 3"]
    asks = submit(7, SELL, 97, 1), submit(8, SELL, 103, 9)
    assert trigger(hear(*print_at(105), order, *asks, submit(10, BUY, 103, 2))) == (99, 103)


def test_of_those_that_one_sweep_wakes_the_one_at_the_better_price_woke_first(hear):
    good, bad = trailing(1, BUY, 1, 4, trigger=97), trailing(2, BUY, 1, 2, trigger=100, flags=w.FROM_WORSE)
    slept, asks = [*print_at(99), good, bad], [submit(7, SELL, 96, 1), submit(9, SELL, 100, 9)]
    assert hear(*slept, *asks, submit(10, BUY, 100, 2)).words[3:] == ["triggered 1: 1 @ 0", "fill 1 x 9: 1 @ 100, leaves 0 / 7"]
    wide = [{**one, "display": 9} for one in (good, bad)]
    heard = hear(*print_at(99), *wide, *asks, submit(10, BUY, 100, 2))
    assert [(int(heard.order(n)["best"]), int(heard.order(n)["older"])) for n in (1, 2)] == [(96, 0), (100, 1)]


def test_only_a_trailing_order_with_an_activation_price_begins_at_a_bad_one(tell):
    assert tell(trailing(1, SELL, 5, 4, flags=w.FROM_WORSE)) == ["rejected 1: 5 @ 0, bad operation"]
    assert tell(submit(1, SELL, 100, 5, flags=w.FROM_WORSE)) == ["rejected 1: 5 @ 100, bad operation"]


def test_without_a_price_yet_any_trade_wakes_it(hear):
    assert trigger(hear(trailing(1, SELL, 5, 4))) == (1, 0)
    assert trigger(hear(trailing(1, SELL, 5, 4), *print_at(100))) == (96, 100)
    assert trigger(hear(trailing(1, BUY, 5, 4), *print_at(100))) == (104, 100)


def test_every_price_of_a_sweep_counts_not_only_the_last(tell):
    bids = submit(8, BUY, 103, 1), submit(9, BUY, 98, 9)
    assert tell(*print_at(100), trailing(1, SELL, 5, 4), *bids, submit(10, SELL, 98, 2))[1:] == [
        "fill 10 x 8: 1 @ 103, leaves 1 / 0",
        "fill 10 x 9: 1 @ 98, leaves 0 / 8",
        "triggered 1: 5 @ 0",
        "fill 1 x 9: 5 @ 98, leaves 0 / 3",
    ]


def test_a_sweep_upwards_moves_it_without_firing_it(hear):
    asks = submit(8, SELL, 101, 1), submit(9, SELL, 109, 1)
    heard = hear(*print_at(100), trailing(1, SELL, 5, 4), *asks, submit(10, BUY, 109, 2))
    assert trigger(heard) == (105, 109)


def test_a_sweep_can_wake_it_and_fire_it(tell):
    bids = submit(8, BUY, 106, 1), submit(9, BUY, 101, 9)
    assert tell(*print_at(100), trailing(1, SELL, 5, 4, trigger=105), *bids, submit(10, SELL, 101, 2))[3:] == [
        "triggered 1: 5 @ 0",
        "fill 1 x 9: 5 @ 101, leaves 0 / 3",
    ]


def test_those_a_price_moves_move_in_the_order_they_woke(tell):
    orders = [trailing(order_id, SELL, 1, 4, trigger=at) for order_id, at in ((3, 102), (1, 101), (2, 101))]
    moved = *print_at(100), *orders, *print_at(101, 103), submit(8, BUY, 99, 9), submit(9, SELL, 99, 1)
    assert [told for told in tell(*moved) if "triggered" in told] == ["triggered 1: 1 @ 0", "triggered 2: 1 @ 0", "triggered 3: 1 @ 0"]


def test_what_the_trail_and_the_activation_price_may_be(tell):
    for trail in (0, w.TICKS, -10_000):
        assert tell(trailing(1, SELL, 5, trail)) == ["rejected 1: 5 @ 0, bad display"]
    assert tell(trailing(1, SELL, 5, 4, trigger=w.TICKS + 1)) == ["rejected 1: 5 @ 0, bad trigger"]
    assert tell(trailing(1, SELL, 5, 4, time_in_force=w.GTC)) == ["rejected 1: 5 @ 0, bad time in force"]


def test_it_shrinks_as_any_waiting_order(tell):
    assert tell(*print_at(100), trailing(1, SELL, 5, 4), amend(1, 3)) == ["amended 1: 3 @ 0, kept its place"]


def test_the_price_of_an_auction_counts(hear):
    gather = set_phase(w.AUCTION), submit(8, BUY, 110, 1), submit(9, SELL, 104, 1)
    assert trigger(hear(*print_at(100), trailing(1, SELL, 5, 4), *gather, set_phase(w.CONTINUOUS))) == (100, 104)


def test_one_that_waits_to_buy_holds_its_worst_price_as_far_from_its_first_trigger_as_the_band(hear):
    rich = [{"operation": w.DEPOSIT, "account": account, "book": asset, "quantity": 100_000} for account in (1, 2) for asset in (0, 1)]
    prints = [{**one, "account": 1 + n % 2} for n, one in enumerate(print_at(100))]
    heard = hear(*rich, *prints, set_rule(w.BAND_PPM, 100_000), trailing(1, BUY, 5, 10, account=1), money=MONEY)
    assert heard.order(1)["price"] == 110 + 11
    assert heard.has(1, 1)[1] == 5 * 121 * 3


@given(
    st.lists(st.integers(90, 115), min_size=1, max_size=30),
    st.sampled_from((BUY, SELL)),
    st.one_of(st.integers(1, 9), st.integers(-900, -50)),
    st.one_of(st.just(0), st.integers(90, 115)),
    st.booleans(),
)
def test_it_fires_exactly_where_a_plain_walk_along_the_prices_says(prices, side, trail, activation, worse):
    engine = MatchingEngine((1,), 100)
    worse = worse and activation != 0
    engine.run(commands(*print_at(100), trailing(1, side, 1, trail, trigger=activation, flags=w.FROM_WORSE if worse else 0)))
    best = 100 if activation == 0 or (activation <= 100 if (side == SELL) != worse else activation >= 100) else 0
    fired = False
    for n, price in enumerate(prices):
        if not best:
            best = price if (price >= activation if (side == SELL) != worse else price <= activation) else 0
        else:
            distance = trail if trail > 0 else -(-best * -trail // 10_000)
            fired = price <= best - distance if side == SELL else price >= best + distance
            best = max(best, price) if side == SELL else min(best, price)
        told = engine.run(commands(submit(10 + 2 * n, SELL, price, 1), submit(11 + 2 * n, BUY, price, 1)))
        assert (w.TRIGGERED in told["kind"].tolist()) == fired
        if fired:
            return
        assert int(engine.orders()[0]["best"]) == best


def test_trailing_orders_that_a_price_does_not_move_are_not_looked_at():
    engine = MatchingEngine((1,), 10_000)
    engine.run(commands(*print_at(100), *(trailing(order_id, SELL, 1, 50 + order_id) for order_id in range(1, 5_001))))
    before = engine.orders()["trigger"].copy()
    engine.run(commands(*print_at(99)))
    assert (engine.orders()["trigger"] == before).all()
    engine.run(commands(*print_at(101)))
    assert sorted(engine.orders()["best"].tolist()) == [101] * 5_000
