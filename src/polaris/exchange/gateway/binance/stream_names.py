"""The names of streams: `btcusdt@depth@100ms`, `!ticker@arr`, and what each of them asks for.

Source: Binance spot API documentation, "WebSocket streams".
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from polaris.exchange.marketdata import DAY, HOUR, INTERVALS, SECOND

FAST: Final = SECOND // 10
EVERY: Final = -1  # the book of a stream over all books
WINDOWS: Final = {"1h": HOUR, "4h": 4 * HOUR, "1d": DAY}
NAME: Final = re.compile(
    r"(?P<symbol>[a-z0-9_.-]{1,50})@(?:"
    r"(?P<plain>trade|aggTrade|bookTicker|miniTicker|ticker|avgPrice)"
    r"|depth(?P<levels>5|10|20)?(?:@(?P<speed>100ms|1000ms))?"
    r"|kline_(?P<interval>[0-9]{1,2}[smhdwM])(?:@\+00:00)?"
    r"|ticker_(?P<window>1h|4h|1d))"
    r"|!(?P<all>miniTicker|ticker|ticker_(?P<all_window>1h|4h|1d))@arr",
    re.ASCII,
)


class Kind(Enum):
    """What a stream shows."""

    TRADE = "trade"
    AGGREGATE = "aggTrade"
    TOP = "bookTicker"
    DEPTH = "depth"
    LEVELS = "levels"
    KLINE = "kline"
    MINI = "miniTicker"
    DAY = "ticker"
    WINDOW = "window"
    AVERAGE = "avgPrice"


class Asked(NamedTuple):
    """What a name asks for.

    book         its number; EVERY for all
    levels       LEVELS: 5, 10, 20
    interval_ns  DEPTH, LEVELS: how often
    word         KLINE: the interval; WINDOW: the window's size
    """

    kind: Kind
    book: int
    levels: int = 0
    interval_ns: int = 0
    word: str = ""


PLAIN: Final = {kind.value: kind for kind in (Kind.TRADE, Kind.AGGREGATE, Kind.TOP, Kind.MINI, Kind.DAY, Kind.AVERAGE)}


def asked(name: str, books: Mapping[str, int]) -> Asked | None:
    """What a stream's name asks for; None where it is none of ours. `books`: symbol in lower case -> number."""
    found = NAME.fullmatch(name)
    if found is None:
        return None
    if (over_all := found["all"]) is not None:
        window = found["all_window"]
        return Asked(Kind.WINDOW, EVERY, word=window) if window else Asked(PLAIN[over_all], EVERY)
    book = books.get(found["symbol"])
    if book is None:
        return None
    if found["plain"] is not None:
        return Asked(PLAIN[found["plain"]], book)
    if found["interval"] is not None:
        return Asked(Kind.KLINE, book, word=found["interval"]) if found["interval"] in INTERVALS else None
    if found["window"] is not None:
        return Asked(Kind.WINDOW, book, word=found["window"])
    interval_ns = FAST if found["speed"] == "100ms" else SECOND
    if found["levels"] is not None:
        return Asked(Kind.LEVELS, book, levels=int(found["levels"]), interval_ns=interval_ns)
    return Asked(Kind.DEPTH, book, interval_ns=interval_ns)
