"""The exchange in the Coinbase dialect over real sockets: our own feed and orders, and ccxt, unchanged but for the host."""

import asyncio
import contextlib
import json
import random
import time
from functools import partial

import ccxt.async_support
import ccxt.pro
import pytest
from websockets.asyncio.client import connect as websockets_connect
from websockets.exceptions import ConnectionClosed

from polaris.app.exchange.house import House, Plan
from polaris.domain.instrument import Instruments
from polaris.domain.market import LIVE, TRADE
from polaris.domain.orders import BUY, CANCELLED, FILLED, LIMIT, MAKER, MARKET, OPEN, PARTIAL, POST_ONLY, SELL, TAKER
from polaris.exchange import words as w
from polaris.exchange.gateway.coinbase.limits import Limits
from polaris.exchange.gateway.venue import command, note
from polaris.venues.coinbase.orders import CoinbaseOrders
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.live import LiveFeeds, discover
from polaris.venues.ordering import OrderEntry
from polaris.venues.orders import Key, NewOrder, Refusal, Report, Verdict
from polaris.venues.secrets import Secret
from polaris.venues.session import SessionSettings
from polaris.venues.throttle import Throttle
from tests.e2e.small_venue import RULES, until
from tests.unit.exchange.gateway.coinbase.asked import AMPLE, Here
from tests.unit.exchange.gateway.coinbase.tokens_of import Signer

PAIR = "BTC/USDT"
SECOND = 1_000_000_000
connect = partial(websockets_connect, max_queue=None, max_size=None)


@pytest.fixture
async def here():
    async with running() as venue:
        yield venue


@contextlib.asynccontextmanager
async def running(limits=AMPLE):
    async with Here(RULES, limits, clock=time.time_ns, pulse_s=0.05) as venue:
        venue.venue.every(100_000_000, venue.broadcast.tick)
        venue.venue.start()
        yield venue


def http(here):
    return f"http://127.0.0.1:{here.port}"


def ws(here):
    return f"ws://127.0.0.1:{here.port}"


def order(here, side, price, quantity, book=0, account=9):
    listing, number = RULES.listings[book], here.venue.new_order_id()
    fields = {"book": book, "side": side, "price": listing.ticks(price), "quantity": listing.lots(quantity), "account": account}
    here.venue.ask([command(w.SUBMIT, order_id=number, order_type=w.LIMIT, **fields)], [note(here.clock(), f"n{number}")])
    return number


def core_book(here, book):
    """The core's own book as texts without zeros at the end."""
    listing, depth = RULES.listings[book], here.broadcast.market.depth(book, 5000)
    return tuple([(float(listing.price_text(price)), float(listing.quantity_text(lots))) for price, lots in side.tolist()] for side in depth[1:])


@contextlib.asynccontextmanager
async def trading(here, seed=4):
    """Two books in which somebody trades all the time; leaves them as they are at the end."""
    dice, orders = random.Random(seed), []

    def step(book, middle):
        side = dice.choice((BUY, SELL))
        orders.append(order(here, side, f"{middle - side * dice.gauss(5, 6):.2f}", f"{dice.randrange(1, 400) / 1e4:.4f}", book))
        if len(orders) > 100:
            here.venue.ask([command(w.CANCEL, order_id=orders.pop(dice.randrange(len(orders))), account=9)], [note(here.clock())])

    async def trade():
        while True:
            for _ in range(5):
                step(0, 60_000.0)
                step(1, 3_000.0)
            await asyncio.sleep(0.01)

    for _ in range(300):
        step(0, 60_000.0)
        step(1, 3_000.0)
    task = asyncio.create_task(trade())
    try:
        yield task
    finally:
        task.cancel()


# our own clients


async def our_instruments(here):
    return Instruments(await discover({"coinbase": VenueEndpoint("coinbase", ws(here), http(here))}, {"coinbase": ["BTC-USDT", "ETH-USDT"]}))


