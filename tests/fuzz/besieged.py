"""A venue under attack: every dialect's door, driven through the very callbacks that sockets drive, without a socket.

One venue serves attack after attack. One that was allowed to change something, because it was signed, has its orders cancelled before the
next. Whatever goes wrong unseen, in the event loop or in a line of the log, is a finding.
"""

import asyncio
import gc
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from polaris.exchange import words as w
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.market import serve_market
from polaris.exchange.gateway.binance.private import serve_accounts
from polaris.exchange.gateway.binance.server import BinanceServer
from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.coinbase.limits import Limits as CoinbaseLimits
from polaris.exchange.gateway.coinbase.server import CoinbaseServer
from polaris.exchange.gateway.coinbase.serving import serve_coinbase
from polaris.exchange.gateway.fix.acceptor import Acceptor, Line
from polaris.exchange.gateway.http import Connection, Request
from polaris.exchange.gateway.keys import Keys
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.venue import Venue, command, note
from polaris.exchange.marketdata import MarketData
from tests.unit.exchange.gateway import bare
from tests.unit.exchange.gateway.bare import START, Bare, Clock
from tests.unit.exchange.gateway.coinbase.tokens_of import Signer

RULES = replace(bare.RULES, capacity=256)  # a venue of few orders is made in a millisecond
AMPLE = Limits(weight_per_minute=10**15, orders_per_ten_seconds=10**15, orders_per_day=10**15)
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
PAUSE = 2 * SECOND  # between two who connect: more often is too often
HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PINGS = {"binance": b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n", "coinbase": b"GET /v2/time HTTP/1.1\r\nHost: x\r\n\r\n"}


class _Nothing:
    """Stands for the socket of a transport, whose options nobody looks at."""

    def setsockopt(self, *_: Any) -> None: ...

    def getsockopt(self, *_: Any) -> int:
        return 0

    def fileno(self) -> int:
        return -1


class Wire(asyncio.Transport):
    """A transport that keeps what is written; its protocol may be changed by an upgrade."""

    def __init__(self, protocol: Any) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2), "socket": _Nothing()})
        self.written = bytearray()
        self.closed = False
        self._protocol, self._reading = protocol, True
        protocol.connection_made(self)

    def feed(self, data: bytes) -> None:
        """Hand over bytes as a socket would: none after the end."""
        if self.closed or not data:
            return
        if not hasattr(self._protocol, "buffer_updated"):
            self._protocol.data_received(data)
            return
        while data and not self.closed:
            room = self._protocol.get_buffer(-1)
            n = min(len(room), len(data))
            room[:n] = data[:n]
            self._protocol.buffer_updated(n)
            data = data[n:]

    def lost(self) -> None:
        """The line is gone; told once."""
        self.closed = True
        self._protocol.connection_lost(None)

    def write(self, data: Any) -> None:
        assert not self.closed, f"written to a closed line: {bytes(data)[:80]!r}"
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def get_write_buffer_size(self) -> int:
        return 0

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True


class Refusing:
    """A journal whose disk is full."""

    refuses = "the disk is full"
    told_seq = 1 << 62

    def append(self, *_: Any) -> None:
        raise AssertionError("written where nothing can be")


@dataclass
class State:
    """What a stranger may not change."""

    seq: int
    digest: str
    balances: list[Any]
    open_orders: list[int]


