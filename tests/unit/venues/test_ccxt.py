"""The long tail: what ccxt would send is what was asked for, whatever it answers is read exactly, and nothing goes anywhere by itself."""

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from polaris.domain.errors import BadConfig, BadMessage, Unavailable, UnknownSymbol
from polaris.domain.instrument import Instrument, InstrumentId, Product
from polaris.domain.instrument import Key as InstrumentKey
from polaris.domain.orders import BUY, CANCELLED, FILLED, IOC, LIMIT, MAKER, MARKET, OPEN, PARTIAL, PENDING, POST_ONLY, SELL, TAKER
from polaris.venues.ccxt import dialect
from polaris.venues.ccxt.dialect import Dialect
from polaris.venues.ccxt.orders import FULL, CcxtOrders
from polaris.venues.ccxt.symbols import instruments, markets
from polaris.venues.ccxt.tail import LONG_TAIL, tail
from polaris.venues.ordering import OrderEntry
from polaris.venues.orders import Balance, Fill, Key, NewOrder, Page, Refusal, Report, Verdict
from polaris.venues.rest import Rest
from polaris.venues.secrets import Secret
from polaris.venues.throttle import Throttle

pytest.importorskip("ccxt")

MS = 1_000_000
NOW = 1_790_000_000_123 * MS
KEY = Key(Secret("the-api-key"), Secret("the-secret"), Secret("the-passphrase"))
DETAILS = {"type": "spot", "spot": True, "margin": False, "swap": False, "future": False, "option": False, "contract": False, "active": True, "info": {}}
STEPS = {"precision": {"amount": "0.00001", "price": "0.01"}, "limits": {"amount": {"min": "0.0001"}, "cost": {"min": "5"}, "price": {}}}
MARKETS = [{"id": "BTC-USDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "BTC", "quoteId": "USDT", **DETAILS, **STEPS}]
BTC = Instrument(id=InstrumentId(0), key=InstrumentKey("okx", Product.SPOT, "BTC", "USDT"), wire="BTC-USDT", price_decimals=2, quantity_decimals=5)
every_venue = pytest.mark.parametrize("venue", sorted(LONG_TAIL))


def orders(venue: str) -> CcxtOrders:
    return CcxtOrders(tail(venue), KEY, MARKETS)


def order(client: str, kind: int = LIMIT, side: int = BUY, lots: int = 1234, price: int = 6543210) -> NewOrder:
    return NewOrder(BTC, side, kind, price if kind != MARKET else 0, lots, client)


def sent(port: CcxtOrders, call) -> str:
    request = port.sign(call, NOW)
    return f"{request.method} {request.path} {request.body.decode()}"


@every_venue
@pytest.mark.parametrize("kind", [MARKET, LIMIT, POST_ONLY, IOC])
def test_an_order_of_each_kind_goes_out_exact_under_our_name_or_is_refused(venue, kind):
    port = orders(venue)
    client = port.name("a1b2c3", 42)
    if kind not in tail(venue).kinds:
        with pytest.raises(ValueError, match="takes no order of kind"):
            port.place(order(client, kind))
        return
    for side in (BUY, SELL):
        text = sent(port, port.place(order(client, kind, side)))
        assert client in text and "0.01234" in text and "BTC-USDT" in text
        assert ("65432.1" in text) == (kind != MARKET)
        assert (tail(venue).buy if side == BUY else tail(venue).sell) in text


@every_venue
def test_an_order_is_asked_for_by_our_name_and_cancelled_by_the_venues(venue):
    port = orders(venue)
    client = port.name("a1b2c3", 42)
    for call in port.find(BTC, client):
        assert client in sent(port, call)
    assert "900719925474099312" in sent(port, port.cancel(BTC, Report(client, "900719925474099312", 0, 0, 0, 0, 0)))
    with pytest.raises(ValueError, match="can't be cancelled without the venue's number"):
        port.cancel(BTC, Report(client, "", 0, 0, 0, 0, 0))


@every_venue
def test_lists_are_one_request_each_and_fills_have_both_ends(venue):
    port = orders(venue)
    assert "BTC-USDT" in sent(port, port.open_orders(BTC))
    (balances,) = port.balances()
    assert sent(port, balances).startswith("GET /")
    fills = sent(port, port.fills(BTC, NOW))
    assert "1790000000" in fills and "1790086400" in fills


@every_venue
def test_a_signature_depends_on_the_time_and_the_key_and_on_nothing_else(venue):
    first, again, other = orders(venue), orders(venue), CcxtOrders(tail(venue), Key(Secret("the-api-key"), Secret("another"), Secret("the-passphrase")), MARKETS)
    requests = [port.sign(port.place(order(port.name("a1b2c3", 1))), NOW) for port in (first, again, other)]
    assert requests[0] == requests[1] != requests[2]
    assert requests[0] != first.sign(first.place(order(first.name("a1b2c3", 1))), NOW + 1_000 * MS)


@pytest.mark.parametrize("venue", ["bybit", "mexc"])
def test_a_request_says_how_long_it_is_good(venue):
    port = orders(venue)
    request = port.sign(port.place(order(port.name("a1b2c3", 1))), NOW)
    said = parse_qs(urlsplit(request.path).query).get("recvWindow") or [request.headers["X-BAPI-RECV-WINDOW"].reveal()]
    assert said == [f"{port.valid_s * 1000:.0f}"]


@every_venue
def test_keys_are_shown_by_nothing_and_stay_nowhere(venue):
    port = orders(venue)
    call = port.place(order(port.name("a1b2c3", 1)))
    request = port.sign(call, NOW)
    kept = [repr(request), repr(call), repr(vars(port)), *(repr(value) for value in vars(port._dialect._exchange).values())]
    assert not any(part.reveal() in text for part in (KEY.api_key, KEY.secret, KEY.passphrase) for text in kept)


@every_venue
def test_a_request_that_is_not_the_order_is_not_sent(venue, monkeypatch):
    port = orders(venue)
    create = port._dialect._exchange.create_order
    for change in (
        lambda symbol, kind, side, amount, price, params: (symbol, kind, "sell" if side == "buy" else "buy", amount, price, params),
        lambda symbol, kind, side, amount, price, params: (symbol, kind, side, "0.0123", price, params),
        lambda symbol, kind, side, amount, price, params: (symbol, kind, side, amount, "65432.11", params),
        lambda symbol, kind, side, amount, price, params: (symbol, kind, side, amount, price, {"clientOrderId": "another"}),
        lambda symbol, kind, side, amount, price, params: (symbol, kind, side, amount, price, {**params, "reallyNew": "1"}),
    ):
        monkeypatch.setattr(port._dialect._exchange, "create_order", lambda *given, change=change: create(*change(*given)))
        with pytest.raises(ValueError, match="ccxt would send another order than was asked for"):
            port.place(order(port.name("a1b2c3", 1)))


def test_a_request_to_another_host_is_not_sent():
    port = orders("okx")
    port._dialect._exchange.hostname = "www.okx.com.example.com"
    with pytest.raises(ValueError, match=r"asks www\.okx\.com\.example\.com, not"):
        port.place(order("a1"))


def test_nothing_of_ccxt_opens_a_socket_or_waits(monkeypatch):
    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, lambda *_: pytest.fail("a socket was opened"))
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waited"))
    for venue in LONG_TAIL:
        port = orders(venue)
        port.sign(port.place(order(port.name("a1b2c3", 1))), NOW)


SAID = {
    "instId": "BTC-USDT", "instType": "SPOT", "ordId": "312269865356374016", "clOrdId": "pa1b2c342", "ordType": "limit", "side": "buy", "px": "65432.1", "sz": "0.01234",
    "accFillSz": "0.00034", "avgPx": "65432", "fillPx": "65432", "fillSz": "0.00034", "state": "partially_filled", "fee": "-0.00000034", "feeCcy": "BTC", "cTime": "1790000000000",
}  # fmt: skip


def okx(*data: object, code: str = "0") -> bytes:
    return json.dumps({"code": code, "msg": "", "data": list(data)}).encode()


@pytest.mark.parametrize(
    ("change", "state", "filled"),
    [
        ({}, PARTIAL, 34),
        ({"state": "live", "accFillSz": "0"}, OPEN, 0),
        ({"state": "filled", "accFillSz": "0.01234"}, FILLED, 1234),
        ({"state": "canceled"}, CANCELLED, 34),
    ],
)
def test_an_answer_is_read_exactly(change, state, filled):
    (call,) = orders("okx").find(BTC, "pa1b2c342")
    assert call.read(okx(SAID | change)) == Report("pa1b2c342", "312269865356374016", state, BUY, 6543210, 1234, filled)


@pytest.mark.parametrize(
    "change",
    [{"clOrdId": "another"}, {"instId": "ETH-USDT"}, {"px": "65432.101"}, {"sz": "0.012345"}, {"state": "dreaming"}, {"side": "hold"}, {"sz": None}, {"px": "NaN"}],
)
def test_an_answer_that_is_not_of_the_order_can_not_be_read(change):
    (call,) = orders("okx").find(BTC, "pa1b2c342")
    with pytest.raises(BadMessage, match="okx"):
        call.read(okx(SAID | change))


def test_an_order_that_is_in_no_list_is_absent():
    calls = orders("bybit").find(BTC, "pa1b2c3-42")
    nothing = json.dumps({"retCode": 0, "retMsg": "OK", "result": {"list": [], "category": "spot"}}).encode()
    assert [call.read(nothing) for call in calls] == [None, None]
    (call,) = orders("okx").find(BTC, "pa1b2c342")
    with pytest.raises(BadMessage, match="asked for order pa1b2c342"):  # OKX says so with an error; this tells neither
        call.read(okx())


def test_an_accepted_order_is_pending_until_the_venue_tells_more():
    call = orders("okx").place(order("pa1b2c342"))
    said = {"clOrdId": "pa1b2c342", "ordId": "312269865356374016", "sCode": "0", "sMsg": ""}
    assert call.read(okx(said)) == Report("pa1b2c342", "312269865356374016", PENDING, BUY, 6543210, 1234, 0)
    with pytest.raises(BadMessage):
        call.read(okx(said | {"ordId": ""}))


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, okx({"sCode": "51008", "sMsg": "Insufficient balance"}, code="1"), Verdict.REFUSED),
        (200, okx({"sCode": "51016", "sMsg": "Duplicated client order ID"}, code="1"), Verdict.TAKEN),
        (200, okx(code="51603"), Verdict.ABSENT),
        (200, okx(code="50004"), Verdict.DOUBT),  # a timeout that "does not indicate success or failure"
        (200, okx(code="50013"), Verdict.DOUBT),
        (200, okx(code="99999"), Verdict.DOUBT),
        (401, okx(code="50111"), Verdict.DENIED),
        (429, okx(code="50011"), Verdict.LIMITED),
        (502, b"<html>bad gateway</html>", Verdict.DOUBT),
        (503, okx({"sCode": "51008", "sMsg": "Insufficient balance"}, code="1"), Verdict.DOUBT),
        (404, b"<html>not found</html>", Verdict.REFUSED),
        (0, b"", Verdict.DOUBT),
    ],
)
def test_a_venues_error_is_the_verdict_that_can_not_trade_twice(status, body, verdict):
    said = orders("okx").refusal(status, body)
    assert said is not None and said.verdict is verdict


