"""Warming: every kernel the desk and the built-in market need is compiled now and kept on disk, not on the way of the first order.

A small made-up market is driven through a whole desk, and the built-in market lives a while, so what is compiled is exactly
what they call, for exactly the arguments they call it with. A second time everything comes from the cache.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from polaris.domain.kernel import JIT, cache_dir, drop_stale_caches
from polaris.domain.market import ASK, BAR, CLEAR, CONTROL, DEPTH, LAST, LIVE, QUOTE, SNAPSHOT, STATUS, TIMER, TRADE, RowBuffer, Rows
from polaris.domain.orders import BUY, MARKET

Progress = Callable[[int, int], None]
DONE = "warm"  # a file in the cache folder, whose name is the digest of the sources
START = 1_700_000_000_000_000_000


def warm_kernels(progress: Progress = lambda done, of: None) -> dict[str, Any]:
    """Compile what is not compiled yet; `progress` hears (kernels ready, kernels known) ten times a second.

    returns  {"compiled": how many were not in the cache, "seconds", "cache": its folder}
    """
    begun = time.perf_counter()
    if is_warm():
        return {"compiled": 0, "seconds": 0.0, "cache": str(cache_dir())}
    before = _cached()
    done = threading.Event()
    watcher = threading.Thread(target=_report, args=(progress, done), daemon=True)
    watcher.start()
    try:
        _drive()
        asyncio.run(_live())
    finally:
        done.set()
        watcher.join()
    drop_stale_caches()
    if JIT:
        (cache_dir() / DONE).touch()
    return {"compiled": _cached() - before, "seconds": round(time.perf_counter() - begun, 3), "cache": str(cache_dir())}


def is_warm() -> bool:
    """Whether exactly these kernels were warmed before (or the compiler is switched off)."""
    return not JIT or (cache_dir() / DONE).exists()


def _drive() -> None:
    """A desk's whole vocabulary, once: every kind of row, an order of a person, a cancel, strategies of both kinds, a book beside it."""
    from polaris.desk.alpha.crossover import crossover
    from polaris.desk.bank import default_bank
    from polaris.desk.columns import Bank
    from polaris.desk.pipeline import Desk
    from polaris.desk.sample import sample_instruments
    from polaris.desk.settings import DeskSettings, ExecutionSettings, SizingSettings
    from polaris.desk.strategy import Strategy, Trader
    from polaris.domain.book import Book
    from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
    from polaris.venues import registry

    instruments = sample_instruments(2)
    for fill_model in ("queue", "touch"):
        desk = Desk(DeskSettings(execution=ExecutionSettings(fill_model=fill_model)), instruments, default_bank(instruments))
        rows = _rows()
        desk.advance(rows)
        order, _ = desk.submit(0, BUY, 100_000, MARKET)
        desk.cancel(order)
        desk.state_digest()
    direct = DeskSettings(sizing=SizingSettings(mode="direct"))
    Desk(direct, instruments, Bank([crossover()], instruments)).advance(rows)
    trader = Trader(Desk(direct, instruments, Bank([], instruments)), Strategy())
    trader.run(rows)
    trader.cancel(trader.buy(0, 100_000))
    book = Book()
    book.apply(rows, 0)
    book.set(False, 1, 1)
    for name in ("binance", "coinbase"):  # of the built-in market; any other is compiled as its feed is made, before it connects
        item = Instrument(id=InstrumentId(0), key=Key(name, Product.SPOT, "BTC", "USD"), wire="BTC-USD", price_decimals=2, quantity_decimals=8)
        registry.venue(name).feed(Instruments([item]), RowBuffer())  # loads what reads its frames
    _trade()


