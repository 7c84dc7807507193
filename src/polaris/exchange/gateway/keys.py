"""API keys: who may do what, from where, for which account.

The operator makes a key for an account; the secret of an HMAC key is shown once and kept, because it verifies; of an Ed25519
or ES256 key only the public half is known here. The file is readable by its owner only. Secrets appear in no repr, log or traceback.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import os
import secrets
import string
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from polaris.domain.errors import BadConfig

HMAC: Final = "HMAC-SHA256"
ED25519: Final = "Ed25519"
ES256: Final = "ES256"  # ECDSA on P-256 with SHA-256, as tokens are signed (RFC 7518)
READ: Final = "read"
TRADE: Final = "trade"
SCOPES: Final = frozenset({READ, TRADE})
KEY_CHARACTERS: Final = 64
_ALPHABET: Final = string.ascii_letters + string.digits


class NotOnCurve(BadConfig):
    """A public key that is none on P-256."""


class Key(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One key.

    addresses  IPs and networks it may be used from; empty: from anywhere
    secret     HMAC-SHA256 only
    public     Ed25519: the 32 bytes in base64; ES256: the point, uncompressed, likewise
    """

    name: str  # what the client sends
    account: int
    kind: str
    scopes: frozenset[str]
    addresses: tuple[str, ...] = ()
    label: str = ""
    created: int = 0  # ns UTC
    secret: str = ""
    public: str = ""

    def __repr__(self) -> str:
        return f"Key({self.name[:6]}..., account {self.account}, {self.kind}, {'+'.join(sorted(self.scopes))})"

    def comes_from(self, address: str) -> bool:
        """Whether it may be used from there."""
        if not self.addresses:
            return True
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(peer in ipaddress.ip_network(each) for each in self.addresses)

    def signed(self, payload: bytes, signature: str) -> bool:
        """Whether `signature` (HMAC: hex of any case; Ed25519: base64; ES256: r and s of 32 bytes each, base64) is of this payload by this key."""
        if self.kind == HMAC:
            own = hmac.new(self.secret.encode(), payload, hashlib.sha256).hexdigest()
            return hmac.compare_digest(own.encode(), signature.lower().encode())
        try:
            sent = base64.b64decode(signature, validate=True)
            if self.kind == ED25519:
                _public(self.public).verify(sent, payload)
            else:
                _point(self.public).verify(_dss(sent), payload, ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


class Keys:
    """All keys of a venue, in a file or in memory only.

    raises  BadConfig where the file can be read by others, or is no file of keys
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._keys: dict[str, Key] = {}
        self._read_at = (0, 0)  # the file's mtime, ns, and inode
        self.refresh()

    def refresh(self) -> bool:
        """Read the file again where somebody else changed it; whether so.

        raises  BadConfig where it can be read by others, or is no file of keys; then the keys are those before
        """
        path = self._path
        if path is None or not path.exists():
            return False
        about = path.stat()
        if (about.st_mtime_ns, about.st_ino) == self._read_at:
            return False
        mode = about.st_mode & 0o777
        if mode & 0o077:
            raise BadConfig(f"{path} holds secrets and has mode {mode:o}; make it readable by its owner only: chmod 600 {path}")
        try:
            keys = msgspec.json.decode(path.read_bytes(), type=list[Key])
            for key in keys:
                for address in key.addresses:
                    ipaddress.ip_network(address)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise BadConfig(f"{path} is no list of keys; restore it, or move it away and create new keys") from None
        self._keys = {key.name: key for key in keys}
        self._read_at = (about.st_mtime_ns, about.st_ino)
        return True

    def __len__(self) -> int:
        return len(self._keys)

    def all(self) -> list[Key]:
        """Every key."""
        return list(self._keys.values())

    def of(self, account: int) -> list[Key]:
        """The keys of one account."""
        return [key for key in self._keys.values() if key.account == account]

    def find(self, name: str) -> Key | None:
        """The key a client names."""
        return self._keys.get(name)

    def create_hmac(
        self, account: int, scopes: frozenset[str] = SCOPES, addresses: tuple[str, ...] = (), label: str = "", created: int = 0
    ) -> tuple[Key, str]:
        """A new key and its secret, which is told this once."""
        secret = _word()
        key = self._add(Key(name=_word(), account=account, kind=HMAC, scopes=scopes, addresses=addresses, label=label, created=created, secret=secret))
        return key, secret

    def create_ed25519(
        self, account: int, public: str, scopes: frozenset[str] = SCOPES, addresses: tuple[str, ...] = (), label: str = "", created: int = 0
    ) -> Key:
        """A new key for a public key, which is PEM or the 32 bytes in base64.

        raises  BadConfig where it is neither
        """
        raw = base64.b64encode(_read_public(public)).decode()
        return self._add(Key(name=_word(), account=account, kind=ED25519, scopes=scopes, addresses=addresses, label=label, created=created, public=raw))

    def create_es256(
        self, account: int, public: str, scopes: frozenset[str] = SCOPES, addresses: tuple[str, ...] = (), label: str = "", created: int = 0
    ) -> Key:
        """A new key for a public key on P-256, as PEM.

        raises  BadConfig where it is none
        """
        point = base64.b64encode(_read_point(public)).decode()
        return self._add(Key(name=_word(), account=account, kind=ES256, scopes=scopes, addresses=addresses, label=label, created=created, public=point))

    def create_public(
        self, account: int, public: str, scopes: frozenset[str] = SCOPES, addresses: tuple[str, ...] = (), label: str = "", created: int = 0
    ) -> Key:
        """A new key for a public key of either kind, as its PEM says.

        raises  BadConfig where it is of neither
        """
        try:
            return self.create_es256(account, public, scopes, addresses, label, created)
        except NotOnCurve:
            return self.create_ed25519(account, public, scopes, addresses, label, created)

    def revoke(self, name: str) -> bool:
        """Forget a key; False where there was none."""
        self.refresh()
        known = self._keys.pop(name, None) is not None
        if known:
            self._write()
        return known

    def _add(self, key: Key) -> Key:
        self.refresh()
        if not key.scopes or not key.scopes <= SCOPES:
            raise BadConfig(f"a key has scopes {sorted(key.scopes)}; expected some of {sorted(SCOPES)}")
        for address in key.addresses:
            try:
                ipaddress.ip_network(address)
            except ValueError:
                raise BadConfig(f"{address!r} is no IP or network; expected such as 127.0.0.1 or 10.0.0.0/8") from None
        self._keys[key.name] = key
        self._write()
        return key

    def _write(self) -> None:
        """Replace the file in one step: a crash leaves the old one or the new one."""
        if self._path is None:
            return
        beside = self._path.with_name(self._path.name + ".new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o600)
            file.write(msgspec.json.encode(list(self._keys.values())))
            file.flush()
            os.fsync(handle)
        beside.replace(self._path)


def _word() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(KEY_CHARACTERS))


_loaded: dict[str, Ed25519PublicKey] = {}


def _public(text: str) -> Ed25519PublicKey:
    key = _loaded.get(text)
    if key is None:
        key = _loaded[text] = Ed25519PublicKey.from_public_bytes(base64.b64decode(text))
    return key


_points: dict[str, EllipticCurvePublicKey] = {}


def _point(text: str) -> EllipticCurvePublicKey:
    key = _points.get(text)
    if key is None:
        key = _points[text] = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), base64.b64decode(text))
    return key


def _dss(signature: bytes) -> bytes:
    """r and s in DER. Raises ValueError."""
    if len(signature) != 64:
        raise ValueError(f"a signature of {len(signature)} bytes; expected 64")
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


def _read_point(text: str) -> bytes:
    try:
        key = load_pem_public_key(text.encode())
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            raise ValueError
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    except ValueError:
        raise NotOnCurve("this is no public key on P-256; expected PEM (BEGIN PUBLIC KEY)") from None


def _read_public(text: str) -> bytes:
    try:
        if "BEGIN" in text:
            key = load_pem_public_key(text.encode())
            if not isinstance(key, Ed25519PublicKey):
                raise ValueError
            return key.public_bytes_raw()
        raw = base64.b64decode(text, validate=True)
        Ed25519PublicKey.from_public_bytes(raw)
        return raw
    except (ValueError, binascii.Error):
        raise BadConfig("this is no Ed25519 public key (nor one on P-256); expected PEM (BEGIN PUBLIC KEY) or its 32 bytes in base64") from None
