"""The SQL tables against the log they come from."""

import sqlite3
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, select

from polaris.domain.errors import BadConfig, BadData, BadLog, Unavailable
from polaris.domain.market import ROW
from polaris.domain.orders import RECORD
from polaris.log.read import RecordsBlock, blocks
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogWriter
from polaris.store import projection as module
from polaris.store.projection import Projection
from polaris.store.tables import SCHEMA_VERSION, equity, fills, metadata, orders, refusals

from .conftest import INSTRUMENTS, life_of, record, started, write_log


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))] for table in metadata.sorted_tables}
    engine.dispose()
    return found


@pytest.fixture
def url(tmp_path: Path) -> str:
    return url_of(tmp_path / "desk.db")


@pytest.fixture
def store(url: str):
    store = Projection(url)
    yield store
    store.close()


def test_an_order_carries_its_newest_state_in_integers_and_in_text(store):
    store.apply(99, np.concatenate([life_of(3, 10), life_of(1, 20)]), INSTRUMENTS)
    with store.engine.connect() as connection:
        filled, cancelled = (dict(row._mapping) for row in connection.execute(select(orders).order_by(orders.c.order_id.desc())))
    assert filled == {
        "order_id": 3, "seq": 10, "ordinal": 1, "ts": 100, "symbol": "ETH-USDT.binance", "side": "sell", "type": "limit", "state": "filled", "updated_ts": 100,
        "price_ticks": 6_543_213, "price": "65432.13", "quantity_lots": 150_000_000, "quantity": "15000", "filled_lots": 150_000_000, "filled": "15000",
        "forecast": 1.5e-4,
    }  # fmt: skip
    assert (cancelled["state"], cancelled["filled"], cancelled["quantity"], cancelled["symbol"]) == ("cancelled", "5000", "15000", "ETH-USDT.binance")


def test_fills_refusals_and_equity_are_exact(store):
    store.apply(99, np.concatenate([life_of(4, 10), life_of(2, 20)]), INSTRUMENTS)
    with store.engine.connect() as connection:
        fill, refusal, sample = (dict(connection.execute(select(table)).one()._mapping) for table in (fills, refusals, equity))
    assert fill == {
        "seq": 11, "ordinal": 1, "ts": 100, "order_id": 4, "symbol": "BTC-USD.coinbase", "side": "buy", "liquidity": "maker",
        "price_ticks": 6_543_214, "price": "65432.14", "quantity_lots": 50_000_000, "quantity": "0.5", "fee_units": -12_345, "fee": "-0.00012345",
        "cash_units": 10**15, "cash": "10000000.00000000", "position_lots": -50_000_000, "position": "-0.5",
    }  # fmt: skip
    assert refusal | {"reason": "price band", "figure": 0.031, "limit": 0.02, "type": "ioc", "seq": 20, "ordinal": 0} == refusal
    assert sample | {"equity_units": 10**12 + 2, "equity": "10000.00000002", "cash": "-0.00000005", "realised": 12.5, "drawdown": 0.01} == sample


def test_applying_the_same_records_again_changes_nothing(store, url):
    batch = np.concatenate([life_of(order, 10 * order) for order in range(1, 20)])
    assert store.apply(200, batch, INSTRUMENTS) == len(batch)
    before = contents(url)
    assert store.apply(200, batch, INSTRUMENTS) == 0
    store.apply(210, batch[-10:], INSTRUMENTS)  # overlapping: all of it is known
    after = contents(url)
    assert after.pop("projection") == [(1, SCHEMA_VERSION, 210)] and before.pop("projection") == [(1, SCHEMA_VERSION, 200)]
    assert after == before


@pytest.mark.parametrize("batches", [1, 2, 7, 60])
def test_any_cut_into_batches_gives_the_same_tables(tmp_path, batches):
    records = np.concatenate([life_of(order, 10 * order) for order in range(1, 61)])
    found = []
    for parts in (1, batches):
        url = url_of(tmp_path / f"{parts}.db")
        store = Projection(url)
        for seqs in np.array_split(np.unique(records["seq"]), parts):
            store.apply(int(seqs[-1]), records[np.isin(records["seq"], seqs)], INSTRUMENTS)
        store.close()
        found.append(contents(url))
    assert found[0] == found[1]


