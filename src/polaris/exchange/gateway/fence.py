"""Who leads: an epoch in a file, and a lock.

Every leader raises the epoch and stamps it on all it writes; whose epoch has passed writes nothing more (`scribe` looks before each
write and before each report). The lock tells a leader that lives from one that was killed: `lead` refuses to depose the living,
`promote` does it on purpose and leaves the place vacant for the standby that watches.

    epoch           16 bytes, changed in place so that a mapping of it sees the change: the epoch, 1 where nobody leads it yet
    leader.<epoch>  locked by the process that leads, as long as it lives
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polaris.domain.errors import Unavailable
from polaris.exchange.gateway.scribe import EPOCH


class Leadership:
    """The right to write, until somebody takes it or `resign` gives it back."""

    def __init__(self, folder: Path, epoch: int, lock: int) -> None:
        self.folder, self.epoch, self._lock = folder, epoch, lock

    def resign(self) -> None:
        """Let another lead. Twice is fine."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def lead(folder: Path, depose: bool = False) -> Leadership:
    """Begin the next epoch.

    depose  even where the leader of the present one lives
    raises  Unavailable where it does and that was not asked for
    """
    with _alone(folder):
        epoch, _ = read_epoch(folder)
        before = _lock(folder, epoch)
        if before < 0 and not depose:
            raise Unavailable(f"{folder}: another process leads this exchange; stop it, or promote this one in its place")
        lock = _lock(folder, epoch + 1)
        _write(folder, epoch + 1, vacant=False)
        if before >= 0:
            os.close(before)
        for old in set(folder.glob("leader.*")) - {_lock_path(folder, epoch + 1)}:
            old.unlink()
        return Leadership(folder, epoch + 1, lock)


def promote(folder: Path | str) -> int:
    """Depose whoever leads, at once; a standby that follows takes the place. Returns the epoch that is vacant now.

    raises  Unavailable where no exchange ever led here
    """
    path = Path(folder)
    if not (path / "epoch").exists():
        raise Unavailable(f"{path}: no journal of an exchange is kept here")
    with _alone(path):
        epoch, _ = read_epoch(path)
        _write(path, epoch + 1, vacant=True)
        return epoch + 1


def read_epoch(folder: Path) -> tuple[int, bool]:
    """The epoch, and whether it is vacant; (0, False) where nobody ever led."""
    try:
        epoch, vacant = EPOCH.unpack((folder / "epoch").read_bytes())
    except FileNotFoundError:
        return 0, False
    return epoch, bool(vacant)


def _write(folder: Path, epoch: int, vacant: bool) -> None:
    file = os.open(folder / "epoch", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        os.pwrite(file, EPOCH.pack(epoch, vacant), 0)
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else looks at or changes who leads meanwhile."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
        os.fsync(directory)
    finally:
        os.close(directory)


def _lock_path(folder: Path, epoch: int) -> Path:
    return folder / f"leader.{epoch}"


def _lock(folder: Path, epoch: int) -> int:
    """The lock of an epoch, held; -1 where another process holds it."""
    file = os.open(_lock_path(folder, epoch), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return -1
    return file
