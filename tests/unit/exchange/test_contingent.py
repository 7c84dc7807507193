"""Lists of orders, one fact a test, said of both engines."""

import pytest

from polaris.domain.orders import BUY, SELL
from polaris.exchange import MatchingEngine
from polaris.exchange import words as w
from polaris.exchange.accounts import Money
from tests.unit.exchange.commands import amend, cancel, clock, commands, expire_at, mass_cancel, oco, oto, set_phase, submit, trailing

MONEY = Money(4, 2, ((0, 1, 10, 3),))  # a lot is 10 units of the base (0), a tick of a lot 3 units of the quote (1)
BASE, QUOTE = 0, 1
IOC = {"time_in_force": w.IOC}


def stop(order_id: int, side: int, trigger: int, quantity: int, **fields: int) -> dict[str, int]:
    return submit(order_id, side, 0, quantity, order_type=w.STOP, time_in_force=w.IOC, trigger=trigger, **fields)


def deposit(account: int, asset: int, units: int) -> dict[str, int]:
    return {"operation": w.DEPOSIT, "account": account, "book": asset, "quantity": units}


PAIR = oco(submit(1, SELL, 110, 5), stop(2, SELL, 90, 5))
BRACKET = oto(submit(1, BUY, 100, 5), submit(2, SELL, 110, 5), stop(3, SELL, 90, 5))
LAST_100 = [submit(91, SELL, 100, 1), submit(92, BUY, 100, 1)]


def test_the_legs_of_a_list_are_accepted_together(tell):
    assert tell(PAIR) == ["accepted 1: 5 @ 110", "accepted 2: 5 @ 0"]
    assert tell(BRACKET) == ["accepted 1: 5 @ 100", "accepted 2: 5 @ 110, pending", "accepted 3: 5 @ 0, pending"]


def test_a_leg_that_trades_ends_the_other_one_and_this_is_told_first(tell):
    assert tell(PAIR, submit(3, BUY, 110, 2))[1:] == ["expired 2: 5 @ 0, linked", "fill 3 x 1: 2 @ 110, leaves 0 / 3"]
    assert tell(PAIR, submit(3, BUY, 110, 2), submit(4, BUY, 110, 2))[1:] == ["fill 4 x 1: 2 @ 110, leaves 0 / 1"]


def test_a_leg_that_takes_at_once_ends_the_other_one_first(tell):
    assert tell(submit(9, BUY, 111, 2), PAIR) == [
        "accepted 1: 5 @ 110",
        "accepted 2: 5 @ 0",
        "expired 2: 5 @ 0, linked",
        "fill 1 x 9: 2 @ 111, leaves 3 / 0",
    ]


def test_a_pair_that_shrinks_keeps_its_stop_for_what_has_not_traded(tell):
    pair = [{**leg, "flags": w.SHRINKS} for leg in PAIR]
    assert tell(pair, submit(3, BUY, 110, 2))[1:] == ["shrunk 2: 2 @ 0", "fill 3 x 1: 2 @ 110, leaves 0 / 3"]
    assert tell(pair, submit(3, BUY, 110, 2), submit(4, BUY, 110, 4))[1:] == ["expired 2: 3 @ 0, linked", "fill 4 x 1: 3 @ 110, leaves 1 / 0"]
    half = pair, submit(3, BUY, 110, 2), submit(8, BUY, 90, 9)
    assert tell(*half, submit(9, SELL, 90, 1))[1:] == [
        "fill 9 x 8: 1 @ 90, leaves 0 / 8",
        "expired 1: 3 @ 110, linked",
        "triggered 2: 3 @ 0",
        "fill 2 x 8: 3 @ 90, leaves 0 / 5",
    ]


def test_a_leg_of_a_pair_that_shrinks_takes_in_part_and_the_other_goes_on_with_the_rest(tell):
    pair = [{**leg, "flags": w.SHRINKS} for leg in PAIR]
    assert tell(submit(8, BUY, 111, 2), submit(9, BUY, 110, 1), pair)[2:] == [
        "shrunk 2: 2 @ 0",
        "fill 1 x 8: 2 @ 111, leaves 3 / 0",
        "shrunk 2: 1 @ 0",
        "fill 1 x 9: 1 @ 110, leaves 2 / 0",
    ]
    parked = oto(submit(1, BUY, 100, 5), *({**leg, "order_id": leg["order_id"] + 1, "flags": w.SHRINKS} for leg in PAIR))
    assert tell(parked, submit(8, BUY, 99, 1), submit(9, SELL, 100, 5))[2:] == ["activated 2: 5 @ 110", "activated 3: 5 @ 0"]
    low = [parked[0], {**parked[1], "price": 98}, parked[2]]
    assert tell(low, submit(8, BUY, 99, 1), submit(9, SELL, 100, 5))[2:] == [
        "activated 2: 5 @ 98",
        "activated 3: 5 @ 0",
        "shrunk 3: 1 @ 0",
        "fill 2 x 8: 1 @ 99, leaves 4 / 0",
    ]


