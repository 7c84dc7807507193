"""The parity certificate: live over a socket, replay and backtest of one recording decide the same; one altered row and they do not."""

import gzip
import itertools
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from polaris.app.compose import CoreSettings, Replay, backtested
from polaris.app.parity import EAGER, certify
from polaris.domain.errors import BadLog
from polaris.domain.market import DEPTH
from polaris.log.read import EventBlock, RecordsBlock, RowsBlock, blocks, rows_of
from polaris.log.write import LogSettings, LogWriter, Sync

RECORDING = "binance_spot_btcusdt_20240808.gz"
START_MS = 1_700_000_000_000


def made_up(path: Path, seconds: int = 40) -> Path:
    """A capture of one spot symbol as Binance words it: a snapshot, ten depth updates a second, quotes and trades."""
    dice = np.random.default_rng(11)
    mid, update, trade = 6_000_000, 1_000, 50
    bids = {mid - 1 - k: int(dice.integers(1, 900)) for k in range(40)}
    asks = {mid + 1 + k: int(dice.integers(1, 900)) for k in range(40)}
    lines = []

    def text(levels: dict[int, int]) -> list[list[str]]:
        return [[f"{ticks / 100:.2f}000000", f"{lots / 1000:.3f}00000"] for ticks, lots in levels.items()]

    def say(ms: int, body: dict) -> None:
        lines.append(f"{(START_MS + ms) * 1_000_000} {json.dumps(body, separators=(',', ':'))}")

    for tick in range(seconds * 10):
        ms = tick * 100
        moved = mid + int(dice.integers(-4, 5)) * int(dice.random() < 0.5)
        changes = [{}, {}]
        for side, book in enumerate((bids, asks)):
            wrong = [price for price in book if (price >= moved if side == 0 else price <= moved)]
            near = {moved + (2 * side - 1) * int(dice.integers(1, 30)): int(dice.integers(0, 4)) * 100 for _ in range(4)}
            changes[side] = dict.fromkeys(wrong, 0) | near | {moved + 2 * side - 1: int(dice.integers(1, 500))}
            book.update(changes[side])
            for price in [price for price, lots in book.items() if not lots]:
                del book[price]
        mid, first = moved, update + 1
        update += int(dice.integers(1, 6))
        body = {"e": "depthUpdate", "E": START_MS + ms, "s": "BTCUSDT", "U": first, "u": update, "b": text(changes[0]), "a": text(changes[1])}
        say(ms, {"stream": "btcusdt@depth@100ms", "data": body})
        if tick == 1:
            say(ms + 1, {"lastUpdateId": update, "bids": text(dict(sorted(bids.items(), reverse=True))), "asks": text(dict(sorted(asks.items())))})
        best_bid, best_ask = max(bids), min(asks)
        [[bid, bid_size], [ask, ask_size]] = text({best_bid: bids[best_bid], best_ask: asks[best_ask]})
        say(ms + 2, {"stream": "btcusdt@bookTicker", "data": {"u": update, "s": "BTCUSDT", "b": bid, "B": bid_size, "a": ask, "A": ask_size}})
        for k in range(int(dice.integers(0, 4))):
            trade += 1
            sells = bool(dice.random() < 0.5)
            [[price, size]] = text({best_bid if sells else best_ask: int(dice.integers(1, 700))})
            body = {"e": "trade", "E": START_MS + ms, "s": "BTCUSDT", "t": trade, "p": price, "q": size, "T": START_MS + ms, "m": sells, "M": True}
            say(ms + 3 + k, {"stream": "btcusdt@trade", "data": body})
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def certified(tmp_path_factory) -> tuple[dict, Path]:
    """(the certificate of a made-up recording, its log)."""
    folder = tmp_path_factory.mktemp("parity")
    return certify(made_up(folder / "made_up"), venue="binance", speed=20.0, directory=folder / "log"), folder / "log"


