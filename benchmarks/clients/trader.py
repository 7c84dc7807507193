"""A client that forgets nothing it was told, over as many lines as it takes, and finds every fault.

It sends limit orders near the touch and cancels without pause, several at a time, until its line ends. On its next line it looks at every order
that something may have happened to, and at some others: each must stand as it was told, and exactly as in the `Truth`, which ran the same
commands and was never killed. What was never answered and is not there is sent again, under its name.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Iterable
from typing import Final, Protocol

from clients.line import NOT_TOLD, OPEN, Gone, Identity, Line, Order, Refused, Standing
from polaris.domain.orders import BUY, SELL
from polaris.exchange.listing import Rules

AHEAD: Final = 16  # requests under way
NEAR, BEYOND = 48, 12  # ticks on the own side of the middle, and on the other, that orders are placed at
CANCELS: Final = 0.45
OTHERS: Final = 20  # orders that nothing should have happened to, looked at all the same
REFUSED_S: Final = 0.01  # until the next request of an exchange that takes nothing


class Truth(Protocol):
    """What is so."""

    def order(self, account: int, name: str) -> Standing | None:
        """With the core's number as its id, and all its fills."""

    def balances(self, account: int) -> dict[str, int]:
        """asset -> units, free and locked."""


class Trader:
    """One client.

    middles  ticks, of each book
    faults   what is not as it was told, in words; lost, twice: how many orders of them are gone, or have another number now
    """

    def __init__(self, dialect: type[Line], identity: Identity, rules: Rules, middles: list[int], dice: random.Random) -> None:
        self.dialect, self.account = dialect, identity.account
        self.orders: dict[str, Order] = {}
        self.faults: list[str] = []
        self.lost = self.twice = self.resent = self.refused = self.looked_at = 0
        self._identity, self._rules, self._middles, self._dice = identity, rules, middles, dice
        self._line: Line
        self._living: list[Order] = []
        self._names = 0

    @property
    def acknowledged(self) -> int:
        """Orders that were answered."""
        return sum(bool(order.order_id) for order in self.orders.values())

    async def connect(self, ports: dict[str, int]) -> None:
        """A new line. Raises Gone."""
        self._line = self.dialect(self._identity, self._rules, self._heard)
        await self._line.open(ports)

    async def close(self) -> None:
        """Leave it."""
        await self._line.close()

    # looking

    def compare(self, truth: Truth, everything: bool = False) -> None:
        """Whether all that was told is so."""
        for order in list(self.orders.values()):
            if not (everything or order.unsure or order.state == OPEN):
                continue
            found = truth.order(self.account, order.name)
            if found is None:
                if order.order_id:
                    self.lost += 1
                    self._fault(order, "is not in the journal")
            elif order.refused:
                self._fault(order, f"was refused, and the journal has it: {found}")
            elif order.order_id:
                self._agree(order, found._replace(order_id=order.order_id) if int(found.order_id) == self.dialect.number(order.order_id) else found)

    async def look(self, truth: Truth, everything: bool = False) -> None:
        """Ask the exchange, at which nobody trades meanwhile. Raises Gone."""
        unsure = [order for order in self.orders.values() if everything or order.unsure or order.state == OPEN]
        others = [] if everything else [order for order in self.orders.values() if not order.unsure and order.state != OPEN]
        asked = [*unsure, *self._dice.sample(others, min(OTHERS, len(others)))]
        self.looked_at += len(asked)
        await self._side_by_side(self._look(order, truth) for order in asked)
        balances = await self._line.balances()
        if balances is not None and balances != (expected := truth.balances(self.account)):
            self.faults.append(f"account {self.account} has {balances}; expected {expected}")

    async def _look(self, order: Order, truth: Truth) -> None:
        if not order.order_id and not self._line.by_name:
            return
        found, expected = await self._line.find(order), truth.order(self.account, order.name)
        if found is None:
            if order.order_id or expected is not None:
                self.lost += 1
                self._fault(order, f"is not there; expected {expected}")
            return
        if order.refused or expected is None:
            self._fault(order, f"was {'refused' if order.refused else 'never taken'}, and stands as {found}")
            return
        self._agree(order, found)
        if (self._line.number(found.order_id), found.state, found.executed) != (int(expected.order_id), expected.state, expected.executed):
            self._fault(order, f"stands as {found}; expected {expected}")
        fills = await self._line.fills(order) if found.executed else {}
        if fills is not None and fills != expected.fills:
            self._fault(order, f"has the fills {fills}; expected {expected.fills}")
        order.unsure = False

    def _agree(self, order: Order, now: Standing, answer: bool = False) -> None:
        """Take what is told now, where it does not take back what was told before; an answer may be read after what came behind it."""
        if order.order_id and now.order_id != order.order_id:
            self.twice += 1
            self._fault(order, f"was told to be {order.order_id}; is {now.order_id}")
        if now.state not in ("", order.state) and order.state != OPEN and not answer:
            self._fault(order, f"was told to be {order.state}; is {now.state}")
        if NOT_TOLD < now.executed < order.executed and not answer:
            self._fault(order, f"was told to have traded {order.executed} lots; now {now.executed}")
        wrong = {trade: fill for trade, fill in now.fills.items() if order.fills.get(trade, fill) != fill}
        if wrong:
            self._fault(order, f"was told the fills {order.fills}; now {wrong}")
        order.order_id, order.unsure = now.order_id, True
        order.state = now.state if now.state and order.state == OPEN else order.state
        order.executed = max(order.executed, now.executed)
        order.fills.update(now.fills)

    def _heard(self, name: str, standing: Standing) -> None:
        order = self.orders.get(name)
        if order is None:
            self.faults.append(f"account {self.account} was told of {name}, which it never asked for: {standing}")
        else:
            self._agree(order, standing)

    # trading

    async def resend(self) -> None:
        """Send again what was never answered: where it is safe at once, else where it was not found. Raises Gone."""
        for name in [name for name, order in self.orders.items() if order.refused]:
            del self.orders[name]
        lacking = [order for order in self.orders.values() if not order.order_id]
        self.resent += len(lacking)
        await self._side_by_side(self._place(order, again=True) for order in lacking)

    async def trade(self) -> None:
        """Place and cancel until the line ends."""
        self._living = [order for order in self.orders.values() if order.state == OPEN and order.order_id]
        with contextlib.suppress(Gone):
            await self._side_by_side(self._work() for _ in range(AHEAD))

    async def _work(self) -> None:
        dice = self._dice
        while True:
            if self._living and dice.random() < CANCELS:
                place = dice.randrange(len(self._living))
                self._living[place], order = self._living[-1], self._living[place]
                self._living.pop()
                if order.state == OPEN:
                    await self._cancel(order)
                continue
            book, side = dice.randrange(len(self._middles)), dice.choice((BUY, SELL))
            order = Order(self._name(), book, side, self._middles[book] - side * dice.randrange(-BEYOND, NEAR), dice.randrange(500, 5_000))
            self.orders[order.name] = order
            await self._place(order)

    async def _place(self, order: Order, again: bool = False) -> None:
        order.unsure = True
        try:
            standing = await self._line.place(order, again)
        except Refused:
            order.refused = True
            self.refused += 1
            await asyncio.sleep(REFUSED_S)
            return
        self._agree(order, standing, answer=True)
        if order.state == OPEN:
            self._living.append(order)

    async def _cancel(self, order: Order) -> None:
        order.unsure = True
        try:
            self._agree(order, await self._line.cancel(order, self._name()), answer=True)
        except Refused:
            if order.state == OPEN:  # nothing is taken; else there is nothing to cancel any more
                await asyncio.sleep(REFUSED_S)

    def _name(self) -> str:
        self._names += 1
        return f"{self.dialect.__name__.lower()}-{self.account}-{self._names}"

    async def _side_by_side(self, deeds: Iterable[Awaitable[None]]) -> None:
        """Do them, some at a time. Raises what the first of them raised."""
        waiting = iter(deeds)

        async def some() -> None:
            for deed in waiting:
                await deed

        tasks = [asyncio.create_task(some()) for _ in range(AHEAD)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _fault(self, order: Order, what: str) -> None:
        self.faults.append(f"{order.name} of account {self.account} {what}")
