"""The runner of orders without a socket: lists are read to their last page in every venue's manner, and no doubt ends too early.

Each venue of the first part is a function from a request to an answer that cuts its list as that venue does.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qsl

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.domain.errors import Unavailable
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Product
from polaris.domain.instrument import Key as InstrumentKey
from polaris.domain.orders import BUY, FILLED, LIMIT
from polaris.venues import ordering, registry
from polaris.venues.binance import orders as binance
from polaris.venues.gemini import orders as gemini
from polaris.venues.kucoin import orders as kucoin
from polaris.venues.ordering import OrderEntry
from polaris.venues.orders import Balance, Key, NewOrder, Refusal, Report, Verdict
from polaris.venues.secrets import Secret
from polaris.venues.throttle import Throttle
from tests.steady_time import steadily

NOW_MS = 1_760_000_000_000
DAY_MS = 86_400_000
PAGE = 3
PEM = ec.derive_private_key(7, ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
WIRES = {
    "binance": "BTCUSD", "binance-usdm": "BTCUSD", "kraken": "BTC/USD", "kucoin": "BTC-USD", "gemini": "btcusd", "bitstamp": "btcusd", "coinbase": "BTC-USD",
    "coinbase-exchange": "BTC-USD", "alpaca": "BTC",
}  # fmt: skip
Trades = list[tuple[int, int]]  # (number, ms), the oldest first


def item_of(venue: str) -> Instrument:
    key = InstrumentKey(venue, Product.SPOT, "BTC", "USD")
    return Instrument(id=InstrumentId(0), key=key, wire=WIRES[venue], price_decimals=2, quantity_decimals=8)


def entry(venue: str, answer: Callable[[httpx.Request], httpx.Response], **more) -> OrderEntry:
    found = registry.venue(venue)
    assert found.orders is not None
    secret = PEM if venue == "coinbase" else base64.b64encode(b"secret").decode()
    orders = found.orders(Instruments([item_of(venue)]), Key(Secret("key"), Secret(secret), Secret("passphrase")))
    more = {"clock": lambda: NOW_MS * 1_000_000, "pauses_s": (0.0,)} | more
    return OrderEntry(orders, "http://127.0.0.1:9", Throttle(1_000_000, 100_000), transport=httpx.MockTransport(answer), **more)


def fields_of(request: httpx.Request) -> dict[str, str]:
    return dict(request.url.params) | dict(parse_qsl(request.content.decode()))


def moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def binance_page(trades: Trades, asked: dict[str, str], longest_ms: int) -> list[object]:
    start, end, limit = int(asked["startTime"]), int(asked["endTime"]), int(asked["limit"])
    assert end - start <= longest_ms, "the venue refuses a longer window"
    found = [(number, ms) for number, ms in trades if start <= ms <= end][:limit]
    return [{"id": number, "orderId": 1, "price": "1", "qty": "1", "commission": "0", "commissionAsset": "USD", "time": ms, "isBuyer": True, "isMaker": True,
             "buyer": True, "maker": True} for number, ms in found]  # fmt: skip


def exchange_page(trades: Trades, asked: dict[str, str]) -> list[object]:
    found = [(number, ms) for number, ms in reversed(trades) if number < int(asked.get("after", 10**9))][:PAGE]
    return [{"trade_id": number, "order_id": "1", "side": "buy", "price": "1", "size": "1", "fee": "0", "liquidity": "M", "created_at": moment(ms)} for number, ms in found]


def coinbase_page(trades: Trades, asked: dict[str, str]) -> object:
    start = datetime.fromisoformat(asked["start_sequence_timestamp"]).timestamp() * 1000
    found, skip = [each for each in reversed(trades) if each[1] >= start], int(asked.get("cursor", 0))
    fills = [{"entry_id": str(number), "order_id": "1", "trade_time": moment(ms), "price": "1", "size": "1", "commission": "0", "liquidity_indicator": "MAKER", "side": "BUY"}
             for number, ms in found[skip : skip + PAGE]]  # fmt: skip
    return {"fills": fills, "cursor": str(skip + PAGE) if skip + PAGE < len(found) else ""}


def kraken_page(trades: Trades, asked: dict[str, str]) -> object:
    found, skip = [each for each in reversed(trades) if each[1] > Decimal(asked["start"]) * 1000], int(asked["ofs"])
    shown = {str(number): {"ordertxid": "1", "pair": "XXBTZUSD" if number % 3 else "XETHZUSD", "time": ms / 1000, "type": "buy", "price": "1", "vol": "1", "fee": "0"}
             for number, ms in found[skip : skip + PAGE]}  # fmt: skip
    return {"error": [], "result": {"trades": shown}}


def kucoin_page(trades: Trades, asked: dict[str, str]) -> object:
    start, end, last, limit = int(asked["startAt"]), int(asked["endAt"]), int(asked.get("lastId", NOW_MS)), int(asked["limit"])
    assert end - start <= 7 * DAY_MS, "the venue refuses a longer window"
    found = [each for each in reversed(trades) if start <= each[1] <= end and each[0] < last][:limit]
    items = [{"id": number, "orderId": "1", "side": "buy", "price": "1", "size": "1", "fee": "0", "feeCurrency": "USD", "liquidity": "maker", "createdAt": ms}
             for number, ms in found]  # fmt: skip
    return {"code": "200000", "data": {"lastId": found[-1][0] if found else 0, "items": items}}


def gemini_page(trades: Trades, request: httpx.Request) -> list[object]:
    asked = json.loads(base64.b64decode(request.headers["X-GEMINI-PAYLOAD"]))
    found = [each for each in trades if each[1] >= asked["timestamp"]][: asked["limit_trades"]]
    return [{"tid": number, "order_id": "1", "price": "1", "amount": "1", "timestampms": ms, "type": "Buy", "aggressor": True, "fee_currency": "USD", "fee_amount": "0"}
            for number, ms in reversed(found)]  # fmt: skip


def bitstamp_page(trades: Trades, asked: dict[str, str]) -> list[object]:
    found, skip = [each for each in trades if each[1] // 1000 >= int(asked["since_timestamp"])], int(asked["offset"])
    return [{"id": number, "order_id": 1, "datetime": moment(ms)[:-1].replace("T", " "), "type": "2" if number % 3 else "0", "usd": "-1", "btc": "1", "btc_usd": "1", "fee": "0"}
            for number, ms in found[skip : skip + PAGE]]  # fmt: skip


def alpaca_page(trades: Trades, asked: dict[str, str]) -> list[object]:
    after, token = datetime.fromisoformat(asked["after"][:23] + "+00:00").timestamp() * 1000, int(asked.get("page_token", 0))
    found = [(number, ms) for number, ms in trades if ms > after and number > token][:PAGE]
    return [{"id": str(number), "order_id": "1", "price": "1", "qty": "1", "side": "buy", "symbol": "BTC" if number % 3 else "ETH", "transaction_time": moment(ms)}
            for number, ms in found]  # fmt: skip


SHOWS_OTHERS = ("kraken", "bitstamp", "alpaca")  # every third line of theirs is of another instrument, or no trade


def served(venue: str, trades: Trades, request: httpx.Request) -> httpx.Response:
    asked = fields_of(request)
    match venue:
        case "binance":
            said: object = binance_page(trades, asked, DAY_MS)
        case "binance-usdm":
            said = binance_page(trades, asked, 7 * DAY_MS)
        case "gemini":
            said = gemini_page(trades, request)
        case _:
            said = globals()[f"{venue.removeprefix('coinbase-')}_page"](trades, asked)
    return httpx.Response(200, json=said)


@pytest.mark.parametrize("venue", WIRES)
@settings(max_examples=30)
@given(days=st.lists(st.integers(1, 20 * 24), max_size=25), since=st.integers(0, 20 * 24))
def test_every_fill_since_a_time_is_read_once_whatever_the_venue_cuts_its_list_into(venue, days, since):
    hour_ms = 3_600_000
    trades = [(number, NOW_MS - hours * hour_ms + number - 1) for number, hours in enumerate(sorted(days, reverse=True), 1)]
    start = (NOW_MS - since * hour_ms) * 1_000_000

    async def run() -> list[int]:
        async with entry(venue, lambda request: served(venue, trades, request)) as desk:
            return [int(fill.id) for fill in await desk.fills(item_of(venue), start)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binance, "FILLS", PAGE)
        patch.setattr(gemini, "FILLS", PAGE)
        patch.setattr(kucoin, "FILLS", PAGE)
        read = steadily(run())
    assert read == [number for number, ms in trades if ms * 1_000_000 >= start and (number % 3 or venue not in SHOWS_OTHERS)]


@pytest.mark.parametrize("venue", ["binance", "gemini"])
def test_a_page_full_of_one_millisecond_is_refused_since_what_is_behind_it_cannot_be_asked_for(venue, monkeypatch):
    monkeypatch.setattr(binance, "FILLS", PAGE)
    monkeypatch.setattr(gemini, "FILLS", PAGE)
    trades = [(number, NOW_MS) for number in range(1, 6)]

    async def run() -> None:
        async with entry(venue, lambda request: served(venue, trades, request)) as desk:
            with pytest.raises(Unavailable, match="fills in one millisecond"):
                await desk.fills(item_of(venue), NOW_MS * 1_000_000)

    steadily(run())


def test_a_list_that_never_ends_is_refused():
    async def run() -> None:
        async with entry("coinbase-exchange", lambda request: httpx.Response(200, json=exchange_page([(5, NOW_MS)], {}))) as desk:
            with pytest.raises(Unavailable, match="more than 1000 pages"):
                await desk.fills(item_of("coinbase-exchange"), 0)

    steadily(run())


def test_an_account_of_more_assets_than_a_page_holds_is_read_whole():
    def answer(request: httpx.Request) -> httpx.Response:
        first = "cursor" not in request.url.params
        held = {"currency": "BTC" if first else "USD", "available_balance": {"value": "1"}, "hold": {"value": "0.5"}}
        return httpx.Response(200, json={"accounts": [held], "has_next": first, "cursor": "2" if first else ""})

    async def run() -> None:
        async with entry("coinbase", answer) as desk:
            assert await desk.balances() == [Balance(asset, Decimal(1), Decimal("1.5")) for asset in ("BTC", "USD")]
        missing = {"accounts": [], "has_next": True, "cursor": ""}
        async with entry("coinbase", lambda request: httpx.Response(200, json=missing)) as desk:
            with pytest.raises(Unavailable, match="a further page without a cursor"):
                await desk.balances()

    steadily(run())


def test_a_request_is_signed_for_the_venues_clock():
    stamps = []

    def answer(request: httpx.Request) -> httpx.Response:
        stamps.append(int(fields_of(request)["timestamp"]))
        return httpx.Response(200, json=[])

    async def run() -> None:
        async with entry("binance", answer, offset=lambda: -1_300_000_000) as desk:
            await desk.open_orders(item_of("binance"))

    steadily(run())
    assert stamps == [NOW_MS - 1_300]


def new_order(venue: str, number: int = 1) -> NewOrder:
    return NewOrder(item_of(venue), BUY, LIMIT, 100, 100_000_000, registry.venue(venue).orders(Instruments([]), KEY).name("7f3a2c", number))


KEY = Key(Secret("key"), Secret(PEM))
BINANCE = {"orderId": 1, "status": "NEW", "side": "BUY", "origQty": "1", "executedQty": "0", "price": "1", "clientOrderId": "p7f3a2c-1"}
KUCOIN = {"id": "1", "type": "limit", "side": "buy", "price": "1", "size": "1", "dealSize": "0", "active": True, "clientOid": "p7f3a2c-1"}


def test_nonces_come_in_the_order_in_which_they_were_made():
    left, heard = [], []

    async def answer(request: httpx.Request) -> httpx.Response:
        left.append(request)
        await asyncio.sleep(0.02 / len(left))  # the first takes longest
        heard.append(int(fields_of(request)["nonce"]))
        return httpx.Response(200, json={"error": [], "result": {"txid": [str(len(heard))]}})

    async def run() -> None:
        async with entry("kraken", answer) as desk:
            said = await asyncio.gather(*(desk.place(new_order("kraken", number)) for number in range(5)))
            assert all(isinstance(each, Report) for each in said)

    steadily(run())
    assert heard == sorted(heard) and len(set(heard)) == 5


def test_a_name_that_is_taken_is_never_said_to_be_lost(monkeypatch):
    monkeypatch.setattr(ordering, "SETTLE_S", 0.0)
    monkeypatch.setattr(ordering, "CLOCKS_S", -5.0)  # a request is dead at once

    def answer(request: httpx.Request) -> httpx.Response:
        code, words = (-2010, "Duplicate order sent.") if request.method == "POST" else (-2013, "Order does not exist.")
        return httpx.Response(400, json={"code": code, "msg": words})

    async def run() -> None:
        async with entry("binance", answer) as desk:
            said = await desk.place(new_order("binance"))
            assert isinstance(said, Refusal) and said.verdict is Verdict.DOUBT
            assert list(desk.doubtful) == [new_order("binance").client]

    steadily(run())


@pytest.mark.parametrize(
    ("venue", "status", "said"),
    [
        ("bitstamp", 403, {"status": "error", "reason": "API key not found", "code": "API0001"}),
        ("bitstamp", 404, {"status": "error", "reason": "Currency pair not found", "response_code": "404.003"}),
        ("kucoin", 404, {"code": "404000", "msg": "Url Not Found"}),
        ("alpaca", 404, {"code": 40410000, "message": "endpoint not found"}),
    ],
)
def test_what_else_is_not_found_does_not_make_an_order_lost(monkeypatch, venue, status, said):
    monkeypatch.setattr(ordering, "SETTLE_S", 0.0)
    monkeypatch.setattr(ordering, "CLOCKS_S", -1_000.0)  # a request is dead at once
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) == 1:
            raise httpx.ReadTimeout("no answer", request=request)
        return httpx.Response(status, json=said)

    async def run() -> None:
        async with entry(venue, answer, pauses_s=(0.0,)) as desk:
            told = await desk.place(new_order(venue))
            assert isinstance(told, Refusal) and told.verdict is Verdict.DOUBT
            assert list(desk.doubtful) == [new_order(venue).client]

    steadily(run())
    assert [request.url for request in asked].count(asked[0].url) == 1, "it was sent again"


def test_an_order_that_filled_at_once_while_its_answer_was_lost_is_found_at_kucoin_and_not_sent_again(monkeypatch):
    monkeypatch.setattr(ordering, "SETTLE_S", 0.0)
    monkeypatch.setattr(ordering, "CLOCKS_S", -1_000.0)
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        if request.method == "POST":
            raise httpx.ReadTimeout("no answer", request=request)
        if "/hf/" in request.url.path:
            return httpx.Response(200, json={"code": "200000", "data": KUCOIN | {"active": False, "dealSize": "1"}})
        return httpx.Response(200, json={"code": "400100", "msg": "order not exist."})  # the older call knows open orders only

    async def run() -> None:
        async with entry("kucoin", answer, pauses_s=(0.0,)) as desk:
            said = await desk.place(new_order("kucoin"))
            assert isinstance(said, Report) and (said.state, said.filled) == (FILLED, said.lots)

    steadily(run())
    assert asked.count("POST") == 1


def test_an_order_that_arrived_at_the_last_moment_and_is_shown_late_is_not_lost(monkeypatch):
    monkeypatch.setattr(ordering, "CLOCKS_S", 0.0)
    monkeypatch.setattr(ordering, "SETTLE_S", 0.15)
    monkeypatch.setattr(ordering, "LOOKS", 1_000)
    shown_at = 0.0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal shown_at
        if request.method == "POST":
            shown_at = time.monotonic() + 0.25  # good for 0.15 s, hidden for 0.1 s
            raise httpx.ReadTimeout("no answer", request=request)
        if time.monotonic() < shown_at:
            return httpx.Response(400, json={"code": -2013, "msg": "Order does not exist."})
        return httpx.Response(200, json=BINANCE)

    async def run() -> None:
        async with entry("binance", answer, pauses_s=(0.01,)) as desk:
            desk.orders.valid_s = 0.15
            assert isinstance(await desk.place(new_order("binance")), Report)

    steadily(run())


def test_nobody_calls_an_order_lost_while_another_sends_it_again(monkeypatch):
    monkeypatch.setattr(ordering, "CLOCKS_S", 0.0)
    monkeypatch.setattr(ordering, "SETTLE_S", 0.0)
    monkeypatch.setattr(ordering, "LOOKS", 1_000)
    asked, made, again = [], [], asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        if asked.count("POST") == 1 and request.method == "POST":
            raise httpx.ReadTimeout("no answer", request=request)
        if request.method == "POST":
            again.set()
            await asyncio.sleep(0.2)  # longer than the first request is good for
            made.append(request)
            return httpx.Response(200, json={"code": "200000", "data": {"orderId": "1"}})
        return httpx.Response(200, json={"code": "200000", "data": KUCOIN if made else None})

    async def run() -> None:
        async with entry("kucoin", answer, pauses_s=(0.01,)) as desk:
            desk.orders.valid_s, desk.orders.dedups = 0.1, True
            order = new_order("kucoin")
            placing = asyncio.create_task(desk.place(order))
            await again.wait()
            assert isinstance(await desk.settle(order.client), Report)
            assert isinstance(await placing, Report)

    steadily(run())


@pytest.mark.parametrize(("fresh_s", "tries"), [(10.0, 2), (0.0, 1)])
def test_an_order_is_sent_again_once_and_only_while_it_is_fresh_and_is_buried_in_the_end(monkeypatch, fresh_s, tries):
    monkeypatch.setattr(ordering, "SETTLE_S", 0.0)
    monkeypatch.setattr(ordering, "FRESH_S", fresh_s)
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        if request.method == "POST":
            raise httpx.ReadTimeout("no answer", request=request)
        return httpx.Response(404, json={"code": 40410000, "message": "order not found"})

    async def run() -> None:
        async with entry("alpaca", answer) as desk:
            order = new_order("alpaca")
            said = await desk.place(order)
            assert isinstance(said, Refusal) and said.verdict is Verdict.DOUBT, "nothing grows old there"
            said = await desk.settle(order.client)
            assert isinstance(said, Refusal) and said.verdict is Verdict.DOUBT and asked.count("POST") == tries
            monkeypatch.setattr(ordering, "BURIED_S", -2.0)
            said = await desk.settle(order.client)
            assert isinstance(said, Refusal) and said.code == "lost" and not desk.doubtful
            assert asked.count("POST") == tries

    steadily(run())
