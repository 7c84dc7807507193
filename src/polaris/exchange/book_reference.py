"""The plain truth of matching: price-time priority in dicts and lists, to be read, and to hold the compiled kernel to.

    one command -> check -> accept -> match -> rest or expire -> fire the stops its trades reached, one after the other

Nothing here is fast; everything is one rule in one place: what an order is (`orders_reference`), how it trades
(`trading_reference`), lists of orders (`contingent_reference`), auctions (`auction_reference`). `book.MatchingEngine` gives the
same events and the same state, bit for bit (tests/differential/test_matching.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from polaris.domain.orders import BUY, SELL
from polaris.exchange import auction_reference as auctions
from polaris.exchange import contingent_reference as lists
from polaris.exchange import trading_reference as trading
from polaris.exchange import words as w
from polaris.exchange.accounts import Money
from polaris.exchange.accounts_reference import Accounts
from polaris.exchange.ledger import Ledger
from polaris.exchange.orders_reference import MARKETS, MAY_REST, NOWHERE, TRAILING, WAITING, Book, Order
from polaris.exchange.words import EVENT, ORDER, PARKED, TICKS, Commands, Events, Orders, state_digest

NAMES = [name for name in w.COMMAND.names or () if name != "reserved"]
Fields = dict[str, int]  # of a command


class ReferenceEngine:
    """The engine in plain Python; same arguments and answers as `book.MatchingEngine`."""

    def __init__(self, lowest: Sequence[int] = (1,), capacity: int = 1 << 17, money: Money | None = None) -> None:
        self.accounts = Accounts(self, money) if money is not None else None
        self.books = [Book(tick) for tick in lowest]
        self.capacity = capacity
        self.alive: dict[int, Order] = {}
        self.met = 0  # the order of its own account that an order met last
        self.entering: list[Order] = []  # orders that fired or were activated: they enter one after the other
        self.waking: list[Order] = []  # trailing orders that wake when an order's trades are seen to
        self.now = 0
        self.seq = 0  # of the command that is done now
        self._told: list[tuple[int, ...]] = []

    def run(self, commands: Commands) -> Events:
        """Do commands in their order; returns what they caused (EVENT)."""
        self._told = []
        rows = [{name: command[name].item() for name in NAMES} for command in commands]
        at = 0
        while at < len(rows):
            legs = lists.legs(rows, at)
            self.seq = rows[at]["seq"]
            if len(legs) > 1:
                lists.submit(self, legs)
            else:
                self._do(rows[at])
            at += len(legs)
        return np.array(self._told, EVENT)

    # what can be asked about the state

    def orders(self) -> Orders:
        """Every order that lives (ORDER): by book, ladder, best tick first, first come first; parked ones behind the order they wait for."""
        return np.array([self._row(order) for book in self.books for order in book.queue()], ORDER)

    def _row(self, o: Order) -> tuple[int | bytes, ...]:
        followers = [other for other in self.books[o.book].awake if other.side == o.side]
        older = followers[followers.index(o) - 1].order_id if o in followers[1:] else 0
        partner, working = o.partner.order_id if o.partner else 0, o.working.order_id if o.working else 0
        who = (o.account, o.side, o.order_type, o.time_in_force, o.prevention)
        return (
            o.book, o.ladder, o.flags, b"", o.order_id, o.price, o.trigger, o.shown, o.hidden, o.trail or o.display, *who,
            partner, working, o.ends, o.best, older,
        )  # fmt: skip

    def last_prices(self) -> Any:
        """int64[books], the last trade's price in ticks; 0 before the first."""
        return np.array([book.last for book in self.books], np.int64)

    def phases(self) -> Any:
        """int64[books], the phase each is in."""
        return np.array([book.phase for book in self.books], np.int64)

    def rules(self) -> Any:
        """int64[books, RULES], the value of each rule; 0 for none."""
        return np.array([book.rules for book in self.books], np.int64)

    def ledger(self) -> Ledger:
        """Every account. Raises ValueError where the engine has none."""
        if self.accounts is None:
            raise ValueError("this engine has no accounts")
        return self.accounts.ledger()

    def indicative(self, book: int) -> tuple[int, int, int]:
        """(price, lots, surplus) of an auction now; zeros where nothing would trade."""
        return auctions.clearing(self.books[book])

    def digest(self) -> str:
        """32 hex digits of the whole state."""
        return state_digest(self.orders(), self.last_prices(), self.phases(), self.rules(), self.now, self.ledger().tobytes() if self.accounts else b"")

    # what is told

    def record(
        self, kind: int, side: int, book: int, order_id: int, price: int, quantity: int, leaves: int, account: int,
        reason: int = 0, flags: int = 0, maker: tuple[int, int, int] = (0, 0, 0), fees: tuple[int, int] = (0, 0),
    ) -> None:  # fmt: skip
        """Tell an event; maker: (order id, what stays open of it, account)."""
        one = (kind, reason, flags, side, book, order_id, maker[0], price, quantity, leaves, maker[1], self.seq)
        self._told.append((*one, account, maker[2], *fees, self.now))

    def tell(
        self, kind: int, o: Order, quantity: int, leaves: int, reason: int = 0, price: int | None = None,
        maker: Order | None = None, flags: int = 0, fees: tuple[int, int] = (0, 0),
    ) -> None:  # fmt: skip
        """Tell an event of an order, and of the one that rested."""
        other = (maker.order_id, maker.open, maker.account) if maker is not None else (0, 0, 0)
        self.record(kind, o.side, o.book, o.order_id, o.price if price is None else price, quantity, leaves, o.account, reason, flags, other, fees)

    def tell_phase(self, book: Book, price: int, lots: int) -> None:
        """Tell that a book entered its phase."""
        self.record(w.PHASE, 0, self.books.index(book), 0, price, book.phase, 0, 0, maker=(0, lots, 0))

    def _tell_setting(self, c: Fields, which: int) -> None:
        self.record(w.SETTING, 0, c["book"], c["order_id"], c["price"], which, c["operation"], c["account"])

    def reject(self, c: Fields, reason: int) -> None:
        """Tell that a command is refused."""
        self.record(w.REJECTED, c["side"], c["book"], c["order_id"], c["price"], c["quantity"], 0, c["account"], reason)

    # how an order ends

    def forget(self, order: Order) -> None:
        """Take an order out of wherever it is, and out of its list."""
        if order.ladder in range(4):
            self.books[order.book].leave(order)
        for queue in (self.entering, self.waking):
            if order in queue:
                queue.remove(order)
        if order.working:
            order.working.pending.remove(order)
        if order.partner:
            order.partner.partner = None
        for other in order.pending:
            other.working = None
        order.partner, order.working, order.pending = None, None, []
        del self.alive[order.order_id]

    def end(self, kind: int, order: Order, reason: int = 0, told: bool = False, other: int = 0, flags: int = 0) -> None:
        """An order ends without a trade, and what is linked to it with it; a cancel of one is a cancel of the list.

        other  the order of its own account that it met
        """
        linked = [order.partner, *order.pending, order.working if kind == w.CANCELLED else None]
        self.forget(order)
        if not told:
            self.record(kind, order.side, order.book, order.order_id, order.price, order.open, 0, order.account, reason, flags, (other, 0, 0))
        for leg in linked:
            if leg is not None:
                self.forget(leg)
                self.tell(kind, leg, leg.open, 0, w.LINKED)

    def part(self, order: Order, kind: int, lots: int = 0) -> None:
        """Before an order trades, fires or shrinks its other leg ends, or loses as many lots: where they shrink together, or it does not trade with itself."""
        other, left = order.partner, order.open - lots
        if other is None or (kind == w.PREVENTED and left == 0):
            return
        together = kind == w.PREVENTED or (kind == w.FILL and order.flags & w.SHRINKS)
        if together and left and lots < other.shown:
            other.shown -= lots
            self.record(w.SHRUNK, other.side, other.book, other.order_id, other.price, lots, other.shown, other.account, maker=(order.order_id, 0, order.account))
        else:
            self.forget(other)
            self.tell(w.EXPIRED, other, other.open, 0, w.LINKED)

    def filled(self, order: Order) -> None:
        """An order traded wholly: what is parked for it enters after what happens now."""
        pending = order.pending
        self.forget(order)
        for other in pending:
            self.tell(w.ACTIVATED, other, other.shown, other.shown)
            self.entering.append(other)

    # what can be asked to be done

    def _do(self, c: Fields) -> None:
        match c["operation"]:
            case w.SUBMIT:
                self._submit(c)
            case w.CANCEL:
                order = self._named(c)
                if order is not None:
                    self.end(w.CANCELLED, order)
            case w.AMEND:
                self._amend(c)
            case w.MASS_CANCEL:
                self._mass_cancel(c)
            case w.CLOCK:
                self._clock(c)
            case w.EXPIRE_AT:
                self._expire_at(c)
            case w.SET_PHASE:
                self._set_phase(c)
            case w.SET_RULE:
                self._set_rule(c)
            case w.DEPOSIT | w.WITHDRAW | w.TRANSFER if self.accounts:
                reason = self.accounts.transfer(c)
                if reason:
                    self.reject(c, reason)
            case w.SET_LIMIT | w.SET_TIER | w.SET_FEE | w.KILL | w.REVIVE if self.accounts:
                self._set_account(c, self.accounts)
            case _:
                self.reject(c, w.BAD_OPERATION)

    def _set_account(self, c: Fields, accounts: Accounts) -> None:
        reason = accounts.set(c)
        if reason:
            return self.reject(c, reason)
        which = {w.SET_LIMIT: c["trigger"], w.SET_TIER: c["quantity"], w.SET_FEE: c["quantity"]}
        self._tell_setting(c, which.get(c["operation"], 0))
        return self._mass_cancel({**c, "book": -1, "side": 0}) if c["operation"] == w.KILL else None

    def _named(self, c: Fields) -> Order | None:
        """The order a command means; tells a refusal where there is none."""
        order = self.alive.get(c["order_id"])
        if order is None or c["account"] not in (0, order.account):
            self.reject(c, w.UNKNOWN_ORDER)
            return None
        return order

    def _meant(self, c: Fields) -> list[Book]:
        """The books a command means; tells a refusal where there are none."""
        if not -1 <= c["book"] < len(self.books):
            self.reject(c, w.NO_SUCH_BOOK)
            return []
        return self.books if c["book"] == -1 else [self.books[c["book"]]]

    def _mass_cancel(self, c: Fields) -> None:
        books = self._meant(c)
        if books and c["side"] not in (0, BUY, SELL):
            return self.reject(c, w.BAD_SIDE)
        for order in [order for book in books for order in book.queue()]:
            if order.order_id in self.alive and c["side"] in (0, order.side) and c["account"] in (0, order.account):
                self.end(w.CANCELLED, order)
        return None

    def _clock(self, c: Fields) -> None:
        if c["price"] < self.now:
            return self.reject(c, w.TIME)
        self.now = c["price"]
        while due := [order for order in self.alive.values() if 0 < order.ends <= self.now]:
            self.end(w.EXPIRED, min(due, key=lambda order: (order.ends, order.order_id)), w.TIME)
        return None

    def _expire_at(self, c: Fields) -> None:
        order = self._named(c)
        if order is None:
            return None
        if c["price"] != 0 and c["price"] <= self.now:
            return self.reject(c, w.TIME)
        order.ends = c["price"]
        return self.record(w.SETTING, order.side, order.book, order.order_id, order.ends, 0, w.EXPIRE_AT, order.account)

    def _set_phase(self, c: Fields) -> None:
        books = self._meant(c)
        if books and c["quantity"] not in (w.CONTINUOUS, w.AUCTION, w.HALTED, w.CLOSED):
            return self.reject(c, w.BAD_SETTING)
        for book in books:
            auctions.move(self, book, c["quantity"])
        return None

    def _set_rule(self, c: Fields) -> None:
        books, which, value = self._meant(c), c["trigger"], c["price"]
        most = {w.BAND_PPM: 1_000_000, w.BAND_INTERRUPTS: 1, w.MIN_NOTIONAL: w.MAX_UNITS, w.MIN_LOTS: w.MAX_QUANTITY, w.MAX_LOTS: w.MAX_QUANTITY}
        most |= {w.LOT_STEP: w.MAX_QUANTITY}
        right = value == 0 or all(book.holds(value) for book in books) if which == w.REFERENCE_PRICE else 0 <= value <= most.get(which, -1)
        if books and not right:
            return self.reject(c, w.BAD_SETTING)
        for book in books:
            book.rules[which] = value
        return self._tell_setting(c, which) if books else None

    def _submit(self, c: Fields) -> None:
        reason = self.fault(c) or (w.BAD_LIST if c["role"] != w.ALONE else 0)
        if reason:
            return self.reject(c, reason)
        order, book = self.order(c), self.books[c["book"]]
        reason = self.hindrance(order)
        if reason:
            return self.reject(c, reason)
        self.accept(order)
        if order.order_type in WAITING:
            book.wait(order)
            return self.trim(order)
        return trading.settle(self, book, trading.execute(self, order))

    def order(self, c: Fields) -> Order:
        """The order a sound command asks for."""
        lowest = self.books[c["book"]].lowest
        edge = lowest if c["side"] == SELL else lowest + TICKS - 1
        display, trail, trigger, price = c["display"] if c["display"] < c["quantity"] else 0, 0, c["trigger"], c["price"]
        if c["order_type"] in TRAILING:
            display, trail, trigger = 0, c["display"], trigger or edge  # any price wakes it
        if c["order_type"] in MARKETS and price == edge:
            price = 0  # the worst price there is: any
        return Order(
            c["order_id"], c["book"], c["side"], c["order_type"], c["time_in_force"], price, trigger,
            c["quantity"], 0, display, c["account"], c["prevention"], c["flags"], trail=trail,
        )  # fmt: skip

    def accept(self, order: Order, flags: int = 0) -> None:
        self.alive[order.order_id] = order
        if self.accounts:
            self.accounts.count(order.account)
        self.tell(w.ACCEPTED, order, order.shown, order.shown, flags=flags)

    def fault(self, c: Fields, before: int = 0) -> int:
        """Why a new order can't be taken, `before` others with it; 0 where it can."""
        if not 0 <= c["book"] < len(self.books):
            return w.NO_SUCH_BOOK
        if c["order_id"] <= 0:
            return w.BAD_ORDER_ID
        if c["order_id"] in self.alive:
            return w.DUPLICATE_ORDER
        if c["side"] not in (BUY, SELL):
            return w.BAD_SIDE
        kind, time_in_force, book, display = c["order_type"], c["time_in_force"], self.books[c["book"]], c["display"]
        if not w.LIMIT <= kind <= w.TRAILING_STOP_LIMIT:
            return w.BAD_ORDER_TYPE
        allowed = (w.IOC,) if kind == w.MARKET_AMOUNT else (w.IOC, w.FOK) if kind in MARKETS else (w.GTC, w.IOC, w.FOK, w.POST_ONLY, w.POST_SLIDE)
        if time_in_force not in allowed:
            return w.BAD_TIME_IN_FORCE
        if c["prevention"] > w.DECREMENT:
            return w.BAD_PREVENTION
        if c["account"] < 0:
            return w.BAD_ACCOUNT
        permitted = w.REDUCE_ONLY if self.accounts else 0
        permitted |= w.FROM_WORSE if kind in TRAILING and c["trigger"] != 0 else 0
        permitted |= w.SHRINKS if c["role"] in lists.PAIRS else 0
        if c["flags"] & ~permitted:
            return w.BAD_OPERATION
        if not 0 < c["quantity"] <= (w.MAX_AMOUNT if kind == w.MARKET_AMOUNT else w.MAX_QUANTITY):
            return w.BAD_QUANTITY
        no_price_needed, price_allowed = kind in MARKETS, kind not in (w.MARKET, w.MARKET_AMOUNT)
        if not (c["price"] == 0 and no_price_needed) and not (book.holds(c["price"]) and price_allowed):
            return w.BAD_PRICE
        at_once = kind in TRAILING and c["trigger"] == 0
        if not (at_once or book.holds(c["trigger"])) if kind in WAITING else c["trigger"] != 0:
            return w.BAD_TRIGGER
        if kind in TRAILING:
            if not (0 < display < TICKS or 0 < -display < 10_000):
                return w.BAD_DISPLAY
        elif display and (display < 0 or time_in_force not in MAY_REST or -(-c["quantity"] // display) > w.MAX_SLICES):
            return w.BAD_DISPLAY
        if len(self.alive) + before >= self.capacity:
            return w.ENGINE_FULL
        return 0

    def hindrance(self, order: Order, before: int = 0) -> int:
        """Why an order that is right in itself is not accepted as things are; 0 where it is. One that slides is given its new price."""
        book = self.books[order.book]
        waits = order.order_type in WAITING
        gathers = waits or (order.order_type == w.LIMIT and order.time_in_force == w.GTC)
        if book.phase in (w.HALTED, w.CLOSED) or (book.phase == w.AUCTION and not gathers):
            return w.BOOK_HALTED
        if waits:
            rising = order.waiting_ladder == w.RISING
            if not order.trail and book.last and (book.last >= order.trigger if rising else book.last <= order.trigger):
                return w.TRIGGERED_ALREADY
            self.protect(order)
        elif not trading.may_post(self, order):
            return w.WOULD_TAKE
        book.centre()
        return self.refusal(order, None, before)

    def protect(self, order: Order) -> None:
        """An order of an account that waits to buy at any price is given the worst one."""
        if self.accounts and order.order_type in WAITING and order.side == BUY and order.price == 0:
            order.price = self.books[order.book].worst(order)

    def refusal(self, order: Order, was: Order | None = None, before: int = 0) -> int:
        """Why an order that is right in itself is not accepted; 0 where it is.

        was     the order that becomes this one by an amend, or the other leg of its pair that stands: what it holds this one may
        before  how many orders of its list come before it
        """
        reason = self._filtered(order)
        return reason or (self.accounts.refusal(order, was, before) if self.accounts else 0)

    def parking(self, order: Order, before: int) -> int:
        """Why an order that is right in itself is not parked; 0 where it is."""
        reason = self._filtered(order, parked=True)
        return reason or (self.accounts.parking(order, before) if self.accounts else 0)

    def _filtered(self, order: Order, parked: bool = False) -> int:
        book = self.books[order.book]
        rules, highest = book.rules, book.lowest + TICKS - 1
        value = self.accounts.money.books[order.book][3] if self.accounts else 1
        if order.order_type != w.MARKET_AMOUNT and self._off_step(book, order.shown):
            return w.LOT_SIZE
        trigger = order.trigger if parked else book.first_trigger(order)
        price = max(order.price or book.lowest, trigger) if order.side == SELL else order.price or highest
        if order.order_type == w.MARKET:
            price = book.last or rules[w.REFERENCE_PRICE]
        worth = order.shown * value * (1 if order.order_type == w.MARKET_AMOUNT else price)
        return w.NOTIONAL if (price or order.order_type != w.MARKET) and worth < rules[w.MIN_NOTIONAL] else 0

    def _off_step(self, book: Book, lots: int) -> bool:
        rules = book.rules
        return lots < rules[w.MIN_LOTS] or 0 < rules[w.MAX_LOTS] < lots or (rules[w.LOT_STEP] > 0 and lots % rules[w.LOT_STEP] != 0)

    def trim(self, order: Order) -> None:
        """What an order did may have left its account's reduce-only orders too many."""
        if self.accounts:
            self.accounts.trim(order.account, order.book)

    def _amend(self, c: Fields) -> None:
        order = self._named(c)
        if order is None:
            return None
        book, quantity = self.books[order.book], c["quantity"]
        price = c["price"] or order.price
        if book.phase in (w.HALTED, w.CLOSED):
            return self.reject(c, w.BOOK_HALTED)
        if not 0 < quantity <= w.MAX_QUANTITY:
            return self.reject(c, w.BAD_QUANTITY)
        if self._off_step(book, quantity):
            return self.reject(c, w.LOT_SIZE)
        if order.partner and order.flags & w.SHRINKS:
            return self.reject(c, w.BAD_LIST)
        if order.waits or order.ladder == PARKED:
            if price != order.price or quantity > order.shown:
                return self.reject(c, w.NOT_RESTING)
            order.shown = quantity
            return self.tell(w.AMENDED, order, quantity, quantity, flags=w.KEPT_PLACE)
        if not book.holds(price):
            return self.reject(c, w.BAD_PRICE)
        if order.display and -(-quantity // order.display) > w.MAX_SLICES:
            return self.reject(c, w.BAD_DISPLAY)
        if price == order.price and quantity <= order.open:
            order.shown = min(order.shown, quantity)
            order.hidden = quantity - order.shown
            return self.tell(w.AMENDED, order, quantity, quantity, flags=w.KEPT_PLACE)
        amended = replace(order, price=price, shown=quantity, hidden=0)
        if not trading.may_post(self, amended):
            return self.reject(c, w.WOULD_TAKE)
        book.centre()
        reason = self.refusal(amended, order)
        if reason:
            return self.reject(c, reason)
        book.leave(order)
        order.price, order.shown, order.hidden, order.ladder, order.in_hand = amended.price, quantity, 0, NOWHERE, True
        self.tell(w.AMENDED, order, quantity, quantity)
        return trading.settle(self, book, trading.execute(self, order))
