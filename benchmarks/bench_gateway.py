"""bench_gateway: orders a real exchange takes over its WebSocket API: how long an answer takes at a rate, and where it stops.

The whole way counts: a frame of JSON over TCP, a session that logged on with Ed25519, every check, the core with accounts, the register,
market data, the journal in its own process, the answer. The load is an open loop in a process of its own (`open_loop`): latency is from
when an order was due. Durable: an answer is sent after `fdatasync`; what that takes on this disk is printed beside it, and so is what an echo takes at the same rates:
a server on the same sockets that answers at once and does nothing else. Orders by REST, each signed and each a
request of its own, are a closed loop: every connection asks again when it was answered.
"""

import asyncio
import base64
import dataclasses
import hmac
import json as documents
import logging
import multiprocessing
import platform
import random
import selectors
import socket
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from open_loop import Run, run, text_frame
from polaris.exchange.gateway.disk import sync_times

QUICK: Final = {"seconds": 0.2, "share": 0.05}
CONNECTIONS: Final = 4
REST_CONNECTIONS: Final = 16
MIDDLE: Final = 7_850_000  # ticks of a cent
SPREAD: Final = 40  # ticks beside it that orders are placed at
RATES: Final = {"durable": (5_000, 10_000, 20_000), "memory": (10_000, 20_000, 50_000)}
ECHOED: Final = (10_000, 20_000, 50_000)
WARM: Final = 2_000
TARGETS: Final = {("durable", 20_000): "p50 1,000   p99 10,000", ("memory", 50_000): "p50 150"}  # us
SATURATION: Final = 80_000
STEPS: Final = (10_000, 20_000, 30_000, 40_000, 60_000, 80_000, 100_000, 120_000, 150_000)  # of the search for the end
KEPT_UP: Final = 0.95  # of a rate, answered: it is carried
PLENTY: Final = 10**9


def serve(pipe: Any, durability: str, folder: str, public: str) -> None:
    """The exchange, in a process of its own, until its pipe closes."""
    import uvloop

    logging.basicConfig(level=logging.WARNING)
    uvloop.run(_serve(pipe, durability, Path(folder), public))


async def _serve(pipe: Any, durability: str, folder: Path, public: str) -> None:
    from polaris.app.exchange.house import House, Plan
    from polaris.app.settings import Settings
    from polaris.app.steady import steady
    from polaris.exchange import words as w
    from polaris.exchange.gateway.binance.limits import Limits
    from polaris.exchange.gateway.note import NOTE
    from polaris.exchange.gateway.venue import command
    from polaris.exchange.words import MAX_ORDERS

    limits = Limits(weight_per_minute=PLENTY, orders_per_ten_seconds=PLENTY, orders_per_day=PLENTY)
    rules = dataclasses.replace(Settings().exchange.rules(), capacity=MAX_ORDERS)  # the load cancels nothing: no book may be full before it ends
    house = await House.open(Plan(rules=rules, folder=folder, durability=durability, limits=limits, ports={"binance": 0}, snapshot_ns=0))  # type: ignore[arg-type]
    key, signing = house.keys.create_ed25519(1, public), house.keys.create_hmac(1)
    rich = [command(w.DEPOSIT, account=1, book=asset, quantity=10**17) for asset in range(len(rules.assets))]
    house.venue.ask(rich, [bytes(NOTE.itemsize)] * len(rich))
    steady(collects=False)
    assert house.binance is not None
    pipe.send((house.binance.port, key.name, signing[0].name, signing[1]))
    try:
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        pipe.send(time.process_time())
    finally:
        for reason in dict.fromkeys(house.binance.sockets.dropped):
            logging.warning("a connection was dropped: %s", reason)
        await house.close()


