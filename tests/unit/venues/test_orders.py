"""What every venue's private side asks for and understands. One table: the same intents, each venue's own words."""

import base64
import gzip
import hashlib
import hmac
import json
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.errors import BadConfig, BadMessage
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Product
from polaris.domain.instrument import Key as InstrumentKey
from polaris.domain.orders import BUY, CANCELLED, FILLED, IOC, LIMIT, MAKER, MARKET, OPEN, PARTIAL, POST_ONLY, SELL, TAKER
from polaris.venues import registry
from polaris.venues.coinbase.orders import token
from polaris.venues.orders import UNTOLD, Balance, Call, Fill, Key, NewOrder, Page, Report, Verdict, order_name
from polaris.venues.secrets import Secret

PRIVATE = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())
PEM = PRIVATE.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
TS = 1_760_000_000_123_456_789
WIRES = {
    "binance": "BTCUSD", "binance-usdm": "BTCUSD", "binance-coinm": "BTCUSD", "kraken": "BTC/USD", "kucoin": "BTC-USD", "gemini": "btcusd",
    "bitstamp": "btcusd", "coinbase": "BTC-USD", "coinbase-exchange": "BTC-USD", "alpaca": "AAPL",
}  # fmt: skip


def item_of(venue: str) -> Instrument:
    base = "AAPL" if venue == "alpaca" else "BTC"
    return Instrument(id=InstrumentId(4), key=InstrumentKey(venue, Product.SPOT, base, "USD"), wire=WIRES[venue], price_decimals=2, quantity_decimals=8)


def side_of(venue: str):
    found = registry.venue(venue)
    assert found.orders is not None
    secret = PEM if venue == "coinbase" else base64.b64encode(b"the secret itself").decode()
    return found.orders(Instruments([]), Key(Secret("the-key"), Secret(secret), Secret("the-passphrase")))


def order(venue: str, kind: int = LIMIT, side: int = BUY, client: str = "") -> NewOrder:
    return NewOrder(item_of(venue), side, kind, 0 if kind == MARKET else 5_000_025, 1_234_500, client or side_of(venue).name("7F3A-2c", 42))


def body_of(call: Call) -> dict:
    return dict(call.body or {})


UUID_NAME = "c4b9dd60-a28c-58f1-bd24-3b8b3f8a3b6a"
# venue: (path of a new order, fields of a limit purchase but for its name, what a post-only order adds, what an IOC order adds)
PLACED = {
    "binance": ("/api/v3/order", {"symbol": "BTCUSD", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.012345", "price": "50000.25", "newOrderRespType": "RESULT"},
                {"type": "LIMIT_MAKER"}, {"timeInForce": "IOC"}),
    "binance-usdm": ("/fapi/v1/order", {"symbol": "BTCUSD", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.012345", "price": "50000.25", "newOrderRespType": "RESULT"},
                     {"timeInForce": "GTX"}, {"timeInForce": "IOC"}),
    "kraken": ("/0/private/AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.012345", "price": "50000.25"}, {"oflags": "post"}, {"timeinforce": "IOC"}),
    "kucoin": ("/api/v1/hf/orders", {"side": "buy", "symbol": "BTC-USD", "type": "limit", "size": "0.012345", "price": "50000.25"}, {"postOnly": True}, {"timeInForce": "IOC"}),
    "gemini": ("/v1/order/new", {"symbol": "btcusd", "amount": "0.012345", "price": "50000.25", "side": "buy", "type": "exchange limit"},
               {"options": ["maker-or-cancel"]}, {"options": ["immediate-or-cancel"]}),
    "bitstamp": ("/api/v2/buy/btcusd/", {"amount": "0.012345", "price": "50000.25"}, {"moc_order": "True"}, {"ioc_order": "True"}),
    "coinbase-exchange": ("/orders", {"type": "limit", "side": "buy", "product_id": "BTC-USD", "price": "50000.25", "size": "0.012345"}, {"post_only": True}, {"time_in_force": "IOC"}),
    "alpaca": ("/v2/orders", {"symbol": "AAPL", "side": "buy", "type": "limit", "limit_price": "50000.25", "qty": "0.012345", "time_in_force": "gtc"}, None, {"time_in_force": "ioc"}),
}  # fmt: skip
NAME_FIELD = {"binance": "newClientOrderId", "binance-usdm": "newClientOrderId", "kraken": "cl_ord_id", "kucoin": "clientOid", "gemini": "client_order_id",
              "bitstamp": "client_order_id", "coinbase-exchange": "client_oid", "alpaca": "client_order_id"}  # fmt: skip


@pytest.mark.parametrize("venue", PLACED)
def test_a_new_order_says_what_was_meant_in_the_venues_words(venue):
    path, fields, post_only, ioc = PLACED[venue]
    wanted = order(venue)
    call = side_of(venue).place(wanted)
    assert (call.method, call.path, call.query) == ("POST", path, {})
    assert body_of(call) == fields | {NAME_FIELD[venue]: wanted.client}
    for kind, more in ((POST_ONLY, post_only), (IOC, ioc)):
        if more is None:
            with pytest.raises(ValueError, match="no post-only"):
                side_of(venue).place(order(venue, kind))
            continue
        placed = body_of(side_of(venue).place(order(venue, kind)))
        assert {name: placed[name] for name in more} == more
    sale = side_of(venue).place(order(venue, side=SELL))
    assert "sell" in (sale.path + json.dumps(body_of(sale))).lower() and "buy" not in (sale.path + json.dumps(body_of(sale))).lower()


def test_coinbase_nests_what_an_order_is():
    call = side_of("coinbase").place(order("coinbase", POST_ONLY))
    assert (call.method, call.path) == ("POST", "/api/v3/brokerage/orders")
    assert body_of(call) == {
        "client_order_id": side_of("coinbase").name("7F3A-2c", 42),
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"limit_limit_gtc": {"base_size": "0.012345", "limit_price": "50000.25", "post_only": True}},
    }
    assert body_of(side_of("coinbase").place(order("coinbase", MARKET)))["order_configuration"] == {"market_market_ioc": {"base_size": "0.012345"}}


