import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.security import rest_payload, socket_payload
from polaris.exchange.gateway.keys import READ, TRADE
from tests.unit.exchange.gateway.asking import Asker, sign
from tests.unit.exchange.gateway.bare import START, small

SECOND = 1_000_000_000
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}


@pytest.fixture
async def venue():
    async with await small() as running:
        yield running


async def heard(venue, asker, method, path, query="", body=b"", **more):
    request = asker.request(method, path, query, body, **more)
    venue.server.hear(request)
    venue.venue.turn()
    body, status, _ = request.answers[0]
    return status, json.loads(body)


async def test_a_signature_may_stand_in_the_query_the_body_or_cover_both(venue):
    asker = Asker(venue)
    text = f"timestamp={asker.now}"
    signature = sign(asker.secret, text)
    assert (await heard(venue, asker, "GET", "openOrders", f"{text}&signature={signature}"))[0] == 200
    assert (await heard(venue, asker, "GET", "openOrders", f"signature={signature}&{text}"))[0] == 200
    one, other = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC", f"quantity=0.01&price=50000&{text}"
    both = sign(asker.secret, one + other)
    assert (await heard(venue, asker, "POST", "order", "", f"{one}&{other}&signature={sign(asker.secret, f'{one}&{other}')}".encode()))[0] == 200
    assert (await heard(venue, asker, "POST", "order", one, f"{other}&signature={both}&signatures=no".encode()))[0] == 400
    assert (await heard(venue, asker, "POST", "order", one, f"{other}&signature={both}".encode()))[0] == 200


async def test_what_was_changed_after_signing_is_refused_and_nothing_happens(venue):
    asker = Asker(venue)
    query = asker.query(**ORDER)
    for changed in (query.replace("0.01", "0.02"), query.replace("BUY", "SELL"), query[:-1] + ("0" if query[-1] != "0" else "1"), query + "&newClientOrderId=x"):
        assert await heard(venue, asker, "POST", "order", changed) == (400, {"code": -1022, "msg": "Signature for this request is not valid."})
    other = Asker(venue)
    assert (await heard(venue, other, "POST", "order", query))[1]["code"] == -1022  # signed with another key's secret
    assert venue.venue.seq == 0


