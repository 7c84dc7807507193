"""Coinbase Exchange's frames and documents, one fact at a time."""

import msgspec
import pytest

from polaris.domain.errors import BadMessage, UnknownSymbol
from polaris.domain.instrument import Instrument, Instruments, Key, Product
from polaris.domain.market import (
    ASK,
    CLEAR,
    DEPTH,
    LAST,
    LIVE,
    QUOTE,
    REASON_NAMES,
    SNAPSHOT,
    STALE,
    STATUS,
    SYNCING,
    TRADE,
    RowBuffer,
    event,
)
from polaris.venues import registry
from polaris.venues.capture import Line
from polaris.venues.coinbase_exchange import VENUE
from polaris.venues.coinbase_exchange.documents import DOCUMENTS
from polaris.venues.coinbase_exchange.feed import CoinbaseExchangeFeed
from polaris.venues.comparison import ComparisonLimits
from polaris.venues.documents import Documents
from polaris.venues.protocol import Fetch, Send
from tests.unit.venues.exchange_market import BEGAN, WIRES, Market, hour

SECOND = 1_000_000_000
LATER = BEGAN + 2 * SECOND  # a book may be asked for again
BTC, ETH = WIRES


def instrument(place: int, wire: str) -> Instrument:
    key = Key("coinbase-exchange", Product.SPOT, wire[:3], wire[4:])
    return Instrument(id=place, key=key, wire=wire, price_decimals=2, quantity_decimals=8)  # type: ignore[arg-type]


def made(**options) -> CoinbaseExchangeFeed:
    feed = CoinbaseExchangeFeed(Instruments([instrument(0, BTC), instrument(1, ETH)]), RowBuffer(), **options)
    feed.connected(BEGAN)
    feed.wishes.clear()
    return feed


@pytest.fixture
def feed() -> CoinbaseExchangeFeed:
    return made()


def update(*changes: tuple[str, str, str], wire: str = BTC) -> bytes:
    return msgspec.json.encode({"type": "l2update", "product_id": wire, "changes": changes, "time": "2026-08-09T22:06:33.261674Z"})


BOOK = b'{"type":"snapshot","product_id":"%s","asks":[["101.00","0.5"],["102.25","0.00000001"]],"bids":[["100.00","1.50000000"],["99.5","2"]]}'


def live(feed: CoinbaseExchangeFeed) -> CoinbaseExchangeFeed:
    for wire in WIRES:
        feed.frame(BOOK % wire.encode(), BEGAN)
    feed.rows.clear()
    feed.wishes.clear()
    return feed


def story(feed: CoinbaseExchangeFeed, place: int = 0) -> list[tuple[int, str]]:
    return [(int(row["price"]), REASON_NAMES[row["quantity"]]) for row in feed.rows.view() if row["kind"] == STATUS and row["instrument"] == place]


def sent(feed: CoinbaseExchangeFeed) -> list[dict]:
    return [msgspec.json.decode(wish.text) for wish in feed.wishes if isinstance(wish, Send)]


ANEW = [{"type": kind, "product_ids": [BTC], "channels": ["level2_batch"]} for kind in ("unsubscribe", "subscribe")]


def test_connecting_subscribes_to_every_channel_of_every_product():
    feed = CoinbaseExchangeFeed(Instruments([instrument(0, BTC), instrument(1, ETH)]), RowBuffer())
    assert feed.url() == "/"
    feed.connected(BEGAN)
    assert sent(feed) == [{"type": "subscribe", "product_ids": [BTC, ETH], "channels": ["level2_batch", "matches", "heartbeat", "ticker"]}]


