"""The running desk: sockets, a log, the core, a clock, and one door out for everyone who watches.

    market ─▶ feeds ─▶ LoggedDesk.take ─▶ records ─▶ the courier (where orders leave the house), the store (a thread), the view
                          ▲                               │
    a timer row every second, a checkpoint now and then,  └─▶ venues ─▶ reports, as rows ─▶ LoggedDesk.take
    operators' events

This is the only place where the core meets a clock: once a second the time becomes a row of the log.
"""

import asyncio
import contextlib
import queue
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from polaris.app import metrics
from polaris.app.compose import CoreSettings, LoggedDesk
from polaris.app.desk_orders import DeskOrders
from polaris.app.market import Market, market
from polaris.app.observe import Observer
from polaris.app.settings import Settings, refuse_live
from polaris.app.status import Status
from polaris.app.steady import steady
from polaris.domain.errors import PolarisError
from polaris.domain.instrument import Instruments
from polaris.domain.market import TIMER, RowBuffer, Rows
from polaris.domain.orders import Records, joined
from polaris.store.projection import Projection
from polaris.venues.live import LiveFeeds, discover
from polaris.venues.session import FastClock, SessionSettings, WallClock

TIMER_S: Final = 1.0
CHECKPOINT_S: Final = 10.0
STORE_S: Final = 1.0

log = structlog.get_logger()


def core_settings(settings: Settings) -> CoreSettings:
    """What shapes the core, out of everything a person may set."""
    strategy = settings.strategy
    folder = str(Path(strategy.folder).expanduser().resolve())
    return CoreSettings(desk=settings.desk(), bank=settings.bank(), strategy=strategy.name, params=strategy.params, folder=folder)


def log_directory(settings: Settings) -> Path:
    """Where this desk's log is."""
    return settings.data_dir / "log"


