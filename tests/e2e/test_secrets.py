"""A desk that was told where its keys are: nothing that it shows or writes holds one."""

import contextlib
import subprocess
import sys
from pathlib import Path

import zstandard

from polaris.app import process
from tests.e2e.command import here
from tests.e2e.test_cli_desk import eventually

HELD = "hunter2-of-the-file"
OURS = "hunter2-of-the-environment"


def polaris(*arguments: str) -> str:
    """What a verb says on both its outputs."""
    done = subprocess.run([sys.executable, "-m", "polaris", *arguments], capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def written(folder: Path) -> bytes:
    """All that stands in the files of a folder, compressed ones as they were."""
    found = []
    for file in folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            with contextlib.suppress(zstandard.ZstdError):
                data += zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
            found.append(data)
    return b"".join(found)


def test_a_running_desk_shows_its_keys_nowhere(tmp_path, monkeypatch):
    key = tmp_path / "key"
    key.write_text(HELD)
    key.chmod(0o600)
    data = tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLARIS_DATA__DIR", str(data))
    monkeypatch.setenv("POLARIS_SERVER__PORT", "0")
    monkeypatch.setenv("COINBASE_KEY", OURS)
    (tmp_path / "polaris.toml").write_text(f'[venues.coinbase]\nenabled = true\napi_key = "env:COINBASE_KEY"\napi_secret = "file:{key}"\n')
    said = polaris("doctor", "--offline")
    assert "present (env)" in said and "present (file)" in said
    said += polaris("start", "--detach")
    try:
        desk = process.running(data)
        assert desk is not None
        eventually(lambda: all(venue.frames for venue in process.status(desk, timeout_s=60).venues))
        said += polaris("status", "--json")
        for verb in (("config", "show", "--origin"), ("logs",), ("feeds", "--once")):
            done = here(*verb)
            assert done.returncode == 0, done.stderr
            said += done.stdout + done.stderr
        family = [desk.pid, *(int(pid) for pid in Path(f"/proc/{desk.pid}/task/{desk.pid}/children").read_text().split())]
        lines = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family)
        assert b"polaris" in lines and HELD.encode() not in lines and OURS.encode() not in lines
        # a file's key is in no environment either; what came by the environment is there, for its owner alone
        assert all(HELD.encode() not in Path(f"/proc/{pid}/environ").read_bytes() for pid in family)
        assert Path(f"/proc/{desk.pid}/environ").stat().st_mode & 0o077 == 0
    finally:
        if desk := process.running(data):
            process.stop(desk, timeout_s=60, force=True)
    wrote = written(data)
    assert b"coinbase" in wrote
    assert not [each for each in (HELD, OURS) if each.encode() in said.encode() + wrote]
