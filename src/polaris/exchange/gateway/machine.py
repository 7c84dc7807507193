"""All that a journal's commands make: the core, the register of orders and the market data, as one state.

Recovery, a standby and the running venue hold the same three, made by the same fold. Who recovers has many commands at once and nobody to
answer: there the register follows the core in a thread of its own.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.exchange.core import Exchange
from polaris.exchange.gateway import register_snapshot
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.gateway.register import Register
from polaris.exchange.listing import Rules
from polaris.exchange.marketdata import MarketData
from polaris.exchange.words import COMMAND, OCO_FIRST, OTO_WORKING, OTOCO_FIRST, OTOCO_WORKING, SUBMIT, Commands

Parts = dict[str, npt.NDArray[Any]]
AT_ONCE: Final = 16_384  # commands
MANY: Final = 1024  # so many are worth a thread
AHEAD: Final = 2  # portions the core may be ahead of the register
CORE: Final = "core."
FIRST_LEGS: Final = ((SUBMIT, OCO_FIRST), (SUBMIT, OTO_WORKING), (SUBMIT, OTOCO_WORKING))
SECOND_OF_THREE: Final = [(SUBMIT, OTOCO_WORKING), (SUBMIT, OTOCO_FIRST)]


def rules_digest(rules: Rules) -> str:
    """32 hex digits: commands mean the same under equal rules."""
    return hashlib.blake2b(repr(rules).encode(), digest_size=16).hexdigest()


class Machine:
    """Core, register and market data of one venue.

    silent  accounts whose orders nobody asks for again; see `register.Register`
    parts   what another's `parts` gave; None begins anew
    raises  ValueError where these are no parts of such a machine
    """

    def __init__(self, rules: Rules, silent: Iterable[int] = (), parts: Mapping[str, npt.NDArray[Any]] | None = None) -> None:
        self._held: tuple[Commands, Notes] | None = None  # the first legs of a list whose others have not come
        self._aside: ThreadPoolExecutor | None = None
        self._behind: deque[Future[object]] = deque()  # what the register is being told
        self._lent = [(np.empty(AT_ONCE, COMMAND), np.empty(AT_ONCE, NOTE)) for _ in range(AHEAD)]  # commands and notes of that, in turn
        self._register = Register(rules, silent)
        if parts is None:
            self.core = Exchange(rules)
            self.market = MarketData(self.core.arena)
            return
        missing = {"register", "market"} - set(parts)
        if missing:
            raise ValueError(f"a snapshot without {' and '.join(sorted(missing))}; it has {', '.join(parts)}")
        self.core = Exchange.restored(rules, {name.removeprefix(CORE): part for name, part in parts.items() if name.startswith(CORE)})
        register_snapshot.from_bytes(self._register, parts["register"].tobytes())
        self.market = MarketData.restored(self.core.arena, parts["market"].tobytes())

    def apply(self, commands: Commands, notes: Notes) -> None:
        """Do commands that were done once before, in any portions: a list of orders is done when all its legs are here."""
        if self._held is not None:
            commands, notes = np.concatenate([self._held[0], commands]), np.concatenate([self._held[1], notes])
            self._held = None
        at = 0
        while at < len(commands):
            end = at + whole(commands[at : at + AT_ONCE])
            if end == at:
                self._held = commands[at:].copy(), notes[at:].copy()
                return
            self._do(commands[at:end], notes[at:end])
            at = end

    def settle(self) -> None:
        """Nothing comes behind what was applied: legs whose list is not whole are what they are, refused."""
        if self._held is not None:
            held, self._held = self._held, None
            self._do(*held)
        self._wait()
        if self._aside is not None:
            self._aside.shutdown()
            self._aside = None

    @property
    def register(self) -> Register:
        """Of all that was applied."""
        self._wait()
        return self._register

    def _do(self, commands: Commands, notes: Notes) -> None:
        events = self.core.run(commands)
        if len(commands) < MANY:
            self._wait()
            self._register.fold(commands, notes, events, wanted=False)
        else:
            self._wait(AHEAD - 1)
            if self._aside is None:
                self._aside = ThreadPoolExecutor(1, "register")
            self._lent.append(self._lent.pop(0))
            mine, own = (rows[: len(commands)] for rows in self._lent[-1])
            mine.view(np.uint8)[:], own.view(np.uint8)[:] = commands.view(np.uint8), notes.view(np.uint8)  # rows of fields are copied one by one
            self._behind.append(self._aside.submit(self._register.fold, mine, own, events, wanted=False))
        self.market.fold(events)

    def _wait(self, left: int = 0) -> None:
        """Until the register has heard all but so many portions."""
        while len(self._behind) > left:
            self._behind.popleft().result()

    def digest(self) -> str:
        """32 hex digits of the whole state."""
        return hashlib.blake2b(
            "".join((self.core.digest(), register_snapshot.digest(self.register), self.market.digest())).encode(), digest_size=16
        ).hexdigest()

    def parts(self) -> Parts:
        """The whole state as arrays."""
        told = {"register": register_snapshot.to_bytes(self.register), "market": self.market.snapshot()}
        return {CORE + name: part for name, part in self.core.snapshot().items()} | {name: np.frombuffer(part, np.uint8) for name, part in told.items()}


def whole(commands: Commands) -> int:
    """How many of these may be done before more come: all, but not the first legs of a list at their end."""
    end = len(commands)
    legs = [(int(row["operation"]), int(row["role"])) for row in commands[-2:]]
    if legs and legs[-1] in FIRST_LEGS:
        return end - 1
    return end - 2 if legs == SECOND_OF_THREE else end
