"""A certificate of a recorded period: when each book was complete, what is missing and why, how late it came.

Folded from rows alone, so a capture, a log and a live desk are judged by one rule. A book is complete while it is LIVE. Where
a venue numbers the trades of a symbol one by one, numbers that never came are counted as missing.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from polaris.domain.instrument import Instruments
from polaris.domain.market import (
    BOOK_STATE_NAMES,
    DISCONNECTED,
    LIVE,
    REASON_CHECKSUM,
    REASON_CONNECT,
    REASON_GAP,
    REASON_NAMES,
    REASON_NONE,
    Rows,
)
from polaris.views.quality import MESSAGES, MISSING, TRADES, Counted, percentile

SECOND: Final = 1_000_000_000


class Hole(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which a book was not complete. Times in ns, ours."""

    begin: int
    end: int
    state: str
    reason: str


class SymbolCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one instrument in the period.

    seconds          in each state
    complete         something was heard, no trade is missing, and once its book was LIVE it stayed so to the end
    holes            when its book was not complete, in order; the first is how long it took to begin
    trades_missing   numbers of trades that never came; -1 where its venue does not number them one by one
    """

    symbol: str
    wire: str
    complete: bool
    messages: int
    trades: int
    trades_missing: int
    gaps: int
    checksums_failed: int
    offset_p50_ns: int
    offset_p99_ns: int
    seconds: dict[str, float]
    holes: tuple[Hole, ...]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A period, symbol by symbol. `digest` is the BLAKE2b of everything else in it.

    flaws  what the recording itself lacks, in words: it is not complete then, whatever its books say
    """

    source: str
    sha256: str
    begin: int
    end: int
    complete: bool
    symbols: tuple[SymbolCertificate, ...]
    digest: str = ""
    flaws: tuple[str, ...] = ()

    def signed(self) -> "Certificate":
        """With its digest."""
        bare = msgspec.structs.replace(self, digest="")
        return msgspec.structs.replace(bare, digest=hashlib.blake2b(msgspec.json.encode(bare, order="sorted"), digest_size=16).hexdigest())


class Certifier:
    """Folds the rows of a period.

    instruments  ids from 0
    numbered     the venues that number the trades of a symbol one by one
    bookless     the venues that have no book: nothing is missing there but trades
    """

    def __init__(self, instruments: Instruments, numbered: Collection[str] = (), bookless: Collection[str] = ()) -> None:
        self._instruments, self._numbered, self._bookless = instruments, numbered, bookless
        self._counted = Counted(len(instruments))
        self._state = [DISCONNECTED] * len(instruments)
        self._since = [0] * len(instruments)
        self._reason = [REASON_CONNECT] * len(instruments)
        self._seconds = [[0] * len(BOOK_STATE_NAMES) for _ in range(len(instruments))]
        self._holes: list[list[Hole]] = [[] for _ in range(len(instruments))]
        self._happened = [[0, 0] for _ in range(len(instruments))]
        self._begin = self._end = 0

    def hear(self, rows: Rows) -> None:
        """Rows as they came."""
        if not len(rows):
            return
        if not self._begin:
            self._begin = int(rows["ts_recv"][0])
            self._since = [self._begin] * len(self._since)
        self._end = max(self._end, int(rows["ts_recv"][-1]))
        told = self._counted.hear(rows)
        if told is not None:
            for row in told:
                self._entered(int(row["instrument"]), int(row["price"]), int(row["quantity"]), int(row["ts_recv"]))

    def certificate(self, source: str, sha256: str = "", flaws: Sequence[str] = ()) -> Certificate:
        """What is known at the end of the period, `flaws` of its recording among it."""
        symbols = []
        for item in self._instruments:
            i = int(item.id)
            self._close(i, self._end)
            counts = self._counted.counts[i]
            missing = int(counts[MISSING]) if item.key.venue in self._numbered else -1
            holes = () if item.key.venue in self._bookless else tuple(self._holes[i])
            later = [hole for hole in holes if hole.begin > self._begin or hole.end == self._end]  # nobody is LIVE before the first snapshot
            symbols.append(
                SymbolCertificate(
                    symbol=item.symbol,
                    wire=item.wire,
                    complete=not later and missing <= 0 and bool(counts[MESSAGES]),
                    messages=int(counts[MESSAGES]),
                    trades=int(counts[TRADES]),
                    trades_missing=missing,
                    gaps=self._happened[i][0],
                    checksums_failed=self._happened[i][1],
                    offset_p50_ns=percentile(self._counted.offsets[i], 0.5),
                    offset_p99_ns=percentile(self._counted.offsets[i], 0.99),
                    seconds={name: ns / SECOND for name, ns in zip(BOOK_STATE_NAMES, self._seconds[i], strict=True) if ns},
                    holes=holes,
                )
            )
        complete = bool(symbols) and all(each.complete for each in symbols) and not flaws
        return Certificate(
            source=source, sha256=sha256, begin=self._begin, end=self._end, complete=complete, symbols=tuple(symbols), flaws=tuple(flaws)
        ).signed()

    def _entered(self, i: int, state: int, reason: int, ts: int) -> None:
        self._happened[i][0] += reason == REASON_GAP
        self._happened[i][1] += reason == REASON_CHECKSUM
        self._close(i, ts)
        self._state[i], self._since[i] = state, ts
        if state != LIVE and reason != REASON_NONE:
            self._reason[i] = reason

    def _close(self, i: int, ts: int) -> None:
        """The stretch in the state so far ends; a hole goes on where the next one is a hole too."""
        state, since = self._state[i], self._since[i]
        self._seconds[i][state] += max(0, ts - since)
        self._since[i] = ts
        if state == LIVE or ts <= since:
            return
        holes, reason = self._holes[i], REASON_NAMES[self._reason[i]]
        if holes and holes[-1].end == since:
            before = holes.pop()
            holes.append(msgspec.structs.replace(before, end=ts))
        else:
            holes.append(Hole(begin=since, end=ts, state=BOOK_STATE_NAMES[state], reason=reason))
