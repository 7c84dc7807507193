"""The running venue: one exchange, its register, its journal, and everybody who asks and listens.

One turn of the event loop: what was asked since the last one is run by the core in one call, after a CLOCK, under seqs that continue
the journal's. Commands and notes go to the journal; once they are durable their events go, in this order and for each command, to
the answer of who asked, to the watchers of the accounts it touched, and at the end to the market's listeners. Nothing is told
before it is durable, and nothing waits for a listener. What is asked beyond the intake's bound is refused.
"""

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.exchange.gateway.hearing import announce, safely
from polaris.exchange.gateway.note import NOTE
from polaris.exchange.gateway.parties import Core, Journal, Listener, Watcher
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.register_changes import CHANGE, Changes
from polaris.exchange.gateway.turns import Asked, Block, More, Reply, Told, changed_balances, run
from polaris.exchange.listing import Rules
from polaris.exchange.words import ALONE, BALANCE, CLOCK, COMMAND, Events

INTAKE: Final = 65_536  # commands of one turn
NOTHING: Final[Changes] = np.empty(0, CHANGE)
_COMMAND: Final = struct.Struct("<BBBbiqqqqqiBBBxq")
_NOTE: Final = struct.Struct("<qq36sIIBB2x")
assert _COMMAND.size == COMMAND.itemsize and _NOTE.size == NOTE.itemsize

log = logging.getLogger("polaris.exchange.gateway")

Hearer = Callable[[Changes], None]


def command(
    operation: int,
    *,
    order_id: int = 0,
    book: int = 0,
    side: int = 0,
    order_type: int = 0,
    time_in_force: int = 0,
    price: int = 0,
    quantity: int = 0,
    trigger: int = 0,
    display: int = 0,
    account: int = 0,
    prevention: int = 0,
    flags: int = 0,
    role: int = ALONE,
) -> bytes:
    """One COMMAND as bytes; its seq is given when it runs."""
    return _COMMAND.pack(operation, order_type, time_in_force, side, book, order_id, price, quantity, trigger, display, account, prevention, flags, role, 0)


def note(received: int, client_id: str = "", *, number: int = 0, session: int = 0, list_id: int = 0, origin: int = 0, kind: int = 0) -> bytes:
    """One NOTE as bytes."""
    return _NOTE.pack(received, number, client_id.encode(), session, list_id, origin, kind)


class Refused(Exception):
    """The venue takes nothing: its intake is full, or its journal can't be written."""


