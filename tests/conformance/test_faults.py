"""Everything that can go wrong between a venue and us, done to real recordings.

Whatever happens: a book that can't be trusted says so downstream, only that book, and it comes back by itself, equal
to the venue's to the last level.
"""

import msgspec
import pytest

from polaris.domain.market import DEPTH, DISCONNECTED, QUOTE, SNAPSHOT, STATUS, SYNCING, TRADE

SECOND = 1_000_000_000
BINANCE = [("binance", "BTCUSDT"), ("binance-usdm", "BTCUSDT"), ("binance-coinm", "BTCUSD_PERP")]
EVERY = [("coinbase", "BTC-USD"), *BINANCE]
FIRST = ["SYNCING connect", "LIVE none"]


def depth_of(wire: str, venue: str) -> str:
    return '"l2_data","timestamp' if venue == "coinbase" else f"{wire.lower()}@depth"


@pytest.mark.parametrize(("venue", "wire"), EVERY)
def test_without_a_fault_the_stage_itself_agrees(stage, venue, wire):
    made = stage(venue)
    made.play(300)
    assert made.agrees(wire)
    assert made.story(wire) == FIRST


@pytest.mark.parametrize(("venue", "wire"), EVERY)
def test_a_lost_frame_sends_the_book_to_a_new_snapshot_and_back(stage, venue, wire):
    made = stage(venue)
    made.sent(made.until(depth_of(wire, venue)))
    made.play(_next(made, venue, wire) + 1)
    made.until_live()
    assert made.story(wire) == [*FIRST, "SYNCING gap", "LIVE none"]
    assert made.feed.stats.gaps == 1
    assert made.feed.stats.symbols[wire].resyncs == 1
    assert made.agrees(wire)


def test_binance_loses_one_book_and_keeps_the_other(stage):
    made = stage("binance")
    made.sent(made.until("btcusdt@depth"))
    made.play(2000)
    assert made.story("BTCUSDT") == [*FIRST, "SYNCING gap", "LIVE none"]
    assert made.story("ETHUSDT") == FIRST
    assert made.agrees("BTCUSDT")
    assert made.agrees("ETHUSDT")


def test_coinbase_loses_every_book_as_the_lost_frame_may_have_held_any(stage):
    made = stage("coinbase")
    made.sent(made.until('"channel":"heartbeats"'))
    made.play(1)
    made.until_live()
    for wire in ("BTC-USD", "ETH-USD"):
        assert made.story(wire) == [*FIRST, "SYNCING gap", "LIVE none"]
        assert made.agrees(wire)
    assert made.feed.stats.gaps == 1


@pytest.mark.parametrize(("venue", "wire"), EVERY)
def test_two_frames_in_the_wrong_order_are_a_gap(stage, venue, wire):
    made = stage(venue)
    first = made.sent(made.until(depth_of(wire, venue)))
    second = made.sent(made.lines.pop(_next(made, venue, wire)))
    made.arrives(second)
    made.arrives(first)
    made.until_live()
    assert made.story(wire) == [*FIRST, "SYNCING gap", "LIVE none"]
    assert made.agrees(wire)


def _next(made, venue: str, wire: str) -> int:
    """The place of the next frame of the same sequence."""
    return next(i for i, line in enumerate(made.lines) if venue == "coinbase" or depth_of(wire, venue).encode() in line.data[:300])


@pytest.mark.parametrize(("venue", "wire"), EVERY)
def test_a_frame_that_comes_twice_changes_nothing(stage, venue, wire):
    made = stage(venue)
    frame = made.sent(made.until(depth_of(wire, venue)))
    made.arrives(frame)
    before = len(made.rows())
    made.arrives(frame)
    assert len(made.rows()) == before
    made.play(300)
    assert made.story(wire) == FIRST
    assert made.agrees(wire)


