"""The compiled reader of each venue against the typed decoder it stands before: the same rows, books, states and counts.

Two feeds hear the same frames, whole and damaged; one of them has its compiled reader taken away.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.domain.instrument import Instruments
from polaris.domain.market import RowBuffer
from polaris.venues import registry
from polaris.venues.books import OTHER, Books
from polaris.venues.capture import Capture, Line
from polaris.venues.replay import Replay

RECORDINGS = {
    "binance_spot_btcusdt_20240808.gz": "binance",
    "binance_spot_20211012.jsonl.gz": "binance",
    "binance_usdm_btcusdt_20240808.gz": "binance-usdm",
    "binance_cm_btcusd_perp_20240808.gz": "binance-coinm",
    "coinbase_advanced_20260809.jsonl.gz": "coinbase",
    "kraken_v1_20210417.jsonl.gz": "kraken-v1",
    "kucoin_20210425.jsonl.gz": "kucoin",
    "bitstamp_20220105.jsonl.gz": "bitstamp",
    "gemini_v2_20260809.jsonl.gz": "gemini",
}
CUTS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 4), st.binary(max_size=6) | st.sampled_from([b"0", b"9", b",", b'"', b"}", b".", b"-", b" "])), max_size=3)
FINER = {"kucoin_20210425.jsonl.gz": 24}  # frames with a quantity of more than 18 digits
HEARD: dict[str, tuple[str, Instruments, list[Line]]] = {}


def reader_of(feed: Any) -> Books:
    """What holds the feed's compiled reader."""
    (found,) = [each for each in vars(feed).values() if isinstance(each, Books)]
    return found


def without_reader(feed: Any) -> Any:
    reader_of(feed)._take = lambda *given: OTHER
    return feed


def counts(feed: Any) -> Any:
    stats = feed.stats
    symbols = {
        wire: (one.state, one.gaps, one.resyncs, one.checksums_ok, one.checksums_failed, one.crossed, one.last_update_ns)
        for wire, one in stats.symbols.items()
    }
    return stats.frames, stats.bytes, stats.bad_messages, stats.gaps, stats.ignored, symbols


def told(feed: Any) -> Any:
    """Everything the feed says about the last frames; what it said is forgotten."""
    said = feed.rows.view().tobytes(), list(feed.wishes), counts(feed)
    feed.rows.clear()
    feed.wishes.clear()
    return said


def lines_of(folder: Path, name: str) -> tuple[str, Instruments, list[Line]]:
    if name not in HEARD:
        replay = Replay(folder / "ws" / name, RECORDINGS[name])
        lines = islice(Capture(folder / "ws" / name), 3000)
        HEARD[name] = replay.venue.name, replay.instruments, [line for line in lines if line.kind == "recv" or replay.venue.tag(line.url)]
    return HEARD[name]


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recorded_frame_is_read_as_the_typed_decoder_reads_it(test_data, name):
    fast, plain = (Replay(test_data / "ws" / name, RECORDINGS[name]) for _ in range(2))
    without_reader(plain.feed)
    for batch in frames(test_data / "ws" / name):
        for line in batch:
            fast.push(line)
            plain.push(line)
        assert told(fast.feed) == told(plain.feed)
    for wire in fast.feed.stats.symbols:
        assert fast.feed.book_text(wire, 0) == plain.feed.book_text(wire, 0)
    assert fast.feed.stats.fallbacks <= FINER.get(name, 0), "a recorded frame was not understood"
    assert fast.feed.stats.unknown_fields == 0


def frames(path: Path) -> Iterator[list[Line]]:
    lines = iter(Capture(path))
    while batch := list(islice(lines, 50)):
        yield batch


@pytest.mark.parametrize("name", RECORDINGS)
@settings(max_examples=40)
@given(data=st.data())
def test_a_damaged_frame_is_read_as_the_typed_decoder_reads_it(test_data, name, data):
    venue, instruments, lines = lines_of(test_data, name)
    heard = [line for line in lines if line.kind != "recv" or len(line.data) < 20_000]
    tag = registry.venue(venue).tag
    fast, plain = registry.venue(venue).feed(instruments, RowBuffer()), without_reader(registry.venue(venue).feed(instruments, RowBuffer()))
    first = data.draw(st.integers(0, max(0, len(heard) - 300)))
    for feed in (fast, plain):
        feed.connected(lines[0].ts)
    for line in [*lines[:150], *heard[first : first + 40]]:
        payload = bytearray(line.data)
        if line in heard[first : first + 40]:
            for place, length, put in data.draw(CUTS):
                at = place % (len(payload) + 1)
                payload[at : at + length] = put
        for feed in (fast, plain):
            if line.kind == "recv":
                feed.frame(bytes(payload), line.ts)
            elif line.kind == "http" and tag(line.url):
                feed.response(tag(line.url), bytes(payload), line.ts)
        assert told(fast) == told(plain)
    for wire in fast.stats.symbols:
        assert fast.book_text(wire, 0) == plain.book_text(wire, 0)


def test_the_readers_are_the_same_without_the_compiler():
    root = Path(__file__).parents[2]
    files = [f"tests/unit/venues/test_{name}.py" for name in ("scan", "binance", "coinbase", "kraken", "kucoin", "bitstamp", "gemini", "coinbase_exchange")]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", *files], cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-1000:]
