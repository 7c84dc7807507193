"""A served recording, heard by a client nobody here wrote and by our own sessions."""

import asyncio
import json
from itertools import count

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from polaris.domain.book import Book
from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instruments
from polaris.domain.market import LIVE, STATUS
from polaris.venues.capture import Capture, CaptureWriter
from polaris.venues.live import LiveFeeds, discover
from polaris.venues.replay import Replay
from polaris.venues.served.recording import RecordingVenue, serve_recording
from polaris.venues.session import FastClock, SessionSettings, WallClock
from tests.e2e import small_captures
from tests.steady_time import steady

COINBASE = "coinbase_advanced_20260809.jsonl.gz"
SPOT = "binance_spot_btcusdt_20240808.gz"
FOUR = "binance_spot_20211012.jsonl.gz"
ONCE = SessionSettings(ends_on_normal_close=True)


def recorded_frames(path) -> list[str]:
    return [line.data.decode() for line in Capture(path) if line.kind == "recv" and not line.data.startswith(b'{"lastUpdateId"')]


async def hear_all(url: str, *said: str) -> tuple[list[str], int]:
    """Everything a plain client hears, and the code it was closed with."""
    heard: list[str] = []
    async with connect(url, max_size=None) as socket:
        for text in said:
            await socket.send(text)
        try:
            async for frame in socket:
                heard.append(str(frame))
        except ConnectionClosed:
            pass
        return heard, socket.close_code or 0


async def run_once(path, venue: str, *, speed: float = 0, torn: int = 0, busy_poll: bool = False) -> tuple[LiveFeeds, dict[str, Book], set[str]]:
    """Our own sessions against a served recording: the feeds, the books that their rows make, the symbols that came alive.

    torn  the number of a frame whose end does not arrive
    """
    async with await serve_recording(path, speed, venue=venue) as served, asyncio.timeout(60):
        endpoints = {venue: served.endpoint}
        instruments = Instruments(await discover(endpoints, {venue: [item.wire for item in served.venue.instruments]}))
        feeds = LiveFeeds(endpoints, instruments, ONCE, busy_poll=busy_poll, clock=FastClock(speed) if speed else WallClock())
        whole, heard = feeds.feeds[venue].frame, count()
        if torn:
            feeds.feeds[venue].frame = lambda payload, ts: whole(payload[:-20] if next(heard) == torn else payload, ts)
        books = {item.wire: Book() for item in instruments}
        alive: set[str] = set()

        def on_rows(rows):
            for item in instruments:
                books[item.wire].apply(rows, item.id)
            for row in rows[(rows["kind"] == STATUS) & (rows["price"] == LIVE)]:
                alive.add(instruments[int(row["instrument"])].wire)

        await feeds.run(on_rows)
        return feeds, books, alive


def as_text(book: Book, item) -> dict:
    def side(levels):
        return [[item.price_text(price), item.quantity_text(lots)] for price, lots in levels]

    bids, asks = book.bids(), book.asks()
    return {"bids": side(bids[:10]), "asks": side(asks[:10]), "n_bids": len(bids), "n_asks": len(asks)}


@pytest.mark.parametrize(("name", "venue"), [(COINBASE, "coinbase"), (SPOT, "binance")])
@steady
async def test_our_sessions_build_the_expected_books_from_a_served_recording(test_data, name, venue):
    expected = json.loads((test_data / "ws" / "expected_books.json").read_text())[name]["final"]
    feeds, books, alive = await run_once(test_data / "ws" / name, venue)
    for item in feeds.instruments:
        wanted = expected.get(item.wire) or expected[name]
        assert as_text(books[item.wire], item) == {key: wanted[key] for key in ("bids", "asks", "n_bids", "n_asks")}
        assert item.wire in alive
    assert feeds.feeds[venue].stats.gaps == 0
    assert feeds.sessions[venue].connects == 1


ALL = [
    (COINBASE, "coinbase", 12, 600),
    (FOUR, "binance", 15, 60),
    (SPOT, "binance", 0, 0),
    ("binance_spot_ethusdt_20240808.gz", "binance", 0, 0),
    ("binance_usdm_btcusdt_20240808.gz", "binance-usdm", 0, 0),
    ("binance_cm_btcusd_perp_20240808.gz", "binance-coinm", 0, 0),
    ("kraken_v1_20210417.jsonl.gz", "kraken-v1", 0, 0),
    ("kucoin_20210425.jsonl.gz", "kucoin", 15, 2000),
    ("gemini_v2_20260809.jsonl.gz", "gemini", 4, 300),
    ("bitstamp_20220105.jsonl.gz", "bitstamp", 12, 400),
]


def same_books(path, feeds: LiveFeeds, books: dict[str, Book]) -> set[str]:
    """Whether every book is the one that a replay of the same file ends with; returns the symbols that are LIVE there."""
    played = Replay(path, feeds.instruments[0].key.venue)
    for _ in played.batches():
        pass
    for item in feeds.instruments:
        heard = [[[item.price_text(price), item.quantity_text(lots)] for price, lots in side] for side in (books[item.wire].bids(), books[item.wire].asks())]
        assert heard == list(played.feed.book_text(item.wire, 0)[:2]), item.wire
    return {wire for wire, symbol in played.feed.stats.symbols.items() if symbol.state >= LIVE}


