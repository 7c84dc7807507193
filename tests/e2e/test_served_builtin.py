"""The built-in market over real sockets: its two dialects, and what our own sessions make of them."""

import asyncio
import json
from collections.abc import Callable
from functools import partial

import httpx
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websockets_connect
from websockets.exceptions import ConnectionClosed

from polaris.domain.book import Book
from polaris.domain.errors import BadCapture, BadConfig, Unavailable, UnknownSymbol
from polaris.domain.instrument import Instruments
from polaris.domain.market import DEPTH, LIVE, STATUS, TRADE
from polaris.domain.orders import BUY, LIMIT
from polaris.venues.binance import order_socket as orders
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.live import LiveFeeds, discover
from polaris.venues.record import record
from polaris.venues.replay import Replay, replay_captures
from polaris.venues.served.builtin import BuiltinMarket, builtin_process
from polaris.venues.served.recording import serve_recording
from polaris.venues.session import SessionSettings

START = 1_760_000_000_000_000_000
WISHES = {"coinbase": ["BTC-USD", "ETH-USD"], "binance": ["BTCUSDT", "ETHUSDT"]}
QUICK = SessionSettings(backoff_first_s=0.01, backoff_most_s=0.05, tick_s=0.02)

connect = partial(websockets_connect, max_queue=None)  # what a test does not read must not keep the closing from being heard


async def still_market(seed: int = 7) -> BuiltinMarket:
    """The market at a fixed hour, whose time moves only by `step`."""
    return await BuiltinMarket(seed, ["BTC", "ETH"], start=START).open(ticking=False)


async def heard_until(socket: ClientConnection, enough: Callable[[list], bool]) -> list:
    heard: list = []
    async with asyncio.timeout(5):
        while not enough(heard):
            heard.append(json.loads(await socket.recv()))
    return heard


def count(n: int) -> Callable[[list], bool]:
    return lambda heard: len(heard) >= n


# Coinbase


async def subscribe(socket: ClientConnection, channel: str, *products: str) -> None:
    await socket.send(json.dumps({"type": "subscribe", "product_ids": list(products), "channel": channel}))


async def coinbase_frames(seed: int) -> list:
    market = await still_market(seed)
    try:
        async with connect(market.endpoints["coinbase"].ws_url) as socket:
            for channel in ("level2", "market_trades", "ticker", "heartbeats"):
                await subscribe(socket, channel, "BTC-USD", "ETH-USD")
            heard = await heard_until(socket, lambda heard: sum(frame["channel"] == "subscriptions" for frame in heard) == 4)
            for _ in range(30):
                market.step()
            return heard + await heard_until(socket, lambda more: any(frame["channel"] == "heartbeats" for frame in more))
    finally:
        await market.close()


async def test_the_same_seed_is_the_same_frames_at_coinbase():
    first, again, other = await coinbase_frames(7), await coinbase_frames(7), await coinbase_frames(8)
    assert first == again != other


async def test_coinbase_numbers_every_frame_of_a_connection_over_all_channels():
    heard = await coinbase_frames(7)
    assert [frame["sequence_num"] for frame in heard] == list(range(len(heard)))
    assert {frame["channel"] for frame in heard} == {"l2_data", "market_trades", "ticker", "subscriptions", "heartbeats"}
    for product in ("BTC-USD", "ETH-USD"):
        kinds = [frame["events"][0]["type"] for frame in heard if frame["channel"] == "l2_data" and frame["events"][0]["product_id"] == product]
        assert kinds[0] == "snapshot" and set(kinds[1:]) == {"update"}


