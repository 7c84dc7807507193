"""A secret gets to whoever asks for it, and nowhere else: no message, no log line, no traceback, no list of processes."""

import io
import json
import logging
import os
import subprocess
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import structlog
import typer
from rich.console import Console
from rich.traceback import Traceback
from typer.testing import CliRunner

from polaris.app.cli import app
from polaris.app.logging import configure
from polaris.app.secret import SecretReference
from polaris.domain.errors import BadConfig, PolarisError, Unavailable
from polaris.venues.secrets import Secret

HELD = "hunter2-kept-for-nobody"


@pytest.fixture
def kept(tmp_path) -> Path:
    """A file that only we may read."""
    file = tmp_path / "key"
    file.write_text(f"{HELD}\n")
    file.chmod(0o600)
    return file


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("POLARIS_") and name != "POLARIS_CACHE"]:
        monkeypatch.delenv(name)


def refused(reference: str, kind: type[PolarisError]) -> str:
    with pytest.raises(kind) as told:
        SecretReference.read(reference, "venues.coinbase.api_secret").resolve()
    assert HELD not in "".join(traceback.format_exception(told.value)) + repr(told.value.__context__) + repr(vars(told.value))
    assert reference in str(told.value)
    return str(told.value)


def test_a_file_is_read_where_only_its_owner_may_also_by_a_link(kept, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(kept)  # secrets are mounted so in containers
    assert SecretReference(f"file:{kept}").resolve().reveal() == SecretReference(f"file:{link}").resolve().reveal() == HELD


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o644, 0o610, 0o601])
def test_a_file_of_any_other_mode_is_refused_with_what_to_run_also_behind_a_link(kept, tmp_path, mode):
    link = tmp_path / "link"
    link.symlink_to(kept)
    kept.chmod(mode)
    for path in (kept, link):
        assert f"run: chmod 600 {path}" in refused(f"file:{path}", BadConfig)


def test_what_is_no_text_in_an_ordinary_file_is_told_without_showing_it(kept, tmp_path):
    kept.write_bytes(b"\xff\xfe" + HELD.encode())
    assert "is no UTF-8 text" in refused(f"file:{kept}", Unavailable)
    kept.write_text(" \n")
    assert "is empty" in refused(f"file:{kept}", Unavailable)
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "is no ordinary file" in refused(f"file:{tmp_path}/pipe", BadConfig)  # and does not wait for a writer
    assert "is no ordinary file" in refused(f"file:{tmp_path}", BadConfig)
    assert "can't be read: No such file" in refused(f"file:{tmp_path}/absent", Unavailable)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(kept):
    os.chown(kept, 65534, 65534)
    assert "belongs to another user (uid 65534)" in refused(f"file:{kept}", BadConfig)


def run(*arguments: str) -> str:
    """All that a verb says, with its traceback."""
    done = CliRunner().invoke(app, ["--debug", *arguments], prog_name="polaris")
    assert done.exit_code == 2, done.output
    return done.output + "".join(traceback.format_exception(done.exception) if done.exception else [])


@pytest.mark.parametrize("pasted", [HELD, f"env{HELD}", f"vault:{HELD}", f"aws:#{HELD}", f"vault:https://user:{HELD}@vault.example.com/secret/path#field"])
def test_a_secret_in_place_of_its_reference_is_refused_and_not_repeated(tmp_path, monkeypatch, pasted):
    (tmp_path / "polaris.toml").write_text(f'[venues.coinbase]\napi_secret = "{pasted}"\n')
    assert HELD not in run("config", "check")
    (tmp_path / "polaris.toml").unlink()
    monkeypatch.setenv("POLARIS_VENUES__COINBASE__API_SECRET", pasted)
    said = run("config", "check")
    assert HELD not in said and "venues.coinbase.api_secret" in said


