"""Our names for what venues trade: every venue's own document decides, and nothing is guessed."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.domain.errors import BadConfig, BadMessage, SymbolCollision
from polaris.domain.instrument import Key, Product
from polaris.venues import registry
from polaris.venues.capture import Capture
from polaris.venues.resolve import Listing, NotListed, by_venue, resolve

VENUES = registry.names()


def json(value: object) -> bytes:
    return msgspec.json.encode(value)


def binance(*symbols: tuple[str, str, str, str]) -> bytes:
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.01"}, {"filterType": "LOT_SIZE", "minQty": "0.001", "stepSize": "0.001"}]
    names = ("symbol", "baseAsset", "quoteAsset", "contractType")
    return json({"symbols": [dict(zip(names, each, strict=True)) | {"filters": filters} for each in symbols]})


def coinbase(*products: tuple[str, str]) -> bytes:
    steps = {"base_increment": "0.00000001", "quote_increment": "0.01", "base_min_size": "0.0001", "quote_min_size": "1"}
    return json({"products": [{"product_id": wire, "product_type": kind, "quote_currency_id": "USD", **steps} for wire, kind in products]})


def kraken(**pairs: str) -> bytes:
    steps = {"pair_decimals": 1, "lot_decimals": 8, "tick_size": "0.1"}
    described = {rest: {"altname": rest.replace("XX", "X").replace("ZUSD", "USD"), "wsname": name, **steps} for rest, name in pairs.items()}
    return json({"error": [], "result": described})


def gemini(*symbols: tuple[str, str, str, str]) -> bytes:
    names = ("symbol", "base_currency", "quote_currency", "product_type")
    steps = '"tick_size":1E-8,"quote_increment":0.01,"min_order_size":"0.00001"'
    return ("[" + ",".join(json(dict(zip(names, each, strict=True))).decode()[:-1] + f",{steps}}}" for each in symbols) + "]").encode()


def kucoin(**symbols: str) -> bytes:
    steps = {"baseIncrement": "0.0001", "priceIncrement": "0.01", "baseMinSize": "0.001"}
    return json({"code": "200000", "data": [{"symbol": wire.replace("_", "-"), "name": name, **steps} for wire, name in symbols.items()]})


def bitstamp(**pairs: str) -> bytes:
    return json([{"name": name, "url_symbol": wire.replace("_", "-"), "base_decimals": 8, "counter_decimals": 0} for wire, name in pairs.items()])


def exchange(*products: str) -> bytes:
    steps = {"quote_increment": "0.01", "base_increment": "0.00000001"}
    return json([{"id": each, "base_currency": each.split("-")[0], "quote_currency": each.split("-")[1], **steps} for each in products])


def alpaca(*stocks: str) -> bytes:
    return json({"trades": {stock: {"t": "2026-08-07T19:59:59.9Z", "x": "V", "p": 1, "s": 1, "c": ["@"], "i": 1, "z": "B"} for stock in stocks}})


DOLLARS = (("BTCUSD", "BTC", "USD", ""), ("ETHUSD", "ETH", "USD", ""))
DOCUMENTS = {
    "coinbase": coinbase(("BTC-USD", "SPOT"), ("ETH-USD", "SPOT"), ("BIT-28AUG26-CDE", "FUTURE")),
    "binance": binance(("ETHBTC", "ETH", "BTC", ""), ("BTCUSDT", "BTC", "USDT", ""), ("BTCUSDC", "BTC", "USDC", ""), ("ETHUSDT", "ETH", "USDT", "")),
    "binance-us": binance(*DOLLARS),
    "binance-usdm": binance(
        ("BTCUSDT", "BTC", "USDT", "PERPETUAL"), ("BTCUSDT_261225", "BTC", "USDT", "CURRENT_QUARTER"), ("XAUUSDT", "XAU", "USDT", "TRADIFI_PERPETUAL")
    ),
    "binance-coinm": binance(("BTCUSD_PERP", "BTC", "USD", "PERPETUAL"), ("BTCUSD_261225", "BTC", "USD", "CURRENT_QUARTER")),
    "kraken": kraken(XXBTZUSD="XBT/USD", XETHZUSD="ETH/USD", XDGUSD="XDG/USD"),
    "kraken-v1": kraken(XXBTZUSD="XBT/USD", XETHZUSD="ETH/USD", XDGUSD="XDG/USD"),
    "kucoin": kucoin(BTC_USDT="BTC-USDT", BCHSV_USDT="BSV-USDT"),
    "bitstamp": bitstamp(btcusd="BTC/USD", btcusd_perp="BTC/USD-PERP"),
    "gemini": gemini(
        ("BTCUSD", "BTC", "USD", "spot"), ("BTCGUSD", "BTC", "GUSD", "spot"), ("BTCGUSDPERP", "BTC", "GUSD", "swap"), ("EFILFIL", "EFIL", "FIL", "spot")
    ),
    "coinbase-exchange": exchange("BTC-USD", "ETH-EUR"),
    "alpaca": alpaca("SPY", "BRK.B"),
}
MEANT = [
    ("coinbase", "BTC-USD", "BTC-USD"),
    ("coinbase", "BIT-28AUG26-CDE-USD-future", "BIT-28AUG26-CDE"),
    ("binance", "BTC-USDT", "BTCUSDT"),
    ("binance", "ETH-BTC", "ETHBTC"),
    ("binance-us", "BTC-USD", "BTCUSD"),
    ("binance-usdm", "BTC-USDT-perpetual", "BTCUSDT"),
    ("binance-usdm", "XAU-USDT-perpetual", "XAUUSDT"),
    ("binance-usdm", "BTC-USDT-261225-future", "BTCUSDT_261225"),
    ("binance-coinm", "BTC-USD-perpetual", "BTCUSD_PERP"),
    ("kraken", "BTC-USD", "BTC/USD"),
    ("kraken", "XXBTZUSD", "BTC/USD"),
    ("kraken", "XBTUSD", "BTC/USD"),
    ("kraken", "XBT/USD", "BTC/USD"),
    ("kraken", "DOGE-USD", "DOGE/USD"),
    ("kraken-v1", "BTC-USD", "XBT/USD"),
    ("kraken-v1", "BTC/USD", "XBT/USD"),
    ("kucoin", "BSV-USDT", "BCHSV-USDT"),
    ("bitstamp", "BTC-USD", "btcusd"),
    ("bitstamp", "BTC/USD", "btcusd"),
    ("bitstamp", "BTC-USD-perpetual", "btcusd-perp"),
    ("gemini", "BTC-GUSD", "BTCGUSD"),
    ("gemini", "BTC-GUSD-perpetual", "BTCGUSDPERP"),
    ("gemini", "EFIL-FIL", "EFILFIL"),
    ("coinbase-exchange", "ETH-EUR", "ETH-EUR"),
    ("alpaca", "SPY-USD", "SPY"),
    ("alpaca", "BRK.B", "BRK.B"),
]


def listings(venue: str) -> list[Listing]:
    list_them = registry.venue(venue).listings
    assert list_them is not None
    return list_them(DOCUMENTS[venue])


def wires(venue: str, *wanted: str) -> list[str]:
    return resolve(venue, listings(venue), wanted)


@pytest.mark.parametrize(("venue", "ours", "wire"), MEANT)
def test_our_name_leads_to_the_venues_symbol(venue, ours, wire):
    assert wires(venue, ours) == wires(venue, ours.lower()) == wires(venue, f"{ours}.{venue}") == wires(venue, f"{wire}.{venue}") == [wire]


@pytest.mark.parametrize("venue", VENUES)
def test_every_name_of_a_listing_leads_to_it_and_its_instrument_has_its_key(venue):
    for listing in listings(venue):
        assert {wires(venue, name)[0] for name in listing.names} == {listing.wire}
        (instrument,) = registry.venue(venue).instruments(DOCUMENTS[venue], [listing.wire], 0)
        assert (instrument.wire, instrument.key) == (listing.wire, listing.key)


@pytest.mark.parametrize("venue", VENUES)
def test_names_of_one_instrument_are_one_symbol(venue):
    every = [name for listing in listings(venue) for name in listing.names]
    assert wires(venue, *every) == [listing.wire for listing in listings(venue)]


@pytest.mark.parametrize("venue", VENUES)
def test_what_a_venue_does_not_have_is_refused(venue):
    with pytest.raises(NotListed, match=rf"{venue} has no PLN-QQQ"):
        wires(venue, "PLN-QQQ")


@pytest.mark.parametrize("venue", VENUES)
def test_a_document_that_is_none_is_refused(venue):
    list_them = registry.venue(venue).listings
    assert list_them is not None
    with pytest.raises(BadMessage):
        list_them(b"<html>maintenance</html>")


def test_a_dollar_is_no_tether():
    with pytest.raises(NotListed, match=r"binance has no BTC-USD; its nearest are BTC-USD[CT], BTC-USD[CT], ETH-USDT") as refused:
        wires("binance", "BTC-USD")
    assert {"BTC-USDT", "BTC-USDC"} == set(refused.value.nearest[:2])


def test_the_nearest_of_a_venues_own_spelling_are_told_by_our_names():
    with pytest.raises(NotListed, match="its nearest are BTC-USD"):
        wires("kraken", "XXBTZUSDT")


def test_a_perpetual_is_never_taken_for_spot():
    with pytest.raises(NotListed, match="nearest are BTC-USD-perpetual"):
        wires("binance-coinm", "BTC-USD")
    with pytest.raises(NotListed):
        wires("gemini", "BTC-USD-perpetual")


def spot(wire: str, base: str = "BTC", quote: str = "USD", *also: str) -> Listing:
    return Listing(wire, Key("somewhere", Product.SPOT, base, quote), also)


def test_two_symbols_of_one_key_are_a_collision_that_names_both():
    zoo = [spot("BTCUSD"), spot("XBTUSD"), spot("ETHUSD", "ETH")]
    for name in ("BTC-USD", "BTCUSD", "XBTUSD"):
        with pytest.raises(SymbolCollision, match="'BTCUSD' and 'XBTUSD' both read as BTC-USD"):
            resolve("somewhere", zoo, [name])
    assert resolve("somewhere", zoo, ["ETH-USD"]) == ["ETHUSD"]  # a collision elsewhere is no reason to refuse this one


def test_a_coin_that_took_anothers_old_name_is_told_apart_by_its_whole_name():
    zoo = [spot("LUNA-USD", "LUNC"), spot("LUNA2-USD", "LUNA")]
    with pytest.raises(SymbolCollision, match="'LUNA-USD' and 'LUNA2-USD' both read as LUNA-USD"):
        resolve("somewhere", zoo, ["LUNA-USD"])
    assert resolve("somewhere", zoo, ["LUNA-USD.somewhere", "LUNC-USD"]) == ["LUNA2-USD", "LUNA-USD"]


def test_capitals_count_only_where_they_make_a_difference():
    zoo = [spot("AAPLxUSD", "AAPLx"), spot("AAPLXUSD", "AAPLX")]
    assert resolve("somewhere", zoo, ["AAPLx-USD", "AAPLX-USD"]) == ["AAPLxUSD", "AAPLXUSD"]
    with pytest.raises(SymbolCollision):
        resolve("somewhere", zoo, ["aaplx-usd"])


letters = st.text("ABC", min_size=1, max_size=2)
zoos = st.lists(st.builds(spot, letters, letters, letters), max_size=6)


@settings(deadline=None)
@given(zoos, st.lists(letters | st.builds("{}-{}".format, letters, letters), max_size=4))
def test_every_name_is_one_symbol_that_has_it_or_an_error(zoo: list[Listing], wanted: Sequence[str]):
    try:
        found = resolve("somewhere", zoo, wanted)
    except (NotListed, SymbolCollision):
        return
    assert len(set(found)) == len(found) <= len(wanted)
    for name in wanted:
        (meant,) = (listing for listing in zoo if name in listing.names)
        assert meant.wire in found
        assert sum(other.key == meant.key for other in zoo) == 1


def test_a_name_with_a_venue_is_for_that_one_alone():
    assert by_venue(["BTC-USD", "ETH-USDT.binance"], ["coinbase", "binance"], VENUES) == {"coinbase": ["BTC-USD"], "binance": ["BTC-USD", "ETH-USDT.binance"]}
    assert by_venue(["BRK.B.alpaca", "XBT/USD.kraken"], [], VENUES) == {"alpaca": ["BRK.B.alpaca"], "kraken": ["XBT/USD.kraken"]}


@pytest.mark.parametrize(
    ("names", "venues", "said"),
    [
        (["BTC-USD"], ["coinbsae"], "no venue 'coinbsae'; did you mean coinbase"),
        (["BTC-USD"], ["nasdaq"], "no venue 'nasdaq'; known are coinbase"),
        (["BTC-USD"], [], "BTC-USD is a symbol of which venue"),
        (["BTC-USD.kraken"], ["coinbase"], "BTC-USD.kraken is a symbol of kraken, which is not among the venues coinbase"),
        (["BTC-USD.kraken"], ["kraken", "gemini"], "no symbol for gemini"),
    ],
)
def test_a_wish_that_says_too_little_or_too_much_is_refused(names, venues, said):
    with pytest.raises(BadConfig, match=said):
        by_venue(names, venues, VENUES)


def test_one_document_tells_of_all_but_of_stocks_which_are_asked_for_by_name():
    for venue in map(registry.venue, VENUES):
        assert list(venue.asks(["BTC-USD"])) == (["BTC"] if venue.name == "alpaca" else [])
    stocks = registry.venue("alpaca")
    assert stocks.metadata(stocks.asks(["spy", "SPY-USD", "BRK.B-USD.alpaca"])).endswith("symbols=SPY%2CBRK.B")


@pytest.mark.parametrize(
    ("venue", "recording", "document", "count"),
    [
        ("binance", "binance_spot_20211012.jsonl.gz", "/exchangeInfo", 1695),
        ("bitstamp", "bitstamp_20220105.jsonl.gz", "/trading-pairs-info/", 140),
        ("coinbase", "coinbase_advanced_20260809.jsonl.gz", "/market/products", 920),
        ("gemini", "gemini_v2_20260809.jsonl.gz", "/symbols/details/", 347),
        ("kraken", "kraken_v1_20210417.jsonl.gz", "/AssetPairs", 293),
        ("kucoin", "kucoin_20210425.jsonl.gz", "/symbols", 634),
    ],
)
def test_every_symbol_that_a_venue_ever_recorded_has_a_key_and_names_of_its_own(test_data, venue, recording, document, count):
    path = test_data / "ws" / recording
    list_them = registry.venue(venue).listings
    assert list_them is not None
    told = [line.data for line in Capture(path) if line.kind == "http" and document in line.url]
    found = [listing for each in told for listing in list_them(each)]
    assert len(found) == count
    assert resolve(venue, found, [listing.ours for listing in found]) == [listing.wire for listing in found]
