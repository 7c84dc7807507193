"""One socket to one venue, kept open: it stamps what comes, hands it to the feed, and does what the feed wishes.

    connect ──▶ frames ──▶ feed ──▶ rows ──▶ on_rows
       ▲                     └──▶ wishes: send, fetch, reconnect
       └── back off with jitter ◀── closed by either side, silent, too old, or the feed asked

Everything the feed must not know is here: the socket, the clock, the dice, the waiting. An error of ours (the feed or
the owner raised) ends `run` with that error; whatever the network does is a reason in `last_reason` and a new attempt.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from polaris.venues.capture import CaptureWriter
from polaris.venues.protocol import Feed, Fetch, Login, Reconnect, Send
from polaris.venues.rest import SECOND, Rest
from polaris.venues.throttle import Throttle

ROWS_AT_ONCE: Final = 8192  # rows handed over at the latest, however many frames one read held


class FastClock:
    """A clock that runs `speed` times as fast as the wall's from now on: what comes from a recording played faster than it was
    made seems to come at its own pace. ns UTC, never falling."""

    def __init__(self, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"a clock's speed is {speed}; expected more than 0")
        self._start = time.time_ns()
        self._begun = time.monotonic_ns()
        self._speed = speed

    def __call__(self) -> int:
        return self._start + int((time.monotonic_ns() - self._begun) * self._speed)


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """How one session behaves. Seconds throughout."""

    connect_timeout_s: float = 10.0
    silence_s: float = 30.0  # no byte for so long: the socket is dead, whatever TCP says
    tick_s: float = 0.1
    backoff_first_s: float = 0.25  # before the first new attempt; doubles with each failure
    backoff_most_s: float = 30.0
    stable_s: float = 10.0  # a connection that lived so long starts the back-off anew
    attempts_most: int = 60  # in `attempts_window_s`
    attempts_window_s: float = 300.0
    rollover_s: float = 23 * 3600.0  # venues end a connection after 24 h: we go first, at a moment of ours
    messages_per_second: float = 5.0  # what we may send
    messages_burst: int = 8
    max_message_bytes: int = 64 * 1024 * 1024  # a Coinbase snapshot of one product has 5 MB
    ends_on_normal_close: bool = False  # a stream with an end (a served recording) closes with code 1000


class WallClock:
    """Wall time in ns that never falls, even when the machine's clock is set back."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> int:
        self._last = max(self._last, time.time_ns())
        return self._last


class Session:
    """Runs one feed on one socket.

    feed      sans-IO: see `protocol.Feed`
    ws_url    scheme, host and port; the feed adds its path
    rest      where its Fetch wishes go
    on_rows   called with the feed after each batch of frames that made rows; it takes them from feed.rows, now or later
    clock     wall ns, never falling
    dice      jitter
    """

    def __init__(
        self,
        feed: Feed,
        ws_url: str,
        rest: Rest,
        on_rows: Callable[[Feed], None],
        *,
        settings: SessionSettings | None = None,
        clock: Callable[[], int] | None = None,
        dice: random.Random | None = None,
        capture: CaptureWriter | None = None,
        conn: str = "ws",
        opening: Fetch | None = None,
    ) -> None:
        self.feed = feed
        self.opening = opening
        self.settings = settings or SessionSettings()
        self.connects = 0  # sockets that opened
        self.connected = False
        self.last_reason = "not started"
        self._ws_url = ws_url
        self._rest = rest
        self._on_rows = on_rows
        self._clock = clock or WallClock()
        self._dice = dice or random.Random()
        self._capture = capture
        self._conn = conn
        self._attempts: deque[int] = deque()
        self._connection: _Connection | None = None
        self._patience: asyncio.Timeout | None = None  # while a connection is being opened
        self._closing = asyncio.Event()

    async def run(self) -> None:
        """Keep the feed connected until `close`, or until a stream with an end has ended. Raises what feed or owner raised."""
        settings = self.settings
        failures = 0
        while not self._closing.is_set():
            if wait := self._attempts_wait():
                await self._pause(wait / SECOND)
                continue
            opened = self._clock()
            self._attempts.append(opened)
            normal = await self._connect_once()
            if normal and settings.ends_on_normal_close:
                return
            failures = 0 if self._clock() - opened >= settings.stable_s * SECOND else failures + 1
            await self._pause(backoff_s(failures, settings, self._dice))

    async def close(self) -> None:
        """End `run`; the socket is closed with code 1000."""
        self._closing.set()
        if self._patience is not None:
            self._patience.reschedule(0.0)
        if self._connection is not None:
            self._connection.leave("closed by us", WSCloseCode.OK)
        await asyncio.sleep(0)

    async def _connect_once(self) -> bool:
        """One connection from its opening to its end; returns whether the venue closed it normally."""
        settings = self.settings
        connection = _Connection(self)
        try:
            async with asyncio.timeout(settings.connect_timeout_s) as self._patience:
                if self.opening is not None:
                    answer = await self._rest.get(self.opening.path, self.opening.method)
                    self.feed.response(self.opening.tag, answer.body, self._clock(), answer.status)
                url = self.feed.url()
                connection.address = url if url.startswith(("ws://", "wss://")) else self._ws_url + url
                transport, _ = await ws_connect(
                    lambda: connection,
                    connection.address,
                    enable_auto_pong=False,  # we answer ourselves: a ping is a sign of life
                    max_frame_size=settings.max_message_bytes,
                    websocket_handshake_timeout=settings.connect_timeout_s,
                )
        except (OSError, TimeoutError, WSError) as cause:
            self.last_reason = f"no connection: {type(cause).__name__} {cause}".rstrip()
            connection.raise_failure()
            return False
        finally:
            self._patience = None
        if not connection.opened:
            transport.disconnect(False)
            self.last_reason = "no connection: closed during the handshake"
            return False
        disconnected = asyncio.ensure_future(transport.wait_disconnected())
        try:
            while not (await asyncio.wait({disconnected}, timeout=settings.tick_s))[0]:
                connection.tick()
        finally:
            transport.disconnect(False)
            await asyncio.wait({disconnected})
            connection.finish()
        if (error := disconnected.exception()) is not None:
            self.last_reason = f"protocol error: {error}"
        connection.raise_failure()
        return connection.normal_close

    def _attempts_wait(self) -> int:
        """ns until another attempt is allowed; 0 for now."""
        now = self._clock()
        window = round(self.settings.attempts_window_s * SECOND)
        while self._attempts and self._attempts[0] <= now - window:
            self._attempts.popleft()
        return 0 if len(self._attempts) < self.settings.attempts_most else self._attempts[0] + window - now

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not past `close`."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            pass


