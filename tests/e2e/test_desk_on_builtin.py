"""The desk on the built-in market: its orders leave the house, its fills come back, and both sides' books agree to the last unit."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from polaris.app.compose import Replay
from polaris.app.exchange.builtin import BuiltinMarket, Wanted, builtin_market
from polaris.app.run import log_directory, run_desk
from polaris.app.settings import Settings, load
from polaris.domain.control import Balances
from polaris.domain.errors import BadConfig
from polaris.domain.market import REPORT, ROW, Rows
from polaris.domain.numbers import MONEY_DECIMALS
from polaris.domain.orders import EXPIRED, FILLED, NONE
from polaris.log.read import EventBlock, blocks, rows_of
from polaris.venues.secrets import Secret
from tests.e2e.test_cli_desk import answered, data, eventually, polaris, process  # noqa: F401 - data is a fixture

WANTED = Wanted(speed=5, worth=1_000_000)
VENUES = ("binance", "coinbase")
EAGER = """
[server]
port = 0
[execution]
fill_model = "venue"
repeg_ns = "{repeg}"
[sizing]
mode = "fixed"
cost_multiple = 0.0
prior_strength = 0.0
rebalance_fraction = 0.0
[risk]
max_orders_per_second = 10000
order_burst = 10000
duplicate_window_ns = 0
refusal_pause_ns = 0
[ensemble]
horizon_ns = 500000000
warmup = 1.0
enough = 5.0
"""

# a desk in a process of its own, on a market that outlives it: addresses and keys come through its standard input
DESK = """
import asyncio, contextlib, sys
import msgspec
from pathlib import Path
import polaris.app.run as run
from polaris.app.exchange.builtin import Door
from polaris.app.market import Market
from polaris.app.settings import load
from polaris.venues.orders import Key

settings = load(Path("polaris.toml"), environ={}).settings
doors = msgspec.json.decode(sys.stdin.readline(), type=dict[str, Door], dec_hook=lambda kind, text: kind(text))

@contextlib.asynccontextmanager
async def market(settings):
    wishes = {name: venue.symbols for name, venue in settings.venues.enabled().items()}
    yield Market({name: door.endpoint(name) for name, door in doors.items()}, wishes, keys={name: Key(door.api_key, door.secret) for name, door in doors.items()})

run.market = market
asyncio.run(run.run_desk(settings, lambda port: print(port, flush=True)))
"""


def settings_in(folder: Path, repeg: str = "50 ms") -> Settings:
    """A desk that trades on everything it sees, in a folder."""
    path = folder / "polaris.toml"
    path.write_text(f'{EAGER.format(repeg=repeg)}[data]\ndir = "{folder / "data"}"\n')
    return load(path, environ={}).settings


class Books:
    """What the desk and the exchange each say was traded; equal when nothing is on its way."""

    def __init__(self, market: BuiltinMarket) -> None:
        self.market = market
        self.start = self._balances()

    def exchange(self) -> dict[str, int]:
        """How each asset of the account changed, venue by venue, smallest units; the quote currencies together as money."""
        changed = {name: now - self.start[name] for name, now in self._balances().items()}
        money = sum(changed.pop(name) for name in ("binance USDT", "coinbase USD"))
        return {**changed, "money": money}

    def desk(self, directory: Path) -> dict[str, int]:
        """The same as the log of a desk tells it."""
        desk = Replay(directory).run()
        told = {f"{item.key.venue} {item.key.base}": int(desk.positions[item.id]["lots"]) * 10 ** (8 - item.quantity_decimals) for item in desk.instruments}
        return {**told, "money": int(desk.account["cash"]) - 100_000 * 10**MONEY_DECIMALS}

    def _balances(self) -> dict[str, int]:
        held = {"binance": ("BTC", "ETH", "USDT"), "coinbase": ("BTC", "ETH", "USD")}
        return {f"{venue} {asset}": self.market.balance(venue, asset) for venue, assets in held.items() for asset in assets}


async def until(true: Callable[[], object], seconds: float = 120.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def alive(market: BuiltinMarket) -> int:
    """Orders of the desk that stand at the exchange."""
    return sum(int((house.machine.core.orders()["account"] == market.account).sum()) for house in market.houses.values())


def working(directory: Path) -> list[int]:
    """Orders that the log's desk takes for alive."""
    return [int(order["id"]) for order in Replay(directory).run().orders if NONE < order["state"] < FILLED]


