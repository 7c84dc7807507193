"""The catalog: what goes in comes out, bit for bit; others' tools read it; what is wrong with it is named."""

import itertools
import os

import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.domain.book import Book
from polaris.domain.errors import BadConfig, BadData, UnknownSymbol
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import (
    ASK,
    CLEAR,
    DEPTH,
    LAST,
    LIVE,
    QUOTE,
    REASON_CONNECT,
    REASON_GAP,
    REASON_NONE,
    SNAPSHOT,
    STATUS,
    SYNCING,
    TRADE,
    RowBuffer,
)
from polaris.research.backtest import read_config, run
from polaris.research.catalog.bars import resampled
from polaris.research.catalog.read import bars_of, check, entry, files, load_catalog
from polaris.research.catalog.schema import KINDS
from polaris.research.catalog.write import CatalogWriter

SECOND = 1_000_000_000
MIDNIGHT = 1_760_054_400 * SECOND  # 2025-10-10
T0 = MIDNIGHT - 30 * SECOND


def instrument(number: int, base: str, quote: str = "USD", product: Product = Product.SPOT) -> Instrument:
    return Instrument(
        id=InstrumentId(number), key=Key("coinbase", product, base, quote), wire=f"{base}-{quote}", price_decimals=2, quantity_decimals=4, text_decimals=(2, -2)
    )


TWO = Instruments([instrument(0, "BTC"), instrument(1, "1/2 ETH", "USDT", Product.PERPETUAL)])


def rows_of(*rows: tuple[int, ...]):
    buffer = RowBuffer()
    for row in rows:
        buffer.append(*row)
    return buffer.take()


def a_session(i: int = 0, at: int = T0):
    """A book that becomes LIVE, moves, is lost and comes back; trades on both sides of midnight."""
    return rows_of(
        (0, at, i, STATUS, 0, SYNCING, REASON_CONNECT),
        (at - 5, at + 1, i, DEPTH, SNAPSHOT | CLEAR, 10_000, 7, 41, 0),
        (at - 5, at + 1, i, DEPTH, SNAPSHOT | ASK | LAST, 10_100, 8, 41, 0),
        (0, at + 1, i, STATUS, 0, LIVE, REASON_NONE),
        (at, at + 2, i, DEPTH, LAST, 10_050, 1, 42, 0),
        (at, at + 3, i, TRADE, LAST | ASK, 10_050, 20_000, 900, 0),
        (at, at + 4, i, QUOTE, LAST, 10_050, 1, 10_100, 8),
        (at + 20 * SECOND, at + 20 * SECOND, i, TRADE, LAST, 10_100, 10_000, 901, 0),
        (at + 40 * SECOND, at + 40 * SECOND, i, TRADE, LAST, 9_900, 30_000, 902, 0),
        (0, at + 41 * SECOND, i, STATUS, 0, SYNCING, REASON_GAP),
        (at, at + 42 * SECOND, i, DEPTH, SNAPSHOT | CLEAR | LAST, 9_800, 5, 50, 0),
        (0, at + 42 * SECOND, i, STATUS, 0, LIVE, REASON_NONE),
    )


def written(root, *parts, source: str = "a" * 64, instruments: Instruments = TWO):
    with CatalogWriter(root, instruments, source) as writer:
        for part in parts:
            writer.hear(part)
    return writer


def numbered(rows):
    rows = rows.copy()
    rows["seq"] = np.arange(len(rows))
    return rows


def test_a_recording_comes_back_row_for_row(tmp_path):
    both = np.concatenate([a_session(0), a_session(1, T0 + SECOND)])
    both = both[np.argsort(both["ts_recv"], kind="stable")]
    written(tmp_path / "catalog", both)
    found = load_catalog(tmp_path / "catalog", ["BTC-USD.coinbase", "1/2 ETH-USDT-perpetual.coinbase"])
    assert found.rows.tobytes() == numbered(both).tobytes()
    assert [(item.key, item.wire, item.price_decimals, item.text_decimals) for item in found.instruments] == [
        (item.key, item.wire, item.price_decimals, item.text_decimals) for item in TWO
    ]


