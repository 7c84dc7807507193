import asyncio
import contextlib
import json

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polaris.domain.errors import Unavailable
from polaris.exchange.gateway import http
from polaris.exchange.gateway.http import AT_ONCE, BODY_BYTES, HEAD_BYTES, HttpServer, pairs
from polaris.exchange.gateway.socket import Socket, Sockets, frame
from tests.unit.exchange.gateway.asking import until

HANDSHAKE = b" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
NONCE = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"


class Echo(Socket):
    def heard(self, text):
        self.send(b"<" + text + b">")


class Routes:
    """Answers with what it heard, at once or when the test says."""

    def __init__(self):
        self.heard, self.later, self.sockets = [], False, Sockets()

    def hear(self, request):
        self.heard.append(request)
        if not self.later:
            self.answer(request)

    def answer(self, request):
        request.answer(json.dumps([request.method, request.path, request.query, request.body.decode("latin-1")]).encode(), 200, {"X-Here": "yes"})

    def fault(self, status, words):
        return json.dumps({"code": -1000, "msg": words}).encode()

    def upgrade(self, request):
        if not request.path.startswith("/ws"):
            return None
        socket = Echo(request.address)
        self.sockets.add(socket)
        return socket


@contextlib.asynccontextmanager
async def served():
    server = await HttpServer(Routes()).start()
    try:
        yield server
    finally:
        server.routes.sockets.close("over")
        await server.close()


@contextlib.asynccontextmanager
async def connected(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def answers(reader, count):
    """(status, document) of so many answers."""
    told = []
    for _ in range(count):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        length = int(next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")).split(b":")[1])
        told.append((int(head.split(b" ")[1]), json.loads(await reader.readexactly(length))))
    return told


async def test_a_request_is_heard_with_everything_that_was_sent():
    async with served() as server, aiohttp.ClientSession() as client:
        url = f"http://127.0.0.1:{server.port}/api/v3/order?a=1&b=%20"
        async with client.post(url, data=b"c=2", headers={"X-MBX-APIKEY": "Name"}) as reply:
            assert await reply.json() == ["POST", "/api/v3/order", "a=1&b=%20", "c=2"]
            assert reply.headers["X-Here"] == "yes"
            assert reply.headers["Content-Type"] == "application/json;charset=UTF-8"
        heard = server.routes.heard[0]
        assert (heard.headers["x-mbx-apikey"], heard.address) == ("Name", "127.0.0.1")


async def test_many_requests_in_one_packet_are_answered_in_their_order_though_the_answers_come_later():
    async with served() as server, connected(server) as (reader, writer):
        server.routes.later = True
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(5)))
        for n in range(5):
            await until(lambda n=n: len(server.routes.heard) > n)
            assert len(server.routes.heard) == n + 1  # the next is heard when this one is answered
            server.routes.answer(server.routes.heard[n])
        assert [document[1] for _, document in await answers(reader, 5)] == [f"/{n}" for n in range(5)]


async def test_a_request_that_comes_byte_by_byte_is_one_request():
    async with served() as server, connected(server) as (reader, writer):
        for byte in b"POST /a?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc":
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert await answers(reader, 1) == [(200, ["POST", "/a", "x=1", "abc"])]


async def test_a_body_in_chunks_is_one_body():
    async with served() as server, connected(server) as (reader, writer):
        writer.write(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        assert await answers(reader, 1) == [(200, ["POST", "/a", "", "abc"])]


async def test_what_comes_behind_a_body_is_no_header():
    async with served() as server, connected(server) as (reader, writer):
        chunks = b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-MBX-APIKEY: other\r\nMore: x\r\n\r\n"
        writer.write(b"POST /a HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: mine\r\n" + chunks + b"GET /b HTTP/1.1\r\nX-MBX-APIKEY: next\r\n\r\n")
        assert await answers(reader, 2) == [(200, ["POST", "/a", "", "ab"]), (200, ["GET", "/b", "", ""])]
        first, second = server.routes.heard
        assert first.headers["x-mbx-apikey"] == "mine" and "more" not in first.headers
        assert second.headers == {"x-mbx-apikey": "next"}


async def test_a_connection_is_closed_when_its_client_asks_for_it():
    async with served() as server, connected(server) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert len(await answers(reader, 1)) == 1
        assert await asyncio.wait_for(reader.read(), 10) == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x00\x01\x02\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET /" + b"a" * (HEAD_BYTES + 1) + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * (HEAD_BYTES + 1) + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES + 1) + b"a" * (BODY_BYTES + 1), 413),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 400),
        (b"GET /no" + HANDSHAKE + NONCE, 404),
        (b"GET /ws" + HANDSHAKE + b"\r\n", 400),
        (b"GET /ws" + HANDSHAKE + b"Sec-WebSocket-Key: short\r\n\r\n", 400),
        (b"GET /ws" + HANDSHAKE.replace(b"13", b"12") + NONCE, 400),
        (b"POST /ws" + HANDSHAKE + NONCE, 400),
    ],
)
async def test_what_is_no_request_or_too_long_is_refused_and_the_connection_ends(sent, status):
    async with served() as server, connected(server) as (reader, writer):
        writer.write(sent)
        ((told, document),) = await answers(reader, 1)
        assert (told, document["code"]) == (status, -1000)
        assert server.routes.heard == [] and not server.routes.sockets.open
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_who_sends_more_than_may_wait_is_not_read_until_it_is_answered():
    async with served() as server, connected(server) as (reader, writer):
        server.routes.later = True
        requests = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.write(requests * AT_ONCE)
        await until(lambda: server.connections and not next(iter(server.connections))._transport.is_reading())
        (connection,) = server.connections
        writer.write(requests)
        server.routes.later = False
        server.routes.answer(server.routes.heard[0])
        assert len(await answers(reader, AT_ONCE + 1)) == AT_ONCE + 1
        assert connection._transport.is_reading()


