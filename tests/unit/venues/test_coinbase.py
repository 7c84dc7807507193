"""Coinbase frames, one fact at a time."""

import msgspec
import pytest

from polaris.domain.instrument import Instrument, Instruments, Key, Product
from polaris.domain.market import ASK, CLEAR, DEPTH, LAST, LIVE, QUOTE, SNAPSHOT, STATUS, SYNCING, TRADE, RowBuffer, event
from polaris.venues.coinbase.feed import CoinbaseFeed
from polaris.venues.protocol import Send

TS = 1_786_309_548_228_568_804
AT = "2026-08-09T21:05:48.228568804Z"
SECOND = 1_000_000_000


def instrument(place: int, wire: str) -> Instrument:
    base, _, quote = wire.partition("-")
    return Instrument(id=place, key=Key("coinbase", Product.SPOT, base, quote), wire=wire, price_decimals=2, quantity_decimals=8)  # type: ignore[arg-type]


@pytest.fixture
def feed() -> CoinbaseFeed:
    made = CoinbaseFeed(Instruments([instrument(0, "BTC-USD"), instrument(1, "ETH-USD")]), RowBuffer())
    made.connected(TS)
    made.wishes.clear()
    return made


def frame(number: int, channel: str, *events: dict) -> bytes:
    return msgspec.json.encode({"channel": channel, "client_id": "", "timestamp": AT, "sequence_num": number, "events": events})


def book(kind: str, wire: str, *levels: tuple[str, str, str]) -> dict:
    return {"type": kind, "product_id": wire, "updates": [{"side": s, "event_time": AT, "price_level": p, "new_quantity": q} for s, p, q in levels]}


def trades(kind: str, *them: tuple[str, str, str]) -> dict:
    return {"type": kind, "trades": [{"product_id": "BTC-USD", "trade_id": i, "price": "65083.67", "size": "0.5", "time": AT, "side": s} for i, s, _ in them]}


def test_connecting_subscribes_one_channel_a_message():
    made = CoinbaseFeed(Instruments([instrument(0, "BTC-USD")]), RowBuffer(), quotes=True)
    assert made.url() == "/"
    made.connected(TS)
    sent = [msgspec.json.decode(wish.text) for wish in made.wishes if isinstance(wish, Send)]
    assert [each["channel"] for each in sent] == ["heartbeats", "level2", "market_trades", "ticker"]
    assert all(each["type"] == "subscribe" and each["product_ids"] == ["BTC-USD"] for each in sent)


def test_a_snapshot_then_an_update_are_rows_and_a_book(feed):
    feed.frame(frame(0, "l2_data", book("snapshot", "BTC-USD", ("bid", "65083.66", "0.2"), ("bid", "65083", "1"), ("offer", "65083.67", "0.3"))), TS + 1)
    feed.frame(frame(1, "l2_data", book("update", "BTC-USD", ("bid", "65083.66", "0"), ("offer", "65083.7", "1.5"))), TS + 2)
    rows = [row for row in feed.rows.view() if row["instrument"] == 0]
    assert [int(row["kind"]) for row in rows] == [STATUS, DEPTH, DEPTH, DEPTH, STATUS, DEPTH, DEPTH]
    assert [int(row["flags"]) for row in rows if row["kind"] == DEPTH] == [ASK | SNAPSHOT | CLEAR, SNAPSHOT, SNAPSHOT | LAST, 0, ASK | LAST]
    assert [int(row["price"]) for row in rows if row["kind"] == STATUS] == [SYNCING, LIVE]
    last = event(rows[-1])
    assert (last.ts_event, last.ts_recv, last.price, last.quantity, last.update_id) == (TS, TS + 2, 6508370, 150_000_000, 1)
    assert feed.book_text("BTC-USD", 10) == ([["65083", "1"]], [["65083.67", "0.3"], ["65083.7", "1.5"]], 1, 2)


def test_an_empty_snapshot_empties_the_book(feed):
    feed.frame(frame(0, "l2_data", book("snapshot", "BTC-USD", ("bid", "65083.66", "0.2"))), TS)
    feed.rows.clear()
    feed.frame(frame(1, "l2_data", book("snapshot", "BTC-USD")), TS)
    (row,) = feed.rows.view()
    assert (row["kind"], row["flags"], row["quantity"]) == (DEPTH, CLEAR | SNAPSHOT | LAST, 0)
    assert feed.book_text("BTC-USD", 10) == ([], [], 0, 0)


