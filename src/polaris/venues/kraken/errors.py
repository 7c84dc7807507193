"""What Kraken's errors mean: texts in a list, with status 200."""

from typing import Any, Final

import msgspec

from polaris.venues.orders import Refusal, Verdict, by_status, error_of

_VERDICTS: Final = (  # the beginnings of its error texts, the longer first
    ("EOrder:Unknown order", Verdict.ABSENT),
    ("EOrder:Invalid order", Verdict.ABSENT),
    ("EGeneral:Invalid arguments:cl_ord_id", Verdict.TAKEN),
    ("EOrder:Duplicate", Verdict.TAKEN),
    ("EOrder:Rate limit", Verdict.LIMITED),
    ("EAPI:Rate limit", Verdict.LIMITED),
    ("EGeneral:Temporary lockout", Verdict.LIMITED),
    ("EAPI:", Verdict.DENIED),
    ("EGeneral:Permission", Verdict.DENIED),
    ("EService:", Verdict.DOUBT),
    ("EGeneral:Internal error", Verdict.DOUBT),
)


class _Error(msgspec.Struct):
    error: list[str]


def refusal(status: int, body: bytes) -> Refusal | None:
    """Errors come with status 200, as texts."""
    error: Any = error_of(_Error, body)
    if error is None:
        return by_status(status, str(status), body[:160].decode("utf-8", "replace"))
    said = [text for text in error.error if not text.startswith("W")]  # a warning is no error
    if not said:
        return by_status(status)
    for text in said:
        for begins, verdict in _VERDICTS:
            if text.startswith(begins):
                return Refusal(verdict, text.partition(":")[0], text)
    return Refusal(Verdict.REFUSED, said[0].partition(":")[0], said[0])
