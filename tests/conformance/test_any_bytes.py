"""Whatever bytes come in: a feed never raises, and what it says stays true."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.domain.book import Book
from polaris.domain.instrument import Instruments
from polaris.domain.market import DEPTH, LAST, LIVE, STATUS, RowBuffer
from polaris.venues import registry
from polaris.venues.capture import Capture
from polaris.venues.coinbase.decode import EXPECTED

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
