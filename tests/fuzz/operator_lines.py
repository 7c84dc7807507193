"""The operator's door: any lines. Its owner may do much, but nothing that he did not say."""

import asyncio
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from polaris.app.exchange.control import Control
from tests.fuzz.besieged import Besieged

SEEDS = [
    b'{"do":"status"}\n{"do":"account","account":1}',
    b'{"do":"deposit","account":7,"asset":"USDT","amount":"50000"}',
    b'{"do":"withdraw","account":1,"asset":"BTC","amount":"0.00000001"}',
    b'{"do":"transfer","account":1,"to":2,"asset":"BTC","amount":"1"}',
    b'{"do":"phase","symbol":"BTCUSDT","phase":"halted"}\n{"do":"phase","phase":"continuous"}',
    b'{"do":"kill","account":1}\n{"do":"revive","account":1}\n{"do":"tier","account":1,"tier":0}',
    b'{"do":"x"}\n[]\n\xff\n{"do":"deposit","account":"7"}',
    b'{"do":"stop"}',
]
HUGE = [b'{"do":"deposit","account":1,"asset":"BTC","amount":"' + b"9" * 60_000 + b'"}']
FOUND: list[bytes] = [
    b'{"do":"transfer","account":1,"to":99999999999999999999,"asset":"BTC","amount":"1"}',
    b'{"do":"tier","account":1,"tier":99999999999999999999}',
    b'{"do":"deposit","account":1,"asset":"BTC","amount":"1e30"}',
    b'{"do":"deposit","account":1,"asset":"BTC","amount":"99999999999999999999999999"}',
    b'{"do":"\xff"}',
    b'{"do":' + b"[" * 3000,
]
_folder = tempfile.TemporaryDirectory(prefix="fuzz-")


async def attack(besieged: Besieged, data: bytes) -> None:
    """Every line is answered by one, whatever is in it."""
    house: Any = SimpleNamespace(plan=SimpleNamespace(rules=besieged.venue.rules), venue=besieged.venue, machine=SimpleNamespace(core=besieged.core))
    control = Control(house, Path(_folder.name), lambda: None, lambda: {"up": True})
    texts = [text for text in data.split(b"\n")[:20] if text]
    reader = asyncio.StreamReader(limit=64 * 1024)
    reader.feed_data(b"".join(text + b"\n" for text in texts))
    reader.feed_eof()
    written = bytearray()

    async def drain() -> None: ...

    writer: Any = SimpleNamespace(write=written.extend, drain=drain, close=lambda: None)
    serving = asyncio.ensure_future(control._serve(reader, writer))
    for _ in range(100 * len(texts) + 10):
        if serving.done():
            break
        await besieged.turn()
    assert serving.done(), "a line was not answered"
    serving.result()
    told = [json.loads(line) for line in written.splitlines()]
    assert len(told) == len(texts), f"{len(texts)} lines, {len(told)} answers"
    assert not besieged.venue.failed
    assert all((besieged.core.balances(account) >= 0).all() for account in range(16)), "a balance is negative"
    if besieged.venue.seq != besieged.before.seq:
        besieged.build()
