"""What holds of every venue there is: found by entry point, believed only after a snapshot, honest about trades and losses."""

import importlib
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import msgspec
import numpy as np
import pytest

from polaris.domain.errors import BadConfig, BadMessage, UnknownSymbol
from polaris.domain.instrument import Instruments, Product
from polaris.domain.market import (
    ASK,
    CLEAR,
    DEPTH,
    DISCONNECTED,
    LAST,
    LIVE,
    REASON_NAMES,
    SNAPSHOT,
    STATUS,
    SYNCING,
    TRADE,
    RowBuffer,
)
from polaris.venues import registry
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.protocol import Reconnect
from tests.conformance.talk import MILLISECOND, TS, Talk
from tests.conformance.voices import MS, VOICES, every_frame

EVERY = sorted(VOICES)
WITH_BOOKS = [name for name in EVERY if VOICES[name].books_told]
GUARDED = [name for name in EVERY if VOICES[name].guarded]


# what there is


def test_every_venue_has_a_voice_here():
    assert set(EVERY) == set(registry.OURS) == set(registry.names())


@pytest.mark.parametrize("name", EVERY)
def test_every_venue_is_found_by_its_entry_point(name):
    points = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["entry-points"][registry.GROUP]
    assert points[name] == registry.OURS[name], "what an installation finds and what a checkout knows are the same"
    assert EntryPoint(name, points[name], registry.GROUP).load() is registry.venue(name)
    assert registry.venue(name).name == name


@pytest.mark.parametrize("name", EVERY)
def test_every_venue_is_a_folder_of_the_same_names(name):
    folder = Path(str(importlib.import_module(registry.OURS[name].partition(":")[0]).__file__)).parent
    assert {"feed", "messages", "decode", "symbols", "documents", "orders", "errors"} <= {path.stem for path in folder.glob("*.py")}


@pytest.mark.parametrize("name", EVERY)
def test_every_venue_says_where_it_is_what_it_allows_and_what_it_needs_first(name):
    venue = registry.venue(name)
    assert (venue.public.name, venue.public.ws_url[:6], venue.public.rest_url[:8]) == (name, "wss://", "https://")
    assert "." in venue.public.ws_url and "127.0.0.1" not in venue.public.ws_url
    limits = venue.limits
    assert 0 < limits.rest_per_second <= 10 and 0 < limits.rest_burst <= 20
    assert 0 < limits.messages_per_second <= 100 and 5 <= limits.silence_s <= 300
    assert venue.opening is None or venue.opening.path.startswith("/")
    assert venue.metadata(VOICES[name].wires).startswith("/")
    assert VenueEndpoint(name, "ws://127.0.0.1:9", "http://127.0.0.1:9").ws_url != venue.public.ws_url
    with pytest.raises(BadConfig, match=f"endpoint of {name}"):
        VenueEndpoint(name, "https://127.0.0.1", "http://127.0.0.1")


@pytest.mark.parametrize("name", EVERY)
def test_symbols_become_instruments_whose_keys_differ(name):
    talk = Talk(name)
    assert [item.wire for item in talk.instruments] == list(talk.voice.wires)
    assert [str(item.key) for item in talk.instruments] == [f"{key}.{name}" for key in talk.voice.keys]
    assert [item.id for item in talk.venue.instruments(talk.voice.document(), talk.voice.wires, 7)] == [7, 8]
    assert all(item.key.product in talk.venue.products for item in talk.instruments)


def test_spot_and_perpetual_of_one_pair_never_share_a_key():
    spot, perpetual = Talk("gemini").instruments
    assert (spot.key.base, spot.key.quote) == (perpetual.key.base, perpetual.key.quote)
    assert (spot.key.product, perpetual.key.product) == (Product.SPOT, Product.PERPETUAL)
    everything = [item.symbol for name in EVERY for item in Talk(name).instruments]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("name", EVERY)
def test_a_symbol_that_is_not_there_and_a_document_that_is_none_are_refused_by_name(name):
    venue = registry.venue(name)
    with pytest.raises(UnknownSymbol, match="NOSUCH"):
        venue.instruments(VOICES[name]().document(), ["NOSUCH"], 0)
    for body in (b"", b"<html>", b"[1]", b'{"error":["EGeneral:Internal error"]}'):
        with pytest.raises((BadMessage, UnknownSymbol), match=name):
            venue.instruments(body, VOICES[name].wires, 0)


