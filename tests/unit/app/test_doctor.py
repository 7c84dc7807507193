"""The doctor: it finds what is wrong, says what to do, never hangs and never shows a key."""

import socket
import time
from pathlib import Path

import msgspec
import pytest

from polaris.app import doctor
from polaris.app.settings import load


def findings(tmp_path: Path, offline: bool = True, **flags: object) -> dict[str, doctor.Finding]:
    settings = load(environ={}, flags={"data.dir": str(tmp_path / "data"), "server.port": 0, **{key.replace("__", "."): value for key, value in flags.items()}}).settings
    return {finding.name: finding for finding in doctor.examine(settings, offline=offline)}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_sound_machine_passes(tmp_path):
    found = findings(tmp_path)
    assert {"python", "libraries", "kernels", "clock", "data folder", "disk space", "disk sync", "port", "keys", "venues"} <= set(found)
    assert [finding for finding in found.values() if finding.level == doctor.FAIL] == []
    assert not (tmp_path / "data").exists()


def test_a_taken_port_fails_and_says_which_setting(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = findings(tmp_path, server__port=taken.getsockname()[1])["port"]
    assert (found.level, "server.port" in found.advice) == ("fail", True)


def test_a_data_folder_that_can_not_be_fails(tmp_path):
    (tmp_path / "data").write_text("a file in the way")
    assert findings(tmp_path)["data folder"].level == "fail"


def test_keys_are_looked_for_and_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("COINBASE_KEY", "hunter2")
    found = findings(tmp_path, venues__coinbase__api_key="env:COINBASE_KEY", venues__coinbase__api_secret="env:ABSENT_SECRET")
    assert found["coinbase.api_key"].level == "ok"
    assert (found["coinbase.api_secret"].level, "ABSENT_SECRET is not set" in found["coinbase.api_secret"].found) == ("warn", True)
    assert "hunter2" not in str(msgspec.json.encode(list(found.values())))


def test_a_venue_that_does_not_answer_fails_in_time(tmp_path):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        port = mute.getsockname()[1]
        begun = time.monotonic()
        found = doctor._reach({"mute socket": f"wss://127.0.0.1:{port}", "closed rest": "http://127.0.0.1:1"}, within_s=0.3)
        assert time.monotonic() - begun < 25
    assert [(finding.name, finding.level) for finding in found] == [("mute socket", "fail"), ("closed rest", "fail")]


def test_a_name_that_never_resolves_does_not_hold_the_doctor_up(monkeypatch):
    monkeypatch.setattr(doctor, "_knock", lambda *_: time.sleep(30))
    begun = time.monotonic()
    (found,) = doctor._reach({"rest": "https://nowhere.example"}, within_s=0.1)
    assert time.monotonic() - begun < 25  # and not thirty
    assert (found.level, "did not answer within" in found.found) == ("fail", True)


def test_a_venue_that_answers_passes(tmp_path):
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        (found,) = doctor._reach({"rest": f"http://127.0.0.1:{door.getsockname()[1]}"}, within_s=2)
    assert found.level == "ok"


def test_the_built_in_market_needs_no_venue_and_offline_tries_none(tmp_path):
    assert findings(tmp_path)["venues"].level == "note"
    assert "--offline" in findings(tmp_path, market__source="live")["venues"].found


def test_an_absent_recording_fails(tmp_path):
    assert findings(tmp_path, market__source="recording:absent.jsonl")["recording"].level == "fail"


def test_a_check_that_breaks_is_a_finding_and_no_crash():
    def _wrong() -> list[doctor.Finding]:
        raise RuntimeError("oh")

    assert doctor._safely(_wrong) == [doctor.Finding(name="wrong", level="fail", found="this check failed itself: RuntimeError: oh")]
