"""Who hears of a fold's changes, in the order of the commands that made them.

Of what one request asked, who asked hears first, then the watchers of the accounts it touched. Nobody hears of a command before it is done.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from polaris.exchange.gateway.orders import Change
from polaris.exchange.gateway.parties import Watcher
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.register_fold import Changes

log = logging.getLogger("polaris.exchange.gateway")


class Answer(NamedTuple):
    """Who hears what one request changed for the account that asked.

    first, last  its commands' seqs
    reply        hears it, as rows or for people
    """

    first: int
    last: int
    reply: Callable[[list[Change]], None] | None
    block: Callable[[int, Changes], None] | None = None


def announce(register: Register, changes: Changes, answers: Sequence[Answer], watchers: dict[int, list[Watcher]]) -> None:
    """Tell a turn's changes; answers in the order of their seqs."""
    reached = np.maximum.accumulate(changes["seq"]) if len(changes) else changes["seq"]  # events of a list's legs may go back to the first's
    starts = np.searchsorted(reached, [answer.first for answer in answers]).tolist()
    ends = np.searchsorted(reached, [answer.last for answer in answers], side="right").tolist()
    told = 0
    for answer, start, end in zip(answers, starts, ends, strict=True):
        if watchers:
            _watched(register, changes[told:start], watchers)
        own = changes[start:end]
        mine = own[own["asked"] == 1]
        if answer.block is not None:
            safely(answer.block, answer.first, mine)
        elif answer.reply is not None:
            safely(answer.reply, register.told(mine))
        if watchers:
            _watched(register, own, watchers, together=answer.block is None)
        told = end
    if watchers:
        _watched(register, changes[told:], watchers)


def _watched(register: Register, changes: Changes, watchers: dict[int, list[Watcher]], together: bool = False) -> None:
    """Tell the watchers what each command did to the orders of their account, or what all of one request did together."""
    rows = changes[np.isin(changes["owner"], list(watchers)) & (changes["is_order"] == 1)]
    if not len(rows):
        return
    begins = [0] if together else np.flatnonzero(np.diff(rows["seq"], prepend=-1)).tolist()
    for begin, end in zip(begins, [*begins[1:], len(rows)], strict=True):
        owners = rows["owner"][begin:end]
        for account in dict.fromkeys(owners.tolist()):
            told = register.told(rows[begin:end][owners == account])
            for watcher in list(watchers.get(account, ())):
                safely(watcher.changed, told)


def safely(hear: Callable[..., None], *told: Any) -> None:
    """Whoever hears may fail: that is his fault, and the turn goes on."""
    try:
        hear(*told)
    except Exception:
        log.exception("who heard of a change failed")
