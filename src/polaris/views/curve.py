"""A curve of any length in bounded memory that never hides a peak or a trough.

Samples fall into buckets of equal count; a bucket keeps its lowest and its highest sample. When the buckets run out,
neighbours merge and every bucket holds twice as many. The highest and lowest of everything are always among the
points, and so are the first sample and the last.
"""

Point = tuple[int, int]  # (ts ns, value)


class Curve:
    """At most 2 * buckets + 2 points of however many samples; time must not fall."""

    def __init__(self, buckets: int = 512) -> None:
        if buckets < 2 or buckets % 2:
            raise ValueError(f"expected an even number of buckets, found {buckets}")
        self._room = buckets
        self._per_bucket = 1
        self._buckets: list[tuple[Point, Point]] = []  # (lowest, highest), the newest may be filling
        self._in_last = 0
        self._first: Point | None = None
        self._last: Point | None = None

    def add(self, ts: int, value: int) -> None:
        """Take one sample."""
        point = (ts, value)
        self._first = self._first or point
        self._last = point
        if self._buckets and self._in_last < self._per_bucket:
            low, high = self._buckets[-1]
            self._buckets[-1] = (point if value < low[1] else low, point if value > high[1] else high)
            self._in_last += 1
            return
        if len(self._buckets) == self._room:
            pairs = zip(self._buckets[::2], self._buckets[1::2], strict=True)
            self._buckets = [(min(a[0], b[0], key=_value), max(a[1], b[1], key=_value)) for a, b in pairs]
            self._per_bucket *= 2
        self._buckets.append((point, point))
        self._in_last = 1

    def points(self) -> list[Point]:
        """The points to draw, in order of time."""
        if self._first is None or self._last is None:
            return []
        points = [self._first]
        for low, high in self._buckets:
            for point in (low, high) if low[0] <= high[0] else (high, low):
                if point != points[-1]:
                    points.append(point)
        if points[-1] != self._last:
            points.append(self._last)
        return points


def _value(point: Point) -> int:
    return point[1]
