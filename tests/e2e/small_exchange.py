"""A small exchange on a loopback port in four dialects: it takes orders by name, and its line fails as it is told.

Each request meets the next fault of a list: it is lost on the way, its answer is, it comes late or twice, what it made is not
shown at first, a new order is refused for want of money, or the front door answers with something else. What the exchange
holds (`orders`) is the truth that a client must find out.
"""

import asyncio
import json
import time
from urllib.parse import parse_qsl, urlsplit

FINE, LOST, ANSWER_LOST, LATE, BROKEN, MAINTENANCE, BUSY = "fine", "lost", "answer lost", "late", "broken", "maintenance", "busy"
HIDDEN, TWICE, POOR = "hidden", "twice", "poor"
FAULTS = (FINE, LOST, ANSWER_LOST, LATE, BROKEN, MAINTENANCE, BUSY, HIDDEN, TWICE, POOR)
LATE_S = 0.13  # later than a client waits, and earlier than a request grows old
HIDDEN_S = 0.06  # how long a new order is not shown to who asks for it


class SmallExchange:
    """Orders rest until they are cancelled.

    dialect   "binance", "kucoin", "once" (KuCoin's words, and a name is taken once for all) or "kraken" (nonces rise)
    window_s  how long a request is good where there are no nonces
    """

    def __init__(self, dialect: str, window_s: float = 0.2) -> None:
        self.dialect, self.window_s = dialect, window_s
        self.orders: list[dict[str, str]] = []
        self.faults: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self._nonce = 0
        self._hidden_until = 0.0
        self._poor = False
        self._late: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "SmallExchange":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._late)
        self._server.close()
        await self._server.wait_closed()

    def named(self, name: str) -> list[dict[str, str]]:
        """Every order of that name."""
        return [order for order in self.orders if order["name"] == name]

    def shown(self, name: str) -> list[dict[str, str]]:
        """Those of them that the exchange tells of."""
        return [] if time.time() < self._hidden_until else self.named(name)

    async def quiet(self) -> None:
        """Until nothing is on its way any more."""
        await asyncio.gather(*self._late)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
            body = (await reader.readexactly(length)).decode()
            stamp = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("kc-api-timestamp:")), 0)
            method, target, _ = lines[0].split(" ")
            self.asked.append((method, urlsplit(target).path))
            fault = self.faults.pop(0) if self.faults else FINE
            if fault == LATE:
                task = asyncio.create_task(self._later(method, target, body, stamp))
                self._late.add(task)
                await task
            elif fault == MAINTENANCE:
                self._answer(writer, 200, "<html>We are down for maintenance.</html>")
            elif fault == BROKEN:
                self._do(method, target, body, stamp)
                self._answer(writer, 502, "Bad Gateway")
            elif fault == BUSY:
                self._answer(writer, 429, "{}", "Retry-After: 0.02\r\n")
            elif fault == HIDDEN:
                before = len(self.orders)
                self._do(method, target, body, stamp)
                if len(self.orders) > before:
                    self._hidden_until = time.time() + HIDDEN_S
            elif fault != LOST:
                self._poor = fault == POOR
                status, said = self._do(method, target, body, stamp)
                self._poor = False
                if fault == TWICE and self.dialect != "kraken":  # there the second is refused by its nonce, and tells nothing
                    status, said = self._do(method, target, body, stamp)
                if fault != ANSWER_LOST:
                    self._answer(writer, status, json.dumps(said))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _later(self, method: str, target: str, body: str, stamp: int) -> None:
        await asyncio.sleep(LATE_S)
        self._do(method, target, body, stamp)

    def _answer(self, writer: asyncio.StreamWriter, status: int, text: str, more: str = "") -> None:
        raw = text.encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(raw)}\r\nConnection: close\r\n{more}\r\n".encode() + raw)

    def _do(self, method: str, target: str, body: str, stamp: int) -> tuple[int, object]:
        url = urlsplit(target)
        if stamp and time.time() - stamp / 1000 > self.window_s:
            return 400, {"code": "400002", "msg": "KC-API-TIMESTAMP Invalid"}
        return getattr(self, f"_{self.dialect}")(method, url.path, dict(parse_qsl(url.query)), body)

    def _take(self, name: str, side: str, size: str, price: str) -> dict[str, str]:
        order = {"name": name, "side": side, "size": size, "price": price, "state": "open", "id": str(len(self.orders) + 1)}
        self.orders.append(order)
        return order

    # ---- Binance

    def _binance(self, method: str, path: str, query: dict[str, str], body: str) -> tuple[int, object]:
        fields = query | dict(parse_qsl(body))
        if time.time() - int(fields["timestamp"]) / 1000 > self.window_s:
            return 400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}
        if method == "POST":
            if any(order["state"] == "open" for order in self.named(fields["newClientOrderId"])):
                return 400, {"code": -2010, "msg": "Duplicate order sent."}
            if self._poor:
                return 400, {"code": -2010, "msg": "Account has insufficient balance for requested action."}
            return 200, self._binance_order(self._take(fields["newClientOrderId"], fields["side"], fields["quantity"], fields["price"]))
        if path.endswith("/openOrders"):
            return 200, [self._binance_order(order) for order in self.orders if order["state"] == "open"]
        found = self.shown(fields["origClientOrderId"])
        if not found:
            return 400, {"code": -2013, "msg": "Order does not exist."}
        if method == "DELETE":
            found[-1]["state"] = "cancelled"
        return 200, self._binance_order(found[-1])

    def _binance_order(self, order: dict[str, str]) -> dict[str, object]:
        return {
            "orderId": int(order["id"]), "status": "NEW" if order["state"] == "open" else "CANCELED", "side": order["side"], "origQty": order["size"],
            "executedQty": "0.00000000", "price": order["price"], "clientOrderId": order["name"], "symbol": "BTCUSDT",
        }  # fmt: skip

    # ---- KuCoin

    def _once(self, method: str, path: str, query: dict[str, str], body: str) -> tuple[int, object]:
        if method == "POST" and self.named(json.loads(body)["clientOid"]):
            return 200, {"code": "300000x", "msg": "clientOid already exists"}
        return self._kucoin(method, path, query, body)

    def _kucoin(self, method: str, path: str, query: dict[str, str], body: str) -> tuple[int, object]:
        if method == "POST":
            fields = json.loads(body)
            if any(order["state"] == "open" for order in self.named(fields["clientOid"])):
                return 200, {"code": "300000x", "msg": "clientOid already exists"}
            if self._poor:
                return 200, {"code": "200004", "msg": "Balance insufficient!"}
            return 200, {"code": "200000", "data": {"orderId": self._take(fields["clientOid"], fields["side"], fields["size"], fields["price"])["id"]}}
        found = self.shown(path.rpartition("/")[2])
        if not found:
            return 200, {"code": "200000", "data": None}
        if method == "DELETE":
            found[-1]["state"] = "cancelled"
            return 200, {"code": "200000", "data": {"clientOid": found[-1]["name"]}}
        order = found[-1]
        live = order["state"] == "open"
        return 200, {"code": "200000", "data": {
            "id": order["id"], "side": order["side"], "type": "limit", "size": order["size"], "price": order["price"], "dealSize": "0", "active": live,
            "clientOid": order["name"],
        }}  # fmt: skip

    # ---- Kraken

    def _kraken(self, method: str, path: str, query: dict[str, str], body: str) -> tuple[int, object]:
        fields = dict(parse_qsl(body))
        if int(fields["nonce"]) <= self._nonce:
            return 200, {"error": ["EAPI:Invalid nonce"]}
        self._nonce = int(fields["nonce"])
        what = path.rpartition("/")[2]
        if what == "AddOrder":
            if self._poor:
                return 200, {"error": ["EOrder:Insufficient funds"]}
            order = self._take(fields["cl_ord_id"], fields["type"], fields["volume"], fields["price"])
            return 200, {"error": [], "result": {"txid": [order["id"]], "descr": {"order": "..."}}}
        found = self.shown(fields["cl_ord_id"])
        if what == "CancelOrder":
            if not found:
                return 200, {"error": ["EOrder:Unknown order"]}
            found[-1]["state"] = "cancelled"
            return 200, {"error": [], "result": {"count": 1}}
        open_ = what == "OpenOrders"
        shown = {
            order["id"]: {
                "status": "open" if open_ else "canceled", "descr": {"pair": "XBTUSD", "type": order["side"], "ordertype": "limit", "price": order["price"]},
                "vol": order["size"], "vol_exec": "0.00000000", "cl_ord_id": order["name"],
            }
            for order in found
            if (order["state"] == "open") is open_
        }  # fmt: skip
        return 200, {"error": [], "result": {"open" if open_ else "closed": shown}}
