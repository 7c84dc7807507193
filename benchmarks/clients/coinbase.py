"""Coinbase's Advanced Trade over REST."""

import asyncio
import json
from typing import Any, ClassVar

from clients.line import ENDED, FILLED, NOT_TOLD, OPEN, PATIENCE_S, Fills, Gone, Heard, Identity, Line, Order, Refused, Standing, cut
from polaris.domain.orders import BUY
from polaris.exchange.gateway.coinbase.names import order_of
from polaris.exchange.listing import Rules


class Coinbase(Line):
    """Requests side by side, each on one of a few connections that stay open."""

    resends = True
    by_name = False
    CONNECTIONS: ClassVar = 4
    STATES: ClassVar = {"OPEN": OPEN, "FILLED": FILLED, "CANCELLED": ENDED, "EXPIRED": ENDED, "FAILED": ENDED}
    ROOT: ClassVar = "/api/v3/brokerage"

    def __init__(self, identity: Identity, rules: Rules, heard: Heard) -> None:
        super().__init__(identity, rules, heard)
        self._products = [f"{listing.base.name}-{listing.quote.name}" for listing in rules.listings]
        self._all: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._free = asyncio.Semaphore(self.CONNECTIONS)

    async def open(self, ports: dict[str, int]) -> None:
        self._host = f"127.0.0.1:{ports['coinbase']}"
        try:
            for _ in range(self.CONNECTIONS):
                self._all.append(await asyncio.open_connection("127.0.0.1", ports["coinbase"]))
        except OSError:
            raise Gone("no connection") from None
        self._idle = list(self._all)

    async def _ask(self, method: str, path: str, query: str = "", body: Any = None) -> Any:
        async with self._free:
            if self.ended.is_set():
                raise Gone("the line ended")
            reader, writer = line = self._idle.pop()
            try:
                said = json.dumps(body).encode() if body is not None else b""
                token = self.identity.token(f"{method} {self._host}{self.ROOT}{path}")
                writer.write(
                    f"{method} {self.ROOT}{path}{query} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {token}\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n".encode() + said
                )
                async with asyncio.timeout(PATIENCE_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = next(int(row.split(b":")[1]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:"))
                    told = json.loads(await reader.readexactly(length))
            except (OSError, EOFError) as cause:
                self.ended.set()
                raise Gone(f"{method} {path}: {cause!r}") from None
            self._idle.append(line)
        status = int(head.split(b" ")[1])
        if status == 503:
            raise Refused(str(told))
        if status >= 500:
            raise Gone(str(told))
        if status >= 400 and status != 404:
            raise ValueError(f"{method} {path}: {status} {told}")
        return None if status == 404 else told

    async def place(self, order: Order, again: bool = False) -> Standing:
        listing = self.rules.listings[order.book]
        terms = {"base_size": listing.quantity_text(order.quantity), "limit_price": listing.price_text(order.price)}
        side = "BUY" if order.side == BUY else "SELL"
        body = {"client_order_id": order.name, "product_id": self._products[order.book], "side": side, "order_configuration": {"limit_limit_gtc": terms}}
        told = await self._ask("POST", "/orders", body=body)
        if not told["success"]:
            raise Refused(str(told))
        if told["success_response"]["client_order_id"] != order.name:
            raise ValueError(f"asked for {order.name}, told of {told['success_response']}")
        return Standing(told["order_id"], "", NOT_TOLD)

    async def cancel(self, order: Order, name: str) -> Standing:
        told = await self._ask("POST", "/orders/batch_cancel", body={"order_ids": [order.order_id]})
        if not told["results"][0]["success"]:
            raise Refused(str(told))
        return Standing(order.order_id, ENDED, NOT_TOLD)

    async def find(self, order: Order) -> Standing | None:
        told = await self._ask("GET", f"/orders/historical/{order.order_id}")
        if told is None or told["order"]["client_order_id"] != order.name:
            return None  # it is gone, and another has its number
        return Standing(told["order"]["order_id"], self.STATES[told["order"]["status"]], self.lots(order.book, told["order"]["filled_size"]))

    async def fills(self, order: Order) -> Fills:
        told = await self._ask("GET", "/orders/historical/fills", f"?order_ids={order.order_id}&limit=1000")
        return {fill["trade_id"]: (self.ticks(order, fill["price"]), self.lots(order.book, fill["size"])) for fill in told["fills"]}

    async def balances(self) -> dict[str, int]:
        told = await self._ask("GET", "/accounts", "?limit=250")
        units = {asset.name: asset.units for asset in self.rules.assets}
        return {
            each["currency"]: units[each["currency"]](each["available_balance"]["value"]) + units[each["currency"]](each["hold"]["value"])
            for each in told["accounts"]
        }

    async def close(self) -> None:
        self.ended.set()
        for _, writer in self._all:
            await cut(writer)

    @staticmethod
    def number(order_id: str) -> int:
        named = order_of(order_id)
        assert named is not None, order_id
        return named[1]
