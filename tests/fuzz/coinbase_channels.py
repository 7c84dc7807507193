"""Coinbase's channels: texts of any kind, a line each, a second apart; `TOKEN` in one stands for a token that is good."""

import json

from polaris.exchange.gateway.coinbase.channel_socket import ChannelSocket
from tests.fuzz.besieged import SECOND, Besieged

SEEDS = [
    b'{"type":"subscribe","channel":"level2","product_ids":["BTC-USDT"]}\n{"type":"unsubscribe","channel":"level2","product_ids":["BTC-USDT"]}',
    b'{"type":"subscribe","channel":"user","jwt":"TOKEN"}\n{"type":"subscribe","channel":"user","product_ids":["BTC-USDT"],"jwt":"TOKEN"}',
    b'{"type":"subscribe","channel":"heartbeats"}\n{"type":"subscribe","channel":"status"}\n{"type":"subscribe","channel":"ticker_batch","product_ids":["ETH-USDT","BTC-USDT"]}',
    b'{"type":"subscribe","channel":"candles","product_ids":["BTC-USDT"]}\n{"type":"subscribe","channel":"market_trades","product_ids":["BTC-USDT"],"jwt":"TOKEN"}',
    b'{"type":"subscribe","channel":"ticker","product_ids":[]}\n{"type":"","channel":"x"}\n[]\n\xff\n{}',
    b'{"type":"subscribe","channel":"user","jwt":"a.b.c"}',
]
HUGE = [b'{"type":"subscribe","channel":"level2","product_ids":' + b"[" * 10_000, b'{"type":"subscribe","channel":"ticker","product_ids":[' + b'"x",' * 12_000 + b'"x"]}']
FOUND: list[bytes] = []


async def attack(besieged: Besieged, data: bytes) -> None:
    """Every frame has the next number, and nothing is left of who leaves."""
    channels = besieged.coinbase.channels
    socket = ChannelSocket(channels, "127.0.0.1")
    sent = []
    socket.send = lambda text: sent.append(json.loads(text))
    socket.opened()
    for text in data.split(b"\n")[:20]:
        if b"TOKEN" in text:
            text = text.replace(b"TOKEN", besieged.signer.token(besieged.clock() // SECOND).encode())
        socket.heard(text)
        await besieged.turn()
        besieged.clock.now += SECOND
        besieged.broadcast.tick(besieged.clock.now)
    numbers = [each["sequence_num"] for each in sent if "sequence_num" in each]
    assert numbers == list(range(len(numbers))), numbers
    assert all(each.get("type") == "error" and each["message"] for each in sent if "sequence_num" not in each)
    socket._leave()
    await besieged.turn()
    assert not any(channels._readers.values())
    besieged.unchanged()
    await besieged.serves("coinbase")
