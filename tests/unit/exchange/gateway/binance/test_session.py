import base64
import contextlib
import json

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.user import LIFE
from polaris.exchange.gateway.keys import READ
from tests.unit.exchange.gateway.asking import Asker, Socketed, until
from tests.unit.exchange.gateway.bare import START, Held, small

MS = START // 1_000_000
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}


@pytest.fixture
async def venue():
    async with await small() as running:
        yield running


@contextlib.asynccontextmanager
async def connected(venue, query="returnRateLimits=false"):
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{venue.url}/ws-api/v3?{query}") as socket:
        yield Socketed(socket)


class Signer:
    """A client with an Ed25519 key."""

    def __init__(self, venue, account=1):
        self.venue, self.private = venue, Ed25519PrivateKey.generate()
        self.key = venue.keys.create_ed25519(account, base64.b64encode(self.private.public_key().public_bytes_raw()).decode())

    def params(self, **params):
        sent = {"apiKey": self.key.name, "timestamp": self.venue.clock() // 1_000_000, **params}
        payload = "&".join(f"{name}={sent[name]}" for name in sorted(sent))
        return {**sent, "signature": base64.b64encode(self.private.sign(payload.encode())).decode()}


async def test_an_order_over_the_socket_is_answered_in_its_envelope_with_what_is_left(venue):
    one = Asker(venue)
    async with connected(venue, "") as socket:
        told = await socket.ask("order.place", **one.params(newClientOrderId="mine", **ORDER))
        assert told["status"] == 200
        assert (told["result"]["orderId"], told["result"]["clientOrderId"], told["result"]["status"]) == (1, "mine", "NEW")
        assert [(each["rateLimitType"], each["interval"], each["count"]) for each in told["rateLimits"]] == [
            ("ORDERS", "SECOND", 1),
            ("ORDERS", "DAY", 1),
            ("REQUEST_WEIGHT", "MINUTE", 3),  # connecting costs two
        ]
        told = await socket.ask("order.status", **one.params(symbol="BTCUSDT", orderId=1, returnRateLimits="false"))
        assert "rateLimits" not in told
        assert (await socket.ask("v3/order.cancel", **one.params(symbol="BTCUSDT", orderId=1)))["result"]["status"] == "CANCELED"


async def test_numbers_may_be_sent_as_numbers_and_are_signed_as_they_are_written(venue):
    one = Asker(venue)
    async with connected(venue) as socket:
        params = one.params(**{**ORDER, "quantity": "0.010", "price": "50000.0"})
        raw = json.dumps({"id": 1, "method": "order.place", "params": params}).replace('"0.010"', "0.010").replace('"50000.0"', "50000.0")
        await socket.socket.send_str(raw)
        assert (await socket.receive())["result"]["origQty"] == "0.01000000"


@pytest.mark.parametrize(
    ("text", "number", "code"),
    [
        ("", None, -1135),
        ("{", None, -1135),
        ("[]", None, -1135),
        ('{"id":1}', None, -1135),
        ('{"id":1,"method":5}', None, -1135),
        ('{"id":1,"method":"ping","params":[]}', None, -1135),
        ('{"id":{},"method":"ping"}', None, -1135),
        ('{"id":true,"method":"ping"}', None, -1135),
        ('{"id":1.5,"method":"ping"}', None, -1135),
        ('{"id":"' + "x" * 99 + '","method":"ping"}', None, -1135),
        ('{"id":"x","method":"order.eat"}', "x", -1020),
        ('{"id":7,"method":"order.place"}', 7, -1102),
        ('{"id":7,"method":"order.place","params":{"apiKey":"!"}}', 7, -2014),
        ('{"id":7,"method":"order.place","params":{"apiKey":["a"]}}', 7, -2014),
        ('{"id":null,"method":"userDataStream.subscribe"}', None, -1002),
    ],
)
async def test_what_is_no_request_is_told_so_and_the_session_goes_on(venue, text, number, code):
    async with connected(venue) as socket:
        await socket.socket.send_str(text)
        told = await socket.receive()
        assert (told["id"], told["error"]["code"]) == (number, code)
        assert (await socket.ask("session.status"))["status"] == 200


async def test_who_is_logged_on_needs_neither_key_nor_signature_until_he_logs_out(venue):
    signer = Signer(venue)
    async with connected(venue) as socket:
        told = await socket.ask("session.logon", **signer.params())
        expected = {"apiKey": signer.key.name, "authorizedSince": MS, "connectedSince": MS, "returnRateLimits": False, "serverTime": MS}
        assert told["result"] == {**expected, "userDataStream": False}
        assert (await socket.ask("order.place", timestamp=MS, **ORDER))["result"]["orderId"] == 1
        assert (await socket.ask("order.place", **ORDER))["error"]["code"] == -1102  # a time is asked for all the same
        assert (await socket.ask("order.place", timestamp=MS - 5001, **ORDER))["error"]["code"] == -1021
        assert (await socket.ask("order.place", timestamp=MS, signature="AAAA", **ORDER))["error"]["code"] == -1022
        assert (await socket.ask("session.logout"))["result"]["apiKey"] is None
        assert (await socket.ask("order.place", timestamp=MS, **ORDER))["error"]["code"] == -1102
        assert (await socket.ask("session.status"))["result"]["authorizedSince"] is None


async def test_the_same_order_may_be_sent_again_by_who_is_logged_on(venue):
    signer = Signer(venue)
    async with connected(venue) as socket:
        await socket.ask("session.logon", **signer.params())
        assert [(await socket.ask("order.place", timestamp=MS, **ORDER))["result"]["orderId"] for _ in range(2)] == [1, 2]


async def test_a_session_ends_with_its_key(venue):
    signer = Signer(venue)
    async with connected(venue) as socket:
        await socket.ask("session.logon", **signer.params())
        assert (await socket.ask("order.place", timestamp=MS, **ORDER))["status"] == 200
        venue.keys.revoke(signer.key.name)
        assert (await socket.ask("order.place", timestamp=MS, **ORDER))["error"]["code"] == -2015


async def test_what_a_revoked_key_listens_to_ends_and_says_so(venue):
    signer, one, heard = Signer(venue), Asker(venue), []
    async with connected(venue) as socket:
        await socket.ask("session.logon", **signer.params())
        await socket.ask("userDataStream.subscribe")
        await socket.ask("userDataStream.subscribe.signature", **one.params())
        key = (await one.ask("POST", "userDataStream"))["listenKey"]
        venue.server.join_user_stream(key, lambda payload: heard.append(json.loads(payload)))
        venue.keys.revoke(signer.key.name)
        venue.keys.revoke(one.key.name)
        (session,) = venue.server.sockets.open
        session._sessions.sweep(venue.clock())
        venue.server.private.sweep(venue.clock())
        assert [(await socket.event())["subscriptionId"] for _ in range(2)] == [0, 1]
        assert [event["e"] for event in heard] == ["listenKeyExpired"]
        assert venue.venue._watchers == {}
        assert (await socket.ask("session.status"))["result"]["apiKey"] is None


async def test_no_more_sockets_open_than_the_server_carries(venue):
    venue.server.sockets.most = 1
    async with connected(venue):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with connected(venue):
                pass


async def test_only_ed25519_logs_on(venue):
    async with connected(venue) as socket:
        told = await socket.ask("session.logon", **Asker(venue).params())
        assert told["error"] == {"code": -4056, "msg": "HMAC_SHA256 API key is not supported."}


async def test_a_reader_may_listen_and_not_trade(venue):
    reader = Asker(venue, scopes=frozenset({READ}))
    async with connected(venue) as socket:
        assert (await socket.ask("userDataStream.subscribe.signature", **reader.params()))["result"] == {"subscriptionId": 0}
        told = await socket.ask("order.place", **reader.params(**ORDER))
        assert (told["status"], told["error"]["code"]) == (401, -2015)


async def test_the_user_stream_tells_every_order_as_each_event_left_it(venue):
    one, two = Asker(venue), Asker(venue, 2)
    async with connected(venue) as socket:
        await socket.ask("userDataStream.subscribe.signature", **one.params())
        await two.place("SELL", "0.01", "50000")
        await two.place("SELL", "0.01", "50001")
        await one.place("BUY", "0.015", "60000", newClientOrderId="mine", strategyId=3)
        told = [await socket.event() for _ in range(4)]
        assert {each["subscriptionId"] for each in told} == {0}
        new, first, second, position = (each["event"] for each in told)
        assert [event["e"] for event in (new, first, second, position)] == ["executionReport"] * 3 + ["outboundAccountPosition"]
        assert new == {
            "e": "executionReport", "E": MS, "s": "BTCUSDT", "c": "mine", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.01500000", "p": "60000.00000000",
            "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 3, "l": "0.00000000", "z": "0.00000000",
            "L": "0.00000000", "n": "0", "N": None, "T": MS, "t": -1, "I": new["I"], "w": True, "m": False, "M": False, "O": MS, "Z": "0.00000000",
            "Y": "0.00000000", "Q": "0.00000000", "V": "NONE", "W": MS, "j": 3,
        }  # fmt: skip
        shown = ("x", "X", "l", "z", "L", "Z", "Y", "t", "m", "n", "N", "w")
        assert [first[name] for name in shown] == [
            "TRADE", "PARTIALLY_FILLED", "0.01000000", "0.01000000", "50000.00000000", "500.00000000", "500.00000000", 1, False, "0.00001000", "BTC", True,
        ]  # fmt: skip
        assert [second[name] for name in shown] == [
            "TRADE", "FILLED", "0.00500000", "0.01500000", "50001.00000000", "750.00500000", "250.00500000", 2, False, "0.00000500", "BTC", False,
        ]  # fmt: skip
        assert new["I"] < first["I"] < second["I"]
        assert [balance["a"] for balance in position["B"]] == ["BTC", "USDT"]


async def test_the_user_stream_tells_cancels_amends_and_expiries_with_both_names(venue):
    one = Asker(venue)
    async with connected(venue) as socket:
        await socket.ask("userDataStream.subscribe.signature", **one.params())
        await one.place("BUY", "0.01", "50000", newClientOrderId="mine")
        await one.ask("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=1, newQty="0.004", newClientOrderId="less")
        await one.ask("DELETE", "order", symbol="BTCUSDT", orderId=1, newClientOrderId="gone")
        await one.place("BUY", "0.01", "40000", timeInForce="IOC", newClientOrderId="now")
        events = [(await socket.event())["event"] for _ in range(9)]
        reports = [event for event in events if event["e"] == "executionReport"]
        assert [(event["x"], event["X"], event["c"], event["C"], event["q"]) for event in reports] == [
            ("NEW", "NEW", "mine", "", "0.01000000"),
            ("REPLACED", "NEW", "less", "mine", "0.00400000"),
            ("CANCELED", "CANCELED", "gone", "less", "0.00400000"),
            ("NEW", "NEW", "now", "", "0.01000000"),
            ("EXPIRED", "EXPIRED", "now", "", "0.01000000"),
        ]


async def test_nothing_is_streamed_before_it_is_durable():
    journal = Held()
    async with await small(journal=journal) as venue, connected(venue) as socket:
        one = Asker(venue)
        await socket.ask("userDataStream.subscribe.signature", **one.params())
        venue.server.hear(one.request("POST", "order", one.query(**ORDER)))
        venue.venue.turn()
        assert (await socket.ask("session.status"))["status"] == 200
        assert socket.events == []  # what was sent before this answer would have come before it
        journal.sync(venue.venue)
        assert (await socket.event())["event"]["x"] == "NEW"


async def test_subscriptions_are_numbered_and_each_may_end(venue):
    one, two = Asker(venue, 1), Asker(venue, 2)
    async with connected(venue) as socket:
        for number, asker in enumerate((one, two, one)):
            assert (await socket.ask("userDataStream.subscribe.signature", **asker.params()))["result"] == {"subscriptionId": number}
        assert (await socket.ask("userDataStream.unsubscribe", subscriptionId=1))["status"] == 200
        assert (await socket.ask("userDataStream.unsubscribe", subscriptionId=1))["error"]["code"] == -2036
        assert (await socket.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}, {"subscriptionId": 2}]
        await two.place("BUY", "0.01", "50000")
        await one.place("BUY", "0.01", "50000")
        assert sorted([(await socket.event())["subscriptionId"] for _ in range(4)]) == [0, 0, 2, 2]
        await socket.ask("userDataStream.unsubscribe")
        assert (await socket.ask("session.subscriptions"))["result"] == []
        assert venue.venue._watchers == {}


async def test_a_subscription_of_who_is_logged_on_ends_with_him(venue):
    signer = Signer(venue)
    async with connected(venue) as socket:
        await socket.ask("session.logon", **signer.params())
        assert (await socket.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        assert (await socket.ask("userDataStream.subscribe"))["error"]["code"] == -2035
        assert (await socket.ask("session.status"))["result"]["userDataStream"] is True
        await socket.ask("session.logout")
        assert (await socket.event()) == {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": MS}}
        assert venue.venue._watchers == {}


async def test_a_closed_connection_listens_no_more(venue):
    async with connected(venue) as socket:
        await socket.ask("userDataStream.subscribe.signature", **Asker(venue).params())
        assert list(venue.venue._watchers) == [1]
    await until(lambda: not venue.server.sockets.open)
    assert venue.venue._watchers == {}


async def test_orders_end_with_their_connection_where_it_was_opened_so(venue):
    one = Asker(venue)
    async with connected(venue, "cancelOnDisconnect=true") as socket:
        for _ in range(2):
            await socket.ask("order.place", **one.params(**{**ORDER, "newClientOrderId": f"n{_}"}))
        await one.place("BUY", "0.01", "48000")  # by REST: it stays
    await until(lambda: len(venue.venue.register.open(1)) == 1)
    assert venue.venue.register.open(1)[0].price == 4_800_000
    async with connected(venue) as socket:
        await socket.ask("order.place", **one.params(**ORDER))
    await until(lambda: not venue.server.sockets.open)
    assert len(venue.venue.register.open(1)) == 2


async def test_an_order_on_its_way_when_its_connection_ends_is_cancelled_too():
    journal = Held()
    async with await small(journal=journal) as venue:
        one = Asker(venue)
        async with connected(venue, "cancelOnDisconnect=true") as socket:
            await socket.socket.send_str(json.dumps({"id": 1, "method": "order.place", "params": one.params(**ORDER)}))
            await until(lambda: journal.commands)
        await until(lambda: not venue.server.sockets.open)
        journal.sync(venue.venue)
        await until(lambda: len(journal.commands) == 2)
        journal.sync(venue.venue)
        assert venue.venue.register.open(1) == []


async def test_times_are_told_in_microseconds_where_the_connection_asks_for_them(venue):
    one = Asker(venue)
    async with connected(venue, "timeUnit=MICROSECOND") as socket:
        await socket.ask("userDataStream.subscribe.signature", **one.params())
        assert (await socket.ask("order.place", **one.params(**ORDER)))["result"]["transactTime"] == START // 1000
        assert (await socket.event())["event"]["T"] == START // 1000


async def test_who_asks_too_much_over_a_socket_is_refused_then_banned_and_sent_away():
    async with await small(limits=Limits(weight_per_minute=4, offences=1)) as venue, connected(venue) as socket:
        assert (await socket.ask("session.status"))["status"] == 200
        told = await socket.ask("session.status")
        assert (told["status"], told["error"]["code"], "retryAfter" in told["error"]["data"]) == (429, -1003, True)
        assert (await socket.ask("session.status"))["status"] == 429
        assert (await socket.ask("session.status"))["status"] == 418
        assert (await socket.socket.receive()).type == aiohttp.WSMsgType.CLOSE
        assert venue.server.sockets.dropped == ["banned: too many requests"]
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with connected(venue):
                pass


async def test_a_listen_key_names_a_stream_for_an_hour_from_its_last_ping(venue):
    one, two, heard = Asker(venue), Asker(venue, 2), []
    told = await one.ask("POST", "userDataStream")
    key = told["listenKey"]
    assert (await one.ask("POST", "userDataStream")) == told
    assert venue.server.user_stream(key)
    assert not venue.server.user_stream("btcusdt@trade")
    leave = venue.server.join_user_stream(key, lambda payload: heard.append(json.loads(payload)))
    await one.place("BUY", "0.01", "50000")
    assert [event["e"] for event in heard] == ["executionReport", "outboundAccountPosition"]
    venue.clock.now += LIFE - 1_000_000
    assert await one.ask("PUT", "userDataStream", listenKey=key) == {}
    assert (await two.ask("PUT", "userDataStream", listenKey=key)) == {"code": -1125, "msg": "This listenKey does not exist."}
    venue.clock.now += LIFE
    assert not venue.server.user_stream(key)
    venue.server.private.sweep(venue.venue.now())
    assert heard[-1] == {"e": "listenKeyExpired", "E": venue.clock() // 1_000_000, "listenKey": key}
    assert venue.venue._watchers == {}
    leave()
    other = (await one.ask("POST", "userDataStream"))["listenKey"]
    assert other != key
    assert await one.ask("DELETE", "userDataStream", listenKey=other) == {}
    assert (await one.ask("DELETE", "userDataStream", listenKey=other))["code"] == -1125
