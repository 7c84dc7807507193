"""The Binance dialect of our exchange holds, field by field, what real documents and frames of Binance hold: names, order, kinds.

Where ours differs, it is said here by name: fields that Binance has added since a recording was made, and what an old one still had.
"""

import gzip
import json
import re
from functools import partial
from typing import Any

import pytest

from polaris.domain.orders import BUY, SELL
from polaris.exchange.gateway.binance import shown
from polaris.exchange.marketdata import SECOND
from tests.unit.exchange.gateway.binance.small_market import SmallMarket, lively

DOCUMENTS = "crates/adapters/binance/test_data/spot/http_json/"
DECIMAL = re.compile(r"-?\d+\.\d+")
INTEGER = re.compile(r"-?\d+")


def kind(value: Any) -> str:
    """What a value is: a number as text is "decimal", so that 0.1 and "0.10000000" differ as they do in JSON."""
    match value:
        case bool():
            return "flag"
        case int():
            return "integer"
        case str():
            return "decimal" if DECIMAL.fullmatch(value) else "digits" if INTEGER.fullmatch(value) else "word"
        case None:
            return "null"
        case _:
            return type(value).__name__


def shape(value: Any) -> Any:
    """The fields of a document in their order, with the kind of each; of a list its first entry's."""
    match value:
        case dict():
            return {name: shape(inner) for name, inner in value.items()}
        case list():
            return [shape(inner) for inner in value] if value and not isinstance(value[0], dict | list) else [shape(value[0])] if value else []
        case _:
            return kind(value)


def same(ours: Any, theirs: Any) -> bool:
    """Whether two shapes are equal, the order of their fields with it."""
    return json.dumps(ours) == json.dumps(theirs)


@pytest.fixture(scope="module")
def market() -> SmallMarket:
    return lively()


@pytest.fixture(scope="module")
def documents(test_data) -> dict[str, Any]:
    told = json.loads(gzip.decompress((test_data / "rest" / "binance_messages.json.gz").read_bytes()))
    return {name.removeprefix(DOCUMENTS).removesuffix("_response.json"): document for name, document in told.items() if name.startswith(DOCUMENTS)}


@pytest.fixture(scope="module")
def frames(test_data) -> dict[str, Any]:
    """The first frame of every stream of a recording, without its symbol: "depth@100ms", "trade" ..."""
    found: dict[str, Any] = {}
    with gzip.open(test_data / "ws" / "binance_spot_20211012.jsonl.gz", "rt") as lines:
        for line in lines:
            message = json.loads(line)
            if message["t"] == "recv":
                frame = json.loads(message["data"])
                data = frame.get("data", {})
                if data.get("b") != [] and data.get("a") != []:
                    found.setdefault(frame["stream"].partition("@")[2], data)
    for recording in ("btcusdt", "ethusdt"):
        with gzip.open(test_data / "ws" / f"binance_spot_{recording}_20240808.gz", "rt") as lines:
            for line in lines:
                frame = json.loads(line.partition(" ")[2])
                if frame.get("stream", "").endswith("@trade"):
                    found.setdefault("trade", frame["data"])
                    break
    return found


@pytest.mark.parametrize(
    ("path", "params", "name"),
    [
        ("ping", {}, "ping"),
        ("time", {}, "server_time"),
        ("depth", {"symbol": "BTCUSDT", "limit": 1}, "depth"),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 1}, "klines"),
        ("avgPrice", {"symbol": "BTCUSDT"}, "avg_price"),
        ("ticker/24hr", {"symbol": "BTCUSDT"}, "ticker_24hr"),
        ("ticker/price", {"symbol": "BTCUSDT"}, "ticker_price"),
        ("ticker/bookTicker", {"symbol": "BTCUSDT"}, "book_ticker"),
        ("trades", {"symbol": "BTCUSDT", "limit": 1}, "trades"),
    ],
)
def test_a_document_has_the_fields_of_binances(market, documents, path, params, name):
    assert same(shape(market.ask(path, **params)), shape(documents[name]))