@pytest.mark.parametrize("venue", [name for name in WIRES if name != "gemini"])
def test_a_market_order_names_no_price(venue):
    call = side_of(venue).place(order(venue, MARKET))
    assert "50000" not in json.dumps(body_of(call)) and "market" in (call.path + json.dumps(body_of(call))).lower()


def test_gemini_has_no_market_orders_and_says_what_to_do():
    with pytest.raises(ValueError, match="IOC"):
        side_of("gemini").place(order("gemini", MARKET))


@pytest.mark.parametrize("venue", WIRES)
def test_a_name_the_venue_would_refuse_is_refused_here(venue):
    for bad in ("", "with blank and more than enough letters for any venue " * 4, "ä"):
        with pytest.raises(ValueError, match="order name"):
            side_of(venue).place(NewOrder(item_of(venue), BUY, LIMIT, 100, 100, bad))


@given(run=st.text(max_size=20), number=st.integers(0, 10**9))
def test_names_are_the_same_on_every_try_and_differ_between_orders(run, number):
    if not any(letter.isascii() and letter.isalnum() for letter in run):
        with pytest.raises(ValueError, match="letters or digits"):
            order_name(run, number)
        return
    assert order_name(run, number) == order_name(run, number) != order_name(run, number + 1)
    assert len(order_name(run, number)) <= 18


@pytest.mark.parametrize("venue", WIRES)
def test_runs_that_begin_alike_share_no_name(venue):
    names = {side_of(venue).name(run, 1) for run in ("2026-11-21 06:49", "2026-11-21 06:50", "2026-11-2", "202611")}
    assert len(names) == 4


def report_of(venue: str, number: str, state: int, filled: int, price: int = 5_000_025) -> Report:
    return Report(side_of(venue).name("7f3a2c", 42), number, state, BUY, price, 1_234_500, filled)


def named(venue: str) -> str:
    return side_of(venue).name("7f3a2c", 42)


BINANCE = {"symbol": "BTCUSD", "orderId": 28, "price": "50000.25000000", "origQty": "0.01234500", "executedQty": "0.00234500", "status": "PARTIALLY_FILLED", "side": "BUY",
           "clientOrderId": "p7f3a2c-42", "time": 1, "cummulativeQuoteQty": "117.2505"}  # fmt: skip
KUCOIN = {"id": "5c35", "symbol": "BTC-USD", "type": "limit", "side": "buy", "price": "50000.25", "size": "0.012345", "dealSize": "0.002345", "active": True,
          "inOrderBook": True, "cancelExist": False, "clientOid": "p7f3a2c-42"}  # fmt: skip
GEMINI = {"order_id": "106817811", "symbol": "btcusd", "side": "buy", "price": "50000.25", "original_amount": "0.012345", "executed_amount": "0.002345", "is_live": True,
          "is_cancelled": False, "client_order_id": "p7f3a2c-42"}  # fmt: skip
EXCHANGE = {"id": "d0c5", "price": "50000.25000000", "size": "0.01234500", "product_id": "BTC-USD", "side": "buy", "type": "limit", "filled_size": "0.00234500", "status": "open",
            "client_oid": named("coinbase-exchange")}  # fmt: skip
