"""What the journal's tests drive it with: commands that name themselves, a machine that remembers all it was told, a reader of bytes."""

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.exchange.gateway.journal import Journal, State
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.gateway.segments import read
from polaris.exchange.words import COMMAND, Commands

RULES = "rules-of-a-test"
SMALL = 1 << 13  # bytes of a segment: 62 commands


def some(first: int, count: int) -> tuple[Commands, Notes]:
    """Commands and notes of the seqs `first` and on, each told from all others."""
    commands, notes = np.zeros(count, COMMAND), np.zeros(count, NOTE)
    commands["seq"] = np.arange(first, first + count)
    commands["order_id"] = commands["seq"] * 7
    notes["client_id"] = [f"order-{seq}".encode() for seq in commands["seq"].tolist()]
    notes["reserved"] = b"!!"
    return commands, notes


class Witness:
    """A machine whose state is all it was told, in its order."""

    def __init__(self, parts: dict[str, npt.NDArray[Any]] | None = None) -> None:
        self.seqs: list[int] = [] if parts is None else parts["seqs"].tolist()
        self.names: list[bytes] = [] if parts is None else parts["names"].tolist()

    def apply(self, commands: Commands, notes: Notes) -> None:
        self.seqs += commands["seq"].tolist()
        self.names += notes["client_id"].tolist()

    def digest(self) -> str:
        return hashlib.sha256(repr((self.seqs, self.names)).encode()).hexdigest()

    def parts(self) -> dict[str, npt.NDArray[Any]]:
        return {"seqs": np.array(self.seqs, np.int64), "names": np.array(self.names, "S36")}


def written(folder: Path, *sizes: int, **options: Any) -> Journal:
    """An open journal with a batch of each size, durable one after the other."""
    journal = Journal.open(folder, RULES, **{"segment_bytes": SMALL, **options})
    for size in sizes:
        more(journal, size)
    return journal


def more(journal: Journal, count: int) -> None:
    """Append so many commands and wait until they are durable."""
    journal.append(journal.next_seq, *some(journal.next_seq, count))
    assert journal.wait(journal.next_seq - 1), journal.why


def turns(journal: Journal, state: State) -> None:
    """Wait until the journal is in this state."""
    until = time.monotonic() + 20
    while journal.state != state and time.monotonic() < until:
        journal.wait(journal.next_seq, 0.01)
    assert journal.state == state


def seqs(folder: Path, after_seq: int = 0) -> list[int]:
    return [seq for commands, _ in read(folder, after_seq) for seq in commands["seq"].tolist()]


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))
