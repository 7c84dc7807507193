"""Compose: the one core, put together for three uses.

    live      LoggedDesk.open(...)   rows that just came -> log -> core -> log      (paper, observe, live)
    replay    replayed(log)          the rows of a log   -> core
    backtest  backtested(rows)       any rows            -> core

None of the three changes a rule; they differ in where rows come from and where records go.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from polaris import __version__
from polaris.app.latency import Latencies
from polaris.app.why import why_of
from polaris.desk.bank import BankSettings, default_bank
from polaris.desk.pipeline import Desk
from polaris.desk.settings import DeskSettings
from polaris.domain.control import Checkpoint, Control, Started, Stopped
from polaris.domain.errors import BadConfig, BadLog
from polaris.domain.instrument import Instruments
from polaris.domain.kernel import SOURCES
from polaris.domain.market import RowBuffer, Rows
from polaris.domain.orders import SUBMIT, Records, joined
from polaris.log.read import ContextBlock, EventBlock, RecordsBlock, RowsBlock, blocks, instruments_of
from polaris.log.sequencer import Sequencer, control_rows
from polaris.log.write import LogSettings, LogWriter
from polaris.research.strategies import assemble

REPLAY_ROWS: Final = 1 << 16  # rows handed to the core at once when a log is read


class CoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that shapes the core's state; it stands in the log's Started event."""

    desk: DeskSettings = DeskSettings()
    bank: BankSettings = BankSettings()
    strategy: str = "pipeline"  # or as research.strategies knows it: "crossover", "module:Name" of your own
    params: dict[str, Any] = {}  # of a strategy that isn't the pipeline
    folder: str = ""  # where its module is looked for first


Advance = Callable[[Rows], Records]


def core(settings: CoreSettings, instruments: Instruments) -> tuple[Desk, Advance]:
    """The core, and how rows are handed to it: with the default bank, or driven by a strategy of the user's own."""
    if settings.strategy == "pipeline":
        desk = Desk(settings.desk, instruments, default_bank(instruments, settings.bank))
        return desk, desk.advance
    _, desk, advance = assemble(settings.strategy, settings.params, settings.desk, instruments, Path(settings.folder))
    return desk, advance


def backtested(settings: CoreSettings, instruments: Instruments, rows: Rows, progress: Callable[[int, int], None] | None = None) -> tuple[Desk, Records]:
    """Run the core over rows that exist already; returns it and every record. `seq` is given here where it is 0."""
    desk, advance = core(settings, instruments)
    if len(rows) and not rows["seq"].any():
        rows = rows.copy()
        rows["seq"] = np.arange(1, len(rows) + 1)
    parts = []
    for first in range(0, len(rows), REPLAY_ROWS):
        parts.append(advance(rows[first : first + REPLAY_ROWS]))
        if progress is not None:
            progress(min(first + REPLAY_ROWS, len(rows)), len(rows))
    return desk, joined(parts)


def started_of(directory: Path) -> Started:
    """How the log began. Raises BadLog where it is empty or begins otherwise."""
    for block in blocks(directory):
        if isinstance(block, EventBlock) and isinstance(block.event, Started):
            return block.event
        break
    raise BadLog(directory, "does not begin with a Started event; it is no desk's log")


def settings_of(started: Started) -> CoreSettings:
    """The core's settings as a Started event carries them."""
    return msgspec.convert(started.settings, CoreSettings)


