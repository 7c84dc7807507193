"""One FIX session as a state machine: messages and time in, messages out; no clock, socket or disk.

Both sides number what they send from 1. A number above the expected one is a gap: we ask for the rest again and work on nothing
until it is closed; one below it without PossDup is a fault that ends the connection. What was sent can be asked for again: orders'
messages come as they were (PossDup, OrigSendingTime), the session's own and market data, which is old by then, are passed over
by SequenceReset-GapFill. A logon that tells which number it expects (789) is asked for nothing and has to ask for nothing: each side
sends again by itself what the other's logon finds to be missing. The record of the numbers outlives the connection (record.py).
Source: FIX 4.4 volume 2, with the test cases of the FIX session layer document.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.codec import SECOND, Fault, Field, Message, encoded, nanoseconds, timestamp
from polaris.exchange.gateway.fix.grammar import examined
from polaris.exchange.gateway.fix.record import MOST_RESENT, Record

LATENCY_NS: Final = 120 * SECOND  # SendingTime may be this far from our clock
LOGOUT_NS: Final = 5 * SECOND  # how long the other side may take to answer a logout
SHORTEST_HEARTBEAT: Final = 1
LONGEST_HEARTBEAT: Final = 60


class State(Enum):
    """Where a session stands."""

    AWAY = "nobody is connected"
    WAITING = "waiting for a logon"
    ACTIVE = "active"
    LEAVING = "we said logout and wait for theirs"
    CLOSED = "closed"


class Session:
    """Our side of a session, over all its connections.

    outbox  what to write, in order
    wake    called where something was put into it
    closed  why the line is to be cut after it; "" while it lives
    """

    def __init__(self, ours: str, theirs: str, record: Record) -> None:
        self.ours = ours
        self.theirs = theirs
        self.record = record
        self.wake: Callable[[], None] = _nobody
        self.heartbeat_ns = 30 * SECOND
        self.gone()

    def gone(self) -> None:
        """Nobody is connected any more. What is sent until somebody is again he will find to be missing, and ask for."""
        self.state = State.AWAY
        self.outbox: list[bytes] = []
        self.closed = ""
        self._heard_at = 0
        self._sent_at = 0
        self._tested_at = 0  # when we sent a TestRequest that is not answered; 0 = none
        self._asked_at = 0  # when we asked for a gap to be filled; 0 = there is none
        self._gap_end = 0  # the highest number heard above the expected one
        self._left_at = 0

    # --- what comes

    def logon(self, message: Message, now: int) -> bool:
        """Answer the logon of somebody who was let in; False where its numbers or terms can't be taken."""
        self.state = State.WAITING
        self._heard_at = self._sent_at = now
        fault = examined(message)
        if fault is None and message.get(w.ENCRYPT_METHOD) != "0":
            fault = Fault(w.VALUE_INCORRECT, w.ENCRYPT_METHOD, "only 0, none")
        interval = int(message.get(w.HEART_BT_INT)) if fault is None else 0
        if fault is None and not SHORTEST_HEARTBEAT <= interval <= LONGEST_HEARTBEAT:
            fault = Fault(w.VALUE_INCORRECT, w.HEART_BT_INT, f"{SHORTEST_HEARTBEAT} to {LONGEST_HEARTBEAT} seconds")
        if fault is None and int(message.get(w.NEXT_EXPECTED_MSG_SEQ_NUM, "1")) < 1:
            fault = Fault(w.VALUE_INCORRECT, w.NEXT_EXPECTED_MSG_SEQ_NUM, "numbers begin at 1")
        if fault is not None:
            self._leave(described(fault), now)
            return False
        number = int(message.get(w.MSG_SEQ_NUM))
        reset = message.flag(w.RESET_SEQ_NUM_FLAG)
        if reset and number != 1:
            self._leave(f"a logon that resets the numbers has MsgSeqNum 1, not {number}", now)
            return False
        if reset:
            self.record.reset()
        in_order, next_out = number == self.record.next_in, self.record.next_out
        if number < self.record.next_in:
            self._leave(f"MsgSeqNum too low, expecting {self.record.next_in} but received {number}", now)
            return False
        expected = int(message.get(w.NEXT_EXPECTED_MSG_SEQ_NUM, "0"))  # 0: not told
        if expected > next_out:
            self._leave(f"NextExpectedMsgSeqNum too high, {expected} is expected but {next_out} is the next to be sent", now)
            return False
        self.state = State.ACTIVE
        self.heartbeat_ns = interval * SECOND
        answer: list[Field] = [(w.ENCRYPT_METHOD, "0"), (w.HEART_BT_INT, str(interval))]
        if reset:
            answer.append((w.RESET_SEQ_NUM_FLAG, "Y"))
        if expected:
            answer.append((w.NEXT_EXPECTED_MSG_SEQ_NUM, str(number + 1 if in_order else self.record.next_in)))
        self.send(w.LOGON, answer, now)
        if 0 < expected < next_out:
            self._again(expected, next_out - 1, now)
        if in_order:
            self._advance(number + 1)
        elif expected:
            self._gap_end, self._asked_at = number, now  # our logon told what is missing
        else:
            self._ask(number, now)
        return True

    def take(self, message: Message, now: int) -> Message | None:
        """Hear one message; returned where it is the application's to work on."""
        if self.state not in (State.ACTIVE, State.LEAVING):
            return None
        self._heard_at = now
        self._tested_at = 0
        number = message.get(w.MSG_SEQ_NUM)
        if message.begin != w.BEGIN_STRING:
            self._leave(f"Incorrect BeginString: {message.begin}, not {w.BEGIN_STRING}", now)
        elif not number.isdecimal() or not number.isascii() or len(number) > 18:
            self._leave("MsgSeqNum missing", now)
        elif message.get(w.SENDER_COMP_ID) != self.theirs or message.get(w.TARGET_COMP_ID) != self.ours:
            self._refuse_line(message, Fault(w.COMP_ID_PROBLEM, 0, f"this session is {self.theirs} to {self.ours}"), now)
        elif (sent := nanoseconds(message.get(w.SENDING_TIME))) is not None and abs(now - sent) > LATENCY_NS:
            self._refuse_line(message, Fault(w.SENDING_TIME_PROBLEM, w.SENDING_TIME), now)
        elif message.kind == w.SEQUENCE_RESET and not message.flag(w.GAP_FILL_FLAG):
            self._reset_to(message, now)
        elif message.kind == w.LOGON:
            self._logon_again(message, int(number), now)
        else:
            return self._numbered(message, int(number), now)
        return None

    def _numbered(self, message: Message, number: int, now: int) -> Message | None:
        expected = self.record.next_in
        if number > expected:
            if message.kind == w.RESEND_REQUEST and examined(message) is None:
                self._send_again(message, now)  # answered before ours is asked, or two gaps would wait for each other
            if message.kind == w.LOGOUT:
                self._logged_out(now)
            else:
                self._ask(number, now)
            return None
        if number < expected:
            if not message.flag(w.POSS_DUP_FLAG):
                self._leave(f"MsgSeqNum too low, expecting {expected} but received {number}", now)
            return None  # heard before
        if self.state is State.LEAVING and message.kind not in w.SESSION_TYPES:
            return None  # not heard: after the next logon it is a gap, and comes again
        if message.flag(w.POSS_DUP_FLAG) and (fault := self._duplicate_fault(message)) is not None:
            self._refuse(message, fault, now)
            return None
        if (fault := examined(message)) is not None:
            self._refuse(message, fault, now)
            return None
        self._advance(number + 1)
        match message.kind:
            case w.TEST_REQUEST:
                self.send(w.HEARTBEAT, [(w.TEST_REQ_ID, message.get(w.TEST_REQ_ID))], now)
            case w.RESEND_REQUEST:
                self._send_again(message, now)
            case w.SEQUENCE_RESET:
                if int(message.get(w.NEW_SEQ_NO)) <= number:
                    self.refuse(message, Fault(w.VALUE_INCORRECT, w.NEW_SEQ_NO, f"a gap fill leads beyond {number}"), now)
                else:
                    self._advance(int(message.get(w.NEW_SEQ_NO)))
            case w.LOGOUT:
                self._logged_out(now)
            case w.HEARTBEAT | w.REJECT:
                pass
            case _ if message.kind not in w.STANDARD_TYPES:
                self.refuse(message, Fault(w.INVALID_TYPE, w.MSG_TYPE, message.kind[:8]), now)
            case _:
                return message if self.state is State.ACTIVE else None
        return None

    def _advance(self, number: int) -> None:
        self.record.heard(number)
        if number > self._gap_end:
            self._asked_at = 0

    def _duplicate_fault(self, message: Message) -> Fault | None:
        if w.ORIG_SENDING_TIME not in message.values:
            return Fault(w.REQUIRED_TAG_MISSING, w.ORIG_SENDING_TIME)
        first, sent = (nanoseconds(message.get(tag)) for tag in (w.ORIG_SENDING_TIME, w.SENDING_TIME))
        return Fault(w.SENDING_TIME_PROBLEM, w.ORIG_SENDING_TIME) if first is not None and sent is not None and first > sent else None

    def _reset_to(self, message: Message, now: int) -> None:
        """SequenceReset-Reset: its own number is not looked at; it only goes forward."""
        fault = examined(message)
        if fault is None and int(message.get(w.NEW_SEQ_NO)) < self.record.next_in:
            fault = Fault(w.VALUE_INCORRECT, w.NEW_SEQ_NO, f"below {self.record.next_in}")
        if fault is not None:
            self.refuse(message, fault, now)
        else:
            self._advance(int(message.get(w.NEW_SEQ_NO)))

    def _logon_again(self, message: Message, number: int, now: int) -> None:
        """A logon on a living line begins the numbers anew, as for a session that never closes; nothing else may be asked by it."""
        if examined(message) is not None or not message.flag(w.RESET_SEQ_NUM_FLAG) or number != 1 or self.state is not State.ACTIVE:
            self._leave("logged on already", now)
            return
        self.record.reset()
        self._gap_end = 0
        interval = str(self.heartbeat_ns // SECOND)
        self.send(w.LOGON, [(w.ENCRYPT_METHOD, "0"), (w.HEART_BT_INT, interval), (w.RESET_SEQ_NUM_FLAG, "Y")], now)
        self._advance(2)

    def _logged_out(self, now: int) -> None:
        if self.state is State.ACTIVE:
            self.send(w.LOGOUT, (), now)
        self._close("logged out")

    # --- what goes

    def send(self, kind: str, fields: Iterable[Field], now: int) -> None:
        """One message of ours, under the next number. Where nobody is connected it is kept for him, if it is one that is sent again."""
        fields = list(fields)
        time = timestamp(now)
        kept = b"" if kind in w.SESSION_TYPES or kind in w.MARKET_DATA_TYPES else _kept(kind, time, fields)
        if self.state in (State.AWAY, State.CLOSED):
            if kept:
                self.record.sent(kept)
            return
        self.outbox.append(encoded([*self._header(kind, self.record.next_out, time), *fields]))
        self.record.sent(kept)
        self._sent_at = now
        self.wake()

    def _header(self, kind: str, number: int, time: str) -> list[Field]:
        return [
            (w.MSG_TYPE, kind),
            (w.SENDER_COMP_ID, self.ours),
            (w.TARGET_COMP_ID, self.theirs),
            (w.MSG_SEQ_NUM, str(number)),
            (w.SENDING_TIME, time),
        ]

    def refuse(self, message: Message, fault: Fault, now: int) -> None:
        """Reject a message that was numbered rightly."""
        fields = [(w.REF_SEQ_NUM, message.get(w.MSG_SEQ_NUM))]
        if fault.tag:
            fields.append((w.REF_TAG_ID, str(fault.tag)))
        if message.kind:
            fields.append((w.REF_MSG_TYPE, message.kind))
        fields += [(w.SESSION_REJECT_REASON, str(fault.reason)), (w.TEXT, described(fault))]
        self.send(w.REJECT, fields, now)

    def _refuse(self, message: Message, fault: Fault, now: int) -> None:
        self._advance(int(message.get(w.MSG_SEQ_NUM)) + 1)
        self.refuse(message, fault, now)

    def _refuse_line(self, message: Message, fault: Fault, now: int) -> None:
        """Reject, then leave: whoever this is, his clock or his name is not what the session was opened for."""
        if int(message.get(w.MSG_SEQ_NUM)) == self.record.next_in:
            self._advance(self.record.next_in + 1)
        self.refuse(message, fault, now)
        self._leave(described(fault), now)

    def _ask(self, number: int, now: int) -> None:
        """Ask for all from the expected number on, once for a gap; again where it stays open for a heartbeat."""
        self._gap_end = max(self._gap_end, number)
        if not self._asked_at or now - self._asked_at >= self.heartbeat_ns:
            self._asked_at = now
            self.send(w.RESEND_REQUEST, [(w.BEGIN_SEQ_NO, str(self.record.next_in)), (w.END_SEQ_NO, "0")], now)

    def _send_again(self, message: Message, now: int) -> None:
        """What was sent from BeginSeqNo to EndSeqNo (0 = to the last), messages of the session and old market data passed over."""
        first, last = int(message.get(w.BEGIN_SEQ_NO)), int(message.get(w.END_SEQ_NO))
        newest = self.record.next_out - 1
        last = newest if last == 0 or last > newest else last
        if first < 1 or first > last:
            self.refuse(message, Fault(w.VALUE_INCORRECT, w.BEGIN_SEQ_NO, f"sent so far: 1 to {newest}"), now)
            return
        self._again(first, last, now)

    def _again(self, first: int, last: int, now: int) -> None:
        """Send again what went out under these numbers."""
        time = timestamp(now)
        passed = 0  # the first of those passed over that no gap fill has told yet
        for number in range(first, last + 1):
            kept = self.record.body(number) if last - number < MOST_RESENT else b""
            if not kept:
                passed = passed or number
                continue
            if passed:
                self._gap_fill(passed, number, time)
                passed = 0
            kind, sent, fields = _remembered(kept)
            head = [*self._header(kind, number, time), (w.POSS_DUP_FLAG, "Y"), (w.ORIG_SENDING_TIME, sent)]
            self.outbox.append(encoded([*head, *fields]))
        if passed:
            self._gap_fill(passed, last + 1, time)
        self._sent_at = now

    def _gap_fill(self, number: int, to: int, time: str) -> None:
        head = [*self._header(w.SEQUENCE_RESET, number, time), (w.POSS_DUP_FLAG, "Y"), (w.ORIG_SENDING_TIME, time)]
        self.outbox.append(encoded([*head, (w.GAP_FILL_FLAG, "Y"), (w.NEW_SEQ_NO, str(to))]))

    # --- time and the end

    def tick(self, now: int) -> None:
        """Let time pass: a heartbeat where we were silent, a TestRequest where they were, the end where they stay so."""
        match self.state:
            case State.ACTIVE:
                silent = now - self._heard_at
                if silent >= self.heartbeat_ns * 12 // 5:
                    self._leave(f"nothing heard for {silent // SECOND} s", now)
                    self._close("no heartbeat")
                elif silent >= self.heartbeat_ns * 6 // 5 and not self._tested_at:
                    self._tested_at = now
                    self.send(w.TEST_REQUEST, [(w.TEST_REQ_ID, timestamp(now))], now)
                elif now - self._sent_at >= self.heartbeat_ns:
                    self.send(w.HEARTBEAT, (), now)
            case State.LEAVING if now - self._left_at >= LOGOUT_NS:
                self._close("the logout was not answered")
            case _:
                pass

    def leave(self, why: str, now: int) -> None:
        """Say logout and wait for theirs."""
        if self.state is State.ACTIVE:
            self.send(w.LOGOUT, [(w.TEXT, why)], now)
            self.state = State.LEAVING
            self._left_at = now

    def _leave(self, why: str, now: int) -> None:
        """Say logout and cut the line: what we heard can't be answered otherwise."""
        self.send(w.LOGOUT, [(w.TEXT, why)], now)
        self._close(why)

    def _close(self, why: str) -> None:
        self.state = State.CLOSED
        self.closed = self.closed or why


def _nobody() -> None:
    pass


def described(fault: Fault) -> str:
    """A fault in words: "Required tag missing (tag 11)"."""
    text = w.REJECT_TEXTS[fault.reason]
    if fault.tag:
        text += f" (tag {fault.tag})"
    return f"{text}: {fault.text}" if fault.text else text


def _kept(kind: str, time: str, fields: list[Field]) -> bytes:
    return w.SOH.join([kind, time, *(f"{tag}={value}" for tag, value in fields)]).encode("latin-1", "replace")


def _remembered(kept: bytes) -> tuple[str, str, list[Field]]:
    kind, time, *fields = kept.decode("latin-1").split(w.SOH)
    return kind, time, [(int(tag), value) for tag, _, value in (field.partition("=") for field in fields)]
