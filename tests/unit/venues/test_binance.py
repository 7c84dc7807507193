"""Binance payloads, one fact at a time."""

import msgspec
import pytest

from polaris.domain.instrument import Instrument, Instruments, Key, Product
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, QUOTE, SYNCING, TRADE, RowBuffer, event
from polaris.venues import registry
from polaris.venues.binance import USDM_VENUE
from polaris.venues.binance import VENUE as SPOT_VENUE
from polaris.venues.binance.errors import TooManyStreams
from polaris.venues.protocol import Fetch, Reconnect

TS = 1_723_161_255_000_000_000
SECOND = 1_000_000_000


def instrument(place: int, wire: str, venue: str = "binance") -> Instrument:
    return Instrument(id=place, key=Key(venue, Product.SPOT, wire, "USDT"), wire=wire, price_decimals=2, quantity_decimals=3, text_decimals=(2, 3))  # type: ignore[arg-type]


def connected(venue=SPOT_VENUE, *wires: str):
    feed = venue.feed(Instruments([instrument(i, wire, venue.name) for i, wire in enumerate(wires or ("BTCUSDT",))]), RowBuffer())
    feed.connected(TS)
    feed.rows.clear()
    return feed


def depth(first: int, last: int, previous: int | None = None, bids=(("100.00", "1.000"),), asks=(), wire: str = "BTCUSDT") -> bytes:
    data = {"e": "depthUpdate", "E": 1723161255208, "s": wire, "U": first, "u": last, "b": bids, "a": asks}
    if previous is not None:
        data |= {"pu": previous, "T": 1723161255200}
    return msgspec.json.encode({"stream": f"{wire.lower()}@depth@100ms", "data": data})


def stream(name: str, **data) -> bytes:
    return msgspec.json.encode({"stream": f"btcusdt@{name}", "data": data})


def snapshot(last: int) -> bytes:
    return msgspec.json.encode({"lastUpdateId": last, "bids": [["99.00", "1.000"]], "asks": [["101.00", "2.000"], ["102.00", "1.000"]]})


def state(feed) -> int:
    return feed.stats.symbols["BTCUSDT"].state


def kinds(feed) -> list[int]:
    return [int(row["kind"]) for row in feed.rows.view()]


def test_one_address_carries_every_stream():
    feed = connected(SPOT_VENUE, "BTCUSDT", "ETHUSDT")
    assert feed.url() == "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade/ethusdt@depth@100ms/ethusdt@bookTicker/ethusdt@trade"
    assert feed.wishes == []


def test_more_streams_than_a_connection_carries_are_refused():
    with pytest.raises(TooManyStreams, match="1026 streams on one connection, at most 1024"):
        connected(SPOT_VENUE, *(f"C{i}USDT" for i in range(342)))


def test_the_first_update_asks_for_the_snapshot_and_the_others_wait():
    feed = connected()
    feed.frame(depth(10, 12), TS)
    feed.frame(depth(13, 14), TS)
    assert feed.wishes == [Fetch("/api/v3/depth?symbol=BTCUSDT&limit=5000", "depth:BTCUSDT")]
    assert kinds(feed) == []


def test_a_stream_that_says_nothing_asks_after_a_second():
    feed = connected()
    feed.tick(TS + SECOND - 1)
    assert feed.wishes == []
    feed.tick(TS + SECOND)
    assert len(feed.wishes) == 1


@pytest.mark.parametrize(
    ("last", "live"),
    [
        (8, False),  # older than the stream: U must be at most lastUpdateId + 1
        (9, True),
        (11, True),  # U <= lastUpdateId + 1 <= u
        (12, True),
        (14, True),  # as new as the newest buffered
        (20, True),  # newer than all of them: they are in it
    ],
)
def test_spot_takes_a_snapshot_that_touches_what_was_buffered(last, live):
    feed = connected()
    feed.frame(depth(10, 12), TS)
    feed.frame(depth(13, 14), TS)
    feed.response("depth:BTCUSDT", snapshot(last), TS)
    assert (state(feed) == LIVE) is live
    if live:
        assert feed._symbols["BTCUSDT"].sync.update_id == max(14, last)
        assert feed.stats.ignored.get("snapshot older than the stream") is None


@pytest.mark.parametrize(
    ("last", "live"),
    [
        (4, False),
        (9, False),  # before U, and not the update named by pu
        (5, True),  # the update named by pu: nothing is missing
        (10, True),  # U <= lastUpdateId <= u
        (12, True),
        (15, True),
        (18, True),
    ],
)
def test_futures_take_a_snapshot_that_their_chain_touches(last, live):
    feed = connected(USDM_VENUE)
    feed.frame(depth(10, 12, 5), TS)
    feed.frame(depth(14, 16, 12), TS)
    feed.response("depth:BTCUSDT", snapshot(last), TS)
    assert (state(feed) == LIVE) is live
    assert feed._symbols["BTCUSDT"].sync.update_id == (max(16, last) if live else 0)


