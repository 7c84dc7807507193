"""Coinbase over REST: any call and any body, without a token and with one of ours.

The first line is method and address, the rest the body. Without a token nothing may change; with one it is done or refused.
"""

from tests.fuzz.besieged import SECOND, Besieged, answers
from tests.fuzz.http_bytes import is_error

ROOT = b"/api/v3/brokerage/"


def order(configuration: bytes, more: bytes = b"") -> bytes:
    return (
        b"POST " + ROOT + b'orders\n{"client_order_id":"a","product_id":"BTC-USDT","side":"BUY",' + more + b'"order_configuration":{' + configuration + b"}}"
    )


SEEDS = [
    order(b'"market_market_ioc":{"base_size":"0.01"}'),
    order(b'"market_market_ioc":{"quote_size":"10.5"}'),
    order(b'"limit_limit_gtc":{"base_size":"0.01","limit_price":"48000","post_only":true}'),
    order(b'"limit_limit_gtd":{"base_size":"1","limit_price":"50000","end_time":"2030-01-01T00:00:00Z","post_only":false}'),
    order(b'"sor_limit_ioc":{"base_size":"1","limit_price":"51000"}', b'"self_trade_prevention_id":"00000000-0000-4000-8000-000000000001",'),
    order(b'"stop_limit_stop_limit_gtc":{"base_size":"1","limit_price":"52000","stop_price":"51500","stop_direction":"STOP_DIRECTION_STOP_UP"}'),
    order(b'"trigger_bracket_gtc":{"base_size":"1","limit_price":"52000","stop_trigger_price":"45000"}'),
    order(b'"limit_limit_fok":{"quote_size":"1e5","limit_price":"NaN"}'),
    b"POST " + ROOT + b'orders/batch_cancel\n{"order_ids":["00000000-0000-4000-8000-000000000001"]}',
    b"POST " + ROOT + b'orders/edit\n{"order_id":"00000000-0000-4000-8000-000000000001","price":"49000","size":"1"}',
    b"POST " + ROOT + b'orders/preview\n{"product_id":"BTC-USDT","side":"SELL","order_configuration":{"market_market_ioc":{"base_size":"1"}}}',
    b"GET " + ROOT + b"orders/historical/batch?product_ids=BTC-USDT&order_status=OPEN&limit=5&start_date=2020-01-01T00:00:00Z&cursor=1",
    b"GET " + ROOT + b"orders/historical/fills?order_ids=a&trade_ids=1&start_sequence_timestamp=2020-01-01T00:00:00.5Z&retail_portfolio_id=x",
    b"GET " + ROOT + b"orders/historical/00000000-0000-4000-8000-000000000001",
    b"GET " + ROOT + b"products/BTC-USDT/candles?start=1&end=1700000000&granularity=ONE_MINUTE&limit=350",
    b"GET " + ROOT + b"market/products/BTC-USDT/ticker?limit=3&start=1&end=2",
    b"GET " + ROOT + b"market/product_book?product_id=BTC-USDT&limit=5&aggregation_price_increment=0.1",
    b"GET " + ROOT + b"accounts?limit=49&cursor=x",
    b"GET " + ROOT + b"best_bid_ask?product_ids=BTC-USDT&product_ids=ETH-USDT",
    b"GET /v2/exchange-rates?currency=BTC",
]
HUGE = [
    b"POST " + ROOT + b'orders\n{"order_configuration":' + b'{"a":' * 10_000,
    order(b'"limit_limit_gtc":{"base_size":"' + b"9" * 50_000 + b'","limit_price":"48000"}'),
    b"POST " + ROOT + b'orders/batch_cancel\n{"order_ids":[' + b'"x",' * 12_000 + b'"x"]}',
    b"GET " + ROOT + b"market/products?" + b"product_ids=a&" * 580,
]
FOUND: list[bytes] = []


async def attack(besieged: Besieged, data: bytes) -> None:
    """Without a token it changes nothing, with one it is done or refused; either way it is answered once."""
    line, _, body = data.partition(b"\n")
    method, _, address = line.partition(b" ")
    if not method.isalpha() or not address.startswith(b"/") or any(byte <= 32 or byte > 126 or byte == 35 for byte in address) or len(address) > 8192:
        return  # what HTTP itself refuses is another target's
    await _ask(besieged, method, address, body, "")
    besieged.unchanged()
    path = address.partition(b"?")[0]
    token = besieged.signer.token(besieged.clock() // SECOND, f"{method.decode()} api.coinbase.com{path.decode()}")
    await _ask(besieged, method, address, body, token)
    besieged.whole()
    await besieged.serves("coinbase")


async def _ask(besieged: Besieged, method: bytes, address: bytes, body: bytes, token: str) -> None:
    wire = besieged.door("coinbase")
    head = b"%b %b HTTP/1.1\r\nHost: api.coinbase.com\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
    wire.feed(head % (method, address, token.encode(), len(body)) + body)
    await besieged.turn()
    told, _ = answers(bytes(wire.written))
    wire.lost()
    await besieged.turn()
    for status, document in told:
        assert besieged.may_say(status), (status, document)
        if status >= 400:
            is_error("coinbase", document)
    assert len(told) == 1, f"{len(told)} answers"