@pytest.mark.parametrize("venue", small_captures.WIRES)
@steady
async def test_a_capture_of_any_venue_comes_alive_with_its_books(tmp_path, venue):
    expected = small_captures.write(tmp_path / "small", venue)
    feeds, books, alive = await run_once(tmp_path / "small", venue)
    assert alive == set(small_captures.WIRES[venue]) == same_books(tmp_path / "small", feeds, books)
    for wire, sides in expected.items():
        item = feeds.instruments.by_wire(venue, wire)
        heard = [[[item.price_text(price), item.quantity_text(lots)] for price, lots in side] for side in (books[wire].bids(), books[wire].asks())]
        assert heard == list(sides)
    assert feeds.feeds[venue].stats.gaps == feeds.feeds[venue].stats.bad_messages == 0


@pytest.mark.parametrize("venue", small_captures.WIRES)
@steady
async def test_a_client_of_any_venue_that_lost_its_book_gets_it_again(tmp_path, venue):
    small_captures.write(tmp_path / "small", venue)
    feeds, books, alive = await run_once(tmp_path / "small", venue, speed=4, torn=20)
    assert alive == set(small_captures.WIRES[venue]) == same_books(tmp_path / "small", feeds, books)
    stats = feeds.feeds[venue].stats
    assert stats.bad_messages == 1 and sum(symbol.resyncs for symbol in stats.symbols.values()) >= 1


@pytest.mark.parametrize(("name", "venue", "speed", "torn"), ALL)
@steady
async def test_every_recording_comes_alive_with_the_books_of_its_replay(test_data, name, venue, speed, torn):
    path = test_data / "ws" / name
    feeds, books, alive = await run_once(path, venue)
    assert alive == same_books(path, feeds, books) and alive
    stats = feeds.feeds[venue].stats
    assert stats.gaps == stats.bad_messages == 0 and feeds.sessions[venue].connects == 1
    assert all(symbol.resyncs == symbol.checksums_failed == 0 for symbol in stats.symbols.values())


@pytest.mark.parametrize(("name", "venue", "speed", "torn"), [each for each in ALL if each[2]])
@steady
async def test_a_client_that_lost_its_book_gets_it_again_as_it_stands_then(test_data, name, venue, speed, torn):
    path = test_data / "ws" / name
    feeds, books, alive = await run_once(path, venue, speed=speed, torn=torn)
    assert alive == same_books(path, feeds, books)
    stats = feeds.feeds[venue].stats
    assert stats.bad_messages == 1 and sum(symbol.resyncs for symbol in stats.symbols.values()) >= 1


async def test_busy_polling_hears_the_same_and_ends_with_the_stream(test_data):
    quiet, books, _ = await run_once(test_data / "ws" / SPOT, "binance")
    busy, same_books, _ = await run_once(test_data / "ws" / SPOT, "binance", busy_poll=True)
    assert quiet.feeds["binance"].stats.frames == busy.feeds["binance"].stats.frames > 0
    for wire, book in books.items():
        assert (book.bids(), book.asks()) == (same_books[wire].bids(), same_books[wire].asks())
    assert not [task for task in asyncio.all_tasks() if "_stay_awake" in repr(task.get_coro())]


@pytest.mark.parametrize("name", [COINBASE, SPOT, FOUR, "binance_usdm_btcusdt_20240808.gz", "binance_cm_btcusd_perp_20240808.gz"])
@steady
async def test_a_client_learns_the_very_instruments_that_a_replay_knows(test_data, name):
    path = test_data / "ws" / name
    venue = next((venue for part, venue in (("usdm", "binance-usdm"), ("_cm_", "binance-coinm"), ("spot", "binance")) if part in name), "coinbase")
    async with await serve_recording(path, 0, venue=venue) as served:
        known = list(Replay(path, venue).instruments)
        assert await discover({venue: served.endpoint}, {venue: [item.wire for item in known]}) == known


@steady
async def test_every_symbol_of_a_recording_with_recorded_snapshots_comes_alive(test_data):
    feeds, _, alive = await run_once(test_data / "ws" / FOUR, "binance")
    stats = feeds.feeds["binance"].stats
    assert alive == {"NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"} - {wire for wire, one in stats.symbols.items() if not one.last_update_ns}
    assert len(alive) >= 3 and stats.frames == 265
    assert sum(one.checksums_failed for one in stats.symbols.values()) == 0


@steady
async def test_a_strangers_client_hears_every_coinbase_frame_in_order_and_a_normal_close(test_data):
    path = test_data / "ws" / COINBASE
    async with await serve_recording(path, 0) as served:
        subscribe = json.dumps({"type": "subscribe", "product_ids": ["BTC-USD"], "channel": "level2"})
        heard, code = await hear_all(served.endpoint.ws_url, subscribe)
    assert heard == recorded_frames(path)
    assert code == 1000


