"""All that a journal's commands make: the core, the register of orders and the market data, as one state.

Recovery, a standby and the running venue hold the same three, made by the same fold.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.exchange.core import Exchange
from polaris.exchange.gateway import register_snapshot
from polaris.exchange.gateway.note import Notes
from polaris.exchange.gateway.register import Register
from polaris.exchange.listing import Rules
from polaris.exchange.marketdata import MarketData
from polaris.exchange.words import Commands

Parts = dict[str, npt.NDArray[Any]]
AT_ONCE: Final = 16_384  # commands
CORE: Final = "core."


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
        self.register = Register(rules, silent)
        if parts is None:
            self.core = Exchange(rules)
            self.market = MarketData(self.core.arena)
            return
        missing = {"register", "market"} - set(parts)
        if missing:
            raise ValueError(f"a snapshot without {' and '.join(sorted(missing))}; it has {', '.join(parts)}")
        self.core = Exchange.restored(rules, {name.removeprefix(CORE): part for name, part in parts.items() if name.startswith(CORE)})
        register_snapshot.from_bytes(self.register, parts["register"].tobytes())
        self.market = MarketData.restored(self.core.arena, parts["market"].tobytes())

    def apply(self, commands: Commands, notes: Notes) -> None:
        """Do commands that were done once before."""
        for start in range(0, len(commands), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            events = self.core.run(commands[some])
            self.register.fold(commands[some], notes[some], events)
            self.market.fold(events)

    def digest(self) -> str:
        """32 hex digits of the whole state."""
        return hashlib.blake2b(
            "".join((self.core.digest(), register_snapshot.digest(self.register), self.market.digest())).encode(), digest_size=16
        ).hexdigest()

    def parts(self) -> Parts:
        """The whole state as arrays."""
        told = {"register": register_snapshot.to_bytes(self.register), "market": self.market.snapshot()}
        return {CORE + name: part for name, part in self.core.snapshot().items()} | {name: np.frombuffer(part, np.uint8) for name, part in told.items()}
