"""Kraken's two dialects, one fact at a time. The book of the checksum is the one in the venue's own guide."""

import zlib

import msgspec
import pytest

from polaris.domain.errors import BadMessage, UnknownSymbol
from polaris.domain.instrument import Instrument, Instruments, Key, Product
from polaris.domain.market import ASK, DEPTH, LAST, LIVE, QUOTE, SYNCING, TRADE, RowBuffer
from polaris.venues.kraken import V1_VENUE, VENUE
from polaris.venues.kraken.feed import LEVELS
from polaris.venues.kraken.symbols import elsewhere
from polaris.venues.protocol import Send

TS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
ASKS = [("45285.2", "0.00100000"), ("45286.4", "1.54571953"), ("45286.6", "1.54571109"), ("45289.6", "1.54560911"), ("45290.2", "0.15890660"),
        ("45291.8", "1.54553491"), ("45294.7", "0.04454749"), ("45296.1", "0.35380000"), ("45297.5", "0.09945542"), ("45299.5", "0.18772827")]  # fmt: skip
BIDS = [("45283.5", "0.10000000"), ("45283.4", "1.54582015"), ("45282.1", "0.10000000"), ("45281.0", "0.10000000"), ("45280.3", "1.54592586"),
        ("45279.0", "0.07990000"), ("45277.6", "0.03310103"), ("45277.5", "0.30000000"), ("45277.3", "1.54602737"), ("45276.6", "0.15445238")]  # fmt: skip
GUIDE_CHECKSUM = 3310070434
PAIRS = {"BTC/USD": (1, 8), "ETH/USD": (2, 8)}


def instrument(place: int, wire: str, venue: str, decimals: tuple[int, int]) -> Instrument:
    base, quote = elsewhere(wire).split("/")
    return Instrument(
        id=place, key=Key(venue, Product.SPOT, base, quote), wire=wire, price_decimals=decimals[0], quantity_decimals=decimals[1], text_decimals=decimals
    )  # type: ignore[arg-type]


def connected(venue=VENUE):
    pairs = PAIRS if venue is VENUE else {"XBT/USD": (5, 8), "ETH/USD": (5, 8)}
    feed = venue.feed(Instruments([instrument(i, wire, venue.name, decimals) for i, (wire, decimals) in enumerate(pairs.items())]), RowBuffer())
    feed.connected(TS)
    feed.rows.clear()
    feed.wishes.clear()
    return feed


def levels(side) -> str:
    return ",".join(f'{{"price":{price},"qty":{quantity}}}' for price, quantity in side)


def book(kind: str, bids, asks, checksum: int, pair: str = "BTC/USD") -> bytes:
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{pair}","bids":[{levels(bids)}],"asks":[{levels(asks)}],"checksum":{checksum},'
        f'"timestamp":"2023-10-06T17:35:55.440295Z"}}]}}'
    ).encode()


def checksum(bids, asks) -> int:
    """The venue's rule, from its texts: no point, no zeros in front."""
    text = "".join(part.replace(".", "").lstrip("0") for side in (asks, bids) for level in side[:10] for part in level)
    return zlib.crc32(text.encode())


def live(feed, bids=BIDS, asks=ASKS):
    feed.frame(book("snapshot", bids, asks, checksum(bids, asks)), TS)
    return feed


def state(feed, pair: str = "BTC/USD") -> int:
    return feed.stats.symbols[pair].state


def test_the_book_of_the_guide_has_the_checksum_of_the_guide():
    assert checksum(BIDS, ASKS) == GUIDE_CHECKSUM
    feed = connected()
    feed.frame(book("snapshot", BIDS, ASKS, GUIDE_CHECKSUM), TS)
    assert state(feed) == LIVE
    assert (feed.stats.symbols["BTC/USD"].checksums_ok, feed.stats.symbols["BTC/USD"].checksums_failed) == (1, 0)
    assert feed.book_text("BTC/USD", 10) == ([list(level) for level in BIDS], [list(level) for level in ASKS], 10, 10)


def test_an_update_that_proves_itself_is_taken_by_the_compiled_reader():
    feed = live(connected())
    feed.rows.clear()
    bids = [("45283.6", "2.00000000"), *BIDS[1:]]
    feed.frame(book("update", [("45283.6", "2.00000000"), ("45283.5", "0.00000000")], [], checksum(bids, ASKS)), TS + SECOND)
    assert (feed.stats.fallbacks, feed.stats.bad_messages, state(feed)) == (0, 0, LIVE)
    first, last = feed.rows.view()
    assert [int(row["kind"]) for row in (first, last)] == [DEPTH, DEPTH]
    assert (first["price"], first["quantity"], int(first["flags"]) & (LAST | ASK), int(last["flags"]) & LAST) == (452836, 200_000_000, 0, LAST)
    assert int(first["ts_event"]) == 1_696_613_755_440_295_000