async def test_our_own_feed_comes_live_and_its_book_is_the_cores(here):
    async with trading(here) as trader:
        where, instruments = {"coinbase": VenueEndpoint("coinbase", ws(here), http(here))}, await our_instruments(here)
        haste = VenueLimits(rest_per_second=100, rest_burst=100)
        feeds = LiveFeeds(where, instruments, settings=SessionSettings(backoff_first_s=0.05), limits={"coinbase": haste})
        trades: list[int] = []
        running = asyncio.create_task(feeds.run(lambda rows: trades.extend(rows["price"][rows["kind"] == TRADE].tolist())))
        feed = feeds.feeds["coinbase"]
        try:
            await until(lambda: all(symbol.state == LIVE for symbol in feed.stats.symbols.values()) and len(trades) > 400)
            trader.cancel()
            for book, wire in enumerate(("BTC-USDT", "ETH-USDT")):
                mine = partial(feed.book_text, wire, 0)
                await until(lambda mine=mine, book=book: tuple([(float(p), float(q)) for p, q in side] for side in mine()[:2]) == core_book(here, book))
            assert all(symbol.gaps == symbol.resyncs == 0 for symbol in feed.stats.symbols.values())
            assert (feed.stats.gaps, feed.stats.bad_messages, feed.stats.ignored.get("unknown product", 0)) == (0, 0, 0)
        finally:
            await feeds.close()
            await asyncio.gather(running, return_exceptions=True)


@contextlib.asynccontextmanager
async def desk(here, account, instruments):
    signer = Signer(here.keys, account, "ES256")
    orders = CoinbaseOrders(instruments, Key(Secret(signer.key.name), Secret(signer.pem)))
    async with OrderEntry(orders, http(here), Throttle(10_000, 100)) as entry:
        yield entry, orders


async def test_our_own_orders_are_placed_found_cancelled_filled_and_paid(here):
    instruments = await our_instruments(here)
    bitcoin = next(iter(instruments))
    async with desk(here, 1, instruments) as (mine, names), desk(here, 2, instruments) as (other, others):
        new = NewOrder(bitcoin, SELL, POST_ONLY, bitcoin.ticks("50000"), bitcoin.lots("0.01"), names.name("7f3a2c", 1))
        placed = await mine.place(new)
        assert isinstance(placed, Report) and placed.state == OPEN
        again = await mine.place(new)
        assert isinstance(again, Report) and again.venue_id == placed.venue_id, "a name makes one order"
        found = await mine.find(bitcoin, new.client)
        assert isinstance(found, Report) and (found.state, found.price, found.lots, found.filled) == (OPEN, new.price, new.lots, 0)
        assert [each.venue_id for each in await mine.open_orders(bitcoin)] == [placed.venue_id]

        bought = await other.place(NewOrder(bitcoin, BUY, MARKET, 0, bitcoin.lots("0.004"), others.name("7f3a2c", 1)))
        assert isinstance(bought, Report)
        (fill,), (his,) = await mine.fills(bitcoin, 0), await other.fills(bitcoin, 0)
        assert (fill.side, fill.price, fill.lots, fill.liquidity) == (SELL, new.price, bitcoin.lots("0.004"), MAKER)
        assert (his.side, his.price, his.lots, his.liquidity) == (BUY, new.price, bitcoin.lots("0.004"), TAKER)
        done = await other.find(bitcoin, others.name("7f3a2c", 1))
        assert isinstance(done, Report) and done.state == FILLED
        part = await mine.find(bitcoin, new.client)
        assert isinstance(part, Report) and (part.state, part.filled) == (PARTIAL, bitcoin.lots("0.004"))

        held = {each.asset: each for each in await mine.balances()}
        assert str(held["BTC"].total - held["BTC"].free) in ("0.006", "0.00600000")
        gone = await mine.cancel(bitcoin, new.client)
        assert isinstance(gone, Report) and gone.state == CANCELLED
        poor = await mine.place(NewOrder(bitcoin, BUY, LIMIT, bitcoin.ticks("50000"), bitcoin.lots("3000"), names.name("7f3a2c", 2)))
        assert isinstance(poor, Refusal) and (poor.verdict, poor.code) == (Verdict.REFUSED, "INSUFFICIENT_FUND")
        absent = await mine.find(bitcoin, names.name("7f3a2c", 3))
        assert isinstance(absent, Refusal) and absent.verdict is Verdict.ABSENT


