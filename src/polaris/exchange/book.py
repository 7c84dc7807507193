"""The matching engine: commands in, events out, for many books at once.

    engine = MatchingEngine(lowest=[4_900_000])             # one book: prices 4,900,000 .. 9,094,303 ticks
    events = engine.submit(1, BUY, 5_000_000, 10)           # one command ...
    events = engine.run(commands)                           # ... or an array of them: the same state, the same events

All state is one array of integers (`arena`); the kernel is `matching`, and what it must do `book_reference` says.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.exchange.accounts import Money, enter, found, ledger
from polaris.exchange.arena import (
    AT_ACCOUNTS,
    AT_BITMAPS,
    AT_BOOKS,
    AT_OUTBOX,
    BANDED,
    BOOK_WORDS,
    BOOKS,
    DONE,
    FILTERED,
    ICEBERGS,
    INBOX,
    LAST,
    LIVE,
    LOWEST,
    NOW,
    PHASES,
    RULE,
    TEN_SECONDS,
    TODAY,
    WATCH,
    new_arena,
)
from polaris.exchange.auction import clearing
from polaris.exchange.ledger import Ledger
from polaris.exchange.matching import ROOM, ROOM_AN_ICEBERG, ROOM_AN_ORDER, process, single
from polaris.exchange.snapshot import open_lots, stand, standing, top
from polaris.exchange.sound import check
from polaris.exchange.words import (
    AMEND,
    ASKS,
    BAND_PPM,
    BIDS,
    CANCEL,
    CLOCK,
    COMMAND,
    EVENT,
    EVENT_WORDS,
    EXPIRE_AT,
    GTC,
    LIMIT,
    LOT_STEP,
    MASS_CANCEL,
    MAX_LOTS,
    MIN_LOTS,
    MIN_NOTIONAL,
    NO_PREVENTION,
    ORDER,
    ORDER_WORDS,
    RULES,
    SET_PHASE,
    SET_RULE,
    SUBMIT,
    Commands,
    Events,
    Orders,
    state_digest,
)

_PACK = struct.Struct("<BBBbiqqqqqiBB2xq").pack_into
assert struct.calcsize("<BBBbiqqqqqiBB2xq") == COMMAND.itemsize
VIEWS = 16  # answers of fewer events are cut beforehand
ICEBERGS_AT_ONCE = 64  # of more, a single command goes the way of arrays


class MatchingEngine:
    """Books of price-time priority.

    lowest    of each book the lowest price it takes, ticks; it takes that and the next 4,194,303
    capacity  how many orders may live at once, in all books
    money     what it knows of accounts; without it whoever orders can pay
    raises    ValueError where one of these is out of its range
    """

    def __init__(self, lowest: Sequence[int] = (1,), capacity: int = 1 << 17, money: Money | None = None) -> None:
        outbox = ROOM + len(lowest) + ROOM_AN_ORDER * capacity + ROOM_AN_ICEBERG * ICEBERGS_AT_ONCE
        self._arena = new_arena(lowest, capacity, outbox, 0 if money is None else money.words)
        if money is not None:
            found(self._arena, money)
        self._inbox = self._arena[INBOX : INBOX + 8]
        self._bytes = self._inbox.view(np.uint8).data
        at_outbox = int(self._arena[AT_OUTBOX])
        self._outbox: Any = self._arena[at_outbox : at_outbox + EVENT_WORDS * outbox].view(EVENT)
        self._views: list[Events] = [self._outbox[:n] for n in range(VIEWS)]
        self._hold(1 << 14)

    @classmethod
    def restored(
        cls,
        lowest: Sequence[int],
        capacity: int,
        orders: Orders,
        last_prices: npt.NDArray[np.int64],
        now: int = 0,
        rules: npt.NDArray[np.int64] | None = None,
        money: Money | None = None,
        ledger: Ledger | None = None,
        phases: npt.NDArray[np.int64] | None = None,
    ) -> "MatchingEngine":
        """An engine in the state that `orders`, `last_prices`, `now` ... of another told: from here on both tell the same events.

        raises  ValueError where these can't be the state of such an engine
        """
        engine = cls(lowest, capacity, money)
        phases = np.zeros(len(lowest), np.int64) if phases is None else phases
        check(np.asarray(lowest, np.int64), capacity, orders, last_prices, phases)
        engine._books()[:, WATCH] = phases
        engine._books()[:, LAST] = np.where(last_prices == 0, -1, last_prices - lowest)
        engine._pass(now)
        if rules is not None:
            if rules.shape != (len(lowest), RULES):
                raise ValueError(f"rules of {rules.shape}; expected {(len(lowest), RULES)}")
            engine._books()[:, RULE : RULE + RULES] = rules
            engine._books()[:, WATCH] |= np.where(rules[:, BAND_PPM] == 0, 0, BANDED)
            engine._books()[:, FILTERED] = rules[:, [MIN_LOTS, MAX_LOTS, LOT_STEP, MIN_NOTIONAL]].any(axis=1)
        if ledger is not None:
            enter(engine._arena, ledger)
        stand(engine._arena, np.ascontiguousarray(orders).view(np.int64).copy())
        if ledger is not None and ledger.tobytes() != engine.ledger().tobytes():
            raise ValueError("what the accounts have locked is not what the orders hold: no such state can be")
        return engine

    def run(self, commands: Commands) -> Events:
        """Do commands in their order.

        commands  COMMAND[n]
        returns   EVENT[m], of all of them, in the order things happened
        raises    TypeError where the array is of another dtype
        """
        if commands.dtype != COMMAND or commands.ndim != 1:
            raise TypeError(f"commands are {commands.ndim}-dimensional {commands.dtype}; expected a 1-dimensional array of COMMAND")
        words, end = np.ascontiguousarray(commands).view(np.int64), len(commands)
        if not words.flags.writeable:
            words = words.copy()  # to the compiler an array that can't be written is of another type: it would compile all anew
        told: list[npt.NDArray[np.int64]] = []
        start = 0
        while start < end:
            n = process(self._arena, words, start, end, self._words, 0, self._room)
            start += int(self._arena[DONE])
            told.append(self._words[: EVENT_WORDS * n].copy())
            if start < end:
                self._make_room()
        if len(told) == 1:
            return told[0].view(EVENT)
        return np.concatenate(told).view(EVENT) if told else np.empty(0, EVENT)

    def submit(
        self,
        order_id: int,
        side: int,
        price: int,
        quantity: int,
        book: int = 0,
        order_type: int = LIMIT,
        time_in_force: int = GTC,
        trigger: int = 0,
        display: int = 0,
        account: int = 0,
        prevention: int = NO_PREVENTION,
        seq: int = 0,
        flags: int = 0,
    ) -> Events:
        """One new order; the arguments are the fields of a COMMAND. The events are valid until the next command."""
        _PACK(self._bytes, 0, SUBMIT, order_type, time_in_force, side, book, order_id, price, quantity, trigger, display, account, prevention, flags, seq)
        n = single(self._arena)
        return self._views[n] if 0 <= n < VIEWS else self._many(n)

    def cancel(self, order_id: int, account: int = 0, seq: int = 0) -> Events:
        """Take one order out. The events are valid until the next command."""
        _PACK(self._bytes, 0, CANCEL, 0, 0, 0, 0, order_id, 0, 0, 0, 0, account, 0, 0, seq)
        n = single(self._arena)
        return self._views[n] if 0 <= n < VIEWS else self._many(n)

    def amend(self, order_id: int, quantity: int, price: int = 0, account: int = 0, seq: int = 0) -> Events:
        """Change one order's open quantity, and its price where one is given. The events are valid until the next command."""
        _PACK(self._bytes, 0, AMEND, 0, 0, 0, 0, order_id, price, quantity, 0, 0, account, 0, 0, seq)
        n = single(self._arena)
        return self._views[n] if 0 <= n < VIEWS else self._many(n)

    def mass_cancel(self, book: int = -1, side: int = 0, account: int = 0, seq: int = 0) -> Events:
        """Take out all orders, or those of a book, a side, an account. The events are valid until the next command."""
        _PACK(self._bytes, 0, MASS_CANCEL, 0, 0, side, book, 0, 0, 0, 0, 0, account, 0, 0, seq)
        n = single(self._arena)
        return self._views[n] if 0 <= n < VIEWS else self._many(n)

    def open(self, order_id: int) -> int:
        """Lots of an order that may still trade, hidden ones with them; 0 where none of this number lives."""
        return int(open_lots(self._arena, order_id))

    def depth(self, book: int, levels: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(bids, asks) int64[n, 2], n <= levels: price in ticks and lots shown there, best first."""
        sides = []
        for ladder in (BIDS, ASKS):
            rows = np.empty(2 * levels, np.int64)
            n = top(self._arena, 4 * book + ladder, rows)
            sides.append(rows[: 2 * n].reshape(n, 2))
        return sides[0], sides[1]

    def clock(self, now: int, seq: int = 0) -> Events:
        """Time passes, ns UTC: what is due ends. The events are valid until the next command."""
        _PACK(self._bytes, 0, CLOCK, 0, 0, 0, 0, 0, now, 0, 0, 0, 0, 0, 0, seq)
        n = single(self._arena)
        return self._views[n] if 0 <= n < VIEWS else self._many(n)

    def expire_at(self, order_id: int, when: int, account: int = 0, seq: int = 0) -> Events:
        """Let one order end at a time, ns UTC; 0: not by itself any more. The events are valid until the next command."""
        _PACK(self._bytes, 0, EXPIRE_AT, 0, 0, 0, 0, order_id, when, 0, 0, 0, account, 0, 0, seq)
        n = single(self._arena)
        return self._views[n] if 0 <= n < VIEWS else self._many(n)

    def set_phase(self, phase: int, book: int = -1, seq: int = 0) -> Events:
        """Let a book, or all of them, enter a phase. The events are valid until the next command."""
        _PACK(self._bytes, 0, SET_PHASE, 0, 0, 0, book, 0, 0, phase, 0, 0, 0, 0, 0, seq)
        n = single(self._arena)
        return self._views[n] if 0 <= n < VIEWS else self._many(n)

    def set_rule(self, rule: int, value: int, book: int = -1, seq: int = 0) -> Events:
        """Give a book, or all of them, a rule. The events are valid until the next command."""
        _PACK(self._bytes, 0, SET_RULE, 0, 0, 0, book, 0, value, 0, rule, 0, 0, 0, 0, seq)
        n = single(self._arena)
        return self._views[n] if 0 <= n < VIEWS else self._many(n)

    def orders(self) -> Orders:
        """Every order that lives (ORDER): by book, ladder, best tick first, first come first; parked ones behind the order they wait for."""
        rows = np.empty(ORDER_WORDS * int(self._arena[LIVE]), np.int64)
        standing(self._arena, rows)
        return rows.view(ORDER)

    def last_prices(self) -> npt.NDArray[np.int64]:
        """int64[books], the last trade's price in ticks; 0 before the first."""
        lines = self._books()
        return np.where(lines[:, LAST] < 0, 0, lines[:, LAST] + lines[:, LOWEST])

    def phases(self) -> npt.NDArray[np.int64]:
        """int64[books], the phase each is in."""
        return self._books()[:, WATCH] & PHASES

    def indicative(self, book: int = 0) -> tuple[int, int, int]:
        """(price, lots, surplus) of an auction of this book now, in any phase; zeros where nothing would trade.

        The surplus is what buyers at that price want and sellers have not, lots; below 0 the other way round.
        raises  IndexError where there is no such book
        """
        lines = self._books()
        if not 0 <= book < len(lines):
            raise IndexError(f"book {book} of {len(lines)}")
        tick, lots, surplus = clearing(self._arena, book)
        return (tick + int(lines[book, LOWEST]), lots, surplus) if lots else (0, 0, 0)

    @property
    def now(self) -> int:
        """The time of the last CLOCK, ns UTC; 0 before the first."""
        return int(self._arena[NOW])

    @property
    def arena(self) -> npt.NDArray[np.int64]:
        """All of its state, as `arena` lays it out: to read, never to write."""
        return self._arena

    def rules(self) -> npt.NDArray[np.int64]:
        """int64[books, RULES], the value of each rule; 0 for none."""
        return self._books()[:, RULE : RULE + RULES].copy()

    def ledger(self) -> Ledger:
        """Every account: a copy. Raises ValueError where the engine has none."""
        if self._arena[AT_ACCOUNTS] == 0:
            raise ValueError("this engine has no accounts")
        return ledger(self._arena)

    def digest(self) -> str:
        """32 hex digits of the whole state."""
        accounts = self.ledger().tobytes() if self._arena[AT_ACCOUNTS] else b""
        return state_digest(self.orders(), self.last_prices(), self.phases(), self.rules(), self.now, accounts)

    def __len__(self) -> int:
        return int(self._arena[LIVE])

    def _books(self) -> npt.NDArray[np.int64]:
        return self._arena[AT_BOOKS : self._arena[AT_BITMAPS]].reshape(-1, BOOK_WORDS)

    def _pass(self, now: int) -> None:
        self._arena[NOW], self._arena[TEN_SECONDS], self._arena[TODAY] = now, now // 10**10, now // (86_400 * 10**9)

    def _many(self, n: int) -> Events:
        """The events of a single command that were too many for a view, or might be for the outbox (n is -1)."""
        events: Events = self._outbox[:n] if n >= 0 else self.run(self._inbox.view(COMMAND))
        return events

    def _make_room(self) -> None:
        """Have room for all events the next command could cause."""
        need = ROOM + int(self._arena[BOOKS]) + ROOM_AN_ORDER * int(self._arena[LIVE]) + ROOM_AN_ICEBERG * int(self._arena[ICEBERGS])
        if 2 * need > self._room:
            self._hold(4 * need)

    def _hold(self, room: int) -> None:
        self._room = room
        self._words: npt.NDArray[np.int64] = np.empty(EVENT_WORDS * room, np.int64)
