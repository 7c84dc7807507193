"""What accounts may and what it costs them, one fact a test, said of both engines: the plain one and the compiled one."""

from collections.abc import Callable
from typing import Any

import pytest

from polaris.domain.orders import BUY, SELL
from polaris.exchange import MatchingEngine
from polaris.exchange import words as w
from polaris.exchange.accounts import Money
from polaris.exchange.book_reference import ReferenceEngine
from polaris.exchange.ledger import Ledger
from polaris.exchange.words import EVENT_NAMES, REASON_NAMES
from tests.unit.exchange.commands import Fields, amend, cancel, clock, commands, submit

ENGINES = {"plain": ReferenceEngine, "compiled": MatchingEngine}
MONEY = Money(5, 2, ((0, 1, 10, 3),))  # a lot is 10 units of the base (0), a tick of a lot 3 units of the quote (1)
BASE, QUOTE = 0, 1
LOT, TICK = 10, 3
SECOND = 10**9
DAY = 86_400 * SECOND


def operation(number: int, **fields: int) -> Fields:
    return {"operation": number, **fields}


def deposit(account: int, asset: int, units: int) -> Fields:
    return operation(w.DEPOSIT, account=account, book=asset, quantity=units)


def limit(which: int, value: int, account: int = 0, where: int = -1) -> Fields:
    return operation(w.SET_LIMIT, account=account, book=where, trigger=which, price=value)


def rule(which: int, value: int) -> Fields:
    return operation(w.SET_RULE, book=0, trigger=which, price=value)


RICH = [deposit(account, asset, 1_000_000) for account in (1, 2, 3) for asset in (BASE, QUOTE)]


class Told:
    """What the last command caused, and what everybody has then."""

    def __init__(self, engine: Any, last: Any) -> None:
        self.engine = engine
        self.events = last
        self.ledger: Ledger = engine.ledger()

    @property
    def words(self) -> list[str]:
        return [EVENT_NAMES[e["kind"]] + (f", {REASON_NAMES[e['reason']]}" if e["reason"] else "") for e in self.events]

    def has(self, account: int, asset: int) -> tuple[int, int]:
        """(free, locked)"""
        row = self.ledger.balances[account, asset]
        return int(row["free"]), int(row["locked"])

    def position(self, account: int) -> tuple[int, int]:
        """(lots, cost)"""
        row = self.ledger.positions[account, 0]
        return int(row["position"]), int(row["cost"])


@pytest.fixture(params=ENGINES)
def tell(request: pytest.FixtureRequest) -> Callable[..., Told]:
    """Runs commands on a fresh engine; says what the last one caused."""

    def run(*fields: Fields) -> Told:
        engine = ENGINES[request.param]((1,), 100, MONEY)
        told = engine.run(commands(*fields))
        return Told(engine, told[told["seq"] == len(fields)])

    return run


def test_a_deposit_is_free_at_once_and_told(tell):
    told = tell(deposit(1, QUOTE, 500), deposit(1, QUOTE, 200))
    assert told.words == ["balance"]
    assert told.events[["account", "book", "quantity", "leaves"]].tolist() == [(1, QUOTE, 200, 700)]


def test_only_what_is_free_can_be_withdrawn(tell):
    order = deposit(1, QUOTE, 500), submit(1, BUY, 10, 10, account=1)
    assert tell(*order, operation(w.WITHDRAW, account=1, book=QUOTE, quantity=201)).words == ["rejected, insufficient balance"]
    assert tell(*order, operation(w.WITHDRAW, account=1, book=QUOTE, quantity=200)).has(1, QUOTE) == (0, 300)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (deposit(5, QUOTE, 1), "bad account"),
        (deposit(-1, QUOTE, 1), "bad account"),
        (deposit(1, 2, 1), "no such asset"),
        (deposit(1, -1, 1), "no such asset"),
        (deposit(1, QUOTE, 0), "bad quantity"),
        (deposit(1, QUOTE, -5), "bad quantity"),
        (deposit(1, QUOTE, w.MAX_UNITS + 1), "bad quantity"),
        (operation(w.TRANSFER, account=1, order_id=1, book=0, quantity=1), "bad account"),
        (operation(w.TRANSFER, account=1, order_id=9, book=0, quantity=1), "bad account"),
    ],
)
def test_units_are_not_moved_where_the_words_make_no_sense(tell, wrong, reason):
    assert tell(wrong).words == [f"rejected, {reason}"]