@pytest.mark.parametrize(("update", "live"), [((15, 16), True), ((16, 17), False), ((14, 16), False), ((12, 14), True)])
def test_spot_ids_are_consecutive_and_an_old_update_is_dropped(update, live):
    feed = connected()
    feed.frame(depth(10, 14), TS)
    feed.response("depth:BTCUSDT", snapshot(12), TS)
    assert state(feed) == LIVE
    feed.frame(depth(*update), TS)
    assert (state(feed) == LIVE) is live
    assert feed.stats.gaps == (not live)


@pytest.mark.parametrize(("update", "live"), [((15, 19, 14), True), ((40, 45, 14), True), ((15, 19, 13), False), ((12, 14, 9), True)])
def test_futures_name_the_update_before(update, live):
    feed = connected(USDM_VENUE)
    feed.frame(depth(10, 14, 9), TS)
    feed.response("depth:BTCUSDT", snapshot(12), TS)
    feed.frame(depth(*update), TS)
    assert (state(feed) == LIVE) is live
    assert feed.stats.gaps == (not live)


def test_a_snapshot_that_comes_first_waits_for_the_update_that_touches_it():
    feed = connected()
    feed.response("depth:BTCUSDT", snapshot(12), TS)
    assert (state(feed), kinds(feed)) == (SYNCING, [])
    feed.frame(depth(13, 14), TS)
    assert state(feed) == LIVE
    late = connected()
    late.response("depth:BTCUSDT", snapshot(12), TS)
    late.frame(depth(14, 15), TS)
    assert state(late) == SYNCING
    assert late.stats.ignored == {"snapshot older than the stream": 1}


def test_a_gap_among_what_was_buffered_needs_a_newer_snapshot():
    feed = connected()
    feed.frame(depth(10, 12), TS)
    feed.frame(depth(14, 15), TS)
    feed.response("depth:BTCUSDT", snapshot(11), TS)
    assert (state(feed), feed.stats.gaps) == (SYNCING, 1)
    feed.response("depth:BTCUSDT", snapshot(13), TS)
    assert state(feed) == LIVE


def test_a_snapshot_that_fails_is_asked_for_again():
    feed = connected()
    feed.frame(depth(10, 12), TS)
    feed.wishes.clear()
    for body, status in ((b"", 0), (b'{"code":-1003}', 429), (b"<html>", 200)):
        feed.response("depth:BTCUSDT", body, TS, status)
    feed.tick(TS + SECOND)
    assert feed.wishes == []
    feed.tick(TS + 2 * SECOND)
    assert len(feed.wishes) == 1


def test_a_snapshot_of_a_live_book_is_left_out():
    feed = connected()
    feed.frame(depth(10, 14), TS)
    feed.response("depth:BTCUSDT", snapshot(12), TS)
    rows = len(feed.rows)
    feed.response("depth:BTCUSDT", snapshot(13), TS)
    assert (len(feed.rows), feed.stats.ignored["snapshot of a live book"]) == (rows, 1)


def test_book_ticker_before_and_after_its_update_is_compared():
    feed = connected()
    feed.frame(depth(10, 12), TS)
    feed.response("depth:BTCUSDT", snapshot(12), TS)
    ahead = {"s": "BTCUSDT", "b": "100.00", "B": "1.000", "a": "101.00", "A": "2.000"}
    feed.frame(stream("bookTicker", u=13, **ahead), TS)  # no update ends here
    feed.frame(stream("bookTicker", u=14, **ahead), TS)
    feed.frame(stream("bookTicker", u=15, **ahead), TS)
    feed.frame(depth(13, 14), TS)
    feed.frame(stream("bookTicker", u=14, **ahead), TS)
    assert (feed.stats.symbols["BTCUSDT"].checksums_ok, feed.stats.symbols["BTCUSDT"].checksums_failed) == (2, 0)
    feed.frame(depth(15, 15, bids=[["100.00", "5.000"]]), TS)
    assert feed.stats.symbols["BTCUSDT"].checksums_failed == 1
    assert state(feed) == SYNCING


def test_trades_quotes_and_times_become_rows():
    feed = connected()
    feed.frame(stream("trade", e="trade", E=1723161255343, s="BTCUSDT", t=77, p="61837.63", q="0.020", T=1723161255342, m=True, M=True), TS)
    feed.frame(stream("bookTicker", u=5, s="BTCUSDT", b="1.00", B="2.000", a="3.00", A="4.000"), TS + 1)
    trade, quote = (event(row) for row in feed.rows.view())
    assert (trade.price, trade.quantity, trade.taker_buys, trade.trade_id) == (6183763, 20, False, 77)
    assert (trade.ts_event, trade.ts_recv) == (1723161255342_000_000, TS)
    assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity, quote.ts_event) == (100, 2000, 300, 4000, 0)
    assert [int(row["flags"]) for row in feed.rows.view()] == [LAST | ASK, LAST]