def test_a_pair_that_shrinks_does_so_in_an_auction_too(tell):
    pair = [{**leg, "flags": w.SHRINKS} for leg in PAIR]
    assert tell(set_phase(w.AUCTION), pair, submit(3, BUY, 110, 2), set_phase(w.CONTINUOUS)) == [
        "phase 0: 2 @ 110",
        "shrunk 2: 2 @ 0",
        "fill 3 x 1: 2 @ 110, leaves 0 / 3, auction",
    ]


def test_the_legs_of_a_pair_that_shrinks_are_alike_and_are_not_amended(tell):
    first, second = PAIR
    for wrong in ([{**first, "flags": w.SHRINKS}, second], [{**first, "flags": w.SHRINKS}, {**second, "flags": w.SHRINKS, "quantity": 4}]):
        assert tell(wrong) == ["rejected 1: 5 @ 110, list refused", f"rejected 2: {wrong[1]['quantity']} @ 0, bad list"]
    assert tell(submit(1, SELL, 110, 5, flags=w.SHRINKS)) == ["rejected 1: 5 @ 110, bad operation"]
    pair = [{**leg, "flags": w.SHRINKS} for leg in PAIR]
    assert tell(pair, amend(1, 4)) == ["rejected 1: 4 @ 0, bad list"]
    assert tell(pair, submit(8, BUY, 90, 1), submit(9, SELL, 90, 1), amend(2, 1)) == ["rejected 2: 1 @ 0, unknown order"]


def test_a_leg_that_does_not_trade_with_itself_takes_as_many_lots_from_the_other(tell):
    pair = [{**leg, "account": 1} for leg in PAIR]
    own = {"account": 1, "prevention": w.DECREMENT}
    assert tell(pair, submit(3, BUY, 110, 2, **own))[1:] == ["shrunk 2: 2 @ 0", "prevented 3 x 1: 2 @ 110, leaves 0 / 3"]
    assert tell(pair, submit(3, BUY, 110, 9, **own))[1:] == ["prevented 3 x 1: 5 @ 110, leaves 4 / 0", "expired 2: 5 @ 0, linked"]
    takes = [{**leg, **own} for leg in PAIR]
    assert tell(submit(8, BUY, 110, 2, account=1), takes)[2:] == ["shrunk 2: 2 @ 0", "prevented 1 x 8: 2 @ 110, leaves 3 / 0"]
    short = oco({**PAIR[0], "account": 1}, stop(2, SELL, 90, 2, account=1))
    assert tell(short, submit(3, BUY, 110, 2, **own))[1:] == ["expired 2: 2 @ 0, linked", "prevented 3 x 1: 2 @ 110, leaves 0 / 3"]


def test_a_leg_that_fires_ends_the_other_one_first(tell):
    assert tell(PAIR, submit(8, BUY, 90, 9), submit(9, SELL, 90, 1))[1:] == [
        "fill 9 x 8: 1 @ 90, leaves 0 / 8",
        "expired 1: 5 @ 110, linked",
        "triggered 2: 5 @ 0",
        "fill 2 x 8: 5 @ 90, leaves 0 / 3",
    ]


def test_of_two_legs_that_wait_the_first_one_reached_ends_the_other(tell):
    legs = oco(stop(1, SELL, 95, 5), submit(2, SELL, 0, 5, order_type=w.TAKE_PROFIT, time_in_force=w.IOC, trigger=104))
    swept = submit(7, BUY, 95, 1), submit(8, BUY, 104, 1), submit(9, SELL, 95, 2)
    assert tell(*LAST_100, legs, *swept)[1:] == [
        "fill 9 x 8: 1 @ 104, leaves 1 / 0",
        "fill 9 x 7: 1 @ 95, leaves 0 / 0",
        "expired 1: 5 @ 0, linked",
        "triggered 2: 5 @ 0",
        "expired 2: 5 @ 0, remainder",
    ]


