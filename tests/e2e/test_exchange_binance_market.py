"""The exchange's market in the Binance dialect over real sockets: what any client is sent, and clients nobody here wrote reading it."""

import asyncio
import contextlib
import json
import random
import warnings
from functools import partial

import ccxt.pro
import httpx
import pytest
from websockets.asyncio.client import connect as websockets_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from polaris.domain.instrument import Instruments
from polaris.domain.market import LIVE, TRADE
from polaris.domain.orders import BUY, SELL
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.live import LiveFeeds, discover
from polaris.venues.session import SessionSettings
from tests.e2e.small_venue import SmallVenue, until

with warnings.catch_warnings(action="ignore"):  # python-binance asks for what websockets calls deprecated
    from binance import AsyncClient, BinanceSocketManager, DepthCacheManager
    from binance.ws.reconnecting_websocket import ReconnectingWebsocket

MINUTE = 60_000_000_000
connect = partial(websockets_connect, max_queue=None)


class Trader:
    """Somebody who trades at random around a price."""

    def __init__(self, here: SmallVenue, seed: int = 4) -> None:
        self.here = here
        self.dice = random.Random(seed)
        self.orders: list[int] = []

    def step(self, symbol: str = "BTCUSDT", middle: float = 60_000.0) -> None:
        side = self.dice.choice((BUY, SELL))
        price = f"{middle - side * self.dice.gauss(5, 6):.2f}"
        self.orders.append(self.here.order(side, price, f"{self.dice.randrange(1, 400) / 1e4:.4f}", symbol))
        if len(self.orders) > 100:
            self.here.cancel(self.orders.pop(self.dice.randrange(len(self.orders))))


@contextlib.asynccontextmanager
async def trading(here: SmallVenue):
    """Two books in which somebody trades all the time; leaves them as they are at the end."""
    trader = Trader(here)

    async def trade() -> None:
        while True:
            for _ in range(5):
                trader.step()
                trader.step("ETHUSDT", 3000.0)
            await asyncio.sleep(0.01)

    for _ in range(300):
        trader.step()
        trader.step("ETHUSDT", 3000.0)
    task = asyncio.create_task(trade())
    try:
        yield task
    finally:
        task.cancel()


async def heard(socket, count=1):
    async with asyncio.timeout(60):
        return [json.loads(await socket.recv()) for _ in range(count)]


async def asked(socket, method, *params, number=1):
    await socket.send(json.dumps({"method": method, "params": list(params), "id": number} if params else {"method": method, "id": number}))
    while True:
        [answer] = await heard(socket)
        if isinstance(answer, dict) and answer.get("id") == number:
            return answer


# REST and the WebSocket API


async def test_every_document_is_served_on_both_doors_alike():
    asks = {
        "exchangeInfo": ("exchangeInfo", {"symbol": "BTCUSDT"}),
        "depth": ("depth", {"symbol": "BTCUSDT", "limit": 5}),
        "trades": ("trades.recent", {"symbol": "BTCUSDT"}),
        "historicalTrades": ("trades.historical", {"symbol": "BTCUSDT", "fromId": 1}),
        "aggTrades": ("trades.aggregate", {"symbol": "BTCUSDT"}),
        "klines": ("klines", {"symbol": "BTCUSDT", "interval": "1h"}),
        "uiKlines": ("uiKlines", {"symbol": "BTCUSDT", "interval": "1h"}),
        "avgPrice": ("avgPrice", {"symbol": "BTCUSDT"}),
        "ticker/24hr": ("ticker.24hr", {"symbols": ["BTCUSDT", "ETHUSDT"]}),
        "ticker/tradingDay": ("ticker.tradingDay", {"symbol": "BTCUSDT"}),
        "ticker": ("ticker", {"symbol": "BTCUSDT", "windowSize": "1h"}),
        "ticker/price": ("ticker.price", {}),
        "ticker/bookTicker": ("ticker.book", {"symbol": "BTCUSDT"}),
    }
    moving = {"serverTime", "closeTime", "openTime"}
    async with SmallVenue() as here, httpx.AsyncClient(base_url=here.http + "/api/v3/") as rest, connect(here.ws + "/ws-api/v3") as socket:
        here.to_the_hour()
        here.trade("60000.00", "0.5")
        here.order(BUY, "59999.00", "0.1")
        await until(lambda: bool(here.book()[0]))
        assert (await rest.get("ping")).json() == {}
        for path, (method, params) in asks.items():
            query = {name: json.dumps(value) if isinstance(value, list) else value for name, value in params.items()}
            answer = await rest.get(path, params=query)
            assert answer.status_code == 200 and int(answer.headers["X-MBX-USED-WEIGHT-1M"]) > 0
            await socket.send(json.dumps({"id": path, "method": method, "params": params}))
            [told] = await heard(socket)
            assert (told["id"], told["status"]) == (path, 200)
            both = [json.dumps(result, sort_keys=True) for result in (answer.json(), told["result"])]
            plain = [json.loads(each, object_hook=lambda d: {name: value for name, value in d.items() if name not in moving}) for each in both]
            assert plain[0] == plain[1], path