ROW = st.tuples(
    st.integers(0, 10**9), st.integers(0, 3 * 86_400), st.integers(0, 1), st.sampled_from([DEPTH, TRADE, QUOTE, STATUS]), st.integers(0, 31), st.integers(0, 3),
    st.integers(0, 7), st.integers(-(10**15), 10**15), st.integers(0, 10**15),
)  # fmt: skip


@settings(max_examples=40)
@given(rows=st.lists(ROW, min_size=1, max_size=60), cuts=st.lists(st.integers(0, 60), max_size=3))
def test_any_rows_in_any_portions_come_back(tmp_path_factory, rows, cuts):
    root = tmp_path_factory.mktemp("catalog")
    recorded = rows_of(*((event, MIDNIGHT + at * SECOND, *rest) for event, at, *rest in sorted(rows, key=lambda row: row[1])))
    edges = [0, *sorted(min(cut, len(recorded)) for cut in cuts), len(recorded)]
    written(root, *(recorded[begin:end] for begin, end in itertools.pairwise(edges)))
    names = [str(item.key) for item in TWO if (recorded["instrument"] == item.id).any()]
    again = load_catalog(root, names).rows
    wanted = numbered(recorded)
    if len(names) == 1:
        wanted["instrument"] = 0
    assert again.tobytes() == wanted.tobytes()
    assert check(root)[0] == []


def test_each_days_rows_stand_in_its_own_folder_under_a_name_that_a_path_can_hold(tmp_path):
    written(tmp_path, a_session(0), a_session(1))
    folders = {str(path.parent.relative_to(tmp_path)) for path in files(tmp_path, kind="trades")}
    assert folders == {
        f"kind=trades/venue=coinbase/symbol={symbol}/day={day}" for symbol in ("BTC-USD", "1%2F2%20ETH-USDT-perpetual") for day in ("2025-10-09", "2025-10-10")
    }
    assert {path.parent.parent.parent.parent.name for path in files(tmp_path)} == {f"kind={kind}" for kind in KINDS}


def test_duckdb_reads_it_with_plain_sql(tmp_path):
    written(tmp_path, a_session(0), a_session(1))
    query = f"select symbol, day::varchar, count(*), sum(quantity), max(price) from read_parquet('{tmp_path}/kind=trades/*/*/*/*.parquet', hive_partitioning = true) group by all order by all"
    assert duckdb.sql(query).fetchall() == [
        (symbol, day, count, quantity, price)
        for symbol in ("1/2 ETH-USDT-perpetual", "BTC-USD")
        for day, count, quantity, price in (("2025-10-09", 2, 3.0, 101.0), ("2025-10-10", 1, 3.0, 99.0))
    ]


def test_polars_reads_it_as_it_is(tmp_path):
    written(tmp_path, a_session(0))
    trades = pl.scan_parquet(tmp_path / "kind=trades" / "**" / "*.parquet", hive_partitioning=True).sort("place").collect()
    assert trades["taker"].to_list() == ["sell", "buy", "buy"] and trades["venue"].unique().to_list() == ["coinbase"]
    assert trades["price"].to_list() == [100.5, 101.0, 99.0] and trades["ticks"].to_list() == [10_050, 10_100, 9_900]
    assert trades["ts_recv"].dt.epoch("ns").to_list() == [T0 + 3, T0 + 20 * SECOND, T0 + 40 * SECOND]


def test_quotes_are_the_venues_own_and_the_tops_our_book_came_to_stand_at(tmp_path):
    written(tmp_path, a_session(0))
    quotes = pl.concat([pl.DataFrame(pq.read_table(path, partitioning=None)) for path in files(tmp_path, kind="quotes")])
    assert quotes.select("source", "bid_ticks", "bid_lots", "ask_ticks", "ask_lots", "place").rows() == [("book", 10_050, 1, 10_100, 8, -1), ("venue", 10_050, 1, 10_100, 8, 6)]