def serve_echo(pipe: Any) -> None:
    """A server that answers every text at once with the text itself, in one write a turn."""
    import uvloop
    from picows import WSFrame, WSListener, WSTransport, ws_create_server

    from polaris.exchange.gateway.socket import frame as framed

    class Echo(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            self.transport, self.out = transport, []

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if not self.out:
                asyncio.get_running_loop().call_soon(self.flush)
            self.out.append(framed(frame.get_payload_as_bytes()))

        def flush(self) -> None:
            data, self.out = b"".join(self.out), []
            self.transport.underlying_transport.write(data)

    async def run() -> None:
        server = await ws_create_server(lambda request: Echo(), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    uvloop.run(run())


def echo(seconds: float, share: float) -> dict[str, Any]:
    """What the way there and back takes at each rate, with nobody doing anything at its end."""
    spawning = multiprocessing.get_context("spawn")
    pipe, theirs = spawning.Pipe()
    process = spawning.Process(target=serve_echo, args=(theirs,))
    process.start()
    port, dice, sent, rates = pipe.recv(), random.Random(7), 0, {}
    lines = [upgraded(port) for _ in range(CONNECTIONS)]
    for rate in (WARM, *ECHOED):
        n = round(rate * share * seconds)
        told = run(lines, orders(sent, n, dice), rate * share, sent).figures()
        sent += n
        if rate != WARM:
            rates[str(round(rate * share))] = told
    for line in lines:
        line.close()
    pipe.send("end")
    process.join(60)
    return rates


def upgraded(port: int) -> socket.socket:
    """A connection that speaks WebSocket."""
    line = socket.create_connection(("127.0.0.1", port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(
        b"GET /ws-api/v3?returnRateLimits=false HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    _until(line, b"\r\n\r\n")
    return line


def connect(port: int, name: str, key: Ed25519PrivateKey) -> socket.socket:
    """A connection that is logged on."""
    line = upgraded(port)
    now = int(time.time() * 1000)
    signature = base64.b64encode(key.sign(f"apiKey={name}&timestamp={now}".encode())).decode()
    asked = {"id": "on", "method": "session.logon", "params": {"apiKey": name, "timestamp": now, "signature": signature}}
    line.sendall(text_frame(documents.dumps(asked).encode()))
    if b'"status":200' not in (said := _until(line, b"}")):
        raise ConnectionError(f"the exchange did not let us on: {said!r}")
    return line


def _until(line: socket.socket, mark: bytes) -> bytes:
    said = b""
    while mark not in said:
        part = line.recv(65536)
        if not part:
            raise ConnectionError(f"the exchange went away after {said!r}")
        said += part
    return said


def orders(first: int, n: int, dice: random.Random) -> list[bytes]:
    """n orders as frames: limits near the touch of one book, half of them to buy; one in ten crosses."""
    now = int(time.time() * 1000)
    frames = []
    for number in range(first, first + n):
        sells = dice.random() < 0.5
        away = dice.randrange(SPREAD) - SPREAD // 10
        ticks = MIDDLE + (away if sells else -away)
        frames.append(
            text_frame(
                b'{"id":"%d","method":"order.place","params":{"symbol":"BTCUSDT","side":"%b","type":"LIMIT","timeInForce":"GTC","price":"%d.%02d",'
                b'"quantity":"0.%05d","newClientOrderId":"c%010d","recvWindow":60000,"timestamp":%d}}'
                % (number, b"SELL" if sells else b"BUY", ticks // 100, ticks % 100, 100 + dice.randrange(900), number, now)
            )
        )
    return frames


def rest_order(number: int, name: str, secret: str, dice: random.Random) -> bytes:
    """One signed order as a request of HTTP."""
    ticks = MIDDLE + dice.randrange(-SPREAD, 0)
    query = (
        f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price={ticks // 100}.{ticks % 100:02d}&quantity=0.00{100 + dice.randrange(900):03d}"
        f"&newClientOrderId=r{number:09d}&recvWindow=60000&timestamp={int(time.time() * 1000)}"
    )
    signature = hmac.new(secret.encode(), query.encode(), "sha256").hexdigest()
    return f"POST /api/v3/order?{query}&signature={signature} HTTP/1.1\r\nHost: here\r\nX-MBX-APIKEY: {name}\r\nContent-Length: 0\r\n\r\n".encode()


class Exchange:
    """One exchange and the connections to it."""

    def __init__(self, durability: str, folder: str) -> None:
        private = Ed25519PrivateKey.generate()
        public = base64.b64encode(private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)).decode()
        spawning = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawning.Pipe()
        self._process = spawning.Process(target=serve, args=(theirs, durability, folder, public))
        self._process.start()
        if not self._pipe.poll(300):
            raise TimeoutError("the exchange did not open within 300 s")
        self._port, name, *self._signing = self._pipe.recv()
        self.lines = [connect(self._port, name, private) for _ in range(CONNECTIONS)]
        self._sent, self._dice = 0, random.Random(7)

    def load(self, rate: float, seconds: float) -> Run:
        """Orders at a rate for so long."""
        n = round(rate * seconds)
        first, self._sent = self._sent, self._sent + n
        return run(self.lines, orders(first, n, self._dice), rate, first)

    def rest(self, seconds: float) -> dict[str, float]:
        """Orders by REST, from REST_CONNECTIONS that each wait for their answer: how many a second, and how long one takes."""
        n = int(20_000 * seconds)
        requests = iter([rest_order(number, *self._signing, self._dice) for number in range(n)])  # signed beforehand
        lines = [socket.create_connection(("127.0.0.1", self._port)) for _ in range(REST_CONNECTIONS)]
        sent, took, waiting = {}, [], selectors.DefaultSelector()
        begun = time.perf_counter_ns()
        for line in lines:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            waiting.register(line, selectors.EVENT_READ)
            sent[line] = time.perf_counter_ns()
            line.sendall(next(requests))
        while (now := time.perf_counter_ns()) < begun + seconds * 1e9:
            for ready, _ in waiting.select():
                line: Any = ready.fileobj
                answer = line.recv(65536)
                if not answer.startswith(b"HTTP/1.1 200"):
                    raise ConnectionError(f"an order by REST was not taken: {answer[:300]!r}")
                took.append(time.perf_counter_ns() - sent[line])
                sent[line] = time.perf_counter_ns()
                line.sendall(next(requests))
        for line in lines:
            line.close()
        took.sort()
        us = [took[int(len(took) * part)] / 1000 for part in (0.5, 0.99)]
        return {"orders_per_second": round(len(took) / ((now - begun) / 1e9)), "p50_us": round(us[0], 1), "p99_us": round(us[1], 1)}

    def close(self) -> float:
        """End it; the CPU seconds it took."""
        for line in self.lines:
            line.close()
        self._pipe.send("end")
        spent: float = self._pipe.recv()
        self._process.join(60)
        return spent


def measure(durability: str, seconds: float, share: float) -> tuple[dict[str, Any], float, dict[str, float]]:
    """Latency at each rate; the most that was carried; orders by REST."""
    with tempfile.TemporaryDirectory() as folder:
        exchange = Exchange("disk" if durability == "durable" else "memory", folder)
        try:
            exchange.load(WARM * share, min(1.0, seconds))
            rates = {}
            for rate in RATES[durability]:
                rates[str(round(rate * share))] = exchange.load(rate * share, seconds).figures()
            by_rest = exchange.rest(seconds)
            best = 0.0
            if durability == "memory":
                for rate in STEPS:
                    achieved = exchange.load(rate * share, min(2.0, seconds)).figures()["achieved"]
                    best = max(best, achieved)
                    if achieved < KEPT_UP * rate * share:
                        break
        finally:
            exchange.close()
    return rates, best, by_rest


def main(seconds: float = 3.0, share: float = 1.0) -> dict[str, Any]:
    """Measure; returns latencies by rate, durable and from memory, the most orders a second that were carried, and what the disk takes.

    seconds  at each rate
    share    of every rate: 0.1 asks for a tenth of each
    """
    with tempfile.TemporaryDirectory() as folder:
        disk = sync_times(folder)
    durable, _, durable_rest = measure("durable", seconds, share)
    memory, saturation, memory_rest = measure("memory", seconds, share)
    result: dict[str, Any] = {
        "durable": durable, "memory": memory, "echo": echo(seconds, share), "saturation": round(saturation),
        "rest": {"durable": durable_rest, "memory": memory_rest}, "fdatasync_us": {"p50": disk.p50_us, "p99": disk.p99_us},
        "seconds": seconds, "share": share,
    }  # fmt: skip
    return result


def show(result: dict[str, Any]) -> None:
    """Print it beside the targets and the echo."""
    seconds, share = result["seconds"], result["share"]
    disk = result["fdatasync_us"]
    print(f"bench_gateway · Python {platform.python_version()} · open loop, {CONNECTIONS} connections, {seconds:g} s a rate; us from when an order was due to its answer")
    print(f"this disk's write and fdatasync: p50 {disk['p50']:,.0f} us, p99 {disk['p99']:,.0f} us\n")
    print(f"{'':<22}{'orders/s':>10}{'answered/s':>12}{'p50':>10}{'p99':>10}{'p99.9':>10}   target")
    for name, title, asked in (("durable", "on the disk first", RATES["durable"]), ("memory", "from memory", RATES["memory"]), ("echo", "an echo, the bound", ECHOED)):
        for rate in asked:
            told = result[name][str(round(rate * share))]
            target = TARGETS.get((name, rate), "") if share == 1 else ""
            print(f"{title:<22}{rate * share:>10,.0f}{told['achieved']:>12,.0f}{told['p50_us']:>10,.0f}{told['p99_us']:>10,.0f}{told['p999_us']:>10,.0f}   {target}".rstrip())
    for name, title in (("durable", "REST, on the disk"), ("memory", "REST, from memory")):
        told = result["rest"][name]
        print(f"{title:<22}{'':>10}{told['orders_per_second']:>12,}{told['p50_us']:>10,.0f}{told['p99_us']:>10,.0f}{'':>10}   closed loop, {REST_CONNECTIONS} connections")
    print(f"{'the most carried':<22}{'':>10}{result['saturation']:>12,}{'':>30}   {SATURATION:,} orders/s")


if __name__ == "__main__":
    show(main())
