"""Watching a desk from beside it: another process asks for its status and draws.

The desk itself never draws: a frame of the screen costs milliseconds, which in its own process would stand before the
next market event. Asking costs it one small answer a frame.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from polaris.app import screen
from polaris.app.status import Status
from polaris.domain.errors import Unavailable

FRAMES_PER_SECOND: Final = 5
LINE_EVERY_S: Final = 15.0


def watch(ask: Callable[[], Status], alive: Callable[[], bool], console: Console) -> Status | None:
    """Draw the desk until it is gone or Ctrl-C (KeyboardInterrupt passes on); returns the last status seen.

    ask    gets a status; may raise Unavailable while the desk is starting or busy
    alive  whether its process is there
    """
    last: Status | None = None
    with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
        while alive():
            begun = time.monotonic()
            width, height = console.size
            try:
                last = ask()
                live.update(screen.render(last, width, height), refresh=True)
            except Unavailable:
                live.update(Text("the desk does not answer yet ..." if last is None else f"the desk stopped answering; last seen: {screen.line(last)}"), refresh=True)
            time.sleep(max(0.02, 1 / FRAMES_PER_SECOND - (time.monotonic() - begun)))
    return last


def lines(ask: Callable[[], Status], alive: Callable[[], bool], say: Callable[[str], None], every_s: float = LINE_EVERY_S) -> None:
    """One line now and then, for where there is no terminal; returns when the desk is gone."""
    due = time.monotonic() + min(3.0, every_s)
    while alive():
        if time.monotonic() >= due:
            with contextlib.suppress(Unavailable):
                say(screen.line(ask()))
            due += every_s
        time.sleep(0.1)
