"""The plain truth of accounts: what is locked is looked up among the orders that live, what an order would trade is tried on a copy.

Nothing is carried along that can be counted: only what was paid in, bought, sold and paid out. `accounts`, `admission`, `settlement`, `transfers`
and `settings` say the same, compiled; tests/differential/test_accounts.py holds them to it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from polaris.domain.orders import BUY, SELL
from polaris.exchange import trading_reference as trading
from polaris.exchange import words as w
from polaris.exchange.ledger import ACCOUNT, BALANCE, POSITION, Ledger
from polaris.exchange.words import MAX_UNITS, TICKS

if TYPE_CHECKING:
    from polaris.exchange.accounts import Money
    from polaris.exchange.book_reference import ReferenceEngine
    from polaris.exchange.orders_reference import Order

TIERS = 64
SECOND = 10**9
DAY = 86_400 * SECOND


@dataclass
class Holding:
    """An account's units of one asset."""

    units: int = 0  # free and locked
    result: int = 0
    result_day: int = 0
    max_loss: int = 0
    max_notional: int = 0


@dataclass
class Position:
    """An account's lots of one book."""

    lots: int = 0
    cost: int = 0
    max_lots: int = 0
    max_position: int = 0


@dataclass
class Account:
    """One account."""

    holdings: list[Holding]
    positions: list[Position]
    killed: int = 0
    tier: int = 0
    master: int = 0
    max_orders: int = 0
    per_second: int = 0
    next_order: int = 0
    per_ten_seconds: int = 0
    these_ten: int = 0
    in_these_ten: int = 0
    per_day: int = 0
    this_day: int = 0
    in_this_day: int = 0


