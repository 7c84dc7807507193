"""Market data against plain Python: whatever the exchange does, whoever listens by the rules holds what stands there."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange.book import MatchingEngine
from polaris.exchange.marketdata import ADD, CHANGE, DAY, INTERVALS, MINUTE, REMOVE, SECOND, Kept, MarketData, Told
from polaris.exchange.marketdata.rows import KLINE
from polaris.exchange.words import FILL, IOC, MARKET, STOP, Commands
from tests.unit.exchange.commands import LOWEST, between, clock, commands, streams, submit

CAPACITY = 40
INTERVALS_NS = (100_000_000, SECOND)
KEPT = Kept(256, 256, 256, 256, 256, 256)
BOOKS = range(len(LOWEST))
SIDES = (BUY, SELL)

gaps = st.one_of(st.integers(0, 300_000_000), st.integers(0, 3 * SECOND), st.integers(0, 3 * 3600 * SECOND), st.integers(0, 45 * DAY))


@st.composite
def timed(draw: Any) -> list[Any]:
    """Commands, and between them numbers: so much time passes."""
    stream: list[Any] = list(draw(streams))
    for place, gap in draw(st.dictionaries(st.integers(0, 60), gaps, max_size=15)).items():
        stream.insert(place, gap)
    return stream


cuts = st.sets(st.integers(0, 60))


def written(stream: list[Any]) -> Commands:
    """The stream as commands; their sequences are their places."""
    now, fields = 0, []
    for step in stream:
        now += step if isinstance(step, int) else 0
        fields.append(clock(now) if isinstance(step, int) else step)
    return commands(*fields)


def portions(rows: Commands, at: set[int]) -> Iterator[Commands]:
    edges = [0, *sorted(at.intersection(between(rows)) - {0, len(rows)}), len(rows)]
    yield from (rows[start:end] for start, end in pairwise(edges))


def standing(engine: MatchingEngine, book: int, side: int) -> list[tuple[int, int, int]]:
    """(order id, price, lots shown) of a side: best price first, first come first."""
    orders = engine.orders()
    mine = orders[(orders["book"] == book) & (orders["ladder"] == (0 if side == BUY else 1))]
    return [(int(row["order_id"]), int(row["price"]), int(row["shown"])) for row in mine]


def levels(engine: MatchingEngine, book: int, side: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for _, price, lots in standing(engine, book, side):
        found[price] = found.get(price, 0) + lots
    return found


class Listener:
    """Holds one book by Binance's rule: a snapshot, then every diff that is newer, without a gap."""

    def __init__(self, market: MarketData, book: int) -> None:
        self.book = book
        snapshot = market.depth(book)
        self.update_id, self.joined = snapshot.update_id, False
        self.sides = {BUY: dict(snapshot.bids.tolist()), SELL: dict(snapshot.asks.tolist())}

    def hear(self, changes: Any) -> None:
        for diff in changes.diffs:
            if diff["book"] != self.book or diff["last_id"] <= self.update_id:
                continue
            if self.joined:
                assert diff["first_id"] == self.update_id + 1
            assert diff["first_id"] <= self.update_id + 1 <= diff["last_id"]
            self.update_id, self.joined = int(diff["last_id"]), True
            bids, asks = changes.bids(diff), changes.asks(diff)
            assert len(bids) + len(asks) > 0
            assert (np.diff(bids["price"]) < 0).all() and (np.diff(asks["price"]) > 0).all()
            assert (bids["side"] == BUY).all() and (asks["side"] == SELL).all()
            for row in (*bids, *asks):
                assert row["book"] == self.book
                side = self.sides[int(row["side"])]
                if row["lots"]:
                    side[int(row["price"])] = int(row["lots"])
                else:
                    side.pop(int(row["price"]), None)


