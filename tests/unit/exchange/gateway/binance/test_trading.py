import aiohttp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange.gateway.binance import reports
from polaris.exchange.gateway.binance.call import encode
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.shown import millis
from polaris.exchange.gateway.orders import EXPIRED, Order
from polaris.exchange.gateway.register_changes import IMAGES
from polaris.exchange.words import FOK, GTC, IOC, LIMIT, MARKET, POST_ONLY
from tests.unit.exchange.gateway.asking import Asker, Socketed
from tests.unit.exchange.gateway.bare import RICH, RULES, START, Held, small

MS = START // 1_000_000
FREE = f"{RICH // 10**8}.00000000"


@pytest.fixture
async def venue():
    async with await small() as running:
        yield running


@pytest.fixture
def one(venue):
    return Asker(venue, 1)


@pytest.fixture
def two(venue):
    return Asker(venue, 2)


async def test_a_resting_order_is_answered_as_binance_answers(one):
    told = await one.place("BUY", "0.01", "50000", newClientOrderId="mine")
    assert told == {
        "symbol": "BTCUSDT", "orderId": 1, "orderListId": -1, "clientOrderId": "mine", "transactTime": MS, "price": "50000.00000000",
        "origQty": "0.01000000", "executedQty": "0.00000000", "origQuoteOrderQty": "0.00000000", "cummulativeQuoteQty": "0.00000000", "status": "NEW",
        "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "workingTime": MS, "fills": [], "selfTradePreventionMode": "NONE",
    }  # fmt: skip
    told = await one.place("BUY", "0.01", "50000", newOrderRespType="ACK", newClientOrderId="other")
    assert told == {"symbol": "BTCUSDT", "orderId": 2, "orderListId": -1, "clientOrderId": "other", "transactTime": MS}
    told = await one.place("BUY", "0.01", "50000", newOrderRespType="RESULT", icebergQty="0.001", strategyId=4, strategyType=1_000_001)
    assert "fills" not in told
    assert (told["icebergQty"], told["strategyId"], told["strategyType"]) == ("0.00100000", 4, 1_000_001)


async def test_what_fills_at_once_is_answered_with_its_trades_and_what_they_cost(one, two):
    await one.place("BUY", "0.01", "50000")
    await one.place("BUY", "0.01", "49999")
    told = await two.place("SELL", "0.015", "49000")
    assert (told["status"], told["executedQty"], told["cummulativeQuoteQty"]) == ("FILLED", "0.01500000", "749.99500000")
    assert told["fills"] == [
        {"price": "50000.00000000", "qty": "0.01000000", "commission": "0.50000000", "commissionAsset": "USDT", "tradeId": 1},
        {"price": "49999.00000000", "qty": "0.00500000", "commission": "0.24999500", "commissionAsset": "USDT", "tradeId": 2},
    ]


async def test_a_market_order_by_amount_tells_what_it_came_to(one, two):
    await one.place("SELL", "1", "50000")
    told = await two.ask("POST", "order", symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty="123.45")
    assert (told["status"], told["origQty"], told["origQuoteOrderQty"]) == ("FILLED", "0.00246000", "123.45000000")
    assert (told["executedQty"], told["cummulativeQuoteQty"]) == ("0.00246000", "123.00000000")


