"""Market data, one fact at a time."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from polaris.domain.orders import BUY, SELL
from polaris.exchange import MatchingEngine
from polaris.exchange.marketdata import ADD, CHANGE, DAY, HOUR, INTERVALS, MINUTE, REMOVE, SECOND, Average, Kept, MarketData
from polaris.exchange.marketdata.periods import base_of, period_of, starts
from polaris.exchange.marketdata.rows import TRADE
from polaris.exchange.words import COMMAND, DECREMENT, IOC, MARKET, STOP, STOP_LIMIT
from tests.unit.exchange.commands import LOWEST, Fields, amend, cancel, clock, commands, mass_cancel, submit

LARGEST = 2**63 - 1
SMALL = Kept(4, 4, 4, 4, 4, 4)


class Venue:
    """An engine and its market data."""

    def __init__(self, kept: Kept = SMALL, lowest: tuple[int, ...] = LOWEST) -> None:
        self.engine = MatchingEngine(lowest, 64)
        self.market = MarketData(self.engine.arena, kept=kept)

    def do(self, *fields: Fields) -> Any:
        return self.market.fold(self.engine.run(commands(*fields)))

    def trade(self, ts: int, price: int, quantity: int, side: int = BUY) -> None:
        """Let one trade happen."""
        self.do(clock(ts), submit(1, -side, price, quantity), submit(2, side, price, quantity))


def levels(changes: Any) -> list[tuple[int, ...]]:
    return [(int(row["book"]), int(row["side"]), int(row["price"]), int(row["lots"])) for row in changes.levels]


def spans(changes: Any) -> list[tuple[int, ...]]:
    return [(int(diff["book"]), int(diff["first_id"]), int(diff["last_id"])) for diff in changes.diffs]


def orders(rows: Any) -> list[tuple[int, ...]]:
    return [(int(row["change"]), int(row["order_id"]), int(row["price"]), int(row["lots"])) for row in rows]


def ns(*day: int) -> int:
    return int(datetime(*day, tzinfo=UTC).timestamp()) * SECOND  # type: ignore[misc, arg-type]


# depth


def test_a_fold_tells_of_every_level_it_changed_once_with_what_stands_there_best_first():
    told = Venue().do(submit(1, BUY, 100, 5), submit(2, BUY, 101, 3), submit(3, BUY, 101, 4), submit(4, SELL, 103, 1), submit(5, SELL, 102, 2))
    assert levels(told.changes) == [(0, BUY, 101, 7), (0, BUY, 100, 5), (0, SELL, 102, 2), (0, SELL, 103, 1)]
    assert spans(told.changes) == [(0, 1, 5)]
    (diff,) = told.changes.diffs
    assert told.changes.bids(diff)["price"].tolist() == [101, 100]
    assert told.changes.asks(diff)["price"].tolist() == [102, 103]


def test_each_book_has_a_diff_and_update_ids_of_its_own():
    told = Venue().do(submit(1, BUY, 100, 5, book=1), submit(2, BUY, 100, 3), submit(3, BUY, 101, 4, book=1))
    assert spans(told.changes) == [(0, 1, 1), (1, 1, 2)]
    assert [(int(row["book"]), int(row["order_id"])) for row in told.orders] == [(0, 2), (1, 1), (1, 3)]


def test_a_level_that_is_gone_shows_no_lots():
    venue = Venue()
    venue.do(submit(1, BUY, 100, 5))
    told = venue.do(cancel(1))
    assert levels(told.changes) == [(0, BUY, 100, 0)]
    assert told.tops[["bid", "bid_lots", "ask", "ask_lots"]].tolist() == [(0, 0, 0, 0)]


def test_an_amended_order_leaves_the_price_it_stood_at():
    venue = Venue()
    venue.do(submit(1, BUY, 100, 5), submit(2, BUY, 99, 1))
    told = venue.do(amend(1, 5, price=101))
    assert levels(told.changes) == [(0, BUY, 101, 5), (0, BUY, 100, 0)]
    assert orders(told.orders) == [(REMOVE, 1, 100, 5), (ADD, 1, 101, 5)]


def test_what_the_world_can_not_see_is_not_told_of():
    venue = Venue()
    stop = submit(1, BUY, 105, 5, order_type=STOP_LIMIT, trigger=104)
    assert levels(venue.do(stop).changes) == [] and len(venue.do(cancel(1)).orders) == 0
    venue.do(submit(2, SELL, 103, 9, display=3))
    hidden = venue.do(amend(2, 6))
    assert venue.market.depth(0).asks.tolist() == [[103, 3]]
    assert levels(hidden.changes) == [] and len(hidden.orders) == len(hidden.tops) == 0


def test_ids_that_told_nothing_are_in_the_next_diff_so_that_no_stream_has_a_gap():
    venue = Venue()
    venue.do(submit(1, BUY, 100, 5))
    venue.do(submit(2, BUY, 0, 5, order_type=STOP, time_in_force=IOC, trigger=104))
    assert venue.market.update_id(0) == 2
    assert spans(venue.do(submit(3, BUY, 100, 1)).changes) == [(0, 2, 3)]


def test_an_order_that_comes_and_goes_within_a_fold_leaves_no_trace_but_its_trades():
    venue = Venue()
    told = venue.do(submit(1, BUY, 100, 5), submit(2, SELL, 100, 5), submit(3, BUY, 99, 5), cancel(3))
    assert levels(told.changes) == [] and len(told.orders) == 0 and len(told.trades) == 1


def test_a_refusal_counts_for_nothing():
    venue = Venue()
    venue.do(submit(1, BUY, 100, 5))
    venue.do(submit(1, BUY, 100, 5), cancel(9), submit(2, BUY, 1, 5), submit(3, BUY, 100, 5, book=7))
    assert venue.market.update_id(0) == 1


def test_an_iceberg_shows_one_slice_and_its_next_one_stands_last():
    venue = Venue()
    venue.do(submit(1, SELL, 100, 9, display=3), submit(2, SELL, 100, 4))
    told = venue.do(submit(3, BUY, 0, 3, order_type=MARKET, time_in_force=IOC))
    assert levels(told.changes) == [(0, SELL, 100, 7)]
    assert orders(told.orders) == [(REMOVE, 1, 100, 3), (ADD, 1, 100, 3)]
    assert orders(venue.market.orders(0)[1]) == [(ADD, 2, 100, 4), (ADD, 1, 100, 3)]


def test_an_order_that_shrinks_keeps_its_place():
    venue = Venue()
    venue.do(submit(1, BUY, 100, 5), submit(2, BUY, 100, 4))
    assert orders(venue.do(amend(1, 2)).orders) == [(CHANGE, 1, 100, 2)]
    assert orders(venue.do(submit(3, SELL, 100, 1)).orders) == [(CHANGE, 1, 100, 1)]
    assert orders(venue.do(cancel(1)).orders) == [(REMOVE, 1, 100, 1)]


def test_a_stop_that_fires_stands_where_its_limit_is():
    venue = Venue()
    venue.do(submit(1, SELL, 100, 1), submit(2, BUY, 98, 3, order_type=STOP_LIMIT, trigger=100))
    told = venue.do(submit(3, BUY, 100, 1))
    assert orders(told.orders) == [(REMOVE, 1, 100, 1), (ADD, 2, 98, 3)]


def test_orders_that_shrank_instead_of_trading_with_their_own_account_are_told_of():
    venue = Venue()
    venue.do(submit(1, SELL, 100, 5, account=7))
    told = venue.do(submit(2, BUY, 100, 2, account=7, prevention=DECREMENT))
    assert (orders(told.orders), len(told.trades)) == ([(CHANGE, 1, 100, 3)], 0)
    assert spans(told.changes) == [(0, 2, 3)]


def test_orders_that_joined_a_queue_in_one_fold_are_told_in_the_order_they_stand_in():
    venue = Venue()
    venue.do(submit(1, BUY, 100, 5))
    told = venue.do(submit(2, BUY, 100, 1), submit(3, BUY, 100, 1), amend(1, 9), amend(2, 9))
    assert orders(told.orders) == [(REMOVE, 1, 100, 5), (ADD, 3, 100, 1), (ADD, 1, 100, 9), (ADD, 2, 100, 9)]


def test_the_number_of_an_order_that_ended_may_live_again_in_the_same_fold():
    venue = Venue()
    venue.do(submit(1, BUY, 100, 5))
    told = venue.do(cancel(1), submit(1, SELL, 104, 2))
    assert orders(told.orders) == [(REMOVE, 1, 100, 5), (ADD, 1, 104, 2)]
    assert levels(told.changes) == [(0, BUY, 100, 0), (0, SELL, 104, 2)]


def test_a_top_is_told_where_its_price_or_its_lots_changed_and_only_there():
    venue = Venue()
    assert venue.do(submit(1, BUY, 100, 5)).tops[["book", "update_id", "bid", "bid_lots"]].tolist() == [(0, 1, 100, 5)]
    assert len(venue.do(submit(2, BUY, 99, 5)).tops) == 0
    assert venue.do(submit(3, BUY, 100, 1)).tops["bid_lots"].tolist() == [6]
    assert venue.do(submit(4, BUY, 101, 6)).tops[["bid", "bid_lots"]].tolist() == [(101, 6)]


def test_a_conflated_stream_tells_once_an_interval_what_stands_at_its_end():
    venue = Venue()
    market = venue.market
    venue.do(clock(1000 * SECOND), submit(1, BUY, 100, 5), submit(2, BUY, 99, 1))
    assert [(interval, levels(changes)) for interval, changes in market.due(venue.engine.now)] == [
        (SECOND // 10, [(0, BUY, 100, 5), (0, BUY, 99, 1)]),
        (SECOND, [(0, BUY, 100, 5), (0, BUY, 99, 1)]),
    ]
    venue.do(clock(1000 * SECOND + 1), submit(3, BUY, 100, 2))
    assert market.due(1000 * SECOND + SECOND // 10 - 1) == []
    venue.do(submit(4, BUY, 98, 1))
    ((interval, changes),) = market.due(1000 * SECOND + SECOND // 10)
    assert (interval, levels(changes), spans(changes)) == (SECOND // 10, [(0, BUY, 100, 7), (0, BUY, 98, 1)], [(0, 3, 4)])
    venue.do(mass_cancel())
    told = market.due(1001 * SECOND)
    assert [(interval, spans(changes)) for interval, changes in told] == [(SECOND // 10, [(0, 5, 8)]), (SECOND, [(0, 3, 8)])]
    assert market.due(1002 * SECOND) == []


def test_market_data_may_begin_beside_an_engine_that_holds_orders():
    engine = MatchingEngine(LOWEST, 64)
    engine.run(commands(submit(1, BUY, 100, 5), submit(2, SELL, 103, 5, display=2), submit(3, SELL, 103, 1)))
    market = MarketData(engine.arena)
    assert market.top(0)[["bid", "bid_lots", "ask", "ask_lots"]].tolist() == (100, 5, 103, 3)
    told = market.fold(engine.run(commands(cancel(2))))
    assert (levels(told.changes), orders(told.orders)) == ([(0, SELL, 103, 1)], [(REMOVE, 2, 103, 2)])


# tape


def test_trades_of_one_taker_at_one_price_are_one_aggregate_and_numbers_are_dense_in_each_book():
    venue = Venue(Kept(8, 8, 4, 4, 4, 4))
    venue.do(submit(1, SELL, 100, 1), submit(2, SELL, 100, 1), submit(3, SELL, 101, 1), submit(9, SELL, 104, 1, book=1))
    told = venue.do(clock(7), submit(4, BUY, 101, 3), submit(5, BUY, 104, 1, book=1))
    names = ["trade_id", "aggregate_id", "ts", "price", "quantity", "taker_id", "maker_id", "book", "side"]
    assert told.trades[names].tolist() == [
        (1, 1, 7, 100, 1, 4, 1, 0, BUY), (2, 1, 7, 100, 1, 4, 2, 0, BUY), (3, 2, 7, 101, 1, 4, 3, 0, BUY), (1, 1, 7, 104, 1, 5, 9, 1, BUY),
    ]  # fmt: skip
    assert told.aggregates[["aggregate_id", "first_id", "last_id", "price", "quantity", "book"]].tolist() == [
        (1, 1, 2, 100, 2, 0), (2, 3, 3, 101, 1, 0), (1, 1, 1, 104, 1, 1),
    ]  # fmt: skip
    assert venue.market.trades(0).tolist() == told.trades[:3].tolist()


def test_two_commands_of_one_order_are_two_aggregates():
    venue = Venue()
    venue.do(submit(1, SELL, 100, 5), submit(2, BUY, 100, 1), submit(2, BUY, 100, 1))
    assert venue.market.aggregates(0)["quantity"].tolist() == [1, 1]


def test_two_takers_of_one_command_are_two_aggregates():
    venue = Venue()
    stops = [submit(i, BUY, 100, 1, order_type=STOP_LIMIT, trigger=100) for i in (2, 3)]
    told = venue.do(submit(1, SELL, 100, 5), *stops, submit(4, BUY, 100, 1))
    assert told.aggregates[["taker_id", "quantity"]].tolist() == [(4, 1), (2, 1), (3, 1)]


def test_the_newest_trades_are_kept_and_their_numbers_go_on():
    venue = Venue()
    for i in range(7):
        venue.trade(i, 100 + i % 2, 1)
    market = venue.market
    assert market.trades(0)["trade_id"].tolist() == [4, 5, 6, 7]
    assert market.trades(0, from_id=2, limit=2)["trade_id"].tolist() == [4, 5]
    assert market.trades(0, from_id=6)["trade_id"].tolist() == [6, 7]
    assert market.trades(0, from_id=8).tolist() == []
    assert market.trades(1).tolist() == [] and market.last_trade(1) is None
    assert market.aggregates(0, start=4, end=5)["ts"].tolist() == [4, 5]
    assert market.aggregates(0, end=4)["ts"].tolist() == [3, 4]
    assert market.aggregates(0, from_id=5, end=5, limit=9)["ts"].tolist() == [4, 5]
    assert market.last_trade(0)["trade_id"] == 7
    assert len(market.trades(0, from_id=2**70)) == len(market.aggregates(0, start=2**70)) == len(market.aggregates(0, end=-(2**70))) == 0
    assert len(market.trades(0, from_id=-(2**70))) == len(market.aggregates(0, end=2**70)) == 4
    assert len(market.trades(0, limit=0)) == 0


# klines


def test_weeks_begin_on_monday_months_on_their_first_and_days_at_midnight():
    ts = ns(2024, 2, 29, 13, 47, 59) + 5
    opened = {interval: int(starts(interval, period_of(interval, ts), 1)[0]) for interval in INTERVALS}
    assert opened == {
        "1s": ns(2024, 2, 29, 13, 47, 59), "1m": ns(2024, 2, 29, 13, 47), "3m": ns(2024, 2, 29, 13, 45), "5m": ns(2024, 2, 29, 13, 45),
        "15m": ns(2024, 2, 29, 13, 45), "30m": ns(2024, 2, 29, 13, 30), "1h": ns(2024, 2, 29, 13), "2h": ns(2024, 2, 29, 12),
        "4h": ns(2024, 2, 29, 12), "6h": ns(2024, 2, 29, 12), "8h": ns(2024, 2, 29, 8), "12h": ns(2024, 2, 29, 12), "1d": ns(2024, 2, 29),
        "3d": ns(2024, 2, 29), "1w": ns(2024, 2, 26), "1M": ns(2024, 2, 1),
    }  # fmt: skip
    assert starts("1M", period_of("1M", ts), 3).tolist() == [ns(2024, 2, 1), ns(2024, 3, 1), ns(2024, 4, 1)]
    assert period_of("1w", ns(1970, 1, 1)) == -1
    assert [base_of(interval) for interval in ("1s", "3m", "12h", "1d", "3d", "1w", "1M")] == [0, 1, 2, 3, 3, 3, 3]


def test_a_kline_has_all_that_traded_in_it_and_a_quiet_one_is_flat():
    venue = Venue(Kept())
    start = ns(2024, 2, 29, 23, 59)
    for second, price, quantity, side in ((0, 100, 2, BUY), (30, 104, 3, SELL), (59, 99, 1, BUY), (150, 102, 4, SELL)):
        venue.trade(start + second * SECOND, price, quantity, side)
    rows = venue.market.klines(0, "1m", start + 200 * SECOND)
    assert rows.tolist() == [
        (start, start + MINUTE, 100, 104, 99, 99, 6, 611, 3, 299, 3, 1),
        (start + MINUTE, start + 2 * MINUTE, 99, 99, 99, 99, 0, 0, 0, 0, 0, -1),
        (start + 2 * MINUTE, start + 3 * MINUTE, 102, 102, 102, 102, 4, 408, 0, 0, 1, 4),
        (start + 3 * MINUTE, start + 4 * MINUTE, 102, 102, 102, 102, 0, 0, 0, 0, 0, -1),
    ]
    months = venue.market.klines(0, "1M", start)
    assert months[["open_time", "end", "volume"]].tolist() == [(ns(2024, 2, 1), ns(2024, 3, 1), 6), (ns(2024, 3, 1), ns(2024, 4, 1), 4)]


def test_klines_are_asked_for_by_start_end_and_limit_as_at_binance():
    venue = Venue(Kept())
    for minute in range(10):
        venue.trade(minute * MINUTE, 100, 1)
    now = 9 * MINUTE + 5

    def minutes(**asked: int) -> list[int]:
        return [int(time) // MINUTE for time in venue.market.klines(0, "1m", now, **asked)["open_time"]]

    assert minutes(limit=3) == [7, 8, 9]
    assert minutes(start=2 * MINUTE, limit=3) == [2, 3, 4]
    assert minutes(start=2 * MINUTE + 1, end=4 * MINUTE) == [3, 4]
    assert minutes(end=4 * MINUTE + 7, limit=2) == [3, 4]
    assert minutes(start=-5, limit=2) == [0, 1]
    assert minutes(start=10 * MINUTE) == minutes(start=5, end=4) == minutes(limit=0) == []
    assert minutes(start=LARGEST + 1) == [] and minutes(end=2**70) == list(range(10))


def test_what_is_kept_is_bounded_and_a_period_that_is_half_forgotten_is_not_told():
    venue = Venue()
    for second in (10, 20, 30, 40, 50, 61):
        venue.trade(second * SECOND, 100 + second // 10, 1)
    market = venue.market
    assert market.klines(0, "1s", 62 * SECOND)["open_time"][0] == 30 * SECOND
    assert market.klines(0, "1m", 62 * SECOND)["trades"].tolist() == [5, 1]
    for minute in range(2, 9):
        venue.trade(minute * MINUTE, 101, 1)
    assert market.klines(0, "3m", 9 * MINUTE)["open_time"].tolist() == [6 * MINUTE, 9 * MINUTE]
    assert market.klines(0, "1h", 9 * MINUTE)["trades"].tolist() == [13]


def test_an_unknown_interval_is_refused_by_name():
    venue = Venue()
    with pytest.raises(ValueError, match="there is no interval '7m'; there are 1s, 1m"):
        venue.market.klines(0, "7m", 0)


def test_sums_stop_at_the_largest_number_instead_of_wrapping():
    venue = Venue(Kept(), lowest=(2**49,))
    venue.trade(0, 2**49 + 1, 2**40)  # a product of which 2**40 would be left
    assert venue.market.kline(0, "1w", 1)["quote_volume"] == LARGEST
    venue.trade(1, 2**49 + 1, 2**10)
    kline = venue.market.kline(0, "1w", 1)
    assert (kline["volume"], kline["quote_volume"], kline["trades"]) == (2**40 + 2**10, LARGEST, 2)


# ticker


def test_a_ticker_tells_of_24_hours_to_the_second():
    venue = Venue(Kept())
    venue.do(submit(50, BUY, 99, 7), submit(51, SELL, 110, 8))
    for ts, price, quantity in ((0, 100, 1), (5 * SECOND - 1, 101, 1), (5 * SECOND, 102, 2), (3 * HOUR, 108, 3), (20 * HOUR + 61 * SECOND, 105, 4)):
        venue.trade(ts, price, quantity)
    now = DAY + 5 * SECOND + 7
    ticker = venue.market.ticker(0, now)
    assert (ticker.open_time, ticker.close_time) == (5 * SECOND, now)
    assert (ticker.open, ticker.high, ticker.low, ticker.last, ticker.last_quantity, ticker.change) == (102, 108, 102, 105, 4, 3)
    assert (ticker.volume, ticker.quote_volume, ticker.trades, ticker.first_id, ticker.last_id) == (9, 2 * 102 + 3 * 108 + 4 * 105, 3, 3, 5)
    assert (ticker.previous_close, ticker.bid, ticker.bid_lots, ticker.ask, ticker.ask_lots) == (101, 99, 7, 110, 8)
    assert venue.market.ticker(0, now, since=20 * HOUR + 61 * SECOND).trades == 1
    assert venue.market.ticker(0, now, since=20 * HOUR + 62 * SECOND).trades == 0


def test_a_window_in_which_nothing_traded_is_empty_but_knows_the_last_price():
    venue = Venue()
    venue.trade(0, 103, 2)
    ticker = venue.market.ticker(0, 3 * DAY)
    assert (ticker.open, ticker.volume, ticker.trades, ticker.first_id, ticker.last_id, ticker.change) == (0, 0, 0, -1, -1, 0)
    assert (ticker.last, ticker.last_quantity, ticker.previous_close) == (103, 2, 103)
    empty = venue.market.ticker(1, 3 * DAY)
    assert (empty.last, empty.previous_close, empty.bid, empty.ask) == (0, 0, 0, 0)


def test_where_seconds_are_no_longer_kept_a_window_begins_on_the_minute_then_on_the_hour():
    venue = Venue()
    for second in range(6):
        venue.trade(HOUR + second * SECOND, 100, 1)
    assert venue.market.ticker(0, 2 * HOUR, since=HOUR + 3 * SECOND).open_time == HOUR + 3 * SECOND
    minute = venue.market.ticker(0, 2 * HOUR, since=HOUR + SECOND)
    assert (minute.open_time, minute.trades) == (HOUR, 6)
    for later in range(1, 6):
        venue.trade(HOUR + later * MINUTE, 100, 1)
    hour = venue.market.ticker(0, 2 * HOUR, since=HOUR + MINUTE)
    assert (hour.open_time, hour.trades) == (HOUR, 11)
    for later in range(2, 8):
        venue.trade(later * HOUR, 100, 1)
    oldest = venue.market.ticker(0, 8 * HOUR, since=HOUR)
    assert (oldest.open_time, oldest.trades) == (4 * HOUR, 4)


def test_the_average_of_five_minutes_is_weighted_and_the_last_price_where_nothing_traded():
    venue = Venue(Kept())
    assert venue.market.average(0, 0) == Average(0, 1, 0)
    venue.trade(0, 100, 1)
    venue.trade(4 * MINUTE, 104, 3)
    assert venue.market.average(0, 5 * MINUTE) == Average(412, 4, 4 * MINUTE)
    assert venue.market.average(0, 5 * MINUTE + SECOND) == Average(312, 3, 4 * MINUTE)
    assert venue.market.average(0, HOUR) == Average(104, 1, 4 * MINUTE)


# the fold


def test_events_that_can_not_be_written_to_are_taken_too():
    venue = Venue()
    events = venue.engine.run(commands(submit(1, BUY, 100, 5)))
    told = venue.market.fold(np.frombuffer(events.tobytes(), events.dtype))
    assert levels(told.changes) == [(0, BUY, 100, 5)]
    assert len(venue.market.fold(events[:0]).trades) == 0


def test_rows_of_a_fold_are_the_callers_to_keep():
    venue = Venue()
    first = venue.do(submit(1, BUY, 100, 5))
    before = levels(first.changes), orders(first.orders)
    venue.do(submit(2, BUY, 101, 5), submit(3, SELL, 105, 1))
    assert (levels(first.changes), orders(first.orders)) == before


def test_what_is_not_an_event_is_refused():
    with pytest.raises(TypeError, match="expected a 1-dimensional array of EVENT"):
        Venue().market.fold(np.zeros(3, COMMAND))


@pytest.mark.parametrize("kept", [{"trades": 3}, {"days": 0}, {"seconds": -4}])
def test_a_number_kept_that_is_no_power_of_two_is_refused(kept):
    with pytest.raises(ValueError, match=f"{next(iter(kept))} kept are {next(iter(kept.values()))}; expected a power of two"):
        Kept(**kept)


@pytest.mark.parametrize("intervals", [(0,), (-5, 10), (1,) * 8])
def test_intervals_out_of_range_are_refused(intervals):
    with pytest.raises(ValueError, match="expected at most 7, each above 0 ns"):
        MarketData(MatchingEngine().arena, intervals)


def test_seven_intervals_tell_their_own():
    engine = MatchingEngine(LOWEST, 64)
    market = MarketData(engine.arena, (1, 2, 3, 4, 5, 6, 7))
    market.fold(engine.run(commands(submit(1, BUY, 100, 5))))
    assert [(interval, levels(changes)) for interval, changes in market.due(7)] == [(i, [(0, BUY, 100, 5)]) for i in range(1, 8)]


def test_a_damaged_snapshot_is_refused_and_so_is_one_of_other_books():
    venue = Venue()
    venue.trade(5, 100, 1)
    snapshot = venue.market.snapshot()
    with pytest.raises(ValueError, match="begins with the digest"):
        MarketData.restored(venue.engine.arena, snapshot[:-1] + bytes([snapshot[-1] ^ 1]))
    with pytest.raises(ValueError, match="2 books; expected version 1 and 1"):
        MarketData.restored(MatchingEngine().arena, snapshot)


def test_the_streams_of_one_that_goes_on_begin_where_the_snapshot_ended():
    venue = Venue()
    venue.do(submit(1, BUY, 100, 5), submit(2, BUY, 101, 5))
    market = MarketData.restored(venue.engine.arena, venue.market.snapshot())
    told = market.fold(venue.engine.run(commands(cancel(1))))
    assert spans(told.changes) == [(0, 3, 3)]
    assert [spans(changes) for _, changes in market.due(SECOND)] == [[(0, 3, 3)], [(0, 3, 3)]]


def test_a_snapshot_may_be_taken_up_by_one_that_keeps_less():
    venue = Venue(Kept())
    for i in range(9):
        venue.trade(i * SECOND, 100 + i, 1)
    market = MarketData.restored(venue.engine.arena, venue.market.snapshot(), kept=SMALL)
    assert market.trades(0)["trade_id"].tolist() == [6, 7, 8, 9]
    assert market.klines(0, "1s", 9 * SECOND)["close"].tolist() == [105, 106, 107, 108, 108]
    assert market.trades(0).dtype == TRADE
