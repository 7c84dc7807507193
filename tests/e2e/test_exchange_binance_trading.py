"""Clients nobody here wrote trade on the exchange over its Binance dialect, unchanged but for the host: ccxt, ccxt.pro, python-binance."""

import asyncio
import base64
import contextlib
import warnings

import ccxt.async_support
import ccxt.pro
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from polaris.exchange.gateway.binance.limits import Limits
from tests.e2e.small_venue import SmallVenue, until

with warnings.catch_warnings(action="ignore"):  # python-binance asks for what websockets calls deprecated
    from binance import AsyncClient, BinanceSocketManager
    from binance.exceptions import BinanceAPIException

PAIR = "BTC/USDT"
AMPLE = Limits(weight_per_minute=10**6)


@pytest.fixture
async def here():
    async with SmallVenue(limits=AMPLE) as venue:
        yield venue


def at(client, here):
    """The same client, with our host in its addresses."""
    api = client.urls["api"]
    for name, address in list(api.items()):
        if isinstance(address, str):
            api[name] = address.replace("https://api.binance.com", here.http)
    if "ws" in api:
        api["ws"] = {**api["ws"], "spot": f"{here.ws}/ws", "ws-api": {"spot": f"{here.ws}/ws-api/v3"}}
    return client


@contextlib.asynccontextmanager
async def through_ccxt(here, account=1, kind=ccxt.pro.binance, **credentials):
    if not credentials:
        key, secret = here.keys.create_hmac(account)
        credentials = {"apiKey": key.name, "secret": secret}
    client = at(kind({**credentials, "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}}), here)
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def through_python_binance(here, monkeypatch, account=1, **credentials):
    monkeypatch.setattr(AsyncClient, "API_URL", f"{here.http}/api")
    monkeypatch.setattr(AsyncClient, "MARGIN_API_URL", f"{here.http}/sapi")
    monkeypatch.setattr(AsyncClient, "WS_API_URL", f"{here.ws}/ws-api/v3")
    if not credentials:
        key, secret = here.keys.create_hmac(account)
        credentials = {"api_key": key.name, "api_secret": secret}
    client = await AsyncClient.create(**credentials)
    try:
        yield client
    finally:
        closing = asyncio.create_task(client.close_connection())
        while not (await asyncio.wait({closing}, timeout=0.1))[0]:
            if client.ws_api and client.ws_api.ws:
                await client.ws_api.ws.send('{"id":"bye","method":"ping"}')  # it closes after one message more, or ten seconds
        closing.result()


def ed25519(here, account=1):
    """(name, private key as PEM) of a new key."""
    private = Ed25519PrivateKey.generate()
    key = here.keys.create_ed25519(account, base64.b64encode(private.public_key().public_bytes_raw()).decode())
    return key.name, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("kind", [ccxt.async_support.binance, ccxt.pro.binance])
async def test_ccxt_finds_its_markets_its_balance_and_its_fees(here, kind):
    async with through_ccxt(here, kind=kind) as client:
        markets = await client.load_markets()
        assert (markets[PAIR]["precision"]["amount"], markets[PAIR]["precision"]["price"], markets[PAIR]["active"]) == (1e-5, 0.01, True)
        balance = await client.fetch_balance()
        assert balance["USDT"]["free"] == balance["USDT"]["total"] > 0
        assert set(await client.fetch_currencies()) == {"BTC", "ETH", "USDT"}
        assert (await client.fetch_trading_fee(PAIR))["taker"] == 0.001
        assert (await client.fetch_trading_fees())[PAIR]["maker"] == 0.001
        assert (await client.fetch_status())["status"] == "ok"


async def test_ccxt_places_finds_and_cancels_a_limit_order(here):
    async with through_ccxt(here) as client:
        placed = await client.create_order(PAIR, "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine"})
        assert (placed["status"], placed["clientOrderId"], placed["price"], placed["amount"]) == ("open", "mine", 50_000, 0.01)
        found = await client.fetch_order(placed["id"], PAIR)
        assert (found["status"], found["remaining"]) == ("open", 0.01)
        assert [order["id"] for order in await client.fetch_open_orders(PAIR)] == [placed["id"]]
        assert (await client.fetch_order(None, PAIR, {"clientOrderId": "mine"}))["id"] == placed["id"]
        cancelled = await client.cancel_order(placed["id"], PAIR)
        assert cancelled["status"] == "canceled"
        assert await client.fetch_open_orders(PAIR) == []
        assert [order["status"] for order in await client.fetch_orders(PAIR)] == ["canceled"]
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(placed["id"], PAIR)
        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_order("999", PAIR)


async def test_two_ccxt_clients_trade_with_each_other_and_both_find_the_trade(here):
    async with through_ccxt(here, 1) as maker, through_ccxt(here, 2) as taker:
        await maker.create_order(PAIR, "limit", "sell", 0.01, 50_000)
        bought = await taker.create_order(PAIR, "market", "buy", 0.004)
        assert (bought["status"], bought["filled"], bought["average"], bought["cost"]) == ("closed", 0.004, 50_000, 200)
        spent = await taker.create_market_buy_order_with_cost(PAIR, 100)
        assert (spent["status"], spent["filled"], spent["cost"]) == ("closed", 0.002, 100)
        (one, two), (other, _) = await maker.fetch_my_trades(PAIR), await taker.fetch_my_trades(PAIR)
        assert (one["id"], one["takerOrMaker"], one["side"], one["amount"]) == (other["id"], "maker", "sell", 0.004)
        assert (other["takerOrMaker"], other["side"], other["order"], two["amount"]) == ("taker", "buy", bought["id"], 0.002)
        assert (await maker.fetch_open_orders(PAIR))[0]["remaining"] == 0.004


async def test_ccxt_edits_posts_stops_and_cancels_all(here):
    async with through_ccxt(here) as client, through_ccxt(here, 2) as other:
        first = await client.create_order(PAIR, "limit", "buy", 0.01, 50_000)
        edited = await client.edit_order(first["id"], PAIR, "limit", "buy", 0.02, 49_000)
        assert (edited["price"], edited["amount"], edited["id"] != first["id"]) == (49_000, 0.02, True)
        assert (await client.fetch_order(first["id"], PAIR))["status"] == "canceled"
        await other.create_order(PAIR, "limit", "sell", 0.01, 60_000, {"postOnly": True})
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            await client.create_order(PAIR, "limit", "buy", 0.01, 60_000, {"postOnly": True})
        await other.create_order(PAIR, "limit", "sell", 0.001, 49_000)  # a last price for the stops
        stop = await client.create_order(PAIR, "limit", "sell", 0.01, 47_000, {"stopLossPrice": 48_000})
        assert (await client.fetch_order(stop["id"], PAIR))["triggerPrice"] == 48_000
        await client.create_order(PAIR, "limit", "buy", 0.01, 60_000, {"stopPrice": 55_000})
        take = await client.create_order(PAIR, "market", "sell", 0.01, None, {"takeProfitPrice": 58_000})
        assert (await client.fetch_order(take["id"], PAIR))["type"] == "market"
        assert len(await client.fetch_open_orders(PAIR)) == 4
        assert len(await client.cancel_all_orders(PAIR)) == 4
        assert await client.fetch_open_orders(PAIR) == []


async def test_a_stop_of_ccxt_trades_when_its_price_is_reached(here):
    async with through_ccxt(here, 1) as client, through_ccxt(here, 2) as other:
        await other.create_order(PAIR, "limit", "buy", 0.01, 50_000)
        await client.create_order(PAIR, "market", "sell", 0.001)
        stop = await client.create_order(PAIR, "limit", "sell", 0.002, 48_000, {"stopLossPrice": 49_000})
        await other.create_order(PAIR, "limit", "buy", 0.01, 49_000)
        await client.create_order(PAIR, "market", "sell", 0.01)
        done = await client.fetch_order(stop["id"], PAIR)
        assert (done["status"], done["filled"], done["average"]) == ("closed", 0.002, 49_000)


OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "55000", "belowType": "STOP_LOSS_LIMIT",
    "belowStopPrice": "45000", "belowPrice": "44000", "belowTimeInForce": "GTC",
}  # fmt: skip


async def test_an_oco_of_ccxt_ends_with_whichever_leg_trades(here):
    async with through_ccxt(here, 1) as client, through_ccxt(here, 2) as other:
        await client.load_markets()
        placed = await client.private_post_orderlist_oco(OCO)
        limit, stop = (order["orderId"] for order in placed["orders"])
        assert {order["id"] for order in await client.fetch_open_orders(PAIR)} == {limit, stop}
        bought = await other.create_order(PAIR, "limit", "buy", 0.01, 55_000)
        assert (bought["status"], bought["average"]) == ("closed", 55_000)
        assert (await client.fetch_order(limit, PAIR))["status"] == "closed"
        assert (await client.fetch_order(stop, PAIR))["status"] == "expired"
        assert await client.fetch_open_orders(PAIR) == []


async def test_a_trailing_stop_of_ccxt_follows_the_price_up_and_sells_when_it_falls(here):
    async with through_ccxt(here, 1) as client, through_ccxt(here, 2) as other, through_ccxt(here, 3) as third:
        async def trade(price, amount=0.001):
            await other.create_order(PAIR, "limit", "buy", amount, price)
            await third.create_order(PAIR, "limit", "sell", 0.001, price)

        await trade(50_000)
        stop = await client.create_order(PAIR, "market", "sell", 0.002, None, {"trailingPercent": 1, "stopLossOrTakeProfit": "stopLoss"})
        for price in (50_500, 51_000, 50_500):
            await trade(price)
            assert (await client.fetch_order(stop["id"], PAIR))["status"] == "open"
        await trade(50_490, 0.01)  # one per cent below 51,000
        done = await client.fetch_order(stop["id"], PAIR)
        assert (done["status"], done["average"]) == ("closed", 50_490)


async def test_ccxts_refusals_are_the_ones_it_knows_of_binance(here):
    async with through_ccxt(here) as client:
        await client.load_markets()
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000", "newClientOrderId": "a"}
        await client.private_post_order(order)
        for change, expected in (
            ({"quantity": "0.02"}, ccxt.InvalidOrder),  # the name is taken
            ({"price": "50000.001", "newClientOrderId": "b"}, ccxt.InvalidOrder),
            ({"symbol": "NOPE", "newClientOrderId": "b"}, ccxt.BadSymbol),
            ({"price": None, "newClientOrderId": "b"}, ccxt.BadRequest),
            ({"recvWindow": 60_001, "newClientOrderId": "b"}, ccxt.ExchangeError),
        ):
            with pytest.raises(expected):
                await client.private_post_order({name: value for name, value in {**order, **change}.items() if value is not None})
        client.secret = "wrong"
        with pytest.raises(ccxt.AuthenticationError):
            await client.fetch_balance()
        here.ahead = 10_000_000_000
        with pytest.raises(ccxt.InvalidNonce):
            await client.fetch_balance()
    async with through_ccxt(here, apiKey="nobody", secret="none") as client:
        with pytest.raises(ccxt.AuthenticationError):
            await client.private_get_account()  # one request: fetch_balance begins with several, and those left when one is refused open the session anew


async def test_ccxt_pro_hears_of_its_orders_trades_and_balance(here):
    async with through_ccxt(here, 1) as client, through_ccxt(here, 2) as other:
        await client.load_markets()
        watched = asyncio.create_task(client.watch_orders(PAIR))
        trades = asyncio.create_task(client.watch_my_trades(PAIR))
        balance = asyncio.create_task(client.watch_balance())

        def waits_for(*names):
            """Whether it is to be woken by messages of these kinds: what comes before, nobody hears."""
            return all(any(name in each for socket in client.clients.values() for each in socket.futures) for name in names)

        async with asyncio.timeout(60):
            await until(lambda: here.venue._watchers and waits_for("orders", "myTrades", "balance"))
            placed = await client.create_order(PAIR, "limit", "buy", 0.01, 50_000)
            assert [(order["id"], order["status"]) for order in await watched] == [(placed["id"], "open")]
            watched = asyncio.create_task(client.watch_orders(PAIR))
            await until(lambda: waits_for("orders"))
            await other.create_order(PAIR, "market", "sell", 0.01)
            order = (await watched)[0]
            assert (order["id"], order["status"], order["filled"]) == (placed["id"], "closed", 0.01)
            (trade,) = await trades
            assert (trade["order"], trade["takerOrMaker"], trade["price"], trade["amount"]) == (placed["id"], "maker", 50_000, 0.01)
            assert "USDT" in await balance


@pytest.mark.parametrize("signs", ["hmac", "ed25519"])
async def test_ccxt_pro_trades_over_the_websocket_api(here, signs):
    name, secret = ed25519(here) if signs == "ed25519" else (None, None)
    async with through_ccxt(here, **({"apiKey": name, "secret": secret} if name else {})) as client:
        placed = await client.create_order_ws(PAIR, "limit", "buy", 0.01, 50_000)
        assert placed["status"] == "open"
        assert [order["id"] for order in await client.fetch_open_orders_ws(PAIR)] == [placed["id"]]
        assert (await client.fetch_order_ws(placed["id"], PAIR))["price"] == 50_000
        edited = await client.edit_order_ws(placed["id"], PAIR, "limit", "buy", 0.02, 49_000)
        assert (await client.cancel_order_ws(edited["id"], PAIR))["status"] == "canceled"
        await client.create_order_ws(PAIR, "limit", "buy", 0.01, 50_000)
        assert len(await client.cancel_all_orders_ws(PAIR)) == 1
        assert len((await client.fetch_balance_ws())["info"]["balances"]) == 3  # this client's own reading of it finds none on spot
        assert await client.fetch_my_trades_ws(PAIR) == []
        assert len(await client.fetch_orders_ws(PAIR)) == 3


async def test_python_binance_trades_over_rest(here, monkeypatch):
    async with through_python_binance(here, monkeypatch, 1) as client, through_python_binance(here, monkeypatch, 2) as other:
        assert (await client.get_symbol_info("BTCUSDT"))["status"] == "TRADING"
        assert (await client.get_account())["canTrade"] is True
        assert (await client.get_asset_balance(asset="BTC"))["locked"] == "0.00000000"
        assert (await client.get_system_status())["msg"] == "normal"
        assert await client.create_test_order(symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="50000") == {}
        placed = await client.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price="50000")
        assert placed["status"] == "NEW"
        assert [order["orderId"] for order in await client.get_open_orders(symbol="BTCUSDT")] == [placed["orderId"]]
        sold = await other.order_market_sell(symbol="BTCUSDT", quantity="0.004")
        assert [(fill["price"], fill["qty"]) for fill in sold["fills"]] == [("50000.00000000", "0.00400000")]
        assert (await client.get_order(symbol="BTCUSDT", orderId=placed["orderId"]))["status"] == "PARTIALLY_FILLED"
        assert [trade["isMaker"] for trade in await client.get_my_trades(symbol="BTCUSDT")] == [True]
        assert (await client.cancel_order(symbol="BTCUSDT", orderId=placed["orderId"]))["status"] == "CANCELED"
        assert len(await client.get_all_orders(symbol="BTCUSDT")) == 1
        assert [fee["symbol"] for fee in await client.get_trade_fee()] == ["BTCUSDT", "ETHUSDT"]
        with pytest.raises(BinanceAPIException) as raised:
            await client.order_limit_buy(symbol="BTCUSDT", quantity="0.0000001", price="50000")
        assert (raised.value.code, raised.value.message, raised.value.status_code) == (-1013, "Filter failure: LOT_SIZE", 400)


