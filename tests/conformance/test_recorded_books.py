"""Recorded hours of real venues through the feeds: the books they end with are known, to the last level."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from polaris.domain.book import Book
from polaris.domain.market import ASK, DEPTH, LIVE, QUOTE, SNAPSHOT, STATUS, TRADE
from polaris.venues.replay import Replay, frames_of_capture, replay_captures, rows_of_capture

EXPECTED = {
    "coinbase_advanced_20260809.jsonl.gz": "coinbase",
    "binance_spot_btcusdt_20240808.gz": "binance",
    "binance_spot_ethusdt_20240808.gz": "binance",
    "binance_usdm_btcusdt_20240808.gz": "binance-usdm",
    "kraken_v1_20210417.jsonl.gz": "kraken-v1",
    "gemini_v2_20260809.jsonl.gz": "gemini",
    "kucoin_20210425.jsonl.gz": "kucoin",
    "bitstamp_20220105.jsonl.gz": "bitstamp",
}
SILENT = {"LTX-USDT", "sgbeur"}  # subscribed to, and never heard of: no snapshot, so never LIVE


def plain(*sides):
    """The reference writes some of KuCoin's texts with an exponent, which the venue did not."""
    return [[[format(Decimal(text), "f") for text in level] for level in side] for side in sides]


@pytest.fixture(scope="module")
def ws(test_data: Path) -> Path:
    return test_data / "ws"


@pytest.mark.parametrize(("name", "venue"), EXPECTED.items())
def test_a_recording_ends_with_the_books_of_the_reference_replay(ws, name, venue):
    expected = json.loads((ws / "expected_books.json").read_text())[name]
    (found,) = replay_captures([ws / name])["files"]
    assert found["venue"] == venue
    assert (found["gaps"], found["resyncs"], found["checksums"]["failed"]) == (0, 0, 0)
    assert found["frames"] == sum(1 for line in Replay(ws / name).capture if line.kind == "recv")
    for wire, book in found["symbols"].items():
        if wire in SILENT:
            assert (book["state"], book["bids"], book["asks"]) == ("SYNCING", 0, 0)
            continue
        final = expected["final"].get(wire) or expected["final"][name]
        assert book["state"] == "LIVE"
        assert plain(book["top_bids"], book["top_asks"]) == plain(final["bids"], final["asks"])
        assert (book["bids"], book["asks"]) == (final["n_bids"], final["n_asks"])
    if venue == "coinbase":
        assert found["symbols"]["BTC-USD"]["asks"] == 27_238


def test_every_checksum_of_kraken_is_our_books(ws):
    (found,) = replay_captures([ws / "kraken_v1_20210417.jsonl.gz"])["files"]
    assert found["checksums"] == {"ok": 4269, "failed": 0}
    assert len(found["symbols"]) == 10 and found["events"]["trade"] == 10


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("binance_spot_btcusdt_20240808.gz", 564),
        ("binance_spot_ethusdt_20240808.gz", 577),
        ("binance_usdm_btcusdt_20240808.gz", 503 + 126),  # the top before its book, and after it
        ("binance_cm_btcusd_perp_20240808.gz", 1124),
        ("binance_spot_20211012.jsonl.gz", 26),
    ],
)
def test_the_book_agrees_with_book_ticker_at_every_shared_update_id(ws, name, times):
    (found,) = replay_captures([ws / name])["files"]
    assert found["checksums"] == {"ok": times, "failed": 0}
    assert all(book["state"] == "LIVE" for book in found["symbols"].values())


def test_a_level_finer_than_the_tick_size_of_today_is_kept(ws):
    """NKNUSDT trades in steps of 0.0001, and has older orders at five decimals."""
    replay = Replay(ws / "binance_spot_20211012.jsonl.gz")
    assert sum(len(rows) for rows in replay.batches()) > 5000
    bids, _, n_bids, _ = replay.feed.book_text("NKNUSDT", 0)
    nkn = replay.instruments.by_wire("binance", "NKNUSDT")
    assert nkn.price_increment == nkn.ticks("0.0001")
    assert n_bids == 614
    assert ["0.25974000", "51.00000000"] in bids


