"""Whatever is asked, of either door: an answer of the dialect, no fault of ours, and nothing done that was not signed for."""

import asyncio
import json
import logging

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.session import Session
from tests.unit.exchange.gateway.asking import Asker
from tests.unit.exchange.gateway.bare import small

AMPLE = Limits(weight_per_minute=10**12, orders_per_ten_seconds=10**9, orders_per_day=10**9)
QUICK = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
NAMES = [
    "symbol", "side", "type", "timeInForce", "quantity", "price", "stopPrice", "quoteOrderQty", "icebergQty", "trailingDelta", "orderId", "origClientOrderId",
    "newClientOrderId", "newOrderRespType", "cancelReplaceMode", "cancelOrderId", "listClientOrderId", "orderListId", "limit", "startTime", "endTime", "fromId",
    "newQty", "listenKey", "recvWindow", "aboveType", "belowType", "abovePrice", "belowStopPrice", "workingType", "workingSide", "workingPrice",
    "workingQuantity", "workingTimeInForce", "pendingType", "pendingSide", "pendingQuantity", "subscriptionId", "selfTradePreventionMode", "strategyId",
]  # fmt: skip
WORDS = [
    "", "BTCUSDT", "BUY", "SELL", "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "GTC", "IOC", "0.01", "50000", "0", "-1", "1", "2", "1.5", "null", "true",
    "[]", "{}", '["BTCUSDT"]', "STOP_ON_FAILURE", "ALLOW_FAILURE", "FULL", "99999999999999999999999", "1e400", "\x00", "é", "%", "&", "a b", "EXPIRE_BOTH",
]  # fmt: skip
LIMITED = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}
OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "55000", "belowType": "STOP_LOSS",
    "belowStopPrice": "45000",
}  # fmt: skip
OTO = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "50000", "workingQuantity": "0.01", "workingTimeInForce": "GTC",
    "pendingType": "MARKET", "pendingSide": "SELL", "pendingQuantity": "0.01",
}  # fmt: skip
BASES = [
    ("POST /api/v3/order", "order.place", LIMITED),
    ("POST /api/v3/order", "order.place", {**LIMITED, "side": "SELL"}),
    ("POST /api/v3/order", "order.place", {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.005"}),
    ("DELETE /api/v3/order", "order.cancel", {"symbol": "BTCUSDT", "orderId": "1"}),
    ("POST /api/v3/order/cancelReplace", "order.cancelReplace", {**LIMITED, "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": "1"}),
    ("PUT /api/v3/order/amend/keepPriority", "order.amend.keepPriority", {"symbol": "BTCUSDT", "orderId": "1", "newQty": "0.005"}),
    ("DELETE /api/v3/openOrders", "openOrders.cancelAll", {"symbol": "BTCUSDT"}),
    ("GET /api/v3/openOrders", "openOrders.status", {}),
    ("POST /api/v3/orderList/oco", "orderList.place.oco", OCO),
    ("POST /api/v3/orderList/oto", "orderList.place.oto", OTO),
    ("DELETE /api/v3/orderList", "orderList.cancel", {"symbol": "BTCUSDT", "orderListId": "1"}),
    ("GET /api/v3/myTrades", "myTrades", {"symbol": "BTCUSDT"}),
    ("GET /api/v3/account", "account.status", {}),
]
params = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), st.sampled_from(WORDS) | st.text(max_size=6), max_size=8)

few = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(WORDS), max_size=2)
asked = st.tuples(st.sampled_from(BASES), few) | st.tuples(st.integers(0, 100), params)


class Asked:
    """A session without a socket: what it answers is kept."""

    def __init__(self, venue):
        request = Asker(venue).request("GET", "/ws-api/v3")
        sessions = next(opens.__self__ for path, opens in venue.server._upgrades.items() if path == "/ws-api/v3")
        self.session = Session(sessions, request, False, False, False)
        self.answers = []
        self.session.send = lambda text: self.answers.append(json.loads(text))

    def close(self):
        self.session.closed()


def run(attack):
    """Run it on a venue of its own; no line of a fault may be written."""
    faults = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = faults.append
    log = logging.getLogger("polaris.exchange.gateway")
    log.addHandler(handler)
    try:

        async def whole():
            async with await small(limits=AMPLE) as venue:
                await attack(venue)

        asyncio.run(whole())
    finally:
        log.removeHandler(handler)
    assert [fault.getMessage() for fault in faults] == []


