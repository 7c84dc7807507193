import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange import words as w
from polaris.exchange.gateway.binance.call import Call
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.binance.wanted import TYPES, Wanted, read, response, strategy, strategy_of
from polaris.exchange.words import (
    EXPIRE_BOTH,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    MARKET_AMOUNT,
    POST_ONLY,
    STOP,
    STOP_LIMIT,
    TAKE_PROFIT_LIMIT,
    TRAILING_STOP,
    TRAILING_STOP_LIMIT,
)
from tests.unit.exchange.gateway.bare import RULES

FIGURES = Figures(RULES.listings[0])
BASE = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.01"}
LIMITED = {**BASE, "type": "LIMIT", "timeInForce": "GTC", "price": "50000"}


def wanted(params, **more):
    return read(Call(params, lambda *_: None, 0), FIGURES, 0, **more)


def fields(order: Wanted):
    return order.side, order.order_type, order.time_in_force, order.price, order.quantity, order.trigger, order.display


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (LIMITED, (BUY, LIMIT, GTC, 5_000_000, 1000, 0, 0)),
        ({**LIMITED, "timeInForce": "FOK", "side": "SELL"}, (SELL, LIMIT, FOK, 5_000_000, 1000, 0, 0)),
        ({**LIMITED, "icebergQty": "0.001"}, (BUY, LIMIT, GTC, 5_000_000, 1000, 0, 100)),
        ({**LIMITED, "icebergQty": "0"}, (BUY, LIMIT, GTC, 5_000_000, 1000, 0, 0)),
        ({**BASE, "type": "LIMIT_MAKER", "price": "50000.01"}, (BUY, LIMIT, POST_ONLY, 5_000_001, 1000, 0, 0)),
        ({**BASE, "type": "MARKET"}, (BUY, MARKET, IOC, 0, 1000, 0, 0)),
        ({"side": "BUY", "type": "MARKET", "quoteOrderQty": "100"}, (BUY, MARKET_AMOUNT, IOC, 0, 1_000_000_000, 0, 0)),
        ({**BASE, "type": "STOP_LOSS", "stopPrice": "45000"}, (BUY, STOP, IOC, 0, 1000, 4_500_000, 0)),
        ({**LIMITED, "type": "STOP_LOSS_LIMIT", "stopPrice": "45000"}, (BUY, STOP_LIMIT, GTC, 5_000_000, 1000, 4_500_000, 0)),
        ({**LIMITED, "type": "TAKE_PROFIT_LIMIT", "stopPrice": "45000", "timeInForce": "IOC"}, (BUY, TAKE_PROFIT_LIMIT, IOC, 5_000_000, 1000, 4_500_000, 0)),
        ({**BASE, "type": "STOP_LOSS", "trailingDelta": "100"}, (BUY, TRAILING_STOP, IOC, 0, 1000, 0, -100)),
        ({**BASE, "type": "TAKE_PROFIT", "trailingDelta": "100"}, (BUY, TRAILING_STOP, IOC, 0, 1000, 0, -100)),
        (
            {**LIMITED, "type": "TAKE_PROFIT_LIMIT", "trailingDelta": "100", "stopPrice": "45000"},
            (BUY, TRAILING_STOP_LIMIT, GTC, 5_000_000, 1000, 4_500_000, -100),
        ),
    ],
)
def test_every_order_type_becomes_its_command(params, expected):
    assert fields(wanted(params)) == expected


def test_a_stop_loss_trails_from_a_price_that_is_bad_for_it_and_a_take_profit_from_a_good_one():
    for kind, flags in (("STOP_LOSS", w.FROM_WORSE), ("STOP_LOSS_LIMIT", w.FROM_WORSE), ("TAKE_PROFIT", 0), ("TAKE_PROFIT_LIMIT", 0)):
        shape = LIMITED if kind.endswith("LIMIT") else BASE
        assert wanted({**shape, "type": kind, "trailingDelta": "100", "stopPrice": "45000"}).flags == flags
        assert wanted({**shape, "type": kind, "trailingDelta": "100"}).flags == 0


