"""Who hears of a fold's changes, in the order of the commands that made them.

Whoever hears of a command hears of it when it is done and before the next one: who asked first, then the accounts it touched.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from polaris.exchange.gateway.orders import Change

log = logging.getLogger("polaris.exchange.gateway")
Tell = Callable[[int, list[Change]], None]  # (account, what one command did to its orders)
Answer = tuple[int, int, Callable[[list[Change]], None]]  # (first seq, last seq, who hears)


class Hearing:
    """Who hears what, in the order of the commands."""

    __slots__ = ("_answers", "_asked", "_next", "_seq", "_tell", "_told")

    def __init__(self, tell: Tell | None, answers: Iterable[Answer]) -> None:
        self._tell = tell
        self._answers = iter(answers)
        self._next = next(self._answers, None)
        self._seq = -1
        self._told: dict[int, list[Change]] = {}
        self._asked: list[Change] = []

    def add(self, account: int, change: Change, asked: bool) -> None:
        """One change of the command at hand; `asked`: it is of the account that asked."""
        if self._tell is not None and change.order is not None:
            self._told.setdefault(account, []).append(change)
        if asked and self._next is not None and self._next[0] <= self._seq:
            self._asked.append(change)

    def over(self, seq: int | None) -> None:
        """The command at hand is done; the next one with events is `seq`, None at the end."""
        while self._next is not None and (seq is None or self._next[1] < seq):
            safely(self._next[2], self._asked)
            self._asked = []
            self._next = next(self._answers, None)
        if self._tell is not None:
            for account, changes in self._told.items():
                safely(self._tell, account, changes)
        self._told = {}
        if seq is not None:
            self._seq = seq


def safely(hear: Callable[..., None], *told: Any) -> None:
    """Whoever hears may fail: that is his fault, and the fold goes on."""
    try:
        hear(*told)
    except Exception:
        log.exception("who heard of a change failed")
