"""The catalog as docs/catalog.md shows it: its commands and its code, run in order."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e import small_captures
from tests.e2e.command import PATIENCE_S
from tests.e2e.command import here as polaris

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "catalog.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLARIS_MARKET__SPEED", "5")  # however little of its seconds a busy machine gives it, there are trades in them
    return tmp_path


def test_everything_on_the_page_runs(folder):
    (commands,) = blocks("sh")
    for line in commands.splitlines():
        ran = subprocess.run(f"{sys.executable} -m {line}", shell=True, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert ran.returncode == 0, (line, ran.stderr)
    listed = json.loads(polaris("catalog", "ls", "catalog", "--json").stdout)["tables"]
    assert {each["kind"] for each in listed} == {"trades", "quotes", "deltas", "status", "bars"}
    shown = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for code in blocks("python")]
    assert "BTC-USD" in shown[0] and "mean spread" in shown[1]
    (config,) = blocks("toml")
    Path("backtest.toml").write_text(config)
    from_catalog = json.loads(polaris("backtest", "backtest.toml", "--json").stdout)
    from_capture = json.loads(polaris("backtest", "backtest.toml", "--capture", "session.jsonl.zst", "--json").stdout)
    assert from_catalog["decisions_digest"] == from_capture["decisions_digest"]
    assert polaris("catalog", "add", "session.jsonl.zst", "--to", "catalog").returncode == 1
    assert polaris("catalog", "bars", "catalog", "BTC-USD.coinbase", "--out", "bars.csv").returncode == 0
    assert Path("bars.csv").read_text().startswith("ts,open,high,low,close,volume,vwap,trades,complete")


def test_wrong_arguments_say_what_would_be_right(folder):
    wrong = {
        ("catalog", "ls", "nowhere"): "polaris catalog add",
        ("catalog", "add", "absent.jsonl", "--to", "catalog"): "there is no capture absent.jsonl",
        ("catalog", "bars", "nowhere", "BTC"): "BTC-USD.coinbase",
        ("catalog", "bars", "nowhere", "BTC-USD.coinbase", "--interval", "soon"): "--interval",
    }
    for arguments, said in wrong.items():
        ran = polaris(*arguments)
        assert ran.returncode != 0 and said in ran.stderr, (arguments, ran.stderr)


def test_a_broken_file_ends_the_check_with_an_error(folder):
    small_captures.write(Path("s.jsonl.zst"), "binance")
    assert polaris("catalog", "add", "s.jsonl.zst", "--to", "catalog").returncode == 0
    file = next(Path("catalog").rglob("kind=deltas/**/*.parquet"))
    file.write_bytes(file.read_bytes()[:200])
    ran = polaris("catalog", "check", "catalog", "--json")
    assert ran.returncode == 1 and "no whole Parquet file" in json.loads(ran.stdout)["broken"][0]["what"]