@pytest.mark.parametrize(
    ("params", "status", "told"),
    [
        ({"price": "40000", "timeInForce": "FOK"}, 200, "EXPIRED"),
        ({"price": "40000", "timeInForce": "IOC"}, 200, "EXPIRED"),
        ({"price": "51000", "type": "LIMIT_MAKER"}, 400, {"code": -2010, "msg": "Order would immediately match and take."}),
        ({"type": "STOP_LOSS", "stopPrice": "50000", "side": "SELL"}, 400, {"code": -2010, "msg": "Stop price would trigger immediately."}),
    ],
)
async def test_what_ends_or_is_refused_at_once_says_so(one, two, params, status, told):
    await one.place("SELL", "0.01", "50000")
    await two.place("BUY", "0.001", "50000")
    kind = params.get("type", "LIMIT")
    sent = {"side": "BUY", "quantity": "0.01", "symbol": "BTCUSDT", "type": kind, **params}
    answer = await two.ask("POST", "order", newOrderRespType="RESULT", **sent)
    assert two.status == status
    assert (answer["status"] if status == 200 else answer) == told


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"price": "50000", "timeInForce": "IOC"}, "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ({"price": "50000", "timeInForce": "FOK"}, "UNFILLED_FOK_ORDER_EXPIRED"),
        ({"type": "MARKET"}, "INSUFFICIENT_LIQUIDITY"),
    ],
)
async def test_an_order_that_expired_says_why_in_its_answer_in_every_query_and_on_the_stream(one, two, params, why):
    await one.place("SELL", "0.01", "50000")
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{one.small.url}/ws-api/v3") as opened:
        socket = Socketed(opened)
        await socket.ask("userDataStream.subscribe.signature", **two.params())
        sent = {"side": "BUY", "quantity": "0.02", "symbol": "BTCUSDT", "type": "LIMIT", **params}
        answer = await two.ask("POST", "order", newOrderRespType="FULL", **sent)
        assert (answer["status"], answer["expiryReason"]) == ("EXPIRED", why)
        queries = [await two.ask("GET", "order", symbol="BTCUSDT", orderId=answer["orderId"]), (await two.ask("GET", "allOrders", symbol="BTCUSDT"))[0]]
        assert [told["expiryReason"] for told in queries] == [why, why]
        events = []
        while not events or events[-1]["e"] == "executionReport":
            events.append((await socket.event())["event"])
        assert [event.get("eR") for event in events] == [None] * (len(events) - 2) + [why, None]
    resting = await two.place("BUY", "0.01", "40000")
    assert "expiryReason" not in resting


async def test_a_stop_that_finds_nobody_lacks_liquidity_and_an_order_that_can_not_enter_was_rejected(one, two):
    three = Asker(one.small, 3)
    stop = await one.ask("POST", "order", symbol="BTCUSDT", side="BUY", type="STOP_LOSS", stopPrice="51000", quantity="0.01")
    await two.place("BUY", "0.01", "51000")
    await three.place("SELL", "0.01", "51000")
    told = await one.ask("GET", "order", symbol="BTCUSDT", orderId=stop["orderId"])
    assert (told["status"], told["expiryReason"]) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY")
    pending = {"pendingType": "LIMIT_MAKER", "pendingSide": "SELL", "pendingPrice": "49000", "pendingQuantity": "0.01"}
    working = {"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "50000", "workingQuantity": "0.01", "workingTimeInForce": "GTC"}
    listed = await one.ask("POST", "orderList/oto", symbol="BTCUSDT", **working, **pending)
    await two.place("BUY", "0.01", "49500")
    await three.place("SELL", "0.01", "50000")
    told = await one.ask("GET", "order", symbol="BTCUSDT", orderId=listed["orders"][1]["orderId"])
    assert (told["status"], told["expiryReason"]) == ("EXPIRED", "REJECTED")


async def test_the_name_of_a_living_order_is_refused_and_free_again_when_it_ends(one, two):
    await one.place("BUY", "0.01", "50000", newClientOrderId="a")
    assert await one.place("BUY", "0.02", "50000", newClientOrderId="a") == {"code": -2010, "msg": "Duplicate order sent."}
    assert (await two.place("BUY", "0.01", "50000", newClientOrderId="a"))["status"] == "NEW"
    await one.ask("DELETE", "order", symbol="BTCUSDT", origClientOrderId="a")
    one.small.clock.now += 1_000_000  # of the same millisecond it would be a replay
    assert (await one.place("BUY", "0.01", "50000", newClientOrderId="a"))["orderId"] == 4
    assert len(one.small.venue.register.open(1)) == 1


async def test_of_two_orders_of_one_name_in_one_turn_the_second_is_refused_and_a_cancel_finds_the_first(one):
    server = one.small.server
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "50000", "newClientOrderId": "a"}
    asked = [
        one.request("POST", "order", one.query(quantity="0.01", **order)),
        one.request("POST", "order", one.query(quantity="0.02", **order)),
        one.request("DELETE", "order", one.query(symbol="BTCUSDT", origClientOrderId="a")),
        one.request("GET", "order", one.query(symbol="BTCUSDT", origClientOrderId="a")),
    ]
    for request in asked:
        server.hear(request)
    assert [len(request.answers) for request in asked] == [0, 1, 0, 0]
    one.small.venue.turn()
    statuses = [request.answers[0][1] for request in asked]
    assert statuses == [200, 400, 200, 200]
    assert b'"status":"CANCELED"' in asked[3].answers[0][0]


