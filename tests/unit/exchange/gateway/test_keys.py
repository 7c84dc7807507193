import base64
import os
import traceback

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from polaris.domain.errors import BadConfig
from polaris.exchange.gateway.keys import HMAC, READ, Key, Keys

# Binance's own examples of signed requests
DOCS_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
REST = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
MIXED = REST.replace("&quantity", "quantity")
SOCKET = (
    "apiKey=vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A&newOrderRespType=ACK&price=52000.00&quantity=0.01000000&recvWindow=100"
    "&side=SELL&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"
)


def docs_key():
    return Key(name="k", account=1, kind=HMAC, scopes=frozenset({READ}), secret=DOCS_SECRET)


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (REST, "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (MIXED, "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"),
        (SOCKET, "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"),
    ],
)
def test_signatures_of_binances_documentation_are_right_in_any_case_of_letters(payload, signature):
    assert docs_key().signed(payload.encode(), signature)
    assert docs_key().signed(payload.encode(), signature.upper())


def test_a_signature_of_one_letter_more_or_less_is_wrong():
    right = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    assert not docs_key().signed((REST + "0").encode(), right)
    assert not docs_key().signed(REST.encode(), right[:-1] + "2")
    assert not docs_key().signed(REST.encode(), "")
    assert not docs_key().signed(REST.encode(), "ü")


def pem(private):
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("form", [pem, lambda private: base64.b64encode(private.public_key().public_bytes_raw()).decode()])
def test_an_ed25519_key_verifies_with_its_public_half_only(form):
    private = Ed25519PrivateKey.generate()
    key = Keys().create_ed25519(2, form(private))
    signature = base64.b64encode(private.sign(b"payload")).decode()
    assert key.signed(b"payload", signature)
    assert not key.signed(b"payload.", signature)
    assert not key.signed(b"payload", "no base64 !")
    assert not key.signed(b"payload", base64.b64encode(b"short").decode())
    assert key.secret == ""


@pytest.mark.parametrize("text", ["", "BEGIN nothing", "AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", pem(generate_private_key(SECP256R1()))])
def test_what_is_no_ed25519_key_is_refused(text):
    with pytest.raises(BadConfig, match="no Ed25519 public key"):
        Keys().create_ed25519(1, text)


def test_keys_are_kept_in_a_file_that_only_its_owner_reads(tmp_path):
    path = tmp_path / "keys.json"
    keys = Keys(path)
    key, secret = keys.create_hmac(3, frozenset({READ}), ("10.0.0.0/8",), "bot", 17)
    assert path.stat().st_mode & 0o777 == 0o600
    again = Keys(path).find(key.name)
    assert again == key
    assert (again.secret, again.account, again.scopes, again.addresses, again.label, again.created) == (secret, 3, {READ}, ("10.0.0.0/8",), "bot", 17)
    assert keys.of(3) == [key]
    assert keys.of(4) == []


def test_a_file_that_others_read_is_refused(tmp_path):
    path = tmp_path / "keys.json"
    Keys(path).create_hmac(1)
    os.chmod(path, 0o640)
    with pytest.raises(BadConfig, match="chmod 600"):
        Keys(path)


def test_a_file_that_holds_no_keys_is_refused_and_not_shown(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text('[{"secret":"hidden","account":"x"}]')
    path.chmod(0o600)
    with pytest.raises(BadConfig) as raised:
        Keys(path)
    assert "hidden" not in "".join(traceback.format_exception(raised.value))


def test_a_secret_stands_in_no_repr():
    key, secret = Keys().create_hmac(1)
    assert secret not in repr(key)
    assert secret not in str([key])
    assert key.name not in repr(key)  # who has the name can guess nothing, but it is half of a login


def test_keys_of_bad_scopes_or_addresses_are_refused():
    with pytest.raises(BadConfig, match="scopes"):
        Keys().create_hmac(1, frozenset({"withdraw"}))
    with pytest.raises(BadConfig, match="scopes"):
        Keys().create_hmac(1, frozenset())
    with pytest.raises(BadConfig, match="no IP or network"):
        Keys().create_hmac(1, addresses=("home",))


@pytest.mark.parametrize(
    ("addresses", "peer", "may"),
    [
        ((), "9.9.9.9", True),
        (("127.0.0.1",), "127.0.0.1", True),
        (("127.0.0.1",), "127.0.0.2", False),
        (("10.0.0.0/8", "::1"), "10.3.2.1", True),
        (("10.0.0.0/8", "::1"), "::1", True),
        (("10.0.0.0/8",), "", False),
    ],
)
def test_a_key_may_be_bound_to_addresses(addresses, peer, may):
    key, _ = Keys().create_hmac(1, addresses=addresses)
    assert key.comes_from(peer) is may


def test_a_revoked_key_is_gone_here_and_in_the_file(tmp_path):
    keys = Keys(tmp_path / "keys.json")
    key, _ = keys.create_hmac(1)
    assert keys.revoke(key.name)
    assert not keys.revoke(key.name)
    assert keys.find(key.name) is None
    assert len(Keys(tmp_path / "keys.json")) == 0


def test_a_key_another_process_made_or_revoked_is_known_after_a_refresh(tmp_path):
    ours, theirs = Keys(tmp_path / "keys.json"), Keys(tmp_path / "keys.json")
    key, _ = theirs.create_hmac(1)
    assert ours.find(key.name) is None
    assert ours.refresh()
    assert not ours.refresh()
    assert ours.find(key.name) == key
    other, _ = ours.create_hmac(2)
    theirs.revoke(key.name)
    assert theirs.find(other.name) == other  # neither wrote over what the other had written
    assert ours.refresh()
    assert [each.name for each in ours.of(1) + ours.of(2)] == [other.name]


def test_a_file_that_is_spoilt_meanwhile_leaves_the_keys_as_they_were(tmp_path):
    keys = Keys(tmp_path / "keys.json")
    key, _ = keys.create_hmac(1)
    (tmp_path / "keys.json").write_text("spoilt")
    with pytest.raises(BadConfig):
        keys.refresh()
    assert keys.find(key.name) == key