def test_a_snapshot_then_an_update_are_rows_and_a_book(feed):
    feed.frame(BOOK % b"BTC-USD", BEGAN + 1)
    feed.frame(update(("buy", "100.000000", "0.00000000"), ("sell", "101.5", "0.25")), BEGAN + 2)
    rows = [row for row in feed.rows.view() if row["instrument"] == 0]
    assert [int(row["kind"]) for row in rows] == [STATUS, DEPTH, DEPTH, DEPTH, DEPTH, STATUS, DEPTH, DEPTH]
    flags = [SNAPSHOT | CLEAR, SNAPSHOT, ASK | SNAPSHOT, ASK | SNAPSHOT | LAST, 0, ASK | LAST]
    assert [int(row["flags"]) for row in rows if row["kind"] == DEPTH] == flags
    assert [int(row["price"]) for row in rows if row["kind"] == DEPTH][:4] == [9950, 10000, 10225, 10100]
    last = event(rows[-1])
    assert (last.ts_event, last.ts_recv, last.price, last.quantity) == (1786313193_261674_000, BEGAN + 2, 10150, 25_000_000)
    assert feed.book_text(BTC, 10) == ([["99.5", "2"]], [["101", "0.5"], ["101.5", "0.25"], ["102.25", "0.00000001"]], 1, 3)
    assert feed.stats.fallbacks == 0


def test_a_made_up_hour_ends_with_its_books(feed):
    markets, frames = hour(7)
    for ts, frame in frames:
        feed.frame(frame, ts)
    for wire, market in markets.items():
        bids, asks, n_bids, n_asks = feed.book_text(wire, 0)
        for side, levels in (("buy", bids), ("sell", asks)):
            assert [[float(price), float(size)] for price, size in levels] == [[float(price), float(size)] for price, size in market.levels(side)]
        assert (n_bids, n_asks) == (len(market.book["buy"]), len(market.book["sell"]))
        stats = feed.stats.symbols[wire]
        assert (stats.state, stats.gaps, stats.checksums_failed) == (LIVE, 0, 0)
        assert stats.checksums_ok > 30, "tickers agree"
    assert (feed.stats.fallbacks, feed.stats.unknown_fields, feed.stats.bad_messages) == (0, 0, 0)
    assert feed.stats.ignored == {"subscriptions": 1, "trade history": 2}


def test_a_new_snapshot_replaces_the_book_and_never_merges(feed):
    live(feed)
    feed.frame(b'{"type":"snapshot","product_id":"BTC-USD","bids":[["98.00","1"]],"asks":[]}', BEGAN)
    assert feed.book_text(BTC, 0) == ([["98", "1"]], [], 1, 0)
    assert feed.book_text(ETH, 0)[2:] == (2, 2)


def test_an_update_before_the_snapshot_is_left_out(feed):
    feed.frame(update(("buy", "100.0", "1.0")), BEGAN)
    assert feed.stats.ignored == {"update before snapshot": 1}


def test_the_side_of_a_match_is_the_makers(feed):
    match = (
        b'{"type":"match","trade_id":%d,"sequence":50,"maker_order_id":"ac928c66","taker_order_id":"132fb6ae","time":"2014-11-07T08:19:27.028459Z",'
        b'"product_id":"BTC-USD","size":"5.23512","price":"400.23","side":"%s"}'
    )
    feed.frame(match % (10, b"sell"), BEGAN)
    feed.frame(match % (11, b"buy"), BEGAN)
    bought, sold = (event(row) for row in feed.rows.view() if row["kind"] == TRADE)
    assert (bought.taker_buys, bought.price, bought.quantity, bought.trade_id, bought.ts_event) == (True, 40023, 523_512_000, 10, 1415348367_028459_000)
    assert not sold.taker_buys


def test_a_trade_that_comes_twice_is_told_once_and_the_last_before_us_never(feed):
    market = Market(BTC, 1)
    feed.frame(market.match(BEGAN, "last_match"), BEGAN)
    frame = market.match(BEGAN)
    feed.frame(frame, BEGAN)
    feed.frame(frame, BEGAN)
    assert feed.rows.view()["other"][feed.rows.view()["kind"] == TRADE].tolist() == [102]
    assert feed.stats.ignored == {"trade history": 1, "duplicate": 1}


