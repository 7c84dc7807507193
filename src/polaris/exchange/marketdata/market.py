"""Market data: what the events of the core say to the world, as a fold.

    market = MarketData(engine.arena)
    events = engine.run(commands)
    told = market.fold(events)                        # after every run, before the next: it looks at the engine
    for interval_ns, changes in market.due(now): ...  # the depth of every 100 ms, of every second

    depth   update ids, the levels that changed, the best prices, the orders
    tape    trades and aggregates
    klines  of all intervals, and windows of any length

The state is a function of the commands alone, however they were portioned: fold them again, or go on from a snapshot.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np

from polaris.exchange.marketdata.depth import Changes, Depth, DepthSnapshot
from polaris.exchange.marketdata.klines import Klines
from polaris.exchange.marketdata.rows import DAY, MINUTE, SECOND, Rows, Words
from polaris.exchange.marketdata.tape import Tape
from polaris.exchange.words import EVENT, Events

VERSION = 1


@dataclass(frozen=True)
class Kept:
    """How much of each book is kept: powers of two. Klines count periods that traded; room is taken as it is used."""

    trades: int = 1 << 16
    aggregates: int = 1 << 16
    seconds: int = 1 << 17
    minutes: int = 1 << 16
    hours: int = 1 << 14
    days: int = 1 << 12

    def __post_init__(self) -> None:
        for name, kept in vars(self).items():
            if kept < 1 or kept & (kept - 1):
                raise ValueError(f"{name} kept are {kept}; expected a power of two")


class Told(NamedTuple):
    """What a fold tells; the rows are of `rows`."""

    trades: Rows  # TRADE: one a FILL, in their order
    aggregates: Rows  # AGGREGATE
    tops: Rows  # TOP, of books whose best prices or lots there changed
    changes: Changes  # of levels: one DIFF a book
    orders: Rows  # ORDER_CHANGE, by book, in the order to apply


@dataclass(frozen=True)
class Ticker:
    """What traded in a window, ticks and lots; 0 (ids: -1) where nothing did. The weighted average is quote_volume / volume."""

    book: int
    open_time: int  # ns UTC, the window's
    close_time: int
    open: int
    high: int
    low: int
    last: int  # of all time, as last_quantity
    last_quantity: int
    previous_close: int  # the last price before the window
    volume: int
    quote_volume: int
    trades: int
    first_id: int
    last_id: int
    bid: int
    bid_lots: int
    ask: int
    ask_lots: int

    @property
    def change(self) -> int:
        """Ticks from the window's first trade to its last."""
        return self.last - self.open if self.trades else 0


class Average(NamedTuple):
    """An average price, quote_volume / volume ticks, and when the last trade was; 0 / 1 before the first."""

    quote_volume: int
    volume: int
    ts: int


class _Snapshot(msgspec.Struct, array_like=True):
    version: int
    books: int
    counts: list[bytes]  # update ids, trades and aggregates, klines
    tape: list[bytes]
    klines: list[bytes]


