"""A recording on a loopback port whose line can be damaged, and the truth beside it.

The venue knows its own books: an undamaged feed hears every frame. Clients get the frames of their connection, renumbered
where the venue numbers them, through a fault that a drill puts in; snapshots and documents show the true book of the
moment. The stream goes on whether anybody listens or not, as a market does.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from polaris.domain.book import Book
from polaris.domain.instrument import Instruments
from polaris.domain.market import BOOK_STATE_NAMES, LIVE, REASON_NAMES, STATUS, TRADE, RowBuffer, Rows
from polaris.venues import registry
from polaris.venues.books import UPDATE_ID
from polaris.venues.capture import Capture, Line
from polaris.venues.live import LiveFeeds
from polaris.venues.served.server import Client, Query, Reply, Server, json_reply
from polaris.venues.session import FastClock, SessionSettings
from tests.conformance.conftest import _recorded

SPEED = 10.0
SECOND = 1_000_000_000
NUMBER = re.compile(rb'"sequence_num":\d+')
FILES = {"kraken-v1": "kraken_v1_20210417.jsonl.gz", "bitstamp": "bitstamp_20220105.jsonl.gz"}
Fault = Callable[[bytes], Iterable[bytes]]


def lines_of(folder: Path, venue: str) -> list[Line]:
    """The recorded frames and documents of a venue."""
    if venue in FILES:
        return list(islice(Capture(folder / "ws" / FILES[venue]), 12_000))
    return [line for line in _recorded(folder, venue, 12_000) if line.kind == "recv"]


class DamagedLine:
    """A venue with its recorded stream; see the module."""

    def __init__(self, venue: str, lines: list[Line]) -> None:
        self.name = venue
        self.lines = lines
        self.instruments = Instruments(registry.venue(venue).discover(lines[:4000]))
        self.truth: Any = registry.venue(venue).feed(self.instruments, RowBuffer())
        self.fault: Fault = lambda frame: [frame]
        self.refuse: Callable[[str], Reply | None] = lambda tag: None
        self.asked: list[tuple[str, float]] = []  # documents: their tags, and when
        self.connections = 0
        self._numbers: dict[Client, int] = {}
        self._next = 0
        self.truth.connected(lines[0].ts)
        while any(symbol.state != LIVE for symbol in self._heard_symbols()) or self._next < 50:
            self._advance()

    def accepts(self, path: str) -> bool:
        return True

    def opened(self, client: Client) -> None:
        self.connections += 1
        self._numbers[client] = -1

    def closed(self, client: Client) -> None:
        self._numbers.pop(client, None)

    def message(self, client: Client, payload: bytes) -> None:
        """A subscription to books is answered with snapshots, where the venue does so on its socket."""
        said = msgspec.json.decode(payload)
        wires: list[str] = []
        if self.name == "coinbase" and said["type"] == "subscribe" and said["channel"] == "level2":
            wires = said["product_ids"]
        elif self.name == "kraken-v1" and said.get("event") == "subscribe" and said["subscription"]["name"] == "book":
            wires = said["pair"]
        elif self.name == "gemini" and said["type"] == "subscribe":
            wires = [wire for each in said["subscriptions"] if each["name"] == "l2" for wire in each["symbols"]]
        for wire in wires:
            if self.truth.stats.symbols[wire].state == LIVE and self.refuse(f"depth:{wire}") is None:
                self._send(client, self._snapshot(wire))

    def rest(self, path: str, query: Query) -> Reply:
        text = f"{path}?" + "&".join(f"{name}={value}" for name, values in query.items() for value in values)
        tag = registry.venue(self.name).tag(f"https://host{text}")
        self.asked.append((tag, asyncio.get_running_loop().time()))
        if (refused := self.refuse(tag)) is not None:
            return refused
        purpose, _, wire = tag.partition(":")
        if wire not in self.truth.stats.symbols or self.truth.stats.symbols[wire].state != LIVE:
            return json_reply({"code": -1, "msg": "no such book"}, 404)
        return Reply(self._snapshot(wire) if purpose == "depth" or self.name != "gemini" else self._top(wire))

    async def play(self, seconds: float) -> None:
        """The stream, for so many recorded seconds at SPEED from its next line on; nothing comes where it has ended."""
        loop = asyncio.get_running_loop()
        began, first = loop.time(), self.lines[self._next].ts if self._next < len(self.lines) else 0
        while self._next < len(self.lines) and self.lines[self._next].ts < first + seconds * SECOND:
            await asyncio.sleep(began + (self.lines[self._next].ts - first) / SECOND / SPEED - loop.time())
            self._advance()
        await asyncio.sleep(began + seconds / SPEED - loop.time())

    def _advance(self) -> None:
        line = self.lines[self._next]
        self._next += 1
        if line.kind == "http":
            if tag := registry.venue(self.name).tag(line.url):
                self.truth.response(tag, line.data, line.ts)
        elif line.kind == "recv":
            self.truth.frame(line.data, line.ts)
            if b'"lastUpdateId"' not in line.data[:60] and not self._is_snapshot(line.data):
                for client in list(self._numbers):
                    self._send(client, line.data)
        self.truth.rows.clear()
        self.truth.wishes.clear()

    def _is_snapshot(self, frame: bytes) -> bool:
        return b'"type":"snapshot"' in frame[:300] or b'"as":[' in frame[:40] or b'"systemStatus"' in frame[:200] or b'"auction_events"' in frame

    def _send(self, client: Client, frame: bytes) -> None:
        if self.name == "coinbase":
            self._numbers[client] += 1
            frame = NUMBER.sub(b'"sequence_num":%d' % self._numbers[client], frame, count=1)
        for each in self.fault(frame):
            client.send(each)

    def _heard_symbols(self) -> list[Any]:
        """Some recordings never hear of one of their symbols."""
        return [symbol for wire, symbol in self.truth.stats.symbols.items() if wire not in ("sgbeur",)]

    def _snapshot(self, wire: str) -> bytes:
        """The whole book, as the venue sends it."""
        bids, asks, _, _ = self.truth.book_text(wire, 0)
        number = int(self.truth.stats.symbols[wire].head[UPDATE_ID])
        if self.name == "gemini":
            changes = [(side, *level) for side, levels in (("buy", bids), ("sell", asks)) for level in levels]
            return msgspec.json.encode({"auction_events": [], "changes": changes, "symbol": wire, "trades": [], "type": "l2_updates"})
        if self.name == "bitstamp":
            return msgspec.json.encode({"timestamp": str(number // 10**6), "microtimestamp": str(number), "bids": bids, "asks": asks})
        if self.name == "kraken-v1":
            sides = {"as": [[*level, "1618678132.000000"] for level in asks], "bs": [[*level, "1618678132.000000"] for level in bids]}
            return msgspec.json.encode([0, sides, "book-1000", wire])
        if self.name != "coinbase":
            return msgspec.json.encode({"lastUpdateId": number, "bids": bids, "asks": asks})
        time = "2026-08-09T21:05:48.17Z"
        levels = [
            {"side": side, "event_time": time, "price_level": price, "new_quantity": quantity}
            for side, found in (("bid", bids), ("offer", asks))
            for price, quantity in found
        ]
        events = [{"type": "snapshot", "product_id": wire, "updates": levels}]
        return msgspec.json.encode({"channel": "l2_data", "client_id": "", "timestamp": time, "sequence_num": 0, "events": events})

    def _top(self, wire: str) -> bytes:
        bids, asks, _, _ = self.truth.book_text(wire, 20)
        sides = {"bids": bids, "asks": asks}
        return msgspec.json.encode({name: [{"price": price, "amount": quantity} for price, quantity in side] for name, side in sides.items()})


@dataclass
class Drill:
    """A desk's feeds on a damaged line: what downstream heard."""

    line: DamagedLine
    server: Server
    feeds: LiveFeeds
    running: "asyncio.Task[None]"
    heard: list[Rows] = field(default_factory=list)

    @property
    def feed(self) -> Any:
        return self.feeds.feeds[self.line.name]

    def state(self, wire: str) -> str:
        return BOOK_STATE_NAMES[self.feed.stats.symbols[wire].state]

    def rows(self, kind: int, wire: str) -> Any:
        rows = np.concatenate(self.heard)
        return rows[(rows["kind"] == kind) & (rows["instrument"] == self.line.instruments.by_wire(self.line.name, wire).id)]

    def story(self, wire: str) -> list[str]:
        """The states of a book as downstream heard them."""
        return [f"{BOOK_STATE_NAMES[row['price']]} {REASON_NAMES[row['quantity']]}" for row in self.rows(STATUS, wire)]

    def trades(self, wire: str) -> int:
        return len(self.rows(TRADE, wire))

    def agrees(self, wire: str) -> bool:
        """Whether the feed, whoever hears only its rows, and the venue hold the same book, to the last level."""
        instrument = self.line.instruments.by_wire(self.line.name, wire)
        book = Book()
        book.apply(np.concatenate(self.heard), instrument.id)
        heard = [[[instrument.price_text(price), instrument.quantity_text(lots)] for price, lots in side] for side in (book.bids(), book.asks())]
        return list(self.line.truth.book_text(wire, 0)[:2]) == list(self.feed.book_text(wire, 0)[:2]) == heard

    async def until(self, what: Callable[[], bool], seconds: float = 60.0) -> None:
        """Play until something holds. Raises TimeoutError after so many recorded seconds."""
        for _ in range(round(seconds / 0.2)):
            if what():
                return
            await self.line.play(0.2)
            await asyncio.sleep(0.02)
        stories = {wire: self.story(wire) for wire in self.feed.stats.symbols}
        raise TimeoutError(f"{self.line.name}: not within {seconds} s; {stories}; {self.feeds.sessions[self.line.name].last_reason}")

    async def until_live(self, *wires: str, seconds: float = 60.0) -> None:
        """Play until these books (all of them where none is named) are LIVE."""
        known = wires or tuple(self.feed.stats.symbols)
        await self.until(lambda: all(self.state(wire) == "LIVE" for wire in known), seconds)


