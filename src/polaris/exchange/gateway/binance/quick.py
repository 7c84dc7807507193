"""The short way of plain orders over the WebSocket API: a turn's texts of one session are read, asked and answered together, in compiled code.

A session that is logged on and asks for limit or market orders and cancels, with nothing else about them, needs none of what serves every
other request. Whatever is unusual is left to the long way, untouched and in its turn: a text that is not understood whole, a filter, a limit,
a name in use, an order that is not there. Both ways give the same answers and the same commands (tests/unit/exchange/gateway/binance/test_quick.py).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from polaris.exchange.gateway.binance.answering import FILL_WORDS, IMAGE
from polaris.exchange.gateway.binance.asking import MS, ready
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.outcomes import outcomes
from polaris.exchange.gateway.binance.plain import Plain, Turn, Words
from polaris.exchange.gateway.binance.scanning import FORMER, NOT_UNDERSTOOD, ORDER_ID, PLACE, WHAT
from polaris.exchange.gateway.binance.security import AHEAD_NS, Need
from polaris.exchange.gateway.binance.server import BinanceServer
from polaris.exchange.gateway.binance.trading import Trading
from polaris.exchange.gateway.register_fold import Changes, words_of
from polaris.exchange.gateway.register_memory import NAME_WORDS
from polaris.exchange.gateway.venue import Venue

if TYPE_CHECKING:
    from polaris.exchange.gateway.binance.session import Session


class Quick:
    """The short way of one server."""

    def __init__(self, venue: Venue, server: BinanceServer, books: Books, trading: Trading) -> None:
        self._venue, self._server, self._trading = venue, server, trading
        self._plain = Plain(books)
        self.taken = 0  # texts that went this way
        weight, ten, day = (msgspec.json.encode(document)[:-1] + b',"count":%d}' for document in server.limits.documents())
        self._limits = b',"rateLimits":[%b]'
        self._placing, self._weighing = b",".join((ten, day, weight)), weight

    def take(self, session: "Session", texts: Sequence[bytes]) -> None:
        """Do a turn's texts of one session, this way or the long one, in their order."""
        turn = self._plain.scan(texts)
        known = turn.asked[:, WHAT] != NOT_UNDERSTOOD if turn.understood < len(texts) else None
        ends = [len(texts)] if known is None else [*(np.flatnonzero(known[1:] != known[:-1]) + 1).tolist(), len(texts)]
        at = 0
        for end in ends:
            while at < end:
                at += self._ask(session, turn, texts, at, end) if known is None or known[at] else 0
                if at < end:
                    session.perform(texts[at])
                    at += 1

    def _ask(self, session: "Session", turn: Turn, texts: Sequence[bytes], begin: int, end: int) -> int:
        """Ask for requests that were understood; how many of the first may go this way."""
        venue, server, key = self._venue, self._server, session.key
        if key is None:
            return 0
        now = venue.now()
        try:
            account = server.gate.key(key.name, session.address, Need.TRADE).account
        except Refusal:
            return 0
        n = min(end - begin, server.limits.weight_per_minute - server.weights.used(session.address, now), venue.room())
        ten, day = server.orders.counts(account, now)
        left = min(server.limits.orders_per_ten_seconds - ten, server.limits.orders_per_day - day)
        if n <= 0 or left <= 0:
            return 0
        n, new = ready(
            turn.asked, turn.command_words, turn.note_words, begin, begin + n, now, AHEAD_NS, account, session.number, venue.next_order_id, left
        )  # fmt: skip
        commands, notes = turn.commands[begin : begin + n], turn.note_words[begin : begin + n]
        names = [name.decode() for name in turn.notes["client_id"][begin : begin + n].tolist()]
        if new < n or len(set(names)) < n or not venue.are_free(account, names, notes):
            placing = turn.asked[begin : begin + n, WHAT] == PLACE
            n = self._free(account, names, notes, placing)
            n = self._find(account, commands, turn.asked[begin : begin + n], names, placing[:n])
            commands, notes = commands[:n], notes[:n]
            chosen = np.flatnonzero(placing[:n])
            names, books = [names[at] for at in chosen.tolist()], commands["book"][chosen].tolist()
        else:
            books = commands["book"].tolist()
        if n <= 0:
            return 0
        venue.claim_all(account, names, books)
        server.orders.take(account, len(names), now)
        server.weights.take(session.address, n, now)
        session.trades_for(account)
        venue.ask_block(commands, notes, lambda seq, changes: self._tell(session, key, turn, texts, begin, n, names, seq, changes))
        self.taken += n
        return n

    def _free(self, account: int, names: list[str], notes: Words, placing: npt.NDArray[np.bool_]) -> int:
        """How many of the first have a name that no other order has or is about to have."""
        seen: set[str] = set()
        for at in np.flatnonzero(placing).tolist():
            if names[at] in seen or not self._venue.are_free(account, names[at : at + 1], notes[at : at + 1]):
                return at
            seen.add(names[at])
        return len(names)

    def _find(self, account: int, commands: Any, asked: Words, names: list[str], placing: npt.NDArray[np.bool_]) -> int:
        """Let every cancel have its order's number; how many of the first have one that lives or is on its way."""
        register = self._venue.register
        for at in np.flatnonzero(~placing).tolist():
            book, number = int(commands["book"][at]), int(asked[at, ORDER_ID])
            if number:
                number = number if register.lives(account, book, number) else 0
            else:
                name = asked[at, FORMER : FORMER + NAME_WORDS].tobytes().rstrip(b"\0").decode()
                number = self._venue.claimed(account, name, book)
                if not number and name in names[:at]:
                    place = names.index(name)
                    number = int(commands["order_id"][place]) if placing[place] and commands["book"][place] == book else 0
                if not number:
                    number = register.living(account, name)
                    number = number if number and register.lives(account, book, number) else 0
            if not number:
                return at
            commands["order_id"][at] = number
        return len(asked)

    def _tell(
        self, session: "Session", key: Any, turn: Turn, texts: Sequence[bytes], begin: int, n: int, names: list[str], seq: int, changes: Changes
    ) -> None:
        """Answer requests whose commands began with this seq, from what they changed; nothing where the venue failed."""
        self._venue.release_all(key.account, names)
        count, k = len(texts), len(changes)
        writes, times, images = np.zeros(count, np.bool_), np.zeros(count, np.int64), np.zeros((count, IMAGE), np.int64)
        fills = np.empty((k, FILL_WORDS), np.int64)
        unit = 1_000 if session.micros else MS
        written, filled = outcomes(words_of(changes), seq, begin, unit, turn.asked, turn.command_words, images, fills, times, writes)
        if written == n:
            session.send_frame(self._written(session, key.account, turn, writes, times, images, fills[:filled]))
            if not session.subscriptions:  # else they leave with the reports that follow
                session.flush()
            return
        changes = changes[changes["asked"] == 1]
        places = np.searchsorted(changes["seq"], np.arange(seq, seq + n + 1)).tolist()
        at, end = begin, begin + n
        while at < end:
            if not writes[at]:
                own = changes[places[at - begin] : places[at - begin + 1]]
                self._tell_long(session, key, texts[at], int(turn.commands["order_id"][at]), own, int(turn.asked[at, WHAT]))
                at += 1
                continue
            after = at + 1
            while after < end and writes[after]:
                after += 1
            run = np.zeros_like(writes)
            run[at:after] = True
            session.send_frame(self._written(session, key.account, turn, run, times, images, fills[:filled]))
            at = after

    def _written(self, session: "Session", account: int, turn: Turn, writes: Any, times: Any, images: Any, fills: Any) -> bytes:
        """The frames of some of a turn's answers."""
        placed = cancelled = b""
        if session.tells_limits:
            now = self._venue.now()
            weight = self._server.weights.used(session.address, now)
            placed = self._limits % (self._placing % (*self._server.orders.counts(account, now), weight))
            cancelled = self._limits % (self._weighing % weight)
        return self._plain.answer(turn, writes, times, images, fills, placed, cancelled)[0]

    def _tell_long(self, session: "Session", key: Any, text: bytes, order_id: int, changes: Changes, asked: int) -> None:
        """An answer that is more than one line: made as the long way makes it."""
        call = session.call(text)
        call.key = key
        told = self._venue.register.told(changes)
        if asked == PLACE:
            self._trading.tell(call, order_id, told)
        else:
            self._trading.tell_cancelled(call, told)