@pytest.mark.parametrize(
    ("venue", "status", "said"),
    [
        ("okx", 200, {"code": "1", "msg": "", "data": [{"sCode": "51016", "sMsg": ""}]}),
        ("bybit", 200, {"retCode": 170141, "retMsg": "", "result": {}}),
        ("bitget", 400, {"code": "40786", "msg": "Duplicate clientOid", "data": None}),
        ("hashkey", 400, {"code": "-1141", "msg": ""}),
    ],
)
def test_a_name_that_is_taken_is_told_from_other_refusals(venue, status, said):
    """A refusal would mean that nothing is there; an order of that name is."""
    found = orders(venue).refusal(status, json.dumps(said).encode())
    assert found is not None and found.verdict is Verdict.TAKEN


def test_an_answer_without_an_error_is_no_refusal():
    assert orders("okx").refusal(200, okx(SAID)) is None


def trade(number: int, ms: int) -> dict[str, str]:
    return {
        "instType": "SPOT", "instId": "BTC-USDT", "tradeId": str(number), "ordId": "312269865356374016", "clOrdId": "", "side": "sell", "fillPx": "65432.1",
        "fillSz": "0.00034", "fee": "-0.01112345678901234567", "feeCcy": "USDT", "execType": "M" if number % 2 else "T", "ts": str(ms), "fillTime": str(ms),
    }  # fmt: skip


