"""WebSocket frames: any bytes behind a good handshake, on every path where sockets open.

The first byte says which path, and how large the pieces are. Nothing is signed, so nothing may change.
"""

import json

from tests.fuzz.besieged import HANDSHAKE, PAUSE, Besieged, answers

PATHS = [("binance", b"/ws-api/v3"), ("binance", b"/ws"), ("binance", b"/stream"), ("coinbase", b"/")]


def frame(text: bytes, opcode: int = 1, first: int = 0x80, mask: bytes = b"\1\2\3\4") -> bytes:
    """As a client sends it; `first`: FIN and the reserved bits."""
    size = len(text)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big") if size < 65_536 else b"\xff" + size.to_bytes(8, "big")
    return bytes([first | opcode]) + length + mask + bytes(byte ^ mask[at & 3] for at, byte in enumerate(text))


TIME = frame(b'{"id":1,"method":"time"}')
SEEDS = [
    b"\0" + TIME * 2,
    b"\x0c" + TIME,
    b"\x01" + frame(b'{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":1}'),
    b"\x02" + frame(b'{"method":"LIST_SUBSCRIPTIONS","id":"a"}') + frame(b"", 9) + frame(b"x", 10),
    b"\x03" + frame(b'{"type":"subscribe","channel":"level2","product_ids":["BTC-USDT"]}'),
    b"\0" + frame(b"hello", 9) + frame(b"\x03\xe8bye", 8) + TIME,
    b"\0" + frame(b'{"id":1,', 1, 0) + frame(b'"method":"time"}', 0),
    b"\0" + frame(b"binary", 2) + TIME,
    b"\0" + b"\x81\x04time" + TIME,
    b"\0" + b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
    b"\0" + b"\x81\xff\x00\x00\x00\x00\x00\x02\x00\x00\0\0\0\0",
    b"\0" + frame(b"\xff\xfe"),
    b"\0" + frame(b"x", 3) + frame(b"x", 11),
    b"\0" + frame(b"x", 1, 0xF0),
    b"\0" + frame(b"", 8),
    b"\0" + frame(b"\x03", 8),
    b"\0" + frame(b"\0\0", 8),
    b"\x03" + frame(b"\xff\xff\xff", 8),
    b"\0" + frame(b"x" * 126, 9),
    b"\0" + frame(b"{" * 300),
]
HUGE = [b"\0" + frame(b"[" * 65_000), b"\0" + frame(b"x" * 70_000), b"\0" + TIME * 5_000, b"\0" + frame(b"x", 9) * 5_000, b"\x02" + TIME * 100]
FOUND: list[bytes] = []


async def attack(besieged: Besieged, data: bytes) -> None:
    """What is said is JSON in whole texts, or goodbye; nothing changed, and nothing is left of the socket."""
    how, data = data[0] if data else 0, data[1:]
    (name, path), size = PATHS[how & 3], how >> 2 or len(data) or 1
    besieged.clock.now += PAUSE
    wire = besieged.door(name)
    wire.feed(HANDSHAKE % path)
    for at in range(0, len(data), size):
        wire.feed(data[at : at + size])
    await besieged.turn()
    wire.lost()
    await besieged.turn()
    assert wire.written.startswith(b"HTTP/1.1 101 ")
    for opcode, payload in answers(bytes(wire.written))[1]:
        assert opcode in (1, 8, 9, 10), opcode
        if opcode == 1:
            assert isinstance(json.loads(payload), dict)
    besieged.unchanged()
    await besieged.serves(name)