def test_catching_up_with_a_log_gives_every_record_once(store, url, log):
    expected = sum(len(block.records) for block in blocks(log) if isinstance(block, RecordsBlock))
    assert store.catch_up(log) == expected
    assert store.catch_up(log) == 0
    found = contents(url)
    assert len(found["orders"]) == 200 and len(found["fills"]) == 300 and len(found["refusals"]) == len(found["equity"]) == 100
    first, second = found["runs"]
    assert first[2:5] == second[2:5] == ("1", "paper", "k")
    assert first[7:] == ("done", "s", "d") and second[5:] == (None,) * 5


def test_live_writing_and_reading_the_log_again_agree(tmp_path, log, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 17)
    urls = [url_of(tmp_path / name) for name in ("live.db", "rebuilt.db", "late.db")]
    live, rebuilt, late = map(Projection, urls)
    for block in blocks(log):
        if isinstance(block, RecordsBlock):
            live.apply(int(block.records["seq"][-1]), block.records, INSTRUMENTS)
        elif hasattr(block, "event"):
            live.apply_event(block.seq, block.event)
    rebuilt.rebuild(log)
    write_log(tmp_path / "grown", 120)
    late.catch_up(tmp_path / "grown")  # a log that grows between two visits
    write_log(tmp_path / "grown", 60, 121)
    late.catch_up(tmp_path / "grown")
    rebuilt_grown = Projection(url_of(tmp_path / "grown.db"))
    rebuilt_grown.catch_up(tmp_path / "grown")
    assert contents(urls[0]) == contents(urls[1])
    assert contents(urls[2]) == contents(url_of(tmp_path / "grown.db"))
    for store in (live, rebuilt, late, rebuilt_grown):
        store.close()


def test_records_of_one_row_in_two_blocks_of_the_log_are_all_there(store, url, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 3)
    with LogWriter(tmp_path / "log") as writer:
        Sequencer(writer).tell(started(1))
        Sequencer(writer).stamp(np.zeros(9, ROW))
        for one in np.split(np.concatenate([life_of(3, 2), life_of(4, 5)]), 10):
            writer.append_records(one)
    assert store.catch_up(tmp_path / "log") == 10
    assert [(seq, ordinal) for seq, ordinal, *_ in contents(url)["fills"]] == [(3, 1), (4, 0), (6, 1)]


def test_the_owner_may_write_from_a_thread_of_its_own(store, url):
    thread = threading.Thread(target=store.apply, args=(30, life_of(3, 10), INSTRUMENTS))
    thread.start()
    thread.join()
    assert store.last_seq == 30 and len(contents(url)["fills"]) == 2


def test_tables_of_another_log_are_emptied_first(tmp_path, store, url, log):
    write_log(tmp_path / "other", 400)
    store.catch_up(tmp_path / "other")
    store.catch_up(log)
    fresh = Projection(url_of(tmp_path / "fresh.db"))
    fresh.catch_up(log)
    fresh.close()
    assert contents(url) == contents(url_of(tmp_path / "fresh.db"))


def test_another_schema_version_is_rebuilt_not_migrated(store, url, log):
    store.catch_up(log)
    before = contents(url)
    store.close()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("ALTER TABLE fills DROP COLUMN liquidity")
        connection.execute("UPDATE projection SET schema_version = 0")
    connection.close()
    again = Projection(url)
    assert again.last_seq == 0
    again.catch_up(log)
    again.close()
    assert contents(url) == before


@pytest.mark.parametrize("statement", ["DELETE FROM projection", "DROP TABLE equity"])
def test_tables_left_half_made_by_a_crash_are_made_again(store, url, log, statement):
    store.catch_up(log)
    before = contents(url)
    store.close()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute(statement)
    connection.close()
    again = Projection(url)
    again.catch_up(log)
    again.close()
    assert contents(url) == before