async def test_a_book_built_from_coinbases_frames_is_the_floors_own_after_every_update():
    market = await still_market()
    floor = market.market.floors[0]
    try:
        async with connect(market.endpoints["coinbase"].ws_url) as socket:
            await subscribe(socket, "level2", "BTC-USD")
            book: dict[str, dict[str, str]] = {"bid": {}, "offer": {}}
            for steps in range(40):
                for frame in await heard_until(socket, count(2 if steps == 0 else 1)):
                    for event in frame["events"] if frame["channel"] == "l2_data" else []:
                        for update in event["updates"]:
                            if update["new_quantity"] == "0":
                                book[update["side"]].pop(update["price_level"], None)  # it may have come and gone in one step
                            else:
                                book[update["side"]][update["price_level"]] = update["new_quantity"]
                for side, levels in (("bid", floor.bids.levels()), ("offer", floor.asks.levels())):
                    assert {round(float(price) * 100): round(float(size) * 10**8) for price, size in book[side].items()} == dict(levels)
                market.step()
    finally:
        await market.close()


async def test_the_side_of_a_coinbase_trade_is_the_makers():
    market = await still_market()
    try:
        async with connect(market.endpoints["coinbase"].ws_url) as socket:
            await subscribe(socket, "market_trades", "BTC-USD")
            told = (await heard_until(socket, count(2)))[0]["events"][0]["trades"]
            made = list(market.market.floors[0].trades)[::-1]
            assert [(int(trade["trade_id"]), trade["side"]) for trade in told] == [(trade.id, "SELL" if trade.taker_buys else "BUY") for trade in made]
    finally:
        await market.close()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("{", "can't read the message"),
        ('{"type":"hello"}', "'hello' is not subscribe or unsubscribe"),
        ('{"type":"subscribe","channel":"level3"}', "channel 'level3' is not supported"),
        ('{"type":"subscribe","channel":"level2","product_ids":["DOGE-USD"]}', "DOGE-USD is not a valid product"),
    ],
)
async def test_coinbase_says_what_is_wrong_with_a_message(said, reason):
    market = await still_market()
    try:
        async with connect(market.endpoints["coinbase"].ws_url) as socket:
            await socket.send(said)
            (answer,) = await heard_until(socket, count(1))
            assert answer["type"] == "error" and reason in answer["message"]
    finally:
        await market.close()


async def test_an_unsubscribed_channel_falls_silent():
    market = await still_market()
    try:
        async with connect(market.endpoints["coinbase"].ws_url) as socket:
            await subscribe(socket, "level2", "BTC-USD")
            await heard_until(socket, count(2))
            await socket.send('{"type":"unsubscribe","product_ids":["BTC-USD"],"channel":"level2"}')
            assert (await heard_until(socket, count(1)))[0]["events"] == [{"subscriptions": {}}]
            market.step()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.2)
    finally:
        await market.close()


async def test_a_client_that_subscribes_to_nothing_is_sent_away(monkeypatch):
    monkeypatch.setattr("polaris.venues.served.coinbase.SUBSCRIBE_S", 0.1)
    market = await still_market()
    try:
        async with connect(market.endpoints["coinbase"].ws_url) as socket:
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 2)
            assert socket.close_code == 1008 and "no subscription within" in (socket.close_reason or "")
    finally:
        await market.close()


# Binance


async def test_the_same_seed_is_the_same_frames_at_binance():
    async def frames(seed: int) -> list:
        market = await still_market(seed)
        try:
            async with connect(market.endpoints["binance"].ws_url + "/stream?streams=btcusdt@depth@100ms/btcusdt@trade/ethusdt@bookTicker/ethusdt@depth") as socket:
                for _ in range(60):
                    market.step()
                return await heard_until(socket, lambda heard: any(frame["stream"] == "ethusdt@depth" for frame in heard))
        finally:
            await market.close()

    first, again, other = await frames(7), await frames(7), await frames(8)
    assert first == again != other
    assert {frame["stream"] for frame in first} == {"btcusdt@depth@100ms", "btcusdt@trade", "ethusdt@bookTicker", "ethusdt@depth"}


