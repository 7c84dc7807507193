"""A made-up hour of Coinbase Exchange: frames as its documentation shows them, from a seed, and the book they make."""

import random
from datetime import UTC, datetime

import msgspec

SECOND = 1_000_000_000
BEGAN = 1_786_313_193 * SECOND
WIRES = ("BTC-USD", "ETH-USD")


def clock(ts: int) -> str:
    return datetime.fromtimestamp(ts // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ts % SECOND // 1000:06d}Z"


class Market:
    """One product; every frame comes as (ts, bytes)."""

    def __init__(self, wire: str, seed: int) -> None:
        self.wire, self.dice = wire, random.Random(seed)
        self.mid, self.trade, self.sequence = 1_000_000, 100, 5000
        self.book: dict[str, dict[int, int]] = {"buy": {}, "sell": {}}
        for away in range(1, 40):
            self.book["buy"][self.mid - away] = self.dice.randint(1, 10**9)
            self.book["sell"][self.mid + away] = self.dice.randint(1, 10**9)

    def levels(self, side: str, depth: int = 0) -> list[list[str]]:
        ordered = sorted(self.book[side].items(), reverse=side == "buy")
        return [[f"{price / 100:.2f}", f"{size // 10**8}.{size % 10**8:08d}"] for price, size in (ordered[:depth] if depth else ordered)]

    def snapshot(self, ts: int) -> bytes:
        sides = {"asks": self.levels("sell"), "bids": self.levels("buy")}
        return msgspec.json.encode({"type": "snapshot", "product_id": self.wire, **sides, "time": clock(ts)})

    def update(self, ts: int) -> bytes:
        changes = []
        for _ in range(self.dice.randint(1, 6)):
            side = self.dice.choice(("buy", "sell"))
            sign = -1 if side == "buy" else 1
            price = self.mid + sign * self.dice.randint(1, 60)
            size = 0 if self.dice.random() < 0.4 and len(self.book[side]) > 10 else self.dice.randint(1, 10**9)
            if size:
                self.book[side][price] = size
            else:
                self.book[side].pop(price, None)
            changes.append([side, f"{price / 100:.6f}", f"{size // 10**8}.{size % 10**8:08d}"])
        return msgspec.json.encode({"type": "l2update", "product_id": self.wire, "changes": changes, "time": clock(ts)})

    def match(self, ts: int, kind: str = "match") -> bytes:
        self.trade += 1
        self.sequence += 1
        side = self.dice.choice(("buy", "sell"))
        ids = {"maker_order_id": "ac928c66-ca53-498f-9c13-a110027a60e8", "taker_order_id": "132fb6ae-456b-4654-b4e0-d681ac05cea1"}
        price = self.levels(side, 1)[0][0]
        trade = {"side": side, "size": "0.01000000", "price": price, "product_id": self.wire, "sequence": self.sequence, "time": clock(ts)}
        return msgspec.json.encode({"type": kind, "trade_id": self.trade, **ids, **trade})

    def ticker(self, ts: int) -> bytes:
        (bid, bid_size), (ask, ask_size) = self.levels("buy", 1)[0], self.levels("sell", 1)[0]
        top = {"best_bid": bid, "best_bid_size": bid_size, "best_ask": ask, "best_ask_size": ask_size}
        day = {"open_24h": "1", "volume_24h": "1", "low_24h": "1", "high_24h": "1", "volume_30d": "1"}
        last = {"side": "buy", "time": clock(ts), "trade_id": self.trade, "last_size": "0.01"}
        return msgspec.json.encode({"type": "ticker", "sequence": self.sequence, "product_id": self.wire, "price": ask, **day, **top, **last})

    def heartbeat(self, ts: int) -> bytes:
        self.sequence += 1
        fields = {"last_trade_id": self.trade, "product_id": self.wire, "sequence": self.sequence, "time": clock(ts)}
        return msgspec.json.encode({"type": "heartbeat", **fields})

    def rest(self) -> bytes:
        sides = {side: [[*level, 1] for level in self.levels(name, 1)] for side, name in (("bids", "buy"), ("asks", "sell"))}
        return msgspec.json.encode({**sides, "sequence": self.sequence, "auction_mode": False, "auction": None, "time": clock(BEGAN)})


def hour(seed: int, count: int = 400) -> tuple[dict[str, Market], list[tuple[int, bytes]]]:
    """(the products, as they are at the end; every frame with its time)."""
    markets = {wire: Market(wire, seed + i) for i, wire in enumerate(WIRES)}
    ts = BEGAN
    frames = [(ts, msgspec.json.encode({"type": "subscriptions", "channels": [{"name": "level2_batch", "product_ids": WIRES}]}))]
    frames += [(ts, frame) for market in markets.values() for frame in (market.match(ts, "last_match"), market.snapshot(ts))]
    for number in range(count):
        ts += SECOND // 20
        for market in markets.values():
            frames.append((ts, market.update(ts)))
            if market.dice.random() < 0.2:
                frames += [(ts, market.match(ts)), (ts, market.ticker(ts))]
            if number % 20 == 0:
                frames.append((ts, market.heartbeat(ts)))
    return markets, frames
