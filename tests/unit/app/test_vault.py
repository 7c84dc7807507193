"""Secrets that a service keeps: found by reference, and never in what is shown."""

import json
import os
import subprocess
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from moto import mock_aws

from polaris.app.secret import SecretReference
from polaris.domain.errors import BadConfig, PolarisError, Unavailable

HELD = "hunter2-of-the-vault"
TOKEN = "s.the-token-of-this-test"
ROLE_TOKEN = "s.the-token-of-the-role"


class Vault(BaseHTTPRequestHandler):
    """A Vault's HTTP interface: a KV store of version 2 at secret/, one of version 1 at old/."""

    sealed = False

    def do_GET(self) -> None:
        if self.sealed:
            return self.answer(503, {"errors": ["Vault is sealed"]})
        if self.headers.get("X-Vault-Token") not in (TOKEN, ROLE_TOKEN):
            return self.answer(403, {"errors": ["permission denied"]})
        documents = {
            "/v1/secret/data/polaris/coinbase": {"data": {"data": {"api_secret": HELD, "number": 7}, "metadata": {"version": 3, "destroyed": False, "deletion_time": ""}}},
            "/v1/old/polaris": {"data": {"api_secret": HELD}},
        }
        found = documents.get(self.path)
        return self.answer(200, found) if found else self.answer(404, {"errors": [f"nothing, and {HELD}"]})

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/auth/approle/login" and said == {"role_id": "role", "secret_id": "secret-id"}:
            return self.answer(200, {"auth": {"client_token": ROLE_TOKEN}})
        return self.answer(400, {"errors": ["invalid role or secret ID"]})

    def answer(self, status: int, said: object) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def vault(monkeypatch, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vault)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    for name in ("VAULT_TOKEN", "VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HOME", str(tmp_path))
    yield server
    Vault.sealed = False
    server.shutdown()
    thread.join()
    server.server_close()


def problem(reference: str) -> str:
    """What is said where there is no secret; it never holds one."""
    with pytest.raises(PolarisError) as told:
        SecretReference.read(reference, "venues.coinbase.api_secret").resolve()
    everything = "".join(traceback.format_exception(told.value))
    assert HELD not in everything and TOKEN not in everything and ROLE_TOKEN not in everything
    return str(told.value)


@pytest.mark.parametrize("path", ["secret/polaris/coinbase", "old/polaris"])
def test_a_field_of_either_version_of_the_store_is_found(vault, monkeypatch, path):
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    assert SecretReference(f"vault:{path}#api_secret").resolve().reveal() == HELD
    assert SecretReference(f"vault:http://127.0.0.1:{vault.server_port}/{path}#api_secret").resolve().reveal() == HELD


def test_a_role_logs_in(vault, monkeypatch):
    monkeypatch.setenv("VAULT_ROLE_ID", "role")
    monkeypatch.setenv("VAULT_SECRET_ID", "secret-id")
    assert SecretReference("vault:secret/polaris/coinbase#api_secret").resolve().reveal() == HELD
    monkeypatch.setenv("VAULT_SECRET_ID", "another")
    assert "refused (InvalidRequest)" in problem("vault:secret/polaris/coinbase#api_secret")


def test_the_token_of_vault_login_is_used_where_only_its_owner_may_read_it(vault, tmp_path):
    assert "no Vault token; set VAULT_TOKEN" in problem("vault:secret/polaris/coinbase#api_secret")
    file = tmp_path / ".vault-token"
    file.write_text(TOKEN)
    file.chmod(0o644)
    assert "chmod 600" in problem("vault:secret/polaris/coinbase#api_secret")
    file.chmod(0o600)
    assert SecretReference("vault:secret/polaris/coinbase#api_secret").resolve().reveal() == HELD


