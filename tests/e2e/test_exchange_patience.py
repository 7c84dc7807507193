"""Peers who are slow, silent, half gone or too many, over real sockets: each costs a bounded place for a bounded time, and nobody else notices."""

import asyncio
import contextlib
import json
import socket

import aiohttp
import pytest

from polaris.domain.orders import BUY
from polaris.exchange.gateway import http
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.private import serve_accounts
from polaris.exchange.gateway.binance.server import BinanceServer
from polaris.exchange.gateway.fix import acceptor
from polaris.exchange.gateway.http import IDLE, MANY, MANY_SOCKETS, UNREAD
from tests.e2e.small_venue import SmallVenue, until
from tests.e2e.test_exchange_fix import Desk

HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PING = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"
DEPTH = b"GET /api/v3/exchangeInfo HTTP/1.1\r\nHost: x\r\n\r\n"


@contextlib.asynccontextmanager
async def lines(port, count=1):
    """So many connections that said nothing yet."""
    async with contextlib.AsyncExitStack() as held:
        opened = []
        for _ in range(count):
            line = socket.socket()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what is not read lies with the server soon
            line.setblocking(False)
            await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=line)
            held.push_async_callback(asyncio.gather, writer.wait_closed(), return_exceptions=True)
            held.callback(writer.close)
            opened.append((reader, writer))
        yield opened


async def pinged(here):
    async with aiohttp.ClientSession() as client, client.get(f"{here.http}/api/v3/ping") as reply:
        return reply.status == 200


# HTTP


async def test_hundreds_of_silent_lines_keep_their_places_for_a_minute_at_most(monkeypatch):
    async with SmallVenue() as here:
        server = here.server._http
        server.most = 300
        async with lines(server.port, 299):
            assert await pinged(here), "the last place is anybody's"
            async with lines(server.port, 20):
                await until(lambda: server.sent_away[MANY] > 0)
            monkeypatch.setattr(http, "IDLE_S", 0.0)
            server._sweep_overdue()
            assert server.sent_away[IDLE] >= 299
            monkeypatch.undo()
            assert await pinged(here)


async def test_a_client_who_asks_and_does_not_read_is_not_worked_for():
    async with SmallVenue() as here, lines(here.server.port) as ((_, writer),):
        here.to_the_hour()  # what an address has used is counted by the minute
        server = here.server._http
        asked = 0
        connection = None
        while connection is None or not connection.full:
            writer.write(DEPTH * 100)
            asked += 100
            await asyncio.sleep(0.005)
            connection = next(iter(server.connections), None)
            assert asked < 100_000, "whatever is asked is answered into nowhere"
        used = here.server.weights.used("127.0.0.1", here.venue.now())
        writer.write(DEPTH * 1000)
        for _ in range(20):
            await asyncio.sleep(0.002)
        assert here.server.weights.used("127.0.0.1", here.venue.now()) == used
        assert connection._transport.get_write_buffer_size() < 1 << 20
        assert await pinged(here)
        connection.full -= 2 * http.IDLE_S
        server._sweep_overdue()
        await until(lambda: not server.connections)
        assert server.sent_away[UNREAD] == 1


# WebSockets


async def test_a_socket_whose_client_is_gone_without_a_word_is_dropped():
    async with SmallVenue() as here:
        server = BinanceServer(here.venue.now, here.keys, Limits(weight_per_minute=10**6), ping_s=0.05)
        serve_accounts(server, here.venue)
        await server.start()
        async with lines(server.port) as ((reader, writer),):
            writer.write(HANDSHAKE % b"/ws-api/v3")
            assert b"101" in await reader.readline()
            await until(lambda: server.sockets.open)
            await until(lambda: not server.sockets.open)  # no pong comes back: the line is up, and nobody is there
        await server.close()


async def test_no_more_sockets_open_than_may_and_who_is_sent_away_is_counted():
    async with SmallVenue() as here, lines(here.server.port, 5) as opened:
        here.server.sockets.most = 3
        told = []
        for reader, writer in opened:
            writer.write(HANDSHAKE % b"/ws/btcusdt@trade")
            told.append((await asyncio.wait_for(reader.readline(), 60))[9:12])
        assert told == [b"101"] * 3 + [b"404"] * 2
        assert here.server._http.sent_away == {MANY_SOCKETS: 2} and len(here.server.sockets.open) == 3
        assert await pinged(here)