async def test_a_page_is_not_the_end_of_our_fills(here):
    instruments = await our_instruments(here)
    bitcoin = next(iter(instruments))
    for n in range(1_100):
        order(here, SELL, "50000", "0.001", account=1)
        order(here, BUY, "50000", "0.001", account=2)
        if n % 100 == 0:
            await asyncio.sleep(0)
    async with desk(here, 2, instruments) as (mine, _):
        fills = await mine.fills(bitcoin, 0)
        assert len(fills) == 1_100 and len({fill.id for fill in fills}) == 1_100


# ccxt


@contextlib.asynccontextmanager
async def through_ccxt(here, account=1, kind="EdDSA", client=ccxt.async_support.coinbase):
    signer = Signer(here.keys, account, kind)
    made = client({"apiKey": signer.key.name, "secret": signer.secret if kind == "EdDSA" else signer.pem, "enableRateLimit": False})
    made.urls["api"] = {**made.urls["api"], "rest": http(here), **({"ws": ws(here)} if client is ccxt.pro.coinbase else {})}
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.parametrize("kind", ["EdDSA", "ES256"])
async def test_ccxt_finds_its_markets_its_balance_and_its_fees(here, kind):
    async with through_ccxt(here, kind=kind) as client:
        markets = await client.load_markets()
        assert list(markets) == [PAIR, "ETH/USDT"]
        market = markets[PAIR]
        assert (market["id"], market["precision"]["amount"], market["precision"]["price"], market["active"]) == ("BTC-USDT", 1e-5, 0.01, True)
        assert (market["taker"], market["limits"]["cost"]["min"]) == (0.001, 5.0)
        await client.create_order(PAIR, "limit", "buy", 0.01, 50_000)
        assert (await client.fetch_balance({"v3": True}))["USDT"] == {"free": 10**8 - 500, "used": 500, "total": 10**8}
        assert (await client.fetch_balance())["USDT"]["total"] == 10**8, "over the older API, as this client asks by itself"
        assert (await client.fetch_trading_fees())[PAIR]["maker"] == 0.001
        assert len(await client.fetch_accounts()) == 3
        assert abs(await client.fetch_time() - time.time() * 1000) < 60_000


async def test_ccxt_places_finds_edits_and_cancels_a_limit_order(here):
    async with through_ccxt(here) as client:
        placed = await client.create_order(PAIR, "limit", "buy", 0.01, 50_000)
        found = await client.fetch_order(placed["id"], PAIR)
        assert (found["status"], found["price"], found["amount"], found["remaining"], found["side"]) == ("open", 50_000, 0.01, 0.01, "buy")
        assert found["clientOrderId"].startswith("ccxt-") and found["clientOrderId"] == placed["clientOrderId"]
        assert [each["id"] for each in await client.fetch_open_orders(PAIR)] == [placed["id"]]
        await client.edit_order(placed["id"], PAIR, "limit", "buy", 0.02, 49_000)
        assert (await client.fetch_order(placed["id"], PAIR))["price"] == 49_000
        await client.cancel_order(placed["id"], PAIR)
        assert [each["status"] for each in await client.fetch_orders(PAIR)] == ["canceled"]
        assert await client.fetch_open_orders(PAIR) == []
        assert len(await client.fetch_canceled_orders(PAIR)) == 1
        preview = await client.create_order(PAIR, "limit", "buy", 0.01, 50_000, {"preview": True, "postOnly": True})
        assert preview["id"] is None and await client.fetch_open_orders(PAIR) == []


async def test_two_ccxt_clients_trade_with_each_other_and_both_find_the_trade(here):
    async with through_ccxt(here, 1) as maker, through_ccxt(here, 2, "ES256") as taker:
        await maker.create_order(PAIR, "limit", "sell", 0.01, 50_000, {"postOnly": True})
        sold = await taker.create_order(PAIR, "market", "buy", 0.004, 50_000)
        assert ((await taker.fetch_order(sold["id"], PAIR))["status"], (await taker.fetch_order(sold["id"], PAIR))["filled"]) == ("closed", 0.004)
        (one,), (other,) = await maker.fetch_my_trades(PAIR), await taker.fetch_my_trades(PAIR)
        assert (one["id"], one["takerOrMaker"], one["side"], one["amount"], one["price"]) == (other["id"], "maker", "sell", 0.004, 50_000)
        assert (other["takerOrMaker"], other["side"], other["order"], other["fee"]["cost"]) == ("taker", "buy", sold["id"], 0.2)
        (public,) = await taker.fetch_trades(PAIR)
        assert (public["price"], public["amount"]) == (50_000, 0.004)
        book = await taker.fetch_order_book(PAIR)
        assert (book["asks"], book["bids"]) == ([[50_000, 0.006]], [])
        assert (await taker.fetch_ticker(PAIR))["ask"] == 50_000
        assert (await taker.fetch_tickers())[PAIR]["last"] == 50_000
        assert (await taker.fetch_bids_asks([PAIR]))[PAIR]["ask"] == 50_000
        assert (await taker.fetch_ohlcv(PAIR))[-1][1:] == [50_000, 50_000, 50_000, 50_000, 0.004]