@pytest.mark.parametrize("stream", ["depth@100ms", "depth"])
async def test_a_book_of_snapshot_and_diffs_is_the_floors_own_at_the_same_update_id(stream):
    market = await still_market()
    floor = market.market.floors[1]
    own: dict[int, tuple[dict[int, int], dict[int, int]]] = {}

    def step() -> None:
        market.step()
        own[floor.update_id] = (dict(floor.bids.lots), dict(floor.asks.lots))

    try:
        endpoint = market.endpoints["binance"]
        async with connect(f"{endpoint.ws_url}/ws/btcusdt@{stream}") as socket, httpx.AsyncClient(base_url=endpoint.rest_url) as client:
            for _ in range(23):
                step()
            snapshot = (await client.get("/api/v3/depth?symbol=BTCUSDT&limit=5000")).json()
            for _ in range(60):
                step()
            events = await drained(socket)
        last = snapshot["lastUpdateId"]
        sides = [{round(float(price) * 100): round(float(size) * 10**5) for price, size in snapshot[side]} for side in ("bids", "asks")]
        assert tuple(sides) == own[last]
        events = [event for event in events if event["u"] > last]
        assert events[0]["U"] <= last + 1 <= events[0]["u"]
        for event in events:
            assert event["U"] == last + 1 or event is events[0]
            last = event["u"]
            for side, levels in zip(sides, (event["b"], event["a"]), strict=True):
                for price, size in levels:
                    lots = round(float(size) * 10**5)
                    if lots:
                        side[round(float(price) * 100)] = lots
                    else:
                        side.pop(round(float(price) * 100), None)
            assert tuple(sides) == own[last]
        assert len(events) >= (29 if "100" in stream else 2)
    finally:
        await market.close()


async def drained(socket: ClientConnection) -> list:
    """What has come by now."""
    heard: list = []
    try:
        while True:
            heard.append(json.loads(await asyncio.wait_for(socket.recv(), 0.1)))
    except TimeoutError:
        return heard


async def test_binance_subscriptions_can_be_changed_and_listed():
    market = await still_market()
    try:
        async with connect(market.endpoints["binance"].ws_url + "/ws") as socket:

            async def ask(text: str) -> dict:
                await socket.send(text)
                return (await heard_until(socket, count(1)))[0]

            assert await ask('{"method":"SUBSCRIBE","params":["btcusdt@trade","ethusdt@aggTrade"],"id":1}') == {"result": None, "id": 1}
            assert await ask('{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":2}') == {"result": None, "id": 2}
            assert await ask('{"method":"LIST_SUBSCRIPTIONS","id":"three"}') == {"result": ["ethusdt@aggTrade"], "id": "three"}
            assert (await ask('{"method":"JUMP","id":4}'))["error"]["code"] == 2
            assert (await ask("["))["error"]["code"] == 3
            for _ in range(10):
                market.step()
            assert {event["e"] for event in await drained(socket)} == {"aggTrade"}
    finally:
        await market.close()


async def test_the_documents_of_both_venues_describe_what_they_serve():
    market = await still_market()
    try:
        found = Instruments(await discover(market.endpoints, WISHES))
        assert [item.symbol for item in found] == ["BTC-USD.coinbase", "ETH-USD.coinbase", "BTC-USDT.binance", "ETH-USDT.binance"]
        assert [float(item.price_text(item.price_increment)) for item in found] == [0.01] * 4
        assert [float(item.quantity_text(item.quantity_increment)) for item in found] == [1e-8, 1e-8, 1e-5, 1e-4]
        with pytest.raises((UnknownSymbol, Unavailable), match="DOGE"):
            await discover(market.endpoints, {"binance": ["DOGEUSDT"]})
        async with httpx.AsyncClient(base_url=market.endpoints["coinbase"].rest_url) as client:
            book = (await client.get("/api/v3/brokerage/market/product_book?product_id=BTC-USD&limit=3")).json()["pricebook"]
            assert [len(book["bids"]), len(book["asks"])] == [3, 3] and float(book["bids"][0]["price"]) < float(book["asks"][0]["price"])
            assert (await client.get("/api/v3/brokerage/market/products/ETH-USD")).json()["product_id"] == "ETH-USD"
            assert (await client.get("/nothing")).status_code == 404
    finally:
        await market.close()


