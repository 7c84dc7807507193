"""Snapshots: the exchange's state as plain rows, so that recovery need not begin at the first command.

A snapshot is an `.npz` file (readable by NumPy alone, a checksum to each array) of the arrays a machine's `parts` gave, and `_about`:
seq, digest, kernel and rules as JSON. It is written aside, synced and renamed: a file of this name is whole or damaged, never half
written. The newest two are kept; segments that the older of them covers may go.
"""

import json
import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.identity import Identity, identity
from polaris.exchange.gateway.segments import chain

KEPT: Final = 2
_NAME: Final = re.compile(r"(\d{20})\.snapshot")
_ABOUT: Final = "_about"
Parts = dict[str, npt.NDArray[Any]]


class Snapshot(NamedTuple):
    """A state that was kept."""

    seq: int  # of the last command in it
    digest: str
    identity: Identity
    parts: Parts


def write_snapshot(folder: Path | str, rules_digest: str, seq: int, digest: str, parts: Mapping[str, npt.NDArray[Any]]) -> Path:
    """Keep a state; returns its file.

    seq      of the last command in it: one that is durable, or the snapshot would know more than the journal
    parts    arrays of numbers, bytes or rows of these
    raises   OSError where the disk does not take it; then nothing has changed
    """
    own = identity(rules_digest)
    about = {"seq": seq, "digest": digest, **own._asdict()}
    path = _path(Path(folder), seq)
    aside = path.with_suffix(f".{os.getpid()}.aside")
    try:
        with aside.open("wb") as file:
            np.savez(file, allow_pickle=False, **{_ABOUT: np.frombuffer(json.dumps(about).encode(), np.uint8)}, **parts)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _sync(Path(folder))
    return path


def list_snapshots(folder: Path) -> list[int]:
    """The seqs of the snapshots there are, rising."""
    return sorted(int(match[1]) for path in folder.glob("*.snapshot") if (match := _NAME.fullmatch(path.name)))


def read_snapshot(folder: Path | str, seq: int) -> Snapshot:
    """The snapshot at `seq`.

    raises  BadLog where it is damaged
    """
    path = _path(Path(folder), seq)
    try:
        with np.load(path, allow_pickle=False) as file:
            parts = {name: file[name] for name in file.files}
        about = json.loads(parts.pop(_ABOUT).tobytes())
        found = Snapshot(about["seq"], about["digest"], Identity(about["layout"], about["kernel"], about["rules"]), parts)
    except (OSError, ValueError, KeyError, EOFError, TypeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as cause:
        raise BadLog(path, f"not a whole snapshot: {cause}") from cause
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


def _path(folder: Path, seq: int) -> Path:
    return folder / f"{seq:020d}.snapshot"


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
