"""Coinbase Advanced Trade, as we serve it: the public channels and the public product documents.

One number, `sequence_num`, counts every frame of a connection from 0, whatever its channel. A level2 subscription
begins with a snapshot, then come updates; `side` is bid or offer; quantities are absolute. In market_trades `side` is
the maker's.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from polaris.domain.numbers import text
from polaris.venues.served.fair import KINDS
from polaris.venues.served.floor import Floor, Print, Side, Update
from polaris.venues.served.server import Client, Query, Reply, json_reply

CHANNELS: Final = ("level2", "market_trades", "ticker", "ticker_batch", "heartbeats")
MARKET_PATH: Final = "/api/v3/brokerage/market/"
SUBSCRIBE_S: Final = 5.0  # a client that has subscribed to nothing by then is sent away
HEARTBEAT_NS: Final = 1_000_000_000
BATCH_NS: Final = 5_000_000_000


class Request(msgspec.Struct):
    """What a client may send."""

    type: str
    channel: str = ""
    product_ids: list[str] = []


class Desk:
    """One client: what it listens to, and the number of its next frame."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.channels: dict[str, dict[str, None]] = {}  # channel -> products, in order
        self._sequence = 0

    def send(self, channel: str, ts: int, events: str) -> None:
        """Send one frame; `events` is the JSON inside the array."""
        number, self._sequence = self._sequence, self._sequence + 1
        self.client.send(f'{{"channel":"{channel}","timestamp":"{rfc3339(ts)}","sequence_num":{number},"events":[{events}]}}')

    def hears(self, channel: str, wire: str) -> bool:
        """Whether it subscribed to this channel of this product."""
        return wire in self.channels.get(channel, ())


