"""Snapshots of an exchange that runs, written by a copy of its process: what the venue waits for is the fork, not the state's size.

The copy (fork, copy-on-write) holds the whole state as it is at one command. It turns it into rows and writes them aside while the
venue goes on; the venue's last commands may still be on their way to the disk. Once the journal has them on it the venue gives its word,
and only then the copy lets the file be a snapshot and retires what became needless. Without the word, because the venue was killed or lost
its journal, the copy ends and nothing was kept: a snapshot never knows more than the journal.

The copy holds no door open: it closes every file it inherited before it does anything else.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from polaris.exchange.gateway.identity import identity
from polaris.exchange.gateway.recovery import Machine
from polaris.exchange.gateway.snapshots import Snapshot, have_on_disk, publish, retire, sweep, write_aside

WORD: Final = b"!"  # the journal has it
DONE: Final = b"done"
PATIENCE: Final = 10  # the copy's niceness: the venue comes first
SAID_BYTES: Final = 4096


class Keeper:
    """Writes the snapshots of one journal, one at a time.

    folder  of the journal that this process leads
    told    hears in the loop, for each snapshot begun, (seq, why it was not kept; "" where it was)
    """

    def __init__(self, folder: Path, rules_digest: str, told: Callable[[int, str], None]) -> None:
        self._folder, self._rules_digest, self._told = folder, rules_digest, told
        self._seq = self._child = 0
        self._said = b""
        self._line: socket.socket | None = None
        sweep(folder)

    @property
    def busy(self) -> bool:
        """Whether one is being written."""
        return self._line is not None

    def begin(self, seq: int, state: Callable[[], Machine]) -> None:
        """Copy this process and have the copy write the state after command `seq`. To be called where no command is half done.

        state   called in the copy: the machine at `seq`
        raises  OSError where the system has no room for a copy
        """
        if self._line is not None:
            raise ValueError(f"the snapshot of seq {self._seq} is being written; one at a time")
        ours, theirs = socket.socketpair()
        try:
            child = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if child == 0:
            self._be_the_copy(theirs, seq, state)
        theirs.close()
        ours.setblocking(False)
        self._seq, self._child, self._said, self._line = seq, child, b"", ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._hear)

    def durable(self, seq: int) -> None:
        """The journal has everything up to `seq` on the disk."""
        if self._line is not None and self._seq <= seq:
            with contextlib.suppress(OSError):  # it has ended, which is heard
                self._line.send(WORD)

    def close(self) -> None:
        """End the one that is being written; it was not kept, or was whole. Twice is fine."""
        if self._line is not None:
            os.kill(self._child, signal.SIGKILL)
            self._leave()
            sweep(self._folder)

    def _hear(self) -> None:
        """What the copy says, to its end: once that is heard nothing of it is left to wait for."""
        assert self._line is not None
        try:
            said = self._line.recv(SAID_BYTES)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if said:
            self._said += said
            return
        seq, outcome = self._seq, self._said
        self._leave()
        self._told(seq, "" if outcome == DONE else outcome.decode(errors="replace") or "its writer was ended")

    def _leave(self) -> None:
        line, self._line = self._line, None
        assert line is not None
        asyncio.get_running_loop().remove_reader(line.fileno())
        line.close()
        os.waitpid(self._child, 0)

    def _be_the_copy(self, line: socket.socket, seq: int, state: Callable[[], Machine]) -> None:
        """Never returns, and never runs anything of the process it was copied from."""
        try:
            signal.set_wakeup_fd(-1)
            for end in (signal.SIGINT, signal.SIGTERM):
                signal.signal(end, signal.SIG_IGN)  # the word, or its lack, says what to do
            own = line.fileno()
            os.closerange(3, own)
            os.closerange(own + 1, os.sysconf("SC_OPEN_MAX"))
            gc.disable()
            os.nice(PATIENCE)
            line.sendall(self._keep(line, seq, state))
        except BaseException as cause:
            with contextlib.suppress(BaseException):
                line.sendall(f"{type(cause).__name__}: {cause}".encode()[:SAID_BYTES])
        finally:
            os._exit(0)

    def _keep(self, line: socket.socket, seq: int, state: Callable[[], Machine]) -> bytes:
        machine = state()
        aside = write_aside(self._folder, Snapshot(seq, machine.digest(), identity(self._rules_digest), machine.parts()))
        try:
            if line.recv(1) != WORD:
                return b"the journal did not come so far"
            have_on_disk(self._folder, seq)
            publish(self._folder, aside, seq)
        finally:
            aside.unlink(missing_ok=True)
        retire(self._folder)
        return DONE
