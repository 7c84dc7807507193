"""Binance's WebSocket API: texts of any kind, a line each, in a session that is logged on or not.

The lowest bit of the first byte says whether somebody is logged on. Nobody else's texts are signed, so they may change nothing.
"""

import json
from typing import Any

from polaris.exchange.gateway.binance.session import Session
from tests.fuzz.besieged import Besieged, frames
from tests.fuzz.http_bytes import is_error

NOW = 1_700_000_000_000
ORDER: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000", "newClientOrderId": "a", "timestamp": NOW}


def asked(method: str, **params: Any) -> bytes:
    return json.dumps({"id": 1, "method": method, "params": params}, separators=(",", ":")).encode()


SEEDS = [
    b"1" + asked("order.place", **ORDER) + b"\n" + asked("order.cancel", symbol="BTCUSDT", origClientOrderId="a", timestamp=NOW),
    b"1" + asked("order.place", **{**ORDER, "type": "MARKET", "price": "", "timeInForce": ""}),
    b"1" + asked("order.place", **ORDER) + b"\n" + asked("order.amend.keepPriority", symbol="BTCUSDT", origClientOrderId="a", newQty="0.005", timestamp=NOW),
    b"1" + asked("order.cancelReplace", **ORDER, cancelReplaceMode="STOP_ON_FAILURE", cancelOrigClientOrderId="z"),
    b"1" + asked("userDataStream.subscribe") + b"\n" + asked("order.place", **ORDER) + b"\n" + asked("userDataStream.unsubscribe", subscriptionId=0),
    b"1" + asked("session.status") + b"\n" + asked("session.logout") + b"\n" + asked("account.status", timestamp=NOW),
    b"1" + asked("openOrders.cancelAll", symbol="BTCUSDT", timestamp=NOW, recvWindow=5000),
    b"1" + asked("klines", symbol="BTCUSDT", interval="1h", limit=3, returnRateLimits=False),
    b"1" + asked("orderList.place.oco", symbol="BTCUSDT", side="SELL", quantity="1", aboveType="LIMIT_MAKER", abovePrice="55000", belowType="STOP_LOSS", belowStopPrice="45000", timestamp=NOW),
    b"0" + asked("order.place", **ORDER, apiKey="k", signature="s"),
    b'0{"id":"x","method":"time"}\n{"id":null,"method":"ping","params":null}\n{"id":1.5,"method":"time"}\n[]\n\xff',
    b'0{"id":1,"method":"exchangeInfo","params":{"symbols":["BTCUSDT"],"permissions":[]}}',
    b'0{"id":1,"method":"depth","params":{"symbol":"BTCUSDT","limit":5}}',
]
HUGE = [
    b"0" + b'{"id":1,"method":"time","params":' + b"[" * 10_000,
    b"0" + b'{"id":1,"method":"time","params":{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
    b"0" + b'{"id":1,"method":"depth","params":{"limit":' + b"9" * 60_000 + b"}}",
    b"1" + asked("order.place", **{**ORDER, "quantity": "9" * 60_000}),
]
FOUND: list[bytes] = []


async def attack(besieged: Besieged, data: bytes) -> None:
    """Each text is answered once, in its envelope."""
    logged_on, told = bool(data[:1] and data[0] & 1), []
    session = opened(besieged)
    session.send_frame = lambda framed: told.extend(json.loads(text) for _, text in frames(framed))
    if logged_on:
        session.key, session.logged_on = besieged.signer.key, besieged.venue.now()
    texts = data[1:].split(b"\n")[:50]
    for text in texts:
        session.heard(text)
    await besieged.turn()
    answered = [each for each in told if "event" not in each]
    assert len(answered) == len(texts), f"{len(texts)} texts, {len(answered)} answers"
    for each in answered:
        assert besieged.may_say(each["status"]), each
        assert ("error" in each) == (each["status"] != 200), each
        if "error" in each:
            is_error("binance", each["error"])
    session._leave()
    await besieged.turn()
    (besieged.whole if logged_on else besieged.unchanged)()
    await besieged.serves("binance")


def opened(besieged: Besieged) -> Session:
    """A session without a socket."""
    sessions: Any = besieged.binance._upgrades["/ws-api/v3"]
    return Session(sessions.__self__, besieged.binance_request("/ws-api/v3"), False, True, True)
