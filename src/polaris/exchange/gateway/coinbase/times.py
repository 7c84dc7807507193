"""Times as Coinbase writes and reads them: RFC 3339 in UTC, as fine as nanoseconds, without zeros at the end."""

import re
from datetime import UTC, datetime
from typing import Final

SECOND: Final = 1_000_000_000
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})").fullmatch


def written(ns: int) -> str:
    """1,786,309,548,350,000,000 is "2026-08-09T21:05:48.35Z"."""
    seconds, part = divmod(ns, SECOND)
    fraction = f".{part:09d}".rstrip("0") if part else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def spoken(ns: int) -> str:
    """As heartbeats say it: "2026-08-09 21:05:48.854840045 +0000 UTC"."""
    seconds, part = divmod(ns, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{part:09d} +0000 UTC"


def moment(text: str) -> int:
    """ns UTC of such a text, of any zone. Raises ValueError."""
    found = _MOMENT(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is no time; expected such as 2026-08-09T21:05:48Z")
    whole, part, zone = found.groups()
    seconds = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone)).timestamp()
    return round(seconds) * SECOND + int((part or "").ljust(9, "0"))
