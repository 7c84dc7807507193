"""One exchange that runs: its machine on its journal, its venue, and a port for each dialect.

    folder/journal    commands, notes, snapshots, epoch
    folder/keys.json  API keys, readable by its owner only
    folder/fix        the sequence numbers of FIX sessions

What the journal holds is done again at the start, from the newest snapshot on; what it refuses stops trading with its reason.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import structlog

from polaris.domain.errors import PolarisError, Unavailable
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.market import serve_market
from polaris.exchange.gateway.binance.private import serve_accounts
from polaris.exchange.gateway.binance.server import BinanceServer
from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.coinbase.limits import Limits as CoinbaseLimits
from polaris.exchange.gateway.coinbase.server import CoinbaseServer
from polaris.exchange.gateway.coinbase.serving import serve_coinbase
from polaris.exchange.gateway.fix.acceptor import Acceptor
from polaris.exchange.gateway.journal import SEGMENT_BYTES, Journal, State
from polaris.exchange.gateway.keeper import Keeper
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.machine import Machine, rules_digest
from polaris.exchange.gateway.recovery import Migrated, migrate, recover
from polaris.exchange.gateway.snapshots import retire, write_snapshot
from polaris.exchange.gateway.standby import Standby
from polaris.exchange.gateway.venue import Venue
from polaris.exchange.listing import Rules

BEAT_NS: Final = 100_000_000  # of conflated depth
KEYS_NS: Final = 1_000_000_000  # between two looks at the file of keys
WORD_S: Final = 0.02  # between two looks whether the disk has what a snapshot knows

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How an exchange is to run.

    folder       of its journal and keys; None keeps nothing: everything ends with the process
    silent       accounts whose orders nobody asks for again
    ports        of the dialects, 0 for any; a dialect that is not named is not served
    snapshot_ns  between two snapshots; 0: only at the end
    segment_bytes  of a file of the journal
    """

    rules: Rules
    folder: Path | None = None
    silent: Iterable[int] = ()
    durability: Literal["disk", "memory"] = "disk"
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    coinbase_limits: CoinbaseLimits = CoinbaseLimits()  # noqa: RUF009 - frozen
    ports: dict[str, int]
    snapshot_ns: int = 300_000_000_000
    segment_bytes: int = SEGMENT_BYTES

    @property
    def journal(self) -> Path:
        """Where its journal is. Raises ValueError where it keeps nothing."""
        if self.folder is None:
            raise ValueError("this exchange keeps nothing")
        return self.folder / "journal"

    @property
    def digest(self) -> str:
        """Of its rules."""
        return rules_digest(self.rules)

    def machine(self, parts: Any = None) -> Machine:
        """A machine of these rules, new or from a snapshot's parts."""
        return Machine(self.rules, self.silent, parts)


