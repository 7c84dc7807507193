"""The short way of plain orders over the WebSocket API: a turn's texts of all sessions are read, asked and answered together, in compiled code.

A session that is logged on and asks for limit or market orders and cancels, with nothing else about them, needs none of what serves every
other request. Whatever is unusual is left to the long way, untouched and in its turn: a text that is not understood whole, a filter, a limit,
a name in use, an order that is not there. Both ways give the same answers and the same commands (tests/unit/exchange/gateway/binance/test_quick.py).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from polaris.exchange.gateway.binance.answering import FILL_WORDS, IMAGE
from polaris.exchange.gateway.binance.asking import MS, ready
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.outcomes import outcomes
from polaris.exchange.gateway.binance.plain import Plain, Turn, Words
from polaris.exchange.gateway.binance.scanning import FORMER, NOT_UNDERSTOOD, ORDER_ID, PLACE, TRAITS, WHAT
from polaris.exchange.gateway.binance.security import AHEAD_NS, Need
from polaris.exchange.gateway.binance.server import BinanceServer
from polaris.exchange.gateway.binance.trading import Trading
from polaris.exchange.gateway.keys import Key
from polaris.exchange.gateway.register_changes import Changes, words_of
from polaris.exchange.gateway.register_memory import NAME_WORDS
from polaris.exchange.gateway.venue import Venue

if TYPE_CHECKING:
    from polaris.exchange.gateway.binance.session import Session


class Part(NamedTuple):
    """One session's requests in a block: rows `begin` to `end` of its turn, and the names that new orders among them have taken."""

    session: "Session"
    key: Key
    begin: int
    end: int
    names: list[str]


