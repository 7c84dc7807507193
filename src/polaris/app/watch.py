"""Watching a desk from beside it: another process asks for its status and draws.

The desk itself never draws: a frame of the screen costs milliseconds, which in its own process would stand before the
next market event. Asking costs it one small answer a frame.
"""

import sys
import time
from collections.abc import Callable
from typing import Final

import structlog
from rich.console import Console
from rich.live import Live
from rich.text import Text

from polaris.app import screen
from polaris.app.status import Status
from polaris.domain.errors import Unavailable

FRAMES_PER_SECOND: Final = 5
LINE_EVERY_S: Final = 15.0

log = structlog.get_logger()


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


def now_and_then(ask: Callable[[], Status], alive: Callable[[], bool], tell: Callable[[Status], None], every_s: float = LINE_EVERY_S) -> None:
    """Tell the status now and then, for where there is no terminal; returns when the desk is gone."""
    due = time.monotonic() + min(3.0, every_s)
    while alive():
        if time.monotonic() >= due:
            try:
                tell(ask())
                due += every_s
            except Unavailable:  # it is still opening
                due += min(1.0, every_s)
        time.sleep(0.1)


def say_in_a_line(status: Status) -> None:
    """One line for a person on standard output; one log line with its fields where that is no terminal."""
    if sys.stdout.isatty():
        print(screen.line(status), flush=True)  # noqa: T201 - this is the command line
        return
    log.info(
        "status",
        mode=status.mode,
        trading=status.trading,
        books_live=sum(book.state == "LIVE" for book in status.instruments),
        books=len(status.instruments),
        equity=status.account.equity,
        day_profit=status.account.day_profit,
        orders=status.counts.orders,
        fills=status.counts.fills,
        refused=sum(status.counts.refusals.values()),
        seq=status.log.seq,
    )
