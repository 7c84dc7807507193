"""The HTTP port: any bytes, in pieces of any size, at the door of either dialect.

The first byte says which door (its lowest bit) and how large the pieces are (the rest; 0: one piece). Nothing is signed, so nothing may change.
"""

from typing import Any

from tests.fuzz.besieged import HANDSHAKE, PAUSE, Besieged, answers

GET = b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n"
ORDER = b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000&timestamp=1700000000000&signature=00"
TYPED = b'{"client_order_id":"a","product_id":"BTC-USDT","side":"BUY","order_configuration":{"market_market_ioc":{"base_size":"1"}}}'
SEEDS = [
    b"\0" + GET,
    b"\x06" + GET,
    b"\0" + GET * 3,
    b"\0POST /api/v3/order HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: abc\r\nContent-Length: %d\r\n\r\n%b" % (len(ORDER), ORDER) + GET,
    b"\0POST /api/v3/order?%b HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: abc\r\nX-MBX-TIME-UNIT: MICROSECOND\r\n\r\n" % ORDER,
    b"\0POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nTrailer: v\r\n\r\n" + GET,
    b"\0POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nfffffffffffffffff\r\nabc",
    b"\0GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET http://x/ HTTP/1.1\r\n\r\n",
    b"\0GET /api/v3/depth?symbol=BTCUSDT&limit=5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + GET,
    b"\0" + HANDSHAKE % b"/ws-api/v3?timeUnit=MICROSECOND" + b"\x81\x82\0\0\0\0{}",
    b"\0" + HANDSHAKE % b"/stream?streams=btcusdt@depth/btcusdt@trade",
    b"\x01" + HANDSHAKE % b"/" + b"\x81\x82\0\0\0\0{}",
    b"\x01GET /api/v3/brokerage/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.c\r\n\r\n",
    b"\x01POST /api/v3/brokerage/orders HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(TYPED), TYPED),
    b"\x01GET /api/v3/brokerage/market/product_book?product_id=BTC-USDT&limit=%EF%BC%91 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\0CONNECT x:1 HTTP/1.1\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]
HUGE = [
    b"\0GET / HTTP/1.1\r\nA: " + b"a" * 1_000_000 + b"\r\n\r\n",
    b"\0GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50_000 + b"\r\n",
    b"\0GET /?" + b"a=1&" * 250_000 + b" HTTP/1.1\r\n\r\n",
    b"\0GET /api/v3/time?" + b"&" * 16_000 + b" HTTP/1.1\r\n\r\n",
    b"\0POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % 10**30,
    b"\0POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 1_000_000,
    b"\0POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n",
    b"\0POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 1_000_000 + b"\r\na\r\n0\r\n\r\n",
    b"\0" + GET * 5_000,
    b"\x01" + GET * 5_000,
]
FOUND: list[bytes] = [
    b"\0" + HANDSHAKE.replace(b"13", b"8") % b"/ws",  # the socket stayed in the list of those that are open
    b"\0" + HANDSHAKE.replace(b"dGhl", b"!") % b"/ws",
    b"\x01\0\0",  # answered in Binance's words at Coinbase's door
]


async def attack(besieged: Besieged, data: bytes) -> None:
    """Every answer is of the dialect; the line works on, or is closed; nothing changed."""
    how, data = data[0] if data else 0, data[1:]
    name, size = ("binance", "coinbase")[how & 1], how >> 1 or len(data) or 1
    besieged.clock.now += PAUSE
    wire = besieged.door(name)
    for at in range(0, len(data), size):
        wire.feed(data[at : at + size])
    await besieged.turn()
    while (door := wire.get_protocol()) in besieged.open_lines(name) and door._waiting:
        await besieged.turn()
    wire.lost()
    await besieged.turn()
    told, _ = answers(bytes(wire.written))
    for status, document in told:
        assert besieged.may_say(status), (status, document)
        if status >= 400:
            is_error(name, document)
    besieged.unchanged()
    await besieged.serves(name)


def is_error(name: str, document: Any) -> None:
    """Whether a refusal speaks the dialect it was asked in."""
    if name == "binance":
        assert set(document) >= {"code", "msg"} and document["code"] < -999, document
    else:
        assert set(document) == {"error", "error_details", "message"}, document