def test_tables_of_the_same_name_that_are_not_ours_are_left_alone(url):
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("CREATE TABLE orders (important TEXT)")
    connection.close()
    with pytest.raises(BadConfig, match="table 'orders' is there but is no projection of ours"):
        Projection(url)


def test_a_database_that_can_not_be_opened_is_named(tmp_path):
    with pytest.raises(Unavailable, match=r"absent/desk\.db: the database can't be opened"):
        Projection(url_of(tmp_path / "absent" / "desk.db"))


def test_two_projections_of_one_database_do_not_write_over_each_other(store, url):
    other = Projection(url)
    store.apply(30, life_of(1, 10), INSTRUMENTS)
    with pytest.raises(Unavailable, match="another process moved this projection on from seq 0"):
        other.apply(30, life_of(1, 10), INSTRUMENTS)
    other.close()


def test_a_failed_batch_leaves_nothing_and_may_be_sent_again(store, url):
    store.apply(30, life_of(1, 10), INSTRUMENTS)
    before = contents(url)
    with pytest.raises(BadData, match=r"after seq 30: UNIQUE constraint failed: orders\.order_id"):
        store.apply(60, np.concatenate([life_of(4, 40), life_of(1, 50)]), INSTRUMENTS)
    assert contents(url) == before
    assert store.apply(60, life_of(4, 40), INSTRUMENTS) == 5


def test_records_beyond_the_seq_they_are_said_to_end_with_are_refused(store):
    with pytest.raises(BadData, match="records up to seq 12 can't be applied as those up to 11"):
        store.apply(11, life_of(1, 10), INSTRUMENTS)


def test_records_before_any_run_are_an_error(store, tmp_path):
    with LogWriter(tmp_path / "log") as writer:
        Sequencer(writer).tell(started(1))
        Sequencer(writer).stamp(np.zeros(9, ROW))
        writer.append_records(life_of(1, 5))
    Path(tmp_path / "bare").mkdir()
    with LogWriter(tmp_path / "bare") as writer:
        Sequencer(writer).stamp(np.zeros(9, ROW))
        writer.append_records(life_of(1, 5))
    store.catch_up(tmp_path / "log")
    with pytest.raises(BadLog, match="records of seq 5 before any run began"):
        store.catch_up(tmp_path / "bare")


def test_floats_that_are_no_numbers_become_null(store):
    odd = np.concatenate([record(seq=1, kind=2, figure=float("nan"), limit=float("inf"), reason=1), record(seq=1, kind=11, figure=float("-inf"))])
    store.apply(1, odd, INSTRUMENTS)
    with store.engine.connect() as connection:
        assert connection.execute(select(refusals.c.figure, refusals.c.limit)).one() == (None, None)
        assert connection.execute(select(equity.c.realised)).scalar() is None


def test_an_empty_batch_moves_the_seq_on(store, url):
    assert store.apply(77, np.zeros(0, RECORD), INSTRUMENTS) == 0
    assert contents(url)["projection"] == [(1, SCHEMA_VERSION, 77)]


def test_sqlite_keeps_a_write_ahead_log_so_that_readers_never_wait(store, url, log):
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    reader = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM runs").fetchone() == (0,)  # holds a snapshot open
    store.catch_up(log)
    assert reader.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    reader.execute("COMMIT")
    assert reader.execute("SELECT count(*) FROM runs").fetchone() == (2,)
    reader.close()


def test_a_changed_table_needs_a_new_schema_version():
    """Changed a table on purpose? Raise SCHEMA_VERSION, then put the new fingerprint here."""
    columns = [(table.name, column.name, str(column.type), column.nullable, column.primary_key) for table in metadata.sorted_tables for column in table.columns]
    assert (SCHEMA_VERSION, zlib.crc32(repr(columns).encode())) == (1, 794989902)
