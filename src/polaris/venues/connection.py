"""One open socket: it stamps what comes, hands it to its feed, and does what the feed wishes.

Whatever the network does ends the connection with a reason. An error of ours (the feed or the owner raised) ends it too,
and is raised by `raise_failure`.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from polaris.venues.protocol import Feed, Fetch, Login, Reconnect, Send
from polaris.venues.rest import SECOND
from polaris.venues.throttle import Throttle

if TYPE_CHECKING:
    from polaris.venues.session import Session

ROWS_AT_ONCE: Final = 8192  # rows handed over at the latest, however many frames one read held


class Connection(WSListener):
    """What happens on one open socket, with one feed. It ends once: by `leave`, or because the other side did."""

    def __init__(self, session: "Session", feed: Feed) -> None:
        self._session = session
        self.address = ""
        self.feed = feed
        self._clock = session.clock
        self._transport: WSTransport | None = None
        self._throttle = Throttle(session.settings.messages_per_second, session.settings.messages_burst)
        self._fetches: set[asyncio.Task[None]] = set()
        self._parts: list[bytes] = []  # of a message in several frames
        self._opened = self._heard = 0
        self._left = False
        self._failure: Exception | None = None
        self.normal_close = False

    @property
    def opened(self) -> bool:
        """Whether the handshake was completed."""
        return self._transport is not None

    @property
    def leads(self) -> bool:
        """Whether its feed is the one that is heard: another one follows, or was followed."""
        return self._session.feed is self.feed

    def open_ns(self, now: int) -> int:
        """For how long it is open."""
        return now - self._opened

    def say(self, reason: str) -> None:
        """What this connection goes through, for people."""
        session = self._session
        if self.leads:
            session.last_reason = reason
        elif session.succession is not None and session.succession.new is self.feed:
            session.last_reason = f"the connection that follows: {reason}"

    # what picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        if self._left:  # given up while it was being opened
            transport.disconnect(False)
            return
        session = self._session
        self._transport = transport
        self._opened = self._heard = now = self._clock()
        session.opened(self)
        if session.capture is not None:
            session.capture.connect(session.conn, now, self.address.partition("?token=")[0])
        if session.closing.is_set():
            self.leave("closed by us", WSCloseCode.OK)
            return
        self._guarded(lambda: self.feed.connected(now))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._left:
            return
        self._heard = now = self._clock()
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin:
            self._message(frame.get_payload_as_bytes(), now, frame.last_in_buffer)
        elif kind == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
            self._settle()
        elif kind == WSMsgType.CLOSE:
            code, reason = frame.get_close_code(), frame.get_close_message()
            self.normal_close = code == WSCloseCode.OK
            self._settle()
            self.leave(f"the venue closed with {code:d} {(reason or b'').decode('utf-8', 'replace')}".rstrip(), code)
        elif kind != WSMsgType.PONG:
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                whole = b"".join(self._parts)
                self._parts.clear()
                self._message(whole, now, frame.last_in_buffer)

    # what the session calls

    def tick(self) -> None:
        """Time passed."""
        if self._left:
            return
        now = self._clock()
        session, settings = self._session, self._session.settings
        if now - self._heard > settings.silence_s * SECOND:
            self.leave(f"silent for {settings.silence_s:g} s", WSCloseCode.GOING_AWAY)
        elif self.leads and self.open_ns(now) > settings.rollover_s * SECOND and not session.let_follow(now):
            self.leave(session.rolled_over, WSCloseCode.OK)
        elif not self.leads and self.open_ns(now) > settings.follows_s * SECOND:
            self.leave(f"its books were not LIVE within {settings.follows_s:g} s", WSCloseCode.OK)
        else:
            self._guarded(lambda: self.feed.tick(now))
            self._guarded(lambda: session.succeed(self, now))

    def leave(self, reason: str, code: WSCloseCode) -> None:
        """Say goodbye and drop the socket; what still comes on it is not heard."""
        if self._left or self._transport is None:
            return
        self._left = True
        self.say(reason)
        if not self._transport.is_disconnected:
            self._transport.send_close(WSCloseCode.OK if code == WSCloseCode.NO_INFO else code)
            self._transport.disconnect()
            # a peer that reads nothing would keep a graceful close waiting for ever
            asyncio.get_running_loop().call_later(1.0, self._transport.underlying_transport.abort)

    def finish(self, error: BaseException | None) -> None:
        """The socket is gone, by a protocol error where one is given, or is not wanted any more."""
        left, self._left = self._left, True
        if self._transport is None:
            return
        if not left:
            self.say("the connection was lost" if error is None else f"protocol error: {error}")
        self._transport.disconnect(False)
        for task in self._fetches:
            task.cancel()
        self._session.closed(self)
        if self._failure is None and self.leads:
            self._guarded(lambda: self.feed.disconnected(self._clock()), carry_out=False)

    def raise_failure(self) -> None:
        """Raise what the feed or the owner raised, if anything."""
        if self._failure is not None:
            raise self._failure

    # the work

    def _message(self, payload: bytes, now: int, last: bool) -> None:
        session, feed = self._session, self.feed
        try:
            if session.capture is not None:
                session.capture.recv(session.conn, now, payload)
            start = len(feed.rows)
            feed.frame(payload, now)
            if session.succession is not None:
                session.succession.heard(feed, start)
            if last or feed.wishes or len(feed.rows) >= ROWS_AT_ONCE:
                self._carry_out()
        except Exception as error:
            self._fail(error)

    def _settle(self) -> None:
        self._guarded(lambda: None)

    def _guarded(self, act: Callable[[], None], carry_out: bool = True) -> None:
        """Let the feed act, then hand over its rows and carry out its wishes; an error of ours ends the session."""
        try:
            start = len(self.feed.rows)
            act()
            if self._session.succession is not None:
                self._session.succession.heard(self.feed, start)
            if carry_out:
                self._carry_out()
            else:
                self.feed.wishes.clear()
                self._hand_over()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self.leave(f"stopped by an error of ours: {error}", WSCloseCode.INTERNAL_ERROR)

    def _hand_over(self) -> None:
        if len(self.feed.rows) and self.leads:
            self._session.on_rows(self.feed)

    def _carry_out(self) -> None:
        self._hand_over()
        if not self.feed.wishes:
            return
        wishes = self.feed.wishes.copy()
        self.feed.wishes.clear()
        for wish in wishes:
            match wish:
                case Send(text=text):
                    wait = self._throttle.reserve(self._clock())
                    if wait:
                        asyncio.get_running_loop().call_later(wait / SECOND, self._send, text)
                    else:
                        self._send(text)
                case Login(text=secret):
                    if self._transport is not None and not self._left and not self._transport.is_disconnected:
                        self._transport.send(WSMsgType.TEXT, secret.reveal())
                case Fetch(path=path, tag=tag):
                    task = asyncio.get_running_loop().create_task(self._fetch(path, tag))
                    self._fetches.add(task)
                    task.add_done_callback(self._fetches.discard)
                case Reconnect(reason=reason):
                    self.leave(reason, WSCloseCode.GOING_AWAY)

    def _send(self, text: str) -> None:
        transport, session = self._transport, self._session
        if transport is None or self._left or transport.is_disconnected:
            return
        transport.send(WSMsgType.TEXT, text)
        if session.capture is not None:
            session.capture.send(session.conn, self._clock(), text)

    async def _fetch(self, path: str, tag: str) -> None:
        try:
            answer = await self._session.rest.get(path)
        except Exception as error:
            self._fail(error)
            return
        if not self._left:
            self._guarded(lambda: self.feed.response(tag, answer.body, self._clock(), answer.status))
