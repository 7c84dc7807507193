"""The exchange's core: books and accounts of one set of rules, as a function of commands.

    exchange = Exchange(rules)
    exchange.deposit(account=1, asset=rules.asset("USDT"), units=50_000_00000000)
    events = exchange.run(commands)                    # ... or one at a time: submit, cancel, amend, clock ...
    again = Exchange.restored(rules, exchange.snapshot())   # the same state: from here on the same events, bit for bit

No clock, socket, disk or dice: time comes by the command CLOCK, and equal commands make equal events and an equal `digest`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.exchange import words as w
from polaris.exchange.accounts import Money, account_row, fees_of
from polaris.exchange.book import MatchingEngine
from polaris.exchange.ledger import Ledger
from polaris.exchange.listing import Rules
from polaris.exchange.words import COMMAND, Commands, Events

VERSION = 2  # of a snapshot
Parts = dict[str, npt.NDArray[Any]]


class Exchange:
    """A venue's state: books, orders, accounts.

    rules   what is listed, fees and limits to begin with
    raises  ValueError where the core refuses a fee or limit of theirs
    """

    def __init__(self, rules: Rules) -> None:
        self._begin(rules, MatchingEngine(_lowest(rules), rules.capacity, _money(rules)))
        told = self.run(_settings(rules))
        if (told["kind"] != w.SETTING).any():
            refused = told[told["kind"] != w.SETTING][0]
            raise ValueError(f"rules ask for what the core refuses: {w.REASON_NAMES[refused['reason']]}, {refused['price']} as {refused['quantity']} of {refused['order_id']}")

    @classmethod
    def restored(cls, rules: Rules, snapshot: Mapping[str, npt.NDArray[Any]]) -> "Exchange":
        """The exchange that gave this snapshot.

        raises  ValueError where it is one of another version, or no such state can be
        """
        version = snapshot["version"].tolist()
        if version != [VERSION]:
            raise ValueError(f"a snapshot of version {version}; expected [{VERSION}]")
        ledger = Ledger.of(snapshot, rules.accounts, len(rules.assets), len(rules.listings))
        now = int(snapshot["now"][0])
        exchange = cls.__new__(cls)
        exchange._begin(
            rules,
            MatchingEngine.restored(
                _lowest(rules), rules.capacity, snapshot["orders"], snapshot["last_prices"], now, snapshot["rules"], _money(rules), ledger,
                snapshot["phases"],
            ),
        )
        return exchange

    def snapshot(self) -> Parts:
        """The whole state as arrays of rows, for `restored`."""
        engine = self._engine
        state = {"orders": engine.orders(), "last_prices": engine.last_prices(), "rules": engine.rules(), "phases": engine.phases()}
        return {"version": np.array([VERSION]), "now": np.array([self.now]), **state, **engine.ledger().parts()}

    def _begin(self, rules: Rules, engine: MatchingEngine) -> None:
        self.rules = rules
        self._engine = engine
        # the engine's own methods: a wrapper would cost as much as a command
        self.run, self.submit, self.cancel, self.amend, self.mass_cancel = engine.run, engine.submit, engine.cancel, engine.amend, engine.mass_cancel
        self.orders, self.last_prices, self.depth, self.open, self.digest = engine.orders, engine.last_prices, engine.depth, engine.open, engine.digest
        self.expire_at, self.set_phase, self.phases, self.indicative = engine.expire_at, engine.set_phase, engine.phases, engine.indicative

    # one command of the operator; each returns its events

    def clock(self, now: int, seq: int = 0) -> Events:
        """It is `now`, ns UTC: never less than before."""
        return self._do(w.CLOCK, price=now, seq=seq)

    def deposit(self, account: int, asset: int, units: int, seq: int = 0) -> Events:
        """Units come in."""
        return self._do(w.DEPOSIT, account=account, book=asset, quantity=units, seq=seq)

    def withdraw(self, account: int, asset: int, units: int, seq: int = 0) -> Events:
        """Units go out, where they are free."""
        return self._do(w.WITHDRAW, account=account, book=asset, quantity=units, seq=seq)

    def transfer(self, account: int, to: int, asset: int, units: int, seq: int = 0) -> Events:
        """Units go to another account of the same master, to the house or from it."""
        return self._do(w.TRANSFER, account=account, order_id=to, book=asset, quantity=units, seq=seq)

    def set_rule(self, rule: int, value: int, book: int = -1, seq: int = 0) -> Events:
        """A rule of a book (words.MIN_LOTS ...), or of all."""
        return self._do(w.SET_RULE, book=book, trigger=rule, price=value, seq=seq)

    def set_limit(self, limit: int, value: int, account: int = 0, where: int = -1, seq: int = 0) -> Events:
        """A limit (words.LIMIT_ORDERS ...) of an account, or of all; `where` is its book or asset, -1 all."""
        return self._do(w.SET_LIMIT, account=account, book=where, trigger=limit, price=value, seq=seq)

    def set_tier(self, account: int, tier: int, seq: int = 0) -> Events:
        """The fee tier of an account."""
        return self._do(w.SET_TIER, account=account, quantity=tier, seq=seq)

    def set_fee(self, tier: int, maker_ppm: int, taker_ppm: int, seq: int = 0) -> Events:
        """What a tier pays, millionths of what is received."""
        return self._do(w.SET_FEE, order_id=tier, price=maker_ppm, quantity=taker_ppm, seq=seq)

    def kill(self, account: int = 0, seq: int = 0) -> Events:
        """Cancel all orders of an account, or of all, and refuse what opens until `revive`."""
        return self._do(w.KILL, account=account, seq=seq)

    def revive(self, account: int = 0, seq: int = 0) -> Events:
        """An account that was killed, or all, may trade again."""
        return self._do(w.REVIVE, account=account, seq=seq)

    # what can be asked about the state

    @property
    def now(self) -> int:
        """The time of the last CLOCK, ns UTC."""
        return self._engine.now

    @property
    def arena(self) -> npt.NDArray[np.int64]:
        """All state, to look at: for market data."""
        return self._engine.arena

    def account(self, account: int) -> np.void:
        """ACCOUNT: its state, counts and limits; a count of ten seconds or a day that are over is 0."""
        row, _, _ = account_row(self._engine.arena, self._named(account))
        return row

    def balances(self, account: int) -> npt.NDArray[np.int64]:
        """int64[assets, 2]: free and locked, units."""
        _, balances, _ = account_row(self._engine.arena, self._named(account))
        return np.column_stack([balances["free"], balances["locked"]])

    def holdings(self, account: int) -> npt.NDArray[np.void]:
        """BALANCE[assets]: what is free and locked, the day's result and its limits."""
        return account_row(self._engine.arena, self._named(account))[1]

    def positions(self, account: int) -> npt.NDArray[np.void]:
        """POSITION[books]: lots held and what they cost, lots open, limits."""
        return account_row(self._engine.arena, self._named(account))[2]

    def fees(self, account: int) -> tuple[int, int]:
        """(maker, taker) ppm of an account."""
        return fees_of(self._engine.arena, self._named(account))

    def ledger(self) -> Ledger:
        """Every account, as a copy."""
        return self._engine.ledger()

    def __len__(self) -> int:
        return len(self._engine)

    def _named(self, account: int) -> int:
        if not 0 <= account < self.rules.accounts:
            raise ValueError(f"account {account}; expected 0 .. {self.rules.accounts - 1}")
        return account

    def _do(self, operation: int, **fields: int) -> Events:
        row = np.zeros(1, COMMAND)
        row["operation"] = operation
        for name, value in fields.items():
            row[name] = value
        return self.run(row)


