"""The exchange's market data against readers that know nothing of it: the desk's own Binance feed, and the same source uncompiled."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from polaris.domain.instrument import Instrument, Instruments, Key, Product
from polaris.domain.market import LIVE, TRADE, RowBuffer
from polaris.domain.orders import SELL
from polaris.exchange.book import MatchingEngine
from polaris.exchange.marketdata import MarketData
from polaris.exchange.words import CLOCK, COMMAND, Commands
from polaris.venues.binance import VENUE
from polaris.venues.protocol import Fetch
from tests.differential.test_matching import random_commands
from tests.unit.exchange.commands import LOWEST

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("BTCUSDT", "ETHUSDT")
INTERVAL_NS = 100_000_000
START = 1_700_000_000_000_000_000


def timed(rows: Commands, turn: int, step_ns: int) -> list[Commands]:
    """The commands in turns of so many, each begun by a CLOCK."""
    clock = np.zeros(1, COMMAND)
    clock["operation"] = CLOCK
    turns = []
    for i, at in enumerate(range(0, len(rows), turn)):
        clock["price"] = START + i * step_ns
        turns.append(np.concatenate([clock, rows[at : at + turn]]))
    return turns


def frame(name: str, stream: str, data: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"stream": f"{name.lower()}@{stream}", "data": data})


def texts(rows: Any) -> list[list[str]]:
    return [[f"{price / 100:.2f}", f"{lots / 1000:.3f}"] for price, lots in rows]


@pytest.mark.parametrize("seed", range(3))
def test_the_desks_binance_feed_holds_the_exchanges_books_without_a_gap_or_a_wrong_top(seed: int) -> None:
    instruments = [
        Instrument(id=i, key=Key("binance", Product.SPOT, name[:3], "USDT"), wire=name, price_decimals=2, quantity_decimals=3, text_decimals=(2, 3))  # type: ignore[arg-type]
        for i, name in enumerate(NAMES)
    ]
    feed = VENUE.feed(Instruments(instruments), RowBuffer())
    feed.connected(START)
    dice = np.random.default_rng(seed)
    engine = MatchingEngine(LOWEST, 60)
    market = MarketData(engine.arena, (INTERVAL_NS,))
    waiting: list[str] = []
    compared = trades = 0
    for rows in timed(random_commands(seed, 6000), 5, 7_000_000):
        told = market.fold(engine.run(rows))
        now = engine.now
        for trade in told.trades:
            said = {"e": "trade", "E": now // 10**6, "T": int(trade["ts"]) // 10**6, "t": int(trade["trade_id"]), "m": bool(trade["side"] == SELL), "M": True}
            ((price, quantity),) = texts([(trade["price"], trade["quantity"])])
            feed.frame(frame(NAMES[trade["book"]], "trade", {**said, "s": NAMES[trade["book"]], "p": price, "q": quantity}), now)
        for top in told.tops:
            if top["bid_lots"] and top["ask_lots"]:
                (bid, bids), (ask, asks) = texts([(top["bid"], top["bid_lots"]), (top["ask"], top["ask_lots"])])
                name = NAMES[top["book"]]
                feed.frame(frame(name, "bookTicker", {"u": int(top["update_id"]), "s": name, "b": bid, "B": bids, "a": ask, "A": asks}), now)
        for _, changes in market.due(now):
            for diff in changes.diffs:
                name = NAMES[diff["book"]]
                sides = {"b": texts(changes.bids(diff)[["price", "lots"]]), "a": texts(changes.asks(diff)[["price", "lots"]])}
                ids = {"e": "depthUpdate", "E": now // 10**6, "s": name, "U": int(diff["first_id"]), "u": int(diff["last_id"])}
                feed.frame(frame(name, "depth@100ms", ids | sides), now)
                if feed.stats.symbols[name].state == LIVE:
                    snapshot = market.depth(int(diff["book"]))
                    bids, asks, *_ = feed.book_text(name, 10_000)
                    assert (bids, asks) == (texts(snapshot.bids.tolist()), texts(snapshot.asks.tolist()))
                    compared += 1
        feed.tick(now)
        waiting += [wish.tag for wish in feed.wishes if isinstance(wish, Fetch)]
        feed.wishes.clear()
        if waiting and dice.random() < 0.3:  # an answer comes when it comes
            tag = waiting.pop()
            snapshot = market.depth(NAMES.index(tag.removeprefix("depth:")))
            body = {"lastUpdateId": snapshot.update_id, "bids": texts(snapshot.bids.tolist()), "asks": texts(snapshot.asks.tolist())}
            feed.response(tag, msgspec.json.encode(body), now)
        trades += int((feed.rows.view()["kind"] == TRADE).sum())
        feed.rows.clear()
    for name in NAMES:
        stats = feed.stats.symbols[name]
        assert (stats.state, stats.gaps, stats.resyncs, stats.checksums_failed) == (LIVE, 0, 0, 0)
    assert compared > 100 and feed.stats.bad_messages == 0
    assert trades == sum(len(market.trades(book, limit=10**6)) for book in range(2))


PROGRAM = """
import hashlib
from polaris.domain.kernel import JIT
from polaris.exchange.marketdata import DAY, Kept, MarketData
from tests.differential.test_market_data import *

digest = hashlib.blake2b(digest_size=16)
engine = MatchingEngine(LOWEST, 60)
market = MarketData(engine.arena, (INTERVAL_NS,), Kept(64, 64, 64, 64, 64, 64))
for rows in timed(random_commands(5, 1500), 10, DAY // 30):
    told = market.fold(engine.run(rows))
    for part in (told.trades, told.aggregates, told.tops, *told.changes, told.orders, *(part for _, changes in market.due(engine.now) for part in changes)):
        digest.update(part.tobytes())
    digest.update(market.digest().encode())
for book in range(2):
    for interval in ("1s", "15m", "3d", "1w", "1M"):
        digest.update(market.klines(book, interval, engine.now).tobytes())
    digest.update(repr((market.depth(book), market.ticker(book, engine.now), market.orders(book)[1].tolist())).encode())
print(JIT, digest.hexdigest())
"""


def run(disable: str) -> list[str]:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": disable}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.slow
def test_the_same_bits_with_and_without_the_compiler() -> None:
    compiled, plain = run("0"), run("1")
    assert (compiled[0], plain[0]) == ("True", "False")
    assert compiled[1] == plain[1]
