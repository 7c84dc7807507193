"""A desk slower than its market, over a real socket: every trade, the newest books, and a mark where something was left out.

The market tells two books by Binance's words, one of them far faster than the consumer takes rows.
"""

import asyncio
import time

import msgspec
import numpy as np
import pytest

from polaris.domain.book import Book
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import BOOK_STATE_NAMES, CLEAR, DEPTH, REASON_NAMES, STATUS, TRADE, Rows
from polaris.venues.live import LiveFeeds
from polaris.venues.served.server import Client, Query, Reply, Server, json_reply
from polaris.venues.session import SessionSettings
from tests.steady_time import steady

ITEMS = Instruments(
    [
        Instrument(id=InstrumentId(i), key=Key("binance", Product.SPOT, base, "USDT"), wire=f"{base}USDT", price_decimals=2, quantity_decimals=2)
        for i, base in enumerate(("FAST", "CALM"))
    ]
)
LEVELS = 20
CHANGES, EVERY_S = 6_000, 0.0002  # of the fast book
FIRST = ["SYNCING connect", "LIVE none"]


class Market:
    """Two books of LEVELS bids and asks; the fast one changes CHANGES times, with a trade at each tenth, the calm one a hundred times less."""

    name = "binance"

    def __init__(self) -> None:
        self.numbers = {"FASTUSDT": 1, "CALMUSDT": 1}
        self.trades = 0
        self.books = {wire: {99 - i: 1 for i in range(LEVELS)} for wire in self.numbers}
        self.clients: list[Client] = []

    def accepts(self, path: str) -> bool:
        return True

    def opened(self, client: Client) -> None:
        self.clients.append(client)

    def message(self, client: Client, payload: bytes) -> None:
        pass

    def closed(self, client: Client) -> None:
        pass

    def rest(self, path: str, query: Query) -> Reply:
        wire = query["symbol"][0]
        bids = [[f"{price}.00", f"{lots}.00"] for price, lots in self.books[wire].items()]
        asks = [[f"{101 + i}.00", "1.00"] for i in range(LEVELS)]
        return json_reply({"lastUpdateId": self.numbers[wire], "bids": bids, "asks": asks})

    def change(self, wire: str, n: int) -> None:
        self.numbers[wire] += 1
        price, number = 99 - n % LEVELS, self.numbers[wire]
        self.books[wire][price] = 1 + n
        self._send(wire, "depth@100ms", {"e": "depthUpdate", "E": 1, "s": wire, "U": number, "u": number, "b": [[f"{price}.00", f"{1 + n}.00"]], "a": []})

    def trade(self) -> None:
        self.trades += 1
        self._send("FASTUSDT", "trade", {"e": "trade", "E": 1, "s": "FASTUSDT", "t": self.trades, "p": "100.00", "q": "1.00", "T": 1, "m": True, "M": True})

    def _send(self, wire: str, stream: str, data: object) -> None:
        for client in self.clients:
            client.send(msgspec.json.encode({"stream": f"{wire.lower()}@{stream}", "data": data}))

    async def run(self) -> None:
        """Changes come when they are due, whether anybody kept pace or not."""
        began = time.perf_counter()
        for n in range(CHANGES):
            await asyncio.sleep(max(0.0, began + n * EVERY_S - time.perf_counter()))
            self.change("FASTUSDT", n)
            if n % 10 == 0:
                self.trade()
            if n % 100 == 0:
                self.change("CALMUSDT", n)


async def heard_by(consume, patience_s: float) -> tuple[Market, LiveFeeds, Rows]:
    """The whole market, heard by a consumer who does `consume` with each batch of rows."""
    market, batches = Market(), []
    server = await Server(market).start()
    feeds = LiveFeeds({"binance": server.endpoint}, ITEMS, SessionSettings(tick_s=0.02), patience_s=patience_s)

    def on_rows(rows: Rows) -> None:
        batches.append(rows.copy())
        consume(rows)

    def both_are_live() -> bool:
        return len(batches) > 0 and all("LIVE none" in story(np.concatenate(batches), i) for i in range(2))

    running = asyncio.create_task(feeds.run(on_rows))
    stats = feeds.feeds["binance"].stats
    async with asyncio.timeout(60):
        while not market.clients:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for wire in market.numbers:
            market.change(wire, 0)  # what makes the feed ask for the book
        while not both_are_live():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await market.run()
        while stats.frames < CHANGES + market.trades + CHANGES // 100 + 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await feeds.close()
    await running
    await server.close()
    return market, feeds, np.concatenate(batches)


