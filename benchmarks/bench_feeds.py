"""bench_feeds: recorded frames of every venue, from raw bytes to rows and an up-to-date book, frames a CPU-second on one core.

Everything a live feed checks is checked: sequence, checksum, the venue's own top. A run counts only where its books are
the known ones. Beside each figure stands what reading the JSON alone into plain objects costs (msgspec), and the peers
where they are installed (`make bench-peers`). The recordings are read from $POLARIS_TEST_DATA or ../shared/data.
"""

import gc
import os
import platform
import statistics
import subprocess
import time
from decimal import Decimal
from json import loads
from pathlib import Path
from typing import Any

import msgspec

from polaris.domain.errors import BadConfig
from polaris.venues.capture import Capture
from polaris.venues.replay import TOP, Replay

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / ".venv-peers"
SCRIPTS = {"cryptofeed": "feeds_cryptofeed.py", "ccxt": "feeds_ccxt.py"}
QUICK = {"runs": 1, "peers": 0}
# recording: frames a CPU-second aimed at; 0 where there is no aim
RECORDINGS = {
    "binance_spot_btcusdt_20240808.gz": 400_000,
    "binance_spot_ethusdt_20240808.gz": 400_000,
    "binance_usdm_btcusdt_20240808.gz": 400_000,
    "binance_cm_btcusd_perp_20240808.gz": 400_000,
    "kucoin_20210425.jsonl.gz": 300_000,
    "bitstamp_20220105.jsonl.gz": 300_000,
    "kraken_v1_20210417.jsonl.gz": 150_000,
    "gemini_v2_20260809.jsonl.gz": 100_000,
    "coinbase_advanced_20260809.jsonl.gz": 60_000,
}


def main(runs: int = 5, peers: int = 1) -> dict[str, Any]:
    """Measure; {file: {"venue", "frames_per_cpu_second", "validated", "book_equal", "json_frames_per_cpu_second", "runs", "peers"}}.

    runs   of each file; the median counts
    peers  0 leaves the peers out
    """
    folder = Path(os.environ.get("POLARIS_TEST_DATA") or HERE.parent.parent / "shared" / "data") / "ws"
    present = [name for name in RECORDINGS if (folder / name).exists()]
    if not present:
        raise BadConfig(f"no recordings in {folder}; set POLARIS_TEST_DATA to the folder that holds ws/")
    known = loads((folder / "expected_books.json").read_text())
    beside = _peers(folder, present) if peers else {}
    result: dict[str, Any] = {}
    for name in present:
        one = result[name] = _measure(folder / name, known.get(name, {}).get("final"), runs)
        one["peers"] = {peer: figures[name] for peer, figures in beside.items() if name in figures}
    return result


def show(result: dict[str, Any]) -> None:
    """Print it beside the targets, the reading of the JSON alone, and the peers."""
    runs = max(one["runs"] for one in result.values())
    print(f"bench_feeds · Python {platform.python_version()} · frames a CPU-second from bytes to rows and book, median of {runs}; JSON alone: read into plain objects, no more")
    print(f"{'recording':<38}{'frames/s':>10}{'target':>10}{'JSON alone':>12}  book   " + "".join(f"{peer:>12}" for peer in SCRIPTS))
    for name, one in result.items():
        book = {True: "equal", False: "WRONG", None: "-"}[one["book_equal"]]
        beside = "".join(f"{one['peers'][peer]:>12,}" if one["peers"].get(peer) else f"{'-':>12}" for peer in SCRIPTS)
        print(f"{name:<38}{one['frames_per_cpu_second']:>10,}{RECORDINGS[name]:>10,}{one['json_frames_per_cpu_second']:>12,}  {book:<5}  {beside}")


def _measure(path: Path, books: dict[str, Any] | None, runs: int) -> dict[str, Any]:
    speeds, equal, validated = [], True, True
    for _ in range(runs + 1):  # the first one warms
        replay = Replay(path)
        gc.collect()
        gc.freeze()
        for _rows in replay.batches():
            pass
        gc.unfreeze()
        stats = replay.feed.stats
        speeds.append(stats.frames * 1e9 / replay.cpu_ns)
        validated &= not any(symbol.checksums_failed for symbol in stats.symbols.values()) and not stats.bad_messages
        equal &= books is None or all(_as_known(replay, wire, books.get(wire) or books.get(path.name)) for wire in stats.symbols)
    return {
        "venue": replay.venue.name,
        "frames_per_cpu_second": round(statistics.median(speeds[1:])),
        "validated": validated,
        "book_equal": equal if books is not None else None,
        "json_frames_per_cpu_second": _json_alone(path, runs),
        "runs": runs,
    }


def _as_known(replay: Replay, wire: str, known: dict[str, Any] | None) -> bool:
    bids, asks, n_bids, n_asks = replay.feed.book_text(wire, TOP)
    return known is None or (_plain(bids), _plain(asks), n_bids, n_asks) == (_plain(known["bids"]), _plain(known["asks"]), known["n_bids"], known["n_asks"])


def _plain(side: list[list[str]]) -> list[list[str]]:
    """The reference writes some of KuCoin's texts with an exponent, which the venue did not."""
    return [[format(Decimal(text), "f") for text in level] for level in side]


def _json_alone(path: Path, runs: int) -> int:
    frames = [line.data for line in Capture(path) if line.kind == "recv"]
    decode, speeds = msgspec.json.Decoder().decode, []
    for _ in range(min(runs, 3)):
        began = time.process_time_ns()
        for frame in frames:
            decode(frame)
        speeds.append(len(frames) * 1e9 / (time.process_time_ns() - began))
    return round(statistics.median(speeds))


def _peers(folder: Path, names: list[str]) -> dict[str, dict[str, int]]:
    """{peer: {file: frames a CPU-second}} of the peers that are installed; what one can't do is left out and said by its script."""
    found = {}
    for peer, script in SCRIPTS.items():
        if (PEERS / peer / "done").exists():
            ran = subprocess.run([PEERS / peer / "bin" / "python", HERE / "peers" / script, folder, *names], check=True, stdout=subprocess.PIPE, text=True)
            found[peer] = loads(ran.stdout)
    return found


if __name__ == "__main__":
    show(main())
