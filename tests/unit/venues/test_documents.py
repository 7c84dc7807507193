"""Documents: typed by their kind, with the field named where they differ, and unknown fields counted at any depth."""

from decimal import Decimal

import msgspec
import pytest

from polaris.domain.errors import BadMessage
from polaris.venues.documents import Documents, Number


class Fee(msgspec.Struct):
    currency: str
    amount: Decimal


class Row(msgspec.Struct, array_like=True):
    price: Number
    fee: Fee


class Order(msgspec.Struct):
    id: int
    fees: list[Fee] = []
    by_name: dict[str, Fee] = {}
    pair: tuple[str, Fee] | None = None
    kind: str = msgspec.field(name="type", default="")
    refund: Fee | None = None
    rest: Fee | str | list[Fee] = ""
    row: Row | None = None


class Bought(msgspec.Struct, tag_field="e", tag="bought"):
    price: str


class Sold(msgspec.Struct, tag_field="e", tag="sold"):
    cost: str


KINDS = {"order": Order, "orders": list[Order], "deal": Bought | Sold}


@pytest.fixture
def documents():
    return Documents("somewhere", KINDS)


def test_a_document_becomes_what_its_kind_says(documents):
    order = documents.decode("order", b'{"id":1,"fees":[{"currency":"USD","amount":0.10}],"type":"limit"}')
    assert order == Order(1, [Fee("USD", Decimal("0.10"))], kind="limit")
    assert str(order.fees[0].amount) == "0.10", "the digits are the venue's"
    assert documents.unknown_fields == 0


@pytest.mark.parametrize(
    ("body", "unknown"),
    [
        (b'{"id":1,"new":1}', 1),
        (b'{"id":1,"kind":"by its name in Python"}', 1),
        (b'{"id":1,"fees":[{"currency":"USD","amount":"1","vat":1},{"currency":"USD","amount":"1","vat":1}]}', 2),
        (b'{"id":1,"by_name":{"a":{"currency":"USD","amount":"1","vat":1}}}', 1),
        (b'{"id":1,"pair":["x",{"currency":"USD","amount":"1","vat":{"deep":1}}]}', 1),
        (b'{"id":1,"pair":null}', 0),
        (b'{"id":1,"refund":{"currency":"USD","amount":"1","vat":1}}', 1),
        (b'{"id":1,"rest":{"currency":"USD","amount":"1","vat":1}}', 1),
        (b'{"id":1,"rest":[{"currency":"USD","amount":"1","vat":1}]}', 1),
        (b'{"id":1,"rest":"of it"}', 0),
        (b'{"id":1,"row":["1.5",{"currency":"USD","amount":"1","vat":1},"new"]}', 2),
    ],
)
def test_unknown_fields_are_counted_at_any_depth_and_never_fatal(documents, body, unknown):
    documents.decode("order", body)
    documents.decode("orders", b"[" + body + b"]")
    assert documents.unknown_fields == 2 * unknown


def test_the_tag_of_a_union_is_a_known_field(documents):
    assert documents.decode("deal", b'{"e":"sold","cost":"1","price":"2"}') == Sold("1")
    assert documents.unknown_fields == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"fees":[]}', "`id`"),
        (b'{"id":1,"fees":[{"currency":1,"amount":"1"}]}', r"\$\.fees\[0\]\.currency"),
        (b'{"id":1,"row":["cheap",{"currency":"USD","amount":"1"}]}', r"\$\.row\[0\]"),
        (b'{"id":', "truncated"),
        (b"\xff", "order"),
    ],
)
def test_a_document_that_is_not_of_its_kind_names_the_field(documents, body, named):
    with pytest.raises(BadMessage, match=named):
        documents.decode("order", body)


def test_what_a_wrong_document_holds_is_not_shown_and_what_no_document_begins_with_is(documents):
    with pytest.raises(BadMessage) as wrong:
        documents.decode("order", b'{"id":"secret"}')
    assert "secret" not in str(wrong.value)
    with pytest.raises(BadMessage, match="502 Bad Gateway"):
        documents.decode("order", b"<html>502 Bad Gateway")
