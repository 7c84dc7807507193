"""What a peer may leave undone: requests that never end, answers never read, lines never used. All of it is bounded and counted."""

import asyncio
import contextlib
import logging
from itertools import pairwise

import pytest

from polaris.exchange.gateway import http
from polaris.exchange.gateway.http import AT_ONCE, IDLE, MANY, SLOW, UNREAD
from tests.unit.exchange.gateway.asking import until
from tests.unit.exchange.gateway.test_http import answers, connected, served

ASKS = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = b'"' + b"x" * 300_000 + b'"'


@pytest.fixture
def hasty(monkeypatch):
    """A server that waits for nobody."""
    monkeypatch.setattr(http, "REQUEST_S", 0.05)


ENDLESS = [
    b"GET /",
    b"GET / HTTP/1.1\r\nHo",
    b"GET / HTTP/1.1\r\nHost: x",
    b"POST / HTTP/1.1\r\nContent-Length: 60000\r\n\r\na",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\na",
]


@pytest.mark.parametrize("begins", ENDLESS)
async def test_a_request_that_does_not_end_is_told_so_and_its_line_closed_however_often_a_byte_comes(hasty, begins):
    async with served() as server, connected(server) as (reader, writer):
        writer.write(ASKS + begins)
        assert (await answers(reader, 1))[0][0] == 200

        async def drip():
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"a")
                    await asyncio.sleep(0.005)

        dripping = asyncio.create_task(drip())
        with contextlib.suppress(ConnectionError):  # a byte that met the closed line may overtake the answer
            assert (await answers(reader, 1))[0][0] == 408
        dripping.cancel()
        assert server.sent_away == {SLOW: 1}
        assert len(server.routes.heard) == 1


async def test_a_request_that_is_whole_may_wait_for_its_answer_as_long_as_it_takes(hasty, monkeypatch):
    monkeypatch.setattr(http, "IDLE_S", 0.01)
    async with served() as server, connected(server) as (reader, writer):
        server.routes.later = True
        writer.write(ASKS)
        await until(lambda: server.routes.heard)
        for _ in range(3):
            server._sweep_overdue()
            await asyncio.sleep(0.02)
        server.routes.answer(server.routes.heard[0])
        assert (await answers(reader, 1))[0][0] == 200


async def test_what_was_not_read_because_too_much_waited_was_not_late(hasty):
    async with served() as server, connected(server) as (reader, writer):
        server.routes.later = True
        writer.write(ASKS * AT_ONCE + ASKS[:9])
        (connection,) = await until_connected(server)
        await until(lambda: connection.begun)
        connection.begun -= 1.0
        server._sweep_overdue()
        server.routes.later = False
        server.routes.answer(server.routes.heard[0])
        writer.write(ASKS[9:])
        assert len(await answers(reader, AT_ONCE + 1)) == AT_ONCE + 1
        assert not server.sent_away


async def until_connected(server):
    await until(lambda: server.connections)
    return server.connections


async def test_who_does_not_read_his_answers_is_not_read_and_what_lies_unread_is_bounded():
    async with served() as server, connected(server) as (reader, writer):
        server.routes.answer = lambda request: request.answer(LARGE)
        writer.write(ASKS * 500)
        (connection,) = await until_connected(server)
        await asyncio.wait_for(writer.drain(), 10)
        for _ in range(50):
            await asyncio.sleep(0.001)
        heard = len(server.routes.heard)
        assert heard < 100 and connection.full and not connection._transport.is_reading()
        assert connection._transport.get_write_buffer_size() < 2 * len(LARGE)
        assert [len(document) for _, document in await answers(reader, 500)] == [300_000] * 500
        assert len(server.routes.heard) == 500


async def test_who_asks_a_thousand_things_at_once_keeps_nobody_waiting():
    async with served() as server, connected(server) as (reader, writer):
        turns: list[int] = []
        writer.write(ASKS * 1000)
        await until_connected(server)
        while len(server.routes.heard) < 1000:
            turns.append(len(server.routes.heard))
            await asyncio.sleep(0)
        turns.append(1000)
        assert max(after - before for before, after in pairwise(turns)) <= 2 * AT_ONCE
        assert len(await answers(reader, 1000)) == 1000


async def test_who_reads_nothing_for_a_minute_is_cut(monkeypatch):
    async with served() as server, connected(server) as (_, writer):
        server.routes.answer = lambda request: request.answer(LARGE)
        writer.write(ASKS * 500)
        (connection,) = await until_connected(server)
        await until_full(connection)
        server._sweep_overdue()
        assert connection in server.connections
        connection.full -= 2 * http.IDLE_S
        server._sweep_overdue()
        await until(lambda: not server.connections)
        assert server.sent_away == {UNREAD: 1}


async def until_full(connection):
    for _ in range(1000):
        if connection.full:
            return
        await asyncio.sleep(0.002)
    raise AssertionError("nothing was left unread")


async def test_no_more_connect_than_may_and_a_place_that_is_given_back_is_taken_again(caplog):
    async with served() as server, contextlib.AsyncExitStack() as held:
        server.most = 20
        for _ in range(20):
            await held.enter_async_context(connected(server))
        await until(lambda: len(server.connections) == 20)
        for _ in range(30):
            async with connected(server) as (reader, writer):
                with contextlib.suppress(ConnectionError):
                    writer.write(ASKS)
                    assert await asyncio.wait_for(reader.read(), 10) == b""
        assert server.sent_away == {MANY: 30} and len(server.connections) == 20
        with caplog.at_level(logging.WARNING):
            server._sweep_overdue()
            server._sweep_overdue()
        assert [record.getMessage() for record in caplog.records] == [f"port {server.port}: 30 connections were sent away: too many connections"]
        await held.aclose()
        await until(lambda: not server.connections)
        async with connected(server) as (reader, writer):
            writer.write(ASKS)
            assert (await answers(reader, 1))[0][0] == 200


async def test_a_line_that_was_never_used_is_closed_and_counted(monkeypatch):
    monkeypatch.setattr(http, "IDLE_S", 0.01)
    monkeypatch.setattr(http, "REQUEST_S", 0.05)
    async with served() as server, connected(server) as (reader, _):
        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert server.sent_away == {IDLE: 1}


async def test_a_peer_who_is_half_open_is_let_go_and_nobody_else_hears_of_it():
    async with served() as server, connected(server) as (reader, writer):
        async with connected(server) as (_, other):
            other.write(ASKS[:5])
            other.transport.abort()
        async with connected(server) as (half, other):
            other.write(ASKS[:-2])
            other.write_eof()
            assert await asyncio.wait_for(half.read(), 10) == b""
        writer.write(ASKS)
        assert (await answers(reader, 1))[0][0] == 200
        await until(lambda: len(server.connections) == 1)


def test_a_port_holds_no_more_than_its_share_of_the_files_this_process_may_open(monkeypatch):
    monkeypatch.setattr(http.resource, "getrlimit", lambda which: (1024, 1024))
    assert http.most_connections() == 256
    monkeypatch.setattr(http.resource, "getrlimit", lambda which: (http.resource.RLIM_INFINITY,) * 2)
    assert http.most_connections() == http.CONNECTIONS