async def test_nothing_is_acknowledged_before_it_is_durable():
    journal = Held()
    async with await small(journal=journal) as venue:
        one = Asker(venue)
        place = one.request("POST", "order", one.query(symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="50000"))
        look, account = one.request("GET", "openOrders", one.query()), one.request("GET", "account", one.query())
        for request in (place, look, account):
            venue.server.hear(request)
        venue.venue.turn()
        assert [request.answers for request in (place, look, account)] == [[], [], []]
        journal.sync(venue.venue)
        assert [request.answers[0][1] for request in (place, look, account)] == [200, 200, 200]
        assert b'"orderId":1' in look.answers[0][0]


async def test_a_journal_that_can_not_be_written_is_told_as_an_overload_and_nothing_is_taken():
    journal = Held()
    async with await small(journal=journal) as venue:
        one = Asker(venue)
        journal.refuses = "the disk is full"
        told = await one.place("BUY", "0.01", "50000", newClientOrderId="a")
        assert (one.status, told["code"]) == (503, -1008)
        journal.refuses = ""
        assert venue.venue.claim(1, "a", 9, 0)
        assert [each["count"] for each in await one.ask("GET", "rateLimit/order")] == [0, 0]


async def test_a_cancelled_order_is_told_under_both_its_names(one):
    await one.place("BUY", "0.01", "50000", newClientOrderId="mine")
    told = await one.ask("DELETE", "order", symbol="BTCUSDT", orderId=1, newClientOrderId="gone")
    assert told == {
        "symbol": "BTCUSDT", "origClientOrderId": "mine", "orderId": 1, "orderListId": -1, "clientOrderId": "gone", "transactTime": MS,
        "price": "50000.00000000", "origQty": "0.01000000", "executedQty": "0.00000000", "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000", "status": "CANCELED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "selfTradePreventionMode": "NONE",
    }  # fmt: skip
    assert (await one.ask("GET", "order", symbol="BTCUSDT", origClientOrderId="mine"))["status"] == "CANCELED"


@pytest.mark.parametrize(
    "params",
    [
        {"orderId": 2},
        {"orderId": 99},
        {"origClientOrderId": "nobody"},
        {"orderId": 1, "origClientOrderId": "other"},
        {"orderId": 1, "symbol": "ETHUSDT"},
        {"origClientOrderId": "mine", "symbol": "ETHUSDT"},
    ],
)
async def test_a_cancel_of_what_is_not_ones_own_or_not_there_changes_nothing(one, two, params):
    await one.place("BUY", "0.01", "50000", newClientOrderId="mine")
    await two.place("BUY", "0.01", "50000", newClientOrderId="theirs")
    assert await one.ask("DELETE", "order", **{"symbol": "BTCUSDT", **params}) == {"code": -2011, "msg": "Unknown order sent."}
    assert len(one.small.venue.core.engine) == 2


