"""Gemini's frames and documents, one fact at a time."""


import msgspec
import numpy as np
import pytest

from polaris.domain.errors import BadMessage, SymbolCollision, UnknownSymbol
from polaris.domain.instrument import ONE_KEPT, Instrument, Instruments, Key, Product
from polaris.domain.market import ASK, CLEAR, DEPTH, LAST, LIVE, REASON_NAMES, SNAPSHOT, STALE, STATUS, SYNCING, TRADE, RowBuffer, event
from polaris.venues.capture import Line
from polaris.venues.comparison import ComparisonLimits
from polaris.venues.documents import Documents
from polaris.venues.gemini import VENUE
from polaris.venues.gemini.documents import DOCUMENTS
from polaris.venues.gemini.feed import GeminiFeed
from polaris.venues.protocol import Fetch, Send

TS = 1_786_313_193_261_674_000
SECOND = 1_000_000_000
LATER = TS + 2 * SECOND  # a book may be asked for again
BTC, ETH = "BTCUSD", "ETHUSD"


def instrument(place: int, wire: str) -> Instrument:
    key = Key("gemini", Product.SPOT, wire[:3], wire[3:])
    return Instrument(id=place, key=key, wire=wire, price_decimals=2, quantity_decimals=8, text_decimals=(ONE_KEPT, ONE_KEPT))  # type: ignore[arg-type]


def made(**options) -> GeminiFeed:
    feed = GeminiFeed(Instruments([instrument(0, BTC), instrument(1, ETH)]), RowBuffer(), **options)
    feed.connected(TS)
    feed.wishes.clear()
    return feed


@pytest.fixture
def feed() -> GeminiFeed:
    return made()


def trade(tid: int, wire: str = BTC, side: str = "buy", price: str = "65206.29") -> dict:
    return {"event_id": 10 * tid, "price": price, "quantity": "0.5", "side": side, "symbol": wire, "tid": tid, "timestamp": 1786313194672, "type": "trade"}


def whole(*changes: tuple[str, str, str], wire: str = BTC, trades: tuple[dict, ...] = ()) -> bytes:
    return msgspec.json.encode({"auction_events": [], "changes": changes, "symbol": wire, "trades": trades, "type": "l2_updates"})


def update(*changes: tuple[str, str, str], wire: str = BTC) -> bytes:
    return msgspec.json.encode({"changes": changes, "symbol": wire, "type": "l2_updates"})


BOOK = (("buy", "100.0", "1.5"), ("buy", "99.5", "2.0"), ("sell", "101.0", "500.0"), ("sell", "102.25", "0.00000001"))


def live(feed: GeminiFeed, *wires: str) -> None:
    for wire in wires or (BTC, ETH):
        feed.frame(whole(*BOOK, wire=wire), TS)
    feed.rows.clear()
    feed.wishes.clear()


def story(feed: GeminiFeed, place: int = 0) -> list[tuple[int, str]]:
    return [(int(row["price"]), REASON_NAMES[row["quantity"]]) for row in feed.rows.view() if row["kind"] == STATUS and row["instrument"] == place]


def sent(feed: GeminiFeed) -> list[tuple[str, list[str]]]:
    said = [msgspec.json.decode(wish.text) for wish in feed.wishes if isinstance(wish, Send)]
    return [(each["type"], each["subscriptions"][0]["symbols"]) for each in said]


def test_connecting_subscribes_to_every_book_in_one_message():
    feed = GeminiFeed(Instruments([instrument(0, BTC), instrument(1, ETH)]), RowBuffer())
    assert feed.url() == "/v2/marketdata"
    feed.connected(TS)
    (wish,) = feed.wishes
    assert msgspec.json.decode(wish.text) == {"type": "subscribe", "subscriptions": [{"name": "l2", "symbols": [BTC, ETH]}]}


