"""A plain Python strategy sees every row once the desk has, acts through the gate, and hears what became of its orders."""

import msgspec
import numpy as np
import pytest

from polaris.desk.pipeline import BLOCK_WITHOUT_DEPTH
from polaris.desk.settings import SizingSettings
from polaris.desk.strategy import Strategy, Trader
from polaris.domain.control import KILL
from polaris.domain.errors import BadConfig, BadData
from polaris.domain.market import QUOTE, TRADE
from polaris.domain.orders import ACCEPTED, BUY, CANCEL, CANCELED, EQUITY, FILL, HALT, LIMIT, MARKET, POST_ONLY, REFUSED, SUBMIT
from tests.unit.desk.rows import AT_ONCE, DOLLAR, MILLI, Market, a_desk, balances, kinds, told


class Noting(Strategy):
    """Writes down everything; does what a test says at a row."""

    def __init__(self, *deeds) -> None:
        self.rows, self.records, self.started = [], [], 0
        self.deeds = dict(deeds)  # what to do at the n-th row

    def on_start(self, desk: Trader) -> None:
        self.started += 1
        assert desk.equity == 100_000 * DOLLAR

    def on_row(self, row, desk: Trader) -> None:
        self.rows.append(row)
        if deed := self.deeds.get(len(self.rows) - 1):
            deed(desk)

    def on_record(self, record, desk: Trader) -> None:
        self.records.append(int(record["kind"]))


def running(*deeds, instruments: int = 1, **execution):
    strategy = Noting(*deeds)
    desk = a_desk(instruments, execution=msgspec.structs.replace(AT_ONCE, **({"equity_sample_ns": 2**62} | execution)))
    return strategy, Trader(desk, strategy), Market()


def quotes(market: Market, n: int, start: int = 0) -> None:
    for k in range(start, start + n):
        market.quote(10_000 + k, 10_002 + k)


def test_every_row_is_seen_once_in_order_and_start_is_said_once():
    strategy, trader, market = running()
    quotes(market, 3)
    market.trade(10_000, 7, sells=True)
    trader.run(market.take())
    quotes(market, 2)
    trader.run(market.take())
    assert strategy.started == 1
    assert [(row.seq, row.kind) for row in strategy.rows] == [(1, QUOTE), (2, QUOTE), (3, QUOTE), (4, TRADE), (5, QUOTE), (6, QUOTE)]
    assert (strategy.rows[3].price, strategy.rows[3].quantity) == (10_000, 7)


def test_what_it_asks_is_as_of_the_row_it_looks_at():
    found = []

    def look(desk):
        found.append((desk.touch(0), desk.position(0), desk.equity))

    _, trader, market = running((0, look), (2, look), (3, look))
    quotes(market, 5)
    trader.run(market.take())
    assert found == [((10_000, 10_002), 0, 10**13), ((10_002, 10_004), 0, 10**13), ((10_003, 10_005), 0, 10**13)]


def test_an_order_is_sent_at_its_row_and_its_fill_is_booked_before_the_strategy_sees_the_row_that_brought_it():
    found = []
    strategy, trader, market = running((1, lambda desk: found.append(desk.buy(0, 10))), (2, lambda desk: found.append(desk.position(0))))
    quotes(market, 4)
    records = trader.run(market.take())
    assert found == [1, 10]
    assert kinds(records) == ["submit", "fill"]
    assert records["seq"].tolist() == [2, 3] and records["price"].tolist() == [10_003, 10_003]
    assert strategy.records == [SUBMIT, FILL]
    assert balances(trader.desk)


def test_a_refusal_gives_no_id_and_is_heard():
    found = []
    strategy, trader, market = running((0, lambda desk: found.append(desk.sell(0, 0))), (2, lambda desk: found.append(desk.buy(0, 5))))
    quotes(market, 1)
    market.control(KILL)
    quotes(market, 2)
    trader.run(market.take())
    assert found == [0, 0] and strategy.records == [REFUSED, REFUSED]


def test_a_cancel_reaches_the_order():
    orders = []
    strategy, trader, market = running(
        (0, lambda desk: orders.append(desk.buy(0, 10, POST_ONLY, 9_000))), (2, lambda desk: desk.cancel(orders[0])), (4, lambda desk: desk.cancel(orders[0]))
    )
    quotes(market, 6)
    assert kinds(trader.run(market.take())) == ["submit", "accepted", "cancel", "cancelled"]
    assert strategy.records == [SUBMIT, ACCEPTED, CANCEL, CANCELED]


