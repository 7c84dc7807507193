"""The built-in market over real sockets: two venues with one crowd, what our own sessions make of them, and its process."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websockets_connect

from polaris.app.exchange.builtin import Wanted, builtin_market, builtin_process
from polaris.domain.book import Book
from polaris.domain.errors import BadCapture, BadConfig, Unavailable
from polaris.domain.instrument import Instruments
from polaris.domain.market import DEPTH, LIVE, STATUS, TRADE
from polaris.venues import registry
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.live import LiveFeeds, discover
from polaris.venues.ordering import OrderEntry
from polaris.venues.record import Recorded, record
from polaris.venues.replay import Replay, replay_captures
from polaris.venues.served.recording import serve_recording
from polaris.venues.session import SessionSettings
from polaris.venues.throttle import Throttle
from tests.e2e.test_record import alive

WISHES = {"coinbase": ["BTC-USD", "ETH-USD"], "binance": ["BTCUSDT", "ETHUSDT"]}
QUICK = SessionSettings(backoff_first_s=0.01, backoff_most_s=0.05, tick_s=0.02)
LIVELY = Wanted(speed=10)
BTC = Wanted(bases=("BTC",))

connect = partial(websockets_connect, max_queue=None)  # what a test does not read must not keep the closing from being heard


class Desk:
    """Live feeds whose rows build a book a symbol."""

    def __init__(self, feeds: LiveFeeds) -> None:
        self.feeds = feeds
        self.books = [Book() for _ in feeds.instruments]
        self.states: list[list[int]] = [[] for _ in feeds.instruments]
        self.trades = 0
        self.gaps: list[float] = []  # between the first symbol's mids at the two venues, basis points

    def on_rows(self, rows) -> None:
        for item in self.feeds.instruments:
            self.books[item.id].apply(rows, item.id)
        for row in rows[rows["kind"] == STATUS]:
            self.states[int(row["instrument"])].append(int(row["price"]))
        self.trades += int((rows["kind"] == TRADE).sum())
        if self.live() and not any(book.crossed for book in self.books):
            here, there = (self._mid(i) for i in (0, len(self.books) // 2))
            self.gaps.append((here / there - 1) * 1e4)

    def live(self) -> bool:
        return all(status.state == "LIVE" for status in self.feeds.status())

    def _mid(self, i: int) -> float:
        book = self.books[i]
        return (book.bids()[0][0] + book.asks()[0][0]) / 2 / 10 ** self.feeds.instruments[i].price_decimals


async def until(true: Callable[[], object], seconds: float = 120.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def first(socket: ClientConnection) -> dict:
    return json.loads(await asyncio.wait_for(socket.recv(), 60))


async def test_all_symbols_of_both_venues_come_alive_without_a_gap():
    async with builtin_market(LIVELY) as market:
        feeds = LiveFeeds(market.endpoints, Instruments(await discover(market.endpoints, WISHES)), QUICK)
        desk = Desk(feeds)
        running = asyncio.create_task(feeds.run(desk.on_rows))
        await until(lambda: desk.live() and desk.trades > 20 and all(feed.stats.frames > 50 for feed in feeds.feeds.values()) and all(len(book.bids()) > 10 for book in desk.books))
        assert all(not book.crossed for book in desk.books)
        assert all(feed.stats.gaps == feed.stats.bad_messages == feed.stats.unknown_fields == 0 for feed in feeds.feeds.values())
        await feeds.close()
        await asyncio.wait_for(running, 60)


async def test_the_price_difference_between_the_venues_opens_and_closes():
    async with builtin_market(Wanted(bases=("BTC",), speed=20)) as market:
        wishes = {"coinbase": ["BTC-USD"], "binance": ["BTCUSDT"]}
        feeds = LiveFeeds(market.endpoints, Instruments(await discover(market.endpoints, wishes)), QUICK)
        desk = Desk(feeds)
        running = asyncio.create_task(feeds.run(desk.on_rows))
        await until(lambda: desk.gaps and max(map(abs, desk.gaps)) > 0.5)
        opened = len(desk.gaps)
        await until(lambda: any(abs(gap) < 0.2 for gap in desk.gaps[opened:]))
        await feeds.close()
        await asyncio.wait_for(running, 60)


async def test_the_desks_key_reads_what_its_account_brought():
    async with builtin_process(Wanted(worth=200_000)) as served:
        instruments = Instruments(await discover(served.endpoints, WISHES))
        for name, key in served.keys.items():
            orders = registry.venue(name).orders
            assert orders is not None
            async with OrderEntry(orders(instruments, key), served.endpoints[name].rest_url, Throttle(100, 10)) as entry:
                held = {balance.asset: balance for balance in await entry.balances()}
            assert held["USD" if name == "coinbase" else "USDT"].free == 200_000
            assert 0.9 * 200_000 < float(held["BTC"].free) * 78_000 <= 200_000 and held["ETH"].free == held["ETH"].total > 0


async def test_an_error_of_the_owner_ends_all_sessions_and_is_raised():
    async with builtin_market(BTC) as market:
        feeds = LiveFeeds(market.endpoints, Instruments(await discover(market.endpoints, {"coinbase": ["BTC-USD"], "binance": ["BTCUSDT"]})), QUICK)

        def on_rows(rows) -> None:
            if ((rows["kind"] == DEPTH) & (rows["instrument"] == 0)).any():
                raise ArithmeticError("a bug of the desk")

        with pytest.raises(ArithmeticError, match="a bug of the desk"):
            await asyncio.wait_for(feeds.run(on_rows), 60)
        assert not any(session.connected for session in feeds.sessions.values())


async def test_a_venue_without_an_endpoint_is_named():
    with pytest.raises(BadConfig, match="no endpoint for venue 'binance'; there are coinbase"):
        await discover({"coinbase": VenueEndpoint("coinbase", "ws://x", "http://x")}, {"binance": ["BTCUSDT"]})


async def test_what_is_recorded_from_the_built_in_market_replays_to_live_books(tmp_path):
    async with builtin_market(LIVELY) as market:
        told: list[tuple[float, list[Recorded]]] = []
        recording = asyncio.create_task(
            record(market.endpoints, WISHES, tmp_path / "day.jsonl.zst", 600, progress=lambda *so_far: told.append(so_far), every_s=0.1, settings=QUICK)
        )
        await until(lambda: len(told) >= 3 and min(one.lines for one in told[-1][1]) > 100 and all(alive(path) == 2 for path in tmp_path.iterdir()))
        recording.cancel()
        await asyncio.wait({recording})
        done = told[-1][1]
        assert [one.path.name for one in done] == ["day.coinbase.jsonl.zst", "day.binance.jsonl.zst"]
        assert told == sorted(told, key=lambda each: each[0])
    for report in replay_captures([one.path for one in done])["files"]:
        assert report["gaps"] == 0 and report["frames"] > 20
        assert {symbol["state"] for symbol in report["symbols"].values()} == {"LIVE"}
    for one in done:  # and what was recorded can be served, and heard again
        async with await serve_recording(one.path, 0) as served:
            where = {one.venue: served.endpoint}
            instruments = Instruments(await discover(where, {one.venue: WISHES[one.venue]}))
            assert list(instruments) == list(Replay(one.path).instruments)
            desk = Desk(LiveFeeds(where, instruments, SessionSettings(ends_on_normal_close=True)))
            await asyncio.wait_for(desk.feeds.run(desk.on_rows), 60)
            assert all(LIVE in states for states in desk.states)
            assert desk.feeds.feeds[one.venue].stats.gaps == 0
    with pytest.raises(BadCapture, match="there is such a file already"):
        await record(market.endpoints, WISHES, tmp_path / "day.jsonl.zst", 1)


# its process


def child() -> int:
    """The process of the one built-in market that this process started."""
    (pid,) = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return int(pid)


def told_of(pid: int) -> bytes:
    """What anybody of this machine's owner may read of a process: its command line and environment."""
    return b"".join(Path(f"/proc/{pid}/{what}").read_bytes() for what in ("cmdline", "environ"))