def test_exchange_info_has_the_fields_of_binances(market, documents):
    ours, theirs = market.ask("exchangeInfo", symbol="BTCUSDT"), documents["exchange_info"]
    assert list(ours) == [name for name in theirs if name != "sors"]  # smart order routing is not offered
    ours_symbol, theirs_symbol = ours["symbols"][0], theirs["symbols"][0]
    assert list(ours_symbol) == list(theirs_symbol)
    for name in set(theirs_symbol) - {"filters", "permissions", "orderTypes", "allowedSelfTradePreventionModes", "permissionSets"}:
        assert kind(ours_symbol[name]) == kind(theirs_symbol[name]), name


def test_filters_have_the_fields_of_binances(market, test_data):
    theirs: dict[str, list[str]] = {}
    with gzip.open(test_data / "ws" / "binance_spot_20211012.jsonl.gz", "rt") as lines:
        info = next(json.loads(message["data"]) for message in map(json.loads, lines) if "exchangeInfo" in message.get("url", ""))
    for symbol in info["symbols"]:
        for each in symbol["filters"]:
            theirs.setdefault(each["filterType"], shape(each))
    ours = {each["filterType"]: shape(each) for each in market.ask("exchangeInfo", symbol="BTCUSDT")["symbols"][0]["filters"]}
    shared = ours.keys() & theirs.keys()
    assert shared == {"PRICE_FILTER", "LOT_SIZE", "ICEBERG_PARTS", "MARKET_LOT_SIZE"}
    assert all(same(ours[name], theirs[name]) for name in shared)
    # since told by side, as NOTIONAL; ours counts an account's orders of all books together
    assert theirs.keys() - ours.keys() <= {"PERCENT_PRICE", "MIN_NOTIONAL", "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS", "MAX_POSITION"}
    assert [list(limit) for limit in market.ask("exchangeInfo")["rateLimits"]] == [list(limit) for limit in info["rateLimits"][:3]]


def first(rows: Any) -> Any:
    return rows[0]


def test_a_frame_has_the_fields_of_binances(market, frames):
    figures, now = market.public.figures[0], market.now
    market.order(BUY, "59990.00", "0.01000")
    market.order(SELL, "60050.00", "0.02000")
    for _, changes in market.broadcast.market.due(market.now + SECOND):
        diff = changes.diffs[0]
        levels = [side[["price", "lots"]].tolist() for side in (changes.bids(diff), changes.asks(diff))]
        event = json.loads(json.dumps(shown.depth_event(figures, 1, 2, *levels, shown.millis, now)))
        assert same(shape(event), shape(frames["depth@100ms"]))
    data = market.broadcast.market
    ours = {
        "bookTicker": shown.top_event(figures, data.top(0), shown.millis),
        "aggTrade": shown.aggregate_event(figures, first(data.aggregates(0)), shown.millis, now),
        "kline_1m": shown.kline_event(figures, "1m", first(data.klines(0, "1m", now)), shown.millis, now, closed=False),
    }
    for name, document in ours.items():
        assert same(shape(document), shape(frames[name])), name
    trade = shape(shown.trade_event(figures, first(data.trades(0)), shown.millis, now))
    assert same(trade, {name: each for name, each in shape(frames["trade"]).items() if name not in ("b", "a")})  # the orders' numbers, told no more


TICKER = (  # the documentation's "Individual Symbol Ticker Stream"
    "e E s p P w x c Q b B a A o h l v q O C F L n",
    "e E s c o h l v q",
    "e E s p P o h l c w v q O C F L n",
)


def test_tickers_have_the_fields_of_the_documentation(market):
    figures, ticker = market.public.figures[0], market.broadcast.market.ticker(0, market.now)
    documents = (
        partial(shown.day_event, figures, ticker),
        partial(shown.mini_event, figures, ticker),
        partial(shown.window_event, figures, "1h", ticker),
    )
    for document, fields in zip(documents, TICKER, strict=True):
        assert " ".join(document(shown.millis, market.now)) == fields
    assert list(market.ask("ticker/24hr", symbol="BTCUSDT", type="MINI")) == [
        "symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime", "firstId", "lastId", "count",
    ]  # fmt: skip
    assert list(market.ask("ticker", symbol="BTCUSDT")) == [
        "symbol", "priceChange", "priceChangePercent", "weightedAvgPrice", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume",
        "openTime", "closeTime", "firstId", "lastId", "count",
    ]  # fmt: skip
