"""What can be attacked, and one attack after the other.

A target is a module of this folder: what it is (its docstring); `SEEDS`, from which others are made; `FOUND`, inputs that broke it once;
`HUGE`, inputs too large to be changed at random; and `attack`, which takes any bytes and fails where they did what they must not.
"""

import asyncio
import gc
import importlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from tests.fuzz.besieged import Besieged, Faults

NAMES = (
    "http_bytes",
    "websocket_frames",
    "binance_rest",
    "binance_session",
    "binance_streams",
    "coinbase_rest",
    "coinbase_channels",
    "coinbase_tokens",
    "fix_bytes",
    "fix_messages",
    "journal_files",
    "kept_files",
    "operator_lines",
)


class Target(Protocol):
    """A module that can be attacked."""

    __doc__: str | None
    SEEDS: list[bytes]
    FOUND: list[bytes]
    HUGE: list[bytes]
    attack: Callable[[Besieged, bytes], Awaitable[None]]


def target(name: str) -> Target:
    """The target of this name. Raises SystemExit where there is none."""
    if name not in NAMES:
        raise SystemExit(f"there is no target {name!r}; expected one of {', '.join(NAMES)}")
    found: Any = importlib.import_module(f"tests.fuzz.{name}")
    return found


class Siege:
    """A loop, a venue in it, and attacks on one target."""

    def __init__(self, name: str) -> None:
        self.target = target(name)
        self.besieged = Besieged()
        self.attacks = 0
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: self.besieged.faults.append(f"{context['message']}: {context.get('exception')!r}"))
        self._handler = Faults(self.besieged.faults)
        logging.getLogger("polaris.exchange.gateway").addHandler(self._handler)
        self._loop.run_until_complete(self._build())

    async def _build(self) -> None:
        self.besieged.build()

    def attack(self, data: bytes) -> None:
        """One attack. Raises what it found."""
        self.attacks += 1
        self._loop.run_until_complete(self._attack(data))

    async def _attack(self, data: bytes) -> None:
        besieged = self.besieged
        besieged.attacks += 1
        try:
            await self.target.attack(besieged, data)
            assert not besieged.faults, str(besieged.faults)
            besieged.tidy()
        except BaseException:
            besieged.faults.clear()
            besieged.build()
            raise

    def close(self) -> None:
        """End the loop; what it still held is a fault too."""
        logging.getLogger("polaris.exchange.gateway").removeHandler(self._handler)
        gc.collect()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self.besieged.venue.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def __enter__(self) -> "Siege":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