class OrderListener:
    """Holds one book's orders: for each price a queue."""

    def __init__(self, market: MarketData, book: int) -> None:
        self.book = book
        self.queues: dict[tuple[int, int], dict[int, int]] = {}
        self.update_id, rows = market.orders(book)
        assert (rows["change"] == ADD).all()
        self.apply(rows)

    def hear(self, rows: Any) -> None:
        self.apply(rows[(rows["book"] == self.book) & (rows["update_id"] > self.update_id)])

    def apply(self, rows: Any) -> None:
        for row in rows:
            queue, order_id = self.queues.setdefault((int(row["side"]), int(row["price"])), {}), int(row["order_id"])
            if row["change"] == REMOVE:
                assert queue.pop(order_id) == row["lots"]
            else:
                assert (order_id in queue) == (row["change"] == CHANGE)
                queue[order_id] = int(row["lots"])

    def side(self, side: int) -> list[tuple[int, int, int]]:
        prices = sorted((price for its, price in self.queues if its == side), reverse=side == BUY)
        return [(order_id, price, lots) for price in prices for order_id, lots in self.queues[side, price].items()]


@settings(max_examples=200)
@given(timed(), cuts, st.integers(0, 60))
@example([submit(1, SELL, 100, 5, display=2), submit(2, SELL, 100, 1), submit(3, BUY, 0, 2, order_type=MARKET, time_in_force=IOC)], {2}, 0)
@example([submit(1, BUY, 0, 5, order_type=STOP, time_in_force=IOC, trigger=101), submit(2, SELL, 101, 9), submit(3, BUY, 101, 1)], {1, 2}, 0)
def test_whoever_listens_to_any_stream_from_any_snapshot_holds_the_book(stream: list[Any], at: set[int], snapshot_after: int) -> None:
    engine = MatchingEngine(LOWEST, CAPACITY)
    market = MarketData(engine.arena, INTERVALS_NS, KEPT)
    every: list[Listener] = []
    slow: dict[int, list[Listener]] = {interval: [] for interval in INTERVALS_NS}
    orders: list[OrderListener] = []
    tops: dict[int, tuple[int, ...]] = dict.fromkeys(BOOKS, (0, 0, 0, 0))
    for i, portion in enumerate(portions(written(stream), at)):
        told = market.fold(engine.run(portion))
        for listener in every:
            listener.hear(told.changes)
        for queue in orders:
            queue.hear(told.orders)
        for interval, changes in market.due(engine.now):
            for listener in slow[interval]:
                listener.hear(changes)
                assert listener.sides == {side: levels(engine, listener.book, side) for side in SIDES}
        if i == 0 or i == snapshot_after:
            for book in BOOKS:
                every.append(Listener(market, book))
                orders.append(OrderListener(market, book))
                for listeners in slow.values():
                    listeners.append(Listener(market, book))
        for row in told.tops:
            now = tuple(int(row[name]) for name in ("bid", "bid_lots", "ask", "ask_lots"))
            assert now != tops[int(row["book"])] and row["update_id"] == market.update_id(int(row["book"]))
            tops[int(row["book"])] = now
        for book in BOOKS:
            bids, asks = levels(engine, book, BUY), levels(engine, book, SELL)
            best = (max(bids, default=0), bids.get(max(bids, default=0), 0), min(asks, default=0), asks.get(min(asks, default=0), 0))
            assert tops[book] == best == tuple(market.top(book).tolist()[3:])
            snapshot = market.depth(book)
            assert snapshot.bids.tolist() == [list(level) for level in sorted(bids.items(), reverse=True)]
            assert snapshot.asks.tolist() == [list(level) for level in sorted(asks.items())]
        for listener in every:
            assert listener.sides == {side: levels(engine, listener.book, side) for side in SIDES}
        for queue in orders:
            for side in SIDES:
                assert queue.side(side) == standing(engine, queue.book, side)


@settings(max_examples=100)
@given(timed(), cuts, cuts)
def test_the_state_does_not_depend_on_how_the_commands_were_portioned(stream: list[Any], one: set[int], other: set[int]) -> None:
    rows = written(stream)
    states = []
    for at in (one, other):
        engine = MatchingEngine(LOWEST, CAPACITY)
        market = MarketData(engine.arena, INTERVALS_NS, KEPT)
        told = [market.fold(engine.run(portion)) for portion in portions(rows, at)]
        states.append((market.digest(), [np.concatenate(parts).tolist() for parts in zip(*[(t.trades, t.aggregates) for t in told], strict=True)]))
    assert states[0] == states[1]