async def test_a_cancel_names_what_it_needs(one):
    assert (await one.ask("DELETE", "order", symbol="BTCUSDT"))["code"] == -1102
    assert (await one.ask("DELETE", "order", orderId=1))["msg"] == "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
    assert (await one.ask("DELETE", "order", symbol="NOPE", orderId=1)) == {"code": -1121, "msg": "Invalid symbol."}
    assert (await one.ask("DELETE", "order", symbol="no pe", orderId=1))["code"] == -1100


async def test_a_cancel_may_be_for_new_or_for_started_orders_only(one, two):
    await one.place("BUY", "0.01", "50000")
    cancel = {"symbol": "BTCUSDT", "orderId": 1}
    told = await one.ask("DELETE", "order", cancelRestrictions="ONLY_PARTIALLY_FILLED", **cancel)
    assert told == {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}
    assert (await one.ask("DELETE", "order", cancelRestrictions="MAYBE", **cancel))["code"] == -1145
    await two.place("SELL", "0.001", "50000")
    assert (await one.ask("DELETE", "order", cancelRestrictions="ONLY_NEW", **cancel))["code"] == -2011
    assert (await one.ask("DELETE", "order", cancelRestrictions="ONLY_PARTIALLY_FILLED", **cancel))["executedQty"] == "0.00100000"


async def test_all_orders_of_a_book_are_cancelled_and_no_others(one, two):
    for price in ("50000", "49000"):
        await one.place("BUY", "0.01", price)
    await one.ask("POST", "order", symbol="ETHUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="1", price="2000")
    await two.place("BUY", "0.01", "48000")
    told = await one.ask("DELETE", "openOrders", symbol="BTCUSDT")
    assert sorted(order["orderId"] for order in told) == [1, 2]
    assert {order["status"] for order in told} == {"CANCELED"}
    assert [order["symbol"] for order in await one.ask("GET", "openOrders")] == ["ETHUSDT"]
    assert await one.ask("DELETE", "openOrders", symbol="BTCUSDT") == {"code": -2011, "msg": "Unknown order sent."}
    assert len(await two.ask("GET", "openOrders")) == 1


REPLACE = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "49000"}


@pytest.mark.parametrize(
    ("mode", "old", "change", "status", "code", "cancel", "order"),
    [
        ("STOP_ON_FAILURE", 1, {}, 200, None, "SUCCESS", "SUCCESS"),
        ("STOP_ON_FAILURE", 99, {}, 400, -2022, "FAILURE", "NOT_ATTEMPTED"),
        ("STOP_ON_FAILURE", 1, {"type": "LIMIT_MAKER", "price": "60000"}, 409, -2021, "SUCCESS", "FAILURE"),
        ("ALLOW_FAILURE", 1, {}, 200, None, "SUCCESS", "SUCCESS"),
        ("ALLOW_FAILURE", 99, {}, 409, -2021, "FAILURE", "SUCCESS"),
        ("ALLOW_FAILURE", 99, {"type": "LIMIT_MAKER", "price": "60000"}, 400, -2022, "FAILURE", "FAILURE"),
        ("ALLOW_FAILURE", 1, {"type": "LIMIT_MAKER", "price": "60000"}, 409, -2021, "SUCCESS", "FAILURE"),
        ("ALLOW_FAILURE", 1, {"newClientOrderId": "old"}, 200, None, "SUCCESS", "SUCCESS"),
        ("ALLOW_FAILURE", 1, {"newClientOrderId": "taken"}, 409, -2021, "SUCCESS", "FAILURE"),
        ("STOP_ON_FAILURE", 1, {"newClientOrderId": "taken"}, 409, -2021, "SUCCESS", "FAILURE"),
    ],
)
async def test_one_order_for_another_tells_what_became_of_both(one, two, mode, old, change, status, code, cancel, order):
    await one.place("BUY", "0.01", "50000", newClientOrderId="old")
    await one.place("BUY", "0.01", "41000", newClientOrderId="taken")
    await two.place("SELL", "0.01", "55000")
    sent = {**REPLACE, **change}
    if sent["type"] == "LIMIT_MAKER":
        del sent["timeInForce"]
    told = await one.ask("POST", "order/cancelReplace", cancelReplaceMode=mode, cancelOrderId=old, newOrderRespType="RESULT", **sent)
    outcome = told if status == 200 else told["data"]
    assert (one.status, told.get("code"), outcome["cancelResult"], outcome["newOrderResult"]) == (status, code, cancel, order)
    assert (outcome["cancelResponse"].get("status") == "CANCELED") == (cancel == "SUCCESS")
    assert (outcome["newOrderResponse"] is None) == (order == "NOT_ATTEMPTED")
    alive = {each["price"] for each in await one.ask("GET", "openOrders")}
    assert ("50000.00000000" in alive) == (cancel == "FAILURE")
    assert ("49000.00000000" in alive) == (order == "SUCCESS")
    assert one.small.venue._names == {}


