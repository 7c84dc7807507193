"""KuCoin, one fact at a time: tokens, pings, numbered changes, books over REST."""

import msgspec
import pytest

from polaris.domain.errors import BadMessage, UnknownSymbol
from polaris.domain.instrument import Instrument, Instruments, Key, Product
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, QUOTE, SYNCING, TRADE, RowBuffer
from polaris.venues.kucoin import VENUE
from polaris.venues.protocol import Fetch, Reconnect, Send

TS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
TOKEN = {"code": "200000", "data": {"token": "abc", "instanceServers": [{"endpoint": "ws://127.0.0.1:9/endpoint", "pingInterval": 5000, "encrypt": True}]}}


def connected(*wires: str):
    items = [
        Instrument(id=i, key=Key("kucoin", Product.SPOT, wire.split("-")[0], "USDT"), wire=wire, price_decimals=2, quantity_decimals=4)  # type: ignore[arg-type]
        for i, wire in enumerate(wires or ("BTC-USDT",))
    ]
    feed = VENUE.feed(Instruments(items), RowBuffer())
    feed.response("token", msgspec.json.encode(TOKEN), TS)
    assert feed.url().startswith("ws://127.0.0.1:9/endpoint?token=abc&connectId=")
    feed.connected(TS)
    feed.rows.clear()
    return feed


def changes(first: int, last: int, asks=(), bids=(), wire: str = "BTC-USDT") -> bytes:
    data = {"changes": {"asks": asks, "bids": bids}, "sequenceEnd": last, "sequenceStart": first, "symbol": wire, "time": 1663747970273}
    return msgspec.json.encode({"type": "message", "topic": f"/market/level2:{wire}", "subject": "trade.l2update", "data": data})


def book(sequence: int, code: str = "200000") -> bytes:
    data = {"sequence": str(sequence), "time": 1663747970000, "bids": [["99", "1"], ["98", "2"]], "asks": [["101", "1"], ["102", "2"]]}
    return msgspec.json.encode({"code": code, "data": data})


def live(sequence: int = 10):
    feed = connected()
    feed.frame(changes(sequence, sequence, asks=[["101", "3", str(sequence)]]), TS)
    feed.response("depth:BTC-USDT", book(sequence), TS)
    assert state(feed) == LIVE
    feed.rows.clear()
    feed.wishes.clear()
    return feed


def state(feed, wire: str = "BTC-USDT") -> int:
    return feed.stats.symbols[wire].state


def sent(feed) -> list[dict]:
    return [msgspec.json.decode(wish.text) for wish in feed.wishes if isinstance(wish, Send)]


def test_every_connection_needs_a_token_of_its_own():
    feed = connected()
    assert VENUE.opening == Fetch("/api/v1/bullet-public", "token", "POST")
    assert feed.url() == "/endpoint", "a token opens one connection"


@pytest.mark.parametrize(("body", "status"), [(b"", 0), (b"{}", 200), (b'{"code":"400100","msg":"Invalid"}', 200), (msgspec.json.encode(TOKEN), 500)])
def test_without_a_token_there_is_no_address_of_its_own(body, status):
    feed = connected()
    feed.response("token", body, TS, status)
    assert (feed.url(), feed.stats.bad_messages) == ("/endpoint", 1)


def test_an_expired_token_means_a_new_connection():
    feed = connected()
    feed.frame(b'{"id":"1","type":"error","code":401,"data":"token is expired"}', TS)
    assert feed.wishes == [Reconnect("the venue refused the token with code 401")]


def test_nothing_is_asked_before_the_welcome():
    feed = connected("BTC-USDT", "ETH-USDT")
    assert feed.wishes == []
    feed.frame(b'{"id":"x","type":"welcome"}', TS)
    assert [each["topic"] for each in sent(feed)] == [f"{topic}:BTC-USDT,ETH-USDT" for topic in ("/market/level2", "/market/match", "/market/ticker")]


