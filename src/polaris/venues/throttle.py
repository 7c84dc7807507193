"""The throttle: how long to wait so that a venue's limit is kept.

A bucket of `burst` calls that refills at `per_second`, told in one number: the moment at which the bucket would be
full again. It reads no clock; whoever calls brings the time, waits, and then makes the call.
Source: generic cell rate algorithm (ATM Forum, Traffic Management 4.0, 1996).
"""

from polaris.domain.errors import BadConfig


class Throttle:
    """At most `burst` calls at once and `per_second` calls a second in the long run.

    per_second  calls, > 0
    burst       calls, >= 1
    """

    def __init__(self, per_second: float, burst: int = 1) -> None:
        if not per_second > 0 or burst < 1:
            raise BadConfig(f"throttle of {per_second} calls a second and bursts of {burst}: both must be above zero")
        self._interval = max(1, round(1e9 / per_second))  # ns a call
        self._slack = (burst - 1) * self._interval
        self._full = 0  # ns: when the bucket is full again
        self._closed_until = 0

    def reserve(self, now: int, cost: int = 1) -> int:
        """Take `cost` calls at time `now` (ns); returns how many ns to wait before making them."""
        self._full = max(self._full, now) + cost * self._interval
        return max(0, self._full - self._interval - self._slack - now, self._closed_until - now)

    def close_until(self, ts: int) -> None:
        """The venue said stop: nothing passes before `ts` (ns), and then no more at once than a burst."""
        self._closed_until = max(self._closed_until, ts)
        self._full = max(self._full, ts)

    def closed(self, now: int) -> bool:
        """Whether the venue said stop for longer than until `now` (ns)."""
        return now < self._closed_until