class MarketData:
    """What the world may see of an engine's books.

    engine        its arena: read, never written; orders that stand in it count as told
    intervals_ns  of the conflated depth streams, 7 at most
    raises        ValueError where an interval or a number kept is out of its range
    """

    def __init__(self, engine: Words, intervals_ns: tuple[int, ...] = (100_000_000, SECOND), kept: Kept = Kept()) -> None:
        self._depth = Depth(engine, intervals_ns)
        self.books = self._depth.books
        self._tape = Tape(self.books, kept.trades, kept.aggregates)
        self._klines = Klines(self.books, (kept.seconds, kept.minutes, kept.hours, kept.days))

    def fold(self, events: Events) -> Told:
        """Take the events of whole commands, as the engine told them and before it goes on.

        returns  fresh arrays
        raises   TypeError where the array is of another dtype
        """
        if events.dtype != EVENT or events.ndim != 1:
            raise TypeError(f"events are {events.ndim}-dimensional {events.dtype}; expected a 1-dimensional array of EVENT")
        words = np.ascontiguousarray(events).view(np.int64)
        if not words.flags.writeable:
            words = words.copy()  # to the compiler an array that can't be written is of another type: it would compile all anew
        changes, tops, orders, fills = self._depth.fold(words, len(events))
        trades, aggregates = self._tape.fold(words, len(events), fills)
        if fills:
            self._klines.fold(trades)
        return Told(trades, aggregates, tops, changes, orders)

    def due(self, now: int) -> list[tuple[int, Changes]]:
        """(interval_ns, changes) of every conflated stream whose interval ended by now, the core's time; where nothing changed, none."""
        return self._depth.due(now)

    def depth(self, book: int, levels: int = 5000) -> DepthSnapshot:
        """The best levels of a book under its update id."""
        return self._depth.snapshot(book, levels)

    def top(self, book: int) -> Any:
        """The best prices of a book and the lots there: one TOP."""
        return self._depth.top(book)

    def orders(self, book: int) -> tuple[int, Rows]:
        """(update id, every order of a book as an ADD: bids then asks, best price first, first come first)."""
        return self._depth.orders(book)

    def update_id(self, book: int) -> int:
        """How many events of a book may have moved its depth."""
        return int(self._depth.update_ids()[book, 0])

    def trades(self, book: int, from_id: int | None = None, limit: int = 500) -> Rows:
        """TRADE[n], ascending: from a number on, else the newest."""
        return self._tape.trades(book, from_id, limit)

    def aggregates(self, book: int, from_id: int | None = None, start: int | None = None, end: int | None = None, limit: int = 500) -> Rows:
        """AGGREGATE[n], ascending: from a number on, else from a time on (ns UTC), else the newest; none after `end`. Both times count."""
        return self._tape.aggregates(book, from_id, start, end, limit)

    def last_trade(self, book: int) -> Any:
        """The newest TRADE; None before the first."""
        return self._tape.last(book)

    def klines(self, book: int, interval: str, now: int, start: int | None = None, end: int | None = None, limit: int = 500) -> Rows:
        """KLINE[n], ascending, the running one among them.

        start, end  ns UTC, of their open_time, both count; without a start the newest, up to the end
        raises      ValueError where there is no such interval
        """
        return self._klines.klines(book, interval, now, start, end, limit)

    def kline(self, book: int, interval: str, now: int) -> Any:
        """The running KLINE; None before the first trade."""
        rows = self._klines.klines(book, interval, now, None, None, 1)
        return rows[0] if len(rows) else None

    def ticker(self, book: int, now: int, since: int | None = None) -> Ticker:
        """What traded since a time, ns UTC: without one, 24 hours ago.

        It is rounded down to the second (the minute, the hour, where those of then are no longer kept): open_time says.
        """
        traded, before = self._klines.window(book, max(0, now - DAY if since is None else since))
        last, top = self._tape.last(book), self._depth.top(book)
        n = int(traded["trades"])
        return Ticker(
            book=book,
            open_time=int(traded["open_time"]),
            close_time=now,
            **{name: int(traded[name]) for name in ("open", "high", "low", "volume", "quote_volume", "trades", "first_id")},
            last_id=int(traded["first_id"]) + n - 1 if n else -1,
            last=0 if last is None else int(last["price"]),
            last_quantity=0 if last is None else int(last["quantity"]),
            previous_close=before,
            **{name: int(top[name]) for name in ("bid", "bid_lots", "ask", "ask_lots")},
        )

    def average(self, book: int, now: int, window_ns: int = 5 * MINUTE) -> Average:
        """The average price of a window, weighted by quantity; the last price where nothing traded in it."""
        last = self._tape.last(book)
        if last is None:
            return Average(0, 1, 0)
        traded, _ = self._klines.window(book, max(0, now - window_ns))
        if traded["trades"] == 0:
            return Average(int(last["price"]), 1, int(last["ts"]))
        return Average(int(traded["quote_volume"]), int(traded["volume"]), int(last["ts"]))

    def digest(self) -> str:
        """32 hex digits of the state; of the orders themselves the engine's digest speaks."""
        return hashlib.blake2b(self._depth.update_ids().tobytes() + self._tape.digest() + self._klines.digest(), digest_size=16).hexdigest()

    def snapshot(self) -> bytes:
        """All that the engine does not know itself."""
        counts = [rows.tobytes() for rows in (self._depth.update_ids(), self._tape.counts, self._klines.counts)]
        state = msgspec.msgpack.encode(_Snapshot(VERSION, self.books, counts, self._tape.kept(), self._klines.kept()))
        return hashlib.blake2b(state, digest_size=16).digest() + state

    @classmethod
    def restored(cls, engine: Words, snapshot: bytes, intervals_ns: tuple[int, ...] = (100_000_000, SECOND), kept: Kept = Kept()) -> "MarketData":
        """Market data that goes on from a snapshot, beside an engine in the state it had then.

        raises  ValueError where the snapshot is damaged, of another version, or not of so many books
        """
        found = hashlib.blake2b(snapshot[16:], digest_size=16).digest()
        if found != snapshot[:16]:
            raise ValueError(f"a snapshot of market data begins with the digest {snapshot[:16].hex()}; the rest of it has {found.hex()}")
        state = msgspec.msgpack.decode(snapshot[16:], type=_Snapshot)
        market = cls(engine, intervals_ns, kept)
        if state.version != VERSION or state.books != market.books:
            raise ValueError(f"a snapshot of version {state.version} and {state.books} books; expected version {VERSION} and {market.books}")
        update_ids, traded, periods = (np.frombuffer(packed, np.int64).reshape(market.books, -1) for packed in state.counts)
        market._depth.go_on(update_ids)
        market._tape.go_on(traded, state.tape)
        market._klines.go_on(periods, state.klines)
        return market
