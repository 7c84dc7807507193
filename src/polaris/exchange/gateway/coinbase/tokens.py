"""Who asks: the token of a request, signed with the key it names.

A token is a JWT of its own for every request: it names its key twice, the time it is good for (two minutes at most) and the call
it is for, "GET api.coinbase.com/api/v3/brokerage/accounts". The host in it may be Coinbase's or the one the client called, so a
client that was only given another address is understood. A token for a socket names no call: the one does not open the other.
Source: RFC 7515, 7518, 7519, 8037; Coinbase Developer Platform documentation, "Authentication".
"""

import base64
import binascii
from typing import Final

import msgspec

from polaris.exchange.gateway.coinbase.errors import denied, unauthorized
from polaris.exchange.gateway.coinbase.times import SECOND
from polaris.exchange.gateway.keys import ED25519, ES256, Key, Keys

TOKEN_BYTES: Final = 4096
GOOD_S: Final = 120
AHEAD_S: Final = 5  # a client's clock may be ahead so far
HOST: Final = "api.coinbase.com"
ISSUERS: Final = ("cdp", "coinbase-cloud")
ALGORITHMS: Final = {"EdDSA": ED25519, "ES256": ES256}


class _Head(msgspec.Struct):
    alg: str
    kid: str


class _Claims(msgspec.Struct):
    sub: str
    iss: str
    nbf: int
    exp: int
    uri: str = ""
    uris: list[str] = []


_HEAD, _CLAIMS = msgspec.json.Decoder(_Head), msgspec.json.Decoder(_Claims)


class Tokens:
    """Reads tokens against the keys there are."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def of_request(self, authorization: str, method: str, path: str, host: str, address: str, scope: str, now: int) -> Key:
        """The key that signed a request's header. Raises Refusal 401, 403."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer":
            raise unauthorized("expected a header Authorization: Bearer <token>")
        key, claims = self._read(token.strip(), now)
        calls = [claims.uri] if claims.uri else claims.uris
        if not any(_calls(call, method, path, host) for call in calls):
            raise unauthorized("the token is for another call")
        return _may(key, address, scope)

    def of_socket(self, token: str, address: str, scope: str, now: int) -> Key:
        """The key that signed a subscription. Raises Refusal 401, 403."""
        key, claims = self._read(token, now)
        if claims.uri or claims.uris:
            raise unauthorized("the token is for a request")
        return _may(key, address, scope)

    def knows(self, key: Key) -> bool:
        """Whether this key still opens anything."""
        return self._keys.find(key.name) == key

    def _read(self, token: str, now: int) -> tuple[Key, _Claims]:
        parts = token.split(".")
        if len(token) > TOKEN_BYTES or len(parts) != 3 or not token.isascii():
            raise unauthorized("the token is no JWT")
        try:
            head, claims = _HEAD.decode(_bytes(parts[0])), _CLAIMS.decode(_bytes(parts[1]))
            signature = base64.b64encode(_bytes(parts[2])).decode()
        except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError):
            raise unauthorized("the token is no JWT") from None
        key = self._keys.find(head.kid)
        if key is None or ALGORITHMS.get(head.alg) != key.kind or claims.sub != head.kid or claims.iss not in ISSUERS:
            raise unauthorized("the token names no key of this venue, or is signed another way")
        if not key.signed(f"{parts[0]}.{parts[1]}".encode(), signature):
            raise unauthorized("the token's signature does not verify")
        if not 0 < claims.exp - claims.nbf <= GOOD_S or not (claims.nbf - AHEAD_S) * SECOND <= now < claims.exp * SECOND:
            raise unauthorized(f"request timestamp expired: a token is good for at most {GOOD_S} s from its nbf to its exp")
        return key, claims


def _may(key: Key, address: str, scope: str) -> Key:
    if not key.comes_from(address):
        raise denied("the key may not be used from this address")
    if scope not in key.scopes:
        raise denied(f"the key may not {scope}")
    return key


def _calls(call: str, method: str, path: str, host: str) -> bool:
    """Whether a token's "METHOD host/path" is this request."""
    word, _, rest = call.partition(" ")
    for scheme in ("https://", "http://"):
        rest = rest.removeprefix(scheme)
    named, slash, where = rest.partition("/")
    return word == method and named in (HOST, host) and slash + where == path


def _bytes(part: str) -> bytes:
    """Of base64url without padding. Raises ValueError."""
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
