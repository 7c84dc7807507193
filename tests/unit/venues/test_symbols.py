"""Venues' documents as instruments."""

import msgspec
import pytest

from polaris.domain.errors import BadMessage, SymbolCollision, UnknownSymbol
from polaris.domain.instrument import Instruments, Product
from polaris.venues.binance import COINM_VENUE, USDM_VENUE
from polaris.venues.binance import VENUE as BINANCE
from polaris.venues.capture import Line
from polaris.venues.coinbase import VENUE as COINBASE
from polaris.venues.coinbase.errors import SharedBook


def product(wire: str, **changes) -> dict:
    base, _, quote = wire.partition("-")
    return {
        "product_id": wire, "base_increment": "0.00000001", "quote_increment": "0.01", "price_increment": "0.01", "base_min_size": "0.0001",
        "quote_min_size": "1", "base_currency_id": base, "quote_currency_id": quote, "product_type": "SPOT", "alias": "", "status": "online",
    } | changes  # fmt: skip


def products(*them: dict) -> bytes:
    return msgspec.json.encode({"products": them, "num_products": len(them)})


def symbol(wire: str, base: str, quote: str, tick: str, step: str, least: str, notional: dict, **changes) -> dict:
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "tickSize": tick},
        {"filterType": "PERCENT_PRICE", "avgPriceMins": 5},
        {"filterType": "LOT_SIZE", "minQty": least, "stepSize": step},
        notional,
    ]
    return {"symbol": wire, "baseAsset": base, "quoteAsset": quote, "filters": filters, "status": "TRADING"} | changes


BTCUSDT = symbol("BTCUSDT", "BTC", "USDT", "0.01000000", "0.00001000", "0.00001000", {"filterType": "NOTIONAL", "minNotional": "5.00000000"})
PERP = symbol("BTCUSDT", "BTC", "USDT", "0.10", "0.001", "0.001", {"filterType": "MIN_NOTIONAL", "notional": "100"},
              contractType="PERPETUAL", pricePrecision=2, quantityPrecision=3)  # fmt: skip
DELIVERY = symbol("BTCUSDT_261225", "BTC", "USDT", "0.1", "0.001", "0.001", {}, contractType="CURRENT_QUARTER", pricePrecision=1, quantityPrecision=3)
LATER = symbol("BTCUSDT_270326", "BTC", "USDT", "0.1", "0.001", "0.001", {}, contractType="NEXT_QUARTER", pricePrecision=1, quantityPrecision=3)


def exchange_info(*them: dict) -> bytes:
    return msgspec.json.encode({"timezone": "UTC", "symbols": them})


def test_a_coinbase_product_has_the_venues_increments_and_trimmed_texts():
    (btc,) = COINBASE.instruments(products(product("BTC-USD")), ["BTC-USD"], 7)
    assert (btc.id, btc.symbol, btc.wire) == (7, "BTC-USD.coinbase", "BTC-USD")
    assert (btc.price_decimals, btc.quantity_decimals) == (2, 8)
    assert (btc.price_increment, btc.quantity_increment, btc.min_quantity, btc.min_notional) == (1, 1, 10_000, 100_000_000)
    assert btc.price_text(6508400) == "65084"
    assert btc.quantity_text(12_000_000) == "0.12"


def test_an_increment_that_is_no_power_of_ten_is_some_ticks():
    (btc,) = COINBASE.instruments(products(product("BTC-USD", price_increment="0.05")), ["BTC-USD"], 0)
    assert (btc.price_decimals, btc.price_increment) == (2, 5)


def test_a_coinbase_product_without_a_book_of_its_own_is_refused_by_the_name_to_use():
    with pytest.raises(SharedBook, match="BTC-USDC trades in the book of BTC-USD"):
        COINBASE.instruments(products(product("BTC-USDC", alias="BTC-USD")), ["BTC-USDC"], 0)


def test_coinbase_futures_of_one_base_do_not_collide():
    future = {"product_type": "FUTURE", "base_currency_id": "", "quote_currency_id": "USD"}
    wires = ["BIT-28AUG26-CDE", "BIT-25SEP26-CDE"]
    found = Instruments(COINBASE.instruments(products(*(product(wire, **future) for wire in wires)), wires, 0))
    assert [each.key.product for each in found] == [Product.FUTURE] * 2


def test_binance_spot_writes_eight_decimals_and_the_increments_are_rules():
    (btc,) = BINANCE.instruments(exchange_info(BTCUSDT), ["BTCUSDT"], 0)
    assert btc.symbol == "BTC-USDT.binance"
    assert (btc.price_decimals, btc.quantity_decimals) == (8, 8)
    assert (btc.price_increment, btc.quantity_increment, btc.min_quantity, btc.min_notional) == (1_000_000, 1000, 1000, 500_000_000)
    assert btc.price_text(btc.ticks("61837.63")) == "61837.63000000"


