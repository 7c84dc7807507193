"""How much one may ask: weight by address and minute, orders by account and interval, and what follows who goes on.

Windows are those of the clock, not of the asker: they begin anew on the full minute, ten seconds, day (UTC). Who goes on after a
refusal is banned, the second time twice as long.
Source: Binance spot API documentation, "LIMITS", "Spot Unfilled Order Count Rules".
"""

from typing import Any, Final

import msgspec
import numpy as np

from polaris.exchange.gateway.binance import errors
from polaris.exchange.gateway.register_changes import ACCOUNT, AMOUNT, IMAGE, TRADE, TS, WHAT, Changes, words_of
from polaris.exchange.gateway.register_memory import EXECUTED, KEY

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
TEN_SECONDS: Final = 10 * SECOND
DAY: Final = 86_400 * SECOND
FIRST_BAN: Final = 2 * MINUTE
LONGEST_BAN: Final = 3 * DAY
FILLED_TAKING: Final = 1  # orders given back by the first fill of one
FILLED_RESTING: Final = 5
FILL_COLUMNS: Final = [ACCOUNT, WHAT, TS, AMOUNT, IMAGE + EXECUTED - KEY]  # words of a change
HALF: Final = 0xFFFFFFFF
MAKER: Final = 1 << 24
ADDRESSES: Final = 65_536  # remembered at once


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue allows.

    offences  refusals in one minute after which an address is banned
    """

    weight_per_minute: int = 6_000
    orders_per_ten_seconds: int = 100
    orders_per_day: int = 200_000
    offences: int = 50

    def documents(self) -> list[dict[str, Any]]:
        """As exchangeInfo tells them."""
        return [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.weight_per_minute},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": self.orders_per_ten_seconds},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": self.orders_per_day},
        ]


class _Use:
    __slots__ = ("ban", "banned_until", "minute", "offences", "weight")

    def __init__(self) -> None:
        self.minute = -1
        self.weight = 0
        self.offences = 0
        self.ban = 0  # how long the last one was, ns
        self.banned_until = 0


class Weights:
    """What every address has used in this minute."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._uses: dict[str, _Use] = {}

    def take(self, address: str, weight: int, now: int) -> int:
        """Count one request and return what the address has used.

        raises  Refusal 429 above the limit, 418 while banned; its data tells `retryAfter`, ms UTC
        """
        use = self._uses.get(address)
        if use is None:
            use = self._remember(address, now)
        minute = now // MINUTE
        if now < use.banned_until:
            refusal = errors.banned(use.banned_until // 1_000_000)
            refusal.data = {"serverTime": now // 1_000_000, "retryAfter": use.banned_until // 1_000_000}
            raise refusal
        if use.minute != minute:
            use.minute, use.weight, use.offences = minute, 0, 0
        use.weight += weight
        if use.weight > self._limits.weight_per_minute:
            use.offences += 1
            if use.offences > self._limits.offences:
                use.ban = min(2 * use.ban or FIRST_BAN, LONGEST_BAN)
                use.banned_until = now + use.ban
            refusal = errors.too_much_weight(self._limits.weight_per_minute)
            refusal.data = {"serverTime": now // 1_000_000, "retryAfter": (minute + 1) * MINUTE // 1_000_000}
            raise refusal
        return use.weight

    def used(self, address: str, now: int) -> int:
        use = self._uses.get(address)
        return use.weight if use is not None and use.minute == now // MINUTE else 0

    def _remember(self, address: str, now: int) -> _Use:
        if len(self._uses) >= ADDRESSES:
            self._uses = {known: use for known, use in self._uses.items() if use.minute == now // MINUTE or now < use.banned_until}
        use = self._uses[address] = _Use()
        return use


class OrderCounts:
    """How many unfilled orders every account placed in these ten seconds and this day."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts: dict[int, list[int]] = {}  # [ten seconds, orders in them, day, orders in it]

    def take(self, account: int, orders: int, now: int) -> None:
        """Count orders that are about to be placed.

        raises  Refusal where they would be too many; then none is counted
        """
        count = self._count(account, now)
        if count[1] + orders > self._limits.orders_per_ten_seconds:
            raise errors.too_many_orders(self._limits.orders_per_ten_seconds, "10 SECONDS")
        if count[3] + orders > self._limits.orders_per_day:
            raise errors.too_many_orders(self._limits.orders_per_day, "1 DAY")
        count[1] += orders
        count[3] += orders

    def changed(self, changes: Changes) -> None:
        """An order that trades for the first time gives back one, or five where it rested: who trades may go on."""
        words = words_of(changes)
        for whose, what, ts, lots, executed in words[np.flatnonzero(words[:, TRADE])][:, FILL_COLUMNS].tolist():
            if executed == lots:
                self.give_back(whose & HALF, FILLED_RESTING if what & MAKER else FILLED_TAKING, ts)

    def give_back(self, account: int, orders: int, now: int) -> None:
        """Orders that were refused do not count."""
        count = self._count(account, now)
        count[1], count[3] = max(0, count[1] - orders), max(0, count[3] - orders)

    def counts(self, account: int, now: int) -> tuple[int, int]:
        """(in these ten seconds, in this day)."""
        _, ten, _, day = self._count(account, now)
        return ten, day

    def documents(self, account: int, now: int) -> list[dict[str, Any]]:
        """As GET rateLimit/order tells them."""
        return [{**limit, "count": count} for limit, count in zip(self._limits.documents()[1:], self.counts(account, now), strict=True)]

    def _count(self, account: int, now: int) -> list[int]:
        count = self._counts.setdefault(account, [0, 0, 0, 0])
        if count[0] != now // TEN_SECONDS:
            count[0], count[1] = now // TEN_SECONDS, 0
        if count[2] != now // DAY:
            count[2], count[3] = now // DAY, 0
        return count
