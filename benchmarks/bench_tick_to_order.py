"""bench_tick_to_order: from a frame's bytes on the socket to the order's bytes on the socket, over loopback.

One process is the venue: it sends depth frames in Binance's dialect at a fixed rate and takes orders on a second socket.
Another is the desk, whole: session, feed, log on disk, the default features, alphas and ensemble, sizing, gate, the order's
record on the log, and the order's JSON on the way. Both times are taken by the venue's one clock, from when the frame was
due: a stall counts against every frame that waits behind it. Beside it stand the bound (the same two processes, the second
one answering every frame with the same bytes and thinking nothing), the desk with `market.busy_poll`, and the core alone (rows in,
records out).

    python benchmarks/bench_tick_to_order.py [--json]
"""

import argparse
import asyncio
import contextlib
import gc
import platform
import signal
import sys
import tempfile
import time
from json import dumps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import msgspec
import numpy as np
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
    ws_create_server,
)

from bench_pipeline import processor
from polaris.app.compose import CoreSettings, LoggedDesk, core
from polaris.app.steady import steady
from polaris.desk.bank import BankSettings
from polaris.desk.ensemble import EnsembleSettings
from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.domain.instrument import Instruments
from polaris.domain.market import Rows
from polaris.domain.orders import BUY, MARKET, SUBMIT, Records
from polaris.venues.binance.order_socket import place
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.live import LiveFeeds, discover
from polaris.venues.session import SessionSettings
from rows import LEVELS, book_rows, instruments

HERE = Path(__file__).resolve()
QUICK = {"frames": 100, "rate": 200, "rows": 200, "warm": 1_000}  # the desk looks at a market for some seconds before it trades
TAKEN = "taken.npy"
WARM = 180_000  # rows the core learns from before it is timed
MID = 6_000_000  # cents
TOLD = ("kind", "order", "side", "type", "price", "lots")  # of a record, to the venue
HOST = "127.0.0.1"