def test_a_thin_book_is_stale_after_ten_silent_seconds_and_live_with_its_next_update(ws):
    instruments, rows = rows_of_capture(ws / "binance_spot_20211012.jsonl.gz")
    rune = instruments.by_wire("binance", "RUNEEUR").id
    states = rows[(rows["kind"] == STATUS) & (rows["instrument"] == rune)]
    assert list(zip(states["price"].tolist(), states["quantity"].tolist(), strict=True)) == [(1, 1), (2, 0), (3, 4), (2, 0)]


def test_documents_reach_the_feed_at_their_time_not_at_their_place_in_the_file(ws):
    instruments, rows = rows_of_capture(ws / "binance_spot_20211012.jsonl.gz")
    assert (np.diff(rows["ts_recv"]) >= 0).all()
    live = rows[(rows["kind"] == STATUS) & (rows["price"] == LIVE)]
    first = {instruments[int(row["instrument"])].wire: int(row["ts_recv"]) for row in live[::-1]}
    assert first["RUNEEUR"] == 1633998522_743208000
    assert first["NKNUSDT"] == 1633998512_320639000


def test_coinbase_names_the_makers_side_so_buys_happen_at_the_ask(ws):
    """At almost every trade whose price is the touch just before it, the taker's side is the side we print."""
    instruments, rows = rows_of_capture(ws / "coinbase_advanced_20260809.jsonl.gz")
    btc = instruments.by_wire("coinbase", "BTC-USD").id
    book, at_touch, as_printed = Book(), 0, 0
    for row in rows[rows["instrument"] == btc]:
        if row["kind"] == DEPTH:
            book.set(bool(row["flags"] & ASK), int(row["price"]), int(row["quantity"]))
        elif row["kind"] == TRADE and row["price"] in (book.best_bid, book.best_ask):
            at_touch += 1
            as_printed += (row["price"] == book.best_ask) == (not row["flags"] & ASK)
    assert at_touch > 20
    assert as_printed == at_touch


def test_trades_from_before_the_subscription_are_counted_and_not_repeated(ws):
    replay = Replay(ws / "coinbase_advanced_20260809.jsonl.gz")
    rows = np.concatenate([rows.copy() for rows in replay.batches()])
    trades = rows[rows["kind"] == TRADE]
    assert replay.feed.stats.ignored["trade history"] == 200
    assert len(trades) == 79
    for instrument in range(len(replay.instruments)):
        ids = trades[trades["instrument"] == instrument]["other"]
        assert (np.diff(ids) > 0).all()


@pytest.mark.parametrize("name", ["coinbase_advanced_20260809.jsonl.gz", "binance_spot_ethusdt_20240808.gz"])
def test_the_same_recording_gives_the_same_rows_however_it_is_cut(ws, name):
    instruments, rows = rows_of_capture(ws / name)
    by_frame = [batch.copy() for _, batch in frames_of_capture(ws / name)]
    assert len(instruments) in (1, 2)
    assert np.concatenate(by_frame).tobytes() == rows.tobytes()
    first, second = (replay_captures([ws / name])["files"][0] for _ in range(2))
    assert first["digest"] == second["digest"]
    assert sum(first["events"].values()) == len(rows)


def test_rows_alone_rebuild_the_book(ws):
    name = "binance_spot_btcusdt_20240808.gz"
    instruments, rows = rows_of_capture(ws / name)
    book = Book()
    book.apply(rows, 0)
    (found,) = replay_captures([ws / name])["files"]
    bids = [[instruments[0].price_text(price), instruments[0].quantity_text(lots)] for price, lots in book.bids(10)]
    assert bids == found["symbols"]["BTCUSDT"]["top_bids"]
    snapshot = rows[(rows["flags"] & SNAPSHOT) != 0]
    assert len(snapshot) == 2000
    assert (rows["seq"] == 0).all()
    assert {int(kind) for kind in np.unique(rows["kind"])} == {DEPTH, TRADE, QUOTE, STATUS}