def backoff_s(failures: int, settings: SessionSettings, dice: random.Random) -> float:
    """How long to wait before the next attempt: doubling from the first wait to the most, each between half and whole by dice."""
    whole = min(settings.backoff_most_s, settings.backoff_first_s * 2.0 ** min(max(failures - 1, 0), 30))
    return whole * dice.uniform(0.5, 1.0)


class _Connection(WSListener):
    """What happens on one open socket. It ends once: by `leave`, or because the other side did."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.address = ""
        self._feed = session.feed
        self._clock = session._clock
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

    # what picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        session = self._session
        self._transport = transport
        self._opened = self._heard = now = self._clock()
        session._connection = self
        session.connects += 1
        session.connected = True
        session.last_reason = "connected"
        if session._capture is not None:
            session._capture.connect(session._conn, now, self.address.partition("?token=")[0])
        if session._closing.is_set():
            self.leave("closed by us", WSCloseCode.OK)
            return
        self._guarded(lambda: self._feed.connected(now))

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
        settings = self._session.settings
        if now - self._heard > settings.silence_s * SECOND:
            self.leave(f"silent for {settings.silence_s:g} s", WSCloseCode.GOING_AWAY)
        elif now - self._opened > settings.rollover_s * SECOND:
            self.leave(f"planned roll-over after {settings.rollover_s:g} s", WSCloseCode.OK)
        else:
            self._guarded(lambda: self._feed.tick(now))

    def leave(self, reason: str, code: WSCloseCode) -> None:
        """Say goodbye and drop the socket; what still comes on it is not heard."""
        if self._left or self._transport is None:
            return
        self._left = True
        self._session.last_reason = reason
        if not self._transport.is_disconnected:
            self._transport.send_close(WSCloseCode.OK if code == WSCloseCode.NO_INFO else code)
            self._transport.disconnect()
            # a peer that reads nothing would keep a graceful close waiting for ever
            asyncio.get_running_loop().call_later(1.0, self._transport.underlying_transport.abort)

    def finish(self) -> None:
        """The socket is gone."""
        if not self._left:
            self._session.last_reason = "the connection was lost"
        self._left = True
        for task in self._fetches:
            task.cancel()
        self._session._connection = None
        self._session.connected = False
        if self._failure is None:
            self._guarded(lambda: self._feed.disconnected(self._clock()), carry_out=False)

    def raise_failure(self) -> None:
        """Raise what the feed or the owner raised, if anything."""
        if self._failure is not None:
            raise self._failure

    # the work

    def _message(self, payload: bytes, now: int, last: bool) -> None:
        session, feed = self._session, self._feed
        try:
            if session._capture is not None:
                session._capture.recv(session._conn, now, payload)
            feed.frame(payload, now)
            if last or feed.wishes or len(feed.rows) >= ROWS_AT_ONCE:
                self._carry_out()
        except Exception as error:
            self._fail(error)

    def _settle(self) -> None:
        self._guarded(lambda: None)

    def _guarded(self, act: Callable[[], None], carry_out: bool = True) -> None:
        """Let the feed act, then hand over its rows and carry out its wishes; an error of ours ends the session."""
        try:
            act()
            if carry_out:
                self._carry_out()
            else:
                self._feed.wishes.clear()
                self._hand_over()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self.leave(f"stopped by an error of ours: {error}", WSCloseCode.INTERNAL_ERROR)

    def _hand_over(self) -> None:
        if len(self._feed.rows):
            self._session._on_rows(self._feed)

    def _carry_out(self) -> None:
        self._hand_over()
        if not self._feed.wishes:
            return
        wishes = self._feed.wishes.copy()
        self._feed.wishes.clear()
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
        if session._capture is not None:
            session._capture.send(session._conn, self._clock(), text)

    async def _fetch(self, path: str, tag: str) -> None:
        try:
            answer = await self._session._rest.get(path)
        except Exception as error:
            self._fail(error)
            return
        if not self._left:
            self._guarded(lambda: self._feed.response(tag, answer.body, self._clock(), answer.status))
