"""Names on both sides of the door: Coinbase calls orders and accounts by UUIDs, and its clients' names may be long.

    an order    00000002-0000-4000-8000-00000001e240   book 2, order 123,456
    an account  00000001-0003-4000-a000-000000000000   account 1, asset 3

The journal keeps 36 bytes of a client's name. A longer one that ends in a UUID ("ccxt-" and a UUID is what ccxt sends) is kept
with that UUID in 22 characters behind a "~"; every name is told as it came. A name that can't be kept is refused.
"""

import base64
import re
import uuid
from typing import Final

KEPT_BYTES: Final = 36
UUID_CHARACTERS: Final = 36
_ORDER = re.compile(r"([0-9a-f]{8})-0000-4000-8000-([0-9a-f]{12})").fullmatch
_ACCOUNT = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-4000-a000-0{12}").fullmatch
_NAME = re.compile(r"[!-~]{1,64}").fullmatch
_SHORT = re.compile(r"(.{0,13})~([A-Za-z0-9_-]{22})", re.DOTALL).fullmatch


def order_name(book: int, order_id: int) -> str:
    """What Coinbase would call this order."""
    return f"{book:08x}-0000-4000-8000-{order_id:012x}"


def order_of(name: str) -> tuple[int, int] | None:
    """(book, order id) of an order's name; None where it can be no order's."""
    found = _ORDER(name)
    return (int(found[1], 16), int(found[2], 16)) if found is not None else None


def account_name(account: int, asset: int) -> str:
    """What Coinbase would call one asset's account."""
    return f"{account:08x}-{asset:04x}-4000-a000-{0:012x}"


def account_of(name: str) -> tuple[int, int] | None:
    """(account, asset) of an account's name; None where it can be no account's."""
    found = _ACCOUNT(name)
    return (int(found[1], 16), int(found[2], 16)) if found is not None else None


def user_name(account: int) -> str:
    """What Coinbase would call a user, and his one portfolio."""
    return f"{account:08x}-0000-4000-b000-{0:012x}"


def kept(name: str) -> str:
    """A client's name for an order as the journal keeps it. Raises ValueError where it can't be kept."""
    if not _NAME(name) or _SHORT(name):
        raise ValueError(f"client_order_id {name[:64]!r} can't be kept; expected 1 to 36 printable ASCII characters, best a UUID")
    if len(name) <= KEPT_BYTES:
        return name
    before, end = name[:-UUID_CHARACTERS], name[-UUID_CHARACTERS:]
    try:
        whole = uuid.UUID(end)
    except ValueError:
        whole = None
    if whole is None or str(whole) != end or len(before) > 13:
        raise ValueError(f"client_order_id {name[:64]!r} can't be kept; expected at most 36 characters, or at most 13 before a UUID")
    return f"{before}~{base64.urlsafe_b64encode(whole.bytes).rstrip(b'=').decode()}"


def told(name: str) -> str:
    """A client's name as it came."""
    found = _SHORT(name)
    return found[1] + str(uuid.UUID(bytes=base64.urlsafe_b64decode(found[2] + "=="))) if found is not None else name