@pytest.mark.parametrize("name", EVERY)
def test_a_feed_takes_the_instruments_of_its_venue_only(name):
    other = Talk("kraken" if name != "kraken" else "binance")
    mine = Talk(name)
    both = Instruments([*mine.instruments, *other.venue.instruments(other.voice.document(), other.voice.wires, 2)])
    assert list(mine.venue.feed(both, RowBuffer()).stats.symbols) == list(mine.voice.wires)


# books


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_live_before_the_venue_told_it(name):
    talk = Talk(name)
    assert talk.states == [DISCONNECTED, DISCONNECTED]
    talk.feed.connected(talk.now)
    assert talk.states == [SYNCING, SYNCING]
    assert set(talk.rows()["kind"]) == ({STATUS} if talk.voice.books_told else set())


@pytest.mark.parametrize("name", WITH_BOOKS)
def test_a_book_without_a_snapshot_is_never_live_whatever_changes_come(name):
    talk = Talk(name, silent=True)
    talk.connect()
    for _ in range(5):
        talk.hear(*every_frame(talk.voice))
        talk.passes(1000)
    assert LIVE not in talk.states
    assert not len(talk.rows(DEPTH))
    assert LIVE not in talk.rows(STATUS)["price"]
    assert len(talk.rows(TRADE)), "trades need no book"


@pytest.mark.parametrize("name", WITH_BOOKS)
def test_a_snapshot_is_told_whole_just_before_its_book_is_live(name):
    talk = Talk(name).alive()
    for wire in talk.voice.wires:
        item = talk.instruments.by_wire(name, wire)
        rows = [row for row in talk.rows() if row["instrument"] == item.id]
        status = [place for place, row in enumerate(rows) if row["kind"] == STATUS]
        assert [int(rows[place]["price"]) for place in status] == [SYNCING, LIVE]
        whole = rows[status[0] + 1 : status[1]]
        assert {int(row["kind"]) for row in whole} == {DEPTH}
        assert [bool(row["flags"] & CLEAR) for row in whole] == [True] + [False] * (len(whole) - 1)
        assert [bool(row["flags"] & LAST) for row in whole] == [False] * (len(whole) - 1) + [True]
        assert all(row["flags"] & SNAPSHOT for row in whole)
        assert talk.heard(wire) == talk.numbers(wire)


@pytest.mark.parametrize("name", WITH_BOOKS)
def test_changes_keep_the_book_the_same_on_both_sides_and_their_rows_in_order(name):
    talk = Talk(name).alive()
    live = len(talk.rows())
    talk.hear(*every_frame(talk.voice))
    for wire in talk.voice.wires:
        assert talk.heard(wire) == talk.numbers(wire)
        texts = [[(float(price), float(size)) for price, size in side] for side in talk.feed.book_text(wire, 0)[:2]]
        assert texts == [[(float(price), float(size)) for price, size in talk.voice.side(wire, side)] for side in ("bid", "ask")]
    rows = talk.rows()
    assert (np.diff(rows["ts_recv"]) >= 0).all(), "our clock runs forward"
    assert ((rows["ts_event"] == 0) | (abs(rows["ts_event"] - MS * MILLISECOND) < 1000 * MILLISECOND)).all(), "the venue's clock, in nanoseconds"
    changes = rows[live:]
    assert set(changes["ts_recv"]) <= set(range(TS, talk.now + 1, MILLISECOND)), "stamped as each frame came"
    assert all(row["flags"] & LAST for row in changes if row["kind"] == DEPTH), "one change, one update"
    assert (talk.feed.stats.bad_messages, talk.feed.stats.gaps) == (0, 0)


@pytest.mark.parametrize("name", WITH_BOOKS)
def test_a_level_that_goes_twice_is_gone_once(name):
    talk = Talk(name).alive()
    wire = talk.voice.wires[0]
    talk.hear(talk.voice.change(wire, "bid", 99, 0), talk.voice.change(wire, "bid", 99, 0), talk.voice.change(wire, "ask", 150, 0))
    assert talk.states == [LIVE, LIVE]
    assert talk.heard(wire) == talk.numbers(wire)


