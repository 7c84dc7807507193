"""The short way of a plain order beside the long one: the same answers, the same commands, whatever is asked."""

import asyncio
import base64
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.quick import Quick
from tests.unit.exchange.gateway.bare import START, Clock, Held, small

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = base64.b64encode(PRIVATE.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)).decode()
NOW_MS = START // 1_000_000
PLAIN = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "30000.01", "quantity": "0.001", "newClientOrderId": "a", "timestamp": NOW_MS}

ENDING = {
    "sell": PLAIN | {"side": "SELL"},
    "ioc": PLAIN | {"quantity": "0.002", "timeInForce": "IOC"},
    "fok": PLAIN | {"timeInForce": "FOK"},
    "market": {name: value for name, value in PLAIN.items() if name not in ("price", "timeInForce")} | {"type": "MARKET"},
}
CANCEL = {"symbol": "BTCUSDT", "origClientOrderId": "a", "newClientOrderId": "gone", "timestamp": NOW_MS}

params = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["BTCUSDT", "BTCUSDT", "ETHUSDT", "btcusdt", "XXX"]),
        "side": st.sampled_from(["BUY", "SELL", "SELL", "buy"]),
        "type": st.sampled_from(["LIMIT", "LIMIT", "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS"]),
        "quantity": st.sampled_from(["0.001", "0.5", "1", "0.0000001", "0", "-1", "1e3", "", "99999999999"]),
        "newClientOrderId": st.sampled_from(["a", "b", "c-1", "x" * 36, "y" * 37, "ä", ""]),
        "timestamp": st.sampled_from([NOW_MS, NOW_MS, NOW_MS - 4_000, NOW_MS - 6_000, NOW_MS + 5_000, str(NOW_MS), 0]),
    },
    optional={
        "timeInForce": st.sampled_from(["GTC", "GTC", "IOC", "FOK", "GTD"]),
        "price": st.sampled_from(["30000", "30000.01", "30000.01000", "2500.5", "30000.001", "0", "5", "1000000", "abc"]),
        "recvWindow": st.sampled_from([1000, 5000, 60000, 60001, "5000"]),
        "newOrderRespType": st.sampled_from(["FULL", "ACK", "RESULT", "MUCH"]),
        "icebergQty": st.just("0.0005"),
        "selfTradePreventionMode": st.just("EXPIRE_TAKER"),
    },
)
cancels = st.fixed_dictionaries(
    {"symbol": st.sampled_from(["BTCUSDT", "BTCUSDT", "ETHUSDT"]), "timestamp": st.sampled_from([NOW_MS, NOW_MS, NOW_MS - 6_000])},
    optional={
        "orderId": st.integers(0, 12),
        "origClientOrderId": st.sampled_from(["a", "b", "c-1", "gone"]),
        "newClientOrderId": st.sampled_from(["a", "x", "y", ""]),
    },
).map(lambda asked: asked if asked.get("newClientOrderId") else asked | {"newClientOrderId": "z"})
ids = st.one_of(st.integers(0, 99), st.sampled_from(["7", 'q"', "é", "z" * 70, None, 1.5, True]))
lines = st.integers(0, 2)
requests = st.one_of(
    st.fixed_dictionaries({"line": lines, "id": ids, "method": st.just("order.place"), "params": params}),
    st.fixed_dictionaries({"line": lines, "id": ids, "method": st.just("order.place"), "params": params}),
    st.fixed_dictionaries({"line": lines, "id": ids, "method": st.just("order.cancel"), "params": cancels}),
)


class Asker:
    """A session that is logged on, of a venue of its own; what it is sent, and what its venue wrote down."""

    def __init__(self, house: Any, journal: Held, short: bool) -> None:
        self.house, self.journal = house, journal
        self.sessions = house.server._upgrades["/ws-api/v3"].__self__
        assert isinstance(self.sessions.quick, Quick)
        self.quick = self.sessions.quick if short else None
        self.sessions.quick = self.quick
        self.said: list[list[bytes]] = [[], [], []]
        keys = [house.keys.create_ed25519(account, PUBLIC) for account in (1, 2)]
        self.lines = [self.line(place, keys[place % 2]) for place in range(3)]  # two of one account; the last asks for no limits

    def line(self, place: int, key: Any) -> Any:
        session = self.sessions.open(SimpleNamespace(address="127.0.0.1", query="returnRateLimits=false" if place else ""))
        session.send_frame = lambda framed: self.said[place].extend(texts(framed))
        session.key = key
        return session

    def ask(self, text: bytes, place: int = 0) -> None:
        self.lines[place].heard(text)

    def turn(self) -> None:
        self.house.venue.turn()
        self.journal.sync(self.house.venue)

    def told(self) -> tuple[list[list[bytes]], list[bytes], list[bytes]]:
        return self.said, [part.tobytes() for part in self.journal.commands], [part.tobytes() for part in self.journal.notes]


