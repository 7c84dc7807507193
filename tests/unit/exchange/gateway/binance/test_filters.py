"""What exchangeInfo and executionRules tell is what the venue does: every filter is tried on its edges and one step beyond them."""

from dataclasses import replace
from typing import Any

import pytest

from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.listing import Listing, Rules
from tests.unit.exchange.gateway.asking import Asker, numbers
from tests.unit.exchange.gateway.bare import BTC, ETH, USDT, Small, small

RULES = Rules(
    (BTC, ETH, USDT),
    (
        Listing("BTCUSDT", BTC, USDT, "0.01", "0.00001", min_notional="25", min_quantity="0.0005", max_quantity="20", band_ppm=100_000, lowest_price="30000"),
        Listing("ETHUSDT", ETH, USDT, "0.01", "0.0001", lowest_price="100"),
    ),
    accounts=16,
    capacity=4096,
    max_orders=3,
)
AMPLE = Limits(weight_per_minute=10**6, orders_per_ten_seconds=10**6)
LIMITED = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001", "price": "50000"}
MARKET = {"side": "BUY", "type": "MARKET"}
STOP = {"side": "BUY", "type": "STOP_LOSS", "quantity": "0.001"}


class Filtered:
    """An account of a venue of RULES whose last trade was at 50,000; `told` are the filters of its book."""

    def __init__(self, venue: Small) -> None:
        self.me, self.other = Asker(venue, 1), Asker(venue, 2)

    async def begin(self) -> "Filtered":
        await self.trade("50000")
        info = await self.me.ask("GET", "exchangeInfo", symbol="BTCUSDT")
        self.told = {each["filterType"]: each for each in [*info["exchangeFilters"], *info["symbols"][0]["filters"]]}
        return self

    async def trade(self, price: str) -> None:
        await self.other.place("SELL", "0.001", price)
        await self.me.place("BUY", "0.001", price)

    async def ask(self, order: dict[str, Any], symbol: str = "BTCUSDT") -> Any:
        return await self.me.ask("POST", "order", symbol=symbol, newClientOrderId=f"f{next(numbers)}", **order)

    async def refusal(self, order: dict[str, Any]) -> str:
        """The text that refuses this order; "" where it is taken, and then cancelled."""
        told = await self.ask(order)
        if "code" in told:
            assert (told["code"], self.me.status) == (-1013, 400), told
            return str(told["msg"])
        await self.me.ask("DELETE", "openOrders", symbol="BTCUSDT")
        return ""


@pytest.fixture
async def here():
    async with await small(rules=RULES, limits=AMPLE, market=True) as venue:
        yield await Filtered(venue).begin()


def price_filter(told):
    edges = [{**LIMITED, "price": told["minPrice"]}, {**LIMITED, "side": "SELL", "price": told["maxPrice"]}]
    above = f"{float(told['maxPrice']) + float(told['tickSize']):.2f}"
    beyond = [{**LIMITED, "price": "29999.99"}, {**LIMITED, "price": above}, {**LIMITED, "price": "50000.005"}, {**STOP, "stopPrice": above}]
    return edges, beyond


def lot_size(told):
    edges = [{**LIMITED, "quantity": quantity} for quantity in (told["minQty"], told["maxQty"], f"{float(told['minQty']) + float(told['stepSize']):.5f}")]
    return edges, [{**LIMITED, "quantity": quantity} for quantity in ("0.00049", "20.00001", "0.001005")]


def market_lot_size(told):
    """The same steps: what is beyond them fails LOT_SIZE first."""
    return [{**MARKET, "quantity": told["minQty"]}, {**MARKET, "quantity": told["maxQty"]}], []


def iceberg_parts(told):
    most = 0.0005 * told["limit"]
    edge = {**LIMITED, "quantity": f"{most:.5f}", "icebergQty": "0.0005"}
    return [edge], [{**edge, "quantity": f"{most + 0.00001:.5f}"}]


def trailing_delta(told):
    edges = [{**STOP, "trailingDelta": told[name]} for name in told if name.startswith(("minTrailing", "maxTrailing"))]
    takes = {**STOP, "side": "SELL", "type": "TAKE_PROFIT"}
    return edges, [{**STOP, "trailingDelta": told["minTrailingAboveDelta"] - 1}, {**takes, "trailingDelta": told["maxTrailingAboveDelta"] + 1}]


