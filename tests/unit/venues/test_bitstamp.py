"""Bitstamp, one fact at a time: moments instead of numbers, and a book that must overlap with its stream."""

import msgspec
import pytest

from polaris.domain.errors import BadMessage, UnknownSymbol
from polaris.domain.instrument import Instrument, Instruments, Key, Product
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, SYNCING, TRADE, RowBuffer
from polaris.venues.bitstamp import VENUE
from polaris.venues.protocol import Fetch, Reconnect, Send

TS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
MOMENT = 1_641_343_691_580_748


def connected(*wires: str):
    items = [
        Instrument(id=i, key=Key("bitstamp", Product.SPOT, wire[:3].upper(), "USD"), wire=wire, price_decimals=2, quantity_decimals=4, text_decimals=(2, 4))  # type: ignore[arg-type]
        for i, wire in enumerate(wires or ("btcusd",))
    ]
    feed = VENUE.feed(Instruments(items), RowBuffer())
    feed.connected(TS)
    feed.rows.clear()
    return feed


def diff(moment: int, bids=(), asks=(), wire: str = "btcusd") -> bytes:
    data = {"timestamp": "1641343691", "microtimestamp": str(MOMENT + moment), "bids": bids, "asks": asks}
    return msgspec.json.encode({"data": data, "channel": f"diff_order_book_{wire}", "event": "data"})


def book(moment: int, bids=(("99.00", "1.0000"), ("98.00", "2.0000")), asks=(("101.00", "1.0000"),)) -> bytes:
    return msgspec.json.encode({"timestamp": "1", "microtimestamp": str(MOMENT + moment), "bids": bids, "asks": asks})


def live():
    feed = connected()
    feed.frame(diff(0), TS)
    feed.response("depth:btcusd", book(5), TS)
    assert state(feed) == LIVE
    feed.rows.clear()
    feed.wishes.clear()
    return feed


def state(feed, wire: str = "btcusd") -> int:
    return feed.stats.symbols[wire].state


def test_one_channel_is_subscribed_to_a_message():
    feed = connected("btcusd", "ethusd")
    said = [msgspec.json.decode(wish.text)["data"]["channel"] for wish in feed.wishes if isinstance(wish, Send)]
    assert said == ["diff_order_book_btcusd", "live_trades_btcusd", "diff_order_book_ethusd", "live_trades_ethusd"]


def test_a_book_is_live_once_its_snapshot_lies_in_the_stream():
    feed = connected()
    feed.frame(diff(1, bids=[["97.00", "9.0000"]]), TS)
    feed.frame(diff(7, bids=[["98.00", "0.0000"]]), TS)
    feed.response("depth:btcusd", book(5), TS)
    assert (state(feed), feed.book_text("btcusd", 0)[0]) == (LIVE, [["99.00", "1.0000"]])


def test_a_snapshot_from_before_the_stream_proves_nothing():
    feed = connected()
    feed.frame(diff(7), TS)
    feed.response("depth:btcusd", book(5), TS)
    assert (state(feed), feed.stats.ignored) == (SYNCING, {"snapshot older than the stream": 1})


def test_the_next_diff_is_taken_by_the_compiled_reader():
    feed = live()
    feed.frame(diff(9, bids=[["99.00", "0.0000"]], asks=[["100.50", "3.0000"]]), TS + SECOND)
    assert (feed.stats.fallbacks, feed.stats.bad_messages, state(feed)) == (0, 0, LIVE)
    bid, ask = feed.rows.view()
    assert (bid["kind"], bid["price"], bid["quantity"], int(bid["flags"]), bid["other"]) == (DEPTH, 9_900, 0, 0, MOMENT + 9)
    assert (ask["price"], ask["quantity"], int(ask["flags"]), ask["ts_event"]) == (10_050, 30_000, ASK | LAST, (MOMENT + 9) * 1000)


def test_a_diff_from_before_the_book_is_left_out():
    feed = live()
    feed.frame(diff(5, bids=[["99.00", "0.0000"]]), TS + SECOND)
    assert (len(feed.rows), feed.stats.ignored["old update"]) == (0, 1)


def test_a_diff_that_cannot_be_read_costs_its_own_pair():
    feed = live()
    feed.frame(diff(9, bids=[["99.001", "1.0000"]]), TS + SECOND)
    assert (state(feed), feed.stats.bad_messages) == (SYNCING, 1)
    feed.tick(TS + 3 * SECOND)
    assert Fetch("/api/v2/order_book/btcusd/", "depth:btcusd") in feed.wishes


def test_a_book_that_differs_from_the_venues_own_twice_is_lost():
    feed = live()
    other = (("99.00", "5.0000"), ("98.00", "2.0000"))
    asked = []
    for second in range(1, 140):
        feed.frame(diff(second * 1_000_000), TS + second * SECOND)
        feed.tick(TS + second * SECOND)
        if Fetch("/api/v2/order_book/btcusd/", "book:btcusd") in feed.wishes:
            asked.append(second)
            feed.wishes.clear()
            feed.response("book:btcusd", book(second * 1_000_000, bids=other), TS + second * SECOND)
            if state(feed) != LIVE:
                break
    assert len(asked) == 2 and feed.stats.symbols["btcusd"].checksums_failed == 1


def test_trades_carry_the_takers_side_and_the_exact_texts():
    feed = connected()
    trade = {"id": 216000477, "amount": 0.0792, "amount_str": "0.0792", "price": 3805.44, "price_str": "3805.44", "type": 1, "microtimestamp": "1641343699596000"}
    feed.frame(msgspec.json.encode({"data": trade, "channel": "live_trades_btcusd", "event": "trade"}), TS)
    (row,) = feed.rows.view()
    assert (row["kind"], int(row["flags"]) & ASK, row["price"], row["quantity"], row["other"]) == (TRADE, ASK, 380_544, 792, 216000477)


def test_a_server_about_to_close_is_left_at_once():
    feed = live()
    feed.frame(b'{"event":"bts:request_reconnect","channel":"","data":""}', TS)
    assert feed.wishes == [Reconnect("the server asked us to come again")]


PAIRS = [{"name": "BTC/USD", "url_symbol": "btcusd", "base_decimals": 8, "counter_decimals": 2, "minimum_order": "20.0 USD", "trading": "Enabled"}]


def test_pairs_are_described_by_their_document():
    (found,) = VENUE.instruments(msgspec.json.encode(PAIRS), ["btcusd"], 4)
    assert (str(found.key), found.id, found.price_text(6500012), found.min_notional) == ("BTC-USD.bitstamp", 4, "65000.12", 2_000_000_000)
    with pytest.raises(UnknownSymbol, match="xrpusd"):
        VENUE.instruments(msgspec.json.encode(PAIRS), ["xrpusd"], 0)
    with pytest.raises(BadMessage, match="list of pairs"):
        VENUE.instruments(b"{}", ["btcusd"], 0)