async def test_a_slow_reader_of_the_market_is_dropped_and_the_other_hears_every_trade():
    async with (
        SmallVenue() as here,
        aiohttp.ClientSession() as client,
        lines(here.server.port) as ((_, writer),),
        client.ws_connect(f"{here.ws}/ws/btcusdt@trade") as reads,
    ):
        writer.write(HANDSHAKE % b"/stream?streams=btcusdt@trade/btcusdt@depth@100ms/btcusdt@bookTicker")
        await until(lambda: len(here.server.sockets.open) == 2)
        slow = next(socket for socket in here.server.sockets.open if len(socket._ends) == 3)
        slow.queue_bytes = 10_000
        writer.transport.pause_reading()
        trades = 0
        while not slow.gone:
            for _ in range(200):
                here.trade("50000", "0.01", BUY)
                trades += 1
            await asyncio.sleep(0.01)
            assert trades < 200_000, "a slow reader is never dropped"
        assert "slow reader" in slow.reason and here.server.sockets.dropped == [slow.reason]
        numbers = [json.loads((await asyncio.wait_for(reads.receive(), 60)).data)["t"] for _ in range(trades)]
        assert numbers == list(range(numbers[0], numbers[0] + trades))


# FIX


async def test_no_more_fix_lines_than_may_and_a_place_given_back_is_taken_again(monkeypatch):
    monkeypatch.setattr(acceptor, "MOST_LINES", 5)
    async with Desk() as desk:
        async with lines(desk.acceptor.port, 4):
            await until(lambda: len(desk.acceptor.lines) == 5)
            async with lines(desk.acceptor.port, 3) as late:
                for reader, _ in late:
                    assert await asyncio.wait_for(reader.read(), 60) == b""
            desk.order("a1")
            assert (await desk.client.hear("8"))[39] == "0"
        await until(lambda: len(desk.acceptor.lines) == 1)
        await desk.connect(name="OTHER")


async def test_an_account_has_so_many_sessions_and_no_more(monkeypatch):
    monkeypatch.setattr(acceptor, "MOST_SESSIONS", 3)
    async with Desk() as desk:
        for name in ("TWO", "THREE"):
            await desk.connect(name=name)
        fourth = await desk.stranger("FOUR")
        fourth.logon(desk.key, desk.secret)
        assert [said[35] for said in await fourth.is_closed()] == ["5"]
        assert set(desk.acceptor.participants) == {"ME", "TWO", "THREE"}


async def test_a_logon_that_comes_byte_by_byte_has_ten_seconds():
    async with Desk() as desk, lines(desk.acceptor.port) as ((reader, writer),):
        for byte in b"8=FIX.4.4\x019=100\x0135=A\x0149=SLOW\x01":
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        await until(lambda: len(desk.acceptor.lines) == 2)
        desk.here.ahead += acceptor.LOGON_NS
        assert await asyncio.wait_for(reader.read(), 60) == b""
        await until(lambda: len(desk.acceptor.lines) == 1)


async def test_a_fix_client_who_does_not_read_is_cut_and_the_other_trades_on(monkeypatch, caplog):
    monkeypatch.setattr(acceptor, "UNREAD_BYTES", 200_000)
    held, flush = [0], acceptor.Line.flush

    def watched(line):
        held.append(len(line.participant.session.outbox) if line.participant is not None else 0)
        flush(line)

    monkeypatch.setattr(acceptor.Line, "flush", watched)
    async with Desk() as desk:
        deaf = await desk.connect(name="DEAF")
        deaf.writer.transport.pause_reading()
        participant = desk.acceptor.participants["DEAF"]
        for number in range(400):
            deaf.say("D", (11, f"d{number}"), (55, "BTCUSDT"), (54, 1), (38, "1"), (40, 2), (44, "45000"), header=())
        await until(lambda: len(desk.here.venue.register.open(2)) == 400)
        while participant.line is not None:
            for _ in range(100):
                deaf.say("2", (7, 1), (16, 0))
            await asyncio.sleep(0.002)
        assert max(held) <= acceptor.OUTBOX + 500, "what one peer asked for again is held without end"
        assert "leaves" in caplog.text and "unread" in caplog.text
        desk.order("a1")
        assert (await desk.client.hear("8"))[39] == "0"


@pytest.mark.parametrize("half", [b"8=FIX.4.4\x019=1000\x0135=", b""])
async def test_a_fix_line_that_is_half_closed_or_reset_is_let_go(half):
    async with Desk() as desk:
        async with lines(desk.acceptor.port, 2) as ((reader, writer), (_, other)):
            writer.write(half + b" ")
            other.write(half + b" ")
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 60) == b""
            other.transport.abort()
            await until(lambda: len(desk.acceptor.lines) == 1)
        desk.order("a1")
        assert (await desk.client.hear("8"))[39] == "0"