def test_all_units_of_an_asset_together_stay_below_what_an_integer_holds(tell):
    assert tell(deposit(1, QUOTE, w.MAX_UNITS), deposit(2, QUOTE, 1)).words == ["rejected, bad quantity"]


def test_a_transfer_goes_between_accounts_of_one_master_or_the_house_only(tell):
    start = [deposit(1, QUOTE, 100), limit(w.LIMIT_MASTER, 3, account=1), limit(w.LIMIT_MASTER, 3, account=2)]
    move = {"book": QUOTE, "quantity": 60}
    assert tell(*start, operation(w.TRANSFER, account=1, order_id=2, **move)).has(2, QUOTE) == (60, 0)
    assert tell(*start, operation(w.TRANSFER, account=1, order_id=3, **move)).has(3, QUOTE) == (60, 0)
    assert tell(*start, operation(w.TRANSFER, account=1, order_id=0, **move)).has(0, QUOTE) == (60, 0)
    assert tell(*start, operation(w.TRANSFER, account=1, order_id=4, **move)).words == ["rejected, not related"]
    told = tell(*start, operation(w.TRANSFER, account=1, order_id=2, book=QUOTE, quantity=101))
    assert (told.words, told.has(1, QUOTE)) == (["rejected, insufficient balance"], (100, 0))


def test_a_buy_locks_its_lots_at_its_limit_and_a_sell_its_lots(tell):
    assert tell(*RICH, submit(1, BUY, 7, 5, account=1)).has(1, QUOTE) == (1_000_000 - 7 * 5 * TICK, 7 * 5 * TICK)
    assert tell(*RICH, submit(1, SELL, 7, 5, account=1)).has(1, BASE) == (1_000_000 - 5 * LOT, 5 * LOT)
    assert tell(*RICH, submit(1, SELL, 7, 5, account=1, display=2)).has(1, BASE)[1] == 5 * LOT  # hidden ones too


@pytest.mark.parametrize(("side", "asset", "need"), [(BUY, QUOTE, 7 * 5 * TICK), (SELL, BASE, 5 * LOT)])
def test_an_order_needs_to_the_unit_what_it_locks(tell, side, asset, need):
    assert tell(deposit(1, asset, need - 1), submit(1, side, 7, 5, account=1)).words == ["rejected, insufficient balance"]
    assert tell(deposit(1, asset, need), submit(1, side, 7, 5, account=1)).has(1, asset) == (0, need)


def test_what_an_order_locked_is_free_again_when_it_ends_or_shrinks(tell):
    order = *RICH, submit(1, BUY, 7, 5, account=1)
    assert tell(*order, cancel(1)).has(1, QUOTE) == (1_000_000, 0)
    assert tell(*order, amend(1, 2)).has(1, QUOTE)[1] == 7 * 2 * TICK
    assert tell(*order, amend(1, 5, 6)).has(1, QUOTE)[1] == 6 * 5 * TICK
    assert tell(*order, operation(w.MASS_CANCEL, book=-1)).has(1, QUOTE) == (1_000_000, 0)


def test_an_amend_may_use_what_the_order_itself_had_locked(tell):
    start = deposit(1, QUOTE, 7 * 5 * TICK), submit(1, BUY, 7, 5, account=1)
    assert tell(*start, amend(1, 7, 5)).words == ["amended"]
    told = tell(*start, amend(1, 6, 6))
    assert (told.words, told.has(1, QUOTE)) == (["rejected, insufficient balance"], (0, 7 * 5 * TICK))


