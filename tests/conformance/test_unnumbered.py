"""What can go wrong where nothing is numbered: a loss leaves no trace in the stream, and is found all the same."""

import msgspec
import pytest

from polaris.domain.market import DEPTH, SNAPSHOT, STATUS, SYNCING, TRADE
from polaris.venues.comparison import ComparisonLimits

SECOND = 1_000_000_000
FIRST = ["SYNCING connect", "LIVE none"]
VENUES = [("gemini", "BTCUSD")]
HASTE = ComparisonLimits(every_ns=SECOND // 2, again_ns=SECOND // 5)  # the recording lasts seven seconds


def until_back(made, wire: str) -> None:
    """Play until the book was lost and is LIVE again."""
    losses = len(made.story(wire))
    while len(made.story(wire)) < losses + 2:
        made.play(1)


def update(wire: str, *changes: tuple[str, str, str]) -> bytes:
    return msgspec.json.encode({"changes": changes, "symbol": wire, "type": "l2_updates"})


def others(made, wire: str) -> list[str]:
    return [each for each in made.feed.stats.symbols if each != wire]


@pytest.mark.parametrize(("venue", "wire"), VENUES)
def test_without_a_fault_the_books_are_compared_and_agree(stage, venue, wire):
    made = stage(venue, options={"comparison": HASTE})
    made.play(400)
    assert all(made.agrees(each) and made.story(each) == FIRST for each in made.feed.stats.symbols)
    assert set(made.compared) == {f"book:{each}" for each in made.feed.stats.symbols}
    assert all(symbol.checksums_ok > 3 and not symbol.checksums_failed for symbol in made.feed.stats.symbols.values())


@pytest.mark.parametrize(("venue", "wire"), VENUES)
def test_a_lost_frame_is_found_by_comparison_and_costs_that_book_only(stage, venue, wire):
    """As if the last change of a level were lost, and it had been of another quantity before."""
    made = stage(venue, options={"comparison": HASTE})
    made.arrives(update(wire, ("buy", made.truth.book_text(wire, 15)[0][-1][0], "9.0")))
    assert made.state(wire) == "LIVE"
    assert not made.agrees(wire)
    until_back(made, wire)
    assert made.story(wire) == [*FIRST, "SYNCING checksum", "LIVE none"]
    assert made.feed.stats.symbols[wire].checksums_failed == 1
    assert made.agrees(wire)
    assert all(made.story(each) == FIRST and made.agrees(each) for each in others(made, wire))


@pytest.mark.parametrize(("venue", "wire"), VENUES)
def test_a_frame_that_comes_twice_leaves_the_same_book(stage, venue, wire):
    made = stage(venue)
    frame = made.sent(made.until(wire))
    made.arrives(frame)
    made.arrives(frame)
    made.play(50)
    assert made.story(wire) == FIRST
    assert made.agrees(wire)


@pytest.mark.parametrize(("venue", "wire"), VENUES)
def test_two_frames_in_the_wrong_order_are_found_by_comparison(stage, venue, wire):
    made = stage(venue, options={"comparison": HASTE})
    price, quantity = made.truth.book_text(wire, 15)[0][-1]
    for each in (quantity, "9.0"):  # sent as 9.0, then as it is
        made.arrives(update(wire, ("buy", price, each)))
    until_back(made, wire)
    assert made.story(wire) == [*FIRST, "SYNCING checksum", "LIVE none"]
    assert made.agrees(wire)


@pytest.mark.parametrize(("venue", "wire"), VENUES)
def test_a_book_that_stays_crossed_is_given_up_after_two_seconds(stage, venue, wire):
    made = stage(venue)
    ask = made.truth.book_text(wire, 10)[1][-1][0]
    made.arrives(update(wire, ("buy", ask, "1.0")))
    began = made.now
    until_back(made, wire)
    crossed = next(row for row in made.rows(STATUS, wire)[::-1] if row["price"] == SYNCING)
    assert 2 * SECOND <= crossed["ts_recv"] - began <= 2 * SECOND + 300_000_000
    assert made.story(wire) == [*FIRST, "SYNCING crossed", "LIVE none"]
    assert made.agrees(wire)
    assert all(made.story(each) == FIRST for each in others(made, wire))


@pytest.mark.parametrize(("venue", "wire"), VENUES)
def test_a_silent_symbol_is_stale_after_ten_seconds_and_live_with_its_snapshot(stage, venue, wire):
    made = stage(venue)
    made.asked.clear()
    made.passes(made.now + 11 * SECOND)
    assert made.story(wire) == [*FIRST, "STALE silence", "LIVE none"]
    assert wire in made.asked
    assert made.agrees(wire)


@pytest.mark.parametrize(("venue", "wire"), VENUES)
def test_updates_alone_do_not_bring_a_stale_book_back(stage, venue, wire):
    made = stage(venue, answers=False)
    made.passes(made.now + 11 * SECOND)
    made.play(200)
    assert made.story(wire) == [*FIRST, "STALE silence"]


@pytest.mark.parametrize(("venue", "wire"), VENUES)
def test_without_a_snapshot_a_book_is_never_live_and_trades_flow_all_the_same(stage, venue, wire):
    made = stage(venue, live=False, answers=False)
    while made.lines:
        frame = made.sent(made.lines.pop(0))
        if b'"auction_events"' not in frame[:20]:
            made.arrives(frame)
    assert made.story(wire) == ["SYNCING connect"]
    assert len(made.rows(DEPTH)) == 0
    assert len(made.rows(TRADE)) == 2


@pytest.mark.parametrize(("venue", "wire"), VENUES)
def test_a_new_connection_replaces_the_book(stage, venue, wire):
    made = stage(venue)
    for _ in range(200):
        made.sent(made.lines.pop(0))
    snapshots = len(made.rows()[(made.rows()["flags"] & SNAPSHOT) != 0])
    made.reconnect()
    made.play(200)
    assert made.story(wire) == [*FIRST, "DISCONNECTED closed", "SYNCING connect", "LIVE none"]
    assert len(made.rows()[(made.rows()["flags"] & SNAPSHOT) != 0]) > snapshots
    assert made.agrees(wire)


@pytest.mark.parametrize(("venue", "wire"), VENUES)
@pytest.mark.parametrize("spoiled", ["1.2.3", "-1", 61000.5])
def test_a_book_update_with_an_unreadable_number_costs_that_book_only(stage, venue, wire, spoiled):
    made = stage(venue)
    made.passes(made.now + 2 * SECOND)
    rows = len(made.rows(DEPTH))
    made.answers = False
    made.arrives(update(wire, ("buy", "1.0", "1.0"), ("buy", spoiled, "1.0")))
    assert len(made.rows(DEPTH)) == rows
    assert made.story(wire) == [*FIRST, "SYNCING bad message"]
    made.answers = True
    made.passes(made.now + 12 * SECOND)
    assert made.story(wire)[-1] == "LIVE none"
    assert made.agrees(wire)
