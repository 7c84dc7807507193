"""User streams that are cut, muted and damaged while a desk trades on the built-in market: no fill is lost and none is doubled."""

import asyncio
import contextlib
import os
import signal
from dataclasses import replace

import numpy as np

from polaris.app import desk_orders, run
from polaris.app.compose import Replay, backtested, settings_of
from polaris.app.run import Running, log_directory
from polaris.app.settings import load
from polaris.domain.control import Balances
from polaris.domain.market import REPORT
from polaris.domain.orders import BUY, MARKET
from polaris.log.read import EventBlock, blocks, rows_of
from polaris.venues.orders import NewOrder, Report
from polaris.venues.private_session import PrivateSession
from tests.e2e.damaged_stream import DAMAGED, MUTE, WELL, DamagedStream
from tests.e2e.test_desk_on_builtin import EAGER, until

QUICK = """
[market]
speed = 10.0
[accounts]
check_ns = "500 ms"
balances_ns = "1 s"
"""


def settings_in(folder, order_type: str = "post-only"):
    path = folder / "polaris.toml"
    eager = EAGER.format(repeg="500 ms").replace("[execution]", f'[execution]\norder_type = "{order_type}"')
    path.write_text(f'{eager}{QUICK}[data]\ndir = "{folder / "data"}"\n')
    return load(path, environ={}).settings


def told(directory) -> list[Balances]:
    """What the log says of accounts."""
    return [block.event for block in blocks(directory) if isinstance(block, EventBlock) and isinstance(block.event, Balances)]


async def test_a_desk_on_damaged_streams_knows_every_fill(tmp_path, monkeypatch):
    settings = settings_in(tmp_path)
    desks: list[Running] = []
    async with contextlib.AsyncExitStack() as stack:
        relays: dict[str, DamagedStream] = {}

        def keep(*about) -> Running:
            desks.append(Running(*about))
            return desks[0]

        def through(private, where, *rest, **named) -> PrivateSession:
            return PrivateSession(private, replace(where, ws_url=relays[where.name].url), *rest, **named)

        real = run.market

        @contextlib.asynccontextmanager
        async def market(settings):
            async with real(settings) as source:
                for name, where in source.endpoints.items():
                    relays[name] = await stack.enter_async_context(DamagedStream(where.ws_url))
                yield source

        monkeypatch.setattr(run, "Running", keep)
        monkeypatch.setattr(run, "market", market)
        monkeypatch.setattr(desk_orders, "PrivateSession", through)
        trading = asyncio.create_task(run.run_desk(settings))
        await until(lambda: trading.done() or (desks and len(desks[0].orders.courier.listening) == 2))
        desk = desks[0]
        courier, accounts = desk.orders.courier, desk.orders.accounts.accounts

        def fills() -> int:
            return int(desk.desk.desk.account["fills"])

        async def trades(more: int) -> None:
            enough = fills() + more
            await until(lambda: trading.done() or fills() >= enough)

        async def agree() -> None:
            """Each account is compared once more, with everything that was told by now, and fits."""
            now = desk.clock()
            await until(lambda: trading.done() or all(account.compared_ns > now and account.agrees and not account.misfits for account in accounts.values()))

        await trades(3)
        for relay in relays.values():
            relay.how = DAMAGED
        await trades(12)
        for _ in range(3):
            for relay in relays.values():
                relay.cut()
            await trades(2)
        await agree()
        mutes = courier.mutes
        for relay in relays.values():
            relay.how = MUTE
        await until(lambda: trading.done() or (courier.mutes > mutes and all(relay.muted for relay in relays.values())))
        for relay in relays.values():
            relay.how = WELL
        await until(lambda: trading.done() or len(courier.listening) == 2)
        await trades(3)
        await agree()
        assert not trading.done(), trading
        assert all(relay.cuts and relay.muted and relay.lost + relay.repeated + relay.mixed for relay in relays.values())
        assert all(stream.session.connects >= 2 for stream in desk.orders.streams.values())
        os.kill(os.getpid(), signal.SIGTERM)
        last = await trading
        assert all(venue.agrees and not venue.held for venue in last.orders_at)
    directory = log_directory(settings)
    assert {event.venue for event in told(directory)} == {"binance", "coinbase"} and all(event.agrees for event in told(directory))
    replay = Replay(directory)
    assert not int(replay.run().account["faults"]) and replay.verified and replay.logged == replay.derived
    rows = rows_of(directory)  # what the streams told is in them: a third way decides the same
    backtest, _ = backtested(settings_of(replay.started), replay.instruments, rows)
    assert (backtest.decisions_digest(), backtest.state_digest()) == (replay.desk.decisions_digest(), replay.desk.state_digest())
    rows["price"][np.flatnonzero((rows["kind"] == REPORT) & (rows["quantity"] > 0))[0]] += 1
    altered, _ = backtested(settings_of(replay.started), replay.instruments, rows)
    assert altered.decisions_digest() != replay.desk.decisions_digest()


async def test_a_desk_whose_account_somebody_else_trades_on_stops_opening_there(tmp_path, monkeypatch):
    settings = settings_in(tmp_path, "ioc")  # it takes, and pays for its buys in what it buys
    desks: list[Running] = []
    monkeypatch.setattr(run, "Running", lambda *about: desks.append(Running(*about)) or desks[0])
    trading = asyncio.create_task(run.run_desk(settings))
    await until(lambda: trading.done() or (desks and int(desks[0].desk.desk.account["fees"]) > 0))
    orders = desks[0].orders
    await until(lambda: trading.done() or any(account.received for account in orders.accounts.accounts.values()))
    await until(lambda: trading.done() or (not orders.courier.held and all(account.agrees for account in orders.accounts.accounts.values())))
    item = next(item for item in orders.desk.desk.instruments if item.key.venue == "coinbase" and item.key.base == "BTC")
    said = await orders.entries["coinbase"].place(NewOrder(item, BUY, MARKET, 0, item.lots("0.01"), orders.entries["coinbase"].orders.name("stranger", 1)))
    assert isinstance(said, Report)
    await until(lambda: trading.done() or orders.accounts.accounts["coinbase"].agrees is False)
    assert orders.courier.held["coinbase"].startswith("its balances differ from the desk's books by ") and orders.accounts.accounts["binance"].agrees
    os.kill(os.getpid(), signal.SIGTERM)
    last = await trading
    (wrong,) = [venue for venue in last.orders_at if not venue.agrees]
    assert wrong.name == "coinbase" and 0.0099 < float(wrong.differences["BTC"]) <= 0.01, "what the stranger bought, less fees taken in it"
    assert [event.venue for event in told(log_directory(settings)) if not event.agrees] == ["coinbase"]
    assert not int(Replay(log_directory(settings)).run().account["faults"])