async def test_ccxts_refusals_are_the_ones_it_knows_of_coinbase(here):
    async with through_ccxt(here) as client:
        await client.load_markets()
        with pytest.raises(ccxt.InsufficientFunds):
            await client.create_order(PAIR, "limit", "buy", 3_000, 50_000)
        with pytest.raises(ccxt.ExchangeError, match="UNSUPPORTED_ORDER_CONFIGURATION"):
            await client.v3PrivatePostBrokerageOrders({"client_order_id": "a", "product_id": "BTC-USDT", "side": "BUY", "order_configuration": {"none": {}}})
        with pytest.raises(ccxt.BadRequest):
            await client.cancel_order("none", PAIR)
        with pytest.raises(ccxt.BaseError, match="order with self orderID was not found"):
            await client.fetch_order("none", PAIR)
        client.secret = Signer(here.keys, 2).secret
        with pytest.raises(ccxt.AuthenticationError):
            await client.fetch_balance()


async def test_ccxt_pro_hears_the_market_and_its_own_orders(here):
    async with trading(here) as trader, through_ccxt(here, 1, "ES256", ccxt.pro.coinbase) as client:
        await client.load_markets()
        async with asyncio.timeout(60):
            book = await client.watch_order_book(PAIR)
            trades = await client.watch_trades(PAIR)
            ticker = await client.watch_ticker(PAIR)
            assert trades[-1]["price"] > 59_000 and ticker["last"] > 59_000
            watched = asyncio.create_task(client.watch_orders(PAIR))
            await until(lambda: 1 in here.venue._watchers)
            placed = await client.create_order(PAIR, "limit", "buy", 0.01, 50_000)
            assert [(each["id"], each["status"]) for each in await watched] == [(placed["id"], "open")]
            trader.cancel()
            await until(lambda: tuple([tuple(level[:2]) for level in side] for side in (book["bids"], book["asks"])) == core_book(here, 0))


# the channels


async def heard(socket, channel=None):
    """The next frame, of a channel where one is named."""
    async with asyncio.timeout(60):
        while True:
            frame = json.loads(await socket.recv())
            if channel is None or frame.get("channel", frame.get("type")) == channel:
                return frame


async def subscribe(socket, channel, *products, what="subscribe", **more):
    await socket.send(json.dumps({"type": what, "channel": channel, "product_ids": list(products), **more}))


async def test_one_number_counts_every_frame_and_each_channel_begins_with_what_is(here):
    async with trading(here), connect(ws(here)) as socket:
        for channel in ("market_trades", "candles", "ticker", "level2", "heartbeats", "status", "ticker_batch"):
            await subscribe(socket, channel, "BTC-USDT")
        frames = [await heard(socket) for _ in range(60)]
        while [frame["channel"] for frame in frames].count("subscriptions") < 7 or all(frame["channel"] != "ticker_batch" for frame in frames):
            frames.append(await heard(socket))
        assert [frame["sequence_num"] for frame in frames] == list(range(len(frames)))
        kinds = {frame["channel"]: frame["events"][0].get("type") for frame in reversed(frames)}
        assert {kinds[channel] for channel in ("market_trades", "candles", "ticker", "l2_data", "status", "ticker_batch")} == {"snapshot"}
        last = next(frame for frame in reversed(frames) if frame["channel"] == "subscriptions")
        assert list(last["events"][0]["subscriptions"]) == sorted(("candles", "heartbeats", "level2", "market_trades", "status", "ticker", "ticker_batch"))
        assert last["events"][0]["subscriptions"]["heartbeats"] == ["heartbeats"]
        await heard(socket, "heartbeats")


