"""Starting again: the newest sound snapshot, and every command the journal holds behind it.

    journal = Journal.open(folder, rules_digest)                       # now nobody else writes, and the torn tail is gone
    recovered = recover(folder, rules_digest, restore, journal.last_seq)

What is recovered is a `Machine`: the exchange's core and whatever else is a fold of commands and notes. A damaged snapshot is passed over for
the one before it, where the journal still reaches back so far. A file of another kernel or of other rules is refused: other rules may
mean another outcome. `migrate` carries it over on purpose.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.fence import lead
from polaris.exchange.gateway.identity import Identity, identity
from polaris.exchange.gateway.note import Notes
from polaris.exchange.gateway.reading import Reader
from polaris.exchange.gateway.segments import chain, read_header
from polaris.exchange.gateway.snapshots import Parts, Snapshot, keep, list_snapshots, read_snapshot
from polaris.exchange.words import Commands


class Machine(Protocol):
    """State that is a fold of commands and their notes."""

    def apply(self, commands: Commands, notes: Notes) -> None:
        """Do these commands; both arrays hold them for this call only."""

    def digest(self) -> str:
        """Equal where two states are."""

    def parts(self) -> Parts:
        """The whole state as plain rows, for a snapshot."""


M = TypeVar("M", bound=Machine)
Restore = Callable[[Parts | None], M]  # a machine in the state of these parts, or a new one


class Recovered(NamedTuple, Generic[M]):
    """What a folder held."""

    machine: M
    seq: int  # of the last command applied
    snapshot_seq: int  # of the snapshot it began from; 0: from the first command
    replayed: int  # commands
    told: list[str]  # what a person should know, such as a damaged snapshot


class Migrated(NamedTuple, Generic[M]):
    """What was carried over from another kernel or other rules."""

    machine: M
    seq: int
    snapshot_seq: int
    replayed: int
    before: list[Identity]  # who had written it
    agrees: bool | None  # whether ours came from the snapshot before to the state of this one; None: they can't be compared
    told: list[str]


def recover(folder: Path | str, rules_digest: str, restore: Restore[M], upto: int | None = None) -> Recovered[M]:
    """The state after the last command, or after `upto`.

    raises  OtherKernel where another kernel or other rules wrote what is needed; BadLog where something promised is gone
    """
    own = identity(rules_digest)
    machine, start, told = begin(Path(folder), own, restore)
    seq = _replay(Path(folder), machine, start, own, upto)
    return Recovered(machine, seq, start, seq - start, told)


def begin(folder: Path, own: Identity, restore: Restore[M]) -> tuple[M, int, list[str]]:
    """A machine in the state of the newest sound snapshot or a new one; its seq; what a person should know."""
    told: list[str] = []
    snapshot = _newest(folder, told, own)
    if snapshot is None:
        return restore(None), 0, told
    machine = restore(snapshot.parts)
    if (found := machine.digest()) != snapshot.digest:
        raise BadLog(folder, f"the snapshot of seq {snapshot.seq} has digest {snapshot.digest}, the state made of it {found}")
    return machine, snapshot.seq, told


def migrate(folder: Path | str, rules_digest: str, restore: Restore[M]) -> Migrated[M]:
    """Carry the state over from whoever wrote it, run what is behind the newest snapshot with our kernel, and keep the result as a snapshot of ours.

    `agrees` tells whether our kernel, from the snapshot before the newest, comes to the state the newest holds.

    raises  Unavailable where an exchange runs on it; BadLog where something promised is gone, or commands lie in another layout and no snapshot covers them
    """
    directory, own = Path(folder), identity(rules_digest)
    leadership = lead(directory)
    try:
        told: list[str] = []
        snapshot = _newest(directory, told, None)
        machine = restore(snapshot.parts if snapshot else None)
        start = snapshot.seq if snapshot else 0
        agrees = _agrees(directory, snapshot, machine.digest(), restore) if snapshot else None
        before = {read_header(directory, segment).identity for segment in chain(directory)} | ({snapshot.identity} if snapshot else set())
        seq = _replay(directory, machine, start, None, None)
        keep(directory, Snapshot(seq, machine.digest(), own, machine.parts()))
        return Migrated(machine, seq, start, seq - start, sorted(before - {own}), agrees, told)
    finally:
        leadership.resign()


def _newest(folder: Path, told: list[str], own: Identity | None) -> Snapshot | None:
    """The newest snapshot that is whole. Raises OtherKernel where it is not of `own`."""
    for seq in reversed(list_snapshots(folder)):
        try:
            snapshot = read_snapshot(folder, seq)
        except BadLog as flaw:
            told.append(f"{flaw}; the one before it is taken")
            continue
        if own is not None:
            snapshot.identity.expect(own, folder / f"{seq:020d}.snapshot")
        return snapshot
    return None


def _agrees(folder: Path, newest: Snapshot, digest: str, restore: Restore[M]) -> bool | None:
    """Whether our kernel comes from the snapshot before `newest` to the state that has `digest`; None where it can't be tried."""
    for seq in reversed(list_snapshots(folder)):
        if seq < newest.seq:
            try:
                machine = restore(read_snapshot(folder, seq).parts)
                _replay(folder, machine, seq, None, newest.seq)
            except BadLog:
                continue
            return machine.digest() == digest
    return None


def _replay(folder: Path, machine: Machine, after: int, own: Identity | None, upto: int | None) -> int:
    """Apply what is behind seq `after`; returns the seq of the last command."""
    reader = Reader(folder, after, own)
    try:
        for commands, notes in reader.portions(upto):
            machine.apply(commands, notes)
    finally:
        reader.close()
    if reader.reached < after:
        raise BadLog(folder, f"a snapshot knows seq {after}, the journal ends at {reader.reached}: what it promised is gone")
    return reader.seq
