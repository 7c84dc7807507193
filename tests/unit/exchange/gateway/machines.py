"""What the journal's tests drive it with: commands that name themselves, a machine that remembers all it was told, a reader of bytes."""

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.exchange.gateway.identity import identity
from polaris.exchange.gateway.journal import Journal, State
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.gateway.reading import read
from polaris.exchange.gateway.scribe import HEADER_BYTES, pack_batch, pack_header, seed_of, segment_name
from polaris.exchange.words import COMMAND, Commands

RULES = "rules-of-a-test"
SMALL = 1 << 13  # bytes of a segment: 62 commands
OURS = tuple(identity(RULES))


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


def lay_spare(folder: Path) -> None:
    """Have the next segment ready, so that none is made in haste."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spare").write_bytes(bytes(SMALL))


def written(folder: Path, *sizes: int, **options: Any) -> Journal:
    """An open journal with a batch of each size, durable one after the other."""
    lay_spare(folder)
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


def batch(first: int, count: int, epoch: int = 1, segment: int = 1) -> bytes:
    """The bytes of a batch, as the scribe writes it."""
    commands, notes = some(first, count)
    payload = [commands.tobytes(), notes.tobytes()]
    return pack_batch(first, count, epoch, 1_000, payload, seed_of(segment, epoch)) + b"".join(payload)


def lay(
    folder: Path, *sizes: int, first: int = 1, epoch: int = 1, continues: tuple[int, int] = (0, 0), identity: Any = OURS, room: int = 1 << 14
) -> tuple[Path, list[int]]:
    """A segment with a batch of each size; returns its path and where each batch begins, and the end."""
    folder.mkdir(exist_ok=True)
    path = folder / segment_name(first, epoch)
    data, places, seq = pack_header(first, epoch, identity, continues), [HEADER_BYTES], first
    for size in sizes:
        data += batch(seq, size, epoch, first)
        places.append(len(data))
        seq += size
    path.write_bytes(data.ljust(room, b"\0"))
    return path, places
