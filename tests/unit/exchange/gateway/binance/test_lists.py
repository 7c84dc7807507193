import json

import aiohttp
import pytest

from tests.unit.exchange.gateway.asking import Asker, Socketed
from tests.unit.exchange.gateway.bare import START, Held, small

MS = START // 1_000_000
OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "55000", "belowType": "STOP_LOSS_LIMIT",
    "belowStopPrice": "45000", "belowPrice": "44000", "belowTimeInForce": "GTC",
}  # fmt: skip
OTO = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "49000", "workingQuantity": "0.01", "workingTimeInForce": "GTC",
    "pendingType": "LIMIT", "pendingSide": "SELL", "pendingPrice": "52000", "pendingQuantity": "0.01", "pendingTimeInForce": "GTC",
}  # fmt: skip
OTOCO = {
    **{name: value for name, value in OTO.items() if name.startswith(("symbol", "working"))}, "pendingSide": "SELL", "pendingQuantity": "0.01",
    "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "55000", "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "45000",
}  # fmt: skip


@pytest.fixture
async def venue():
    """The last price is 50,000, at which somebody sells."""
    async with await small() as running:
        await Asker(running, 5).place("SELL", "1", "50000")
        await Asker(running, 6).place("BUY", "0.001", "50000")
        yield running


@pytest.fixture
def one(venue):
    return Asker(venue, 1)


@pytest.fixture
def two(venue):
    return Asker(venue, 2)


def shape(told):
    return [(order["orderId"], order["type"], order["side"], order["status"]) for order in told["orderReports"]]


async def test_an_oco_is_taken_whole_and_answered_as_binance_answers(one):
    told = await one.ask("POST", "orderList/oco", listClientOrderId="mine", aboveClientOrderId="a", belowClientOrderId="b", **OCO)
    reports = told.pop("orderReports")
    assert told == {
        "orderListId": 1, "contingencyType": "OCO", "listStatusType": "EXEC_STARTED", "listOrderStatus": "EXECUTING", "listClientOrderId": "mine",
        "transactionTime": MS, "symbol": "BTCUSDT",
        "orders": [{"symbol": "BTCUSDT", "orderId": 3, "clientOrderId": "a"}, {"symbol": "BTCUSDT", "orderId": 4, "clientOrderId": "b"}],
    }  # fmt: skip
    assert [(each["type"], each["status"], each["orderListId"], each["workingTime"]) for each in reports] == [
        ("LIMIT_MAKER", "NEW", 1, MS),
        ("STOP_LOSS_LIMIT", "NEW", 1, -1),
    ]
    assert reports[1]["stopPrice"] == "45000.00000000"
    assert one.headers["X-MBX-ORDER-COUNT-10S"] == "2"
    assert [each["orderListId"] for each in await one.ask("GET", "openOrderList")] == [1]
    assert (await one.ask("GET", "orderList", origClientOrderId="mine"))["orderListId"] == 1
    assert (await one.ask("GET", "orderList", orderListId=1))["listClientOrderId"] == "mine"
    assert (await one.ask("GET", "orderList", orderListId=2))["code"] == -2013


async def test_the_larger_leg_is_held_once(one):
    await one.ask("POST", "orderList/oco", **OCO)
    locked = {each["asset"]: each["locked"] for each in (await one.ask("GET", "account"))["balances"]}
    assert locked["BTC"] == "0.01000000"


