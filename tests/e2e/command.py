"""`polaris` with these arguments: in a process of its own, as a person starts it, or in this one, which takes a tenth of the time."""

import subprocess
import sys

from typer.testing import CliRunner

from polaris.app.cli import app

PATIENCE_S = 180


def line(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "polaris", *arguments]


def process(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(line(*arguments), capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def here(*arguments: str) -> "subprocess.CompletedProcess[str]":
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False, prog_name="polaris")
    return subprocess.CompletedProcess(line(*arguments), done.exit_code, done.stdout, done.stderr)