ALPACA = {"id": "61e6", "client_order_id": "p7f3a2c-42", "symbol": "AAPL", "side": "buy", "qty": "0.012345", "filled_qty": "0.002345", "limit_price": "50000.25",
          "status": "partially_filled"}  # fmt: skip
KRAKEN = {"status": "open", "descr": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000.25"}, "vol": "0.01234500", "vol_exec": "0.00234500",
          "cl_ord_id": "p7f3a2c-42"}  # fmt: skip
COINBASE = {"order_id": "0000-1", "product_id": "BTC-USD", "side": "BUY", "client_order_id": named("coinbase"), "status": "OPEN", "filled_size": "0.002345",
            "order_configuration": {"limit_limit_gtc": {"base_size": "0.012345", "limit_price": "50000.25", "post_only": False}}}  # fmt: skip
BITSTAMP = {"id": 1453, "datetime": "2025-10-09 08:53:20", "type": "0", "status": "Open", "market": "BTC/USD", "amount_remaining": "0.01000000", "client_order_id": "p7f3a2c-42",
            "transactions": [{"tid": 1, "price": "50000.25", "btc": "0.00234500", "usd": "117.25", "fee": "0.3", "datetime": "2025-10-09 08:53:21", "type": 2}]}  # fmt: skip
# venue: (body of the answer, number at the venue)
FOUND = {
    "binance": (BINANCE, "28"),
    "binance-usdm": (BINANCE, "28"),
    "kucoin": ({"code": "200000", "data": KUCOIN}, "5c35"),
    "gemini": ([GEMINI], "106817811"),
    "coinbase-exchange": (EXCHANGE, "d0c5"),
    "alpaca": (ALPACA, "61e6"),
    "kraken": ({"error": [], "result": {"open": {"OUF4EM": KRAKEN}}}, "OUF4EM"),
    "coinbase": ({"orders": [COINBASE | {"client_order_id": "another"}, COINBASE], "has_next": False}, "0000-1"),
    "bitstamp": (BITSTAMP, "1453"),
}


def whole(read):
    """What was read, or what is on the page."""
    return read.items if isinstance(read, Page) else read


def encoded(said: object) -> bytes:
    return json.dumps(said).encode()


@pytest.mark.parametrize("venue", FOUND)
def test_an_order_is_found_by_its_name_with_its_exact_numbers(venue):
    said, number = FOUND[venue]
    call = side_of(venue).find(item_of(venue), named(venue))[0]
    assert named(venue) in call.path + json.dumps([dict(call.query), body_of(call)]) or venue == "coinbase"
    assert side_of(venue).refusal(200, encoded(said)) is None
    assert call.read(encoded(said)) == report_of(venue, number, PARTIAL, 234_500, 0 if venue == "bitstamp" else 5_000_025)


# venue: (body of the answer to place, number)
ANSWERED = {
    "binance": (BINANCE | {"executedQty": "0", "status": "NEW"}, "28"),
    "kucoin": ({"code": "200000", "data": {"orderId": "5c35"}}, "5c35"),
    "gemini": (GEMINI | {"executed_amount": "0"}, "106817811"),
    "coinbase-exchange": (EXCHANGE | {"filled_size": "0"}, "d0c5"),
    "alpaca": (ALPACA | {"filled_qty": "0", "status": "new"}, "61e6"),
    "kraken": ({"error": [], "result": {"txid": ["OUF4EM"], "descr": {"order": "buy"}}}, "OUF4EM"),
    "coinbase": ({"success": True, "success_response": {"order_id": "0000-1", "client_order_id": named("coinbase")}}, "0000-1"),
    "bitstamp": ({"id": "1453", "datetime": "2025-10-09 08:53:20", "type": "0", "price": "50000.25", "amount": "0.012345", "client_order_id": "p7f3a2c-42"}, "1453"),
}


@pytest.mark.parametrize("venue", ANSWERED)
def test_the_answer_to_a_new_order_is_its_first_report(venue):
    said, number = ANSWERED[venue]
    wanted = order(venue, client=named(venue))
    assert side_of(venue).place(wanted).read(encoded(said)) == report_of(venue, number, OPEN, 0)