def test_a_cancel_of_one_is_a_cancel_of_the_list(tell):
    assert tell(PAIR, cancel(2)) == ["cancelled 2: 5 @ 0", "cancelled 1: 5 @ 110, linked"]
    assert tell(BRACKET, cancel(3)) == ["cancelled 3: 5 @ 0", "cancelled 2: 5 @ 110, linked", "cancelled 1: 5 @ 100, linked"]
    assert tell(BRACKET, cancel(1)) == ["cancelled 1: 5 @ 100", "cancelled 2: 5 @ 110, linked", "cancelled 3: 5 @ 0, linked"]
    assert tell(BRACKET, mass_cancel(side=SELL)) == ["cancelled 2: 5 @ 110", "cancelled 3: 5 @ 0, linked", "cancelled 1: 5 @ 100, linked"]


def test_two_legs_at_one_trigger_are_cancelled_once_each(tell):
    legs = oco(stop(1, BUY, 105, 1), stop(2, BUY, 105, 1))
    assert tell(stop(8, BUY, 105, 1), legs, stop(9, BUY, 105, 1), mass_cancel()) == [
        "cancelled 8: 1 @ 0",
        "cancelled 1: 1 @ 0",
        "cancelled 2: 1 @ 0, linked",
        "cancelled 9: 1 @ 0",
    ]


def test_a_leg_whose_time_is_over_ends_the_other_one(tell):
    assert tell(PAIR, expire_at(1, 50), clock(50)) == ["expired 1: 5 @ 110, time", "expired 2: 5 @ 0, linked"]


def test_a_parked_leg_whose_time_is_over_leaves_the_working_order(tell):
    assert tell(BRACKET, expire_at(2, 50), clock(50)) == ["expired 2: 5 @ 110, time", "expired 3: 5 @ 0, linked"]
    assert tell(BRACKET, expire_at(2, 50), clock(50), submit(9, SELL, 100, 5))[1:] == ["fill 9 x 1: 5 @ 100, leaves 0 / 0"]


def test_parked_legs_are_activated_when_the_working_order_is_wholly_filled_and_then_a_pair(tell):
    assert tell(BRACKET, submit(8, SELL, 100, 3))[1:] == ["fill 8 x 1: 3 @ 100, leaves 0 / 2"]
    assert tell(BRACKET, submit(8, SELL, 100, 3), submit(9, SELL, 100, 2))[1:] == [
        "fill 9 x 1: 2 @ 100, leaves 0 / 0",
        "activated 2: 5 @ 110",
        "activated 3: 5 @ 0",
    ]
    assert tell(BRACKET, submit(8, SELL, 100, 5), submit(9, BUY, 110, 1))[1:] == ["expired 3: 5 @ 0, linked", "fill 9 x 2: 1 @ 110, leaves 0 / 4"]


def test_an_activated_order_enters_after_the_order_that_filled_it_and_may_trade_at_once(tell):
    chain = oto(submit(1, BUY, 100, 5), submit(2, SELL, 99, 5))
    assert tell(chain, submit(8, BUY, 99, 4), submit(9, SELL, 100, 6)) == [
        "accepted 9: 6 @ 100",
        "fill 9 x 1: 5 @ 100, leaves 1 / 0",
        "activated 2: 5 @ 99",
        "fill 2 x 8: 4 @ 99, leaves 1 / 0",
    ]


def test_a_working_order_that_fills_as_it_comes_activates_too(tell):
    assert tell(submit(9, SELL, 100, 5), BRACKET)[3:] == ["fill 1 x 9: 5 @ 100, leaves 0 / 0", "activated 2: 5 @ 110", "activated 3: 5 @ 0"]


def test_a_stop_whose_trigger_was_reached_before_it_was_activated_fires_at_once(tell):
    chain = oto(submit(1, BUY, 100, 5), submit(2, SELL, 110, 5), stop(3, SELL, 100, 5))
    assert tell(chain, submit(8, BUY, 99, 9), submit(9, SELL, 100, 5))[2:] == [
        "activated 2: 5 @ 110",
        "activated 3: 5 @ 0",
        "expired 2: 5 @ 110, linked",
        "triggered 3: 5 @ 0",
        "fill 3 x 8: 5 @ 99, leaves 0 / 4",
    ]


