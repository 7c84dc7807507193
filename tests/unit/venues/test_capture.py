"""Captures: both formats, whole and torn, and what the writer leaves behind when it is killed."""

import gzip
import os
import signal
import subprocess
import sys

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.errors import BadCapture
from polaris.venues.capture import Capture, CaptureWriter, Line

JSON = (
    b'{"t":"header","format":2,"exchange":"COINBASE","config":{"trades":["BTC-USD"]},"recorded":1786309548.026294}\n'
    b'{"t":"http","conn":"C.http.1","ts":1786309548.026294,"url":"https://x/products","data":"{\\"products\\":[]}"}\n'
    b'{"t":"connect","conn":"C.ws.2","ts":1786309548.031329,"addr":"wss://x"}\n'
    b'{"t":"send","conn":"C.ws.2","ts":1786309548.1743748,"addr":"wss://x","data":"{\\"a\\":1}"}\n'
    b'{"t":"recv","conn":"C.ws.2","ts":1786309548.2431171,"data":"{\\"price\\":\\"1.10\\"}"}\n'
)
PLAIN = b'1723161256172216566 {"stream":"a"}\n1723161256191649066 {"stream":"b"}\n'


def written(tmp_path, data: bytes, name: str = "capture"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_json_lines_are_read_with_their_times_exact_and_their_text_raw(tmp_path):
    capture = Capture(written(tmp_path, JSON))
    assert (capture.header.venue, capture.header.config) == ("COINBASE", {"trades": ["BTC-USD"]})
    header, http, connect, send, recv = capture
    assert header.kind == "header"
    assert http == Line("http", 1786309548026294000, "C.http.1", b'{"products":[]}', "https://x/products")
    assert connect == Line("connect", 1786309548031329000, "C.ws.2", b"", "wss://x")
    assert (send.ts, send.data) == (1786309548174374800, b'{"a":1}')
    assert recv == Line("recv", 1786309548243117100, "C.ws.2", b'{"price":"1.10"}')
    assert capture.warnings == []


def test_plain_lines_are_received_frames(tmp_path):
    capture = Capture(written(tmp_path, PLAIN))
    assert capture.header.venue == ""
    assert list(capture) == [Line("recv", 1723161256172216566, "", b'{"stream":"a"}'), Line("recv", 1723161256191649066, "", b'{"stream":"b"}')]


def frames(data: bytes) -> bytes:
    """Two zstd frames, one after the other."""
    pack = zstandard.ZstdCompressor().compress
    return pack(data[:150]) + pack(data[150:])


@pytest.mark.parametrize("data", [JSON, PLAIN])
@pytest.mark.parametrize(
    "packed", [gzip.compress, zstandard.ZstdCompressor().compress, frames, lambda data: gzip.compress(data[:40]) + gzip.compress(data[40:])]
)
def test_compression_is_told_by_the_content_and_may_come_in_parts(tmp_path, data, packed):
    plain, capture = Capture(written(tmp_path, data, "plain")), Capture(written(tmp_path, packed(data), "packed.jsonl"))
    assert list(capture) == list(plain)
    assert capture.warnings == []


@pytest.mark.parametrize("packed", [gzip.compress, zstandard.ZstdCompressor().compress, bytes])
def test_a_file_cut_anywhere_gives_what_is_whole_and_one_warning(tmp_path, packed):
    data = JSON + b'{"t":"recv","conn":"C.ws.2","ts":1786309549.25,"data":"[1,2,3]"}\n' * 50
    whole = list(Capture(written(tmp_path, data)))
    packed_data = packed(data)
    counts = set()
    for cut in range(len(packed_data) // 4, len(packed_data) - 1, max(1, len(packed_data) // 60)):
        try:
            capture = Capture(written(tmp_path, packed_data[:cut]))
        except BadCapture as early:
            assert "empty" in str(early) or "ends within its first line" in str(early)
            continue
        found = list(capture)
        assert found == whole[: len(found)]
        assert len(capture.warnings) == (0 if packed is bytes and b"\n" in data[cut - 1 : cut + 1] else 1)
        counts.add(len(found))
    assert packed is not bytes or max(counts) > 40


def test_a_torn_last_line_is_named(tmp_path):
    path = written(tmp_path, JSON[:-20])
    capture = Capture(path)
    assert len(list(capture)) == 4
    (torn,) = capture.warnings
    assert str(torn) == f"{path} line 5: the last line is torn; everything before it was read"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (b"\n", "the file is empty"),
        (b"hello\n", "line 1: 'hello' begins no capture"),
        (b'{"t":"header","format":2}\n', "line 1: the header names no venue"),
        (b'{"a":1}\n', "line 1: .* 't' should be one of"),
        (b"{nonsense\n", "line 1: '{nonsense' is no JSON"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (gzip.compress(JSON, mtime=0)[:30] + b"garbage" * 20, "damaged gzip data"),
        (zstandard.ZstdCompressor().compress(JSON * 200)[:100] + b"garbage" * 20_000, "damaged zstd data"),
    ],
)
def test_what_is_no_capture_is_refused_with_what_was_found(tmp_path, data, says):
    with pytest.raises(BadCapture, match=says) as refused:
        list(Capture(written(tmp_path, data)))
    assert "capture" in str(refused.value)


@pytest.mark.parametrize("line", [b'{"t":"recv","ts":"x"}', b'{"t":"other","ts":1}', b'{"t":"recv","ts":1.0000000001}', b"12 {}", b"[]", b'{"t":"recv","ts":1,"data":5}'])
def test_a_damaged_line_in_the_middle_is_named_with_its_number(tmp_path, line):
    path = written(tmp_path, JSON + line + b"\n" + JSON)
    with pytest.raises(BadCapture, match=r"capture line 6: .* is no capture line"):
        list(Capture(path))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadCapture, match="can't be read: No such file"):
        Capture(tmp_path / "nowhere")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.lists(st.tuples(st.sampled_from(["connect", "send", "recv", "http"]), st.integers(0, 2**62), texts), max_size=20))
