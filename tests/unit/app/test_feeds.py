"""Certificates of recordings and logs that lack something: never complete, and what is missing is said."""

import gzip
import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from polaris.app.certify import of_capture, of_log
from polaris.app.cli import feeds
from polaris.app.cli.feeds import table
from polaris.app.compose import CoreSettings, LoggedDesk
from polaris.app.status import FeedStatus, Status
from polaris.domain.control import Started, Stopped
from polaris.domain.errors import BadCapture
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.market import CLEAR, DEPTH, LAST, LIVE, REASON_CONNECT, SNAPSHOT, STATUS, SYNCING, RowBuffer
from polaris.log.sequencer import Sequencer
from polaris.log.write import LogWriter
from polaris.venues.replay import rows_of_capture
from polaris.views.certificate import Certificate, SymbolCertificate
from polaris.views.quality import QualityMeter

SECOND = 1_000_000_000
TS = 1_723_161_255 * SECOND
SNAPSHOT_FRAME = b'{"lastUpdateId":12,"bids":[["99.00","1.000"]],"asks":[["101.00","2.000"]]}'
BTC = Instrument(id=InstrumentId(0), key=Key("binance", Product.SPOT, "BTC", "USDT"), wire="BTCUSDT", price_decimals=2, quantity_decimals=5)


def depth(number: int) -> bytes:
    data = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": number, "u": number, "b": [["100.00", f"{number}.000"]], "a": []}
    return msgspec.json.encode({"stream": "btcusdt@depth@100ms", "data": data})


def lines(seconds: int = 20) -> list[tuple[int, bytes]]:
    """A depth stream, one update a second, its snapshot among them."""
    return [(TS, depth(12)), (TS + 1, SNAPSHOT_FRAME), *((TS + i * SECOND, depth(12 + i)) for i in range(1, seconds + 1))]


def certified(path: Path, frames: list[tuple[int, bytes]]):
    path.write_bytes(b"".join(b"%d %s\n" % frame for frame in frames))
    return of_capture(path, "binance")


