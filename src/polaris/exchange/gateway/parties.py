"""Who a venue deals with: the core it runs, the journal it writes, and those it tells."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from polaris.exchange.gateway.note import Notes
from polaris.exchange.gateway.orders import Change
from polaris.exchange.words import Commands, Events


class Core(Protocol):
    """What the venue needs of an exchange."""

    def run(self, commands: Commands) -> Events:
        """Do commands in their order."""
        ...

    def balances(self, account: int) -> npt.NDArray[np.int64]:
        """int64[assets, 2]: free and locked, units."""
        ...

    def fees(self, account: int) -> tuple[int, int]:
        """(maker, taker) ppm of an account."""
        ...

    def open(self, order_id: int) -> int:
        """Lots of an order that may still trade; 0 where none of this number lives."""
        ...

    def digest(self) -> str:
        """The whole state."""
        ...


class Journal(Protocol):
    """What the venue needs of a journal (journal.py)."""

    @property
    def refuses(self) -> str:
        """Why nothing may be run now; "" where it may."""
        ...

    @property
    def told_seq(self) -> int:
        """Events of commands up to here may be told."""
        ...

    def append(self, first_seq: int, commands: Commands, notes: Notes) -> None:
        """Write commands and notes down; never waits."""
        ...


class Listener(Protocol):
    """Who hears of the market."""

    def fold(self, events: Events) -> Any:
        """Take events at once after the core ran; what it gives is told once they are durable."""
        ...

    def tell(self, told: Any) -> None:
        """What `fold` gave may be told."""
        ...


class Watcher(Protocol):
    """Who hears of an account."""

    def changed(self, changes: list[Change]) -> None:
        """What one command, or one request of several, did to its orders."""
        ...

    def balances(self, ts: int, assets: Sequence[int], balances: npt.NDArray[np.int64]) -> None:
        """Its balances may have changed in these assets; they are now int64[assets, 2], free and locked."""
        ...

    def paid(self, ts: int, asset: int, change: int) -> None:
        """A deposit, withdrawal or transfer."""
        ...
