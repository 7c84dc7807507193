"""Time that passes only while everybody waits: on a busy machine nothing comes late, and what waits long takes no time.

The clock of the loop stands still while anything is done; where nothing is left to do it jumps to the next timer. While the
loop runs the module `time` tells the same, and `time.sleep` moves it on. For tests whose sockets both end in this process:
what another process or a thread does would take no time here.
"""

import asyncio
import functools
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

ARRIVES_S = 0.001  # real seconds: what was sent within this machine is there after that
Result = TypeVar("Result")


class _Jumping(selectors.DefaultSelector):
    """Waits for sockets; where it would wait for a timer it only moves its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        found = super().select(ARRIVES_S if timeout >= ARRIVES_S else 0)
        if not found:
            self.passed_s += timeout
        return found


class SteadyLoop(asyncio.SelectorEventLoop):
    """An event loop with that clock."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.passed_s

    def time_ns(self, began: int) -> int:
        """What a clock shows that began with the loop at so many ns."""
        return began + round(self._jumping.passed_s * 1e9)

    def pass_by(self, seconds: float) -> None:
        """Let time pass for all."""
        self._jumping.passed_s += seconds


def steadily(main: Coroutine[Any, Any, Result]) -> Result:
    """Run this to its end; returns what it returns."""
    loop = SteadyLoop()
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=lambda: loop) as runner:
        for name in ("time", "monotonic", "perf_counter"):
            told_ns = functools.partial(loop.time_ns, getattr(time, f"{name}_ns")())
            patch.setattr(time, f"{name}_ns", told_ns)
            patch.setattr(time, name, lambda told_ns=told_ns: told_ns() / 1e9)
        patch.setattr(time, "sleep", loop.pass_by)
        return runner.run(main)


def steady(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """This test, in such time."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        steadily(test(*arguments, **named))

    return run