def test_every_way_to_have_no_secret_is_told_apart(vault, monkeypatch):
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    assert "there is no field 'apikey'; it has api_secret, number" in problem("vault:secret/polaris/coinbase#apikey")
    assert "field 'number' is no text" in problem("vault:secret/polaris/coinbase#number")
    assert "has nothing at polaris/kraken in secret" in problem("vault:secret/polaris/kraken#api_secret")
    monkeypatch.setenv("VAULT_TOKEN", "s.wrong")
    assert "denies it; this token's policies must allow 'read' on secret/data/polaris/coinbase" in problem("vault:secret/polaris/coinbase#api_secret")
    Vault.sealed = True
    assert "is sealed; unseal it" in problem("vault:secret/polaris/coinbase#api_secret")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    assert "does not answer (ConnectionError)" in problem("vault:secret/polaris/coinbase#api_secret")
    monkeypatch.delenv("VAULT_ADDR")
    assert "set VAULT_ADDR" in problem("vault:secret/polaris/coinbase#api_secret")
    monkeypatch.setenv("VAULT_ADDR", "http://vault.example.com:8200")
    assert "plain http only on this machine" in problem("vault:secret/polaris/coinbase#api_secret")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("vault:nowhere", "MOUNT/PATH#FIELD"),
        ("vault:secret/path", "MOUNT/PATH#FIELD"),
        ("vault:/secret/path#field", "MOUNT/PATH#FIELD"),
        ("vault:http://vault.example.com/secret/path#field", "https"),
        ("aws:#field", "name or the ARN"),
        ("vaults:secret/path#field", "'vault:MOUNT/PATH#FIELD'"),
    ],
)
def test_a_reference_that_can_lead_nowhere_is_refused_when_it_is_read(reference, said):
    with pytest.raises(BadConfig, match=r"venues\.coinbase\.api_secret") as told:
        SecretReference.read(reference, "venues.coinbase.api_secret")
    assert said in str(told.value) and reference not in str(told.value)


@pytest.fixture
def aws(monkeypatch):
    for name, value in (("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_DEFAULT_REGION", "eu-central-1"), ("AWS_EC2_METADATA_DISABLED", "true")):
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("secretsmanager")
        arn = client.create_secret(Name="polaris/coinbase", SecretString=json.dumps({"api_secret": HELD}))["ARN"]
        client.create_secret(Name="plain", SecretString=HELD)
        client.create_secret(Name="bytes", SecretBinary=b"x")
        yield arn


def test_a_secret_of_aws_is_found_by_name_and_by_arn_whole_or_one_field(aws, monkeypatch):
    assert SecretReference("aws:polaris/coinbase#api_secret").resolve().reveal() == HELD
    assert SecretReference("aws:plain").resolve().reveal() == HELD
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert SecretReference(f"aws:{aws}#api_secret").resolve().reveal() == HELD


def test_every_way_to_have_no_secret_of_aws_is_told_apart(aws, monkeypatch):
    assert "there is no field 'key'; it has api_secret" in problem("aws:polaris/coinbase#key")
    assert "leave out the #FIELD" in problem("aws:plain#key")
    assert "it holds bytes" in problem("aws:bytes")
    assert "AWS refused (ResourceNotFoundException)" in problem("aws:absent")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    assert "set AWS_REGION" in problem("aws:plain")


def test_without_the_extra_it_says_what_to_install():
    ask = "import sys; sys.modules.update({{{name!r}: None}}); from polaris.app.secret import SecretReference; SecretReference({reference!r}).resolve()"
    for name, reference, extra in (("hvac", "vault:secret/path#field", "polaris-synapse[vault]"), ("boto3", "aws:name", "polaris-synapse[aws]")):
        ran = subprocess.run([sys.executable, "-c", ask.format(name=name, reference=reference)], capture_output=True, text=True, check=False)
        assert ran.returncode == 1 and extra in ran.stderr.splitlines()[-1]


def test_a_secret_file_is_an_ordinary_file(tmp_path):
    with pytest.raises(BadConfig, match="no ordinary file"):
        SecretReference(f"file:{tmp_path}").resolve()
    with pytest.raises(Unavailable, match="can't be read"):
        SecretReference(f"file:{tmp_path}/absent").resolve()
