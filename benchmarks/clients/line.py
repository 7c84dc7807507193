"""A connection to an exchange, alike in every dialect.

A request comes to an answer, to `Refused` (the exchange says that it did nothing) or to `Gone` (the line ended: it may have been done or
not). What the exchange tells unasked goes to `heard`.
"""

import asyncio
import base64
import contextlib
import json
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from polaris.exchange.gateway.keys import Keys
from polaris.exchange.listing import Rules

OPEN, FILLED, ENDED = "open", "filled", "ended"  # ENDED: cancelled, or expired, as when it would have traded with its own account
PATIENCE_S: Final = 10.0
NOT_TOLD: Final = -1
Fills = dict[str, tuple[int, int]]  # trade id -> ticks, lots


class Gone(Exception):
    """The line has ended; what was asked on it and not answered may have been done or not."""


class Refused(Exception):
    """The exchange says that it did nothing."""


class Standing(NamedTuple):
    """How an order stands."""

    order_id: str
    state: str  # "": not told
    executed: int  # lots; NOT_TOLD
    fills: Fills = {}


class Order:
    """An order, and all that was ever told of it.

    order_id  "" until the exchange has told of it
    refused   it said that it did not take it
    unsure    something was asked or told of it since it was last looked at
    """

    __slots__ = ("book", "executed", "fills", "name", "order_id", "price", "quantity", "refused", "side", "state", "unsure")

    def __init__(self, name: str, book: int, side: int, price: int, quantity: int) -> None:
        self.name, self.book, self.side, self.price, self.quantity = name, book, side, price, quantity
        self.order_id, self.state, self.executed = "", OPEN, 0
        self.fills: Fills = {}
        self.refused, self.unsure = False, True


Heard = Callable[[str, Standing], None]  # name


class Line(ABC):
    """A connection. Requests may be under way side by side.

    resends  an order that may have been taken can be sent again: it is never taken twice
    by_name  an order is found by the client's name for it; else by the exchange's
    """

    resends: ClassVar[bool] = False
    by_name: ClassVar[bool] = True

    def __init__(self, identity: "Identity", rules: Rules, heard: Heard) -> None:
        self.identity, self.rules, self.heard = identity, rules, heard
        self.ended = asyncio.Event()

    @abstractmethod
    async def open(self, ports: dict[str, int]) -> None:
        """Connect and log on. Raises Gone; then it is to be closed all the same."""

    @abstractmethod
    async def place(self, order: Order, again: bool = False) -> Standing:
        """Place it; `again` where it was sent before and never answered."""

    @abstractmethod
    async def cancel(self, order: Order, name: str) -> Standing:
        """Cancel it, under this name where the dialect wants one."""

    @abstractmethod
    async def find(self, order: Order) -> Standing | None:
        """None where there is no such order."""

    async def fills(self, order: Order) -> Fills | None:
        """None where the dialect can't be asked."""
        return None

    async def balances(self) -> dict[str, int] | None:
        """asset -> units, free and locked; None where the dialect can't be asked."""
        return None

    @abstractmethod
    async def close(self) -> None:
        """Leave it, whatever state it is in."""

    @staticmethod
    def number(order_id: str) -> int:
        """The core's number of an order."""
        return int(order_id)

    def ticks(self, order: Order, text: str) -> int:
        return self.rules.listings[order.book].ticks(text)

    def lots(self, book: int, text: str) -> int:
        listing = self.rules.listings[book]
        return listing.lots(text) if float(text) else 0

    async def answer(self, waiting: "asyncio.Future[Any]") -> Any:
        """What comes, or Gone."""
        if self.ended.is_set():
            raise Gone("it had ended")
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await waiting
        except TimeoutError:
            raise TimeoutError(f"{type(self).__name__} had no answer within {PATIENCE_S:g} s") from None


class Identity:
    """A key of one account and how it signs."""

    def __init__(self, keys: Keys, account: int) -> None:
        self.account = account
        self.private = Ed25519PrivateKey.generate()
        self.key = keys.create_ed25519(account, base64.b64encode(self.private.public_key().public_bytes_raw()).decode()).name

    def signed(self, said: str) -> str:
        return base64.b64encode(self.private.sign(said.encode())).decode()

    def token(self, call: str) -> str:
        """A JWT for one call."""

        def part(told: bytes) -> str:
            return base64.urlsafe_b64encode(told).rstrip(b"=").decode()

        now = int(time.time())
        head = {"alg": "EdDSA", "typ": "JWT", "kid": self.key, "nonce": secrets.token_hex(8)}
        claims = {"sub": self.key, "iss": "cdp", "nbf": now, "exp": now + 120, "uri": call}
        said = f"{part(json.dumps(head).encode())}.{part(json.dumps(claims).encode())}"
        return f"{said}.{part(self.private.sign(said.encode()))}"


async def cut(writer: asyncio.StreamWriter) -> None:
    """End a connection at once."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def end(waiting: "asyncio.Future[Any]", why: str) -> None:
    """Nothing more comes to who waits, if anybody does."""
    if not waiting.done():
        waiting.set_exception(Gone(why))
        waiting.exception()