async def test_what_is_wrong_is_said_in_the_dialect():
    async with SmallVenue() as here, httpx.AsyncClient(base_url=here.http + "/api/v3/") as rest:
        answer = await rest.get("depth", params={"symbol": "NOSUCH"})
        assert (answer.status_code, answer.json()) == (400, {"code": -1121, "msg": "Invalid symbol."})
        assert (await rest.get("klines", params={"symbol": "BTCUSDT", "interval": "7m"})).json()["code"] == -1120


# streams


async def test_raw_and_combined_streams_carry_the_same_payloads():
    async with SmallVenue() as here:
        names = "btcusdt@trade/btcusdt@aggTrade/btcusdt@bookTicker/btcusdt@depth@100ms/btcusdt@depth5@100ms"
        async with connect(f"{here.ws}/stream?streams={names}") as combined, connect(f"{here.ws}/ws/btcusdt@trade") as raw:
            here.trade("60000.00", "0.5", SELL)
            here.order(BUY, "59000.00", "0.25")
            [trade] = await heard(raw)
            assert (trade["e"], trade["p"], trade["q"], trade["m"], trade["t"]) == ("trade", "60000.00000000", "0.50000000", True, 1)
            told = {}
            while len(told) < 5:
                [frame] = await heard(combined)
                told.setdefault(frame["stream"], frame["data"])
            assert told["btcusdt@trade"] == trade
            assert told["btcusdt@aggTrade"]["f"] == told["btcusdt@aggTrade"]["l"] == 1
            assert told["btcusdt@depth@100ms"]["U"] == 1
            assert told["btcusdt@depth5@100ms"]["bids"] == [["59000.00000000", "0.25000000"]]


async def test_microseconds_where_they_are_asked_for():
    async with SmallVenue() as here, connect(f"{here.ws}/stream?streams=btcusdt@trade&timeUnit=MICROSECOND") as socket:
        here.trade("60000.00", "0.5")
        [frame] = await heard(socket)
        assert frame["data"]["T"] > 10**15


async def test_a_private_stream_stands_beside_the_public_ones():
    async with SmallVenue() as here, httpx.AsyncClient(base_url=here.http + "/api/v3/") as rest:
        key, _ = here.keys.create_hmac(1)
        listen = (await rest.post("userDataStream", headers={"X-MBX-APIKEY": key.name})).json()["listenKey"]
        async with connect(f"{here.ws}/stream?streams={listen}/btcusdt@trade") as socket, connect(f"{here.ws}/ws/{listen}") as raw:
            here.order(BUY, "59000.00", "0.5")
            [frame], [event] = await heard(socket), await heard(raw)
            assert frame == {"stream": listen, "data": event} and event["e"] == "executionReport"
            assert await asked(socket, "UNSUBSCRIBE", listen) == {"result": None, "id": 1}