def test_a_missing_trade_shows_that_frames_of_its_product_were_lost(feed):
    live(feed)
    market = Market(BTC, 1)
    feed.frame(market.match(LATER), LATER)
    market.match(LATER)
    feed.frame(market.match(LATER), LATER)
    assert story(feed) == [(SYNCING, "gap")]
    assert story(feed, 1) == []
    assert feed.stats.gaps == feed.stats.symbols[BTC].gaps == 1
    assert (feed.rows.view()["kind"] == TRADE).sum() == 2
    assert sent(feed) == ANEW


def test_a_heartbeat_knows_of_a_trade_that_never_came(feed):
    live(feed)
    market = Market(BTC, 1)
    feed.frame(market.match(LATER), LATER)
    lost = market.match(LATER)
    feed.frame(market.heartbeat(LATER), LATER)
    assert story(feed) == [], "it may be under way"
    feed.frame(market.heartbeat(LATER), LATER + SECOND)
    assert story(feed) == [(SYNCING, "gap")]
    feed.frame(market.heartbeat(LATER), LATER + 2 * SECOND)
    assert feed.stats.gaps == 1
    feed.frame(lost, LATER + 2 * SECOND)
    assert feed.stats.ignored == {"duplicate": 1}


def test_a_trade_that_comes_behind_its_heartbeat_is_no_loss(feed):
    live(feed)
    market = Market(BTC, 1)
    feed.frame(market.match(LATER), LATER)
    late = market.match(LATER)
    feed.frame(market.heartbeat(LATER), LATER)
    feed.frame(late, LATER)
    feed.frame(market.heartbeat(LATER), LATER + SECOND)
    assert story(feed) == []


def test_a_heartbeat_of_the_same_sequence_keeps_a_book_at_rest_live(feed):
    live(feed)
    for second in range(30):
        feed.frame(b'{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}', BEGAN + second * SECOND)
        feed.tick(BEGAN + second * SECOND)
    assert story(feed) == []
    assert story(feed, 1) == [(STALE, "silence")]
    assert feed.stats.bad_messages == 0


def test_a_book_whose_sequence_moves_without_an_update_is_stale(feed):
    live(feed)
    market = Market(BTC, 1)
    for second in range(12):
        feed.frame(market.heartbeat(BEGAN), BEGAN + second * SECOND)
        feed.tick(BEGAN + second * SECOND)
    assert story(feed) == [(STALE, "silence")]
    feed.frame(update(("buy", "100.0", "3.0")), BEGAN + 12 * SECOND)
    assert feed.stats.symbols[BTC].state == STALE, "only a snapshot brings it back"
    feed.frame(BOOK % b"BTC-USD", BEGAN + 12 * SECOND)
    assert feed.stats.symbols[BTC].state == LIVE


def ticker(bid: str = "100.00", bid_size: str = "1.5", ask: str = "101.00", ask_size: str = "0.5") -> bytes:
    top = {"best_bid": bid, "best_bid_size": bid_size, "best_ask": ask, "best_ask_size": ask_size}
    return msgspec.json.encode({"type": "ticker", "sequence": 1, "product_id": BTC, **top, "time": "2022-10-19T23:28:22.061769Z", "side": "buy"})


def test_the_top_of_a_ticker_is_compared_and_a_lasting_difference_costs_the_book(feed):
    live(feed)
    feed.frame(ticker(), LATER)
    assert feed.stats.symbols[BTC].checksums_ok == 1
    feed.frame(ticker(bid="99.5", bid_size="2"), LATER)
    feed.frame(ticker(bid="99.5", bid_size="2"), LATER + 2 * SECOND)
    assert story(feed) == []
    feed.frame(ticker(bid="99.5", bid_size="2"), LATER + 3 * SECOND)
    assert story(feed) == [(SYNCING, "checksum")]
    assert sent(feed) == ANEW


