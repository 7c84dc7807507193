"""A recording, served: any client that speaks the venue's dialect hears the recorded frames, in their order, at their pace.

Every client gets a play of its own from the first frame, so a run is repeatable. The play begins when the client has
said what it wants (a little after its last subscription; at once where the venue speaks first), and every frame is sent,
subscribed or not: numbers that count a connection's frames stay whole. Documents are those recorded. Where the recording
holds a book snapshot, the play waits there until the client has fetched it, so the client's snapshot lies where the
recorder's lay and the rule that joins it to the stream can be met. What the recording lacks to be understood (symbols,
increments) is made from the numbers seen.

Beside each play an undamaged feed hears what is sent. A client that asks for a book at any other moment (it lost its own, or
compares it) is given that feed's.
"""

import asyncio
import contextlib
import re
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode, urlsplit

import msgspec
from picows import WSCloseCode

from polaris.domain.errors import BadCapture, BadConfig
from polaris.venues.capture import Capture, Line
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.replay import Replay
from polaris.venues.served import whole
from polaris.venues.served.described import described
from polaris.venues.served.server import Client, Query, Reply, Server, json_reply

QUIET_S: Final = 0.1  # after the last message of a client, before its play begins
SNAPSHOT_S: Final = 2.0  # how long a play waits for a snapshot to be fetched
END_S: Final = 60.0  # how long a client may take to read the last frames
BURST: Final = 32  # frames sent before others get a turn
SNAPSHOT: Final = b'{"lastUpdateId"'  # of Binance, where a recording keeps it among the frames
DEPTH: Final = "depth:"  # tags of documents that hold a whole book
SPEAK_FIRST: Final = ("kucoin", "alpaca")  # venues whose clients wait for a greeting
TOKEN_PATH: Final = "/api/v1/bullet-public"  # of KuCoin
NUMBER: Final = re.compile(rb'("sequence_num":)(\d+)')  # of Coinbase: it counts the frames of a connection


