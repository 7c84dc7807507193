"""Everything that must never be, drawn as one tree.

    PolarisError
    ├── UnreadableNumber          a venue's text that is no exact price or quantity of its instrument
    ├── UnknownSymbol             a symbol nobody declared
    ├── SymbolCollision           two wire symbols that would become one key
    ├── BadMessage                a frame a venue should never have sent
    ├── SequenceGap               a frame is missing
    ├── CrossedBook               a book whose bid stayed at or above its ask
    ├── BadCapture                a capture file that can't be read
    ├── BadLog                    a log file that can't be trusted
    ├── BadConfig                 a setting that is unknown, missing or out of range
    ├── BadData                   bars, trades or rows that can't be what they claim to be
    └── Unavailable               something outside (a port, a venue, a disk) that did not answer

What a market may do (a rejection, a gap, a refusal) is an event with a reason and no exception. A message names the
thing, what was found, and what would have been right.
"""


class PolarisError(Exception):
    """The root: every error raised on purpose in this package."""


class UnreadableNumber(PolarisError):
    """A price or quantity text that would lose a digit, or is no number at all."""

    def __init__(self, text: str, what: str, decimals: int) -> None:
        super().__init__(f"{what}: {text!r} is not a number with at most {decimals} decimals below 2**63")
        self.text, self.what, self.decimals = text, what, decimals


class UnknownSymbol(PolarisError):
    """A symbol nobody declared."""

    def __init__(self, symbol: str, known: "list[str] | tuple[str, ...]" = (), where: str = "") -> None:
        place = f" at {where}" if where else ""
        shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
        super().__init__(f"unknown symbol {symbol!r}{place}" + (f"; known are {shown}" if known else ""))
        self.symbol = symbol


class SymbolCollision(PolarisError):
    """Two wire symbols that would become the same instrument."""

    def __init__(self, first: str, second: str, key: str) -> None:
        super().__init__(f"symbols {first!r} and {second!r} both read as {key}; name the product type of one of them")


class BadMessage(PolarisError):
    """A frame that its venue should never have sent."""

    def __init__(self, venue: str, reason: str, frame: bytes = b"") -> None:
        head = frame[:160].decode("utf-8", "replace")
        super().__init__(f"{venue}: {reason}" + (f" in {head!r}" if frame else ""))
        self.venue, self.reason = venue, reason


class SequenceGap(PolarisError):
    """A frame is missing."""

    def __init__(self, venue: str, stream: str, expected: int, found: int) -> None:
        super().__init__(f"{venue} {stream}: expected sequence {expected}, found {found}")
        self.venue, self.stream, self.expected, self.found = venue, stream, expected, found


class CrossedBook(PolarisError):
    """A book whose best bid stayed at or above its best ask."""

    def __init__(self, symbol: str, bid: str, ask: str) -> None:
        super().__init__(f"{symbol}: best bid {bid} is not below best ask {ask}")


class BadCapture(PolarisError):
    """A capture file that can't be read."""

    def __init__(self, path: object, reason: str, line: int = 0) -> None:
        super().__init__(f"{path}{f' line {line}' if line else ''}: {reason}")


class BadLog(PolarisError):
    """A log file that can't be trusted."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class BadConfig(PolarisError):
    """A setting that is unknown, missing or out of range."""


class BadData(PolarisError):
    """Bars, trades or rows that can't be what they claim to be."""


class Unavailable(PolarisError):
    """Something outside that did not answer."""
