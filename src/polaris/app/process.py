"""The desk as a process: who runs, starting it behind, stopping it, asking how it is.

A running desk holds a lock on `desk.pid` in its data folder for as long as it lives, so the kernel itself says whether
it is there: a file left by a killed desk holds no lock. The file names the process (and when it started, as a number is
used again) and the port where it answers.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import msgspec

from polaris.app.status import Status, from_json
from polaris.domain.errors import BadConfig, PolarisError, Unavailable

PID_FILE: Final = "desk.pid"
LOG_FILE: Final = "desk.log"
KEPT_LOG_BYTES: Final = 10_000_000  # a longer desk.log moves to desk.log.1 when the desk starts


class AlreadyRunning(PolarisError):
    """A desk already works on this data folder."""


class Running(msgspec.Struct, frozen=True):
    """A desk that runs: what its pid file says."""

    pid: int
    birth: int  # clock ticks after boot, from /proc: a number that was given to another process has another birth
    host: str
    port: int
    since_ns: int


@contextlib.contextmanager
def claim(data_dir: Path, host: str, port: int) -> Iterator[Callable[[int], None]]:
    """Be the desk of this folder until the block ends; yields a function that tells the port really taken.

    raises  AlreadyRunning where another process is
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / PID_FILE
    with _locked(path) as file:
        if file is None:
            refuse_second(data_dir)
            raise AlreadyRunning(f"another process holds {path}; if it is no desk, end it or choose another folder with --data")

        def tell(port: int) -> None:
            record = Running(os.getpid(), birth(os.getpid()) or 0, host, port, time.time_ns())
            file.seek(0)
            file.truncate()
            file.write(msgspec.json.encode(record))
            file.flush()

        tell(port)
        try:
            yield tell
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[BinaryIO | None]:
    """The file, locked until the block ends; None where another process holds it."""
    while True:
        with open(path, "a+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            # the last holder may have removed the file between our open and our lock: then we hold a file nobody sees
            if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                yield file
                return


def refuse_second(data_dir: Path) -> None:
    """Raise AlreadyRunning where a desk runs on this folder."""
    if desk := running(data_dir):
        raise AlreadyRunning(f"a desk already runs on {data_dir} (process {desk.pid}); look: polaris status, stop it: polaris stop")


def running(data_dir: Path) -> Running | None:
    """The desk that runs on this folder; None where there is none, whatever a stale file says."""
    try:
        record = msgspec.json.decode((data_dir / PID_FILE).read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError):
        return None
    return record if birth(record.pid) == record.birth else None


def birth(pid: int) -> int | None:
    """When a process started, in clock ticks after boot; None where there is no such process or it is a zombie."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in ("Z", "X") else int(after_name[19])


def status(desk: Running, timeout_s: float = 2.0) -> Status:
    """Ask a running desk how it is. Raises Unavailable where it does not answer."""
    url = f"http://{desk.host}:{desk.port}/status"
    try:
        with urlopen(url, timeout=timeout_s) as answer:  # loopback, http only
            return from_json(answer.read())
    except HTTPError as fault:
        raise Unavailable(f"the desk (process {desk.pid}) can't say how it is ({fault.code} {fault.reason}); see: polaris logs") from fault
    except (URLError, OSError, msgspec.DecodeError) as cause:
        raise Unavailable(f"the desk (process {desk.pid}) does not answer at {url}: {cause}; it may still be starting, see: polaris logs") from cause


def start_detached(arguments: list[str], data_dir: Path, *, timeout_s: float = 120.0, waiting: Callable[[float], None] | None = None) -> Running:
    """Start `polaris ARGUMENTS` in a session of its own, its output in desk.log, and wait until it answers.

    waiting  called with the seconds passed, about ten times a second
    raises   AlreadyRunning; Unavailable where it took too long; where it stopped at once, the error it ended with
    """
    refuse_second(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / LOG_FILE
    if log.exists() and log.stat().st_size > KEPT_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with open(log, "ab") as out:
        begun_at = out.tell()
        child = subprocess.Popen(
            [sys.executable, "-m", "polaris", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < timeout_s:
        if child.poll() is not None:
            raise _stopped_at_once(child.returncode, last_lines(log, 12, begun_at), log)
        desk = running(data_dir)
        if desk and desk.pid == child.pid and desk.port:
            with contextlib.suppress(Unavailable):
                status(desk, timeout_s=1.0)
                child.returncode = 0  # it lives on without us: do not warn that nobody waits for it
                return desk
        if waiting:
            waiting(passed)
        time.sleep(0.1)
    raise Unavailable(f"the desk (process {child.pid}) did not answer within {timeout_s:.0f} s and runs on; see {log}, or end it with: polaris stop")


def _stopped_at_once(code: int, end: str, log: Path) -> PolarisError:
    """The error of a desk that ended before it answered: its own, where its last line says one."""
    last = end.rpartition("\n")[2]
    said = last.removeprefix("error: ") if last.startswith("error: ") else f"the desk stopped at once (exit {code}); the end of {log}:\n{end}"
    return {1: PolarisError, 2: BadConfig}.get(code, Unavailable)(said)


def stop(desk: Running, *, timeout_s: float = 30.0, force: bool = False, waiting: Callable[[float], None] | None = None) -> float:
    """Ask a desk to stop and wait until it is gone; returns the seconds it took.

    force   kill it where it has not stopped in time: its log is made to survive that
    raises  Unavailable where it is still there after `timeout_s`
    """
    begun = time.monotonic()
    _signal(desk, signal.SIGTERM)
    while birth(desk.pid) == desk.birth:
        passed = time.monotonic() - begun
        if passed > timeout_s:
            if not force:
                raise Unavailable(f"the desk (process {desk.pid}) did not stop within {timeout_s:.0f} s; see polaris logs, or kill it with: polaris stop --force")
            _signal(desk, signal.SIGKILL)
            timeout_s += 10.0
            force = False
        if waiting:
            waiting(passed)
        time.sleep(0.05)
    return time.monotonic() - begun


def exit_code(desk: Running) -> int:
    """How a desk that we started and that is gone ended; -1 where it was not ours to ask."""
    try:
        pid, code = os.waitpid(desk.pid, os.WNOHANG)
    except ChildProcessError:
        return -1
    return os.waitstatus_to_exitcode(code) if pid else -1


def _signal(desk: Running, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        if birth(desk.pid) == desk.birth:
            os.kill(desk.pid, number)


def last_lines(path: Path, count: int, start: int = 0) -> str:
    """The last lines of a text file, looking no further back than byte `start`."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(start, end - 512 * count))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-count:])
    except OSError:
        return ""


def follow(path: Path, poll_s: float = 0.25) -> Iterator[str]:
    """Lines as they are added to a file from this call on, for ever; a file that was moved away or cut is opened again."""
    file = open(path, "rb")  # noqa: SIM115 - it changes under us
    file.seek(0, os.SEEK_END)
    return _added(path, file, poll_s)


def _added(path: Path, file: BinaryIO, poll_s: float) -> Iterator[str]:
    try:
        while True:
            line = file.readline()
            if line:
                yield line.decode("utf-8", "replace").rstrip("\n")
                continue
            time.sleep(poll_s)
            with contextlib.suppress(FileNotFoundError):
                now = os.stat(path)
                if now.st_ino != os.fstat(file.fileno()).st_ino or now.st_size < file.tell():
                    file.close()
                    file = open(path, "rb")  # noqa: SIM115
    finally:
        file.close()