@contextlib.asynccontextmanager
async def a_desk(market: BuiltinMarket, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A desk's process that has opened its log."""
    desk = await asyncio.create_subprocess_exec(sys.executable, "-c", DESK, cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    assert desk.stdin is not None and desk.stdout is not None
    try:
        desk.stdin.write(msgspec.json.encode(market.doors, enc_hook=Secret.reveal) + b"\n")
        assert await asyncio.wait_for(desk.stdout.readline(), 120)
        yield desk
    finally:
        with contextlib.suppress(ProcessLookupError):
            desk.kill()
        await desk.wait()


async def test_what_the_desk_says_it_holds_is_what_its_accounts_hold(tmp_path):
    settings = settings_in(tmp_path)
    directory = log_directory(settings)
    async with builtin_market(WANTED) as market:
        books = Books(market)
        async with a_desk(market, tmp_path) as desk:
            await until(lambda: sum(change != 0 for change in books.exchange().values()) >= 4)  # money, and three things bought or sold
            await until(lambda: int((rows_so_far(directory)["kind"] == REPORT).sum()) > 10 and comparisons(directory) >= 1)
            await until(lambda: any(change for name, change in books.exchange().items() if name != "money"))
            market.task.cancel()  # nobody else trades from here on, so nothing is under way when the desk has heard all
            await until(lambda: settled(books, directory))
            desk.send_signal(signal.SIGTERM)
            assert await desk.wait() == 0
        assert books.desk(directory) == books.exchange()
    rows = rows_of(directory)
    assert int((rows["kind"] == REPORT).sum()) > 10
    replay = Replay(directory)
    desk = replay.run()  # raises where a record or a digest is another
    assert replay.logged and replay.verified and not int(desk.account["faults"])
    assert int(desk.account["fills"]) >= 3 and (desk.positions["lots"] != 0).any()
    assert {event.venue for event in compared(directory)} == set(VENUES) and all(event.agrees for event in compared(directory))


def rows_so_far(directory: Path) -> Rows:
    """What the log holds of rows while it is written to."""
    with contextlib.suppress(Exception):  # it may end in the middle of something
        return rows_of(directory)
    return np.zeros(0, ROW)


def settled(books: Books, directory: Path) -> bool:
    with contextlib.suppress(Exception):  # a log that is written to may end in the middle of something
        return books.desk(directory) == books.exchange()
    return False


def compared(directory: Path) -> list[Balances]:
    """What the log says of the accounts at the venues."""
    return [block.event for block in blocks(directory) if isinstance(block, EventBlock) and isinstance(block.event, Balances)]


def comparisons(directory: Path, before: int = 0) -> int:
    """How often the account was compared at the venue where it was compared least, not counting the first so many."""
    with contextlib.suppress(Exception):  # a log that is written to may end in the middle of something
        said = [event.venue for event in compared(directory)[before:]]
        return min(said.count(venue) for venue in VENUES)
    return 0


async def test_a_killed_desk_finds_out_what_became_of_its_orders(tmp_path):
    settings = settings_in(tmp_path, repeg="1 h")  # its orders stay where they are
    directory = log_directory(settings)
    async with builtin_market(WANTED) as market:
        books = Books(market)
        async with a_desk(market, tmp_path) as desk:
            await until(lambda: comparisons(directory) >= 1 and books.exchange()["money"] != 0 and alive(market) >= 2)
            desk.send_signal(signal.SIGKILL)
            before = books.exchange()  # the market had no turn since two of the desk's orders stood there
            await desk.wait()
        left = working(directory)
        assert len(left) >= 2
        await until(lambda: books.exchange() != before)  # the market trades with what the dead desk left there
        async with a_desk(market, tmp_path) as desk:
            await until(lambda: settled(books, directory) and alive(market) == len(working(directory)))
            market.task.cancel()
            await until(lambda: settled(books, directory) and comparisons(directory) >= 2)
            desk.send_signal(signal.SIGTERM)
            assert await desk.wait() == 0
        assert books.desk(directory) == books.exchange()
    replay = Replay(directory)
    assert not int(replay.run().account["faults"]) and replay.verified
    for venue in VENUES:
        first, *later = [event for event in compared(directory) if event.venue == venue]
        assert later and all(event.agrees and event.opening == first.opening for event in later), "the second run goes by what the first one found"


def test_a_desk_that_was_killed_with_its_market_takes_its_orders_for_lapsed(data, tmp_path):  # noqa: F811
    settings_in(tmp_path, repeg="1 h")
    answered("start", "--detach", "--speed", "5")
    first = process.running(data)
    eventually(lambda: process.status(first, timeout_s=60).counts.fills >= 1)
    eventually(lambda: stopped_with_orders(first, data / "log"))
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: process.birth(first.pid) != first.birth)
    left, before = working(data / "log"), len(compared(data / "log"))
    assert left
    answered("start", "--detach", "--speed", "5")
    eventually(lambda: comparisons(data / "log", before) >= 1)
    assert polaris("stop").returncode == 0
    lapsed = [json.loads(line)["order"] for line in polaris("logs", "-n", "10000").stdout.splitlines() if '"order lapsed"' in line]
    assert sorted(lapsed) == sorted(left)
    said = [json.loads(line) for line in polaris("logs", "-n", "10000").stdout.splitlines() if '"venue began anew"' in line]
    assert said and all("the log's positions and cash stay" in line["said"] and line["traded"] for line in said)
    assert all(event.agrees for event in compared(data / "log"))
    desk = Replay(data / "log").run()
    assert {int(order["state"]) for order in desk.orders if int(order["id"]) in left} <= {EXPIRED}
    assert answered("replay", str(data / "log"))["seq"] > 0


def stopped_with_orders(desk: process.Running, directory: Path) -> bool:
    """Whether orders worked when the desk was stopped, as its log has it; where none did it goes on."""
    os.kill(desk.pid, signal.SIGSTOP)
    with contextlib.suppress(Exception):  # what is written to may end in the middle of something
        if working(directory):
            return True
    os.kill(desk.pid, signal.SIGCONT)
    return False


async def test_orders_leave_for_no_other_market(tmp_path):
    settings = settings_in(tmp_path)
    live = msgspec.structs.replace(settings, market=msgspec.structs.replace(settings.market, source="live"))
    with pytest.raises(BadConfig, match="only the built-in market takes them"):
        await run_desk(live)