def refused(told):
    return isinstance(told, dict) and isinstance(told.get("code"), int) and told["code"] < -999 and isinstance(told.get("msg"), str)


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "x"]),
    st.sampled_from(["order", "account", "openOrders", "userDataStream", "orderList/oco", "/", "/api/v3/", "/sapi/v1/system/status"]) | st.text(max_size=10),
    st.text(max_size=60),
    st.binary(max_size=60),
    st.text(max_size=10),
)
@QUICK
def test_no_unsigned_request_changes_anything(method, path, query, body, key):
    async def attack(venue):
        before = venue.venue.core.digest()
        request = Asker(venue).request(method, path, query, body, key)
        venue.server.hear(request)
        venue.venue.turn()
        ((told, status, headers),) = request.answers
        assert "X-MBX-USED-WEIGHT-1M" in headers
        assert status < 500
        if status != 200:
            assert refused(json.loads(told))
        assert (venue.venue.seq, venue.venue.core.digest(), venue.venue._names) == (0, before, {})

    run(attack)


@given(st.lists(asked, max_size=8), st.sets(st.integers(0, 7)))
@QUICK
def test_any_signed_request_is_done_or_refused_and_the_books_stay_in_step(asked, turns):
    async def attack(venue):
        one = Asker(venue)
        endpoints = sorted(f"{method} {path}" for path, methods in venue.server._routes.items() for method in methods)
        requests = []
        for place, (what, more) in enumerate(asked):
            name, sent = (what[0], {**what[2], **more}) if isinstance(what, tuple) else (endpoints[what % len(endpoints)], more)
            method, _, path = name.partition(" ")
            query = one.query(**{name: value for name, value in sent.items() if name not in ("timestamp", "signature")})
            requests.append(one.request(method, path, query))
            venue.server.hear(requests[-1])
            if place in turns:
                venue.venue.turn()
        venue.venue.turn()
        for request in requests:
            ((told, status, _),) = request.answers
            assert status < 500, told
            if status != 200:
                assert refused(json.loads(told))
        assert {order.order_id for order in venue.venue.register.open(1)} == {int(row["order_id"]) for row in venue.venue.core.engine.orders()}
        assert venue.venue._names == {}

    run(attack)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(WORDS) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=120) | json_values.map(lambda value: json.dumps(value).encode()) | st.text(max_size=50).map(str.encode))
@QUICK
def test_any_text_over_the_socket_is_answered_and_does_nothing(text):
    async def attack(venue):
        asked = Asked(venue)
        asked.session.heard(text)
        venue.venue.turn()
        (told,) = asked.answers
        assert told["status"] in (400, 401) or told["status"] == 200
        assert "result" in told or refused(told["error"])
        assert venue.venue.seq == 0
        asked.close()

    run(attack)


any_json = st.tuples(st.sampled_from(BASES), few) | st.tuples(st.integers(0, 100), st.dictionaries(st.sampled_from(NAMES), json_values, max_size=6))


@given(st.lists(any_json, max_size=6))
@QUICK
def test_any_signed_request_over_the_socket_is_done_or_refused(asked):
    async def attack(venue):
        one, session = Asker(venue), Asked(venue)
        methods = sorted(venue.server.methods)
        for number, (what, more) in enumerate(asked):
            method, sent = (what[1], {**what[2], **more}) if isinstance(what, tuple) else (methods[what % len(methods)], more)
            signed = one.params(**{name: value for name, value in sent.items() if isinstance(value, str)})
            unsigned = {**signed, **sent} if number % 2 else signed
            session.session.heard(json.dumps({"id": number, "method": method, "params": unsigned}).encode())
        venue.venue.turn()
        assert sorted(told["id"] for told in session.answers if "event" not in told and told["id"] is not None) == list(range(len(asked)))
        for told in session.answers:
            assert "event" in told or told["status"] < 500, told
        assert {order.order_id for order in venue.venue.register.open(1)} == {int(row["order_id"]) for row in venue.venue.core.engine.orders()}
        session.close()

    run(attack)