def test_of_trades_and_aggregate_trades_the_first_stream_counts():
    feed = connected()
    feed.frame(stream("aggTrade", e="aggTrade", E=1, s="BTCUSDT", a=7, p="1.00", q="1.000", f=1, l=2, T=1, m=False, M=True), TS)
    feed.frame(stream("trade", e="trade", E=1, s="BTCUSDT", t=70, p="1.00", q="0.500", T=1, m=False), TS)
    assert (kinds(feed), feed.stats.ignored) == ([TRADE], {"trade of the other stream": 1})


def test_a_fill_outside_the_market_is_no_trade():
    feed = connected(USDM_VENUE)
    feed.frame(stream("trade", e="trade", E=1, T=1, s="BTCUSDT", t=1, p="0", q="0", X="NA", m=False), TS)
    assert (kinds(feed), feed.stats.ignored) == ([], {"trade outside the market": 1})


def test_what_we_leave_out_is_counted_by_its_name():
    feed = connected()
    for name in ("kline_1m", "kline_1m", "miniTicker", "depth20@100ms"):
        feed.frame(stream(name, any="thing"), TS)
    feed.frame(b'{"result":null,"id":1}', TS)
    assert feed.stats.ignored == {"kline_1m": 2, "miniTicker": 1, "depth20@100ms": 1, "answer": 1}
    assert feed.stats.bad_messages == 0


def test_raw_streams_and_other_spacing_are_understood():
    wrapped, bare = connected(), connected()
    frames = [depth(10, 12), stream("trade", e="trade", E=1, s="BTCUSDT", t=1, p="1.00", q="1.000", T=1, m=False),
              stream("bookTicker", u=12, s="BTCUSDT", b="100.00", B="1.000", a="101.00", A="2.000")]  # fmt: skip
    for feed, shape in ((wrapped, msgspec.json.format), (bare, lambda frame: msgspec.json.encode(msgspec.json.decode(frame)["data"]))):
        for frame in frames:
            feed.frame(shape(frame), TS)
        feed.response("depth:BTCUSDT", snapshot(12), TS)
        assert sorted(kinds(feed))[-2:] == [QUOTE, 5]
    assert wrapped.rows.view().tobytes() == bare.rows.view().tobytes()
    assert DEPTH in kinds(bare)


def test_an_announced_shutdown_asks_for_a_new_connection():
    feed = connected()
    feed.frame(b'{"e":"serverShutdown","E":1770123456789}', TS)
    assert feed.wishes == [Reconnect("the server announced its shutdown")]


def test_the_us_exchange_speaks_the_same_dialect_under_its_own_name_and_keys():
    us = registry.venue("binance-us")
    document = msgspec.json.encode({"symbols": [{"symbol": "BTCUSD", "baseAsset": "BTC", "quoteAsset": "USD", "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"}, {"filterType": "LOT_SIZE", "stepSize": "0.00000100", "minQty": "0.00000100"}]}]})  # fmt: skip
    (found,) = us.instruments(document, ["BTCUSD"], 0)
    assert (str(found.key), us.public.rest_url, us.public.ws_url) == ("BTC-USD.binance-us", "https://api.binance.us", "wss://stream.binance.us:9443")
    feed = us.feed(Instruments([found]), RowBuffer())
    feed.connected(1)
    feed.frame(b'{"stream":"btcusd@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSD","U":5,"u":7,"b":[["10.00","1.000000"]],"a":[]}}', 2)
    feed.response("depth:BTCUSD", b'{"lastUpdateId":6,"bids":[["9.00","1.000000"]],"asks":[["11.00","2.000000"]]}', 3)
    assert feed.book_text("BTCUSD", 2)[0] == [["10.00000000", "1.00000000"], ["9.00000000", "1.00000000"]]
    assert not us.recognises(b'{"e":"depthUpdate","E":1,"s":"BTCUSD","U":5,"u":7,"b":[],"a":[]}'), "it can't be told from the spot market's"


@pytest.mark.parametrize(("name", "book", "minute"), [("binance", 250, 6000), ("binance-us", 50, 1200)])
def test_a_minute_of_snapshots_stays_below_the_weight_that_is_allowed(name, book, minute):
    limits = registry.venue(name).limits
    assert (limits.rest_burst + 60 * limits.rest_per_second) * book < minute


def test_the_us_exchange_may_be_quiet_until_its_next_ping():
    assert registry.venue("binance-usdm").limits.silence_s == registry.venue("binance-coinm").limits.silence_s == 200
    assert registry.venue("binance-us").limits.silence_s > 180 > registry.venue("binance").limits.silence_s > 20
