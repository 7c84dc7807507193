"""Alpaca's frames, pages and documents, one fact at a time."""


import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.errors import BadConfig, BadMessage, UnknownSymbol
from polaris.domain.instrument import Instruments, Product
from polaris.domain.market import ASK, BAR, DISCONNECTED, LAST, LIVE, SYNCING, TRADE, RowBuffer, event
from polaris.venues.alpaca import KEY_ID, SECRET, VENUE
from polaris.venues.alpaca.documents import DOCUMENTS
from polaris.venues.alpaca.feed import FATAL, HARMLESS, AlpacaFeed, bars_path
from polaris.venues.alpaca.orders import Key
from polaris.venues.capture import Line
from polaris.venues.documents import Documents
from polaris.venues.protocol import Fetch, Login, Reconnect, Send
from polaris.venues.secrets import Secret

TS = 1_614_008_000_000_000_000  # 2021-02-22T15:33:20Z
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
NINE = 1_614_009_060_000_000_000  # 2021-02-22T15:51:00Z
WIRES = ["AAPL", "MSFT"]
KEY = Key(Secret("PKdevA"), Secret("sdevA"))
KNOWN = b'{"trades":{"AAPL":{"t":"2022-03-18T14:02:09.722539521Z","p":161.2958,"s":100},"MSFT":{"t":"2022-03-18T14:02:09Z","p":300,"s":1}}}'


def stocks() -> Instruments:
    return Instruments(VENUE.instruments(KNOWN, WIRES, 0))


@pytest.fixture
def feed() -> AlpacaFeed:
    made = AlpacaFeed(stocks(), RowBuffer(), key=KEY)
    made.connected(TS)
    return made


def trade(price: float | str, wire: str = "AAPL", **other) -> dict:
    return {"T": "t", "i": 96921, "S": wire, "x": "D", "p": price, "s": 1, "t": "2021-02-22T15:51:44.208Z", "c": ["@", "I"], "z": "C", **other}


def bar(minute: int, wire: str = "AAPL", **other) -> dict:
    prices = {"o": 388.985, "h": 389.13, "l": 388.975, "c": 389.12, "v": 49378, "n": 461, "vw": 389.062639}
    return {"T": "b", "S": wire, **prices, "t": f"2021-02-22T15:{minute:02d}:00Z", **other}


def frame(*messages: dict) -> bytes:
    return msgspec.json.encode(messages)


def hear(feed: AlpacaFeed, *messages: dict, ts: int = TS) -> None:
    feed.frame(frame(*messages), ts)


def subscribed(feed: AlpacaFeed) -> AlpacaFeed:
    hear(feed, {"T": "success", "msg": "connected"})
    hear(feed, {"T": "success", "msg": "authenticated"})
    hear(feed, {"T": "subscription", "trades": WIRES, "quotes": [], "bars": WIRES, "updatedBars": [], "dailyBars": [], "statuses": [],
                "lulds": [], "corrections": WIRES, "cancelErrors": WIRES})  # fmt: skip
    feed.wishes.clear()
    return feed


def page(bars: dict[str, list[int]], token: str | None = None) -> bytes:
    return msgspec.json.encode({"bars": {wire: [bar(minute, wire) for minute in minutes] for wire, minutes in bars.items()}, "next_page_token": token})


def test_the_venue_speaks_first_then_the_key_then_the_subscription(feed):
    assert feed.url() == "/v2/iex"
    assert feed.wishes == []
    hear(feed, {"T": "success", "msg": "connected"})
    (login,) = feed.wishes
    assert isinstance(login, Login)
    assert msgspec.json.decode(login.text.reveal()) == {"action": "auth", "key": "PKdevA", "secret": "sdevA"}
    assert "sdevA" not in repr(feed.wishes) and "PKdevA" not in repr(feed.wishes)
    feed.wishes.clear()
    hear(feed, {"T": "success", "msg": "authenticated"})
    (wish,) = feed.wishes
    assert isinstance(wish, Send)
    assert msgspec.json.decode(wish.text) == {"action": "subscribe", "trades": WIRES, "bars": WIRES}


