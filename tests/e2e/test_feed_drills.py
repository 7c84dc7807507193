"""The failure drills: each damage injected into a recording served over a real socket, heard by the desk's own feeds.

Only the touched book leaves LIVE (where the venue's numbering tells which one it is), downstream hears why, it comes back by
itself, and in the end the feed, whoever hears only its rows, and the venue hold the same book, to the last level.
"""

import asyncio
import re
import time

import pytest

from polaris.domain.market import CLEAR, DEPTH, SNAPSHOT, TRADE, RowBuffer, Rows
from polaris.venues import registry
from polaris.venues.served.server import Reply
from polaris.venues.session import SessionSettings
from polaris.views.quality import QualityMeter
from tests.e2e.damaged_line import DamagedLine, drill, lines_of
from tests.steady_time import steady

WIRES = {"binance": "BTCUSDT", "coinbase": "BTC-USD", "kraken-v1": "XMR/USD", "bitstamp": "ethusd", "gemini": "BTCUSD", "binance-usdm": "BTCUSDT"}
NUMBERED = ["binance", "binance-usdm", "coinbase"]
QUICK = {"backoff_first_s": 0.05, "messages_per_second": 1000, "messages_burst": 1000, "tick_s": 0.02}


def is_book(venue: str, wire: str):
    """Whether a frame changes that book."""
    marks = {
        "binance": (b'"depthUpdate"', f'"s":"{wire}"'),
        "binance-usdm": (b'"depthUpdate"', f'"s":"{wire}"'),
        "coinbase": (b'"type":"update"', f'"product_id":"{wire}"'),
        "kraken-v1": (b'"book-1000"', f'"{wire}"'),
        "bitstamp": (b'"event":"data"', f"diff_order_book_{wire}"),
        "gemini": (b'"l2_updates"', f'"symbol":"{wire}"'),
    }[venue]
    kind, name = marks
    return lambda frame: kind in frame and name.encode() in frame and b'"changes":[]' not in frame


class Once:
    """A fault that strikes the next frame that `wanted` picks, and counts."""

    def __init__(self, wanted, damage) -> None:
        self.wanted, self.damage, self.struck = wanted, damage, 0
        self.armed = False

    def __call__(self, frame: bytes):
        if self.armed and not self.struck and self.wanted(frame):
            self.struck += 1
            return self.damage(frame)
        return [frame]


@pytest.fixture
def line(test_data):
    def make(venue: str) -> DamagedLine:
        return DamagedLine(venue, lines_of(test_data, venue))

    return make


async def struck(made, fault: Once) -> None:
    fault.armed = True
    await made.until(lambda: fault.struck > 0)


async def comes_back(made, wire: str, reason: str) -> None:
    """The book left LIVE for that reason, said so downstream with a book that starts anew, and is the venue's again."""
    await made.until(lambda: f"SYNCING {reason}" in made.story(wire))
    await made.until_live(wire)
    await made.until(lambda: made.agrees(wire))
    story = made.story(wire)
    assert story[-2:] == [f"SYNCING {reason}", "LIVE none"], story
    depth = made.rows(DEPTH, wire)
    assert ((depth["flags"] & (SNAPSHOT | CLEAR)) == (SNAPSHOT | CLEAR)).sum() == story.count("LIVE none")


def others_stayed_live(made, wire: str) -> bool:
    return all(made.story(other)[-1] == "LIVE none" and made.story(other).count("LIVE none") == 1 for other in made.feed.stats.symbols if other != wire)


@pytest.mark.parametrize("venue", WIRES)
@steady
async def test_an_undamaged_line_gives_the_venues_books(line, venue):
    async with drill(line(venue)) as made:
        wire = WIRES[venue]
        await made.until_live(wire)
        await made.until(lambda: made.agrees(wire))
        assert made.feed.stats.gaps == 0 and made.feed.stats.bad_messages == 0


@pytest.mark.parametrize("venue", NUMBERED)
@steady
async def test_1_a_dropped_frame_costs_the_books_it_may_have_held(line, venue):
    wire = WIRES[venue]
    fault = Once(is_book(venue, wire), lambda frame: [])
    served = line(venue)
    served.fault = fault
    async with drill(served) as made:
        await made.until_live()
        await struck(made, fault)
        await comes_back(made, wire, "gap")
        assert made.feed.stats.gaps == 1
        if venue != "coinbase":  # whose numbers are the connection's: the lost frame may have been any book's
            assert others_stayed_live(made, wire)