@settings(max_examples=100)
@given(timed(), cuts, st.integers(0, 10))
def test_market_data_goes_on_from_a_snapshot(stream: list[Any], at: set[int], stop: int) -> None:
    engine = MatchingEngine(LOWEST, CAPACITY)
    market = other = MarketData(engine.arena, INTERVALS_NS, KEPT)
    for i, portion in enumerate(portions(written(stream), at)):
        events = engine.run(portion)
        told = market.fold(events)
        if other is not market:
            assert [part.tolist() for part in flat(told)] == [part.tolist() for part in flat(other.fold(events))]
        if i == stop:
            other = MarketData.restored(engine.arena, market.snapshot(), INTERVALS_NS, KEPT)
        assert other.digest() == market.digest()


def flat(told: Told) -> tuple[Any, ...]:
    """All that was told but where its streams began: those of one that goes on begin where the snapshot ended."""
    return told.trades, told.aggregates, told.tops, told.changes.diffs[["book", "last_id", "ts", "start", "asks", "end"]], told.changes.levels, told.orders


def plain_tape(events: Any, book: int) -> tuple[list[dict[str, int]], list[dict[str, int]]]:
    """Trades and aggregates of a book, in plain words."""
    trades: list[dict[str, int]] = []
    aggregates: list[dict[str, int]] = []
    for event in events[(events["kind"] == FILL) & (events["book"] == book)]:
        said = {name: int(event[name]) for name in ("ts", "price", "quantity", "seq", "side", "book", "flags")}
        said["taker_id"] = int(event["order_id"])
        number = len(trades) + 1
        if aggregates and all(aggregates[-1][name] == said[name] for name in ("taker_id", "seq", "price")):
            aggregates[-1]["last_id"] = number
            aggregates[-1]["quantity"] += said["quantity"]
        else:
            aggregates.append({**said, "aggregate_id": len(aggregates) + 1, "first_id": number, "last_id": number})
        trades.append({**said, "trade_id": number, "aggregate_id": len(aggregates), "maker_id": int(event["maker_id"])})
    return trades, aggregates


def plain_kline(trades: list[dict[str, int]], open_time: int, end: int, close: int) -> tuple[int, ...]:
    """A kline by its definition; flat at `close` where nothing traded."""
    mine = [trade for trade in trades if open_time <= trade["ts"] < end]
    prices = [trade["price"] for trade in mine] or [close]
    sums = [sum(trade["quantity"] * unit for trade, unit in some) for some in ([(t, 1) for t in mine], [(t, t["price"]) for t in mine])]
    bought = [t for t in mine if t["side"] == BUY]
    sums += [sum(t["quantity"] for t in bought), sum(t["quantity"] * t["price"] for t in bought)]
    first = mine[0]["trade_id"] if mine else -1
    return (open_time, end, prices[0], max(prices), min(prices), prices[-1], *sums, len(mine), first)