def test_a_leg_is_read_by_its_prefix_and_shares_what_its_list_shares():
    params = {
        "side": "SELL", "quantity": "0.02", "belowType": "STOP_LOSS_LIMIT", "belowPrice": "44000", "belowStopPrice": "45000", "belowTimeInForce": "GTC",
        "belowClientOrderId": "leg", "belowStrategyId": "7", "selfTradePreventionMode": "EXPIRE_BOTH", "newClientOrderId": "not this one",
    }  # fmt: skip
    order = wanted(params, prefix="below", side="side", quantity="quantity")
    assert fields(order) == (SELL, STOP_LIMIT, GTC, 4_400_000, 2000, 4_500_000, 0)
    assert (order.client_id, order.prevention, strategy_of(order.number)) == ("leg", EXPIRE_BOTH, (7, None))


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"side": None}, -1102, "'side'"),
        ({"side": "BOTH"}, -1117, "Invalid side."),
        ({"type": "STOP"}, -1116, "Invalid orderType."),
        ({"type": ""}, -1102, "'type'"),
        ({"timeInForce": None}, -1102, "'timeInForce'"),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"price": None}, -1102, "'price'"),
        ({"price": ""}, -1105, "'price' was empty"),
        ({"price": "1e5"}, -1100, "'price'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'"),
        ({"price": "-1"}, -1100, "'price'"),
        ({"price": "0"}, -1013, "Invalid price."),
        ({"price": "50000.001"}, -1013, "PRICE_FILTER"),
        ({"price": "50000.000000001"}, -1111, "'price' has too much precision"),
        ({"price": "1"}, -1013, "PRICE_FILTER"),
        ({"price": "99999999999999999999"}, -1013, "PRICE_FILTER"),
        ({"quantity": None}, -1102, "'quantity'"),
        ({"quantity": "0.000"}, -1013, "Invalid quantity."),
        ({"quantity": "0.000001"}, -1013, "LOT_SIZE"),
        ({"quantity": "0.0000000001"}, -1111, "'quantity' has too much precision"),
        ({"quantity": "99999999999999999999"}, -1013, "LOT_SIZE"),
        ({"stopPrice": "45000"}, -1106, "'stopPrice' sent when not required"),
        ({"trailingDelta": "5"}, -1106, "'trailingDelta'"),
        ({"quoteOrderQty": "5"}, -1106, "'quoteOrderQty'"),
        ({"icebergQty": "0.02"}, -2010, "IcebergQty exceeds QTY."),
        ({"icebergQty": "0.001", "timeInForce": "IOC"}, -1106, "'icebergQty'"),
        ({"type": "MARKET", "timeInForce": None}, -1106, "'price'"),
        ({"type": "MARKET", "price": None}, -1106, "'timeInForce'"),
        ({"type": "MARKET", "price": None, "timeInForce": None, "quoteOrderQty": "5"}, -1106, "'quantity'"),
        ({"type": "MARKET", "price": None, "timeInForce": None, "quantity": None, "quoteOrderQty": "1"}, -1013, "NOTIONAL"),
        ({"type": "STOP_LOSS_LIMIT"}, -1102, "'stopPrice'"),
        ({"type": "STOP_LOSS_LIMIT", "trailingDelta": "0"}, -1013, "Filter failure: TRAILING_DELTA"),
        ({"type": "TAKE_PROFIT_LIMIT", "trailingDelta": "10000"}, -1013, "Filter failure: TRAILING_DELTA"),
        ({"type": "STOP_LOSS_LIMIT", "trailingDelta": "10", "icebergQty": "0.001"}, -1106, "'icebergQty'"),
        ({"selfTradePreventionMode": "MAYBE"}, -1130, "'selfTradePreventionMode'"),
        ({"newClientOrderId": "with space"}, -1100, "'newClientOrderId'"),
        ({"newClientOrderId": "a" * 37}, -1100, "'newClientOrderId'"),
        ({"strategyType": "999999"}, -1134, "strategyType"),
        ({"strategyId": "x"}, -1100, "'strategyId'"),
        ({"strategyId": str(2**60)}, -1130, "'strategyId'"),
    ],
)
def test_a_wrong_order_is_refused_with_binances_code(change, code, text):
    params = {name: value for name, value in {**LIMITED, **change}.items() if value is not None}
    with pytest.raises(Refusal) as raised:
        wanted(params)
    assert raised.value.code == code
    assert text in raised.value.text


def test_who_names_no_order_has_a_name_made_for_it():
    one, other = wanted(LIMITED), wanted(LIMITED)
    assert len(one.client_id) == 22
    assert one.client_id != other.client_id
    assert wanted({**LIMITED, "newClientOrderId": "mine"}).client_id == "mine"


@pytest.mark.parametrize(("kind", "shown"), [("LIMIT", "FULL"), ("MARKET", "FULL"), ("LIMIT_MAKER", "ACK"), ("STOP_LOSS", "ACK")])
def test_the_answer_is_as_full_as_binances_is_by_default(kind, shown):
    assert response(Call({}, lambda *_: None, 0), kind) == shown
    assert response(Call({"newOrderRespType": "RESULT"}, lambda *_: None, 0), kind) == "RESULT"


@given(st.none() | st.integers(0, 2**40 - 2), st.none() | st.integers(1_000_000, 5_000_000))
def test_a_strategys_id_and_type_travel_in_one_number(name, kind):
    params = {key: str(value) for key, value in {"strategyId": name, "strategyType": kind}.items() if value is not None}
    assert strategy_of(strategy(Call(params, lambda *_: None, 0), "strategyId", "strategyType")) == (name, kind)


words = st.sampled_from(["", "0", "1", "0.01", "50000", "BUY", "SELL", "GTC", "true", "-1", "1e9", "x", *TYPES]) | st.text(max_size=8)
names = ["side", "type", "timeInForce", "price", "quantity", "quoteOrderQty", "stopPrice", "trailingDelta", "icebergQty", "newClientOrderId", "strategyId"]


@given(st.dictionaries(st.sampled_from([*names, "strategyType", "selfTradePreventionMode"]), words))
def test_any_parameters_are_an_order_or_a_refusal(params):
    try:
        order = wanted(params)
    except Refusal as refusal:
        assert refusal.code < -1000
        return
    assert len(order.command(1, 1)) == 64
