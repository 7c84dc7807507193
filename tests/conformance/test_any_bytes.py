"""Whatever bytes come in: a feed never raises, and what it says stays true."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polaris.domain.book import Book
from polaris.domain.instrument import Instruments
from polaris.domain.market import DEPTH, LAST, LIVE, STATUS, TRADE, RowBuffer
from polaris.venues import registry
from polaris.venues.capture import Capture
from polaris.venues.coinbase.decode import EXPECTED
from tests.conformance.talk import Talk
from tests.conformance.voices import VOICES, every_frame

SECOND = 1_000_000_000
RECORDED = {"coinbase": "coinbase_advanced_20260809.jsonl.gz", "binance": "binance_spot_20211012.jsonl.gz", "gemini": "gemini_v2_20260809.jsonl.gz"}
FRAMES: dict[str, tuple[Instruments, list[bytes]]] = {}
CUTS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 400), st.binary(max_size=8)), max_size=4)
NASTY = [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"stream":"', b'{"stream":"x@depth","data":{}}', b'{"e":"depthUpdate"}',
         b'{"stream":1}', b'{"lastUpdateId":1}', b'{"channel":"l2_data"}', b'{"channel":"l2_data","sequence_num":1,"events":[{"product_id":[]}]}',
         b'{"type":"error","message":"rate limit"}', b'{"channel":"l2_data","sequence_num":' + b"9" * 400 + b"}", b'{"e":"serverShutdown","E":1}']  # fmt: skip


def frames_of(folder: Path, venue: str) -> tuple[Instruments, list[bytes]]:
    if venue not in FRAMES:
        lines = list(Capture(folder / "ws" / RECORDED[venue]))
        frames = [line.data for line in lines if line.kind == "recv" and len(line.data) < 20_000]
        FRAMES[venue] = Instruments(registry.venue(venue).discover(lines)), frames
    return FRAMES[venue]


def consistent(rows) -> bool:
    """A book's rows come while it is LIVE, or as the snapshot just before; the last of them closes the update."""
    state: dict[int, int] = {}
    open_update = False
    for row in rows:
        if row["kind"] == DEPTH:
            open_update = not row["flags"] & LAST
        elif open_update:
            return False
        elif row["kind"] == STATUS:
            if state.get(int(row["instrument"])) == row["price"]:
                return False
            state[int(row["instrument"])] = int(row["price"])
    return not open_update


@pytest.mark.parametrize("venue", RECORDED)
@pytest.mark.parametrize("frame", NASTY)
def test_a_frame_that_is_nothing_at_all_is_counted(test_data, venue, frame):
    instruments, _ = frames_of(test_data, venue)
    feed = registry.venue(venue).feed(instruments, RowBuffer())
    feed.connected(SECOND)
    feed.frame(frame, SECOND)
    feed.response("depth:NKNUSDT", frame, SECOND)
    feed.response("nonsense", frame, SECOND, 0)
    feed.tick(2 * SECOND)
    assert feed.stats.frames == 1
    assert {int(row["kind"]) for row in feed.rows.view()} == {STATUS}


def bring_to_life(feed, venue: str, frames: list[bytes]) -> None:
    """Snapshots that the first of these frames follow."""
    messages = [msgspec.json.decode(frame) for frame in frames]
    for wire in feed.stats.symbols:
        if venue == "binance":
            updates = [each["data"] for each in messages if each["data"].get("e") == "depthUpdate" and each["data"]["s"] == wire]
            last = updates[0]["U"] - 1 if updates else 1
            feed.response(f"depth:{wire}", b'{"lastUpdateId":%d,"bids":[["0.00000001","1"]],"asks":[["9000","1"]]}' % last, SECOND)
        elif venue == "gemini":
            snapshot = {"auction_events": [], "changes": [["buy", "1.0", "1.0"], ["sell", "900000.0", "1.0"]], "symbol": wire, "trades": []}
            feed.frame(msgspec.json.encode({**snapshot, "type": "l2_updates"}), SECOND)
        else:
            level = {"event_time": "2026-08-09T21:05:48Z", "new_quantity": "1"}
            updates = [{**level, "side": "bid", "price_level": "1"}, {**level, "side": "offer", "price_level": "900000"}]
            event = {"type": "snapshot", "product_id": wire, "updates": updates}
            feed.frame(msgspec.json.encode({"channel": "l2_data", "sequence_num": int(feed._head[EXPECTED]), "events": [event]}), SECOND)
    if venue == "coinbase":
        feed._head[EXPECTED] = messages[0]["sequence_num"]