async def test_when_one_leg_trades_the_other_has_expired_and_the_list_is_done(one, two):
    await one.ask("POST", "orderList/oco", **OCO)
    await one.ask("DELETE", "order", symbol="BTCUSDT", orderId=99)
    await Asker(one.small, 5).ask("DELETE", "openOrders", symbol="BTCUSDT")
    await two.place("BUY", "0.01", "55000")
    states = [order["status"] for order in await one.ask("GET", "allOrders", symbol="BTCUSDT")]
    assert states == ["FILLED", "EXPIRED"]
    assert await one.ask("GET", "openOrderList") == []
    (done,) = await one.ask("GET", "allOrderList")
    assert (done["listStatusType"], done["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")


@pytest.mark.parametrize("by", [{"orderListId": 1}, {"listClientOrderId": "mine"}])
async def test_a_list_is_cancelled_whole(one, by):
    await one.ask("POST", "orderList/oco", listClientOrderId="mine", **OCO)
    told = await one.ask("DELETE", "orderList", symbol="BTCUSDT", newClientOrderId="gone", **by)
    assert (told["listStatusType"], told["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert {(each["status"], each["clientOrderId"]) for each in told["orderReports"]} == {("CANCELED", "gone")}
    assert await one.ask("GET", "openOrders") == []
    assert await one.ask("DELETE", "orderList", symbol="BTCUSDT", **by) == {"code": -2011, "msg": "Unknown order sent."}


async def test_who_cancels_one_leg_cancels_the_list(one):
    await one.ask("POST", "orderList/oco", **OCO)
    told = await one.ask("DELETE", "order", symbol="BTCUSDT", orderId=4)
    assert {each["status"] for each in told["orderReports"]} == {"CANCELED"}
    assert len(told["orderReports"]) == 2


async def test_all_orders_cancelled_tell_a_list_once(one):
    await one.place("BUY", "0.01", "40000")
    await one.ask("POST", "orderList/oco", **OCO)
    told = await one.ask("DELETE", "openOrders", symbol="BTCUSDT")
    assert sorted(len(each.get("orderReports", ())) for each in told) == [0, 2]


async def test_a_pending_order_waits_for_its_working_one_to_fill(one, two):
    told = await one.ask("POST", "orderList/oto", **OTO)
    assert told["contingencyType"] == "OTO"
    assert shape(told) == [(3, "LIMIT", "BUY", "NEW"), (4, "LIMIT", "SELL", "PENDING_NEW")]
    await two.place("SELL", "0.004", "49000")
    assert (await one.ask("GET", "order", symbol="BTCUSDT", orderId=4))["status"] == "PENDING_NEW"
    await two.place("SELL", "0.006", "49000")
    assert (await one.ask("GET", "order", symbol="BTCUSDT", orderId=3))["status"] == "FILLED"
    pending = await one.ask("GET", "order", symbol="BTCUSDT", orderId=4)
    assert (pending["status"], pending["isWorking"]) == ("NEW", True)
    assert len(await one.ask("GET", "openOrderList")) == 1


async def test_of_three_the_first_triggers_two_of_which_one_cancels_the_other(one, two):
    told = await one.ask("POST", "orderList/otoco", **OTOCO)
    assert shape(told) == [(3, "LIMIT", "BUY", "NEW"), (4, "LIMIT_MAKER", "SELL", "PENDING_NEW"), (5, "STOP_LOSS", "SELL", "PENDING_NEW")]
    assert one.headers["X-MBX-ORDER-COUNT-10S"] == "3"
    await two.place("SELL", "0.01", "49000")
    assert [order["status"] for order in await one.ask("GET", "openOrders")] == ["NEW", "NEW"]
    await Asker(one.small, 5).ask("DELETE", "openOrders", symbol="BTCUSDT")
    await two.place("BUY", "0.01", "55000")
    assert [order["status"] for order in await one.ask("GET", "allOrders", symbol="BTCUSDT")] == ["FILLED", "FILLED", "EXPIRED"]


async def test_a_list_whose_working_order_is_cancelled_ends(one):
    await one.ask("POST", "orderList/otoco", **OTOCO)
    told = await one.ask("DELETE", "order", symbol="BTCUSDT", orderId=3)
    assert {each["status"] for each in told["orderReports"]} == {"CANCELED"}
    assert len(told["orderReports"]) == 3
    assert await one.ask("GET", "openOrders") == []


FORMER = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "price": "55000", "stopPrice": "45000"}


async def test_an_oco_may_be_asked_for_as_it_used_to_be(one):
    told = await one.ask("POST", "order/oco", limitClientOrderId="l", stopClientOrderId="s", **FORMER)
    assert [(each["clientOrderId"], each["type"]) for each in told["orderReports"]] == [("l", "LIMIT_MAKER"), ("s", "STOP_LOSS")]
    assert told["orderReports"][0]["fills"] == []
    buy = {**FORMER, "side": "BUY", "price": "45000", "stopPrice": "55000", "stopLimitPrice": "56000", "stopLimitTimeInForce": "GTC"}
    told = await one.ask("POST", "order/oco", **buy)
    assert [(each["type"], each["price"]) for each in told["orderReports"]] == [("STOP_LOSS_LIMIT", "56000.00000000"), ("LIMIT_MAKER", "45000.00000000")]
    assert (await one.ask("POST", "order/oco", **{**FORMER, "price": ""}))["code"] == -1102
    assert (await one.ask("POST", "order/oco", **{name: value for name, value in FORMER.items() if name != "stopPrice"}))["code"] == -1102


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"belowType": "LIMIT_MAKER", "belowStopPrice": None, "belowTimeInForce": None}, -1168),
        ({"belowType": "MARKET"}, -1158),
        ({"aboveType": "STOP_LOSS", "abovePrice": None, "aboveStopPrice": "55000"}, -1158),
        ({"side": "BUY"}, -1165),
        ({"aboveType": "STOP_LOSS", "abovePrice": None, "aboveStopPrice": "55000", "belowType": "LIMIT_MAKER", "belowStopPrice": None, "belowTimeInForce": None}, -1166),
        ({"aboveType": "STOP_LOSS", "abovePrice": None, "aboveStopPrice": "55000", "belowType": "TAKE_PROFIT", "belowPrice": None, "belowTimeInForce": None}, -1197),
        ({"aboveType": None}, -1102),
        ({"aboveStopPrice": "1"}, -1106),
        ({"belowTimeInForce": None}, -1102),
        ({"belowStopPrice": "56000", "belowPrice": "56000"}, -2010),  # above the market: it would trigger at once
        ({"abovePrice": "49000"}, -2010),  # below the stop's side of the market, where somebody bids
        ({"listClientOrderId": "!"}, -1100),
        ({"aboveClientOrderId": "same", "belowClientOrderId": "same"}, -2010),
    ],
)
async def test_a_list_that_is_none_is_refused_whole(one, two, change, code):
    await two.place("BUY", "0.01", "49500")
    before = one.small.venue.core.digest()
    told = await one.ask("POST", "orderList/oco", **{name: value for name, value in {**OCO, **change}.items() if value is not None})
    assert told["code"] == code
    assert await one.ask("GET", "openOrders") == []
    assert one.small.venue._names == {}
    assert [each["count"] for each in await one.ask("GET", "rateLimit/order")] == [0, 0]
    assert len(before) == 32


