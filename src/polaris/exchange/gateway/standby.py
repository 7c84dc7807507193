"""The warm standby: a second process that reads the journal as it grows, and can take the leader's place at once.

    standby = Standby(folder, rules_digest, restore)
    if standby.watch(60): journal = standby.promote()           # `polaris exchange promote` was called: `fence.promote`

It is ahead of nobody: what it applies is written, by the leader of the epoch that held when it was read. `promote` raises the epoch, so that the
leader before, dead, stopped or cut off, can acknowledge nothing more; then it reads to the end and has all of it on the disk.
"""

import time
from pathlib import Path
from typing import Any, Generic

from polaris.domain.errors import BadLog
from polaris.exchange.gateway.fence import read_epoch
from polaris.exchange.gateway.identity import identity
from polaris.exchange.gateway.journal import Journal
from polaris.exchange.gateway.reading import Reader
from polaris.exchange.gateway.recovery import M, Restore, begin

LOOK_SECONDS = 0.001


class Standby(Generic[M]):
    """A machine that follows another's journal.

    machine   the state after `seq`
    told      what a person should know of the start
    lag_ns    from when the last batch applied was written to when it was applied

    raises    BadLog, here and from all it does: where the journal is damaged, or has lost files that were still to be read.
              OtherKernel where another kernel or other rules write it
    """

    def __init__(self, folder: Path | str, rules_digest: str, restore: Restore[M]) -> None:
        self.folder, self.rules_digest = Path(folder), rules_digest
        own = identity(rules_digest)
        self.machine, seq, self.told = begin(self.folder, own, restore)
        self.lag_ns = 0
        self._reader = Reader(self.folder, seq, own, follows=True)

    @property
    def seq(self) -> int:
        """Of the last command applied."""
        return self._reader.seq

    @property
    def wanted(self) -> bool:
        """Whether the place of the leader is vacant, by `fence.promote`."""
        return read_epoch(self.folder)[1]

    def follow(self, upto: int | None = None) -> int:
        """Apply what has come; returns how many commands that were."""
        before = self._reader.seq
        for commands, notes in self._reader.portions(upto):
            self.machine.apply(commands, notes)
            self.lag_ns = time.time_ns() - self._reader.written
        return self._reader.seq - before

    def watch(self, seconds: float) -> bool:
        """Follow for so long, or until promotion is wanted; returns whether it is."""
        until = time.monotonic() + seconds
        while not self.wanted:
            if not self.follow():
                time.sleep(LOOK_SECONDS)
            if time.monotonic() > until:
                return self.wanted
        return True

    def promote(self, **options: Any) -> Journal:
        """Lead from here on, whoever led before; `machine` has all that the journal holds.

        options  those of `Journal.open`
        raises   Unavailable where the place was vacant and another standby has it now
        """
        journal = Journal.open(self.folder, self.rules_digest, promote=not self.wanted, **options)
        self._reader.follows = False
        try:
            self.follow(journal.last_seq)
            if self.seq != journal.last_seq:
                raise BadLog(self.folder, f"the standby came to seq {self.seq}, the journal ends at {journal.last_seq}")
        except BaseException:
            journal.close()
            raise
        finally:
            self._reader.close()
        return journal
