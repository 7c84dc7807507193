"""What Alpaca's errors mean: a status, and a text."""

from typing import Any

import msgspec

from polaris.venues.orders import Refusal, Verdict, by_status, error_of


class _Error(msgspec.Struct):
    message: str
    code: int = 0


def refusal(status: int, body: bytes) -> Refusal | None:
    """By status and the text of the error."""
    if 200 <= status < 300:
        return None
    error: Any = error_of(_Error, body)
    words = error.message if error is not None else body[:160].decode("utf-8", "replace")
    code = str(error.code or status) if error is not None else str(status)
    if status == 404 and "order not found" in words:  # "endpoint not found" says nothing of an order
        return Refusal(Verdict.ABSENT, code, words)
    if "client_order_id" in words:
        return Refusal(Verdict.TAKEN, code, words)
    if status == 403 and error is not None and error.code == 40310000:  # what an order lacks, not the key
        return Refusal(Verdict.REFUSED, code, words)
    return by_status(status, code, words)