@pytest.mark.parametrize("venue", NUMBERED)
@steady
async def test_2_swapped_frames_are_a_gap(line, venue):
    wire = WIRES[venue]
    held: list[bytes] = []
    picks = is_book(venue, wire)
    served = line(venue)
    armed = False

    def swap(frame: bytes):
        if held and held[0] is not frame and picks(frame) and len(held) == 1:
            held.append(frame)
            return [frame, held[0]]
        if armed and not held and picks(frame):
            held.append(frame)
            return []
        return [frame]

    served.fault = swap
    async with drill(served) as made:
        await made.until_live()
        armed = True
        await comes_back(made, wire, "gap")


@pytest.mark.parametrize("venue", [*NUMBERED, "bitstamp", "gemini"])
@steady
async def test_3_a_frame_that_comes_twice_changes_nothing(line, venue):
    wire = WIRES[venue]
    fault = Once(is_book(venue, wire), lambda frame: [frame, frame])
    served = line(venue)
    served.fault = fault
    async with drill(served) as made:
        await made.until_live(wire)
        await struck(made, fault)
        await served.play(0.5)
        await made.until(lambda: made.agrees(wire))
        assert made.story(wire).count("LIVE none") == 1 and made.state(wire) == "LIVE"


@pytest.mark.parametrize("venue", WIRES)
@steady
async def test_4_and_11_a_cut_line_is_opened_again_and_the_old_book_is_replaced(line, venue):
    wire = WIRES[venue]
    served = line(venue)
    async with drill(served) as made:
        await made.until_live(wire)
        await made.until(lambda: made.agrees(wire))
        made.server.cut()
        await made.until(lambda: "DISCONNECTED closed" in made.story(wire))
        await served.play(1.0)  # the market goes on without us
        await made.until_live(wire)
        await made.until(lambda: made.agrees(wire))
        assert served.connections == 2 and made.story(wire)[-3:] == ["DISCONNECTED closed", "SYNCING connect", "LIVE none"]


@steady
async def test_5_one_changed_digit_is_found_by_the_checksum_and_costs_that_book_only(line):
    wire = WIRES["kraken-v1"]
    changed = re.compile(rb'(\[\["\d+\.\d*?)([1-9])(\d*",")')

    def another(frame: bytes):
        return [changed.sub(lambda found: found[1] + (b"1" if found[2] != b"1" else b"2") + found[3], frame, count=1)]

    fault = Once(lambda frame: is_book("kraken-v1", wire)(frame) and b'"c":' in frame and changed.search(frame) is not None, another)
    served = line("kraken-v1")
    served.fault = fault
    async with drill(served) as made:
        await made.until_live(wire)
        for _ in range(12):  # a level far from the touch is in no checksum: strike until one is
            await struck(made, fault)
            await served.play(1.0)
            await asyncio.sleep(0.05)
            if made.feed.stats.symbols[wire].checksums_failed:
                break
            fault.struck = 0
        assert made.feed.stats.symbols[wire].checksums_failed >= 1
        await made.until_live(wire)
        await made.until(lambda: made.agrees(wire))
        assert "SYNCING checksum" in made.story(wire)
        assert all("SYNCING checksum" not in made.story(other) for other in made.feed.stats.symbols if other != wire)


@pytest.mark.parametrize("venue", ["binance", "coinbase", "bitstamp"])
@steady
async def test_6_ten_silent_seconds_with_pings_alive_make_a_book_stale(line, venue):
    wire = WIRES[venue]
    picks = is_book(venue, wire)
    served = line(venue)
    silent = False
    served.fault = lambda frame: [] if silent and (picks(frame) or wire.encode() in frame) else [frame]
    if venue == "coinbase":  # numbers go on: the whole line falls silent, only pings are left
        served.fault = lambda frame: [] if silent else [frame]
    async with drill(served) as made:
        await made.until_live(wire)
        silent = True
        await made.until(lambda: "STALE silence" in made.story(wire), seconds=25)
        assert made.feeds.sessions[venue].connected
        silent = False
        await made.until_live(wire)
        await made.until(lambda: made.agrees(wire))
        live = [row for row in made.rows(DEPTH, wire) if row["flags"] & CLEAR]
        assert len(live) >= 2, "downstream got a whole book again"