def test_a_fill_at_a_better_price_costs_that_price(tell):
    told = tell(*RICH, submit(1, SELL, 5, 4, account=2), submit(2, BUY, 9, 4, account=1))
    assert told.has(1, QUOTE) == (1_000_000 - 5 * 4 * TICK, 0)
    assert told.has(1, BASE) == (1_000_000 + 4 * LOT, 0)
    assert told.has(2, QUOTE) == (1_000_000 + 5 * 4 * TICK, 0)
    assert told.has(2, BASE) == (1_000_000 - 4 * LOT, 0)


def test_each_pays_its_fee_from_what_it_receives_rounded_up_to_the_house(tell):
    fees = operation(w.SET_FEE, order_id=1, price=1_000, quantity=2_500), *(operation(w.SET_TIER, account=a, quantity=1) for a in (1, 2))
    told = tell(*RICH, *fees, submit(1, SELL, 5, 401, account=2), submit(2, BUY, 9, 401, account=1))
    goods, money = 401 * LOT, 5 * 401 * TICK
    assert told.events[1][["fee", "maker_fee"]].tolist() == (11, 7)  # 0.25 % of 4,010 and 0.1 % of 6,015, rounded up
    assert told.has(1, BASE) == (1_000_000 + goods - 11, 0)
    assert told.has(2, QUOTE) == (1_000_000 + money - 7, 0)
    assert (told.has(0, BASE), told.has(0, QUOTE)) == ((11, 0), (7, 0))


def test_a_market_order_needs_what_the_book_asks_and_no_more(tell):
    asks = submit(1, SELL, 5, 2, account=2), submit(2, SELL, 8, 2, account=2)
    cost = (2 * 5 + 1 * 8) * TICK
    market = submit(3, BUY, 0, 3, order_type=w.MARKET, time_in_force=w.IOC, account=4)
    assert tell(*RICH, *asks, deposit(4, QUOTE, cost - 1), market).words == ["rejected, insufficient balance"]
    assert tell(*RICH, *asks, deposit(4, QUOTE, cost), market).has(4, QUOTE) == (0, 0)


def test_a_market_order_to_spend_an_amount_needs_what_it_would_spend(tell):
    asks = submit(1, SELL, 5, 2, account=2), submit(2, SELL, 8, 2, account=2)
    market = submit(3, BUY, 0, 25, order_type=w.MARKET_AMOUNT, time_in_force=w.IOC, account=4)  # 2 at 5, 1 at 8, 7 left
    assert tell(*RICH, *asks, deposit(4, QUOTE, 18 * TICK - 1), market).words == ["rejected, insufficient balance"]
    assert tell(*RICH, *asks, deposit(4, QUOTE, 18 * TICK), market).words == ["accepted", "fill", "fill", "expired, remainder"]


def test_an_immediate_order_needs_what_would_trade_and_not_its_limit(tell):
    asks = submit(1, SELL, 5, 2, account=2), submit(2, SELL, 8, 2, account=2)
    order = submit(3, BUY, 7, 9, time_in_force=w.IOC, account=4)
    assert tell(*RICH, *asks, deposit(4, QUOTE, 2 * 5 * TICK), order).words == ["accepted", "fill", "expired, remainder"]


def test_the_hidden_lots_of_an_iceberg_cost_their_price_too(tell):
    asks = submit(1, SELL, 5, 6, account=2, display=2), submit(2, SELL, 5, 1, account=2), submit(3, SELL, 8, 9, account=2)
    market = submit(4, BUY, 0, 8, order_type=w.MARKET, time_in_force=w.IOC, account=4)
    cost = (7 * 5 + 8) * TICK
    assert tell(*RICH, *asks, deposit(4, QUOTE, cost - 1), market).words == ["rejected, insufficient balance"]
    assert tell(*RICH, *asks, deposit(4, QUOTE, cost), market).has(4, QUOTE) == (0, 0)


