"""The journal as its leader sees it: commands and notes go in, and come back as a seq that the disk has.

    journal = Journal.open(folder, rules_digest, on_durable=tell)
    if not journal.refuses: ... run the commands ...; journal.append(first_seq, commands, notes)

The disk belongs to the scribe, a process of its own: an append never waits for it. What was appended and is not durable is the
backlog; it is bounded, and `refuses` says in words why nothing more may be run now. An answer goes out when `told_seq` reaches its
command, so what a client was told is on the disk (`durability="disk"`) or was at least handed to the scribe ("memory").

| state  | means                                                                          | goes on                     |
|--------|--------------------------------------------------------------------------------|-----------------------------|
| OPEN   | the disk takes what comes                                                      |                             |
| FULL   | the disk has no room: nothing is told durable until it has                     | by itself, when it has room |
| FAILED | a write or sync failed, or the scribe died: what is not durable may be lost    | start again: recovery       |
| FENCED | another leads                                                                  | no                          |
| CLOSED | by us                                                                          | no                          |
"""

import asyncio
import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Literal

from polaris.domain.errors import BadConfig, Unavailable
from polaris.exchange.gateway import scribe
from polaris.exchange.gateway.fence import Leadership, lead
from polaris.exchange.gateway.identity import Identity, identity
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.gateway.reading import Reader
from polaris.exchange.gateway.segments import SegmentId, chain
from polaris.exchange.words import COMMAND, Commands

SEGMENT_BYTES = 1 << 26
GATHERED_S = 0.001  # what goes to the scribe together where nobody waits for the disk
MOST_BACKLOG = 1 << 16  # commands
FRAME_COMMANDS = 1 << 12
START_SECONDS = 20
PROGRAM = (sys.executable, "-I", "-S", scribe.__file__)


class State(IntEnum):
    """How the journal is; see the module."""

    OPEN = scribe.OPEN
    FULL = scribe.FULL
    FAILED = scribe.FAILED
    FENCED = scribe.FENCED
    CLOSED = scribe.CLOSED


