"""Latency by stage: one histogram of nanoseconds a stage, exact counts, bounded memory, some 0.3 us to record.

Buckets are log-linear: eight between a power of two and the next, so a quantile is off by at most 12.5 %. As every
power of two is a bucket's edge, the coarser Prometheus buckets are exact sums of these.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

STAGES: Final = ("decode", "log", "market", "features", "alphas", "ensemble", "decide", "send", "tick_to_order", "round_trip", "fill_told")  # round_trip: from an order's record to its venue's answer; fill_told: from a fill, by the venue's clock, to its row
EDGES_NS: Final = tuple(1 << power for power in range(10, 31))  # 1 us to 1 s, the upper bounds of `StageLatency.buckets`
_SUB: Final = 3  # 2**3 buckets a power of two
_SIZE: Final = 42 << _SUB  # up to 2**42 ns: more than an hour


class StageLatency(msgspec.Struct, frozen=True, kw_only=True):
    """How long one stage takes, since the start."""

    stage: str
    count: int = 0
    p50_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0
    sum_ns: int = 0
    buckets: tuple[int, ...] = ()  # how many took at most EDGES_NS[i]; cumulative


class LatencyHistogram:
    """One stage's histogram."""

    __slots__ = ("counts", "max_ns", "stage", "sum_ns")

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.counts = [0] * _SIZE
        self.sum_ns = 0
        self.max_ns = 0

    def record(self, ns: int) -> None:
        """Count one duration; a negative one (the clock stepped back) counts as 0."""
        if ns < 1:
            ns = 0
        self.sum_ns += ns
        if ns > self.max_ns:
            self.max_ns = ns
        self.counts[_place(ns)] += 1

    def quantile(self, q: float) -> int:
        """The upper edge of the bucket that holds quantile q, in ns; never above the maximum, 0 when empty."""
        total = sum(self.counts)
        if total == 0:
            return 0
        rank = max(1, -int(-q * total // 1))  # the smallest rank at or above q of the whole
        seen = 0
        for place, count in enumerate(self.counts):
            seen += count
            if seen >= rank:
                return min(_edge(place), self.max_ns)
        return self.max_ns

    def snapshot(self) -> StageLatency:
        """The stage as plain data."""
        buckets = []
        seen = place = 0
        for edge in EDGES_NS:
            last = _place(edge)
            seen += sum(self.counts[place : last + 1])
            place = last + 1
            buckets.append(seen)
        return StageLatency(
            stage=self.stage,
            count=sum(self.counts),
            p50_ns=self.quantile(0.50),
            p99_ns=self.quantile(0.99),
            max_ns=self.max_ns,
            sum_ns=self.sum_ns,
            buckets=tuple(buckets),
        )


class Latencies:
    """The histograms of all stages, by name: `latencies["decode"].record(ns)`."""

    def __init__(self, stages: Sequence[str] = STAGES) -> None:
        self.stages = {stage: LatencyHistogram(stage) for stage in stages}

    def __getitem__(self, stage: str) -> LatencyHistogram:
        return self.stages[stage]

    def snapshot(self) -> tuple[StageLatency, ...]:
        """Every stage that was ever recorded, in order."""
        return tuple(histogram.snapshot() for histogram in self.stages.values() if histogram.max_ns or any(histogram.counts))


def _place(ns: int) -> int:
    """The bucket of a duration: (edge of the bucket below, edge]."""
    below = ns - 1 if ns > 0 else 0
    power = below.bit_length()
    if power <= _SUB:
        return below
    place = ((power - _SUB) << _SUB) + ((below >> (power - 1 - _SUB)) & ((1 << _SUB) - 1))
    return min(place, _SIZE - 1)


def _edge(place: int) -> int:
    """The largest duration a bucket holds, ns."""
    if place < 1 << _SUB:
        return place + 1
    power, part = (place >> _SUB) + _SUB - 1, place & ((1 << _SUB) - 1)
    return (((1 << _SUB) + part + 1) << (power - _SUB))