async def test_the_market_lives_in_a_process_of_its_own_and_ends_with_the_block():
    async with builtin_process(BTC) as served, connect(served.endpoints["binance"].ws_url + "/ws/btcusdt@bookTicker") as socket:
        assert (await first(socket))["s"] == "BTCUSDT"
    with pytest.raises(OSError):
        await connect(served.endpoints["binance"].ws_url)


async def test_the_keys_go_through_the_pipe_and_stand_nowhere_else():
    async with builtin_process(BTC) as served:
        about = told_of(child())
        for key in served.keys.values():
            for secret in (key.api_key, key.secret):
                assert secret.reveal().encode() not in about and secret.reveal() not in repr(served)


async def test_a_market_that_dies_is_told_as_such():
    async with builtin_process(BTC) as served:
        waiting = asyncio.ensure_future(served.ended())
        await asyncio.sleep(0)
        assert not waiting.done()
        os.kill(child(), signal.SIGKILL)
        with pytest.raises(Unavailable, match="the built-in market's process ended with code -9"):
            await asyncio.wait_for(waiting, 60)


@pytest.mark.parametrize(
    ("what", "reason"),
    [({"bases": ()}, "asked for nothing; it has BTC"), ({"speed": 0.0}, "speed"), ({"speed": 21.0}, "at most 20"), ({"bases": ("DOGE",)}, "it has BTC, ETH"), ({"worth": 10**12}, "ten times the desk's equity")],
)
def test_a_market_that_can_not_be_is_refused(what, reason):
    with pytest.raises(BadConfig, match=reason):
        Wanted(**what)
