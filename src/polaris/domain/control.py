"""What people and the house itself tell the desk: rare, named, with who and why. Each is an event of the log.

A control event reaches the compiled core as one CONTROL row (`row_of`): the command and up to three integers. Who
said it and why stays in the struct, under the same seq.
"""

from typing import Any, Final

import msgspec

from polaris.domain.market import CONTROL
from polaris.domain.quality import Quality

# commands, as the price word of a CONTROL row carries them
PAUSE: Final = 1
RESUME: Final = 2
KILL: Final = 3
RELEASE: Final = 4
DEPOSIT: Final = 5


class Started(msgspec.Struct, frozen=True, tag="started", kw_only=True):
    """A run began (or began again) on this log: everything that shapes the core's state, as plain data."""

    version: str
    mode: str  # observe | paper | live
    kernels: str  # digest of the kernel sources
    settings: dict[str, Any]
    instruments: list[dict[str, Any]]
    ts: int
    resumed_from: int = 0  # the last seq before, 0 for a new log


class Stopped(msgspec.Struct, frozen=True, tag="stopped", kw_only=True):
    """A run ended cleanly."""

    ts: int
    reason: str
    state_digest: str
    decisions_digest: str


class Checkpoint(msgspec.Struct, frozen=True, tag="checkpoint", kw_only=True):
    """The digest of the core's whole state after every row before this seq: replay must reach the same."""

    ts: int
    state_digest: str
    decisions_digest: str
    decisions: int
    orders: int
    fills: int


class Pause(msgspec.Struct, frozen=True, tag="pause", kw_only=True):
    """Stop opening; cancel what works. Positions stay."""

    operator: str
    reason: str
    ts: int


class Resume(msgspec.Struct, frozen=True, tag="resume", kw_only=True):
    """Trade again after a pause."""

    operator: str
    reason: str
    ts: int


class Kill(msgspec.Struct, frozen=True, tag="kill", kw_only=True):
    """The kill switch: cancel everything, refuse everything, until released."""

    operator: str
    reason: str
    ts: int


class Release(msgspec.Struct, frozen=True, tag="release", kw_only=True):
    """Release the kill switch."""

    operator: str
    reason: str
    ts: int


class Deposit(msgspec.Struct, frozen=True, tag="deposit", kw_only=True):
    """Money came in (or, negative, went out): units of 1e-8 of the account's currency."""

    amount: int
    ts: int


class Note(msgspec.Struct, frozen=True, tag="note", kw_only=True):
    """Something worth keeping that changes no decision."""

    text: str
    ts: int


class Balances(msgspec.Struct, frozen=True, tag="balances", kw_only=True):
    """What an account was found to hold, where a run begins at its venue and whenever it begins or ceases to be what the desk makes of its fills.

    agrees   while it is not, that venue gets no new order: they come back rejected
    opening  what the account held before the desk's first fill, by asset, as decimal text
    held, expected   as the venue says, and as the desk does
    """

    venue: str
    agrees: bool
    opening: dict[str, str]
    held: dict[str, str]
    expected: dict[str, str]
    reason: str
    ts: int


Control = Started | Stopped | Checkpoint | Pause | Resume | Kill | Release | Deposit | Note | Quality | Balances

COMMANDS: Final[dict[type, int]] = {Pause: PAUSE, Resume: RESUME, Kill: KILL, Release: RELEASE, Deposit: DEPOSIT}


def row_of(event: Control) -> tuple[int, ...] | None:
    """The CONTROL row of an event, as `RowBuffer.append` takes it; None where the core need not hear of it."""
    command = COMMANDS.get(type(event))
    if command is None:
        return None
    return (event.ts, event.ts, -1, CONTROL, 0, command, event.amount if isinstance(event, Deposit) else 0, 0, 0)
