"""Every venue over real sockets on this machine: what a session opens, asks for and hears, at the address it was given."""

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest
from picows import WSCloseCode

from polaris.domain.instrument import Instruments
from polaris.domain.market import DISCONNECTED, LIVE, STATUS, TRADE, Rows
from polaris.venues import registry
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.live import LiveFeeds, discover
from polaris.venues.served.server import Client, Query, Reply, Server, json_reply
from polaris.venues.session import SessionSettings
from tests.conformance.voices import VOICES, Voice
from tests.steady_time import steady

HASTE = VenueLimits(rest_per_second=100, rest_burst=100, messages_per_second=100, messages_burst=100)


class Here:
    """A voice as a server: its socket and its documents."""

    def __init__(self, voice: Voice) -> None:
        self.voice, self.name = voice, voice.name
        self.opens = 0
        self.fetched: list[str] = []
        self.headers: list[str] = []
        self.clients: list[Client] = []

    def accepts(self, path: str) -> bool:
        return True

    def opened(self, client: Client) -> None:
        self.opens += 1
        self.clients.append(client)
        self.say(*self.voice.opened())

    def message(self, client: Client, payload: bytes) -> None:
        self.say(*self.voice.said(payload.decode()))

    def closed(self, client: Client) -> None:
        self.clients.remove(client)

    def rest(self, path: str, query: Query) -> Reply:
        return json_reply({}, 404)

    def say(self, *frames: bytes) -> None:
        for frame in frames:
            for client in self.clients:
                client.send(frame)

    async def documents(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The REST host: GET and POST."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ", 2)[1]
        self.fetched.append(path)
        self.headers.append(head.lower())
        body = self.voice.document() if path == registry.venue(self.name).metadata(self.voice.wires) else self.voice.rest(path)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("name", sorted(VOICES))
@steady
async def test_a_venue_on_this_machine_is_heard_left_and_heard_again(name):
    here = Here(VOICES[name]())
    server = await Server(here).start()
    here.voice.url = f"ws://127.0.0.1:{server.port}"
    rest = await asyncio.start_server(here.documents, "127.0.0.1", 0)
    where = {name: VenueEndpoint(name, here.voice.url, f"http://127.0.0.1:{rest.sockets[0].getsockname()[1]}")}
    instruments = Instruments(await discover(where, {name: list(here.voice.wires)}))
    feeds = LiveFeeds(where, instruments, settings=SessionSettings(backoff_first_s=0.05), limits={name: HASTE})
    heard: Counter[tuple[int, int]] = Counter()

    def on_rows(rows: Rows) -> None:
        heard.update(zip(rows["kind"].tolist(), rows["price"].tolist(), strict=True))

    running = asyncio.create_task(feeds.run(on_rows))
    feed = feeds.feeds[name]

    async def until(what: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not what():  # noqa: ASYNC110 - nobody tells when a feed has heard
                await asyncio.sleep(0.02)

    def alive() -> bool:
        return all(symbol.state == LIVE for symbol in feed.stats.symbols.values())

    try:
        await until(alive)
        here.say(here.voice.trade(here.voice.wires[0], True))
        await until(lambda: any(kind == TRADE for kind, _ in heard))
        for client in list(here.clients):
            client.close("going away", WSCloseCode.GOING_AWAY)
        await until(lambda: here.opens == 2 and alive())
        books = [feed.book_text(wire, 0)[:2] for wire in here.voice.wires]
    finally:
        await feeds.close()
        await asyncio.gather(running, return_exceptions=True)
        await server.close()
        rest.close()
    assert sum(count for (kind, _), count in heard.items() if kind == TRADE) == 1
    if here.voice.books_told:
        assert heard[STATUS, DISCONNECTED] >= 2, "both books, when the socket went"
        told = [tuple([(float(price), float(size)) for price, size in here.voice.side(wire, side)] for side in ("bid", "ask")) for wire in here.voice.wires]
        assert [tuple([(float(price), float(size)) for price, size in side] for side in sides) for sides in books] == told
    opening = registry.venue(name).opening
    assert opening is None or here.fetched.count(opening.path) == 2, "once for each connection"
    assert all("stest" not in head and "authorization" not in head for head in here.headers) or name == "alpaca", "public: no key is shown"


@steady
async def test_alpaca_shows_its_key_to_the_host_of_its_documents_only_in_a_header():
    here = Here(VOICES["alpaca"]())
    rest = await asyncio.start_server(here.documents, "127.0.0.1", 0)
    where = {"alpaca": VenueEndpoint("alpaca", "ws://127.0.0.1:9", f"http://127.0.0.1:{rest.sockets[0].getsockname()[1]}")}
    await discover(where, {"alpaca": list(here.voice.wires)})
    rest.close()
    assert "apca-api-secret-key: stest" in here.headers[0]
    assert "stest" not in here.fetched[0]
    assert msgspec.json.decode(here.voice.document())["trades"].keys() == set(here.voice.wires)