def main(frames: int = 20_000, rate: int = 1_000, rows: int = 20_000, row_rate: int = 5_000, warm: int = 2_500) -> dict[str, Any]:
    """Percentiles in microseconds.

    frames, rate    over sockets: how many, and how many a second
    rows, row_rate  the core alone: how many rows are timed (at most 400,000), and how many a second
    warm            frames before orders are timed
    """
    return {
        "socket": socket(frames, rate, warm),
        "busy_poll": socket(frames // 4, rate, warm, "--desk", "--busy-poll"),
        "echo": socket(frames // 4, rate, warm, "--echo"),
        "core": core_alone(rows, row_rate),
        "python": platform.python_version(),
        "processor": processor(),
    }


def eager() -> CoreSettings:
    """The whole default desk, told that trading costs nothing, with market orders: every change of mind is an order."""
    return CoreSettings(
        desk=DeskSettings(
            sizing=SizingSettings(mode="fixed", cost_multiple=0.0, prior_strength=0.0, rebalance_fraction=0.0),
            risk=RiskSettings(
                max_daily_loss=1e9, max_drawdown=1.0, max_orders_per_second=1e6, order_burst=1_000_000, duplicate_window_ns=0, refusal_pause_ns=0
            ),
            execution=ExecutionSettings(order_type="market", latency_ns=100_000, taker_fee=0.0),
        ),
        bank=BankSettings(ensemble=EnsembleSettings(horizon_ns=20_000_000, warmup=1.0, enough=1.0)),
    )


# ---- the venue


class Venue:
    """Sends frames at their times, takes orders, and knows when each frame was due and each order came."""

    def __init__(self, frames: int, rate: int) -> None:
        self.frames, self.rate = frames, rate
        self.due = np.zeros(frames + 1)
        self.ordered: dict[int, float] = {}
        self.update = 1_000
        self.done = asyncio.Event()
        self._listener: Stream | None = None

    def route(self, request: WSUpgradeRequest) -> Any:
        """Documents by GET, frames on /stream, orders on anything else."""
        path = request.path.decode()
        if path.startswith("/api/v3/exchangeInfo"):
            return document(EXCHANGE_INFO)
        if path.startswith("/api/v3/depth"):
            book = {"lastUpdateId": self.update, "bids": [[price(MID - 1 - i), "5.00000000"] for i in range(20)], "asks": [[price(MID + 1 + i), "5.00000000"] for i in range(20)]}
            return document(msgspec.json.encode(book))
        return Stream(self) if path.startswith("/stream") else Orders(self)

    async def play(self, client: WSTransport) -> None:
        """Every frame at its time; the pressure changes side from one to the next."""
        begun = time.perf_counter()
        for i in range(self.frames):
            payload = self._frame(i)
            due = begun + (i + 1) / self.rate
            while time.perf_counter() < due:  # noqa: ASYNC110 - an event can't be as exact
                await asyncio.sleep(0)  # orders are heard while we wait; a timer would be a millisecond coarse
            self.due[i] = due
            client.send(WSMsgType.TEXT, payload)
        await asyncio.sleep(0.5)
        self.done.set()

    def _frame(self, i: int) -> bytes:
        first, self.update = self.update + 1, self.update + 1
        heavy, light = f"9.{i % 99_999_999:08d}", f"0.{1 + i % 99_999_998:08d}"
        bid, ask = (heavy, light) if i % 2 else (light, heavy)
        levels = [[f'["{price(MID + sign * (1 + level))}","{size}"]' for level in range(5)] for sign, size in ((-1, bid), (1, ask))]
        # the client's frame number travels as the event time, so that an order can name its frame
        return (
            f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{1_700_000_000_000 + i},"s":"BTCUSDT","U":{first},"u":{self.update},'
            f'"b":[{",".join(levels[0])}],"a":[{",".join(levels[1])}]}}}}'
        ).encode()


class Stream(WSListener):
    """The socket frames go out on."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.task = asyncio.get_running_loop().create_task(self.venue.play(transport))


class Orders(WSListener):
    """The socket orders come in on: the first one that names a frame counts."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = time.perf_counter()
        if frame.msg_type == WSMsgType.TEXT:
            payload = frame.get_payload_as_bytes()
            at = payload.index(b'"newClientOrderId":"p') + 21
            self.venue.ordered.setdefault(int(payload[at : payload.index(b"-", at)]), now)


def price(cents: int) -> str:
    """As the venue writes it."""
    return f"{cents // 100}.{cents % 100:02d}000000"


def document(body: bytes) -> Any:
    """A plain GET's answer."""
    return WSUpgradeResponseWithListener(WSUpgradeResponse.create_ok_response(body, {"Content-Type": "application/json"}), None)


EXCHANGE_INFO = msgspec.json.encode(
    {
        "timezone": "UTC",
        "serverTime": 0,
        "symbols": [
            {
                "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "baseAssetPrecision": 8, "quoteAssetPrecision": 8, "quotePrecision": 8,
                "filters": [
                    {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
                    {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
                    {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
                ],
            }
        ],
    }
)  # fmt: skip


def socket(frames: int, rate: int, warm: int, other: str = "--desk", *more: str) -> dict[str, float]:
    """Both processes, and what the venue measured."""
    import uvloop

    return uvloop.run(_socket(frames, rate, warm, other, *more))


async def _socket(frames: int, rate: int, warm: int, other: str, *more: str) -> dict[str, float]:
    venue = Venue(frames + warm, rate)
    server = await ws_create_server(venue.route, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="polaris-bench-") as folder:
        desk = await asyncio.create_subprocess_exec(sys.executable, str(HERE), other, str(port), "--log", folder, *more)
        gc.collect()
        gc.freeze()
        try:
            waiting = asyncio.create_task(venue.done.wait())
            ended = asyncio.create_task(desk.wait())
            await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not venue.done.is_set():
                raise RuntimeError(f"the desk's process ended with code {desk.returncode}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                desk.terminate()
            await desk.wait()
            server.close()
            gc.unfreeze()
        taken = Path(folder) / TAKEN
        desk_alone = _features(np.load(taken) / 1e9) if taken.exists() else {}
    took = np.array([came - venue.due[frame] for frame, came in venue.ordered.items() if frame >= warm])
    return percentiles(took) | {"orders": len(took), "frames": frames, "rate": rate} | desk_alone


def _features(seconds: Any) -> dict[str, float]:
    """From a frame in the desk's hands to its features, its decision and its records on the log; the rest of a maximum is others' work."""
    took, worked = seconds.T
    most = {"frame_max_us": float(took.max() * 1e6), "frame_cpu_max_us": float(worked.max() * 1e6)}
    return {f"frame_{name}": value for name, value in percentiles(took).items()} | most


# ---- the desk


async def desk_process(port: int, folder: Path, busy_poll: bool) -> None:
    """The desk against that venue, until it is told to end."""
    where = {"binance": VenueEndpoint("binance", f"ws://{HOST}:{port}", f"http://{HOST}:{port}")}
    found = Instruments(await discover(where, {"binance": ("BTCUSDT",)}))
    warm, _ = core(eager(), found)
    rows = book_rows(5_000)
    warm.advance(rows)  # compiled code is loaded now, not on the first frame
    desk = LoggedDesk.open(folder / "log", eager(), found, now=time.time_ns())
    orders, _ = await ws_connect(WSListener, f"ws://{HOST}:{port}/orders")
    def rehearse() -> None:
        desk.rehearse()
        place(found[0], BUY, MARKET, 0, 100_000, client="p0-0", id="p0-0", ts=time.time_ns(), key=None)

    feeds = LiveFeeds(where, found, settings=SessionSettings(), busy_poll=busy_poll, rehearse=rehearse)
    frame_of = {"now": 0}
    taken: list[tuple[int, int]] = []  # of each frame: how long it took, and how much of that the processor worked for us

    def send(records: Records) -> None:
        for what, order, side, kind, at, lots in zip(*(records[field].tolist() for field in TOLD), strict=True):
            if what == SUBMIT:
                name = f"p{frame_of['now']}-{order}"
                orders.send(WSMsgType.TEXT, place(found[0], side, kind, at, lots, client=name, id=name, ts=time.time_ns(), key=None))

    def on_rows(rows: Rows) -> None:
        began = time.thread_time_ns()
        frame_of["now"] = int(rows["ts_event"][-1]) // 1_000_000 - 1_700_000_000_000
        came = int(rows["ts_recv"][-1])
        desk.take(feeds.rows)
        taken.append((time.time_ns() - came, time.thread_time_ns() - began))

    desk.on_records.append(send)
    steady()
    running = asyncio.create_task(feeds.run(on_rows))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    np.save(folder / TAKEN, np.array(taken[len(taken) // 8 :]))


class Echo(WSListener):
    """Answers every frame with an order's bytes."""

    def __init__(self, orders: WSTransport) -> None:
        self.orders = orders

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        at = payload.index(b'"E":') + 4
        self.orders.send(WSMsgType.TEXT, ANSWER % (int(payload[at : payload.index(b",", at)]) - 1_700_000_000_000))


ANSWER = (
    b'{"id":"p0-1","method":"order.place","params":{"newClientOrderId":"p%d-1","newOrderRespType":"ACK","quantity":"0.00166000",'
    b'"recvWindow":5000,"side":"BUY","symbol":"BTCUSDT","timestamp":1700000000000,"type":"MARKET"}}'
)


async def echo_process(port: int) -> None:
    """The bound: no desk at all."""
    orders, _ = await ws_connect(WSListener, f"ws://{HOST}:{port}/orders")
    stream, _ = await ws_connect(lambda: Echo(orders), f"ws://{HOST}:{port}/stream")
    gc.collect()
    gc.freeze()
    gc.disable()
    await stream.wait_disconnected()


# ---- the core alone


def core_alone(count: int, rate: int) -> dict[str, float]:
    """Row in, records out, in one process without a socket."""
    desk, _ = core(eager(), instruments())
    rows = book_rows(600_000)
    desk.advance(rows[: 2 * LEVELS + WARM])
    rows = rows[2 * LEVELS + WARM :][:count]
    late = np.zeros(len(rows))
    start = time.perf_counter()
    for i in range(len(rows)):
        due = start + i / rate
        while time.perf_counter() < due:
            pass
        desk.advance(rows[i : i + 1])
        late[i] = time.perf_counter() - due
    return percentiles(late)


def percentiles(seconds: Any) -> dict[str, float]:
    """p50, p99 and p99.9 in microseconds; empty where nothing was measured."""
    if not len(seconds):
        return {}
    return {f"p{name}_us": float(np.percentile(seconds, float(name)) * 1e6) for name in ("50", "99", "99.9")}


def show(result: dict[str, Any]) -> None:
    """Print every part with its percentiles, beside what was set out to reach."""
    desk, busy, bound, core = (result[part] for part in ("socket", "busy_poll", "echo", "core"))
    print(f"bench_tick_to_order · {result['processor']} · Python {result['python']} · {desk['frames']:,} frames at {desk['rate']:,}/s, {desk['orders']:,} orders")
    print(f"\n{'us':<52}{'p50':>9}{'p99':>9}{'p99.9':>9}{'most':>9}   target")
    for title, part, prefix, target in (
        ("a frame's bytes to the order's bytes", desk, "", "p50 100   p99 1,000"),
        ("  with market.busy_poll", busy, "", ""),
        ("  the bound: an answer without a desk", bound, "", ""),
        ("in the desk: a frame to features, decision and log", desk, "frame_", "always below 5,000"),
        ("  with market.busy_poll", busy, "frame_", ""),
        ("the core alone: a row in, records out", core, "", ""),
    ):
        figures = [part.get(f"{prefix}{name}_us") for name in ("p50", "p99", "p99.9", "max")]
        print(f"{title:<52}" + "".join(f"{value:>9,.1f}" if value is not None else f"{'':>9}" for value in figures) + f"   {target}".rstrip())
    print(f"in the longest frame the processor worked for us at most {desk['frame_cpu_max_us']:,.1f} us; the rest is others' work")


if __name__ == "__main__":
    wanted = argparse.ArgumentParser(description="Time from a frame on the socket to the order it leads to.")
    wanted.add_argument("--json", action="store_true", help="one JSON object")
    wanted.add_argument("--desk", type=int, help=argparse.SUPPRESS)
    wanted.add_argument("--echo", type=int, help=argparse.SUPPRESS)
    wanted.add_argument("--busy-poll", action="store_true", help=argparse.SUPPRESS)
    wanted.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    options = wanted.parse_args()
    if options.desk or options.echo:
        import uvloop

        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(desk_process(options.desk, options.log, options.busy_poll) if options.desk else echo_process(options.echo))
    else:
        told = main()
        print(dumps(told, indent=2)) if options.json else show(told)
