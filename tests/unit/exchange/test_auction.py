"""Phases, auctions and price bands, one fact a test, said of both engines; the price of an auction against a search over all prices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange import MatchingEngine
from polaris.exchange import words as w
from polaris.exchange.accounts import Money
from tests.unit.exchange.commands import amend, cancel, commands, mass_cancel, oco, oto, set_phase, set_rule, submit

MONEY = Money(4, 2, ((0, 1, 10, 3),))
GATHER = set_phase(w.AUCTION)
TRADE = set_phase(w.CONTINUOUS)
LAST_100 = [submit(91, SELL, 100, 1), submit(92, BUY, 100, 1)]


def stop(order_id: int, side: int, trigger: int, quantity: int) -> dict[str, int]:
    return submit(order_id, side, 0, quantity, order_type=w.STOP, time_in_force=w.IOC, trigger=trigger)


def test_orders_gather_even_crossed_and_trade_at_one_price_when_the_phase_changes(tell):
    gathered = GATHER, submit(1, SELL, 100, 5), submit(2, BUY, 103, 3), submit(3, BUY, 101, 4)
    assert tell(*gathered) == ["accepted 3: 4 @ 101"]
    assert tell(*gathered, TRADE) == [
        "phase 0: 5 @ 101",
        "fill 2 x 1: 3 @ 101, leaves 0 / 2, auction",
        "fill 3 x 1: 2 @ 101, leaves 2 / 0, auction",
    ]


def test_the_better_price_trades_first_then_the_older_order_on_both_sides(tell):
    buys = submit(1, BUY, 100, 2), submit(2, BUY, 102, 2), submit(3, BUY, 100, 2)
    sells = submit(4, SELL, 100, 1), submit(5, SELL, 98, 2), submit(6, SELL, 100, 2)
    assert tell(GATHER, *buys, *sells, TRADE) == [
        "phase 0: 5 @ 100",
        "fill 2 x 5: 2 @ 100, leaves 0 / 0, auction",
        "fill 1 x 4: 1 @ 100, leaves 1 / 0, auction",
        "fill 1 x 6: 1 @ 100, leaves 0 / 1, auction",
        "fill 3 x 6: 1 @ 100, leaves 1 / 0, auction",
    ]


def test_what_most_trades_at_is_the_price(hear):
    book = GATHER, submit(1, BUY, 105, 5), submit(2, BUY, 103, 10), submit(3, SELL, 101, 8), submit(4, SELL, 104, 9)
    assert hear(*book).engine.indicative(0) == (103, 8, 7)


def test_then_what_leaves_least_over(hear):
    book = GATHER, submit(1, BUY, 105, 10), submit(2, BUY, 104, 4), submit(3, SELL, 101, 10)
    assert hear(*book).engine.indicative(0) == (105, 10, 0)


def test_then_the_side_that_is_left_over_presses(hear):
    assert hear(GATHER, submit(1, BUY, 105, 9), submit(2, SELL, 101, 5)).engine.indicative(0) == (105, 5, 4)
    assert hear(GATHER, submit(1, BUY, 105, 5), submit(2, SELL, 101, 9)).engine.indicative(0) == (101, 5, -4)


def test_then_the_nearest_to_the_reference_price_or_the_last_trade_or_the_middle(hear):
    balanced = GATHER, submit(1, BUY, 106, 5), submit(2, SELL, 101, 5)
    assert hear(*balanced).engine.indicative(0) == (103, 5, 0)
    assert hear(*LAST_100, *balanced).engine.indicative(0) == (101, 5, 0)
    assert hear(*LAST_100, *balanced, set_rule(w.REFERENCE_PRICE, 105)).engine.indicative(0) == (105, 5, 0)
    assert hear(*LAST_100, *balanced, set_rule(w.REFERENCE_PRICE, 120)).engine.indicative(0) == (106, 5, 0)


def test_a_price_between_buyers_and_sellers_left_over_is_the_reference_too(hear):
    book = GATHER, submit(1, BUY, 103, 5), submit(2, BUY, 102, 5), submit(3, SELL, 101, 5), submit(4, SELL, 103, 5)
    assert hear(*book, set_rule(w.REFERENCE_PRICE, 110)).engine.indicative(0) == (103, 5, -5)
    assert hear(*book, set_rule(w.REFERENCE_PRICE, 100)).engine.indicative(0) == (101, 5, 5)


def test_nothing_is_indicated_where_nothing_would_trade(hear):
    assert hear(submit(1, BUY, 99, 5), submit(2, SELL, 101, 5)).engine.indicative(0) == (0, 0, 0)
    assert hear(GATHER, submit(1, BUY, 99, 5)).engine.indicative(0) == (0, 0, 0)
    assert hear(GATHER, submit(1, BUY, 99, 5), submit(2, SELL, 101, 5), TRADE).words == ["phase 0: 0 @ 0"]


orders = st.lists(st.tuples(st.sampled_from((BUY, SELL)), st.integers(95, 110), st.integers(1, 20), st.integers(0, 4)), min_size=1, max_size=25)


@given(orders, st.one_of(st.just(0), st.integers(90, 115)))
def test_the_price_of_an_auction_is_what_a_search_over_all_prices_finds(book, reference):
    engine = MatchingEngine((1,), 100)
    rows = [submit(n + 1, side, price, lots, display=shown) for n, (side, price, lots, shown) in enumerate(book)]
    engine.run(commands(GATHER, set_rule(w.REFERENCE_PRICE, reference), *rows))
    found = {}
    for price in range(90, 116):
        demand = sum(lots for side, limit, lots, _ in book if side == BUY and limit >= price)
        supply = sum(lots for side, limit, lots, _ in book if side == SELL and limit <= price)
        found[price] = (min(demand, supply), -abs(demand - supply), demand - supply)
    most = max((lots, left) for lots, left, _ in found.values())
    if most[0] == 0:
        assert engine.indicative(0) == (0, 0, 0)
        return
    tied = [price for price, one in found.items() if one[:2] == most]
    leftover = {found[price][2] for price in tied}
    middle = (tied[0] + tied[-1]) // 2
    right = tied[-1] if min(leftover) > 0 else tied[0] if max(leftover) < 0 else min(tied, key=lambda price: abs(price - (reference or middle)))
    assert engine.indicative(0) == (right, most[0], found[right][2])
    told = engine.set_phase(w.CONTINUOUS).copy()
    fills = told[told["kind"] == w.FILL]
    assert fills["quantity"].sum() == most[0] and set(fills["price"].tolist()) == {right}
    assert engine.indicative(0) == (0, 0, 0)


def test_hidden_lots_of_an_iceberg_trade_in_its_turn(tell):
    gathered = GATHER, submit(1, SELL, 100, 10, display=2), submit(2, SELL, 100, 5), submit(3, BUY, 100, 7)
    assert tell(*gathered, TRADE) == ["phase 0: 7 @ 100", "fill 3 x 1: 7 @ 100, leaves 0 / 3, auction", "refreshed 1: 2 @ 100"]
    assert tell(*gathered, TRADE, submit(4, BUY, 100, 6))[1:] == ["fill 4 x 2: 5 @ 100, leaves 1 / 0", "fill 4 x 1: 1 @ 100, leaves 0 / 2"]


def test_an_iceberg_that_still_shows_lots_keeps_its_place(tell):
    gathered = GATHER, submit(1, SELL, 100, 10, display=4), submit(2, SELL, 100, 5), submit(3, BUY, 100, 3)
    assert tell(*gathered, TRADE) == ["phase 0: 3 @ 100", "fill 3 x 1: 3 @ 100, leaves 0 / 7, auction"]
    assert tell(*gathered, TRADE, submit(4, BUY, 100, 1))[1:] == ["fill 4 x 1: 1 @ 100, leaves 0 / 6", "refreshed 1: 4 @ 100"]


@pytest.mark.parametrize(
    "order",
    [
        submit(1, BUY, 0, 5, order_type=w.MARKET, time_in_force=w.IOC),
        submit(1, BUY, 0, 500, order_type=w.MARKET_AMOUNT, time_in_force=w.IOC),
        submit(1, BUY, 100, 5, time_in_force=w.IOC),
        submit(1, BUY, 100, 5, time_in_force=w.FOK),
        submit(1, BUY, 100, 5, time_in_force=w.POST_ONLY),
        submit(1, BUY, 100, 5, time_in_force=w.POST_SLIDE),
    ],
)
def test_only_what_can_gather_is_taken_in_an_auction(tell, order):
    assert tell(GATHER, order)[0].endswith("book halted")


def test_stops_wait_through_an_auction_and_fire_at_its_price(tell):
    gathered = *LAST_100, GATHER, stop(1, BUY, 103, 2), submit(2, BUY, 105, 5), submit(3, SELL, 104, 5), submit(4, SELL, 106, 9)
    assert tell(*gathered, TRADE) == [
        "phase 0: 5 @ 104",
        "fill 2 x 3: 5 @ 104, leaves 0 / 0, auction",
        "triggered 1: 2 @ 0",
        "fill 1 x 4: 2 @ 106, leaves 0 / 7",
    ]


def test_an_amend_in_an_auction_moves_the_order_without_a_trade(tell):
    gathered = GATHER, submit(1, SELL, 100, 5), submit(2, BUY, 99, 5)
    assert tell(*gathered, amend(2, 5, 101)) == ["amended 2: 5 @ 101"]
    assert tell(*gathered, amend(2, 5, 101), TRADE)[1:] == ["fill 2 x 1: 5 @ 100, leaves 0 / 0, auction"]


def test_in_a_halt_only_cancels_are_taken(tell):
    for phase in (w.HALTED, w.CLOSED):
        halted = submit(1, BUY, 100, 5), set_phase(phase)
        assert tell(*halted, submit(2, SELL, 100, 5)) == ["rejected 2: 5 @ 100, book halted"]
        assert tell(*halted, amend(1, 3)) == ["rejected 1: 3 @ 0, book halted"]
        assert tell(*halted, cancel(1)) == ["cancelled 1: 5 @ 100"]
        assert tell(*halted, mass_cancel()) == ["cancelled 1: 5 @ 100"]


def test_a_book_that_gathered_uncrosses_when_it_closes_and_its_stops_wait(tell):
    gathered = *LAST_100, GATHER, stop(1, BUY, 103, 2), submit(2, BUY, 104, 5), submit(3, SELL, 104, 5)
    assert tell(*gathered, set_phase(w.CLOSED)) == ["phase 3: 5 @ 104", "fill 2 x 3: 5 @ 104, leaves 0 / 0, auction"]
    assert tell(*gathered, set_phase(w.CLOSED), TRADE) == ["phase 0: 0 @ 0", "triggered 1: 2 @ 0", "expired 1: 2 @ 0, remainder"]


def test_a_crossed_book_that_was_halted_uncrosses_before_it_trades_again(tell):
    gathered = GATHER, submit(1, SELL, 100, 5), submit(2, BUY, 103, 5)
    assert tell(*gathered, set_phase(w.HALTED)) == ["phase 2: 0 @ 0"]
    assert tell(*gathered, set_phase(w.HALTED), TRADE)[0] == "phase 0: 5 @ 101"


def test_all_books_change_their_phase_at_once(hear):
    engine = MatchingEngine((1, 1, 1), 10)
    assert engine.set_phase(w.HALTED)["book"].tolist() == [0, 1, 2]
    assert engine.phases().tolist() == [w.HALTED] * 3
    engine.set_phase(w.CONTINUOUS, book=1)
    assert engine.phases().tolist() == [w.HALTED, w.CONTINUOUS, w.HALTED]


def test_a_phase_or_a_book_that_is_not_there_is_refused(tell):
    assert tell(set_phase(4)) == ["rejected 0: 4 @ 0, bad setting"]
    assert tell(set_phase(w.HALTED, book=1)) == ["rejected 0: 2 @ 0, no such book"]


def test_a_pair_and_a_parked_order_live_through_an_auction_as_ever(tell):
    pair = oco(submit(1, SELL, 100, 5), stop(2, SELL, 90, 5))
    assert tell(GATHER, pair, submit(9, BUY, 100, 2), TRADE)[1:] == ["expired 2: 5 @ 0, linked", "fill 9 x 1: 2 @ 100, leaves 0 / 3, auction"]
    chain = oto(submit(1, BUY, 100, 5), submit(2, SELL, 110, 5))
    assert tell(GATHER, chain, submit(9, SELL, 100, 5), TRADE)[1:] == ["fill 1 x 9: 5 @ 100, leaves 0 / 0, auction", "activated 2: 5 @ 110"]


def test_both_sides_of_an_auction_pay_the_makers_fee_and_get_back_what_they_held_too_much(hear):
    rich = [{"operation": w.DEPOSIT, "account": 1, "book": 1, "quantity": 10_000}, {"operation": w.DEPOSIT, "account": 2, "book": 0, "quantity": 1_000}]
    fee = {"operation": w.SET_FEE, "order_id": 0, "price": 10_000, "quantity": 500_000}
    gathered = GATHER, submit(1, BUY, 110, 10, account=1), submit(2, SELL, 100, 10, account=2)
    heard = hear(*rich, fee, *gathered, TRADE, money=MONEY)
    assert (heard.events["price"][-1], heard.events["fee"][-1], heard.events["maker_fee"][-1]) == (105, 1, 32)
    assert (heard.has(1, 1), heard.has(1, 0)) == ((10_000 - 3_150, 0), (99, 0))
    assert (heard.has(2, 0), heard.has(2, 1)) == ((900, 0), (3_150 - 32, 0))
    assert (heard.has(0, 0), heard.has(0, 1)) == ((1, 0), (32, 0))


# price bands

BAND = set_rule(w.BAND_PPM, 20_000)  # two percent


def test_a_trade_beyond_the_band_does_not_happen_and_the_rest_expires(tell):
    asks = submit(1, SELL, 101, 5), submit(2, SELL, 103, 5)
    assert tell(*LAST_100, BAND, *asks, submit(3, BUY, 103, 9)) == [
        "accepted 3: 9 @ 103",
        "fill 3 x 1: 5 @ 101, leaves 4 / 0",
        "expired 3: 4 @ 103, price band",
    ]


def test_an_order_that_meets_nobody_within_or_beyond_the_band_rests(tell):
    assert tell(*LAST_100, BAND, submit(1, SELL, 101, 5), submit(2, BUY, 110, 9))[1:] == ["fill 2 x 1: 5 @ 101, leaves 4 / 0"]


def test_the_band_holds_on_both_sides(tell):
    assert tell(*LAST_100, submit(1, BUY, 99, 5), BAND, set_rule(w.REFERENCE_PRICE, 90), submit(2, SELL, 99, 5))[1:] == ["expired 2: 5 @ 99, price band"]
    assert tell(*LAST_100, submit(1, SELL, 101, 5), BAND, set_rule(w.REFERENCE_PRICE, 110), submit(2, BUY, 101, 5))[1:] == ["expired 2: 5 @ 101, price band"]


def test_the_band_stands_still_while_a_command_and_what_it_fires_are_done(tell):
    asks = [submit(n, SELL, 100 + n, 1) for n in (1, 2, 3, 4)]
    assert tell(*LAST_100, BAND, *asks, stop(9, BUY, 102, 2), submit(10, BUY, 102, 2))[3:] == ["triggered 9: 2 @ 0", "expired 9: 2 @ 0, price band"]
    assert tell(*LAST_100, BAND, *asks, submit(10, BUY, 102, 2), submit(11, BUY, 104, 2))[1:] == [
        "fill 11 x 3: 1 @ 103, leaves 1 / 0",
        "fill 11 x 4: 1 @ 104, leaves 0 / 0",
    ]


def test_fok_counts_only_what_is_within_the_band(tell):
    asks = submit(1, SELL, 101, 5), submit(2, SELL, 103, 5)
    assert tell(*LAST_100, BAND, *asks, submit(3, BUY, 103, 6, time_in_force=w.FOK))[1:] == ["expired 3: 6 @ 103, not fillable"]


def test_without_a_price_yet_there_is_no_band(tell):
    assert tell(BAND, submit(1, SELL, 500, 5), submit(2, BUY, 500, 5))[1:] == ["fill 2 x 1: 5 @ 500, leaves 0 / 0"]


def test_a_rule_sends_the_book_into_an_auction_instead(tell):
    market = *LAST_100, BAND, set_rule(w.BAND_INTERRUPTS, 1), submit(1, SELL, 103, 5)
    assert tell(*market, submit(2, BUY, 103, 9)) == ["accepted 2: 9 @ 103", "phase 1: 0 @ 0"]
    assert tell(*market, submit(2, BUY, 103, 9), TRADE) == ["phase 0: 5 @ 103", "fill 2 x 1: 5 @ 103, leaves 4 / 0, auction"]
    assert tell(*market, submit(2, BUY, 0, 9, order_type=w.MARKET, time_in_force=w.IOC))[1:] == ["phase 1: 0 @ 0", "expired 2: 9 @ 0, price band"]


def test_an_interruption_stops_the_cascade_and_stops_that_did_not_fire_wait_for_the_auction(tell):
    asks = submit(1, SELL, 102, 1), submit(2, SELL, 105, 5)
    market = *LAST_100, BAND, set_rule(w.BAND_INTERRUPTS, 1), *asks, stop(9, BUY, 102, 2), submit(10, BUY, 105, 2)
    assert tell(*market)[1:] == ["fill 10 x 1: 1 @ 102, leaves 1 / 0", "phase 1: 0 @ 0"]
    assert tell(*market, TRADE) == [
        "phase 0: 1 @ 105",
        "fill 10 x 2: 1 @ 105, leaves 0 / 4, auction",
        "triggered 9: 2 @ 0",
        "fill 9 x 2: 2 @ 105, leaves 0 / 2",
    ]


def test_rules_out_of_their_range_are_refused(tell):
    for rule, value in ((w.BAND_PPM, -1), (w.BAND_PPM, 1_000_001), (w.REFERENCE_PRICE, w.TICKS + 1), (w.BAND_INTERRUPTS, 2), (99, 1)):
        assert tell(set_rule(rule, value))[0].endswith("bad setting")