@pytest.mark.parametrize("venue", RECORDED)
@settings(max_examples=150)
@given(data=st.data())
def test_damaged_frames_never_raise_nor_leave_half_an_update(test_data, venue, data):
    instruments, frames = frames_of(test_data, venue)
    feed = registry.venue(venue).feed(instruments, RowBuffer())
    feed.connected(SECOND)
    first = data.draw(st.integers(0, len(frames) - 26))
    bring_to_life(feed, venue, frames[first : first + 25])
    for number, frame in enumerate(frames[first : first + 25]):
        damaged = bytearray(frame)
        for place, length, put in data.draw(CUTS):
            at = place % (len(damaged) + 1)
            damaged[at : at + length % 5] = put
        feed.frame(bytes(damaged), (number + 2) * SECOND)
        feed.tick((number + 2) * SECOND)
    rows = feed.rows.view()
    assert consistent(rows)
    for instrument in instruments:
        book = Book()
        book.apply(rows, instrument.id)
        if feed.stats.symbols[instrument.wire].state == LIVE:
            bids, asks, _, _ = feed.book_text(instrument.wire, 0)
            heard = [[[instrument.price_text(price), instrument.quantity_text(lots)] for price, lots in side] for side in (book.bids(), book.asks())]
            assert heard == [bids, asks]


# every venue, by its own voice


@pytest.mark.parametrize("venue", sorted(VOICES))
@pytest.mark.parametrize("frame", [*NASTY, b"[null]", b'[1,{},"book-10","XBT/USD"]', b'[{"T":"t"}]', b'{"event":"data","channel":"diff_order_book_btcusd","data":[]}'])
def test_a_frame_that_is_nothing_at_all_changes_no_book_of_any_venue(venue, frame):
    talk = Talk(venue).alive().fresh()
    talk.feed.frame(frame, talk.now)
    for tag in ("depth:" + talk.voice.wires[0], "book:" + talk.voice.wires[0], "token", "bars", "nonsense"):
        talk.feed.response(tag, frame, talk.now)
        talk.feed.response(tag, frame, talk.now, 0)
    talk.feed.tick(talk.now)
    assert not len(talk.rows(DEPTH)) and not len(talk.rows(TRADE))


@pytest.mark.parametrize("venue", sorted(VOICES))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_frames_of_any_venue_never_raise_nor_leave_half_an_update(venue, data):
    talk = Talk(venue).alive()
    for frame in every_frame(talk.voice):
        damaged = bytearray(frame)
        for place, length, put in data.draw(CUTS):
            at = place % (len(damaged) + 1)
            damaged[at : at + length % 5] = put
        talk.hear(bytes(damaged))
        talk.passes(100)
    assert consistent(talk.rows())
    if talk.voice.books_told:
        for wire in talk.voice.wires:
            if talk.feed.stats.symbols[wire].state == LIVE:
                item = talk.instruments.by_wire(venue, wire)
                texts = [[[item.price_text(price), item.quantity_text(lots)] for price, lots in side] for side in talk.heard(wire)]
                assert texts == list(talk.feed.book_text(wire, 0)[:2])


WRONG = [None, True, -1, 0, 2**63, 2**200, 1.5, "", "x", "-1", "1e400", "NaN", "9" * 400, "0.00000000000000000001", [], [[]], {}, {"x": 1}]


def leaves(value, keys=()):
    """The way to every value in a JSON document."""
    if keys:
        yield keys
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(each, (*keys, key))


@pytest.mark.parametrize("venue", sorted(VOICES))
@settings(max_examples=100)
@given(data=st.data())
def test_a_wrong_value_anywhere_in_any_message_never_raises_nor_leaves_half_an_update(venue, data):
    talk = Talk(venue)
    hear, answer = talk.feed.frame, talk.feed.response

    def damaged(body: bytes) -> bytes:
        if not data.draw(st.integers(0, 4)) and body:
            value = msgspec.json.decode(body)
            *way, last = data.draw(st.sampled_from(list(leaves(value)) or [("x",)]))
            part = value
            for key in way:
                part = part[key]
            part[last] = data.draw(st.sampled_from(WRONG))
            return msgspec.json.encode(value)
        return body

    talk.feed.frame = lambda payload, ts: hear(damaged(payload), ts)
    talk.feed.response = lambda tag, body, ts, status=200: answer(tag, damaged(body), ts, status)
    talk.connect()
    for frame in every_frame(talk.voice):
        talk.hear(frame)
        talk.passes(500)
    assert consistent(talk.rows())
    if talk.voice.books_told:
        for wire in talk.voice.wires:
            if talk.feed.stats.symbols[wire].state == LIVE:
                item = talk.instruments.by_wire(venue, wire)
                texts = [[[item.price_text(price), item.quantity_text(lots)] for price, lots in side] for side in talk.heard(wire)]
                assert texts == list(talk.feed.book_text(wire, 0)[:2])
