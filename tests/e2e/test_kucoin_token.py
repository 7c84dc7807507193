"""KuCoin's tokens over real sockets: one for every connection, and a new one when a token has expired."""

import asyncio
from typing import Any

import msgspec

from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import LIVE, STATUS, Rows
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.live import LiveFeeds
from polaris.venues.served.server import Client, Query, Reply, Server, json_reply
from polaris.venues.session import SessionSettings
from tests.steady_time import steady

ITEM = Instrument(id=InstrumentId(0), key=Key("kucoin", Product.SPOT, "BTC", "USDT"), wire="BTC-USDT", price_decimals=2, quantity_decimals=4)


class Kucoin:
    """As much of the venue as opens a connection: a token serves once, and the first one is refused as expired."""

    def __init__(self) -> None:
        self.given = 0
        self.used: list[str] = []
        self.url = ""

    def accepts(self, path: str) -> bool:
        return path == "/endpoint"

    def opened(self, client: Client) -> None:
        self.used.append(client.query.get("token", [""])[0])
        if len(self.used) == 1:
            client.send(b'{"id":"0","type":"error","code":401,"data":"token is expired"}')
        else:
            client.send(b'{"id":"0","type":"welcome"}')

    def message(self, client: Client, payload: bytes) -> None:
        said = msgspec.json.decode(payload)
        if said["type"] == "subscribe" and "level2" in said["topic"]:
            data = {"changes": {"asks": [["101", "1", "11"]], "bids": []}, "sequenceEnd": 11, "sequenceStart": 11, "symbol": "BTC-USDT", "time": 0}
            client.send(msgspec.json.encode({"type": "message", "topic": "/market/level2:BTC-USDT", "subject": "trade.l2update", "data": data}))

    def closed(self, client: Client) -> None:
        pass

    def rest(self, path: str, query: Query) -> Reply:
        return json_reply({}, 404)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The REST host: a token for a POST, the book for a GET."""
        method = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 1)[0]
        data: dict[str, Any] = {"sequence": "11", "time": 0, "bids": [["99", "1"]], "asks": [["101", "1"]]}
        if method == b"POST":
            self.given += 1
            data = {"token": f"t{self.given}", "instanceServers": [{"endpoint": f"{self.url}/endpoint", "pingInterval": 18000}]}
        body = msgspec.json.encode({"code": "200000", "data": data})
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


@steady
async def test_an_expired_token_is_replaced_and_the_book_comes_alive():
    venue = Kucoin()
    server = await Server(venue).start()
    venue.url = f"ws://127.0.0.1:{server.port}"
    documents = await asyncio.start_server(venue.answer, "127.0.0.1", 0)
    where = {"kucoin": VenueEndpoint("kucoin", venue.url, f"http://127.0.0.1:{documents.sockets[0].getsockname()[1]}")}
    feeds = LiveFeeds(where, Instruments([ITEM]), settings=SessionSettings(backoff_first_s=0.05))
    alive = asyncio.Event()

    def on_rows(rows: Rows) -> None:
        if ((rows["kind"] == STATUS) & (rows["price"] == LIVE)).any():
            alive.set()

    running = asyncio.create_task(feeds.run(on_rows))
    try:
        await asyncio.wait_for(alive.wait(), 20)
        book = feeds.feeds["kucoin"].book_text("BTC-USDT", 1)
    finally:
        await feeds.close()
        await asyncio.gather(running, return_exceptions=True)
        await server.close()
        documents.close()
    assert venue.used == ["t1", "t2"]
    assert book == ([["99", "1"]], [["101", "1"]], 1, 1)