async def test_an_answer_to_who_is_gone_goes_nowhere():
    async with served() as server:
        server.routes.later = True
        async with connected(server) as (_, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: server.routes.heard)
        await until(lambda: not server.connections)
        server.routes.answer(server.routes.heard[0])


async def test_a_connection_that_asks_nothing_for_a_minute_is_closed(monkeypatch):
    monkeypatch.setattr(http, "IDLE_S", 0.02)
    monkeypatch.setattr(http, "REQUEST_S", 0.04)
    async with served() as server, connected(server) as (reader, _):
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_a_port_that_is_taken_is_named():
    async with served() as server:
        with pytest.raises(Unavailable, match=f"port {server.port}"):
            await HttpServer(Routes(), server.port).start()


async def test_a_websocket_opens_on_the_same_port_and_its_first_frame_may_come_with_the_handshake():
    async with served() as server, aiohttp.ClientSession() as client, client.ws_connect(f"http://127.0.0.1:{server.port}/ws/a") as socket:
        await socket.send_str("hello")
        assert (await socket.receive()).data == "<hello>"
        await socket.send_str("x" * 60_000)
        assert len((await socket.receive()).data) == 60_002
        await socket.send_bytes(b"binary")
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING)
    async with served() as server, connected(server) as (reader, writer):
        handshake = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        writer.write(handshake + b"dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + b"\x81\x82\x00\x00\x00\x00hi")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert b"101" in head.split(b"\r\n")[0]
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert await asyncio.wait_for(reader.readexactly(6), 10) == frame(b"<hi>")


async def test_a_client_that_does_not_read_is_dropped_with_a_reason():
    async with served() as server, aiohttp.ClientSession() as client, client.ws_connect(f"http://127.0.0.1:{server.port}/ws") as socket:
        await socket.send_str("hello")
        await socket.receive()
        (ours,) = server.routes.sockets.open
        ours.queue_bytes = 1 << 20
        for _ in range(400):
            ours.send(b"x" * 100_000)
            await asyncio.sleep(0)
            if ours.gone:
                break
        assert ours.gone
        assert server.routes.sockets.dropped == [ours.reason]
        assert "slow reader" in ours.reason
        assert server.routes.sockets.open == set()


def test_a_frame_has_the_length_its_text_has():
    for size in (0, 125, 126, 65_535, 65_536):
        made = frame(b"x" * size)
        assert made[0] == 0x81
        assert made.endswith(b"x" * size)
        assert len(made) - size == (2 if size < 126 else 4 if size < 65_536 else 10)


def test_pairs_are_decoded_and_keep_their_order():
    assert pairs("a=1&b=%5B%22x%22%5D&c=&d&a=2+3") == [("a", "1"), ("b", '["x"]'), ("c", ""), ("d", ""), ("a", "2 3")]


@given(st.lists(st.binary(max_size=300), max_size=6))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_leave_the_server_serving(chunks):
    async def attack():
        async with served() as server:
            async with connected(server) as (_, writer):
                with contextlib.suppress(ConnectionError):
                    for chunk in chunks:
                        writer.write(chunk)
                        await writer.drain()
            async with connected(server) as (reader, writer):
                writer.write(b"GET /alive HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await answers(reader, 1))[0][0] == 200

    asyncio.run(attack())


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_after_a_handshake_end_that_socket_at_most(data):
    async def attack():
        async with served() as server:
            async with connected(server) as (reader, writer):
                handshake = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                writer.write(handshake + b"dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + data)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
            async with connected(server) as (reader, writer):
                writer.write(b"GET /alive HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await answers(reader, 1))[0][0] == 200

    asyncio.run(attack())
