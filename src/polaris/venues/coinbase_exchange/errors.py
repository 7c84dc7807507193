"""What Coinbase Exchange's errors mean: a status, and a text."""

from typing import Any

import msgspec

from polaris.venues.orders import Refusal, Verdict, by_status, error_of


class _Error(msgspec.Struct):
    message: str


def refusal(status: int, body: bytes) -> Refusal | None:
    """By status and the text of the error."""
    if status == 200:
        return None
    error: Any = error_of(_Error, body)
    words = error.message if error is not None else body[:160].decode("utf-8", "replace")
    if error is not None and (status == 404 or "notfound" in words.lower().replace(" ", "")):
        return Refusal(Verdict.ABSENT, str(status), words)
    if "client_oid" in words.lower() or "duplicate" in words.lower():
        return Refusal(Verdict.TAKEN, str(status), words)
    return by_status(status, str(status), words)