async def test_who_may_place_no_more_may_still_cancel_if_he_says_so():
    async with await small(limits=Limits(orders_per_ten_seconds=1)) as venue:
        one = Asker(venue)
        await one.place("BUY", "0.01", "50000")
        sent = {**REPLACE, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": 1}
        assert (await one.ask("POST", "order/cancelReplace", **sent))["code"] == -1015
        assert one.status == 429
        told = await one.ask("POST", "order/cancelReplace", orderRateLimitExceededMode="CANCEL_ONLY", newClientOrderId="n", **sent)
        assert (one.status, told["code"], told["data"]["newOrderResponse"]["code"]) == (409, -2021, -1015)
        assert await one.ask("GET", "openOrders") == []


async def test_an_order_made_smaller_keeps_its_place(one, two):
    await one.place("BUY", "0.01", "50000", newClientOrderId="mine")
    await two.place("BUY", "0.01", "50000")
    told = await one.ask("PUT", "order/amend/keepPriority", symbol="BTCUSDT", origClientOrderId="mine", newQty="0.004", newClientOrderId="less")
    amended = told["amendedOrder"]
    assert (amended["qty"], amended["origClientOrderId"], amended["clientOrderId"], amended["status"]) == ("0.00400000", "mine", "less", "NEW")
    three = Asker(one.small, 3)
    await three.place("SELL", "0.005", "50000")
    assert (await one.ask("GET", "order", symbol="BTCUSDT", orderId=1))["status"] == "FILLED"
    (change,) = await one.ask("GET", "order/amendments", symbol="BTCUSDT", orderId=1)
    assert (change["origQty"], change["newQty"], change["executionId"]) == ("0.01000000", "0.00400000", told["executionId"])


async def test_an_amend_counts_what_traded_since_though_nobody_was_told_yet():
    journal = Held()
    async with await small(journal=journal) as venue:
        one, two = Asker(venue, 1), Asker(venue, 2)
        asked = [
            one.request("POST", "order", one.query(symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="50000")),
            two.request("POST", "order", two.query(symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.003")),
        ]
        venue.server.hear(asked[0])
        venue.venue.turn()
        journal.sync(venue.venue)
        venue.server.hear(asked[1])
        venue.venue.turn()
        amends = [one.request("PUT", "order/amend/keepPriority", one.query(symbol="BTCUSDT", orderId=1, newQty=size)) for size in ("0.008", "0.005", "0.003")]
        for amend in amends:
            venue.server.hear(amend)
            venue.venue.turn()
        journal.sync(venue.venue)
        assert [amend.answers[0][1] for amend in amends] == [200, 200, 400]
        (order,) = venue.venue.register.open(1)
        assert (order.quantity, order.executed, order.open) == (500, 300, 200)
        assert venue.venue.core.open(1) == 200


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"newQty": "0.01"}, -2038),
        ({"newQty": "0.02"}, -2038),
        ({"newQty": "0"}, -1013),
        ({}, -1102),
        ({"newQty": "0.005", "orderId": 9}, -2011),
        ({"newQty": "0.005", "newClientOrderId": "taken"}, -2038),
    ],
)
async def test_an_amend_that_is_none_is_refused(one, params, code):
    await one.place("BUY", "0.01", "50000", newClientOrderId="mine")
    await one.place("BUY", "0.01", "50000", newClientOrderId="taken")
    told = await one.ask("PUT", "order/amend/keepPriority", **{"symbol": "BTCUSDT", "orderId": 1, **params})
    assert told["code"] == code
    assert one.small.venue.core.open(1) == 1000