@steady
async def test_7_a_venues_clock_that_is_off_costs_nothing_and_is_measured(line):
    offsets = []
    for off in (0, 1_300_000_000):
        served = line("binance")

        def clock(served=served, off=off) -> int:
            """The time of the recorder's clock, as far as the stream has come, and so much more."""
            return served.lines[served._next].ts + off

        async with drill(served, clock=clock) as made:
            await made.until_live()
            await served.play(3.0)
            await made.until(lambda: made.agrees("BTCUSDT"))
            assert all(made.story(wire) == ["SYNCING connect", "LIVE none"] for wire in made.feed.stats.symbols)
            meter = QualityMeter(len(made.line.instruments))
            for rows in made.heard:
                meter.hear(rows)
            offsets.append(meter.second(clock()).symbols[0].offset_p50_ns)
    assert abs(offsets[1] - offsets[0] - 1_300_000_000) < 100_000_000


@pytest.mark.parametrize("venue", ["binance", "bitstamp"])
@steady
async def test_8_a_book_left_crossed_is_given_up_after_two_seconds(line, venue):
    wire = WIRES[venue]
    served = line(venue)

    def cross(frame: bytes):
        ask = served.truth.book_text(wire, 30)[1][-1][0].encode()
        mark = b'"b":[' if venue == "binance" else b'"bids":['
        at = frame.index(mark) + len(mark)
        comma = b"" if frame[at : at + 1] == b"]" else b","
        return [frame[:at] + b'["' + ask + b'","1.00000000"]' + comma + frame[at:]]

    fault = Once(is_book(venue, wire), cross)
    served.fault = lambda frame: [] if fault.struck and b"bookTicker" in frame else fault(frame)  # which would have shown it at once
    async with drill(served) as made:
        await made.until_live(wire)
        await struck(made, fault)
        await made.until(lambda: "SYNCING crossed" in made.story(wire), seconds=15)
        await made.until_live(wire)
        await made.until(lambda: made.agrees(wire))
        assert made.feed.stats.symbols[wire].crossed == 1
        assert others_stayed_live(made, wire) or venue == "bitstamp"


@pytest.mark.parametrize("venue", ["binance", "binance-usdm", "bitstamp"])
@steady
async def test_9_a_snapshot_older_than_the_buffer_is_asked_for_again(line, venue):
    wire = WIRES[venue]
    served = line(venue)
    old = Reply(served._snapshot(wire))
    await_old = [old, old]
    served.refuse = lambda tag: await_old.pop() if await_old and tag == f"depth:{wire}" else None
    await served.play(3.0)
    async with drill(served) as made:
        await made.until_live(wire)
        await made.until(lambda: made.agrees(wire))
        assert not await_old and made.feed.stats.ignored["snapshot older than the stream"] >= 1


@pytest.mark.parametrize(("venue", "trades"), [("binance", True), ("coinbase", True), ("kraken-v1", False), ("bitstamp", True), ("gemini", False)])
@steady
async def test_10_without_a_snapshot_no_book_is_ever_live_and_trades_flow(line, venue, trades):
    served = line(venue)
    served.refuse = lambda tag: Reply(b'{"error":"none"}', 404) if tag.startswith("depth:") else None
    async with drill(served) as made:
        await served.play(3.0)
        if trades:  # the recordings of the others hold none that late
            await made.until(lambda: any(made.trades(wire) for wire in made.feed.stats.symbols), seconds=25)
        assert made.heard and all("LIVE none" not in made.story(wire) for wire in made.feed.stats.symbols)


@pytest.mark.parametrize("venue", WIRES)
@steady
async def test_13_another_connection_takes_over_before_the_venue_ends_the_first_and_no_row_is_missing(line, venue):
    wire = WIRES[venue]
    served = line(venue)
    async with drill(served, SessionSettings(**QUICK, rollover_s=5.0, settles_s=0.3)) as made:  # of the fast clock: half a second of ours
        await made.until_live(wire)
        first = made.feed
        await made.until(lambda: made.feed is not first, seconds=40)
        frames = made.feed.stats.frames
        await served.play(1.0)
        await made.until(lambda: made.agrees(wire))
        assert served.connections >= 2 and made.feed.stats.frames > frames > 100
        everything = trades_of(served)
        for each in made.feed.stats.symbols:
            assert "DISCONNECTED closed" not in made.story(each) and made.story(each).count("LIVE none") <= 1, "downstream sees no gap"
            told, market = named(made.rows(TRADE, each)), named(everything[everything["instrument"] == served.instruments.by_wire(venue, each).id])
            begins = [at for at in range(len(market) + 1) if market[at : at + len(told)] == told]
            assert begins, f"{each}: every trade of the market once, from the first that was told"