def holds(certificate: dict) -> None:
    assert certificate["equal"] is True
    assert certificate["live"] == certificate["replay"] == certificate["backtest"]
    assert len(set(certificate["state"].values())) == 1
    assert certificate["log_records_logged"] == certificate["log_records_derived"] > 100
    assert certificate["checkpoints_verified"] > 0
    assert min(certificate["decisions"], certificate["orders"], certificate["fills"]) > 0


def test_a_made_up_recording_is_decided_the_same_three_ways(certified):
    certificate, _ = certified
    holds(certificate)
    assert certificate["orders"] > 20


@pytest.mark.slow
def test_a_real_recording_is_decided_the_same_three_ways(test_data, tmp_path):
    cut = tmp_path / "cut"
    with gzip.open(test_data / "ws" / RECORDING, "rb") as recording:
        cut.write_bytes(b"".join(itertools.islice(recording, 6_000)))
    certificate = certify(cut, venue="binance", speed=25.0)
    holds(certificate)
    assert certificate["rows"] > 6_000


def settings_with(**changes) -> CoreSettings:
    return msgspec.structs.replace(EAGER, desk=msgspec.structs.replace(EAGER.desk, **changes))


def test_a_certificate_is_of_the_settings_it_was_asked_for(certified):
    certificate, directory = certified
    instruments = Replay(directory).instruments
    risk = msgspec.structs.replace(EAGER.desk.risk, max_order_notional=50.0)
    other, _ = backtested(settings_with(risk=risk), instruments, rows_of(directory))
    assert other.decisions_digest() != certificate["backtest"]


def a_level_that_counts(rows) -> int:
    """A row in the middle of the day that sets a level of the book."""
    return int(np.flatnonzero((rows["kind"] == DEPTH) & (rows["quantity"] > 0))[len(rows) // 4])


@pytest.mark.parametrize(("field", "more"), [("price", 300), ("quantity", 10**8), ("ts_recv", 10**9)])
def test_one_altered_row_and_the_digests_differ(certified, field, more):
    certificate, directory = certified
    rows = rows_of(directory)
    rows[field][a_level_that_counts(rows)] += more
    altered, _ = backtested(EAGER, Replay(directory).instruments, rows)
    assert altered.state_digest() != certificate["state"]["backtest"]
    assert altered.decisions_digest() != certificate["backtest"]


def test_one_missing_row_and_the_digests_differ(certified):
    certificate, directory = certified
    rows = rows_of(directory)
    fewer, _ = backtested(EAGER, Replay(directory).instruments, np.delete(rows, a_level_that_counts(rows)))
    assert (fewer.state_digest(), fewer.decisions_digest()) != (certificate["state"]["backtest"], certificate["backtest"])


def test_a_log_whose_rows_were_altered_is_not_replayed(certified, tmp_path):
    _, directory = certified
    where = int(rows_of(directory)["seq"][a_level_that_counts(rows_of(directory))])
    with LogWriter(tmp_path, LogSettings(sync=Sync.NEVER)) as writer:
        for block in blocks(directory):
            match block:
                case RowsBlock(rows=rows):
                    rows = rows.copy()
                    rows["price"] += 500 * (rows["seq"] == where)
                    writer.append_rows(rows)
                case EventBlock(seq=seq, event=event, ts=ts):
                    writer.append_event(seq, event, ts)
                case RecordsBlock(records=records):
                    writer.append_records(records)
    with pytest.raises(BadLog, match=r"are not those that its rows lead to|lead to are missing|the replayed core differs"):
        Replay(tmp_path).run()


def test_the_rows_in_any_portions_give_the_certificates_digest(certified):
    certificate, directory = certified
    rows = rows_of(directory)
    replay = Replay(directory)
    for part in np.array_split(rows, 211):
        replay.advance(part)
    assert replay.desk.decisions_digest() == certificate["live"] and replay.desk.state_digest() == certificate["state"]["live"]
