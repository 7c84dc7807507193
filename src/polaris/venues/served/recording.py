"""A recording, served: any client that speaks the venue's dialect hears the recorded frames, in their order, at their pace.

Every client gets a play of its own from the first frame, so a run is repeatable. The play begins when the client has
said what it wants (a little after its last subscription), and every frame is sent, subscribed or not: numbers that
count a connection's frames stay whole. Documents are those recorded. Where the recording holds a book snapshot, the
play waits there until the client has fetched it, so the client's snapshot lies where the recorder's lay and the rule
that joins it to the stream can be met. What the recording lacks to be understood (symbols, increments) is made from
the numbers seen.
"""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from picows import WSCloseCode

from polaris.domain.errors import BadCapture, BadConfig
from polaris.domain.instrument import Instrument, Product
from polaris.domain.numbers import MONEY_DECIMALS, text
from polaris.venues.capture import Capture, Line
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.replay import Replay
from polaris.venues.served.binance import exchange_info, symbol_info
from polaris.venues.served.coinbase import product_info
from polaris.venues.served.server import Client, Query, Reply, Server, json_reply

QUIET_S: Final = 0.1  # after the last message of a client, before its play begins
SNAPSHOT_S: Final = 2.0  # how long a play waits for a snapshot to be fetched
END_S: Final = 60.0  # how long a client may take to read the last frames
BURST: Final = 32  # frames sent before others get a turn
SNAPSHOT: Final = b'{"lastUpdateId"'


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
        known = Replay(path, venue or None)  # it knows whose frames these are, and of what
        self.name = known.venue.name
        self.instruments = known.instruments
        self.plays = 0  # that began
        self._path = Path(path)
        self._speed = speed
        self._loop = loop
        self._documents: dict[str, bytes] = {}  # by path
        self._snapshots: dict[str, list[bytes]] = {}  # by symbol, in order
        self._pauses: list[tuple[int, str]] = []  # (time, symbol) of each snapshot
        self._reached: dict[str, int] = {}  # which snapshot of a symbol the newest play has come to
        self._fetched = asyncio.Event()
        self._fetches: Counter[str] = Counter()
        self._tasks: dict[Client, asyncio.Task[None]] = {}
        self._starting: dict[Client, asyncio.TimerHandle] = {}
        for line in Capture(path):
            self._keep(line)
        self._pauses.sort()

    # clients

    def accepts(self, path: str) -> bool:
        """Every path the venue has."""
        return path in ("", "/", "/stream", "/ws") or path.startswith("/ws/")

    def opened(self, client: Client) -> None:
        """A client that named its streams in the address has said what it wants."""
        if client.path.startswith("/ws/") or "streams" in client.query:
            self._begin_soon(client)

    def message(self, client: Client, payload: bytes) -> None:
        """Any subscription starts the play. Binance's are answered here; Coinbase's answers are part of the recording."""
        with contextlib.suppress(msgspec.DecodeError):
            request = msgspec.json.decode(payload)
            if isinstance(request, dict) and "method" in request:
                client.send(msgspec.json.encode({"result": None, "id": request.get("id")}))
        self._begin_soon(client)

    def closed(self, client: Client) -> None:
        """End its play."""
        if (timer := self._starting.pop(client, None)) is not None:
            timer.cancel()
        if (task := self._tasks.pop(client, None)) is not None:
            task.cancel()

    # documents

    def rest(self, path: str, query: Query) -> Reply:
        """The recorded document of this path, or one made from the numbers seen."""
        if path.endswith("/depth"):
            symbol = query.get("symbol", [""])[0]
            held = self._snapshots.get(symbol)
            if not held:
                return json_reply({"code": -1121, "msg": f"the recording holds no book snapshot of {symbol!r}"}, 400)
            self._fetches[symbol] += 1
            self._fetched.set()
            return Reply(held[self._reached.get(symbol, 0)])
        if path in self._documents:
            return Reply(self._documents[path])
        if path.endswith("/exchangeInfo"):
            return json_reply(exchange_info([_binance_symbol(item) for item in self.instruments], 0))
        if path.endswith("/market/products"):
            products = [_coinbase_product(item) for item in self.instruments]
            return json_reply({"products": products, "num_products": len(products)})
        if path.endswith("/ping"):
            return json_reply({})
        return json_reply({"code": -1000, "msg": f"the recording holds nothing at {path}"}, 404)

    def _keep(self, line: Line) -> None:
        """Remember a document."""
        url = urlsplit(line.url)
        if line.kind == "recv" and line.data.startswith(SNAPSHOT):
            self._keep_snapshot(self.instruments[0].wire, line)
        elif line.kind == "http" and url.path.endswith("/depth"):
            self._keep_snapshot(parse_qs(url.query).get("symbol", [""])[0], line)
        elif line.kind == "http":
            self._documents.setdefault(url.path, line.data)

    def _keep_snapshot(self, symbol: str, line: Line) -> None:
        self._snapshots.setdefault(symbol, []).append(line.data)
        self._pauses.append((line.ts, symbol))

    # a play

    def _begin_soon(self, client: Client) -> None:
        if client in self._tasks:
            return
        if (timer := self._starting.pop(client, None)) is not None:
            timer.cancel()
        self._starting[client] = asyncio.get_running_loop().call_later(QUIET_S, self._begin, client)

    def _begin(self, client: Client) -> None:
        self._starting.pop(client, None)
        if not client.gone.is_set():
            self.plays += 1
            self._tasks[client] = asyncio.create_task(self._play(client))

    async def _play(self, client: Client) -> None:
        """Send everything to one client, then say goodbye."""
        try:
            await self._send_all(client)
        except BadCapture as damage:
            reason, code = f"the recording is damaged: {damage}", WSCloseCode.INTERNAL_ERROR
        else:
            reason, code = ("the recording begins again", WSCloseCode.SERVICE_RESTART) if self._loop else ("the recording ends", WSCloseCode.OK)
        self._tasks.pop(client, None)
        client.close(reason, code, END_S)

    async def _send_all(self, client: Client) -> None:
        clock = asyncio.get_running_loop().time
        began, first_ts, sent, came_to = clock(), 0, 0, 0
        raw = client.path.startswith("/ws")
        fetches = True  # a client that let one snapshot lie is not waited for again
        wanted = self._fetches.copy()  # how often each snapshot will have been fetched when the play may go on
        self._reached.clear()
        for line in Capture(self._path):
            if line.kind != "recv" or line.data.startswith(SNAPSHOT):
                continue
            while came_to < len(self._pauses) and self._pauses[came_to][0] <= line.ts:
                paused = clock()
                symbol = self._pauses[came_to][1]
                self._reached[symbol] = self._reached.get(symbol, -1) + 1
                wanted[symbol] += 1
                fetches = fetches and await self._fetched_in_time(symbol, wanted[symbol])
                began += clock() - paused
                came_to += 1
            first_ts = first_ts or line.ts
            if self._speed and (ahead := began + (line.ts - first_ts) / 1e9 / self._speed - clock()) > 0.001:
                await asyncio.sleep(ahead)
            client.send(_unwrapped(line.data) if raw else line.data)
            sent += 1
            if sent % BURST == 0:
                await asyncio.sleep(0)
            await client.writable.wait()

    async def _fetched_in_time(self, symbol: str, times: int) -> bool:
        """Wait until a snapshot was fetched so often; False where nobody wants it."""
        try:
            async with asyncio.timeout(SNAPSHOT_S):
                while self._fetches[symbol] < times:
                    self._fetched.clear()
                    await self._fetched.wait()
        except TimeoutError:
            return False
        return True


class ServedRecording:
    """A recording on a loopback port."""

    def __init__(self, venue: RecordingVenue, port: int) -> None:
        self.venue = venue
        self.server = Server(venue, port)

    @property
    def endpoint(self) -> VenueEndpoint:
        """Where a client finds it."""
        return self.server.endpoint

    async def open(self) -> Self:
        """Listen."""
        await self.server.start()
        return self

    async def close(self) -> None:
        """End every play and stop listening."""
        await self.server.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


async def serve_recording(path: str | Path, speed: float = 1.0, port: int = 0, *, loop: bool = False, venue: str = "") -> ServedRecording:
    """Serve a capture on loopback until `close`.

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


def _binance_symbol(item: Instrument) -> dict[str, Any]:
    info = symbol_info(item.wire, item.key.base, item.key.quote, item.price_decimals, item.quantity_decimals, _min_notional(item))
    return info if item.key.product == Product.SPOT else info | {"contractType": "PERPETUAL"}


def _coinbase_product(item: Instrument) -> dict[str, Any]:
    return product_info(item.wire, item.key.base, item.key.quote, item.price_decimals, item.quantity_decimals, "", _min_notional(item))


def _min_notional(item: Instrument) -> str:
    return text(item.min_notional, MONEY_DECIMALS)