async def test_a_snapshot_and_its_updates_are_the_book_whenever_one_subscribes(here):
    async with trading(here) as trader, contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(connect(ws(here))) for _ in range(3)]
        books = [{"bid": {}, "offer": {}} for _ in sockets]

        async def follow(socket, book):
            for update in (await heard(socket, "l2_data"))["events"][0]["updates"]:
                side, price, lots = book[update["side"]], float(update["price_level"]), float(update["new_quantity"])
                side.pop(price, None) if lots == 0 else side.__setitem__(price, lots)

        def same(book):
            return (sorted(book["bid"].items(), reverse=True), sorted(book["offer"].items())) == core_book(here, 0)

        for number, (socket, book) in enumerate(zip(sockets, books, strict=True)):
            await subscribe(socket, "level2", "BTC-USDT")
            for _ in range(2 * number):
                await follow(socket, book)  # the next one subscribes at another moment
        for socket, book in zip(sockets, books, strict=True):
            for _ in range(5):
                await follow(socket, book)
        trader.cancel()
        for socket, book in zip(sockets, books, strict=True):
            async with asyncio.timeout(60):
                while not same(book):
                    await follow(socket, book)
        late = order(here, BUY, "55000", "0.01")  # behind it comes nothing that was meant for before
        await until(lambda: here.venue.core.open(late))
        for socket, book in zip(sockets, books, strict=True):
            await follow(socket, book)
            assert same(book)


async def test_a_trade_is_told_with_its_makers_side(here):
    async with connect(ws(here)) as socket:
        await subscribe(socket, "market_trades", "BTC-USDT")
        await heard(socket, "subscriptions")
        order(here, SELL, "60000", "0.01", account=1)
        order(here, BUY, "60000", "0.004", account=2)
        (trade,) = (await heard(socket, "market_trades"))["events"][0]["trades"]
        assert (trade["side"], trade["price"], trade["size"], trade["trade_id"]) == ("SELL", "60000", "0.004", "1")


async def test_an_account_hears_of_its_orders_only_with_its_token(here):
    mine, other = Signer(here.keys, 1), Signer(here.keys, 2)
    now = int(time.time())
    async with connect(ws(here)) as socket, connect(ws(here)) as his:
        for token in ("", "a.b.c", mine.token(now - 200), mine.token(now, "GET api.coinbase.com/api/v3/brokerage/accounts")):
            await subscribe(socket, "user", "BTC-USDT", jwt=token)
            assert "authentication failure" in (await heard(socket, "error"))["message"]
        order(here, BUY, "50000", "0.01", account=1)
        await subscribe(socket, "user", jwt=mine.token(now))
        await subscribe(his, "user", jwt=other.token(now))
        (there,) = (await heard(socket, "user"))["events"][0]["orders"]
        assert (there["status"], there["leaves_quantity"], there["limit_price"], there["order_side"]) == ("OPEN", "0.01", "50000", "BUY")
        assert (await heard(his, "user"))["events"][0]["orders"] == []
        order(here, SELL, "50000", "0.004", account=2)
        event = (await heard(socket, "user"))["events"][0]
        assert (event["type"], event["orders"][0]["cumulative_quantity"], event["orders"][0]["leaves_quantity"]) == ("update", "0.004", "0.006")
        assert (await heard(his, "user"))["events"][0]["orders"][0]["status"] == "FILLED"
        await subscribe(socket, "user", what="unsubscribe")
        await heard(socket, "subscriptions")
        await until(lambda: 1 not in here.venue._watchers)


async def test_what_a_socket_may_not_is_said_or_ends_it():
    async with running(Limits(public=3)) as here, connect(ws(here)) as socket:
        for message, why in (
            ("{", "read the message"),
            ('{"type":"x"}', "type"),
            ('{"type":"subscribe","channel":"none"}', "channel"),
            ('{"type":"subscribe","channel":"level2","product_ids":["NO-ONE"]}', "NO-ONE"),
            ('{"type":"subscribe","channel":"user"}', "authentication"),
        ):
            await socket.send(message)
            told = await heard(socket)
            assert told["type"] == "error" and why in told["message"]
        with pytest.raises(ConnectionClosed, match="messages in a second"):
            for _ in range(60):
                await subscribe(socket, "heartbeats")
            while True:
                await heard(socket)