def named(trades: Rows) -> list[tuple[int, ...]]:
    """What the venue says of each trade."""
    return trades[["ts_event", "price", "quantity", "flags", "other"]].tolist()


def trades_of(served: DamagedLine) -> Rows:
    """Every trade that the venue told so far, as one undamaged feed hears it."""
    feed = registry.venue(served.name).feed(served.instruments, RowBuffer())
    feed.connected(served.lines[0].ts)
    for line in served.lines[: served._next]:
        if line.kind == "recv":
            feed.frame(line.data, line.ts)
    rows = feed.rows.take()
    return rows[rows["kind"] == TRADE]


@pytest.mark.parametrize(("status", "asked_s"), [(429, "0.3"), (418, "0.5")])
@steady
async def test_14_a_venue_that_asks_us_to_stay_away_is_left_alone_so_long(line, status, asked_s, monkeypatch):
    served = line("binance")
    refused = []

    def busy(tag: str):
        if len(refused) < 2:
            refused.append(asyncio.get_running_loop().time())
            return Reply(b"{}", status)
        return None

    served.refuse = busy
    monkeypatch.setattr("polaris.venues.rest.STOP_S", {429: 3.0, 418: 5.0})  # seconds of the fast clock
    async with drill(served) as made:
        await made.until_live()
        times = [at for _, at in served.asked]
        waited = float(asked_s)
        after = [at for at in times if at > refused[-1]]
        assert after and after[0] - refused[-1] >= 0.9 * waited
        assert len([at for at in times if refused[0] < at < refused[0] + 0.9 * waited]) <= 1, "what was on its way already, and nothing else"
        await made.until(lambda: made.agrees("BTCUSDT"))


@steady
async def test_15_a_maintenance_page_with_status_200_is_no_book(line):
    served = line("binance")
    pages = [Reply(b"<html>We are down for maintenance</html>"), Reply(b'{"code":0,"msg":"maintenance"}'), Reply(b"")]
    served.refuse = lambda tag: pages.pop() if pages and tag == "depth:BTCUSDT" else None
    async with drill(served) as made:
        await made.until_live("ETHUSDT")
        await made.until_live("BTCUSDT")
        await made.until(lambda: made.agrees("BTCUSDT"))
        assert not pages and made.feed.stats.bad_messages == 3
        assert made.story("BTCUSDT") == ["SYNCING connect", "LIVE none"]


@steady
async def test_16_a_delisted_symbol_costs_no_other_symbol(line):
    served = line("binance")
    gone = is_book("binance", "ETHUSDT")
    served.fault = lambda frame: [] if gone(frame) or b'"ETHUSDT"' in frame else [frame]
    served.refuse = lambda tag: Reply(b'{"code":-1121,"msg":"Invalid symbol."}', 400) if tag == "depth:ETHUSDT" else None
    async with drill(served) as made:
        await made.until_live("BTCUSDT")
        await served.play(5.0)
        await made.until(lambda: made.agrees("BTCUSDT"))
        assert made.story("ETHUSDT") == ["SYNCING connect"] and made.story("BTCUSDT") == ["SYNCING connect", "LIVE none"]
        assert made.feeds.sessions["binance"].connected


@steady
async def test_17_a_slow_reader_gets_every_trade_and_the_newest_books(line):
    served = line("binance")
    stall_s = 0.0
    async with drill(served, heard=lambda rows: time.sleep(stall_s)) as made:
        await made.until_live()
        stall_s = 0.3  # three of the market's seconds, whatever he is given
        await served.play(40.0)
        stall_s = 0.0
        await made.until(lambda: made.agrees("BTCUSDT") and made.agrees("ETHUSDT"))
        assert made.feeds.inbox.left_out > 1_000 and made.feed.stats.gaps == 0
        for wire, symbol in made.feed.stats.symbols.items():
            assert made.story(wire) == ["SYNCING connect", "LIVE none"] + ["SYNCING gap", "LIVE none"] * symbol.conflated, "each gap is marked"
            numbers = made.rows(TRADE, wire)["other"].tolist()
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) and len(numbers) > 100, "each trade once, in order"