async def test_a_test_of_an_order_checks_it_and_places_none(one):
    sent = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}
    assert await one.ask("POST", "order/test", **sent) == {}
    rates = await one.ask("POST", "order/test", computeCommissionRates="true", **sent)
    assert rates["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00100000"}
    assert one.headers["X-MBX-USED-WEIGHT"] == "21"
    assert (await one.ask("POST", "order/test", **{**sent, "price": "50000.001"}))["code"] == -1013
    assert one.small.venue.seq == 0


async def test_who_trades_with_himself_is_told_what_was_prevented(one):
    await one.place("BUY", "0.01", "50000")
    told = await one.place("SELL", "0.004", "50000", selfTradePreventionMode="DECREMENT")
    assert (told["status"], told["preventedQuantity"], told["preventedMatchId"]) == ("EXPIRED_IN_MATCH", "0.00400000", 1)
    (match,) = await one.ask("GET", "myPreventedMatches", symbol="BTCUSDT", orderId=1)
    assert (match["takerOrderId"], match["makerOrderId"], match["makerPreventedQuantity"]) == (2, 1, "0.00400000")
    assert (await one.ask("GET", "myPreventedMatches", symbol="BTCUSDT"))["code"] == -1128


@pytest.mark.parametrize(
    ("mode", "quantities"),
    [
        ("EXPIRE_TAKER", {"takerPreventedQuantity": "0.00400000"}),
        ("EXPIRE_MAKER", {"makerPreventedQuantity": "0.01000000"}),
        ("EXPIRE_BOTH", {"takerPreventedQuantity": "0.00400000", "makerPreventedQuantity": "0.01000000"}),
        ("DECREMENT", {"takerPreventedQuantity": "0.00400000", "makerPreventedQuantity": "0.00400000"}),
    ],
)
@pytest.mark.parametrize("comes", ["by itself", "when its stop is reached"])
async def test_every_mode_tells_of_one_match_and_both_its_orders(one, two, mode, quantities, comes):
    """Also where another account's trade is what lets the taker come."""
    three = Asker(one.small, 3)
    await one.place("BUY", "0.01", "48000")
    maker = await one.place("BUY", "0.01", "49000")
    terms = {"selfTradePreventionMode": mode, "newOrderRespType": "RESULT"}
    if comes == "by itself":
        taker = await one.place("SELL", "0.004", "48000", **terms)
    else:
        await two.place("BUY", "0.001", "50000")
        await three.place("SELL", "0.001", "50000")
        await two.place("BUY", "0.001", "49500")
        taker = await one.ask(
            "POST", "order", symbol="BTCUSDT", side="SELL", type="STOP_LOSS_LIMIT", quantity="0.004", price="48000", stopPrice="49500", timeInForce="GTC", **terms
        )
        await three.place("SELL", "0.001", "49500")
    matches = await one.ask("GET", "myPreventedMatches", symbol="BTCUSDT", orderId=taker["orderId"])
    match, *more = matches if mode != "EXPIRE_MAKER" else matches[:1]  # which goes on, and ends the next one too
    assert more == []
    assert {name: match[name] for name in match if name.endswith("PreventedQuantity")} == quantities
    assert (match["takerOrderId"], match["makerOrderId"], match["price"]) == (taker["orderId"], maker["orderId"], "49000.00000000")
    for other in (two, three):
        assert await other.ask("GET", "myPreventedMatches", symbol="BTCUSDT", orderId=taker["orderId"]) == []
        assert await other.ask("GET", "myPreventedMatches", symbol="BTCUSDT", preventedMatchId=match["preventedMatchId"]) == []