async def test_streams_are_subscribed_listed_and_left():
    async with SmallVenue() as here, connect(here.ws + "/ws") as socket:
        assert await asked(socket, "SUBSCRIBE", "btcusdt@trade", "ethusdt@trade") == {"result": None, "id": 1}
        assert (await asked(socket, "LIST_SUBSCRIPTIONS", number="two"))["result"] == ["btcusdt@trade", "ethusdt@trade"]
        assert (await asked(socket, "UNSUBSCRIBE", "ethusdt@trade"))["result"] is None
        assert (await asked(socket, "GET_PROPERTY", "combined"))["result"] is False
        assert (await asked(socket, "SET_PROPERTY", "combined", True))["result"] is None
        here.trade("3000.00", "0.5", symbol="ETHUSDT")
        here.trade("60000.00", "0.5")
        [frame] = await heard(socket)
        assert (frame["stream"], frame["data"]["s"]) == ("btcusdt@trade", "BTCUSDT")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("{", 3, "Invalid JSON"),
        ("[]", 2, "expected an object"),
        ('{"id": 1}', 2, "missing field `method`"),
        ('{"method": "BUY", "id": 1}', 2, "unknown variant `BUY`"),
        ('{"method": "SUBSCRIBE", "params": ["btcusdt@nothing"], "id": 1}', 2, "invalid stream"),
        ('{"method": "SUBSCRIBE", "params": ["dogeusdt@trade"], "id": 1}', 2, "invalid stream"),
        ('{"method": "SUBSCRIBE", "params": [1], "id": 1}', 2, "invalid stream"),
        ('{"method": "SUBSCRIBE", "params": ["btcusdt@trade"]}', 2, "request ID"),
        ('{"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1.5}', 2, "request ID"),
        ('{"method": "GET_PROPERTY", "params": ["colour"], "id": 1}', 0, "Unknown property"),
        ('{"method": "GET_PROPERTY", "params": [1], "id": 1}', 2, "must be a string"),
        ('{"method": "GET_PROPERTY", "params": ["combined", 1], "id": 1}', 2, "too many parameters"),
        ('{"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}', 1, "expected Boolean"),
        ('{"method": "LIST_SUBSCRIPTIONS", "params": [1], "id": 1}', 2, "too many parameters"),
    ],
)
async def test_what_a_stream_socket_does_not_understand_it_says(text, code, words):
    async with SmallVenue() as here, connect(here.ws + "/ws") as socket:
        await socket.send(text)
        [answer] = await heard(socket)
        assert answer["error"]["code"] == code and words in answer["error"]["msg"]
        assert (await asked(socket, "LIST_SUBSCRIPTIONS", number=7))["result"] == []


async def test_names_that_are_no_streams_are_passed_over_where_a_socket_opens():
    async with SmallVenue() as here:
        for path in ("/ws/0", "/ws/BTCUSDT@trade", "/stream?streams=dogeusdt@trade/btcusdt@nothing"):
            async with connect(here.ws + path) as socket:
                assert (await asked(socket, "LIST_SUBSCRIPTIONS"))["result"] == []
        with pytest.raises(InvalidStatus):
            await connect(here.ws + "/ws/btcusdt@trade?timeUnit=HOUR")


async def test_more_than_five_messages_in_a_second_end_the_connection():
    async with SmallVenue() as here, connect(here.ws + "/ws") as socket:
        here.stop_the_clock()
        with pytest.raises(ConnectionClosed) as closed:
            for number in range(20):
                await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
            await heard(socket, 20)
        assert closed.value.rcvd.code == 1008


async def test_more_than_1024_streams_are_refused():
    names = [f"{symbol}@kline_{interval}" for symbol in ("btcusdt", "ethusdt") for interval in ("1s", "1m")] + ["!ticker@arr"]
    async with SmallVenue() as here, connect(here.ws + "/ws") as socket:
        for name in names:
            here.streams.join(name, next(iter(here.server.sockets.open)))()  # each can be had
        next(iter(here.server.sockets.open))._ends.update({str(number): lambda: None for number in range(1023)})
        assert (await asked(socket, "SUBSCRIBE", *names[:2]))["error"]["code"] == 2
        assert (await asked(socket, "SUBSCRIBE", names[0]))["result"] is None


async def test_who_reads_nothing_any_more_is_forgotten():
    async with SmallVenue() as here:
        async with connect(f"{here.ws}/stream?streams=btcusdt@trade/!ticker@arr"):
            await until(lambda: len(here.streams._named) == 2)
        await until(lambda: not here.streams._named and not here.streams._young)