class _Addressed(msgspec.Struct):
    """What all stream frames of Binance share."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()


class RecordingVenue:
    """The dialect of a served recording.

    speed  times the recorded pace; 0 as fast as the client reads
    loop   at the end the client is told to come again, and hears it all from the start
    """

    def __init__(self, path: str | Path, speed: float = 1.0, *, venue: str = "", loop: bool = False) -> None:
        if not 0 <= speed < 1e9:
            raise BadConfig(f"speed of a served recording is {speed:g}; expected a number above 0, or 0 for as fast as the client reads")
        self._path, self._given_venue = Path(path), venue
        known = Replay(path, venue or None)  # it knows whose frames these are, and of what
        self.venue = known.venue
        self.name = known.venue.name
        self.instruments = known.instruments
        self.plays = 0  # that began
        self.url = ""  # of the socket, once it is known
        self.speed = speed
        self._loop = loop
        self._paths = {urlsplit(known.feed.url()).path, "", "/"} | ({"/stream", "/ws"} if self._is_binance else set())
        self._documents: dict[str, bytes] = {}  # by address without the host
        self._books: dict[str, list[bytes]] = {}  # recorded whole books by tag, in order
        self._playing: dict[Client, _Play] = {}
        self._starting: dict[Client, asyncio.TimerHandle] = {}
        self._keep(Capture(path))

    @property
    def _is_binance(self) -> bool:
        return self.name.startswith("binance")

    def open_play(self) -> Replay:
        """The recording from its first line, with a feed that hears it."""
        return Replay(self._path, self._given_venue or None)

    # clients

    def accepts(self, path: str) -> bool:
        """Every path the venue has."""
        return path in self._paths or (self._is_binance and path.startswith("/ws/"))

    def opened(self, client: Client) -> None:
        """A client that named its streams in the address has said what it wants; some venues speak before their clients do."""
        if self.name in SPEAK_FIRST or client.path.startswith("/ws/") or "streams" in client.query:
            self._begin_soon(client)

    def message(self, client: Client, payload: bytes) -> None:
        """Any subscription starts the play; later ones may ask for a book. Binance's are answered, other answers are part of the recording."""
        said = None
        with contextlib.suppress(msgspec.DecodeError):
            said = msgspec.json.decode(payload)
        if self._is_binance and isinstance(said, dict) and "method" in said:
            client.send(msgspec.json.encode({"result": None, "id": said.get("id")}))
        if client not in self._playing:
            self._begin_soon(client)
            return
        for wire in whole.asked(self.name, said):
            self._playing[client].tell_book(wire)

    def closed(self, client: Client) -> None:
        """End its play."""
        if (timer := self._starting.pop(client, None)) is not None:
            timer.cancel()
        if (play := self._playing.pop(client, None)) is not None:
            play.cancel()

    # documents

    def rest(self, path: str, query: Query) -> Reply:
        """The recorded document of this address, a book as it stands, or a document made from the numbers seen."""
        address = f"{path}?{urlencode(query, doseq=True)}" if query else path
        if tag := self.venue.tag(f"http://host{address}"):
            return self._book(tag)
        if path == TOKEN_PATH:
            server = {"endpoint": f"{self.url}/endpoint", "protocol": "websocket", "encrypt": False, "pingInterval": 18_000, "pingTimeout": 10_000}
            return json_reply({"code": "200000", "data": {"token": "recorded", "instanceServers": [server]}})
        found = described(self.name, address, self.instruments, self._documents)
        if found is None and path.endswith("/ping"):
            found = b"{}"
        return Reply(found) if found is not None else json_reply({"code": -1000, "msg": f"the recording holds nothing at {path}"}, 404)

    def _book(self, tag: str) -> Reply:
        """The book that a play waits with, else the book as it stands, else the recorded one."""
        wire, held, plays = tag.partition(":")[2], self._books.get(tag, []), list(self._playing.values())
        play = next((play for play in plays if play.waits_for == tag), plays[-1] if plays else None)
        if play is not None and play.waits_for != tag and (standing := play.book(wire)) is not None:
            return Reply(whole.document(self.name, standing))
        if held:
            return Reply(held[play.fetch(tag) if play is not None else 0])
        return json_reply({"code": -1121, "msg": f"the recording holds no book of {wire!r}"}, 400)

    def _keep(self, lines: Capture) -> None:
        """Remember the documents."""
        for line in lines:
            if tag := self.tag(line):
                self._books.setdefault(tag, []).append(line.data)
            elif line.kind == "http":
                url = urlsplit(line.url)
                self._documents.setdefault(f"{url.path}?{url.query}" if url.query else url.path, line.data)
                self._documents.setdefault(url.path, line.data)

    def tag(self, line: Line) -> str:
        """By what tag the feed knows this line as a document with a book; "" where it is none."""
        if line.kind == "http":
            return self.venue.tag(line.url)
        return f"{DEPTH}{self.instruments[0].wire}" if line.kind == "recv" and line.data.startswith(SNAPSHOT) else ""

    # plays

    def _begin_soon(self, client: Client) -> None:
        if client in self._playing:
            return
        if (timer := self._starting.pop(client, None)) is not None:
            timer.cancel()
        self._starting[client] = asyncio.get_running_loop().call_later(QUIET_S, self._begin, client)

    def _begin(self, client: Client) -> None:
        self._starting.pop(client, None)
        if not client.gone.is_set():
            self.plays += 1
            self._playing[client] = _Play(self, client)

    def ended(self, client: Client, damage: BadCapture | None) -> None:
        """The last frame was sent: say goodbye."""
        self._playing.pop(client, None)
        if damage is not None:
            client.close(f"the recording is damaged: {damage}", WSCloseCode.INTERNAL_ERROR, END_S)
        elif self._loop:
            client.close("the recording begins again", WSCloseCode.SERVICE_RESTART, END_S)
        else:
            client.close("the recording ends", WSCloseCode.OK, END_S)