def _lowest(rules: Rules) -> list[int]:
    return [listing.lowest for listing in rules.listings]


def _money(rules: Rules) -> Money:
    books = [(rules.assets.index(one.base), rules.assets.index(one.quote), one.lot_units, one.value) for one in rules.listings]
    return Money(rules.accounts, len(rules.assets), tuple(books))


def _settings(rules: Rules) -> Commands:
    """The commands that make a new engine one of these rules."""
    asked: list[dict[str, int]] = [
        {"operation": w.SET_FEE, "order_id": tier, "price": maker, "quantity": taker} for tier, (maker, taker) in enumerate(rules.tiers)
    ]
    limits = {
        w.LIMIT_SECOND: rules.per_second,
        w.LIMIT_TEN_SECONDS: rules.per_10_seconds,
        w.LIMIT_DAY: rules.per_day,
        w.LIMIT_ORDERS: rules.max_orders,
    }
    asked += [{"operation": w.SET_LIMIT, "book": -1, "trigger": limit, "price": value} for limit, value in limits.items() if value]
    for book, one in enumerate(rules.listings):
        of_book = {w.BAND_PPM: one.band_ppm, w.MIN_LOTS: one.min_lots, w.MAX_LOTS: one.max_lots, w.MIN_NOTIONAL: one.min_units}
        asked += [{"operation": w.SET_RULE, "book": book, "trigger": rule, "price": value} for rule, value in of_book.items() if value]
    rows = np.zeros(len(asked), COMMAND)
    for row, fields in zip(rows, asked, strict=True):
        for name, value in fields.items():
            row[name] = value
    return rows

