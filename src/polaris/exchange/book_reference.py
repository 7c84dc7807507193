"""The plain truth of matching: price-time priority in dicts and lists, to be read, and to hold the compiled kernel to.

    one command -> check -> accept -> match -> rest or expire -> fire the stops its trades reached, one after the other

Nothing here is fast; everything is one rule in one place. `book.MatchingEngine` gives the same events and the same
state, bit for bit (tests/differential/test_matching.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from polaris.domain.orders import BUY, SELL
from polaris.exchange import words as w
from polaris.exchange.accounts import Money
from polaris.exchange.accounts_reference import Accounts
from polaris.exchange.ledger import Ledger
from polaris.exchange.words import ASKS, BIDS, EVENT, FALLING, ORDER, RISING, TICKS, Commands, Events, Orders, state_digest

NAMES = [name for name in w.COMMAND.names or () if name != "reserved"]
MARKETS = (w.MARKET, w.MARKET_AMOUNT, w.STOP, w.TAKE_PROFIT)  # have no limit
WAITING = (w.STOP, w.STOP_LIMIT, w.TAKE_PROFIT, w.TAKE_PROFIT_LIMIT)  # have a trigger
MAY_REST = (w.GTC, w.POST_ONLY, w.POST_SLIDE)


@dataclass(eq=False)
class Order:
    """One order that lives: in the book, or waiting for its trigger."""

    order_id: int
    book: int
    side: int
    order_type: int
    time_in_force: int
    price: int
    trigger: int
    shown: int
    hidden: int
    display: int
    account: int
    prevention: int
    flags: int = 0
    ladder: int = -1

    @property
    def open(self) -> int:
        return self.shown + self.hidden

    @property
    def place(self) -> int:
        """The tick it stands at."""
        return self.trigger if self.ladder in (FALLING, RISING) else self.price


@dataclass
class Book:
    """Both sides and both sets of waiting orders: by tick, the first to come first."""

    lowest: int
    last: int = 0  # price of the last trade; 0 before the first
    rules: list[int] = field(default_factory=lambda: [0] * w.RULES)
    ladders: tuple[dict[int, list[Order]], ...] = field(default_factory=lambda: ({}, {}, {}, {}))

    def best(self, ladder: int) -> int | None:
        """The tick whose turn is first: the highest bid or falling trigger, the lowest ask or rising trigger."""
        ticks = self.ladders[ladder]
        if not ticks:
            return None
        return max(ticks) if ladder in (BIDS, FALLING) else min(ticks)

    def holds(self, tick: int) -> bool:
        return self.lowest <= tick < self.lowest + TICKS

    def join(self, order: Order) -> None:
        self.ladders[order.ladder].setdefault(order.place, []).append(order)

    def leave(self, order: Order) -> None:
        queue = self.ladders[order.ladder][order.place]
        queue.remove(order)
        if not queue:
            del self.ladders[order.ladder][order.place]

    def queue(self) -> list[Order]:
        """All orders: ladder by ladder, best tick first, first come first."""
        return [order for ladder, ticks in enumerate(self.ladders) for tick in sorted(ticks, reverse=ladder in (BIDS, FALLING)) for order in ticks[tick]]


class ReferenceEngine:
    """The engine in plain Python; same arguments and answers as `book.MatchingEngine`."""

    def __init__(self, lowest: Sequence[int] = (1,), capacity: int = 1 << 17, money: Money | None = None) -> None:
        self.accounts = Accounts(self, money) if money is not None else None
        self.books = [Book(tick) for tick in lowest]
        self.capacity = capacity
        self.alive: dict[int, Order] = {}
        self._told: list[tuple[int, ...]] = []
        self._seq = 0
        self.now = 0

    def run(self, commands: Commands) -> Events:
        """Do commands in their order; returns what they caused (EVENT)."""
        self._told = []
        for command in commands:
            self._seq = int(command["seq"])
            self._do({name: command[name].item() for name in NAMES})
        return np.array(self._told, EVENT)

    def orders(self) -> Orders:
        """Every order that lives (ORDER): by book, ladder, best tick first, first come first."""
        rows = [
            (o.book, o.ladder, o.flags, b"", o.order_id, o.price, o.trigger, o.shown, o.hidden, o.display, o.account, o.side, o.order_type, o.time_in_force, o.prevention)
            for book in self.books
            for o in book.queue()
        ]
        return np.array(rows, ORDER)

    def last_prices(self) -> Any:
        """int64[books], the last trade's price in ticks; 0 before the first."""
        return np.array([book.last for book in self.books], np.int64)

    def rules(self) -> Any:
        """int64[books, RULES], the value of each rule; 0 for none."""
        return np.array([book.rules for book in self.books], np.int64)

    def ledger(self) -> Ledger:
        """Every account. Raises ValueError where the engine has none."""
        if self.accounts is None:
            raise ValueError("this engine has no accounts")
        return self.accounts.ledger()

    def digest(self) -> str:
        """32 hex digits of the whole state."""
        return state_digest(self.orders(), self.last_prices(), self.rules(), self.now, self.ledger().tobytes() if self.accounts else b"")

    def _tell(
        self, kind: int, side: int, book: int, order_id: int, price: int, quantity: int, leaves: int,
        account: int, reason: int = 0, maker: Order | None = None, flags: int = 0, fees: tuple[int, int] = (0, 0),
    ) -> None:  # fmt: skip
        maker_id, maker_leaves, maker_account = (maker.order_id, maker.open, maker.account) if maker is not None else (0, 0, 0)
        one = (kind, reason, flags, side, book, order_id, maker_id, price, quantity, leaves, maker_leaves, self._seq)
        self._told.append((*one, account, maker_account, *fees, self.now))

    def _reject(self, command: dict[str, int], reason: int) -> None:
        c = command
        self._tell(w.REJECTED, c["side"], c["book"], c["order_id"], c["price"], c["quantity"], 0, c["account"], reason)

    def _end(self, kind: int, order: Order, reason: int = 0) -> None:
        """Take an order out of the book and tell so."""
        self.books[order.book].leave(order)
        del self.alive[order.order_id]
        self._tell(kind, order.side, order.book, order.order_id, order.price, order.open, 0, order.account, reason)

    def _do(self, command: dict[str, int]) -> None:
        match command["operation"]:
            case w.SUBMIT:
                self._submit(command)
            case w.CANCEL:
                order = self._named(command)
                if order is not None:
                    self._end(w.CANCELLED, order)
            case w.AMEND:
                self._amend(command)
            case w.MASS_CANCEL:
                self._mass_cancel(command)
            case w.CLOCK:
                if command["price"] < self.now:
                    return self._reject(command, w.TIME)
                self.now = command["price"]
            case w.SET_RULE:
                self._set_rule(command)
            case w.DEPOSIT | w.WITHDRAW | w.TRANSFER if self.accounts:
                reason = self.accounts.transfer(command)
                if reason:
                    self._reject(command, reason)
            case w.SET_LIMIT | w.SET_TIER | w.SET_FEE | w.KILL | w.REVIVE if self.accounts:
                reason = self.accounts.set(command)
                if reason:
                    return self._reject(command, reason)
                which = {w.SET_LIMIT: command["trigger"], w.SET_TIER: command["quantity"], w.SET_FEE: command["quantity"]}
                self._tell_setting(command, which.get(command["operation"], 0))
                if command["operation"] == w.KILL:
                    self._mass_cancel({"book": -1, "side": 0, "account": command["account"]})
            case _:
                self._reject(command, w.BAD_OPERATION)
        return None

    def _tell_setting(self, c: dict[str, int], which: int) -> None:
        self._tell(w.SETTING, 0, c["book"], c["order_id"], c["price"], which, c["operation"], c["account"])

    def _set_rule(self, c: dict[str, int]) -> None:
        which, value = c["trigger"], c["price"]
        if not -1 <= c["book"] < len(self.books):
            return self._reject(c, w.NO_SUCH_BOOK)
        books = self.books if c["book"] == -1 else [self.books[c["book"]]]
        most = {w.BAND_PPM: 1_000_000, w.BAND_INTERRUPTS: 1, w.MIN_NOTIONAL: w.MAX_UNITS, w.MIN_LOTS: w.MAX_QUANTITY, w.MAX_LOTS: w.MAX_QUANTITY}
        most |= {w.LOT_STEP: w.MAX_QUANTITY}
        if not (value == 0 or all(book.holds(value) for book in books) if which == w.REFERENCE_PRICE else 0 <= value <= most.get(which, -1)):
            return self._reject(c, w.BAD_SETTING)
        for book in books:
            book.rules[which] = value
        return self._tell_setting(c, which)

    def _refusal(self, order: Order, was: Order | None = None) -> int:
        """Why an order that is right in itself is not accepted; 0 where it is."""
        book = self.books[order.book]
        rules = book.rules
        value = self.accounts.money.books[order.book][3] if self.accounts else 1
        if order.order_type != w.MARKET_AMOUNT and self._off_step(book, order.shown):
            return w.LOT_SIZE
        highest = book.lowest + TICKS - 1
        price = max(order.price or book.lowest, order.trigger) if order.side == SELL else order.price or highest
        if order.order_type == w.MARKET:
            price = book.last or rules[w.REFERENCE_PRICE]
        worth = order.shown * value * (1 if order.order_type == w.MARKET_AMOUNT else price)
        if (price or order.order_type != w.MARKET) and worth < rules[w.MIN_NOTIONAL]:
            return w.NOTIONAL
        return self.accounts.refusal(order, was) if self.accounts else 0

    def _off_step(self, book: Book, lots: int) -> bool:
        rules = book.rules
        return lots < rules[w.MIN_LOTS] or 0 < rules[w.MAX_LOTS] < lots or (rules[w.LOT_STEP] > 0 and lots % rules[w.LOT_STEP] != 0)

    def _named(self, command: dict[str, int]) -> Order | None:
        """The order a command means; tells a refusal where there is none."""
        order = self.alive.get(command["order_id"])
        if order is None or command["account"] not in (0, order.account):
            self._reject(command, w.UNKNOWN_ORDER)
            return None
        return order

    def _mass_cancel(self, command: dict[str, int]) -> None:
        number, side, account = command["book"], command["side"], command["account"]
        if not -1 <= number < len(self.books):
            return self._reject(command, w.NO_SUCH_BOOK)
        if side not in (0, BUY, SELL):
            return self._reject(command, w.BAD_SIDE)
        for book in self.books if number == -1 else [self.books[number]]:
            for order in book.queue():
                if side in (0, order.side) and account in (0, order.account):
                    self._end(w.CANCELLED, order)
        return None

    def _submit(self, command: dict[str, int]) -> None:
        reason = self._fault(command)
        if reason:
            return self._reject(command, reason)
        c = command
        display = c["display"] if c["display"] < c["quantity"] else 0
        order = Order(
            c["order_id"], c["book"], c["side"], c["order_type"], c["time_in_force"], c["price"], c["trigger"],
            c["quantity"], 0, display, c["account"], c["prevention"], c["flags"],
        )  # fmt: skip
        book = self.books[order.book]
        if order.order_type in MARKETS and order.price == (book.lowest + TICKS - 1 if order.side == BUY else book.lowest):
            order.price = 0  # the worst price there is: any
        if order.order_type in WAITING:
            order.ladder = RISING if (order.side == BUY) == (order.order_type in (w.STOP, w.STOP_LIMIT)) else FALLING
            if book.last and (book.last >= order.trigger if order.ladder == RISING else book.last <= order.trigger):
                return self._reject(command, w.TRIGGERED_ALREADY)
            ppm = book.rules[w.BAND_PPM]
            if order.price == 0 and order.side == BUY and self.accounts and ppm:
                worst = order.trigger + order.trigger * ppm // 1_000_000
                order.price = worst if worst < book.lowest + TICKS - 1 else 0
            reason = self._refusal(order)
            if reason:
                return self._reject(command, reason)
            self._count(order)
            self._tell(w.ACCEPTED, order.side, order.book, order.order_id, order.price, order.shown, order.shown, order.account)
            self.alive[order.order_id] = order
            book.join(order)
            return self._trim(order)
        if not self._may_post(order):
            return self._reject(command, w.WOULD_TAKE)
        reason = self._refusal(order)
        if reason:
            return self._reject(command, reason)
        self._count(order)
        self._tell(w.ACCEPTED, order.side, order.book, order.order_id, order.price, order.shown, order.shown, order.account)
        return self._fire(book, self._execute(order))

    def _count(self, order: Order) -> None:
        if self.accounts:
            self.accounts.count(order.account)

    def _trim(self, order: Order) -> None:
        if self.accounts:
            self.accounts.trim(order.account, order.book)

    def _fault(self, c: dict[str, int]) -> int:
        """Why a new order can't be taken; 0 where it can."""
        if not 0 <= c["book"] < len(self.books):
            return w.NO_SUCH_BOOK
        if c["order_id"] <= 0:
            return w.BAD_ORDER_ID
        if c["order_id"] in self.alive:
            return w.DUPLICATE_ORDER
        if c["side"] not in (BUY, SELL):
            return w.BAD_SIDE
        kind, time_in_force, book = c["order_type"], c["time_in_force"], self.books[c["book"]]
        if not w.LIMIT <= kind <= w.TAKE_PROFIT_LIMIT:
            return w.BAD_ORDER_TYPE
        allowed = (w.IOC,) if kind == w.MARKET_AMOUNT else (w.IOC, w.FOK) if kind in MARKETS else (w.GTC, w.IOC, w.FOK, w.POST_ONLY, w.POST_SLIDE)
        if time_in_force not in allowed:
            return w.BAD_TIME_IN_FORCE
        if c["prevention"] > w.DECREMENT:
            return w.BAD_PREVENTION
        if c["account"] < 0:
            return w.BAD_ACCOUNT
        if c["role"] or c["flags"] not in ((0, w.REDUCE_ONLY) if self.accounts else (0,)):
            return w.BAD_OPERATION
        if not 0 < c["quantity"] <= (w.MAX_AMOUNT if kind == w.MARKET_AMOUNT else w.MAX_QUANTITY):
            return w.BAD_QUANTITY
        no_price_needed, price_allowed = kind in MARKETS, kind not in (w.MARKET, w.MARKET_AMOUNT)
        if not (c["price"] == 0 and no_price_needed) and not (book.holds(c["price"]) and price_allowed):
            return w.BAD_PRICE
        if not book.holds(c["trigger"]) if kind in WAITING else c["trigger"] != 0:
            return w.BAD_TRIGGER
        if c["display"] and (c["display"] < 0 or time_in_force not in MAY_REST or -(-c["quantity"] // c["display"]) > w.MAX_SLICES):
            return w.BAD_DISPLAY
        if len(self.alive) >= self.capacity:
            return w.ENGINE_FULL
        return 0

    def _crosses(self, order: Order) -> bool:
        """Whether the other side's best price is acceptable to the order."""
        book = self.books[order.book]
        best = book.best(ASKS if order.side == BUY else BIDS)
        return best is not None and (order.price == 0 or (best <= order.price if order.side == BUY else best >= order.price))

    def _may_post(self, order: Order) -> bool:
        """Whether a post-only order may enter; one that slides is given its new price. Any other order may."""
        if order.time_in_force not in (w.POST_ONLY, w.POST_SLIDE) or not self._crosses(order):
            return True
        book = self.books[order.book]
        best = book.best(ASKS if order.side == BUY else BIDS)
        assert best is not None
        slid = best - 1 if order.side == BUY else best + 1
        if order.time_in_force == w.POST_ONLY or not book.holds(slid):
            return False
        order.price = slid
        return True

    def _own(self, taker: Order, maker: Order) -> bool:
        return taker.prevention != w.NO_PREVENTION and taker.account != 0 and taker.account == maker.account

    def _fillable(self, taker: Order) -> bool:
        """Whether all of the order could trade now: in the order of the queue, hidden lots of a tick after all that is shown there."""
        book, got = self.books[taker.book], 0
        makers = ASKS if taker.side == BUY else BIDS
        for tick in sorted(book.ladders[makers], reverse=makers == BIDS):
            if taker.price != 0 and (tick > taker.price if taker.side == BUY else tick < taker.price):
                break
            hidden = 0
            for maker in book.ladders[makers][tick]:
                if self._own(taker, maker):
                    if taker.prevention == w.EXPIRE_MAKER:
                        continue
                    return got >= taker.shown
                got += maker.shown
                hidden += maker.hidden
                if got >= taker.shown:
                    return True
            got += hidden
        return got >= taker.shown

    def _execute(self, order: Order) -> list[int]:
        """Match an accepted order, then rest or expire what is left; returns the prices it traded at."""
        prices: list[int] = []
        reason = w.NOT_FILLABLE
        if order.time_in_force != w.FOK or self._fillable(order):
            prices, reason = self._match(order)
        if prices and self.accounts:
            self.accounts.uncount(order, 1)
        if order.shown == 0:
            pass
        elif reason or order.time_in_force not in MAY_REST:
            self._tell(w.EXPIRED, order.side, order.book, order.order_id, order.price, order.shown, 0, order.account, reason or w.REMAINDER)
        else:
            self._rest(order)
        self._trim(order)
        return prices

    def _rest(self, order: Order) -> None:
        total = order.open
        order.shown = min(order.display, total) if order.display else total
        order.hidden = total - order.shown
        order.ladder = BIDS if order.side == BUY else ASKS
        order.trigger = 0
        self.alive[order.order_id] = order
        self.books[order.book].join(order)

    def _match(self, taker: Order) -> tuple[list[int], int]:
        """Trade with the other side while it can; returns the prices it traded at and why it must end (0: it need not)."""
        book = self.books[taker.book]
        prices: list[int] = []
        makers = ASKS if taker.side == BUY else BIDS
        by_amount = taker.order_type == w.MARKET_AMOUNT
        while taker.shown > 0 and self._crosses(taker):
            price = book.best(makers)
            assert price is not None
            maker = book.ladders[makers][price][0]
            kind = w.FILL
            if self._own(taker, maker):
                if taker.prevention in (w.EXPIRE_MAKER, w.EXPIRE_BOTH):
                    self._end(w.EXPIRED, maker, w.SELF_TRADE)
                if taker.prevention in (w.EXPIRE_TAKER, w.EXPIRE_BOTH):
                    return prices, w.SELF_TRADE
                if taker.prevention == w.EXPIRE_MAKER:
                    continue
                kind = w.PREVENTED
            quantity = min(maker.shown, taker.shown // price if by_amount else taker.shown)
            if quantity == 0:
                return prices, w.REMAINDER
            taker.shown -= quantity * price if by_amount else quantity
            maker.shown -= quantity
            fees = (0, 0)
            if kind == w.FILL:
                prices.append(price)
                book.last = price
                fees = self.accounts.settle(taker, maker, price, quantity) if self.accounts else fees
            self._tell(kind, taker.side, taker.book, taker.order_id, price, quantity, taker.shown, taker.account, maker=maker, fees=fees)
            if maker.shown == 0:
                book.leave(maker)
                if maker.hidden == 0:
                    del self.alive[maker.order_id]
                else:
                    maker.shown = min(maker.display, maker.hidden)
                    maker.hidden -= maker.shown
                    book.join(maker)
                    self._tell(w.REFRESHED, maker.side, maker.book, maker.order_id, price, maker.shown, maker.open, maker.account)
        return prices, 0

    def _fire(self, book: Book, prices: list[int]) -> None:
        """Fire what these trades reached, nearest trigger first, rising before falling; then what the fired ones' trades reach, and so on."""
        fired: list[Order] = []
        while True:
            if prices:
                for ladder in (RISING, FALLING):
                    while (tick := book.best(ladder)) is not None and (tick <= max(prices) if ladder == RISING else tick >= min(prices)):
                        order = book.ladders[ladder][tick][0]
                        book.leave(order)
                        order.ladder = -1
                        self._tell(w.TRIGGERED, order.side, order.book, order.order_id, order.price, order.shown, order.shown, order.account)
                        fired.append(order)
            if not fired:
                return
            order = fired.pop(0)
            del self.alive[order.order_id]
            if order.flags & w.REDUCE_ONLY and self.accounts and order.shown > self.accounts.closes(order.account, order.book, order.side):
                self._tell(w.EXPIRED, order.side, order.book, order.order_id, order.price, order.shown, 0, order.account, w.NOT_REDUCING)
                prices = []
            elif self._may_post(order):
                prices = self._execute(order)
            else:
                self._tell(w.EXPIRED, order.side, order.book, order.order_id, order.price, order.shown, 0, order.account, w.WOULD_TAKE)
                prices = []

    def _amend(self, command: dict[str, int]) -> None:
        order = self._named(command)
        if order is None:
            return None
        book, quantity = self.books[order.book], command["quantity"]
        price = command["price"] or order.price
        if not 0 < quantity <= w.MAX_QUANTITY:
            return self._reject(command, w.BAD_QUANTITY)
        if self._off_step(book, quantity):
            return self._reject(command, w.LOT_SIZE)
        if order.ladder in (FALLING, RISING):
            if price != order.price or quantity > order.shown:
                return self._reject(command, w.NOT_RESTING)
            order.shown = quantity
            return self._tell(w.AMENDED, order.side, order.book, order.order_id, price, quantity, quantity, order.account, flags=w.KEPT_PLACE)
        if not book.holds(price):
            return self._reject(command, w.BAD_PRICE)
        if order.display and -(-quantity // order.display) > w.MAX_SLICES:
            return self._reject(command, w.BAD_DISPLAY)
        if price == order.price and quantity <= order.open:
            order.shown = min(order.shown, quantity)
            order.hidden = quantity - order.shown
            return self._tell(w.AMENDED, order.side, order.book, order.order_id, price, quantity, quantity, order.account, flags=w.KEPT_PLACE)
        amended = replace(order, price=price, shown=quantity, hidden=0)
        if not self._may_post(amended):
            return self._reject(command, w.WOULD_TAKE)
        reason = self._refusal(amended, order)
        if reason:
            return self._reject(command, reason)
        book.leave(order)
        del self.alive[order.order_id]
        self._tell(w.AMENDED, order.side, order.book, order.order_id, amended.price, quantity, quantity, order.account)
        return self._fire(book, self._execute(amended))