def test_a_snapshot_then_an_update_are_rows_and_a_book(feed):
    feed.frame(whole(*BOOK), TS + 1)
    feed.frame(update(("buy", "100.0", "0.0"), ("sell", "101.5", "0.25")), TS + 2)
    rows = [row for row in feed.rows.view() if row["instrument"] == 0]
    assert [int(row["kind"]) for row in rows] == [STATUS, DEPTH, DEPTH, DEPTH, DEPTH, STATUS, DEPTH, DEPTH]
    flags = [ASK | SNAPSHOT | CLEAR, ASK | SNAPSHOT, SNAPSHOT, SNAPSHOT | LAST, 0, ASK | LAST]
    assert [int(row["flags"]) for row in rows if row["kind"] == DEPTH] == flags
    assert [int(row["price"]) for row in rows if row["kind"] == STATUS] == [SYNCING, LIVE]
    last = event(rows[-1])
    assert (last.ts_event, last.ts_recv, last.price, last.quantity, last.update_id) == (0, TS + 2, 10150, 25_000_000, 0)
    assert feed.book_text(BTC, 10) == ([["99.5", "2.0"]], [["101.0", "500.0"], ["101.5", "0.25"], ["102.25", "0.00000001"]], 1, 3)
    assert feed.stats.fallbacks == 0


def test_a_new_snapshot_replaces_the_book_and_never_merges(feed):
    live(feed)
    feed.frame(whole(("buy", "98.0", "1.0")), TS)
    assert feed.book_text(BTC, 0) == ([["98.0", "1.0"]], [], 1, 0)
    feed.frame(whole(), TS)
    assert feed.book_text(BTC, 0) == ([], [], 0, 0)
    assert [int(row["flags"]) for row in feed.rows.view()] == [SNAPSHOT | CLEAR | LAST] * 2
    assert feed.book_text(ETH, 0)[2:] == (2, 2)


def test_a_book_larger_than_the_room_for_it_is_whole(feed):
    changes = [("buy", f"{price}.0", "1.0") for price in range(9000, 6000, -1)] + [("sell", f"{price}.0", "1.0") for price in range(9001, 12001)]
    feed.frame(whole(*changes), TS)
    assert feed.book_text(BTC, 1) == ([["9000.0", "1.0"]], [["9001.0", "1.0"]], 3000, 3000)
    feed.frame(update(*[("buy", f"{price}.5", "1.0") for price in range(6000, 9000)]), TS)
    assert feed.book_text(BTC, 1)[2:] == (6000, 3000)


def test_an_update_before_the_snapshot_is_left_out(feed):
    feed.frame(update(("buy", "100.0", "1.0")), TS)
    assert feed.stats.ignored == {"update before snapshot": 1}
    assert feed.book_text(BTC, 0)[2:] == (0, 0)


def test_the_side_of_a_trade_is_the_takers(feed):
    for tid, side in ((1, "buy"), (2, "sell")):
        feed.frame(msgspec.json.encode(trade(tid, side=side)), TS)
    bought, sold = (event(row) for row in feed.rows.view() if row["kind"] == TRADE)
    assert (bought.taker_buys, bought.price, bought.quantity, bought.trade_id, bought.ts_event) == (True, 6520629, 50_000_000, 1, 1786313194672_000_000)
    assert not sold.taker_buys
    assert all(row["flags"] & LAST for row in feed.rows.view() if row["kind"] == TRADE)


def test_trades_from_before_the_connection_are_left_out(feed):
    feed.frame(whole(*BOOK, trades=(trade(7), trade(8))), TS)
    assert not (feed.rows.view()["kind"] == TRADE).any()
    assert feed.stats.ignored == {"trade history": 2}


def test_trades_between_two_subscriptions_are_told_once_before_the_new_book(feed):
    feed.frame(whole(*BOOK, trades=(trade(7),)), TS)
    feed.frame(msgspec.json.encode(trade(8)), TS)
    feed.rows.clear()
    feed.frame(whole(*BOOK, trades=(trade(7), trade(8), trade(9, side="sell"), trade(10))), TS)
    feed.frame(msgspec.json.encode(trade(10)), TS)
    rows = feed.rows.view()
    assert rows["kind"].tolist() == [TRADE, TRADE, DEPTH, DEPTH, DEPTH, DEPTH]
    assert rows["other"].tolist() == [9, 10, 0, 0, 0, 0]
    assert rows["flags"].tolist()[:2] == [LAST | ASK, LAST]
    assert rows["flags"][2] & CLEAR
    assert feed.stats.ignored == {"trade history": 3, "duplicate": 1}
    assert feed.stats.fallbacks == 0


