"""What KuCoin's errors mean: a code in the body, with status 200 or another."""

from typing import Any, Final

import msgspec

from polaris.venues.orders import Refusal, Verdict, by_status, error_of

SUCCESS: Final = "200000"
ABSENT: Final = ("ordernotexist", "orderdoesnotexist", "ordernotfound")  # letters of what it says, in its many spellings
_VERDICTS: Final = {
    "400001": Verdict.DENIED, "400002": Verdict.DENIED, "400003": Verdict.DENIED, "400004": Verdict.DENIED, "400005": Verdict.DENIED, "400006": Verdict.DENIED,
    "400007": Verdict.DENIED, "411100": Verdict.DENIED, "429000": Verdict.LIMITED, "200002": Verdict.LIMITED, "500000": Verdict.DOUBT, "300000": Verdict.DOUBT,
}  # fmt: skip


class _Said(msgspec.Struct):
    code: str
    msg: str = ""


def refusal(status: int, body: bytes) -> Refusal | None:
    """By the code in the body: an order it refuses comes with status 200 too."""
    said: Any = error_of(_Said, body)
    if said is None:
        return by_status(status, str(status), body[:160].decode("utf-8", "replace"))
    if said.code == SUCCESS:
        return by_status(status)
    words = "".join(filter(str.isalpha, said.msg.lower()))
    if said.code in _VERDICTS:
        return Refusal(_VERDICTS[said.code], said.code, said.msg)
    if any(word in words for word in ABSENT):  # that there is no such page (404000) says nothing of an order
        return Refusal(Verdict.ABSENT, said.code, said.msg)
    if "clientoid" in words and ("exist" in words or "duplicate" in words or "repeat" in words):
        return Refusal(Verdict.TAKEN, said.code, said.msg)
    return by_status(status, said.code, said.msg) or Refusal(Verdict.REFUSED, said.code, said.msg)
