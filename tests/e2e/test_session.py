"""A session against a venue that behaves and misbehaves: connects, stamps, carries out wishes, and comes back."""

import asyncio
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picows import WSCloseCode

from polaris.domain.errors import Unavailable
from polaris.domain.instrument import Instruments
from polaris.domain.market import TIMER, RowBuffer
from polaris.venues.protocol import FeedStats, Fetch, Reconnect, Send
from polaris.venues.rest import Rest
from polaris.venues.served.server import Client, Reply, Server
from polaris.venues.session import Session, SessionSettings, WallClock, backoff_s
from polaris.venues.throttle import Throttle
from tests.steady_time import steady

QUICK = SessionSettings(backoff_first_s=0.01, backoff_most_s=0.05, tick_s=0.01, silence_s=5.0)


class Venue:
    """A toy dialect: whatever the test says."""

    name = "toy"

    def __init__(self) -> None:
        self.on_open: Callable[[Client], None] = lambda client: None
        self.heard: list[bytes] = []
        self.asked: list[str] = []

    def accepts(self, path: str) -> bool:
        return path == "/feed"

    def opened(self, client: Client) -> None:
        self.on_open(client)

    def message(self, client: Client, payload: bytes) -> None:
        self.heard.append(payload)

    def closed(self, client: Client) -> None:
        pass

    def rest(self, path: str, query: dict[str, list[str]]) -> Reply:
        self.asked.append(path)
        return Reply(b"document") if path == "/document" else Reply(b"no such thing", 404)


class Feed:
    """Writes down what happens to it; makes one row a frame."""

    venue = "toy"

    def __init__(self) -> None:
        self.instruments = Instruments()
        self.rows = RowBuffer()
        self.wishes: list[Send | Fetch | Reconnect] = []
        self.stats = FeedStats()
        self.told: list[tuple[object, ...]] = []
        self.times: list[int] = []
        self.on_connected: list[Send | Fetch | Reconnect] = []
        self.fails_on = b""

    def url(self) -> str:
        return "/feed"

    def connected(self, ts: int) -> None:
        self._tell(ts, "connected")
        self.wishes += self.on_connected

    def frame(self, payload: bytes, ts: int) -> None:
        if payload == self.fails_on:
            raise ArithmeticError("a bug of ours")
        self._tell(ts, "frame", payload)
        self.rows.append(ts, ts, -1, TIMER, 0, 0, 0)

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        self._tell(ts, "response", tag, body, status)

    def tick(self, ts: int) -> None:
        self.times.append(ts)

    def disconnected(self, ts: int) -> None:
        self._tell(ts, "disconnected")
        self.rows.append(ts, ts, -1, TIMER, 0, 0, 0)

    def book_text(self, wire: str, depth: int):
        raise AssertionError("a session asks a feed for no book")

    def _tell(self, ts: int, *what: object) -> None:
        self.times.append(ts)
        self.told.append(what)

    def frames(self) -> list[bytes]:
        return [what[1] for what in self.told if what[0] == "frame"]  # type: ignore[misc]


class Scene:
    """A toy venue on a port, a feed, and a session between them."""

    def __init__(self, settings: SessionSettings = QUICK) -> None:
        self.settings = settings
        self.venue, self.feed = Venue(), Feed()
        self.batches: list[int] = []

    async def __aenter__(self) -> "Scene":
        self.server = await Server(self.venue).start()
        self.rest = Rest(self.server.endpoint.rest_url, Throttle(1000, 1000))
        self.session = Session(self.feed, self.server.endpoint.ws_url, self.rest, self.take, settings=self.settings, dice=random.Random(1))
        self.task = asyncio.create_task(self.session.run())
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()
        await asyncio.wait({self.task}, timeout=3)
        await self.rest.close()
        await self.server.close()

    def take(self, feed: Feed) -> None:
        self.batches.append(len(feed.rows))
        feed.rows.clear()

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@steady
async def test_frames_reach_the_feed_in_order_with_times_that_never_fall_and_rows_are_handed_over():
    async with Scene() as scene:
        scene.venue.on_open = lambda client: [client.send(f"{number}") for number in range(500)]
        await scene.until(lambda: len(scene.feed.frames()) == 500)
        assert scene.feed.frames() == [str(number).encode() for number in range(500)]
        assert scene.feed.told[0] == ("connected",)
        assert scene.feed.times == sorted(scene.feed.times) and scene.feed.times[0] > 10**18
        assert sum(scene.batches) == 500 and len(scene.batches) < 500  # a read's frames are handed over together
        assert len(scene.feed.rows) == 0


@steady
async def test_wishes_are_carried_out_in_order_and_answers_come_back():
    async with Scene() as scene:
        scene.feed.on_connected = [Send("one"), Fetch("/document", "good"), Send("two"), Fetch("/nothing", "missing")]
        await scene.until(lambda: len(scene.venue.heard) == 2 and len(scene.feed.told) == 3)
        assert scene.venue.heard == [b"one", b"two"]
        assert sorted(scene.feed.told[1:]) == [("response", "good", b"document", 200), ("response", "missing", b"no such thing", 404)]