def test_a_stock_is_live_when_the_venue_confirms_it(feed):
    states = [symbol.state for symbol in feed.stats.symbols.values()]
    assert states == [SYNCING, SYNCING]
    hear(feed, {"T": "subscription", "trades": ["AAPL"], "bars": ["AAPL"]})
    assert [symbol.state for symbol in feed.stats.symbols.values()] == [LIVE, SYNCING]
    feed.disconnected(TS)
    assert [symbol.state for symbol in feed.stats.symbols.values()] == [DISCONNECTED, DISCONNECTED]
    assert len(feed.rows) == 0, "there is no book to speak of"
    assert feed.book_text("AAPL", 10) == ([], [], 0, 0)


def test_without_a_key_there_is_no_stream():
    feed = AlpacaFeed(stocks(), RowBuffer())
    feed.connected(TS)
    hear(feed, {"T": "success", "msg": "connected"})
    assert feed.wishes == [Reconnect("no key: this stream is for customers only")]


def test_a_bar_row_carries_the_end_of_its_minute(feed):
    hear(feed, bar(51), ts=TS + 5)
    (row,) = feed.rows.view()
    assert (row["kind"], row["flags"]) == (BAR, LAST)
    one = event(row)
    assert (one.ts_event, one.ts_recv) == (NINE + MINUTE, TS + 5)
    assert (one.open, one.high, one.low, one.close, one.volume) == (3_889_850, 3_891_300, 3_889_750, 3_891_200, 49_378_000_000_000)


def test_a_minute_is_told_once(feed):
    hear(feed, bar(51), bar(51), bar(50))
    hear(feed, {**bar(51), "T": "u"})
    assert len(feed.rows) == 1
    assert feed.stats.ignored == {"bar told before": 2, "updated bar": 1}


def test_a_bar_that_contradicts_itself_is_left_out(feed):
    hear(feed, bar(51, h=388), bar(52))
    assert [event(row).ts_event for row in feed.rows.view()] == [NINE + 2 * MINUTE]
    assert feed.stats.bad_messages == 1


def test_the_side_of_a_trade_follows_the_tick_rule(feed):
    hear(feed, *(trade(price) for price in (100, 100, 99.9, 99.9, 100.05, 100.05, 100)))
    assert [bool(row["flags"] & ASK) for row in feed.rows.view()] == [False, False, True, True, False, False, True]
    first = event(feed.rows.view()[0])
    assert (first.price, first.quantity, first.trade_id, first.ts_event) == (1_000_000, 1_000_000_000, 96921, NINE + 44_208_000_000)
    assert set(feed.rows.view()["kind"]) == {TRADE}


def test_each_stock_has_its_own_tick(feed):
    hear(feed, trade(100), trade(50, "MSFT"), trade(101), trade(49, "MSFT"))
    assert [bool(row["flags"] & ASK) for row in feed.rows.view()] == [False, False, False, True]


@given(prices=st.lists(st.integers(1, 10**7), min_size=1, max_size=30))
def test_prices_keep_every_digit_the_venue_wrote(prices):
    feed = AlpacaFeed(stocks(), RowBuffer())
    feed.frame(b"[" + b",".join(b'{"T":"t","i":1,"S":"AAPL","p":%d.%04d,"s":1,"t":"2021-02-22T15:51:44Z"}' % divmod(price, 10**4) for price in prices) + b"]", TS)
    assert feed.rows.view()["price"].tolist() == prices


@pytest.mark.parametrize("spoiled", [b'"p":126.55555', b'"p":"x"', b'"p":-1', b'"p":[]', b'"s":1'])
def test_a_trade_that_can_not_be_read_is_left_out_and_the_others_are_not(feed, spoiled):
    bad = b'{"T":"t","i":1,"S":"AAPL",%s,"t":"2021-02-22T15:51:44Z"%s}' % (spoiled, b',"s":1' if spoiled != b'"s":1' else b"")
    feed.frame(b"[" + bad + b"," + msgspec.json.encode(trade(100)) + b"]", TS)
    assert feed.rows.view()["price"].tolist() == [1_000_000]
    assert feed.stats.bad_messages == 1


@pytest.mark.parametrize("frame", [b"", b"{}", b"null", b"[", b'[1]', b'[{"T":"t"}]', b'[{"T":"b","S":"AAPL"}]', b'[{}]', b"\xff"])
def test_what_is_no_message_at_all_is_counted(feed, frame):
    feed.frame(frame, TS)
    assert (feed.stats.bad_messages, len(feed.rows)) == (1, 0)