def test_a_fill_is_read_to_the_last_digit():
    page = orders("okx").fills(BTC, NOW).read(okx(trade(1, NOW // MS + 1), trade(2, NOW // MS + 2)))
    fee = Decimal("0.01112345678901234567")
    first = Fill("1", "312269865356374016", 0, SELL, 6543210, 34, fee, "USDT", MAKER, NOW + MS)
    assert list(page.items) == [first, Fill("2", "312269865356374016", 0, SELL, 6543210, 34, fee, "USDT", TAKER, NOW + 2 * MS)]
    with pytest.raises(BadMessage):
        orders("okx").fills(BTC, NOW).read(okx(trade(1, NOW // MS) | {"fee": "", "feeCcy": ""}))


def test_fills_are_whole_however_many_there_are_and_in_whatever_order_they_come():
    port, start = orders("okx"), NOW // MS
    all_of_them = [trade(number, start + number * 977 * (1 + number % 3)) for number in range(400)] + [trade(900, start + 200_000_000)]

    def answer(path: str) -> bytes:  # the newest first, and no more than fit: what is behind them is not told
        query = parse_qs(urlsplit(path).query)
        begin, end = int(query["begin"][0]), int(query["end"][0])
        return okx(*sorted((each for each in all_of_them if begin <= int(each["ts"]) <= end), key=lambda each: -int(each["ts"]))[:100])

    found, call, asked = {}, port.fills(BTC, NOW), 0
    while True:
        page = call.read(answer(port.sign(call, NOW).path))
        found |= {each.id: each for each in page.items}
        asked += 1
        if page.until > NOW + 300_000_000 * MS:
            break
        call = page.more
    assert set(found) == {each["tradeId"] for each in all_of_them} and asked < 50


def test_more_fills_in_one_second_than_fit_are_refused_instead_of_cut():
    port, start = orders("okx"), NOW // MS
    call = port.fills(BTC, NOW)
    with pytest.raises(BadMessage, match="in one second"):
        for _ in range(100):
            page = call.read(okx(*(trade(number, start) for number in range(FULL))))
            assert isinstance(page, Page)
            call = page.more


def test_more_open_orders_than_fit_are_refused_instead_of_cut():
    call = orders("okx").open_orders(BTC)
    assert len(call.read(okx(*(SAID | {"ordId": str(number)} for number in range(FULL - 1))))) == FULL - 1
    with pytest.raises(BadMessage, match="50 open orders or more"):
        call.read(okx(*(SAID | {"ordId": str(number)} for number in range(FULL))))


def test_balances_are_exact():
    (call,) = orders("okx").balances()
    details = [{"ccy": "BTC", "availBal": "0.123456789012345678", "availEq": "", "eq": "1.123456789012345678", "cashBal": "1", "frozenBal": "1"}]
    assert call.read(okx({"details": details, "uTime": "1790000000000"})) == [Balance("BTC", Decimal("0.123456789012345678"), Decimal("1.123456789012345678"))]


def test_a_question_that_needs_a_second_one_is_no_answer():
    spoken = Dialect(tail("bybit"), MARKETS)
    spoken._exchange.options.update(enableUnifiedAccount=None, enableUnifiedMargin=None)
    with pytest.raises(BadMessage, match="second question"):
        spoken.read("fetch_balance", body=b'{"retCode": 0, "result": {}}')


class Okx(httpx.AsyncBaseTransport):
    """OKX's private side in a few lines: it checks signatures, keeps orders by name, and may lose an answer."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, str]] = {}
        self.placed = 0
        self.lose = 0
        self.hide = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.raw_path.decode(), (await request.aread()).decode()
        assert request.url.host == "127.0.0.1"
        signed = hmac.new(b"the-secret", f"{request.headers['OK-ACCESS-TIMESTAMP']}{request.method}{path}{body}".encode(), hashlib.sha256)
        if request.headers["OK-ACCESS-SIGN"] != base64.b64encode(signed.digest()).decode() or request.headers["OK-ACCESS-PASSPHRASE"] != "the-passphrase":
            return httpx.Response(401, content=okx(code="50113"))
        query = {name: each[0] for name, each in parse_qs(urlsplit(path).query).items()}
        match request.method, urlsplit(path).path.removeprefix("/api/v5/"):
            case "POST", "trade/batch-orders":
                (said,) = json.loads(body)
                self.placed += 1
                if said["clOrdId"] in self.orders:
                    return httpx.Response(200, content=okx({"sCode": "51016", "sMsg": "Duplicated client order ID"}, code="1"))
                self.orders[said["clOrdId"]] = SAID | said | {"ordId": str(len(self.orders) + 1), "state": "live", "accFillSz": "0"}
                if self.lose:
                    self.lose -= 1
                    raise httpx.ReadTimeout("lost")
                return httpx.Response(200, content=okx({"clOrdId": said["clOrdId"], "ordId": str(len(self.orders)), "sCode": "0", "sMsg": ""}))
            case "GET", "trade/order":
                if self.hide:
                    self.hide -= 1
                    return httpx.Response(200, content=okx(code="51603"))
                found = self.orders.get(query["clOrdId"])
                return httpx.Response(200, content=okx(found) if found else okx(code="51603"))
            case "POST", "trade/cancel-order":
                number = json.loads(body)["ordId"]
                for each in self.orders.values():
                    if each["ordId"] == number:
                        each["state"] = "canceled"
                return httpx.Response(200, content=okx({"ordId": number, "sCode": "0", "sMsg": ""}))
            case "GET", "trade/orders-pending":
                return httpx.Response(200, content=okx(*(each for each in self.orders.values() if each["state"] == "live")))
        return httpx.Response(404, content=b"{}")


def entry(venue: Okx) -> OrderEntry:
    return OrderEntry(orders("okx"), "http://127.0.0.1:9", Throttle(1000, 1000), transport=venue, pauses_s=(0.0,))


async def test_an_order_lives_and_ends_behind_the_same_port():
    venue = Okx()
    async with entry(venue) as port:
        placed = await port.place(order("pa1b2c342"))
        assert placed == Report("pa1b2c342", "1", PENDING, BUY, 6543210, 1234, 0)
        assert [each.client for each in await port.open_orders(BTC)] == ["pa1b2c342"]
        ended = await port.cancel(BTC, "pa1b2c342")
        assert isinstance(ended, Report) and ended.state == CANCELLED
        assert await port.open_orders(BTC) == []
        missing = await port.find(BTC, "another")
        assert isinstance(missing, Refusal) and missing.verdict is Verdict.ABSENT


async def test_an_order_whose_answer_was_lost_is_asked_for_and_never_sent_again():
    venue = Okx()
    venue.lose, venue.hide = 1, 1
    async with entry(venue) as port:
        found = await port.place(order("pa1b2c342"))
        assert isinstance(found, Report) and found.state == OPEN and found.venue_id == "1"
        assert venue.placed == 1


async def test_an_order_the_venue_does_not_show_stays_in_doubt_and_blocks_its_instrument():
    venue = Okx()
    venue.lose, venue.hide = 1, 1_000
    async with entry(venue) as port:
        said = await port.place(order("pa1b2c342"))
        assert isinstance(said, Refusal) and said.verdict is Verdict.DOUBT and venue.placed == 1
        with pytest.raises(Unavailable, match="in doubt"):
            await port.place(order("pa1b2c343"))
        assert venue.placed == 1


def test_orders_to_the_venue_itself_are_locked():
    with pytest.raises(BadConfig, match="locked"):
        OrderEntry(orders("okx"), tail("okx").url, Throttle(1000, 1000))


INSTRUMENTS = okx({
    "instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", "settleCcy": "", "tickSz": "0.1", "lotSz": "0.00000001", "minSz": "0.00001",
    "state": "live", "lever": "10", "ctVal": "", "ctMult": "", "listTime": "1548133413000", "expTime": "", "maxLmtSz": "9999999999", "maxMktSz": "1000000", "uly": "", "alias": "",
})  # fmt: skip


async def test_instruments_come_from_the_venues_own_documents():
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, content=INSTRUMENTS)

    async with Rest("http://127.0.0.1:9", Throttle(1000, 1000), transport=httpx.MockTransport(answer)) as rest:
        found = await markets(tail("okx"), rest)
    assert asked == ["http://127.0.0.1:9/api/v5/public/instruments?instType=SPOT"]
    (item,) = instruments(tail("okx"), found, ["BTC-USDT"], 3)
    assert (item.symbol, item.id, item.price_decimals, item.price_increment) == ("BTC-USDT.okx", 3, 1, 1)
    assert (item.quantity_decimals, item.quantity_increment, item.min_quantity, item.min_notional) == (8, 1, 1000, 0)
    assert CcxtOrders(tail("okx"), KEY, found).place(NewOrder(item, BUY, LIMIT, 654321, 1000, "a1"))
    with pytest.raises(UnknownSymbol):
        instruments(tail("okx"), found, ["ETH-USDT"])


async def test_documents_that_tell_no_markets_are_an_error():
    for status, body in ((503, b"maintenance"), (200, b"<html>"), (200, b'{"code": "0"}')):
        transport = httpx.MockTransport(lambda request, status=status, body=body: httpx.Response(status, content=body))
        async with Rest("http://127.0.0.1:9", Throttle(1000, 1000), transport=transport) as rest:
            with pytest.raises((BadMessage, UnknownSymbol), match="okx"):
                instruments(tail("okx"), await markets(tail("okx"), rest), ["BTC-USDT"])


def test_least_amounts_are_rounded_up_and_steps_are_exact():
    (item,) = instruments(tail("okx"), MARKETS, ["BTC-USDT"])
    assert (item.price_decimals, item.quantity_decimals, item.min_quantity, item.min_notional) == (2, 5, 10, 500_000_000)
    (item,) = instruments(tail("okx"), [MARKETS[0] | {"limits": {"amount": {"min": "0.000011"}, "cost": {}}}], ["BTC-USDT"])
    assert item.min_quantity == 2
    with pytest.raises(BadMessage, match="without its steps"):
        instruments(tail("okx"), [MARKETS[0] | {"precision": {"price": 0.01, "amount": "1"}}], ["BTC-USDT"])


def test_a_venue_that_is_not_in_the_long_tail_is_refused_with_the_reason():
    with pytest.raises(BadConfig, match="an order can't be found by our name"):
        tail("huobi")


def test_a_venue_that_ccxt_has_dropped_is_told(monkeypatch):
    monkeypatch.delattr(dialect.library(), "okx")
    with pytest.raises(BadConfig, match="no longer has okx"):
        orders("okx")


def test_without_the_extra_it_says_what_to_install():
    ask = "import sys; sys.modules.update(ccxt=None); from polaris.venues.ccxt.dialect import library; library()"
    ran = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    assert ran.returncode == 1 and "pip install 'polaris-synapse[ccxt]'" in ran.stderr.splitlines()[-1]


def test_no_float_is_made_of_a_venues_number():
    assert orders("okx")._dialect.parsed(b'{"a": 0.1, "b": [1, 1e-8]}') == {"a": "0.1", "b": ["1", "1e-8"]}
    assert "float(" not in Path(dialect.__file__).read_text("utf-8")
