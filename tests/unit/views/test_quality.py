"""Feed quality out of rows: exact counts, percentiles to 1 %, and the same whatever the portions."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import (
    ASK,
    DEPTH,
    LAST,
    LIVE,
    REASON_CHECKSUM,
    REASON_CONNECT,
    REASON_GAP,
    REASON_NONE,
    REASON_SILENCE,
    SNAPSHOT,
    STALE,
    STATUS,
    SYNCING,
    TIMER,
    TRADE,
    RowBuffer,
)
from polaris.views.certificate import Certifier
from polaris.views.quality import BUCKETS, HALF, QualityMeter, bucket, lowest, percentile

SECOND = 1_000_000_000
T0 = 1_760_000_000 * SECOND


def rows_of(*rows: tuple[int, ...]):
    buffer = RowBuffer()
    for row in rows:
        buffer.append(*row)
    return buffer.take()


def update(i: int, at: int, late: int = 5_000_000, flags: int = LAST) -> tuple[int, ...]:
    return (T0 + at - late, T0 + at, i, DEPTH, flags, 100, 1, 0, 0)


def trade(i: int, at: int, number: int) -> tuple[int, ...]:
    return (T0 + at - 1_000, T0 + at, i, TRADE, LAST, 100, 1, number, 0)


def status(i: int, at: int, state: int, reason: int = REASON_NONE) -> tuple[int, ...]:
    return (0, T0 + at, i, STATUS, 0, state, reason, 0, 0)


@given(st.integers(-(2**62), 2**62))
def test_an_offset_is_known_to_one_percent(value):
    place = bucket(value)
    assert 0 <= place < BUCKETS
    told = lowest(place - HALF) if place >= HALF else -1 - lowest(HALF - 1 - place)
    assert abs(told) <= abs(value) and abs(value - told) <= max(1, abs(value) // 128 + 1)


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=300), st.sampled_from([0.5, 0.99]))
def test_a_percentile_is_the_sorted_value_to_one_percent(values, share):
    histogram = np.zeros(BUCKETS, np.int64)
    for value in values:
        histogram[bucket(value)] += 1
    exact = sorted(values)[int(np.ceil(share * len(values))) - 1]
    assert abs(percentile(histogram, share) - exact) <= abs(exact) // 128 + 1


def test_a_second_says_what_came_how_late_and_what_became_of_each_book():
    meter = QualityMeter(2)
    meter.hear(rows_of(status(0, 0, SYNCING, REASON_CONNECT), update(0, 1), status(0, 1, LIVE), update(0, 2, flags=ASK), update(0, 3), trade(1, 4, 7)))
    meter.hear(rows_of(status(0, 5, SYNCING, REASON_GAP), update(0, 6), status(0, 6, LIVE), status(0, 7, SYNCING, REASON_CHECKSUM), (0, T0, -1, TIMER, 0, 0, 0)))
    first = meter.second(T0 + SECOND, [250_000_000, 0])
    book, trades = first.symbols
    assert (book.state, book.messages, book.gaps, book.resyncs, book.checksums_failed, book.stale_ns, book.crossed_ns) == (SYNCING, 3, 1, 1, 1, SECOND - 6, 250_000_000)
    assert abs(book.offset_p50_ns - 5_000_000) <= 5_000_000 // 128
    assert (trades.messages, trades.stale_ns, trades.crossed_ns) == (1, SECOND - 4, 0)
    second = meter.second(T0 + 2 * SECOND).symbols[0]
    assert (second.messages, second.gaps, second.resyncs, second.checksums_failed, second.offset_p50_ns, second.stale_ns) == (0, 0, 0, 0, 0, 2 * SECOND - 6)


def test_a_snapshots_old_levels_are_no_lateness():
    meter = QualityMeter(1)
    meter.hear(rows_of(update(0, 1, late=120 * SECOND, flags=SNAPSHOT | LAST), update(0, 2, late=1_000_000)))
    (one,) = meter.second(T0 + SECOND).symbols
    assert one.messages == 2 and one.offset_p99_ns <= 1_000_000


def test_an_instrument_that_never_spoke_is_never_stale():
    assert QualityMeter(1).second(T0).symbols[0].stale_ns == -1


KINDS = st.one_of(
    st.tuples(st.integers(0, 2), st.integers(0, 10**9), st.integers(-(10**7), 10**7)).map(lambda each: update(*each)),
    st.tuples(st.integers(0, 2), st.integers(0, 10**9), st.integers(1, 50)).map(lambda each: trade(*each)),
    st.tuples(st.integers(0, 2), st.integers(0, 10**9), st.integers(0, 3), st.integers(0, 5)).map(lambda each: status(*each)),
)


@given(rows=st.lists(KINDS, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_any_portions_of_the_same_rows_give_the_same_second_and_the_same_certificate(rows, cuts):
    whole, parts = QualityMeter(3), QualityMeter(3)
    certified, in_parts = Certifier(THREE, ["binance"]), Certifier(THREE, ["binance"])
    everything = rows_of(*sorted(rows, key=lambda row: row[1]))
    whole.hear(everything)
    certified.hear(everything)
    edges = [0, *sorted(min(cut, len(everything)) for cut in cuts), len(everything)]
    for begin, end in itertools.pairwise(edges):
        parts.hear(everything[begin:end])
        in_parts.hear(everything[begin:end])
    assert whole.second(T0 + SECOND) == parts.second(T0 + SECOND)
    assert certified.certificate("x") == in_parts.certificate("x")


def instrument(i: int) -> Instrument:
    return Instrument(id=InstrumentId(i), key=Key("binance", Product.SPOT, f"B{i}", "USDT"), wire=f"B{i}USDT", price_decimals=2, quantity_decimals=2)


THREE = Instruments([instrument(i) for i in range(3)])
ONE = Instruments([instrument(0)])
START = (status(0, 0, SYNCING, REASON_CONNECT), update(0, SECOND), status(0, SECOND, LIVE))


def certificate(*rows: tuple[int, ...], numbered=("binance",), bookless=()):
    certifier = Certifier(ONE, numbered, bookless)
    certifier.hear(rows_of(*rows))
    return certifier.certificate("a recording", "00")


def test_a_period_is_complete_where_the_book_stayed_live_once_it_was():
    found = certificate(*START, trade(0, 2 * SECOND, 5), trade(0, 3 * SECOND, 6), update(0, 10 * SECOND))
    (one,) = found.symbols
    assert found.complete and one.complete and one.trades_missing == 0
    assert one.seconds == {"SYNCING": 1.0, "LIVE": 9.0}
    assert [(hole.begin - T0, hole.end - T0, hole.state, hole.reason) for hole in one.holes] == [(0, SECOND, "SYNCING", "connect")]


def test_every_hole_has_its_reason_and_neighbours_are_one():
    gap = (status(0, 4 * SECOND, SYNCING, REASON_GAP), status(0, 6 * SECOND, LIVE))
    silence = (status(0, 7 * SECOND, STALE, REASON_SILENCE), status(0, 8 * SECOND, SYNCING, REASON_SILENCE), status(0, 9 * SECOND, LIVE))
    found = certificate(*START, *gap, *silence, update(0, 10 * SECOND))
    (one,) = found.symbols
    assert not found.complete and one.gaps == 1
    assert [((hole.begin - T0) // SECOND, (hole.end - T0) // SECOND, hole.reason) for hole in one.holes] == [(0, 1, "connect"), (4, 6, "gap"), (7, 9, "silence")]


def test_a_trade_that_never_came_is_missing_where_trades_are_numbered():
    rows = (*START, trade(0, 2 * SECOND, 5), trade(0, 3 * SECOND, 9), update(0, 10 * SECOND))
    assert (certificate(*rows).symbols[0].trades_missing, certificate(*rows).complete) == (3, False)
    assert (certificate(*rows, numbered=()).symbols[0].trades_missing, certificate(*rows, numbered=()).complete) == (-1, True)


def test_a_venue_without_books_has_no_holes():
    assert certificate(trade(0, SECOND, 1), trade(0, 2 * SECOND, 2), bookless=("binance",)).complete
    assert not certificate(trade(0, SECOND, 1), trade(0, 2 * SECOND, 2)).complete


def test_the_digest_covers_everything_in_the_certificate():
    first, second = certificate(*START, update(0, 10 * SECOND)), certificate(*START, update(0, 11 * SECOND))
    assert first.digest and first.digest == first.signed().digest != second.digest


@pytest.mark.parametrize(
    ("name", "venue", "complete", "offset_ms"),
    [
        ("binance_spot_btcusdt_20240808.gz", "binance", True, -1271.2),
        ("coinbase_advanced_20260809.jsonl.gz", None, True, None),
        ("kraken_v1_20210417.jsonl.gz", None, True, None),
        ("bitstamp_20220105.jsonl.gz", None, False, None),
    ],
)
def test_recordings_are_certified(test_data, name, venue, complete, offset_ms):
    from polaris.venues.replay import Replay

    replay = Replay(test_data / "ws" / name, venue)
    certifier = Certifier(replay.instruments, [replay.venue.name] if replay.venue.trades_numbered else [])
    for rows in replay.batches():
        certifier.hear(rows)
    found = certifier.certificate(name)
    assert found.complete is complete
    for one in found.symbols:
        stats = replay.feed.stats.symbols[one.wire]
        assert (one.gaps, one.checksums_failed, one.trades_missing) == (stats.gaps, stats.checksums_failed, 0 if replay.venue.trades_numbered else -1)
        assert one.complete == (stats.state == LIVE)
    if offset_ms is not None:
        assert abs(found.symbols[0].offset_p50_ns / 1e6 - offset_ms) < 1271.2 / 100
