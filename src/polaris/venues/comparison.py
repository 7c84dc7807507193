"""A book without sequence numbers, compared with what the venue itself says of it.

In such a stream a lost update leaves no trace, so the venue's own word is laid beside our book: its top levels over
REST from time to time, and the top of its ticker where it has one. Neither is of the very moment of our book: a level is
right if it is as our book had it when we asked, or has it when the answer comes, or comes to have it soon after. What
remains is a difference, and it counts only where it persists: the same level, with the same two quantities, as long
as `again_ns` later. Then the book is lost, and its feed asks for a new one as after any other loss.

    due ──▶ asked ──▶ answer: agrees  ──▶ due after every_ns
                        └──▶ differs ──▶ due after again_ns ──▶ asked ──▶ answer: the same difference ──▶ lost, checksum
"""

from dataclasses import dataclass
from typing import Final

from polaris.domain.market import LIVE, REASON_CHECKSUM
from polaris.venues.sync import BookSync

SECOND: Final = 1_000_000_000
Side = dict[int, int]  # ticks -> lots
Sides = tuple[Side, Side]  # bids, asks
Levels = list[tuple[int, int]]  # (ticks, lots), best first


@dataclass(frozen=True)
class ComparisonLimits:
    """How often, and how much.

    every_ns   between two comparisons of one book
    again_ns   a difference that lasts so long is one
    answer_ns  an answer that took longer is not waited for
    depth      levels a side
    """

    every_ns: int = 60 * SECOND
    again_ns: int = 3 * SECOND
    answer_ns: int = 10 * SECOND
    depth: int = 20


class Differences:
    """Where one book is not what the venue says of it, and since when."""

    def __init__(self, book: BookSync, limits: ComparisonLimits) -> None:
        self._book = book
        self._limits = limits
        self._since: dict[tuple[int, int, int, int], int] = {}  # (side, ticks, their lots, ours) -> ns
        self._resyncs = 0  # of the book that these are of

    def __bool__(self) -> bool:
        return bool(self._since)

    def tick(self) -> None:
        """Time passed: what the book made good by itself was no difference."""
        if self._since:
            now = self.ours()
            self._since = {each: since for each, since in self._since.items() if now[each[0]].get(each[1], 0) != each[2]}

    def found(self, bids: Levels, asks: Levels, ts: int, before: Sides | None = None) -> bool:
        """Lay the venue's best levels beside ours; False where the book is lost for it. `before` is our book as it was when we asked."""
        if self._book.state != LIVE or self._resyncs != self._book.stats.resyncs:
            self._since, self._resyncs = {}, self._book.stats.resyncs
        if self._book.state != LIVE:
            return True
        now = self.ours()
        before = before or now
        differ = [each for side, theirs in enumerate((bids, asks)) for each in _different(side, dict(theirs), before[side], now[side], self._limits.depth)]
        self._since = {each: self._since.get(each, ts) for each in differ}
        if any(ts - since >= self._limits.again_ns for since in self._since.values()):
            self._book.stats.checksums_failed += 1
            self._book.lost(ts, REASON_CHECKSUM)
            return False
        if not differ:
            self._book.stats.checksums_ok += 1
        return True

    def ours(self) -> Sides:
        """The best levels of our book."""
        return dict(self._book.book.bids(self._limits.depth)), dict(self._book.book.asks(self._limits.depth))


class Comparison:
    """When to ask for the venue's book, and what its answers say. `turn` of `turns` staggers the books of one feed."""

    def __init__(self, book: BookSync, turn: int, turns: int, limits: ComparisonLimits | None = None) -> None:
        self.limits = limits or ComparisonLimits()
        self._book = book
        self._first_ns = self.limits.every_ns * (turn + 1) // turns
        self._due_ns = 0  # 0 while the book is not LIVE
        self._asked: Sides | None = None
        self._differences = Differences(book, self.limits)

    def due(self, ts: int) -> bool:
        """Time passed: whether to ask for the venue's book. One that is not LIVE is not compared."""
        if self._book.state != LIVE:
            self._due_ns, self._asked = 0, None
            return False
        self._differences.tick()
        if not self._due_ns:
            self._due_ns = ts + self._first_ns
        return ts >= self._due_ns

    def asked(self, ts: int) -> None:
        """The feed asked for the venue's book."""
        self._asked = self._differences.ours()
        self._due_ns = ts + self.limits.answer_ns

    def missed(self, ts: int) -> None:
        """The answer was none, or of no use."""
        self._asked = None
        self._due_ns = ts + self.limits.every_ns

    def answer(self, bids: Levels, asks: Levels, ts: int) -> bool:
        """The venue's best levels came; False where the book is lost for it."""
        before, self._asked = self._asked, None
        if not self._differences.found(bids, asks, ts, before):
            return False
        self._due_ns = ts + (self.limits.again_ns if self._differences else self.limits.every_ns)
        return True


def _different(side: int, theirs: Side, before: Side, now: Side, depth: int) -> list[tuple[int, int, int, int]]:
    """(side, ticks, their lots, ours) of what the venue has otherwise than we had it at either end, as far as all three lists reach."""
    sign = -1 if side else 1  # a better price is a larger one
    reach = max((min(sign * price for price in each) for each in (theirs, before, now) if len(each) >= depth), default=-(2**63))
    return [
        (side, price, theirs.get(price, 0), now.get(price, 0))
        for price in theirs | before | now
        if sign * price >= reach and theirs.get(price, 0) not in (before.get(price, 0), now.get(price, 0))
    ]
