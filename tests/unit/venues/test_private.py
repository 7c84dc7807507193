"""User streams without a socket: what is sent to hear them, and what is understood of what they say."""

import base64
import json
from urllib.parse import urlsplit

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.errors import BadConfig, BadMessage
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Product
from polaris.domain.instrument import Key as InstrumentKey
from polaris.domain.orders import BUY, CANCELLED, EXPIRED, FILLED, MAKER, OPEN, PARTIAL, SELL
from polaris.venues import registry
from polaris.venues.binance.orders import sign
from polaris.venues.binance.private import BinancePrivate
from polaris.venues.coinbase.private import CoinbasePrivate
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.orders import Fill, Key, Report
from polaris.venues.private import ANSWER_NS, Deaf, Listening, Missed, PrivateFeed, Told
from polaris.venues.private_session import PrivateSession
from polaris.venues.protocol import Login, Reconnect, Send
from polaris.venues.secrets import Secret

NOW = 1_700_000_000_000_000_000
CURVE = ec.generate_private_key(ec.SECP256R1())
PEM = CURVE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
HMAC = Key(Secret("the-key"), Secret("the-secret"))
ES256 = Key(Secret("organizations/1/apiKeys/2"), Secret(PEM))
BTC = {
    "binance": Instrument(id=InstrumentId(0), key=InstrumentKey("binance", Product.SPOT, "BTC", "USDT"), wire="BTCUSDT", price_decimals=2, quantity_decimals=5),
    "coinbase": Instrument(id=InstrumentId(1), key=InstrumentKey("coinbase", Product.SPOT, "BTC", "USD"), wire="BTC-USD", price_decimals=2, quantity_decimals=8),
}
INSTRUMENTS = Instruments(list(BTC.values()))


def execution(**changed) -> bytes:
    """An execution of 0.4 of 1 BTC, as Binance tells it."""
    event = {
        "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": "p7f3a2c-1", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1.00000", "p": "60000.10",
        "P": "0.00", "F": "0.0", "g": -1, "C": "", "x": "TRADE", "X": "PARTIALLY_FILLED", "r": "NONE", "i": 4293153, "l": "0.40000", "z": "0.70000",
        "L": "60000.00", "n": "0.00004", "N": "BTC", "T": 1_700_000_000_123, "t": 77, "I": 8641984, "w": True, "m": True, "M": False, "O": 1,
        "Z": "1", "Y": "1", "Q": "0", "W": 1, "V": "NONE",
    }  # fmt: skip
    return msgspec.json.encode({"subscriptionId": 0, "event": event | changed})


def order(**changed) -> dict:
    """An order as Coinbase's channel tells it."""
    return {
        "order_id": "o-1", "client_order_id": "c-1", "product_id": "BTC-USD", "order_side": "SELL", "status": "OPEN", "cumulative_quantity": "0",
        "leaves_quantity": "0.5", "avg_price": "0", "total_fees": "0", "limit_price": "61000.00", "stop_price": "",
    } | changed  # fmt: skip


def frame(number: int, *orders: dict, channel: str = "user") -> bytes:
    events = [{"type": "update", "orders": list(orders)}] if channel == "user" else [{"subscriptions": {"user": ["u-1"]}}] if channel == "subscriptions" else []
    return msgspec.json.encode({"channel": channel, "timestamp": "2026-01-01T00:00:00Z", "sequence_num": number, "events": events})


def binance() -> BinancePrivate:
    return BinancePrivate(INSTRUMENTS, HMAC)


def coinbase() -> CoinbasePrivate:
    return CoinbasePrivate(INSTRUMENTS, ES256)


# Binance