def test_a_ticker_ahead_of_its_book_is_no_difference(feed):
    live(feed)
    for second in range(8):
        feed.frame(ticker(bid_size=str(second + 2)), LATER + second * SECOND)
        feed.frame(update(("buy", "100.00", str(second + 2))), LATER + second * SECOND + 1)
        feed.tick(LATER + second * SECOND + 2)
    assert story(feed) == []


def test_tickers_become_rows_where_they_are_asked_for():
    feed = live(made(quotes=True))
    feed.frame(ticker(), BEGAN)
    (row,) = feed.rows.view()
    quote = event(row)
    assert (row["kind"], quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity, quote.ts_event) == (
        QUOTE, 10000, 150_000_000, 10100, 50_000_000, 1666222102_061769_000,
    )  # fmt: skip


def test_the_best_bid_and_ask_of_rest_are_compared_in_turn():
    feed = live(made(comparison=ComparisonLimits(every_ns=4 * SECOND, again_ns=SECOND, depth=1)))
    for second in range(1, 5):
        feed.tick(BEGAN + second * SECOND)
    assert feed.wishes == [Fetch("/products/BTC-USD/book?level=1", "book:BTC-USD")]
    assert VENUE.tag("https://api.exchange.coinbase.com" + feed.wishes[0].path) == "book:BTC-USD"
    document = b'{"bids":[["100","1.5",3]],"asks":[["%s","0.5",1]],"sequence":1,"auction_mode":false,"auction":null,"time":"2026-08-09T22:06:33.2Z"}'
    feed.response("book:BTC-USD", document % b"101", BEGAN + 4 * SECOND)
    assert feed.stats.symbols[BTC].checksums_ok == 1
    feed.response("book:BTC-USD", document % b"100.5", BEGAN + 5 * SECOND)
    feed.response("book:BTC-USD", document.replace(b"false", b"true") % b"100.7", BEGAN + 6 * SECOND)
    assert story(feed) == [], "an auction's levels are a guess"
    feed.response("book:BTC-USD", document % b"100.5", BEGAN + 6 * SECOND)
    assert story(feed) == [(SYNCING, "checksum")]


@pytest.mark.parametrize(("body", "status", "bad"), [(b"", 0, 0), (b"", 429, 0), (b"{}", 200, 1), (b'{"bids":[["x","1",1]],"asks":[]}', 200, 1)])
def test_an_answer_of_no_use_costs_no_book(feed, body, status, bad):
    live(feed)
    for _ in range(3):
        feed.response("book:BTC-USD", body, LATER, status)
    feed.response("book:SOL-USD", body, LATER, status)
    assert len(feed.rows) == 0
    assert (feed.stats.bad_messages, feed.stats.ignored) == (3 * bad, {"unknown product": 1})


@pytest.mark.parametrize("spoiled", ["1.2.3", "-1", "x", "100.001", ""])
def test_an_unreadable_number_costs_that_book_only(feed, spoiled):
    live(feed)
    feed.frame(update(("buy", "100.0", "1.0"), ("buy", spoiled, "1.0")), LATER)
    assert story(feed) == [(SYNCING, "bad message")]
    assert story(feed, 1) == []
    assert not (feed.rows.view()["kind"] == DEPTH).any()
    assert sent(feed) == ANEW


@pytest.mark.parametrize("frame", [b'{"type":"snapshot","product_id":"BTC-USD","bids":[["1","x"]],"asks":[]}', b'{"type":"snapshot","product_id":"BTC-USD","bids":7,"asks":[]}'])
def test_a_snapshot_that_can_not_be_read_leaves_no_book(feed, frame):
    feed.frame(frame, LATER)
    assert feed.stats.symbols[BTC].state == SYNCING
    assert not (feed.rows.view()["kind"] == DEPTH).any()
    assert feed.stats.bad_messages == 1


