"""The FIX 4.4 acceptor: connections on loopback, each of them one session's.

The first message is a logon by somebody who may (access.py); it names the session, by its SenderCompID, whose record goes on where it
ended. A session lives on without a connection: what happens to its orders is kept for it, a week at most. Reading and
answering are one step; what the venue tells in between goes out at the end of the turn. A peer who is silent, sends what is no FIX
or does not read is sent away.
"""

import asyncio
import logging
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final, Self

from polaris.domain.errors import Unavailable
from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.access import DENIED, Access
from polaris.exchange.gateway.fix.codec import SECOND, Frames, Message, encoded, timestamp
from polaris.exchange.gateway.fix.grammar import examined
from polaris.exchange.gateway.fix.marketdata import MarketDesk
from polaris.exchange.gateway.fix.phases import PHASE_TYPES, PhaseDesk
from polaris.exchange.gateway.fix.record import FileRecord, MemoryRecord
from polaris.exchange.gateway.fix.reports import Reports
from polaris.exchange.gateway.fix.session import Session, State, described
from polaris.exchange.gateway.fix.trading import TRADING_TYPES, UNSUPPORTED_TYPE, Trading
from polaris.exchange.gateway.keys import TRADE, Keys
from polaris.exchange.gateway.venue import Venue

HOST: Final = "127.0.0.1"
OURS: Final = "POLARIS"  # our CompID
LOGON_NS: Final = 10 * SECOND  # within which the first message must come
AWAY_NS: Final = 7 * 86_400 * SECOND  # how long a session is kept without anybody
TICK_NS: Final = SECOND // 4
MOST_LINES: Final = 256
MOST_SESSIONS: Final = 64  # of one account, connected or not: each is kept for a week
MESSAGES_PER_SECOND: Final = 1_000
UNREAD_BYTES: Final = 16 * 1024 * 1024
OUTBOX: Final = 4096  # messages that are gathered before they are written, in a turn that brings many
DENIED_LOGON: Final = "a logon that was denied"  # what these are counted under
UNREAD: Final = "slow reader"
COMP_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,36}", re.ASCII)  # it names a file

log = logging.getLogger("polaris.exchange.gateway")


class Participant:
    """A session and what it does here, connected or not."""

    def __init__(self, session: Session, trading: Trading, record: FileRecord | MemoryRecord, now: int) -> None:
        self.session = session
        self.trading = trading
        self.record = record
        self.line: Line | None = None
        self.seen_at = now  # when somebody was last connected
        session.wake = self._wake

    def _wake(self) -> None:
        """The session has something to say."""
        if self.line is not None:
            self.line.flush_soon()