def texts(framed: bytes) -> Iterator[bytes]:
    """The texts of frames."""
    while framed:
        size, at = framed[1], 2
        if size == 126:
            size, at = int.from_bytes(framed[2:4], "big"), 4
        yield framed[at : at + size]
        framed = framed[at + size :]


async def askers(limits: Limits) -> tuple[Asker, Asker]:
    both = []
    for short in (True, False):
        journal = Held()
        both.append(Asker(await small(journal=journal, clock=Clock(), limits=limits), journal, short))
    return both[0], both[1]


async def both_ways(stream: list[list[dict[str, Any]]], limits: Limits) -> int:
    """Every turn's requests go both ways; how many of them went the short one."""
    short, long = await askers(limits)
    try:
        for turn in stream:
            for place in range(3):
                for asked in turn:
                    if asked.get("line", 0) == place:
                        text = json.dumps({name: value for name, value in asked.items() if name != "line"}, ensure_ascii=False).encode()
                        short.ask(text, place)
                        long.ask(text, place)
            short.turn()
            long.turn()
        assert short.told() == long.told()
        assert short.quick is not None
        return short.quick.taken
    finally:
        await short.house.close()
        await long.house.close()


def test_plain_orders_go_the_short_way_and_others_do_not() -> None:
    def one(**changes: Any) -> int:
        return asyncio.run(both_ways([[{"id": 1, "method": "order.place", "params": PLAIN | changes}]], Limits()))

    market = {name: value for name, value in PLAIN.items() if name not in ("price", "timeInForce")} | {"type": "MARKET"}
    assert one() == one(side="SELL", timeInForce="IOC") == 1
    assert asyncio.run(both_ways([[{"id": "m", "method": "order.place", "params": market}]], Limits())) == 1
    for changes in ({"price": "30000.001"}, {"timestamp": NOW_MS - 6_000}, {"timestamp": NOW_MS + 5_000}, {"icebergQty": "0.0005"}, {"symbol": "XXX"}):
        assert one(**changes) == 0, changes


@settings(max_examples=60, deadline=None)
@given(stream=st.lists(st.lists(requests, min_size=1, max_size=4), min_size=1, max_size=4), tight=st.booleans())
@example(stream=[[{"id": 1, "method": "order.place", "params": PLAIN}], [{"id": 2, "method": "order.cancel", "params": CANCEL}], [{"id": 3, "method": "order.cancel", "params": CANCEL}]], tight=False)
@example(stream=[[{"line": n % 3, "id": n, "method": "order.place", "params": PLAIN | {"newClientOrderId": f"n{n}", "side": "BUY" if n % 2 else "SELL"}} for n in range(9)]], tight=False)
@example(stream=[[{"line": n % 3, "id": n, "method": "order.place", "params": PLAIN | {"newClientOrderId": f"n{n // 2}"}} for n in range(9)]], tight=True)
@example(stream=[[{"id": 1, "method": "order.place", "params": PLAIN}, {"id": 2, "method": "order.cancel", "params": CANCEL}]], tight=False)
@example(stream=[[{"id": 1, "method": "order.place", "params": PLAIN}, {"id": 2, "method": "order.place", "params": PLAIN}]], tight=False)
@example(stream=[[{"id": n, "method": "order.place", "params": PLAIN | {"newClientOrderId": f"n{n}", "side": "BUY" if n % 2 else "SELL"}} for n in range(9)]], tight=True)
@example(stream=[[{"id": f"{kind}{n}", "method": "order.place", "params": order | {"newClientOrderId": f"{kind}{n}"}} for n in range(2) for kind, order in ENDING.items()]], tight=False)
def test_both_ways_answer_alike_and_write_the_same_down(stream: list[list[dict[str, Any]]], tight: bool) -> None:
    limits = Limits(weight_per_minute=12, orders_per_ten_seconds=5) if tight else Limits()
    asyncio.run(both_ways(stream, limits))
