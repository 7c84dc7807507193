"""How good each feed was in a second: told to the log beside the rows, heard by no decision."""

import msgspec


class SymbolQuality(msgspec.Struct, frozen=True, array_like=True):
    """One instrument in one second.

    state             of its book at the end (domain.market)
    messages          updates and trades that came
    gaps, resyncs, checksums_failed   in this second
    stale_ns          since the last of them, at the end; -1 where none ever came
    offset_p50_ns, offset_p99_ns      our clock when it came minus the venue's when it happened, to 1 %; 0 where nothing was stamped
    crossed_ns        how long its book stood crossed, in steps of a look (100 ms)
    """

    instrument: int
    state: int
    messages: int = 0
    gaps: int = 0
    resyncs: int = 0
    checksums_failed: int = 0
    stale_ns: int = -1
    offset_p50_ns: int = 0
    offset_p99_ns: int = 0
    crossed_ns: int = 0


class Quality(msgspec.Struct, frozen=True, tag="quality", kw_only=True):
    """Every instrument in the second that ended at `ts`."""

    ts: int
    symbols: tuple[SymbolQuality, ...]
