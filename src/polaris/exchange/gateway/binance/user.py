"""User streams: what happens to an account's orders and balances, told to whoever listens for it.

A feed is an account's in one unit of time; its events are made once however many listen. It is reached by a listen key (REST, a
stream's name for an hour at a time) or by a subscription of a WebSocket API session. Everything told is durable.
Source: Binance spot API documentation, "User Data Streams", "User data stream endpoints".
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy.typing as npt

from polaris.exchange.gateway.binance import errors, reports
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.call import Call, encode
from polaris.exchange.gateway.binance.security import Gate, Need
from polaris.exchange.gateway.binance.server import Endpoint
from polaris.exchange.gateway.keys import Key
from polaris.exchange.gateway.orders import STARTED, Change
from polaris.exchange.gateway.venue import Venue

LIFE: Final = 3_600_000_000_000  # ns a listen key lives without a ping
SWEEP: Final = 1_000_000_000
Send = Callable[[bytes], None]
Leave = Callable[[], None]


class Feed:
    """One account's events, in one unit of time (a Watcher)."""

    def __init__(self, venue: Venue, books: Books, micros: bool) -> None:
        self.sinks: list[Send] = []
        self._venue = venue
        self._books = books
        self._unit = 1_000 if micros else 1_000_000

    def changed(self, changes: list[Change]) -> None:
        """executionReport of every change, listStatus where a list begins or ends."""
        now = self._venue.now()
        for change in changes:
            order = change.order
            if order is None or change.kind not in reports.EXECUTIONS:
                continue
            figures = self._books.figures[order.book]
            self.send(reports.execution(figures, change, order, change.number, now, self._time))
            if change.of_list and order.list is not None:
                self.send(reports.list_status(figures, order.list, change.of_list == STARTED, change.ts, now, self._time))

    def balances(self, ts: int, assets: Sequence[int], balances: npt.NDArray[Any]) -> None:
        """outboundAccountPosition."""
        told = []
        for number in assets:
            asset = self._venue.rules.assets[number]
            free, locked = (reports.units(asset.decimals, int(amount)) for amount in balances[number])
            told.append({"a": asset.name, "f": free, "l": locked})
        self.send({"e": "outboundAccountPosition", "E": self._time(self._venue.now()), "u": self._time(ts), "B": told})

    def paid(self, ts: int, asset: int, change: int) -> None:
        """balanceUpdate."""
        of = self._venue.rules.assets[asset]
        delta = reports.units(of.decimals, change)
        self.send({"e": "balanceUpdate", "E": self._time(self._venue.now()), "a": of.name, "d": delta, "T": self._time(ts)})

    def send(self, event: dict[str, Any]) -> None:
        payload = encode(event)
        for sink in list(self.sinks):
            sink(payload)

    def _time(self, ns: int) -> int:
        return ns // self._unit


class ListenKey:
    """A stream's name that stands for an account."""

    __slots__ = ("account", "ends", "leaves", "made_by", "name", "sinks")

    def __init__(self, name: str, account: int, ends: int, made_by: Key) -> None:
        self.name = name
        self.account = account
        self.made_by = made_by
        self.ends = ends  # ns UTC
        self.sinks: list[Send] = []
        self.leaves: list[Leave] = []


class UserStreams:
    """Every feed of a venue, and the listen keys."""

    def __init__(self, venue: Venue, books: Books, gate: Gate) -> None:
        self._venue = venue
        self._books = books
        self._gate = gate
        self._feeds: dict[tuple[int, bool], Feed] = {}
        self._keys: dict[str, ListenKey] = {}
        self._of_account: dict[int, ListenKey] = {}
        venue.every(SWEEP, self.sweep)

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `BinanceServer.add`."""
        path = "/api/v3/userDataStream"
        yield Endpoint(self.create, rest=(f"POST {path}", "POST /api/v1/userDataStream"), socket="userDataStream.start", weight=2, need=Need.KEY)
        yield Endpoint(self.ping, rest=(f"PUT {path}", "PUT /api/v1/userDataStream"), socket="userDataStream.ping", weight=2, need=Need.KEY)
        yield Endpoint(self.stop, rest=(f"DELETE {path}", "DELETE /api/v1/userDataStream"), socket="userDataStream.stop", weight=2, need=Need.KEY)

    # who listens

    def listen(self, account: int, send: Send, micros: bool = False) -> Leave:
        """Send an account's events from now on; what comes back ends it."""
        feed = self._feeds.get((account, micros))
        if feed is None:
            feed = self._feeds[account, micros] = Feed(self._venue, self._books, micros)
            self._venue.watch(account, feed)
        feed.sinks.append(send)

        def leave() -> None:
            if send in feed.sinks:
                feed.sinks.remove(send)
                if not feed.sinks:
                    self._venue.unwatch(account, feed)
                    self._feeds.pop((account, micros), None)

        return leave

    def knows(self, name: str) -> bool:
        """Whether this is a listen key that lives."""
        key = self._keys.get(name)
        return key is not None and self._venue.now() < key.ends

    def join(self, name: str, send: Send) -> Leave:
        """Send the events of a listen key's account. Raises KeyError where there is none."""
        key = self._keys[name]
        leave_feed = self.listen(key.account, send)
        key.sinks.append(send)
        key.leaves.append(leave_feed)

        def leave() -> None:
            leave_feed()
            if send in key.sinks:
                at = key.sinks.index(send)
                del key.sinks[at], key.leaves[at]

        return leave

    # listen keys

    def create(self, call: Call) -> bytes:
        """The account's listen key, for another hour."""
        assert call.key is not None
        key = self._of_account.get(call.account)
        if key is None or not self.knows(key.name):
            key = ListenKey(secrets.token_urlsafe(45), call.account, 0, call.key)
            self._keys[key.name] = self._of_account[call.account] = key
        key.ends = self._venue.now() + LIFE
        return encode({"listenKey": key.name})

    def ping(self, call: Call) -> bytes:
        """Another hour."""
        self._own(call).ends = self._venue.now() + LIFE
        return b"{}"

    def stop(self, call: Call) -> bytes:
        """The end of it."""
        self._end(self._own(call))
        return b"{}"

    def sweep(self, now: int) -> None:
        """End what nobody pinged for an hour or whose key was revoked, and say so."""
        for key in [key for key in self._keys.values() if key.ends <= now or not self._gate.knows(key.made_by)]:
            payload = encode({"e": "listenKeyExpired", "E": now // 1_000_000, "listenKey": key.name})
            for sink in list(key.sinks):
                sink(payload)
            self._end(key)

    def _own(self, call: Call) -> ListenKey:
        key = self._keys.get(call.text("listenKey"))
        if key is None or key.account != call.account or not self.knows(key.name):
            raise errors.no_listen_key()
        return key

    def _end(self, key: ListenKey) -> None:
        for leave in key.leaves:
            leave()
        key.sinks, key.leaves = [], []
        self._keys.pop(key.name, None)
        self._of_account.pop(key.account, None)
