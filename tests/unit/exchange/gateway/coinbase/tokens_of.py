"""Keys as Coinbase's clients hold them, and the tokens they sign."""

import base64
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_p256
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from polaris.exchange.gateway.keys import Key, Keys


def part(told: bytes) -> str:
    return base64.urlsafe_b64encode(told).rstrip(b"=").decode()


class Signer:
    """A key of one account and its private half: `kind` is EdDSA or ES256."""

    def __init__(self, keys: Keys, account: int = 1, kind: str = "EdDSA", **more: Any) -> None:
        self.kind = kind
        self.private: Any = Ed25519PrivateKey.generate() if kind == "EdDSA" else generate_p256(SECP256R1())
        public = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.key: Key = (keys.create_ed25519 if kind == "EdDSA" else keys.create_es256)(account, public, **more)

    @property
    def pem(self) -> str:
        """As Coinbase hands out an ES256 key: BEGIN EC PRIVATE KEY."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()

    @property
    def secret(self) -> str:
        """As Coinbase hands out an Ed25519 key: seed and public half in base64."""
        return base64.b64encode(self.private.private_bytes_raw() + self.private.public_key().public_bytes_raw()).decode()

    def sign(self, said: bytes) -> bytes:
        if self.kind == "EdDSA":
            return self.private.sign(said)
        r, s = decode_dss_signature(self.private.sign(said, ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, now_s: int, uri: str = "", head: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token; `uri` is "" for a socket's. Others than the usual claims replace them, None leaves one out."""
        name = self.key.name
        told = {"sub": name, "iss": "cdp", "nbf": now_s, "exp": now_s + 120, **({"uri": uri} if uri else {}), **claims}
        start = {"alg": self.kind, "typ": "JWT", "kid": name, "nonce": secrets.token_hex(8), **(head or {})}
        said = ".".join(part(json.dumps({key: value for key, value in each.items() if value is not None}).encode()) for each in (start, told))
        return f"{said}.{part(self.sign(said.encode()))}"
