"""A second connection follows the first before the venue ends it, over real sockets: whatever fails meanwhile, nothing is missing in silence.

The market tells one book and its trades by Binance's words, to each connection as late as the test says.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from polaris.domain.book import Book
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import BOOK_STATE_NAMES, CLEAR, DEPTH, REASON_NAMES, ROW, STATUS, TRADE, Rows
from polaris.venues.capture import CaptureWriter
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.live import LiveFeeds
from polaris.venues.served.server import Client, Query, Reply, Server, json_reply
from polaris.venues.session import SessionSettings
from tests.e2e.test_kucoin_token import ITEM as KUCOIN_ITEM
from tests.e2e.test_kucoin_token import Kucoin
from tests.steady_time import steady

ITEM = Instrument(id=InstrumentId(0), key=Key("binance", Product.SPOT, "BTC", "USDT"), wire="BTCUSDT", price_decimals=2, quantity_decimals=2)
LEVELS = 20
EVERY_S = 0.002  # a change of the book and a trade
QUICK = SessionSettings(backoff_first_s=0.05, backoff_most_s=0.1, tick_s=0.02, rollover_s=0.3, settles_s=0.2, follows_s=0.6)


class Market:
    """One book of LEVELS bids and asks, and trades numbered from 1; whoever is connected hears them."""

    name = "binance"

    def __init__(self, *lags_s: float) -> None:
        self.number = self.trades = 0
        self.bids = {99 - i: 1 for i in range(LEVELS)}
        self.clients: list[Client] = []
        self.opens = 0
        self.refuses = self.hides_its_book = False
        self._lags = lags_s  # of each connection, in turn
        self._lag: dict[Client, float] = {}
        self._late: dict[Client, deque[bytes]] = {}
        self._past: deque[tuple[float, bytes]] = deque(maxlen=1000)

    def accepts(self, path: str) -> bool:
        return not self.refuses

    def opened(self, client: Client) -> None:
        self._lag[client] = self._lags[self.opens % len(self._lags)] if self._lags else 0.0
        self._late[client] = deque()
        self.opens += 1
        self.clients.append(client)
        now = asyncio.get_running_loop().time()
        for then, frame in self._past:  # who is late begins with what happened before
            if then + self._lag[client] > now:
                self._tell(client, frame, then)

    def message(self, client: Client, payload: bytes) -> None:
        pass

    def closed(self, client: Client) -> None:
        self.clients.remove(client)

    def rest(self, path: str, query: Query) -> Reply:
        if self.hides_its_book:
            return json_reply({"code": -1, "msg": "none"}, 404)
        bids = [[f"{price}.00", f"{lots}.00"] for price, lots in self.bids.items()]
        asks = [[f"{101 + i}.00", "1.00"] for i in range(LEVELS)]
        return json_reply({"lastUpdateId": self.number, "bids": bids, "asks": asks})

    def step(self) -> None:
        self.number += 1
        self.trades += 1
        n = self.number
        price = 99 - n % LEVELS
        self.bids[price] = n
        self._send("depth@100ms", {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": n, "u": n, "b": [[f"{price}.00", f"{n}.00"]], "a": []})
        self._send("trade", {"e": "trade", "E": 1, "s": "BTCUSDT", "t": n, "p": "100.00", "q": "1.00", "T": 1, "m": True, "M": True})

    def _send(self, stream: str, data: object) -> None:
        frame = msgspec.json.encode({"stream": f"btcusdt@{stream}", "data": data})
        now = asyncio.get_running_loop().time()
        self._past.append((now, frame))
        for client in self.clients:
            self._tell(client, frame, now)

    def _tell(self, client: Client, frame: bytes, then: float) -> None:
        if self._lag[client]:
            self._late[client].append(frame)
            asyncio.get_running_loop().call_at(then + self._lag[client], lambda: client.send(self._late[client].popleft()))
        else:
            client.send(frame)


class Door:
    """A port before a server, that lets everything through; once it is shut, what the server says to those who come later waits."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = 0
        self._carriers: list[asyncio.Task[None]] = []

    async def start(self, behind: int) -> int:
        """Open a port before that one; returns it."""
        self._behind = behind
        self._server = await asyncio.start_server(self._enters, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        self.open.set()
        self._server.close()
        await self._server.wait_closed()
        for carrier in self._carriers:
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)

    async def _enters(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, to = await asyncio.open_connection("127.0.0.1", self._behind)
        self._carriers.append(asyncio.create_task(self._carry(reader, to)))
        if not self.open.is_set():
            self.waiting += 1
            await self.open.wait()
        self._carriers.append(asyncio.create_task(self._carry(behind, writer)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            try:
                while said := await reader.read(65536):
                    writer.write(said)
                    await writer.drain()
            finally:
                writer.close()


class Scene:
    """A market that goes on, and a desk's feeds that hear it."""

    def __init__(self, market: Market, settings: SessionSettings = QUICK, slow_s: float = 0.0, captures: dict[str, CaptureWriter] | None = None) -> None:
        self.market, self._settings, self._slow_s, self._captures = market, settings, slow_s, captures or {}
        self.door = Door()
        self.batches: list[Rows] = []
        self._story: list[str] = []
        self._trades: list[int] = []

    async def __aenter__(self) -> "Scene":
        self.server = await Server(self.market).start()
        where = replace(self.server.endpoint, ws_url=f"ws://127.0.0.1:{await self.door.start(self.server.port)}")
        self.feeds = LiveFeeds({"binance": where}, Instruments([ITEM]), self._settings, captures=self._captures, patience_s=0.01 if self._slow_s else 60.0)
        self.session = self.feeds.sessions["binance"]
        self.running = asyncio.create_task(self.feeds.run(self._on_rows))
        self._playing = asyncio.create_task(self._play())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._playing.cancel()
        await self.feeds.close()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.server.close()
        await self.door.close()

    def _on_rows(self, rows: Rows) -> None:
        self.batches.append(rows.copy())
        self._story += [f"{BOOK_STATE_NAMES[row['price']]} {REASON_NAMES[row['quantity']]}" for row in rows[rows["kind"] == STATUS]]
        self._trades += rows["other"][rows["kind"] == TRADE].tolist()
        time.sleep(self._slow_s)

    async def _play(self) -> None:
        """Changes come when they are due, whether anybody kept pace or not."""
        began = time.perf_counter()
        while True:
            due = (time.perf_counter() - began) / EVERY_S - self.market.number
            for _ in range(min(100, int(due))):  # others have their turn on a busy machine too
                self.market.step()
            await asyncio.sleep(EVERY_S)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def rolled_over(self, times: int) -> None:
        """Wait until another feed has taken over so many times, and its time is settled."""
        for _ in range(times):
            feed = self.session.feed
            await self.until(lambda feed=feed: self.session.feed is not feed)
        await self.until(lambda: self.session.succession is None)

    async def rests(self) -> None:
        """The market stands still, and everything it told was heard."""
        self._playing.cancel()
        await self.until(lambda: self.trades()[-1:] == [self.market.trades])

    @property
    def rows(self) -> Rows:
        return np.concatenate([np.zeros(0, ROW), *self.batches])

    def trades(self) -> list[int]:
        return self._trades

    def story(self) -> list[str]:
        return self._story

    def heard_every_trade_once(self) -> bool:
        numbers = self.trades()
        return numbers == list(range(numbers[0], numbers[-1] + 1))

    def has_the_book(self) -> bool:
        """Whether whoever hears only the rows holds the market's book."""
        book = Book()
        book.apply(self.rows, 0)
        return {price // 100: lots // 100 for price, lots in book.bids()} == self.market.bids


@pytest.mark.parametrize("lags_s", [(), (0.1, 0.0, 0.05), (0.0, 0.1, 0.02)])
@steady
async def test_roll_overs_are_not_seen_downstream_whichever_connection_is_later(lags_s):
    async with Scene(Market(*lags_s)) as scene:
        await scene.rolled_over(3)
        await scene.rests()
        assert scene.heard_every_trade_once() and scene.has_the_book()
        assert scene.story() == ["SYNCING connect", "LIVE none"]
        depth = scene.rows[scene.rows["kind"] == DEPTH]
        assert (depth["flags"] & CLEAR != 0).sum() == scene.market.opens - len(scene.market.clients) + 1, "a whole book from each that led"
        assert scene.session.connected and scene.session.last_reason == "planned roll-over after 0.3 s"


@steady
async def test_while_none_can_follow_the_first_goes_on_and_it_is_tried_again():
    async with Scene(Market()) as scene:
        await scene.until(lambda: scene.session.connected)
        scene.market.refuses = True
        await scene.until(lambda: scene.session.last_reason.startswith("the connection that follows: no connection: "))
        tried = scene.session.succession
        await scene.until(lambda: scene.session.succession not in (tried, None))
        assert scene.market.opens == 1 and len(scene.market.clients) == 1 and scene.session.connected
        scene.market.refuses = False
        await scene.rolled_over(1)
        await scene.rests()
        assert scene.heard_every_trade_once() and scene.has_the_book()
        assert scene.story() == ["SYNCING connect", "LIVE none"]


@steady
async def test_one_that_never_has_its_books_is_given_up_and_the_first_goes_on():
    async with Scene(Market()) as scene:
        await scene.until(lambda: scene.story()[-1:] == ["LIVE none"])
        first = scene.session.feed
        scene.market.hides_its_book = True
        await scene.until(lambda: scene.session.last_reason == "the connection that follows: its books were not LIVE within 0.6 s")
        await scene.until(lambda: scene.market.opens == 3)
        assert scene.session.feed is first and scene.session.connected
        scene.market.hides_its_book = False
        await scene.rolled_over(1)
        await scene.rests()
        assert scene.heard_every_trade_once() and scene.has_the_book()
        assert scene.story() == ["SYNCING connect", "LIVE none"]


@steady
async def test_where_the_first_dies_the_one_that_follows_leads_at_once_and_the_gap_of_the_book_is_marked():
    async with Scene(Market(), replace(QUICK, follows_s=20.0)) as scene:
        await scene.until(lambda: scene.story()[-1:] == ["LIVE none"])
        scene.market.hides_its_book = True
        await scene.until(lambda: len(scene.market.clients) == 2)
        second = scene.session.succession.new
        told = scene.session.feed.stats.frames
        scene.session.settings = replace(scene.session.settings, settles_s=1000.0)  # nothing to wait for where nobody leads
        scene.market.clients[0].abort()
        await scene.until(lambda: scene.session.feed is second)
        assert scene.session.connected and second.stats.frames > told
        await scene.until(lambda: scene.story()[-2:] == ["DISCONNECTED closed", "SYNCING connect"])
        scene.market.hides_its_book = False
        await scene.until(lambda: scene.story()[-1] == "LIVE none")
        assert scene.story() == ["SYNCING connect", "LIVE none", "DISCONNECTED closed", "SYNCING connect", "LIVE none"]
        assert scene.market.opens == 2
        await scene.rests()
        assert scene.heard_every_trade_once() and scene.has_the_book()


@steady
async def test_where_the_first_dies_before_another_is_open_it_is_a_reconnect_like_any():
    async with Scene(Market(), replace(QUICK, settles_s=5.0)) as scene:
        await scene.until(lambda: scene.session.succession)
        first = scene.session.feed
        scene.market.clients[0].abort()
        await scene.until(lambda: scene.story()[-3:] == ["DISCONNECTED closed", "SYNCING connect", "LIVE none"])
        assert scene.session.feed is first and scene.market.opens == 2
        numbers = scene.trades()
        assert len(set(numbers)) == len(numbers)


@steady
async def test_one_that_was_given_up_while_it_opened_says_nothing_when_it_opens_late():
    async with Scene(Market(), replace(QUICK, rollover_s=1.0)) as scene:
        await scene.until(lambda: scene.session.connected)
        scene.door.open.clear()
        await scene.until(lambda: scene.door.waiting == 1)
        scene.market.clients[0].abort()
        await scene.until(lambda: scene.door.waiting == 2)
        scene.door.open.set()
        await scene.until(lambda: scene.story()[-3:] == ["DISCONNECTED closed", "SYNCING connect", "LIVE none"])
        await scene.until(lambda: len(scene.market.clients) == 1)
        await scene.rests()
        numbers = scene.trades()
        assert len(set(numbers)) == len(numbers) and scene.has_the_book()


@steady
async def test_an_error_of_the_feed_that_follows_ends_the_run_with_that_error():
    async with Scene(Market()) as scene:
        make = scene.session._another

        def broken():
            feed = make()
            feed.connected = lambda ts: 1 // 0
            return feed

        scene.session._another = broken
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(asyncio.shield(scene.running), 10)
        await scene.until(lambda: not scene.market.clients)


PHASES: dict[str, Callable[[Scene], object]] = {
    "while the first is listened to": lambda scene: scene.session.succession and len(scene.market.clients) == 1,
    "while another opens its socket": lambda scene: scene.session.succession and scene.session._patience,
    "while another follows": lambda scene: len(scene.market.clients) == 2,
    "while the one that led is leaving": lambda scene: scene.session.succession and scene.session.succession.taken_ns,
}


@pytest.mark.parametrize("phase", PHASES)
@steady
async def test_a_session_is_closed_at_any_moment_of_a_roll_over_and_leaves_no_socket_behind(phase):
    async with Scene(Market()) as scene:
        await scene.until(lambda: PHASES[phase](scene))
        await scene.feeds.close()
        await asyncio.wait_for(asyncio.shield(scene.running), 5)
        await scene.until(lambda: not scene.market.clients)
        assert scene.story()[-1] == "DISCONNECTED closed" and not scene.session.connected
        assert scene.heard_every_trade_once()


@steady
async def test_a_reader_slower_than_the_market_hears_every_trade_once_through_roll_overs():
    async with Scene(Market(0.05, 0.0), replace(QUICK, follows_s=20.0), slow_s=0.1) as scene:
        await scene.rolled_over(1)
        await scene.rests()
        assert scene.feeds.inbox.left_out > 0, "he was behind"
        assert scene.heard_every_trade_once() and scene.has_the_book()


@steady
async def test_a_session_that_keeps_a_capture_leaves_and_comes_back_with_a_marked_gap(tmp_path):
    with CaptureWriter(tmp_path / "kept.jsonl", "binance", None, 0) as writer:
        async with Scene(Market(), captures={"binance": writer}) as scene:
            await scene.until(lambda: scene.story().count("LIVE none") == 2)
            assert scene.story()[:5] == ["SYNCING connect", "LIVE none", "DISCONNECTED closed", "SYNCING connect", "LIVE none"]


@steady
async def test_each_connection_that_follows_has_a_token_of_its_own():
    venue = Kucoin()
    server = await Server(venue).start()
    venue.url = f"ws://127.0.0.1:{server.port}"
    documents = await asyncio.start_server(venue.answer, "127.0.0.1", 0)
    where = {"kucoin": VenueEndpoint("kucoin", venue.url, f"http://127.0.0.1:{documents.sockets[0].getsockname()[1]}")}
    feeds = LiveFeeds(where, Instruments([KUCOIN_ITEM]), QUICK)
    batches: list[Rows] = []
    running = asyncio.create_task(feeds.run(lambda rows: batches.append(rows.copy())))
    try:
        first = feeds.feeds["kucoin"]
        async with asyncio.timeout(20):
            while feeds.feeds["kucoin"] is first:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        await feeds.close()
        await asyncio.gather(running, return_exceptions=True)
        await server.close()
        documents.close()
    assert venue.used[:3] == ["t1", "t2", "t3"], "the first is refused as expired, the third follows the second"
    rows = np.concatenate(batches)
    assert rows["price"][rows["kind"] == STATUS].tolist().count(0) == 2, "after the refusal, and at the end"