def story(rows: Rows, i: int) -> list[str]:
    told = rows[(rows["kind"] == STATUS) & (rows["instrument"] == i)]
    return [f"{BOOK_STATE_NAMES[row['price']]} {REASON_NAMES[row['quantity']]}" for row in told if row["price"]]


def depth(rows: Rows, i: int) -> Rows:
    return rows[(rows["kind"] == DEPTH) & (rows["instrument"] == i)]


def bids(rows: Rows, i: int) -> dict[int, int]:
    book = Book()
    book.apply(rows, i)
    return {price // 100: lots // 100 for price, lots in book.bids()}


@steady
async def test_a_consumer_slower_than_the_market_gets_every_trade_and_the_newest_books():
    market, feeds, rows = await heard_by(lambda rows: time.sleep(0.002 * len(rows)), patience_s=0.02)
    trades = rows[rows["kind"] == TRADE]
    assert trades["other"].tolist() == list(range(1, market.trades + 1)), "each trade once, in order"
    assert bids(rows, 0) == market.books["FASTUSDT"] and bids(rows, 1) == market.books["CALMUSDT"]
    assert len(depth(rows, 0)) < CHANGES // 2
    told = story(rows, 0)
    conflated = feeds.feeds["binance"].stats.symbols["FASTUSDT"].conflated
    assert told == FIRST + ["SYNCING gap", "LIVE none"] * conflated and conflated >= 1, "each gap is marked"
    assert (depth(rows, 0)["flags"] & CLEAR).astype(bool).sum() == 1 + conflated, "and followed by a book that replaces"


@steady
async def test_the_books_that_did_not_change_much_lose_nothing():
    _, feeds, rows = await heard_by(lambda rows: time.sleep(0.002 * len(rows)), patience_s=0.02)
    assert story(rows, 1) == FIRST and feeds.feeds["binance"].stats.symbols["CALMUSDT"].conflated == 0
    assert len(depth(rows, 1)) == 2 * LEVELS + CHANGES // 100


@steady
async def test_a_consumer_who_stalled_once_is_given_what_came_meanwhile_conflated_and_everything_after_it():
    stalled = []

    def once(rows: Rows) -> None:
        if not stalled and (rows["kind"] == TRADE).any():
            stalled.append(time.sleep(0.3))

    market, _, rows = await heard_by(once, patience_s=0.1)
    told = story(rows, 0)
    gaps = (len(told) - len(FIRST)) // 2  # one, and more where the machine itself stalls
    assert told == FIRST + ["SYNCING gap", "LIVE none"] * gaps and gaps >= 1
    assert bids(rows, 0) == market.books["FASTUSDT"]
    assert (rows["kind"] == TRADE).sum() == market.trades


@steady
async def test_a_consumer_who_keeps_pace_gets_every_change_as_it_was():
    _, feeds, rows = await heard_by(lambda rows: None, patience_s=30.0)
    assert story(rows, 0) == FIRST and len(depth(rows, 0)) == 2 * LEVELS + CHANGES
    assert feeds.inbox.left_out == 0


@steady
async def test_a_consumer_who_fails_while_he_is_behind_ends_the_run_with_his_error():
    heard = []

    def fails(rows: Rows) -> None:
        heard.append(len(rows))
        time.sleep(0.05)
        if len(heard) == 5:
            raise ArithmeticError("a bug of ours")

    with pytest.raises(ArithmeticError, match="a bug of ours"):
        await heard_until_it_ends(fails)


async def heard_until_it_ends(consume) -> None:
    market = Market()
    server = await Server(market).start()
    feeds = LiveFeeds({"binance": server.endpoint}, ITEMS, SessionSettings(tick_s=0.02), patience_s=0.01)
    running = asyncio.create_task(feeds.run(consume))
    telling = asyncio.create_task(market.run())
    try:
        await asyncio.wait_for(running, 20)
    finally:
        telling.cancel()
        await server.close()
