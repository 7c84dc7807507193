"""The command line, as a person and as a machine use it."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from polaris import __version__
from polaris.app.cli import app

VERBS = ("start", "stop", "status", "logs", "replay", "record", "serve-recording", "backtest", "parity", "bench", "doctor", "warm", "version", "venues", "feeds")
CONFIG_VERBS = ("show", "check", "example")
CATALOG_VERBS = ("add", "ls", "check", "bars")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Every test stands in an empty folder with no settings in its environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if (name.startswith("POLARIS_") and "__" in name) or name in ("POLARIS_CONFIG", "POLARIS_MODE", "POLARIS_DEBUG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "160")


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False, prog_name="polaris")


def polaris(*arguments: str, timeout: float = 60, **environ: str) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "polaris", *arguments], capture_output=True, text=True, timeout=timeout, env={**os.environ, **environ}, check=False
    )


@pytest.mark.parametrize("verb", [*((verb,) for verb in VERBS), *(("config", verb) for verb in CONFIG_VERBS), *(("catalog", verb) for verb in CATALOG_VERBS), ("feeds", "certify")], ids=" ".join)
def test_every_verb_explains_itself_with_an_example_and_speaks_json(verb):
    help_page = run(*verb, "--help")
    assert help_page.exit_code == 0
    assert "Example" in help_page.output
    assert f"polaris {' '.join(verb)}" in help_page.output
    assert "--json" in help_page.output


def test_the_first_page_lists_every_verb_and_what_exit_codes_mean():
    page = run("--help").output
    for verb in (*VERBS, "config"):
        assert f"│ {verb} " in page
    for words in ("Exit codes", "0 done", "1 failed", "2 wrong use", "3 not running", "--install-completion"):
        assert words in page


def test_the_version_is_the_packages():
    assert __version__ in run("version").output
    assert json.loads(run("version", "--json").output)["polaris"] == __version__


def test_help_and_version_load_nothing_heavy():
    program = (
        "import sys; sys.argv = ['polaris', 'version']\nfrom polaris.app.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('numba', 'numpy', 'polars', 'pyarrow', 'sqlalchemy', 'picows', 'plotly') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_importing_the_package_loads_nothing():
    program = "import sys; before = set(sys.modules); import polaris; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['polaris']"


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "words"),
    [
        (["status"], {}, 3, "no desk runs on"),
        (["stop"], {}, 3, "start one with: polaris start"),
        (["stop", "--if-running"], {}, 0, "no desk runs on"),
        (["logs"], {}, 3, "no desk ran in the background"),
        (["start", "--mode", "live"], {}, 2, "refused: this version has no order entry"),
        (["start", "--mode", "lvie"], {}, 2, "command line: mode is 'lvie'"),
        (["start", "--market", "recording:absent.jsonl"], {}, 2, "there is no recording"),
        (["start", "--for", "soon"], {}, 2, "--for: 'soon' is no duration"),
        (["start"], {"POLARIS_RISK__MAX_DAYLY_LOSS": "1"}, 2, "did you mean risk.max_daily_loss?"),
        (["start", "--config", "absent.toml"], {}, 2, "there is no settings file absent.toml"),
        (["replay", "absent.jsonl"], {}, 2, "there is no absent.jsonl"),
        (["replay", ".", "."], {}, 2, "a log is replayed alone"),
        (["replay", "."], {}, 1, "Started"),
        (["backtest", "absent.toml"], {}, 2, "there is no absent.toml"),
        (["parity", "absent.jsonl"], {}, 2, "there is no recording absent.jsonl"),
        (["serve-recording", "absent.jsonl"], {}, 2, "there is no recording absent.jsonl"),
        (["record", "x.jsonl", "--venue", "nasdaq"], {}, 2, "no venue 'nasdaq'; known are coinbase, binance"),
        (["bench", "nonsense"], {}, 2, "there is no benchmark 'nonsense'"),
        (["bench", "tick-to-order", "--rwos", "5"], {}, 2, "has no option --rwos; it has --frames, --rate, --rows, --row-rate"),
        (["bench", "tick-to-order", "rows"], {}, 2, "'rows' is no option of a benchmark"),
        (["nonsense"], {}, 2, "No such command"),
        (["start", "--nonsense"], {}, 2, "No such option"),
    ],
)
def test_a_mistake_is_one_line_with_what_to_do_and_an_exit_code(monkeypatch, arguments, environ, code, words):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    done = run(*arguments)
    assert done.exit_code == code, done.stderr
    assert words in done.stderr
    assert done.stdout == ""
    if "No such" not in words:
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("arguments", "code"), [(["version"], 0), (["replay", "."], 1), (["start", "--mode", "live"], 2), (["status"], 3)])
def test_the_exit_code_reaches_the_shell_without_a_traceback(arguments, code):
    done = polaris(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_where_an_error_came_from():
    done = polaris("--debug", "start", "--mode", "live")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_config_example_is_good_and_changes_nothing():
    assert run("config", "example", "--out", "polaris.toml").exit_code == 0
    checked = json.loads(run("config", "check", "--json").output)
    assert checked["ok"] is True
    assert set(checked["changed"].values()) == {"polaris.toml"}
    assert tomllib.loads(run("config", "example").output)["mode"] == "paper"


def test_config_show_says_where_a_value_was_set(monkeypatch):
    Path("polaris.toml").write_text('[risk]\nmax_drawdown = 0.1\n[venues.coinbase]\napi_key = "env:COINBASE_KEY"')
    monkeypatch.setenv("POLARIS_RISK__MAX_DAILY_LOSS", "250")
    monkeypatch.setenv("COINBASE_KEY", "hunter2")
    shown = json.loads(run("config", "show", "--origin", "--json").output)
    assert shown["risk.max_daily_loss"] == {"value": 250.0, "origin": "environment POLARIS_RISK__MAX_DAILY_LOSS"}
    assert shown["risk.max_drawdown"] == {"value": 0.1, "origin": "polaris.toml"}
    assert shown["mode"] == {"value": "paper", "origin": "default"}
    assert shown["venues.coinbase.api_key"]["value"] == "env:COINBASE_KEY"
    text = run("config", "show", "--origin").output
    assert "max_daily_loss = 250.0" in text
    assert "hunter2" not in text
    assert tomllib.loads(run("config", "show").output)["risk"]["max_drawdown"] == 0.1


def test_config_check_says_what_is_wrong():
    Path("polaris.toml").write_text("[risk]\nmax_dayly_loss = 1\n")
    checked = run("config", "check")
    assert checked.exit_code == 2
    assert "polaris.toml: unknown key risk.max_dayly_loss; did you mean risk.max_daily_loss?" in checked.stderr


def test_doctor_passes_here_and_fails_with_an_exit_code():
    found = run("doctor", "--offline", "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.output)["ok"] is True
    Path("data").write_text("in the way")
    failed = run("doctor", "--offline", "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.output)["ok"] is False
    assert "✗" in run("doctor", "--offline").output


def test_bench_lists_what_there_is():
    listed = json.loads(run("bench", "--json").output)
    assert listed
    assert all(meaning for meaning in listed.values())


def test_replay_of_a_capture_is_the_contract(test_data):
    capture = test_data / "ws" / "coinbase_advanced_20260809.jsonl.gz"
    result = json.loads(run("replay", str(capture), "--json").output)
    (file,) = result["files"]
    assert set(file) >= {"file", "venue", "frames", "frames_per_cpu_second", "events", "gaps", "resyncs", "checksums", "symbols", "digest"}
    assert file["symbols"]["BTC-USD"]["asks"] == 27_238
    assert len(file["symbols"]["BTC-USD"]["top_bids"]) == 10
    shown = run("replay", str(capture)).output
    assert "27,238" in shown
    assert file["digest"] in shown


def test_looking_into_a_log_needs_a_log(test_data):
    capture = test_data / "ws" / "coinbase_advanced_20260809.jsonl.gz"
    refused = run("replay", str(capture), "--to", "5")
    assert refused.exit_code == 2
    assert "is a capture file; give the log's folder" in refused.stderr


def test_output_into_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m polaris config show | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
