"""Alpaca over real sockets: the key goes out and into no capture, and what came while we were away is fetched."""

import asyncio
from pathlib import Path

import msgspec

from polaris.domain.instrument import Instruments
from polaris.domain.market import BAR, Rows
from polaris.venues.alpaca import KEY_ID, SECRET, VENUE
from polaris.venues.capture import Capture, CaptureWriter
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.live import LiveFeeds
from polaris.venues.served.server import Client, Query, Reply, Server, json_reply
from polaris.venues.session import SessionSettings
from tests.steady_time import steady

APPLE = VENUE.instruments(b'{"trades":{"AAPL":{"t":"2022-03-18T14:02:09Z","p":161.29,"s":100}}}', ["AAPL"], 0)


def bar(minute: int) -> dict[str, object]:
    return {"T": "b", "S": "AAPL", "o": 1, "h": 2, "l": 1, "c": 2, "v": 10, "t": f"2021-02-22T15:{minute:02d}:00Z"}


class Alpaca:
    """As much of the venue as lets somebody in; it throws the first connection out after one bar."""

    def __init__(self) -> None:
        self.keys: list[tuple[str, str]] = []
        self.pages: list[str] = []

    def accepts(self, path: str) -> bool:
        return path == "/v2/iex"

    def opened(self, client: Client) -> None:
        client.send(b'[{"T":"success","msg":"connected"}]')

    def message(self, client: Client, payload: bytes) -> None:
        said = msgspec.json.decode(payload)
        if said["action"] == "auth":
            self.keys.append((said["key"], said["secret"]))
            client.send(b'[{"T":"success","msg":"authenticated"}]')
            return
        client.send(msgspec.json.encode([{"T": "subscription", "trades": said["trades"], "bars": said["bars"]}]))
        client.send(msgspec.json.encode([bar(50 if len(self.keys) == 1 else 54)]))
        if len(self.keys) == 1:
            client.send(b'[{"T":"error","code":407,"msg":"slow client"}]')

    def closed(self, client: Client) -> None:
        pass

    def rest(self, path: str, query: Query) -> Reply:
        self.pages.append(query.get("page_token", [query["start"][0]])[0])
        more = len(self.pages) == 1
        return json_reply({"bars": {"AAPL": [bar(51), bar(52)] if more else [bar(53), bar(54)]}, "next_page_token": "QUFQTA==" if more else None})


@steady
async def test_missed_minutes_are_fetched_and_the_key_is_written_down_nowhere(tmp_path: Path, monkeypatch):
    monkeypatch.setenv(KEY_ID, "PKdevA")
    monkeypatch.setenv(SECRET, "sdevA")
    venue = Alpaca()
    server = await Server(venue).start()
    where = {"alpaca": VenueEndpoint("alpaca", f"ws://127.0.0.1:{server.port}", f"http://127.0.0.1:{server.port}")}
    told: list[int] = []
    done = asyncio.Event()

    def on_rows(rows: Rows) -> None:
        told.extend(rows["ts_event"][rows["kind"] == BAR].tolist())
        if len(told) == 5:
            done.set()

    with CaptureWriter(tmp_path / "alpaca.jsonl.zst", "ALPACA", {}, 0) as capture:
        feeds = LiveFeeds(where, Instruments(APPLE), settings=SessionSettings(backoff_first_s=0.05), captures={"alpaca": capture})
        running = asyncio.create_task(feeds.run(on_rows))
        try:
            await asyncio.wait_for(done.wait(), 20)
        finally:
            await feeds.close()
            await asyncio.gather(running, return_exceptions=True)
            await server.close()
    assert venue.keys == [("PKdevA", "sdevA")] * 2
    assert venue.pages == ["2021-02-22T15:51:00Z", "QUFQTA=="]
    assert [ts // 60_000_000_000 - told[0] // 60_000_000_000 for ts in told] == [0, 1, 2, 3, 4]
    lines = list(Capture(tmp_path / "alpaca.jsonl.zst"))
    assert {line.kind for line in lines} == {"header", "connect", "send", "recv", "http"}
    assert not any(b"sdevA" in line.data or "sdevA" in line.url for line in lines)
    assert [msgspec.json.decode(line.data)["action"] for line in lines if line.kind == "send"] == ["subscribe", "subscribe"]