def test_what_we_leave_out_is_counted_by_its_kind(feed):
    hear(feed, {"T": "q", "S": "AAPL", "bp": 1}, {"T": "s", "S": "AAPL", "sc": "H"}, {"T": "new", "S": "AAPL"}, trade(100), trade(1, "TSLA"))
    assert feed.stats.ignored == {"quote": 1, "trading status": 1, "new": 1, "unknown symbol": 1}
    assert len(feed.rows) == 1


def test_unknown_fields_are_counted(feed):
    hear(feed, trade(100, u="new"))
    assert feed.stats.unknown_fields == 1
    hear(feed, trade(100))
    assert feed.stats.unknown_fields == 1


@pytest.mark.parametrize("code", FATAL)
def test_an_error_that_ends_the_stream_asks_for_a_new_connection(feed, code):
    hear(feed, {"T": "error", "code": code, "msg": "said"})
    (wish,) = feed.wishes
    assert isinstance(wish, Reconnect)
    assert wish.reason == f"alpaca: {code} said ({FATAL[code]})"


@pytest.mark.parametrize("code", HARMLESS)
def test_an_error_of_one_request_costs_no_connection(feed, code):
    hear(feed, {"T": "error", "code": code, "msg": "said"})
    assert (feed.wishes, feed.stats.bad_messages) == ([], 1)


def test_a_silent_stream_is_asked_for_a_sign_of_life(feed):
    subscribed(feed)
    for second in range(35):
        feed.tick(TS + second * SECOND)
    assert [msgspec.json.decode(wish.text)["action"] for wish in feed.wishes] == ["subscribe"] * 3
    feed.disconnected(TS)
    feed.wishes.clear()
    feed.tick(TS + 100 * SECOND)
    assert feed.wishes == []


# what came while we were away


def test_a_first_connection_asks_for_no_history(feed):
    hear(feed, {"T": "success", "msg": "authenticated"})
    assert not any(isinstance(wish, Fetch) for wish in feed.wishes)


def away(feed: AlpacaFeed) -> list[str]:
    """The last bars were of 15:50 and 15:52; the connection breaks and comes back."""
    subscribed(feed)
    hear(feed, bar(50), bar(52, "MSFT"))
    feed.rows.clear()
    feed.disconnected(TS)
    feed.connected(TS)
    hear(feed, {"T": "success", "msg": "authenticated"})
    return [wish.path for wish in feed.wishes if isinstance(wish, Fetch)]