@pytest.mark.parametrize("number", ["45283.60", "4.52836e4"])
def test_a_number_may_be_written_otherwise(number):
    feed = live(connected())
    bids = [("45283.6", "2.00000000"), *BIDS[:9]]
    feed.frame(book("update", [(number, "2")], [], checksum(bids, ASKS)), TS + SECOND)
    assert (state(feed), feed.book_text("BTC/USD", 1)[0]) == (LIVE, [["45283.6", "2.00000000"]])


def test_a_wrong_checksum_asks_for_that_pair_alone_anew():
    feed = live(connected())
    other = [(f"{price}0", quantity) for price, quantity in BIDS], [(f"{price}0", quantity) for price, quantity in ASKS]
    feed.frame(book("snapshot", *other, checksum(*other), "ETH/USD"), TS)
    feed.wishes.clear()
    feed.frame(book("update", [("45283.6", "2.00000000")], [], 12345), TS + SECOND)
    assert (state(feed), state(feed, "ETH/USD")) == (SYNCING, LIVE)
    assert feed.stats.symbols["BTC/USD"].checksums_failed == 1
    said = [msgspec.json.decode(wish.text) for wish in feed.wishes if isinstance(wish, Send)]
    assert [(each["method"], each["params"]["symbol"]) for each in said] == [("unsubscribe", ["BTC/USD"]), ("subscribe", ["BTC/USD"])]
    live(feed)
    assert (state(feed), feed.stats.symbols["BTC/USD"].resyncs) == (LIVE, 1)


@pytest.mark.parametrize("reads", ["compiled", "typed"])
def test_levels_beyond_the_subscribed_depth_are_dropped_and_told(reads):
    feed = connected()
    if reads == "typed":
        feed._reader._take = lambda *given: -1
    bids = [(f"{40000 - i}.0", "1.00000000") for i in range(LEVELS)]
    live(feed, bids)
    feed.rows.clear()
    better = [("40000.5", "3.00000000"), *bids]
    feed.frame(book("update", better[:1], [], checksum(better, ASKS)), TS + SECOND)
    assert (state(feed), feed.book_text("BTC/USD", 0)[2]) == (LIVE, LEVELS)
    gone = feed.rows.view()[-1]
    assert (gone["price"], gone["quantity"]) == ((40000 - LEVELS + 1) * 10, 0)


def test_trades_and_tops_are_rows_and_a_trade_carries_the_takers_side():
    feed = connected()
    trade = {"symbol": "BTC/USD", "side": "sell", "price": 45283.5, "qty": 0.1, "ord_type": "limit", "trade_id": 7, "timestamp": "2023-09-25T07:49:37.708706Z"}
    feed.frame(msgspec.json.encode({"channel": "trade", "type": "update", "data": [trade]}), TS)
    feed.frame(msgspec.json.encode({"channel": "trade", "type": "snapshot", "data": [trade]}), TS)
    tick = {"symbol": "BTC/USD", "bid": 45283.5, "bid_qty": 0.1, "ask": 45285.2, "ask_qty": 0.001, "last": 1.0}
    feed.frame(msgspec.json.encode({"channel": "ticker", "type": "update", "data": [tick]}), TS)
    first, second = feed.rows.view()
    assert (first["kind"], int(first["flags"]) & ASK, first["price"], first["quantity"], first["other"]) == (TRADE, ASK, 452835, 10_000_000, 7)
    assert (second["kind"], second["price"], second["other"], second["other_quantity"]) == (QUOTE, 452835, 452852, 100_000)
    assert feed.stats.ignored == {"trade history": 1}


def test_what_the_venue_says_besides_is_counted():
    feed = connected()
    feed.frame(b'{"channel":"heartbeat"}', TS)
    feed.frame(b'{"method":"subscribe","result":{"channel":"book"},"success":true}', TS)
    feed.frame(b'{"method":"subscribe","success":false,"error":"Currency pair not supported"}', TS)
    feed.frame(b'{"channel":"status","type":"update","data":[]}', TS)
    assert feed.stats.ignored == {"heartbeat": 1, "answer": 1, "status": 1}
    assert feed.stats.bad_messages == 1


