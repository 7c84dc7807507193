"""Captures on their way through the feeds."""

import gzip

import msgspec
import numpy as np
import pytest

from polaris.domain.errors import BadCapture, BadConfig
from polaris.domain.market import STATUS
from polaris.venues.capture import CaptureWriter
from polaris.venues.replay import Replay, frames_of_capture, replay_captures, rows_of_capture

SECOND = 1_000_000_000
TS = 1_723_161_255 * SECOND


def depth(first: int, last: int, price: str = "100.00") -> bytes:
    data = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": [[price, "1.000"]], "a": [["105.00", "1.000"]]}
    return msgspec.json.encode({"stream": "btcusdt@depth@100ms", "data": data})


SNAPSHOT = msgspec.json.encode({"lastUpdateId": 12, "bids": [["99.00", "1.000"]], "asks": [["101.00", "2.000"]]})
URL = "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=5000"


@pytest.fixture
def capture(tmp_path):
    """A recording of four frames; its snapshot stands before the frames it belongs after."""
    path = tmp_path / "binance.jsonl.zst"
    with CaptureWriter(path, "binance", {"symbols": ["BTCUSDT"]}, TS) as writer:
        writer.http("rest", TS + 2 * SECOND, URL, SNAPSHOT)
        writer.connect("ws", TS, "wss://stream.binance.com:9443/stream?streams=btcusdt@depth@100ms")
        writer.recv("ws", TS + SECOND, depth(10, 12))
        writer.recv("ws", TS + 3 * SECOND, depth(13, 14))
        writer.recv("ws", TS + 4 * SECOND, depth(15, 15, "100.50"))
    return path


def test_the_report_is_the_contract(capture):
    result = replay_captures([capture])
    (found,) = result["files"]
    assert list(found) == ["file", "venue", "frames", "frames_per_cpu_second", "events", "gaps", "resyncs", "checksums", "symbols", "digest"]
    assert found["symbols"] == {
        "BTCUSDT": {
            "state": "LIVE",
            "bids": 3,
            "asks": 2,
            "top_bids": [["100.50000000", "1.00000000"], ["100.00000000", "1.00000000"], ["99.00000000", "1.00000000"]],
            "top_asks": [["101.00000000", "2.00000000"], ["105.00000000", "1.00000000"]],
        }
    }
    assert (found["file"], found["venue"], found["frames"], found["gaps"], found["resyncs"]) == (str(capture), "binance", 3, 0, 0)
    assert (found["events"], found["checksums"]) == ({"depth": 6, "status": 2}, {"ok": 0, "failed": 0})
    assert len(found["digest"]) == 32
    assert msgspec.json.decode(msgspec.json.encode(result)) == result


def test_rows_come_whole_or_a_frame_at_a_time(capture):
    instruments, rows = rows_of_capture(capture)
    assert [each.wire for each in instruments] == ["BTCUSDT"]
    batches = [(len(each), batch.copy()) for each, batch in frames_of_capture(capture)]
    assert [len(batch) for _, batch in batches] == [1, 3, 2, 2]
    assert np.concatenate([batch for _, batch in batches]).tobytes() == rows.tobytes()


def test_one_changed_lot_changes_the_digest(capture, tmp_path):
    plain = tmp_path / "plain"
    frames = [depth(10, 12), SNAPSHOT, depth(13, 14), depth(15, 15)]
    digests = []
    for change in (b"1.000", b"1.000", b"1.001"):
        frames[-1] = depth(15, 15).replace(b'"1.000"', b'"' + change + b'"', 1)
        plain.write_bytes(b"".join(b"%d %s\n" % (TS + i, frame) for i, frame in enumerate(frames)))
        digests.append(replay_captures([plain], venue="binance")["files"][0]["digest"])
    assert digests[0] == digests[1] != digests[2]


def test_a_second_connection_replaces_the_first(tmp_path):
    path = tmp_path / "twice.jsonl.zst"
    with CaptureWriter(path, "binance", None, TS) as writer:
        for begin in (0, 100):
            addr = "wss://stream.binance.com:9443/stream?streams=btcusdt@depth@100ms"
            writer.connect("ws", TS + begin * SECOND, addr)
            writer.recv("ws", TS + (begin + 1) * SECOND, depth(10 + begin, 12 + begin))
            writer.http("rest", TS + (begin + 2) * SECOND, URL, SNAPSHOT.replace(b"12", b"%d" % (12 + begin)))
    _, rows = rows_of_capture(path)
    states = [(int(row["price"]), int(row["quantity"])) for row in rows[rows["kind"] == STATUS]]
    assert states == [(1, 1), (2, 0), (0, 7), (1, 1), (2, 0)]


def test_a_cut_file_is_replayed_to_its_last_whole_line_with_one_warning(capture):
    warnings = []
    whole = rows_of_capture(capture)[1]
    packed = gzip.compress(b"".join(b"%d %s\n" % (TS + i, depth(10 + i, 10 + i)) for i in range(2000)))
    capture.write_bytes(packed[: len(packed) // 2])
    (found,) = replay_captures([capture], venue="binance", warn=warnings.append)["files"]
    assert 100 < found["frames"] < 2000
    assert len(warnings) == 1
    assert "gzip data ends before its end" in str(warnings[0])
    assert len(whole)


def test_progress_is_told(capture):
    seen = []
    replay_captures([capture], progress=lambda path, frames: seen.append((path, frames)))
    assert seen == [(capture, 3)]


def test_a_file_that_does_not_say_whose_it_is_needs_a_name(tmp_path):
    path = tmp_path / "plain"
    path.write_bytes(b'1 {"stream":"btcusdt@trade","data":{}}\n')
    with pytest.raises(BadCapture, match="name the venue: coinbase, binance"):
        Replay(path)
    with pytest.raises(BadConfig, match="no venue 'bynance'"):
        Replay(path, "bynance")
    assert Replay(path, "binance-coinm").venue.name == "binance-coinm"


def test_a_header_that_names_a_stranger_and_a_file_without_symbols_are_refused(tmp_path):
    path = tmp_path / "strange"
    path.write_bytes(b'{"t":"header","exchange":"MTGOX"}\n')
    with pytest.raises(BadCapture, match="says 'MTGOX', which is no venue we know"):
        Replay(path)
    path.write_bytes(b'{"t":"header","exchange":"COINBASE"}\n')
    with pytest.raises(BadCapture, match="no symbol of coinbase in its first 1 lines"):
        Replay(path)
