"""Signatures of every venue against requests signed by a reference client, to the byte.

Each vector is taken apart into the call that was meant and the moment it was signed at; signing that call again must give
the very request: address, headers and body.
"""

import base64
import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from polaris.venues.alpaca import orders as alpaca
from polaris.venues.binance import orders as binance
from polaris.venues.bitstamp import orders as bitstamp
from polaris.venues.coinbase_exchange import orders as coinbase_exchange
from polaris.venues.gemini import orders as gemini
from polaris.venues.kraken import orders as kraken
from polaris.venues.kucoin import orders as kucoin
from polaris.venues.orders import Call, Key
from polaris.venues.secrets import Secret

COUNTS = {"binance": 8, "kraken": 8, "kucoin": 8, "gemini": 7, "bitstamp": 8, "coinbaseexchange": 8, "alpaca": 8}


def key_of(vector) -> Key:
    said = vector["credentials"]
    return Key(Secret(said["apiKey"]), Secret(said["secret"]), Secret(said.get("password", "")))


def form(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, strict_parsing=bool(text)))


def from_binance(vector, request, url):
    fields = form(request["body"] or url.query)
    stamp, window = int(fields.pop("timestamp")), int(fields.pop("recvWindow"))
    del fields["signature"]
    call = Call("POST", url.path, body=fields) if request["method"] == "POST" else Call(request["method"], url.path, fields)
    return binance.signed(key_of(vector), call, stamp, window)


def from_kraken(vector, request, url):
    fields = form(request["body"])
    nonce = fields.pop("nonce")
    return kraken.signed(key_of(vector), Call("POST", url.path, body=fields), nonce)


def from_kucoin(vector, request, url):
    body = json.loads(request["body"]) if request["body"] else None
    return kucoin.signed(key_of(vector), Call(request["method"], url.path, form(url.query), body), int(request["headers"]["KC-API-TIMESTAMP"]))


def from_gemini(vector, request, url):
    payload = json.loads(base64.b64decode(request["headers"]["X-GEMINI-PAYLOAD"]))
    assert payload.pop("request") == url.path
    nonce = payload.pop("nonce")
    assert payload == json.loads(request["body"]), "the reference client sends the fields a second time; the venue wants an empty body"
    request["body"] = None
    request["headers"]["Cache-Control"] = "no-cache"  # which the venue's documentation asks for
    return gemini.signed(key_of(vector), Call("POST", url.path, body=payload), nonce)


def from_bitstamp(vector, request, url):
    stamp = int(request["headers"]["X-Auth-Timestamp"])
    return bitstamp.signed(key_of(vector), Call("POST", url.path, body=form(request["body"])), request["headers"]["X-Auth-Nonce"], stamp)


def from_coinbaseexchange(vector, request, url):
    body = json.loads(request["body"]) if request["body"] else None
    stamp = request["headers"]["CB-ACCESS-TIMESTAMP"]
    return coinbase_exchange.signed(key_of(vector), Call(request["method"], url.path, form(url.query), body), stamp)


def from_alpaca(vector, request, url):
    body = json.loads(request["body"]) if request["body"] else None
    return alpaca.signed(key_of(vector), Call(request["method"], url.path, form(url.query), body))


@pytest.mark.parametrize("venue", COUNTS)
def test_every_request_is_signed_to_the_byte(test_data, venue):
    vectors = json.loads((test_data / "rest" / "signing_vectors.json").read_text())["vectors"]
    mine = [vector for vector in vectors if vector["venue"] == venue and "request" in vector]
    assert len(mine) == COUNTS[venue]
    for vector in mine:
        request = vector["request"]
        url = urlsplit(request["url"])
        signed = globals()[f"from_{venue}"](vector, request, url)
        assert (signed.method, signed.path) == (request["method"], url.path + (f"?{url.query}" if url.query else "")), vector["call"]
        assert {name: value.reveal() for name, value in signed.headers.items()} == request["headers"], vector["call"]
        assert signed.body.decode() == (request["body"] or ""), vector["call"]


def test_the_one_call_without_a_request_is_one_the_venue_does_not_know(test_data):
    vectors = json.loads((test_data / "rest" / "signing_vectors.json").read_text())["vectors"]
    (missing,) = [vector for vector in vectors if "request" not in vector]
    assert (missing["venue"], missing["args"][1]) == ("gemini", "market")
