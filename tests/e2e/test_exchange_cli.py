"""`polaris exchange` as a person uses it: started, keys and money, bots nobody here wrote, a crash, a stop, a start again."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import httpx
import pytest

from tests.e2e.command import here as polaris
from tests.e2e.command import process

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "exchange"
PORTS = "[exchange]\nbinance_port = 0\ncoinbase_port = 0\nfix_port = 0\n"


class Running:
    """An exchange with simulated traders, in a folder."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder, self.log = folder, folder / f"out.{time.monotonic_ns()}"
        (folder / "polaris.toml").write_text(PORTS)
        self._out = self.log.open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "polaris", "exchange", "--simulate", "--data", "data", *more], cwd=folder, stdout=self._out, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + 300
        while "state " not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise AssertionError(self.log.read_text()[-2000:])
            time.sleep(0.1)

    def address(self, dialect: str) -> str:
        return re.search(rf"^{dialect} +(\S+)$", self.log.read_text(), re.MULTILINE)[1]

    def ask(self, *arguments: str) -> dict:
        done = self.says(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def says(self, *arguments: str) -> subprocess.CompletedProcess:
        return polaris("exchange", *arguments, "--data", str(self.folder / "data"))

    def knows(self, key: str) -> bool:
        """Whether a key that was added is one by now."""
        return httpx.post(self.address("binance") + "/api/v3/userDataStream", headers={"X-MBX-APIKEY": key}).status_code == 200

    def end(self, how: int = signal.SIGTERM) -> int:
        with self._out:
            if self.process.poll() is None:
                self.process.send_signal(how)
            return self.process.wait(120)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("exchange"))
    try:
        running.key = running.ask("keys", "add", "200")
        running.ask("deposit", "200", "USDT", "100000")
        running.ask("deposit", "200", "BTC", "1")
        deadline = time.monotonic() + 120
        while running.ask("status")["orders_alive"] < 50 or not running.knows(running.key["key"]):  # the market fills itself; keys are looked up now and then
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield running
    finally:
        code = running.end()
    assert code == 0


def bot(exchange: Running, script: str, address: str) -> list[str]:
    key = exchange.key
    done = subprocess.run([sys.executable, EXAMPLES / script, address, key["key"], key["secret"]], check=False, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    return [line.split()[0] for line in done.stdout.splitlines()]


def test_ccxt_trades_on_it(exchange):
    did = bot(exchange, "ccxt_bot.py", exchange.address("binance"))
    assert did[:10] == ["markets", "balance", "touch", "placed", "open", "cancelled", "bought", "stop", "cancelled", "trade"]


def test_python_binance_trades_on_it(exchange):
    assert bot(exchange, "python_binance_bot.py", exchange.address("binance")) == ["time", "balance", "best", "candles", "placed", "cancelled", "bought"]


def test_a_fix_client_trades_on_it(exchange):
    did = bot(exchange, "fix_client.py", exchange.address("fix").removeprefix("tcp://"))
    assert set(did) == {"heard"} and len(did) >= 6


def test_the_operator_pays_halts_kills_and_is_told_what_he_did_wrong(exchange):
    before = exchange.ask("account", "201")["balances"]["USDT"]["free"]
    assert (before, exchange.ask("deposit", "201", "USDT", "12.5")["free"]) == ("0.00000000", "12.50000000")
    assert exchange.ask("withdraw", "201", "USDT", "2")["free"] == "10.50000000"
    assert exchange.ask("tier", "201", "1")["tier"] == 1
    for wrong, said in (
        (("withdraw", "201", "USDT", "99"), "the exchange refuses: insufficient balance"),
        (("deposit", "201", "DOGE", "1"), "asset is 'DOGE'; expected one of BTC, ETH, SOL, XRP, USDT"),
        (("deposit", "99999", "USDT", "1"), "account is 99999; expected 1 to"),
        (("phase", "open"), "phase is 'open'; expected one of continuous, auction, halted, closed"),
    ):
        done = exchange.says(*wrong)
        assert done.returncode == 2 and said in done.stderr.replace("\n", " "), done.stderr


def test_keys_are_listed_without_their_secrets_and_can_be_taken_back(exchange):
    key = exchange.ask("keys", "add", "202", "--scopes", "read", "--label", "looks on")
    listed = exchange.says("keys", "ls").stdout
    assert key["secret"] not in listed and "looks on" in listed
    assert (exchange.folder / "data" / "exchange" / "polaris" / "keys.json").stat().st_mode & 0o077 == 0
    exchange.ask("keys", "remove", key["key"][:10])
    assert "looks on" not in exchange.says("keys", "ls").stdout


def test_nothing_is_lost_by_a_kill_and_nothing_by_a_stop(tmp_path):
    running = Running(tmp_path)
    running.ask("deposit", "200", "USDT", "1234.5")
    running.end(signal.SIGKILL)
    running = Running(tmp_path)
    assert running.ask("account", "200")["balances"]["USDT"]["free"] == "1234.50000000"
    running.ask("deposit", "200", "USDT", "1")
    assert running.ask("stop") == {"stopping": True}
    assert running.process.wait(120) == 0 == running.end()
    running = Running(tmp_path)
    assert running.ask("account", "200")["balances"]["USDT"]["free"] == "1235.50000000"
    assert running.end() == 0


def test_a_standby_takes_the_place_of_the_leader_when_it_is_promoted(tmp_path):
    (tmp_path / "polaris.toml").write_text(PORTS)
    exchange = [sys.executable, "-m", "polaris", "exchange"]
    pipes = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*exchange, "--data", "data"], **pipes) as leader, ended(leader, signal.SIGKILL):
        told(leader.stdout, "state")
        data = ("--data", str(tmp_path / "data"))
        assert polaris("exchange", "deposit", "3", "BTC", "0.5", *data).returncode == 0
        with subprocess.Popen([*exchange, "standby", "--data", "data"], **pipes) as standby, ended(standby, signal.SIGTERM):
            told(standby.stderr, "following")
            assert polaris("exchange", "promote", *data).returncode == 0
            told(standby.stdout, "state")
            account = json.loads(polaris("exchange", "account", "3", *data, "--json").stdout)
            assert account["balances"]["BTC"]["free"] == "0.50000000"


@contextlib.contextmanager
def ended(process: subprocess.Popen, how: int) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(how)


def told(stream: TextIO, word: str) -> None:
    """Wait for a line with this word."""
    for line in stream:
        if word in line:
            return
    raise AssertionError(f"it ended without a word of {word!r}")


def test_without_an_exchange_the_operator_is_told_how_to_start_one(tmp_path):
    done = process("exchange", "status", "--data", str(tmp_path))
    assert done.returncode == 3 and "start one with: polaris exchange" in done.stderr.replace("\n", " ")
