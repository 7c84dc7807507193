"""Ask a small venue in Coinbase's words without a socket, signed as a client signs."""

import asyncio
import itertools
import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.coinbase.limits import Limits
from polaris.exchange.gateway.coinbase.server import ROOT, CoinbaseServer
from polaris.exchange.gateway.coinbase.serving import serve_coinbase
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.venue import Journal, Venue
from polaris.exchange.listing import Rules
from polaris.exchange.marketdata import MarketData
from tests.unit.exchange.gateway.asking import until
from tests.unit.exchange.gateway.bare import RULES, Bare, Clock
from tests.unit.exchange.gateway.coinbase.tokens_of import Signer

SECOND = 1_000_000_000
AMPLE = Limits(10**6, 10**6, 10**6)
HOST = "api.coinbase.com"
numbers = itertools.count(1)


class Here:
    """A venue whose clock stands until it is moved, and its Coinbase server on loopback once it is started."""

    def __init__(self, rules: Rules = RULES, limits: Limits = AMPLE, journal: Journal | None = None, clock: Any = None, pulse_s: float = 0) -> None:
        self.clock = clock or Clock()
        self.core = Bare(rules)
        self.venue = Venue(rules, self.core, Register(rules), self.clock, journal, pulse_s=pulse_s)
        self.broadcast = Broadcast(MarketData(self.core.engine._arena))
        self.venue.listen(self.broadcast)
        self.keys = Keys()
        self.server = CoinbaseServer(self.venue.now, self.keys, limits)
        serve_coinbase(self.server, self.venue, self.broadcast)

    async def __aenter__(self) -> "Here":
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()
        self.venue.close()
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        return self.server.port


class Asker:
    """One account's client; `status` is the last answer's."""

    def __init__(self, here: Here, account: int = 1, kind: str = "EdDSA", **more: Any) -> None:
        self.here = here
        self.signer = Signer(here.keys, account, kind, **more)
        self.status = 0

    async def ask(self, method: str, path: str, body: Any = None, token: str | None = None, **query: Any) -> Any:
        """The document that answers; a path without a root is one of brokerage's."""
        path = path if path.startswith("/") else f"{ROOT}/{path}"
        if token is None:
            token = self.signer.token(self.here.clock() // SECOND, f"{method} {HOST}{path}")
        return await self.send(method, path, urlencode(query, doseq=True), json.dumps(body).encode() if body is not None else b"", f"Bearer {token}")

    async def send(self, method: str, path: str, query: str = "", body: bytes = b"", authorization: str = "") -> Any:
        answers: list[Any] = []
        request = SimpleNamespace(
            method=method, path=path, query=query, body=body, headers={"authorization": authorization, "host": "here"}, address="127.0.0.1",
            answer=lambda told, status=200, headers=None: answers.append((told, status)),
        )  # fmt: skip
        self.here.server.hear(request)  # type: ignore[arg-type]
        await until(lambda: answers)
        assert len(answers) == 1, f"{method} {path} got {len(answers)} answers"
        told, self.status = answers[0]
        return json.loads(told)

    def order(self, side: str, configuration: dict[str, Any], product: str = "BTC-USDT", name: str | None = None) -> dict[str, Any]:
        return {"client_order_id": name or f"n{next(numbers)}", "product_id": product, "side": side, "order_configuration": configuration}

    async def place(self, side: str, configuration: dict[str, Any], **more: Any) -> Any:
        return await self.ask("POST", "orders", self.order(side, configuration, **more))

    async def limit(self, side: str, size: str, price: str, **more: Any) -> str:
        """A limit order that is taken: its id."""
        terms = {"base_size": size, "limit_price": price, **({"post_only": more.pop("post_only")} if "post_only" in more else {})}
        told = await self.place(side, {"limit_limit_gtc": terms}, **more)
        assert told["success"], told
        return str(told["success_response"]["order_id"])

    async def order_of(self, order_id: str) -> Any:
        return (await self.ask("GET", f"orders/historical/{order_id}"))["order"]