def plain_start(interval: str, ts: int) -> int:
    """Where the period that holds a time begins, by the calendar."""
    day = datetime.fromtimestamp(ts // SECOND, UTC).replace(hour=0, minute=0, second=0)
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    if interval == "1M":
        return int(day.replace(day=1).timestamp()) * SECOND
    if interval == "1w":
        return (int(day.timestamp()) - 86400 * day.weekday()) * SECOND
    length = int(interval[:-1]) * seconds[interval[-1]]
    return ts // SECOND // length * length * SECOND


@settings(max_examples=100)
@given(timed(), cuts, st.integers(0, 2 * DAY), st.integers(1, 30), st.data())
def test_the_tape_the_klines_and_the_windows_are_what_the_fills_say(stream: list[Any], at: set[int], later: int, limit: int, data: Any) -> None:
    engine = MatchingEngine(LOWEST, CAPACITY)
    market = MarketData(engine.arena, INTERVALS_NS, KEPT)
    events = np.concatenate([events for portion in portions(written(stream), at) if (events := engine.run(portion)) is not None and market.fold(events)])
    now = engine.now + later
    for book in BOOKS:
        trades, aggregates = plain_tape(events, book)
        check_tape(market, book, trades, aggregates, limit, data)
        for interval in INTERVALS:
            rows = market.klines(book, interval, now, limit=limit)
            if not trades:
                assert len(rows) == 0 and market.kline(book, interval, now) is None
                continue
            expected: list[tuple[int, ...]] = []
            floor, start = plain_start(interval, trades[0]["ts"]), plain_start(interval, now)
            end = plain_start(interval, start + 32 * DAY) if interval == "1M" else next_start(interval, start)
            while start >= floor and len(expected) < limit:
                before = [trade["price"] for trade in trades if trade["ts"] < start]
                expected.insert(0, plain_kline(trades, start, end, before[-1] if before else 0))
                end, start = start, plain_start(interval, start - 1) if start else -1
            assert rows.tolist() == expected
            assert market.kline(book, interval, now).tolist() == expected[-1]
        for since in (None, data.draw(st.integers(0, now))):
            check_ticker(market, book, trades, now, since)
        check_average(market, book, trades, now)


def next_start(interval: str, start: int) -> int:
    lengths = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": DAY, "w": 7 * DAY}
    return start + int(interval[:-1]) * lengths[interval[-1]]


def check_tape(market: MarketData, book: int, trades: list[dict[str, int]], aggregates: list[dict[str, int]], limit: int, data: Any) -> None:
    assert [{name: int(row[name]) for name in trades[0]} for row in market.trades(book)] == trades if trades else not len(market.trades(book))
    assert [{name: int(row[name]) for name in aggregates[0]} for row in market.aggregates(book)] == aggregates if aggregates else True
    assert market.trades(book, limit=limit)["trade_id"].tolist() == [trade["trade_id"] for trade in trades[-limit:]]
    first = data.draw(st.integers(0, len(trades) + 2))
    numbers = [trade["trade_id"] for trade in trades if trade["trade_id"] >= first]
    assert market.trades(book, first, limit)["trade_id"].tolist() == numbers[:limit]
    times = st.one_of(st.none(), st.sampled_from([aggregate["ts"] for aggregate in aggregates] or [0]), st.integers(0, 100 * DAY))
    start, end = data.draw(times), data.draw(times)
    inside = [a["aggregate_id"] for a in aggregates if (start is None or a["ts"] >= start) and (end is None or a["ts"] <= end)]
    expected = inside[-limit:] if start is None else inside[:limit]
    assert market.aggregates(book, None, start, end, limit)["aggregate_id"].tolist() == expected


def check_ticker(market: MarketData, book: int, trades: list[dict[str, int]], now: int, since: int | None) -> None:
    ticker = market.ticker(book, now, since)
    open_time = max(0, now - DAY if since is None else since) // SECOND * SECOND
    assert (ticker.open_time, ticker.close_time) == (open_time, now)
    _, _, *rest = plain_kline(trades, open_time, 2**63 - 1, 0)
    row = dict(zip(KLINE.names or (), (0, 0, *rest), strict=True))
    for name in ("open", "high", "low", "volume", "quote_volume", "trades", "first_id"):
        assert getattr(ticker, name) == row[name], name
    before = [trade["price"] for trade in trades if trade["ts"] < open_time]
    assert ticker.previous_close == (before[-1] if before else 0)
    assert (ticker.last, ticker.last_quantity) == ((trades[-1]["price"], trades[-1]["quantity"]) if trades else (0, 0))
    assert ticker.last_id == (len(trades) if row["trades"] else -1)
    assert ticker.change == (row["close"] - row["open"])


def check_average(market: MarketData, book: int, trades: list[dict[str, int]], now: int) -> None:
    average = market.average(book, now)
    mine = [trade for trade in trades if trade["ts"] >= max(0, now - 5 * MINUTE) // SECOND * SECOND]
    if mine:
        assert average == (sum(t["price"] * t["quantity"] for t in mine), sum(t["quantity"] for t in mine), trades[-1]["ts"])
    else:
        assert average == ((trades[-1]["price"], 1, trades[-1]["ts"]) if trades else (0, 1, 0))
