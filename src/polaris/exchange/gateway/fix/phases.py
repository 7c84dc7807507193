"""Whether one can trade, over FIX: a book (SecurityStatus) and the venue as a whole (TradingSessionStatus), now and whenever it changes.

| phase       | of a book (326)              | of the venue (340), the first that holds of any book |
|-------------|------------------------------|------------------------------------------------------|
| CONTINUOUS  | 17 ready to trade            | 2 open                                               |
| AUCTION     | 21 pre-open                  | 4 pre-open                                           |
| HALTED      | 2 trading halt               | 1 halted                                             |
| CLOSED      | 18 not available for trading | 3 closed                                             |

A name asked under again takes the place of what it stood for.
"""

from collections.abc import Callable
from typing import Final

from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.codec import Fault, Field, Message, timestamp
from polaris.exchange.gateway.fix.session import Session
from polaris.exchange.listing import Rules
from polaris.exchange.marketdata import Told
from polaris.exchange.marketdata.depth import Changes
from polaris.exchange.words import AUCTION, CLOSED, CONTINUOUS, HALTED

OF_A_BOOK: Final = {CONTINUOUS: "17", AUCTION: "21", HALTED: "2", CLOSED: "18"}  # SecurityTradingStatus
OF_ALL: Final = {CONTINUOUS: "2", AUCTION: "4", HALTED: "1", CLOSED: "3"}  # TradSesStatus, what opens most first
UNKNOWN_SECURITY: Final = "20"
REFUSED, NO_SUCH_SESSION = "6", "1"  # TradSesStatus, TradSesStatusRejReason
TRADING_SESSION: Final = "POLARIS"  # there is one, and it does not end
ASKED_ONCE, SUBSCRIBE, UNSUBSCRIBE = "0", "1", "2"  # SubscriptionRequestType
VENUE: Final = -1  # in place of a book
MOST_SUBSCRIPTIONS: Final = 200
PHASE_TYPES: Final = frozenset({w.SECURITY_STATUS_REQUEST, w.TRADING_SESSION_STATUS_REQUEST})


class PhaseDesk:
    """Tells every session the phases it asked for; a reader of the broadcast.

    clock  the venue's, ns UTC
    """

    def __init__(self, rules: Rules, broadcast: Broadcast, clock: Callable[[], int]) -> None:
        self._rules = rules
        self._broadcast = broadcast
        self._clock = clock
        self._open: dict[Session, dict[tuple[str, str], int]] = {}  # by the request's type and name: the book, or VENUE
        self._told = list(broadcast.phases)

    def take(self, session: Session, message: Message) -> None:
        """A SecurityStatusRequest, or a TradingSessionStatusRequest."""
        of_venue, kind = message.kind == w.TRADING_SESSION_STATUS_REQUEST, message.get(w.SUBSCRIPTION_REQUEST_TYPE)
        name = message.get(w.TRAD_SES_REQ_ID if of_venue else w.SECURITY_STATUS_REQ_ID)
        mine = self._open.setdefault(session, {})
        if kind not in (ASKED_ONCE, SUBSCRIBE, UNSUBSCRIBE):
            fault = Fault(w.VALUE_INCORRECT, w.SUBSCRIPTION_REQUEST_TYPE, "0, 1 or 2")
            session.refuse(message, fault, self._clock())
            return
        mine.pop((message.kind, name), None)
        if kind == UNSUBSCRIBE:
            return
        book = VENUE if of_venue else self._book(message.get(w.SYMBOL))
        if of_venue and message.get(w.TRADING_SESSION_ID, TRADING_SESSION) != TRADING_SESSION:
            asked = [(w.TRAD_SES_REQ_ID, name), (w.TRADING_SESSION_ID, message.get(w.TRADING_SESSION_ID))]
            session.send(w.TRADING_SESSION_STATUS, [*asked, (w.TRAD_SES_STATUS, REFUSED), (w.TRAD_SES_STATUS_REJ_REASON, NO_SUCH_SESSION)], self._clock())
        elif book is None:
            asked = [(w.SECURITY_STATUS_REQ_ID, name), (w.SYMBOL, message.get(w.SYMBOL))]
            session.send(w.SECURITY_STATUS, [*asked, (w.SECURITY_TRADING_STATUS, UNKNOWN_SECURITY)], self._clock())
        elif kind == SUBSCRIBE and len(mine) >= MOST_SUBSCRIPTIONS:
            session.refuse(message, Fault(w.VALUE_INCORRECT, w.SUBSCRIPTION_REQUEST_TYPE, f"at most {MOST_SUBSCRIPTIONS} subscriptions"), self._clock())
        else:
            self._tell(session, name, book)
            if kind == SUBSCRIBE:
                mine[message.kind, name] = book

    def leave(self, session: Session) -> None:
        """The line is gone."""
        self._open.pop(session, None)

    def told(self, told: Told) -> None:
        """Whoever asked hears of phases that changed."""
        now = self._broadcast.phases
        if now == self._told:
            return
        changed = {book for book, phase in enumerate(now) if phase != self._told[book]}
        if self._venue(now) != self._venue(self._told):
            changed.add(VENUE)
        self._told = list(now)
        for session, mine in self._open.items():
            for (_, name), book in mine.items():
                if book in changed:
                    self._tell(session, name, book, unasked=True)

    def due(self, interval_ns: int, changes: Changes) -> None:
        """Depth is told elsewhere."""

    def _tell(self, session: Session, name: str, book: int, *, unasked: bool = False) -> None:
        now, phases = self._clock(), self._broadcast.phases
        unsolicited = [(w.UNSOLICITED_INDICATOR, "Y")] if unasked else []
        if book == VENUE:
            status: list[Field] = [(w.TRAD_SES_REQ_ID, name), (w.TRADING_SESSION_ID, TRADING_SESSION), *unsolicited, (w.TRAD_SES_STATUS, self._venue(phases))]
            session.send(w.TRADING_SESSION_STATUS, status, now)
        else:
            status = [(w.SECURITY_STATUS_REQ_ID, name), (w.SYMBOL, self._rules.listings[book].symbol), *unsolicited]
            session.send(w.SECURITY_STATUS, [*status, (w.SECURITY_TRADING_STATUS, OF_A_BOOK[phases[book]]), (w.TRANSACT_TIME, timestamp(now))], now)

    def _book(self, symbol: str) -> int | None:
        try:
            return self._rules.book(symbol)
        except KeyError:
            return None

    @staticmethod
    def _venue(phases: list[int]) -> str:
        return next(status for phase, status in OF_ALL.items() if phase in phases)