@pytest.mark.parametrize(
    ("venue", "said", "state"),
    [
        ("binance", BINANCE | {"status": "CANCELED"}, CANCELLED),
        ("kucoin", {"code": "200000", "data": KUCOIN | {"active": False, "cancelExist": True}}, CANCELLED),
        ("kucoin", {"code": "200000", "data": KUCOIN | {"active": False, "cancelExist": True, "dealSize": "0.012345"}}, FILLED),
        ("gemini", [GEMINI | {"is_live": False, "is_cancelled": True}], CANCELLED),
        ("gemini", GEMINI | {"is_live": False}, FILLED),
        ("coinbase-exchange", EXCHANGE | {"status": "done", "done_reason": "filled"}, FILLED),
        ("coinbase-exchange", EXCHANGE | {"status": "done", "done_reason": "canceled"}, CANCELLED),
        ("alpaca", ALPACA | {"status": "canceled"}, CANCELLED),
        ("coinbase", {"orders": [COINBASE | {"status": "CANCELLED"}]}, CANCELLED),
        ("bitstamp", BITSTAMP | {"status": "Finished"}, FILLED),
    ],
)
def test_an_order_that_ended_says_how(venue, said, state):
    assert side_of(venue).find(item_of(venue), named(venue))[0].read(encoded(said)).state == state


def test_kraken_looks_among_the_closed_orders_too():
    open_, closed = side_of("kraken").find(item_of("kraken"), "p7f3a2c-42")
    assert open_.read(encoded({"error": [], "result": {"open": {"A": KRAKEN | {"cl_ord_id": "p7f3a2c-4"}}}})) is None
    done = closed.read(encoded({"error": [], "result": {"closed": {"OUF4EM": KRAKEN | {"status": "canceled"}}, "count": 1}}))
    assert done == report_of("kraken", "OUF4EM", CANCELLED, 234_500)


TRADE_NS = 1_760_000_000_123_000_000
FILLS = {
    "binance": ([{"symbol": "BTCUSD", "id": 9, "orderId": 28, "price": "50000.25", "qty": "0.00234500", "commission": "0.00000234", "commissionAsset": "BTC", "time": 1760000000123,
                  "isBuyer": True, "isMaker": False}], ("9", "28", TAKER, "0.00000234", "BTC", TRADE_NS)),
    "binance-usdm": ([{"symbol": "BTCUSD", "id": 9, "orderId": 28, "price": "50000.25", "qty": "0.002345", "commission": "-0.02", "commissionAsset": "USDT", "time": 1760000000123,
                       "buyer": True, "maker": True, "side": "BUY"}], ("9", "28", MAKER, "-0.02", "USDT", TRADE_NS)),
    "kucoin": ({"code": "200000", "data": {"lastId": 9, "items": [{"id": 9, "tradeId": 7, "orderId": "28", "side": "buy", "price": "50000.25", "size": "0.002345", "fee": "0.11",
                "feeCurrency": "USD", "liquidity": "maker", "createdAt": 1760000000123}]}}, ("9", "28", MAKER, "0.11", "USD", TRADE_NS)),
    "gemini": ([{"tid": 9, "order_id": "28", "price": "50000.25", "amount": "0.002345", "timestampms": 1760000000123, "type": "Buy", "aggressor": True, "fee_currency": "USD",
                 "fee_amount": "0.11", "timestamp": 1, "break": "manual"},
                {"tid": 10, "order_id": "28", "price": "50000.25", "amount": "0.002345", "timestampms": 1760000000124, "type": "Buy", "aggressor": True, "fee_currency": "USD",
                 "fee_amount": "0.11", "break": "full"}], ("9", "28", TAKER, "0.11", "USD", TRADE_NS)),
    "coinbase-exchange": ([{"trade_id": 9, "order_id": "28", "product_id": "BTC-USD", "side": "buy", "price": "50000.25", "size": "0.002345", "fee": "0.11", "liquidity": "M",
                            "created_at": "2025-10-09T08:53:20.123Z"}], ("9", "28", MAKER, "0.11", "USD", TRADE_NS)),
    "coinbase": ({"fills": [{"entry_id": "9", "trade_id": "x", "order_id": "28", "trade_time": "2025-10-09T08:53:20.123Z", "price": "50000.25", "size": "0.002345",
                  "commission": "0.11", "liquidity_indicator": "TAKER", "side": "BUY", "product_id": "BTC-USD"}], "cursor": ""}, ("9", "28", TAKER, "0.11", "USD", TRADE_NS)),
    "kraken": ({"error": [], "result": {"trades": {"9": {"ordertxid": "28", "pair": "XXBTZUSD", "time": 1760000000.123, "type": "buy", "price": "50000.25000", "vol": "0.00234500",
                "fee": "0.11000", "maker": True, "cost": "117.2"}, "8": {"ordertxid": "27", "pair": "XETHZUSD", "time": 1, "type": "buy", "price": "1", "vol": "1", "fee": "0"}}}},
               ("9", "28", MAKER, "0.11000", "USD", TRADE_NS)),
    "bitstamp": ([{"id": 9, "order_id": 28, "datetime": "2025-10-09 08:53:20.123000", "type": "2", "usd": "-117.25", "btc": "0.00234500", "btc_usd": 50000.25, "fee": "0.11"},
                  {"id": 10, "datetime": "2025-10-09 08:53:20", "type": "0", "usd": "100", "btc": "0"}], ("9", "28", UNTOLD, "0.11", "USD", TRADE_NS)),
    "alpaca": ([{"activity_type": "FILL", "id": "9", "order_id": "28", "price": "50000.25", "qty": "0.002345", "side": "buy", "symbol": "AAPL",
                 "transaction_time": "2025-10-09T08:53:20.123Z", "type": "fill"}], ("9", "28", UNTOLD, "0", "USD", TRADE_NS)),
}  # fmt: skip