def test_missed_bars_are_asked_for_page_by_page_and_told_in_order(feed):
    (path,) = away(feed)
    assert path == "/v2/stocks/bars?symbols=AAPL%2CMSFT&timeframe=1Min&start=2021-02-22T15:51:00Z&limit=10000&adjustment=raw&feed=iex&sort=asc"
    assert VENUE.tag("https://data.alpaca.markets" + path) == "bars:"
    feed.wishes.clear()
    hear(feed, bar(55), ts=TS + 1)
    assert len(feed.rows) == 0, "it waits for those before it"
    feed.response("bars:", page({"AAPL": [51, 52]}, "QUFQTHxN=="), TS + 2)
    assert feed.wishes == [Fetch(path + "&page_token=QUFQTHxN%3D%3D", "bars:")]
    feed.response("bars:", page({"AAPL": [53, 54, 55], "MSFT": [51, 52, 53]}), TS + 3)
    told = [(row["instrument"], (event(row).ts_event - NINE) // MINUTE + 50) for row in feed.rows.view()]
    assert told == [(0, 51), (0, 52), (0, 53), (0, 54), (0, 55), (1, 53)]
    assert [int(row["ts_recv"]) for row in feed.rows.view()] == [TS + 2, TS + 2, TS + 3, TS + 3, TS + 3, TS + 3]
    assert feed.stats.ignored["bar told before"] == 3
    hear(feed, bar(56), ts=TS + 4)
    assert event(feed.rows.view()[-1]).ts_event == NINE + 6 * MINUTE


@pytest.mark.parametrize(("body", "status"), [(b"", 0), (b'{"message":"forbidden."}', 403), (b"{}", 200), (b"<html>", 200)])
def test_a_page_that_does_not_come_holds_nothing_up(feed, body, status):
    away(feed)
    hear(feed, bar(55))
    feed.response("bars:", body, TS, status)
    assert len(feed.rows) == 1
    assert feed.stats.ignored["missed bars"] == 1


def test_a_bar_of_a_page_that_can_not_be_read_is_left_out(feed):
    away(feed)
    spoiled = page({"AAPL": [51, 52]}).replace(b"389.12", b"389.123456", 1)
    feed.response("bars:", spoiled, TS)
    feed.response("bars:", page({"TSLA": [51]}), TS)
    assert len(feed.rows) == 1
    assert feed.stats.bad_messages == 1
    assert feed.stats.ignored["unknown symbol"] == 1


def test_a_page_of_history_names_its_end_where_it_has_one():
    path = bars_path(["BRK.B"], "2021-02-22T15:51:00Z", "sip", end="2021-02-23T00:00:00Z")
    assert path == (
        "/v2/stocks/bars?symbols=BRK.B&timeframe=1Min&start=2021-02-22T15:51:00Z&end=2021-02-23T00:00:00Z"
        "&limit=10000&adjustment=raw&feed=sip&sort=asc"
    )


# the venue


def test_a_stock_is_a_stock():
    (apple,) = VENUE.instruments(KNOWN, ["AAPL"], 2)
    assert (apple.id, apple.symbol, apple.key.product, apple.price_increment) == (2, "AAPL-USD.alpaca", Product.STOCK, 100)
    assert VENUE.metadata(["AAPL", "BRK.B"]) == "/v2/stocks/trades/latest?symbols=AAPL%2CBRK.B"
    with pytest.raises(UnknownSymbol, match="unknown symbol 'TSLA' at alpaca; known are AAPL, MSFT"):
        VENUE.instruments(KNOWN, ["TSLA"], 0)
    with pytest.raises(BadMessage, match="trades"):
        VENUE.instruments(b'{"message":"forbidden."}', ["AAPL"], 0)


def test_a_capture_tells_its_stocks():
    asked = Line("send", 1, "", b'{"action":"subscribe","trades":["AAPL","MSFT"],"bars":["AAPL","MSFT"]}')
    heard = Line("recv", 1, "", frame(trade(1, "TSLA"), trade(1, "BRK.B")))
    assert [each.wire for each in VENUE.discover([asked, heard])] == WIRES
    assert [each.wire for each in VENUE.discover([heard])] == ["TSLA", "BRK.B"]
    assert VENUE.recognises(heard.data) and VENUE.recognises(b'[{"T":"success","msg":"connected"}]')


def test_the_key_comes_from_the_environment_and_its_absence_says_so(monkeypatch):
    monkeypatch.delenv(KEY_ID, raising=False)
    with pytest.raises(BadConfig, match="set APCA_API_KEY_ID and APCA_API_SECRET_KEY"):
        VENUE.headers()
    monkeypatch.setenv(KEY_ID, "PKdevA")
    monkeypatch.setenv(SECRET, "sdevA")
    assert {name: value.reveal() for name, value in VENUE.headers().items()} == {"APCA-API-KEY-ID": "PKdevA", "APCA-API-SECRET-KEY": "sdevA"}
    assert "sdevA" not in repr(VENUE.headers())
    made = VENUE.feed(stocks(), RowBuffer())
    made.connected(TS)
    made.frame(b'[{"T":"success","msg":"connected"}]', TS)
    assert made.wishes == [Login(KEY.login())]


# documents

@pytest.mark.parametrize(
    ("kind", "body", "named"),
    [
        ("bars", b'{"bars":{"AAPL":[{"t":"2022-02-01T05:00:00Z","o":174}]}}', r"missing required field `h` - at `\$\.bars\[\.\.\.\]\[0\]`"),
        ("order", b'{"id":"1","client_order_id":"2","symbol":"AAPL","side":"up"}', r"\$\.side"),
        ("account", b'{"message":"forbidden."}', "`id`"),
    ],
)
def test_a_document_of_another_shape_names_the_field(kind, body, named):
    with pytest.raises(BadMessage, match=named):
        Documents("alpaca", DOCUMENTS).decode(kind, body)


def test_a_number_is_the_same_as_text_and_as_number():
    table = Documents("alpaca", DOCUMENTS)
    order = b'{"id":"1","client_order_id":"2","symbol":"AAPL","side":"buy","type":"limit","status":"new","filled_qty":%s}'
    assert table.decode("order", order % b'"0.10"') == table.decode("order", order % b"0.10")
