"""Binance's WebSocket API with its user stream."""

import asyncio
import contextlib
import itertools
import json
import time
from typing import Any, ClassVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from clients.line import ENDED, FILLED, OPEN, Fills, Gone, Heard, Identity, Line, Order, Refused, Standing, end
from polaris.domain.orders import BUY
from polaris.exchange.listing import Rules


class Binance(Line):
    """One session, logged on by a signature."""

    STATES: ClassVar = {"NEW": OPEN, "PARTIALLY_FILLED": OPEN, "FILLED": FILLED, "CANCELED": ENDED, "EXPIRED": ENDED, "EXPIRED_IN_MATCH": ENDED}

    def __init__(self, identity: Identity, rules: Rules, heard: Heard) -> None:
        super().__init__(identity, rules, heard)
        self._ids = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._socket: ClientConnection | None = None

    async def open(self, ports: dict[str, int]) -> None:
        try:
            self._socket = await connect(f"ws://127.0.0.1:{ports['binance']}/ws-api/v3", compression=None, max_queue=None, ping_interval=None)
        except (OSError, WebSocketException, EOFError):
            raise Gone("no connection") from None
        self._reading = asyncio.create_task(self._read(self._socket))
        now, key = int(time.time() * 1000), self.identity.key
        await self._ask("session.logon", apiKey=key, timestamp=now, signature=self.identity.signed(f"apiKey={key}&timestamp={now}"))
        await self._ask("userDataStream.subscribe")

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(WebSocketException, OSError, EOFError):
            async for text in socket:
                told = json.loads(text)
                if "event" in told:
                    self._event(told["event"])
                elif (waiting := self._waiting.pop(int(told["id"]), None)) is not None and not waiting.done():
                    waiting.set_result(told)
        self.ended.set()
        for waiting in self._waiting.values():
            end(waiting, "the socket ended")

    def _event(self, event: dict[str, Any]) -> None:
        if event["e"] != "executionReport" or event["X"] not in self.STATES:
            return
        book = self.rules.book(event["s"])
        listing, fills = self.rules.listings[book], {}
        if event["x"] == "TRADE":
            fills[str(event["t"])] = listing.ticks(event["L"]), listing.lots(event["l"])
        name = event["C"] or event["c"]
        self.heard(name, Standing(str(event["i"]), self.STATES[event["X"]], self.lots(book, event["z"]), fills))

    async def _ask(self, method: str, **params: Any) -> Any:
        if self._socket is None or self._socket.transport.is_closing():
            raise Gone("the socket ended")
        number = next(self._ids)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        except (WebSocketException, OSError, EOFError):
            raise Gone("the socket ended") from None
        told = await self.answer(waiting)
        if told["status"] == 200:
            return told["result"]
        if told["status"] >= 500 and told["error"]["code"] != -1008:
            raise Gone(str(told))  # what became of it is not known
        raise Refused(f"{method}: {told['error']['code']} {told['error']['msg']}")

    def _standing(self, order: Order, told: dict[str, Any]) -> Standing:
        fills = {str(fill["tradeId"]): (self.ticks(order, fill["price"]), self.lots(order.book, fill["qty"])) for fill in told.get("fills", ())}
        return Standing(str(told["orderId"]), self.STATES[told["status"]], self.lots(order.book, told["executedQty"]), fills)

    async def place(self, order: Order, again: bool = False) -> Standing:
        listing = self.rules.listings[order.book]
        terms = {"side": "BUY" if order.side == BUY else "SELL", "type": "LIMIT", "timeInForce": "GTC", "newClientOrderId": order.name}
        size = {"price": listing.price_text(order.price), "quantity": listing.quantity_text(order.quantity)}
        return self._standing(order, await self._ask("order.place", symbol=listing.symbol, **terms, **size, timestamp=int(time.time() * 1000)))

    async def cancel(self, order: Order, name: str) -> Standing:
        asked = {"symbol": self._symbol(order), "origClientOrderId": order.name, "timestamp": int(time.time() * 1000)}
        return self._standing(order, await self._ask("order.cancel", **asked))

    async def find(self, order: Order) -> Standing | None:
        try:
            told = await self._ask("order.status", symbol=self._symbol(order), origClientOrderId=order.name, timestamp=int(time.time() * 1000))
        except Refused as refused:
            if "-2013" in str(refused):
                return None
            raise
        return self._standing(order, told)

    async def fills(self, order: Order) -> Fills:
        told = await self._ask("myTrades", symbol=self._symbol(order), orderId=int(order.order_id), timestamp=int(time.time() * 1000))
        return {str(fill["id"]): (self.ticks(order, fill["price"]), self.lots(order.book, fill["qty"])) for fill in told}

    async def balances(self) -> dict[str, int]:
        told = await self._ask("account.status", timestamp=int(time.time() * 1000))
        units = {asset.name: asset.units for asset in self.rules.assets}
        return {each["asset"]: units[each["asset"]](each["free"]) + units[each["asset"]](each["locked"]) for each in told["balances"]}

    async def close(self) -> None:
        if self._socket is not None:
            self._socket.transport.abort()
            await self._socket.wait_closed()
            await self._reading

    def _symbol(self, order: Order) -> str:
        return self.rules.listings[order.book].symbol