@pytest.mark.parametrize("venue", FILLS)
def test_fills_come_with_exact_numbers_their_fee_and_their_liquidity(venue):
    said, (number, order_number, liquidity, fee, asset, ts) = FILLS[venue]
    call = side_of(venue).fills(item_of(venue), TS)
    assert call.read(encoded(said)).items == [Fill(number, order_number, 4, BUY, 5_000_025, 234_500, Decimal(fee), asset, liquidity, ts)]


HELD = [Balance("BTC", Decimal("1.5"), Decimal("1.75")), Balance("USD", Decimal("10.1"), Decimal("10.1"))]
BALANCES = {
    "binance": [{"balances": [{"asset": "BTC", "free": "1.5", "locked": "0.25"}, {"asset": "USD", "free": "10.1", "locked": "0.0"}]}],
    "binance-usdm": [[{"asset": "BTC", "balance": "1.75", "availableBalance": "1.5"}, {"asset": "USD", "balance": "10.1", "availableBalance": "10.1"}]],
    "kucoin": [{"code": "200000", "data": [{"currency": "BTC", "type": "trade", "balance": "1", "available": "1", "holds": "0"},
                                           {"currency": "BTC", "type": "trade_hf", "balance": "0.75", "available": "0.5", "holds": "0.25"},
                                           {"currency": "BTC", "type": "main", "balance": "5", "available": "5", "holds": "0"},
                                           {"currency": "USD", "type": "trade", "balance": "10.1", "available": "10.1"}]}],
    "gemini": [[{"currency": "BTC", "amount": "1.75", "available": "1.5"}, {"currency": "USD", "amount": "10.1", "available": "10.1"}]],
    "coinbase-exchange": [[{"currency": "BTC", "balance": "1.75", "available": "1.5", "hold": "0.25"}, {"currency": "USD", "balance": "10.1", "available": "10.1"}]],
    "coinbase": [{"accounts": [{"currency": "BTC", "available_balance": {"value": "1.5"}, "hold": {"value": "0.25"}},
                               {"currency": "USD", "available_balance": {"value": "10.1"}, "hold": {"value": "0"}}]}],
    "kraken": [{"error": [], "result": {"XXBT": {"balance": "1.75", "hold_trade": "0.25"}, "ZUSD": {"balance": "10.1"}}}],
    "bitstamp": [[{"currency": "btc", "total": "1.75", "available": "1.5", "reserved": "0.25"}, {"currency": "usd", "total": "10.1", "available": "10.1", "reserved": "0"}]],
    "alpaca": [{"cash": "10.1", "currency": "USD"}, [{"symbol": "BTC", "qty": "1.75", "qty_available": "1.5"}]],
}  # fmt: skip


@pytest.mark.parametrize("venue", BALANCES)
def test_balances_are_what_the_venue_wrote(venue):
    calls = side_of(venue).balances()
    found = [balance for call, said in zip(calls, BALANCES[venue], strict=True) for balance in whole(call.read(encoded(said)))]
    assert sorted(found, key=lambda each: each.asset) == HELD


