"""What Coinbase's errors mean, and what only Coinbase can get wrong."""

from typing import Any

import msgspec

from polaris.domain.errors import BadConfig
from polaris.venues.orders import Refusal, Verdict, by_status, error_of


class SharedBook(BadConfig):
    """A product whose book is published under another product's name."""

    def __init__(self, product: str, book: str) -> None:
        super().__init__(f"coinbase {product} trades in the book of {book}, and its market data comes under that name: use {book}")


class _Error(msgspec.Struct):
    error: str = ""
    message: str = ""
    error_response: dict[str, Any] = {}
    success: bool = True


def refusal(status: int, body: bytes) -> Refusal | None:
    """An order it refuses comes with status 200 and success: false."""
    error: Any = error_of(_Error, body)
    if error is None:
        return by_status(status, str(status), body[:160].decode("utf-8", "replace"))
    code = str(error.error_response.get("error", error.error))
    words = str(error.error_response.get("message", error.message))
    if status == 200 and not error.success:
        return Refusal(Verdict.DOUBT if code.startswith("UNKNOWN") else Verdict.REFUSED, code, words)
    if status == 404 or code == "NOT_FOUND":
        return Refusal(Verdict.ABSENT, code, words)
    return by_status(status, code, words)