@dataclass
class Accounts:
    """All accounts of an engine."""

    engine: ReferenceEngine
    money: Money
    all: list[Account] = field(default_factory=list)
    supply: list[int] = field(default_factory=list)
    tiers: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)] * TIERS)
    killed: int = 0

    def __post_init__(self) -> None:
        assets, books = range(self.money.assets), range(len(self.money.books))
        self.all = [Account([Holding() for _ in assets], [Position() for _ in books]) for _ in range(self.money.accounts)]
        self.supply = [0 for _ in assets]

    # what orders hold

    def hold(self, order: Order) -> tuple[int, int]:
        """(asset, units) an order could cost at worst."""
        base, quote, lot_units, value = self.money.books[order.book]
        if order.side == SELL:
            return base, order.open * lot_units
        return quote, (order.price or self.engine.books[order.book].lowest + TICKS - 1) * order.open * value

    def alive(self, account: int) -> list[Order]:
        return [order for order in self.engine.alive.values() if order.account == account]

    def together(self, order: Order) -> list[Order]:
        """An order that stands, and the other leg of its pair where it stands too: they hold what the larger one would."""
        return [one for one in (order, order.partner) if one is not None and one.stands] if order.stands else []

    def standing(self, account: int) -> list[list[Order]]:
        """The orders that hold something, a pair as one."""
        groups = [self.together(order) for order in self.alive(account) if order.stands]
        return [group for group in groups if group[0].order_id == min(order.order_id for order in group)]

    def locked(self, account: int, asset: int) -> int:
        return sum(max(units for _, units in map(self.hold, group)) for group in self.standing(account) if self.hold(group[0])[0] == asset)

    def free(self, account: int, asset: int) -> int:
        return self.all[account].holdings[asset].units - self.locked(account, asset)

    def open_lots(self, account: int, book: int, side: int) -> int:
        return sum(max(order.open for order in group) for group in self.standing(account) if (group[0].book, group[0].side) == (book, side))

    def closes(self, account: int, book: int, side: int) -> int:
        """How many lots an order of this side could have and, with all that is open there, only make the position smaller."""
        held = self.all[account].positions[book].lots * -side
        return held - self.open_lots(account, book, side)

    # before an order is accepted

    def refusal(self, order: Order, was: Order | None, before: int) -> int:
        """Why an order is not accepted; 0 where it is: see `ReferenceEngine.refusal`."""
        if not 0 < order.account < len(self.all):
            return w.BAD_ACCOUNT
        base, quote, lot_units, _ = self.money.books[order.book]
        account = self.all[order.account]
        position, dues = account.positions[order.book], account.holdings[quote]
        held = self.together(was) if was else []
        stands, units = max((one.open for one in held), default=0), max((self.hold(one)[1] for one in held), default=0)
        if order.flags & w.REDUCE_ONLY:
            if order.order_type == w.MARKET_AMOUNT:
                return w.BAD_ORDER_TYPE
            if order.shown > self.closes(order.account, order.book, order.side) + stands:
                return w.NOT_REDUCING
        else:
            if account.killed or self.killed:
                return w.KILLED
            if dues.max_loss and dues.result_day == self.engine.now // DAY and dues.result <= -dues.max_loss:
                return w.DAILY_LOSS
        stays = order.trigger != 0 or order.time_in_force not in (w.IOC, w.FOK)
        if was is None:
            reason = self.crowded(order, stays, before)
            if reason:
                return reason
        worth = self.worth(order)
        by_amount = order.order_type == w.MARKET_AMOUNT
        goods = order.shown * lot_units
        if worth > MAX_UNITS or (not by_amount and goods > MAX_UNITS):
            return w.NOTIONAL
        lots, cost = order.shown, worth
        if not stays:
            traded, cost = self.would_trade(order)
            lots = traded if by_amount else order.shown
        paid, need = (base, lots * lot_units) if order.side == SELL else (quote, cost)
        if need > self.free(order.account, paid) + units:
            return w.INSUFFICIENT_BALANCE
        if position.max_lots and lots > position.max_lots:
            return w.ORDER_LOTS
        if dues.max_notional and (cost if order.order_type == w.MARKET else worth) > dues.max_notional:
            return w.NOTIONAL
        beyond = lots - stands - self.closes(order.account, order.book, order.side)
        if position.max_position and not order.flags & w.REDUCE_ONLY and beyond > position.max_position:
            return w.POSITION_LIMIT
        return 0

    def crowded(self, order: Order, lives: bool, before: int) -> int:
        """Whether the account placed, or has alive, as many orders as it may."""
        account = self.all[order.account]
        if self.too_fast(account, before):
            return w.ORDER_RATE
        if lives and account.max_orders and len(self.alive(order.account)) + before >= account.max_orders:
            return w.TOO_MANY_ORDERS
        return 0

    def parking(self, order: Order, before: int) -> int:
        """Why an order is not parked; 0 where it is."""
        return self.crowded(order, True, before) if 0 < order.account < len(self.all) else w.BAD_ACCOUNT

    def worth(self, order: Order) -> int:
        """What an order is worth at its limit, a stop to sell at its trigger where that is higher; 0 for a market order of lots."""
        value = self.money.books[order.book][3]
        book = self.engine.books[order.book]
        if order.order_type == w.MARKET:
            return 0
        if order.order_type == w.MARKET_AMOUNT:
            return order.shown * value
        if order.side == SELL:
            return max(order.price, book.first_trigger(order), book.lowest) * order.shown * value
        return (order.price or book.lowest + TICKS - 1) * order.shown * value

    def would_trade(self, order: Order) -> tuple[int, int]:
        """(lots, units of the quote) of its trades, were it executed now: tried on a copy of the engine."""
        self.engine.accounts = None
        twin = copy.deepcopy(self.engine)
        self.engine.accounts = self
        twin._told = []
        mine = twin.alive.setdefault(order.order_id, copy.deepcopy(order))
        mine.ladder, mine.in_hand = -1, True
        trading.execute(twin, mine)
        fills = [event for event in twin._told if event[0] == w.FILL]
        return sum(event[8] for event in fills), sum(event[7] * event[8] for event in fills) * self.money.books[order.book][3]

    def too_fast(self, account: Account, before: int) -> bool:
        now = self.engine.now
        if account.per_second:
            step = SECOND // account.per_second
            if max(account.next_order, now) + before * step - now > SECOND - step:
                return True
        these_ten = before + (account.in_these_ten if account.these_ten == now // (10 * SECOND) else 0)
        this_day = before + (account.in_this_day if account.this_day == now // DAY else 0)
        return bool((account.per_ten_seconds and these_ten >= account.per_ten_seconds) or (account.per_day and this_day >= account.per_day))

    def count(self, number: int) -> None:
        """An order of the account was accepted."""
        account, now = self.all[number], self.engine.now
        if account.per_second:
            account.next_order = max(account.next_order, now) + SECOND // account.per_second
        if account.these_ten != now // (10 * SECOND):
            account.these_ten, account.in_these_ten = now // (10 * SECOND), 0
        if account.this_day != now // DAY:
            account.this_day, account.in_this_day = now // DAY, 0
        account.in_these_ten += 1
        account.in_this_day += 1

    def uncount(self, order: Order, orders: int) -> None:
        """An order trades: where it is the first time, so many do not count against its account's order rate any more."""
        account, now = self.all[order.account], self.engine.now
        if order.flags & w.HAS_TRADED:
            return
        order.flags |= w.HAS_TRADED
        if account.these_ten == now // (10 * SECOND):
            account.in_these_ten = max(0, account.in_these_ten - orders)
        if account.this_day == now // DAY:
            account.in_this_day = max(0, account.in_this_day - orders)

    # when it trades

    def settle(self, taker: Order, maker: Order, price: int, lots: int, auction: bool = False) -> tuple[int, int]:
        """Both pay; returns (the taker's fee, the maker's fee). In an auction nobody takes: both pay what a maker does."""
        base, quote, lot_units, value = self.money.books[taker.book]
        goods, money = lots * lot_units, price * lots * value
        fees = []
        for order, ppm in ((taker, self.tiers[self.all[taker.account].tier][0 if auction else 1]), (maker, self.tiers[self.all[maker.account].tier][0])):
            (given, units_given), (got, units_got) = ((base, goods), (quote, money)) if order.side == SELL else ((quote, money), (base, goods))
            fee = -(-units_got * ppm // 1_000_000)
            holdings = self.all[order.account].holdings
            holdings[given].units -= units_given
            holdings[got].units += units_got - fee
            self.all[0].holdings[got].units += fee
            fees.append(fee)
        for order, fee in ((taker, fees[0]), (maker, fees[1])):
            self.move(order, quote, lots, money, fee)
        if auction:
            self.uncount(taker, 5)
        self.uncount(maker, 5)
        return fees[0], fees[1]

    def move(self, order: Order, quote: int, lots: int, money: int, fee: int) -> None:
        """The position, what it cost, and the day's result."""
        account = self.all[order.account]
        position, dues = account.positions[order.book], account.holdings[quote]
        held = position.lots * -order.side
        closed = max(0, min(held, lots))
        spent = position.cost if closed == held else position.cost * closed // held if closed else 0
        part = money * closed // lots
        result = (part - spent) * -order.side - (fee if order.side == SELL else 0)
        if closed:
            position.cost = position.cost - spent + money - part
        else:
            position.cost += money
            result = -fee if order.side == SELL else 0
        position.lots += lots * order.side
        if result:
            today = self.engine.now // DAY
            dues.result = result + (dues.result if dues.result_day == today else 0)
            dues.result_day = today

    def trim(self, account: int, book: int) -> None:
        """While an account's open orders could turn its position, the youngest of its reduce-only ones that stand ends."""
        while True:
            kin = [order for order in self.alive(account) if order.book == book and order.flags & w.REDUCE_ONLY and order.ladder in range(4)]
            if not kin:
                return
            youngest = max(kin, key=lambda order: order.order_id)
            if self.closes(account, book, youngest.side) >= 0:
                return
            self.engine.end(w.EXPIRED, youngest, w.NOT_REDUCING)

    # what the operator does

    def transfer(self, c: dict[str, int]) -> int:
        """DEPOSIT, WITHDRAW, TRANSFER: why it can't be; 0 where it was done."""
        account, asset, units, other = c["account"], c["book"], c["quantity"], c["order_id"]
        if not 0 <= account < len(self.all):
            return w.BAD_ACCOUNT
        if not 0 <= asset < len(self.supply):
            return w.NO_SUCH_ASSET
        if units <= 0 or units > MAX_UNITS or (c["operation"] == w.DEPOSIT and self.supply[asset] + units > MAX_UNITS):
            return w.BAD_QUANTITY
        if c["operation"] == w.TRANSFER:
            if not 0 <= other < len(self.all) or other == account:
                return w.BAD_ACCOUNT
            if 0 not in (account, other) and len({self.all[number].master or number for number in (account, other)}) == 2:
                return w.NOT_RELATED
        if c["operation"] != w.DEPOSIT and units > self.free(account, asset):
            return w.INSUFFICIENT_BALANCE
        match c["operation"]:
            case w.DEPOSIT:
                changes = [(account, units)]
            case w.WITHDRAW:
                changes = [(account, -units)]
            case _:
                changes = [(account, -units), (other, units)]
        self.supply[asset] += sum(change for _, change in changes)
        for number, change in changes:
            self.all[number].holdings[asset].units += change
            self.engine.record(w.BALANCE, 0, asset, 0, 0, change, self.free(number, asset), number)
        return 0

    def set(self, c: dict[str, int]) -> int:
        """SET_LIMIT, SET_TIER, SET_FEE, KILL, REVIVE: why it can't be; 0 where it was done."""
        number, value = c["account"], c["price"]
        if c["operation"] == w.SET_FEE:
            if not 0 <= c["order_id"] < TIERS or not 0 <= value <= 1_000_000 or not 0 <= c["quantity"] <= 1_000_000:
                return w.BAD_SETTING
            self.tiers[c["order_id"]] = (value, c["quantity"])
            return 0
        if not 0 <= number < len(self.all) or (number == 0 and c["operation"] == w.SET_TIER):
            return w.BAD_ACCOUNT
        match c["operation"]:
            case w.SET_TIER:
                if not 0 <= c["quantity"] < TIERS:
                    return w.BAD_SETTING
                self.all[number].tier = c["quantity"]
            case w.KILL | w.REVIVE:
                if number:
                    self.all[number].killed = int(c["operation"] == w.KILL)
                else:
                    self.killed = int(c["operation"] == w.KILL)
            case w.SET_LIMIT:
                return self.limit(number, c["trigger"], c["book"], value)
        return 0

    def limit(self, number: int, which: int, where: int, value: int) -> int:
        if not w.LIMIT_LOTS <= which <= w.LIMIT_MASTER or not 0 <= value <= (SECOND if which == w.LIMIT_SECOND else MAX_UNITS):
            return w.BAD_SETTING
        if which == w.LIMIT_MASTER and (number == 0 or value >= len(self.all) or value == number or self.all[value].master):
            return w.BAD_SETTING
        for account in self.all[1:] if number == 0 else [self.all[number]]:
            match which:
                case w.LIMIT_LOTS | w.LIMIT_POSITION:
                    if not -1 <= where < len(account.positions):
                        return w.NO_SUCH_BOOK
                    for position in account.positions if where == -1 else [account.positions[where]]:
                        setattr(position, "max_lots" if which == w.LIMIT_LOTS else "max_position", value)
                case w.LIMIT_NOTIONAL | w.LIMIT_LOSS:
                    if not -1 <= where < len(account.holdings):
                        return w.NO_SUCH_ASSET
                    for holding in account.holdings if where == -1 else [account.holdings[where]]:
                        setattr(holding, "max_notional" if which == w.LIMIT_NOTIONAL else "max_loss", value)
                case _:
                    names = {w.LIMIT_ORDERS: "max_orders", w.LIMIT_SECOND: "per_second", w.LIMIT_TEN_SECONDS: "per_ten_seconds", w.LIMIT_DAY: "per_day"}
                    setattr(account, names.get(which, "master"), value)
        return 0

    def ledger(self) -> Ledger:
        """Every account, as the compiled engine tells it."""
        accounts = np.zeros(len(self.all), ACCOUNT)
        balances, positions = np.zeros((len(self.all), len(self.supply)), BALANCE), np.zeros((len(self.all), len(self.money.books)), POSITION)
        for number, account in enumerate(self.all):
            for name in set(ACCOUNT.names or ()) - {"orders", "reserved"}:
                accounts[number][name] = getattr(account, name)
            accounts[number]["orders"] = len(self.alive(number))
            for asset, h in enumerate(account.holdings):
                locked = self.locked(number, asset)
                balances[number, asset] = (h.units - locked, locked, h.result, h.result_day, h.max_loss, h.max_notional, 0)
            for book, p in enumerate(account.positions):
                buys, sells = (self.open_lots(number, book, side) for side in (BUY, SELL))
                positions[number, book] = (p.lots, p.cost, buys, sells, 0, p.max_lots, p.max_position, 0)
        return Ledger(accounts, balances, positions, np.array(self.supply, np.int64), np.array(self.tiers, np.int64), self.killed)
