"""What Bitstamp's errors mean: a code and a reason, or lists of reasons by field."""

from typing import Any, Final

import msgspec

from polaris.venues.orders import Refusal, Verdict, by_status, error_of

_VERDICTS: Final = {
    "400.002": Verdict.LIMITED, "400.019": Verdict.TAKEN, "404.002": Verdict.ABSENT, "500.001": Verdict.DOUBT, "500.002": Verdict.DOUBT,
    "500.003": Verdict.DOUBT, "500.007": Verdict.DOUBT, "500.013": Verdict.DOUBT, "500.016": Verdict.DOUBT,
}  # fmt: skip


class _Error(msgspec.Struct):
    status: str = ""
    reason: Any = ""
    code: str | int = ""
    response_code: str | int = ""
    response_explanation: str = ""
    error: Any = ""  # the older calls


def refusal(status: int, body: bytes) -> Refusal | None:
    """An error has a reason, or lists of reasons by field."""
    error: Any = error_of(_Error, body)
    if error is None or not (error.status == "error" or error.error or status >= 400):
        return by_status(status, str(status), body[:160].decode("utf-8", "replace"))
    code, reason = str(error.response_code or error.code), _words(error.reason or error.error or error.response_explanation)
    said = (code, reason)
    if code.startswith("API") or status in (401, 403):  # "API key not found" says nothing of an order
        return Refusal(Verdict.DENIED, *said)
    if code in _VERDICTS:
        return Refusal(_VERDICTS[code], *said)
    if reason.lower().startswith("order not found"):
        return Refusal(Verdict.ABSENT, *said)
    if "client_order_id" in reason.lower() or "client order id" in reason.lower():
        return Refusal(Verdict.TAKEN, *said)
    return by_status(status, *said) or Refusal(Verdict.REFUSED, *said)


def _words(reason: Any) -> str:
    """A reason as one text: it may be a text, or lists of texts by field."""
    if isinstance(reason, dict):
        return "; ".join(f"{field}: {_words(each)}" if field != "__all__" else _words(each) for field, each in reason.items())
    return ", ".join(map(_words, reason)) if isinstance(reason, list) else str(reason)