async def test_the_name_of_a_living_list_is_refused_and_that_of_one_on_its_way(one):
    first, second = ({"listClientOrderId": "mine", **OCO, "quantity": quantity} for quantity in ("0.01", "0.02"))
    requests = [one.request("POST", "orderList/oco", one.query(**sent)) for sent in (first, second)]
    for request in requests:
        one.small.server.hear(request)
    one.small.venue.turn()
    assert [request.answers[0][1] for request in requests] == [200, 400]
    assert (await one.ask("POST", "orderList/oco", **second))["msg"] == "Duplicate order sent."
    await one.ask("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="mine")
    one.small.clock.now += 1_000_000
    assert (await one.ask("POST", "orderList/oco", **second))["orderListId"] > 1


async def test_the_user_stream_tells_when_a_list_begins_and_when_it_is_done(venue, one):
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{venue.url}/ws-api/v3") as opened:
        socket = Socketed(opened)
        await socket.ask("userDataStream.subscribe.signature", **one.params())
        await one.ask("POST", "orderList/oco", listClientOrderId="mine", **OCO)
        events = [(await socket.event())["event"] for _ in range(4)]
        assert [event["e"] for event in events] == ["executionReport", "executionReport", "listStatus", "outboundAccountPosition"]
        assert [(event["x"], event["X"], event["g"], event["w"]) for event in events[:2]] == [("NEW", "NEW", 1, True), ("NEW", "NEW", 1, False)]
        status = events[2]
        assert [status[name] for name in ("g", "c", "l", "L", "r", "C")] == [1, "OCO", "EXEC_STARTED", "EXECUTING", "NONE", "mine"]
        assert [leg["i"] for leg in status["O"]] == [3, 4]
        await one.ask("DELETE", "orderList", symbol="BTCUSDT", orderListId=1)
        events = [(await socket.event())["event"] for _ in range(4)]
        assert [event.get("X", event.get("L")) for event in events] == ["CANCELED", "CANCELED", "ALL_DONE", None]


async def test_a_list_is_acknowledged_when_it_is_durable():
    journal = Held()
    async with await small(journal=journal) as venue:
        one = Asker(venue)
        request = one.request("POST", "orderList/oto", one.query(**OTO))
        venue.server.hear(request)
        venue.venue.turn()
        assert request.answers == []
        journal.sync(venue.venue)
        assert json.loads(request.answers[0][0])["orderListId"] == 1


async def test_a_trailing_stop_tells_its_trail_and_follows_the_price(one, two):
    told = await one.ask(
        "POST", "order", symbol="BTCUSDT", side="SELL", type="STOP_LOSS", quantity="0.001", trailingDelta="100", newOrderRespType="RESULT"
    )
    assert (told["status"], told["trailingDelta"], told["workingTime"], told["type"]) == ("NEW", 100, -1, "STOP_LOSS")
    await Asker(one.small, 5).ask("DELETE", "openOrders", symbol="BTCUSDT")
    for price in ("52000", "51500"):
        await two.place("SELL", "0.001", price)
        await Asker(one.small, 3).place("BUY", "0.001", price)
    assert (await one.ask("GET", "order", symbol="BTCUSDT", orderId=told["orderId"]))["status"] == "NEW"
    await Asker(one.small, 3).place("BUY", "0.01", "51480")
    await two.place("SELL", "0.001", "51480")  # one per cent below 52,000
    assert (await one.ask("GET", "order", symbol="BTCUSDT", orderId=told["orderId"]))["status"] == "FILLED"


@pytest.mark.parametrize(
    ("side", "stop", "before", "reached", "fires"),
    [("SELL", "52000", ("51000", "50400"), "52000", "51480"), ("BUY", "48000", ("49000", "49600"), "48000", "48480")],
)
async def test_a_trailing_take_profit_follows_once_its_stop_price_is_reached(one, two, side, stop, before, reached, fires):
    await follows(one, two, "TAKE_PROFIT_LIMIT", side, stop, (*before, reached), fires)


@pytest.mark.parametrize(
    ("side", "stop", "prices", "fires"),
    [
        ("SELL", "48000", ("51000", "50400", "49000", "48000", "47600", "49000", "48520"), "48510"),
        ("BUY", "52000", ("49000", "49600", "51000", "52000", "52500", "51000", "51500"), "51510"),
    ],
)
async def test_a_trailing_stop_loss_follows_once_its_stop_price_is_reached(one, two, side, stop, prices, fires):
    await follows(one, two, "STOP_LOSS_LIMIT", side, stop, prices, fires)


async def follows(one, two, kind, side, stop, prices, fires):
    """An order that trails by one per cent waits through trades at these prices and trades at the last."""
    await Asker(one.small, 5).ask("DELETE", "openOrders", symbol="BTCUSDT")
    three = Asker(one.small, 3)
    placed = await one.ask(
        "POST", "order", symbol="BTCUSDT", side=side, type=kind, quantity="0.001", price=fires, timeInForce="GTC", stopPrice=stop,
        trailingDelta="100", strategyId=7, strategyType=1_000_001, newOrderRespType="RESULT",
    )  # fmt: skip
    assert (placed["status"], placed["type"], placed["trailingDelta"], placed["stopPrice"], placed["strategyId"], placed["strategyType"]) == (
        "NEW", kind, 100, f"{stop}.00000000", 7, 1_000_001,
    )  # fmt: skip

    async def trade(price, more="0"):
        maker, taker = ("BUY", "SELL") if side == "SELL" else ("SELL", "BUY")
        await three.place(maker, f"{0.001 + float(more):.3f}", price)
        await two.place(taker, "0.001", price)
        return (await one.ask("GET", "order", symbol="BTCUSDT", orderId=placed["orderId"]))["status"]

    for price in prices:
        assert await trade(price) == "NEW", "a move of one per cent before its price was reached is none"
    assert await trade(fires, "0.001") == "FILLED"
    assert (await one.ask("GET", "order", symbol="BTCUSDT", orderId=placed["orderId"]))["type"] == kind


async def test_the_stop_of_a_pair_may_trail_from_its_stop_price(one, two):
    trails = {name: value for name, value in OCO.items() if name != "belowStopPrice"} | {"belowStopPrice": "49000", "belowTrailingDelta": "100"}
    told = await one.ask("POST", "orderList/oco", **trails)
    assert (told["orderReports"][1]["trailingDelta"], told["orderReports"][1]["stopPrice"]) == (100, "49000.00000000")
    await Asker(one.small, 5).ask("DELETE", "openOrders", symbol="BTCUSDT")
    three = Asker(one.small, 3)
    for price in ("50500", "49900", "49000", "49500", "49005"):
        await three.place("BUY", "0.001", price)
        await two.place("SELL", "0.001", price)
    limit, stop = told["orders"]
    assert [(await one.ask("GET", "order", symbol="BTCUSDT", orderId=leg["orderId"]))["status"] for leg in (limit, stop)] == ["EXPIRED", "NEW"]
    assert (await one.ask("GET", "order", symbol="BTCUSDT", orderId=stop["orderId"]))["isWorking"], "it fired at 49,005, one per cent below 49,500"


async def test_a_leg_that_does_not_trade_with_itself_shrinks_the_other_leg(venue, one):
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{venue.url}/ws-api/v3") as opened:
        socket = Socketed(opened)
        await one.ask("POST", "orderList/oco", **OCO)
        await Asker(venue, 5).ask("DELETE", "openOrders", symbol="BTCUSDT")
        await socket.ask("userDataStream.subscribe.signature", **one.params())
        await one.place("BUY", "0.004", "55000", selfTradePreventionMode="DECREMENT")
        events = [(await socket.event())["event"] for _ in range(4)]
        assert [(event["i"], event["x"], event["X"]) for event in events] == [
            (events[0]["i"], "NEW", "NEW"),
            (4, "REPLACED", "NEW"),
            (events[0]["i"], "TRADE_PREVENTION", "EXPIRED_IN_MATCH"),
            (3, "TRADE_PREVENTION", "NEW"),
        ]
        assert (events[1]["q"], events[1]["w"], events[3]["q"], events[3]["A"]) == ("0.00600000", False, "0.01000000", "0.00400000")
    limit, stop = [await one.ask("GET", "order", symbol="BTCUSDT", orderId=order_id) for order_id in (3, 4)]
    assert (limit["origQty"], limit["preventedQuantity"], stop["origQty"], stop["status"]) == ("0.01000000", "0.00400000", "0.00600000", "NEW")
    locked = {each["asset"]: each["locked"] for each in (await one.ask("GET", "account"))["balances"]}
    assert locked["BTC"] == "0.00600000"


async def test_what_ends_with_its_list_says_why(venue, one, two):
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{venue.url}/ws-api/v3") as opened:
        socket = Socketed(opened)
        await socket.ask("userDataStream.subscribe.signature", **one.params())

        async def told():
            """(order id, why) of the orders that expired up to the next position."""
            ended = []
            while (event := (await socket.event())["event"])["e"] != "outboundAccountPosition":
                ended += [(event["i"], event["eR"])] if event.get("X") == "EXPIRED" else []
                assert ("eR" in event) == (event.get("X") == "EXPIRED")
            return ended

        async def asked(order_id):
            return (await one.ask("GET", "order", symbol="BTCUSDT", orderId=order_id)).get("expiryReason")

        await one.ask("POST", "orderList/oco", **OCO)
        assert await told() == []
        await two.place("BUY", "1", "55000")  # what somebody sells at 50,000, and a little of the limit order
        assert await told() == [(4, "OCO_TRIGGER")]
        assert [await asked(order_id) for order_id in (3, 4)] == [None, "OCO_TRIGGER"]
        working = {**OTOCO, "workingPrice": "30000", "workingTimeInForce": "FOK"}
        reports = (await one.ask("POST", "orderList/otoco", **working, newOrderRespType="RESULT"))["orderReports"]
        ended = ["UNFILLED_FOK_ORDER_EXPIRED", "OTO_PHASE_ONE_EXPIRED", "OTO_PHASE_ONE_EXPIRED"]
        assert [report["expiryReason"] for report in reports] == ended
        assert await told() == [(report["orderId"], why) for report, why in zip(reports, ended, strict=True)]
        assert [await asked(report["orderId"]) for report in reports] == ended