@dataclass
class Besieged:
    """A venue with two resting orders of account 2, keys of accounts 1 and 2, and every door open."""

    faults: list[str] = field(default_factory=list)
    attacks: int = 0
    _built: int = 0
    before: State = field(init=False)
    resting: list[int] = field(init=False)

    def build(self) -> None:
        """Begin anew. Within a loop."""
        if self._built:
            self.venue.close()  # or its clockwork keeps it
        self._built += 1
        if self._built % 16 == 0:
            gc.collect()  # a venue is a ring of objects around much memory
        self.clock = Clock()
        self.core = Bare(RULES)
        self.venue = Venue(RULES, self.core, Register(RULES), self.clock, pulse_s=0)
        self.broadcast = Broadcast(MarketData(self.core.engine._arena))
        self.venue.listen(self.broadcast)
        self.keys = Keys()
        self.binance = BinanceServer(self.venue.now, self.keys, AMPLE)
        serve_accounts(self.binance, self.venue)
        self.streams = serve_market(self.binance, self.venue, self.broadcast)
        self.coinbase = CoinbaseServer(self.venue.now, self.keys, CoinbaseLimits(10**12, 10**12, 10**12))
        serve_coinbase(self.coinbase, self.venue, self.broadcast)
        self.fix = Acceptor(self.venue, self.broadcast, self.keys)
        for server in (self.binance, self.coinbase):
            server._http.loop = asyncio.get_running_loop()
        self.hmac_key, self.secret = self.keys.create_hmac(1)
        self.signer = Signer(self.keys, 1)
        for side, price in ((1, "49000"), (-1, "51000")):
            self._rest(side, price)
        self.venue.turn()
        self.before = self.state()
        self.resting = self.before.open_orders

    def tidy(self) -> None:
        """Cancel what an attack left; a venue that can't be brought back begins anew."""
        if self.venue.seq == self.before.seq:
            return
        for account in range(16):
            for order in self.venue.register.open(account):
                if order.order_id not in self.resting:
                    self.venue.ask([command(w.CANCEL, order_id=order.order_id, book=order.book, account=account)], [note(self.clock())])
        self.venue.turn()
        self.before = self.state()
        if self.before.open_orders != self.resting:
            self.build()

    def _rest(self, side: int, price: str) -> None:
        listing = RULES.listings[0]
        placed = command(
            w.SUBMIT, order_id=self.venue.new_order_id(), order_type=w.LIMIT, book=0, side=side, account=2, price=listing.ticks(price), quantity=listing.lots("1000")
        )
        self.venue.ask([placed], [note(START, f"rest{side}")])

    def state(self) -> State:
        orders = sorted(order.order_id for account in range(16) for order in self.venue.register.open(account))
        return State(self.venue.seq, self.core.digest(), [self.core.balances(account).tolist() for account in range(16)], orders)

    def door(self, name: str) -> Wire:
        """A new line to `binance`, `coinbase` or `fix`."""
        if name == "fix":
            return Wire(Line(self.fix))
        return Wire(Connection(getattr(self, name)._http))

    def binance_request(self, path: str, query: str = "") -> Request:
        """The request that opens a socket at Binance's door."""
        return Request(Connection(self.binance._http), "GET", path, query, {}, b"", True)

    def refuse(self) -> None:
        """From now on nothing can be written down, so nothing may be done."""
        self.venue.journal = Refusing()

    def may_say(self, status: int) -> bool:
        """Whether this is an answer that may be given: none that tells of a fault of ours."""
        return status < 500 or (status == 503 and self.venue.journal is not None)

    def open_lines(self, name: str) -> set[Connection]:
        """The lines of a door that are HTTP's."""
        return getattr(self, name)._http.connections

    async def turn(self) -> None:
        """Let everything run that was asked, and everything that follows from it."""
        for _ in range(3):
            await asyncio.sleep(0)
        self.venue.turn()
        for _ in range(3):
            await asyncio.sleep(0)

    def whole(self) -> None:
        """Whatever was done: nothing went wrong unseen, money is whole, core and register agree."""
        assert not self.faults, str(self.faults)
        assert self.venue.failed == "", self.venue.failed
        balances = [self.core.balances(account) for account in range(16)]
        assert all((each >= 0).all() for each in balances), "a balance is negative"
        total = sum(each.sum(axis=1) for each in balances)
        assert total.tolist() == [9 * 10**16] * 3, f"money was made or lost: {total.tolist()}"
        held = sorted(int(row["order_id"]) for row in self.core.engine.orders())
        known = sorted(order.order_id for account in range(16) for order in self.venue.register.open(account))
        assert held == known, f"the core holds {held}, the register {known}"

    def unchanged(self) -> None:
        """Nothing was done, and nothing is left of who came."""
        assert not self.faults, str(self.faults)
        if self.venue.seq != self.before.seq or self.attacks % 64 == 0:
            assert self.state() == self.before, "a stranger changed the venue"
        for server in (self.binance, self.coinbase):
            assert not server.sockets.open, f"a socket was left behind: {server.sockets.open}"
            assert not server._http.connections, "a connection was left behind"
            server.sockets.dropped.clear()
        assert not self.fix.lines, "a line was left behind"
        assert not self.venue._names and not self.venue._watchers, "a name or a reader was left behind"

    async def serves(self, name: str) -> None:
        """A request that is right is answered."""
        wire = self.door(name)
        wire.feed(PINGS[name])
        await self.turn()
        ((status, _),) = answers(bytes(wire.written))[0]
        assert status == 200, f"a right request was answered {status} after the attack"
        wire.lost()


def answers(data: bytes) -> tuple[list[tuple[int, Any]], list[tuple[int, bytes]]]:
    """(status, document) of HTTP answers, whole and one after the other, and the (opcode, payload) of frames behind a 101."""
    told: list[tuple[int, Any]] = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        assert end and head.startswith(b"HTTP/1.1 "), f"no answer: {head[:80]!r}"
        status = int(head[9:12])
        if status == 101:
            return told, list(frames(data))
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        assert len(lengths) == 1, head
        length = int(lengths[0].split(b":")[1])
        assert len(data) >= length, "an answer shorter than it says"
        told.append((status, json.loads(data[:length])))
        data = data[length:]
    return told, []


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The frames a server sent: whole, unmasked."""
    while data:
        assert data[0] & 0x70 == 0 and data[0] & 0x80, f"a frame that is no whole one: {data[:4]!r}"
        size, at = data[1], 2
        assert size < 128, "a server does not mask"
        if size > 125:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at], "big")
        assert len(data) >= at + size, "a frame cut short"
        yield data[0] & 15, data[at : at + size]
        data = data[at + size :]


class Faults(logging.Handler):
    """Every line of the log that tells of a fault of ours."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        self._kept.append(f"{record.getMessage()}: {cause!r}")
