"""bench_market_data: what telling the world costs, beside what happened: ns an event of the whole fold and of matching, CPU time.

The stream is bench_matching's, a CLOCK before every batch. The fold is all of market data: update ids, levels, best prices, orders,
trades, aggregates, klines of every base, and the depth of 100 ms and of a second; each batch stands for 10 ms. Matching and folding
take turns batch by batch in one run, on the same caches. Then what the questions cost that a venue's clients ask.
"""

import platform
import time
from typing import Any

import numpy as np

from bench_matching import BATCH, LOWEST, RESTING, capacity, stream
from polaris.exchange import COMMAND, MatchingEngine
from polaris.exchange.marketdata import SECOND, MarketData
from polaris.exchange.words import CLOCK

BATCHES = (1, 16, 256, BATCH)
TURN_NS = 10_000_000
START = 1_700_000_000 * SECOND
QUICK = {"messages": 5_000, "repeats": 1}


def costs(n: int, books: int, batch: int, repeats: int) -> dict[str, float]:
    """Nanoseconds an event of matching and of the fold, microseconds a fold, events and trades; the median of the repeats."""
    filling, commands, _ = stream(n, books, RESTING)
    found = []
    for _ in range(repeats):
        engine = MatchingEngine([LOWEST] * books, capacity(books, RESTING))
        market = MarketData(engine.arena)
        market.fold(engine.run(filling))
        matching = folding = events = trades = 0
        turn = np.zeros(batch + 1, COMMAND)
        turn[0]["operation"] = CLOCK
        for i, at in enumerate(range(0, n, batch)):
            now = START + i * TURN_NS
            turn[0]["price"] = now
            some = commands[at : at + batch]
            turn[1 : 1 + len(some)] = some
            start = time.process_time_ns()
            told = engine.run(turn[: 1 + len(some)])
            matched = time.process_time_ns()
            trades += len(market.fold(told).trades)
            market.due(now)
            folding += time.process_time_ns() - matched
            matching += matched - start
            events += len(told)
        found.append((matching / events, folding / events, folding / (n / batch) / 1e3, events, trades))
    return dict(zip(("matching_ns", "fold_ns", "fold_us", "events", "trades"), np.median(found, axis=0).tolist(), strict=True))


def questions(n: int) -> dict[str, float]:
    """Microseconds of one question each, after n commands, each of them half a second after the one before."""
    filling, commands, _ = stream(n, 1, RESTING)
    engine = MatchingEngine([LOWEST], capacity(1, RESTING))
    market = MarketData(engine.arena)
    market.fold(engine.run(filling))
    rows = np.zeros(2 * n, COMMAND)
    rows[::2]["operation"], rows[::2]["price"], rows[1::2] = CLOCK, START + np.arange(n) * SECOND // 2, commands
    for at in range(0, 2 * n, BATCH):
        market.fold(engine.run(rows[at : at + BATCH]))
    now = engine.now
    asked = {
        "depth, 5 levels": lambda: market.depth(0, 5),
        "depth, 1,000 levels": lambda: market.depth(0, 1000),
        "all orders": lambda: market.orders(0),
        "24 h ticker": lambda: market.ticker(0, now),
        "running 1m kline": lambda: market.kline(0, "1m", now),
        "500 klines of 1m": lambda: market.klines(0, "1m", now, limit=500),
        "klines of 1w": lambda: market.klines(0, "1w", now, limit=500),
        "500 trades": lambda: market.trades(0, limit=500),
    }
    return {name: _microseconds(ask) for name, ask in asked.items()}


def _microseconds(ask: Any, times: int = 200) -> float:
    ask()
    spent = []
    for _ in range(times):
        start = time.perf_counter_ns()
        ask()
        spent.append(time.perf_counter_ns() - start)
    return float(np.median(spent)) / 1e3


def main(messages: int = 2_000_000, repeats: int = 3) -> dict[str, Any]:
    """Nanoseconds an event on one book and on 100, by the size of a batch, and microseconds of questions."""
    costs(20_000, 1, BATCH, 1)  # compiled and warm
    return {
        "one_book": costs(messages, 1, BATCH, repeats),
        "hundred_books": costs(messages, 100, BATCH, repeats),
        "batches": {str(batch): costs(min(messages, 20_000 * batch), 1, batch, repeats) for batch in BATCHES[:-1]},
        "questions_us": questions(min(messages, 400_000)),
        "messages": messages,
        "repeats": repeats,
    }


def show(result: dict[str, Any]) -> None:
    """Print it, the fold beside matching."""
    print(f"bench_market_data · Python {platform.python_version()} · {result['messages']:,} commands, {RESTING:,} orders resting in a book, median of {result['repeats']}")
    print(f"{'ns an event, CPU time':<32}{'matching':>10}{'market data':>14}{'us a fold':>12}")
    smaller = [(f"one book, batches of {int(batch):,}", cost) for batch, cost in result["batches"].items()]
    for name, cost in ((f"one book, batches of {BATCH:,}", result["one_book"]), (f"100 books, batches of {BATCH:,}", result["hundred_books"]), *smaller):
        print(f"{name:<32}{cost['matching_ns']:>10,.1f}{cost['fold_ns']:>14,.1f}{cost['fold_us']:>12,.1f}")
    print("\nus a question")
    for name, spent in result["questions_us"].items():
        print(f"{name:<32}{spent:>10,.1f}")


if __name__ == "__main__":
    show(main())