@pytest.mark.parametrize(("venue", "wire"), EVERY)
def test_a_book_that_stays_crossed_is_given_up_after_two_seconds(stage, venue, wire):
    """A removal that the venue forgot to send: the bid stays above the ask, and the sequence is whole."""
    made = stage(venue)
    frame = msgspec.json.decode(made.sent(made.until(depth_of(wire, venue))))
    ask = made.truth.book_text(wire, 50)[1][-1][0]
    if venue == "coinbase":
        made_up = {"side": "bid", "event_time": "2026-08-09T21:05:50Z", "price_level": ask, "new_quantity": "1"}
        wire = frame["events"][0]["product_id"]
        made_up["price_level"] = made.truth.book_text(wire, 50)[1][-1][0]
        frame["events"][0]["updates"].append(made_up)
    else:
        frame["data"]["b"].append([ask, "1"])
    made.arrives(msgspec.json.encode(frame))
    began = made.now
    made.answers = False
    other = [each for each in made.feed.stats.symbols if each != wire]
    made.until_not("LIVE", wire, damaged="@bookTicker")  # which would have shown it at once
    made.answers = True
    crossed = [row for row in made.rows(STATUS, wire) if row["price"] == SYNCING][-1]
    assert 2 * SECOND <= crossed["ts_recv"] - began <= 2 * SECOND + 300_000_000
    made.until_live()
    assert made.story(wire) == [*FIRST, "SYNCING crossed", "LIVE none"]
    stats = made.feed.stats.symbols[wire]
    assert (stats.crossed, stats.crossed_until(made.now)) == (1, stats.crossed_ns) and 2 * SECOND <= stats.crossed_ns <= 2 * SECOND + 300_000_000
    assert made.agrees(wire)
    assert all(made.story(each) == FIRST for each in other)


@pytest.mark.parametrize(("venue", "wire", "mark"), [("coinbase", "BTC-USD", '"product_id":"BTC-USD"'), ("binance", "BTCUSDT", "btcusdt@")])
def test_a_silent_symbol_is_stale_after_ten_seconds_and_asks_for_its_book(stage, venue, wire, mark):
    made = stage(venue)
    made.asked.clear()
    made.answers = False
    silent_since = made.feed.stats.symbols[wire].last_update_ns
    made.until_not("LIVE", wire, damaged=mark)
    (stale,) = [row for row in made.rows(STATUS, wire) if row["quantity"] == 4]
    assert 10 * SECOND <= stale["ts_recv"] - silent_since <= 11 * SECOND
    assert made.asked == [wire]
    other = next(each for each in made.feed.stats.symbols if each != wire)
    assert made.story(other) == FIRST
    assert made.story(wire) == [*FIRST, "STALE silence"]


@pytest.mark.parametrize(("venue", "wire"), EVERY)
def test_a_stale_book_is_live_again_with_the_venues_snapshot(stage, venue, wire):
    made = stage(venue)
    made.passes(made.now + 11 * SECOND)
    assert made.story(wire)[2:] == ["STALE silence", "LIVE none"]
    assert wire in made.asked
    assert made.agrees(wire)


@pytest.mark.parametrize(("venue", "wire"), EVERY)
def test_a_stale_book_is_live_again_when_the_sequence_goes_on(stage, venue, wire):
    """Nothing was lost: the chain of numbers proves it. Downstream still gets the whole book first."""
    made = stage(venue, answers=False)
    made.passes(made.now + 11 * SECOND)
    assert made.story(wire) == [*FIRST, "STALE silence"]
    made.until_not("STALE", wire)
    assert made.story(wire) == [*FIRST, "STALE silence", "LIVE none"]
    assert made.agrees(wire)
    made.play(100)
    assert made.agrees(wire)


@pytest.mark.parametrize(("venue", "wire"), BINANCE)
def test_a_snapshot_older_than_the_stream_is_asked_for_again(stage, venue, wire):
    made = stage(venue)
    made.prepared.append(made.snapshot(wire))
    made.play(200)
    made.asked.clear()
    made.sent(made.until(depth_of(wire, venue)))
    made.until_not("LIVE", wire)
    while not made.asked:
        made.play(1)
    assert made.asked == [wire]
    assert made.feed.stats.ignored["snapshot older than the stream"] == 1
    assert made.state(wire) == "SYNCING"
    made.until_not("SYNCING", wire)
    assert made.asked == [wire, wire]
    assert made.agrees(wire)


@pytest.mark.parametrize(("venue", "wire"), EVERY)
def test_without_a_snapshot_a_book_is_never_live_and_trades_flow_all_the_same(stage, venue, wire):
    made = stage(venue, live=False, answers=False)
    while made.lines:
        line = made.lines.pop(0)
        frame = made.sent(line)
        is_snapshot = b'"lastUpdateId"' in line.data[:100] or b'"type":"snapshot","product_id"' in line.data[:300]
        made.arrives(frame.replace(b'"type":"snapshot"', b'"type":"update"') if is_snapshot and venue == "coinbase" else b"{}" if is_snapshot else frame)
    assert made.story(wire) == ["SYNCING connect"]
    assert len(made.rows(DEPTH)) == 0
    assert len(made.rows(TRADE)) > 10
    assert venue == "coinbase" or len(made.rows(QUOTE)) > 100
    assert 2 <= made.asked.count(wire) <= 10