def test_pings_go_out_as_often_as_the_server_asked():
    feed = connected()
    for tenth in range(121):
        feed.tick(TS + tenth * SECOND // 10)
    assert [each["type"] for each in sent(feed)] == ["ping", "ping"]


def test_changes_older_than_the_snapshot_are_dropped_even_inside_an_update():
    feed = connected()
    feed.frame(changes(8, 9, bids=[["97", "5", "9"]]), TS)
    feed.frame(changes(10, 12, bids=[["96", "5", "10"], ["95", "5", "12"]]), TS)
    feed.response("depth:BTC-USDT", book(11), TS)
    assert state(feed) == LIVE
    assert feed.book_text("BTC-USDT", 0)[0] == [["99", "1"], ["98", "2"], ["95", "5"]]


def test_the_next_update_is_taken_by_the_compiled_reader():
    feed = live()
    feed.frame(changes(11, 13, asks=[["100.5", "2", "12"]], bids=[["0", "0", "11"], ["99", "0", "13"]]), TS + SECOND)
    assert (feed.stats.fallbacks, feed.stats.bad_messages, state(feed)) == (0, 0, LIVE)
    ask, bid = feed.rows.view()
    assert (ask["kind"], ask["price"], ask["quantity"], ask["other"], int(ask["flags"])) == (DEPTH, 10_050, 20_000, 12, ASK)
    assert (bid["price"], bid["quantity"], int(bid["flags"]), bid["ts_event"]) == (9_900, 0, LAST, 1_663_747_970_273_000_000)


def test_a_change_at_price_zero_only_moves_the_sequence():
    feed = live()
    feed.frame(changes(11, 11, bids=[["0", "0", "11"]]), TS)
    feed.frame(changes(12, 12, bids=[["99", "7", "12"]]), TS)
    assert (state(feed), feed.book_text("BTC-USDT", 1)[0]) == (LIVE, [["99", "7"]])


def test_a_gap_costs_that_symbol_only_and_asks_for_its_book():
    feed = live()
    feed.frame(changes(12, 12, bids=[["99", "7", "12"]]), TS + 61 * SECOND)
    assert (state(feed), feed.stats.gaps) == (SYNCING, 1)
    assert feed.wishes == [Fetch("/api/v3/market/orderbook/level2_100?symbol=BTC-USDT", "depth:BTC-USDT")]
    feed.response("depth:BTC-USDT", book(12), TS + 62 * SECOND)
    assert (state(feed), feed.stats.symbols["BTC-USDT"].resyncs) == (LIVE, 1)


@pytest.mark.parametrize("body", [book(10, "429000"), b"<html>maintenance</html>", b'{"code":"200000","data":{"sequence":"x","bids":[],"asks":[]}}', b'{"code":"200000","data":{"sequence":"10","bids":null,"asks":[]}}'])
def test_a_book_that_is_none_leaves_the_symbol_syncing(body):
    feed = connected()
    feed.frame(changes(10, 10), TS)
    feed.response("depth:BTC-USDT", body, TS)
    assert state(feed) == SYNCING


def test_trades_carry_the_takers_side_and_tops_are_quotes():
    feed = connected()
    match = {"symbol": "BTC-USDT", "sequence": "77", "side": "sell", "size": "0.5", "price": "99.5", "time": "1619378327739050725", "type": "match", "tradeId": "6085"}
    feed.frame(msgspec.json.encode({"type": "message", "topic": "/market/match:BTC-USDT", "subject": "trade.l3match", "data": match}), TS)
    tick = {"sequence": "78", "bestAsk": "101", "bestAskSize": "1", "bestBid": "99", "bestBidSize": "2", "price": "99", "size": "1", "time": 1663747970273}
    feed.frame(msgspec.json.encode({"type": "message", "topic": "/market/ticker:BTC-USDT", "subject": "trade.ticker", "data": tick}), TS)
    trade, quote = feed.rows.view()
    assert (trade["kind"], int(trade["flags"]) & ASK, trade["price"], trade["other"], trade["ts_event"]) == (TRADE, ASK, 9_950, 77, 1_619_378_327_739_050_725)
    assert (quote["kind"], quote["price"], quote["quantity"], quote["other"], quote["other_quantity"]) == (QUOTE, 9_900, 20_000, 10_100, 10_000)


def test_a_coin_under_an_old_name_has_the_key_of_its_new_one():
    symbol = {"symbol": "BCHSV-USDT", "name": "BSV-USDT", "baseIncrement": "0.00000001", "priceIncrement": "0.001", "baseMinSize": "0.001", "minFunds": "0.1"}
    document = msgspec.json.encode({"code": "200000", "data": [symbol]})
    (found,) = VENUE.instruments(document, ["BCHSV-USDT"], 0)
    assert (str(found.key), found.wire, found.price_decimals, found.quantity_decimals) == ("BSV-USDT.kucoin", "BCHSV-USDT", 8, 12)
    with pytest.raises(UnknownSymbol, match="BSV-USDT"):
        VENUE.instruments(document, ["BSV-USDT"], 0)
    with pytest.raises(BadMessage, match="code 429000"):
        VENUE.instruments(b'{"code":"429000","data":[]}', ["BSV-USDT"], 0)


@pytest.mark.parametrize("sequence", ["9" * 19, "-1", "1_0", "", "12x"])
def test_a_book_whose_number_is_none_is_bad_and_asked_for_again(sequence):
    feed = connected()
    feed.frame(changes(11, 11, asks=[["101", "3", "11"]]), TS)
    feed.response("depth:BTC-USDT", book(10).replace(b'"10"', msgspec.json.encode(sequence)), TS)
    assert (state(feed), feed.stats.bad_messages) == (SYNCING, 1)


@pytest.mark.parametrize("endpoint", ["", "x", "https://a.b", "ws://", "/endpoint"])
def test_a_token_for_no_address_of_a_socket_is_no_token(endpoint):
    feed = connected()
    token = {"code": "200000", "data": {"token": "abc", "instanceServers": [{"endpoint": endpoint}]}}
    feed.response("token", msgspec.json.encode(token), TS)
    assert (feed.url(), feed.stats.bad_messages) == ("/endpoint", 1)