class _Play:
    """The recording on its way to one client, and the books as they stand.

    waits_for  the tag of the snapshot that the client should fetch now; "" while the play goes on
    """

    def __init__(self, venue: RecordingVenue, client: Client) -> None:
        self.waits_for = ""
        self._venue, self._client = venue, client
        self._truth: Replay | None = None
        self._came_to: Counter[str] = Counter()  # how many snapshots of a tag lie behind
        self._early: set[str] = set()  # tags whose next snapshot the client has fetched before its time
        self._fetches = True  # a client that let one snapshot lie is not waited for again
        self._fetched = asyncio.Event()
        self._last = b""  # of the recorded frames that were sent
        self._added = 0  # frames of ours between them, which the venue's numbers count too
        self._is_raw = client.path.startswith("/ws")
        self._task = asyncio.create_task(self._run())

    def cancel(self) -> None:
        """The client is gone."""
        self._task.cancel()

    def fetch(self, tag: str) -> int:
        """The client fetches a recorded snapshot: which of them."""
        place = max(0, self._came_to[tag] - 1)
        if self.waits_for == tag:
            self._fetched.set()
        elif not self._came_to[tag]:
            self._early.add(tag)
        return place

    def book(self, wire: str) -> whole.Whole | None:
        """A book as it stands; None where it is not known yet."""
        return whole.whole(self._truth.feed, wire, self._truth.ts) if self._truth is not None else None

    def tell_book(self, wire: str) -> None:
        """The client subscribed to a book anew."""
        if (standing := self.book(wire)) is not None:
            self._client.send(_renumbered(whole.frame(self._venue.name, standing), _number(self._last) + 1 + self._added))
            self._added += 1

    async def _run(self) -> None:
        damage = None
        try:
            await self._send_all()
            await asyncio.sleep(QUIET_S)  # what the client fetched last is still on its way to it
        except BadCapture as error:
            damage = error
        self._venue.ended(self._client, damage)

    async def _send_all(self) -> None:
        truth, client, speed, clock = self._venue.open_play(), self._client, self._venue.speed, asyncio.get_running_loop().time
        self._truth = truth
        began, first_ts, sent = clock(), 0, 0
        for line in truth.lines:
            if tag := self._venue.tag(line):
                truth.push(line)
                if tag.startswith(DEPTH):
                    paused = clock()
                    await self._until_fetched(tag)
                    began += clock() - paused
            elif line.kind == "recv":
                first_ts = first_ts or line.ts
                if speed and (ahead := began + (line.ts - first_ts) / 1e9 / speed - clock()) > 0.001:
                    await asyncio.sleep(ahead)
                truth.ts = line.ts
                truth.push(line)
                self._send(line.data)
                sent += 1
                if sent % BURST == 0:
                    await asyncio.sleep(0)
                await client.writable.wait()
            else:
                truth.push(line)
            truth.rows.clear()

    def _send(self, frame: bytes) -> None:
        self._last = frame
        if self._is_raw:
            frame = _unwrapped(frame)
        self._client.send(_renumbered(frame, self._added) if self._added else frame)

    async def _until_fetched(self, tag: str) -> None:
        """A snapshot's moment has come: wait a while for the client to fetch it."""
        self._came_to[tag] += 1
        if tag in self._early:
            self._early.discard(tag)
        elif self._fetches:
            self.waits_for = tag
            self._fetched.clear()
            try:
                async with asyncio.timeout(SNAPSHOT_S):
                    await self._fetched.wait()
            except TimeoutError:
                self._fetches = False
            self.waits_for = ""


class ServedRecording:
    """A recording on a loopback port."""

    def __init__(self, venue: RecordingVenue, port: int) -> None:
        self.venue = venue
        self.server = Server(venue, port, posts=venue.venue.opening is not None)

    @property
    def endpoint(self) -> VenueEndpoint:
        """Where a client finds it."""
        return self.server.endpoint

    async def open(self) -> Self:
        """Listen."""
        await self.server.start()
        self.venue.url = self.endpoint.ws_url
        return self

    async def close(self) -> None:
        """End every play and stop listening."""
        await self.server.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


async def serve_recording(path: str | Path, speed: float = 1.0, port: int = 0, *, loop: bool = False, venue: str = "") -> ServedRecording:
    """Serve a capture of any venue on loopback until `close`.

    speed    times the recorded pace; 0 as fast as each client reads
    venue    where the file does not say whose it is
    raises   BadCapture, BadConfig
    """
    return await ServedRecording(RecordingVenue(path, speed, venue=venue, loop=loop), port).open()


def _unwrapped(frame: bytes) -> bytes:
    """What a raw stream sends of a combined stream's frame."""
    try:
        return bytes(msgspec.json.decode(frame, type=_Addressed).data) or frame
    except msgspec.DecodeError:
        return frame


def _number(frame: bytes) -> int:
    """The number of a frame in its connection, which only Coinbase gives; else -1."""
    found = NUMBER.search(frame)
    return int(found[2]) if found is not None else -1


def _renumbered(frame: bytes, more: int) -> bytes:
    """The frame with a number that is larger by `more`, where it has one."""
    return NUMBER.sub(lambda found: found[1] + str(int(found[2]) + more).encode(), frame, count=1)