def _trade() -> None:
    """An exchange's vocabulary: a simulated market lived for a while, looked at, kept and gone on with."""
    import dataclasses

    from polaris.app.exchange.crowd import rules
    from polaris.exchange.gateway.machine import Machine
    from polaris.exchange.gateway.note import blank
    from polaris.exchange.simulation import endowment
    from polaris.exchange.simulation.hearing import look
    from polaris.exchange.simulation.population import Population
    from polaris.exchange.simulation.settings import Place, Settings
    from polaris.exchange.words import CLOCK, COMMAND

    settings = Settings(places=(Place("binance", "USDT"),), sample_ns=0)
    settings = dataclasses.replace(settings, symbols=settings.symbols[:1])
    listed = rules(settings, 0, capacity=1 << 12)
    machine, population = Machine(listed, settings.accounts), Population(settings, 1, START, keep=False)
    asked = [endowment.deposits(settings, listed)]
    tops = np.zeros((1, 4), np.int64)
    seq = order_id = 0
    for beat in range(1, 200):
        if population.due(START + beat * 50_000_000):
            asked.append(population.commands(0, order_id + 1))
        for commands in asked:
            whole = np.zeros(1 + len(commands), COMMAND)
            whole["operation"][0], whole["price"][0], whole[1:] = CLOCK, population.now, commands
            whole["seq"] = np.arange(seq + 1, seq + 1 + len(whole))
            seq, order_id = seq + len(whole), max(order_id, int(commands["order_id"].max()))
            events = machine.core.run(whole)
            machine.register.fold(whole, blank(len(whole)), events)
            machine.market.fold(events)
            look(machine.core.arena, tops)
            population.hear(0, events, tops)
        machine.market.due(population.now)
        asked = []
    now = population.now
    machine.market.depth(0, 5)
    machine.market.klines(0, "1m", now)
    machine.market.ticker(0, now)
    machine.market.orders(0)
    machine.market.trades(0)
    machine.market.aggregates(0)
    machine.market.average(0, now)
    Machine(listed, settings.accounts, machine.parts()).digest()
    population.digest()


async def _live() -> None:
    """An exchange with its simulated traders, opened and closed again."""
    from polaris.app.exchange.builtin import Wanted, builtin_market

    async with builtin_market(Wanted(bases=("BTC",))):
        pass


def _rows() -> Rows:
    from polaris.log.sequencer import number

    rows = RowBuffer()
    for step in range(40):
        ts = START + step * 50_000_000
        for instrument in (0, 1):
            if step == 0:
                rows.append(ts, ts, instrument, STATUS, 0, LIVE, 0)
                rows.append(ts, ts, instrument, DEPTH, SNAPSHOT | CLEAR, 4_999_990, 10**8)
                rows.append(ts, ts, instrument, DEPTH, SNAPSHOT | ASK | LAST, 5_000_010, 10**8)
            rows.append(ts, ts, instrument, DEPTH, 0, 4_999_990 - step, 10**8 + step)
            rows.append(ts, ts, instrument, DEPTH, ASK | LAST, 5_000_010 + step, 10**8 + step)
            rows.append(ts, ts, instrument, TRADE, LAST | (ASK if step % 2 else 0), 5_000_000, 10**6, step)
    ts += 1
    rows.append(ts, ts, 0, QUOTE, LAST, 4_999_990, 10**8, 5_000_010, 10**8)
    rows.append(ts, ts, 0, BAR, LAST, 5_000_000, 10**8, 5_000_000, 0)
    rows.append(ts, ts, -1, TIMER, 0, 0, 0)
    rows.append(ts, ts, -1, CONTROL, 0, 0, 0)
    taken = rows.take()
    number(taken.view(np.int64), 1, 0)
    return taken


def _kernels() -> Iterator[Any]:
    """Every compiled function of ours that has been imported, once."""
    import sys

    if not JIT:
        return
    from numba.core.registry import CPUDispatcher

    seen: set[int] = set()
    for name, module in list(sys.modules.items()):
        if name.startswith("polaris"):
            for value in list(vars(module).values()):
                if isinstance(value, CPUDispatcher) and id(value) not in seen:
                    seen.add(id(value))
                    yield value


def _report(progress: Progress, done: threading.Event) -> None:
    while not done.wait(0.1):
        states = [bool(kernel.signatures) for kernel in _kernels()]
        progress(sum(states), len(states))


def _cached() -> int:
    """Compiled functions on disk."""
    return len(list(cache_dir().rglob("*.nbc")))