class House:
    """An exchange with open doors.

    told           what a person should know of the start
    recovered_seq  the last command of the run before; 0 where there was none
    kept_seq       of the newest snapshot of this run; 0: none yet
    """

    def __init__(self, plan: Plan, machine: Machine, journal: Journal | None, seq: int, clock: Callable[[], int], told: list[str]) -> None:
        self.plan, self.machine, self.journal, self.told = plan, machine, journal, told
        machine.settle()
        self.venue = Venue(plan.rules, machine.core, machine.register, clock, journal, seq=seq)
        self.broadcast = Broadcast(machine.market, machine.core.phases())
        self.keys = Keys(plan.folder / "keys.json" if plan.folder is not None else None)
        self.binance: BinanceServer | None = None
        self.coinbase: CoinbaseServer | None = None
        self.fix: Acceptor | None = None
        self.recovered_seq = seq
        self.kept_seq = 0
        self.closing = False
        self._keeper = Keeper(plan.journal, plan.digest, self._kept) if journal is not None else None
        self.venue.listen(self.broadcast)
        self.venue.every(BEAT_NS, self.broadcast.tick)
        self.venue.every(KEYS_NS, lambda now: self._read_keys())

    @classmethod
    async def open(cls, plan: Plan, clock: Callable[[], int] = time.time_ns) -> Self:
        """Recover what the folder holds, and open the doors.

        raises  OtherKernel, BadLog where the journal can't be gone on with; Unavailable where another process leads or a port is taken
        """
        if plan.folder is None:
            return await cls(plan, plan.machine(), None, 0, clock, [])._begin()
        plan.journal.mkdir(parents=True, exist_ok=True)
        heard = _Heard()
        journal = Journal.open(plan.journal, plan.digest, durability=plan.durability, segment_bytes=plan.segment_bytes, on_durable=heard.durable, on_state=heard.state)
        try:
            recovered = recover(plan.journal, plan.digest, plan.machine, journal.last_seq)
        except BaseException:
            journal.close()
            raise
        told = [*([journal.cut] if journal.cut else []), *recovered.told]
        house = heard.house = cls(plan, recovered.machine, journal, recovered.seq, clock, told)
        return await house._begin()

    @classmethod
    async def take_over(cls, plan: Plan, standby: Standby[Machine], clock: Callable[[], int] = time.time_ns) -> Self:
        """Lead with what a standby holds, whoever led before. Raises Unavailable where another standby was faster."""
        heard = _Heard()
        journal = standby.promote(durability=plan.durability, segment_bytes=plan.segment_bytes, on_durable=heard.durable, on_state=heard.state)
        house = heard.house = cls(plan, standby.machine, journal, journal.last_seq, clock, [*([journal.cut] if journal.cut else []), *standby.told])
        return await house._begin()

    async def _begin(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def _start(self) -> None:
        loop, ports, venue = asyncio.get_running_loop(), self.plan.ports, self.venue
        if self.journal is not None:
            self.journal.attach(loop)
            if self.plan.snapshot_ns:
                venue.every(self.plan.snapshot_ns, lambda now: self._begin_keeping())
        if "binance" in ports:
            self.binance = BinanceServer(venue.now, self.keys, self.plan.limits, ports["binance"])
            serve_accounts(self.binance, venue)
            serve_market(self.binance, venue, self.broadcast)
            await self.binance.start()
        if "coinbase" in ports:
            self.coinbase = CoinbaseServer(venue.now, self.keys, self.plan.coinbase_limits, ports["coinbase"])
            serve_coinbase(self.coinbase, venue, self.broadcast)
            await self.coinbase.start()
        if "fix" in ports:
            self.fix = await Acceptor(venue, self.broadcast, self.keys, self.plan.folder / "fix" if self.plan.folder else None, ports["fix"]).start()
        venue.start()

    async def close(self) -> None:
        """Close the doors, have everything on the disk, and keep a snapshot."""
        self.closing = True
        for door in (self.binance, self.coinbase, self.fix):
            if door is not None:
                try:
                    await door.close()
                except OSError as cause:  # its own record did not get all: what the journal keeps is kept none the less
                    log.warning("door not closed in order", said=str(cause))
        self.venue.close()
        if self.journal is None or self._keeper is None:
            return
        self._keeper.close()
        self.journal.wait(self.venue.seq)
        await asyncio.sleep(0)
        self.venue.durable(self.journal.told_seq)
        if self.venue.failed == "the venue is closed":
            self.keep()
        self.journal.close()

    def keep(self) -> bool:
        """Keep a snapshot where everything that was done is told and on the disk; whether it was."""
        journal = self.journal
        if journal is None or journal.durable_seq != self.venue.seq or not self.venue.quiet or self.kept_seq == self.venue.seq:
            return False
        try:
            write_snapshot(self.plan.journal, self.plan.digest, self.venue.seq, self.machine.digest(), self.machine.parts())
            retire(self.plan.journal)
        except (OSError, PolarisError) as cause:
            log.warning("snapshot not kept", said=str(cause))
            return False
        self.kept_seq = self.venue.seq
        return True

    def _read_keys(self) -> None:
        try:
            self.keys.refresh()
        except (PolarisError, OSError) as cause:
            log.warning("keys not read again", said=str(cause))

    def _begin_keeping(self) -> None:
        """Let a copy of this process write the state as it is now."""
        venue, keeper = self.venue, self._keeper
        if self.closing or keeper is None or keeper.busy or venue.refuses or self.kept_seq == venue.seq:
            return
        try:
            keeper.begin(venue.seq, self._state)
        except OSError as cause:
            log.warning("snapshot not begun", said=str(cause))
            return
        self._give_word()

    def _state(self) -> Machine:
        """Only in a copy: the machine at the venue's last command, told or not."""
        self.venue.catch_up()
        return self.machine

    def _give_word(self) -> None:
        if self.journal is not None and self._keeper is not None and self._keeper.busy:
            self._keeper.durable(self.journal.durable_seq)
            asyncio.get_running_loop().call_later(WORD_S, self._give_word)

    def _kept(self, seq: int, why_not: str) -> None:
        if why_not:
            log.warning("snapshot not kept", seq=seq, said=why_not)
        else:
            self.kept_seq = seq


class _Heard:
    """What a journal says, for a house that is made after it."""

    house: Any = None

    def durable(self, seq: int) -> None:
        self.house.venue.durable(seq)

    def state(self, state: State, why: str) -> None:
        log.warning("journal", state=state.name.lower(), said=why)
        if state != State.OPEN and self.house is not None:
            self.house.venue.give_up()


def migrated(plan: Plan) -> Migrated[Machine]:
    """Carry a journal of another kernel or other rules over to ours. Raises Unavailable where an exchange runs on it, BadLog."""
    journal = plan.journal
    if not journal.exists():
        raise Unavailable(f"there is no journal in {journal}")
    return migrate(journal, plan.digest, plan.machine)