def test_two_books_in_one_frame_are_two_updates(feed):
    feed.frame(frame(0, "l2_data", book("snapshot", "BTC-USD", ("bid", "1", "1")), book("snapshot", "ETH-USD", ("bid", "2", "1"))), TS)
    feed.rows.clear()
    feed.frame(frame(1, "l2_data", book("update", "BTC-USD", ("bid", "1", "2")), book("update", "ETH-USD", ("bid", "2", "2"))), TS)
    assert [(int(row["instrument"]), int(row["flags"])) for row in feed.rows.view()] == [(0, LAST), (1, LAST)]


def test_the_makers_side_is_turned_into_the_takers_and_the_oldest_trade_comes_first(feed):
    feed.rows.clear()
    feed.frame(frame(0, "market_trades", trades("update", ("12", "SELL", ""), ("11", "BUY", ""))), TS)
    first, second = (event(row) for row in feed.rows.view())
    assert (first.trade_id, first.taker_buys) == (11, False)
    assert (second.trade_id, second.taker_buys) == (12, True)
    assert (second.price, second.quantity, second.ts_event) == (6508367, 50_000_000, TS)
    assert all(row["flags"] & LAST for row in feed.rows.view())


def test_trades_from_before_the_subscription_are_counted_only(feed):
    feed.rows.clear()
    feed.frame(frame(0, "market_trades", trades("snapshot", ("12", "SELL", ""), ("11", "BUY", ""))), TS)
    assert len(feed.rows) == 0
    assert feed.stats.ignored == {"trade history": 2}


def test_tickers_become_quotes_only_where_asked_for(feed):
    tick = {"type": "ticker", "product_id": "BTC-USD", "price": "1", "best_bid": "1.5", "best_bid_quantity": "2", "best_ask": "1.6", "best_ask_quantity": "3"}
    feed.rows.clear()
    feed.frame(frame(0, "ticker", {"type": "update", "tickers": [tick]}), TS)
    assert len(feed.rows) == 0
    assert feed.stats.ignored == {"ticker": 1}
    quoting = CoinbaseFeed(feed.instruments, RowBuffer(), quotes=True)
    quoting.connected(TS)
    quoting.rows.clear()
    quoting.frame(frame(0, "ticker", {"type": "update", "tickers": [tick]}), TS)
    (row,) = quoting.rows.view()
    assert (row["kind"], event(row).bid, event(row).ask_quantity) == (QUOTE, 150, 300_000_000)


def test_an_update_before_its_snapshot_is_no_book(feed):
    feed.rows.clear()
    feed.frame(frame(0, "l2_data", book("update", "BTC-USD", ("bid", "1", "1"))), TS)
    assert len(feed.rows) == 0
    assert feed.stats.ignored == {"update before snapshot": 1}


def test_a_channel_nobody_knows_keeps_the_sequence_and_is_counted(feed):
    feed.frame(frame(0, "l2_data", book("snapshot", "BTC-USD", ("bid", "1", "1"))), TS)
    feed.frame(frame(1, "futures_novelty", {"any": "thing"}), TS)
    feed.frame(frame(2, "heartbeats"), TS)
    assert feed.stats.ignored == {"futures_novelty": 1, "heartbeats": 1}
    assert (feed.stats.gaps, feed.stats.bad_messages, feed.stats.symbols["BTC-USD"].state) == (0, 0, LIVE)


def test_an_error_of_the_venue_is_a_bad_message(feed):
    feed.frame(b'{"type":"error","message":"authentication failure"}', TS)
    assert feed.stats.bad_messages == 1


def test_a_gap_asks_once_for_all_books(feed):
    for number, wire in enumerate(("BTC-USD", "ETH-USD")):
        feed.frame(frame(number, "l2_data", book("snapshot", wire, ("bid", "1", "1"))), TS)
    feed.frame(frame(3, "heartbeats"), TS + 5 * SECOND)
    sent = [msgspec.json.decode(wish.text) for wish in feed.wishes if isinstance(wish, Send)]
    assert [(each["type"], each["product_ids"], each["channel"]) for each in sent] == [
        ("unsubscribe", ["BTC-USD", "ETH-USD"], "level2"),
        ("subscribe", ["BTC-USD", "ETH-USD"], "level2"),
    ]
    assert feed.stats.gaps == 1


def test_a_snapshot_that_does_not_come_is_asked_for_again_ever_less_often(feed):
    asked = []
    for second in range(1, 300):
        feed.tick(TS + second * SECOND)
        asked += [second] * (len(feed.wishes) // 2)
        feed.wishes.clear()
    assert asked == [10, 20, 30, 40, 56, 88, 148, 208, 268]


def test_trades_flow_while_the_book_is_syncing(feed):
    feed.frame(frame(5, "market_trades", trades("update", ("12", "SELL", ""))), TS)
    assert [int(row["kind"]) for row in feed.rows.view()] == [STATUS, STATUS, TRADE]
    assert feed.stats.gaps == 1