def set_aside(directory: Path) -> Path | None:
    """Move an old log out of the way, keeping it; returns where it went, None where there was none."""
    if not directory.exists() or not any(directory.iterdir()):
        return None
    kept = directory.with_name(f"{directory.name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
    shutil.move(directory, kept)
    return kept


async def run_desk(settings: Settings, listening: Callable[[int], None] = lambda port: None, *, fresh: bool = False) -> Status:
    """Run the desk until SIGTERM, SIGINT or the end of a recording; returns its last status.

    listening  told the loopback port of /status and /metrics
    fresh      begin a new log; the old one is kept beside it
    raises     BadConfig, Unavailable, BadLog; the log is whole in every case
    """
    refuse_live(settings)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    directory = log_directory(settings)
    if fresh and (kept := set_aside(directory)):
        log.info("old log kept", path=str(kept))
    async with market(settings) as source:
        instruments = Instruments(await discover(source.endpoints, source.wishes))
        played = settings.market.recording is not None and settings.market.speed > 0
        clock = FastClock(settings.market.speed) if played else WallClock()
        desk = LoggedDesk.open(directory, core_settings(settings), instruments, now=clock(), log=settings.log)
        if desk.message:
            log.warning("log recovered", said=desk.message)
        log.info("desk open", seq=desk.sequencer.next_seq - 1, resumed_from=desk.resumed_from, state=desk.desk.state_digest(), mode=settings.mode)
        running = Running(settings, source, desk, directory, clock)
        try:
            return await running.until(ended, listening)
        finally:
            running.close()


class Running:
    """Everything that lives while the desk runs."""

    def __init__(self, settings: Settings, source: Market, desk: LoggedDesk, directory: Path, clock: Callable[[], int]) -> None:
        self.settings, self.source, self.desk, self.clock = settings, source, desk, clock
        session = SessionSettings(ends_on_normal_close=source.ends)
        self.feeds = LiveFeeds(source.endpoints, desk.desk.instruments, settings=session, clock=clock, busy_poll=settings.market.busy_poll, rehearse=desk.rehearse)
        self.orders = DeskOrders(source, desk, clock, settings.accounts) if settings.execution.fill_model == "venue" else None
        self.directory = directory
        self.observer = Observer(settings, desk, self.feeds, directory, clock, self.orders)
        self.store = StoreThread(settings.store_url, directory, desk.desk.instruments)
        desk.on_records += [self.observer.hear, self.store.hear]
        self._closed = False

    async def until(self, ended: asyncio.Event, listening: Callable[[int], None]) -> Status:
        """Run until `ended`, the end of the stream, or an error."""
        server = await metrics.serve(self.settings.server.host, self.settings.server.port, self.observer.status)
        listening(server.port)
        self.store.start()
        steady()
        tasks = {
            asyncio.create_task(self.feeds.run(self.on_rows)),
            asyncio.create_task(self._clock()),
            asyncio.create_task(ended.wait()),
            asyncio.ensure_future(self.source.ended()),
        }
        if self.orders is not None:
            self.orders.begin(self.directory)
            tasks.add(asyncio.create_task(self.orders.run()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # an error of ours is raised here
            reason = "stopped" if ended.is_set() else "the stream ended"
            self.desk.stop(self.clock(), reason)
            self._closed = True
            log.info("desk stopped", reason=reason, seq=self.desk.sequencer.next_seq - 1, state=self.desk.desk.state_digest())
            return self.observer.status()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self.orders is not None:
                await self.orders.close()
            await server.close()

    def on_rows(self, rows: Rows) -> None:
        """Rows of the feeds, as they come."""
        self.desk.take(self.feeds.rows)
        self.observer.looked(rows)

    async def _clock(self) -> None:
        timer = RowBuffer(1)
        checkpoint_at = time.monotonic() + CHECKPOINT_S
        while True:
            await asyncio.sleep(TIMER_S)
            now = self.clock()
            timer.append(now, now, -1, TIMER, 0, 0, 0)
            self.desk.take(timer)
            self.observer.second(now)
            if time.monotonic() >= checkpoint_at:
                self.desk.checkpoint(now)
                checkpoint_at = time.monotonic() + CHECKPOINT_S

    def close(self) -> None:
        """Let go of log and store."""
        self.store.close()
        if not self._closed:
            self.desk.close()


class StoreThread:
    """Keeps the store equal to the log, from a thread of its own: SQL takes milliseconds, a frame has none.

    What a crash left out is read from the log at the start; from then on records come straight from the desk.
    """

    def __init__(self, url: str, directory: Path, instruments: Instruments) -> None:
        self.url, self.directory, self.instruments = url, directory, instruments
        self._fresh: queue.SimpleQueue[Records | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self.error = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def hear(self, records: Records) -> None:
        """Records that are in the log now."""
        if not self.error:
            self._fresh.put(records)

    def close(self) -> None:
        """Write what is left and end; at most ten seconds."""
        if self._thread.is_alive():
            self._fresh.put(None)
            self._thread.join(10.0)

    def _run(self) -> None:
        try:
            projection = Projection(self.url)
        except (PolarisError, SQLAlchemyError) as error:
            self.error = str(error)
            log.error("store unavailable", said=self.error)
            return
        try:
            projection.catch_up(self.directory)
            while self._drain(projection):
                time.sleep(STORE_S)
            projection.catch_up(self.directory)
        except (PolarisError, SQLAlchemyError) as error:  # the log has everything: the next start fills in what is missing
            self.error = str(error)
            log.error("store stopped", said=self.error)
        finally:
            projection.close()

    def _drain(self, projection: Projection) -> bool:
        """Apply what came; False when the desk is done."""
        waiting: list[Records] = []
        going = True
        with contextlib.suppress(queue.Empty):
            while (records := self._fresh.get_nowait()) is not None:
                waiting.append(records)
            going = False
        if waiting:
            together = joined(waiting)
            projection.apply(int(together["seq"][-1]), together, self.instruments)
        return going
