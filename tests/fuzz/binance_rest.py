"""Binance over REST, signed by us: what an account may ask, with any parameters.

The first line is method and path, the second the query, the rest the body. It is asked twice: as it is, which must change nothing,
and with our key, time and signature, which must be done or refused.
"""

import hashlib
import hmac

from tests.fuzz.besieged import MILLISECOND, Besieged, Wire, answers
from tests.fuzz.http_bytes import is_error

LIMITED = b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000"
SEEDS = [
    b"POST /api/v3/order\n" + LIMITED,
    b"POST /api/v3/order\n\n" + LIMITED + b"&newClientOrderId=a&newOrderRespType=FULL&recvWindow=5000",
    b"POST /api/v3/order\nsymbol=BTCUSDT&side=SELL&type=MARKET&quoteOrderQty=100.5",
    b"POST /api/v3/order/test\n" + LIMITED + b"&computeCommissionRates=true&icebergQty=0.001",
    b"POST /api/v3/order\nsymbol=BTCUSDT&side=SELL&type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=1&price=40000&stopPrice=45000&trailingDelta=100",
    b"DELETE /api/v3/order\nsymbol=BTCUSDT&orderId=1&origClientOrderId=a&cancelRestrictions=ONLY_NEW",
    b"POST /api/v3/order/cancelReplace\n" + LIMITED + b"&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=1",
    b"PUT /api/v3/order/amend/keepPriority\nsymbol=BTCUSDT&orderId=1&newQty=0.005",
    b"DELETE /api/v3/openOrders\nsymbol=BTCUSDT",
    b"GET /api/v3/allOrders\nsymbol=BTCUSDT&startTime=1&endTime=2&limit=10&orderId=1",
    b"GET /api/v3/myTrades\nsymbol=BTCUSDT&fromId=1&limit=1000",
    b"GET /api/v3/account\nomitZeroBalances=true",
    b"GET /api/v3/klines\nsymbol=BTCUSDT&interval=1m&startTime=0&endTime=9999999999999&limit=5&timeZone=-1:30",
    b"GET /api/v3/ticker\nsymbols=%5B%22BTCUSDT%22%5D&windowSize=1d&type=MINI",
    b"GET /api/v3/exchangeInfo\npermissions=%5B%22SPOT%22%5D",
    b"GET /api/v3/aggTrades\nsymbol=BTCUSDT&fromId=0",
    b"POST /api/v3/orderList/oco\nsymbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice=55000&belowType=STOP_LOSS&belowStopPrice=45000",
    b"POST /api/v3/orderList/otoco\nsymbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingPrice=48000&workingQuantity=0.01&workingTimeInForce=GTC"
    b"&pendingSide=SELL&pendingQuantity=0.01&pendingAboveType=LIMIT_MAKER&pendingAbovePrice=55000&pendingBelowType=STOP_LOSS&pendingBelowStopPrice=45000",
    b"DELETE /api/v3/orderList\nsymbol=BTCUSDT&orderListId=1",
    b"POST /api/v3/userDataStream\nlistenKey=abc",
    b"GET /sapi/v1/capital/config/getall\nrecvWindow=1.5",
]
HUGE = [
    b"POST /api/v3/order\n\n" + LIMITED.replace(b"0.01", b"9" * 60_000),
    b"POST /api/v3/order\n\n" + b"&".join(b"a%d=1" % n for n in range(6_000)),
    b"GET /api/v3/ticker\nsymbols=" + b"[" * 7_000,
]
FOUND: list[bytes] = []


async def attack(besieged: Besieged, data: bytes) -> None:
    """Unsigned it changes nothing, signed it is done or refused; either way it is answered once."""
    line, _, rest = data.partition(b"\n")
    query, _, body = rest.partition(b"\n")
    method, _, path = line.partition(b" ")
    if not method.isalpha() or any(byte <= 32 or byte > 126 or byte in b"?#" for byte in path + query) or b"#" in query or len(path + query) > 8192:
        return  # what HTTP itself refuses is another target's
    await _ask(besieged, method, path, query, body)
    besieged.unchanged()
    stamp = b"timestamp=%d" % (besieged.clock() // MILLISECOND)
    query = b"&".join(part for part in (query, stamp) if part)
    payload = query + body.decode(errors="replace").encode()
    signature = hmac.new(besieged.secret.encode(), payload, hashlib.sha256).hexdigest().encode()
    await _ask(besieged, method, path, query + b"&signature=" + signature, body, besieged.hmac_key.name.encode())
    besieged.whole()
    await besieged.serves("binance")


async def _ask(besieged: Besieged, method: bytes, path: bytes, query: bytes, body: bytes, key: bytes = b"") -> None:
    wire: Wire = besieged.door("binance")
    wire.feed(b"%b %b?%b HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: %b\r\nContent-Length: %d\r\n\r\n" % (method, path, query, key, len(body)) + body)
    await besieged.turn()
    told, _ = answers(bytes(wire.written))
    wire.lost()
    await besieged.turn()
    for status, document in told:
        assert besieged.may_say(status), (status, document)
        if status >= 400:
            is_error("binance", document)
    assert len(told) == 1, f"{len(told)} answers"