async def test_who_subscribes_to_nothing_is_sent_away(here, monkeypatch):
    monkeypatch.setattr("polaris.exchange.gateway.coinbase.channel_socket.SUBSCRIBE_S", 0)
    async with connect(ws(here)) as socket:
        with pytest.raises(ConnectionClosed, match="no subscription"):
            await heard(socket)


# what the recordings say


def shape(told):
    """The names of an object in their order, and the types of their values."""
    if isinstance(told, dict):
        return {name: shape(value) for name, value in told.items()}
    if isinstance(told, list):
        return [shape(told[0])] if told else []
    return type(told).__name__


async def test_every_frame_has_the_fields_of_the_recorded_ones_in_their_order(test_data, here):
    import gzip

    recorded = {}
    with gzip.open(test_data / "ws/coinbase_advanced_20260809.jsonl.gz") as lines:
        for line in map(json.loads, lines):
            if line["t"] == "recv":
                frame = json.loads(line["data"])
                recorded.setdefault((frame["channel"], frame["events"][0].get("type")), frame)
    async with trading(here), connect(ws(here)) as socket:
        for channel in ("market_trades", "candles", "ticker", "level2", "heartbeats"):
            await subscribe(socket, channel, "BTC-USDT")
        ours = {}
        async with asyncio.timeout(60):
            while recorded.keys() - ours.keys():
                frame = await heard(socket)
                ours.setdefault((frame["channel"], frame["events"][0].get("type")), frame)
    for kind, frame in recorded.items():
        mine = ours[kind]
        if kind[0] == "subscriptions":
            assert list(mine) == list(frame)
            continue
        assert json.dumps(shape(mine)) == json.dumps(shape(frame)), kind


async def test_every_product_has_the_fields_of_the_recorded_ones_in_their_order(test_data, here):
    import gzip

    import httpx

    with gzip.open(test_data / "ws/coinbase_advanced_20260809.jsonl.gz") as lines:
        recorded = next(json.loads(line["data"]) for line in map(json.loads, lines) if line["t"] == "http")
    async with httpx.AsyncClient(base_url=http(here)) as client:
        ours = (await client.get("/api/v3/brokerage/market/products")).json()
    assert list(ours) == list(recorded)
    assert list(ours["products"][0]) == list(recorded["products"][0])


# the exchange as it runs


async def test_what_was_ordered_is_found_again_after_a_start(tmp_path):
    plan = Plan(rules=RULES, folder=tmp_path, durability="memory", ports={"coinbase": 0, "binance": 0})
    house = await House.open(plan)
    try:
        await deposited(house)
        async with through_ccxt(Opened(house)) as client:
            placed = await client.create_order(PAIR, "limit", "buy", 0.01, 50_000, {"end_time": "2040-01-01T00:00:00Z", "postOnly": True})
            before = await client.fetch_order(placed["id"], PAIR)
    finally:
        await house.close()
    house = await House.open(plan)
    try:
        async with through_ccxt(Opened(house)) as client:
            after = await client.fetch_order(placed["id"], PAIR)
            assert after == before and after["clientOrderId"].startswith("ccxt-")
            assert after["info"]["order_configuration"]["limit_limit_gtd"]["end_time"] == "2040-01-01T00:00:00Z"
            again = {"client_order_id": after["clientOrderId"], "product_id": "BTC-USDT", "side": "BUY", "order_configuration": {}}
            assert (await client.v3PrivatePostBrokerageOrders(again))["order_id"] == placed["id"], "its name is still taken"
    finally:
        await house.close()


class Opened:
    """A house as the tests ask for a venue."""

    def __init__(self, house):
        self.keys, self.port = house.keys, house.coinbase.port


async def deposited(house):
    paid = asyncio.get_running_loop().create_future()
    house.venue.ask([command(w.DEPOSIT, account=1, book=RULES.asset("USDT"), quantity=10**14)], [note(0)])
    house.venue.read(lambda: house.venue.core.balances(1), paid.set_result)
    assert (await asyncio.wait_for(paid, 60)).sum() == 10**14