def test_the_book_is_rebuilt_from_deltas_at_any_moment(tmp_path):
    rows = a_session(0)
    written(tmp_path, rows)
    back = load_catalog(tmp_path).rows
    for end in range(len(rows) + 1):
        books = Book(), Book()
        books[0].apply(rows[:end], 0)
        books[1].apply(back[:end], 0)
        assert (books[0].bids(), books[0].asks()) == (books[1].bids(), books[1].asks())


def test_bars_are_made_of_trades_and_say_where_the_feed_was_not_whole(tmp_path):
    written(tmp_path, a_session(0))
    bars = bars_of(tmp_path, "coinbase", "BTC-USD")
    assert bars.select("open", "high", "low", "close", "volume", "trades", "complete").rows() == [(100.5, 101.0, 100.5, 101.0, 3.0, 2, False), (99.0, 99.0, 99.0, 99.0, 3.0, 1, False)]
    assert bars["ts"].dt.epoch("ns").to_list() == [MIDNIGHT - 60 * SECOND, MIDNIGHT]
    assert bars["vwap"].to_list() == [pytest.approx((100.5 * 2 + 101.0) / 3), 99.0]
    two = bars_of(tmp_path, "coinbase", "BTC-USD", 120 * SECOND)
    assert two.select("open", "high", "low", "close", "volume", "trades").rows() == [(100.5, 101.0, 100.5, 101.0, 3.0, 2), (99.0, 99.0, 99.0, 99.0, 3.0, 1)]
    with pytest.raises(BadConfig, match="whole minutes"):
        resampled(bars, 90 * SECOND)
    with pytest.raises(UnknownSymbol, match=r"known are BTC-USD\.coinbase"):
        bars_of(tmp_path, "coinbase", "BTC-EUR")


def test_a_minute_between_two_gaps_is_whole(tmp_path):
    at = MIDNIGHT + 1
    trades = [(at + k * 60 * SECOND, at + k * 60 * SECOND, 0, TRADE, LAST, 100, 1, k + 1, 0) for k in range(4)]
    begin = rows_of((0, at - 5 * SECOND, 0, STATUS, 0, SYNCING, REASON_CONNECT), (0, at - SECOND, 0, STATUS, 0, LIVE, REASON_NONE), *trades[:3])
    end = rows_of((0, at + 121 * SECOND, 0, STATUS, 0, SYNCING, REASON_GAP), (0, at + 122 * SECOND, 0, STATUS, 0, LIVE, REASON_NONE), *trades[3:])
    written(tmp_path, begin, end)
    assert bars_of(tmp_path, "coinbase", "BTC-USD")["complete"].to_list() == [True, True, False, True]


def test_the_same_recording_is_never_added_twice(tmp_path):
    written(tmp_path, a_session(0))
    before = sorted(files(tmp_path))
    with pytest.raises(BadData, match="holds this recording already"):
        written(tmp_path, a_session(0))
    written(tmp_path, a_session(0, T0 + 100 * SECOND), source="b" * 64)
    assert len(sorted(files(tmp_path))) > len(before)
    assert len(load_catalog(tmp_path).rows) == 2 * len(a_session(0))


def test_a_writer_that_dies_leaves_the_catalog_as_it_was(tmp_path):
    with pytest.raises(BadData, match="instrument 5"), CatalogWriter(tmp_path, TWO, "a" * 64) as writer:
        writer.hear(a_session(0))
        writer.hear(a_session(5))
    assert list(tmp_path.iterdir()) == []
    written(tmp_path, a_session(0))