def test_a_damaged_frame_costs_the_book_it_names_or_every_book(feed):
    live(feed)
    feed.frame(update(("buy", "1", "1"), wire=ETH)[:-1], LATER)
    assert (story(feed), story(feed, 1)) == ([], [(SYNCING, "bad message")])
    feed.frame(b'{"type":"l2upd', LATER)
    assert story(feed) == [(SYNCING, "bad message")]
    feed.frame(update(("buy", "1", "1"), wire="SOL-USD")[:-1], LATER)
    assert feed.stats.bad_messages == 3


@pytest.mark.parametrize(
    ("frame", "ignored", "bad"),
    [
        (b'{"type":"status","products":[]}', {"status": 1}, 0),
        (b'{"type":"match","product_id":"BTC-USD"}', {}, 1),
        (b'{"type":"ticker","product_id":"BTC-USD"}', {}, 1),
        (ticker(bid="x"), {}, 1),
        (b'{"type":"error","message":"Failed to subscribe"}', {}, 1),
        (b"{}", {}, 1),
        (update(("buy", "1.0", "1.0"), wire="SOL-USD"), {"unknown product": 1}, 0),
    ],
)
def test_what_is_no_book_of_ours_is_counted_and_touches_none(feed, frame, ignored, bad):
    live(feed)
    feed.frame(frame, LATER)
    assert len(feed.rows) == 0
    assert (feed.stats.ignored, feed.stats.bad_messages) == (ignored, bad)


def test_a_bad_trade_behind_a_gap_keeps_the_gap(feed):
    live(feed)
    market = Market(BTC, 1)
    feed.frame(market.match(LATER), LATER)
    market.match(LATER)
    feed.frame(market.match(LATER).replace(b'"size":"', b'"size":"x'), LATER)
    assert story(feed) == [(SYNCING, "gap")]
    assert feed.stats.bad_messages == 1


def test_a_product_the_venue_does_not_know_keeps_no_other_from_its_book(feed):
    feed.frame(b'{"type":"error","message":"Failed to subscribe","reason":"ETH-USD is not a valid product"}', BEGAN)
    assert [each["product_ids"] for each in sent(feed)] == [[BTC]]
    feed.frame(b'{"type":"error","message":"Failed to subscribe","reason":"ETH-USD is not a valid product"}', BEGAN)
    assert len(sent(feed)) == 1
    feed.disconnected(BEGAN)
    feed.connected(BEGAN)
    assert sent(feed)[-1]["product_ids"] == [BTC]
    feed.wishes.clear()
    for second in range(100):
        feed.tick(BEGAN + second * SECOND)
    assert all(each["product_ids"] == [BTC] for each in sent(feed))


def test_unknown_fields_are_counted_on_either_path(feed):
    live(feed)
    feed.frame(b'{"type":"l2update","product_id":"BTC-USD","changes":[],"time":"2026-08-09T22:06:33Z","new":1}', BEGAN)
    assert (feed.stats.unknown_fields, feed.stats.fallbacks) == (1, 0)
    feed.frame(b'{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","new":{"deep":1}}', BEGAN)
    assert feed.stats.unknown_fields == 2


def test_fields_in_another_order_are_read_by_the_typed_decoder_and_counted(feed):
    live(feed)
    feed.frame(b'{"product_id":"BTC-USD","type":"l2update","changes":[["buy","100.00","3"]],"time":"2026-08-09T22:06:33Z"}', BEGAN)
    feed.frame(b'{"type":"l2update","product_id":"BTC-USD","time":"2026-08-09T22:06:33Z", "changes":[["buy","99.50","4"]]}', BEGAN)
    assert feed.book_text(BTC, 0)[0] == [["100", "3"], ["99.5", "4"]]
    assert feed.stats.fallbacks == 1


# symbols and documents