class Quick:
    """The short way of one server."""

    def __init__(self, venue: Venue, server: BinanceServer, books: Books, trading: Trading) -> None:
        self._venue, self._server, self._trading = venue, server, trading
        self._plain = Plain(books)
        self.taken = 0  # texts that went this way
        self._waiting: list[Session] = []  # sessions with texts for this turn
        weight, ten, day = (msgspec.json.encode(document)[:-1] + b',"count":%d}' for document in server.limits.documents())
        self._limits = b',"rateLimits":[%b]'
        self._placing, self._weighing = b",".join((ten, day, weight)), weight

    def soon(self, session: "Session") -> None:
        """A session has texts for this turn."""
        if not self._waiting:
            self._venue.soon(self._take_all)
        self._waiting.append(session)

    def take(self, session: "Session", texts: Sequence[bytes]) -> None:
        """Do some texts of one session, this way or the long one, in their order."""
        turn = self._plain.scan(texts)
        known = turn.asked[:, WHAT] != NOT_UNDERSTOOD
        ends = [*(np.flatnonzero(known[1:] != known[:-1]) + 1).tolist(), len(texts)]
        at = 0
        for end in ends:
            while at < end:
                part = self._ready(session, turn, at, end, 0) if known[at] else None
                if part is not None:
                    self._ask(turn, texts, [part])
                    at = part.end
                if at < end:
                    session.perform(texts[at])
                    at += 1

    def _take_all(self) -> None:
        """Do what all sessions asked in this turn: where everything is plain, in one block."""
        waiting, self._waiting = self._waiting, []
        batches = [(session, texts) for session in waiting if (texts := session.gathered())]
        texts = [text for _, batch in batches for text in batch]
        turn = self._plain.scan(texts)
        if turn.understood < len(texts):
            for session, batch in batches:
                self.take(session, batch)
            return
        run: list[Part] = []
        at = 0
        for session, batch in batches:
            end = at + len(batch)
            if run and (run[0].session.micros, run[0].session.tells_limits) != (session.micros, False):  # they are not written alike
                self._ask(turn, texts, run)
                run = []
            part = self._ready(session, turn, at, end, at - run[0].begin if run else 0)
            if part is not None:
                run.append(part)
                at = part.end
            if at < end or session.tells_limits:
                if run:
                    self._ask(turn, texts, run)
                    run = []
                if at < end:
                    self.take(session, texts[at:end])
            at = end
        if run:
            self._ask(turn, texts, run)

    def _ready(self, session: "Session", turn: Turn, begin: int, end: int, before: int) -> Part | None:
        """Number and count requests that were understood, as many of the first as may go this way; `before` commands wait in their block already."""
        venue, server, key = self._venue, self._server, session.key
        if key is None:
            return None
        now, trader = venue.now(), session.trader
        if trader is None or trader.name != key.name or not server.gate.is_current(trader):
            try:
                trader = session.trader = server.gate.key(key.name, session.address, Need.TRADE)
            except Refusal:
                return None
        account = trader.account
        n = min(end - begin, server.limits.weight_per_minute - server.weights.used(session.address, now), venue.room() - before)
        ten, day = server.orders.counts(account, now)
        left = min(server.limits.orders_per_ten_seconds - ten, server.limits.orders_per_day - day)
        if n <= 0 or left <= 0:
            return None
        n, new = ready(
            turn.asked, turn.command_words, turn.note_words, begin, begin + n, now, AHEAD_NS, account, session.number, venue.next_order_id, left
        )  # fmt: skip
        notes = turn.note_words[begin : begin + n]
        names = [name.decode() for name in turn.client_ids[begin : begin + n].tolist()]
        if new < n or len(set(names)) < n or not venue.are_free(account, names, notes):
            commands, placing = turn.commands[begin : begin + n], turn.asked[begin : begin + n, WHAT] == PLACE
            n = self._free(account, names, notes, placing)
            n = self._find(account, commands, turn.asked[begin : begin + n], names, placing[:n])
            chosen = np.flatnonzero(placing[:n])
            names, books = [names[at] for at in chosen.tolist()], commands["book"][chosen].tolist()
        else:
            books = (turn.command_words[begin : begin + n, TRAITS] >> 32).tolist()
        if n <= 0:
            return None
        venue.claim_all(account, names, books)
        server.orders.take(account, len(names), now)
        server.weights.take(session.address, n, now)
        session.trades_for(account)
        self.taken += n
        return Part(session, key, begin, begin + n, names)

    def _ask(self, turn: Turn, texts: Sequence[bytes], parts: Sequence[Part]) -> None:
        """Ask for requests that are ready, next to each other in their turn."""
        begin, end = parts[0].begin, parts[-1].end
        self._venue.ask_block(
            end - begin, turn.command_words[begin:end].tobytes(), turn.note_words[begin:end].tobytes(), lambda seq, changes: self._tell(turn, texts, parts, seq, changes)
        )  # fmt: skip

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

    def _tell(self, turn: Turn, texts: Sequence[bytes], parts: Sequence[Part], seq: int, changes: Changes) -> None:
        """Answer requests whose commands began with this seq, from what they changed; nothing where the venue failed."""
        first, end, count = parts[0].begin, parts[-1].end, len(texts)
        for part in parts:
            self._venue.release_all(part.key.account, part.names)
        writes, times, images = np.zeros(count, np.bool_), np.zeros(count, np.int64), np.zeros((count, IMAGE), np.int64)
        fills = np.empty((len(changes), FILL_WORDS), np.int64)
        unit = 1_000 if parts[0].session.micros else MS
        written, filled = outcomes(words_of(changes), seq, first, unit, turn.asked, turn.command_words, images, fills, times, writes)
        fills = fills[:filled]
        if written == end - first and not parts[0].session.tells_limits:
            frames, ends = self._plain.answer(turn, writes, times, images, fills)
            at = 0
            for part in parts:
                until = int(ends[part.end - 1])
                _send(part.session, frames[at:until])
                at = until
            return
        changes = changes[changes["asked"] == 1]
        places = np.searchsorted(changes["seq"], np.arange(seq, seq + end - first + 1)).tolist()
        for part in parts:
            self._tell_part(turn, texts, part, writes, times, images, fills, changes, places[part.begin - first : part.end - first + 1])

    def _tell_part(
        self, turn: Turn, texts: Sequence[bytes], part: Part, writes: Any, times: Words, images: Words, fills: Words, changes: Changes, places: Sequence[int]
    ) -> None:
        """Answer one session's requests, in their order, each this way or the long one; places: where the changes of each begin."""
        at = part.begin
        while at < part.end:
            if not writes[at]:
                own = changes[places[at - part.begin] : places[at - part.begin + 1]]
                self._tell_long(part.session, part.key, texts[at], int(turn.commands["order_id"][at]), own, int(turn.asked[at, WHAT]))
                at += 1
                continue
            after = at + 1
            while after < part.end and writes[after]:
                after += 1
            run = np.zeros_like(writes)
            run[at:after] = True
            _send(part.session, self._written(part.session, part.key.account, turn, run, times, images, fills))
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


def _send(session: "Session", frames: bytes) -> None:
    """Send answers now, or with the reports that follow."""
    session.send_frame(frames)
    if not session.subscriptions:
        session.flush()