def test_an_order_that_can_not_fill_whole_costs_nothing(tell):
    order = submit(3, BUY, 7, 9, time_in_force=w.FOK, account=4)
    assert tell(*RICH, submit(1, SELL, 5, 2, account=2), order).words == ["accepted", "expired, not fillable"]


def test_own_orders_that_are_not_traded_with_cost_nothing(tell):
    asks = submit(1, SELL, 5, 2, account=1), submit(2, SELL, 8, 2, account=2)
    poor = *RICH, operation(w.WITHDRAW, account=1, book=QUOTE, quantity=1_000_000 - 2 * 8 * TICK)
    order = {"order_type": w.MARKET, "time_in_force": w.IOC, "account": 1}
    assert tell(*poor, *asks, submit(3, BUY, 0, 2, prevention=w.EXPIRE_MAKER, **order)).words == ["accepted", "expired, self-trade", "fill"]
    assert tell(*poor, *asks, submit(3, BUY, 0, 4, prevention=w.DECREMENT, **order)).words == ["accepted", "prevented", "fill"]


def test_what_was_prevented_is_not_locked_any_more(tell):
    told = tell(*RICH, submit(1, SELL, 5, 4, account=1), submit(2, BUY, 5, 3, account=1, prevention=w.DECREMENT))
    assert (told.words, told.has(1, BASE), told.has(1, QUOTE)) == (["accepted", "prevented"], (1_000_000 - LOT, LOT), (1_000_000, 0))


def test_a_stop_to_buy_locks_its_worst_price_and_never_trades_beyond_it(tell):
    stop = submit(1, BUY, 12, 5, order_type=w.STOP, time_in_force=w.IOC, trigger=10, account=1)
    assert tell(*RICH, stop).has(1, QUOTE)[1] == 12 * 5 * TICK
    asks = submit(2, SELL, 10, 1, account=2), submit(3, SELL, 12, 2, account=2), submit(4, SELL, 13, 9, account=2)
    told = tell(*RICH, stop, *asks, submit(5, BUY, 10, 1, account=3))
    assert told.words == ["accepted", "fill", "triggered", "fill", "expired, remainder"]
    assert told.has(1, QUOTE) == (1_000_000 - 12 * 2 * TICK, 0)


def test_without_a_worst_price_a_stop_to_buy_takes_the_price_band_around_its_trigger(tell):
    stop = submit(1, BUY, 0, 5, order_type=w.STOP, time_in_force=w.IOC, trigger=1_000, account=1)
    told = tell(*RICH, rule(w.BAND_PPM, 50_000), stop)
    assert (told.events["price"].tolist(), told.has(1, QUOTE)[1]) == ([1_050], 1_050 * 5 * TICK)
    assert tell(*RICH, stop).words == ["rejected, insufficient balance"]  # it could cost as much as the book's highest price


def test_an_order_worth_more_than_an_integer_holds_is_refused(tell):
    assert tell(*RICH, submit(1, BUY, w.TICKS - 1, w.MAX_QUANTITY, account=1)).words == ["rejected, notional"]


@pytest.mark.parametrize("account", [0, 5, 2**31 - 1])
def test_the_house_and_accounts_that_are_not_there_do_not_trade(tell, account):
    assert tell(submit(1, BUY, 5, 1, account=account)).words == ["rejected, bad account"]


def test_positions_cost_what_was_paid_and_the_result_is_what_came_back(tell):
    trades = [submit(1, SELL, 5, 4, account=2), submit(2, BUY, 5, 4, account=1), submit(3, SELL, 8, 6, account=2), submit(4, BUY, 8, 6, account=1)]
    assert tell(*RICH, *trades).position(1) == (10, (4 * 5 + 6 * 8) * TICK)
    told = tell(*RICH, *trades, submit(5, BUY, 9, 5, account=3), submit(6, SELL, 9, 5, account=1))
    assert told.position(1) == (5, 34 * TICK)  # half of 68
    assert told.ledger.balances["result"][1, QUOTE] == (45 - 34) * TICK
    assert told.position(2) == (-10, 68 * TICK)


