"""The parity certificate: one recording, three ways, one digest.

    live      the recording served over a real WebSocket, heard by the desk's own sessions and feeds, written to a log
    replay    that log, block by block, through a fresh core
    backtest  the rows of that log as one array, through a fresh core in a few large batches

The three see the same rows in portions that have nothing to do with each other. Equal digests mean that every record
the core wrote (each target, order, refusal and fill, with its figures) is the same, bit for bit, and so is the state
it ended in.
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from polaris.app.compose import CoreSettings, LoggedDesk, Replay, backtested, core
from polaris.desk.bank import BankSettings
from polaris.desk.ensemble import EnsembleSettings
from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.domain.instrument import Instruments
from polaris.domain.market import Rows
from polaris.log.read import rows_of
from polaris.venues.endpoint import VenueLimits
from polaris.venues.live import LiveFeeds, discover
from polaris.venues.session import FastClock, SessionSettings

Progress = Callable[[str], None]

PLAYED_S: Final = 12.0  # a recording longer than this is played faster

# A desk that trades on everything it sees, so that a short recording holds many decisions to compare: it learns within
# seconds, asks for no edge over its cost, and its limits are wide.
EAGER: Final = CoreSettings(
    desk=DeskSettings(
        sizing=SizingSettings(mode="fixed", cost_multiple=0.0, prior_strength=0.0, rebalance_fraction=0.0),
        risk=RiskSettings(max_orders_per_second=10_000.0, order_burst=10_000, duplicate_window_ns=0, refusal_pause_ns=0),
        execution=ExecutionSettings(repeg_ns=50_000_000),
    ),
    bank=BankSettings(ensemble=EnsembleSettings(horizon_ns=500_000_000, warmup=1.0, enough=5.0)),
)


def certify(
    recording: Path,
    *,
    venue: str = "",
    settings: CoreSettings | None = None,
    speed: float = 0.0,
    directory: Path | None = None,
    progress: Progress = lambda stage: None,
) -> dict[str, Any]:
    """Run a recording live, replay its log, backtest its rows; see the module.

    recording  a capture file; venue: where it has no header
    settings   of the core; None is `EAGER`
    speed      of the recording, times real time, and of the desk's clock with it; 0 plays it within some ten seconds
    directory  where the log is written and kept; None uses a folder that is removed afterwards
    returns    {"live", "replay", "backtest": digests, "equal", "state": {...}, "decisions", "orders", "fills", "rows"}
    """
    with tempfile.TemporaryDirectory(prefix="polaris-parity-") as scratch:
        place = directory or Path(scratch) / "log"
        chosen = settings or EAGER
        progress("live")
        live = _run(_live(recording, venue, chosen, speed, place))
        progress("replay")
        replay = Replay(place)
        again = replay.run()
        progress("backtest")
        rows = rows_of(place)
        tested, _ = backtested(chosen, replay.instruments, rows)
        desks = {"live": live, "replay": again, "backtest": tested}
        digests = {name: desk.decisions_digest() for name, desk in desks.items()}
        states = {name: desk.state_digest() for name, desk in desks.items()}
        account = tested.account
        return {
            "recording": recording.name,
            **digests,
            "equal": len(set(digests.values())) == 1 and len(set(states.values())) == 1,
            "state": states,
            "decisions": int(account["decisions"]),
            "orders": int(account["submits"]),
            "fills": int(account["fills"]),
            "rows": len(rows),
            "log_records_logged": replay.logged,
            "log_records_derived": replay.derived,
            "checkpoints_verified": replay.verified,
        }


def _run(main: Any) -> Any:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def _live(recording: Path, venue: str, settings: CoreSettings, speed: float, directory: Path) -> Any:
    from polaris.venues.capture import Capture
    from polaris.venues.replay import Replay as Played
    from polaris.venues.served.recording import serve_recording

    wires: dict[str, tuple[str, ...]] = {}
    played = Played(recording, venue or None)
    for item in played.instruments:
        wires[item.key.venue] = (*wires.get(item.key.venue, ()), item.wire)
    if speed <= 0:
        times = [line.ts for line in Capture(recording) if line.kind == "recv"]
        speed = max(1.0, (times[-1] - times[0]) / 1e9 / PLAYED_S)
    clock = FastClock(speed)
    served = await serve_recording(recording, speed, venue=venue)
    try:
        where = {served.endpoint.name: served.endpoint}
        instruments = Instruments(await discover(where, wires))
        _load_kernels(settings, instruments, played)
        patient = {name: VenueLimits(silence_s=speed * 30.0) for name in where}
        desk = LoggedDesk.open(directory, settings, instruments, now=clock())
        feeds = LiveFeeds(where, instruments, settings=SessionSettings(ends_on_normal_close=True), limits=patient, clock=clock)

        def on_rows(rows: Rows) -> None:
            desk.take(feeds.rows)

        try:
            await feeds.run(on_rows)
            desk.stop(clock(), "the recording ended")
        finally:
            desk.close()
        return desk.desk
    finally:
        await served.close()


def _load_kernels(settings: CoreSettings, instruments: Instruments, played: Any) -> None:
    """Run a core that is thrown away over the recording's beginning: nothing is compiled while the recording plays."""
    _, advance = core(settings, instruments)
    for batch in played.batches():
        rows = batch.copy()
        rows["seq"] = np.arange(1, len(rows) + 1)
        advance(rows)
        break