class drill:
    """A desk's feeds on this line, running for the block."""

    def __init__(
        self, line: DamagedLine, settings: SessionSettings | None = None, clock: Callable[[], int] | None = None, heard: Callable[[Rows], None] = lambda rows: None
    ) -> None:
        self._line, self._settings, self._clock, self._heard = line, settings, clock, heard

    async def __aenter__(self) -> Drill:
        server = await Server(self._line).start()
        settings = self._settings or SessionSettings(backoff_first_s=0.05, messages_per_second=1000, messages_burst=1000, tick_s=0.02)
        limits = {self._line.name: registry.venue(self._line.name).limits.__class__(rest_per_second=1000, rest_burst=1000, messages_per_second=1000, messages_burst=1000)}
        feeds = LiveFeeds({self._line.name: server.endpoint}, self._line.instruments, settings=settings, limits=limits, clock=self._clock or FastClock(SPEED))
        heard: list[Rows] = []

        def on_rows(rows: Rows) -> None:
            heard.append(rows.copy())
            self._heard(rows)

        running = asyncio.create_task(feeds.run(on_rows))
        self._drill = Drill(self._line, server, feeds, running, heard)
        return self._drill

    async def __aexit__(self, *_: object) -> None:
        await self._drill.feeds.close()
        await asyncio.gather(self._drill.running, return_exceptions=True)
        await self._drill.server.close()