def test_a_sellers_fee_counts_into_the_result_of_the_day_and_a_buyers_does_not(tell):
    fees = operation(w.SET_FEE, order_id=0, price=1_000, quantity=100_000)
    told = tell(*RICH, fees, submit(1, BUY, 5, 4, account=2), submit(2, SELL, 5, 4, account=1))
    assert told.ledger.balances["result"][1, QUOTE] == -(4 * 5 * TICK) // 10
    assert told.ledger.balances["result"][2].tolist() == [0, 0]
    assert told.ledger.balances["result"][0].tolist() == [0, 0]


def test_a_position_can_turn_and_what_is_new_costs_the_new_price(tell):
    trades = [submit(1, SELL, 5, 4, account=2), submit(2, BUY, 5, 4, account=1)]
    told = tell(*RICH, *trades, submit(3, BUY, 7, 10, account=3), submit(4, SELL, 7, 10, account=1))
    assert told.position(1) == (-6, 6 * 7 * TICK)
    assert told.ledger.balances["result"][1, QUOTE] == 4 * (7 - 5) * TICK


LONG = [*RICH, submit(1, SELL, 50, 10, account=2), submit(2, BUY, 50, 10, account=1)]  # account 1 holds 10 lots


def test_a_reduce_only_order_may_be_as_large_as_the_position_less_what_is_open_on_its_side(tell):
    assert tell(*LONG, submit(3, SELL, 60, 11, account=1, flags=w.REDUCE_ONLY)).words == ["rejected, not reducing"]
    assert tell(*LONG, submit(3, BUY, 40, 1, account=1, flags=w.REDUCE_ONLY)).words == ["rejected, not reducing"]
    assert tell(*RICH, submit(3, SELL, 60, 1, account=1, flags=w.REDUCE_ONLY)).words == ["rejected, not reducing"]
    first = *LONG, submit(3, SELL, 60, 6, account=1, flags=w.REDUCE_ONLY)
    assert tell(*first, submit(4, SELL, 61, 5, account=1, flags=w.REDUCE_ONLY)).words == ["rejected, not reducing"]
    assert tell(*first, submit(4, SELL, 61, 4, account=1, flags=w.REDUCE_ONLY)).words == ["accepted"]


def test_where_the_position_shrinks_the_youngest_reduce_only_orders_end(tell):
    kin = [submit(3 + i, SELL, 60 + i, 3, account=1, flags=w.REDUCE_ONLY) for i in range(3)]
    told = tell(*LONG, *kin, submit(8, BUY, 45, 5, account=2), submit(9, SELL, 45, 5, account=1))
    assert told.words == ["accepted", "fill", "expired, not reducing", "expired, not reducing"]
    assert told.events["order_id"].tolist() == [9, 9, 5, 4]
    assert [order["order_id"] for order in told.engine.orders()] == [3]


def test_an_order_that_would_turn_the_position_with_them_ends_reduce_only_orders_when_it_stands(tell):
    stop = submit(3, SELL, 0, 6, account=1, order_type=w.STOP, trigger=20, time_in_force=w.IOC, flags=w.REDUCE_ONLY)
    assert tell(*LONG, stop, submit(4, SELL, 60, 4, account=1)).words == ["accepted"]
    assert tell(*LONG, stop, submit(4, SELL, 60, 5, account=1)).words == ["accepted", "expired, not reducing"]


def test_stops_that_fire_together_never_turn_the_position_of_a_reduce_only_one(tell):
    stops = [submit(i, SELL, 0, 5, account=1, order_type=w.STOP, trigger=40, time_in_force=w.IOC, flags=flags) for i, flags in ((3, w.REDUCE_ONLY), (4, 0))]
    bids = submit(5, BUY, 40, 1, account=2), submit(6, BUY, 39, 50, account=2)
    told = tell(*LONG, *stops, *bids, submit(7, SELL, 40, 1, account=3))
    assert told.words == ["accepted", "fill", "triggered", "triggered", "fill", "fill"]
    assert told.position(1) == (0, 0)


