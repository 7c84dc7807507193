"""What a real exchange says in every dialect after its disk was full, its journal torn or another's, and its books halted."""

import asyncio
import contextlib
import json
import resource
import shutil
import subprocess
import urllib.request
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from polaris.app.exchange.house import House, Plan, migrated
from polaris.app.exchange.running import described
from polaris.app.settings import Settings
from polaris.exchange import words as w
from polaris.exchange.gateway.identity import OtherKernel
from polaris.exchange.gateway.note import NOTE
from polaris.exchange.gateway.reading import read
from polaris.exchange.gateway.recovery import recover
from polaris.exchange.gateway.scribe import pack_batch, seed_of
from polaris.exchange.gateway.segments import chain
from polaris.exchange.gateway.venue import command

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RULES = replace(Settings().exchange.rules(), accounts=8, capacity=1 << 12)
PORTS = {"binance": 0, "coinbase": 0, "fix": 0}
MIDDLE = RULES.listings[0].ticks("65000")


@pytest.fixture
def clients(monkeypatch):
    """The drill's clients."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from clients import binance, coinbase, fix, line

    return SimpleNamespace(dialects=(binance.Binance, fix.Fix, coinbase.Coinbase), **vars(line))


def plan_of(folder, **more):
    return Plan(**{"rules": RULES, "folder": folder, "ports": PORTS, "snapshot_ns": 0, "segment_bytes": 1 << 20, **more})


class Lines:
    """A client of each dialect with an account, a key and money of its own."""

    def __init__(self, house, clients):
        self.house, self.clients, self.names = house, clients, 0
        self.identities = [clients.Identity(house.keys, account) for account in range(1, len(clients.dialects) + 1)]

    async def __aenter__(self):
        paid = [command(w.DEPOSIT, account=each.account, book=asset, quantity=10**15) for each in self.identities for asset in range(len(RULES.assets))]
        await done(self.house, *paid)
        await self.connect(self.house)
        return self

    async def connect(self, house):
        self.house = house
        ports = {"binance": house.binance.port, "coinbase": house.coinbase.port, "fix": house.fix.port}
        made = zip(self.clients.dialects, self.identities, strict=True)
        self.lines = [dialect(identity, RULES, lambda name, standing: None) for dialect, identity in made]
        for line in self.lines:
            await line.open(ports)

    async def __aexit__(self, *_):
        await self.close()

    async def close(self):
        for line in self.lines:
            await line.close()

    def order(self, book=0, price=MIDDLE, side=1, quantity=1_000):
        self.names += 1
        return self.clients.Order(f"order-{self.names}", book, side, price, quantity)

    async def place(self, line, **terms):
        """Place one; the order as it was told."""
        order = self.order(**terms)
        return await self.ask(line, order)

    async def ask(self, line, order):
        order.order_id = (await line.place(order)).order_id
        return order


async def done(house, *commands):
    """Have commands done, and on the disk."""
    house.venue.ask(commands, [bytes(NOTE.itemsize)] * len(commands))
    await quiet(house)


async def quiet(house):
    async with asyncio.timeout(60):
        while not house.venue.quiet:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.002)


async def asked(port, path):
    """What anybody may ask over REST."""

    def get():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return json.load(answer)

    return await asyncio.to_thread(get)


async def shown(house):
    """How the dialects show the first three books: Binance's status, Coinbase's cancel_only and auction_mode."""
    information = await asked(house.binance.port, "/api/v3/exchangeInfo")
    products = [await asked(house.coinbase.port, f"/api/v3/brokerage/market/products/{each.base.name}-{each.quote.name}") for each in RULES.listings[:3]]
    return [(each["status"], product["cancel_only"], product["auction_mode"]) for each, product in zip(information["symbols"], products, strict=False)]


@pytest.mark.parametrize("begins", ["from its snapshot", "from its first command"])
async def test_a_book_that_was_halted_is_shown_halted_in_every_dialect_after_a_start(tmp_path, clients, begins):
    house = await House.open(plan_of(tmp_path))
    try:
        async with Lines(house, clients) as lines:
            await done(house, command(w.SET_PHASE, book=0, quantity=w.HALTED), command(w.SET_PHASE, book=1, quantity=w.AUCTION))
            before = await shown(house)
    finally:
        await house.close()
    if begins == "from its first command":
        shutil.rmtree(tmp_path / "nothing", ignore_errors=True)
        for snapshot in house.plan.journal.glob("*.snapshot"):
            snapshot.unlink()
    house = await House.open(plan_of(tmp_path))
    try:
        assert await shown(house) == before == [("HALT", True, False), ("AUCTION_MATCH", False, True), ("TRADING", False, False)]
        await lines.connect(house)
        for line in lines.lines:
            with pytest.raises(clients.Refused):
                await lines.place(line)
            assert (await lines.place(line, book=2, price=RULES.listings[2].ticks("150"))).order_id
        await done(house, command(w.SET_PHASE, book=-1, quantity=w.CONTINUOUS))
        assert [each[0] for each in await shown(house)] == ["TRADING"] * 3
        await lines.close()
    finally:
        await house.close()


class SmallDisk:
    """A file system of a few megabytes, which others can fill."""

    def __init__(self, folder):
        self.folder = folder

    def fill(self, house):
        with contextlib.suppress(OSError), (self.folder / "others").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def room(self, house):
        (self.folder / "others").unlink()


class Limit:
    """The size of a file that the scribe may write."""

    def fill(self, house):
        resource.prlimit(house.journal._scribe.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def room(self, house):
        resource.prlimit(house.journal._scribe.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.fixture(params=["a full disk", "a limit"])
def disk(request, tmp_path):
    """Where an exchange is kept, and how it comes to have no room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "a limit":
        yield folder, Limit()
        return
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False, capture_output=True).returncode:
        pytest.skip("only root can make a small disk")
    try:
        yield folder, SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


