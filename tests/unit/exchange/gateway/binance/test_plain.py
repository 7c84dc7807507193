"""Plain requests in compiled code beside the long way: what is understood is what the long way reads, and answered as it answers."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange import words as w
from polaris.exchange.gateway.binance import reports, session
from polaris.exchange.gateway.binance.answering import (
    EXECUTED,
    FILL_WORDS,
    FILLS_FROM,
    FILLS_TO,
    FORMER_NAME,
    IMAGE,
    IMAGE_PRICE,
    IMAGE_QUANTITY,
    LONGEST,
    LONGEST_FILL,
    PAID,
    SHAPE,
    STATE,
    WHY,
)
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.call import Call, encode
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.plain import Plain, Turn
from polaris.exchange.gateway.binance.scanning import (
    ACK,
    CANCEL_ONE,
    FORMER,
    FULL,
    ID_AT,
    ID_END,
    MADE,
    NOT_UNDERSTOOD,
    ORDER_ID,
    PLACE,
    RESPONSE,
    RESULT,
    WHAT,
    WINDOW,
)
from polaris.exchange.gateway.binance.security import Gate
from polaris.exchange.gateway.binance.tables import NAME_WORDS
from polaris.exchange.gateway.binance.trading import ORIGIN
from polaris.exchange.gateway.binance.wanted import read, response
from polaris.exchange.gateway.note import NOTE
from polaris.exchange.gateway.orders import CANCELED, EXPIRED, FILLED, NEW, PARTIALLY_FILLED, Order, Trade
from polaris.exchange.gateway.register_changes import IMAGES
from polaris.exchange.gateway.socket import frame
from polaris.exchange.gateway.venue import command, note
from polaris.exchange.listing import Asset, Listing, Rules
from tests.unit.exchange.gateway.bare import BTC, ETH, RULES, START, USDT

ROOT = Path(__file__).parents[5]
MS = START // 1_000_000
WON, FINE = Asset("KRW", 4), Asset("EUR", 18)
BOOKS = Books(
    Rules(
        (*RULES.assets, WON, FINE),
        (
            *RULES.listings,
            Listing("ETHBTC", ETH, WON, "0.0025", "5", max_quantity="1000000"),
            Listing("LONG-NAME_OF.24.LETTERS!", BTC, FINE, "0.0000000001", "0.00000001"),
            Listing("A", USDT, FINE, "1", "0.00000001"),
        ),
    )
)
COMPILED = Plain(BOOKS)
LIMIT = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "30000.01", "quantity": "0.001", "newClientOrderId": "a-1", "timestamp": MS,
}  # fmt: skip
MAKER = {name: value for name, value in LIMIT.items() if name != "timeInForce"} | {"type": "LIMIT_MAKER"}
MARKET = {name: value for name, value in MAKER.items() if name != "price"} | {"type": "MARKET"}
BY_NAME = {"symbol": "ETHUSDT", "origClientOrderId": "old", "newClientOrderId": "c-1", "timestamp": MS}
BY_NUMBER = {"symbol": "ETHUSDT", "orderId": 77, "newClientOrderId": "c-1", "timestamp": MS}
RESPONSES = {"ACK": ACK, "RESULT": RESULT, "FULL": FULL}
METHODS = {PLACE: "order.place", CANCEL_ONE: "order.cancel"}


def asks(method: str, params: dict[str, Any], number: Any = 1) -> bytes:
    return json.dumps({"id": number, "method": method, "params": params}).encode()


def place(**changes: Any) -> bytes:
    return asks("order.place", {name: value for name, value in (LIMIT | changes).items() if value is not None})


def cancel(**changes: Any) -> bytes:
    return asks("order.cancel", {name: value for name, value in (BY_NAME | changes).items() if value is not None})


def understood(text: bytes) -> bool:
    turn = COMPILED.scan([text])
    assert turn.understood == (turn.asked[0, WHAT] != NOT_UNDERSTOOD)
    if not turn.understood:
        assert not turn.asked.any() and not turn.command_words.any() and not turn.note_words.any()
    return bool(turn.understood)


def agrees(turn: Turn, at: int, text: bytes) -> None:
    """What was understood of a text is what the long way reads, which refuses none of it."""
    row, asked = turn.asked[at], session._asked(text)
    params = session._texts(asked.params or {})
    assert turn.data[row[ID_AT] : row[ID_END]].tobytes() == session._id(asked.id)
    assert asked.method == METHODS[int(row[WHAT])]
    call = Call(params, lambda *_: None, START)
    Gate(None).timely(call, int(row[MADE]) * 1_000_000 + int(row[WINDOW]) * 1_000_000)  # type: ignore[arg-type]
    assert int(row[MADE]) == int(params["timestamp"]) and int(row[WINDOW]) == int(params.get("recvWindow", 5000))
    number, figures = BOOKS.find(call)
    name = turn.notes["client_id"][at].decode()
    if "newClientOrderId" not in params:
        assert re.fullmatch("[a-zA-Z0-9_-]{22}", name)
    else:
        assert name == call.client_id("newClientOrderId")
    assert turn.notes[at].tobytes() == note(0, name, origin=ORIGIN)
    if row[WHAT] == PLACE:
        wanted = read(call, figures, number)
        assert wanted.number == 0
        assert turn.commands[at].tobytes() == wanted.command(0, 0)
        assert row[RESPONSE] == RESPONSES[response(call, wanted.name)]
        assert set(params) <= {*LIMIT, "recvWindow", "newOrderRespType"}
        assert not row[ORDER_ID:].any()
    else:
        assert turn.commands[at].tobytes() == command(w.CANCEL, book=number)
        assert row[FORMER:].tobytes()[:36].rstrip(b"\0").decode() == call.client_id("origClientOrderId") and not row[FORMER:].tobytes()[36:].strip(b"\0")
        assert ("orderId" in params) != ("origClientOrderId" in params)
        assert row[ORDER_ID] == (call.integer("orderId") if "orderId" in params else 0)
        assert set(params) <= {*BY_NAME, "recvWindow", "orderId"}


# reading


@pytest.mark.parametrize(
    "text",
    [
        place(), place(side="SELL", timeInForce="IOC"), place(timeInForce="FOK", newOrderRespType="ACK"), place(newOrderRespType="RESULT", recvWindow=60000),
        place(newOrderRespType="FULL", recvWindow=1), asks("order.place", MARKET), asks("order.place", MAKER), asks("order.place", MAKER | {"newOrderRespType": "FULL"}),
        asks("order.place", LIMIT, ""), asks("order.place", LIMIT, "x" * 62), asks("order.place", LIMIT, 0), asks("order.place", LIMIT, 10**17),
        place(newClientOrderId="x" * 36), place(newClientOrderId="a-b_c.d:e/F9"), place(newClientOrderId=None), place(price="0030000.01000000000"), place(timestamp=0),
        place(symbol="ETHBTC", price="0.0025", quantity="1000000"), place(symbol="ETHBTC", price="12.5075", quantity="5.000"),
        place(symbol="A", price="12", quantity="0.00000001"), place(quantity="00.00001"),
        cancel(), asks("order.cancel", BY_NUMBER), asks("order.cancel", BY_NUMBER, "q"), cancel(newClientOrderId=None), cancel(recvWindow=5),
        b' \t\r\n{ "params" :\n' + json.dumps(LIMIT, indent=3).encode() + b' , "method":"order.place"\t,"id" : "7" } \n',
    ],
)  # fmt: skip
def test_a_plain_request_is_read_as_the_long_way_reads_it(text: bytes) -> None:
    turn = COMPILED.scan([text])
    assert turn.understood == 1
    agrees(turn, 0, text)


def test_a_limit_order_becomes_a_command_a_note_and_what_its_answer_needs() -> None:
    turn = COMPILED.scan([b"no request", place(recvWindow=7), asks("order.cancel", BY_NUMBER, "me")])
    assert turn.understood == 2
    assert turn.commands[1].tobytes() == command(w.SUBMIT, side=BUY, order_type=w.LIMIT, time_in_force=w.GTC, price=3_000_001, quantity=100)
    assert turn.notes[1].tobytes() == note(0, "a-1", origin=ORIGIN)
    assert turn.asked[1].tolist() == [PLACE, MS, 7, 17, 18, FULL, 0, 0, 0, 0, 0, 0]
    assert turn.asked[2, ORDER_ID] == 77 and turn.data[turn.asked[2, ID_AT] : turn.asked[2, ID_END]].tobytes() == b'"me"'


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"{}", b"[]", b"null", b'{"id":1}', place()[:-1], place() + b"}", place() + b"x", b"x" + place(), b"\xef\xbb\xbf" + place(),
        place().replace(b'"id": 1', b'"id": 01'), place().replace(b'"id": 1', b'"id": -1'), place().replace(b'"id": 1', b'"id": 1.0'),
        place().replace(b'"id": 1', b'"id": null'), place().replace(b'"id": 1', b'"id": true'), place().replace(b'"id": 1', b'"id": 1e3'),
        place().replace(b'"id": 1, ', b""), place().replace(b'"id": 1', b'"id": 1, "id": 1'), place().replace(b'"id": 1', b'"id": ' + b"1" * 19),
        asks("order.place", LIMIT, "x" * 63), asks("order.place", LIMIT, 'a"b'), asks("order.place", LIMIT, "\u00e9"), asks("order.place", LIMIT, "a\nb"),
        place().replace(b'"id": 1', b'"id": "\xc3\xa9"'), place().replace(b'"id": 1', b'"id": "\x7f"'), place().replace(b'"id": 1', b'"id": "\x1f"'),
        place().replace(b'"symbol": "BTCUSDT"', b'"symbol": "BTCUSDT", "symbol": "BTCUSDT"'), place().replace(b"BTCUSDT", b"BTC\\u0055SDT"),
        place().replace(b'"timestamp": ', b'"timestamp": 0'), place().replace(b'"timestamp": ', b'"timestamp": -'), place().replace(str(MS).encode(), b"1e12"),
        place().replace(b", ", b",,", 1), place().replace(b'"params"', b'"param"'), place().replace(b"GTC\",", b"GTC\",]"), place().replace(b"{\"symbol", b"[\"symbol"),
        place().replace(b": ", b":\x00 "), place().replace(b": ", b"\xa0: "), place().replace(b"}}", b",}}"), place().replace(b"}}", b"},}"),
        asks("order.test", LIMIT), asks("v3/order.place", LIMIT), asks("order.placed", LIMIT), asks("order.plac", LIMIT), asks("order.cancel", LIMIT), asks("order.place", BY_NAME),
        *(place(**{name: None}) for name in LIMIT if name != "newClientOrderId"),
        place(symbol=""), place(symbol="btcusdt"), place(symbol="BTCUSD"), place(symbol="BTCUSDTX"), place(symbol="B" * 30), place(symbol=5),
        place(side="buy"), place(side=""), place(side="BUYBUYBUY"), place(type="STOP_LOSS"), place(type="LIMIT_MAKER"), place(type="MARKET"), place(type=""),
        place(type="LIMITLIMIT"), place(timeInForce="GTD"), place(timeInForce=""), place(timeInForce="GTX"), place(newOrderRespType=""), place(newOrderRespType="MUCH"),
        place(price=""), place(price="0"), place(price="30000.001"), place(price="29999.99"), place(price="71943.04"), place(price="-30000"), place(price="+30000"),
        place(price="3e4"), place(price="30000."), place(price=".5"), place(price="30000..0"), place(price="30,000"), place(price=" 30000"), place(price=30000),
        place(price="9" * 20), place(price="30000.0000000000000000"), place(price="1" + "0" * 30), place(price="30000.01 "), place(price="NaN"),
        place(quantity="0"), place(quantity="0.000001"), place(quantity=""), place(quantity="43980465.11105"), place(quantity="92233720368547758.07"),
        place(quantity="184467440737095.5262"), place(quantity="92233720368547.75809"), place(quantity="18446744073709551616"), place(symbol="ETHBTC", price="0.0026", quantity="5"),
        place(symbol="ETHBTC", price="0.0025", quantity="6"), place(symbol="ETHBTC", price="0.0025", quantity="1000005"), place(symbol="A", price="12", quantity="0.000000001"),
        place(symbol="LONG-NAME_OF.24.LETTERS!", price="0.0000000001", quantity="1"),
        place(timestamp=str(MS)), place(timestamp=1.5), place(timestamp=MS * 1000), place(timestamp=10**20), place(timestamp=True), place(timestamp=[MS]),
        place(recvWindow=0), place(recvWindow=60001), place(recvWindow=5000.5), place(recvWindow="5000"), place(recvWindow=2**64 + 5000), place(recvWindow=-1),
        place(newClientOrderId=""), place(newClientOrderId="x" * 37), place(newClientOrderId="a b"), place(newClientOrderId="\u00e4"), place(newClientOrderId=5),
        place(icebergQty="0.0005"), place(selfTradePreventionMode="NONE"), place(apiKey="k"), place(signature="s"), place(quoteOrderQty="5"), place(returnRateLimits=False),
        place(origClientOrderId="old"), place(orderId=1), place(strategyId=1),
        *(cancel(**{name: None}) for name in ("symbol", "timestamp", "origClientOrderId")), cancel(orderId=5), cancel(origClientOrderId=""), cancel(origClientOrderId="x" * 37),
        cancel(origClientOrderId=None, orderId=0), cancel(origClientOrderId=None, orderId="5"), cancel(origClientOrderId=None, orderId=-5), cancel(newClientOrderId=""),
        cancel(origClientOrderId=None, orderId=10**18), cancel(cancelRestrictions="ONLY_NEW"), cancel(side="BUY"), cancel(newOrderRespType="FULL"), cancel(symbol="XXX"),
        asks("order.place", MARKET | {"timeInForce": "GTC"}), asks("order.place", MARKET | {"price": ""}), asks("order.place", MARKET | {"price": "30000"}),
        asks("order.place", MARKET | {"timeInForce": ""}), asks("order.place", MAKER | {"timeInForce": "GTC"}), asks("order.place", MAKER | {"timeInForce": ""}),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_untouched(text: bytes) -> None:
    assert not understood(text)


WHITE = st.text(" \t\r\n", max_size=2).map(str.encode) | st.just(b"")
NAMES = st.text("abcxyzABCXYZ0189-_.:/", min_size=1, max_size=36)
TEXTS = {
    "symbol": st.sampled_from(["BTCUSDT", "ETHUSDT", "ETHBTC", "A", "LONG-NAME_OF.24.LETTERS!"]),
    "side": st.sampled_from(["BUY", "SELL"]),
    "type": st.sampled_from(["LIMIT", "MARKET", "LIMIT_MAKER"]),
    "timeInForce": st.sampled_from(["GTC", "IOC", "FOK"]),
    "price": st.integers(3_000_000, 4_200_000).map(lambda ticks: f"{ticks // 100}.{ticks % 100:02d}") | st.from_regex(r"\A[0-9]{1,5}(\.[0-9]{1,2}0{0,6})?\Z"),
    "quantity": st.integers(1, 99_999).map(lambda lots: f"{5 * lots}") | st.from_regex(r"\A[0-9]{1,3}(\.[0-9]{1,5})?\Z"),
    "newClientOrderId": NAMES,
    "newOrderRespType": st.sampled_from(["ACK", "RESULT", "FULL"]),
    "origClientOrderId": NAMES,
}
NUMBERS = {"timestamp": st.integers(0, 2 * MS), "recvWindow": st.integers(1, 60_000), "orderId": st.integers(1, 10**18 - 1)}
ODD = st.sampled_from([b'""', b"null", b"true", b"0", b"-1", b"01", b"1.5", b'"\\n"', b'"\xc3\xa9"', b"{}", b"[1]", b'"BUY"', b'"30000"', b"5e3", b'"7"'])
IDS = st.integers(0, 10**17).map(lambda number: b"%d" % number) | st.text("azAZ09 {}:,/'", max_size=62).map(lambda text: b'"%b"' % text.encode())


@st.composite
def written(draw: st.DrawFn, members: list[tuple[bytes, bytes]]) -> bytes:
    """An object with its members in any order and white space anywhere."""
    white = [draw(WHITE) for _ in range(2)]
    parts = [white[0] + b'"%b"' % name + white[1] + b":" + white[0] + value + white[1] for name, value in draw(st.permutations(members))]
    return b"{" + b",".join(parts) + white[0] + b"}"


@st.composite
def requests(draw: st.DrawFn, *, plain: bool) -> bytes:
    """Requests that are understood but for their numbers, or nearly so."""
    placing = draw(st.booleans())
    if placing:
        kind = draw(TEXTS["type"])
        names = ["symbol", "side", "type", "quantity", "timestamp", *({"LIMIT": ["price", "timeInForce"], "LIMIT_MAKER": ["price"], "MARKET": []}[kind])]
        more = ["newClientOrderId", "recvWindow", "newOrderRespType"]
    else:
        kind, names, more = "", ["symbol", "timestamp", draw(st.sampled_from(["orderId", "origClientOrderId"]))], ["newClientOrderId", "recvWindow"]
    names += draw(st.lists(st.sampled_from(more), unique=True))
    if not plain:
        names = draw(st.lists(st.sampled_from([*names, *TEXTS, *NUMBERS, "apiKey", "icebergQty"]), max_size=1)) + [name for name in names if draw(st.integers(0, 39))]
    members = []
    for name in names:
        value = kind.encode() if name == "type" and kind else str(draw({**TEXTS, **NUMBERS}.get(name, st.just("1")))).encode()
        value = value if name in NUMBERS else b'"%b"' % value
        members.append((name.encode(), value if plain or draw(st.integers(0, 19)) else draw(ODD)))
    method = b'"order.place"' if placing else b'"order.cancel"'
    whole = [(b"id", draw(IDS)), (b"method", method), (b"params", draw(written(members)))]
    return draw(WHITE) + draw(written(whole)) + draw(WHITE)


def refuses(text: bytes) -> bool:
    """Whether the long way has something to say against a request that could be a plain one."""
    call = Call(session._texts(session._asked(text).params or {}), lambda *_: None, START)
    try:
        number, figures = BOOKS.find(call)
        if "side" in call.params:
            read(call, figures, number)
    except Refusal:
        return True
    return False


@settings(max_examples=400, deadline=None)
@given(texts=st.lists(requests(plain=True), min_size=1, max_size=4))
def test_plain_requests_are_understood_in_any_order_with_any_white_space(texts: list[bytes]) -> None:
    turn = COMPILED.scan(texts)
    for at, text in enumerate(texts):
        if turn.asked[at, WHAT]:
            agrees(turn, at, text)
        else:
            assert refuses(text)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    text = bytearray(draw(st.sampled_from([place(), asks("order.place", MAKER), asks("order.place", MARKET), cancel(), asks("order.cancel", BY_NUMBER)])))
    for _ in range(draw(st.integers(1, 3))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 3))
        text[at : at + length] = draw(st.binary(max_size=2) | st.sampled_from([b'"', b"0", b".", b",", b"\\", b" ", b":", b"}", b"9", b"A"]))
    return bytes(text)


@settings(max_examples=1500, deadline=None)
@given(texts=st.lists(requests(plain=False) | damaged() | st.binary(max_size=60), min_size=1, max_size=4))
@example(texts=[place(price="30000.01", newClientOrderId="x"), place()[:-2], b"}}", cancel()])
def test_whatever_is_understood_of_any_bytes_is_what_the_long_way_reads(texts: list[bytes]) -> None:
    turn = COMPILED.scan(texts)
    for at, text in enumerate(texts):
        if turn.asked[at, WHAT]:
            agrees(turn, at, text)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(requests(plain=False) | damaged() | st.binary(max_size=9), max_size=6))
def test_texts_of_a_turn_do_not_see_each_other(texts: list[bytes]) -> None:
    turn, begin = COMPILED.scan(texts), 0
    for at, text in enumerate(texts):
        alone = COMPILED.scan([text])
        shifted = alone.asked[0].copy()
        if alone.understood:
            shifted[[ID_AT, ID_END]] += begin
        assert turn.asked[at].tolist() == shifted.tolist()
        assert turn.commands[at] == alone.commands[0]
        if b"newClientOrderId" in text:
            assert turn.notes[at] == alone.notes[0]
        begin += len(text)


def test_thousands_of_books_are_told_apart() -> None:
    assets = tuple(Asset(f"C{number}", 8) for number in range(3000))
    names = [f"C{number}{'USDT' * (number % 4)}" for number in range(3000)]
    quoted = [Listing(name, asset, USDT, "0.01", "0.001", max_quantity=str(number + 1)) for number, (name, asset) in enumerate(zip(names, assets, strict=True))]
    plain = Plain(Books(Rules((*assets, USDT), tuple(quoted))))
    turn = plain.scan([place(symbol=name, price="1", quantity=str(number + 1)) for number, name in enumerate(names)])
    assert turn.understood == 3000 and turn.commands["book"].tolist() == list(range(3000))
    assert plain.scan([place(symbol=name + "X", price="1", quantity="1") for name in names]).understood == 0
    assert plain.scan([place(symbol=name, price="1", quantity=str(number + 2)) for number, name in enumerate(names)]).understood == 0


def test_a_book_whose_name_or_numbers_do_not_fit_goes_the_long_way() -> None:
    listings = [replace(RULES.listings[0], symbol=symbol) for symbol in ("B" * 25, "\u00c4", 'A"B', "GOOD")]
    plain = Plain(Books(replace(RULES, listings=tuple(listings))))
    for listing in listings:
        assert plain.scan([place(symbol=listing.symbol)]).understood == (listing.symbol == "GOOD")


def test_a_turn_without_texts_is_empty() -> None:
    turn = COMPILED.scan([])
    assert turn.understood == 0 and len(turn.commands) == len(turn.notes) == 0
    assert COMPILED.answer(turn, np.zeros(0, np.bool_), np.zeros(0, np.int64))[0] == b""


# answering


def answered(whose: bytes, result: bytes, limits: bytes = b"") -> bytes:
    """As a session sends it."""
    return frame(b'{"id":%b,"status":200,"result":%b%b}' % (whose, result, limits))


def plain_order(number: int, book: int, side: int, shape: tuple[int, int], price: int, quantity: int, name: str) -> Order:
    image = np.zeros(1, IMAGES)
    fields = {"order_id": number, "account": 1, "book": book, "side": side, "order_type": shape[0], "time_in_force": shape[1], "price": price}
    for field, value in {**fields, "quantity": quantity, "client_id": name.encode(), "created": START, "state": NEW}.items():
        image[field] = value
    return Order(image[0].item())


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    """Books of any tick and lot, with assets of any decimals that hold them."""
    steps = [(draw(st.integers(0, 8)), draw(st.sampled_from([1, 1, 2, 5, 25, 100]))) for _ in range(2)]
    tick, lot = (f"{step}e-{decimals}" for decimals, step in steps)
    tick, lot = (np.format_float_positional(float(size), trim="-") for size in (tick, lot))
    base, quote = Asset("BASE", draw(st.integers(steps[1][0], 18))), Asset("QUOTE", min(18, steps[0][0] + steps[1][0] + draw(st.integers(0, 4))))
    try:
        return Listing(draw(st.text("ABC012-_.", min_size=1, max_size=24)), base, quote, tick, lot)
    except ValueError:
        assume(False)
        raise


ANSWERS = st.lists(
    st.fixed_dictionaries(
        {
            "what": st.sampled_from([PLACE, PLACE, CANCEL_ONE]),
            "response": st.sampled_from([ACK, RESULT, FULL]),
            "whose": IDS,
            "number": st.integers(1, 10**18),
            "side": st.sampled_from([BUY, SELL]),
            "shape": st.sampled_from([(w.LIMIT, w.GTC), (w.LIMIT, w.IOC), (w.LIMIT, w.FOK), (w.LIMIT, w.POST_ONLY), (w.MARKET, w.IOC)]),
            "price": st.floats(0, 1),
            "quantity": st.floats(0, 1) | st.floats(0, 1e-9),
            "executed": st.floats(0, 1),
            "paid": st.just(0.0) | st.floats(0, 1),
            "name": NAMES,
            "former": NAMES,
            "state": st.sampled_from([NEW, PARTIALLY_FILLED, FILLED, EXPIRED]),
            "why": st.sampled_from([w.REMAINDER, w.NOT_FILLABLE, w.PRICE_BAND]),
            "fills": st.just([]) | st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**62 - 1), st.integers(1, 2**62)), max_size=4),
            "ts": st.integers(START, 2 * START),
            "writes": st.booleans(),
        }
    ),
    min_size=1,
    max_size=5,
)
RATES = st.sampled_from([b"", b',"rateLimits":[{"rateLimitType":"ORDERS","count":1}]', b"," + b"x" * 300])


@settings(max_examples=600, deadline=None)
@given(listing=listings(), answers=ANSWERS, placed=RATES, cancelled=RATES, micros=st.booleans())
def test_answers_are_those_of_the_long_way_to_the_byte(listing: Listing, answers: list[dict[str, Any]], placed: bytes, cancelled: bytes, micros: bool) -> None:
    books = Books(Rules((listing.base, listing.quote), (listing,)))
    figures, plain, count = books.figures[0], Plain(books), len(answers)
    turn = Turn([each["whose"] for each in answers])
    for rows in (turn.asked, turn.command_words, turn.note_words):
        rows[:] = 0
    images, times = np.zeros((count, IMAGE), np.int64), np.zeros(count, np.int64)
    expected, fills, begin = [], [], 0
    unit = 1_000 if micros else 1_000_000
    commands, notes = turn.commands, turn.notes
    for at, each in enumerate(answers):
        quantity = max(1, int(each["quantity"] * listing.max_lots))
        price = 0 if each["shape"][0] == w.MARKET else listing.lowest + int(each["price"] * (w.TICKS - 1))
        order = plain_order(each["number"], 0, each["side"], each["shape"], price, quantity, each["name"])
        call = Call({}, lambda *_: None, START, micros=micros)
        asked = command(w.SUBMIT, side=each["side"], order_type=each["shape"][0], time_in_force=each["shape"][1], price=price, quantity=quantity)
        turn.asked[at, [WHAT, ID_AT, ID_END, RESPONSE]] = each["what"], begin, begin + len(each["whose"]), each["response"]
        begin += len(each["whose"])
        commands["order_id"][at] = each["number"]
        notes[at] = np.frombuffer(note(START, each["name"], session=2**32 - 1, origin=ORIGIN), NOTE)[0]
        times[at] = call.time(each["ts"])
        assert times[at] == each["ts"] // unit
        if each["what"] == PLACE:
            commands[at] = np.frombuffer(asked, w.COMMAND)[0]
            commands["order_id"][at] = each["number"]
            order.working, order.state, order.expiry = each["ts"], each["state"], each["why"] if each["state"] == EXPIRED else 0
            order.executed, order.paid = int(each["executed"] * quantity), int(each["paid"] * (w.MAX_UNITS // listing.value))
            images[at, [EXECUTED, PAID, STATE, WHY, FILLS_FROM, FILLS_TO]] = (
                order.executed, order.paid, order.state, order.expiry, len(fills), len(fills) + len(each["fills"]),
            )  # fmt: skip
            trades = []
            for of_price, of_lots, fee, number in each["fills"]:
                price, lots = listing.lowest + int(of_price * (w.TICKS - 1)), max(1, int(of_lots * listing.max_lots))
                fills.append((price, lots, fee, number))
                trades.append(Trade(number, order.order_id, 0, order.side, price, lots, fee, False, each["ts"]))
            if each["response"] == ACK:
                result = encode(reports.acknowledged(figures, order, each["ts"], call.time))
            else:
                result = reports.result_text(figures, order, each["ts"], call.time, trades if each["response"] == FULL else None)
            text = answered(each["whose"], result, placed)
        else:
            order.executed, order.paid = int(each["executed"] * quantity), int(each["paid"] * (w.MAX_UNITS // listing.value))
            order.state = CANCELED
            images[at, FORMER_NAME : FORMER_NAME + NAME_WORDS] = np.frombuffer(each["former"].encode().ljust(8 * NAME_WORDS, b"\0"), np.int64)
            images[at, [SHAPE, IMAGE_PRICE, IMAGE_QUANTITY, EXECUTED, PAID]] = np.frombuffer(asked, np.int64)[0], price, quantity, order.executed, order.paid
            text = answered(each["whose"], encode(reports.cancelled(figures, order, each["former"], each["ts"], call.time)), cancelled)
        expected.append(text if each["writes"] else b"")
    said, ends = plain.answer(turn, np.array([each["writes"] for each in answers]), times, images, np.array(fills, np.int64).reshape(-1, FILL_WORDS), placed, cancelled)
    assert said == b"".join(expected)
    assert ends.tolist() == np.cumsum([len(text) for text in expected]).tolist()
    assert all(len(text) - max(len(placed), len(cancelled)) <= LONGEST + LONGEST_FILL * 4 for text in expected)


def test_what_was_read_is_answered_as_the_long_way_answers_it() -> None:
    texts = [place(), asks("order.place", MAKER, "m"), place(side="SELL", newOrderRespType="RESULT"), b"other", cancel()]
    turn = COMPILED.scan(texts)
    turn.commands["order_id"][:] = [5, 6, 7, 0, 0]
    said, ends = COMPILED.answer(turn, np.array([True, True, True, False, False]), np.full(5, MS), placed=b',"rateLimits":[]')
    figures, call = BOOKS.figures[0], Call({}, lambda *_: None, START)
    orders = [plain_order(number, 0, side, (w.LIMIT, time), 3_000_001, 100, "a-1") for number, side, time in ((5, BUY, w.GTC), (6, BUY, w.POST_ONLY), (7, SELL, w.GTC))]
    for order in orders:
        order.working = START
    assert said == b"".join(
        (
            answered(b"1", reports.result_text(figures, orders[0], START, call.time, []), b',"rateLimits":[]'),
            answered(b'"m"', encode(reports.acknowledged(figures, orders[1], START, call.time)), b',"rateLimits":[]'),
            answered(b"1", reports.result_text(figures, orders[2], START, call.time), b',"rateLimits":[]'),
        )
    )
    assert ends[2] == ends[4] == len(said)
    assert msgspec.json.decode(said[4 : ends[0]])["result"]["type"] == "LIMIT"


def test_answers_of_every_small_size_have_their_header() -> None:
    sizes = set()
    for length in range(1, 12):
        turn = COMPILED.scan([place(symbol="A", price="1", newClientOrderId="x" * length, newOrderRespType="ACK")])
        turn.commands["order_id"][:] = 7
        said, _ = COMPILED.answer(turn, np.ones(1, np.bool_), np.full(1, MS))
        result = {"symbol": "A", "orderId": 7, "orderListId": -1, "clientOrderId": "x" * length, "transactTime": MS}
        assert said == answered(b"1", encode(result))
        sizes.add(said[1])
    assert {124, 125, 126} <= sizes


def test_what_was_not_understood_is_not_answered_nor_a_cancel_of_nothing() -> None:
    turn = COMPILED.scan([place(), b"other", cancel()])
    for writes, which in (([True, True, False], 1), ([True, False, True], 2)):
        with pytest.raises(ValueError, match=f"text {which} of 3"):
            COMPILED.answer(turn, np.array(writes), np.full(3, MS))


@pytest.mark.slow
def test_reading_and_answering_are_the_same_without_the_compiler() -> None:
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        pytest.skip("this is that run")
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", __file__], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-1000:]