@pytest.mark.parametrize(("venue", "wire"), EVERY)
def test_a_new_connection_replaces_the_book(stage, venue, wire):
    """Levels that went while we were away must go: the new snapshot never merges into the old book."""
    made = stage(venue)
    for _ in range(200):
        made.sent(made.lines.pop(0))
    snapshots = len(made.rows()[(made.rows()["flags"] & SNAPSHOT) != 0])
    made.reconnect()
    made.play(400)
    assert made.story(wire) == [*FIRST, "DISCONNECTED closed", "SYNCING connect", "LIVE none"]
    assert len(made.rows()[(made.rows()["flags"] & SNAPSHOT) != 0]) > snapshots
    assert made.agrees(wire)
    assert made.feed.stats.gaps == 0


@pytest.mark.parametrize(("venue", "wire"), EVERY)
@pytest.mark.parametrize("spoiled", ["1.2.3", "-1", 61000.5])
def test_a_book_update_with_an_unreadable_number_costs_that_book_only(stage, venue, wire, spoiled):
    made = stage(venue)
    frame = msgspec.json.decode(made.sent(made.until(depth_of(wire, venue))))
    if venue == "coinbase":
        wire = frame["events"][0]["product_id"]
        frame["events"][0]["updates"][-1]["price_level"] = spoiled
    else:
        frame["data"]["a"].append([spoiled, "1"])
    rows = len(made.rows(DEPTH))
    made.answers = False
    made.arrives(msgspec.json.encode(frame))
    assert len(made.rows(DEPTH)) == rows, "a half-read frame leaves no rows"
    assert made.story(wire) == [*FIRST, "SYNCING bad message"]
    assert made.feed.stats.bad_messages == 1
    made.answers = True
    made.until_live()
    assert made.agrees(wire)
    assert all(made.story(each) == FIRST for each in made.feed.stats.symbols if each != wire)


@pytest.mark.parametrize("venue", ["coinbase", "binance"])
def test_a_bad_trade_is_left_out_and_costs_no_book(stage, venue):
    made = stage(venue)
    mark = '"channel":"market_trades"' if venue == "coinbase" else "@trade"
    frame = made.sent(made.until(mark))
    trades = len(made.rows(TRADE))
    number = b'"size":"' if venue == "coinbase" else b'"q":"'
    assert number in frame
    made.arrives(frame.replace(number, number + b"x"))
    assert len(made.rows(TRADE)) == trades
    made.play(100)
    assert all(made.story(wire) == FIRST for wire in made.feed.stats.symbols)
    assert made.feed.stats.bad_messages >= 1


def test_a_book_that_disagrees_with_book_ticker_is_replaced(stage):
    made = stage("binance")
    line = made.until("btcusdt@depth")
    frame = msgspec.json.decode(made.sent(line))
    price = made.truth.book_text("BTCUSDT", 1)[0][0][0]
    frame["data"]["b"].append([price, "99.00000000"])
    made.arrives(msgspec.json.encode(frame))
    made.answers = False
    update = frame["data"]["u"]
    bids, asks, _, _ = made.truth.book_text("BTCUSDT", 1)
    ticker = {"u": update, "s": "BTCUSDT", "b": bids[0][0], "B": bids[0][1], "a": asks[0][0], "A": asks[0][1]}
    if made.state("BTCUSDT") == "LIVE":  # unless the recording's own ticker was ahead and has shown it already
        made.arrives(b'{"stream":"btcusdt@bookTicker","data":' + msgspec.json.encode(ticker) + b"}")
    assert made.story("BTCUSDT") == [*FIRST, "SYNCING checksum"]
    made.answers = True
    made.until_live()
    assert made.story("BTCUSDT") == [*FIRST, "SYNCING checksum", "LIVE none"]
    assert made.feed.stats.symbols["BTCUSDT"].checksums_failed == 1
    made.play(200)
    assert made.agrees("BTCUSDT")


@pytest.mark.parametrize(("venue", "wire"), EVERY)
def test_a_book_without_a_connection_asks_for_nothing(stage, venue, wire):
    made = stage(venue)
    made.asked.clear()
    made.feed.disconnected(made.now)
    made.passes(made.now + 60 * SECOND)
    assert made.asked == []
    assert made.feed.stats.symbols[wire].state == DISCONNECTED
    assert made.story(wire) == [*FIRST, "DISCONNECTED closed"]


def test_a_sequence_that_went_back_for_good_asks_for_a_new_connection(stage):
    made = stage("coinbase")
    made.answers = False
    made.shift = -made.last - 1  # the venue counts from 0 again
    made.play(99)
    assert made.reconnects == []
    made.play(1)
    assert len(made.reconnects) == 1