async def test_history_is_asked_by_number_by_time_and_by_count(one, two):
    for price in ("50000", "50001", "50002"):
        await one.place("BUY", "0.01", price)
        one.small.clock.now += 1_000_000_000
    for _ in range(3):
        await two.place("SELL", "0.01", "50000")
        one.small.clock.now += 1_000_000_000

    async def numbers(path, **params):
        return [each.get("id", each.get("orderId")) for each in await one.ask("GET", path, symbol="BTCUSDT", **params)]

    assert await numbers("allOrders") == [1, 2, 3]
    assert await numbers("allOrders", limit=2) == [2, 3]
    assert await numbers("allOrders", orderId=2) == [2, 3]
    assert await numbers("allOrders", startTime=MS + 4000) == [1, 2]
    assert await numbers("allOrders", endTime=MS + 3000) == [3]
    assert await numbers("myTrades") == [1, 2, 3]
    assert await numbers("myTrades", limit=1) == [3]
    assert await numbers("myTrades", fromId=2) == [2, 3]
    assert await numbers("myTrades", orderId=2) == [2]
    assert await numbers("myTrades", startTime=MS + 3000, endTime=MS + 4000) == [1, 2]
    assert (await one.ask("GET", "myTrades", symbol="BTCUSDT", fromId=1, startTime=MS))["code"] == -1128
    assert (await one.ask("GET", "allOrders", symbol="BTCUSDT", startTime=MS, endTime=MS - 1))["code"] == -1127
    assert (await one.ask("GET", "allOrders", symbol="BTCUSDT", startTime=0, endTime=MS))["code"] == -1127
    assert (await one.ask("GET", "allOrders", symbol="BTCUSDT", limit=1001))["code"] == -1130
    (trade,) = await one.ask("GET", "myTrades", symbol="BTCUSDT", limit=1)
    assert trade == {
        "symbol": "BTCUSDT", "id": 3, "orderId": 1, "orderListId": -1, "price": "50000.00000000", "qty": "0.01000000", "quoteQty": "500.00000000",
        "commission": "0.00001000", "commissionAsset": "BTC", "time": MS + 5000, "isBuyer": True, "isMaker": True, "isBestMatch": True,
    }  # fmt: skip


async def test_a_query_finds_an_order_as_binance_shows_it(one, two):
    assert await one.ask("GET", "order", symbol="BTCUSDT", orderId=1) == {"code": -2013, "msg": "Order does not exist."}
    await one.place("BUY", "0.01", "50000", newClientOrderId="mine")
    await two.place("SELL", "0.004", "50000")
    told = await one.ask("GET", "order", symbol="BTCUSDT", origClientOrderId="mine")
    assert told == {
        "symbol": "BTCUSDT", "orderId": 1, "orderListId": -1, "clientOrderId": "mine", "price": "50000.00000000", "origQty": "0.01000000",
        "executedQty": "0.00400000", "origQuoteOrderQty": "0.00000000", "cummulativeQuoteQty": "200.00000000", "status": "PARTIALLY_FILLED",
        "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "stopPrice": "0.00000000", "icebergQty": "0.00000000", "time": MS, "updateTime": MS,
        "isWorking": True, "workingTime": MS, "selfTradePreventionMode": "NONE",
    }  # fmt: skip
    assert (await two.ask("GET", "order", symbol="BTCUSDT", orderId=1))["code"] == -2013


