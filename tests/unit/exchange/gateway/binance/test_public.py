"""Tests for what anybody may ask of the Binance dialect, by value; the shapes are held against real documents in conformance."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange import words as w
from polaris.exchange.gateway.binance.call import Call
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.figures import Figures, percent
from polaris.exchange.gateway.binance.public import day_weight, depth_weight
from polaris.exchange.listing import Asset, Listing
from polaris.exchange.marketdata import DAY, HOUR, MINUTE, SECOND
from tests.unit.exchange.gateway.binance.small_market import RULES, START, SmallMarket, lively

MS = 1_000_000


@pytest.fixture
def market():
    return lively()


def refused(market, path, **params):
    with pytest.raises(Refusal) as caught:
        market.ask(path, **params)
    return caught.value.code


def test_numbers_have_eight_decimals_and_more_where_an_asset_has_more():
    figures = Figures(RULES.listings[0])
    assert (figures.price(6_012_345), figures.quantity(100), figures.amount(6_012_345 * 100)) == ("60123.45000000", "0.00100000", "60.12345000")
    assert figures.price(-1) == "-0.01000000"
    shib = Figures(Listing("SHIBUSDT", Asset("SHIB", 18), Asset("USDT", 12), "0.0000000001", "1"))
    assert (shib.price(123), shib.quantity(7), shib.amount(123 * 7)) == ("0.000000012300", "7.000000000000000000", "0.000000086100")


@given(st.integers(1, 10**7), st.integers(1, 10**9))
def test_an_average_is_the_nearest_to_eight_decimals(price, lots):
    figures = Figures(RULES.listings[0])
    assert figures.average(price * lots, lots) == figures.price(price)
    assert figures.average(2, 3) == "0.00666667"
    assert figures.average(0, 0) == "0.00000000"


def test_percents_have_three_decimals():
    assert [percent(*pair) for pair in ((-1, 8), (1, 3), (0, 5), (5, 0), (-1, 10**9))] == ["-12.500", "33.333", "0.000", "0.000", "0.000"]


def test_ping_and_time(market):
    assert market.ask("ping") == {}
    assert market.ask("time") == {"serverTime": market.now // MS}


def test_the_book_is_the_engines(market):
    book = market.ask("depth", symbol="BTCUSDT", limit=2)
    assert book["bids"] == [["59900.50000000", "0.10000000"], ["59899.50000000", "0.10000000"]]
    assert book["asks"] == [["60100.25000000", "0.20000000"], ["60101.25000000", "0.20000000"]]
    assert book["lastUpdateId"] == market.broadcast.market.update_id(0)
    assert len(market.ask("depth", symbol="BTCUSDT")["bids"]) == 30
    assert market.ask("depth", symbol="ETHBTC") == {"lastUpdateId": 0, "bids": [], "asks": []}


def test_trades_are_told_oldest_first(market):
    trades = market.ask("trades", symbol="BTCUSDT", limit=2)
    assert [(trade["id"], trade["price"], trade["isBuyerMaker"]) for trade in trades] == [(4, "60020.00000000", False), (5, "60005.00000000", True)]
    assert trades[0]["quoteQty"] == "300.10000000"
    assert [trade["id"] for trade in market.ask("historicalTrades", symbol="BTCUSDT", fromId=2, limit=2)] == [2, 3]
    assert [trade["id"] for trade in market.ask("historicalTrades", symbol="BTCUSDT")] == [1, 2, 3, 4, 5]


def test_what_one_taker_takes_at_one_price_is_one_aggregate(market):
    for _ in range(3):
        market.order(SELL, "60050.00", "0.10000")
    market.order(BUY, "60050.00", "0.25000")
    newest = market.ask("aggTrades", symbol="BTCUSDT")[-1]
    assert (newest["f"], newest["l"], newest["q"], newest["m"]) == (6, 8, "0.25000000", False)
    assert [each["a"] for each in market.ask("aggTrades", symbol="BTCUSDT", fromId=5)] == [5, 6]
    start = START // MS
    assert [each["a"] for each in market.ask("aggTrades", symbol="BTCUSDT", startTime=start, endTime=start + 120_000)] == [1, 2, 3]
    assert refused(market, "aggTrades", symbol="BTCUSDT", fromId=1, startTime=start) == -1128


def test_candles_hold_what_traded(market):
    candles = market.ask("klines", symbol="BTCUSDT", interval="1m", limit=6)
    assert [candle[1] for candle in candles] == ["60000.00000000", "60010.50000000", "59990.25000000", "60020.00000000", "60005.00000000", "60005.00000000"]
    first = candles[0]
    assert (first[0], first[6], first[5], first[7], first[8], first[11]) == (START // MS, START // MS + 59_999, "0.00500000", "300.00000000", 1, "0")
    assert candles[5][8] == 0
    five = market.ask("klines", symbol="BTCUSDT", interval="5m", startTime=START // MS, limit=1)[0]
    assert five[1:5] == ["60000.00000000", "60020.00000000", "59990.25000000", "60005.00000000"]
    assert five[9] == "0.01000000"
    assert market.ask("uiKlines", symbol="BTCUSDT", interval="1m", limit=6) == candles
    assert market.ask("klines", symbol="ETHBTC", interval="1m") == []


def test_microseconds_are_told_and_understood(market):
    call = Call({"symbol": "BTCUSDT", "interval": "1m", "startTime": str(START // 1000), "limit": "1"}, lambda *_: None, market.now, micros=True)
    [candle] = json.loads(market.public.klines(call))
    assert (candle[0], candle[6]) == (START // 1000, START // 1000 + 60_000_000 - 1)


def test_the_day_is_the_last_24_hours(market):
    day = market.ask("ticker/24hr", symbol="BTCUSDT")
    assert (day["openPrice"], day["highPrice"], day["lowPrice"], day["lastPrice"]) == ("60000.00000000", "60020.00000000", "59990.25000000", "60005.00000000")
    assert (day["priceChange"], day["priceChangePercent"], day["weightedAvgPrice"]) == ("5.00000000", "0.008", "60005.15000000")
    assert (day["bidPrice"], day["bidQty"], day["askPrice"], day["askQty"]) == ("59900.50000000", "0.10000000", "60100.25000000", "0.20000000")
    assert (day["firstId"], day["lastId"], day["count"], day["volume"], day["lastQty"]) == (1, 5, 5, "0.02500000", "0.00500000")
    assert day["closeTime"] == market.now // MS
    market.now += DAY
    quiet = market.ask("ticker/24hr", symbol="BTCUSDT")
    assert (quiet["count"], quiet["lastPrice"], quiet["priceChange"], quiet["firstId"]) == (0, "60005.00000000", "0.00000000", -1)


def test_tickers_of_one_some_or_all(market):
    assert isinstance(market.ask("ticker/24hr", symbol="BTCUSDT"), dict)
    assert [each["symbol"] for each in market.ask("ticker/24hr")] == ["BTCUSDT", "ETHUSDT", "ETHBTC"]
    assert [each["symbol"] for each in market.ask("ticker/price", symbols=["ETHBTC", "BTCUSDT"])] == ["ETHBTC", "BTCUSDT"]
    assert market.ask("ticker/price", symbol="BTCUSDT") == {"symbol": "BTCUSDT", "price": "60005.00000000"}
    assert market.ask("ticker/price", symbol="ETHBTC")["price"] == "0.00000000"
    assert market.ask("ticker/bookTicker", symbol="BTCUSDT")["askPrice"] == "60100.25000000"
    assert market.ask("ticker/24hr", symbol="BTCUSDT", type="MINI").keys() < market.ask("ticker/24hr", symbol="BTCUSDT").keys()


def test_a_window_opens_on_a_minute(market):
    market.now += 30 * SECOND
    ticker = market.ask("ticker", symbol="BTCUSDT", windowSize="3m")
    assert (ticker["openTime"], ticker["closeTime"]) == ((START + 2 * MINUTE) // MS, market.now // MS)
    assert (ticker["count"], ticker["openPrice"]) == (3, "59990.25000000")


def test_a_trading_day_begins_at_midnight_of_its_zone(market):
    assert market.ask("ticker/tradingDay", symbol="BTCUSDT")["openTime"] == START // MS
    day = market.ask("ticker/tradingDay", symbol="BTCUSDT", timeZone="-1:00")
    assert (day["openTime"], day["closeTime"], day["count"]) == ((START - 23 * HOUR) // MS, (START + HOUR) // MS - 1, 5)
    assert market.ask("ticker/tradingDay", symbols=["BTCUSDT"], timeZone="05:45")[0]["openTime"] == (START - 5 * HOUR - 45 * MINUTE) // MS


def test_the_average_price_is_of_five_minutes(market):
    assert market.ask("avgPrice", symbol="BTCUSDT") == {"mins": 5, "price": "60005.15000000", "closeTime": (START + 4 * MINUTE) // MS}
    assert market.ask("avgPrice", symbol="ETHBTC")["price"] == "0.00000000"


def test_exchange_info_tells_every_rule(market):
    info = market.ask("exchangeInfo")
    assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT", "ETHUSDT", "ETHBTC"]
    filters = {each["filterType"]: each for each in info["symbols"][0]["filters"]}
    assert (filters["PRICE_FILTER"]["minPrice"], filters["PRICE_FILTER"]["tickSize"]) == ("50000.00000000", "0.01000000")
    assert (filters["LOT_SIZE"]["minQty"], filters["LOT_SIZE"]["maxQty"], filters["LOT_SIZE"]["stepSize"]) == ("0.00001000", "9000.00000000", "0.00001000")
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    assert info["exchangeFilters"] == [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 200}]
    assert [limit["rateLimitType"] for limit in info["rateLimits"]] == ["REQUEST_WEIGHT", "ORDERS", "ORDERS"]


def test_exchange_info_of_some(market):
    assert [each["symbol"] for each in market.ask("exchangeInfo", symbol="ETHBTC")["symbols"]] == ["ETHBTC"]
    assert [each["symbol"] for each in market.ask("exchangeInfo", symbols=["ETHBTC", "BTCUSDT"])["symbols"]] == ["ETHBTC", "BTCUSDT"]
    assert len(market.ask("exchangeInfo", permissions="SPOT")["symbols"]) == 3
    assert market.ask("exchangeInfo", permissions=["MARGIN", "LEVERAGED"])["symbols"] == []
    assert "permissionSets" not in market.ask("exchangeInfo", symbol="ETHBTC", showPermissionSets="false")["symbols"][0]
    assert market.ask("exchangeInfo", symbolStatus="HALT")["symbols"] == []


def test_a_halted_book_says_so(market):
    market.broadcast.phases[1] = w.HALTED
    assert [each["status"] for each in market.ask("exchangeInfo")["symbols"]] == ["TRADING", "HALT", "TRADING"]
    assert [each["symbol"] for each in market.ask("exchangeInfo", symbolStatus="HALT")["symbols"]] == ["ETHUSDT"]
    assert [each["symbol"] for each in market.ask("ticker/price", symbolStatus="TRADING")] == ["BTCUSDT", "ETHBTC"]


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("depth", {}, -1102),
        ("depth", {"symbol": "DOGEUSDT"}, -1121),
        ("depth", {"symbol": "btcusdt"}, -1100),
        ("depth", {"symbol": "BTCUSDT", "limit": "many"}, -1100),
        ("depth", {"symbol": "BTCUSDT", "limit": 0}, -1130),
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("klines", {"symbol": "BTCUSDT", "interval": "1d", "timeZone": "8"}, -1128),
        ("klines", {"symbol": "BTCUSDT", "interval": "1d", "timeZone": "15"}, -1130),
        ("ticker/24hr", {"symbol": "BTCUSDT", "symbols": ["BTCUSDT"]}, -1128),
        ("ticker/24hr", {"symbols": "BTCUSDT"}, -1135),
        ("ticker/24hr", {"symbols": []}, -1105),
        ("ticker/24hr", {"symbols": ["BTCUSDT", "BTCUSDT"]}, -1151),
        ("ticker/24hr", {"symbol": "BTCUSDT", "type": "HUGE"}, -1130),
        ("ticker/tradingDay", {}, -1102),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "60m"}, -1130),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "0m"}, -1130),
        ("exchangeInfo", {"symbol": "BTCUSDT", "symbols": ["ETHBTC"]}, -1128),
        ("exchangeInfo", {"permissions": "EVERYTHING"}, -1130),
        ("exchangeInfo", {"symbolStatus": "SLEEPING"}, -1130),
        ("historicalTrades", {"symbol": "BTCUSDT", "fromId": -1}, -1100),
    ],
)
def test_what_can_not_be_asked_is_refused_in_the_dialect(market, path, params, code):
    assert refused(market, path, **params) == code


def test_how_far_a_book_trades_from_its_last_trade_is_an_execution_rule(market):
    told = market.ask("executionRules")["symbolRules"]
    rule = {"ruleType": "PRICE_RANGE", "bidLimitMultUp": "1.2", "bidLimitMultDown": "0.8", "askLimitMultUp": "1.2", "askLimitMultDown": "0.8"}
    assert told == [{"symbol": "BTCUSDT", "rules": [rule]}, {"symbol": "ETHUSDT", "rules": []}, {"symbol": "ETHBTC", "rules": []}]
    assert market.ask("executionRules", symbol="BTCUSDT")["symbolRules"] == told[:1]
    assert market.ask("executionRules", symbols='["ETHBTC"]')["symbolRules"] == told[2:]
    assert market.ask("executionRules", symbolStatus="HALT")["symbolRules"] == []
    price = market.ask("ticker/price", symbol="BTCUSDT")["price"]
    assert market.ask("referencePrice", symbol="BTCUSDT") == {"symbol": "BTCUSDT", "referencePrice": price, "timestamp": market.now // MS}
    assert market.ask("referencePrice", symbol="ETHBTC")["referencePrice"] is None


def test_weights_are_binances():
    assert [depth_weight({"limit": str(limit)}) for limit in (1, 100, 101, 500, 501, 1000, 1001, 5000)] == [5, 5, 25, 25, 50, 50, 250, 250]
    assert depth_weight({}) == depth_weight({"limit": "x"}) == 5
    assert [day_weight(params) for params in ({"symbol": "A"}, {}, {"symbols": '["A"]'}, {"symbols": ",".join("A" * 21)}, {"symbols": "," * 100})] == [2, 80, 2, 40, 80]


PATHS = ("depth", "trades", "historicalTrades", "aggTrades", "klines", "avgPrice", "ticker/24hr", "ticker/tradingDay", "ticker", "ticker/price", "exchangeInfo")
NAMES = ("symbol", "symbols", "limit", "fromId", "startTime", "endTime", "interval", "timeZone", "windowSize", "type", "permissions", "symbolStatus")
VALUES = st.one_of(st.text(max_size=12), st.sampled_from(["BTCUSDT", "1m", "1M", '["BTCUSDT"]', "0", "9223372036854775807", "99999999999999999999", "-1", "[[", "1e3", "²"]))
WHOLE = SmallMarket()
WHOLE.trade("60000.00", "0.1")


@given(st.sampled_from(PATHS), st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5))
def test_whatever_is_asked_is_answered_or_refused(path, params):
    before = WHOLE.engine.digest()
    endpoint = WHOLE.handlers[path]
    try:
        if not isinstance(endpoint.weight, int):
            assert 0 < endpoint.weight(params) <= 250
        json.loads(endpoint.handler(Call(params, lambda *_: None, WHOLE.now)))
    except Refusal as refusal:
        assert refusal.status == 400 and refusal.code < -1000
    assert WHOLE.engine.digest() == before