def test_binance_futures_write_each_symbols_own_decimals():
    (btc,) = USDM_VENUE.instruments(exchange_info(PERP), ["BTCUSDT"], 0)
    assert btc.symbol == "BTC-USDT-perpetual.binance-usdm"
    assert (btc.price_decimals, btc.price_increment, btc.quantity_decimals, btc.min_notional) == (2, 10, 3, 10_000_000_000)
    assert btc.price_text(btc.ticks("61800.2")) == "61800.20"


def test_two_deliveries_of_one_pair_are_two_instruments():
    wires = ["BTCUSDT", "BTCUSDT_261225", "BTCUSDT_270326"]
    found = Instruments(USDM_VENUE.instruments(exchange_info(PERP, DELIVERY, LATER), wires, 0))
    assert [each.key.product for each in found] == [Product.PERPETUAL, Product.FUTURE, Product.FUTURE]
    assert len({each.symbol for each in found}) == 3
    with pytest.raises(SymbolCollision):
        Instruments([found[0], msgspec.structs.replace(found[0], id=1, wire="BTCUSDT2")])


@pytest.mark.parametrize("venue", [COINBASE, BINANCE, USDM_VENUE, COINM_VENUE], ids=lambda venue: venue.name)
def test_a_symbol_the_document_lacks_and_a_document_that_is_none_are_refused(venue):
    document = products(product("BTC-USD")) if venue is COINBASE else exchange_info(BTCUSDT)
    with pytest.raises(UnknownSymbol, match="unknown symbol 'DOGE'"):
        venue.instruments(document, ["DOGE"], 0)
    with pytest.raises(BadMessage, match=r"coinbase: not a list of products|binance.*: not an exchangeInfo"):
        venue.instruments(b'{"error":"rate limit"}', ["BTCUSDT"], 0)


def test_documents_are_asked_for_by_their_symbols():
    assert COINBASE.metadata(["BTC-USD", "ETH-USD"]) == "/api/v3/brokerage/market/products?product_ids=BTC-USD&product_ids=ETH-USD"
    assert BINANCE.metadata(["BTCUSDT", "ETHUSDT"]) == "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D"
    assert USDM_VENUE.metadata(["BTCUSDT"]) == "/fapi/v1/exchangeInfo"


def test_a_recorded_document_is_known_by_its_address():
    assert BINANCE.tag("https://api.binance.com/api/v3/depth?symbol=NKNUSDT&limit=1000") == "depth:NKNUSDT"
    assert BINANCE.tag("https://api.binance.com/api/v3/exchangeInfo") == ""
    assert COINBASE.tag("https://api.coinbase.com/api/v3/brokerage/market/products") == ""


def test_a_recording_without_documents_tells_decimals_by_its_texts():
    frames = [
        b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["1000.00","606.675"],["5000.00","2.321"]],"a":[]}}',
        b'{"stream":"ethusdt@bookTicker","data":{"e":"bookTicker","u":5,"s":"ETHUSDT","b":"2683.8","B":"12","a":"2683.9","A":"1"}}',
    ]
    lines = [Line("recv", 1, "", frame) for frame in frames]
    btc, eth = USDM_VENUE.discover(lines)
    assert (btc.wire, btc.price_decimals, btc.quantity_decimals, btc.text_decimals) == ("BTCUSDT", 2, 3, (2, 3))
    assert (eth.wire, eth.price_decimals, eth.quantity_decimals) == ("ETHUSDT", 1, 0)
    assert [each.price_decimals for each in BINANCE.discover(lines)] == [8, 8]
    (perp,) = COINM_VENUE.discover([Line("recv", 1, "", b'{"stream":"btcusd_perp@trade","data":{"s":"BTCUSD_PERP","p":"61804.8","q":"4"}}')])
    assert perp.symbol == "BTC-USD-perpetual.binance-coinm"


def test_a_recording_tells_its_symbols_by_what_was_asked_for():
    addr = Line("connect", 1, "ws", b"", "wss://stream.binance.com:9443/stream?streams=nknusdt@depth@100ms/blzeth@depth@100ms/nknusdt@bookTicker")
    assert [(each.wire, each.key.base, each.key.quote) for each in BINANCE.discover([addr])] == [("NKNUSDT", "NKN", "USDT"), ("BLZETH", "BLZ", "ETH")]
    asked = Line("send", 1, "ws", b'{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@trade"],"id":1}')
    assert [each.wire for each in BINANCE.discover([asked])] == ["BTCUSDT"]
    sent = Line("send", 1, "ws", b'{"type":"subscribe","product_ids":["BTC-USD","ETH-USDC"],"channel":"level2"}')
    document = Line("http", 1, "rest", products(product("BTC-USD"), product("ETH-USD"), product("ETH-USDC", alias="ETH-USD")), "https://x/api/v3/brokerage/market/products")
    assert [each.wire for each in COINBASE.discover([sent, document])] == ["BTC-USD", "ETH-USD"]
    frame = Line("recv", 1, "ws", b'{"channel":"l2_data","sequence_num":1,"events":[{"type":"update","product_id":"SOL-USD","updates":[]}]}')
    assert [each.wire for each in COINBASE.discover([frame])] == ["SOL-USD"]