def notional(told):
    assert (told["minNotional"], told["applyMinToMarket"], told["avgPriceMins"], told["applyMaxToMarket"]) == ("25.00000000", True, 0, False)
    dearest = {**LIMITED, "side": "SELL", "quantity": "20", "price": "71943.03"}
    assert told["maxNotional"] == f"{20 * 71943.03:.8f}"
    edges = [{**LIMITED, "quantity": "0.0005"}, {**MARKET, "quantity": "0.0005"}, {**MARKET, "quoteOrderQty": told["minNotional"]}, dearest]
    return edges, [{**LIMITED, "quantity": "0.0005", "price": "49999.99"}, {**MARKET, "quoteOrderQty": "24.99999999"}]


FILTERS = {
    "PRICE_FILTER": price_filter,
    "LOT_SIZE": lot_size,
    "MARKET_LOT_SIZE": market_lot_size,
    "ICEBERG_PARTS": iceberg_parts,
    "TRAILING_DELTA": trailing_delta,
    "NOTIONAL": notional,
}


@pytest.mark.parametrize("name", FILTERS)
async def test_what_a_filter_takes_is_taken_and_what_is_beyond_it_is_refused_by_its_name(here, name):
    edges, beyond = FILTERS[name](here.told[name])
    for order in edges:
        assert await here.refusal(order) == "", order
    for order in beyond:
        assert await here.refusal(order) == f"Filter failure: {name}", order


async def test_no_filter_is_told_that_is_not_tried(here):
    assert set(here.told) == {*FILTERS, "EXCHANGE_MAX_NUM_ORDERS"}
    lot, market = here.told["LOT_SIZE"], here.told["MARKET_LOT_SIZE"]
    assert [lot[name] for name in ("minQty", "maxQty", "stepSize")] == [market[name] for name in ("minQty", "maxQty", "stepSize")]
    assert await here.refusal({**MARKET, "quantity": "20.00001"}) == "Filter failure: LOT_SIZE"


async def test_a_market_order_is_worth_what_it_is_at_the_last_trade(here):
    await here.trade("51000")
    assert await here.refusal({**MARKET, "quantity": "0.0005"}) == ""
    await here.trade("49999")
    assert await here.refusal({**MARKET, "quantity": "0.0005"}) == "Filter failure: NOTIONAL"


async def test_so_many_orders_live_at_once_over_all_books(here):
    assert here.told["EXCHANGE_MAX_NUM_ORDERS"]["maxNumOrders"] == 3
    for symbol, price in (("BTCUSDT", "40000"), ("ETHUSDT", "2000"), ("BTCUSDT", "41000")):
        assert "orderId" in await here.ask({**LIMITED, "price": price}, symbol)
    told = await here.ask({**LIMITED, "price": "2000"}, "ETHUSDT")
    assert told == {"code": -1013, "msg": "Filter failure: EXCHANGE_MAX_NUM_ORDERS"}
    assert "orderId" in await here.ask({**MARKET, "quantity": "0.001"}), "one that can't rest is not counted"


@pytest.mark.parametrize(("side", "other", "multiplier", "beyond"), [("BUY", "SELL", "bidLimitMultUp", "55000.01"), ("SELL", "BUY", "askLimitMultDown", "44999.99")])
async def test_an_order_trades_to_the_edge_of_the_price_range_and_expires_there(here, side, other, multiplier, beyond):
    info = await here.me.ask("GET", "executionRules", symbol="BTCUSDT")
    assert info == {"symbolRules": [{"symbol": "BTCUSDT", "rules": [RANGE]}]}
    edge = f"{50_000 * float(RANGE[multiplier]):.2f}"
    for price in (edge, beyond):
        await here.other.place(other, "0.001", price)
    told = await here.me.place(side, "0.002", beyond)
    assert (told["status"], told["executedQty"], told["fills"][0]["price"]) == ("EXPIRED", "0.00100000", f"{edge}000000")
    assert told["expiryReason"] == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
    assert (await here.me.ask("GET", "order", symbol="BTCUSDT", orderId=told["orderId"]))["expiryReason"] == told["expiryReason"]


RANGE = {"ruleType": "PRICE_RANGE", "bidLimitMultUp": "1.1", "bidLimitMultDown": "0.9", "askLimitMultUp": "1.1", "askLimitMultDown": "0.9"}


async def test_a_price_far_from_the_last_trade_may_rest(here):
    assert await here.refusal({**LIMITED, "price": "30000"}) == ""


async def test_a_venue_that_holds_no_more_orders_is_overloaded():
    async with await small(rules=replace(RULES, capacity=4, max_orders=0), limits=AMPLE) as venue:
        me = Asker(venue, 1)
        told = [await me.place("BUY", "0.001", "50000") for _ in range(8)]
        assert (told[-1]["code"], me.status) == (-1008, 503)
        assert "orderId" in told[0]