def test_a_frame_cut_in_two_costs_its_own_pair_only():
    feed = live(connected())
    other = [(f"{price}0", quantity) for price, quantity in BIDS], [(f"{price}0", quantity) for price, quantity in ASKS]
    feed.frame(book("snapshot", *other, checksum(*other), "ETH/USD"), TS)
    feed.frame(book("update", [("45283.6", "2.00000000")], [], 12345)[:-30], TS + SECOND)
    assert (state(feed), state(feed, "ETH/USD"), feed.stats.bad_messages) == (SYNCING, LIVE, 1)


def v1(content: str, channel: str, pair: str = "XBT/USD") -> bytes:
    return f'[336,{content},"{channel}","{pair}"]'.encode()


def test_v1_proves_a_book_with_two_parts_in_one_frame():
    feed = connected(V1_VENUE)
    whole = [[[f"{price}0000", quantity, "1534614248.123678"] for price, quantity in side] for side in (ASKS, BIDS)]
    feed.frame(v1(msgspec.json.encode({"as": whole[0], "bs": whole[1]}).decode(), "book-1000"), TS)
    assert state(feed, "XBT/USD") == LIVE
    asks, bids = [("45285.10000", "2.50000000"), *((f"{p}0000", q) for p, q in ASKS)], [(f"{p}0000", q) for p, q in BIDS[1:]]
    parts = '{"a":[["45285.10000","2.50000000","1534614248.456738","r"]]},{"b":[["45283.50000","0.00000000","1534614249.1"]],"c":"%d"}'
    feed.frame(v1(parts % checksum(bids, asks), "book-1000"), TS + SECOND)
    assert (state(feed, "XBT/USD"), feed.stats.symbols["XBT/USD"].checksums_ok, feed.stats.fallbacks) == (LIVE, 1, 0)
    feed.frame(v1('{"a":[["45285.10000","0.00000000","1534614250.456738"]],"c":"1"}', "book-1000"), TS + 2 * SECOND)
    assert (state(feed, "XBT/USD"), feed.stats.symbols["XBT/USD"].checksums_failed) == (SYNCING, 1)


def test_v1_believes_no_time_that_nanoseconds_cannot_hold():
    feed = connected(V1_VENUE)
    whole = [[[f"{price}0000", quantity, "1534614248.123678"] for price, quantity in side] for side in (ASKS, BIDS)]
    feed.frame(v1(msgspec.json.encode({"as": whole[0], "bs": whole[1]}).decode(), "book-1000"), TS)
    said = f'{{"b":[["{BIDS[0][0]}0000","{BIDS[0][1]}","11534614249.123678"]],"c":"{checksum(BIDS, ASKS)}"}}'
    feed.frame(v1(said, "book-1000"), TS + SECOND)
    assert (state(feed, "XBT/USD"), feed.stats.bad_messages) == (SYNCING, 1)


def test_v1_trades_carry_the_takers_side():
    feed = connected(V1_VENUE)
    feed.frame(v1('[["5541.20000","0.15850568","1534614057.321597","s","l",""],["6060.00000","0.02455000","1534614057.324998","b","l",""]]', "trade"), TS)
    first, second = feed.rows.view()
    assert (int(first["flags"]) & ASK, int(second["flags"]) & ASK, first["ts_event"]) == (ASK, 0, 1_534_614_057_321_597_000)


ASSET_PAIRS = {"error": [], "result": {"XXBTZUSD": {"altname": "XBTUSD", "wsname": "XBT/USD", "pair_decimals": 1, "lot_decimals": 8, "ordermin": "0.0001",
                                                    "costmin": "0.5", "tick_size": "0.1", "lot": "unit"}}}  # fmt: skip


def test_a_pair_is_found_by_either_name_and_is_the_worlds_pair():
    for wire in ("BTC/USD", "XBT/USD"):
        (found,) = VENUE.instruments(msgspec.json.encode(ASSET_PAIRS), [wire], 3)
        assert (found.wire, str(found.key), found.id, found.price_increment, found.min_quantity, found.min_notional) == ("BTC/USD", "BTC-USD.kraken", 3, 1, 10_000, 50_000_000)


def test_an_unknown_pair_and_a_refusing_document_are_errors():
    with pytest.raises(UnknownSymbol, match="DOGE/USD"):
        VENUE.instruments(msgspec.json.encode(ASSET_PAIRS), ["DOGE/USD"], 0)
    with pytest.raises(BadMessage, match="EGeneral:Internal error"):
        VENUE.instruments(b'{"error":["EGeneral:Internal error"]}', ["BTC/USD"], 0)