def test_a_symbol_that_never_traded_tells_the_first_trade_of_a_later_snapshot(feed):
    feed.frame(whole(*BOOK), TS)
    feed.frame(whole(*BOOK, trades=(trade(1),)), TS)
    assert (feed.rows.view()["kind"] == TRADE).sum() == 1


def test_after_a_new_connection_the_last_trades_are_history_again(feed):
    feed.frame(whole(*BOOK, trades=(trade(7),)), TS)
    feed.disconnected(TS)
    feed.connected(TS)
    feed.frame(whole(*BOOK, trades=(trade(7), trade(9))), TS)
    assert not (feed.rows.view()["kind"] == TRADE).any()


def test_fields_in_another_order_are_read_by_the_typed_decoder_and_counted(feed):
    live(feed)
    feed.frame(b'{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","100.0","3.0"]]}', TS)
    feed.frame(b'{"changes":[["buy","99.5","4.0"]],"symbol":"BTCUSD","type":"l2_updates","new":1}', TS)
    feed.frame(b'{"changes":[["buy","99.0","5.0"]], "symbol":"BTCUSD","type":"l2_updates","trades":null}', TS)
    assert feed.book_text(BTC, 0)[0] == [["100.0", "3.0"], ["99.5", "4.0"], ["99.0", "5.0"]]
    assert (feed.stats.fallbacks, feed.stats.unknown_fields, feed.stats.bad_messages) == (2, 1, 0)


def test_trades_in_another_order_keep_their_snapshot(feed):
    feed.frame(b'{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","100.0","3.0"]],"trades":[' + msgspec.json.encode(trade(5)) + b"]}", TS)
    feed.frame(b'{"type":"trade","symbol":"BTCUSD","event_id":1,"timestamp":1786313194672,"price":"1.0","quantity":"1.0","side":"sell","tid":6}', TS)
    feed.frame(b'{"type":"trade","symbol":"BTCUSD","event_id":1,"timestamp":1786313194672,"price":"1.0","quantity":"1.0","side":"sell","tid":6}', TS)
    assert feed.rows.view()["kind"].tolist()[2:] == [DEPTH, STATUS, TRADE]
    assert feed.stats.ignored == {"trade history": 1, "duplicate": 1}


@pytest.mark.parametrize("spoiled", ["1.2.3", "-1", "x", "100.001", "", "1e400"])
def test_an_unreadable_number_costs_that_book_only(feed, spoiled):
    live(feed)
    feed.frame(update(("buy", "100.0", "1.0"), ("buy", spoiled, "1.0")), LATER)
    assert story(feed) == [(SYNCING, "bad message")]
    assert story(feed, 1) == []
    assert not (feed.rows.view()["kind"] == DEPTH).any(), "a half-read frame leaves no rows"
    assert sent(feed) == [("unsubscribe", [BTC]), ("subscribe", [BTC])]
    assert feed.stats.bad_messages == 1
    feed.frame(whole(*BOOK), TS)
    assert feed.book_text(BTC, 0)[2:] == (2, 2)


def test_an_unreadable_number_in_a_snapshot_leaves_no_rows_of_it(feed):
    feed.frame(whole(*BOOK, trades=(trade(1),)), TS)
    feed.rows.clear()
    feed.frame(whole(*BOOK, ("sell", "x", "1.0"), trades=(trade(2),)), TS)
    assert feed.rows.view()["kind"].tolist() == [STATUS]
    feed.frame(whole(*BOOK, trades=(trade(2),)), TS)
    assert (feed.rows.view()["kind"] == TRADE).sum() == 1, "the trade is told with the snapshot that can be read"


def test_a_bad_trade_is_left_out_and_costs_no_book(feed):
    live(feed)
    feed.frame(msgspec.json.encode(trade(5, price="x")), TS)
    feed.frame(msgspec.json.encode(trade(5, side="neither")), TS)
    assert len(feed.rows) == 0
    assert feed.stats.bad_messages == 2


