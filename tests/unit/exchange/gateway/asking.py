"""Ask a small venue over HTTP or the WebSocket API, signed as a client signs; or without a socket, as fast as it goes."""

import asyncio
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.unit.exchange.gateway.bare import Small

numbers = itertools.count(1)


def sign(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


async def until(holds: Callable[[], Any]) -> None:
    """Let the loop turn until something holds."""
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")


class Asker:
    """One account's client."""

    def __init__(self, small: Small, account: int = 1, **key: Any) -> None:
        self.small = small
        self.key, self.secret = small.keys.create_hmac(account, **key)

    @property
    def now(self) -> int:
        return self.small.clock() // 1_000_000

    def query(self, **params: Any) -> str:
        text = urlencode({"timestamp": self.now, **params})
        return f"{text}&signature={sign(self.secret, text)}"

    def params(self, **params: Any) -> dict[str, Any]:
        """Of the WebSocket API."""
        sent = {"apiKey": self.key.name, "timestamp": self.now, **params}
        payload = "&".join(f"{name}={sent[name]}" for name in sorted(sent))
        return {**sent, "signature": sign(self.secret, payload)}

    async def ask(self, method: str, path: str, **params: Any) -> Any:
        """Without a socket: the answer's document; `status` and `headers` are those of the last one."""
        request = self.request(method, path, self.query(**params))
        self.small.server.hear(request)
        await until(lambda: request.answers)
        assert len(request.answers) == 1, f"{method} {path} got {len(request.answers)} answers"
        body, self.status, self.headers = request.answers[0]
        return json.loads(body)

    def request(self, method: str, path: str, query: str = "", body: bytes = b"", key: str | None = None) -> Any:
        answers: list[Any] = []
        headers = {"x-mbx-apikey": self.key.name if key is None else key}
        return SimpleNamespace(
            method=method,
            path=path if path.startswith("/") else f"/api/v3/{path}",
            query=query,
            body=body,
            headers=headers,
            address="127.0.0.1",
            keep_alive=True,
            answers=answers,
            answer=lambda body, status=200, headers=None: answers.append((body, status, headers)),
        )

    async def place(self, side: str, quantity: str, price: str, kind: str = "LIMIT", **params: Any) -> Any:
        more = {"timeInForce": "GTC"} if kind == "LIMIT" else {}
        named = {"newClientOrderId": f"o{next(numbers)}", **more, **params}
        return await self.ask("POST", "order", symbol="BTCUSDT", side=side, type=kind, quantity=quantity, price=price, **named)


class Socketed:
    """A connection of the WebSocket API."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[Any] = []

    async def ask(self, method: str, **params: Any) -> Any:
        """The answer; events that came before it are kept."""
        number = next(numbers)
        await self.socket.send_str(json.dumps({"id": number, "method": method, **({"params": params} if params else {})}))
        while True:
            told = await self.receive()
            if told.get("id") == number:
                return told
            self.events.append(told)

    async def receive(self) -> Any:
        return json.loads((await asyncio.wait_for(self.socket.receive(), 10)).data)

    async def event(self) -> Any:
        """The next event of the user stream."""
        return self.events.pop(0) if self.events else await self.receive()