REFUSALS = [
    ("binance", 400, {"code": -2013, "msg": "Order does not exist."}, Verdict.ABSENT),
    ("binance", 400, {"code": -2010, "msg": "Account has insufficient balance for requested action."}, Verdict.REFUSED),
    ("binance", 400, {"code": -2010, "msg": "Duplicate order sent."}, Verdict.TAKEN),
    ("binance", 400, {"code": -1021, "msg": "Timestamp for this request was 1000ms ahead of the server's time."}, Verdict.DENIED),
    ("binance", 504, {"code": -1007, "msg": "Timeout waiting for response from backend server. Send status unknown; execution status unknown."}, Verdict.DOUBT),
    ("binance", 400, {"code": -1015, "msg": "Too many new orders"}, Verdict.LIMITED),
    ("kraken", 200, {"error": ["EOrder:Unknown order"]}, Verdict.ABSENT),
    ("kraken", 200, {"error": ["EOrder:Insufficient funds"]}, Verdict.REFUSED),
    ("kraken", 200, {"error": ["EAPI:Invalid nonce"]}, Verdict.DENIED),
    ("kraken", 200, {"error": ["EAPI:Rate limit exceeded"]}, Verdict.LIMITED),
    ("kraken", 200, {"error": ["EService:Timeout"]}, Verdict.DOUBT),
    ("kraken", 200, {"error": ["EService:Unavailable"]}, Verdict.DOUBT),
    ("kucoin", 200, {"code": "400100", "msg": "order_not_exist_or_not_allow_to_cancel"}, Verdict.ABSENT),
    ("kucoin", 200, {"code": "200004", "msg": "Balance insufficient!"}, Verdict.REFUSED),
    ("kucoin", 401, {"code": "400005", "msg": "Invalid KC-API-SIGN"}, Verdict.DENIED),
    ("kucoin", 200, {"code": "400100", "msg": "The order does not exist."}, Verdict.ABSENT),
    ("kucoin", 200, {"code": "400100", "msg": "clientOid already exists"}, Verdict.TAKEN),
    ("kucoin", 400, {"code": "400100", "msg": "validation.createOrder.clientOidDuplicated"}, Verdict.TAKEN),
    ("kucoin", 404, {"code": "404000", "msg": "Url Not Found"}, Verdict.REFUSED),
    ("gemini", 404, {"result": "error", "reason": "OrderNotFound", "message": "Order 1 not found"}, Verdict.ABSENT),
    ("gemini", 406, {"result": "error", "reason": "InsufficientFunds", "message": "Failed to place buy order"}, Verdict.REFUSED),
    ("gemini", 400, {"result": "error", "reason": "InvalidNonce", "message": "Nonce '1' has not increased"}, Verdict.DENIED),
    ("gemini", 500, {"result": "error", "reason": "System", "message": "We are experiencing technical difficulties"}, Verdict.DOUBT),
    ("bitstamp", 404, {"status": "error", "reason": "Order not found.", "code": "404.002"}, Verdict.ABSENT),
    ("bitstamp", 400, {"status": "error", "reason": {"__all__": ["Minimum order size is 10.0 USD."]}, "code": "400.005"}, Verdict.REFUSED),
    ("bitstamp", 403, {"status": "error", "reason": "Invalid signature", "code": "API0005"}, Verdict.DENIED),
    ("bitstamp", 403, {"status": "error", "reason": "API key not found", "code": "API0001"}, Verdict.DENIED),
    ("bitstamp", 200, {"error": "Order not found"}, Verdict.ABSENT),
    ("bitstamp", 404, {"status": "error", "reason": "Currency pair not found", "response_code": "404.003"}, Verdict.REFUSED),
    ("bitstamp", 404, {"status": "error", "response_explanation": "Trade account not found for provided API key.", "response_code": "404.004"}, Verdict.REFUSED),
    ("bitstamp", 404, {"status": "error", "response_explanation": "Order not found for corresponding request.", "response_code": "404.002"}, Verdict.ABSENT),
    ("bitstamp", 400, {"status": "error", "response_explanation": "Provided client_order_id already exists.", "response_code": "400.019"}, Verdict.TAKEN),
    ("bitstamp", 400, {"status": "error", "response_explanation": "Request rejected due to exceeded rate limit.", "response_code": "400.002"}, Verdict.LIMITED),
    ("bitstamp", 400, {"status": "error", "response_explanation": "Timeout on matching engine.", "response_code": "500.016"}, Verdict.DOUBT),
    ("coinbase-exchange", 404, {"message": "NotFound"}, Verdict.ABSENT),
    ("coinbase-exchange", 400, {"message": "Insufficient funds"}, Verdict.REFUSED),
    ("coinbase", 200, {"success": False, "error_response": {"error": "UNKNOWN_FAILURE_REASON", "message": "unknown"}}, Verdict.DOUBT),
    ("coinbase-exchange", 401, {"message": "invalid signature"}, Verdict.DENIED),
    ("coinbase", 200, {"success": False, "error_response": {"error": "INSUFFICIENT_FUND", "message": "Insufficient balance"}}, Verdict.REFUSED),
    ("coinbase", 401, {"error": "Unauthorized", "message": "expired"}, Verdict.DENIED),
    ("alpaca", 404, {"code": 40410000, "message": "order not found for p7f3a2c-42"}, Verdict.ABSENT),
    ("alpaca", 404, {"code": 40410000, "message": "endpoint not found"}, Verdict.REFUSED),
    ("alpaca", 403, {"code": 40310000, "message": "insufficient buying power"}, Verdict.REFUSED),
    ("alpaca", 422, {"code": 40010001, "message": "client_order_id must be unique"}, Verdict.TAKEN),
]  # fmt: skip