def test_a_killed_account_loses_its_orders_and_opens_nothing_until_it_is_revived(tell):
    start = *LONG, submit(3, SELL, 60, 4, account=1), submit(4, SELL, 60, 4, account=2)
    told = tell(*start, operation(w.KILL, account=1))
    assert (told.words, told.has(1, BASE)) == (["setting", "cancelled"], (1_000_000 + 10 * LOT, 0))
    assert [order["order_id"] for order in told.engine.orders()] == [4]
    assert tell(*start, operation(w.KILL, account=1), submit(5, SELL, 60, 4, account=1)).words == ["rejected, killed"]
    assert tell(*start, operation(w.KILL, account=1), submit(5, SELL, 70, 4, account=1, flags=w.REDUCE_ONLY)).words == ["accepted"]
    assert tell(*start, operation(w.KILL, account=1), operation(w.REVIVE, account=1), submit(5, SELL, 70, 4, account=1)).words == ["accepted"]


def test_a_kill_of_all_ends_every_order_and_a_revival_of_all_leaves_the_killed_killed(tell):
    start = *LONG, submit(3, SELL, 60, 4, account=1), submit(4, SELL, 60, 4, account=2), operation(w.KILL, account=3), operation(w.KILL)
    assert tell(*start).words == ["setting", "cancelled", "cancelled"]
    assert tell(*start, submit(5, SELL, 60, 4, account=1)).words == ["rejected, killed"]
    assert tell(*start, operation(w.REVIVE), submit(5, SELL, 60, 4, account=1)).words == ["accepted"]
    assert tell(*start, operation(w.REVIVE), submit(5, SELL, 60, 4, account=3)).words == ["rejected, killed"]


def test_limits_of_an_order(tell):
    assert tell(*RICH, limit(w.LIMIT_LOTS, 4), submit(1, BUY, 5, 5, account=1)).words == ["rejected, order lots"]
    assert tell(*RICH, limit(w.LIMIT_LOTS, 5), submit(1, BUY, 5, 5, account=1)).words == ["accepted"]
    assert tell(*RICH, limit(w.LIMIT_NOTIONAL, 74), submit(1, BUY, 5, 5, account=1)).words == ["rejected, notional"]
    assert tell(*RICH, limit(w.LIMIT_NOTIONAL, 75), submit(1, SELL, 5, 5, account=1)).words == ["accepted"]
    assert tell(*RICH, limit(w.LIMIT_LOTS, 4, account=2), submit(1, BUY, 5, 5, account=1)).words == ["accepted"]


def test_the_position_limit_counts_what_is_open_on_the_same_side(tell):
    start = *LONG, limit(w.LIMIT_POSITION, 15), submit(3, BUY, 40, 3, account=1)
    assert tell(*start, submit(4, BUY, 41, 3, account=1)).words == ["rejected, position limit"]
    assert tell(*start, submit(4, BUY, 41, 2, account=1)).words == ["accepted"]
    assert tell(*start, submit(4, SELL, 60, 25, account=1)).words == ["accepted"]
    assert tell(*start, submit(4, SELL, 60, 26, account=1)).words == ["rejected, position limit"]


def test_so_many_orders_may_be_open_and_immediate_ones_do_not_count(tell):
    start = *RICH, limit(w.LIMIT_ORDERS, 1), submit(1, BUY, 5, 1, account=1)
    assert tell(*start, submit(2, BUY, 5, 1, account=1)).words == ["rejected, too many orders"]
    assert tell(*start, submit(2, BUY, 5, 1, account=1, time_in_force=w.IOC)).words == ["accepted", "expired, remainder"]
    assert tell(*start, cancel(1), submit(2, BUY, 5, 1, account=1)).words == ["accepted"]