async def test_what_an_order_holds_is_locked_and_what_it_costs_is_paid(one, two):
    async def balances(asker):
        return {each["asset"]: (each["free"], each["locked"]) for each in (await asker.ask("GET", "account", omitZeroBalances="true"))["balances"]}

    rich = RICH // 10**8
    await one.place("BUY", "0.01", "50000")
    assert (await balances(one))["USDT"] == (f"{rich - 500}.00000000", "500.00000000")
    await two.place("SELL", "0.01", "50000")
    assert (await balances(one))["USDT"] == (f"{rich - 500}.00000000", "0.00000000")
    assert (await balances(one))["BTC"] == (f"{rich}.00999000", "0.00000000")
    assert (await balances(two))["USDT"] == (f"{rich + 499}.50000000", "0.00000000")
    ten = Asker(one.small, 10)
    assert await ten.place("BUY", "0.01", "50000") == {"code": -2010, "msg": "Account has insufficient balance for requested action."}
    assert await balances(ten) == {}


async def test_an_account_tells_its_balances_its_fees_and_its_rights(one):
    told = await one.ask("GET", "account")
    assert told["balances"][0] == {"asset": "BTC", "free": FREE, "locked": "0.00000000"}
    assert (told["makerCommission"], told["commissionRates"]["taker"], told["canTrade"]) == (10, "0.00100000", True)
    coins = await one.ask("GET", "/sapi/v1/capital/config/getall")
    assert [(coin["coin"], coin["free"]) for coin in coins] == [("BTC", FREE), ("ETH", FREE), ("USDT", FREE)]
    assert (await one.ask("GET", "/sapi/v1/asset/tradeFee", symbol="ETHUSDT")) == [
        {"symbol": "ETHUSDT", "makerCommission": "0.00100000", "takerCommission": "0.00100000"}
    ]
    assert await one.ask("GET", "/sapi/v1/system/status") == {"status": 0, "msg": "normal"}
    assert (await one.ask("GET", "account/commission", symbol="BTCUSDT"))["standardCommission"]["maker"] == "0.00100000"


async def test_times_are_told_in_microseconds_to_who_asks_for_them(one):
    request = one.request("GET", "account", one.query())
    request.headers["x-mbx-time-unit"] = "MICROSECOND"
    one.small.server.hear(request)
    one.small.venue.turn()
    assert f'"updateTime":{START // 1000}'.encode() in request.answers[0][0]
    request = one.request("GET", "account", one.query())
    request.headers["x-mbx-time-unit"] = "HOUR"
    one.small.server.hear(request)
    assert b'"code":-1194' in request.answers[0][0]


@given(
    st.sampled_from([{"order_type": LIMIT, "time_in_force": time} for time in (GTC, IOC, FOK, POST_ONLY)] + [{"order_type": MARKET, "time_in_force": IOC}]),
    st.sampled_from([{}, {"display": 5}, {"number": 9}, {"prevention": 4}]),
    st.sampled_from([BUY, SELL]),
    st.integers(0, 6),
    st.integers(0, 10**6),
    st.sampled_from([None, ()]),
)
def test_an_order_written_out_at_once_is_the_same_text(kind, more, side, state, executed, trades):
    image = np.zeros(1, IMAGES)
    fields = {"order_id": 7, "account": 1, "side": side, "client_id": b"mine", "price": 5_000_000, "quantity": 10**6, "created": START, **kind, **more}
    for name, value in {**fields, "state": state, "executed": executed, "paid": executed * 3, "working": START * (state > 0)}.items():
        image[name] = value
    order = Order(image[0].item())
    figures = Figures(RULES.listings[0])
    assert reports.result_text(figures, order, START, millis, trades) == encode(reports.result(figures, order, START, millis, trades))
    assert reports.result(figures, order, START, millis).get("expiryReason") == ("NONE" if state == EXPIRED else None), "why is not known"


async def test_what_is_nowhere_or_asked_by_another_method_is_not_found(one):
    await one.ask("GET", "nowhere")
    assert one.status == 404
    await one.ask("PUT", "order")
    assert one.status == 405