PRODUCT = (
    b'{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01","base_increment":"0.00000001","display_name":"BTC-USD",'
    b'"min_market_funds":"1","margin_enabled":false,"post_only":false,"limit_only":false,"cancel_only":false,"status":"online","status_message":"",'
    b'"trading_disabled":false,"fx_stablecoin":false,"max_slippage_percentage":"0.02","auction_mode":false,"high_bid_limit_percentage":""}'
)


def test_a_product_is_an_instrument():
    (btc,) = VENUE.instruments(PRODUCT, [BTC], 4)
    assert (btc.id, btc.symbol, btc.price_decimals, btc.quantity_decimals, btc.min_notional) == (4, "BTC-USD.coinbase-exchange", 2, 8, 10**8)
    assert VENUE.instruments(b"[" + PRODUCT + b"]", [BTC], 0)[0].wire == BTC
    assert (VENUE.metadata([BTC]), VENUE.metadata(WIRES)) == ("/products/BTC-USD", "/products")
    with pytest.raises(UnknownSymbol, match="unknown symbol 'ETH-USD' at coinbase-exchange; known are BTC-USD"):
        VENUE.instruments(PRODUCT, [ETH], 0)
    with pytest.raises(BadMessage, match="quote_increment"):
        VENUE.instruments(b'{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD"}', [BTC], 0)


def test_a_capture_tells_its_products():
    subscribed = Line("send", 1, "", b'{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channels":["level2_batch"]}')
    described = Line("http", 1, "", PRODUCT, "https://api.exchange.coinbase.com/products/BTC-USD")
    found = VENUE.discover([subscribed, described])
    assert [(each.wire, each.price_decimals) for each in found] == [(BTC, 2), (ETH, 8)]
    assert [each.wire for each in VENUE.discover([Line("recv", 1, "", frame) for _, frame in hour(1)[1]])] == [BTC, ETH]


def test_its_frames_are_nobody_elses():
    assert VENUE.recognises(update(("buy", "1", "1")))
    assert VENUE.recognises(BOOK % b"BTC-USD")
    assert not VENUE.recognises(b'{"type":"l2_updates","symbol":"BTCUSD"}')
    found = registry.recognise([Line("recv", 1, "", frame) for _, frame in hour(1)[1]])
    assert found is not None and found.name == "coinbase-exchange"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("products", PRODUCT),
        ("book", Market(BTC, 1).rest()),
        ("order", b'{"id":"d0c5340b","price":"0.10000000","size":"0.01000000","product_id":"BTC-USD","profile_id":"8058d771","side":"buy","stp":"dc","type":"limit",'
         b'"time_in_force":"GTC","post_only":false,"created_at":"2016-12-08T20:02:28.53864Z","fill_fees":"0.00","filled_size":"0.0","executed_value":"0.0",'
         b'"status":"pending","settled":false}'),
        ("fills", b'[{"trade_id":74,"product_id":"BTC-USD","price":"10.00","size":"0.01","order_id":"d50ec984","created_at":"2014-11-07T22:19:28.578544Z",'
         b'"liquidity":"T","fee":"0.00025","settled":true,"side":"buy","usd_volume":"0.1","user_id":"1","profile_id":"2"}]'),
        ("accounts", b'[{"id":"71452118","currency":"BTC","balance":"0.0000000000000000","available":"0","hold":"0.0000000000000000","profile_id":"75da88c5",'
         b'"trading_enabled":true,"pending_deposit":"0","display_name":"BTC"}]'),
        ("cancelled", b'"144c6f8e-713f-4682-8435-5280fbe8b2b4"'),
        ("error", b'{"message":"Insufficient funds"}'),
    ],
)  # fmt: skip
def test_a_document_of_the_public_documentation_decodes(kind, body):
    documents = Documents("coinbase-exchange", DOCUMENTS)
    documents.decode(kind, body)
    assert documents.unknown_fields == 0
    with pytest.raises(BadMessage, match=f"coinbase-exchange: no {kind} document"):
        documents.decode(kind, b'{"x":1}')
