"""Binance's streams: names in the address, then texts, a line each.

The first line is the address's query (as /stream?streams=...); every further line is a text, a second after the one before.
"""

import json
from typing import Any

from tests.fuzz.besieged import PAUSE, SECOND, Besieged

SEEDS = [
    b"streams=btcusdt@depth/btcusdt@trade&timeUnit=MICROSECOND\n" + b'{"method":"SUBSCRIBE","params":["ethusdt@kline_1m","!ticker@arr"],"id":1}',
    b"streams=btcusdt@depth5@100ms/btcusdt@aggTrade/btcusdt@bookTicker/btcusdt@miniTicker/btcusdt@ticker_1h/btcusdt@avgPrice",
    b'\n{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":1}\n{"method":"UNSUBSCRIBE","params":["btcusdt@depth"],"id":"a-1"}\n{"method":"LIST_SUBSCRIPTIONS","id":null}',
    b'\n{"method":"SET_PROPERTY","params":["combined",true],"id":1}\n{"method":"GET_PROPERTY","params":["combined"],"id":2}',
    b'\n[]\n{}\n{"method":1,"id":1}\n{"method":"SUBSCRIBE","params":[],"id":1}\n\xff',
    b"streams=btcusdt@kline_1M@+08:00/!miniTicker@arr",
]
HUGE = [b"\n" + b'{"method":"SUBSCRIBE","id":1,"params":' + b"[" * 10_000, b"streams=" + b"btcusdt@trade/" * 1_100, b'\n{"id":' + b"9" * 60_000 + b"}"]
FOUND: list[bytes] = []


async def attack(besieged: Besieged, data: bytes) -> None:
    """Every text is answered once; what was subscribed ends with the socket."""
    query, *texts = data.split(b"\n")[:20]
    told: list[Any] = []
    besieged.clock.now += PAUSE
    opens = besieged.binance._upgrades["/stream"]
    socket = opens(besieged.binance_request("/stream", query.decode("latin-1")))
    if socket is not None:
        socket.send = lambda text: told.append(json.loads(text))
        socket.opened()
        for text in texts:
            socket.heard(text)
            besieged.clock.now += SECOND
            besieged.broadcast.tick(besieged.clock.now)
        socket._leave()
        answered = [each for each in told if "id" in each]
        assert len(answered) == len(texts), f"{len(texts)} texts, {len(answered)} answers"
        assert all(("result" in each) != ("error" in each) for each in answered)
    await besieged.turn()
    besieged.unchanged()
    await besieged.serves("binance")