@pytest.mark.parametrize(("venue", "status", "said", "verdict"), REFUSALS)
def test_what_a_venue_refuses_is_told_apart(venue, status, said, verdict):
    refusal = side_of(venue).refusal(status, encoded(said))
    assert refusal is not None and refusal.verdict is verdict
    assert (refusal.reason and refusal.reason in json.dumps(said)) or "Minimum order" in refusal.reason


@pytest.mark.parametrize("venue", WIRES)
@pytest.mark.parametrize(("status", "body"), [(502, b"<html>Bad Gateway</html>"), (0, b""), (503, b""), (408, b"")])
def test_a_front_door_that_fails_leaves_the_order_in_doubt(venue, status, body):
    refusal = side_of(venue).refusal(status, body)
    assert refusal is not None and refusal.verdict is Verdict.DOUBT


@pytest.mark.parametrize("venue", WIRES)
@pytest.mark.parametrize("body", [b"<html>We will be back soon</html>", b"", b"[]", b"{}", b"null", b"\xff\xfe", b'{"code":"200000"}', b'{"error":[]}'])
def test_a_body_that_is_no_answer_is_never_taken_for_an_order(venue, body):
    orders = side_of(venue)
    for call in (orders.place(order(venue)), *orders.find(item_of(venue), named(venue)), orders.open_orders(item_of(venue)), orders.fills(item_of(venue), TS)):
        if orders.refusal(200, body) is None:
            try:
                read = call.read(body)
            except BadMessage:
                continue
            assert not isinstance(read, Report) and not whole(read)


@pytest.mark.parametrize("venue", WIRES)
def test_a_front_door_that_knows_no_such_page_says_nothing_of_the_order(venue):
    refusal = side_of(venue).refusal(404, b"<html>404 page not found</html>")
    assert refusal is not None and refusal.verdict is not Verdict.ABSENT


@pytest.mark.parametrize(
    ("said", "meant"),
    [("XXBT", "BTC"), ("XBT", "BTC"), ("XBT.F", "BTC.F"), ("XXDG", "DOGE"), ("ZUSD", "USD"), ("USD", "USD"), ("XETH", "ETH"), ("ZETA", "ZETA"), ("XTZ", "XTZ"), ("ZRX", "ZRX")],
)
def test_krakens_first_assets_are_called_as_everywhere_else(said, meant):
    (call,) = side_of("kraken").balances()
    assert call.read(encoded({"error": [], "result": {said: {"balance": "1"}}})) == [Balance(meant, Decimal(1), Decimal(1))]


def test_whether_a_fill_made_or_took_is_not_guessed():
    said = json.loads(json.dumps(FILLS["kraken"][0]))
    del said["result"]["trades"]["9"]["maker"]
    assert side_of("kraken").fills(item_of("kraken"), TS).read(encoded(said)).items[0].liquidity == UNTOLD
    said = json.loads(json.dumps(FILLS["kucoin"][0]).replace("maker", "both"))
    with pytest.raises(BadMessage, match="both"):
        side_of("kucoin").fills(item_of("kucoin"), TS).read(encoded(said))


def test_a_trade_at_bitstamp_in_which_both_assets_came_is_no_trade():
    said = [FILLS["bitstamp"][0][0] | {"usd": "117.25"}]
    with pytest.raises(BadMessage, match=r"0\.00234500 btc for 117\.25 usd"):
        side_of("bitstamp").fills(item_of("bitstamp"), TS).read(encoded(said))
    (sale,) = side_of("bitstamp").fills(item_of("bitstamp"), TS).read(encoded([said[0] | {"btc": "-0.00234500"}])).items
    assert (sale.side, sale.lots) == (SELL, 234_500)


def test_kucoin_is_asked_for_orders_where_it_tells_of_those_that_ended_too():
    orders, item = side_of("kucoin"), item_of("kucoin")
    (find,) = orders.find(item, "p7f3a2c-42")
    cancel = orders.cancel(item, report_of("kucoin", "5c35", OPEN, 0))
    assert [(call.method, call.path, call.query) for call in (find, cancel)] == [
        (method, "/api/v1/hf/orders/client-order/p7f3a2c-42", {"symbol": "BTC-USD"}) for method in ("GET", "DELETE")
    ]  # fmt: skip
    assert find.read(b'{"code":"200000","data":null}') is None
    assert not orders.dedups, "a second order of the same name is taken once the first has ended"


def test_a_number_that_would_lose_a_digit_is_no_answer():
    with pytest.raises(BadMessage, match=r"quantity of BTC-USD\.binance"):
        side_of("binance").find(item_of("binance"), "p7f3a2c-42")[0].read(encoded(BINANCE | {"origQty": "0.012345001"}))