class Acceptor:
    """The FIX side of a venue.

    folder     where sessions are kept; None: they end with the process
    port       0 takes any
    sent_away  how many peers, by what for
    """

    def __init__(self, venue: Venue, broadcast: Broadcast, keys: Keys, folder: Path | None = None, port: int = 0) -> None:
        self.venue = venue
        self.access = Access(keys)
        self.desk = MarketDesk(venue.rules, broadcast.market, venue.now)
        self.phases = PhaseDesk(venue.rules, broadcast, venue.now)
        self.participants: dict[str, Participant] = {}
        self.lines: set[Line] = set()
        self.sent_away: Counter[str] = Counter()
        self._reports = Reports(venue.rules)
        self._folder = folder
        self._asked_port = port
        self._server: asyncio.Server | None = None
        broadcast.join(self.desk)
        broadcast.join(self.phases)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def clients(self) -> int:
        """How many are connected now."""
        return len(self.lines)

    async def start(self) -> Self:
        """Take up every session that was kept, and listen. Raises Unavailable where the port is taken."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(self._folder.glob("*.fix")):
                self._take_up(path)
        try:
            self._server = await asyncio.get_running_loop().create_server(lambda: Line(self), HOST, self._asked_port)
        except OSError as cause:
            raise Unavailable(f"FIX can't listen on {HOST}:{self._asked_port}: {cause.strerror}") from cause
        self.venue.every(TICK_NS, self._tick)
        return self

    async def close(self) -> None:
        """Say logout to all, and stop listening."""
        if self._server is not None:
            self._server.close()
        now = self.venue.now()
        for line in list(self.lines):
            if line.participant is not None:
                line.participant.session.leave("the venue closes", now)
            line.flush()
            line.end("the venue closes")
        await asyncio.sleep(0)
        for participant in self.participants.values():
            participant.trading.retire()
            if isinstance(participant.record, FileRecord):
                participant.record.close()

    def _take_up(self, path: Path) -> None:
        try:
            record = FileRecord(path)
        except OSError as cause:
            log.warning("a FIX session can't be taken up: %s", cause)
            return
        while self.venue.new_session() < record.session:
            pass  # nobody else is to have its number
        self._add(path.stem, record, record.account)

    def _add(self, name: str, record: FileRecord | MemoryRecord, account: int) -> Participant:
        session = Session(OURS, name, record)
        participant = self.participants[name] = Participant(session, Trading(self.venue, session, self._reports, account), record, self.venue.now())
        return participant

    def participant(self, name: str, account: int) -> Participant | None:
        """The session of this CompID; None where it is another account's, one too many, or can't be kept."""
        found = self.participants.get(name)
        if found is not None:
            return found if found.trading.account == account else None
        if sum(each.trading.account == account for each in self.participants.values()) >= MOST_SESSIONS:
            log.warning("account %d has %d FIX sessions; one more is refused", account, MOST_SESSIONS)
            return None
        number = self.venue.new_session()
        if self._folder is None:
            return self._add(name, MemoryRecord(number), account)
        try:
            return self._add(name, FileRecord(self._folder / f"{name}.fix", account, number), account)
        except OSError as cause:
            log.warning("a FIX session can't be kept: %s", cause)
            return None

    def _tick(self, now: int) -> None:
        for line in list(self.lines):
            line.tick(now)
        for name, participant in list(self.participants.items()):
            if participant.line is not None:
                participant.seen_at = now
            elif now - participant.seen_at >= AWAY_NS:
                participant.trading.retire()
                if isinstance(participant.record, FileRecord):
                    participant.record.close()
                del self.participants[name]
            elif isinstance(participant.record, FileRecord):
                participant.record.flush()


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, acceptor: Acceptor) -> None:
        self.participant: Participant | None = None
        self._acceptor = acceptor
        self._venue = acceptor.venue
        self._frames = Frames()
        self._transport: Any = None
        self._address = ""
        self._opened_at = 0
        self._second = 0
        self._messages = 0
        self._flushing = False
        self._cut = False
        self._loop = asyncio.get_running_loop()

    # what asyncio calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if peer else ""
        self._opened_at = self._venue.now()
        self._acceptor.lines.add(self)
        if len(self._acceptor.lines) > MOST_LINES:
            self.cut(f"more than {MOST_LINES} connections")

    def data_received(self, data: bytes) -> None:
        for message in self._frames.feed(data):
            if self._transport.is_closing():
                return
            self._take(message, self._venue.now())
            if self.participant is not None and len(self.participant.session.outbox) > OUTBOX:
                self.flush()
        if self.participant is None and self._frames.skipped:
            self.cut("no FIX")
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._acceptor.lines.discard(self)
        participant = self.participant
        if participant is not None:
            self._acceptor.desk.leave(participant.session)
            self._acceptor.phases.leave(participant.session)
            participant.line = None
            participant.seen_at = self._venue.now()
            participant.session.gone()
            participant.trading.line_ended()

    # one message

    def _take(self, message: Message, now: int) -> None:
        if self.participant is None:
            self._log_on(message, now)
            return
        session = self.participant.session
        if now // SECOND != self._second:
            self._second, self._messages = now // SECOND, 0
        self._messages += 1
        if self._messages > MESSAGES_PER_SECOND:
            session.leave(f"more than {MESSAGES_PER_SECOND} messages in a second", now)
            self.flush()
            self.cut("too many messages")
            return
        asked = session.take(message, now)
        if asked is None:
            return
        if asked.kind in TRADING_TYPES:
            self.participant.trading.take(asked)
        elif asked.kind == w.MARKET_DATA_REQUEST:
            self._acceptor.desk.take(session, asked)
        elif asked.kind == w.SECURITY_LIST_REQUEST:
            self._acceptor.desk.list_securities(session, asked)
        elif asked.kind in PHASE_TYPES:
            self._acceptor.phases.take(session, asked)
        elif asked.kind != w.BUSINESS_REJECT:
            self.participant.trading.business_reject(asked, UNSUPPORTED_TYPE, "Unsupported Message Type")

    def _log_on(self, message: Message, now: int) -> None:
        """The first message: who is it, and may he?"""
        if message.kind != w.LOGON or message.begin != w.BEGIN_STRING:
            self.cut("the first message is no FIX 4.4 logon")
            return
        name = message.get(w.SENDER_COMP_ID)
        key = self._acceptor.access.key(message, self._address, now)
        if key is None or message.get(w.TARGET_COMP_ID) != OURS or not COMP_ID.fullmatch(name):
            self._deny(name, DENIED if key is None else f"a session is a SenderCompID of letters, digits and _.- to {OURS}", now)
            return
        participant = self._acceptor.participant(name, key.account)
        if participant is None:
            self._deny(name, DENIED, now)
            return
        if participant.line is not None:
            self._deny(name, f"{name} is connected already", now)
            return
        if (fault := examined(message)) is not None and message.fault is not None:
            self._deny(name, described(fault), now)
            return
        self.participant = participant
        participant.line = self
        participant.trading.may_trade = TRADE in key.scopes
        if participant.session.logon(message, now):
            participant.trading.cancels = message.get(w.CANCEL_ORDERS_ON_DISCONNECT)

    def _deny(self, name: str, why: str, now: int) -> None:
        """A logout that is of no session: nothing is known of who gets it, and no number is used up."""
        head = [(w.MSG_TYPE, w.LOGOUT), (w.SENDER_COMP_ID, OURS), (w.TARGET_COMP_ID, name or "UNKNOWN"), (w.MSG_SEQ_NUM, "1")]
        self._transport.write(encoded([*head, (w.SENDING_TIME, timestamp(now)), (w.TEXT, why)]))
        log.info("a FIX logon is denied: %s", why)
        self.cut(DENIED_LOGON)

    # what goes out

    def tick(self, now: int) -> None:
        """Time passed."""
        if self.participant is not None:
            self.participant.session.tick(now)
            self.flush()
        elif now - self._opened_at >= LOGON_NS:
            self.cut("no logon")

    def flush_soon(self) -> None:
        """Flush at the end of this turn, once."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what the session has to say; its record first."""
        self._flushing = False
        if self._transport.is_closing():
            return
        if self.participant is None:
            return
        session, record = self.participant.session, self.participant.record
        if isinstance(record, FileRecord):
            record.flush()
        if session.outbox:
            self._transport.write(b"".join(session.outbox))
            session.outbox.clear()
        if self._transport.get_write_buffer_size() > UNREAD_BYTES:
            log.warning("a FIX session is cut: %s leaves %d bytes unread", session.theirs, self._transport.get_write_buffer_size())
            self._acceptor.sent_away[UNREAD] += 1
            self._transport.abort()
        elif session.state is State.CLOSED:
            self.cut(why) if (why := counted(session.closed)) else self._transport.close()

    def cut(self, why: str) -> None:
        """Send the peer away for something he did, once."""
        if not self._cut:
            self._cut = True
            self._acceptor.sent_away[why] += 1
            self.end(why)

    def end(self, why: str) -> None:
        """End the line."""
        log.info("a FIX line ends: %s", why)
        self._transport.close()


def counted(closed: str) -> str:
    """What the end of a session is counted under, numbers left out; "" where the peer logged out."""
    if closed in ("logged out", "the logout was not answered"):
        return "" if closed == "logged out" else closed
    return "nothing heard" if closed.startswith("nothing heard") else "a breach of the protocol"
