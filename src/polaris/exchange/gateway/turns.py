"""One turn of a venue: what was asked goes to the core in one call, and what it did waits until it may be told.

Who asks may want to see what his commands did before anything else runs (`then`), and go on from there: those turns take two calls.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.exchange.gateway.hearing import Answer
from polaris.exchange.gateway.note import NOTE, Notes
from polaris.exchange.gateway.orders import Change
from polaris.exchange.gateway.parties import Core, Listener
from polaris.exchange.gateway.register_changes import Changes
from polaris.exchange.listing import Rules
from polaris.exchange.words import BALANCE, COMMAND, EVENT, Commands, Events

BLANK: Final = bytes(NOTE.itemsize)

Reply = Callable[[list[Change]], None]
Block = Callable[[int, Changes], None]
More = tuple[Sequence[bytes], Sequence[bytes]]  # commands, notes
Balances = list[tuple[int, int, list[int], npt.NDArray[np.int64]]]  # ts, account, assets, its balances


class Asked:
    """What one request asks: commands that run next to each other, and who is answered."""

    __slots__ = ("block", "commands", "count", "notes", "reply", "then")

    def __init__(
        self,
        count: int,
        commands: Sequence[bytes],
        notes: Sequence[bytes],
        reply: Reply | None,
        then: Callable[[Events], More | None] | None = None,
        block: Block | None = None,
    ) -> None:
        self.count = count
        self.commands = commands
        self.notes = notes
        self.reply = reply
        self.then = then
        self.block = block


class Told:
    """One turn's outcome, until it may be told."""

    __slots__ = ("answers", "balances", "commands", "events", "listened", "notes", "reads", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.commands: Commands = np.empty(0, COMMAND)
        self.notes: Notes = np.empty(0, NOTE)
        self.events: Events = np.empty(0, EVENT)
        self.answers: list[Answer] = []
        self.listened: list[tuple[Listener, Any]] = []
        self.balances: Balances = []
        self.reads: list[tuple[Callable[[Any], None], Any]] = []


def run(core: Core, listeners: Iterable[Listener], clock: bytes, gathered: Iterable[Asked], told: Told) -> None:
    """Have the core do what was asked, behind this CLOCK; what came of it is in `told`, whose seq goes on to the last command's.

    The market's listeners fold what happened at once; they tell when it is told.
    """
    commands, notes = [clock], [BLANK]
    runs: list[tuple[Commands, Notes, Events]] = []
    seq = last = told.seq + 1  # of the next run's first command; of all that was gathered
    for asked in gathered:
        first = last + 1
        commands.extend(asked.commands)
        notes.extend(asked.notes)
        last += asked.count
        if asked.then is not None:
            runs.append(_once(core, listeners, seq, commands, notes, told))
            events = runs[-1][2]
            more = asked.then(events[events["seq"] >= first])
            seq, commands, notes = last + 1, [], []
            if more is not None:
                commands, notes = list(more[0]), list(more[1])
                last += len(commands)
        if asked.reply is not None or asked.block is not None:
            told.answers.append(Answer(first, last, asked.reply, asked.block))
    if commands:
        runs.append(_once(core, listeners, seq, commands, notes, told))
    told.commands, told.notes, told.events = (np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in zip(*runs, strict=True))
    told.seq += len(told.commands)


def _once(core: Core, listeners: Iterable[Listener], seq: int, commands: Sequence[bytes], notes: Sequence[bytes], told: Told) -> tuple[Commands, Notes, Events]:
    rows = np.frombuffer(bytearray().join(commands), COMMAND)
    rows["seq"] = np.arange(seq, seq + len(rows))
    events = core.run(rows)
    told.listened += [(listener, listener.fold(events)) for listener in listeners]
    return rows, np.frombuffer(bytearray().join(notes), NOTE), events


def changed_balances(core: Core, rules: Rules, accounts: Collection[int], events: Events) -> Balances:
    """The balances of those of these accounts that the events may have changed, as they are now."""
    found = []
    touched = {*np.unique(events["account"]).tolist(), *np.unique(events["maker_account"]).tolist()}
    for account in sorted(touched.intersection(accounts)):
        own = events[(events["account"] == account) | ((events["maker_account"] == account) & (events["maker_id"] != 0))]
        if len(own):
            paid = own["kind"] == BALANCE
            assets = set(own["book"][paid].tolist())
            for book in set(own["book"][~paid].tolist()):
                listing = rules.listings[book]
                assets |= {rules.asset(listing.base.name), rules.asset(listing.quote.name)}
            found.append((int(own["ts"][-1]), account, sorted(assets), core.balances(account)))
    return found