async def test_candles_are_sent_as_they_grow_and_as_they_close():
    async with SmallVenue() as here, connect(f"{here.ws}/ws/btcusdt@kline_1m") as socket:
        here.to_the_hour()
        here.trade("60000.00", "0.5")
        [first] = await heard(socket)
        assert (first["k"]["x"], first["k"]["n"], first["k"]["v"]) == (False, 1, "0.50000000")
        here.ahead += MINUTE
        closed, running = await heard(socket, 2)
        assert (closed["k"]["t"], closed["k"]["x"], closed["k"]["c"]) == (first["k"]["t"], True, "60000.00000000")
        assert (running["k"]["t"], running["k"]["x"], running["k"]["n"]) == (first["k"]["t"] + 60_000, False, 0)
        here.trade("61000.00", "0.5")
        [grown] = await heard(socket)
        assert (grown["k"]["h"], grown["k"]["n"], grown["k"]["L"]) == ("61000.00000000", 1, 2)


async def test_tickers_and_averages_come_where_they_changed():
    names = "btcusdt@ticker/btcusdt@miniTicker/btcusdt@ticker_1h/btcusdt@avgPrice/!ticker@arr/!miniTicker@arr/!ticker_4h@arr"
    async with SmallVenue() as here, connect(f"{here.ws}/stream?streams={names}") as socket:
        here.to_the_hour()
        here.trade("60000.00", "0.5")
        told = {frame["stream"]: frame["data"] for frame in await heard(socket, 7)}
        assert told.keys() == set(names.split("/"))
        assert {told[name]["e"] for name in names.split("/")[:4]} == {"24hrTicker", "24hrMiniTicker", "1hTicker", "avgPrice"}
        assert [[each["s"] for each in told[name]] for name in names.split("/")[4:]] == [["BTCUSDT"]] * 3
        here.trade("3000.00", "0.5", symbol="ETHUSDT")
        told = {frame["stream"]: frame["data"] for frame in await heard(socket, 3)}
        assert [[each["s"] for each in told[name]] for name in names.split("/")[4:]] == [["ETHUSDT"]] * 3


async def test_a_connection_is_warned_and_ends_after_its_day():
    async with SmallVenue(life_ns=20 * MINUTE) as here, connect(here.ws + "/stream") as socket:
        here.ahead += 10 * MINUTE
        [warning] = await heard(socket)
        assert (warning["stream"], warning["data"]["e"]) == ("!serverShutdown", "serverShutdown")
        here.ahead += 10 * MINUTE
        with pytest.raises(ConnectionClosed):
            await heard(socket)


async def test_a_client_that_connects_without_end_is_kept_out():
    async with SmallVenue() as here:
        here.to_the_hour()
        here.streams._attempts["127.0.0.1"] = 299
        here.streams._window = here.clock() // (5 * MINUTE)
        async with connect(here.ws + "/ws"):
            pass
        with pytest.raises(InvalidStatus):
            await connect(here.ws + "/ws")


# clients nobody wrote for us


async def test_our_own_feed_of_binance_comes_live_and_its_book_is_the_engines():
    async with SmallVenue() as here, trading(here) as trader:
        where = {"binance": VenueEndpoint("binance", here.ws, here.http)}
        instruments = Instruments(await discover(where, {"binance": ["BTCUSDT", "ETHUSDT"]}))
        haste = VenueLimits(rest_per_second=100, rest_burst=100)
        feeds = LiveFeeds(where, instruments, settings=SessionSettings(backoff_first_s=0.05), limits={"binance": haste})
        trades: list[int] = []
        running = asyncio.create_task(feeds.run(lambda rows: trades.extend(rows["price"][rows["kind"] == TRADE].tolist())))
        feed = feeds.feeds["binance"]
        try:
            await until(lambda: all(symbol.state == LIVE for symbol in feed.stats.symbols.values()) and len(trades) > 400)
            trader.cancel()
            for symbol in ("BTCUSDT", "ETHUSDT"):
                mine = partial(feed.book_text, symbol, 0)
                await until(lambda mine=mine, symbol=symbol: tuple([(float(p), float(q)) for p, q in side] for side in mine()[:2]) == here.book(symbol))
            assert all(symbol.gaps == symbol.resyncs == 0 for symbol in feed.stats.symbols.values())
        finally:
            await feeds.close()
            await asyncio.gather(running, return_exceptions=True)


