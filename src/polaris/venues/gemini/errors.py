"""What Gemini's errors mean: a reason by name."""

from typing import Any, Final

import msgspec

from polaris.venues.orders import Refusal, Verdict, by_status, error_of

_VERDICTS: Final = {
    "OrderNotFound": Verdict.ABSENT, "ClientOrderIdAlreadyExists": Verdict.TAKEN, "DuplicateClientOrderId": Verdict.TAKEN, "RateLimit": Verdict.LIMITED,
    "RateLimited": Verdict.LIMITED, "InvalidNonce": Verdict.DENIED, "InvalidSignature": Verdict.DENIED, "MissingRole": Verdict.DENIED,
    "MissingApikeyHeader": Verdict.DENIED, "InvalidApiKey": Verdict.DENIED, "System": Verdict.DOUBT, "Maintenance": Verdict.REFUSED,
}  # fmt: skip


class _Error(msgspec.Struct):
    result: str
    reason: str = ""
    message: str = ""


def refusal(status: int, body: bytes) -> Refusal | None:
    """By the reason it names."""
    error: Any = error_of(_Error, body)
    if error is None or error.result != "error":
        return by_status(status, str(status), body[:160].decode("utf-8", "replace")) if status != 200 else None
    verdict = _VERDICTS.get(error.reason)
    said = (error.reason, error.message)
    return Refusal(verdict, *said) if verdict is not None else by_status(status, *said) or Refusal(Verdict.REFUSED, *said)