def test_it_hears_of_orders_and_of_nothing_else():
    """An equity point is told when the core gets to it, which may be later: nothing may hang on that."""
    strategy, trader, market = running((0, lambda desk: desk.buy(0, 10)), equity_sample_ns=0)
    quotes(market, 5)
    market.control(KILL)
    records = trader.run(market.take())
    assert {EQUITY, HALT} <= set(records["kind"].tolist())
    assert strategy.records == [SUBMIT, FILL]


def test_an_order_sent_when_a_record_is_heard_is_one_like_any_other():
    class Answering(Noting):
        def on_record(self, record, desk) -> None:
            super().on_record(record, desk)
            if record["kind"] == FILL and record["side"] == BUY:
                desk.sell(0, int(record["lots"]), LIMIT, int(record["price"]) + 5)

    strategy = Answering((0, lambda desk: desk.buy(0, 10)))
    trader, market = Trader(a_desk(execution=msgspec.structs.replace(AT_ONCE, equity_sample_ns=2**62)), strategy), Market()
    quotes(market, 12)
    records = trader.run(market.take())
    assert kinds(records) == ["submit", "fill", "submit", "accepted", "fill"]
    assert (np.diff(records["seq"]) >= 0).all() and trader.desk.positions[0]["lots"] == 0
    assert trader.desk.account["realised"] == 50


def test_it_trades_many_instruments():
    strategy, trader, market = running((2, lambda desk: desk.buy(0, 10)), (3, lambda desk: desk.sell(1, 20, MARKET)), instruments=2)
    for _ in range(3):
        market.quote(10_000, 10_002)
        market.quote(500, 501, instrument=1)
    trader.run(market.take())
    assert [trader.position(0), trader.position(1)] == [10, -20] and len(strategy.rows) == 6
    assert trader.touch(1) == (500, 501)


@pytest.mark.parametrize("equity_sample_ns", [0, 7 * MILLI])
def test_long_stretches_without_a_deed_are_run_through_in_blocks_and_tell_everything(equity_sample_ns):
    """As many rows as several blocks hold, a record a row: the same as the core alone makes of them."""
    _, trader, market = running(equity_sample_ns=equity_sample_ns)
    alone = a_desk(execution=trader.desk.settings.execution)
    quotes(market, 20 * BLOCK_WITHOUT_DEPTH + 77)
    rows = market.take()
    assert trader.run(rows).tobytes() == alone.advance(rows).tobytes()
    assert trader.desk.state_digest() == alone.state_digest() and trader.desk.decisions_digest() == alone.decisions_digest()


def test_books_that_outgrow_their_room_in_the_middle_of_a_block_lose_nothing():
    _, trader, market = running((3000, lambda desk: desk.buy(0, 10)), equity_sample_ns=0)
    market.depth({1: 1}, {100_000: 1}, snapshot=True)
    for price in range(2, 2_500):
        market.depth({price: price}, {})
        if price % 100 == 0:
            market.trade(price, 5)
    market.depth({}, {99_999 - k: 1 for k in range(1_500)})
    for _ in range(20):
        market.trade(5, 5)
    rows = market.take()
    alone = a_desk(execution=trader.desk.settings.execution)
    records = trader.run(rows)
    told_alone = alone.advance(rows)
    assert records[records["kind"] == EQUITY]["mid2"].tolist() == told_alone["mid2"].tolist()
    assert trader.desk.market.books.shape[2] >= 2_499 and trader.position(0) == 1  # all that is offered


def test_an_empty_batch_is_nothing():
    strategy, trader, market = running()
    assert not len(trader.run(market.take())) and strategy.started == 1


def test_a_desk_that_decides_for_itself_takes_no_python_strategy():
    with pytest.raises(BadConfig, match="needs sizing direct and an empty bank; found sizing direct and told"):
        Trader(a_desk(kernels=(told("target"),)), Strategy())
    with pytest.raises(BadConfig, match="found sizing kelly and told"):
        Trader(a_desk(kernels=(told("forecast", "confidence", "volatility"),), sizing=SizingSettings()), Strategy())


def test_an_instrument_nobody_declared_is_an_error_at_the_deed():
    _, trader, market = running((0, lambda desk: desk.buy(7, 1)))
    quotes(market, 1)
    with pytest.raises(BadData, match="an order of instrument 7"):
        trader.run(market.take())
