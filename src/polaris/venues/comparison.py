"""A book without sequence numbers, compared with the venue's own from time to time.

In such a stream a lost update leaves no trace, so the venue's top levels are asked for over REST and laid beside ours.
The venue's answer was made at some moment between our question and its arrival: a level is right if it is as our book
had it at either end. What is different may still be the haste of the market, so a difference counts only where it
persists: the same level, with the same two quantities, in the next answer too. Then the book is lost, and its feed asks
for a new one as after any other loss.

    due ──▶ asked ──▶ answer: agrees  ──▶ due after every_ns
                        └──▶ differs ──▶ due after again_ns ──▶ asked ──▶ answer: the same difference ──▶ lost, checksum
"""

from dataclasses import dataclass
from typing import Final

from polaris.domain.market import LIVE, REASON_CHECKSUM
from polaris.venues.sync import BookSync

SECOND: Final = 1_000_000_000
Side = dict[int, int]  # ticks -> lots
Levels = list[tuple[int, int]]  # (ticks, lots), best first


@dataclass(frozen=True)
class ComparisonLimits:
    """How often, and how much.

    every_ns   between two comparisons of one book
    again_ns   after a difference
    answer_ns  an answer that took longer is not waited for
    depth      levels a side
    """

    every_ns: int = 60 * SECOND
    again_ns: int = 3 * SECOND
    answer_ns: int = 10 * SECOND
    depth: int = 20


class Comparison:
    """One book beside its venue's. `turn` of `turns` staggers the books of one feed."""

    def __init__(self, book: BookSync, turn: int, turns: int, limits: ComparisonLimits | None = None) -> None:
        self.limits = limits or ComparisonLimits()
        self._book = book
        self._first_ns = self.limits.every_ns * (turn + 1) // turns
        self._due_ns = 0  # 0 until the book is LIVE
        self._asked: tuple[Side, Side] | None = None  # our book as it was when we asked
        self._differed: dict[tuple[int, int], tuple[int, int]] = {}  # (side, ticks) -> (theirs, ours)

    def due(self, ts: int) -> bool:
        """Whether it is time to ask for the venue's book. One that is not LIVE is not compared, and begins anew."""
        if self._book.state != LIVE:
            self._due_ns, self._asked, self._differed = 0, None, {}
            return False
        if not self._due_ns:
            self._due_ns = ts + self._first_ns
        return ts >= self._due_ns

    def asked(self, ts: int) -> None:
        """The feed asked for the venue's book."""
        self._asked = self._ours()
        self._due_ns = ts + self.limits.answer_ns

    def missed(self, ts: int) -> None:
        """The answer was none, or of no use."""
        self._asked = None
        self._due_ns = ts + self.limits.every_ns

    def answer(self, bids: Levels, asks: Levels, ts: int) -> bool:
        """Lay the venue's best levels, in any order, beside ours; False where the book is lost for it."""
        if self._book.state != LIVE:
            return True
        now = self._ours()
        before, self._asked = self._asked or now, None
        theirs = dict(bids), dict(asks)
        differs = _different(0, theirs[0], before[0], now[0], self.limits.depth) | _different(1, theirs[1], before[1], now[1], self.limits.depth)
        if differs.items() & self._differed.items():
            self._differed = {}
            self._book.stats.checksums_failed += 1
            self._book.lost(ts, REASON_CHECKSUM)
            return False
        if not differs:
            self._book.stats.checksums_ok += 1
        self._due_ns = ts + (self.limits.again_ns if differs and not self._differed else self.limits.every_ns)
        self._differed = differs
        return True

    def _ours(self) -> tuple[Side, Side]:
        return dict(self._book.book.bids(self.limits.depth)), dict(self._book.book.asks(self.limits.depth))


def _different(side: int, theirs: Side, before: Side, now: Side, depth: int) -> dict[tuple[int, int], tuple[int, int]]:
    """The levels of a side that the venue has otherwise than we had them at either end, as far as all three lists reach."""
    sign = -1 if side else 1  # a better price is a larger one
    reach = max((min(sign * price for price in each) for each in (theirs, before, now) if len(each) >= depth), default=-(2**63))
    return {
        (side, price): (theirs.get(price, 0), now.get(price, 0))
        for price in theirs | before | now
        if sign * price >= reach and theirs.get(price, 0) not in (before.get(price, 0), now.get(price, 0))
    }
