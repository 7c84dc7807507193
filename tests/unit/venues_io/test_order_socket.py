"""Order requests for Binance's WebSocket API, byte for byte."""

import json

import pytest

from polaris.domain.errors import BadMessage
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.orders import BUY, IOC, LIMIT, MARKET, POST_ONLY, SELL
from polaris.venues.binance import order_socket as orders
from polaris.venues.secrets import Secret

BTCUSDT = Instrument(
    id=InstrumentId(0),
    key=Key("binance", Product.SPOT, "BTC", "USDT"),
    wire="BTCUSDT",
    price_decimals=2,
    quantity_decimals=5,
    text_decimals=(8, 8),
)
DOCUMENTED = orders.Key(  # the pair of the venue's own documentation
    Secret("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"),
    Secret("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"),
)
NOW = 1_645_423_376_532 * 1_000_000


def test_the_signature_of_the_documented_example_is_the_documented_one():
    payload = (
        f"apiKey={DOCUMENTED.api_key.reveal()}&newOrderRespType=ACK&price=52000.00&quantity=0.01000000&recvWindow=100"
        "&side=SELL&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"
    )
    assert orders.sign(payload, DOCUMENTED.secret) == "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"


def test_a_signed_limit_order_has_sorted_parameters_and_a_signature_over_exactly_what_is_sent():
    payload = orders.place(BTCUSDT, SELL, LIMIT, 5_200_000, 1000, client="polaris-1", id="7", ts=NOW, key=DOCUMENTED, window_ms=100)
    request = json.loads(payload)
    params = request["params"]
    signature = params.pop("signature")
    assert (request["id"], request["method"]) == ("7", "order.place")
    assert list(params) == sorted(params)
    assert params["price"] == "52000.00000000" and params["quantity"] == "0.01000000"
    assert orders.sign("&".join(f"{name}={value}" for name, value in params.items()), DOCUMENTED.secret) == signature
    assert DOCUMENTED.secret.reveal().encode() not in payload


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (MARKET, {"type": "MARKET"}),
        (LIMIT, {"type": "LIMIT", "timeInForce": "GTC", "price": "1.00000000"}),
        (POST_ONLY, {"type": "LIMIT_MAKER", "price": "1.00000000"}),
        (IOC, {"type": "LIMIT", "timeInForce": "IOC", "price": "1.00000000"}),
    ],
)
def test_each_of_our_order_types_has_one_way_to_be_said(kind, said):
    params = json.loads(orders.place(BTCUSDT, BUY, kind, 100, 1, client="a", id="1", ts=NOW, key=None))["params"]
    assert {name: params.get(name) for name in ("type", "timeInForce", "price") if name in params} == said
    assert params["side"] == "BUY" and "signature" not in params and "apiKey" not in params


def test_a_cancel_names_the_order_as_we_called_it():
    params = json.loads(orders.cancel(BTCUSDT, "polaris-1", id="8", ts=NOW, key=None))["params"]
    assert params == {"origClientOrderId": "polaris-1", "recvWindow": 5000, "symbol": "BTCUSDT", "timestamp": 1645423376532}


@pytest.mark.parametrize("name", ["", "a" * 37, "a:b", "a/b", "a b", "é"])
def test_an_order_name_that_would_need_escapes_is_refused(name):
    with pytest.raises(ValueError, match="order name"):
        orders.place(BTCUSDT, BUY, LIMIT, 100, 1, client=name, id="1", ts=NOW, key=None)


def test_an_acknowledgement_tells_the_venues_number_and_time():
    said = b'{"id":"7","status":200,"result":{"symbol":"BTCUSDT","orderId":12569099453,"orderListId":-1,"clientOrderId":"polaris-1","transactTime":1660801715639},"rateLimits":[]}'
    ack = orders.answer(said)
    assert ack == orders.Ack("7", 200, 12569099453, "polaris-1", 1660801715639000000)
    assert ack.accepted


def test_a_refusal_tells_its_code_and_reason():
    ack = orders.answer(b'{"id":"7","status":400,"error":{"code":-2010,"msg":"Account has insufficient balance for requested action."},"rateLimits":[]}')
    assert not ack.accepted and ack.code == -2010 and "insufficient balance" in ack.reason


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1]", b'{"id":1}', b'{"status":"ok","id":1}', b"\xff"])
def test_what_is_no_answer_is_a_bad_message(payload):
    with pytest.raises(BadMessage, match="no answer to an order request"):
        orders.answer(payload)