def test_a_frame_that_can_not_be_parsed_costs_the_book_it_names(feed):
    live(feed)
    feed.frame(update(("buy", "100.0", "1.0"), wire=ETH)[:-1], LATER)
    assert (story(feed), story(feed, 1)) == ([], [(SYNCING, "bad message")])
    assert sent(feed) == [("unsubscribe", [ETH]), ("subscribe", [ETH])]


def test_a_frame_that_names_nothing_may_have_been_anyones(feed):
    live(feed)
    feed.frame(b'{"changes":[["buy","1', LATER)
    assert story(feed) == story(feed, 1) == [(SYNCING, "bad message")]


def test_a_damaged_frame_of_a_symbol_that_is_not_ours_costs_nothing(feed):
    live(feed)
    feed.frame(update(("buy", "100.0", "1.0"), wire="SOLUSD")[:-1], TS)
    assert len(feed.rows) == 0


@pytest.mark.parametrize(
    ("frame", "ignored", "bad"),
    [
        (b'{"timestamp":1786313195331,"type":"heartbeat"}', {"heartbeat": 1}, 0),
        (b'{"type":"candles_1m_updates","symbol":"BTCUSD","changes":[[1786313100000,1,1,1,1,1]]}', {"candles_1m_updates": 1}, 0),
        (b'{"result":"error","reason":"InvalidJson"}', {}, 1),
        (update(("buy", "1.0", "1.0"), wire="SOLUSD"), {"unknown symbol": 1}, 0),
        (whole(("buy", "1.0", "1.0"), wire="SOLUSD"), {"unknown symbol": 1}, 0),
        (msgspec.json.encode(trade(1, "SOLUSD")), {"unknown symbol": 1}, 0),
    ],
)
def test_what_is_no_book_of_ours_is_counted_and_touches_none(feed, frame, ignored, bad):
    live(feed)
    feed.frame(frame, TS)
    assert len(feed.rows) == 0
    assert (feed.stats.ignored, feed.stats.bad_messages) == (ignored, bad)


