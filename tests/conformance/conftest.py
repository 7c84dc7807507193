"""A stage for faults: a recording, a feed that gets it damaged, and the venue itself, which knows the truth.

The venue is an undamaged feed on the same recording. When the damaged feed asks for a snapshot, the venue answers with
its own book as it is at that moment, in the venue's own shape.
"""

import heapq
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from polaris.domain.book import Book
from polaris.domain.instrument import Instruments
from polaris.domain.market import BOOK_STATE_NAMES, LIVE, REASON_NAMES, STATUS, RowBuffer
from polaris.venues import registry
from polaris.venues.books import UPDATE_ID
from polaris.venues.capture import Capture, Line
from polaris.venues.protocol import Feed, Fetch, Reconnect, Send

SECOND = 1_000_000_000
TICK = SECOND // 10
NUMBER = b'"sequence_num":'


@dataclass
class Stage:
    """The damaged feed, the truth beside it, and everything the damaged feed said."""

    venue: str
    lines: list[Line]
    instruments: Instruments
    answers: bool = True
    options: dict[str, Any] = field(default_factory=dict)  # of the damaged feed
    said: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    reconnects: list[str] = field(default_factory=list)
    prepared: list[bytes] = field(default_factory=list)  # answers that are given before the true ones
    shift: int = 0  # what the recorded frame numbers are off by, since the venue sent more frames or began anew
    last: int = -1  # the newest recorded frame number

    def __post_init__(self) -> None:
        make = registry.venue(self.venue).feed
        self.truth: Any = make(self.instruments, RowBuffer())
        self.feed: Feed = make(self.instruments, RowBuffer(), **self.options)
        self.now = self.lines[0].ts
        self.tick = self.now + TICK
        self.truth.connected(self.now)
        self.feed.connected(self.now)
        self.heard()

    def play(self, count: int, damaged: str = "") -> None:
        """The next `count` frames; those that hold `damaged` do not arrive and take no number."""
        for _ in range(count):
            line = self.lines.pop(0)
            if damaged and damaged.encode() in line.data[:300]:
                self.sent(line)
                self.shift -= 1
            else:
                self.arrives(self.sent(line))

    def until_live(self) -> None:
        """Play until every book is LIVE; at least three frames."""
        self.play(3)
        while any(symbol.state != LIVE for symbol in self.feed.stats.symbols.values()):
            self.play(1)

    def until_not(self, state: str, wire: str, damaged: str = "") -> None:
        """Play until a book has left that state."""
        while self.state(wire) == state:
            self.play(1, damaged)

    def until(self, text: str) -> Line:
        """Play up to the next frame that holds `text`; returns it, not yet sent."""
        while text.encode() not in self.lines[0].data[:300]:
            self.play(1)
        return self.lines.pop(0)

    def sent(self, line: Line) -> bytes:
        """The venue sends a frame; returns it as it would arrive."""
        self.passes(line.ts)
        self.truth.frame(line.data, line.ts)
        self.truth.rows.clear()
        self.truth.wishes.clear()
        head, mark, rest = line.data.partition(NUMBER)
        if not mark:
            return line.data
        tail = rest.lstrip(b"0123456789")
        self.last = int(rest[: len(rest) - len(tail)])
        return head + mark + str(self.last + self.shift).encode() + tail

    def arrives(self, frame: bytes) -> None:
        """A frame reaches the feed."""
        self.feed.frame(frame, self.now)
        self.heard()

    def passes(self, ts: int) -> None:
        """Time passes until `ts`, with ticks."""
        while self.tick <= ts:
            self.now = self.tick
            self.tick += TICK
            self.feed.tick(self.now)
            self.heard()
        self.now = max(self.now, ts)

    def reconnect(self) -> None:
        """The socket breaks and another one opens."""
        self.feed.disconnected(self.now)
        self.shift = -self.last - 1
        self.feed.connected(self.now)
        self.heard()

    def heard(self) -> None:
        """Keep the rows and answer the wishes."""
        if len(self.feed.rows):
            self.said.append(self.feed.rows.take())
        wishes = list(self.feed.wishes)
        self.feed.wishes.clear()
        for wish in wishes:
            match wish:
                case Fetch(tag=tag) if tag.startswith("book:"):
                    self.compares(tag)
                case Fetch(tag=tag):
                    self.answer(tag.removeprefix("depth:"))
                case Send(text=text) if '"subscribe"' in text and '"name":"l2"' in text:
                    for wire in msgspec.json.decode(text)["subscriptions"][0]["symbols"]:
                        self.answer(wire)
                case Send(text=text) if '"subscribe"' in text and '"level2"' in text:
                    for wire in msgspec.json.decode(text)["product_ids"]:
                        self.answer(wire)
                case Reconnect(reason=reason):
                    self.reconnects.append(reason)
        if wishes:
            self.heard()

    def answer(self, wire: str) -> None:
        """The venue gives its snapshot of one book, once it has one."""
        self.asked.append(wire)
        if not self.answers or self.truth.stats.symbols[wire].state != LIVE:
            return
        snapshot = self.prepared.pop(0) if self.prepared else self.snapshot(wire)
        if self.venue == "coinbase":
            self.shift += 1
        if self.venue in ("coinbase", "gemini"):
            self.feed.frame(snapshot, self.now)
        else:
            self.feed.response(f"depth:{wire}", snapshot, self.now)

    def compares(self, tag: str) -> None:
        """The venue gives the top of one book over REST, for a feed that compares."""
        self.compared.append(tag)
        bids, asks, _, _ = self.truth.book_text(tag.removeprefix("book:"), 20)
        sides = {"bids": bids, "asks": asks}
        document = {name: [{"price": price, "amount": quantity} for price, quantity in side] for name, side in sides.items()}
        self.feed.response(tag, msgspec.json.encode(document), self.now)

    def snapshot(self, wire: str) -> bytes:
        """The venue's whole book, as the venue would send it now."""
        bids, asks, _, _ = self.truth.book_text(wire, 0)
        if self.venue == "gemini":
            changes = [(side, *level) for side, levels in (("buy", bids), ("sell", asks)) for level in levels]
            return msgspec.json.encode({"auction_events": [], "changes": changes, "symbol": wire, "trades": [], "type": "l2_updates"})
        if self.venue != "coinbase":
            return msgspec.json.encode({"lastUpdateId": int(self.truth.stats.symbols[wire].head[UPDATE_ID]), "bids": bids, "asks": asks})
        time = "2026-08-09T21:05:48.17Z"
        levels = [
            {"side": side, "event_time": time, "price_level": price, "new_quantity": quantity}
            for side, levels in (("bid", bids), ("offer", asks))
            for price, quantity in levels
        ]
        events = [{"type": "snapshot", "product_id": wire, "updates": levels}]
        return msgspec.json.encode({"channel": "l2_data", "timestamp": time, "sequence_num": self.last + self.shift + 1, "events": events})

    def rows(self, kind: int | None = None, wire: str | None = None) -> Any:
        """What downstream heard: all of it, of one kind, of one symbol."""
        rows = np.concatenate(self.said)
        if kind is not None:
            rows = rows[rows["kind"] == kind]
        return rows if wire is None else rows[rows["instrument"] == self.instruments.by_wire(self.venue, wire).id]

    def story(self, wire: str) -> list[str]:
        """The states of a book as downstream heard them: "SYNCING gap", "LIVE none"."""
        return [f"{BOOK_STATE_NAMES[row['price']]} {REASON_NAMES[row['quantity']]}" for row in self.rows(STATUS, wire)]

    def state(self, wire: str) -> str:
        """The state of a book."""
        return BOOK_STATE_NAMES[self.feed.stats.symbols[wire].state]

    def agrees(self, wire: str) -> bool:
        """Whether the feed, one who hears only its rows, and the venue hold the same book, to the last level."""
        instrument = self.instruments.by_wire(self.venue, wire)
        book = Book()
        book.apply(self.rows(), instrument.id)
        heard = [
            [[instrument.price_text(price), instrument.quantity_text(lots)] for price, lots in side] for side in (book.bids(), book.asks())
        ]
        return list(self.truth.book_text(wire, 0)[:2]) == list(self.feed.book_text(wire, 0)[:2]) == heard


