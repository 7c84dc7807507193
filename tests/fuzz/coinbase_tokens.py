"""Coinbase's tokens: any head and any claims, signed with a key that is good, and any text in a token's place.

The first line is the head, the second the claims, as JSON; KEY and 1700000000 in them are our key and now. Where there is no second line the
first is the whole of the Authorization header.
"""

import json

from tests.fuzz.besieged import Besieged, answers
from tests.fuzz.http_bytes import is_error
from tests.unit.exchange.gateway.coinbase.tokens_of import part

URI = "GET api.coinbase.com/api/v3/brokerage/accounts"
HEAD = b'{"alg":"EdDSA","typ":"JWT","kid":"KEY","nonce":"00"}'
CLAIMS = b'{"sub":"KEY","iss":"cdp","nbf":1700000000,"exp":1700000120,"uri":"%b"}' % URI.encode()
SEEDS = [
    HEAD + b"\n" + CLAIMS,
    HEAD + b"\n" + CLAIMS.replace(b'"uri":"', b'"uris":["').replace(b'"}', b'"]}'),
    HEAD.replace(b"EdDSA", b"ES256") + b"\n" + CLAIMS,
    HEAD.replace(b"EdDSA", b"none") + b"\n" + CLAIMS,
    HEAD + b"\n" + CLAIMS.replace(b"1700000120", b"99999999999999999999999"),
    HEAD + b"\n" + CLAIMS.replace(b"1700000000", b"-1e30"),
    HEAD + b"\n" + CLAIMS.replace(b'"cdp"', b'["cdp"]'),
    b"Bearer a.b.c",
    b"Basic YTpi",
    b"Bearer eyJ9.eyJ9.\xe9",
]
HUGE = [b"Bearer " + b"a" * 16_000, b"Bearer " + b"." * 4_000]
FOUND: list[bytes] = [
    HEAD[:-1] + b',"x":' + b"[" * 1500 + b"\n" + CLAIMS,
    HEAD + b"\n" + CLAIMS[:-1] + b',"x":' + b"[" * 1500,
]


async def attack(besieged: Besieged, data: bytes) -> None:
    """Who is let in is the key itself, in its time, for this call; else 401."""
    head, line, claims = data.partition(b"\n")
    if line:
        name = besieged.signer.key.name.encode()
        said = ".".join(part(each.replace(b"KEY", name)) for each in (head, claims))
        header = f"Bearer {said}.{part(besieged.signer.sign(said.encode()))}".encode()
        token = header[7:].decode()
    else:
        header, token = head, head.decode("latin-1")
    if any(byte < 32 or byte == 127 for byte in header):
        return
    wire = besieged.door("coinbase")
    wire.feed(b"GET /api/v3/brokerage/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: %b\r\n\r\n" % header)
    await besieged.turn()
    ((status, document),) = answers(bytes(wire.written))[0]
    wire.lost()
    await besieged.turn()
    if status == 200:
        started, told = (json.loads(each.decode(errors="replace")) for each in (head, claims))
        assert started["alg"] == "EdDSA" and "KEY" in told["sub"] and told["nbf"] <= 1_700_000_005 and told["exp"] > 1_700_000_000, told
    else:
        assert status in (401, 431), (status, document)
        is_error("coinbase", document)
    socket = besieged.coinbase.channels.open(besieged.binance_request("/"))
    assert socket is not None
    sent: list[bytes] = []
    socket.send = sent.append
    socket.opened()
    socket.heard(json.dumps({"type": "subscribe", "channel": "user", "jwt": token}).encode())
    await besieged.turn()
    assert sent, "a subscription was not answered"
    socket._leave()
    besieged.unchanged()
    await besieged.serves("coinbase")
