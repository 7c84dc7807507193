"""Binance spot, as we serve it: streams, the public documents, and the order door of the WebSocket API.

Every single change of a book has an id; a depth event covers the ids U to u and carries the levels that changed, with
what stands there now; each U is the u before plus one. Ids of a snapshot and of bookTicker are of the same count.
Orders sent through /ws-api/v3 are acknowledged and rest for ever: this door measures how fast an order leaves and how
soon its answer is back, it is no matching engine.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from polaris.domain.numbers import text
from polaris.venues.served.floor import Floor, Print, Update
from polaris.venues.served.server import Client, Query, Reply, json_reply

MS: Final = 1_000_000
DEPTH_MS: Final = {"depth": 1000, "depth@1000ms": 1000, "depth@100ms": 100}
ORDER_DOOR: Final = "/ws-api/v3"
WORKING_MOST: Final = 10_000  # orders remembered for their cancel


class Request(msgspec.Struct):
    """What a client may send, on a stream or at the order door."""

    method: str = ""
    params: Any = None
    id: Any = None


class Gathered:
    """What one depth stream gathers between two of its events."""

    def __init__(self, floor: Floor, every_ms: int, now: int) -> None:
        self.every_ns = every_ms * MS
        self.first_id = floor.update_id + 1
        self.due = now + self.every_ns
        self.changes: dict[tuple[bool, int], int] = {}


class BinanceVenue:
    """The dialect, over the floors of the built-in market."""

    name = "binance"

    def __init__(self, floors: Iterable[Floor], now: int) -> None:
        self._floors = {floor.listing.wire: floor for floor in floors if floor.listing.venue == self.name}
        self._streams: dict[Client, dict[str, None]] = {}  # stream names, in order
        self._now = now
        self._depth = {(wire, ms): Gathered(floor, ms, now) for wire, floor in self._floors.items() for ms in (100, 1000)}
        self._tops: dict[str, str] = {}
        self._orders: dict[int, dict[str, Any]] = {}
        self._next_order = 1

    # the market moves

    def publish(self, ts: int, updates: Sequence[tuple[Floor, Update]]) -> None:
        """Tell every client what one step did."""
        self._now = ts
        for floor, update in updates:
            if self._floors.get(floor.listing.wire) is floor:
                self._publish(floor, update)

    def _publish(self, floor: Floor, update: Update) -> None:
        wire, ms = floor.listing.wire, update.ts // MS
        for trade in update.trades:
            self._tell(wire, ("trade",), _trade(floor, trade, ms))
            self._tell(wire, ("aggTrade",), _agg_trade(floor, trade, ms))
        number, ticker = _book_ticker(floor)
        if ticker != self._tops.get(wire):
            self._tops[wire] = ticker
            self._tell(wire, ("bookTicker",), number + ticker)
        for every_ms in (100, 1000):
            gathered = self._depth[wire, every_ms]
            gathered.changes.update(update.changes)
            if update.ts < gathered.due:
                continue
            gathered.due = update.ts + gathered.every_ns
            if gathered.changes:
                names = tuple(name for name, at in DEPTH_MS.items() if at == every_ms)
                self._tell(wire, names, _depth(floor, gathered, update.last_id, ms))
                gathered.changes = {}
                gathered.first_id = update.last_id + 1

    def _tell(self, wire: str, kinds: tuple[str, ...], event: str) -> None:
        """Send one event to everyone who listens to one of these streams of this symbol."""
        names = [f"{wire.lower()}@{kind}" for kind in kinds]
        for client, held in list(self._streams.items()):
            for name in names:
                if name in held:
                    client.send(event if _raw(client) else f'{{"stream":"{name}","data":{event}}}')

    # clients

    def accepts(self, path: str) -> bool:
        """/ws, /ws/<stream>, /stream and the order door."""
        return path in ("/ws", "/stream", ORDER_DOOR) or path.startswith("/ws/")

    def opened(self, client: Client) -> None:
        """Streams named in the address are subscribed at once; unknown ones say nothing, as at the venue."""
        if client.path != ORDER_DOOR:
            named = [client.path.removeprefix("/ws/")] if client.path.startswith("/ws/") else client.query.get("streams", [])
            self._streams[client] = dict.fromkeys(name for group in named for name in group.split("/"))

    def closed(self, client: Client) -> None:
        """Forget it."""
        self._streams.pop(client, None)

    def message(self, client: Client, payload: bytes) -> None:
        """SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS on a stream; orders at the order door."""
        try:
            request = msgspec.json.decode(payload, type=Request)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            client.send(_refusal(None, 3, f"Invalid JSON: {cause}"))
            return
        if client.path == ORDER_DOOR:
            client.send(self._order_door(request))
        else:
            client.send(self._change_streams(self._streams[client], request))

    def _change_streams(self, held: dict[str, None], request: Request) -> bytes:
        if request.method == "LIST_SUBSCRIPTIONS":
            return msgspec.json.encode({"result": list(held), "id": request.id})
        if request.method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            return _refusal(request.id, 2, f"Invalid request: unknown variant {request.method!r}, expected SUBSCRIBE, UNSUBSCRIBE or LIST_SUBSCRIPTIONS")
        if not isinstance(request.params, list) or not all(isinstance(name, str) for name in request.params):
            return _refusal(request.id, 2, "Invalid request: params should be a list of stream names")
        for name in request.params:
            if request.method == "SUBSCRIBE":
                held[name] = None
            else:
                held.pop(name, None)
        return msgspec.json.encode({"result": None, "id": request.id})

    # orders

    def _order_door(self, request: Request) -> bytes:
        params = request.params if isinstance(request.params, dict) else {}
        match request.method:
            case "ping":
                return _answer(request.id, {})
            case "time":
                return _answer(request.id, {"serverTime": self._now // MS})
            case "order.place":
                return self._place(request.id, params)
            case "order.cancel":
                return self._cancel(request.id, params)
            case method:
                return _api_error(request.id, 400, -1000, f"Unknown method {method!r}.")

    def _place(self, id_: Any, params: dict[str, Any]) -> bytes:
        missing = [name for name in ("symbol", "side", "type") if not params.get(name)]
        if missing:
            return _api_error(id_, 400, -1102, f"Mandatory parameter '{missing[0]}' was not sent, was empty/null, or malformed.")
        if params["symbol"] not in self._floors:
            return _api_error(id_, 400, -1121, "Invalid symbol.")
        number, self._next_order = self._next_order, self._next_order + 1
        order = {
            "symbol": params["symbol"],
            "orderId": number,
            "orderListId": -1,
            "clientOrderId": params.get("newClientOrderId", f"builtin-{number}"),
            "transactTime": self._now // MS,
        }
        self._orders[number] = order
        if len(self._orders) > WORKING_MOST:
            del self._orders[next(iter(self._orders))]
        return _answer(id_, order)

    def _cancel(self, id_: Any, params: dict[str, Any]) -> bytes:
        number, name, symbol = params.get("orderId"), params.get("origClientOrderId"), params.get("symbol")
        for known, order in self._orders.items():
            if order["symbol"] == symbol and (known == number or (name is not None and order["clientOrderId"] == name)):
                del self._orders[known]
                cancelled = {"origClientOrderId": order["clientOrderId"], "status": "CANCELED", "executedQty": "0.00000000"}
                return _answer(id_, {**order, **cancelled, "transactTime": self._now // MS})
        return _api_error(id_, 400, -2011, "Unknown order sent.")

    # documents

    def rest(self, path: str, query: Query) -> Reply:
        """ping, time, depth and exchangeInfo."""
        match path:
            case "/api/v3/ping":
                return json_reply({})
            case "/api/v3/time":
                return json_reply({"serverTime": self._now // MS})
            case "/api/v3/depth":
                return self._snapshot(query)
            case "/api/v3/exchangeInfo":
                return self._exchange_info(query)
            case _:
                return json_reply({"code": -1000, "msg": f"nothing at {path}"}, 404)

    def _snapshot(self, query: Query) -> Reply:
        wire, limit = query.get("symbol", [""])[0], query.get("limit", ["100"])[0]
        floor = self._floors.get(wire)
        if floor is None:
            return json_reply({"code": -1121, "msg": "Invalid symbol."}, 400)
        if not limit.isdigit() or not 1 <= int(limit) <= 5000:
            return json_reply({"code": -1100, "msg": f"Illegal value {limit!r} of parameter 'limit'; legal range is 1 to 5000."}, 400)
        bids, asks = ([[_price(floor, price), _size(floor, lots)] for price, lots in side.levels()[: int(limit)]] for side in (floor.bids, floor.asks))
        return json_reply({"lastUpdateId": floor.update_id, "bids": bids, "asks": asks})

    def _exchange_info(self, query: Query) -> Reply:
        try:
            wires = query.get("symbol") or msgspec.json.decode(query["symbols"][0], type=list[str]) if query else list(self._floors)
            symbols = [symbol_info(floor.listing.wire, floor.listing.base, floor.listing.quote, *_decimals(floor)) for floor in map(self._floors.__getitem__, wires)]
        except (KeyError, msgspec.DecodeError):
            return json_reply({"code": -1121, "msg": "Invalid symbol."}, 400)
        return json_reply(exchange_info(symbols, self._now // MS))


def exchange_info(symbols: list[dict[str, Any]], now_ms: int) -> dict[str, Any]:
    """The document at /api/v3/exchangeInfo."""
    limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}]
    return {"timezone": "UTC", "serverTime": now_ms, "rateLimits": limits, "exchangeFilters": [], "symbols": symbols}


def symbol_info(wire: str, base: str, quote: str, price_decimals: int, quantity_decimals: int, min_notional: str = "5.00000000") -> dict[str, Any]:
    """One symbol of exchangeInfo."""
    tick, lot = (text(10 ** (8 - decimals), 8) for decimals in (price_decimals, quantity_decimals))
    return {
        "symbol": wire,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "10000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000000.00000000", "stepSize": lot},
            {"filterType": "NOTIONAL", "minNotional": min_notional, "applyMinToMarket": True, "maxNotional": "9000000.00000000", "applyMaxToMarket": False},
        ],
        "permissions": ["SPOT"],
    }


def _raw(client: Client) -> bool:
    return client.path != "/stream"


def _decimals(floor: Floor) -> tuple[int, int]:
    return floor.listing.price_decimals, floor.listing.quantity_decimals


def _price(floor: Floor, ticks: int) -> str:
    return text(ticks * 10 ** (8 - floor.listing.price_decimals), 8)


def _size(floor: Floor, lots: int) -> str:
    return text(lots * 10 ** (8 - floor.listing.quantity_decimals), 8)


def _trade(floor: Floor, trade: Print, ms: int) -> str:
    maker_buys = "false" if trade.taker_buys else "true"
    return (
        f'{{"e":"trade","E":{ms},"s":"{floor.listing.wire}","t":{trade.id},"p":"{_price(floor, trade.price)}",'
        f'"q":"{_size(floor, trade.lots)}","T":{ms},"m":{maker_buys},"M":true}}'
    )


def _agg_trade(floor: Floor, trade: Print, ms: int) -> str:
    maker_buys = "false" if trade.taker_buys else "true"
    return (
        f'{{"e":"aggTrade","E":{ms},"s":"{floor.listing.wire}","a":{trade.id},"p":"{_price(floor, trade.price)}",'
        f'"q":"{_size(floor, trade.lots)}","f":{trade.id},"l":{trade.id},"T":{ms},"m":{maker_buys},"M":true}}'
    )


def _book_ticker(floor: Floor) -> tuple[str, str]:
    """The event in two parts: its number, and what it says."""
    bid, ask = floor.bids.best, floor.asks.best
    return f'{{"u":{floor.update_id},', (
        f'"s":"{floor.listing.wire}","b":"{_price(floor, bid)}","B":"{_size(floor, floor.bids.lots[bid])}",'
        f'"a":"{_price(floor, ask)}","A":"{_size(floor, floor.asks.lots[ask])}"}}'
    )


def _depth(floor: Floor, gathered: Gathered, last_id: int, ms: int) -> str:
    sides: dict[bool, list[str]] = {False: [], True: []}
    for (is_ask, price), lots in gathered.changes.items():
        sides[is_ask].append(f'["{_price(floor, price)}","{_size(floor, lots)}"]')
    return (
        f'{{"e":"depthUpdate","E":{ms},"s":"{floor.listing.wire}","U":{gathered.first_id},"u":{last_id},'
        f'"b":[{",".join(sides[False])}],"a":[{",".join(sides[True])}]}}'
    )


def _refusal(id_: Any, code: int, reason: str) -> bytes:
    return msgspec.json.encode({"error": {"code": code, "msg": reason}, "id": id_})


def _answer(id_: Any, result: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"id": id_, "status": 200, "result": result, "rateLimits": []})


def _api_error(id_: Any, status: int, code: int, reason: str) -> bytes:
    return msgspec.json.encode({"id": id_, "status": status, "error": {"code": code, "msg": reason}, "rateLimits": []})