def test_settings_and_the_doctor_show_where_a_secret_is_and_not_what_it_is(kept, tmp_path, monkeypatch):
    (tmp_path / "polaris.toml").write_text(f'[venues.coinbase]\napi_key = "env:COINBASE_KEY"\napi_secret = "file:{kept}"\n')
    monkeypatch.setenv("COINBASE_KEY", HELD)
    for arguments in (("config", "show", "--origin"), ("config", "show", "--json"), ("doctor", "--offline"), ("doctor", "--offline", "--json")):
        done = CliRunner().invoke(app, list(arguments), prog_name="polaris")
        assert HELD not in done.output
        assert str(kept) in done.output or "present (file)" in done.output


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_log_line_and_no_logged_traceback_holds_a_secret(form):
    out = io.StringIO()
    configure(form, "debug", out)
    secret = Secret(HELD)
    try:
        log = structlog.get_logger()
        log.warning("signed in", key=secret, account={"names": [secret]}, note=f"with {secret}")
        logging.getLogger("a.library").warning("sent %s", secret)
        try:
            raise Unavailable(f"the venue refused {secret}")
        except Unavailable:
            log.exception("failed", cause=secret)
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = []
    said = out.getvalue()
    assert HELD not in said and said.count("***") >= 5


def test_a_traceback_with_its_local_values_holds_no_secret():
    def sign(secret: Secret) -> None:
        raise ValueError(f"can't sign with {secret}")

    try:
        sign(Secret("hunter2" + "-of-" + "two-parts"))
    except ValueError as error:
        console = Console(file=io.StringIO(), width=200)
        console.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True))
        shown = console.file.getvalue()
    assert "secret = ***" in shown and "hunter2-of-two-parts" not in shown


def test_no_option_of_any_verb_takes_a_secret():
    """What stands on a command line is everyone's to read."""

    def options(command: object) -> list[str]:
        found = [name for each in command.params for name in (*each.opts, *each.secondary_opts)]
        return found + [name for each in getattr(command, "commands", {}).values() for name in options(each)]

    listed = options(typer.main.get_command(app))
    assert len(listed) > 50
    assert not [name for name in listed if any(word in name.lower() for word in ("secret", "key", "token", "pass", "credential"))]


def test_the_list_of_processes_shows_no_secret_of_a_process_that_holds_one(kept):
    program = (
        "import sys; from polaris.app.secret import SecretReference; secret = SecretReference(sys.argv[1]).resolve();"
        " print('holding', secret, flush=True); sys.stdin.readline(); print(len(secret.reveal()))"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, f"file:{kept}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "holding ***\n"
        proc = Path(f"/proc/{holder.pid}")
        seen = b"".join((proc / name).read_bytes() for name in ("cmdline", "environ", "comm", "status"))
        listed = subprocess.run(["ps", "-efww"], capture_output=True, check=True).stdout if Path("/bin/ps").exists() else seen
        assert str(kept).encode() in listed and HELD.encode() not in seen + listed
    finally:
        said, _ = holder.communicate("\n", timeout=30)
    assert said == f"{len(HELD)}\n"


class Elsewhere(BaseHTTPRequestHandler):
    """A server that sends whoever asks to another one, or answers as no Vault does."""

    asked: list[str] = []
    answer: tuple[int, bytes] = (307, b"")

    def do_GET(self) -> None:
        self.asked.append(f"{self.server.server_port}{self.path}")
        status, body = self.answer
        self.send_response(status)
        if status == 307:
            self.send_header("Location", f"http://localhost:{self.server.server_port}/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def elsewhere(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    Elsewhere.asked, Elsewhere.answer = [], (307, b"")
    monkeypatch.setenv("VAULT_TOKEN", "s.the-token")
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_token_follows_no_redirect_and_passes_no_proxy(elsewhere, monkeypatch):
    pytest.importorskip("hvac")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # whoever is asked through it does not answer
    assert "sends us elsewhere" in refused("vault:secret/path#field", Unavailable)
    assert Elsewhere.asked and not [path for path in Elsewhere.asked if "elsewhere" in path]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"data": null}', b'{"data": {"data": null}}', b"<html>", json.dumps({"data": HELD}).encode(), b'{"data": {"data": {"field": ""}}}'])
def test_an_answer_that_is_no_vaults_is_told(elsewhere, body):
    pytest.importorskip("hvac")
    Elsewhere.answer = (200, body)
    refused("vault:secret/path#field", Unavailable)