class CoinbaseVenue:
    """The dialect, over the floors of the built-in market."""

    name = "coinbase"

    def __init__(self, floors: Iterable[Floor], now: int) -> None:
        self._floors = {floor.listing.wire: floor for floor in floors if floor.listing.venue == self.name}
        self._desks: dict[Client, Desk] = {}
        self._now = self._started = now
        self._next_beat = now + HEARTBEAT_NS
        self._next_batch = now + BATCH_NS

    # the market moves

    def publish(self, ts: int, updates: Sequence[tuple[Floor, Update]]) -> None:
        """Tell every client what one step did."""
        self._now = ts
        for floor, update in updates:
            wire = floor.listing.wire
            if self._floors.get(wire) is not floor:
                continue
            level2 = trades = ticker = ""
            for desk in list(self._desks.values()):
                if update.trades and desk.hears("market_trades", wire):
                    trades = trades or _market_trades(floor, update.trades, "update", ts)
                    desk.send("market_trades", ts, trades)
                if update.changes and desk.hears("level2", wire):
                    level2 = level2 or _level2_update(floor, update)
                    desk.send("l2_data", ts, level2)
                if update.trades and desk.hears("ticker", wire):
                    ticker = ticker or _ticker(floor, "update")
                    desk.send("ticker", ts, ticker)
        if ts >= self._next_batch:
            self._next_batch = ts + BATCH_NS
            for desk in list(self._desks.values()):
                for wire in desk.channels.get("ticker_batch", ()):
                    desk.send("ticker_batch", ts, _ticker(self._floors[wire], "update"))
        if ts >= self._next_beat:
            self._next_beat = ts + HEARTBEAT_NS
            beat = f'{{"current_time":"{_go_time(ts)}","heartbeat_counter":{(ts - self._started) // HEARTBEAT_NS}}}'
            for desk in list(self._desks.values()):
                if "heartbeats" in desk.channels:
                    desk.send("heartbeats", ts, beat)

    # clients

    def accepts(self, path: str) -> bool:
        """The socket opens at the root."""
        return path in ("", "/")

    def opened(self, client: Client) -> None:
        """A new client has five seconds to subscribe."""
        desk = self._desks[client] = Desk(client)

        def overdue() -> None:
            if not desk.channels:
                client.drop(f"no subscription within {SUBSCRIBE_S:g} s")

        asyncio.get_running_loop().call_later(SUBSCRIBE_S, overdue)

    def closed(self, client: Client) -> None:
        """Forget it."""
        self._desks.pop(client, None)

    def message(self, client: Client, payload: bytes) -> None:
        """subscribe or unsubscribe, one channel a message."""
        desk = self._desks[client]
        try:
            request = msgspec.json.decode(payload, type=Request)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            client.send(_error(f"can't read the message: {cause}"))
            return
        unknown = [wire for wire in request.product_ids if wire not in self._floors]
        if request.type not in ("subscribe", "unsubscribe"):
            client.send(_error(f"type {request.type!r} is not subscribe or unsubscribe"))
        elif request.channel not in CHANNELS:
            client.send(_error(f"channel {request.channel!r} is not supported; there are {', '.join(CHANNELS)}"))
        elif unknown:
            client.send(_error(f"{unknown[0]} is not a valid product"))
        else:
            wires = [] if request.channel == "heartbeats" else request.product_ids or list(self._floors)
            if request.type == "subscribe":
                self._subscribe(desk, request.channel, wires)
            else:
                self._unsubscribe(desk, request.channel, wires)
            held = {channel: list(held) or [channel] for channel, held in desk.channels.items()}
            desk.send("subscriptions", self._now, f'{{"subscriptions":{msgspec.json.encode(held).decode()}}}')

    def _subscribe(self, desk: Desk, channel: str, wires: list[str]) -> None:
        desk.channels.setdefault(channel, {}).update(dict.fromkeys(wires))
        for wire in wires:
            floor = self._floors[wire]
            match channel:
                case "level2":
                    desk.send("l2_data", self._now, _level2_snapshot(floor, self._now))
                case "market_trades":
                    desk.send("market_trades", self._now, _market_trades(floor, list(floor.trades), "snapshot", self._now))
                case "ticker" | "ticker_batch":
                    desk.send(channel, self._now, _ticker(floor, "snapshot"))

    def _unsubscribe(self, desk: Desk, channel: str, wires: list[str]) -> None:
        held = desk.channels.get(channel, {})
        for wire in wires:
            held.pop(wire, None)
        if not held:
            desk.channels.pop(channel, None)

    # documents

    def rest(self, path: str, query: Query) -> Reply:
        """products, one product, and a product's book."""
        if path == "/api/v3/brokerage/time":
            seconds = self._now // HEARTBEAT_NS
            return json_reply({"iso": rfc3339(self._now), "epochSeconds": str(seconds), "epochMillis": str(self._now // 1_000_000)})
        kind, _, wire = path.removeprefix(MARKET_PATH).partition("/") if path.startswith(MARKET_PATH) else ("", "", "")
        match kind:
            case "products" if not wire:
                wanted = query.get("product_ids", list(self._floors))
                products = [_product(self._floors[name]) for name in wanted if name in self._floors]
                return json_reply({"products": products, "num_products": len(products)})
            case "products" if wire in self._floors:
                return json_reply(_product(self._floors[wire]))
            case "product_book" if (name := query.get("product_id", [""])[0]) in self._floors:
                floor = self._floors[name]
                limit = int(query["limit"][0]) if query.get("limit", [""])[0].isdigit() else None
                sides = {key: [_price_size(floor, *level) for level in side.levels()[:limit]] for key, side in (("bids", floor.bids), ("asks", floor.asks))}
                return json_reply({"pricebook": {"product_id": name, **sides, "time": rfc3339(self._now)}})
            case _:
                return json_reply({"error": "NOT_FOUND", "message": f"nothing at {path}"}, 404)


def rfc3339(ts: int) -> str:
    """A time in ns as Coinbase writes it: 2026-08-09T21:05:48.228568804Z."""
    seconds, part = divmod(ts, HEARTBEAT_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{part:09d}Z"


def _go_time(ts: int) -> str:
    seconds, part = divmod(ts, HEARTBEAT_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{part:09d} +0000 UTC"


def _error(reason: str) -> bytes:
    return msgspec.json.encode({"type": "error", "message": reason})


def _price(floor: Floor, ticks: int) -> str:
    return text(ticks, floor.listing.price_decimals, trim=True)


def _size(floor: Floor, lots: int) -> str:
    return text(lots, floor.listing.quantity_decimals, trim=True)


def _price_size(floor: Floor, price: int, lots: int) -> dict[str, str]:
    return {"price": _price(floor, price), "size": _size(floor, lots)}


def _level(floor: Floor, is_ask: bool, price: int, lots: int, at: str) -> str:
    side = "offer" if is_ask else "bid"
    return f'{{"side":"{side}","event_time":"{at}","price_level":"{_price(floor, price)}","new_quantity":"{_size(floor, lots)}"}}'


def _level2_update(floor: Floor, update: Update) -> str:
    at = rfc3339(update.ts)
    levels = ",".join(_level(floor, is_ask, price, lots, at) for (is_ask, price), lots in update.changes.items())
    return f'{{"type":"update","product_id":"{floor.listing.wire}","updates":[{levels}]}}'


def _level2_snapshot(floor: Floor, ts: int) -> str:
    at = rfc3339(ts)
    levels = ",".join(_level(floor, side.is_ask, price, lots, at) for side in (floor.bids, floor.asks) for price, lots in side.levels())
    return f'{{"type":"snapshot","product_id":"{floor.listing.wire}","updates":[{levels}]}}'


def _market_trades(floor: Floor, trades: Sequence[Print], kind: str, ts: int) -> str:
    """The newest first, as the venue has it."""
    at, wire = rfc3339(ts), floor.listing.wire
    told = ",".join(
        f'{{"product_id":"{wire}","trade_id":"{trade.id}","price":"{_price(floor, trade.price)}","size":"{_size(floor, trade.lots)}",'
        f'"time":"{at}","side":"{"SELL" if trade.taker_buys else "BUY"}"}}'
        for trade in reversed(trades)
    )
    return f'{{"type":"{kind}","trades":[{told}]}}'


def _ticker(floor: Floor, kind: str) -> str:
    last = _price(floor, floor.trades[-1].price if floor.trades else floor.bids.best)

    def best(side: Side) -> tuple[str, str]:
        return _price(floor, side.best), _size(floor, side.lots[side.best])

    (bid, bid_size), (ask, ask_size) = best(floor.bids), best(floor.asks)
    return (
        f'{{"type":"{kind}","tickers":[{{"type":"ticker","product_id":"{floor.listing.wire}","price":"{last}",'
        f'"best_bid":"{bid}","best_ask":"{ask}","best_bid_quantity":"{bid_size}","best_ask_quantity":"{ask_size}"}}]}}'
    )


def _product(floor: Floor) -> dict[str, object]:
    listing = floor.listing
    price = _price(floor, floor.trades[-1].price if floor.trades else floor.bids.best)
    return product_info(listing.wire, listing.base, listing.quote, listing.price_decimals, listing.quantity_decimals, price)


def product_info(
    wire: str, base: str, quote: str, price_decimals: int, quantity_decimals: int, price: str, min_notional: str = "1"
) -> dict[str, object]:
    """One product of the document at /market/products."""
    increment, lot = text(1, price_decimals), text(1, quantity_decimals)
    return {
        "product_id": wire,
        "price": price,
        "base_increment": lot,
        "quote_increment": increment,
        "price_increment": increment,
        "quote_min_size": min_notional,
        "quote_max_size": "150000000",
        "base_min_size": lot,
        "base_max_size": "3400",
        "base_name": KINDS[base].name if base in KINDS else base,
        "quote_name": "US Dollar" if quote == "USD" else quote,
        "base_currency_id": base,
        "quote_currency_id": quote,
        "display_name": wire,
        "product_type": "SPOT",
        "product_venue": "CBE",
        "status": "online",
        "is_disabled": False,
        "trading_disabled": False,
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "auction_mode": False,
        "view_only": False,
        "new": False,
        "alias": "",
        "alias_to": [],
    }