@steady
async def test_more_messages_than_the_venue_takes_wait_their_turn_in_order():
    settings = SessionSettings(tick_s=0.01, messages_per_second=50, messages_burst=2)
    async with Scene(settings) as scene:
        scene.feed.on_connected = [Send(str(number)) for number in range(8)]
        began = asyncio.get_running_loop().time()
        await scene.until(lambda: len(scene.venue.heard) == 8)
        assert scene.venue.heard == [str(number).encode() for number in range(8)]
        assert asyncio.get_running_loop().time() - began >= 6 / 50 - 0.02


@steady
async def test_a_cut_connection_is_opened_again_and_the_feed_told_both():
    async with Scene() as scene:
        await scene.until(lambda: scene.session.connected)
        scene.server.cut()
        await scene.until(lambda: scene.session.connects == 2)
        await scene.until(lambda: len(scene.feed.told) == 3)
        assert scene.feed.told == [("connected",), ("disconnected",), ("connected",)]


@steady
async def test_the_rows_of_a_disconnection_are_handed_over_at_once():
    async with Scene(SessionSettings(backoff_first_s=10, tick_s=0.01)) as scene:
        await scene.until(lambda: scene.session.connected)
        assert scene.batches == []
        scene.server.cut()
        await scene.until(lambda: scene.batches == [1])


@steady
async def test_silence_is_death_and_a_ping_is_life():
    settings = SessionSettings(backoff_first_s=0.01, tick_s=0.01, silence_s=0.3)
    async with Scene(settings) as scene:
        await scene.until(lambda: scene.session.last_reason == "silent for 0.3 s")
        await scene.until(lambda: scene.session.connects == 2)
        assert "frame" not in [what[0] for what in scene.feed.told]

        async def pinging(client: Client) -> None:
            while not client.gone.is_set():
                client._transport.send_ping(b"alive")  # type: ignore[union-attr]
                await asyncio.sleep(0.05)

        tasks: list[asyncio.Task[None]] = []
        scene.venue.on_open = lambda client: tasks.append(asyncio.create_task(pinging(client)))
        await scene.until(lambda: scene.session.connects == 3)
        await asyncio.sleep(0.8)
        assert scene.session.connects == 3
        assert scene.session.last_reason == "connected"
        for task in tasks:
            task.cancel()


@steady
async def test_a_feed_that_trusts_its_stream_no_more_gets_a_new_one():
    async with Scene() as scene:
        await scene.until(lambda: scene.session.connected)
        scene.feed.wishes.append(Reconnect("the stream as a whole can't be trusted"))
        await scene.until(lambda: not scene.session.connected)
        assert scene.session.last_reason == "the stream as a whole can't be trusted"
        await scene.until(lambda: scene.session.connects == 2)


@steady
async def test_a_connection_is_rolled_over_before_the_venue_would_end_it():
    async with Scene(SessionSettings(backoff_first_s=0.01, tick_s=0.01, rollover_s=0.1)) as scene:
        await scene.until(lambda: scene.session.connects >= 3)


@steady
async def test_the_venues_reason_for_closing_is_kept():
    async with Scene(SessionSettings(backoff_first_s=10, tick_s=0.01)) as scene:
        await scene.until(lambda: scene.session.connected)
        scene.server.clients[0].close("maintenance", WSCloseCode.SERVICE_RESTART)
        await scene.until(lambda: not scene.session.connected)
        assert scene.session.last_reason == "the venue closed with 1012 maintenance"


@pytest.mark.parametrize(("code", "ends"), [(WSCloseCode.OK, True), (WSCloseCode.SERVICE_RESTART, False)])
@steady
async def test_only_a_normal_close_ends_a_stream_with_an_end(code, ends):
    async with Scene(SessionSettings(backoff_first_s=0.01, tick_s=0.01, ends_on_normal_close=True)) as scene:
        await scene.until(lambda: scene.session.connected)
        scene.server.clients[0].close("", code)
        await scene.until(lambda: scene.task.done() if ends else scene.session.connects == 2)
        assert scene.task.done() == ends


@steady
async def test_an_error_of_ours_ends_the_session_with_that_error():
    async with Scene() as scene:
        scene.feed.fails_on = b"poison"
        scene.venue.on_open = lambda client: [client.send(text) for text in ("fine", "poison", "never")]
        with pytest.raises(ArithmeticError, match="a bug of ours"):
            await asyncio.wait_for(scene.task, 3)
        assert scene.feed.frames() == [b"fine"]


