"""What the accounts at the venues hold, against what the desk makes of its fills: they agree, or that venue gets no new order.

    held at the venue = what it held when the desk began there + the desk's fills - their fees        to within dust, asset by asset

The desk's side is the core's own fold: lots, cost, realised profit and fees of each position. Balances are compared at a quiet moment
only, where no fill came from before the question until a while after the answer: else what differs is under way. Two comparisons in a
row that do not fit are a difference: it is told as an event of the log, the courier holds new orders to that venue back, and goes on
doing so until they agree again. What a venue is held back for is never guessed away: who knows better tells it by a new log.
Fees are taken in the quote, or in what is received: of a buy in the base. A venue's own words do not always say which, so both are tried
against what it holds, and what fitted once is expected from then on.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any, Final

import structlog

from polaris.app.courier import Courier
from polaris.domain.control import Balances, Control
from polaris.domain.errors import PolarisError
from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.numbers import MONEY_DECIMALS
from polaris.domain.orders import BUY, FILL, Records
from polaris.log.read import EventBlock, RecordsBlock, blocks

SETTLE_S: Final = 0.5  # by then a fill that a balance holds has been told
SOON_S: Final = 1.0  # until the next try, while nothing is certain
TWICE: Final = 2  # comparisons in a row that do not fit
LONGEST: Final = 10  # periods without a quiet moment: then one is made by holding orders back
UNIT: Final = Decimal(10) ** -MONEY_DECIMALS

Amounts = dict[str, Decimal]  # by asset

log = structlog.get_logger()


@dataclass
class Account:
    """One venue's account.

    opening   what it held before the desk's first fill; None where that is not known yet
    held, expected, differences   of the newest comparison; held minus expected, where it is more than dust
    in_kind   buyers' fees since the opening, by instrument: (money, the same in the base)
    received  fees are taken in what is received; None as long as both would fit
    agrees    None before the first comparison
    """

    opening: Amounts | None = None
    held: Amounts = field(default_factory=dict)
    expected: Amounts = field(default_factory=dict)
    differences: Amounts = field(default_factory=dict)
    in_kind: dict[int, tuple[int, Decimal]] = field(default_factory=dict)
    received: bool | None = None
    agrees: bool | None = None
    misfits: int = 0
    compared_ns: int = 0  # 0 before the first comparison


class Reconciliation:
    """Compares the accounts of all venues, again and again.

    positions  the core's, as they are now
    tell       writes an event to the log
    clock      ns
    every_ns   between two comparisons
    dust       dollars: what is worth less is no difference
    """

    def __init__(
        self, courier: Courier, instruments: Instruments, positions: Callable[[], Any], tell: Callable[[Control], object], clock: Callable[[], int], *, every_ns: int, dust: float
    ) -> None:
        self.courier, self.instruments, self.clock = courier, instruments, clock
        self.accounts = {venue: Account() for venue in courier.entries}
        self._positions, self._tell, self._every_ns, self._dust = positions, tell, every_ns, Decimal(repr(dust))
        self._items = {venue: [item for item in instruments if item.key.venue == venue] for venue in courier.entries}
        for venue in courier.entries:
            courier.held[venue] = "its balances were not compared yet"

    def remember(self, directory: Path) -> None:
        """Take over from the log what earlier runs found: for venues that still are what they were."""
        for block in blocks(directory):
            if isinstance(block, RecordsBlock):
                self.hear(block.records)
            elif isinstance(block, EventBlock) and isinstance(block.event, Balances) and block.event.venue in self.accounts:
                account, opening = self.accounts[block.event.venue], _amounts(block.event.opening)
                if account.opening != opening:
                    account.opening = opening
                    account.in_kind.clear()

    def hear(self, records: Records) -> None:
        """Records that the log holds: fills bring fees."""
        for record in records[(records["kind"] == FILL) & (records["side"] == BUY) & (records["money"] != 0)]:
            item = self.instruments[int(record["instrument"])]
            if item.key.venue in self.accounts:
                in_kind = self.accounts[item.key.venue].in_kind
                fee, price = int(record["money"]), Decimal(int(record["price"])).scaleb(-item.price_decimals)
                money, base = in_kind.get(item.id, (0, Decimal(0)))
                in_kind[item.id] = money + fee, base + (fee * UNIT / price).quantize(UNIT, ROUND_FLOOR)

    async def run(self) -> None:
        """Compare until cancelled."""
        await asyncio.gather(*map(self._watch, self.accounts))

    async def _watch(self, venue: str) -> None:
        while True:
            try:
                await self.compare(venue)
            except PolarisError as trouble:
                log.warning("balances not told", venue=venue, said=str(trouble))
                self._unsure(venue)
            account = self.accounts[venue]
            certain = account.agrees and not account.misfits and venue not in self.courier.held
            await asyncio.sleep(self._every_ns / 1e9 if certain else min(SOON_S, self._every_ns / 1e9))

    async def compare(self, venue: str) -> None:
        """One comparison. Raises PolarisError where the venue does not tell."""
        before = self._fold(venue)
        held = dict.fromkeys(self._assets(venue), Decimal(0))
        held |= {balance.asset: balance.total for balance in await self.courier.entries[venue].balances() if balance.asset in held}
        await asyncio.sleep(SETTLE_S)
        if not self.courier.settled(venue) or self._fold(venue) != before:
            self._unsure(venue)
            return
        account = self.accounts[venue]
        account.held, account.compared_ns = held, self.clock()
        if account.opening is None and not self._open(venue, held):
            return
        account.expected, account.differences = self._expected(venue, held)
        if not account.differences:
            account.misfits = 0
            self._agree(venue)
            return
        account.misfits += 1
        self.courier.look(venue)  # a fill that was not told would explain it
        if account.misfits >= TWICE:
            self._differ(venue)

    def _open(self, venue: str, held: Amounts) -> bool:
        """The desk begins at a venue it knows nothing of: what it holds there by its log is a part of what the account holds.

        returns  False where the account does not hold that much: it can't be the account of this log
        """
        account = self.accounts[venue]
        account.in_kind.clear()
        traded = self._traded(venue, False)
        missing = {asset: traded[asset] - held[asset] for asset in held if traded[asset] > held[asset]}
        if missing:
            reason = f"its account lacks {_words(missing)} of what the log says was bought there: begin a new log with polaris start --fresh"
            if self.courier.held.get(venue) != reason:
                log.error("orders held back", venue=venue, said=reason)
            self.courier.held[venue] = reason
            return False
        account.opening = {asset: held[asset] - traded[asset] for asset in held}
        kept = {asset: amount for asset, amount in traded.items() if amount}
        if kept:
            log.warning("venue began anew", venue=venue, held=_words(held), traded=_words(kept), said="its account is a new one; the log's positions and cash stay and count as a part of it")
        else:
            log.info("account opened", venue=venue, held=_words(held))
        return True

    def _agree(self, venue: str) -> None:
        account = self.accounts[venue]
        if account.agrees is not True:
            if account.agrees is False:
                log.warning("balances agree again", venue=venue, held=_words(account.held))
            account.agrees = True
            self._told(venue, "")
        if self.courier.held.pop(venue, None):
            log.info("orders may leave", venue=venue)

    def _differ(self, venue: str) -> None:
        account = self.accounts[venue]
        reason = f"its balances differ from the desk's books by {_words(account.differences)}"
        changed = self.courier.held.get(venue) != reason
        self.courier.held[venue] = reason
        if account.agrees is not False or changed:
            account.agrees = False
            log.error("balances differ", venue=venue, held=_words(account.held), expected=_words(account.expected), differences=_words(account.differences), said="it gets no new order until they agree")
            self._told(venue, reason)

    def _unsure(self, venue: str) -> None:
        """No comparison: after too long without one orders are held back, which makes a quiet moment."""
        account = self.accounts[venue]
        if account.compared_ns and self.clock() - account.compared_ns > LONGEST * self._every_ns and venue not in self.courier.held:
            self.courier.held[venue] = "its balances could not be compared for too long"
            log.warning("orders held back", venue=venue, said=self.courier.held[venue])

    def _told(self, venue: str, reason: str) -> None:
        account = self.accounts[venue]
        self._tell(
            Balances(
                venue=venue,
                agrees=account.agrees is True,
                opening=_texts(account.opening or {}),
                held=_texts(account.held),
                expected=_texts(account.expected),
                reason=reason,
                ts=self.clock(),
            )
        )

    # the desk's side

    def _assets(self, venue: str) -> list[str]:
        return list(dict.fromkeys(asset for item in self._items[venue] for asset in (item.key.base, item.key.quote)))

    def _fold(self, venue: str) -> list[tuple[int, ...]]:
        """What the core holds there and paid for it: it changes with every fill."""
        return [tuple(int(position[name]) for name in ("lots", "cost", "realised", "fees")) for position in (self._positions()[item.id] for item in self._items[venue])]

    def _traded(self, venue: str, received: bool) -> Amounts:
        """How the desk's fills changed its account; `received`: with a buy's fee taken in the base."""
        changed = dict.fromkeys(self._assets(venue), Decimal(0))
        for item, (lots, cost, realised, fees) in zip(self._items[venue], self._fold(venue), strict=True):
            changed[item.key.base] += Decimal(lots).scaleb(-item.quantity_decimals)
            changed[item.key.quote] += (realised - cost - fees) * UNIT
            if received:
                money, base = self.accounts[venue].in_kind.get(item.id, (0, Decimal(0)))
                changed[item.key.base] -= base
                changed[item.key.quote] += money * UNIT
        return changed

    def _expected(self, venue: str, held: Amounts) -> tuple[Amounts, Amounts]:
        """What the account should hold, and what of it differs: by the custom of fees that fits, or by the likelier one."""
        account = self.accounts[venue]
        customs = (False, True) if account.received is None else (account.received,)
        found = []
        for received in customs:
            traded = self._traded(venue, received)
            expected = {asset: (account.opening or {}).get(asset, Decimal(0)) + traded[asset] for asset in held}
            differences = {asset: held[asset] - expected[asset] for asset in held if self._counts(venue, asset, held[asset] - expected[asset])}
            found.append((expected, differences))
        fits = [received for received, (_, differences) in zip(customs, found, strict=True) if not differences]
        if len(fits) == 1 and len(customs) > 1:
            account.received = fits[0]
        return found[customs.index(fits[0])] if fits else found[0]

    def _counts(self, venue: str, asset: str, difference: Decimal) -> bool:
        """Whether a difference is more than dust; of an asset without a price every one is."""
        return abs(difference) * self._worth(venue, asset) > self._dust if difference else False

    def _worth(self, venue: str, asset: str) -> Decimal:
        """Dollars of one unit, the quote currencies taken for dollars as the account does; more than enough where there is no price."""
        if any(item.key.quote == asset for item in self._items[venue]):
            return Decimal(1)
        item = next(item for item in self._items[venue] if item.key.base == asset)
        return _mid(self._positions()[item.id], item) or Decimal(10) ** 30


def _mid(position: Mapping[str, int], item: Instrument) -> Decimal:
    return Decimal(int(position["bid"]) + int(position["ask"])).scaleb(-item.price_decimals) / 2 if position["bid"] and position["ask"] else Decimal(0)


def _texts(amounts: Amounts) -> dict[str, str]:
    return {asset: format(amount.normalize(), "f") for asset, amount in amounts.items()}


def _words(amounts: Amounts) -> str:
    return ", ".join(f"{amount} {asset}" for asset, amount in _texts(amounts).items())


def _amounts(texts: Mapping[str, str]) -> Amounts:
    return {asset: Decimal(text) for asset, text in texts.items()}