async def test_a_full_disk_stops_trading_says_so_and_nothing_is_told_that_it_does_not_have(disk, clients):
    folder, room = disk
    house = await House.open(plan_of(folder, segment_bytes=1 << 14))
    try:
        async with Lines(house, clients) as lines:
            told = [(line, await lines.place(line)) for line in lines.lines]
            room.fill(house)
            waiting = []
            async with asyncio.timeout(60):
                while not house.venue.refuses:
                    order = lines.order()
                    waiting.append(asyncio.create_task(lines.ask(lines.lines[0], order)))
                    while not (waiting[-1].done() or house.venue.refuses):
                        await asyncio.wait(waiting[-1:], timeout=0.002)
                    if waiting[-1].done():
                        told.append((lines.lines[0], waiting.pop().result()))
            on_disk = house.journal.durable_seq
            assert described(house)["state"].startswith("the disk is full: ")
            assert waiting and not any(each.done() for each in waiting), "what the disk does not have is not answered"
            for line in lines.lines:
                with pytest.raises(clients.Refused):
                    await lines.place(line)
            with pytest.raises(clients.Refused, match="the disk is full"):  # FIX has words for it
                await lines.place(lines.lines[1])
            assert house.journal.durable_seq == on_disk < house.venue.seq

            copied = folder.parent / "as a kill would leave it"
            shutil.copytree(folder / "journal", copied)
            ours = recover(copied, house.plan.digest, house.plan.machine).machine.register
            for line, order in told:
                account = lines.identities[lines.lines.index(line)].account
                assert str(ours.named(account, order.name).order_id) == str(line.number(order.order_id))

            room.room(house)
            for each in waiting:
                told.append((lines.lines[0], await asyncio.wait_for(each, 60)))
            assert described(house)["state"] == "open"
            told += [(line, await lines.place(line)) for line in lines.lines]
            await quiet(house)
    finally:
        await house.close()
    house = await House.open(plan_of(folder, segment_bytes=1 << 14))
    try:
        before, _ = lines.lines, await lines.connect(house)
        for line, order in told:
            assert (await lines.lines[before.index(line)].find(order)).order_id == order.order_id
        await lines.close()
    finally:
        await house.close()


