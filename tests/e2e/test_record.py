"""`polaris record` against the built-in market: two venues by our symbols, kept whatever ends the recording."""

import contextlib
import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from polaris.app.exchange.builtin import Wanted, builtin_market
from polaris.domain.errors import BadConfig, Unavailable, UnknownSymbol
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.record import record, symbols
from polaris.venues.replay import replay_captures
from tests.e2e.command import PATIENCE_S, here, line, process
from tests.steady_time import steady

BOTH = ("--market", "builtin", "--venues", "coinbase,binance")


def books(path: Path | str) -> dict[str, str]:
    """The state in which a replayed capture leaves each book."""
    (file,) = replay_captures([str(path)])["files"]
    return {symbol: book["state"] for symbol, book in file["symbols"].items()}


def alive(path: Path) -> int:
    """How many books of a capture are LIVE so far."""
    with contextlib.suppress(Exception):  # what is written to may end in the middle of something
        return list(books(path).values()).count("LIVE")
    return 0


def recorded(folder: Path, wanted: int, *arguments: str, end: signal.Signals = signal.SIGINT) -> "subprocess.CompletedProcess[str]":
    """`polaris record` until so many books are LIVE."""
    with subprocess.Popen(line("record", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while sum(map(alive, folder.rglob("*.jsonl*"))) < wanted:
                assert running.poll() is None and time.monotonic() < deadline, "a recording that ended by itself, or has no books"
                time.sleep(0.1)
            running.send_signal(end)
            said = running.communicate(timeout=PATIENCE_S)
        finally:
            running.kill()
    return subprocess.CompletedProcess(running.args, running.returncode, *said)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLARIS_MARKET__SPEED", "20")  # of a busy market some seconds are enough
    return tmp_path


def test_two_venues_are_recorded_by_our_symbols_and_stand_in_the_catalog(folder):
    names = "BTC-USD.coinbase,ETH-USD.coinbase,BTC-USDT.binance,BTCUSDT.binance"
    done = recorded(folder, 3, *BOTH, "--symbols", names, "--catalog", "catalog", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    captures = {each["venue"]: Path(each["path"]) for each in told["captures"]}
    assert all(path.parent == folder / "data" / "captures" for path in captures.values())
    assert all(re.fullmatch(rf"\d{{8}}T\d{{6}}Z\.{venue}\.jsonl\.zst", path.name) for venue, path in captures.items())
    assert books(captures["coinbase"]) == {"BTC-USD": "LIVE", "ETH-USD": "LIVE"}
    assert books(captures["binance"]) == {"BTCUSDT": "LIVE"}
    assert [each["capture"] for each in told["added"]] == [str(path) for path in captures.values()]
    assert all(each["rows"]["deltas"] and not each["cut"] for each in told["added"])
    tables = json.loads(here("catalog", "ls", "catalog", "--json").stdout)["tables"]
    assert {(each["venue"], each["symbol"]) for each in tables} == {("coinbase", "BTC-USD"), ("coinbase", "ETH-USD"), ("binance", "BTC-USDT")}
    assert here("catalog", "check", "catalog").returncode == 0


def test_dollars_asked_of_several_venues_are_the_stablecoin_where_a_venue_has_no_other_and_keep_its_name(folder):
    done = recorded(folder, 4, *BOTH, "--symbols", "BTC-USD,ETH-USD", "--catalog", "catalog")
    assert done.returncode == 0, done.stderr
    assert "binance has no BTC-USD: BTC-USDT is recorded in its place" in done.stderr
    tables = json.loads(here("catalog", "ls", "catalog", "--kind", "deltas", "--json").stdout)["tables"]
    assert {f"{each['symbol']}.{each['venue']}" for each in tables} == {"BTC-USD.coinbase", "ETH-USD.coinbase", "BTC-USDT.binance", "ETH-USDT.binance"}


def test_one_venue_by_its_own_symbols_goes_to_the_named_file(folder):
    done = recorded(folder, 2, "deep/btc.jsonl.zst", "--market", "builtin", "--venue", "binance", "--symbol", "BTCUSDT", "-s", "ethusdt")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"deep/btc\.jsonl\.zst: [\d,]+ lines, [\d,]+ bytes before compression\n", done.stdout)
    assert books("deep/btc.jsonl.zst") == {"BTCUSDT": "LIVE", "ETHUSDT": "LIVE"}


def test_without_symbols_those_of_the_settings_are_recorded():
    Path("polaris.toml").write_text('[venues.coinbase]\nsymbols = ["SOL-USD"]\n[venues.binance]\nenabled = false\n')
    done = process("record", "all.jsonl", "--market", "builtin", "--for", "1 s")
    assert done.returncode == 0, done.stderr
    assert list(books("all.jsonl")) == ["SOL-USD"]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_recording_is_whole(folder, end):
    done = recorded(folder, 2, "cut.jsonl.zst", *BOTH, "--symbols", "BTC-USD.coinbase,BTC-USDT.binance", end=end)
    assert done.returncode == 0, done.stderr
    captures = [folder / "cut.coinbase.jsonl.zst", folder / "cut.binance.jsonl.zst"]
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [path.name for path in captures]
    assert books(captures[0]) == {"BTC-USD": "LIVE"} and books(captures[1]) == {"BTCUSDT": "LIVE"}
    (file,) = replay_captures([str(captures[0])], warn=lambda missing: pytest.fail(str(missing)))["files"]
    assert file["frames"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*BOTH, "--symbols", "BTC-EUR"), "has no BTC-EUR; its nearest are"),
        (("--market", "builtin", "--venues", "binance", "--symbols", "BTC-USD"), "binance has no BTC-USD; its nearest are BTC-USDT"),
        (("--market", "builtin", "--venues", "kraken", "--symbols", "BTC-USD"), "the built-in market has no kraken; it is binance and coinbase"),
        (("--market", "builtin", "--venues", "coinbase", "--symbols", "QQQ-PLN"), "coinbase has no QQQ-PLN"),
        (("--venues", "coinbase,binanec", "--symbols", "BTC-USD"), "no venue 'binanec'; did you mean binance"),
        (("--symbols", "BTC-USD"), "BTC-USD is a symbol of which venue"),
        (("--venues", "coinbase", "--symbols", "BTC-USD.kraken"), "not among the venues coinbase"),
        (("--venues", "kraken-v1",), "no symbol for kraken-v1"),
        (("--market", "builtin", "--for", "soon"), "--for: 'soon' is no duration"),
        (("--market", "recording:x.jsonl"), "a recording of a recording is a copy"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_and_leaves_no_file(folder, arguments, said):
    done = here("record", "x.jsonl.zst", *arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert said in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(folder.rglob("*.zst"))


async def test_a_recording_that_never_began_leaves_no_file_in_the_way(folder):
    async with builtin_market(Wanted(bases=("BTC",))) as market:
        with pytest.raises(UnknownSymbol):
            await record(market.endpoints, {"binance": ["BTCUSDT"], "coinbase": ["ETH-USD"]}, folder / "a.jsonl.zst", 0.2)
        assert not list(folder.iterdir())
        found = await record(market.endpoints, {"binance": ["BTCUSDT"], "coinbase": ["BTC-USD"]}, folder / "a.jsonl.zst", 0.5)
        assert [(one.venue, one.path.exists()) for one in found] == [("binance", True), ("coinbase", True)]


async def test_how_far_a_recording_is_gets_told_from_the_start_to_the_end(folder):
    told = []
    async with builtin_market(Wanted(bases=("BTC",))) as market:
        found = await record(
            market.endpoints, {"binance": ["BTCUSDT"]}, folder / "a.jsonl.zst", 0.5, every_s=0.2, progress=lambda gone, so_far: told.append((gone, so_far))
        )
    assert told[0][0] < told[-1][0] and told[-1] == (0.5, found)


async def test_symbols_are_looked_up_where_the_endpoints_lead():
    async with builtin_market(Wanted(bases=("BTC", "XRP"))) as market:
        wanted = {"binance": ["XRP-USDT", "BTCUSDT"], "coinbase": ["xrp-usd"]}
        assert await symbols(market.endpoints, wanted) == {"binance": ["XRPUSDT", "BTCUSDT"], "coinbase": ["XRP-USD"]}
        with pytest.raises(BadConfig, match="binance has no ETH-USDT"):
            await symbols(market.endpoints, {"binance": ["ETH-USDT"]})


@steady
async def test_a_venue_that_does_not_answer_is_named():
    nowhere = VenueEndpoint("binance", "ws://127.0.0.1:9", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="binance did not give"):
        await symbols({"binance": nowhere}, {"binance": ["BTC-USDT"]})