def test_a_symbol_the_venue_does_not_know_is_asked_for_alone_and_keeps_no_other_from_its_book(feed):
    """The first subscription named both and was refused as a whole: nothing came."""
    for tenth in range(105):
        feed.tick(TS + tenth * SECOND // 10)
    assert sent(feed) == [("unsubscribe", [BTC]), ("subscribe", [BTC]), ("unsubscribe", [ETH]), ("subscribe", [ETH])]
    feed.frame(whole(*BOOK), TS + 11 * SECOND)
    assert feed.stats.symbols[BTC].state == LIVE
    feed.wishes.clear()
    for second in range(11, 200):
        feed.frame(update(("buy", "100.0", "1.0")), TS + second * SECOND)
        feed.tick(TS + second * SECOND)
    asked = [wires for _, wires in sent(feed)]
    assert asked and all(wires == [ETH] for wires in asked)
    assert len(asked) <= 16, "ever more rarely"


def test_a_silent_book_is_stale_and_only_a_snapshot_brings_it_back(feed):
    live(feed)
    feed.tick(TS + 11 * SECOND)
    assert story(feed) == [(STALE, "silence")]
    assert sent(feed)[:2] == [("unsubscribe", [BTC]), ("subscribe", [BTC])]
    feed.frame(update(("buy", "100.0", "3.0")), TS + 11 * SECOND)
    assert feed.stats.symbols[BTC].state == STALE
    feed.frame(whole(*BOOK), TS + 11 * SECOND)
    assert story(feed) == [(STALE, "silence"), (LIVE, "none")]


def test_a_book_that_stays_crossed_is_given_up_after_two_seconds(feed):
    live(feed)
    feed.frame(update(("buy", "101.0", "3.0")), TS)
    feed.tick(TS + SECOND)
    feed.tick(TS + 2 * SECOND)
    assert story(feed) == []
    feed.tick(TS + 3 * SECOND)
    assert story(feed) == [(SYNCING, "crossed")]


REST = b'{"bids":[{"price":"100.00","amount":"1.5","timestamp":"1786313193"},{"price":"99.50","amount":"2","timestamp":"1786313193"}],"asks":[%s]}'
ASKS = b'{"price":"101.00","amount":"500","timestamp":"1"},{"price":"102.25","amount":"0.00000001","timestamp":"1"}'


def compared(**options) -> GeminiFeed:
    feed = made(comparison=ComparisonLimits(every_ns=4 * SECOND, again_ns=SECOND), **options)
    live(feed)
    for half in (1, 2, 3, 4, 5):
        feed.tick(TS + half * SECOND)
    return feed


def test_every_book_is_compared_in_turn():
    feed = compared()
    feed.tick(TS + 6 * SECOND)
    assert feed.wishes == [
        Fetch("/v1/book/btcusd?limit_bids=20&limit_asks=20", "book:BTCUSD"),
        Fetch("/v1/book/ethusd?limit_bids=20&limit_asks=20", "book:ETHUSD"),
    ][: len(feed.wishes)]
    assert [VENUE.tag("https://api.gemini.com" + wish.path) for wish in feed.wishes] == [wish.tag for wish in feed.wishes]


def test_an_equal_book_is_checked():
    feed = compared()
    feed.response("book:BTCUSD", REST % ASKS, TS + 5 * SECOND)
    assert (feed.stats.symbols[BTC].checksums_ok, len(feed.rows)) == (1, 0)


def test_a_lost_update_is_found_by_the_second_comparison_and_costs_that_book_only():
    feed = compared()
    feed.wishes.clear()
    feed.response("book:BTCUSD", REST % b"", TS + 5 * SECOND)
    assert story(feed) == []
    feed.tick(TS + 6 * SECOND)
    assert Fetch("/v1/book/btcusd?limit_bids=20&limit_asks=20", "book:BTCUSD") in feed.wishes
    feed.response("book:BTCUSD", REST % b"", TS + 6 * SECOND)
    assert story(feed) == [(SYNCING, "checksum")]
    assert story(feed, 1) == []
    assert sent(feed) == [("unsubscribe", [BTC]), ("subscribe", [BTC])]
    assert feed.stats.symbols[BTC].checksums_failed == 1


@pytest.mark.parametrize(
    ("body", "status", "bad"), [(b"", 0, 0), (b'{"result":"error"}', 429, 0), (b'{"bids":[]}', 200, 1), (REST % b'{"price":"x","amount":"1"}', 200, 1), (b"<html>", 200, 1)]
)
def test_an_answer_of_no_use_costs_no_book(body, status, bad):
    feed = compared()
    for _ in range(3):
        feed.response("book:BTCUSD", body, TS + 5 * SECOND, status)
    assert len(feed.rows) == 0
    assert feed.stats.bad_messages == 3 * bad


def test_an_answer_about_nothing_we_have_is_ignored(feed):
    feed.response("book:SOLUSD", b"{}", TS)
    assert feed.stats.ignored == {"unknown symbol": 1}


# symbols


def details(wire: str, base: str, quote: str, product: str = "spot", step: str = "0.01", lot: str = "1E-8") -> str:
    return (
        f'{{"symbol":"{wire}","base_currency":"{base}","quote_currency":"{quote}","tick_size":{lot},"quote_increment":{step},'
        f'"min_order_size":"0.00001","status":"open","wrap_enabled":false,"product_type":"{product}"}}'
    )


def test_the_tick_size_is_of_the_quantity_and_the_quote_increment_of_the_price():
    (perp,) = VENUE.instruments(details("BTCUSDCPERP", "BTC", "USDC", "swap", "0.5", "0.0001").encode(), ["BTCUSDCPERP"], 3)
    assert (perp.id, perp.symbol, perp.price_decimals, perp.quantity_decimals) == (3, "BTC-USDC-perpetual.gemini", 1, 4)
    assert (perp.price_increment, perp.quantity_increment, perp.min_quantity) == (5, 1, 1)
    (spot,) = VENUE.instruments(f"[{details('BTCUSD', 'BTC', 'USD')}]".encode(), ["BTCUSD"], 0)
    assert (spot.price_decimals, spot.quantity_decimals, spot.min_quantity) == (2, 8, 1000)


def test_a_smallest_order_finer_than_a_lot_is_rounded_up():
    (found,) = VENUE.instruments(details("BTCUSD", "BTC", "USD", lot="0.001").encode(), ["BTCUSD"], 0)
    assert (found.quantity_decimals, found.min_quantity) == (3, 1)


def test_spot_and_perpetual_never_share_a_key():
    document = f"[{details('BTCUSDC', 'BTC', 'USDC')},{details('BTCUSDCPERP', 'BTC', 'USDC', 'swap')}]".encode()
    both = Instruments(VENUE.instruments(document, ["BTCUSDC", "BTCUSDCPERP"], 0))
    assert [each.symbol for each in both] == ["BTC-USDC.gemini", "BTC-USDC-perpetual.gemini"]
    with pytest.raises(SymbolCollision, match="'BTCUSDC' and 'BTCUSDC2'"):
        same = f"[{details('BTCUSDC', 'BTC', 'USDC')},{details('BTCUSDC2', 'BTC', 'USDC')}]".encode()
        Instruments(VENUE.instruments(same, ["BTCUSDC", "BTCUSDC2"], 0))


def test_one_symbol_is_asked_for_by_name_and_several_with_all_the_others():
    assert VENUE.metadata(["BTCUSD"]) == "/v1/symbols/details/btcusd"
    assert VENUE.metadata(["BTCUSD", "ETHUSD"]) == "/v1/symbols/details/all"


def test_a_symbol_the_venue_lacks_is_refused_with_the_known_ones():
    with pytest.raises(UnknownSymbol, match="unknown symbol 'BTCEUR' at gemini; known are BTCUSD"):
        VENUE.instruments(details("BTCUSD", "BTC", "USD").encode(), ["BTCEUR"], 0)
    with pytest.raises(BadMessage, match="base_currency"):
        VENUE.instruments(b'{"symbol":"BTCUSD"}', ["BTCUSD"], 0)


def test_a_capture_without_documents_is_described_by_its_texts():
    frames = [whole(("buy", "65317.5", "0.0031"), wire="BTCUSDCPERP"), update(("sell", "77.423", "9.043559"), wire="SOLUSD")]
    found = VENUE.discover([Line("recv", 1, "", frame) for frame in frames])
    assert [(each.symbol, each.price_decimals, each.quantity_decimals) for each in found] == [
        ("BTC-USDC-perpetual.gemini", 1, 4),
        ("SOL-USD.gemini", 3, 6),
    ]


def test_the_recorded_accident_keeps_its_ten_symbols_apart(test_data):
    from polaris.venues.replay import Replay

    replay = Replay(test_data / "ws" / "gemini_v2_20260809.jsonl.gz")
    assert len(replay.instruments) == 10
    assert [each.symbol for each in replay.instruments if each.key.product is Product.PERPETUAL] == [
        f"{base}-USDC-perpetual.gemini" for base in ("SOL", "BTC", "ETH")
    ]
    rows = np.concatenate([rows.copy() for rows in replay.batches()])
    assert replay.feed.stats.ignored == {"trade history": 810, "heartbeat": 2}
    assert (rows["kind"] == TRADE).sum() == 2


def test_the_recorded_details_describe_every_symbol(test_data):
    from polaris.venues.capture import Capture

    documents = Documents("gemini", DOCUMENTS)
    lines = [line for line in Capture(test_data / "ws" / "gemini_v2_20260809.jsonl.gz") if line.kind == "http"]
    assert len(documents.decode("symbols", lines[0].data)) == 347
    found = Instruments()
    for line in lines[1:]:
        wire = documents.decode("details", line.data).symbol
        (one,) = VENUE.instruments(line.data, [wire], len(found))
        found.add(one)
    assert len(found) == 347
    assert sum(each.key.product is Product.PERPETUAL for each in found) == 13
    assert documents.unknown_fields == 0


# documents

def test_a_document_of_another_kind_names_the_field():
    with pytest.raises(BadMessage, match=r"gemini: no order document: .*`side`"):
        Documents("gemini", DOCUMENTS).decode("order", b'{"symbol":"btcusd"}')