async def test_an_order_is_acknowledged_under_its_name_and_can_be_cancelled_once():
    market = await still_market()
    try:
        (instrument,) = await discover(market.endpoints, {"binance": ["BTCUSDT"]})
        async with connect(market.endpoints["binance"].ws_url + "/ws-api/v3") as socket:

            async def ask(request: bytes) -> orders.Ack:
                await socket.send(request, text=True)
                return orders.answer(str(await asyncio.wait_for(socket.recv(), 2)).encode())

            price, lots = instrument.ticks("64000"), instrument.lots("0.01")
            placed = await ask(orders.place(instrument, BUY, LIMIT, price, lots, client="polaris-1", id="a", ts=START, key=None))
            assert placed.accepted and placed.id == "a" and placed.client == "polaris-1" and placed.order > 0
            cancelled = await ask(orders.cancel(instrument, "polaris-1", id="b", ts=START, key=None))
            assert cancelled.accepted and cancelled.order == placed.order and cancelled.client == "polaris-1"
            assert (await ask(orders.cancel(instrument, "polaris-1", id="c", ts=START, key=None))).code == -2011
            assert (await ask(b'{"id":"d","method":"order.place","params":{"symbol":"BTCUSDT"}}')).code == -1102
            assert (await ask(b'{"id":"e","method":"order.place","params":{"symbol":"X","side":"BUY","type":"MARKET"}}')).code == -1121
            assert (await ask(b'{"id":"f","method":"order.guess"}')).status == 400
    finally:
        await market.close()


# our own sessions


class Desk:
    """Live feeds whose rows build a book a symbol."""

    def __init__(self, feeds: LiveFeeds) -> None:
        self.feeds = feeds
        self.books = [Book() for _ in feeds.instruments]
        self.states: list[list[int]] = [[] for _ in feeds.instruments]
        self.trades = 0

    def on_rows(self, rows) -> None:
        for item in self.feeds.instruments:
            self.books[item.id].apply(rows, item.id)
        for row in rows[rows["kind"] == STATUS]:
            self.states[int(row["instrument"])].append(int(row["price"]))
        self.trades += int((rows["kind"] == TRADE).sum())

    def live(self) -> bool:
        return all(status.state == "LIVE" for status in self.feeds.status())


