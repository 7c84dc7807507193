"""What Binance's error codes mean, and what only Binance can get wrong."""

from typing import Any, Final

import msgspec

from polaris.domain.errors import BadConfig
from polaris.venues.orders import Refusal, Verdict, by_status, error_of

NO_SUCH_ORDER: Final = (-2013, -2011)  # asked for, to be cancelled
DUPLICATE: Final = "Duplicate order sent."
DENIALS: Final = (-1002, -1021, -1022, -2014, -2015)  # unauthorised, the clock, the signature, the key
DOUBTS: Final = (-1000, -1001, -1006, -1007)  # unknown error, disconnected, unexpected answer, timeout: "execution status unknown"
LIMITS: Final = (-1003, -1015)


class TooManyStreams(BadConfig):
    """More streams than one connection of Binance carries."""

    def __init__(self, wanted: int, most: int) -> None:
        super().__init__(f"binance: {wanted} streams on one connection, at most {most} are allowed: split the symbols over several connections")


class _Error(msgspec.Struct):
    code: int
    msg: str


def refusal(status: int, body: bytes) -> Refusal | None:
    """By the error's code first: -2013 is no such order, -1007 a timeout whose outcome nobody knows."""
    if status == 200:
        return None
    error: Any = error_of(_Error, body)
    if error is None:
        return by_status(status, str(status), body[:160].decode("utf-8", "replace"))
    said = (str(error.code), error.msg)
    if error.code in DOUBTS:
        return Refusal(Verdict.DOUBT, *said)
    if error.code in NO_SUCH_ORDER:
        return Refusal(Verdict.ABSENT, *said)
    if error.code in DENIALS:
        return Refusal(Verdict.DENIED, *said)
    if error.code in LIMITS or status in (418, 429):
        return Refusal(Verdict.LIMITED, *said)
    if error.msg.startswith(DUPLICATE) or error.code == -4116:
        return Refusal(Verdict.TAKEN, *said)
    return by_status(status, *said)