def test_what_is_broken_is_named_with_its_file(tmp_path):
    written(tmp_path, a_session(0))
    assert check(tmp_path)[0] == []
    (gap,) = check(tmp_path)[1]
    assert "syncing (gap)" in gap.what
    first, second, *_ = files(tmp_path, kind="trades")
    first.write_bytes(first.read_bytes()[:-100])
    moved = second.parent.parent / "day=2025-10-11"
    second.parent.rename(moved)
    deltas = next(iter(files(tmp_path, kind="deltas")))
    table = pq.read_table(deltas, partitioning=None)
    pq.write_table(table.take(list(reversed(range(len(table))))), deltas)
    faults = {fault.file.split("/")[0] + " " + fault.what for fault in check(tmp_path)[0]}
    assert any("kind=trades" in fault and "no whole Parquet file" in fault for fault in faults)
    assert any("kind=deltas" in fault and "does not follow" in fault for fault in faults)


def test_a_newer_schema_and_a_foreign_file_are_refused(tmp_path):
    written(tmp_path, a_session(0))
    path = next(iter(files(tmp_path, kind="trades")))
    table = pq.read_table(path, partitioning=None)
    newer = table.schema.metadata[b"polaris"].replace(b'"schema":1', b'"schema":2')
    pq.write_table(table.replace_schema_metadata({b"polaris": newer}), path)
    with pytest.raises(BadData, match=r"schema 2, this version reads up to 1; use a newer Polaris"):
        entry(path)
    pq.write_table(table.replace_schema_metadata({}), path)
    with pytest.raises(BadData, match="no file of a catalog"):
        entry(path)


def test_a_catalog_that_is_not_there_says_how_to_make_one(tmp_path):
    with pytest.raises(BadData, match="polaris catalog add"):
        list(files(tmp_path / "absent"))
    written(tmp_path, a_session(0))
    with pytest.raises(UnknownSymbol, match=r"BTC-USD\.coinbase"):
        load_catalog(tmp_path, ["BTC-EUR.coinbase"])
    with pytest.raises(BadData, match="2020-01-01"):
        load_catalog(tmp_path, days=["2020-01-01"])


def test_a_backtest_over_a_catalog_decides_as_over_the_recording(tmp_path, test_data):
    from polaris.app.catalog import add_capture
    from polaris.venues.replay import rows_of_capture

    capture = test_data / "ws" / "coinbase_advanced_20260809.jsonl.gz"
    told = add_capture(capture, tmp_path / "catalog")
    instruments, rows = rows_of_capture(capture)
    assert sum(told["rows"][kind] for kind in ("trades", "deltas", "status")) == len(rows)
    config = tmp_path / "backtest.toml"
    config.write_text('catalog = "catalog"\nsymbols = ["BTC-USD.coinbase", "ETH-USD.coinbase"]\n[desk.sizing]\nmode = "fixed"\ncost_multiple = 0.0\n')
    again = run(read_config(config), base=tmp_path)
    direct = run(read_config(config), rows=(instruments, numbered(rows)), base=tmp_path)
    assert again.decisions_digest == direct.decisions_digest and len(again.records) == len(direct.records) > 0
    config.write_text('catalog = "catalog"\nlog = "log"\n')
    with pytest.raises(BadConfig, match="only one of them"):
        run(read_config(config), base=tmp_path)


@pytest.mark.parametrize("name", ["kucoin_20210425.jsonl.gz", "bitstamp_20220105.jsonl.gz", "gemini_v2_20260809.jsonl.gz", "kraken_v1_20210417.jsonl.gz"])
def test_every_venues_recording_comes_back(tmp_path, test_data, name):
    from polaris.app.catalog import add_capture
    from polaris.venues.replay import rows_of_capture

    add_capture(test_data / "ws" / name, tmp_path)
    instruments, rows = rows_of_capture(test_data / "ws" / name)
    heard = [item.symbol for item in instruments if (rows["instrument"] == item.id).any()]
    found = load_catalog(tmp_path, heard)
    numbers = {instruments.by_symbol(symbol).id: number for number, symbol in enumerate(heard)}
    wanted = numbered(rows)
    wanted["instrument"] = [numbers[each] for each in wanted["instrument"].tolist()]
    order = np.argsort(wanted["ts_recv"], kind="stable")
    wanted = numbered(wanted[order])
    assert found.rows.tobytes() == wanted.tobytes()
    assert check(tmp_path)[0] == [] and os.path.exists(tmp_path)
