"""Who hears of a fold's changes, in the order of the commands that made them.

Of what one request asked, who asked hears first, then the watchers of the accounts it touched. Nobody hears of a command before it is done.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from polaris.domain.kernel import kernel
from polaris.exchange.gateway.orders import Change
from polaris.exchange.gateway.parties import Watcher
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.register_changes import SEQ, Changes, words_of

log = logging.getLogger("polaris.exchange.gateway")


class Answer(NamedTuple):
    """Who hears what one request changed.

    first, last  its commands' seqs
    reply        hears of it for the account that asked, and for people
    block        hears all of it as rows
    """

    first: int
    last: int
    reply: Callable[[list[Change]], None] | None
    block: Callable[[int, Changes], None] | None = None


def announce(register: Register, changes: Changes, answers: Sequence[Answer], watchers: dict[int, list[Watcher]]) -> None:
    """Tell a turn's changes; answers in the order of their seqs."""
    bounds = np.array([(answer.first, answer.last, 0, 0) for answer in answers], np.int64).reshape(-1, 4)
    part(words_of(changes), bounds)
    told = 0
    for answer, (_, _, start, end) in zip(answers, bounds.tolist(), strict=True):
        if watchers:
            _watched(register, changes[told:start], watchers)
        own = changes[start:end]
        if answer.block is not None:
            safely(answer.block, answer.first, own)
        elif answer.reply is not None:
            safely(answer.reply, register.told(own[own["asked"] == 1]))
        if watchers:
            _watched(register, own, watchers, together=answer.block is None)
        told = end
    if watchers:
        _watched(register, changes[told:], watchers)


@kernel
def part(changes, bounds):  # type: ignore[no-untyped-def]
    """Where each request's changes begin and end: bounds int64[a, 4] are (first seq, last seq, begin, end), the seqs ascending.

    Events of a list's legs may go back to the first's, which is of the same request.
    """
    row = 0
    for place in range(len(bounds)):
        while row < len(changes) and changes[row, SEQ] < bounds[place, 0]:
            row += 1
        bounds[place, 2] = row
        while row < len(changes) and changes[row, SEQ] <= bounds[place, 1]:
            row += 1
        bounds[place, 3] = row


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
