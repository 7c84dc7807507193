"""Snapshots: the exchange's state as plain rows, so that recovery need not begin at the first command.

A snapshot is an `.npz` file (readable by NumPy alone, a checksum to each array) of the arrays a machine's `parts` gave, and `_about`:
seq, digest, kernel, rules and the parts' names as JSON. It is written aside, synced and renamed: a file of this name is whole or damaged, never half
written. The newest two are kept; segments that the older of them covers may go.
"""

import json
import os
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.identity import Identity, identity
from polaris.exchange.gateway.reading import written_end
from polaris.exchange.gateway.segments import chain

KEPT: Final = 2
_NAME: Final = re.compile(r"(\d{20})\.snapshot")
_ABOUT: Final = "_about"
ASIDE: Final = ".aside"
Parts = dict[str, npt.NDArray[Any]]


class Snapshot(NamedTuple):
    """A state that was kept."""

    seq: int  # of the last command in it
    digest: str
    identity: Identity
    parts: Parts


def write_snapshot(folder: Path | str, rules_digest: str, seq: int, digest: str, parts: Parts) -> Path:
    """Keep the state after command `seq` of the journal in this folder; returns its file.

    parts    arrays of numbers, of bytes, or of rows of these
    raises   ValueError where the journal does not hold `seq`: a snapshot must not know more than the journal.
             OSError where the disk does not take it; then nothing has changed
    """
    have_on_disk(Path(folder), seq)
    return keep(Path(folder), Snapshot(seq, digest, identity(rules_digest), parts))


def keep(folder: Path, snapshot: Snapshot) -> Path:
    """As `write_snapshot`, of what the disk is known to have."""
    return publish(folder, write_aside(folder, snapshot), snapshot.seq)


def write_aside(folder: Path, snapshot: Snapshot) -> Path:
    """Have it on the disk where no recovery looks for it; returns its file. Raises OSError; then there is none."""
    about = {"seq": snapshot.seq, "digest": snapshot.digest, **snapshot.identity._asdict(), "parts": sorted(snapshot.parts)}
    aside = _path(folder, snapshot.seq).with_suffix(f".{os.getpid()}{ASIDE}")
    try:
        with aside.open("wb") as file:
            np.savez(file, allow_pickle=False, **{_ABOUT: np.frombuffer(json.dumps(about).encode(), np.uint8)}, **snapshot.parts)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return aside


def publish(folder: Path, aside: Path, seq: int) -> Path:
    """Let what was written aside be the snapshot at `seq`, which the journal is known to hold; returns its file. Raises OSError; then nothing has changed."""
    path = _path(folder, seq)
    try:
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _sync(folder)
    return path


def sweep(folder: Path | str) -> None:
    """Remove what was written aside and never published, because who wrote it ended. Only who leads may, before he writes any himself."""
    for aside in Path(folder).glob(f"*{ASIDE}"):
        aside.unlink(missing_ok=True)


def list_snapshots(folder: Path) -> list[int]:
    """The seqs of the snapshots there are, rising."""
    return sorted(int(match[1]) for path in folder.glob("*.snapshot") if (match := _NAME.fullmatch(path.name)))


def read_snapshot(folder: Path | str, seq: int) -> Snapshot:
    """The snapshot at `seq`.

    raises  BadLog where it is damaged
    """
    path = _path(Path(folder), seq)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            parts = {name: arrays[name] for name in arrays.files}
        about = json.loads(parts.pop(_ABOUT).tobytes())
        found = Snapshot(about["seq"], about["digest"], Identity(about["layout"], about["kernel"], about["rules"]), parts)
    except Exception as cause:  # over damaged bytes NumPy and zipfile raise what they please: TokenError, MemoryError, RuntimeError, ...
        raise BadLog(path, f"not a whole snapshot: {cause}") from cause
    if sorted(parts) != about["parts"]:
        raise BadLog(path, f"expected the parts {about['parts']}, found {sorted(parts)}")
    if found.seq != seq:
        raise BadLog(path, f"the name says seq {seq}, the file {found.seq}")
    return found


def retire(folder: Path | str) -> list[Path]:
    """Remove what the newest two snapshots, both read and found whole, make needless; returns the files that went.

    raises  BadLog where one of them is damaged: then nothing goes
    """
    directory = Path(folder)
    seqs = list_snapshots(directory)
    if len(seqs) < KEPT:
        return []
    for seq in seqs[-KEPT:]:
        read_snapshot(directory, seq)
    covered = seqs[-KEPT]
    gone = [_path(directory, seq) for seq in seqs[:-KEPT]]
    segments = chain(directory)
    gone += [segment.path(directory) for segment, following in pairwise(segments) if following.first <= covered + 1]
    for path in gone:
        path.unlink()
    _sync(directory)
    return gone


def have_on_disk(folder: Path, seq: int) -> None:
    """Have the journal on the disk up to `seq`. All but its last segment was synced before the next one began. Raises ValueError where it ends before."""
    if not seq:
        return
    last, reached = written_end(folder)
    if last is not None:
        _sync(last.path(folder))
    if reached < seq:
        raise ValueError(f"a snapshot of seq {seq}, but the journal in {folder} ends at {reached}: write it when the journal is durable up to there")


def _path(folder: Path, seq: int) -> Path:
    return folder / f"{seq:020d}.snapshot"


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