def holes(found) -> list[tuple[int, int, str]]:
    """The holes of its one symbol in whole seconds."""
    (one,) = found.symbols
    return [((hole.begin - TS) // SECOND, (hole.end - TS) // SECOND, hole.reason) for hole in one.holes]


def test_a_whole_recording_is_complete_and_names_its_bytes(tmp_path):
    found = certified(tmp_path / "whole", lines())
    assert (found.complete, found.flaws, holes(found)) == (True, (), [(0, 0, "connect")])
    assert found.sha256 == hashlib.sha256((tmp_path / "whole").read_bytes()).hexdigest()
    assert found == certified(tmp_path / "whole", lines())


def test_a_book_that_never_came_back_is_missing_to_the_last_line(tmp_path):
    whole = lines()
    found = certified(tmp_path / "gap", whole[:10] + whole[11:])
    assert (found.complete, found.end) == (False, whole[-1][0])
    assert holes(found) == [(0, 0, "connect"), (10, 20, "gap")]
    assert found.symbols[0].seconds["SYNCING"] >= 10


def test_a_torn_archive_is_not_complete(tmp_path):
    path = tmp_path / "torn.gz"
    packed = gzip.compress(b"".join(b"%d %s\n" % frame for frame in lines(2000)))
    path.write_bytes(packed[: len(packed) // 2])
    found = of_capture(path, "binance")
    assert not found.complete and found.symbols[0].complete
    assert [flaw for flaw in found.flaws if "ends before its end" in flaw] == list(found.flaws) != []
    assert str(tmp_path) not in msgspec.json.encode(found).decode()


def test_a_pause_of_the_recorder_is_told(tmp_path):
    whole = lines()
    found = certified(tmp_path / "pause", whole[:12] + [(ts + 300 * SECOND, frame) for ts, frame in whole[12:]])
    assert not found.complete
    (flaw,) = found.flaws
    assert flaw.startswith("nothing was recorded for 301.")


def test_a_damaged_line_is_named_and_nothing_is_certified(tmp_path):
    frames = [(ts, b"" if i == 7 else frame) for i, (ts, frame) in enumerate(lines())]
    (tmp_path / "damaged").write_bytes(b"".join(b"%d %s\n" % frame for frame in frames).replace(b"%d \n" % frames[7][0], b"garbage\n"))
    with pytest.raises(BadCapture, match="line 8"):
        of_capture(tmp_path / "damaged", "binance")


def run_of(sequencer: Sequencer, begin: int, seconds: int) -> None:
    """A run of a desk whose one book is LIVE at once and hears something every second."""
    sequencer.tell(Started(version="1", mode="paper", kernels="", settings={}, instruments=[msgspec.to_builtins(BTC)], ts=begin))
    rows = RowBuffer()
    rows.append(0, begin, 0, STATUS, 0, SYNCING, REASON_CONNECT)
    rows.append(begin, begin, 0, DEPTH, LAST | SNAPSHOT | CLEAR, 100, 1)
    rows.append(0, begin, 0, STATUS, 0, LIVE, 0)
    for i in range(1, seconds + 1):
        rows.append(begin + i * SECOND, begin + i * SECOND, 0, DEPTH, LAST, 100, i)
    sequencer.stamp(rows)


def test_the_time_between_two_runs_of_a_log_is_missing(tmp_path):
    with LogWriter(tmp_path) as writer:
        sequencer = Sequencer(writer)
        run_of(sequencer, TS, 10)  # killed: nothing says that it ended
        run_of(sequencer, TS + 3600 * SECOND, 10)
    found = of_log(tmp_path)
    assert not found.complete
    assert holes(found) == [(10, 3600, "closed")]
    assert found.symbols[0].seconds == {"LIVE": 20.0, "DISCONNECTED": 3590.0}


def test_a_log_is_certified_to_its_last_event(tmp_path):
    with LogWriter(tmp_path) as writer:
        sequencer = Sequencer(writer)
        run_of(sequencer, TS, 10)
        sequencer.tell(Stopped(ts=TS + 15 * SECOND, reason="", state_digest="", decisions_digest=""))
    found = of_log(tmp_path)
    assert (found.complete, (found.end - TS) // SECOND) == (True, 15)


LONG = "BTC-USD-perpetual.binance-coinm"


def test_no_number_is_cut_short_on_a_narrow_terminal(monkeypatch):
    console = Console(width=80, record=True, highlight=False)
    one = FeedStatus(symbol=LONG, venue="binance-coinm", state="SYNCING", messages=48_270, stale_ns=123_400_000_000, offset_p50_ns=-1_258_300_000, gaps=12)
    console.print(table(Status(feeds=(one,))))
    monkeypatch.setattr(feeds, "output", lambda: console)
    symbol = SymbolCertificate(
        symbol=LONG, wire="", complete=True, messages=1_048_270, trades=2_286_000, trades_missing=0, gaps=0, checksums_failed=0,
        offset_p50_ns=-1_258_300_000, offset_p99_ns=-1_235_400_000, seconds={"LIVE": 343.4}, holes=(),
    )  # fmt: skip
    feeds._show(Certificate(source="x", sha256="", begin=0, end=343_800_000_000, complete=True, symbols=(symbol,)))
    shown = console.export_text().split()
    for number in ("48,270", "123.4", "-1,258.3", "12", "99.9", "1,048,270", "2,286,000", "-1,235.4"):
        assert number in shown


def test_a_desk_decides_the_same_whether_quality_is_told_to_its_log_or_not(tmp_path, test_data):
    instruments, rows = rows_of_capture(test_data / "ws" / "coinbase_advanced_20260809.jsonl.gz")

    def decided(folder: Path, told: bool) -> np.ndarray:
        """Every record, without the seq, which counts what else the log was told."""
        desk, meter, records = LoggedDesk.open(folder, CoreSettings(), instruments, now=int(rows["ts_recv"][0])), QualityMeter(len(instruments)), []
        for first in range(0, len(rows), 4000):
            part = rows[first : first + 4000].copy()
            records.append(desk.take(part).copy())
            meter.hear(part)
            if told:
                desk.sequencer.tell(meter.second(int(part["ts_recv"][-1])))
        desk.close()
        found = np.concatenate(records)
        found["seq"] = 0
        return found

    with_quality, without = decided(tmp_path / "with", True), decided(tmp_path / "without", False)
    assert len(without) > 100 and with_quality.tobytes() == without.tobytes()