@pytest.mark.parametrize("venue", WIRES)
def test_no_secret_is_seen_in_what_is_printed(venue):
    orders = side_of(venue)
    for call in (orders.place(order(venue)), *orders.balances()):
        request = orders.sign(call, TS)
        shown = repr(request) + repr(call) + repr(orders) + repr(orders.__dict__) + str(request)
        secrets = ["the-key", "the-passphrase", base64.b64encode(b"the secret itself").decode(), PEM, PEM.splitlines()[1]]
        signatures = [value.reveal() for name, value in request.headers.items() if name not in ("Content-Type", "Cache-Control")]
        assert not any(secret in shown for secret in secrets)
        assert not any(value in shown for value in signatures if len(value) > 15 and not value.isdigit())


@pytest.mark.parametrize("venue", ["kraken", "gemini", "bitstamp", "coinbase"])
def test_no_two_requests_of_one_moment_are_the_same(venue):
    orders = side_of(venue)
    call = orders.balances()[0]
    first, second = orders.sign(call, TS), orders.sign(call, TS)
    assert (first.body, first.headers) != (second.body, second.headers)


def test_coinbases_token_is_a_jwt_that_its_public_key_verifies():
    said = token(Key(Secret("organizations/o/apiKeys/k"), Secret(PEM)), Call("GET", "/api/v3/brokerage/accounts"), 1_760_000_000, "abc")
    header, claims, signature = said.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    PRIVATE.public_key().verify(encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")), f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "ES256", "typ": "JWT", "kid": "organizations/o/apiKeys/k", "nonce": "abc"}
    assert json.loads(base64.urlsafe_b64decode(claims + "==")) == {
        "sub": "organizations/o/apiKeys/k", "iss": "cdp", "nbf": 1_760_000_000, "exp": 1_760_000_120, "uri": "GET api.coinbase.com/api/v3/brokerage/accounts",
    }  # fmt: skip


@pytest.mark.parametrize("secret", ["no pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_secret_that_is_no_key_is_named_and_not_shown(secret):
    with pytest.raises(BadConfig, match="secret of coinbase") as told:
        token(Key(Secret("k"), Secret(secret)), Call("GET", "/"), 0, "")
    assert secret not in str(told.value) and told.value.__cause__ is None


def test_a_signature_covers_every_byte_of_the_body():
    orders = side_of("kucoin")
    request = orders.sign(orders.place(order("kucoin")), TS)
    said = f"{TS // 1_000_000}POST/api/v1/hf/orders".encode() + request.body
    expected = base64.b64encode(hmac.new(base64.b64encode(b"the secret itself"), said, hashlib.sha256).digest()).decode()
    assert request.headers["KC-API-SIGN"].reveal() == expected


# path of a document, the call that reads it, how many it holds
RECORDED = [
    ("kraken", "http_open_orders.json", lambda orders, item: orders.open_orders(item)),
    ("kraken", "http_trades_history.json", lambda orders, item: orders.fills(item, 0)),
    ("kraken", "http_add_order_spot.json", lambda orders, item: orders.place(order("kraken"))),
    ("coinbase", "http_fills.json", lambda orders, item: orders.fills(item, 0)),
    ("coinbase", "http_orders_list.json", lambda orders, item: orders.open_orders(item)),
    ("coinbase", "http_accounts.json", lambda orders, item: orders.balances()[0]),
    ("gemini", "example-get-order-data.json", lambda orders, item: orders.find(item, "TESTID0")[0]),
    ("gemini", "example-account-info-balance.json", lambda orders, item: orders.balances()[0]),
    ("bitstamp", "example-openorders.json", lambda orders, item: orders.open_orders(item)),
    ("bitstamp", "example-place-limit-order.json", lambda orders, item: orders.place(order("bitstamp"))),
]


@pytest.mark.parametrize(("venue", "name", "call"), RECORDED, ids=[f"{venue}-{name}" for venue, name, _ in RECORDED])
def test_recorded_private_documents_are_read(test_data, venue, name, call):


    documents = json.loads(gzip.decompress((test_data / "rest" / f"{venue}_messages.json.gz").read_bytes()))
    (document,) = [each for path, each in documents.items() if path.endswith("/" + name)]
    base = {"kraken": ("BTC", "USDT", "BTC/USDT"), "gemini": ("ETH", "USD", "ethusd")}.get(venue, ("BTC", "USD", WIRES[venue]))
    item = Instrument(id=InstrumentId(0), key=InstrumentKey(venue, Product.SPOT, base[0], base[1]), wire=base[2], price_decimals=2, quantity_decimals=8)
    body = encoded(document)
    assert side_of(venue).refusal(200, body) is None
    assert whole(call(side_of(venue), item).read(body))