async def test_python_binance_trades_over_the_websocket_api_and_hears_of_it(here, monkeypatch):
    async with through_python_binance(here, monkeypatch, 1) as client, BinanceSocketManager(client).user_socket() as user:
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}
        placed = await client.ws_create_order(**order)
        assert placed["status"] == "NEW"
        async with asyncio.timeout(60):
            first, second = await user.recv(), await user.recv()
        assert (first["e"], first["x"], first["i"]) == ("executionReport", "NEW", placed["orderId"])
        assert second["e"] == "outboundAccountPosition"
        assert (await client.ws_get_order(symbol="BTCUSDT", orderId=placed["orderId"]))["status"] == "NEW"
        assert (await client.ws_get_account())["accountType"] == "SPOT"
        assert (await client.ws_cancel_order(symbol="BTCUSDT", orderId=placed["orderId"]))["status"] == "CANCELED"
        async with asyncio.timeout(60):
            assert (await user.recv())["x"] == "CANCELED"


async def test_python_binance_places_and_cancels_an_oco_and_hears_of_the_list(here, monkeypatch):
    async with through_python_binance(here, monkeypatch, 1) as client, BinanceSocketManager(client).user_socket() as user:
        placed = await client.create_oco_order(**OCO)
        assert [report["status"] for report in placed["orderReports"]] == ["NEW", "NEW"]
        async with asyncio.timeout(60):
            heard = [(await user.recv())["e"] for _ in range(4)]
        assert heard == ["executionReport", "executionReport", "listStatus", "outboundAccountPosition"]
        assert len(await client.get_open_orders(symbol="BTCUSDT")) == 2
        told = await client.cancel_order(symbol="BTCUSDT", orderId=placed["orders"][0]["orderId"])
        assert told["listOrderStatus"] == "ALL_DONE"
        assert await client.get_open_orders(symbol="BTCUSDT") == []


async def test_python_binance_signs_with_ed25519(here, monkeypatch):
    name, pem = ed25519(here)
    async with through_python_binance(here, monkeypatch, api_key=name, private_key=pem) as client:
        assert (await client.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price="50000"))["status"] == "NEW"
        assert len(await client.get_open_orders()) == 1


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
async def test_python_binance_keeps_a_listen_key_of_the_old_kind(here, monkeypatch):
    async with through_python_binance(here, monkeypatch) as client:
        key = await client.stream_get_listen_key()
        assert await client.stream_keepalive(key) == {}
        assert await client.stream_close(key) == {}
        with pytest.raises(BinanceAPIException) as raised:
            await client.stream_keepalive(key)
        assert raised.value.code == -1125
