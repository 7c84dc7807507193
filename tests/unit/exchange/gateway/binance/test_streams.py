"""Tests for the names of streams and for what a stream socket makes of any text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.exchange.gateway.binance.stream_names import EVERY, Asked, Kind, asked
from polaris.exchange.gateway.binance.stream_socket import MOST_STREAMS, StreamSocket
from polaris.exchange.marketdata import INTERVALS

BOOKS = {"btcusdt": 0, "ethusdt": 1}
SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("btcusdt@trade", Asked(Kind.TRADE, 0)),
        ("ethusdt@aggTrade", Asked(Kind.AGGREGATE, 1)),
        ("btcusdt@bookTicker", Asked(Kind.TOP, 0)),
        ("btcusdt@miniTicker", Asked(Kind.MINI, 0)),
        ("btcusdt@ticker", Asked(Kind.DAY, 0)),
        ("btcusdt@avgPrice", Asked(Kind.AVERAGE, 0)),
        ("btcusdt@depth", Asked(Kind.DEPTH, 0, interval_ns=SECOND)),
        ("btcusdt@depth@1000ms", Asked(Kind.DEPTH, 0, interval_ns=SECOND)),
        ("btcusdt@depth@100ms", Asked(Kind.DEPTH, 0, interval_ns=SECOND // 10)),
        ("btcusdt@depth20", Asked(Kind.LEVELS, 0, levels=20, interval_ns=SECOND)),
        ("btcusdt@depth5@100ms", Asked(Kind.LEVELS, 0, levels=5, interval_ns=SECOND // 10)),
        ("btcusdt@kline_1M", Asked(Kind.KLINE, 0, word="1M")),
        ("btcusdt@ticker_4h", Asked(Kind.WINDOW, 0, word="4h")),
        ("!ticker@arr", Asked(Kind.DAY, EVERY)),
        ("!miniTicker@arr", Asked(Kind.MINI, EVERY)),
        ("!ticker_1d@arr", Asked(Kind.WINDOW, EVERY, word="1d")),
    ],
)
def test_a_name_says_what_is_asked(name, wanted):
    assert asked(name, BOOKS) == wanted


def test_every_interval_has_a_stream():
    assert all(asked(f"btcusdt@kline_{interval}", BOOKS) == Asked(Kind.KLINE, 0, word=interval) for interval in INTERVALS)


@pytest.mark.parametrize(
    "name",
    ["", "btcusdt", "BTCUSDT@trade", "dogeusdt@trade", "btcusdt@depth7", "btcusdt@depth@10ms", "btcusdt@kline_7m", "btcusdt@trade@100ms", "!ticker", "!trade@arr", "a@b@c"],
)
def test_other_names_are_no_streams(name):
    assert asked(name, BOOKS) is None


@given(st.text(max_size=40))
def test_any_text_is_a_stream_or_none(name):
    found = asked(name, BOOKS)
    assert found is None or found.book in (EVERY, 0, 1)


class Hub:
    """Streams that count who reads them."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def clock(self) -> int:
        return 0

    def knows(self, name: str) -> bool:
        return asked(name, BOOKS) is not None

    def came(self, socket: StreamSocket) -> None: ...

    def went(self, socket: StreamSocket) -> None: ...

    def join(self, name: str, socket: StreamSocket):
        self.read.append(name)
        return lambda: self.read.remove(name)


class Silent(StreamSocket):
    """A socket whose answers are kept."""

    def send(self, text: bytes) -> None:
        self.said.append(json.loads(text))


def socket() -> tuple[Silent, Hub]:
    hub = Hub()
    made = Silent(hub, "", [], combined=False, micros=False, opened_at=0)
    made.said = []
    made.opened()
    return made, hub


names = st.one_of(st.sampled_from(["btcusdt@trade", "!ticker@arr", "combined", "btcusdt@depth", "x"]), st.integers(), st.none(), st.booleans(), st.text(max_size=5))
requests = st.one_of(
    st.binary(max_size=60),
    st.fixed_dictionaries(
        {},
        optional={
            "method": st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY", "BUY", 7]),
            "params": st.one_of(st.lists(names, max_size=4), st.text(max_size=5)),
            "id": st.one_of(st.integers(-(2**70), 2**70), st.text(max_size=40), st.none(), st.floats(allow_nan=False), st.lists(st.none(), max_size=1)),
        },
    ).map(lambda request: json.dumps(request).encode()),
)


@given(st.lists(requests, max_size=12))
async def test_any_text_is_answered_once_and_nobody_reads_what_he_did_not_ask_for(texts):
    made, hub = socket()
    for text in texts:
        before = list(hub.read)
        made.heard(text)
        if "error" in made.said[-1]:
            assert hub.read == before
    assert len(made.said) == len(texts)
    assert sorted(hub.read) == sorted(made._ends)
    made.closed()
    assert hub.read == []


async def test_no_socket_reads_more_than_its_streams():
    made, hub = socket()
    many = [f"btcusdt@kline_{interval}" for interval in INTERVALS]
    made._ends.update({str(number): lambda: None for number in range(MOST_STREAMS - 2)})
    made.heard(json.dumps({"method": "SUBSCRIBE", "params": many[:3], "id": 1}).encode())
    assert made.said[-1]["error"]["code"] == 2 and hub.read == []
    made.heard(json.dumps({"method": "SUBSCRIBE", "params": many[:2], "id": 1}).encode())
    assert hub.read == many[:2]