def test_binance_is_asked_for_the_stream_with_a_signature_over_the_sorted_parameters():
    (wish,) = binance().subscribe(NOW)
    assert isinstance(wish, Login) and "the-key" not in repr(wish)
    asked = json.loads(wish.text.reveal())
    assert asked["method"] == "userDataStream.subscribe.signature" and urlsplit(BinancePrivate.path).path == "/ws-api/v3"
    signature = asked["params"].pop("signature")
    assert asked["params"] == {"apiKey": "the-key", "recvWindow": 5000, "timestamp": NOW // 1_000_000}
    assert signature == sign("&".join(f"{name}={value}" for name, value in sorted(asked["params"].items())), HMAC.secret)


def test_the_answer_to_the_subscription_says_that_it_stands_or_why_not():
    assert binance().read(b'{"id":"listen","status":200,"result":{"subscriptionId":0},"rateLimits":[]}') == [Listening(fills=True)]
    (deaf,) = binance().read(b'{"id":"listen","status":401,"error":{"code":-2015,"msg":"Invalid API-key"}}')
    assert isinstance(deaf, Deaf) and "-2015 Invalid API-key" in deaf.reason


def test_an_execution_is_told_whole():
    (told,) = binance().read(execution())
    assert told.report == Report("p7f3a2c-1", "4293153", PARTIAL, BUY, 6_000_010, 100_000, 70_000)
    assert told.fill is not None
    assert told.fill == Fill("77", "4293153", 0, BUY, 6_000_000, 40_000, told.fill.fee, "BTC", MAKER, 1_700_000_000_123_000_000) and str(told.fill.fee) == "0.00004"


@pytest.mark.parametrize(("execution_type", "status", "state"), [("NEW", "NEW", OPEN), ("EXPIRED", "EXPIRED", EXPIRED), ("CANCELED", "CANCELED", CANCELLED), ("TRADE", "FILLED", FILLED)])
def test_every_event_says_how_the_order_stands(execution_type, status, state):
    (told,) = binance().read(execution(x=execution_type, X=status))
    assert told.report.state == state and (told.fill is not None) == (execution_type == "TRADE")


def test_a_cancelled_order_is_told_by_the_name_it_was_placed_under():
    (told,) = binance().read(execution(x="CANCELED", X="CANCELED", c="the-cancel", C="p7f3a2c-1", t=-1))
    assert told.report.client == "p7f3a2c-1"


def test_balances_lists_and_other_symbols_say_nothing_of_our_orders():
    assert binance().read(execution(s="DOGEUSDT")) == []
    for event in ({"e": "outboundAccountPosition", "E": 1, "u": 1, "B": []}, {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "1", "T": 1}, {"e": "externalLockUpdate", "E": 1, "a": "BTC", "d": "1", "T": 1}):
        assert binance().read(msgspec.json.encode({"subscriptionId": 0, "event": event})) == []


def test_a_stream_that_the_venue_ends_is_deaf():
    assert isinstance(binance().read(b'{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}')[0], Deaf)


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", execution(L="60000.001"), execution(X="NEWER"), execution(S="HOLD"), execution(N=None), execution(e="somethingNew")])
def test_what_can_not_be_read_exactly_is_refused(payload):
    with pytest.raises(BadMessage):
        binance().read(payload)


# Coinbase


def test_coinbase_is_asked_for_the_channel_with_a_token_that_names_no_call():
    user, beats = coinbase().subscribe(NOW)
    assert isinstance(user, Login) and isinstance(beats, Send) and json.loads(beats.text) == {"type": "subscribe", "channel": "heartbeats"}
    asked = json.loads(user.text.reveal())
    assert (asked["type"], asked["channel"], asked["product_ids"]) == ("subscribe", "user", ["BTC-USD"])
    head, claims, signature = asked["jwt"].split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    CURVE.public_key().verify(encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert told == {"sub": "organizations/1/apiKeys/2", "iss": "cdp", "nbf": NOW // 10**9, "exp": NOW // 10**9 + 120}


def test_the_channel_is_heard_once_the_venue_names_it():
    private = coinbase()
    assert private.read(frame(0, channel="heartbeats")) == []
    assert private.read(frame(1, channel="subscriptions")) == [Listening(fills=False)]


def test_an_order_of_the_channel_is_told_as_it_is_now():
    (told,) = coinbase().read(frame(0, order(cumulative_quantity="0.2", leaves_quantity="0.3")))
    assert told == Told(Report("c-1", "o-1", PARTIAL, SELL, 6_100_000, 50_000_000, 20_000_000))
    assert coinbase().read(frame(0, order(product_id="DOGE-USD"))) == []


def test_a_frame_that_did_not_come_is_missed_and_one_that_comes_again_is_not():
    private = coinbase()
    private.read(frame(0))
    assert [type(word) for word in private.read(frame(3, order()))] == [Missed, Told]
    assert [type(word) for word in private.read(frame(3, order()))] == [Told]
    assert [type(word) for word in private.read(frame(1, order()))] == [Told], "late: it says how the order was"
    assert [type(word) for word in private.read(frame(4, order()))] == [Told]


def test_numbers_begin_anew_on_every_connection():
    private = coinbase()
    private.read(frame(0))
    private.read(frame(1))
    private.subscribe(NOW)
    assert private.read(frame(0)) == []


def test_an_error_of_the_venue_ends_the_stream_in_its_own_words():
    assert coinbase().read(b'{"type":"error","message":"authentication failure"}') == [Deaf("the venue said: authentication failure")]


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"{}", frame(0, order(status="NEWER")), frame(0, order(cumulative_quantity="0.000000001")), frame(0, order(order_side="HOLD"))])
def test_a_frame_that_can_not_be_read_exactly_is_refused(payload):
    with pytest.raises(BadMessage):
        coinbase().read(payload)


@pytest.mark.parametrize("make", [binance, coinbase])
@given(payload=st.binary(max_size=40) | st.recursive(st.none() | st.integers() | st.text(max_size=4), lambda inner: st.dictionaries(st.sampled_from(["event", "events", "channel", "sequence_num", "id", "e"]), inner) | st.lists(inner, max_size=3)).map(msgspec.json.encode))
def test_no_message_does_anything_but_say_words_or_be_refused(make, payload):
    try:
        words = make().read(payload)
    except BadMessage:
        return
    assert all(isinstance(word, Told | Listening | Missed | Deaf) for word in words)


# the feed around them


class Feed(PrivateFeed):
    def __init__(self) -> None:
        self.words: list = []
        super().__init__(binance(), INSTRUMENTS, self.words.append)

    def asked(self) -> list:
        wishes = self.wishes.copy()
        self.wishes.clear()
        return wishes


CONFIRMED = b'{"id":"listen","status":200,"result":{"subscriptionId":0}}'


def test_a_subscription_that_is_not_confirmed_is_asked_for_on_another_connection():
    feed = Feed()
    feed.connected(NOW)
    feed.asked()
    feed.tick(NOW + ANSWER_NS)
    assert not feed.asked()
    feed.tick(NOW + ANSWER_NS + 1)
    assert isinstance(feed.asked()[0], Reconnect)


def test_a_feed_listens_from_its_confirmation_to_the_end_of_its_connection_and_says_so_once():
    feed = Feed()
    feed.connected(NOW)
    feed.frame(CONFIRMED, NOW)
    feed.frame(CONFIRMED, NOW)
    assert feed.listening and feed.words == [Listening(fills=True)]
    feed.disconnected(NOW)
    feed.disconnected(NOW)
    assert not feed.listening and [type(word) for word in feed.words] == [Listening, Deaf]


def test_what_can_not_be_read_may_have_been_about_our_orders():
    feed = Feed()
    feed.frame(b"{", NOW)
    assert isinstance(feed.words[0], Missed) and (feed.stats.bad_messages, feed.stats.gaps) == (1, 1)


def test_a_refused_subscription_and_a_doubted_stream_are_made_anew():
    feed = Feed()
    feed.connected(NOW)
    feed.asked()
    feed.frame(b'{"id":"listen","status":401,"error":{"code":-2015,"msg":"no"}}', NOW)
    assert isinstance(feed.asked()[0], Reconnect) and not feed.words, "nobody was told that it listens"
    feed.frame(CONFIRMED, NOW)
    feed.renew("it did not tell")
    feed.tick(NOW)
    assert feed.asked() == [Reconnect("it did not tell")]


def test_an_account_on_another_machine_is_locked():
    for name in registry.names():
        venue = registry.venue(name)
        if venue.private is not None:
            key = ES256 if name == "coinbase" else HMAC
            with pytest.raises(BadConfig, match="is locked"):
                PrivateSession(venue.private(INSTRUMENTS, key), VenueEndpoint(name, venue.private_url, venue.public.rest_url), INSTRUMENTS, print, clock=lambda: NOW)