class Venue:
    """One exchange that runs.

    core      the state machine; register  its orders by name
    journal   None keeps nothing: for tests and simulations
    clock     ns UTC
    seq       the last command's that the journal holds
    intake    commands taken in one turn
    pulse_s   how often the venue's time goes on when nobody asks anything; 0: only then
    """

    def __init__(
        self,
        rules: Rules,
        core: Core,
        register: Register,
        clock: Callable[[], int],
        journal: Journal | None = None,
        *,
        seq: int = 0,
        intake: int = INTAKE,
        pulse_s: float = 1.0,
    ) -> None:
        self.rules = rules
        self.core = core
        self.register = register
        self.journal = journal
        self.seq = seq
        self.failed = ""  # why the venue stopped for good
        self.turns = 0
        self._clock = clock
        self._now = 0
        self._order_id = register.last_order
        self._session = register.last_session
        self._list_id = register.last_list
        self._most = intake
        self._pulse_s = pulse_s
        self._pulse_timer: asyncio.TimerHandle | None = None
        self._soon: list[Callable[[], None]] = []
        self._gathered: list[Asked] = []
        self._reads: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []
        self._size = 0
        self._scheduled = False
        self._untold: deque[Told] = deque()
        self._listeners: list[Listener] = []
        self._hearers: list[Hearer] = []
        self._watchers: dict[int, list[Watcher]] = {}
        self._names: dict[int, dict[str, tuple[int, int]]] = {}  # account -> client id -> number and book of an order on its way
        self._loop = asyncio.get_running_loop()
        self._timers: set[asyncio.TimerHandle] = set()
        self._closed = False

    # who asks

    def now(self) -> int:
        """ns UTC; never goes back."""
        self._now = max(self._now, self._clock())
        return self._now

    def new_order_id(self) -> int:
        """A number for a new order."""
        self._order_id += 1
        return self._order_id

    @property
    def next_order_id(self) -> int:
        """The number the next new order gets."""
        return self._order_id + 1

    def new_list_id(self) -> int:
        """A number for a new list of orders."""
        self._list_id += 1
        return self._list_id

    def new_session(self) -> int:
        """A number for a connection."""
        self._session += 1
        return self._session

    def claim(self, account: int, client_id: str, order_id: int, book: int, instead_of: int = 0) -> bool:
        """Take a name for a new order.

        instead_of  the number of an order that gives way to it and may have this name
        returns     False where another order of this account that lives, or is on its way, has it
        """
        living = self.register.living(account, client_id)
        if living not in (0, instead_of):
            return False
        if self._names.get(account, {}).get(client_id, (instead_of, book))[0] != instead_of:
            return False
        self._names.setdefault(account, {})[client_id] = (order_id, book)
        return True

    def are_free(self, account: int, client_ids: Sequence[str], notes: npt.NDArray[np.int64]) -> bool:
        """Whether none of these names is one of an order that lives or is on its way; `notes` hold them too, int64[n, 8]."""
        own = self._names.get(account)
        return (own is None or own.keys().isdisjoint(client_ids)) and not self.register.any_living(account, notes)

    def claim_all(self, account: int, client_ids: Sequence[str], books: Sequence[int]) -> None:
        """Take names that are free, and the next numbers, for new orders."""
        if not client_ids:
            return
        first, self._order_id = self._order_id + 1, self._order_id + len(client_ids)
        self._names.setdefault(account, {}).update(zip(client_ids, zip(range(first, self._order_id + 1), books, strict=True), strict=True))

    def release_all(self, account: int, client_ids: Sequence[str]) -> None:
        """As `release`, for many."""
        own = self._names.get(account, {})
        for client_id in client_ids:
            own.pop(client_id, None)
        if not own:
            self._names.pop(account, None)

    def claimed(self, account: int, client_id: str, book: int) -> int:
        """The number of an order of this book that is on its way under this name; 0: none."""
        number, of_book = self._names.get(account, {}).get(client_id, (0, book))
        return number if of_book == book else 0

    def release(self, account: int, client_id: str) -> None:
        """The order of this name is known to the register, or was refused."""
        self.release_all(account, (client_id,))

    def ask(self, commands: Sequence[bytes], notes: Sequence[bytes], reply: Reply | None = None, then: Callable[[Events], More | None] | None = None) -> None:
        """Have commands run in this turn, next to each other.

        commands, notes  as `command` and `note` make them, as many of the one as of the other
        reply            hears what they changed for the account that asked, once it is durable
        then             sees their events before anything else runs and may give more commands
        raises           Refused; then none of them runs
        """
        self._take(Asked(len(commands), commands, notes, reply, then))

    def ask_block(self, count: int, commands: bytes, notes: bytes, block: Block) -> None:
        """Have many commands run in this turn that have nothing to do with each other.

        commands, notes  COMMAND[count], NOTE[count]; seqs are given when they run
        block            hears the seq of the first and what they changed, for other accounts too, once it is durable
        raises           Refused; then none of them runs
        """
        self._take(Asked(count, (commands,), (notes,), None, None, block))

    def soon(self, call: Callable[[], None]) -> None:
        """Call when this turn begins, for who gathers what he asks."""
        self._soon.append(call)
        self._schedule()

    def room(self) -> int:
        """Commands this turn takes still; 0 where the venue takes nothing."""
        return 0 if self.refuses else self._most - self._size

    def _take(self, asked: Asked) -> None:
        refused = self.refuses
        if refused:
            raise Refused(refused)
        if self._size + asked.count > self._most:
            raise Refused(f"the intake is full: {self._size} commands wait; at most {self._most} of one turn")
        self._size += asked.count
        self._gathered.append(asked)
        self._schedule()

    def read(self, look: Callable[[], Any], reply: Callable[[Any], None]) -> None:
        """Look at the core after what was asked before; `reply` hears what was seen once all of that is durable.

        It hears None where the venue failed, and where nobody knows when the disk will have what was asked before.
        """
        if self.refuses and not self.quiet:
            self._loop.call_soon(safely, reply, None)
            return
        self._reads.append((look, reply))
        self._schedule()

    def after(self, reply: Callable[[], None], stuck: Callable[[], None]) -> None:
        """Call back when everything asked before is in the register: at once where nothing is on its way; `stuck` where nobody knows when."""
        if self.quiet:
            reply()
        else:
            self.read(lambda: True, lambda seen: stuck() if seen is None else reply())

    def give_up(self) -> None:
        """The journal takes nothing: who waits for a look at what it does not hold is told so."""
        for told in self._untold:
            reads, told.reads = told.reads, []
            for reply, _ in reads:
                safely(reply, None)

    @property
    def refuses(self) -> str:
        """Why nothing is taken now; "" where it is."""
        return self.failed or (self.journal.refuses if self.journal is not None else "")

    @property
    def quiet(self) -> bool:
        """Whether everything asked so far is done and told: core, register and listeners are at one command."""
        return not (self._gathered or self._reads or self._untold)

    # who listens

    def listen(self, listener: Listener) -> None:
        """Tell of the market from the next turn on."""
        self._listeners.append(listener)

    def hear(self, hearer: Hearer) -> None:
        """Tell of the orders of every account, a turn at once: rows of `register_changes.CHANGE`."""
        self._hearers.append(hearer)

    def watch(self, account: int, watcher: Watcher) -> None:
        """Tell of an account from the next turn that is told."""
        self._watchers.setdefault(account, []).append(watcher)

    def unwatch(self, account: int, watcher: Watcher) -> None:
        """Tell it no more."""
        watchers = self._watchers.get(account, [])
        if watcher in watchers:
            watchers.remove(watcher)
            if not watchers:
                del self._watchers[account]

    def every(self, interval_ns: int, call: Callable[[int], None]) -> None:
        """Call with the venue's time, again and again, until it is closed."""

        def due() -> None:
            self._timers.discard(timer[0])
            if not self._closed:
                call(self.now())
                again()

        def again() -> None:
            timer[0] = self._loop.call_later(interval_ns / 1e9, due)
            self._timers.add(timer[0])

        timer: list[Any] = [None]
        again()

    # a turn

    def start(self) -> None:
        """Let time go on by itself, from a first turn now: a core that is not compiled yet is compiled by it, not by the first order."""
        self.register.warm()
        if not self.refuses:
            self.ask((), ())
            self.turn()
        if self._pulse_s > 0:
            self._pulse_timer = self._loop.call_later(self._pulse_s, self._pulse)

    def close(self) -> None:
        """Run what was asked, and take nothing more."""
        self.turn()
        self._closed = True
        self.failed = self.failed or "the venue is closed"
        for timer in [*self._timers, *([self._pulse_timer] if self._pulse_timer is not None else [])]:
            timer.cancel()

    def turn(self) -> None:
        """Run everything asked so far; the event loop calls this once a turn."""
        soon, self._soon = self._soon, []
        for call in soon:
            safely(call)
        self._scheduled = False
        gathered, self._gathered, self._size = self._gathered, [], 0
        reads, self._reads = self._reads, []
        if not gathered and not reads:
            return
        self.turns += 1
        told = Told(self.seq)
        if gathered:
            try:
                self._run(gathered, told)
            except Exception:
                # the core may have done what the journal does not hold: nothing it says from here on can be trusted
                log.exception("the venue stops: its core failed")
                self.failed = "the venue stopped: its core failed"
                told = Told(self.seq)
                for asked in gathered:
                    if asked.reply is not None:
                        safely(asked.reply, [])
                    elif asked.block is not None:
                        safely(asked.block, 0, NOTHING)
        told.reads = [(reply, None if self.failed else look()) for look, reply in reads]
        self._untold.append(told)
        self.durable(self.journal.told_seq if self.journal is not None else self.seq)

    def durable(self, seq: int) -> None:
        """Tell what may be told: commands up to `seq` are durable. The journal calls this."""
        while self._untold and self._untold[0].seq <= seq:
            self._tell(self._untold.popleft())

    def catch_up(self) -> None:
        """Bring the register to the core's last command, telling nobody: for a copy of the process that keeps the state and ends."""
        while self._untold:
            told = self._untold.popleft()
            self.register.fold(told.commands, told.notes, told.events, wanted=False)

    def _run(self, gathered: list[Asked], told: Told) -> None:
        """Run commands; what they do is in `told`, written to the journal but told to nobody."""
        first = self.seq + 1
        run(self.core, self._listeners, command(CLOCK, price=self.now()), gathered, told)
        self.seq = told.seq
        if self.journal is not None:
            self.journal.append(first, told.commands, told.notes)
        if self._watchers:
            told.balances = changed_balances(self.core, self.rules, self._watchers.keys(), told.events)

    def _tell(self, told: Told) -> None:
        """Tell what one turn did: answers and watchers by command, hearers, then balances, then the market."""
        changes = self.register.fold(told.commands, told.notes, told.events, bool(told.answers or self._watchers or self._hearers))
        announce(self.register, changes, told.answers, self._watchers)
        for hearer in self._hearers:
            safely(hearer, changes)
        if self._watchers:
            for event in told.events[told.events["kind"] == BALANCE]:
                for watcher in list(self._watchers.get(int(event["account"]), ())):
                    safely(watcher.paid, int(event["ts"]), int(event["book"]), int(event["quantity"]))
        for ts, account, assets, balances in told.balances:
            for watcher in list(self._watchers.get(account, ())):
                safely(watcher.balances, ts, assets, balances)
        for listener, heard in told.listened:
            safely(listener.tell, heard)
        for reply, value in told.reads:
            safely(reply, value)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.turn)

    def _pulse(self) -> None:
        """Time goes on though nobody asks."""
        if not self._closed:
            if not self.refuses and not self._gathered:
                self.ask((), ())
            self._pulse_timer = self._loop.call_later(self._pulse_s, self._pulse)