class Journal:
    """The open end of an exchange's journal. Made by `Journal.open`.

    last_seq     what the journal held when it was opened
    cut          what opening took off a torn tail; "" where nothing was torn
    epoch        ours
    next_seq     the seq the next command takes
    durable_seq  the disk has everything up to here
    state, why   see the module; why is "" while it is OPEN
    """

    def __init__(
        self,
        folder: Path,
        leadership: Leadership,
        own: Identity,
        last: SegmentId | None,
        last_seq: int,
        cut: str,
        settings: tuple[str, int, int],
        program: Sequence[str],
        on_durable: Callable[[int], None] | None,
        on_state: Callable[[State, str], None] | None,
    ) -> None:
        self.folder, self.leadership, self.last_seq, self.cut = folder, leadership, last_seq, cut
        self.epoch = leadership.epoch
        self.durability, self.segment_bytes, self.most_backlog = settings
        self.next_seq = last_seq + 1
        self.durable_seq = last_seq
        self.state, self.why = State.OPEN, ""
        self._on_durable, self._on_state = on_durable, on_state
        self._frame = min(FRAME_COMMANDS, scribe.group_of(self.segment_bytes))
        self._waiting: deque[memoryview] = deque()
        self._reports = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link, theirs = socket.socketpair()
        told = {
            "link": theirs.fileno(),
            "folder": str(folder),
            "epoch": self.epoch,
            "next_seq": self.next_seq,
            "segment_bytes": self.segment_bytes,
            "identity": own,
            "continues": last or (0, 0),
        }
        with theirs:
            self._scribe = subprocess.Popen([*program, json.dumps(told)], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True)
        self._link.setblocking(False)

    @classmethod
    def open(
        cls,
        folder: Path | str,
        rules_digest: str,
        *,
        durability: Literal["disk", "memory"] = "disk",
        segment_bytes: int = SEGMENT_BYTES,
        most_backlog: int = MOST_BACKLOG,
        promote: bool = False,
        on_durable: Callable[[int], None] | None = None,
        on_state: Callable[[State, str], None] | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> "Journal":
        """Lead the exchange whose journal is kept in `folder`, made where there is none.

        rules_digest   up to 32 letters: of the rules the commands are run with
        durability     what `told_seq` waits for
        segment_bytes  of a file, 4,096 to 2**30
        most_backlog   commands that may wait for the disk before `refuses` says so
        promote        depose the leader that is there
        on_durable     called with `told_seq` when it has grown
        on_state       called with the state and why when it has changed
        program        the scribe; a test gives one with a worse disk
        raises         Unavailable where another process leads, BadLog where the last segment is damaged in its middle, BadConfig
        """
        if not 4096 <= segment_bytes <= 2**30 or segment_bytes % scribe.ROW_BYTES:
            raise BadConfig(f"segment_bytes is {segment_bytes}; expected a multiple of 64, 4096 to {2**30}")
        if durability not in ("disk", "memory") or most_backlog < 1:
            raise BadConfig(f"durability is {durability!r}, most_backlog {most_backlog}; expected disk or memory, and at least 1")
        path, own = Path(folder), identity(rules_digest)
        path.mkdir(parents=True, exist_ok=True)
        leadership = lead(path, promote)
        try:
            for stray in (*path.glob("spare.*"), *path.glob("*.journal.*")):  # half made when a leader was killed
                stray.unlink(missing_ok=True)
            last, last_seq, cut = _end_of(path)
            settings = (durability, segment_bytes, most_backlog)
            return cls(path, leadership, own, last, last_seq, cut, settings, program, on_durable, on_state)
        except BaseException:
            leadership.resign()
            raise

    @property
    def backlog(self) -> int:
        """Commands that were appended and are not durable."""
        return self.next_seq - 1 - self.durable_seq

    @property
    def told_seq(self) -> int:
        """What happened up to here may be told."""
        return self.durable_seq if self.durability == "disk" else self.next_seq - 1

    @property
    def refuses(self) -> str:
        """Why no command may be run now; "" where it may. To be asked before the core runs one."""
        if self.state != State.OPEN:
            return self.why
        return f"{self.backlog} commands wait for the disk" if self.backlog >= self.most_backlog else ""

    def append(self, first_seq: int, commands: Commands, notes: Notes) -> None:
        """Hand the scribe what the core has run. It is copied; nothing waits.

        commands  COMMAND[n] whose seqs are first_seq and on
        notes     NOTE[n]
        raises    ValueError where these are not the next commands, Unavailable where the journal takes nothing any more (`why`)
        """
        n = len(commands)
        if not n:
            return
        if self.state not in (State.OPEN, State.FULL):
            raise Unavailable(f"{self.folder}: the journal takes nothing any more: {self.why}")
        if commands.dtype != COMMAND or notes.dtype != NOTE or len(notes) != n:
            raise ValueError(f"{n} commands of {commands.dtype} and {len(notes)} notes of {notes.dtype}; expected as many NOTE as COMMAND")
        if first_seq != self.next_seq or commands[0]["seq"] != first_seq or commands[-1]["seq"] != first_seq + n - 1:
            raise ValueError(f"commands {commands[0]['seq']} to {commands[-1]['seq']} as {first_seq}; expected seq {self.next_seq} and on")
        idle = not self._waiting
        for start in range(0, n, self._frame):
            stop = min(n, start + self._frame)
            frame = scribe.FRAME.pack(first_seq + start, stop - start) + commands[start:stop].tobytes() + notes[start:stop].tobytes()
            self._waiting.append(memoryview(frame))
        self.next_seq = first_seq + n
        if self.durability == "disk" or self._loop is None:
            self._send()
        elif idle:
            self._loop.call_later(GATHERED_S, self._send)
        if self.durability == "memory" and self._on_durable is not None:
            self._on_durable(self.told_seq)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear the scribe's reports in a loop, until `close`."""
        self._loop = loop
        loop.add_reader(self._link.fileno(), self.poll)
        if self._waiting:
            loop.add_writer(self._link.fileno(), self._send)

    def poll(self) -> None:
        """Hear what the scribe has to report, and hand it what it had no room for. Never waits."""
        self._send()
        before = self.durable_seq
        while True:
            try:
                came = self._link.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                came = b""
            if not came:
                self._ended()
                break
            data = self._reports + came
            whole = len(data) // scribe.REPORT.size * scribe.REPORT.size
            self._reports = data[whole:]
            for durable, state, number in scribe.REPORT.iter_unpack(data[:whole]):
                self.durable_seq = durable
                self._turn(State(state), number)
        if self.durable_seq > before and self.durability == "disk" and self._on_durable is not None:
            self._on_durable(self.durable_seq)

    def wait(self, seq: int, timeout: float = 10.0) -> bool:
        """Whether `seq` is durable, waiting for it up to `timeout` seconds while the journal lives: for those without a loop."""
        until = time.monotonic() + timeout
        self.poll()
        while self.durable_seq < seq and self.state in (State.OPEN, State.FULL) and (left := until - time.monotonic()) > 0:
            select.select([self._link], [self._link] if self._waiting else [], [], left)
            self.poll()
        return self.durable_seq >= seq

    def close(self, timeout: float = 10.0) -> None:
        """Have everything on the disk, end the scribe, let another lead. Twice is fine.

        raises  Unavailable where the disk did not get it all
        """
        if self.state == State.CLOSED:
            return
        self.wait(self.next_seq - 1, timeout)
        lost, state, why = self.backlog, self.state, self.why
        self._detach()
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_WR)
        try:
            self._scribe.wait(timeout if state == State.OPEN else 0.1)
        except subprocess.TimeoutExpired:
            self._scribe.kill()
            self._scribe.wait()
        self._link.close()
        self.leadership.resign()
        self.state, self.why = State.CLOSED, "the journal is closed"
        if lost:
            raise Unavailable(f"{self.folder}: the journal was closed with {lost} commands that the disk does not have: {why or 'it is too slow'}")

    def _send(self) -> None:
        if len(self._waiting) > 1:
            self._waiting = deque([memoryview(b"".join(self._waiting))])
        try:
            while self._waiting:
                sent = self._link.send(self._waiting[0])
                if sent < len(self._waiting[0]):
                    self._waiting[0] = self._waiting[0][sent:]
                else:
                    self._waiting.popleft()
        except BlockingIOError:
            if self._loop is not None:
                self._loop.add_writer(self._link.fileno(), self._send)
            return
        except OSError:
            pass  # its last report, or its end, says why
        if self._loop is not None:
            self._loop.remove_writer(self._link.fileno())

    def _ended(self) -> None:
        """The scribe closed its end without being asked to."""
        self._detach()
        self._waiting.clear()
        if self.state in (State.OPEN, State.FULL):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._scribe.wait(1)
            self._become(State.FAILED, f"the scribe ended with {self._scribe.returncode}")

    def _turn(self, state: State, number: int) -> None:
        why = {
            State.FULL: f"the disk is full: {os.strerror(number)}",
            State.FAILED: f"the journal can't be written: {os.strerror(number)}",
            State.FENCED: f"epoch {self.epoch} has passed: another leads",
        }
        self._become(state, why.get(state, ""))

    def _become(self, state: State, why: str) -> None:
        if state != self.state:
            self.state, self.why = state, why
            if self._on_state is not None:
                self._on_state(state, why)

    def _detach(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None and self._link.fileno() >= 0:
            loop.remove_reader(self._link.fileno())
            loop.remove_writer(self._link.fileno())


def _end_of(folder: Path) -> tuple[SegmentId | None, int, str]:
    """The last segment, its last seq, and what was cut behind it; now the disk has all of it."""
    segments = chain(folder)
    if not segments:
        return None, 0, ""
    reader = Reader(folder, segments[-1].first - 1)
    for _ in reader.portions():
        pass
    reader.close()
    return segments[-1], reader.seq, reader.cut()