async def until(true: Callable[[], object], seconds: float = 6.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_all_symbols_of_both_venues_come_alive_and_their_books_are_the_venues_own():
    async with BuiltinMarket(7, ["BTC", "ETH"], speed=2) as market:
        feeds = LiveFeeds(market.endpoints, Instruments(await discover(market.endpoints, WISHES)), QUICK)
        desk = Desk(feeds)
        running = asyncio.create_task(feeds.run(desk.on_rows))
        await until(lambda: desk.live() and desk.trades > 50 and feeds.feeds["binance"].stats.frames > 200)
        market._task.cancel()  # type: ignore[union-attr]  # time stands still
        await asyncio.sleep(0.2)
        floors = {floor.listing.wire: floor for floor in market.market.floors}
        for item in feeds.instruments:
            floor = floors[item.wire]
            if item.key.venue == "coinbase":  # Binance tells its book every 100 ms: this one may be half a step behind
                assert desk.books[item.id].bids() == floor.bids.levels() and desk.books[item.id].asks() == floor.asks.levels()
            assert not desk.books[item.id].crossed and len(desk.books[item.id].bids()) > 40
        stats = feeds.feeds["binance"].stats
        assert sum(one.checksums_failed for one in stats.symbols.values()) == 0 < sum(one.checksums_ok for one in stats.symbols.values())
        assert all(feed.stats.gaps == 0 and feed.stats.bad_messages == 0 for feed in feeds.feeds.values())
        assert {status.connected for status in feeds.status()} == {True}
        await feeds.close()
        await asyncio.wait_for(running, 3)
        assert {status.state for status in feeds.status()} == {"DISCONNECTED"}


async def test_after_a_cut_every_symbol_comes_back_live_with_a_replaced_book():
    async with BuiltinMarket(7, ["BTC", "ETH"]) as market:
        feeds = LiveFeeds(market.endpoints, Instruments(await discover(market.endpoints, WISHES)), QUICK)
        desk = Desk(feeds)
        running = asyncio.create_task(feeds.run(desk.on_rows))
        await until(desk.live)
        for book in desk.books:
            book.set(False, 1, 1)  # a level no venue has: only a replacement takes it away
        for server in market.servers.values():
            server.cut()
        await until(lambda: all(session.connects == 2 for session in feeds.sessions.values()))
        await until(desk.live)
        assert all(states[-1] == LIVE and len(states) >= 4 for states in desk.states)
        assert all((1, 1) not in book.bids() for book in desk.books)
        await feeds.close()
        await asyncio.wait_for(running, 3)


async def test_an_error_of_the_owner_ends_all_sessions_and_is_raised():
    async with BuiltinMarket(7, ["BTC"]) as market:
        feeds = LiveFeeds(market.endpoints, Instruments(await discover(market.endpoints, {"coinbase": ["BTC-USD"], "binance": ["BTCUSDT"]})), QUICK)

        def on_rows(rows) -> None:
            if ((rows["kind"] == DEPTH) & (rows["instrument"] == 0)).any():
                raise ArithmeticError("a bug of the desk")

        with pytest.raises(ArithmeticError, match="a bug of the desk"):
            await asyncio.wait_for(feeds.run(on_rows), 5)
        assert not any(session.connected for session in feeds.sessions.values())


async def test_a_venue_without_an_endpoint_is_named():
    with pytest.raises(BadConfig, match="no endpoint for venue 'binance'; there are coinbase"):
        await discover({"coinbase": VenueEndpoint("coinbase", "ws://x", "http://x")}, {"binance": ["BTCUSDT"]})


async def test_what_is_recorded_from_the_built_in_market_replays_to_live_books(tmp_path):
    async with BuiltinMarket(7, ["BTC", "ETH"], speed=2) as market:
        told: list[float] = []
        done = await record(market.endpoints, WISHES, tmp_path / "day.jsonl.zst", 1.5, progress=lambda gone, so_far: told.append(gone), every_s=0.5, settings=QUICK)
    assert [one.path.name for one in done] == ["day.coinbase.jsonl.zst", "day.binance.jsonl.zst"]
    assert told == sorted(told) and len(told) >= 3 and told[-1] == 1.5
    for report in replay_captures([one.path for one in done])["files"]:
        assert report["gaps"] == 0 and report["frames"] > 20
        assert {symbol["state"] for symbol in report["symbols"].values()} == {"LIVE"}
    for one in done:  # and what was recorded can be served, and heard again
        async with await serve_recording(one.path, 0) as served:
            where = {one.venue: served.endpoint}
            instruments = Instruments(await discover(where, {one.venue: WISHES[one.venue]}))
            assert list(instruments) == list(Replay(one.path).instruments)
            desk = Desk(LiveFeeds(where, instruments, SessionSettings(ends_on_normal_close=True)))
            await asyncio.wait_for(desk.feeds.run(desk.on_rows), 10)
            assert all(LIVE in states for states in desk.states)
            assert desk.feeds.feeds[one.venue].stats.gaps == 0
    with pytest.raises(BadCapture, match="there is such a file already"):
        await record(market.endpoints, WISHES, tmp_path / "day.jsonl.zst", 1)


async def test_the_market_lives_in_a_process_of_its_own_and_ends_with_its_parent():
    async with builtin_process(7, ["BTC"], speed=2) as endpoints:
        (instrument,) = await discover(endpoints, {"coinbase": ["BTC-USD"]})
        assert instrument.symbol == "BTC-USD.coinbase"
        async with connect(endpoints["binance"].ws_url + "/ws/btcusdt@bookTicker") as socket:
            assert (await heard_until(socket, count(3)))[0]["s"] == "BTCUSDT"
    with pytest.raises(OSError):
        await connect(endpoints["binance"].ws_url)


@pytest.mark.parametrize(("bases", "speed", "reason"), [([], 1.0, "at least one asset"), (["BTC"], 0.0, "speed"), (["DOGE"], 1.0, "it has BTC")])
def test_a_market_that_can_not_be_is_refused(bases, speed, reason):
    with pytest.raises(BadConfig, match=reason):
        BuiltinMarket(1, bases, speed=speed)