def test_parked_legs_end_where_the_working_order_ends_otherwise(tell):
    chain = oto(submit(1, BUY, 100, 5, **IOC), submit(2, SELL, 110, 5))
    assert tell(submit(9, SELL, 100, 2), chain)[2:] == [
        "fill 1 x 9: 2 @ 100, leaves 3 / 0",
        "expired 1: 3 @ 100, remainder",
        "expired 2: 5 @ 110, linked",
    ]
    own = {"account": 7}
    prevented = submit(9, SELL, 100, 5, **own, prevention=w.DECREMENT)
    assert tell(oto(submit(1, BUY, 100, 5, **own), submit(2, SELL, 110, 5, **own)), prevented)[1:] == [
        "prevented 9 x 1: 5 @ 100, leaves 0 / 0",
        "expired 2: 5 @ 110, linked",
    ]


def test_a_self_trade_that_expires_a_leg_ends_the_other(tell):
    own = {"account": 7}
    pair = oco(submit(1, SELL, 110, 5, **own), stop(2, SELL, 90, 5, **own))
    assert tell(pair, submit(3, BUY, 110, 2, **own, prevention=w.EXPIRE_MAKER))[1:] == ["expired 1: 5 @ 110, self-trade", "expired 2: 5 @ 0, linked"]


@pytest.mark.parametrize(
    ("legs", "told"),
    [
        (oco(submit(1, SELL, 110, 0), stop(2, SELL, 90, 5)), ["bad quantity", "list refused"]),
        (oco(submit(1, SELL, 110, 0), stop(2, SELL, 0, 5)), ["bad quantity", "bad trigger"]),
        (oco(submit(1, SELL, 110, 5), stop(2, SELL, 100, 5)), ["list refused", "triggered already"]),
        (oco(submit(1, SELL, 110, 5), submit(2, SELL, 111, 5)), ["list refused", "bad list"]),
        (oco(submit(1, SELL, 110, 5), stop(2, BUY, 120, 5)), ["list refused", "bad list"]),
        (oco(submit(1, SELL, 110, 5), stop(2, SELL, 90, 5, account=3)), ["list refused", "bad list"]),
        (oco(submit(1, SELL, 110, 5, **IOC), stop(2, SELL, 90, 5)), ["bad list", "list refused"]),
        (oco(submit(1, SELL, 100, 5, time_in_force=w.POST_ONLY), stop(2, SELL, 90, 5)), ["would take", "list refused"]),
        (oto(stop(1, BUY, 120, 5), submit(2, SELL, 110, 5)), ["bad list", "list refused"]),
        (oto(submit(1, BUY, 90, 5), submit(2, SELL, 0, 500, order_type=w.MARKET_AMOUNT, **IOC)), ["list refused", "bad list"]),
        (oto(submit(1, BUY, 90, 5), submit(2, SELL, 110, 5), submit(3, SELL, 111, 5)), ["list refused", "list refused", "bad list"]),
    ],
)
def test_one_bad_leg_refuses_the_whole_list_and_nothing_changes(hear, legs, told):
    before = hear(*LAST_100, submit(80, BUY, 100, 1)).engine.digest()
    heard = hear(*LAST_100, submit(80, BUY, 100, 1), legs)
    assert heard.words == [f"rejected {leg['order_id']}: {leg['quantity']} @ {leg['price']}, {why}" for leg, why in zip(legs, told, strict=True)]
    assert heard.engine.digest() == before


@pytest.mark.parametrize(
    "legs",
    [
        PAIR[:1],
        PAIR[1:],
        BRACKET[:2],
        BRACKET[1:],
        [PAIR[0], {**PAIR[1], "order_id": 7}],
        [PAIR[0], cancel(2)],
        [PAIR[0], BRACKET[2]],
        [submit(1, SELL, 110, 5, role=8)],
    ],
)
def test_a_list_that_is_not_whole_is_refused(hear, legs):
    heard = hear(legs)
    assert heard.words and all("bad list" in told or "unknown order" in told for told in heard.words)
    assert len(heard.engine.orders()) == 0


def test_a_list_that_a_batch_cuts_is_refused_and_whoever_calls_hands_it_over_whole():
    engine = MatchingEngine((1,), 100)
    rows = commands(*PAIR)
    told = [*engine.run(rows[:1]), *engine.run(rows[1:])]
    assert [w.REASON_NAMES[event["reason"]] for event in told] == ["bad list", "bad list"]


def test_a_list_needs_room_for_all_its_legs(tell):
    assert [told.split(", ")[1] for told in tell(BRACKET, capacity=2)] == ["list refused", "list refused", "engine full"]