@pytest.mark.parametrize("name", EVERY)
def test_a_disconnect_clears_and_only_a_new_snapshot_brings_the_book_back(name):
    talk = Talk(name).alive()
    before = talk.voice.change(talk.voice.wires[0], "bid", 99, 9) if talk.voice.books_told else b"[]"
    talk.feed.disconnected(talk.now)
    assert talk.states == [DISCONNECTED, DISCONNECTED]
    if talk.voice.books_told:
        assert set(talk.rows(STATUS)[-2:]["price"]) == {DISCONNECTED}
        assert all(talk.feed.book_text(wire, 0) == ([], [], 0, 0) for wire in talk.voice.wires)
    talk.fresh().feed.frame(before, talk.now)  # still in the pipe
    assert talk.states == [DISCONNECTED, DISCONNECTED]
    assert not len(talk.rows(DEPTH))
    for wire in talk.voice.wires:
        talk.voice.books[wire]["bid"].clear()  # meanwhile
        talk.voice.books[wire]["bid"][talk.voice.price(95)] = talk.voice.size(4)
    talk.feed.wishes.clear()
    talk.now += 5000 * MILLISECOND
    talk.alive()
    if talk.voice.books_told:
        assert all(talk.heard(wire) == talk.numbers(wire) for wire in talk.voice.wires), "replaced, never merged"


@pytest.mark.parametrize("name", GUARDED)
def test_a_loss_costs_the_books_it_may_concern_and_no_other(name):
    talk = Talk(name).alive().fresh()
    lost, other = talk.voice.wires
    talk.now += 5000 * MILLISECOND  # since the last snapshot: a book is not asked for again at once
    wishes = talk.feed.wishes
    for frame in talk.voice.lose(lost):
        talk.now += MILLISECOND
        talk.feed.frame(frame, talk.now)
    expected = [SYNCING, SYNCING if talk.voice.guarded == "connection" else LIVE]
    assert talk.states == expected
    said = [(int(row["instrument"]), int(row["price"]), REASON_NAMES[row["quantity"]]) for row in talk.rows(STATUS)]
    whom = [0, 1] if talk.voice.guarded == "connection" else [0]
    assert said == [(item, SYNCING, said[0][2]) for item in whom] and said[0][2] in ("gap", "checksum")
    assert not [wish for wish in wishes if isinstance(wish, Reconnect)], "a book, not the connection"
    talk.settle()
    talk.hear(talk.voice.change(other, "bid", 96, 1), talk.voice.change(lost, "bid", 96, 1))
    talk.passes(5000)
    assert talk.states == [LIVE, LIVE]
    # the other book is known from its first snapshot, so both are looked at whole
    for wire in (lost, other):
        texts = [[(float(price), float(size)) for price, size in side] for side in talk.feed.book_text(wire, 0)[:2]]
        assert texts == [[(float(price), float(size)) for price, size in talk.voice.side(wire, side)] for side in ("bid", "ask")]


# trades


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("taker_buys", [True, False])
def test_a_trade_carries_the_side_of_its_taker_whatever_the_venue_calls_it(name, taker_buys):
    talk = Talk(name).alive()
    talk.hear(talk.voice.trade(talk.voice.wires[1], True)).fresh()  # the first one may have no one before it to tell by
    talk.hear(talk.voice.trade(talk.voice.wires[1], taker_buys))
    (row,) = talk.rows(TRADE)
    item = talk.instruments.by_wire(name, talk.voice.wires[1])
    assert bool(row["flags"] & ASK) is not taker_buys
    assert row["instrument"] == item.id
    assert abs(int(row["ts_event"]) - MS * MILLISECOND) < 1000 * MILLISECOND
    assert row["ts_recv"] == talk.now
    assert row["quantity"] == 10**item.quantity_decimals


# whatever comes


@pytest.mark.parametrize("name", EVERY)
def test_a_field_that_nobody_knows_costs_nothing(name):
    talk = Talk(name).alive()
    for frame in every_frame(talk.voice):
        said = msgspec.json.decode(frame, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
        talk.hear(msgspec.json.encode(said | {"a field": {"that": ["nobody", "knows"]}}) if isinstance(said, dict) else frame)
    assert talk.states == [LIVE, LIVE]
    assert talk.feed.stats.bad_messages == 0
    if talk.voice.books_told:
        assert all(talk.heard(wire) == talk.numbers(wire) for wire in talk.voice.wires)