class Replay:
    """A log on its way through a fresh core: the fold that recovery, audit and parity share.

    desk      the core after everything so far
    derived   how many records it has written
    logged    how many of them the log holds: each is compared, bit for bit
    owed      records of the last rows that the log does not hold: its run was killed before it had written them
    sent      orders of the last rows whose reasons the log does not hold, as SUBMIT records
    seq       the last seq taken
    verified  checkpoints whose digests agreed
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.started = started_of(directory)
        self.instruments = instruments_of(self.started)
        self.desk, self.advance = core(settings_of(self.started), self.instruments)
        self.derived = self.logged = self.seq = self.verified = 0
        self.kernels = self.started.kernels  # of the run whose events are being taken
        self.owed = self.sent = joined([])

    def run(self, to_seq: int | None = None, on_records: Callable[[Records, Desk], None] | None = None) -> Desk:
        """Take the log up to and with to_seq. Raises BadLog where a record or a checkpoint's digest is not reached.

        What other kernels wrote proves nothing about these: it is passed over and no checkpoint of it counts as verified.
        """
        for block in blocks(self.directory, 1, to_seq):
            match block:
                case RowsBlock(first=first, rows=rows):
                    self._advance(first + len(rows) - 1, rows, on_records)
                case EventBlock(seq=seq, event=event, ts=ts):
                    self._advance(seq, control_rows(seq, event, ts), on_records)
                    if isinstance(event, Checkpoint):
                        self._verify(seq, event)
                    elif isinstance(event, Started) and seq > 1:
                        self.kernels = event.kernels
                        self.desk.reconfigure(settings_of(event).desk)
                case RecordsBlock(records=records):
                    self._compare(records)
                case ContextBlock():
                    self.sent = self.sent[1:]
        return self.desk

    def _advance(self, seq: int, rows: Rows, on_records: Callable[[Records, Desk], None] | None) -> None:
        if len(self.owed):
            raise BadLog(self.directory, f"{len(self.owed)} records that the rows up to seq {self.seq} lead to are missing")
        self.seq = seq
        records = self.advance(rows)
        self.derived += len(records)
        if self.kernels == SOURCES:
            self.owed, self.sent = records, records[records["kind"] == SUBMIT]
        if on_records is not None and len(records):
            on_records(records, self.desk)

    def _compare(self, records: Records) -> None:
        self.logged += len(records)
        if self.kernels != SOURCES:
            return
        if records.tobytes() != self.owed[: len(records)].tobytes():
            raise BadLog(self.directory, f"the {len(records)} records it holds after seq {self.seq} are not those that its rows lead to")
        self.owed = self.owed[len(records) :]

    def _verify(self, seq: int, told: Checkpoint) -> None:
        if self.kernels != SOURCES:
            return  # other kernels wrote this checkpoint; from the next run on they are ours again
        if told.decisions != int(self.desk.account["decisions"]) or told.state_digest != self.desk.state_digest():
            raise BadLog(
                self.directory,
                f"at seq {seq} the replayed core differs from the one that ran: expected state {told.state_digest}, found {self.desk.state_digest()}",
            )
        self.verified += 1


class LoggedDesk:
    """The core on its log: nothing reaches it that is not written first, nothing it derives is lost.

    on_records  hears every batch of records after they are written (views, the store's queue)
    """

    def __init__(self, desk: Desk, advance: Advance, writer: LogWriter, latencies: Latencies | None = None) -> None:
        self.desk, self.advance, self.writer = desk, advance, writer
        self.sequencer = Sequencer(writer)
        self.latencies = latencies or Latencies()
        self.rows = 0
        self.proved: Checkpoint | None = None  # the newest checkpoint
        self.on_records: list[Callable[[Records], None]] = []
        self.resumed_from = 0
        self.began = 0  # ns: when the log was begun, by whichever run
        self.message = ""

    @classmethod
    def open(cls, directory: Path, settings: CoreSettings, instruments: Instruments, *, now: int, log: LogSettings | None = None) -> "LoggedDesk":
        """The desk of this log: a new one, or the one that a stop or a crash left, brought to the same state by replay.

        now     ns UTC, the time of the Started event
        raises  BadConfig where the log is of other instruments or other features: nothing is guessed, the log stays
        """
        began = LogWriter(directory, log)
        try:
            return cls._on(began, directory, settings, instruments, now)
        except BaseException:
            began.close()
            raise

    @classmethod
    def _on(cls, writer: LogWriter, directory: Path, settings: CoreSettings, instruments: Instruments, now: int) -> "LoggedDesk":
        last, began = writer.next_seq - 1, max(now, writer.ts)
        message = writer.recovery.message
        if last == 0:
            desk, advance = core(settings, instruments)
        else:
            replay = Replay(directory)
            began = replay.started.ts
            _expect_same(replay.started, settings, instruments, directory)
            desk, advance = replay.run(), replay.advance
            writer.append_records(replay.owed)  # killed between a row and what it led to
            _explain(writer, replay.sent, desk)
            desk.reconfigure(settings.desk)
        logged = cls(desk, advance, writer)
        logged.resumed_from, logged.message, logged.began = last, message, began
        logged.sequencer.tell(
            Started(
                version=__version__,
                mode=settings.desk.mode,
                kernels=SOURCES,
                settings=msgspec.to_builtins(settings),
                instruments=[msgspec.to_builtins(item) for item in instruments],
                ts=max(now, writer.ts),
                resumed_from=last,
            )
        )
        return logged

    def take(self, fresh: RowBuffer | Rows) -> Records:
        """Rows that just came: written, then decided on; what was decided is written too and returned."""
        clock, latencies = time.perf_counter_ns, self.latencies
        begun = clock()
        rows = self.sequencer.stamp(fresh)
        if not len(rows):
            return self.advance(rows)
        written = clock()
        latencies["log"].record(written - begun)
        records = self.advance(rows)
        latencies["decide"].record(clock() - written)
        self.rows += len(rows)
        self._keep(records)
        return records

    def rehearse(self) -> None:
        """Go the way of a frame with no row in hand: nothing is written, nothing changes, and the next frame finds the way warm."""
        self.desk.rehearse()
        self.writer.rehearse()

    def tell(self, event: Control) -> Records:
        """A control event: written, then heard by the core."""
        rows = self.sequencer.tell(event)
        records = self.advance(rows)
        self._keep(records)
        return records

    def checkpoint(self, now: int) -> Checkpoint:
        """Write what the core's state is now, so that a replay can prove that it reaches the same."""
        account = self.desk.account
        told = Checkpoint(
            ts=now,
            state_digest=self.desk.state_digest(),
            decisions_digest=self.desk.decisions_digest(),
            decisions=int(account["decisions"]),
            orders=int(account["submits"]),
            fills=int(account["fills"]),
        )
        self.sequencer.tell(told)
        self.proved = told
        return told

    def stop(self, now: int, reason: str) -> Stopped:
        """End the run cleanly: the last event, on the disk."""
        self.checkpoint(now)
        told = Stopped(ts=now, reason=reason, state_digest=self.desk.state_digest(), decisions_digest=self.desk.decisions_digest())
        self.sequencer.tell(told)
        self.close()
        return told

    def close(self) -> None:
        """Sync and let go of the log."""
        with contextlib.suppress(Exception):
            self.writer.sync()
        self.writer.close()

    def _keep(self, records: Records) -> None:
        if not len(records):
            return
        self.writer.append_records(records)
        for hear in self.on_records:  # an order leaves first; its reasons are written while it is on its way
            hear(records)
        for at, kind in enumerate(records["kind"].tolist()):
            if kind == SUBMIT:
                _explain(self.writer, records[at : at + 1], self.desk)


def _explain(writer: LogWriter, submits: Records, desk: Desk) -> None:
    """Write why these orders were sent, as the desk that sent them stands now."""
    for record in submits:
        writer.append_context(int(record["seq"]), int(record["order"]), why_of(record, desk))


def _expect_same(started: Started, settings: CoreSettings, instruments: Instruments, directory: Path) -> None:
    """The log's instruments and features must be these; limits and sizes may have changed."""
    before, now = list(instruments_of(started)), list(instruments)
    changed = [f"{a.symbol if a else 'none'} -> {b.symbol if b else 'none'}" for a, b in _pairs(before, now) if a != b]
    if changed:
        what = f"its instruments were others ({'; '.join(changed[:3])})"
    elif settings_of(started).bank != settings.bank:
        what = "its features, alphas or ensemble were set otherwise"
    elif (settings_of(started).strategy, settings_of(started).params) != (settings.strategy, settings.params):
        what = f"its strategy was {settings_of(started).strategy!r} with params {settings_of(started).params}"
    elif (settings_of(started).desk.execution.fill_model == "venue") != (settings.desk.execution.fill_model == "venue"):
        what = f"its fills came from the model {settings_of(started).desk.execution.fill_model!r}, and simulated and real money do not mix"
    elif settings_of(started).desk.equity != settings.desk.equity:
        what = f"its account began with {settings_of(started).desk.equity:,.2f} dollars, not {settings.desk.equity:,.2f}"
    else:
        return
    raise BadConfig(f"the log in {directory} can't be continued: {what}. Set it back, or begin a new log: polaris start --fresh keeps the old one beside it")


def _pairs(before: list[Any], now: list[Any]) -> list[tuple[Any, Any]]:
    length = max(len(before), len(now))
    return [(before[i] if i < len(before) else None, now[i] if i < len(now) else None) for i in range(length)]
