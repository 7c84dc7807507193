"""bench_matching: what a command costs the matching engine, in CPU time: batches and single calls, shallow books and deep ones.

The stream: 45 % limit orders near the touch, 40 % cancels of orders that live, 10 % marketable orders (market, IOC, FOK, crossing
limits), 5 % amends, half of them smaller at the same price. It is made beforehand against an engine of its own, so that cancels and
amends hit; the measured engine is given the same commands in batches of 4,096 and hands out every event as an array. The same stream
is run with accounts: 1,000 of them, each order checked against every limit and its balance, every fill paid with fees. Peers on such a
stream and one core: liquibook (C++) 8.4 M/s on one book, 3.8 M/s on 100.
"""

import platform
import time
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from polaris.domain.kernel import kernel
from polaris.exchange import COMMAND, MatchingEngine
from polaris.exchange.accounts import Money
from polaris.exchange.admission import refusal
from polaris.exchange.arena import AT_ORDERS, LOW, OWNER, SHOWN, find
from polaris.exchange.bits import U
from polaris.exchange.matching import step
from polaris.exchange.telling import endmost
from polaris.exchange.words import (
    AMEND,
    CANCEL,
    DEPOSIT,
    EVENT_WORDS,
    FOK,
    GTC,
    IOC,
    LIMIT,
    LIMIT_DAY,
    LIMIT_SECOND,
    MARKET,
    MIN_LOTS,
    MIN_NOTIONAL,
    POST_ONLY,
    REJECTED,
    SET_FEE,
    SET_LIMIT,
    SET_RULE,
    SUBMIT,
    TICKS,
)

BATCH = 4096
LOWEST = 1_000_000  # ticks
MIDDLE = TICKS // 2
RESTING = 1_000  # orders a book holds about
ACCOUNTS = 1_000  # that order
DEPTHS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
QUICK = {"messages": 20_000, "repeats": 1, "deepest": 1_000}