async def test_a_torn_tail_is_cut_with_a_message_and_every_answered_order_is_found(tmp_path, clients):
    house = await House.open(plan_of(tmp_path / "first"))
    try:
        async with Lines(house, clients) as lines:
            told = [(line, await lines.place(line)) for line in lines.lines for _ in range(3)]
            before = lines.lines
            shutil.copytree(tmp_path / "first", tmp_path / "copy")  # as a kill leaves it
            last, end = torn(tmp_path / "copy" / "journal")
    finally:
        await house.close()
    house = await House.open(plan_of(tmp_path / "copy"))
    try:
        assert any(f"{last}" in line and f"offset {end}" in line for line in house.told), house.told
        await lines.connect(house)
        for line, order in told:
            assert (await lines.lines[before.index(line)].find(order)).order_id == order.order_id
            assert (await lines.place(lines.lines[before.index(line)])).order_id
        await lines.close()
    finally:
        await house.close()


def torn(journal):
    """Leave a batch there of which the end is missing; the segment's name, and where it begins."""
    last = chain(journal)[-1]
    path, seq, end = last.path(journal), 0, 0
    for commands, _ in read(journal):
        seq = int(commands["seq"][-1])
    data = path.read_bytes()
    end = len(data.rstrip(b"\0"))
    end += -end % 64
    whole = pack_batch(seq + 1, 3, last.epoch, 1, [bytes([7]) * 384], seed_of(last.first, last.epoch)) + bytes([7]) * 384
    with path.open("r+b") as file:
        file.seek(end)
        file.write(whole[:200])
    return path.name, end


async def test_a_journal_of_other_rules_is_refused_and_carried_over_on_purpose_with_every_order(tmp_path, clients):
    house = await House.open(plan_of(tmp_path))
    try:
        async with Lines(house, clients) as lines:
            told = [(line, await lines.place(line)) for line in lines.lines]
            before = lines.lines
    finally:
        await house.close()
    others = plan_of(tmp_path, rules=replace(RULES, tiers=((5, 5),)))
    with pytest.raises(OtherKernel, match=r"written with rules \w+, this exchange has \w+; carry it over with: polaris exchange migrate"):
        await House.open(others)
    carried = migrated(others)
    assert (carried.seq, carried.replayed) == (house.venue.seq, 0)
    house = await House.open(others)
    try:
        await lines.connect(house)
        for line, order in told:
            assert (await lines.lines[before.index(line)].find(order)).order_id == order.order_id
        await lines.close()
    finally:
        await house.close()


async def test_a_snapshot_is_kept_while_orders_are_on_their_way_to_the_disk_and_is_the_state_after_the_last_of_them(tmp_path, clients):
    house = await House.open(plan_of(tmp_path))
    try:
        async with Lines(house, clients) as lines:
            asking = [asyncio.create_task(lines.place(line, price=MIDDLE - number, side=1 - 2 * (number % 2))) for line in lines.lines for number in range(20)]
            async with asyncio.timeout(60):
                while house.venue.quiet:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0)
                while house.journal.durable_seq == house.venue.seq:  # noqa: ASYNC110 - likewise
                    await asyncio.sleep(0)
            seq = house.venue.seq
            house._begin_keeping()
            assert house.journal.durable_seq < seq
            async with asyncio.timeout(60):
                while house.kept_seq != seq:  # noqa: ASYNC110 - likewise
                    await asyncio.sleep(0.01)
            await asyncio.gather(*asking)
            await quiet(house)
            shutil.copytree(house.plan.journal, journal := tmp_path / "copy")
    finally:
        await house.close()
    whole = house.plan.machine()
    for commands, notes in read(journal):
        whole.apply(commands[commands["seq"] <= seq], notes[commands["seq"] <= seq])
    found = recover(journal, house.plan.digest, house.plan.machine, seq)
    assert (found.snapshot_seq, found.replayed, found.machine.digest()) == (seq, 0, whole.digest())
    found = recover(journal, house.plan.digest, house.plan.machine)
    assert (found.snapshot_seq, found.machine.digest()) == (seq, house.machine.digest()) and found.replayed > 0


async def test_a_door_that_cannot_keep_its_own_record_does_not_keep_the_journal_from_being_closed(tmp_path, monkeypatch):
    house = await House.open(plan_of(tmp_path))
    await done(house, command(w.DEPOSIT, account=1, book=0, quantity=5))
    close = house.fix.close

    async def fails():
        await close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(house.fix, "close", fails)
    await house.close()
    assert house.kept_seq == house.venue.seq and house.journal.state.name == "CLOSED"
