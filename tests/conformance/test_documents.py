"""Every venue's documents: recorded ones and ones made from their types decode, or fail with the place where they differ."""

import json
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from polaris.domain.errors import BadMessage
from polaris.venues import registry
from polaris.venues.documents import Documents
from tests.conformance.recorded_documents import FOREIGN, KINDS, READ_IN_PART, named, recorded
from tests.conformance.shapes import WRONG, Place, places, sample, takes_anything

FOLDERS = sorted({place.partition(":")[0].rpartition(".")[2] for place in registry.OURS.values()})
TABLES: dict[str, dict[str, Any]] = {folder: import_module(f"polaris.venues.{folder}.documents").DOCUMENTS for folder in FOLDERS}
EVERY_KIND = [(venue, kind) for venue, table in TABLES.items() for kind in table]
EVERY_NAME = [(venue, kind, name) for venue, kinds in KINDS.items() for kind, names in kinds.items() for name in names.split()]


@cache
def documents(folder: Path, venue: str) -> dict[str, bytes]:
    return recorded(folder, venue)


def reader(venue: str, kind: str) -> Documents:
    return Documents(venue, {kind: TABLES[venue][kind]})


def refused(venue: str, kind: str, body: bytes) -> str:
    """What the error says, "" where there was none."""
    try:
        reader(venue, kind).decode(kind, body)
    except BadMessage as error:
        return str(error)
    return ""


# recorded


@pytest.mark.parametrize("venue", KINDS)
def test_every_recorded_document_has_its_kind(test_data, venue):
    found = documents(test_data, venue)
    known = [name for names in KINDS[venue].values() for name in names.split()] + list(FOREIGN.get(venue, ()))
    assert len(known) == len(found)
    assert len({named(found, name) and name for name in known}) == len(found)


@pytest.mark.parametrize(("venue", "kind", "name"), EVERY_NAME)
def test_a_recorded_document_decodes_and_holds_no_field_that_nobody_knows(test_data, venue, kind, name):
    table = reader(venue, kind)
    table.decode(kind, named(documents(test_data, venue), name))
    assert bool(table.unknown_fields) == ((venue, kind) in READ_IN_PART)


@pytest.mark.parametrize(("venue", "name"), [(venue, name) for venue, names in FOREIGN.items() for name in names])
def test_what_is_none_of_the_venues_documents_says_why(test_data, venue, name):
    kind, words = FOREIGN[venue][name]
    with pytest.raises(BadMessage, match=f"^{venue}: no {kind} document: .*{words}"):
        reader(venue, kind).decode(kind, named(documents(test_data, venue), name))


@pytest.mark.parametrize("venue", KINDS)
@settings(max_examples=100)
@given(data=st.data())
def test_a_field_that_is_missing_wrong_or_new_in_a_recorded_document_is_told(test_data, venue, data):
    kind = data.draw(st.sampled_from(sorted(KINDS[venue])))
    document = json.loads(named(documents(test_data, venue), data.draw(st.sampled_from(KINDS[venue][kind].split()))))
    found = list(places(document, inspect.type_info(TABLES[venue][kind])))
    if found:
        place = data.draw(st.sampled_from(found))
        holds(venue, kind, document, place, data.draw(st.integers(0, max(0, len(place.shape.fields) - 1))))


# made from their types: kinds that nobody recorded too, and in a clone without recordings


@pytest.mark.parametrize(("venue", "kind"), EVERY_KIND)
def test_every_kind_decodes_and_every_field_of_it_is_told_when_missing_wrong_or_new(venue, kind):
    shape = inspect.type_info(TABLES[venue][kind])
    for each in shape.types if isinstance(shape, inspect.UnionType) else (shape,):
        document = sample(each)
        assert refused(venue, kind, json.dumps(document).encode()) == ""
        for place in places(document, each):
            for number in range(max(1, len(place.shape.fields))):
                holds(venue, kind, document, place, number)


def holds(venue: str, kind: str, document: Any, place: Place, number: int) -> None:
    """One field of one place: missed by its name where it is required, named with its path where it is wrong; a new one counts once."""
    before = unknown(venue, kind, json.dumps(document).encode())
    if place.shape.array_like:
        there = place.of(document)
        assert unknown(venue, kind, place.with_items(document, [*there, *[None] * (len(place.shape.fields) - len(there)), 1])) == before + 1
    else:
        assert unknown(venue, kind, place.with_field(document, "a field that nobody knows", {"deep": 1})) == before + 1
    if not place.shape.fields:
        return
    field = place.shape.fields[number]
    name = number if place.shape.array_like else field.encode_name
    if field.required and not place.shape.array_like:
        assert f"missing required field `{name}`" + place.suffix in refused(venue, kind, place.without(document, name))
    if not takes_anything(field.type) and (number < len(place.of(document)) if place.shape.array_like else name in place.of(document)):
        said = [refused(venue, kind, place.with_field(document, name, wrong)) for wrong in WRONG]
        assert any(said), f"every value is right for {place.path}.{name}"
        where = re.escape(f"{place.path}[{number}]" if place.shape.array_like else f"{place.path}.{name}")
        assert all(re.search(f" - at `{where}[`.[]", each) for each in said if each)


def unknown(venue: str, kind: str, body: bytes) -> int:
    table = reader(venue, kind)
    table.decode(kind, body)
    return table.unknown_fields


# the rest of what is promised


@pytest.mark.parametrize("venue", TABLES)
@pytest.mark.parametrize("body", [b"", b"<html>502 Bad Gateway</html>", b"\xff\xfe", b"[" * 5000, b'{"half":'])
def test_a_body_that_is_no_json_is_refused_with_its_beginning(venue, body):
    for kind, shape in TABLES[venue].items():
        with pytest.raises(BadMessage, match=f"^{re.escape(venue)}: no {kind} document: "):
            Documents(venue, {kind: shape}).decode(kind, body)


def test_an_error_shows_no_word_of_a_document_that_somebody_may_own():
    body = b'{"code":"200000","data":{"token":"2neAiuYvAU61ZD","instanceServers":[{"pingInterval":1}]}}'
    with pytest.raises(BadMessage, match=r"missing required field `endpoint` - at `\$\.data\.instanceServers\[0\]`") as caught:
        reader("kucoin", "token").decode("token", body)
    assert "2neAiu" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "1,5", "0x10", " 1", "1\n", "１", "one", "1.", ".5", "NaN", "Infinity", "--1"])
def test_a_number_that_is_none_is_refused_by_the_name_of_its_field(text):
    body = json.dumps({"symbol": "BTCUSDT", "price": text}).encode()
    with pytest.raises(BadMessage, match=r"binance: no price document: .* - at `\$\.price`"):
        reader("binance", "price").decode("price", body)


@pytest.mark.parametrize("text", ["0", "-0.10", "65432.10000000", "1e-8", "123456789012345678901234567890.5"])
def test_a_number_keeps_the_digits_of_its_venue(text):
    assert reader("binance", "price").decode("price", json.dumps({"symbol": "X", "price": text}).encode()).price == text


@pytest.mark.parametrize("text", ["0.10", "5e-05", "123456789012345678901234567890.5"])
def test_a_number_without_quotes_keeps_its_digits(text):
    body = b'{"result":"success","orderBook":{"bids":[[%s,1.00]],"asks":[]}}' % text.encode()
    ((price, quantity),) = reader("kraken", "futures book").decode("futures book", body).order_book.bids
    assert (price.as_tuple(), str(quantity)) == (type(price)(text).as_tuple(), "1.00")