async def test_ccxt_pro_reads_every_stream_and_document_unchanged_but_for_its_host():
    exchange = ccxt.pro.binance({"enableRateLimit": False, "options": {"fetchMarkets": {"types": ["spot"]}, "watchOrderBookLimit": 1000}, "newUpdates": False})
    async with SmallVenue() as here, trading(here) as trader:
        exchange.urls["api"] |= {"public": here.http + "/api/v3", "private": here.http + "/api/v3", "v1": here.http + "/api/v1", "ws": {"spot": here.ws + "/ws"}}
        try:
            markets = await exchange.load_markets()
            market = markets["BTC/USDT"]
            assert markets.keys() == {"BTC/USDT", "ETH/USDT"}
            assert (market["precision"], market["limits"]["cost"]["min"]) == ({"amount": 1e-05, "price": 0.01, "base": 1e-08, "quote": 1e-08}, 5.0)
            async with asyncio.timeout(60):
                book = await exchange.watch_order_book("BTC/USDT")
                trades = await exchange.watch_trades("BTC/USDT")
                candles = await exchange.watch_ohlcv("BTC/USDT", "1m")
                ticker = await exchange.watch_ticker("BTC/USDT")
                tops = await exchange.watch_bids_asks(["BTC/USDT", "ETH/USDT"])
            assert trades[-1]["price"] > 59_000 and candles[-1][4] > 59_000 and ticker["last"] > 59_000 and tops
            trader.cancel()

            def equal():
                return ([tuple(level[:2]) for level in book["bids"]], [tuple(level[:2]) for level in book["asks"]]) == here.book()

            await until(equal)
            assert (await exchange.fetch_time()) > 10**12
            fetched = await exchange.fetch_order_book("BTC/USDT", 100)
            assert [tuple(level[:2]) for level in fetched["bids"]] == here.book(levels=100)[0]
            assert len(await exchange.fetch_trades("BTC/USDT")) > 50
            assert sum(candle[5] for candle in await exchange.fetch_ohlcv("BTC/USDT", "1m")) > 0
            assert set(await exchange.fetch_tickers()) == set(await exchange.fetch_bids_asks()) == set(markets)
            assert (await exchange.fetch_ticker("ETH/USDT"))["last"] > 2_900
            assert (await exchange.fetch_last_prices())["ETH/USDT"]["price"] > 2_900
        finally:
            await exchange.close()


async def test_python_binances_depth_cache_is_the_engines_book(monkeypatch):
    monkeypatch.setattr(ReconnectingWebsocket, "TIMEOUT", 0.2)  # so long it waits for one message more before it closes
    async with SmallVenue() as here:
        trader = Trader(here)
        for _ in range(200):
            trader.step()
        client = AsyncClient()
        client.API_URL = here.http + "/api"
        sockets = BinanceSocketManager(client)
        sockets.STREAM_URL = here.ws + "/"
        try:
            info = await client.get_exchange_info()
            assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
            assert len(await client.get_klines(symbol="BTCUSDT", interval="1m")) >= 1
            assert (await client.get_symbol_ticker(symbol="BTCUSDT"))["price"] > "59"
            await asyncio.sleep(0.3)  # its cache asks for the book before its socket is open: it wants a moment without changes
            async with DepthCacheManager(client, "BTCUSDT", bm=sockets, ws_interval=100, limit=5000) as cache:
                before = here.book()
                for _ in range(10):
                    trader.step()
                async with asyncio.timeout(60):
                    while (told := await cache.recv()) is None or here.book() == before or _levels(told) != here.book():
                        pass
        finally:
            await client.close_connection()


def _levels(cache):
    return [tuple(level) for level in cache.get_bids()], [tuple(level) for level in cache.get_asks()]