RECORDED = {
    "coinbase": ("coinbase_advanced_20260809.jsonl.gz",),
    "binance": ("binance_spot_btcusdt_20240808.gz", "binance_spot_ethusdt_20240808.gz"),
    "binance-usdm": ("binance_usdm_btcusdt_20240808.gz",),
    "binance-coinm": ("binance_cm_btcusd_perp_20240808.gz",),
    "gemini": ("gemini_v2_20260809.jsonl.gz",),
}


@cache
def _recorded(folder: Path, venue: str, count: int) -> tuple[Line, ...]:
    """The first lines of a venue's recordings; two files of one symbol each become one stream, by time."""
    files = [map(_shallow, islice(iter(Capture(folder / "ws" / name)), count)) for name in RECORDED[venue]]
    wires = ("BTCUSDT", "ETHUSDT")
    named = ([_name_snapshot(line, wires[i]) for line in lines] if len(files) > 1 else lines for i, lines in enumerate(files))
    return tuple(heapq.merge(*named, key=lambda line: line.ts))


def _shallow(line: Line) -> Line:
    """Faults happen near the touch: of a Coinbase snapshot (46,000 levels) the best 500 a side are enough here."""
    if b'"type":"snapshot","product_id"' not in line.data[:300]:
        return line
    frame = msgspec.json.decode(line.data)
    (event,) = frame["events"]
    event["updates"] = [level for side in ("bid", "offer") for level in [each for each in event["updates"] if each["side"] == side][:500]]
    return Line(line.kind, line.ts, line.conn, msgspec.json.encode(frame))


def _name_snapshot(line: Line, wire: str) -> Line:
    if not line.data.startswith(b'{"lastUpdateId"'):
        return line
    return Line(line.kind, line.ts, line.conn, b'{"symbol":"' + wire.encode() + b'",' + line.data[1:])


@pytest.fixture(autouse=True)
def customer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alpaca opens for customers only."""
    monkeypatch.setenv("APCA_API_KEY_ID", "PKtest")
    monkeypatch.setenv("APCA_API_SECRET_KEY", "stest")


@pytest.fixture
def stage(test_data: Path):
    """Makes a stage: stage("binance"), its books LIVE and some time gone by."""

    def make(venue: str, *, lines: int = 12_000, live: bool = True, **options: Any) -> Stage:
        recorded = _recorded(test_data, venue, lines)
        instruments = Instruments(registry.venue(venue).discover(recorded))
        made = Stage(venue, [line for line in recorded if line.kind == "recv"], instruments, **options)
        if live:
            made.until_live()
            made.play(100)
        return made

    return make