def test_what_was_written_is_read_again(tmp_path_factory, entries):
    path = tmp_path_factory.mktemp("captures") / "a.jsonl.zst"
    with CaptureWriter(path, "coinbase", {"symbols": ["BTC-USD"]}, 5) as writer:
        for kind, ts, text in entries:
            match kind:
                case "connect":
                    writer.connect("ws", ts, text)
                case "send":
                    writer.send("ws", ts, text)
                case "recv":
                    writer.recv("ws", ts, text.encode())
                case "http":
                    writer.http("rest", ts, "https://x", text.encode())
    capture = Capture(path)
    assert (capture.header.venue, capture.header.config) == ("coinbase", {"symbols": ["BTC-USD"]})
    found = [(line.kind, line.ts, line.url if line.kind == "connect" else line.data.decode()) for line in capture][1:]
    assert found == entries
    assert capture.warnings == []


def test_an_existing_capture_is_never_overwritten(tmp_path):
    path = tmp_path / "a.jsonl.zst"
    CaptureWriter(path, "coinbase", None, 0).close()
    with pytest.raises(FileExistsError):
        CaptureWriter(path, "coinbase", None, 0)


def test_a_kill_loses_at_most_the_last_second(tmp_path):
    path = tmp_path / "killed.jsonl.zst"
    source = f"""
from polaris.venues.capture import CaptureWriter
writer = CaptureWriter({str(path)!r}, "binance", None, 0)
for number in range(1, 1001):
    writer.recv("ws", number * 10_000_000, b'{{"n":%d}}' % number)
print("written", flush=True)
import time; time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    capture = Capture(path)
    lines = [line for line in capture if line.kind == "recv"]
    assert [line.data for line in lines] == [b'{"n":%d}' % number for number in range(1, len(lines) + 1)]
    assert len(lines) >= 900
    assert len(capture.warnings) == 1
