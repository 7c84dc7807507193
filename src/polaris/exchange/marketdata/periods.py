"""The intervals of klines and where they begin, UTC: each is a count of periods, so that a period is one number.

A week begins on Monday, a month on its first; three days are counted from 1970-01-01, as are the shorter ones.
"""

from typing import Final

import numpy as np

from polaris.exchange.marketdata.rows import DAY, HOUR, MINUTE, SECOND, Words

BASES: Final = (SECOND, MINUTE, HOUR, DAY)  # klines that are kept; the others are made of them
_MONDAY = 4 * DAY  # 1970-01-05
_LENGTHS: Final = {
    "1s": SECOND,
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "6h": 6 * HOUR,
    "8h": 8 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": 7 * DAY,
    "1M": 0,  # as the calendar has it
}
INTERVALS: Final = tuple(_LENGTHS)


def base_of(interval: str) -> int:
    """Which of the BASES an interval's klines are made of: the longest it is a multiple of.

    raises  ValueError where there is no such interval
    """
    if interval not in _LENGTHS:
        raise ValueError(f"there is no interval {interval!r}; there are {', '.join(INTERVALS)}")
    return max(base for base, length in enumerate(BASES) if _LENGTHS[interval] % length == 0)


def period_of(interval: str, ts: int) -> int:
    """The number of the period that holds a time, ns UTC."""
    if interval == "1M":
        return int(np.datetime64(ts, "ns").astype("datetime64[M]").astype(np.int64))
    return (ts - _origin(interval)) // _LENGTHS[interval]


def starts(interval: str, first: int, n: int) -> Words:
    """int64[n], ns UTC: where the periods first, first + 1 ... begin."""
    numbers = np.arange(first, first + n, dtype=np.int64)
    if interval == "1M":
        return numbers.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64)
    return numbers * _LENGTHS[interval] + _origin(interval)


def _origin(interval: str) -> int:
    return _MONDAY if interval == "1w" else 0