@steady
async def test_attempts_are_capped_in_their_window():
    settings = SessionSettings(backoff_first_s=0.001, backoff_most_s=0.001, attempts_most=4, attempts_window_s=60, tick_s=0.01)
    async with Scene(settings) as scene:
        scene.venue.on_open = lambda client: client.abort()
        await scene.until(lambda: scene.session.connects == 4)
        await asyncio.sleep(0.2)
        assert scene.session.connects == 4


@steady
async def test_a_closed_session_ends_at_once_even_while_it_waits():
    async with Scene(SessionSettings(backoff_first_s=60, tick_s=0.01)) as scene:
        await scene.until(lambda: scene.session.connected)
        scene.server.cut()
        await scene.until(lambda: not scene.session.connected)
        await scene.session.close()
        await asyncio.wait_for(scene.task, 1)


@steady
async def test_a_venue_that_is_not_there_is_asked_again_and_the_reason_said():
    feed, rest = Feed(), Rest("http://127.0.0.1:9", Throttle(10, 10))
    session = Session(feed, "ws://127.0.0.1:9", rest, lambda feed: None, settings=QUICK)
    task = asyncio.create_task(session.run())
    await asyncio.sleep(0.1)
    assert session.connects == 0 and session.last_reason.startswith("no connection: ")
    await session.close()
    await asyncio.wait_for(task, 1)
    await rest.close()


@steady
async def test_a_venue_that_hangs_up_during_the_handshake_is_asked_again_and_the_feed_hears_nothing():
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    feed, rest = Feed(), Rest(f"http://127.0.0.1:{port}", Throttle(10, 10))
    session = Session(feed, f"ws://127.0.0.1:{port}", rest, lambda feed: None, settings=QUICK)
    task = asyncio.create_task(session.run())
    await asyncio.sleep(0.2)
    assert session.last_reason == "no connection: closed during the handshake"
    assert session.connects == 0 and feed.told == [] and not task.done()
    await session.close()
    await asyncio.wait_for(task, 1)
    await rest.close()
    server.close()


@steady
async def test_closing_does_not_wait_for_a_venue_that_never_answers():
    test_is_over = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await test_is_over.wait()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    rest = Rest(f"http://127.0.0.1:{port}", Throttle(10, 10))
    session = Session(Feed(), f"ws://127.0.0.1:{port}", rest, lambda feed: None, settings=QUICK)
    task = asyncio.create_task(session.run())
    await asyncio.sleep(0.1)
    await session.close()
    await asyncio.wait_for(task, 1)
    await rest.close()
    test_is_over.set()
    await asyncio.sleep(0.05)
    server.close()


@steady
async def test_a_port_that_is_taken_is_named():
    first = await Server(Venue()).start()
    with pytest.raises(Unavailable, match=f"port {first.port} on 127.0.0.1 can't be opened"):
        await Server(Venue(), first.port).start()
    await first.close()


@steady
async def test_a_message_in_several_frames_is_one_message():
    async def in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import base64
        import hashlib

        head = await reader.readuntil(b"\r\n\r\n")
        key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        writer.write(b"\x01\x03one" + b"\x89\x01!" + b"\x00\x03two" + b"\x80\x05three" + b"\x81\x04four")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(in_pieces, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    feed, rest = Feed(), Rest(f"http://127.0.0.1:{port}", Throttle(10, 10))
    session = Session(feed, f"ws://127.0.0.1:{port}", rest, lambda feed: None, settings=QUICK)
    task = asyncio.create_task(session.run())
    async with asyncio.timeout(3):
        while len(feed.frames()) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert feed.frames() == [b"onetwothree", b"four"]
    await session.close()
    await asyncio.wait_for(task, 2)
    await rest.close()
    server.close()


@steady
async def test_a_client_that_does_not_read_is_dropped_with_a_reason():
    venue = Venue()
    server = await Server(venue, queue_bytes=200_000).start()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.transport.pause_reading()
    writer.write(b"GET /feed HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    async with asyncio.timeout(10):
        while not server.clients:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        while server.clients:
            server.clients[0].send("x" * 50_000)
            await asyncio.sleep(0)
    assert len(server.dropped) == 1 and server.dropped[0].startswith("slow reader: ")
    writer.close()
    await server.close()


@given(st.integers(0, 80), st.integers(0, 2**32))
def test_the_back_off_doubles_within_its_bounds_and_is_never_in_step(failures, seed):
    settings = SessionSettings(backoff_first_s=0.5, backoff_most_s=20)
    wait = backoff_s(failures, settings, random.Random(seed))
    whole = min(20.0, 0.5 * 2.0 ** max(failures - 1, 0))
    assert whole / 2 <= wait <= whole
    assert len({backoff_s(failures, settings, random.Random(each)) for each in range(5)}) == 5


def test_the_wall_clock_never_falls_when_the_machines_clock_is_set_back(monkeypatch):
    clock, told = WallClock(), iter([5, 9, 3, 10])
    monkeypatch.setattr("time.time_ns", lambda: next(told))
    assert [clock() for _ in range(4)] == [5, 9, 9, 10]