def test_a_leg_shrinks_but_a_waiting_or_parked_one_keeps_its_price(tell):
    assert tell(PAIR, amend(2, 3)) == ["amended 2: 3 @ 0, kept its place"]
    assert tell(PAIR, amend(2, 6)) == ["rejected 2: 6 @ 0, not resting"]
    assert tell(PAIR, amend(1, 5, 108)) == ["amended 1: 5 @ 108"]
    assert tell(BRACKET, amend(2, 4)) == ["amended 2: 4 @ 110, kept its place"]
    assert tell(BRACKET, amend(2, 4, 111)) == ["rejected 2: 4 @ 111, not resting"]


def test_a_leg_that_enters_anew_by_an_amend_stays_linked(tell):
    assert tell(PAIR, amend(1, 5, 108), submit(3, BUY, 108, 1))[1:] == ["expired 2: 5 @ 0, linked", "fill 3 x 1: 1 @ 108, leaves 0 / 4"]
    assert tell(BRACKET, amend(1, 4, 101), submit(9, SELL, 101, 4))[1:] == [
        "fill 9 x 1: 4 @ 101, leaves 0 / 0",
        "activated 2: 5 @ 110",
        "activated 3: 5 @ 0",
    ]


def test_a_trailing_leg_ends_with_its_pair(tell):
    pair = oco(submit(1, SELL, 110, 5), trailing(2, SELL, 5, 4))
    assert tell(*LAST_100, pair, submit(3, BUY, 110, 1))[1:] == ["expired 2: 5 @ 0, linked", "fill 3 x 1: 1 @ 110, leaves 0 / 4"]


def test_a_parked_market_order_trades_when_it_is_activated(tell):
    chain = oto(submit(1, BUY, 100, 5), submit(2, SELL, 0, 5, order_type=w.MARKET, **IOC))
    assert tell(chain, submit(8, BUY, 98, 5), submit(9, SELL, 100, 5))[2:] == ["activated 2: 5 @ 0", "fill 2 x 8: 5 @ 98, leaves 0 / 0"]


# accounts


def test_a_pair_holds_what_its_larger_leg_would_and_hands_it_over(hear):
    rich = deposit(1, BASE, 1_000), deposit(2, QUOTE, 10_000)
    pair = oco(submit(1, SELL, 110, 5, account=1), stop(2, SELL, 90, 8, account=1))
    assert hear(*rich, pair, money=MONEY).has(1, BASE) == (920, 80)
    assert hear(*rich, pair, submit(3, BUY, 110, 2, account=2), money=MONEY).has(1, BASE) == (950, 30)
    assert hear(*rich, pair, amend(2, 2), money=MONEY).has(1, BASE) == (950, 50)
    assert hear(*rich, pair, amend(1, 9), money=MONEY).has(1, BASE) == (910, 90)
    assert hear(*rich, pair, cancel(1), money=MONEY).has(1, BASE) == (1_000, 0)


def test_what_a_pair_that_shrinks_holds_shrinks_with_it(hear):
    rich = deposit(1, BASE, 50), deposit(1, QUOTE, 2_000), deposit(2, BASE, 50), deposit(2, QUOTE, 10_000)
    pair = [{**leg, "account": 1, "flags": w.SHRINKS} for leg in PAIR]
    heard = hear(*rich, pair, submit(3, BUY, 110, 2, account=2), money=MONEY)
    assert (heard.has(1, BASE), heard.engine.ledger().positions[1, 0]["sells"]) == ((0, 30), 3)
    assert hear(*rich, pair, submit(3, BUY, 110, 5, account=2), money=MONEY).has(1, BASE) == (0, 0)
    auction = set_phase(w.AUCTION), pair, submit(3, BUY, 110, 2, account=2), set_phase(w.CONTINUOUS)
    assert hear(*rich, *auction, money=MONEY).has(1, BASE) == (0, 30)
    buys = oco(submit(1, BUY, 90, 5, account=1), submit(2, BUY, 120, 5, order_type=w.STOP_LIMIT, trigger=115, account=1))
    buys = [{**leg, "flags": w.SHRINKS} for leg in buys]
    heard = hear(*rich, buys, submit(3, SELL, 90, 2, account=2), money=MONEY)
    assert heard.has(1, QUOTE) == (2_000 - 2 * 90 * 3 - 3 * 120 * 3, 3 * 120 * 3)
    takes = hear(*rich, submit(3, SELL, 90, 2, account=2), buys, money=MONEY)
    assert takes.has(1, QUOTE) == heard.has(1, QUOTE)