async def test_a_request_without_signature_timestamp_or_key_says_what_is_missing(venue):
    asker = Asker(venue)
    assert await heard(venue, asker, "GET", "account", "timestamp=1") == (400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."})
    missing = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
    assert await heard(venue, asker, "GET", "account", f"timestamp={asker.now}") == (400, {"code": -1102, "msg": missing.format("signature")})
    assert await heard(venue, asker, "GET", "account") == (400, {"code": -1102, "msg": missing.format("timestamp")})
    assert await heard(venue, asker, "GET", "account", key="") == (401, {"code": -2014, "msg": "API-key format invalid."})
    assert await heard(venue, asker, "GET", "account", key="ü ") == (401, {"code": -2014, "msg": "API-key format invalid."})
    assert await heard(venue, asker, "GET", "account", asker.query(), key="a" * 64) == (
        401,
        {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
    )


@pytest.mark.parametrize(
    ("offset_ms", "window", "code"),
    [
        (0, None, 0),
        (-5000, None, 0),
        (-5001, None, -1021),
        (999, None, 0),
        (1000, None, -1021),
        (-100, "100", 0),
        (-101, "100", -1021),
        (-1, "0.5", -1021),
        (-1, "1.5", 0),
        (-60_000, "60000", 0),
        (0, "60001", -1131),
        (0, "60000.001", -1131),
        (0, "x", -1100),
        (0, "-1", -1100),
    ],
)
async def test_a_request_is_good_from_a_second_before_its_time_until_its_window_ends(venue, offset_ms, window, code):
    asker = Asker(venue)
    more = {} if window is None else {"recvWindow": window}
    status, told = await heard(venue, asker, "GET", "rateLimit/order", asker.query(timestamp=asker.now + offset_ms, **more))
    assert (0 if status == 200 else told["code"]) == code


async def test_a_timestamp_may_be_in_microseconds(venue):
    asker = Asker(venue)
    assert (await heard(venue, asker, "GET", "account", asker.query(timestamp=START // 1000)))[0] == 200
    assert (await heard(venue, asker, "GET", "account", asker.query(timestamp=START // 1000 + 1_000_000)))[1]["code"] == -1021


async def test_a_key_does_what_its_scopes_say_and_only_from_where_it_may(venue):
    reader, trader, far = Asker(venue, scopes=frozenset({READ})), Asker(venue, scopes=frozenset({TRADE})), Asker(venue, addresses=("10.0.0.0/8",))
    assert (await heard(venue, reader, "GET", "openOrders", reader.query()))[0] == 200
    assert (await heard(venue, reader, "POST", "order", reader.query(**ORDER)))[1]["code"] == -2015
    assert (await heard(venue, trader, "POST", "order", trader.query(**ORDER)))[0] == 200
    assert (await heard(venue, trader, "GET", "openOrders", trader.query()))[1]["code"] == -2015
    assert (await heard(venue, far, "GET", "openOrders", far.query()))[1]["code"] == -2015
    venue.keys.revoke(trader.key.name)
    assert (await heard(venue, trader, "POST", "order", trader.query(**ORDER)))[1]["code"] == -2015


async def test_the_same_signed_order_is_taken_once(venue):
    asker = Asker(venue)
    query = asker.query(**ORDER)
    assert (await heard(venue, asker, "POST", "order", query))[0] == 200
    assert await heard(venue, asker, "POST", "order", query) == (400, {"code": -2010, "msg": "Duplicate order sent."})
    front = query.rpartition("&signature=")
    assert (await heard(venue, asker, "POST", "order", f"signature={front[2].upper()}&{front[0]}"))[1]["code"] == -2010  # the same bytes signed, sent otherwise
    venue.clock.now += 6 * SECOND
    assert (await heard(venue, asker, "POST", "order", query))[1]["code"] == -1021
    assert len(venue.venue.register.open(1)) == 1


async def test_what_is_remembered_of_orders_outlives_the_longest_window(venue):
    asker, sent = Asker(venue), []
    for number in range(40):
        query = asker.query(recvWindow=60_000, newClientOrderId=f"n{number}", **ORDER)
        assert (await heard(venue, asker, "POST", "order", query))[0] == 200
        sent = [*sent[-11:], query]
        for before in sent:  # all of the last 55 seconds, whenever what is remembered was turned over
            assert (await heard(venue, asker, "POST", "order", before))[1]["code"] == -2010
        await heard(venue, asker, "DELETE", "openOrders", asker.query(symbol="BTCUSDT"))
        venue.clock.now += 5 * SECOND
        venue.server.orders.give_back(1, 10, venue.clock.now)


async def test_a_parameter_sent_twice_is_refused_and_the_querys_goes_before_the_bodys(venue):
    asker = Asker(venue)
    text = f"symbol=BTCUSDT&symbol=ETHUSDT&timestamp={asker.now}"
    status, told = await heard(venue, asker, "GET", "openOrders", f"{text}&signature={sign(asker.secret, text)}")
    assert (status, told["code"]) == (400, -1101)
    query, body = "symbol=ETHUSDT", f"symbol=BTCUSDT&timestamp={asker.now}"
    signed = f"{body}&signature={sign(asker.secret, query + body)}".encode()
    assert (await heard(venue, asker, "DELETE", "openOrders", query, signed))[1]["code"] == -2011  # nothing of ETHUSDT is open


def test_what_a_signature_covers_is_what_was_sent_without_it():
    assert rest_payload("a=1&signature=x&b=%20", "c=3&signature=y") == b"a=1&b=%20c=3"
    assert rest_payload("signature=x&a=1", "signature=x") == b"a=1"
    assert socket_payload({"b": "2", "signature": "x", "a": "1", "B": "3"}) == b"B=3&a=1&b=2"


async def test_an_ed25519_key_signs_over_rest_too(venue):
    private = Ed25519PrivateKey.generate()
    key = venue.keys.create_ed25519(1, base64.b64encode(private.public_key().public_bytes_raw()).decode())
    asker = Asker(venue)
    text = f"timestamp={asker.now}"
    signature = base64.b64encode(private.sign(text.encode())).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    assert (await heard(venue, asker, "GET", "account", f"{text}&signature={signature}", key=key.name))[0] == 200
    assert (await heard(venue, asker, "GET", "account", f"{text}0&signature={signature}", key=key.name))[0] == 400


async def test_every_answer_tells_the_weight_used_and_orders_their_counts(venue):
    asker = Asker(venue)
    await asker.ask("GET", "openOrders", symbol="BTCUSDT")
    assert asker.headers == {"X-MBX-USED-WEIGHT": "6", "X-MBX-USED-WEIGHT-1M": "6"}
    await asker.place("BUY", "0.01", "50000")
    assert asker.headers == {"X-MBX-USED-WEIGHT": "7", "X-MBX-USED-WEIGHT-1M": "7", "X-MBX-ORDER-COUNT-10S": "1", "X-MBX-ORDER-COUNT-1D": "1"}
    venue.clock.now += 60 * SECOND
    await asker.ask("GET", "nothing")
    assert (asker.status, asker.headers) == (404, {"X-MBX-USED-WEIGHT": "1", "X-MBX-USED-WEIGHT-1M": "1"})


async def test_who_asks_too_much_is_told_to_wait_and_who_does_not_is_banned_twice_as_long_each_time():
    async with await small(limits=Limits(weight_per_minute=100, offences=2)) as venue:
        asker = Asker(venue)
        await asker.ask("GET", "openOrders")
        for _ in range(2):
            told = await asker.ask("GET", "openOrders")
            assert (asker.status, told["code"], asker.headers["Retry-After"]) == (429, -1003, str(60 - (START // SECOND) % 60))
        told = await asker.ask("GET", "openOrders")
        assert (asker.status, told["code"]) == (429, -1003)
        told = await asker.ask("GET", "system")
        assert (asker.status, told["code"], asker.headers["Retry-After"]) == (418, -1003, "120")
        assert "IP banned until" in told["msg"]
        venue.clock.now += 120 * SECOND
        for _ in range(5):
            await asker.ask("GET", "openOrders")
        assert (asker.status, asker.headers["Retry-After"]) == (418, "240")


async def test_orders_are_counted_by_account_and_given_back_where_they_trade():
    async with await small(limits=Limits(orders_per_ten_seconds=3, orders_per_day=5)) as venue:
        asker, other = Asker(venue), Asker(venue, 2)
        for _ in range(3):
            await asker.place("BUY", "0.01", "50000")
        told = await asker.place("BUY", "0.01", "50000")
        assert (asker.status, told) == (429, {"code": -1015, "msg": "Too many new orders; current limit is 3 orders per 10 SECONDS."})
        await other.place("SELL", "0.015", "50000")  # fills one order of the first, and begins with the next
        assert other.headers["X-MBX-ORDER-COUNT-10S"] == "1"  # as it was when the order came
        assert [each["count"] for each in await asker.ask("GET", "rateLimit/order")] == [0, 0]
        for _ in range(3):
            await asker.place("BUY", "0.01", "40000")
        await other.place("SELL", "0.001", "50000")  # fills more of an order that gave back already
        assert [each["count"] for each in await asker.ask("GET", "rateLimit/order")] == [3, 3]
        await asker.ask("DELETE", "openOrders", symbol="BTCUSDT")
        venue.clock.now += 86_400 * SECOND
        told = await other.place("BUY", "0.000001", "50000")
        assert told["code"] == -1013
        assert [each["count"] for each in await other.ask("GET", "rateLimit/order")] == [0, 0]
        venue.clock.now += 10 * SECOND
        for _ in range(3):
            await asker.place("BUY", "0.01", "40000")
        venue.clock.now += 10 * SECOND
        for _ in range(3):
            told = await asker.place("BUY", "0.01", "40000")
        assert told["msg"] == "Too many new orders; current limit is 5 orders per 1 DAY."


async def test_a_fault_of_ours_is_answered_and_told_to_nobody(venue, caplog):
    asker = Asker(venue)
    venue.venue.rules = None
    assert await heard(venue, asker, "GET", "account", asker.query()) == (
        500,
        {"code": -1000, "msg": "An unknown error occurred while processing the request."},
    )
    assert asker.secret not in caplog.text
