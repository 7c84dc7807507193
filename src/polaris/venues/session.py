"""One socket to one venue, kept open: it stamps what comes, hands it to the feed, and does what the feed wishes.

    connect ──▶ frames ──▶ feed ──▶ rows ──▶ on_rows
       ▲                     └──▶ wishes: send, fetch, reconnect
       └── back off with jitter ◀── closed by either side, silent, or the feed asked

Everything the feed must not know is here: the socket, the clock, the dice, the waiting. An error of ours (the feed or
the owner raised) ends `run` with that error; whatever the network does is a reason in `last_reason` and a new attempt.
A connection that grows old is followed by another one without a gap, see `succession`; while none can follow it stays.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from picows import WSCloseCode, WSError, WSTransport, ws_connect

from polaris.venues.capture import CaptureWriter
from polaris.venues.connection import Connection
from polaris.venues.protocol import Feed, Fetch
from polaris.venues.rest import SECOND, Rest
from polaris.venues.succession import Succession


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
    rollover_s: float = 23 * 3600.0  # venues end a connection after 24 h: another one follows it before, or we leave at a moment of ours
    settles_s: float = 10.0  # two connections to a venue are never further apart in what they tell
    follows_s: float = 60.0  # one that follows may take so long until its books are LIVE; longer than settles_s
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
    another   makes a feed like this one, on the same rows, for a connection that follows before the venue ends the first. None where
              a venue takes but one at a time. A session that keeps a capture does without: that holds one after the other
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
        another: Callable[[], Feed] | None = None,
    ) -> None:
        self.feed = feed
        self.rest, self.on_rows, self.capture, self.conn = rest, on_rows, capture, conn
        self.opening = opening
        self.settings = settings or SessionSettings()
        self.clock = clock or WallClock()
        self.connects = 0  # sockets that opened
        self.connected = False
        self.last_reason = "not started"
        self.closing = asyncio.Event()
        self.succession: Succession | None = None
        self.rolled_over = f"planned roll-over after {self.settings.rollover_s:g} s"
        self._ws_url = ws_url
        self._another = another if capture is None else None
        self._dice = dice or random.Random()
        self._attempts: deque[int] = deque()
        self._open: list[Connection] = []
        self._patience: asyncio.Timeout | None = None  # while a connection is being opened
        self._following: asyncio.Task[bool] | None = None  # runs the connection that follows; it may lead by now
        self._next_following = 0  # ns: not tried again before

    async def run(self) -> None:
        """Keep the feed connected until `close`, or until a stream with an end has ended. Raises what feed or owner raised."""
        settings = self.settings
        failures = 0
        try:
            while not self.closing.is_set():
                if wait := self._attempts_wait():
                    await self._pause(wait / SECOND)
                    continue
                opened = self.clock()
                normal = await self._connect_once(self.feed)
                while self._open and self._following is not None:  # the one that followed leads, or does so at its next tick
                    following, self._following = self._following, None
                    normal = await following
                await self._end_following()
                if normal and settings.ends_on_normal_close:
                    return
                failures = 0 if self.clock() - opened >= settings.stable_s * SECOND else failures + 1
                await self._pause(backoff_s(failures, settings, self._dice))
        finally:
            await self._end_following()

    async def close(self) -> None:
        """End `run`; the socket is closed with code 1000."""
        self.closing.set()
        if self._patience is not None:
            self._patience.reschedule(0.0)
        for connection in self._open.copy():
            connection.leave("closed by us", WSCloseCode.OK)
        await asyncio.sleep(0)

    # what its connections tell

    def opened(self, connection: Connection) -> None:
        """A socket is open."""
        self._open.append(connection)
        self.connects += 1
        if connection.leads:
            self.connected = True
            self.last_reason = "connected"

    def closed(self, connection: Connection) -> None:
        """A socket is gone."""
        self._open.remove(connection)
        if connection.leads:
            self.connected = False

    def let_follow(self, now: int) -> bool:
        """The connection that leads grows old: let another one follow it, again where the last one failed after a while.

        returns  False where none ever can
        raises   what the feed of the one that followed raised
        """
        if self._another is None:
            return False
        if self._following is not None and self._following.done():
            following, self._following, self.succession = self._following, None, None
            self._next_following = now + round(self.settings.backoff_most_s * SECOND)
            following.result()
        if self._following is None and self.succession is None and now >= self._next_following and not self._attempts_wait():
            self.succession = Succession(self.feed, self._another())
            self._following = asyncio.create_task(self._follow(self.succession.new))
        return True

    def succeed(self, connection: Connection, now: int) -> None:
        """Time passed for a connection: where it follows, it leads as soon as it can; where it leads for long enough, that is over."""
        succession, settles = self.succession, self.settings.settles_s * SECOND
        if succession is None or connection.feed is not succession.new:
            return
        old = [each for each in self._open if each.feed is succession.old]
        if succession.taken_ns:
            if now - succession.taken_ns > settles:
                self.succession = None
        elif not old or (connection.open_ns(now) > settles and succession.ready):
            succession.take_over(now)
            for each in old:
                each.leave(self.rolled_over, WSCloseCode.OK)
            self.feed = succession.new
            self.connected = True

    # connections

    async def _follow(self, feed: Feed) -> bool:
        """Another connection, once the one that leads was listened to for long enough."""
        await self._pause(self.settings.settles_s)
        return not self.closing.is_set() and await self._connect_once(feed)

    async def _end_following(self) -> None:
        """Nobody follows any more. Raises what the feed of the one that did raised."""
        following, self._following, self.succession = self._following, None, None
        if following is not None:
            following.cancel()
            await asyncio.wait({following})
            if not following.cancelled():
                following.result()

    async def _connect_once(self, feed: Feed) -> bool:
        """One connection from its opening to its end; returns whether the venue closed it normally."""
        connection = Connection(self, feed)
        error: BaseException | None = None
        try:
            transport = await self._open_socket(connection)
            if transport is not None:
                error = await self._stay(connection, transport)
        finally:
            connection.finish(error)
        connection.raise_failure()
        return connection.normal_close

    async def _open_socket(self, connection: Connection) -> WSTransport | None:
        """The open socket; None, with the reason said, where there is none."""
        settings = self.settings
        self._attempts.append(self.clock())
        try:
            async with asyncio.timeout(settings.connect_timeout_s) as self._patience:
                if self.opening is not None:
                    answer = await self.rest.get(self.opening.path, self.opening.method)
                    connection.feed.response(self.opening.tag, answer.body, self.clock(), answer.status)
                url = connection.feed.url()
                connection.address = url if url.startswith(("ws://", "wss://")) else self._ws_url + url
                transport, _ = await ws_connect(
                    lambda: connection,
                    connection.address,
                    enable_auto_pong=False,  # we answer ourselves: a ping is a sign of life
                    max_frame_size=settings.max_message_bytes,
                    websocket_handshake_timeout=settings.connect_timeout_s,
                )
        except (OSError, TimeoutError, WSError) as cause:
            connection.say(f"no connection: {type(cause).__name__} {cause}".rstrip())
            return None
        finally:
            self._patience = None
        if not connection.opened:
            transport.disconnect(False)
            connection.say("no connection: closed during the handshake")
            return None
        return transport

    async def _stay(self, connection: Connection, transport: WSTransport) -> BaseException | None:
        """Until the socket is gone; the protocol error that ended it, if one did."""
        disconnected = asyncio.ensure_future(transport.wait_disconnected())
        try:
            while not (await asyncio.wait({disconnected}, timeout=self.settings.tick_s))[0]:
                connection.tick()
        finally:
            transport.disconnect(False)
            await asyncio.wait({disconnected})
        return disconnected.exception()

    def _attempts_wait(self) -> int:
        """ns until another attempt is allowed; 0 for now."""
        now = self.clock()
        window = round(self.settings.attempts_window_s * SECOND)
        while self._attempts and self._attempts[0] <= now - window:
            self._attempts.popleft()
        return 0 if len(self._attempts) < self.settings.attempts_most else self._attempts[0] + window - now

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not past `close`."""
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            pass


def backoff_s(failures: int, settings: SessionSettings, dice: random.Random) -> float:
    """How long to wait before the next attempt: doubling from the first wait to the most, each between half and whole by dice."""
    whole = min(settings.backoff_most_s, settings.backoff_first_s * 2.0 ** min(max(failures - 1, 0), 30))
    return whole * dice.uniform(0.5, 1.0)