@steady
async def test_every_client_gets_a_play_of_its_own_from_the_start(test_data):
    path = test_data / "ws" / FOUR
    async with await serve_recording(path, 0) as served:
        url = served.endpoint.ws_url + "/stream?streams=nknusdt@depth"
        first, second = await asyncio.gather(hear_all(url), hear_all(url))
        assert served.venue.plays == 2
    assert first == second == (recorded_frames(path), 1000)


@steady
async def test_a_raw_stream_is_sent_without_its_wrapper(test_data):
    async with await serve_recording(test_data / "ws" / FOUR, 0) as served:
        heard, _ = await hear_all(served.endpoint.ws_url + "/ws/nknusdt@depth")
    assert all("stream" not in json.loads(frame) for frame in heard) and json.loads(heard[0])["e"] == "depthUpdate"


@steady
async def test_a_subscription_on_an_open_stream_starts_the_play_and_is_answered(test_data):
    async with await serve_recording(test_data / "ws" / FOUR, 0) as served:
        heard, _ = await hear_all(served.endpoint.ws_url + "/stream", json.dumps({"method": "SUBSCRIBE", "params": ["a@trade"], "id": 7}))
    assert json.loads(heard[0]) == {"result": None, "id": 7}
    assert len(heard) == 266


@steady
async def test_a_silent_client_hears_nothing_until_it_subscribes(test_data):
    async with await serve_recording(test_data / "ws" / COINBASE, 0) as served, connect(served.endpoint.ws_url) as socket:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.4)
        assert served.venue.plays == 0


@steady
async def test_recorded_documents_are_served_and_missing_ones_made_from_the_numbers_seen(test_data):
    async with await serve_recording(test_data / "ws" / SPOT, 0, venue="binance") as served, httpx.AsyncClient(base_url=served.endpoint.rest_url) as client:
        snapshot = (await client.get("/api/v3/depth?symbol=BTCUSDT&limit=5000")).json()
        assert snapshot["lastUpdateId"] == 50093239218
        info = (await client.get("/api/v3/exchangeInfo")).json()
        assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT"]
        assert (await client.get("/api/v3/depth?symbol=ETHUSDT")).status_code == 400
        assert (await client.get("/api/v3/nothing")).status_code == 404


def small_capture(path, frames: int, every_ns: int) -> None:
    with CaptureWriter(path, "COINBASE", {}, 10**18) as capture:
        capture.send("ws", 10**18, '{"type":"subscribe","product_ids":["BTC-USD"],"channel":"heartbeats"}')
        for number in range(frames):
            frame = {"channel": "heartbeats", "timestamp": "2026-08-09T21:05:48Z", "sequence_num": number, "events": []}
            capture.recv("ws", 10**18 + number * every_ns, json.dumps(frame))


@pytest.mark.parametrize(("speed", "least", "most"), [(2.0, 0.45, 1.2), (0, 0.0, 0.4)])
@steady
async def test_frames_come_at_their_recorded_pace_times_the_speed(tmp_path, speed, least, most):
    small_capture(tmp_path / "slow", 11, 100_000_000)
    async with await serve_recording(tmp_path / "slow", speed) as served:
        began = asyncio.get_running_loop().time()
        heard, _ = await hear_all(served.endpoint.ws_url, "{}")
        took = asyncio.get_running_loop().time() - began
    assert len(heard) == 11
    assert least <= took <= most


@steady
async def test_a_looping_recording_asks_the_client_to_come_again(tmp_path):
    small_capture(tmp_path / "loop", 3, 1)
    async with await serve_recording(tmp_path / "loop", 0, loop=True) as served:
        first = await hear_all(served.endpoint.ws_url, "{}")
        assert first[1] == 1012
        assert await hear_all(served.endpoint.ws_url, "{}") == first


@steady
async def test_a_client_that_does_not_read_holds_back_its_play_and_no_one_elses(tmp_path):
    with CaptureWriter(tmp_path / "big", "COINBASE", {}, 10**18) as capture:
        capture.send("ws", 10**18, '{"type":"subscribe","product_ids":["BTC-USD"],"channel":"heartbeats"}')
        for number in range(400):
            capture.recv("ws", 10**18, json.dumps({"channel": "heartbeats", "sequence_num": number, "pad": "x" * 50_000}))
    async with await serve_recording(tmp_path / "big", 0) as served:
        served.server.queue_bytes = 1_000_000
        async with connect(served.endpoint.ws_url, max_size=None, max_queue=1) as lazy:
            await lazy.send("{}")
            heard, code = await hear_all(served.endpoint.ws_url, "{}")
            assert (len(heard), code) == (400, 1000)
            assert len([frame async for frame in lazy]) == 400  # it was waited for, not dropped
        assert served.server.dropped == []


@pytest.mark.parametrize("speed", [-1.0, float("inf"), float("nan")])
def test_a_speed_that_is_no_speed_is_refused(tmp_path, speed):
    with pytest.raises(BadConfig, match="speed of a served recording"):
        RecordingVenue(tmp_path / "none", speed)
