"""The answers of every venue of the long tail, as its documented formats show them, are read to the digit through ccxt."""

import json
from decimal import Decimal
from typing import Any

import pytest

from polaris.domain.errors import BadMessage
from polaris.domain.orders import BUY, CANCELLED, MAKER, PARTIAL, SELL
from polaris.venues.ccxt import dialect
from polaris.venues.orders import Fill, Report
from tests.unit.venues.test_ccxt import BTC, NOW, orders

pytest.importorskip("ccxt")

CLIENT = "pa1b2c3-42"
MS = NOW // 1_000_000 + 1
TIMES = {"createdTime": str(MS), "updatedTime": str(MS), "cTime": str(MS), "uTime": str(MS)}


def bybit(entry: dict[str, Any]) -> Any:
    return {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": [entry]}}


def bitget(entry: dict[str, Any]) -> Any:
    return {"code": "00000", "msg": "success", "data": [entry]}


ORDERS = {
    "bybit": bybit({
        "symbol": "BTC-USDT", "orderType": "Limit", "orderLinkId": CLIENT, "orderId": "77", "side": "Buy", "price": "65432.1", "qty": "0.01234", "cumExecQty": "0.00034",
        "cumExecValue": "22", "avgPrice": "65432", "orderStatus": "PartiallyFilled", "leavesQty": "0.012", "cumExecFee": "0", "timeInForce": "GTC", **TIMES,
    }),
    "bitget": bitget({
        "symbol": "BTC-USDT", "orderId": "77", "clientOid": CLIENT, "price": "65432.1", "size": "0.01234", "orderType": "limit", "side": "buy",
        "status": "partially_filled", "priceAvg": "65432", "baseVolume": "0.00034", "quoteVolume": "22", **TIMES,
    }),
    "mexc": {
        "symbol": "BTC-USDT", "orderId": "77", "orderListId": -1, "clientOrderId": CLIENT, "price": "65432.1", "origQty": "0.01234", "executedQty": "0.00034",
        "cummulativeQuoteQty": "22", "status": "PARTIALLY_FILLED", "type": "LIMIT", "side": "BUY", "time": MS, "updateTime": MS, "isWorking": True,
    },
    "gate": {
        "id": "77", "text": f"t-{CLIENT}", "create_time_ms": MS, "update_time_ms": MS, "currency_pair": "BTC-USDT", "status": "open", "type": "limit", "account": "spot",
        "side": "buy", "amount": "0.01234", "price": "65432.1", "time_in_force": "gtc", "left": "0.012", "filled_amount": "0.00034", "filled_total": "22",
        "avg_deal_price": "65432", "fee": "0", "fee_currency": "BTC", "finish_as": "open",
    },
    "hashkey": {
        "symbol": "BTC-USDT", "clientOrderId": CLIENT, "orderId": "77", "price": "65432.1", "origQty": "0.01234", "executedQty": "0.00034", "cumulativeQuoteQty": "22",
        "avgPrice": "65432", "status": "PARTIALLY_FILLED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "time": str(MS), "updateTime": str(MS), "isWorking": True,
    },
}  # fmt: skip

FILLS = {
    "bybit": bybit({
        "symbol": "BTC-USDT", "execId": "e1", "orderId": "77", "side": "Sell", "execPrice": "65432.1", "execQty": "0.00034", "execFee": "0.01112345678901234567",
        "feeCurrency": "USDT", "isMaker": True, "execTime": str(MS), "execType": "Trade",
    }),
    "bitget": bitget({
        "symbol": "BTC-USDT", "orderId": "77", "tradeId": "e1", "orderType": "limit", "side": "sell", "priceAvg": "65432.1", "size": "0.00034", "amount": "22",
        "feeDetail": {"deduction": "no", "feeCoin": "USDT", "totalDeductionFee": "", "totalFee": "-0.01112345678901234567"}, "tradeScope": "maker", **TIMES,
    }),
    "mexc": [{
        "symbol": "BTC-USDT", "id": "e1", "orderId": "77", "price": "65432.1", "qty": "0.00034", "quoteQty": "22", "commission": "0.01112345678901234567",
        "commissionAsset": "USDT", "time": MS, "isBuyer": False, "isMaker": True,
    }],
    "gate": [{
        "id": "e1", "create_time_ms": f"{MS}.000", "order_id": "77", "side": "sell", "role": "maker", "amount": "0.00034", "price": "65432.1",
        "fee": "0.01112345678901234567", "fee_currency": "USDT", "point_fee": "0", "gt_fee": "0", "currency_pair": "BTC-USDT",
    }],
    "hashkey": [{
        "id": "e1", "symbol": "BTC-USDT", "orderId": "77", "price": "65432.1", "qty": "0.00034", "commission": "0.01112345678901234567", "commissionAsset": "USDT",
        "time": str(MS), "isBuyer": False, "isMaker": True, "fee": {"feeCoinId": "USDT", "feeCoinName": "USDT", "fee": "0.01112345678901234567"},
    }],
}  # fmt: skip


@pytest.mark.parametrize("venue", ORDERS)
def test_an_order_is_read_as_the_venue_wrote_it(venue):
    call = orders(venue).find(BTC, CLIENT)[0]
    assert call.read(json.dumps(ORDERS[venue]).encode()) == Report(CLIENT, "77", PARTIAL, BUY, 6543210, 1234, 34)
    with pytest.raises(BadMessage, match="told of"):
        call.read(json.dumps(ORDERS[venue]).replace(CLIENT, "another").encode())


@pytest.mark.parametrize("venue", FILLS)
def test_a_fill_is_read_as_the_venue_wrote_it(venue):
    page = orders(venue).fills(BTC, NOW).read(json.dumps(FILLS[venue]).encode())
    assert list(page.items) == [Fill("e1", "77", 0, SELL, 6543210, 34, Decimal("0.01112345678901234567"), "USDT", MAKER, MS * 1_000_000)]


def test_an_order_that_ended_before_it_was_filled_is_cancelled():
    ended = json.dumps(ORDERS["bybit"]).replace("PartiallyFilled", "PartiallyFilledCanceled").encode()
    assert orders("bybit").find(BTC, CLIENT)[1].read(ended) == Report(CLIENT, "77", CANCELLED, BUY, 6543210, 1234, 34)


def test_what_would_be_sent_is_no_failure_that_something_on_the_way_could_catch():
    assert not issubclass(dialect.Asked, Exception)