@kernel
def roll(dice, sides):  # type: ignore[no-untyped-def]
    """0 .. sides - 1, from xorshift64 (Marsaglia 2003) in dice[0]."""
    x = dice[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    dice[0] = x
    return np.int64(x >> np.uint64(1)) % sides


@kernel
def write(dice, arena, rows, start, end, books, resting, spread, only_rest, ids, alive, middle, next_id, events, mix):  # type: ignore[no-untyped-def]
    """Make commands [start, end) and do them; returns the next order id.

    ids, alive  int64[books, n], int64[books]  what may live in each book, to choose from
    middle      int64[books]  where its price is
    mix         int64[4]  how many of each kind were made
    """
    for i in range(start, end):
        at = 8 * i
        book = roll(dice, books)
        if roll(dice, 16) == 0 and not only_rest:
            middle[book] += roll(dice, 3) - 1
        percent = roll(dice, 100)
        kind = 0 if percent < 45 else 1 if percent < 85 else 2 if percent < 95 else 3
        if only_rest or (alive[book] < resting // 2 and kind == 1):
            kind = 0
        elif alive[book] > 2 * resting and kind == 0:
            kind = 1
        chosen = -1
        while kind & 1 and alive[book] > 0 and chosen < 0:
            chosen = roll(dice, alive[book])
            if find(arena, ids[book, chosen]) == 0:
                alive[book] -= 1
                ids[book, chosen] = ids[book, alive[book]]
                chosen = -1
        if kind & 1 and chosen < 0:
            kind = 0
        sell = roll(dice, 2)
        side = (0xFF << 24) if sell else (1 << 24)
        account = 1 + roll(dice, ACCOUNTS)
        price, quantity, order_id, word = 0, 0, next_id, SUBMIT
        if kind == 0:
            away = min(roll(dice, spread), roll(dice, spread))
            if roll(dice, 20) == 0:
                away += roll(dice, 200)
            price = LOWEST + middle[book] + (1 + away if sell else -1 - away)
            quantity = 1 + roll(dice, 100)
            time_in_force = POST_ONLY if roll(dice, 5) == 0 and not only_rest else GTC
            word = SUBMIT | (LIMIT << 8) | (time_in_force << 16) | side
        elif kind == 1:
            order_id = ids[book, chosen]
            word = CANCEL
        elif kind == 2:
            way = roll(dice, 10)
            quantity = 1 + roll(dice, 60)
            price = LOWEST + middle[book] + (-8 if sell else 8)
            word = SUBMIT | (LIMIT << 8) | (GTC << 16) | side
            if way < 4:
                price = 0
                word = SUBMIT | (MARKET << 8) | (IOC << 16) | side
            elif way < 7:
                word = SUBMIT | (LIMIT << 8) | (IOC << 16) | side
            elif way < 8:
                word = SUBMIT | (LIMIT << 8) | (FOK << 16) | side
        else:
            order_id = ids[book, chosen]
            order = arena[U(AT_ORDERS)] + 8 * find(arena, order_id)
            price = LOWEST + (arena[U(order + OWNER)] & LOW)
            if roll(dice, 2) == 0:
                quantity = max(1, arena[U(order + SHOWN)] // 2)
            else:
                price += roll(dice, 5) - 2
                quantity = 1 + roll(dice, 100)
            word = AMEND
        rows[at] = word | (book << 32)
        rows[at + 1], rows[at + 2], rows[at + 3], rows[at + 7] = order_id, price, quantity, i + 1
        rows[at + 6] = account if kind != 1 and kind != 3 else 0
        mix[kind] += 1
        step(arena, rows, at, events, 0)
        if order_id == next_id:
            next_id += 1
            if find(arena, order_id) != 0 and alive[book] < ids.shape[1]:
                ids[book, alive[book]] = order_id
                alive[book] += 1
        elif kind == 1:
            alive[book] -= 1
            ids[book, chosen] = ids[book, alive[book]]
    return next_id


def stream(n: int, books: int, resting: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """(orders that fill the books, the n commands to measure, shares of the four kinds), both COMMAND."""
    engine = MatchingEngine([LOWEST] * books, capacity(books, resting))
    filling = books * resting
    rows = np.zeros(filling + n, COMMAND)
    dice = np.array([seed], np.uint64)
    for _ in range(20):
        roll(dice, 2)
    ids, alive, middle = np.zeros((books, 4 * resting + 64), np.int64), np.zeros(books, np.int64), np.full(books, MIDDLE)
    spread = max(64, resting // 20)  # a deep book is a wide one
    mix, events, words = np.zeros(4, np.int64), np.zeros(EVENT_WORDS * 1_000_000, np.int64), rows.view(np.int64)
    next_id = write(dice, engine._arena, words, 0, filling, books, resting, spread, True, ids, alive, middle, 1, events, mix)
    mix[:] = 0
    write(dice, engine._arena, words, filling, filling + n, books, resting, spread, False, ids, alive, middle, next_id, events, mix)
    return rows[:filling], rows[filling:], (mix / n).round(4).tolist()


def capacity(books: int, resting: int) -> int:
    """Room for three times the orders a stream holds, as far as there may be."""
    return min(3 * books * resting + 1024, 2**21 - 1)


def with_accounts(books: int, resting: int) -> MatchingEngine:
    """An engine whose accounts are rich, and have a limit of every kind."""
    money = Money(ACCOUNTS + 1, books + 1, [(book + 1, 0, 1_000, 10) for book in range(books)])
    engine = MatchingEngine([LOWEST] * books, capacity(books, resting), money)
    deposits = np.zeros(ACCOUNTS * (books + 1), COMMAND)
    deposits["operation"], deposits["quantity"] = DEPOSIT, 10**15
    deposits["account"], deposits["book"] = np.repeat(np.arange(ACCOUNTS) + 1, books + 1), np.tile(np.arange(books + 1), ACCOUNTS)
    limits = np.zeros(LIMIT_DAY, COMMAND)
    limits["operation"], limits["book"], limits["price"] = SET_LIMIT, -1, 10**14
    limits["trigger"] = np.arange(LIMIT_DAY) + 1
    limits["price"][LIMIT_SECOND - 1] = 10**9
    settings = np.zeros(3, COMMAND)
    settings["operation"], settings["book"] = (SET_FEE, SET_RULE, SET_RULE), -1
    settings["trigger"], settings["price"], settings["quantity"] = (0, MIN_LOTS, MIN_NOTIONAL), (900, 1, 1), 1_000
    if (engine.run(np.concatenate([deposits, limits, settings]))["kind"] == REJECTED).any():
        raise RuntimeError("the engine of the measurement refused its own settings")
    return engine


def rate(n: int, books: int, resting: int, repeats: int, accounts: bool = False) -> tuple[float, float, list[float]]:
    """(commands a CPU-second: the median of the repeats, events a command, shares of the four kinds)."""
    filling, commands, mix = stream(n, books, resting)
    rates, told = [], 0
    for _ in range(repeats):
        engine = with_accounts(books, resting) if accounts else MatchingEngine([LOWEST] * books, capacity(books, resting))
        engine.run(filling)
        told = 0
        start = time.process_time_ns()
        for at in range(0, n, BATCH):
            told += len(engine.run(commands[at : at + BATCH]))
        rates.append(n * 1e9 / (time.process_time_ns() - start))
    return float(np.median(rates)), told / n, mix


def _cycles(typing: Any, _: Any) -> Any:
    """The processor's own count of time."""

    def count(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.readcyclecounter", fnty=ir.FunctionType(ir.IntType(64), []))
        return builder.call(function, [])

    return types.int64(types.int64), count


cycles: Any = intrinsic(_cycles)


@kernel
def timed(arena, commands, n, events, spent, check):  # type: ignore[no-untyped-def]
    """Do commands one by one, nothing fetched ahead.

    spent  int64[n]  cycles of each; check: of the check of an order alone, done before the order itself, 0 for other commands
    """
    for i in range(n):
        at = 8 * i
        word = commands[at]
        if check and word & 0xFF == SUBMIT:
            book, sell = word >> 32, (word >> 31) & 1
            traits = (word >> 8 & 0xFFFF) << 32
            limit = endmost(sell) if commands[at + 2] == 0 else commands[at + 2] - LOWEST
            start = cycles(i)
            refusal(arena, book, sell, traits, limit, 0, commands[at + 3], commands[at + 6] & LOW, 0, 0)
            spent[i] = cycles(i) - start
        start = cycles(i)
        step(arena, commands, at, events, 0)
        took = cycles(i) - start
        if not check:
            spent[i] = took


def costs(n: int, books: int) -> dict[str, dict[str, float]]:
    """Nanoseconds of a command in the kernel, without accounts and with them, and of the check alone: p50 and p99."""
    filling, commands, _ = stream(n, books, RESTING)
    events = np.zeros(EVENT_WORDS * 1_000_000, np.int64)
    words = commands.view(np.int64)
    found = {}
    for name in ("without", "with", "check"):
        engine = MatchingEngine([LOWEST] * books, capacity(books, RESTING)) if name == "without" else with_accounts(books, RESTING)
        engine.run(filling)
        spent = np.zeros(n, np.int64)
        began, start = time.perf_counter_ns(), now(0)
        timed(engine.arena, words, n, events, spent, name == "check")
        cycle = (time.perf_counter_ns() - began) / (now(0) - start)
        found[name] = quantiles(spent[spent > 0][1_000:] * cycle)
    return found


@kernel
def now(zero):  # type: ignore[no-untyped-def]
    """The processor's own count of time now."""
    return cycles(zero)


def quantiles(spent: Any) -> dict[str, float]:
    """{p50, p99, p99.9} of times, in their unit."""
    return {f"p{name}": round(float(np.percentile(spent, float(name))), 1) for name in ("50", "99", "99.9")}


def single(n: int) -> dict[str, float]:
    """Nanoseconds of one call from Python, events in hand: quantiles over the same stream, command by command."""
    filling, commands, _ = stream(n, 1, RESTING)
    engine = MatchingEngine([LOWEST], capacity(1, RESTING))
    engine.run(filling)
    rows = [tuple(int(row[name]) for name in ("operation", "order_id", "side", "price", "quantity", "order_type", "time_in_force")) for row in commands]
    submit, cancel, amend, clock = engine.submit, engine.cancel, engine.amend, time.perf_counter_ns
    spent = np.zeros(n, np.int64)
    for i, (operation, order_id, side, price, quantity, order_type, time_in_force) in enumerate(rows):
        if operation == SUBMIT:
            start = clock()
            submit(order_id, side, price, quantity, 0, order_type, time_in_force)
            end = clock()
        elif operation == CANCEL:
            start = clock()
            cancel(order_id)
            end = clock()
        else:
            start = clock()
            amend(order_id, quantity, price)
            end = clock()
        spent[i] = end - start
    spent = spent[n // 10 :]
    return {f"p{name}": float(np.percentile(spent, float(name))) for name in ("50", "99", "99.9")}


def warm() -> None:
    """Compile what is measured, and what makes and times the stream."""
    rate(10_000, 1, 100, 1)
    rate(10_000, 1, 100, 1, accounts=True)
    single(1_000)
    costs(3_000, 1)


def main(messages: int = 4_000_000, repeats: int = 3, deepest: int = DEPTHS[-1]) -> dict[str, Any]:
    """Messages a CPU-second on one book and on 100, ns of a single call, and ns a message by depth.

    deepest  the curve goes so far, in resting orders
    """
    warm()
    one, events, mix = rate(messages, 1, RESTING, repeats)
    hundred, _, _ = rate(messages, 100, RESTING, repeats)
    calls = single(min(messages, 300_000))
    curve = {depth: 1e9 / rate(messages // 4, 1, depth, repeats)[0] for depth in DEPTHS if depth <= deepest}
    paid, paid_hundred = rate(messages, 1, RESTING, repeats, True)[0], rate(messages, 100, RESTING, repeats, True)[0]
    command = {books: costs(min(messages, 1_000_000), books) for books in (1, 100)}
    result: dict[str, Any] = {
        "one_book": round(one),
        "hundred_books": round(hundred),
        "single_call_ns": calls["p50"],
        "single_call": calls,
        "depth_curve": {str(depth): round(cost, 1) for depth, cost in curve.items()},
        "mix": dict(zip(("limit", "cancel", "marketable", "amend"), mix, strict=True)),
        "events_a_message": round(events, 3),
        "messages": messages,
        "repeats": repeats,
        "accounts": {
            "one_book": round(paid),
            "hundred_books": round(paid_hundred),
            "command_ns": {str(books): {name: found[name] for name in ("without", "with")} for books, found in command.items()},
            "check_ns": {str(books): found["check"] for books, found in command.items()},
        },
    }
    return result


def show(result: dict[str, Any]) -> None:
    """Print it beside the targets and the peer."""
    accounts = result["accounts"]
    print(f"bench_matching · Python {platform.python_version()} · {result['messages']:,} messages, {RESTING:,} orders resting in a book, CPU time, median of {result['repeats']}")
    print("stream   " + ", ".join(f"{share:.0%} {name}" for name, share in result["mix"].items()) + f"; {result['events_a_message']:.2f} events a message")
    print(f"\n{'M messages a CPU-second':<40}{'measured':>10}{'target':>10}   peer, measured elsewhere")
    for name, rate, target, peer in (
        ("one book", result["one_book"], "12", "liquibook (C++) 8.4"),
        ("100 books", result["hundred_books"], "8", "liquibook (C++) 3.8"),
        (f"one book, {ACCOUNTS:,} accounts", accounts["one_book"], "", ""),
        (f"100 books, {ACCOUNTS:,} accounts", accounts["hundred_books"], "", ""),
    ):
        print(f"{name:<40}{rate / 1e6:>10.2f}{target:>10}   {peer}".rstrip())
    print(f"\n{'ns':<40}{'p50':>10}{'p99':>10}{'p99.9':>10}   target")
    _quantiles("a single call from Python", result["single_call"], "p50 600")
    for books, found in accounts["command_ns"].items():
        _quantiles(f"a command in the kernel, {books} book{'s' * (books != '1')}", found["without"])
        _quantiles("  with accounts", found["with"])
        _quantiles("  the check of an order alone", accounts["check_ns"][books], "p99 1,000")
    print(f"\n{'orders resting in one book':<40}" + "".join(f"{int(depth):>11,}" for depth in result["depth_curve"]))
    print(f"{'ns a message':<40}" + "".join(f"{cost:>11.1f}" for cost in result["depth_curve"].values()) + "   target: flat")


def _quantiles(name: str, spent: dict[str, float], target: str = "") -> None:
    print(f"{name:<40}" + "".join(f"{spent[each]:>10,.0f}" for each in ("p50", "p99", "p99.9")) + f"   {target}".rstrip())


if __name__ == "__main__":
    show(main())
