"""Venues are found by name, by what a header calls them, and by their frames."""

import importlib
from pathlib import Path

import pytest

from polaris.domain.errors import BadConfig
from polaris.venues import registry
from polaris.venues.capture import Line

FRAMES = {
    "coinbase": b'{"channel":"heartbeats","timestamp":"2026-08-09T21:05:48.856364007Z","sequence_num":35,"events":[]}',
    "binance": b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}}',
    "binance-usdm": b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]}}',
    "binance-coinm": b'{"stream":"btcusd_perp@depth","data":{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1,"u":2,"pu":0,"b":[],"a":[]}}',
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_venue_is_known_by_its_name_and_its_frames(name):
    assert name in registry.names()
    assert registry.venue(name).name == name
    quote = Line("recv", 1, "", b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT"}}')
    found = registry.recognise([quote, Line("recv", 2, "", FRAMES[name])])
    assert found is not None
    assert found.name == name


def test_frames_that_any_market_of_a_venue_sends_tell_nothing():
    assert registry.recognise([Line("recv", 1, "", b'{"stream":"btcusdt@trade","data":{}}')]) is None


def test_a_header_may_use_another_name():
    found = [registry.recorded_as(name) for name in ("COINBASE", "BINANCE", "BINANCE_FUTURES", "binance-coinm", "KRAKENNE")]
    assert [each.name if each else None for each in found] == ["coinbase", "binance", "binance-usdm", "binance-coinm", None]


def test_an_unknown_venue_is_refused_with_the_known_ones():
    with pytest.raises(BadConfig, match="no venue 'coinbas'; known are coinbase, binance"):
        registry.venue("coinbas")


def test_every_venue_is_a_folder_of_the_same_six_names():
    for place in registry.OURS.values():
        folder = Path(importlib.import_module(place.partition(":")[0]).__file__).parent
        assert {"feed", "messages", "decode", "orders", "symbols", "errors"} <= {path.stem for path in folder.glob("*.py")}, folder.name
