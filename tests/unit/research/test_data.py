"""Recorded data becomes rows exactly, or is refused with the place named."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.errors import BadConfig, BadData
from polaris.domain.instrument import Product
from polaris.domain.market import ASK, BAR, ROW, TRADE, event
from polaris.research.columns import Column, Table, decimals_of, integers, read
from polaris.research.data import Source, load, merge

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NANOS = 1_767_225_600_000_000_000


def bars(folder: Path, name: str = "bars.parquet", **changes: object) -> Source:
    """Five good minute bars, with columns replaced."""
    columns: dict[str, object] = {
        "ts": [START + dt.timedelta(minutes=i) for i in range(5)],
        "open": [100.0, 100.1, 100.2, 100.1, 100.3],
        "high": [100.2, 100.3, 100.2, 100.4, 100.3],
        "low": [99.9, 100.0, 100.0, 100.1, 100.1],
        "close": [100.1, 100.2, 100.1, 100.3, 100.2],
        "volume": [1.5, 2.25, 0.0, 3.0, 4.125],
    }
    pl.DataFrame(columns | changes).write_parquet(folder / name)
    return Source(path=name, symbol="BTC-USDT.binance")


def test_bars_become_rows_at_their_end_in_exact_integers(tmp_path):
    data = load([bars(tmp_path)], tmp_path)
    item = data.instruments[0]
    assert (item.symbol, item.price_decimals, item.quantity_decimals) == ("BTC-USDT.binance", 1, 3)
    first = event(data.rows[0])
    assert (first.open, first.high, first.low, first.close, first.volume) == (1000, 1002, 999, 1001, 1500)
    assert first.ts_event == first.ts_recv == NANOS + 60_000_000_000
    assert data.rows["seq"].tolist() == [0, 1, 2, 3, 4]
    assert data.gaps == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"high": [100.2, 100.3, 100.0, 100.4, 100.3]}, r"bars.parquet row 3, high: 100.0 does not enclose open 100.2"),
        ({"low": [99.9, 100.0, 100.0, 100.1, 100.25]}, r"row 5, low: 100.25 does not enclose"),
        ({"close": [100.1, 100.2, float("nan"), 100.3, 100.2]}, r"row 3, close: nan is not a number"),
        ({"open": [100.0, float("inf"), 100.2, 100.1, 100.3]}, r"row 2, open: inf is not a number"),
        ({"low": [99.9, 100.0, 0.0, 100.1, 100.1]}, r"row 3, low: 0.0 should be above 0"),
        ({"volume": [1.0, -2.0, 1.0, 1.0, 1.0]}, r"row 2, volume: -2.0 should not be below 0"),
        ({"ts": [START + dt.timedelta(minutes=i) for i in (0, 1, 1, 2, 3)]}, r"row 3, ts: .*00:01.* is the same time as the row before: a duplicate"),
        ({"ts": [START + dt.timedelta(minutes=i) for i in (0, 2, 1, 3, 4)]}, r"row 3, ts: .*00:01.* is earlier than the row before"),
        ({"close": [100.1, None, 100.1, 100.3, 100.2]}, r"row 2, close: is empty"),
        ({"close": ["a", "b", "c", "d", "e"]}, r"column 'close' holds object|column 'close' holds str|expected numbers"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path, changes, said):
    with pytest.raises(BadData, match=said):
        load([bars(tmp_path, **changes)], tmp_path)


def test_a_price_off_the_declared_grid_is_refused_and_never_rounded(tmp_path):
    source = bars(tmp_path, close=[100.1, 100.2, 100.1, 100.25, 100.2])
    with pytest.raises(BadData, match=r"row 4, close: 100.25 is not a multiple of 0.1"):
        load([Source(path=source.path, symbol=source.symbol, price_decimals=1)], tmp_path)


@pytest.mark.parametrize(("value", "decimals"), [(100.0001, 1), (100.00001, 2), (1e12 + 0.25, 0), (5e10 + 0.015625, 1)])
def test_a_small_distance_from_the_grid_is_a_distance(value, decimals):
    column = Column("price", np.array([value]))
    table = Table(Path("x"), pl.DataFrame({"price": column.values}), {"price": "price"})
    with pytest.raises(BadData, match="is not a multiple of"):
        integers(table, column, decimals)


def test_a_sum_of_doubles_is_the_decimal_it_means():
    column = Column("size", np.array([0.1 + 0.2, sum([0.1] * 1000)]))
    table = Table(Path("x"), pl.DataFrame({"size": column.values}), {"size": "size"})
    assert column.values[0] != 0.3
    assert integers(table, column, 1).tolist() == [3, 1000]
    assert decimals_of(table, column) == 1


def test_a_wick_that_a_bar_cannot_hold_is_refused(tmp_path):
    source = bars(tmp_path, high=[130.0, 100.3, 100.2, 100.4, 100.3])
    with pytest.raises(BadData, match=r"row 1, high: 130.0 lies 2,990,000,000 ticks outside open and close, .* declare fewer price_decimals"):
        load([Source(path=source.path, symbol=source.symbol, price_decimals=8)], tmp_path)


def test_a_missing_column_names_the_columns_there_are(tmp_path):
    pl.DataFrame({"ts": [START], "open": [1.0]}).write_parquet(tmp_path / "half.parquet")
    with pytest.raises(BadData, match="no column 'high'; it has ts, open"):
        load([Source(path="half.parquet", symbol="BTC-USDT.binance")], tmp_path)


def test_a_file_that_is_no_parquet_is_said_so(tmp_path):
    (tmp_path / "x.parquet").write_text("hello")
    with pytest.raises(BadData, match="is not a Parquet file"):
        read(tmp_path / "x.parquet")
    with pytest.raises(BadData, match="no such file"):
        read(tmp_path / "y.parquet")


def test_a_gap_is_reported_and_kept(tmp_path):
    data = load([bars(tmp_path, ts=[START + dt.timedelta(minutes=i) for i in (0, 1, 2, 7, 8)])], tmp_path)
    (gap,) = data.gaps
    assert (gap.symbol, gap.missing) == ("BTC-USDT.binance", 4)
    assert (gap.start, gap.end) == (NANOS + 180_000_000_000, NANOS + 420_000_000_000)
    assert len(data.rows) == 5


def test_times_without_a_zone_need_one(tmp_path):
    source = bars(tmp_path, ts=[f"2026-01-01 00:0{i}:00" for i in range(5)])
    with pytest.raises(BadConfig, match="carry no zone"):
        load([source], tmp_path)
    data = load([Source(path=source.path, symbol=source.symbol, timezone="America/New_York")], tmp_path)
    assert data.rows["ts_recv"][0] == NANOS + 5 * 3_600_000_000_000 + 60_000_000_000


def test_new_york_time_of_day_follows_the_clocks(tmp_path):
    pl.DataFrame(
        {"day": ["20260306", "20260309"], "ms_of_day_ny": [34_200_000, 34_200_000], "price_x10000": [1_000_000, 1_000_100], "size": [100, 200]}
    ).write_parquet(tmp_path / "spy.parquet")
    data = load([Source(path="spy.parquet", symbol="SPY-USD.us", product=Product.STOCK, kind="trades")], tmp_path)
    hours = data.rows["ts_recv"] // 60_000_000_000 % 1440 / 60
    assert hours.tolist() == [14.5, 13.5]  # winter time, summer time
    assert data.instruments[0].price_decimals == 4
    assert data.rows["price"].tolist() == [1_000_000, 1_000_100]


def test_a_time_of_day_alone_needs_its_day(tmp_path):
    pl.DataFrame({"ms_of_day_ny": [34_200_000], "price_x10000": [1_000_000], "size": [100]}).write_parquet(tmp_path / "spy.parquet")
    source = Source(path="spy.parquet", symbol="SPY-USD.us", product=Product.STOCK, kind="trades")
    with pytest.raises(BadConfig, match='say which day it was: day = "YYYY-MM-DD"'):
        load([source], tmp_path)


def test_the_taker_is_read_where_known_and_else_found_by_the_tick_test(tmp_path):
    ts = [START + dt.timedelta(seconds=i) for i in range(6)]
    price = [10.0, 10.0, 10.1, 10.1, 10.0, 10.0]
    pl.DataFrame({"ts": ts, "price": price, "size": [1.0] * 6}).write_parquet(tmp_path / "t.parquet")
    rows = load([Source(path="t.parquet", symbol="BTC-USD.x", kind="trades")], tmp_path).rows
    assert ((rows["flags"] & ASK) != 0).tolist() == [False, False, False, False, True, True]
    pl.DataFrame({"ts": ts, "price": price, "size": [1.0] * 6, "side": ["buy", "sell"] * 3}).write_parquet(tmp_path / "s.parquet")
    rows = load([Source(path="s.parquet", symbol="BTC-USD.x", kind="trades")], tmp_path).rows
    assert ((rows["flags"] & ASK) != 0).tolist() == [False, True] * 3


def test_instruments_are_merged_by_time_and_ties_keep_the_order_of_the_files(tmp_path):
    first = bars(tmp_path, "a.parquet")
    second = bars(tmp_path, "b.parquet", ts=[START + dt.timedelta(minutes=i) for i in range(-2, 3)])
    data = load([first, Source(path=second.path, symbol="ETH-USDT.binance")], tmp_path)
    assert data.rows["instrument"].tolist() == [1, 1, 0, 1, 0, 1, 0, 1, 0, 0]
    assert (np.diff(data.rows["ts_recv"]) >= 0).all()
    assert data.rows["seq"].tolist() == list(range(10))


def test_two_files_of_one_symbol_are_one_instrument_at_the_finer_grid(tmp_path):
    first = bars(tmp_path, "a.parquet")
    second = bars(tmp_path, "b.parquet", ts=[START + dt.timedelta(minutes=10 + i) for i in range(5)], close=[100.15, 100.2, 100.1, 100.3, 100.2])
    data = load([first, second], tmp_path)
    assert len(data.instruments) == 1
    assert data.instruments[0].price_decimals == 2
    assert data.rows["price"][[0, 5]].tolist() == [10010, 10015]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC-USDT", "BTCUSDT.binance", "-USDT.binance", "BTC-USDT."])
def test_a_symbol_of_another_shape_is_refused(tmp_path, symbol):
    source = bars(tmp_path)
    with pytest.raises(BadConfig, match=r"should read BASE-QUOTE.venue"):
        load([Source(path=source.path, symbol=symbol)], tmp_path)


def test_nothing_to_load_is_refused():
    with pytest.raises(BadConfig, match=r"name at least one file"):
        load([])


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=50), st.integers(0, 8))
def test_any_decimal_survives_the_way_through_a_double(values, decimals):
    column = Column("price", np.array([value / 10**decimals for value in values]))
    table = Table(Path("x"), pl.DataFrame({"price": column.values}), {"price": "price"})
    assert integers(table, column, decimals).tolist() == values
    assert decimals_of(table, column) == max(max(0, decimals - _zeros(value, decimals)) for value in values)


def _zeros(value: int, most: int) -> int:
    return next((i for i in range(most) if value % 10 ** (i + 1)), most)


@given(st.lists(st.lists(st.integers(0, 20), max_size=8).map(sorted), min_size=1, max_size=4))
def test_a_merge_is_stable_and_loses_nothing(clocks):
    parts = []
    for which, clock in enumerate(clocks):
        part = np.zeros(len(clock), ROW)
        part["ts_recv"], part["instrument"], part["price"] = clock, which, range(len(clock))
        parts.append(part)
    rows = merge(parts)
    told = [(int(row["ts_recv"]), int(row["instrument"]), int(row["price"])) for row in rows]
    assert told == sorted((ts, which, i) for which, clock in enumerate(clocks) for i, ts in enumerate(clock))


@pytest.mark.parametrize(
    ("name", "symbol", "rows", "decimals", "timezone"),
    [
        ("binance_btcusdt_1m", "BTC-USDT.binance", 43_199, (2, 5), ""),
        ("binance_xrpusdt_1m", "XRP-USDT.binance", 43_200, (4, 1), ""),
        ("coinbase_btcusd_1m", "BTC-USD.coinbase", 12_423, (2, 8), ""),
        ("other_btcusdt_1m_2024", "BTC-USDT.other", 50_000, (2, 6), "UTC"),
        ("us_stock_aapl_1m", "AAPL-USD.us", 2_303, (2, 0), ""),
    ],
)
def test_recorded_bars_come_back_as_they_were_written(test_data, name, symbol, rows, decimals, timezone):
    product = Product.STOCK if symbol.endswith(".us") else Product.SPOT
    source = Source(path=f"bars/{name}.parquet", symbol=symbol, timezone=timezone, product=product)
    data = load([source], test_data)
    item = data.instruments[0]
    assert len(data.rows) == rows
    assert (item.price_decimals, item.quantity_decimals) == decimals
    assert (data.rows["kind"] == BAR).all()
    close = pl.read_parquet(test_data / source.path)["close"].to_numpy()
    assert (data.rows["price"] / 10**item.price_decimals == close).all()


def test_recorded_trades_come_back_as_they_were_written(test_data):
    source = Source(path="ticks/us_stock_spy_trades_20131007.parquet", symbol="SPY-USD.us", product=Product.STOCK, kind="trades", day="2013-10-07")
    data = load([source], test_data)
    assert len(data.rows) == 250_601
    assert (data.rows["kind"] == TRADE).all()
    assert data.rows["price"].sum() == pl.read_parquet(test_data / source.path)["price_x10000"].sum()
    assert str(data.rows["ts_recv"][0].astype("datetime64[ns]")).startswith("2013-10-07T08:00:00.464")