def test_a_pair_to_buy_holds_the_dearer_leg(hear):
    pair = oco(submit(1, BUY, 90, 5, account=1), submit(2, BUY, 120, 5, order_type=w.STOP_LIMIT, trigger=115, account=1))
    heard = hear(deposit(1, QUOTE, 5 * 120 * 3), pair, money=MONEY)
    assert heard.has(1, QUOTE) == (0, 5 * 120 * 3)
    assert heard.engine.ledger().positions[1, 0]["buys"] == 5


def test_a_pair_whose_larger_leg_can_not_be_paid_is_refused(tell):
    pair = oco(submit(1, SELL, 110, 5, account=1), stop(2, SELL, 90, 8, account=1))
    assert tell(deposit(1, BASE, 79), pair, money=MONEY) == ["rejected 1: 5 @ 110, list refused", "rejected 2: 8 @ 0, insufficient balance"]


def test_parked_legs_hold_nothing_until_the_fill_has_paid_for_them(hear):
    bracket = [{**leg, "account": 1} for leg in BRACKET]
    rich = deposit(1, QUOTE, 1_500), deposit(2, BASE, 50)
    heard = hear(*rich, bracket, money=MONEY)
    assert (heard.has(1, BASE), heard.has(1, QUOTE)) == ((0, 0), (0, 1_500))
    assert heard.engine.ledger().accounts[1]["orders"] == 3
    heard = hear(*rich, bracket, submit(9, SELL, 100, 5, account=2), money=MONEY)
    assert (heard.has(1, BASE), heard.has(1, QUOTE)) == ((0, 50), (0, 0))


def test_a_parked_leg_that_can_not_be_paid_when_it_is_activated_ends(tell):
    bracket = oto(submit(1, BUY, 100, 5, account=1), submit(2, SELL, 110, 6, account=1), stop(3, SELL, 90, 5, account=1))
    rich = deposit(1, QUOTE, 1_500), deposit(2, BASE, 50)
    assert tell(*rich, bracket, submit(9, SELL, 100, 5, account=2), money=MONEY)[2:] == [
        "activated 2: 6 @ 110",
        "activated 3: 5 @ 0",
        "expired 2: 6 @ 110, insufficient balance",
        "expired 3: 5 @ 0, linked",
    ]


def test_a_reduce_only_bracket_is_checked_when_it_is_activated(tell):
    legs = {"account": 1, "flags": w.REDUCE_ONLY}
    bracket = oto(submit(1, BUY, 100, 5, account=1), submit(2, SELL, 110, 5, **legs), stop(3, SELL, 90, 5, **legs))
    rich = deposit(1, QUOTE, 1_500), deposit(1, BASE, 900), deposit(2, BASE, 50)
    filled = submit(9, SELL, 100, 5, account=2)
    assert tell(*rich, bracket, filled, money=MONEY)[2:] == ["activated 2: 5 @ 110", "activated 3: 5 @ 0"]
    short = submit(8, SELL, 120, 1, account=1)
    assert tell(*rich, short, bracket, filled, money=MONEY)[4:] == ["expired 2: 5 @ 110, not reducing", "expired 3: 5 @ 0, linked"]


def test_every_leg_counts_against_the_accounts_limits(tell):
    bracket = [{**leg, "account": 1} for leg in BRACKET]
    few = {"operation": w.SET_LIMIT, "account": 1, "book": -1, "trigger": w.LIMIT_ORDERS, "price": 2}
    fast = {"operation": w.SET_LIMIT, "account": 1, "book": -1, "trigger": w.LIMIT_TEN_SECONDS, "price": 2}
    rich = deposit(1, QUOTE, 1_500)
    assert [told.split(", ")[1] for told in tell(rich, few, bracket, money=MONEY)] == ["list refused", "list refused", "too many orders"]
    assert [told.split(", ")[1] for told in tell(rich, fast, bracket, money=MONEY)] == ["list refused", "list refused", "order rate"]


def test_a_list_gathers_in_an_auction_and_is_refused_in_a_halt(tell):
    assert tell(set_phase(w.AUCTION), PAIR) == ["accepted 1: 5 @ 110", "accepted 2: 5 @ 0"]
    assert tell(set_phase(w.HALTED), BRACKET) == [
        "rejected 1: 5 @ 100, book halted",
        "rejected 2: 5 @ 110, list refused",
        "rejected 3: 5 @ 0, list refused",
    ]