def test_a_second_holds_so_many_orders_and_refills_evenly(tell):
    start = *RICH, limit(w.LIMIT_SECOND, 2), clock(5 * SECOND), submit(1, BUY, 5, 1, account=1), submit(2, BUY, 5, 1, account=1)
    assert tell(*start, submit(3, BUY, 5, 1, account=1)).words == ["rejected, order rate"]
    assert tell(*start, submit(3, BUY, 5, 1, account=2)).words == ["accepted"]
    assert tell(*start, clock(5 * SECOND + SECOND // 2 - 1), submit(3, BUY, 5, 1, account=1)).words == ["rejected, order rate"]
    assert tell(*start, clock(5 * SECOND + SECOND // 2), submit(3, BUY, 5, 1, account=1)).words == ["accepted"]


@pytest.mark.parametrize(("which", "period"), [(w.LIMIT_TEN_SECONDS, 10 * SECOND), (w.LIMIT_DAY, DAY)])
def test_a_window_of_time_holds_so_many_orders_that_did_not_trade(tell, which, period):
    start = *RICH, limit(which, 2), clock(3 * period - 2), submit(1, BUY, 5, 1, account=1), submit(2, BUY, 6, 1, account=1)
    assert tell(*start, submit(3, BUY, 5, 1, account=1)).words == ["rejected, order rate"]
    assert tell(*start, cancel(1), submit(3, BUY, 5, 1, account=1)).words == ["rejected, order rate"]
    assert tell(*start, clock(3 * period), submit(3, BUY, 5, 1, account=1)).words == ["accepted"]
    assert tell(*start, submit(9, SELL, 6, 1, account=2), submit(3, BUY, 5, 1, account=1)).words == ["accepted"]  # order 2 traded


def test_a_taker_that_trades_gives_its_own_order_back(tell):
    start = *RICH, limit(w.LIMIT_DAY, 2), submit(9, SELL, 5, 5, account=2), submit(1, BUY, 5, 1, account=1), submit(2, BUY, 5, 1, account=1)
    told = tell(*start, submit(3, BUY, 5, 1, account=1))
    assert told.words == ["accepted", "fill"]
    assert told.ledger.accounts["in_this_day"][1] == 0


LOST = [*RICH, submit(1, SELL, 50, 10, account=2), submit(2, BUY, 50, 10, account=1), submit(3, BUY, 40, 5, account=2), submit(4, SELL, 40, 5, account=1)]


def test_from_so_much_loss_on_a_day_an_account_only_reduces(tell):
    loss = 5 * 10 * TICK
    assert tell(*LOST, limit(w.LIMIT_LOSS, loss + 1), submit(5, BUY, 1, 1, account=1)).words == ["accepted"]
    assert tell(*LOST, limit(w.LIMIT_LOSS, loss), submit(5, BUY, 1, 1, account=1)).words == ["rejected, daily loss"]
    assert tell(*LOST, limit(w.LIMIT_LOSS, loss), submit(5, SELL, 60, 5, account=1, flags=w.REDUCE_ONLY)).words == ["accepted"]
    assert tell(*LOST, limit(w.LIMIT_LOSS, loss), clock(DAY), submit(5, BUY, 1, 1, account=1)).words == ["accepted"]


def test_rules_of_a_book(tell):
    assert tell(*RICH, rule(w.MIN_LOTS, 3), submit(1, BUY, 5, 2, account=1)).words == ["rejected, lot size"]
    assert tell(*RICH, rule(w.MAX_LOTS, 3), submit(1, BUY, 5, 4, account=1)).words == ["rejected, lot size"]
    assert tell(*RICH, rule(w.LOT_STEP, 3), submit(1, BUY, 5, 4, account=1)).words == ["rejected, lot size"]
    assert tell(*RICH, rule(w.LOT_STEP, 3), submit(1, BUY, 5, 6, account=1)).words == ["accepted"]
    assert tell(*RICH, rule(w.MIN_NOTIONAL, 31), submit(1, BUY, 5, 2, account=1)).words == ["rejected, notional"]
    assert tell(*RICH, rule(w.MIN_NOTIONAL, 30), submit(1, BUY, 5, 2, account=1)).words == ["accepted"]
    assert tell(*RICH, submit(1, BUY, 5, 6, account=1), rule(w.LOT_STEP, 3), amend(1, 4)).words == ["rejected, lot size"]


def test_a_market_order_is_worth_what_it_was_at_the_last_trade_or_the_reference(tell):
    market = submit(9, SELL, 0, 2, order_type=w.MARKET, time_in_force=w.IOC, account=1)
    trade = submit(1, SELL, 5, 1, account=2), submit(2, BUY, 5, 1, account=3)
    assert tell(*RICH, rule(w.MIN_NOTIONAL, 31), market).words == ["accepted", "expired, remainder"]
    assert tell(*RICH, rule(w.REFERENCE_PRICE, 5), rule(w.MIN_NOTIONAL, 31), market).words == ["rejected, notional"]
    assert tell(*RICH, *trade, rule(w.MIN_NOTIONAL, 31), market).words == ["rejected, notional"]
    assert tell(*RICH, *trade, rule(w.MIN_NOTIONAL, 30), market).words == ["accepted", "expired, remainder"]


@pytest.mark.parametrize(
    "wrong",
    [
        rule(0, 1),
        rule(w.RULES, 1),
        rule(w.BAND_PPM, 1_000_001),
        rule(w.MIN_LOTS, -1),
        rule(w.REFERENCE_PRICE, w.TICKS + 1),
        limit(0, 1),
        limit(w.LIMIT_MASTER + 1, 1),
        limit(w.LIMIT_LOTS, -1),
        limit(w.LIMIT_SECOND, SECOND + 1),
        limit(w.LIMIT_MASTER, 1, account=1),
        limit(w.LIMIT_MASTER, 5, account=1),
        operation(w.SET_FEE, order_id=64, price=1, quantity=1),
        operation(w.SET_FEE, order_id=0, price=-1, quantity=1),
        operation(w.SET_FEE, order_id=0, price=1, quantity=1_000_001),
        operation(w.SET_TIER, account=1, quantity=64),
    ],
)
def test_a_setting_that_can_not_be_is_refused(tell, wrong):
    told = tell(wrong)
    assert told.words == ["rejected, bad setting"]
    assert told.ledger.tobytes() == tell(clock(0)).ledger.tobytes()


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("asked", [deposit(1, 0, 1), limit(w.LIMIT_ORDERS, 1), operation(w.KILL), operation(w.SET_TIER), operation(w.SET_FEE)])
def test_an_engine_without_accounts_knows_nothing_of_them(engine, asked):
    told = engine((1,), 10).run(commands(asked, submit(1, BUY, 5, 1, flags=w.REDUCE_ONLY)))
    assert [REASON_NAMES[reason] for reason in told["reason"]] == ["bad operation", "bad operation"]


@pytest.mark.parametrize("money", [(1, 2, ()), (2, 1, ()), (2, 2, ((0, 0, 1, 1),)), (2, 2, ((0, 2, 1, 1),)), (2, 2, ((0, 1, 0, 1),)), (2, 2, ((0, 1, 1, 0),))])
def test_money_that_can_not_be_is_a_value_error(money):
    with pytest.raises(ValueError, match=r"expected|above 0"):
        Money(*money)


def test_an_engine_refuses_money_of_other_books_or_beyond_an_integer():
    with pytest.raises(ValueError, match="expected 2"):
        MatchingEngine((1, 1), 10, MONEY)
    with pytest.raises(ValueError, match="highest price"):
        MatchingEngine((1,), 10, Money(2, 2, ((0, 1, 1, 2**42),)))
